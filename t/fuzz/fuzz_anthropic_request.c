
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * An OpenAI request written for Anthropic: what is written is JSON, the same
 * each time, and keeps what the API asks of a conversation.  The first byte
 * chooses the model and what may be dropped, the rest is the request.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>

#include "ngx_llm_anthropic.h"


#define FUZZ_MAX  (64 * 1024 * 1024)

#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_check(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_messages(ngx_llm_json_t *messages);
static void fuzz_content(ngx_llm_json_t *content, ngx_uint_t user);
static ngx_uint_t fuzz_is(ngx_llm_json_t *node, char *name, char *value);


static char  *fuzz_models[] = {
    "claude-opus-4-6", "claude-fable-5", "claude-sonnet-5",
    "claude-opus-4-5", "claude-sonnet-4-5", "claude-sonnet-4-0",
    "claude-3-5-haiku-latest", "glm"
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t          rc;
    ngx_str_t          one, text;
    ngx_pool_t        *pool;
    ngx_llm_out_t      again, out;
    ngx_llm_chat_t     chat;
    ngx_llm_error_t    err;
    ngx_llm_target_t   target;

    if (size < 2) {
        return 0;
    }

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target.provider, "fuzz");
    target.model.data = (u_char *) fuzz_models[data[0] & 7];
    target.model.len = ngx_strlen(target.model.data);
    target.drop = (data[0] & 8) ? (uint64_t) -1 : 0;
    target.max_tokens = (data[0] & 16) ? 2048 : 0;

    if (data[0] & 32) {
        ngx_str_set(&target.beta, "files-api-2025-04-14");
    }

    text.data = (u_char *) data + 1;
    text.len = size - 1;

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    ngx_llm_chat_init(&chat, pool, &text);

    if (ngx_llm_openai.read_request(&chat, &err) != NGX_OK) {
        ngx_destroy_pool(pool);
        return 0;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);
    rc = ngx_llm_anthropic.write_request(&chat, &target, &out, &err);

    if (rc == NGX_DECLINED) {
        fuzz_assert(err.status == 400);
        fuzz_assert(err.message.len != 0);
        ngx_destroy_pool(pool);
        return 0;
    }

    fuzz_assert(rc == NGX_OK);

    one.data = out.start;
    one.len = ngx_llm_out_len(&out);

    fuzz_check(pool, &one);

    ngx_llm_out_init(&again, pool, NULL, 0, FUZZ_MAX);
    rc = ngx_llm_anthropic.write_request(&chat, &target, &again, &err);

    fuzz_assert(rc == NGX_OK);
    fuzz_assert(ngx_llm_out_len(&again) == one.len);
    fuzz_assert(ngx_memcmp(again.start, one.data, one.len) == 0);

    ngx_destroy_pool(pool);

    return 0;
}


static void
fuzz_check(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_llm_json_t       *choice, *root, *thinking, *tools;
    ngx_llm_json_conf_t   conf;

    /* texts of an odd depth may gain some */

    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));

    conf.max_depth = NGX_LLM_MAX_DEPTH * 2;
    conf.max_nodes = NGX_LLM_MAX_NODES * 2;

    root = ngx_llm_json_parse(pool, text, &conf);
    fuzz_assert(root != NULL);
    fuzz_assert(ngx_llm_json_duplicate(root) == NULL);

    fuzz_messages(ngx_llm_json_get(root, "messages"));

    tools = ngx_llm_json_get(root, "tools");
    choice = ngx_llm_json_get(root, "tool_choice");
    thinking = ngx_llm_json_get(root, "thinking");

    fuzz_assert(tools == NULL || tools->child != NULL);
    fuzz_assert(choice == NULL || tools != NULL);

    if (fuzz_is(choice, "type", "any") || fuzz_is(choice, "type", "tool")) {
        fuzz_assert(!fuzz_is(thinking, "type", "enabled"));
    }

    fuzz_assert(ngx_llm_json_count(root, "max_tokens", -1) >= 0);
}


static void
fuzz_messages(ngx_llm_json_t *messages)
{
    ngx_uint_t       user;
    ngx_llm_json_t  *m;

    fuzz_assert(messages != NULL);
    fuzz_assert(messages->child != NULL);

    user = 0;

    for (m = messages->child; m; m = m->next) {

        /* user and assistant by turns, the user first */

        user = !user;

        fuzz_assert(fuzz_is(m, "role", user ? "user" : "assistant"));
        fuzz_content(ngx_llm_json_get(m, "content"), user);
    }
}


static void
fuzz_content(ngx_llm_json_t *content, ngx_uint_t user)
{
    size_t           i;
    ngx_str_t        id, text;
    ngx_uint_t       behind;
    ngx_llm_json_t  *block;

    fuzz_assert(content != NULL);
    fuzz_assert(content->child != NULL);

    behind = 0;

    for (block = content->child; block; block = block->next) {

        fuzz_assert(ngx_llm_json_duplicate(block) == NULL);

        if (fuzz_is(block, "type", "text")) {
            text = ngx_llm_json_str(block, "text");
            fuzz_assert(!ngx_llm_anthropic_blank(&text));
        }

        if (fuzz_is(block, "type", "tool_result")) {
            fuzz_assert(user);
            fuzz_assert(!behind);
            id = ngx_llm_json_str(block, "tool_use_id");

        } else if (fuzz_is(block, "type", "tool_use")) {
            fuzz_assert(!user);
            fuzz_assert(ngx_llm_json_get(block, "input")->type
                        == NGX_LLM_JSON_OBJECT);
            id = ngx_llm_json_str(block, "id");

        } else {
            behind = 1;
            continue;
        }

        fuzz_assert(id.len > 0 && id.len <= 64);

        for (i = 0; i < id.len; i++) {
            fuzz_assert((id.data[i] >= 'a' && id.data[i] <= 'z')
                        || (id.data[i] >= 'A' && id.data[i] <= 'Z')
                        || (id.data[i] >= '0' && id.data[i] <= '9')
                        || id.data[i] == '_' || id.data[i] == '-');
        }
    }
}


static ngx_uint_t
fuzz_is(ngx_llm_json_t *node, char *name, char *value)
{
    ngx_str_t  text;

    text = ngx_llm_json_str(node, name);

    return ngx_llm_json_is(&text, value);
}
