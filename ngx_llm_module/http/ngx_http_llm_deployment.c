
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Deployments of a model: which provider serves it, under which name.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"
#include "ngx_http_llm_params.h"
#include "ngx_http_llm_price.h"


#define NGX_HTTP_LLM_MAX_WEIGHT  65535
#define NGX_HTTP_LLM_MAX_TIER    255


static char *ngx_http_llm_deployment_param(ngx_conf_t *cf,
    ngx_http_llm_deployment_t *dep, ngx_str_t *param);


char *
ngx_http_llm_deployment(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_model_t  *model = conf;

    u_char                     *p;
    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_http_llm_pattern_t    **pattern;
    ngx_http_llm_deployment_t  *dep, *other;

    value = cf->args->elts;

    if (value[2].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "empty model name in "
                           "\"deployment\"");
        return NGX_CONF_ERROR;
    }

    dep = ngx_array_push(&model->deployments);
    if (dep == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(dep, sizeof(ngx_http_llm_deployment_t));

    dep->model = model;
    dep->provider_name = value[1];
    dep->name = value[2];
    dep->weight = NGX_CONF_UNSET;
    dep->tier = NGX_CONF_UNSET_UINT;
    dep->file = cf->conf_file->file.name.data;
    dep->line = cf->conf_file->line;

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_http_llm_deployment_param(cf, dep, &value[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    ngx_conf_init_value(dep->weight, 1);
    ngx_conf_init_uint_value(dep->tier, 0);

    p = ngx_pnalloc(cf->pool, model->name.len + dep->provider_name.len
                              + dep->name.len + 2);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    dep->id.data = p;
    dep->id.len = ngx_sprintf(p, "%V/%V/%V", &model->name,
                              &dep->provider_name, &dep->name)
                  - p;

    if (ngx_http_llm_price_done(cf, dep) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    other = model->deployments.elts;

    for (i = 0; i < model->deployments.nelts - 1; i++) {
        if (other[i].id.len == dep->id.len
            && ngx_memcmp(other[i].id.data, dep->id.data, dep->id.len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate deployment \"%V\", first defined "
                               "in %s:%ui",
                               &dep->id, other[i].file, other[i].line);
            return NGX_CONF_ERROR;
        }
    }

    pattern = model->patterns.elts;

    for (i = 0; i < model->patterns.nelts; i++) {
        if (ngx_http_llm_deployment_templates(cf, dep, pattern[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_deployment_param(ngx_conf_t *cf, ngx_http_llm_deployment_t *dep,
    ngx_str_t *param)
{
    ngx_int_t  n;

    if (ngx_strcmp(param->data, "down") == 0) {

        if (dep->down) {
            goto duplicate;
        }

        dep->down = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(param->data, "weight=", 7) == 0) {

        if (dep->weight != NGX_CONF_UNSET) {
            goto duplicate;
        }

        n = ngx_atoi(param->data + 7, param->len - 7);
        if (n < 1 || n > NGX_HTTP_LLM_MAX_WEIGHT) {
            goto invalid;
        }

        dep->weight = n;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(param->data, "tier=", 5) == 0) {

        if (dep->tier != NGX_CONF_UNSET_UINT) {
            goto duplicate;
        }

        n = ngx_atoi(param->data + 5, param->len - 5);
        if (n == NGX_ERROR || n > NGX_HTTP_LLM_MAX_TIER) {
            goto invalid;
        }

        dep->tier = n;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(param->data, "as=", 3) == 0) {

        if (dep->as.data) {
            goto duplicate;
        }

        dep->as.data = param->data + 3;
        dep->as.len = param->len - 3;

        if (dep->as.len == 0) {
            goto invalid;
        }

        return NGX_CONF_OK;
    }

    switch (ngx_http_llm_price_param(cf, dep, param)) {

    case NGX_OK:
        return NGX_CONF_OK;

    case NGX_ERROR:
        return NGX_CONF_ERROR;
    }

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\", it must be \"weight=\" and "
                       "1 to %d, \"tier=\" and 0 to %d, \"as=name\", \"down\" "
                       "or a price",
                       param, NGX_HTTP_LLM_MAX_WEIGHT, NGX_HTTP_LLM_MAX_TIER);
    return NGX_CONF_ERROR;

duplicate:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate parameter \"%V\"",
                       param);
    return NGX_CONF_ERROR;
}


char *
ngx_http_llm_deployment_templates(ngx_conf_t *cf,
    ngx_http_llm_deployment_t *dep, ngx_http_llm_pattern_t *pattern)
{
    if (ngx_http_llm_template_check(cf, &dep->name, pattern) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_llm_template_check(cf, &dep->as, pattern);
}


ngx_int_t
ngx_http_llm_deployment_init(ngx_conf_t *cf, ngx_http_llm_deployment_t *dep)
{
    dep->provider = ngx_http_llm_provider_find(cf, &dep->provider_name);

    if (dep->provider == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "unknown provider \"%V\" in %s:%ui",
                      &dep->provider_name, dep->file, dep->line);
        return NGX_ERROR;
    }

    return ngx_http_llm_params_merge(cf, dep->provider->sets,
                                     dep->model->sets, &dep->sets);
}
