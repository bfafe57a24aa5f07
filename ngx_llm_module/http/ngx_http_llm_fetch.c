
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A small client of HTTP, for calls that belong to no request.  One request a
 * connection, an answer of a bounded size, one callback.  The path of a url
 * may be a secret and is not logged.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "ngx_http_llm_fetch.h"


#define NGX_HTTP_LLM_FETCH_POOL     4096
#define NGX_HTTP_LLM_FETCH_BUFFER   4096
#define NGX_HTTP_LLM_FETCH_HEAD     16384


static u_char *ngx_http_llm_fetch_log(ngx_log_t *log, u_char *buf,
    size_t len);
static ngx_int_t ngx_http_llm_fetch_request(ngx_http_llm_fetch_t *fetch);
static void ngx_http_llm_fetch_turn(ngx_event_t *ev);
static void ngx_http_llm_fetch_resolved(void *data);
static void ngx_http_llm_fetch_resolve(ngx_http_llm_fetch_t *fetch);
static void ngx_http_llm_fetch_connect(ngx_http_llm_fetch_t *fetch);
static ngx_int_t ngx_http_llm_fetch_test(ngx_connection_t *c);
static void ngx_http_llm_fetch_connected(ngx_http_llm_fetch_t *fetch);
static void ngx_http_llm_fetch_ssl(ngx_http_llm_fetch_t *fetch);
static ngx_int_t ngx_http_llm_fetch_server_name(ngx_http_llm_fetch_t *fetch);
static void ngx_http_llm_fetch_handshake(ngx_connection_t *c);
static void ngx_http_llm_fetch_send(ngx_http_llm_fetch_t *fetch);
static void ngx_http_llm_fetch_write(ngx_event_t *wev);
static void ngx_http_llm_fetch_read(ngx_event_t *rev);
static void ngx_http_llm_fetch_timeout(ngx_event_t *ev);
static void ngx_http_llm_fetch_done(ngx_http_llm_fetch_t *fetch, char *err);
static void ngx_http_llm_fetch_close(ngx_http_llm_fetch_t *fetch);


