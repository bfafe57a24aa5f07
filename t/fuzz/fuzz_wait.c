
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Times to wait: none is outside of its bounds.
 */


#include "fuzz_provider.h"
#include "ngx_llm_wait.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char           *copy;
    ngx_int_t         n;
    ngx_str_t         value, name;
    ngx_llm_wait_t    wait;

    copy = malloc(size + 1);
    fuzz_assert(copy != NULL);
    memcpy(copy, data, size);

    value.data = copy;
    value.len = size;

    n = ngx_llm_wait(&value, 0);
    fuzz_assert(n >= -1 && n <= NGX_LLM_WAIT_MAX);

    n = ngx_llm_wait(&value, 1772323200);
    fuzz_assert(n >= -1 && n <= NGX_LLM_WAIT_MAX);

    n = ngx_llm_wait_msec(&value);
    fuzz_assert(n >= -1 && n <= NGX_LLM_WAIT_MAX);

    ngx_llm_wait_init(&wait);
    ngx_str_set(&name, "x-ratelimit-reset-tokens");
    ngx_llm_wait_header(&wait, &name, &value, 1772323200);
    ngx_llm_wait_header(&wait, &value, &name, 1772323200);

    n = ngx_llm_wait_reset(&wait);
    fuzz_assert(n >= -1 && n <= NGX_LLM_WAIT_MAX);

    free(copy);

    return 0;
}
