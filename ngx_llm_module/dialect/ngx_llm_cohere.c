
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_cohere.h"
#include "ngx_llm_calls.h"


static void ngx_llm_cohere_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_cohere_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_cohere_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err);
static void ngx_llm_cohere_error_status(ngx_llm_error_t *err,
    ngx_uint_t status, ngx_str_t *message);


const ngx_llm_dialect_t  ngx_llm_cohere = {
    ngx_string("cohere"),
    NGX_LLM_DIALECT_SSE,
    sizeof(ngx_llm_cohere_reader_t),
    0,
    ngx_string("/v2"),

    NULL,
    NULL,
    NULL,
    NULL,
    NULL,

    ngx_llm_cohere_write_request,
    NULL,
    ngx_llm_cohere_write_path,
    ngx_llm_cohere_write_headers,
    ngx_llm_cohere_read_response,
    ngx_llm_cohere_read_frame,
    ngx_llm_cohere_read_end,
    ngx_llm_cohere_read_error,

    NULL,
    ngx_null_string,
    NULL,

    &ngx_llm_cohere_embed,
    &ngx_llm_cohere_relay,
    NULL
};


static void
ngx_llm_cohere_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_out_str(out, &target->base);
    ngx_llm_out_lit(out, "/chat");
}


static void
ngx_llm_cohere_write_headers(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_compose_headers(chat, target, "text/event-stream", out);
}


/* {"id":"..","message":"text"}, without a type or a code */

static void
ngx_llm_cohere_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    ngx_str_t        message;
    ngx_llm_json_t  *root;

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    root = text->len ? ngx_llm_json_parse(pool, text, NULL) : NULL;
    message = ngx_llm_json_str(root, "message");

    if (message.len == 0) {
        message = ngx_llm_json_str(root, "detail");
    }

    ngx_llm_cohere_error_status(err, status, &message);

    if (message.len == 0
        || ngx_llm_answer_message(pool, &message, &err->message) != NGX_OK)
    {
        err->message = ngx_llm_error_body(pool, status, text);
    }
}


static void
ngx_llm_cohere_error_status(ngx_llm_error_t *err, ngx_uint_t status,
    ngx_str_t *message)
{
    switch (status) {

    case 498:

        /* the input was blocked */

        ngx_llm_error_status(err, 400);
        err->fail = NGX_LLM_FAIL_CONTENT;
        ngx_str_set(&err->code, "content_filter");
        return;

    case 499:

        /* it was not the client who left */

        status = 503;
        break;

    case 400:

        if (ngx_llm_answer_has(message, "invalid api token")
            || ngx_llm_answer_has(message, "no api key"))
        {
            status = 401;
        }

        break;
    }

    ngx_llm_error_status(err, status);

    if (err->fail & (NGX_LLM_FAIL_REQUEST|NGX_LLM_FAIL_SERVER_ERROR)) {
        ngx_llm_cohere_error_text(err, message);
    }
}


void
ngx_llm_cohere_error_text(ngx_llm_error_t *err, ngx_str_t *message)
{
    if (message->len == 0) {
        return;
    }

    ngx_llm_error_text(err, message);

    if (ngx_llm_answer_has(message, "too many tokens")) {
        ngx_llm_error_status(err, 400);
        err->fail = NGX_LLM_FAIL_CONTEXT;
        ngx_str_set(&err->code, "context_length_exceeded");
    }
}
