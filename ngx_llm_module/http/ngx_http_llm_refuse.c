
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What limits say: to who was refused, to the log, and in headers.
 */


#include "ngx_http_llm_account.h"


/* a limit is told to the log so often by a process, in seconds */
#define NGX_HTTP_LLM_REFUSE_LOG     60

/* "1000000000d23h59m59.999s" is enough */
#define NGX_HTTP_LLM_REFUSE_TIME    48

#define NGX_HTTP_LLM_REFUSE_NUMBER  NGX_INT64_LEN


/* units that a header is about */

typedef struct {
    char                 *name;
    ngx_uint_t            units;        /* bits */
    char                 *limit;
    char                 *remaining;
    char                 *reset;
} ngx_http_llm_refuse_header_t;


#define ngx_http_llm_unit_bit(unit)  (1 << (unit))


static u_char *ngx_http_llm_refuse_whom(u_char *p, u_char *last,
    ngx_http_llm_ctx_t *ctx, ngx_llm_item_t *item,
    ngx_http_llm_limit_t *limit, ngx_http_llm_limits_t *owner);
static u_char *ngx_http_llm_refuse_statement(u_char *p, u_char *last,
    ngx_http_llm_limit_t *limit);
static u_char *ngx_http_llm_refuse_used(u_char *p, u_char *last,
    ngx_llm_item_t *item);
static ngx_int_t ngx_http_llm_refuse_tightest(ngx_http_llm_account_t *acc,
    ngx_uint_t units, int64_t *remaining);
static int64_t ngx_http_llm_refuse_remaining(ngx_http_llm_account_t *acc,
    ngx_llm_item_t *item);
static ngx_int_t ngx_http_llm_refuse_header(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_http_llm_refuse_header_t *header,
    ngx_uint_t date);
static int64_t ngx_http_llm_refuse_reset(ngx_llm_item_t *item,
    int64_t remaining);
static u_char *ngx_http_llm_refuse_duration(u_char *p, int64_t ms);


static ngx_http_llm_refuse_header_t  ngx_http_llm_refuse_openai[] = {

    { "requests", ngx_http_llm_unit_bit(NGX_LLM_UNIT_REQUESTS),
      "x-ratelimit-limit-requests",
      "x-ratelimit-remaining-requests",
      "x-ratelimit-reset-requests" },

    { "tokens", ngx_http_llm_unit_bit(NGX_LLM_UNIT_TOKENS)
                |ngx_http_llm_unit_bit(NGX_LLM_UNIT_INPUT_TOKENS)
                |ngx_http_llm_unit_bit(NGX_LLM_UNIT_OUTPUT_TOKENS),
      "x-ratelimit-limit-tokens",
      "x-ratelimit-remaining-tokens",
      "x-ratelimit-reset-tokens" },

    { NULL, 0, NULL, NULL, NULL }
};


static ngx_http_llm_refuse_header_t  ngx_http_llm_refuse_anthropic[] = {

    { "requests", ngx_http_llm_unit_bit(NGX_LLM_UNIT_REQUESTS),
      "anthropic-ratelimit-requests-limit",
      "anthropic-ratelimit-requests-remaining",
      "anthropic-ratelimit-requests-reset" },

    { "tokens", ngx_http_llm_unit_bit(NGX_LLM_UNIT_TOKENS),
      "anthropic-ratelimit-tokens-limit",
      "anthropic-ratelimit-tokens-remaining",
      "anthropic-ratelimit-tokens-reset" },

    { "input tokens", ngx_http_llm_unit_bit(NGX_LLM_UNIT_INPUT_TOKENS),
      "anthropic-ratelimit-input-tokens-limit",
      "anthropic-ratelimit-input-tokens-remaining",
      "anthropic-ratelimit-input-tokens-reset" },

    { "output tokens", ngx_http_llm_unit_bit(NGX_LLM_UNIT_OUTPUT_TOKENS),
      "anthropic-ratelimit-output-tokens-limit",
      "anthropic-ratelimit-output-tokens-remaining",
      "anthropic-ratelimit-output-tokens-reset" },

    { NULL, 0, NULL, NULL, NULL }
};


static char  *ngx_http_llm_refuse_kinds[] = {
    "rate", "quota", "concurrency"
};


