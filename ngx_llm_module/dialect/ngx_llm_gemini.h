
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Google's Gemini API, generateContent.  What is decided there is in
 * docs/gemini.md.
 */


#ifndef _NGX_LLM_GEMINI_H_INCLUDED_
#define _NGX_LLM_GEMINI_H_INCLUDED_


#include "ngx_llm_dialect.h"


/* candidates of an answer; the API gives no more */
#define NGX_LLM_GEMINI_MAX_CHOICES  8

#define NGX_LLM_GEMINI_MAX_TOOLS    1024

/* changes of a text's script that are remembered, in bytes */
#define NGX_LLM_GEMINI_MARKS        16384


/* what a family of models takes */

#define NGX_LLM_GEMINI_BUDGET    0x0001  /* thinkingBudget */
#define NGX_LLM_GEMINI_LEVEL     0x0002  /* thinkingLevel */
#define NGX_LLM_GEMINI_MINIMAL   0x0004
#define NGX_LLM_GEMINI_MEDIUM    0x0008
#define NGX_LLM_GEMINI_OFF       0x0010  /* need not think */
#define NGX_LLM_GEMINI_SAMPLING  0x0020
#define NGX_LLM_GEMINI_PENALTY   0x0040
#define NGX_LLM_GEMINI_CHOICES   0x0080  /* candidateCount */
#define NGX_LLM_GEMINI_SIGNED    0x0100  /* calls go back with a signature */
#define NGX_LLM_GEMINI_MIXED     0x0200  /* functions with other tools, with
                                            JSON, with media in results */
#define NGX_LLM_GEMINI_PREFILL   0x0400  /* the model's turn may be the last */
#define NGX_LLM_GEMINI_SYSTEM    0x0800
#define NGX_LLM_GEMINI_SCHEMA    0x1000  /* JSON Schema as it is */
#define NGX_LLM_GEMINI_FETCH     0x2000  /* any https: file */
#define NGX_LLM_GEMINI_MEDIA     0x4000  /* a turn without a text */


typedef struct {
    char        *name;          /* a part of the model's name */
    ngx_uint_t   flags;
    int64_t      min_budget;
    int64_t      max_budget;
} ngx_llm_gemini_model_t;


/* by the provider's name of a model, in plain text; never NULL */
const ngx_llm_gemini_model_t *ngx_llm_gemini_model(ngx_str_t *name);


typedef struct {
    ngx_uint_t       ntools;
    unsigned         seen:1;
    unsigned         produced:1;    /* there was something in it */
    unsigned         finished:1;
} ngx_llm_gemini_choice_t;


/*
 * How the parts of a candidate are read: a whole answer and a stream differ
 * in who is told of them.
 */

typedef struct {
    ngx_pool_t      *pool;      /* of what is told */
    ngx_str_t        id;        /* of the answer */
    ngx_uint_t       hash;      /* in its place */
    ngx_uint_t       choice;
    ngx_uint_t      *ntools;    /* so far, of this candidate */

    ngx_int_t      (*text)(void *data, ngx_llm_event_e type, ngx_str_t *text,
                        ngx_str_t *signature);
    ngx_int_t      (*call)(void *data, ngx_str_t *id, ngx_str_t *name,
                        ngx_str_t *args, ngx_str_t *signature);
    void            *data;
} ngx_llm_gemini_parts_t;


/* text as far as offsets in it need it, see ngx_llm_gemini_grounding.c */

typedef struct {
    uint32_t         bytes;
    uint32_t         chars;
    uint32_t         width;     /* bytes of each character from here on */
} ngx_llm_gemini_mark_t;


typedef struct {
    ngx_llm_out_t    marks;     /* ngx_llm_gemini_mark_t */
    uint32_t         bytes;
    uint32_t         chars;
    uint32_t         width;
} ngx_llm_gemini_offsets_t;


/* the state of a stream's reader */

typedef struct {
    ngx_llm_gemini_choice_t    choices[NGX_LLM_GEMINI_MAX_CHOICES];
    ngx_llm_gemini_offsets_t   offsets;
    ngx_str_t                  id;          /* of the answer */
    ngx_uint_t                 hash;        /* of what came, in its place */
    unsigned                   started:1;
    unsigned                   cited:1;
} ngx_llm_gemini_reader_t;


/* ngx_llm_gemini.c */

/*
 * An error in a body or event, in an array or not; status: 0 for an event.
 * NGX_DECLINED: it is none; NGX_ERROR: no memory.
 */
