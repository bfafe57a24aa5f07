
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A process that is killed at each step of what it does to the ledger, and
 * one that is killed while it clears up after the first.
 */


#include "test_ledger.h"

#include <signal.h>
#include <sys/wait.h>


#define TEST_PID    77                  /* of the process that dies */
#define TEST_REAPER 78


/* what outlives the processes, beside the ledger */

typedef struct {
    int64_t              lines;         /* of the usage log */
    int64_t              seq;           /* of the last one */
    int64_t              done;          /* the scenario ended */
} test_log_t;


static test_log_t       *test_log;
static ngx_uint_t        test_step, test_last_step;


static void
test_kill(void)
{
    if (++test_step == test_last_step) {
        kill(getpid(), SIGKILL);
    }
}


static void
test_write(ngx_llm_seq_t *seq)
{
    if (test_log->seq < (int64_t) seq->n) {
        test_log->seq = seq->n;
        test_log->lines++;
    }
}


static void
test_reap_write(void *data, ngx_llm_seq_t *seq, ngx_str_t *line)
{
    (void) data;

    /* the line came whole, whenever its writer died */

    if (line->len != 5 || memcmp(line->data, "line\n", 5) != 0) {
        abort();
    }

    test_write(seq);
}


static ngx_uint_t
test_alive(void *data, int64_t pid, int64_t start)
{
    (void) data;
    (void) start;

    return pid != TEST_PID && pid != TEST_REAPER;
}


static void
test_items(ngx_llm_item_t *items)
{
    items[0] = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 100);
    items[1] = test_item("rate", NGX_LLM_LIMIT_RATE, 600, 100);
    items[2] = test_item("slots", NGX_LLM_LIMIT_CONCURRENCY, 5, 1);
    items[3] = test_value("per", "user-1", 1000, 100);
    items[4] = test_item("quota", NGX_LLM_LIMIT_QUOTA, 900, 120);
}


/* one request, from admission to its line */

static void
test_scenario(void)
{
    int64_t         sums[NGX_LLM_LEDGER_SUMS], amounts[6];
    ngx_str_t       line;
    ngx_uint_t      res, which, i;
    ngx_llm_seq_t   seq;
    ngx_llm_row_t   rows[2];
    ngx_llm_name_t  name;
    ngx_llm_item_t  items[5], model;

    if (ngx_llm_ledger_join(&ledger, TEST_PID, 5) != NGX_OK) {
        abort();
    }

    test_items(items);

    if (ngx_llm_ledger_reserve(&ledger, items, 5, 1000, TEST_DATE + 1, &res,
                               &which)
        != NGX_OK)
    {
        abort();
    }

    model = test_item("model", NGX_LLM_LIMIT_QUOTA, 500, 50);

    if (ngx_llm_ledger_extend(&ledger, res, &model, 1, 1100, TEST_DATE + 1,
                              &which)
        != NGX_OK)
    {
        abort();
    }

    ngx_llm_ledger_trim(&ledger, res, 5, 1200);

    if (ngx_llm_ledger_extend(&ledger, res, &model, 1, 1300, TEST_DATE + 1,
                              &which)
        != NGX_OK)
    {
        abort();
    }

    items[0].amount = 150;
    (void) ngx_llm_ledger_raise(&ledger, res, 0, &items[0], 1300,
                                TEST_DATE + 1);

    /* a definition that all are to know */

    name = test_name("text");
    line = test_string("a text of some words, more than one");
    (void) ngx_llm_ledger_text_set(&ledger, &name, &line);

    ngx_llm_ledger_seq(&ledger, &seq);

    line = test_string("line\n");
    rows[0] = test_row("all", 0);
    rows[1] = test_row("today", TEST_DATE);

    for (i = 0; i < 6; i++) {
        amounts[i] = 70;
    }

    memset(sums, 0, sizeof(sums));
    sums[0] = 1;
    sums[3] = 70;

    ngx_llm_ledger_settle(&ledger, res, amounts, 6, rows, 2, sums, &seq, &line,
                          TEST_DATE + 2);

    if (ngx_llm_ledger_step) {
        ngx_llm_ledger_step();
    }

    test_write(&seq);

    if (ngx_llm_ledger_step) {
        ngx_llm_ledger_step();
    }

    ngx_llm_ledger_apply(&ledger, res, 2000, TEST_DATE + 2);

    test_log->done = 1;
}


