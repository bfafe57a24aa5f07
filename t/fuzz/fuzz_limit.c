
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The words of a limit, separated by blanks.  What is accepted has sane
 * values, and slices of the words.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>

#include "ngx_llm_limit.h"


#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


#define FUZZ_WORDS  16


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char           *p, *start, *last;
    ngx_int_t         rc;
    ngx_str_t         words[FUZZ_WORDS], error;
    ngx_uint_t        n;
    ngx_llm_limit_t   limit;
    u_char            buf[200], text[NGX_LLM_LIMIT_TEXT];

    start = malloc(size + 1);
    fuzz_assert(start != NULL);

    ngx_memcpy(start, data, size);

    last = start + size;
    n = 0;

    for (p = start; p < last && n < FUZZ_WORDS; n++) {
        words[n].data = p;

        while (p < last && *p != ' ') {
            p++;
        }

        words[n].len = p - words[n].data;
        p += (p < last);
    }

    error.data = buf;
    error.len = sizeof(buf);

    rc = ngx_llm_limit_parse(&limit, words, n, &error);

    if (rc == NGX_DECLINED) {
        fuzz_assert(error.len && error.len <= sizeof(buf));
        free(start);
        return 0;
    }

    fuzz_assert(rc == NGX_OK);

    fuzz_assert(limit.amount >= 0 && limit.amount <= NGX_LLM_LIMIT_MAX);
    fuzz_assert(limit.burst >= 0 && limit.burst <= NGX_LLM_LIMIT_MAX);
    fuzz_assert(limit.per_max >= 1 && limit.per_max <= NGX_LLM_LIMIT_MAX);
    fuzz_assert(limit.reserve != NGX_LLM_RESERVE_DEFAULT);
    fuzz_assert(limit.text.data >= start
                && limit.text.data + limit.text.len <= last);

    if (limit.kind == NGX_LLM_LIMIT_RATE) {
        fuzz_assert(limit.amount > 0 && limit.burst > 0 && limit.rate_time);
    }

    if (limit.per == NGX_LLM_PER_VARIABLE) {
        fuzz_assert(limit.variable.len > 0);
    }

    p = ngx_llm_limit_amount(text, limit.unit, limit.amount);
    fuzz_assert(p > text && p <= text + sizeof(text));

    free(start);

    return 0;
}
