
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What requests of OpenAI's API have in common.
 */


#include "ngx_llm_calls.h"
#include "ngx_llm_openai.h"


static ngx_int_t ngx_llm_openai_call_model(ngx_llm_chat_t *chat,
    ngx_llm_json_t *node, ngx_llm_error_t *err);


static char  *ngx_llm_openai_paths[] = {
    "/moderations",
    "/images/generations",
    "/images/edits",
    "/images/variations",
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
    "/files",
    "/batches",
    NULL
};


static char  *ngx_llm_mistral_paths[] = {
    "/moderations",
    "/audio/transcriptions",
    NULL
};


char  *ngx_llm_openai_usages[] = { "usage", NULL };


const ngx_llm_relay_dialect_t  ngx_llm_openai_relay = {
    ngx_llm_openai_paths,
    ngx_llm_openai_usages,
    ngx_llm_openai_relay_usage,
    NULL,
    &ngx_llm_rerank_jina,
    NULL,
    ngx_null_string,
    1
};


const ngx_llm_relay_dialect_t  ngx_llm_mistral_relay = {
    ngx_llm_mistral_paths,
    ngx_llm_openai_usages,
    ngx_llm_openai_relay_usage,
    NULL,
    NULL,
    NULL,
    ngx_null_string,
    1
};


ngx_int_t
ngx_llm_openai_read_call(ngx_llm_chat_t *chat, ngx_uint_t need_model,
    ngx_llm_error_t *err)
{
    ngx_str_t            *name;
    ngx_llm_json_t       *node;
    ngx_llm_json_conf_t   conf;

    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));

    chat->dialect = &ngx_llm_openai;
    chat->root = ngx_llm_json_parse(chat->pool, &chat->text, &conf);

    if (chat->root == NULL) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, NULL,
                             "the request body is not valid JSON: %V",
                             &conf.error);
    }

    if (chat->root->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, NULL,
                             "the request body must be a JSON object");
    }

    name = ngx_llm_json_alike(chat->root);

    if (name) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, NULL, "\"%*s\" is given twice",
                             ngx_min(name->len, 64), name->data);
    }

    node = ngx_llm_json_set(chat->root, "user");

    if (node && node->type == NGX_LLM_JSON_STRING) {
        chat->user = ngx_llm_json_text(node);
    }

    chat->stream = ngx_llm_json_true(chat->root, "stream");

    node = ngx_llm_json_set(chat->root, "model");

    if (node == NULL) {
        if (!need_model) {
            return NGX_OK;
        }

        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "model", "\"model\" is required");
    }

    return ngx_llm_openai_call_model(chat, node, err);
}


static ngx_int_t
ngx_llm_openai_call_model(ngx_llm_chat_t *chat, ngx_llm_json_t *node,
    ngx_llm_error_t *err)
{
    u_char      c;
    ngx_str_t   text;
    ngx_uint_t  i;

    if (node->type != NGX_LLM_JSON_STRING) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "model", "\"model\" must be a string");
    }

    text = ngx_llm_json_text(node);

    chat->model_node = node;
    chat->model = ngx_llm_json_plain(chat->pool, &text);

    if (chat->model.data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < chat->model.len; i++) {
        c = chat->model.data[i];

        if (c < 0x20 || c == 0x7f) {
            return ngx_llm_error(chat->pool, err, 400,
                                 "invalid_request_error", NULL, "model",
                                 "\"model\" has a control character");
        }
    }

    return NGX_OK;
}


/* rerank of Jina, embeddings of Voyage and others say a total alone */

void
ngx_llm_openai_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage)
{
    int64_t          total;
    ngx_llm_usage_t  said;

    if (ngx_llm_openai_usage(node, &said) == NGX_OK) {
        *usage = said;
        return;
    }

    total = ngx_llm_json_count(node, "total_tokens", -1);

    if (total >= 0) {
        usage->prompt = total;
        usage->completion = 0;
        usage->reported = 1;
    }
}
