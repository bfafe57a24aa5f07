
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_json.h"


typedef struct {
    const char  *text;
    const char  *error;
} test_bad_t;


static const char  *test_sample =
    " {\"model\" : \"gpt\\u002d4\",\n\t\"n\":-12.50e+3 , \"a\":[1,[],{},"
    "[{\"x\":null}],true , false],\"s\":\"a\\\"b\\\\\",\"\\u0065\":\"\","
    "\"u\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}\r\n ";


static test_bad_t  test_bad[] = {
    { "", "empty text" },
    { " ", "unexpected end of text at byte 1" },
    { "{", "unexpected end of text at byte 1" },
    { "[1,2", "unexpected end of text at byte 4" },
    { "\"abc", "unexpected end of text at byte 4" },
    { "{\"a\":\"x", "unexpected end of text at byte 7" },
    { "tru", "unexpected end of text at byte 3" },
    { "-", "unexpected end of text at byte 1" },
    { "1.", "unexpected end of text at byte 2" },
    { "{\"a\":\"\xff\"}", "invalid UTF-8 at byte 6" },
    { "\"\xc0\x80\"", "invalid UTF-8 at byte 1" },
    { "\"\xc1\xbf\"", "invalid UTF-8 at byte 1" },
    { "\"\xe0\x9f\xbf\"", "invalid UTF-8 at byte 1" },
    { "\"\xed\xa0\x80\"", "invalid UTF-8 at byte 1" },
    { "\"\xf0\x8f\xbf\xbf\"", "invalid UTF-8 at byte 1" },
    { "\"\xf4\x90\x80\x80\"", "invalid UTF-8 at byte 1" },
    { "\"\xf5\x80\x80\x80\"", "invalid UTF-8 at byte 1" },
    { "\"\xe2\x82\"", "invalid UTF-8 at byte 1" },
    { "\"\x80\"", "invalid UTF-8 at byte 1" },
    { "\"abcdefghijklmnopqrst\xe2\x82", "invalid UTF-8 at byte 21" },
    { "\v{}", "invalid char at byte 0" },
    { "{}\f", "invalid char at byte 2" },
    { "[1,\v2]", "invalid char at byte 3" },
    { "[1\v]", "invalid char at byte 2" },
    { "{\v\"a\":1}", "invalid char at byte 1" },
    { "{\"a\":\v1}", "invalid char at byte 5" },
    { "{\"a\":1}x", NULL },
    { "{} {}", NULL },
    { "1 2", NULL },
    { "[1,]", NULL },
    { "[,1]", NULL },
    { "[1 2]", NULL },
    { "{\"a\"}", NULL },
    { "{\"a\":}", NULL },
    { "{\"a\":1,}", NULL },
    { "{,}", NULL },
    { "{a:1}", NULL },
    { "{\"a\" 1}", NULL },
    { "{1:1}", NULL },
    { "[1}", NULL },
    { "{\"a\":1]", NULL },
    { "]", NULL },
    { "}", NULL },
    { "01", NULL },
    { "+1", NULL },
    { ".5", NULL },
    { "1.e5", NULL },
    { "[1e]", NULL },
    { "[--1]", NULL },
    { "[0x1]", NULL },
    { "NaN", NULL },
    { "[Infinity]", NULL },
    { "[TRUE]", NULL },
    { "[nul]", NULL },
    { "[truex]", NULL },
    { "'a'", NULL },
    { "\"\\x\"", NULL },
    { "\"\\u12g4\"", NULL },
    { "\"\\u123\"", NULL },
    { "\"a\nb\"", NULL },
    { "\"a\tb\"", NULL },
    { "\"\x01\"", NULL },
    { "// x\n1", NULL },
    { "/* x */ 1", NULL },
    { "\xef\xbb\xbf{}", NULL },
    { NULL, NULL }
};


