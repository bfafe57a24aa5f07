
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_compose.h"


static const ngx_llm_compose_own_t *ngx_llm_compose_find_own(
    ngx_llm_compose_t *rq, ngx_llm_json_t *node);


ngx_int_t
ngx_llm_compose_params(ngx_llm_compose_t *rq, uint64_t takes)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_array_t      *unknown;
    ngx_llm_chat_t   *chat;
    ngx_llm_json_t  **node, **rest;

    chat = rq->chat;
    unknown = chat->unknown;

    if (unknown != NULL && rq->own != NULL) {

        /* what is read must not be named as dropped */

        chat->unknown = ngx_array_create(chat->pool, unknown->nelts,
                                         sizeof(ngx_llm_json_t *));
        if (chat->unknown == NULL) {
            chat->unknown = unknown;
            return NGX_ERROR;
        }

        node = unknown->elts;

        for (i = 0; i < unknown->nelts; i++) {

            if (ngx_llm_compose_find_own(rq, node[i]) != NULL) {
                continue;
            }

            /* there is room for all */

            rest = ngx_array_push(chat->unknown);
            *rest = node[i];
        }
    }

    rc = ngx_llm_params_check(chat, takes, rq->target->drop,
                              &rq->target->provider, rq->err);

    chat->unknown = unknown;

    return rc;
}


static const ngx_llm_compose_own_t *
ngx_llm_compose_find_own(ngx_llm_compose_t *rq, ngx_llm_json_t *node)
{
    const ngx_llm_compose_own_t  *own;

    for (own = rq->own; own->name.len; own++) {

        if (own->name.len == node->key.len
            && ngx_memcmp(own->name.data, node->key.data, node->key.len) == 0
            && (own->types & (1 << node->type)))
        {
            return own;
        }
    }

    return NULL;
}


