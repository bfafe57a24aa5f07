
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Google's Vertex AI: Gemini under a project's paths, and Claude there.  What
 * is decided is in docs/vertex.md.
 */


#ifndef _NGX_LLM_VERTEX_H_INCLUDED_
#define _NGX_LLM_VERTEX_H_INCLUDED_


#include "ngx_llm_dialect.h"


/* a path up to a model of Google's, or to "endpoints/ID", a tuned one */
void ngx_llm_vertex_write_name(ngx_llm_target_t *target, ngx_llm_out_t *out);

/* a path up to a model of that publisher; "@" before a version is kept */
void ngx_llm_vertex_write_model(ngx_llm_target_t *target, char *publisher,
    ngx_llm_out_t *out);


#endif /* _NGX_LLM_VERTEX_H_INCLUDED_ */
