
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A request to Ollama is made of what it knows; contents are strings, arguments
 * and parameters objects.
 */


#include "fuzz_provider.h"


static void fuzz_check(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_message(ngx_llm_json_t *m);
static void fuzz_tool(ngx_llm_json_t *tool);


static char  *fuzz_request_names[] = {
    "model", "messages", "stream", "tools", "format", "options", "think",
    "keep_alive", "truncate", "shift", "logprobs", "top_logprobs", NULL
};


static char  *fuzz_message_names[] = {
    "role", "content", "thinking", "images", "tool_calls", "tool_name",
    "tool_call_id", NULL
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_llm_target_t          target;
    const ngx_llm_dialect_t  *client;

    static char  *models[] = { "llama3.2", "qwen3:8b", "gpt-oss:20b", "a/b" };

    if (size < 2) {
        return 0;
    }

    client = fuzz_choose(&target, models, 4, data[0]);

    fuzz_request(&ngx_llm_ollama, client, &target, data + 1, size - 1,
                 fuzz_check);

    return 0;
}


static void
fuzz_check(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_llm_json_t  *m, *messages, *root, *stream, *tools;

    root = fuzz_parse(pool, text);

    fuzz_known(root, fuzz_request_names);

    stream = ngx_llm_json_get(root, "stream");
    fuzz_assert(stream != NULL);

    messages = ngx_llm_json_get(root, "messages");
    fuzz_assert(messages != NULL && messages->child != NULL);

    for (m = messages->child; m; m = m->next) {
        fuzz_message(m);
    }

    tools = ngx_llm_json_get(root, "tools");
    fuzz_assert(tools == NULL || tools->child != NULL);
    fuzz_assert(tools == NULL || ngx_llm_json_get(root, "format") == NULL);

    for (tools = tools ? tools->child : NULL; tools; tools = tools->next) {
        fuzz_tool(tools);
    }
}


static void
fuzz_message(ngx_llm_json_t *m)
{
    ngx_llm_json_t  *args, *call, *content;

    fuzz_known(m, fuzz_message_names);

    content = ngx_llm_json_get(m, "content");
    fuzz_assert(content != NULL && content->type == NGX_LLM_JSON_STRING);

    call = ngx_llm_json_get(m, "tool_calls");

    for (call = call ? call->child : NULL; call; call = call->next) {
        args = ngx_llm_json_get(ngx_llm_json_get(call, "function"),
                                "arguments");
        fuzz_assert(args != NULL && args->type == NGX_LLM_JSON_OBJECT);
    }
}


static void
fuzz_tool(ngx_llm_json_t *tool)
{
    ngx_str_t        type;
    ngx_llm_json_t  *parameters, *properties;

    parameters = ngx_llm_json_get(ngx_llm_json_get(tool, "function"),
                                  "parameters");
    fuzz_assert(parameters != NULL);

    type = ngx_llm_json_str(parameters, "type");
    fuzz_assert(ngx_llm_json_is(&type, "object"));

    properties = ngx_llm_json_get(parameters, "properties");
    fuzz_assert(properties && properties->type == NGX_LLM_JSON_OBJECT);
    fuzz_assert(ngx_llm_json_get(parameters, "$ref") == NULL);
}
