
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Statements about parameters: drop_params, set_param.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_params.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_request.h"


#define NGX_HTTP_LLM_MAX_SETS  64


static ngx_int_t ngx_http_llm_set_kind(ngx_conf_t *cf, ngx_llm_set_t *set);
static ngx_int_t ngx_http_llm_set_call(ngx_conf_t *cf, ngx_llm_set_t *set);
static ngx_int_t ngx_http_llm_set_wrong(ngx_conf_t *cf, ngx_llm_set_t *set,
    ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_set_try(ngx_conf_t *cf, ngx_llm_set_t *set);
static ngx_llm_set_t *ngx_http_llm_set_overlap(ngx_array_t *sets,
    ngx_llm_set_t *set);


char *
ngx_http_llm_drop_params(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    uint64_t    *drop;
    ngx_str_t   *value;
    ngx_uint_t   i, id;

    drop = (uint64_t *) (p + cmd->offset);

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "on") == 0) {
            *drop |= NGX_LLM_DROP_ON;
            continue;
        }

        id = ngx_llm_param_find(&value[i]);

        if (id == NGX_LLM_PARAMS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown parameter \"%V\" in \"%V\"",
                               &value[i], &value[0]);
            return NGX_CONF_ERROR;
        }

        *drop |= ngx_llm_param_bit(id);
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_set_param(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    char           *rv;
    ngx_str_t      *value;
    ngx_array_t   **sets;
    ngx_llm_set_t   one, *set;

    sets = (ngx_array_t **) (p + cmd->offset);

    value = cf->args->elts;

    ngx_memzero(&one, sizeof(ngx_llm_set_t));

    if (cf->args->nelts == 4) {

        if (ngx_strcmp(value[3].data, "force") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in \"set_param\", "
                               "it may be \"force\"", &value[3]);
            return NGX_CONF_ERROR;
        }

        one.force = 1;
    }

    rv = ngx_llm_set_parse(cf->pool, &value[1], &value[2], &one);
    if (rv) {
        return rv;
    }

    if (ngx_http_llm_set_kind(cf, &one) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (*sets == NULL) {
        *sets = ngx_array_create(cf->pool, 4, sizeof(ngx_llm_set_t));
        if (*sets == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    set = ngx_http_llm_set_overlap(*sets, &one);

    if (set) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"set_param %V\" and \"set_param %V\" set the "
                           "same", &set->name, &one.name);
        return NGX_CONF_ERROR;
    }

    if ((*sets)->nelts == NGX_HTTP_LLM_MAX_SETS) {
        return "stands too often";
    }

    set = ngx_array_push(*sets);
    if (set == NULL) {
        return NGX_CONF_ERROR;
    }

    *set = one;

    return NGX_CONF_OK;
}


/* a parameter, or a place in the provider's body? */

static ngx_int_t
ngx_http_llm_set_kind(ngx_conf_t *cf, ngx_llm_set_t *set)
{
    u_char     *dot;
    ngx_int_t   rc;
    ngx_str_t   first;

    first = set->name;
    dot = ngx_strlchr(first.data, first.data + first.len, '.');

    if (dot) {
        first.len = dot - first.data;
    }

    rc = ngx_llm_request_settable(&first);

    if (rc == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" cannot be set by \"set_param\"", &first);
        return NGX_ERROR;
    }

    /* rc == NGX_OK || rc == NGX_DECLINED */

    if (ngx_http_llm_set_call(cf, set) != NGX_OK) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED || dot || set->call) {
        return NGX_OK;
    }

    set->neutral = 1;

    return ngx_http_llm_set_try(cf, set);
}


static ngx_int_t
ngx_http_llm_set_call(ngx_conf_t *cf, ngx_llm_set_t *set)
{
    ngx_int_t        rc;
    ngx_llm_error_t  err;

    ngx_memzero(&err, sizeof(ngx_llm_error_t));

    rc = ngx_llm_call_try(cf->temp_pool, set, &err);

    if (rc == NGX_DECLINED) {
        return ngx_http_llm_set_wrong(cf, set, &err);
    }

    return rc;
}


static ngx_int_t
ngx_http_llm_set_wrong(ngx_conf_t *cf, ngx_llm_set_t *set,
    ngx_llm_error_t *err)
{
    ngx_str_t  text;

    text = ngx_llm_json_plain(cf->temp_pool, &err->message);

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value in \"set_param %V\": %V",
                       &set->name, &text);

    return NGX_ERROR;
}


/* what would be wrong with it in a request is wrong here */

static ngx_int_t
ngx_http_llm_set_try(ngx_conf_t *cf, ngx_llm_set_t *set)
{
    ngx_int_t        rc;
    ngx_llm_chat_t   chat;
    ngx_llm_error_t  err;
    ngx_str_t        nothing;

    ngx_str_null(&nothing);
    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    ngx_llm_chat_init(&chat, cf->temp_pool, &nothing);

    rc = ngx_llm_request_set(&chat, set, &err);

    if (rc == NGX_DECLINED) {
        return ngx_http_llm_set_wrong(cf, set, &err);
    }

    return rc;
}


static ngx_llm_set_t *
ngx_http_llm_set_overlap(ngx_array_t *sets, ngx_llm_set_t *set)
{
    ngx_uint_t      i;
    ngx_llm_set_t  *other;

    other = sets->elts;

    for (i = 0; i < sets->nelts; i++) {

        if (ngx_llm_set_overlaps(&other[i], set)
            || (ngx_llm_request_limit(&other[i])
                && ngx_llm_request_limit(set)))
        {
            return &other[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_llm_params_merge(ngx_conf_t *cf, ngx_array_t *provider,
    ngx_array_t *model, ngx_array_t **sets)
{
    ngx_uint_t      i;
    ngx_array_t    *all;
    ngx_llm_set_t  *set, *one;

    *sets = NULL;

    if (provider == NULL && model == NULL) {
        return NGX_OK;
    }

    all = ngx_array_create(cf->pool, 4, sizeof(ngx_llm_set_t));
    if (all == NULL) {
        return NGX_ERROR;
    }

    set = model ? model->elts : NULL;

    for (i = 0; set && i < model->nelts; i++) {

        one = ngx_array_push(all);
        if (one == NULL) {
            return NGX_ERROR;
        }

        *one = set[i];
    }

    set = provider ? provider->elts : NULL;

    for (i = 0; set && i < provider->nelts; i++) {

        if (model && ngx_http_llm_set_overlap(model, &set[i])) {
            continue;
        }

        one = ngx_array_push(all);
        if (one == NULL) {
            return NGX_ERROR;
        }

        *one = set[i];
    }

    ngx_sort(all->elts, all->nelts, sizeof(ngx_llm_set_t), ngx_llm_set_cmp);

    *sets = all;

    return NGX_OK;
}
