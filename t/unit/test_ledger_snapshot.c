
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A ledger that is saved, and read back in pieces of any size; lines that
 * count for what the snapshot does not have.
 */


#include "test_ledger.h"


static u_char  *saved;
static size_t   saved_len;


static ngx_int_t
test_save_write(void *data, u_char *p, size_t len)
{
    (void) data;

    saved = realloc(saved, saved_len + len);
    memcpy(saved + saved_len, p, len);
    saved_len += len;

    return NGX_OK;
}


static ngx_int_t
test_save_fail(void *data, u_char *p, size_t len)
{
    int  *left = data;

    (void) p;
    (void) len;

    return (*left)-- > 0 ? NGX_OK : NGX_ERROR;
}


static void
test_save(int64_t now)
{
    saved_len = 0;

    test_int(ngx_llm_ledger_save(&ledger, test_save_write, NULL, now,
                                 TEST_DATE + now / 1000), NGX_OK);
}


/* one request of each line; seq by the ledger's own count */

static void
test_request(int64_t amount, ngx_llm_seq_t *seq, int64_t now)
{
    int64_t         amounts[3], sums[NGX_LLM_LEDGER_SUMS];
    ngx_str_t       line;
    ngx_uint_t      res, which;
    ngx_llm_row_t   row;
    ngx_llm_item_t  items[3];

    items[0] = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, amount);
    items[1] = test_item("rate", NGX_LLM_LIMIT_RATE, 600, amount);
    items[2] = test_value("per", "user-1", 1000, amount);

    test_int(ngx_llm_ledger_reserve(&ledger, items, 3, now,
                                    TEST_DATE + now / 1000, &res, &which),
             NGX_OK);

    amounts[0] = amounts[1] = amounts[2] = amount;

    memset(sums, 0, sizeof(sums));
    sums[0] = 1;
    sums[1] = amount;

    row = test_row("today", TEST_DATE);
    line = test_string("x");

    ngx_llm_ledger_seq(&ledger, seq);
    ngx_llm_ledger_settle(&ledger, res, amounts, 3, &row, 1, sums, seq, &line,
                          TEST_DATE);
    ngx_llm_ledger_apply(&ledger, res, now, TEST_DATE + now / 1000);
}


static void
test_replay(ngx_llm_loader_t *loader, ngx_llm_seq_t *seq, int64_t amount,
    int64_t now)
{
    int64_t         sums[NGX_LLM_LEDGER_SUMS];
    ngx_llm_row_t   row;
    ngx_llm_item_t  items[3];

    items[0] = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, amount);
    items[1] = test_item("rate", NGX_LLM_LIMIT_RATE, 600, amount);
    items[1].period = TEST_DATE;
    items[2] = test_value("per", "user-1", 1000, amount);

    memset(sums, 0, sizeof(sums));
    sums[0] = 1;
    sums[1] = amount;

    row = test_row("today", TEST_DATE);

    if (loader) {
        ngx_llm_ledger_load_replay(loader, seq, items, 3, &row, 1, sums, now,
                                   TEST_DATE + now / 1000);

    } else {
        ngx_llm_ledger_replay(&ledger, seq, items, 3, &row, 1, sums, now,
                              TEST_DATE + now / 1000);
    }
}


/* a new ledger, of a later boot, with what was saved in pieces of that size */

static ngx_llm_loader_t *
test_load(size_t piece, size_t len, int64_t now, ngx_int_t rc)
{
    size_t             i, n;
    ngx_llm_loader_t  *loader;

    test_ledger();
    test_reset();

    ledger.shm->boot = TEST_DATE + 1000;

    loader = ngx_llm_ledger_load(&ledger, test_pool, now,
                                 TEST_DATE + now / 1000);

    for (i = 0; i < len; i += n) {
        n = ngx_min(piece, len - i);

        if (ngx_llm_ledger_load_data(loader, saved + i, n) != NGX_OK) {
            break;
        }
    }

    test_int(ngx_llm_ledger_load_end(loader), rc);

    return loader;
}


