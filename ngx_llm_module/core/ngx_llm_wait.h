
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How long a provider asks to be left alone: the values of Retry-After and of
 * the headers that tell when a limit is reset, which every maker writes in its
 * own way.
 */


#ifndef _NGX_LLM_WAIT_H_INCLUDED_
#define _NGX_LLM_WAIT_H_INCLUDED_


#include "ngx_llm_core.h"


/* nobody is believed beyond that, in seconds */
#define NGX_LLM_WAIT_MAX    86400

/* what is limited: requests, tokens, ..., a minute, an hour, a day */
#define NGX_LLM_WAIT_KINDS  20


typedef struct {
    ngx_int_t    reset[NGX_LLM_WAIT_KINDS];     /* seconds, -1: not said */
    ngx_int_t    left[NGX_LLM_WAIT_KINDS];      /* 0, 1: some; -1: not said */
} ngx_llm_wait_t;


/*
 * Whole seconds from now on, rounded up, at most NGX_LLM_WAIT_MAX; -1: not
 * understood.  A number of seconds ("7", "1.5"), a duration ("6m0s",
 * "2m59.56s", "12ms", "1d2h"), a date (RFC 3339), a time since the epoch in
 * seconds or milliseconds; the latter two not if now is 0.
 */
ngx_int_t ngx_llm_wait(ngx_str_t *value, time_t now);

/* the same of a number of milliseconds alone */
ngx_int_t ngx_llm_wait_msec(ngx_str_t *value);

void ngx_llm_wait_init(ngx_llm_wait_t *wait);

/*
 * A header line of the kind x-ratelimit-*, anthropic-ratelimit-*, ratelimit-*
 * (RFC draft "ratelimit-headers"), which is remembered; others are not
 */
void ngx_llm_wait_header(ngx_llm_wait_t *wait, ngx_str_t *name,
    ngx_str_t *value, time_t now);

/*
 * When all limits of which nothing is left, or of which that is not said, are
 * reset: as ngx_llm_wait().
 */
ngx_int_t ngx_llm_wait_reset(ngx_llm_wait_t *wait);


#endif /* _NGX_LLM_WAIT_H_INCLUDED_ */