ngx_llm_json_t *
ngx_llm_compose_own(ngx_llm_compose_t *rq, char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_llm_json_t  **node;

    if (rq->chat->unknown == NULL) {
        return NULL;
    }

    len = ngx_strlen(name);
    node = rq->chat->unknown->elts;

    for (i = 0; i < rq->chat->unknown->nelts; i++) {

        if (node[i]->key.len == len
            && ngx_memcmp(node[i]->key.data, name, len) == 0)
        {
            return ngx_llm_compose_find_own(rq, node[i]) ? node[i] : NULL;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_llm_compose_write_own(ngx_llm_compose_t *rq, char *name)
{
    ngx_llm_json_t  *node;

    node = ngx_llm_compose_own(rq, name);

    if (node == NULL) {
        return 0;
    }

    ngx_llm_compose_member(rq, name);
    ngx_llm_out_str(rq->out, &node->raw);

    return 1;
}


void
ngx_llm_compose_member(ngx_llm_compose_t *rq, char *name)
{
    ngx_llm_out_lit(rq->out, ",\"");
    ngx_llm_out_data(rq->out, (u_char *) name, ngx_strlen(name));
    ngx_llm_out_lit(rq->out, "\":");
}


ngx_int_t
ngx_llm_compose_drop(ngx_llm_compose_t *rq, char *name)
{
    return ngx_llm_params_drop(rq->chat, name);
}


ngx_uint_t
ngx_llm_compose_drops(ngx_llm_compose_t *rq, ngx_uint_t param)
{
    return (rq->target->drop & ngx_llm_param_bit(param)) != 0;
}


ngx_int_t
ngx_llm_compose_refuse(ngx_llm_compose_t *rq, char *param, char *what)
{
    return ngx_llm_error(rq->chat->pool, rq->err, 400,
                         "invalid_request_error", "unsupported_parameter",
                         param, "provider \"%V\" cannot take %s",
                         &rq->target->provider, what);
}


ngx_int_t
ngx_llm_compose_refuse_part(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    char *what)
{
    return ngx_llm_error(rq->chat->pool, rq->err, 400,
                         "invalid_request_error", "unsupported_parameter",
                         "messages",
                         "messages[%ui]: provider \"%V\" cannot take %s",
                         m->index, &rq->target->provider, what);
}


ngx_int_t
ngx_llm_compose_no_content(ngx_llm_compose_t *rq)
{
    return ngx_llm_error(rq->chat->pool, rq->err, 400,
                         "invalid_request_error", NULL, "messages",
                         "\"messages\" have no content");
}


ngx_int_t
ngx_llm_compose_format(ngx_llm_compose_t *rq)
{
    if (rq->chat->format == NGX_LLM_FORMAT_TEXT || rq->ntools == 0) {
        return NGX_OK;
    }

    return ngx_llm_compose_refuse_or_drop(rq, NGX_LLM_PARAM_RESPONSE_FORMAT,
                                          "\"response_format\" together with "
                                          "\"tools\"");
}


ngx_int_t
ngx_llm_compose_refuse_or_drop(ngx_llm_compose_t *rq, ngx_uint_t param,
    char *what)
{
    char  *name;

    name = (char *) ngx_llm_param_name(param)->data;

    if (!ngx_llm_compose_drops(rq, param)) {
        return ngx_llm_compose_refuse(rq, name, what);
    }

    return ngx_llm_compose_drop(rq, name);
}


ngx_int_t
ngx_llm_compose_stop(ngx_llm_compose_t *rq, char *name, ngx_uint_t max)
{
    ngx_int_t    rc;
    ngx_str_t   *stop;
    ngx_uint_t   i, n;

    if (rq->chat->stop == NULL) {
        return NGX_OK;
    }

    n = 0;
    stop = rq->chat->stop->elts;

    for (i = 0; i < rq->chat->stop->nelts; i++) {

        if (stop[i].len == 0) {
            continue;
        }

        if (max && n == max) {

            rc = ngx_llm_compose_refuse_or_drop(rq, NGX_LLM_PARAM_STOP,
                                                "so many stop sequences");
            if (rc != NGX_OK) {
                return rc;
            }

            break;
        }

        if (n++ == 0) {
            ngx_llm_compose_member(rq, name);
            ngx_llm_out_char(rq->out, '[');

        } else {
            ngx_llm_out_char(rq->out, ',');
        }

        ngx_llm_out_quoted(rq->out, &stop[i]);
    }

    if (n) {
        ngx_llm_out_char(rq->out, ']');
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_compose_seed(ngx_llm_compose_t *rq, char *name)
{
    int64_t          n;
    ngx_llm_json_t  *node;

    node = rq->chat->param[NGX_LLM_PARAM_SEED];

    if (node == NULL) {
        return NGX_OK;
    }

    if (ngx_llm_json_int(node, &n) != NGX_OK) {
        return ngx_llm_compose_drop(rq, "seed");
    }

    ngx_llm_compose_member(rq, name);
    ngx_llm_out_int(rq->out, (n < 0) ? ~n : n);

    return NGX_OK;
}


void
ngx_llm_compose_number(ngx_llm_compose_t *rq, ngx_uint_t param, char *name)
{
    ngx_llm_json_t  *node;

    node = rq->chat->param[param];

    if (node != NULL && node->type == NGX_LLM_JSON_NUMBER) {
        ngx_llm_compose_member(rq, name);
        ngx_llm_out_str(rq->out, &node->raw);
    }
}


ngx_int_t
ngx_llm_compose_limited(ngx_llm_compose_t *rq, ngx_uint_t param, char *name,
    int64_t min, char *min_text, int64_t max, char *max_text)
{
    char            *text;
    int64_t          value;
    ngx_llm_json_t  *node;

    node = rq->chat->param[param];

    if (node == NULL || ngx_llm_json_decimal(node, &value) != NGX_OK) {
        return NGX_OK;
    }

    ngx_llm_compose_member(rq, name);

    if (value >= min && value <= max) {
        ngx_llm_out_str(rq->out, &node->raw);
        return NGX_OK;
    }

    text = (value < min) ? min_text : max_text;

    ngx_llm_out_data(rq->out, (u_char *) text, ngx_strlen(text));

    return ngx_llm_compose_drop(rq,
                                (char *) ngx_llm_param_name(param)->data);
}


void
ngx_llm_compose_headers(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    char *accept, ngx_llm_out_t *out)
{
    ngx_str_t  value;

    ngx_llm_out_lit(out, "Content-Type: application/json" CRLF);

    if (chat->stream) {
        value.data = (u_char *) accept;
        value.len = ngx_strlen(accept);

    } else {
        ngx_str_set(&value, "application/json");
    }

    ngx_llm_out_header(out, "Accept", &value);

    ngx_llm_out_key(out, target, "Authorization", "Bearer ");
}
