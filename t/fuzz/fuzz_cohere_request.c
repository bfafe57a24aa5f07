
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A request to Cohere is made of what it knows, messages have content, results
 * follow their calls.
 */


#include "fuzz_provider.h"


static void fuzz_check(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_message(ngx_llm_json_t *m);


static char  *fuzz_request_names[] = {
    "model", "messages", "stream", "tools", "tool_choice", "strict_tools",
    "documents", "citation_options", "response_format", "safety_mode",
    "max_tokens", "stop_sequences", "temperature", "seed", "k", "p",
    "frequency_penalty", "presence_penalty", "logprobs", "thinking",
    "priority", NULL
};


static char  *fuzz_message_names[] = {
    "role", "content", "tool_plan", "tool_calls", "tool_call_id", NULL
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_llm_target_t          target;
    const ngx_llm_dialect_t  *client;

    static char  *models[] = { "command-a-03-2025", "c4ai-aya-vision-8b",
                               "command-a-reasoning-08-2025", "command-r" };

    if (size < 2) {
        return 0;
    }

    client = fuzz_choose(&target, models, 4, data[0]);

    fuzz_request(&ngx_llm_cohere, client, &target, data + 1, size - 1,
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
    fuzz_assert(messages != NULL && messages->child != NULL);

    for (m = messages->child; m; m = m->next) {
        fuzz_message(m);
    }

    tools = ngx_llm_json_get(root, "tools");
    fuzz_assert(tools == NULL || tools->child != NULL);
    fuzz_assert(tools != NULL
                || ngx_llm_json_get(root, "tool_choice") == NULL);
    fuzz_assert(tools == NULL
                || ngx_llm_json_get(root, "response_format") == NULL);
}


static void
fuzz_message(ngx_llm_json_t *m)
{
    ngx_llm_json_t  *content;

    fuzz_known(m, fuzz_message_names);

    content = ngx_llm_json_get(m, "content");

    fuzz_assert(content != NULL || ngx_llm_json_get(m, "tool_calls") != NULL);
    fuzz_assert(content == NULL || content->child != NULL
                || content->raw.len > 2);
}
