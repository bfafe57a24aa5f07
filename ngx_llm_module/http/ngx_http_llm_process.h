
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Which processes live.
 */


#ifndef _NGX_HTTP_LLM_PROCESS_H_INCLUDED_
#define _NGX_HTTP_LLM_PROCESS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * When a process began: a number that another one with the same pid will not
 * have (Linux: ticks since boot, field 22 of /proc/PID/stat; elsewhere 0).
 * -1: there is no such process, or it is dead and not yet reaped.
 */
int64_t ngx_http_llm_process_start(ngx_pid_t pid);


#endif /* _NGX_HTTP_LLM_PROCESS_H_INCLUDED_ */
