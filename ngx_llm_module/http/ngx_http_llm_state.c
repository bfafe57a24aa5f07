
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The folder of the state: snapshots of the ledger and a lock.  It belongs to
 * the workers' user, so root follows no link there, waits for nothing, and
 * never writes.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_state.h"

#include <sys/file.h>


#define NGX_HTTP_LLM_STATE_MAGIC     0x65746174736d6c6cLL
#define NGX_HTTP_LLM_STATE_VERSION   1
#define NGX_HTTP_LLM_STATE_INTERVAL  60000


typedef struct {
    ngx_fd_t              fd;
    size_t                len;
    u_char               *buf;
} ngx_http_llm_state_out_t;


static ngx_int_t ngx_http_llm_state_set(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf, ngx_path_t *path);
static ngx_int_t ngx_http_llm_state_name(ngx_pool_t *pool, ngx_str_t *folder,
    char *name, ngx_str_t *file);
static void ngx_http_llm_state_log(ngx_http_llm_state_t *state,
    ngx_str_t *path);
static ngx_int_t ngx_http_llm_state_owner(ngx_http_llm_state_t *state,
    ngx_fd_t fd);
static ngx_int_t ngx_http_llm_state_write(ngx_http_llm_state_t *state,
    ngx_fd_t fd, ngx_llm_ledger_t *ledger, ngx_http_llm_tail_t **tails,
    ngx_uint_t n);
static ngx_int_t ngx_http_llm_state_put(void *data, u_char *p, size_t len);
static ngx_int_t ngx_http_llm_state_flush(ngx_http_llm_state_out_t *out);
static ngx_int_t ngx_http_llm_state_sync(ngx_str_t *folder);
static void ngx_http_llm_state_crc(ngx_http_llm_state_head_t *head,
    uint64_t *crc);
static ngx_int_t ngx_http_llm_state_read(ngx_http_llm_state_t *state,
    ngx_fd_t fd, ngx_llm_ledger_t *ledger, ngx_pool_t *pool,
    ngx_http_llm_state_head_t *head, ngx_llm_loader_t **loader);


char *
ngx_http_llm_state(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    char           *rv;
    ngx_int_t       time;
    ngx_str_t      *value, s;
    ngx_path_t     *path;
    ngx_command_t   set;

    if (lmcf->state) {
        return "is duplicate";
    }

    value = cf->args->elts;
    time = NGX_HTTP_LLM_STATE_INTERVAL;

    if (cf->args->nelts == 3) {

        if (ngx_strncmp(value[2].data, "snapshot=", 9) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", it must be "
                               "\"snapshot=\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        s.data = value[2].data + 9;
        s.len = value[2].len - 9;

        time = ngx_parse_time(&s, 0);

        if (time == NGX_ERROR || time == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\", it must be a time "
                               "above 0", &value[2]);
            return NGX_CONF_ERROR;
        }

        cf->args->nelts--;
    }

    /* nginx makes the folder, for the workers' user */

    path = NULL;

    ngx_memzero(&set, sizeof(ngx_command_t));

    set.name = cmd->name;

    rv = ngx_conf_set_path_slot(cf, &set, &path);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_http_llm_state_set(cf, lmcf, path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    lmcf->state->interval = (ngx_msec_t) time;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_llm_state_init(ngx_conf_t *cf)
{
    ngx_path_t                *path;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (lmcf->state || (lmcf->usage_log == NULL && lmcf->nwriters == 0)) {
        return NGX_OK;
    }

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&path->name, NGX_HTTP_LLM_STATE_PATH);

    if (lmcf->usage_log) {
        path->conf_file = lmcf->usage_log->conf_file;
        path->line = lmcf->usage_log->line;

    } else {
        path->conf_file = lmcf->file;
        path->line = lmcf->line;
    }

    if (ngx_add_path(cf, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_state_set(cf, lmcf, path);
}


static ngx_int_t
ngx_http_llm_state_set(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf,
    ngx_path_t *path)
{
    ngx_http_llm_state_t  *state;

    if (path->manager) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "folder \"%V\" of llm_state is already in use",
                           &path->name);
        return NGX_ERROR;
    }

    state = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_state_t));
    if (state == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_state_name(cf->pool, &path->name, "snapshot",
                                &state->snapshot)
        != NGX_OK
        || ngx_http_llm_state_name(cf->pool, &path->name, "snapshot.tmp",
                                   &state->temp)
        != NGX_OK
        || ngx_http_llm_state_name(cf->pool, &path->name, "lock",
                                   &state->lock)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    state->path = path;
    state->interval = NGX_HTTP_LLM_STATE_INTERVAL;
    state->lmcf = lmcf;

    path->manager = ngx_http_llm_helper;
    path->data = state;

    lmcf->state = state;

    return NGX_OK;
}


