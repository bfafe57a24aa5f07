
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the writers of a Converse request share.
 */


#ifndef _NGX_LLM_BEDROCK_REQUEST_H_INCLUDED_
#define _NGX_LLM_BEDROCK_REQUEST_H_INCLUDED_


#include "ngx_llm_bedrock.h"
#include "ngx_llm_anthropic_request.h"


typedef enum {
    NGX_LLM_BEDROCK_EFFORT_UNSET = 0,
    NGX_LLM_BEDROCK_EFFORT_NONE,
    NGX_LLM_BEDROCK_EFFORT_LOW,
    NGX_LLM_BEDROCK_EFFORT_MEDIUM,
    NGX_LLM_BEDROCK_EFFORT_HIGH
} ngx_llm_bedrock_effort_e;


typedef struct {
    ngx_llm_chat_t               *chat;
    ngx_llm_target_t             *target;
    ngx_llm_out_t                *out;
    ngx_llm_error_t              *err;

    ngx_llm_bedrock_name_t        name;
    ngx_uint_t                    flags;    /* of the model */

    ngx_llm_bedrock_effort_e      effort;
    ngx_llm_anthropic_request_t   claude;   /* how it thinks, if it is one */

    ngx_uint_t                    ntools;   /* taken */
    ngx_llm_part_t               *prefill;  /* its end is trimmed */
    ngx_array_t                   names;    /* ngx_str_t: of documents */

    /* calls and results without an id are numbered */
    ngx_uint_t                    calls;
    ngx_uint_t                    results;

    ngx_llm_role_e                role;     /* of the open message */

    unsigned                      open:1;
    unsigned                      texted:1; /* it has a text */
    unsigned                      documents:1;      /* it has one */
    unsigned                      tool_blocks:1;    /* the history has */
    unsigned                      system_only:1;
    unsigned                      json_tool:1;
    unsigned                      json_text:1;      /* asked for in words */
    unsigned                      grounding:1;      /* Nova's own search */
    unsigned                      members:1;        /* of an object so far */
} ngx_llm_bedrock_request_t;


/* ngx_llm_bedrock_request.c */

/* 400 unsupported_parameter: provider "..." cannot take WHAT */
ngx_int_t ngx_llm_bedrock_refuse(ngx_llm_bedrock_request_t *ctx, char *param,
    char *what);
ngx_int_t ngx_llm_bedrock_drop(ngx_llm_bedrock_request_t *ctx, char *name);
ngx_uint_t ngx_llm_bedrock_drops(ngx_llm_bedrock_request_t *ctx,
    ngx_uint_t param);

/* the name of a member of an object that is open if ctx->members is set */
void ngx_llm_bedrock_member(ngx_llm_bedrock_request_t *ctx, char *object,
    char *name);
void ngx_llm_bedrock_close(ngx_llm_bedrock_request_t *ctx);


/* ngx_llm_bedrock_thinking.c */

ngx_int_t ngx_llm_bedrock_thinking(ngx_llm_bedrock_request_t *ctx);

/* members of additionalModelRequestFields */
void ngx_llm_bedrock_write_thinking(ngx_llm_bedrock_request_t *ctx);


/* ngx_llm_bedrock_messages.c */

void ngx_llm_bedrock_prepare(ngx_llm_bedrock_request_t *ctx);
ngx_uint_t ngx_llm_bedrock_written(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part);
ngx_int_t ngx_llm_bedrock_write_system(ngx_llm_bedrock_request_t *ctx);
ngx_int_t ngx_llm_bedrock_write_messages(ngx_llm_bedrock_request_t *ctx);
void ngx_llm_bedrock_write_mark(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_json_t *mark, ngx_llm_part_t *part);


/* ngx_llm_bedrock_parts.c */

ngx_int_t ngx_llm_bedrock_write_part(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part);
ngx_int_t ngx_llm_bedrock_write_id(ngx_llm_bedrock_request_t *ctx,
    ngx_str_t *id, ngx_uint_t n);
ngx_int_t ngx_llm_bedrock_refuse_part(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m, char *what);


/* ngx_llm_bedrock_media.c */

/* an image, a sound, a file, a video */
ngx_int_t ngx_llm_bedrock_write_media(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part);


/* ngx_llm_bedrock_tools.c */

ngx_int_t ngx_llm_bedrock_tools(ngx_llm_bedrock_request_t *ctx);
ngx_int_t ngx_llm_bedrock_write_tools(ngx_llm_bedrock_request_t *ctx);


#endif /* _NGX_LLM_BEDROCK_REQUEST_H_INCLUDED_ */
