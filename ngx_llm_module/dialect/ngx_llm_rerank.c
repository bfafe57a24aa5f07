
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Requests to rerank.  The forms are after Cohere's API, version 2 ("rerank"),
 * Jina's OpenAPI description, Voyage's "rerankers", NVIDIA's NeMo Retriever
 * Reranking NIM ("ranking"), and Hugging Face's Text Embeddings Inference
 * ("rerank").
 */


#include "ngx_llm_calls.h"
#include "ngx_llm_rerank.h"


static ngx_int_t ngx_llm_rerank_documents(ngx_llm_rerank_t *rerank,
    ngx_llm_error_t *err);
static ngx_int_t ngx_llm_rerank_options(ngx_llm_rerank_t *rerank,
    ngx_llm_error_t *err);
static ngx_int_t ngx_llm_rerank_parts(ngx_llm_rerank_t *rerank);
static ngx_str_t ngx_llm_rerank_text(ngx_llm_json_t *node);
static ngx_int_t ngx_llm_rerank_members(ngx_llm_rerank_t *rerank,
    const ngx_llm_rerank_form_t *form, ngx_llm_out_t *out);
static void ngx_llm_rerank_member(const ngx_llm_rerank_form_t *form,
    ngx_str_t *text, ngx_llm_out_t *out);
static ngx_uint_t ngx_llm_rerank_named(ngx_str_t *key, char **names);


static char  *ngx_llm_rerank_cohere_takes[] = {
    "max_tokens_per_doc", "priority", NULL
};

static char  *ngx_llm_rerank_voyage_takes[] = { "truncation", NULL };

static char  *ngx_llm_rerank_nvidia_takes[] = { "truncate", NULL };

static char  *ngx_llm_rerank_tei_takes[] = {
    "truncate", "truncation_direction", "raw_scores", NULL
};


const ngx_llm_rerank_form_t  ngx_llm_rerank_cohere = {
    ngx_string("cohere"),
    NGX_LLM_RERANK_SAME,
    ngx_string("/rerank"),
    "documents",
    "top_n",
    ngx_llm_rerank_cohere_takes
};

const ngx_llm_rerank_form_t  ngx_llm_rerank_jina = {
    ngx_string("jina"),
    NGX_LLM_RERANK_OPEN|NGX_LLM_RERANK_SAME,
    ngx_string("/rerank"),
    "documents",
    "top_n",
    NULL
};

const ngx_llm_rerank_form_t  ngx_llm_rerank_voyage = {
    ngx_string("voyage"),
    0,
    ngx_string("/rerank"),
    "documents",
    "top_k",
    ngx_llm_rerank_voyage_takes
};

const ngx_llm_rerank_form_t  ngx_llm_rerank_nvidia = {
    ngx_string("nvidia"),
    NGX_LLM_RERANK_OBJECTS,
    ngx_string("/ranking"),
    "passages",
    NULL,
    ngx_llm_rerank_nvidia_takes
};

const ngx_llm_rerank_form_t  ngx_llm_rerank_tei = {
    ngx_string("tei"),
    NGX_LLM_RERANK_ALONE|NGX_LLM_RERANK_ROOT,
    ngx_string("/rerank"),
    "texts",
    NULL,
    ngx_llm_rerank_tei_takes
};


static const ngx_llm_rerank_form_t  *ngx_llm_rerank_forms[] = {
    &ngx_llm_rerank_cohere,
    &ngx_llm_rerank_jina,
    &ngx_llm_rerank_voyage,
    &ngx_llm_rerank_nvidia,
    &ngx_llm_rerank_tei,
    NULL
};


/* what is said in the words of the form, or to the gateway */

static char  *ngx_llm_rerank_known[] = {
    "model", "query", "documents", "top_n", "return_documents", NULL
};


const ngx_llm_rerank_form_t *
ngx_llm_rerank_find(ngx_str_t *name)
{
    ngx_uint_t                     i;
    const ngx_llm_rerank_form_t   *form;

    for (i = 0; ngx_llm_rerank_forms[i]; i++) {
        form = ngx_llm_rerank_forms[i];

        if (form->name.len == name->len
            && ngx_memcmp(form->name.data, name->data, name->len) == 0)
        {
            return form;
        }
    }

    return NULL;
}


