
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What a request does to the ledger: it holds, and it settles or gives back.
 */


#include "ngx_llm_ledger_shm.h"


#define ngx_llm_ledger_aligned(n)  ((n) & ~(size_t) 63)


static int64_t ngx_llm_ledger_table(ngx_llm_ledger_shm_t *shm,
    ngx_llm_table_t *table, size_t room, size_t size, size_t beside,
    int64_t offset);
static ngx_int_t ngx_llm_ledger_check(ngx_llm_ledger_t *l,
    ngx_llm_item_t *items, ngx_uint_t n, int64_t *counter, int64_t now,
    int64_t date, ngx_uint_t *which);
static ngx_uint_t ngx_llm_ledger_ample(ngx_llm_counter_t *c,
    ngx_llm_item_t *item);
static void ngx_llm_ledger_verdict(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    ngx_llm_item_t *item, int64_t own, int64_t date);
static void ngx_llm_ledger_verdict_rate(ngx_llm_counter_t *c,
    ngx_llm_item_t *item);
static ngx_uint_t ngx_llm_ledger_worse(ngx_llm_item_t *one,
    ngx_llm_item_t *two);
static void ngx_llm_ledger_hold(ngx_llm_ledger_t *l, ngx_llm_res_t *res,
    ngx_llm_item_t *items, ngx_uint_t n, int64_t *counter);
static void ngx_llm_ledger_hold_more(ngx_llm_ledger_t *l,
    ngx_llm_res_item_t *item, int64_t more);
static ngx_llm_res_item_t *ngx_llm_ledger_holder(ngx_llm_ledger_t *l,
    ngx_llm_res_t *res, ngx_llm_res_item_t *held, ngx_llm_item_t *item);
static ngx_uint_t ngx_llm_ledger_same(ngx_llm_name_t *one,
    ngx_llm_name_t *two);
static void ngx_llm_ledger_charge(ngx_llm_ledger_t *l,
    ngx_llm_res_item_t *item, int64_t amount, int64_t now);
static void ngx_llm_ledger_use(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    int64_t period, int64_t held, int64_t amount);
static void ngx_llm_ledger_add_sums(ngx_llm_ledger_t *l, int64_t row,
    int64_t *sums);
static void ngx_llm_ledger_count_one(ngx_llm_ledger_t *l, int64_t i,
    ngx_llm_item_t *item, int64_t admitted);


ngx_int_t
ngx_llm_ledger_create(void *memory, size_t size, uint64_t boot)
{
    int64_t                i, offset;
    size_t                 room, part, lows;
    ngx_llm_res_t         *res;
    ngx_llm_ledger_t       l;
    ngx_llm_ledger_shm_t  *shm;

    part = ngx_llm_ledger_aligned(sizeof(ngx_llm_ledger_shm_t) + 63);

    if (size < NGX_LLM_LEDGER_MIN || size <= part) {
        return NGX_ERROR;
    }

    shm = memory;
    room = size - part;
    offset = part;
    lows = sizeof(ngx_llm_low_t) * NGX_LLM_LEDGER_LOWS;

    /* lows are beside the counters, where few look for them */

    offset = ngx_llm_ledger_table(shm, &shm->counters, room / 2,
                                  sizeof(ngx_llm_counter_t), lows, offset);
    shm->lows = offset;
    offset += ngx_llm_ledger_aligned(shm->counters.n * lows + 63);

    offset = ngx_llm_ledger_table(shm, &shm->sums, room / 5,
                                  sizeof(ngx_llm_sum_t), 0, offset);
    offset = ngx_llm_ledger_table(shm, &shm->texts, room / 10,
                                  sizeof(ngx_llm_text_t), 0, offset);

    shm->res = offset;
    shm->nres = (size - offset) / sizeof(ngx_llm_res_t);

    res = (ngx_llm_res_t *) ((u_char *) memory + offset);

    for (i = 0; i < shm->nres; i++) {
        res[i].next = (i + 1 < shm->nres) ? i + 2 : 0;
    }

    shm->free_res = 1;
    shm->size = size;
    shm->boot = boot;
    shm->version = NGX_LLM_LEDGER_VERSION;
    shm->magic = NGX_LLM_LEDGER_MAGIC;

    ngx_memzero(&l, sizeof(ngx_llm_ledger_t));
    l.shm = shm;

    ngx_llm_ledger_sum_others(&l);

    return NGX_OK;
}


