
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_aws.h"
#include "ngx_llm_sigv4.h"


static ngx_int_t ngx_llm_aws_bearer(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_aws_key(ngx_str_t *key, ngx_llm_sigv4_t *sign);
static ngx_str_t ngx_llm_aws_field(ngx_str_t *rest);
static ngx_str_t ngx_llm_aws_region(ngx_str_t *host, ngx_str_t *services);


ngx_int_t
ngx_llm_aws_sign(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_signed_t *s, const ngx_llm_aws_service_t *service,
    ngx_keyval_t *header, ngx_llm_out_t *out)
{
    ngx_keyval_t     headers[3];
    ngx_llm_sigv4_t  sign;

    if (target->key.len == 0) {
        return NGX_OK;
    }

    ngx_memzero(&sign, sizeof(ngx_llm_sigv4_t));

    ngx_llm_aws_key(&target->key, &sign);

    if (sign.id.len == 0 && service->bearer) {
        return ngx_llm_aws_bearer(chat, target, out);
    }

    sign.region = target->region.len ? target->region
                                     : ngx_llm_aws_region(&s->host,
                                                          service->hosts);

    if (sign.id.len == 0 || sign.secret.len == 0 || sign.region.len == 0) {
        return NGX_ERROR;
    }

    sign.service = service->name;
    sign.method = s->method;
    sign.path = s->path;
    sign.query = s->query;
    sign.body = s->body;
    sign.nbody = s->nbody;
    sign.hash = s->hash;
    sign.now = s->now;

    ngx_str_set(&headers[0].key, "host");
    headers[0].value = s->host;
    ngx_str_set(&headers[1].key, "content-type");
    headers[1].value = s->type;

    sign.headers = headers;
    sign.nheaders = s->type.len ? 2 : 1;

    if (header) {
        headers[sign.nheaders++] = *header;
    }

    return ngx_llm_sigv4(&sign, chat->pool, out);
}


static ngx_int_t
ngx_llm_aws_bearer(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_str_t  value;

    value.len = sizeof("Bearer ") - 1 + target->key.len;

    value.data = ngx_pnalloc(chat->pool, value.len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(value.data, "Bearer %V", &target->key);

    ngx_llm_out_header(out, "Authorization", &value);

    return NGX_OK;
}


/* ID:SECRET or ID:SECRET:TOKEN; without a colon nothing is set */

static void
ngx_llm_aws_key(ngx_str_t *key, ngx_llm_sigv4_t *sign)
{
    ngx_str_t  rest;

    if (ngx_strlchr(key->data, key->data + key->len, ':') == NULL) {
        return;
    }

    rest = *key;

    sign->id = ngx_llm_aws_field(&rest);
    sign->secret = ngx_llm_aws_field(&rest);
    sign->token = rest;
}


static ngx_str_t
ngx_llm_aws_field(ngx_str_t *rest)
{
    u_char     *colon;
    ngx_str_t   field;

    field = *rest;
    colon = ngx_strlchr(field.data, field.data + field.len, ':');

    if (colon == NULL) {
        rest->data += rest->len;
        rest->len = 0;

        return field;
    }

    field.len = colon - field.data;

    rest->len -= field.len + 1;
    rest->data = colon + 1;

    return field;
}


/* the label behind the service's, wherever in a name that stands */

static ngx_str_t
ngx_llm_aws_region(ngx_str_t *host, ngx_str_t *services)
{
    size_t      i;
    u_char     *end, *last, *p;
    ngx_str_t   region;

    last = host->data + host->len;

    ngx_str_null(&region);

    for (i = 0; services[i].len; i++) {

        if (host->len <= services[i].len) {
            continue;
        }

        p = ngx_strlcasestrn(host->data, last, services[i].data,
                             services[i].len - 1);

        if (p == NULL || (p != host->data && p[-1] != '.')) {
            continue;
        }

        p += services[i].len;
        end = ngx_strlchr(p, last, '.');

        if (end != NULL) {
            region.data = p;
            region.len = end - p;
        }
    }

    return region;
}
