
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings of Mistral: OpenAI's form, but that members of other names are
 * refused.  After its OpenAPI description, EmbeddingRequest.
 */


#include "ngx_llm_calls.h"


/* a request may have so many tokens that more texts seldom fit */
#define NGX_LLM_MISTRAL_EMBED_MAX  512


static ngx_int_t ngx_llm_mistral_embed_write(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);


const ngx_llm_embed_dialect_t  ngx_llm_mistral_embed = {
    NGX_LLM_MISTRAL_EMBED_MAX,
    NULL,
    0,
    0,
    ngx_llm_mistral_embed_write,
    NULL,
    NULL,
    ngx_string("/embeddings"),
    ngx_llm_openai_embed_read
};


/* base64 is made of the numbers: not every server knows the word */

static ngx_int_t
ngx_llm_mistral_embed_write(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t  rc;

    rc = ngx_llm_embed_check(embed, target, 1, err);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_lit(out, "{\"model\":");
    ngx_llm_out_json_string(out, &target->model);
    ngx_llm_out_lit(out, ",\"input\":");
    ngx_llm_embed_list(embed, out);

    if (embed->dimensions) {
        ngx_llm_out_lit(out, ",\"output_dimension\":");
        ngx_llm_out_int(out, embed->dimensions);
    }

    ngx_llm_out_char(out, '}');

    return ngx_llm_embed_written(embed, out);
}
