
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The content handler: what is asked, who asks, the body, and on to the
 * upstream.
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_endpoint.h"
#include "ngx_http_llm_call.h"

#include <openssl/rand.h>


static ngx_int_t ngx_http_llm_check_type(ngx_http_request_t *r,
    ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_check_user(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_request_id(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_uint_t ngx_http_llm_is_id(ngx_str_t *value);
static u_char *ngx_http_llm_hex(u_char *p, uint64_t n);
static ngx_int_t ngx_http_llm_refuse(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_int_t rc, ngx_llm_error_t *err);
static void ngx_http_llm_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_process(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


ngx_int_t
ngx_http_llm_handler(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_str_t             rest;
    ngx_llm_error_t       err;
    ngx_http_llm_ctx_t   *ctx;
    ngx_http_llm_path_t  *path;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    path = ngx_http_llm_path(r, &rest);

    ctx->request = r;
    ctx->dialect = ngx_http_llm_client_dialect(r, path);
    ctx->estimate = -1;
    ctx->retry_after = -1;

    ngx_llm_usage_init(&ctx->usage);

    if (ngx_http_llm_request_id(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_llm_module);

    if (path == NULL) {
        rc = ngx_llm_error(r->pool, &err, NGX_HTTP_NOT_FOUND,
                           "invalid_request_error", "unknown_url", NULL,
                           "unknown URL: %V %V", &r->method_name, &r->uri);
        return ngx_http_llm_refuse(r, ctx, rc, &err);
    }

    ctx->endpoint = path->endpoint;
    ctx->call = path->call;

    if (!(r->method & path->methods)) {
        if (ngx_http_llm_add_header(r, "Allow", &path->allow) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        rc = ngx_llm_error(r->pool, &err, NGX_HTTP_NOT_ALLOWED,
                           "invalid_request_error", "method_not_allowed", NULL,
                           "%V is not allowed on %V, use %V",
                           &r->method_name, &r->uri, &path->allow);
        return ngx_http_llm_refuse(r, ctx, rc, &err);
    }

    rc = ngx_http_llm_authenticate(r, ctx, &err);

    if (rc != NGX_OK) {
        return ngx_http_llm_refuse(r, ctx, rc, &err);
    }

    ctx->auth_done = 1;

    switch (ctx->endpoint) {

    case NGX_HTTP_LLM_MODELS:
        return ngx_http_llm_models_handler(r, ctx, NULL);

    case NGX_HTTP_LLM_MODEL:
        return ngx_http_llm_models_handler(r, ctx, &rest);

    default: /* NGX_HTTP_LLM_CHAT, NGX_HTTP_LLM_CALL, NGX_HTTP_LLM_COUNT */
        break;
    }

    rc = NGX_OK;

    if (ctx->call && ctx->call->begin) {
        rc = ctx->call->begin(r, ctx, &rest, &err);
    }

    if (rc == NGX_OK && !ctx->keep) {
        rc = ngx_http_llm_check_type(r, &err);
    }

    if (rc != NGX_OK) {
        return ngx_http_llm_refuse(r, ctx, rc, &err);
    }

    if (r->request_body && ctx->feed
        && ngx_http_llm_body_feed(r, ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->request_body_in_single_buf = !ctx->keep;

    rc = ngx_http_read_client_request_body(r, ngx_http_llm_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


/* a missing type is taken for JSON, another one says that something is wrong */

static ngx_int_t
ngx_http_llm_check_type(ngx_http_request_t *r, ngx_llm_error_t *err)
{
    size_t      len;
    u_char     *p;
    ngx_str_t  *type;

    if (r->headers_in.content_type == NULL) {
        return NGX_OK;
    }

    type = &r->headers_in.content_type->value;

    for (len = 0; len < type->len; len++) {
        if (type->data[len] == ';' || type->data[len] == ' ') {
            break;
        }
    }

    if (len == 0) {
        return NGX_OK;
    }

    p = type->data;

    if (len == sizeof("application/json") - 1
        && (ngx_memcmp(p, "application/json", len) == 0
            || ngx_strncasecmp(p, (u_char *) "application/json", len) == 0))
    {
        return NGX_OK;
    }

    if (len > sizeof("+json") - 1
        && ngx_strncasecmp(p + len - 5, (u_char *) "+json", 5) == 0)
    {
        return NGX_OK;
    }

    return ngx_llm_error(r->pool, err, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                         "invalid_request_error", "unsupported_content_type",
                         NULL, "unsupported content type \"%*s\", "
                         "send the header \"Content-Type: application/json\"",
                         ngx_min(len, 64), p);
}


static ngx_int_t
ngx_http_llm_check_user(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_str_t                 user;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (!llcf->user_required) {
        return NGX_OK;
    }

    if (ngx_http_llm_user(r, ctx, &user) != NGX_OK) {
        return NGX_ERROR;
    }

    if (user.len) {
        return NGX_OK;
    }

    return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                         "invalid_request_error", "user_required", "user",
                         "the request does not say which end user it is for");
}


/*
 * The client's own id if it is short and safe, else one of ours: random per
 * process, then a counter that is scrambled so that ids do not look alike.
 */

static ngx_int_t
ngx_http_llm_request_id(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    u_char           *p;
    uint64_t          n;
    ngx_str_t        *value;

    static uint64_t   base, count;

    value = ngx_http_llm_request_header(r, "x-request-id");

    if (value && ngx_http_llm_is_id(value)) {
        ctx->id = *value;
        return NGX_OK;
    }

    if (base == 0
        && RAND_bytes((u_char *) &base, sizeof(uint64_t)) != 1)
    {
        base = ((uint64_t) ngx_pid << 32) ^ ((uint64_t) ngx_time() << 10)
               ^ ngx_random();
    }

    n = ++count * 0x9e3779b97f4a7c15ULL;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9ULL;
    n ^= n >> 27;

    ctx->id.data = ngx_pnalloc(r->pool, sizeof("req_") - 1 + 32);
    if (ctx->id.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(ctx->id.data, "req_", sizeof("req_") - 1);
    p = ngx_http_llm_hex(p, base);
    p = ngx_http_llm_hex(p, n);

    ctx->id.len = p - ctx->id.data;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_is_id(ngx_str_t *value)
{
    u_char  *p, *last, c;

    if (value->len == 0 || value->len > 128) {
        return 0;
    }

    last = value->data + value->len;

    for (p = value->data; p < last; p++) {
        c = (u_char) (*p | 0x20);

        if ((c < 'a' || c > 'z') && (*p < '0' || *p > '9')
            && *p != '-' && *p != '_' && *p != '.' && *p != ':')
        {
            return 0;
        }
    }

    return 1;
}


/* all 16 digits */

static u_char *
ngx_http_llm_hex(u_char *p, uint64_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < 16; i++) {
        *p++ = "0123456789abcdef"[n >> 60];
        n <<= 4;
    }

    return p;
}


static ngx_int_t
ngx_http_llm_refuse(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_int_t rc, ngx_llm_error_t *err)
{
    if (rc != NGX_DECLINED) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (err->status != NGX_HTTP_OK) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "llm request refused: %ui %V", err->status,
                      err->code.len ? &err->code : &err->type);
    }

    return ngx_http_llm_send_error(r, ctx, err);
}


static void
ngx_http_llm_body_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    rc = ngx_http_llm_process(r, ctx);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_llm_start(r, ctx);
        return;
    }

    ngx_http_finalize_request(r, rc);
}


void
ngx_http_llm_start(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t        rc;
    ngx_llm_error_t  err;

    rc = ngx_http_llm_upstream_create(r, ctx);

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    rc = ngx_http_llm_first_attempt(r, ctx);

    switch (rc) {

    case NGX_OK:
        ngx_http_upstream_init(r);
        return;

    case NGX_BUSY:
        ngx_http_llm_final_error(ctx, &err);
        rc = ngx_http_llm_refuse(r, ctx, NGX_DECLINED, &err);
        break;

    default: /* NGX_ERROR */
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_finalize_request(r, rc);
}


/*
 * From the body to the upstream.  NGX_DECLINED: nothing was sent, it may begin;
 * NGX_AGAIN: it will, later; else what ngx_http_finalize_request() takes.
 */

static ngx_int_t
ngx_http_llm_process(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t        rc;
    ngx_llm_error_t  err;

    rc = ngx_http_llm_account_begin(r, ctx, &err);

    if (rc != NGX_OK) {
        return ngx_http_llm_refuse(r, ctx, rc, &err);
    }

    if (!ctx->keep && ngx_http_llm_body_collect(r, &ctx->body) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->body.len == 0 && !ctx->keep) {
        rc = ngx_llm_error(r->pool, &err, NGX_HTTP_BAD_REQUEST,
                           "invalid_request_error", NULL, NULL,
                           "the request has no body, a JSON object is "
                           "expected");
        return ngx_http_llm_refuse(r, ctx, rc, &err);
    }

    ngx_llm_chat_init(&ctx->chat, r->pool, &ctx->body);

    ctx->chat.count = (ctx->endpoint == NGX_HTTP_LLM_COUNT);
    ctx->chat.lazy = 1;

    rc = ctx->call ? ctx->call->read(r, ctx, &err)
                   : ctx->dialect->read_request(&ctx->chat, &err);

    if (rc != NGX_OK) {
        return ngx_http_llm_refuse(r, ctx, rc, &err);
    }

    ctx->chat_read = 1;
    ctx->start = ngx_current_msec;
    ctx->heard = ngx_current_msec;

    rc = (ctx->call && ctx->call->direct) ? NGX_OK
                                          : ngx_http_llm_route(r, ctx, &err);

    if (rc != NGX_OK) {
        return ngx_http_llm_refuse(r, ctx, rc, &err);
    }

    ctx->routed = 1;

    if (ctx->chat.count) {
        ngx_http_llm_account_drop(ctx);

        rc = ngx_http_llm_count(r, ctx);

        if (rc != NGX_DECLINED) {
            return rc;
        }

    } else {
        rc = ngx_http_llm_check_user(r, ctx, &err);

        if (rc == NGX_OK) {
            rc = ngx_http_llm_account_admit(r, ctx, &err);
        }

        if (rc != NGX_OK) {
            return ngx_http_llm_refuse(r, ctx, rc, &err);
        }
    }

    if (ngx_http_llm_route_next(r, ctx, 0) == NULL) {
        ngx_http_llm_final_error(ctx, &err);
        return ngx_http_llm_refuse(r, ctx, NGX_DECLINED, &err);
    }

    rc = ngx_http_llm_prepare(r, ctx);

    switch (rc) {

    case NGX_OK:
        return NGX_DECLINED;

    case NGX_AGAIN:
        return NGX_AGAIN;

    default: /* NGX_ERROR */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}
