
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Anthropic: answers, streams and errors in neutral form.
 */


#include "test_provider.h"
#include "test_anthropic.h"


static void test_counts(void);
static void test_parser(ngx_str_t *text, ngx_str_t *want);
static void test_many_citations(void);


int
main(int argc, char *const *argv)
{
    static char  *frames[] = {
        "data: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,"
        "\"delta\":{\"type\":\"text_delta\",\"text\":\"abc\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,"
        "\"delta\":{\"type\":\"citations_delta\",\"citation\":{\"type\":"
        "\"web_search_result_location\",\"url\":\"https://a/\","
        "\"title\":\"t\"}}}\n\n",
        "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        NULL
    };

    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_anthropic;
    test_provider.name = "anthropic";
    test_provider.suffix = "sse";
    test_provider.stream = test_parser;

    test_cases("responses.txt", test_response);
    test_cases("errors.txt", test_error);
    test_long_error("{\"error\":{\"message\":\"", "\"}}");
    test_counts();
    test_streams();
    test_held(frames);
    test_many_citations();

    return test_done("anthropic response");
}


static void
test_counts(void)
{
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_llm_error_t      err;
    ngx_llm_response_t   res;

    static char  *bad[] = {
        "{}", "[]", "1", "", "{\"input_tokens\":-1}",
        "{\"input_tokens\":\"1\"}", "{\"input_tokens\":null}", NULL
    };

    test_case = "counts";
    test_reset();

    text = test_string("{\"input_tokens\":2095,\"context_management\":null}");

    test_int(ngx_llm_response_init(&res, test_pool), NGX_OK);
    res.count = 1;
    test_int(ngx_llm_anthropic.read_response(&text, &res, &err), NGX_OK);
    test_int(res.usage.prompt, 2095);

    /* the same is no message */

    test_int(ngx_llm_response_init(&res, test_pool), NGX_OK);
    test_int(ngx_llm_anthropic.read_response(&text, &res, &err),
             NGX_DECLINED);
    test_int(err.fail, NGX_LLM_FAIL_INVALID);

    for (i = 0; bad[i]; i++) {
        text = test_string(bad[i]);

        test_int(ngx_llm_response_init(&res, test_pool), NGX_OK);
        res.count = 1;
        test_int(ngx_llm_anthropic.read_response(&text, &res, &err),
                 NGX_DECLINED);
        test_int(err.fail, NGX_LLM_FAIL_INVALID);
    }

    text = test_string("{\"type\":\"error\",\"error\":{\"type\":"
                       "\"overloaded_error\",\"message\":\"x\"}}");

    test_int(ngx_llm_response_init(&res, test_pool), NGX_OK);
    res.count = 1;
    test_int(ngx_llm_anthropic.read_response(&text, &res, &err),
             NGX_DECLINED);
    test_int(err.fail, NGX_LLM_FAIL_OVERLOADED);

    test_case = "";
}


/* text in an unusual layout takes another way, to the same end */

static void
test_parser(ngx_str_t *text, ngx_str_t *want)
{
    ngx_str_t    spaced;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, &ngx_stubs_log);

    spaced = test_spaced(pool, text);

    (void) test_split(&spaced, want, 0, 0);

    ngx_destroy_pool(pool);
}


/* more than is held for one block: the text and the next block are whole */

static void
test_many_citations(void)
{
    u_char         *p;
    ngx_str_t       got, text;
    ngx_uint_t      annotations, i;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   in, out;

    test_case = "many citations";
    pool = test_reset();
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    ngx_llm_out_init(&in, pool, NULL, 0, TEST_DUMP);
    ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);

    for (i = 0; i < 2; i++) {

        ngx_llm_out_lit(&in, "data: {\"type\":\"content_block_start\","
                             "\"index\":0,\"content_block\":{\"type\":"
                             "\"text\",\"text\":\"ab\"}}\n\n");

        while (ngx_llm_out_len(&in) < NGX_LLM_ANTHROPIC_CITATIONS * 4) {
            ngx_llm_out_lit(&in, "data: {\"type\":\"content_block_delta\","
                                 "\"index\":0,\"delta\":{\"type\":"
                                 "\"citations_delta\",\"citation\":"
                                 "{\"type\":"
                                 "\"web_search_result_location\","
                                 "\"url\":\"https:\\/\\/"
                                 "0123456789012345678901234567890123456789\","
                                 "\"title\":\"t\"}}}\n\n");
        }

        if (i) {
            ngx_llm_out_lit(&in, "data: {\"type\":\"content_block_delta\","
                                 "\"index\":0,\"delta\":{\"type\":"
                                 "\"citations_delta\",\"citation\":"
                                 "{\"type\":"
                                 "\"web_search_result_location\","
                                 "\"url\":\"last\",\"title\":\"t\"}}}"
                                 "\n\n");
        }

        ngx_llm_out_lit(&in, "data: {\"type\":\"content_block_stop\","
                             "\"index\":0}\n\n");
    }

    text.data = in.start;
    text.len = ngx_llm_out_len(&in);

    test_int(test_dump_stream(&ngx_llm_anthropic, pool, scratch, &text,
                              0, 0, &out),
             NGX_OK);

    ngx_llm_out_char(&out, '\0');

    got.data = out.start;
    annotations = 0;

    for (p = got.data; /* void */ ; p++) {

        p = (u_char *) strstr((char *) p, "annotation ");

        if (p == NULL) {
            break;
        }

        annotations++;
    }

    /* all that fit, and the one of the second block */

    test_ok(annotations > 400 && annotations < 1000);
    test_ok(strstr((char *) got.data, "\"last\",\"title\":\"t\","
                                      "\"start_index\":2,\"end_index\":4")
            != NULL);

    ngx_destroy_pool(scratch);
}
