
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Requests that carry a signature, and the region that it is for.
 */


#ifndef _NGX_HTTP_LLM_SIGN_H_INCLUDED_
#define _NGX_HTTP_LLM_SIGN_H_INCLUDED_


#include "ngx_http_llm.h"
#include "ngx_llm_catalogue.h"


/*
 * Appends what the dialect signs with, if it does; host and time of s are
 * filled here.  NGX_OK or NGX_ERROR, which is logged.
 */
ngx_int_t ngx_http_llm_sign(ngx_http_llm_attempt_t *at, ngx_llm_signed_t *s,
    ngx_llm_out_t *out);

/* whether each of the keys can sign; NGX_OK or NGX_ERROR, which is logged */
ngx_int_t ngx_http_llm_sign_check(ngx_conf_t *cf, ngx_http_llm_provider_t *p);

/* whether a part of a preset's url is the region */
ngx_uint_t ngx_http_llm_sign_part(ngx_str_t *part);

/*
 * puts the region where the url says "{region}"; a region that neither the
 * preset's url nor a signature takes is refused.  The preset may be NULL.
 */
ngx_int_t ngx_http_llm_sign_region(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p, const ngx_llm_preset_t *preset);

/* the value of the statement "region", for ngx_conf_post_t */
char *ngx_http_llm_sign_region_name(ngx_conf_t *cf, void *post, void *data);


#endif /* _NGX_HTTP_LLM_SIGN_H_INCLUDED_ */
