
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The ledger's rules, in one process.
 */


#include "test_ledger.h"


static ngx_int_t
reserve_n(ngx_llm_item_t *items, ngx_uint_t n, int64_t now, ngx_uint_t *res,
    ngx_uint_t *which)
{
    return ngx_llm_ledger_reserve(&ledger, items, n, now,
                                  TEST_DATE + now / 1000, res, which);
}


static ngx_int_t
reserve(ngx_llm_item_t *item, int64_t now, ngx_uint_t *res)
{
    ngx_uint_t  which;

    return reserve_n(item, 1, now, res, &which);
}


static void
settle(ngx_uint_t res, int64_t amount, int64_t now)
{
    ngx_str_t  line;

    line = test_string("");

    ngx_llm_ledger_settle(&ledger, res, &amount, 1, NULL, 0, NULL, NULL,
                          &line, TEST_DATE + now / 1000);
    ngx_llm_ledger_apply(&ledger, res, now, TEST_DATE + now / 1000);
}


static void
test_quota(void)
{
    ngx_uint_t      res, other;
    ngx_llm_item_t  item;

    test_case = "quota";
    test_ledger();

    /* fits; others hold the rest; used up; alone with what is left */

    item = test_item("q", NGX_LLM_LIMIT_QUOTA, 100, 60);
    test_int(reserve(&item, 0, &res), NGX_OK);
    test_int(item.granted, 60);
    test_int(test_counter("q")->held, 60);

    item.amount = 50;
    test_int(reserve(&item, 0, &other), NGX_BUSY);
    test_int(item.wait, 1000);
    test_int(item.used_up, 0);
    test_int(item.held, 60);

    item.amount = 40;
    test_int(reserve(&item, 0, &other), NGX_OK);
    settle(other, 30, 0);
    test_int(test_counter("q")->settled, 30);

    settle(res, 10, 0);
    test_int(test_counter("q")->settled, 40);
    test_int(test_counter("q")->held, 0);

    item.amount = 1000;
    test_int(reserve(&item, 0, &res), NGX_OK);
    test_int(item.granted, 60);
    test_int(test_counter("q")->held, 60);

    item.amount = 1;
    test_int(reserve(&item, 0, &other), NGX_BUSY);
    test_int(item.used_up, 0);

    settle(res, 75, 0);
    test_int(test_counter("q")->settled, 115);

    test_int(reserve(&item, 0, &res), NGX_BUSY);
    test_int(item.used_up, 1);
    test_int(item.wait, TEST_DAY * 1000);

    test_int(reserve(&item, 5000, &res), NGX_BUSY);
    test_int(item.wait, (TEST_DAY - 5) * 1000);

    test_int(test_counter("q")->users, 0);
    test_int(test_counter("q")->refused, 4);
    test_int(ledger.shm->used_res, 0);
}


static void
test_periods(void)
{
    ngx_uint_t      res, none, late;
    ngx_llm_item_t  item, next;

    test_case = "periods";
    test_ledger();

    item = test_item("q", NGX_LLM_LIMIT_QUOTA, 100, 60);
    test_int(reserve(&item, 0, &res), NGX_OK);

    /* the next day has nothing of it */

    next = item;
    next.period += TEST_DAY;
    next.reset += TEST_DAY;
    next.amount = 100;
    test_int(reserve(&next, 1000, &late), NGX_OK);
    test_int(next.granted, 100);

    /* who is late with his clock is of the new day all the same */

    item.amount = 1;
    test_int(reserve(&item, 1000, &none), NGX_BUSY);
    test_int(item.period, TEST_DATE + TEST_DAY);
    test_int(item.reset, TEST_DATE + 2 * TEST_DAY);

    /* what was admitted yesterday is of yesterday */

    settle(res, 70, 2000);
    test_int(test_counter("q")->past_settled, 70);
    test_int(test_counter("q")->past_held, 0);
    test_int(test_counter("q")->settled, 0);

    settle(late, 5, 3000);
    test_int(test_counter("q")->settled, 5);
    test_int(test_counter("q")->held, 0);
}


