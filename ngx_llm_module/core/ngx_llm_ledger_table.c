
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Counters and sums by name: open addressing within a window, so that the work
 * is bounded however full a table is.  A place that was used once is never
 * FREE again, only GONE, for names that were put behind it.
 */


#include "ngx_llm_ledger_shm.h"


#define ngx_llm_rotl(x, n)  (((x) << (n)) | ((x) >> (64 - (n))))


static void ngx_llm_sip_round(uint64_t *v);
static int64_t ngx_llm_ledger_tag(ngx_llm_name_t *name);
static int64_t ngx_llm_ledger_counter_new(ngx_llm_ledger_t *l,
    ngx_llm_item_t *item, ngx_llm_name_t *name, int64_t *keep,
    ngx_uint_t nkeep, int64_t now, int64_t date);
static int64_t ngx_llm_ledger_evict(ngx_llm_ledger_t *l, ngx_llm_name_t *name,
    int64_t *keep, ngx_uint_t nkeep, int64_t now, int64_t date);
static int64_t ngx_llm_ledger_child(ngx_llm_ledger_t *l, ngx_llm_item_t *item,
    int64_t *keep, ngx_uint_t nkeep, int64_t now, int64_t date);
static void ngx_llm_ledger_roll(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    ngx_llm_item_t *item, int64_t now, int64_t date);


/*
 * SipHash-2-4 with 128 bits (https://www.aumasson.jp/siphash/siphash.pdf);
 * each part goes in with its length, so that "a", "bc" is not "ab", "c"
 */

