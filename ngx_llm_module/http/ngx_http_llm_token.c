
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Access tokens: who waits for them, who fetches them, and when.  A token is
 * never logged, nor is what it is fetched with.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_token.h"


/* while another process fetches, and somebody waits or nobody does */
#define NGX_HTTP_LLM_TOKEN_POLL   50
#define NGX_HTTP_LLM_TOKEN_IDLE   1000

#define NGX_HTTP_LLM_TOKEN_BODY   65536


static ngx_int_t ngx_http_llm_token_tick(ngx_http_llm_token_t *token);
static void ngx_http_llm_token_arm(ngx_http_llm_token_t *token,
    ngx_msec_t wait);
static void ngx_http_llm_token_handler(ngx_event_t *ev);
static void ngx_http_llm_token_wake(ngx_http_llm_token_t *token);
static ngx_int_t ngx_http_llm_token_fetch(ngx_http_llm_token_t *token);
static ngx_int_t ngx_http_llm_token_body(ngx_http_llm_token_t *token,
    ngx_http_llm_fetch_t *fetch);
static void ngx_http_llm_token_fetched(ngx_http_llm_fetch_t *fetch);
static void ngx_http_llm_token_error_log(ngx_http_llm_token_t *token,
    ngx_http_llm_fetch_t *fetch, time_t wait);


