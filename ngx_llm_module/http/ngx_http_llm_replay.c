
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A new zone is filled: from the last snapshot, then from the usage log as
 * far as the snapshot does not have it.
 *
 * This runs in the master, perhaps as root, before anything is served.  It
 * reads only: others may be writing (a binary that is being replaced).
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_runtime.h"
#include "ngx_http_llm_state.h"


typedef struct {
    ngx_http_llm_usage_log_t     *log;
    ngx_http_llm_log_shared_t    *sh;
    ngx_pool_t                   *pool;
    ngx_http_llm_state_head_t     head;
    ngx_http_llm_count_t          count;
    ngx_http_llm_tail_t           tail;
    ngx_uint_t                    inode;        /* of the log itself */
    off_t                         offset;       /* what was read last: whole
                                                   lines end there */
    uint64_t                      bytes;
    uint64_t                      torn;
    unsigned                      unfinished:1;
    u_char                        buf[NGX_HTTP_LLM_TAIL_SIZE];
} ngx_http_llm_replay_t;


static ngx_int_t ngx_http_llm_replay_files(ngx_http_llm_replay_t *rp);
static ngx_int_t ngx_http_llm_replay_used(ngx_http_llm_replay_t *rp,
    ngx_http_llm_state_file_t *file, ngx_fd_t current);
static ngx_int_t ngx_http_llm_replay_rotated(ngx_http_llm_replay_t *rp);
static ngx_int_t ngx_http_llm_replay_file(ngx_http_llm_replay_t *rp,
    ngx_fd_t fd, ngx_uint_t inode, off_t from);
static ngx_int_t ngx_http_llm_replay_current(ngx_http_llm_replay_t *rp,
    ngx_fd_t fd);
static ngx_http_llm_state_file_t *ngx_http_llm_replay_known(
    ngx_http_llm_replay_t *rp, ngx_fd_t fd, ngx_uint_t inode);
static ngx_uint_t ngx_http_llm_replay_is(ngx_http_llm_state_file_t *file,
    ngx_fd_t fd, ngx_uint_t inode);


ngx_int_t
ngx_http_llm_replay(ngx_shm_zone_t *shm_zone, ngx_http_llm_zone_t *zone)
{
    ngx_int_t                  rc;
    ngx_pool_t                *pool;
    ngx_msec_t                 start;
    ngx_http_llm_replay_t     *rp;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = zone->lmcf;

    if (ngx_test_config || lmcf->state == NULL) {
        return NGX_OK;
    }

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, shm_zone->shm.log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rp = ngx_pcalloc(pool, sizeof(ngx_http_llm_replay_t));
    if (rp == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    ngx_time_update();
    start = ngx_current_msec;

    rp->log = lmcf->usage_log;
    rp->sh = zone->sh->log;
    rp->pool = pool;
    rp->count.lmcf = lmcf;
    rp->count.ledger = ngx_http_llm_zone_ledger(lmcf);
    rp->count.boot = ngx_llm_ledger_boot(rp->count.ledger);

    rc = ngx_http_llm_state_load(lmcf->state, rp->count.ledger, pool,
                                 &rp->head, &rp->count.loader);

    if (rc == NGX_DECLINED) {
        rp->head.nfiles = 0;
        rp->head.date = 0;
        rp->count.loader = NULL;
    }

    /* lines are counted to the limits of keys made at run time, too */

    if (rc != NGX_ERROR) {
        rc = ngx_http_llm_runtime_load(lmcf, shm_zone->shm.log);
    }

    if (rc == NGX_OK) {
        ngx_http_llm_runtime_update(lmcf);

        rc = ngx_http_llm_replay_files(rp);
    }

    if (rc == NGX_OK) {
        ngx_time_update();

        ngx_log_error(NGX_LOG_NOTICE, shm_zone->shm.log, 0,
                      "llm_zone \"%V\": %s, %uL lines of the usage log "
                      "counted, %uL bytes read, %uL torn pieces, %M ms",
                      &shm_zone->shm.name,
                      rp->count.loader ? "a snapshot" : "no snapshot",
                      rp->count.counted, rp->bytes, rp->torn,
                      ngx_current_msec - start);

        rp->sh->torn = (ngx_atomic_uint_t) rp->torn;
    }

    ngx_destroy_pool(pool);

    return rc;
}


/* rotated files first: a writer's lines are counted in their order */

static ngx_int_t
ngx_http_llm_replay_files(ngx_http_llm_replay_t *rp)
{
    ngx_fd_t    fd;
    ngx_int_t   rc;
    ngx_uint_t  i;

    if (rp->log == NULL) {
        return NGX_OK;
    }

    fd = ngx_http_llm_tail_open(rp->log->file->name.data, &rp->inode);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, rp->pool->log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed",
                      &rp->log->file->name);
        return NGX_ERROR;
    }

    rc = NGX_OK;

    for (i = 0; i < rp->head.nfiles && rc == NGX_OK; i++) {
        rc = ngx_http_llm_replay_used(rp, &rp->head.file[i], fd);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_llm_replay_rotated(rp);
    }

    if (rc != NGX_OK) {
        (void) ngx_close_file(fd);
        return rc;
    }

    return ngx_http_llm_replay_current(rp, fd);
}


