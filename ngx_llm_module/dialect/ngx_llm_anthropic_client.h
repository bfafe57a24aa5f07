
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the readers of an Anthropic client's request share, and the writers of
 * its answer.
 */


#ifndef _NGX_LLM_ANTHROPIC_CLIENT_H_INCLUDED_
#define _NGX_LLM_ANTHROPIC_CLIENT_H_INCLUDED_


#include "ngx_llm_anthropic.h"


/* the way to a value, from the inside; a text only when something is wrong */

typedef struct ngx_llm_anthropic_at_s  ngx_llm_anthropic_at_t;

struct ngx_llm_anthropic_at_s {
    ngx_llm_anthropic_at_t   *up;
    char                     *name;         /* NULL: an index */
    ngx_uint_t                index;
};


typedef struct {
    ngx_llm_chat_t           *chat;
    ngx_llm_error_t          *err;
    ngx_llm_message_t        *last;
    ngx_llm_part_t          **parts;        /* the list being read */
    ngx_uint_t                index;        /* of the message being read */
} ngx_llm_anthropic_read_t;


typedef ngx_int_t (*ngx_llm_anthropic_read_pt)(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);


/* readers of members and blocks: ngx_llm_anthropic_client_messages.c */

ngx_int_t ngx_llm_anthropic_read_system(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
ngx_int_t ngx_llm_anthropic_read_messages(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);


/* what all of them look at values with: ngx_llm_anthropic_client.c */

ngx_int_t ngx_llm_anthropic_may(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, char *name, ngx_str_t *value,
    ngx_llm_anthropic_at_t *at);
ngx_int_t ngx_llm_anthropic_need(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, char *name, ngx_str_t *value,
    ngx_llm_anthropic_at_t *at);
ngx_int_t ngx_llm_anthropic_need_text(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, char *name, ngx_str_t *value,
    ngx_llm_anthropic_at_t *at);
ngx_int_t ngx_llm_anthropic_get_plain(ngx_llm_anthropic_read_t *rd,
    ngx_str_t *escaped, ngx_str_t *plain);
ngx_llm_json_t *ngx_llm_anthropic_get_object(ngx_llm_json_t *node,
    char *name);
ngx_int_t ngx_llm_anthropic_refuse(ngx_llm_anthropic_read_t *rd,
    ngx_llm_anthropic_at_t *at, char *name, char *what);


/* parts of an answer: ngx_llm_anthropic_client_response.c */

void ngx_llm_anthropic_write_head(ngx_llm_writer_t *w, ngx_str_t *id,
    ngx_str_t *model, ngx_llm_out_t *out);
void ngx_llm_anthropic_write_tool_id(ngx_llm_writer_t *w,
    ngx_str_t *id, ngx_uint_t n, ngx_llm_out_t *out);
void ngx_llm_anthropic_write_stop(ngx_llm_finish_e finish,
    ngx_str_t *stop_sequence, ngx_uint_t ntools, ngx_uint_t refused,
    ngx_llm_out_t *out);
void ngx_llm_anthropic_write_counts(ngx_llm_usage_t *usage,
    ngx_llm_out_t *out);
void ngx_llm_anthropic_write_thinking_count(ngx_llm_usage_t *usage,
    ngx_llm_out_t *out);


#endif /* _NGX_LLM_ANTHROPIC_CLIENT_H_INCLUDED_ */
