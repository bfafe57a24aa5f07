
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * OpenAI's older API, POST /completions: a text that goes on.  Providers of
 * OpenAI's dialect serve it as it is; for all others the prompt is the one
 * message of a chat, and what a chat cannot say is refused.
 */


#include "ngx_llm_calls.h"
#include "ngx_llm_openai.h"
#include "ngx_llm_request.h"


/* the API's own default */
#define NGX_LLM_COMPLETIONS_TOKENS   16

#define NGX_LLM_COMPLETIONS_CHOICES  128


typedef struct {
    unsigned         started:1;
    unsigned         finished:1;
} ngx_llm_completions_reader_t;


typedef struct {
    ngx_llm_usage_t  usage;
    ngx_str_t        id;
    unsigned         has_usage:1;
    unsigned         done:1;
} ngx_llm_completions_writer_t;


static ngx_int_t ngx_llm_completions_read_request(ngx_llm_chat_t *chat,
    ngx_llm_error_t *err);
static ngx_int_t ngx_llm_completions_prompt(ngx_llm_chat_t *chat,
    ngx_llm_error_t *err);
static ngx_int_t ngx_llm_completions_member(ngx_llm_chat_t *chat,
    ngx_llm_json_t *node, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_completions_stop(ngx_llm_chat_t *chat,
    ngx_llm_json_t *node, ngx_llm_error_t *err);
static void ngx_llm_completions_write_response(ngx_llm_writer_t *w,
    ngx_llm_response_t *res, ngx_llm_out_t *out);
static void ngx_llm_completions_write_event(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev, ngx_llm_out_t *out);
static void ngx_llm_completions_chunk(ngx_llm_writer_t *w,
    ngx_uint_t choice, ngx_str_t *text, ngx_str_t *finish,
    ngx_llm_out_t *out);
static void ngx_llm_completions_head(ngx_llm_writer_t *w, ngx_str_t *id,
    time_t created, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_completions_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_completions_edit_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_completions_limit(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits);
static void ngx_llm_completions_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_completions_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_completions_read_response(ngx_str_t *text,
    ngx_llm_response_t *res, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_completions_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
static ngx_int_t ngx_llm_completions_choices(ngx_llm_reader_t *reader,
    ngx_llm_json_t *choices);
static ngx_int_t ngx_llm_completions_done(ngx_llm_reader_t *reader);
static ngx_int_t ngx_llm_completions_read_end(ngx_llm_reader_t *reader);


const ngx_llm_dialect_t  ngx_llm_completions = {
    ngx_string("completions"),
    NGX_LLM_DIALECT_SSE,
    sizeof(ngx_llm_completions_reader_t),
    sizeof(ngx_llm_completions_writer_t),
    ngx_string("/v1"),

    ngx_llm_completions_read_request,
    ngx_llm_completions_write_response,
    ngx_llm_completions_write_event,
    ngx_llm_openai_write_error,
    ngx_llm_openai_write_stream_error,

    ngx_llm_completions_write_request,
    ngx_llm_completions_edit_request,
    ngx_llm_completions_write_path,
    ngx_llm_completions_write_headers,
    ngx_llm_completions_read_response,
    ngx_llm_completions_read_frame,
    ngx_llm_completions_read_end,
    ngx_llm_openai_read_error,

    NULL,
    ngx_null_string,
    NULL,

    NULL,
    NULL,
    &ngx_llm_openai
};


static ngx_int_t
ngx_llm_completions_read_request(ngx_llm_chat_t *chat, ngx_llm_error_t *err)
{
    ngx_int_t        rc;
    ngx_llm_json_t  *node;

    chat->lazy = 0;

    rc = ngx_llm_openai_read_call(chat, 1, err);
    if (rc != NGX_OK) {
        return rc;
    }

    chat->dialect = &ngx_llm_completions;

    for (node = chat->root->child; node; node = node->next) {

        if (node->type == NGX_LLM_JSON_NULL) {
            continue;
        }

        rc = ngx_llm_completions_member(chat, node, err);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_llm_completions_prompt(chat, err);
}


static ngx_int_t
ngx_llm_completions_prompt(ngx_llm_chat_t *chat, ngx_llm_error_t *err)
{
    ngx_str_t           none;
    ngx_llm_json_t     *node, *prompt;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *message;

    prompt = ngx_llm_json_set(chat->root, "prompt");

    message = ngx_llm_chat_add_message(chat, NGX_LLM_ROLE_USER, NULL);
    if (message == NULL) {
        return NGX_ERROR;
    }

    node = prompt;

    if (prompt && prompt->type == NGX_LLM_JSON_ARRAY) {

        node = prompt->child;

        if (node == NULL || node->next || node->type != NGX_LLM_JSON_STRING) {

            /* several, or token ids: only who has the API can tell */

            chat->param[NGX_LLM_PARAM_PROMPT] = prompt;
        }

        if (node && node->type == NGX_LLM_JSON_NUMBER) {
            node = prompt;
        }

    } else if (prompt && prompt->type != NGX_LLM_JSON_STRING) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "prompt", "\"prompt\" must be a string, a "
                             "list of strings, or token ids");
    }

    do {
        part = ngx_llm_chat_add_part(chat->pool, &message->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            return NGX_ERROR;
        }

        ngx_str_set(&none, "");

        if (node == NULL) {
            part->text = none;
            break;
        }

        part->text = (node->type == NGX_LLM_JSON_STRING)
                     ? ngx_llm_json_text(node) : node->raw;

        node = (node == prompt) ? NULL : node->next;

    } while (node);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_completions_member(ngx_llm_chat_t *chat, ngx_llm_json_t *node,
    ngx_llm_error_t *err)
{
    int64_t     n;
    ngx_uint_t  id;

#define ngx_llm_completions_is(s)                                            \
    (node->key.len == sizeof(s) - 1                                          \
     && ngx_memcmp(node->key.data, s, sizeof(s) - 1) == 0)

    if (ngx_llm_completions_is("model") || ngx_llm_completions_is("prompt")
        || ngx_llm_completions_is("stream")
        || ngx_llm_completions_is("user"))
    {
        return NGX_OK;
    }

    if (ngx_llm_completions_is("max_tokens")) {

        if (ngx_llm_json_int(node, &chat->max_tokens) == NGX_OK
            && chat->max_tokens >= 0)
        {
            return NGX_OK;
        }

        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "max_tokens",
                             "\"max_tokens\" must be an integer");
    }

    if (ngx_llm_completions_is("stop")) {
        return ngx_llm_completions_stop(chat, node, err);
    }

    if (ngx_llm_completions_is("stream_options")) {
        chat->include_usage = ngx_llm_json_true(node, "include_usage");
        return NGX_OK;
    }

    id = ngx_llm_param_find(&node->key);

    if (id == NGX_LLM_PARAM_N || id == NGX_LLM_PARAM_BEST_OF) {

        if (ngx_llm_json_int(node, &n) != NGX_OK
            || n < 1 || n > NGX_LLM_COMPLETIONS_CHOICES)
        {
            return ngx_llm_error(chat->pool, err, 400,
                                 "invalid_request_error", NULL,
                                 (char *) ngx_llm_param_name(id)->data,
                                 "\"%V\" must be an integer from 1 to %d",
                                 &node->key, NGX_LLM_COMPLETIONS_CHOICES);
        }
    }

    if (id < NGX_LLM_PARAMS) {
        chat->param[id] = node;
        return NGX_OK;
    }

    return ngx_llm_chat_unknown(chat, node);
}


static ngx_int_t
ngx_llm_completions_stop(ngx_llm_chat_t *chat, ngx_llm_json_t *node,
    ngx_llm_error_t *err)
{
    ngx_str_t   *s;
    ngx_uint_t   list;

    list = (node->type == NGX_LLM_JSON_ARRAY);

    for (node = list ? node->child : node;
         node;
         node = list ? node->next : NULL)
    {
        if (node->type != NGX_LLM_JSON_STRING) {
            return ngx_llm_error(chat->pool, err, 400,
                                 "invalid_request_error", NULL, "stop",
                                 "\"stop\" must be a string or a list of "
                                 "strings");
        }

        if (chat->stop == NULL) {
            chat->stop = ngx_array_create(chat->pool, 4, sizeof(ngx_str_t));
            if (chat->stop == NULL) {
                return NGX_ERROR;
            }
        }

        s = ngx_array_push(chat->stop);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = ngx_llm_json_text(node);
    }

    return NGX_OK;
}


static void
ngx_llm_completions_head(ngx_llm_writer_t *w, ngx_str_t *id, time_t created,
    ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "{\"id\":");

    if (id->len) {
        ngx_llm_out_quoted(out, id);

    } else {
        ngx_llm_out_json_string(out, &w->id);
    }

    ngx_llm_out_lit(out, ",\"object\":\"text_completion\",\"created\":");
    ngx_llm_out_int(out, created);
    ngx_llm_out_lit(out, ",\"model\":");
    ngx_llm_out_json_string(out, &w->model);
    ngx_llm_out_lit(out, ",\"choices\":[");
}


static void
ngx_llm_completions_write_response(ngx_llm_writer_t *w,
    ngx_llm_response_t *res, ngx_llm_out_t *out)
{
    ngx_uint_t         i;
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice;

    ngx_llm_completions_head(w, &res->id, res->created ? res->created
                                                       : w->created, out);

    choice = res->choices.elts;

    for (i = 0; i < res->choices.nelts; i++) {

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_lit(out, "{\"text\":\"");

        for (part = choice[i].parts; part; part = part->next) {
            if (part->type == NGX_LLM_PART_TEXT
                || part->type == NGX_LLM_PART_REFUSAL)
            {
                ngx_llm_out_str(out, &part->text);
            }
        }

        ngx_llm_out_lit(out, "\",\"index\":");
        ngx_llm_out_int(out, i);
        ngx_llm_out_lit(out, ",\"logprobs\":null,\"finish_reason\":\"");
        ngx_llm_out_str(out, ngx_llm_openai_finish_word(w->chat,
                                                        choice[i].finish));
        ngx_llm_out_lit(out, "\"}");
    }

    ngx_llm_out_char(out, ']');

    if (res->usage.prompt >= 0 || res->usage.completion >= 0) {
        ngx_llm_out_lit(out, ",\"usage\":");
        ngx_llm_openai_write_usage(&res->usage, out);
    }

    ngx_llm_out_char(out, '}');
}


static void
ngx_llm_completions_write_event(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    ngx_str_t                      none;
    ngx_llm_completions_writer_t  *state;

    state = w->state;

    if (state->done) {
        return;
    }

    ngx_str_null(&none);

    switch (ev->type) {

    case NGX_LLM_EVENT_START:

        if (ev->id.len) {
            state->id.data = ngx_pstrdup(w->pool, &ev->id);
            state->id.len = state->id.data ? ev->id.len : 0;
        }

        return;

    case NGX_LLM_EVENT_TEXT:
    case NGX_LLM_EVENT_REFUSAL:
        ngx_llm_completions_chunk(w, ev->choice, &ev->text, NULL, out);
        return;

    case NGX_LLM_EVENT_FINISH:
        ngx_llm_completions_chunk(w, ev->choice, &none,
                                  ngx_llm_openai_finish_word(w->chat,
                                                             ev->finish),
                                  out);
        return;

    case NGX_LLM_EVENT_USAGE:
        state->usage = *ev->usage;
        state->has_usage = 1;
        return;

    case NGX_LLM_EVENT_ERROR:
        state->done = 1;
        ngx_llm_openai_write_stream_error(ev->error, out);
        return;

    case NGX_LLM_EVENT_DONE:
        state->done = 1;

        if (w->chat->include_usage && state->has_usage) {
            ngx_llm_out_lit(out, "data: ");
            ngx_llm_completions_head(w, &state->id, w->created, out);
            ngx_llm_out_lit(out, "],\"usage\":");
            ngx_llm_openai_write_usage(&state->usage, out);
            ngx_llm_out_lit(out, "}\n\n");
        }

        ngx_llm_out_lit(out, "data: [DONE]\n\n");
        return;

    default:
        return;
    }
}


static void
ngx_llm_completions_chunk(ngx_llm_writer_t *w, ngx_uint_t choice,
    ngx_str_t *text, ngx_str_t *finish, ngx_llm_out_t *out)
{
    ngx_llm_completions_writer_t  *state;

    state = w->state;

    ngx_llm_out_lit(out, "data: ");
    ngx_llm_completions_head(w, &state->id, w->created, out);
    ngx_llm_out_lit(out, "{\"text\":");
    ngx_llm_out_quoted(out, text);
    ngx_llm_out_lit(out, ",\"index\":");
    ngx_llm_out_int(out, choice);
    ngx_llm_out_lit(out, ",\"logprobs\":null,\"finish_reason\":");

    if (finish) {
        ngx_llm_out_quoted(out, finish);

    } else {
        ngx_llm_out_lit(out, "null");
    }

    ngx_llm_out_lit(out, "}]}\n\n");
}


/* there is no other way to it than from a client of the same */

static ngx_int_t
ngx_llm_completions_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                         "unsupported_endpoint", NULL,
                         "the provider \"%V\" takes no chats here",
                         &target->provider);
}


