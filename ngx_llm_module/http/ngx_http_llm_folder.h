
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the workers' user may do with a folder.
 */


#ifndef _NGX_HTTP_LLM_FOLDER_H_INCLUDED_
#define _NGX_HTTP_LLM_FOLDER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Looks at the folder of a file that root opens and workers open again.
 * Where this process is root and the workers are not, it must be one that
 * they can pass and not change; nor may it be changed above.  The file must
 * be a regular one, if it is there.  NGX_OK; NGX_ERROR: EMERG is logged.
 * Modes are what counts: access lists are not looked at.
 */
ngx_int_t ngx_http_llm_folder_check(ngx_cycle_t *cycle, ngx_log_t *log,
    char *what, ngx_str_t *path);


#endif /* _NGX_HTTP_LLM_FOLDER_H_INCLUDED_ */
