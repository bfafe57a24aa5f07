
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Four clocks, one timer: connect, first token, read, total.  The timer is
 * set to the soonest that may expire and looks again when it fires, so a byte
 * costs a store and no timer.  The same timer sees to it that the client of a
 * stream is not left without a sign of life.
 */


#include "ngx_http_llm.h"
#include "ngx_http_llm_keepalive.h"


static void ngx_http_llm_clock_sooner(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_clock_handler(ngx_event_t *ev);
static ngx_msec_t ngx_http_llm_clock_next(ngx_http_llm_ctx_t *ctx,
    ngx_msec_t deadline);
static ngx_msec_t ngx_http_llm_clock_deadline(ngx_http_llm_attempt_t *at,
    char **what);


/* how long a client waits for the framing behind the end of a stream */
#define NGX_HTTP_LLM_LINGER  200


void
ngx_http_llm_clock_start(ngx_http_llm_ctx_t *ctx)
{
    ngx_msec_t               timeout;
    ngx_http_llm_attempt_t  *at;

    at = ctx->attempt;
    at->started = ngx_current_msec;

    timeout = ngx_min(at->clocks.connect, at->clocks.total);

    if (at->stream) {
        timeout = ngx_min(timeout, at->clocks.first_token);
    }

    ctx->timer.handler = ngx_http_llm_clock_handler;
    ctx->timer.data = ctx;
    ctx->timer.log = ctx->request->connection->log;

    ngx_add_timer(&ctx->timer,
                  ngx_http_llm_clock_next(ctx, at->started + timeout));
}


void
ngx_http_llm_clock_stop(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }
}


/* called for each read; a later byte can only move the deadline away */

void
ngx_http_llm_clock_received(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_attempt_t  *at;

    at = ctx->attempt;

    at->last = ngx_current_msec;

    if (at->received) {
        return;
    }

    at->received = 1;

    ngx_http_llm_clock_sooner(ctx);
}


/* what was held goes to the client now: from here on it is less patient */

void
ngx_http_llm_clock_good(ngx_http_llm_ctx_t *ctx)
{
    ctx->heard = ngx_current_msec;

    if (ctx->attempt->stream) {
        ngx_http_llm_clock_sooner(ctx);
    }
}


static void
ngx_http_llm_clock_sooner(ngx_http_llm_ctx_t *ctx)
{
    char        *what;
    ngx_msec_t   deadline, left;

    deadline = ngx_http_llm_clock_deadline(ctx->attempt, &what);
    left = ngx_http_llm_clock_next(ctx, deadline);

    if (!ctx->timer.timer_set
        || (ngx_msec_int_t) (ngx_current_msec + left - ctx->timer.timer.key)
           < 0)
    {
        ngx_add_timer(&ctx->timer, left);
    }
}


/* milliseconds until that deadline or the next sign of life, 1 at least */

static ngx_msec_t
ngx_http_llm_clock_next(ngx_http_llm_ctx_t *ctx, ngx_msec_t deadline)
{
    ngx_msec_t      time;
    ngx_msec_int_t  left;

    left = (ngx_msec_int_t) (deadline - ngx_current_msec);

    if (ngx_http_llm_keepalive_due(ctx, &time)) {
        left = ngx_min(left, (ngx_msec_int_t) (time - ngx_current_msec));
    }

    return (ngx_msec_t) ngx_max(left, 1);
}


/*
 * The stream's end mark is there, the framing's end is not: a moment more
 * saves the connection, but the client has all it waits for.
 */

void
ngx_http_llm_clock_linger(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->attempt->lingers) {
        return;
    }

    ctx->attempt->lingers = 1;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    ngx_add_timer(&ctx->timer, NGX_HTTP_LLM_LINGER);
}


static void
ngx_http_llm_clock_handler(ngx_event_t *ev)
{
    char                    *what;
    ngx_msec_t               deadline, time;
    ngx_uint_t               due;
    ngx_connection_t        *c, *pc;
    ngx_http_request_t      *r;
    ngx_http_upstream_t     *u;
    ngx_http_llm_ctx_t      *ctx;
    ngx_http_llm_attempt_t  *at;

    ctx = ev->data;
    at = ctx->attempt;
    r = ctx->request;
    u = r->upstream;
    c = r->connection;

    if (at->lingers) {
        u->length = 0;
        r->write_event_handler(r);
        ngx_http_run_posted_requests(c);
        return;
    }

    deadline = ngx_http_llm_clock_deadline(at, &what);

    if ((ngx_msec_int_t) (deadline - ngx_current_msec) > 0) {

        due = ngx_http_llm_keepalive_due(ctx, &time)
              && (ngx_msec_int_t) (time - ngx_current_msec) <= 0;

        if (due) {
            ctx->heard = ngx_current_msec;
        }

        ngx_add_timer(ev, ngx_http_llm_clock_next(ctx, deadline));

        if (due) {
            ngx_http_llm_keepalive_send(ctx);
            ngx_http_run_posted_requests(c);
        }

        return;
    }

    pc = u->peer.connection;

    if (pc == NULL) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, c->log, 0, "llm provider \"%V\": %s expired",
                  &at->provider->name, what);

    at->fail = NGX_LLM_FAIL_TIMEOUT;

    if (u->request_sent) {
        pc->read->timedout = 1;
        pc->read->handler(pc->read);

    } else {
        pc->write->timedout = 1;
        pc->write->handler(pc->write);
    }

    ngx_http_run_posted_requests(c);
}


static ngx_msec_t
ngx_http_llm_clock_deadline(ngx_http_llm_attempt_t *at, char **what)
{
    ngx_msec_t            deadline, t;
    ngx_http_upstream_t  *u;

    u = at->request->upstream;

    deadline = at->started + at->clocks.total;
    *what = "total_timeout";

    if (!u->request_sent) {
        t = at->started + at->clocks.connect;

        if ((ngx_msec_int_t) (t - deadline) < 0) {
            deadline = t;
            *what = "connect_timeout";
        }

        return deadline;
    }

    if (at->stream && !at->good) {
        t = at->started + at->clocks.first_token;

        if (u->state && u->state->connect_time != (ngx_msec_t) -1) {
            t += u->state->connect_time;
        }

        if ((ngx_msec_int_t) (t - deadline) < 0) {
            deadline = t;
            *what = "first_token_timeout";
        }
    }

    if (at->received) {
        t = at->last + at->clocks.read;

        if ((ngx_msec_int_t) (t - deadline) < 0) {
            deadline = t;
            *what = "read_timeout";
        }
    }

    return deadline;
}