void
ngx_llm_ledger_name(ngx_llm_name_t *name, ngx_llm_name_t *key,
    ngx_str_t *parts, ngx_uint_t n)
{
    u_char      *p, *last;
    size_t       fill, total;
    uint64_t     v[4], m;
    ngx_uint_t   i, j;
    u_char       buf[8];

    v[0] = key->id[0] ^ 0x736f6d6570736575ULL;
    v[1] = key->id[1] ^ 0x646f72616e646f6dULL ^ 0xee;
    v[2] = key->id[0] ^ 0x6c7967656e657261ULL;
    v[3] = key->id[1] ^ 0x7465646279746573ULL;

    fill = 0;
    total = 0;

    for (i = 0; i <= n; i++) {

        if (i < n) {
            m = parts[i].len;
            p = parts[i].data;
            last = p + parts[i].len;

        } else {
            m = ((uint64_t) total << 56);
            p = NULL;
            last = NULL;
        }

        for ( ;; ) {
            v[3] ^= m;
            ngx_llm_sip_round(v);
            ngx_llm_sip_round(v);
            v[0] ^= m;

            if (p == last) {
                break;
            }

            ngx_memzero(buf, sizeof(buf));

            fill = ngx_min((size_t) (last - p), sizeof(buf));
            ngx_memcpy(buf, p, fill);

            p += fill;
            total += fill;

            m = 0;

            for (j = 8; j > 0; j--) {
                m = (m << 8) | buf[j - 1];
            }
        }
    }

    v[2] ^= 0xee;

    for (i = 0; i < 4; i++) {
        ngx_llm_sip_round(v);
    }

    name->id[0] = v[0] ^ v[1] ^ v[2] ^ v[3];

    v[1] ^= 0xdd;

    for (i = 0; i < 4; i++) {
        ngx_llm_sip_round(v);
    }

    name->id[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}


static void
ngx_llm_sip_round(uint64_t *v)
{
    v[0] += v[1];
    v[1] = ngx_llm_rotl(v[1], 13);
    v[1] ^= v[0];
    v[0] = ngx_llm_rotl(v[0], 32);

    v[2] += v[3];
    v[3] = ngx_llm_rotl(v[3], 16);
    v[3] ^= v[2];

    v[0] += v[3];
    v[3] = ngx_llm_rotl(v[3], 21);
    v[3] ^= v[0];

    v[2] += v[1];
    v[1] = ngx_llm_rotl(v[1], 17);
    v[1] ^= v[2];
    v[2] = ngx_llm_rotl(v[2], 32);
}


/* what stands in the index for a name: neither FREE nor GONE */

static int64_t
ngx_llm_ledger_tag(ngx_llm_name_t *name)
{
    return (int64_t) (name->id[1] | 2);
}


int64_t
ngx_llm_ledger_place(ngx_llm_ledger_t *l, ngx_llm_table_t *table,
    ngx_llm_name_t *name)
{
    return (int64_t) (((unsigned __int128) name->id[0]
                       * (uint64_t) table->n) >> 64);
}


int64_t
ngx_llm_ledger_find(ngx_llm_ledger_t *l, ngx_llm_table_t *table,
    ngx_llm_name_t *name)
{
    int64_t          i, tag, *index;
    ngx_uint_t       n;
    ngx_llm_name_t  *entry;

    index = ngx_llm_ledger_index(l, table);
    tag = ngx_llm_ledger_tag(name);
    i = ngx_llm_ledger_place(l, table, name);

    for (n = 0; n < NGX_LLM_LEDGER_WINDOW; n++) {

        if (index[i] == tag) {
            entry = ngx_llm_ledger_at(l, table->entries + i * table->size);

            if (entry->id[0] == name->id[0] && entry->id[1] == name->id[1]) {
                return i;
            }
        }

        if (index[i] == NGX_LLM_LEDGER_FREE) {
            return -1;
        }

        if (++i == table->n) {
            i = 0;
        }
    }

    return -1;
}


void
ngx_llm_ledger_enter(ngx_llm_ledger_t *l, ngx_llm_table_t *table, int64_t i,
    ngx_llm_name_t *name)
{
    int64_t  *word, *last;

    word = ngx_llm_ledger_at(l, table->entries + i * table->size);
    last = word + table->size / sizeof(int64_t);

    ngx_llm_ledger_put(l, word++, (int64_t) name->id[0]);
    ngx_llm_ledger_put(l, word++, (int64_t) name->id[1]);

    while (word < last) {
        ngx_llm_ledger_put(l, word++, 0);
    }

    ngx_llm_ledger_add(l, &table->used, 1);
    ngx_llm_ledger_put(l, ngx_llm_ledger_index(l, table) + i,
                       ngx_llm_ledger_tag(name));
}


void
ngx_llm_ledger_leave(ngx_llm_ledger_t *l, ngx_llm_table_t *table, int64_t i)
{
    ngx_llm_ledger_put(l, ngx_llm_ledger_index(l, table) + i,
                       NGX_LLM_LEDGER_GONE);
    ngx_llm_ledger_add(l, &table->used, -1);
    ngx_llm_ledger_forget(l, table, i);
}


int64_t
ngx_llm_ledger_counter_get(ngx_llm_ledger_t *l, ngx_llm_item_t *item,
    int64_t *keep, ngx_uint_t nkeep, int64_t now, int64_t date)
{
    int64_t             i;
    ngx_llm_counter_t  *c;

    item->other = 0;

    i = ngx_llm_ledger_find(l, &l->shm->counters, &item->name);

    if (i == -1) {

        if (item->of.id[0] == 0 && item->of.id[1] == 0) {
            i = ngx_llm_ledger_counter_new(l, item, &item->name, keep, nkeep,
                                           now, date);

        } else {
            i = ngx_llm_ledger_child(l, item, keep, nkeep, now, date);
        }

        if (i == -1) {
            return -1;
        }

        /* so many words that a request's would not fit the undo log */

        ngx_llm_ledger_commit(l);
    }

    c = ngx_llm_ledger_counter(l, i);

    ngx_llm_ledger_roll(l, c, item, now, date);

    return i;
}


/* a value of per=: a counter of its own, or the one that serves all others */

static int64_t
ngx_llm_ledger_child(ngx_llm_ledger_t *l, ngx_llm_item_t *item, int64_t *keep,
    ngx_uint_t nkeep, int64_t now, int64_t date)
{
    int64_t             i, of, all[NGX_LLM_LEDGER_ITEMS + 1];
    ngx_llm_counter_t  *c, *parent;

    of = ngx_llm_ledger_find(l, &l->shm->counters, &item->of);

    if (of == -1) {
        of = ngx_llm_ledger_counter_new(l, item, &item->of, keep, nkeep, now,
                                        date);
        if (of == -1) {
            return -1;
        }
    }

    parent = ngx_llm_ledger_counter(l, of);

    if (item->max_children == 0 || parent->children < item->max_children) {

        if (nkeep) {
            ngx_memcpy(all, keep, nkeep * sizeof(int64_t));
        }

        all[nkeep] = of;

        i = ngx_llm_ledger_counter_new(l, item, &item->name, all, nkeep + 1,
                                       now, date);

        if (i != -1) {
            c = ngx_llm_ledger_counter(l, i);

            ngx_llm_ledger_put(l, &c->parent, of + 1);
            ngx_llm_ledger_add(l, &parent->children, 1);
            ngx_llm_ledger_put_text(l, c->value, NGX_LLM_LEDGER_VALUE,
                                    &item->value);
            return i;
        }
    }

    item->other = 1;
    ngx_llm_ledger_add(l, &l->shm->others, 1);

    return of;
}


static int64_t
ngx_llm_ledger_counter_new(ngx_llm_ledger_t *l, ngx_llm_item_t *item,
    ngx_llm_name_t *name, int64_t *keep, ngx_uint_t nkeep, int64_t now,
    int64_t date)
{
    int64_t             i;
    ngx_llm_counter_t  *c;

    i = ngx_llm_ledger_evict(l, name, keep, nkeep, now, date);

    if (i == -1) {
        return -1;
    }

    ngx_llm_ledger_enter(l, &l->shm->counters, i, name);

    c = ngx_llm_ledger_counter(l, i);

    ngx_llm_ledger_put(l, &c->kind, item->kind | item->unit << 8);
    ngx_llm_ledger_put(l, &c->time,
                       item->kind == NGX_LLM_LIMIT_RATE ? now : date);

    return i;
}


/* a place for a name: one never used, or of a counter that is no loss */

static int64_t
ngx_llm_ledger_evict(ngx_llm_ledger_t *l, ngx_llm_name_t *name, int64_t *keep,
    ngx_uint_t nkeep, int64_t now, int64_t date)
{
    int64_t           i, *index, idle;
    ngx_uint_t        n, k;
    ngx_llm_table_t  *table;

    table = &l->shm->counters;
    index = ngx_llm_ledger_index(l, table);
    i = ngx_llm_ledger_place(l, table, name);
    idle = -1;

    for (n = 0; n < NGX_LLM_LEDGER_WINDOW; n++) {

        if (index[i] == NGX_LLM_LEDGER_FREE
            || index[i] == NGX_LLM_LEDGER_GONE)
        {
            return i;
        }

        if (idle == -1
            && ngx_llm_ledger_counter_idle(ngx_llm_ledger_counter(l, i), now,
                                           date))
        {
            for (k = 0; k < nkeep; k++) {
                if (keep[k] == i) {
                    break;
                }
            }

            if (k == nkeep) {
                idle = i;
            }
        }

        if (++i == table->n) {
            i = 0;
        }
    }

    if (idle != -1) {
        ngx_llm_ledger_counter_drop(l, idle);
        ngx_llm_ledger_add(l, &l->shm->evicted, 1);
        ngx_llm_ledger_commit(l);
    }

    return idle;
}


void
ngx_llm_ledger_forget(ngx_llm_ledger_t *l, ngx_llm_table_t *table, int64_t i)
{
    int64_t  *index, next;

    index = ngx_llm_ledger_index(l, table);
    next = (i + 1 == table->n) ? 0 : i + 1;

    if (index[next] == NGX_LLM_LEDGER_FREE) {
        ngx_llm_ledger_put(l, &index[i], NGX_LLM_LEDGER_FREE);
    }
}


void
ngx_llm_ledger_counter_drop(ngx_llm_ledger_t *l, int64_t i)
{
    ngx_llm_counter_t  *c;

    c = ngx_llm_ledger_counter(l, i);

    if (c->parent) {
        ngx_llm_ledger_add(l,
                       &ngx_llm_ledger_counter(l, c->parent - 1)->children,
                       -1);
    }

    ngx_llm_ledger_leave(l, &l->shm->counters, i);
}


void
ngx_llm_ledger_sum_drop(ngx_llm_ledger_t *l, int64_t i)
{
    ngx_llm_ledger_leave(l, &l->shm->sums, i);
}


ngx_uint_t
ngx_llm_ledger_counter_idle(ngx_llm_counter_t *c, int64_t now, int64_t date)
{
    int64_t  frac;

    if (c->users || c->children) {
        return 0;
    }

    switch (c->kind & 0xff) {

    case NGX_LLM_LIMIT_RATE:
        return ngx_llm_ledger_level(c, now, &frac) == 0;

    case NGX_LLM_LIMIT_QUOTA:

        /* what adds up to 0 is lost if a replay finds only half of it */

        return (c->settled == 0 && c->rate == 0)
               || (c->reset && c->reset <= date);

    default: /* NGX_LLM_LIMIT_CONCURRENCY */
        return 1;
    }
}


/*
 * The period of the item, or a later one that another process has seen:
 * periods only go forward.  A bucket has leaked up to now, by the rate that
 * was in force.
 */

static void
ngx_llm_ledger_roll(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    ngx_llm_item_t *item, int64_t now, int64_t date)
{
    if (item->kind == NGX_LLM_LIMIT_RATE) {
        ngx_llm_ledger_leak(l, c, now);

        if (c->rate != item->rate || c->reset != item->rate_time) {
            ngx_llm_ledger_put(l, &c->rate, item->rate);
            ngx_llm_ledger_put(l, &c->reset, item->rate_time);
            ngx_llm_ledger_put(l, &c->frac, 0);
        }

        return;
    }

    ngx_llm_ledger_put(l, &c->time, date);

    if (item->kind != NGX_LLM_LIMIT_QUOTA) {
        return;
    }

    if (c->period > item->period) {
        item->period = c->period;
        item->reset = c->reset;
        return;
    }

    if (c->period < item->period) {
        ngx_llm_ledger_put(l, &c->past_period, c->period);
        ngx_llm_ledger_put(l, &c->past_settled, c->settled);
        ngx_llm_ledger_put(l, &c->past_held, c->held);
        ngx_llm_ledger_put(l, &c->period, item->period);
        ngx_llm_ledger_put(l, &c->settled, 0);
        ngx_llm_ledger_put(l, &c->held, 0);
        ngx_llm_ledger_put(l, &c->rate, 0);
    }

    ngx_llm_ledger_put(l, &c->reset, item->reset);
}


int64_t
ngx_llm_ledger_sum_get(ngx_llm_ledger_t *l, ngx_llm_row_t *row, int64_t date)
{
    int64_t           i, *index;
    ngx_uint_t        n;
    ngx_llm_sum_t    *s;
    ngx_llm_table_t  *table;

    table = &l->shm->sums;

    i = ngx_llm_ledger_find(l, table, &row->name);

    if (i == -1) {
        index = ngx_llm_ledger_index(l, table);
        i = ngx_llm_ledger_place(l, table, &row->name);

        for (n = 0; n < NGX_LLM_LEDGER_WINDOW; n++) {

            if (index[i] == NGX_LLM_LEDGER_FREE
                || index[i] == NGX_LLM_LEDGER_GONE)
            {
                break;
            }

            if (++i == table->n) {
                i = 0;
            }
        }

        if (n == NGX_LLM_LEDGER_WINDOW) {
            return -1;
        }

        ngx_llm_ledger_enter(l, table, i, &row->name);

        s = ngx_llm_ledger_sum(l, i);

        ngx_llm_ledger_put(l, &s->day, row->day);
        ngx_llm_ledger_put(l, &s->kind, row->kind);
        ngx_llm_ledger_put_text(l, s->text, NGX_LLM_LEDGER_TEXT, &row->text);
        ngx_llm_ledger_commit(l);
    }

    ngx_llm_ledger_put(l, &ngx_llm_ledger_sum(l, i)->time, date);

    return i;
}


int64_t
ngx_llm_ledger_sum_or_other(ngx_llm_ledger_t *l, ngx_llm_row_t *row,
    int64_t date)
{
    int64_t         i;
    ngx_llm_name_t  other;

    i = ngx_llm_ledger_sum_get(l, row, date);

    if (i == -1) {
        other.id[0] = row->kind & (NGX_LLM_LEDGER_ROWS - 1);
        other.id[1] = 0;

        i = ngx_llm_ledger_find(l, &l->shm->sums, &other);
    }

    return i;
}


void
ngx_llm_ledger_sum_others(ngx_llm_ledger_t *l)
{
    ngx_llm_row_t  row;

    ngx_memzero(&row, sizeof(ngx_llm_row_t));

    for (row.kind = 0; row.kind < NGX_LLM_LEDGER_ROWS; row.kind++) {
        row.name.id[0] = row.kind;

        (void) ngx_llm_ledger_sum_get(l, &row, 0);
        ngx_llm_ledger_commit(l);
    }
}
