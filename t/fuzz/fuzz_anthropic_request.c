
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * An OpenAI request written for Anthropic: what is written is JSON, the same
 * each time, and keeps what the API asks of a conversation.  The first byte
 * chooses the model and what may be dropped, the rest is the request.
 */


#include "ngx_llm_anthropic.h"
#include "fuzz_provider.h"


static void fuzz_check(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_messages(ngx_llm_json_t *messages);
static void fuzz_content(ngx_llm_json_t *content, ngx_uint_t user);


static char  *fuzz_models[] = {
    "claude-opus-4-6", "claude-fable-5", "claude-sonnet-5",
    "claude-opus-4-5", "claude-sonnet-4-5", "claude-sonnet-4-0",
    "claude-3-5-haiku-latest", "glm"
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_llm_target_t  target;

    if (size < 2) {
        return 0;
    }

    (void) fuzz_choose(&target, fuzz_models, 8, data[0]);
    target.max_tokens = (data[0] & 16) ? 2048 : 0;

    if (data[0] & 32) {
        ngx_str_set(&target.beta, "files-api-2025-04-14");
    }

    fuzz_request(&ngx_llm_anthropic, &ngx_llm_openai, &target, data + 1,
                 size - 1, fuzz_check);

    return 0;
}


static void
fuzz_check(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_llm_json_t  *choice, *root, *thinking, *tools;

    root = fuzz_parse(pool, text);
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
