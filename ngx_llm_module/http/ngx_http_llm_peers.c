
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The balancer inside the upstream blocks that the module writes: addresses of
 * one name, looked up by workers while they run.
 *
 * The last good addresses serve until there are others, however old they are,
 * and lie in the zone for other workers and the next configuration.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


#define NGX_HTTP_LLM_PEERS_MIN      5           /* seconds: bounds of a TTL */
#define NGX_HTTP_LLM_PEERS_MAX      300
#define NGX_HTTP_LLM_PEERS_RETRY    5           /* after a failed look-up */
#define NGX_HTTP_LLM_PEERS_FAILED   10          /* as fail_timeout */
#define NGX_HTTP_LLM_PEERS_TIMEOUT  10000       /* of one query */


typedef struct {
    ngx_sockaddr_t                sockaddr;
    socklen_t                     socklen;
    ngx_str_t                     name;
    u_char                        text[NGX_SOCKADDR_STRLEN];
    ngx_uint_t                    fails;
    time_t                        checked;
} ngx_http_llm_address_t;


struct ngx_http_llm_peers_s {
    ngx_http_llm_provider_t      *provider;
    ngx_http_upstream_srv_conf_t *uscf;
    ngx_str_t                     key;          /* in the zone */

    ngx_http_llm_address_t       *address;      /* NGX_HTTP_LLM_ADDRS */
    ngx_uint_t                    naddrs;
    ngx_uint_t                    next;         /* turn of this worker */
    ngx_uint_t                    generation;   /* of the addresses */
    time_t                        valid;        /* until */
    time_t                        looked;       /* into the zone, last */
    time_t                        retry;        /* not before */

    ngx_resolver_t               *resolver;
    ngx_http_llm_resolv_t        *resolv;       /* NULL: the name as it is */
    ngx_msec_t                    timeout;
    ngx_uint_t                    name;         /* of resolv's, next */
    ngx_int_t                     state;        /* worst of all names */
    u_char                        query[NGX_HTTP_LLM_NAME + 1];

    ngx_queue_t                   waiters;
    ngx_event_t                   event;
    ngx_ssl_session_t            *session;

    unsigned                      fixed:1;
    unsigned                      busy:1;       /* a look-up is under way */
    unsigned                      again:1;      /* with the next name */
};


/* of a request: size is constant, whatever number of tries */

typedef struct {
    ngx_http_llm_peers_t         *peers;
    ngx_pool_t                   *pool;
    ngx_uint_t                    generation;
    uintptr_t                     tried;        /* bits */
    ngx_uint_t                    current;
    ngx_sockaddr_t                sockaddr;
    socklen_t                     socklen;
    ngx_str_t                     name;
} ngx_http_llm_peer_data_t;


static ngx_int_t ngx_http_llm_peers_block(ngx_conf_t *cf,
    ngx_http_llm_provider_t *provider);
static ngx_int_t ngx_http_llm_peers_init_upstream(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *uscf);
static ngx_int_t ngx_http_llm_peers_fixed(ngx_conf_t *cf,
    ngx_http_llm_peers_t *peers, ngx_http_llm_addrs_t *addrs);
static ngx_int_t ngx_http_llm_peers_unix(ngx_conf_t *cf,
    ngx_http_llm_peers_t *peers);
static void ngx_http_llm_peers_cleanup(void *data);

static void ngx_http_llm_peers_set(ngx_http_llm_peers_t *peers,
    ngx_http_llm_addrs_t *addrs);
static void ngx_http_llm_peers_start(ngx_http_llm_peers_t *peers);
static void ngx_http_llm_peers_query(ngx_http_llm_peers_t *peers);
static void ngx_http_llm_peers_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_http_llm_peers_failed(ngx_http_llm_peers_t *peers,
    ngx_int_t state);
static void ngx_http_llm_peers_handler(ngx_event_t *ev);

static ngx_int_t ngx_http_llm_peers_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *uscf);
static ngx_int_t ngx_http_llm_peers_get(ngx_peer_connection_t *pc,
    void *data);
static ngx_int_t ngx_http_llm_peers_choose(ngx_http_llm_peer_data_t *pd);
static void ngx_http_llm_peers_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static ngx_http_llm_address_t *ngx_http_llm_peers_current(
    ngx_http_llm_peer_data_t *pd);
