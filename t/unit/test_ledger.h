
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A ledger in memory that forked processes share, and items for it.
 */


#ifndef _TEST_LEDGER_H_INCLUDED_
#define _TEST_LEDGER_H_INCLUDED_


#include <ngx_llm_ledger.h>
#include <ngx_llm_ledger_shm.h>

#include "test.h"

#include <sys/mman.h>


#define TEST_SIZE  NGX_LLM_LEDGER_MIN
#define TEST_DATE  1767225600           /* 2026-01-01 */
#define TEST_DAY   86400


static ngx_llm_ledger_t  ledger;


static void
test_no_lock(void *data)
{
    (void) data;
}


static ngx_inline void
test_ledger(void)
{
    if (ledger.shm) {
        munmap(ledger.shm, TEST_SIZE);
    }

    memset(&ledger, 0, sizeof(ngx_llm_ledger_t));

    ledger.shm = mmap(NULL, TEST_SIZE, PROT_READ|PROT_WRITE,
                      MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (ledger.shm == MAP_FAILED
        || ngx_llm_ledger_create(ledger.shm, TEST_SIZE, TEST_DATE) != NGX_OK)
    {
        fprintf(stderr, "no ledger\n");
        exit(2);
    }

    ledger.lock = test_no_lock;
    ledger.unlock = test_no_lock;

    test_int(ngx_llm_ledger_join(&ledger, getpid(), 1), NGX_OK);
}


static ngx_inline ngx_llm_name_t
test_name(const char *text)
{
    ngx_str_t       part;
    ngx_llm_name_t  name, key;

    memset(&key, 0, sizeof(ngx_llm_name_t));
    part = test_string(text);

    ngx_llm_ledger_name(&name, &key, &part, 1);

    return name;
}


static ngx_inline ngx_llm_item_t
test_item(const char *name, ngx_llm_limit_e kind, int64_t limit,
    int64_t amount)
{
    ngx_llm_item_t  item;

    memset(&item, 0, sizeof(ngx_llm_item_t));

    item.name = test_name(name);
    item.kind = kind;
    item.unit = NGX_LLM_UNIT_TOKENS;
    item.limit = limit;
    item.amount = amount;

    if (kind == NGX_LLM_LIMIT_QUOTA) {
        item.period = TEST_DATE;
        item.reset = TEST_DATE + TEST_DAY;
    }

    if (kind == NGX_LLM_LIMIT_RATE) {
        item.rate = limit;
        item.rate_time = 60000;
    }

    return item;
}


static ngx_inline ngx_llm_item_t
test_value(const char *of, const char *value, int64_t limit, int64_t amount)
{
    char            text[128];
    ngx_llm_item_t  item;

    snprintf(text, sizeof(text), "%s/%s", of, value);

    item = test_item(text, NGX_LLM_LIMIT_QUOTA, limit, amount);
    item.of = test_name(of);
    item.value = test_string(value);

    return item;
}


static ngx_inline ngx_llm_row_t
test_row(const char *text, int64_t day)
{
    ngx_llm_row_t  row;

    memset(&row, 0, sizeof(ngx_llm_row_t));

    row.name = test_name(text);
    row.day = day;
    row.kind = 1;
    row.text = test_string(text);

    return row;
}


/* the first half of what a credit or a reset is; returns the reservation */

static ngx_inline ngx_uint_t
test_take_off(ngx_llm_item_t *item, int64_t amount, ngx_llm_seq_t *seq,
    ngx_str_t *line, int64_t now, int64_t date)
{
    ngx_str_t   none;
    ngx_uint_t  res, which;

    ngx_str_null(&none);

    item->amount = 0;
    item->soft = 1;
    item->change = 1;
    amount = -amount;
    res = 0;

    test_int(ngx_llm_ledger_reserve(&ledger, item, 1, now, date, &res, &which),
             NGX_OK);
    ngx_llm_ledger_settle(&ledger, res, &amount, 1, NULL, 0, NULL, seq,
                          line ? line : &none, date);
    return res;
}


static ngx_inline void
test_credit(ngx_llm_item_t *item, int64_t amount, int64_t now, int64_t date)
{
    ngx_llm_ledger_apply(&ledger,
                         test_take_off(item, amount, NULL, NULL, now, date),
                         now, date);
}


/* NULL: none */

static ngx_inline ngx_llm_counter_t *
test_counter(const char *name)
{
    int64_t         i;
    ngx_llm_name_t  n;

    n = test_name(name);
    i = ngx_llm_ledger_find(&ledger, &ledger.shm->counters, &n);

    return i == -1 ? NULL : ngx_llm_ledger_counter(&ledger, i);
}


static ngx_inline ngx_llm_sum_t *
test_sum(const char *text)
{
    int64_t         i;
    ngx_llm_name_t  n;

    n = test_name(text);
    i = ngx_llm_ledger_find(&ledger, &ledger.shm->sums, &n);

    return i == -1 ? NULL : ngx_llm_ledger_sum(&ledger, i);
}


#endif /* _TEST_LEDGER_H_INCLUDED_ */
