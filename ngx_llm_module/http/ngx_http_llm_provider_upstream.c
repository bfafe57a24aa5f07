
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The upstream block of a provider: the user's or the module's own.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_token.h"


static ngx_int_t ngx_http_llm_provider_agree(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p, ngx_uint_t n);


ngx_int_t
ngx_http_llm_providers_init(ngx_conf_t *cf)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_llm_provider_t   **provider, *p;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    provider = lmcf->providers.elts;

    for (i = 0; i < lmcf->providers.nelts; i++) {
        p = provider[i];

        ngx_http_llm_upstream_conf(&p->upstream);

        rc = ngx_http_llm_provider_upstream(cf, p);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {

            if (ngx_http_llm_provider_agree(cf, p, i) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        /* rc == NGX_DECLINED */

        if (ngx_http_llm_peers_init(cf, p->peers) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_llm_sites_init(cf) != NGX_OK
        || ngx_http_llm_tokens_zone(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_ssl_init(cf);
}


ngx_int_t
ngx_http_llm_provider_upstream(ngx_conf_t *cf, ngx_http_llm_provider_t *p)
{
    u_char                          *last;
    ngx_uint_t                       i;
    ngx_http_upstream_srv_conf_t   **uscf;
    ngx_http_upstream_main_conf_t   *umcf;

    if (p->unix_path.len) {
        return NGX_DECLINED;
    }

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);

    uscf = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        if (!(uscf[i]->flags & NGX_HTTP_UPSTREAM_CREATE)
            || uscf[i]->host.len != p->host.len
            || ngx_strncasecmp(uscf[i]->host.data, p->host.data, p->host.len)
               != 0)
        {
            continue;
        }

        last = p->authority.data + p->authority.len;

        if (ngx_strlchr(p->authority.data + p->host.len, last, ':')) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "upstream \"%V\" may not have port %d in url of "
                          "provider \"%V\" in %s:%ui",
                          &p->host, (int) p->port, &p->name, p->file,
                          p->line);
            return NGX_ERROR;
        }

        p->upstream.upstream = uscf[i];
        p->peers = NULL;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


/*
 * Connections of a block are kept by address alone: a connection that one
 * provider did not verify must not serve another that does.
 */

static ngx_int_t
ngx_http_llm_provider_agree(ngx_conf_t *cf, ngx_http_llm_provider_t *p,
    ngx_uint_t n)
{
    ngx_uint_t                  i;
    ngx_http_llm_provider_t   **provider, *other;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    provider = lmcf->providers.elts;

    for (i = 0; i < n; i++) {
        other = provider[i];

        if (other->upstream.upstream != p->upstream.upstream) {
            continue;
        }

        if (other->ssl == p->ssl
            && (!p->ssl || ngx_http_llm_ssl_equal(other, p)))
        {
            continue;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui and provider \"%V\" in "
                      "%s:%ui use upstream \"%V\" with different %s",
                      &other->name, other->file, other->line,
                      &p->name, p->file, p->line, &p->host,
                      other->ssl == p->ssl ? "ssl settings" : "schemes");

        return NGX_ERROR;
    }

    return NGX_OK;
}