static void test_accept(void);
static void test_reject(void);
static void test_places(void);
static void test_tree(void);
static void test_limits(void);
static void test_cut(void);
static void test_plain(void);
static void test_names(void);
static void test_numbers(void);
static void test_duplicates(void);
static void test_end(void);
static void test_end_splits(const char *text, ngx_int_t want, size_t behind);
static void test_memory(void);
static ngx_llm_json_t *test_parse(const char *text);
static ngx_uint_t test_walk(ngx_llm_json_t *node, ngx_str_t *text);


int
main(void)
{
    test_accept();
    test_reject();
    test_places();
    test_tree();
    test_limits();
    test_cut();
    test_plain();
    test_names();
    test_numbers();
    test_duplicates();
    test_end();
    test_memory();

    return test_done("json");
}


static ngx_llm_json_t *
test_parse(const char *text)
{
    ngx_str_t  s;

    test_case = text;
    s = test_string(text);

    return ngx_llm_json_parse(test_pool, &s, NULL);
}


/* nodes of the tree; their slices must lie in the text, in order */

static ngx_uint_t
test_walk(ngx_llm_json_t *node, ngx_str_t *text)
{
    u_char           first;
    ngx_uint_t       n;
    ngx_llm_json_t  *child;

    n = 1;
    first = node->raw.data[0];

    test_ok(node->raw.data >= text->data
            && node->raw.len > 0
            && node->raw.data + node->raw.len <= text->data + text->len);
    test_ok(node->begin <= node->raw.data && node->begin >= text->data);

    switch (node->type) {

    case NGX_LLM_JSON_OBJECT:
        test_ok(first == '{' && node->raw.data[node->raw.len - 1] == '}');
        break;

    case NGX_LLM_JSON_ARRAY:
        test_ok(first == '[' && node->raw.data[node->raw.len - 1] == ']');
        break;

    case NGX_LLM_JSON_STRING:
        test_ok(first == '"' && node->raw.data[node->raw.len - 1] == '"');
        break;

    default:
        test_ok(node->child == NULL);
        break;
    }

    for (child = node->child; child; child = child->next) {

        test_ok(child->begin > node->raw.data
                && child->raw.data + child->raw.len
                   < node->raw.data + node->raw.len);

        if (node->type == NGX_LLM_JSON_OBJECT) {
            test_ok(*child->begin == '"' && child->begin < child->raw.data
                    && child->key.data != NULL);

        } else {
            test_ok(child->begin == child->raw.data
                    && child->key.data == NULL);
        }

        if (child->next) {
            test_ok(child->next->begin >= child->raw.data + child->raw.len);
        }

        n += test_walk(child, &node->raw);
    }

    return n;
}


static void
test_accept(void)
{
    size_t           i;
    ngx_str_t        s;
    ngx_llm_json_t  *node;

    static struct {
        const char           *text;
        ngx_llm_json_type_e   type;
        const char           *raw;
    } good[] = {
        { "null", NGX_LLM_JSON_NULL, "null" },
        { " true ", NGX_LLM_JSON_TRUE, "true" },
        { "false", NGX_LLM_JSON_FALSE, "false" },
        { "0", NGX_LLM_JSON_NUMBER, "0" },
        { "-0.0e-10\n", NGX_LLM_JSON_NUMBER, "-0.0e-10" },
        { "12345678901234567890123", NGX_LLM_JSON_NUMBER,
          "12345678901234567890123" },
        { "\t1E400", NGX_LLM_JSON_NUMBER, "1E400" },
        { "\"\"", NGX_LLM_JSON_STRING, "\"\"" },
        { " \"a b\" ", NGX_LLM_JSON_STRING, "\"a b\"" },
        { "\"\\u0000\\/\\b\\f\\n\\r\\t\\\\\\\"\"", NGX_LLM_JSON_STRING,
          "\"\\u0000\\/\\b\\f\\n\\r\\t\\\\\\\"\"" },
        { "\"\\ud800\"", NGX_LLM_JSON_STRING, "\"\\ud800\"" },
        { "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\x7f\"",
          NGX_LLM_JSON_STRING,
          "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\x7f\"" },
        { "[]", NGX_LLM_JSON_ARRAY, "[]" },
        { " [ ] ", NGX_LLM_JSON_ARRAY, "[ ]" },
        { "{}", NGX_LLM_JSON_OBJECT, "{}" },
        { "\r\n{ }\r\n", NGX_LLM_JSON_OBJECT, "{ }" },
        { "[[[[1]],2],3]", NGX_LLM_JSON_ARRAY, "[[[[1]],2],3]" },
        { "{\"\":{\"\":\"\"}}", NGX_LLM_JSON_OBJECT, "{\"\":{\"\":\"\"}}" },
        { "[\"a string of more than twenty-four bytes, \\\\\", \"\\\"\"]",
          NGX_LLM_JSON_ARRAY,
          "[\"a string of more than twenty-four bytes, \\\\\", \"\\\"\"]" },
    };

    test_reset();

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {

        test_case = good[i].text;
        s = test_copy(good[i].text, strlen(good[i].text));

        node = ngx_llm_json_parse(test_pool, &s, NULL);

        if (test_ok(node != NULL)) {
            test_int(node->type, good[i].type);
            test_str(node->raw, good[i].raw);
            test_ok(node->next == NULL);
            test_walk(node, &s);
        }

        free(s.data);
    }
}