static ngx_int_t
ngx_llm_completions_edit_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits, ngx_llm_error_t *err)
{
    if (ngx_llm_openai_edit_usage(chat, target, edits) != NGX_OK
        || ngx_llm_completions_limit(chat, target, edits) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what was dropped has been named */

    return ngx_llm_call_edit(chat, target, ngx_llm_completions_params, 0,
                             edits);
}


/*
 * What the client or the configuration says, and at most the cap, which is
 * among the latter where it is set at all; nobody's word is the API's default.
 */

static ngx_int_t
ngx_llm_completions_limit(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *edits)
{
    int64_t          limit, n;
    ngx_str_t        text;
    ngx_uint_t       i;
    ngx_llm_out_t    out;
    ngx_llm_set_t   *set;
    ngx_llm_json_t  *node;

    limit = chat->max_tokens;
    set = target->sets ? target->sets->elts : NULL;

    for (i = 0; set && i < target->sets->nelts; i++) {

        if (set[i].neutral && ngx_llm_request_limit(&set[i])
            && (set[i].force || limit < 0)
            && ngx_llm_json_int(set[i].node, &n) == NGX_OK
            && (limit >= 0 || n != target->cap
                || n < NGX_LLM_COMPLETIONS_TOKENS))
        {
            limit = n;
        }
    }

    if (limit == chat->max_tokens) {
        return NGX_OK;
    }

    node = ngx_llm_json_get(chat->root, "max_tokens");

    ngx_llm_out_init(&out, chat->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    if (node == NULL) {
        ngx_llm_out_lit(&out, "\"max_tokens\":");
    }

    ngx_llm_out_int(&out, limit);

    if (node == NULL) {
        ngx_llm_out_char(&out, ',');
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    if (out.failed) {
        return NGX_ERROR;
    }

    if (node) {
        return ngx_llm_edit_add(edits, node->raw.data, node->raw.len, &text);
    }

    return ngx_llm_edit_add(edits, chat->root->raw.data + 1, 0, &text);
}


static void
ngx_llm_completions_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_str_set(&target->path, "/completions");

    ngx_llm_openai.write_path(chat, target, out);
}


static void
ngx_llm_completions_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    ngx_llm_openai.write_headers(chat, target, out);
}


static ngx_int_t
ngx_llm_completions_read_response(ngx_str_t *text, ngx_llm_response_t *res,
    ngx_llm_error_t *err)
{
    ngx_uint_t         n;
    ngx_llm_json_t    *root, *node;
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice;

    root = ngx_llm_json_parse(res->pool, text, NULL);

    if (root && ngx_llm_openai_error_member(root)) {
        ngx_llm_openai_error_node(res->pool, 200, root, err);
        return NGX_DECLINED;
    }

    node = ngx_llm_json_set(root, "choices");

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY
        || node->child == NULL)
    {
        (void) ngx_llm_error(res->pool, err, 502, "server_error",
                             "invalid_response", NULL,
                             "provider sent an answer without choices");
        err->fail = NGX_LLM_FAIL_INVALID;
        return NGX_DECLINED;
    }

    res->id = ngx_llm_json_str(root, "id");
    res->model = ngx_llm_json_str(root, "model");
    res->created = ngx_llm_json_count(root, "created", 0);

    n = 0;

    for (node = node->child; node; node = node->next) {

        if (n++ == NGX_LLM_COMPLETIONS_CHOICES) {
            break;
        }

        choice = ngx_array_push(&res->choices);
        if (choice == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(choice, sizeof(ngx_llm_choice_t));

        part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = ngx_llm_json_str(node, "text");

        choice->finish = ngx_llm_openai_finish(ngx_llm_json_get(node,
                                                          "finish_reason"));
    }

    (void) ngx_llm_openai_usage(ngx_llm_json_get(root, "usage"), &res->usage);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_completions_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame)
{
    ngx_str_t                      text;
    ngx_llm_event_t                ev;
    ngx_llm_error_t                err;
    ngx_llm_json_t                *root, *choices;
    ngx_llm_usage_t                usage;
    ngx_llm_completions_reader_t  *state;

    state = reader->state;
    reader->hidden = 0;
    text = frame->data;

    if (reader->done || reader->failed) {
        return NGX_OK;
    }

    (void) ngx_llm_openai_bare(frame, &text);

    if (text.len == 0) {
        return NGX_OK;
    }

    if (text.len >= sizeof("[DONE]") - 1
        && ngx_strncmp(text.data, "[DONE]", sizeof("[DONE]") - 1) == 0)
    {
        return ngx_llm_completions_done(reader);
    }

    root = ngx_llm_json_parse(reader->scratch, &text, NULL);

    if (root == NULL || root->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_openai_invalid(reader, "a chunk is no JSON object");
    }

    if (ngx_llm_openai_error_member(root)) {
        ngx_llm_openai_error_node(reader->scratch, 200, root, &err);

        reader->failed = 1;

        ngx_llm_openai_event(&ev, NGX_LLM_EVENT_ERROR, 0);
        ev.error = &err;

        return reader->handler(reader->data, &ev);
    }

    if (!state->started) {
        state->started = 1;

        ngx_llm_openai_event(&ev, NGX_LLM_EVENT_START, 0);

        ev.id = ngx_llm_json_str(root, "id");
        ev.model = ngx_llm_json_str(root, "model");

        if (reader->handler(reader->data, &ev) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    choices = ngx_llm_json_set(root, "choices");

    if (ngx_llm_completions_choices(reader, choices) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_llm_openai_usage(ngx_llm_json_get(root, "usage"), &usage)
        != NGX_OK)
    {
        return NGX_OK;
    }

    reader->usage = usage;
    reader->hidden = (choices && choices->child == NULL);

    ngx_llm_openai_event(&ev, NGX_LLM_EVENT_USAGE, 0);
    ev.usage = &reader->usage;

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_completions_choices(ngx_llm_reader_t *reader,
    ngx_llm_json_t *choices)
{
    int64_t                        n;
    ngx_llm_json_t                *node, *finish;
    ngx_llm_event_t                ev;
    ngx_llm_completions_reader_t  *state;

    state = reader->state;

    if (choices == NULL || choices->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    for (node = choices->child; node; node = node->next) {

        n = ngx_llm_json_count(node, "index", 0);

        if (n >= NGX_LLM_COMPLETIONS_CHOICES) {
            continue;
        }

        ngx_llm_openai_event(&ev, NGX_LLM_EVENT_TEXT, (ngx_uint_t) n);
        ev.text = ngx_llm_json_str(node, "text");

        if (ev.text.len && reader->handler(reader->data, &ev) != NGX_OK) {
            return NGX_ERROR;
        }

        finish = ngx_llm_json_set(node, "finish_reason");

        if (finish == NULL) {
            continue;
        }

        state->finished = 1;

        ngx_llm_openai_event(&ev, NGX_LLM_EVENT_FINISH, (ngx_uint_t) n);
        ev.finish = ngx_llm_openai_finish(finish);

        if (n == 0) {
            reader->finish = ev.finish;
        }

        if (reader->handler(reader->data, &ev) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_completions_done(ngx_llm_reader_t *reader)
{
    ngx_llm_event_t  ev;

    reader->done = 1;

    ngx_llm_openai_event(&ev, NGX_LLM_EVENT_DONE, 0);

    return reader->handler(reader->data, &ev);
}


/* some servers have no end mark */

static ngx_int_t
ngx_llm_completions_read_end(ngx_llm_reader_t *reader)
{
    ngx_llm_completions_reader_t  *state;

    state = reader->state;

    if (reader->done || reader->failed || !state->finished) {
        return NGX_OK;
    }

    return ngx_llm_completions_done(reader);
}
