
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings of Vertex AI.  The older models are asked by "predict", Gemini's
 * and those of other publishers that are served there by "embedContent", one
 * text at a time.  After google.cloud.aiplatform.v1.PredictionService and the
 * service's page "Text embeddings API".
 */


#include "ngx_llm_calls.h"
#include "ngx_llm_gemini.h"
#include "ngx_llm_vertex.h"


/* texts of a request, and at most 20000 tokens: two bytes for each */
#define NGX_LLM_VERTEX_EMBED_MAX    250
#define NGX_LLM_VERTEX_EMBED_BYTES  40000


static ngx_uint_t ngx_llm_vertex_embed_one(ngx_str_t *model);
static ngx_uint_t ngx_llm_vertex_embed_max(ngx_llm_target_t *target);
static ngx_int_t ngx_llm_vertex_embed_write(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_vertex_embed_predict(ngx_llm_embed_t *embed,
    char *task, ngx_llm_out_t *out);
static void ngx_llm_vertex_embed_content(ngx_llm_embed_t *embed, char *task,
    ngx_llm_out_t *out);
static void ngx_llm_vertex_embed_path(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_vertex_embed_read(ngx_llm_json_t *root,
    ngx_llm_embed_t *embed, ngx_llm_embed_answer_t *answer,
    ngx_llm_error_t *err);
static ngx_int_t ngx_llm_vertex_embed_predictions(ngx_llm_json_t *node,
    ngx_llm_embed_answer_t *answer);
static void ngx_llm_vertex_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage);


const ngx_llm_embed_dialect_t  ngx_llm_vertex_embed = {
    1,
    ngx_llm_vertex_embed_max,
    NGX_LLM_VERTEX_EMBED_BYTES,
    0,
    ngx_llm_vertex_embed_write,
    NULL,
    ngx_llm_vertex_embed_path,
    ngx_null_string,
    ngx_llm_vertex_embed_read
};


/* of Gemini, and of Claude there */

#define NGX_LLM_VERTEX_GEMINI  0

static char  *ngx_llm_vertex_usages[] = { "usageMetadata", "usage", NULL };


const ngx_llm_relay_dialect_t  ngx_llm_vertex_relay = {
    NULL,
    ngx_llm_vertex_usages,
    ngx_llm_vertex_relay_usage,
    NULL,
    NULL,
    NULL,
    ngx_null_string,
    1
};


/* is it one for embedContent?  As Google's own clients tell them apart */

static ngx_uint_t
ngx_llm_vertex_embed_one(ngx_str_t *model)
{
    return ngx_llm_gemini_find(model, "gemini")
           || ngx_llm_gemini_find(model, "maas");
}


static ngx_uint_t
ngx_llm_vertex_embed_max(ngx_llm_target_t *target)
{
    return ngx_llm_vertex_embed_one(&target->model)
           ? 1 : NGX_LLM_VERTEX_EMBED_MAX;
}


static ngx_int_t
ngx_llm_vertex_embed_write(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    char       *task;
    ngx_int_t   rc;
    ngx_str_t   name;

    rc = ngx_llm_embed_check(embed, target, 1, err);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_gemini_task(embed, target, &task, err);
    if (rc != NGX_OK) {
        return rc;
    }

    if (task != NULL
        && ngx_llm_gemini_find(&target->model, "gemini-embedding-2"))
    {
        /* there it is a matter of words in the text */

        ngx_str_set(&name, "input_type");

        if (ngx_llm_params_dropped(embed->chat, &name) != NGX_OK) {
            return NGX_ERROR;
        }

        task = NULL;
    }

    if (ngx_llm_vertex_embed_one(&target->model)) {
        ngx_llm_vertex_embed_content(embed, task, out);

    } else if (ngx_llm_vertex_embed_predict(embed, task, out) != NGX_OK) {
        return NGX_ERROR;
    }

    return out->failed ? NGX_ERROR : NGX_OK;
}


/* a text that is too long is an error, it is not cut */

static ngx_int_t
ngx_llm_vertex_embed_predict(ngx_llm_embed_t *embed, char *task,
    ngx_llm_out_t *out)
{
    ngx_str_t  before, after;

    ngx_str_set(&before, "{\"content\":");
    ngx_str_set(&after, "}");

    if (task != NULL) {
        after.len = sizeof(",\"task_type\":\"\"}") - 1 + ngx_strlen(task);

        after.data = ngx_pnalloc(embed->chat->pool, after.len + 1);
        if (after.data == NULL) {
            return NGX_ERROR;
        }

        ngx_sprintf(after.data, ",\"task_type\":\"%s\"}", task);
    }

    ngx_llm_out_lit(out, "{\"instances\":[");
    ngx_llm_embed_texts(embed, &before, &after, out);
    ngx_llm_out_lit(out, "],\"parameters\":{\"autoTruncate\":false");

    if (embed->dimensions) {
        ngx_llm_out_lit(out, ",\"outputDimensionality\":");
        ngx_llm_out_int(out, embed->dimensions);
    }

    ngx_llm_out_lit(out, "}}");

    return NGX_OK;
}


static void
ngx_llm_vertex_embed_content(ngx_llm_embed_t *embed, char *task,
    ngx_llm_out_t *out)
{
    ngx_str_t  none;

    ngx_str_null(&none);

    ngx_llm_out_lit(out, "{\"content\":{\"role\":\"user\",\"parts\":[{"
                         "\"text\":");
    ngx_llm_embed_texts(embed, &none, &none, out);
    ngx_llm_out_lit(out, "}]},\"embedContentConfig\":{"
                         "\"autoTruncate\":false");

    if (task != NULL) {
        ngx_llm_out_lit(out, ",\"taskType\":\"");
        ngx_llm_out_data(out, (u_char *) task, ngx_strlen(task));
        ngx_llm_out_char(out, '"');
    }

    if (embed->dimensions) {
        ngx_llm_out_lit(out, ",\"outputDimensionality\":");
        ngx_llm_out_int(out, embed->dimensions);
    }

    ngx_llm_out_lit(out, "}}");
}


/* the name of another publisher's model begins with it */

static void
ngx_llm_vertex_embed_path(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    u_char     *last, *slash;
    ngx_str_t   name, publisher;

    if (!ngx_llm_vertex_embed_one(&target->model)) {
        ngx_llm_vertex_write_name(target, out);
        ngx_llm_out_lit(out, ":predict");

        return;
    }

    name = target->model;
    last = name.data + name.len;
    slash = ngx_strlchr(name.data, last, '/');

    if (slash == NULL || slash == name.data || slash + 1 == last) {
        ngx_llm_vertex_write_name(target, out);

    } else {
        publisher.data = name.data;
        publisher.len = slash - name.data;
        name.data = slash + 1;
        name.len = last - name.data;

        ngx_llm_out_str(out, &target->base);
        ngx_llm_out_lit(out, "/publishers/");
        ngx_llm_out_path(out, &publisher);
        ngx_llm_out_lit(out, "/models/");
        ngx_llm_out_path(out, &name);
    }

    ngx_llm_out_lit(out, ":embedContent");
}


static ngx_int_t
ngx_llm_vertex_embed_read(ngx_llm_json_t *root, ngx_llm_embed_t *embed,
    ngx_llm_embed_answer_t *answer, ngx_llm_error_t *err)
{
    ngx_llm_json_t  *node;

    node = ngx_llm_json_set(root, "predictions");

    if (node != NULL && node->type == NGX_LLM_JSON_ARRAY) {
        return ngx_llm_vertex_embed_predictions(node->child, answer);
    }

    node = ngx_llm_json_set(root, "embedding");

    if (node == NULL) {
        (void) ngx_llm_gemini_error(answer->pool, root, 200, err);
        return NGX_DECLINED;
    }

    if (ngx_llm_embed_put(answer, ngx_llm_json_get(node, "values"), 0)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    node = ngx_llm_json_set(root, "usageMetadata");

    if (node && node->type == NGX_LLM_JSON_OBJECT) {
        ngx_llm_gemini_usage(node, &answer->usage);
    }

    return NGX_OK;
}


/* usage is what all of them say */

static ngx_int_t
ngx_llm_vertex_embed_predictions(ngx_llm_json_t *node,
    ngx_llm_embed_answer_t *answer)
{
    int64_t          i, sum, tokens;
    ngx_uint_t       told;
    ngx_llm_json_t  *one;

    i = 0;
    sum = 0;
    told = 1;

    for ( /* void */ ; node; node = node->next) {
        one = ngx_llm_json_get(node, "embeddings");

        if (ngx_llm_embed_put(answer, ngx_llm_json_get(one, "values"), i++)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        tokens = ngx_llm_json_count(ngx_llm_json_get(one, "statistics"),
                                    "token_count", -1);

        if (tokens < 0 || tokens > NGX_MAX_INT32_VALUE) {
            told = 0;
            continue;
        }

        sum += tokens;
    }

    if (told) {
        answer->usage.prompt = sum;
        answer->usage.reported = 1;
    }

    return NGX_OK;
}


static void
ngx_llm_vertex_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage)
{
    if (name == NGX_LLM_VERTEX_GEMINI) {
        ngx_llm_gemini_usage(node, usage);

    } else {
        ngx_llm_anthropic_relay.read_usage(0, node, usage);
    }
}