static void
test_back(void)
{
    size_t              piece;
    ngx_uint_t          res, which;
    ngx_llm_seq_t       seq;
    ngx_llm_item_t      item;

    test_case = "back";
    test_ledger();

    test_request(100, &seq, 0);
    test_request(50, &seq, 0);

    /* what is in flight is not in it */

    item = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 300);
    test_int(ngx_llm_ledger_reserve(&ledger, &item, 1, 0, TEST_DATE, &res,
                                    &which), NGX_OK);
    item = test_item("rate", NGX_LLM_LIMIT_RATE, 600, 300);
    test_int(ngx_llm_ledger_extend(&ledger, res, &item, 1, 0, TEST_DATE,
                                   &which), NGX_OK);

    test_save(2000);

    for (piece = 1; piece < saved_len + 100; piece += piece / 3 + 1) {

        /* a minute later by the wall; the other clock began anew */

        (void) test_load(piece, saved_len, 5000, NGX_OK);

        test_int(test_counter("quota")->settled, 150);
        test_int(test_counter("quota")->held, 0);
        test_int(test_counter("quota")->users, 0);
        test_int(test_counter("per/user-1")->settled, 150);
        test_int(test_counter("per")->children, 1);
        test_str(test_string((char *) test_counter("per/user-1")->value),
                 "user-1");
        test_int(test_sum("today")->sum[0], 2);
        test_int(test_sum("today")->sum[1], 150);
        test_int(test_sum("today")->day, TEST_DATE);

        /* 150 at 0, ten a second, now is 5 s */

        item = test_item("rate", NGX_LLM_LIMIT_RATE, 600, 1);
        ngx_llm_ledger_look(&ledger, &item, 5000, TEST_DATE + 5);
        test_int(item.settled, 100);
    }
}


static void
test_lines(void)
{
    ngx_llm_seq_t      one, two, three, other;
    ngx_llm_item_t     rate;
    ngx_llm_loader_t  *loader;

    test_case = "lines";
    test_ledger();

    test_request(100, &one, 0);
    test_request(50, &two, 0);
    test_save(0);
    test_request(30, &three, 0);

    loader = test_load(100, saved_len, 0, NGX_OK);

    test_replay(loader, &one, 100, 0);
    test_replay(loader, &two, 50, 0);
    test_int(test_counter("quota")->settled, 150);

    test_replay(loader, &three, 30, 0);
    test_int(test_counter("quota")->settled, 180);
    test_int(test_counter("per/user-1")->settled, 180);
    test_int(test_sum("today")->sum[0], 3);

    /* the same writer goes on while this one follows */

    test_replay(NULL, &three, 30, 0);
    test_int(test_counter("quota")->settled, 180);

    other = three;
    other.n++;
    test_replay(NULL, &other, 7, 0);
    test_replay(NULL, &other, 7, 0);
    test_int(test_counter("quota")->settled, 187);

    other.slot = 3;
    other.n = 1;
    test_replay(NULL, &other, 3, 0);
    test_int(test_counter("quota")->settled, 190);

    /* and what this one has so far is in its own snapshot */

    test_save(0);

    loader = test_load(1000, saved_len, 0, NGX_OK);
    test_int(test_counter("quota")->settled, 190);

    test_replay(loader, &other, 3, 0);
    test_replay(loader, &three, 30, 0);
    test_int(test_counter("quota")->settled, 190);
    test_int(test_sum("today")->sum[0], 5);

    /* without a snapshot all of them count */

    loader = test_load(1, 0, 0, NGX_DECLINED);
    test_replay(loader, &one, 100, 0);
    test_replay(loader, &two, 50, 0);
    test_replay(loader, &three, 30, 0);
    test_int(test_counter("quota")->settled, 180);

    /* a bucket has leaked since */

    loader = test_load(1, 0, 8000, NGX_DECLINED);
    test_replay(loader, &one, 100, 8000);

    rate = test_item("rate", NGX_LLM_LIMIT_RATE, 600, 0);
    ngx_llm_ledger_look(&ledger, &rate, 8000, TEST_DATE + 8);
    test_int(rate.settled, 20);
}


static void
test_replay_one(ngx_llm_loader_t *loader, const char *name,
    ngx_llm_limit_e kind, ngx_llm_seq_t *seq, int64_t amount, int64_t now)
{
    ngx_llm_item_t  item;

    item = test_item(name, kind, 600, amount);

    if (kind == NGX_LLM_LIMIT_RATE) {
        item.period = TEST_DATE + now / 1000;
    }

    if (loader) {
        ngx_llm_ledger_load_replay(loader, seq, &item, 1, NULL, 0, NULL, now,
                                   TEST_DATE + now / 1000);

    } else {
        ngx_llm_ledger_replay(&ledger, seq, &item, 1, NULL, 0, NULL, now,
                              TEST_DATE + now / 1000);
    }
}


/* what was credited or reset: once, in whatever order with what others used */

