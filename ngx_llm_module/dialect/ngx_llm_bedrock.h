
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Amazon Bedrock: Converse and ConverseStream, and for Claude InvokeModel and
 * InvokeModelWithResponseStream, whose bodies are Anthropic's.  What is
 * decided there is in docs/bedrock.md.
 */


#ifndef _NGX_LLM_BEDROCK_H_INCLUDED_
#define _NGX_LLM_BEDROCK_H_INCLUDED_


#include "ngx_llm_dialect.h"
#include "ngx_llm_anthropic.h"


#define NGX_LLM_BEDROCK_VERSION    "bedrock-2023-05-31"

/* the service takes names of tools and ids of calls up to this */
#define NGX_LLM_BEDROCK_NAME       64

/* the tool that stands for an output schema on models without one */
#define NGX_LLM_BEDROCK_JSON_TOOL  NGX_LLM_ANTHROPIC_JSON_TOOL

#define NGX_LLM_BEDROCK_MAX_TOOLS  1024

/* sources of a block that wait for its end, in bytes */
#define NGX_LLM_BEDROCK_CITATIONS  65536


/* what a family of models takes in Converse */

#define NGX_LLM_BEDROCK_ANY        0x0001   /* toolChoice "any" */
#define NGX_LLM_BEDROCK_TOOL       0x0002   /* toolChoice "tool" */
#define NGX_LLM_BEDROCK_CACHE      0x0004   /* cachePoint */
#define NGX_LLM_BEDROCK_SCHEMA     0x0008   /* outputConfig.textFormat */
#define NGX_LLM_BEDROCK_THOUGHTS   0x0010   /* reasoningContent comes back */
#define NGX_LLM_BEDROCK_STOP       0x0020   /* stopSequences */
#define NGX_LLM_BEDROCK_CLAUDE     0x0040
#define NGX_LLM_BEDROCK_NOVA       0x0080
#define NGX_LLM_BEDROCK_NOVA_2     0x0100   /* reasoningConfig */
#define NGX_LLM_BEDROCK_LEVEL      0x0200   /* reasoning_config, a word */
#define NGX_LLM_BEDROCK_EFFORT     0x0400   /* reasoning_effort */


/* the name of a deployment's model, in its parts */

typedef struct {
    ngx_str_t    family;        /* by which the tables go */
    ngx_str_t    id;            /* goes into the path */
    unsigned     invoke:1;      /* InvokeModel, else Converse */
} ngx_llm_bedrock_name_t;


/* the features beyond the API's version that Claude is told of */

#define NGX_LLM_BEDROCK_MAX_BETAS  64

typedef struct {
    ngx_array_t  list;          /* ngx_str_t, plain */
    unsigned     dropped:1;     /* some that the client named are not there */
} ngx_llm_bedrock_betas_t;


/* [converse/][FAMILY/]ID, a family only before an ARN */
void ngx_llm_bedrock_name(ngx_str_t *model, ngx_llm_bedrock_name_t *name);

/* by the family's name, in plain text; NGX_LLM_BEDROCK_* */
ngx_uint_t ngx_llm_bedrock_model(ngx_str_t *family);

/* whether a text has a word in it, letters in any case */
ngx_uint_t ngx_llm_bedrock_has(ngx_str_t *text, char *word);


/* kinds of content blocks in a stream */

typedef enum {
    NGX_LLM_BEDROCK_NONE = 0,
    NGX_LLM_BEDROCK_SKIP,
    NGX_LLM_BEDROCK_TEXT,
    NGX_LLM_BEDROCK_THINKING,
    NGX_LLM_BEDROCK_CALL,
    NGX_LLM_BEDROCK_JSON
} ngx_llm_bedrock_block_e;


/* the state of a stream's reader; Claude's is first, so that it serves both */

typedef struct {
    ngx_llm_anthropic_reader_t  claude;

    ngx_llm_out_t               citations;
    ngx_uint_t                  chars;      /* of text so far */
    ngx_uint_t                  start;      /* where the block's text began */

    ngx_uint_t                  ntools;
    int64_t                     block;      /* index of the open block */
    ngx_llm_bedrock_block_e     kind;

    unsigned                    invoke:1;   /* chunks of Claude's came */
    unsigned                    started:1;
    unsigned                    stopped:1;  /* messageStop was seen */
    unsigned                    args:1;     /* of the open call: some came */
    unsigned                    json:1;     /* the JSON tool was called */
    unsigned                    produced:1; /* there was something */
} ngx_llm_bedrock_reader_t;


