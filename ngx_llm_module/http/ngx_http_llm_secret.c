
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Secrets: where they come from, and that they go nowhere else.  No message
 * of this file repeats a value, nor a source that may be one by mistake.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "ngx_http_llm.h"


#define NGX_HTTP_LLM_SECRET_SIZE  8192


static ngx_int_t ngx_http_llm_secret_env(ngx_conf_t *cf, ngx_str_t *name,
    u_char *buf, size_t *len);
static ngx_int_t ngx_http_llm_secret_env_push(ngx_conf_t *cf,
    ngx_str_t *name, u_char **value);
static ngx_int_t ngx_http_llm_secret_file(ngx_conf_t *cf, ngx_str_t *name,
    u_char *buf, size_t *len);
static ngx_int_t ngx_http_llm_secret_trim(ngx_conf_t *cf, ngx_str_t *source,
    u_char *buf, size_t *len);
static ngx_int_t ngx_http_llm_secret_hex(ngx_conf_t *cf, ngx_str_t *hex,
    u_char *digest);
static ngx_int_t ngx_http_llm_secret_missing(ngx_conf_t *cf,
    ngx_str_t *source, ngx_err_t err, char *text);


ngx_int_t
ngx_http_llm_secret_read(ngx_conf_t *cf, ngx_str_t *source, ngx_str_t *value)
{
    size_t     len;
    ngx_int_t  rc;
    u_char     buf[NGX_HTTP_LLM_SECRET_SIZE];

    ngx_str_null(value);

    if (source->len == 4 && ngx_strncmp(source->data, "none", 4) == 0) {
        return NGX_OK;
    }

    if (ngx_strncmp(source->data, "env:", 4) == 0) {
        rc = ngx_http_llm_secret_env(cf, source, buf, &len);

    } else if (ngx_strncmp(source->data, "file:", 5) == 0) {
        rc = ngx_http_llm_secret_file(cf, source, buf, &len);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid key, it must be \"env:NAME\", "
                           "\"file:PATH\" or \"none\"");
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        value->data = ngx_pnalloc(cf->pool, len);

        if (value->data) {
            ngx_memcpy(value->data, buf, len);
            value->len = len;

        } else {
            rc = NGX_ERROR;
        }
    }

    ngx_explicit_memzero(buf, sizeof(buf));

    return rc;
}


ngx_int_t
ngx_http_llm_secret_digest(ngx_conf_t *cf, ngx_str_t *source, u_char *digest)
{
    size_t     len;
    ngx_int_t  rc;
    ngx_str_t  hex;
    u_char     buf[NGX_HTTP_LLM_SECRET_SIZE];

    if (ngx_strncmp(source->data, "sha256:", 7) == 0) {
        hex.data = source->data + 7;
        hex.len = source->len - 7;

        return ngx_http_llm_secret_hex(cf, &hex, digest);
    }

    if (ngx_strncmp(source->data, "env:", 4) == 0) {
        rc = ngx_http_llm_secret_env(cf, source, buf, &len);

    } else if (ngx_strncmp(source->data, "file:", 5) == 0) {
        rc = ngx_http_llm_secret_file(cf, source, buf, &len);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid secret, it must be \"sha256:HEX\", "
                           "\"env:NAME\" or \"file:PATH\"");
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        ngx_http_llm_sha256(buf, len, digest);
    }

    ngx_explicit_memzero(buf, sizeof(buf));

    return rc;
}


void
ngx_http_llm_sha256(u_char *data, size_t len, u_char *digest)
{
    static EVP_MD_CTX  *ctx;

    if (ctx == NULL) {
        ctx = EVP_MD_CTX_new();

        if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
            EVP_MD_CTX_free(ctx);
            ctx = NULL;
        }
    }

    /* looking the algorithm up costs more than a digest of a key */

    if (ctx
        && EVP_DigestInit_ex(ctx, NULL, NULL) == 1
        && EVP_DigestUpdate(ctx, data, len) == 1
        && EVP_DigestFinal_ex(ctx, digest, NULL) == 1)
    {
        return;
    }

    (void) SHA256(data, len, digest);
}


static ngx_int_t
ngx_http_llm_secret_env(ngx_conf_t *cf, ngx_str_t *source, u_char *buf,
    size_t *len)
{
    u_char      c, *value;
    ngx_str_t   name;
    ngx_uint_t  i;

    name.data = source->data + 4;
    name.len = source->len - 4;

    for (i = 0; i < name.len; i++) {
        c = (u_char) (name.data[i] | 0x20);

        if (name.data[i] == '_'
            || (c >= 'a' && c <= 'z')
            || (name.data[i] >= '0' && name.data[i] <= '9'))
        {
            continue;
        }

        break;
    }

    if (name.len == 0 || i < name.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name of an environment variable");
        return NGX_ERROR;
    }

    if (ngx_http_llm_secret_env_push(cf, &name, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value == NULL) {
        return ngx_http_llm_secret_missing(cf, source, 0, "is not set");
    }

    *len = ngx_strlen(value);

    if (*len > NGX_HTTP_LLM_SECRET_SIZE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is too long",
                           source);
        return NGX_ERROR;
    }

    ngx_memcpy(buf, value, *len);

    return ngx_http_llm_secret_trim(cf, source, buf, len);
}


