
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Messages of an event stream, for the unit tests and the fuzzers.
 */


#ifndef _TEST_EVENTSTREAM_H_INCLUDED_
#define _TEST_EVENTSTREAM_H_INCLUDED_


#include "ngx_llm_eventstream.h"

#include <string.h>


static ngx_inline u_char *
test_uint32(u_char *p, uint32_t n)
{
    *p++ = (u_char) (n >> 24);
    *p++ = (u_char) (n >> 16);
    *p++ = (u_char) (n >> 8);
    *p++ = (u_char) n;

    return p;
}


/* writes a message around headers, whose bytes are given, and a payload */

static ngx_inline u_char *
test_message(u_char *p, ngx_str_t *headers, ngx_str_t *payload)
{
    u_char  *start;

    start = p;

    p = test_uint32(p, (uint32_t) (headers->len + payload->len + 16));
    p = test_uint32(p, (uint32_t) headers->len);
    p = test_uint32(p, ngx_crc32_long(start, 8));
    p = ngx_cpymem(p, headers->data, headers->len);
    p = ngx_cpymem(p, payload->data, payload->len);

    return test_uint32(p, ngx_crc32_long(start, p - start));
}


/* one header that is a string */

static ngx_inline u_char *
test_header(u_char *p, char *name, ngx_str_t *value)
{
    *p++ = (u_char) strlen(name);
    p = ngx_cpymem(p, name, strlen(name));
    *p++ = 7;
    *p++ = (u_char) (value->len >> 8);
    *p++ = (u_char) value->len;

    return ngx_cpymem(p, value->data, value->len);
}


#endif /* _TEST_EVENTSTREAM_H_INCLUDED_ */
