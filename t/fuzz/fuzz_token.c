
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Files of service accounts, and answers to who asks for a token: what is
 * taken is fit for a header and for a log.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>

#include "ngx_llm_token.h"


#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char               *err;
    size_t              i;
    ngx_int_t           expires;
    ngx_str_t           jwt, text, token, word;
    ngx_pool_t         *pool;
    ngx_llm_account_t   account;

    pool = ngx_create_pool(4096, &ngx_stubs_log);

    text.data = malloc(size + 1);
    text.len = size;

    ngx_memcpy(text.data, data, size);

    if (ngx_llm_token_read(pool, &text, &token, &expires) == NGX_OK) {
        fuzz_assert(expires > 0 && expires <= 86400);
        fuzz_assert(token.len && token.len <= NGX_LLM_TOKEN_SIZE);

        for (i = 0; i < token.len; i++) {
            fuzz_assert(token.data[i] > ' ' && token.data[i] < 0x7f);
        }
    }

    word = ngx_llm_token_error(pool, &text);

    for (i = 0; i < word.len; i++) {
        fuzz_assert(word.data[i] > ' ' && word.data[i] < 0x7f);
    }

    err = NULL;

    if (ngx_llm_account_read(pool, &text, &account, &err) == NGX_OK) {
        fuzz_assert(ngx_llm_account_assertion(pool, &account, 0, &jwt)
                    == NGX_OK);

    } else {
        fuzz_assert(err != NULL);
    }

    free(text.data);
    ngx_destroy_pool(pool);

    return 0;
}
