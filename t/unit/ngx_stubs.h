
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What unit tests and fuzzers link in nginx's place.  Every allocation from
 * a pool is one of malloc()'s own, so that AddressSanitizer sees each byte
 * read or written beside it.
 */


#ifndef _NGX_STUBS_H_INCLUDED_
#define _NGX_STUBS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* allocations made so far, by pools and ngx_alloc() */
extern ngx_uint_t  ngx_stubs_allocs;

/* the n-th allocation from now on fails, once; 0 is never */
extern ngx_uint_t  ngx_stubs_fail;

/* bytes held by pools that are not destroyed */
extern size_t  ngx_stubs_held;


/* a log that writes to stderr */
extern ngx_log_t  ngx_stubs_log;


#endif /* _NGX_STUBS_H_INCLUDED_ */
