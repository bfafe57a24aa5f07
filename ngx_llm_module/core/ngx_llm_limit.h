
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The three statements that limit, as words; docs/limits.md has the grammar.
 */


#ifndef _NGX_LLM_LIMIT_H_INCLUDED_
#define _NGX_LLM_LIMIT_H_INCLUDED_


#include "ngx_llm_ledger.h"
#include "ngx_llm_period.h"


/* nano-dollars in a dollar */
#define NGX_LLM_DOLLAR            1000000000LL

/* the most of anything: a billion dollars, 10^18 tokens */
#define NGX_LLM_LIMIT_MAX         1000000000000000000LL

#define NGX_LLM_LIMIT_PER_MAX     10000

/* text of an amount, "1000000000.123456789 dollars" and less */
#define NGX_LLM_LIMIT_TEXT        40


typedef enum {
    NGX_LLM_PER_NONE = 0,
    NGX_LLM_PER_KEY,
    NGX_LLM_PER_USER,
    NGX_LLM_PER_MODEL,
    NGX_LLM_PER_VARIABLE
} ngx_llm_per_e;


typedef enum {
    NGX_LLM_RESERVE_DEFAULT = 0,        /* MAX for a quota, else TYPICAL */
    NGX_LLM_RESERVE_MAX,
    NGX_LLM_RESERVE_TYPICAL
} ngx_llm_reserve_e;


typedef struct {
    ngx_llm_limit_e       kind;
    ngx_llm_unit_e        unit;
    ngx_llm_period_e      period;       /* of a quota */
    int64_t               amount;       /* quota, concurrency: the limit; rate:
                                           what comes in a rate_time */
    int64_t               rate_time;    /* ms */
    int64_t               burst;
    ngx_str_t             text;         /* "tokens=10k/day": as written */
    ngx_str_t             model;        /* pattern; absent: all */
    ngx_llm_per_e         per;
    ngx_str_t             variable;     /* without "$" */
    ngx_llm_reserve_e     reserve;
    int64_t               per_max;
    unsigned              soft:1;
} ngx_llm_limit_t;


/*
 * Reads a statement; words[0] is "rate", "quota" or "concurrency".  Slices of
 * the limit point into the words.  NGX_OK; NGX_DECLINED: error says what is
 * wrong and what is allowed, cut to its buffer (len is the size of it before,
 * of the text after).
 */
ngx_int_t ngx_llm_limit_parse(ngx_llm_limit_t *limit, ngx_str_t *words,
    ngx_uint_t n, ngx_str_t *error);

/*
 * A number with k, m, g for thousands, millions, billions; with decimals where
 * the result times scale is whole.  NGX_OK, NGX_DECLINED.
 */
ngx_int_t ngx_llm_limit_number(ngx_str_t *text, int64_t scale,
    int64_t *value);

/* an amount for people: "12", or of a cost "4.25 dollars" */
u_char *ngx_llm_limit_amount(u_char *p, ngx_llm_unit_e unit, int64_t n);

/* "tokens" ... */
ngx_str_t *ngx_llm_limit_unit(ngx_llm_unit_e unit);


#endif /* _NGX_LLM_LIMIT_H_INCLUDED_ */
