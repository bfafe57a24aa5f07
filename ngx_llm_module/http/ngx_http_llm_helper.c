
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What blocks, in a process of its own: nginx's cache manager, which calls the
 * manager of each path.  It syncs the log, counts what other masters' workers
 * write to it, finishes what dead workers left, drops what is past, and takes
 * snapshots.
 *
 * With "master_process off" there is no such process: a timer does the same
 * in the only one, which blocks meanwhile.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_process.h"
#include "ngx_http_llm_runtime.h"
#include "ngx_http_llm_state.h"

#include <grp.h>
#include <sys/wait.h>


#define NGX_HTTP_LLM_HELPER_TURN    1000        /* ms */
#define NGX_HTTP_LLM_HELPER_EXPIRE  10000

/* turns until another gateway in the folder is complained of */
#define NGX_HTTP_LLM_HELPER_TRIES   10

/* how far back the line of a dead process is looked for, at least */
#define NGX_HTTP_LLM_HELPER_TAIL    (64 * 1024 * 1024)

/* sums by day are kept for so long */
#define NGX_HTTP_LLM_HELPER_DAYS    35


struct ngx_http_llm_helper_s {
    ngx_http_llm_main_conf_t     *lmcf;
    ngx_http_llm_log_shared_t    *sh;
    ngx_llm_ledger_t             *ledger;
    ngx_http_llm_count_t          count;

    ngx_fd_t                      lock;         /* who writes snapshots */
    ngx_msec_t                    expired;
    ngx_msec_t                    saved;
    ngx_atomic_uint_t             synced;       /* bytes of the log */
    ngx_uint_t                    ntails;
    ngx_http_llm_tail_t          *tails[NGX_HTTP_LLM_TAILS];
    ngx_uint_t                    declined;     /* turns: see save() */
    ngx_llm_seq_t                *wanted;       /* looked for in the log */
    unsigned                      found:1;
    unsigned                      due:1;        /* a snapshot, at once */
    unsigned                      unreadable:1; /* said so */
    unsigned                      unlockable:1;

    u_char                        buf[NGX_HTTP_LLM_TAIL_SIZE];
};


static ngx_http_llm_helper_t *ngx_http_llm_helper_create(
    ngx_http_llm_state_t *state);
static void ngx_http_llm_helper_begin(ngx_http_llm_helper_t *h);
static void ngx_http_llm_helper_sync(ngx_http_llm_helper_t *h);
static void ngx_http_llm_helper_files(ngx_http_llm_helper_t *h);
static ngx_int_t ngx_http_llm_helper_add(ngx_http_llm_helper_t *h,
    ngx_fd_t fd, ngx_uint_t inode, off_t start);
static void ngx_http_llm_helper_remove(ngx_http_llm_helper_t *h,
    ngx_uint_t i);
static void ngx_http_llm_helper_follow(ngx_http_llm_helper_t *h);
static void ngx_http_llm_helper_unused(ngx_http_llm_helper_t *h);
static void ngx_http_llm_helper_reap(ngx_http_llm_helper_t *h);
static ngx_uint_t ngx_http_llm_helper_alive(void *data, int64_t pid,
    int64_t start);
static void ngx_http_llm_helper_write(void *data, ngx_llm_seq_t *seq,
    ngx_str_t *line);
static ngx_int_t ngx_http_llm_helper_seen(void *data,
    ngx_llm_usage_record_t *rec);
static void ngx_http_llm_helper_expire(ngx_http_llm_helper_t *h);
static void ngx_http_llm_helper_save(ngx_http_llm_helper_t *h,
    ngx_http_llm_state_t *state);
static void ngx_http_llm_helper_timer(ngx_event_t *ev);
static ngx_int_t ngx_http_llm_helper_user(ngx_cycle_t *cycle);


