
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_eventstream.h"


#define NGX_LLM_EVENTSTREAM_PRELUDE  12
#define NGX_LLM_EVENTSTREAM_CRC      4

/* the first buffer; above the second one it is given back after its message */
#define NGX_LLM_EVENTSTREAM_SIZE     1024
#define NGX_LLM_EVENTSTREAM_KEEP     (64 * 1024)

#define NGX_LLM_EVENTSTREAM_BYTES    6
#define NGX_LLM_EVENTSTREAM_STRING   7


typedef struct {
    ngx_str_t    type;
    ngx_str_t    event;
    ngx_str_t    exception;
    ngx_str_t    code;
    ngx_str_t    message;
} ngx_llm_eventstream_headers_t;


typedef struct {
    ngx_str_t    name;
    size_t       offset;
} ngx_llm_eventstream_header_t;


static ngx_int_t ngx_llm_eventstream_take(ngx_llm_eventstream_t *es,
    u_char **pos, u_char *last, ngx_llm_frame_t *frame);
static ngx_int_t ngx_llm_eventstream_hold(ngx_llm_eventstream_t *es,
    u_char **pos, u_char *last, size_t want);
static ngx_int_t ngx_llm_eventstream_grow(ngx_llm_eventstream_t *es,
    size_t want);
static void ngx_llm_eventstream_release(ngx_llm_eventstream_t *es);
static ngx_int_t ngx_llm_eventstream_prelude(ngx_llm_eventstream_t *es,
    u_char *p);
static ngx_int_t ngx_llm_eventstream_message(ngx_llm_eventstream_t *es,
    u_char *p, ngx_llm_frame_t *frame);
static ngx_int_t ngx_llm_eventstream_headers(u_char *p, u_char *last,
    ngx_llm_eventstream_headers_t *headers);
static ngx_int_t ngx_llm_eventstream_value(u_char **pos, u_char *last,
    ngx_str_t *value);
static void ngx_llm_eventstream_known(ngx_str_t *name, ngx_str_t *value,
    ngx_llm_eventstream_headers_t *headers);
static uint32_t ngx_llm_eventstream_uint32(u_char *p);


static ngx_llm_eventstream_header_t  ngx_llm_eventstream_names[] = {
    { ngx_string(":message-type"),
      offsetof(ngx_llm_eventstream_headers_t, type) },
    { ngx_string(":event-type"),
      offsetof(ngx_llm_eventstream_headers_t, event) },
    { ngx_string(":exception-type"),
      offsetof(ngx_llm_eventstream_headers_t, exception) },
    { ngx_string(":error-code"),
      offsetof(ngx_llm_eventstream_headers_t, code) },
    { ngx_string(":error-message"),
      offsetof(ngx_llm_eventstream_headers_t, message) },
    { ngx_null_string, 0 }
};


/* bytes of values that have no length of their own, by their type */

static size_t  ngx_llm_eventstream_sizes[] = {
    0,      /* true */
    0,      /* false */
    1,      /* int8 */
    2,      /* int16 */
    4,      /* int32 */
    8,      /* int64 */
    0,      /* bytes */
    0,      /* string */
    8,      /* timestamp */
    16      /* UUID */
};


void
ngx_llm_eventstream_init(ngx_llm_eventstream_t *es, ngx_pool_t *pool,
    size_t max)
{
    ngx_memzero(es, sizeof(ngx_llm_eventstream_t));

    es->pool = pool;
    es->max = max;
}


ngx_int_t
ngx_llm_eventstream_next(ngx_llm_eventstream_t *es, u_char **pos,
    u_char *last, ngx_llm_frame_t *frame)
{
    ngx_int_t  rc;

    if (es->broken) {
        return NGX_ERROR;
    }

    if (es->used) {
        ngx_llm_eventstream_release(es);
    }

    rc = ngx_llm_eventstream_take(es, pos, last, frame);

    if (rc == NGX_ERROR) {
        es->broken = 1;
    }

    return rc;
}


ngx_int_t
ngx_llm_eventstream_last(ngx_llm_eventstream_t *es)
{
    if (es->used) {
        ngx_llm_eventstream_release(es);
    }

    return (es->broken || es->len) ? NGX_ERROR : NGX_DONE;
}


