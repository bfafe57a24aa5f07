
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Cohere's API, version 2, chat.  What is decided there is in docs/cohere.md.
 */


#ifndef _NGX_LLM_COHERE_H_INCLUDED_
#define _NGX_LLM_COHERE_H_INCLUDED_


#include "ngx_llm_compose.h"
#include "ngx_llm_events.h"
#include "ngx_llm_schema.h"


/* blocks of content whose place in the text is known */
#define NGX_LLM_COHERE_MAX_BLOCKS  64


typedef struct {
    ngx_llm_compose_t    rq;            /* the first member */
    ngx_uint_t           reasons;       /* the model does */
    ngx_uint_t           strict;        /* tools are */
    ngx_uint_t           nfiles;        /* sent as documents */
} ngx_llm_cohere_request_t;


/* where the blocks of content stand in the text that the client gets */

typedef struct {
    ngx_uint_t           chars;         /* so far */
    ngx_uint_t           start[NGX_LLM_COHERE_MAX_BLOCKS];
} ngx_llm_cohere_places_t;


/* the state of a stream's reader */

typedef struct {
    ngx_llm_cohere_places_t  places;
    ngx_uint_t               hash;      /* of the answer's id */
    ngx_uint_t               ntools;
    ngx_uint_t               held;      /* bytes of "null" that are held */
    unsigned                 started:1;
    unsigned                 open:1;    /* a call is */
    unsigned                 args:1;    /* it was given some */
} ngx_llm_cohere_reader_t;


/* ngx_llm_cohere.c: what the words of an error say */

void ngx_llm_cohere_error_text(ngx_llm_error_t *err, ngx_str_t *message);


/* ngx_llm_cohere_request.c */

ngx_int_t ngx_llm_cohere_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);


/* ngx_llm_cohere_messages.c */

ngx_int_t ngx_llm_cohere_write_messages(ngx_llm_cohere_request_t *ctx);
ngx_int_t ngx_llm_cohere_write_documents(ngx_llm_cohere_request_t *ctx);


/* ngx_llm_cohere_response.c */

ngx_int_t ngx_llm_cohere_read_response(ngx_str_t *text,
    ngx_llm_response_t *res, ngx_llm_error_t *err);

/* broken: set if the answer is none */
ngx_llm_finish_e ngx_llm_cohere_finish(ngx_str_t *reason, ngx_uint_t calls,
    ngx_uint_t *broken);

/* fills err for a broken answer; NGX_DECLINED or NGX_ERROR */
ngx_int_t ngx_llm_cohere_broken(ngx_pool_t *pool, ngx_str_t *reason,
    ngx_str_t *message, ngx_llm_error_t *err);

void ngx_llm_cohere_usage(ngx_llm_json_t *node, ngx_llm_usage_t *usage);

/* OpenAI's form of one entry or an array; absent: there is nothing to say */
ngx_int_t ngx_llm_cohere_logprobs(ngx_pool_t *pool, ngx_llm_json_t *node,
    ngx_str_t *raw);

/*
 * OpenAI's form of one citation or an array, as an array; absent: none has an
 * url
 */
ngx_int_t ngx_llm_cohere_citations(ngx_pool_t *pool,
    ngx_llm_cohere_places_t *places, ngx_llm_json_t *node, ngx_str_t *raw);

/* a block of text begins, or goes on */
void ngx_llm_cohere_place(ngx_llm_cohere_places_t *places, int64_t block);


/* ngx_llm_cohere_stream.c */

ngx_int_t ngx_llm_cohere_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
ngx_int_t ngx_llm_cohere_read_end(ngx_llm_reader_t *reader);


#endif /* _NGX_LLM_COHERE_H_INCLUDED_ */
