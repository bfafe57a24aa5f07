
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_ollama.h"
#include "ngx_llm_calls.h"


static void ngx_llm_ollama_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_ollama_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_ollama_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err);
static ngx_uint_t ngx_llm_ollama_status(ngx_str_t *message,
    ngx_uint_t status);


const ngx_llm_dialect_t  ngx_llm_ollama = {
    ngx_string("ollama"),
    NGX_LLM_DIALECT_NDJSON,
    sizeof(ngx_llm_ollama_reader_t),
    0,
    ngx_string("/api"),

    NULL,
    NULL,
    NULL,
    NULL,
    NULL,

    ngx_llm_ollama_write_request,
    NULL,
    ngx_llm_ollama_write_path,
    ngx_llm_ollama_write_headers,
    ngx_llm_ollama_read_response,
    ngx_llm_ollama_read_frame,
    ngx_llm_ollama_read_end,
    ngx_llm_ollama_read_error,

    NULL,
    ngx_null_string,
    NULL,

    &ngx_llm_ollama_embed,
    &ngx_llm_ollama_relay,
    NULL
};


static void
ngx_llm_ollama_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_out_str(out, &target->base);
    ngx_llm_out_lit(out, "/chat");
}


static void
ngx_llm_ollama_write_headers(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_compose_headers(chat, target, "application/x-ndjson", out);
}


static void
ngx_llm_ollama_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    ngx_llm_json_t  *root;

    root = text->len ? ngx_llm_json_parse(pool, text, NULL) : NULL;

    if (root && ngx_llm_ollama_error(pool, root, status, err) == NGX_OK) {
        return;
    }

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    ngx_llm_error_status(err, (status == 499) ? 503 : status);

    /* older servers, and proxies, send plain text */

    err->message = ngx_llm_error_body(pool, status, text);

    if (err->fail & (NGX_LLM_FAIL_REQUEST|NGX_LLM_FAIL_SERVER_ERROR)) {
        ngx_llm_error_text(err, &err->message);
    }
}


ngx_int_t
ngx_llm_ollama_error(ngx_pool_t *pool, ngx_llm_json_t *root,
    ngx_uint_t status, ngx_llm_error_t *err)
{
    ngx_str_t        message;
    ngx_llm_json_t  *error;

    error = ngx_llm_json_set(root, "error");

    if (error == NULL) {
        return NGX_DECLINED;
    }

    if (error->type == NGX_LLM_JSON_STRING) {
        message = ngx_llm_json_text(error);

    } else {
        message = ngx_llm_json_str(error, "message");
    }

    if (message.len == 0) {
        return NGX_DECLINED;
    }

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    ngx_llm_error_status(err, ngx_llm_ollama_status(&message, status));

    if (err->fail & (NGX_LLM_FAIL_REQUEST|NGX_LLM_FAIL_SERVER_ERROR)) {
        ngx_llm_error_text(err, &message);
    }

    return ngx_llm_answer_message(pool, &message, &err->message);
}


/* in a stream, and for some failures, there are only words */

static ngx_uint_t
ngx_llm_ollama_status(ngx_str_t *message, ngx_uint_t status)
{
    if (status == 499) {

        /* it was not the client who left */

        return 503;
    }

    if (status >= 300 && status != 500) {
        return status;
    }

    if (ngx_llm_answer_has(message, "maximum pending requests exceeded")) {
        return 503;
    }

    if (ngx_llm_answer_has(message, "model")
        && ngx_llm_answer_has(message, "not found"))
    {
        return 404;
    }

    if (ngx_llm_answer_has(message, "does not support")) {
        return 400;
    }

    return 500;
}
