
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_core.h"


#define NGX_LLM_ERROR_BUFFER  1024


static void ngx_llm_error_word(ngx_str_t *s, char *word);


static ngx_str_t  ngx_llm_finish_names[] = {
    ngx_string(""),
    ngx_string("stop"),
    ngx_string("length"),
    ngx_string("tool_calls"),
    ngx_string("content_filter"),
    ngx_string("stop")
};


ngx_int_t
ngx_llm_error(ngx_pool_t *pool, ngx_llm_error_t *err, ngx_uint_t status,
    char *type, char *code, char *param, const char *fmt, ...)
{
    va_list        args;
    ngx_str_t      text;
    ngx_llm_out_t  out;
    u_char         buf[NGX_LLM_ERROR_BUFFER];

    ngx_memzero(err, sizeof(ngx_llm_error_t));

    err->status = status;
    err->fail = (status < 500) ? NGX_LLM_FAIL_REQUEST : NGX_LLM_FAIL_ERROR;
    err->retry_after = -1;

    ngx_llm_error_word(&err->type, type);
    ngx_llm_error_word(&err->code, code);
    ngx_llm_error_word(&err->param, param);

    va_start(args, fmt);
    text.len = ngx_vslprintf(buf, buf + NGX_LLM_ERROR_BUFFER, fmt, args) - buf;
    va_end(args);

    text.data = buf;

    if (text.len == NGX_LLM_ERROR_BUFFER) {

        /* it may have been cut within a character */

        text.len = ngx_llm_utf8_cut(&text, NGX_LLM_ERROR_BUFFER - 1);
    }

    ngx_llm_out_init(&out, pool, NULL, 0, 6 * NGX_LLM_ERROR_BUFFER);
    ngx_llm_out_escape(&out, &text);

    if (out.failed) {
        ngx_str_set(&err->message, "no memory");
        return NGX_DECLINED;
    }

    err->message.data = out.start;
    err->message.len = ngx_llm_out_len(&out);

    if (err->message.len == 0) {
        ngx_str_set(&err->message, "");
    }

    return NGX_DECLINED;
}


static void
ngx_llm_error_word(ngx_str_t *s, char *word)
{
    if (word) {
        s->data = (u_char *) word;
        s->len = ngx_strlen(word);
    }
}


void
ngx_llm_usage_init(ngx_llm_usage_t *usage)
{
    usage->prompt = -1;
    usage->completion = -1;
    usage->cached = -1;
    usage->cache_write = -1;
    usage->cache_write_1h = -1;
    usage->reasoning = -1;
    usage->audio_prompt = -1;
    usage->audio_completion = -1;
    usage->cost = -1;
    usage->service = 0;
    usage->reported = 0;
}


ngx_str_t *
ngx_llm_finish_name(ngx_llm_finish_e finish)
{
    return &ngx_llm_finish_names[finish];
}


size_t
ngx_llm_utf8_char(u_char *p, u_char *last)
{
    size_t   n, i;
    u_char   c, low, high;

    if (p >= last) {
        return 0;
    }

    c = *p;
    low = 0x80;
    high = 0xbf;

    if (c < 0x80) {
        return 1;

    } else if (c < 0xc2) {
        return 0;

    } else if (c < 0xe0) {
        n = 2;

    } else if (c < 0xf0) {
        n = 3;

        if (c == 0xe0) {
            low = 0xa0;         /* overlong */

        } else if (c == 0xed) {
            high = 0x9f;        /* surrogates */
        }

    } else if (c < 0xf5) {
        n = 4;

        if (c == 0xf0) {
            low = 0x90;         /* overlong */

        } else if (c == 0xf4) {
            high = 0x8f;        /* above U+10FFFF */
        }

    } else {
        return 0;
    }

    if ((size_t) (last - p) < n || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


u_char *
ngx_llm_utf8_put(u_char *p, uint32_t c)
{
    if (c < 0x80) {
        *p++ = (u_char) c;
        return p;
    }

    if (c < 0x800) {
        *p++ = (u_char) (0xc0 | (c >> 6));
        *p++ = (u_char) (0x80 | (c & 0x3f));
        return p;
    }

    if (c < 0x10000) {
        *p++ = (u_char) (0xe0 | (c >> 12));
        *p++ = (u_char) (0x80 | ((c >> 6) & 0x3f));
        *p++ = (u_char) (0x80 | (c & 0x3f));
        return p;
    }

    *p++ = (u_char) (0xf0 | (c >> 18));
    *p++ = (u_char) (0x80 | ((c >> 12) & 0x3f));
    *p++ = (u_char) (0x80 | ((c >> 6) & 0x3f));
    *p++ = (u_char) (0x80 | (c & 0x3f));

    return p;
}


size_t
ngx_llm_utf8_cut(ngx_str_t *plain, size_t max)
{
    size_t  n;

    if (plain->len <= max) {
        return plain->len;
    }

    /* back to where a character begins, past 3 bytes at most */

    n = max;

    while (n && max - n < 4 && (plain->data[n] & 0xc0) == 0x80) {
        n--;
    }

    return (max - n < 4) ? n : max;
}