static void
test_reject(void)
{
    ngx_str_t             s;
    test_bad_t           *bad;
    ngx_llm_json_conf_t   conf;

    for (bad = test_bad; bad->text; bad++) {

        test_reset();
        test_case = bad->text;

        s = test_copy(bad->text, strlen(bad->text));

        ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));

        test_ok(ngx_llm_json_parse(test_pool, &s, &conf) == NULL);
        test_ok(ngx_llm_json_parse(test_pool, &s, NULL) == NULL);
        test_ok(conf.error.len > 0 && conf.error.len < 120);

        if (bad->error) {
            test_str(conf.error, bad->error);
        }

        free(s.data);
    }

    /* NUL within, and behind the value */

    test_case = "NUL";

    s.data = (u_char *) "{\"a\":\0001}";
    s.len = 8;
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) == NULL);

    s.data = (u_char *) "\"a\0b\"";
    s.len = 5;
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) == NULL);

    s.data = (u_char *) "{}\0";
    s.len = 3;
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) == NULL);

    s.len = 2;
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) != NULL);

    /* a message of yajl's, with its place */

    test_case = "text";
    s = test_string("{\"a\":1,}");
    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));
    (void) ngx_llm_json_parse(test_pool, &s, &conf);
    test_str(conf.error, "invalid object key (must be a string) at byte 8");
}


/* what is special in a string is seen wherever it stands in it */

static void
test_places(void)
{
    char         what[80];
    size_t       n, len;
    ngx_str_t    s;
    ngx_uint_t   i, escaped;

    static struct {
        const char  *text;
        size_t       len;
        unsigned     good:1;
    } odd[] = {
        { "\x7f", 1, 1 },
        { "\xc3\xa9", 2, 1 },
        { "\\n", 2, 1 },
        { "\\\"", 2, 1 },
        { "\\u00e9", 6, 1 },
        { "\0", 1, 0 },
        { "\n", 1, 0 },
        { "\x1f", 1, 0 },
        { "\"", 1, 0 },
        { "\\x", 2, 0 },
        { "\xff", 1, 0 },
        { "\x80", 1, 0 },
        { "\xc3", 1, 0 }
    };

    test_case = "places";

    for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        for (len = 0; len < 50; len++) {
            for (n = 0; n <= len; n++) {

                memset(what, 'a', sizeof(what));
                memcpy(what + n, odd[i].text, odd[i].len);
                what[len + odd[i].len] = '"';

                s = test_copy(what, len + odd[i].len + 1);

                escaped = 7;

                test_ok((ngx_llm_json_string(s.data, s.data + s.len, &escaped)
                         == s.data + s.len - 1)
                        == odd[i].good);

                if (odd[i].good) {
                    test_int(escaped, odd[i].text[0] == '\\');
                }

                free(s.data);
            }
        }
    }
}