/* 1: the child came to its end */

static ngx_uint_t
test_run(void (*what)(void), ngx_uint_t step)
{
    int    status;
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        test_step = 0;
        test_last_step = step;
        ngx_llm_ledger_step = test_kill;

        what();

        _exit(0);
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid) {
        fprintf(stderr, "could not fork\n");
        exit(2);
    }

    if (WIFSIGNALED(status)) {
        test_int(WTERMSIG(status), SIGKILL);
        return 0;
    }

    test_int(WEXITSTATUS(status), 0);

    return 1;
}


static void
test_reap(void)
{
    ngx_uint_t  n;

    n = ngx_llm_ledger_reap(&ledger, test_alive, test_reap_write, NULL, 3000,
                            TEST_DATE + 3);
    (void) n;
}


static void
test_reap_other(void)
{
    if (ngx_llm_ledger_join(&ledger, TEST_REAPER, 6) != NGX_OK) {
        abort();
    }

    test_reap();
}


static int64_t
test_settled(const char *name)
{
    ngx_llm_counter_t  *c;

    c = test_counter(name);

    if (c == NULL) {
        return 0;
    }

    test_int(c->held, 0);
    test_int(c->users, 0);

    return c->settled;
}


/* all of it counts or none, as the log has it, and nothing is held */

static void
test_whole(void)
{
    int64_t         lines, sum;
    ngx_uint_t      i, n, res, which;
    ngx_llm_sum_t  *s;
    ngx_llm_name_t  name;
    ngx_llm_text_t  text;
    ngx_llm_item_t  items[5];

    lines = test_log->lines;

    /* who died before it was known is found out by the next one */

    ngx_llm_ledger_begin(&ledger);
    ngx_llm_ledger_end(&ledger);

    test_ok(lines == 0 || lines == 1);
    test_int(ledger.shm->nundo, 0);
    test_int(ledger.shm->used_res, 0);

    test_int(test_settled("quota"), lines * 70);
    test_int(test_settled("per/user-1"), lines * 70);
    test_int(test_settled("model"), lines * 70);
    test_int(test_settled("slots"), 0);
    test_int(test_settled("per"), 0);

    /* 600 a minute, for up to two seconds: 10 a second leak */

    sum = test_settled("rate");
    test_ok(lines ? sum >= 50 && sum <= 70 : sum == 0);

    s = test_sum("all");
    test_int(s ? s->sum[0] : 0, lines);

    s = test_sum("today");
    test_int(s ? s->sum[3] : 0, lines * 70);

    name = test_name("text");

    if (ngx_llm_ledger_text_get(&ledger, &name, &text) == NGX_OK) {
        test_str(test_string((char *) text.text),
                 "a text of some words, more than one");
        test_int(ngx_llm_ledger_text_changed(&ledger), 1);
    }

    if (test_counter("per")) {
        test_int(test_counter("per")->children,
                 test_counter("per/user-1") != NULL);
    }

    /* the tables are whole: as many entries as they say */

    for (i = 0, n = 0; i < (ngx_uint_t) ledger.shm->counters.n; i++) {
        n += (ngx_llm_ledger_index(&ledger, &ledger.shm->counters)[i] > 1
              || ngx_llm_ledger_index(&ledger, &ledger.shm->counters)[i] < 0);
    }

    test_int(ledger.shm->counters.used, n);

    /* and it can go on */

    test_items(items);

    if (test_int(ngx_llm_ledger_reserve(&ledger, items, 5, 3000,
                                        TEST_DATE + 3, &res, &which), NGX_OK))
    {
        ngx_llm_ledger_release(&ledger, res, 3000);
    }

    for (i = 0, n = 0; i < (ngx_uint_t) ledger.shm->nres; i++) {
        n += (ngx_llm_ledger_res(&ledger, i)->state != NGX_LLM_RES_FREE);
    }

    test_int(n, 0);
    test_int(ledger.shm->used_res, 0);
}


