
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A bucket whose requests hold more than they use, and give it back when some
 * of it has leaked: in any time t no more is charged than burst + rate * t.
 * Beside it a bucket that remembers the lowest level since each request, as
 * the ledger cannot: the ledger is never below it, and little above.
 */


#include "test_ledger.h"


#define TEST_BURST    1000
#define TEST_RATE     300               /* a second */
#define TEST_FLIGHT   200
#define TEST_STEPS    30000


typedef struct {
    ngx_uint_t       used;
    ngx_uint_t       res;
    int64_t          held;
    int64_t          amount;
    int64_t          low;               /* the model's, since it was admitted */
    int64_t          end;
    ngx_uint_t       n;                 /* its number */
} test_flight_t;


static uint64_t         test_seed;

static test_flight_t    flight[TEST_FLIGHT];

static int64_t          test_at[TEST_STEPS];
static int64_t          test_charged[TEST_STEPS];
static ngx_uint_t       test_admitted;

/* the model: level in thousandths, up to when, what ledger and model kept */
static int64_t          test_level;
static int64_t          test_time;
static int64_t          test_more;
static int64_t          test_back;


static int64_t
test_random(int64_t n)
{
    test_seed = test_seed * 6364136223846793005ULL + 1442695040888963407ULL;

    return (int64_t) ((test_seed >> 33) % (uint64_t) n);
}


static ngx_llm_item_t
test_bucket_item(int64_t amount)
{
    ngx_llm_item_t  item;

    item = test_item("rate", NGX_LLM_LIMIT_RATE, TEST_BURST, amount);
    item.rate = TEST_RATE;
    item.rate_time = 1000;

    return item;
}


static void
test_settle(ngx_uint_t res, int64_t amount, int64_t now)
{
    ngx_str_t  line;

    line = test_string("");

    ngx_llm_ledger_settle(&ledger, res, &amount, 1, NULL, 0, NULL, NULL,
                          &line, TEST_DATE);
    ngx_llm_ledger_apply(&ledger, res, now, TEST_DATE);
}


static int64_t
test_look(int64_t now)
{
    ngx_llm_item_t  item;

    item = test_bucket_item(0);
    ngx_llm_ledger_look(&ledger, &item, now, TEST_DATE);

    return item.settled + item.held;
}


static ngx_uint_t
test_reserve(int64_t amount, int64_t now)
{
    ngx_uint_t      res, which;
    ngx_llm_item_t  item;

    item = test_bucket_item(amount);

    test_int(ngx_llm_ledger_reserve(&ledger, &item, 1, now, TEST_DATE, &res,
                                    &which),
             NGX_OK);

    return res;
}


/* by hand: what leaked is not given back */

