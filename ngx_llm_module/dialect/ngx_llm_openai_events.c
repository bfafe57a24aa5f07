
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The stream for a client: what an event is as chunks.
 */


#include "ngx_llm_openai.h"


/* what a choice has seen */

#define NGX_LLM_OPENAI_CHOICE_ROLE      0x01
#define NGX_LLM_OPENAI_CHOICE_CALLS     0x02
#define NGX_LLM_OPENAI_CHOICE_FINISHED  0x04


typedef struct {
    ngx_uint_t    choice;
    ngx_uint_t    tool;
    unsigned      custom:1;
    unsigned      args:1;
} ngx_llm_openai_sent_t;


static ngx_int_t ngx_llm_openai_stream_init(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev);
static void ngx_llm_openai_open(ngx_llm_writer_t *w, ngx_uint_t choice,
    ngx_llm_out_t *out);
static void ngx_llm_openai_close(ngx_llm_writer_t *w, ngx_str_t *finish,
    ngx_llm_out_t *out);
static void ngx_llm_openai_end(ngx_llm_writer_t *w, ngx_llm_out_t *out);
static void ngx_llm_openai_role_chunk(ngx_llm_writer_t *w, ngx_uint_t choice,
    ngx_llm_out_t *out);
static void ngx_llm_openai_text_chunk(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev, ngx_llm_out_t *out);
static void ngx_llm_openai_thinking_chunk(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev, ngx_llm_out_t *out);
static void ngx_llm_openai_annotation_chunk(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev, ngx_llm_out_t *out);
static void ngx_llm_openai_logprobs_chunk(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev, ngx_llm_out_t *out);
static void ngx_llm_openai_line(ngx_llm_out_t *out, ngx_str_t *raw);
static void ngx_llm_openai_call_chunk(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev, ngx_llm_out_t *out);
static void ngx_llm_openai_args_chunk(ngx_llm_writer_t *w,
    ngx_llm_openai_sent_t *sent, ngx_str_t *text, ngx_llm_out_t *out);
static ngx_llm_openai_sent_t *ngx_llm_openai_sent(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev);
static void ngx_llm_openai_finish_chunk(ngx_llm_writer_t *w,
    ngx_uint_t choice, ngx_llm_finish_e finish, ngx_llm_out_t *out);
static void ngx_llm_openai_done_chunks(ngx_llm_writer_t *w,
    ngx_llm_out_t *out);


static ngx_str_t  ngx_llm_openai_no_args = ngx_string("{}");


void
ngx_llm_openai_write_event(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    ngx_llm_openai_sent_t    *sent;
    ngx_llm_openai_writer_t  *state;

    state = w->state;

    if (state->done || ev->choice >= NGX_LLM_OPENAI_MAX_CHOICES) {
        return;
    }

    if (ev->type == NGX_LLM_EVENT_ERROR) {
        state->done = 1;
        ngx_llm_openai_write_stream_error(ev->error, out);
        return;
    }

    if (state->head.data == NULL
        && ngx_llm_openai_stream_init(w, ev) != NGX_OK)
    {
        out->failed = 1;
        return;
    }

    switch (ev->type) {

    case NGX_LLM_EVENT_USAGE:
        state->usage = *ev->usage;
        state->has_usage = 1;
        return;

    case NGX_LLM_EVENT_PING:
        return;

    case NGX_LLM_EVENT_DONE:
        ngx_llm_openai_done_chunks(w, out);
        return;

    default:
        break;
    }

    ngx_llm_openai_role_chunk(w, ev->choice, out);

    switch (ev->type) {

    case NGX_LLM_EVENT_TEXT:
    case NGX_LLM_EVENT_REASONING:
    case NGX_LLM_EVENT_REFUSAL:
        ngx_llm_openai_text_chunk(w, ev, out);
        return;

    case NGX_LLM_EVENT_SIGNATURE:
    case NGX_LLM_EVENT_REDACTED:
        ngx_llm_openai_thinking_chunk(w, ev, out);
        return;

    case NGX_LLM_EVENT_ANNOTATION:
        ngx_llm_openai_annotation_chunk(w, ev, out);
        return;

    case NGX_LLM_EVENT_LOGPROBS:
        ngx_llm_openai_logprobs_chunk(w, ev, out);
        return;

    case NGX_LLM_EVENT_TOOL_START:
        ngx_llm_openai_call_chunk(w, ev, out);
        return;

    case NGX_LLM_EVENT_TOOL_ARGS:
        sent = ngx_llm_openai_sent(w, ev);

        if (sent && ev->text.len) {
            ngx_llm_openai_args_chunk(w, sent, &ev->text, out);
        }

        return;

    case NGX_LLM_EVENT_TOOL_END:
        sent = ngx_llm_openai_sent(w, ev);

        if (sent && !sent->args && !sent->custom) {

            /* a client that parses the arguments needs an object */

            ngx_llm_openai_args_chunk(w, sent, &ngx_llm_openai_no_args, out);
        }

        return;

    case NGX_LLM_EVENT_FINISH:
        ngx_llm_openai_finish_chunk(w, ev->choice, ev->finish, out);
        return;

    default: /* NGX_LLM_EVENT_START */
        return;
    }
}


