
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What a request that has ended is charged, and the sums that it enters.  Its
 * record decides, so that a replay of the usage log gives the same.
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_runtime.h"
#include "ngx_http_llm_standing.h"


/* a status is three digits */
#define NGX_HTTP_LLM_STATUS_LEN  3

/* what stands for the rest of a name that was cut: "~" and its checksum */
#define NGX_HTTP_LLM_CUT_LEN     9


static void ngx_http_llm_charge_change(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec, ngx_http_llm_charge_t *charge);
static void ngx_http_llm_charge_items(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec, ngx_http_llm_model_t *model,
    ngx_http_llm_charge_t *charge);
static ngx_http_llm_model_t *ngx_http_llm_charge_model(
    ngx_http_llm_main_conf_t *lmcf, ngx_llm_usage_record_t *rec);
static ngx_http_llm_limits_t *ngx_http_llm_charge_key(
    ngx_http_llm_main_conf_t *lmcf, ngx_llm_usage_record_t *rec);
static ngx_http_llm_limits_t *ngx_http_llm_charge_provider(
    ngx_http_llm_main_conf_t *lmcf, ngx_llm_usage_record_t *rec);
static void ngx_http_llm_charge_sums(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec, ngx_http_llm_model_t *model,
    ngx_http_llm_charge_t *charge);
static void ngx_http_llm_charge_row(ngx_http_llm_charge_t *charge,
    ngx_http_llm_row_e kind, int64_t day, ngx_str_t **parts, ngx_uint_t n);
static u_char *ngx_http_llm_charge_text(u_char *p, ngx_str_t *part,
    size_t room);


void
ngx_http_llm_account_charge(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec, ngx_http_llm_charge_t *charge)
{
    ngx_http_llm_model_t  *model;

    if (rec->action.data) {
        ngx_http_llm_charge_change(lmcf, rec, charge);
        return;
    }

    model = ngx_http_llm_charge_model(lmcf, rec);

    ngx_http_llm_charge_items(lmcf, rec, model, charge);
    ngx_http_llm_charge_sums(lmcf, rec, model, charge);
}


/* by the counter's name: the number of the limit may be another one by now */

static void
ngx_http_llm_charge_change(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec, ngx_http_llm_charge_t *charge)
{
    ngx_uint_t              i;
    ngx_llm_item_t         *item;
    ngx_http_llm_team_t    *team;
    ngx_http_llm_limit_t   *limit;
    ngx_http_llm_limits_t  *limits;

    charge->nitems = 0;
    charge->nrows = 0;

    if (rec->key.len) {
        limits = ngx_http_llm_charge_key(lmcf, rec);

    } else {
        team = rec->team.len ? ngx_http_llm_team_find(lmcf, &rec->team) : NULL;
        limits = team ? team->limits : NULL;
    }

    if (limits == NULL) {
        return;
    }

    item = charge->items;
    limit = limits->limits.elts;

    for (i = 0; i < limits->limits.nelts; i++) {

        if (limit[i].name.id[0] != rec->counter.id[0]
            || limit[i].name.id[1] != rec->counter.id[1]
            || (limit[i].limit.unit == NGX_LLM_UNIT_COST) != rec->money
            || !ngx_http_llm_standing_one(limits, &limit[i]))
        {
            continue;
        }

        ngx_http_llm_standing_item(lmcf, &limit[i], rec->time / 1000, item);

        item->amount = -rec->amount;

        if (item->kind == NGX_LLM_LIMIT_RATE) {
            item->period = rec->time / 1000;
        }

        charge->nitems = 1;

        return;
    }
}


void
ngx_http_llm_account_rows(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec, ngx_http_llm_charge_t *charge)
{
    charge->nitems = 0;

    ngx_http_llm_charge_sums(lmcf, rec, ngx_http_llm_charge_model(lmcf, rec),
                             charge);
}


/* as they were reserved: key, teams, model, provider */

