
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Directives, configurations, and the module itself.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"
#include "ngx_http_llm_relay.h"
#include "ngx_http_llm_keepalive.h"
#include "ngx_http_llm_account.h"
#include "ngx_http_llm_limit.h"
#include "ngx_http_llm_price.h"
#include "ngx_http_llm_state.h"
#include "ngx_http_llm_walk.h"
#include "ngx_http_llm_api.h"


/* what a gateway should take and keep in memory; see the warnings */

#define NGX_HTTP_LLM_BODY_SIZE    (8 * 1024 * 1024)
#define NGX_HTTP_LLM_BUFFER_SIZE  (128 * 1024)


static char *ngx_http_llm_gateway(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void ngx_http_llm_gateway_prefix(ngx_str_t *name,
    ngx_str_t *prefix);
static char *ngx_http_llm_allow_models(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llm_auth(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llm_auth_variable(ngx_conf_t *cf,
    ngx_http_llm_loc_conf_t *llcf, ngx_str_t *value);
static char *ngx_http_llm_next(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

static ngx_int_t ngx_http_llm_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_llm_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_llm_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_llm_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_llm_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_llm_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_llm_merge_gateway(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf, ngx_http_llm_loc_conf_t *prev,
    ngx_http_llm_loc_conf_t *conf);
static ngx_int_t ngx_http_llm_init_process(ngx_cycle_t *cycle);
static void ngx_http_llm_exit_process(ngx_cycle_t *cycle);
static void ngx_http_llm_exit_master(ngx_cycle_t *cycle);


/* prefixes of variables that say what any client may write */

static ngx_str_t  ngx_http_llm_client_variables[] = {
    ngx_string("arg_"),
    ngx_string("cookie_"),
    ngx_string("http_"),
    ngx_null_string
};


static ngx_command_t  ngx_http_llm_commands[] = {

    { ngx_string("llm_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_usage_log"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_llm_usage_log,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_state"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_llm_state,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_provider"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_llm_provider,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_model"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_llm_model,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_llm_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_team"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_llm_team,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_timezone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_timezone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_prices"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_prices,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_unpriced"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_llm_unpriced,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_peers"),
      NGX_HTTP_UPS_CONF|NGX_CONF_NOARGS,
      ngx_http_llm_peers,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_gateway"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_llm_gateway,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_relay"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_relay,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_mock"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_llm_mock,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_llm_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_llm_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_admin_token"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_llm_admin_token,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_models"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_llm_allow_models,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_teams"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_llm_allow_teams,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, teams),
      NULL },

    { ngx_string("llm_route"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, route),
      NULL },

    { ngx_string("llm_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_auth,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_user"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, user),
      NULL },

    { ngx_string("llm_user_required"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, user_required),
      NULL },

    { ngx_string("llm_tag"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_http_llm_loc_tag,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, tags),
      NULL },

    { ngx_string("llm_limits_dry_run"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, dry_run),
      NULL },

    { ngx_string("llm_tries"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, tries),
      NULL },

    { ngx_string("llm_next"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_llm_next,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_next_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, next_timeout),
      NULL },

    { ngx_string("llm_ignore_client_abort"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, ignore_client_abort),
      NULL },

    { ngx_string("llm_usage_cost"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, usage_cost),
      NULL },

    { ngx_string("llm_stream_keepalive"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_stream_keepalive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_llm_module_ctx = {
    ngx_http_llm_preconfiguration,         /* preconfiguration */
    ngx_http_llm_postconfiguration,        /* postconfiguration */

    ngx_http_llm_create_main_conf,         /* create main configuration */
    ngx_http_llm_init_main_conf,           /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_llm_create_loc_conf,          /* create location configuration */
    ngx_http_llm_merge_loc_conf            /* merge location configuration */
};


ngx_module_t  ngx_http_llm_module = {
    NGX_MODULE_V1,
    &ngx_http_llm_module_ctx,              /* module context */
    ngx_http_llm_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_llm_init_process,             /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_llm_exit_process,             /* exit process */
    ngx_http_llm_exit_master,              /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_http_llm_gateway(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 unnamed;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_llm_main_conf_t  *lmcf;

    if (llcf->relay_name.data) {
        return "cannot stand beside \"llm_relay\"";
    }

    if (llcf->gateway != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    value = cf->args->elts;

    unnamed = clcf->named;

#if (NGX_PCRE)
    if (clcf->regex) {
        unnamed = 1;
    }
#endif

    if (cf->args->nelts == 2) {

        if (ngx_strncmp(value[1].data, "prefix=", 7) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", it must be "
                               "\"prefix=/path\"", &value[1]);
            return NGX_CONF_ERROR;
        }

        llcf->prefix.data = value[1].data + 7;
        llcf->prefix.len = value[1].len - 7;

        if (llcf->prefix.len && llcf->prefix.data[0] != '/') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "prefix \"%V\" must start with \"/\"",
                               &llcf->prefix);
            return NGX_CONF_ERROR;
        }

        while (llcf->prefix.len
               && llcf->prefix.data[llcf->prefix.len - 1] == '/')
        {
            llcf->prefix.len--;
        }

    } else if (unnamed) {
        return "needs \"prefix=\" in a location that is named or given by "
               "regular expression";

    } else {
        ngx_http_llm_gateway_prefix(&clcf->name, &llcf->prefix);
    }

    llcf->gateway = 1;
    llcf->file = cf->conf_file->file.name.data;
    llcf->line = cf->conf_file->line;

    clcf->handler = ngx_http_llm_handler;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);
    lmcf->ngateways++;

    return NGX_CONF_OK;
}


/* the location's name up to a final "/v1" or "/v1/...", or without its "/" */

static void
ngx_http_llm_gateway_prefix(ngx_str_t *name, ngx_str_t *prefix)
{
    size_t   len, n;
    u_char  *p;

    p = name->data;
    len = name->len;

    for (n = len; n >= 3; n--) {
        if (ngx_strncmp(&p[n - 3], "/v1", 3) == 0
            && (n == len || p[n] == '/'))
        {
            len = n - 3;
            break;
        }
    }

    while (len && p[len - 1] == '/') {
        len--;
    }

    prefix->data = p;
    prefix->len = len;
}


static char *
ngx_http_llm_allow_models(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    if (llcf->models != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    return ngx_http_llm_patterns(cf, &llcf->models);
}


static char *
ngx_http_llm_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_str_t  *value;

    if (llcf->auth != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "on") == 0) {
        llcf->auth = NGX_HTTP_LLM_AUTH_ON;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {
        llcf->auth = NGX_HTTP_LLM_AUTH_OFF;
        return NGX_CONF_OK;
    }

    return ngx_http_llm_auth_variable(cf, llcf, &value[1]);
}


static char *
ngx_http_llm_auth_variable(ngx_conf_t *cf, ngx_http_llm_loc_conf_t *llcf,
    ngx_str_t *value)
{
    u_char                            *p, *last, c;
    ngx_str_t                         *prefix, name;
    ngx_http_llm_main_conf_t          *lmcf;
    ngx_http_compile_complex_value_t   ccv;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);
    lmcf->proven++;

    p = value->data;
    last = p + value->len;

    if (value->len < 2 || *p++ != '$') {
        goto invalid;
    }

    /* one variable and nothing else, or an empty one would go unnoticed */

    if (*p == '{') {
        p++;

        if (last[-1] != '}') {
            goto invalid;
        }

        last--;
    }

    name.data = p;
    name.len = last - p;

    while (p < last) {
        c = (u_char) (*p | 0x20);

        if (*p != '_' && (*p < '0' || *p > '9') && (c < 'a' || c > 'z')) {
            goto invalid;
        }

        p++;
    }

    for (prefix = ngx_http_llm_client_variables; prefix->len; prefix++) {
        if (name.len >= prefix->len
            && ngx_strncasecmp(name.data, prefix->data, prefix->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "variable \"$%V\" in \"llm_auth\" proves "
                               "nothing: any client can set it", &name);
            return NGX_CONF_ERROR;
        }
    }

    llcf->auth_variable = ngx_palloc(cf->pool,
                                     sizeof(ngx_http_complex_value_t));
    if (llcf->auth_variable == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = llcf->auth_variable;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    llcf->auth = NGX_HTTP_LLM_AUTH_VARIABLE;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\", it must be \"on\", \"off\" or "
                       "one variable", value);
    return NGX_CONF_ERROR;
}


static char *
ngx_http_llm_next(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    if (llcf->next != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    return ngx_http_llm_fail_masks(cf, &llcf->next);
}


static ngx_int_t
ngx_http_llm_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_llm_variables_init(cf);
}


/* nothing is set up, and no filter runs, where no directive is used */

static ngx_int_t
ngx_http_llm_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (lmcf->ngateways == 0
        && lmcf->providers.nelts == 0
        && lmcf->models.nelts == 0
        && lmcf->keys.nelts == 0
        && lmcf->team_names.patterns.nelts == 0)
    {
        return NGX_OK;
    }

    if (ngx_http_llm_usage_log_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_state_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_zone_init_default(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_models_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_prices_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_teams_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_keys_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_limits_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_providers_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_relay_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (lmcf->ngateways == 0) {
        return NGX_OK;
    }

    return ngx_http_llm_error_init(cf);
}


static void *
ngx_http_llm_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_llm_main_conf_t  *lmcf;

    /*
     * set by ngx_pcalloc():
     *
     *     lmcf->zone = NULL;
     *     lmcf->secrets = NULL;
     *     lmcf->runtime = NULL;
     *     lmcf->attempt_limits = 0;
     *     lmcf->typical = NULL;
     *     lmcf->prices = NULL;
     *     lmcf->nlimits = 0;
     *     lmcf->usage_log = NULL;
     *     lmcf->state = NULL;
     *     lmcf->ngateways = 0;
     *     lmcf->nstats = 0;
     *     lmcf->nwriters = 0;
     */

    lmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_main_conf_t));
    if (lmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&lmcf->providers, cf->pool, 4,
                       sizeof(ngx_http_llm_provider_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&lmcf->models, cf->pool, 4,
                       sizeof(ngx_http_llm_model_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&lmcf->keys, cf->pool, 4,
                       sizeof(ngx_http_llm_key_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_llm_names_init(cf, &lmcf->model_names) != NGX_OK) {
        return NULL;
    }

    if (ngx_http_llm_names_init(cf, &lmcf->key_names) != NGX_OK) {
        return NULL;
    }

    if (ngx_http_llm_names_init(cf, &lmcf->team_names) != NGX_OK) {
        return NULL;
    }

    if (ngx_array_init(&lmcf->team_refs, cf->pool, 1,
                       sizeof(ngx_http_llm_team_ref_t))
        != NGX_OK)
    {
        return NULL;
    }

    lmcf->calendar = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_calendar_t));
    if (lmcf->calendar == NULL) {
        return NULL;
    }

    ngx_llm_tz_init(&lmcf->calendar->tz);

    lmcf->cycle = cf->cycle;

    ngx_queue_init(&lmcf->accounts);

    return lmcf;
}


static char *
ngx_http_llm_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_llm_main_conf_t  *lmcf = conf;

    ngx_http_llm_upstream_conf(&lmcf->upstream);

    ngx_str_set(&lmcf->uscf.host, "llm");
    lmcf->uscf.file_name = cf->conf_file->file.name.data;
    lmcf->uscf.line = cf->conf_file->line;
    lmcf->uscf.peer.init = ngx_http_llm_init_peer;

    lmcf->upstream.upstream = &lmcf->uscf;

    lmcf->upstream_ignore = lmcf->upstream;
    lmcf->upstream_ignore.ignore_client_abort = 1;

    lmcf->created = ngx_time();

    return NGX_CONF_OK;
}


static void *
ngx_http_llm_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_loc_conf_t));
    if (llcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     llcf->prefix = { 0, NULL };
     *     llcf->mock = NULL;
     *     llcf->handler = NULL;
     *     llcf->api_prefix = { 0, NULL };
     *     llcf->auth_variable = NULL;
     *     llcf->error_pages = NULL;
     *     llcf->file = NULL;
     *     llcf->line = 0;
     *     llcf->no_pages = 0;
     */

    llcf->gateway = NGX_CONF_UNSET;
    llcf->auth = NGX_CONF_UNSET_UINT;
    llcf->route = NGX_CONF_UNSET_PTR;
    llcf->user = NGX_CONF_UNSET_PTR;
    llcf->models = NGX_CONF_UNSET_PTR;
    llcf->teams = NGX_CONF_UNSET_PTR;
    llcf->tags = NGX_CONF_UNSET_PTR;
    llcf->api_tokens = NGX_CONF_UNSET_PTR;
    llcf->user_required = NGX_CONF_UNSET;
    llcf->dry_run = NGX_CONF_UNSET;
    llcf->tries = NGX_CONF_UNSET_UINT;
    llcf->next = NGX_CONF_UNSET_UINT;
    llcf->next_timeout = NGX_CONF_UNSET_MSEC;
    llcf->ignore_client_abort = NGX_CONF_UNSET;
    llcf->usage_cost = NGX_CONF_UNSET;
    llcf->stream_keepalive = NGX_CONF_UNSET_MSEC;

    return llcf;
}


