
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The block llm_provider: who answers, where, and with which key.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"
#include "ngx_http_llm_limit.h"
#include "ngx_http_llm_params.h"
#include "ngx_http_llm_provider.h"
#include "ngx_http_llm_sign.h"
#include "ngx_http_llm_token.h"
#include "ngx_llm_catalogue.h"


#define NGX_HTTP_LLM_PROVIDER_NAME      64
#define NGX_HTTP_LLM_PROVIDER_KEYS      64


/* the statements set the provider itself, or what is looked at afterwards */

typedef struct {
    ngx_http_llm_provider_t   provider;
    ngx_str_t                 preset;
    ngx_str_t                 dialect;
    ngx_array_t               sources;          /* ngx_str_t: of keys */
} ngx_http_llm_provider_conf_t;


static ngx_http_llm_provider_conf_t *ngx_http_llm_provider_create(
    ngx_conf_t *cf, ngx_str_t *name);
static char *ngx_http_llm_provider_name(ngx_conf_t *cf, ngx_str_t *name);
static ngx_int_t ngx_http_llm_provider_done(ngx_conf_t *cf,
    ngx_http_llm_provider_conf_t *pcf);
static ngx_int_t ngx_http_llm_provider_preset(ngx_conf_t *cf,
    ngx_http_llm_provider_conf_t *pcf, const ngx_llm_preset_t **preset);
static void ngx_http_llm_provider_dialects(ngx_conf_t *cf,
    ngx_http_llm_provider_conf_t *pcf);
static ngx_int_t ngx_http_llm_provider_row(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p, const ngx_llm_preset_t *preset);
static ngx_int_t ngx_http_llm_provider_ssl(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p);
static ngx_int_t ngx_http_llm_provider_keys(ngx_conf_t *cf,
    ngx_http_llm_provider_conf_t *pcf, const ngx_llm_preset_t *preset);

