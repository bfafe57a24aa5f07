
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_json.h"


static void test_append(void);
static void test_bounds(void);
static void test_escape(void);
static void test_escape_round(void);
static void test_path(void);
static void test_header(void);
static void test_utf8(void);
static void test_error(void);
static void test_words(void);


int
main(void)
{
    test_append();
    test_bounds();
    test_escape();
    test_escape_round();
    test_path();
    test_header();
    test_utf8();
    test_error();
    test_words();

    return test_done("out");
}


static void
test_append(void)
{
    ngx_str_t       s;
    ngx_uint_t      i;
    ngx_llm_out_t   out;
    u_char          buf[8];

    test_case = "append";
    test_reset();

    ngx_llm_out_init(&out, test_pool, NULL, 0, 1000);
    test_int(ngx_llm_out_len(&out), 0);

    s = test_string("b\\nc");
    ngx_llm_out_lit(&out, "a");
    ngx_llm_out_str(&out, &s);
    ngx_llm_out_char(&out, ',');
    ngx_llm_out_int(&out, 0);
    ngx_llm_out_char(&out, ',');
    ngx_llm_out_int(&out, INT64_MIN);
    ngx_llm_out_char(&out, ',');
    ngx_llm_out_int(&out, INT64_MAX);
    ngx_llm_out_quoted(&out, &s);
    test_out(out, "ab\\nc,0,-9223372036854775808,9223372036854775807"
                  "\"b\\nc\"");
    test_ok(!out.failed);

    /* absent and empty texts */

    ngx_str_null(&s);
    ngx_llm_out_init(&out, test_pool, NULL, 0, 1000);
    ngx_llm_out_str(&out, &s);
    ngx_llm_out_escape(&out, &s);
    test_int(ngx_llm_out_len(&out), 0);
    ngx_llm_out_quoted(&out, &s);
    ngx_llm_out_json_string(&out, &s);
    test_out(out, "\"\"\"\"");

    /* the caller's buffer first, and untouched when it is outgrown */

    ngx_llm_out_init(&out, test_pool, buf, sizeof(buf), 1000);
    ngx_llm_out_lit(&out, "12345678");
    test_ok(out.start == buf);
    ngx_llm_out_lit(&out, "9");
    test_ok(out.start != buf);
    test_out(out, "123456789");
    test_ok(ngx_memcmp(buf, "12345678", 8) == 0);

    /* grown buffers are given back */

    test_reset();
    ngx_llm_out_init(&out, test_pool, NULL, 0, 1000000);

    for (i = 0; i < 500000; i++) {
        ngx_llm_out_char(&out, 'a' + i % 26);
    }

    test_int(ngx_llm_out_len(&out), 500000);
    test_ok(out.start[0] == 'a' && out.last[-1] == 'a' + 499999 % 26);
    test_ok(ngx_stubs_held <= 1000000);
}


static void
test_bounds(void)
{
    ngx_str_t       s;
    ngx_uint_t      n;
    ngx_llm_out_t   out;
    u_char          buf[16];

    test_case = "bounds";
    test_reset();

    /* no pool: the buffer is all */

    ngx_llm_out_init(&out, NULL, buf, 4, 1000);
    ngx_llm_out_lit(&out, "abcd");
    test_ok(!out.failed);
    ngx_llm_out_lit(&out, "e");
    test_ok(out.failed);
    test_out(out, "abcd");

    /* max, exactly, whatever the buffer's size */

    ngx_llm_out_init(&out, test_pool, buf, sizeof(buf), 10);
    ngx_llm_out_lit(&out, "0123456789");
    test_ok(!out.failed);
    ngx_llm_out_char(&out, 'x');
    test_ok(out.failed);

    ngx_llm_out_init(&out, test_pool, NULL, 0, 300);
    s = test_string("0123456789");

    for (n = 0; n < 30; n++) {
        ngx_llm_out_str(&out, &s);
    }

    test_ok(!out.failed);
    ngx_llm_out_char(&out, 'x');
    test_ok(out.failed);
    test_int(ngx_llm_out_len(&out), 300);

    /* it sticks, and nothing more is appended */

    ngx_llm_out_init(&out, test_pool, NULL, 0, 10);
    ngx_llm_out_lit(&out, "abc");
    ngx_llm_out_lit(&out, "01234567");
    test_ok(out.failed);
    ngx_llm_out_lit(&out, "d");
    ngx_llm_out_escape(&out, &s);
    test_out(out, "abc");
    test_int(ngx_llm_out_reserve(&out, 1), NGX_ERROR);

    /* lengths whose sum would wrap */

    ngx_llm_out_init(&out, test_pool, NULL, 0, (size_t) -1);
    ngx_llm_out_lit(&out, "abc");
    test_int(ngx_llm_out_reserve(&out, (size_t) -1), NGX_ERROR);
    test_ok(out.failed);

    /* memory */

    for (n = 1; n <= 2; n++) {
        test_reset();
        ngx_llm_out_init(&out, test_pool, NULL, 0, 100000);

        ngx_stubs_fail = n;
        ngx_llm_out_lit(&out, "abc");
        test_int(out.failed, n == 1);

        while (!out.failed && ngx_llm_out_len(&out) < 10000) {
            ngx_llm_out_str(&out, &s);
        }

        test_ok(out.failed);
        test_int(ngx_stubs_fail, 0);
    }
}