static char *
ngx_http_llm_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_llm_loc_conf_t  *prev = parent;
    ngx_http_llm_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    if (conf->auth == NGX_CONF_UNSET_UINT) {
        conf->auth_variable = prev->auth_variable;
    }

    ngx_conf_merge_uint_value(conf->auth, prev->auth, NGX_HTTP_LLM_AUTH_ON);
    ngx_conf_merge_ptr_value(conf->route, prev->route, NULL);
    ngx_conf_merge_ptr_value(conf->user, prev->user, NULL);
    ngx_conf_merge_ptr_value(conf->models, prev->models, NULL);
    ngx_conf_merge_ptr_value(conf->teams, prev->teams, NULL);
    ngx_conf_merge_ptr_value(conf->tags, prev->tags, NULL);
    ngx_conf_merge_ptr_value(conf->api_tokens, prev->api_tokens, NULL);
    ngx_conf_merge_value(conf->user_required, prev->user_required, 0);
    ngx_conf_merge_value(conf->dry_run, prev->dry_run, 0);
    ngx_conf_merge_uint_value(conf->tries, prev->tries, 0);
    ngx_conf_merge_uint_value(conf->next, prev->next, NGX_LLM_FAIL_DEFAULT);
    ngx_conf_merge_msec_value(conf->next_timeout, prev->next_timeout,
                              120000);
    ngx_conf_merge_value(conf->ignore_client_abort,
                         prev->ignore_client_abort, 0);
    ngx_conf_merge_value(conf->usage_cost, prev->usage_cost, 0);
    ngx_conf_merge_msec_value(conf->stream_keepalive, prev->stream_keepalive,
                              15000);

    /* the core's configuration is merged before */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    conf->error_pages = clcf->error_pages;

    /* "if" and "limit_except" are locations inside of one */

    if (clcf->noname && conf->handler == NULL && prev->handler) {
        conf->handler = prev->handler;
        conf->api_prefix = prev->api_prefix;

        if (clcf->lmt_excpt && clcf->handler == NULL) {
            clcf->handler = conf->handler;
        }
    }

    if (clcf->noname && conf->gateway == NGX_CONF_UNSET) {

        if (conf->mock == NULL) {
            conf->mock = prev->mock;
        }

        if (prev->gateway == 1) {
            conf->gateway = 1;
            conf->prefix = prev->prefix;

            if (prev->relay_name.data
                && ngx_http_llm_relay_inherit(cf, prev, conf) != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

            if (clcf->lmt_excpt && clcf->handler == NULL) {
                clcf->handler = ngx_http_llm_handler;
            }

            if (prev->no_pages && clcf->error_pages == prev->error_pages) {
                clcf->error_pages = NULL;
                conf->no_pages = 1;
            }
        }
    }

    if (conf->gateway == NGX_CONF_UNSET) {
        conf->gateway = 0;
    }

    if (conf->gateway == 0 || clcf->noname) {
        return NGX_CONF_OK;
    }

    return ngx_http_llm_merge_gateway(cf, clcf, prev, conf);
}


