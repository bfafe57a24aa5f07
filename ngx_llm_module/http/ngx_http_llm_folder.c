
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the workers' user may do with a folder.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_llm_folder.h"


#define NGX_HTTP_LLM_GROUPS  256


typedef struct {
    uid_t             uid;
    ngx_uint_t        ngroups;
    gid_t             groups[NGX_HTTP_LLM_GROUPS];
} ngx_http_llm_who_t;


static ngx_int_t ngx_http_llm_folder_file(ngx_log_t *log, char *what,
    ngx_str_t *path);
static ngx_int_t ngx_http_llm_folder_who(ngx_cycle_t *cycle,
    ngx_http_llm_who_t *who);
static ngx_int_t ngx_http_llm_folder_walk(ngx_http_llm_who_t *who,
    ngx_log_t *log, char *what, ngx_str_t *path, u_char *name);
static ngx_uint_t ngx_http_llm_folder_may(ngx_http_llm_who_t *who,
    struct stat *st, mode_t mode);


ngx_int_t
ngx_http_llm_folder_check(ngx_cycle_t *cycle, ngx_log_t *log, char *what,
    ngx_str_t *path)
{
    u_char              *name;
    ngx_int_t            rc;
    ngx_http_llm_who_t   who;

    rc = ngx_http_llm_folder_file(log, what, path);

    if (rc != NGX_OK) {
        return rc;
    }

    if (geteuid() != 0 || ngx_http_llm_folder_who(cycle, &who) != NGX_OK) {
        return NGX_OK;
    }

    name = ngx_alloc(path->len + 1, log);
    if (name == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_llm_folder_walk(&who, log, what, path, name);

    ngx_free(name);

    return rc;
}


static ngx_int_t
ngx_http_llm_folder_file(ngx_log_t *log, char *what, ngx_str_t *path)
{
    ngx_file_info_t  st;

    if (ngx_link_info(path->data, &st) == NGX_FILE_ERROR) {

        if (ngx_errno == NGX_ENOENT) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_link_info_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    if (ngx_is_link(&st)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "%s \"%V\" is a symbolic link, which is not followed",
                      what, path);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&st)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "%s \"%V\" is not a regular file", what, path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The workers' user and groups.  NGX_DECLINED: they are root, or it is not
 * known (while the configuration is read "user" may still stand below).
 */

static ngx_int_t
ngx_http_llm_folder_who(ngx_cycle_t *cycle, ngx_http_llm_who_t *who)
{
    int               n;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (ccf->user == (ngx_uid_t) NGX_CONF_UNSET_UINT || ccf->user == 0) {
        return NGX_DECLINED;
    }

    who->uid = ccf->user;
    who->groups[0] = ccf->group;
    who->ngroups = 1;

    if (ccf->username == NULL) {
        return NGX_OK;
    }

    n = NGX_HTTP_LLM_GROUPS;

    if (getgrouplist(ccf->username, ccf->group, who->groups, &n) != -1) {
        who->ngroups = n;
    }

    return NGX_OK;
}


/* from the folder up to the root */

static ngx_int_t
ngx_http_llm_folder_walk(ngx_http_llm_who_t *who, ngx_log_t *log, char *what,
    ngx_str_t *path, u_char *name)
{
    u_char           *p;
    ngx_uint_t        first;
    ngx_file_info_t   st;

    p = ngx_cpymem(name, path->data, path->len);

    for (first = 1; p > name; first = 0) {

        while (p > name && *--p != '/') { /* void */ }

        if (p == name) {
            name[1] = '\0';

        } else {
            *p = '\0';
        }

        if (ngx_file_info(name, &st) == NGX_FILE_ERROR) {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          "folder \"%s\" of %s: " ngx_file_info_n " failed",
                          name, what);
            return NGX_ERROR;
        }

        if (!ngx_http_llm_folder_may(who, &st, S_IXOTH)) {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "folder \"%s\" of %s cannot be passed by the "
                          "workers' user, who could not reopen the file: its "
                          "mode must be 0755 or 0751", name, what);
            return NGX_ERROR;
        }

        /* others' entries of a sticky folder cannot be moved away */

        if (!ngx_http_llm_folder_may(who, &st, S_IWOTH)
            || (!first && (st.st_mode & S_ISVTX) && st.st_uid != who->uid))
        {
            continue;
        }

        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "folder \"%s\" of %s may be changed by the workers' "
                      "user, root would follow any link there: its owner "
                      "must be root and its mode 0755 or 0751", name, what);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* mode: as for others; an owner may give himself what he lacks */

static ngx_uint_t
ngx_http_llm_folder_may(ngx_http_llm_who_t *who, struct stat *st, mode_t mode)
{
    ngx_uint_t  i;

    if (st->st_uid == who->uid) {
        return mode == S_IWOTH || (st->st_mode & (mode << 6)) != 0;
    }

    for (i = 0; i < who->ngroups; i++) {
        if (st->st_gid == who->groups[i]) {
            return (st->st_mode & (mode << 3)) != 0;
        }
    }

    return (st->st_mode & mode) != 0;
}
