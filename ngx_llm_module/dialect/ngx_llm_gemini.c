
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_gemini.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_events.h"
#include "ngx_llm_wait.h"


#define NGX_LLM_GEMINI_MAX_PARAM  128


typedef struct {
    char        *name;
    ngx_uint_t   status;
} ngx_llm_gemini_status_t;


static void ngx_llm_gemini_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);

static ngx_uint_t ngx_llm_gemini_error_status(ngx_llm_json_t *error,
    ngx_uint_t status);
static ngx_uint_t ngx_llm_gemini_status(ngx_llm_json_t *error,
    ngx_uint_t status);
static ngx_int_t ngx_llm_gemini_error_details(ngx_pool_t *pool,
    ngx_llm_json_t *error, ngx_llm_error_t *err);
static ngx_llm_json_t *ngx_llm_gemini_detail(ngx_llm_json_t *error,
    char *type);


const ngx_llm_dialect_t  ngx_llm_gemini = {
    ngx_string("gemini"),
    NGX_LLM_DIALECT_SSE|NGX_LLM_DIALECT_COUNTS,
    sizeof(ngx_llm_gemini_reader_t),
    0,
    ngx_string("/v1beta"),

    NULL,
    NULL,
    NULL,
    NULL,
    NULL,

    ngx_llm_gemini_write_request,
    NULL,
    ngx_llm_gemini_write_path,
    ngx_llm_gemini_write_headers,
    ngx_llm_gemini_read_response,
    ngx_llm_gemini_read_frame,
    ngx_llm_gemini_read_end,
    ngx_llm_gemini_read_error,

    NULL,
    ngx_null_string,
    NULL,

    &ngx_llm_gemini_embed,
    &ngx_llm_gemini_relay,
    NULL
};


static ngx_llm_gemini_status_t  ngx_llm_gemini_statuses[] = {
    { "INVALID_ARGUMENT", 400 },
    { "FAILED_PRECONDITION", 400 },
    { "OUT_OF_RANGE", 400 },
    { "UNAUTHENTICATED", 401 },
    { "PERMISSION_DENIED", 403 },
    { "NOT_FOUND", 404 },
    { "RESOURCE_EXHAUSTED", 429 },
    { "CANCELLED", 499 },
    { "INTERNAL", 500 },
    { "UNKNOWN", 500 },
    { "UNIMPLEMENTED", 501 },
    { "UNAVAILABLE", 503 },
    { "DEADLINE_EXCEEDED", 504 },
    { NULL, 0 }
};


static void
ngx_llm_gemini_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_str_t  name;

    ngx_llm_out_str(out, &target->base);
    ngx_llm_out_char(out, '/');
    ngx_llm_gemini_model_kind(&target->model, &name, out);
    ngx_llm_out_path(out, &name);

    ngx_llm_gemini_write_method(chat, out);
}


void
ngx_llm_gemini_write_method(ngx_llm_chat_t *chat, ngx_llm_out_t *out)
{
    if (chat->count) {
        ngx_llm_out_lit(out, ":countTokens");

    } else if (chat->stream) {
        ngx_llm_out_lit(out, ":streamGenerateContent?alt=sse");

    } else {
        ngx_llm_out_lit(out, ":generateContent");
    }
}


void
ngx_llm_gemini_model_kind(ngx_str_t *model, ngx_str_t *name,
    ngx_llm_out_t *out)
{
    size_t  i;

    static ngx_str_t  kinds[] = {
        ngx_string("models/"),
        ngx_string("tunedModels/"),
        ngx_null_string
    };

    *name = *model;

    for (i = 0; kinds[i].len; i++) {

        if (name->len > kinds[i].len
            && ngx_memcmp(name->data, kinds[i].data, kinds[i].len) == 0)
        {
            name->data += kinds[i].len;
            name->len -= kinds[i].len;
            break;
        }
    }

    if (kinds[i].len == 0) {
        i = 0;
    }

    ngx_llm_out_str(out, &kinds[i]);
}


void
ngx_llm_gemini_write_headers(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "Content-Type: application/json" CRLF);

    if (chat->stream) {
        ngx_llm_out_lit(out, "Accept: text/event-stream" CRLF);

    } else {
        ngx_llm_out_lit(out, "Accept: application/json" CRLF);
    }

    ngx_llm_out_key(out, target, "x-goog-api-key", NULL);
}


void
ngx_llm_gemini_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    ngx_llm_json_t  *root;

    root = ngx_llm_json_parse(pool, text, NULL);

    if (root != NULL
        && ngx_llm_gemini_error(pool, root, status, err) == NGX_OK)
    {
        if (root->type == NGX_LLM_JSON_OBJECT) {
            err->raw = root->raw;
        }

        return;
    }

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    ngx_llm_error_status(err, status);

    err->message = ngx_llm_error_body(pool, status, text);
}