ngx_int_t
ngx_http_llm_refuse_limit(ngx_http_llm_ctx_t *ctx, ngx_llm_item_t *item,
    ngx_http_llm_limit_t *limit, ngx_http_llm_limits_t *owner,
    ngx_llm_error_t *err)
{
    int64_t   seconds;
    u_char   *p, *last;
    u_char    text[NGX_LLM_MAX_ERROR_TEXT];

    p = text;
    last = text + sizeof(text);

    p = ngx_slprintf(p, last, "the ");
    p = ngx_http_llm_refuse_statement(p, last, limit);
    p = ngx_http_llm_refuse_whom(p, last, ctx, item, limit, owner);

    seconds = (item->wait > 0) ? (item->wait + 999) / 1000 : -1;

    if (item->kind == NGX_LLM_LIMIT_QUOTA) {

        p = ngx_slprintf(p, last, item->used_up ? " is used up: "
                                                : " is held by requests in "
                                                  "progress: ");
        p = ngx_http_llm_refuse_used(p, last, item);

        if (item->reset && last - p > (ssize_t) NGX_LLM_TIME_LEN + 16) {
            p = ngx_slprintf(p, last, ", it resets at ");
            p = ngx_llm_time_text(p, item->reset);

        } else {
            p = ngx_slprintf(p, last, ", it never resets");
        }

    } else {
        p = ngx_slprintf(p, last, " is reached: ");
        p = ngx_http_llm_refuse_used(p, last, item);

        if (seconds > 0) {
            p = ngx_slprintf(p, last, ", try again in %L second%s", seconds,
                             seconds == 1 ? "" : "s");
        }
    }

    (void) ngx_llm_error(ctx->request->pool, err, NGX_HTTP_TOO_MANY_REQUESTS,
                         item->used_up ? "insufficient_quota"
                                       : "rate_limit_error",
                         item->used_up ? "insufficient_quota"
                                       : "rate_limit_exceeded",
                         NULL, "%*s", (size_t) (p - text), text);

    err->retry_after = (ngx_int_t) seconds;

    return NGX_DECLINED;
}


/* rate "requests=20/min" */

static u_char *
ngx_http_llm_refuse_statement(u_char *p, u_char *last,
    ngx_http_llm_limit_t *limit)
{
    p = ngx_slprintf(p, last, "%s \"%V\"",
                     ngx_http_llm_refuse_kinds[limit->limit.kind],
                     &limit->limit.text);

    if (limit->limit.model.len) {
        p = ngx_slprintf(p, last, " for models \"%V\"", &limit->limit.model);
    }

    return p;
}


/* a client hears of its own value only: of the user that it named */

static u_char *
ngx_http_llm_refuse_whom(u_char *p, u_char *last, ngx_http_llm_ctx_t *ctx,
    ngx_llm_item_t *item, ngx_http_llm_limit_t *limit,
    ngx_http_llm_limits_t *owner)
{
    ngx_str_t  *name;

    name = owner->template ? &ctx->key_name : &owner->name;

    p = ngx_slprintf(p, last, " of %s \"%V\"", owner->kind, name);

    switch (limit->limit.per) {

    case NGX_LLM_PER_USER:
        return ngx_slprintf(p, last, " for user \"%*s\"",
                            ngx_min(item->value.len, 128), item->value.data);

    case NGX_LLM_PER_MODEL:
        return ngx_slprintf(p, last, " for model \"%*s\"",
                            ngx_min(item->value.len, 128), item->value.data);

    case NGX_LLM_PER_KEY:
        return ngx_slprintf(p, last, " for each key");

    case NGX_LLM_PER_VARIABLE:
        return ngx_slprintf(p, last, " for each \"$%V\"",
                            &limit->limit.variable);

    default: /* NGX_LLM_PER_NONE */
        return p;
    }
}


/* 98 of 100 requests are used, 2 held */

static u_char *
ngx_http_llm_refuse_used(u_char *p, u_char *last, ngx_llm_item_t *item)
{
    u_char      *q;
    int64_t      used;
    ngx_str_t   *unit, none;
    u_char       buf[NGX_LLM_LIMIT_TEXT];

    ngx_str_null(&none);

    /* dollars are said with the number */

    unit = (item->unit == NGX_LLM_UNIT_COST) ? &none
                                             : ngx_llm_limit_unit(item->unit);

    used = (item->kind == NGX_LLM_LIMIT_CONCURRENCY) ? item->held
                                                     : item->settled;

    q = ngx_llm_limit_amount(buf, item->unit, used);
    p = ngx_slprintf(p, last, "%*s of ", (size_t) (q - buf), buf);

    q = ngx_llm_limit_amount(buf, item->unit, item->limit);
    p = ngx_slprintf(p, last, "%*s%s%V %s used", (size_t) (q - buf), buf,
                     unit->len ? " " : "", unit,
                     item->kind == NGX_LLM_LIMIT_CONCURRENCY ? "are in"
                                                             : "are");

    if (item->kind != NGX_LLM_LIMIT_CONCURRENCY && item->held > 0) {
        q = ngx_llm_limit_amount(buf, item->unit, item->held);
        p = ngx_slprintf(p, last, ", %*s held", (size_t) (q - buf), buf);
    }

    return p;
}


