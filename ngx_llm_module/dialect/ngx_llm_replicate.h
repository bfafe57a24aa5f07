
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Language models on Replicate: a prediction is created and waited for, a
 * minute at most.  After Replicate's HTTP API reference (predictions.create,
 * deployments.predictions.create) and "Prediction lifecycle".
 */


#ifndef _NGX_LLM_REPLICATE_H_INCLUDED_
#define _NGX_LLM_REPLICATE_H_INCLUDED_


#include "ngx_llm_compose.h"


/* ngx_llm_replicate_request.c */

ngx_int_t ngx_llm_replicate_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);

/* OWNER/NAME of a deployment, by the target's model; 0: it is none */
ngx_uint_t ngx_llm_replicate_deployment(ngx_str_t *model, ngx_str_t *owner,
    ngx_str_t *name);


#endif /* _NGX_LLM_REPLICATE_H_INCLUDED_ */
