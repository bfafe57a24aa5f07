
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The request's body as one piece of memory.
 */


#include "ngx_http_llm.h"


/* read of a file at once */
#define NGX_HTTP_LLM_BODY_PIECE  65536


static void ngx_http_llm_body_join(ngx_http_request_t *r);


/*
 * Where the core kept the body in one buffer that buffer is used as it is.
 * With a temporary file all parts are copied: the core empties and reuses its
 * buffer at every connect then.  A body of unknown length ends with a buffer
 * that holds nothing, neither memory nor a file.  NGX_OK, NGX_ERROR.
 */

ngx_int_t
ngx_http_llm_body_collect(ngx_http_request_t *r, ngx_str_t *body)
{
    u_char       *p;
    size_t        size;
    ssize_t       n;
    off_t         len;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    ngx_str_null(body);

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    ngx_http_llm_body_join(r);

    cl = r->request_body->bufs;

    if (ngx_buf_in_memory(cl->buf)
        && (cl->next == NULL
            || (cl->next->next == NULL && ngx_buf_special(cl->next->buf)))
        && r->request_body->temp_file == NULL)
    {
        body->data = cl->buf->pos;
        body->len = cl->buf->last - cl->buf->pos;
        return NGX_OK;
    }

    len = 0;

    for ( /* void */ ; cl; cl = cl->next) {
        if (!ngx_buf_special(cl->buf)) {
            len += ngx_buf_size(cl->buf);
        }
    }

    p = ngx_pnalloc(r->pool, (size_t) len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_special(b)) {
            continue;
        }

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        size = (size_t) (b->file_last - b->file_pos);

        n = ngx_read_file(b->file, p, size, b->file_pos);

        if (n == NGX_ERROR || (size_t) n != size) {
            ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                          "could not read the request body from \"%V\"",
                          &b->file->name);
            return NGX_ERROR;
        }

        p += n;
    }

    body->len = p - body->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_body_feed(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    off_t         pos;
    size_t        size;
    u_char       *buf;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    buf = NULL;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_special(b)) {
            continue;
        }

        if (ngx_buf_in_memory(b)) {

            if (ctx->feed(r, ctx->call_data, b->pos, b->last) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (buf == NULL) {
            buf = ngx_pnalloc(r->pool, NGX_HTTP_LLM_BODY_PIECE);
            if (buf == NULL) {
                return NGX_ERROR;
            }
        }

        for (pos = b->file_pos; pos < b->file_last; pos += n) {

            size = (size_t) ngx_min(b->file_last - pos,
                                    NGX_HTTP_LLM_BODY_PIECE);

            n = ngx_read_file(b->file, buf, size, pos);

            if (n == NGX_ERROR || n == 0) {
                ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                              "could not read the request body from \"%V\"",
                              &b->file->name);
                return NGX_ERROR;
            }

            if (ctx->feed(r, ctx->call_data, buf, buf + n) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/*
 * What came with the header stands in front of the rest, in a buffer of its
 * own.  Asked for a single buffer the core leaves room for it behind the rest:
 * moving that takes no memory, and a long body takes a second time its size
 * otherwise.
 */

static void
ngx_http_llm_body_join(ngx_http_request_t *r)
{
    size_t        first, rest;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = r->request_body->bufs;

    if (r->request_body->temp_file
        || cl->next == NULL
        || cl->next->next != NULL
        || !ngx_buf_in_memory(cl->buf)
        || !cl->next->buf->temporary)
    {
        return;
    }

    b = cl->next->buf;
    first = cl->buf->last - cl->buf->pos;
    rest = b->last - b->pos;

    if (first > (size_t) (b->end - b->last)) {
        return;
    }

    ngx_memmove(b->pos + first, b->pos, rest);
    ngx_memcpy(b->pos, cl->buf->pos, first);

    b->last += first;

    r->request_body->bufs = cl->next;
}