/*
 * the value, also one that the directive "env" gives; without a place in the
 * core's list a variable would be gone after a binary upgrade
 */

static ngx_int_t
ngx_http_llm_secret_env_push(ngx_conf_t *cf, ngx_str_t *name, u_char **value)
{
    u_char           *p;
    ngx_str_t        *var;
    ngx_uint_t        i;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    var = ccf->env.elts;

    for (i = 0; i < ccf->env.nelts; i++) {

        if (var[i].len != name->len
            || ngx_memcmp(var[i].data, name->data, name->len) != 0)
        {
            continue;
        }

        if (var[i].data[var[i].len] == '=') {
            *value = &var[i].data[var[i].len + 1];

        } else {
            *value = (u_char *) getenv((char *) var[i].data);
        }

        return NGX_OK;
    }

    /* the core looks at the byte after the name */

    p = ngx_pnalloc(cf->pool, name->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(p, name->data, name->len + 1);

    var = ngx_array_push(&ccf->env);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->data = p;
    var->len = name->len;

    *value = (u_char *) getenv((char *) p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_secret_file(ngx_conf_t *cf, ngx_str_t *source, u_char *buf,
    size_t *len)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_err_t        err;
    ngx_int_t        rc;
    ngx_str_t        name;
    ngx_file_info_t  fi;

    name.data = source->data + 5;
    name.len = source->len - 5;

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no file in \"file:\"");
        return NGX_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    /* a pipe must not hold up who reads the configuration */

    fd = ngx_open_file(name.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return ngx_http_llm_secret_missing(cf, source, ngx_errno,
                                           "could not be opened");
    }

    n = 0;
    err = 0;
    rc = NGX_OK;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a regular file", source);
        rc = NGX_ERROR;

    } else if (ngx_file_size(&fi) > NGX_HTTP_LLM_SECRET_SIZE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is too long",
                           source);
        rc = NGX_ERROR;

    } else {
        n = ngx_read_fd(fd, buf, NGX_HTTP_LLM_SECRET_SIZE);
        err = (n == -1) ? ngx_errno : 0;
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &name);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (n == -1) {
        return ngx_http_llm_secret_missing(cf, source, err,
                                           "could not be read");
    }

    *len = n;

    return ngx_http_llm_secret_trim(cf, source, buf, len);
}


/* files end with a newline; what is left must fit into a header line */

static ngx_int_t
ngx_http_llm_secret_trim(ngx_conf_t *cf, ngx_str_t *source, u_char *buf,
    size_t *len)
{
    size_t  i, n;

    for (n = *len; n; n--) {
        if (buf[n - 1] != LF && buf[n - 1] != CR
            && buf[n - 1] != ' ' && buf[n - 1] != '\t')
        {
            break;
        }
    }

    if (n == 0) {
        return ngx_http_llm_secret_missing(cf, source, 0, "is empty");
    }

    for (i = 0; i < n; i++) {

        if (buf[0] == '{'
            && (buf[i] == LF || buf[i] == CR || buf[i] == '\t'))
        {
            /* JSON in one line is the same */

            buf[i] = ' ';
        }

        if (buf[i] < 0x20 || buf[i] == 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" has a control character", source);
            return NGX_ERROR;
        }
    }

    *len = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_secret_hex(ngx_conf_t *cf, ngx_str_t *hex, u_char *digest)
{
    ngx_int_t   n;
    ngx_uint_t  i;

    if (hex->len != NGX_HTTP_LLM_DIGEST * 2) {
        goto invalid;
    }

    for (i = 0; i < NGX_HTTP_LLM_DIGEST; i++) {

        n = ngx_hextoi(&hex->data[i * 2], 2);
        if (n == NGX_ERROR) {
            goto invalid;
        }

        digest[i] = (u_char) n;
    }

    return NGX_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid digest, \"sha256:\" takes %d hexadecimal "
                       "digits", NGX_HTTP_LLM_DIGEST * 2);
    return NGX_ERROR;
}


/*
 * a start goes on without the secret; a reload does not, as the configuration
 * that is running may have it
 */

static ngx_int_t
ngx_http_llm_secret_missing(ngx_conf_t *cf, ngx_str_t *source, ngx_err_t err,
    char *text)
{
    if (ngx_is_init_cycle(cf->cycle->old_cycle)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, err,
                           "\"%V\" %s, it is ignored", source, text);
        return NGX_DECLINED;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, err, "\"%V\" %s", source, text);

    return NGX_ERROR;
}
