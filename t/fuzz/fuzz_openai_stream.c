
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A provider's stream: any split gives the same events, the way without a
 * parser says the same, and what a client gets can be read again.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>

#include "test_openai.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ngx_str_t fuzz_dump(ngx_pool_t *pool, ngx_str_t *text, size_t first,
    size_t step, ngx_uint_t splice, ngx_uint_t brief);
static void fuzz_answer(ngx_pool_t *pool, ngx_str_t *text);
static ngx_uint_t fuzz_same(ngx_str_t *one, ngx_str_t *two);
static ngx_uint_t fuzz_has(ngx_str_t *s, const char *what);
static void fuzz_check(ngx_uint_t ok, const char *what, ngx_str_t *one,
    ngx_str_t *two);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       i, first;
    ngx_str_t    text, whole, split, brief, splice;
    ngx_uint_t   hash;
    ngx_pool_t  *pool;

    if (size > 65536) {
        return 0;
    }

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    if (pool == NULL) {
        abort();
    }

    text.data = (u_char *) data;
    text.len = size;

    hash = 5381;

    for (i = 0; i < size; i++) {
        hash = hash * 33 + data[i];
    }

    first = size ? 1 + hash % size : 0;

    whole = fuzz_dump(pool, &text, 0, 0, 0, 0);
    split = fuzz_dump(pool, &text, first, 1 + (hash >> 16) % 5, 0, 0);

    fuzz_check(fuzz_same(&whole, &split), "split", &whole, &split);

    /* bad JSON may go through as it is, it is then the client's to judge */

    brief = fuzz_dump(pool, &text, 0, 0, 0, 1);

    if (!fuzz_has(&brief, "fail=invalid")) {
        splice = fuzz_dump(pool, &text, 0, 0, 1, 1);
        fuzz_check(fuzz_same(&brief, &splice), "splice", &brief, &splice);
    }

    fuzz_answer(pool, &text);

    ngx_destroy_pool(pool);

    return 0;
}


static ngx_str_t
fuzz_dump(ngx_pool_t *pool, ngx_str_t *text, size_t first, size_t step,
    ngx_uint_t splice, ngx_uint_t brief)
{
    ngx_str_t       dump;
    ngx_llm_out_t   out;

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);

    test_openai_stream(pool, text, first, step, splice, brief, &out, NULL,
                       NULL);

    dump.data = out.start;
    dump.len = ngx_llm_out_len(&out);

    return dump;
}


static void
fuzz_answer(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_str_t          id, body, dump, answer, again;
    ngx_llm_out_t      out, lines;
    ngx_llm_chat_t     chat;
    ngx_llm_writer_t   w;

    ngx_str_set(&id, "c");
    ngx_str_set(&body, "{}");

    ngx_llm_chat_init(&chat, pool, &body);
    ngx_str_set(&chat.model, "m");

    chat.include_usage = 1;
    chat.legacy_functions = text->len & 1;

    if (ngx_llm_writer_init(&w, &ngx_llm_openai, pool, &chat, &id, 1)
        != NGX_OK)
    {
        abort();
    }

    ngx_llm_out_init(&lines, pool, NULL, 0, TEST_OPENAI_MAX);
    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);

    test_openai_stream(pool, text, 0, 0, 0, 1, &lines, &w, &out);

    dump.data = lines.start;
    dump.len = ngx_llm_out_len(&lines);
    answer.data = out.start;
    answer.len = ngx_llm_out_len(&out);

    fuzz_check(!out.failed, "writer", &dump, &dump);

    again = fuzz_dump(pool, &answer, 0, 0, 0, 1);

    if (fuzz_has(&dump, "\nerror") || fuzz_has(&dump, "failed")) {
        fuzz_check(fuzz_has(&again, "failed"), "error", &dump, &answer);
        return;
    }

    fuzz_check(!fuzz_has(&again, "failed"), "answer", &dump, &answer);

    fuzz_check(fuzz_has(&dump, "done\n") == fuzz_has(&again, "done\n")
               || !fuzz_has(&dump, "done\n"), "done", &dump, &answer);
}


static ngx_uint_t
fuzz_same(ngx_str_t *one, ngx_str_t *two)
{
    return (one->len == two->len
            && (one->len == 0 || memcmp(one->data, two->data, one->len) == 0));
}


static ngx_uint_t
fuzz_has(ngx_str_t *s, const char *what)
{
    size_t  i, len;

    len = strlen(what);

    for (i = 0; i + len <= s->len; i++) {
        if (memcmp(s->data + i, what, len) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
fuzz_check(ngx_uint_t ok, const char *what, ngx_str_t *one, ngx_str_t *two)
{
    if (ok) {
        return;
    }

    fprintf(stderr, "%s\n%.*s\n--\n%.*s\n", what, (int) one->len,
            (char *) one->data, (int) two->len, (char *) two->data);
    abort();
}
