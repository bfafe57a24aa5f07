
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A request to Mistral is made of what it knows, without nulls; ids of calls
 * fit, and those of results are the same.
 */


#include "fuzz_provider.h"


static void fuzz_check(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_message(ngx_llm_json_t *m);
static void fuzz_id(ngx_str_t *id);


static char  *fuzz_request_names[] = {
    "model", "messages", "stream", "tools", "tool_choice",
    "parallel_tool_calls", "response_format", "max_tokens", "stop",
    "temperature", "top_p", "random_seed", "n", "presence_penalty",
    "frequency_penalty", "metadata", "prediction", "prompt_cache_key",
    "reasoning_effort", "safe_prompt", "prompt_mode", "guardrails", NULL
};


static char  *fuzz_message_names[] = {
    "role", "content", "prefix", "tool_calls", "tool_call_id", "name", NULL
};


static char  *fuzz_call_names[] = { "id", "type", "function", NULL };
static char  *fuzz_function_names[] = { "name", "arguments", NULL };


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_llm_target_t          target;
    const ngx_llm_dialect_t  *client;

    static char  *models[] = { "mistral-large-latest", "mistral-small-latest",
                               "magistral-medium-latest", "open-mixtral-8x7b" };

    if (size < 2) {
        return 0;
    }

    client = fuzz_choose(&target, models, 4, data[0]);

    fuzz_request(&ngx_llm_mistral, client, &target, data + 1, size - 1,
                 fuzz_check);

    return 0;
}


static void
fuzz_check(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_llm_json_t  *m, *messages, *root, *tools;

    root = fuzz_parse(pool, text);

    fuzz_known(root, fuzz_request_names);

    messages = ngx_llm_json_get(root, "messages");
    fuzz_assert(messages != NULL);

    for (m = messages->child; m; m = m->next) {
        fuzz_message(m);
    }

    tools = ngx_llm_json_get(root, "tools");
    fuzz_assert(tools == NULL || tools->child != NULL);
    fuzz_assert(tools != NULL
                || ngx_llm_json_get(root, "tool_choice") == NULL);
}


static void
fuzz_message(ngx_llm_json_t *m)
{
    ngx_str_t        id;
    ngx_llm_json_t  *call, *content;

    fuzz_known(m, fuzz_message_names);

    content = ngx_llm_json_get(m, "content");
    fuzz_assert(content != NULL);
    fuzz_assert(content->type != NGX_LLM_JSON_ARRAY || content->child);

    if (ngx_llm_json_get(m, "tool_call_id")) {
        id = ngx_llm_json_str(m, "tool_call_id");
        fuzz_id(&id);
    }

    call = ngx_llm_json_get(m, "tool_calls");

    for (call = call ? call->child : NULL; call; call = call->next) {
        fuzz_known(call, fuzz_call_names);
        fuzz_known(ngx_llm_json_get(call, "function"), fuzz_function_names);

        id = ngx_llm_json_str(call, "id");
        fuzz_id(&id);
    }
}


static void
fuzz_id(ngx_str_t *id)
{
    size_t  i;

    fuzz_assert(id->len == 9);

    for (i = 0; i < id->len; i++) {
        fuzz_assert((id->data[i] >= '0' && id->data[i] <= '9')
                    || (id->data[i] >= 'a' && id->data[i] <= 'z')
                    || (id->data[i] >= 'A' && id->data[i] <= 'Z'));
    }
}
