
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A client's request: what is made of it for a provider is a request again.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>

#include "test_openai.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ngx_int_t fuzz_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_llm_chat_t *chat);
static void fuzz_lazy(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_dialects(ngx_llm_chat_t *tree, ngx_llm_chat_t *lazy);
static void fuzz_edit(ngx_llm_chat_t *chat, char *model);
static void fuzz_write(ngx_llm_chat_t *chat, char *model);
static void fuzz_target(ngx_llm_target_t *target, char *model);
static void fuzz_check(ngx_uint_t ok, const char *what, ngx_str_t *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char          *copy;
    ngx_str_t        text;
    ngx_pool_t      *pool;
    ngx_llm_chat_t   chat;

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

    if (fuzz_read(pool, &text, &chat) == NGX_OK) {

        fuzz_edit(&chat, "a \"model\"");

        fuzz_write(&chat, "m");
        fuzz_write(&chat, "o3");

        chat.dialect = NULL;

        fuzz_write(&chat, "m");
        fuzz_write(&chat, "o3");
    }

    ngx_destroy_pool(pool);
    free(copy);

    return 0;
}


static ngx_int_t
fuzz_read(ngx_pool_t *pool, ngx_str_t *text, ngx_llm_chat_t *chat)
{
    ngx_int_t         rc;
    ngx_str_t         body;
    ngx_llm_out_t     out;
    ngx_llm_error_t   err;

    ngx_llm_chat_init(chat, pool, text);

    rc = ngx_llm_openai_read_request(chat, &err);

    if (rc == NGX_OK) {
        fuzz_check(chat->model.len && chat->messages, "request", text);
        return NGX_OK;
    }

    fuzz_check(rc == NGX_DECLINED && err.status == 400, "refusal", text);

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);
    ngx_llm_openai_write_error(&err, &out);

    body.data = out.start;
    body.len = ngx_llm_out_len(&out);

    fuzz_check(ngx_llm_json_parse(pool, &body, NULL) != NULL, "error", &body);

    return rc;
}


/* what is read without a tree is what is read with one */

static void
fuzz_lazy(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_int_t        rc;
    ngx_llm_out_t    one, two;
    ngx_llm_chat_t   tree, lazy;

    ngx_llm_out_init(&one, pool, NULL, 0, TEST_OPENAI_MAX);
    ngx_llm_out_init(&two, pool, NULL, 0, TEST_OPENAI_MAX);

    rc = test_openai_read_request(&one, &tree, text, 0);

    fuzz_check(test_openai_read_request(&two, &lazy, text, 1) == rc,
               "lazily", text);
    fuzz_check(ngx_llm_out_len(&one) == ngx_llm_out_len(&two)
               && memcmp(one.start, two.start, ngx_llm_out_len(&one)) == 0,
               "differs", text);

    if (rc == NGX_OK) {
        fuzz_dialects(&tree, &lazy);
    }
}


static void
fuzz_dialects(ngx_llm_chat_t *tree, ngx_llm_chat_t *lazy)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_llm_out_t              one, two;
    ngx_llm_error_t            err;
    ngx_llm_target_t           target;
    const ngx_llm_dialect_t   *dialect;

    for (i = 0; ngx_llm_dialects[i]; i++) {

        dialect = ngx_llm_dialects[i];

        fuzz_target(&target, "m");

        ngx_llm_out_init(&one, tree->pool, NULL, 0, TEST_OPENAI_MAX);
        ngx_llm_out_init(&two, lazy->pool, NULL, 0, TEST_OPENAI_MAX);

        rc = dialect->write_request(tree, &target, &one, &err);

        fuzz_check(dialect->write_request(lazy, &target, &two, &err) == rc,
                   "lazily written", &tree->text);

        if (rc == NGX_OK) {
            fuzz_check(ngx_llm_out_len(&one) == ngx_llm_out_len(&two)
                       && memcmp(one.start, two.start, ngx_llm_out_len(&one))
                          == 0,
                       "written differently", &tree->text);
        }
    }
}


static void
fuzz_target(ngx_llm_target_t *target, char *model)
{
    ngx_memzero(target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target->provider, "p");
    target->model.data = (u_char *) model;
    target->model.len = strlen(model);
}


static void
fuzz_edit(ngx_llm_chat_t *chat, char *model)
{
    ngx_str_t          text, *slice;
    ngx_uint_t         i;
    ngx_array_t        edits, slices;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     again;
    ngx_llm_error_t    err;
    ngx_llm_target_t   target;

    fuzz_target(&target, model);

    if (ngx_array_init(&edits, chat->pool, 2, sizeof(ngx_llm_edit_t))
        != NGX_OK
        || ngx_array_init(&slices, chat->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        abort();
    }

    fuzz_check(ngx_llm_openai_edit_request(chat, &target, &edits, &err)
               == NGX_OK, "edit", &chat->text);
    fuzz_check(ngx_llm_edit_apply(&chat->text, &edits, &slices) == NGX_OK,
               "apply", &chat->text);

    ngx_llm_out_init(&out, chat->pool, NULL, 0, TEST_OPENAI_MAX);
    slice = slices.elts;

    for (i = 0; i < slices.nelts; i++) {
        ngx_llm_out_str(&out, &slice[i]);
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    fuzz_check(fuzz_read(chat->pool, &text, &again) == NGX_OK, "edited",
               &text);
    fuzz_check(again.model.len == strlen(model)
               && memcmp(again.model.data, model, again.model.len) == 0,
               "model", &text);
    fuzz_check(again.stream == chat->stream
               && again.include_usage == chat->stream
               && again.nmessages == chat->nmessages
               && again.ntools == chat->ntools,
               "same", &text);
}


static void
fuzz_write(ngx_llm_chat_t *chat, char *model)
{
    ngx_int_t          rc;
    ngx_str_t          text;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     again;
    ngx_llm_error_t    err;
    ngx_llm_target_t   target;

    fuzz_target(&target, model);

    ngx_llm_out_init(&out, chat->pool, NULL, 0, TEST_OPENAI_MAX);

    rc = ngx_llm_openai_write_request(chat, &target, &out, &err);

    if (rc == NGX_DECLINED) {
        return;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    fuzz_check(rc == NGX_OK, "write", &chat->text);
    fuzz_check(fuzz_read(chat->pool, &text, &again) == NGX_OK, "written",
               &text);
    fuzz_check(again.include_usage == chat->stream, "usage", &text);
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