static int64_t
ngx_llm_ledger_table(ngx_llm_ledger_shm_t *shm, ngx_llm_table_t *table,
    size_t room, size_t size, size_t beside, int64_t offset)
{
    table->n = room / (size + beside + sizeof(int64_t));
    table->size = size;
    table->index = offset;

    offset += ngx_llm_ledger_aligned(table->n * sizeof(int64_t) + 63);

    table->entries = offset;

    return offset + ngx_llm_ledger_aligned(table->n * size + 63);
}


ngx_int_t
ngx_llm_ledger_reserve(ngx_llm_ledger_t *l, ngx_llm_item_t *items,
    ngx_uint_t n, int64_t now, int64_t date, ngx_uint_t *resp,
    ngx_uint_t *which)
{
    int64_t                i, counter[NGX_LLM_LEDGER_ITEMS];
    ngx_int_t              rc;
    ngx_llm_res_t         *res;
    ngx_llm_ledger_shm_t  *shm;

    shm = l->shm;

    if (n > NGX_LLM_LEDGER_ITEMS) {
        return NGX_DECLINED;
    }

    ngx_llm_ledger_begin(l);

    if (shm->free_res == 0) {
        ngx_llm_ledger_end(l);
        return NGX_DECLINED;
    }

    if (n && items[0].change && shm->changing) {
        ngx_llm_ledger_end(l);
        return NGX_AGAIN;
    }

    rc = ngx_llm_ledger_check(l, items, n, counter, now, date, which);

    if (rc == NGX_OK) {
        i = shm->free_res - 1;
        res = ngx_llm_ledger_res(l, i);

        ngx_llm_ledger_put(l, &shm->free_res, res->next);
        ngx_llm_ledger_add(l, &shm->used_res, 1);

        ngx_llm_ledger_put(l, &res->state, NGX_LLM_RES_HELD);
        ngx_llm_ledger_put(l, &res->owner, l->owner);
        ngx_llm_ledger_put(l, &res->created, date);
        ngx_llm_ledger_put(l, &res->nitems, 0);
        ngx_llm_ledger_put(l, &res->nrows, 0);
        ngx_llm_ledger_put(l, &res->seq, 0);

        ngx_llm_ledger_hold(l, res, items, n, counter);

        if (n && items[0].change) {
            ngx_llm_ledger_put(l, &shm->changing, i + 1);
        }

        *resp = i;
    }

    ngx_llm_ledger_end(l);

    return rc;
}


ngx_int_t
ngx_llm_ledger_extend(ngx_llm_ledger_t *l, ngx_uint_t resi,
    ngx_llm_item_t *items, ngx_uint_t n, int64_t now, int64_t date,
    ngx_uint_t *which)
{
    int64_t         counter[NGX_LLM_LEDGER_ITEMS];
    ngx_int_t       rc;
    ngx_llm_res_t  *res;

    res = ngx_llm_ledger_res(l, resi);

    if (n + res->nitems > NGX_LLM_LEDGER_ITEMS) {
        return NGX_DECLINED;
    }

    ngx_llm_ledger_begin(l);

    rc = ngx_llm_ledger_check(l, items, n, counter, now, date, which);

    if (rc == NGX_OK) {
        ngx_llm_ledger_hold(l, res, items, n, counter);
    }

    ngx_llm_ledger_end(l);

    return rc;
}


/* finds the counters and judges; where one refuses only that is noted */

