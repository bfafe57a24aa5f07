
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_payload.h"


static ngx_int_t ngx_llm_payload_frame(ngx_llm_payload_t *payload,
    ngx_llm_frame_t *frame);
static ngx_uint_t ngx_llm_payload_part(ngx_llm_frame_t *frame);


void
ngx_llm_payload_init(ngx_llm_payload_t *payload,
    ngx_llm_eventstream_t *messages, ngx_llm_sse_t *events,
    ngx_llm_ndjson_t *lines)
{
    ngx_memzero(payload, sizeof(ngx_llm_payload_t));

    payload->messages = messages;
    payload->events = events;
    payload->lines = lines;
}


ngx_int_t
ngx_llm_payload_next(ngx_llm_payload_t *payload, u_char **pos, u_char *last,
    ngx_llm_frame_t *frame)
{
    ngx_int_t  rc;

    for ( ;; ) {

        /* what is not a whole frame is held, and the payload no more needed */

        rc = ngx_llm_payload_frame(payload, frame);

        if (rc != NGX_AGAIN) {
            return rc;
        }

        rc = ngx_llm_eventstream_next(payload->messages, pos, last, frame);

        if (rc != NGX_OK) {
            return rc;
        }

        if (frame->kind != NGX_LLM_FRAME_EVENT) {
            frame->raw.len = 0;
            return NGX_OK;
        }

        if (ngx_llm_payload_part(frame)) {
            payload->pos = frame->data.data;
            payload->last = frame->data.data + frame->data.len;
        }
    }
}


ngx_int_t
ngx_llm_payload_last(ngx_llm_payload_t *payload, ngx_llm_frame_t *frame)
{
    ngx_int_t  rc;

    if (ngx_llm_eventstream_last(payload->messages) == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_memzero(frame, sizeof(ngx_llm_frame_t));

    switch (payload->form) {

    case NGX_LLM_PAYLOAD_EVENTS:
        rc = ngx_llm_sse_last(payload->events, frame);
        break;

    case NGX_LLM_PAYLOAD_LINES:
        rc = ngx_llm_ndjson_last(payload->lines, frame);

        if (rc == NGX_DONE && !payload->ended) {
            payload->ended = 1;
            rc = NGX_OK;
        }

        break;

    default: /* NGX_LLM_PAYLOAD_UNKNOWN */
        rc = NGX_DONE;
    }

    frame->kind = NGX_LLM_FRAME_EVENT;

    return rc;
}


static ngx_int_t
ngx_llm_payload_frame(ngx_llm_payload_t *payload, ngx_llm_frame_t *frame)
{
    u_char  c;

    while (payload->form == NGX_LLM_PAYLOAD_UNKNOWN
           && payload->pos != payload->last)
    {
        c = *payload->pos;

        if (c == '{') {
            payload->form = NGX_LLM_PAYLOAD_LINES;

        } else if (c == ' ' || c == '\t' || c == CR || c == LF) {
            payload->pos++;

        } else {
            payload->form = NGX_LLM_PAYLOAD_EVENTS;
        }
    }

    if (payload->pos == payload->last) {
        return NGX_AGAIN;
    }

    frame->kind = NGX_LLM_FRAME_EVENT;

    if (payload->form == NGX_LLM_PAYLOAD_LINES) {
        return ngx_llm_ndjson_next(payload->lines, &payload->pos,
                                   payload->last, frame);
    }

    return ngx_llm_sse_next(payload->events, &payload->pos, payload->last,
                            frame);
}


static ngx_uint_t
ngx_llm_payload_part(ngx_llm_frame_t *frame)
{
    return frame->name.len == sizeof("PayloadPart") - 1
           && ngx_memcmp(frame->name.data, "PayloadPart", frame->name.len)
              == 0;
}
