
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Statements about parameters, of providers and models.
 */


#ifndef _NGX_HTTP_LLM_PARAMS_H_INCLUDED_
#define _NGX_HTTP_LLM_PARAMS_H_INCLUDED_


#include "ngx_http_llm.h"


/* "on" or names of parameters: sets the uint64_t at cmd->offset */
char *ngx_http_llm_drop_params(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* name value [force]: adds to the array (ngx_llm_set_t) at cmd->offset */
char *ngx_http_llm_set_param(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* what holds for a deployment: the model's values win; NULL: none */
ngx_int_t ngx_http_llm_params_merge(ngx_conf_t *cf, ngx_array_t *provider,
    ngx_array_t *model, ngx_array_t **sets);


#endif /* _NGX_HTTP_LLM_PARAMS_H_INCLUDED_ */
