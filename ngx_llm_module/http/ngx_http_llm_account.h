
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Accounting of a request: what it holds of limits while it runs, what it is
 * charged in the end, and the sums that it enters.
 *
 *     begin     the body is there: who may be refused gets a record
 *     admit     the route is known: key and teams, all at once
 *     attempt   a deployment is chosen: its model and provider
 *     settle    once, when the answer is whole and before its last bytes leave,
 *               or on whatever way out there is
 */


#ifndef _NGX_HTTP_LLM_ACCOUNT_H_INCLUDED_
#define _NGX_HTTP_LLM_ACCOUNT_H_INCLUDED_


#include "ngx_http_llm.h"
#include "ngx_http_llm_limit.h"


/* the vector of values of every sum */

typedef enum {
    NGX_HTTP_LLM_SUM_REQUESTS = 0,
    NGX_HTTP_LLM_SUM_ERRORS,            /* among them */
    NGX_HTTP_LLM_SUM_ATTEMPTS,
    NGX_HTTP_LLM_SUM_PROMPT,            /* tokens */
    NGX_HTTP_LLM_SUM_COMPLETION,
    NGX_HTTP_LLM_SUM_CACHED,
    NGX_HTTP_LLM_SUM_CACHE_WRITE,
    NGX_HTTP_LLM_SUM_REASONING,
    NGX_HTTP_LLM_SUM_COST,              /* nano-dollars */
    NGX_HTTP_LLM_SUM_ESTIMATED,         /* requests */
    NGX_HTTP_LLM_SUM_DURATION           /* ms */
} ngx_http_llm_sum_e;


/*
 * Kinds of sums (ngx_llm_row_t, ngx_llm_sum_t) and what their text is: parts
 * with NGX_HTTP_LLM_ROW_SEPARATOR between, each cut to what fits.  Models are
 * named by their block, a client could invent names of a pattern.
 */

#define NGX_HTTP_LLM_ROW_SEPARATOR  0x1f

typedef enum {
    NGX_HTTP_LLM_ROW_METRICS = 1,       /* key, team, model, provider, status;
                                           day 0 */
    NGX_HTTP_LLM_ROW_KEY,               /* key; by day */
    NGX_HTTP_LLM_ROW_MODEL,             /* model; by day */
    NGX_HTTP_LLM_ROW_TEAM               /* team; by day */
} ngx_http_llm_row_e;


/* what a request is charged; slices point into it */

typedef struct {
    ngx_uint_t                    nitems;
    ngx_llm_item_t                items[NGX_LLM_LEDGER_ITEMS];
    ngx_uint_t                    nrows;
    ngx_llm_row_t                 rows[NGX_LLM_LEDGER_ROWS];
    int64_t                       sums[NGX_LLM_LEDGER_SUMS];
    u_char                        text[NGX_LLM_LEDGER_ROWS]
                                      [NGX_LLM_LEDGER_TEXT];
} ngx_http_llm_charge_t;


/* ngx_http_llm_charge.c */

/*
 * Items, rows and sums of a request that has ended, or the item of a limit
 * that was changed by hand, from its record alone: the same at its settlement
 * and at a replay.  No allocation; the charge is valid for as long as the
 * record.
 */
void ngx_http_llm_account_charge(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec, ngx_http_llm_charge_t *charge);

/* the same without the items */
void ngx_http_llm_account_rows(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec, ngx_http_llm_charge_t *charge);


/* ngx_http_llm_ledger.c */

/* the ledger of this process; NULL: there is none */
ngx_llm_ledger_t *ngx_http_llm_zone_ledger(ngx_http_llm_main_conf_t *lmcf);

/*
 * The same if the process has a slot in it; looks for one if it had none, since
 * processes of before may be gone.
 */
ngx_llm_ledger_t *ngx_http_llm_ledger_joined(ngx_http_llm_main_conf_t *lmcf);

/* in a new zone, if there is room; in any zone, when it is at hand */
ngx_int_t ngx_http_llm_ledger_create(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *zone);
ngx_int_t ngx_http_llm_ledger_init(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *zone);

ngx_int_t ngx_http_llm_ledger_init_process(ngx_cycle_t *cycle);


/* what a request may use, by the two ways to see it */

typedef struct {
    int64_t                       prompt;       /* tokens, high side */
    int64_t                       output;       /* at most */
    int64_t                       typical;      /* output, p95 */
    int64_t                       cost;         /* of prompt and output */
    int64_t                       typical_cost;
} ngx_http_llm_amounts_t;


struct ngx_http_llm_account_s {
    ngx_queue_t                   queue;        /* open ones of this process */
    ngx_http_llm_ctx_t           *ctx;
    ngx_llm_ledger_t             *ledger;       /* NULL: of no use */
    ngx_uint_t                    res;          /* if held */

    ngx_http_llm_amounts_t        amounts;
    ngx_http_llm_model_t         *model;        /* they were made for */

    ngx_uint_t                    nitems;
    ngx_uint_t                    nfirst;       /* of key and teams */

    /* why a deployment was passed over */
    ngx_http_llm_limit_t         *passed_limit;
    ngx_http_llm_limits_t        *passed_owner;

    unsigned                      held:1;
    unsigned                      log:1;        /* a line will be written */
    unsigned                      sums:1;       /* somebody looks at them */
    unsigned                      cost:1;       /* money is limited */
    unsigned                      soft:1;       /* dry run */