static char *ngx_http_llm_provider_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llm_provider_keepalive(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_llm_provider_positive(ngx_conf_t *cf, void *post,
    void *data);


static ngx_conf_bitmask_t  ngx_http_llm_provider_protocols[] = {
    { ngx_string("TLSv1"), NGX_SSL_TLSv1 },
    { ngx_string("TLSv1.1"), NGX_SSL_TLSv1_1 },
    { ngx_string("TLSv1.2"), NGX_SSL_TLSv1_2 },
    { ngx_string("TLSv1.3"), NGX_SSL_TLSv1_3 },
    { ngx_null_string, 0 }
};


static ngx_conf_num_bounds_t  ngx_http_llm_provider_depth = {
    ngx_conf_check_num_bounds, 0, 100
};


static ngx_conf_post_t  ngx_http_llm_provider_positive_post = {
    ngx_http_llm_provider_positive
};


static ngx_conf_post_t  ngx_http_llm_provider_token_post = {
    ngx_http_llm_provider_token
};


static ngx_conf_post_t  ngx_http_llm_provider_region_post = {
    ngx_http_llm_sign_region_name
};


static ngx_conf_post_t  ngx_http_llm_provider_name_post = {
    ngx_http_llm_token_name
};

static ngx_conf_post_t  ngx_http_llm_provider_client_post = {
    ngx_http_llm_token_client
};


static ngx_command_t  ngx_http_llm_provider_commands[] = {

    { ngx_string("preset"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_conf_t, preset),
      NULL },

    { ngx_string("dialect"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_conf_t, dialect),
      NULL },

    { ngx_string("url"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, url),
      NULL },

    { ngx_string("key"),
      NGX_CONF_1MORE,
      ngx_http_llm_provider_key,
      0,
      0,
      NULL },

    { ngx_string("key_header"),
      NGX_CONF_TAKE12,
      ngx_http_llm_provider_key_header,
      0,
      0,
      NULL },

    { ngx_string("header"),
      NGX_CONF_TAKE2,
      ngx_http_llm_provider_header,
      0,
      0,
      NULL },

    { ngx_string("api_version"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, api_version),
      &ngx_http_llm_provider_token_post },

    { ngx_string("region"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, region),
      &ngx_http_llm_provider_region_post },

    { ngx_string("project"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, project),
      &ngx_http_llm_provider_name_post },

    { ngx_string("location"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, location),
      &ngx_http_llm_provider_name_post },

    { ngx_string("space"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, space),
      &ngx_http_llm_provider_name_post },

    { ngx_string("tenant"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, tenant),
      &ngx_http_llm_provider_name_post },

    { ngx_string("client_id"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, client_id),
      &ngx_http_llm_provider_client_post },

    { ngx_string("scope"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, scope),
      NULL },

    { ngx_string("token_url"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, token_url),
      NULL },

    { ngx_string("rerank"),
      NGX_CONF_TAKE12,
      ngx_http_llm_provider_rerank,
      0,
      0,
      NULL },

    { ngx_string("drop_params"),
      NGX_CONF_1MORE,
      ngx_http_llm_drop_params,
      0,
      offsetof(ngx_http_llm_provider_t, drop),
      NULL },

    { ngx_string("set_param"),
      NGX_CONF_TAKE2|NGX_CONF_TAKE3,
      ngx_http_llm_set_param,
      0,
      offsetof(ngx_http_llm_provider_t, sets),
      NULL },

    { ngx_string("connect_timeout"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_llm_provider_t, clocks.connect),
      &ngx_http_llm_provider_positive_post },

    { ngx_string("first_token_timeout"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_llm_provider_t, clocks.first_token),
      &ngx_http_llm_provider_positive_post },

    { ngx_string("read_timeout"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_llm_provider_t, clocks.read),
      &ngx_http_llm_provider_positive_post },

    { ngx_string("total_timeout"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_llm_provider_t, clocks.total),
      &ngx_http_llm_provider_positive_post },

    { ngx_string("keepalive"),
      NGX_CONF_TAKE1,
      ngx_http_llm_provider_keepalive,
      0,
      0,
      NULL },

    { ngx_string("ssl_verify"),
      NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_http_llm_provider_t, ssl_verify),
      NULL },

    { ngx_string("ssl_server_name"),
      NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_http_llm_provider_t, ssl_server_name),
      NULL },

    { ngx_string("ssl_verify_depth"),
      NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      0,
      offsetof(ngx_http_llm_provider_t, ssl_verify_depth),
      &ngx_http_llm_provider_depth },

    { ngx_string("ssl_protocols"),
      NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      0,
      offsetof(ngx_http_llm_provider_t, ssl_protocols),
      &ngx_http_llm_provider_protocols },

    { ngx_string("ssl_name"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, ssl_name),
      &ngx_http_llm_provider_token_post },

    { ngx_string("ssl_ciphers"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, ssl_ciphers),
      NULL },

    { ngx_string("ssl_trusted_certificate"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, ssl_trusted_certificate),
      NULL },

    { ngx_string("ssl_certificate"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, ssl_certificate),
      NULL },

    { ngx_string("ssl_certificate_key"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_provider_t, ssl_certificate_key),
      NULL },

    { ngx_string("rate"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_provider_t, limits),
      NULL },

    { ngx_string("quota"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_provider_t, limits),
      NULL },

    { ngx_string("concurrency"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_provider_t, limits),
      NULL },

      ngx_null_command
};


