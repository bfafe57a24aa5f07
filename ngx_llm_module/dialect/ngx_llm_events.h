
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What dialects share when they read a provider's answer.
 *
 * Unless said otherwise functions return NGX_OK or NGX_ERROR.
 */


#ifndef _NGX_LLM_EVENTS_H_INCLUDED_
#define _NGX_LLM_EVENTS_H_INCLUDED_


#include "ngx_llm_dialect.h"


/* calls of an answer; what is behind is left out */
#define NGX_LLM_MAX_CALLS   1024

/* counts above this are nonsense; a few of them can be added */
#define NGX_LLM_MAX_COUNT   (1LL << 40)


/* an event with a text; nothing if it is empty */
ngx_int_t ngx_llm_event_text(ngx_llm_reader_t *reader, ngx_llm_event_e type,
    ngx_str_t *text);

/* TOOL_START */
ngx_int_t ngx_llm_event_call(ngx_llm_reader_t *reader, ngx_uint_t tool,
    ngx_str_t *id, ngx_str_t *name);

/* TOOL_ARGS: a fragment, escaped; nothing if it is empty */
ngx_int_t ngx_llm_event_args(ngx_llm_reader_t *reader, ngx_uint_t tool,
    ngx_str_t *text);

/* the same, a raw object */
ngx_int_t ngx_llm_event_input(ngx_llm_reader_t *reader, ngx_uint_t tool,
    ngx_str_t *raw);

ngx_int_t ngx_llm_event_call_end(ngx_llm_reader_t *reader, ngx_uint_t tool);
ngx_int_t ngx_llm_event_finish(ngx_llm_reader_t *reader,
    ngx_llm_finish_e finish);

/* of reader->usage, if it was reported */
ngx_int_t ngx_llm_event_usage(ngx_llm_reader_t *reader);
ngx_int_t ngx_llm_event_done(ngx_llm_reader_t *reader);

/* ERROR; nothing follows */
ngx_int_t ngx_llm_event_error(ngx_llm_reader_t *reader,
    ngx_llm_error_t *err);

/* ERROR of class "invalid" */
ngx_int_t ngx_llm_event_invalid(ngx_llm_reader_t *reader);

/* the input ended within a line: the event is cut, not wrong */
ngx_uint_t ngx_llm_event_cut(ngx_llm_frame_t *frame);

/* fills err, class "invalid"; NGX_DECLINED */
ngx_int_t ngx_llm_answer_invalid(ngx_pool_t *pool, ngx_llm_error_t *err,
    char *what);

/* a count that may be a fraction; -1: there is none */
int64_t ngx_llm_answer_count(ngx_llm_json_t *node, char *name);

/*
 * The member of that name is how many tokens a prompt has, all that was asked.
 * NGX_OK, NGX_DECLINED with err filled: there is none.
 */
ngx_int_t ngx_llm_answer_tokens(ngx_llm_json_t *root, char *name,
    ngx_llm_response_t *res, ngx_llm_error_t *err);

/* call_HASH_N for a call that has no id */
ngx_int_t ngx_llm_answer_id(ngx_pool_t *pool, ngx_uint_t hash, ngx_uint_t n,
    ngx_str_t *id);
ngx_uint_t ngx_llm_answer_hash(ngx_str_t *text);

/*
 * an entry of "logprobs" in OpenAI's form, without its closing brace; logprob
 * is raw
 */
ngx_int_t ngx_llm_answer_token(ngx_pool_t *pool, ngx_str_t *text,
    ngx_str_t *logprob, ngx_llm_out_t *out);

/* characters of escaped text */
ngx_uint_t ngx_llm_answer_chars(ngx_str_t *text);

/* a message of bounded length, in memory of the pool */
ngx_int_t ngx_llm_answer_message(ngx_pool_t *pool, ngx_str_t *text,
    ngx_str_t *message);

/* the text has the words, which are in lower case */
ngx_uint_t ngx_llm_answer_has(ngx_str_t *text, char *what);


#endif /* _NGX_LLM_EVENTS_H_INCLUDED_ */