ngx_http_llm_fetch_t *
ngx_http_llm_fetch_create(ngx_http_llm_site_t *site)
{
    ngx_pool_t            *pool;
    ngx_http_llm_fetch_t  *fetch;

    pool = ngx_create_pool(NGX_HTTP_LLM_FETCH_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    fetch = ngx_pcalloc(pool, sizeof(ngx_http_llm_fetch_t));

    if (fetch == NULL
        || ngx_array_init(&fetch->headers, pool, 4, sizeof(ngx_keyval_t))
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    fetch->pool = pool;
    fetch->site = site;

    ngx_str_set(&fetch->method, "GET");

    fetch->connect_timeout = 5000;
    fetch->timeout = 15000;
    fetch->max = 65536;
    fetch->retry_after = -1;

    fetch->log = *ngx_cycle->log;
    fetch->log.handler = ngx_http_llm_fetch_log;
    fetch->log.data = fetch;
    fetch->log.action = "connecting";

    fetch->turn.handler = ngx_http_llm_fetch_turn;
    fetch->turn.data = fetch;
    fetch->turn.log = &fetch->log;

    fetch->timer.handler = ngx_http_llm_fetch_timeout;
    fetch->timer.data = fetch;
    fetch->timer.log = &fetch->log;

    fetch->waiter.handler = ngx_http_llm_fetch_resolved;
    fetch->waiter.data = fetch;

    return fetch;
}


static u_char *
ngx_http_llm_fetch_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                *p;
    ngx_http_llm_fetch_t  *fetch;

    p = buf;

    if (log->action) {
        p = ngx_snprintf(buf, len, " while %s", log->action);
        len -= p - buf;
    }

    fetch = log->data;

    return ngx_snprintf(p, len, ", llm site: \"%V\", host: \"%V\"",
                        &fetch->site->host.name,
                        &fetch->site->host.authority);
}


void
ngx_http_llm_fetch_start(ngx_http_llm_fetch_t *fetch)
{
    ngx_post_event(&fetch->turn, &ngx_posted_events);
}


void
ngx_http_llm_fetch_cancel(ngx_http_llm_fetch_t *fetch)
{
    ngx_http_llm_fetch_close(fetch);

    ngx_destroy_pool(fetch->pool);
}


static void
ngx_http_llm_fetch_turn(ngx_event_t *ev)
{
    ngx_http_llm_fetch_t *fetch = ev->data;

    if (ngx_http_llm_fetch_request(fetch) != NGX_OK) {
        ngx_http_llm_fetch_done(fetch, "the request could not be made");
        return;
    }

    ngx_add_timer(&fetch->timer, fetch->connect_timeout);

    ngx_http_llm_fetch_resolve(fetch);
}


static ngx_int_t
ngx_http_llm_fetch_request(ngx_http_llm_fetch_t *fetch)
{
    ngx_uint_t            i;
    ngx_keyval_t         *kv;
    ngx_llm_out_t         out;
    ngx_http_llm_site_t  *site;

    site = fetch->site;

    ngx_llm_out_init(&out, fetch->pool, NULL, 0,
                     NGX_HTTP_LLM_FETCH_HEAD + fetch->body.len);

    ngx_llm_out_str(&out, &fetch->method);
    ngx_llm_out_char(&out, ' ');
    ngx_llm_out_str(&out, &site->path);
    ngx_llm_out_lit(&out, " HTTP/1.1" CRLF);
    ngx_llm_out_header(&out, "Host", &site->host.authority);
    ngx_llm_out_lit(&out, "User-Agent: nginx-llm" CRLF
                          "Accept: application/json" CRLF
                          "Accept-Encoding: identity" CRLF
                          "Connection: close" CRLF);

    kv = fetch->headers.elts;

    for (i = 0; i < fetch->headers.nelts; i++) {
        ngx_llm_out_header(&out, (char *) kv[i].key.data, &kv[i].value);
    }

    if (fetch->type.len) {
        ngx_llm_out_header(&out, "Content-Type", &fetch->type);
        ngx_llm_out_lit(&out, "Content-Length: ");
        ngx_llm_out_int(&out, (int64_t) fetch->body.len);
        ngx_llm_out_lit(&out, CRLF);
    }

    ngx_llm_out_lit(&out, CRLF);
    ngx_llm_out_str(&out, &fetch->body);

    if (out.failed) {
        return NGX_ERROR;
    }

    fetch->request.pos = out.start;
    fetch->request.last = out.last;

    ngx_llm_out_init(&fetch->out, fetch->pool, NULL, 0, fetch->max);
    ngx_llm_http_init(&fetch->http, &fetch->out);

    return NGX_OK;
}


static void
ngx_http_llm_fetch_resolved(void *data)
{
    ngx_http_llm_fetch_resolve(data);
}


static void
ngx_http_llm_fetch_resolve(ngx_http_llm_fetch_t *fetch)
{
    ngx_int_t  rc;

    rc = ngx_http_llm_peers_ready(fetch->site->host.peers, &fetch->waiter);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc != NGX_OK) {
        ngx_http_llm_fetch_done(fetch, "its name could not be resolved");
        return;
    }

    ngx_http_llm_fetch_connect(fetch);
}


/* to the next address, until one takes the connection */

static void
ngx_http_llm_fetch_connect(ngx_http_llm_fetch_t *fetch)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_peer_connection_t  *pc;

    pc = &fetch->peer;

    for ( ;; ) {

        if (ngx_http_llm_peers_address(fetch->site->host.peers,
                                       fetch->naddrs++, &fetch->addr)
            != NGX_OK)
        {
            ngx_http_llm_fetch_done(fetch, "it could not be connected to");
            return;
        }

        ngx_memzero(pc, sizeof(ngx_peer_connection_t));

        pc->sockaddr = &fetch->addr.sockaddr.sockaddr;
        pc->socklen = fetch->addr.socklen;
        pc->name = &fetch->addr.name;
        pc->get = ngx_event_get_peer;
        pc->log = &fetch->log;
        pc->log_error = NGX_ERROR_ERR;

        rc = ngx_event_connect_peer(pc);

        if (rc == NGX_OK || rc == NGX_AGAIN) {
            break;
        }

        /* rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED */

        ngx_http_llm_fetch_close(fetch);
        ngx_add_timer(&fetch->timer, fetch->connect_timeout);
    }

    c = pc->connection;

    c->data = fetch;
    c->pool = fetch->pool;
    c->read->handler = ngx_http_llm_fetch_read;
    c->write->handler = ngx_http_llm_fetch_write;

    if (rc == NGX_OK) {
        ngx_http_llm_fetch_connected(fetch);
    }
}


