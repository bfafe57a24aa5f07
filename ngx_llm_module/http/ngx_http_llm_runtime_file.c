
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The file of keys made at run time: a line for each change, the last one of
 * a name counts.  Who writes holds its lock: workers for a line, the helper to
 * read it or write it anew.  The lock is never waited for on the event loop.
 */


#include "ngx_http_llm_runtime.h"
#include "ngx_http_llm_account.h"
#include "ngx_http_llm_state.h"

#include <sys/file.h>


#define NGX_HTTP_LLM_KEYS_FILE    "keys"
#define NGX_HTTP_LLM_KEYS_TEMP    "keys.tmp"

/* for its lock */
#define NGX_HTTP_LLM_KEYS_TRIES   128

/* a file of less is not worth to be written anew */
#define NGX_HTTP_LLM_KEYS_SMALL   (256 * 1024)

#define NGX_HTTP_LLM_KEYS_LINE    (NGX_LLM_LEDGER_DEFINITION + 1)

#define NGX_HTTP_LLM_KEYS_BUFFER  65536


/* what the file says in the end: the last line of each name */

typedef struct {
    ngx_str_node_t                node;
    ngx_queue_t                   queue;        /* in the file's order */
    ngx_str_t                     text;         /* empty: deleted */
} ngx_http_llm_keys_line_t;

typedef struct {
    ngx_pool_t                   *pool;
    ngx_rbtree_t                  tree;
    ngx_rbtree_node_t             sentinel;
    ngx_queue_t                   lines;
    off_t                         size;
    off_t                         live;         /* bytes that are enough */
    ngx_uint_t                    bad;
} ngx_http_llm_keys_file_t;


static ngx_int_t ngx_http_llm_runtime_path(ngx_http_llm_main_conf_t *lmcf,
    char *name, u_char *buf);
static ngx_int_t ngx_http_llm_runtime_open(u_char *path, ngx_fd_t *fd,
    ngx_log_t *log);
static ngx_int_t ngx_http_llm_runtime_write(ngx_fd_t fd, u_char *path,
    ngx_str_t *name, ngx_str_t *text, ngx_log_t *log);
static ngx_int_t ngx_http_llm_runtime_read_file(ngx_fd_t fd, u_char *path,
    ngx_http_llm_keys_file_t *f, ngx_log_t *log);
static ngx_int_t ngx_http_llm_runtime_lines(ngx_http_llm_keys_file_t *f,
    u_char *p, size_t len, size_t *used);
static ngx_int_t ngx_http_llm_runtime_line(ngx_http_llm_keys_file_t *f,
    ngx_str_t *line);
static void ngx_http_llm_runtime_take(ngx_llm_ledger_t *ledger,
    ngx_http_llm_keys_file_t *f, u_char *path, ngx_log_t *log);
static ngx_uint_t ngx_http_llm_runtime_settled(ngx_fd_t fd,
    ngx_http_llm_keys_file_t *f);
static void ngx_http_llm_runtime_compact(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_keys_file_t *f, u_char *path, ngx_log_t *log);
static ngx_int_t ngx_http_llm_runtime_copy(ngx_http_llm_keys_file_t *f,
    u_char *temp, ngx_log_t *log);


void
ngx_http_llm_runtime_name(ngx_str_t *text, ngx_llm_name_t *name)
{
    ngx_str_t       parts[2];
    ngx_llm_name_t  key;

    ngx_memzero(&key, sizeof(ngx_llm_name_t));

    ngx_str_set(&parts[0], "definition");
    parts[1] = *text;

    ngx_llm_ledger_name(name, &key, parts, 2);
}


/* what can stand in a path, a log and a header */

