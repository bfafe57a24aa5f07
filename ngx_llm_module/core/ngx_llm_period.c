
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Calendar periods and dates.  Days are counted from 1970-01-01.
 */


#include "ngx_llm_period.h"
#include "ngx_llm_tz.h"


/* no date of four digits lies outside */

#define NGX_LLM_PERIOD_MIN  (-62135596800LL)
#define NGX_LLM_PERIOD_MAX  253402214400LL


static int64_t ngx_llm_period_day(ngx_llm_period_e period, int64_t day);
static int64_t ngx_llm_period_next(ngx_llm_period_e period, int64_t day);
static void ngx_llm_period_hour(ngx_llm_tz_t *tz, int64_t t, int64_t *begin,
    int64_t *end);
static int64_t ngx_llm_period_local(ngx_llm_tz_t *tz, int64_t local);
static void ngx_llm_time_civil(int64_t day, int64_t *year, ngx_uint_t *month,
    ngx_uint_t *mday);
static ngx_int_t ngx_llm_time_clock(u_char *p, u_char *last, int64_t *t);
static ngx_int_t ngx_llm_time_digits(u_char *p, ngx_uint_t n);


void
ngx_llm_period(ngx_llm_tz_t *tz, ngx_llm_period_e period, int64_t t,
    int64_t *begin, int64_t *end)
{
    int64_t  day, next;

    if (period == NGX_LLM_PERIOD_TOTAL) {
        *begin = 0;
        *end = 0;
        return;
    }

    t = ngx_max(t, NGX_LLM_PERIOD_MIN);
    t = ngx_min(t, NGX_LLM_PERIOD_MAX);

    if (period == NGX_LLM_PERIOD_HOUR) {
        ngx_llm_period_hour(tz, t, begin, end);
        return;
    }

    day = ngx_llm_floor(t + ngx_llm_tz_offset(tz, t), 86400);
    day = ngx_llm_period_day(period, day);

    *begin = ngx_llm_period_local(tz, day * 86400);

    for ( ;; ) {
        next = ngx_llm_period_next(period, day);

        *end = ngx_llm_period_local(tz, next * 86400);

        if (*end > t) {
            return;
        }

        /* clocks were put back over midnight: what has begun has begun */

        day = next;
        *begin = *end;
    }
}


/* the first day of a period, and of the one after */

static int64_t
ngx_llm_period_day(ngx_llm_period_e period, int64_t day)
{
    int64_t     year;
    ngx_uint_t  month, mday;

    switch (period) {

    case NGX_LLM_PERIOD_WEEK:
        return ngx_llm_floor(day + 3, 7) * 7 - 3;

    case NGX_LLM_PERIOD_MONTH:
        ngx_llm_time_civil(day, &year, &month, &mday);
        return day - mday + 1;

    default: /* NGX_LLM_PERIOD_DAY */
        return day;
    }
}


static int64_t
ngx_llm_period_next(ngx_llm_period_e period, int64_t day)
{
    switch (period) {

    case NGX_LLM_PERIOD_WEEK:
        return day + 7;

    case NGX_LLM_PERIOD_MONTH:
        return ngx_llm_period_day(period, day + 31);

    default: /* NGX_LLM_PERIOD_DAY */
        return day + 1;
    }
}


/* an hour ends early where the clocks move by less than one */

static void
ngx_llm_period_hour(ngx_llm_tz_t *tz, int64_t t, int64_t *begin, int64_t *end)
{
    ngx_llm_tz_span_t  span;

    ngx_llm_tz_span(tz, t, &span);

    *begin = ngx_llm_floor(t + span.offset, 3600) * 3600 - span.offset;
    *end = *begin + 3600;

    *begin = ngx_max(*begin, span.begin);
    *end = ngx_min(*end, span.end);
}


/* the first moment when clocks in the zone show that time, or a later one */

static int64_t
ngx_llm_period_local(ngx_llm_tz_t *tz, int64_t local)
{
    int64_t            t;
    ngx_llm_tz_span_t  span;

    /* no offset is as large */

    t = local - 2 * 86400;

    for ( ;; ) {
        ngx_llm_tz_span(tz, t, &span);

        if (local - span.offset < span.begin) {
            return span.begin;
        }

        if (local - span.offset < span.end) {
            return local - span.offset;
        }

        t = span.end;
    }
}


/* the calendar of the proleptic Gregorian years, from March on */

int64_t
ngx_llm_time_days(int64_t year, ngx_uint_t month, ngx_uint_t mday)
{
    int64_t     era;
    ngx_uint_t  yoe, doy, doe;

    year -= (month <= 2);
    era = ngx_llm_floor(year, 400);
    yoe = (ngx_uint_t) (year - era * 400);
    doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + mday - 1;
    doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + (int64_t) doe - 719468;
}