static void
test_rates(void)
{
    ngx_uint_t      res, i;
    ngx_llm_item_t  item;

    test_case = "rates";
    test_ledger();

    /* 60 a minute: one each second, 60 at once */

    item = test_item("r", NGX_LLM_LIMIT_RATE, 60, 1);

    for (i = 0; i < 60; i++) {
        test_int(reserve(&item, 0, &res), NGX_OK);
        settle(res, 1, 0);
    }

    test_int(reserve(&item, 0, &res), NGX_BUSY);
    test_int(item.wait, 1000);
    test_int(reserve(&item, 400, &res), NGX_BUSY);
    test_int(item.wait, 600);
    test_int(reserve(&item, 999, &res), NGX_BUSY);
    test_int(item.wait, 1);
    test_int(reserve(&item, 1000, &res), NGX_OK);
    settle(res, 1, 1000);
    test_int(reserve(&item, 1000, &res), NGX_BUSY);

    /* what was held and not used is there at once */

    item.amount = 10;
    test_int(reserve(&item, 11000, &res), NGX_OK);
    ngx_llm_ledger_release(&ledger, res, 11000);
    test_int(reserve(&item, 11000, &res), NGX_OK);

    /* debt is repaid before the next one */

    settle(res, 130, 11000);
    item.amount = 1;
    test_int(reserve(&item, 11000, &res), NGX_BUSY);
    test_int(item.wait, 121000);
    test_int(reserve(&item, 131999, &res), NGX_BUSY);
    test_int(reserve(&item, 132000, &res), NGX_OK);
    settle(res, 1, 132000);

    /* more than the burst is taken for the burst, and waits for all of it */

    item.amount = 1000;
    test_int(reserve(&item, 132001, &res), NGX_BUSY);
    test_int(reserve(&item, 200000, &res), NGX_OK);
    test_int(item.granted, 60);
    ngx_llm_ledger_release(&ledger, res, 200000);

    /* a clock that stands, or goes back, gives nothing */

    item.amount = 60;
    test_int(reserve(&item, 200000, &res), NGX_OK);
    settle(res, 60, 200000);
    item.amount = 1;
    test_int(reserve(&item, 100000, &res), NGX_BUSY);
    test_int(reserve(&item, 200999, &res), NGX_BUSY);
    test_int(reserve(&item, 201000, &res), NGX_OK);
    ngx_llm_ledger_release(&ledger, res, 201000);

    test_int(test_counter("r")->held, 0);
    test_int(test_counter("r")->users, 0);
}


/* nothing is lost to rounding, whatever the steps */

static void
test_rate_steps(void)
{
    int64_t         now, admitted;
    ngx_uint_t      res;
    ngx_llm_item_t  item;

    test_case = "rate steps";
    test_ledger();

    item = test_item("r", NGX_LLM_LIMIT_RATE, 1, 1);
    item.rate = 7;
    item.rate_time = 3000;
    item.limit = 3;

    admitted = 0;

    for (now = 0; now <= 300000; now += 13) {
        if (reserve(&item, now, &res) == NGX_OK) {
            settle(res, 1, now);
            admitted++;
        }
    }

    /* burst + rate * time, but what could not be asked for in between */

    test_ok(admitted <= 3 + 700);
    test_ok(admitted >= 3 + 695);
}


static void
test_concurrency(void)
{
    ngx_uint_t      res[3];
    ngx_llm_item_t  item;

    test_case = "concurrency";
    test_ledger();

    item = test_item("c", NGX_LLM_LIMIT_CONCURRENCY, 2, 1);

    test_int(reserve(&item, 0, &res[0]), NGX_OK);
    test_int(reserve(&item, 0, &res[1]), NGX_OK);
    test_int(reserve(&item, 0, &res[2]), NGX_BUSY);
    test_int(item.wait, 1000);

    ngx_llm_ledger_release(&ledger, res[0], 0);
    test_int(reserve(&item, 0, &res[0]), NGX_OK);

    settle(res[0], 1, 0);
    settle(res[1], 1, 0);
    test_int(test_counter("c")->held, 0);

    item.limit = 0;
    test_int(reserve(&item, 0, &res[0]), NGX_BUSY);
    test_int(item.wait, -1);
}


/* all or none; the refusal that lasts longest is told; soft ones never */