static void
test_tree(void)
{
    ngx_str_t        s, t;
    ngx_llm_json_t  *root, *node;

    test_reset();
    test_case = "sample";

    s = test_copy(test_sample, strlen(test_sample));
    root = ngx_llm_json_parse(test_pool, &s, NULL);

    if (!test_ok(root != NULL)) {
        free(s.data);
        return;
    }

    test_int(test_walk(root, &s), 15);

    node = ngx_llm_json_get(root, "model");
    test_ok(node == root->child);
    test_ok(node->escaped);
    test_str(node->raw, "\"gpt\\u002d4\"");
    test_int(node->begin - s.data, 2);

    t = ngx_llm_json_text(node);
    test_str(t, "gpt\\u002d4");

    t = ngx_llm_json_plain(test_pool, &t);
    test_str(t, "gpt-4");

    test_str(ngx_llm_json_get(root, "n")->raw, "-12.50e+3");

    node = ngx_llm_json_get(root, "a");
    test_str(node->raw, "[1,[],{},[{\"x\":null}],true , false]");
    test_int(node->child->type, NGX_LLM_JSON_NUMBER);
    test_int(node->child->next->type, NGX_LLM_JSON_ARRAY);
    test_int(node->child->next->next->type, NGX_LLM_JSON_OBJECT);
    test_int(node->child->next->next->next->next->type, NGX_LLM_JSON_TRUE);

    node = node->child->next->next->next->child;
    test_ok(ngx_llm_json_get(node, "x") != NULL);
    test_ok(ngx_llm_json_set(node, "x") == NULL);

    /* a key with an escape is plain */

    test_str(ngx_llm_json_str(root, "e"), "");
    test_str(ngx_llm_json_get(root, "e")->key, "e");
    test_ok(ngx_llm_json_get(root, "\\u0065") == NULL);

    node = ngx_llm_json_get(root, "u");
    test_ok(!node->escaped);
    test_ok(node->next == NULL);

    test_str(ngx_llm_json_str(root, "a"), NULL);
    test_str(ngx_llm_json_str(root, "none"), NULL);
    test_ok(ngx_llm_json_get(root, "mode") == NULL);
    test_ok(ngx_llm_json_get(root, "model4") == NULL);
    test_ok(ngx_llm_json_get(node, "x") == NULL);
    test_ok(ngx_llm_json_get(NULL, "x") == NULL);
    test_str(ngx_llm_json_text(NULL), NULL);

    free(s.data);

    /* the last one counts, as most readers have it */

    root = test_parse("{\"a\":1,\"b\":2,\"a\":3}");
    test_str(ngx_llm_json_get(root, "a")->raw, "3");

    root = test_parse("{\"t\":true,\"f\":false,\"n\":null,\"o\":1}");
    test_ok(ngx_llm_json_true(root, "t"));
    test_ok(!ngx_llm_json_true(root, "f"));
    test_ok(!ngx_llm_json_true(root, "n"));
    test_ok(!ngx_llm_json_true(root, "o"));
    test_ok(!ngx_llm_json_true(root, "x"));
}


