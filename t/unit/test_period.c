
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Time zones, calendar periods, dates.  Files are written here; where the
 * system has its own, their offsets are compared with the C library's.
 */


#include "test.h"

#include <time.h>

#include "ngx_llm_period.h"


#define BERLIN  "CET-1CEST,M3.5.0,M10.5.0/3"


typedef struct {
    int64_t      at;
    int          type;
} transition_t;


static u_char *
be(u_char *p, int64_t value, int n)
{
    while (n--) {
        *p++ = (u_char) (value >> (n * 8));
    }

    return p;
}


static u_char *
header(u_char *p, int times, int types, int leaps)
{
    p = ngx_cpymem(p, "TZif2", 5);
    memset(p, 0, 15);
    p += 15;
    p = be(p, 0, 4);
    p = be(p, 0, 4);
    p = be(p, leaps, 4);
    p = be(p, times, 4);
    p = be(p, types, 4);

    return be(p, 4, 4);
}


/* types: offsets; at most 16 of each */

static ngx_int_t
zone(ngx_llm_tz_t *tz, int *types, int ntypes, transition_t *times,
    int ntimes, const char *rule, size_t cut)
{
    int         i;
    u_char     *p, *start;
    char       *why;
    ngx_int_t   rc;
    ngx_str_t   data;

    start = malloc(1024);
    p = header(start, 0, 1, 0);
    p = be(p, 0, 6);
    p = ngx_cpymem(p, "UTC", 4);

    p = header(p, ntimes, ntypes, 0);

    for (i = 0; i < ntimes; i++) {
        p = be(p, times[i].at, 8);
    }

    for (i = 0; i < ntimes; i++) {
        *p++ = (u_char) times[i].type;
    }

    for (i = 0; i < ntypes; i++) {
        p = be(p, types[i], 4);
        p = be(p, 0, 2);
    }

    p = ngx_cpymem(p, "UTC", 4);
    p += sprintf((char *) p, "\n%s\n", rule);

    /* a block of its own: reading behind it is seen */

    data.len = p - start - cut;
    data.data = malloc(data.len);
    memcpy(data.data, start, data.len);
    free(start);

    why = NULL;
    rc = ngx_llm_tz_read(tz, test_pool, &data, &why);

    test_ok(rc == NGX_OK || why != NULL);

    free(data.data);

    return rc;
}


static void
rule_zone(ngx_llm_tz_t *tz, int offset, const char *rule)
{
    test_case = rule;
    test_int(zone(tz, &offset, 1, NULL, 0, rule, 0), NGX_OK);
}


static int64_t
at(const char *text)
{
    int64_t       t;
    ngx_str_t     s;
    ngx_llm_tz_t  utc;

    s.data = (u_char *) text;
    s.len = strlen(text);
    t = -1;

    ngx_llm_tz_init(&utc);

    test_int(ngx_llm_time_parse(&utc, &s, &t), NGX_OK);

    return t;
}


static void
check(ngx_llm_tz_t *tz, ngx_llm_period_e period, const char *t,
    const char *begin, const char *end)
{
    int64_t    b, e;
    ngx_str_t  s;
    u_char     buf[NGX_LLM_TIME_LEN];

    test_case = t;

    ngx_llm_period(tz, period, at(t), &b, &e);

    s.data = buf;

    s.len = ngx_llm_time_text(buf, b) - buf;
    test_str(s, begin);

    s.len = ngx_llm_time_text(buf, e) - buf;
    test_str(s, end);
}


