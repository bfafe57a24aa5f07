
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Time zones: a TZif file (RFC 8536) and the rule at its end, which is a TZ
 * variable of POSIX with the extensions of the RFC's section 3.3.1.
 */


#include "ngx_llm_tz.h"


#define NGX_LLM_TZ_HEADER    44
#define NGX_LLM_TZ_FAR       ((int64_t) 1 << 60)

/* more than any zone has, and less than a hostile file could say */
#define NGX_LLM_TZ_MAX       65536

/* no zone is as far from UTC */
#define NGX_LLM_TZ_OFFSET    (26 * 3600)


typedef struct {
    uint32_t      isutcnt;
    uint32_t      isstdcnt;
    uint32_t      leapcnt;
    uint32_t      timecnt;
    uint32_t      typecnt;
    uint32_t      charcnt;
} ngx_llm_tz_header_t;


typedef struct {
    u_char       *pos;
    u_char       *last;
} ngx_llm_tz_text_t;


static ngx_int_t ngx_llm_tz_header(u_char *p, u_char *last,
    ngx_llm_tz_header_t *h);
static uint64_t ngx_llm_tz_size(ngx_llm_tz_header_t *h, ngx_uint_t width);
static ngx_int_t ngx_llm_tz_table(ngx_llm_tz_t *tz, ngx_pool_t *pool,
    u_char *p, ngx_llm_tz_header_t *h);
static ngx_int_t ngx_llm_tz_footer(ngx_llm_tz_t *tz, u_char *p,
    u_char *last);
static ngx_int_t ngx_llm_tz_name(ngx_llm_tz_text_t *text);
static ngx_int_t ngx_llm_tz_time(ngx_llm_tz_text_t *text, int32_t max,
    int32_t *value);
static ngx_int_t ngx_llm_tz_rule(ngx_llm_tz_text_t *text,
    ngx_llm_tz_rule_t *rule);
static ngx_int_t ngx_llm_tz_number(ngx_llm_tz_text_t *text, int32_t min,
    int32_t max, int32_t *value);
static void ngx_llm_tz_rule_span(ngx_llm_tz_t *tz, int64_t t,
    ngx_llm_tz_span_t *span);
static int64_t ngx_llm_tz_rule_day(ngx_llm_tz_rule_t *rule, int64_t year);
static uint64_t ngx_llm_tz_be(u_char *p, ngx_uint_t n);


void
ngx_llm_tz_init(ngx_llm_tz_t *tz)
{
    ngx_memzero(tz, sizeof(ngx_llm_tz_t));
}