static void
test_cases(void)
{
    ngx_uint_t        i, one, two, three, res[10];
    ngx_llm_item_t    item;

    test_case = "leaked";
    test_ledger();

    /* nothing has leaked, all comes back, in any order */

    for (i = 0; i < 10; i++) {
        res[i] = test_reserve(100, 1000);
    }

    for (i = 0; i < 10; i++) {
        test_settle(res[(i * 7) % 10], 10, 1000);
    }

    test_int(test_look(1000), 100);

    /* the same when time goes by and nothing that is held has leaked */

    test_ledger();

    one = test_reserve(500, 1000);
    test_settle(one, 500, 1000);

    for (i = 0; i < 5; i++) {
        res[i] = test_reserve(60, 1000 + i * 20);
    }

    test_int(test_look(1080), 776);

    for (i = 0; i < 5; i++) {
        test_settle(res[4 - i], 0, 1080);
    }

    test_int(test_look(1080), 476);

    /* it was empty since: nothing comes back, and what came later stays */

    test_ledger();

    one = test_reserve(900, 1000);
    two = test_reserve(700, 5000);
    test_int(test_look(5000), 700);
    test_settle(one, 0, 5000);
    test_int(test_look(5000), 700);
    test_settle(two, 100, 5000);
    test_int(test_look(5000), 100);
    test_int(test_counter("rate")->lows, 0);

    /* it was low: so much comes back and no more, once */

    test_ledger();

    one = test_reserve(450, 1000);
    two = test_reserve(450, 1000);
    three = test_reserve(600, 3000);        /* on top of 300 */
    test_settle(one, 250, 3000);
    test_int(test_look(3000), 700);
    ngx_llm_ledger_release(&ledger, two, 3000);
    test_int(test_look(3000), 600);
    ngx_llm_ledger_release(&ledger, three, 3000);
    test_int(test_look(3000), 0);

    /* what is used beyond is charged whole */

    test_ledger();

    one = test_reserve(300, 1000);
    test_int(test_look(2000), 0);
    test_settle(one, 400, 2000);
    test_int(test_look(2000), 100);

    /* what is held is what is left of it */

    test_ledger();

    one = test_reserve(500, 1000);
    two = test_reserve(200, 2000);          /* on top of 200 */
    item = test_bucket_item(0);
    ngx_llm_ledger_look(&ledger, &item, 2000, TEST_DATE);
    test_int(item.held, 400);
    test_int(item.settled, 0);
    ngx_llm_ledger_look(&ledger, &item, 3000, TEST_DATE);
    test_int(item.held, 100);
    test_int(item.settled, 0);
    test_settle(one, 500, 2000);
    ngx_llm_ledger_look(&ledger, &item, 2000, TEST_DATE);
    test_int(item.held, 200);
    test_int(item.settled, 200);
    test_settle(two, 0, 2000);

    /* held more later: that is no room for those before */

    test_ledger();

    one = test_reserve(600, 1000);
    two = test_reserve(100, 2000);          /* on top of 300 */
    item = test_bucket_item(900);
    test_int(ngx_llm_ledger_raise(&ledger, one, 0, &item, 2000, TEST_DATE),
             NGX_OK);
    test_int(test_look(2000), 700);
    test_settle(two, 0, 2000);
    test_settle(one, 0, 2000);
    test_ok(test_look(2000) >= 300);
    test_int(test_counter("rate")->lows, 0);

    /* a reset, a credit: what is held and then given back is not twice free */

    test_ledger();

    one = test_reserve(400, 1000);
    test_settle(one, 400, 1000);
    one = test_reserve(300, 1000);
    item = test_bucket_item(0);
    test_credit(&item, 600, 1000, TEST_DATE);
    test_int(test_look(1000), 100);
    two = test_reserve(800, 1000);
    test_settle(one, 0, 1000);
    test_int(test_look(1000), 800);
    test_settle(two, 0, 1000);
    test_int(test_look(1000), 0);

    one = test_reserve(600, 1100);
    test_int(test_look(2100), 300);
    test_credit(&item, 0, 2100, TEST_DATE);
    test_int(item.settled, 0);              /* half of what is held leaked */
    test_int(item.held, 300);
    test_int(test_look(2100), 300);
    test_settle(one, 0, 2100);
    test_int(test_look(2100), 0);
}


/* a bucket that leaks for longer than there are milliseconds */

static void
test_wait(void)
{
    ngx_uint_t      res, which;
    ngx_llm_item_t  item;

    test_case = "wait";
    test_ledger();

    item = test_item("rate", NGX_LLM_LIMIT_RATE, 1000000000000000000LL,
                     1000000000000000000LL);
    item.rate = 1;
    item.rate_time = 86400000;

    test_int(ngx_llm_ledger_reserve(&ledger, &item, 1, 0, TEST_DATE, &res,
                                    &which),
             NGX_OK);
    test_int(ngx_llm_ledger_reserve(&ledger, &item, 1, 0, TEST_DATE, &res,
                                    &which),
             NGX_BUSY);
    test_int(item.wait, NGX_LLM_LEDGER_MOST);
}


static void
test_model_leak(int64_t now)
{
    ngx_uint_t  i;

    now = ngx_max(now, test_time);
    test_level = ngx_max(test_level - (now - test_time) * TEST_RATE, 0);
    test_time = now;

    for (i = 0; i < TEST_FLIGHT; i++) {
        if (flight[i].used) {
            flight[i].low = ngx_min(flight[i].low, test_level);
        }
    }
}


static void
test_model_back(test_flight_t *f)
{
    int64_t     back;
    ngx_uint_t  i;

    back = ngx_min((f->held - f->amount) * 1000, f->low);

    f->low -= back;
    test_level -= back;

    for (i = 0; i < TEST_FLIGHT; i++) {

        if (!flight[i].used || &flight[i] == f) {
            continue;
        }

        if (flight[i].n > f->n) {
            flight[i].low -= back;

        } else {
            flight[i].low = ngx_min(flight[i].low, f->low);
        }
    }
}