static void
ngx_http_llm_charge_items(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec, ngx_http_llm_model_t *model,
    ngx_http_llm_charge_t *charge)
{
    ngx_uint_t            i, n;
    ngx_llm_item_t       *items;
    ngx_http_llm_team_t  *team;

    items = charge->items;
    charge->nitems = 0;

    if (rec->uncharged || lmcf->nlimits == 0) {
        return;
    }

    n = ngx_http_llm_limit_items(lmcf, ngx_http_llm_charge_key(lmcf, rec),
                                 &rec->key, rec, items, NULL, 0);

    for (team = rec->team.len ? ngx_http_llm_team_find(lmcf, &rec->team)
                              : NULL;
         team;
         team = team->parent)
    {
        n = ngx_http_llm_limit_items(lmcf, team->limits, &team->name, rec,
                                     items, NULL, n);
    }

    if (model) {
        n = ngx_http_llm_limit_items(lmcf, model->limits, &model->name, rec,
                                     items, NULL, n);
    }

    n = ngx_http_llm_limit_items(lmcf,
                                 ngx_http_llm_charge_provider(lmcf, rec),
                                 &rec->provider, rec, items, NULL, n);

    for (i = 0; i < n; i++) {
        items[i].amount = ngx_http_llm_limit_used(rec, items[i].unit);

        if (items[i].kind == NGX_LLM_LIMIT_RATE) {
            items[i].period = rec->time / 1000;
        }
    }

    charge->nitems = n;
}


static ngx_http_llm_model_t *
ngx_http_llm_charge_model(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec)
{
    ngx_http_llm_pattern_t  *pattern;

    if (rec->model.len == 0 || lmcf->models.nelts == 0) {
        return NULL;
    }

    pattern = ngx_http_llm_names_find(&lmcf->model_names, &rec->model, NULL);

    return pattern ? pattern->value : NULL;
}


static ngx_http_llm_limits_t *
ngx_http_llm_charge_key(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec)
{
    ngx_http_llm_key_t      *key;
    ngx_http_llm_pattern_t  *pattern;

    if (rec->key.len == 0) {
        return NULL;
    }

    key = ngx_http_llm_runtime_key(lmcf, &rec->key);

    if (key) {
        return key->limits;
    }

    if (lmcf->keys.nelts == 0) {
        return NULL;
    }

    pattern = ngx_http_llm_names_find(&lmcf->key_names, &rec->key, NULL);

    if (pattern == NULL) {
        return NULL;
    }

    key = pattern->value;

    return key->limits;
}


static ngx_http_llm_limits_t *
ngx_http_llm_charge_provider(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec)
{
    ngx_uint_t                 i;
    ngx_http_llm_provider_t  **provider;

    provider = lmcf->providers.elts;

    for (i = 0; i < lmcf->providers.nelts; i++) {
        if (provider[i]->name.len == rec->provider.len
            && ngx_strncmp(provider[i]->name.data, rec->provider.data,
                           rec->provider.len)
               == 0)
        {
            return provider[i]->limits;
        }
    }

    return NULL;
}


