
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A request to watsonx.ai is made of what its schema has, without nulls; a
 * choice of tools is said in one of two ways, results have calls.
 */


#include "fuzz_provider.h"


static void fuzz_check(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_message(ngx_llm_json_t *m);


static ngx_uint_t  fuzz_deployment;


static char  *fuzz_request_names[] = {
    "model_id", "project_id", "messages", "tools", "tool_choice",
    "tool_choice_option", "response_format", "max_completion_tokens", "stop",
    "temperature", "top_p", "seed", "n", "presence_penalty",
    "frequency_penalty", "logit_bias", "logprobs", "top_logprobs",
    "reasoning_effort", "time_limit", "repetition_penalty", "length_penalty",
    "include_reasoning", "chat_template_kwargs", "guided_choice",
    "guided_regex", "guided_grammar", "guided_json", "moderations", "context",
    "crypto", NULL
};


static char  *fuzz_message_names[] = {
    "role", "content", "name", "tool_calls", "tool_call_id", NULL
};


static char  *fuzz_call_names[] = { "id", "type", "function", NULL };
static char  *fuzz_function_names[] = { "name", "arguments", NULL };


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_llm_target_t          target;
    const ngx_llm_dialect_t  *client;

    if (size < 2) {
        return 0;
    }

    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target.provider, "fuzz");
    ngx_str_set(&target.project, "project-1");

    fuzz_deployment = data[0] & 4;

    if (fuzz_deployment) {
        ngx_str_set(&target.model, "deployments/id-1");

    } else {
        ngx_str_set(&target.model, "ibm/granite-4-h-small");
    }

    target.drop = (data[0] & 8) ? (uint64_t) -1 : 0;

    client = (data[0] & 16) ? &ngx_llm_anthropic : &ngx_llm_openai;

    fuzz_request(&ngx_llm_watsonx, client, &target, data + 1, size - 1,
                 fuzz_check);

    return 0;
}


static void
fuzz_check(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_llm_json_t  *m, *messages, *root, *tools;

    root = fuzz_parse(pool, text);

    fuzz_known(root, fuzz_request_names);

    fuzz_assert((ngx_llm_json_get(root, "model_id") == NULL)
                == (fuzz_deployment != 0));
    fuzz_assert((ngx_llm_json_get(root, "project_id") == NULL)
                == (fuzz_deployment != 0));

    messages = ngx_llm_json_get(root, "messages");
    fuzz_assert(messages != NULL);

    for (m = messages->child; m; m = m->next) {
        fuzz_message(m);
    }

    tools = ngx_llm_json_get(root, "tools");

    fuzz_assert(tools == NULL || tools->child != NULL);

    if (ngx_llm_json_get(root, "tool_choice")) {
        fuzz_assert(tools != NULL);
        fuzz_assert(ngx_llm_json_get(root, "tool_choice_option") == NULL);
    }

    if (ngx_llm_json_get(root, "tool_choice_option")) {
        fuzz_assert(tools != NULL);
    }
}


static void
fuzz_message(ngx_llm_json_t *m)
{
    ngx_str_t        role;
    ngx_llm_json_t  *call, *content;

    fuzz_known(m, fuzz_message_names);

    role = ngx_llm_json_str(m, "role");
    content = ngx_llm_json_get(m, "content");
    call = ngx_llm_json_get(m, "tool_calls");

    fuzz_assert(content != NULL || call != NULL);
    fuzz_assert(content == NULL || content->type == NGX_LLM_JSON_STRING
                || (content->type == NGX_LLM_JSON_ARRAY && content->child
                    && ngx_llm_json_is(&role, "user")));

    fuzz_assert(ngx_llm_json_is(&role, "tool")
                == (ngx_llm_json_str(m, "tool_call_id").data != NULL));

    for (call = call ? call->child : NULL; call; call = call->next) {
        fuzz_known(call, fuzz_call_names);
        fuzz_known(ngx_llm_json_get(call, "function"), fuzz_function_names);
    }
}
