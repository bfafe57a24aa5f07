
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The members of a line of the usage log, for its writer and its reader.
 */


#ifndef _NGX_LLM_USAGE_MEMBER_H_INCLUDED_
#define _NGX_LLM_USAGE_MEMBER_H_INCLUDED_


#include "ngx_llm_usage_line.h"


typedef enum {
    NGX_LLM_USAGE_TEXT = 0,         /* ngx_str_t */
    NGX_LLM_USAGE_COUNT,            /* int64_t */
    NGX_LLM_USAGE_SECONDS,          /* int64_t in ms */
    NGX_LLM_USAGE_DOLLARS,          /* int64_t in nano-dollars */
    NGX_LLM_USAGE_NAME,             /* ngx_llm_seq_t */
    NGX_LLM_USAGE_OBJECT,           /* ngx_uint_t, then pairs */
    NGX_LLM_USAGE_COUNTER,          /* ngx_llm_name_t, in hex */
    NGX_LLM_USAGE_AMOUNT,           /* int64_t, of money or not */
    NGX_LLM_USAGE_STREAM,           /* flags */
    NGX_LLM_USAGE_ESTIMATED,
    NGX_LLM_USAGE_CHARGED
} ngx_llm_usage_type_e;


typedef struct {
    ngx_str_t             name;
    ngx_llm_usage_type_e  type;
    size_t                offset;   /* in ngx_llm_usage_record_t */
    size_t                pairs;    /* OBJECT: where the pairs are */
} ngx_llm_usage_member_t;


/* in the order in which they are written; the last has an empty name */
extern const ngx_llm_usage_member_t  ngx_llm_usage_members[];

/* decodes escaped text in place */
void ngx_llm_usage_decode(ngx_str_t *s);


/* where a line begins; nowhere else in it */
#define NGX_LLM_USAGE_BEGIN  "{\"time\":"

#define NGX_LLM_USAGE_MS     3      /* digits behind the point */
#define NGX_LLM_USAGE_NANO   9

#define NGX_LLM_USAGE_HEX    32     /* digits of a counter's name */


#endif /* _NGX_LLM_USAGE_MEMBER_H_INCLUDED_ */
