
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The ledger under a clock that is set forward and back, over window edges and
 * the days on which clocks change: in no period is more admitted than its
 * limit.  And a bucket: in any time t at most burst + rate * t.
 */


#include "test_ledger.h"

#include <ngx_llm_period.h>


#define TEST_START    1774600000        /* 2026-03-27, two days before DST */
#define TEST_QUARTER  900
#define TEST_QUARTERS (420 * 96)
#define TEST_FLIGHT   8
#define TEST_KINDS    4
#define TEST_BURST    7
#define TEST_RATE     3                 /* a second */


typedef struct {
    ngx_uint_t           res;
    int64_t              period[TEST_KINDS];
    ngx_uint_t           used;
} test_flight_t;


static uint64_t          test_seed = 42;

static const char       *test_names[] = { "hour", "day", "week", "month" };
static const int64_t     test_limit[] = { 5, 30, 100, 250 };

/* by the period's begin: what is charged and what is held */
static int32_t           test_charged[TEST_KINDS][TEST_QUARTERS];
static int32_t           test_held[TEST_KINDS][TEST_QUARTERS];


static int64_t
test_random(int64_t n)
{
    test_seed = test_seed * 6364136223846793005ULL + 1442695040888963407ULL;

    return (int64_t) ((test_seed >> 33) % (uint64_t) n);
}


static ngx_uint_t
test_index(int64_t period)
{
    return (ngx_uint_t) ((period - TEST_START + 40 * TEST_DAY)
                         / TEST_QUARTER);
}


/* Berlin, by its rule */

static void
test_berlin(ngx_llm_tz_t *tz)
{
    ngx_llm_tz_init(tz);

    tz->std = 3600;
    tz->dst = 7200;
    tz->begin.type = 'M';
    tz->begin.month = 3;
    tz->begin.week = 5;
    tz->begin.day = 0;
    tz->begin.time = 2 * 3600;
    tz->end = tz->begin;
    tz->end.month = 10;
    tz->end.time = 3 * 3600;
    tz->rule = 1;
    tz->has_dst = 1;
}


static void
test_end(test_flight_t *flight, int64_t date)
{
    int64_t     amounts[TEST_KINDS], charge;
    ngx_str_t   line;
    ngx_uint_t  k, n;

    charge = test_random(4) != 0;
    line = test_string("");

    for (k = 0; k < TEST_KINDS; k++) {
        n = test_index(flight->period[k]);

        amounts[k] = charge;
        test_held[k][n]--;
        test_charged[k][n] += charge;
    }

    if (charge) {
        ngx_llm_ledger_settle(&ledger, flight->res, amounts, TEST_KINDS, NULL,
                              0, NULL, NULL, &line, date);
        ngx_llm_ledger_apply(&ledger, flight->res, 0, date);

    } else {
        ngx_llm_ledger_release(&ledger, flight->res, 0);
    }

    flight->used = 0;
}


