
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Endpoints beyond chat.  Key, route, attempts, errors, accounting are those of
 * a chat; what differs is what a call says here.  ctx->chat carries what all
 * of it looks at: model, user, stream, the prompt if there is one.
 */


#ifndef _NGX_HTTP_LLM_CALL_H_INCLUDED_
#define _NGX_HTTP_LLM_CALL_H_INCLUDED_


#include "ngx_http_llm.h"


struct ngx_http_llm_call_s {
    ngx_str_t                  path;        /* below a provider's base */

    /*
     * The body is there: who is asked for what.  NGX_OK, NGX_DECLINED with
     * err, NGX_ERROR
     */
    ngx_int_t                (*read)(ngx_http_request_t *r,
                                 ngx_http_llm_ctx_t *ctx,
                                 ngx_llm_error_t *err);

    /*
     * at->out for the attempt's deployment.  NGX_OK, NGX_ERROR; NGX_DECLINED
     * with at->err: the deployment cannot do it
     */
    ngx_int_t                (*request)(ngx_http_llm_attempt_t *at);

    /*
     * A 2xx answer that is whole, in at->body.  NGX_OK: ctx->usage and
     * ctx->out are set; NGX_AGAIN: at->out is the next part of the request;
     * NGX_DECLINED: it is no answer, see at->err; NGX_ERROR
     */
    ngx_int_t                (*answer)(ngx_http_llm_attempt_t *at);

    unsigned                   collect:1;   /* body is wanted in one piece */
};


/* ngx_http_llm_embed.c */
extern const ngx_http_llm_call_t  ngx_http_llm_embed;


/* ngx_http_llm_attempt.c */

/*
 * at->out: a head with the dialect's path (which may be given: with the query,
 * escaped) and headers, and slices (ngx_str_t) as the body
 */
ngx_int_t ngx_http_llm_attempt_out(ngx_http_llm_attempt_t *at,
    ngx_str_t *path, ngx_array_t *slices);


#endif /* _NGX_HTTP_LLM_CALL_H_INCLUDED_ */
