
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The callbacks of ngx_http_upstream: one upstream of a request, many
 * attempts.
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_call.h"
#include "ngx_http_llm_keepalive.h"
#include "ngx_http_llm_price.h"


#define NGX_HTTP_LLM_BUFFER_SIZE    8192

/* the clocks are the module's own */
#define NGX_HTTP_LLM_FAR            (7 * 86400 * 1000)

/* provider headers kept for the client */
#define NGX_HTTP_LLM_MAX_PASS       32

#define NGX_HTTP_LLM_MAX_ERROR_TYPE  256


static ngx_int_t ngx_http_llm_create_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_reinit_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_read_head(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_read_status(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_read_line(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_head_done(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_error_type(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at, ngx_str_t *value);
static ngx_int_t ngx_http_llm_limit_header(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llm_keep_type(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at, ngx_str_t *value);
static ngx_int_t ngx_http_llm_pass_header(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llm_refused(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_send_head(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_set_headers(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at);
static void ngx_http_llm_abort_request(ngx_http_request_t *r);
static void ngx_http_llm_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);
static void ngx_http_llm_finish(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_int_t rc);
static void ngx_http_llm_finish_stream(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_int_t rc);


/* what reaches a client of a provider's headers, and under which name */

typedef struct {
    ngx_str_t    name;      /* a final "-" stands for all that begin so */
    char        *as;        /* NULL: as it is; or what replaces "name" */
} ngx_http_llm_pass_t;


static ngx_http_llm_pass_t  ngx_http_llm_passes[] = {
    { ngx_string("openai-processing-ms"), NULL },
    { ngx_string("openai-version"), NULL },
    { ngx_string("x-amzn-requestid"), "x-upstream-request-id" },
    { ngx_string("x-request-id"), "x-upstream-request-id" },
    { ngx_string("request-id"), "x-upstream-request-id" },
    { ngx_string("x-ratelimit-"), "x-upstream-ratelimit-" },
    { ngx_string("anthropic-ratelimit-"), "x-upstream-ratelimit-" },
    { ngx_null_string, NULL }
};


void
ngx_http_llm_upstream_conf(ngx_http_upstream_conf_t *conf)
{
    ngx_memzero(conf, sizeof(ngx_http_upstream_conf_t));

    conf->connect_timeout = NGX_HTTP_LLM_FAR;
    conf->send_timeout = NGX_HTTP_LLM_FAR;
    conf->read_timeout = NGX_HTTP_LLM_FAR;

    conf->buffer_size = NGX_HTTP_LLM_BUFFER_SIZE;

    /* which failure goes on is decided in peer.free */

    conf->next_upstream = NGX_HTTP_UPSTREAM_FT_ERROR
                          |NGX_HTTP_UPSTREAM_FT_TIMEOUT
                          |NGX_HTTP_UPSTREAM_FT_INVALID_HEADER
                          |NGX_HTTP_UPSTREAM_FT_NOLIVE
                          |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;

    /* no header of a provider reaches the core; this is the second lock */

    conf->ignore_headers = (ngx_uint_t) -1;

    conf->request_buffering = 1;
    conf->pass_request_headers = 0;
    conf->pass_request_body = 0;
    conf->ignore_client_abort = 0;
    conf->socket_keepalive = 1;

#if (NGX_HTTP_SSL || NGX_COMPAT)
    conf->ssl_session_reuse = 1;
#endif

    ngx_str_set(&conf->module, "llm");
}


ngx_int_t
ngx_http_llm_upstream_create(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_http_upstream_t       *u;
    ngx_http_llm_loc_conf_t   *llcf;
    ngx_http_llm_main_conf_t  *lmcf;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);
    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    u = r->upstream;

    ngx_str_set(&u->schema, "http://");
    u->output.tag = (ngx_buf_tag_t) &ngx_http_llm_module;

    u->conf = llcf->ignore_client_abort ? &lmcf->upstream_ignore
                                        : &lmcf->upstream;

    u->create_request = ngx_http_llm_create_request;
    u->reinit_request = ngx_http_llm_reinit_request;
    u->process_header = ngx_http_llm_process_header;
    u->abort_request = ngx_http_llm_abort_request;
    u->finalize_request = ngx_http_llm_finalize_request;

    u->input_filter_init = ngx_http_llm_input_filter_init;
    u->input_filter = ngx_http_llm_input_filter;
    u->input_filter_ctx = ctx;

    u->buffering = 0;

    return NGX_OK;
}


/* the request is made when the deployment is known, in peer.get */

static ngx_int_t
ngx_http_llm_create_request(ngx_http_request_t *r)
{
    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_reinit_request(ngx_http_request_t *r)
{
    return NGX_OK;
}


static void
ngx_http_llm_abort_request(ngx_http_request_t *r)
{
    return;
}


/*
 * Called for each read until the attempt is good.  The body is consumed here
 * and the buffer emptied, so that the core reads on; nothing was sent to the
 * client, and NGX_HTTP_UPSTREAM_INVALID_HEADER still leads to the next one.
 */

static ngx_int_t
ngx_http_llm_process_header(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_upstream_t     *u;
    ngx_http_llm_ctx_t      *ctx;
    ngx_http_llm_attempt_t  *at;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);
    at = ctx->attempt;
    u = r->upstream;

    ngx_http_llm_clock_received(ctx);

    if (!at->headers_done) {
        rc = ngx_http_llm_read_head(r, at);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (at->raw) {
        ngx_http_llm_answer_first(at);
        return ngx_http_llm_send_head(r, at);
    }

    rc = ngx_http_llm_answer_begin(at, &u->buffer);

    switch (rc) {

    case NGX_OK:
        return ngx_http_llm_send_head(r, at);

    case NGX_DECLINED:

        /* its connection is as good as any other when the body was read */

        u->keepalive = at->body_done && at->keepalive;

        if (at->more) {
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        return ngx_http_llm_refused(r, at);

    default: /* NGX_AGAIN, NGX_ERROR */
        return rc;
    }
}


/* NGX_OK, NGX_AGAIN, or NGX_HTTP_UPSTREAM_INVALID_HEADER */

static ngx_int_t
ngx_http_llm_read_head(ngx_http_request_t *r, ngx_http_llm_attempt_t *at)
{
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    for ( ;; ) {

        if (at->status.code == 0) {
            rc = ngx_http_llm_read_status(r, at);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        rc = ngx_http_parse_header_line(r, &u->buffer, 1);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc == NGX_OK) {
            if (ngx_http_llm_read_line(r, at) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (rc != NGX_HTTP_PARSE_HEADER_DONE) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "llm provider \"%V\" sent an invalid header",
                          &at->provider->name);
            at->fail = NGX_LLM_FAIL_INVALID;
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        if (at->status.code >= 200) {
            return ngx_http_llm_head_done(r, at);
        }

        if (at->status.code == NGX_HTTP_SWITCHING_PROTOCOLS) {
            at->fail = NGX_LLM_FAIL_INVALID;
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        /* 1xx: the answer is still to come */

        ngx_memzero(&at->status, sizeof(ngx_http_status_t));
        at->pass.nelts = 0;
        at->length = -1;
        at->retry_after = -1;
        at->error_type.len = 0;
        at->fail = 0;
        at->chunked_body = 0;
        at->json = 0;
        at->encoded = 0;
        r->state = 0;
    }
}


static ngx_int_t
ngx_http_llm_read_status(ngx_http_request_t *r, ngx_http_llm_attempt_t *at)
{
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    /* the count of digits tells a status that is not yet whole */

    rc = ngx_http_parse_status_line(r, &u->buffer, &at->status);

    if (rc == NGX_AGAIN) {
        at->status.code = 0;
        u->buffer.pos = u->buffer.start;
        at->status.count = 0;
        r->state = 0;
        return NGX_AGAIN;
    }

    if (rc == NGX_ERROR || at->status.code < 100 || at->status.code > 599) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm provider \"%V\" sent no valid HTTP/1.1 header",
                      &at->provider->name);
        at->fail = NGX_LLM_FAIL_INVALID;
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    at->keepalive = (at->status.http_version >= NGX_HTTP_VERSION_11);

    u->state->status = at->status.code;
    r->state = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_read_line(ngx_http_request_t *r, ngx_http_llm_attempt_t *at)
{
    off_t             length;
    ngx_int_t         n;
    ngx_str_t         name, value;
    const ngx_str_t  *type;

    if (r->invalid_header) {
        return NGX_OK;
    }

    name.data = r->header_name_start;
    name.len = r->header_name_end - r->header_name_start;
    value.data = r->header_start;
    value.len = r->header_end - r->header_start;

    /* the parser left a copy in lower case, of up to 32 bytes */

#define ngx_http_llm_name_is(s)                                              \
    (name.len == sizeof(s) - 1                                               \
     && ngx_memcmp(r->lowcase_header, s, sizeof(s) - 1) == 0)

#define ngx_http_llm_value_is(s)                                             \
    (value.len == sizeof(s) - 1                                              \
     && ngx_memcmp(value.data, s, sizeof(s) - 1) == 0)

#define ngx_http_llm_value_has(s)                                            \
    (ngx_strlcasestrn(value.data, value.data + value.len,                    \
                      (u_char *) s, sizeof(s) - 2) != NULL)

    switch (name.len) {

    case sizeof("connection") - 1:

        if (ngx_http_llm_name_is("connection")) {
            if (!ngx_http_llm_value_is("keep-alive")
                && ngx_http_llm_value_has("close"))
            {
                at->keepalive = 0;
            }

            return NGX_OK;
        }

        break;

    case sizeof("retry-after") - 1:

        if (ngx_http_llm_name_is("retry-after")) {
            n = ngx_llm_wait(&value, ngx_time());

            if (n < 0) {
                n = ngx_parse_http_time(value.data, value.len);

                if (n != NGX_ERROR) {
                    n = ngx_max(n - ngx_time(), 0);
                }
            }

            if (n >= 0) {
                at->retry_after = ngx_min(n, NGX_LLM_WAIT_MAX);
            }

            return NGX_OK;
        }

        break;

    case sizeof("content-type") - 1:

        if (ngx_http_llm_name_is("content-type")) {
            at->json = ngx_http_llm_value_is("application/json")
                       || (ngx_http_llm_value_has("json")
                           && !ngx_http_llm_value_has("ndjson"));

            return at->ctx->call ? ngx_http_llm_keep_type(r, at, &value)
                                 : NGX_OK;
        }

        break;

    case sizeof("content-length") - 1:

        if (ngx_http_llm_name_is("retry-after-ms")) {
            n = ngx_llm_wait_msec(&value);

            if (n >= 0) {
                at->retry_after = n;
            }

            return NGX_OK;
        }

        if (ngx_http_llm_name_is("content-length")) {
            length = ngx_atoof(value.data, value.len);

            if (length == NGX_ERROR
                || (at->length != -1 && at->length != length))
            {
                at->fail = NGX_LLM_FAIL_INVALID;
            }

            at->length = length;

            return NGX_OK;
        }

        break;

    case sizeof("content-encoding") - 1:

        if (ngx_http_llm_name_is("content-encoding")) {
            at->encoded = !ngx_http_llm_value_has("identity");
            return NGX_OK;
        }

        break;

    case sizeof("transfer-encoding") - 1:

        if (ngx_http_llm_name_is("transfer-encoding")) {
            if (value.len != sizeof("chunked") - 1
                || ngx_strncasecmp(value.data, (u_char *) "chunked",
                                   value.len)
                   != 0)
            {
                at->fail = NGX_LLM_FAIL_INVALID;
            }

            at->chunked_body = 1;

            return NGX_OK;
        }

        break;
    }

    type = &at->dialect->error_header;

    if (type->len && type->len == name.len
        && ngx_strncasecmp(name.data, type->data, name.len) == 0)
    {
        return ngx_http_llm_error_type(r, at, &value);
    }

    if (at->status.code == NGX_HTTP_TOO_MANY_REQUESTS
        && ngx_http_llm_limit_header(r, at, &name, &value) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_pass_header(r, at, &name, &value);
}


/* which limits are used up, and for how long */

static ngx_int_t
ngx_http_llm_limit_header(ngx_http_request_t *r, ngx_http_llm_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    if (at->wait == NULL) {

        at->wait = ngx_palloc(r->pool, sizeof(ngx_llm_wait_t));
        if (at->wait == NULL) {
            return NGX_ERROR;
        }

        ngx_llm_wait_init(at->wait);
    }

    ngx_llm_wait_header(at->wait, name, value, ngx_time());

    return NGX_OK;
}


/* of a body that is passed on; the buffer is used again for it */

static ngx_int_t
ngx_http_llm_keep_type(ngx_http_request_t *r, ngx_http_llm_attempt_t *at,
    ngx_str_t *value)
{
    at->type.data = ngx_pstrdup(r->pool, value);
    if (at->type.data == NULL) {
        return NGX_ERROR;
    }

    at->type.len = value->len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_error_type(ngx_http_request_t *r, ngx_http_llm_attempt_t *at,
    ngx_str_t *value)
{
    if (value->len == 0 || value->len > NGX_HTTP_LLM_MAX_ERROR_TYPE) {
        return NGX_OK;
    }

    /* the buffer is used again for the body */

    at->error_type.data = ngx_pstrdup(r->pool, value);
    if (at->error_type.data == NULL) {
        return NGX_ERROR;
    }

    at->error_type.len = value->len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_pass_header(ngx_http_request_t *r, ngx_http_llm_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    size_t                len, rest;
    u_char               *p;
    ngx_keyval_t         *kv;
    ngx_http_llm_pass_t  *pass;

    for (pass = ngx_http_llm_passes; pass->name.len; pass++) {

        if (name->len < pass->name.len
            || (name->data[0] | 0x20) != pass->name.data[0]
            || ngx_strncasecmp(name->data, pass->name.data, pass->name.len)
               != 0)
        {
            continue;
        }

        if (name->len == pass->name.len
            || pass->name.data[pass->name.len - 1] == '-')
        {
            break;
        }
    }

    if (pass->name.len == 0 || at->pass.nelts == NGX_HTTP_LLM_MAX_PASS) {
        return NGX_OK;
    }

    if (at->pass.elts == NULL
        && ngx_array_init(&at->pass, r->pool, 8, sizeof(ngx_keyval_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    kv = ngx_array_push(&at->pass);
    if (kv == NULL) {
        return NGX_ERROR;
    }

    len = pass->as ? ngx_strlen(pass->as) : pass->name.len;
    rest = name->len - pass->name.len;

    p = ngx_pnalloc(r->pool, len + rest + 1 + value->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    kv->key.data = p;
    kv->key.len = len + rest;

    p = ngx_cpymem(p, pass->as ? (u_char *) pass->as : pass->name.data, len);
    ngx_strlow(p, name->data + pass->name.len, rest);
    p += rest;
    *p++ = '\0';

    kv->value.data = p;
    kv->value.len = value->len;

    ngx_memcpy(p, value->data, value->len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_head_done(ngx_http_request_t *r, ngx_http_llm_attempt_t *at)
{
    at->headers_done = 1;

    if (at->retry_after < 0 && at->wait) {
        at->retry_after = ngx_llm_wait_reset(at->wait);
    }

    if (at->chunked_body) {

        /* RFC 9112, 6.3: with both, the connection is not to be trusted */

        if (at->length != -1) {
            at->keepalive = 0;
        }

        at->length = -1;
    }

    if (at->status.code == NGX_HTTP_NO_CONTENT
        || at->status.code == NGX_HTTP_NOT_MODIFIED)
    {
        at->length = 0;
        at->chunked_body = 0;
    }

    if (r->method == NGX_HTTP_HEAD) {
        at->length = 0;
        at->chunked_body = 0;
    }

    if (at->length == -1 && !at->chunked_body) {
        at->keepalive = 0;
    }

    if (at->ctx->call && at->status.code < 300) {
        at->raw = at->ctx->call->relay
                  && (at->ctx->call->through || !at->json);
    }

    if (at->fail == 0 && at->encoded && at->status.code < 300) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm provider \"%V\" sent an encoded answer that was "
                      "not asked for", &at->provider->name);
        at->fail = NGX_LLM_FAIL_INVALID;
    }

    return at->fail ? NGX_HTTP_UPSTREAM_INVALID_HEADER : NGX_OK;
}


/*
 * The provider said no.  Where nothing is left to try its refusal is answered
 * as any answer is, which leaves the client its connection.
 */

static ngx_int_t
ngx_http_llm_refused(ngx_http_request_t *r, ngx_http_llm_attempt_t *at)
{
    ngx_int_t             rc;
    ngx_str_t             body;
    ngx_llm_error_t       err;
    ngx_http_upstream_t  *u;
    ngx_http_llm_ctx_t   *ctx;

    ctx = at->ctx;
    u = r->upstream;

    if (!at->body_done) {
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    ngx_http_llm_attempt_failed(at, at->fail);

    if (ngx_http_llm_route_next(r, ctx, at->fail)) {
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    ngx_http_llm_final_error(ctx, &err);

    if (ctx->early) {
        rc = ngx_http_llm_keepalive_event(r, ctx, &err, &body);
        err.status = NGX_HTTP_OK;
        u->headers_in.content_length_n = -1;

    } else {
        rc = ngx_http_llm_set_error(r, ctx, &err, &body);
        u->headers_in.content_length_n = body.len;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->done = 1;
    ctx->out.start = body.data;
    ctx->out.last = body.data + body.len;
    ctx->out.end = ctx->out.last;

    at->stream = 0;

    u->headers_in.status_n = err.status;

    u->buffer.pos = u->buffer.start;
    u->buffer.last = u->buffer.start + 1;

    return NGX_OK;
}


/* the attempt is good: the answer begins */

static ngx_int_t
ngx_http_llm_send_head(ngx_http_request_t *r, ngx_http_llm_attempt_t *at)
{
    ngx_http_upstream_t  *u;
    ngx_http_llm_ctx_t   *ctx;

    ctx = at->ctx;
    u = r->upstream;

    ctx->own = 1;

    u->headers_in.status_n = NGX_HTTP_OK;
    u->state->status = at->status.code;

    if (at->raw) {

        if (ngx_http_llm_relay_head(at) != NGX_OK) {
            return NGX_ERROR;
        }

        /* what has come of the body lies in the buffer */

        return ngx_http_llm_set_headers(r, at);
    }

    if (at->stream) {
        u->headers_in.content_length_n = -1;
        u->length = -1;

    } else {
        u->headers_in.content_length_n = ngx_llm_out_len(&ctx->out);
    }

    if (!ctx->early && ngx_http_llm_set_headers(r, at) != NGX_OK) {
        return NGX_ERROR;
    }

    /*
     * With an empty buffer the core would send the header alone and the body
     * with the next read: one byte has it call the input filter at once.
     */

    u->buffer.pos = u->buffer.start;
    u->buffer.last = u->buffer.start + 1;

    return NGX_OK;
}


/* what the client gets as header */

static ngx_int_t
ngx_http_llm_set_headers(ngx_http_request_t *r, ngx_http_llm_attempt_t *at)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    if (at->stream) {

        if (ngx_http_llm_stream_headers(r) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (!at->raw) {
        ngx_str_set(&r->headers_out.content_type, "application/json");
        r->headers_out.content_type_len = r->headers_out.content_type.len;
        r->headers_out.content_type_lowcase = NULL;
    }

    kv = at->pass.elts;

    for (i = 0; i < at->pass.nelts; i++) {
        if (ngx_http_llm_add_header(r, (char *) kv[i].key.data, &kv[i].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_llm_add_headers(r, at->ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return (at->stream || at->raw) ? NGX_OK : ngx_http_llm_cost_header(r, at);
}


ngx_int_t
ngx_http_llm_stream_headers(ngx_http_request_t *r)
{
    ngx_str_t  value;

    ngx_str_set(&r->headers_out.content_type,
                "text/event-stream; charset=utf-8");

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_str_set(&value, "no-cache");

    return ngx_http_llm_add_header(r, "Cache-Control", &value);
}


/*
 * The one hook on every way out.  Where no header was sent the client gets its
 * error from here; a stream that is not whole gets its error event.
 */

static void
ngx_http_llm_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_llm_ctx_t      *ctx;
    ngx_http_llm_attempt_t  *at;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    ngx_http_llm_clock_stop(ctx);
    ngx_http_llm_input_stop(ctx);

    if (ctx->finalized) {
        return;
    }

    ctx->finalized = 1;
    at = ctx->attempt;

    if (at && at->probe && !at->reported) {
        ngx_http_llm_health_release(at->deployment);
    }

    ngx_http_llm_finish(r, ctx, rc);

    ngx_http_llm_account_settle(ctx, 0);
}


static void
ngx_http_llm_finish(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_int_t rc)
{
    ngx_llm_error_t       err;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (rc == NGX_HTTP_CLIENT_CLOSED_REQUEST || rc == NGX_DONE
        || rc == NGX_DECLINED)
    {
        if (rc == NGX_HTTP_CLIENT_CLOSED_REQUEST && !ctx->done) {
            ngx_str_set(&ctx->error_code, "client_closed_request");
        }

        return;
    }

    if (r->post_action || (r->header_sent && !u->header_sent)) {

        /* nobody listens, or the client went while the header was sent */

        return;
    }

    if (!u->header_sent) {
        if (rc == NGX_ERROR || rc == NGX_HTTP_INTERNAL_SERVER_ERROR) {
            (void) ngx_llm_error(r->pool, &err, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                 "server_error", "internal_error", NULL,
                                 "the gateway could not make the request");

        } else {
            ngx_http_llm_final_error(ctx, &err);
        }

        r->keepalive = 0;

        if (ctx->early) {
            ngx_http_llm_keepalive_error(r, ctx, &err, rc != 0);

        } else {
            (void) ngx_http_llm_send_error(r, ctx, &err);
        }

        u->header_sent = 1;

        return;
    }

    if (ctx->attempt->raw) {
        ngx_http_llm_relay_end(ctx->attempt);
        return;
    }

    ngx_http_llm_finish_stream(r, ctx, rc);
}


static void
ngx_http_llm_finish_stream(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_int_t rc)
{
    ngx_buf_t               *b;
    ngx_chain_t              out;
    ngx_http_llm_attempt_t  *at;

    at = ctx->attempt;

    if (!at->stream || at->ended || r->connection->error) {
        return;
    }

    ngx_llm_out_init(&ctx->out, r->pool, NULL, 0, NGX_HTTP_LLM_MAX_ANSWER);

    ngx_http_llm_answer_end(at);

    if (ctx->out.failed || ngx_llm_out_len(&ctx->out) == 0) {
        return;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return;
    }

    b->pos = ctx->out.start;
    b->last = ctx->out.last;
    b->memory = 1;
    b->flush = 1;

    /* with a status of 0 the core ends the response itself */

    b->last_buf = (rc != 0);

    out.buf = b;
    out.next = NULL;

    (void) ngx_http_output_filter(r, &out);
}
