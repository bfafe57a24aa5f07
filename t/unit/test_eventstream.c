
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Amazon's event stream: published vectors and what must be refused, whole and
 * split at every byte.
 */


#include "test.h"
#include "test_eventstream.h"


typedef struct {
    char             *name;
    char             *hex;
    ngx_llm_frame_e   kind;
    char             *frame;    /* its name */
    char             *data;
} test_vector_t;


static void test_vectors(void);
static void test_pairs(void);
static void test_headers(void);
static void test_broken(void);
static void test_prelude(void);
static void test_limits(void);
static void test_memory(void);
static ngx_str_t test_hex(char *hex);
static ngx_int_t test_feed(ngx_str_t *text, size_t step, ngx_uint_t *n,
    ngx_llm_frame_t *frame);
static ngx_int_t test_one(ngx_str_t *headers, ngx_str_t *payload);


static test_vector_t  test_messages[] = {

    { "empty", "000000100000000005c248eb7d98c8ff",
      NGX_LLM_FRAME_EVENT, NULL, "" },

    { "payload", "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936",
      NGX_LLM_FRAME_EVENT, NULL, "{'foo':'bar'}" },

    { "header",
      "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c6963"
      "6174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08b1",
      NGX_LLM_FRAME_EVENT, NULL, "{'foo':'bar'}" },

    { "error",
      "0000005200000042bf23637e"
      "0d3a6d6573736167652d747970650700056572726f72"
      "0b3a6572726f722d636f6465070004636f6465"
      "0e3a6572726f722d6d6573736167650700076d657373616765"
      "6b6cea3d",
      NGX_LLM_FRAME_ERROR, "code", "message" },

    { "all types of headers",
      "000000620000005203b5cb9c"
      "0130" "00"
      "0131" "01"
      "0132" "0202"
      "0133" "030003"
      "0134" "0400000004"
      "0135" "050000000000000005"
      "0136" "06000562797465 73"
      "0137" "07000475746638"
      "0138" "080000000000000008"
      "0139" "0930313233343536373839616263646566"
      "63353671",
      NGX_LLM_FRAME_EVENT, NULL, "" },

    { "delta",
      "0000009400000057b4ab9aee0b3a6576656e742d74797065070011636f6e74656e74"
      "426c6f636b44656c74610d3a636f6e74656e742d747970650700106170706c696361"
      "74696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b2263"
      "6f6e74656e74426c6f636b496e646578223a302c2264656c7461223a7b2274657874"
      "223a224869227d7d1f944657",
      NGX_LLM_FRAME_EVENT, "contentBlockDelta",
      "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"}}" },

    { "exception",
      "00000090000000618e91a9b70f3a657863657074696f6e2d74797065070013746872"
      "6f74746c696e67457863657074696f6e0d3a636f6e74656e742d7479706507001061"
      "70706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700096578"
      "63657074696f6e7b226d657373616765223a22546f6f206d616e7920726571756573"
      "7473227de67f8005",
      NGX_LLM_FRAME_EXCEPTION, "throttlingException",
      "{\"message\":\"Too many requests\"}" },

    { NULL, NULL, NGX_LLM_FRAME_EVENT, NULL, NULL }
};


int
main(int argc, char *const *argv)
{
    test_vectors();
    test_pairs();
    test_headers();
    test_broken();
    test_prelude();
    test_limits();
    test_memory();

    return test_done("eventstream");
}


static void
test_vectors(void)
{
    size_t            step;
    ngx_str_t         text;
    ngx_uint_t        n;
    test_vector_t    *v;
    ngx_llm_frame_t   frame;

    for (v = test_messages; v->name; v++) {

        test_case = v->name;
        text = test_hex(v->hex);

        for (step = 1; step <= text.len; step++) {

            test_int(test_feed(&text, step, &n, &frame), NGX_DONE);
            test_int(n, 1);
            test_int(frame.kind, v->kind);
            test_str(frame.name, v->frame);
            test_str(frame.data, v->data);
            test_same(frame.raw, text);
        }

        /* cut anywhere it is no message */

        for (step = 1; step < text.len; step++) {
            text.len--;
            test_int(test_feed(&text, text.len, &n, &frame), NGX_ERROR);
            test_int(n, 0);
        }

        free(text.data);
    }
}


