
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * One try of one deployment: its request, and what its failure means.
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_call.h"
#include "ngx_http_llm_endpoint.h"
#include "ngx_http_llm_price.h"
#include "ngx_http_llm_sign.h"
#include "ngx_http_llm_token.h"
#include "ngx_llm_request.h"


#define NGX_HTTP_LLM_HEAD_SIZE     512
#define NGX_HTTP_LLM_MAX_HEAD      65536
#define NGX_HTTP_LLM_SCRATCH_SIZE  2048

/* a translated body is at most so many times longer: \u0000 for each byte */
#define NGX_HTTP_LLM_GROWTH        6

#define NGX_HTTP_LLM_REFUSALS                                                \
    (NGX_LLM_FAIL_REQUEST|NGX_LLM_FAIL_CONTEXT|NGX_LLM_FAIL_CONTENT          \
     |NGX_LLM_FAIL_NO_MODEL)

/* that say nothing of a deployment's chats */
#define NGX_HTTP_LLM_COUNT_FAILS                                             \
    (NGX_LLM_FAIL_AUTH|NGX_LLM_FAIL_RATE_LIMIT|NGX_LLM_FAIL_INVALID)


static ngx_int_t ngx_http_llm_attempt_target(ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_attempt_price(ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_attempt_request(ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_attempt_head(ngx_http_llm_attempt_t *at,
    ngx_str_t *path, size_t length, ngx_array_t *slices, ngx_str_t *head);
static ngx_int_t ngx_http_llm_attempt_chain(ngx_http_llm_attempt_t *at,
    ngx_str_t *head, ngx_array_t *slices);
static ngx_msec_t ngx_http_llm_attempt_clock(ngx_msec_t model,
    ngx_msec_t provider, ngx_msec_t def);
static void ngx_http_llm_attempt_cleanup(void *data);


ngx_int_t
ngx_http_llm_attempt_create(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep)
{
    ngx_int_t                 rc;
    ngx_http_llm_clocks_t    *m, *p;
    ngx_http_llm_attempt_t   *at;
    ngx_http_llm_provider_t  *provider;

    at = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_attempt_t));
    if (at == NULL) {
        return NGX_ERROR;
    }

    provider = dep->provider;

    at->request = r;
    at->ctx = ctx;
    at->deployment = dep;
    at->provider = provider;
    at->probe = ctx->probe;
    at->stream = ctx->chat.stream;

    ctx->probe = 0;
    ctx->attempt = at;

    m = &dep->model->clocks;
    p = &provider->clocks;

    at->clocks.connect = ngx_http_llm_attempt_clock(m->connect, p->connect,
                                                    5000);
    at->clocks.first_token = ngx_http_llm_attempt_clock(m->first_token,
                                                        p->first_token,
                                                        300000);
    at->clocks.read = ngx_http_llm_attempt_clock(m->read, p->read, 300000);
    at->clocks.total = ngx_http_llm_attempt_clock(m->total, p->total,
                                                  at->stream ? 3600000
                                                             : 600000);

    if (ngx_http_llm_template_run(r->pool, &dep->name, &ctx->stage.match,
                                  &at->target.model)
        != NGX_OK
        || ngx_http_llm_template_run(r->pool, &dep->as, &ctx->stage.match,
                                     &at->target.family)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    at->dialect = ngx_llm_dialect_variant(provider->dialect,
                                          &at->target.model);

    if (ctx->dialect->native == at->dialect) {
        at->dialect = ctx->dialect;
    }

    at->splice = ngx_llm_request_splices(&ctx->chat, at->dialect);

    if (ngx_http_llm_attempt_target(at) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->upstream_model = at->target.model;

    rc = ngx_http_llm_attempt_price(at);

    if (rc == NGX_OK) {
        rc = ctx->call ? ctx->call->request(at)
                       : ngx_http_llm_attempt_request(at);
    }

    if (rc == NGX_DECLINED) {

        /* what this provider cannot say: kept as the answer of last resort */

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "llm provider \"%V\" is passed over: %V",
                      &provider->name, &at->err.message);

        at->err.fail = NGX_LLM_FAIL_REQUEST;
        at->fail = NGX_LLM_FAIL_REQUEST;
        at->reported = 1;

        if (ctx->failed == 0) {
            ctx->failed = NGX_LLM_FAIL_REQUEST;
            ctx->refusal = at->err;
        }

        if (at->probe) {
            ngx_http_llm_health_release(dep);
        }

        return NGX_DECLINED;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_attempt_reset(at);
}


static ngx_int_t
ngx_http_llm_attempt_request(ngx_http_llm_attempt_t *at)
{
    ngx_int_t        rc;
    ngx_array_t      slices;
    ngx_llm_chat_t  *chat;

    chat = &at->ctx->chat;

    if (ngx_array_init(&slices, chat->pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_llm_request(chat, at->dialect, &at->target,
                         chat->text.len * NGX_HTTP_LLM_GROWTH + 65536,
                         &slices, &at->err);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llm_attempt_out(at, NULL, &slices);
}


ngx_int_t
ngx_http_llm_attempt_out(ngx_http_llm_attempt_t *at, ngx_str_t *path,
    ngx_array_t *slices)
{
    size_t       length;
    ngx_str_t    head, *slice;
    ngx_uint_t   i;

    length = 0;
    slice = slices->elts;

    for (i = 0; i < slices->nelts; i++) {
        length += slice[i].len;
    }

    if (ngx_http_llm_attempt_head(at, path, length, slices, &head)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_attempt_chain(at, &head, slices);
}


static ngx_msec_t
ngx_http_llm_attempt_clock(ngx_msec_t model, ngx_msec_t provider,
    ngx_msec_t def)
{
    if (model != NGX_CONF_UNSET_MSEC) {
        return model;
    }

    if (provider != NGX_CONF_UNSET_MSEC) {
        return provider;
    }

    return def;
}


static ngx_int_t
ngx_http_llm_attempt_target(ngx_http_llm_attempt_t *at)
{
    ngx_str_t                *key, *value;
    ngx_llm_target_t         *target;
    ngx_http_request_t       *r;
    ngx_http_llm_provider_t  *provider;

    target = &at->target;
    provider = at->provider;

    target->provider = provider->name;
    target->base = provider->base;
    target->api_version = provider->api_version;
    target->region = provider->region;
    target->project = provider->project;
    target->space = provider->space;
    target->max_tokens = at->deployment->model->max_tokens;
    target->cap = ngx_http_llm_account_cap(at->request, at->ctx,
                                           at->deployment);
    target->quirks = provider->quirks;
    target->key_header = provider->key_header;
    target->key_prefix = provider->key_prefix;
    target->sets = at->deployment->sets;

    ngx_llm_request_drop(target, provider->drop);
    ngx_llm_request_drop(target, at->deployment->model->drop);

    if (provider->tokens) {

        if (ngx_http_llm_token_attempt(at) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (provider->keys.nelts) {
        key = provider->keys.elts;
        target->key = key[provider->next_key % provider->keys.nelts];
        provider->next_key++;
    }

    if (!(at->ctx->dialect->flags & NGX_LLM_DIALECT_BETAS)
        || !(at->dialect->flags & NGX_LLM_DIALECT_BETAS))
    {
        return NGX_OK;
    }

    /* what the client's body is written for goes with it */

    r = at->request;

    value = ngx_http_llm_request_header(r, "anthropic-version");

    if (value) {
        target->version = *value;
    }

    return ngx_http_llm_request_list(r, "anthropic-beta", &target->beta);
}


/* NGX_DECLINED: there is no price, and llm_unpriced wants one */

static ngx_int_t
ngx_http_llm_attempt_price(ngx_http_llm_attempt_t *at)
{
    ngx_str_t                *name;
    ngx_http_llm_ctx_t       *ctx;
    ngx_http_llm_loc_conf_t  *llcf;

    ctx = at->ctx;

    name = ctx->stage.name.len ? &ctx->stage.name : &ctx->model;

    at->price = ngx_http_llm_price_find(at->request, at->deployment,
                                        &ctx->stage.match, name);

    if (at->price == NULL
        && ngx_http_llm_price_needed(at->request,
                                     ngx_http_llm_account_money(ctx,
                                                         at->deployment)))
    {
        return ngx_llm_error(at->request->pool, &at->err, NGX_HTTP_FORBIDDEN,
                             "permission_error", "model_unpriced", "model",
                             "the price of model \"%V\" is not known", name);
    }

    llcf = ngx_http_get_module_loc_conf(at->request, ngx_http_llm_module);

    at->tell_cost = (llcf->usage_cost && at->price);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_attempt_head(ngx_http_llm_attempt_t *at, ngx_str_t *path,
    size_t length, ngx_array_t *slices, ngx_str_t *head)
{
    size_t                    len;
    u_char                   *p;
    ngx_uint_t                i;
    ngx_keyval_t             *kv;
    ngx_llm_out_t             out;
    ngx_llm_signed_t          s;
    ngx_http_request_t       *r;
    ngx_llm_chat_t           *chat;
    ngx_http_llm_provider_t  *provider;

    r = at->request;
    chat = &at->ctx->chat;
    provider = at->provider;

    p = ngx_pnalloc(r->pool, NGX_HTTP_LLM_HEAD_SIZE);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_llm_out_init(&out, r->pool, p, NGX_HTTP_LLM_HEAD_SIZE,
                     NGX_HTTP_LLM_MAX_HEAD);

    ngx_llm_out_lit(&out, "POST ");

    if (path) {
        ngx_llm_out_str(&out, path);

    } else {
        at->dialect->write_path(chat, &at->target, &out);
    }

    len = ngx_llm_out_len(&out) - (sizeof("POST ") - 1);

    ngx_llm_out_lit(&out, " HTTP/1.1" CRLF);

    ngx_llm_out_header(&out, "Host", &provider->authority);
    ngx_llm_out_lit(&out, "User-Agent: nginx-llm" CRLF
                          "Accept-Encoding: identity" CRLF);

    at->dialect->write_headers(chat, &at->target, &out);

    if (provider->headers) {
        kv = provider->headers->elts;

        for (i = 0; i < provider->headers->nelts; i++) {
            ngx_llm_out_header(&out, (char *) kv[i].key.data, &kv[i].value);
        }
    }

    ngx_memzero(&s, sizeof(ngx_llm_signed_t));

    ngx_str_set(&s.method, "POST");
    ngx_str_set(&s.type, "application/json");

    s.path.data = out.start + sizeof("POST ") - 1;
    s.path.len = len;
    s.body = slices->elts;
    s.nbody = slices->nelts;

    if (!out.failed && ngx_http_llm_sign(at, &s, &out) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_out_lit(&out, "Content-Length: ");
    ngx_llm_out_int(&out, (int64_t) length);
    ngx_llm_out_lit(&out, CRLF CRLF);

    if (out.failed) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "could not write the request head for llm provider "
                      "\"%V\"", &provider->name);
        return NGX_ERROR;
    }

    head->data = out.start;
    head->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


/* buffers own their start: the core rewinds them to it before a resend */

static ngx_int_t
ngx_http_llm_attempt_chain(ngx_http_llm_attempt_t *at, ngx_str_t *head,
    ngx_array_t *slices)
{
    ngx_str_t     *slice;
    ngx_uint_t     i;
    ngx_pool_t    *pool;
    ngx_chain_t  **ll;

    pool = at->request->pool;
    slice = slices->elts;
    ll = &at->out;

    ll = ngx_http_llm_attempt_buf(pool, ll, head);

    for (i = 0; i < slices->nelts; i++) {
        if (ll && slice[i].len) {
            ll = ngx_http_llm_attempt_buf(pool, ll, &slice[i]);
        }
    }

    return ll ? NGX_OK : NGX_ERROR;
}


ngx_chain_t **
ngx_http_llm_attempt_buf(ngx_pool_t *pool, ngx_chain_t **ll, ngx_str_t *text)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(pool);
    if (b == NULL) {
        return NULL;
    }

    cl = ngx_alloc_chain_link(pool);
    if (cl == NULL) {
        return NULL;
    }

    b->start = text->data;
    b->pos = text->data;
    b->last = text->data + text->len;
    b->end = b->last;
    b->memory = 1;

    cl->buf = b;
    cl->next = NULL;

    *ll = cl;

    return &cl->next;
}


ngx_int_t
ngx_http_llm_attempt_reset(ngx_http_llm_attempt_t *at)
{
    ngx_http_request_t  *r;
    ngx_http_llm_ctx_t  *ctx;
    ngx_pool_cleanup_t  *cln;

    r = at->request;
    ctx = at->ctx;

    ngx_memzero(&at->status, sizeof(ngx_http_status_t));
    ngx_memzero(&at->chunked, sizeof(ngx_http_chunked_t));
    ngx_memzero(&at->err, sizeof(ngx_llm_error_t));

    at->length = -1;
    at->retry_after = -1;
    at->wait = NULL;
    at->error_type.len = 0;
    at->fail = 0;
    at->pass.nelts = 0;
    at->chunked_body = 0;
    at->headers_done = 0;
    at->body_done = 0;
    at->keepalive = 0;
    at->received = 0;
    at->good = 0;
    at->json = 0;
    at->encoded = 0;
    at->ended = 0;
    at->lingers = 0;
    at->first = 1;
    at->more = 0;
    at->raw = 0;
    at->type.len = 0;

    if (at->patch) {
        at->patch->in_file = 1;
    }

    ngx_llm_json_end_init(&at->json_end);
    ngx_llm_usage_init(&ctx->usage);

    ctx->text_bytes = 0;
    ctx->frames = 0;
    ctx->frame_bytes = 0;
    ctx->whole = 0;

    ctx->finish = NGX_LLM_FINISH_NONE;

    r->upstream->request_bufs = at->out;
    r->state = 0;

    ngx_llm_out_init(&ctx->out, r->pool, NULL, 0, NGX_HTTP_LLM_MAX_ANSWER);
    ngx_llm_out_init(&at->body, r->pool, NULL, 0, NGX_HTTP_LLM_MAX_ANSWER);

    if (ngx_llm_writer_init(&ctx->writer, ctx->dialect, r->pool, &ctx->chat,
                            &ctx->id, ngx_time())
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!at->stream) {
        return NGX_OK;
    }

    if (at->scratch == NULL) {
        cln = ngx_pool_cleanup_add(r->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        at->scratch = ngx_create_pool(NGX_HTTP_LLM_SCRATCH_SIZE,
                                      r->connection->log);
        if (at->scratch == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_llm_attempt_cleanup;
        cln->data = at;
    }

    ngx_memzero(&at->reader, sizeof(ngx_llm_reader_t));

    if (ngx_llm_reader_init(&at->reader, at->dialect, r->pool,
                            at->scratch)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    at->reader.chat = &ctx->chat;
    at->reader.handler = ngx_http_llm_answer_event;
    at->reader.data = at;
    at->reader.splice = at->splice;

    return NGX_OK;
}


static void
ngx_http_llm_attempt_cleanup(void *data)
{
    ngx_http_llm_attempt_t  *at = data;

    ngx_destroy_pool(at->scratch);
}


void
ngx_http_llm_attempt_failed(ngx_http_llm_attempt_t *at, ngx_uint_t fail)
{
    ngx_http_llm_ctx_t  *ctx;

    if (at->reported) {
        return;
    }

    at->reported = 1;

    ctx = at->ctx;
    ctx->failed |= fail;
    ctx->last_fail = fail;

    if (at->status.code) {
        ngx_log_error(NGX_LOG_WARN, at->request->connection->log, 0,
                      "llm deployment \"%V\" failed: %V, status %ui",
                      &at->deployment->id, ngx_http_llm_fail_name(fail),
                      at->status.code);

    } else {
        ngx_log_error(NGX_LOG_WARN, at->request->connection->log, 0,
                      "llm deployment \"%V\" failed: %V",
                      &at->deployment->id, ngx_http_llm_fail_name(fail));
    }

    if (at->status.code == NGX_HTTP_UNAUTHORIZED && at->token) {
        ngx_http_llm_token_refused(at);
    }

    if (fail & NGX_HTTP_LLM_REFUSALS) {

        if (ctx->refusal.status == 0 || ctx->refusal.raw.data == NULL) {
            ctx->refusal = at->err;
        }

        if (at->probe) {
            ngx_http_llm_health_release(at->deployment);
        }

        return;
    }

    if (ctx->chat.count && (fail & NGX_HTTP_LLM_COUNT_FAILS)) {

        /* the right to count, and how often, is not that of a chat */

        if (at->probe) {
            ngx_http_llm_health_release(at->deployment);
        }

        return;
    }

    if (at->retry_after >= 0
        && (ctx->retry_after == -1 || at->retry_after < ctx->retry_after))
    {
        ctx->retry_after = at->retry_after;
    }

    ngx_http_llm_health_failure(at->deployment, fail, at->retry_after);
}


void
ngx_http_llm_attempt_succeeded(ngx_http_llm_attempt_t *at)
{
    if (at->reported) {
        return;
    }

    at->reported = 1;

    ngx_http_llm_health_success(at->deployment);
}


void
ngx_http_llm_final_error(ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err)
{
    ngx_pool_t  *pool;

    pool = ctx->request->pool;

    if (ngx_http_llm_count_failed(ctx, err) == NGX_OK) {
        return;
    }

    if ((ctx->failed & NGX_HTTP_LLM_REFUSALS) && ctx->refusal.status) {
        *err = ctx->refusal;
        return;
    }

    if (ctx->attempts == 0
        && ngx_http_llm_account_passed(ctx, err) == NGX_DECLINED)
    {
        return;
    }

    if (ctx->failed == NGX_LLM_FAIL_RATE_LIMIT) {
        (void) ngx_llm_error(pool, err, NGX_HTTP_TOO_MANY_REQUESTS,
                             "rate_limit_error", "provider_rate_limit", NULL,
                             "all providers of the model \"%V\" are "
                             "rate limited", &ctx->model);
        err->retry_after = ngx_max(ctx->retry_after, 1);

    } else if (ctx->attempts == 0
               || ctx->last_fail == NGX_LLM_FAIL_OVERLOADED
               || !(ctx->failed & ~(ngx_uint_t) (NGX_LLM_FAIL_OVERLOADED
                                                 |NGX_LLM_FAIL_RATE_LIMIT)))
    {
        (void) ngx_llm_error(pool, err, NGX_HTTP_SERVICE_UNAVAILABLE,
                             "server_error", "overloaded", NULL,
                             "no provider of the model \"%V\" can take the "
                             "request now", &ctx->model);
        err->retry_after = ngx_max(ctx->retry_after, 1);

    } else if (ctx->last_fail == NGX_LLM_FAIL_TIMEOUT) {
        (void) ngx_llm_error(pool, err, NGX_HTTP_GATEWAY_TIME_OUT,
                             "server_error", "provider_timeout", NULL,
                             "the provider of the model \"%V\" did not answer "
                             "in time", &ctx->model);

    } else if (ctx->last_fail == NGX_LLM_FAIL_AUTH) {
        (void) ngx_llm_error(pool, err, NGX_HTTP_BAD_GATEWAY,
                             "server_error", "provider_auth", NULL,
                             "the provider of the model \"%V\" refused the "
                             "gateway's credentials", &ctx->model);

    } else {
        (void) ngx_llm_error(pool, err, NGX_HTTP_BAD_GATEWAY,
                             "server_error", "provider_error", NULL,
                             "no provider of the model \"%V\" gave an answer",
                             &ctx->model);
    }
}
