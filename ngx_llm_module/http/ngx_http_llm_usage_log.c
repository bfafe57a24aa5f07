
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The usage log: one line of JSON a request, appended by each worker.
 *
 * Each line is one write() to a file opened with O_APPEND, so lines of
 * several processes do not mix.  A write may be cut short all the same, by a
 * full disk: then the next line, of whichever process, begins with a newline.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_folder.h"
#include "ngx_http_llm_process.h"
#include "ngx_http_llm_usage_log.h"


#define NGX_HTTP_LLM_LOG_SYNC      1000     /* ms */
#define NGX_HTTP_LLM_LOG_COMPLAIN  60       /* seconds between complaints */


static char *ngx_http_llm_usage_log_option(ngx_conf_t *cf,
    ngx_http_llm_usage_log_t *log, ngx_str_t *value);
static void ngx_http_llm_usage_log_flush(ngx_open_file_t *file,
    ngx_log_t *log);
static void ngx_http_llm_usage_log_reopened(ngx_event_t *ev);
static void ngx_http_llm_usage_log_report(ngx_http_llm_usage_log_t *log);
static ngx_http_llm_log_shared_t *ngx_http_llm_usage_log_shared(void);
static ngx_http_llm_log_writer_t *ngx_http_llm_usage_log_writer(
    ngx_http_llm_log_shared_t *sh);
static ngx_int_t ngx_http_llm_usage_log_put(ngx_http_llm_usage_log_t *log,
    ngx_http_llm_log_shared_t *sh, u_char *p, size_t len);
static void ngx_http_llm_usage_log_failed(ngx_http_llm_usage_log_t *log,
    ngx_http_llm_log_shared_t *sh, ssize_t n, ngx_err_t err);
static ngx_uint_t ngx_http_llm_usage_log_complains(
    ngx_http_llm_log_shared_t *sh);


char *
ngx_http_llm_usage_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_llm_usage_log_t  *log;

    if (lmcf->usage_log) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0
        || ngx_strncmp(value[1].data, "syslog:", 7) == 0
        || ngx_strncmp(value[1].data, "memory:", 7) == 0
        || ngx_strcmp(value[1].data, "stderr") == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it must be the path of a "
                           "file", &value[1]);
        return NGX_CONF_ERROR;
    }

    log = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_usage_log_t));
    if (log == NULL) {
        return NGX_CONF_ERROR;
    }

    log->sync = NGX_HTTP_LLM_LOG_SYNC;
    log->conf_file = cf->conf_file->file.name.data;
    log->line = cf->conf_file->line;
    log->cycle = cf->cycle;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_llm_usage_log_option(cf, log, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    log->file = ngx_conf_open_file(cf->cycle, &value[1]);
    if (log->file == NULL) {
        return NGX_CONF_ERROR;
    }

    if (log->file->flush || log->file->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "file \"%V\" is already in use", &value[1]);
        return NGX_CONF_ERROR;
    }

    log->file->flush = ngx_http_llm_usage_log_flush;
    log->file->data = log;

    lmcf->usage_log = log;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_usage_log_option(ngx_conf_t *cf, ngx_http_llm_usage_log_t *log,
    ngx_str_t *value)
{
    ngx_int_t  time;
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "sync=", 5) == 0) {

        s.data = value->data + 5;
        s.len = value->len - 5;

        time = ngx_parse_time(&s, 0);

        if (time == NGX_ERROR || time == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\", it must be a time "
                               "above 0", value);
            return NGX_CONF_ERROR;
        }

        log->sync = (ngx_msec_t) time;

        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "on_error=serve") == 0) {
        log->refuse = 0;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "on_error=refuse") == 0) {
        log->refuse = 1;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\", it must be \"sync=\", "
                       "\"on_error=serve\" or \"on_error=refuse\"", value);
    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_llm_usage_log_init(ngx_conf_t *cf)
{
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (lmcf->usage_log == NULL) {
        return NGX_OK;
    }

    return ngx_http_llm_folder_check(cf->cycle, cf->log, "llm_usage_log",
                                     &lmcf->usage_log->file->name);
}


