
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The table; paths, headers, signatures.
 */


#include "ngx_llm_bedrock.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_sigv4.h"


static void ngx_llm_bedrock_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_bedrock_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_bedrock_sign(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_signed_t *s, ngx_llm_out_t *out);

static void ngx_llm_bedrock_key(ngx_str_t *key, ngx_llm_sigv4_t *sign);
static ngx_str_t ngx_llm_bedrock_field(ngx_str_t *rest);
static ngx_str_t ngx_llm_bedrock_region(ngx_str_t *host);


const ngx_llm_dialect_t  ngx_llm_bedrock = {
    ngx_string("bedrock"),
    NGX_LLM_DIALECT_EVENTSTREAM,
    sizeof(ngx_llm_bedrock_reader_t),
    0,
    ngx_null_string,

    NULL,
    NULL,
    NULL,
    NULL,
    NULL,

    ngx_llm_bedrock_write_request,
    NULL,
    ngx_llm_bedrock_write_path,
    ngx_llm_bedrock_write_headers,
    ngx_llm_bedrock_read_response,
    ngx_llm_bedrock_read_frame,
    ngx_llm_bedrock_read_end,
    ngx_llm_bedrock_read_error,

    ngx_llm_bedrock_sign,
    ngx_string("x-amzn-errortype"),
    ngx_llm_bedrock_read_error_header,

    &ngx_llm_bedrock_embed,
    NULL,
    NULL
};


void
ngx_llm_bedrock_name(ngx_str_t *model, ngx_llm_bedrock_name_t *name)
{
    u_char      *p, *last;
    ngx_str_t    text;
    ngx_uint_t   converse;

    text = *model;

    converse = (text.len > sizeof("converse/") - 1
                && ngx_memcmp(text.data, "converse/",
                              sizeof("converse/") - 1)
                   == 0);

    if (converse) {
        text.data += sizeof("converse/") - 1;
        text.len -= sizeof("converse/") - 1;
    }

    name->family = text;
    name->id = text;

    last = text.data + text.len;
    p = ngx_strlcasestrn(text.data, last, (u_char *) "/arn:",
                         sizeof("/arn:") - 2);

    if (p != NULL && p != text.data) {
        name->family.len = p - text.data;
        name->id.data = p + 1;
        name->id.len = last - name->id.data;
    }

    /* what routes a prompt or is one speaks Converse alone */

    name->invoke = !converse
                   && ngx_llm_bedrock_has(&name->family, "claude")
                   && !ngx_llm_bedrock_has(&name->id, "prompt-router/")
                   && !ngx_llm_bedrock_has(&name->id, ":prompt/");
}


ngx_uint_t
ngx_llm_bedrock_has(ngx_str_t *text, char *word)
{
    size_t  len;

    len = ngx_strlen(word);

    return text->len >= len
           && ngx_strlcasestrn(text->data, text->data + text->len,
                               (u_char *) word, len - 1)
              != NULL;
}


static void
ngx_llm_bedrock_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_bedrock_name_t  name;

    ngx_llm_bedrock_name(&target->model, &name);

    ngx_llm_out_str(out, &target->base);
    ngx_llm_out_lit(out, "/model/");
    ngx_llm_out_path(out, &name.id);

    if (name.invoke) {
        ngx_llm_out_lit(out, "/invoke");

        if (chat->stream) {
            ngx_llm_out_lit(out, "-with-response-stream");
        }

        return;
    }

    ngx_llm_out_lit(out, "/converse");

    if (chat->stream) {
        ngx_llm_out_lit(out, "-stream");
    }
}


static void
ngx_llm_bedrock_write_headers(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_bedrock_name_t  name;

    ngx_llm_bedrock_name(&target->model, &name);

    ngx_llm_out_lit(out, "Content-Type: application/json" CRLF);

    if (chat->stream) {
        ngx_llm_out_lit(out, "Accept: application/vnd.amazon.eventstream"
                             CRLF);

    } else {
        ngx_llm_out_lit(out, "Accept: application/json" CRLF);
    }

    if (name.invoke) {
        ngx_llm_bedrock_write_invoke_headers(chat, out);
    }
}


/* the base and the model are escaped: what is signed is what is sent */

static ngx_int_t
ngx_llm_bedrock_sign(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_signed_t *s, ngx_llm_out_t *out)
{
    ngx_str_t        value;
    ngx_keyval_t     headers[2];
    ngx_llm_sigv4_t  sign;

    if (target->key.len == 0) {
        return NGX_OK;
    }

    ngx_memzero(&sign, sizeof(ngx_llm_sigv4_t));

    ngx_llm_bedrock_key(&target->key, &sign);

    if (sign.id.len == 0) {

        /* a key of Bedrock's own, which has no colon in it */

        value.len = sizeof("Bearer ") - 1 + target->key.len;

        value.data = ngx_pnalloc(chat->pool, value.len);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        ngx_sprintf(value.data, "Bearer %V", &target->key);

        ngx_llm_out_header(out, "Authorization", &value);

        return NGX_OK;
    }

    sign.region = target->region.len ? target->region
                                     : ngx_llm_bedrock_region(&s->host);

    if (sign.secret.len == 0 || sign.region.len == 0) {
        return NGX_ERROR;
    }

    ngx_str_set(&sign.service, "bedrock");
    ngx_str_set(&sign.method, "POST");

    sign.path = s->path;
    sign.body = s->body;
    sign.nbody = s->nbody;
    sign.now = s->now;

    ngx_str_set(&headers[0].key, "content-type");
    ngx_str_set(&headers[0].value, "application/json");
    ngx_str_set(&headers[1].key, "host");
    headers[1].value = s->host;

    sign.headers = headers;
    sign.nheaders = 2;

    return ngx_llm_sigv4(&sign, chat->pool, out);
}


/* ID:SECRET or ID:SECRET:TOKEN; without a colon nothing is set */

static void
ngx_llm_bedrock_key(ngx_str_t *key, ngx_llm_sigv4_t *sign)
{
    ngx_str_t  rest;

    if (ngx_strlchr(key->data, key->data + key->len, ':') == NULL) {
        return;
    }

    rest = *key;

    sign->id = ngx_llm_bedrock_field(&rest);
    sign->secret = ngx_llm_bedrock_field(&rest);
    sign->token = rest;
}


static ngx_str_t
ngx_llm_bedrock_field(ngx_str_t *rest)
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


/* the label behind "bedrock-runtime", wherever in a name that stands */

static ngx_str_t
ngx_llm_bedrock_region(ngx_str_t *host)
{
    size_t      i;
    u_char     *end, *last, *p;
    ngx_str_t   region;

    static ngx_str_t  services[] = {
        ngx_string("bedrock-runtime."),
        ngx_string("bedrock-runtime-fips."),
        ngx_null_string
    };

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