void
ngx_http_llm_refuse_log(ngx_http_llm_ctx_t *ctx, ngx_uint_t first)
{
    ngx_uint_t               i;
    ngx_llm_item_t          *item;
    ngx_http_llm_limit_t    *limit;
    ngx_http_llm_account_t  *acc;

    acc = ctx->account;

    for (i = first; i < acc->nitems; i++) {
        item = &acc->items[i];
        limit = acc->limit[i];

        if (!item->other && !(item->soft && item->exceeded)) {
            continue;
        }

        if (limit->logged && ngx_time() - limit->logged
                             < NGX_HTTP_LLM_REFUSE_LOG)
        {
            continue;
        }

        limit->logged = ngx_time();

        if (item->other) {
            ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                          "llm limit \"%V\" of %s \"%V\" has no room for "
                          "more values, they share one counter",
                          &limit->limit.text, acc->owner[i]->kind,
                          &acc->owner[i]->name);
            continue;
        }

        ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                      "llm limit \"%V\" of %s \"%V\" is exceeded, "
                      "it does not refuse", &limit->limit.text,
                      acc->owner[i]->kind, &acc->owner[i]->name);
    }
}


ngx_int_t
ngx_http_llm_refuse_headers(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t                     date;
    ngx_http_llm_refuse_header_t  *header;

    if (ctx->account == NULL || ctx->account->nitems == 0) {
        return NGX_OK;
    }

    date = (ctx->dialect->flags & NGX_LLM_DIALECT_LIMIT_DATES) ? 1 : 0;

    header = date ? ngx_http_llm_refuse_anthropic
                  : ngx_http_llm_refuse_openai;

    for ( /* void */ ; header->name; header++) {
        if (ngx_http_llm_refuse_header(r, ctx, header, date) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_refuse_header(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_refuse_header_t *header, ngx_uint_t date)
{
    u_char          *p;
    int64_t          remaining, reset;
    ngx_int_t        i;
    ngx_str_t        value;
    ngx_llm_item_t  *item;

    i = ngx_http_llm_refuse_tightest(ctx->account, header->units, &remaining);

    if (i == NGX_ERROR) {
        return NGX_OK;
    }

    item = &ctx->account->items[i];

    p = ngx_pnalloc(r->pool, NGX_HTTP_LLM_REFUSE_NUMBER * 2
                             + NGX_HTTP_LLM_REFUSE_TIME);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    p = ngx_sprintf(p, "%L", item->limit);
    value.len = p - value.data;

    if (ngx_http_llm_add_header(r, header->limit, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    value.data = p;
    p = ngx_sprintf(p, "%L", remaining);
    value.len = p - value.data;

    if (ngx_http_llm_add_header(r, header->remaining, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    reset = ngx_http_llm_refuse_reset(item, remaining);

    if (reset < 0) {
        return NGX_OK;
    }

    value.data = p;
    p = date ? ngx_llm_time_text(p, ngx_time() + (reset + 999) / 1000)
             : ngx_http_llm_refuse_duration(p, reset);
    value.len = p - value.data;

    return ngx_http_llm_add_header(r, header->reset, &value);
}


/* the limit that has least left for others; NGX_ERROR: there is none */

static ngx_int_t
ngx_http_llm_refuse_tightest(ngx_http_llm_account_t *acc, ngx_uint_t units,
    int64_t *remaining)
{
    int64_t          left;
    ngx_int_t        tightest;
    ngx_uint_t       i;
    ngx_llm_item_t  *item;

    tightest = NGX_ERROR;
    *remaining = 0;

    for (i = 0; i < acc->nitems; i++) {
        item = &acc->items[i];

        if (!(units & ngx_http_llm_unit_bit(item->unit)) || item->soft) {
            continue;
        }

        left = ngx_http_llm_refuse_remaining(acc, item);

        if (tightest == NGX_ERROR || left < *remaining) {
            tightest = i;
            *remaining = left;
        }
    }

    return tightest;
}


/* once it is settled what the request used counts, not what it held */

static int64_t
ngx_http_llm_refuse_remaining(ngx_http_llm_account_t *acc,
    ngx_llm_item_t *item)
{
    int64_t  own;

    if (acc->ctx->settled) {
        own = ngx_http_llm_limit_used(&acc->rec, item->unit);

    } else {
        own = item->granted;
    }

    return ngx_max(item->limit - item->settled - item->held - own, 0);
}


/* ms until all of it is there again; -1: it never is */

static int64_t
ngx_http_llm_refuse_reset(ngx_llm_item_t *item, int64_t remaining)
{
    __int128  missing;

    if (item->kind == NGX_LLM_LIMIT_QUOTA) {
        return item->reset ? ngx_max(item->reset - ngx_time(), 1) * 1000 : -1;
    }

    missing = item->limit - remaining;

    return (int64_t) ((missing * item->rate_time + item->rate - 1)
                      / item->rate);
}


/* as OpenAI writes it: "120ms", "1s", "6m0s", "23h59m59s" */

static u_char *
ngx_http_llm_refuse_duration(u_char *p, int64_t ms)
{
    int64_t  seconds;

    if (ms < 1000) {
        return ngx_sprintf(p, "%Lms", ms);
    }

    seconds = (ms + 999) / 1000;

    if (seconds >= 3600) {
        p = ngx_sprintf(p, "%Lh", seconds / 3600);
    }

    if (seconds >= 60) {
        p = ngx_sprintf(p, "%Lm", seconds / 60 % 60);
    }

    return ngx_sprintf(p, "%Ls", seconds % 60);
}
