
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_ndjson.h"


#define TEST_MAX  4096


static void test_lines(void);
static void test_feed(ngx_str_t *text, size_t first, size_t step,
    u_char *seen);
static u_char *test_see(u_char *p, ngx_llm_frame_t *frame);
static void test_at_once(void);
static void test_max(void);
static void test_long(void);
static void test_memory(void);


int
main(void)
{
    test_lines();
    test_at_once();
    test_max();
    test_long();
    test_memory();

    return test_done("ndjson");
}


/* frames as "<data>", all raw bytes behind a bar; split at every byte */

static void
test_lines(void)
{
    size_t       k;
    ngx_str_t    text;
    ngx_uint_t   i;
    u_char       seen[TEST_MAX];

    static struct {
        char  *text;
        char  *want;
    } cases[] = {
        { "", "" },
        { "{}\n", "<{}>" },
        { "{}", "<{}>" },
        { "{\"a\":1}\n{\"b\":2}\n", "<{\"a\":1}><{\"b\":2}>" },
        { "{}\r\n[]\r\n", "<{}><[]>" },
        { "\n\n{}\n \t\r\n", "()()<{}>()" },
        { "  {} \t \n", "<{}>" },
        { "\r{}\r\r\n", "<{}>" },
        { "\n", "()" },
        { " ", "()" },
        { "a\rb\n", "<a\rb>" },
        { "{\"a\":\"\xe2\x82\xac\"}\ncut", "<{\"a\":\"\xe2\x82\xac\"}><cut>" },
        { NULL, NULL }
    };

    for (i = 0; cases[i].text; i++) {

        test_case = cases[i].text;
        text = test_string(cases[i].text);

        for (k = 0; k <= text.len; k++) {
            test_feed(&text, k, 0, seen);
            test_str(test_string((char *) seen), cases[i].want);
        }

        test_feed(&text, 1, 1, seen);
        test_str(test_string((char *) seen), cases[i].want);
    }
}


static void
test_feed(ngx_str_t *text, size_t first, size_t step, u_char *seen)
{
    size_t             at, n, raw;
    u_char            *pos, *last, *p;
    ngx_int_t          rc;
    ngx_str_t          copy;
    ngx_llm_frame_t    frame;
    ngx_llm_ndjson_t   nd;

    p = seen;
    raw = 0;

    ngx_llm_ndjson_init(&nd, test_reset(), TEST_MAX);

    for (at = 0; at < text->len; at += n) {

        n = at ? step : first;

        if (n == 0 || n > text->len - at) {
            n = text->len - at;
        }

        /* gone when the next piece comes */

        copy = test_copy(text->data + at, n);
        pos = copy.data;
        last = pos + n;

        for ( ;; ) {
            rc = ngx_llm_ndjson_next(&nd, &pos, last, &frame);

            if (rc != NGX_OK) {
                break;
            }

            test_ok(frame.name.data == NULL);
            test_ok(ngx_memcmp(frame.raw.data, text->data + raw,
                               frame.raw.len)
                    == 0);

            raw += frame.raw.len;
            p = test_see(p, &frame);
        }

        test_int(rc, NGX_AGAIN);
        test_ok(pos == last);

        free(copy.data);
    }

    rc = ngx_llm_ndjson_last(&nd, &frame);

    if (rc == NGX_OK) {
        raw += frame.raw.len;
        p = test_see(p, &frame);
        rc = ngx_llm_ndjson_last(&nd, &frame);
    }

    test_int(rc, NGX_DONE);
    test_int(raw, text->len);

    *p = '\0';
}


static u_char *
test_see(u_char *p, ngx_llm_frame_t *frame)
{
    if (frame->data.data == NULL) {
        *p++ = '(';
        *p++ = ')';
        return p;
    }

    *p++ = '<';
    p = ngx_cpymem(p, frame->data.data, frame->data.len);
    *p++ = '>';

    return p;
}


/* a line that is there as a whole is not copied */

static void
test_at_once(void)
{
    u_char            *pos;
    ngx_str_t          text;
    ngx_llm_frame_t    frame;
    ngx_llm_ndjson_t   nd;

    test_case = "at once";
    text = test_string("{\"a\":1}\n{\"b\":2}\n{");
    pos = text.data;

    ngx_llm_ndjson_init(&nd, test_reset(), TEST_MAX);

    test_int(ngx_llm_ndjson_next(&nd, &pos, text.data + text.len, &frame),
             NGX_OK);
    test_ok(frame.raw.data == text.data);
    test_int(ngx_llm_ndjson_next(&nd, &pos, text.data + text.len, &frame),
             NGX_OK);
    test_ok(frame.data.data == text.data + 8);
    test_ok(nd.buf == NULL);
    test_int(ngx_llm_ndjson_next(&nd, &pos, text.data + text.len, &frame),
             NGX_AGAIN);
    test_int(nd.len, 1);
}


static void
test_max(void)
{
    size_t             k;
    u_char            *pos;
    ngx_int_t          rc;
    ngx_uint_t         i;
    ngx_str_t          text;
    ngx_llm_frame_t    frame;
    ngx_llm_ndjson_t   nd;

    static char  *texts[] = { "12345678\n", "123456789\n", "1234567890" };
    static ngx_int_t  want[] = { NGX_OK, NGX_ERROR, NGX_ERROR };

    for (i = 0; i < 3; i++) {

        test_case = texts[i];
        text = test_string(texts[i]);

        for (k = 1; k <= text.len; k++) {

            ngx_llm_ndjson_init(&nd, test_reset(), 9);

            pos = text.data;
            rc = ngx_llm_ndjson_next(&nd, &pos, text.data + k, &frame);

            if (rc == NGX_AGAIN && k < text.len) {
                rc = ngx_llm_ndjson_next(&nd, &pos, text.data + text.len,
                                         &frame);
            }

            test_int(rc, want[i]);
        }
    }
}


/* a large buffer does not stay */

static void
test_long(void)
{
    u_char            *pos, *text;
    ngx_uint_t         i;
    ngx_llm_frame_t    frame;
    ngx_llm_ndjson_t   nd;

    test_case = "long";
    text = malloc(200000);

    ngx_memset(text, 'x', 200000);
    text[199999] = '\n';

    ngx_llm_ndjson_init(&nd, test_reset(), 1000000);

    for (i = 0; i < 3; i++) {

        pos = text;

        while (pos < text + 199000) {
            test_int(ngx_llm_ndjson_next(&nd, &pos, pos + 1000, &frame),
                     NGX_AGAIN);
        }

        test_int(ngx_llm_ndjson_next(&nd, &pos, text + 200000, &frame),
                 NGX_OK);
        test_int(frame.raw.len, 200000);
        test_int(frame.data.len, 199999);

        test_int(ngx_llm_ndjson_next(&nd, &pos, pos, &frame), NGX_AGAIN);
        test_ok(nd.buf == NULL);
    }

    free(text);
}


static void
test_memory(void)
{
    u_char            *pos;
    ngx_str_t          text;
    ngx_llm_frame_t    frame;
    ngx_llm_ndjson_t   nd;

    test_case = "memory";
    text = test_string("{\"a\":1}");
    pos = text.data;

    ngx_llm_ndjson_init(&nd, test_reset(), TEST_MAX);

    ngx_stubs_fail = 1;

    test_int(ngx_llm_ndjson_next(&nd, &pos, text.data + text.len, &frame),
             NGX_ERROR);

    ngx_stubs_fail = 0;
}
