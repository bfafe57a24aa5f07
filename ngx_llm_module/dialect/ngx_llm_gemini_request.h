
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the writers of a request to Gemini share.  An unknown member at any
 * depth is an error there: all that is written is known by name.
 */


#ifndef _NGX_LLM_GEMINI_REQUEST_H_INCLUDED_
#define _NGX_LLM_GEMINI_REQUEST_H_INCLUDED_


#include "ngx_llm_gemini.h"


/* kinds of contents */

typedef enum {
    NGX_LLM_GEMINI_NONE = 0,
    NGX_LLM_GEMINI_USER,
    NGX_LLM_GEMINI_MODEL,
    NGX_LLM_GEMINI_RESULTS
} ngx_llm_gemini_content_e;


typedef struct {
    ngx_llm_chat_t                *chat;
    ngx_llm_target_t              *target;
    ngx_llm_out_t                 *out;
    ngx_llm_error_t               *err;

    ngx_uint_t                     service;     /* what it knows */
    const ngx_llm_gemini_model_t  *model;
    uint64_t                       takes;       /* parameters */
    ngx_llm_json_t                *google;      /* of extra_body */

    /* thinking; level is absent where a budget says it */
    ngx_str_t                      level;
    int64_t                        budget;      /* -1: the model's choice */
    ngx_llm_json_t                *thoughts;    /* a boolean, as it is */

    ngx_uint_t                     nfunctions;
    ngx_uint_t                     nbuiltins;

    ngx_llm_gemini_content_e       content;     /* the open one */
    ngx_llm_message_t             *turn;        /* the last of the user with
                                                   a content */
    ngx_llm_message_t             *calls;       /* where the model's turn
                                                   began */

    unsigned                       thinks:1;    /* the client asked for it */
    unsigned                       budget_set:1;
    unsigned                       current:1;   /* behind "turn" */
    unsigned                       called:1;    /* in the open content */
    unsigned                       texted:1;    /* likewise */
    unsigned                       system:1;    /* goes to the first turn */
    unsigned                       config:1;    /* generationConfig is open */
} ngx_llm_gemini_request_t;


/* ngx_llm_gemini_request.c */

ngx_int_t ngx_llm_gemini_drop(ngx_llm_gemini_request_t *ctx, char *name);
ngx_uint_t ngx_llm_gemini_drops(ngx_llm_gemini_request_t *ctx,
    ngx_uint_t param);

/* refuses what the provider cannot take */
ngx_int_t ngx_llm_gemini_refuse(ngx_llm_gemini_request_t *ctx, char *param,
    char *what);

/* a member under one of its two names, "a_b" and "aB" */
ngx_llm_json_t *ngx_llm_gemini_either(ngx_llm_json_t *node, char *snake,
    char *camel);

/* the name of the next member of generationConfig */
void ngx_llm_gemini_config(ngx_llm_gemini_request_t *ctx, char *name);


/* ngx_llm_gemini_thinking.c */

ngx_int_t ngx_llm_gemini_thinking(ngx_llm_gemini_request_t *ctx);
void ngx_llm_gemini_write_thinking(ngx_llm_gemini_request_t *ctx);


/* ngx_llm_gemini_contents.c */

ngx_int_t ngx_llm_gemini_write_system(ngx_llm_gemini_request_t *ctx);
ngx_int_t ngx_llm_gemini_write_contents(ngx_llm_gemini_request_t *ctx);
ngx_uint_t ngx_llm_gemini_written(ngx_llm_message_t *m,
    ngx_llm_part_t *part);
ngx_uint_t ngx_llm_gemini_empty(ngx_llm_message_t *m);

/* opens a content, or sets the comma within the one that is open */
void ngx_llm_gemini_begin(ngx_llm_gemini_request_t *ctx,
    ngx_llm_gemini_content_e content);


/* ngx_llm_gemini_parts.c */

ngx_int_t ngx_llm_gemini_write_part(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part, ngx_str_t *signature);
ngx_int_t ngx_llm_gemini_write_call(ngx_llm_gemini_request_t *ctx,
    ngx_llm_part_t *part);

/* media that is base64 */
void ngx_llm_gemini_write_blob(ngx_llm_gemini_request_t *ctx,
    ngx_llm_part_t *part);

/* of "extra_content"; absent: there is none */
ngx_str_t ngx_llm_gemini_signature(ngx_llm_json_t *node);


/* ngx_llm_gemini_results.c */

/* the results of calls between two messages */
ngx_int_t ngx_llm_gemini_write_results(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *first, ngx_llm_message_t *last);


/* ngx_llm_gemini_tools.c */

ngx_int_t ngx_llm_gemini_tools(ngx_llm_gemini_request_t *ctx);
ngx_int_t ngx_llm_gemini_write_tools(ngx_llm_gemini_request_t *ctx);
ngx_int_t ngx_llm_gemini_write_tool_config(ngx_llm_gemini_request_t *ctx);


#endif /* _NGX_LLM_GEMINI_REQUEST_H_INCLUDED_ */
