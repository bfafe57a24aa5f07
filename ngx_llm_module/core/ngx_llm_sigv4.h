
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Amazon's Signature Version 4 of a request ("Create a signed AWS API
 * request", IAM User Guide).
 */


#ifndef _NGX_LLM_SIGV4_H_INCLUDED_
#define _NGX_LLM_SIGV4_H_INCLUDED_


#include "ngx_llm_core.h"


/* headers that are signed, those of the signature's own included */
#define NGX_LLM_SIGV4_HEADERS  16

/* parameters of a query; bytes of a path with it that can be signed anyway */
#define NGX_LLM_SIGV4_ARGS     64
#define NGX_LLM_SIGV4_PATH     16384


/* what is signed; all plain */

typedef struct {
    ngx_str_t      id;          /* access key */
    ngx_str_t      secret;
    ngx_str_t      token;       /* of temporary keys, or empty */
    ngx_str_t      region;
    ngx_str_t      service;

    ngx_str_t      method;
    ngx_str_t      path;        /* as it goes over the wire; no query */
    ngx_str_t      query;       /* likewise, without "?"; or empty */
    ngx_keyval_t  *headers;     /* names in lower case; host among them */
    ngx_uint_t     nheaders;
    ngx_str_t     *body;        /* in pieces */
    ngx_uint_t     nbody;
    u_char        *hash;        /* of the body, 64 hexadecimal digits, in the
                                   place of the body; or NULL */
    time_t         now;
} ngx_llm_sigv4_t;


/*
 * Appends the header lines x-amz-date, x-amz-security-token if there is a
 * token, and authorization, each with CR LF.  The pool holds what is signed
 * until the end of the call.  NGX_OK or NGX_ERROR: no memory, or values that
 * no header can hold.
 */
ngx_int_t ngx_llm_sigv4(ngx_llm_sigv4_t *sign, ngx_pool_t *pool,
    ngx_llm_out_t *out);

/* as above; the hash of the canonical request in hexadecimal, too */
ngx_int_t ngx_llm_sigv4_hash(ngx_llm_sigv4_t *sign, ngx_pool_t *pool,
    ngx_llm_out_t *out, u_char hash[64]);

/*
 * The hash of a body that comes in pieces.  begin() returns its state, which
 * lasts as long as the pool, or NULL: no memory; end() writes 64 hexadecimal
 * digits and may be called once.  NGX_OK or NGX_ERROR.
 */
void *ngx_llm_sigv4_body_begin(ngx_pool_t *pool);
ngx_int_t ngx_llm_sigv4_body_add(void *body, u_char *p, size_t len);
ngx_int_t ngx_llm_sigv4_body_end(void *body, u_char hash[64]);


#endif /* _NGX_LLM_SIGV4_H_INCLUDED_ */
