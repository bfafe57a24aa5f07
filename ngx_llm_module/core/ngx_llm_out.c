
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_scan.h"


#define NGX_LLM_OUT_MIN  256


static size_t ngx_llm_out_plain_run(u_char *p, u_char *last);


static u_char  ngx_llm_hex[] = "0123456789abcdef";


void
ngx_llm_out_init(ngx_llm_out_t *out, ngx_pool_t *pool, u_char *buf,
    size_t size, size_t max)
{
    out->start = buf;
    out->last = buf;
    out->end = buf ? buf + ngx_min(size, max) : NULL;
    out->max = max;
    out->pool = pool;
    out->failed = 0;
    out->grown = 0;
}


ngx_int_t
ngx_llm_out_reserve(ngx_llm_out_t *out, size_t n)
{
    size_t   len, size;
    u_char  *p;

    if (out->failed) {
        return NGX_ERROR;
    }

    if (n <= (size_t) (out->end - out->last)) {
        return NGX_OK;
    }

    len = ngx_llm_out_len(out);

    if (out->pool == NULL || n > out->max - len) {
        goto failed;
    }

    /* len + n <= max; at least doubled, without an overflow */

    size = out->end - out->start;
    size = (size > out->max / 2) ? out->max : size * 2;
    size = ngx_max(size, len + n);

    if (size < NGX_LLM_OUT_MIN) {
        size = ngx_min(NGX_LLM_OUT_MIN, out->max);
    }

    p = ngx_pnalloc(out->pool, size);
    if (p == NULL) {
        goto failed;
    }

    if (len) {
        ngx_memcpy(p, out->start, len);
    }

    if (out->grown && (size_t) (out->end - out->start) > out->pool->max) {
        ngx_pfree(out->pool, out->start);
    }

    out->start = p;
    out->last = p + len;
    out->end = p + size;
    out->grown = 1;

    return NGX_OK;

failed:

    out->failed = 1;
    out->end = out->last;

    return NGX_ERROR;
}


void
ngx_llm_out_data(ngx_llm_out_t *out, u_char *data, size_t len)
{
    if (len == 0) {
        return;
    }

    if (len > (size_t) (out->end - out->last)) {
        if (ngx_llm_out_reserve(out, len) != NGX_OK) {
            return;
        }
    }

    out->last = ngx_cpymem(out->last, data, len);
}


void
ngx_llm_out_str(ngx_llm_out_t *out, ngx_str_t *s)
{
    ngx_llm_out_data(out, s->data, s->len);
}


void
ngx_llm_out_int(ngx_llm_out_t *out, int64_t n)
{
    u_char    *p, *last;
    uint64_t   value;
    u_char     buf[NGX_INT64_LEN];

    last = buf + NGX_INT64_LEN;
    p = last;

    value = (n < 0) ? 0 - (uint64_t) n : (uint64_t) n;

    do {
        *--p = (u_char) (value % 10 + '0');
        value /= 10;
    } while (value);

    if (n < 0) {
        *--p = '-';
    }

    ngx_llm_out_data(out, p, last - p);
}


void
ngx_llm_out_quoted(ngx_llm_out_t *out, ngx_str_t *escaped)
{
    ngx_llm_out_char(out, '"');
    ngx_llm_out_data(out, escaped->data, escaped->len);
    ngx_llm_out_char(out, '"');
}


void
ngx_llm_out_json_string(ngx_llm_out_t *out, ngx_str_t *plain)
{
    ngx_llm_out_char(out, '"');
    ngx_llm_out_escape(out, plain);
    ngx_llm_out_char(out, '"');
}


void
ngx_llm_out_escape(ngx_llm_out_t *out, ngx_str_t *plain)
{
    u_char  *p, *last;
    size_t   n;
    u_char   buf[6];

    p = plain->data;
    last = p + plain->len;

    while (p < last && !out->failed) {

        n = ngx_llm_out_plain_run(p, last);

        if (n) {
            ngx_llm_out_data(out, p, n);
            p += n;
            continue;
        }

        switch (*p) {

        case '"':
            ngx_llm_out_lit(out, "\\\"");
            break;

        case '\\':
            ngx_llm_out_lit(out, "\\\\");
            break;

        case '\n':
            ngx_llm_out_lit(out, "\\n");
            break;

        case '\r':
            ngx_llm_out_lit(out, "\\r");
            break;

        case '\t':
            ngx_llm_out_lit(out, "\\t");
            break;

        default:

            if (*p >= 0x80) {
                ngx_llm_out_lit(out, "\xef\xbf\xbd");
                break;
            }

            ngx_memcpy(buf, "\\u00", 4);
            buf[4] = ngx_llm_hex[*p >> 4];
            buf[5] = ngx_llm_hex[*p & 0xf];

            ngx_llm_out_data(out, buf, 6);
        }

        p++;
    }
}


/* bytes from p on that stand for themselves */

static size_t
ngx_llm_out_plain_run(u_char *p, u_char *last)
{
    size_t   n;
    u_char  *start;

    start = p;

    for ( ;; ) {
        p = ngx_llm_scan_string(p, last);

        if (p == last || *p < 0x80) {
            break;
        }

        n = ngx_llm_utf8_char(p, last);

        if (n == 0) {
            break;
        }

        p += n;
    }

    return p - start;
}


void
ngx_llm_out_path(ngx_llm_out_t *out, ngx_str_t *plain)
{
    u_char  *p, *last;
    u_char   buf[3];

    /* a segment that leads elsewhere, even if it were encoded */

    if ((plain->len == 1 && plain->data[0] == '.')
        || (plain->len == 2 && plain->data[0] == '.' && plain->data[1] == '.'))
    {
        out->failed = 1;
        return;
    }

    last = plain->data + plain->len;

    for (p = plain->data; p < last; p++) {

        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
            || (*p >= '0' && *p <= '9')
            || *p == '-' || *p == '.' || *p == '_' || *p == '~')
        {
            ngx_llm_out_char(out, *p);
            continue;
        }

        buf[0] = '%';
        buf[1] = ngx_toupper(ngx_llm_hex[*p >> 4]);
        buf[2] = ngx_toupper(ngx_llm_hex[*p & 0xf]);

        ngx_llm_out_data(out, buf, 3);
    }
}


void
ngx_llm_out_header(ngx_llm_out_t *out, char *name, ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] == CR || value->data[i] == LF
            || value->data[i] == '\0')
        {
            out->failed = 1;
            return;
        }
    }

    ngx_llm_out_data(out, (u_char *) name, ngx_strlen(name));
    ngx_llm_out_lit(out, ": ");
    ngx_llm_out_data(out, value->data, value->len);
    ngx_llm_out_lit(out, CRLF);
}
