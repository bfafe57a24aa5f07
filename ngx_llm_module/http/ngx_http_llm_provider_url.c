
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The url of a provider: scheme, host, port, path.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"
#include "ngx_llm_quirks.h"


#define NGX_HTTP_LLM_PROVIDER_URL  2048


static char *ngx_http_llm_provider_scheme(ngx_http_llm_provider_t *p,
    ngx_str_t *rest);
static char *ngx_http_llm_provider_unix(ngx_http_llm_provider_t *p,
    ngx_str_t *rest);
static char *ngx_http_llm_provider_host(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p, ngx_str_t *rest);
static char *ngx_http_llm_provider_port(ngx_http_llm_provider_t *p,
    ngx_str_t *text);


/*
 * What is printable and no delimiter of its own passes; the url is not shown
 * in errors, for it may hold what its writer took for a good place of a key.
 */

ngx_int_t
ngx_http_llm_provider_url(ngx_conf_t *cf, ngx_http_llm_provider_t *p)
{
    char       *err;
    u_char      c;
    ngx_str_t   rest, prefix;
    ngx_uint_t  i;

    err = NULL;

    if (p->url.len > NGX_HTTP_LLM_PROVIDER_URL) {
        err = "too long";
        goto failed;
    }

    for (i = 0; i < p->url.len; i++) {
        c = p->url.data[i];

        if (c <= 0x20 || c >= 0x7f || ngx_strchr("\"<>\\^`{|}", c)) {
            err = "invalid character";
            goto failed;
        }

        if (c == '$') {
            err = "variables are not supported";
            goto failed;
        }

        if (c == '?' || c == '#') {
            err = "query strings and fragments are not supported";
            goto failed;
        }
    }

    err = ngx_http_llm_provider_scheme(p, &rest);
    if (err) {
        goto failed;
    }

    ngx_str_set(&prefix, "unix:");

    if (rest.len >= prefix.len
        && ngx_strncasecmp(rest.data, prefix.data, prefix.len) == 0)
    {
        err = ngx_http_llm_provider_unix(p, &rest);

    } else {
        err = ngx_http_llm_provider_host(cf, p, &rest);
    }

    if (err) {
        goto failed;
    }

    if (p->authority.data == NULL) {
        return NGX_ERROR;
    }

    /* "/" alone is the root, said on purpose */

    p->base = rest;

    if (p->base.len == 0
        && !(p->quirks && (p->quirks->flags & NGX_LLM_QUIRK_ROOT)))
    {
        p->base = p->dialect->default_base;
    }

    while (p->base.len && p->base.data[p->base.len - 1] == '/') {
        p->base.len--;
    }

    return NGX_OK;

failed:

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "%s in url of provider \"%V\" in %s:%ui",
                  err, &p->name, p->file, p->line);

    return NGX_ERROR;
}


static char *
ngx_http_llm_provider_scheme(ngx_http_llm_provider_t *p, ngx_str_t *rest)
{
    if (p->url.len > 7
        && ngx_strncasecmp(p->url.data, (u_char *) "http://", 7) == 0)
    {
        rest->data = p->url.data + 7;
        rest->len = p->url.len - 7;

        p->port = 80;

        return NULL;
    }

    if (p->url.len > 8
        && ngx_strncasecmp(p->url.data, (u_char *) "https://", 8) == 0)
    {
        rest->data = p->url.data + 8;
        rest->len = p->url.len - 8;

        p->port = 443;
        p->ssl = 1;

        return NULL;
    }

    return "no \"http://\" or \"https://\"";
}


/* unix:/path, or unix:/path:/base */

static char *
ngx_http_llm_provider_unix(ngx_http_llm_provider_t *p, ngx_str_t *rest)
{
    u_char  *colon, *last;

    last = rest->data + rest->len;

    colon = ngx_strlchr(rest->data + 5, last, ':');

    p->unix_path.data = rest->data;
    p->unix_path.len = (colon ? colon : last) - rest->data;

    if (p->unix_path.len == 5) {
        return "no path of the unix domain socket";
    }

    if (colon) {
        rest->data = colon + 1;
        rest->len = last - (colon + 1);

        if (rest->len && rest->data[0] != '/') {
            return "invalid path";
        }

    } else {
        rest->data = last;
        rest->len = 0;
    }

    p->port = 0;

    ngx_str_set(&p->host, "localhost");
    ngx_str_set(&p->authority, "localhost");

    return NULL;
}


/* leaves the path in rest; "authority" is NULL if there is no memory */

static char *
ngx_http_llm_provider_host(ngx_conf_t *cf, ngx_http_llm_provider_t *p,
    ngx_str_t *rest)
{
    char       *err;
    u_char     *colon, *end, *host, *last;
    in_port_t   standard;
    ngx_str_t   port;
#if (NGX_HAVE_INET6)
    u_char      addr[16];
#endif

    host = rest->data;
    last = rest->data + rest->len;

    end = ngx_strlchr(host, last, '/');
    if (end == NULL) {
        end = last;
    }

    rest->data = end;
    rest->len = last - end;

    if (ngx_strlchr(host, end, '@')) {
        return "user names are not supported, see \"key\":";
    }

    if (host < end && *host == '[') {

        colon = ngx_strlchr(host, end, ']');

        if (colon == NULL) {
            return "invalid IPv6 address";
        }

#if (NGX_HAVE_INET6)
        if (ngx_inet6_addr(host + 1, colon - host - 1, addr) != NGX_OK) {
            return "invalid IPv6 address";
        }
#endif

        colon++;

        if (colon < end && *colon != ':') {
            return "invalid port";
        }

    } else {
        colon = ngx_strlchr(host, end, ':');

        if (colon == NULL) {
            colon = end;
        }
    }

    p->host.len = colon - host;

    p->host.data = ngx_pnalloc(cf->pool, p->host.len + 1);
    if (p->host.data == NULL) {
        return NULL;
    }

    ngx_strlow(p->host.data, host, p->host.len);

    if (p->host.len > 1 && p->host.data[p->host.len - 1] == '.') {
        p->host.len--;
        p->absolute = 1;
    }

    p->host.data[p->host.len] = '\0';

    if (p->host.len == 0 || p->host.data[0] == '.') {
        return "no host";
    }

    if (p->host.len > 253) {
        return "too long a host";
    }

    if (ngx_strchr(p->host.data, '%')) {
        return "invalid host";
    }

    p->authority = p->host;

    if (colon == end) {
        return NULL;
    }

    port.data = colon + 1;
    port.len = end - port.data;

    standard = p->port;

    err = ngx_http_llm_provider_port(p, &port);
    if (err || p->port == standard) {
        return err;
    }

    p->authority.data = ngx_pnalloc(cf->pool, p->host.len + 1 + port.len);
    if (p->authority.data == NULL) {
        return NULL;
    }

    p->authority.len = ngx_sprintf(p->authority.data, "%V:%V", &p->host, &port)
                       - p->authority.data;

    return NULL;
}


static char *
ngx_http_llm_provider_port(ngx_http_llm_provider_t *p, ngx_str_t *text)
{
    ngx_int_t  n;

    n = ngx_atoi(text->data, text->len);

    if (n < 1 || n > 65535) {
        return "invalid port";
    }

    p->port = (in_port_t) n;

    return NULL;
}
