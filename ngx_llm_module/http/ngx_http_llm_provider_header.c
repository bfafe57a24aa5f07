
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Header lines of a provider: extra ones, and that of its key.
 */


#include "ngx_http_llm_provider.h"


#define NGX_HTTP_LLM_PROVIDER_HEADERS   32


static char *ngx_http_llm_provider_line(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *value);


/* lines that the gateway or nginx writes, or that are of one connection */

static ngx_str_t  ngx_http_llm_provider_reserved[] = {
    ngx_string("accept-encoding"),
    ngx_string("connection"),
    ngx_string("content-length"),
    ngx_string("content-type"),
    ngx_string("expect"),
    ngx_string("host"),
    ngx_string("keep-alive"),
    ngx_string("proxy-connection"),
    ngx_string("te"),
    ngx_string("trailer"),
    ngx_string("transfer-encoding"),
    ngx_string("upgrade"),
    ngx_null_string
};


char *
ngx_http_llm_provider_header(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_provider_t *p = conf;

    char          *rv;
    ngx_str_t     *value;
    ngx_keyval_t  *header;

    value = cf->args->elts;

    rv = ngx_http_llm_provider_line(cf, &value[1], &value[2]);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (p->headers == NULL) {
        p->headers = ngx_array_create(cf->pool, 2, sizeof(ngx_keyval_t));
        if (p->headers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (p->headers->nelts == NGX_HTTP_LLM_PROVIDER_HEADERS) {
        return "stands too often";
    }

    header = ngx_array_push(p->headers);
    if (header == NULL) {
        return NGX_CONF_ERROR;
    }

    header->key = value[1];
    header->value = value[2];

    return NGX_CONF_OK;
}


/* what stands before the key, a blank included, is the prefix */

char *
ngx_http_llm_provider_key_header(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_llm_provider_t *p = conf;

    char       *rv;
    ngx_str_t  *value;

    if (p->key_header) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 3) {
        p->key_prefix = value[2];
    }

    rv = ngx_http_llm_provider_line(cf, &value[1], &p->key_prefix);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    p->key_header = (char *) value[1].data;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_provider_line(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *value)
{
    char        *rv;
    u_char       c;
    ngx_str_t   *reserved;
    ngx_uint_t   i;

    rv = ngx_http_llm_provider_token(cf, NULL, name);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    for (reserved = ngx_http_llm_provider_reserved;
         reserved->len;
         reserved++)
    {
        if (reserved->len == name->len
            && ngx_strncasecmp(reserved->data, name->data, name->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "header \"%V\" cannot be set", name);
            return NGX_CONF_ERROR;
        }
    }

    for (i = 0; i < value->len; i++) {
        c = value->data[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value of header \"%V\"", name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* as RFC 9110 has it: no blank, no delimiter */

char *
ngx_http_llm_provider_token(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *value = data;

    u_char      c;
    ngx_uint_t  i;

    for (i = 0; i < value->len; i++) {
        c = value->data[i];

        if (c <= 0x20 || c >= 0x7f || ngx_strchr("\"(),/:;<=>?@[\\]{}", c)) {
            break;
        }
    }

    if (value->len == 0 || i < value->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\"",
                           value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