static ngx_int_t
ngx_llm_eventstream_take(ngx_llm_eventstream_t *es, u_char **pos,
    u_char *last, ngx_llm_frame_t *frame)
{
    u_char     *p;
    size_t      rest;
    ngx_int_t   rc;

    p = *pos;
    rest = last - p;

    if (es->len == 0) {

        if (rest == 0) {
            return NGX_AGAIN;
        }

        if (rest >= NGX_LLM_EVENTSTREAM_PRELUDE) {

            if (ngx_llm_eventstream_prelude(es, p) != NGX_OK) {
                return NGX_ERROR;
            }

            if (rest >= es->total) {

                /* nothing is copied of a message that came whole */

                *pos = p + es->total;

                return ngx_llm_eventstream_message(es, p, frame);
            }
        }
    }

    if (es->total == 0) {

        rc = ngx_llm_eventstream_hold(es, pos, last,
                                      NGX_LLM_EVENTSTREAM_PRELUDE);
        if (rc != NGX_OK) {
            return rc;
        }

        if (ngx_llm_eventstream_prelude(es, es->buf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    rc = ngx_llm_eventstream_hold(es, pos, last, es->total);
    if (rc != NGX_OK) {
        return rc;
    }

    es->used = 1;

    return ngx_llm_eventstream_message(es, es->buf, frame);
}


/* NGX_OK: "want" bytes are held */

static ngx_int_t
ngx_llm_eventstream_hold(ngx_llm_eventstream_t *es, u_char **pos,
    u_char *last, size_t want)
{
    size_t  n;

    n = ngx_min(want - es->len, (size_t) (last - *pos));

    /* it grows by what has come, whatever length was announced */

    if (ngx_llm_eventstream_grow(es, es->len + n) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memcpy(es->buf + es->len, *pos, n);

    es->len += n;
    *pos += n;

    return (es->len == want) ? NGX_OK : NGX_AGAIN;
}


static ngx_int_t
ngx_llm_eventstream_grow(ngx_llm_eventstream_t *es, size_t want)
{
    u_char  *buf;
    size_t   size;

    if (want <= es->size) {
        return NGX_OK;
    }

    size = ngx_max(es->size * 2, want);
    size = ngx_max(size, NGX_LLM_EVENTSTREAM_SIZE);

    buf = ngx_pnalloc(es->pool, size);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (es->len) {
        ngx_memcpy(buf, es->buf, es->len);
    }

    if (es->size > es->pool->max) {
        ngx_pfree(es->pool, es->buf);
    }

    es->buf = buf;
    es->size = size;

    return NGX_OK;
}


/* the message last returned is done with */

static void
ngx_llm_eventstream_release(ngx_llm_eventstream_t *es)
{
    es->used = 0;
    es->len = 0;
    es->total = 0;

    if (es->size > NGX_LLM_EVENTSTREAM_KEEP) {
        ngx_pfree(es->pool, es->buf);
        es->buf = NULL;
        es->size = 0;
    }
}


static ngx_int_t
ngx_llm_eventstream_prelude(ngx_llm_eventstream_t *es, u_char *p)
{
    size_t  headers, total;

    total = ngx_llm_eventstream_uint32(p);
    headers = ngx_llm_eventstream_uint32(p + 4);

    if (ngx_crc32_long(p, 8) != ngx_llm_eventstream_uint32(p + 8)
        || total < NGX_LLM_EVENTSTREAM_MIN
        || total > es->max
        || headers > total - NGX_LLM_EVENTSTREAM_MIN
        || headers > NGX_LLM_EVENTSTREAM_HEADERS)
    {
        return NGX_ERROR;
    }

    es->total = total;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_eventstream_message(ngx_llm_eventstream_t *es, u_char *p,
    ngx_llm_frame_t *frame)
{
    size_t                          len;
    u_char                         *last;
    ngx_llm_eventstream_headers_t   h;

    frame->raw.data = p;
    frame->raw.len = es->total;

    last = p + es->total - NGX_LLM_EVENTSTREAM_CRC;

    if (!es->used) {
        es->total = 0;
    }

    if (ngx_crc32_long(p, last - p) != ngx_llm_eventstream_uint32(last)) {
        return NGX_ERROR;
    }

    len = ngx_llm_eventstream_uint32(p + 4);
    p += NGX_LLM_EVENTSTREAM_PRELUDE;

    ngx_memzero(&h, sizeof(ngx_llm_eventstream_headers_t));

    if (ngx_llm_eventstream_headers(p, p + len, &h) != NGX_OK) {
        return NGX_ERROR;
    }

    p += len;

    frame->kind = NGX_LLM_FRAME_EVENT;
    frame->name = h.event;
    frame->data.data = p;
    frame->data.len = last - p;

    if (h.type.len == sizeof("exception") - 1
        && ngx_memcmp(h.type.data, "exception", h.type.len) == 0)
    {
        frame->kind = NGX_LLM_FRAME_EXCEPTION;
        frame->name = h.exception;

    } else if (h.type.len == sizeof("error") - 1
               && ngx_memcmp(h.type.data, "error", h.type.len) == 0)
    {
        frame->kind = NGX_LLM_FRAME_ERROR;
        frame->name = h.code;
        frame->data = h.message;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_eventstream_headers(u_char *p, u_char *last,
    ngx_llm_eventstream_headers_t *headers)
{
    ngx_str_t    value, *name;
    ngx_uint_t   i, n;
    ngx_str_t    names[NGX_LLM_EVENTSTREAM_MAX_HEADERS];

    for (n = 0; p < last; n++) {

        if (n == NGX_LLM_EVENTSTREAM_MAX_HEADERS) {
            return NGX_ERROR;
        }

        name = &names[n];

        name->len = *p++;
        name->data = p;

        if (name->len == 0 || (size_t) (last - p) < name->len) {
            return NGX_ERROR;
        }

        p += name->len;

        for (i = 0; i < n; i++) {

            if (names[i].len == name->len
                && ngx_memcmp(names[i].data, name->data, name->len) == 0)
            {
                return NGX_ERROR;
            }
        }

        if (ngx_llm_eventstream_value(&p, last, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_llm_eventstream_known(name, &value, headers);
    }

    return NGX_OK;
}


/* the value is set if it is a string, else absent */

static ngx_int_t
ngx_llm_eventstream_value(u_char **pos, u_char *last, ngx_str_t *value)
{
    u_char  *p;
    size_t   len, type;

    p = *pos;

    ngx_str_null(value);

    if (p == last) {
        return NGX_ERROR;
    }

    type = *p++;

    if (type >= sizeof(ngx_llm_eventstream_sizes) / sizeof(size_t)) {
        return NGX_ERROR;
    }

    len = ngx_llm_eventstream_sizes[type];

    if (type == NGX_LLM_EVENTSTREAM_BYTES
        || type == NGX_LLM_EVENTSTREAM_STRING)
    {
        if (last - p < 2) {
            return NGX_ERROR;
        }

        len = ((size_t) p[0] << 8) + p[1];
        p += 2;
    }

    if ((size_t) (last - p) < len) {
        return NGX_ERROR;
    }

    if (type == NGX_LLM_EVENTSTREAM_STRING) {
        value->data = p;
        value->len = len;
    }

    *pos = p + len;

    return NGX_OK;
}


static void
ngx_llm_eventstream_known(ngx_str_t *name, ngx_str_t *value,
    ngx_llm_eventstream_headers_t *headers)
{
    ngx_llm_eventstream_header_t  *h;

    for (h = ngx_llm_eventstream_names; h->name.len; h++) {

        if (h->name.len == name->len
            && ngx_memcmp(h->name.data, name->data, name->len) == 0)
        {
            *(ngx_str_t *) ((u_char *) headers + h->offset) = *value;
            return;
        }
    }
}


static uint32_t
ngx_llm_eventstream_uint32(u_char *p)
{
    return ((uint32_t) p[0] << 24) | ((uint32_t) p[1] << 16)
           | ((uint32_t) p[2] << 8) | p[3];
}
