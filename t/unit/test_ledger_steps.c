
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Each function that changes the ledger, killed at each of its steps: what is
 * found then is one of the states that it passes through, never one between,
 * and where it is done again the end is the same.
 */


#include "test_ledger.h"

#include <signal.h>
#include <sys/wait.h>


#define TEST_STATES  256
#define TEST_FNV     14695981039346656037ULL


typedef struct {
    uint64_t             state[TEST_STATES];
    ngx_uint_t           n;
    ngx_uint_t           steps;
} test_seen_t;


typedef struct {
    const char          *name;
    void               (*prepare)(void);
    void               (*what)(void);
    ngx_uint_t           again;         /* may be done twice */
} test_op_t;


static test_seen_t      *test_seen;
static ngx_uint_t        test_step, test_last_step, test_res;


static uint64_t
test_hash(uint64_t hash, void *data, size_t len)
{
    u_char  *p;

    for (p = data; len; len--) {
        hash = (hash ^ *p++) * 1099511628211ULL;
    }

    return hash;
}


/* a table without its order; of counters with what parents are called */

static uint64_t
test_table(ngx_llm_table_t *table)
{
    u_char             *entry;
    int64_t             i, used, *index;
    uint64_t            all, hash;
    ngx_llm_counter_t   c;

    all = 0;
    used = 0;
    index = ngx_llm_ledger_index(&ledger, table);

    for (i = 0; i < table->n; i++) {

        if (index[i] == NGX_LLM_LEDGER_FREE
            || index[i] == NGX_LLM_LEDGER_GONE)
        {
            continue;
        }

        used++;
        entry = ngx_llm_ledger_at(&ledger, table->entries + i * table->size);

        if (table != &ledger.shm->counters) {
            all += test_hash(TEST_FNV, entry, table->size);
            continue;
        }

        c = *(ngx_llm_counter_t *) entry;
        hash = TEST_FNV;

        if (c.parent) {
            hash = test_hash(hash,
                             ngx_llm_ledger_counter(&ledger, c.parent - 1),
                             sizeof(ngx_llm_name_t));
            c.parent = 0;
        }

        all += test_hash(hash, &c, sizeof(ngx_llm_counter_t));
    }

    return all + used;
}


static uint64_t
test_state(void)
{
    int64_t                i;
    uint64_t               hash, table;
    ngx_llm_res_t         *res;
    ngx_llm_ledger_shm_t  *shm;

    shm = ledger.shm;
    hash = TEST_FNV;

    table = test_table(&shm->counters);
    hash = test_hash(hash, &table, sizeof(uint64_t));

    table = test_table(&shm->sums);
    hash = test_hash(hash, &table, sizeof(uint64_t));

    table = test_table(&shm->texts);
    hash = test_hash(hash, &table, sizeof(uint64_t));

    hash = test_hash(hash, &shm->text_change, sizeof(int64_t));
    hash = test_hash(hash, &shm->used_res, sizeof(int64_t));
    hash = test_hash(hash, &shm->free_res, sizeof(int64_t));
    hash = test_hash(hash, &shm->writer, sizeof(shm->writer));

    for (i = 0; i < NGX_LLM_LEDGER_OWNERS; i++) {
        hash = test_hash(hash, &shm->owner[i].applied, sizeof(int64_t));
        hash = test_hash(hash, &shm->owner[i].settling, sizeof(int64_t));
    }

    for (i = 0; i < 8; i++) {
        res = ngx_llm_ledger_res(&ledger, i);

        if (res->state != NGX_LLM_RES_FREE) {
            hash = test_hash(hash, res, offsetof(ngx_llm_res_t, item)
                                        + res->nitems
                                          * sizeof(ngx_llm_res_item_t));
        }
    }

    return hash;
}


/* what the numbers say of each other */