ngx_int_t
ngx_llm_gemini_error(ngx_pool_t *pool, ngx_llm_json_t *root,
    ngx_uint_t status, ngx_llm_error_t *err)
{
    ngx_str_t        message;
    ngx_llm_json_t  *error;

    if (root->type == NGX_LLM_JSON_ARRAY && root->child != NULL) {
        root = root->child;
    }

    error = ngx_llm_json_set(root, "error");

    if (error == NULL || error->type != NGX_LLM_JSON_OBJECT) {
        return NGX_DECLINED;
    }

    message = ngx_llm_json_str(error, "message");

    if (message.len == 0) {
        message = ngx_llm_json_str(error, "status");
    }

    if (message.len == 0) {
        return NGX_DECLINED;
    }

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    ngx_llm_error_status(err, ngx_llm_gemini_error_status(error, status));

    ngx_llm_error_text(err, &message);

    if (ngx_llm_gemini_error_details(pool, error, err) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_llm_answer_message(pool, &message, &err->message);
}


static ngx_uint_t
ngx_llm_gemini_error_status(ngx_llm_json_t *error, ngx_uint_t status)
{
    ngx_str_t  message, reason, word;

    status = ngx_llm_gemini_status(error, status);

    word = ngx_llm_json_str(error, "status");
    message = ngx_llm_json_str(error, "message");

    if (status == 400) {
        reason = ngx_llm_json_str(ngx_llm_gemini_detail(error, "ErrorInfo"),
                                  "reason");

        if (ngx_llm_json_is(&reason, "API_KEY_INVALID")
            || ngx_llm_json_is(&reason, "API_KEY_EXPIRED")
            || ngx_llm_gemini_find(&message, "api key not valid")
            || ngx_llm_gemini_find(&message, "api key expired"))
        {
            return 401;
        }

        /* where the gateway is, or its account: another may do */

        if (ngx_llm_json_is(&word, "FAILED_PRECONDITION")) {
            return 403;
        }

        if (ngx_llm_gemini_find(&message, "request payload size exceeds")) {
            return 413;
        }
    }

    /* it was not the client who left */

    return (status == 499) ? 503 : status;
}


static ngx_uint_t
ngx_llm_gemini_status(ngx_llm_json_t *error, ngx_uint_t status)
{
    int64_t                   code;
    ngx_str_t                 word;
    ngx_llm_gemini_status_t  *s;

    if (status >= 400) {
        return status;
    }

    code = ngx_llm_json_count(error, "code", 0);

    if (code >= 400 && code < 600) {
        return (ngx_uint_t) code;
    }

    word = ngx_llm_json_str(error, "status");

    for (s = ngx_llm_gemini_statuses; s->name; s++) {

        if (ngx_llm_json_is(&word, s->name)) {
            return s->status;
        }
    }

    return 500;
}


static ngx_int_t
ngx_llm_gemini_error_details(ngx_pool_t *pool, ngx_llm_json_t *error,
    ngx_llm_error_t *err)
{
    ngx_str_t        text;
    ngx_llm_json_t  *node;

    text = ngx_llm_json_str(ngx_llm_gemini_detail(error, "RetryInfo"),
                            "retryDelay");

    err->retry_after = ngx_llm_wait(&text, 0);

    if (err->fail != NGX_LLM_FAIL_REQUEST) {
        return NGX_OK;
    }

    node = ngx_llm_json_get(ngx_llm_gemini_detail(error, "BadRequest"),
                            "fieldViolations");

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    text = ngx_llm_json_str(node->child, "field");

    if (text.len == 0 || text.len > NGX_LLM_GEMINI_MAX_PARAM) {
        return NGX_OK;
    }

    err->param = ngx_llm_json_plain(pool, &text);

    return (err->param.data == NULL) ? NGX_ERROR : NGX_OK;
}


/* by the end of "type.googleapis.com/google.rpc.RetryInfo" */

static ngx_llm_json_t *
ngx_llm_gemini_detail(ngx_llm_json_t *error, char *type)
{
    size_t           len;
    ngx_str_t        text;
    ngx_llm_json_t  *node;

    node = ngx_llm_json_get(error, "details");

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        return NULL;
    }

    len = ngx_strlen(type);

    for (node = node->child; node; node = node->next) {

        text = ngx_llm_json_str(node, "@type");

        if (text.len > len && text.data[text.len - len - 1] == '.'
            && ngx_memcmp(text.data + text.len - len, type, len) == 0)
        {
            return node;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_llm_gemini_find(ngx_str_t *text, char *what)
{
    size_t  len;

    len = ngx_strlen(what);

    if (text->len < len) {
        return 0;
    }

    return ngx_strlcasestrn(text->data, text->data + text->len,
                            (u_char *) what, len - 1)
           != NULL;
}
