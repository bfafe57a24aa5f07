
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings of Ollama: /api/embed, which takes any number of texts.  After
 * its docs/api.md.
 */


#include "ngx_llm_calls.h"


/* so that an answer is no longer than is good for a worker */
#define NGX_LLM_OLLAMA_EMBED_MAX  256


static ngx_int_t ngx_llm_ollama_embed_write(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_ollama_embed_read(ngx_llm_json_t *root,
    ngx_llm_embed_t *embed, ngx_llm_embed_answer_t *answer,
    ngx_llm_error_t *err);
static void ngx_llm_ollama_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage);


static char  *ngx_llm_ollama_usages[] = {
    "prompt_eval_count",
    "eval_count",
    NULL
};


const ngx_llm_relay_dialect_t  ngx_llm_ollama_relay = {
    NULL,
    ngx_llm_ollama_usages,
    ngx_llm_ollama_relay_usage,
    NULL,
    NULL,
    NULL,
    ngx_null_string,
    1
};


const ngx_llm_embed_dialect_t  ngx_llm_ollama_embed = {
    NGX_LLM_OLLAMA_EMBED_MAX,
    NULL,
    0,
    0,
    ngx_llm_ollama_embed_write,
    NULL,
    NULL,
    ngx_string("/embed"),
    ngx_llm_ollama_embed_read
};


/* a text that is too long is an error, as it is with others: not cut */

static ngx_int_t
ngx_llm_ollama_embed_write(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
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
    ngx_llm_out_lit(out, ",\"truncate\":false");

    if (embed->dimensions) {
        ngx_llm_out_lit(out, ",\"dimensions\":");
        ngx_llm_out_int(out, embed->dimensions);
    }

    ngx_llm_out_char(out, '}');

    return ngx_llm_embed_written(embed, out);
}


static ngx_int_t
ngx_llm_ollama_embed_read(ngx_llm_json_t *root, ngx_llm_embed_t *embed,
    ngx_llm_embed_answer_t *answer, ngx_llm_error_t *err)
{
    ngx_int_t  rc;

    rc = ngx_llm_cohere_embed_vectors(root, answer);

    answer->usage.prompt = ngx_llm_json_count(root, "prompt_eval_count", -1);
    answer->usage.reported = (answer->usage.prompt >= 0);

    return rc;
}


static void
ngx_llm_ollama_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage)
{
    int64_t  n;

    if (ngx_llm_json_int(node, &n) != NGX_OK || n < 0) {
        return;
    }

    if (name == 0) {
        usage->prompt = n;

    } else {
        usage->completion = n;
    }

    usage->reported = 1;
}
