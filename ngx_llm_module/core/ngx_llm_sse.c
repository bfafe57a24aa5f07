
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_sse.h"
#include "ngx_llm_scan.h"


#define NGX_LLM_SSE_MIN   1024

/* a buffer above this is given back after its frame */
#define NGX_LLM_SSE_KEEP  (64 * 1024)


static u_char *ngx_llm_sse_scan(ngx_llm_sse_t *sse, u_char *start,
    u_char *last);
static ngx_int_t ngx_llm_sse_fields(ngx_llm_sse_t *sse,
    ngx_llm_frame_t *frame);
static ngx_int_t ngx_llm_sse_join(ngx_llm_sse_t *sse, ngx_llm_frame_t *frame,
    ngx_str_t *value);
static ngx_int_t ngx_llm_sse_hold(ngx_llm_sse_t *sse, u_char *p, size_t n);
static void ngx_llm_sse_release(ngx_llm_sse_t *sse);


void
ngx_llm_sse_init(ngx_llm_sse_t *sse, ngx_pool_t *pool, size_t max)
{
    ngx_memzero(sse, sizeof(ngx_llm_sse_t));

    sse->pool = pool;
    sse->max = max;
}


ngx_int_t
ngx_llm_sse_next(ngx_llm_sse_t *sse, u_char **pos, u_char *last,
    ngx_llm_frame_t *frame)
{
    u_char  *p, *end;

    if (sse->used) {
        ngx_llm_sse_release(sse);
    }

    p = *pos;

    if (p == last) {
        return NGX_AGAIN;
    }

    end = ngx_llm_sse_scan(sse, p, last);

    if (end == NULL) {
        *pos = last;

        if (ngx_llm_sse_hold(sse, p, last - p) != NGX_OK) {
            return NGX_ERROR;
        }

        return NGX_AGAIN;
    }

    *pos = end;

    if (sse->len == 0) {

        if ((size_t) (end - p) > sse->max) {
            return NGX_ERROR;
        }

        frame->raw.data = p;
        frame->raw.len = end - p;

    } else {

        if (ngx_llm_sse_hold(sse, p, end - p) != NGX_OK) {
            return NGX_ERROR;
        }

        frame->raw.data = sse->buf;
        frame->raw.len = sse->len;
    }

    sse->used = 1;

    return ngx_llm_sse_fields(sse, frame);
}


ngx_int_t
ngx_llm_sse_last(ngx_llm_sse_t *sse, ngx_llm_frame_t *frame)
{
    if (sse->used) {
        ngx_llm_sse_release(sse);
    }

    if (sse->len == 0) {
        return NGX_DONE;
    }

    frame->raw.data = sse->buf;
    frame->raw.len = sse->len;

    sse->used = 1;
    sse->final = (size_t) -1;

    return ngx_llm_sse_fields(sse, frame);
}


/*
 * Where the frame ends that began in what is held, or NULL.  A CR ends a line
 * at once; the LF of the pair, if it is not there yet, is the first byte of
 * the next frame, and no line.  Of a frame, "final" is its last line but the
 * blank one.
 */

static u_char *
ngx_llm_sse_scan(ngx_llm_sse_t *sse, u_char *start, u_char *last)
{
    u_char      *p;
    size_t       held, line;
    ngx_uint_t   cr;

    p = start;
    held = sse->len;
    line = sse->line;

    if (held == 0) {
        sse->final = 0;
    }

    if (sse->cr) {
        sse->cr = 0;

        if (*p == LF) {
            p++;
            line = held + 1;
        }
    }

    for ( ;; ) {

        p = ngx_llm_scan_line(p, last);

        if (p == last) {
            sse->line = line;
            return NULL;
        }

        if (held + (p - start) == line) {

            /* the blank line */

            cr = (*p++ == CR);

            if (cr && p < last && *p == LF) {
                p++;
                cr = 0;
            }

            sse->cr = (cr && p == last);
            sse->line = 0;

            return p;
        }

        cr = (*p++ == CR);

        if (cr && p < last && *p == LF) {
            p++;
        }

        sse->final = line;
        line = held + (p - start);

        if (p == last) {
            sse->cr = (cr && p[-1] == CR);
            sse->line = line;
            return NULL;
        }
    }
}


