
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * An event stream, whole and in pieces: the same messages and the same end.
 * The first byte chooses the pieces, the second whether the rest is taken as
 * it is or its CRCs are made right first, so that headers are reached.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_eventstream.h"


#define FUZZ_MAX  65536

#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


typedef struct {
    ngx_pool_t   *pool;
    ngx_uint_t    n;
    ngx_uint_t    hash;         /* of names, data and kinds */
    size_t        len;          /* of all messages */
    ngx_int_t     rc;
} fuzz_seen_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_repair(u_char *p, size_t size);
static uint32_t fuzz_uint32(u_char *p);
static void fuzz_read(fuzz_seen_t *seen, u_char *data, size_t size,
    size_t piece);
static void fuzz_see(fuzz_seen_t *seen, ngx_llm_frame_t *frame);
static void fuzz_slice(fuzz_seen_t *seen, ngx_llm_frame_t *frame,
    ngx_str_t *s);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char       *text;
    fuzz_seen_t   part, whole;

    if (size < 3) {
        return 0;
    }

    text = malloc(size - 2);
    fuzz_assert(text != NULL);
    memcpy(text, data + 2, size - 2);

    if (data[1] & 1) {
        fuzz_repair(text, size - 2);
    }

    fuzz_read(&whole, text, size - 2, size);
    fuzz_read(&part, text, size - 2, 1 + data[0]);

    fuzz_assert(whole.rc == part.rc);
    fuzz_assert(whole.n == part.n);
    fuzz_assert(whole.len == part.len);
    fuzz_assert(whole.hash == part.hash);
    fuzz_assert(whole.rc == NGX_ERROR || whole.len == size - 2);

    free(text);

    return 0;
}


/* lengths that fit, and CRCs */

static void
fuzz_repair(u_char *p, size_t size)
{
    size_t  headers, total;

    while (size >= NGX_LLM_EVENTSTREAM_MIN) {

        total = fuzz_uint32(p);

        if (total < NGX_LLM_EVENTSTREAM_MIN || total > size) {
            total = NGX_LLM_EVENTSTREAM_MIN
                    + total % (size - NGX_LLM_EVENTSTREAM_MIN + 1);
        }

        headers = fuzz_uint32(p + 4);

        if (headers > total - NGX_LLM_EVENTSTREAM_MIN) {
            headers %= total - NGX_LLM_EVENTSTREAM_MIN + 1;
        }

        test_uint32(p, (uint32_t) total);
        test_uint32(p + 4, (uint32_t) headers);
        test_uint32(p + 8, ngx_crc32_long(p, 8));
        test_uint32(p + total - 4, ngx_crc32_long(p, total - 4));

        p += total;
        size -= total;
    }
}


static uint32_t
fuzz_uint32(u_char *p)
{
    return ((uint32_t) p[0] << 24) | ((uint32_t) p[1] << 16)
           | ((uint32_t) p[2] << 8) | p[3];
}


static void
fuzz_read(fuzz_seen_t *seen, u_char *data, size_t size, size_t piece)
{
    size_t                  at, n;
    u_char                 *copy, *pos;
    ngx_int_t               rc;
    ngx_llm_frame_t         frame;
    ngx_llm_eventstream_t   es;

    ngx_memzero(seen, sizeof(fuzz_seen_t));

    seen->pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(seen->pool != NULL);

    ngx_llm_eventstream_init(&es, seen->pool, FUZZ_MAX);

    rc = NGX_AGAIN;

    for (at = 0; at < size && rc == NGX_AGAIN; at += n) {

        /* a block of its own: reading behind it, or later, is seen */

        n = ngx_min(piece, size - at);
        copy = malloc(n);
        fuzz_assert(copy != NULL);
        ngx_memcpy(copy, data + at, n);

        pos = copy;

        for ( ;; ) {
            rc = ngx_llm_eventstream_next(&es, &pos, copy + n, &frame);

            if (rc != NGX_OK) {
                break;
            }

            fuzz_see(seen, &frame);
        }

        fuzz_assert(rc == NGX_ERROR || pos == copy + n);

        free(copy);
    }

    seen->rc = ngx_llm_eventstream_last(&es);

    fuzz_assert(seen->rc == NGX_DONE || seen->rc == NGX_ERROR);
    fuzz_assert(rc != NGX_ERROR || seen->rc == NGX_ERROR);

    ngx_destroy_pool(seen->pool);
}


static void
fuzz_see(fuzz_seen_t *seen, ngx_llm_frame_t *frame)
{
    fuzz_assert(frame->raw.len >= NGX_LLM_EVENTSTREAM_MIN);
    fuzz_assert(frame->raw.len <= FUZZ_MAX);

    seen->n++;
    seen->len += frame->raw.len;
    seen->hash = ngx_hash(seen->hash, frame->kind);

    fuzz_slice(seen, frame, &frame->name);
    fuzz_slice(seen, frame, &frame->data);
}


static void
fuzz_slice(fuzz_seen_t *seen, ngx_llm_frame_t *frame, ngx_str_t *s)
{
    size_t  i;

    seen->hash = ngx_hash(seen->hash, s->len);

    if (s->data == NULL) {
        fuzz_assert(s->len == 0);
        return;
    }

    fuzz_assert(s->data >= frame->raw.data);
    fuzz_assert(s->data + s->len <= frame->raw.data + frame->raw.len);

    for (i = 0; i < s->len; i++) {
        seen->hash = ngx_hash(seen->hash, s->data[i]);
    }
}
