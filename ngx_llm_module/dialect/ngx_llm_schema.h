
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A JSON Schema for a provider that knows a part of the language.
 */


#ifndef _NGX_LLM_SCHEMA_H_INCLUDED_
#define _NGX_LLM_SCHEMA_H_INCLUDED_


#include "ngx_llm_core.h"
#include "ngx_llm_json.h"


#define NGX_LLM_SCHEMA_DEPTH  32
#define NGX_LLM_SCHEMA_NODES  4096


typedef enum {
    NGX_LLM_SCHEMA_COPY = 0,
    NGX_LLM_SCHEMA_CUT,
    NGX_LLM_SCHEMA_ONE,         /* a schema, or an array of them */
    NGX_LLM_SCHEMA_MANY,        /* by names of the author's choice */
    NGX_LLM_SCHEMA_WORD,        /* a string, one of "words" */
    NGX_LLM_SCHEMA_PATTERN      /* without anchors and looking around */
} ngx_llm_schema_action_e;


typedef struct {
    char                            *name;
    ngx_llm_schema_action_e          action;
    char                            *as;        /* under another name */
} ngx_llm_schema_keyword_t;


typedef struct ngx_llm_schema_at_s  ngx_llm_schema_at_t;


typedef struct {
    const ngx_llm_schema_keyword_t  *keywords;  /* others are copied */
    char                           **words;
    ngx_llm_json_t                  *root;
    ngx_llm_out_t                   *out;
    ngx_llm_schema_at_t             *at;        /* where it is now */
    ngx_uint_t                       depth;
    ngx_uint_t                       nodes;
    size_t                           limit;     /* of the whole out */
    unsigned                         copied:1;  /* references are copied in,
                                                   so is the only one of an
                                                   "allOf" */
    unsigned                         cut:1;     /* out: something was */
} ngx_llm_schema_t;


/*
 * Writes root, which is parsed, to out.  A reference that leads to itself, and
 * what is deeper or longer than the limits, is an object without members.
 */
void ngx_llm_schema_write(ngx_llm_schema_t *s);


#endif /* _NGX_LLM_SCHEMA_H_INCLUDED_ */
