
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A file of a time zone.  Whatever it says, periods have a begin and an end,
 * and the time asked for lies between them.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>

#include "ngx_llm_period.h"


#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *why;
    int64_t        t, begin, end;
    ngx_int_t      rc;
    ngx_str_t      file, text;
    ngx_uint_t     period;
    ngx_pool_t    *pool;
    ngx_llm_tz_t   tz;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    file.len = size;
    file.data = malloc(size ? size : 1);
    fuzz_assert(file.data != NULL);
    ngx_memcpy(file.data, data, size);

    why = NULL;
    rc = ngx_llm_tz_read(&tz, pool, &file, &why);

    fuzz_assert(rc == NGX_OK || (rc == NGX_DECLINED && why));

    if (rc == NGX_OK) {
        for (t = -1000000000; t < 5000000000LL; t += 86400 * 37 + 1111) {

            for (period = 0; period < NGX_LLM_PERIOD_TOTAL; period++) {
                ngx_llm_period(&tz, period, t, &begin, &end);
                fuzz_assert(begin <= t && t < end);
            }
        }

    } else {
        ngx_llm_tz_init(&tz);
    }

    text = file;

    if (ngx_llm_time_parse(&tz, &text, &t) == NGX_OK) {
        fuzz_assert(t > -70000000000LL && t < 260000000000LL);
    }

    free(file.data);
    ngx_destroy_pool(pool);

    return 0;
}