static void
ngx_llm_time_civil(int64_t day, int64_t *year, ngx_uint_t *month,
    ngx_uint_t *mday)
{
    int64_t     era;
    ngx_uint_t  yoe, doy, doe, m;

    day += 719468;
    era = ngx_llm_floor(day, 146097);
    doe = (ngx_uint_t) (day - era * 146097);
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    m = (5 * doy + 2) / 153;

    *mday = doy - (153 * m + 2) / 5 + 1;
    *month = (m < 10) ? m + 3 : m - 9;
    *year = (int64_t) yoe + era * 400 + (*month <= 2);
}


int64_t
ngx_llm_time_year(int64_t day)
{
    int64_t     year;
    ngx_uint_t  month, mday;

    ngx_llm_time_civil(day, &year, &month, &mday);

    return year;
}


ngx_int_t
ngx_llm_time_parse(ngx_llm_tz_t *tz, ngx_str_t *text, int64_t *t)
{
    u_char      *p;
    int64_t      day, y;
    ngx_int_t    year, month, mday;
    ngx_uint_t   m, d;

    if (text->len < sizeof("2026-01-01") - 1) {
        return NGX_DECLINED;
    }

    p = text->data;

    year = ngx_llm_time_digits(p, 4);
    month = ngx_llm_time_digits(p + 5, 2);
    mday = ngx_llm_time_digits(p + 8, 2);

    if (year < 0 || month < 1 || mday < 1 || p[4] != '-' || p[7] != '-') {
        return NGX_DECLINED;
    }

    if (month > 12 || mday > 31) {
        return NGX_DECLINED;
    }

    day = ngx_llm_time_days(year, month, mday);

    /* February 30 */

    ngx_llm_time_civil(day, &y, &m, &d);

    if (m != (ngx_uint_t) month) {
        return NGX_DECLINED;
    }

    *t = day * 86400;

    if (text->len == sizeof("2026-01-01") - 1) {
        *t = ngx_llm_period_local(tz, *t);
        return NGX_OK;
    }

    return ngx_llm_time_clock(p + 10, p + text->len, t);
}


/* "T12:00:00.5+02:00" */

static ngx_int_t
ngx_llm_time_clock(u_char *p, u_char *last, int64_t *t)
{
    ngx_int_t  hour, min, sec, sign;

    if (last - p < (ssize_t) sizeof("T12:00:00Z") - 1
        || (*p != 'T' && *p != 't' && *p != ' ')
        || p[3] != ':' || p[6] != ':')
    {
        return NGX_DECLINED;
    }

    hour = ngx_llm_time_digits(p + 1, 2);
    min = ngx_llm_time_digits(p + 4, 2);
    sec = ngx_llm_time_digits(p + 7, 2);

    if (hour < 0 || hour > 23 || min < 0 || min > 59 || sec < 0 || sec > 60) {
        return NGX_DECLINED;
    }

    *t += hour * 3600 + min * 60 + sec;
    p += sizeof("T12:00:00") - 1;

    if (*p == '.') {
        p++;

        if (p == last || *p < '0' || *p > '9') {
            return NGX_DECLINED;
        }

        while (p < last && *p >= '0' && *p <= '9') {
            p++;
        }
    }

    if (last - p == 1 && (*p == 'Z' || *p == 'z')) {
        return NGX_OK;
    }

    if (last - p != sizeof("+02:00") - 1 || p[3] != ':'
        || (*p != '+' && *p != '-'))
    {
        return NGX_DECLINED;
    }

    sign = (*p == '+') ? -1 : 1;
    hour = ngx_llm_time_digits(p + 1, 2);
    min = ngx_llm_time_digits(p + 4, 2);

    if (hour < 0 || hour > 23 || min < 0 || min > 59) {
        return NGX_DECLINED;
    }

    *t += sign * (hour * 3600 + min * 60);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_time_digits(u_char *p, ngx_uint_t n)
{
    ngx_int_t  value;

    for (value = 0; n; n--, p++) {
        if (*p < '0' || *p > '9') {
            return -1;
        }

        value = value * 10 + (*p - '0');
    }

    return value;
}


u_char *
ngx_llm_time_text(u_char *p, int64_t t)
{
    int64_t     day, year;
    ngx_uint_t  month, mday, sec;

    t = ngx_max(t, NGX_LLM_PERIOD_MIN);
    t = ngx_min(t, NGX_LLM_PERIOD_MAX);

    day = ngx_llm_floor(t, 86400);
    sec = (ngx_uint_t) (t - day * 86400);

    ngx_llm_time_civil(day, &year, &month, &mday);

    return ngx_sprintf(p, "%04L-%02ui-%02uiT%02ui:%02ui:%02uiZ",
                       year, month, mday, sec / 3600, sec / 60 % 60,
                       sec % 60);
}
