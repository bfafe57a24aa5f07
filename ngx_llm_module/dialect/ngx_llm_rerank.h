
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Rerank: a query, documents, and how well each fits.  Clients speak the form
 * of Cohere and Jina; of providers every maker has one of its own, which is a
 * row of a table.
 */


#ifndef _NGX_LLM_RERANK_H_INCLUDED_
#define _NGX_LLM_RERANK_H_INCLUDED_


#include "ngx_llm_dialect.h"


/* documents of a request, as Cohere has it */
#define NGX_LLM_RERANK_MAX  10000


/* the client's text goes on as it is, and so does the answer's */
#define NGX_LLM_RERANK_OPEN     0x01

/* the answer is in the client's form, but for documents */
#define NGX_LLM_RERANK_SAME     0x02

/* query and documents are objects with a "text" */
#define NGX_LLM_RERANK_OBJECTS  0x04

/* there is one model, which is not named */
#define NGX_LLM_RERANK_ALONE    0x08

/* the path stands beside "/v1", not below it */
#define NGX_LLM_RERANK_ROOT     0x10


typedef struct ngx_llm_rerank_form_s  ngx_llm_rerank_form_t;

struct ngx_llm_rerank_form_s {
    ngx_str_t          name;
    ngx_uint_t         flags;       /* NGX_LLM_RERANK_* */
    ngx_str_t          path;        /* below the base */
    char              *documents;   /* what they are called */
    char              *top;         /* likewise "top_n"; NULL: there is no such
                                       thing, all are ranked */
    char             **takes;       /* other members that it knows; ends with
                                       NULL */
};


typedef struct {
    ngx_llm_chat_t    *chat;        /* text, root, model; query and documents
                                       as one message */
    ngx_llm_json_t    *query;
    ngx_llm_json_t    *documents;   /* the list */
    ngx_uint_t         n;           /* of them */
    int64_t            top_n;       /* 0: all */
    unsigned           texts:1;     /* query and documents are texts */
    unsigned           wanted:1;    /* documents, in the answer */
} ngx_llm_rerank_t;


typedef struct {
    ngx_llm_json_t    *document;    /* of the request */
    ngx_uint_t         index;
    ngx_str_t          score;       /* a number, as it was sent */
} ngx_llm_rank_t;


typedef struct {
    ngx_array_t        ranks;       /* ngx_llm_rank_t, best ones first */
    ngx_llm_usage_t    usage;
    ngx_str_t          meta;        /* Cohere's, raw; or empty */
    unsigned           same:1;      /* the text is in the client's form */
} ngx_llm_rerank_answer_t;


extern const ngx_llm_rerank_form_t  ngx_llm_rerank_cohere;
extern const ngx_llm_rerank_form_t  ngx_llm_rerank_jina;
extern const ngx_llm_rerank_form_t  ngx_llm_rerank_voyage;
extern const ngx_llm_rerank_form_t  ngx_llm_rerank_nvidia;
extern const ngx_llm_rerank_form_t  ngx_llm_rerank_tei;

/* the form of that name, or NULL */
const ngx_llm_rerank_form_t *ngx_llm_rerank_find(ngx_str_t *name);

/*
 * Reads rerank->chat->text, of a client.  NGX_OK, NGX_ERROR, NGX_DECLINED
 * with err filled.
 */
ngx_int_t ngx_llm_rerank_read(ngx_llm_rerank_t *rerank,
    ngx_llm_error_t *err);

/*
 * The body in a form that is not open; what it does not know is named in
 * chat->dropped.  NGX_OK, NGX_ERROR, NGX_DECLINED with err filled: it cannot
 * be asked for there.
 */
ngx_int_t ngx_llm_rerank_write(ngx_llm_rerank_t *rerank,
    const ngx_llm_rerank_form_t *form, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err);

/* the path below a url's path "base" (no final slash) */
void ngx_llm_rerank_path(const ngx_llm_rerank_form_t *form, ngx_str_t *base,
    ngx_llm_out_t *out);

/*
 * A whole 2xx body, in whichever form it is.  What it says points into the
 * text and the request.  NGX_OK, NGX_ERROR, NGX_DECLINED: it is no answer.
 */
ngx_int_t ngx_llm_rerank_read_answer(ngx_llm_rerank_t *rerank,
    ngx_pool_t *pool, ngx_str_t *text, ngx_llm_rerank_answer_t *answer);

/* in the client's form; id: of the request */
void ngx_llm_rerank_write_answer(ngx_llm_rerank_t *rerank,
    ngx_llm_rerank_answer_t *answer, ngx_str_t *id, ngx_llm_out_t *out);


#endif /* _NGX_LLM_RERANK_H_INCLUDED_ */
