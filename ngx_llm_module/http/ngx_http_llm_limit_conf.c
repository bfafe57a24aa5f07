
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The statements "rate", "quota", "concurrency" and "tag", in whatever block.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_limit.h"
#include "ngx_http_llm_price.h"


static ngx_int_t ngx_http_llm_limit_compile(ngx_conf_t *cf,
    ngx_http_llm_limit_t *limit);
static ngx_uint_t ngx_http_llm_limit_twins(ngx_http_llm_limits_t *limits,
    ngx_uint_t n);
static ngx_uint_t ngx_http_llm_limit_equal(ngx_str_t *one, ngx_str_t *two);
static void ngx_http_llm_limit_name(ngx_http_llm_limits_t *limits,
    ngx_http_llm_limit_t *limit, ngx_uint_t twins);
static ngx_uint_t ngx_http_llm_limits_attempt(ngx_http_llm_main_conf_t *lmcf);
static ngx_uint_t ngx_http_llm_limits_count(ngx_http_llm_limits_t *limits);
static ngx_int_t ngx_http_llm_limits_prices(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf);
static ngx_http_llm_limits_t *ngx_http_llm_limits_cost(
    ngx_http_llm_main_conf_t *lmcf);
static ngx_int_t ngx_http_llm_limits_text(ngx_conf_t *cf,
    ngx_http_llm_limits_t *limits, ngx_str_t *text);