static void
test_limits(void)
{
    size_t                i, n;
    u_char               *big;
    ngx_str_t             s;
    ngx_llm_json_conf_t   conf;

    test_reset();
    test_case = "limits";

    /* a small text takes memory once */

    s = test_string(" {\"a\":[1,\"\\n\"]} ");
    i = ngx_stubs_allocs;
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) != NULL);
    test_int(ngx_stubs_allocs - i, 1);

    s = test_string("{\"a\":[1,\"\\n\"]}");
    i = ngx_stubs_allocs;
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) != NULL);
    test_int(ngx_stubs_allocs - i, 1);

    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));
    conf.max_depth = 2;

    s = test_string("[[1],{\"a\":2}]");
    test_ok(ngx_llm_json_parse(test_pool, &s, &conf) != NULL);

    s = test_string("[[1],{\"a\":[]}]");
    test_ok(ngx_llm_json_parse(test_pool, &s, &conf) == NULL);
    test_str(conf.error, "nested too deep at byte 11");

    conf.max_depth = 0;
    conf.max_nodes = 4;

    s = test_string("[1,\"2\",{}]");
    test_ok(ngx_llm_json_parse(test_pool, &s, &conf) != NULL);

    s = test_string("[1,\"2\",{} ,3]");
    test_ok(ngx_llm_json_parse(test_pool, &s, &conf) == NULL);
    test_str(conf.error, "too many values at byte 11");

    /* the default depth, one more, and a bomb, which must be cheap */

    n = 4 * 1024 * 1024;
    big = malloc(n);

    if (!test_ok(big != NULL)) {
        return;
    }

    memset(big, '[', n);
    memset(big + NGX_LLM_MAX_DEPTH, ']', NGX_LLM_MAX_DEPTH);

    s.data = big;
    s.len = 2 * NGX_LLM_MAX_DEPTH;
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) != NULL);

    memset(big, '[', NGX_LLM_MAX_DEPTH + 1);
    memset(big + NGX_LLM_MAX_DEPTH + 1, ']', NGX_LLM_MAX_DEPTH + 1);

    s.len = 2 * NGX_LLM_MAX_DEPTH + 2;
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) == NULL);

    /* memory is that of the tree */

    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));
    conf.max_depth = 5000;

    memset(big, '[', 5000);
    memset(big + 5000, ']', 5000);
    s.len = 10000;
    test_reset();
    i = ngx_stubs_held;
    test_ok(ngx_llm_json_parse(test_pool, &s, &conf) != NULL);
    test_ok(ngx_stubs_held - i >= 5000 * sizeof(ngx_llm_json_t));
    test_ok(ngx_stubs_held - i <= 5032 * sizeof(ngx_llm_json_t));

    memset(big, '[', n);
    s.len = n;
    test_reset();
    i = ngx_stubs_held;
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) == NULL);
    test_ok(ngx_stubs_held - i <= (NGX_LLM_MAX_DEPTH + 32)
                                  * sizeof(ngx_llm_json_t));

    for (i = 0; i + 1 < n; i += 2) {
        big[i] = '1';
        big[i + 1] = ',';
    }

    big[0] = '[';
    big[n - 1] = ']';
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) == NULL);

    /* no values to count, but long */

    memset(big, 'a', n);
    big[0] = '"';
    big[n - 1] = '"';
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) != NULL);

    big[n - 1] = 'a';
    test_ok(ngx_llm_json_parse(test_pool, &s, NULL) == NULL);

    free(big);
}


/* every beginning of a text, and every text with one byte changed */

static void
test_cut(void)
{
    size_t                i, len;
    u_char                c, *b;
    ngx_str_t             s;
    ngx_llm_json_t       *root;
    ngx_llm_json_conf_t   conf;

    static const u_char  bytes[] = "\"\\{}[],:0-tn \v\0\x80\xe2";

    len = strlen(test_sample);

    /* the text ends with three blanks */

    for (i = 0; i < len - 3; i++) {

        test_reset();
        test_case = "cut";
        s = test_copy(test_sample, i);
        ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));
        test_ok(ngx_llm_json_parse(test_pool, &s, &conf) == NULL);
        test_ok(conf.error.len > 0);
        free(s.data);
    }

    test_case = "changed";

    for (i = 0; i < len; i++) {

        for (b = (u_char *) bytes; b < bytes + sizeof(bytes) - 1; b++) {

            test_reset();
            s = test_copy(test_sample, len);
            c = s.data[i];
            s.data[i] = *b;

            root = ngx_llm_json_parse(test_pool, &s, NULL);

            if (root) {
                test_walk(root, &s);
            }

            if (c == *b) {
                test_ok(root != NULL);
            }

            free(s.data);
        }
    }
}


