
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A request to Replicate is a version and an input, whose members are texts,
 * numbers and a conversation.
 */


#include "fuzz_provider.h"


static void fuzz_check(ngx_pool_t *pool, ngx_str_t *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_llm_target_t          target;
    const ngx_llm_dialect_t  *client;

    static char  *models[] = { "meta/llama", "openai/gpt-5",
                               "deployments/acme/llama", "acme/x:0123" };

    if (size < 2) {
        return 0;
    }

    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target.provider, "fuzz");
    target.model.data = (u_char *) models[data[0] & 3];
    target.model.len = ngx_strlen(target.model.data);
    target.drop = (data[0] & 8) ? (uint64_t) -1 : 0;

    client = (data[0] & 16) ? &ngx_llm_anthropic : &ngx_llm_openai;

    fuzz_request(&ngx_llm_replicate, client, &target, data + 1, size - 1,
                 fuzz_check);

    return 0;
}


static void
fuzz_check(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_llm_json_t  *input, *item, *m, *root;

    root = fuzz_parse(pool, text);

    fuzz_assert(ngx_llm_json_duplicate(root) == NULL);

    input = ngx_llm_json_get(root, "input");

    fuzz_assert(input != NULL && input->type == NGX_LLM_JSON_OBJECT);
    fuzz_assert(ngx_llm_json_duplicate(input) == NULL);

    m = ngx_llm_json_get(input, "prompt");

    fuzz_assert(m != NULL && m->type == NGX_LLM_JSON_STRING);

    for (m = input->child; m; m = m->next) {

        if (m->type != NGX_LLM_JSON_ARRAY) {
            fuzz_assert(m->type == NGX_LLM_JSON_STRING
                        || m->type == NGX_LLM_JSON_NUMBER);
            continue;
        }

        for (item = m->child; item; item = item->next) {
            fuzz_assert(ngx_llm_json_str(item, "role").len != 0);
            fuzz_assert(ngx_llm_json_get(item, "content") != NULL);
        }
    }
}
