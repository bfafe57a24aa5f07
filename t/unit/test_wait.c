
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_wait.h"

#include <time.h>


/* 2026-03-01T00:00:00Z */
#define TEST_NOW  1772323200


static void test_values(void);
static void test_dates(void);
static void test_msec(void);
static void test_headers(void);
static void test_limits(const char *lines, ngx_int_t want);


int
main(void)
{
    test_values();
    test_dates();
    test_msec();
    test_headers();

    return test_done("wait");
}


static void
test_values(void)
{
    ngx_str_t   s;
    ngx_uint_t  i;

    static struct {
        char       *value;
        ngx_int_t   want;
        ngx_int_t   blind;          /* now is not known */
    } cases[] = {
        { "0", 0, 0 },
        { "7", 7, 7 },
        { "1.5", 2, 2 },
        { "0.001", 1, 1 },
        { "33011.382867", 33012, 33012 },
        { "1.0000000000000000001", 1, 1 },
        { "86401", 86400, 86400 },
        { "999999999", 86400, 86400 },
        { "99999999999999999999999999999999", 86400, -1 },

        { "1s", 1, 1 },
        { "6m0s", 360, 360 },
        { "2m59.56s", 180, 180 },
        { "12ms", 1, 1 },
        { "1500ms", 2, 2 },
        { "0ms", 0, 0 },
        { "1ns", 1, 1 },
        { "5us", 1, 1 },
        { "5\xc2\xb5s", 1, 1 },
        { "1h30m", 5400, 5400 },
        { "1d2h", 86400, 86400 },
        { "34s", 34, 34 },
        { "0.5s", 1, 1 },
        { "99999999999999999999d", 86400, 86400 },
        { "9999999999999999h9999999999999999m", 86400, 86400 },

        { "1772323205", 5, -1 },
        { "1772323199", 0, -1 },
        { "1772323205.25", 6, -1 },
        { "1772323205250", 6, -1 },

        { "2026-03-01T00:00:05Z", 5, -1 },
        { "2026-03-01t00:00:05.5z", 6, -1 },
        { "2026-03-01T00:00:05.000Z", 5, -1 },
        { "2026-03-01T01:00:05+01:00", 5, -1 },
        { "2026-02-28T23:30:05-00:30", 5, -1 },
        { "2026-02-28T23:59:59Z", 0, -1 },
        { "2027-03-01T00:00:05Z", 86400, -1 },
        { "1970-01-01T00:00:00Z", 0, -1 },

        { "", -1, -1 },
        { "-1", -1, -1 },
        { "+1", -1, -1 },
        { "1.", -1, -1 },
        { ".5", -1, -1 },
        { "s", -1, -1 },
        { "1x", -1, -1 },
        { "1s2", -1, -1 },
        { "1s 2m", -1, -1 },
        { "1 s", -1, -1 },
        { "m5s", -1, -1 },
        { "Wed, 21 Oct 2015 07:28:00 GMT", -1, -1 },
        { "2026-03-01", -1, -1 },
        { "2026-03-01T00:00:05", -1, -1 },
        { "2026-03-01T00:00:05.", -1, -1 },
        { "2026-03-01T00:00:05+0100", -1, -1 },
        { "2026-13-01T00:00:05Z", -1, -1 },
        { "2026-03-01T24:00:05Z", -1, -1 },
        { "2026-03-01T00:00:05+25:00", -1, -1 },
        { "2026-03-0xT00:00:05Z", -1, -1 },
        { "abcd-03-01T00:00:05Z", -1, -1 },
        { NULL, 0, 0 }
    };

    for (i = 0; cases[i].value; i++) {
        test_reset();
        test_case = cases[i].value;

        s = test_string(cases[i].value);

        test_int(ngx_llm_wait(&s, TEST_NOW), cases[i].want);
        test_int(ngx_llm_wait(&s, 0), cases[i].blind);
    }
}


/* every day of a cycle of the calendar, as the C library has it */

