
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Every difference between versions of nginx, and nowhere else.
 */


#ifndef _NGX_HTTP_LLM_COMPAT_H_INCLUDED_
#define _NGX_HTTP_LLM_COMPAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#if (nginx_version < 1022000)
#error "nginx 1.22.0 or later is required"
#endif


/* 1.23.0: headers of one name are linked */

#if (nginx_version >= 1023000)

#define ngx_http_llm_header_last(h)  (h)->next = NULL

#else

#define ngx_http_llm_header_last(h)

#endif


/* 1.27.2: trailers can be kept */

#if (nginx_version >= 1027002)

#define ngx_http_llm_parse_chunked(r, b, ctx)                                \
    ngx_http_parse_chunked(r, b, ctx, 0)

#else

#define ngx_http_llm_parse_chunked(r, b, ctx)                                \
    ngx_http_parse_chunked(r, b, ctx)

#endif


/* 1.29.7: upstream blocks keep connections unless "keepalive 0" is written */

#if (nginx_version >= 1029007)

#define NGX_HTTP_LLM_KEEPALIVE_DEFAULT  1

#else

#define NGX_HTTP_LLM_KEEPALIVE_DEFAULT  0

#endif


#endif /* _NGX_HTTP_LLM_COMPAT_H_INCLUDED_ */
