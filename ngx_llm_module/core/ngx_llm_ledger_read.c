
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The ledger for those who look: standing, copies, what is no longer needed.
 */


#include "ngx_llm_ledger_shm.h"


static void ngx_llm_ledger_held_by(ngx_llm_ledger_t *l, ngx_llm_res_t *res,
    int64_t *held);
static ngx_uint_t ngx_llm_ledger_copy(ngx_llm_ledger_t *l,
    ngx_llm_table_t *table, ngx_uint_t *i, void *copy, ngx_uint_t n);
static void ngx_llm_ledger_sweep(ngx_llm_ledger_t *l, ngx_llm_table_t *table,
    int64_t now, int64_t date, int64_t oldest);
static void ngx_llm_ledger_sweep_counter(ngx_llm_ledger_t *l, int64_t i,
    int64_t now, int64_t date);
static void ngx_llm_ledger_sweep_sum(ngx_llm_ledger_t *l, int64_t i,
    int64_t oldest);


void
ngx_llm_ledger_look(ngx_llm_ledger_t *l, ngx_llm_item_t *item, int64_t now,
    int64_t date)
{
    int64_t             i, frac, level;
    ngx_llm_counter_t  *c;

    item->settled = 0;
    item->held = 0;
    item->wait = 0;
    item->granted = 0;
    item->exceeded = 0;
    item->used_up = 0;
    item->other = 0;
    item->refused = 0;

    ngx_llm_ledger_begin(l);

    i = ngx_llm_ledger_find(l, &l->shm->counters, &item->name);

    if (i != -1) {
        c = ngx_llm_ledger_counter(l, i);

        item->refused = c->refused;

        if (item->kind == NGX_LLM_LIMIT_RATE) {
            level = ngx_llm_ledger_level(c, now, &frac);

            item->held = ngx_min(ngx_llm_ledger_bucket_held(l, c), level);
            item->settled = level - item->held;

        } else if (item->kind == NGX_LLM_LIMIT_QUOTA) {

            if (c->period >= item->period) {
                item->period = c->period;
                item->reset = c->reset;
                item->settled = c->settled;
                item->held = c->held;
            }

        } else {
            item->held = c->held;
        }
    }

    ngx_llm_ledger_end(l);

    if (item->kind == NGX_LLM_LIMIT_QUOTA && item->settled >= item->limit) {
        item->used_up = 1;
        item->exceeded = 1;
        item->wait = item->reset ? ngx_max(item->reset - date, 1) * 1000 : -1;
    }
}


ngx_uint_t
ngx_llm_ledger_counters(ngx_llm_ledger_t *l, ngx_uint_t *i,
    ngx_llm_counter_t *copy, ngx_uint_t n)
{
    return ngx_llm_ledger_copy(l, &l->shm->counters, i, copy, n);
}


ngx_uint_t
ngx_llm_ledger_sums(ngx_llm_ledger_t *l, ngx_uint_t *i, ngx_llm_sum_t *copy,
    ngx_uint_t n)
{
    return ngx_llm_ledger_copy(l, &l->shm->sums, i, copy, n);
}


static ngx_uint_t
ngx_llm_ledger_copy(ngx_llm_ledger_t *l, ngx_llm_table_t *table,
    ngx_uint_t *place, void *copy, ngx_uint_t n)
{
    u_char      *p;
    int64_t      i, last, *index;
    ngx_uint_t   copied;

    p = copy;
    i = *place;
    copied = 0;
    index = ngx_llm_ledger_index(l, table);

    while (i < table->n && copied < n) {

        ngx_llm_ledger_begin(l);

        last = ngx_min(i + NGX_LLM_LEDGER_SLICE, table->n);

        for ( /* void */ ; i < last && copied < n; i++) {

            if (index[i] == NGX_LLM_LEDGER_FREE
                || index[i] == NGX_LLM_LEDGER_GONE)
            {
                continue;
            }

            ngx_memcpy(p, ngx_llm_ledger_at(l, table->entries
                                               + i * table->size),
                       table->size);

            p += table->size;
            copied++;
        }

        ngx_llm_ledger_end(l);
    }

    *place = i;

    return copied;
}


ngx_int_t
ngx_llm_ledger_parent(ngx_llm_ledger_t *l, ngx_llm_counter_t *copy,
    ngx_llm_name_t *parent)
{
    int64_t             i;
    ngx_int_t           rc;
    ngx_llm_counter_t  *c;

    rc = NGX_DECLINED;

    ngx_llm_ledger_begin(l);

    i = ngx_llm_ledger_find(l, &l->shm->counters, &copy->name);

    if (i != -1) {
        c = ngx_llm_ledger_counter(l, i);

        if (c->parent) {
            *parent = ngx_llm_ledger_counter(l, c->parent - 1)->name;
            rc = NGX_OK;
        }
    }

    ngx_llm_ledger_end(l);

    return rc;
}


void
ngx_llm_ledger_expire(ngx_llm_ledger_t *l, int64_t now, int64_t date,
    int64_t oldest)
{
    ngx_llm_ledger_sweep(l, &l->shm->counters, now, date, oldest);
    ngx_llm_ledger_sweep(l, &l->shm->sums, now, date, oldest);
}


