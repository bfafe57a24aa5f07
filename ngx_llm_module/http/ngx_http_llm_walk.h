
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * An answer about the gateway itself that takes longer than one turn of the
 * event loop should, or has to wait: made in steps, sent when it is whole.
 */


#ifndef _NGX_HTTP_LLM_WALK_H_INCLUDED_
#define _NGX_HTTP_LLM_WALK_H_INCLUDED_


#include "ngx_http_llm.h"
#include "ngx_llm_ledger.h"


/* entries of a table that one step takes */
#define NGX_HTTP_LLM_WALK_STEP    256

/* parts of an answer that are written side by side */
#define NGX_HTTP_LLM_WALK_PARTS   16

/* the longest part; more than that is refused, not cut */
#define NGX_HTTP_LLM_WALK_MAX     (64 * 1024 * 1024)


typedef struct ngx_http_llm_walk_s  ngx_http_llm_walk_t;

/* NGX_OK: that was all; NGX_AGAIN: once more in the next turn; NGX_ERROR */
typedef ngx_int_t (*ngx_http_llm_walk_pt)(ngx_http_llm_walk_t *walk);


struct ngx_http_llm_walk_s {
    ngx_http_request_t           *request;
    ngx_http_llm_main_conf_t     *lmcf;
    ngx_llm_ledger_t             *ledger;       /* NULL: there is none */
    ngx_http_llm_walk_pt          step;
    void                         *data;         /* the step's */

    ngx_llm_out_t                 out[NGX_HTTP_LLM_WALK_PARTS];
    ngx_str_t                     content_type;
    ngx_uint_t                    status;       /* 200 */

    ngx_uint_t                    phase;        /* the step's; 0, 0 first */
    ngx_uint_t                    i;
    ngx_uint_t                    j;

    ngx_msec_t                    delay;        /* between steps; 0: none */
    ngx_event_t                   event;
};


/* NULL: no memory.  content_type: a literal */
ngx_http_llm_walk_t *ngx_http_llm_walk_create(ngx_http_request_t *r,
    ngx_http_llm_walk_pt step, char *content_type);

/* returns what a content handler does */
ngx_int_t ngx_http_llm_walk(ngx_http_llm_walk_t *walk);

/* the parts one after another, as a whole answer */
ngx_int_t ngx_http_llm_walk_send(ngx_http_llm_walk_t *walk);


/* ngx_http_llm_metrics.c: "llm_metrics" */
char *ngx_http_llm_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_HTTP_LLM_WALK_H_INCLUDED_ */