/* one that has begun may have copied the counter before it changed */

ngx_uint_t
ngx_http_llm_state_wanted(ngx_http_llm_main_conf_t *lmcf)
{
    ngx_http_llm_zone_t  *zone;

    if (lmcf->state == NULL || lmcf->zone == NULL) {
        return 0;
    }

    zone = lmcf->zone->data;
    zone->sh->log->wanted = 1;

    return zone->sh->log->begun + 1;
}


ngx_uint_t
ngx_http_llm_state_kept(ngx_http_llm_main_conf_t *lmcf, ngx_uint_t wanted)
{
    ngx_http_llm_zone_t        *zone;
    ngx_http_llm_log_shared_t  *sh;

    zone = lmcf->zone->data;
    sh = zone->sh->log;

    if (sh->kept >= wanted) {
        return 1;
    }

    sh->wanted = 1;

    return 0;
}


static ngx_int_t
ngx_http_llm_state_name(ngx_pool_t *pool, ngx_str_t *folder, char *name,
    ngx_str_t *file)
{
    file->len = folder->len + 1 + ngx_strlen(name);

    file->data = ngx_pnalloc(pool, file->len + 1);
    if (file->data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(file->data, "%V/%s%Z", folder, name);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_state_lock(ngx_http_llm_state_t *state, ngx_fd_t *fd)
{
    ngx_int_t  rc;
    ngx_err_t  err;
    ngx_str_t  path;

    *fd = open((char *) state->lock.data,
               O_RDWR|O_CREAT|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (*fd == NGX_INVALID_FILE) {
        return NGX_ERROR;
    }

    if (flock(*fd, LOCK_EX|LOCK_NB) == 0) {

        ngx_http_llm_state_log(state, &path);

        /* whoever does not get it reads whose it is */

        if (ftruncate(*fd, 0) == 0
            && pwrite(*fd, path.data, path.len, 0) == (ssize_t) path.len)
        {
            return NGX_OK;
        }

        rc = NGX_ERROR;
        err = ngx_errno;

    } else {
        err = ngx_errno;

        rc = (err == NGX_EAGAIN) ? ngx_http_llm_state_owner(state, *fd)
                                 : NGX_ERROR;
    }

    (void) ngx_close_file(*fd);

    *fd = NGX_INVALID_FILE;

    ngx_set_errno(err);

    return rc;
}


static void
ngx_http_llm_state_log(ngx_http_llm_state_t *state, ngx_str_t *path)
{
    if (state->lmcf->usage_log) {
        *path = state->lmcf->usage_log->file->name;

    } else {
        ngx_str_set(path, "none");
    }
}


/* is it of a master with the same log? it may be about to write that */

static ngx_int_t
ngx_http_llm_state_owner(ngx_http_llm_state_t *state, ngx_fd_t fd)
{
    ssize_t    n;
    ngx_str_t  path;
    u_char     buf[NGX_MAX_PATH];

    ngx_http_llm_state_log(state, &path);

    n = pread(fd, buf, NGX_MAX_PATH, 0);

    if (n <= 0
        || ((size_t) n == path.len && ngx_memcmp(buf, path.data, n) == 0))
    {
        return NGX_BUSY;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_llm_state_save(ngx_http_llm_state_t *state, ngx_llm_ledger_t *ledger,
    ngx_http_llm_tail_t **tails, ngx_uint_t n)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;

    (void) ngx_delete_file(state->temp.data);

    fd = open((char *) state->temp.data,
              O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed", &state->temp);
        return NGX_ERROR;
    }

    rc = ngx_http_llm_state_write(state, fd, ledger, tails, n);

    if (rc == NGX_OK && fsync(fd) == -1) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_errno,
                      "fsync() \"%V\" failed", &state->temp);
        rc = NGX_ERROR;
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &state->temp);
        rc = NGX_ERROR;
    }

    if (rc != NGX_OK) {
        (void) ngx_delete_file(state->temp.data);
        return NGX_ERROR;
    }

    if (ngx_rename_file(state->temp.data, state->snapshot.data)
        == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_errno,
                      ngx_rename_file_n " \"%V\" to \"%V\" failed",
                      &state->temp, &state->snapshot);
        return NGX_ERROR;
    }

    return ngx_http_llm_state_sync(&state->path->name);
}


