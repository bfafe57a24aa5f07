
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Access tokens of OAuth 2.0: what is sent for one, and what comes back.  The
 * assertion of a service account of Google's is RFC 7523, the secret of a
 * client RFC 6749, section 4.4, an API key of IBM Cloud's a grant of its own.
 */


#ifndef _NGX_LLM_TOKEN_H_INCLUDED_
#define _NGX_LLM_TOKEN_H_INCLUDED_


#include "ngx_llm_core.h"


/* of an access token, longer ones are not taken */
#define NGX_LLM_TOKEN_SIZE      8192

/* of an assertion, which is the most that Google allows */
#define NGX_LLM_TOKEN_LIFETIME  3600


/* what the file of a service account says; plain */

typedef struct {
    ngx_str_t    email;
    ngx_str_t    key_id;        /* may be empty */
    ngx_str_t    token_uri;
    ngx_str_t    project;       /* may be empty */
    void        *key;           /* EVP_PKEY *, as long as the pool lives */
} ngx_llm_account_t;


/*
 * Reads such a file.  NGX_OK; NGX_DECLINED: it is none, err says in which way
 * and holds nothing of it; NGX_ERROR: no memory.
 */
ngx_int_t ngx_llm_account_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_llm_account_t *account, char **err);

/* the signed assertion; NGX_OK, NGX_ERROR */
ngx_int_t ngx_llm_account_assertion(ngx_pool_t *pool,
    ngx_llm_account_t *account, time_t now, ngx_str_t *assertion);

/* bodies of requests, application/x-www-form-urlencoded; scope may be empty */
void ngx_llm_token_write_account(ngx_str_t *assertion, ngx_llm_out_t *out);
void ngx_llm_token_write_client(ngx_str_t *id, ngx_str_t *secret,
    ngx_str_t *scope, ngx_llm_out_t *out);
void ngx_llm_token_write_apikey(ngx_str_t *key, ngx_llm_out_t *out);


/*
 * An answer.  NGX_OK: token (plain, fit for a header) and the seconds that it
 * holds, at least 1; NGX_DECLINED: it has none; NGX_ERROR: no memory.
 */
ngx_int_t ngx_llm_token_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_str_t *token, ngx_int_t *expires);

/* "error" of an answer, IBM's "errorCode": a word fit for a log; or empty */
ngx_str_t ngx_llm_token_error(ngx_pool_t *pool, ngx_str_t *text);


#endif /* _NGX_LLM_TOKEN_H_INCLUDED_ */
