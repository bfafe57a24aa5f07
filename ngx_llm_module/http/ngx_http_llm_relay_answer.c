
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The answer that is passed on, and what it says about usage.
 */


#include "ngx_http_llm_relay.h"


/* objects within objects, of which usage may be a member */
#define NGX_HTTP_LLM_RELAY_DEPTH    3
#define NGX_HTTP_LLM_RELAY_SCRATCH  4096


static ngx_int_t ngx_http_llm_relay_meter(ngx_http_llm_attempt_t *at,
    ngx_uint_t sse);
static ngx_int_t ngx_http_llm_relay_usage(void *data, ngx_uint_t name,
    ngx_str_t *raw);
static ngx_int_t ngx_http_llm_relay_messages(ngx_http_llm_attempt_t *at,
    ngx_str_t *slice);
static ngx_int_t ngx_http_llm_relay_wrapped(ngx_http_llm_attempt_t *at,
    ngx_str_t *raw);
static void ngx_http_llm_relay_whole(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_relay_cleanup(void *data);


ngx_int_t
ngx_http_llm_relay_answer(ngx_http_llm_attempt_t *at)
{
    ngx_str_t                    text;
    ngx_http_llm_ctx_t          *ctx;
    ngx_http_llm_relay_state_t  *state;

    ctx = at->ctx;
    state = at->state;

    text.data = at->body.start;
    text.len = ngx_llm_out_len(&at->body);

    if (text.len == 0
        || ngx_llm_json_parse(at->request->pool, &text, NULL) == NULL)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_llm_relay_meter(at, 0) != NGX_OK
        || (state->metered
            && ngx_llm_meter_feed(&state->meter, text.data,
                                  text.data + text.len)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    ctx->out = at->body;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_relay_head(ngx_http_llm_attempt_t *at)
{
    ngx_uint_t                   flags;
    ngx_http_request_t          *r;
    ngx_http_upstream_t         *u;
    ngx_http_llm_relay_state_t  *state;

    r = at->request;
    u = r->upstream;

    u->headers_in.status_n = at->status.code;
    u->headers_in.content_length_n = at->length;

    u->length = (at->length == 0) ? 0 : -1;

    if (at->length == 0) {
        at->body_done = 1;
        u->keepalive = at->keepalive;
    }

    at->first = 0;

    if (at->type.len) {
        r->headers_out.content_type = at->type;

    } else if (at->length) {
        ngx_str_set(&r->headers_out.content_type, "application/octet-stream");
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (at->json) {
        return ngx_http_llm_relay_meter(at, 0);
    }

    if (at->type.len >= sizeof("text/event-stream") - 1
        && ngx_strncasecmp(at->type.data, (u_char *) "text/event-stream",
                           sizeof("text/event-stream") - 1)
           == 0)
    {
        return ngx_http_llm_relay_meter(at, 1);
    }

    flags = at->provider->dialect->flags;

    if ((flags & (NGX_LLM_DIALECT_EVENTSTREAM|NGX_LLM_DIALECT_PAYLOAD))
        && at->type.len >= sizeof("application/vnd.amazon.eventstream") - 1
        && ngx_strncasecmp(at->type.data,
                           (u_char *) "application/vnd.amazon.eventstream",
                           sizeof("application/vnd.amazon.eventstream") - 1)
           == 0)
    {
        /* in payloads events go on from one message to the next */

        if (ngx_http_llm_relay_meter(at, (flags & NGX_LLM_DIALECT_PAYLOAD) != 0)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        state = at->state;
        state->framed = state->metered;

        ngx_llm_eventstream_init(&state->messages, r->pool,
                                 NGX_LLM_MAX_EVENT);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_relay_input(ngx_http_llm_attempt_t *at, ssize_t bytes)
{
    ngx_buf_t                    in;
    ngx_int_t                    rc;
    ngx_str_t                    slice;
    ngx_http_upstream_t         *u;
    ngx_http_llm_relay_state_t  *state;

    u = at->request->upstream;
    state = at->state;

    in = u->buffer;
    in.pos = u->buffer.last;
    in.last = in.pos + bytes;

    u->buffer.last += bytes;

    at->tail = NULL;

    while (!at->body_done) {

        rc = ngx_http_llm_answer_slice(at, &in, &slice);

        if (rc == NGX_AGAIN || rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_ERROR) {
            at->keepalive = 0;
            at->fail = NGX_LLM_FAIL_INVALID;

            return NGX_ERROR;
        }

        if (state->framed) {
            rc = ngx_http_llm_relay_messages(at, &slice);

        } else if (state->metered) {
            rc = ngx_llm_meter_feed(&state->meter, slice.data,
                                    slice.data + slice.len);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_llm_input_raw(at, &slice, &u->buffer) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (at->body_done) {
        at->ended = 1;
        ngx_http_llm_relay_whole(at->ctx);
    }

    ngx_http_llm_input_close(at);

    return NGX_OK;
}


/* what cannot be read is passed on all the same */

static ngx_int_t
ngx_http_llm_relay_messages(ngx_http_llm_attempt_t *at, ngx_str_t *slice)
{
    u_char                      *p, *last;
    ngx_int_t                    rc;
    ngx_llm_frame_t              frame;
    ngx_http_llm_relay_state_t  *state;

    state = at->state;
    p = slice->data;
    last = p + slice->len;

    while (state->metered) {

        rc = ngx_llm_eventstream_next(&state->messages, &p, last, &frame);

        if (rc == NGX_AGAIN) {
            break;
        }

        if (rc == NGX_ERROR) {
            state->metered = 0;
            break;
        }

        if (at->provider->dialect->flags & NGX_LLM_DIALECT_EVENTSTREAM) {
            ngx_llm_meter_reset(&state->meter);
        }

        if (ngx_llm_meter_feed(&state->meter, frame.data.data,
                               frame.data.data + frame.data.len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* what is asked of no model uses nothing, there is no need to estimate */

static void
ngx_http_llm_relay_whole(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->chat.model.len == 0 && !ctx->usage.reported) {
        ctx->usage.prompt = 0;
        ctx->usage.completion = 0;
        ctx->usage.reported = 1;
    }

    ngx_http_llm_answer_whole(ctx);
}


/*
 * Without framing the end of the connection is the end.  What is cut ends the
 * client's connection: a short answer must not look whole.
 */

void
ngx_http_llm_relay_end(ngx_http_llm_attempt_t *at)
{
    ngx_http_request_t  *r;

    r = at->request;

    if (at->body_done || (!at->chunked_body && at->length == -1)) {
        ngx_http_llm_relay_whole(at->ctx);
        return;
    }

    if (r->header_only) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "llm provider \"%V\" broke off an answer",
                  &at->provider->name);

    ngx_str_set(&at->ctx->error_code, "provider_error");

    ngx_http_llm_health_failure(at->deployment, NGX_LLM_FAIL_ERROR, -1);

    r->keepalive = 0;
    r->connection->error = 1;
}


/* where the dialect knows what usage looks like */

static ngx_int_t
ngx_http_llm_relay_meter(ngx_http_llm_attempt_t *at, ngx_uint_t sse)
{
    ngx_pool_cleanup_t             *cln;
    ngx_http_llm_relay_state_t     *state;
    const ngx_llm_relay_dialect_t  *relay;

    state = at->state;
    relay = at->provider->dialect->relay;

    if (relay == NULL || relay->usage == NULL) {
        return NGX_OK;
    }

    if (state->scratch == NULL) {
        cln = ngx_pool_cleanup_add(at->request->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        state->scratch = ngx_create_pool(NGX_HTTP_LLM_RELAY_SCRATCH,
                                         at->request->connection->log);
        if (state->scratch == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_llm_relay_cleanup;
        cln->data = state;
    }

    ngx_llm_meter_init(&state->meter, at->request->pool, relay->usage,
                       NGX_HTTP_LLM_RELAY_DEPTH, sse);

    state->meter.handler = ngx_http_llm_relay_usage;
    state->meter.data = at;

    state->inner = state->meter;
    state->metered = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_relay_usage(void *data, ngx_uint_t name, ngx_str_t *raw)
{
    ngx_http_llm_attempt_t  *at = data;

    ngx_llm_json_t                 *node;
    ngx_http_llm_relay_state_t     *state;
    const ngx_llm_relay_dialect_t  *relay;

    state = at->state;
    relay = at->provider->dialect->relay;

    if (relay->wrapped && ngx_strcmp(relay->usage[name], relay->wrapped) == 0)
    {
        return ngx_http_llm_relay_wrapped(at, raw);
    }

    node = ngx_llm_json_parse(state->scratch, raw, NULL);

    if (node) {
        relay->read_usage(name, node, &at->ctx->usage);
    }

    ngx_reset_pool(state->scratch);

    return NGX_OK;
}


/* a string of base64, which is as short as what the meter keeps */

static ngx_int_t
ngx_http_llm_relay_wrapped(ngx_http_llm_attempt_t *at, ngx_str_t *raw)
{
    ngx_str_t                    text, plain;
    ngx_http_llm_relay_state_t  *state;
    u_char                       buf[NGX_LLM_METER_VALUE];

    state = at->state;

    if (raw->len < 2 || raw->data[0] != '"') {
        return NGX_OK;
    }

    text.data = raw->data + 1;
    text.len = raw->len - 2;
    plain.data = buf;

    if (ngx_decode_base64(&plain, &text) != NGX_OK) {
        return NGX_OK;
    }

    ngx_llm_meter_reset(&state->inner);

    return ngx_llm_meter_feed(&state->inner, plain.data,
                              plain.data + plain.len);
}


static void
ngx_http_llm_relay_cleanup(void *data)
{
    ngx_http_llm_relay_state_t  *state = data;

    ngx_destroy_pool(state->scratch);
}