static void
test_plain(void)
{
    size_t      i;
    ngx_str_t   s, plain;

    static struct {
        const char  *escaped;
        const char  *plain;
        size_t       len;
    } cases[] = {
        { "", "", 0 },
        { "abc", "abc", 3 },
        { "\\n", "\n", 1 },
        { "a\\\"\\\\\\/\\b\\f\\n\\r\\tb", "a\"\\/\b\f\n\r\tb", 10 },
        { "\\u0041\\u00e4\\u20AC", "A\xc3\xa4\xe2\x82\xac", 6 },
        { "\\u0000", "\0", 1 },
        { "\\ud83d\\ude00", "\xf0\x9f\x98\x80", 4 },
        { "x\\uD83D\\uDE00y", "x\xf0\x9f\x98\x80y", 6 },
        { "\\udbff\\udfff", "\xf4\x8f\xbf\xbf", 4 },
        { "\\ud83d", "\xef\xbf\xbd", 3 },
        { "\\ude00", "\xef\xbf\xbd", 3 },
        { "\\ud83dx", "\xef\xbf\xbdx", 4 },
        { "\\ud83d\\n", "\xef\xbf\xbd\n", 4 },
        { "\\ud83d\\u0041", "\xef\xbf\xbd" "A", 4 },
        { "\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7 },
        { "\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd", 6 },
        { "\\udc00\\ude00", "\xef\xbf\xbd\xef\xbf\xbd", 6 },
        { "\\uffff", "\xef\xbf\xbf", 3 },
        { "\xe2\x82\xac\\n\xe2\x82\xac", "\xe2\x82\xac\n\xe2\x82\xac", 7 },

        /* what a parser would not have let pass: no crash, no read behind */

        { "\\", "\\", 1 },
        { "a\\u", "au", 2 },
        { "\\u12", "u12", 3 },
        { "\\u12x4", "u12x4", 5 },
        { "\\ud83d\\u12", "\xef\xbf\xbdu12", 6 },
        { "\\\xe2\x82\xac", "\\\xe2\x82\xac", 4 },
    };

    test_reset();

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_case = cases[i].escaped;
        s = test_copy(cases[i].escaped, strlen(cases[i].escaped));

        plain = ngx_llm_json_plain(test_pool, &s);

        test_check_mem(plain.data, plain.len, (u_char *) cases[i].plain,
                       cases[i].len, "plain", __FILE__, __LINE__);

        if (strchr(cases[i].escaped, '\\') == NULL) {
            test_ok(plain.data == s.data);
        }

        free(s.data);
    }

    ngx_str_null(&s);
    test_str(ngx_llm_json_plain(test_pool, &s), NULL);
}


static void
test_names(void)
{
    ngx_str_t  s;

    test_case = "is";

    s = test_string("user");
    test_ok(ngx_llm_json_is(&s, "user"));
    test_ok(!ngx_llm_json_is(&s, "users"));
    test_ok(!ngx_llm_json_is(&s, "use"));
    test_ok(!ngx_llm_json_is(&s, "User"));
    test_ok(!ngx_llm_json_is(&s, ""));

    s = test_string("\\u0075s\\u0065r");
    test_ok(ngx_llm_json_is(&s, "user"));
    test_ok(!ngx_llm_json_is(&s, "use"));
    test_ok(!ngx_llm_json_is(&s, "users"));

    s = test_string("image\\/png");
    test_ok(ngx_llm_json_is(&s, "image/png"));

    s = test_string("");
    test_ok(ngx_llm_json_is(&s, ""));
    test_ok(!ngx_llm_json_is(&s, "a"));

    ngx_str_null(&s);
    test_ok(!ngx_llm_json_is(&s, ""));
    test_ok(!ngx_llm_json_is(&s, "a"));
}


