
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Anthropic's Messages API.  The request, the answer and the models of the
 * provider's side have a file each, the client's side has its own.
 */


#ifndef _NGX_LLM_ANTHROPIC_H_INCLUDED_
#define _NGX_LLM_ANTHROPIC_H_INCLUDED_


#include "ngx_llm_dialect.h"


#define NGX_LLM_ANTHROPIC_VERSION  "2023-06-01"

/*
 * The tool that stands for an output schema on models without one.  A request
 * whose own tool has this name is refused, so the name alone tells the readers
 * that a call is the answer itself.
 */

#define NGX_LLM_ANTHROPIC_JSON_TOOL  "llm_json_answer"


/* what a family of models takes */

#define NGX_LLM_ANTHROPIC_ENABLED   0x0001  /* thinking with a budget */
#define NGX_LLM_ANTHROPIC_ADAPTIVE  0x0002
#define NGX_LLM_ANTHROPIC_DISABLED  0x0004
#define NGX_LLM_ANTHROPIC_SAMPLING  0x0008  /* temperature or top_p, top_k */
#define NGX_LLM_ANTHROPIC_EFFORT    0x0010
#define NGX_LLM_ANTHROPIC_XHIGH     0x0020
#define NGX_LLM_ANTHROPIC_MAX       0x0040  /* effort "max" */
#define NGX_LLM_ANTHROPIC_FORMAT    0x0080  /* output_config.format */
#define NGX_LLM_ANTHROPIC_THINKS    0x0100  /* without being asked */
#define NGX_LLM_ANTHROPIC_OMITS     0x0200  /* thinking is not shown unless
                                               asked for */
#define NGX_LLM_ANTHROPIC_BOTH      0x0400  /* temperature and top_p */


typedef struct {
    char        *pattern;       /* "*" stands for any text */
    ngx_uint_t   flags;
    int64_t      max_tokens;    /* the most that it can write */
} ngx_llm_anthropic_model_t;


/* by the provider's name of a model, in plain text; never NULL */
const ngx_llm_anthropic_model_t *ngx_llm_anthropic_model(ngx_str_t *name);


/* kinds of content blocks in a stream */

typedef enum {
    NGX_LLM_ANTHROPIC_NONE = 0,
    NGX_LLM_ANTHROPIC_SKIP,
    NGX_LLM_ANTHROPIC_TEXT,
    NGX_LLM_ANTHROPIC_THINKING,
    NGX_LLM_ANTHROPIC_TOOL,
    NGX_LLM_ANTHROPIC_JSON
} ngx_llm_anthropic_block_e;


/* counts above this are nonsense; three of them can be added */
#define NGX_LLM_ANTHROPIC_MAX_COUNT  ((int64_t) 1 << 60)


/*
 * The state of a stream's reader.  Citations of the open block wait for its
 * end, when their place in the text is known: at most _CITATIONS bytes.
 */

#define NGX_LLM_ANTHROPIC_CITATIONS  65536

typedef struct {
    ngx_llm_out_t               citations;
    ngx_uint_t                  chars;      /* of text so far */
    ngx_uint_t                  start;      /* where the block's text began */

    ngx_uint_t                  ntools;
    int64_t                     block;      /* index of the open block */
    ngx_llm_anthropic_block_e   kind;

    int64_t                     input;      /* usage as Anthropic counts it */
    int64_t                     output;
    int64_t                     cache_read;
    int64_t                     cache_write;
    int64_t                     cache_write_1h;
    int64_t                     thinking;

    unsigned                    started:1;
    unsigned                    stopped:1;  /* message_delta was seen */
    unsigned                    args:1;     /* of the open tool: some came */
    unsigned                    json:1;     /* the JSON tool was called */
    unsigned                    whole:1;    /* of the open tool: all came */
} ngx_llm_anthropic_reader_t;


/* another service that takes bodies of this form */

typedef struct {
    ngx_str_t    head;          /* members in the place of model and stream */
    char       **extensions;    /* members of Anthropic's that it knows */
    uint64_t     lacks;         /* parameters that it does not, as bits */
    unsigned     inlined:1;     /* fetches no urls */
} ngx_llm_anthropic_host_t;


/* ngx_llm_anthropic.c: shared */

void ngx_llm_anthropic_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err);

