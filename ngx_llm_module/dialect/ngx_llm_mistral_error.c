
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Errors: without an envelope, with a message that may be a list of what is
 * wrong, of the API or of what stands in front of it.
 */


#include "ngx_llm_mistral.h"


/* entries of a list that are told */
#define NGX_LLM_MISTRAL_DETAILS  4


static ngx_int_t ngx_llm_mistral_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_llm_json_t *root, ngx_llm_error_t *err);
static void ngx_llm_mistral_words(ngx_pool_t *pool, ngx_llm_json_t *error,
    ngx_llm_error_t *err);
static void ngx_llm_mistral_guardrail(ngx_llm_error_t *err);
static ngx_int_t ngx_llm_mistral_message(ngx_pool_t *pool,
    ngx_llm_json_t *node, ngx_str_t *message);
static ngx_int_t ngx_llm_mistral_details(ngx_pool_t *pool,
    ngx_llm_json_t *list, ngx_str_t *message);
static void ngx_llm_mistral_detail(ngx_llm_json_t *item, ngx_llm_out_t *out);
static int64_t ngx_llm_mistral_code(ngx_llm_json_t *error);


void
ngx_llm_mistral_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    ngx_llm_json_t  *root;

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    root = text->len ? ngx_llm_json_parse(pool, text, NULL) : NULL;

    if (root && root->type == NGX_LLM_JSON_OBJECT
        && ngx_llm_mistral_error(pool, status, root, err) == NGX_OK)
    {
        return;
    }

    ngx_llm_error_status(err, status);
    err->message = ngx_llm_error_body(pool, status, text);
}


static ngx_int_t
ngx_llm_mistral_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_llm_json_t *root, ngx_llm_error_t *err)
{
    ngx_str_t        message;
    ngx_uint_t       i;
    ngx_llm_json_t  *error, *node;

    static char  *names[] = { "message", "detail", "error", "msg", NULL };

    error = ngx_llm_json_get(root, "error");

    if (error == NULL || error->type != NGX_LLM_JSON_OBJECT) {
        error = root;
    }

    ngx_str_null(&message);

    for (i = 0; names[i] && message.len == 0; i++) {

        node = ngx_llm_json_get(error, names[i]);

        if (node && ngx_llm_mistral_message(pool, node, &message) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (message.len == 0) {
        return NGX_DECLINED;
    }

    ngx_llm_error_status(err, status);

    if (ngx_llm_answer_message(pool, &message, &err->message) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_llm_json_set(root, "guardrails")) {
        ngx_llm_mistral_guardrail(err);
        return NGX_OK;
    }

    ngx_llm_mistral_words(pool, error, err);

    return NGX_OK;
}


static void
ngx_llm_mistral_words(ngx_pool_t *pool, ngx_llm_json_t *error,
    ngx_llm_error_t *err)
{
    int64_t    code;
    ngx_str_t  param, type;

    if (!(err->fail & (NGX_LLM_FAIL_REQUEST|NGX_LLM_FAIL_SERVER_ERROR
                       |NGX_LLM_FAIL_AUTH)))
    {
        return;
    }

    code = ngx_llm_mistral_code(error);

    if (code == 3201) {
        ngx_llm_mistral_guardrail(err);
        return;
    }

    ngx_llm_error_text(err, &err->message);

    if (err->fail != NGX_LLM_FAIL_REQUEST) {
        return;
    }

    type = ngx_llm_json_str(error, "type");
    param = ngx_llm_json_str(error, "param");

    if (code == 1500 || ngx_llm_json_is(&type, "invalid_model")) {
        ngx_llm_error_status(err, 404);
        return;
    }

    if (code == 3051) {
        err->status = 400;
        err->fail = NGX_LLM_FAIL_CONTEXT;
        ngx_str_set(&err->code, "context_length_exceeded");
        return;
    }

    if (param.len && param.len <= 128) {
        err->param = ngx_llm_json_plain(pool, &param);
    }

    /* what is beside OpenAI's word for all of them tells more */

    if (type.len && type.len <= 64
        && !ngx_llm_json_is(&type, "invalid_request_error"))
    {
        err->code = ngx_llm_json_plain(pool, &type);
    }
}


static void
ngx_llm_mistral_guardrail(ngx_llm_error_t *err)
{
    ngx_llm_error_status(err, 400);

    err->fail = NGX_LLM_FAIL_CONTENT;
    ngx_str_set(&err->code, "content_filter");
}


/* a string or a number, of four digits */

static int64_t
ngx_llm_mistral_code(ngx_llm_json_t *error)
{
    int64_t          n;
    ngx_str_t        text;
    ngx_llm_json_t  *node;

    node = ngx_llm_json_get(error, "code");

    if (node == NULL) {
        return 0;
    }

    if (node->type == NGX_LLM_JSON_STRING) {
        text = ngx_llm_json_text(node);
        return (text.len == 4) ? ngx_atoi(text.data, text.len) : 0;
    }

    return (ngx_llm_json_int(node, &n) == NGX_OK) ? n : 0;
}


/* absent: the node says nothing */

static ngx_int_t
ngx_llm_mistral_message(ngx_pool_t *pool, ngx_llm_json_t *node,
    ngx_str_t *message)
{
    switch (node->type) {

    case NGX_LLM_JSON_STRING:
        *message = ngx_llm_json_text(node);
        return NGX_OK;

    case NGX_LLM_JSON_ARRAY:
        return ngx_llm_mistral_details(pool, node, message);

    case NGX_LLM_JSON_OBJECT:
        *message = ngx_llm_json_str(node, "message");

        node = ngx_llm_json_get(node, "detail");

        if (message->len || node == NULL) {
            return NGX_OK;
        }

        if (node->type == NGX_LLM_JSON_ARRAY) {
            return ngx_llm_mistral_details(pool, node, message);
        }

        if (node->type == NGX_LLM_JSON_STRING) {
            *message = ngx_llm_json_text(node);
        }

        return NGX_OK;

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_llm_mistral_details(ngx_pool_t *pool, ngx_llm_json_t *list,
    ngx_str_t *message)
{
    ngx_uint_t       n;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *item;

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_MAX_INT32_VALUE);

    n = 0;

    for (item = list->child; item && n < NGX_LLM_MISTRAL_DETAILS;
         item = item->next)
    {
        if (ngx_llm_json_str(item, "msg").len == 0) {
            continue;
        }

        if (n++) {
            ngx_llm_out_lit(&out, "; ");
        }

        ngx_llm_mistral_detail(item, &out);
    }

    if (out.failed) {
        return NGX_ERROR;
    }

    message->data = out.start;
    message->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


/* "body.messages.0.name: Extra inputs are not permitted" */

static void
ngx_llm_mistral_detail(ngx_llm_json_t *item, ngx_llm_out_t *out)
{
    ngx_str_t        text;
    ngx_uint_t       n;
    ngx_llm_json_t  *loc, *step;

    n = 0;
    loc = ngx_llm_json_get(item, "loc");

    if (loc && loc->type == NGX_LLM_JSON_ARRAY) {

        for (step = loc->child; step; step = step->next) {

            if (step->type == NGX_LLM_JSON_STRING) {
                text = ngx_llm_json_text(step);

            } else if (step->type == NGX_LLM_JSON_NUMBER) {
                text = step->raw;

            } else {
                continue;
            }

            if (n++) {
                ngx_llm_out_char(out, '.');
            }

            ngx_llm_out_str(out, &text);
        }
    }

    if (n) {
        ngx_llm_out_lit(out, ": ");
    }

    text = ngx_llm_json_str(item, "msg");
    ngx_llm_out_str(out, &text);
}