char *
ngx_http_llm_provider(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    char                          *rv;
    ngx_int_t                      rc;
    ngx_str_t                     *value;
    ngx_http_llm_provider_t       *p, **pp;
    ngx_http_llm_provider_conf_t  *pcf;

    value = cf->args->elts;

    rv = ngx_http_llm_provider_name(cf, &value[1]);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    p = ngx_http_llm_provider_find(cf, &value[1]);

    if (p) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate provider \"%V\", the first one is in "
                           "%s:%ui", &p->name, p->file, p->line);
        return NGX_CONF_ERROR;
    }

    pcf = ngx_http_llm_provider_create(cf, &value[1]);
    if (pcf == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_llm_block(cf, ngx_http_llm_provider_commands, pcf,
                            "llm_provider");
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_http_llm_provider_done(cf, pcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_http_llm_limits_owner(pcf->provider.limits, "provider",
                              &pcf->provider.name, 0);

    pp = ngx_array_push(&lmcf->providers);
    if (pp == NULL) {
        return NGX_CONF_ERROR;
    }

    *pp = &pcf->provider;

    rc = ngx_http_llm_provider_upstream(cf, *pp);

    if (rc == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if (rc == NGX_DECLINED && ngx_http_llm_peers_create(cf, *pp) == NULL) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_http_llm_provider_conf_t *
ngx_http_llm_provider_create(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_http_llm_provider_t       *p;
    ngx_http_llm_provider_conf_t  *pcf;

    pcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_provider_conf_t));
    if (pcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&pcf->sources, cf->temp_pool, 2, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NULL;
    }

    p = &pcf->provider;

    p->name = *name;
    p->file = cf->conf_file->file.name.data;
    p->line = cf->conf_file->line;

    p->clocks.connect = NGX_CONF_UNSET_MSEC;
    p->clocks.first_token = NGX_CONF_UNSET_MSEC;
    p->clocks.read = NGX_CONF_UNSET_MSEC;
    p->clocks.total = NGX_CONF_UNSET_MSEC;
    p->keepalive = NGX_CONF_UNSET_UINT;

    p->ssl_verify = NGX_CONF_UNSET;
    p->ssl_server_name = NGX_CONF_UNSET;
    p->ssl_verify_depth = NGX_CONF_UNSET_UINT;

    return pcf;
}


/* it stands in identifiers and in the text of an upstream block */

static char *
ngx_http_llm_provider_name(ngx_conf_t *cf, ngx_str_t *name)
{
    u_char      c;
    ngx_uint_t  i;

    if (name->len == 0 || name->len > NGX_HTTP_LLM_PROVIDER_NAME) {
        goto invalid;
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.')
        {
            continue;
        }

        goto invalid;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid provider name \"%V\": letters, digits, \"_\", "
                       "\"-\" and \".\" are allowed", name);

    return NGX_CONF_ERROR;
}


ngx_http_llm_provider_t *
ngx_http_llm_provider_find(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                  i;
    ngx_http_llm_provider_t   **provider;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    provider = lmcf->providers.elts;

    for (i = 0; i < lmcf->providers.nelts; i++) {

        if (provider[i]->name.len == name->len
            && ngx_strncmp(provider[i]->name.data, name->data, name->len)
               == 0)
        {
            return provider[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_llm_provider_done(ngx_conf_t *cf, ngx_http_llm_provider_conf_t *pcf)
{
    ngx_http_llm_provider_t  *p;
    const ngx_llm_preset_t   *preset;

    p = &pcf->provider;

    if (ngx_http_llm_provider_preset(cf, pcf, &preset) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_conf_init_msec_value(p->clocks.connect, 5000);
    ngx_conf_init_msec_value(p->clocks.first_token, 300000);
    ngx_conf_init_msec_value(p->clocks.read, 300000);
    ngx_conf_init_uint_value(p->keepalive, 128);

    if (ngx_http_llm_sign_region(cf, p, preset) != NGX_OK
        || ngx_http_llm_provider_url(cf, p) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llm_provider_ssl(cf, p) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_provider_keys(cf, pcf, preset) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_tokens_conf(cf, p) != NGX_OK) {
        return NGX_ERROR;
    }

    if (p->key_header && (p->tokens || p->dialect->sign)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui cannot have \"key_header\": "
                      "its requests carry a token or a signature",
                      &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    return ngx_http_llm_sign_check(cf, p);
}


/* the row of that name, with what the block says over it */

static ngx_int_t
ngx_http_llm_provider_preset(ngx_conf_t *cf,
    ngx_http_llm_provider_conf_t *pcf, const ngx_llm_preset_t **preset)
{
    ngx_http_llm_provider_t  *p;

    p = &pcf->provider;

    if (pcf->preset.len) {
        *preset = ngx_llm_preset_find(&pcf->preset);

        if (*preset == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown preset \"%V\" of provider \"%V\" in %s:%ui",
                          &pcf->preset, &p->name, p->file, p->line);
            return NGX_ERROR;
        }

    } else {
        *preset = ngx_llm_preset_find(&p->name);
    }

    if (*preset) {
        p->preset = (*preset)->name;
    }

    if (pcf->dialect.len) {
        p->dialect = ngx_llm_dialect_find(&pcf->dialect);

        if (p->dialect == NULL || p->dialect->write_request == NULL) {
            ngx_http_llm_provider_dialects(cf, pcf);
            return NGX_ERROR;
        }

    } else if (*preset) {
        p->dialect = (*preset)->dialect;
    }

    if (*preset == NULL && p->dialect
        && (p->region.len
            || (p->dialect->flags & (NGX_LLM_DIALECT_PROJECT
                                     |NGX_LLM_DIALECT_APIKEY))))
    {
        /* where it is follows from the region or location */

        *preset = ngx_llm_preset_find((ngx_str_t *) &p->dialect->name);

        if (*preset) {
            p->preset = (*preset)->name;
        }
    }

    if (*preset && ngx_http_llm_provider_row(cf, p, *preset) != NGX_OK) {
        return NGX_ERROR;
    }

    if (p->dialect && p->url.len) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "provider \"%V\" in %s:%ui must have %s: "
                  "there is no preset of that name",
                  &p->name, p->file, p->line,
                  p->dialect ? "\"url\""
                             : p->url.len ? "\"dialect\" or \"preset\""
                                          : "\"preset\", or \"dialect\" and "
                                            "\"url\"");
    return NGX_ERROR;
}


/* what the dialect might have been */

static void
ngx_http_llm_provider_dialects(ngx_conf_t *cf,
    ngx_http_llm_provider_conf_t *pcf)
{
    u_char                   *p, *last;
    ngx_uint_t                i;
    ngx_http_llm_provider_t  *provider;
    u_char                    names[NGX_MAX_CONF_ERRSTR];

    provider = &pcf->provider;

    p = names;
    last = names + NGX_MAX_CONF_ERRSTR;

    for (i = 0; ngx_llm_dialects[i]; i++) {

        if (ngx_llm_dialects[i]->write_request) {
            p = ngx_slprintf(p, last, "%s%V", (p == names) ? "" : ", ",
                             &ngx_llm_dialects[i]->name);
        }
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "unknown dialect \"%V\" of provider \"%V\" in %s:%ui, "
                  "dialects are %*s",
                  &pcf->dialect, &provider->name, provider->file,
                  provider->line, (size_t) (p - names), names);
}


/* the url, and the quirks if the dialect is still that of the preset */

static ngx_int_t
ngx_http_llm_provider_row(ngx_conf_t *cf, ngx_http_llm_provider_t *p,
    const ngx_llm_preset_t *preset)
{
    ngx_int_t  rc;
    ngx_str_t  part;

    if (p->dialect == preset->dialect) {
        p->quirks = preset->quirks;
    }

    if (p->quirks && p->quirks->version) {
        p->quirks = p->quirks->version(&p->api_version);

        if (p->quirks == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "invalid \"api_version\" \"%V\" of provider "
                          "\"%V\" in %s:%ui: it is no version of the preset "
                          "\"%V\"",
                          &p->api_version, &p->name, p->file, p->line,
                          &preset->name);
            return NGX_ERROR;
        }
    }

    if (p->url.len) {
        return NGX_OK;
    }

    rc = ngx_http_llm_location_url(cf, p, (ngx_str_t *) &preset->url);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    part = ngx_llm_preset_part(preset);

    if (part.len && !ngx_http_llm_sign_part(&part)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui must have \"url\": that of "
                      "its preset \"%V\" is \"%V\", with a \"%V\" of yours",
                      &p->name, p->file, p->line, &preset->name,
                      &preset->url, &part);
        return NGX_ERROR;
    }

    p->url = preset->url;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_provider_ssl(ngx_conf_t *cf, ngx_http_llm_provider_t *p)
{
    ngx_conf_init_value(p->ssl_verify, 1);
    ngx_conf_init_value(p->ssl_server_name, 1);
    ngx_conf_init_uint_value(p->ssl_verify_depth, 9);

    if (p->ssl_protocols == 0) {
        p->ssl_protocols = NGX_CONF_BITMASK_SET|NGX_SSL_TLSv1_2
                           |NGX_SSL_TLSv1_3;
    }

    if (p->ssl_name.len == 0) {
        p->ssl_name = p->host;
    }

    if (p->ssl_ciphers.len == 0) {
        ngx_str_set(&p->ssl_ciphers, "DEFAULT");
    }

    if ((p->ssl_certificate.len == 0) != (p->ssl_certificate_key.len == 0)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui must have both "
                      "\"ssl_certificate\" and \"ssl_certificate_key\"",
                      &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    /* full names now, so that equal files are equal settings */

    if ((p->ssl_trusted_certificate.len
         && ngx_conf_full_name(cf->cycle, &p->ssl_trusted_certificate, 1)
            != NGX_OK)
        || (p->ssl_certificate.len
            && (ngx_conf_full_name(cf->cycle, &p->ssl_certificate, 1)
                != NGX_OK
                || ngx_conf_full_name(cf->cycle, &p->ssl_certificate_key, 1)
                   != NGX_OK)))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_provider_keys(ngx_conf_t *cf, ngx_http_llm_provider_conf_t *pcf,
    const ngx_llm_preset_t *preset)
{
    ngx_int_t                 rc;
    ngx_str_t                *source, *key, env, value;
    ngx_uint_t                i;
    ngx_http_llm_provider_t  *p;

    p = &pcf->provider;

    if (ngx_array_init(&p->keys, cf->pool, 1, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    /* who serves without a key has one if its variable is there */

    if (pcf->sources.nelts == 0 && !p->no_key && preset && preset->env.len
        && (ngx_llm_preset_env(preset, &env) == NGX_OK
            || !(preset->flags & NGX_LLM_PRESET_NO_KEY)))
    {

        source = ngx_array_push(&pcf->sources);
        if (source == NULL) {
            return NGX_ERROR;
        }

        source->len = sizeof("env:") - 1 + env.len;

        source->data = ngx_pnalloc(cf->pool, source->len + 1);
        if (source->data == NULL) {
            return NGX_ERROR;
        }

        ngx_sprintf(source->data, "env:%V%Z", &env);
    }

    source = pcf->sources.elts;

    for (i = 0; i < pcf->sources.nelts; i++) {

        rc = ngx_http_llm_token_secret(cf, p, &source[i], &value);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED || value.len == 0) {
            continue;
        }

        key = ngx_array_push(&p->keys);
        if (key == NULL) {
            return NGX_ERROR;
        }

        *key = value;
    }

    if (pcf->sources.nelts == 0) {
        p->no_key = 1;

    } else if (p->keys.nelts == 0) {
        p->key_missing = 1;
    }

    return NGX_OK;
}


static char *
ngx_http_llm_provider_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_provider_conf_t *pcf = conf;

    ngx_str_t   *value, *source;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "none") == 0) {
            pcf->provider.no_key = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "cloud") == 0) {
            return "cannot be \"cloud\" yet";
        }

        if (pcf->sources.nelts == NGX_HTTP_LLM_PROVIDER_KEYS) {
            return "has too many values";
        }

        /* anything else may be the secret itself, and is not shown */

        if ((value[i].len <= 4
             || ngx_strncmp(value[i].data, "env:", 4) != 0)
            && (value[i].len <= 5
                || ngx_strncmp(value[i].data, "file:", 5) != 0))
        {
            return "must be \"env:VARIABLE\", \"file:/path\" or \"none\"";
        }

        source = ngx_array_push(&pcf->sources);
        if (source == NULL) {
            return NGX_CONF_ERROR;
        }

        *source = value[i];
    }

    if (pcf->provider.no_key && pcf->sources.nelts) {
        return "is \"none\" and something else";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_provider_keepalive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_llm_provider_conf_t *pcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (pcf->provider.keepalive != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        pcf->provider.keepalive = 0;
        return NGX_CONF_OK;
    }

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n > 65535) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"%V\"",
                           &value[1], &value[0]);
        return NGX_CONF_ERROR;
    }

    pcf->provider.keepalive = n;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_provider_positive(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *mp = data;

    if (*mp == 0) {
        return "must be greater than zero";
    }

    return NGX_CONF_OK;
}