static void
test_escape(void)
{
    size_t          i;
    ngx_str_t       s;
    ngx_llm_out_t   out;

    static struct {
        const char  *plain;
        const char  *want;
    } cases[] = {
        { "", "" },
        { "abc", "abc" },
        { "a\"b\\c/d", "a\\\"b\\\\c/d" },
        { "\n\r\t\b\f", "\\n\\r\\t\\u0008\\u000c" },
        { "\x01\x1f\x7f", "\\u0001\\u001f\x7f" },
        { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\xff", "\xef\xbf\xbd" },
        { "a\x80z", "a\xef\xbf\xbdz" },
        { "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xe2\x82\"", "\xef\xbf\xbd\xef\xbf\xbd\\\"" },
        { "\xf0\x9f\x98", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    };

    test_reset();

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_case = cases[i].want;
        s = test_copy(cases[i].plain, strlen(cases[i].plain));

        ngx_llm_out_init(&out, test_pool, NULL, 0, 1000);
        ngx_llm_out_escape(&out, &s);
        test_out(out, cases[i].want);

        free(s.data);
    }

    test_case = "NUL";
    s.data = (u_char *) "a\0b";
    s.len = 3;
    ngx_llm_out_init(&out, test_pool, NULL, 0, 1000);
    ngx_llm_out_json_string(&out, &s);
    test_out(out, "\"a\\u0000b\"");

    /* JSON within a string */

    s = test_string("{\"a\":\"\\n\"}");
    ngx_llm_out_init(&out, test_pool, NULL, 0, 1000);
    ngx_llm_out_escape_raw(&out, &s);
    test_out(out, "{\\\"a\\\":\\\"\\\\n\\\"}");
}


/* all bytes and pairs of bytes: escaped, parsed and decoded are the same */

static void
test_escape_round(void)
{
    ngx_str_t        s, t;
    ngx_uint_t       i;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *node;
    u_char           buf[4];

    test_case = "round";

    for (i = 0; i < 65536; i++) {

        if (i % 4096 == 0) {
            test_reset();
        }

        buf[0] = i & 0xff;
        buf[1] = i >> 8;

        s.data = buf;
        s.len = 2;

        ngx_llm_out_init(&out, test_pool, NULL, 0, 100);
        ngx_llm_out_json_string(&out, &s);

        t.data = out.start;
        t.len = ngx_llm_out_len(&out);

        node = ngx_llm_json_parse(test_pool, &t, NULL);

        if (!test_ok(node != NULL)) {
            continue;
        }

        t = ngx_llm_json_text(node);
        t = ngx_llm_json_plain(test_pool, &t);

        if ((buf[0] < 0x80 && buf[1] < 0x80)
            || ngx_llm_utf8_char(buf, buf + 2) == 2)
        {
            test_same(t, s);
        }
    }
}


static void
test_path(void)
{
    size_t          i;
    ngx_str_t       s;
    ngx_llm_out_t   out;

    static struct {
        const char  *plain;
        const char  *want;      /* NULL: fails */
    } cases[] = {
        { "gpt-4o_mini~1.5", "gpt-4o_mini~1.5" },
        { "a/b", "a%2Fb" },
        { "../../x", "..%2F..%2Fx" },
        { "a b?c#d%e", "a%20b%3Fc%23d%25e" },
        { "arn:aws@1", "arn%3Aaws%401" },
        { "\r\n\x01\x7f", "%0D%0A%01%7F" },
        { "\xc3\xa4", "%C3%A4" },
        { "...", "..." },
        { ".", NULL },
        { "..", NULL },
    };

    test_reset();

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_case = cases[i].plain;
        s = test_string(cases[i].plain);

        ngx_llm_out_init(&out, test_pool, NULL, 0, 1000);
        ngx_llm_out_path(&out, &s);

        test_int(out.failed, cases[i].want == NULL);

        if (cases[i].want) {
            test_out(out, cases[i].want);
        }
    }
}


static void
test_header(void)
{
    ngx_str_t       s;
    ngx_uint_t      i;
    ngx_llm_out_t   out;

    static const char  *bad[] = { "a\r", "\nb", "a\r\nX-Evil: 1" };

    test_case = "header";
    test_reset();

    ngx_llm_out_init(&out, test_pool, NULL, 0, 1000);
    s = test_string("Bearer x\ty");
    ngx_llm_out_header(&out, "Authorization", &s);
    s = test_string("");
    ngx_llm_out_header(&out, "X-Empty", &s);
    test_out(out, "Authorization: Bearer x\ty\r\nX-Empty: \r\n");
    test_ok(!out.failed);

    for (i = 0; i < 3; i++) {
        ngx_llm_out_init(&out, test_pool, NULL, 0, 1000);
        s = test_string(bad[i]);
        ngx_llm_out_header(&out, "X", &s);
        test_ok(out.failed);
        test_int(ngx_llm_out_len(&out), 0);
    }

    ngx_llm_out_init(&out, test_pool, NULL, 0, 1000);
    s.data = (u_char *) "a\0b";
    s.len = 3;
    ngx_llm_out_header(&out, "X", &s);
    test_ok(out.failed);
}