ngx_msec_t
ngx_http_llm_helper(void *data)
{
    ngx_http_llm_state_t *state = data;

    ngx_msec_t              turn;
    ngx_http_llm_helper_t  *h;

    turn = ngx_min(NGX_HTTP_LLM_HELPER_TURN, state->interval);

    if (state->lmcf->usage_log) {
        turn = ngx_min(turn, state->lmcf->usage_log->sync);
    }

    if (state->helper == NULL) {
        state->helper = ngx_http_llm_helper_create(state);

        if (state->helper == NULL) {
            return turn;
        }
    }

    h = state->helper;

    ngx_http_llm_runtime_update(state->lmcf);
    ngx_http_llm_runtime_sync(state->lmcf, ngx_cycle->log);

    ngx_http_llm_helper_files(h);
    ngx_http_llm_helper_sync(h);
    ngx_http_llm_helper_follow(h);
    ngx_http_llm_helper_reap(h);
    ngx_http_llm_helper_expire(h);
    ngx_http_llm_helper_unused(h);
    ngx_http_llm_helper_save(h, state);

    return turn;
}


static ngx_http_llm_helper_t *
ngx_http_llm_helper_create(ngx_http_llm_state_t *state)
{
    ngx_llm_ledger_t       *ledger;
    ngx_http_llm_zone_t    *zone;
    ngx_http_llm_helper_t  *h;

    zone = ngx_http_llm_zone_get();
    ledger = ngx_http_llm_zone_ledger(state->lmcf);

    if (zone == NULL || ledger == NULL) {
        return NULL;
    }

    h = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_http_llm_helper_t));
    if (h == NULL) {
        return NULL;
    }

    h->ledger = ledger;
    h->lmcf = state->lmcf;
    h->sh = zone->sh->log;
    h->lock = NGX_INVALID_FILE;

    h->count.lmcf = state->lmcf;
    h->count.ledger = ledger;
    h->count.boot = ngx_llm_ledger_boot(ledger);

    ngx_http_llm_helper_begin(h);

    return h;
}


/* goes on where the replay, or the helper before, came to */

static void
ngx_http_llm_helper_begin(ngx_http_llm_helper_t *h)
{
    off_t             offset;
    ngx_fd_t          fd;
    ngx_str_t        *path;
    ngx_uint_t        inode;
    ngx_pool_t       *pool;
    ngx_file_info_t   st;

    if (h->lmcf->usage_log == NULL || h->sh->inode == 0) {
        return;
    }

    path = &h->lmcf->usage_log->file->name;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    inode = h->sh->inode;
    offset = (off_t) h->sh->offset;

    fd = ngx_http_llm_tail_find(path, inode, pool);

    if (fd != NGX_INVALID_FILE) {

        if (ngx_fd_info(fd, &st) != NGX_FILE_ERROR
            && ngx_file_size(&st) < offset)
        {
            offset = 0;
        }

        (void) ngx_http_llm_helper_add(h, fd, inode, offset);
    }

    ngx_destroy_pool(pool);
}


/* which file do new lines go to? */

static void
ngx_http_llm_helper_files(ngx_http_llm_helper_t *h)
{
    off_t                      start;
    ngx_fd_t                   fd;
    ngx_uint_t                 i, inode;
    ngx_file_info_t            st;
    ngx_http_llm_usage_log_t  *log;

    log = h->lmcf->usage_log;

    if (log == NULL || ngx_fd_info(log->file->fd, &st) == NGX_FILE_ERROR) {
        return;
    }

    for (i = 0; i < h->ntails; i++) {
        if (h->tails[i]->inode == (ngx_uint_t) ngx_file_uniq(&st)) {
            return;
        }
    }

    fd = ngx_http_llm_tail_open(log->file->name.data, &inode);

    if (fd == NGX_INVALID_FILE) {

        if (!h->unreadable) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_errno,
                          ngx_open_file_n " \"%V\" failed, what other "
                          "masters' workers write to it is not counted",
                          &log->file->name);
            h->unreadable = 1;
        }

        return;
    }

    /* moved away, and not yet reopened here: the next turn will see */

    if (inode != (ngx_uint_t) ngx_file_uniq(&st)) {
        (void) ngx_close_file(fd);
        return;
    }

    /* a log that a reload brought: the zone knows what is in it, or nobody */

    start = (h->ntails || h->sh->inode) ? 0 : ngx_file_size(&st);

    if (ngx_http_llm_helper_add(h, fd, inode, start) == NGX_OK) {
        h->unreadable = 0;
    }
}