ngx_int_t
ngx_http_llm_runtime_name_check(ngx_str_t *name)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < name->len; i++) {
        c = (u_char) (name->data[i] | 0x20);

        if ((c < 'a' || c > 'z')
            && (name->data[i] < '0' || name->data[i] > '9')
            && name->data[i] != '-' && name->data[i] != '_'
            && name->data[i] != '.' && name->data[i] != '@'
            && name->data[i] != ':')
        {
            return NGX_DECLINED;
        }
    }

    /* a path segment that browsers and proxies would take away */

    if ((name->len == 1 && name->data[0] == '.')
        || (name->len == 2 && name->data[0] == '.' && name->data[1] == '.'))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_runtime_path(ngx_http_llm_main_conf_t *lmcf, char *name,
    u_char *buf)
{
    ngx_str_t  *folder;

    if (lmcf->state == NULL) {
        return NGX_DECLINED;
    }

    folder = &lmcf->state->path->name;

    if (folder->len + sizeof("/keys.tmp") > NGX_MAX_PATH) {
        return NGX_DECLINED;
    }

    (void) ngx_sprintf(buf, "%V/%s%Z", folder, name);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_runtime_set(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name,
    ngx_str_t *old, ngx_str_t *text, ngx_log_t *log)
{
    ngx_fd_t           fd;
    ngx_int_t          rc;
    ngx_str_t          had;
    ngx_llm_name_t     id;
    ngx_llm_text_t     copy;
    ngx_llm_ledger_t  *ledger;
    u_char             path[NGX_MAX_PATH];

    ledger = ngx_http_llm_zone_ledger(lmcf);

    if (ledger == NULL
        || ngx_http_llm_runtime_path(lmcf, NGX_HTTP_LLM_KEYS_FILE, path)
           != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "llm keys cannot be kept: there is no \"llm_state\"");
        return NGX_ERROR;
    }

    rc = ngx_http_llm_runtime_open(path, &fd, log);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llm_runtime_name(name, &id);

    ngx_str_null(&had);

    if (ngx_llm_ledger_text_get(ledger, &id, &copy) == NGX_OK) {
        had.data = copy.text;
        had.len = copy.len;
    }

    if (had.len != (old ? old->len : 0)
        || (old && ngx_memcmp(had.data, old->data, had.len) != 0))
    {
        rc = NGX_ABORT;
        goto done;
    }

    rc = ngx_llm_ledger_text_set(ledger, &id, text);

    if (rc == NGX_OK
        && ngx_http_llm_runtime_write(fd, path, name, text, log) != NGX_OK)
    {
        (void) ngx_llm_ledger_text_set(ledger, &id, had.len ? &had : NULL);

        rc = NGX_ERROR;
    }

done:

    (void) ngx_close_file(fd);

    return rc;
}


/* with its lock, which others have for the time of a write only */

static ngx_int_t
ngx_http_llm_runtime_open(u_char *path, ngx_fd_t *fd, ngx_log_t *log)
{
    ngx_uint_t       tries;
    ngx_file_info_t  opened, named;

    for (tries = 0; tries < NGX_HTTP_LLM_KEYS_TRIES; tries++) {

        *fd = open((char *) path,
                   O_RDWR|O_APPEND|O_CREAT|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC,
                   0600);

        if (*fd == NGX_INVALID_FILE) {
            ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                          ngx_open_file_n " \"%s\" failed", path);
            return NGX_ERROR;
        }

        /* between the two the helper may have put another in its place */

        if (flock(*fd, LOCK_EX|LOCK_NB) == 0
            && ngx_fd_info(*fd, &opened) != NGX_FILE_ERROR
            && ngx_link_info(path, &named) != NGX_FILE_ERROR
            && ngx_file_uniq(&opened) == ngx_file_uniq(&named))
        {
            return NGX_OK;
        }

        (void) ngx_close_file(*fd);

        ngx_sched_yield();
    }

    return NGX_BUSY;
}