static ngx_int_t ngx_http_llm_peers_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_llm_peers_save_session(ngx_peer_connection_t *pc,
    void *data);


ngx_http_llm_peers_t *
ngx_http_llm_peers_create(ngx_conf_t *cf, ngx_http_llm_provider_t *provider)
{
    ngx_http_llm_peers_t  *peers;

    peers = ngx_http_llm_peers_alone(cf, provider);

    if (peers && ngx_http_llm_peers_block(cf, provider) != NGX_OK) {
        return NULL;
    }

    return peers;
}


ngx_http_llm_peers_t *
ngx_http_llm_peers_alone(ngx_conf_t *cf, ngx_http_llm_provider_t *provider)
{
    ngx_pool_cleanup_t    *cln;
    ngx_http_llm_peers_t  *peers;

    peers = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_peers_t));
    if (peers == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_llm_peers_cleanup;
    cln->data = peers;

    peers->provider = provider;
    provider->peers = peers;

    ngx_queue_init(&peers->waiters);

    peers->event.handler = ngx_http_llm_peers_handler;
    peers->event.data = peers;
    peers->event.log = &cf->cycle->new_log;

    return peers;
}


/*
 * The block is a text that nginx's own parser reads, since keepalive cannot be
 * had in another way.  The last brace ends what is parsed.  Its server is what
 * the syntax asks for; it is never used.
 */

static ngx_int_t
ngx_http_llm_peers_block(ngx_conf_t *cf, ngx_http_llm_provider_t *provider)
{
    char             *rv;
    u_char           *p;
    size_t            len;
    ngx_buf_t         b;
    ngx_array_t       args, *saved;
    ngx_conf_file_t  *prev, file;

    len = sizeof("upstream llm: { llm_peers; server 127.0.0.1:443; "
                 "keepalive ; } }") - 1 + provider->name.len + NGX_INT_T_LEN;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&b, sizeof(ngx_buf_t));

    b.start = p;
    b.end = p + len;
    b.pos = p;

    p = ngx_sprintf(p, "upstream llm:%V { llm_peers; server 127.0.0.1:443; ",
                    &provider->name);

    if (provider->keepalive || NGX_HTTP_LLM_KEEPALIVE_DEFAULT) {
        p = ngx_sprintf(p, "keepalive %ui; ", provider->keepalive);
    }

    b.last = ngx_sprintf(p, "} }");

    if (ngx_array_init(&args, cf->temp_pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_conf_file_t));

    prev = cf->conf_file;
    saved = cf->args;

    /* the descriptor says that this is a block, the size that it has ended */

    file.file.fd = prev->file.fd;
    file.file.name = prev->file.name;
    file.file.log = prev->file.log;
    file.buffer = &b;
    file.line = prev->line;

    cf->conf_file = &file;
    cf->args = &args;

    rv = ngx_conf_parse(cf, NULL);

    cf->conf_file = prev;
    cf->args = saved;

    return (rv == NGX_CONF_OK) ? NGX_OK : NGX_ERROR;
}


