
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings in Cohere's form, which others serve too.  After the "embed"
 * operation of Cohere's API, version 2.
 */


#include "ngx_llm_calls.h"
#include "ngx_llm_cohere.h"


#define NGX_LLM_COHERE_EMBED_MAX  96


typedef struct {
    char  *word;
    char  *type;
} ngx_llm_cohere_type_t;


static ngx_int_t ngx_llm_cohere_embed_write(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_cohere_embed_read(ngx_llm_json_t *root,
    ngx_llm_embed_t *embed, ngx_llm_embed_answer_t *answer,
    ngx_llm_error_t *err);
static void ngx_llm_cohere_embed_usage(ngx_llm_json_t *root,
    ngx_llm_usage_t *usage);
static void ngx_llm_cohere_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage);


const ngx_llm_embed_dialect_t  ngx_llm_cohere_embed = {
    NGX_LLM_COHERE_EMBED_MAX,
    NULL,
    0,
    0,
    ngx_llm_cohere_embed_write,
    NULL,
    NULL,
    ngx_string("/embed"),
    ngx_llm_cohere_embed_read
};


static char  *ngx_llm_cohere_usages[] = { "usage", "meta", NULL };


const ngx_llm_relay_dialect_t  ngx_llm_cohere_relay = {
    NULL,
    ngx_llm_cohere_usages,
    ngx_llm_cohere_relay_usage,
    NULL,
    &ngx_llm_rerank_cohere,
    NULL,
    ngx_null_string,
    1
};


/* words of other makers; what is not here goes as it is */

static ngx_llm_cohere_type_t  ngx_llm_cohere_types[] = {
    { "query", "search_query" },
    { "document", "search_document" },
    { "passage", "search_document" },
    { NULL, NULL }
};


static ngx_int_t
ngx_llm_cohere_embed_write(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t  rc;

    rc = ngx_llm_embed_check(embed, target, 1, err);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_lit(out, "{\"model\":");
    ngx_llm_out_json_string(out, &target->model);
    ngx_llm_out_char(out, ',');
    ngx_llm_cohere_embed_members(embed, out);
    ngx_llm_out_char(out, '}');

    return out->failed ? NGX_ERROR : NGX_OK;
}


void
ngx_llm_cohere_embed_members(ngx_llm_embed_t *embed, ngx_llm_out_t *out)
{
    ngx_str_t               type;
    ngx_llm_cohere_type_t  *t;

    ngx_str_set(&type, "search_document");

    if (embed->input_type.len) {
        type = embed->input_type;
    }

    for (t = ngx_llm_cohere_types; t->word; t++) {
        if (type.len == ngx_strlen(t->word)
            && ngx_strncmp(type.data, t->word, type.len) == 0)
        {
            type.data = (u_char *) t->type;
            type.len = ngx_strlen(t->type);
            break;
        }
    }

    ngx_llm_out_lit(out, "\"input_type\":");
    ngx_llm_out_json_string(out, &type);
    ngx_llm_out_lit(out, ",\"texts\":");
    ngx_llm_embed_list(embed, out);
    ngx_llm_out_lit(out, ",\"embedding_types\":[\"float\"]");

    if (embed->dimensions) {
        ngx_llm_out_lit(out, ",\"output_dimension\":");
        ngx_llm_out_int(out, embed->dimensions);
    }
}


/* by type, or in older models a list */

ngx_int_t
ngx_llm_cohere_embed_vectors(ngx_llm_json_t *root,
    ngx_llm_embed_answer_t *answer)
{
    int64_t          i;
    ngx_llm_json_t  *list, *node;

    list = ngx_llm_json_set(root, "embeddings");

    if (list && list->type == NGX_LLM_JSON_OBJECT) {
        list = ngx_llm_json_set(list, "float");
    }

    if (list == NULL || list->type != NGX_LLM_JSON_ARRAY) {
        return NGX_DECLINED;
    }

    i = 0;

    for (node = list->child; node; node = node->next) {
        if (ngx_llm_embed_put(answer, node, i++) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_embed_read(ngx_llm_json_t *root, ngx_llm_embed_t *embed,
    ngx_llm_embed_answer_t *answer, ngx_llm_error_t *err)
{
    ngx_llm_cohere_embed_usage(root, &answer->usage);

    return ngx_llm_cohere_embed_vectors(root, answer);
}


/* what is billed, texts and images */

static void
ngx_llm_cohere_embed_usage(ngx_llm_json_t *root, ngx_llm_usage_t *usage)
{
    ngx_llm_json_t  *node;

    node = ngx_llm_json_get(ngx_llm_json_get(root, "meta"), "billed_units");

    usage->prompt = ngx_llm_json_count(node, "input_tokens", -1);

    if (usage->prompt >= 0) {
        usage->prompt += ngx_llm_json_count(node, "image_tokens", 0);
        usage->reported = 1;
    }
}


/* rerank is billed by searches, which are no tokens */

static void
ngx_llm_cohere_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage)
{
    ngx_llm_cohere_usage(node, usage);
}
