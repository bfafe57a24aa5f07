
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Calendar periods in a time zone, and dates.  Seconds are those of the Unix
 * epoch.  Pure functions: nothing here asks for the time, or for TZ.
 */


#ifndef _NGX_LLM_PERIOD_H_INCLUDED_
#define _NGX_LLM_PERIOD_H_INCLUDED_


#include "ngx_llm_core.h"


/* "2026-11-27T11:00:00Z" */
#define NGX_LLM_TIME_LEN          (sizeof("-9223372036-01-01T00:00:00Z") - 1)


typedef enum {
    NGX_LLM_PERIOD_HOUR = 0,
    NGX_LLM_PERIOD_DAY,
    NGX_LLM_PERIOD_WEEK,                /* begins on Monday */
    NGX_LLM_PERIOD_MONTH,
    NGX_LLM_PERIOD_TOTAL                /* one for ever: 0, 0 */
} ngx_llm_period_e;


/* a day of the year with a time, as POSIX TZ has it */

typedef struct {
    u_char                type;         /* 'M', 'J', or 0: zero-based day */
    int32_t               month;
    int32_t               week;
    int32_t               day;
    int32_t               time;         /* seconds of the local day */
} ngx_llm_tz_rule_t;


typedef struct {
    ngx_uint_t            n;            /* transitions, their offsets differ */
    int64_t              *at;
    int32_t              *offset;       /* from then on; seconds to UTC */
    int32_t               first;        /* before them */

    /* behind them: RFC 8536, 3.3 */
    int32_t               std;
    int32_t               dst;
    ngx_llm_tz_rule_t     begin;        /* of DST */
    ngx_llm_tz_rule_t     end;
    unsigned              rule:1;       /* else the last offset lasts */
    unsigned              has_dst:1;
} ngx_llm_tz_t;


/* UTC */
void ngx_llm_tz_init(ngx_llm_tz_t *tz);

/*
 * Reads a TZif file (RFC 8536) of version 2 or later.  NGX_OK; NGX_DECLINED:
 * *error says why not; NGX_ERROR: memory.
 */
ngx_int_t ngx_llm_tz_read(ngx_llm_tz_t *tz, ngx_pool_t *pool,
    ngx_str_t *data, char **error);

/* seconds to be added to UTC at that time */
int64_t ngx_llm_tz_offset(ngx_llm_tz_t *tz, int64_t t);

/*
 * The period that t lies in, from its first second to that of the next one.
 * Periods follow each other without a gap whatever the clocks of the zone do:
 * a day may have 23 or 25 hours.
 */
void ngx_llm_period(ngx_llm_tz_t *tz, ngx_llm_period_e period, int64_t t,
    int64_t *begin, int64_t *end);

/*
 * A date-time of RFC 3339, or a date, which is the begin of that day in the
 * zone.  NGX_OK, NGX_DECLINED.
 */
ngx_int_t ngx_llm_time_parse(ngx_llm_tz_t *tz, ngx_str_t *text, int64_t *t);

/* RFC 3339, UTC; NGX_LLM_TIME_LEN bytes at most */
u_char *ngx_llm_time_text(u_char *p, int64_t t);


#endif /* _NGX_LLM_PERIOD_H_INCLUDED_ */