static void
test_clock(void)
{
    int64_t          date, real, skew, begin, end, now[TEST_KINDS];
    ngx_int_t        rc;
    ngx_uint_t       i, k, n, which, full, admitted, refused, dst;
    ngx_llm_tz_t     tz;
    ngx_llm_item_t   items[TEST_KINDS];
    test_flight_t    flight[TEST_FLIGHT], *f;

    test_case = "clock";
    test_ledger();
    test_berlin(&tz);

    memset(flight, 0, sizeof(flight));
    memset(now, 0, sizeof(now));

    real = TEST_START;
    skew = 0;
    admitted = 0;
    refused = 0;
    dst = 0;

    for (i = 0; i < 60000; i++) {

        real += test_random(900);

        /* somebody sets it; that is mended in a while */

        if (test_random(200) == 0) {
            skew = test_random(6 * TEST_DAY) - 3 * TEST_DAY;

        } else if (test_random(20) == 0) {
            skew = 0;
        }

        date = real + skew;
        f = &flight[test_random(TEST_FLIGHT)];

        if (f->used) {
            test_end(f, date);
            continue;
        }

        full = 0;

        for (k = 0; k < TEST_KINDS; k++) {
            items[k] = test_item(test_names[k], NGX_LLM_LIMIT_QUOTA,
                                 test_limit[k], 1);

            ngx_llm_period(&tz, k, date, &begin, &end);

            dst |= (k == NGX_LLM_PERIOD_DAY && end - begin != TEST_DAY);

            items[k].period = begin;
            items[k].reset = end;

            /* it only goes forward */

            now[k] = ngx_max(now[k], begin);
            n = test_index(now[k]);

            full |= (test_charged[k][n] + test_held[k][n] >= test_limit[k]);
        }

        rc = ngx_llm_ledger_reserve(&ledger, items, TEST_KINDS, 0, date,
                                    &f->res, &which);

        test_int(rc, full ? NGX_BUSY : NGX_OK);

        for (k = 0; k < TEST_KINDS; k++) {
            test_int(items[k].period, now[k]);
            test_ok(items[k].reset > now[k]);

            if (rc == NGX_OK) {
                f->period[k] = now[k];
                n = test_index(now[k]);

                test_held[k][n]++;
                test_ok(test_charged[k][n] + test_held[k][n]
                        <= test_limit[k]);
            }
        }

        f->used = (rc == NGX_OK);
        admitted += (rc == NGX_OK);
        refused += (rc == NGX_BUSY);
    }

    for (i = 0; i < TEST_FLIGHT; i++) {
        if (flight[i].used) {
            test_end(&flight[i], real);
        }
    }

    for (k = 0; k < TEST_KINDS; k++) {
        test_int(test_counter(test_names[k])->held, 0);
        test_int(test_counter(test_names[k])->past_held, 0);
        test_int(test_counter(test_names[k])->users, 0);
        test_int(test_counter(test_names[k])->settled,
                 test_charged[k][test_index(now[k])]);
    }

    test_int(ledger.shm->used_res, 0);

    test_ok(admitted > 1000);
    test_ok(refused > 1000);
    test_ok(dst);
    test_ok(real > TEST_START + 280 * TEST_DAY);
}


/* all that is admitted is charged; time stands still now and then */

static void
test_bucket(void)
{
    int64_t          now, *at;
    ngx_str_t        line;
    ngx_uint_t       i, j, n, res, which;
    ngx_llm_item_t   item;

    test_case = "bucket";
    test_ledger();

    at = calloc(20000, sizeof(int64_t));
    line = test_string("");
    now = 1000;
    n = 0;

    for (i = 0; i < 20000; i++) {
        now += test_random(10) ? test_random(300) : test_random(8000);

        item = test_item("rate", NGX_LLM_LIMIT_RATE, TEST_BURST, 1);
        item.rate = TEST_RATE;
        item.rate_time = 1000;

        if (ngx_llm_ledger_reserve(&ledger, &item, 1, now, TEST_DATE, &res,
                                   &which)
            != NGX_OK)
        {
            /* what it says is right, to the millisecond */

            test_ok(item.wait > 0);

            if (test_random(50) == 0) {
                now += item.wait - 1;

                test_int(ngx_llm_ledger_reserve(&ledger, &item, 1, now,
                                                TEST_DATE, &res, &which),
                         NGX_BUSY);
                test_int(item.wait, 1);
            }

            continue;
        }

        ngx_llm_ledger_settle(&ledger, res, &item.amount, 1, NULL, 0, NULL,
                              NULL, &line, TEST_DATE);
        ngx_llm_ledger_apply(&ledger, res, now, TEST_DATE);

        at[n++] = now;
    }

    for (i = 0; i < n; i++) {
        for (j = i; j < n && j < i + 200; j++) {
            test_ok((int64_t) (j - i + 1) * 1000
                    <= TEST_BURST * 1000 + TEST_RATE * (at[j] - at[i]));
        }
    }

    test_ok(n > 2000 && n < 19000);
    free(at);
}


int
main(void)
{
    test_reset();

    test_clock();
    test_bucket();

    return test_done("ledger_time");
}
