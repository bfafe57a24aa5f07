
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The lines of a batch's input file that streams by ("Batch API" of OpenAI):
 * JSON objects, one a line, of which the models are told.
 */


#ifndef _NGX_LLM_BATCH_H_INCLUDED_
#define _NGX_LLM_BATCH_H_INCLUDED_


#include "ngx_llm_core.h"


#define NGX_LLM_BATCH_NAME   8
#define NGX_LLM_BATCH_MODEL  256
#define NGX_LLM_BATCH_DEPTH  64


/*
 * The member "model" of the member "body", escaped, of a line that is counted
 * from 1.  NGX_OK, NGX_ERROR
 */
typedef ngx_int_t (*ngx_llm_batch_pt)(void *data, ngx_str_t *model,
    ngx_uint_t line);


typedef struct {
    ngx_llm_batch_pt    handler;
    void               *data;

    ngx_uint_t          state;
    ngx_uint_t          line;
    ngx_uint_t          depth;
    uint64_t            objects;    /* bits: which of the depths are */
    size_t              len;
    size_t              name_len;
    u_char              name[NGX_LLM_BATCH_NAME];
    u_char              model[NGX_LLM_BATCH_MODEL];
    char               *error;      /* out: what is wrong, in that line */
    unsigned            key:1;      /* the string is a name */
    unsigned            escaped:1;  /* a backslash came */
    unsigned            odd:1;      /* the name has escapes */
    unsigned            body:1;     /* inside of it */
    unsigned            found:1;    /* the value is the model */
} ngx_llm_batch_t;


/* a new file */
void ngx_llm_batch_init(ngx_llm_batch_t *batch);

/*
 * The next piece.  NGX_OK; NGX_DECLINED: batch->error and batch->line say why
 * it cannot be told what the file asks for; NGX_ERROR: of the handler
 */
ngx_int_t ngx_llm_batch_feed(ngx_llm_batch_t *batch, u_char *p,
    u_char *last);

/* the file ends here: as above */
ngx_int_t ngx_llm_batch_end(ngx_llm_batch_t *batch);


#endif /* _NGX_LLM_BATCH_H_INCLUDED_ */