static void
test_dates(void)
{
    char        text[64];
    time_t      day;
    ngx_str_t   s;
    struct tm   tm;
    ngx_uint_t  i;

    test_case = "dates";

    for (i = 0; i < 146097; i++) {
        day = (time_t) i * 86400;

        gmtime_r(&day, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);

        s.data = (u_char *) text;
        s.len = strlen(text);

        test_int(ngx_llm_wait(&s, day ? day : 1), 0);
        test_int(ngx_llm_wait(&s, ngx_max(day - 60, 1)),
                 ngx_min(day - ngx_max(day - 60, 1), 60) > 0 ? 60 : 0);
    }
}


static void
test_msec(void)
{
    ngx_str_t   s;
    ngx_uint_t  i;

    static struct {
        char       *value;
        ngx_int_t   want;
    } cases[] = {
        { "0", 0 },
        { "1", 1 },
        { "1000", 1 },
        { "1001", 2 },
        { "1500.5", 2 },
        { "0.2", 1 },
        { "99999999999", 86400 },
        { "", -1 },
        { "1s", -1 },
        { "x", -1 },
        { NULL, 0 }
    };

    for (i = 0; cases[i].value; i++) {
        test_reset();
        test_case = cases[i].value;

        s = test_string(cases[i].value);
        test_int(ngx_llm_wait_msec(&s), cases[i].want);
    }
}


static void
test_headers(void)
{
    test_limits("", -1);
    test_limits("x-request-id: 5", -1);

    /* the limit that is used up */

    test_limits("x-ratelimit-remaining-requests: 0\n"
                "x-ratelimit-reset-requests: 1s\n"
                "x-ratelimit-remaining-tokens: 100\n"
                "x-ratelimit-reset-tokens: 6m0s", 1);
    test_limits("x-ratelimit-reset-tokens: 6m0s\n"
                "x-ratelimit-remaining-tokens: 0\n"
                "x-ratelimit-reset-requests: 1s\n"
                "x-ratelimit-remaining-requests: 0", 360);

    /* none is: who knows what it was */

    test_limits("x-ratelimit-remaining-requests: 5\n"
                "x-ratelimit-reset-requests: 1s\n"
                "x-ratelimit-remaining-tokens: 100\n"
                "x-ratelimit-reset-tokens: 6m0s", -1);

    test_limits("Anthropic-RateLimit-Requests-Remaining: 0\n"
                "Anthropic-RateLimit-Requests-Reset: 2026-03-01T00:00:09Z\n"
                "anthropic-ratelimit-input-tokens-remaining: 7\n"
                "anthropic-ratelimit-input-tokens-reset: "
                "2026-03-01T00:09:00Z\n"
                "anthropic-ratelimit-output-tokens-remaining: 0\n"
                "anthropic-ratelimit-output-tokens-reset: "
                "2026-03-01T00:00:12Z", 12);

    /* periods are limits of their own */

    test_limits("x-ratelimit-remaining-tokens-minute: 0\n"
                "x-ratelimit-reset-tokens-minute: 11.38\n"
                "x-ratelimit-remaining-requests-day: 14399\n"
                "x-ratelimit-reset-requests-day: 33011.382867", 12);

    test_limits("x-ratelimit-reset: 1772323205250", 6);
    test_limits("ratelimit-reset: 7\nratelimit-remaining: 0", 7);
    test_limits("x-ratelimit-remaining: 0", -1);
    test_limits("x-ratelimit-reset: soon", -1);
}


static void
test_limits(const char *lines, ngx_int_t want)
{
    u_char          *p, *end, *colon;
    ngx_str_t        text, name, value;
    ngx_llm_wait_t   wait;

    test_reset();
    test_case = lines;

    text = test_string(lines);
    ngx_llm_wait_init(&wait);

    for (p = text.data; p < text.data + text.len; p = end + 1) {
        end = ngx_strlchr(p, text.data + text.len, '\n');

        if (end == NULL) {
            end = text.data + text.len;
        }

        colon = ngx_strlchr(p, end, ':');

        name.data = p;
        name.len = colon - p;
        value.data = colon + 2;
        value.len = end - value.data;

        ngx_llm_wait_header(&wait, &name, &value, TEST_NOW);
    }

    test_int(ngx_llm_wait_reset(&wait), want);
}