static void
test_numbers(void)
{
    size_t           i;
    int64_t          n;
    ngx_llm_json_t  *root;

    static struct {
        const char  *text;
        ngx_int_t    rc;
        int64_t      n;
    } cases[] = {
        { "0", NGX_OK, 0 },
        { "-0", NGX_OK, 0 },
        { "-0.0", NGX_OK, 0 },
        { "1", NGX_OK, 1 },
        { "1.0", NGX_OK, 1 },
        { "1.000000000000000000000000", NGX_OK, 1 },
        { "-17", NGX_OK, -17 },
        { "9223372036854775807", NGX_OK, INT64_MAX },
        { "-9223372036854775808", NGX_OK, INT64_MIN },
        { "9223372036854775808", NGX_DECLINED, 0 },
        { "-9223372036854775809", NGX_DECLINED, 0 },
        { "9223372036854775810", NGX_DECLINED, 0 },
        { "92233720368547758070", NGX_DECLINED, 0 },
        { "18446744073709551616", NGX_DECLINED, 0 },
        { "1.5", NGX_DECLINED, 0 },
        { "1.01", NGX_DECLINED, 0 },
        { "1e3", NGX_DECLINED, 0 },
        { "1E0", NGX_DECLINED, 0 },
        { "1.0e0", NGX_DECLINED, 0 },
        { "\"1\"", NGX_ERROR, 0 },
        { "null", NGX_ERROR, 0 },
        { "true", NGX_ERROR, 0 },
        { "[]", NGX_ERROR, 0 },
    };

    test_reset();

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        root = test_parse(cases[i].text);

        n = 77;
        test_int(ngx_llm_json_int(root, &n), cases[i].rc);
        test_int(n, cases[i].rc == NGX_OK ? cases[i].n : 77);
    }

    test_int(ngx_llm_json_int(NULL, &n), NGX_ERROR);

    root = test_parse("{\"a\":5,\"b\":-1,\"c\":1.5,\"d\":\"7\",\"e\":0}");
    test_int(ngx_llm_json_count(root, "a", -1), 5);
    test_int(ngx_llm_json_count(root, "b", -1), -1);
    test_int(ngx_llm_json_count(root, "b", 9), 9);
    test_int(ngx_llm_json_count(root, "c", 9), 9);
    test_int(ngx_llm_json_count(root, "d", 9), 9);
    test_int(ngx_llm_json_count(root, "e", 9), 0);
    test_int(ngx_llm_json_count(root, "f", 9), 9);
}


static void
test_duplicates(void)
{
    size_t           len;
    ngx_uint_t       i, n;
    ngx_str_t        s, *found;
    ngx_llm_json_t  *root, *node;
    char            *big, *p;

    test_reset();

    test_ok(ngx_llm_json_duplicate(NULL) == NULL);
    test_ok(ngx_llm_json_duplicate(test_parse("[1,1]")) == NULL);
    test_ok(ngx_llm_json_duplicate(test_parse("{}")) == NULL);
    test_ok(ngx_llm_json_duplicate(test_parse("{\"a\":1}")) == NULL);
    test_ok(ngx_llm_json_duplicate(test_parse("{\"a\":1,\"b\":{\"a\":1}}"))
            == NULL);

    found = ngx_llm_json_duplicate(test_parse("{\"a\":1,\"b\":1,\"b\":2}"));
    if (test_ok(found != NULL)) {
        test_str(*found, "b");
    }

    found = ngx_llm_json_duplicate(test_parse("{\"b\":1,\"a\":1,\"a\":2,"
                                              "\"\\u0062\":2}"));
    if (test_ok(found != NULL)) {
        test_str(*found, "b");
    }

    found = ngx_llm_json_alike(test_parse("{\"model\":1,\"a\":1,"
                                          "\"moDel\":2}"));
    if (test_ok(found != NULL)) {
        test_str(*found, "model");
    }

    test_ok(ngx_llm_json_duplicate(test_parse("{\"model\":1,\"a\":1,"
                                              "\"moDel\":2}"))
            == NULL);

    /* so many that each with each would take minutes */

    n = 120000;
    big = malloc(n * 16 + 64);

    if (!test_ok(big != NULL)) {
        return;
    }

    p = big;
    *p++ = '{';

    for (i = 0; i < n; i++) {
        p += sprintf(p, "\"k%lu\":%lu,",
                     (unsigned long) (i * 7919 % n), (unsigned long) i);
    }

    test_case = "many members";

    len = p - big;
    p[-1] = '}';
    s.data = (u_char *) big;
    s.len = len;

    root = ngx_llm_json_parse(test_pool, &s, NULL);

    if (test_ok(root != NULL)) {
        test_ok(ngx_llm_json_duplicate(root) == NULL);

        /* and the order is what it was */

        i = 0;

        for (node = root->child; node; node = node->next) {
            i += (node->next == NULL || node->next->begin > node->begin);
        }

        test_int(i, n);
    }

    strcpy(p - 1, ",\"k5\":0,\"k7919\":0}");
    s.len = strlen(big);

    root = ngx_llm_json_parse(test_pool, &s, NULL);

    if (test_ok(root != NULL)) {
        found = ngx_llm_json_duplicate(root);

        if (test_ok(found != NULL)) {
            test_str(*found, "k7919");
        }
    }

    free(big);
}


