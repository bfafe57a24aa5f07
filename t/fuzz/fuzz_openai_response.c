
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A provider's plain answer or error: what a client gets of it can be read,
 * and then stays as it is.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>

#include "test_openai.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ngx_int_t fuzz_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_llm_response_t *res);
static void fuzz_lazy(ngx_pool_t *pool, ngx_str_t *text);
static ngx_str_t fuzz_write(ngx_pool_t *pool, ngx_llm_response_t *res,
    ngx_uint_t legacy);
static void fuzz_error(ngx_pool_t *pool, ngx_llm_error_t *err);
static void fuzz_check(ngx_uint_t ok, const char *what, ngx_str_t *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char              *copy;
    ngx_str_t            text, one, two;
    ngx_uint_t           i;
    ngx_pool_t          *pool;
    ngx_llm_error_t      err;
    ngx_llm_response_t   res, again;

    static ngx_uint_t  statuses[] = { 300, 400, 401, 404, 429, 500, 503, 599 };

    if (size > 65536) {
        return 0;
    }

    copy = malloc(size ? size : 1);
    pool = ngx_create_pool(4096, &ngx_stubs_log);

    if (copy == NULL || pool == NULL) {
        abort();
    }

    if (size) {
        memcpy(copy, data, size);
    }

    text.data = copy;
    text.len = size;

    fuzz_lazy(pool, &text);

    if (fuzz_read(pool, &text, &res) == NGX_OK) {

        for (i = 0; i < 2; i++) {
            one = fuzz_write(pool, &res, i);

            fuzz_check(fuzz_read(pool, &one, &again) == NGX_OK, "answer",
                       &one);

            two = fuzz_write(pool, &again, i);

            fuzz_check(one.len == two.len
                       && memcmp(one.data, two.data, one.len) == 0,
                       "again", &two);
        }
    }

    for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        ngx_llm_openai_read_error(pool, statuses[i], &text, &err);
        fuzz_error(pool, &err);
    }

    ngx_destroy_pool(pool);
    free(copy);

    return 0;
}


static ngx_int_t
fuzz_read(ngx_pool_t *pool, ngx_str_t *text, ngx_llm_response_t *res)
{
    ngx_int_t         rc;
    ngx_llm_error_t   err;

    if (ngx_llm_response_init(res, pool) != NGX_OK) {
        abort();
    }

    rc = ngx_llm_openai_read_response(text, res, &err);

    if (rc == NGX_OK) {
        fuzz_check(res->choices.nelts != 0, "choices", text);
        return NGX_OK;
    }

    fuzz_check(rc == NGX_DECLINED, "refusal", text);
    fuzz_error(pool, &err);

    return rc;
}


/* what is read without a tree is what is read with one */

static void
fuzz_lazy(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_int_t           rc;
    ngx_llm_out_t       one, two;
    ngx_llm_response_t  tree, lazy;

    ngx_llm_out_init(&one, pool, NULL, 0, TEST_OPENAI_MAX);
    ngx_llm_out_init(&two, pool, NULL, 0, TEST_OPENAI_MAX);

    rc = test_openai_read_response(&one, &tree, text, 0);

    fuzz_check(test_openai_read_response(&two, &lazy, text, 1) == rc,
               "lazily", text);
    fuzz_check(ngx_llm_out_len(&one) == ngx_llm_out_len(&two)
               && memcmp(one.start, two.start, ngx_llm_out_len(&one)) == 0,
               "differs", text);
}


static ngx_str_t
fuzz_write(ngx_pool_t *pool, ngx_llm_response_t *res, ngx_uint_t legacy)
{
    ngx_str_t          id, body, answer;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_writer_t   w;

    ngx_str_set(&id, "c");
    ngx_str_set(&body, "{}");

    ngx_llm_chat_init(&chat, pool, &body);
    ngx_str_set(&chat.model, "m");
    chat.legacy_functions = legacy;

    if (ngx_llm_writer_init(&w, &ngx_llm_openai, pool, &chat, &id, 1)
        != NGX_OK)
    {
        abort();
    }

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);
    ngx_llm_openai_write_response(&w, res, &out);

    answer.data = out.start;
    answer.len = ngx_llm_out_len(&out);

    fuzz_check(!out.failed, "writer", &answer);

    return answer;
}


static void
fuzz_error(ngx_pool_t *pool, ngx_llm_error_t *err)
{
    ngx_str_t        body;
    ngx_llm_out_t    out;

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);
    ngx_llm_openai_write_error(err, &out);

    body.data = out.start;
    body.len = ngx_llm_out_len(&out);

    fuzz_check(!out.failed && err->fail && err->status >= 400
               && err->message.len <= NGX_LLM_MAX_ERROR_TEXT,
               "error", &body);
    fuzz_check(ngx_llm_json_parse(pool, &body, NULL) != NULL, "body", &body);
}


static void
fuzz_check(ngx_uint_t ok, const char *what, ngx_str_t *text)
{
    if (ok) {
        return;
    }

    fprintf(stderr, "%s\n%.*s\n", what, (int) text->len, (char *) text->data);
    abort();
}
