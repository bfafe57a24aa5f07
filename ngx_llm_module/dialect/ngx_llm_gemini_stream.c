
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A provider's stream.  Each event is an answer in the form of a whole one;
 * texts are pieces, calls are whole, counts are totals so far.  There is no
 * mark of the end.
 */


#include "ngx_llm_gemini.h"
#include "ngx_llm_events.h"


typedef struct {
    ngx_llm_reader_t         *reader;
    ngx_llm_gemini_choice_t  *choice;
    ngx_uint_t                n;
} ngx_llm_gemini_listener_t;


static ngx_llm_json_t *ngx_llm_gemini_parse(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
static ngx_int_t ngx_llm_gemini_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root, ngx_llm_frame_t *frame);
static ngx_int_t ngx_llm_gemini_candidates(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_gemini_candidate(ngx_llm_reader_t *reader,
    ngx_llm_json_t *candidate, ngx_uint_t n);
static ngx_int_t ngx_llm_gemini_extras(ngx_llm_reader_t *reader,
    ngx_llm_json_t *candidate, ngx_uint_t n);
static ngx_int_t ngx_llm_gemini_stop(ngx_llm_reader_t *reader,
    ngx_llm_json_t *candidate, ngx_uint_t n);
static ngx_int_t ngx_llm_gemini_tell_text(void *data, ngx_llm_event_e type,
    ngx_str_t *text, ngx_str_t *signature);
static ngx_int_t ngx_llm_gemini_tell_call(void *data, ngx_str_t *id,
    ngx_str_t *name, ngx_str_t *args, ngx_str_t *signature);
static ngx_int_t ngx_llm_gemini_tell_usage(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_gemini_tell_raw(ngx_llm_reader_t *reader,
    ngx_llm_event_e type, ngx_uint_t n, ngx_str_t *raw);


ngx_int_t
ngx_llm_gemini_read_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_int_t        rc;
    ngx_llm_json_t  *root;
    ngx_llm_error_t  err;

    root = ngx_llm_gemini_parse(reader, frame);

    if (root == NULL) {

        return frame->data.len ? ngx_llm_event_invalid(reader) : NGX_OK;
    }

    rc = ngx_llm_gemini_error(reader->scratch, root, 0, &err);

    if (rc == NGX_OK) {
        return ngx_llm_event_error(reader, &err);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (frame->data.len == 0) {
        return NGX_OK;
    }

    if (ngx_llm_gemini_start(reader, root, frame) != NGX_OK
        || ngx_llm_gemini_tell_usage(reader, root) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_llm_gemini_blocked(reader->scratch, root, &err) == NGX_DECLINED) {
        return ngx_llm_event_error(reader, &err);
    }

    return ngx_llm_gemini_candidates(reader, root);
}


/* NULL: there is nothing to read, or it is not JSON */

static ngx_llm_json_t *
ngx_llm_gemini_parse(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    size_t           i;
    ngx_llm_json_t  *root;

    if (frame->data.len) {
        root = ngx_llm_json_parse(reader->scratch, &frame->data, NULL);

        return (root != NULL && (root->type == NGX_LLM_JSON_OBJECT
                                 || root->type == NGX_LLM_JSON_ARRAY))
               ? root : NULL;
    }

    /* an error may come as it is, without "data:" */

    for (i = 0; i < frame->raw.len; i++) {
        if (frame->raw.data[i] > ' ') {
            break;
        }
    }

    if (i == frame->raw.len
        || (frame->raw.data[i] != '{' && frame->raw.data[i] != '['))
    {
        return NULL;
    }

    return ngx_llm_json_parse(reader->scratch, &frame->raw, NULL);
}


ngx_int_t
ngx_llm_gemini_read_end(ngx_llm_reader_t *reader)
{
    ngx_uint_t                n, seen;
    ngx_llm_gemini_reader_t  *state;

    state = reader->state;
    seen = 0;

    for (n = 0; n < NGX_LLM_GEMINI_MAX_CHOICES; n++) {

        if (!state->choices[n].seen) {
            continue;
        }

        if (!state->choices[n].finished) {
            return NGX_OK;
        }

        seen = 1;
    }

    if (!seen) {
        return NGX_OK;
    }

    return ngx_llm_event_done(reader);
}


static ngx_int_t
ngx_llm_gemini_start(ngx_llm_reader_t *reader, ngx_llm_json_t *root,
    ngx_llm_frame_t *frame)
{
    size_t                    i;
    ngx_llm_event_t           ev;
    ngx_llm_gemini_reader_t  *state;

    state = reader->state;

    if (state->started) {
        return NGX_OK;
    }

    state->started = 1;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_START;
    ev.id = ngx_llm_json_str(root, "responseId");
    ev.model = ngx_llm_json_str(root, "modelVersion");

    for (i = 0; i < frame->data.len; i++) {
        state->hash = ngx_hash(state->hash, frame->data.data[i]);
    }

    if (ev.id.len) {

        state->id.data = ngx_pstrdup(reader->pool, &ev.id);
        if (state->id.data == NULL) {
            return NGX_ERROR;
        }

        state->id.len = ev.id.len;
    }

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_gemini_candidates(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    int64_t          n;
    ngx_llm_json_t  *candidate;

    candidate = ngx_llm_json_get(root, "candidates");

    if (candidate == NULL || candidate->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    for (candidate = candidate->child; candidate; candidate = candidate->next)
    {
        n = ngx_llm_json_count(candidate, "index", 0);

        if (n >= NGX_LLM_GEMINI_MAX_CHOICES) {
            continue;
        }

        if (ngx_llm_gemini_candidate(reader, candidate, (ngx_uint_t) n)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (reader->failed) {
            break;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_candidate(ngx_llm_reader_t *reader, ngx_llm_json_t *candidate,
    ngx_uint_t n)
{
    ngx_llm_gemini_parts_t      parts;
    ngx_llm_gemini_reader_t    *state;
    ngx_llm_gemini_listener_t   listener;

    state = reader->state;

    listener.reader = reader;
    listener.choice = &state->choices[n];
    listener.n = n;

    listener.choice->seen = 1;

    if (!listener.choice->finished) {

        ngx_memzero(&parts, sizeof(ngx_llm_gemini_parts_t));

        parts.pool = reader->scratch;
        parts.id = state->id;
        parts.hash = state->hash;
        parts.choice = n;
        parts.ntools = &listener.choice->ntools;
        parts.text = ngx_llm_gemini_tell_text;
        parts.call = ngx_llm_gemini_tell_call;
        parts.data = &listener;

        if (ngx_llm_gemini_read_parts(&parts, candidate) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_llm_gemini_extras(reader, candidate, n) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_llm_gemini_stop(reader, candidate, n);
}


static ngx_int_t
ngx_llm_gemini_extras(ngx_llm_reader_t *reader, ngx_llm_json_t *candidate,
    ngx_uint_t n)
{
    ngx_str_t                 raw;
    ngx_llm_gemini_reader_t  *state;

    state = reader->state;

    if (ngx_llm_gemini_logprobs(reader->scratch, candidate, &raw) != NGX_OK) {
        return NGX_ERROR;
    }

    if (raw.len && ngx_llm_gemini_tell_raw(reader, NGX_LLM_EVENT_LOGPROBS, n,
                                           &raw)
                   != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (n || state->cited) {
        return NGX_OK;
    }

    if (ngx_llm_gemini_citations(reader->scratch, &state->offsets, candidate,
                                 &raw)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (raw.len == 0) {
        return NGX_OK;
    }

    state->cited = 1;

    return ngx_llm_gemini_tell_raw(reader, NGX_LLM_EVENT_ANNOTATION, n, &raw);
}


static ngx_int_t
ngx_llm_gemini_stop(ngx_llm_reader_t *reader, ngx_llm_json_t *candidate,
    ngx_uint_t n)
{
    ngx_str_t                 reason;
    ngx_uint_t                broken;
    ngx_llm_error_t           err;
    ngx_llm_event_t           ev;
    ngx_llm_gemini_choice_t  *choice;
    ngx_llm_gemini_reader_t  *state;

    state = reader->state;
    choice = &state->choices[n];

    reason = ngx_llm_json_str(candidate, "finishReason");

    if (reason.len == 0 || choice->finished
        || ngx_llm_json_is(&reason, "FINISH_REASON_UNSPECIFIED"))
    {
        return NGX_OK;
    }

    choice->finished = 1;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_FINISH;
    ev.choice = n;
    ev.finish = ngx_llm_gemini_finish(&reason, choice->ntools, &broken);

    if (broken && !choice->produced && n == 0) {

        if (ngx_llm_gemini_broken(reader->scratch, candidate, &reason, &err)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        return ngx_llm_event_error(reader, &err);
    }

    if (n == 0) {
        reader->finish = ev.finish;
    }

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_gemini_tell_text(void *data, ngx_llm_event_e type, ngx_str_t *text,
    ngx_str_t *signature)
{
    ngx_llm_gemini_listener_t  *listener = data;

    ngx_llm_event_t           ev;
    ngx_llm_reader_t         *reader;
    ngx_llm_gemini_reader_t  *state;

    reader = listener->reader;
    state = reader->state;

    listener->choice->produced = 1;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = type;
    ev.choice = listener->n;
    ev.text = *text;

    if (type == NGX_LLM_EVENT_TEXT) {
        ev.signature = *signature;

        if (listener->n == 0) {
            ngx_llm_gemini_offsets(&state->offsets, reader->pool, text);
        }
    }

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_gemini_tell_call(void *data, ngx_str_t *id, ngx_str_t *name,
    ngx_str_t *args, ngx_str_t *signature)
{
    ngx_llm_gemini_listener_t  *listener = data;

    ngx_llm_out_t      out;
    ngx_llm_event_t    ev;
    ngx_llm_reader_t  *reader;

    reader = listener->reader;

    listener->choice->produced = 1;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_TOOL_START;
    ev.choice = listener->n;
    ev.tool = listener->choice->ntools;
    ev.id = *id;
    ev.name = *name;
    ev.signature = *signature;

    if (reader->handler(reader->data, &ev) != NGX_OK) {
        return NGX_ERROR;
    }

    /* each byte may become an escape of six */

    ngx_llm_out_init(&out, reader->scratch, NULL, 0, args->len * 6);
    ngx_llm_out_escape_raw(&out, args);

    if (out.failed) {
        return NGX_ERROR;
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_TOOL_ARGS;
    ev.choice = listener->n;
    ev.tool = listener->choice->ntools;
    ev.text.data = out.start;
    ev.text.len = ngx_llm_out_len(&out);

    if (reader->handler(reader->data, &ev) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_TOOL_END;
    ev.choice = listener->n;
    ev.tool = listener->choice->ntools;

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_gemini_tell_usage(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_llm_json_t   *node;
    ngx_llm_event_t   ev;

    node = ngx_llm_json_get(root, "usageMetadata");

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        return NGX_OK;
    }

    ngx_llm_gemini_usage(node, &reader->usage);

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_USAGE;
    ev.usage = &reader->usage;

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_gemini_tell_raw(ngx_llm_reader_t *reader, ngx_llm_event_e type,
    ngx_uint_t n, ngx_str_t *raw)
{
    ngx_llm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = type;
    ev.choice = n;
    ev.text = *raw;

    return reader->handler(reader->data, &ev);
}
