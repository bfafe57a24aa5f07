
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Errors: {"errors":[{"code":...,"message":...}],"trace":...,
 * "status_code":...}, as a body or as an event.  What stands in front of the
 * API has other forms, which are read as OpenAI's.
 */


#include "ngx_llm_watsonx.h"


typedef struct {
    char        *code;
    ngx_uint_t   status;
} ngx_llm_watsonx_code_t;


static void ngx_llm_watsonx_words(ngx_pool_t *pool, ngx_llm_json_t *error,
    ngx_llm_error_t *err);
static ngx_uint_t ngx_llm_watsonx_blocked(ngx_llm_json_t *root);
static ngx_llm_json_t *ngx_llm_watsonx_first(ngx_llm_json_t *root);


/* codes that say more than the status that they come with */

static const ngx_llm_watsonx_code_t  ngx_llm_watsonx_codes[] = {
    { "token_quota_reached", 429 },
    { "consumption_limit_reached", 429 },
    { "rate_limit_reached_requests", 429 },
    { "model_not_supported", 404 },
    { "authentication_token_expired", 401 },
    { "authentication_token_not_valid", 401 },
    { "authorization_rejected", 403 },
    { "user_authorization_failed", 403 },
    { NULL, 0 }
};


void
ngx_llm_watsonx_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    ngx_llm_json_t  *root;

    root = text->len ? ngx_llm_json_parse(pool, text, NULL) : NULL;

    if (ngx_llm_watsonx_first(root)
        && ngx_llm_watsonx_error(pool, status, root, err) == NGX_OK)
    {
        return;
    }

    ngx_llm_openai_read_error(pool, status, text, err);

    /* no client knows its form */

    ngx_str_null(&err->raw);
}


ngx_int_t
ngx_llm_watsonx_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_llm_json_t *root, ngx_llm_error_t *err)
{
    int64_t          n;
    ngx_str_t        message;
    ngx_llm_json_t  *error;

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    error = ngx_llm_watsonx_first(root);

    if (error == NULL) {

        if (!ngx_llm_watsonx_blocked(root)) {
            return NGX_DECLINED;
        }

        ngx_llm_error_status(err, 400);

        err->fail = NGX_LLM_FAIL_CONTENT;
        ngx_str_set(&err->code, "content_filter");
        ngx_str_set(&err->message, "the provider's moderation blocked it");

        return NGX_OK;
    }

    if (status < 300) {

        /* within an answer: the number tells */

        n = ngx_llm_json_count(root, "status_code", 502);
        status = (n >= 400 && n <= 599) ? n : 502;
    }

    ngx_llm_error_status(err, status);

    message = ngx_llm_json_str(error, "message");

    if (message.len == 0) {
        message = ngx_llm_error_body(pool, status, &root->raw);
    }

    if (ngx_llm_answer_message(pool, &message, &err->message) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_watsonx_words(pool, error, err);

    return NGX_OK;
}


static void
ngx_llm_watsonx_words(ngx_pool_t *pool, ngx_llm_json_t *error,
    ngx_llm_error_t *err)
{
    ngx_str_t                      code;
    const ngx_llm_watsonx_code_t  *c;

    code = ngx_llm_json_str(error, "code");

    for (c = ngx_llm_watsonx_codes; c->code; c++) {

        if (ngx_llm_json_is(&code, c->code)) {
            ngx_llm_error_status(err, c->status);
            return;
        }
    }

    if (!(err->fail & (NGX_LLM_FAIL_REQUEST|NGX_LLM_FAIL_SERVER_ERROR))) {
        return;
    }

    ngx_llm_error_text(err, &err->message);

    if (err->fail == NGX_LLM_FAIL_REQUEST && code.len && code.len <= 64) {
        err->code = ngx_llm_json_plain(pool, &code);
    }
}


/* "moderations" that found something, and no choice that says anything */

static ngx_uint_t
ngx_llm_watsonx_blocked(ngx_llm_json_t *root)
{
    ngx_llm_json_t  *choice, *node;

    node = ngx_llm_json_get(root, "moderations");

    if (node == NULL || node->child == NULL) {
        return 0;
    }

    node = ngx_llm_json_get(root, "choices");

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        return 1;
    }

    for (choice = node->child; choice; choice = choice->next) {

        if (ngx_llm_json_set(choice, "message")
            || ngx_llm_json_set(choice, "delta")
            || ngx_llm_json_set(choice, "finish_reason"))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_llm_json_t *
ngx_llm_watsonx_first(ngx_llm_json_t *root)
{
    ngx_llm_json_t  *list;

    list = ngx_llm_json_get(root, "errors");

    if (list == NULL || list->type != NGX_LLM_JSON_ARRAY || list->child == NULL
        || list->child->type != NGX_LLM_JSON_OBJECT)
    {
        return NULL;
    }

    return list->child;
}
