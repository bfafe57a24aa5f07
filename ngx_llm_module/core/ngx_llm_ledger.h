
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The ledger: counters of limits, what requests in flight hold of them, sums
 * over what was answered, and the processes that hold.  It lies in memory that
 * all processes share, in tables of a fixed size; nothing in it is linked.
 *
 * A process may die at any instruction, also inside the lock.  So each change
 * of a word goes through an undo log in the shared memory: the old value is
 * noted, then the word is written; the change as a whole counts when the log
 * is emptied by one store, just before the lock is opened.  Who finds the log
 * not empty behind the lock knows that its last holder died, and puts the old
 * values back.  There is no other recovery, and no order of stores to think of.
 *
 * Amounts are integers: requests, tokens, nano-dollars.  Times of rates are
 * milliseconds of a clock that only goes forward, times of periods seconds of
 * the wall clock.  The caller gives both: nothing here asks for the time.
 */


#ifndef _NGX_LLM_LEDGER_H_INCLUDED_
#define _NGX_LLM_LEDGER_H_INCLUDED_


#include "ngx_llm_core.h"


#define NGX_LLM_LEDGER_ITEMS      16    /* limits that one request may meet */
#define NGX_LLM_LEDGER_ROWS       4     /* sums that it may enter */
#define NGX_LLM_LEDGER_SUMS       12    /* values of a sum */
#define NGX_LLM_LEDGER_LINE       4096  /* longest line of the usage log */
#define NGX_LLM_LEDGER_OWNERS     256   /* processes of all generations, */
#define NGX_LLM_LEDGER_WORKERS    248   /* of these workers; others: helpers */
#define NGX_LLM_LEDGER_TEXT       200   /* of what a sum is about */
#define NGX_LLM_LEDGER_DEFINITION 1000  /* of what is defined at run time */
#define NGX_LLM_LEDGER_VALUE      48    /* of a per= value, cut, for display */

#define NGX_LLM_LEDGER_UNITS      6     /* of ngx_llm_unit_e */

#define NGX_LLM_LEDGER_NONE       ((ngx_uint_t) -1)


typedef struct ngx_llm_ledger_shm_s  ngx_llm_ledger_shm_t;


typedef enum {
    NGX_LLM_LIMIT_RATE = 0,
    NGX_LLM_LIMIT_QUOTA,
    NGX_LLM_LIMIT_CONCURRENCY
} ngx_llm_limit_e;


typedef enum {
    NGX_LLM_UNIT_REQUESTS = 0,
    NGX_LLM_UNIT_TOKENS,
    NGX_LLM_UNIT_INPUT_TOKENS,
    NGX_LLM_UNIT_OUTPUT_TOKENS,
    NGX_LLM_UNIT_COST,                  /* nano-dollars */
    NGX_LLM_UNIT_SLOTS                  /* of concurrency */
} ngx_llm_unit_e;


/* a counter's name: 128 bits, see ngx_llm_ledger_name(); 0, 0 is none */

typedef struct {
    uint64_t              id[2];
} ngx_llm_name_t;


typedef struct {
    ngx_llm_name_t        name;
    int64_t               kind;         /* ngx_llm_limit_e | unit << 8 */
    int64_t               period;       /* QUOTA: where it began, seconds */
    int64_t               settled;      /* RATE: level of the bucket, what is
                                           held included */
    int64_t               held;         /* by requests in flight */
    int64_t               past_period;  /* the one before, for those that are */
    int64_t               past_settled; /* still in flight */
    int64_t               past_held;
    int64_t               lows;         /* RATE: see ngx_llm_ledger_bucket.c */
    int64_t               time;         /* RATE: leaked up to then, ms; else
                                           last use, seconds */
    int64_t               frac;         /* RATE: remainder of that */
    int64_t               rate;         /* RATE, as last seen: amount ...;
                                           QUOTA: 1, something was taken off
                                           in this period */
    int64_t               reset;        /* ... per so many ms; QUOTA: where
                                           the period ends, seconds, or 0 */
    int64_t               users;        /* reservations that have it */
    int64_t               children;     /* of a limit with per=: its values */
    int64_t               parent;       /* index + 1 of that; 0: none */
    int64_t               refused;      /* how often it refused */
    u_char                value[NGX_LLM_LEDGER_VALUE];  /* zero-padded */
} ngx_llm_counter_t;


