
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_sse.h"

#include <glob.h>


#define TEST_MAX_FRAMES  4096

/* a fixture is split at every byte, which is square in its size */
#define TEST_MAX_FILE    (24 * 1024)


typedef struct {
    ngx_str_t    name;
    ngx_str_t    data;
} test_frame_t;


/* what a reader of a stream saw: frames, and all raw bytes */

typedef struct {
    test_frame_t  frames[TEST_MAX_FRAMES];
    ngx_uint_t    n;
    u_char       *raw;
    size_t        raw_len;
    ngx_int_t     rc;
} test_seen_t;


static void test_streams(void);
static void test_stream(const char *text, const char *want);
static void test_splits(ngx_str_t *text);
static void test_fixtures(void);
static void test_at_once(void);
static void test_zero_copy(void);
static void test_max(void);
static void test_long(void);
static void test_memory(void);
static void test_piece(test_seen_t *seen, ngx_llm_sse_t *sse, u_char *data,
    size_t len);
static void test_see(test_seen_t *seen, ngx_llm_frame_t *frame);
static void test_see_last(test_seen_t *seen, ngx_llm_sse_t *sse);
static void test_seen_init(test_seen_t *seen, size_t len);
static void test_seen_free(test_seen_t *seen);
static void test_compare(test_seen_t *seen, test_seen_t *whole,
    ngx_str_t *text);
static ngx_str_t test_string_copy(ngx_str_t *s);


static test_seen_t  test_whole, test_part;


int
main(void)
{
    test_streams();
    test_fixtures();
    test_at_once();
    test_zero_copy();
    test_max();
    test_long();
    test_memory();

    return test_done("sse");
}


static ngx_str_t
test_string_copy(ngx_str_t *s)
{
    ngx_str_t  copy;

    if (s->data == NULL) {
        return *s;
    }

    copy = test_copy(s->data, s->len);

    return copy;
}


static void
test_seen_init(test_seen_t *seen, size_t len)
{
    seen->n = 0;
    seen->raw = malloc(len + 1);
    seen->raw_len = 0;
    seen->rc = NGX_AGAIN;
}


static void
test_seen_free(test_seen_t *seen)
{
    ngx_uint_t  i;

    for (i = 0; i < seen->n; i++) {
        free(seen->frames[i].name.data);
        free(seen->frames[i].data.data);
    }

    free(seen->raw);
}


/* frames without data and name differ by where CR LF is split: not kept */

static void
test_see(test_seen_t *seen, ngx_llm_frame_t *frame)
{
    memcpy(seen->raw + seen->raw_len, frame->raw.data, frame->raw.len);
    seen->raw_len += frame->raw.len;

    test_ok(frame->raw.len > 0);

    if (frame->data.data == NULL && frame->name.data == NULL) {
        return;
    }

    if (seen->n == TEST_MAX_FRAMES) {
        return;
    }

    seen->frames[seen->n].name = test_string_copy(&frame->name);
    seen->frames[seen->n].data = test_string_copy(&frame->data);
    seen->n++;
}


/* the piece is a block of its own, and gone when the next one comes */

static void
test_piece(test_seen_t *seen, ngx_llm_sse_t *sse, u_char *data, size_t len)
{
    u_char           *pos, *before;
    ngx_int_t         rc;
    ngx_str_t         s;
    ngx_llm_frame_t   frame;

    s = test_copy(data, len);
    pos = s.data;

    for ( ;; ) {
        before = pos;
        rc = ngx_llm_sse_next(sse, &pos, s.data + len, &frame);

        if (rc != NGX_OK) {
            break;
        }

        test_ok(pos > before);
        test_see(seen, &frame);
    }

    seen->rc = rc;

    if (rc == NGX_AGAIN) {
        test_ok(pos == s.data + len);
    }

    free(s.data);
}


static void
test_see_last(test_seen_t *seen, ngx_llm_sse_t *sse)
{
    ngx_llm_frame_t  frame;

    if (ngx_llm_sse_last(sse, &frame) == NGX_OK) {
        test_see(seen, &frame);
    }

    test_int(ngx_llm_sse_last(sse, &frame), NGX_DONE);
}


static void
test_compare(test_seen_t *seen, test_seen_t *whole, ngx_str_t *text)
{
    ngx_uint_t  i;

    test_int(seen->rc, NGX_AGAIN);
    test_int(seen->n, whole->n);

    for (i = 0; i < seen->n && i < whole->n; i++) {
        test_same(seen->frames[i].name, whole->frames[i].name);
        test_same(seen->frames[i].data, whole->frames[i].data);
    }

    test_check_mem(seen->raw, seen->raw_len, text->data, text->len,
                   "all raw together", __FILE__, __LINE__);
}