ngx_int_t
ngx_llm_rerank_read(ngx_llm_rerank_t *rerank, ngx_llm_error_t *err)
{
    ngx_int_t        rc;
    ngx_llm_chat_t  *chat;

    chat = rerank->chat;

    rc = ngx_llm_openai_read_call(chat, 1, err);
    if (rc != NGX_OK) {
        return rc;
    }

    chat->stream = 0;
    chat->max_tokens = 0;

    rerank->query = ngx_llm_json_set(chat->root, "query");

    if (rerank->query == NULL) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "query", "\"query\" is required");
    }

    if (rerank->query->type != NGX_LLM_JSON_STRING
        && rerank->query->type != NGX_LLM_JSON_OBJECT)
    {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "query", "\"query\" must be a string");
    }

    rc = ngx_llm_rerank_documents(rerank, err);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_rerank_options(rerank, err);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_llm_rerank_parts(rerank);
}


static ngx_int_t
ngx_llm_rerank_documents(ngx_llm_rerank_t *rerank, ngx_llm_error_t *err)
{
    ngx_str_t        text;
    ngx_llm_chat_t  *chat;
    ngx_llm_json_t  *node;

    chat = rerank->chat;

    rerank->documents = ngx_llm_json_set(chat->root, "documents");

    if (rerank->documents == NULL) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "documents", "\"documents\" is required");
    }

    if (rerank->documents->type != NGX_LLM_JSON_ARRAY) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "documents", "\"documents\" must be a list");
    }

    text = ngx_llm_rerank_text(rerank->query);

    rerank->n = 0;
    rerank->texts = (text.data != NULL);

    for (node = rerank->documents->child; node; node = node->next) {

        if (node->type != NGX_LLM_JSON_STRING
            && node->type != NGX_LLM_JSON_OBJECT)
        {
            return ngx_llm_error(chat->pool, err, 400,
                                 "invalid_request_error", NULL, "documents",
                                 "an element of \"documents\" is neither a "
                                 "string nor an object");
        }

        text = ngx_llm_rerank_text(node);

        if (text.data == NULL) {
            rerank->texts = 0;
        }

        rerank->n++;
    }

    if (rerank->n == 0 || rerank->n > NGX_LLM_RERANK_MAX) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "documents",
                             "\"documents\" must have 1 to %d elements",
                             NGX_LLM_RERANK_MAX);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_rerank_options(ngx_llm_rerank_t *rerank, ngx_llm_error_t *err)
{
    ngx_llm_chat_t  *chat;
    ngx_llm_json_t  *node;

    chat = rerank->chat;

    node = ngx_llm_json_set(chat->root, "top_n");

    if (node && (ngx_llm_json_int(node, &rerank->top_n) != NGX_OK
                 || rerank->top_n < 1))
    {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "top_n",
                             "\"top_n\" must be an integer above 0");
    }

    node = ngx_llm_json_set(chat->root, "return_documents");

    if (node == NULL) {
        return NGX_OK;
    }

    if (node->type != NGX_LLM_JSON_TRUE && node->type != NGX_LLM_JSON_FALSE) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "return_documents",
                             "\"return_documents\" must be true or false");
    }

    rerank->wanted = (node->type == NGX_LLM_JSON_TRUE);

    return NGX_OK;
}


/* as a prompt, which estimates and variables know */

static ngx_int_t
ngx_llm_rerank_parts(ngx_llm_rerank_t *rerank)
{
    ngx_str_t           text;
    ngx_llm_json_t     *node;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *message;

    message = ngx_llm_chat_add_message(rerank->chat, NGX_LLM_ROLE_USER, NULL);
    if (message == NULL) {
        return NGX_ERROR;
    }

    node = rerank->query;

    while (node) {
        part = ngx_llm_chat_add_part(rerank->chat->pool, &message->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            return NGX_ERROR;
        }

        text = ngx_llm_rerank_text(node);
        part->text = text.data ? text : node->raw;

        node = (node == rerank->query) ? rerank->documents->child : node->next;
    }

    return NGX_OK;
}


/* a string, or that of an object; escaped */

static ngx_str_t
ngx_llm_rerank_text(ngx_llm_json_t *node)
{
    if (node->type == NGX_LLM_JSON_STRING) {
        return ngx_llm_json_text(node);
    }

    return ngx_llm_json_str(node, "text");
}