static void
test_utc(void)
{
    int64_t       b, e;
    ngx_llm_tz_t  tz;

    ngx_llm_tz_init(&tz);

    check(&tz, NGX_LLM_PERIOD_HOUR, "2026-11-27T10:23:26Z",
          "2026-11-27T10:00:00Z", "2026-11-27T11:00:00Z");
    check(&tz, NGX_LLM_PERIOD_HOUR, "2026-11-27T11:00:00Z",
          "2026-11-27T11:00:00Z", "2026-11-27T12:00:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2026-11-27T10:23:26Z",
          "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2026-12-31T23:59:59Z",
          "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z");
    check(&tz, NGX_LLM_PERIOD_WEEK, "2026-11-27T10:23:26Z",
          "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
    check(&tz, NGX_LLM_PERIOD_WEEK, "2026-11-30T00:00:00Z",
          "2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z");
    check(&tz, NGX_LLM_PERIOD_WEEK, "2026-11-29T23:59:59Z",
          "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
    check(&tz, NGX_LLM_PERIOD_MONTH, "2026-11-27T10:23:26Z",
          "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
    check(&tz, NGX_LLM_PERIOD_MONTH, "2024-02-29T12:00:00Z",
          "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z");
    check(&tz, NGX_LLM_PERIOD_MONTH, "2100-02-28T23:59:59Z",
          "2100-02-01T00:00:00Z", "2100-03-01T00:00:00Z");
    check(&tz, NGX_LLM_PERIOD_MONTH, "2026-12-31T23:59:59Z",
          "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
    check(&tz, NGX_LLM_PERIOD_MONTH, "1969-12-31T23:59:59Z",
          "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z");

    ngx_llm_period(&tz, NGX_LLM_PERIOD_TOTAL, 1000000, &b, &e);
    test_int(b, 0);
    test_int(e, 0);

    /* a clock that says nonsense */

    ngx_llm_period(&tz, NGX_LLM_PERIOD_MONTH, INT64_MAX, &b, &e);
    test_ok(b < e);
    ngx_llm_period(&tz, NGX_LLM_PERIOD_MONTH, INT64_MIN, &b, &e);
    test_ok(b < e);
}


static void
test_dst(void)
{
    ngx_llm_tz_t  tz;

    rule_zone(&tz, 3600, BERLIN);

    check(&tz, NGX_LLM_PERIOD_DAY, "2026-11-27T10:00:00Z",
          "2026-11-26T23:00:00Z", "2026-11-27T23:00:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2026-07-01T10:00:00Z",
          "2026-06-30T22:00:00Z", "2026-07-01T22:00:00Z");

    /* 23 hours, 25 hours */

    check(&tz, NGX_LLM_PERIOD_DAY, "2026-03-29T12:00:00Z",
          "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2026-10-25T00:30:00Z",
          "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");

    /* the hour that comes twice is two */

    check(&tz, NGX_LLM_PERIOD_HOUR, "2026-10-25T00:30:00Z",
          "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z");
    check(&tz, NGX_LLM_PERIOD_HOUR, "2026-10-25T01:30:00Z",
          "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z");

    /* weeks and months that have such a day */

    check(&tz, NGX_LLM_PERIOD_WEEK, "2026-03-29T12:00:00Z",
          "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z");
    check(&tz, NGX_LLM_PERIOD_MONTH, "2026-10-31T22:59:59Z",
          "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z");
    check(&tz, NGX_LLM_PERIOD_MONTH, "2026-03-31T21:59:59Z",
          "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");

    /* the south: DST over the new year */

    rule_zone(&tz, 36000, "AEST-10AEDT,M10.1.0,M4.1.0/3");

    check(&tz, NGX_LLM_PERIOD_DAY, "2026-01-01T00:00:00Z",
          "2025-12-31T13:00:00Z", "2026-01-01T13:00:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2026-06-01T00:00:00Z",
          "2026-05-31T14:00:00Z", "2026-06-01T14:00:00Z");

    /* half an hour: Lord Howe; an hour of the clock that is cut */

    rule_zone(&tz, 37800, "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0");

    check(&tz, NGX_LLM_PERIOD_HOUR, "2026-04-04T14:45:00Z",
          "2026-04-04T14:00:00Z", "2026-04-04T15:00:00Z");
    check(&tz, NGX_LLM_PERIOD_HOUR, "2026-04-04T15:10:00Z",
          "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z");
    check(&tz, NGX_LLM_PERIOD_HOUR, "2026-04-04T15:40:00Z",
          "2026-04-04T15:30:00Z", "2026-04-04T16:30:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2026-04-04T15:40:00Z",
          "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z");

    /* "DST" in winter, as in Dublin */

    rule_zone(&tz, 0, "IST-1GMT0,M10.5.0,M3.5.0/1");

    check(&tz, NGX_LLM_PERIOD_DAY, "2026-07-01T10:00:00Z",
          "2026-06-30T23:00:00Z", "2026-07-01T23:00:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2026-12-01T10:00:00Z",
          "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z");

    /* all the year: RFC 8536, 3.3.1 */

    rule_zone(&tz, 0, "EST5EDT,0/0,J365/25");

    check(&tz, NGX_LLM_PERIOD_DAY, "2026-12-31T23:00:00Z",
          "2026-12-31T04:00:00Z", "2027-01-01T04:00:00Z");
    check(&tz, NGX_LLM_PERIOD_MONTH, "2027-01-01T04:00:00Z",
          "2027-01-01T04:00:00Z", "2027-02-01T04:00:00Z");

    /* days of the year by number; no DST; minutes */

    rule_zone(&tz, 0, "AAA0BBB,J60/0,J300/0");
    check(&tz, NGX_LLM_PERIOD_DAY, "2024-03-01T12:00:00Z",
          "2024-03-01T00:00:00Z", "2024-03-01T23:00:00Z");

    rule_zone(&tz, 0, "<+0545>-5:45");
    check(&tz, NGX_LLM_PERIOD_DAY, "2026-01-01T00:00:00Z",
          "2025-12-31T18:15:00Z", "2026-01-01T18:15:00Z");
    check(&tz, NGX_LLM_PERIOD_HOUR, "2026-01-01T00:20:00Z",
          "2026-01-01T00:15:00Z", "2026-01-01T01:15:00Z");
}


static void
test_midnight(void)
{
    int           types[2];
    ngx_llm_tz_t  tz;
    transition_t  times[2];

    /* midnight that does not exist: clocks go from 24:00 to 01:00 */

    types[0] = -3 * 3600;
    types[1] = -2 * 3600;
    times[0].at = at("2018-11-04T03:00:00Z");
    times[0].type = 1;
    times[1].at = at("2019-02-17T02:00:00Z");
    times[1].type = 0;

    test_int(zone(&tz, types, 2, times, 2, "<-03>3", 0), NGX_OK);

    check(&tz, NGX_LLM_PERIOD_DAY, "2018-11-04T02:59:59Z",
          "2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2018-11-04T03:00:00Z",
          "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z");

    /* and back from 24:00 to 23:00: the day is longer */

    check(&tz, NGX_LLM_PERIOD_DAY, "2019-02-17T01:59:59Z",
          "2019-02-16T02:00:00Z", "2019-02-17T03:00:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2019-02-17T02:30:00Z",
          "2019-02-16T02:00:00Z", "2019-02-17T03:00:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2019-02-17T03:00:00Z",
          "2019-02-17T03:00:00Z", "2019-02-18T03:00:00Z");

    /* from 00:01 to 23:01: the day that has begun stays */

    types[0] = -9000;
    types[1] = -12600;
    times[0].at = at("2000-01-01T00:00:00Z");
    times[0].type = 0;
    times[1].at = at("2009-11-01T02:31:00Z");
    times[1].type = 1;

    test_int(zone(&tz, types, 2, times, 2, "NST3:30", 0), NGX_OK);

    check(&tz, NGX_LLM_PERIOD_DAY, "2009-11-01T02:30:30Z",
          "2009-11-01T02:30:00Z", "2009-11-02T03:30:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2009-11-01T02:40:00Z",
          "2009-11-01T02:30:00Z", "2009-11-02T03:30:00Z");

    /* a day that was left out: over the date line */

    types[0] = -10 * 3600;
    types[1] = 14 * 3600;
    times[0].at = at("2011-12-30T10:00:00Z");
    times[0].type = 1;

    test_int(zone(&tz, types, 2, times, 1, "", 0), NGX_OK);

    check(&tz, NGX_LLM_PERIOD_DAY, "2011-12-30T09:59:59Z",
          "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z");
    check(&tz, NGX_LLM_PERIOD_DAY, "2011-12-30T10:00:00Z",
          "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z");
    check(&tz, NGX_LLM_PERIOD_MONTH, "2011-12-31T09:00:00Z",
          "2011-12-01T10:00:00Z", "2011-12-31T10:00:00Z");
}


/* periods of a zone follow each other, and t always lies inside its own */

static void
test_partition(void)
{
    int64_t       t, b, e, b2, e2;
    ngx_uint_t    i, period, first;
    ngx_llm_tz_t  tz;

    static const char  *rules[] = {
        BERLIN,
        "AEST-10AEDT,M10.1.0,M4.1.0/3",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "IST-1GMT0,M10.5.0,M3.5.0/1",
        "EST5EDT,0/0,J365/25",
        "NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01",
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
        NULL
    };

    for (i = 0; rules[i]; i++) {
        rule_zone(&tz, 0, rules[i]);

        for (period = NGX_LLM_PERIOD_HOUR; period < NGX_LLM_PERIOD_TOTAL;
             period++)
        {
            t = at("2025-12-20T00:00:00Z");
            first = 1;

            while (t < at("2027-01-10T00:00:00Z")) {
                ngx_llm_period(&tz, period, t, &b, &e);
                test_ok(first ? b <= t && t < e : b == t && t < e);
                first = 0;

                ngx_llm_period(&tz, period, (b + e) / 2, &b2, &e2);
                test_ok(b2 == b && e2 == e);

                ngx_llm_period(&tz, period, e - 1, &b2, &e2);
                test_ok(b2 == b && e2 == e);

                t = e;
            }
        }
    }
}


static void
test_bad_files(void)
{
    int           type;
    size_t        cut;
    ngx_uint_t    i;
    ngx_llm_tz_t  tz;
    transition_t  times[2];

    static const char  *rules[] = {
        "CET",
        "CET-",
        "CE-1",
        "CET-1CEST",
        "CET-1CEST,",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M3.5,M10.5.0",
        "CET-1CEST,J0,J100",
        "CET-1CEST,J366,J100",
        "CET-1CEST,366,100",
        "CET-1CEST,M3.5.0/168,M10.5.0",
        "CET-1CEST,M3.5.0/,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0x",
        "CET-99",
        "<CET-1",
        "CET-1:60",
        "CET-1:",
        NULL
    };

    type = 3600;

    for (i = 0; rules[i]; i++) {
        test_case = rules[i];
        test_int(zone(&tz, &type, 1, NULL, 0, rules[i], 0), NGX_DECLINED);
    }

    for (cut = 1; cut < 130; cut++) {
        test_int(zone(&tz, &type, 1, NULL, 0, BERLIN, cut), NGX_DECLINED);
    }

    /* order, a type that is none, an offset that is none, no type */

    times[0].at = 100;
    times[0].type = 0;
    times[1].at = 100;
    times[1].type = 0;
    test_int(zone(&tz, &type, 1, times, 2, "CET-1", 0), NGX_DECLINED);

    times[1].at = 200;
    times[1].type = 1;
    test_int(zone(&tz, &type, 1, times, 2, "CET-1", 0), NGX_DECLINED);

    test_int(zone(&tz, &type, 0, NULL, 0, "CET-1", 0), NGX_DECLINED);

    type = 100 * 3600;
    test_int(zone(&tz, &type, 1, NULL, 0, "CET-1", 0), NGX_DECLINED);
}


static void
test_times(void)
{
    int64_t       t;
    ngx_str_t     s;
    ngx_uint_t    i;
    ngx_llm_tz_t  tz;

    static struct {
        const char  *text;
        int64_t      t;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-11-27T10:23:26Z", 1795775006 },
        { "2026-11-27t10:23:26z", 1795775006 },
        { "2026-11-27 10:23:26Z", 1795775006 },
        { "2026-11-27T10:23:26.123456Z", 1795775006 },
        { "2026-11-27T11:23:26+01:00", 1795775006 },
        { "2026-11-27T05:53:26-04:30", 1795775006 },
        { "2026-11-27", 1795734000 },       /* Berlin */
        { "2026-07-01", 1782856800 },
        { "2024-02-29T00:00:00Z", 1709164800 },
        { NULL, 0 }
    };

    static const char  *bad[] = {
        "", "2026", "2026-11", "2026-13-01", "2026-00-01", "2026-11-31",
        "2026-02-29", "2026-11-00", "2026-1-1", "2026/11/27", "x026-11-27",
        "2026-11-27T", "2026-11-27T10:23:26", "2026-11-27T10:23Z",
        "2026-11-27T24:00:00Z", "2026-11-27T10:60:00Z",
        "2026-11-27T10:23:61Z", "2026-11-27T10:23:26.Z",
        "2026-11-27T10:23:26.", "2026-11-27T10:23:26+1:00",
        "2026-11-27T10:23:26+24:00", "2026-11-27T10:23:26+01:00x",
        "2026-11-27T10:23:26ZZ", "2026-11-27x", NULL
    };

    rule_zone(&tz, 3600, BERLIN);

    for (i = 0; cases[i].text; i++) {
        test_case = cases[i].text;
        s.len = strlen(cases[i].text);
        s.data = malloc(s.len);
        memcpy(s.data, cases[i].text, s.len);

        t = -1;
        test_int(ngx_llm_time_parse(&tz, &s, &t), NGX_OK);
        test_int(t, cases[i].t);
        free(s.data);
    }

    for (i = 0; bad[i]; i++) {
        test_case = bad[i];
        s.len = strlen(bad[i]);
        s.data = malloc(s.len + 1);
        memcpy(s.data, bad[i], s.len);

        test_int(ngx_llm_time_parse(&tz, &s, &t), NGX_DECLINED);
        free(s.data);
    }
}


/* the C library reads the same files in its own way */

static void
test_system(void)
{
    char          *why;
    time_t         t;
    ngx_str_t      data;
    struct tm      tm;
    ngx_uint_t     i;
    ngx_llm_tz_t   tz;
    char           path[256];

    static const char  *names[] = {
        "Europe/Berlin", "Europe/Dublin", "America/New_York",
        "America/St_Johns", "America/Sao_Paulo", "America/Nuuk",
        "Australia/Lord_Howe", "Australia/Sydney", "Africa/Casablanca",
        "Africa/Cairo", "Asia/Kathmandu", "Asia/Tehran", "Asia/Tokyo",
        "Pacific/Apia", "Antarctica/Troll", "UTC", NULL
    };

    for (i = 0; names[i]; i++) {
        test_case = names[i];

        sprintf(path, "/usr/share/zoneinfo/%s", names[i]);

        data = test_file(path);

        if (data.data == NULL) {
            continue;
        }

        if (!test_int(ngx_llm_tz_read(&tz, test_pool, &data, &why), NGX_OK)) {
            continue;
        }

        free(data.data);

        setenv("TZ", names[i], 1);
        tzset();

        /* a prime number of seconds: all hours of a day are met */

        for (t = 0; t < 4102444800; t += 86399 * 3 + 1800) {
            localtime_r(&t, &tm);

            if (!test_int(ngx_llm_tz_offset(&tz, t), tm.tm_gmtoff)) {
                break;
            }
        }
    }
}


int
main(void)
{
    test_reset();

    test_utc();
    test_dst();
    test_midnight();
    test_partition();
    test_bad_files();
    test_times();
    test_system();

    return test_done("period");
}