static void
test_sound(void)
{
    int64_t             i, j, n, held, users, children, *index;
    ngx_uint_t          t;
    ngx_llm_res_t      *res;
    ngx_llm_table_t    *table[3];
    ngx_llm_counter_t  *c;

    table[0] = &ledger.shm->counters;
    table[1] = &ledger.shm->sums;
    table[2] = &ledger.shm->texts;

    for (t = 0; t < 3; t++) {
        index = ngx_llm_ledger_index(&ledger, table[t]);

        for (i = 0, n = 0; i < table[t]->n; i++) {
            n += (index[i] != NGX_LLM_LEDGER_FREE
                  && index[i] != NGX_LLM_LEDGER_GONE);
        }

        test_int(table[t]->used, n);
    }

    index = ngx_llm_ledger_index(&ledger, table[0]);

    for (i = 0; i < table[0]->n; i++) {

        if (index[i] == NGX_LLM_LEDGER_FREE
            || index[i] == NGX_LLM_LEDGER_GONE)
        {
            continue;
        }

        c = ngx_llm_ledger_counter(&ledger, i);

        held = 0;
        users = 0;
        children = 0;

        for (n = 0; n < ledger.shm->nres; n++) {
            res = ngx_llm_ledger_res(&ledger, n);

            for (j = 0; res->state && j < res->nitems; j++) {
                if (res->item[j].counter == i) {
                    held += res->item[j].held;
                    users++;
                }
            }
        }

        for (j = 0; j < table[0]->n; j++) {
            children += (index[j] != NGX_LLM_LEDGER_FREE
                         && index[j] != NGX_LLM_LEDGER_GONE
                         && ngx_llm_ledger_counter(&ledger, j)->parent
                            == i + 1);
        }

        test_int(c->held + c->past_held, held);
        test_int(c->users, users);
        test_int(c->children, children);
    }
}


static void
test_kill(void)
{
    if (++test_step == test_last_step) {
        kill(getpid(), SIGKILL);
    }
}


/* between two changes */

static void
test_note(void)
{
    test_seen->steps++;

    if (ledger.shm->nundo || test_seen->n == TEST_STATES - 1) {
        return;
    }

    test_seen->state[test_seen->n] = test_state();

    if (test_seen->n == 0 || test_seen->state[test_seen->n]
                             != test_seen->state[test_seen->n - 1])
    {
        test_seen->n++;
    }
}


static ngx_uint_t
test_run(void (*what)(void), void (*hook)(void), ngx_uint_t step)
{
    int    status;
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        test_step = 0;
        test_last_step = step;
        ngx_llm_ledger_step = hook;

        what();

        _exit(0);
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid) {
        fprintf(stderr, "could not fork\n");
        exit(2);
    }

    return WIFEXITED(status);
}


static void
test_op(test_op_t *op)
{
    char        name[64];
    uint64_t    end, state;
    ngx_uint_t  i, step, died;

    memset(test_seen, 0, sizeof(test_seen_t));
    test_case = op->name;

    op->prepare();
    test_sound();

    (void) test_run(op->what, test_note, 0);

    end = test_state();
    test_seen->state[test_seen->n++] = end;
    test_sound();

    test_ok(test_seen->n > 1 && test_seen->n < TEST_STATES);

    died = 0;

    for (step = 1; /* void */ ; step++) {
        snprintf(name, sizeof(name), "%s, killed at step %lu", op->name,
                 (unsigned long) step);
        test_case = name;

        op->prepare();

        if (test_run(op->what, test_kill, step)) {
            break;
        }

        died++;

        ngx_llm_ledger_begin(&ledger);
        ngx_llm_ledger_end(&ledger);

        state = test_state();

        for (i = 0; i < test_seen->n && test_seen->state[i] != state; i++) {
            /* void */
        }

        test_ok(i < test_seen->n);
        test_sound();

        if (op->again) {
            op->what();
            test_ok(test_state() == end);
        }
    }

    test_ok(died >= 5);
    test_int(died, test_seen->steps);
}


/* counters of several kinds, values, periods that are over, a request */

static void
test_prepare(void)
{
    ngx_uint_t      res, which;
    ngx_llm_row_t   row;
    ngx_llm_item_t  items[4], old;

    test_ledger();

    items[0] = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 100);
    items[1] = test_item("rate", NGX_LLM_LIMIT_RATE, 600, 100);
    items[2] = test_item("slots", NGX_LLM_LIMIT_CONCURRENCY, 5, 1);
    items[3] = test_value("per", "user-1", 1000, 100);

    test_int(ngx_llm_ledger_reserve(&ledger, items, 4, 1000, TEST_DATE, &res,
                                    &which), NGX_OK);

    test_res = res;

    old = test_value("per", "user-2", 1000, 50);
    test_int(ngx_llm_ledger_reserve(&ledger, &old, 1, 1000, TEST_DATE, &res,
                                    &which), NGX_OK);
    ngx_llm_ledger_release(&ledger, res, 1000);

    row = test_row("old", TEST_DATE - 40 * TEST_DAY);
    ngx_llm_ledger_begin(&ledger);
    (void) ngx_llm_ledger_sum_get(&ledger, &row, TEST_DATE);
    ngx_llm_ledger_end(&ledger);
}


