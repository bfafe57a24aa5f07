
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the writers of a request to Anthropic share.  What is decided there is
 * in docs/anthropic.md.
 */


#ifndef _NGX_LLM_ANTHROPIC_REQUEST_H_INCLUDED_
#define _NGX_LLM_ANTHROPIC_REQUEST_H_INCLUDED_


#include "ngx_llm_anthropic.h"


typedef enum {
    NGX_LLM_ANTHROPIC_THINKING_UNSET = 0,
    NGX_LLM_ANTHROPIC_THINKING_RAW,
    NGX_LLM_ANTHROPIC_THINKING_DISABLED,
    NGX_LLM_ANTHROPIC_THINKING_ADAPTIVE,
    NGX_LLM_ANTHROPIC_THINKING_ENABLED
} ngx_llm_anthropic_thinking_e;


typedef struct {
    ngx_llm_chat_t                   *chat;
    ngx_llm_target_t                 *target;
    ngx_llm_out_t                    *out;
    ngx_llm_error_t                  *err;

    const ngx_llm_anthropic_model_t  *model;

    const ngx_llm_anthropic_host_t   *host;     /* NULL: the vendor's own */

    int64_t                           max_tokens;
    ngx_llm_anthropic_thinking_e      thinking;
    int64_t                           budget;
    ngx_str_t                         effort;

    ngx_llm_json_t                   *schema;
    ngx_llm_json_t                   *output_config;    /* the client's */

    ngx_uint_t                        ntools;   /* of the client, taken */

    ngx_llm_role_e                    role;     /* of the open message */
    ngx_llm_part_t                   *prefill;  /* its end is trimmed */

    /* calls and results without an id are numbered */
    ngx_uint_t                        calls;
    ngx_uint_t                        results;

    unsigned                          open:1;
    unsigned                          thinks:1;
    unsigned                          json_tool:1;
    unsigned                          system_only:1;
    unsigned                          tool_blocks:1;
} ngx_llm_anthropic_request_t;


/* ngx_llm_anthropic_request.c */

/* what the client gave, NULL also for what the host does not take */
ngx_llm_json_t *ngx_llm_anthropic_param(ngx_llm_anthropic_request_t *ctx,
    ngx_uint_t param);
ngx_int_t ngx_llm_anthropic_drop(ngx_llm_anthropic_request_t *ctx,
    char *name);
ngx_uint_t ngx_llm_anthropic_drops(ngx_llm_anthropic_request_t *ctx,
    ngx_uint_t param);


/* ngx_llm_anthropic_thinking.c */

ngx_int_t ngx_llm_anthropic_thinking(ngx_llm_anthropic_request_t *ctx);

/* the member "thinking", which is not UNSET */
void ngx_llm_anthropic_write_thinking(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_out_t *out);
ngx_int_t ngx_llm_anthropic_write_output_config(
    ngx_llm_anthropic_request_t *ctx);


/* ngx_llm_anthropic_messages.c */

void ngx_llm_anthropic_prepare(ngx_llm_anthropic_request_t *ctx);
ngx_uint_t ngx_llm_anthropic_written(ngx_llm_message_t *m,
    ngx_llm_part_t *part);
ngx_int_t ngx_llm_anthropic_write_system(
    ngx_llm_anthropic_request_t *ctx);
ngx_int_t ngx_llm_anthropic_write_messages(
    ngx_llm_anthropic_request_t *ctx);


/* ngx_llm_anthropic_parts.c */

ngx_int_t ngx_llm_anthropic_write_part(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
ngx_int_t ngx_llm_anthropic_write_call(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
ngx_int_t ngx_llm_anthropic_write_id(ngx_llm_anthropic_request_t *ctx,
    ngx_str_t *id, ngx_uint_t n);
void ngx_llm_anthropic_write_mark(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_json_t *mark, ngx_llm_part_t *part);
ngx_uint_t ngx_llm_anthropic_marked(ngx_llm_json_t *mark,
    ngx_llm_part_t *part);
ngx_int_t ngx_llm_anthropic_refuse_part(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);


/* ngx_llm_anthropic_tools.c */

ngx_int_t ngx_llm_anthropic_tools(ngx_llm_anthropic_request_t *ctx);
ngx_int_t ngx_llm_anthropic_write_tools(
    ngx_llm_anthropic_request_t *ctx);
ngx_int_t ngx_llm_anthropic_write_tool_choice(
    ngx_llm_anthropic_request_t *ctx);


#endif /* _NGX_LLM_ANTHROPIC_REQUEST_H_INCLUDED_ */