static void
ngx_http_llm_charge_sums(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_usage_record_t *rec, ngx_http_llm_model_t *model,
    ngx_http_llm_charge_t *charge)
{
    int64_t     *sum, day, end;
    ngx_str_t    status, name, *parts[5];
    u_char       buf[NGX_HTTP_LLM_STATUS_LEN];

    sum = charge->sums;

    ngx_memzero(sum, sizeof(charge->sums));

    sum[NGX_HTTP_LLM_SUM_REQUESTS] = 1;
    sum[NGX_HTTP_LLM_SUM_ERRORS] = (rec->status >= 400 || rec->error.len);
    sum[NGX_HTTP_LLM_SUM_ATTEMPTS] = ngx_max(rec->attempts, 0);
    sum[NGX_HTTP_LLM_SUM_PROMPT] = ngx_max(rec->prompt, 0);
    sum[NGX_HTTP_LLM_SUM_COMPLETION] = ngx_max(rec->completion, 0);
    sum[NGX_HTTP_LLM_SUM_CACHED] = ngx_max(rec->cached, 0);
    sum[NGX_HTTP_LLM_SUM_CACHE_WRITE] = ngx_max(rec->cache_write, 0);
    sum[NGX_HTTP_LLM_SUM_REASONING] = ngx_max(rec->reasoning, 0);
    sum[NGX_HTTP_LLM_SUM_COST] = ngx_max(rec->cost, 0);
    sum[NGX_HTTP_LLM_SUM_ESTIMATED] = rec->estimated;
    sum[NGX_HTTP_LLM_SUM_DURATION] = ngx_max(rec->duration, 0);

    ngx_str_null(&name);

    if (model) {
        name = model->name;
    }

    status.data = buf;
    status.len = ngx_sprintf(buf, "%03ui",
                             (ngx_uint_t) ngx_max(rec->status, 0) % 1000)
                 - buf;

    charge->nrows = 0;

    parts[0] = &rec->key;
    parts[1] = &rec->team;
    parts[2] = &name;
    parts[3] = &rec->provider;
    parts[4] = &status;

    ngx_http_llm_charge_row(charge, NGX_HTTP_LLM_ROW_METRICS, 0, parts, 5);

    ngx_http_llm_period(lmcf, NGX_LLM_PERIOD_DAY, rec->time / 1000, &day,
                        &end);

    if (rec->key.len) {
        ngx_http_llm_charge_row(charge, NGX_HTTP_LLM_ROW_KEY, day, &parts[0],
                                1);
    }

    if (rec->team.len) {
        ngx_http_llm_charge_row(charge, NGX_HTTP_LLM_ROW_TEAM, day, &parts[1],
                                1);
    }

    if (name.len) {
        ngx_http_llm_charge_row(charge, NGX_HTTP_LLM_ROW_MODEL, day,
                                &parts[2], 1);
    }
}


/* the name is of the whole parts, the text for people may be cut */

static void
ngx_http_llm_charge_row(ngx_http_llm_charge_t *charge, ngx_http_llm_row_e kind,
    int64_t day, ngx_str_t **parts, ngx_uint_t n)
{
    size_t           room;
    u_char          *p;
    ngx_str_t        name[7];
    ngx_uint_t       i;
    ngx_llm_row_t   *row;
    ngx_llm_name_t   key;
    u_char           head[NGX_INT64_LEN * 2 + 2];

    row = &charge->rows[charge->nrows];
    p = charge->text[charge->nrows];

    charge->nrows++;

    name[0].data = head;
    name[0].len = ngx_sprintf(head, "%ui:%L", (ngx_uint_t) kind, day) - head;

    row->day = day;
    row->kind = kind;
    row->text.data = p;

    room = (NGX_LLM_LEDGER_TEXT - n) / n;

    for (i = 0; i < n; i++) {
        name[i + 1] = *parts[i];

        if (i) {
            *p++ = NGX_HTTP_LLM_ROW_SEPARATOR;
        }

        p = ngx_http_llm_charge_text(p, parts[i], room);
    }

    row->text.len = p - row->text.data;

    ngx_memzero(&key, sizeof(ngx_llm_name_t));

    ngx_llm_ledger_name(&row->name, &key, name, n + 1);
}


/* names that differ are to be told apart when they are cut, too */

static u_char *
ngx_http_llm_charge_text(u_char *p, ngx_str_t *part, size_t room)
{
    size_t  i, len;

    len = (part->len <= room)
          ? part->len : ngx_llm_utf8_cut(part, room - NGX_HTTP_LLM_CUT_LEN);

    for (i = 0; i < len; i++) {
        *p++ = (part->data[i] == NGX_HTTP_LLM_ROW_SEPARATOR) ? ' '
                                                             : part->data[i];
    }

    if (len == part->len) {
        return p;
    }

    return ngx_sprintf(p, "~%08xD", ngx_crc32_long(part->data, part->len));
}