char *
ngx_http_llm_peers(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_peers_t           *peers;
    ngx_http_llm_provider_t       **provider;
    ngx_http_llm_main_conf_t       *lmcf;
    ngx_http_upstream_srv_conf_t   *uscf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (lmcf->providers.nelts == 0) {
        return "is not allowed here";
    }

    provider = lmcf->providers.elts;
    peers = provider[lmcf->providers.nelts - 1]->peers;

    if (peers == NULL || peers->uscf) {
        return "is not allowed here";
    }

    uscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);

    uscf->peer.init_upstream = ngx_http_llm_peers_init_upstream;
    uscf->peer.data = peers;

    peers->uscf = uscf;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_peers_init_upstream(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *uscf)
{
    uscf->peer.init = ngx_http_llm_peers_init_peer;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_peers_init(ngx_conf_t *cf, ngx_http_llm_peers_t *peers)
{
    ngx_http_llm_addrs_t       addrs;
    ngx_http_llm_resolv_t     *resolv;
    ngx_http_llm_provider_t   *provider;
    ngx_http_core_loc_conf_t  *clcf;

    provider = peers->provider;
    provider->upstream.upstream = peers->uscf;

    peers->address = ngx_pcalloc(cf->pool, NGX_HTTP_LLM_ADDRS
                                           * sizeof(ngx_http_llm_address_t));
    if (peers->address == NULL) {
        return NGX_ERROR;
    }

    if (provider->unix_path.len) {
        return ngx_http_llm_peers_unix(cf, peers);
    }

    addrs.naddrs = 0;

    if (ngx_http_llm_resolv_literal(&provider->host, &addrs) == NGX_OK) {
        return ngx_http_llm_peers_fixed(cf, peers, &addrs);
    }

    resolv = ngx_http_llm_resolv(cf);
    if (resolv == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_resolv_hosts(resolv, &provider->host, &addrs) == NGX_OK) {
        return ngx_http_llm_peers_fixed(cf, peers, &addrs);
    }

    /* "name." is another name than "name", which has domains added to it */

    peers->key.data = ngx_pnalloc(cf->pool, provider->host.len + 1);
    if (peers->key.data == NULL) {
        return NGX_ERROR;
    }

    peers->key.len = ngx_sprintf(peers->key.data,
                                 provider->absolute ? "%V." : "%V",
                                 &provider->host)
                     - peers->key.data;

    /* the merge leaves a resolver without servers where none is set */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        peers->resolver = clcf->resolver;
        peers->timeout = clcf->resolver_timeout;

    } else {
        peers->resolver = ngx_http_llm_resolv_resolver(cf, resolv);
        if (peers->resolver == NULL) {
            return NGX_ERROR;
        }

        if (!provider->absolute) {
            peers->resolv = resolv;
        }

        peers->timeout = NGX_CONF_UNSET_MSEC;
    }

    if (peers->timeout == NGX_CONF_UNSET_MSEC) {
        peers->timeout = NGX_HTTP_LLM_PEERS_TIMEOUT;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_peers_fixed(ngx_conf_t *cf, ngx_http_llm_peers_t *peers,
    ngx_http_llm_addrs_t *addrs)
{
    addrs->valid = 0;

    ngx_http_llm_peers_set(peers, addrs);

    peers->fixed = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_peers_unix(ngx_conf_t *cf, ngx_http_llm_peers_t *peers)
{
    ngx_url_t                 u;
    ngx_http_llm_address_t   *address;
    ngx_http_llm_provider_t  *provider;

    provider = peers->provider;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = provider->unix_path;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs != 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "%s in url of provider \"%V\" in %s:%ui",
                      u.err ? u.err : "invalid address", &provider->name,
                      provider->file, provider->line);
        return NGX_ERROR;
    }

    address = peers->address;

    ngx_memcpy(&address->sockaddr, u.addrs[0].sockaddr, u.addrs[0].socklen);

    address->socklen = u.addrs[0].socklen;
    address->name = u.addrs[0].name;

    peers->naddrs = 1;
    peers->fixed = 1;

    return NGX_OK;
}


static void
ngx_http_llm_peers_cleanup(void *data)
{
    ngx_http_llm_peers_t  *peers = data;

    if (peers->session) {
        ngx_ssl_free_session(peers->session);
        peers->session = NULL;
    }
}


ngx_int_t
ngx_http_llm_peers_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                  i;
    ngx_http_llm_provider_t   **provider;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_llm_module);

    if (lmcf == NULL) {
        return NGX_OK;
    }

    provider = lmcf->providers.elts;

    for (i = 0; i < lmcf->providers.nelts; i++) {

        provider[i]->next_key = (ngx_uint_t) ngx_random();

        if (provider[i]->peers) {
            provider[i]->peers->next = (ngx_uint_t) ngx_random();
        }
    }

    return NGX_OK;
}


/* an address that stays keeps what is known of it */

