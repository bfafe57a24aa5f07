
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Requests that go on as they are: the head is rewritten, the body passed as
 * it lies in memory or in a file, and so is the answer, with an eye on usage.
 */


#ifndef _NGX_HTTP_LLM_RELAY_H_INCLUDED_
#define _NGX_HTTP_LLM_RELAY_H_INCLUDED_


#include "ngx_http_llm_call.h"
#include "ngx_http_llm_endpoint.h"
#include "ngx_llm_batch.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_meter.h"
#include "ngx_llm_multipart.h"


/* what is known of a request, ctx->call_data */

typedef struct {
    ngx_http_llm_provider_t   *provider;    /* chosen without a model */
    ngx_str_t                  rest;        /* of the path, escaped, and the
                                               query */

    ngx_llm_multipart_t        multipart;
    char                      *members[4];  /* that are looked for */
    ngx_llm_meter_t            meter;
    ngx_llm_meter_t            nested;      /* of objects inside */
    void                      *body;        /* its hash, for who signs; NULL:
                                               nobody does, or it is done */
    u_char                     hash[64];
    ngx_str_t                  model;       /* as the client wrote it */
    off_t                      model_from;  /* its place in the body */
    ngx_uint_t                 nmodels;
    ngx_uint_t                 nstreams;
    ngx_uint_t                 stream;
    char                      *error;       /* what is wrong with the body */

    ngx_llm_batch_t            batch;       /* a file for one */

    /* of that, or inside of the body */
    ngx_str_t                  denied;      /* a model; empty: none */
    ngx_uint_t                 denied_line;
    size_t                     seen_len;
    u_char                     seen[NGX_LLM_BATCH_MODEL];
    ngx_uint_t                 purposes;
    unsigned                   other_purpose:1;
    unsigned                   narrowed:1;  /* the key may not use all */
    unsigned                   guarded:1;   /* likewise, and it is a form */
} ngx_http_llm_relay_t;


/* of an attempt, at->state */

typedef struct {
    ngx_llm_meter_t            meter;       /* of its answer, or of a message
                                               in it */
    ngx_llm_meter_t            inner;       /* of what is wrapped in that */
    ngx_llm_eventstream_t      messages;
    ngx_pool_t                *scratch;
    unsigned                   metered:1;
    unsigned                   framed:1;    /* it comes as messages */
} ngx_http_llm_relay_state_t;


extern const ngx_http_llm_path_t  ngx_http_llm_relay_path;


/* ngx_http_llm_relay.c */

/* sets ctx->call_data; see ngx_http_llm_call_t */
ngx_int_t ngx_http_llm_relay_begin(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_str_t *rest, ngx_llm_error_t *err);

/* "llm_relay provider" */
char *ngx_http_llm_relay(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* for a location inside of one */
ngx_int_t ngx_http_llm_relay_inherit(ngx_conf_t *cf,
    ngx_http_llm_loc_conf_t *prev, ngx_http_llm_loc_conf_t *conf);

/* when all providers are known */
ngx_int_t ngx_http_llm_relay_init(ngx_conf_t *cf);

/* ngx_http_llm_relay_model.c */

/* looks for models in the body while it comes, ctx->feed */
void ngx_http_llm_relay_meters(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* a name that cannot be one is the relay's error */
void ngx_http_llm_relay_check_model(ngx_http_llm_relay_t *relay);

/*
 * the path's model is ctx->chat.model; NGX_OK, NGX_DECLINED: the body says
 * another
 */
ngx_int_t ngx_http_llm_relay_path_model(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/*
 * for a key that may not use all, when ctx->chat.model is known; NGX_OK,
 * NGX_DECLINED with err, NGX_ERROR
 */
ngx_int_t ngx_http_llm_relay_read_nested(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);

/* ngx_http_llm_relay_form.c */

/* as begin and read of ngx_http_llm_call_t, of what may be a form */
ngx_int_t ngx_http_llm_relay_form(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_str_t *rest, ngx_llm_error_t *err);
ngx_int_t ngx_http_llm_relay_read_form(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);

/* looks into a form where not every model may be used; as begin */
ngx_int_t ngx_http_llm_relay_guard(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);

/*
 * ctx of a request, a model's name, escaped, of NGX_LLM_BATCH_MODEL bytes at
 * most, and its line: the first that may not be used is relay->denied
 */
ngx_int_t ngx_http_llm_relay_seen(void *data, ngx_str_t *model,
    ngx_uint_t line);

/* ngx_http_llm_relay_request.c */

/* at->out with the request's own body; see ngx_http_llm_call_t */
ngx_int_t ngx_http_llm_relay_request(ngx_http_llm_attempt_t *at);

/*
 * the path behind the row's or the location's, escaped, and the query; slash:
 * one stands before it
 */
ngx_int_t ngx_http_llm_relay_rest(ngx_http_request_t *r, ngx_str_t *rest,
    ngx_uint_t slash, ngx_str_t *escaped);

/* ngx_http_llm_relay_answer.c */

/* a plain answer that is whole; see ngx_http_llm_call_t */
ngx_int_t ngx_http_llm_relay_answer(ngx_http_llm_attempt_t *at);


#endif /* _NGX_HTTP_LLM_RELAY_H_INCLUDED_ */
