
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The balancer over deployments.  It wraps each provider's own balancer (the
 * upstream block's), which is initialised once per deployment and request and
 * so remembers the servers that it tried.
 */


#include "ngx_http_llm_account.h"


static ngx_int_t ngx_http_llm_get_peer(ngx_peer_connection_t *pc, void *data);
static void ngx_http_llm_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static void ngx_http_llm_notify_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t type);
static ngx_int_t ngx_http_llm_take_attempt(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_next_attempt(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_init_inner(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at);
static void ngx_http_llm_set_peer(ngx_peer_connection_t *pc,
    ngx_http_llm_ctx_t *ctx);

#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_llm_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_llm_save_session(ngx_peer_connection_t *pc, void *data);
#endif


ngx_int_t
ngx_http_llm_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    r->upstream->peer.tries = 1;
    r->upstream->peer.data = ctx;
    r->upstream->peer.get = ngx_http_llm_get_peer;
    r->upstream->peer.free = ngx_http_llm_free_peer;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_get_peer(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llm_ctx_t  *ctx = data;

    ngx_int_t                rc;
    ngx_uint_t               busy;
    ngx_http_request_t      *r;
    ngx_http_llm_attempt_t  *at;

    busy = 0;
    r = ctx->request;

    for ( ;; ) {

        if (ctx->again) {
            ctx->again = 0;

            if (ngx_http_llm_attempt_reset(ctx->attempt) != NGX_OK) {
                return NGX_ERROR;
            }

            if (ctx->stale) {
                ctx->stale = 0;

                /* its server was not tried, though the balancer thinks so */

                rc = ngx_http_llm_init_inner(r, ctx->attempt);

                if (rc != NGX_OK) {
                    return NGX_ERROR;
                }
            }

        } else {
            rc = ngx_http_llm_next_attempt(r, ctx);

            if (rc == NGX_BUSY) {
                ngx_log_error(NGX_LOG_INFO, pc->log, 0,
                              "no other deployment of model \"%V\" can take "
                              "the request", &ctx->model);

                /* what the core makes of NGX_BUSY is an error's line */

                pc->cached = 0;
                pc->tries = 0;

                return busy ? NGX_BUSY : NGX_DECLINED;
            }

            if (rc != NGX_OK) {
                return rc;
            }
        }

        at = ctx->attempt;

        pc->cached = 0;
        pc->connection = NULL;
        pc->data = at->data;
        pc->tries = at->tries;

        rc = at->get(pc, at->data);

        at->tries = pc->tries;

        ngx_http_llm_set_peer(pc, ctx);

        /* while an attempt lasts free() alone decides whether another comes */

        pc->tries = 1;

        if (rc == NGX_OK || rc == NGX_DONE) {
            ngx_http_llm_clock_start(ctx);
            return rc;
        }

        if (rc != NGX_BUSY) {
            return rc;
        }

        busy = 1;

        at->fail = NGX_LLM_FAIL_ERROR;
        ngx_http_llm_attempt_failed(at, at->fail);
    }
}


/*
 * Before the upstream begins, so that a request that no deployment can take
 * never gets there.  NGX_OK, NGX_BUSY: there is none, NGX_ERROR.
 */

ngx_int_t
ngx_http_llm_first_attempt(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_llm_take_attempt(r, ctx);

    ctx->ready = (rc == NGX_OK);

    return rc;
}


static ngx_int_t
ngx_http_llm_take_attempt(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_http_llm_deployment_t  *dep;

    for ( ;; ) {
        dep = ngx_http_llm_route_next(r, ctx, ctx->last_fail);

        if (dep == NULL) {
            return NGX_BUSY;
        }

        ngx_http_llm_route_take(ctx, dep);

        rc = ngx_http_llm_account_attempt(r, ctx, dep);

        if (rc == NGX_OK) {
            rc = ngx_http_llm_attempt_create(r, ctx, dep);
        }

        if (rc != NGX_DECLINED) {
            return rc;
        }

        /* passed over, which is no attempt */

        ctx->attempts--;
        ctx->stage.tried--;
    }
}


/* NGX_OK: ctx->attempt is ready to ask its own balancer */

static ngx_int_t
ngx_http_llm_next_attempt(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t  rc;

    for ( ;; ) {

        if (!ctx->ready) {
            rc = ngx_http_llm_take_attempt(r, ctx);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        ctx->ready = 0;

        /* the core puts the client's body there when it begins */

        r->upstream->request_bufs = ctx->attempt->out;

        rc = ngx_http_llm_init_inner(r, ctx->attempt);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        ngx_http_llm_attempt_failed(ctx->attempt, ctx->attempt->fail);
    }
}


static ngx_int_t
ngx_http_llm_init_inner(ngx_http_request_t *r, ngx_http_llm_attempt_t *at)
{
    ngx_peer_connection_t         *pc;
    ngx_http_upstream_t           *u;
    ngx_http_llm_provider_t       *provider;
    ngx_http_upstream_srv_conf_t  *uscf;

    provider = at->provider;

    if (provider->key_missing) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm provider \"%V\": it has no key",
                      &provider->name);
        at->fail = NGX_LLM_FAIL_AUTH;
        return NGX_DECLINED;
    }

    if (provider->peers
        && ngx_http_llm_peers_ready(provider->peers, NULL) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm provider \"%V\": no address of \"%V\" is known",
                      &provider->name, &provider->host);
        at->fail = NGX_LLM_FAIL_ERROR;
        return NGX_DECLINED;
    }

    if (at->token && at->target.authorization.len == 0) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm provider \"%V\": it has no access token",
                      &provider->name);
        at->fail = at->token_refused ? NGX_LLM_FAIL_AUTH
                                     : NGX_LLM_FAIL_ERROR;
        return NGX_DECLINED;
    }

    u = r->upstream;
    pc = &u->peer;
    uscf = provider->upstream.upstream;

    u->conf = &provider->upstream;
    u->upstream = uscf;

    if (provider->ssl) {
        ngx_str_set(&u->schema, "https://");

    } else {
        ngx_str_set(&u->schema, "http://");
    }

