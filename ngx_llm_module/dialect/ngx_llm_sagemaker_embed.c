
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings of a container: "inputs" of Text Embeddings Inference, of LMI and
 * of Hugging Face's own, or OpenAI's form, which vLLM takes.  Answers are read
 * by what they are.
 */


#include "ngx_llm_sagemaker.h"
#include "ngx_llm_calls.h"


/* what Text Embeddings Inference takes unless told otherwise */
#define NGX_LLM_SAGEMAKER_EMBED_MAX  32


static ngx_int_t ngx_llm_sagemaker_embed_write(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static void ngx_llm_sagemaker_embed_path(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_sagemaker_embed_read(ngx_llm_json_t *root,
    ngx_llm_embed_t *embed, ngx_llm_embed_answer_t *answer,
    ngx_llm_error_t *err);


const ngx_llm_embed_dialect_t  ngx_llm_sagemaker_embed = {
    NGX_LLM_SAGEMAKER_EMBED_MAX,
    NULL,
    0,
    0,
    ngx_llm_sagemaker_embed_write,
    NULL,
    ngx_llm_sagemaker_embed_path,
    ngx_null_string,
    ngx_llm_sagemaker_embed_read
};


const ngx_llm_relay_dialect_t  ngx_llm_sagemaker_relay = {
    NULL,
    ngx_llm_openai_usages,
    ngx_llm_openai_relay_usage,
    NULL,
    NULL,
    NULL,
    ngx_string("/endpoints/"),
    1
};


static ngx_int_t
ngx_llm_sagemaker_embed_write(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t                 rc;
    ngx_llm_sagemaker_name_t  endpoint;

    ngx_llm_sagemaker_name(&target->model, &endpoint);

    rc = ngx_llm_embed_check(embed, target, endpoint.openai, err);
    if (rc != NGX_OK) {
        return rc;
    }

    if (endpoint.openai) {
        ngx_llm_out_lit(out, "{\"model\":\"\",\"input\":");

    } else {
        ngx_llm_out_lit(out, "{\"inputs\":");
    }

    ngx_llm_embed_list(embed, out);

    if (endpoint.openai && embed->dimensions) {
        ngx_llm_out_lit(out, ",\"dimensions\":");
        ngx_llm_out_int(out, embed->dimensions);
    }

    ngx_llm_out_char(out, '}');

    return ngx_llm_embed_written(embed, out);
}


static void
ngx_llm_sagemaker_embed_path(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_sagemaker_write_base(target, out);
}


/* a list of vectors; LMI's is the vector itself, if there is one */

static ngx_int_t
ngx_llm_sagemaker_embed_read(ngx_llm_json_t *root, ngx_llm_embed_t *embed,
    ngx_llm_embed_answer_t *answer, ngx_llm_error_t *err)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *node;

    if (root->type != NGX_LLM_JSON_ARRAY) {
        return ngx_llm_openai_embed_read(root, embed, answer, err);
    }

    if (embed->n == 1 && ngx_llm_embed_put(answer, root, 0) == NGX_OK) {
        return NGX_OK;
    }

    for (node = root->child, i = 0; node; node = node->next, i++) {

        if (ngx_llm_embed_put(answer, node, i) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}
