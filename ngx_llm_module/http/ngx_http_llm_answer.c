
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * From a provider's bytes to the client's.  Three layers: the framing of HTTP
 * gives slices of the body, the reader of the provider's dialect gives
 * events, the writer of the client's dialect bytes again.  Where both speak
 * the same dialect the frames themselves go through.
 *
 * Memory of a stream: the core's read buffer, one output buffer that grows to
 * the largest batch of events, the scratch pool, and a frame that is not
 * whole yet (NGX_LLM_MAX_EVENT at most).
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_call.h"
#include "ngx_http_llm_price.h"


static ngx_int_t ngx_http_llm_answer_hold(ngx_http_llm_attempt_t *at,
    ngx_str_t *slice);
static ngx_int_t ngx_http_llm_answer_plain(ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_answer_call(ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_answer_cost(ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_answer_error(ngx_http_llm_attempt_t *at,
    ngx_llm_error_t *err);
static void ngx_http_llm_answer_text(ngx_http_llm_ctx_t *ctx,
    ngx_llm_response_t *res);
static void ngx_http_llm_answer_frame(ngx_http_llm_ctx_t *ctx, size_t len);


ngx_int_t
ngx_http_llm_answer_begin(ngx_http_llm_attempt_t *at, ngx_buf_t *b)
{
    ngx_int_t            rc;
    ngx_str_t            slice;
    ngx_uint_t           stream;
    ngx_http_llm_ctx_t  *ctx;

    ctx = at->ctx;

    stream = (at->stream && at->status.code < 300
              && (!at->json || (at->dialect->flags & NGX_LLM_DIALECT_WHOLE)));

    if (stream && ctx->out.start == NULL
        && ngx_llm_out_reserve(&ctx->out, NGX_HTTP_LLM_OUT_SIZE) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for ( ;; ) {
        rc = ngx_http_llm_answer_slice(at, b, &slice);

        if (rc == NGX_AGAIN) {
            break;
        }

        if (rc == NGX_ERROR) {
            ngx_log_error(NGX_LOG_WARN, at->request->connection->log, 0,
                          "llm provider \"%V\" sent invalid chunked response",
                          &at->provider->name);

            at->keepalive = 0;

            if (!at->good) {
                at->fail = NGX_LLM_FAIL_INVALID;
                return NGX_DECLINED;
            }

            at->body_done = 1;

            if (!at->ended) {
                at->fail = NGX_LLM_FAIL_INVALID;
            }

            break;
        }

        if (rc == NGX_OK) {
            rc = stream ? ngx_http_llm_answer_frames(at, &slice, NULL)
                        : ngx_http_llm_answer_hold(at, &slice);
            if (rc != NGX_OK) {
                return rc;
            }

            if (at->fail && !at->good) {
                return NGX_DECLINED;
            }
        }

        if (at->body_done) {
            break;
        }
    }

    b->pos = b->start;
    b->last = b->start;

    if (!at->body_done) {
        return at->good ? NGX_OK : NGX_AGAIN;
    }

    if (at->status.code >= 300) {
        return ngx_http_llm_answer_refusal(at);
    }

    if (!stream) {
        return at->ctx->call ? ngx_http_llm_answer_call(at)
                             : ngx_http_llm_answer_plain(at);
    }

    if (!at->ended) {
        ngx_http_llm_answer_end(at);
    }

    if (at->good) {
        return NGX_OK;
    }

    if (at->fail == 0) {
        at->fail = NGX_LLM_FAIL_INVALID;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_llm_answer_slice(ngx_http_llm_attempt_t *at, ngx_buf_t *b,
    ngx_str_t *slice)
{
    size_t     size;
    ngx_int_t  rc;

    if (at->body_done || at->length == 0) {

        if (b->pos != b->last) {
            at->keepalive = 0;
            b->pos = b->last;
        }

        at->body_done = 1;

        return NGX_DONE;
    }

    if (b->pos == b->last) {
        return NGX_AGAIN;
    }

    size = b->last - b->pos;

    if (at->chunked_body) {
        rc = ngx_http_llm_parse_chunked(at->request, b, &at->chunked);

        if (rc == NGX_DONE) {
            at->body_done = 1;

            if (b->pos != b->last) {
                at->keepalive = 0;
                b->pos = b->last;
            }

            return NGX_DONE;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        size = b->last - b->pos;

        if ((off_t) size > at->chunked.size) {
            size = (size_t) at->chunked.size;
        }

        at->chunked.size -= size;

    } else if (at->length > 0) {

        if ((off_t) size > at->length) {
            size = (size_t) at->length;
        }

        at->length -= size;

        if (at->length == 0) {
            at->body_done = 1;

            if (b->pos + size != b->last) {
                at->keepalive = 0;
            }
        }
    }

    slice->data = b->pos;
    slice->len = size;

    b->pos += size;

    return NGX_OK;
}


/* a plain answer or an error: kept until it is whole */

static ngx_int_t
ngx_http_llm_answer_hold(ngx_http_llm_attempt_t *at, ngx_str_t *slice)
{
    u_char     *p;
    size_t      max;
    ngx_int_t   rc;

    max = (at->status.code >= 300) ? NGX_HTTP_LLM_MAX_REFUSAL
                                   : NGX_HTTP_LLM_MAX_ANSWER;

    if (ngx_llm_out_len(&at->body) + slice->len > max) {

        if (at->status.code >= 300) {
            at->body_done = 1;
            at->keepalive = 0;
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_WARN, at->request->connection->log, 0,
                      "llm provider \"%V\" sent an answer of more than "
                      "%uz bytes", &at->provider->name, max);

        at->fail = NGX_LLM_FAIL_INVALID;
        return NGX_DECLINED;
    }

    if (at->body.start == NULL && at->length > 0
        && at->length < (off_t) max
        && ngx_llm_out_reserve(&at->body, slice->len + (size_t) at->length)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_out_data(&at->body, slice->data, slice->len);

    if (at->body.failed) {
        return NGX_ERROR;
    }

    if (at->chunked_body || at->length >= 0) {
        return NGX_OK;
    }

    /* no framing: the end of the JSON value is the end */

    p = slice->data;

    rc = ngx_llm_json_end_next(&at->json_end, &p, slice->data + slice->len);

    if (rc == NGX_OK) {
        at->body_done = 1;
        return NGX_OK;
    }

    if (rc == NGX_ERROR && at->status.code < 300) {
        at->fail = NGX_LLM_FAIL_INVALID;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_answer_refusal(ngx_http_llm_attempt_t *at)
{
    ngx_str_t            text;
    ngx_http_llm_ctx_t  *ctx;

    ctx = at->ctx;

    text.data = at->body.start;
    text.len = ngx_llm_out_len(&at->body);

    at->dialect->read_error(at->request->pool, at->status.code,
                            &text, &at->err);

    if (at->error_type.len) {
        at->dialect->read_error_header(&at->error_type, &at->err);
    }

    if (!at->splice) {
        ngx_str_null(&at->err.raw);
    }

    if (at->err.retry_after >= 0 && at->retry_after < 0) {
        at->retry_after = at->err.retry_after;
    }

    at->err.retry_after = at->retry_after;
    at->fail = at->err.fail ? at->err.fail : NGX_LLM_FAIL_SERVER_ERROR;

    ctx->error_code = at->err.code;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llm_answer_plain(ngx_http_llm_attempt_t *at)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_llm_choice_t    *choice;
    ngx_http_llm_ctx_t  *ctx;
    ngx_llm_response_t   res;

    ctx = at->ctx;

    text.data = at->body.start;
    text.len = ngx_llm_out_len(&at->body);

    if (ngx_llm_response_init(&res, at->request->pool) != NGX_OK) {
        return NGX_ERROR;
    }

    res.chat = &ctx->chat;
    res.count = ctx->chat.count;
    res.lazy = 1;

    rc = at->dialect->read_response(&text, &res, &at->err);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK && at->stream) {

        /* a plain answer where a stream was asked for */

        rc = NGX_DECLINED;
        at->err.fail = NGX_LLM_FAIL_INVALID;
    }

    if (rc == NGX_DECLINED) {
        at->fail = at->err.fail ? at->err.fail : NGX_LLM_FAIL_INVALID;
        ctx->error_code = at->err.code;
        return NGX_DECLINED;
    }

    /* what was counted was not used */

    if (!res.count) {
        ngx_http_llm_cost_tell(at, &res.usage);

        ctx->usage = res.usage;
    }

    choice = res.choices.elts;

    if (res.choices.nelts) {
        ctx->finish = choice[0].finish;
    }

    if (at->splice) {
        rc = NGX_DECLINED;

        if (at->told_cost) {
            rc = ngx_llm_price_insert(at->request->pool, &text,
                                      ctx->usage.cost, &ctx->out);

            if (rc == NGX_ERROR) {
                return NGX_ERROR;
            }
        }

        if (rc == NGX_DECLINED) {
            ctx->out = at->body;
        }

    } else {

        if (ngx_llm_out_reserve(&ctx->out, text.len + 512) != NGX_OK) {
            return NGX_ERROR;
        }

        ctx->dialect->write_response(&ctx->writer, &res, &ctx->out);

        if (ctx->out.failed) {
            return NGX_ERROR;
        }
    }

    at->ended = 1;

    ngx_http_llm_answer_first(at);

    if (!res.usage.reported) {
        ngx_http_llm_answer_text(ctx, &res);
    }

    ngx_http_llm_answer_whole(ctx);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_answer_call(ngx_http_llm_attempt_t *at)
{
    ngx_int_t            rc;
    ngx_http_llm_ctx_t  *ctx;

    ctx = at->ctx;

    rc = ctx->call->answer(at);

    if (rc == NGX_AGAIN) {
        at->more = 1;
        return NGX_DECLINED;
    }

    if (rc == NGX_DECLINED) {
        at->fail = at->err.fail ? at->err.fail : NGX_LLM_FAIL_INVALID;
        ctx->error_code = at->err.code;
        return NGX_DECLINED;
    }

    if (rc != NGX_OK || ctx->out.failed) {
        return NGX_ERROR;
    }

    ngx_http_llm_cost_tell(at, &ctx->usage);

    if (at->told_cost && ngx_http_llm_answer_cost(at) == NGX_ERROR) {
        return NGX_ERROR;
    }

    at->ended = 1;

    ngx_http_llm_answer_first(at);
    ngx_http_llm_answer_whole(ctx);

    return NGX_OK;
}


/* into the text that goes out; NGX_DECLINED: it has no place for it */

static ngx_int_t
ngx_http_llm_answer_cost(ngx_http_llm_attempt_t *at)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_llm_out_t        out;
    ngx_http_llm_ctx_t  *ctx;

    ctx = at->ctx;

    text.data = ctx->out.start;
    text.len = ngx_llm_out_len(&ctx->out);

    ngx_llm_out_init(&out, at->request->pool, NULL, 0,
                     NGX_HTTP_LLM_MAX_ANSWER + NGX_HTTP_LLM_OUT_SIZE);

    rc = ngx_llm_price_insert(at->request->pool, &text, ctx->usage.cost, &out);

    if (rc == NGX_OK) {
        ctx->out = out;
    }

    return rc;
}


/* to estimate what the provider does not report */

static void
ngx_http_llm_answer_text(ngx_http_llm_ctx_t *ctx, ngx_llm_response_t *res)
{
    ngx_uint_t         i;
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice;

    choice = res->choices.elts;

    for (i = 0; i < res->choices.nelts; i++) {
        for (part = choice[i].parts; part; part = part->next) {
            ctx->text_bytes += part->text.len + part->name.len
                               + part->arguments.len + part->input.len;
        }
    }
}


/* nothing more is to come: it is settled before the last bytes leave */

void
ngx_http_llm_answer_whole(ngx_http_llm_ctx_t *ctx)
{
    ctx->done = 1;
    ctx->whole = 1;

    ngx_http_llm_account_settle(ctx, NGX_HTTP_OK);
}


void
ngx_http_llm_answer_first(ngx_http_llm_attempt_t *at)
{
    ngx_time_t          *tp;
    ngx_http_request_t  *r;

    if (at->good) {
        return;
    }

    at->good = 1;

    ngx_str_null(&at->ctx->error_code);

    r = at->request;
    tp = ngx_timeofday();

    at->ctx->ttft = (ngx_msec_t) ((tp->sec - r->start_sec) * 1000
                                  + (ngx_msec_int_t) (tp->msec
                                                      - r->start_msec));

    ngx_http_llm_attempt_succeeded(at);
}


ngx_int_t
ngx_http_llm_answer_event(void *data, ngx_llm_event_t *ev)
{
    ngx_http_llm_attempt_t  *at = data;

    ngx_http_llm_ctx_t  *ctx;

    ctx = at->ctx;

    switch (ev->type) {

    case NGX_LLM_EVENT_START:
    case NGX_LLM_EVENT_PING:
    case NGX_LLM_EVENT_SIGNATURE:
    case NGX_LLM_EVENT_TOOL_END:
        break;

    case NGX_LLM_EVENT_USAGE:
        ngx_http_llm_cost_tell(at, ev->usage);
        ctx->usage = *ev->usage;
        break;

    case NGX_LLM_EVENT_ERROR:
        return ngx_http_llm_answer_error(at, ev->error);

    case NGX_LLM_EVENT_DONE:
        at->ended = 1;
        ngx_http_llm_answer_whole(ctx);
        break;

    case NGX_LLM_EVENT_FINISH:
        if (ev->choice == 0) {
            ctx->finish = ev->finish;
        }

        ngx_http_llm_answer_first(at);
        break;

    default:

        if (!at->good
            && (ev->type != NGX_LLM_EVENT_TEXT || at->splice || ev->text.len))
        {
            ngx_http_llm_answer_first(at);
        }

        if (at->splice) {
            ctx->text = 1;

        } else {
            ctx->text_bytes += ev->text.len;
        }
    }

    if (!at->splice) {
        ctx->dialect->write_event(&ctx->writer, ev, &ctx->out);
    }

    return NGX_OK;
}


/*
 * Before the attempt is good an error is a failed attempt; later it is the
 * last thing that the client hears of it.
 */

static ngx_int_t
ngx_http_llm_answer_error(ngx_http_llm_attempt_t *at, ngx_llm_error_t *err)
{
    u_char              *p;
    ngx_pool_t          *pool;
    ngx_http_llm_ctx_t  *ctx;

    ctx = at->ctx;
    pool = at->request->pool;

    at->ended = 1;
    at->err = *err;
    at->fail = err->fail ? err->fail : NGX_LLM_FAIL_SERVER_ERROR;

    /* slices of a frame do not last */

    if (err->message.len) {
        p = ngx_pnalloc(pool, err->message.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        at->err.message.data = p;
        ngx_memcpy(p, err->message.data, err->message.len);
    }

    if (err->code.len) {
        at->err.code.data = ngx_pstrdup(pool, &err->code);
        if (at->err.code.data == NULL) {
            return NGX_ERROR;
        }
    }

    if (err->type.len) {
        at->err.type.data = ngx_pstrdup(pool, &err->type);
        if (at->err.type.data == NULL) {
            return NGX_ERROR;
        }
    }

    if (err->param.len) {
        at->err.param.data = ngx_pstrdup(pool, &err->param);
        if (at->err.param.data == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_str_null(&at->err.raw);

    ctx->error_code = at->err.code.len ? at->err.code : at->err.type;

    if (at->good) {
        ngx_log_error(NGX_LOG_WARN, at->request->connection->log, 0,
                      "llm provider \"%V\" ended a stream with an error: %V",
                      &at->provider->name, &ctx->error_code);

        /* the frame itself may be anything, in a splice too */

        at->err.request_id = ctx->id;
        ctx->dialect->write_stream_error(&at->err, &ctx->out);
        ctx->done = 1;

        ngx_http_llm_account_settle(ctx, NGX_HTTP_OK);

        ngx_http_llm_health_failure(at->deployment, at->fail, -1);
    }

    return NGX_OK;
}


/* one that goes through as it is: see ngx_http_llm_account_settle() */

static void
ngx_http_llm_answer_frame(ngx_http_llm_ctx_t *ctx, size_t len)
{
    if (ctx->frames == 0 || (int64_t) len < ctx->frame_min) {
        ctx->frame_min = len;
    }

    ctx->frames++;
    ctx->frame_bytes += len;
}


ngx_int_t
ngx_http_llm_answer_frames(ngx_http_llm_attempt_t *at, ngx_str_t *slice,
    ngx_buf_t *source)
{
    u_char              *p, *last;
    ngx_int_t            rc;
    ngx_llm_frame_t      frame;
    ngx_http_llm_ctx_t  *ctx;

    ctx = at->ctx;
    p = slice->data;
    last = p + slice->len;

    while (!at->ended) {

        rc = ngx_llm_reader_next(&at->reader, &p, last, &frame);

        if (rc == NGX_AGAIN) {
            break;
        }

        if (rc == NGX_ERROR) {
            ngx_log_error(NGX_LOG_WARN, at->request->connection->log, 0,
                          "llm provider \"%V\" sent a stream event that "
                          "could not be read", &at->provider->name);

            at->fail = NGX_LLM_FAIL_INVALID;

            if (!at->good) {
                return NGX_DECLINED;
            }

            ngx_http_llm_input_close(at);
            break;
        }

        if (ctx->text) {
            ctx->text = 0;
            ngx_http_llm_answer_frame(ctx, frame.raw.len);
        }

        if (at->splice && ngx_http_llm_cost_frame(at, &frame) != NGX_OK) {
            return NGX_ERROR;
        }

        if (at->splice
            && at->fail == 0
            && frame.raw.len
            && (!at->reader.hidden || at->ctx->chat.include_usage)
            && ngx_http_llm_input_raw(at, &frame.raw, source) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (!at->good
            && ngx_llm_out_len(&at->ctx->out) > NGX_HTTP_LLM_MAX_HELD)
        {
            ngx_log_error(NGX_LOG_WARN, at->request->connection->log, 0,
                          "llm provider \"%V\" sent too much before the "
                          "first token", &at->provider->name);

            at->fail = NGX_LLM_FAIL_INVALID;

            return NGX_DECLINED;
        }
    }

    return at->ctx->out.failed ? NGX_ERROR : NGX_OK;
}


void
ngx_http_llm_answer_end(ngx_http_llm_attempt_t *at)
{
    ngx_llm_error_t      err;
    ngx_llm_frame_t      frame;
    ngx_http_llm_ctx_t  *ctx;

    ctx = at->ctx;

    /* a frame without its blank line is part of a whole answer, or is cut */

    if (ngx_llm_reader_end(&at->reader, &frame) == NGX_OK
        && at->reader.done
        && at->splice && at->good && frame.raw.len
        && (!at->reader.hidden || ctx->chat.include_usage)
        && ngx_http_llm_cost_frame(at, &frame) == NGX_OK)
    {
        ngx_llm_out_str(&ctx->out, &frame.raw);
        ngx_llm_out_lit(&ctx->out, "\n\n");
    }

    if (at->ended || at->reader.done) {
        at->ended = 1;

        if (at->good) {
            ngx_http_llm_answer_whole(ctx);
        }

        ctx->done = 1;
        return;
    }

    if (at->fail == 0) {
        at->fail = NGX_LLM_FAIL_ERROR;
    }

    if (!at->good) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, at->request->connection->log, 0,
                  "llm provider \"%V\" broke off a stream",
                  &at->provider->name);

    (void) ngx_llm_error(at->request->pool, &err, NGX_HTTP_BAD_GATEWAY,
                         "server_error",
                         at->fail == NGX_LLM_FAIL_TIMEOUT
                         ? "provider_timeout" : "provider_error", NULL,
                         at->fail == NGX_LLM_FAIL_TIMEOUT
                         ? "the provider did not go on with its answer in time"
                         : "the provider broke off its answer");

    ctx->error_code = err.code;
    err.request_id = ctx->id;
    ctx->dialect->write_stream_error(&err, &ctx->out);

    ngx_http_llm_account_settle(ctx, NGX_HTTP_OK);

    ngx_http_llm_health_failure(at->deployment, at->fail, -1);

    at->ended = 1;
    ctx->done = 1;
}