static void
test_splits(ngx_str_t *text)
{
    size_t         at, size;
    ngx_llm_sse_t  sse;

    test_seen_init(&test_whole, text->len);

    test_reset();
    ngx_llm_sse_init(&sse, test_pool, NGX_LLM_MAX_EVENT);
    test_piece(&test_whole, &sse, text->data, text->len);
    test_see_last(&test_whole, &sse);
    test_compare(&test_whole, &test_whole, text);

    for (at = 1; at < text->len; at++) {

        test_seen_init(&test_part, text->len);

        test_reset();
        ngx_llm_sse_init(&sse, test_pool, NGX_LLM_MAX_EVENT);
        test_piece(&test_part, &sse, text->data, at);
        test_piece(&test_part, &sse, text->data + at, text->len - at);
        test_see_last(&test_part, &sse);
        test_compare(&test_part, &test_whole, text);

        test_seen_free(&test_part);
    }

    for (size = 1; size <= 7; size++) {

        test_seen_init(&test_part, text->len);

        test_reset();
        ngx_llm_sse_init(&sse, test_pool, NGX_LLM_MAX_EVENT);

        for (at = 0; at < text->len; at += size) {
            test_piece(&test_part, &sse, text->data + at,
                       ngx_min(size, text->len - at));
        }

        test_see_last(&test_part, &sse);
        test_compare(&test_part, &test_whole, text);

        test_seen_free(&test_part);
    }

    test_seen_free(&test_whole);
}


/* want: "name|data;" of each frame that has one, - for absent */

static void
test_stream(const char *text, const char *want)
{
    ngx_str_t        s, got;
    ngx_uint_t       i;
    ngx_llm_sse_t    sse;
    u_char          *p;

    test_case = text;
    test_reset();

    s = test_string(text);

    test_seen_init(&test_whole, s.len);
    ngx_llm_sse_init(&sse, test_pool, NGX_LLM_MAX_EVENT);
    test_piece(&test_whole, &sse, s.data, s.len);
    test_see_last(&test_whole, &sse);

    got.data = malloc(2 * s.len + 64);
    p = got.data;

    for (i = 0; i < test_whole.n; i++) {

        if (test_whole.frames[i].name.data) {
            p = ngx_cpymem(p, test_whole.frames[i].name.data,
                           test_whole.frames[i].name.len);

        } else {
            *p++ = '-';
        }

        *p++ = '|';

        if (test_whole.frames[i].data.data) {
            p = ngx_cpymem(p, test_whole.frames[i].data.data,
                           test_whole.frames[i].data.len);

        } else {
            *p++ = '-';
        }

        *p++ = ';';
    }

    got.len = p - got.data;
    test_str(got, want);

    free(got.data);
    test_seen_free(&test_whole);

    test_splits(&s);
}


static void
test_streams(void)
{
    test_stream("data: a\n\ndata: b\n\n", "-|a;-|b;");
    test_stream("data: a\r\n\r\ndata: b\r\n\r\n", "-|a;-|b;");
    test_stream("data: a\r\rdata: b\r\r", "-|a;-|b;");
    test_stream("data: a\n\r\ndata: b\r\n\ndata: c\r\n\rdata: d\n\r",
                "-|a;-|b;-|c;-|d;");
    test_stream("data: a\r\ndata: b\rdata: c\ndata:d\r\r\n", "-|a\nb\nc\nd;");
    test_stream("data:a\n\ndata:{\"b\":1}\n\n", "-|a;-|{\"b\":1};");
    test_stream("data:  a\n\n", "-| a;");
    test_stream("data: a  \t\n\n", "-|a;");
    test_stream("data\n\n", "-|;");
    test_stream("data:\n\n", "-|;");
    test_stream("data: \n\n", "-|;");
    test_stream("data:\ndata: x\n\n", "-|\nx;");
    test_stream("event: m\ndata: {}\n\n", "m|{};");
    test_stream("event:m\nevent: n\ndata: {}\n\n", "n|{};");
    test_stream("event: m\n\n", "m|-;");
    test_stream("event:\ndata: x\n\n", "|x;");
    test_stream("id: 1\nretry: 5\ndata: x\nfoo: y\nbar\n\n", "-|x;");
    test_stream("Data: x\n data: y\ndata : z\ndataa: z\n\n", "");
    test_stream(": ping\n\n:\n\ndata: x\n\n", "-|x;");
    test_stream(": c\ndata: x\n: d\n\n", "-|x;");
    test_stream("\n\n\n\r\n\rdata: x\n\n\n\n", "-|x;");
    test_stream("\xef\xbb\xbf" "data: x\n\n\xef\xbb\xbf" "data: y\n\n",
                "-|x;");
    test_stream("\xef\xbb\xbf\n\ndata: y\n\n", "-|y;");
    test_stream("\xef\xbb" "data: x\n\n", "");
    test_stream("data: a:b: c\n\n", "-|a:b: c;");
    test_stream("data: \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80\n\n",
                "-|\xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80;");

    /* the end of the input ends the last frame */

    test_stream("data: a\n\ndata: [DONE]", "-|a;-|[DONE];");
    test_stream("data: a\n\ndata: [DONE]\n", "-|a;-|[DONE];");
    test_stream("data: a\n\ndata: [DONE]\r\n", "-|a;-|[DONE];");
    test_stream("data: a\n\ndata: [DONE]\r\n\r", "-|a;-|[DONE];");
    test_stream("dat", "");
    test_stream("\r", "");

    test_stream("event: message_start\n"
                "data: {\"type\":\"message_start\",\"message\":"
                "{\"id\":\"msg_1\"}}\n\n"
                "event: ping\ndata: {\"type\": \"ping\"}\n\n"
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
                "message_start|{\"type\":\"message_start\",\"message\":"
                "{\"id\":\"msg_1\"}};ping|{\"type\": \"ping\"};"
                "message_stop|{\"type\":\"message_stop\"};");
}


