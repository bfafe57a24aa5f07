
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Endpoints of Amazon SageMaker: bodies are those of the container that runs
 * there, for chats OpenAI's; requests are signed, and streams come in Amazon's
 * messages.  After the API Reference of SageMaker Runtime (InvokeEndpoint,
 * InvokeEndpointWithResponseStream).
 */


#ifndef _NGX_LLM_SAGEMAKER_H_INCLUDED_
#define _NGX_LLM_SAGEMAKER_H_INCLUDED_


#include "ngx_llm_dialect.h"


/* a target's model: [openai/]ENDPOINT[/COMPONENT] */

typedef struct {
    ngx_str_t    endpoint;
    ngx_str_t    component;     /* of inference, or empty */
    ngx_uint_t   openai;        /* embeddings in OpenAI's form */
} ngx_llm_sagemaker_name_t;


void ngx_llm_sagemaker_name(ngx_str_t *model, ngx_llm_sagemaker_name_t *name);

/* without what stands behind "invocations" for a stream */
void ngx_llm_sagemaker_write_base(ngx_llm_target_t *target,
    ngx_llm_out_t *out);

/* ngx_llm_sagemaker_error.c */
void ngx_llm_sagemaker_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err);


#endif /* _NGX_LLM_SAGEMAKER_H_INCLUDED_ */