static ngx_int_t
ngx_http_llm_helper_add(ngx_http_llm_helper_t *h, ngx_fd_t fd,
    ngx_uint_t inode, off_t start)
{
    ngx_http_llm_tail_t  *tail;

    if (h->ntails == NGX_HTTP_LLM_TAILS) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "usage log was rotated %ui times while processes wrote "
                      "to the same file, it is no longer followed",
                      h->ntails);

        ngx_http_llm_helper_remove(h, 0);
    }

    tail = ngx_alloc(sizeof(ngx_http_llm_tail_t), ngx_cycle->log);

    if (tail == NULL) {
        (void) ngx_close_file(fd);
        return NGX_ERROR;
    }

    ngx_http_llm_tail_init(tail, fd, inode, start, &h->count);

    h->tails[h->ntails++] = tail;

    return NGX_OK;
}


static void
ngx_http_llm_helper_remove(ngx_http_llm_helper_t *h, ngx_uint_t i)
{
    (void) ngx_close_file(h->tails[i]->fd);

    ngx_free(h->tails[i]);

    for (h->ntails--; i < h->ntails; i++) {
        h->tails[i] = h->tails[i + 1];
    }
}


/* all files in use: a process may not have reopened its own yet */

static void
ngx_http_llm_helper_sync(ngx_http_llm_helper_t *h)
{
    ngx_uint_t                 i;
    ngx_atomic_uint_t          bytes;
    ngx_http_llm_usage_log_t  *log;

    log = h->lmcf->usage_log;

    if (log == NULL) {
        return;
    }

    bytes = h->sh->bytes;

    if (bytes == h->synced && h->ntails < 2) {
        return;
    }

    h->synced = bytes;

    if (fdatasync(log->file->fd) == 0) {

        for (i = 0; i + 1 < h->ntails; i++) {
            if (!h->tails[i]->unused && fdatasync(h->tails[i]->fd) == -1) {
                break;
            }
        }

        if (i + 1 >= h->ntails) {
            return;
        }
    }

    if (ngx_atomic_fetch_add(&h->sh->sync_errors, 1) == 0) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_errno,
                      "fdatasync() usage log \"%V\" failed",
                      &log->file->name);
    }
}


static void
ngx_http_llm_helper_follow(ngx_http_llm_helper_t *h)
{
    ngx_uint_t            i;
    ngx_http_llm_tail_t  *tail;

    for (i = 0; i < h->ntails; i++) {
        tail = h->tails[i];

        if (ngx_http_llm_tail_read(tail, h->buf) != NGX_OK) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_errno,
                          ngx_read_file_n " usage log failed");
        }

        h->sh->torn += tail->reader.torn;
        tail->reader.torn = 0;
    }

    if (h->ntails == 0) {
        return;
    }

    /* from 0 on what was counted already is passed over */

    tail = h->tails[0];

    if (h->sh->inode != tail->inode) {
        h->sh->offset = 0;
        h->sh->inode = tail->inode;
    }

    h->sh->offset = ngx_http_llm_tail_offset(tail);
}


/* files that were rotated: does anybody still write to them? */

static void
ngx_http_llm_helper_unused(ngx_http_llm_helper_t *h)
{
    ngx_uint_t            i;
    ngx_http_llm_tail_t  *tail;

    /* another master's workers do not tell */

    if (h->lock == NGX_INVALID_FILE) {
        return;
    }

    for (i = 0; i + 1 < h->ntails; i++) {
        tail = h->tails[i];

        if (tail->unused
            || ngx_http_llm_usage_log_used(h->sh, tail->inode))
        {
            continue;
        }

        (void) ngx_http_llm_tail_read(tail, h->buf);

        if (fdatasync(tail->fd) == -1) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_errno,
                          "fdatasync() rotated usage log failed");
        }

        tail->unused = 1;
        h->due = 1;
    }
}