static void
test_prepare_text(void)
{
    ngx_str_t       text;
    ngx_llm_name_t  name;

    test_prepare();

    name = test_name("text");
    text = test_string("the words of before, quite a few of them");

    test_int(ngx_llm_ledger_text_set(&ledger, &name, &text), NGX_OK);
}


static void
test_do_reserve(void)
{
    ngx_uint_t      res, which;
    ngx_llm_item_t  items[3];

    items[0] = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 100);
    items[0].period = TEST_DATE + TEST_DAY;
    items[0].reset = TEST_DATE + 2 * TEST_DAY;
    items[1] = test_item("new", NGX_LLM_LIMIT_QUOTA, 1000, 100);
    items[2] = test_value("per", "user-3", 1000, 100);

    (void) ngx_llm_ledger_reserve(&ledger, items, 3, 2000,
                                  TEST_DATE + TEST_DAY, &res, &which);
}


static void
test_do_refuse(void)
{
    ngx_uint_t      res, which;
    ngx_llm_item_t  items[2];

    items[0] = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 100);
    items[1] = test_item("slots", NGX_LLM_LIMIT_CONCURRENCY, 1, 1);

    (void) ngx_llm_ledger_reserve(&ledger, items, 2, 2000, TEST_DATE + 1, &res,
                                  &which);
}


static void
test_do_extend(void)
{
    ngx_uint_t      which;
    ngx_llm_item_t  item;

    item = test_item("model", NGX_LLM_LIMIT_QUOTA, 500, 50);

    (void) ngx_llm_ledger_extend(&ledger, test_res, &item, 1, 1100, TEST_DATE,
                                 &which);
}


static void
test_do_trim(void)
{
    ngx_llm_ledger_trim(&ledger, test_res, 1, 2000);
}


static void
test_do_raise(void)
{
    ngx_llm_item_t  item;

    item = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 170);

    (void) ngx_llm_ledger_raise(&ledger, test_res, 0, &item, 2000, TEST_DATE);
}


static void
test_do_raise_rate(void)
{
    ngx_llm_item_t  item;

    item = test_item("rate", NGX_LLM_LIMIT_RATE, 600, 300);

    (void) ngx_llm_ledger_raise(&ledger, test_res, 1, &item, 2000, TEST_DATE);
}


static void
test_do_release(void)
{
    ngx_llm_ledger_release(&ledger, test_res, 2000);
}


static void
test_do_expire(void)
{
    ngx_llm_ledger_expire(&ledger, 2000, TEST_DATE + 1,
                          TEST_DATE - 35 * TEST_DAY);
}


static void
test_do_replay(void)
{
    int64_t         sums[NGX_LLM_LEDGER_SUMS];
    ngx_llm_row_t   rows[2];
    ngx_llm_seq_t   seq;
    ngx_llm_item_t  items[4];

    items[0] = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 30);
    items[1] = test_item("rate", NGX_LLM_LIMIT_RATE, 600, 30);
    items[1].period = TEST_DATE;
    items[2] = test_value("per", "user-9", 1000, 30);
    items[3] = test_item("new", NGX_LLM_LIMIT_QUOTA, 1000, 30);

    rows[0] = test_row("all", 0);
    rows[1] = test_row("today", TEST_DATE);

    memset(sums, 0, sizeof(sums));
    sums[0] = 1;
    sums[4] = 30;

    seq.boot = 5;
    seq.slot = 3;
    seq.n = 17;

    ngx_llm_ledger_replay(&ledger, &seq, items, 4, rows, 2, sums, 1000,
                          TEST_DATE);
}


static void
test_do_replay_credit(void)
{
    ngx_llm_seq_t   seq;
    ngx_llm_item_t  item;

    item = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, -30);

    seq.boot = 5;
    seq.slot = 3;
    seq.n = 17;

    ngx_llm_ledger_replay(&ledger, &seq, &item, 1, NULL, 0, NULL, 1000,
                          TEST_DATE);
}


