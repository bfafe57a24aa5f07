
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_http.h"
#include "ngx_llm_wait.h"


typedef enum {
    NGX_LLM_HTTP_STATUS = 0,
    NGX_LLM_HTTP_HEADER,
    NGX_LLM_HTTP_LENGTH,        /* a body of a known length */
    NGX_LLM_HTTP_CLOSE,         /* one that ends with the connection */
    NGX_LLM_HTTP_CHUNK_SIZE,
    NGX_LLM_HTTP_CHUNK_EXT,
    NGX_LLM_HTTP_CHUNK_DATA,
    NGX_LLM_HTTP_CHUNK_END,
    NGX_LLM_HTTP_TRAILER,
    NGX_LLM_HTTP_DONE
} ngx_llm_http_state_e;


static ngx_int_t ngx_llm_http_line(ngx_llm_http_t *http, u_char **pos,
    u_char *last);
static ngx_int_t ngx_llm_http_status(ngx_llm_http_t *http);
static ngx_int_t ngx_llm_http_header(ngx_llm_http_t *http);
static ngx_uint_t ngx_llm_http_is(ngx_str_t *text, char *name);
static ngx_int_t ngx_llm_http_head_done(ngx_llm_http_t *http);
static ngx_int_t ngx_llm_http_data(ngx_llm_http_t *http, u_char **pos,
    u_char *last);
static ngx_int_t ngx_llm_http_size(ngx_llm_http_t *http, u_char c);


void
ngx_llm_http_init(ngx_llm_http_t *http, ngx_llm_out_t *body)
{
    http->status = 0;
    http->retry_after = -1;
    http->body = body;
    http->state = NGX_LLM_HTTP_STATUS;
    http->head = 0;
    http->length = -1;
    http->nline = 0;
    http->chunked = 0;
    http->digits = 0;
}


ngx_int_t
ngx_llm_http_next(ngx_llm_http_t *http, u_char *p, u_char *last)
{
    ngx_int_t  rc;

    while (p < last) {

        switch (http->state) {

        case NGX_LLM_HTTP_STATUS:
        case NGX_LLM_HTTP_HEADER:
        case NGX_LLM_HTTP_TRAILER:
            rc = ngx_llm_http_line(http, &p, last);
            break;

        case NGX_LLM_HTTP_CHUNK_SIZE:
        case NGX_LLM_HTTP_CHUNK_EXT:
            rc = ngx_llm_http_size(http, *p++);
            break;

        case NGX_LLM_HTTP_CHUNK_END:

            if (*p == LF) {
                http->state = NGX_LLM_HTTP_CHUNK_SIZE;
                http->length = 0;
                http->digits = 0;

            } else if (*p != CR) {
                return NGX_DECLINED;
            }

            p++;
            rc = NGX_AGAIN;
            break;

        case NGX_LLM_HTTP_DONE:

            /* nothing was asked for that could follow */

            return NGX_DECLINED;

        default:
            rc = ngx_llm_http_data(http, &p, last);
        }

        if (rc == NGX_DECLINED) {
            return NGX_DECLINED;
        }
    }

    return (http->state == NGX_LLM_HTTP_DONE) ? NGX_OK : NGX_AGAIN;
}


ngx_int_t
ngx_llm_http_end(ngx_llm_http_t *http)
{
    if (http->state == NGX_LLM_HTTP_CLOSE) {
        http->state = NGX_LLM_HTTP_DONE;
    }

    return (http->state == NGX_LLM_HTTP_DONE) ? NGX_OK : NGX_DECLINED;
}


/* lines may be folded nowhere, and CR may stand before LF only */

