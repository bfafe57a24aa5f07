
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What ngx_llm_period.c and ngx_llm_tz.c share.
 */


#ifndef _NGX_LLM_TZ_H_INCLUDED_
#define _NGX_LLM_TZ_H_INCLUDED_


#include "ngx_llm_period.h"


/* towards minus infinity; b > 0 */
#define ngx_llm_floor(a, b)                                                  \
    (((a) >= 0) ? (a) / (b) : -((-(a) + (b) - 1) / (b)))


/* a time without a change of the offset, and for how long it lasts */

typedef struct {
    int64_t               begin;
    int64_t               end;
    int64_t               offset;
} ngx_llm_tz_span_t;


void ngx_llm_tz_span(ngx_llm_tz_t *tz, int64_t t, ngx_llm_tz_span_t *span);

/* the day of a date, the year of a day */
int64_t ngx_llm_time_days(int64_t year, ngx_uint_t month, ngx_uint_t mday);
int64_t ngx_llm_time_year(int64_t day);


#endif /* _NGX_LLM_TZ_H_INCLUDED_ */