/* a sum over answered requests */

typedef struct {
    ngx_llm_name_t        name;
    int64_t               day;          /* where it began, seconds; 0: all */
    int64_t               kind;         /* caller's */
    int64_t               time;         /* last use, seconds */
    int64_t               sum[NGX_LLM_LEDGER_SUMS];
    u_char                text[NGX_LLM_LEDGER_TEXT];    /* zero-padded */
} ngx_llm_sum_t;


/*
 * A text that all processes are to know: what is defined while they run.  Each
 * change has a number of its own, higher than all before it.
 */

typedef struct {
    ngx_llm_name_t        name;
    int64_t               change;
    int64_t               len;          /* -1: it was deleted */
    u_char                text[NGX_LLM_LEDGER_DEFINITION];
} ngx_llm_text_t;


/*
 * A limit that a request meets.  In: all up to "value".  For a limit with
 * per= "name" is of the value and "of" of the limit itself, whose counter
 * serves values for which there is no room.
 */

typedef struct {
    ngx_llm_name_t        name;
    ngx_llm_name_t        of;           /* 0, 0: no per= */
    ngx_llm_limit_e       kind;
    ngx_llm_unit_e        unit;
    int64_t               limit;        /* quota; rate: burst; concurrency */
    int64_t               rate;         /* RATE: so much ... */
    int64_t               rate_time;    /* ... in so many ms */
    int64_t               period;       /* QUOTA: begin and end of the period,*/
    int64_t               reset;        /* seconds; total: 0, 0 */
    int64_t               amount;       /* that is asked for */
    int64_t               margin;       /* so much must be left beside it; of
                                           concurrency: not looked at */
    int64_t               max_children; /* per_max= */
    ngx_str_t             value;        /* of per=, for display */
    unsigned              soft:1;       /* counts, never refuses */
    unsigned              change:1;     /* to be changed by hand */

    /* out: */
    int64_t               settled;      /* before this request */
    int64_t               held;         /* RATE: and has not leaked */
    int64_t               refused;      /* of look() alone */
    int64_t               granted;      /* what is held of "amount" */
    int64_t               wait;         /* ms until it could pass; -1: never */
    unsigned              exceeded:1;   /* would refuse, or did */
    unsigned              used_up:1;    /* QUOTA: until the reset */
    unsigned              other:1;      /* counted with others' values */
} ngx_llm_item_t;


/* who writes: boot, slot and counter name a line of the usage log for ever */

typedef struct {
    uint64_t              boot;
    uint64_t              slot;
    uint64_t              n;
} ngx_llm_seq_t;


/* the sums that a request enters, with one vector of values */

typedef struct {
    ngx_llm_name_t        name;
    int64_t               day;
    int64_t               kind;
    ngx_str_t             text;
} ngx_llm_row_t;


/* a process's view of the ledger */

typedef struct {
    ngx_llm_ledger_shm_t *shm;
    ngx_uint_t            owner;        /* own slot, or NGX_LLM_LEDGER_NONE */
    ngx_uint_t            hint;         /* where free reservations were */

    /* one lock that is opened for a process that died with it */
    void                (*lock)(void *data);
    void                (*unlock)(void *data);
    void                 *data;
} ngx_llm_ledger_t;


/* the least memory that a ledger needs */
#define NGX_LLM_LEDGER_MIN        (4 * 1024 * 1024)


/*
 * Lays a new ledger into size bytes of zeroed memory, aligned as pages are;
 * boot: a number that no ledger before it had, wall clock in seconds will do.
 * NGX_ERROR: too small.
 */
