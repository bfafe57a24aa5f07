
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Keys, however they are defined: in the configuration or at run time.
 */


#ifndef _NGX_HTTP_LLM_KEY_H_INCLUDED_
#define _NGX_HTTP_LLM_KEY_H_INCLUDED_


#include "ngx_http_llm.h"


/* a table by digest: open addressing, at most half of the slots in use */

typedef struct ngx_http_llm_secret_s {
    u_char                       *digest;
    ngx_http_llm_key_t           *key;          /* NULL: free */
} ngx_http_llm_secret_t;


/* an empty key; NULL: no memory */
ngx_http_llm_key_t *ngx_http_llm_key_create(ngx_conf_t *cf, ngx_str_t *name);

/* one statement of its block, in cf->args; returns what a directive does */
char *ngx_http_llm_key_statement(ngx_conf_t *cf, ngx_http_llm_key_t *key);

/* when all statements are read */
void ngx_http_llm_key_end(ngx_http_llm_key_t *key);

/* when teams and time zone are known; NGX_OK, NGX_ERROR is logged */
ngx_int_t ngx_http_llm_key_init(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf, ngx_http_llm_key_t *key);

/* the slot of the digest, or the free one for it; size: a power of two */
ngx_http_llm_secret_t *ngx_http_llm_secret_slot(ngx_http_llm_secret_t *slots,
    ngx_uint_t size, u_char *digest);

/* whose secret is it? NULL: nobody's */
ngx_http_llm_key_t *ngx_http_llm_key_digest(ngx_http_llm_main_conf_t *lmcf,
    u_char *digest);


#endif /* _NGX_HTTP_LLM_KEY_H_INCLUDED_ */
