
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A rate: a bucket that what is held or charged goes into, and that leaks.  In
 * any time t no more is charged than burst + rate * t, each request at the
 * moment when it was admitted.
 *
 * So a request that used less than it held gives back no more than is still in
 * the bucket: what has leaked of it was room for others.  If the level had been
 * lower by d since the request was admitted, it would have met the bottom where
 * it was below d; so what may be given back is at most the lowest level since.
 * That is noted where it matters: where there is less in the bucket than
 * requests hold.  Such a low is a bound on what all requests that were admitted
 * before it give back together.  A later low that is not higher covers an
 * earlier one, so lows rise with time.  Where there is room for no more, two
 * become one that has the requests of the later and the level of the earlier:
 * that may keep more than it must, and never less.
 */


#include "ngx_llm_ledger_shm.h"


#define ngx_llm_ledger_low(l, c)                                             \
    ((ngx_llm_low_t *) ngx_llm_ledger_at(l, (l)->shm->lows)                  \
     + ((c) - ngx_llm_ledger_counter(l, 0)) * NGX_LLM_LEDGER_LOWS)


/* of the level, of which a fraction may have leaked */

#define ngx_llm_ledger_whole(c)  ((c)->settled - ((c)->frac != 0))


static void ngx_llm_ledger_low_add(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    int64_t time);
static ngx_uint_t ngx_llm_ledger_low_nearest(ngx_llm_low_t *low);
static void ngx_llm_ledger_low_back(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    int64_t first, int64_t held, int64_t back);
static void ngx_llm_ledger_low_put(ngx_llm_ledger_t *l, ngx_llm_low_t *low,
    int64_t time, int64_t held, int64_t left);


int64_t
ngx_llm_ledger_level(ngx_llm_counter_t *c, int64_t now, int64_t *frac)
{
    int64_t   past;
    __int128  leak;

    past = now - c->time;
    *frac = c->frac;

    if (past <= 0 || c->reset <= 0) {
        return c->settled;
    }

    leak = (__int128) past * c->rate + c->frac;

    if (leak / c->reset >= c->settled) {
        *frac = 0;
        return 0;
    }

    *frac = (int64_t) (leak % c->reset);

    return c->settled - (int64_t) (leak / c->reset);
}


void
ngx_llm_ledger_leak(ngx_llm_ledger_t *l, ngx_llm_counter_t *c, int64_t now)
{
    int64_t  level, frac;

    if (now <= c->time) {
        return;
    }

    level = ngx_llm_ledger_level(c, now, &frac);

    ngx_llm_ledger_put(l, &c->settled, level);
    ngx_llm_ledger_put(l, &c->frac, frac);
    ngx_llm_ledger_put(l, &c->time, now);

    if (ngx_llm_ledger_whole(c) < c->held) {
        ngx_llm_ledger_low_add(l, c, now);
    }
}


/* there is less in the bucket than is held */

static void
ngx_llm_ledger_low_add(ngx_llm_ledger_t *l, ngx_llm_counter_t *c, int64_t time)
{
    int64_t         n, left;
    ngx_uint_t      i;
    ngx_llm_low_t  *low;

    low = ngx_llm_ledger_low(l, c);
    n = c->lows;
    left = ngx_llm_ledger_whole(c);

    while (n && low[n - 1].left >= left) {
        n--;
    }

    if (n == NGX_LLM_LEDGER_LOWS) {
        i = ngx_llm_ledger_low_nearest(low);

        ngx_llm_ledger_put(l, &low[i].time, low[i + 1].time);
        ngx_llm_ledger_put(l, &low[i].held, low[i + 1].held);

        for (i++, n--; (int64_t) i < n; i++) {
            ngx_llm_ledger_low_put(l, &low[i], low[i + 1].time,
                                   low[i + 1].held, low[i + 1].left);
        }
    }

    ngx_llm_ledger_low_put(l, &low[n], time, c->held, left);
    ngx_llm_ledger_put(l, &c->lows, n + 1);
}


