
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Ollama's own API, /api/chat.  What is decided there is in docs/ollama.md.
 */


#ifndef _NGX_LLM_OLLAMA_H_INCLUDED_
#define _NGX_LLM_OLLAMA_H_INCLUDED_


#include "ngx_llm_compose.h"
#include "ngx_llm_events.h"
#include "ngx_llm_schema.h"


typedef struct {
    ngx_llm_compose_t    rq;            /* the first member */
    ngx_uint_t           noptions;      /* written */
} ngx_llm_ollama_request_t;


/* the state of a stream's reader */

typedef struct {
    ngx_uint_t           hash;          /* of the first line */
    ngx_uint_t           ntools;
    unsigned             started:1;
} ngx_llm_ollama_reader_t;


/* ngx_llm_ollama.c: "error" in a body or line; NGX_DECLINED: it is none */
ngx_int_t ngx_llm_ollama_error(ngx_pool_t *pool, ngx_llm_json_t *root,
    ngx_uint_t status, ngx_llm_error_t *err);


/* ngx_llm_ollama_request.c */

ngx_int_t ngx_llm_ollama_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);


/* ngx_llm_ollama_messages.c */

ngx_int_t ngx_llm_ollama_write_messages(ngx_llm_ollama_request_t *ctx);


/* ngx_llm_ollama_response.c */

ngx_int_t ngx_llm_ollama_read_response(ngx_str_t *text,
    ngx_llm_response_t *res, ngx_llm_error_t *err);
ngx_int_t ngx_llm_ollama_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
ngx_int_t ngx_llm_ollama_read_end(ngx_llm_reader_t *reader);


#endif /* _NGX_LLM_OLLAMA_H_INCLUDED_ */
