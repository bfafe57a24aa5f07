
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Anthropic: requests, paths, headers, models.
 */


#include "ngx_llm_anthropic.h"
#include "test_provider.h"


static void test_path(void);
static void test_headers(void);
static void test_models(void);


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_anthropic;
    test_provider.name = "anthropic";
    ngx_str_set(&test_provider.target.provider, "claude");
    ngx_str_set(&test_provider.target.model, "claude-opus-4-6");
    test_provider.target.max_tokens = 4096;

    test_requests();
    test_path();
    test_headers();
    test_models();

    return test_done("anthropic request");
}


static void
test_path(void)
{
    ngx_str_t          text;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    test_case = "path";
    pool = test_reset();

    ngx_str_set(&text, "{}");
    ngx_llm_chat_init(&chat, pool, &text);
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_path(&chat, &target, &out);
    test_out(out, "/v1/messages");

    ngx_str_set(&target.base, "/anthropic");
    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_path(&chat, &target, &out);
    test_out(out, "/anthropic/v1/messages");

    ngx_str_set(&target.base, "/api/v1");
    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_path(&chat, &target, &out);
    test_out(out, "/api/v1/messages");

    chat.count = 1;
    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_path(&chat, &target, &out);
    test_out(out, "/api/v1/messages/count_tokens");
}


static void
test_headers(void)
{
    ngx_str_t          text;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    test_case = "headers";
    pool = test_reset();

    ngx_str_set(&text, "{}");
    ngx_llm_chat_init(&chat, pool, &text);
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: application/json" CRLF
                  "anthropic-version: 2023-06-01" CRLF);

    /* a client's version, unless the provider's is given */

    ngx_str_set(&target.version, "2026-10-21");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: application/json" CRLF
                  "anthropic-version: 2026-10-21" CRLF);

    chat.stream = 1;
    ngx_str_set(&target.key, "sk-ant-1");
    ngx_str_set(&target.api_version, "2099-01-01");
    ngx_str_set(&target.beta, "a-1,b-2");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: text/event-stream" CRLF
                  "anthropic-version: 2099-01-01" CRLF
                  "x-api-key: sk-ant-1" CRLF
                  "anthropic-beta: a-1,b-2" CRLF);

    ngx_str_set(&target.beta, "a\r\nx-api-key: b");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_headers(&chat, &target, &out);
    test_ok(out.failed);
}


static void
test_models(void)
{
    ngx_str_t                         name;
    ngx_uint_t                        i;
    const ngx_llm_anthropic_model_t  *model;

    static struct {
        char  *name;
        char  *pattern;
    } models[] = {
        { "claude-fable-5", "*fable-5*" },
        { "claude-sonnet-5", "*sonnet-5*" },
        { "claude-opus-4-6-20260205", "*opus-4-6*" },
        { "us.anthropic.claude-sonnet-4-6-v1:0", "*sonnet-4-6*" },
        { "anthropic/claude-opus-4.5", "*opus-4-5*" },
        { "Claude-Haiku-4-5", "*haiku-4-5*" },
        { "claude-opus-4-1-20250805", "*opus-4-1*" },
        { "claude-opus-4-20250514", "*opus-4-2*" },
        { "claude-sonnet-4@20250514", "*sonnet-4@*" },
        { "claude-sonnet-4-0", "*sonnet-4-0*" },
        { "claude-sonnet-4", "*sonnet-4" },
        { "claude-4-sonnet-20250514", "*-4-sonnet*" },
        { "claude-3-7-sonnet-latest", "*claude-3-7*" },
        { "claude-3.5-haiku", "*claude-3-5*" },
        { "claude-3-opus-20240229", "*claude-3*" },
        { "claude-opus-4-7", "*claude*" },
        { "claude-opus-5", "*claude*" },
        { "glm-4.6", "*" },
        { "", "*" },
        { NULL, NULL }
    };

    for (i = 0; models[i].name; i++) {
        test_case = models[i].name;

        name = test_string(models[i].name);
        model = ngx_llm_anthropic_model(&name);

        test_str(test_string(model->pattern), models[i].pattern);
    }
}
