
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Values that are checked without a tree.
 */


#include "test.h"
#include "ngx_llm_json.h"


/* values that are passed over: how much of a text is one, 0 is none */

static void
test_pass(void)
{
    size_t       i, n;
    u_char      *p;
    ngx_str_t    s;
    ngx_uint_t   values;

    static const struct {
        const char  *text;
        size_t       len;
        ngx_uint_t   values;
    } texts[] = {
        { "{}", 2, 1 },
        { "{ } ", 3, 1 },
        { "[]x", 2, 1 },
        { "[ \t\r\n]", 6, 1 },
        { "\"a\\\"b\",", 6, 1 },
        { "null", 4, 1 },
        { "true}", 4, 1 },
        { "-1.5e+3,", 7, 1 },
        { "{\"a\":1}", 7, 2 },
        { "{ \"a\" : [ 1 , {\"b\":{}} , [[]] ] , \"c\":\"\" } ,", 42, 8 },
        { "[1,2,[3,{\"x\":[4]}],5]", 21, 9 },
        { "", 0, 9 },
        { "nul", 0, 9 },
        { "-", 0, 9 },
        { "[", 0, 9 },
        { "[1", 0, 9 },
        { "[1,", 0, 9 },
        { "[1,]", 0, 9 },
        { "[,1]", 0, 9 },
        { "[1 2]", 0, 9 },
        { "[1}", 0, 9 },
        { "{", 0, 9 },
        { "{\"a\"", 0, 9 },
        { "{\"a\":", 0, 9 },
        { "{\"a\":1", 0, 9 },
        { "{\"a\":1,}", 0, 9 },
        { "{,\"a\":1}", 0, 9 },
        { "{\"a\":1 \"b\":2}", 0, 9 },
        { "{\"a\":{} \"b\":2}", 0, 9 },
        { "{\"a\":1]", 0, 9 },
        { "{\"a\" 1}", 0, 9 },
        { "{1:1}", 0, 9 },
        { "{\"\\u0061\":1}", 0, 9 },          /* for the parser */
        { "{\"\xc3\xa4\":1}", 0, 9 },
        { "\"\\x\"", 0, 9 },
        { "\"\xff\"", 0, 9 },
        { "[1,2,3]", 0, 3 }                     /* too many */
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {

        test_case = texts[i].text;
        s = test_copy(texts[i].text, strlen(texts[i].text));

        values = texts[i].values;

        p = s.len ? ngx_llm_json_pass(s.data, s.data + s.len, &values) : NULL;

        test_int(p ? p - s.data : 0, texts[i].len);

        if (texts[i].len) {
            test_int(values, 0);
        }

        free(s.data);
    }

    /* as deep as there are bits, and no deeper */

    for (n = 32; n < 36; n++) {
        test_case = "depth";

        p = malloc(2 * n);
        memset(p, '[', n);
        memset(p + n, ']', n);

        values = 100;

        /* the innermost is empty, and takes none */

        test_ok((ngx_llm_json_pass(p, p + 2 * n, &values) == p + 2 * n)
                == (n <= 33));

        free(p);
    }
}


/* what is taken makes no node, and the rest is as it was */

static u_char *
test_taker(void *data, ngx_llm_json_t *member, u_char *p, u_char *last)
{
    ngx_uint_t *n = data;

    ngx_uint_t  values;

    if (*p == '5') {
        return NULL;
    }

    values = 10;
    p = ngx_llm_json_pass(p, last, &values);

    *n += (p != NULL && ngx_llm_json_key_is(&member->key, "l"));

    return p;
}


static void
test_take(void)
{
    ngx_str_t             s;
    ngx_uint_t            n;
    ngx_llm_json_t       *root, *node;
    ngx_llm_json_conf_t   conf;

    static const char  text[] =
        "{\"a\":1,\"l\":[1, {\"x\":[2]} ,5,[],5 , 3],\"o\":{},\"z\":[4]}";

    test_case = "take";

    s = test_copy(text, sizeof(text) - 1);

    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));

    conf.take = test_taker;
    conf.data = &n;
    n = 0;

    root = ngx_llm_json_parse(test_reset(), &s, &conf);

    if (!test_ok(root != NULL)) {
        free(s.data);
        return;
    }

    test_int(n, 4);

    node = ngx_llm_json_get(root, "l");
    test_str(node->raw, "[1, {\"x\":[2]} ,5,[],5 , 3]");

    node = node->child;
    test_ok(node && node->raw.data[0] == '5' && node->raw.len == 1);

    node = node->next;
    test_ok(node && node->raw.data[0] == '5' && node->next == NULL);

    node = ngx_llm_json_get(root, "z");
    test_ok(node && node->child == NULL && node->raw.len == 3);
    test_ok(ngx_llm_json_get(root, "o") != NULL);

    free(s.data);
}


int
main(void)
{
    test_pass();
    test_take();

    return test_done("json_pass");
}
