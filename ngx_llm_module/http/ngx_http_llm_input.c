
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The input filter: what comes of a good attempt on its way to the client.
 */


#include "ngx_http_llm_call.h"


/* read from one provider before others get their turn */
#define NGX_HTTP_LLM_TURN_SIZE  262144


static ngx_int_t ngx_http_llm_input_first(ngx_http_llm_attempt_t *at);
static ngx_buf_t *ngx_http_llm_input_buf(ngx_http_llm_attempt_t *at,
    ngx_uint_t own);
static ngx_int_t ngx_http_llm_input_begin(ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_input_end(ngx_http_llm_attempt_t *at);
static void ngx_http_llm_input_turn(ngx_http_llm_ctx_t *ctx, size_t bytes);
static void ngx_http_llm_input_turn_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_llm_input_filter_init(void *data)
{
    return NGX_OK;
}


ngx_int_t
ngx_http_llm_input_filter(void *data, ssize_t bytes)
{
    ngx_http_llm_ctx_t  *ctx = data;

    ngx_buf_t               *b, in;
    ngx_int_t                rc;
    ngx_str_t                slice;
    ngx_chain_t             *cl, **ll;
    ngx_http_request_t      *r;
    ngx_http_upstream_t     *u;
    ngx_http_llm_attempt_t  *at;

    r = ctx->request;
    u = r->upstream;
    at = ctx->attempt;

    if (at->first) {
        return ngx_http_llm_input_first(at);
    }

    ngx_http_llm_clock_received(ctx);
    ngx_http_llm_input_turn(ctx, bytes);

    if (at->raw) {
        return ngx_http_llm_relay_input(at, bytes);
    }

    in = u->buffer;
    in.pos = u->buffer.last;
    in.last = in.pos + bytes;

    u->buffer.last += bytes;

    at->tail = NULL;

    if (at->splice) {
        ngx_llm_out_init(&ctx->out, r->pool, NULL, 0,
                         NGX_HTTP_LLM_MAX_ANSWER);

    } else if (ngx_http_llm_input_begin(at) != NGX_OK) {
        return NGX_ERROR;
    }

    while (!at->body_done) {

        rc = ngx_http_llm_answer_slice(at, &in, &slice);

        if (rc == NGX_AGAIN || rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_ERROR) {
            at->keepalive = 0;
            at->body_done = 1;

            /* behind the stream's end mark it does no harm */

            if (!at->ended) {
                at->fail = NGX_LLM_FAIL_INVALID;
            }

            break;
        }

        if (ngx_http_llm_answer_frames(at, &slice, &u->buffer) == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    if (at->body_done && !at->ended) {
        ngx_http_llm_answer_end(at);
    }

    if (!at->splice) {
        if (ngx_http_llm_input_end(at) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (ngx_llm_out_len(&ctx->out)) {

        b = ngx_http_llm_input_buf(at, 0);
        if (b == NULL) {
            return NGX_ERROR;
        }

        b->pos = ctx->out.start;
        b->last = ctx->out.last;
    }

    /* a buffer without a byte would only be carried about */

    for (ll = &u->out_bufs; *ll; /* void */ ) {
        cl = *ll;

        if (cl->buf->pos != cl->buf->last && !r->connection->error) {
            ll = &cl->next;
            continue;
        }

        *ll = cl->next;
        cl->next = u->free_bufs;
        u->free_bufs = cl;
    }

    if (u->out_bufs) {
        ctx->heard = ngx_current_msec;
    }

    ngx_http_llm_input_close(at);

    return NGX_OK;
}


/*
 * What was held until the attempt was good; the byte that the core tells of is
 * there only to have this called before anything is sent.
 */

static ngx_int_t
ngx_http_llm_input_first(ngx_http_llm_attempt_t *at)
{
    ngx_buf_t           *b;
    ngx_http_request_t  *r;
    ngx_http_llm_ctx_t  *ctx;

    r = at->request;
    ctx = at->ctx;

    at->first = 0;

    b = ngx_http_llm_input_buf(at, 0);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->start = ctx->out.start;
    b->pos = ctx->out.start;
    b->last = ctx->out.last;
    b->end = ctx->out.end;

    r->upstream->state->response_length = ngx_llm_out_len(&ctx->out);

    ngx_llm_out_init(&ctx->out, r->pool, NULL, 0, NGX_HTTP_LLM_MAX_ANSWER);

    ctx->writer.started = 1;

    ngx_http_llm_clock_good(ctx);
    ngx_http_llm_input_close(at);

    return NGX_OK;
}


/* neighbours in the read buffer become one slice */

ngx_int_t
ngx_http_llm_input_raw(ngx_http_llm_attempt_t *at, ngx_str_t *raw,
    ngx_buf_t *source)
{
    size_t      size;
    ngx_buf_t  *b;

    if (source == NULL) {
        ngx_llm_out_str(&at->ctx->out, raw);
        return NGX_OK;
    }

    if (raw->data < source->start || raw->data >= source->end) {

        /* a frame that came in pieces lies in the reader's memory */

        b = ngx_http_llm_input_buf(at, 1);
        if (b == NULL) {
            return NGX_ERROR;
        }

        size = b->end - b->start;

        if (size < raw->len) {

            /* doubled: frames may grow by a byte each, for ever */

            size = ngx_max(size * 2, raw->len);

            b->start = ngx_pnalloc(at->request->pool, size);
            if (b->start == NULL) {
                return NGX_ERROR;
            }

            b->end = b->start + size;
        }

        b->pos = b->start;
        b->last = ngx_cpymem(b->pos, raw->data, raw->len);

        at->tail = NULL;

        return NGX_OK;
    }

    if (at->tail && at->tail->last == raw->data) {
        at->tail->last += raw->len;
        return NGX_OK;
    }

    b = ngx_http_llm_input_buf(at, 0);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = raw->data;
    b->last = raw->data + raw->len;

    at->tail = b;

    return NGX_OK;
}


/*
 * A buffer at the end of u->out_bufs.  own: with memory of its own, which
 * stays with it when it is recycled; else for a slice.
 */

static ngx_buf_t *
ngx_http_llm_input_buf(ngx_http_llm_attempt_t *at, ngx_uint_t own)
{
    ngx_buf_t            *b;
    ngx_chain_t          *cl, **ll, **fl;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = at->request;
    u = r->upstream;

    for (fl = &u->free_bufs; *fl; fl = &cl->next) {
        cl = *fl;

        if ((cl->buf->start != NULL) == own) {
            break;
        }
    }

    if (*fl) {
        cl = *fl;
        *fl = cl->next;

    } else {
        cl = ngx_alloc_chain_link(r->pool);
        if (cl == NULL) {
            return NULL;
        }

        cl->buf = ngx_calloc_buf(r->pool);
        if (cl->buf == NULL) {
            return NULL;
        }

        if (own) {
            b = cl->buf;

            b->start = ngx_palloc(r->pool, NGX_HTTP_LLM_OUT_SIZE);
            if (b->start == NULL) {
                return NULL;
            }

            b->end = b->start + NGX_HTTP_LLM_OUT_SIZE;
        }
    }

    cl->next = NULL;

    for (ll = &u->out_bufs; *ll; ll = &(*ll)->next) { /* void */ }

    *ll = cl;

    b = cl->buf;

    b->pos = b->start;
    b->last = b->start;
    b->memory = 1;
    b->flush = 1;
    b->tag = u->output.tag;

    return b;
}


/* the writer's output goes straight into a recycled buffer */

static ngx_int_t
ngx_http_llm_input_begin(ngx_http_llm_attempt_t *at)
{
    ngx_buf_t  *b;

    b = ngx_http_llm_input_buf(at, 1);
    if (b == NULL) {
        return NGX_ERROR;
    }

    at->tail = b;

    ngx_llm_out_init(&at->ctx->out, at->request->pool, b->start,
                     b->end - b->start, NGX_HTTP_LLM_MAX_ANSWER);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_input_end(ngx_http_llm_attempt_t *at)
{
    ngx_buf_t      *b;
    ngx_llm_out_t  *out;

    b = at->tail;
    out = &at->ctx->out;

    if (out->failed) {
        return NGX_ERROR;
    }

    b->start = out->start;
    b->pos = out->start;
    b->last = out->last;
    b->end = out->end;

    return NGX_OK;
}


/*
 * Output always ends with a whole event, so that another may follow.  What
 * the dialect has no event for is a comment.
 */

void
ngx_http_llm_input_ping(ngx_http_llm_attempt_t *at)
{
    ngx_llm_event_t       ev;
    ngx_http_request_t   *r;
    ngx_http_llm_ctx_t   *ctx;
    ngx_http_upstream_t  *u;

    ctx = at->ctx;
    r = at->request;
    u = r->upstream;

    if (u->out_bufs || u->busy_bufs || ngx_http_llm_input_begin(at) != NGX_OK)
    {
        return;
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_PING;

    ctx->dialect->write_event(&ctx->writer, &ev, &ctx->out);

    if (ngx_llm_out_len(&ctx->out) == 0) {
        ngx_llm_out_lit(&ctx->out, ": ping\n\n");
    }

    (void) ngx_http_llm_input_end(at);

    r->write_event_handler(r);
}


/* tells the core when nothing more is to come */

void
ngx_http_llm_input_close(ngx_http_llm_attempt_t *at)
{
    ngx_http_upstream_t  *u;

    u = at->request->upstream;

    if (at->body_done || (at->fail && at->good)) {
        u->length = 0;
        u->keepalive = at->body_done && at->keepalive;

    } else if (at->ended) {
        ngx_http_llm_clock_linger(at->ctx);
    }
}


/*
 * The core reads for as long as there is something to read.  A provider that
 * is faster than the client's link is held back by that; one that is as near
 * as the client would have the worker to itself.
 */

static void
ngx_http_llm_input_turn(ngx_http_llm_ctx_t *ctx, size_t bytes)
{
    ngx_connection_t  *c;

    if (ctx->turn_time != ngx_current_msec) {
        ctx->turn_time = ngx_current_msec;
        ctx->turn_bytes = 0;
    }

    ctx->turn_bytes += bytes;

    c = ctx->request->upstream->peer.connection;

    if (ctx->turn_bytes < NGX_HTTP_LLM_TURN_SIZE || !c->read->ready) {
        return;
    }

    ctx->turn_bytes = 0;
    ctx->turn.handler = ngx_http_llm_input_turn_handler;
    ctx->turn.data = ctx;
    ctx->turn.log = ctx->request->connection->log;

    c->read->ready = 0;

    ngx_post_event(&ctx->turn, &ngx_posted_next_events);
}


static void
ngx_http_llm_input_turn_handler(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ev->data;

    c = ctx->request->upstream->peer.connection;

    c->read->ready = 1;
    c->read->handler(c->read);
}


void
ngx_http_llm_input_stop(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->turn.posted) {
        ngx_delete_posted_event(&ctx->turn);
    }
}