/* what all chunks begin with */

static ngx_int_t
ngx_llm_openai_stream_init(ngx_llm_writer_t *w, ngx_llm_event_t *ev)
{
    ngx_llm_out_t             out;
    ngx_llm_openai_writer_t  *state;

    state = w->state;

    state->choices = ngx_pcalloc(w->pool, NGX_LLM_OPENAI_MAX_CHOICES);
    if (state->choices == NULL) {
        return NGX_ERROR;
    }

    ngx_llm_out_init(&out, w->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    ngx_llm_out_lit(&out, "data: {\"id\":");

    if (ev->type == NGX_LLM_EVENT_START && ev->id.len) {
        ngx_llm_out_quoted(&out, &ev->id);

    } else {
        ngx_llm_out_json_string(&out, &w->id);
    }

    ngx_llm_out_lit(&out, ",\"object\":\"chat.completion.chunk\","
                          "\"created\":");
    ngx_llm_out_int(&out, w->created);

    ngx_llm_out_lit(&out, ",\"model\":");
    ngx_llm_out_json_string(&out, &w->model);

    ngx_llm_out_lit(&out, ",\"choices\":[");

    if (out.failed) {
        return NGX_ERROR;
    }

    state->head.data = out.start;
    state->head.len = ngx_llm_out_len(&out);

    ngx_llm_usage_init(&state->usage);

    return NGX_OK;
}


/* up to the inside of "delta" */

static void
ngx_llm_openai_open(ngx_llm_writer_t *w, ngx_uint_t choice,
    ngx_llm_out_t *out)
{
    ngx_llm_openai_writer_t  *state;

    state = w->state;

    ngx_llm_out_str(out, &state->head);
    ngx_llm_out_lit(out, "{\"index\":");
    ngx_llm_out_int(out, choice);
    ngx_llm_out_lit(out, ",\"delta\":{");
}


static void
ngx_llm_openai_close(ngx_llm_writer_t *w, ngx_str_t *finish,
    ngx_llm_out_t *out)
{
    if (finish) {
        ngx_llm_out_lit(out, "},\"logprobs\":null,\"finish_reason\":");
        ngx_llm_out_quoted(out, finish);
        ngx_llm_out_char(out, '}');

    } else {
        ngx_llm_out_lit(out, "},\"logprobs\":null,\"finish_reason\":null}");
    }

    ngx_llm_openai_end(w, out);
}


/* behind the choices; who asks for usage gets the member in every chunk */

static void
ngx_llm_openai_end(ngx_llm_writer_t *w, ngx_llm_out_t *out)
{
    if (w->chat->include_usage) {
        ngx_llm_out_lit(out, "],\"usage\":null}\n\n");

    } else {
        ngx_llm_out_lit(out, "]}\n\n");
    }
}


static void
ngx_llm_openai_role_chunk(ngx_llm_writer_t *w, ngx_uint_t choice,
    ngx_llm_out_t *out)
{
    ngx_llm_openai_writer_t  *state;

    state = w->state;

    if (state->choices[choice] & NGX_LLM_OPENAI_CHOICE_ROLE) {
        return;
    }

    state->choices[choice] |= NGX_LLM_OPENAI_CHOICE_ROLE;

    ngx_llm_openai_open(w, choice, out);
    ngx_llm_out_lit(out, "\"role\":\"assistant\",\"content\":\"\"");
    ngx_llm_openai_close(w, NULL, out);
}


static void
ngx_llm_openai_text_chunk(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    ngx_str_t                 none;
    ngx_llm_openai_writer_t  *state;

    if (ev->text.len == 0 && ev->signature.len == 0) {
        return;
    }

    ngx_llm_openai_open(w, ev->choice, out);

    switch (ev->type) {

    case NGX_LLM_EVENT_TEXT:
        ngx_llm_out_lit(out, "\"content\":");
        ngx_llm_out_quoted(out, &ev->text);
        ngx_llm_openai_write_extra(&ev->signature, out);
        break;

    case NGX_LLM_EVENT_REFUSAL:
        ngx_llm_out_lit(out, "\"refusal\":");
        ngx_llm_out_quoted(out, &ev->text);
        break;

    default: /* NGX_LLM_EVENT_REASONING */

        /*
         * the second form is the one that is sent back; with its index a
         * client that adds up deltas gets whole blocks
         */

        ngx_str_null(&none);
        state = w->state;

        ngx_llm_out_lit(out, "\"reasoning_content\":");
        ngx_llm_out_quoted(out, &ev->text);

        ngx_llm_out_lit(out, ",\"thinking_blocks\":[");
        ngx_llm_openai_write_thinking(out, &state->block, &ev->text, &none);
        ngx_llm_out_char(out, ']');
        break;
    }

    ngx_llm_openai_close(w, NULL, out);
}


static void
ngx_llm_openai_thinking_chunk(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    ngx_str_t                 empty;
    ngx_llm_openai_writer_t  *state;

    state = w->state;

    ngx_llm_openai_open(w, ev->choice, out);
    ngx_llm_out_lit(out, "\"thinking_blocks\":[");

    if (ev->type == NGX_LLM_EVENT_REDACTED) {
        ngx_llm_openai_write_redacted(out, &state->block, &ev->text);

    } else {
        ngx_str_set(&empty, "");
        ngx_llm_openai_write_thinking(out, &state->block, &empty, &ev->text);
    }

    ngx_llm_out_char(out, ']');
    ngx_llm_openai_close(w, NULL, out);

    state->block++;
}


static void
ngx_llm_openai_annotation_chunk(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    if (ev->text.len == 0) {
        return;
    }

    ngx_llm_openai_open(w, ev->choice, out);

    if (ev->text.data[0] == '[') {
        ngx_llm_out_lit(out, "\"annotations\":");
        ngx_llm_openai_line(out, &ev->text);

    } else {
        ngx_llm_out_lit(out, "\"annotations\":[");
        ngx_llm_openai_line(out, &ev->text);
        ngx_llm_out_char(out, ']');
    }

    ngx_llm_openai_close(w, NULL, out);
}


static void
ngx_llm_openai_logprobs_chunk(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    if (ev->text.len == 0) {
        return;
    }

    ngx_llm_openai_open(w, ev->choice, out);
    ngx_llm_out_lit(out, "},\"logprobs\":");
    ngx_llm_openai_line(out, &ev->text);
    ngx_llm_out_lit(out, ",\"finish_reason\":null}");
    ngx_llm_openai_end(w, out);
}


/* raw JSON may have line ends between its tokens, a line of "data" must not */

static void
ngx_llm_openai_line(ngx_llm_out_t *out, ngx_str_t *raw)
{
    u_char  *p, *last, *begin;

    begin = raw->data;
    last = raw->data + raw->len;

    for (p = begin; p < last; p++) {
        if (*p == LF || *p == CR) {
            ngx_llm_out_data(out, begin, p - begin);
            ngx_llm_out_char(out, ' ');
            begin = p + 1;
        }
    }

    ngx_llm_out_data(out, begin, last - begin);
}


static void
ngx_llm_openai_call_chunk(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    ngx_llm_openai_sent_t    *sent;
    ngx_llm_openai_writer_t  *state;

    state = w->state;

    if (state->tools == NULL) {
        state->tools = ngx_array_create(w->pool, 4,
                                        sizeof(ngx_llm_openai_sent_t));
        if (state->tools == NULL) {
            out->failed = 1;
            return;
        }
    }

    if (state->tools->nelts == NGX_LLM_OPENAI_MAX_TOOLS) {
        return;
    }

    sent = ngx_array_push(state->tools);
    if (sent == NULL) {
        out->failed = 1;
        return;
    }

    ngx_memzero(sent, sizeof(ngx_llm_openai_sent_t));

    sent->choice = ev->choice;
    sent->tool = ev->tool;
    sent->custom = ev->custom;

    state->choices[ev->choice] |= NGX_LLM_OPENAI_CHOICE_CALLS;

    if (w->chat->legacy_functions) {

        /* there is room for one */

        if (ev->tool == 0) {
            ngx_llm_openai_open(w, ev->choice, out);
            ngx_llm_out_lit(out, "\"function_call\":{\"name\":");
            ngx_llm_out_quoted(out, &ev->name);
            ngx_llm_out_lit(out, ",\"arguments\":\"\"}");
            ngx_llm_openai_close(w, NULL, out);
        }

        return;
    }

    ngx_llm_openai_open(w, ev->choice, out);

    ngx_llm_out_lit(out, "\"tool_calls\":[{\"index\":");
    ngx_llm_out_int(out, ev->tool);
    ngx_llm_out_lit(out, ",\"id\":");
    ngx_llm_out_quoted(out, &ev->id);

    if (ev->custom) {
        ngx_llm_out_lit(out, ",\"type\":\"custom\",\"custom\":{\"name\":");
        ngx_llm_out_quoted(out, &ev->name);
        ngx_llm_out_lit(out, ",\"input\":\"\"}}]");

    } else {
        ngx_llm_out_lit(out, ",\"type\":\"function\","
                             "\"function\":{\"name\":");
        ngx_llm_out_quoted(out, &ev->name);
        ngx_llm_out_lit(out, ",\"arguments\":\"\"}");
        ngx_llm_openai_write_extra(&ev->signature, out);
        ngx_llm_out_lit(out, "}]");
    }

    ngx_llm_openai_close(w, NULL, out);
}


static void
ngx_llm_openai_args_chunk(ngx_llm_writer_t *w, ngx_llm_openai_sent_t *sent,
    ngx_str_t *text, ngx_llm_out_t *out)
{
    sent->args = 1;

    if (w->chat->legacy_functions) {

        if (sent->tool == 0) {
            ngx_llm_openai_open(w, sent->choice, out);
            ngx_llm_out_lit(out, "\"function_call\":{\"arguments\":");
            ngx_llm_out_quoted(out, text);
            ngx_llm_out_char(out, '}');
            ngx_llm_openai_close(w, NULL, out);
        }

        return;
    }

    ngx_llm_openai_open(w, sent->choice, out);

    ngx_llm_out_lit(out, "\"tool_calls\":[{\"index\":");
    ngx_llm_out_int(out, sent->tool);

    if (sent->custom) {
        ngx_llm_out_lit(out, ",\"custom\":{\"input\":");

    } else {
        ngx_llm_out_lit(out, ",\"function\":{\"arguments\":");
    }

    ngx_llm_out_quoted(out, text);
    ngx_llm_out_lit(out, "}}]");

    ngx_llm_openai_close(w, NULL, out);
}


static ngx_llm_openai_sent_t *
ngx_llm_openai_sent(ngx_llm_writer_t *w, ngx_llm_event_t *ev)
{
    ngx_uint_t                i;
    ngx_llm_openai_sent_t    *sent;
    ngx_llm_openai_writer_t  *state;

    state = w->state;

    if (state->tools == NULL) {
        return NULL;
    }

    sent = state->tools->elts;

    for (i = state->tools->nelts; i-- > 0; /* void */) {
        if (sent[i].choice == ev->choice && sent[i].tool == ev->tool) {
            return &sent[i];
        }
    }

    return NULL;
}


static void
ngx_llm_openai_finish_chunk(ngx_llm_writer_t *w, ngx_uint_t choice,
    ngx_llm_finish_e finish, ngx_llm_out_t *out)
{
    ngx_llm_openai_writer_t  *state;

    state = w->state;

    if (state->choices[choice] & NGX_LLM_OPENAI_CHOICE_FINISHED) {
        return;
    }

    state->choices[choice] |= NGX_LLM_OPENAI_CHOICE_FINISHED;

    if (finish == NGX_LLM_FINISH_NONE
        && (state->choices[choice] & NGX_LLM_OPENAI_CHOICE_CALLS))
    {
        finish = NGX_LLM_FINISH_TOOL_CALLS;
    }

    ngx_llm_openai_open(w, choice, out);
    ngx_llm_openai_close(w, ngx_llm_openai_finish_word(w->chat, finish), out);
}


static void
ngx_llm_openai_done_chunks(ngx_llm_writer_t *w, ngx_llm_out_t *out)
{
    ngx_uint_t                i;
    ngx_llm_openai_writer_t  *state;

    state = w->state;

    /* strict clients want a reason even if the provider gave none */

    for (i = 0; i < NGX_LLM_OPENAI_MAX_CHOICES; i++) {
        if (state->choices[i] & NGX_LLM_OPENAI_CHOICE_ROLE) {
            ngx_llm_openai_finish_chunk(w, i, NGX_LLM_FINISH_NONE, out);
        }
    }

    if (w->chat->include_usage && state->has_usage) {
        ngx_llm_out_str(out, &state->head);
        ngx_llm_out_lit(out, "],\"usage\":");
        ngx_llm_openai_write_usage(&state->usage, out);
        ngx_llm_out_lit(out, "}\n\n");
    }

    ngx_llm_out_lit(out, "data: [DONE]\n\n");

    state->done = 1;
}
