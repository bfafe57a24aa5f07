
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * llm_timezone: where days, weeks and months begin.  The zone is read by who
 * reads the configuration; no process touches TZ, which is the log's.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_limit.h"


#define NGX_HTTP_LLM_ZONEINFO       "/usr/share/zoneinfo/"
#define NGX_HTTP_LLM_ZONEINFO_SIZE  (256 * 1024)
#define NGX_HTTP_LLM_ZONE_NAME      64


static ngx_uint_t ngx_http_llm_timezone_valid(ngx_str_t *name);
static ngx_int_t ngx_http_llm_timezone_read(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *data);


char *
ngx_http_llm_timezone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *lmcf = conf;

    u_char                   *p;
    char                     *why;
    ngx_int_t                 rc;
    ngx_str_t                *value, path, data;
    ngx_http_llm_calendar_t  *cal;

    cal = lmcf->calendar;

    if (cal->name.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (!ngx_http_llm_timezone_valid(&value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time zone \"%V\", it must be a name as "
                           "\"Europe/Berlin\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    cal->name = value[1];

    if (ngx_strcmp(value[1].data, "UTC") == 0) {
        return NGX_CONF_OK;
    }

    path.len = sizeof(NGX_HTTP_LLM_ZONEINFO) - 1 + value[1].len;
    path.data = ngx_pnalloc(cf->temp_pool, path.len + 1);
    if (path.data == NULL) {
        return NGX_CONF_ERROR;
    }

    p = ngx_cpymem(path.data, NGX_HTTP_LLM_ZONEINFO,
                   sizeof(NGX_HTTP_LLM_ZONEINFO) - 1);
    p = ngx_cpymem(p, value[1].data, value[1].len);
    *p = '\0';

    if (ngx_http_llm_timezone_read(cf, &path, &data) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    rc = ngx_llm_tz_read(&cal->tz, cf->pool, &data, &why);

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "time zone \"%V\" could not be read from \"%V\": "
                           "%s", &value[1], &path, why);
    }

    return (rc == NGX_OK) ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* it becomes part of a path */

static ngx_uint_t
ngx_http_llm_timezone_valid(ngx_str_t *name)
{
    u_char  *p, c;
    size_t   i;

    p = name->data;

    if (name->len == 0 || name->len > NGX_HTTP_LLM_ZONE_NAME || *p == '/') {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = (u_char) (p[i] | 0x20);

        if ((c < 'a' || c > 'z') && (p[i] < '0' || p[i] > '9')
            && p[i] != '_' && p[i] != '-' && p[i] != '+' && p[i] != '/')
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_llm_timezone_read(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *data)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "unknown time zone: " ngx_open_file_n
                           " \"%V\" failed (are they installed?)", path);
        return NGX_ERROR;
    }

    n = -1;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR && ngx_is_file(&fi)
        && ngx_file_size(&fi) <= NGX_HTTP_LLM_ZONEINFO_SIZE)
    {
        data->data = ngx_pnalloc(cf->temp_pool, NGX_HTTP_LLM_ZONEINFO_SIZE);

        if (data->data) {
            n = ngx_read_fd(fd, data->data, NGX_HTTP_LLM_ZONEINFO_SIZE);
        }
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    if (n < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no file of a time zone", path);
        return NGX_ERROR;
    }

    data->len = n;

    return NGX_OK;
}


void
ngx_http_llm_period(ngx_http_llm_main_conf_t *lmcf, ngx_llm_period_e period,
    int64_t t, int64_t *begin, int64_t *end)
{
    ngx_http_llm_calendar_t  *cal;

    if (period == NGX_LLM_PERIOD_TOTAL) {
        *begin = 0;
        *end = 0;
        return;
    }

    cal = lmcf->calendar;

    if (t < cal->begin[period] || t >= cal->end[period]) {
        ngx_llm_period(&cal->tz, period, t, &cal->begin[period],
                       &cal->end[period]);
    }

    *begin = cal->begin[period];
    *end = cal->end[period];
}
