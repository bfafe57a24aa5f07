
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The neutral form of embeddings: texts in, vectors out.  A vector is a slice
 * of what the provider sent, an array of numbers or a string in base64, and is
 * looked into only where the client wants it the other way.
 */


#ifndef _NGX_LLM_EMBED_H_INCLUDED_
#define _NGX_LLM_EMBED_H_INCLUDED_


#include "ngx_llm_chat.h"
#include "ngx_llm_vector.h"


/* inputs of a request, as OpenAI has it */
#define NGX_LLM_EMBED_MAX  2048

/* lists of numbers in an answer, those that are no vectors included */
#define NGX_LLM_EMBED_FOUND  65536


typedef struct ngx_llm_embed_dialect_s  ngx_llm_embed_dialect_t;


typedef struct {
    ngx_llm_chat_t           *chat;         /* text, root, model, user; one
                                               message with a part an input;
                                               what was dropped */
    ngx_llm_json_t           *input;        /* the member's value */
    ngx_llm_json_t           *first;        /* of the inputs: strings, or
                                               arrays of token ids */
    ngx_uint_t                n;            /* of them, from there on */
    int64_t                   dimensions;   /* 0: not said */
    ngx_str_t                 input_type;   /* plain; an extension */
    unsigned                  tokens:1;     /* inputs are token ids */
    unsigned                  base64:1;     /* is wanted */
} ngx_llm_embed_t;


typedef struct {
    ngx_pool_t               *pool;
    ngx_str_t                 model;        /* escaped; may be absent */
    ngx_llm_vector_t         *vectors;      /* one an input */
    ngx_uint_t                n;
    ngx_uint_t                from;         /* the inputs that were sent */
    ngx_array_t               found;        /* ngx_llm_vector_t, of the text
                                               that was parsed last */
    ngx_llm_usage_t           usage;        /* of that text */
} ngx_llm_embed_answer_t;


/* NGX_OK or NGX_ERROR */
ngx_int_t ngx_llm_embed_answer_init(ngx_llm_embed_answer_t *answer,
    ngx_pool_t *pool, ngx_uint_t n);

/*
 * Parses the text of an answer.  A tree with a node for each number would be
 * a hundred times the text, so vectors are taken out before: in their place
 * stands an array with one number, which ngx_llm_embed_put() knows.  NULL: no
 * JSON, or no memory.
 */
ngx_llm_json_t *ngx_llm_embed_parse(ngx_llm_embed_answer_t *answer,
    ngx_str_t *text);

/*
 * The node that stands for a vector, as that of the i-th input that was sent.
 * NGX_OK; NGX_DECLINED: it is none, there is no such input, or it has one.
 */
ngx_int_t ngx_llm_embed_put(ngx_llm_embed_answer_t *answer,
    ngx_llm_json_t *node, int64_t i);

/* are there vectors for the n inputs that were sent? */
ngx_uint_t ngx_llm_embed_whole(ngx_llm_embed_answer_t *answer, ngx_uint_t n);


#endif /* _NGX_LLM_EMBED_H_INCLUDED_ */
