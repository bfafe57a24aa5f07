
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Errors: the module's own, in the client's dialect, and those that nginx
 * makes in a location with llm_gateway, whose pages the filters replace.
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_endpoint.h"


#define NGX_HTTP_LLM_MAX_ERROR    65536
#define NGX_HTTP_LLM_MAX_DROPPED  1024


/* what an error of nginx is called */

typedef struct {
    ngx_uint_t   status;
    char        *type;
    char        *code;
    char        *message;
} ngx_http_llm_status_t;


static ngx_int_t ngx_http_llm_error_body(ngx_http_request_t *r,
    const ngx_llm_dialect_t *dialect, ngx_llm_error_t *err, ngx_str_t *body);
static ngx_int_t ngx_http_llm_error_headers(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);
static ngx_uint_t ngx_http_llm_error_final(ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_error_discard(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_add_dropped(ngx_http_request_t *r,
    ngx_array_t *dropped);
static ngx_int_t ngx_http_llm_set_header(ngx_http_request_t *r, char *name,
    ngx_str_t *value);
static ngx_uint_t ngx_http_llm_is_text(ngx_str_t *value);
static ngx_int_t ngx_http_llm_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_lost(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_llm_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);


static ngx_http_llm_status_t  ngx_http_llm_statuses[] = {

    { NGX_HTTP_BAD_REQUEST, "invalid_request_error", NULL,
      "the request is no valid HTTP request" },

    { NGX_HTTP_UNAUTHORIZED, "authentication_error", "invalid_api_key",
      "the request is not authorized" },

    { NGX_HTTP_FORBIDDEN, "permission_error", "access_denied",
      "access is denied" },

    { NGX_HTTP_NOT_FOUND, "invalid_request_error", "unknown_url",
      "unknown URL" },

    { NGX_HTTP_NOT_ALLOWED, "invalid_request_error", "method_not_allowed",
      "the method is not allowed here" },

    { NGX_HTTP_LENGTH_REQUIRED, "invalid_request_error", NULL,
      "the length of the request body is not known" },

    { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "invalid_request_error",
      "request_too_large", "the request body is too large" },

    { NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, "invalid_request_error",
      "unsupported_content_type", "unsupported content type" },

    { NGX_HTTP_TOO_MANY_REQUESTS, "rate_limit_error", "rate_limit_exceeded",
      "too many requests" },

    { NGX_HTTP_BAD_GATEWAY, "server_error", "bad_gateway", "bad gateway" },

    { NGX_HTTP_SERVICE_UNAVAILABLE, "service_unavailable_error",
      "server_is_overloaded", "the server is overloaded, try again later" },

    { NGX_HTTP_GATEWAY_TIME_OUT, "server_error", "gateway_timeout",
      "gateway timeout" },

    { 529, "service_unavailable_error", "server_is_overloaded",
      "the server is overloaded, try again later" },

    { 0, NULL, NULL, NULL }
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_llm_send_error(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_int_t     rc;
    ngx_str_t     body;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    rc = ngx_http_llm_error_discard(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llm_set_error(r, ctx, err, &body) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = err->status;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_length_n = body.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = body.data;
    b->last = body.data + body.len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_llm_set_error(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err, ngx_str_t *body)
{
    const ngx_llm_dialect_t  *dialect;

    ctx->own = 1;

    dialect = ctx->dialect ? ctx->dialect : ngx_http_llm_error_dialect(r);

    if (err->status == NGX_HTTP_SERVICE_UNAVAILABLE
        && (dialect->flags & NGX_LLM_DIALECT_529))
    {
        err->status = 529;
    }

    err->request_id = ctx->id;

    if (ngx_http_llm_error_body(r, dialect, err, body) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->error_code = err->code.len ? err->code : err->type;

    ngx_http_llm_account_settle(ctx, err->status);

    return ngx_http_llm_error_headers(r, ctx, err);
}


/*
 * A body that was not asked for yet is not asked for: a client that waits for
 * "100 Continue" gets the error and the end of the connection, since nobody
 * can tell whether its body will follow.
 */

static ngx_int_t
ngx_http_llm_error_discard(ngx_http_request_t *r)
{
    if (r->headers_in.expect
        && !r->expect_tested
        && r == r->main
        && r->request_body == NULL
        && r->http_version < NGX_HTTP_VERSION_20)
    {
        r->expect_tested = 1;
        r->keepalive = 0;
        r->lingering_close = 1;

        return NGX_OK;
    }

    return ngx_http_discard_request_body(r);
}


static ngx_int_t
ngx_http_llm_error_body(ngx_http_request_t *r,
    const ngx_llm_dialect_t *dialect, ngx_llm_error_t *err, ngx_str_t *body)
{
    ngx_llm_out_t  out;

    if (err->raw.data) {

        /* a provider's refusal, already in the client's dialect */

        *body = err->raw;
        return NGX_OK;
    }

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_MAX_ERROR);

    dialect->write_error(err, &out);

    if (out.failed) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "could not write an llm error of status %ui",
                      err->status);
        return NGX_ERROR;
    }

    body->data = out.start;
    body->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


/* all headers of an error but its status and length */

static ngx_int_t
ngx_http_llm_error_headers(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    u_char     *p;
    ngx_str_t   value;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&r->headers_out.charset);

    if (err->retry_after >= 0) {
        p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;
        value.len = ngx_sprintf(p, "%i", ngx_max(err->retry_after, 1)) - p;

        if (ngx_http_llm_add_header(r, "retry-after", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_llm_error_final(err)) {
        ngx_str_set(&value, "false");

        if (ngx_http_llm_add_header(r, "x-should-retry", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (err->status == NGX_HTTP_UNAUTHORIZED
        && r->headers_out.www_authenticate == NULL)
    {
        /* RFC 9110, 15.5.2 */

        ngx_str_set(&value, "Bearer");

        if (ngx_http_llm_add_header(r, "www-authenticate", &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ctx->error_code = err->code.len ? err->code : err->type;

    if (ctx->error_code.len
        && ngx_http_llm_add_header(r, "x-llm-error", &ctx->error_code)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_add_headers(r, ctx);
}


/* a refusal that no retry can mend */

static ngx_uint_t
ngx_http_llm_error_final(ngx_llm_error_t *err)
{
    switch (err->status) {

    case NGX_HTTP_UNAUTHORIZED:
    case NGX_HTTP_FORBIDDEN:
    case NGX_HTTP_NOT_FOUND:
        return 1;
    }

#define ngx_http_llm_code_is(s)                                              \
    (err->code.len == sizeof(s) - 1                                          \
     && ngx_strncmp(err->code.data, s, sizeof(s) - 1) == 0)

    return ngx_http_llm_code_is("insufficient_quota")
           || ngx_http_llm_code_is("provider_auth");
}


const ngx_llm_dialect_t *
ngx_http_llm_error_dialect(ngx_http_request_t *r)
{
    return ngx_http_llm_client_dialect(r, ngx_http_llm_path(r, NULL));
}


/* those that are known before an attempt is */

ngx_int_t
ngx_http_llm_add_first_headers(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_str_t  *name;

    if (ctx->id.len
        && ngx_http_llm_set_header(r, "x-request-id", &ctx->id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->id.len && ctx->dialect
        && (ctx->dialect->flags & NGX_LLM_DIALECT_ID)
        && ngx_http_llm_add_header(r, "request-id", &ctx->id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ctx->routed) {
        return NGX_OK;
    }

    name = ctx->stage.name.len ? &ctx->stage.name : &ctx->model;

    if (name->len == 0) {
        return NGX_OK;
    }

    return ngx_http_llm_add_header(r, "x-llm-model", name);
}


ngx_int_t
ngx_http_llm_add_headers(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    u_char     *p;
    ngx_str_t   value;

    if (ngx_http_llm_add_first_headers(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->attempts) {
        if (ctx->attempt
            && ngx_http_llm_add_header(r, "x-llm-provider",
                                       &ctx->attempt->provider->name)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;

        if (ctx->attempts < 10) {
            *p++ = (u_char) ('0' + ctx->attempts);

        } else {
            p = ngx_sprintf(p, "%ui", ctx->attempts);
        }

        value.len = p - value.data;

        if (ngx_http_llm_set_header(r, "x-llm-attempts", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ctx->chat.dropped && ctx->chat.dropped->nelts
        && ngx_http_llm_add_dropped(r, ctx->chat.dropped) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_refuse_headers(r, ctx);
}


/* names of unknown members are the client's: bounded, and only text */

static ngx_int_t
ngx_http_llm_add_dropped(ngx_http_request_t *r, ngx_array_t *dropped)
{
    u_char      *p, *last;
    ngx_str_t   *name, value;
    ngx_uint_t   i;

    p = ngx_pnalloc(r->pool, NGX_HTTP_LLM_MAX_DROPPED);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    last = p + NGX_HTTP_LLM_MAX_DROPPED - sizeof(", ...");

    name = dropped->elts;

    for (i = 0; i < dropped->nelts; i++) {

        if (name[i].len == 0 || !ngx_http_llm_is_text(&name[i])) {
            continue;
        }

        if ((size_t) (last - p) < name[i].len + 2) {
            p = ngx_cpymem(p, ", ...", sizeof(", ...") - 1);
            break;
        }

        if (p != value.data) {
            *p++ = ',';
            *p++ = ' ';
        }

        p = ngx_cpymem(p, name[i].data, name[i].len);
    }

    value.len = p - value.data;

    if (value.len == 0) {
        return NGX_OK;
    }

    return ngx_http_llm_add_header(r, "x-llm-dropped-params", &value);
}


/*
 * Sets a header of the answer, in the place of one of that name.  A value that
 * would not stay one line is left out: it may come from a client, and the
 * answer is good without it.  NGX_OK or NGX_ERROR.
 */

ngx_int_t
ngx_http_llm_add_header(ngx_http_request_t *r, char *name, ngx_str_t *value)
{
    if (!ngx_http_llm_is_text(value)) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "control character in the value of \"%s\", "
                      "header is not sent", name);
        return NGX_OK;
    }

    return ngx_http_llm_set_header(r, name, value);
}


/* the value is known to be text */

static ngx_int_t
ngx_http_llm_set_header(ngx_http_request_t *r, char *name, ngx_str_t *value)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    part = &r->headers_out.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash
            && h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
        {
            h[i].value = *value;
            return NGX_OK;
        }
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.len = len;
    h->key.data = (u_char *) name;
    h->value = *value;
    h->lowcase_key = NULL;
    ngx_http_llm_header_last(h);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_is_text(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if ((value->data[i] < 0x20 && value->data[i] != '\t')
            || value->data[i] == 0x7f)
        {
            return 0;
        }
    }

    return 1;
}


void
ngx_http_llm_error_fill(ngx_pool_t *pool, ngx_llm_error_t *err,
    ngx_uint_t status)
{
    ngx_http_llm_status_t  *s;

    for (s = ngx_http_llm_statuses; s->status; s++) {
        if (s->status == status) {
            (void) ngx_llm_error(pool, err, status, s->type, s->code, NULL,
                                 "%s", s->message);
            return;
        }
    }

    if (status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
        (void) ngx_llm_error(pool, err, status, "server_error", NULL, NULL,
                             "internal server error");
        return;
    }

    (void) ngx_llm_error(pool, err, status, "invalid_request_error", NULL,
                         NULL, "the request was refused with status %ui",
                         status);
}


/*
 * nginx's pages: r->err_status is set by ngx_http_special_response_handler()
 * and by nothing else, and an error_page leads to another location.  There
 * need be no context yet: 413, "deny" and the like come before the handler.
 */

static ngx_int_t
ngx_http_llm_header_filter(ngx_http_request_t *r)
{
    ngx_llm_error_t            err;
    ngx_http_llm_ctx_t        *ctx;
    ngx_http_llm_loc_conf_t   *llcf;
    ngx_http_core_loc_conf_t  *clcf;
    const ngx_llm_dialect_t   *dialect;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (!llcf->gateway) {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (ctx && ctx->early) {

        /* it was sent, by ngx_http_llm_keepalive_send() */

        r->header_sent = 1;
        return NGX_OK;
    }

    if (r->err_status < NGX_HTTP_BAD_REQUEST) {
        return ngx_http_next_header_filter(r);
    }

    if (ctx == NULL) {
        ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_ctx_t));
        if (ctx == NULL) {
            return NGX_ERROR;
        }

        ctx->request = r;
        ctx->estimate = -1;
        ctx->retry_after = -1;

        ngx_http_set_ctx(r, ctx, ngx_http_llm_module);
    }

    if (ctx->own || ctx->page.data) {
        return ngx_http_next_header_filter(r);
    }

    ngx_http_llm_error_fill(r->pool, &err, r->headers_out.status);

    if (err.status == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        if (clcf->client_max_body_size) {
            (void) ngx_llm_error(r->pool, &err, err.status,
                                 "invalid_request_error", "request_too_large",
                                 NULL, "the request body is too large, at "
                                 "most %O bytes are taken",
                                 clcf->client_max_body_size);
        }
    }

    dialect = ctx->dialect ? ctx->dialect : ngx_http_llm_error_dialect(r);

    err.request_id = ctx->id;

    if (ngx_http_llm_error_body(r, dialect, &err, &ctx->page) != NGX_OK
        || ngx_http_llm_error_headers(r, ctx, &err) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->headers_out.content_length_n = ctx->page.len;

    return ngx_http_next_header_filter(r);
}


/*
 * The client has left.  Where its answer is to be read to the end all the same
 * the core must not hear of it: what was to be sent counts as sent.
 */

static ngx_int_t
ngx_http_llm_lost(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_chain_t              *cl;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (!llcf->ignore_client_abort
        || ctx->attempt == NULL
        || ctx->finalized
        || !r->connection->error)
    {
        return NGX_ERROR;
    }

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    for (cl = r->upstream->busy_bufs; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t         *cl, out;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (ctx == NULL || ctx->page.data == NULL || in == NULL) {
        rc = ngx_http_next_body_filter(r, in);

        if (rc == NGX_ERROR && ctx) {
            return ngx_http_llm_lost(r, ctx, in);
        }

        return rc;
    }

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (ctx->page_sent) {
        return ngx_http_next_body_filter(r, NULL);
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    ctx->page_sent = 1;

    b->pos = ctx->page.data;
    b->last = ctx->page.data + ctx->page.len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}


ngx_int_t
ngx_http_llm_error_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_llm_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_llm_body_filter;

    return NGX_OK;
}
