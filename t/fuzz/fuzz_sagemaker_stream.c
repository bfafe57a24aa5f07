
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A container's stream in Amazon's messages: whatever pieces the messages and
 * their payloads come in, the events are those of the stream itself.  The first
 * byte chooses the pieces of the messages, the second those of the payloads, a
 * bit of which says that an exception is the last one.
 */


#define FUZZ_LAX  1

#include "fuzz_provider.h"
#include "test_eventstream.h"


#define FUZZ_TEXT      4096
#define FUZZ_MESSAGES  64


static size_t fuzz_wrap(u_char *p, const uint8_t *data, size_t size,
    size_t piece, ngx_uint_t exception);
static void fuzz_compare(const uint8_t *data, size_t size, ngx_str_t *text);
static ngx_str_t fuzz_plain(ngx_pool_t *pool, const uint8_t *data,
    size_t size);
static ngx_str_t fuzz_dump(const ngx_llm_dialect_t *dialect,
    ngx_pool_t *pool, ngx_str_t *text, size_t piece);
static void fuzz_same(ngx_str_t *one, ngx_str_t *two);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       piece;
    u_char      *start;
    ngx_str_t    text, whole, part;
    ngx_pool_t  *pool;

    if (size < 3 || size > FUZZ_TEXT) {
        return 0;
    }

    piece = ngx_max((size_t) 1 + data[1] / 2, size / FUZZ_MESSAGES + 1);

    /* what stands around a payload, and the exception */

    start = malloc(size + (FUZZ_MESSAGES + 2) * 128);
    fuzz_assert(start != NULL);

    text.data = start;
    text.len = fuzz_wrap(start, data + 2, size - 2, piece, data[1] & 1);

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    whole = fuzz_dump(&ngx_llm_sagemaker, pool, &text, 0);
    part = fuzz_dump(&ngx_llm_sagemaker, pool, &text, 1 + data[0]);

    fuzz_same(&whole, &part);

    ngx_destroy_pool(pool);

    if ((data[1] & 1) == 0) {
        fuzz_compare(data + 2, size - 2, &text);
    }

    free(start);

    return 0;
}


static size_t
fuzz_wrap(u_char *p, const uint8_t *data, size_t size, size_t piece,
    ngx_uint_t exception)
{
    size_t      at, n;
    u_char     *start;
    ngx_str_t   headers, payload, value;
    u_char      buf[256];

    start = p;

    headers.data = buf;
    ngx_str_set(&value, "PayloadPart");
    headers.len = test_header(buf, ":event-type", &value) - buf;

    for (at = 0; at < size; at += n) {
        n = ngx_min(piece, size - at);

        payload.data = (u_char *) data + at;
        payload.len = n;

        p = test_message(p, &headers, &payload);
    }

    if (exception) {
        ngx_str_set(&value, "exception");
        headers.len = test_header(buf, ":message-type", &value) - buf;

        ngx_str_set(&value, "ModelStreamError");
        headers.len = test_header(buf + headers.len, ":exception-type",
                                  &value)
                      - buf;

        ngx_str_set(&payload, "{\"Message\":\"m\"}");

        p = test_message(p, &headers, &payload);
    }

    return p - start;
}


/* lines are compared with the events that they become */

static void
fuzz_compare(const uint8_t *data, size_t size, ngx_str_t *text)
{
    ngx_str_t    plain, want, whole;
    ngx_pool_t  *pool;

    if (data[0] <= ' '
        || (data[0] == '{' && memchr(data, CR, size) != NULL))
    {
        return;
    }

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    plain = fuzz_plain(pool, data, size);

    want = fuzz_dump(&ngx_llm_openai, pool, &plain, 0);
    whole = fuzz_dump(&ngx_llm_sagemaker, pool, text, 0);

    fuzz_same(&want, &whole);

    ngx_destroy_pool(pool);
}


static ngx_str_t
fuzz_plain(ngx_pool_t *pool, const uint8_t *data, size_t size)
{
    size_t         i;
    ngx_str_t      text;
    ngx_llm_out_t  out;

    if (data[0] != '{') {
        text.data = (u_char *) data;
        text.len = size;

        return text;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);

    for (i = 0; i < size; i++) {

        if (i == 0 || data[i - 1] == LF) {
            ngx_llm_out_lit(&out, "data: ");
        }

        ngx_llm_out_char(&out, data[i]);

        if (data[i] == LF) {
            ngx_llm_out_char(&out, LF);
        }
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    return text;
}


static ngx_str_t
fuzz_dump(const ngx_llm_dialect_t *dialect, ngx_pool_t *pool,
    ngx_str_t *text, size_t piece)
{
    ngx_str_t       dump;
    ngx_pool_t     *scratch;
    ngx_llm_out_t   out;

    scratch = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(scratch != NULL);

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);

    fuzz_assert(test_dump_stream(dialect, pool, scratch, text, piece, piece,
                                 &out)
                == NGX_OK);

    ngx_destroy_pool(scratch);

    dump.data = out.start;
    dump.len = ngx_llm_out_len(&out);

    return dump;
}


static void
fuzz_same(ngx_str_t *one, ngx_str_t *two)
{
    if (one->len == two->len
        && (one->len == 0 || memcmp(one->data, two->data, one->len) == 0))
    {
        return;
    }

    fprintf(stderr, "%.*s\nis not\n%.*s\n", (int) one->len, one->data,
            (int) two->len, two->data);
    abort();
}