ngx_int_t
ngx_http_llm_usage_log_zone(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *zone)
{
    ngx_http_llm_usage_log_t  *log;

    if (zone->sh->log == NULL) {
        zone->sh->log = ngx_slab_calloc(zone->shpool,
                                        sizeof(ngx_http_llm_log_shared_t));
        if (zone->sh->log == NULL) {
            return NGX_ERROR;
        }
    }

    log = zone->lmcf->usage_log;

    if ((log || zone->lmcf->state) && zone->sh->ledger == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zone \"%V\" is too small for llm_usage_log and "
                      "llm_state, it must have at least 6m",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    if (log == NULL) {
        return NGX_OK;
    }

    /* once more: now "user" is known, wherever it stood */

    return ngx_http_llm_folder_check(log->cycle, shm_zone->shm.log,
                                     "llm_usage_log", &log->file->name);
}


ngx_int_t
ngx_http_llm_usage_log_init_process(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *lmcf)
{
    ngx_http_llm_usage_log_t  *log;

    log = lmcf->usage_log;

    if (log == NULL) {
        return NGX_OK;
    }

#ifdef SIGXFSZ

    /* a limit on the size of files is an error of write(), not an end */

    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "signal(SIGXFSZ) failed");
    }

#endif

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    log->reopened.handler = ngx_http_llm_usage_log_reopened;
    log->reopened.data = log;
    log->reopened.log = cycle->log;

    ngx_http_llm_usage_log_report(log);

    return NGX_OK;
}


/* called before the file is reopened: what follows runs after that */

static void
ngx_http_llm_usage_log_flush(ngx_open_file_t *file, ngx_log_t *log)
{
    ngx_http_llm_usage_log_t *ulog = file->data;

    if (ulog->reopened.handler) {
        ngx_post_event(&ulog->reopened, &ngx_posted_next_events);
    }
}


static void
ngx_http_llm_usage_log_reopened(ngx_event_t *ev)
{
    ngx_http_llm_usage_log_report(ev->data);
}


/* tells the helper which file this process writes to */

static void
ngx_http_llm_usage_log_report(ngx_http_llm_usage_log_t *log)
{
    ngx_file_info_t             st;
    ngx_http_llm_log_shared_t  *sh;
    ngx_http_llm_log_writer_t  *writer;

    sh = ngx_http_llm_usage_log_shared();

    if (sh == NULL) {
        return;
    }

    if (ngx_fd_info(log->file->fd, &st) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      ngx_fd_info_n " \"%V\" failed", &log->file->name);
        return;
    }

    writer = ngx_http_llm_usage_log_writer(sh);

    if (writer) {
        writer->inode = (ngx_atomic_uint_t) ngx_file_uniq(&st);
    }
}


static ngx_http_llm_log_shared_t *
ngx_http_llm_usage_log_shared(void)
{
    ngx_http_llm_zone_t  *zone;

    zone = ngx_http_llm_zone_get();

    return zone ? zone->sh->log : NULL;
}


/* this process's place; there are as many as the ledger has */