static void
ngx_http_llm_peers_set(ngx_http_llm_peers_t *peers,
    ngx_http_llm_addrs_t *addrs)
{
    ngx_uint_t               i, j, same;
    struct sockaddr         *sa;
    ngx_http_llm_address_t  *address, set[NGX_HTTP_LLM_ADDRS];

    same = (addrs->naddrs == peers->naddrs);

    for (i = 0; i < addrs->naddrs; i++) {
        address = &set[i];
        sa = &addrs->addr[i].sockaddr;

        ngx_inet_set_port(sa, peers->provider->port);

        for (j = 0; j < peers->naddrs; j++) {

            if (ngx_cmp_sockaddr(sa, addrs->len[i],
                                 &peers->address[j].sockaddr.sockaddr,
                                 peers->address[j].socklen, 1)
                == NGX_OK)
            {
                *address = peers->address[j];
                break;
            }
        }

        if (j < peers->naddrs) {
            same = (same && i == j);
            continue;
        }

        same = 0;

        address->sockaddr = addrs->addr[i];
        address->socklen = addrs->len[i];
        address->fails = 0;
        address->checked = 0;
        address->name.len = ngx_sock_ntop(sa, address->socklen, address->text,
                                          NGX_SOCKADDR_STRLEN, 1);
    }

    for (i = 0; i < addrs->naddrs; i++) {
        peers->address[i] = set[i];
        peers->address[i].name.data = peers->address[i].text;
    }

    if (!same) {
        peers->generation++;
    }

    peers->naddrs = addrs->naddrs;
    peers->valid = addrs->valid;
}


ngx_int_t
ngx_http_llm_peers_ready(ngx_http_llm_peers_t *peers,
    ngx_http_llm_waiter_t *waiter)
{
    time_t                now;
    ngx_http_llm_addrs_t  addrs;

    if (peers->fixed) {
        return NGX_OK;
    }

    now = ngx_time();

    if (peers->naddrs && now < peers->valid) {
        return NGX_OK;
    }

    if (peers->looked != now) {
        peers->looked = now;

        if (ngx_http_llm_addrs_get(&peers->key, &addrs) == NGX_OK
            && (peers->naddrs == 0 || addrs.valid > peers->valid))
        {
            ngx_http_llm_peers_set(peers, &addrs);

            if (now < peers->valid) {
                return NGX_OK;
            }
        }
    }

    if (!peers->busy && now >= peers->retry) {
        ngx_http_llm_peers_start(peers);
    }

    if (peers->naddrs) {
        return NGX_OK;
    }

    if (!peers->busy) {
        return NGX_DECLINED;
    }

    if (waiter && !waiter->active) {
        waiter->active = 1;
        ngx_queue_insert_tail(&peers->waiters, &waiter->queue);
    }

    return NGX_AGAIN;
}


void
ngx_http_llm_peers_cancel(ngx_http_llm_waiter_t *waiter)
{
    if (waiter->active) {
        waiter->active = 0;
        ngx_queue_remove(&waiter->queue);
    }
}


ngx_int_t
ngx_http_llm_peers_address(ngx_http_llm_peers_t *peers, ngx_uint_t n,
    ngx_http_llm_addr_t *addr)
{
    ngx_http_llm_address_t  *address;

    if (n >= peers->naddrs) {
        return NGX_DECLINED;
    }

    if (n == 0) {
        peers->next++;
    }

    address = &peers->address[(peers->next + n) % peers->naddrs];

    addr->sockaddr = address->sockaddr;
    addr->socklen = address->socklen;
    addr->name = address->name;

    /* the name of a socket is the configuration's */

    if (address->name.data == address->text) {
        ngx_memcpy(addr->text, address->text, NGX_SOCKADDR_STRLEN);
        addr->name.data = addr->text;
    }

    return NGX_OK;
}


static void
ngx_http_llm_peers_start(ngx_http_llm_peers_t *peers)
{
    peers->busy = 1;
    peers->name = 0;
    peers->state = NGX_RESOLVE_NXDOMAIN;

    ngx_http_llm_peers_query(peers);
}


static void
ngx_http_llm_peers_query(ngx_http_llm_peers_t *peers)
{
    ngx_str_t            name;
    ngx_resolver_ctx_t  *ctx;

    peers->again = 0;

    if (peers->resolv == NULL) {
        name = peers->provider->host;

    } else if (ngx_http_llm_resolv_name(peers->resolv, &peers->provider->host,
                                        &peers->name, peers->query, &name)
               != NGX_OK)
    {
        ngx_http_llm_peers_failed(peers, peers->state);
        return;
    }

    ctx = ngx_resolve_start(peers->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_http_llm_peers_failed(peers, NGX_RESOLVE_SERVFAIL);
        return;
    }

    ctx->name = name;
    ctx->handler = ngx_http_llm_peers_resolved;
    ctx->data = peers;
    ctx->timeout = peers->timeout;
    ctx->cancelable = 1;

    /* it is freed on an error, and the handler may be called at once */

    if (ngx_resolve_name(ctx) != NGX_OK) {
        ngx_http_llm_peers_failed(peers, NGX_RESOLVE_SERVFAIL);
    }
}