static void
ngx_http_llm_helper_reap(ngx_http_llm_helper_t *h)
{
    ngx_uint_t  n;

    if (h->ledger->owner == NGX_LLM_LEDGER_NONE
        && ngx_llm_ledger_join_helper(h->ledger, ngx_pid,
                                      ngx_http_llm_process_start(ngx_pid),
                                      ngx_http_llm_helper_alive, h)
           != NGX_OK)
    {
        return;
    }

    n = ngx_llm_ledger_reap(h->ledger, ngx_http_llm_helper_alive,
                            ngx_http_llm_helper_write, h,
                            (int64_t) ngx_current_msec, ngx_time());

    if (n) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "%ui requests of processes that died were settled or "
                      "released", n);
    }
}


static ngx_uint_t
ngx_http_llm_helper_alive(void *data, int64_t pid, int64_t start)
{
    int64_t  now;

    now = ngx_http_llm_process_start((ngx_pid_t) pid);

    if (now == -1) {
        return 0;
    }

    /* 0: not known */

    return now == start || now == 0 || start == 0;
}


/* was the line of a dead process written? */

static void
ngx_http_llm_helper_write(void *data, ngx_llm_seq_t *seq, ngx_str_t *line)
{
    ngx_http_llm_helper_t *h = data;

    off_t                 start;
    ngx_uint_t            i;
    ngx_http_llm_tail_t  *tail;

    if (line->len == 0 || h->lmcf->usage_log == NULL) {
        return;
    }

    tail = ngx_alloc(sizeof(ngx_http_llm_tail_t), ngx_cycle->log);
    if (tail == NULL) {
        return;
    }

    h->wanted = seq;
    h->found = 0;

    for (i = 0; i < h->ntails && !h->found; i++) {

        start = ngx_http_llm_tail_offset(h->tails[i])
                - NGX_HTTP_LLM_HELPER_TAIL;

        start = ngx_min(start, h->tails[i]->mark);

        ngx_http_llm_tail_init(tail, h->tails[i]->fd, h->tails[i]->inode,
                               ngx_max(start, 0), &h->count);

        ngx_llm_usage_reader_init(&tail->reader, ngx_http_llm_helper_seen, h);

        if (ngx_http_llm_tail_read(tail, h->buf) == NGX_OK) {
            (void) ngx_llm_usage_reader_end(&tail->reader);
        }
    }

    ngx_free(tail);

    if (h->found) {
        return;
    }

    /* it may have been cut */

    h->sh->newline = 1;

    (void) ngx_http_llm_usage_log_write(h->lmcf, line);
}


static ngx_int_t
ngx_http_llm_helper_seen(void *data, ngx_llm_usage_record_t *rec)
{
    ngx_http_llm_helper_t *h = data;

    if (rec->seq.boot == h->wanted->boot
        && rec->seq.slot == h->wanted->slot
        && rec->seq.n == h->wanted->n)
    {
        h->found = 1;
        return NGX_DONE;
    }

    return NGX_OK;
}


static void
ngx_http_llm_helper_expire(ngx_http_llm_helper_t *h)
{
    if (ngx_current_msec - h->expired < NGX_HTTP_LLM_HELPER_EXPIRE) {
        return;
    }

    h->expired = ngx_current_msec;

    ngx_llm_ledger_expire(h->ledger, (int64_t) ngx_current_msec, ngx_time(),
                          ngx_time() - NGX_HTTP_LLM_HELPER_DAYS * 86400);
}


