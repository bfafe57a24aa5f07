
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_schema.h"


static void test_schemas(void);
static void test_bombs(void);
static size_t test_write(char *text, ngx_uint_t copied, ngx_uint_t *cut);


static const ngx_llm_schema_keyword_t  test_keywords[] = {
    { "oneOf", NGX_LLM_SCHEMA_ONE, "anyOf" },
    { "anyOf", NGX_LLM_SCHEMA_ONE, NULL },
    { "items", NGX_LLM_SCHEMA_ONE, NULL },
    { "properties", NGX_LLM_SCHEMA_MANY, NULL },
    { "$defs", NGX_LLM_SCHEMA_MANY, NULL },
    { "format", NGX_LLM_SCHEMA_WORD, NULL },
    { "pattern", NGX_LLM_SCHEMA_PATTERN, NULL },
    { "minimum", NGX_LLM_SCHEMA_CUT, NULL },
    { NULL, NGX_LLM_SCHEMA_COPY, NULL }
};


static char  *test_words[] = { "date", NULL };

static ngx_llm_out_t  test_written;


int
main(void)
{
    test_schemas();
    test_bombs();

    return test_done("schema");
}


static void
test_schemas(void)
{
    ngx_uint_t  cut, i;

    static struct {
        ngx_uint_t   copied;
        char        *text;
        char        *want;
        ngx_uint_t   cut;
    } cases[] = {
        { 0, "{}", "{}", 0 },
        { 0, "true", "true", 0 },
        { 0, "{\"type\":\"object\",\"x\":[1, 2]}",
          "{\"type\":\"object\",\"x\":[1, 2]}", 0 },
        { 0, "{\"minimum\":1,\"type\":\"integer\"}",
          "{\"type\":\"integer\"}", 1 },
        { 0, "{\"properties\":{\"minimum\":{\"minimum\":1}}}",
          "{\"properties\":{\"minimum\":{}}}", 1 },
        { 0, "{\"oneOf\":[{\"minimum\":1},{}]}", "{\"anyOf\":[{},{}]}", 1 },
        { 0, "{\"oneOf\":[{}],\"anyOf\":[{}]}", "{\"anyOf\":[{}]}", 1 },
        { 0, "{\"format\":\"date\"}", "{\"format\":\"date\"}", 0 },
        { 0, "{\"format\":\"uri\"}", "{}", 1 },
        { 0, "{\"format\":1}", "{}", 1 },
        { 0, "{\"pattern\":\"a+\"}", "{\"pattern\":\"a+\"}", 0 },
        { 0, "{\"pattern\":\"^a\"}", "{}", 1 },
        { 0, "{\"pattern\":\"a(?=b)\"}", "{}", 1 },
        { 0, "{\"$ref\":\"#/x\"}", "{\"$ref\":\"#/x\"}", 0 },
        { 0, "{\"\\u0061\\\"\":1}", "{\"a\\\"\":1}", 0 },

        { 1, "{\"$defs\":{\"A\":{\"type\":\"string\"}},"
             "\"items\":{\"$ref\":\"#/$defs/A\"}}",
          "{\"items\":{\"type\":\"string\"}}", 0 },
        { 1, "{\"items\":{\"$ref\":\"#/items/x/1\",\"x\":[1,{\"a\":2}]}}",
          "{\"items\":{\"a\":2,\"x\":[1,{\"a\":2}]}}", 0 },
        { 1, "{\"$ref\":\"#\"}", "{\"type\":\"object\"}", 1 },
        { 1, "{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"$ref\":"
             "\"#/$defs/B\"},\"B\":{\"$ref\":\"#/$defs/A\"}}}",
          "{\"type\":\"object\"}", 1 },
        { 1, "{\"a\":1,\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"a\":2,"
             "\"b\":3}}}",
          "{\"a\":1,\"b\":3}", 0 },
        { 1, "{\"allOf\":[{\"a\":1}]}", "{\"a\":1}", 0 },
        { 1, "{\"allOf\":[{\"a\":1},{}]}", "{\"allOf\":[{\"a\":1},{}]}", 0 },
        { 1, "{\"$ref\":\"\"}", "{}", 1 },
        { 1, "{\"$ref\":1}", "{}", 1 },
        { 1, "{\"$ref\":\"#x\"}", "{}", 1 },
        { 1, "{\"$ref\":\"#/$defs/A/0/\"}", "{}", 1 },
        { 0, NULL, NULL, 0 }
    };

    for (i = 0; cases[i].text; i++) {

        test_case = cases[i].text;

        (void) test_write(cases[i].text, cases[i].copied, &cut);

        test_out(test_written, cases[i].want);
        test_int(cut, cases[i].cut);
    }
}


static size_t
test_write(char *text, ngx_uint_t copied, ngx_uint_t *cut)
{
    ngx_str_t          s;
    ngx_pool_t        *pool;
    ngx_llm_schema_t   schema;

    pool = test_reset();
    s = test_string(text);

    ngx_memzero(&schema, sizeof(ngx_llm_schema_t));
    ngx_llm_out_init(&test_written, pool, NULL, 0, NGX_MAX_INT32_VALUE);

    schema.keywords = test_keywords;
    schema.words = test_words;
    schema.copied = copied;
    schema.out = &test_written;
    schema.root = ngx_llm_json_parse(pool, &s, NULL);

    if (!test_ok(schema.root != NULL)) {
        return 0;
    }

    ngx_llm_schema_write(&schema);

    test_ok(!test_written.failed);

    s.data = test_written.start;
    s.len = ngx_llm_out_len(&test_written);

    test_ok(ngx_llm_json_parse(pool, &s, NULL) != NULL);

    *cut = schema.cut;

    return s.len;
}


/* each level doubles the next, and one holds a lot */

static void
test_bombs(void)
{
    char        *text, *p;
    size_t       len;
    ngx_uint_t   cut, i;

    test_case = "bombs";

    text = malloc(200000);

    p = text + sprintf(text, "{\"$ref\":\"#/$defs/a0\",\"$defs\":{");

    for (i = 0; i < 30; i++) {
        p += sprintf(p, "\"a%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/a%d\"},"
                     "{\"$ref\":\"#/$defs/a%d\"}]},",
                     (int) i, (int) i + 1, (int) i + 1);
    }

    (void) sprintf(p, "\"a30\":{\"type\":\"null\"}}}");

    len = test_write(text, 1, &cut);

    test_ok(len > 1000 && len < 300000);
    test_int(cut, 1);

    p = text + sprintf(text, "{\"$defs\":{\"a\":{\"x\":\"");

    ngx_memset(p, 'x', 100000);
    p += 100000;

    p += sprintf(p, "\"}},\"anyOf\":[{}");

    for (i = 0; i < 1000; i++) {
        p += sprintf(p, ",{\"$ref\":\"#/$defs/a\"}");
    }

    (void) sprintf(p, "]}");

    len = test_write(text, 1, &cut);

    test_ok(len > 100000 && len < 1000000);
    test_int(cut, 1);

    /* depth */

    p = text;

    for (i = 0; i < 60; i++) {
        p += sprintf(p, "{\"items\":");
    }

    p += sprintf(p, "{}");

    for (i = 0; i < 60; i++) {
        *p++ = '}';
    }

    *p = '\0';

    (void) test_write(text, 0, &cut);
    test_int(cut, 1);

    free(text);
}