static void
test_begin(void)
{
    test_ledger();
    memset(test_log, 0, sizeof(test_log_t));
}


static void
test_steps(void)
{
    char        name[64];
    ngx_uint_t  step, undone, settling, released;

    undone = 0;
    settling = 0;
    released = 0;

    for (step = 1; /* void */ ; step++) {
        snprintf(name, sizeof(name), "killed at step %lu",
                 (unsigned long) step);
        test_case = name;

        test_begin();

        if (test_run(test_scenario, step)) {
            break;
        }

        test_reap();

        undone += ledger.shm->undone;
        settling += test_log->lines;
        released += (test_log->lines == 0 && ledger.shm->reaped);

        test_whole();
    }

    test_ok(test_log->done);
    test_reap();
    test_whole();

    /* there were many steps, and it died in each of the states */

    test_ok(step > 400);
    test_ok(undone > 100);
    test_ok(settling > 20);
    test_ok(released > 20);
}


static void
test_reaper_steps(void)
{
    char        name[64];
    ngx_uint_t  step, died, first;

    died = 0;

    for (first = 3; /* void */ ; first += 61) {

        for (step = 1; /* void */ ; step++) {
            snprintf(name, sizeof(name), "killed at step %lu, reaper at %lu",
                     (unsigned long) first, (unsigned long) step);
            test_case = name;

            test_begin();

            if (test_run(test_scenario, first)) {
                test_ok(died > 100);
                return;
            }

            if (test_run(test_reap_other, step)) {
                break;
            }

            died++;

            test_reap();
            test_whole();
        }
    }
}


/* what is used is taken off, with a line */

static void
test_take_all(void)
{
    ngx_str_t       line;
    ngx_uint_t      res;
    ngx_llm_seq_t   seq;
    ngx_llm_item_t  item;

    if (ngx_llm_ledger_join(&ledger, TEST_PID, 5) != NGX_OK) {
        abort();
    }

    item = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 0);
    line = test_string("line\n");

    ngx_llm_ledger_seq(&ledger, &seq);

    res = test_take_off(&item, 70, &seq, &line, 1000, TEST_DATE + 1);

    ngx_llm_ledger_step();
    test_write(&seq);
    ngx_llm_ledger_step();

    ngx_llm_ledger_apply(&ledger, res, 2000, TEST_DATE + 2);

    test_log->done = 1;
}


static void
test_take_steps(void)
{
    char            name[64];
    ngx_uint_t      step, died, taken;
    ngx_llm_item_t  item;

    died = 0;
    taken = 0;

    for (step = 1; !test_log->done || step == 1; step++) {
        snprintf(name, sizeof(name), "reset, killed at step %lu",
                 (unsigned long) step);
        test_case = name;

        test_begin();

        item = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 0);
        test_credit(&item, -70, 500, TEST_DATE);

        died += !test_run(test_take_all, step);

        test_reap();

        ngx_llm_ledger_begin(&ledger);
        ngx_llm_ledger_end(&ledger);

        test_ok(test_log->lines == 0 || test_log->lines == 1);
        test_int(test_settled("quota"), 70 - test_log->lines * 70);
        test_int(ledger.shm->used_res, 0);
        test_int(ledger.shm->nundo, 0);

        taken += test_log->lines;
    }

    test_ok(died > 50);
    test_ok(taken > 20 && taken < died);
}


/* two who reset a limit at once would take off twice what is used */

