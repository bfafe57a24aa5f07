
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_calls.h"

#include <math.h>
#include <stdlib.h>


static void test_floats(void);
static void test_float(const char *text);
static void test_round(void);
static void test_random(void);
static void test_decode(void);
static void test_parse(void);
static void test_many(void);
static void test_parsed(const char *text, ngx_uint_t n, const char *first);


int
main(void)
{
    test_floats();
    test_round();
    test_random();
    test_decode();
    test_parse();
    test_many();

    return test_done("embed");
}


static uint32_t
test_bits(float value)
{
    uint32_t  bits;

    ngx_memcpy(&bits, &value, sizeof(uint32_t));

    return bits;
}


/* the C library is the judge */

static void
test_float(const char *text)
{
    float       value, want;
    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t   s;

    test_case = text;

    s = test_string(text);
    p = s.data;
    want = strtof(text, NULL);

    rc = ngx_llm_vector_float(&p, s.data + s.len, &value);

    test_int(rc, isfinite(want) ? NGX_OK : NGX_DECLINED);
    test_ok(p == s.data + ngx_strlen(text) - 1);

    if (rc == NGX_OK) {
        test_int(test_bits(value), test_bits(want));
    }
}


static void
test_floats(void)
{
    ngx_uint_t  i;

    static const char  *texts[] = {
        "0]", "-0]", "0.0]", "-0.0e5]", "1]", "-1]", "0.1]", "0.25]",
        "16777217]", "16777219]", "1.00000017881393432617187499]",
        "1.00000017881393432617187500]", "1.00000017881393432617187501]",
        "0.000000059604644775390625]", "3.4028234e38]",
        "3.4028235677973366e38]",
        "3.4028236e38]", "1e39]", "-1e39]", "1e999]", "1e-45]", "7e-46]",
        "1e-400]", "1.17549435e-38]", "1.1754942e-38]", "123456789012345]",
        "1234567890123456]", "12345678901234567890]", "1E5]", "1e+5]",
        "1e-5]", "0.000000000000000000000000001]", "1e22]", "1e23]",
        "0.00000000000000000000001234]", "9007199254740993]", NULL
    };

    for (i = 0; texts[i]; i++) {
        test_reset();
        test_float(texts[i]);
    }
}


/* a float, as nine digits, is the same float */

static void
test_round(void)
{
    char        text[64];
    float       value;
    uint32_t    bits, n;
    ngx_uint_t  i;

    n = 1;

    for (i = 0; i < 20000; i++) {
        n = n * 1664525 + 1013904223;
        bits = n;

        ngx_memcpy(&value, &bits, sizeof(float));

        if (!isfinite(value)) {
            continue;
        }

        test_reset();

        (void) snprintf(text, sizeof(text), "%.9g]", (double) value);
        test_float(text);

        (void) snprintf(text, sizeof(text), "%.17g]", (double) value);
        test_float(text);
    }
}


/* as embeddings are written: up to 15 digits, also in the middle of two */

static void
test_random(void)
{
    char        text[64];
    float       next, value;
    double      middle;
    uint32_t    n, bits;
    ngx_uint_t  i;

    n = 7;

    for (i = 0; i < 20000; i++) {
        n = n * 1664525 + 1013904223;

        test_reset();

        (void) snprintf(text, sizeof(text), "%s0.0%u]", (n & 1) ? "-" : "",
                        n >> 3);
        test_float(text);

        bits = 0x3d000000 + (n >> 8);
        ngx_memcpy(&value, &bits, sizeof(float));

        bits++;
        ngx_memcpy(&next, &bits, sizeof(float));

        middle = ((double) value + (double) next) / 2;

        (void) snprintf(text, sizeof(text), "%.15g]", middle);
        test_float(text);

        (void) snprintf(text, sizeof(text), "%.40g]", middle);
        test_float(text);
    }
}


