
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Server-sent events, push style (WHATWG HTML, 9.2 "Server-sent events").
 */


#ifndef _NGX_LLM_SSE_H_INCLUDED_
#define _NGX_LLM_SSE_H_INCLUDED_


#include "ngx_llm_core.h"


typedef struct {
    ngx_pool_t      *pool;      /* for held bytes, which last over frames */
    size_t           max;       /* bytes of a frame */
    u_char          *buf;       /* the frame that is not whole yet */
    size_t           len;
    size_t           size;
    size_t           line;      /* of the frame: where the last line begins */
    size_t           final;     /* and the one before */
    u_char          *text;      /* data of several lines, joined */
    size_t           text_size;
    unsigned         cr:1;      /* the byte before was CR */
    unsigned         bom:1;     /* the first bytes were looked at */
    unsigned         used:1;    /* buf holds the frame last returned */
} ngx_llm_sse_t;


void ngx_llm_sse_init(ngx_llm_sse_t *sse, ngx_pool_t *pool, size_t max);

/*
 * Takes bytes from *pos up to last.  NGX_OK: a frame, *pos is behind it; call
 * again for more.  NGX_AGAIN: all consumed; what is not a whole frame is held
 * in a copy, and only that.  NGX_ERROR: a frame longer than max, or no memory.
 * Lines end with LF, CR LF or CR, a first BOM is skipped.
 */
ngx_int_t ngx_llm_sse_next(ngx_llm_sse_t *sse, u_char **pos, u_char *last,
    ngx_llm_frame_t *frame);

/* at the end of the input: a last frame without its blank line, NGX_OK or
 * NGX_DONE */
ngx_int_t ngx_llm_sse_last(ngx_llm_sse_t *sse, ngx_llm_frame_t *frame);


#endif /* _NGX_LLM_SSE_H_INCLUDED_ */