static void
test_do_credit(void)
{
    ngx_str_t       line;
    ngx_uint_t      res;
    ngx_llm_seq_t   seq;
    ngx_llm_item_t  item;

    item = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 0);
    line = test_string("line\n");

    ngx_llm_ledger_seq(&ledger, &seq);

    res = test_take_off(&item, 500, &seq, &line, 1000, TEST_DATE);

    ngx_llm_ledger_apply(&ledger, res, 1000, TEST_DATE);
}


static void
test_do_credit_rate(void)
{
    ngx_llm_item_t  item;

    item = test_item("rate", NGX_LLM_LIMIT_RATE, 600, 0);

    test_credit(&item, 500, 1000, TEST_DATE);
}


/* its line could not be written */

static void
test_do_credit_back(void)
{
    ngx_llm_item_t  item;

    item = test_item("quota", NGX_LLM_LIMIT_QUOTA, 1000, 0);

    ngx_llm_ledger_release(&ledger,
                           test_take_off(&item, 500, NULL, NULL, 1000,
                                         TEST_DATE),
                           1000);
}


static void
test_do_text(void)
{
    ngx_str_t       text;
    ngx_llm_name_t  name;

    name = test_name("text");
    text = test_string("other words, and some more of them than before");

    (void) ngx_llm_ledger_text_set(&ledger, &name, &text);
}


static void
test_do_text_delete(void)
{
    ngx_llm_name_t  name;

    name = test_name("text");

    (void) ngx_llm_ledger_text_set(&ledger, &name, NULL);
}


static void
test_do_join(void)
{
    ngx_llm_ledger_t  other;

    other = ledger;

    (void) ngx_llm_ledger_join(&other, 12345, 1);
}


/* a snapshot of the prepared ledger, loaded into one that has other things */

static u_char           *test_snapshot;
static size_t            test_snapshot_len;


static ngx_int_t
test_save(void *data, u_char *p, size_t len)
{
    (void) data;

    test_snapshot = realloc(test_snapshot, test_snapshot_len + len);
    memcpy(test_snapshot + test_snapshot_len, p, len);
    test_snapshot_len += len;

    return NGX_OK;
}


static void
test_prepare_load(void)
{
    test_ledger();
}


static void
test_do_load(void)
{
    ngx_pool_t        *pool;
    ngx_llm_loader_t  *loader;

    pool = ngx_create_pool(16384, NULL);
    loader = ngx_llm_ledger_load(&ledger, pool, 1000, TEST_DATE);

    if (loader == NULL
        || ngx_llm_ledger_load_data(loader, test_snapshot, test_snapshot_len)
           != NGX_OK
        || ngx_llm_ledger_load_end(loader) != NGX_OK)
    {
        abort();
    }

    ngx_destroy_pool(pool);
}


static test_op_t  test_ops[] = {
    { "reserve, in the next period", test_prepare, test_do_reserve, 0 },
    { "reserve, refused", test_prepare, test_do_refuse, 0 },
    { "extend", test_prepare, test_do_extend, 0 },
    { "trim", test_prepare, test_do_trim, 1 },
    { "raise", test_prepare, test_do_raise, 1 },
    { "raise of a rate", test_prepare, test_do_raise_rate, 1 },
    { "release", test_prepare, test_do_release, 0 },
    { "expire", test_prepare, test_do_expire, 1 },
    { "replay", test_prepare, test_do_replay, 1 },
    { "replay of a credit", test_prepare, test_do_replay_credit, 1 },
    { "credit", test_prepare, test_do_credit, 0 },
    { "credit of a rate", test_prepare, test_do_credit_rate, 0 },
    { "credit, given back", test_prepare, test_do_credit_back, 0 },
    { "text, new", test_prepare, test_do_text, 0 },
    { "text, changed", test_prepare_text, test_do_text, 0 },
    { "text, deleted", test_prepare_text, test_do_text_delete, 0 },
    { "join", test_prepare, test_do_join, 0 },
    { "load", test_prepare_load, test_do_load, 1 }
};


int
main(void)
{
    ngx_uint_t  i;

    test_reset();

    test_seen = mmap(NULL, sizeof(test_seen_t), PROT_READ|PROT_WRITE,
                     MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (test_seen == MAP_FAILED) {
        return 2;
    }

    test_prepare();
    test_int(ngx_llm_ledger_save(&ledger, test_save, NULL, 1000, TEST_DATE),
             NGX_OK);

    for (i = 0; i < sizeof(test_ops) / sizeof(test_ops[0]); i++) {
        test_op(&test_ops[i]);
    }

    free(test_snapshot);

    return test_done("ledger_steps");
}
