
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
    ngx_str_t                  model;       /* where the client names none;
                                               empty: it must */
    char                     **params;      /* that can be set, see
                                               ngx_llm_calls.h; NULL: nothing
                                               is dropped or set */

    /*
     * MAY be NULL: the body is JSON.  Before it is read: may set ctx->feed,
     * which gets it piece by piece, and ctx->keep, the body stays where it
     * is.  NGX_OK, NGX_DECLINED with err, NGX_ERROR
     */
    ngx_int_t                (*begin)(ngx_http_request_t *r,
                                 ngx_http_llm_ctx_t *ctx, ngx_str_t *rest,
                                 ngx_llm_error_t *err);

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

    unsigned                   relay:1;     /* an answer that is no JSON is
                                               passed as it comes */
    unsigned                   through:1;   /* so is one that is */
    unsigned                   direct:1;    /* a provider is asked for, no
                                               model */
};


/* pieces of a request's body as they come; NGX_OK or NGX_ERROR */
typedef ngx_int_t (*ngx_http_llm_feed_pt)(ngx_http_request_t *r, void *data,
    u_char *p, u_char *last);


/* ngx_http_llm_embed.c */
extern const ngx_http_llm_call_t  ngx_http_llm_embed;


/* ngx_http_llm_rerank.c */
extern const ngx_http_llm_call_t  ngx_http_llm_rerank;


/* ngx_http_llm_relay.c */
extern const ngx_http_llm_call_t  ngx_http_llm_moderations;
extern const ngx_http_llm_call_t  ngx_http_llm_images;
extern const ngx_http_llm_call_t  ngx_http_llm_edits;
extern const ngx_http_llm_call_t  ngx_http_llm_variations;
extern const ngx_http_llm_call_t  ngx_http_llm_speech;
extern const ngx_http_llm_call_t  ngx_http_llm_transcriptions;
extern const ngx_http_llm_call_t  ngx_http_llm_translations;
extern const ngx_http_llm_call_t  ngx_http_llm_files;
extern const ngx_http_llm_call_t  ngx_http_llm_batches;


/* ngx_http_llm_relay_answer.c */

/* the answer is good as soon as its header is; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_llm_relay_head(ngx_http_llm_attempt_t *at);

/* the input filter for it: bytes behind u->buffer.last */
ngx_int_t ngx_http_llm_relay_input(ngx_http_llm_attempt_t *at,
    ssize_t bytes);

/* there is nothing more to come; it may have been cut */
void ngx_http_llm_relay_end(ngx_http_llm_attempt_t *at);


/* ngx_http_llm_attempt.c */

/* a buffer that owns its start, at *ll; NULL: no memory */
ngx_chain_t **ngx_http_llm_attempt_buf(ngx_pool_t *pool, ngx_chain_t **ll,
    ngx_str_t *text);

/*
 * at->out: a head with the dialect's path (which may be given: with the query,
 * escaped) and headers, and slices (ngx_str_t) as the body
 */
ngx_int_t ngx_http_llm_attempt_out(ngx_http_llm_attempt_t *at,
    ngx_str_t *path, ngx_array_t *slices);


#endif /* _NGX_HTTP_LLM_CALL_H_INCLUDED_ */
