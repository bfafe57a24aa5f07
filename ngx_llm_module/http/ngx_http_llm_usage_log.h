
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

struct ngx_http_llm_usage_log_s {
    ngx_open_file_t              *file;
    ngx_cycle_t                  *cycle;        /* of the configuration */
    ngx_msec_t                    sync;
    ngx_event_t                   reopened;     /* of this process */
    u_char                       *conf_file;
    ngx_uint_t                    line;
    unsigned                      refuse:1;     /* on_error=refuse */
};


/* which file a process writes to */

typedef struct {
    ngx_atomic_t                  pid;          /* 0: free */
    ngx_atomic_t                  inode;
} ngx_http_llm_log_writer_t;


/* in the zone */

typedef struct ngx_http_llm_log_shared_s  ngx_http_llm_log_shared_t;

struct ngx_http_llm_log_shared_s {
    ngx_atomic_t                  lines;        /* written since the start */
    ngx_atomic_t                  bytes;
    ngx_atomic_t                  errors;       /* writes that failed */
    ngx_atomic_t                  sync_errors;
    ngx_atomic_t                  snapshot_errors;
    ngx_atomic_t                  snapshot;     /* when the last was taken */
    ngx_atomic_t                  wanted;       /* one at once */
    ngx_atomic_t                  begun;        /* so many were begun, ... */
    ngx_atomic_t                  kept;         /* ... this one is on disk */
    ngx_atomic_t                  torn;         /* pieces met when reading */

    ngx_atomic_t                  failed;       /* the last write did */
    ngx_atomic_t                  newline;      /* a line may be unfinished */
    ngx_atomic_t                  probe;        /* next look, seconds */
    ngx_atomic_t                  logged;       /* last complaint, seconds */

    /* up to where lines of other boots are counted: the helper's */
    ngx_atomic_t                  inode;
    ngx_atomic_t                  offset;

    ngx_http_llm_log_writer_t     writer[NGX_LLM_LEDGER_OWNERS];
};


char *ngx_http_llm_usage_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* the folder and the file, before the file is opened */
ngx_int_t ngx_http_llm_usage_log_init(ngx_conf_t *cf);

/* the same when all is known; room in a new zone.  From the zone's init */
ngx_int_t ngx_http_llm_usage_log_zone(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *zone);

/* this process writes: worker or single */
ngx_int_t ngx_http_llm_usage_log_init_process(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *lmcf);

/* is there a log to write lines for? */
ngx_uint_t ngx_http_llm_usage_log_enabled(ngx_http_llm_main_conf_t *lmcf);

/*
 * Appends a line as ngx_llm_usage_line_write() made it.  Between the two
 * halves of a settlement.  NGX_OK: a replay will find it.  NGX_ERROR: it will
 * not; this is counted, logged and remembered.
 */
ngx_int_t ngx_http_llm_usage_log_write(ngx_http_llm_main_conf_t *lmcf,
    ngx_str_t *line);

/*
 * Must new requests be refused (503) because the log cannot be written?
 * Only with on_error=refuse; looks at the file again each second.
 */
ngx_uint_t ngx_http_llm_usage_log_refuses(ngx_http_llm_main_conf_t *lmcf);

/*
 * A line that cannot even be written: counted, logged as one that failed.
 * NGX_DECLINED: its request must be refused (on_error=refuse).
 */
ngx_int_t ngx_http_llm_usage_log_lost(ngx_http_llm_main_conf_t *lmcf);

/* does a process that lives still write to that file? */
ngx_uint_t ngx_http_llm_usage_log_used(ngx_http_llm_log_shared_t *sh,
    ngx_uint_t inode);


#endif /* _NGX_HTTP_LLM_USAGE_LOG_H_INCLUDED_ */
