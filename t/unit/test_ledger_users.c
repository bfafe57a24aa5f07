
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * End users without number cycle through a zone of 64 megabytes: counters of
 * days that are over make room, none that counts is ever lost, and what shares
 * a counter for want of room is counted.  USERS says how many there are.
 */


#include "test_ledger.h"

#include <time.h>


#define TEST_MEMORY   (64 * 1024 * 1024)
#define TEST_DAYS     10
#define TEST_LIMIT    3


static uint64_t          test_seed = 7;


static uint64_t
test_random(void)
{
    test_seed = test_seed * 6364136223846793005ULL + 1442695040888963407ULL;

    return test_seed >> 33;
}


static ngx_llm_item_t
test_user(ngx_uint_t user, int64_t date, char *text)
{
    ngx_str_t       parts[2];
    ngx_llm_name_t  key;
    ngx_llm_item_t  item;

    memset(&item, 0, sizeof(ngx_llm_item_t));
    memset(&key, 0, sizeof(ngx_llm_name_t));

    item.of = test_name("per-user");
    item.value.data = (u_char *) text;
    item.value.len = snprintf(text, 32, "user-%lu", (unsigned long) user);

    parts[0] = test_string("per-user");
    parts[1] = item.value;

    ngx_llm_ledger_name(&item.name, &key, parts, 2);

    item.kind = NGX_LLM_LIMIT_QUOTA;
    item.unit = NGX_LLM_UNIT_REQUESTS;
    item.limit = TEST_LIMIT;
    item.amount = 1;
    item.period = date - date % TEST_DAY;
    item.reset = item.period + TEST_DAY;

    return item;
}


/* one request; 1: it was charged to a counter of its own, 2: to others' */

static ngx_uint_t
test_request(ngx_uint_t user, int64_t date)
{
    char            text[32];
    ngx_str_t       line;
    ngx_int_t       rc;
    ngx_uint_t      res, which;
    ngx_llm_item_t  item;

    item = test_user(user, date, text);

    rc = ngx_llm_ledger_reserve(&ledger, &item, 1, 0, date, &res, &which);

    test_ok(rc == NGX_OK || rc == NGX_BUSY);

    if (rc != NGX_OK) {
        return 0;
    }

    line = test_string("");

    ngx_llm_ledger_settle(&ledger, res, &item.amount, 1, NULL, 0, NULL, NULL,
                          &line, date);
    ngx_llm_ledger_apply(&ledger, res, 0, date);

    return item.other ? 2 : 1;
}


/*
 * A day's users, each as often as chance wants it: what they are charged is in
 * their counters when the day is over, to the last request.
 */

static ngx_uint_t
test_day(ngx_uint_t first, ngx_uint_t n, int64_t date)
{
    char            text[32];
    u_char         *own;
    ngx_uint_t      i, user, rc, shared;
    ngx_llm_item_t  item;

    own = calloc(n, 1);
    shared = 0;

    for (i = 0; i < n * 2; i++) {

        /* each one once at least */

        user = (i < n) ? i : test_random() % n;
        rc = test_request(first + user, date + i * 80000 / (n * 2));

        own[user] += (rc == 1);
        shared += (rc == 2);

        test_ok(own[user] <= TEST_LIMIT);

        if (i % 20000 == 0) {
            ngx_llm_ledger_expire(&ledger, 0, date + i * 80000 / (n * 2),
                                  date - 35 * TEST_DAY);
        }
    }

    for (i = 0; i < n; i++) {
        item = test_user(first + i, date, text);
        ngx_llm_ledger_look(&ledger, &item, 0, date);

        test_int(item.settled, own[i]);
    }

    free(own);

    return shared;
}


int
main(void)
{
    char                   *users;
    size_t                  n, total;
    ngx_uint_t              day, shared;
    struct timespec         begin, end;
    ngx_llm_ledger_stat_t   stat;

    test_reset();

    users = getenv("USERS");
    total = users ? (size_t) atol(users) : 100000;

    memset(&ledger, 0, sizeof(ngx_llm_ledger_t));

    ledger.shm = mmap(NULL, TEST_MEMORY, PROT_READ|PROT_WRITE,
                      MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (ledger.shm == MAP_FAILED
        || ngx_llm_ledger_create(ledger.shm, TEST_MEMORY, TEST_DATE) != NGX_OK)
    {
        return 2;
    }

    ledger.lock = test_no_lock;
    ledger.unlock = test_no_lock;

    test_int(ngx_llm_ledger_join(&ledger, getpid(), 1), NGX_OK);

    clock_gettime(CLOCK_MONOTONIC, &begin);

    /* other people each day: there is room for one day's */

    test_case = "days";

    n = total / TEST_DAYS;

    for (day = 0; day < TEST_DAYS; day++) {
        test_int(test_day(day * n, n, TEST_DATE + day * TEST_DAY), 0);
    }

    clock_gettime(CLOCK_MONOTONIC, &end);

    ngx_llm_ledger_stat(&ledger, &stat);

    printf("%lu users: %lu counters of %lu, %ld evicted, %.0f ns a request\n",
           (unsigned long) total, (unsigned long) stat.counters,
           (unsigned long) stat.counters_max, (long) stat.evicted,
           ((end.tv_sec - begin.tv_sec) * 1e9 + end.tv_nsec - begin.tv_nsec)
           / (total * 2));

    test_int(stat.others, 0);
    test_int(stat.reservations, 0);

    /* more on one day than there is room for: who has a counter keeps it */

    test_case = "one day";

    shared = test_day(2 * total, stat.counters_max * 3 / 2,
                      TEST_DATE + 20 * TEST_DAY);

    ngx_llm_ledger_stat(&ledger, &stat);

    test_ok(shared > 0);
    test_ok(shared <= TEST_LIMIT);
    test_ok(stat.others > (int64_t) stat.counters_max / 4);
    test_ok(stat.counters <= stat.counters_max);
    test_ok(stat.counters > stat.counters_max * 9 / 10);
    test_int(stat.reservations, 0);

    printf("one day's %lu users: %lu counters, %ld times shared\n",
           (unsigned long) stat.counters_max * 3 / 2,
           (unsigned long) stat.counters, (long) stat.others);

    /* and the day after all is as before */

    test_case = "after";

    test_int(test_day(0, n, TEST_DATE + 21 * TEST_DAY), 0);

    munmap(ledger.shm, TEST_MEMORY);

    return test_done("ledger_users");
}