static ngx_int_t
ngx_http_llm_runtime_write(ngx_fd_t fd, u_char *path, ngx_str_t *name,
    ngx_str_t *text, ngx_log_t *log)
{
    off_t    size;
    u_char  *p, last;
    size_t   len;
    ssize_t  n;
    u_char   buf[NGX_HTTP_LLM_KEYS_LINE + NGX_HTTP_LLM_MAX_NAME
                 + sizeof("\n{\"name\":\"\",\"deleted\":true}\n")];

    p = buf;
    last = LF;

    /* a line that was cut must not spoil this one */

    size = lseek(fd, 0, SEEK_END);

    if (size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != LF) {
        *p++ = LF;
    }

    if (text) {
        p = ngx_cpymem(p, text->data, text->len);

    } else {
        p = ngx_sprintf(p, "{\"name\":\"%V\",\"deleted\":true}", name);
    }

    *p++ = LF;

    len = p - buf;

    n = ngx_write_fd(fd, buf, len);

    if (n == (ssize_t) len) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_CRIT, log, n == -1 ? ngx_errno : 0,
                  ngx_write_fd_n " to \"%s\" failed", path);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_llm_runtime_load(ngx_http_llm_main_conf_t *lmcf, ngx_log_t *log)
{
    ngx_fd_t                   fd;
    ngx_int_t                  rc;
    ngx_uint_t                 inode;
    ngx_http_llm_keys_file_t   f;
    u_char                     path[NGX_MAX_PATH];

    if (ngx_http_llm_runtime_path(lmcf, NGX_HTTP_LLM_KEYS_FILE, path)
        != NGX_OK)
    {
        return NGX_OK;
    }

    /* in the folder of the workers, perhaps as root */

    fd = ngx_http_llm_tail_open(path, &inode);

    if (fd == NGX_INVALID_FILE) {

        if (ngx_errno == NGX_ENOENT) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", path);
        return NGX_ERROR;
    }

    rc = ngx_http_llm_runtime_read_file(fd, path, &f, log);

    if (rc == NGX_OK) {
        ngx_http_llm_runtime_take(ngx_http_llm_zone_ledger(lmcf), &f, path,
                                  log);
        ngx_destroy_pool(f.pool);
    }

    (void) ngx_close_file(fd);

    return rc;
}


/* on NGX_OK the pool is the caller's */

static ngx_int_t
ngx_http_llm_runtime_read_file(ngx_fd_t fd, u_char *path,
    ngx_http_llm_keys_file_t *f, ngx_log_t *log)
{
    u_char     *buf;
    size_t      held, used;
    ssize_t     n;

    f->bad = 0;
    f->size = 0;
    f->live = 0;

    ngx_queue_init(&f->lines);
    ngx_rbtree_init(&f->tree, &f->sentinel, ngx_str_rbtree_insert_value);

    f->pool = ngx_create_pool(16384, log);
    if (f->pool == NULL) {
        return NGX_ERROR;
    }

    buf = ngx_palloc(f->pool, NGX_HTTP_LLM_KEYS_BUFFER);
    if (buf == NULL) {
        goto failed;
    }

    held = 0;

    for ( ;; ) {
        n = ngx_read_fd(fd, buf + held, NGX_HTTP_LLM_KEYS_BUFFER - held);

        if (n == -1) {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          ngx_read_fd_n " \"%s\" failed", path);
            goto failed;
        }

        if (n == 0) {
            break;
        }

        held += n;
        f->size += n;

        if (ngx_http_llm_runtime_lines(f, buf, held, &used) != NGX_OK) {
            goto failed;
        }

        held -= used;

        ngx_memmove(buf, buf + used, held);

        if (held == NGX_HTTP_LLM_KEYS_BUFFER) {
            held = 0;
            f->bad++;
        }
    }

    /* what has no end was never answered for */

    f->bad += (held != 0);

    return NGX_OK;