static ngx_int_t
ngx_http_llm_state_write(ngx_http_llm_state_t *state, ngx_fd_t fd,
    ngx_llm_ledger_t *ledger, ngx_http_llm_tail_t **tails, ngx_uint_t n)
{
    ngx_int_t                  rc;
    ngx_str_t                  path;
    ngx_uint_t                 i;
    ngx_http_llm_state_out_t   out;
    ngx_http_llm_state_head_t  head;

    ngx_memzero(&head, sizeof(ngx_http_llm_state_head_t));

    head.magic = NGX_HTTP_LLM_STATE_MAGIC;
    head.version = NGX_HTTP_LLM_STATE_VERSION;
    head.date = ngx_time();
    head.nfiles = n;

    ngx_http_llm_state_log(state, &path);
    head.log = ngx_crc32_long(path.data, path.len);

    for (i = 0; i < n; i++) {
        head.file[i].inode = tails[i]->inode;
        head.file[i].from = tails[i]->mark;
        head.file[i].print = ngx_http_llm_tail_print(tails[i]->fd,
                                                     tails[i]->mark);
    }

    ngx_http_llm_state_crc(&head, &head.crc);

    out.fd = fd;
    out.len = 0;
    out.buf = ngx_alloc(NGX_HTTP_LLM_TAIL_SIZE, ngx_cycle->log);

    if (out.buf == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_llm_state_put(&out, (u_char *) &head,
                                sizeof(ngx_http_llm_state_head_t));

    if (rc == NGX_OK) {
        rc = ngx_llm_ledger_save(ledger, ngx_http_llm_state_put, &out,
                                 (int64_t) ngx_current_msec, ngx_time());
    }

    if (rc == NGX_OK) {
        rc = ngx_http_llm_state_flush(&out);
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_errno,
                      ngx_write_fd_n " \"%V\" failed", &state->temp);
    }

    ngx_free(out.buf);

    return rc;
}


