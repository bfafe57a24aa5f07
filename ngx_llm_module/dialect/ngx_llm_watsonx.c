
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_watsonx.h"
#include "ngx_llm_calls.h"


/* the version of the API, a date, that this is written for */
#define NGX_LLM_WATSONX_VERSION  "2025-10-01"


static void ngx_llm_watsonx_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_watsonx_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static const ngx_llm_quirks_t *ngx_llm_watsonx_date(ngx_str_t *version);


const ngx_llm_dialect_t  ngx_llm_watsonx = {
    ngx_string("watsonx"),
    NGX_LLM_DIALECT_SSE|NGX_LLM_DIALECT_APIKEY,
    sizeof(ngx_llm_openai_reader_t),
    0,
    ngx_string("/ml/v1"),

    NULL,
    NULL,
    NULL,
    NULL,
    NULL,

    ngx_llm_watsonx_write_request,
    NULL,
    ngx_llm_watsonx_write_path,
    ngx_llm_watsonx_write_headers,
    ngx_llm_watsonx_read_response,
    ngx_llm_watsonx_read_frame,
    ngx_llm_openai_read_end,
    ngx_llm_watsonx_read_error,

    NULL,
    ngx_null_string,
    NULL,

    &ngx_llm_watsonx_embed,
    &ngx_llm_watsonx_relay,
    NULL
};


const ngx_llm_quirks_t  ngx_llm_watsonx_quirks = {
    0, 0, 0, NULL, NULL, NULL, NULL, NULL, ngx_llm_watsonx_date, 0, NULL, NULL
};


static ngx_str_t  ngx_llm_watsonx_version =
    ngx_string(NGX_LLM_WATSONX_VERSION);


static void
ngx_llm_watsonx_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_str_t  id;

    ngx_llm_out_str(out, &target->base);

    if (ngx_llm_watsonx_deployment(target, &id)) {
        ngx_llm_out_lit(out, "/deployments/");
        ngx_llm_out_path(out, &id);
    }

    if (chat->stream) {
        ngx_llm_out_lit(out, "/text/chat_stream");

    } else {
        ngx_llm_out_lit(out, "/text/chat");
    }

    ngx_llm_watsonx_write_version(target, out);
}


static void
ngx_llm_watsonx_write_headers(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_compose_headers(chat, target, "text/event-stream", out);
}


ngx_uint_t
ngx_llm_watsonx_deployment(ngx_llm_target_t *target, ngx_str_t *id)
{
    ngx_str_t  kind;

    ngx_str_set(&kind, "deployments/");

    if (target->model.len <= kind.len
        || ngx_memcmp(target->model.data, kind.data, kind.len) != 0)
    {
        return 0;
    }

    id->data = target->model.data + kind.len;
    id->len = target->model.len - kind.len;

    return 1;
}


void
ngx_llm_watsonx_write_version(ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "?version=");
    ngx_llm_out_path(out, target->api_version.len ? &target->api_version
                                                  : &ngx_llm_watsonx_version);
}


void
ngx_llm_watsonx_write_model(ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    ngx_str_t  id;

    ngx_llm_out_char(out, '{');

    if (ngx_llm_watsonx_deployment(target, &id)) {
        return;
    }

    ngx_llm_out_lit(out, "\"model_id\":");
    ngx_llm_out_json_string(out, &target->model);

    if (target->project.len) {
        ngx_llm_out_lit(out, ",\"project_id\":");
        ngx_llm_out_json_string(out, &target->project);

    } else if (target->space.len) {
        ngx_llm_out_lit(out, ",\"space_id\":");
        ngx_llm_out_json_string(out, &target->space);
    }

    ngx_llm_out_char(out, ',');
}


/* 2025-10-01, or nothing */

static const ngx_llm_quirks_t *
ngx_llm_watsonx_date(ngx_str_t *version)
{
    size_t  i;

    if (version->len == 0) {
        return &ngx_llm_watsonx_quirks;
    }

    if (version->len != ngx_llm_watsonx_version.len) {
        return NULL;
    }

    for (i = 0; i < version->len; i++) {

        if (ngx_llm_watsonx_version.data[i] == '-') {

            if (version->data[i] != '-') {
                return NULL;
            }

        } else if (version->data[i] < '0' || version->data[i] > '9') {
            return NULL;
        }
    }

    return &ngx_llm_watsonx_quirks;
}