ngx_int_t ngx_llm_gemini_error(ngx_pool_t *pool, ngx_llm_json_t *root,
    ngx_uint_t status, ngx_llm_error_t *err);

ngx_uint_t ngx_llm_gemini_find(ngx_str_t *text, char *what);

void ngx_llm_gemini_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
void ngx_llm_gemini_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err);

/* behind the model in a path */
void ngx_llm_gemini_write_method(ngx_llm_chat_t *chat, ngx_llm_out_t *out);
/* writes "models/", or what the name begins with; name gets the rest */
void ngx_llm_gemini_model_kind(ngx_str_t *model, ngx_str_t *name,
    ngx_llm_out_t *out);


/* ngx_llm_gemini_schema.c */

/* a tool's parameters or an output's schema, as a JSON Schema */
void ngx_llm_gemini_write_schema(ngx_llm_json_t *node, ngx_llm_out_t *out);


/* ngx_llm_gemini_openapi.c */

/* in the form of older models; 0: says nothing, nothing is written */
ngx_uint_t ngx_llm_gemini_write_openapi(ngx_llm_json_t *node,
    ngx_uint_t object, ngx_llm_out_t *out);


/* ngx_llm_gemini_request.c, _response.c, _stream.c */

ngx_int_t ngx_llm_gemini_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);

/* what a service knows of the members of a request, where not all do */

#define NGX_LLM_GEMINI_IDS      0x0001  /* of calls and results */
#define NGX_LLM_GEMINI_TIERS    0x0002  /* serviceTier */
#define NGX_LLM_GEMINI_FILES    0x0004  /* the Files API, and urls whose type
                                           it finds by itself */
#define NGX_LLM_GEMINI_BUCKETS  0x0008  /* gs: files */
#define NGX_LLM_GEMINI_LABELS   0x0010  /* labels, methods of safety */
#define NGX_LLM_GEMINI_COUNTED  0x0020  /* what a count of tokens takes is less
                                           than a request */

/* service: bits of these */
ngx_int_t ngx_llm_gemini_write_body(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_uint_t service, ngx_llm_out_t *out,
    ngx_llm_error_t *err);

ngx_int_t ngx_llm_gemini_read_response(ngx_str_t *text,
    ngx_llm_response_t *res, ngx_llm_error_t *err);
ngx_int_t ngx_llm_gemini_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
ngx_int_t ngx_llm_gemini_read_end(ngx_llm_reader_t *reader);


/* ngx_llm_gemini_response.c: parts, words and counts, whole or streamed */

ngx_int_t ngx_llm_gemini_read_parts(ngx_llm_gemini_parts_t *parts,
    ngx_llm_json_t *candidate);

/* calls: of this candidate; broken: set if the answer is none */
ngx_llm_finish_e ngx_llm_gemini_finish(ngx_str_t *reason, ngx_uint_t calls,
    ngx_uint_t *broken);
ngx_int_t ngx_llm_gemini_broken(ngx_pool_t *pool, ngx_llm_json_t *candidate,
    ngx_str_t *reason, ngx_llm_error_t *err);

/* NGX_DECLINED: the prompt was blocked, err says so; NGX_OK: it was not */
ngx_int_t ngx_llm_gemini_blocked(ngx_pool_t *pool, ngx_llm_json_t *root,
    ngx_llm_error_t *err);

void ngx_llm_gemini_usage(ngx_llm_json_t *node, ngx_llm_usage_t *usage);

/* OpenAI's form; absent: there is nothing to say; NGX_ERROR: no memory */
ngx_int_t ngx_llm_gemini_logprobs(ngx_pool_t *pool, ngx_llm_json_t *candidate,
    ngx_str_t *raw);


/* ngx_llm_gemini_grounding.c: where in the text a source is cited */

/* are there sources in this candidate? */
ngx_uint_t ngx_llm_gemini_cites(ngx_llm_json_t *candidate);

/* follows the text, escaped; a failure sticks in offsets->marks */
void ngx_llm_gemini_offsets(ngx_llm_gemini_offsets_t *offsets,
    ngx_pool_t *pool, ngx_str_t *text);

/* citations as an array; absent: there are none; NGX_ERROR: no memory */
ngx_int_t ngx_llm_gemini_citations(ngx_pool_t *pool,
    ngx_llm_gemini_offsets_t *offsets, ngx_llm_json_t *candidate,
    ngx_str_t *raw);


#endif /* _NGX_LLM_GEMINI_H_INCLUDED_ */
