
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Mistral's API, chat completions.  Answers are read as OpenAI's, but for what
 * stands here; what is decided there is in docs/mistral.md.
 */


#ifndef _NGX_LLM_MISTRAL_H_INCLUDED_
#define _NGX_LLM_MISTRAL_H_INCLUDED_


#include "ngx_llm_openai.h"
#include "ngx_llm_compose.h"
#include "ngx_llm_events.h"


#define NGX_LLM_MISTRAL_ID_LEN     9


/* what a family of models takes */

#define NGX_LLM_MISTRAL_EFFORT     0x0001  /* reasoning_effort */
#define NGX_LLM_MISTRAL_THOUGHTS   0x0002  /* thinking parts in the history */
#define NGX_LLM_MISTRAL_ORDER      0x0004  /* no user behind a result */


typedef struct {
    ngx_llm_compose_t        rq;        /* the first member */
    ngx_uint_t               model;     /* NGX_LLM_MISTRAL_* */
} ngx_llm_mistral_request_t;


typedef struct {
    ngx_llm_openai_reader_t  openai;    /* the first member */
    ngx_llm_event_pt         handler;   /* the one above this one */
    void                    *data;
    ngx_uint_t               hash;      /* of the answer's id */
} ngx_llm_mistral_reader_t;


/* ngx_llm_mistral_request.c */

ngx_int_t ngx_llm_mistral_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);


/* ngx_llm_mistral_messages.c */

ngx_int_t ngx_llm_mistral_write_messages(ngx_llm_mistral_request_t *ctx);


/* ngx_llm_mistral_ids.c */

/* gives each call of the history an id that the provider takes */
ngx_int_t ngx_llm_mistral_ids(ngx_llm_mistral_request_t *ctx);

/* 9 characters for a hash */
void ngx_llm_mistral_id(uint64_t hash, u_char *p);


/* ngx_llm_mistral_response.c */

ngx_int_t ngx_llm_mistral_read_response(ngx_str_t *text,
    ngx_llm_response_t *res, ngx_llm_error_t *err);
ngx_int_t ngx_llm_mistral_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
ngx_int_t ngx_llm_mistral_read_end(ngx_llm_reader_t *reader);


/* ngx_llm_mistral_error.c */

void ngx_llm_mistral_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err);


#endif /* _NGX_LLM_MISTRAL_H_INCLUDED_ */