static void
test_together(void)
{
    ngx_uint_t      res, which;
    ngx_llm_item_t  items[4];

    test_case = "together";
    test_ledger();

    items[0] = test_item("a", NGX_LLM_LIMIT_QUOTA, 100, 10);
    items[1] = test_item("b", NGX_LLM_LIMIT_CONCURRENCY, 0, 1);
    items[2] = test_item("c", NGX_LLM_LIMIT_QUOTA, 0, 10);
    items[3] = test_item("d", NGX_LLM_LIMIT_RATE, 5, 5);

    test_int(reserve_n(items, 4, 0, &res, &which), NGX_BUSY);
    test_int(which, 1);
    test_int(test_counter("a")->held, 0);
    test_int(test_counter("d")->settled, 0);

    items[1].limit = 1;
    test_int(reserve_n(items, 4, 0, &res, &which), NGX_BUSY);
    test_int(which, 2);

    items[2].soft = 1;
    test_int(reserve_n(items, 4, 0, &res, &which), NGX_OK);
    test_int(items[2].exceeded, 1);
    test_int(test_counter("a")->held, 10);
    test_int(test_counter("b")->held, 1);
    test_int(test_counter("c")->held, 10);
    test_int(test_counter("d")->settled, 5);

    ngx_llm_ledger_release(&ledger, res, 0);
    test_int(test_counter("a")->held, 0);
    test_int(test_counter("b")->held, 0);
    test_int(test_counter("c")->held, 0);
    test_int(test_counter("d")->settled, 0);
}


/* a margin that is not there holds nothing and is no refusal */

static void
test_margin(void)
{
    ngx_uint_t      res, which;
    ngx_llm_item_t  items[2];

    test_case = "margin";
    test_ledger();

    items[0] = test_item("q", NGX_LLM_LIMIT_QUOTA, 100, 10);
    items[1] = test_item("r", NGX_LLM_LIMIT_RATE, 60, 10);

    items[0].margin = 90;
    test_int(reserve_n(items, 2, 0, &res, &which), NGX_OK);
    test_int(items[0].granted, 10);
    ngx_llm_ledger_release(&ledger, res, 0);

    items[0].margin = 91;
    test_int(reserve_n(items, 2, 0, &res, &which), NGX_AGAIN);
    test_int(test_counter("q")->held, 0);
    test_int(test_counter("q")->refused, 0);
    test_int(test_counter("r")->settled, 0);
    test_int(ledger.shm->used_res, 0);

    items[0].margin = 0;
    items[1].margin = 50;
    test_int(reserve_n(items, 2, 0, &res, &which), NGX_OK);
    test_int(reserve_n(items, 2, 0, &which, &which), NGX_AGAIN);
    ngx_llm_ledger_release(&ledger, res, 0);

    items[1].margin = 51;
    items[1].soft = 1;
    test_int(reserve_n(items, 2, 0, &res, &which), NGX_AGAIN);
    test_int(items[1].exceeded, 0);
}


/* limits that differ only in their number have one counter, held once */

static void
test_shared(void)
{
    int64_t         amounts[2];
    ngx_str_t       line;
    ngx_uint_t      res, which;
    ngx_llm_item_t  items[2];

    test_case = "shared";
    test_ledger();

    items[0] = test_item("q", NGX_LLM_LIMIT_QUOTA, 100, 10);
    items[1] = test_item("q", NGX_LLM_LIMIT_QUOTA, 80, 30);
    items[1].soft = 1;

    test_int(reserve_n(items, 2, 0, &res, &which), NGX_OK);
    test_int(test_counter("q")->held, 30);
    test_int(test_counter("q")->users, 1);

    amounts[0] = 20;
    amounts[1] = 20;
    line = test_string("");

    ngx_llm_ledger_settle(&ledger, res, amounts, 2, NULL, 0, NULL, NULL,
                          &line, TEST_DATE);
    ngx_llm_ledger_apply(&ledger, res, 0, TEST_DATE);

    test_int(test_counter("q")->settled, 20);
    test_int(test_counter("q")->held, 0);
    test_int(test_counter("q")->users, 0);
}


/* an attempt's own limits come and go, the amount of the others grows */

