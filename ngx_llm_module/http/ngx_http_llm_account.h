
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Accounting of a request: what it holds of limits while it runs, what it is
 * charged in the end, and the sums that it enters.
 */


#ifndef _NGX_HTTP_LLM_ACCOUNT_H_INCLUDED_
#define _NGX_HTTP_LLM_ACCOUNT_H_INCLUDED_


#include "ngx_http_llm.h"
#include "ngx_llm_ledger.h"
#include "ngx_llm_usage_line.h"


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


/*
 * Items, rows and sums of a request that has ended, from its record alone:
 * the same at its settlement and at a replay.  No allocation; the charge is
 * valid for as long as the record.
 */
void ngx_http_llm_account_charge(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec, ngx_http_llm_charge_t *charge);

/* ngx_http_llm_ledger.c */

/* the ledger of this process; NULL: there is none */
ngx_llm_ledger_t *ngx_http_llm_zone_ledger(ngx_http_llm_main_conf_t *lmcf);

/* in a new zone, if there is room; in any zone, when it is at hand */
ngx_int_t ngx_http_llm_ledger_create(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *zone);
ngx_int_t ngx_http_llm_ledger_init(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *zone);

ngx_int_t ngx_http_llm_ledger_init_process(ngx_cycle_t *cycle);

/*
 * Settles every request of this process that is open: usage so far, error
 * "shutdown".  For exit_process, where no cleanup runs.
 */
void ngx_http_llm_account_shutdown(ngx_cycle_t *cycle);


#endif /* _NGX_HTTP_LLM_ACCOUNT_H_INCLUDED_ */
