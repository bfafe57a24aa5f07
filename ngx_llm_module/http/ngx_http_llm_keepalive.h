
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Signs of life for a client whose stream is silent.
 */


#ifndef _NGX_HTTP_LLM_KEEPALIVE_H_INCLUDED_
#define _NGX_HTTP_LLM_KEEPALIVE_H_INCLUDED_


#include "ngx_http_llm.h"


/* llm_stream_keepalive time | off */
char *ngx_http_llm_stream_keepalive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* when the next sign is due, if nothing else is sent; 0: never */
ngx_uint_t ngx_http_llm_keepalive_due(ngx_http_llm_ctx_t *ctx,
    ngx_msec_t *time);

/*
 * Sends one; where no attempt is good yet the header of the answer goes before
 * it.  The request may be gone when this returns.
 */
void ngx_http_llm_keepalive_send(ngx_http_llm_ctx_t *ctx);

/*
 * The end of an answer whose header has left although no attempt was good: an
 * event in place of a status.  last: nobody else ends the response.
 */
void ngx_http_llm_keepalive_error(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err, ngx_uint_t last);

/* the same as text, of the pool; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_llm_keepalive_event(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err, ngx_str_t *text);


#endif /* _NGX_HTTP_LLM_KEEPALIVE_H_INCLUDED_ */
