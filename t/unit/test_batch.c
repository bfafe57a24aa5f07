
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Input files of batches, whole, in two pieces cut at every byte, and byte by
 * byte.
 */


#include "test.h"
#include "ngx_llm_batch.h"


static ngx_int_t test_model(void *data, ngx_str_t *model, ngx_uint_t line);
static void test_input(const char *text, const char *told);
static void test_inputs(void);
static void test_bounds(void);
static void test_refused(void);


static u_char  test_told[65536];
static size_t  test_told_len;


int
main(void)
{
    test_inputs();
    test_bounds();
    test_refused();

    return test_done("batch");
}


static ngx_int_t
test_model(void *data, ngx_str_t *model, ngx_uint_t line)
{
    if (data) {
        return NGX_ERROR;
    }

    test_told_len = ngx_sprintf(test_told + test_told_len, "%V@%ui;", model,
                                line)
                    - test_told;

    return NGX_OK;
}


/* told: models and their lines, then what is wrong, if anything is */

static void
test_input(const char *text, const char *told)
{
    size_t            i, n, from, len;
    u_char           *copy;
    ngx_int_t         rc;
    ngx_str_t         got;
    ngx_llm_batch_t   batch;

    len = strlen(text);

    for (i = 0; i <= len; i++) {
        test_reset();
        test_case = text;
        test_told_len = 0;

        memset(&batch, 0xa5, sizeof(ngx_llm_batch_t));
        ngx_llm_batch_init(&batch);
        batch.handler = test_model;
        batch.data = NULL;

        rc = NGX_OK;
        n = i;

        for (from = 0; from < len && rc == NGX_OK; from += n) {
            n = (from == 0) ? i : (i == len) ? 1 : len;

            if (i == len) {
                n = 1;
            }

            n = ngx_min(n, len - from);

            if (n == 0) {
                n = len - from;
            }

            copy = malloc(n);
            memcpy(copy, text + from, n);

            rc = ngx_llm_batch_feed(&batch, copy, copy + n);

            free(copy);
        }

        if (rc == NGX_OK) {
            rc = ngx_llm_batch_end(&batch);
        }

        if (rc == NGX_DECLINED) {
            test_told_len = ngx_sprintf(test_told + test_told_len, "%ui %s",
                                        batch.line, batch.error)
                            - test_told;
        }

        got.data = test_told;
        got.len = test_told_len;

        test_str(got, told);
    }
}


#define TEST_LINE(m)                                                         \
    "{\"custom_id\":\"1\",\"method\":\"POST\",\"url\":\"/v1/chat/"           \
    "completions\",\"body\":{\"messages\":[{\"model\":\"no\"}],\"model\":"   \
    "\"" m "\",\"x\":{\"model\":\"no\"}},\"model\":\"no\"}\n"


