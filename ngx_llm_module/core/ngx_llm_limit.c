
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * "rate", "quota" and "concurrency", from their words.
 */


#include "ngx_llm_limit.h"


typedef struct {
    ngx_str_t    name;
    ngx_uint_t   value;
} ngx_llm_limit_word_t;


typedef struct {
    ngx_llm_limit_t    *limit;
    ngx_str_t          *error;
    ngx_uint_t          seen;           /* options, a bit each */
    ngx_str_t           burst;
} ngx_llm_limit_parser_t;


typedef ngx_int_t (*ngx_llm_limit_option_pt)(ngx_llm_limit_parser_t *ps,
    ngx_str_t *value);


typedef struct {
    ngx_str_t                 name;
    ngx_llm_limit_option_pt   handler;
} ngx_llm_limit_option_t;


static ngx_int_t ngx_llm_limit_concurrency(ngx_llm_limit_parser_t *ps,
    ngx_str_t *word);
static ngx_int_t ngx_llm_limit_each(ngx_llm_limit_parser_t *ps,
    ngx_str_t *word);
static ngx_int_t ngx_llm_limit_period(ngx_llm_limit_parser_t *ps,
    ngx_str_t *word, ngx_str_t *period);
static ngx_int_t ngx_llm_limit_option(ngx_llm_limit_parser_t *ps,
    ngx_str_t *word);
static ngx_int_t ngx_llm_limit_burst(ngx_llm_limit_parser_t *ps);
static ngx_int_t ngx_llm_limit_opt_burst(ngx_llm_limit_parser_t *ps,
    ngx_str_t *value);
static ngx_int_t ngx_llm_limit_opt_model(ngx_llm_limit_parser_t *ps,
    ngx_str_t *value);
static ngx_int_t ngx_llm_limit_opt_per(ngx_llm_limit_parser_t *ps,
    ngx_str_t *value);
static ngx_int_t ngx_llm_limit_opt_reserve(ngx_llm_limit_parser_t *ps,
    ngx_str_t *value);
static ngx_int_t ngx_llm_limit_opt_per_max(ngx_llm_limit_parser_t *ps,
    ngx_str_t *value);
static ngx_llm_limit_word_t *ngx_llm_limit_find(ngx_llm_limit_word_t *table,
    ngx_str_t *name);
static ngx_int_t ngx_llm_limit_error(ngx_str_t *error, const char *fmt, ...);


static ngx_llm_limit_word_t  ngx_llm_limit_kinds[] = {
    { ngx_string("rate"), NGX_LLM_LIMIT_RATE },
    { ngx_string("quota"), NGX_LLM_LIMIT_QUOTA },
    { ngx_string("concurrency"), NGX_LLM_LIMIT_CONCURRENCY },
    { ngx_null_string, 0 }
};


static ngx_llm_limit_word_t  ngx_llm_limit_units[] = {
    { ngx_string("requests"), NGX_LLM_UNIT_REQUESTS },
    { ngx_string("tokens"), NGX_LLM_UNIT_TOKENS },
    { ngx_string("input_tokens"), NGX_LLM_UNIT_INPUT_TOKENS },
    { ngx_string("output_tokens"), NGX_LLM_UNIT_OUTPUT_TOKENS },
    { ngx_string("cost"), NGX_LLM_UNIT_COST },
    { ngx_null_string, 0 }
};


/* milliseconds */

static ngx_llm_limit_word_t  ngx_llm_limit_rates[] = {
    { ngx_string("sec"), 1000 },
    { ngx_string("min"), 60 * 1000 },
    { ngx_string("hour"), 3600 * 1000 },
    { ngx_string("day"), 86400 * 1000 },
    { ngx_null_string, 0 }
};


static ngx_llm_limit_word_t  ngx_llm_limit_periods[] = {
    { ngx_string("hour"), NGX_LLM_PERIOD_HOUR },
    { ngx_string("day"), NGX_LLM_PERIOD_DAY },
    { ngx_string("week"), NGX_LLM_PERIOD_WEEK },
    { ngx_string("month"), NGX_LLM_PERIOD_MONTH },
    { ngx_string("total"), NGX_LLM_PERIOD_TOTAL },
    { ngx_null_string, 0 }
};


static ngx_llm_limit_word_t  ngx_llm_limit_pers[] = {
    { ngx_string("key"), NGX_LLM_PER_KEY },
    { ngx_string("user"), NGX_LLM_PER_USER },
    { ngx_string("model"), NGX_LLM_PER_MODEL },
    { ngx_null_string, 0 }
};


