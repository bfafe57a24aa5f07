
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_json.h"


ngx_int_t
ngx_llm_json_decimal(ngx_llm_json_t *node, int64_t *value)
{
    u_char      ch, *last, *p;
    int64_t     exp, n, point;
    ngx_uint_t  fraction, minus, minus_exp;

    if (node->type != NGX_LLM_JSON_NUMBER) {
        return NGX_DECLINED;
    }

    p = node->raw.data;
    last = p + node->raw.len;

    n = 0;
    point = 0;
    minus = 0;
    fraction = 0;

    if (p < last && *p == '-') {
        minus = 1;
        p++;
    }

    for ( /* void */ ; p < last; p++) {
        ch = *p;

        if (ch == '.') {
            fraction = 1;
            continue;
        }

        if (ch < '0' || ch > '9') {
            break;
        }

        if (n < 100000000000000000) {
            n = n * 10 + (ch - '0');
            point -= fraction;

        } else {
            point += !fraction;
        }
    }

    exp = 0;
    minus_exp = 0;

    if (p < last) {

        /* "e" */

        p++;

        if (p < last && (*p == '-' || *p == '+')) {
            minus_exp = (*p == '-');
            p++;
        }

        for ( /* void */ ; p < last; p++) {
            if (exp < 100000000) {
                exp = exp * 10 + (*p - '0');
            }
        }
    }

    point += 6 + (minus_exp ? -exp : exp);

    for ( /* void */ ; n && point < 0; point++) {
        n /= 10;
    }

    for ( /* void */ ; n && point > 0 && n < 100000000000000000; point--) {
        n *= 10;
    }

    *value = minus ? -n : n;

    return NGX_OK;
}
