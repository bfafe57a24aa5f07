
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How the ledger lies in memory, for the files ngx_llm_ledger*.c alone.
 */


#ifndef _NGX_LLM_LEDGER_SHM_H_INCLUDED_
#define _NGX_LLM_LEDGER_SHM_H_INCLUDED_


#include "ngx_llm_ledger.h"


#define NGX_LLM_LEDGER_MAGIC      0x6c6c6d6c65646765LL
#define NGX_LLM_LEDGER_VERSION    3

/* a name is looked for in so many places behind its own */
#define NGX_LLM_LEDGER_WINDOW     64

/* changes of one hold of the lock between two commits */
#define NGX_LLM_LEDGER_UNDO       2048

/* entries that are copied or swept under one hold of the lock */
#define NGX_LLM_LEDGER_SLICE      64

/* writers of other ledgers whose lines were read */
#define NGX_LLM_LEDGER_WRITERS    512

/* no amount is larger, and no limit */
#define NGX_LLM_LEDGER_MOST       (1LL << 60)

/* of a rate, see ngx_llm_ledger_bucket.c */
#define NGX_LLM_LEDGER_LOWS       8

/* of a table's index: never used; used once, looked past */
#define NGX_LLM_LEDGER_FREE       0
#define NGX_LLM_LEDGER_GONE       1


typedef struct {
    int64_t               offset;       /* of the word */
    int64_t               old;
} ngx_llm_undo_t;


/* a bucket that had less in it than requests held */

typedef struct {
    int64_t               time;         /* those admitted before, ms ... */
    int64_t               held;         /* ... hold so much */
    int64_t               left;         /* and may give back so much in all */
} ngx_llm_low_t;


typedef enum {
    NGX_LLM_RES_FREE = 0,
    NGX_LLM_RES_HELD,
    NGX_LLM_RES_SETTLING
} ngx_llm_res_e;


typedef struct {
    int64_t               counter;      /* index, -1: another item has it */
    int64_t               period;       /* RATE: when it was admitted, ms */
    int64_t               held;
    int64_t               amount;       /* final, when it is settling */
} ngx_llm_res_item_t;


typedef struct {
    int64_t               state;        /* ngx_llm_res_e */
    int64_t               owner;
    int64_t               next;         /* FREE: index + 1 of another one */
    int64_t               created;      /* seconds */
    int64_t               nitems;
    int64_t               nrows;
    int64_t               seq;          /* its number, of the owner; 0: none */
    int64_t               row[NGX_LLM_LEDGER_ROWS];
    int64_t               sum[NGX_LLM_LEDGER_SUMS];
    ngx_llm_res_item_t    item[NGX_LLM_LEDGER_ITEMS];
} ngx_llm_res_t;


typedef struct {
    int64_t               pid;          /* 0: free */
    int64_t               start;
    int64_t               reaper;       /* owner + 1 who clears it up */
    int64_t               n;            /* lines it has named */
    int64_t               applied;      /* the last one that was applied */
    int64_t               settling;     /* reservation + 1 */
    int64_t               len;          /* of its line */
    u_char                line[NGX_LLM_LEDGER_LINE];
} ngx_llm_owner_t;


typedef struct {
    uint64_t              boot;         /* 0: free */
    uint64_t              slot;
    int64_t               applied;
} ngx_llm_applied_t;


/* counters and sums alike: what stands at an index, by name */

typedef struct {
    int64_t               n;            /* places */
    int64_t               used;
    int64_t               index;        /* offset of int64_t[n]: id[1] of the
                                           name, or FREE, or GONE */
    int64_t               entries;      /* offset; a name is their first
                                           member */
    int64_t               size;         /* of one */
} ngx_llm_table_t;


struct ngx_llm_ledger_shm_s {
    int64_t               magic;
    int64_t               version;
    int64_t               size;
    uint64_t              boot;

    int64_t               nundo;
    ngx_llm_undo_t        undo[NGX_LLM_LEDGER_UNDO];

    ngx_llm_table_t       counters;
    int64_t               lows;         /* offset of ngx_llm_low_t
                                           [counters.n][NGX_LLM_LEDGER_LOWS] */
    ngx_llm_table_t       sums;
    ngx_llm_table_t       texts;

    int64_t               text_change;  /* the last one */
    int64_t               text_forgotten;

    int64_t               nres;
    int64_t               res;          /* offset of ngx_llm_res_t[nres] */
    int64_t               free_res;     /* index + 1 */
    int64_t               used_res;
    int64_t               changing;     /* reservation + 1 that changes a
                                           limit by hand: one at a time takes
                                           off what it has seen */

    int64_t               evicted;
    int64_t               others;
    int64_t               undone;
    int64_t               reaped;

    ngx_llm_owner_t       owner[NGX_LLM_LEDGER_OWNERS];
    ngx_llm_applied_t     writer[NGX_LLM_LEDGER_WRITERS];
};


#define ngx_llm_ledger_at(l, offset)                                         \
    ((void *) ((u_char *) (l)->shm + (offset)))

#define ngx_llm_ledger_res(l, i)                                             \
    ((ngx_llm_res_t *) ngx_llm_ledger_at(l, (l)->shm->res) + (i))

#define ngx_llm_ledger_counter(l, i)                                         \
    ((ngx_llm_counter_t *)                                                   \
     ngx_llm_ledger_at(l, (l)->shm->counters.entries) + (i))

#define ngx_llm_ledger_sum(l, i)                                             \
    ((ngx_llm_sum_t *) ngx_llm_ledger_at(l, (l)->shm->sums.entries) + (i))

#define ngx_llm_ledger_text(l, i)                                            \
    ((ngx_llm_text_t *) ngx_llm_ledger_at(l, (l)->shm->texts.entries) + (i))

