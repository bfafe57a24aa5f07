
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings of Gemini: batchEmbedContents, with a request for each text.
 * After ai.google.dev/api/embeddings.
 */


#include "ngx_llm_calls.h"
#include "ngx_llm_gemini.h"


#define NGX_LLM_GEMINI_EMBED_MAX  100


typedef struct {
    char  *word;
    char  *task;
} ngx_llm_gemini_task_t;


static ngx_int_t ngx_llm_gemini_embed_write(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static void ngx_llm_gemini_embed_path(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_gemini_embed_read(ngx_llm_json_t *root,
    ngx_llm_embed_t *embed, ngx_llm_embed_answer_t *answer,
    ngx_llm_error_t *err);

static void ngx_llm_gemini_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage);


const ngx_llm_embed_dialect_t  ngx_llm_gemini_embed = {
    NGX_LLM_GEMINI_EMBED_MAX,
    NULL,
    0,
    0,
    ngx_llm_gemini_embed_write,
    NULL,
    ngx_llm_gemini_embed_path,
    ngx_null_string,
    ngx_llm_gemini_embed_read
};


static char  *ngx_llm_gemini_usages[] = { "usageMetadata", NULL };


const ngx_llm_relay_dialect_t  ngx_llm_gemini_relay = {
    NULL,
    ngx_llm_gemini_usages,
    ngx_llm_gemini_relay_usage,
    NULL,
    NULL,
    NULL,
    ngx_null_string,
    1
};


/* Cohere's words, Voyage's, its own */

static ngx_llm_gemini_task_t  ngx_llm_gemini_tasks[] = {
    { "search_document", "RETRIEVAL_DOCUMENT" },
    { "search_query", "RETRIEVAL_QUERY" },
    { "document", "RETRIEVAL_DOCUMENT" },
    { "passage", "RETRIEVAL_DOCUMENT" },
    { "query", "RETRIEVAL_QUERY" },
    { "classification", "CLASSIFICATION" },
    { "clustering", "CLUSTERING" },
    { "semantic_similarity", "SEMANTIC_SIMILARITY" },
    { "retrieval_document", "RETRIEVAL_DOCUMENT" },
    { "retrieval_query", "RETRIEVAL_QUERY" },
    { "question_answering", "QUESTION_ANSWERING" },
    { "fact_verification", "FACT_VERIFICATION" },
    { "code_retrieval_query", "CODE_RETRIEVAL_QUERY" },
    { NULL, NULL }
};


static ngx_int_t
ngx_llm_gemini_embed_write(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    char           *task;
    ngx_int_t       rc;
    ngx_str_t       before, after, word;
    ngx_llm_out_t   text;

    rc = ngx_llm_embed_check(embed, target, 1, err);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_init(&text, embed->chat->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    ngx_llm_out_lit(&text, "{\"model\":\"");
    ngx_llm_gemini_model_kind(&target->model, &word, &text);
    ngx_llm_out_escape(&text, &word);
    ngx_llm_out_lit(&text, "\",\"content\":{\"parts\":[{\"text\":");

    before.data = text.start;
    before.len = ngx_llm_out_len(&text);

    if (text.failed) {
        return NGX_ERROR;
    }

    ngx_llm_out_init(&text, embed->chat->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    ngx_llm_out_lit(&text, "}]}");

    rc = ngx_llm_gemini_task(embed, target, &task, err);
    if (rc != NGX_OK) {
        return rc;
    }

    if (task != NULL) {
        ngx_llm_out_lit(&text, ",\"taskType\":\"");
        ngx_llm_out_data(&text, (u_char *) task, ngx_strlen(task));
        ngx_llm_out_char(&text, '"');
    }

    if (embed->dimensions) {
        ngx_llm_out_lit(&text, ",\"outputDimensionality\":");
        ngx_llm_out_int(&text, embed->dimensions);
    }

    ngx_llm_out_char(&text, '}');

    after.data = text.start;
    after.len = ngx_llm_out_len(&text);

    if (text.failed) {
        return NGX_ERROR;
    }

    ngx_llm_out_lit(out, "{\"requests\":[");
    ngx_llm_embed_texts(embed, &before, &after, out);
    ngx_llm_out_lit(out, "]}");

    return out->failed ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_llm_gemini_task(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    char **name, ngx_llm_error_t *err)
{
    ngx_str_t              *word;
    ngx_llm_gemini_task_t  *task;

    *name = NULL;

    word = &embed->input_type;

    if (word->len == 0) {
        return NGX_OK;
    }

    for (task = ngx_llm_gemini_tasks; task->word; task++) {
        if (word->len == ngx_strlen(task->word)
            && ngx_strncasecmp(word->data, (u_char *) task->word, word->len)
               == 0)
        {
            *name = task->task;
            return NGX_OK;
        }
    }

    return ngx_llm_error(embed->chat->pool, err, 400, "invalid_request_error",
                         "unsupported_parameter", "input_type",
                         "the provider \"%V\" does not know this "
                         "\"input_type\"", &target->provider);
}


static void
ngx_llm_gemini_embed_path(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_str_t  name;

    ngx_llm_out_str(out, &target->base);
    ngx_llm_out_char(out, '/');
    ngx_llm_gemini_model_kind(&target->model, &name, out);
    ngx_llm_out_path(out, &name);
    ngx_llm_out_lit(out, ":batchEmbedContents");
}


/* usage is newer than the rest, and may be absent */

static ngx_int_t
ngx_llm_gemini_embed_read(ngx_llm_json_t *root, ngx_llm_embed_t *embed,
    ngx_llm_embed_answer_t *answer, ngx_llm_error_t *err)
{
    int64_t          i;
    ngx_llm_json_t  *node;

    node = ngx_llm_json_set(root, "embeddings");

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        (void) ngx_llm_gemini_error(answer->pool, root, 200, err);
        return NGX_DECLINED;
    }

    i = 0;

    for (node = node->child; node; node = node->next) {
        if (ngx_llm_embed_put(answer, ngx_llm_json_get(node, "values"), i++)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    node = ngx_llm_json_set(root, "usageMetadata");

    if (node && node->type == NGX_LLM_JSON_OBJECT) {
        ngx_llm_gemini_usage(node, &answer->usage);
    }

    return NGX_OK;
}


static void
ngx_llm_gemini_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage)
{
    ngx_llm_gemini_usage(node, usage);
}
