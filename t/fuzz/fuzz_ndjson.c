
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Lines are the same whatever pieces they come in.  The first byte chooses the
 * pieces, the rest is the stream.
 */


#include "fuzz_provider.h"


#define FUZZ_LINE  256


static ngx_int_t fuzz_lines(ngx_pool_t *pool, ngx_str_t *text, size_t step,
    ngx_llm_out_t *out);
static void fuzz_line(ngx_llm_frame_t *frame, ngx_llm_out_t *out);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t       rc;
    ngx_str_t       text;
    ngx_pool_t     *pool;
    ngx_llm_out_t   part, whole;

    if (size < 2) {
        return 0;
    }

    text.data = (u_char *) data + 1;
    text.len = size - 1;

    pool = ngx_create_pool(4096, &ngx_stubs_log);

    ngx_llm_out_init(&whole, pool, NULL, 0, FUZZ_MAX);
    ngx_llm_out_init(&part, pool, NULL, 0, FUZZ_MAX);

    rc = fuzz_lines(pool, &text, text.len, &whole);

    fuzz_assert(fuzz_lines(pool, &text, 1 + data[0], &part) == rc);
    fuzz_assert(ngx_llm_out_len(&whole) == ngx_llm_out_len(&part));
    fuzz_assert(ngx_llm_out_len(&whole) == 0
                || ngx_memcmp(whole.start, part.start,
                              ngx_llm_out_len(&whole))
                   == 0);

    ngx_destroy_pool(pool);

    return 0;
}


static ngx_int_t
fuzz_lines(ngx_pool_t *pool, ngx_str_t *text, size_t step, ngx_llm_out_t *out)
{
    size_t             at, n;
    u_char            *copy, *pos;
    ngx_int_t          rc;
    ngx_llm_frame_t    frame;
    ngx_llm_ndjson_t   nd;

    ngx_llm_ndjson_init(&nd, pool, FUZZ_LINE);

    for (at = 0; at < text->len; at += n) {

        n = ngx_min(step, text->len - at);

        copy = malloc(n);
        fuzz_assert(copy != NULL);

        ngx_memcpy(copy, text->data + at, n);
        pos = copy;

        do {
            rc = ngx_llm_ndjson_next(&nd, &pos, copy + n, &frame);

            if (rc == NGX_OK) {
                fuzz_line(&frame, out);
            }

        } while (rc == NGX_OK);

        free(copy);

        if (rc == NGX_ERROR) {
            return rc;
        }

        fuzz_assert(rc == NGX_AGAIN);
    }

    rc = ngx_llm_ndjson_last(&nd, &frame);

    if (rc == NGX_OK) {
        fuzz_line(&frame, out);
        rc = ngx_llm_ndjson_last(&nd, &frame);
    }

    fuzz_assert(rc == NGX_DONE);

    return NGX_OK;
}


static void
fuzz_line(ngx_llm_frame_t *frame, ngx_llm_out_t *out)
{
    fuzz_assert(frame->raw.len != 0);
    fuzz_assert(frame->data.len <= frame->raw.len);
    fuzz_assert(frame->data.data == NULL || frame->data.len != 0);

    ngx_llm_out_str(out, &frame->raw);
    ngx_llm_out_char(out, '|');
    ngx_llm_out_str(out, &frame->data);
    ngx_llm_out_char(out, '|');
}
