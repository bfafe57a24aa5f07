
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings in Cohere's form, which others serve too.  After the "embed"
 * operation of Cohere's API, version 2.
 */


#include "ngx_llm_calls.h"


typedef struct {
    char  *word;
    char  *type;
} ngx_llm_cohere_type_t;


/* words of other makers; what is not here goes as it is */

static ngx_llm_cohere_type_t  ngx_llm_cohere_types[] = {
    { "query", "search_query" },
    { "document", "search_document" },
    { "passage", "search_document" },
    { NULL, NULL }
};


void
ngx_llm_cohere_embed_members(ngx_llm_embed_t *embed, ngx_llm_out_t *out)
{
    ngx_str_t               none, type;
    ngx_llm_cohere_type_t  *t;

    ngx_str_null(&none);
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
    ngx_llm_out_lit(out, ",\"texts\":[");
    ngx_llm_embed_texts(embed, &none, &none, out);
    ngx_llm_out_lit(out, "],\"embedding_types\":[\"float\"]");

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