failed:

    ngx_destroy_pool(f->pool);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_runtime_lines(ngx_http_llm_keys_file_t *f, u_char *p, size_t len,
    size_t *used)
{
    u_char     *nl, *start, *last;
    ngx_str_t   line;

    start = p;
    last = p + len;

    for ( ;; ) {
        nl = ngx_strlchr(p, last, LF);

        if (nl == NULL) {
            *used = p - start;
            return NGX_OK;
        }

        line.data = p;
        line.len = nl - p;

        p = nl + 1;

        if (line.len && ngx_http_llm_runtime_line(f, &line) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


/* takes the place of the line of that name before it */

static ngx_int_t
ngx_http_llm_runtime_line(ngx_http_llm_keys_file_t *f, ngx_str_t *line)
{
    uint32_t                   hash;
    ngx_str_t                  name;
    ngx_pool_t                *pool;
    ngx_llm_json_t            *root;
    ngx_http_llm_keys_line_t  *l;

    pool = ngx_create_pool(4096, f->pool->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    root = ngx_llm_json_parse(pool, line, NULL);

    ngx_str_null(&name);

    if (root) {
        name = ngx_llm_json_str(root, "name");
        name = ngx_llm_json_plain(pool, &name);
    }

    if (name.len == 0 || line->len >= NGX_LLM_LEDGER_DEFINITION) {
        f->bad++;
        goto done;
    }

    hash = ngx_crc32_long(name.data, name.len);

    l = (ngx_http_llm_keys_line_t *) ngx_str_rbtree_lookup(&f->tree, &name,
                                                           hash);
    if (l == NULL) {
        l = ngx_pcalloc(f->pool, sizeof(ngx_http_llm_keys_line_t));
        if (l == NULL) {
            goto failed;
        }

        l->node.node.key = hash;
        l->node.str.len = name.len;
        l->node.str.data = ngx_pstrdup(f->pool, &name);

        if (l->node.str.data == NULL) {
            goto failed;
        }

        ngx_rbtree_insert(&f->tree, &l->node.node);
        ngx_queue_insert_tail(&f->lines, &l->queue);
    }

    f->live -= l->text.len + (l->text.len != 0);

    ngx_str_null(&l->text);

    if (!ngx_llm_json_true(root, "deleted")) {
        l->text.len = line->len;
        l->text.data = ngx_pstrdup(f->pool, line);

        if (l->text.data == NULL) {
            goto failed;
        }

        f->live += line->len + 1;
    }

done:

    ngx_destroy_pool(pool);

    return NGX_OK;

failed:

    ngx_destroy_pool(pool);

    return NGX_ERROR;
}


/* what the zone does not know: all, or changes by another master's workers */

static void
ngx_http_llm_runtime_take(ngx_llm_ledger_t *ledger,
    ngx_http_llm_keys_file_t *f, u_char *path, ngx_log_t *log)
{
    ngx_uint_t                 had;
    ngx_queue_t               *q;
    ngx_llm_name_t             id;
    ngx_llm_text_t             copy;
    ngx_http_llm_keys_line_t  *l;

    for (q = ngx_queue_head(&f->lines);
         q != ngx_queue_sentinel(&f->lines);
         q = ngx_queue_next(q))
    {
        l = ngx_queue_data(q, ngx_http_llm_keys_line_t, queue);

        ngx_http_llm_runtime_name(&l->node.str, &id);

        had = (ngx_llm_ledger_text_get(ledger, &id, &copy) == NGX_OK);

        if (!had && l->text.len == 0) {
            continue;
        }

        if (had && (size_t) copy.len == l->text.len
            && ngx_memcmp(copy.text, l->text.data, l->text.len) == 0)
        {
            continue;
        }

        if (ngx_llm_ledger_text_set(ledger, &id, l->text.len ? &l->text : NULL)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_ERR, log, 0,
                          "the zone has no room for llm key \"%V\"",
                          &l->node.str);
        }
    }

    if (f->bad) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "\"%s\" has %ui lines that are no keys", path, f->bad);
    }
}


void
ngx_http_llm_runtime_sync(ngx_http_llm_main_conf_t *lmcf, ngx_log_t *log)
{
    ngx_fd_t                   fd;
    ngx_uint_t                 inode;
    ngx_file_info_t            fi;
    ngx_http_llm_keys_file_t   f;
    u_char                     path[NGX_MAX_PATH];

    static off_t               size = -1;

    if (ngx_http_llm_runtime_path(lmcf, NGX_HTTP_LLM_KEYS_FILE, path)
        != NGX_OK
        || ngx_link_info(path, &fi) == NGX_FILE_ERROR
        || ngx_file_size(&fi) == size)
    {
        return;
    }

    fd = ngx_http_llm_tail_open(path, &inode);

    if (fd == NGX_INVALID_FILE) {
        return;
    }

    /* what takes time is done without the lock */

    if (fsync(fd) == -1) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno, "fsync() \"%s\" failed",
                      path);
    }

    if (ngx_http_llm_runtime_read_file(fd, path, &f, log) == NGX_OK) {

        if (ngx_http_llm_runtime_settled(fd, &f)) {
            size = f.size;

            ngx_http_llm_runtime_take(ngx_http_llm_zone_ledger(lmcf), &f, path,
                                      log);

            if (size > NGX_HTTP_LLM_KEYS_SMALL && size > 4 * f.live) {
                ngx_http_llm_runtime_compact(lmcf, &f, path, log);
            }
        }

        ngx_destroy_pool(f.pool);
    }

    (void) ngx_close_file(fd);
}


