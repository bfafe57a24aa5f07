
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A provider's stream, event by event.
 */


#include "ngx_llm_cohere.h"


typedef ngx_int_t (*ngx_llm_cohere_event_pt)(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);


typedef struct {
    char                     *name;
    ngx_llm_cohere_event_pt   handler;
} ngx_llm_cohere_event_t;


static ngx_int_t ngx_llm_cohere_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_cohere_content_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_cohere_content_delta(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_cohere_plan(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_cohere_call_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_cohere_call_delta(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_cohere_call_end(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_cohere_citation_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_cohere_end(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);

static ngx_llm_json_t *ngx_llm_cohere_message(ngx_llm_json_t *root);
static ngx_llm_json_t *ngx_llm_cohere_call(ngx_llm_json_t *root);
static ngx_int_t ngx_llm_cohere_began(ngx_llm_reader_t *reader,
    ngx_str_t *id);
static ngx_int_t ngx_llm_cohere_text(ngx_llm_reader_t *reader,
    ngx_str_t *text);
static ngx_int_t ngx_llm_cohere_args(ngx_llm_reader_t *reader,
    ngx_str_t *text);
static ngx_int_t ngx_llm_cohere_close(ngx_llm_reader_t *reader);


static const ngx_llm_cohere_event_t  ngx_llm_cohere_events[] = {
    { "content-delta", ngx_llm_cohere_content_delta },
    { "tool-call-delta", ngx_llm_cohere_call_delta },
    { "message-start", ngx_llm_cohere_start },
    { "content-start", ngx_llm_cohere_content_start },
    { "tool-plan-delta", ngx_llm_cohere_plan },
    { "tool-call-start", ngx_llm_cohere_call_start },
    { "tool-call-end", ngx_llm_cohere_call_end },
    { "citation-start", ngx_llm_cohere_citation_start },
    { "message-end", ngx_llm_cohere_end },
    { NULL, NULL }
};


static u_char  ngx_llm_cohere_null[] = "null";


ngx_int_t
ngx_llm_cohere_read_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_str_t                      message, none, type;
    ngx_llm_json_t                *root;
    ngx_llm_error_t                err;
    const ngx_llm_cohere_event_t  *e;

    if (frame->data.len == 0
        || ngx_llm_json_is(&frame->data, "[DONE]"))
    {
        /* the last event has been, or is missing */

        return NGX_OK;
    }

    root = ngx_llm_json_parse(reader->scratch, &frame->data, NULL);

    if (root == NULL || root->type != NGX_LLM_JSON_OBJECT) {

        return ngx_llm_event_cut(frame) ? NGX_OK
                                        : ngx_llm_event_invalid(reader);
    }

    type = ngx_llm_json_str(root, "type");

    if (type.len == 0) {
        type = frame->name;
    }

    for (e = ngx_llm_cohere_events; e->name; e++) {

        if (!ngx_llm_json_is(&type, e->name)) {
            continue;
        }

        ngx_str_null(&none);

        if (e->handler != ngx_llm_cohere_start
            && ngx_llm_cohere_began(reader, &none) != NGX_OK)
        {
            return NGX_ERROR;
        }

        return e->handler(reader, root);
    }

    /* an error in its usual shape */

    message = ngx_llm_json_str(root, "message");

    if (type.len == 0 && message.len) {

        ngx_str_set(&type, "ERROR");

        if (ngx_llm_cohere_broken(reader->scratch, &type, &message, &err)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        return ngx_llm_event_error(reader, &err);
    }

    return NGX_OK;
}


/* there is an event for the end: without it the answer is cut */

ngx_int_t
ngx_llm_cohere_read_end(ngx_llm_reader_t *reader)
{
    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_start(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_str_t  id;

    id = ngx_llm_json_str(root, "id");

    return ngx_llm_cohere_began(reader, &id);
}


static ngx_int_t
ngx_llm_cohere_began(ngx_llm_reader_t *reader, ngx_str_t *id)
{
    ngx_llm_event_t           ev;
    ngx_llm_cohere_reader_t  *state;

    state = reader->state;

    if (state->started) {
        return NGX_OK;
    }

    state->started = 1;
    state->hash = ngx_llm_answer_hash(id);

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_START;
    ev.id = *id;

    return reader->handler(reader->data, &ev);
}


static ngx_llm_json_t *
ngx_llm_cohere_message(ngx_llm_json_t *root)
{
    return ngx_llm_json_get(ngx_llm_json_get(root, "delta"), "message");
}


static ngx_int_t
ngx_llm_cohere_content_start(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_llm_cohere_reader_t  *state;

    state = reader->state;

    ngx_llm_cohere_place(&state->places,
                         ngx_llm_json_count(root, "index", -1));

    return ngx_llm_cohere_content_delta(reader, root);
}


static ngx_int_t
ngx_llm_cohere_content_delta(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_str_t        text;
    ngx_llm_json_t  *content, *message;

    message = ngx_llm_cohere_message(root);
    content = ngx_llm_json_get(message, "content");

    text = ngx_llm_json_str(content, "thinking");

    if (ngx_llm_event_text(reader, NGX_LLM_EVENT_REASONING, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    text = ngx_llm_json_str(content, "text");

    if (ngx_llm_cohere_text(reader, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_llm_cohere_logprobs(reader->scratch,
                                ngx_llm_json_get(root, "logprobs"), &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_event_text(reader, NGX_LLM_EVENT_LOGPROBS, &text);
}


static ngx_int_t
ngx_llm_cohere_plan(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_str_t  text;

    text = ngx_llm_json_str(ngx_llm_cohere_message(root), "tool_plan");

    return ngx_llm_cohere_text(reader, &text);
}


static ngx_int_t
ngx_llm_cohere_text(ngx_llm_reader_t *reader, ngx_str_t *text)
{
    ngx_llm_cohere_reader_t  *state;

    state = reader->state;
    state->places.chars += ngx_llm_answer_chars(text);

    return ngx_llm_event_text(reader, NGX_LLM_EVENT_TEXT, text);
}


/* an object, and nowhere an array of them; but who knows */

static ngx_llm_json_t *
ngx_llm_cohere_call(ngx_llm_json_t *root)
{
    ngx_llm_json_t  *node;

    node = ngx_llm_json_get(ngx_llm_cohere_message(root), "tool_calls");

    if (node && node->type == NGX_LLM_JSON_ARRAY) {
        node = node->child;
    }

    return node;
}


static ngx_int_t
ngx_llm_cohere_call_start(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_str_t                 id, name, text;
    ngx_llm_json_t           *call, *function;
    ngx_llm_cohere_reader_t  *state;

    state = reader->state;

    /* the end of the one before may be missing */

    if (ngx_llm_cohere_close(reader) != NGX_OK) {
        return NGX_ERROR;
    }

    call = ngx_llm_cohere_call(root);
    function = ngx_llm_json_get(call, "function");

    id = ngx_llm_json_str(call, "id");
    name = ngx_llm_json_str(function, "name");

    if (name.len == 0 || state->ntools == NGX_LLM_MAX_CALLS) {
        return NGX_OK;
    }

    if (id.len == 0
        && ngx_llm_answer_id(reader->scratch, state->hash, state->ntools, &id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    state->open = 1;
    state->args = 0;
    state->held = 0;
    state->ntools++;

    if (ngx_llm_event_call(reader, state->ntools - 1, &id, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    text = ngx_llm_json_str(function, "arguments");

    return ngx_llm_cohere_args(reader, &text);
}


static ngx_int_t
ngx_llm_cohere_call_delta(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_str_t                 text;
    ngx_llm_json_t           *function;
    ngx_llm_cohere_reader_t  *state;

    state = reader->state;

    if (!state->open) {
        return NGX_OK;
    }

    function = ngx_llm_json_get(ngx_llm_cohere_call(root), "function");
    text = ngx_llm_json_str(function, "arguments");

    return ngx_llm_cohere_args(reader, &text);
}


/*
 * Arguments that are "null" in all stand for none: as long as it may be that,
 * a piece is held back.
 */

static ngx_int_t
ngx_llm_cohere_args(ngx_llm_reader_t *reader, ngx_str_t *text)
{
    ngx_str_t                 held;
    ngx_llm_cohere_reader_t  *state;

    state = reader->state;

    if (text->len == 0) {
        return NGX_OK;
    }

    if (!state->args
        && text->len <= sizeof(ngx_llm_cohere_null) - 1 - state->held
        && ngx_memcmp(text->data, ngx_llm_cohere_null + state->held,
                      text->len)
           == 0)
    {
        state->held += text->len;
        return NGX_OK;
    }

    if (state->held) {
        held.data = ngx_llm_cohere_null;
        held.len = state->held;

        state->held = 0;

        if (ngx_llm_event_args(reader, state->ntools - 1, &held) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    state->args = 1;

    return ngx_llm_event_args(reader, state->ntools - 1, text);
}


static ngx_int_t
ngx_llm_cohere_call_end(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    return ngx_llm_cohere_close(reader);
}


static ngx_int_t
ngx_llm_cohere_close(ngx_llm_reader_t *reader)
{
    ngx_str_t                 text;
    ngx_llm_cohere_reader_t  *state;

    state = reader->state;

    if (!state->open) {
        return NGX_OK;
    }

    state->open = 0;

    if (!state->args) {

        ngx_str_set(&text, "{}");

        if (state->held && state->held < sizeof(ngx_llm_cohere_null) - 1) {
            text.data = ngx_llm_cohere_null;
            text.len = state->held;
        }

        if (ngx_llm_event_args(reader, state->ntools - 1, &text) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_llm_event_call_end(reader, state->ntools - 1);
}


static ngx_int_t
ngx_llm_cohere_citation_start(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_str_t                 raw;
    ngx_llm_json_t           *node;
    ngx_llm_cohere_reader_t  *state;

    state = reader->state;
    node = ngx_llm_json_get(ngx_llm_cohere_message(root), "citations");

    if (ngx_llm_cohere_citations(reader->scratch, &state->places, node, &raw)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_event_text(reader, NGX_LLM_EVENT_ANNOTATION, &raw);
}


static ngx_int_t
ngx_llm_cohere_end(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_str_t                 message, reason;
    ngx_uint_t                broken;
    ngx_llm_json_t           *delta;
    ngx_llm_error_t           err;
    ngx_llm_finish_e          finish;
    ngx_llm_cohere_reader_t  *state;

    state = reader->state;
    delta = ngx_llm_json_get(root, "delta");

    ngx_llm_cohere_usage(ngx_llm_json_get(delta, "usage"), &reader->usage);

    if (ngx_llm_event_usage(reader) != NGX_OK) {
        return NGX_ERROR;
    }

    reason = ngx_llm_json_str(delta, "finish_reason");
    message = ngx_llm_json_str(delta, "error");

    finish = ngx_llm_cohere_finish(&reason, state->ntools, &broken);

    if (broken || (reason.len == 0 && message.len)) {

        if (reason.len == 0) {
            ngx_str_set(&reason, "ERROR");
        }

        if (ngx_llm_cohere_broken(reader->scratch, &reason, &message, &err)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        return ngx_llm_event_error(reader, &err);
    }

    /* arguments are whole unless the answer was cut within them */

    if (finish != NGX_LLM_FINISH_LENGTH
        && ngx_llm_cohere_close(reader) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (finish == NGX_LLM_FINISH_NONE) {
        finish = state->ntools ? NGX_LLM_FINISH_TOOL_CALLS
                               : NGX_LLM_FINISH_STOP;
    }

    if (ngx_llm_event_finish(reader, finish) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_llm_event_done(reader);
}