ngx_int_t ngx_llm_ledger_create(void *memory, size_t size, uint64_t boot);

/* a name from its parts, by SipHash with a key of all zeroes or a secret */
void ngx_llm_ledger_name(ngx_llm_name_t *name, ngx_llm_name_t *key,
    ngx_str_t *parts, ngx_uint_t n);

/*
 * Takes a slot for this process (start: its start time in ticks of boot, so
 * that a number that was given again is not taken for the same process).
 * NGX_DECLINED: all are taken.
 */
ngx_int_t ngx_llm_ledger_join(ngx_llm_ledger_t *l, int64_t pid, int64_t start);

/*
 * The same for a process that clears up after others, in slots that workers
 * never have; takes the one of a helper that died, too.
 */
typedef ngx_uint_t (*ngx_llm_ledger_alive_pt)(void *data, int64_t pid,
    int64_t start);

ngx_int_t ngx_llm_ledger_join_helper(ngx_llm_ledger_t *l, int64_t pid,
    int64_t start, ngx_llm_ledger_alive_pt alive, void *data);

/*
 * All limits of a request at once: all pass and are held, or none is touched.
 * NGX_OK: *res is the reservation.  NGX_BUSY: items[*which] refused, its out
 * members say why and for how long.  NGX_DECLINED: no room for a reservation.
 * NGX_AGAIN: it would leave less than some item's margin, ask without; or the
 * first item is to be changed by hand, and another one is at that moment.
 * n may be 0: a reservation that holds nothing, to be settled with a line.
 * now: ms, the clock of rates; date: seconds, wall clock.
 */
ngx_int_t ngx_llm_ledger_reserve(ngx_llm_ledger_t *l, ngx_llm_item_t *items,
    ngx_uint_t n, int64_t now, int64_t date, ngx_uint_t *res,
    ngx_uint_t *which);

/*
 * Adds items to a reservation, same rules; NGX_DECLINED: it would have more
 * than NGX_LLM_LEDGER_ITEMS.
 */
ngx_int_t ngx_llm_ledger_extend(ngx_llm_ledger_t *l, ngx_uint_t res,
    ngx_llm_item_t *items, ngx_uint_t n, int64_t now, int64_t date,
    ngx_uint_t *which);

/*
 * Holds more of item i (a dearer fallback).  NGX_OK, NGX_BUSY: the limit does
 * not have it, nothing was changed.  item: as at the reservation, "amount" is
 * the new amount in all.
 */
ngx_int_t ngx_llm_ledger_raise(ngx_llm_ledger_t *l, ngx_uint_t res,
    ngx_uint_t i, ngx_llm_item_t *item, int64_t now, int64_t date);

/* gives back what items from "first" on hold, and forgets them */
void ngx_llm_ledger_trim(ngx_llm_ledger_t *l, ngx_uint_t res,
    ngx_uint_t first, int64_t now);

/* gives all back, nothing is charged; the reservation is gone */
void ngx_llm_ledger_release(ngx_llm_ledger_t *l, ngx_uint_t res, int64_t now);

/* the number that its lines carry */
uint64_t ngx_llm_ledger_boot(ngx_llm_ledger_t *l);

/* the next name of a line; no lock */
void ngx_llm_ledger_seq(ngx_llm_ledger_t *l, ngx_llm_seq_t *seq);

/*
 * Settlement, first half: notes final amounts, one an item in the order of
 * their reservation, sums and the line.  From here on whoever comes later can
 * finish it.  line may be empty: nothing is to be written.  Between the two
 * halves the process must not settle anything else.  An amount below 0 is taken
 * off what is used: a credit; a quota may come below 0, a bucket may not.
 */
void ngx_llm_ledger_settle(ngx_llm_ledger_t *l, ngx_uint_t res,
    int64_t *amounts, ngx_uint_t n, ngx_llm_row_t *rows, ngx_uint_t nrows,
    int64_t *sums, ngx_llm_seq_t *seq, ngx_str_t *line, int64_t date);