static void
test_decode(void)
{
    ngx_uint_t        i;
    ngx_llm_out_t     out;
    ngx_llm_vector_t  vector;

    static struct {
        const char  *text;
        ngx_int_t    rc;
        const char  *want;
    }  cases[] = {
        { "AACAPgAAgL8=", NGX_OK, "[0.25,-1]" },
        { "", NGX_OK, "[]" },
        { "AACAPw", NGX_OK, "[1]" },
        { "AACA", NGX_DECLINED, NULL },
        { "AAC?Pw==", NGX_DECLINED, NULL },
        { "AADAfw==", NGX_DECLINED, NULL },
        { "AACAfw==", NGX_DECLINED, NULL },
        { NULL, NGX_OK, NULL }
    };

    for (i = 0; cases[i].text; i++) {
        test_case = cases[i].text;
        test_reset();

        vector.text = test_string(cases[i].text);
        vector.base64 = 1;

        ngx_llm_out_init(&out, test_pool, NULL, 0, 65536);

        test_int(ngx_llm_vector_write(&vector, 0, &out), cases[i].rc);

        if (cases[i].want) {
            ngx_str_t  got;

            got.data = out.start;
            got.len = ngx_llm_out_len(&out);

            test_str(got, cases[i].want);
        }
    }
}


static void
test_parsed(const char *text, ngx_uint_t n, const char *first)
{
    ngx_str_t                s;
    ngx_llm_json_t          *root;
    ngx_llm_vector_t        *found;
    ngx_llm_embed_answer_t   answer;

    test_case = text;
    test_reset();

    s = test_string(text);

    test_int(ngx_llm_embed_answer_init(&answer, test_pool, 4), NGX_OK);

    root = ngx_llm_embed_parse(&answer, &s);

    if (first == NULL) {
        test_ok(root == NULL);

        /* nothing at all */

        ngx_str_null(&s);
        test_ok(ngx_llm_embed_parse(&answer, &s) == NULL);

        return;
    }

    test_ok(root != NULL);
    test_int(answer.found.nelts, n);

    found = answer.found.elts;

    if (n) {
        test_str(found[0].text, first);
    }
}


static void
test_parse(void)
{
    test_parsed("{\"a\":[1,2],\"b\":[[3],[4e5]]}", 3, "[1,2]");
    test_parsed("{\"a\":[ 1 , -2.5E-3\n]}", 1, "[ 1 , -2.5E-3\n]");
    test_parsed("{\"a\":[]}", 0, "");
    test_parsed("{\"a\":\"[1,2]\",\"b\":\"x\\\"[3]\"}", 0, "");
    test_parsed("{\"a\":[1,\"x\"]}", 0, "");
    test_parsed("{\"a\":\"" "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlq"
                "a2xtbm9wcXJzdHV2d3g=" "\"}", 1,
                "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJz"
                "dHV2d3g=");

    /* a name that looks like one */

    test_parsed("{\"" "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlq"
                "a2xtbm9wcXJzdHV2d3g=" "\" : [7]}", 1, "[7]");

    test_parsed("{\"a\":[01]}", 0, NULL);
    test_parsed("{\"a\":[1.]}", 0, NULL);
    test_parsed("{\"a\":[.5]}", 0, NULL);
    test_parsed("{\"a\":[1e]}", 0, NULL);
    test_parsed("{\"a\":[1,]}", 0, NULL);
    test_parsed("{\"a\":[1 2]}", 0, NULL);
    test_parsed("{\"a\":[1", 0, NULL);
    test_parsed("{\"a\":[1,2]", 0, NULL);
    test_parsed("[1,2", 0, NULL);
    test_parsed("\"abc\\", 0, NULL);
    test_parsed("", 0, NULL);
}


/* a provider may send any number of vectors, but not for nothing */

static void
test_many(void)
{
    u_char                  *p;
    ngx_str_t                s;
    ngx_uint_t               i, n;
    ngx_llm_embed_answer_t   answer;

    for (i = 0; i < 2; i++) {
        test_reset();
        test_case = i ? "too many" : "as many";

        n = NGX_LLM_EMBED_FOUND + i;

        s.data = ngx_pnalloc(test_pool, n * 4 + 2);
        p = s.data;
        *p++ = '[';

        while (n--) {
            p = ngx_cpymem(p, "[1],", 4);
        }

        p[-1] = ']';
        s.len = p - s.data;

        test_int(ngx_llm_embed_answer_init(&answer, test_pool, 1), NGX_OK);
        test_ok((ngx_llm_embed_parse(&answer, &s) != NULL) == (i == 0));
        test_ok(answer.found.nelts == NGX_LLM_EMBED_FOUND);
    }
}
