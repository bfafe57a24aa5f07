
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Processes: who writes which lines, who died, and what becomes of what they
 * held.
 */


#include "ngx_llm_ledger_shm.h"


static ngx_int_t ngx_llm_ledger_take(ngx_llm_ledger_t *l, ngx_uint_t i,
    int64_t was, int64_t was_start, int64_t pid, int64_t start);
static ngx_uint_t ngx_llm_ledger_clear(ngx_llm_ledger_t *l, ngx_uint_t dead,
    ngx_llm_ledger_write_pt write, void *data, int64_t now, int64_t date);
static ngx_int_t ngx_llm_ledger_claim(ngx_llm_ledger_t *l, ngx_uint_t i,
    int64_t pid, int64_t start, ngx_llm_ledger_alive_pt alive, void *data);


ngx_int_t
ngx_llm_ledger_join(ngx_llm_ledger_t *l, int64_t pid, int64_t start)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_LLM_LEDGER_WORKERS; i++) {

        if (l->shm->owner[i].pid == 0
            && ngx_llm_ledger_take(l, i, 0, 0, pid, start) == NGX_OK)
        {
            return NGX_OK;
        }
    }

    l->owner = NGX_LLM_LEDGER_NONE;

    return NGX_DECLINED;
}


/* a helper holds nothing, so one that died leaves nothing but its place */

ngx_int_t
ngx_llm_ledger_join_helper(ngx_llm_ledger_t *l, int64_t pid, int64_t start,
    ngx_llm_ledger_alive_pt alive, void *data)
{
    int64_t           was, was_start;
    ngx_uint_t        i;
    ngx_llm_owner_t  *owner;

    for (i = NGX_LLM_LEDGER_WORKERS; i < NGX_LLM_LEDGER_OWNERS; i++) {
        owner = &l->shm->owner[i];

        was = owner->pid;
        was_start = owner->start;

        if ((was == 0 || !alive(data, was, was_start))
            && ngx_llm_ledger_take(l, i, was, was_start, pid, start) == NGX_OK)
        {
            return NGX_OK;
        }
    }

    l->owner = NGX_LLM_LEDGER_NONE;

    return NGX_DECLINED;
}


/* a slot that still is as it was seen without the lock */

static ngx_int_t
ngx_llm_ledger_take(ngx_llm_ledger_t *l, ngx_uint_t i, int64_t was,
    int64_t was_start, int64_t pid, int64_t start)
{
    ngx_int_t         rc;
    ngx_llm_owner_t  *owner;

    owner = &l->shm->owner[i];
    rc = NGX_DECLINED;

    ngx_llm_ledger_begin(l);

    if (owner->pid == was && (was == 0 || owner->start == was_start)) {
        ngx_llm_ledger_put(l, &owner->pid, pid);
        ngx_llm_ledger_put(l, &owner->start, start);
        ngx_llm_ledger_put(l, &owner->reaper, 0);
        ngx_llm_ledger_put(l, &owner->settling, 0);

        l->owner = i;
        rc = NGX_OK;
    }

    ngx_llm_ledger_end(l);

    return rc;
}


uint64_t
ngx_llm_ledger_boot(ngx_llm_ledger_t *l)
{
    return l->shm->boot;
}


/* the owner alone counts its lines; the number goes on with the slot */

void
ngx_llm_ledger_seq(ngx_llm_ledger_t *l, ngx_llm_seq_t *seq)
{
    seq->boot = l->shm->boot;
    seq->slot = l->owner;
    seq->n = ++l->shm->owner[l->owner].n;
}


ngx_uint_t
ngx_llm_ledger_reap(ngx_llm_ledger_t *l, ngx_llm_ledger_alive_pt alive,
    ngx_llm_ledger_write_pt write, void *data, int64_t now, int64_t date)
{
    int64_t           pid, start;
    ngx_uint_t        i, n;
    ngx_llm_owner_t  *owner;

    n = 0;

    /* a claim has the number of its owner */

    if (l->owner == NGX_LLM_LEDGER_NONE) {
        return 0;
    }

    /* what is read below without the lock must not be half a change */

    ngx_llm_ledger_begin(l);
    ngx_llm_ledger_end(l);

    for (i = 0; i < NGX_LLM_LEDGER_OWNERS; i++) {
        owner = &l->shm->owner[i];

        pid = owner->pid;
        start = owner->start;

        if (pid == 0 || i == l->owner || alive(data, pid, start)) {
            continue;
        }

        if (ngx_llm_ledger_claim(l, i, pid, start, alive, data) == NGX_OK) {
            n += ngx_llm_ledger_clear(l, i, write, data, now, date);
        }
    }

    return n;
}


/* one clears up after a process, unless that one died over it */

