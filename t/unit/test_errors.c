
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_dialect.h"


static void test_status(void);
static void test_text(void);
static void test_body(void);


int
main(void)
{
    test_status();
    test_text();
    test_body();

    return test_done("errors");
}


static void
test_status(void)
{
    size_t            i;
    char              name[32];
    ngx_llm_error_t   err;

    static struct {
        ngx_uint_t   status;
        ngx_uint_t   answer;
        ngx_uint_t   fail;
        const char  *type;
        const char  *code;
    } cases[] = {
        { 400, 400, NGX_LLM_FAIL_REQUEST, "invalid_request_error", NULL },
        { 401, 502, NGX_LLM_FAIL_AUTH, "server_error", "provider_auth" },
        { 402, 502, NGX_LLM_FAIL_AUTH, "server_error", "provider_auth" },
        { 403, 502, NGX_LLM_FAIL_AUTH, "server_error", "provider_auth" },
        { 404, 404, NGX_LLM_FAIL_NO_MODEL, "invalid_request_error",
          "model_not_found" },
        { 405, 400, NGX_LLM_FAIL_REQUEST, "invalid_request_error", NULL },
        { 408, 502, NGX_LLM_FAIL_SERVER_ERROR, "server_error", NULL },
        { 413, 413, NGX_LLM_FAIL_REQUEST, "invalid_request_error",
          "request_too_large" },
        { 422, 422, NGX_LLM_FAIL_REQUEST, "invalid_request_error", NULL },
        { 429, 429, NGX_LLM_FAIL_RATE_LIMIT, "rate_limit_error",
          "provider_rate_limit" },
        { 499, 400, NGX_LLM_FAIL_REQUEST, "invalid_request_error", NULL },
        { 500, 502, NGX_LLM_FAIL_SERVER_ERROR, "server_error", NULL },
        { 502, 502, NGX_LLM_FAIL_SERVER_ERROR, "server_error", NULL },
        { 503, 503, NGX_LLM_FAIL_OVERLOADED, "service_unavailable_error",
          "server_is_overloaded" },
        { 504, 504, NGX_LLM_FAIL_SERVER_ERROR, "server_error", NULL },
        { 520, 502, NGX_LLM_FAIL_SERVER_ERROR, "server_error", NULL },
        { 529, 503, NGX_LLM_FAIL_OVERLOADED, "service_unavailable_error",
          "server_is_overloaded" },
        { 599, 502, NGX_LLM_FAIL_SERVER_ERROR, "server_error", NULL },
        { 302, 502, NGX_LLM_FAIL_INVALID, "server_error",
          "invalid_response" },
        { 0, 502, NGX_LLM_FAIL_INVALID, "server_error", "invalid_response" },
        { 600, 502, NGX_LLM_FAIL_INVALID, "server_error",
          "invalid_response" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        sprintf(name, "status %lu", (unsigned long) cases[i].status);
        test_case = name;

        ngx_memzero(&err, sizeof(ngx_llm_error_t));
        ngx_llm_error_status(&err, cases[i].status);

        test_int(err.status, cases[i].answer);
        test_int(err.fail, cases[i].fail);
        test_str(err.type, cases[i].type);
        test_str(err.code, cases[i].code);
    }
}


static void
test_text(void)
{
    size_t            i;
    ngx_str_t         s;
    ngx_llm_error_t   err;

    static struct {
        ngx_uint_t   status;
        const char  *text;
        ngx_uint_t   fail;
    } cases[] = {
        { 400, "This model's maximum context length is 8192 tokens. However,",
          NGX_LLM_FAIL_CONTEXT },
        { 400, "prompt is too long: 210000 tokens > 200000 maximum",
          NGX_LLM_FAIL_CONTEXT },
        { 400, "Input is too long for requested model.",
          NGX_LLM_FAIL_CONTEXT },
        { 400, "The input token count (5) exceeds the maximum number of",
          NGX_LLM_FAIL_CONTEXT },
        { 400, "Please reduce: CURRENT LENGTH IS 9 while limit is 8",
          NGX_LLM_FAIL_CONTEXT },
        { 400, "while limit is 8, current length is 9",
          NGX_LLM_FAIL_REQUEST },
        { 500, "the request exceeds the available context size",
          NGX_LLM_FAIL_CONTEXT },
        { 400, "The response was filtered due to the prompt triggering "
               "Azure OpenAI's content management policy.",
          NGX_LLM_FAIL_CONTENT },
        { 400, "Output blocked by content filtering policy",
          NGX_LLM_FAIL_CONTENT },
        { 400, "unknown parameter: foo", NGX_LLM_FAIL_REQUEST },
        { 400, "", NGX_LLM_FAIL_REQUEST },
        { 429, "too many tokens per minute, max 30000",
          NGX_LLM_FAIL_RATE_LIMIT },
        { 401, "prompt is too long", NGX_LLM_FAIL_AUTH },
        { 503, "prompt is too long", NGX_LLM_FAIL_OVERLOADED },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_case = cases[i].text;
        s = test_copy(cases[i].text, strlen(cases[i].text));

        ngx_memzero(&err, sizeof(ngx_llm_error_t));
        ngx_llm_error_status(&err, cases[i].status);
        ngx_llm_error_text(&err, &s);

        test_int(err.fail, cases[i].fail);

        if (cases[i].fail == NGX_LLM_FAIL_CONTEXT) {
            test_int(err.status, 400);
            test_str(err.type, "invalid_request_error");
            test_str(err.code, "context_length_exceeded");
        }

        if (cases[i].fail == NGX_LLM_FAIL_CONTENT) {
            test_int(err.status, 400);
            test_str(err.code, "content_filter");
        }

        free(s.data);
    }
}


static void
test_body(void)
{
    size_t           i, n;
    ngx_str_t        s, message;
    ngx_llm_json_t  *node;
    ngx_llm_out_t    out;
    ngx_str_t        quoted;

    static struct {
        const char  *text;
        const char  *message;
    } cases[] = {
        { "", "provider answered with status 500" },
        { " \r\n\t ", "provider answered with status 500" },
        { "oops", "provider answered with status 500: oops" },
        { "  a \"b\"\n\n c\\d\x01\x7f" "e \n",
          "provider answered with status 500: a \\\"b\\\" c\\\\d e" },
        { "\xff\xc3\xa4", "provider answered with status 500: "
          "\xef\xbf\xbd\xc3\xa4" },
        { "\n<!DOCTYPE html><html>502", "provider answered with status 500" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_reset();
        test_case = cases[i].message;
        s = test_copy(cases[i].text, strlen(cases[i].text));

        message = ngx_llm_error_body(test_pool, 500, &s);
        test_str(message, cases[i].message);

        free(s.data);
    }

    /* cut, at a character's end, and good inside of a JSON string */

    for (n = 0; n < 4; n++) {

        test_case = "long";
        test_reset();

        s.len = 100000;
        s.data = malloc(s.len);

        if (!test_ok(s.data != NULL)) {
            return;
        }

        memset(s.data, 'x', s.len);

        for (i = n; i + 4 < s.len; i += 4) {
            ngx_memcpy(s.data + i, "\xf0\x9f\x98\x80", 4);
        }

        message = ngx_llm_error_body(test_pool, 500, &s);

        test_ok(message.len < 320);
        test_ok(test_has(message, "\x80..."));
        test_ok(!test_has(message, "\xef\xbf\xbd"));

        /* the worst that there is to escape */

        memset(s.data, '"', s.len);
        message = ngx_llm_error_body(test_pool, 500, &s);
        test_ok(test_has(message, "\\\"..."));

        memset(s.data, 0xff, s.len);
        message = ngx_llm_error_body(test_pool, 500, &s);

        ngx_llm_out_init(&out, test_pool, NULL, 0, 10000);
        ngx_llm_out_quoted(&out, &message);
        quoted.data = out.start;
        quoted.len = ngx_llm_out_len(&out);

        node = ngx_llm_json_parse(test_pool, &quoted, NULL);
        test_ok(node != NULL && node->type == NGX_LLM_JSON_STRING);

        free(s.data);
    }

    s = test_string("x");
    ngx_stubs_fail = 1;
    message = ngx_llm_error_body(test_pool, 500, &s);
    test_str(message, "provider answered with an error");
    test_int(ngx_stubs_fail, 0);
}