static void
test_taken(void)
{
    int64_t            i;
    ngx_str_t          line;
    ngx_uint_t         res;
    ngx_llm_seq_t      one, reset, late, credit;
    ngx_llm_item_t     item, rate;
    ngx_llm_loader_t  *loader;

    test_case = "taken";
    test_ledger();

    line = test_string("x");

    test_request(100, &one, 0);

    /* another request is settled between the two halves of a reset */

    item = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 0);

    ngx_llm_ledger_seq(&ledger, &reset);
    res = test_take_off(&item, 100, &reset, &line, 0, TEST_DATE);
    test_int(item.settled, 100);

    late = reset;
    late.slot = 9;
    late.n = 1;
    test_replay_one(NULL, "quota", NGX_LLM_LIMIT_QUOTA, &late, 30, 0);

    ngx_llm_ledger_apply(&ledger, res, 0, TEST_DATE);

    test_int(test_counter("quota")->settled, 30);
    test_int(ledger.shm->owner[0].applied, reset.n);

    /* all is in the snapshot but a credit */

    test_save(0);

    ngx_llm_ledger_seq(&ledger, &credit);

    for (i = 0; i < 2; i++) {
        loader = test_load(100, saved_len, 0, NGX_OK);

        test_replay_one(loader, "quota", NGX_LLM_LIMIT_QUOTA, &reset, -100, 0);
        test_replay_one(loader, "quota", NGX_LLM_LIMIT_QUOTA, &credit, -50, 0);
        test_int(test_counter("quota")->settled, -20);

        /* followed, it counts once, too */

        test_replay_one(NULL, "quota", NGX_LLM_LIMIT_QUOTA, &credit, -50, 0);
        test_int(test_counter("quota")->settled, -20);

        test_save(0);
    }

    /* without a snapshot, in both orders */

    for (i = 0; i < 2; i++) {
        loader = test_load(1, 0, 0, NGX_DECLINED);

        test_replay_one(loader, "quota", NGX_LLM_LIMIT_QUOTA, i ? &late : &one,
                        i ? 30 : 100, 0);
        test_replay_one(loader, "quota", NGX_LLM_LIMIT_QUOTA, &reset, -100, 0);
        test_replay_one(loader, "quota", NGX_LLM_LIMIT_QUOTA, i ? &one : &late,
                        i ? 100 : 30, 0);

        test_int(test_counter("quota")->settled, 30);
    }

    /* it counts for its own period alone */

    loader = test_load(1, 0, 0, NGX_DECLINED);

    item = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 40);
    item.period += TEST_DAY;
    item.reset += TEST_DAY;
    ngx_llm_ledger_load_replay(loader, &one, &item, 1, NULL, 0, NULL, 0,
                               TEST_DATE + TEST_DAY);
    test_replay_one(loader, "quota", NGX_LLM_LIMIT_QUOTA, &reset, -100, 0);
    test_int(test_counter("quota")->settled, 40);

    /* a bucket: what it lacks is not lost, what is more than all is */

    loader = test_load(1, 0, 0, NGX_DECLINED);
    test_replay_one(loader, "rate", NGX_LLM_LIMIT_RATE, &one, 100, 0);
    test_replay_one(loader, "rate", NGX_LLM_LIMIT_RATE, &reset, -90, 5000);

    rate = test_item("rate", NGX_LLM_LIMIT_RATE, 600, 0);
    ngx_llm_ledger_look(&ledger, &rate, 5000, TEST_DATE + 5);
    test_int(rate.settled, 0);

    test_replay_one(loader, "rate", NGX_LLM_LIMIT_RATE, &late, 100, 5000);
    test_replay_one(loader, "rate", NGX_LLM_LIMIT_RATE, &credit, -30, 1000);
    ngx_llm_ledger_look(&ledger, &rate, 5000, TEST_DATE + 5);
    test_int(rate.settled, 70);

    /* a counter that comes to 0 by it is still needed, until its period ends */

    loader = test_load(1, 0, 0, NGX_DECLINED);
    test_replay_one(loader, "quota", NGX_LLM_LIMIT_QUOTA, &one, 100, 0);
    test_replay_one(loader, "quota", NGX_LLM_LIMIT_QUOTA, &reset, -100, 0);
    test_int(test_counter("quota")->settled, 0);
    test_ok(!ngx_llm_ledger_counter_idle(test_counter("quota"), 0, TEST_DATE));
    test_ok(ngx_llm_ledger_counter_idle(test_counter("quota"), 0,
                                        TEST_DATE + TEST_DAY));
}


/* a slice that was copied earlier has less than one that was copied later */

