
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * TLS contexts of providers.  Reading the system's certificates takes some
 * thirty milliseconds and megabytes, so equal settings share a context, and
 * all contexts that trust the system share its store.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_fetch.h"


static ngx_array_t *ngx_http_llm_ssl_all(ngx_conf_t *cf);
static ngx_uint_t ngx_http_llm_ssl_same(ngx_http_llm_provider_t *one,
    ngx_http_llm_provider_t *two);
static ngx_uint_t ngx_http_llm_ssl_str(ngx_str_t *one, ngx_str_t *two);
static ngx_ssl_t *ngx_http_llm_ssl_create(ngx_conf_t *cf,
    ngx_http_llm_provider_t *provider, X509_STORE **store);
static X509_STORE *ngx_http_llm_ssl_store(ngx_conf_t *cf);


static const char  *ngx_http_llm_ssl_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",       /* Debian, Alpine, Arch */
    "/etc/pki/tls/certs/ca-bundle.crt",         /* Fedora, RHEL */
    "/etc/ssl/ca-bundle.pem",                   /* SUSE */
    "/etc/ssl/cert.pem",                        /* BSD, macOS */
    NULL
};


ngx_int_t
ngx_http_llm_ssl_init(ngx_conf_t *cf)
{
    X509_STORE                *store;
    ngx_int_t                  rc;
    ngx_uint_t                 i, j;
    ngx_array_t               *all;
    ngx_http_llm_provider_t  **provider, *p;

    all = ngx_http_llm_ssl_all(cf);
    if (all == NULL) {
        return NGX_ERROR;
    }

    provider = all->elts;

    rc = NGX_OK;
    store = NULL;

    for (i = 0; i < all->nelts; i++) {
        p = provider[i];

        if (!p->ssl) {
            continue;
        }

        for (j = 0; j < i; j++) {

            if (provider[j]->ssl && ngx_http_llm_ssl_same(p, provider[j])) {
                p->upstream.ssl = provider[j]->upstream.ssl;
                break;
            }
        }

        if (p->upstream.ssl == NULL) {
            p->upstream.ssl = ngx_http_llm_ssl_create(cf, p, &store);

            if (p->upstream.ssl == NULL) {
                rc = NGX_ERROR;
                break;
            }
        }

        p->upstream.ssl_session_reuse = 1;
        p->upstream.ssl_server_name = p->ssl_server_name;
        p->upstream.ssl_verify = p->ssl_verify;
    }

    if (store) {
        X509_STORE_free(store);
    }

    return rc;
}


/* providers, and sites of calls that belong to no request */

static ngx_array_t *
ngx_http_llm_ssl_all(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_array_t                *all;
    ngx_http_llm_site_t       **site;
    ngx_http_llm_provider_t   **item, **provider;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    all = ngx_array_create(cf->temp_pool, lmcf->providers.nelts + 1,
                           sizeof(ngx_http_llm_provider_t *));
    if (all == NULL) {
        return NULL;
    }

    provider = lmcf->providers.elts;

    for (i = 0; i < lmcf->providers.nelts; i++) {

        item = ngx_array_push(all);
        if (item == NULL) {
            return NULL;
        }

        *item = provider[i];
    }

    if (lmcf->sites == NULL) {
        return all;
    }

    site = lmcf->sites->elts;

    for (i = 0; i < lmcf->sites->nelts; i++) {

        item = ngx_array_push(all);
        if (item == NULL) {
            return NULL;
        }

        *item = &site[i]->host;
    }

    return all;
}


ngx_uint_t
ngx_http_llm_ssl_equal(ngx_http_llm_provider_t *one,
    ngx_http_llm_provider_t *two)
{
    return one->ssl_server_name == two->ssl_server_name
           && ngx_http_llm_ssl_str(&one->ssl_name, &two->ssl_name)
           && ngx_http_llm_ssl_same(one, two);
}


/* do these ask for the same context? names belong to connections */

