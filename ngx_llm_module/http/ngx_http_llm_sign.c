
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_http_llm_sign.h"


#define NGX_HTTP_LLM_REGION     64
#define NGX_HTTP_LLM_SIGNATURE  65536


static u_char *ngx_http_llm_sign_place(ngx_str_t *url);


ngx_int_t
ngx_http_llm_sign(ngx_http_llm_attempt_t *at, ngx_llm_signed_t *s,
    ngx_llm_out_t *out)
{
    ngx_http_llm_provider_t  *provider;

    provider = at->provider;

    if (at->dialect->sign == NULL) {
        return NGX_OK;
    }

    s->host = provider->authority;
    s->now = ngx_time();

    if (at->dialect->sign(&at->ctx->chat, &at->target, s, out) == NGX_OK) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, at->request->connection->log, 0,
                  "could not sign a request for llm provider \"%V\"",
                  &provider->name);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_llm_sign_check(ngx_conf_t *cf, ngx_http_llm_provider_t *p)
{
    ngx_str_t         none, *key;
    ngx_uint_t        i;
    ngx_llm_out_t     out;
    ngx_llm_chat_t    chat;
    ngx_llm_signed_t  s;
    ngx_llm_target_t  target;

    if (p->dialect->sign == NULL) {
        return NGX_OK;
    }

    ngx_str_null(&none);

    ngx_llm_chat_init(&chat, cf->temp_pool, &none);
    ngx_memzero(&target, sizeof(ngx_llm_target_t));
    ngx_memzero(&s, sizeof(ngx_llm_signed_t));

    target.region = p->region;
    s.host = p->authority;
    ngx_str_set(&s.method, "POST");
    ngx_str_set(&s.path, "/");

    key = p->keys.elts;

    for (i = 0; i < p->keys.nelts; i++) {

        target.key = key[i];

        ngx_llm_out_init(&out, cf->temp_pool, NULL, 0,
                         NGX_HTTP_LLM_SIGNATURE);

        if (p->dialect->sign(&chat, &target, &s, &out) == NGX_OK
            && !out.failed)
        {
            continue;
        }

        /* the key is not shown */

        if (p->region.len == 0) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "provider \"%V\" in %s:%ui cannot sign requests: "
                          "it must have \"region\", or its key is not valid",
                          &p->name, p->file, p->line);

        } else {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "provider \"%V\" in %s:%ui cannot sign requests: "
                          "its key is not valid",
                          &p->name, p->file, p->line);
        }

        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_llm_sign_part(ngx_str_t *part)
{
    return part->len == sizeof("{region}") - 1
           && ngx_strncmp(part->data, "{region}", part->len) == 0;
}


/* where a url has the region, or NULL */

static u_char *
ngx_http_llm_sign_place(ngx_str_t *url)
{
    ngx_str_t  name;

    ngx_str_set(&name, "{region}");

    if (url->len < name.len) {
        return NULL;
    }

    return ngx_strlcasestrn(url->data, url->data + url->len, name.data,
                            name.len - 1);
}


ngx_int_t
ngx_http_llm_sign_region(ngx_conf_t *cf, ngx_http_llm_provider_t *p,
    const ngx_llm_preset_t *preset)
{
    u_char     *last, *place, *q;
    ngx_str_t   name, url;

    if (p->region.len && p->dialect->sign == NULL
        && (preset == NULL
            || ngx_http_llm_sign_place((ngx_str_t *) &preset->url) == NULL))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui has no use for \"region\"%s",
                      &p->name, p->file, p->line,
                      (p->dialect->flags & NGX_LLM_DIALECT_PROJECT)
                      ? ", it takes \"location\"" : "");
        return NGX_ERROR;
    }

    place = ngx_http_llm_sign_place(&p->url);

    if (place == NULL) {
        return NGX_OK;
    }

    ngx_str_set(&name, "{region}");

    last = p->url.data + p->url.len;

    if (p->region.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui must have \"region\" or "
                      "\"url\"", &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    url.len = p->url.len - name.len + p->region.len;

    url.data = ngx_pnalloc(cf->pool, url.len + 1);
    if (url.data == NULL) {
        return NGX_ERROR;
    }

    q = ngx_cpymem(url.data, p->url.data, place - p->url.data);
    q = ngx_cpymem(q, p->region.data, p->region.len);
    q = ngx_cpymem(q, place + name.len, last - place - name.len);
    *q = '\0';

    p->url = url;

    return NGX_OK;
}


/* it becomes a part of a host's name */

char *
ngx_http_llm_sign_region_name(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *value = data;

    u_char      c;
    ngx_uint_t  i;

    for (i = 0; i < value->len; i++) {
        c = value->data[i];

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-') {
            continue;
        }

        break;
    }

    if (value->len == 0 || value->len > NGX_HTTP_LLM_REGION
        || i < value->len)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": lower-case letters, "
                           "digits and \"-\" are allowed", value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