static void
ngx_http_llm_peers_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_http_llm_peers_t  *peers = ctx->data;

    time_t                 ttl;
    ngx_int_t              state;
    ngx_uint_t             i, n;
    ngx_resolver_addr_t   *addr;
    ngx_http_llm_addrs_t   addrs;

    state = ctx->state;
    addrs.naddrs = 0;

    if (state == NGX_OK) {

        for (i = 0; i < ctx->naddrs; i++) {
            addr = &ctx->addrs[i];
            n = addrs.naddrs;

            if (n == NGX_HTTP_LLM_ADDRS) {
                break;
            }

            if (addr->socklen > (socklen_t) sizeof(ngx_sockaddr_t)) {
                continue;
            }

            ngx_memzero(&addrs.addr[n], sizeof(ngx_sockaddr_t));
            ngx_memcpy(&addrs.addr[n], addr->sockaddr, addr->socklen);

            addrs.len[n] = addr->socklen;
            addrs.naddrs++;
        }

        ttl = ctx->valid - ngx_time();
        ttl = ngx_max(ttl, NGX_HTTP_LLM_PEERS_MIN);
        ttl = ngx_min(ttl, NGX_HTTP_LLM_PEERS_MAX);

        addrs.valid = ngx_time() + ttl;
    }

    ngx_resolve_name_done(ctx);

    if (addrs.naddrs) {
        peers->busy = 0;
        peers->retry = 0;

        ngx_http_llm_addrs_set(&peers->key, &addrs);
        ngx_http_llm_peers_set(peers, &addrs);

        ngx_post_event(&peers->event, &ngx_posted_events);

        return;
    }

    if (state == NGX_OK) {
        state = NGX_RESOLVE_NXDOMAIN;
    }

    if (state != NGX_RESOLVE_NXDOMAIN) {
        peers->state = state;
    }

    /* the resolver is not called from within its own handler */

    if (peers->resolv && state != NGX_RESOLVE_TIMEDOUT) {
        peers->again = 1;
        ngx_post_event(&peers->event, &ngx_posted_events);
        return;
    }

    ngx_http_llm_peers_failed(peers, peers->state);
}


static void
ngx_http_llm_peers_failed(ngx_http_llm_peers_t *peers, ngx_int_t state)
{
    ngx_uint_t  level;

    peers->busy = 0;
    peers->retry = ngx_time() + NGX_HTTP_LLM_PEERS_RETRY;

    level = peers->naddrs ? NGX_LOG_WARN : NGX_LOG_ERR;

    ngx_log_error(level, ngx_cycle->log, 0,
                  "%V of provider \"%V\" could not be resolved (%i: %s)%s",
                  &peers->provider->host, &peers->provider->name, state,
                  ngx_resolver_strerror(state),
                  peers->naddrs ? ", its last known addresses are used" : "");

    ngx_post_event(&peers->event, &ngx_posted_events);
}


static void
ngx_http_llm_peers_handler(ngx_event_t *ev)
{
    ngx_http_llm_peers_t  *peers = ev->data;

    ngx_queue_t            *q, waiters;
    ngx_http_llm_waiter_t  *waiter;

    if (peers->again) {
        ngx_http_llm_peers_query(peers);
        return;
    }

    if (ngx_queue_empty(&peers->waiters)) {
        return;
    }

    /* a handler may cancel other waiters, and may wait anew */

    ngx_queue_init(&waiters);
    ngx_queue_add(&waiters, &peers->waiters);
    ngx_queue_init(&peers->waiters);

    while (!ngx_queue_empty(&waiters)) {
        q = ngx_queue_head(&waiters);
        waiter = ngx_queue_data(q, ngx_http_llm_waiter_t, queue);

        ngx_queue_remove(q);
        waiter->active = 0;

        waiter->handler(waiter->data);
    }
}


