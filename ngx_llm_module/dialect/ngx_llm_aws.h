
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What services of Amazon have in common: keys, regions, signatures.
 */


#ifndef _NGX_LLM_AWS_H_INCLUDED_
#define _NGX_LLM_AWS_H_INCLUDED_


#include "ngx_llm_dialect.h"


typedef struct {
    ngx_str_t    name;          /* that is signed for */
    ngx_str_t   *hosts;         /* what stands before the region in a host,
                                   with a dot; ends with an empty one */
    ngx_uint_t   bearer;        /* there are keys without a colon, too */
} ngx_llm_aws_service_t;


/*
 * The lines of a signature, for a target's key ID:SECRET or ID:SECRET:TOKEN;
 * or of a bearer token.  Without a key nothing is written.
 * The path is signed as it stands.  header: one more that is signed, its name
 * in lower case, or NULL.  NGX_OK, NGX_ERROR: no memory, no region, a key that
 * is not valid.
 */
ngx_int_t ngx_llm_aws_sign(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_signed_t *s, const ngx_llm_aws_service_t *service,
    ngx_keyval_t *header, ngx_llm_out_t *out);


#endif /* _NGX_LLM_AWS_H_INCLUDED_ */