static void
test_attempts(void)
{
    ngx_uint_t      res, which;
    ngx_llm_item_t  key, model;

    test_case = "attempts";
    test_ledger();

    key = test_item("key", NGX_LLM_LIMIT_QUOTA, 100, 10);
    test_int(reserve(&key, 0, &res), NGX_OK);

    model = test_item("model", NGX_LLM_LIMIT_CONCURRENCY, 1, 1);
    test_int(ngx_llm_ledger_extend(&ledger, res, &model, 1, 0, TEST_DATE,
                                   &which), NGX_OK);
    test_int(test_counter("model")->held, 1);

    ngx_llm_ledger_trim(&ledger, res, 1, 0);
    test_int(test_counter("model")->held, 0);
    test_int(test_counter("model")->users, 0);

    model = test_item("other", NGX_LLM_LIMIT_CONCURRENCY, 0, 1);
    test_int(ngx_llm_ledger_extend(&ledger, res, &model, 1, 0, TEST_DATE,
                                   &which), NGX_BUSY);

    key.amount = 25;
    test_int(ngx_llm_ledger_raise(&ledger, res, 0, &key, 0, TEST_DATE),
             NGX_OK);
    test_int(test_counter("key")->held, 25);

    key.amount = 5;
    test_int(ngx_llm_ledger_raise(&ledger, res, 0, &key, 0, TEST_DATE),
             NGX_OK);
    test_int(test_counter("key")->held, 25);

    /* alone it may have all that is left */

    key.amount = 500;
    test_int(ngx_llm_ledger_raise(&ledger, res, 0, &key, 0, TEST_DATE),
             NGX_OK);
    test_int(test_counter("key")->held, 100);

    settle(res, 90, 0);
    test_int(test_counter("key")->settled, 90);

    /* beside another one it does not get what that one holds */

    key.amount = 5;
    test_int(reserve(&key, 0, &which), NGX_OK);
    key.amount = 3;
    test_int(reserve(&key, 0, &res), NGX_OK);
    key.amount = 6;
    test_int(ngx_llm_ledger_raise(&ledger, res, 0, &key, 0, TEST_DATE),
             NGX_BUSY);
    test_int(test_counter("key")->held, 8);
}


/* a soft limit beside a hard one, which both have one counter: either order */

static void
test_raise_shared(void)
{
    ngx_uint_t      res, other, which, hard;
    ngx_llm_item_t  items[2], more;

    test_case = "raise a shared one";

    for (hard = 0; hard < 2; hard++) {
        test_ledger();

        items[0] = test_item("q", NGX_LLM_LIMIT_QUOTA, hard ? 40 : 100, 10);
        items[1] = test_item("q", NGX_LLM_LIMIT_QUOTA, hard ? 100 : 40, 10);
        items[!hard].soft = 1;

        test_int(reserve_n(items, 2, 0, &res, &which), NGX_OK);
        test_int(reserve_n(items, 2, 0, &other, &which), NGX_OK);
        test_int(test_counter("q")->held, 20);

        /* 100 is soft, 40 is hard; or the other way round */

        items[hard].limit = 40;
        items[!hard].limit = 30;

        more = items[0];
        more.amount = 35;
        which = ngx_llm_ledger_raise(&ledger, res, 0, &more, 0, TEST_DATE);

        if (hard == 0) {
            test_int(which, (ngx_uint_t) NGX_BUSY);
            continue;
        }

        test_int(which, NGX_OK);

        more = items[1];
        more.amount = 35;
        test_int(ngx_llm_ledger_raise(&ledger, res, 1, &more, 0, TEST_DATE),
                 NGX_BUSY);

        more.amount = 30;
        test_int(ngx_llm_ledger_raise(&ledger, res, 1, &more, 0, TEST_DATE),
                 NGX_OK);

        ngx_llm_ledger_release(&ledger, res, 0);
        ngx_llm_ledger_release(&ledger, other, 0);
        test_int(test_counter("q")->held, 0);
        test_int(test_counter("q")->users, 0);
    }
}


/* nonsense of providers and clients stays nonsense: it never becomes credit */