static ngx_int_t
ngx_http_llm_state_put(void *data, u_char *p, size_t len)
{
    ngx_http_llm_state_out_t *out = data;

    size_t  n;

    while (len) {

        if (out->len == NGX_HTTP_LLM_TAIL_SIZE
            && ngx_http_llm_state_flush(out) != NGX_OK)
        {
            return NGX_ERROR;
        }

        n = ngx_min(len, NGX_HTTP_LLM_TAIL_SIZE - out->len);

        ngx_memcpy(out->buf + out->len, p, n);

        out->len += n;
        p += n;
        len -= n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_state_flush(ngx_http_llm_state_out_t *out)
{
    u_char   *p;
    ssize_t   n;

    for (p = out->buf; out->len; p += n) {

        n = ngx_write_fd(out->fd, p, out->len);

        if (n == -1) {
            return NGX_ERROR;
        }

        out->len -= n;
    }

    return NGX_OK;
}


/* the new name is on the disk, too */

static ngx_int_t
ngx_http_llm_state_sync(ngx_str_t *folder)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;

    fd = open((char *) folder->data, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed", folder);
        return NGX_ERROR;
    }

    rc = NGX_OK;

    if (fsync(fd) == -1) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_errno,
                      "fsync() \"%V\" failed", folder);
        rc = NGX_ERROR;
    }

    (void) ngx_close_file(fd);

    return rc;
}


static void
ngx_http_llm_state_crc(ngx_http_llm_state_head_t *head, uint64_t *crc)
{
    *crc = ngx_crc32_long((u_char *) head,
                          offsetof(ngx_http_llm_state_head_t, crc));
}


/* in the master, perhaps as root */

ngx_int_t
ngx_http_llm_state_load(ngx_http_llm_state_t *state, ngx_llm_ledger_t *ledger,
    ngx_pool_t *pool, ngx_http_llm_state_head_t *head,
    ngx_llm_loader_t **loader)
{
    ngx_fd_t    fd;
    ngx_int_t   rc;
    ngx_uint_t  inode;

    fd = ngx_http_llm_tail_open(state->snapshot.data, &inode);

    if (fd == NGX_INVALID_FILE) {

        if (ngx_errno == NGX_ENOENT) {
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_WARN, pool->log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed, the usage log is read "
                      "without it", &state->snapshot);
        return NGX_DECLINED;
    }

    rc = ngx_http_llm_state_read(state, fd, ledger, pool, head, loader);

    (void) ngx_close_file(fd);

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_WARN, pool->log, 0,
                      "snapshot \"%V\" is of another version, of a gateway "
                      "with another usage log, or damaged, the usage log is "
                      "read without it", &state->snapshot);
    }

    return rc;
}


static ngx_int_t
ngx_http_llm_state_read(ngx_http_llm_state_t *state, ngx_fd_t fd,
    ngx_llm_ledger_t *ledger, ngx_pool_t *pool,
    ngx_http_llm_state_head_t *head, ngx_llm_loader_t **loader)
{
    u_char     *buf;
    ssize_t     n;
    uint64_t    crc;
    ngx_str_t   path;

    n = ngx_read_fd(fd, head, sizeof(ngx_http_llm_state_head_t));

    if (n != sizeof(ngx_http_llm_state_head_t)) {
        return NGX_DECLINED;
    }

    ngx_http_llm_state_crc(head, &crc);

    if (head->magic != NGX_HTTP_LLM_STATE_MAGIC
        || head->version != NGX_HTTP_LLM_STATE_VERSION
        || head->crc != crc
        || head->nfiles > NGX_HTTP_LLM_TAILS)
    {
        return NGX_DECLINED;
    }

    /* another gateway's, or this one's when it had another log */

    ngx_http_llm_state_log(state, &path);

    if (head->log != ngx_crc32_long(path.data, path.len)) {
        return NGX_DECLINED;
    }

    buf = ngx_palloc(pool, NGX_HTTP_LLM_TAIL_SIZE);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    *loader = ngx_llm_ledger_load(ledger, pool, (int64_t) ngx_current_msec,
                                  ngx_time());
    if (*loader == NULL) {
        return NGX_ERROR;
    }

    for ( ;; ) {
        n = ngx_read_fd(fd, buf, NGX_HTTP_LLM_TAIL_SIZE);

        if (n <= 0) {
            break;
        }

        if (ngx_llm_ledger_load_data(*loader, buf, n) != NGX_OK) {
            break;
        }
    }

    return ngx_llm_ledger_load_end(*loader);
}