/*
 * second half, when the line is written: applies it; the reservation is gone.
 * release() in its place: nothing was changed
 */
void ngx_llm_ledger_apply(ngx_llm_ledger_t *l, ngx_uint_t res, int64_t now,
    int64_t date);

/*
 * What dead processes left: releases what they held, finishes what they were
 * settling.  alive(): is it?; write(): makes sure that the line is in the log
 * (it looks for seq in its tail first); both without the lock.  Takes as many
 * as it finds; returns how many.  The caller has joined: of several, one clears
 * up after a process.  Not for the event loop.
 */
typedef void (*ngx_llm_ledger_write_pt)(void *data, ngx_llm_seq_t *seq,
    ngx_str_t *line);

ngx_uint_t ngx_llm_ledger_reap(ngx_llm_ledger_t *l,
    ngx_llm_ledger_alive_pt alive, ngx_llm_ledger_write_pt write, void *data,
    int64_t now, int64_t date);

/*
 * Frees counters whose period is past and sums of days before "oldest", a
 * slice under each hold of the lock, so that their places and the shares of
 * per= values are free.  Not for the event loop; every few seconds.
 */
void ngx_llm_ledger_expire(ngx_llm_ledger_t *l, int64_t now, int64_t date,
    int64_t oldest);

/*
 * A line that another ledger's process wrote: counts it unless one of that
 * process with a higher number was counted.  items: as for a reservation, but
 * "amount" is final, and "period" of a RATE is when it was admitted, seconds.
 * An amount below 0 is taken off.
 */
void ngx_llm_ledger_replay(ngx_llm_ledger_t *l, ngx_llm_seq_t *seq,
    ngx_llm_item_t *items, ngx_uint_t n, ngx_llm_row_t *rows,
    ngx_uint_t nrows, int64_t *sums, int64_t now, int64_t date);

/* how a limit stands now (out members of the item); nothing is created */
void ngx_llm_ledger_look(ngx_llm_ledger_t *l, ngx_llm_item_t *item,
    int64_t now, int64_t date);

/*
 * Copies of counters and sums, a slice under each hold of the lock; *i is
 * where to go on, 0 first.  Returns how many were copied, 0: no more.  Free
 * entries are left out.
 */
ngx_uint_t ngx_llm_ledger_counters(ngx_llm_ledger_t *l, ngx_uint_t *i,
    ngx_llm_counter_t *copy, ngx_uint_t n);
ngx_uint_t ngx_llm_ledger_sums(ngx_llm_ledger_t *l, ngx_uint_t *i,
    ngx_llm_sum_t *copy, ngx_uint_t n);

/*
 * The name of the counter of the limit that a copy's value is of.
 * NGX_DECLINED: it has none, or is gone by now.
 */
ngx_int_t ngx_llm_ledger_parent(ngx_llm_ledger_t *l, ngx_llm_counter_t *copy,
    ngx_llm_name_t *parent);


/*
 * Texts: ngx_llm_ledger_text.c.  set(): text NULL deletes; NGX_DECLINED: there
 * is no room, or it is too long.  get(): NGX_DECLINED: there is none.
 *
 * changed(): the number of the last change, without the lock.  next(): the
 * next text after *i (0 first) that was changed after "since", deleted ones
 * too; NGX_DONE: no more.  forgotten(): deleted texts up to that change may
 * be gone without a trace: who was last here before it must begin anew.
 */
ngx_int_t ngx_llm_ledger_text_set(ngx_llm_ledger_t *l, ngx_llm_name_t *name,
    ngx_str_t *text);
ngx_int_t ngx_llm_ledger_text_get(ngx_llm_ledger_t *l, ngx_llm_name_t *name,
    ngx_llm_text_t *copy);