/* a file that was in use at the snapshot, unless it still is: current */

static ngx_int_t
ngx_http_llm_replay_used(ngx_http_llm_replay_t *rp,
    ngx_http_llm_state_file_t *file, ngx_fd_t current)
{
    ngx_fd_t  fd;

    if (ngx_http_llm_replay_is(file, current, rp->inode)) {
        return NGX_OK;
    }

    fd = ngx_http_llm_tail_find(&rp->log->file->name,
                                (ngx_uint_t) file->inode, rp->pool);

    if (fd != NGX_INVALID_FILE
        && ngx_http_llm_replay_is(file, fd, (ngx_uint_t) file->inode))
    {
        return ngx_http_llm_replay_file(rp, fd, (ngx_uint_t) file->inode,
                                        (off_t) file->from);
    }

    if (fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(fd);
    }

    ngx_log_error(NGX_LOG_WARN, rp->pool->log, 0,
                  "a file of usage log \"%V\" that was in use at the last "
                  "snapshot is gone: what was written to it later is not "
                  "counted", &rp->log->file->name);

    return NGX_OK;
}


/* the last rotated file, if the snapshot is older than it or there is none */

static ngx_int_t
ngx_http_llm_replay_rotated(ngx_http_llm_replay_t *rp)
{
    u_char           *name;
    ngx_fd_t          fd;
    ngx_str_t        *path;
    ngx_uint_t        inode;
    ngx_file_info_t   st;

    path = &rp->log->file->name;

    name = ngx_pnalloc(rp->pool, path->len + sizeof(".1"));
    if (name == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(name, "%V.1%Z", path);

    fd = ngx_http_llm_tail_open(name, &inode);

    if (fd == NGX_INVALID_FILE) {
        return NGX_OK;
    }

    if (inode == rp->inode
        || ngx_http_llm_replay_known(rp, fd, inode)
        || ngx_fd_info(fd, &st) == NGX_FILE_ERROR
        || ngx_file_mtime(&st) < rp->head.date)
    {
        (void) ngx_close_file(fd);
        return NGX_OK;
    }

    return ngx_http_llm_replay_file(rp, fd, inode, 0);
}


static ngx_int_t
ngx_http_llm_replay_current(ngx_http_llm_replay_t *rp, ngx_fd_t fd)
{
    ngx_http_llm_state_file_t  *file;

    file = ngx_http_llm_replay_known(rp, fd, rp->inode);

    if (ngx_http_llm_replay_file(rp, fd, rp->inode,
                                 file ? (off_t) file->from : 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the helper goes on from here; the last line may lack its end */

    rp->sh->inode = (ngx_atomic_uint_t) rp->inode;
    rp->sh->offset = (ngx_atomic_uint_t) rp->offset;
    rp->sh->newline = rp->unfinished;

    return NGX_OK;
}


/* takes the file, and closes it */

static ngx_int_t
ngx_http_llm_replay_file(ngx_http_llm_replay_t *rp, ngx_fd_t fd,
    ngx_uint_t inode, off_t from)
{
    ngx_int_t  rc;

    ngx_http_llm_tail_init(&rp->tail, fd, inode, from, &rp->count);

    rc = ngx_http_llm_tail_read(&rp->tail, rp->buf);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, rp->pool->log, ngx_errno,
                      ngx_read_file_n " usage log \"%V\" failed",
                      &rp->log->file->name);
    }

    rp->offset = ngx_http_llm_tail_offset(&rp->tail);
    rp->unfinished = (rp->tail.reader.len || rp->tail.reader.skip);

    /* it may lack the newline alone */

    if (rc == NGX_OK) {
        rc = ngx_llm_usage_reader_end(&rp->tail.reader);
    }

    rp->bytes += rp->tail.reader.bytes;
    rp->torn += rp->tail.reader.torn;

    (void) ngx_close_file(fd);

    return rc;
}


static ngx_http_llm_state_file_t *
ngx_http_llm_replay_known(ngx_http_llm_replay_t *rp, ngx_fd_t fd,
    ngx_uint_t inode)
{
    ngx_uint_t  i;

    for (i = 0; i < rp->head.nfiles; i++) {
        if (ngx_http_llm_replay_is(&rp->head.file[i], fd, inode)) {
            return &rp->head.file[i];
        }
    }

    return NULL;
}


/*
 * The same file, and not one that came later, or was emptied in its place.
 * Whoever has the workers' rights can write anything into a snapshot.
 */

static ngx_uint_t
ngx_http_llm_replay_is(ngx_http_llm_state_file_t *file, ngx_fd_t fd,
    ngx_uint_t inode)
{
    ngx_file_info_t  st;

    return file->inode == inode
           && file->from >= 0
           && ngx_fd_info(fd, &st) != NGX_FILE_ERROR
           && ngx_file_size(&st) >= (off_t) file->from
           && ngx_http_llm_tail_print(fd, (off_t) file->from) == file->print;
}