/* from the end, so that what is GONE becomes FREE along a whole run */

static void
ngx_llm_ledger_sweep(ngx_llm_ledger_t *l, ngx_llm_table_t *table, int64_t now,
    int64_t date, int64_t oldest)
{
    int64_t  *index, i, last;

    index = ngx_llm_ledger_index(l, table);

    for (i = table->n; i > 0; /* void */ ) {

        ngx_llm_ledger_begin(l);

        for (last = ngx_max(i - NGX_LLM_LEDGER_SLICE, 0); i > last; i--) {

            if (index[i - 1] == NGX_LLM_LEDGER_FREE) {
                continue;
            }

            if (index[i - 1] == NGX_LLM_LEDGER_GONE) {
                ngx_llm_ledger_forget(l, table, i - 1);
                continue;
            }

            if (table == &l->shm->sums) {
                ngx_llm_ledger_sweep_sum(l, i - 1, oldest);

            } else {
                ngx_llm_ledger_sweep_counter(l, i - 1, now, date);
            }

            ngx_llm_ledger_commit(l);
        }

        ngx_llm_ledger_end(l);
    }
}


/* of those that clients make; what the configuration has stays till needed */

static void
ngx_llm_ledger_sweep_counter(ngx_llm_ledger_t *l, int64_t i, int64_t now,
    int64_t date)
{
    ngx_llm_counter_t  *c;

    c = ngx_llm_ledger_counter(l, i);

    if (c->parent && ngx_llm_ledger_counter_idle(c, now, date)) {
        ngx_llm_ledger_counter_drop(l, i);
    }
}


static void
ngx_llm_ledger_sweep_sum(ngx_llm_ledger_t *l, int64_t i, int64_t oldest)
{
    ngx_llm_sum_t  *s;

    s = ngx_llm_ledger_sum(l, i);

    if (s->day && s->day < oldest) {
        ngx_llm_ledger_sum_drop(l, i);
    }
}


void
ngx_llm_ledger_stat(ngx_llm_ledger_t *l, ngx_llm_ledger_stat_t *stat)
{
    ngx_uint_t             i;
    ngx_llm_ledger_shm_t  *shm;

    shm = l->shm;

    ngx_memzero(stat, sizeof(ngx_llm_ledger_stat_t));

    ngx_llm_ledger_begin(l);

    stat->counters = shm->counters.used;
    stat->counters_max = shm->counters.n;
    stat->sums = shm->sums.used;
    stat->sums_max = shm->sums.n;
    stat->texts = shm->texts.used;
    stat->texts_max = shm->texts.n;
    stat->reservations = shm->used_res;
    stat->reservations_max = shm->nres;
    stat->evicted = shm->evicted;
    stat->others = shm->others;
    stat->undone = shm->undone;
    stat->reaped = shm->reaped;

    for (i = 0; i < NGX_LLM_LEDGER_OWNERS; i++) {
        stat->owners += (shm->owner[i].pid != 0);
    }

    stat->size = shm->size;
    stat->used = sizeof(ngx_llm_ledger_shm_t)
                 + shm->counters.used
                   * (shm->counters.size
                      + sizeof(ngx_llm_low_t) * NGX_LLM_LEDGER_LOWS)
                 + shm->sums.used * shm->sums.size
                 + shm->texts.used * shm->texts.size
                 + shm->used_res * sizeof(ngx_llm_res_t);

    ngx_llm_ledger_end(l);
}


void
ngx_llm_ledger_held(ngx_llm_ledger_t *l, int64_t *held)
{
    int64_t         i, last, used;
    ngx_llm_res_t  *res;

    ngx_memzero(held, NGX_LLM_LEDGER_UNITS * sizeof(int64_t));

    used = l->shm->used_res;

    /* places of those that ended last are taken first: mostly at the begin */

    for (i = 0; i < l->shm->nres && used > 0; /* void */ ) {

        ngx_llm_ledger_begin(l);

        last = ngx_min(i + NGX_LLM_LEDGER_SLICE, l->shm->nres);

        for ( /* void */ ; i < last; i++) {
            res = ngx_llm_ledger_res(l, i);

            if (res->state != NGX_LLM_RES_FREE) {
                ngx_llm_ledger_held_by(l, res, held);
                used--;
            }
        }

        ngx_llm_ledger_end(l);
    }
}


static void
ngx_llm_ledger_held_by(ngx_llm_ledger_t *l, ngx_llm_res_t *res, int64_t *held)
{
    int64_t              i, most[NGX_LLM_LEDGER_UNITS];
    ngx_uint_t           unit;
    ngx_llm_res_item_t  *item;

    ngx_memzero(most, sizeof(most));

    for (i = 0; i < res->nitems; i++) {
        item = &res->item[i];

        if (item->counter == -1) {
            continue;
        }

        unit = (ngx_uint_t) ngx_llm_ledger_counter(l, item->counter)->kind
               >> 8;

        if (unit < NGX_LLM_LEDGER_UNITS) {
            most[unit] = ngx_max(most[unit], item->held);
        }
    }

    for (unit = 0; unit < NGX_LLM_LEDGER_UNITS; unit++) {
        held[unit] = ngx_llm_ledger_total(held[unit], most[unit]);
    }
}
