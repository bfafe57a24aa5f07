
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Texts from standard input, each behind a line with its length: a line of
 * counts, means and highs for each.  Part of t/util/estimates.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <stdio.h>
#include <stdlib.h>

#include "ngx_llm_estimate.c"


static void estimate_one(ngx_str_t *plain, ngx_pool_t *pool);


int
main(void)
{
    size_t       len;
    u_char      *buf;
    ngx_str_t    plain;
    ngx_log_t    log;
    ngx_pool_t  *pool;

    ngx_memzero(&log, sizeof(ngx_log_t));

    while (scanf("%zu", &len) == 1) {
        (void) getchar();

        buf = malloc(len + 1);

        if (buf == NULL || fread(buf, 1, len, stdin) != len) {
            return 1;
        }

        pool = ngx_create_pool(4096, &log);
        if (pool == NULL) {
            return 1;
        }

        plain.data = buf;
        plain.len = len;

        estimate_one(&plain, pool);

        ngx_destroy_pool(pool);
        free(buf);
    }

    return 0;
}


static void
estimate_one(ngx_str_t *plain, ngx_pool_t *pool)
{
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_llm_out_t        out;
    ngx_llm_estimate_t   e;

    ngx_llm_out_init(&out, pool, NULL, 0, 64 * 1024 * 1024);
    ngx_llm_out_escape(&out, plain);

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    ngx_memzero(&e, sizeof(ngx_llm_estimate_t));
    ngx_llm_estimate_text(&e, &text);

    for (i = 0; i < NGX_LLM_ESTIMATE_FEATURES; i++) {
        printf("%ld ", (long) e.count[i]);
    }

    for (i = 0; i < NGX_LLM_FAMILIES; i++) {
        printf("%ld %ld ", (long) ngx_llm_estimate_weigh(&e,
                                                  ngx_llm_estimate_mean[i]),
               (long) ngx_llm_estimate_weigh(&e, ngx_llm_estimate_high[i])
               + NGX_LLM_ESTIMATE_MORE);
    }

    printf("\n");
}
