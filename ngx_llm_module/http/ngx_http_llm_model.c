
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Public model names: which deployments serve them, and what comes after.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"
#include "ngx_http_llm_limit.h"
#include "ngx_http_llm_params.h"
#include "ngx_http_llm_price.h"


static ngx_int_t ngx_http_llm_model_start(ngx_conf_t *cf,
    ngx_http_llm_model_t *model);
static char *ngx_http_llm_model_add(ngx_conf_t *cf,
    ngx_http_llm_model_t *model, ngx_str_t *text);
static char *ngx_http_llm_model_check(ngx_conf_t *cf,
    ngx_http_llm_model_t *model);
static void ngx_http_llm_model_defaults(ngx_http_llm_model_t *model);

static char *ngx_http_llm_model_fallback(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llm_model_fallback_on(ngx_conf_t *cf,
    ngx_http_llm_fallback_t *fallback, ngx_str_t *classes);
static char *ngx_http_llm_model_alias(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llm_model_list(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llm_model_next(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llm_model_cooldown(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llm_model_max_tokens(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);

static ngx_int_t ngx_http_llm_model_init(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf, ngx_http_llm_model_t *model);
static ngx_int_t ngx_http_llm_fallback_init(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf, ngx_http_llm_model_t *model,
    ngx_http_llm_fallback_t *fallback);


static ngx_command_t  ngx_http_llm_model_commands[] = {

    { ngx_string("deployment"),
      NGX_CONF_2MORE,
      ngx_http_llm_deployment,
      0,
      0,
      NULL },

    { ngx_string("fallback"),
      NGX_CONF_1MORE,
      ngx_http_llm_model_fallback,
      0,
      0,
      NULL },

    { ngx_string("route"),
      NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      0,
      offsetof(ngx_http_llm_model_t, route),
      NULL },

    { ngx_string("alias"),
      NGX_CONF_1MORE,
      ngx_http_llm_model_alias,
      0,
      0,
      NULL },

    { ngx_string("list"),
      NGX_CONF_1MORE,
      ngx_http_llm_model_list,
      0,
      0,
      NULL },

    { ngx_string("tries"),
      NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      0,
      offsetof(ngx_http_llm_model_t, tries),
      NULL },

    { ngx_string("next"),
      NGX_CONF_1MORE,
      ngx_http_llm_model_next,
      0,
      0,
      NULL },

    { ngx_string("cooldown"),
      NGX_CONF_1MORE,
      ngx_http_llm_model_cooldown,
      0,
      0,
      NULL },

    { ngx_string("connect_timeout"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_llm_model_t, clocks.connect),
      NULL },

    { ngx_string("first_token_timeout"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_llm_model_t, clocks.first_token),
      NULL },

    { ngx_string("read_timeout"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_llm_model_t, clocks.read),
      NULL },

    { ngx_string("total_timeout"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_llm_model_t, clocks.total),
      NULL },

    { ngx_string("max_tokens"),
      NGX_CONF_TAKE1,
      ngx_http_llm_model_max_tokens,
      0,
      0,
      NULL },

    { ngx_string("price"),
      NGX_CONF_1MORE,
      ngx_http_llm_price,
      0,
      0,
      NULL },

    { ngx_string("context"),
      NGX_CONF_TAKE1,
      ngx_http_llm_context,
      0,
      0,
      NULL },

    { ngx_string("drop_params"),
      NGX_CONF_1MORE,
      ngx_http_llm_drop_params,
      0,
      offsetof(ngx_http_llm_model_t, drop),
      NULL },

    { ngx_string("set_param"),
      NGX_CONF_TAKE2|NGX_CONF_TAKE3,
      ngx_http_llm_set_param,
      0,
      offsetof(ngx_http_llm_model_t, sets),
      NULL },

    { ngx_string("rate"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_model_t, limits),
      NULL },

    { ngx_string("quota"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_model_t, limits),
      NULL },

    { ngx_string("concurrency"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_model_t, limits),
      NULL },

      ngx_null_command
};


char *
ngx_http_llm_model(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *lmcf = conf;

    char                   *rv;
    ngx_str_t              *value;
    ngx_http_llm_model_t   *model, **p;

    value = cf->args->elts;

    model = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_model_t));
    if (model == NULL) {
        return NGX_CONF_ERROR;
    }

    model->name = value[1];

    if (ngx_http_llm_model_start(cf, model) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_model_add(cf, model, &value[1]) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    p = ngx_array_push(&lmcf->models);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    *p = model;

    rv = ngx_http_llm_block(cf, ngx_http_llm_model_commands, model,
                            "llm_model");

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_http_llm_model_check(cf, model) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_http_llm_model_defaults(model);

    ngx_http_llm_limits_owner(model->limits, "model", &model->name, 0);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_model_start(ngx_conf_t *cf, ngx_http_llm_model_t *model)
{
    /*
     * set by ngx_pcalloc():
     *
     *     model->route = NULL;
     *     model->next = 0;
     *     model->drop = 0;
     *     model->sets = NULL;
     *     model->max_tokens = 0;
     */

    model->file = cf->conf_file->file.name.data;
    model->line = cf->conf_file->line;

    model->tries = NGX_CONF_UNSET_UINT;

    model->clocks.connect = NGX_CONF_UNSET_MSEC;
    model->clocks.first_token = NGX_CONF_UNSET_MSEC;
    model->clocks.read = NGX_CONF_UNSET_MSEC;
    model->clocks.total = NGX_CONF_UNSET_MSEC;

    model->cooldown_fails = NGX_CONF_UNSET_UINT;
    model->cooldown_window = NGX_CONF_UNSET_MSEC;
    model->cooldown_time = NGX_CONF_UNSET_MSEC;
    model->cooldown_max = NGX_CONF_UNSET_MSEC;

    if (ngx_array_init(&model->patterns, cf->pool, 1,
                       sizeof(ngx_http_llm_pattern_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_array_init(&model->deployments, cf->pool, 1,
                       sizeof(ngx_http_llm_deployment_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_array_init(&model->fallbacks, cf->pool, 1,
                       sizeof(ngx_http_llm_fallback_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_array_init(&model->list, cf->pool, 1, sizeof(ngx_str_t));
}


/* one more name of the model: its own, or an alias */

static char *
ngx_http_llm_model_add(ngx_conf_t *cf, ngx_http_llm_model_t *model,
    ngx_str_t *text)
{
    ngx_uint_t                  i;
    ngx_http_llm_pattern_t    **pattern, **all;
    ngx_http_llm_main_conf_t   *lmcf;
    ngx_http_llm_deployment_t  *dep;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (ngx_http_llm_names_add(cf, &lmcf->model_names, text, model, "model")
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    pattern = ngx_array_push(&model->patterns);
    if (pattern == NULL) {
        return NGX_CONF_ERROR;
    }

    all = lmcf->model_names.patterns.elts;
    *pattern = all[lmcf->model_names.patterns.nelts - 1];

    /* deployments that stand above an alias */

    dep = model->deployments.elts;

    for (i = 0; i < model->deployments.nelts; i++) {
        if (ngx_http_llm_deployment_templates(cf, &dep[i], *pattern)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_model_check(ngx_conf_t *cf, ngx_http_llm_model_t *model)
{
    char  *text;

    text = NULL;

    if (model->route) {

        if (model->deployments.nelts) {
            text = "has both \"route\" and \"deployment\"";

        } else if (model->fallbacks.nelts) {
            text = "has both \"route\" and \"fallback\"";
        }

    } else if (model->deployments.nelts == 0) {
        text = "has neither \"deployment\" nor \"route\"";
    }

    if (text) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "model \"%V\" %s in %s:%ui",
                      &model->name, text, model->file, model->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void
ngx_http_llm_model_defaults(ngx_http_llm_model_t *model)
{
    ngx_uint_t                  i, n;
    ngx_http_llm_deployment_t  *dep;

    ngx_conf_init_uint_value(model->tries, 0);

    /* where nothing else could serve, a cooldown would only add refusals */

    dep = model->deployments.elts;
    n = 0;

    for (i = 0; i < model->deployments.nelts; i++) {
        n += !dep[i].down;
    }

    if (n < 2 && model->fallbacks.nelts == 0) {
        ngx_conf_init_uint_value(model->cooldown_fails, 0);
    }

    ngx_conf_init_uint_value(model->cooldown_fails, 3);
    ngx_conf_init_msec_value(model->cooldown_window, 30000);
    ngx_conf_init_msec_value(model->cooldown_time, 10000);
    ngx_conf_init_msec_value(model->cooldown_max,
                             ngx_max(model->cooldown_time, 300000));
}


static char *
ngx_http_llm_model_fallback(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_model_t  *model = conf;

    char                     *rv;
    ngx_str_t                *value, *name, classes;
    ngx_uint_t                i;
    ngx_http_llm_fallback_t  *fallback;

    value = cf->args->elts;

    fallback = ngx_array_push(&model->fallbacks);
    if (fallback == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(fallback, sizeof(ngx_http_llm_fallback_t));

    fallback->file = cf->conf_file->file.name.data;
    fallback->line = cf->conf_file->line;

    if (ngx_array_init(&fallback->names, cf->pool, cf->args->nelts - 1,
                       sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    i = 1;

    if (ngx_strncmp(value[1].data, "on=", 3) == 0) {

        classes.data = value[1].data + 3;
        classes.len = value[1].len - 3;

        rv = ngx_http_llm_model_fallback_on(cf, fallback, &classes);
        if (rv != NGX_CONF_OK) {
            return rv;
        }

        i = 2;
    }

    if (i == cf->args->nelts) {
        return "has no model name";
    }

    for ( /* void */ ; i < cf->args->nelts; i++) {

        if (value[i].len == 0
            || value[i].data[0] == '~'
            || ngx_strlchr(value[i].data, value[i].data + value[i].len, '*'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" in \"fallback\" is not the name of one "
                               "model", &value[i]);
            return NGX_CONF_ERROR;
        }

        name = ngx_array_push(&fallback->names);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = value[i];
    }

    return NGX_CONF_OK;
}


/* classes of failures, and "embeddings", which is no failure */

static char *
ngx_http_llm_model_fallback_on(ngx_conf_t *cf,
    ngx_http_llm_fallback_t *fallback, ngx_str_t *classes)
{
    u_char     *p, *last;
    ngx_str_t   word;

    p = classes->data;
    last = p + classes->len;

    for ( ;; ) {
        word.data = p;

        while (p < last && *p != ',') {
            p++;
        }

        word.len = p - word.data;

        if (word.len == sizeof("embeddings") - 1
            && ngx_strncmp(word.data, "embeddings", word.len) == 0)
        {
            fallback->embeddings = 1;

        } else if (ngx_http_llm_fail_mask(cf, &word, &fallback->on)
                   != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        if (p == last) {
            break;
        }

        p++;
    }

    if (fallback->on & NGX_HTTP_LLM_NEXT_OFF) {
        return "cannot be \"on=off\"";
    }

    if (fallback->on == 0) {

        /* "embeddings" alone serves no chat */

        fallback->on = NGX_HTTP_LLM_NEXT_OFF;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_model_alias(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_model_t  *model = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_llm_model_add(cf, model, &value[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* names of a pattern that /v1/models shows */

static char *
ngx_http_llm_model_list(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_model_t  *model = conf;

    ngx_str_t   *value, *name;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        name = ngx_array_push(&model->list);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = value[i];
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_model_next(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_model_t  *model = conf;

    if (model->next) {
        return "is duplicate";
    }

    return ngx_http_llm_fail_masks(cf, &model->next);
}


static char *
ngx_http_llm_model_cooldown(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_model_t  *model = conf;

    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_msec_t  *msec;
    ngx_uint_t   i;

    if (model->cooldown_fails != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {

        if (cf->args->nelts > 2) {
            i = 2;
            goto invalid;
        }

        model->cooldown_fails = 0;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "fails=", 6) == 0) {

            n = ngx_atoi(value[i].data + 6, value[i].len - 6);

            if (n < 1 || model->cooldown_fails != NGX_CONF_UNSET_UINT) {
                goto invalid;
            }

            model->cooldown_fails = n;
            continue;
        }

        if (ngx_strncmp(value[i].data, "window=", 7) == 0) {
            s.data = value[i].data + 7;
            msec = &model->cooldown_window;

        } else if (ngx_strncmp(value[i].data, "time=", 5) == 0) {
            s.data = value[i].data + 5;
            msec = &model->cooldown_time;

        } else if (ngx_strncmp(value[i].data, "max=", 4) == 0) {
            s.data = value[i].data + 4;
            msec = &model->cooldown_max;

        } else {
            goto invalid;
        }

        s.len = value[i].data + value[i].len - s.data;

        n = ngx_parse_time(&s, 0);

        if (n < 1 || *msec != NGX_CONF_UNSET_MSEC) {
            goto invalid;
        }

        *msec = n;
    }

    ngx_conf_init_uint_value(model->cooldown_fails, 3);
    ngx_conf_init_msec_value(model->cooldown_time, 10000);

    if (model->cooldown_max < model->cooldown_time) {
        return "has \"max\" less than \"time\"";
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\", it must be \"fails=\" and "
                       "a number, \"window=\", \"time=\" or \"max=\" and a "
                       "time, above 0 and each once, or \"off\" alone",
                       &value[i]);
    return NGX_CONF_ERROR;
}


static char *
ngx_http_llm_model_max_tokens(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_model_t  *model = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (model->max_tokens) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it must be a number above 0",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    model->max_tokens = n;

    return NGX_CONF_OK;
}


/* with all names known: what they refer to */

ngx_int_t
ngx_http_llm_models_init(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_llm_model_t      **model;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (ngx_http_llm_names_done(cf, &lmcf->model_names) != NGX_OK) {
        return NGX_ERROR;
    }

    model = lmcf->models.elts;

    for (i = 0; i < lmcf->models.nelts; i++) {
        if (ngx_http_llm_model_init(cf, lmcf, model[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_model_init(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_model_t *model)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i;
    ngx_http_llm_pattern_t     *pattern;
    ngx_http_llm_fallback_t    *fallback;
    ngx_http_llm_deployment_t  *dep;

    dep = model->deployments.elts;

    for (i = 0; i < model->deployments.nelts; i++) {
        if (ngx_http_llm_deployment_init(cf, &dep[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    fallback = model->fallbacks.elts;

    for (i = 0; i < model->fallbacks.nelts; i++) {
        if (ngx_http_llm_fallback_init(cf, lmcf, model, &fallback[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    name = model->list.elts;

    for (i = 0; i < model->list.nelts; i++) {

        pattern = ngx_http_llm_names_find(&lmcf->model_names, &name[i], NULL);

        if (pattern == NULL || pattern->value != model) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"%V\" in \"list\" is not served by model \"%V\" "
                          "in %s:%ui",
                          &name[i], &model->name, model->file, model->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_fallback_init(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_model_t *model, ngx_http_llm_fallback_t *fallback)
{
    ngx_str_t               *name;
    ngx_uint_t               i;
    ngx_http_llm_model_t    *to;
    ngx_http_llm_pattern_t  *pattern;

    name = fallback->names.elts;

    for (i = 0; i < fallback->names.nelts; i++) {

        pattern = ngx_http_llm_names_find(&lmcf->model_names, &name[i], NULL);

        if (pattern == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown model \"%V\" in \"fallback\" in %s:%ui",
                          &name[i], fallback->file, fallback->line);
            return NGX_ERROR;
        }

        to = pattern->value;

        if (to == model) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "model \"%V\" falls back to itself in %s:%ui",
                          &model->name, fallback->file, fallback->line);
            return NGX_ERROR;
        }

        if (to->route) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "model \"%V\" in \"fallback\" has a \"route\" "
                          "and no deployments in %s:%ui",
                          &name[i], fallback->file, fallback->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
