
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How a provider reranks.
 */


#ifndef _NGX_HTTP_LLM_RERANK_H_INCLUDED_
#define _NGX_HTTP_LLM_RERANK_H_INCLUDED_


#include "ngx_http_llm.h"


/* form [path]: sets rerank and rerank_path of the ngx_http_llm_provider_t */
char *ngx_http_llm_provider_rerank(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_LLM_RERANK_H_INCLUDED_ */
