
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A response of HTTP/1 (RFC 9112) that comes in pieces, for calls that belong
 * to no request.
 */


#ifndef _NGX_LLM_HTTP_H_INCLUDED_
#define _NGX_LLM_HTTP_H_INCLUDED_


#include "ngx_llm_core.h"


/* of a head, 1xx responses before it included */
#define NGX_LLM_HTTP_MAX_HEAD  32768
#define NGX_LLM_HTTP_MAX_LINE  8192


typedef struct {
    ngx_uint_t       status;
    ngx_int_t        retry_after;   /* seconds, -1 */

    ngx_llm_out_t   *body;          /* where it goes, of a bounded size */

    ngx_uint_t       state;
    size_t           head;          /* bytes so far */
    off_t            length;        /* of the body or chunk: left, -1 */
    size_t           nline;
    u_char           line[NGX_LLM_HTTP_MAX_LINE];

    unsigned         chunked:1;
    unsigned         digits:1;      /* the chunk's size has some */
} ngx_llm_http_t;


/* body: initialised by the caller */
void ngx_llm_http_init(ngx_llm_http_t *http, ngx_llm_out_t *body);

/*
 * Takes bytes: NGX_OK: the response is whole; NGX_AGAIN; NGX_DECLINED: it is
 * not valid, or longer than it may be.
 */
ngx_int_t ngx_llm_http_next(ngx_llm_http_t *http, u_char *p, u_char *last);

/* the connection has ended: NGX_OK: the response is whole; NGX_DECLINED */
ngx_int_t ngx_llm_http_end(ngx_llm_http_t *http);


#endif /* _NGX_LLM_HTTP_H_INCLUDED_ */
