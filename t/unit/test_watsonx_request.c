
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * watsonx.ai: requests, path, headers, versions.
 */


#include "ngx_llm_watsonx.h"
#include "test_provider.h"


static void test_paths(void);
static void test_headers(void);
static void test_versions(void);


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_watsonx;
    test_provider.name = "watsonx";
    ngx_str_set(&test_provider.target.provider, "watsonx");
    ngx_str_set(&test_provider.target.model, "ibm/granite-4-h-small");
    ngx_str_set(&test_provider.target.project, "project-1");

    test_requests();
    test_paths();
    test_headers();
    test_versions();

    return test_done("watsonx request");
}


static void
test_paths(void)
{
    ngx_uint_t         i;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    static struct {
        char        *model;
        char        *version;
        ngx_uint_t   stream;
        char        *want;
    } paths[] = {
        { "ibm/granite-4-h-small", "", 0,
          "/ml/v1/text/chat?version=2025-10-01" },
        { "ibm/granite-4-h-small", "2026-08-11", 1,
          "/ml/v1/text/chat_stream?version=2026-08-11" },
        { "deployments/3c5d-4e", "", 0,
          "/ml/v1/deployments/3c5d-4e/text/chat?version=2025-10-01" },
        { "deployments/a/../b?c#d", "", 1,
          "/ml/v1/deployments/a%2F..%2Fb%3Fc%23d/text/chat_stream"
          "?version=2025-10-01" },

        /* it has no id */
        { "deployments/", "", 0, "/ml/v1/text/chat?version=2025-10-01" }
    };

    test_case = "path";

    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {

        pool = test_reset();

        ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
        ngx_memzero(&target, sizeof(ngx_llm_target_t));

        ngx_str_set(&target.base, "/ml/v1");
        target.model = test_string(paths[i].model);
        target.api_version = test_string(paths[i].version);
        chat.stream = paths[i].stream;

        ngx_llm_out_init(&out, pool, NULL, 0, 1024);
        ngx_llm_watsonx.write_path(&chat, &target, &out);
        test_out(out, paths[i].want);
    }
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
    ngx_llm_watsonx.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: application/json" CRLF);

    chat.stream = 1;
    ngx_str_set(&target.authorization, "Bearer eyJ");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_watsonx.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: text/event-stream" CRLF
                  "authorization: Bearer eyJ" CRLF);
}


static void
test_versions(void)
{
    ngx_str_t   version;
    ngx_uint_t  i;

    static char  *good[] = { "", "2024-10-08", "2026-08-11", NULL };
    static char  *bad[] = { "v1", "2024-10-8", "2024-10-081", "2024/10/08",
                            "2024-1a-08", "20241-0-08", NULL };

    test_case = "version";

    for (i = 0; good[i]; i++) {
        version = test_string(good[i]);
        test_ok(ngx_llm_watsonx_quirks.version(&version)
                == &ngx_llm_watsonx_quirks);
    }

    for (i = 0; bad[i]; i++) {
        version = test_string(bad[i]);
        test_ok(ngx_llm_watsonx_quirks.version(&version) == NULL);
    }
}