ngx_int_t
ngx_http_llm_tokens_ready(ngx_http_llm_provider_t *provider,
    ngx_http_llm_waiter_t *waiter)
{
    ngx_uint_t                  i, n, valid;
    ngx_http_llm_token_t       *pending, *token;
    ngx_http_llm_token_view_t   view;

    if (provider->tokens == NULL || provider->tokens->nelts == 0) {
        return NGX_OK;
    }

    valid = 0;
    pending = NULL;

    token = provider->tokens->elts;
    n = provider->tokens->nelts;

    for (i = 0; i < n; i++) {

        if (ngx_http_llm_token_tick(&token[i]) == NGX_AGAIN) {
            pending = &token[i];
        }

        if (ngx_http_llm_token_look(&token[i], NULL, &view) == NGX_OK
            && view.valid)
        {
            valid = 1;
        }
    }

    if (valid) {
        return NGX_OK;
    }

    if (pending == NULL) {
        return NGX_DECLINED;
    }

    if (waiter && !waiter->active) {
        waiter->active = 1;
        ngx_queue_insert_tail(&pending->waiters, &waiter->queue);

        if (pending->fetch == NULL) {
            ngx_http_llm_token_arm(pending, NGX_HTTP_LLM_TOKEN_POLL);
        }
    }

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_llm_token_attempt(ngx_http_llm_attempt_t *at)
{
    ngx_uint_t                  i, n;
    ngx_http_llm_token_t       *token;
    ngx_http_llm_provider_t    *provider;
    ngx_http_llm_token_view_t   view;

    provider = at->provider;

    token = provider->tokens->elts;
    n = provider->tokens->nelts;

    /* they take turns; one that is not there is passed over */

    for (i = 0; i < n; i++) {
        at->token = &token[provider->next_key++ % n];

        if (ngx_http_llm_token_look(at->token, at->request->pool, &view)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        (void) ngx_http_llm_token_tick(at->token);

        at->token_version = view.version;
        at->token_refused = view.refused;

        if (view.valid) {
            at->target.authorization = view.value;
            break;
        }
    }

    return NGX_OK;
}


void
ngx_http_llm_token_refused(ngx_http_llm_attempt_t *at)
{
    if (ngx_http_llm_token_drop(at->token, at->token_version) != NGX_OK) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, at->request->connection->log, 0,
                  "llm provider \"%V\" refused its access token, "
                  "another one is fetched", &at->provider->name);

    (void) ngx_http_llm_token_tick(at->token);
}


/*
 * Does what is to be done about a token now, and sets the timer for the next
 * time.  NGX_AGAIN: it is being fetched; NGX_DECLINED: it is not.
 */

static ngx_int_t
ngx_http_llm_token_tick(ngx_http_llm_token_t *token)
{
    time_t     wait;
    ngx_int_t  rc;

    if (token->fetch) {
        return NGX_AGAIN;
    }

    rc = ngx_http_llm_token_lease(token, &wait);

    if (rc == NGX_OK) {

        if (ngx_http_llm_token_fetch(token) == NGX_OK) {
            return NGX_AGAIN;
        }

        wait = ngx_http_llm_token_failed(token, 0, -1);
        rc = NGX_DECLINED;
    }

    if (rc == NGX_BUSY) {
        ngx_http_llm_token_arm(token, ngx_queue_empty(&token->waiters)
                                      ? NGX_HTTP_LLM_TOKEN_IDLE
                                      : NGX_HTTP_LLM_TOKEN_POLL);
        return NGX_AGAIN;
    }

    /* rc == NGX_DECLINED */

    if (wait) {
        ngx_http_llm_token_arm(token, (ngx_msec_t) wait * 1000);
    }

    return NGX_DECLINED;
}


/* no later than that, if it is not set for sooner */

static void
ngx_http_llm_token_arm(ngx_http_llm_token_t *token, ngx_msec_t wait)
{
    if (token->timer.timer_set) {

        if ((ngx_msec_int_t) (token->timer.timer.key - ngx_current_msec)
            <= (ngx_msec_int_t) wait)
        {
            return;
        }

        ngx_del_timer(&token->timer);
    }

    if (ngx_exiting && ngx_queue_empty(&token->waiters)) {
        return;
    }

    token->timer.handler = ngx_http_llm_token_handler;
    token->timer.data = token;
    token->timer.log = ngx_cycle->log;
    token->timer.cancelable = 1;

    ngx_add_timer(&token->timer, wait);
}


static void
ngx_http_llm_token_handler(ngx_event_t *ev)
{
    ngx_http_llm_token_t *token = ev->data;

    ngx_int_t                  rc;
    ngx_http_llm_token_view_t  view;

    if (ngx_terminate || (ngx_exiting && ngx_queue_empty(&token->waiters))) {
        return;
    }

    rc = ngx_http_llm_token_tick(token);

    if (ngx_queue_empty(&token->waiters)) {
        return;
    }

    if (rc == NGX_DECLINED
        || (ngx_http_llm_token_look(token, NULL, &view) == NGX_OK
            && view.valid))
    {
        ngx_http_llm_token_wake(token);
    }
}


static void
ngx_http_llm_token_wake(ngx_http_llm_token_t *token)
{
    ngx_queue_t            *q, waiters;
    ngx_http_llm_waiter_t  *waiter;

    if (ngx_queue_empty(&token->waiters)) {
        return;
    }

    /* a handler may cancel other waiters, and may wait anew */

    ngx_queue_init(&waiters);
    ngx_queue_add(&waiters, &token->waiters);
    ngx_queue_init(&token->waiters);

    while (!ngx_queue_empty(&waiters)) {
        q = ngx_queue_head(&waiters);
        waiter = ngx_queue_data(q, ngx_http_llm_waiter_t, queue);

        ngx_queue_remove(q);
        waiter->active = 0;

        waiter->handler(waiter->data);
    }
}


static ngx_int_t
ngx_http_llm_token_fetch(ngx_http_llm_token_t *token)
{
    ngx_http_llm_fetch_t  *fetch;

    fetch = ngx_http_llm_fetch_create(token->site);
    if (fetch == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_token_body(token, fetch) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "the request for an access token of llm provider "
                      "\"%V\" could not be made", &token->provider->name);
        ngx_http_llm_fetch_cancel(fetch);
        return NGX_ERROR;
    }

    ngx_str_set(&fetch->method, "POST");
    ngx_str_set(&fetch->type, "application/x-www-form-urlencoded");

    fetch->connect_timeout = token->provider->clocks.connect;
    fetch->handler = ngx_http_llm_token_fetched;
    fetch->data = token;

    token->fetch = fetch;

    ngx_http_llm_fetch_start(fetch);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_token_body(ngx_http_llm_token_t *token,
    ngx_http_llm_fetch_t *fetch)
{
    ngx_str_t       assertion;
    ngx_llm_out_t   out;

    ngx_llm_out_init(&out, fetch->pool, NULL, 0, NGX_HTTP_LLM_TOKEN_BODY);

    switch (token->kind) {

    case NGX_HTTP_LLM_TOKEN_ACCOUNT:

        if (ngx_llm_account_assertion(fetch->pool, token->account, ngx_time(),
                                      &assertion)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_llm_token_write_account(&assertion, &out);
        break;

    case NGX_HTTP_LLM_TOKEN_CLIENT:
        ngx_llm_token_write_client(&token->provider->client_id,
                                   &token->secret, &token->provider->scope,
                                   &out);
        break;

    default: /* NGX_HTTP_LLM_TOKEN_APIKEY */
        ngx_llm_token_write_apikey(&token->secret, &out);
        break;
    }

    if (out.failed) {
        return NGX_ERROR;
    }

    fetch->body.data = out.start;
    fetch->body.len = ngx_llm_out_len(&out);

    return NGX_OK;
}


static void
ngx_http_llm_token_fetched(ngx_http_llm_fetch_t *fetch)
{
    ngx_http_llm_token_t *token = fetch->data;

    time_t      wait;
    ngx_int_t   expires;
    ngx_str_t   value;
    ngx_uint_t  refused;

    token->fetch = NULL;

    if (fetch->err == NULL && fetch->status == NGX_HTTP_OK
        && ngx_llm_token_read(fetch->pool, &fetch->answer, &value, &expires)
           == NGX_OK)
    {
        ngx_http_llm_token_store(token, &value, expires);

        ngx_explicit_memzero(value.data, value.len);

        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "an access token of llm provider \"%V\" was fetched, "
                      "it holds %i seconds",
                      &token->provider->name, expires);

    } else {

        /* who is told no by word would be told no again */

        refused = (fetch->err == NULL
                   && fetch->status >= 400 && fetch->status < 500
                   && fetch->status != 408 && fetch->status != 429);

        wait = ngx_http_llm_token_failed(token, refused, fetch->retry_after);

        ngx_http_llm_token_error_log(token, fetch, wait);
    }

    (void) ngx_http_llm_token_tick(token);

    ngx_http_llm_token_wake(token);
}


static void
ngx_http_llm_token_error_log(ngx_http_llm_token_t *token,
    ngx_http_llm_fetch_t *fetch, time_t wait)
{
    ngx_str_t                   word, *host, *name;
    ngx_uint_t                  level;
    ngx_http_llm_token_view_t   view;

    level = NGX_LOG_ERR;

    if (ngx_http_llm_token_look(token, NULL, &view) == NGX_OK && view.valid) {
        level = NGX_LOG_WARN;
    }

    name = &token->provider->name;
    host = &token->site->host.authority;

    if (fetch->err) {
        ngx_log_error(level, ngx_cycle->log, 0,
                      "no access token of llm provider \"%V\" from %V: %s, "
                      "next try in %T seconds", name, host, fetch->err, wait);
        return;
    }

    word = ngx_llm_token_error(fetch->pool, &fetch->answer);

    ngx_log_error(level, ngx_cycle->log, 0,
                  "no access token of llm provider \"%V\" from %V: status "
                  "%ui%s%V, next try in %T seconds", name, host,
                  fetch->status, word.len ? ", " : "", &word, wait);
}
