
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Where calls go that belong to no request.  A site is looked up and trusted
 * as a provider is.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_fetch.h"
#include "ngx_llm_quirks.h"


static ngx_int_t ngx_http_llm_site_path(ngx_conf_t *cf,
    ngx_http_llm_site_t *site, ngx_str_t *query);
static void ngx_http_llm_site_settings(ngx_http_llm_provider_t *p,
    ngx_http_llm_provider_t *settings);


/* a url without a path is the root */

static const ngx_llm_quirks_t  ngx_http_llm_site_quirks = {
    NGX_LLM_QUIRK_ROOT, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL
};


ngx_http_llm_site_t *
ngx_http_llm_site(ngx_conf_t *cf, ngx_str_t *url, char *name,
    ngx_http_llm_provider_t *settings)
{
    u_char                    *q;
    ngx_str_t                  query;
    ngx_http_llm_site_t       *site, **item;
    ngx_http_llm_provider_t   *p;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    site = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_site_t));
    if (site == NULL) {
        return NULL;
    }

    p = &site->host;

    p->name.len = settings->name.len + 1 + ngx_strlen(name);

    p->name.data = ngx_pnalloc(cf->pool, p->name.len);
    if (p->name.data == NULL) {
        return NULL;
    }

    ngx_sprintf(p->name.data, "%V:%s", &settings->name, name);

    p->file = settings->file;
    p->line = settings->line;
    p->quirks = &ngx_http_llm_site_quirks;
    p->url = *url;

    ngx_str_null(&query);

    q = ngx_strlchr(url->data, url->data + url->len, '?');

    if (q) {
        p->url.len = q - url->data;
        query.data = q;
        query.len = url->len - p->url.len;
    }

    if (ngx_http_llm_provider_url(cf, p) != NGX_OK
        || ngx_http_llm_site_path(cf, site, &query) != NGX_OK)
    {
        return NULL;
    }

    ngx_http_llm_site_settings(p, settings);

    if (ngx_http_llm_peers_alone(cf, p) == NULL) {
        return NULL;
    }

    if (lmcf->sites == NULL) {
        lmcf->sites = ngx_array_create(cf->pool, 2,
                                       sizeof(ngx_http_llm_site_t *));
        if (lmcf->sites == NULL) {
            return NULL;
        }
    }

    item = ngx_array_push(lmcf->sites);
    if (item == NULL) {
        return NULL;
    }

    *item = site;

    return site;
}


/* as it was written: the base has lost its final slash */

static ngx_int_t
ngx_http_llm_site_path(ngx_conf_t *cf, ngx_http_llm_site_t *site,
    ngx_str_t *query)
{
    u_char                   *last;
    size_t                    i;
    ngx_http_llm_provider_t  *p;

    p = &site->host;

    for (i = 0; i < query->len; i++) {

        if (query->data[i] <= ' ' || query->data[i] >= 0x7f
            || query->data[i] == '#')
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "invalid character in url of \"%V\" in %s:%ui",
                          &p->name, p->file, p->line);
            return NGX_ERROR;
        }
    }

    site->path.data = ngx_pnalloc(cf->pool, p->base.len + 1 + query->len);
    if (site->path.data == NULL) {
        return NGX_ERROR;
    }

    last = ngx_cpymem(site->path.data, p->base.data, p->base.len);

    if (p->base.len == 0 || p->url.data[p->url.len - 1] == '/') {
        *last++ = '/';
    }

    last = ngx_cpymem(last, query->data, query->len);

    site->path.len = last - site->path.data;

    return NGX_OK;
}


static void
ngx_http_llm_site_settings(ngx_http_llm_provider_t *p,
    ngx_http_llm_provider_t *settings)
{
    p->ssl_verify = settings->ssl_verify;
    p->ssl_server_name = settings->ssl_server_name;
    p->ssl_verify_depth = settings->ssl_verify_depth;
    p->ssl_protocols = settings->ssl_protocols;
    p->ssl_ciphers = settings->ssl_ciphers;
    p->ssl_trusted_certificate = settings->ssl_trusted_certificate;
    p->ssl_name = p->host;
}


ngx_int_t
ngx_http_llm_sites_init(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_llm_site_t       **site;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (lmcf->sites == NULL) {
        return NGX_OK;
    }

    site = lmcf->sites->elts;

    for (i = 0; i < lmcf->sites->nelts; i++) {

        if (ngx_http_llm_peers_init(cf, site[i]->host.peers) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