#define ngx_llm_ledger_index(l, table)                                       \
    ((int64_t *) ngx_llm_ledger_at(l, (table)->index))


/* ngx_llm_ledger_undo.c */

/* takes the lock and undoes what a process that died with it had begun */
void ngx_llm_ledger_begin(ngx_llm_ledger_t *l);

/* all puts since begin() or the last commit() count from here on */
void ngx_llm_ledger_commit(ngx_llm_ledger_t *l);

/* commit, and the lock is open */
void ngx_llm_ledger_end(ngx_llm_ledger_t *l);

/* the one way to change a word behind the lock */
void ngx_llm_ledger_put(ngx_llm_ledger_t *l, int64_t *word, int64_t value);

#define ngx_llm_ledger_add(l, word, delta)                                   \
    ngx_llm_ledger_put(l, word, *(word) + (delta))

/* bytes into a field whose size is a multiple of words, zero-padded */
void ngx_llm_ledger_put_text(ngx_llm_ledger_t *l, u_char *field, size_t size,
    ngx_str_t *text);


/* ngx_llm_ledger_table.c; all behind the lock, -1 is none */

int64_t ngx_llm_ledger_find(ngx_llm_ledger_t *l, ngx_llm_table_t *table,
    ngx_llm_name_t *name);

/* where a name's window begins */
int64_t ngx_llm_ledger_place(ngx_llm_ledger_t *l, ngx_llm_table_t *table,
    ngx_llm_name_t *name);

/* an entry of zeroes but for its name, where none stands */
void ngx_llm_ledger_enter(ngx_llm_ledger_t *l, ngx_llm_table_t *table,
    int64_t i, ngx_llm_name_t *name);
void ngx_llm_ledger_leave(ngx_llm_ledger_t *l, ngx_llm_table_t *table,
    int64_t i);

/*
 * The counter of an item, made if need be (keep: counters not to be taken for
 * it), as the item's period wants it; item->other is set if it had to be that
 * of all values.
 */
int64_t ngx_llm_ledger_counter_get(ngx_llm_ledger_t *l, ngx_llm_item_t *item,
    int64_t *keep, ngx_uint_t nkeep, int64_t now, int64_t date);

/* -1: there is no room */
int64_t ngx_llm_ledger_sum_get(ngx_llm_ledger_t *l, ngx_llm_row_t *row,
    int64_t date);

/* the sum of a row, or that of its kind's rows for which there is no room */
int64_t ngx_llm_ledger_sum_or_other(ngx_llm_ledger_t *l, ngx_llm_row_t *row,
    int64_t date);

/* makes those, in a ledger that nobody else sees yet */
void ngx_llm_ledger_sum_others(ngx_llm_ledger_t *l);

/* takes an entry out of its table */
void ngx_llm_ledger_counter_drop(ngx_llm_ledger_t *l, int64_t i);
void ngx_llm_ledger_sum_drop(ngx_llm_ledger_t *l, int64_t i);

/* a place that is GONE becomes FREE, if nothing can stand behind it */
void ngx_llm_ledger_forget(ngx_llm_ledger_t *l, ngx_llm_table_t *table,
    int64_t i);

/* nothing would be lost without it */
ngx_uint_t ngx_llm_ledger_counter_idle(ngx_llm_counter_t *c, int64_t now,
    int64_t date);


/* ngx_llm_ledger_bucket.c; behind the lock, "c" is the counter of a rate */

/* what of a bucket's level is left, and the remainder */
int64_t ngx_llm_ledger_level(ngx_llm_counter_t *c, int64_t now,
    int64_t *frac);

/* the same, written down */
void ngx_llm_ledger_leak(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    int64_t now);

/* what an item holds becomes "amount"; level and c->held follow */
void ngx_llm_ledger_bucket_charge(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    ngx_llm_res_item_t *item, int64_t amount);

/* an item holds more, and already did so before some of it leaked */
void ngx_llm_ledger_bucket_more(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    ngx_llm_res_item_t *item, int64_t more);

/* the level is lowered by hand */
void ngx_llm_ledger_bucket_lower(ngx_llm_ledger_t *l, ngx_llm_counter_t *c,
    int64_t level);

/* what of c->held has not leaked */
int64_t ngx_llm_ledger_bucket_held(ngx_llm_ledger_t *l, ngx_llm_counter_t *c);


/* ngx_llm_ledger.c */

/* a + b, kept where sums of a few cannot leave 64 bits */
int64_t ngx_llm_ledger_total(int64_t a, int64_t b);

/*
 * Counts a recorded request, behind the lock.  skip(), if any, says which
 * counters and sums (sum: 1) have it already.
 */
typedef ngx_uint_t (*ngx_llm_ledger_skip_pt)(void *data, ngx_uint_t sum,
    int64_t i);

void ngx_llm_ledger_count(ngx_llm_ledger_t *l, ngx_llm_item_t *items,
    ngx_uint_t n, ngx_llm_row_t *rows, ngx_uint_t nrows, int64_t *sums,
    ngx_llm_ledger_skip_pt skip, void *data, int64_t now, int64_t date);

/* gives back or charges all items and frees it; behind the lock */
void ngx_llm_ledger_finish(ngx_llm_ledger_t *l, ngx_uint_t res,
    ngx_uint_t charge, int64_t now, int64_t date);


/* ngx_llm_ledger_owner.c */

/* the word that says up to where a writer's lines are applied, or NULL */
int64_t *ngx_llm_ledger_applied(ngx_llm_ledger_t *l, uint64_t boot,
    uint64_t slot, ngx_uint_t create);


#endif /* _NGX_LLM_LEDGER_SHM_H_INCLUDED_ */