static void
test_end(void)
{
    test_case = "end";

    test_end_splits("{}", NGX_OK, 2);
    test_end_splits(" \r\n\t[1,2] x", NGX_OK, 9);
    test_end_splits("{\"a\":\"}]\\\"}\",\"b\":[{}]}{", NGX_OK, 22);
    test_end_splits("[\"\\\\\"]]", NGX_OK, 6);
    test_end_splits("[[{}],[\"[\"]]  ", NGX_OK, 12);
    test_end_splits("{\"a\":1", NGX_AGAIN, 6);
    test_end_splits("   ", NGX_AGAIN, 3);
    test_end_splits("", NGX_AGAIN, 0);
    test_end_splits("  1", NGX_ERROR, 2);
    test_end_splits("]", NGX_ERROR, 0);
    test_end_splits("data: {}", NGX_ERROR, 0);
}


/* in pieces of every size */

static void
test_end_splits(const char *text, ngx_int_t want, size_t behind)
{
    size_t               len, size, done, n;
    u_char              *pos;
    ngx_int_t            rc;
    ngx_str_t            s;
    ngx_llm_json_end_t   end;

    test_case = text;
    len = strlen(text);

    for (size = 1; size <= len + 1; size++) {

        ngx_llm_json_end_init(&end);

        rc = NGX_AGAIN;
        done = 0;

        while (done < len && rc == NGX_AGAIN) {

            n = ngx_min(size, len - done);
            s = test_copy(text + done, n);

            pos = s.data;
            rc = ngx_llm_json_end_next(&end, &pos, s.data + n);
            done += pos - s.data;

            free(s.data);
        }

        test_int(rc, want);
        test_int(done, behind);
    }
}


static void
test_memory(void)
{
    size_t                i;
    ngx_str_t             s, t;
    ngx_uint_t            n;
    ngx_llm_json_t       *root;
    ngx_llm_json_conf_t   conf;

    /* the last one makes yajl copy what is cut, the one before its stack */

    static const char  *texts[4];
    static char         deep[801];
    static char         cut[6002];

    memset(deep, '[', 400);
    memset(deep + 400, ']', 400);

    cut[0] = '"';
    memset(cut + 1, 'a', 6000);

    texts[0] = test_sample;
    texts[1] = "{\"\\u0061\":[\"\\n\"]}";
    texts[2] = deep;
    texts[3] = cut;

    for (i = 0; i < 4; i++) {

        test_case = texts[i];
        s = test_string(texts[i]);

        for (n = 1; n < 1000; n++) {

            test_reset();

            ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));
            conf.max_depth = 400;

            ngx_stubs_fail = n;
            root = ngx_llm_json_parse(test_pool, &s, &conf);

            if (ngx_stubs_fail) {

                /* there are not so many */

                ngx_stubs_fail = 0;
                test_ok((root != NULL) == (i != 3));
                test_ok(n > 1);
                break;
            }

            test_ok(root == NULL);
            test_str(conf.error, "no memory");
        }

        test_ok(n < 1000);
    }

    test_case = "plain";
    test_reset();

    s = test_string("a\\nb");
    ngx_stubs_fail = 1;
    t = ngx_llm_json_plain(test_pool, &s);
    test_ok(t.data == NULL && ngx_stubs_fail == 0);
}