static void
test_two_resets(void)
{
    ngx_uint_t        res, which;
    ngx_llm_item_t    item;
    ngx_llm_ledger_t  other;

    test_case = "two resets";
    test_begin();

    item = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 0);
    test_credit(&item, -70, 0, TEST_DATE);
    test_int(ledger.shm->changing, 0);

    other = ledger;
    test_int(ngx_llm_ledger_join(&other, TEST_PID, 5), NGX_OK);
    test_int(ngx_llm_ledger_reserve(&other, &item, 1, 0, TEST_DATE, &res,
                                    &which),
             NGX_OK);
    test_int(item.settled, 70);

    test_int(ngx_llm_ledger_reserve(&ledger, &item, 1, 0, TEST_DATE, &res,
                                    &which),
             NGX_AGAIN);

    /* requests do not wait for it */

    item.change = 0;
    test_int(ngx_llm_ledger_reserve(&ledger, &item, 1, 0, TEST_DATE, &res,
                                    &which),
             NGX_OK);
    ngx_llm_ledger_release(&ledger, res, 0);
    test_ok(ledger.shm->changing != 0);

    /* nor do others when it has died */

    test_reap();
    test_int(ledger.shm->changing, 0);

    test_credit(&item, 70, 0, TEST_DATE);
    test_int(test_settled("quota"), 0);
    test_int(ledger.shm->changing, 0);
    test_int(ledger.shm->used_res, 0);
}


/*
 * Two helpers, of the configuration before and of the one after, look at the
 * same time for what a process left: one of them clears it up.
 */

static ngx_llm_ledger_t  test_second;


static void
test_write_twice(void *data, ngx_llm_seq_t *seq, ngx_str_t *line)
{
    ngx_llm_ledger_t  first;

    test_reap_write(data, seq, line);

    if (test_second.shm) {
        first = ledger;
        ledger = test_second;
        test_second.shm = NULL;

        test_reap();

        ledger = first;
    }
}


static void
test_two_reapers(void)
{
    ngx_uint_t  step;

    test_case = "two helpers";

    for (step = 1; /* void */ ; step++) {
        test_begin();

        if (test_run(test_scenario, step)) {
            break;
        }

        test_second = ledger;

        test_int(ngx_llm_ledger_join_helper(&ledger, getpid(), 2, test_alive,
                                            NULL), NGX_OK);
        test_int(ngx_llm_ledger_join_helper(&test_second, getpid(), 3,
                                            test_alive, NULL), NGX_OK);
        test_ok(ledger.owner != test_second.owner);

        (void) ngx_llm_ledger_reap(&ledger, test_alive, test_write_twice, NULL,
                                   3000, TEST_DATE + 3);

        test_second.shm = NULL;
        test_whole();
    }
}


/* who is not known cannot claim; places for helpers are never all taken */

static void
test_helpers(void)
{
    ngx_uint_t  i, n;

    test_case = "helpers";

    test_begin();

    (void) test_run(test_scenario, 300);

    for (n = 0; ngx_llm_ledger_join(&ledger, getpid(), 1) == NGX_OK; n++) {
        /* void */
    }

    test_int(ledger.owner, NGX_LLM_LEDGER_NONE);
    test_ok(n >= 200 && n < NGX_LLM_LEDGER_OWNERS);

    test_int(ngx_llm_ledger_reap(&ledger, test_alive, test_reap_write, NULL,
                                 3000, TEST_DATE + 3), 0);

    /* killed one after the other, before any of them did its work */

    for (i = 0; i < 50; i++) {
        test_int(ngx_llm_ledger_join_helper(&ledger, TEST_REAPER, i,
                                            test_alive, NULL), NGX_OK);
    }

    test_int(ngx_llm_ledger_join_helper(&ledger, getpid(), 1, test_alive,
                                        NULL), NGX_OK);
    test_reap();
    test_int(ledger.shm->used_res, 0);

    test_int(ngx_llm_ledger_join(&ledger, getpid(), 1), NGX_OK);
}


int
main(void)
{
    test_reset();

    test_log = mmap(NULL, sizeof(test_log_t), PROT_READ|PROT_WRITE,
                    MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (test_log == MAP_FAILED) {
        return 2;
    }

    test_steps();
    test_reaper_steps();
    test_take_steps();
    test_two_resets();
    test_two_reapers();
    test_helpers();

    return test_done("ledger_crash");
}