static ngx_uint_t
ngx_http_llm_ssl_same(ngx_http_llm_provider_t *one,
    ngx_http_llm_provider_t *two)
{
    return one->ssl_verify == two->ssl_verify
           && one->ssl_verify_depth == two->ssl_verify_depth
           && one->ssl_protocols == two->ssl_protocols
           && ngx_http_llm_ssl_str(&one->ssl_ciphers, &two->ssl_ciphers)
           && ngx_http_llm_ssl_str(&one->ssl_trusted_certificate,
                                   &two->ssl_trusted_certificate)
           && ngx_http_llm_ssl_str(&one->ssl_certificate,
                                   &two->ssl_certificate)
           && ngx_http_llm_ssl_str(&one->ssl_certificate_key,
                                   &two->ssl_certificate_key);
}


static ngx_uint_t
ngx_http_llm_ssl_str(ngx_str_t *one, ngx_str_t *two)
{
    return one->len == two->len
           && ngx_strncmp(one->data, two->data, one->len) == 0;
}


static ngx_ssl_t *
ngx_http_llm_ssl_create(ngx_conf_t *cf, ngx_http_llm_provider_t *provider,
    X509_STORE **store)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (ssl == NULL) {
        return NULL;
    }

    ssl->log = cf->log;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    if (ngx_ssl_create(ssl, provider->ssl_protocols, NULL) != NGX_OK) {
        return NULL;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (ngx_ssl_ciphers(cf, ssl, &provider->ssl_ciphers, 0) != NGX_OK) {
        return NULL;
    }

    if (provider->ssl_certificate.len
        && ngx_ssl_certificate(cf, ssl, &provider->ssl_certificate,
                               &provider->ssl_certificate_key, NULL)
           != NGX_OK)
    {
        return NULL;
    }

    if (provider->ssl_verify) {

        /* without a file it still sets the depth */

        if (ngx_ssl_trusted_certificate(cf, ssl,
                                        &provider->ssl_trusted_certificate,
                                        provider->ssl_verify_depth)
            != NGX_OK)
        {
            return NULL;
        }

        if (provider->ssl_trusted_certificate.len == 0) {

            if (*store == NULL) {
                *store = ngx_http_llm_ssl_store(cf);
                if (*store == NULL) {
                    return NULL;
                }
            }

            SSL_CTX_set1_cert_store(ssl->ctx, *store);
        }
    }

    if (ngx_ssl_client_session_cache(cf, ssl, 1) != NGX_OK) {
        return NULL;
    }

    return ssl;
}


/*
 * A file is wanted: from a directory of certificates OpenSSL would read in the
 * middle of a handshake.
 */

static X509_STORE *
ngx_http_llm_ssl_store(ngx_conf_t *cf)
{
    const char       *name;
    ngx_int_t         i;
    X509_STORE       *store;
    ngx_file_info_t   fi;

    store = X509_STORE_new();
    if (store == NULL) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0, "X509_STORE_new() failed");
        return NULL;
    }

    for (i = -2; i < 0 || ngx_http_llm_ssl_bundles[i]; i++) {

        if (i == -2) {
            name = getenv(X509_get_default_cert_file_env());

        } else if (i == -1) {
            name = X509_get_default_cert_file();

        } else {
            name = ngx_http_llm_ssl_bundles[i];
        }

        if (name == NULL
            || ngx_file_info(name, &fi) == NGX_FILE_ERROR
            || !ngx_is_file(&fi))
        {
            continue;
        }

        if (X509_STORE_load_locations(store, name, NULL) == 1) {
            ERR_clear_error();
            return store;
        }

        ngx_ssl_error(NGX_LOG_WARN, cf->log, 0,
                      "X509_STORE_load_locations(\"%s\") failed", name);
    }

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "no certificates of authorities were found on this "
                       "system, providers that do not say "
                       "\"ssl_trusted_certificate\" cannot be verified");

    return store;
}
