
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Values that are checked in passing, without a tree.
 */


#include "ngx_llm_json.h"
#include "ngx_llm_scan.h"


/* containers in the value, a bit each */
#define NGX_LLM_JSON_PASS_DEPTH  32


#if (NGX_LLM_SCAN_BLOCK)
static ngx_inline u_char *ngx_llm_json_usual(u_char *p, ngx_str_t *key);
#endif


u_char *
ngx_llm_json_digits(u_char *p, u_char *last, ngx_llm_json_t *node)
{
    if (*p < '0' || *p > '9') {
        return NULL;
    }

    node->type = NGX_LLM_JSON_NUMBER;
    node->raw.data = p;

    p = ngx_llm_json_word(p, last);

    if (p == NULL) {
        return NULL;
    }

    node->raw.len = p - node->raw.data;

    return p;
}


u_char *
ngx_llm_json_quoted(u_char *p, u_char *last, ngx_str_t *text)
{
    ngx_uint_t  escaped;

    if (*p++ != '"') {
        return NULL;
    }

    text->data = p;

    p = ngx_llm_json_string(p, last, &escaped);

    if (p == NULL) {
        return NULL;
    }

    text->len = p - text->data;

    return p + 1;
}


u_char *
ngx_llm_json_pass(u_char *p, u_char *last, ngx_uint_t *values)
{
    u_char      close;
    uint32_t    nesting;
    ngx_str_t   key;
    ngx_uint_t  depth, escaped;

    depth = 0;
    nesting = 0;

    for ( ;; ) {

        if (*values == 0) {
            return NULL;
        }

        *values -= 1;

        switch (*p) {

        case '{':
        case '[':

            /* both pairs of brackets are two apart */

            close = *p++ + 2;

            ngx_llm_json_skip(p, last);

            if (p == last) {
                return NULL;
            }

            if (*p == close) {
                p++;
                break;
            }

            if (depth == NGX_LLM_JSON_PASS_DEPTH) {
                return NULL;
            }

            depth++;
            nesting = (nesting << 1) | (close == '}');

            if (nesting & 1) {
                ngx_str_null(&key);

                p = ngx_llm_json_member(p, last, &key);

                if (p == NULL) {
                    return NULL;
                }
            }

            continue;

        case '"':
            p = ngx_llm_json_string(p + 1, last, &escaped);
            p = p ? p + 1 : NULL;
            break;

        default:
            p = ngx_llm_json_word(p, last);
        }

        if (p == NULL) {
            return NULL;
        }

        /* what follows a value */

        for ( ;; ) {

            if (depth == 0) {
                return p;
            }

            if (nesting & 1) {

                /* only a name that is there can be NULL */

                key.data = p;

                p = ngx_llm_json_member(p, last, &key);

                if (p == NULL) {
                    return NULL;
                }

                if (key.data) {
                    break;
                }

            } else {
                ngx_llm_json_skip(p, last);

                if (p == last) {
                    return NULL;
                }

                if (*p == ',') {
                    p++;

                    ngx_llm_json_skip(p, last);

                    if (p == last) {
                        return NULL;
                    }

                    break;
                }

                if (*p++ != ']') {
                    return NULL;
                }
            }

            depth--;
            nesting >>= 1;
        }
    }
}


u_char *
ngx_llm_json_member(u_char *p, u_char *last, ngx_str_t *key)
{
#if (NGX_LLM_SCAN_BLOCK)

    u_char  *value;

    if (last - p > NGX_LLM_SCAN_BLOCK) {
        value = ngx_llm_json_usual(p, key);

        if (value) {
            return value;
        }
    }

#endif

    ngx_llm_json_skip(p, last);

    if (p == last) {
        return NULL;
    }

    if (*p == '}') {
        key->data = NULL;
        return p + 1;
    }

    if (key->data) {

        if (*p++ != ',') {
            return NULL;
        }

        ngx_llm_json_skip(p, last);

        if (p == last) {
            return NULL;
        }
    }

    if (*p++ != '"') {
        return NULL;
    }

    key->data = p;

    p = ngx_llm_scan_string(p, last);

    if (p == last || *p != '"') {
        return NULL;
    }

    key->len = p++ - key->data;

    ngx_llm_json_skip(p, last);

    if (p == last || *p++ != ':') {
        return NULL;
    }

    ngx_llm_json_skip(p, last);

    return (p == last) ? NULL : p;
}


#if (NGX_LLM_SCAN_BLOCK)

/*
 * A member as nearly all are: a blank at most behind the comma and the colon,
 * and a short name.  NULL: it takes a closer look; key is as it was.  There
 * are as many bytes as one of them can have.
 */

static ngx_inline u_char *
ngx_llm_json_usual(u_char *p, ngx_str_t *key)
{
    u_char    *name, *value;
    unsigned   special;

    if (key->data) {

        if (*p++ != ',') {
            return NULL;
        }

        p += (*p == ' ');
    }

    if (*p++ != '"') {
        return NULL;
    }

    name = p;
    special = _mm_movemask_epi8(ngx_llm_scan_special(p));

    if (special == 0) {
        return NULL;
    }

    p += __builtin_ctz(special);

    if (p[0] != '"' || p[1] != ':') {
        return NULL;
    }

    value = p + 2 + (p[2] == ' ');

    if (*value <= ' ') {
        return NULL;
    }

    key->data = name;
    key->len = p - name;

    return value;
}

#endif
