
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Members that stream by, cut at every byte.
 */


#include "test.h"
#include "ngx_llm_meter.h"


static u_char      test_told[65536];
static size_t      test_told_len;

static char  *test_names[] = { "usage", "model", NULL };


static ngx_int_t test_member(void *data, ngx_uint_t name, ngx_str_t *raw);
static void test_meter(const char *text, ngx_uint_t depth, ngx_uint_t sse,
    const char *told, ngx_uint_t odd);
static void test_long(void);


int
main(void)
{
    test_meter("{\"usage\":{\"a\":1}}", 1, 0, "usage={\"a\":1};", 0);
    test_meter(" {\"a\":[1,{\"usage\":2}],\"usage\" : 3 ,\"b\":\"\"}", 1, 0,
               "usage=3;", 0);
    test_meter("{\"a\":{\"usage\":2},\"usage\":\"x,}\\\"\"}", 1, 0,
               "usage=\"x,}\\\"\";", 0);
    test_meter("{\"a\":{\"usage\":2}}", 2, 0, "usage=2;", 0);
    test_meter("{\"a\":[{\"usage\":2}]}", 2, 0, "", 0);
    test_meter("{\"a\":[{\"usage\":2}]}", 3, 0, "usage=2;", 0);
    test_meter("{\"usage\":{\"usage\":1,\"model\":2},\"model\":\"m\"}", 3, 0,
               "usage={\"usage\":1,\"model\":2};model=\"m\";", 0);
    test_meter("{\"usage\":[[1,2],[3]],\"model\":null}", 1, 0,
               "usage=[[1,2],[3]];model=null;", 0);
    test_meter("{\"x\":\"\\\"usage\\\":1\",\"y\":\"usage\",\"model\":1}", 1, 0,
               "model=1;", 0);
    test_meter("{\"x\":[\"usage\",\"model\"]}", 1, 0, "", 0);
    test_meter("{\"model\":1,\"model\":2}", 1, 0, "model=1;model=2;", 0);
    test_meter("{\"m\\u006fdel\":1}", 1, 0, "", 1);
    test_meter("{\"a\":{\"m\\u006fdel\":1},\"model\":2}", 1, 0, "model=2;", 0);
    test_meter("[{\"model\":1}]", 9, 0, "", 0);
    test_meter("\"model\"", 9, 0, "", 0);
    test_meter("", 9, 0, "", 0);
    test_meter("{}", 9, 0, "", 0);
    test_meter("{\"model\":1} {\"model\":2}", 9, 0, "model=1;", 0);
    test_meter("}}}]]]", 9, 0, "", 0);
    test_meter("{}}}{\"model\":1}", 9, 0, "", 0);

    test_meter("data: {\"usage\":1}\n\ndata:{\"usage\":2}\r\n\r\n", 1, 1,
               "usage=1;usage=2;", 0);
    test_meter("event: x\ndata: {\"usage\":1\n\ndata: {\"usage\":2}\n", 1, 1,
               "usage=2;", 0);
    test_meter(": data: {\"usage\":1}\nxdata: {\"usage\":1}\nda\ndata: [DONE]\n"
               "data: {\"model\":7}", 1, 1, "model=7;", 0);

    test_long();

    return test_done("meter");
}


static ngx_int_t
test_member(void *data, ngx_uint_t name, ngx_str_t *raw)
{
    u_char  *p;

    p = ngx_snprintf(test_told + test_told_len,
                     sizeof(test_told) - test_told_len, "%s=%V;",
                     test_names[name], raw);

    test_told_len = p - test_told;

    return NGX_OK;
}


static void
test_meter(const char *text, ngx_uint_t depth, ngx_uint_t sse,
    const char *told, ngx_uint_t odd)
{
    u_char           *copy;
    size_t            i, n, len, step, from;
    ngx_str_t         got;
    ngx_llm_meter_t   meter;

    len = strlen(text);

    for (i = 0; i <= len; i++) {

        test_reset();
        test_case = text;
        test_told_len = 0;

        ngx_llm_meter_init(&meter, test_pool, test_names, depth, sse);
        meter.handler = test_member;

        step = (i == len) ? 1 : len;

        /* after another text that was cut anywhere */

        test_int(ngx_llm_meter_feed(&meter, (u_char *) text,
                                    (u_char *) text + i), NGX_OK);
        ngx_llm_meter_reset(&meter);
        meter.odd = 0;
        test_told_len = 0;

        for (from = 0, n = i; from < len || n == 0; from += n, n = step) {

            n = ngx_min(n, len - from);
            copy = malloc(n + 1);
            memcpy(copy, text + from, n);

            test_int(ngx_llm_meter_feed(&meter, copy, copy + n), NGX_OK);

            free(copy);

            if (from + n >= len) {
                break;
            }
        }

        got.data = test_told;
        got.len = test_told_len;

        test_str(got, told);
        test_int(meter.odd, odd);
    }
}


static void
test_long(void)
{
    u_char           *text, *p;
    ngx_str_t         got;
    ngx_uint_t        i;
    ngx_llm_meter_t   meter;

    for (i = 0; i < 2; i++) {

        test_reset();
        test_case = i ? "longer than a value may be" : "as long";
        test_told_len = 0;

        text = ngx_pnalloc(test_pool, NGX_LLM_METER_VALUE + 64);

        p = ngx_sprintf(text, "{\"model\":\"");
        ngx_memset(p, 'x', NGX_LLM_METER_VALUE - 2 + i);
        p = ngx_sprintf(p + NGX_LLM_METER_VALUE - 2 + i, "\",\"usage\":1}");

        ngx_llm_meter_init(&meter, test_pool, test_names, 1, 0);
        meter.handler = test_member;

        test_int(ngx_llm_meter_feed(&meter, text, p), NGX_OK);
        test_int(meter.odd, i);

        got.data = test_told;
        got.len = test_told_len;

        if (i) {
            test_str(got, "usage=1;");

        } else {
            test_int(got.len, sizeof("model=;usage=1;") - 1
                              + NGX_LLM_METER_VALUE);
        }
    }

    /* deeper than is followed, and back */

    test_reset();
    test_case = "deep";
    test_told_len = 0;

    text = ngx_pnalloc(test_pool, 4096);
    p = ngx_sprintf(text, "{\"a\":");

    for (i = 0; i < 200; i++) {
        p = ngx_sprintf(p, "[{\"model\":");
    }

    *p++ = '1';

    for (i = 0; i < 200; i++) {
        p = ngx_sprintf(p, "}]");
    }

    p = ngx_sprintf(p, ",\"model\":2}");

    ngx_llm_meter_init(&meter, test_pool, test_names, 1, 0);
    meter.handler = test_member;

    test_int(ngx_llm_meter_feed(&meter, text, p), NGX_OK);

    got.data = test_told;
    got.len = test_told_len;

    test_str(got, "model=2;");
}