static void
test_huge(void)
{
    int             i;
    int64_t         sums[NGX_LLM_LEDGER_SUMS];
    ngx_str_t       line;
    ngx_uint_t      res, which;
    ngx_llm_row_t   row;
    ngx_llm_item_t  item;

    test_case = "huge";
    test_ledger();

    line = test_string("");
    row = test_row("all", 0);

    for (i = 0; i < NGX_LLM_LEDGER_SUMS; i++) {
        sums[i] = INT64_MAX;
    }

    for (i = 0; i < 20; i++) {
        item = test_item("soft", NGX_LLM_LIMIT_QUOTA, 1000, INT64_MAX / 2);
        item.soft = 1;

        test_int(reserve(&item, 0, &res), NGX_OK);
        test_ok(test_counter("soft")->held > 0);

        item.amount = INT64_MAX;
        ngx_llm_ledger_settle(&ledger, res, &item.amount, 1, &row, 1, sums,
                              NULL, &line, TEST_DATE);
        ngx_llm_ledger_apply(&ledger, res, 0, TEST_DATE);

        test_ok(test_counter("soft")->settled >= 1000);
        test_ok(test_sum("all")->sum[3] > 0);
        test_int(test_counter("soft")->held, 0);
    }

    item = test_item("soft", NGX_LLM_LIMIT_QUOTA, 1000, 1);
    test_int(reserve(&item, 0, &which), NGX_BUSY);
    test_ok(item.used_up);

    for (i = 0; i < 20; i++) {
        test_credit(&item, INT64_MAX, 0, TEST_DATE);
    }

    test_ok(test_counter("soft")->settled < 0);

    /* many at once */

    item = test_item("many", NGX_LLM_LIMIT_QUOTA, 1000, INT64_MAX / 2);
    item.soft = 1;

    for (i = 0; i < 20; i++) {
        test_int(reserve(&item, 0, &res), NGX_OK);
        test_ok(test_counter("many")->held > 0);
    }

    for (i = 0; i < 20; i++) {
        ngx_llm_ledger_release(&ledger, res - i, 0);
    }

    test_int(test_counter("many")->held, 0);

    /* a bucket */

    item = test_item("rate", NGX_LLM_LIMIT_RATE, 1000, INT64_MAX / 2);
    item.soft = 1;

    for (i = 0; i < 20; i++) {
        test_int(reserve(&item, 0, &res), NGX_OK);
        settle(res, INT64_MAX, 0);
        test_ok(test_counter("rate")->settled > 0);
    }
}


static void
test_values(void)
{
    char            user[32];
    ngx_uint_t      res, i;
    ngx_llm_item_t  item;

    test_case = "values";
    test_ledger();

    for (i = 0; i < 5; i++) {
        snprintf(user, sizeof(user), "user-%lu", (unsigned long) i);

        item = test_value("per", user, 10, 4);
        item.max_children = 3;

        test_int(reserve(&item, 0, &res), NGX_OK);
        test_int(item.other, i >= 3);
        settle(res, 4, 0);
    }

    test_int(test_counter("per")->children, 3);
    test_int(test_counter("per")->settled, 8);
    test_str(test_string((char *) test_counter("per/user-1")->value),
             "user-1");

    /* the two of "other" have what is left of one limit between them */

    item = test_value("per", "user-3", 10, 4);
    item.max_children = 3;
    test_int(reserve(&item, 0, &res), NGX_OK);
    test_int(item.granted, 2);
    ngx_llm_ledger_release(&ledger, res, 0);

    /* a new day has room for new ones, when the old ones are swept */

    ngx_llm_ledger_expire(&ledger, 0, TEST_DATE + TEST_DAY, 0);
    test_int(test_counter("per")->children, 0);
    test_ok(test_counter("per/user-1") == NULL);
    test_ok(test_counter("per") != NULL);
}


/* a window that is full of live counters takes no more, others are evicted */

static void
test_full(void)
{
    char            user[32];
    int64_t         n;
    ngx_uint_t      res, other, evicted, which;
    ngx_llm_item_t  item;

    test_case = "full";
    test_ledger();

    n = ledger.shm->counters.n;
    other = 0;

    for (which = 0; which < (ngx_uint_t) n * 2; which++) {
        snprintf(user, sizeof(user), "user-%lu", (unsigned long) which);

        item = test_value("per", user, 10, 1);

        if (reserve(&item, 0, &res) == NGX_OK) {
            other += item.other;
            settle(res, 1, 0);
        }
    }

    test_ok(other > 0);
    test_ok(ledger.shm->counters.used <= n);
    test_ok(ledger.shm->counters.used > n * 9 / 10);
    test_int(test_counter("per")->children + 1, ledger.shm->counters.used);

    /* none of those that count was given away */

    evicted = ledger.shm->evicted;
    test_int(evicted, 0);

    item = test_value("per", "user-0", 10, 1);
    test_int(reserve(&item, 0, &res), NGX_OK);
    test_int(item.settled, 1);
    test_int(item.other, 0);
    ngx_llm_ledger_release(&ledger, res, 0);

    /* of yesterday they are */

    item = test_value("per", "tomorrow", 10, 1);
    item.period += TEST_DAY;
    item.reset += TEST_DAY;

    test_int(ngx_llm_ledger_reserve(&ledger, &item, 1, 0,
                                    TEST_DATE + TEST_DAY, &res, &which),
             NGX_OK);
    test_int(item.other, 0);
    test_ok(ledger.shm->evicted > (int64_t) evicted);
    ngx_llm_ledger_release(&ledger, res, 0);
}


