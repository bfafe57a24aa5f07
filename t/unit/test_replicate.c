
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Replicate: requests, answers, streams made of them, errors.
 */


#include "ngx_llm_request.h"
#include "test_provider.h"


static void test_paths(void);
static void test_long_answer(void);


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_replicate;
    test_provider.name = "replicate";
    test_provider.suffix = "json";
    ngx_str_set(&test_provider.target.provider, "rep");
    ngx_str_set(&test_provider.target.model, "meta/llama");

    test_requests();
    test_cases("responses.txt", test_response);
    test_cases("errors.txt", test_error);
    test_long_error("{\"detail\":\"", "\"}");
    test_streams();

    test_paths();
    test_long_answer();

    return test_done("replicate");
}


static void
test_paths(void)
{
    ngx_str_t          none, got;
    ngx_uint_t         i;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    static char  *cases[][2] = {
        { "meta/llama", "/v1/predictions" },
        { "acme/llama:0123", "/v1/predictions" },
        { "0123", "/v1/predictions" },
        { "deployments/acme/my llama",
          "/v1/deployments/acme/my%20llama/predictions" },
        { "deployments/acme/a/b?c",
          "/v1/deployments/acme/a%2Fb%3Fc/predictions" },
        { "deployments/acme", "/v1/predictions" },
        { "deployments/../x", NULL },
        { "deployments//x", "/v1/predictions" },
        { NULL, NULL }
    };

    ngx_str_null(&none);

    for (i = 0; cases[i][0]; i++) {
        test_case = cases[i][0];
        pool = test_reset();

        ngx_llm_chat_init(&chat, pool, &none);
        chat.stream = i & 1;

        ngx_memzero(&target, sizeof(ngx_llm_target_t));
        ngx_str_set(&target.base, "/v1");
        ngx_str_set(&target.key, "r8_key");
        target.model = test_string(cases[i][0]);

        ngx_llm_out_init(&out, pool, NULL, 0, 4096);
        ngx_llm_replicate.write_path(&chat, &target, &out);

        if (cases[i][1] == NULL) {
            test_ok(out.failed);
            continue;
        }

        got.data = out.start;
        got.len = ngx_llm_out_len(&out);
        test_ok(!out.failed);
        test_str(got, cases[i][1]);

        ngx_llm_out_init(&out, pool, NULL, 0, 4096);
        ngx_llm_replicate.write_headers(&chat, &target, &out);
        test_out(out, "Content-Type: application/json\r\n"
                      "Accept: application/json\r\n"
                      "Authorization: Bearer r8_key\r\n"
                      "Prefer: wait=60\r\n"
                      "Cancel-After: 1m\r\n");
    }
}


/* one that never ends is given up */

static void
test_long_answer(void)
{
    size_t             held;
    u_char            *buf, *pos;
    ngx_int_t          rc;
    ngx_pool_t        *pool, *scratch;
    ngx_llm_frame_t    frame;
    ngx_llm_reader_t   reader;

    test_case = "long answer";

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    scratch = ngx_create_pool(4096, &ngx_stubs_log);
    buf = malloc(65536);

    memset(buf, ' ', 65536);

    test_int(ngx_llm_reader_init(&reader, &ngx_llm_replicate, pool, scratch),
             NGX_OK);

    held = 0;

    do {
        pos = buf;
        rc = ngx_llm_reader_next(&reader, &pos, buf + 65536, &frame);
        held += 65536;

    } while (rc == NGX_AGAIN && held < 2 * NGX_LLM_MAX_EVENT);

    test_int(rc, NGX_ERROR);
    test_ok(held > NGX_LLM_MAX_EVENT);
    test_ok(held <= NGX_LLM_MAX_EVENT + 65536);

    free(buf);
    ngx_destroy_pool(scratch);
    ngx_destroy_pool(pool);
}