/* two messages in one read and in any pieces */

static void
test_pairs(void)
{
    size_t            step;
    ngx_str_t         one, text, two;
    ngx_uint_t        n;
    ngx_llm_frame_t   frame;

    test_case = "pairs";

    one = test_hex(test_messages[6].hex);
    two = test_hex(test_messages[5].hex);

    text.len = one.len + two.len;
    text.data = malloc(text.len);
    ngx_memcpy(text.data, one.data, one.len);
    ngx_memcpy(text.data + one.len, two.data, two.len);

    for (step = 1; step <= text.len; step++) {
        test_int(test_feed(&text, step, &n, &frame), NGX_DONE);
        test_int(n, 2);
        test_str(frame.name, "contentBlockDelta");
    }

    free(one.data);
    free(two.data);
    free(text.data);
}


/* headers that cannot be read */

static void
test_headers(void)
{
    u_char      *p;
    ngx_str_t    headers, none, value;
    ngx_uint_t   i, k;
    u_char       buf[4096];

    static struct {
        char       *name;
        char       *hex;
        ngx_int_t   rc;
    } cases[] = {
        { "no headers", "", NGX_DONE },
        { "no name", "0000", NGX_ERROR },
        { "cut name", "0561", NGX_ERROR },
        { "no type", "0161", NGX_ERROR },
        { "unknown type", "01610a", NGX_ERROR },
        { "cut integer", "016104000000", NGX_ERROR },
        { "cut length", "01610700", NGX_ERROR },
        { "cut string", "016107000361", NGX_ERROR },
        { "cut uuid", "01610900", NGX_ERROR },
        { "same name twice", "016100016101", NGX_ERROR },
        { "names apart", "016100016201", NGX_DONE },
        { "empty string", "0161070000", NGX_DONE },
        { NULL, NULL, 0 }
    };

    ngx_str_set(&none, "");

    for (i = 0; cases[i].name; i++) {
        test_case = cases[i].name;
        headers = test_hex(cases[i].hex);

        test_int(test_one(&headers, &none), cases[i].rc);

        free(headers.data);
    }

    test_case = "many headers";
    ngx_str_set(&value, "v");

    for (k = NGX_LLM_EVENTSTREAM_MAX_HEADERS;
         k <= NGX_LLM_EVENTSTREAM_MAX_HEADERS + 1;
         k++)
    {
        p = buf;

        for (i = 0; i < k; i++) {
            char  name[8];

            snprintf(name, sizeof(name), "h%u", (unsigned) i);
            p = test_header(p, name, &value);
        }

        headers.data = buf;
        headers.len = p - buf;

        test_int(test_one(&headers, &none),
                 k == NGX_LLM_EVENTSTREAM_MAX_HEADERS ? NGX_DONE : NGX_ERROR);
    }

    /* only a string is a type */

    test_case = "type that is no string";
    headers = test_hex("0d3a6d6573736167652d747970650600056572726f72");
    test_int(test_one(&headers, &none), NGX_DONE);
    free(headers.data);
}


/* one bit anywhere makes it no message */

static void
test_broken(void)
{
    size_t            i;
    ngx_str_t         text;
    ngx_uint_t        n;
    ngx_llm_frame_t   frame;

    test_case = "broken";
    text = test_hex(test_messages[5].hex);

    for (i = 0; i < text.len * 8; i++) {
        text.data[i / 8] ^= (u_char) (1 << (i % 8));

        test_int(test_feed(&text, text.len, &n, &frame), NGX_ERROR);
        test_int(n, 0);
        test_int(test_feed(&text, 1, &n, &frame), NGX_ERROR);
        test_int(n, 0);

        text.data[i / 8] ^= (u_char) (1 << (i % 8));
    }

    free(text.data);
}


/* lengths are looked at before anything is held of what they announce */