static void
test_slices(void)
{
    int64_t             i, n, early, late;
    char                text[32];
    uint32_t            crc;
    ngx_uint_t          res, which;
    ngx_llm_seq_t       seq;
    ngx_llm_item_t      item;
    ngx_llm_loader_t   *loader;
    ngx_llm_applied_t   applied;

    test_case = "slices";
    test_ledger();

    early = late = -1;

    for (n = 0; n < 1000; n++) {
        snprintf(text, sizeof(text), "q%d", (int) n);
        item = test_item(text, NGX_LLM_LIMIT_QUOTA, 1000, 1);

        test_int(ngx_llm_ledger_reserve(&ledger, &item, 1, 0, TEST_DATE, &res,
                                        &which), NGX_OK);
        ngx_llm_ledger_release(&ledger, res, 0);

        i = ngx_llm_ledger_find(&ledger, &ledger.shm->counters, &item.name);

        if (i < 64 && early == -1) {
            early = n;
        }

        if (i > ledger.shm->counters.n - 64 && late == -1) {
            late = n;
        }
    }

    test_ok(early != -1 && late != -1);

    /*
     * "applied" as it would be if the line of a request that met both were
     * applied between the copies: by hand, in the bytes of the snapshot
     */

    ledger.shm->owner[0].applied = 4;
    test_save(0);

    applied.boot = TEST_DATE;
    applied.slot = 0;
    applied.applied = 4;

    for (i = 0; (size_t) i + sizeof(ngx_llm_applied_t) <= saved_len; i++) {
        if (memcmp(saved + i, &applied, sizeof(ngx_llm_applied_t)) == 0) {
            break;
        }
    }

    test_ok((size_t) i + sizeof(ngx_llm_applied_t) <= saved_len);

    applied.applied = 3;
    memcpy(saved + i, &applied, sizeof(ngx_llm_applied_t));

    /* the end has a checksum of all before it */

    ngx_crc32_init(crc);
    ngx_crc32_update(&crc, saved, saved_len - 12);
    memcpy(saved + saved_len - 4, &crc, 4);

    loader = test_load(1000, saved_len, 0, NGX_OK);

    seq.boot = TEST_DATE;
    seq.slot = 0;
    seq.n = 4;

    snprintf(text, sizeof(text), "q%d", (int) early);
    item = test_item(text, NGX_LLM_LIMIT_QUOTA, 1000, 1);
    ngx_llm_ledger_load_replay(loader, &seq, &item, 1, NULL, 0, NULL, 0,
                               TEST_DATE);
    test_int(test_counter(text)->settled, 1);

    snprintf(text, sizeof(text), "q%d", (int) late);
    item = test_item(text, NGX_LLM_LIMIT_QUOTA, 1000, 1);
    ngx_llm_ledger_load_replay(loader, &seq, &item, 1, NULL, 0, NULL, 0,
                               TEST_DATE);
    test_int(test_counter(text)->settled, 0);
}


/* a snapshot that is cut or changed leaves an empty ledger */

static void
test_broken(void)
{
    int            left, n;
    size_t         i;
    ngx_llm_seq_t  seq;

    test_case = "broken";
    test_ledger();

    test_request(100, &seq, 0);
    test_save(0);

    for (i = 0; i < saved_len; i += 37) {
        (void) test_load(1000, i, 0, NGX_DECLINED);
        test_ok(test_counter("quota") == NULL);
        test_int(ledger.shm->counters.used, 0);
    }

    for (i = 0; i < saved_len; i += 7) {
        saved[i] ^= 0x10;
        (void) test_load(1000, saved_len, 0, NGX_DECLINED);
        saved[i] ^= 0x10;

        test_ok(test_counter("quota") == NULL);
    }

    (void) test_load(1000, saved_len, 0, NGX_OK);

    /* more behind its end is not of it */

    test_save_write(NULL, (u_char *) "\0\0\0", 3);
    (void) test_load(1000, saved_len, 0, NGX_DECLINED);

    /* who cannot write hears of it */

    for (n = 0; n < 6; n++) {
        left = n;
        test_int(ngx_llm_ledger_save(&ledger, test_save_fail, &left, 0,
                                     TEST_DATE), NGX_ERROR);
    }
}


/*
 * Whoever has the workers' rights can write anything into a snapshot, and the
 * master reads it as root.
 */

