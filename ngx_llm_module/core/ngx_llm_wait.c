
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_wait.h"


/* numbers are read in millionths; a larger one is one of that size */
#define NGX_LLM_WAIT_UNIT       1000000
#define NGX_LLM_WAIT_LIMIT      4000000000000LL

/* seconds that are a time, and no duration; from there on milliseconds */
#define NGX_LLM_WAIT_EPOCH      1000000000
#define NGX_LLM_WAIT_EPOCH_MS   100000000000LL


static u_char *ngx_llm_wait_number(u_char *p, u_char *last, int64_t *n);
static int64_t ngx_llm_wait_unit(u_char **pos, u_char *last);
static ngx_int_t ngx_llm_wait_duration(u_char *p, u_char *last);
static ngx_int_t ngx_llm_wait_date(u_char *p, u_char *last, time_t now);
static int64_t ngx_llm_wait_days(ngx_int_t year, ngx_int_t month,
    ngx_int_t day);
static ngx_int_t ngx_llm_wait_digits(u_char *p, size_t n, ngx_int_t max);
static ngx_int_t ngx_llm_wait_round(int64_t n);
static ngx_uint_t ngx_llm_wait_has(ngx_str_t *name, char *word);


ngx_int_t
ngx_llm_wait(ngx_str_t *value, time_t now)
{
    u_char   *p, *last;
    int64_t   n;

    if (value->len == 0) {
        return -1;
    }

    p = value->data;
    last = p + value->len;

    if (value->len >= sizeof("2026-01-01T00:00:00Z") - 1
        && value->data[4] == '-')
    {
        return now ? ngx_llm_wait_date(p, last, now) : -1;
    }

    p = ngx_llm_wait_number(p, last, &n);

    if (p == NULL) {
        return -1;
    }

    if (p < last) {
        return ngx_llm_wait_duration(value->data, last);
    }

    if (n < (int64_t) NGX_LLM_WAIT_EPOCH * NGX_LLM_WAIT_UNIT) {
        return ngx_llm_wait_round(n);
    }

    if (now == 0) {
        return -1;
    }

    if (n >= NGX_LLM_WAIT_EPOCH_MS * NGX_LLM_WAIT_UNIT) {
        n /= 1000;
    }

    return ngx_llm_wait_round(n - (int64_t) now * NGX_LLM_WAIT_UNIT);
}


ngx_int_t
ngx_llm_wait_msec(ngx_str_t *value)
{
    u_char   *last;
    int64_t   n;

    last = value->data + value->len;

    if (ngx_llm_wait_number(value->data, last, &n) != last) {
        return -1;
    }

    return ngx_llm_wait_round(n / 1000 + (n % 1000 != 0));
}


/* digits, and perhaps a fraction; NULL: there is none */