/* ngx_llm_bedrock_error.c */

/*
 * An error of a type (plain, as a header, a body or an exception names it,
 * may be empty) with a body that may be no JSON; status: 0 in a stream.
 */
void ngx_llm_bedrock_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *type, ngx_str_t *text, ngx_llm_error_t *err);
void ngx_llm_bedrock_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err);
void ngx_llm_bedrock_read_error_header(ngx_str_t *value,
    ngx_llm_error_t *err);


/* ngx_llm_bedrock_request.c, _invoke.c, _response.c, _stream.c */

ngx_int_t ngx_llm_bedrock_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
ngx_int_t ngx_llm_bedrock_write_invoke(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_bedrock_name_t *name,
    ngx_llm_out_t *out, ngx_llm_error_t *err);

/* what Converse has in its body and InvokeModel in headers */
void ngx_llm_bedrock_write_invoke_headers(ngx_llm_chat_t *chat,
    ngx_llm_out_t *out);

ngx_int_t ngx_llm_bedrock_read_response(ngx_str_t *text,
    ngx_llm_response_t *res, ngx_llm_error_t *err);
ngx_int_t ngx_llm_bedrock_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
ngx_int_t ngx_llm_bedrock_read_end(ngx_llm_reader_t *reader);

/* a message that is no event: gives ERROR; of any service */
ngx_int_t ngx_llm_bedrock_exception(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);


/* ngx_llm_bedrock_betas.c */

/* what the client named, and what the request needs; NGX_OK, NGX_ERROR */
ngx_int_t ngx_llm_bedrock_betas(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_bedrock_name_t *name,
    ngx_llm_bedrock_betas_t *betas);

/* as an array */
void ngx_llm_bedrock_write_betas(ngx_llm_bedrock_betas_t *betas,
    ngx_llm_out_t *out);


/* ngx_llm_bedrock_count.c: CountTokens */

/* the model of an inference profile that the service has by itself */
void ngx_llm_bedrock_model_id(ngx_str_t *id);

ngx_int_t ngx_llm_bedrock_count_invoke(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_bedrock_name_t *name,
    ngx_llm_out_t *out, ngx_llm_error_t *err);


/* ngx_llm_bedrock_request.c: words shared by both ways */

/* the service's word for a tier, NULL: its default; *known: 0 or 1 */
char *ngx_llm_bedrock_tier(ngx_llm_chat_t *chat, ngx_uint_t *known);

/* whether a name (plain) is in a list that ends with NULL */
ngx_uint_t ngx_llm_bedrock_listed(ngx_str_t *name, char **list);

/* puts a list without these objects in the place of chat->unknown */
ngx_int_t ngx_llm_bedrock_hide(ngx_llm_chat_t *chat, char **members);

/* a member of the client's that is not OpenAI's, an object, or NULL */
ngx_llm_json_t *ngx_llm_bedrock_extension(ngx_llm_chat_t *chat, char *name);


/* ngx_llm_bedrock_tools.c */

/*
 * A name of a tool as the service takes it, quoted: names with other
 * characters or too long get a hash.  NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_llm_bedrock_write_name(ngx_pool_t *pool, ngx_str_t *name,
    ngx_llm_out_t *out);

/* the client's name for what an answer names; chat may be NULL */
ngx_str_t ngx_llm_bedrock_real_name(ngx_pool_t *pool, ngx_llm_chat_t *chat,
    ngx_str_t *name);


/* ngx_llm_bedrock_response.c: words and counts, whole or streamed */

ngx_llm_finish_e ngx_llm_bedrock_stop_reason(ngx_str_t *reason,
    ngx_uint_t calls, ngx_uint_t *broken);
ngx_int_t ngx_llm_bedrock_broken(ngx_pool_t *pool, ngx_str_t *reason,
    ngx_llm_error_t *err);
void ngx_llm_bedrock_usage(ngx_llm_json_t *node, ngx_llm_usage_t *usage);

/* a source as OpenAI has it; nothing is written if it is no web page */
void ngx_llm_bedrock_write_citation(ngx_llm_json_t *citation,
    ngx_uint_t start, ngx_uint_t end, ngx_llm_out_t *out);


#endif /* _NGX_LLM_BEDROCK_H_INCLUDED_ */
