
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The paths of the API: what each is, and who speaks there.
 */


#ifndef _NGX_HTTP_LLM_ENDPOINT_H_INCLUDED_
#define _NGX_HTTP_LLM_ENDPOINT_H_INCLUDED_


#include "ngx_http_llm.h"


typedef struct {
    ngx_str_t                  path;        /* below /v1 */
    ngx_uint_t                 methods;
    ngx_str_t                  allow;       /* the same as a header's value */
    ngx_http_llm_endpoint_e    endpoint;
    const ngx_llm_dialect_t   *dialect;     /* of its clients; NULL: headers
                                               tell */
    const ngx_http_llm_call_t *call;        /* of NGX_HTTP_LLM_CALL */
    unsigned                   rest:1;      /* what follows the path counts,
                                               and is not empty */
} ngx_http_llm_path_t;


/*
 * The row of the request's path, or NULL; rest, which may be NULL, gets what
 * follows the row's path, a slice of r->uri.
 */
ngx_http_llm_path_t *ngx_http_llm_path(ngx_http_request_t *r,
    ngx_str_t *rest);

/*
 * The dialect that the client speaks: that of the path, else Anthropic's where
 * the request has the header "anthropic-version", else OpenAI's.  path may be
 * NULL.
 */
const ngx_llm_dialect_t *ngx_http_llm_client_dialect(ngx_http_request_t *r,
    ngx_http_llm_path_t *path);

/* the first header line of that name (in lower case), or NULL */
ngx_str_t *ngx_http_llm_request_header(ngx_http_request_t *r, char *name);

/*
 * All header lines of that name as one list; absent if there is none.  NGX_OK
 * or NGX_ERROR.
 */
ngx_int_t ngx_http_llm_request_list(ngx_http_request_t *r, char *name,
    ngx_str_t *list);


/* answers without a provider */

/* 200 with that JSON; returns what ngx_http_finalize_request() takes */
ngx_int_t ngx_http_llm_send_json(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_out_t *text);


/* counting tokens: ngx_http_llm_count.c */

/*
 * When the route is known.  NGX_DECLINED: a provider counts, the request goes
 * on as any other, to no deployment that cannot; else it was answered with an
 * estimate, and what ngx_http_finalize_request() takes is returned.
 */
ngx_int_t ngx_http_llm_count(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx);

/*
 * Where no provider said it: fills err with an estimate, as a body of status
 * 200.  NGX_DECLINED: it was no count, or the last to be asked was a provider
 * of the client's dialect, whose error is the answer.
 */
ngx_int_t ngx_http_llm_count_failed(ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err);


#endif /* _NGX_HTTP_LLM_ENDPOINT_H_INCLUDED_ */
