
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Lines of JSON, push style (NDJSON 1.0: one value a line, which ends with LF,
 * a CR before it is white space).
 */


#ifndef _NGX_LLM_NDJSON_H_INCLUDED_
#define _NGX_LLM_NDJSON_H_INCLUDED_


#include "ngx_llm_core.h"


typedef struct {
    ngx_pool_t      *pool;      /* for held bytes, which last over frames */
    size_t           max;       /* bytes of a line */
    u_char          *buf;       /* the line that is not whole yet */
    size_t           len;
    size_t           size;
    unsigned         used:1;    /* buf holds the frame last returned */
} ngx_llm_ndjson_t;


void ngx_llm_ndjson_init(ngx_llm_ndjson_t *nd, ngx_pool_t *pool, size_t max);

/*
 * Takes bytes from *pos up to last.  NGX_OK: a frame, *pos is behind it; call
 * again for more.  NGX_AGAIN: all consumed; what is not a whole line is held
 * in a copy, and only that.  NGX_ERROR: a line longer than max, or no memory.
 * "data" is the line without white space around it, absent for a blank line;
 * frames have no "name".
 */
ngx_int_t ngx_llm_ndjson_next(ngx_llm_ndjson_t *nd, u_char **pos,
    u_char *last, ngx_llm_frame_t *frame);

/* at the end of the input: a last line without its LF, NGX_OK or NGX_DONE */
ngx_int_t ngx_llm_ndjson_last(ngx_llm_ndjson_t *nd, ngx_llm_frame_t *frame);


#endif /* _NGX_LLM_NDJSON_H_INCLUDED_ */
