
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How limits stand.
 */


#include "ngx_http_llm_key.h"
#include "ngx_http_llm_standing.h"


static void ngx_http_llm_standing_amount(ngx_llm_out_t *out,
    ngx_llm_unit_e unit, int64_t n);


static ngx_str_t  ngx_http_llm_standing_kinds[] = {
    ngx_string("rate "),
    ngx_string("quota "),
    ngx_string("concurrency ")
};


void
ngx_http_llm_standing_item(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_limit_t *limit, int64_t date, ngx_llm_item_t *item)
{
    ngx_llm_limit_t  *l;

    l = &limit->limit;

    ngx_memzero(item, sizeof(ngx_llm_item_t));

    item->name = limit->name;
    item->kind = l->kind;
    item->unit = l->unit;
    item->limit = (l->kind == NGX_LLM_LIMIT_RATE) ? l->burst : l->amount;
    item->rate = l->amount;
    item->rate_time = l->rate_time;

    if (l->kind == NGX_LLM_LIMIT_QUOTA) {
        ngx_http_llm_period(lmcf, l->period, date, &item->period,
                            &item->reset);
    }
}


ngx_http_llm_limits_t *
ngx_http_llm_standing_owner(ngx_http_llm_main_conf_t *lmcf, ngx_uint_t kind,
    ngx_uint_t i, ngx_uint_t *last)
{
    ngx_array_t               *list;
    ngx_http_llm_key_t       **key;
    ngx_http_llm_model_t     **model;
    ngx_http_llm_pattern_t   **team;
    ngx_http_llm_provider_t  **provider;

    switch (kind) {

    case NGX_HTTP_LLM_STANDING_TEAMS:
        list = &lmcf->team_names.patterns;
        break;

    case NGX_HTTP_LLM_STANDING_KEYS:
        list = &lmcf->keys;
        break;

    case NGX_HTTP_LLM_STANDING_MODELS:
        list = &lmcf->models;
        break;

    default: /* NGX_HTTP_LLM_STANDING_PROVIDERS */
        list = &lmcf->providers;
    }

    *last = (i >= list->nelts);

    if (*last) {
        return NULL;
    }

    switch (kind) {

    case NGX_HTTP_LLM_STANDING_TEAMS:
        team = list->elts;
        return ((ngx_http_llm_team_t *) team[i]->value)->limits;

    case NGX_HTTP_LLM_STANDING_KEYS:
        key = list->elts;
        return key[i]->limits;

    case NGX_HTTP_LLM_STANDING_MODELS:
        model = list->elts;
        return model[i]->limits;

    default: /* NGX_HTTP_LLM_STANDING_PROVIDERS */
        provider = list->elts;
        return provider[i]->limits;
    }
}


ngx_uint_t
ngx_http_llm_standing_one(ngx_http_llm_limits_t *limits,
    ngx_http_llm_limit_t *limit)
{
    return !limits->template && limit->limit.per == NGX_LLM_PER_NONE;
}


void
ngx_http_llm_standing_statement(ngx_llm_limit_t *l, u_char *buf,
    ngx_str_t *text)
{
    ngx_llm_out_t      out;
    ngx_llm_reserve_e  reserve;

    ngx_llm_out_init(&out, NULL, buf, NGX_HTTP_LLM_STATEMENT,
                     NGX_HTTP_LLM_STATEMENT);

    ngx_llm_out_str(&out, &ngx_http_llm_standing_kinds[l->kind]);
    ngx_llm_out_str(&out, &l->text);

    if (l->model.len) {
        ngx_llm_out_lit(&out, " model=");
        ngx_llm_out_str(&out, &l->model);
    }

    switch (l->per) {

    case NGX_LLM_PER_KEY:
        ngx_llm_out_lit(&out, " per=key");
        break;

    case NGX_LLM_PER_USER:
        ngx_llm_out_lit(&out, " per=user");
        break;

    case NGX_LLM_PER_MODEL:
        ngx_llm_out_lit(&out, " per=model");
        break;

    case NGX_LLM_PER_VARIABLE:
        ngx_llm_out_lit(&out, " per=$");
        ngx_llm_out_str(&out, &l->variable);
        break;

    default: /* NGX_LLM_PER_NONE */
        break;
    }

    if (l->kind == NGX_LLM_LIMIT_RATE && l->burst != l->amount) {
        ngx_llm_out_lit(&out, " burst=");
        ngx_http_llm_standing_amount(&out, l->unit, l->burst);
    }

    reserve = (l->kind == NGX_LLM_LIMIT_QUOTA) ? NGX_LLM_RESERVE_MAX
                                               : NGX_LLM_RESERVE_TYPICAL;

    if (l->reserve != reserve) {

        if (l->reserve == NGX_LLM_RESERVE_MAX) {
            ngx_llm_out_lit(&out, " reserve=max");

        } else {
            ngx_llm_out_lit(&out, " reserve=typical");
        }
    }

    if (l->soft) {
        ngx_llm_out_lit(&out, " soft");
    }

    text->data = buf;
    text->len = ngx_llm_out_len(&out);
}


/* as a statement may have it: money in dollars, no more digits than needed */

static void
ngx_http_llm_standing_amount(ngx_llm_out_t *out, ngx_llm_unit_e unit,
    int64_t n)
{
    u_char  *p, buf[NGX_INT64_LEN + sizeof(".000000000")];

    if (unit != NGX_LLM_UNIT_COST) {
        ngx_llm_out_int(out, n);
        return;
    }

    p = ngx_sprintf(buf, "%L.%09L", n / NGX_LLM_DOLLAR, n % NGX_LLM_DOLLAR);

    while (p[-1] == '0') {
        p--;
    }

    if (p[-1] == '.') {
        p--;
    }

    ngx_llm_out_data(out, buf, p - buf);
}