/* which one loses least with the next: levels apart, held in between */

static ngx_uint_t
ngx_llm_ledger_low_nearest(ngx_llm_low_t *low)
{
    __int128    loss, least;
    ngx_uint_t  i, nearest;

    least = 0;
    nearest = 0;

    for (i = 0; i < NGX_LLM_LEDGER_LOWS - 1; i++) {
        loss = (__int128) (low[i + 1].left - low[i].left)
               * ngx_max(low[i + 1].held - low[i].held, 0);

        if (i == 0 || loss < least) {
            least = loss;
            nearest = i;
        }
    }

    return nearest;
}


void
ngx_llm_ledger_bucket_charge(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    ngx_llm_res_item_t *item, int64_t amount)
{
    int64_t         i, back;
    ngx_llm_low_t  *low;

    back = item->held - amount;

    if (c->lows) {
        low = ngx_llm_ledger_low(l, c);

        for (i = c->lows; i && item->period < low[i - 1].time; i--) {
            back = ngx_min(back, low[i - 1].left);
        }

        ngx_llm_ledger_low_back(l, c, i, item->held, ngx_max(back, 0));
    }

    ngx_llm_ledger_add(l, &c->held, -item->held);
    ngx_llm_ledger_put(l, &c->settled,
                       ngx_max(ngx_llm_ledger_total(c->settled, -back), 0));
}


/*
 * Lows from "first" on have a request less.  One that is no bound then goes,
 * and so does one that a later one covers.
 */

static void
ngx_llm_ledger_low_back(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    int64_t first, int64_t held, int64_t back)
{
    int64_t         i, n;
    ngx_llm_low_t  *low, one;

    low = ngx_llm_ledger_low(l, c);
    n = 0;

    for (i = 0; i < c->lows; i++) {
        one = low[i];

        if (i >= first) {
            one.held -= held;
            one.left -= back;
        }

        if (one.left >= one.held) {
            continue;
        }

        while (n && low[n - 1].left >= one.left) {
            n--;
        }

        ngx_llm_ledger_low_put(l, &low[n++], one.time, one.held, one.left);
    }

    ngx_llm_ledger_put(l, &c->lows, n);
}


static void
ngx_llm_ledger_low_put(ngx_llm_ledger_t *l, ngx_llm_low_t *low, int64_t time,
    int64_t held, int64_t left)
{
    ngx_llm_ledger_put(l, &low->time, time);
    ngx_llm_ledger_put(l, &low->held, held);
    ngx_llm_ledger_put(l, &low->left, left);
}


void
ngx_llm_ledger_bucket_more(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    ngx_llm_res_item_t *item, int64_t more)
{
    int64_t         i;
    ngx_llm_low_t  *low;

    low = ngx_llm_ledger_low(l, c);

    for (i = c->lows; i && item->period < low[i - 1].time; i--) {
        ngx_llm_ledger_add(l, &low[i - 1].held, more);
    }

    ngx_llm_ledger_put(l, &c->settled, ngx_llm_ledger_total(c->settled, more));
}


void
ngx_llm_ledger_bucket_lower(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    int64_t level)
{
    level = ngx_max(ngx_min(level, c->settled), 0);

    ngx_llm_ledger_put(l, &c->settled, level);
    ngx_llm_ledger_put(l, &c->frac, 0);

    if (ngx_llm_ledger_whole(c) < c->held) {
        ngx_llm_ledger_put(l, &c->time, c->time + 1);
        ngx_llm_ledger_low_add(l, c, c->time);
    }
}


int64_t
ngx_llm_ledger_bucket_held(ngx_llm_ledger_t *l, ngx_llm_counter_t *c)
{
    int64_t         i, lost;
    ngx_llm_low_t  *low;

    low = ngx_llm_ledger_low(l, c);
    lost = 0;

    for (i = 0; i < c->lows; i++) {
        lost = ngx_max(lost, low[i].held - low[i].left);
    }

    return c->held - lost;
}