static ngx_llm_limit_option_t  ngx_llm_limit_options[] = {
    { ngx_string("burst="), ngx_llm_limit_opt_burst },
    { ngx_string("model="), ngx_llm_limit_opt_model },
    { ngx_string("per="), ngx_llm_limit_opt_per },
    { ngx_string("reserve="), ngx_llm_limit_opt_reserve },
    { ngx_string("per_max="), ngx_llm_limit_opt_per_max },
    { ngx_null_string, NULL }
};


ngx_int_t
ngx_llm_limit_parse(ngx_llm_limit_t *limit, ngx_str_t *words, ngx_uint_t n,
    ngx_str_t *error)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_llm_limit_word_t    *kind;
    ngx_llm_limit_parser_t   ps;

    ngx_memzero(limit, sizeof(ngx_llm_limit_t));
    ngx_memzero(&ps, sizeof(ngx_llm_limit_parser_t));

    ps.limit = limit;
    ps.error = error;

    limit->per_max = NGX_LLM_LIMIT_PER_MAX;

    kind = n ? ngx_llm_limit_find(ngx_llm_limit_kinds, &words[0]) : NULL;

    if (kind == NULL) {
        return ngx_llm_limit_error(error, "a limit is \"rate\", \"quota\" or "
                                   "\"concurrency\"");
    }

    limit->kind = kind->value;

    if (n < 2) {
        return ngx_llm_limit_error(error, "\"%V\" has no amount",
                                   &words[0]);
    }

    limit->text = words[1];

    rc = (limit->kind == NGX_LLM_LIMIT_CONCURRENCY)
         ? ngx_llm_limit_concurrency(&ps, &words[1])
         : ngx_llm_limit_each(&ps, &words[1]);

    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 2; i < n; i++) {
        if (ngx_llm_limit_option(&ps, &words[i]) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    return ngx_llm_limit_burst(&ps);
}


static ngx_int_t
ngx_llm_limit_concurrency(ngx_llm_limit_parser_t *ps, ngx_str_t *word)
{
    ngx_llm_limit_t  *limit;

    limit = ps->limit;
    limit->unit = NGX_LLM_UNIT_SLOTS;

    if (ngx_llm_limit_number(word, 1, &limit->amount) != NGX_OK
        || limit->amount < 1)
    {
        return ngx_llm_limit_error(ps->error, "invalid value \"%V\" in "
                                   "\"concurrency\", it must be a number "
                                   "above 0", word);
    }

    return NGX_OK;
}


/* unit=N/period */

static ngx_int_t
ngx_llm_limit_each(ngx_llm_limit_parser_t *ps, ngx_str_t *word)
{
    int64_t                 scale;
    u_char                 *p, *last, *slash;
    ngx_str_t               s, period;
    ngx_llm_limit_t        *limit;
    ngx_llm_limit_word_t   *unit;

    limit = ps->limit;

    last = word->data + word->len;

    s.data = word->data;
    p = ngx_strlchr(word->data, last, '=');
    s.len = p ? (size_t) (p - word->data) : word->len;

    unit = ngx_llm_limit_find(ngx_llm_limit_units, &s);

    if (unit == NULL || p == NULL) {
        return ngx_llm_limit_error(ps->error, "invalid limit \"%V\", it must "
                                   "be requests, tokens, input_tokens, "
                                   "output_tokens or cost, \"=\" and an "
                                   "amount", word);
    }

    limit->unit = unit->value;

    slash = ngx_strlchr(p, last, '/');

    if (slash == NULL) {
        return ngx_llm_limit_error(ps->error, "limit \"%V\" has no period, "
                                   "as in \"%*s/day\"", word,
                                   ngx_min(word->len, 64), word->data);
    }

    s.data = p + 1;
    s.len = slash - s.data;

    scale = (limit->unit == NGX_LLM_UNIT_COST) ? NGX_LLM_DOLLAR : 1;

    if (ngx_llm_limit_number(&s, scale, &limit->amount) != NGX_OK
        || (limit->amount == 0 && limit->kind == NGX_LLM_LIMIT_RATE))
    {
        return ngx_llm_limit_error(ps->error, "invalid amount \"%V\" in "
                                   "\"%V\", it must be a number such as 100, "
                                   "10k or 2.5m", &s, word);
    }

    period.data = slash + 1;
    period.len = last - period.data;

    return ngx_llm_limit_period(ps, word, &period);
}


static ngx_int_t
ngx_llm_limit_period(ngx_llm_limit_parser_t *ps, ngx_str_t *word,
    ngx_str_t *period)
{
    ngx_llm_limit_t       *limit;
    ngx_llm_limit_word_t  *w;

    limit = ps->limit;

    if (limit->kind == NGX_LLM_LIMIT_RATE) {
        w = ngx_llm_limit_find(ngx_llm_limit_rates, period);

        if (w == NULL) {
            return ngx_llm_limit_error(ps->error, "invalid period \"%V\" of "
                                       "the rate \"%V\", it must be sec, min, "
                                       "hour or day", period, word);
        }

        limit->rate_time = w->value;

        return NGX_OK;
    }

    w = ngx_llm_limit_find(ngx_llm_limit_periods, period);

    if (w == NULL) {
        return ngx_llm_limit_error(ps->error, "invalid period \"%V\" of the "
                                   "quota \"%V\", it must be hour, day, week, "
                                   "month or total", period, word);
    }

    limit->period = w->value;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_limit_option(ngx_llm_limit_parser_t *ps, ngx_str_t *word)
{
    ngx_str_t                value;
    ngx_uint_t               i;
    ngx_llm_limit_option_t  *opt;

    if (word->len == 4 && ngx_strncmp(word->data, "soft", 4) == 0) {
        ps->limit->soft = 1;
        return NGX_OK;
    }

    for (i = 0; ngx_llm_limit_options[i].name.len; i++) {
        opt = &ngx_llm_limit_options[i];

        if (word->len < opt->name.len
            || ngx_strncmp(word->data, opt->name.data, opt->name.len) != 0)
        {
            continue;
        }

        if (ps->seen & ((ngx_uint_t) 1 << i)) {
            return ngx_llm_limit_error(ps->error, "duplicate parameter "
                                       "\"%V\"", word);
        }

        ps->seen |= (ngx_uint_t) 1 << i;

        value.data = word->data + opt->name.len;
        value.len = word->len - opt->name.len;

        if (value.len && opt->handler(ps, &value) == NGX_OK) {
            return NGX_OK;
        }

        break;
    }

    return ngx_llm_limit_error(ps->error, "invalid parameter \"%V\", a limit "
                               "has \"model=pattern\", \"per=key|user|model|"
                               "$variable\", \"per_max=N\", \"reserve=max|"
                               "typical\", \"soft\", a rate \"burst=N\" too",
                               word);
}


static ngx_int_t
ngx_llm_limit_opt_burst(ngx_llm_limit_parser_t *ps, ngx_str_t *value)
{
    if (ps->limit->kind != NGX_LLM_LIMIT_RATE) {
        return NGX_DECLINED;
    }

    ps->burst = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_limit_opt_model(ngx_llm_limit_parser_t *ps, ngx_str_t *value)
{
    ps->limit->model = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_limit_opt_per(ngx_llm_limit_parser_t *ps, ngx_str_t *value)
{
    u_char                 c;
    ngx_uint_t             i;
    ngx_llm_limit_word_t  *w;

    if (value->data[0] != '$') {
        w = ngx_llm_limit_find(ngx_llm_limit_pers, value);

        if (w == NULL) {
            return NGX_DECLINED;
        }

        ps->limit->per = w->value;

        return NGX_OK;
    }

    if (value->len == 1) {
        return NGX_DECLINED;
    }

    for (i = 1; i < value->len; i++) {
        c = (u_char) (value->data[i] | 0x20);

        if ((c < 'a' || c > 'z') && (value->data[i] < '0'
                                     || value->data[i] > '9')
            && value->data[i] != '_')
        {
            return NGX_DECLINED;
        }
    }

    ps->limit->per = NGX_LLM_PER_VARIABLE;
    ps->limit->variable.data = value->data + 1;
    ps->limit->variable.len = value->len - 1;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_limit_opt_reserve(ngx_llm_limit_parser_t *ps, ngx_str_t *value)
{
    if (value->len == 3 && ngx_strncmp(value->data, "max", 3) == 0) {
        ps->limit->reserve = NGX_LLM_RESERVE_MAX;
        return NGX_OK;
    }

    if (value->len == 7 && ngx_strncmp(value->data, "typical", 7) == 0) {
        ps->limit->reserve = NGX_LLM_RESERVE_TYPICAL;
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_llm_limit_opt_per_max(ngx_llm_limit_parser_t *ps, ngx_str_t *value)
{
    if (ngx_llm_limit_number(value, 1, &ps->limit->per_max) != NGX_OK
        || ps->limit->per_max < 1)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* what is left when all words are read */

static ngx_int_t
ngx_llm_limit_burst(ngx_llm_limit_parser_t *ps)
{
    int64_t           scale;
    ngx_llm_limit_t  *limit;

    limit = ps->limit;

    if (limit->reserve == NGX_LLM_RESERVE_DEFAULT) {
        limit->reserve = (limit->kind == NGX_LLM_LIMIT_QUOTA)
                         ? NGX_LLM_RESERVE_MAX : NGX_LLM_RESERVE_TYPICAL;
    }

    if (limit->kind != NGX_LLM_LIMIT_RATE) {
        return NGX_OK;
    }

    limit->burst = limit->amount;

    if (ps->burst.len == 0) {
        return NGX_OK;
    }

    scale = (limit->unit == NGX_LLM_UNIT_COST) ? NGX_LLM_DOLLAR : 1;

    if (ngx_llm_limit_number(&ps->burst, scale, &limit->burst) != NGX_OK
        || limit->burst < 1)
    {
        return ngx_llm_limit_error(ps->error, "invalid burst \"%V\", it must "
                                   "be a number above 0", &ps->burst);
    }

    return NGX_OK;
}


static ngx_llm_limit_word_t *
ngx_llm_limit_find(ngx_llm_limit_word_t *table, ngx_str_t *name)
{
    ngx_llm_limit_word_t  *w;

    for (w = table; w->name.len; w++) {
        if (w->name.len == name->len
            && ngx_strncmp(w->name.data, name->data, name->len) == 0)
        {
            return w;
        }
    }

    return NULL;
}


/* digits[.digits][kmg], without loss */

ngx_int_t
ngx_llm_limit_number(ngx_str_t *text, int64_t scale, int64_t *value)
{
    u_char      *p, *last;
    int64_t      n, div;
    ngx_uint_t   digits;

    p = text->data;
    last = p + text->len;

    if (p == last) {
        return NGX_DECLINED;
    }

    switch (last[-1]) {

    case 'k':
        scale *= 1000;
        last--;
        break;

    case 'm':
        scale *= 1000000;
        last--;
        break;

    case 'g':
        scale *= 1000000000;
        last--;
        break;
    }

    n = 0;
    div = 0;
    digits = 0;

    for ( /* void */ ; p < last; p++) {

        if (*p == '.' && div == 0 && digits) {
            div = 1;
            digits = 0;
            continue;
        }

        if (*p < '0' || *p > '9') {
            return NGX_DECLINED;
        }

        digits++;

        if (n > NGX_LLM_LIMIT_MAX / 10) {
            return NGX_DECLINED;
        }

        n = n * 10 + (*p - '0');

        if (div) {
            if (div > NGX_LLM_LIMIT_MAX / 10) {
                return NGX_DECLINED;
            }

            div *= 10;
        }
    }

    if (digits == 0) {
        return NGX_DECLINED;
    }

    /* powers of ten on both sides: what they share goes first */

    while (div >= 10 && scale >= 10) {
        div /= 10;
        scale /= 10;
    }

    while (div >= 10 && n % 10 == 0) {
        div /= 10;
        n /= 10;
    }

    if (div >= 10 || n > NGX_LLM_LIMIT_MAX / scale) {
        return NGX_DECLINED;
    }

    *value = n * scale;

    return NGX_OK;
}


u_char *
ngx_llm_limit_amount(u_char *p, ngx_llm_unit_e unit, int64_t n)
{
    if (unit != NGX_LLM_UNIT_COST) {
        return ngx_sprintf(p, "%L", n);
    }

    if (n < 0) {
        *p++ = '-';
        n = -n;
    }

    p = ngx_sprintf(p, "%L", n / NGX_LLM_DOLLAR);

    n %= NGX_LLM_DOLLAR;

    if (n) {
        p = ngx_sprintf(p, ".%09L", n);

        while (p[-1] == '0') {
            p--;
        }
    }

    return ngx_cpymem(p, " dollars", sizeof(" dollars") - 1);
}


ngx_str_t *
ngx_llm_limit_unit(ngx_llm_unit_e unit)
{
    static ngx_str_t  slots = ngx_string("requests at once");

    return (unit == NGX_LLM_UNIT_SLOTS) ? &slots
                                        : &ngx_llm_limit_units[unit].name;
}


static ngx_int_t
ngx_llm_limit_error(ngx_str_t *error, const char *fmt, ...)
{
    va_list   args;
    u_char   *p;

    va_start(args, fmt);
    p = ngx_vslprintf(error->data, error->data + error->len, fmt, args);
    va_end(args);

    error->len = p - error->data;

    return NGX_DECLINED;
}
