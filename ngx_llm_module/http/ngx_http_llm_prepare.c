
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The step that may wait, before the upstream begins: peer.get cannot.
 */


#include "ngx_http_llm_token.h"


static ngx_int_t ngx_http_llm_prepare_ready(
    ngx_http_llm_provider_t *provider, ngx_http_llm_waiter_t *waiter);
static void ngx_http_llm_prepare_done(void *data);
static void ngx_http_llm_prepare_timeout(ngx_event_t *ev);
static void ngx_http_llm_prepare_cleanup(void *data);
static void ngx_http_llm_prepare_stop(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_prepare_start(ngx_http_llm_ctx_t *ctx);


/*
 * Starts what the first stage's deployments lack and waits, bounded by the
 * first one's connect timeout, until that one has it or is known not to get
 * it.  A warm worker finds everything at hand.
 */

ngx_int_t
ngx_http_llm_prepare(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_msec_t                  timeout;
    ngx_http_cleanup_t         *cln;
    ngx_http_llm_stage_t       *stage;
    ngx_http_llm_loc_conf_t    *llcf;
    ngx_http_llm_provider_t    *provider;
    ngx_http_llm_deployment_t  *dep;

    dep = ctx->pending;
    provider = dep->provider;

    if (provider->peers == NULL && provider->tokens == NULL) {
        return NGX_OK;
    }

    ctx->waiter.handler = ngx_http_llm_prepare_done;
    ctx->waiter.data = ctx;

    rc = ngx_http_llm_prepare_ready(provider, &ctx->waiter);

    if (rc != NGX_AGAIN) {
        return NGX_OK;
    }

    stage = &ctx->stage;

    for (i = stage->next; i < stage->n; i++) {
        if (stage->order[i]->provider != provider) {
            (void) ngx_http_llm_prepare_ready(stage->order[i]->provider,
                                              NULL);
        }
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        ngx_http_llm_peers_cancel(&ctx->waiter);
        return NGX_ERROR;
    }

    cln->handler = ngx_http_llm_prepare_cleanup;
    cln->data = ctx;

    timeout = dep->model->clocks.connect;

    if (timeout == NGX_CONF_UNSET_MSEC) {
        timeout = provider->clocks.connect;
    }

    ctx->waiting = 1;
    ctx->timer.handler = ngx_http_llm_prepare_timeout;
    ctx->timer.data = ctx;
    ctx->timer.log = r->connection->log;

    ngx_add_timer(&ctx->timer, timeout);

    r->connection->log->action = "waiting for the provider's name or token";
    r->write_event_handler = ngx_http_request_empty_handler;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    r->read_event_handler = llcf->ignore_client_abort ? ngx_http_block_reading
                                                      : ngx_http_test_reading;

    return NGX_AGAIN;
}


/* both are begun, and waited for one after the other */

static ngx_int_t
ngx_http_llm_prepare_ready(ngx_http_llm_provider_t *provider,
    ngx_http_llm_waiter_t *waiter)
{
    ngx_int_t  rc;

    rc = NGX_OK;

    if (provider->peers) {
        rc = ngx_http_llm_peers_ready(provider->peers, waiter);
    }

    if (provider->tokens && rc != NGX_DECLINED) {

        if (rc == NGX_AGAIN) {
            (void) ngx_http_llm_tokens_ready(provider, NULL);

        } else {
            rc = ngx_http_llm_tokens_ready(provider, waiter);
        }
    }

    return rc;
}


static void
ngx_http_llm_prepare_done(void *data)
{
    ngx_http_llm_ctx_t  *ctx = data;

    if (ngx_http_llm_prepare_ready(ctx->pending->provider, &ctx->waiter)
        == NGX_AGAIN)
    {
        return;
    }

    ngx_http_llm_prepare_start(ctx);
}


static void
ngx_http_llm_prepare_timeout(ngx_event_t *ev)
{
    ngx_http_llm_ctx_t  *ctx = ev->data;

    ngx_http_llm_prepare_start(ctx);
}


/* the request ends here: what it was to probe is left for another */

static void
ngx_http_llm_prepare_cleanup(void *data)
{
    ngx_http_llm_ctx_t  *ctx = data;

    if (!ctx->waiting) {
        return;
    }

    ngx_http_llm_prepare_stop(ctx);

    if (ctx->probe) {
        ctx->probe = 0;
        ngx_http_llm_health_release(ctx->pending);
    }
}


static void
ngx_http_llm_prepare_stop(ngx_http_llm_ctx_t *ctx)
{
    ctx->waiting = 0;

    ngx_http_llm_peers_cancel(&ctx->waiter);

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }
}


/* a deployment that is not ready now is passed over in peer.get */

static void
ngx_http_llm_prepare_start(ngx_http_llm_ctx_t *ctx)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    if (ngx_http_get_module_ctx(r, ngx_http_llm_module) != ctx) {

        /* the client left, and post_action led the request elsewhere */

        ngx_http_llm_prepare_cleanup(ctx);
        return;
    }

    ngx_http_llm_prepare_stop(ctx);

    /* not every upstream looks at the client: who does sets its own handler */

    r->read_event_handler = ngx_http_block_reading;

    ngx_http_llm_start(r, ctx);

    ngx_http_run_posted_requests(c);
}
