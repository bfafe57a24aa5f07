
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings of Bedrock through InvokeModel: Amazon's Titan, one text at a
 * time, and Cohere's models, which have their own maker's form.  After the
 * service's user guide, "Amazon Titan Embeddings G1 - Text" and "Cohere Embed
 * models".  And usage in what is passed on.
 */


#include "ngx_llm_bedrock.h"
#include "ngx_llm_calls.h"


#define NGX_LLM_BEDROCK_EMBED_MAX  96


static ngx_uint_t ngx_llm_bedrock_embed_max(ngx_llm_target_t *target);
static ngx_uint_t ngx_llm_bedrock_embed_cohere(ngx_llm_target_t *target);
static ngx_int_t ngx_llm_bedrock_embed_write(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_bedrock_embed_titan(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static void ngx_llm_bedrock_embed_path(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_bedrock_embed_read(ngx_llm_json_t *root,
    ngx_llm_embed_t *embed, ngx_llm_embed_answer_t *answer,
    ngx_llm_error_t *err);
static void ngx_llm_bedrock_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage);


const ngx_llm_embed_dialect_t  ngx_llm_bedrock_embed = {
    1,
    ngx_llm_bedrock_embed_max,
    0,
    0,
    ngx_llm_bedrock_embed_write,
    NULL,
    ngx_llm_bedrock_embed_path,
    ngx_null_string,
    ngx_llm_bedrock_embed_read
};


#define NGX_LLM_BEDROCK_METRICS  1

static char  *ngx_llm_bedrock_usages[] = {
    "usage", "amazon-bedrock-invocationMetrics", "bytes", NULL
};


const ngx_llm_relay_dialect_t  ngx_llm_bedrock_relay = {
    NULL,
    ngx_llm_bedrock_usages,
    ngx_llm_bedrock_relay_usage,
    "bytes",
    NULL,
    "modelId",
    ngx_null_string,
    1
};


static ngx_uint_t
ngx_llm_bedrock_embed_max(ngx_llm_target_t *target)
{
    return ngx_llm_bedrock_embed_cohere(target) ? NGX_LLM_BEDROCK_EMBED_MAX
                                                : 1;
}


static ngx_uint_t
ngx_llm_bedrock_embed_cohere(ngx_llm_target_t *target)
{
    ngx_llm_bedrock_name_t  name;

    ngx_llm_bedrock_name(&target->model, &name);

    return ngx_llm_bedrock_has(&name.family, "cohere");
}


static ngx_int_t
ngx_llm_bedrock_embed_write(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t  rc;

    if (!ngx_llm_bedrock_embed_cohere(target)) {
        return ngx_llm_bedrock_embed_titan(embed, target, out, err);
    }

    rc = ngx_llm_embed_check(embed, target, 1, err);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_char(out, '{');
    ngx_llm_cohere_embed_members(embed, out);
    ngx_llm_out_char(out, '}');

    return out->failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_embed_titan(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t  rc;
    ngx_str_t  none;

    rc = ngx_llm_embed_check(embed, target, 1, err);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_null(&none);

    ngx_llm_out_lit(out, "{\"inputText\":");
    ngx_llm_embed_texts(embed, &none, &none, out);

    if (embed->dimensions) {
        ngx_llm_out_lit(out, ",\"dimensions\":");
        ngx_llm_out_int(out, embed->dimensions);
    }

    ngx_llm_out_char(out, '}');

    return ngx_llm_embed_written(embed, out);
}


static void
ngx_llm_bedrock_embed_path(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_bedrock_name_t  name;

    ngx_llm_bedrock_name(&target->model, &name);

    ngx_llm_out_str(out, &target->base);
    ngx_llm_out_lit(out, "/model/");
    ngx_llm_out_path(out, &name.id);
    ngx_llm_out_lit(out, "/invoke");
}


/* only Titan says what it counted */

static ngx_int_t
ngx_llm_bedrock_embed_read(ngx_llm_json_t *root, ngx_llm_embed_t *embed,
    ngx_llm_embed_answer_t *answer, ngx_llm_error_t *err)
{
    ngx_llm_json_t  *node;

    node = ngx_llm_json_set(root, "embedding");

    if (node == NULL) {
        return ngx_llm_cohere_embed_vectors(root, answer);
    }

    if (ngx_llm_embed_put(answer, node, 0) != NGX_OK) {
        return NGX_DECLINED;
    }

    answer->usage.prompt = ngx_llm_json_count(root, "inputTextTokenCount",
                                              -1);
    answer->usage.reported = (answer->usage.prompt >= 0);

    return NGX_OK;
}


/* Converse has words of its own, InvokeModel those of the model's maker */

static void
ngx_llm_bedrock_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage)
{
    int64_t  input, output;

    if (name == NGX_LLM_BEDROCK_METRICS) {

        /* of any model, at the end of its stream */

        input = ngx_llm_json_count(node, "inputTokenCount", -1);
        output = ngx_llm_json_count(node, "outputTokenCount", -1);

        if (!usage->reported && (input >= 0 || output >= 0)) {
            usage->prompt = ngx_max(input, 0);
            usage->completion = ngx_max(output, 0);
            usage->reported = 1;
        }

        return;
    }

    if (ngx_llm_json_set(node, "inputTokens")
        || ngx_llm_json_set(node, "outputTokens"))
    {
        ngx_llm_bedrock_usage(node, usage);
        return;
    }

    ngx_llm_anthropic_relay.read_usage(0, node, usage);
}