#if (NGX_HTTP_SSL)

    u->ssl = provider->ssl;
    u->ssl_name = provider->ssl_name.len ? provider->ssl_name
                                         : provider->host;
    pc->set_session = NULL;
    pc->save_session = NULL;

#endif

    /* round robin takes what it finds there for its own */

    pc->data = NULL;
    pc->notify = NULL;

    if (uscf->peer.init(r, uscf) != NGX_OK) {
        return NGX_ERROR;
    }

    at->data = pc->data;
    at->get = pc->get;
    at->free = pc->free;
    at->notify = pc->notify;
    at->tries = pc->tries;

#if (NGX_HTTP_SSL)
    at->set_session = pc->set_session;
    at->save_session = pc->save_session;
#endif

    return NGX_OK;
}


static void
ngx_http_llm_set_peer(ngx_peer_connection_t *pc, ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_attempt_t  *at;

    at = ctx->attempt;

    at->data = pc->data;

    pc->data = ctx;
    pc->get = ngx_http_llm_get_peer;
    pc->free = ngx_http_llm_free_peer;
    pc->notify = at->notify ? ngx_http_llm_notify_peer : NULL;

#if (NGX_HTTP_SSL)
    pc->set_session = at->set_session ? ngx_http_llm_set_session : NULL;
    pc->save_session = at->save_session ? ngx_http_llm_save_session : NULL;
#endif
}


static void
ngx_http_llm_free_peer(ngx_peer_connection_t *pc, void *data, ngx_uint_t state)
{
    ngx_http_llm_ctx_t  *ctx = data;

    ngx_uint_t               fail, cached;
    ngx_http_llm_attempt_t  *at;

    at = ctx->attempt;

    ngx_http_llm_clock_stop(ctx);

    fail = 0;

    if (at->more) {

        /* no failure: the next part of the request, by any server */

        state = 0;
        ctx->again = 1;
        ctx->stale = 1;

    } else if (state) {

        /* the core calls with a state for nothing but ngx_..._next() */

        if (at->fail == 0 && at->headers_done
            && at->status.code >= NGX_HTTP_SPECIAL_RESPONSE)
        {
            /* the body was cut, the status says enough */

            (void) ngx_http_llm_answer_refusal(at);
        }

        fail = at->fail ? at->fail : NGX_LLM_FAIL_ERROR;

        if (!(fail & (NGX_LLM_FAIL_ERROR|NGX_LLM_FAIL_TIMEOUT
                      |NGX_LLM_FAIL_SERVER_ERROR)))
        {
            state = NGX_PEER_NEXT;
        }
    }

    cached = pc->cached;

    pc->data = at->data;
    pc->tries = at->tries;

    at->free(pc, at->data, state);

    at->data = pc->data;
    at->tries = pc->tries;

    pc->data = ctx;
    pc->tries = at->more;

    if (fail == 0) {
        return;
    }

    if (at->fail == 0 && cached && !at->received) {

        /* an idle connection that had died; the core adds the try */

        ctx->again = 1;
        ctx->stale = 1;
        return;
    }

    if ((fail == NGX_LLM_FAIL_ERROR
         || (fail == NGX_LLM_FAIL_TIMEOUT
             && !ctx->request->upstream->request_sent))
        && at->tries)
    {
        ctx->again = 1;
        pc->tries = 1;
        return;
    }

    ngx_http_llm_attempt_failed(at, fail);

    if (ngx_http_llm_route_next(ctx->request, ctx, fail)) {
        pc->tries = 1;
    }
}


static void
ngx_http_llm_notify_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t type)
{
    ngx_http_llm_ctx_t  *ctx = data;

    ctx->attempt->notify(pc, ctx->attempt->data, type);
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_llm_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llm_ctx_t  *ctx = data;

    return ctx->attempt->set_session(pc, ctx->attempt->data);
}


static void
ngx_http_llm_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llm_ctx_t  *ctx = data;

    ctx->attempt->save_session(pc, ctx->attempt->data);
}

#endif