static ngx_http_llm_log_writer_t *
ngx_http_llm_usage_log_writer(ngx_http_llm_log_shared_t *sh)
{
    ngx_uint_t                  i;
    ngx_atomic_uint_t           pid;
    ngx_http_llm_log_writer_t  *writer;

    writer = sh->writer;

    for (i = 0; i < NGX_LLM_LEDGER_OWNERS; i++) {
        if (writer[i].pid == (ngx_atomic_uint_t) ngx_pid) {
            return &writer[i];
        }
    }

    for (i = 0; i < NGX_LLM_LEDGER_OWNERS; i++) {
        pid = writer[i].pid;

        if (pid && ngx_http_llm_process_start((ngx_pid_t) pid) != -1) {
            continue;
        }

        if (ngx_atomic_cmp_set(&writer[i].pid, pid,
                               (ngx_atomic_uint_t) ngx_pid))
        {
            return &writer[i];
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_llm_usage_log_used(ngx_http_llm_log_shared_t *sh, ngx_uint_t inode)
{
    ngx_uint_t          i;
    ngx_atomic_uint_t   pid;

    for (i = 0; i < NGX_LLM_LEDGER_OWNERS; i++) {
        pid = sh->writer[i].pid;

        if (pid == 0 || sh->writer[i].inode != inode) {
            continue;
        }

        if (ngx_http_llm_process_start((ngx_pid_t) pid) != -1) {
            return 1;
        }

        (void) ngx_atomic_cmp_set(&sh->writer[i].pid, pid, 0);
    }

    return 0;
}


ngx_uint_t
ngx_http_llm_usage_log_enabled(ngx_http_llm_main_conf_t *lmcf)
{
    return lmcf->usage_log != NULL;
}


ngx_int_t
ngx_http_llm_usage_log_write(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *line)
{
    ngx_http_llm_log_shared_t  *sh;
    u_char                      buf[NGX_LLM_LEDGER_LINE + 1];

    sh = ngx_http_llm_usage_log_shared();

    if (sh == NULL || lmcf->usage_log == NULL) {
        return NGX_ERROR;
    }

    if (!sh->newline || line->len > NGX_LLM_LEDGER_LINE) {
        return ngx_http_llm_usage_log_put(lmcf->usage_log, sh, line->data,
                                          line->len);
    }

    buf[0] = LF;
    ngx_memcpy(buf + 1, line->data, line->len);

    return ngx_http_llm_usage_log_put(lmcf->usage_log, sh, buf,
                                      line->len + 1);
}


static ngx_int_t
ngx_http_llm_usage_log_put(ngx_http_llm_usage_log_t *log,
    ngx_http_llm_log_shared_t *sh, u_char *p, size_t len)
{
    ssize_t  n;

    n = ngx_write_fd(log->file->fd, p, len);

    if (n != (ssize_t) len) {
        ngx_http_llm_usage_log_failed(log, sh, n,
                                      (n == -1) ? ngx_errno : 0);

        /* a line that lacks its newline alone can be read */

        return (n != -1 && n + 1 == (ssize_t) len) ? NGX_OK : NGX_ERROR;
    }

    if (*p == LF) {
        sh->newline = 0;
    }

    if (len > 1) {
        (void) ngx_atomic_fetch_add(&sh->lines, 1);
    }

    (void) ngx_atomic_fetch_add(&sh->bytes, len);

    if (sh->failed && ngx_atomic_cmp_set(&sh->failed, 1, 0)) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "usage log \"%V\" can be written again",
                      &log->file->name);
    }

    return NGX_OK;
}


static void
ngx_http_llm_usage_log_failed(ngx_http_llm_usage_log_t *log,
    ngx_http_llm_log_shared_t *sh, ssize_t n, ngx_err_t err)
{
    if (n > 0) {
        sh->newline = 1;
    }

    sh->failed = 1;

    (void) ngx_atomic_fetch_add(&sh->errors, 1);

    if (!ngx_http_llm_usage_log_complains(sh)) {
        return;
    }

    if (n == -1) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, err,
                      "usage log \"%V\": " ngx_write_fd_n " failed, "
                      "%uA lines were not written",
                      &log->file->name, sh->errors);
        return;
    }

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                  "usage log \"%V\": a line was written in part only, "
                  "%uA lines were not written", &log->file->name, sh->errors);
}


/* once a minute, for all processes */

static ngx_uint_t
ngx_http_llm_usage_log_complains(ngx_http_llm_log_shared_t *sh)
{
    ngx_atomic_uint_t  now, last;

    now = (ngx_atomic_uint_t) ngx_time();
    last = sh->logged;

    return now - last >= NGX_HTTP_LLM_LOG_COMPLAIN
           && ngx_atomic_cmp_set(&sh->logged, last, now);
}


ngx_int_t
ngx_http_llm_usage_log_lost(ngx_http_llm_main_conf_t *lmcf)
{
    ngx_http_llm_log_shared_t  *sh;

    sh = ngx_http_llm_usage_log_shared();

    if (sh == NULL || lmcf->usage_log->refuse) {
        return NGX_DECLINED;
    }

    (void) ngx_atomic_fetch_add(&sh->errors, 1);

    if (ngx_http_llm_usage_log_complains(sh)) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "usage log \"%V\": too many processes use the llm zone, "
                      "%uA lines were not written",
                      &lmcf->usage_log->file->name, sh->errors);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_llm_usage_log_refuses(ngx_http_llm_main_conf_t *lmcf)
{
    u_char                      lf;
    ngx_atomic_uint_t           now, next;
    ngx_http_llm_log_shared_t  *sh;

    if (lmcf->usage_log == NULL || !lmcf->usage_log->refuse) {
        return 0;
    }

    sh = ngx_http_llm_usage_log_shared();

    if (sh == NULL || !sh->failed) {
        return 0;
    }

    now = (ngx_atomic_uint_t) ngx_time();
    next = sh->probe;

    if (now >= next && ngx_atomic_cmp_set(&sh->probe, next, now + 1)) {

        /* an empty line does no harm, and ends one that is torn */

        lf = LF;
        (void) ngx_http_llm_usage_log_put(lmcf->usage_log, sh, &lf, 1);
    }

    return sh->failed;
}
