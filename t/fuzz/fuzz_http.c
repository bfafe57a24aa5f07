
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A response of HTTP is the same in one piece and in pieces of any size.  The
 * first byte chooses the pieces, the rest is the response.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>

#include "ngx_llm_http.h"


#define FUZZ_BODY  4096

#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


typedef struct {
    ngx_pool_t      *pool;
    ngx_llm_out_t    body;
    ngx_llm_http_t   http;
    ngx_int_t        rc;
} fuzz_seen_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_read(fuzz_seen_t *seen, u_char *data, size_t size,
    size_t piece);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       piece;
    u_char      *text;
    fuzz_seen_t  part, whole;

    if (size < 2) {
        return 0;
    }

    piece = 1 + *data;
    text = (u_char *) data + 1;
    size--;

    fuzz_read(&whole, text, size, size);
    fuzz_read(&part, text, size, piece);

    fuzz_assert(whole.rc == part.rc);

    if (whole.rc != NGX_DECLINED) {
        fuzz_assert(whole.http.status == part.http.status);
        fuzz_assert(whole.http.retry_after == part.http.retry_after);
        fuzz_assert(ngx_llm_out_len(&whole.body)
                    == ngx_llm_out_len(&part.body));
        fuzz_assert(ngx_llm_out_len(&whole.body) == 0
                    || ngx_memcmp(whole.body.start, part.body.start,
                                  ngx_llm_out_len(&whole.body))
                       == 0);
        fuzz_assert(ngx_llm_http_end(&whole.http)
                    == ngx_llm_http_end(&part.http));
    }

    ngx_destroy_pool(whole.pool);
    ngx_destroy_pool(part.pool);

    return 0;
}


static void
fuzz_read(fuzz_seen_t *seen, u_char *data, size_t size, size_t piece)
{
    size_t   n;
    u_char  *copy;

    seen->pool = ngx_create_pool(4096, &ngx_stubs_log);
    seen->rc = NGX_AGAIN;

    ngx_llm_out_init(&seen->body, seen->pool, NULL, 0, FUZZ_BODY);
    ngx_llm_http_init(&seen->http, &seen->body);

    while (size && seen->rc != NGX_DECLINED) {

        n = ngx_min(size, piece);

        copy = malloc(n);
        ngx_memcpy(copy, data, n);

        seen->rc = ngx_llm_http_next(&seen->http, copy, copy + n);

        free(copy);

        data += n;
        size -= n;
    }

    fuzz_assert(ngx_llm_out_len(&seen->body) <= FUZZ_BODY);
}