static void
test_reservations(void)
{
    ngx_uint_t      i, n, *res;
    ngx_llm_item_t  item;

    test_case = "reservations";
    test_ledger();

    n = ledger.shm->nres;
    res = malloc(sizeof(ngx_uint_t) * n);

    item = test_item("c", NGX_LLM_LIMIT_CONCURRENCY, 1000000, 1);

    for (i = 0; i < n; i++) {
        if (reserve(&item, 0, &res[i]) != NGX_OK) {
            break;
        }
    }

    test_int(i, n);
    test_int(reserve(&item, 0, &i), NGX_DECLINED);
    test_int(test_counter("c")->held, n);

    for (i = 0; i < n; i++) {
        ngx_llm_ledger_release(&ledger, res[i], 0);
    }

    test_int(test_counter("c")->held, 0);
    test_int(reserve(&item, 0, &i), NGX_OK);

    free(res);
}


static void
test_sums(void)
{
    char           text[32];
    int64_t        sums[NGX_LLM_LEDGER_SUMS], none;
    ngx_str_t      line;
    ngx_uint_t     res, i, n;
    ngx_llm_row_t  rows[2];
    ngx_llm_sum_t  copy[10];

    test_case = "sums";
    test_ledger();

    memset(sums, 0, sizeof(sums));
    sums[0] = 1;
    sums[5] = 70;

    rows[0] = test_row("all", 0);
    rows[1] = test_row("today", TEST_DATE);
    line = test_string("");
    none = 0;

    for (i = 0; i < 3; i++) {
        test_int(reserve_n(NULL, 0, 0, &res, &n), NGX_OK);
        ngx_llm_ledger_settle(&ledger, res, &none, 0, rows, 2, sums, NULL,
                              &line, TEST_DATE);
        test_int(test_sum("all")->sum[0], i);
        ngx_llm_ledger_apply(&ledger, res, 0, TEST_DATE);
    }

    test_int(test_sum("all")->sum[0], 3);
    test_int(test_sum("today")->sum[5], 210);

    i = 0;
    n = ngx_llm_ledger_sums(&ledger, &i, copy, 10);
    test_int(n, 2 + NGX_LLM_LEDGER_ROWS);
    test_int(ngx_llm_ledger_sums(&ledger, &i, copy, 10), 0);

    ngx_llm_ledger_expire(&ledger, 0, TEST_DATE, TEST_DATE + 1);
    test_ok(test_sum("today") == NULL);
    test_ok(test_sum("all") != NULL);

    /* what has no room is summed up with its kind */

    for (i = 0; i < (ngx_uint_t) ledger.shm->sums.n * 2; i++) {
        snprintf(text, sizeof(text), "row-%lu", (unsigned long) i);
        rows[0] = test_row(text, 0);

        test_int(reserve_n(NULL, 0, 0, &res, &n), NGX_OK);
        ngx_llm_ledger_settle(&ledger, res, &none, 0, rows, 1, sums, NULL,
                              &line, TEST_DATE);
        ngx_llm_ledger_apply(&ledger, res, 0, TEST_DATE);
    }

    none = 0;

    for (i = 0; (n = ngx_llm_ledger_sums(&ledger, &i, copy, 10)) != 0; ) {
        while (n--) {
            none += copy[n].sum[0];
        }
    }

    test_int(none, 3 + ledger.shm->sums.n * 2);
}


/* in flight: of each unit the largest of a request, and their sum */