static ngx_int_t
ngx_http_llm_fetch_test(ngx_connection_t *c)
{
    int        err;
    socklen_t  len;

#if (NGX_HAVE_KQUEUE)

    if (ngx_event_flags & NGX_USE_KQUEUE_EVENT) {
        err = c->write->kq_errno ? c->write->kq_errno : c->read->kq_errno;

        if (err) {
            (void) ngx_connection_error(c, err,
                                    "kevent() reported that connect() failed");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

#endif

    err = 0;
    len = sizeof(int);

    /* Solaris returns -1 and sets errno */

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        (void) ngx_connection_error(c, err, "connect() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_llm_fetch_connected(ngx_http_llm_fetch_t *fetch)
{
    fetch->connected = 1;

    if (fetch->site->host.ssl) {
        ngx_http_llm_fetch_ssl(fetch);
        return;
    }

    ngx_http_llm_fetch_send(fetch);
}


static void
ngx_http_llm_fetch_ssl(ngx_http_llm_fetch_t *fetch)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = fetch->peer.connection;

    fetch->log.action = "SSL handshaking";

    if (ngx_ssl_create_connection(fetch->site->host.upstream.ssl, c,
                                  NGX_SSL_BUFFER|NGX_SSL_CLIENT)
        != NGX_OK
        || ngx_http_llm_fetch_server_name(fetch) != NGX_OK)
    {
        ngx_http_llm_fetch_done(fetch, "TLS could not be set up");
        return;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_http_llm_fetch_handshake;
        return;
    }

    ngx_http_llm_fetch_handshake(c);
}


/* an address is no name (RFC 6066) */

static ngx_int_t
ngx_http_llm_fetch_server_name(ngx_http_llm_fetch_t *fetch)
{
#ifdef SSL_CTRL_SET_TLSEXT_HOSTNAME

    ngx_str_t                *name;
    ngx_connection_t         *c;
    ngx_http_llm_provider_t  *host;

    host = &fetch->site->host;
    name = &host->ssl_name;
    c = fetch->peer.connection;

    if (!host->ssl_server_name || name->data[0] == '['
        || ngx_inet_addr(name->data, name->len) != INADDR_NONE)
    {
        return NGX_OK;
    }

    /* it ends with a zero */

    if (SSL_set_tlsext_host_name(c->ssl->connection, (char *) name->data)
        == 0)
    {
        ngx_ssl_error(NGX_LOG_ERR, c->log, 0,
                      "SSL_set_tlsext_host_name(\"%s\") failed", name->data);
        return NGX_ERROR;
    }

#endif

    return NGX_OK;
}


static void
ngx_http_llm_fetch_handshake(ngx_connection_t *c)
{
    long                      rc;
    ngx_http_llm_fetch_t     *fetch;
    ngx_http_llm_provider_t  *host;

    fetch = c->data;
    host = &fetch->site->host;

    if (!c->ssl->handshaked) {
        ngx_http_llm_fetch_done(fetch, "the TLS handshake failed");
        return;
    }

    if (host->ssl_verify) {
        rc = SSL_get_verify_result(c->ssl->connection);

        if (rc != X509_V_OK) {
            ngx_log_error(NGX_LOG_ERR, c->log, 0,
                          "llm site SSL certificate verify error: (%l:%s)",
                          rc, X509_verify_cert_error_string(rc));
            ngx_http_llm_fetch_done(fetch, "its certificate is not trusted");
            return;
        }

        if (ngx_ssl_check_host(c, &host->ssl_name) != NGX_OK) {
            ngx_http_llm_fetch_done(fetch, "its certificate is of another "
                                           "name");
            return;
        }
    }

    c->read->handler = ngx_http_llm_fetch_read;
    c->write->handler = ngx_http_llm_fetch_write;

    ngx_http_llm_fetch_send(fetch);
}


static void
ngx_http_llm_fetch_send(ngx_http_llm_fetch_t *fetch)
{
    fetch->log.action = "waiting for an answer";

    ngx_del_timer(&fetch->timer);
    ngx_add_timer(&fetch->timer, fetch->timeout);

    ngx_http_llm_fetch_write(fetch->peer.connection->write);
}


static void
ngx_http_llm_fetch_write(ngx_event_t *wev)
{
    ssize_t                n;
    ngx_buf_t             *b;
    ngx_connection_t      *c;
    ngx_http_llm_fetch_t  *fetch;

    c = wev->data;
    fetch = c->data;
    b = &fetch->request;

    if (!fetch->connected) {

        if (ngx_http_llm_fetch_test(c) == NGX_OK) {
            ngx_http_llm_fetch_connected(fetch);
            return;
        }

        ngx_http_llm_fetch_close(fetch);
        ngx_add_timer(&fetch->timer, fetch->connect_timeout);
        ngx_http_llm_fetch_connect(fetch);
        return;
    }

    while (b->pos < b->last) {

        n = c->send(c, b->pos, b->last - b->pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_http_llm_fetch_done(fetch, "the request could not be sent");
            return;
        }

        b->pos += n;
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK
        || ngx_handle_read_event(c->read, 0) != NGX_OK)
    {
        ngx_http_llm_fetch_done(fetch, "events could not be set up");
        return;
    }

    if (c->read->ready) {
        ngx_http_llm_fetch_read(c->read);
    }
}


static void
ngx_http_llm_fetch_read(ngx_event_t *rev)
{
    ssize_t                n;
    ngx_int_t              rc;
    ngx_connection_t      *c;
    ngx_http_llm_fetch_t  *fetch;
    u_char                 buf[NGX_HTTP_LLM_FETCH_BUFFER];

    c = rev->data;
    fetch = c->data;

    if (!fetch->connected) {

        /* an error of connect() makes it readable, too */

        ngx_http_llm_fetch_write(c->write);
        return;
    }

    if (c->close) {
        ngx_http_llm_fetch_done(fetch, "the worker process leaves");
        return;
    }

    for ( ;; ) {
        n = c->recv(c, buf, NGX_HTTP_LLM_FETCH_BUFFER);

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_http_llm_fetch_done(fetch, "events could not be set up");
            }

            return;
        }

        if (n == NGX_ERROR) {
            ngx_http_llm_fetch_done(fetch, "its answer could not be read");
            return;
        }

        rc = n ? ngx_llm_http_next(&fetch->http, buf, buf + n)
               : ngx_llm_http_end(&fetch->http);

        /* an answer may hold a secret */

        ngx_explicit_memzero(buf, n);

        if (rc == NGX_DECLINED) {
            ngx_http_llm_fetch_done(fetch, n ? "its answer is not valid"
                                             : "its answer is cut");
            return;
        }

        if (rc == NGX_OK) {
            ngx_http_llm_fetch_done(fetch, NULL);
            return;
        }
    }
}


static void
ngx_http_llm_fetch_timeout(ngx_event_t *ev)
{
    ngx_http_llm_fetch_t *fetch = ev->data;

    ngx_http_llm_fetch_done(fetch, fetch->connected ? "it did not answer in "
                                                      "time"
                                                    : "it could not be "
                                                      "connected to in time");
}


static void
ngx_http_llm_fetch_done(ngx_http_llm_fetch_t *fetch, char *err)
{
    fetch->err = err;

    if (err == NULL) {
        fetch->status = fetch->http.status;
        fetch->retry_after = fetch->http.retry_after;
        fetch->answer.data = fetch->out.start;
        fetch->answer.len = ngx_llm_out_len(&fetch->out);
    }

    ngx_http_llm_fetch_close(fetch);

    fetch->handler(fetch);

    if (fetch->out.start) {
        ngx_explicit_memzero(fetch->out.start,
                             fetch->out.last - fetch->out.start);
    }

    ngx_destroy_pool(fetch->pool);
}


static void
ngx_http_llm_fetch_close(ngx_http_llm_fetch_t *fetch)
{
    ngx_connection_t  *c;

    ngx_http_llm_peers_cancel(&fetch->waiter);

    if (fetch->turn.posted) {
        ngx_delete_posted_event(&fetch->turn);
    }

    if (fetch->timer.timer_set) {
        ngx_del_timer(&fetch->timer);
    }

    c = fetch->peer.connection;

    if (c == NULL) {
        return;
    }

    fetch->peer.connection = NULL;

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }

    ngx_close_connection(c);
}
