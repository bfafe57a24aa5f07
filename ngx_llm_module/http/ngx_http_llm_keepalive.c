
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Signs of life for a client whose stream is silent.  Clients and proxies
 * before them give up on a connection that says nothing, and some models think
 * for minutes.
 *
 * Once the stream has begun a sign is what the client's dialect has for it.
 * Before that it is a comment, and the first one takes the header along: the
 * status is 200 then, whatever comes.  Other attempts are made behind it, and
 * where none is good an event tells the error.
 */


#include "ngx_http_llm.h"
#include "ngx_http_llm_keepalive.h"


/* before the first event the silence must last so many times as long */
#define NGX_HTTP_LLM_PATIENCE       3

#define NGX_HTTP_LLM_MAX_KEEPALIVE  86400000
#define NGX_HTTP_LLM_MAX_EVENT      65536


static ngx_int_t ngx_http_llm_keepalive_early(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_keepalive_comment(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


static u_char  ngx_http_llm_comment[] = ": ping\n\n";


char *
ngx_http_llm_stream_keepalive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_int_t   time;
    ngx_str_t  *value;

    if (llcf->stream_keepalive != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        llcf->stream_keepalive = 0;
        return NGX_CONF_OK;
    }

    time = ngx_parse_time(&value[1], 0);

    if (time == NGX_ERROR || time == 0 || time > NGX_HTTP_LLM_MAX_KEEPALIVE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\", it must be \"off\" or "
                           "between 1ms and 1d", &value[1]);
        return NGX_CONF_ERROR;
    }

    llcf->stream_keepalive = (ngx_msec_t) time;

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_llm_keepalive_due(ngx_http_llm_ctx_t *ctx, ngx_msec_t *time)
{
    ngx_msec_t                interval;
    ngx_http_llm_attempt_t   *at;
    ngx_http_llm_loc_conf_t  *llcf;

    at = ctx->attempt;

    if (!at->stream || at->ended || ctx->request != ctx->request->main) {
        return 0;
    }

    llcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_llm_module);

    interval = llcf->stream_keepalive;

    if (interval == 0) {
        return 0;
    }

    if (!at->good && !ctx->early) {
        interval *= NGX_HTTP_LLM_PATIENCE;
    }

    *time = ctx->heard + interval;

    return 1;
}


void
ngx_http_llm_keepalive_send(ngx_http_llm_ctx_t *ctx)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    /* who does not take what is there already needs no more of it */

    if (c->error || c->buffered || r->buffered) {
        return;
    }

    if (ctx->attempt->good) {
        ngx_http_llm_input_ping(ctx->attempt);
        return;
    }

    if ((ctx->early || ngx_http_llm_keepalive_early(r, ctx) == NGX_OK)
        && ngx_http_llm_keepalive_comment(r, ctx) == NGX_OK)
    {
        return;
    }

    /* the core's handler finds that the client has left */

    c->error = 1;

    r->write_event_handler(r);
}


/*
 * The core sends a header once, and an attempt's later; that one is held back
 * by the header filter.
 */

static ngx_int_t
ngx_http_llm_keepalive_early(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ngx_http_llm_stream_headers(r) != NGX_OK
        || ngx_http_llm_add_first_headers(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;

    ctx->own = 1;

    rc = ngx_http_send_header(r);

    /* also where it failed: the answer may be read on for nobody */

    ctx->early = 1;
    r->header_sent = 0;

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "llm stream is silent, its header is sent");

    return NGX_OK;
}


/* the one before has left: its buffer is free */

static ngx_int_t
ngx_http_llm_keepalive_comment(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (ctx->comment == NULL) {
        ctx->comment = ngx_calloc_buf(r->pool);
        if (ctx->comment == NULL) {
            return NGX_ERROR;
        }
    }

    b = ctx->comment;

    b->pos = ngx_http_llm_comment;
    b->last = b->pos + sizeof(ngx_http_llm_comment) - 1;
    b->memory = 1;
    b->flush = 1;

    out.buf = b;
    out.next = NULL;

    return (ngx_http_output_filter(r, &out) == NGX_ERROR) ? NGX_ERROR
                                                          : NGX_OK;
}


void
ngx_http_llm_keepalive_error(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err, ngx_uint_t last)
{
    ngx_buf_t    *b;
    ngx_str_t     text;
    ngx_chain_t   out;

    r->header_sent = 1;

    if (r->connection->error
        || ngx_http_llm_keepalive_event(r, ctx, err, &text) != NGX_OK)
    {
        return;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return;
    }

    b->pos = text.data;
    b->last = text.data + text.len;
    b->memory = 1;
    b->flush = 1;
    b->last_buf = last;

    out.buf = b;
    out.next = NULL;

    (void) ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_llm_keepalive_event(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err, ngx_str_t *text)
{
    ngx_llm_out_t  out;

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_MAX_EVENT);

    err->request_id = ctx->id;
    ctx->error_code = err->code.len ? err->code : err->type;
    ctx->dialect->write_stream_error(err, &out);

    if (out.failed) {
        return NGX_ERROR;
    }

    text->data = out.start;
    text->len = ngx_llm_out_len(&out);

    return NGX_OK;
}