static ngx_int_t
ngx_llm_ledger_check(ngx_llm_ledger_t *l, ngx_llm_item_t *items, ngx_uint_t n,
    int64_t *counter, int64_t now, int64_t date, ngx_uint_t *which)
{
    ngx_uint_t          i, refused;
    ngx_llm_counter_t  *c;

    for (i = 0; i < n; i++) {
        counter[i] = ngx_llm_ledger_counter_get(l, &items[i], counter, i, now,
                                                date);
        if (counter[i] == -1) {
            return NGX_DECLINED;
        }
    }

    for (i = 0; i < n; i++) {
        c = ngx_llm_ledger_counter(l, counter[i]);

        if (items[i].margin && !ngx_llm_ledger_ample(c, &items[i])) {
            return NGX_AGAIN;
        }
    }

    refused = n;

    for (i = 0; i < n; i++) {
        c = ngx_llm_ledger_counter(l, counter[i]);

        ngx_llm_ledger_verdict(l, c, &items[i], 0, date);

        if (items[i].exceeded && !items[i].soft
            && (refused == n
                || ngx_llm_ledger_worse(&items[i], &items[refused])))
        {
            refused = i;
        }
    }

    if (refused == n) {
        return NGX_OK;
    }

    c = ngx_llm_ledger_counter(l, counter[refused]);
    ngx_llm_ledger_add(l, &c->refused, 1);

    *which = refused;

    return NGX_BUSY;
}


/* amounts that were not counted exactly may be held where it does not matter */

static ngx_uint_t
ngx_llm_ledger_ample(ngx_llm_counter_t *c, ngx_llm_item_t *item)
{
    switch (item->kind) {

    case NGX_LLM_LIMIT_RATE:
        return item->amount + item->margin <= item->limit - c->settled;

    case NGX_LLM_LIMIT_QUOTA:
        return item->amount + item->margin
               <= item->limit - c->settled - c->held;

    default: /* NGX_LLM_LIMIT_CONCURRENCY */
        return 1;
    }
}


/* own: what the request holds of it already, which nobody else waits for */

static void
ngx_llm_ledger_verdict(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    ngx_llm_item_t *item, int64_t own, int64_t date)
{
    int64_t  held;

    held = c->held - own;

    item->settled = c->settled;
    item->held = c->held;
    item->granted = item->amount;
    item->wait = 0;
    item->exceeded = 0;
    item->used_up = 0;

    switch (item->kind) {

    case NGX_LLM_LIMIT_RATE:
        item->held = ngx_llm_ledger_bucket_held(l, c);
        item->settled = c->settled - item->held;
        ngx_llm_ledger_verdict_rate(c, item);
        return;

    case NGX_LLM_LIMIT_CONCURRENCY:
        if (held + item->amount > item->limit) {
            item->exceeded = 1;
            item->wait = item->limit > 0 ? 1000 : -1;
        }

        return;

    default: /* NGX_LLM_LIMIT_QUOTA */
        break;
    }

    if (c->settled + held + item->amount <= item->limit) {
        return;
    }

    if (c->settled >= item->limit) {
        item->exceeded = 1;
        item->used_up = 1;
        item->wait = item->reset ? ngx_max(item->reset - date, 1) * 1000 : -1;
        return;
    }

    if (held > 0) {
        item->exceeded = 1;
        item->wait = 1000;
        return;
    }

    /* alone: what is left is held, and what comes of it is settled */

    if (!item->soft) {
        item->granted = item->limit - c->settled;
    }
}


static void
ngx_llm_ledger_verdict_rate(ngx_llm_counter_t *c, ngx_llm_item_t *item)
{
    __int128  wait;

    /* more than the bucket holds would never fit */

    item->granted = ngx_min(item->amount, item->limit);

    if (c->settled + item->granted <= item->limit) {
        return;
    }

    item->exceeded = 1;
    item->granted = item->amount;

    if (item->rate <= 0 || item->limit <= 0) {
        item->wait = -1;
        return;
    }

    wait = ((__int128) (c->settled + ngx_min(item->amount, item->limit)
                        - item->limit) * item->rate_time - c->frac
            + item->rate - 1) / item->rate;

    wait = ngx_min(wait, NGX_LLM_LEDGER_MOST);

    item->wait = ngx_max((int64_t) wait, 1);
}