static void
test_end(test_flight_t *f, int64_t now)
{
    int64_t  before;

    before = test_look(now);

    test_model_leak(now);
    test_model_back(f);

    if (f->amount || test_random(2)) {
        test_settle(f->res, f->amount, now);

    } else {
        ngx_llm_ledger_release(&ledger, f->res, now);
    }

    f->used = 0;

    test_back += before - test_look(now);
}


/* load in percent of the rate, how long requests take, and a time of rest */

static void
test_load(int64_t load, int64_t longest, int64_t rest, int64_t most)
{
    int64_t         now, lag, mean, over;
    ngx_int_t       rc;
    ngx_uint_t      i, j, k, which, busy;
    test_flight_t  *f;
    ngx_llm_item_t  item;

    test_ledger();
    memset(flight, 0, sizeof(flight));

    test_level = 0;
    test_time = 0;
    test_more = 0;
    test_back = 0;
    test_admitted = 0;
    test_seed = load * 1000 + longest;

    now = 1000;
    busy = 0;
    mean = 55 * 1000 * 100 / TEST_RATE / load;

    for (i = 0; i < TEST_STEPS; i++) {

        now += test_random(mean * 2);

        if (rest && test_random(500) == 0) {
            now += rest;
        }

        for (k = 0; k < TEST_FLIGHT; k++) {
            if (flight[k].used && flight[k].end <= now) {
                test_end(&flight[k], now);
            }
        }

        for (k = 0; k < TEST_FLIGHT && flight[k].used; k++) {
            /* void */
        }

        if (k == TEST_FLIGHT) {
            continue;
        }

        f = &flight[k];

        item = test_bucket_item(10 + test_random(200));
        f->held = item.amount;

        /* by the clock of a process that lags behind */

        lag = test_random(3);

        rc = ngx_llm_ledger_reserve(&ledger, &item, 1, now - lag, TEST_DATE,
                                    &f->res, &which);

        test_model_leak(now - lag);

        if (rc != NGX_OK) {
            busy++;
            continue;
        }

        f->used = 1;
        f->n = i;
        f->amount = test_random(3) ? test_random(f->held + 1) : 0;
        f->end = now + (test_random(20) ? test_random(longest)
                                        : test_random(longest * 20));

        test_level += f->held * 1000;
        f->low = test_level;

        test_at[test_admitted] = now;
        test_charged[test_admitted++] = f->amount;

        over = test_look(now - lag) * 1000 - test_level;
        test_ok(over >= 0);
        test_more += ngx_max(over / 1000, 0);
    }

    for (k = 0; k < TEST_FLIGHT; k++) {
        if (flight[k].used) {
            test_end(&flight[k], now);
        }
    }

    test_int(test_counter("rate")->held, 0);
    test_int(test_counter("rate")->users, 0);
    test_int(test_counter("rate")->lows, 0);

    for (i = 0; i < test_admitted; i++) {
        over = 0;

        for (j = i; j < test_admitted && j < i + 300; j++) {
            over += test_charged[j];
            test_ok(over * 1000 <= (TEST_BURST + 1) * 1000
                                   + TEST_RATE * (test_at[j] - test_at[i] + 2));
        }
    }

    test_ok(test_admitted > 1000);
    test_ok(test_back > 1000);

    /* the mean of what the ledger keeps and the model does not */

    over = test_more / (int64_t) test_admitted;

    if (getenv("TEST_VERBOSE")) {
        fprintf(stderr, "load %ld longest %ld: admitted %ld, refused %ld, "
                "given back %ld, %ld more kept\n", (long) load,
                (long) longest, (long) test_admitted, (long) busy,
                (long) test_back, (long) over);
    }

    test_ok(over <= most);
}


int
main(void)
{
    test_reset();

    test_cases();
    test_wait();

    test_case = "idle";
    test_load(20, 5000, 0, 10);

    test_case = "busy";
    test_load(90, 5000, 10000, 40);

    test_case = "overloaded";
    test_load(300, 3000, 10000, 100);

    test_case = "long streams";
    test_load(120, 20000, 60000, 60);

    test_case = "short";
    test_load(150, 100, 0, 10);

    return test_done("ledger_bucket");
}
