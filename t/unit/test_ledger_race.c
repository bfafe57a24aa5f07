
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Processes that compete for one limit while they are killed at random, in
 * the lock and out of it.  RACE_SECONDS says for how long (2).
 */


#include "test_ledger.h"

#include <signal.h>
#include <sys/wait.h>
#include <sched.h>
#include <time.h>


#define TEST_CHILDREN  4
#define TEST_LIMIT     1000000000


typedef struct {
    volatile int64_t   lock;            /* pid of its holder */
    volatile int64_t   settled;         /* what the log has */
    volatile int64_t   seq[NGX_LLM_LEDGER_OWNERS];
    volatile int64_t   admitted;
    volatile int64_t   refused;
    volatile int64_t   passed;          /* over a limit: never */
} test_shared_t;


static test_shared_t  *test_shared;
static pid_t           test_pid[TEST_CHILDREN];


static void
test_take(void *data)
{
    (void) data;

    while (!__sync_bool_compare_and_swap(&test_shared->lock, 0, getpid())) {
        sched_yield();
    }
}


static void
test_open(void *data)
{
    (void) data;

    (void) __sync_bool_compare_and_swap(&test_shared->lock, getpid(), 0);
}


static void
test_line(ngx_llm_seq_t *seq, int64_t amount)
{
    if (test_shared->seq[seq->slot] < (int64_t) seq->n) {

        /* what is written is there: both in one step for this test */

        test_shared->seq[seq->slot] = seq->n;
        (void) __sync_add_and_fetch(&test_shared->settled, amount);
    }
}


static void
test_reap_line(void *data, ngx_llm_seq_t *seq, ngx_str_t *line)
{
    (void) data;

    test_line(seq, ngx_atoi(line->data, line->len));
}


static ngx_uint_t
test_alive(void *data, int64_t pid, int64_t start)
{
    ngx_uint_t  i;

    (void) data;
    (void) start;

    for (i = 0; i < TEST_CHILDREN; i++) {
        if (test_pid[i] == pid) {
            return 1;
        }
    }

    return pid == getpid();
}


static void
test_request(uint64_t *seed)
{
    char            text[32];
    int64_t         amounts[3];
    ngx_str_t       line;
    ngx_uint_t      res, which;
    ngx_llm_seq_t   seq;
    ngx_llm_item_t  items[3];

    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;

    items[0] = test_item("limit", NGX_LLM_LIMIT_QUOTA, TEST_LIMIT, 40);
    items[1] = test_item("slots", NGX_LLM_LIMIT_CONCURRENCY, 3, 1);

    snprintf(text, sizeof(text), "u%u", (unsigned) (*seed >> 40) % 50);
    items[2] = test_value("per", text, TEST_LIMIT, 40);
    items[2].max_children = 20;

    if (ngx_llm_ledger_reserve(&ledger, items, 3, 0, TEST_DATE, &res, &which)
        != NGX_OK)
    {
        (void) __sync_add_and_fetch(&test_shared->refused, 1);
        return;
    }

    (void) __sync_add_and_fetch(&test_shared->admitted, 1);

    if (items[0].settled + items[0].held + items[0].granted > TEST_LIMIT
        || items[1].held + 1 > 3)
    {
        test_shared->passed = 1;
    }

    if ((*seed >> 33) % 8 == 0) {
        ngx_llm_ledger_release(&ledger, res, 0);
        return;
    }

    amounts[0] = amounts[2] = (*seed >> 50) % 41;
    amounts[1] = 1;

    snprintf(text, sizeof(text), "%d", (int) amounts[0]);
    line = test_string(text);

    ngx_llm_ledger_seq(&ledger, &seq);
    ngx_llm_ledger_settle(&ledger, res, amounts, 3, NULL, 0, NULL, &seq, &line,
                          TEST_DATE);

    /* the line's two stores must not be parted by the kill of this test */

    test_take(NULL);
    test_line(&seq, amounts[0]);
    test_open(NULL);

    ngx_llm_ledger_apply(&ledger, res, 0, TEST_DATE);
}


static void
test_child(ngx_uint_t i)
{
    uint64_t  seed;

    test_pid[i] = fork();

    if (test_pid[i] != 0) {
        return;
    }

    seed = (uint64_t) getpid() * 0x9e3779b97f4a7c15ULL;

    if (ngx_llm_ledger_join(&ledger, getpid(), 1) != NGX_OK) {
        _exit(1);
    }

    for ( ;; ) {
        test_request(&seed);
    }
}


int
main(void)
{
    char               *seconds;
    pid_t               dead;
    uint64_t            seed;
    ngx_uint_t          i, kills, locked;
    struct timespec     pause, begin, now;
    ngx_llm_counter_t  *c;

    test_reset();

    test_shared = mmap(NULL, sizeof(test_shared_t), PROT_READ|PROT_WRITE,
                       MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (test_shared == MAP_FAILED) {
        return 2;
    }

    test_ledger();

    ledger.lock = test_take;
    ledger.unlock = test_open;

    for (i = 0; i < TEST_CHILDREN; i++) {
        test_child(i);
    }

    seconds = getenv("RACE_SECONDS");
    clock_gettime(CLOCK_MONOTONIC, &begin);

    seed = begin.tv_nsec;
    kills = 0;
    locked = 0;

    do {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;

        pause.tv_sec = 0;
        pause.tv_nsec = 200000 + (seed >> 33) % 800000;
        nanosleep(&pause, NULL);

        i = (seed >> 20) % TEST_CHILDREN;
        dead = test_pid[i];

        kill(dead, SIGKILL);

        if (waitpid(dead, NULL, 0) != dead) {
            return 2;
        }

        kills++;
        test_pid[i] = 0;

        /* as nginx's master does, and no more than that */

        locked += __sync_bool_compare_and_swap(&test_shared->lock, dead, 0);

        (void) ngx_llm_ledger_reap(&ledger, test_alive, test_reap_line, NULL,
                                   0, TEST_DATE);

        test_child(i);

        clock_gettime(CLOCK_MONOTONIC, &now);

        /* a machine that is busy takes longer for the same */

    } while (now.tv_sec - begin.tv_sec < (seconds ? atoi(seconds) : 2)
             || ((kills < 60 || locked == 0 || test_shared->admitted < 1001)
                 && now.tv_sec - begin.tv_sec < 60));

    for (i = 0; i < TEST_CHILDREN; i++) {
        dead = test_pid[i];
        test_pid[i] = 0;

        kill(dead, SIGKILL);
        waitpid(dead, NULL, 0);

        locked += __sync_bool_compare_and_swap(&test_shared->lock, dead, 0);
    }

    (void) ngx_llm_ledger_reap(&ledger, test_alive, test_reap_line, NULL, 0,
                               TEST_DATE);

    test_int(test_shared->passed, 0);
    test_int(ledger.shm->used_res, 0);

    c = test_counter("limit");
    test_int(c->held, 0);
    test_int(c->users, 0);
    test_int(c->settled, test_shared->settled);
    test_ok(c->settled <= TEST_LIMIT);

    c = test_counter("slots");
    test_int(c->held, 0);

    c = test_counter("per");
    test_ok(c->children <= 20);

    /* it was put to the test */

    test_ok(kills > 50);
    test_ok(locked > 0);
    test_ok(test_shared->admitted > 1000);
    test_ok(test_shared->refused > 0);

    return test_done("ledger_race");
}
