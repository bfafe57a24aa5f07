
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The limits that a request meets, as the ledger wants them.  What decides is
 * the request's record, so that a record from the usage log gives the same.
 */


#include "ngx_http_llm_limit.h"


static void ngx_http_llm_limit_item(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_limit_t *limit, ngx_llm_usage_record_t *rec,
    ngx_llm_item_t *item);
static ngx_str_t *ngx_http_llm_limit_value(ngx_http_llm_limit_t *limit,
    ngx_llm_usage_record_t *rec);
static ngx_str_t *ngx_http_llm_limit_pair(ngx_llm_usage_record_t *rec,
    ngx_str_t *name);


static ngx_str_t  ngx_http_llm_limit_none = ngx_string("");


ngx_uint_t
ngx_http_llm_limit_items(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_limits_t *limits, ngx_str_t *name,
    ngx_llm_usage_record_t *rec, ngx_llm_item_t *items,
    ngx_http_llm_limit_t **limit, ngx_uint_t n)
{
    ngx_uint_t             i;
    ngx_str_t             *model;
    ngx_llm_item_t        *item;
    ngx_http_llm_limit_t  *l;

    if (limits == NULL) {
        return n;
    }

    l = limits->limits.elts;
    model = ngx_http_llm_limit_model(rec);

    for (i = 0; i < limits->limits.nelts && n < NGX_LLM_LEDGER_ITEMS; i++) {

        if (l[i].model
            && ngx_http_llm_pattern_match(l[i].model, model, NULL) != NGX_OK)
        {
            continue;
        }

        item = &items[n];

        ngx_memzero(item, sizeof(ngx_llm_item_t));

        item->name = l[i].name;

        if (limits->template) {
            ngx_llm_ledger_name(&item->name, &l[i].name, name, 1);
        }

        ngx_http_llm_limit_item(lmcf, &l[i], rec, item);

        if (limit) {
            limit[n] = &l[i];
        }

        n++;
    }

    return n;
}


static void
ngx_http_llm_limit_item(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_limit_t *limit, ngx_llm_usage_record_t *rec,
    ngx_llm_item_t *item)
{
    ngx_str_t        *value;
    ngx_llm_name_t    of;
    ngx_llm_limit_t  *l;

    l = &limit->limit;

    item->kind = l->kind;
    item->unit = l->unit;
    item->limit = l->amount;
    item->max_children = l->per_max;
    item->soft = l->soft;

    if (l->kind == NGX_LLM_LIMIT_RATE) {
        item->limit = l->burst;
        item->rate = l->amount;
        item->rate_time = l->rate_time;

    } else if (l->kind == NGX_LLM_LIMIT_QUOTA) {
        ngx_http_llm_period(lmcf, l->period, rec->time / 1000, &item->period,
                            &item->reset);
    }

    value = ngx_http_llm_limit_value(limit, rec);

    if (value) {
        of = item->name;
        item->of = of;
        item->value = *value;

        ngx_llm_ledger_name(&item->name, &of, value, 1);
    }
}


/* of per=; NULL: there is none, empty: the request has none */

static ngx_str_t *
ngx_http_llm_limit_value(ngx_http_llm_limit_t *limit,
    ngx_llm_usage_record_t *rec)
{
    ngx_str_t  *value;

    switch (limit->limit.per) {

    case NGX_LLM_PER_KEY:
        value = &rec->key;
        break;

    case NGX_LLM_PER_USER:
        value = &rec->user;
        break;

    case NGX_LLM_PER_MODEL:
        value = ngx_http_llm_limit_model(rec);
        break;

    case NGX_LLM_PER_VARIABLE:
        value = ngx_http_llm_limit_pair(rec, &limit->limit.variable);
        break;

    default: /* NGX_LLM_PER_NONE */
        return NULL;
    }

    return (value && value->len) ? value : &ngx_http_llm_limit_none;
}


ngx_str_t *
ngx_http_llm_limit_model(ngx_llm_usage_record_t *rec)
{
    ngx_str_t  *model;

    static ngx_str_t  name = ngx_string(NGX_HTTP_LLM_PER_MODEL);

    model = ngx_http_llm_limit_pair(rec, &name);

    return model ? model : &rec->request_model;
}


static ngx_str_t *
ngx_http_llm_limit_pair(ngx_llm_usage_record_t *rec, ngx_str_t *name)
{
    ngx_uint_t             i;
    ngx_llm_usage_pair_t  *per;

    per = rec->per;

    for (i = 0; i < rec->nper; i++) {
        if (per[i].name.len == name->len
            && ngx_strncmp(per[i].name.data, name->data, name->len) == 0)
        {
            return &per[i].value;
        }
    }

    return NULL;
}


int64_t
ngx_http_llm_limit_used(ngx_llm_usage_record_t *rec, ngx_llm_unit_e unit)
{
    int64_t  prompt, completion;

    if (rec->uncharged) {
        return 0;
    }

    /* of a line that somebody wrote they may be any */

    prompt = ngx_min(ngx_max(rec->prompt, 0), NGX_LLM_LIMIT_MAX);
    completion = ngx_min(ngx_max(rec->completion, 0), NGX_LLM_LIMIT_MAX);

    switch (unit) {

    case NGX_LLM_UNIT_TOKENS:
        return prompt + completion;

    case NGX_LLM_UNIT_INPUT_TOKENS:
        return prompt;

    case NGX_LLM_UNIT_OUTPUT_TOKENS:
        return completion;

    case NGX_LLM_UNIT_COST:
        return ngx_max(rec->cost, 0);

    default: /* NGX_LLM_UNIT_REQUESTS, NGX_LLM_UNIT_SLOTS */
        return 1;
    }
}
