
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Values that are checked in passing, without a tree.
 */


#include "ngx_llm_json.h"
#include "ngx_llm_scan.h"


/* containers in the value, a bit each */
#define NGX_LLM_JSON_PASS_DEPTH  32


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
