
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Calls that belong to no request: a small client of HTTP.
 */


#ifndef _NGX_HTTP_LLM_FETCH_H_INCLUDED_
#define _NGX_HTTP_LLM_FETCH_H_INCLUDED_


#include "ngx_http_llm.h"
#include "ngx_llm_http.h"


/* where calls go: of the configuration */

struct ngx_http_llm_site_s {
    ngx_http_llm_provider_t       host;         /* address and TLS alone */
    ngx_str_t                     path;         /* with the query */
};


typedef struct ngx_http_llm_fetch_s  ngx_http_llm_fetch_t;

typedef void (*ngx_http_llm_fetch_pt)(ngx_http_llm_fetch_t *fetch);


struct ngx_http_llm_fetch_s {
    ngx_pool_t                   *pool;         /* ends with the call */
    ngx_http_llm_site_t          *site;

    /* what is asked; the body may be empty, and is of the pool */
    ngx_str_t                     method;
    ngx_str_t                     type;         /* of the body */
    ngx_str_t                     body;
    ngx_array_t                   headers;      /* ngx_keyval_t, more lines */
    ngx_msec_t                    connect_timeout;  /* with looking it up */
    ngx_msec_t                    timeout;      /* from there to the end */
    size_t                        max;          /* bytes of an answer's body */

    ngx_http_llm_fetch_pt         handler;
    void                         *data;

    /* what came of it; err is NULL where there is an answer */
    char                         *err;
    ngx_uint_t                    status;
    ngx_int_t                     retry_after;  /* seconds, -1 */
    ngx_str_t                     answer;

    /* of the client itself */
    ngx_log_t                     log;
    ngx_event_t                   turn;
    ngx_event_t                   timer;
    ngx_http_llm_waiter_t         waiter;
    ngx_peer_connection_t         peer;
    ngx_http_llm_addr_t           addr;
    ngx_uint_t                    naddrs;       /* tried */
    ngx_buf_t                     request;
    ngx_llm_out_t                 out;
    ngx_llm_http_t                http;
    unsigned                      connected:1;
};


/*
 * While the configuration is read.  The url is absolute, http or https, and
 * may have a query.  settings: whose TLS settings hold, the client's
 * certificate excepted; name: of the site, for messages.  NULL: it is logged.
 */
ngx_http_llm_site_t *ngx_http_llm_site(ngx_conf_t *cf, ngx_str_t *url,
    char *name, ngx_http_llm_provider_t *settings);

/* when the whole file is read, in front of the TLS contexts */
ngx_int_t ngx_http_llm_sites_init(ngx_conf_t *cf);


/* with defaults: GET, 5s, 15s, 64k; NULL: no memory */
ngx_http_llm_fetch_t *ngx_http_llm_fetch_create(ngx_http_llm_site_t *site);

/*
 * The handler is called once, in another turn of the event loop; then the call
 * is freed.  cancel() frees it without.
 */
void ngx_http_llm_fetch_start(ngx_http_llm_fetch_t *fetch);
void ngx_http_llm_fetch_cancel(ngx_http_llm_fetch_t *fetch);


#endif /* _NGX_HTTP_LLM_FETCH_H_INCLUDED_ */