/* the refusal that a client is to hear of: the one that lasts longest */

static ngx_uint_t
ngx_llm_ledger_worse(ngx_llm_item_t *one, ngx_llm_item_t *two)
{
    if (one->wait == -1 || two->wait == -1) {
        return one->wait == -1 && two->wait != -1;
    }

    return one->wait > two->wait;
}


/*
 * Two items may have the same counter: limits that differ only in their
 * number.  The first has it then, with the greater amount.
 */

static void
ngx_llm_ledger_hold(ngx_llm_ledger_t *l, ngx_llm_res_t *res,
    ngx_llm_item_t *items, ngx_uint_t n, int64_t *counter)
{
    int64_t              j, first;
    ngx_uint_t           i;
    ngx_llm_counter_t   *c;
    ngx_llm_res_item_t  *item;

    first = res->nitems;

    for (i = 0; i < n; i++) {
        c = ngx_llm_ledger_counter(l, counter[i]);
        item = &res->item[first + i];

        for (j = 0; j < first + (int64_t) i; j++) {
            if (res->item[j].counter == counter[i]) {
                break;
            }
        }

        if (j < first + (int64_t) i) {
            ngx_llm_ledger_put(l, &item->counter, -1);

            if (items[i].granted > res->item[j].held) {
                ngx_llm_ledger_hold_more(l, &res->item[j],
                                     items[i].granted - res->item[j].held);
            }

            continue;
        }

        ngx_llm_ledger_put(l, &item->counter, counter[i]);
        ngx_llm_ledger_put(l, &item->period,
                           items[i].kind == NGX_LLM_LIMIT_RATE
                           ? c->time : items[i].period);
        ngx_llm_ledger_put(l, &item->held, 0);
        ngx_llm_ledger_put(l, &item->amount, 0);
        ngx_llm_ledger_add(l, &c->users, 1);

        ngx_llm_ledger_hold_more(l, item, items[i].granted);
    }

    ngx_llm_ledger_put(l, &res->nitems, first + n);
}


/* of a counter that stands in the period of the item */

static void
ngx_llm_ledger_hold_more(ngx_llm_ledger_t *l, ngx_llm_res_item_t *item,
    int64_t more)
{
    ngx_llm_counter_t  *c;

    c = ngx_llm_ledger_counter(l, item->counter);
    more = ngx_llm_ledger_total(c->held, more) - c->held;

    ngx_llm_ledger_add(l, &item->held, more);
    ngx_llm_ledger_add(l, &c->held, more);

    if ((c->kind & 0xff) == NGX_LLM_LIMIT_RATE) {
        ngx_llm_ledger_bucket_more(l, c, item, more);
    }
}


ngx_int_t
ngx_llm_ledger_raise(ngx_llm_ledger_t *l, ngx_uint_t resi, ngx_uint_t i,
    ngx_llm_item_t *item, int64_t now, int64_t date)
{
    int64_t              more;
    ngx_int_t            rc;
    ngx_llm_res_t       *res;
    ngx_llm_counter_t   *c;
    ngx_llm_res_item_t  *held;

    res = ngx_llm_ledger_res(l, resi);
    held = &res->item[i];

    ngx_llm_ledger_begin(l);

    rc = NGX_OK;

    if (held->counter == -1) {

        /* it may hold enough by now, but for this limit that may be too much */

        held = ngx_llm_ledger_holder(l, res, held, item);

        if (held == NULL) {
            goto done;
        }

    } else if (item->amount <= held->held) {
        goto done;
    }

    c = ngx_llm_ledger_counter(l, held->counter);
    more = item->amount - held->held;

    if (item->kind == NGX_LLM_LIMIT_RATE) {
        ngx_llm_ledger_leak(l, c, now);
        more = ngx_min(item->amount, item->limit) - held->held;

        if (more > 0 && c->settled + more > item->limit && !item->soft) {
            rc = NGX_BUSY;
        }

    } else if (c->period != held->period) {

        /* its period is over, nobody waits for what it holds of that */

        more = 0;

    } else {
        ngx_llm_ledger_verdict(l, c, item, held->held, date);

        if (item->exceeded && !item->soft) {
            rc = NGX_BUSY;
        }

        more = item->granted - held->held;
    }

    if (rc == NGX_OK && more > 0) {
        ngx_llm_ledger_hold_more(l, held, more);
    }

done:

    ngx_llm_ledger_end(l);

    return rc;
}


