
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A whole answer of Anthropic's, and an error: what is read of it can be
 * written.  The same bytes as a count of tokens.
 */


#define FUZZ_LAX  1

#include "fuzz_provider.h"


static void fuzz_count_answer(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_answer(&ngx_llm_anthropic, data, size);
    fuzz_count_answer(data, size);

    return 0;
}


static void
fuzz_count_answer(const uint8_t *data, size_t size)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_pool_t          *pool;
    ngx_llm_error_t      err;
    ngx_llm_response_t   res;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    text.data = (u_char *) data;
    text.len = size;

    fuzz_assert(ngx_llm_response_init(&res, pool) == NGX_OK);

    res.count = 1;

    rc = ngx_llm_anthropic.read_response(&text, &res, &err);

    if (rc == NGX_OK) {
        fuzz_assert(res.usage.prompt >= 0 && res.choices.nelts == 0);

    } else {
        fuzz_assert(rc == NGX_DECLINED);
        fuzz_error(pool, &err);
    }

    ngx_destroy_pool(pool);
}