ngx_int_t
ngx_llm_tz_read(ngx_llm_tz_t *tz, ngx_pool_t *pool, ngx_str_t *data,
    char **error)
{
    u_char               *p, *last;
    uint64_t              size;
    ngx_int_t             rc;
    ngx_llm_tz_header_t   h;

    ngx_llm_tz_init(tz);

    p = data->data;
    last = p + data->len;

    if (ngx_llm_tz_header(p, last, &h) != NGX_OK) {
        *error = "it is no TZif file";
        return NGX_DECLINED;
    }

    if (p[4] < '2') {
        *error = "it is a TZif file of version 1";
        return NGX_DECLINED;
    }

    /* the data of version 1 is for others */

    size = NGX_LLM_TZ_HEADER + ngx_llm_tz_size(&h, 4);

    if (size > (uint64_t) (last - p)) {
        goto cut;
    }

    p += size;

    if (ngx_llm_tz_header(p, last, &h) != NGX_OK) {
        goto cut;
    }

    p += NGX_LLM_TZ_HEADER;

    size = ngx_llm_tz_size(&h, 8);

    if (size > (uint64_t) (last - p)) {
        goto cut;
    }

    if (h.leapcnt) {
        *error = "it counts leap seconds, which Unix time does not";
        return NGX_DECLINED;
    }

    rc = ngx_llm_tz_table(tz, pool, p, &h);

    if (rc == NGX_OK) {
        rc = ngx_llm_tz_footer(tz, p + size, last);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    *error = "its contents are invalid";

    return NGX_DECLINED;

cut:

    *error = "it is cut";

    return NGX_DECLINED;
}


static ngx_int_t
ngx_llm_tz_header(u_char *p, u_char *last, ngx_llm_tz_header_t *h)
{
    if (last - p < NGX_LLM_TZ_HEADER || ngx_memcmp(p, "TZif", 4) != 0) {
        return NGX_DECLINED;
    }

    h->isutcnt = (uint32_t) ngx_llm_tz_be(p + 20, 4);
    h->isstdcnt = (uint32_t) ngx_llm_tz_be(p + 24, 4);
    h->leapcnt = (uint32_t) ngx_llm_tz_be(p + 28, 4);
    h->timecnt = (uint32_t) ngx_llm_tz_be(p + 32, 4);
    h->typecnt = (uint32_t) ngx_llm_tz_be(p + 36, 4);
    h->charcnt = (uint32_t) ngx_llm_tz_be(p + 40, 4);

    return NGX_OK;
}


static uint64_t
ngx_llm_tz_size(ngx_llm_tz_header_t *h, ngx_uint_t width)
{
    return (uint64_t) h->timecnt * (width + 1) + (uint64_t) h->typecnt * 6
           + h->charcnt + (uint64_t) h->leapcnt * (width + 4)
           + h->isstdcnt + h->isutcnt;
}


static ngx_int_t
ngx_llm_tz_table(ngx_llm_tz_t *tz, ngx_pool_t *pool, u_char *p,
    ngx_llm_tz_header_t *h)
{
    u_char      *index, *type;
    int64_t      at;
    int32_t      offset, last;
    ngx_uint_t   i;

    if (h->typecnt == 0 || h->typecnt > 256 || h->timecnt > NGX_LLM_TZ_MAX) {
        return NGX_DECLINED;
    }

    tz->at = ngx_palloc(pool, (h->timecnt + 1) * sizeof(int64_t));
    tz->offset = ngx_palloc(pool, (h->timecnt + 1) * sizeof(int32_t));

    if (tz->at == NULL || tz->offset == NULL) {
        return NGX_ERROR;
    }

    index = p + h->timecnt * 8;
    type = index + h->timecnt;

    tz->first = (int32_t) ngx_llm_tz_be(type, 4);
    last = tz->first;

    for (i = 0; i < h->typecnt; i++) {
        offset = (int32_t) ngx_llm_tz_be(type + i * 6, 4);

        if (offset > NGX_LLM_TZ_OFFSET || offset < -NGX_LLM_TZ_OFFSET) {
            return NGX_DECLINED;
        }
    }

    for (i = 0; i < h->timecnt; i++) {

        at = (int64_t) ngx_llm_tz_be(p + i * 8, 8);

        if (index[i] >= h->typecnt || at <= -NGX_LLM_TZ_FAR
            || at >= NGX_LLM_TZ_FAR
            || (i && at <= (int64_t) ngx_llm_tz_be(p + i * 8 - 8, 8)))
        {
            return NGX_DECLINED;
        }

        offset = (int32_t) ngx_llm_tz_be(type + index[i] * 6, 4);

        /* another name for the same time */

        if (offset == last) {
            continue;
        }

        tz->at[tz->n] = at;
        tz->offset[tz->n] = offset;
        tz->n++;

        last = offset;
    }

    return NGX_OK;
}


/* LF std offset [dst [offset] , start [/time] , end [/time]] LF */

static ngx_int_t
ngx_llm_tz_footer(ngx_llm_tz_t *tz, u_char *p, u_char *last)
{
    u_char             *end;
    int32_t             offset;
    ngx_llm_tz_text_t   text;

    if (p == last || *p != LF) {
        return NGX_DECLINED;
    }

    p++;

    end = ngx_strlchr(p, last, LF);

    if (end == NULL) {
        return NGX_DECLINED;
    }

    if (p == end) {
        return NGX_OK;
    }

    text.pos = p;
    text.last = end;

    if (ngx_llm_tz_name(&text) != NGX_OK
        || ngx_llm_tz_time(&text, 24 * 3600 + 3599, &offset) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    tz->std = -offset;
    tz->rule = 1;

    if (text.pos == text.last) {
        return NGX_OK;
    }

    if (ngx_llm_tz_name(&text) != NGX_OK || text.pos == text.last) {
        return NGX_DECLINED;
    }

    tz->dst = tz->std + 3600;

    if (*text.pos != ',') {
        if (ngx_llm_tz_time(&text, 24 * 3600 + 3599, &offset) != NGX_OK) {
            return NGX_DECLINED;
        }

        tz->dst = -offset;
    }

    if (ngx_llm_tz_rule(&text, &tz->begin) != NGX_OK
        || ngx_llm_tz_rule(&text, &tz->end) != NGX_OK
        || text.pos != text.last)
    {
        return NGX_DECLINED;
    }

    tz->has_dst = (tz->dst != tz->std);

    return NGX_OK;
}


/* three letters or more, or <> with digits and signs too */

static ngx_int_t
ngx_llm_tz_name(ngx_llm_tz_text_t *text)
{
    u_char  *p, c;

    p = text->pos;

    if (p < text->last && *p == '<') {
        p = ngx_strlchr(p, text->last, '>');

        if (p == NULL) {
            return NGX_DECLINED;
        }

        text->pos = p + 1;

        return NGX_OK;
    }

    while (p < text->last) {
        c = (u_char) (*p | 0x20);

        if (c < 'a' || c > 'z') {
            break;
        }

        p++;
    }

    if (p - text->pos < 3) {
        return NGX_DECLINED;
    }

    text->pos = p;

    return NGX_OK;
}


/* [+-]hh[:mm[:ss]] as seconds */

static ngx_int_t
ngx_llm_tz_time(ngx_llm_tz_text_t *text, int32_t max, int32_t *value)
{
    int32_t     n, sign;
    ngx_uint_t  unit;

    sign = 1;

    if (text->pos < text->last && (*text->pos == '-' || *text->pos == '+')) {
        sign = (*text->pos == '-') ? -1 : 1;
        text->pos++;
    }

    if (ngx_llm_tz_number(text, 0, max / 3600, &n) != NGX_OK) {
        return NGX_DECLINED;
    }

    *value = n * 3600;

    for (unit = 60; unit; unit /= 60) {

        if (text->pos == text->last || *text->pos != ':') {
            break;
        }

        text->pos++;

        if (ngx_llm_tz_number(text, 0, 59, &n) != NGX_OK) {
            return NGX_DECLINED;
        }

        *value += n * (int32_t) unit;
    }

    *value *= sign;

    return NGX_OK;
}


/* ,Mm.w.d or ,Jn or ,n and /time */

static ngx_int_t
ngx_llm_tz_rule(ngx_llm_tz_text_t *text, ngx_llm_tz_rule_t *rule)
{
    rule->type = 0;
    rule->time = 2 * 3600;

    if (text->last - text->pos < 2 || *text->pos != ',') {
        return NGX_DECLINED;
    }

    text->pos++;

    switch (*text->pos) {

    case 'M':
        rule->type = *text->pos++;

        if (ngx_llm_tz_number(text, 1, 12, &rule->month) != NGX_OK
            || text->pos == text->last || *text->pos++ != '.'
            || ngx_llm_tz_number(text, 1, 5, &rule->week) != NGX_OK
            || text->pos == text->last || *text->pos++ != '.'
            || ngx_llm_tz_number(text, 0, 6, &rule->day) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        break;

    case 'J':
        rule->type = *text->pos++;

        if (ngx_llm_tz_number(text, 1, 365, &rule->day) != NGX_OK) {
            return NGX_DECLINED;
        }

        break;

    default:

        if (ngx_llm_tz_number(text, 0, 365, &rule->day) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    if (text->pos == text->last || *text->pos != '/') {
        return NGX_OK;
    }

    text->pos++;

    return ngx_llm_tz_time(text, 167 * 3600 + 3599, &rule->time);
}


static ngx_int_t
ngx_llm_tz_number(ngx_llm_tz_text_t *text, int32_t min, int32_t max,
    int32_t *value)
{
    u_char   *p;
    int32_t   n;

    n = 0;

    for (p = text->pos; p < text->last && *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (*p - '0');

        if (n > max) {
            return NGX_DECLINED;
        }
    }

    if (p == text->pos || n < min) {
        return NGX_DECLINED;
    }

    text->pos = p;
    *value = n;

    return NGX_OK;
}


int64_t
ngx_llm_tz_offset(ngx_llm_tz_t *tz, int64_t t)
{
    ngx_llm_tz_span_t  span;

    ngx_llm_tz_span(tz, t, &span);

    return span.offset;
}


void
ngx_llm_tz_span(ngx_llm_tz_t *tz, int64_t t, ngx_llm_tz_span_t *span)
{
    ngx_uint_t  low, high, middle;

    /* how many transitions are at or before t */

    low = 0;
    high = tz->n;

    while (low < high) {
        middle = (low + high) / 2;

        if (tz->at[middle] <= t) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    span->begin = low ? tz->at[low - 1] : -NGX_LLM_TZ_FAR;
    span->end = (low < tz->n) ? tz->at[low] : NGX_LLM_TZ_FAR;
    span->offset = low ? tz->offset[low - 1] : tz->first;

    if (low == tz->n && tz->rule) {
        ngx_llm_tz_rule_span(tz, t, span);
    }
}


/* in: from the last transition on; out: the part of it with t inside */

static void
ngx_llm_tz_rule_span(ngx_llm_tz_t *tz, int64_t t, ngx_llm_tz_span_t *span)
{
    int64_t     year, y, at, last;
    ngx_uint_t  i;

    span->offset = tz->std;

    if (!tz->has_dst) {
        return;
    }

    year = ngx_llm_time_year(ngx_llm_floor(t + tz->std, 86400));
    last = -NGX_LLM_TZ_FAR;

    for (y = year - 1; y <= year + 1; y++) {

        for (i = 0; i < 2; i++) {

            if (i == 0) {
                at = ngx_llm_tz_rule_day(&tz->begin, y) * 86400
                     + tz->begin.time - tz->std;

            } else {
                at = ngx_llm_tz_rule_day(&tz->end, y) * 86400
                     + tz->end.time - tz->dst;
            }

            if (at > t) {
                span->end = ngx_min(span->end, at);

            } else if (at >= last) {
                last = at;
                span->offset = (i == 0) ? tz->dst : tz->std;
            }
        }
    }

    span->begin = ngx_max(span->begin, last);
}


static int64_t
ngx_llm_tz_rule_day(ngx_llm_tz_rule_t *rule, int64_t year)
{
    int64_t     first, day;
    ngx_uint_t  leap;

    first = ngx_llm_time_days(year, 1, 1);

    if (rule->type == 0) {
        return first + rule->day;
    }

    if (rule->type == 'J') {
        leap = (ngx_llm_time_days(year, 3, 1)
                - ngx_llm_time_days(year, 2, 1) == 29);

        return first + rule->day - 1 + (leap && rule->day >= 60);
    }

    /* the week-th such day of the month, the fifth is the last */

    first = ngx_llm_time_days(year, rule->month, 1);

    day = first + (rule->day - (first + 4) % 7 + 7) % 7
          + (rule->week - 1) * 7;

    if (rule->week == 5) {

        year += (rule->month == 12);

        while (day >= ngx_llm_time_days(year, rule->month % 12 + 1, 1)) {
            day -= 7;
        }
    }

    return day;
}


static uint64_t
ngx_llm_tz_be(u_char *p, ngx_uint_t n)
{
    uint64_t  value;

    for (value = 0; n; n--, p++) {
        value = (value << 8) | *p;
    }

    return value;
}