int64_t ngx_llm_ledger_text_changed(ngx_llm_ledger_t *l);
int64_t ngx_llm_ledger_text_forgotten(ngx_llm_ledger_t *l);
ngx_int_t ngx_llm_ledger_text_next(ngx_llm_ledger_t *l, ngx_uint_t *i,
    int64_t since, ngx_llm_text_t *copy);


typedef struct {
    ngx_uint_t            counters;     /* in use, and room for */
    ngx_uint_t            counters_max;
    ngx_uint_t            sums;
    ngx_uint_t            sums_max;
    ngx_uint_t            texts;
    ngx_uint_t            texts_max;
    ngx_uint_t            reservations;
    ngx_uint_t            reservations_max;
    ngx_uint_t            owners;
    size_t                size;         /* of the ledger, and what of it is */
    size_t                used;         /* in use, bytes */
    int64_t               evicted;      /* counters of past periods, empty */
    int64_t               others;       /* requests counted under "other" */
    int64_t               undone;       /* changes of processes that died */
    int64_t               reaped;       /* reservations of theirs */
} ngx_llm_ledger_stat_t;

void ngx_llm_ledger_stat(ngx_llm_ledger_t *l, ngx_llm_ledger_stat_t *stat);

/*
 * What requests in flight hold, by unit: held[NGX_LLM_LEDGER_UNITS].  Of a
 * request that meets several limits of a unit it is the largest amount.  A
 * slice under each hold of the lock.
 */
void ngx_llm_ledger_held(ngx_llm_ledger_t *l, int64_t *held);


/*
 * Snapshots: ngx_llm_ledger_snapshot.c.  Tables are copied slice by slice, a
 * short hold of the lock each; with each slice goes what every owner had
 * applied at that moment, so that there is no need for one moment of all:
 * a line counts for a counter if its seq is above what its slice knows.
 *
 * save() gives the text of a snapshot piece by piece to write(), which returns
 * NGX_OK or NGX_ERROR; not for the event loop.  load() takes it back piece by
 * piece into a new ledger (push style, any split), before anything else
 * happens there.  mono and date: both clocks now, for what rates remember.
 */
typedef ngx_int_t (*ngx_llm_snapshot_write_pt)(void *data, u_char *p,
    size_t len);

ngx_int_t ngx_llm_ledger_save(ngx_llm_ledger_t *l,
    ngx_llm_snapshot_write_pt write, void *data, int64_t now, int64_t date);

typedef struct ngx_llm_loader_s  ngx_llm_loader_t;

/* memory comes from the pool; keep it until the replay is over */
ngx_llm_loader_t *ngx_llm_ledger_load(ngx_llm_ledger_t *l, ngx_pool_t *pool,
    int64_t now, int64_t date);
/* NGX_OK; NGX_DECLINED: no snapshot of this kind, nothing more is taken */
ngx_int_t ngx_llm_ledger_load_data(ngx_llm_loader_t *loader, u_char *p,
    size_t len);
/* NGX_OK: it was whole.  NGX_DECLINED: it was not, the ledger is empty again */
ngx_int_t ngx_llm_ledger_load_end(ngx_llm_loader_t *loader);

/* replay above what the loaded snapshot has */
void ngx_llm_ledger_load_replay(ngx_llm_loader_t *loader, ngx_llm_seq_t *seq,
    ngx_llm_item_t *items, ngx_uint_t n, ngx_llm_row_t *rows,
    ngx_uint_t nrows, int64_t *sums, int64_t now, int64_t date);


/*
 * For tests: with NGX_LLM_LEDGER_STEPS each step of a change is numbered and
 * calls this before it is made.
 */
#if (NGX_LLM_LEDGER_STEPS)
extern void (*ngx_llm_ledger_step)(void);
#define ngx_llm_ledger_step_here()                                           \
    if (ngx_llm_ledger_step) { ngx_llm_ledger_step(); }
#else
#define ngx_llm_ledger_step_here()
#endif


#endif /* _NGX_LLM_LEDGER_H_INCLUDED_ */
