
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Strings: wide blocks, narrow ones, and byte by byte find the same.
 */


/* the narrow ones are built here, the library's take what there is */

#define NGX_LLM_SCAN_WIDE    0
#define ngx_llm_json_string  test_narrow

#include "ngx_llm_json_string.c"

#undef ngx_llm_json_string

#include <ctype.h>

#include "test.h"


#define TEST_SIZE  400


u_char *ngx_llm_json_string(u_char *p, u_char *last, ngx_uint_t *escaped);


static uint32_t  test_seed = 1;


static uint32_t
test_random(uint32_t n)
{
    test_seed = test_seed * 1664525 + 1013904223;

    return (test_seed >> 8) % n;
}


/* RFC 8259, a byte at a time */

static u_char *
test_bytes(u_char *p, u_char *last, ngx_uint_t *escaped)
{
    size_t  i, n;

    *escaped = 0;

    while (p < last && *p != '"') {

        if (*p == '\\') {
            *escaped = 1;

            if (++p == last) {
                return NULL;
            }

            n = 1;

            if (*p == 'u') {
                for (n = 1; n < 5; n++) {
                    if (p + n >= last || !isxdigit(p[n])) {
                        return NULL;
                    }
                }

            } else if (*p == '\0' || strchr("\"\\/bfnrt", *p) == NULL) {
                return NULL;
            }

        } else if (*p < 0x20) {
            return NULL;

        } else {
            n = ngx_llm_utf8_char(p, last);

            if (n == 0) {
                return NULL;
            }
        }

        for (i = 0; i < n; i++) {
            p++;
        }
    }

    return (p < last) ? p : NULL;
}


static void
test_equal(u_char *text, size_t len)
{
    u_char      *copy, *last, *end, *wide, *narrow;
    ngx_uint_t   i, escaped, flag[2];

    /* memory of its own, so that a look behind the end is seen */

    copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    last = copy + len;

    end = test_bytes(copy, last, &escaped);
    wide = ngx_llm_json_string(copy, last, &flag[0]);
    narrow = test_narrow(copy, last, &flag[1]);

    test_ok(wide == end);
    test_ok(narrow == end);

    for (i = 0; end && i < 2; i++) {
        test_int(flag[i], escaped);
    }

    free(copy);
}


/* each pair of bytes and more, at each place of a block */

static void
test_places(void)
{
    size_t      i, j, n;
    u_char      text[TEST_SIZE];

    static const char  *pieces[] = {
        "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t",
        "\\u00e4", "\\ud83d\\ude00", "\\x", "\\u12g4", "\\u", "\\B", "\\2",
        "\\\xc3\xa4", "\\\xa2", "\\\xe2", "\\\xf2", "\\\x02", "\\\x12",
        "\\\\\\\\\\\\", "\\\\\\", "\\\\\\n", "\\n\\n\\n\\t\\\"",
        "\x01", "\x1f", "\x7f", "\"", "\\\\\"", "",
        "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf", "\xf1\x80\x80\x80\xc3\xa4", "\xe4\xb8\xad\\n",
        "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xff", "\xfe", "\x80", "\xc3", "\xe4\xb8",
        "\xf0\x9f\x98", "\xc3\xc3\xa4", "\xc3\"", "\xe4\xb8\"", "\xe4\"",
        "\xc3\xa4\xa4", "\xe4\xb8\xad\xad", "\xf0\x9f\x98\x80\x80",
        "\xc3\\n", "\xf0\x9f\\\\"
    };

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {

        test_case = pieces[i];
        n = strlen(pieces[i]);

        for (j = 0; j < 200; j++) {
            memset(text, 'a', TEST_SIZE);
            memcpy(text + j, pieces[i], n);

            text[300] = '"';

            test_equal(text, 301);           /* blocks behind it */
            test_equal(text, TEST_SIZE);
            test_equal(text, j + n);         /* the text ends there */

            text[j + n] = '"';

            test_equal(text, TEST_SIZE);
            test_equal(text, j + n + 1);

            memset(text, 0xc3, TEST_SIZE);  /* what is behind it is odd */
            memset(text, 'a', j);
            memcpy(text + j, pieces[i], n);

            text[j + n] = '"';

            test_equal(text, TEST_SIZE);
        }
    }
}


/* all pairs of bytes above ASCII, and what may follow them */

static void
test_utf8(void)
{
    ngx_uint_t  i, j, k, place;
    u_char      text[TEST_SIZE];

    static const u_char  next[] = { 'a', '"', 0x80, 0xbf, 0xc3, 0xe4, 0xf0 };

    test_case = "pairs";

    for (i = 0x80; i < 0x100; i++) {
        for (j = 0x80; j < 0x100; j++) {
            for (k = 0; k < sizeof(next); k++) {
                memset(text, 'a', TEST_SIZE);

                place = 20 + (i + j + k) % 50;

                text[place] = i;
                text[place + 1] = j;
                text[place + 2] = next[k];
                text[place + 3] = (i & 1) ? 0x80 : 'b';
                text[300] = '"';

                test_equal(text, TEST_SIZE);
            }
        }
    }
}


static void
test_mixed(void)
{
    size_t       i, len, n;
    u_char       text[TEST_SIZE];
    ngx_uint_t   round;
    const char  *piece;

    static const char  *pieces[] = {
        "a", "bc", " plain text of some length, as most are ", "\\n", "\\\"",
        "\\\\", "\\u00e4", "\xc3\xa4", "\xe4\xb8\xad\xe6\x96\x87",
        "\xf0\x9f\x98\x80", "\"", "\xc3", "\\", "\x01"
    };

    test_case = "mixed";

    for (round = 0; round < 20000; round++) {
        len = 0;

        for ( ;; ) {

            /* what ends a string is rare */

            i = test_random(test_random(40) ? 10 : 14);

            piece = pieces[i];
            n = strlen(piece);

            if (len + n > TEST_SIZE) {
                break;
            }

            memcpy(text + len, piece, n);
            len += n;
        }

        test_equal(text, len);
        test_equal(text, test_random(len));
    }
}


int
main(void)
{
    test_places();
    test_utf8();
    test_mixed();

    return test_done("json_string");
}
