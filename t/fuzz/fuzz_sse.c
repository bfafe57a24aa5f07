
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stream is the same in one piece and in pieces of any size.  The first
 * byte chooses the pieces, the rest is the stream.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>

#include "ngx_llm_sse.h"


#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


typedef struct {
    ngx_pool_t   *pool;
    ngx_array_t   frames;       /* ngx_llm_frame_t, copied */
    u_char       *raw;
    size_t        len;
    ngx_int_t     rc;
} fuzz_seen_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_read(fuzz_seen_t *seen, u_char *data, size_t size,
    size_t piece, size_t max);
static void fuzz_see(fuzz_seen_t *seen, ngx_llm_frame_t *frame);
static ngx_str_t fuzz_copy(ngx_pool_t *pool, ngx_str_t *s);
static ngx_uint_t fuzz_same(ngx_str_t *one, ngx_str_t *two);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t            piece;
    u_char           *text;
    ngx_uint_t        i;
    fuzz_seen_t       whole, part;
    ngx_llm_frame_t  *one, *two;

    if (size < 2) {
        return 0;
    }

    piece = 1 + *data;
    text = (u_char *) data + 1;
    size--;

    fuzz_read(&whole, text, size, size, size);
    fuzz_assert(whole.rc == NGX_AGAIN);

    fuzz_read(&part, text, size, piece, size);
    fuzz_assert(part.rc == NGX_AGAIN);

    fuzz_assert(whole.len == size && ngx_memcmp(whole.raw, text, size) == 0);
    fuzz_assert(part.len == size && ngx_memcmp(part.raw, text, size) == 0);

    fuzz_assert(whole.frames.nelts == part.frames.nelts);

    one = whole.frames.elts;
    two = part.frames.elts;

    for (i = 0; i < whole.frames.nelts; i++) {
        fuzz_assert(fuzz_same(&one[i].name, &two[i].name));
        fuzz_assert(fuzz_same(&one[i].data, &two[i].data));
    }

    ngx_destroy_pool(whole.pool);
    ngx_destroy_pool(part.pool);

    /* with a bound: an error or not, but nothing behind it */

    fuzz_read(&part, text, size, piece, 1 + size / 4);
    fuzz_assert(part.rc == NGX_AGAIN || part.rc == NGX_ERROR);
    fuzz_assert(part.len <= size);
    ngx_destroy_pool(part.pool);

    return 0;
}


static void
fuzz_read(fuzz_seen_t *seen, u_char *data, size_t size, size_t piece,
    size_t max)
{
    size_t            at, n;
    u_char           *copy, *pos;
    ngx_llm_sse_t     sse;
    ngx_llm_frame_t   frame;

    seen->pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(seen->pool != NULL);

    seen->raw = ngx_pnalloc(seen->pool, size);
    seen->len = 0;
    seen->rc = NGX_AGAIN;

    fuzz_assert(ngx_array_init(&seen->frames, seen->pool, 16,
                               sizeof(ngx_llm_frame_t))
                == NGX_OK);

    ngx_llm_sse_init(&sse, seen->pool, max);

    for (at = 0; at < size && seen->rc == NGX_AGAIN; at += n) {

        /* a block of its own: reading behind it, or later, is seen */

        n = ngx_min(piece, size - at);
        copy = malloc(n);
        fuzz_assert(copy != NULL);
        ngx_memcpy(copy, data + at, n);

        pos = copy;

        for ( ;; ) {
            seen->rc = ngx_llm_sse_next(&sse, &pos, copy + n, &frame);

            if (seen->rc != NGX_OK) {
                break;
            }

            fuzz_see(seen, &frame);
        }

        fuzz_assert(seen->rc == NGX_ERROR || pos == copy + n);

        free(copy);
    }

    if (seen->rc == NGX_AGAIN
        && ngx_llm_sse_last(&sse, &frame) == NGX_OK)
    {
        fuzz_see(seen, &frame);
    }
}


static void
fuzz_see(fuzz_seen_t *seen, ngx_llm_frame_t *frame)
{
    ngx_llm_frame_t  *copy;

    fuzz_assert(frame->raw.len > 0);

    ngx_memcpy(seen->raw + seen->len, frame->raw.data, frame->raw.len);
    seen->len += frame->raw.len;

    /* the LF of a pair that was split makes a frame without content */

    if (frame->data.data == NULL && frame->name.data == NULL) {
        return;
    }

    copy = ngx_array_push(&seen->frames);
    fuzz_assert(copy != NULL);

    copy->name = fuzz_copy(seen->pool, &frame->name);
    copy->data = fuzz_copy(seen->pool, &frame->data);
}


static ngx_str_t
fuzz_copy(ngx_pool_t *pool, ngx_str_t *s)
{
    ngx_str_t  copy;

    copy = *s;

    if (s->data) {
        copy.data = ngx_pnalloc(pool, s->len + 1);
        fuzz_assert(copy.data != NULL);
        ngx_memcpy(copy.data, s->data, s->len);
    }

    return copy;
}


static ngx_uint_t
fuzz_same(ngx_str_t *one, ngx_str_t *two)
{
    return ((one->data == NULL) == (two->data == NULL)
            && one->len == two->len
            && (one->len == 0
                || ngx_memcmp(one->data, two->data, one->len) == 0));
}