/*
 * Is it locked, and still as it was read?  What a worker has begun stands in
 * the zone before it stands here.
 */

static ngx_uint_t
ngx_http_llm_runtime_settled(ngx_fd_t fd, ngx_http_llm_keys_file_t *f)
{
    ngx_file_info_t  fi;

    return flock(fd, LOCK_EX|LOCK_NB) == 0
           && ngx_fd_info(fd, &fi) != NGX_FILE_ERROR
           && ngx_file_size(&fi) == f->size;
}


static void
ngx_http_llm_runtime_compact(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_keys_file_t *f, u_char *path, ngx_log_t *log)
{
    u_char  temp[NGX_MAX_PATH];

    if (ngx_http_llm_runtime_path(lmcf, NGX_HTTP_LLM_KEYS_TEMP, temp)
        != NGX_OK
        || ngx_http_llm_runtime_copy(f, temp, log) != NGX_OK)
    {
        return;
    }

    if (ngx_rename_file(temp, path) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      ngx_rename_file_n " \"%s\" to \"%s\" failed", temp,
                      path);
    }
}


static ngx_int_t
ngx_http_llm_runtime_copy(ngx_http_llm_keys_file_t *f, u_char *temp,
    ngx_log_t *log)
{
    ngx_fd_t                   fd;
    ngx_int_t                  rc;
    ngx_queue_t               *q;
    ngx_http_llm_keys_line_t  *l;
    u_char                     line[NGX_HTTP_LLM_KEYS_LINE];

    (void) ngx_delete_file(temp);

    fd = open((char *) temp, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC,
              0600);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", temp);
        return NGX_ERROR;
    }

    rc = NGX_OK;

    for (q = ngx_queue_head(&f->lines);
         q != ngx_queue_sentinel(&f->lines) && rc == NGX_OK;
         q = ngx_queue_next(q))
    {
        l = ngx_queue_data(q, ngx_http_llm_keys_line_t, queue);

        if (l->text.len == 0) {
            continue;
        }

        ngx_memcpy(line, l->text.data, l->text.len);
        line[l->text.len] = LF;

        if (ngx_write_fd(fd, line, l->text.len + 1)
            != (ssize_t) l->text.len + 1)
        {
            rc = NGX_ERROR;
        }
    }

    if (rc != NGX_OK || fsync(fd) == -1) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      ngx_write_fd_n " to \"%s\" failed", temp);
        rc = NGX_ERROR;
    }

    (void) ngx_close_file(fd);

    return rc;
}