static void
test_fixtures(void)
{
    size_t         i;
    glob_t         files;
    ngx_str_t      text;

    if (glob("t/fixtures/*/*.sse", 0, NULL, &files) != 0) {
        return;
    }

    for (i = 0; i < files.gl_pathc; i++) {

        test_case = files.gl_pathv[i];
        text = test_file(files.gl_pathv[i]);

        if (!test_ok(text.data != NULL)) {
            continue;
        }

        if (text.len <= TEST_MAX_FILE) {
            test_splits(&text);
        }

        free(text.data);
    }

    globfree(&files);
}


/* a frame is given with the byte that ends it, not one later */

static void
test_at_once(void)
{
    size_t            i, j, n;
    u_char           *pos;
    ngx_str_t         s;
    ngx_llm_sse_t     sse;
    ngx_llm_frame_t   frame;

    static const char  *ends[] = {
        "\n\n", "\r\r", "\r\n\n", "\n\r", "\r\n\r"
    };

    for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {

        test_case = ends[i];
        test_reset();
        ngx_llm_sse_init(&sse, test_pool, 100);

        s = test_string("data: x");
        pos = s.data;
        test_int(ngx_llm_sse_next(&sse, &pos, s.data + s.len, &frame),
                 NGX_AGAIN);

        s = test_string(ends[i]);
        n = s.len;

        for (j = 0; j < n; j++) {
            pos = s.data + j;
            test_int(ngx_llm_sse_next(&sse, &pos, s.data + j + 1, &frame),
                     (j + 1 == n) ? NGX_OK : NGX_AGAIN);
        }

        test_str(frame.data, "x");

        /* a LF of the pair is no blank line, another is one */

        s = test_string("\n");
        pos = s.data;
        test_int(ngx_llm_sse_next(&sse, &pos, s.data + 1, &frame),
                 (ends[i][n - 1] == '\r') ? NGX_AGAIN : NGX_OK);

        pos = s.data;
        test_int(ngx_llm_sse_next(&sse, &pos, s.data + 1, &frame), NGX_OK);
        test_ok(frame.data.data == NULL);
    }
}


static void
test_zero_copy(void)
{
    u_char           *pos;
    ngx_str_t         s;
    ngx_llm_sse_t     sse;
    ngx_llm_frame_t   frame;

    test_case = "zero copy";
    test_reset();
    ngx_llm_sse_init(&sse, test_pool, 100);

    s = test_string("event: m\r\ndata: x\r\n\r\ndata: y\r\n\r\nda");
    pos = s.data;

    test_int(ngx_llm_sse_next(&sse, &pos, s.data + s.len, &frame), NGX_OK);
    test_ok(frame.raw.data == s.data);
    test_str(frame.raw, "event: m\r\ndata: x\r\n\r\n");
    test_ok(frame.name.data == s.data + 7);
    test_ok(frame.data.data == s.data + 16);
    test_ok(pos == s.data + 21);

    test_int(ngx_llm_sse_next(&sse, &pos, s.data + s.len, &frame), NGX_OK);
    test_ok(frame.raw.data == s.data + 21);

    test_int(ngx_stubs_held, 0);
    test_int(ngx_llm_sse_next(&sse, &pos, s.data + s.len, &frame), NGX_AGAIN);
    test_int(sse.len, 2);

    /* several lines of data: raw is still that of the input */

    ngx_llm_sse_init(&sse, test_pool, 100);

    s = test_string("data: x\ndata: y\n\n");
    pos = s.data;
    test_int(ngx_llm_sse_next(&sse, &pos, s.data + s.len, &frame), NGX_OK);
    test_ok(frame.raw.data == s.data);
    test_str(frame.raw, "data: x\ndata: y\n\n");
    test_str(frame.data, "x\ny");
}