static ngx_int_t
ngx_llm_ledger_claim(ngx_llm_ledger_t *l, ngx_uint_t i, int64_t pid,
    int64_t start, ngx_llm_ledger_alive_pt alive, void *data)
{
    int64_t           reaper;
    ngx_int_t         rc;
    ngx_uint_t        busy;
    ngx_llm_owner_t  *owner, *other;

    owner = &l->shm->owner[i];
    reaper = owner->reaper;
    busy = 0;

    if (reaper && reaper != (int64_t) l->owner + 1) {
        other = &l->shm->owner[reaper - 1];
        busy = other->pid && alive(data, other->pid, other->start);
    }

    if (busy) {
        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;

    ngx_llm_ledger_begin(l);

    if (owner->pid == pid && owner->start == start
        && owner->reaper == reaper)
    {
        ngx_llm_ledger_put(l, &owner->reaper, l->owner + 1);
        rc = NGX_OK;
    }

    ngx_llm_ledger_end(l);

    return rc;
}


static ngx_uint_t
ngx_llm_ledger_clear(ngx_llm_ledger_t *l, ngx_uint_t dead,
    ngx_llm_ledger_write_pt write, void *data, int64_t now, int64_t date)
{
    int64_t           i, last;
    ngx_str_t         line;
    ngx_uint_t        n;
    ngx_llm_res_t    *res;
    ngx_llm_seq_t     seq;
    ngx_llm_owner_t  *owner;

    owner = &l->shm->owner[dead];
    n = 0;

    ngx_llm_ledger_begin(l);
    i = owner->settling;
    ngx_llm_ledger_end(l);

    if (i) {
        res = ngx_llm_ledger_res(l, i - 1);

        line.data = owner->line;
        line.len = owner->len;

        if (line.len && res->seq) {
            seq.boot = l->shm->boot;
            seq.slot = dead;
            seq.n = res->seq;

            write(data, &seq, &line);
        }

        ngx_llm_ledger_apply(l, i - 1, now, date);
        n++;
    }

    for (i = 0; i < l->shm->nres; /* void */ ) {

        ngx_llm_ledger_begin(l);

        last = ngx_min(i + NGX_LLM_LEDGER_SLICE, l->shm->nres);

        for ( /* void */ ; i < last; i++) {
            res = ngx_llm_ledger_res(l, i);

            if (res->state != NGX_LLM_RES_FREE
                && res->owner == (int64_t) dead)
            {
                ngx_llm_ledger_finish(l, i, 0, now, date);
                ngx_llm_ledger_commit(l);
                n++;
            }
        }

        ngx_llm_ledger_end(l);
    }

    ngx_llm_ledger_begin(l);
    ngx_llm_ledger_put(l, &owner->pid, 0);
    ngx_llm_ledger_put(l, &owner->reaper, 0);
    ngx_llm_ledger_add(l, &l->shm->reaped, n);
    ngx_llm_ledger_end(l);

    return n;
}


void
ngx_llm_ledger_replay(ngx_llm_ledger_t *l, ngx_llm_seq_t *seq,
    ngx_llm_item_t *items, ngx_uint_t n, ngx_llm_row_t *rows,
    ngx_uint_t nrows, int64_t *sums, int64_t now, int64_t date)
{
    int64_t  *applied;

    ngx_llm_ledger_begin(l);

    applied = ngx_llm_ledger_applied(l, seq->boot, seq->slot, 1);

    if (applied == NULL || *applied < (int64_t) seq->n) {
        ngx_llm_ledger_count(l, items, n, rows, nrows, sums, NULL, NULL, now,
                             date);

        if (applied) {
            ngx_llm_ledger_put(l, applied, seq->n);
        }
    }

    ngx_llm_ledger_end(l);
}


/* a new writer takes the place of the one whose ledger is the oldest */

int64_t *
ngx_llm_ledger_applied(ngx_llm_ledger_t *l, uint64_t boot, uint64_t slot,
    ngx_uint_t create)
{
    ngx_uint_t          i, place;
    ngx_llm_applied_t  *writer;

    if (boot == l->shm->boot) {
        return slot < NGX_LLM_LEDGER_OWNERS ? &l->shm->owner[slot].applied
                                            : NULL;
    }

    writer = l->shm->writer;
    place = 0;

    for (i = 0; i < NGX_LLM_LEDGER_WRITERS; i++) {

        if (writer[i].boot == boot && writer[i].slot == slot) {
            return &writer[i].applied;
        }

        if (writer[i].boot < writer[place].boot) {
            place = i;
        }
    }

    if (!create) {
        return NULL;
    }

    ngx_llm_ledger_put(l, (int64_t *) &writer[place].boot, boot);
    ngx_llm_ledger_put(l, (int64_t *) &writer[place].slot, slot);
    ngx_llm_ledger_put(l, &writer[place].applied, 0);

    return &writer[place].applied;
}