static void
test_utf8(void)
{
    size_t      n;
    u_char     *p;
    uint32_t    c;
    ngx_str_t   s;
    u_char      buf[8];

    test_case = "utf8";

    for (c = 0; c < 0x110000; c += (c < 0x1000) ? 1 : 61) {

        if (c >= 0xd800 && c <= 0xdfff) {
            continue;
        }

        p = ngx_llm_utf8_put(buf, c);
        n = p - buf;

        if (n != (size_t) (c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4)
            || ngx_llm_utf8_char(buf, p) != n
            || (n > 1 && ngx_llm_utf8_char(buf, p - 1) != 0))
        {
            test_int(c, -1);
        }
    }

    test_int(ngx_llm_utf8_char(buf, buf), 0);

    s = test_string("a\xe2\x82\xac" "b\xf0\x9f\x98\x80");
    test_int(ngx_llm_utf8_cut(&s, 100), 9);
    test_int(ngx_llm_utf8_cut(&s, 9), 9);
    test_int(ngx_llm_utf8_cut(&s, 8), 5);
    test_int(ngx_llm_utf8_cut(&s, 6), 5);
    test_int(ngx_llm_utf8_cut(&s, 5), 5);
    test_int(ngx_llm_utf8_cut(&s, 4), 4);
    test_int(ngx_llm_utf8_cut(&s, 3), 1);
    test_int(ngx_llm_utf8_cut(&s, 2), 1);
    test_int(ngx_llm_utf8_cut(&s, 1), 1);
    test_int(ngx_llm_utf8_cut(&s, 0), 0);

    /* no UTF-8 at all: no walk back to the beginning */

    s = test_string("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80");
    test_int(ngx_llm_utf8_cut(&s, 8), 8);
}


static void
test_error(void)
{
    size_t            i;
    ngx_str_t         s;
    ngx_llm_error_t   err;
    char              big[3001];

    test_case = "error";
    test_reset();

    s = test_string("a\"b\n");
    test_int(ngx_llm_error(test_pool, &err, 400, "invalid_request_error",
                           NULL, "model", "bad \"%V\" at %ui", &s,
                           (ngx_uint_t) 7),
             NGX_DECLINED);

    test_int(err.status, 400);
    test_int(err.fail, NGX_LLM_FAIL_REQUEST);
    test_int(err.retry_after, -1);
    test_str(err.type, "invalid_request_error");
    test_str(err.code, NULL);
    test_str(err.param, "model");
    test_str(err.message, "bad \\\"a\\\"b\\n\\\" at 7");

    (void) ngx_llm_error(test_pool, &err, 502, "server_error", "x", NULL, "y");
    test_str(err.code, "x");
    test_str(err.param, NULL);
    test_ok(err.fail != NGX_LLM_FAIL_REQUEST);

    /* cut, but not within a character */

    for (i = 0; i < 3000; i += 3) {
        ngx_memcpy(big + i, "\xe2\x82\xac", 3);
    }

    big[3000] = '\0';

    for (i = 0; i < 3; i++) {
        (void) ngx_llm_error(test_pool, &err, 400, "t", NULL, NULL, "%s%s",
                             "xx" + i, big);

        test_ok(err.message.len < 1100 && err.message.len > 1000);
        test_ok(ngx_memcmp(err.message.data + err.message.len - 3,
                           "\xe2\x82\xac", 3) == 0);
    }

    ngx_stubs_fail = 1;
    test_int(ngx_llm_error(test_pool, &err, 400, "t", NULL, NULL, "text"),
             NGX_DECLINED);
    test_str(err.message, "no memory");
    test_int(ngx_stubs_fail, 0);
}


static void
test_words(void)
{
    ngx_llm_usage_t  usage;

    test_case = "words";

    test_str(*ngx_llm_finish_name(NGX_LLM_FINISH_NONE), "");
    test_str(*ngx_llm_finish_name(NGX_LLM_FINISH_STOP), "stop");
    test_str(*ngx_llm_finish_name(NGX_LLM_FINISH_LENGTH), "length");
    test_str(*ngx_llm_finish_name(NGX_LLM_FINISH_TOOL_CALLS), "tool_calls");
    test_str(*ngx_llm_finish_name(NGX_LLM_FINISH_CONTENT_FILTER),
             "content_filter");
    test_str(*ngx_llm_finish_name(NGX_LLM_FINISH_PAUSE), "stop");

    ngx_memset(&usage, 0, sizeof(usage));
    ngx_llm_usage_init(&usage);
    test_int(usage.prompt, -1);
    test_int(usage.completion, -1);
    test_int(usage.cached, -1);
    test_int(usage.cache_write, -1);
    test_int(usage.cache_write_1h, -1);
    test_int(usage.reasoning, -1);
    test_int(usage.audio_prompt, -1);
    test_int(usage.audio_completion, -1);
    test_int(usage.reported, 0);
}
