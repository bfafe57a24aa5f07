
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The usage log: one line of JSON a request, appended by each worker.
 */


#ifndef _NGX_HTTP_LLM_USAGE_LOG_H_INCLUDED_
#define _NGX_HTTP_LLM_USAGE_LOG_H_INCLUDED_


#include "ngx_http_llm.h"
#include "ngx_llm_usage_line.h"


typedef struct ngx_http_llm_usage_log_s  ngx_http_llm_usage_log_t;


/* is there a log to write lines for? */
ngx_uint_t ngx_http_llm_usage_log_enabled(ngx_http_llm_main_conf_t *lmcf);

/*
 * Appends a line as ngx_llm_usage_line_write() made it.  Between the two
 * halves of a settlement.  What goes wrong is counted, logged and remembered:
 * the caller goes on.
 */
void ngx_http_llm_usage_log_write(ngx_http_llm_main_conf_t *lmcf,
    ngx_str_t *line);

/*
 * Must new requests be refused (503) because the log cannot be written?
 * Only with on_error=refuse; looks at the file again each second.
 */
ngx_uint_t ngx_http_llm_usage_log_refuses(ngx_http_llm_main_conf_t *lmcf);


#endif /* _NGX_HTTP_LLM_USAGE_LOG_H_INCLUDED_ */
