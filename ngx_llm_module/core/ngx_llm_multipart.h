
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * multipart/form-data (RFC 7578, RFC 2046) that streams by: small fields are
 * told with their places, files are passed over.
 */


#ifndef _NGX_LLM_MULTIPART_H_INCLUDED_
#define _NGX_LLM_MULTIPART_H_INCLUDED_


#include "ngx_llm_core.h"


#define NGX_LLM_MULTIPART_BOUNDARY  70          /* RFC 2046, 5.1.1 */
#define NGX_LLM_MULTIPART_HEAD      8192        /* of a part */
#define NGX_LLM_MULTIPART_VALUE     1024        /* of a field that is told */
#define NGX_LLM_MULTIPART_PARTS     256


typedef struct ngx_llm_multipart_s  ngx_llm_multipart_t;


/*
 * A part that is no file: its name and value, which is cut and "whole" 0 if
 * it is longer than NGX_LLM_MULTIPART_VALUE; from: where the value begins in
 * the body.  NGX_OK, NGX_ERROR
 */
typedef ngx_int_t (*ngx_llm_multipart_pt)(void *data, ngx_str_t *name,
    ngx_str_t *value, ngx_uint_t whole, off_t from);


/* a piece of a part, of a file or not; last: it ends here */
typedef ngx_int_t (*ngx_llm_multipart_content_pt)(void *data, u_char *p,
    size_t len, ngx_uint_t last);


struct ngx_llm_multipart_s {
    ngx_pool_t            *pool;
    ngx_llm_multipart_pt   handler;
    ngx_llm_multipart_content_pt  content;  /* MAY be NULL; NGX_OK, NGX_ERROR */
    void                  *data;

    u_char                 delimiter[NGX_LLM_MULTIPART_BOUNDARY + 4];
    size_t                 delimiter_len;

    ngx_uint_t             state;
    size_t                 match;       /* bytes of the delimiter seen */
    off_t                  offset;      /* in the body */
    off_t                  from;        /* of the part's value */
    ngx_uint_t             parts;
    u_char                *head;
    size_t                 head_len;
    ngx_str_t              name;        /* slice of head; absent: a file */
    u_char                *value;
    size_t                 value_len;
    unsigned               bare:1;      /* a delimiter without its CR LF */
    unsigned               cut:1;
    char                  *error;       /* what is wrong */
};


/*
 * From the value of the header Content-Type.  NGX_OK, NGX_ERROR (memory),
 * NGX_DECLINED: no multipart/form-data with a boundary
 */
ngx_int_t ngx_llm_multipart_init(ngx_llm_multipart_t *mp, ngx_pool_t *pool,
    ngx_str_t *type);

/* the next piece; NGX_OK; NGX_DECLINED: mp->error says why; NGX_ERROR */
ngx_int_t ngx_llm_multipart_feed(ngx_llm_multipart_t *mp, u_char *p,
    u_char *last);

/* has the last delimiter been seen? */
ngx_uint_t ngx_llm_multipart_whole(ngx_llm_multipart_t *mp);


#endif /* _NGX_LLM_MULTIPART_H_INCLUDED_ */