static void
ngx_http_llm_helper_save(ngx_http_llm_helper_t *h,
    ngx_http_llm_state_t *state)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_atomic_uint_t     begun;
    ngx_http_llm_tail_t  *tail;

    if (h->lock == NGX_INVALID_FILE) {

        rc = ngx_http_llm_state_lock(state, &h->lock);

        if (rc == NGX_ERROR && !h->unlockable) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_errno,
                          "lock \"%V\" failed, no snapshots are taken",
                          &state->lock);
            h->unlockable = 1;
        }

        /* a reload may have given the log another path */

        if (rc == NGX_DECLINED
            && ++h->declined == NGX_HTTP_LLM_HELPER_TRIES)
        {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                          "folder \"%V\" is used by a gateway with another "
                          "usage log, no snapshots are taken: each must have "
                          "an llm_state of its own", &state->path->name);
        }

        if (rc != NGX_OK) {
            return;
        }

        h->due = 1;
        h->unlockable = 0;
    }

    if (h->sh->wanted && ngx_atomic_cmp_set(&h->sh->wanted, 1, 0)) {
        h->due = 1;
    }

    if (!h->due && ngx_current_msec - h->saved < state->interval) {
        return;
    }

    h->due = 0;
    h->saved = ngx_current_msec;

    begun = ngx_atomic_fetch_add(&h->sh->begun, 1) + 1;

    if (ngx_http_llm_state_save(state, h->ledger, h->tails, h->ntails)
        != NGX_OK)
    {
        (void) ngx_atomic_fetch_add(&h->sh->snapshot_errors, 1);
        return;
    }

    h->sh->snapshot = (ngx_atomic_uint_t) ngx_time();
    h->sh->kept = begun;

    /*
     * What was read by now is settled when the next one is taken.  A file
     * that nobody writes to is left out after one more.
     */

    for (i = h->ntails; i > 0; i--) {
        tail = h->tails[i - 1];

        tail->mark = ngx_http_llm_tail_offset(tail);

        if (tail->unused && tail->left++) {
            ngx_http_llm_helper_remove(h, i - 1);
        }
    }
}


ngx_int_t
ngx_http_llm_helper_init_process(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *lmcf)
{
    ngx_http_llm_state_t  *state;

    state = lmcf->state;

    if (state == NULL || ngx_process != NGX_PROCESS_SINGLE) {
        return NGX_OK;
    }

    state->timer.handler = ngx_http_llm_helper_timer;
    state->timer.data = state;
    state->timer.log = cycle->log;
    state->timer.cancelable = 1;

    ngx_add_timer(&state->timer, 1);

    return NGX_OK;
}


static void
ngx_http_llm_helper_timer(ngx_event_t *ev)
{
    if (ngx_exiting || ngx_terminate) {
        return;
    }

    ngx_add_timer(ev, ngx_http_llm_helper(ev->data));
}


/*
 * Without a usage log what happened since the last snapshot is nowhere else.
 * In the master, when all other processes are gone; but root writes nothing
 * in a folder of the workers' user, and so a last process of that user does.
 */

void
ngx_http_llm_helper_exit_master(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *lmcf)
{
    int                    status;
    ngx_pid_t              pid;
    ngx_http_llm_state_t  *state;

    state = lmcf->state;

    /* a second master has read the last one, and goes on from there */

    if (state == NULL || lmcf->usage_log || ngx_new_binary > 0) {
        return;
    }

    pid = fork();

    if (pid == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "fork() failed, no last snapshot is taken");
        return;
    }

    if (pid) {
        while (waitpid(pid, &status, 0) == -1 && ngx_errno == NGX_EINTR) {
            /* void */
        }

        return;
    }

    ngx_pid = ngx_getpid();
    ngx_time_update();

    if (ngx_http_llm_helper_user(cycle) != NGX_OK) {
        _exit(2);
    }

    if (state->helper == NULL) {
        state->helper = ngx_http_llm_helper_create(state);
    }

    if (state->helper) {
        state->helper->due = 1;
        (void) ngx_http_llm_helper(state);
    }

    _exit(0);
}


static ngx_int_t
ngx_http_llm_helper_user(ngx_cycle_t *cycle)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (geteuid() != 0) {
        return NGX_OK;
    }

    /* as nginx's own processes do */

    if (initgroups(ccf->username, ccf->group) == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "initgroups(%s, %d) failed",
                      ccf->username, ccf->group);
    }

    if (setgid(ccf->group) == -1 || setuid(ccf->user) == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "user \"%s\" could not be taken on, no last snapshot is "
                      "taken", ccf->username);
        return NGX_ERROR;
    }

    return NGX_OK;
}