static void
test_limits(void)
{
    u_char                 *p, *pos;
    size_t                  held;
    ngx_uint_t              i;
    ngx_pool_t             *pool;
    ngx_llm_frame_t         frame;
    ngx_llm_eventstream_t   es;
    u_char                  buf[12];

    static struct {
        char       *name;
        uint32_t    total;
        uint32_t    headers;
        ngx_int_t   rc;
    } cases[] = {
        { "total 16", 16, 0, NGX_AGAIN },
        { "total 15", 15, 0, NGX_ERROR },
        { "total 0", 0, 0, NGX_ERROR },
        { "max", 1024 * 1024, 0, NGX_AGAIN },
        { "above max", 1024 * 1024 + 1, 0, NGX_ERROR },
        { "all bits", 0xffffffff, 0xffffffff, NGX_ERROR },
        { "headers fill it", 100, 84, NGX_AGAIN },
        { "headers beyond it", 100, 85, NGX_ERROR },
        { "headers at the limit", 1000000, 131072, NGX_AGAIN },
        { "headers above the limit", 1000000, 131073, NGX_ERROR },
        { NULL, 0, 0, 0 }
    };

    for (i = 0; cases[i].name; i++) {
        test_case = cases[i].name;
        pool = test_reset();

        p = test_uint32(buf, cases[i].total);
        p = test_uint32(p, cases[i].headers);
        test_uint32(p, ngx_crc32_long(buf, 8));

        ngx_llm_eventstream_init(&es, pool, 1024 * 1024);

        held = ngx_stubs_held;
        pos = buf;

        test_int(ngx_llm_eventstream_next(&es, &pos, buf + 12, &frame),
                 cases[i].rc);
        test_ok(ngx_stubs_held - held <= 8192);

        /* an error is for good */

        if (cases[i].rc == NGX_ERROR) {
            pos = buf;
            test_int(ngx_llm_eventstream_next(&es, &pos, buf + 12, &frame),
                     NGX_ERROR);
            test_int(ngx_llm_eventstream_last(&es), NGX_ERROR);
        }
    }
}


/* the first CRC counts alone, before the rest has come */

static void
test_prelude(void)
{
    u_char                 *last, *pos;
    ngx_str_t               headers, payload;
    ngx_uint_t              n;
    ngx_pool_t             *pool;
    ngx_llm_frame_t         frame;
    ngx_llm_eventstream_t   es;
    u_char                  buf[64];

    test_case = "prelude";

    ngx_str_set(&headers, "");
    ngx_str_set(&payload, "{}");

    last = test_message(buf, &headers, &payload);

    buf[8] ^= 1;
    test_uint32(last - 4, ngx_crc32_long(buf, last - 4 - buf));

    for (n = 12; n <= (ngx_uint_t) (last - buf); n++) {
        pool = test_reset();
        ngx_llm_eventstream_init(&es, pool, 1024 * 1024);

        pos = buf;
        test_int(ngx_llm_eventstream_next(&es, &pos, buf + n, &frame),
                 NGX_ERROR);
    }

    buf[8] ^= 1;
    test_uint32(last - 4, ngx_crc32_long(buf, last - 4 - buf));

    pool = test_reset();
    ngx_llm_eventstream_init(&es, pool, 1024 * 1024);

    pos = buf;
    test_int(ngx_llm_eventstream_next(&es, &pos, last, &frame), NGX_OK);
}


/* a long message in pieces is given back, and memory may fail */