static ngx_int_t
ngx_llm_sse_fields(ngx_llm_sse_t *sse, ngx_llm_frame_t *frame)
{
    u_char     *p, *eol, *colon, *last, *tail;
    size_t      n;
    ngx_str_t   value;

    ngx_str_null(&frame->name);
    ngx_str_null(&frame->data);

    p = frame->raw.data;
    last = p + frame->raw.len;

    for (tail = last; tail > p; tail--) {
        if (tail[-1] != LF && tail[-1] != CR) {
            break;
        }
    }

    if (!sse->bom) {
        sse->bom = 1;

        if (last - p >= 3 && ngx_memcmp(p, "\xef\xbb\xbf", 3) == 0) {
            p += 3;
        }
    }

    while (p < last) {

        if ((size_t) (p - frame->raw.data) == sse->final) {
            eol = tail;

        } else {
            eol = ngx_llm_scan_line(p, last);
        }

        if (eol - p > 5 && ngx_memcmp(p, "data:", 5) == 0) {
            colon = p + 4;

        } else {
            colon = memchr(p, ':', eol - p);
        }

        if (colon) {
            n = colon - p;
            value.data = colon + 1;

            if (value.data < eol && *value.data == ' ') {
                value.data++;
            }

        } else {
            n = eol - p;
            value.data = eol;
        }

        value.len = eol - value.data;

        if (n == 4 && ngx_memcmp(p, "data", 4) == 0) {

            if (ngx_llm_sse_join(sse, frame, &value) != NGX_OK) {
                return NGX_ERROR;
            }

        } else if (n == 5 && ngx_memcmp(p, "event", 5) == 0) {
            frame->name = value;
        }

        p = (eol < last) ? eol + 1 : eol;
    }

    while (frame->data.len
           && (frame->data.data[frame->data.len - 1] == ' '
               || frame->data.data[frame->data.len - 1] == '\t'
               || frame->data.data[frame->data.len - 1] == LF))
    {
        frame->data.len--;
    }

    return NGX_OK;
}


/* raw must stay what it is: more than one line of data is a copy */

static ngx_int_t
ngx_llm_sse_join(ngx_llm_sse_t *sse, ngx_llm_frame_t *frame, ngx_str_t *value)
{
    u_char  *p;

    if (frame->data.data == NULL) {
        frame->data = *value;
        return NGX_OK;
    }

    if (frame->data.data != sse->text) {

        /* all lines together are shorter than the frame */

        if (sse->text_size < frame->raw.len) {

            if (sse->text_size > sse->pool->max) {
                ngx_pfree(sse->pool, sse->text);
            }

            sse->text_size = ngx_max(frame->raw.len, NGX_LLM_SSE_MIN);

            sse->text = ngx_pnalloc(sse->pool, sse->text_size);
            if (sse->text == NULL) {
                sse->text_size = 0;
                return NGX_ERROR;
            }
        }

        ngx_memcpy(sse->text, frame->data.data, frame->data.len);
        frame->data.data = sse->text;
    }

    p = sse->text + frame->data.len;

    *p++ = LF;
    p = ngx_cpymem(p, value->data, value->len);

    frame->data.len = p - sse->text;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_sse_hold(ngx_llm_sse_t *sse, u_char *p, size_t n)
{
    u_char  *buf;
    size_t   size;

    if (n > sse->max - sse->len) {
        return NGX_ERROR;
    }

    if (n > sse->size - sse->len) {

        size = ngx_max(sse->size * 2, sse->len + n);
        size = ngx_max(size, NGX_LLM_SSE_MIN);

        buf = ngx_pnalloc(sse->pool, size);
        if (buf == NULL) {
            return NGX_ERROR;
        }

        if (sse->len) {
            ngx_memcpy(buf, sse->buf, sse->len);
        }

        if (sse->size > sse->pool->max) {
            ngx_pfree(sse->pool, sse->buf);
        }

        sse->buf = buf;
        sse->size = size;
    }

    ngx_memcpy(sse->buf + sse->len, p, n);
    sse->len += n;

    return NGX_OK;
}


/* the frame last returned is done with */

static void
ngx_llm_sse_release(ngx_llm_sse_t *sse)
{
    sse->used = 0;
    sse->len = 0;

    if (sse->size > NGX_LLM_SSE_KEEP) {
        ngx_pfree(sse->pool, sse->buf);
        sse->buf = NULL;
        sse->size = 0;
    }

    if (sse->text_size > NGX_LLM_SSE_KEEP) {
        ngx_pfree(sse->pool, sse->text);
        sse->text = NULL;
        sse->text_size = 0;
    }
}
