
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings of watsonx.ai.  After the operation "text_embeddings" of its API.
 */


#include "ngx_llm_calls.h"
#include "ngx_llm_watsonx.h"


#define NGX_LLM_WATSONX_EMBED_MAX  1000


static ngx_int_t ngx_llm_watsonx_embed_write(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static void ngx_llm_watsonx_embed_path(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_watsonx_embed_read(ngx_llm_json_t *root,
    ngx_llm_embed_t *embed, ngx_llm_embed_answer_t *answer,
    ngx_llm_error_t *err);


const ngx_llm_embed_dialect_t  ngx_llm_watsonx_embed = {
    NGX_LLM_WATSONX_EMBED_MAX,
    NULL,
    0,
    0,
    ngx_llm_watsonx_embed_write,
    NULL,
    ngx_llm_watsonx_embed_path,
    ngx_null_string,
    ngx_llm_watsonx_embed_read
};


const ngx_llm_relay_dialect_t  ngx_llm_watsonx_relay = {
    NULL,
    ngx_llm_openai_usages,
    ngx_llm_openai_relay_usage,
    NULL,
    NULL,
    "model_id",
    ngx_null_string,
    1
};


static ngx_int_t
ngx_llm_watsonx_embed_write(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t  rc;
    ngx_str_t  id;

    rc = ngx_llm_embed_check(embed, target, 0, err);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_llm_watsonx_deployment(target, &id)) {
        return ngx_llm_error(embed->chat->pool, err, 400,
                             "invalid_request_error", "unsupported_model",
                             "model", "the provider \"%V\" has no embeddings "
                             "of a deployment", &target->provider);
    }

    ngx_llm_watsonx_write_model(target, out);

    ngx_llm_out_lit(out, "\"inputs\":");
    ngx_llm_embed_list(embed, out);
    ngx_llm_out_char(out, '}');

    return ngx_llm_embed_written(embed, out);
}


static void
ngx_llm_watsonx_embed_path(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_out_str(out, &target->base);
    ngx_llm_out_lit(out, "/text/embeddings");
    ngx_llm_watsonx_write_version(target, out);
}


static ngx_int_t
ngx_llm_watsonx_embed_read(ngx_llm_json_t *root, ngx_llm_embed_t *embed,
    ngx_llm_embed_answer_t *answer, ngx_llm_error_t *err)
{
    int64_t          i;
    ngx_llm_json_t  *node;

    node = ngx_llm_json_set(root, "results");

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        (void) ngx_llm_watsonx_error(answer->pool, 200, root, err);
        return NGX_DECLINED;
    }

    i = 0;

    for (node = node->child; node; node = node->next) {
        if (ngx_llm_embed_put(answer, ngx_llm_json_get(node, "embedding"),
                              i++)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    answer->model = ngx_llm_json_str(root, "model_id");
    answer->usage.prompt = ngx_llm_json_count(root, "input_token_count", -1);
    answer->usage.reported = (answer->usage.prompt >= 0);

    return NGX_OK;
}