static u_char *
ngx_llm_wait_number(u_char *p, u_char *last, int64_t *n)
{
    u_char   *start;
    int64_t   unit;

    *n = 0;
    start = p;

    for ( /* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {

        *n = ngx_min(*n * 10 + (*p - '0'), NGX_LLM_WAIT_LIMIT);
    }

    if (p == start) {
        return NULL;
    }

    *n *= NGX_LLM_WAIT_UNIT;

    if (p == last || *p != '.') {
        return p;
    }

    start = ++p;

    for (unit = NGX_LLM_WAIT_UNIT / 10;
         p < last && *p >= '0' && *p <= '9';
         p++, unit /= 10)
    {
        *n += unit * (*p - '0');
    }

    return (p == start) ? NULL : p;
}


/* microseconds of a unit, *pos is behind it; 0: it is none */

static int64_t
ngx_llm_wait_unit(u_char **pos, u_char *last)
{
    size_t      len;
    ngx_uint_t  i;

    static struct {
        char     *name;
        int64_t   usec;
    } units[] = {
        { "ms", 1000 },
        { "us", 1 },
        { "\xc2\xb5s", 1 },
        { "\xce\xbcs", 1 },
        { "ns", 1 },                /* rounded up */
        { "s", NGX_LLM_WAIT_UNIT },
        { "m", (int64_t) 60 * NGX_LLM_WAIT_UNIT },
        { "h", (int64_t) 3600 * NGX_LLM_WAIT_UNIT },
        { "d", (int64_t) 86400 * NGX_LLM_WAIT_UNIT },
        { NULL, 0 }
    };

    for (i = 0; units[i].name; i++) {
        len = ngx_strlen(units[i].name);

        if ((size_t) (last - *pos) >= len
            && ngx_memcmp(*pos, units[i].name, len) == 0)
        {
            *pos += len;
            return units[i].usec;
        }
    }

    return 0;
}


static ngx_int_t
ngx_llm_wait_duration(u_char *p, u_char *last)
{
    int64_t  n, sum, unit, max;

    sum = 0;
    max = (int64_t) 10 * NGX_LLM_WAIT_MAX * NGX_LLM_WAIT_UNIT;

    while (p < last) {

        p = ngx_llm_wait_number(p, last, &n);

        if (p == NULL) {
            return -1;
        }

        unit = ngx_llm_wait_unit(&p, last);

        if (unit == 0) {
            return -1;
        }

        /* n is of millionths: what a large one comes to is large enough */

        n = ngx_min(n, max);

        if (unit >= NGX_LLM_WAIT_UNIT) {
            n = (n > max / (unit / NGX_LLM_WAIT_UNIT))
                ? max : n * (unit / NGX_LLM_WAIT_UNIT);

        } else {
            n = n / (NGX_LLM_WAIT_UNIT / unit) + (n != 0 && unit == 1);
        }

        sum = ngx_min(sum + n, max);
    }

    return ngx_llm_wait_round(sum);
}


/* RFC 3339, 5.6 */

static ngx_int_t
ngx_llm_wait_date(u_char *p, u_char *last, time_t now)
{
    int64_t    sec;
    ngx_int_t  year, month, day, hour, min, s, sign, more;

    year = ngx_llm_wait_digits(p, 4, 9999);
    month = ngx_llm_wait_digits(p + 5, 2, 12);
    day = ngx_llm_wait_digits(p + 8, 2, 31);
    hour = ngx_llm_wait_digits(p + 11, 2, 23);
    min = ngx_llm_wait_digits(p + 14, 2, 59);
    s = ngx_llm_wait_digits(p + 17, 2, 60);

    if (year < 1970 || month < 1 || day < 1 || hour < 0 || min < 0 || s < 0
        || p[7] != '-' || (p[10] != 'T' && p[10] != 't' && p[10] != ' ')
        || p[13] != ':' || p[16] != ':')
    {
        return -1;
    }

    sec = ngx_llm_wait_days(year, month, day) * 86400 + hour * 3600
          + min * 60 + s;

    p += sizeof("2026-01-01T00:00:00") - 1;
    more = 0;

    if (*p == '.') {

        for (p++; p < last && *p >= '0' && *p <= '9'; p++) {
            more |= (*p != '0');
        }
    }

    if (p == last) {
        return -1;
    }

    if (last - p == 1 && (*p == 'Z' || *p == 'z')) {
        sign = 0;

    } else if (last - p == 6 && p[3] == ':' && (*p == '+' || *p == '-')) {

        sign = (*p == '+') ? -1 : 1;
        hour = ngx_llm_wait_digits(p + 1, 2, 23);
        min = ngx_llm_wait_digits(p + 4, 2, 59);

        if (hour < 0 || min < 0) {
            return -1;
        }

    } else {
        return -1;
    }

    if (sign) {
        sec += sign * (hour * 3600 + min * 60);
    }

    sec = sec + more - now;

    return ngx_max(ngx_min(sec, NGX_LLM_WAIT_MAX), 0);
}


/* since 1970, by the calendar of Gregory */

static int64_t
ngx_llm_wait_days(ngx_int_t year, ngx_int_t month, ngx_int_t day)
{
    /* years begin with March, as February is the odd one */

    month -= 2;

    if (month <= 0) {
        month += 12;
        year--;
    }

    return (int64_t) 365 * year + year / 4 - year / 100 + year / 400
           + 367 * month / 12 - 30
           + day - 1
           - 719527 + 31 + 28;
}


static ngx_int_t
ngx_llm_wait_digits(u_char *p, size_t n, ngx_int_t max)
{
    ngx_int_t  value;

    for (value = 0; n; n--, p++) {

        if (*p < '0' || *p > '9') {
            return -1;
        }

        value = value * 10 + (*p - '0');
    }

    return (value > max) ? -1 : value;
}


static ngx_int_t
ngx_llm_wait_round(int64_t n)
{
    if (n <= 0) {
        return 0;
    }

    n = n / NGX_LLM_WAIT_UNIT + (n % NGX_LLM_WAIT_UNIT != 0);

    return (ngx_int_t) ngx_min(n, NGX_LLM_WAIT_MAX);
}


void
ngx_llm_wait_init(ngx_llm_wait_t *wait)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_LLM_WAIT_KINDS; i++) {
        wait->reset[i] = -1;
        wait->left[i] = -1;
    }
}


void
ngx_llm_wait_header(ngx_llm_wait_t *wait, ngx_str_t *name, ngx_str_t *value,
    time_t now)
{
    ngx_int_t   n;
    ngx_uint_t  i, kind;

    static char  *things[] = { "input", "output", "token", "request", NULL };
    static char  *periods[] = { "minute", "hour", "day", NULL };

    if (!ngx_llm_wait_has(name, "ratelimit-")) {
        return;
    }

    for (i = 0; things[i] && !ngx_llm_wait_has(name, things[i]); i++) {
        /* void */
    }

    kind = i * 4;

    for (i = 0; periods[i] && !ngx_llm_wait_has(name, periods[i]); i++) {
        /* void */
    }

    kind += i;

    if (ngx_llm_wait_has(name, "reset")) {
        n = ngx_llm_wait(value, now);
        wait->reset[kind] = ngx_max(wait->reset[kind], n);
        return;
    }

    if (!ngx_llm_wait_has(name, "remaining")) {
        return;
    }

    n = ngx_atoi(value->data, value->len);

    if (n == NGX_ERROR) {
        return;
    }

    n = (n != 0);

    if (wait->left[kind] == -1 || n < wait->left[kind]) {
        wait->left[kind] = n;
    }
}


ngx_int_t
ngx_llm_wait_reset(ngx_llm_wait_t *wait)
{
    ngx_int_t   n;
    ngx_uint_t  i;

    n = -1;

    for (i = 0; i < NGX_LLM_WAIT_KINDS; i++) {

        if (wait->left[i] != 1) {
            n = ngx_max(n, wait->reset[i]);
        }
    }

    return n;
}


/* any case */

static ngx_uint_t
ngx_llm_wait_has(ngx_str_t *name, char *word)
{
    size_t  len;

    len = ngx_strlen(word);

    return name->len >= len
           && ngx_strlcasestrn(name->data, name->data + name->len,
                               (u_char *) word, len - 1)
              != NULL;
}
