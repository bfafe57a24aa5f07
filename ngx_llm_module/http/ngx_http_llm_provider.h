
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Statements of a provider that have files of their own.
 */


#ifndef _NGX_HTTP_LLM_PROVIDER_H_INCLUDED_
#define _NGX_HTTP_LLM_PROVIDER_H_INCLUDED_


#include "ngx_http_llm.h"


/* conf: ngx_http_llm_provider_t */

/* ngx_http_llm_rerank.c: form [path] */
char *ngx_http_llm_provider_rerank(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_http_llm_provider_header.c: name value; name [prefix] */
char *ngx_http_llm_provider_header(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_llm_provider_key_header(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* for ngx_conf_post_t: a token, as RFC 9110 has it */
char *ngx_http_llm_provider_token(ngx_conf_t *cf, void *post, void *data);


#endif /* _NGX_HTTP_LLM_PROVIDER_H_INCLUDED_ */
