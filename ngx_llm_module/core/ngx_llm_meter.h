
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Looks for members of a JSON object that streams by, without keeping it: a
 * text in pieces, or the data of server-sent events.
 */


#ifndef _NGX_LLM_METER_H_INCLUDED_
#define _NGX_LLM_METER_H_INCLUDED_


#include "ngx_llm_core.h"


/* a longer value is no value that is looked for */
#define NGX_LLM_METER_VALUE  4096
#define NGX_LLM_METER_NAME   32


/* a member, by its place in the names, and its value; NGX_OK, NGX_ERROR */
typedef ngx_int_t (*ngx_llm_meter_pt)(void *data, ngx_uint_t name,
    ngx_str_t *raw);


typedef struct {
    ngx_pool_t         *pool;
    char              **names;      /* ends with NULL */
    ngx_uint_t          max_depth;  /* of the objects looked into; 1: the
                                       outermost */
    ngx_llm_meter_pt    handler;
    void               *data;

    ngx_uint_t          state;
    ngx_uint_t          line;       /* bytes of "data:" seen */
    ngx_uint_t          depth;
    uint64_t            objects;    /* bits: which of the depths are */
    ngx_uint_t          found;      /* name + 1 */
    ngx_uint_t          found_depth;
    u_char             *value;      /* NGX_LLM_METER_VALUE bytes */
    size_t              len;
    size_t              name_len;
    u_char              name[NGX_LLM_METER_NAME];
    unsigned            sse:1;
    unsigned            escaped:1;  /* a backslash came */
    unsigned            odd:1;      /* out: a name was escaped, a value that
                                       is looked for too long, or a byte was
                                       no text */
    unsigned            object:1;   /* out: it begins as an object */
} ngx_llm_meter_t;


/* sse: of server-sent events, each "data:" line is a text of its own */
void ngx_llm_meter_init(ngx_llm_meter_t *meter, ngx_pool_t *pool,
    char **names, ngx_uint_t max_depth, ngx_uint_t sse);

/* another text begins, as if it was new; memory is kept */
void ngx_llm_meter_reset(ngx_llm_meter_t *meter);

/* the next piece; NGX_OK, NGX_ERROR: no memory, or what the handler said */
ngx_int_t ngx_llm_meter_feed(ngx_llm_meter_t *meter, u_char *p, u_char *last);


#endif /* _NGX_LLM_METER_H_INCLUDED_ */
