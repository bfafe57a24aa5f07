
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_ndjson.h"


#define NGX_LLM_NDJSON_MIN   1024

/* a buffer above this is given back after its line */
#define NGX_LLM_NDJSON_KEEP  (64 * 1024)


static ngx_int_t ngx_llm_ndjson_hold(ngx_llm_ndjson_t *nd, u_char *p,
    size_t n);
static void ngx_llm_ndjson_release(ngx_llm_ndjson_t *nd);
static void ngx_llm_ndjson_frame(ngx_llm_frame_t *frame, u_char *p,
    size_t len);


void
ngx_llm_ndjson_init(ngx_llm_ndjson_t *nd, ngx_pool_t *pool, size_t max)
{
    ngx_memzero(nd, sizeof(ngx_llm_ndjson_t));

    nd->pool = pool;
    nd->max = max;
}


ngx_int_t
ngx_llm_ndjson_next(ngx_llm_ndjson_t *nd, u_char **pos, u_char *last,
    ngx_llm_frame_t *frame)
{
    u_char  *p, *end;

    if (nd->used) {
        ngx_llm_ndjson_release(nd);
    }

    p = *pos;

    if (p == last) {
        return NGX_AGAIN;
    }

    end = memchr(p, LF, last - p);

    if (end == NULL) {
        *pos = last;

        return (ngx_llm_ndjson_hold(nd, p, last - p) == NGX_OK) ? NGX_AGAIN
                                                                : NGX_ERROR;
    }

    *pos = ++end;

    if (nd->len == 0) {

        if ((size_t) (end - p) > nd->max) {
            return NGX_ERROR;
        }

        ngx_llm_ndjson_frame(frame, p, end - p);

        return NGX_OK;
    }

    if (ngx_llm_ndjson_hold(nd, p, end - p) != NGX_OK) {
        return NGX_ERROR;
    }

    nd->used = 1;

    ngx_llm_ndjson_frame(frame, nd->buf, nd->len);

    return NGX_OK;
}


ngx_int_t
ngx_llm_ndjson_last(ngx_llm_ndjson_t *nd, ngx_llm_frame_t *frame)
{
    if (nd->used) {
        ngx_llm_ndjson_release(nd);
    }

    if (nd->len == 0) {
        return NGX_DONE;
    }

    nd->used = 1;

    ngx_llm_ndjson_frame(frame, nd->buf, nd->len);

    return NGX_OK;
}


static void
ngx_llm_ndjson_frame(ngx_llm_frame_t *frame, u_char *p, size_t len)
{
    u_char  *last;

    ngx_str_null(&frame->name);
    ngx_str_null(&frame->data);

    frame->raw.data = p;
    frame->raw.len = len;

    last = p + len;

    while (last > p && (last[-1] == LF || last[-1] == CR || last[-1] == ' '
                        || last[-1] == '\t'))
    {
        last--;
    }

    while (p < last && (*p == ' ' || *p == '\t' || *p == CR)) {
        p++;
    }

    if (p < last) {
        frame->data.data = p;
        frame->data.len = last - p;
    }
}


static ngx_int_t
ngx_llm_ndjson_hold(ngx_llm_ndjson_t *nd, u_char *p, size_t n)
{
    u_char  *buf;
    size_t   size;

    if (n > nd->max - nd->len) {
        return NGX_ERROR;
    }

    if (n > nd->size - nd->len) {

        size = ngx_max(nd->size * 2, nd->len + n);
        size = ngx_max(size, NGX_LLM_NDJSON_MIN);

        buf = ngx_pnalloc(nd->pool, size);
        if (buf == NULL) {
            return NGX_ERROR;
        }

        if (nd->len) {
            ngx_memcpy(buf, nd->buf, nd->len);
        }

        if (nd->size > nd->pool->max) {
            ngx_pfree(nd->pool, nd->buf);
        }

        nd->buf = buf;
        nd->size = size;
    }

    ngx_memcpy(nd->buf + nd->len, p, n);
    nd->len += n;

    return NGX_OK;
}


/* the line last returned is done with */

static void
ngx_llm_ndjson_release(ngx_llm_ndjson_t *nd)
{
    nd->used = 0;
    nd->len = 0;

    if (nd->size > NGX_LLM_NDJSON_KEEP) {
        ngx_pfree(nd->pool, nd->buf);
        nd->buf = NULL;
        nd->size = 0;
    }
}
