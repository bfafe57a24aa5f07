
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The accounting of a request: what is known of it, and what it holds.
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_price.h"
#include "ngx_http_llm_usage_log.h"


/* limits that have so many times more left than a prompt's bytes and answer */
#define NGX_HTTP_LLM_AMPLE  63


static ngx_int_t ngx_http_llm_account_unavailable(ngx_http_request_t *r,
    ngx_llm_error_t *err);
static ngx_uint_t ngx_http_llm_account_wanted(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_uint_t log);
static ngx_int_t ngx_http_llm_account_record(ngx_http_request_t *r,
    ngx_http_llm_account_t *acc);
static ngx_int_t ngx_http_llm_account_who(ngx_http_request_t *r,
    ngx_http_llm_account_t *acc);
static ngx_int_t ngx_http_llm_account_tags(ngx_http_request_t *r,
    ngx_http_llm_account_t *acc);
static ngx_int_t ngx_http_llm_account_per(ngx_http_request_t *r,
    ngx_http_llm_account_t *acc, ngx_http_llm_limits_t *limits);
static ngx_int_t ngx_http_llm_account_pair(ngx_http_request_t *r,
    ngx_http_llm_account_t *acc, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llm_account_add(ngx_http_request_t *r,
    ngx_http_llm_account_t *acc, ngx_http_llm_limits_t *limits,
    ngx_str_t *name);
static ngx_int_t ngx_http_llm_account_hold(ngx_http_request_t *r,
    ngx_http_llm_account_t *acc, ngx_http_llm_deployment_t *dep,
    ngx_uint_t first, ngx_uint_t *which);
static ngx_int_t ngx_http_llm_account_reserve(ngx_http_llm_account_t *acc,
    ngx_uint_t first, ngx_uint_t ample, ngx_uint_t *which);
static ngx_uint_t ngx_http_llm_account_estimated(ngx_http_llm_account_t *acc,
    ngx_uint_t first, ngx_uint_t last, ngx_uint_t *cost);
static ngx_int_t ngx_http_llm_account_raise(ngx_http_request_t *r,
    ngx_http_llm_account_t *acc, ngx_http_llm_deployment_t *dep);
static void ngx_http_llm_account_pass(ngx_http_llm_account_t *acc,
    ngx_uint_t i);


ngx_int_t
ngx_http_llm_account_begin(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_uint_t                 log;
    ngx_http_cleanup_t        *cln;
    ngx_http_llm_account_t    *acc;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    log = ngx_http_llm_usage_log_enabled(lmcf);

    if (!ngx_http_llm_account_wanted(r, ctx, log)) {
        return NGX_OK;
    }

    if (log && ngx_http_llm_usage_log_refuses(lmcf)) {
        return ngx_http_llm_account_unavailable(r, err);
    }

    acc = ngx_palloc(r->pool, sizeof(ngx_http_llm_account_t));
    if (acc == NULL) {
        return NGX_ERROR;
    }

    /*
     * set by ngx_memzero():
     *
     *     acc->nitems = 0;
     *     acc->nfirst = 0;
     *     acc->model = NULL;
     *     acc->passed_limit = NULL;
     *     acc->held = 0;
     */

    ngx_memzero(acc, offsetof(ngx_http_llm_account_t, rec));

    /* before anything is held; runs before the log phase */

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_llm_account_cleanup;
    cln->data = acc;

    acc->ctx = ctx;
    acc->log = log;
    acc->sums = (log || lmcf->nstats);
    acc->ledger = ngx_http_llm_ledger_joined(lmcf);

    if (log && acc->ledger == NULL) {

        /* a line would have no name */

        if (ngx_http_llm_usage_log_lost(lmcf) != NGX_OK) {
            return ngx_http_llm_account_unavailable(r, err);
        }

        acc->log = 0;
    }

    ctx->account = acc;

    ngx_queue_insert_tail(&lmcf->accounts, &acc->queue);

    return ngx_http_llm_account_record(r, acc);
}


static ngx_int_t
ngx_http_llm_account_unavailable(ngx_http_request_t *r, ngx_llm_error_t *err)
{
    return ngx_llm_error(r->pool, err, NGX_HTTP_SERVICE_UNAVAILABLE,
                         "server_error", "usage_log_unavailable", NULL,
                         "usage cannot be recorded now");
}


static ngx_uint_t
ngx_http_llm_account_wanted(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_uint_t log)
{
    ngx_http_llm_team_t       *team;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    if (log || lmcf->nstats || lmcf->attempt_limits) {
        return 1;
    }

    if (lmcf->nlimits == 0 || ctx->key == NULL) {
        return 0;
    }

    if (ctx->key->limits) {
        return 1;
    }

    for (team = ctx->key->team; team; team = team->parent) {
        if (team->limits) {
            return 1;
        }
    }

    return 0;
}


/* what is known before the body is read */

static ngx_int_t
ngx_http_llm_account_record(ngx_http_request_t *r,
    ngx_http_llm_account_t *acc)
{
    ngx_time_t              *tp;
    ngx_http_llm_ctx_t      *ctx;
    ngx_llm_usage_record_t  *rec;

    ctx = acc->ctx;
    rec = &acc->rec;

    ngx_llm_usage_record_init(rec);

    tp = ngx_timeofday();

    rec->time = (int64_t) tp->sec * 1000 + tp->msec;
    rec->id = ctx->id;
    rec->client = r->connection->addr_text;

    if (ctx->key && ctx->key->team) {
        rec->team = ctx->key->team->name;
    }

    /* who it is may be any text, and a replay has the log's form of it */

    if (ctx->key_name.len
        && ngx_http_llm_account_normal(r, &ctx->key_name, &rec->key) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_account_tags(r, acc);
}


/* of key and teams, then those of the location that these do not have */

static ngx_int_t
ngx_http_llm_account_tags(ngx_http_request_t *r, ngx_http_llm_account_t *acc)
{
    ngx_uint_t                i, j;
    ngx_keyval_t             *kv;
    ngx_llm_usage_pair_t     *pair;
    ngx_llm_usage_record_t   *rec;
    ngx_http_llm_loc_tag_t   *tag;
    ngx_http_llm_loc_conf_t  *llcf;

    rec = &acc->rec;
    pair = rec->tags;

    if (acc->ctx->key) {
        kv = acc->ctx->key->tags.elts;

        for (i = 0; i < acc->ctx->key->tags.nelts; i++) {

            if (rec->ntags == NGX_LLM_USAGE_PAIRS) {
                return NGX_OK;
            }

            pair[rec->ntags].name = kv[i].key;
            pair[rec->ntags].value = kv[i].value;
            rec->ntags++;
        }
    }

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (llcf->tags == NULL) {
        return NGX_OK;
    }

    tag = llcf->tags->elts;

    for (i = 0; i < llcf->tags->nelts; i++) {

        for (j = 0; j < rec->ntags; j++) {
            if (pair[j].name.len == tag[i].name.len
                && ngx_strncmp(pair[j].name.data, tag[i].name.data,
                               tag[i].name.len)
                   == 0)
            {
                break;
            }
        }

        if (j < rec->ntags || rec->ntags == NGX_LLM_USAGE_PAIRS) {
            continue;
        }

        pair[rec->ntags].name = tag[i].name;

        if (ngx_http_complex_value(r, &tag[i].value, &pair[rec->ntags].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        rec->ntags++;
    }

    return NGX_OK;
}


void
ngx_http_llm_account_drop(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->account) {
        ngx_queue_remove(&ctx->account->queue);
        ctx->account = NULL;
    }
}


ngx_int_t
ngx_http_llm_account_admit(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_int_t                  rc;
    ngx_uint_t                 which;
    ngx_http_llm_team_t       *team;
    ngx_http_llm_account_t    *acc;
    ngx_http_llm_loc_conf_t   *llcf;

    acc = ctx->account;

    if (acc == NULL) {
        return NGX_OK;
    }

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    acc->soft = (llcf->dry_run || (ctx->key && ctx->key->dry_run));

    if (ngx_http_llm_account_who(r, acc) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->key) {
        rc = ngx_http_llm_account_add(r, acc, ctx->key->limits,
                                      &acc->rec.key);

        for (team = ctx->key->team; team && rc == NGX_OK; team = team->parent) {
            rc = ngx_http_llm_account_add(r, acc, team->limits, &team->name);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    acc->nfirst = acc->nitems;
    acc->model = ctx->stage.model;

    if (acc->nitems == 0 && !acc->sums) {
        return NGX_OK;
    }

    rc = ngx_http_llm_account_hold(r, acc, NULL, 0, &which);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (rc == NGX_BUSY) {
        return ngx_http_llm_refuse_limit(ctx, &acc->items[which],
                                         acc->limit[which],
                                         acc->owner[which], err);
    }

    /* NGX_DECLINED */

    (void) ngx_llm_error(r->pool, err, NGX_HTTP_SERVICE_UNAVAILABLE,
                         "server_error", "overloaded", NULL,
                         "too many requests are in progress");
    err->retry_after = 1;

    return NGX_DECLINED;
}


/* names that counters are found by, when the route is known */

static ngx_int_t
ngx_http_llm_account_who(ngx_http_request_t *r, ngx_http_llm_account_t *acc)
{
    ngx_str_t                user, name;
    ngx_http_llm_ctx_t      *ctx;
    ngx_llm_usage_record_t  *rec;

    ctx = acc->ctx;
    rec = &acc->rec;

    rec->stream = ctx->chat.stream;

    if (ngx_http_llm_account_normal(r, &ctx->chat.model, &rec->request_model)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llm_user(r, ctx, &user) != NGX_OK) {
        return NGX_ERROR;
    }

    if (user.len
        && ngx_http_llm_account_normal(r, &user, &rec->user) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->model.len != ctx->chat.model.len
        || ngx_strncmp(ctx->model.data, ctx->chat.model.data, ctx->model.len)
           != 0)
    {
        ngx_str_set(&name, NGX_HTTP_LLM_PER_MODEL);

        return ngx_http_llm_account_pair(r, acc, &name, &ctx->model);
    }

    return NGX_OK;
}


/* what variables of per= say */

static ngx_int_t
ngx_http_llm_account_per(ngx_http_request_t *r, ngx_http_llm_account_t *acc,
    ngx_http_llm_limits_t *limits)
{
    ngx_str_t                   value;
    ngx_uint_t                  i;
    ngx_http_llm_limit_t       *limit;
    ngx_http_variable_value_t  *vv;

    limit = limits->limits.elts;

    for (i = 0; i < limits->limits.nelts; i++) {

        if (limit[i].index == NGX_ERROR) {
            continue;
        }

        vv = ngx_http_get_flushed_variable(r, limit[i].index);

        if (vv == NULL || vv->not_found) {
            continue;
        }

        value.data = vv->data;
        value.len = vv->len;

        if (ngx_http_llm_account_pair(r, acc, &limit[i].limit.variable,
                                      &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_account_pair(ngx_http_request_t *r, ngx_http_llm_account_t *acc,
    ngx_str_t *name, ngx_str_t *value)
{
    ngx_uint_t             i;
    ngx_llm_usage_pair_t  *per;

    per = acc->rec.per;

    for (i = 0; i < acc->rec.nper; i++) {
        if (per[i].name.len == name->len
            && ngx_strncmp(per[i].name.data, name->data, name->len) == 0)
        {
            return NGX_OK;
        }
    }

    if (i == NGX_LLM_USAGE_PAIRS || value->len == 0) {
        return NGX_OK;
    }

    per[i].name = *name;

    if (ngx_http_llm_account_normal(r, value, &per[i].value) != NGX_OK) {
        return NGX_ERROR;
    }

    acc->rec.nper++;

    return NGX_OK;
}


/* a value as the log will have it, in memory of the request */

ngx_int_t
ngx_http_llm_account_normal(ngx_http_request_t *r, ngx_str_t *value,
    ngx_str_t *normal)
{
    ngx_str_t  s;
    u_char     buf[NGX_LLM_USAGE_NORMAL];

    s = ngx_llm_usage_normal(value, buf);

    normal->data = ngx_pnalloc(r->pool, s.len + 1);
    if (normal->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(normal->data, s.data, s.len);
    normal->len = s.len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_account_add(ngx_http_request_t *r, ngx_http_llm_account_t *acc,
    ngx_http_llm_limits_t *limits, ngx_str_t *name)
{
    ngx_uint_t                 i, n;
    ngx_http_llm_main_conf_t  *lmcf;

    if (limits == NULL) {
        return NGX_OK;
    }

    if (ngx_http_llm_account_per(r, acc, limits) != NGX_OK) {
        return NGX_ERROR;
    }

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    n = ngx_http_llm_limit_items(lmcf, limits, name, &acc->rec, acc->items,
                                 acc->limit, acc->nitems);

    for (i = acc->nitems; i < n; i++) {
        acc->owner[i] = limits;

        if (acc->items[i].unit == NGX_LLM_UNIT_COST && !acc->items[i].soft) {
            acc->cost = 1;
        }

        if (acc->soft) {
            acc->items[i].soft = 1;
        }
    }

    acc->nitems = n;

    return NGX_OK;
}


/*
 * Items from "first" on are held, all or none.  NGX_OK; NGX_BUSY: items[which]
 * refused; NGX_DECLINED: there is no room
 *
 * Counting the tokens of a prompt costs more than all the rest.  Where limits
 * have so much left that it makes no difference its bytes are held, which
 * are more; what was used is settled in any case.
 */

static ngx_int_t
ngx_http_llm_account_hold(ngx_http_request_t *r, ngx_http_llm_account_t *acc,
    ngx_http_llm_deployment_t *dep, ngx_uint_t first, ngx_uint_t *which)
{
    ngx_int_t   rc;
    ngx_uint_t  cost, wanted;

    wanted = ngx_http_llm_account_estimated(acc, first, acc->nitems, &cost);

    if (acc->ledger == NULL) {
        return acc->nitems ? NGX_DECLINED : NGX_OK;
    }

    rc = NGX_AGAIN;

    if (wanted && ngx_http_llm_amount_coarse(acc->ctx)) {
        ngx_http_llm_amounts(r, acc->ctx, dep, cost, 1, &acc->amounts);

        rc = ngx_http_llm_account_reserve(acc, first, NGX_HTTP_LLM_AMPLE,
                                          which);
    }

    if (rc == NGX_AGAIN) {

        if (wanted) {
            ngx_http_llm_amounts(r, acc->ctx, dep, cost, 0, &acc->amounts);
        }

        rc = ngx_http_llm_account_reserve(acc, first, 0, which);
    }

    if (rc == NGX_BUSY) {
        *which += first;
    }

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "llm zone has no room for a reservation");
    }

    ngx_http_llm_refuse_log(acc->ctx, first);

    return rc;
}


/* ample: so many times an amount must be left beside it */

static ngx_int_t
ngx_http_llm_account_reserve(ngx_http_llm_account_t *acc, ngx_uint_t first,
    ngx_uint_t ample, ngx_uint_t *which)
{
    ngx_int_t        rc;
    ngx_uint_t       i;
    ngx_llm_item_t  *item;

    for (i = first; i < acc->nitems; i++) {
        item = &acc->items[i];

        item->amount = ngx_http_llm_amount(&acc->amounts,
                                           &acc->limit[i]->limit);

        item->margin = (item->unit == NGX_LLM_UNIT_REQUESTS)
                       ? 0 : item->amount * (int64_t) ample;
    }

    if (acc->held) {
        rc = ngx_llm_ledger_extend(acc->ledger, acc->res, &acc->items[first],
                                   acc->nitems - first, ngx_current_msec,
                                   ngx_time(), which);

    } else {
        rc = ngx_llm_ledger_reserve(acc->ledger, &acc->items[first],
                                    acc->nitems - first, ngx_current_msec,
                                    ngx_time(), &acc->res, which);

        acc->held = (rc == NGX_OK);
    }

    return rc;
}


/* does what the items hold depend on prompt and answer?  cost: on prices? */

static ngx_uint_t
ngx_http_llm_account_estimated(ngx_http_llm_account_t *acc, ngx_uint_t first,
    ngx_uint_t last, ngx_uint_t *cost)
{
    ngx_uint_t  i, wanted;

    *cost = 0;
    wanted = 0;

    for (i = first; i < last; i++) {
        wanted |= (acc->items[i].unit != NGX_LLM_UNIT_REQUESTS
                   && acc->items[i].unit != NGX_LLM_UNIT_SLOTS);
        *cost |= (acc->items[i].unit == NGX_LLM_UNIT_COST);
    }

    return wanted;
}


ngx_int_t
ngx_http_llm_account_attempt(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep)
{
    ngx_int_t                rc;
    ngx_uint_t               which;
    ngx_http_llm_account_t  *acc;

    acc = ctx->account;

    if (acc == NULL) {
        return NGX_OK;
    }

    /* what the deployment before this one held */

    if (acc->held && acc->nitems > acc->nfirst) {
        ngx_llm_ledger_trim(acc->ledger, acc->res, acc->nfirst,
                            ngx_current_msec);
    }

    acc->nitems = acc->nfirst;

    rc = ngx_http_llm_account_raise(r, acc, dep);

    if (rc == NGX_DECLINED) {
        goto passed;
    }

    if (ngx_http_llm_account_add(r, acc, dep->model->limits,
                                 &dep->model->name)
        != NGX_OK
        || ngx_http_llm_account_add(r, acc, dep->provider->limits,
                                    &dep->provider->name)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (acc->nitems == acc->nfirst) {
        return NGX_OK;
    }

    rc = ngx_http_llm_account_hold(r, acc, dep, acc->nfirst, &which);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (rc == NGX_BUSY) {
        ngx_http_llm_account_pass(acc, which);
    }

    acc->nitems = acc->nfirst;

passed:

    if (ctx->probe) {
        ctx->probe = 0;
        ngx_http_llm_health_release(dep);
    }

    return NGX_DECLINED;
}


/*
 * Of another model the same request may take more: it is dearer, or gives
 * longer answers.  NGX_OK; NGX_DECLINED: some limit does not have it.
 */

static ngx_int_t
ngx_http_llm_account_raise(ngx_http_request_t *r, ngx_http_llm_account_t *acc,
    ngx_http_llm_deployment_t *dep)
{
    int64_t                  amount;
    ngx_uint_t               i, cost, wanted;
    ngx_llm_item_t           item;
    ngx_http_llm_amounts_t   amounts;

    if (dep->model == acc->model || !acc->held) {
        return NGX_OK;
    }

    wanted = ngx_http_llm_account_estimated(acc, 0, acc->nfirst, &cost);

    if (!wanted) {
        return NGX_OK;
    }

    ngx_http_llm_amounts(r, acc->ctx, dep, cost, 0, &amounts);

    for (i = 0; i < acc->nfirst; i++) {
        amount = ngx_http_llm_amount(&amounts, &acc->limit[i]->limit);

        if (amount <= acc->items[i].amount) {
            continue;
        }

        item = acc->items[i];
        item.amount = amount;

        if (ngx_llm_ledger_raise(acc->ledger, acc->res, i, &item,
                                 ngx_current_msec, ngx_time())
            != NGX_OK)
        {
            item.wait = item.wait ? item.wait : 1000;

            acc->passed = item;
            acc->passed_limit = acc->limit[i];
            acc->passed_owner = acc->owner[i];
            acc->ctx->limited = 1;

            return NGX_DECLINED;
        }

        acc->items[i].amount = amount;
        acc->items[i].granted = item.granted;
    }

    return NGX_OK;
}


static void
ngx_http_llm_account_pass(ngx_http_llm_account_t *acc, ngx_uint_t i)
{
    ngx_log_error(NGX_LOG_INFO, acc->ctx->request->connection->log, 0,
                  "llm limit \"%V\" of %s \"%V\" is reached, the deployment "
                  "is passed over", &acc->limit[i]->limit.text,
                  acc->owner[i]->kind, &acc->owner[i]->name);

    acc->ctx->limited = 1;

    /* the one that is free again first is what the client waits for */

    if (acc->passed_limit
        && acc->passed.wait != -1
        && (acc->items[i].wait == -1
            || acc->items[i].wait >= acc->passed.wait))
    {
        return;
    }

    acc->passed = acc->items[i];
    acc->passed_limit = acc->limit[i];
    acc->passed_owner = acc->owner[i];
}


ngx_uint_t
ngx_http_llm_account_money(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep)
{
    ngx_http_llm_account_t  *acc;

    acc = ctx->account;

    if (acc == NULL || acc->soft) {
        return 0;
    }

    return acc->cost
           || (dep->model->limits && dep->model->limits->cost)
           || (dep->provider->limits && dep->provider->limits->cost);
}


ngx_int_t
ngx_http_llm_account_passed(ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err)
{
    ngx_http_llm_account_t  *acc;

    acc = ctx->account;

    if (acc && acc->passed_limit) {
        (void) ngx_http_llm_refuse_limit(ctx, &acc->passed, acc->passed_limit,
                                         acc->passed_owner, err);

        /* the client's own quota is not what is used up */

        ngx_str_set(&err->type, "rate_limit_error");
        ngx_str_set(&err->code, "rate_limit_exceeded");

        return NGX_DECLINED;
    }

    return NGX_OK;
}


int64_t
ngx_http_llm_account_cap(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep)
{
    int64_t                  n, cap;
    ngx_uint_t               i;
    ngx_llm_item_t          *item;
    ngx_http_llm_account_t  *acc;

    acc = ctx->account;

    if (acc == NULL || ctx->key == NULL || !ctx->key->cap) {
        return 0;
    }

    cap = 0;

    for (i = 0; i < acc->nitems; i++) {
        item = &acc->items[i];

        if (item->kind != NGX_LLM_LIMIT_QUOTA || item->soft
            || item->granted >= item->amount)
        {
            continue;
        }

        n = ngx_http_llm_amount_output(r, ctx, dep, item, &acc->amounts);

        if (n && (cap == 0 || n < cap)) {
            cap = n;
        }
    }

    return cap;
}


ngx_int_t
ngx_http_llm_user(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_str_t *user)
{
    ngx_str_t                 text;
    ngx_http_llm_loc_conf_t  *llcf;

    ngx_str_null(user);

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (llcf->user) {
        return ngx_http_complex_value(r, llcf->user, user);
    }

    if (ctx == NULL || !ctx->chat_read) {
        return NGX_OK;
    }

    text = ctx->chat.user;

    if (text.len == 0 && ctx->chat.param[NGX_LLM_PARAM_SAFETY_IDENTIFIER]) {
        text = ngx_llm_json_text(
                   ctx->chat.param[NGX_LLM_PARAM_SAFETY_IDENTIFIER]);
    }

    if (text.len == 0) {
        return NGX_OK;
    }

    *user = ngx_llm_json_plain(r->pool, &text);

    return user->data ? NGX_OK : NGX_ERROR;
}
