
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What resolv.conf and hosts say.  nginx's resolver knows neither, and takes
 * names as they are given.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"

#include <ifaddrs.h>


#define NGX_HTTP_LLM_RESOLV_FILE     "/etc/resolv.conf"
#define NGX_HTTP_LLM_HOSTS_FILE      "/etc/hosts"
#define NGX_HTTP_LLM_RESOLV_MAX      (1024 * 1024)
#define NGX_HTTP_LLM_RESOLV_SERVERS  3
#define NGX_HTTP_LLM_RESOLV_SEARCH   16


static ngx_int_t ngx_http_llm_resolv_parse(ngx_pool_t *pool, ngx_str_t *text,
    ngx_http_llm_resolv_t *resolv);
static ngx_int_t ngx_http_llm_resolv_read(ngx_conf_t *cf, char *name,
    ngx_str_t *text);
static ngx_uint_t ngx_http_llm_resolv_ipv6(void);
static ngx_int_t ngx_http_llm_resolv_word(u_char **pos, u_char *last,
    ngx_str_t *word);
static ngx_int_t ngx_http_llm_resolv_server(ngx_pool_t *pool,
    ngx_str_t *word, ngx_http_llm_resolv_t *resolv);
static ngx_int_t ngx_http_llm_resolv_search(u_char *p, u_char *last,
    ngx_http_llm_resolv_t *resolv);
static void ngx_http_llm_resolv_options(u_char *p, u_char *last,
    ngx_http_llm_resolv_t *resolv);


ngx_http_llm_resolv_t *
ngx_http_llm_resolv(ngx_conf_t *cf)
{
    ngx_str_t                  text;
    ngx_http_llm_resolv_t     *resolv;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (lmcf->resolv) {
        return lmcf->resolv;
    }

    resolv = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_resolv_t));
    if (resolv == NULL) {
        return NULL;
    }

    if (ngx_http_llm_resolv_read(cf, NGX_HTTP_LLM_RESOLV_FILE, &text)
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_llm_resolv_parse(cf->pool, &text, resolv) != NGX_OK) {
        return NULL;
    }

    if (ngx_http_llm_resolv_read(cf, NGX_HTTP_LLM_HOSTS_FILE, &resolv->hosts)
        != NGX_OK)
    {
        return NULL;
    }

    resolv->ipv6 = ngx_http_llm_resolv_ipv6();

    lmcf->resolv = resolv;

    return resolv;
}


/* a file that is missing is an empty one */

static ngx_int_t
ngx_http_llm_resolv_read(ngx_conf_t *cf, char *name, ngx_str_t *text)
{
    off_t            size;
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    ngx_str_null(text);

    fd = ngx_open_file(name, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        if (ngx_errno != NGX_ENOENT) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                               ngx_open_file_n " \"%s\" failed", name);
        }

        return NGX_OK;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           ngx_fd_info_n " \"%s\" failed", name);
        goto done;
    }

    size = ngx_min(ngx_file_size(&fi), NGX_HTTP_LLM_RESOLV_MAX);

    if (size == 0) {
        goto done;
    }

    text->data = ngx_pnalloc(cf->pool, size);
    if (text->data == NULL) {
        (void) ngx_close_file(fd);
        return NGX_ERROR;
    }

    while ((off_t) text->len < size) {

        n = ngx_read_fd(fd, text->data + text->len, size - text->len);

        if (n == -1) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                               ngx_read_fd_n " \"%s\" failed", name);
            break;
        }

        if (n == 0) {
            break;
        }

        text->len += n;
    }

done:

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%s\" failed", name);
    }

    return NGX_OK;
}


/* as AI_ADDRCONFIG: has the machine an address that leads anywhere? */

static ngx_uint_t
ngx_http_llm_resolv_ipv6(void)
{
#if (NGX_HAVE_INET6)

    ngx_uint_t            found;
    struct ifaddrs       *ifa, *list;
    struct sockaddr_in6  *sin6;

    if (getifaddrs(&list) == -1) {
        return 1;
    }

    found = 0;

    for (ifa = list; ifa; ifa = ifa->ifa_next) {

        if (ifa->ifa_addr == NULL || ifa->ifa_addr->sa_family != AF_INET6) {
            continue;
        }

        sin6 = (struct sockaddr_in6 *) ifa->ifa_addr;

        if (!IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr)
            && !IN6_IS_ADDR_LINKLOCAL(&sin6->sin6_addr))
        {
            found = 1;
            break;
        }
    }

    freeifaddrs(list);

    return found;

#else

    return 0;

#endif
}