/* the bound counts the bytes of a frame, however they come */

static void
test_max(void)
{
    size_t          size, at, max;
    ngx_str_t       s;
    ngx_llm_sse_t   sse;

    test_case = "max";

    s = test_string("data: 456789\n\ndata: 456789\n\n");

    for (max = 12; max <= 15; max++) {

        for (size = 1; size <= s.len; size++) {

            test_reset();
            test_seen_init(&test_part, s.len);
            ngx_llm_sse_init(&sse, test_pool, max);

            for (at = 0; at < s.len; at += size) {
                test_piece(&test_part, &sse, s.data + at,
                           ngx_min(size, s.len - at));

                if (test_part.rc == NGX_ERROR) {
                    break;
                }
            }

            test_int(test_part.rc, (max < 14) ? NGX_ERROR : NGX_AGAIN);
            test_int(test_part.n, (max < 14) ? 0 : 2);

            test_seen_free(&test_part);
        }
    }
}


/* a frame of megabytes in small pieces, and its memory given back */

static void
test_long(void)
{
    size_t            i, held, n;
    u_char           *pos;
    ngx_int_t         rc;
    ngx_str_t         s, t;
    ngx_llm_sse_t     sse;
    ngx_llm_frame_t   frame;

    test_case = "long";
    test_reset();

    n = 3 * 1024 * 1024;
    s.data = malloc(n);
    s.len = n;

    if (!test_ok(s.data != NULL)) {
        return;
    }

    memset(s.data, 'x', n);
    ngx_memcpy(s.data, "data: ", 6);
    ngx_memcpy(s.data + n / 2, "\ndata: ", 7);
    ngx_memcpy(s.data + n - 2, "\n\n", 2);

    ngx_llm_sse_init(&sse, test_pool, 4 * 1024 * 1024);

    rc = NGX_AGAIN;

    for (i = 0; i < n && rc == NGX_AGAIN; i += 1024) {
        pos = s.data + i;
        rc = ngx_llm_sse_next(&sse, &pos, s.data + i + 1024, &frame);
    }

    test_int(rc, NGX_OK);
    test_int(frame.raw.len, n);
    test_int(frame.data.len, n - 6 - 6 - 2);
    test_ok(frame.data.data[n / 2 - 6] == '\n');
    test_ok(ngx_stubs_held < 4 * n);

    t = test_string(":\n\n");
    pos = t.data;
    test_int(ngx_llm_sse_next(&sse, &pos, t.data + 3, &frame), NGX_OK);
    test_int(ngx_stubs_held, 0);

    /* frames that are split and small hold no more after many than at first */

    held = 0;

    for (i = 0; i < 1000; i++) {
        pos = s.data;
        rc = ngx_llm_sse_next(&sse, &pos, s.data + 100 + i % 900, &frame);
        test_int(rc, NGX_AGAIN);

        t = test_string("\ndata: y\n\n");
        pos = t.data;
        rc = ngx_llm_sse_next(&sse, &pos, t.data + t.len, &frame);
        test_int(rc, NGX_OK);

        if (i == 900) {
            held = ngx_stubs_held;
        }
    }

    test_int(ngx_stubs_held, held);

    free(s.data);
}


static void
test_memory(void)
{
    size_t          at;
    ngx_str_t       s;
    ngx_uint_t      n;
    ngx_llm_sse_t   sse;

    test_case = "memory";

    s = test_string("data: a\ndata: b\n\nevent: c\ndata: d\ndata: e\n\ndat");

    for (n = 1; n < 100; n++) {

        test_reset();
        test_seen_init(&test_part, s.len);
        ngx_llm_sse_init(&sse, test_pool, 100);

        ngx_stubs_fail = n;

        for (at = 0; at < s.len; at += 3) {
            test_piece(&test_part, &sse, s.data + at,
                       ngx_min(3, s.len - at));

            if (test_part.rc == NGX_ERROR) {
                break;
            }
        }

        if (ngx_stubs_fail) {
            ngx_stubs_fail = 0;
            test_int(test_part.rc, NGX_AGAIN);
            test_int(test_part.n, 2);
            test_seen_free(&test_part);
            break;
        }

        test_int(test_part.rc, NGX_ERROR);
        test_seen_free(&test_part);
    }

    test_ok(n > 2 && n < 100);
}
