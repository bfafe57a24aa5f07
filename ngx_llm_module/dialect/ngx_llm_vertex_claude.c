
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Claude on Vertex AI: Anthropic's dialect, with the model in the path and a
 * version in its place in the body.
 */


#include "ngx_llm_vertex.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_anthropic.h"
#include "ngx_llm_gemini.h"


#define NGX_LLM_VERTEX_CLAUDE  "vertex-2023-10-16"


static ngx_int_t ngx_llm_vertex_claude_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_vertex_claude_version(ngx_pool_t *pool,
    ngx_llm_target_t *target, ngx_str_t *version);
static ngx_int_t ngx_llm_vertex_claude_edit_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_vertex_claude_edit_model(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits);
static void ngx_llm_vertex_claude_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_vertex_claude_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_vertex_claude_read_error(ngx_pool_t *pool,
    ngx_uint_t status, ngx_str_t *text, ngx_llm_error_t *err);


/* for clients it is Anthropic's, whose requests it takes */

const ngx_llm_dialect_t  ngx_llm_vertex_claude = {
    ngx_string("vertex_claude"),
    NGX_LLM_DIALECT_SSE|NGX_LLM_DIALECT_BETAS|NGX_LLM_DIALECT_PROJECT
    |NGX_LLM_DIALECT_COUNTS,
    sizeof(ngx_llm_anthropic_reader_t),
    0,
    ngx_string("/v1"),

    NULL,
    NULL,
    NULL,
    NULL,
    NULL,

    ngx_llm_vertex_claude_write_request,
    ngx_llm_vertex_claude_edit_request,
    ngx_llm_vertex_claude_write_path,
    ngx_llm_vertex_claude_write_headers,
    ngx_llm_anthropic_read_response,
    ngx_llm_anthropic_read_frame,
    ngx_llm_anthropic_read_end,
    ngx_llm_vertex_claude_read_error,

    NULL,
    ngx_null_string,
    NULL,

    NULL,
    &ngx_llm_vertex_relay,
    NULL
};


/* what clients of other dialects may add, of what is offered there */

static char  *ngx_llm_vertex_claude_extensions[] = {
    "context_management",
    "output_config",
    NULL
};


static ngx_int_t
ngx_llm_vertex_claude_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_str_t                 version;
    ngx_llm_anthropic_host_t  host;

    ngx_memzero(&host, sizeof(ngx_llm_anthropic_host_t));

    if (ngx_llm_vertex_claude_version(chat->pool, target, &version)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    host.extensions = ngx_llm_vertex_claude_extensions;
    host.head.len = sizeof("\"anthropic_version\":,\"stream\":true")
                    + version.len;

    host.head.data = ngx_pnalloc(chat->pool, host.head.len);
    if (host.head.data == NULL) {
        return NGX_ERROR;
    }

    host.head.len = ngx_sprintf(host.head.data, "\"anthropic_version\":%V%s",
                                &version,
                                chat->stream ? ",\"stream\":true" : "")
                    - host.head.data;

    return ngx_llm_anthropic_write_body(chat, target, &host, out, err);
}


/*
 * A JSON string: the configuration's word, or that of a client whose body goes
 * on as it is.  What the vendor's first version is here has a name of its own.
 */

static ngx_int_t
ngx_llm_vertex_claude_version(ngx_pool_t *pool, ngx_llm_target_t *target,
    ngx_str_t *version)
{
    ngx_str_t      plain, first;
    ngx_llm_out_t  out;

    ngx_str_set(&plain, NGX_LLM_VERTEX_CLAUDE);
    ngx_str_set(&first, NGX_LLM_ANTHROPIC_VERSION);

    if (target->api_version.len) {
        plain = target->api_version;

    } else if (target->version.len
               && (target->version.len != first.len
                   || ngx_memcmp(target->version.data, first.data, first.len)
                      != 0))
    {
        plain = target->version;
    }

    /* each byte may become an escape of six */

    ngx_llm_out_init(&out, pool, NULL, 0, 6 * plain.len + 2);

    ngx_llm_out_json_string(&out, &plain);

    version->data = out.start;
    version->len = ngx_llm_out_len(&out);

    return out.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_vertex_claude_edit_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits, ngx_llm_error_t *err)
{
    ngx_int_t         rc;
    ngx_llm_target_t  same;

    if (ngx_llm_json_get(chat->root, "anthropic_version") != NULL) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             "unsupported_parameter", "anthropic_version",
                             "provider \"%V\" has a version of its own",
                             &target->provider);
    }

    /* the name in the body is not changed: it is taken away, but in a count */

    same = *target;

    if (!chat->count) {
        same.model = chat->model;
    }

    rc = ngx_llm_anthropic_edit_request(chat, &same, edits, err);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_llm_vertex_claude_edit_model(chat, target, edits);
}


/* the version in the place of the model, or in front of all */

static ngx_int_t
ngx_llm_vertex_claude_edit_model(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits)
{
    u_char           *place;
    ngx_str_t         version, text;
    ngx_llm_json_t   *model;

    static ngx_str_t  key = ngx_string("anthropic_version");

    if (ngx_llm_vertex_claude_version(chat->pool, target, &version)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    model = chat->count ? NULL : chat->model_node;

    if (model != NULL) {

        if (ngx_llm_edit_rename(model, &key, edits) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_llm_edit_add(edits, model->raw.data, model->raw.len,
                                &version);
    }

    text.len = sizeof("\"anthropic_version\":,") - 1 + version.len;

    text.data = ngx_pnalloc(chat->pool, text.len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(text.data, "\"anthropic_version\":%V,", &version);

    place = chat->root->raw.data + 1;

    return ngx_llm_edit_add(edits, place, 0, &text);
}


static void
ngx_llm_vertex_claude_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    ngx_llm_target_t  counts;

    if (chat->count) {

        /* a model of its own, which is told the real one */

        counts = *target;
        ngx_str_set(&counts.model, "count-tokens");

        ngx_llm_vertex_write_model(&counts, "anthropic", out);
        ngx_llm_out_lit(out, ":rawPredict");

        return;
    }

    ngx_llm_vertex_write_model(target, "anthropic", out);

    if (chat->stream) {
        ngx_llm_out_lit(out, ":streamRawPredict");

    } else {
        ngx_llm_out_lit(out, ":rawPredict");
    }
}


static void
ngx_llm_vertex_claude_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    ngx_llm_gemini_write_headers(chat, target, out);

    if (target->beta.len) {
        ngx_llm_out_header(out, "anthropic-beta", &target->beta);
    }
}


/* Anthropic's, or one that Google has before the model is reached */

static void
ngx_llm_vertex_claude_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    ngx_llm_json_t  *code, *root;

    root = ngx_llm_json_parse(pool, text, NULL);

    if (root != NULL && root->type == NGX_LLM_JSON_ARRAY) {
        root = root->child;
    }

    code = ngx_llm_json_get(ngx_llm_json_get(root, "error"), "code");

    if (code == NULL || code->type != NGX_LLM_JSON_NUMBER) {
        ngx_llm_anthropic_read_error(pool, status, text, err);
        return;
    }

    ngx_llm_gemini_read_error(pool, status, text, err);

    /* no client of Anthropic's knows its shape */

    ngx_str_null(&err->raw);
}
