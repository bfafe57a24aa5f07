
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Chat and embeddings of IBM watsonx.ai.  Answers are read as OpenAI's, but
 * for what stands here; what is decided there is in docs/watsonx.md.
 */


#ifndef _NGX_LLM_WATSONX_H_INCLUDED_
#define _NGX_LLM_WATSONX_H_INCLUDED_


#include "ngx_llm_openai.h"
#include "ngx_llm_compose.h"
#include "ngx_llm_events.h"


/*
 * Whether the target's model is a deployment, "deployments/ID", which knows
 * its model and its space by itself; id: of it
 */
ngx_uint_t ngx_llm_watsonx_deployment(ngx_llm_target_t *target,
    ngx_str_t *id);

/* "?version=" of what the configuration says, or of what is written for */
void ngx_llm_watsonx_write_version(ngx_llm_target_t *target,
    ngx_llm_out_t *out);

/*
 * The opening brace of a body, model and project or space with commas behind;
 * a deployment has none of them
 */
void ngx_llm_watsonx_write_model(ngx_llm_target_t *target,
    ngx_llm_out_t *out);


/* ngx_llm_watsonx_request.c */

ngx_int_t ngx_llm_watsonx_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);


/* ngx_llm_watsonx_messages.c: "messages":[...] */

ngx_int_t ngx_llm_watsonx_write_messages(ngx_llm_compose_t *rq);


/* ngx_llm_watsonx_response.c */

ngx_int_t ngx_llm_watsonx_read_response(ngx_str_t *text,
    ngx_llm_response_t *res, ngx_llm_error_t *err);
ngx_int_t ngx_llm_watsonx_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);


/* ngx_llm_watsonx_error.c */

void ngx_llm_watsonx_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err);

/*
 * An error from a parsed body; status 200: it came inside an answer.  NGX_OK;
 * NGX_DECLINED: there is none; NGX_ERROR: no memory.
 */
ngx_int_t ngx_llm_watsonx_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_llm_json_t *root, ngx_llm_error_t *err);


#endif /* _NGX_LLM_WATSONX_H_INCLUDED_ */