static char *
ngx_http_llm_merge_gateway(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf,
    ngx_http_llm_loc_conf_t *prev, ngx_http_llm_loc_conf_t *conf)
{
    ngx_http_llm_main_conf_t  *lmcf;

    if (conf->mock) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"llm_gateway\" and \"llm_mock\" in one location "
                      "in %s:%ui", conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    /* pages of the whole server are for browsers, not for API clients */

    if (clcf->error_pages && clcf->error_pages == prev->error_pages) {
        clcf->error_pages = NULL;
        conf->no_pages = 1;
    }

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (conf->auth != NGX_HTTP_LLM_AUTH_OFF && lmcf->keys.nelts == 0
        && lmcf->nwriters == 0)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "no \"llm_key\" is defined, every request to "
                      "\"llm_gateway\" will be refused in %s:%ui",
                      conf->file, conf->line);
    }

    if (clcf->client_max_body_size > 0
        && clcf->client_max_body_size < NGX_HTTP_LLM_BODY_SIZE)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"client_max_body_size\" is less than 8m for "
                      "\"llm_gateway\", images and long conversations will "
                      "be refused in %s:%ui", conf->file, conf->line);
    }

    if (clcf->client_body_buffer_size < NGX_HTTP_LLM_BUFFER_SIZE) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"client_body_buffer_size\" is less than 128k for "
                      "\"llm_gateway\", prompts will be written to temporary "
                      "files in %s:%ui", conf->file, conf->line);
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_init_process(ngx_cycle_t *cycle)
{
    void                      *p;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_llm_module);

    if (lmcf == NULL || lmcf->providers.nelts == 0) {
        return NGX_OK;
    }

    /*
     * glibc gives what is free at the end of the heap back to the system when
     * it is more than 128k, which a few long prompts are, and takes it again
     * page by page.  It keeps twice the largest block that was ever freed: a
     * worker behaves from the start as one that has seen a large body.
     */

    p = ngx_alloc(NGX_HTTP_LLM_BODY_SIZE, cycle->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_free(p);

    if (ngx_http_llm_ledger_init_process(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_usage_log_init_process(cycle, lmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_helper_init_process(cycle, lmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_peers_init_process(cycle);
}


/* on SIGTERM requests are dropped as they are: no cleanup of theirs runs */

static void
ngx_http_llm_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_llm_module);

    if (lmcf == NULL || lmcf->providers.nelts == 0) {
        return;
    }

    ngx_http_llm_account_shutdown(cycle);
}


static void
ngx_http_llm_exit_master(ngx_cycle_t *cycle)
{
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_llm_module);

    if (lmcf) {
        ngx_http_llm_helper_exit_master(cycle, lmcf);
    }
}