static void
test_inputs(void)
{
    test_input("", "");
    test_input("\n\r\n \n", "");
    test_input(TEST_LINE("a"), "a@1;");
    test_input(TEST_LINE("a") "\n" TEST_LINE("b"), "a@1;b@3;");
    test_input("{\"body\":{\"model\":\"a\"}}", "a@1;");
    test_input("{\"body\":{\"model\":\"a\"}} {\"body\":{\"model\":\"b\"}}\r\n",
               "a@1;b@1;");
    test_input(" { \"body\" : { \"model\" : \"a\" , \"n\":-1.5e3} }", "a@1;");
    test_input("{\"body\":{\"model\":\"a\",\"model\":\"b\"},\"body\":"
               "{\"model\":\"c\"}}", "a@1;b@1;c@1;");
    test_input("{\"body\":{\"model\":\"a\\\\\\\"\\u0041\"}}",
               "a\\\\\\\"\\u0041@1;");
    test_input("{\"body\":{\"models\":\"no\",\"mode\":\"no\","
               "\"modelmodel\":\"no\"}}", "");
    test_input("{\"BODY\":{\"Model\":\"a\"}}", "a@1;");
    test_input("{\"bod\":{\"model\":\"no\"},"
               "\"body\":[{\"model\":\"no\"}]}", "");
    test_input("{\"a\":{\"body\":{\"model\":\"no\"}}}", "");
    test_input("{\"body\":{\"a\":\"model\",\"b\":[true,null,{}]}}", "");
    test_input("{\"body\":\"x\",\"b\":\"model\"}", "");

    test_input("x", "1 is no JSON object");
    test_input("\xef\xbb\xbf{}", "1 is no JSON object");
    test_input("[]", "1 is no JSON object");
    test_input("{\"body\":{\"model\":\"a\"}}\n{\"body\"\n:1}",
               "a@1;2 is not whole");
    test_input("{\"a\":[\r{\"body\":{\"model\":\"a\"}}\r]}",
               "1 is not whole");
    test_input("{}\r{\"body\":{\"model\":\"a\"}}\r", "a@1;");
    test_input("{\"a\":[\xe2\x80\xa8{\"body\":{\"model\":\"a\"}}]}",
               "1 is not valid JSON");
    test_input("{\"a\":[\xc2\x85{\"body\":{\"model\":\"a\"}}]}",
               "1 is not valid JSON");
    test_input("{\"body\":{", "1 is not whole");
    test_input("{\"a\":\"x\ny\"}", "1 is not valid JSON");
    test_input("{\"a\":\"x\ty\"}", "1 is not valid JSON");
    test_input("{a:1}", "1 is not valid JSON");
    test_input("{\"a\" 1}", "1 is not valid JSON");
    test_input("{\"a\":1\"b\"}", "1 is not valid JSON");
    test_input("{\"a\":[}", "1 is not valid JSON");
    test_input("{\"a\":{]", "1 is not valid JSON");
    test_input("{\"b\\u006fdy\":{\"model\":\"a\"}}",
               "1 has a name with escapes");
    test_input("{\"body\":{\"m\\u006fdel\":\"a\"}}",
               "1 has a name with escapes");
    test_input("{\"body\":{\"x\":{\"m\\u006fdel\":\"a\"}}}", "");
    test_input("{\"body\":{\"model\":1}}",
               "1 has a \"model\" that is no string");
    test_input("{\"body\":{\"model\":{\"model\":\"a\"}}}",
               "1 has a \"model\" that is no string");
}


static void
test_bounds(void)
{
    u_char           *p, *text;
    ngx_uint_t        i;
    ngx_llm_batch_t   batch;

    for (i = 0; i < 2; i++) {
        test_reset();
        test_case = i ? "too long" : "as long";
        test_told_len = 0;

        ngx_memzero(&batch, sizeof(ngx_llm_batch_t));
        ngx_llm_batch_init(&batch);
        batch.handler = test_model;

        text = ngx_pnalloc(test_pool, NGX_LLM_BATCH_MODEL + 64);
        p = ngx_sprintf(text, "{\"body\":{\"model\":\"");
        ngx_memset(p, 'x', NGX_LLM_BATCH_MODEL + i);
        p = ngx_sprintf(p + NGX_LLM_BATCH_MODEL + i, "\"}}");

        test_int(ngx_llm_batch_feed(&batch, text, p),
                 i ? NGX_DECLINED : NGX_OK);
        test_ok((test_told_len != 0) == (i == 0));

        /* depth */

        ngx_llm_batch_init(&batch);

        text = ngx_pnalloc(test_pool, 5 * (NGX_LLM_BATCH_DEPTH + 1));
        p = text;

        for (p = text; p < text + 5 * (NGX_LLM_BATCH_DEPTH + i); p += 5) {
            ngx_memcpy(p, "{\"a\":", 5);
        }

        test_int(ngx_llm_batch_feed(&batch, text, p),
                 i ? NGX_DECLINED : NGX_OK);
    }
}


static void
test_refused(void)
{
    ngx_str_t        s;
    ngx_llm_batch_t  batch;

    test_reset();
    test_case = "a handler that fails";

    ngx_memzero(&batch, sizeof(ngx_llm_batch_t));
    ngx_llm_batch_init(&batch);
    batch.handler = test_model;
    batch.data = &batch;

    s = test_string(TEST_LINE("a"));
    test_int(ngx_llm_batch_feed(&batch, s.data, s.data + s.len), NGX_ERROR);
}
