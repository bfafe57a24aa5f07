
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the files of the mock share.
 */


#ifndef _NGX_HTTP_LLM_MOCK_H_INCLUDED_
#define _NGX_HTTP_LLM_MOCK_H_INCLUDED_


#include "ngx_http_llm.h"


#define NGX_HTTP_LLM_MOCK_MAX      (64 * 1024 * 1024)
#define NGX_HTTP_LLM_MOCK_CREATED  1700000000


typedef enum {
    NGX_HTTP_LLM_MOCK_NONE = 0,
    NGX_HTTP_LLM_MOCK_CLOSE,
    NGX_HTTP_LLM_MOCK_RESET,
    NGX_HTTP_LLM_MOCK_STALL,
    NGX_HTTP_LLM_MOCK_CUT,
    NGX_HTTP_LLM_MOCK_HANG,
    NGX_HTTP_LLM_MOCK_END,
    NGX_HTTP_LLM_MOCK_ERROR,
    NGX_HTTP_LLM_MOCK_GARBAGE
} ngx_http_llm_mock_fail_e;


/* the bytes of an answer, and where its pieces end */

typedef struct {
    ngx_str_t                   text;
    ngx_array_t                 ends;           /* size_t, offsets */
    ngx_uint_t                  status;
    unsigned                    stream:1;
    unsigned                    html:1;
} ngx_http_llm_mock_answer_t;


struct ngx_http_llm_mock_s {
    const ngx_llm_dialect_t    *dialect;

    ngx_http_complex_value_t   *text;
    ngx_int_t                   size;           /* -1: not given */
    ngx_int_t                   events;
    ngx_str_t                   reasoning;      /* escaped */
    ngx_str_t                   tool;
    ngx_str_t                   args;
    ngx_int_t                   calls;
    ngx_llm_finish_e            finish;
    ngx_str_t                   model;
    ngx_flag_t                  usage;
    ngx_int_t                   prompt_tokens;
    ngx_int_t                   cached_tokens;

    ngx_msec_t                  delay;
    ngx_msec_t                  chunk_delay;
    size_t                      chunk;          /* 0: not given */
    ngx_int_t                   pings;
    ngx_flag_t                  length;

    ngx_int_t                   status;
    ngx_str_t                   message;
    ngx_str_t                   code;
    ngx_int_t                   retry_after;
    ngx_http_llm_mock_fail_e    fail;
    ngx_int_t                   after;
    ngx_int_t                   times;
    ngx_int_t                   every;

    ngx_uint_t                  count;          /* requests, of this worker */

    /* made once */
    ngx_http_llm_mock_answer_t  error;
    ngx_http_llm_mock_answer_t  stream_error;
    ngx_http_llm_mock_answer_t  garbage;
    ngx_http_llm_mock_answer_t  models;
    ngx_http_llm_mock_answer_t  plain;
    ngx_http_llm_mock_answer_t  stream;
    ngx_http_llm_mock_answer_t  stream_usage;
    unsigned                    constant:1;
};


/* ngx_http_llm_mock.c */
ngx_int_t ngx_http_llm_mock_handler(ngx_http_request_t *r);

/* ngx_http_llm_mock_answer.c; the text is escaped */
ngx_int_t ngx_http_llm_mock_compose(ngx_pool_t *pool,
    ngx_http_llm_mock_t *mock, ngx_llm_chat_t *chat, ngx_str_t *text,
    ngx_uint_t stream, ngx_http_llm_mock_answer_t *answer);

/*
 * ngx_http_llm_mock_embed.c: an answer to a request for embeddings, which chat
 * has the text of; NGX_DECLINED with err: a bad request
 */
ngx_int_t ngx_http_llm_mock_embed(ngx_pool_t *pool,
    ngx_http_llm_mock_t *mock, ngx_llm_chat_t *chat,
    ngx_http_llm_mock_answer_t *answer, ngx_llm_error_t *err);

/* n words */
ngx_int_t ngx_http_llm_mock_lorem(ngx_pool_t *pool, ngx_uint_t n,
    ngx_str_t *text);
ngx_int_t ngx_http_llm_mock_escape(ngx_pool_t *pool, ngx_str_t *plain,
    ngx_str_t *escaped);


#endif /* _NGX_HTTP_LLM_MOCK_H_INCLUDED_ */
