
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A whole answer of Gemini's, and an error: what is read of it can be
 * written.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>

#include "ngx_llm_gemini.h"


#define FUZZ_MAX  (64 * 1024 * 1024)

#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_error(ngx_pool_t *pool, ngx_llm_error_t *err);
static void fuzz_response(ngx_pool_t *pool, ngx_llm_response_t *res);
static void fuzz_write(ngx_pool_t *pool, ngx_llm_response_t *res,
    const ngx_llm_dialect_t *dialect);
static void fuzz_escaped(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_json(ngx_pool_t *pool, ngx_str_t *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_pool_t          *pool;
    ngx_llm_error_t      err;
    ngx_llm_response_t   res;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    text.data = (u_char *) data;
    text.len = size;

    fuzz_assert(ngx_llm_response_init(&res, pool) == NGX_OK);

    rc = ngx_llm_gemini.read_response(&text, &res, &err);

    if (rc == NGX_OK) {
        fuzz_response(pool, &res);

    } else {
        fuzz_assert(rc == NGX_DECLINED);
        fuzz_error(pool, &err);
    }

    ngx_llm_gemini.read_error(pool, 400 + size % 200, &text, &err);
    fuzz_error(pool, &err);

    ngx_destroy_pool(pool);

    return 0;
}


static void
fuzz_error(ngx_pool_t *pool, ngx_llm_error_t *err)
{
    fuzz_assert(err->status >= 400 && err->status < 600);
    fuzz_assert(err->fail != 0);
    fuzz_assert(err->message.len != 0);
    fuzz_assert(err->message.len <= NGX_LLM_MAX_ERROR_TEXT);

    fuzz_escaped(pool, &err->message);
}


static void
fuzz_response(ngx_pool_t *pool, ngx_llm_response_t *res)
{
    ngx_uint_t         i;
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice;

    fuzz_assert(res->choices.nelts > 0);
    fuzz_assert(res->choices.nelts <= NGX_LLM_GEMINI_MAX_CHOICES);

    for (i = 0; i < res->choices.nelts; i++) {

        choice = (ngx_llm_choice_t *) res->choices.elts + i;

        fuzz_assert(choice->finish != NGX_LLM_FINISH_NONE);

        for (part = choice->parts; part; part = part->next) {

            fuzz_escaped(pool, &part->text);
            fuzz_escaped(pool, &part->signature);
            fuzz_escaped(pool, &part->id);
            fuzz_escaped(pool, &part->name);

            if (part->type == NGX_LLM_PART_TOOL_CALL) {
                fuzz_assert(part->id.len != 0);
                fuzz_assert(part->name.len != 0);
                fuzz_json(pool, &part->input);
            }
        }

        if (choice->annotations.len) {
            fuzz_json(pool, &choice->annotations);
        }

        if (choice->logprobs.len) {
            fuzz_json(pool, &choice->logprobs);
        }
    }

    if (res->usage.reported) {
        fuzz_assert(res->usage.prompt >= res->usage.cached);
        fuzz_assert(res->usage.prompt >= res->usage.cache_write);
        fuzz_assert(res->usage.cached >= 0);
        fuzz_assert(res->usage.cache_write >= res->usage.cache_write_1h);
        fuzz_assert(res->usage.cache_write_1h >= 0);
        fuzz_assert(res->usage.completion >= res->usage.reasoning);
        fuzz_assert(res->usage.reasoning >= 0);
    }

    fuzz_write(pool, res, &ngx_llm_openai);
    fuzz_write(pool, res, &ngx_llm_anthropic);
}


static void
fuzz_write(ngx_pool_t *pool, ngx_llm_response_t *res,
    const ngx_llm_dialect_t *dialect)
{
    ngx_str_t          id, text;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_writer_t   w;

    ngx_str_set(&id, "id-1");
    ngx_str_set(&text, "{}");

    ngx_llm_chat_init(&chat, pool, &text);
    ngx_str_set(&chat.model, "m");

    ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);

    fuzz_assert(ngx_llm_writer_init(&w, dialect, pool, &chat, &id, 1)
                == NGX_OK);

    dialect->write_response(&w, res, &out);

    fuzz_assert(!out.failed);

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    fuzz_json(pool, &text);
}


static void
fuzz_escaped(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_str_t      json;
    ngx_llm_out_t  out;

    if (text->len == 0) {
        return;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);
    ngx_llm_out_quoted(&out, text);

    json.data = out.start;
    json.len = ngx_llm_out_len(&out);

    fuzz_json(pool, &json);
}


static void
fuzz_json(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_llm_json_conf_t  conf;

    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));

    conf.max_depth = NGX_LLM_MAX_DEPTH * 2;
    conf.max_nodes = NGX_LLM_MAX_NODES * 2;

    fuzz_assert(ngx_llm_json_parse(pool, text, &conf) != NULL);
}