static ngx_int_t
ngx_llm_http_line(ngx_llm_http_t *http, u_char **pos, u_char *last)
{
    u_char  c;

    while (*pos < last) {
        c = *(*pos)++;

        if (++http->head > NGX_LLM_HTTP_MAX_HEAD) {
            return NGX_DECLINED;
        }

        if (c != LF) {

            if (http->nline == NGX_LLM_HTTP_MAX_LINE || c == '\0') {
                return NGX_DECLINED;
            }

            http->line[http->nline++] = c;
            continue;
        }

        if (http->nline && http->line[http->nline - 1] == CR) {
            http->nline--;
        }

        if (http->state == NGX_LLM_HTTP_STATUS) {

            if (ngx_llm_http_status(http) != NGX_OK) {
                return NGX_DECLINED;
            }

            http->state = NGX_LLM_HTTP_HEADER;

        } else if (http->nline == 0) {

            if (http->state == NGX_LLM_HTTP_TRAILER) {
                http->state = NGX_LLM_HTTP_DONE;
                return NGX_AGAIN;
            }

            return ngx_llm_http_head_done(http);

        } else if (http->state == NGX_LLM_HTTP_HEADER
                   && ngx_llm_http_header(http) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        http->nline = 0;
    }

    return NGX_AGAIN;
}


/* HTTP/1.1 200 OK */

static ngx_int_t
ngx_llm_http_status(ngx_llm_http_t *http)
{
    u_char     *p;
    ngx_int_t   n;

    p = http->line;

    if (http->nline < sizeof("HTTP/1.1 200") - 1
        || ngx_memcmp(p, "HTTP/1.", 7) != 0
        || p[7] < '0' || p[7] > '9' || p[8] != ' '
        || (http->nline > 12 && p[12] != ' '))
    {
        return NGX_DECLINED;
    }

    n = ngx_atoi(&p[9], 3);

    if (n < 100 || n > 599) {
        return NGX_DECLINED;
    }

    http->status = n;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_http_header(ngx_llm_http_t *http)
{
    off_t       length;
    u_char     *colon, *last;
    ngx_str_t   name, value;

    last = http->line + http->nline;
    colon = ngx_strlchr(http->line, last, ':');

    if (colon == NULL || colon == http->line || http->line[0] <= ' ') {
        return NGX_DECLINED;
    }

    name.data = http->line;
    name.len = colon - http->line;

    for (colon++; colon < last && (*colon == ' ' || *colon == '\t'); colon++) {
        /* void */
    }

    while (last > colon && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    value.data = colon;
    value.len = last - colon;

    if (ngx_llm_http_is(&name, "content-length")) {
        length = ngx_atoof(value.data, value.len);

        if (length == NGX_ERROR
            || (http->length != -1 && http->length != length))
        {
            return NGX_DECLINED;
        }

        http->length = length;

    } else if (ngx_llm_http_is(&name, "transfer-encoding")) {

        if (http->chunked || !ngx_llm_http_is(&value, "chunked")) {
            return NGX_DECLINED;
        }

        http->chunked = 1;

    } else if (ngx_llm_http_is(&name, "content-encoding")) {

        if (!ngx_llm_http_is(&value, "identity")) {
            return NGX_DECLINED;
        }

    } else if (ngx_llm_http_is(&name, "retry-after")) {
        http->retry_after = ngx_llm_wait(&value, 0);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_http_is(ngx_str_t *text, char *name)
{
    return text->len == ngx_strlen(name)
           && ngx_strncasecmp(text->data, (u_char *) name, text->len) == 0;
}


static ngx_int_t
ngx_llm_http_head_done(ngx_llm_http_t *http)
{
    http->nline = 0;

    if (http->status < 200) {

        /* nothing was asked to be upgraded */

        if (http->status == 101) {
            return NGX_DECLINED;
        }

        http->status = 0;
        http->retry_after = -1;
        http->length = -1;
        http->chunked = 0;
        http->state = NGX_LLM_HTTP_STATUS;

        return NGX_AGAIN;
    }

    if (http->status == 204 || http->status == 304) {
        http->state = NGX_LLM_HTTP_DONE;

    } else if (http->chunked) {
        http->length = 0;
        http->state = NGX_LLM_HTTP_CHUNK_SIZE;

    } else if (http->length == -1) {
        http->state = NGX_LLM_HTTP_CLOSE;

    } else {
        http->state = http->length ? NGX_LLM_HTTP_LENGTH : NGX_LLM_HTTP_DONE;
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_llm_http_data(ngx_llm_http_t *http, u_char **pos, u_char *last)
{
    size_t  n;

    n = last - *pos;

    if (http->state != NGX_LLM_HTTP_CLOSE) {
        n = (size_t) ngx_min((off_t) n, http->length);
        http->length -= n;
    }

    ngx_llm_out_data(http->body, *pos, n);

    if (http->body->failed) {
        return NGX_DECLINED;
    }

    *pos += n;

    if (http->length == 0) {

        if (http->state == NGX_LLM_HTTP_LENGTH) {
            http->state = NGX_LLM_HTTP_DONE;

        } else if (http->state == NGX_LLM_HTTP_CHUNK_DATA) {
            http->state = NGX_LLM_HTTP_CHUNK_END;
        }
    }

    return NGX_AGAIN;
}


/* a byte of the line in front of a chunk */

static ngx_int_t
ngx_llm_http_size(ngx_llm_http_t *http, u_char c)
{
    u_char  ch;

    if (c == LF) {

        if (!http->digits) {
            return NGX_DECLINED;
        }

        http->nline = 0;
        http->state = http->length ? NGX_LLM_HTTP_CHUNK_DATA
                                   : NGX_LLM_HTTP_TRAILER;
        return NGX_AGAIN;
    }

    if (++http->head > NGX_LLM_HTTP_MAX_HEAD) {
        return NGX_DECLINED;
    }

    if (http->state == NGX_LLM_HTTP_CHUNK_EXT) {
        return NGX_AGAIN;
    }

    if (c == ';' || c == ' ' || c == '\t' || c == CR) {
        http->state = NGX_LLM_HTTP_CHUNK_EXT;
        return NGX_AGAIN;
    }

    ch = (u_char) (c | 0x20);

    if (c >= '0' && c <= '9') {
        ch = c - '0';

    } else if (ch >= 'a' && ch <= 'f') {
        ch = ch - 'a' + 10;

    } else {
        return NGX_DECLINED;
    }

    if (http->length > NGX_MAX_INT32_VALUE) {
        return NGX_DECLINED;
    }

    http->length = http->length * 16 + ch;
    http->digits = 1;

    return NGX_AGAIN;
}
