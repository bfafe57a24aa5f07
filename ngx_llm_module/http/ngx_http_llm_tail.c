
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Reads files of the usage log into the ledger.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_state.h"


#define NGX_HTTP_LLM_TAIL_PRINT  64     /* bytes: "time" and "seq" */


static ngx_fd_t ngx_http_llm_tail_is(u_char *name, ngx_uint_t inode);
static ngx_fd_t ngx_http_llm_tail_list(ngx_str_t *path, ngx_uint_t inode,
    ngx_pool_t *pool);
static ngx_int_t ngx_http_llm_tail_record(void *data,
    ngx_llm_usage_record_t *rec);


/* not blocked by a pipe that somebody put there */

ngx_fd_t
ngx_http_llm_tail_open(u_char *name, ngx_uint_t *inode)
{
    ngx_fd_t         fd;
    ngx_file_info_t  st;

    fd = open((char *) name, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == -1) {
        return NGX_INVALID_FILE;
    }

    if (ngx_fd_info(fd, &st) == NGX_FILE_ERROR || !ngx_is_file(&st)) {
        (void) ngx_close_file(fd);
        ngx_set_errno(NGX_EINVAL);

        return NGX_INVALID_FILE;
    }

    *inode = (ngx_uint_t) ngx_file_uniq(&st);

    return fd;
}


ngx_fd_t
ngx_http_llm_tail_find(ngx_str_t *path, ngx_uint_t inode, ngx_pool_t *pool)
{
    u_char    *name;
    ngx_fd_t   fd;

    fd = ngx_http_llm_tail_is(path->data, inode);

    if (fd != NGX_INVALID_FILE) {
        return fd;
    }

    name = ngx_pnalloc(pool, path->len + sizeof(".1"));
    if (name == NULL) {
        return NGX_INVALID_FILE;
    }

    ngx_sprintf(name, "%V.1%Z", path);

    fd = ngx_http_llm_tail_is(name, inode);

    if (fd != NGX_INVALID_FILE) {
        return fd;
    }

    return ngx_http_llm_tail_list(path, inode, pool);
}


static ngx_fd_t
ngx_http_llm_tail_is(u_char *name, ngx_uint_t inode)
{
    ngx_fd_t    fd;
    ngx_uint_t  found;

    fd = ngx_http_llm_tail_open(name, &found);

    if (fd != NGX_INVALID_FILE && found != inode) {
        (void) ngx_close_file(fd);
        return NGX_INVALID_FILE;
    }

    return fd;
}


/* whatever name the rotation gave it: it begins as the log's */

static ngx_fd_t
ngx_http_llm_tail_list(ngx_str_t *path, ngx_uint_t inode, ngx_pool_t *pool)
{
    size_t      len, n;
    u_char     *p, *name, *entry;
    ngx_dir_t   dir;
    ngx_fd_t    fd;
    ngx_str_t   folder;

    for (p = path->data + path->len; p > path->data && p[-1] != '/'; p--) {
        /* void */
    }

    len = path->data + path->len - p;

    folder.len = p - path->data;
    folder.data = ngx_pnalloc(pool, folder.len + 2);

    if (folder.data == NULL) {
        return NGX_INVALID_FILE;
    }

    p = ngx_cpymem(folder.data, path->data, folder.len);
    *p++ = '.';
    *p = '\0';

    p = path->data + folder.len;

    if (ngx_open_dir(&folder, &dir) == NGX_ERROR) {
        return NGX_INVALID_FILE;
    }

    fd = NGX_INVALID_FILE;

    while (fd == NGX_INVALID_FILE && ngx_read_dir(&dir) == NGX_OK) {

        entry = ngx_de_name(&dir);
        n = ngx_de_namelen(&dir);

        if (n <= len || ngx_strncmp(entry, p, len) != 0) {
            continue;
        }

        name = ngx_alloc(folder.len + n + 1, pool->log);
        if (name == NULL) {
            break;
        }

        ngx_memcpy(ngx_cpymem(name, path->data, folder.len), entry, n + 1);

        fd = ngx_http_llm_tail_is(name, inode);

        ngx_free(name);
    }

    (void) ngx_close_dir(&dir);

    return fd;
}


void
ngx_http_llm_tail_init(ngx_http_llm_tail_t *tail, ngx_fd_t fd,
    ngx_uint_t inode, off_t start, ngx_http_llm_count_t *count)
{
    tail->fd = fd;
    tail->inode = inode;
    tail->start = start;
    tail->mark = start;
    tail->left = 0;
    tail->unused = 0;

    ngx_llm_usage_reader_init(&tail->reader, ngx_http_llm_tail_record, count);
}


ngx_int_t
ngx_http_llm_tail_read(ngx_http_llm_tail_t *tail, u_char *buf)
{
    ssize_t  n;

    for ( ;; ) {
        n = pread(tail->fd, buf, NGX_HTTP_LLM_TAIL_SIZE,
                  tail->start + (off_t) tail->reader.bytes);

        if (n == -1) {
            return NGX_ERROR;
        }

        if (n == 0) {
            return NGX_OK;
        }

        if (ngx_llm_usage_reader_data(&tail->reader, buf, n) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


uint64_t
ngx_http_llm_tail_print(ngx_fd_t fd, off_t from)
{
    ssize_t  n;
    u_char   buf[NGX_HTTP_LLM_TAIL_PRINT];

    n = pread(fd, buf, (size_t) ngx_min(from, NGX_HTTP_LLM_TAIL_PRINT), 0);

    return ngx_crc32_long(buf, ngx_max(n, 0));
}


off_t
ngx_http_llm_tail_offset(ngx_http_llm_tail_t *tail)
{
    return tail->start + (off_t) tail->reader.bytes
           - (off_t) tail->reader.len;
}


static ngx_int_t
ngx_http_llm_tail_record(void *data, ngx_llm_usage_record_t *rec)
{
    ngx_http_llm_count_t *count = data;

    ngx_http_llm_charge_t  *c;

    /* own lines are settled by those who write them */

    if (rec->seq.boot == 0 || rec->seq.boot == count->boot) {
        return NGX_OK;
    }

    c = &count->charge;

    ngx_http_llm_account_charge(count->lmcf, rec, c);

    if (count->loader) {
        ngx_llm_ledger_load_replay(count->loader, &rec->seq, c->items,
                                   c->nitems, c->rows, c->nrows, c->sums,
                                   (int64_t) ngx_current_msec, ngx_time());

    } else {
        ngx_llm_ledger_replay(count->ledger, &rec->seq, c->items, c->nitems,
                              c->rows, c->nrows, c->sums,
                              (int64_t) ngx_current_msec, ngx_time());
    }

    count->counted++;

    return NGX_OK;
}