static ngx_int_t
ngx_http_llm_peers_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_peer_connection_t     *pc;
    ngx_http_llm_peers_t      *peers;
    ngx_http_llm_peer_data_t  *pd;

    peers = uscf->peer.data;

    pd = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_peer_data_t));
    if (pd == NULL) {
        return NGX_ERROR;
    }

    pd->peers = peers;
    pd->pool = r->pool;
    pd->generation = peers->generation;

    pc = &r->upstream->peer;

    pc->data = pd;
    pc->get = ngx_http_llm_peers_get;
    pc->free = ngx_http_llm_peers_free;
    pc->tries = ngx_max(peers->naddrs, 1);
    pc->set_session = ngx_http_llm_peers_set_session;
    pc->save_session = ngx_http_llm_peers_save_session;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_peers_get(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llm_peer_data_t  *pd = data;

    ngx_http_llm_peers_t    *peers;
    ngx_http_llm_address_t  *address;

    peers = pd->peers;

    pc->cached = 0;
    pc->connection = NULL;
    pc->name = &peers->provider->host;

    if (pd->generation != peers->generation) {
        pd->generation = peers->generation;
        pd->tried = 0;
    }

    if (ngx_http_llm_peers_choose(pd) != NGX_OK) {
        return NGX_BUSY;
    }

    address = &peers->address[pd->current];

    /* names outlive the addresses: they are what $upstream_addr shows */

    pd->name.data = ngx_pnalloc(pd->pool, address->name.len);
    if (pd->name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(pd->name.data, address->name.data, address->name.len);
    pd->name.len = address->name.len;

    pd->sockaddr = address->sockaddr;
    pd->socklen = address->socklen;

    pc->sockaddr = &pd->sockaddr.sockaddr;
    pc->socklen = pd->socklen;
    pc->name = &pd->name;

    return NGX_OK;
}


/* the next in turn that is good; if none is, the next in turn */

static ngx_int_t
ngx_http_llm_peers_choose(ngx_http_llm_peer_data_t *pd)
{
    time_t                   now;
    ngx_uint_t               i, n, pass;
    ngx_http_llm_peers_t    *peers;
    ngx_http_llm_address_t  *address;

    now = ngx_time();
    peers = pd->peers;

    for (pass = 0; pass < 2; pass++) {

        for (i = 0; i < peers->naddrs; i++) {
            n = (peers->next + i) % peers->naddrs;
            address = &peers->address[n];

            if (pd->tried & ((uintptr_t) 1 << n)) {
                continue;
            }

            if (pass == 0 && address->fails
                && now - address->checked <= NGX_HTTP_LLM_PEERS_FAILED)
            {
                continue;
            }

            address->checked = now;

            pd->tried |= (uintptr_t) 1 << n;
            pd->current = n;

            peers->next = n + 1;

            return NGX_OK;
        }
    }

    return NGX_BUSY;
}


static void
ngx_http_llm_peers_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_llm_peer_data_t  *pd = data;

    ngx_http_llm_address_t  *address;

    address = ngx_http_llm_peers_current(pd);

    if (address) {

        if (state & NGX_PEER_FAILED) {
            address->fails++;
            address->checked = ngx_time();

        } else {
            address->fails = 0;
        }
    }

    if (pc->tries) {
        pc->tries--;
    }
}


static ngx_http_llm_address_t *
ngx_http_llm_peers_current(ngx_http_llm_peer_data_t *pd)
{
    ngx_uint_t             i;
    ngx_http_llm_peers_t  *peers;

    peers = pd->peers;

    if (pd->socklen == 0) {
        return NULL;
    }

    if (pd->generation == peers->generation) {
        return &peers->address[pd->current];
    }

    for (i = 0; i < peers->naddrs; i++) {

        if (ngx_cmp_sockaddr(&pd->sockaddr.sockaddr, pd->socklen,
                             &peers->address[i].sockaddr.sockaddr,
                             peers->address[i].socklen, 1)
            == NGX_OK)
        {
            return &peers->address[i];
        }
    }

    return NULL;
}


/* a session belongs to a name, so all its addresses share it */

static ngx_int_t
ngx_http_llm_peers_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llm_peer_data_t  *pd = data;

    return ngx_ssl_set_session(pc->connection, pd->peers->session);
}


static void
ngx_http_llm_peers_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llm_peer_data_t  *pd = data;

    ngx_ssl_session_t  *session;

    session = ngx_ssl_get_session(pc->connection);

    if (session == NULL) {
        return;
    }

    ngx_http_llm_peers_cleanup(pd->peers);

    pd->peers->session = session;
}
