
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Which processes live.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_llm_process.h"


#define NGX_HTTP_LLM_STAT         1024  /* enough for the fields wanted */
#define NGX_HTTP_LLM_STAT_STATE   3     /* fields as in proc(5) */
#define NGX_HTTP_LLM_STAT_START   22


#if (NGX_LINUX)

static int64_t ngx_http_llm_process_parse(u_char *p, u_char *last);


int64_t
ngx_http_llm_process_start(ngx_pid_t pid)
{
    ssize_t   n;
    ngx_fd_t  fd;
    u_char    name[sizeof("/proc//stat") + NGX_INT64_LEN];
    u_char    buf[NGX_HTTP_LLM_STAT];

    if (pid <= 0) {
        return -1;
    }

    ngx_sprintf(name, "/proc/%P/stat%Z", pid);

    fd = ngx_open_file(name, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {

        /* without /proc there is no telling: nobody is taken for dead */

        if (ngx_errno != NGX_ENOENT) {
            return 0;
        }

        return (kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH) ? -1 : 0;
    }

    n = ngx_read_fd(fd, buf, NGX_HTTP_LLM_STAT);

    (void) ngx_close_file(fd);

    if (n <= 0) {

        /* it died in between */

        return -1;
    }

    return ngx_http_llm_process_parse(buf, buf + n);
}


/* "pid (any name) state ppid ...": the name ends at the last parenthesis */

static int64_t
ngx_http_llm_process_parse(u_char *p, u_char *last)
{
    u_char      *q, state;
    int64_t      start;
    ngx_uint_t   field;

    for (q = last; q > p && q[-1] != ')'; q--) { /* void */ }

    if (last - q < 2) {
        return -1;
    }

    p = q + 1;
    state = *p;

    if (state == 'Z' || state == 'X' || state == 'x') {
        return -1;
    }

    for (field = NGX_HTTP_LLM_STAT_STATE;
         p < last && field < NGX_HTTP_LLM_STAT_START;
         p++)
    {
        if (*p == ' ') {
            field++;
        }
    }

    start = 0;

    for ( /* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {
        start = start * 10 + (*p - '0');
    }

    return start;
}

#else


int64_t
ngx_http_llm_process_start(ngx_pid_t pid)
{
    return (kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH) ? -1 : 0;
}

#endif