static ngx_int_t
ngx_http_llm_resolv_parse(ngx_pool_t *pool, ngx_str_t *text,
    ngx_http_llm_resolv_t *resolv)
{
    u_char     *p, *eol, *last;
    ngx_str_t   word;

    resolv->ndots = 1;
    resolv->timeout = 5;

    if (ngx_array_init(&resolv->servers, pool, NGX_HTTP_LLM_RESOLV_SERVERS,
                       sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_array_init(&resolv->search, pool, NGX_HTTP_LLM_RESOLV_SEARCH,
                       sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    last = text->data + text->len;

    for (p = text->data; p < last; p = eol + 1) {

        eol = ngx_strlchr(p, last, '\n');
        if (eol == NULL) {
            eol = last;
        }

        if (*p == '#' || *p == ';') {
            continue;
        }

        if (ngx_http_llm_resolv_word(&p, eol, &word) != NGX_OK) {
            continue;
        }

        if (word.len == 10 && ngx_strncmp(word.data, "nameserver", 10) == 0) {

            if (ngx_http_llm_resolv_word(&p, eol, &word) == NGX_OK
                && ngx_http_llm_resolv_server(pool, &word, resolv) != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        if (word.len == 6
            && (ngx_strncmp(word.data, "search", 6) == 0
                || ngx_strncmp(word.data, "domain", 6) == 0))
        {
            if (ngx_http_llm_resolv_search(p, eol, resolv) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (word.len == 7 && ngx_strncmp(word.data, "options", 7) == 0) {
            ngx_http_llm_resolv_options(p, eol, resolv);
        }
    }

    if (resolv->servers.nelts == 0) {
        ngx_str_set(&word, "127.0.0.1");
        return ngx_http_llm_resolv_server(pool, &word, resolv);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_resolv_word(u_char **pos, u_char *last, ngx_str_t *word)
{
    u_char  *p;

    p = *pos;

    while (p < last && (*p == ' ' || *p == '\t' || *p == '\r')) {
        p++;
    }

    word->data = p;

    while (p < last && *p != ' ' && *p != '\t' && *p != '\r') {
        p++;
    }

    word->len = p - word->data;
    *pos = p;

    return word->len ? NGX_OK : NGX_DECLINED;
}


/* what is no plain address (a scope, say) is passed over */

static ngx_int_t
ngx_http_llm_resolv_server(ngx_pool_t *pool, ngx_str_t *word,
    ngx_http_llm_resolv_t *resolv)
{
    u_char      *p;
    ngx_str_t   *server;
    ngx_uint_t   inet6;
#if (NGX_HAVE_INET6)
    u_char       addr[16];
#endif

    if (resolv->servers.nelts == NGX_HTTP_LLM_RESOLV_SERVERS) {
        return NGX_OK;
    }

    inet6 = 0;

    if (ngx_inet_addr(word->data, word->len) == INADDR_NONE) {

#if (NGX_HAVE_INET6)
        if (ngx_inet6_addr(word->data, word->len, addr) != NGX_OK) {
            return NGX_OK;
        }

        inet6 = 1;
#else
        return NGX_OK;
#endif
    }

    server = ngx_array_push(&resolv->servers);
    if (server == NULL) {
        return NGX_ERROR;
    }

    server->data = ngx_pnalloc(pool, word->len + sizeof("[]"));
    if (server->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(server->data, inet6 ? "[%V]" : "%V", word);
    *p = '\0';

    server->len = p - server->data;

    return NGX_OK;
}


/* the last "search" or "domain" counts */

static ngx_int_t
ngx_http_llm_resolv_search(u_char *p, u_char *last,
    ngx_http_llm_resolv_t *resolv)
{
    ngx_str_t   word, *domain;

    resolv->search.nelts = 0;

    while (ngx_http_llm_resolv_word(&p, last, &word) == NGX_OK) {

        if (word.data[word.len - 1] == '.') {
            word.len--;
        }

        if (word.len == 0 || word.len > NGX_HTTP_LLM_NAME
            || resolv->search.nelts == NGX_HTTP_LLM_RESOLV_SEARCH)
        {
            continue;
        }

        domain = ngx_array_push(&resolv->search);
        if (domain == NULL) {
            return NGX_ERROR;
        }

        *domain = word;
    }

    return NGX_OK;
}


static void
ngx_http_llm_resolv_options(u_char *p, u_char *last,
    ngx_http_llm_resolv_t *resolv)
{
    ngx_int_t  n;
    ngx_str_t  word;

    while (ngx_http_llm_resolv_word(&p, last, &word) == NGX_OK) {

        if (word.len > 6 && ngx_strncmp(word.data, "ndots:", 6) == 0) {
            n = ngx_atoi(word.data + 6, word.len - 6);

            if (n != NGX_ERROR) {
                resolv->ndots = ngx_min(n, 15);
            }
        }

        if (word.len > 8 && ngx_strncmp(word.data, "timeout:", 8) == 0) {
            n = ngx_atoi(word.data + 8, word.len - 8);

            if (n != NGX_ERROR && n > 0) {
                resolv->timeout = ngx_min(n, 30);
            }
        }
    }
}


ngx_resolver_t *
ngx_http_llm_resolv_resolver(ngx_conf_t *cf, ngx_http_llm_resolv_t *resolv)
{
    ngx_str_t   *server, names[NGX_HTTP_LLM_RESOLV_SERVERS + 1];
    ngx_uint_t   i, n;

    if (resolv->resolver) {
        return resolv->resolver;
    }

    server = resolv->servers.elts;

    for (i = 0; i < resolv->servers.nelts; i++) {
        names[i] = server[i];
    }

    n = i;

#if (NGX_HAVE_INET6)
    if (!resolv->ipv6) {
        ngx_str_set(&names[n], "ipv6=off");
        n++;
    }
#endif

    resolv->resolver = ngx_resolver_create(cf, names, n);

    if (resolv->resolver) {
        resolv->resolver->resend_timeout = resolv->timeout;
    }

    return resolv->resolver;
}


ngx_int_t
ngx_http_llm_resolv_literal(ngx_str_t *host, ngx_http_llm_addrs_t *addrs)
{
    u_char               *p;
    size_t                len;
    in_addr_t             addr;
    ngx_uint_t            n;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    n = addrs->naddrs;

    if (n == NGX_HTTP_LLM_ADDRS) {
        return NGX_DECLINED;
    }

    p = host->data;
    len = host->len;

    ngx_memzero(&addrs->addr[n], sizeof(ngx_sockaddr_t));

    addr = ngx_inet_addr(p, len);

    if (addr != INADDR_NONE) {
        sin = &addrs->addr[n].sockaddr_in;
        sin->sin_family = AF_INET;
        sin->sin_addr.s_addr = addr;

        addrs->len[n] = sizeof(struct sockaddr_in);
        addrs->naddrs++;

        return NGX_OK;
    }

#if (NGX_HAVE_INET6)

    if (len > 2 && p[0] == '[' && p[len - 1] == ']') {
        p++;
        len -= 2;
    }

    sin6 = &addrs->addr[n].sockaddr_in6;

    if (ngx_inet6_addr(p, len, sin6->sin6_addr.s6_addr) == NGX_OK) {
        sin6->sin6_family = AF_INET6;

        addrs->len[n] = sizeof(struct sockaddr_in6);
        addrs->naddrs++;

        return NGX_OK;
    }

#endif

    return NGX_DECLINED;
}


/*
 * IPv6 addresses of a name that has others are left out where the machine has
 * no use for them: ::1 of localhost would be tried in vain every other time
 */

ngx_int_t
ngx_http_llm_resolv_hosts(ngx_http_llm_resolv_t *resolv, ngx_str_t *host,
    ngx_http_llm_addrs_t *addrs)
{
    u_char      *p, *eol, *last;
    ngx_str_t    addr, word;
    ngx_uint_t   i, n, n4;

    addrs->naddrs = 0;

    last = resolv->hosts.data + resolv->hosts.len;

    for (p = resolv->hosts.data; p < last; p = eol + 1) {

        eol = ngx_strlchr(p, last, '\n');
        if (eol == NULL) {
            eol = last;
        }

        if (ngx_http_llm_resolv_word(&p, eol, &addr) != NGX_OK) {
            continue;
        }

        while (ngx_http_llm_resolv_word(&p, eol, &word) == NGX_OK) {

            if (word.data[0] == '#') {
                break;
            }

            if (word.len != host->len
                || ngx_strncasecmp(word.data, host->data, host->len) != 0)
            {
                continue;
            }

            (void) ngx_http_llm_resolv_literal(&addr, addrs);
            break;
        }
    }

    if (addrs->naddrs == 0
        && host->len == 9
        && ngx_strncasecmp(host->data, (u_char *) "localhost", 9) == 0)
    {
        ngx_str_set(&addr, "127.0.0.1");
        return ngx_http_llm_resolv_literal(&addr, addrs);
    }

    n4 = 0;

    for (i = 0; i < addrs->naddrs; i++) {
        if (addrs->addr[i].sockaddr.sa_family == AF_INET) {
            n4++;
        }
    }

    if (n4 && !resolv->ipv6) {

        for (i = 0, n = 0; i < addrs->naddrs; i++) {
            if (addrs->addr[i].sockaddr.sa_family == AF_INET) {
                addrs->addr[n] = addrs->addr[i];
                addrs->len[n] = addrs->len[i];
                n++;
            }
        }

        addrs->naddrs = n;
    }

    return addrs->naddrs ? NGX_OK : NGX_DECLINED;
}


/*
 * As libc: a name of ndots dots is asked for as it is first, then below each
 * domain; any other name the other way round.  *n is moved to the next one.
 */

ngx_int_t
ngx_http_llm_resolv_name(ngx_http_llm_resolv_t *resolv, ngx_str_t *host,
    ngx_uint_t *n, u_char *buf, ngx_str_t *name)
{
    u_char      *p;
    ngx_str_t   *domain;
    ngx_uint_t   i, dots, first;

    dots = 0;

    for (i = 0; i < host->len; i++) {
        if (host->data[i] == '.') {
            dots++;
        }
    }

    first = (dots >= resolv->ndots);
    domain = resolv->search.elts;

    while (*n <= resolv->search.nelts) {
        i = (*n)++;

        if (first ? i == 0 : i == resolv->search.nelts) {
            p = ngx_cpymem(buf, host->data, host->len);

        } else {
            i -= first;

            if (host->len + 1 + domain[i].len > NGX_HTTP_LLM_NAME) {
                continue;
            }

            p = ngx_sprintf(buf, "%V.%V", host, &domain[i]);
        }

        name->data = buf;
        name->len = p - buf;

        return NGX_OK;
    }

    return NGX_DECLINED;
}