static ngx_llm_counter_t *
test_saved(const char *name)
{
    size_t          i;
    ngx_llm_name_t  n;

    n = test_name(name);

    for (i = 0; i + sizeof(ngx_llm_counter_t) <= saved_len; i += 8) {
        if (memcmp(saved + i, &n, sizeof(ngx_llm_name_t)) == 0) {
            return (ngx_llm_counter_t *) (saved + i);
        }
    }

    fprintf(stderr, "no counter\n");
    exit(2);
}


static void
test_forged(void)
{
    uint32_t            crc;
    ngx_llm_seq_t       seq;
    ngx_llm_item_t      item;
    ngx_llm_loader_t   *loader;
    ngx_llm_counter_t  *c;

    test_case = "forged";
    test_ledger();

    test_request(100, &seq, 0);
    test_save(0);

    c = test_saved("rate");
    c->settled = INT64_MAX;
    c->held = 1LL << 62;
    c->lows = 1LL << 40;
    c->time = INT64_MIN;
    c->frac = INT64_MIN;
    c->rate = INT64_MIN;
    c->users = 1;

    c = test_saved("quota");
    c->settled = INT64_MIN;
    c->held = INT64_MAX;
    c->past_settled = INT64_MAX;
    c->users = INT64_MAX;

    ngx_crc32_init(crc);
    ngx_crc32_update(&crc, saved, saved_len - 12);
    memcpy(saved + saved_len - 4, &crc, 4);

    loader = test_load(1000, saved_len, 0, NGX_OK);

    c = test_counter("rate");
    test_int(c->held, 0);
    test_int(c->lows, 0);
    test_int(c->users, 0);
    test_int(c->settled, NGX_LLM_LEDGER_MOST);

    c = test_counter("quota");
    test_int(c->held, 0);
    test_int(c->users, 0);
    test_int(c->settled, -NGX_LLM_LEDGER_MOST);
    test_int(c->past_settled, NGX_LLM_LEDGER_MOST);

    /* lines are counted to it, requests meet it */

    seq.n += 1;
    test_replay(loader, &seq, 100, 5000);
    test_replay(NULL, &seq, 100, 5000);

    item = test_item("rate", NGX_LLM_LIMIT_RATE, 600, 1);
    ngx_llm_ledger_look(&ledger, &item, 5000, TEST_DATE + 5);
    test_int(item.held, 0);
    test_ok(item.settled > 600);
}


/*
 * A bucket that is filled by lines again has the level that it had: each line
 * by itself would have leaked long ago.
 */

static void
test_bucket(void)
{
    int64_t         now, at[200], amount[200], level;
    ngx_str_t       line;
    ngx_uint_t      i, res, which;
    ngx_llm_seq_t   seq;
    ngx_llm_item_t  item;

    test_case = "bucket";
    test_ledger();

    line = test_string("");
    now = 100000;

    for (i = 0; i < 200; i++) {
        now += 1000 * (1 + i % 3) + (i % 50 == 49 ? 40000 : 0);
        at[i] = now;
        amount[i] = 5 + i % 20;

        item = test_item("rate", NGX_LLM_LIMIT_RATE, 3000, amount[i]);
        item.rate = 4;
        item.rate_time = 1000;

        test_int(ngx_llm_ledger_reserve(&ledger, &item, 1, now,
                                        TEST_DATE + now / 1000, &res, &which),
                 NGX_OK);
        ngx_llm_ledger_settle(&ledger, res, &item.amount, 1, NULL, 0, NULL,
                              NULL, &line, TEST_DATE + now / 1000);
        ngx_llm_ledger_apply(&ledger, res, now, TEST_DATE + now / 1000);
    }

    now += 5000;

    item.amount = 0;
    ngx_llm_ledger_look(&ledger, &item, now, TEST_DATE + now / 1000);
    level = item.settled;

    test_ok(level > 500);

    test_ledger();

    seq.boot = 5;
    seq.slot = 1;

    for (i = 0; i < 200; i++) {
        seq.n = i + 1;

        item = test_item("rate", NGX_LLM_LIMIT_RATE, 3000, amount[i]);
        item.rate = 4;
        item.rate_time = 1000;
        item.period = TEST_DATE + at[i] / 1000;

        ngx_llm_ledger_replay(&ledger, &seq, &item, 1, NULL, 0, NULL, now,
                              TEST_DATE + now / 1000);
    }

    item.amount = 0;
    ngx_llm_ledger_look(&ledger, &item, now, TEST_DATE + now / 1000);

    test_int(item.settled, level);
}


int
main(void)
{
    test_reset();

    test_back();
    test_lines();
    test_taken();
    test_slices();
    test_broken();
    test_forged();
    test_bucket();

    free(saved);

    return test_done("ledger_snapshot");
}