ngx_int_t
ngx_llm_rerank_write(ngx_llm_rerank_t *rerank,
    const ngx_llm_rerank_form_t *form, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_str_t        text;
    ngx_llm_json_t  *node;

    if (!rerank->texts) {
        return ngx_llm_error(rerank->chat->pool, err, 400,
                             "invalid_request_error", "unsupported_parameter",
                             "documents",
                             "the provider \"%V\" ranks texts alone",
                             &target->provider);
    }

    ngx_llm_out_char(out, '{');

    if (!(form->flags & NGX_LLM_RERANK_ALONE)) {
        ngx_llm_out_lit(out, "\"model\":");
        ngx_llm_out_json_string(out, &target->model);
        ngx_llm_out_char(out, ',');
    }

    text = ngx_llm_rerank_text(rerank->query);

    ngx_llm_out_lit(out, "\"query\":");
    ngx_llm_rerank_member(form, &text, out);

    ngx_llm_out_lit(out, ",\"");
    ngx_llm_out_data(out, (u_char *) form->documents,
                     ngx_strlen(form->documents));
    ngx_llm_out_lit(out, "\":[");

    for (node = rerank->documents->child; node; node = node->next) {
        text = ngx_llm_rerank_text(node);
        ngx_llm_rerank_member(form, &text, out);

        if (node->next) {
            ngx_llm_out_char(out, ',');
        }
    }

    ngx_llm_out_char(out, ']');

    if (rerank->top_n && form->top) {
        ngx_llm_out_lit(out, ",\"");
        ngx_llm_out_data(out, (u_char *) form->top, ngx_strlen(form->top));
        ngx_llm_out_lit(out, "\":");
        ngx_llm_out_int(out, rerank->top_n);
    }

    if (ngx_llm_rerank_members(rerank, form, out) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_out_char(out, '}');

    return out->failed ? NGX_ERROR : NGX_OK;
}


/* what else was said: as it is where it is known, or named */

static ngx_int_t
ngx_llm_rerank_members(ngx_llm_rerank_t *rerank,
    const ngx_llm_rerank_form_t *form, ngx_llm_out_t *out)
{
    ngx_llm_chat_t  *chat;
    ngx_llm_json_t  *node;

    chat = rerank->chat;

    for (node = chat->root->child; node; node = node->next) {

        if (node->type == NGX_LLM_JSON_NULL
            || ngx_llm_rerank_named(&node->key, ngx_llm_rerank_known))
        {
            continue;
        }

        if (ngx_llm_rerank_named(&node->key, form->takes)) {
            ngx_llm_out_char(out, ',');
            ngx_llm_out_json_string(out, &node->key);
            ngx_llm_out_char(out, ':');
            ngx_llm_out_str(out, &node->raw);
            continue;
        }

        if (ngx_llm_params_dropped(chat, &node->key) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_llm_rerank_member(const ngx_llm_rerank_form_t *form, ngx_str_t *text,
    ngx_llm_out_t *out)
{
    if (form->flags & NGX_LLM_RERANK_OBJECTS) {
        ngx_llm_out_lit(out, "{\"text\":");
        ngx_llm_out_quoted(out, text);
        ngx_llm_out_char(out, '}');
        return;
    }

    ngx_llm_out_quoted(out, text);
}


static ngx_uint_t
ngx_llm_rerank_named(ngx_str_t *key, char **names)
{
    for ( /* void */ ; names && *names; names++) {
        if (key->len == ngx_strlen(*names)
            && ngx_memcmp(key->data, *names, key->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


void
ngx_llm_rerank_path(const ngx_llm_rerank_form_t *form, ngx_str_t *base,
    ngx_llm_out_t *out)
{
    size_t     len;
    ngx_str_t  path;

    path = *base;
    len = sizeof("/v1") - 1;

    if ((form->flags & NGX_LLM_RERANK_ROOT)
        && path.len >= len
        && ngx_memcmp(path.data + path.len - len, "/v1", len) == 0)
    {
        path.len -= len;
    }

    ngx_llm_out_str(out, &path);
    ngx_llm_out_data(out, form->path.data, form->path.len);
}