static void
test_held(void)
{
    int64_t         held[NGX_LLM_LEDGER_UNITS];
    ngx_uint_t      one, two, which;
    ngx_llm_item_t  items[3];

    test_case = "held";
    test_ledger();

    items[0] = test_item("ha", NGX_LLM_LIMIT_QUOTA, 1000, 70);
    items[1] = test_item("hb", NGX_LLM_LIMIT_RATE, 1000, 50);
    items[2] = test_item("hc", NGX_LLM_LIMIT_QUOTA, 1000, 8);
    items[2].unit = NGX_LLM_UNIT_COST;

    test_int(ngx_llm_ledger_reserve(&ledger, items, 3, 0, TEST_DATE, &one,
                                    &which),
             NGX_OK);
    test_int(ngx_llm_ledger_reserve(&ledger, items, 2, 0, TEST_DATE, &two,
                                    &which),
             NGX_OK);

    ngx_llm_ledger_held(&ledger, held);
    test_int(held[NGX_LLM_UNIT_TOKENS], 140);
    test_int(held[NGX_LLM_UNIT_COST], 8);
    test_int(held[NGX_LLM_UNIT_REQUESTS], 0);

    ngx_llm_ledger_release(&ledger, one, 0);
    ngx_llm_ledger_release(&ledger, two, 0);

    ngx_llm_ledger_held(&ledger, held);
    test_int(held[NGX_LLM_UNIT_TOKENS], 0);
    test_int(held[NGX_LLM_UNIT_COST], 0);
}


static void
test_look(void)
{
    ngx_uint_t             res;
    ngx_llm_item_t         item;
    ngx_llm_ledger_stat_t  stat;

    test_case = "look";
    test_ledger();

    item = test_item("q", NGX_LLM_LIMIT_QUOTA, 100, 60);
    ngx_llm_ledger_look(&ledger, &item, 0, TEST_DATE);
    test_int(item.settled, 0);
    test_ok(test_counter("q") == NULL);

    test_int(reserve(&item, 0, &res), NGX_OK);
    ngx_llm_ledger_look(&ledger, &item, 0, TEST_DATE);
    test_int(item.held, 60);
    settle(res, 100, 0);

    ngx_llm_ledger_look(&ledger, &item, 0, TEST_DATE);
    test_int(item.settled, 100);
    test_int(item.used_up, 1);

    /* of the new day, without a request in it */

    item.period += TEST_DAY;
    item.reset += TEST_DAY;
    ngx_llm_ledger_look(&ledger, &item, 0, TEST_DATE + TEST_DAY);
    test_int(item.settled, 0);

    item = test_item("q", NGX_LLM_LIMIT_QUOTA, 100, 60);
    test_credit(&item, 80, 0, TEST_DATE);
    ngx_llm_ledger_look(&ledger, &item, 0, TEST_DATE);
    test_int(item.settled, 20);

    /* credit is what may be used beyond the limit */

    test_credit(&item, 30, 0, TEST_DATE);
    item.amount = 110;
    item.soft = 0;
    test_int(reserve(&item, 0, &res), NGX_OK);
    test_int(item.settled, -10);
    test_int(item.granted, 110);
    ngx_llm_ledger_release(&ledger, res, 0);

    item = test_item("r", NGX_LLM_LIMIT_RATE, 60, 30);
    test_int(reserve(&item, 0, &res), NGX_OK);
    settle(res, 30, 0);
    ngx_llm_ledger_look(&ledger, &item, 10000, TEST_DATE);
    test_int(item.settled, 20);
    test_credit(&item, 30, 10000, TEST_DATE);
    ngx_llm_ledger_look(&ledger, &item, 10000, TEST_DATE);
    test_int(item.settled, 0);

    ngx_llm_ledger_stat(&ledger, &stat);
    test_int(stat.counters, 2);
    test_int(stat.reservations, 0);
    test_int(stat.owners, 1);
    test_int(stat.undone, 0);
}


