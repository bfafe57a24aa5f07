
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How limits stand, for those who look: metrics and administration.
 */


#ifndef _NGX_HTTP_LLM_STANDING_H_INCLUDED_
#define _NGX_HTTP_LLM_STANDING_H_INCLUDED_


#include "ngx_http_llm_limit.h"


/* the longest statement that is written; none is close to it */
#define NGX_HTTP_LLM_STATEMENT    1024


/* who has limits in the configuration */

typedef enum {
    NGX_HTTP_LLM_STANDING_TEAMS = 1,
    NGX_HTTP_LLM_STANDING_KEYS,
    NGX_HTTP_LLM_STANDING_MODELS,
    NGX_HTTP_LLM_STANDING_PROVIDERS
} ngx_http_llm_standing_e;


/* the limits of the owner with that index; NULL: none, or last: no such one */
ngx_http_llm_limits_t *ngx_http_llm_standing_owner(
    ngx_http_llm_main_conf_t *lmcf, ngx_uint_t kind, ngx_uint_t i,
    ngx_uint_t *last);

/*
 * The item of a limit with one counter (no per=, no template), of the period
 * that date (seconds) lies in; for ngx_llm_ledger_look() and what changes it.
 */
void ngx_http_llm_standing_item(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_limit_t *limit, int64_t date, ngx_llm_item_t *item);

/* has it one? */
ngx_uint_t ngx_http_llm_standing_one(ngx_http_llm_limits_t *limits,
    ngx_http_llm_limit_t *limit);

/*
 * The statement in full, its words in one order, what is left to its default
 * left out: limits with the same text are the same.  buf has
 * NGX_HTTP_LLM_STATEMENT bytes.
 */
void ngx_http_llm_standing_statement(ngx_llm_limit_t *limit, u_char *buf,
    ngx_str_t *text);


#endif /* _NGX_HTTP_LLM_STANDING_H_INCLUDED_ */