static void
test_memory(void)
{
    u_char                 *pos, *last;
    size_t                  held, size;
    ngx_str_t               headers, payload, text;
    ngx_int_t               rc;
    ngx_uint_t              i, n;
    ngx_pool_t             *pool;
    ngx_llm_frame_t         frame;
    ngx_llm_eventstream_t   es;

    test_case = "memory";

    size = 300000;
    ngx_str_set(&headers, "");

    payload = test_copy("", 0);
    free(payload.data);
    payload.data = malloc(size);
    payload.len = size;
    memset(payload.data, 'x', size);

    text.data = malloc(size + 16);
    last = test_message(text.data, &headers, &payload);
    text.len = last - text.data;

    pool = test_reset();
    ngx_llm_eventstream_init(&es, pool, 1024 * 1024);
    held = 0;

    for (i = 0; i < 20; i++) {

        pos = text.data;
        test_int(ngx_llm_eventstream_next(&es, &pos, pos + 1000, &frame),
                 NGX_AGAIN);
        test_int(ngx_llm_eventstream_next(&es, &pos, last, &frame), NGX_OK);
        test_int(frame.data.len, size);
        test_ok(pos == last);

        pos = last;
        test_int(ngx_llm_eventstream_next(&es, &pos, last, &frame),
                 NGX_AGAIN);

        if (i == 1) {
            held = ngx_stubs_held;
        }
    }

    test_int(ngx_stubs_held, held);
    test_int(ngx_llm_eventstream_last(&es), NGX_DONE);

    for (n = 1; /* void */ ; n++) {

        pool = test_reset();
        ngx_llm_eventstream_init(&es, pool, 1024 * 1024);

        ngx_stubs_fail = n;

        pos = text.data;
        rc = ngx_llm_eventstream_next(&es, &pos, pos + 1000, &frame);

        if (rc == NGX_AGAIN) {
            rc = ngx_llm_eventstream_next(&es, &pos, last, &frame);
        }

        if (ngx_stubs_fail) {
            break;
        }

        test_int(rc, NGX_ERROR);
    }

    ngx_stubs_fail = 0;
    test_int(rc, NGX_OK);

    free(text.data);
    free(payload.data);
}


static ngx_int_t
test_one(ngx_str_t *headers, ngx_str_t *payload)
{
    ngx_int_t         rc;
    ngx_str_t         text;
    ngx_uint_t        n;
    ngx_llm_frame_t   frame;

    text.data = malloc(headers->len + payload->len + 16);
    text.len = test_message(text.data, headers, payload) - text.data;

    rc = test_feed(&text, text.len, &n, &frame);

    test_int(test_feed(&text, 1, &n, &frame), rc);

    free(text.data);

    return rc;
}


/* NGX_DONE, or NGX_ERROR; the last frame is a copy of the pool's */

static ngx_int_t
test_feed(ngx_str_t *text, size_t step, ngx_uint_t *n, ngx_llm_frame_t *last)
{
    u_char                 *copy, *pos;
    size_t                  len, size;
    ngx_int_t               rc;
    ngx_pool_t             *pool;
    ngx_llm_frame_t         frame;
    ngx_llm_eventstream_t   es;

    pool = test_reset();
    ngx_llm_eventstream_init(&es, pool, 1024 * 1024);

    *n = 0;
    ngx_memzero(last, sizeof(ngx_llm_frame_t));

    for (len = 0; len < text->len; len += size) {

        size = ngx_min(step, text->len - len);

        copy = malloc(size);
        memcpy(copy, text->data + len, size);
        pos = copy;

        for ( ;; ) {
            rc = ngx_llm_eventstream_next(&es, &pos, copy + size, &frame);

            if (rc != NGX_OK) {
                break;
            }

            *n += 1;
            *last = frame;

            last->raw.data = ngx_pstrdup(pool, &frame.raw);
            last->data.data = last->raw.data
                              + (frame.data.data - frame.raw.data);

            if (frame.name.data) {
                last->name.data = last->raw.data
                                  + (frame.name.data - frame.raw.data);
            }
        }

        free(copy);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return ngx_llm_eventstream_last(&es);
}


static ngx_str_t
test_hex(char *hex)
{
    u_char     *p;
    char       *h;
    ngx_str_t   text;

    text.data = malloc(strlen(hex) / 2 + 1);
    p = text.data;

    for (h = hex; *h; h++) {

        if (*h == ' ') {
            continue;
        }

        *p++ = (u_char) ngx_hextoi((u_char *) h, 2);
        h++;
    }

    text.len = p - text.data;

    /* its exact size, so that a byte read behind it is seen */

    p = text.data;
    text = test_copy(p, text.len);
    free(p);

    return text;
}