static void
test_texts(void)
{
    char             text[64];
    int64_t          since;
    ngx_str_t        s;
    ngx_uint_t       i, n, full;
    ngx_llm_name_t   name;
    ngx_llm_text_t   copy;

    test_case = "texts";
    test_ledger();

    name = test_name("one");
    s = test_string("first");

    test_int(ngx_llm_ledger_text_get(&ledger, &name, &copy), NGX_DECLINED);
    test_int(ngx_llm_ledger_text_changed(&ledger), 0);

    test_int(ngx_llm_ledger_text_set(&ledger, &name, &s), NGX_OK);
    test_int(ngx_llm_ledger_text_get(&ledger, &name, &copy), NGX_OK);
    test_int(copy.len, 5);
    test_str(test_string((char *) copy.text), "first");
    since = ngx_llm_ledger_text_changed(&ledger);
    test_int(copy.change, since);

    s = test_string("2");
    test_int(ngx_llm_ledger_text_set(&ledger, &name, &s), NGX_OK);

    i = 0;
    test_int(ngx_llm_ledger_text_next(&ledger, &i, since, &copy), NGX_OK);
    test_str(test_string((char *) copy.text), "2");
    test_int(ngx_llm_ledger_text_next(&ledger, &i, since, &copy), NGX_DONE);

    since = ngx_llm_ledger_text_changed(&ledger);
    i = 0;
    test_int(ngx_llm_ledger_text_next(&ledger, &i, since, &copy), NGX_DONE);

    /* what is deleted is heard of */

    test_int(ngx_llm_ledger_text_set(&ledger, &name, NULL), NGX_OK);
    test_int(ngx_llm_ledger_text_get(&ledger, &name, &copy), NGX_DECLINED);

    i = 0;
    test_int(ngx_llm_ledger_text_next(&ledger, &i, since, &copy), NGX_OK);
    test_int(copy.len, -1);
    test_int(copy.name.id[0], name.id[0]);

    s.data = malloc(NGX_LLM_LEDGER_DEFINITION);
    memset(s.data, 'x', NGX_LLM_LEDGER_DEFINITION);
    s.len = NGX_LLM_LEDGER_DEFINITION;
    test_int(ngx_llm_ledger_text_set(&ledger, &name, &s), NGX_DECLINED);
    s.len--;
    test_int(ngx_llm_ledger_text_set(&ledger, &name, &s), NGX_OK);
    test_int(ngx_llm_ledger_text_get(&ledger, &name, &copy), NGX_OK);
    test_int(copy.len, NGX_LLM_LEDGER_DEFINITION - 1);
    free(s.data);

    /* room for so many; marks make room, and that is told */

    full = 0;
    s = test_string("x");

    for (n = 0; n < (ngx_uint_t) ledger.shm->texts.n * 2; n++) {
        snprintf(text, sizeof(text), "text-%lu", (unsigned long) n);
        name = test_name(text);
        full += (ngx_llm_ledger_text_set(&ledger, &name, &s) != NGX_OK);
    }

    test_ok(full > 0);
    test_int(ngx_llm_ledger_text_forgotten(&ledger), 0);

    for (n = 0; n < (ngx_uint_t) ledger.shm->texts.n * 2; n++) {
        snprintf(text, sizeof(text), "text-%lu", (unsigned long) n);
        name = test_name(text);
        (void) ngx_llm_ledger_text_set(&ledger, &name, NULL);
    }

    for (n = 0; n < 10; n++) {
        snprintf(text, sizeof(text), "new-%lu", (unsigned long) n);
        name = test_name(text);
        test_int(ngx_llm_ledger_text_set(&ledger, &name, &s), NGX_OK);
    }

    test_ok(ngx_llm_ledger_text_forgotten(&ledger) > 0);
    test_ok(ngx_llm_ledger_text_forgotten(&ledger)
            < ngx_llm_ledger_text_changed(&ledger));
}


static void
test_names(void)
{
    ngx_str_t       parts[2];
    ngx_llm_name_t  one, two, key;

    test_case = "names";

    memset(&key, 0, sizeof(ngx_llm_name_t));

    parts[0] = test_string("a");
    parts[1] = test_string("bc");
    ngx_llm_ledger_name(&one, &key, parts, 2);

    parts[0] = test_string("ab");
    parts[1] = test_string("c");
    ngx_llm_ledger_name(&two, &key, parts, 2);
    test_ok(one.id[0] != two.id[0] && one.id[1] != two.id[1]);

    ngx_llm_ledger_name(&one, &key, parts, 2);
    test_ok(one.id[0] == two.id[0] && one.id[1] == two.id[1]);

    key.id[0] = 1;
    ngx_llm_ledger_name(&one, &key, parts, 2);
    test_ok(one.id[0] != two.id[0] && one.id[1] != two.id[1]);

    parts[0] = test_string("exactly8exactly8");
    ngx_llm_ledger_name(&one, &key, parts, 1);
    parts[0] = test_string("exactly8exactly");
    ngx_llm_ledger_name(&two, &key, parts, 1);
    test_ok(one.id[0] != two.id[0]);
}


int
main(void)
{
    test_reset();

    test_names();
    test_quota();
    test_periods();
    test_rates();
    test_rate_steps();
    test_held();
    test_concurrency();
    test_together();
    test_margin();
    test_shared();
    test_attempts();
    test_raise_shared();
    test_huge();
    test_values();
    test_full();
    test_reservations();
    test_sums();
    test_look();
    test_texts();

    return test_done("ledger");
}