/* of limits that differ only in their number another one holds for all */

static ngx_llm_res_item_t *
ngx_llm_ledger_holder(ngx_llm_ledger_t *l, ngx_llm_res_t *res,
    ngx_llm_res_item_t *held, ngx_llm_item_t *item)
{
    ngx_llm_counter_t   *c;
    ngx_llm_res_item_t  *first;

    for (first = res->item; first < held; first++) {

        if (first->counter == -1) {
            continue;
        }

        c = ngx_llm_ledger_counter(l, first->counter);

        if (ngx_llm_ledger_same(&c->name, &item->name)
            || ngx_llm_ledger_same(&c->name, &item->of))
        {
            return first;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_llm_ledger_same(ngx_llm_name_t *one, ngx_llm_name_t *two)
{
    return one->id[0] == two->id[0] && one->id[1] == two->id[1];
}


void
ngx_llm_ledger_trim(ngx_llm_ledger_t *l, ngx_uint_t resi, ngx_uint_t first,
    int64_t now)
{
    int64_t         i;
    ngx_llm_res_t  *res;

    res = ngx_llm_ledger_res(l, resi);

    if ((int64_t) first >= res->nitems) {
        return;
    }

    ngx_llm_ledger_begin(l);

    for (i = first; i < res->nitems; i++) {
        ngx_llm_ledger_charge(l, &res->item[i], 0, now);
    }

    ngx_llm_ledger_put(l, &res->nitems, first);

    ngx_llm_ledger_end(l);
}


void
ngx_llm_ledger_release(ngx_llm_ledger_t *l, ngx_uint_t res, int64_t now)
{
    ngx_llm_ledger_begin(l);
    ngx_llm_ledger_finish(l, res, 0, now, 0);
    ngx_llm_ledger_end(l);
}


void
ngx_llm_ledger_settle(ngx_llm_ledger_t *l, ngx_uint_t resi, int64_t *amounts,
    ngx_uint_t n, ngx_llm_row_t *rows, ngx_uint_t nrows, int64_t *sums,
    ngx_llm_seq_t *seq, ngx_str_t *line, int64_t date)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_llm_res_t    *res;
    ngx_llm_owner_t  *owner;

    res = ngx_llm_ledger_res(l, resi);
    owner = &l->shm->owner[l->owner];

    /* nobody reads the line until "settling" says that there is one */

    len = ngx_min(line->len, NGX_LLM_LEDGER_LINE);

    if (len) {
        ngx_memcpy(owner->line, line->data, len);
    }

    ngx_llm_ledger_begin(l);

    for (i = 0; i < nrows; i++) {
        ngx_llm_ledger_put(l, &res->row[i],
                           ngx_llm_ledger_sum_or_other(l, &rows[i], date));
    }

    for (i = 0; i < n && (int64_t) i < res->nitems; i++) {
        ngx_llm_ledger_put(l, &res->item[i].amount, amounts[i]);
    }

    if (nrows) {
        for (i = 0; i < NGX_LLM_LEDGER_SUMS; i++) {
            ngx_llm_ledger_put(l, &res->sum[i], sums[i]);
        }
    }

    ngx_llm_ledger_put(l, &res->nrows, nrows);
    ngx_llm_ledger_put(l, &res->seq, seq ? seq->n : 0);
    ngx_llm_ledger_put(l, &res->state, NGX_LLM_RES_SETTLING);
    ngx_llm_ledger_put(l, &owner->len, len);
    ngx_llm_ledger_put(l, &owner->settling, resi + 1);

    ngx_llm_ledger_end(l);
}


void
ngx_llm_ledger_apply(ngx_llm_ledger_t *l, ngx_uint_t res, int64_t now,
    int64_t date)
{
    ngx_llm_ledger_begin(l);
    ngx_llm_ledger_finish(l, res, 1, now, date);
    ngx_llm_ledger_end(l);
}


void
ngx_llm_ledger_finish(ngx_llm_ledger_t *l, ngx_uint_t resi, ngx_uint_t charge,
    int64_t now, int64_t date)
{
    int64_t                i;
    ngx_llm_res_t         *res;
    ngx_llm_owner_t       *owner;
    ngx_llm_ledger_shm_t  *shm;

    shm = l->shm;
    res = ngx_llm_ledger_res(l, resi);
    owner = &shm->owner[res->owner];

    for (i = 0; i < res->nitems; i++) {
        ngx_llm_ledger_charge(l, &res->item[i],
                              charge ? res->item[i].amount : 0, now);
    }

    if (charge) {
        for (i = 0; i < res->nrows; i++) {
            ngx_llm_ledger_add_sums(l, res->row[i], res->sum);
        }

        if (res->seq) {
            ngx_llm_ledger_put(l, &owner->applied, res->seq);
        }
    }

    if (owner->settling == (int64_t) resi + 1) {
        ngx_llm_ledger_put(l, &owner->settling, 0);
    }

    if (shm->changing == (int64_t) resi + 1) {
        ngx_llm_ledger_put(l, &shm->changing, 0);
    }

    ngx_llm_ledger_put(l, &res->state, NGX_LLM_RES_FREE);
    ngx_llm_ledger_put(l, &res->next, shm->free_res);
    ngx_llm_ledger_put(l, &shm->free_res, resi + 1);
    ngx_llm_ledger_add(l, &shm->used_res, -1);
}


/* what an item holds becomes "amount"; 0 gives it back */

static void
ngx_llm_ledger_charge(ngx_llm_ledger_t *l, ngx_llm_res_item_t *item,
    int64_t amount, int64_t now)
{
    ngx_llm_counter_t  *c;

    if (item->counter == -1) {
        return;
    }

    c = ngx_llm_ledger_counter(l, item->counter);

    ngx_llm_ledger_add(l, &c->users, -1);

    switch (c->kind & 0xff) {

    case NGX_LLM_LIMIT_RATE:
        ngx_llm_ledger_leak(l, c, now);

        if (amount < 0) {
            ngx_llm_ledger_bucket_lower(l, c, ngx_llm_ledger_total(c->settled,
                                                                   amount));
            return;
        }

        ngx_llm_ledger_bucket_charge(l, c, item, amount);
        return;

    case NGX_LLM_LIMIT_CONCURRENCY:
        ngx_llm_ledger_add(l, &c->held, -item->held);
        return;

    default: /* NGX_LLM_LIMIT_QUOTA */
        ngx_llm_ledger_use(l, c, item->period, item->held, amount);
    }
}


/* in the period in which it was admitted, if that is still known */

static void
ngx_llm_ledger_use(ngx_llm_ledger_t *l, ngx_llm_counter_t *c, int64_t period,
    int64_t held, int64_t amount)
{
    if (c->period == period) {
        ngx_llm_ledger_add(l, &c->held, -held);
        ngx_llm_ledger_put(l, &c->settled,
                           ngx_llm_ledger_total(c->settled, amount));

        if (amount < 0) {
            ngx_llm_ledger_put(l, &c->rate, 1);
        }

    } else if (c->past_period == period) {
        ngx_llm_ledger_add(l, &c->past_held, -held);
        ngx_llm_ledger_put(l, &c->past_settled,
                           ngx_llm_ledger_total(c->past_settled, amount));
    }
}


int64_t
ngx_llm_ledger_total(int64_t a, int64_t b)
{
    b = ngx_min(ngx_max(b, -NGX_LLM_LEDGER_MOST), NGX_LLM_LEDGER_MOST);

    return ngx_min(ngx_max(a + b, -NGX_LLM_LEDGER_MOST), NGX_LLM_LEDGER_MOST);
}


static void
ngx_llm_ledger_add_sums(ngx_llm_ledger_t *l, int64_t row, int64_t *sums)
{
    ngx_uint_t      i;
    ngx_llm_sum_t  *s;

    s = ngx_llm_ledger_sum(l, row);

    for (i = 0; i < NGX_LLM_LEDGER_SUMS; i++) {
        if (sums[i]) {
            ngx_llm_ledger_put(l, &s->sum[i],
                               ngx_llm_ledger_total(s->sum[i], sums[i]));
        }
    }
}


/* what is made is made first: that commits one by one */

void
ngx_llm_ledger_count(ngx_llm_ledger_t *l, ngx_llm_item_t *items, ngx_uint_t n,
    ngx_llm_row_t *rows, ngx_uint_t nrows, int64_t *sums,
    ngx_llm_ledger_skip_pt skip, void *data, int64_t now, int64_t date)
{
    int64_t     counter[NGX_LLM_LEDGER_ITEMS], row[NGX_LLM_LEDGER_ROWS];
    int64_t     admitted[NGX_LLM_LEDGER_ITEMS], then;
    ngx_uint_t  i, j;

    n = ngx_min(n, NGX_LLM_LEDGER_ITEMS);
    nrows = ngx_min(nrows, NGX_LLM_LEDGER_ROWS);

    for (i = 0; i < n; i++) {
        admitted[i] = items[i].period;
        then = now;

        /* a bucket leaks from one line to the next */

        if (items[i].kind == NGX_LLM_LIMIT_RATE) {
            admitted[i] = now - ngx_max(date - admitted[i], 0) * 1000;
            then = admitted[i];
        }

        counter[i] = ngx_llm_ledger_counter_get(l, &items[i], counter, i, then,
                                                date);
    }

    for (i = 0; i < nrows; i++) {
        row[i] = ngx_llm_ledger_sum_or_other(l, &rows[i], date);
    }

    ngx_llm_ledger_commit(l);

    for (i = 0; i < n; i++) {

        /* limits that differ only in their number share one */

        for (j = 0; j < i; j++) {
            if (counter[j] == counter[i]) {
                break;
            }
        }

        if (j == i && counter[i] != -1 && !(skip && skip(data, 0, counter[i])))
        {
            ngx_llm_ledger_count_one(l, counter[i], &items[i], admitted[i]);
        }
    }

    for (i = 0; i < nrows; i++) {
        if (!(skip && skip(data, 1, row[i]))) {
            ngx_llm_ledger_add_sums(l, row[i], sums);
        }
    }
}


/* a bucket that has leaked beyond that moment has leaked this amount, too */

static void
ngx_llm_ledger_count_one(ngx_llm_ledger_t *l, int64_t i, ngx_llm_item_t *item,
    int64_t admitted)
{
    int64_t             amount;
    __int128            leak;
    ngx_llm_counter_t  *c;

    c = ngx_llm_ledger_counter(l, i);
    amount = item->amount;

    switch (item->kind) {

    case NGX_LLM_LIMIT_RATE:
        if (amount < 0) {
            ngx_llm_ledger_bucket_lower(l, c, ngx_llm_ledger_total(c->settled,
                                                                   amount));
            return;
        }

        if (item->rate_time > 0 && c->time > admitted) {
            leak = (__int128) (c->time - admitted) * item->rate
                   / item->rate_time;
            amount = leak >= amount ? 0 : amount - (int64_t) leak;
        }

        ngx_llm_ledger_put(l, &c->settled,
                           ngx_llm_ledger_total(c->settled, amount));
        return;

    case NGX_LLM_LIMIT_CONCURRENCY:
        return;

    default: /* NGX_LLM_LIMIT_QUOTA */
        ngx_llm_ledger_use(l, c, admitted, 0, amount);
    }
}
