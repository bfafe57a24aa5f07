
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A JSON Schema on its way into a part of OpenAPI's.  A node is read together
 * with what it refers to and what "allOf" adds to it: a list of sources, of
 * which the first with a keyword counts.
 */


#ifndef _NGX_LLM_GEMINI_OPENAPI_H_INCLUDED_
#define _NGX_LLM_GEMINI_OPENAPI_H_INCLUDED_


#include "ngx_llm_gemini.h"


/* small documents can refer to themselves into any size */

#define NGX_LLM_GEMINI_MAX_DEPTH    32
#define NGX_LLM_GEMINI_MAX_NODES    4096
#define NGX_LLM_GEMINI_MAX_SOURCES  16
#define NGX_LLM_GEMINI_MAX_FUEL     (4 * 1024 * 1024)


typedef struct {
    ngx_llm_json_t              *node[NGX_LLM_GEMINI_MAX_SOURCES];
    ngx_uint_t                   n;
    ngx_uint_t                   own;       /* of a union's branch: the first,
                                               the rest stands beside it */
    unsigned                     bare:1;    /* texts are of its own alone */
    unsigned                     cycle:1;
    unsigned                     nullable:1;
} ngx_llm_gemini_sources_t;


/* references that are being followed */

typedef struct ngx_llm_gemini_frame_s  ngx_llm_gemini_frame_t;

struct ngx_llm_gemini_frame_s {
    ngx_llm_gemini_frame_t      *parent;
    ngx_llm_gemini_sources_t    *sources;
};


typedef struct {
    ngx_llm_json_t              *root;
    ngx_llm_out_t               *out;
    ngx_uint_t                   nodes;
    ngx_uint_t                   depth;
    ngx_int_t                    fuel;      /* bytes that may be looked at */
} ngx_llm_gemini_openapi_t;


typedef enum {
    NGX_LLM_GEMINI_TYPE_NONE = 0,
    NGX_LLM_GEMINI_TYPE_STRING,
    NGX_LLM_GEMINI_TYPE_NUMBER,
    NGX_LLM_GEMINI_TYPE_INTEGER,
    NGX_LLM_GEMINI_TYPE_BOOLEAN,
    NGX_LLM_GEMINI_TYPE_ARRAY,
    NGX_LLM_GEMINI_TYPE_OBJECT
} ngx_llm_gemini_type_e;


/* ngx_llm_gemini_sources.c */

extern char  *ngx_llm_gemini_type_names[];

/* the node, what it refers to, and what "allOf" adds */
void ngx_llm_gemini_gather(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_json_t *node,
    ngx_llm_gemini_frame_t *parent);
ngx_llm_json_t *ngx_llm_gemini_get(ngx_llm_gemini_sources_t *s, char *name);

/* "anyOf" or "oneOf", but for one whose branch this is */
ngx_llm_json_t *ngx_llm_gemini_union(ngx_llm_gemini_sources_t *s);
ngx_uint_t ngx_llm_gemini_is_null(ngx_llm_json_t *branch);

/* the types that are listed, without "null" */
ngx_uint_t ngx_llm_gemini_types(ngx_llm_gemini_sources_t *s,
    ngx_llm_gemini_type_e *type, ngx_uint_t max);

/* the type of a node that names none, or several */
ngx_llm_gemini_type_e ngx_llm_gemini_infer(ngx_llm_gemini_sources_t *s);

/* in the first n sources */
ngx_llm_json_t *ngx_llm_gemini_property(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_uint_t n, ngx_str_t *name);
ngx_uint_t ngx_llm_gemini_has_properties(ngx_llm_gemini_sources_t *s);


#endif /* _NGX_LLM_GEMINI_OPENAPI_H_INCLUDED_ */