/*
 * An error body or event; status: 0 for an event.  NGX_DECLINED: it is none;
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_llm_anthropic_error(ngx_pool_t *pool, ngx_llm_json_t *root,
    ngx_uint_t status, ngx_llm_error_t *err);

/*
 * One character of escaped text: returns where the next begins.  A lone
 * surrogate counts as a character.
 */
u_char *ngx_llm_anthropic_char(u_char *p, u_char *last, uint32_t *c);

/* escaped text without white space at its end; len is 0 if it has no other */
ngx_str_t ngx_llm_anthropic_trim(ngx_str_t *text);
ngx_uint_t ngx_llm_anthropic_blank(ngx_str_t *text);

ngx_uint_t ngx_llm_anthropic_count(ngx_str_t *text);


/* ngx_llm_anthropic_schema.c */

/* a tool's input schema, an object whatever was given; node may be NULL */
void ngx_llm_anthropic_write_input_schema(ngx_llm_json_t *node,
    ngx_llm_out_t *out);

/*
 * A schema in the form that output_config.format takes; the number of
 * keywords that had to be left out is added to *stripped.
 */
void ngx_llm_anthropic_write_schema(ngx_llm_json_t *node,
    ngx_uint_t *stripped, ngx_llm_out_t *out);


/* ngx_llm_anthropic_request.c, _response.c, _stream.c: the provider's side */

ngx_int_t ngx_llm_anthropic_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);

/* host: NULL is the vendor's own */
ngx_int_t ngx_llm_anthropic_write_body(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, const ngx_llm_anthropic_host_t *host,
    ngx_llm_out_t *out, ngx_llm_error_t *err);

ngx_int_t ngx_llm_anthropic_read_response(ngx_str_t *text,
    ngx_llm_response_t *res, ngx_llm_error_t *err);
ngx_int_t ngx_llm_anthropic_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
ngx_int_t ngx_llm_anthropic_read_end(ngx_llm_reader_t *reader);

/* ngx_llm_anthropic_response.c: words and counts, whole or streamed */

ngx_llm_finish_e ngx_llm_anthropic_stop_reason(ngx_str_t *reason);
ngx_uint_t ngx_llm_anthropic_is_json_tool(ngx_llm_json_t *block);
ngx_uint_t ngx_llm_anthropic_is_url(ngx_llm_json_t *citation);
void ngx_llm_anthropic_citation(ngx_llm_json_t *citation,
    ngx_llm_out_t *out);
void ngx_llm_anthropic_citation_end(ngx_llm_out_t *out,
    ngx_uint_t start, ngx_uint_t end);
void ngx_llm_anthropic_usage(ngx_llm_json_t *node,
    ngx_llm_anthropic_reader_t *state, ngx_llm_usage_t *usage);

/* the counts of the state, and the tier of them, which may be absent */
void ngx_llm_anthropic_totals(ngx_llm_anthropic_reader_t *state,
    ngx_str_t *tier, ngx_llm_usage_t *usage);

/* of an answer, as its client knows it */
void ngx_llm_anthropic_tier(ngx_str_t *tier, ngx_llm_response_t *res);

/* ngx_llm_anthropic_plain.c */

/*
 * A whole answer that is one text.  NGX_OK; NGX_DECLINED: it is for the parser,
 * and nothing of it is in res; NGX_ERROR.
 */
ngx_int_t ngx_llm_anthropic_plain_response(ngx_str_t *text,
    ngx_llm_response_t *res);


/* ngx_llm_anthropic_client.c: the client's side */

/* room for the writer's state, which that file defines and checks */
#define NGX_LLM_ANTHROPIC_WRITER_SIZE  256

ngx_int_t ngx_llm_anthropic_read_request(ngx_llm_chat_t *chat,
    ngx_llm_error_t *err);
void ngx_llm_anthropic_write_response(ngx_llm_writer_t *w,
    ngx_llm_response_t *res, ngx_llm_out_t *out);
void ngx_llm_anthropic_write_event(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out);
void ngx_llm_anthropic_write_error(ngx_llm_error_t *err, ngx_llm_out_t *out);
void ngx_llm_anthropic_write_stream_error(ngx_llm_error_t *err,
    ngx_llm_out_t *out);
ngx_int_t ngx_llm_anthropic_edit_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits, ngx_llm_error_t *err);


#endif /* _NGX_LLM_ANTHROPIC_H_INCLUDED_ */