char *
ngx_http_llm_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                  error;
    ngx_http_llm_limit_t      *limit;
    ngx_http_llm_limits_t    **limits;
    ngx_http_llm_main_conf_t  *lmcf;
    u_char                     text[NGX_MAX_CONF_ERRSTR];

    limits = (ngx_http_llm_limits_t **) (p + cmd->offset);

    if (*limits == NULL) {
        *limits = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_limits_t));
        if (*limits == NULL) {
            return NGX_CONF_ERROR;
        }

        if (ngx_array_init(&(*limits)->limits, cf->pool, 1,
                           sizeof(ngx_http_llm_limit_t))
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    limit = ngx_array_push(&(*limits)->limits);
    if (limit == NULL) {
        return NGX_CONF_ERROR;
    }

    error.data = text;
    error.len = sizeof(text);

    if (ngx_llm_limit_parse(&limit->limit, cf->args->elts, cf->args->nelts,
                            &error)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V", &error);
        return NGX_CONF_ERROR;
    }

    limit->file = cf->conf_file->file.name.data;
    limit->line = cf->conf_file->line;

    if (limit->limit.unit == NGX_LLM_UNIT_COST) {
        (*limits)->cost = 1;
    }

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);
    lmcf->nlimits++;

    return (ngx_http_llm_limit_compile(cf, limit) == NGX_OK) ? NGX_CONF_OK
                                                             : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_llm_limit_compile(ngx_conf_t *cf, ngx_http_llm_limit_t *limit)
{
    limit->index = NGX_ERROR;
    limit->model = NULL;
    limit->logged = 0;

    if (limit->limit.model.len) {
        limit->model = ngx_palloc(cf->pool, sizeof(ngx_http_llm_pattern_t));
        if (limit->model == NULL) {
            return NGX_ERROR;
        }

        if (ngx_http_llm_pattern_parse(cf, &limit->limit.model, limit->model)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (limit->limit.per == NGX_LLM_PER_VARIABLE) {
        limit->index = ngx_http_get_variable_index(cf,
                                                   &limit->limit.variable);
        if (limit->index == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


char *
ngx_http_llm_tag(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_array_t   *tags;
    ngx_keyval_t  *kv;

    value = cf->args->elts;
    tags = (ngx_array_t *) (p + cmd->offset);

    if (tags->elts == NULL
        && ngx_array_init(tags, cf->pool, 2, sizeof(ngx_keyval_t)) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    kv = tags->elts;

    for (i = 0; i < tags->nelts; i++) {
        if (ngx_http_llm_limit_equal(&kv[i].key, &value[1])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate tag \"%V\"",
                               &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    if (tags->nelts == NGX_LLM_USAGE_PAIRS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "more than %ui tags",
                           (ngx_uint_t) NGX_LLM_USAGE_PAIRS);
        return NGX_CONF_ERROR;
    }

    kv = ngx_array_push(tags);
    if (kv == NULL) {
        return NGX_CONF_ERROR;
    }

    kv->key = value[1];
    kv->value = value[2];

    return NGX_CONF_OK;
}


char *
ngx_http_llm_loc_tag(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                          *value;
    ngx_uint_t                          i;
    ngx_array_t                       **tags;
    ngx_http_llm_loc_tag_t             *tag;
    ngx_http_compile_complex_value_t    ccv;

    value = cf->args->elts;
    tags = (ngx_array_t **) (p + cmd->offset);

    if (*tags == NGX_CONF_UNSET_PTR) {
        *tags = ngx_array_create(cf->pool, 2, sizeof(ngx_http_llm_loc_tag_t));
        if (*tags == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    tag = (*tags)->elts;

    for (i = 0; i < (*tags)->nelts; i++) {
        if (ngx_http_llm_limit_equal(&tag[i].name, &value[1])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate tag \"%V\"",
                               &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    if ((*tags)->nelts == NGX_LLM_USAGE_PAIRS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "more than %ui tags",
                           (ngx_uint_t) NGX_LLM_USAGE_PAIRS);
        return NGX_CONF_ERROR;
    }

    tag = ngx_array_push(*tags);
    if (tag == NULL) {
        return NGX_CONF_ERROR;
    }

    tag->name = value[1];

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[2];
    ccv.complex_value = &tag->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


void
ngx_http_llm_limits_owner(ngx_http_llm_limits_t *limits, char *kind,
    ngx_str_t *name, ngx_uint_t template)
{
    ngx_uint_t             i;
    ngx_http_llm_limit_t  *limit;

    if (limits == NULL) {
        return;
    }

    limits->kind = kind;
    limits->name = *name;
    limits->template = template;

    limit = limits->limits.elts;

    for (i = 0; i < limits->limits.nelts; i++) {
        ngx_http_llm_limit_name(limits, &limit[i],
                                ngx_http_llm_limit_twins(limits, i));
    }
}


/*
 * Limits that differ in their number, or in "soft", share a counter.  Buckets
 * cannot: one leaks faster than the other.
 */

static ngx_uint_t
ngx_http_llm_limit_twins(ngx_http_llm_limits_t *limits, ngx_uint_t n)
{
    ngx_uint_t             i, twins;
    ngx_llm_limit_t       *one, *two;
    ngx_http_llm_limit_t  *limit;

    limit = limits->limits.elts;
    one = &limit[n].limit;
    twins = 0;

    if (one->kind != NGX_LLM_LIMIT_RATE) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        two = &limit[i].limit;

        if (one->kind == two->kind
            && one->unit == two->unit
            && one->rate_time == two->rate_time
            && one->per == two->per
            && ngx_http_llm_limit_equal(&one->model, &two->model)
            && ngx_http_llm_limit_equal(&one->variable, &two->variable))
        {
            twins++;
        }
    }

    return twins;
}


static ngx_uint_t
ngx_http_llm_limit_equal(ngx_str_t *one, ngx_str_t *two)
{
    return one->len == two->len
           && ngx_strncmp(one->data, two->data, one->len) == 0;
}


/*
 * Counters outlive the configuration and the program: what goes into a name,
 * the values of enums included, must stay as it is.
 */

static void
ngx_http_llm_limit_name(ngx_http_llm_limits_t *limits,
    ngx_http_llm_limit_t *limit, ngx_uint_t twins)
{
    ngx_str_t         parts[6];
    ngx_llm_name_t    key;
    ngx_llm_limit_t  *l;
    u_char            buf[NGX_INT64_LEN * 4 + 8], tail[NGX_INT_T_LEN];

    l = &limit->limit;

    parts[0].data = (u_char *) limits->kind;
    parts[0].len = ngx_strlen(limits->kind);

    parts[1] = limits->name;

    parts[2].data = buf;
    parts[2].len = ngx_sprintf(buf, "%ui:%ui:%ui:%L:%ui",
                               (ngx_uint_t) l->kind, (ngx_uint_t) l->unit,
                               (ngx_uint_t) l->period, l->rate_time,
                               (ngx_uint_t) l->per)
                   - buf;

    parts[3] = l->model;
    parts[4] = l->variable;

    parts[5].data = tail;
    parts[5].len = twins ? (size_t) (ngx_sprintf(tail, "%ui", twins) - tail)
                         : 0;

    ngx_memzero(&key, sizeof(ngx_llm_name_t));

    ngx_llm_ledger_name(&limit->name, &key, parts, 6);
}


ngx_int_t
ngx_http_llm_limits_init(ngx_conf_t *cf)
{
    ngx_uint_t                  i, n;
    ngx_http_llm_key_t        **key;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (lmcf->nlimits == 0) {
        return NGX_OK;
    }

    n = ngx_http_llm_limits_attempt(lmcf);

    lmcf->attempt_limits = n;

    if (n > NGX_LLM_LEDGER_ITEMS) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "a model and its provider have %ui limits, a request "
                      "may meet %ui of them", n,
                      (ngx_uint_t) NGX_LLM_LEDGER_ITEMS);
        return NGX_ERROR;
    }

    key = lmcf->keys.elts;

    for (i = 0; i < lmcf->keys.nelts; i++) {
        if (ngx_http_llm_limits_key(cf, lmcf, key[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_llm_limits_prices(cf, lmcf);
}


ngx_int_t
ngx_http_llm_limits_key(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_key_t *key)
{
    ngx_uint_t            n, max;
    ngx_http_llm_team_t  *team;

    max = NGX_LLM_LEDGER_ITEMS - lmcf->attempt_limits;

    n = ngx_http_llm_limits_count(key->limits);

    for (team = key->team; team; team = team->parent) {
        n += ngx_http_llm_limits_count(team->limits);
    }

    if (n <= max) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "key \"%V\" and its teams have %ui limits, a request may "
                  "meet %ui of them, besides %ui of its model and provider, "
                  "in %s:%ui", &key->name, n, max, lmcf->attempt_limits,
                  key->file, key->line);

    return NGX_ERROR;
}


/* the most limits of a model and its provider */

static ngx_uint_t
ngx_http_llm_limits_attempt(ngx_http_llm_main_conf_t *lmcf)
{
    ngx_uint_t                   i, j, n, max;
    ngx_http_llm_model_t       **model;
    ngx_http_llm_deployment_t   *dep;

    model = lmcf->models.elts;
    max = 0;

    for (i = 0; i < lmcf->models.nelts; i++) {
        dep = model[i]->deployments.elts;

        for (j = 0; j < model[i]->deployments.nelts; j++) {
            n = ngx_http_llm_limits_count(model[i]->limits)
                + ngx_http_llm_limits_count(dep[j].provider->limits);

            max = ngx_max(max, n);
        }
    }

    return max;
}


static ngx_uint_t
ngx_http_llm_limits_count(ngx_http_llm_limits_t *limits)
{
    return limits ? limits->limits.nelts : 0;
}


/* deployments without a price that a limit of money meets: a warning each */

static ngx_int_t
ngx_http_llm_limits_prices(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf)
{
    ngx_str_t                    text;
    ngx_uint_t                   i, j;
    ngx_http_llm_model_t       **model;
    ngx_http_llm_limits_t       *all, *limits;
    ngx_http_llm_deployment_t   *dep;

    if (lmcf->prices
        && lmcf->prices->unpriced == NGX_HTTP_LLM_UNPRICED_ALLOW)
    {
        return NGX_OK;
    }

    all = ngx_http_llm_limits_cost(lmcf);
    model = lmcf->models.elts;

    for (i = 0; i < lmcf->models.nelts; i++) {
        dep = model[i]->deployments.elts;

        for (j = 0; j < model[i]->deployments.nelts; j++) {
            limits = all;

            if (dep[j].provider->limits && dep[j].provider->limits->cost) {
                limits = dep[j].provider->limits;
            }

            if (model[i]->limits && model[i]->limits->cost) {
                limits = model[i]->limits;
            }

            if (limits == NULL) {
                continue;
            }

            if (ngx_http_llm_limits_text(cf, limits, &text) != NGX_OK) {
                return NGX_ERROR;
            }

            ngx_http_llm_price_check(cf, &dep[j], &text);
        }
    }

    return NGX_OK;
}


/* the first of a key or team, which may ask for any model */

static ngx_http_llm_limits_t *
ngx_http_llm_limits_cost(ngx_http_llm_main_conf_t *lmcf)
{
    ngx_uint_t                i;
    ngx_http_llm_key_t      **key;
    ngx_http_llm_team_t      *team;
    ngx_http_llm_pattern_t  **pattern;

    key = lmcf->keys.elts;

    for (i = 0; i < lmcf->keys.nelts; i++) {
        if (key[i]->limits && key[i]->limits->cost) {
            return key[i]->limits;
        }
    }

    pattern = lmcf->team_names.patterns.elts;

    for (i = 0; i < lmcf->team_names.patterns.nelts; i++) {
        team = pattern[i]->value;

        if (team->limits && team->limits->cost) {
            return team->limits;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_llm_limits_text(ngx_conf_t *cf, ngx_http_llm_limits_t *limits,
    ngx_str_t *text)
{
    ngx_uint_t             i;
    ngx_http_llm_limit_t  *limit;

    limit = limits->limits.elts;

    for (i = 0; limit[i].limit.unit != NGX_LLM_UNIT_COST; i++) { /* void */ }

    text->len = ngx_strlen(limits->kind) + limits->name.len
                + limit[i].limit.text.len + sizeof("\"\" of  \"\"") - 1;

    text->data = ngx_pnalloc(cf->temp_pool, text->len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(text->data, "\"%V\" of %s \"%V\"", &limit[i].limit.text,
                limits->kind, &limits->name);

    return NGX_OK;
}
