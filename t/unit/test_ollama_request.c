
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Ollama: requests, path, headers.
 */


#include "ngx_llm_ollama.h"
#include "test_provider.h"


static void test_path(void);
static void test_headers(void);


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_ollama;
    test_provider.name = "ollama";
    ngx_str_set(&test_provider.target.provider, "ollama");
    ngx_str_set(&test_provider.target.model, "llama3.2");

    test_requests();
    test_path();
    test_headers();

    return test_done("ollama request");
}


static void
test_path(void)
{
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    test_case = "path";
    pool = test_reset();

    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target.base, "/api");
    ngx_str_set(&target.model, "a/../b?c#d");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_ollama.write_path(&chat, &target, &out);
    test_out(out, "/api/chat");
}


static void
test_headers(void)
{
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    test_case = "headers";
    pool = test_reset();

    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    chat.pool = pool;

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_ollama.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: application/json" CRLF);

    chat.stream = 1;
    ngx_str_set(&target.key, "key-1");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_ollama.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: application/x-ndjson" CRLF
                  "Authorization: Bearer key-1" CRLF);

    ngx_str_set(&target.key, "a\r\nx: b");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_ollama.write_headers(&chat, &target, &out);
    test_ok(out.failed);
}