    /* not zeroed: so much that it would show */

    ngx_llm_usage_record_t        rec;
    ngx_llm_item_t                passed;
    ngx_llm_item_t                items[NGX_LLM_LEDGER_ITEMS];
    ngx_http_llm_limit_t         *limit[NGX_LLM_LEDGER_ITEMS];
    ngx_http_llm_limits_t        *owner[NGX_LLM_LEDGER_ITEMS];
};


/* ngx_http_llm_account.c */

/* NGX_OK, NGX_ERROR; NGX_DECLINED with err: the usage log cannot be written */
ngx_int_t ngx_http_llm_account_begin(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);

/* a count of tokens is free: the request has no account after all */
void ngx_http_llm_account_drop(ngx_http_llm_ctx_t *ctx);

/* NGX_OK; NGX_DECLINED with err; NGX_ERROR */
ngx_int_t ngx_http_llm_account_admit(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);

/*
 * NGX_OK: it holds what its model and provider limit; NGX_DECLINED: the
 * deployment is passed over; NGX_ERROR
 */
ngx_int_t ngx_http_llm_account_attempt(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_http_llm_deployment_t *dep);

/* is the money limited that the deployment would cost? */
ngx_uint_t ngx_http_llm_account_money(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep);

/* why all were passed over: NGX_DECLINED with err, or NGX_OK: not for that */
ngx_int_t ngx_http_llm_account_passed(ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err);

/* the most output that was left for a request admitted alone; 0: no bound */
int64_t ngx_http_llm_account_cap(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_http_llm_deployment_t *dep);

/* ngx_http_llm_settle.c */

/*
 * Once, the calls after that do nothing: usage that nobody reported is
 * estimated, and what was held is charged or given back.  status: the
 * client's, 0: by what was sent.
 */
void ngx_http_llm_account_settle(ngx_http_llm_ctx_t *ctx, ngx_uint_t status);

/*
 * Settles every request of this process that is open: usage so far, error
 * "shutdown".  For exit_process, where no cleanup runs.
 */
void ngx_http_llm_account_shutdown(ngx_cycle_t *cycle);

/* a request's cleanup: no other way out of it has come by */
void ngx_http_llm_account_cleanup(void *data);

/* ngx_http_llm_account.c */

/* a value as a line of the usage log has it, in memory of the request */
ngx_int_t ngx_http_llm_account_normal(ngx_http_request_t *r,
    ngx_str_t *value, ngx_str_t *normal);

/*
 * who the end user is, plain: of llm_user, else of the body; empty: it is not
 * said.  NGX_OK, NGX_ERROR
 */
ngx_int_t ngx_http_llm_user(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_str_t *user);


/* ngx_http_llm_change.c */

/*
 * Takes an amount off what a limit with one counter has used: rec->amount, or
 * for a reset all of it.  In: a record with action, limit, key or team, client;
 * it gets the rest.  NGX_OK: it is in force, and in the usage log if there is
 * one; nothing was changed: NGX_BUSY: too many processes, or somebody else
 * changes a limit at this moment; NGX_DECLINED: the zone has no room;
 * NGX_ERROR: its line could not be written.
 */
ngx_int_t ngx_http_llm_account_change(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_limit_t *limit, ngx_uint_t reset,
    ngx_llm_usage_record_t *rec);


/* ngx_http_llm_amount.c */

/*
 * What the request may use where it is served by the deployment, or by the
 * dearest of the stage (dep NULL).  cost: prices are wanted; coarse: a prompt
 * for its bytes, which are never fewer than its tokens and cost nothing to
 * count.  Not for every request, see ngx_http_llm_amount_coarse()
 */
void ngx_http_llm_amounts(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep, ngx_uint_t cost, ngx_uint_t coarse,
    ngx_http_llm_amounts_t *amounts);

/* are the bytes of its body a bound? */
ngx_uint_t ngx_http_llm_amount_coarse(ngx_http_llm_ctx_t *ctx);

/* of them for one limit */
int64_t ngx_http_llm_amount(ngx_http_llm_amounts_t *amounts,
    ngx_llm_limit_t *limit);

/* the output that fits into what was granted */
int64_t ngx_http_llm_amount_output(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_http_llm_deployment_t *dep,
    ngx_llm_item_t *item, ngx_http_llm_amounts_t *amounts);

/* an answer that was whole: how long such answers are */
void ngx_http_llm_amount_learn(ngx_http_llm_ctx_t *ctx, int64_t output);


/* ngx_http_llm_refuse.c */

/* what a limit says to who it refused; returns NGX_DECLINED */
ngx_int_t ngx_http_llm_refuse_limit(ngx_http_llm_ctx_t *ctx,
    ngx_llm_item_t *item, ngx_http_llm_limit_t *limit,
    ngx_http_llm_limits_t *owner, ngx_llm_error_t *err);

/* soft ones, dry runs, values without room of their own: to the log */
void ngx_http_llm_refuse_log(ngx_http_llm_ctx_t *ctx, ngx_uint_t first);

/* x-ratelimit-*; NGX_OK, NGX_ERROR */
ngx_int_t ngx_http_llm_refuse_headers(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_ACCOUNT_H_INCLUDED_ */
