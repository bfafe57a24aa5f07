
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What goes to a provider.
 */


#include "ngx_llm_gemini_request.h"


#define NGX_LLM_GEMINI_MAX_STOP  5


typedef ngx_int_t (*ngx_llm_gemini_step_pt)(ngx_llm_gemini_request_t *ctx);


static ngx_int_t ngx_llm_gemini_params(ngx_llm_gemini_request_t *ctx);
static uint64_t ngx_llm_gemini_takes(const ngx_llm_gemini_model_t *model);
static ngx_int_t ngx_llm_gemini_check_params(ngx_llm_gemini_request_t *ctx,
    ngx_llm_json_t *extra);
static ngx_llm_json_t *ngx_llm_gemini_extra_body(ngx_llm_chat_t *chat);
static ngx_int_t ngx_llm_gemini_format(ngx_llm_gemini_request_t *ctx);

static ngx_int_t ngx_llm_gemini_write_config(ngx_llm_gemini_request_t *ctx);
static ngx_int_t ngx_llm_gemini_write_count(ngx_llm_gemini_request_t *ctx);
static ngx_int_t ngx_llm_gemini_write_stop(ngx_llm_gemini_request_t *ctx);
static ngx_int_t ngx_llm_gemini_write_seed(ngx_llm_gemini_request_t *ctx);
static void ngx_llm_gemini_write_number(ngx_llm_gemini_request_t *ctx,
    ngx_uint_t param, char *name);
static void ngx_llm_gemini_write_logprobs(ngx_llm_gemini_request_t *ctx);
static ngx_int_t ngx_llm_gemini_write_modalities(
    ngx_llm_gemini_request_t *ctx);
static ngx_int_t ngx_llm_gemini_write_format(ngx_llm_gemini_request_t *ctx);
static ngx_int_t ngx_llm_gemini_write_safety(ngx_llm_gemini_request_t *ctx);
static ngx_int_t ngx_llm_gemini_write_labels(ngx_llm_gemini_request_t *ctx);
static ngx_int_t ngx_llm_gemini_write_tier(ngx_llm_gemini_request_t *ctx);


#define NGX_LLM_GEMINI_TAKES                                                 \
    (ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_P)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_K)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_N)                                     \
     |ngx_llm_param_bit(NGX_LLM_PARAM_SEED)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_FREQUENCY_PENALTY)                     \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PRESENCE_PENALTY)                      \
     |ngx_llm_param_bit(NGX_LLM_PARAM_LOGPROBS)                              \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_LOGPROBS)                          \
     |ngx_llm_param_bit(NGX_LLM_PARAM_SERVICE_TIER)                          \
     |ngx_llm_param_bit(NGX_LLM_PARAM_REASONING_EFFORT)                      \
     |ngx_llm_param_bit(NGX_LLM_PARAM_THINKING)                              \
     |ngx_llm_param_bit(NGX_LLM_PARAM_MODALITIES)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_WEB_SEARCH_OPTIONS)                    \
     |ngx_llm_param_bit(NGX_LLM_PARAM_STOP)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOL_CHOICE)                           \
     |ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT))


ngx_int_t
ngx_llm_gemini_write_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t  rc;
    ngx_str_t  name;

    if (chat->count) {
        ngx_llm_out_lit(out, "{\"generateContentRequest\":");
    }

    rc = ngx_llm_gemini_write_body(chat, target,
                                   NGX_LLM_GEMINI_IDS|NGX_LLM_GEMINI_TIERS
                                   |NGX_LLM_GEMINI_FILES, out, err);

    if (rc != NGX_OK || !chat->count) {
        return rc;
    }

    /* the request in a count names its model, in place of the brace */

    out->last--;

    ngx_llm_out_lit(out, ",\"model\":\"");
    ngx_llm_gemini_model_kind(&target->model, &name, out);
    ngx_llm_out_escape(out, &name);
    ngx_llm_out_lit(out, "\"}}");

    return out->failed ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_llm_gemini_write_body(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_uint_t service, ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    size_t                     i;
    ngx_int_t                  rc;
    ngx_llm_gemini_step_pt    *steps;
    ngx_llm_gemini_request_t   ctx;

    static ngx_llm_gemini_step_pt  all[] = {
        ngx_llm_gemini_params,
        ngx_llm_gemini_tools,
        ngx_llm_gemini_format,
        ngx_llm_gemini_thinking,

        ngx_llm_gemini_write_system,
        ngx_llm_gemini_write_contents,
        ngx_llm_gemini_write_tools,
        ngx_llm_gemini_write_tool_config,
        ngx_llm_gemini_write_safety,
        ngx_llm_gemini_write_labels,
        ngx_llm_gemini_write_config,
        ngx_llm_gemini_write_tier,
        NULL
    };

    static ngx_llm_gemini_step_pt  counted[] = {
        ngx_llm_gemini_params,
        ngx_llm_gemini_tools,
        ngx_llm_gemini_format,
        ngx_llm_gemini_thinking,

        ngx_llm_gemini_write_system,
        ngx_llm_gemini_write_contents,
        ngx_llm_gemini_write_tools,
        ngx_llm_gemini_write_config,
        NULL
    };

    steps = (chat->count && (service & NGX_LLM_GEMINI_COUNTED)) ? counted
                                                                : all;

    ngx_memzero(&ctx, sizeof(ngx_llm_gemini_request_t));

    ctx.chat = chat;
    ctx.target = target;
    ctx.out = out;
    ctx.err = err;
    ctx.service = service;
    ctx.model = ngx_llm_gemini_model(&target->model);

    ngx_llm_out_char(out, '{');

    for (i = 0; steps[i]; i++) {

        rc = steps[i](&ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_llm_out_char(out, '}');

    return out->failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_params(ngx_llm_gemini_request_t *ctx)
{
    ngx_int_t        rc;
    ngx_llm_json_t  *extra;

    ctx->takes = ngx_llm_gemini_takes(ctx->model);

    if (ctx->chat->legacy_functions) {

        /* the client sees the first call alone */

        ctx->takes |= ngx_llm_param_bit(NGX_LLM_PARAM_PARALLEL_TOOL_CALLS);
    }

    extra = ngx_llm_gemini_extra_body(ctx->chat);

    if (extra != NULL) {
        ctx->google = ngx_llm_json_get(extra, "google");
    }

    rc = ngx_llm_gemini_check_params(ctx, extra);
    if (rc != NGX_OK) {
        return rc;
    }

    if (extra == NULL) {
        return NGX_OK;
    }

    if (extra->child->next != NULL) {
        return ngx_llm_gemini_drop(ctx, "extra_body");
    }

    return NGX_OK;
}


static uint64_t
ngx_llm_gemini_takes(const ngx_llm_gemini_model_t *model)
{
    uint64_t  takes;

    takes = NGX_LLM_GEMINI_TAKES;

    if (!(model->flags & NGX_LLM_GEMINI_SAMPLING)) {
        takes &= ~(ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE)
                   |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_P)
                   |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_K));
    }

    if (!(model->flags & NGX_LLM_GEMINI_PENALTY)) {
        takes &= ~(ngx_llm_param_bit(NGX_LLM_PARAM_FREQUENCY_PENALTY)
                   |ngx_llm_param_bit(NGX_LLM_PARAM_PRESENCE_PENALTY));
    }

    if (!(model->flags & NGX_LLM_GEMINI_CHOICES)) {
        takes &= ~ngx_llm_param_bit(NGX_LLM_PARAM_N);
    }

    if (!(model->flags & (NGX_LLM_GEMINI_BUDGET|NGX_LLM_GEMINI_LEVEL))) {
        takes &= ~(ngx_llm_param_bit(NGX_LLM_PARAM_REASONING_EFFORT)
                   |ngx_llm_param_bit(NGX_LLM_PARAM_THINKING));
    }

    return takes;
}


static ngx_int_t
ngx_llm_gemini_check_params(ngx_llm_gemini_request_t *ctx,
    ngx_llm_json_t *extra)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_array_t      *unknown;
    ngx_llm_chat_t   *chat;
    ngx_llm_json_t  **node, **rest;

    chat = ctx->chat;
    unknown = chat->unknown;

    if (extra != NULL) {

        /* what is read must not be named as dropped */

        chat->unknown = ngx_array_create(chat->pool, unknown->nelts,
                                         sizeof(ngx_llm_json_t *));
        if (chat->unknown == NULL) {
            chat->unknown = unknown;
            return NGX_ERROR;
        }

        node = unknown->elts;

        for (i = 0; i < unknown->nelts; i++) {

            if (node[i] == extra) {
                continue;
            }

            /* there is room for all */

            rest = ngx_array_push(chat->unknown);
            *rest = node[i];
        }
    }

    rc = ngx_llm_params_check(chat, ctx->takes, ctx->target->drop,
                              &ctx->target->provider, ctx->err);

    chat->unknown = unknown;

    return rc;
}


/* what Google's own clients send beside OpenAI's members */

static ngx_llm_json_t *
ngx_llm_gemini_extra_body(ngx_llm_chat_t *chat)
{
    ngx_uint_t        i;
    ngx_llm_json_t  **node, *google;

    if (chat->unknown == NULL) {
        return NULL;
    }

    node = chat->unknown->elts;

    for (i = 0; i < chat->unknown->nelts; i++) {

        if (node[i]->key.len != sizeof("extra_body") - 1
            || ngx_memcmp(node[i]->key.data, "extra_body",
                          sizeof("extra_body") - 1)
               != 0)
        {
            continue;
        }

        google = ngx_llm_json_get(node[i], "google");

        if (google != NULL && google->type == NGX_LLM_JSON_OBJECT) {
            return node[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_llm_gemini_format(ngx_llm_gemini_request_t *ctx)
{
    if (ctx->chat->format == NGX_LLM_FORMAT_TEXT
        || (ctx->nfunctions == 0 && ctx->nbuiltins == 0)
        || (ctx->model->flags & NGX_LLM_GEMINI_MIXED))
    {
        return NGX_OK;
    }

    if (!ngx_llm_gemini_drops(ctx, NGX_LLM_PARAM_RESPONSE_FORMAT)) {
        return ngx_llm_gemini_refuse(ctx, "response_format",
                                     "\"response_format\" together with "
                                     "\"tools\" for this model");
    }

    ctx->takes &= ~ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT);

    return ngx_llm_gemini_drop(ctx, "response_format");
}


static ngx_int_t
ngx_llm_gemini_write_config(ngx_llm_gemini_request_t *ctx)
{
    size_t     i;
    ngx_int_t  rc;

    static ngx_int_t  (*steps[])(ngx_llm_gemini_request_t *ctx) = {
        ngx_llm_gemini_write_count,
        ngx_llm_gemini_write_stop,
        ngx_llm_gemini_write_seed,
        ngx_llm_gemini_write_modalities,
        ngx_llm_gemini_write_format,
        NULL
    };

    if (ctx->chat->max_tokens >= 0) {
        ngx_llm_gemini_config(ctx, "maxOutputTokens");
        ngx_llm_out_int(ctx->out, ctx->chat->max_tokens);
    }

    ngx_llm_gemini_write_number(ctx, NGX_LLM_PARAM_TEMPERATURE,
                                "temperature");
    ngx_llm_gemini_write_number(ctx, NGX_LLM_PARAM_TOP_P, "topP");
    ngx_llm_gemini_write_number(ctx, NGX_LLM_PARAM_TOP_K, "topK");
    ngx_llm_gemini_write_number(ctx, NGX_LLM_PARAM_PRESENCE_PENALTY,
                                "presencePenalty");
    ngx_llm_gemini_write_number(ctx, NGX_LLM_PARAM_FREQUENCY_PENALTY,
                                "frequencyPenalty");
    ngx_llm_gemini_write_logprobs(ctx);
    ngx_llm_gemini_write_thinking(ctx);

    for (i = 0; steps[i]; i++) {

        rc = steps[i](ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->config) {
        ngx_llm_out_char(ctx->out, '}');
    }

    return NGX_OK;
}


void
ngx_llm_gemini_config(ngx_llm_gemini_request_t *ctx, char *name)
{
    if (ctx->config) {
        ngx_llm_out_lit(ctx->out, ",\"");

    } else {
        ngx_llm_out_lit(ctx->out, ",\"generationConfig\":{\"");
    }

    ctx->config = 1;

    ngx_llm_out_data(ctx->out, (u_char *) name, ngx_strlen(name));
    ngx_llm_out_lit(ctx->out, "\":");
}


static void
ngx_llm_gemini_write_number(ngx_llm_gemini_request_t *ctx, ngx_uint_t param,
    char *name)
{
    ngx_llm_json_t  *node;

    node = ctx->chat->param[param];

    if (node == NULL || node->type != NGX_LLM_JSON_NUMBER
        || !(ctx->takes & ngx_llm_param_bit(param)))
    {
        return;
    }

    ngx_llm_gemini_config(ctx, name);
    ngx_llm_out_str(ctx->out, &node->raw);
}


static ngx_int_t
ngx_llm_gemini_write_count(ngx_llm_gemini_request_t *ctx)
{
    int64_t  n;

    if (!(ctx->takes & ngx_llm_param_bit(NGX_LLM_PARAM_N))
        || ngx_llm_json_int(ctx->chat->param[NGX_LLM_PARAM_N], &n) != NGX_OK
        || n == 1)
    {
        return NGX_OK;
    }

    if (n > NGX_LLM_GEMINI_MAX_CHOICES) {

        if (!ngx_llm_gemini_drops(ctx, NGX_LLM_PARAM_N)) {
            return ngx_llm_gemini_refuse(ctx, "n", "\"n\" above 8");
        }

        n = NGX_LLM_GEMINI_MAX_CHOICES;

        if (ngx_llm_gemini_drop(ctx, "n") != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_llm_gemini_config(ctx, "candidateCount");
    ngx_llm_out_int(ctx->out, n);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_write_stop(ngx_llm_gemini_request_t *ctx)
{
    ngx_str_t   *stop;
    ngx_uint_t   i, n;

    if (ctx->chat->stop == NULL) {
        return NGX_OK;
    }

    n = 0;
    stop = ctx->chat->stop->elts;

    for (i = 0; i < ctx->chat->stop->nelts; i++) {

        if (stop[i].len == 0) {
            continue;
        }

        if (n == NGX_LLM_GEMINI_MAX_STOP) {

            if (!ngx_llm_gemini_drops(ctx, NGX_LLM_PARAM_STOP)) {
                return ngx_llm_gemini_refuse(ctx, "stop",
                                             "more than 5 stop sequences");
            }

            if (ngx_llm_gemini_drop(ctx, "stop") != NGX_OK) {
                return NGX_ERROR;
            }

            break;
        }

        if (n++ == 0) {
            ngx_llm_gemini_config(ctx, "stopSequences");
            ngx_llm_out_char(ctx->out, '[');

        } else {
            ngx_llm_out_char(ctx->out, ',');
        }

        ngx_llm_out_quoted(ctx->out, &stop[i]);
    }

    if (n) {
        ngx_llm_out_char(ctx->out, ']');
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_write_seed(ngx_llm_gemini_request_t *ctx)
{
    int64_t          n;
    ngx_llm_json_t  *node;

    node = ctx->chat->param[NGX_LLM_PARAM_SEED];

    if (node == NULL) {
        return NGX_OK;
    }

    if (ngx_llm_json_int(node, &n) != NGX_OK) {
        return ngx_llm_gemini_drop(ctx, "seed");
    }

    /* folded into 32 bits, the same one each time */

    if (n < INT32_MIN || n > INT32_MAX) {
        n %= INT32_MAX;
    }

    ngx_llm_gemini_config(ctx, "seed");
    ngx_llm_out_int(ctx->out, n);

    return NGX_OK;
}


static void
ngx_llm_gemini_write_logprobs(ngx_llm_gemini_request_t *ctx)
{
    int64_t          n;
    ngx_llm_json_t  *logprobs;

    logprobs = ctx->chat->param[NGX_LLM_PARAM_LOGPROBS];

    if (logprobs == NULL || logprobs->type != NGX_LLM_JSON_TRUE) {
        return;
    }

    ngx_llm_gemini_config(ctx, "responseLogprobs");
    ngx_llm_out_lit(ctx->out, "true");

    if (ngx_llm_json_int(ctx->chat->param[NGX_LLM_PARAM_TOP_LOGPROBS], &n)
        == NGX_OK && n > 0)
    {
        ngx_llm_gemini_config(ctx, "logprobs");
        ngx_llm_out_int(ctx->out, n);
    }
}


static ngx_int_t
ngx_llm_gemini_write_modalities(ngx_llm_gemini_request_t *ctx)
{
    ngx_str_t        word;
    ngx_uint_t       image, text;
    ngx_llm_json_t  *node;

    node = ctx->chat->param[NGX_LLM_PARAM_MODALITIES];

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    image = 0;
    text = 0;

    for (node = node->child; node; node = node->next) {

        ngx_str_null(&word);

        if (node->type == NGX_LLM_JSON_STRING) {
            word = ngx_llm_json_text(node);
        }

        if (ngx_llm_json_is(&word, "text")) {
            text = 1;

        } else if (ngx_llm_json_is(&word, "image")) {
            image = 1;

        } else if (!ngx_llm_gemini_drops(ctx, NGX_LLM_PARAM_MODALITIES)) {
            return ngx_llm_gemini_refuse(ctx, "modalities",
                                         "this one of \"modalities\"");

        } else if (ngx_llm_gemini_drop(ctx, "modalities") != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (!image) {
        return NGX_OK;
    }

    ngx_llm_gemini_config(ctx, "responseModalities");

    if (text) {
        ngx_llm_out_lit(ctx->out, "[\"TEXT\",\"IMAGE\"]");

    } else {
        ngx_llm_out_lit(ctx->out, "[\"IMAGE\"]");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_write_format(ngx_llm_gemini_request_t *ctx)
{
    size_t           len;
    ngx_uint_t       written;
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *node;

    if (ctx->chat->format == NGX_LLM_FORMAT_TEXT
        || !(ctx->takes & ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT)))
    {
        return NGX_OK;
    }

    out = ctx->out;

    ngx_llm_gemini_config(ctx, "responseMimeType");
    ngx_llm_out_lit(out, "\"application/json\"");

    if (ctx->chat->format != NGX_LLM_FORMAT_SCHEMA
        || ctx->chat->schema.len == 0)
    {
        return NGX_OK;
    }

    node = ngx_llm_json_parse(ctx->chat->pool, &ctx->chat->schema, NULL);
    if (node == NULL) {
        return NGX_ERROR;
    }

    if (ctx->model->flags & NGX_LLM_GEMINI_SCHEMA) {
        ngx_llm_gemini_config(ctx, "responseJsonSchema");
        ngx_llm_gemini_write_schema(node, out);

        return NGX_OK;
    }

    len = ngx_llm_out_len(out);

    ngx_llm_gemini_config(ctx, "responseSchema");
    written = ngx_llm_gemini_write_openapi(node, 0, out);

    if (!written && !out->failed) {
        out->last = out->start + len;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_write_safety(ngx_llm_gemini_request_t *ctx)
{
    ngx_str_t        category, method, text, threshold;
    ngx_uint_t       n;
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *m, *node;

    if (ctx->google == NULL) {
        return NGX_OK;
    }

    n = 0;
    out = ctx->out;

    node = ngx_llm_gemini_either(ctx->google, "safety_settings",
                                 "safetySettings");

    if (node != NULL && node->type == NGX_LLM_JSON_ARRAY) {

        for (m = node->child; m; m = m->next) {

            category = ngx_llm_json_str(m, "category");
            threshold = ngx_llm_json_str(m, "threshold");

            if (category.len == 0 || threshold.len == 0) {
                continue;
            }

            if (n++ == 0) {
                ngx_llm_out_lit(out, ",\"safetySettings\":[");

            } else {
                ngx_llm_out_char(out, ',');
            }

            ngx_llm_out_lit(out, "{\"category\":");
            ngx_llm_out_quoted(out, &category);
            ngx_llm_out_lit(out, ",\"threshold\":");
            ngx_llm_out_quoted(out, &threshold);

            method = ngx_llm_json_str(m, "method");

            if (method.len && (ctx->service & NGX_LLM_GEMINI_LABELS)) {
                ngx_llm_out_lit(out, ",\"method\":");
                ngx_llm_out_quoted(out, &method);
            }

            ngx_llm_out_char(out, '}');
        }

        if (n) {
            ngx_llm_out_char(out, ']');
        }
    }

    node = ngx_llm_gemini_either(ctx->google, "cached_content",
                                 "cachedContent");

    if (node != NULL && node->type == NGX_LLM_JSON_STRING) {
        text = ngx_llm_json_text(node);

        if (text.len) {
            ngx_llm_out_lit(out, ",\"cachedContent\":");
            ngx_llm_out_quoted(out, &text);
        }
    }

    return NGX_OK;
}


/* for Google's bills */

static ngx_int_t
ngx_llm_gemini_write_labels(ngx_llm_gemini_request_t *ctx)
{
    ngx_str_t        text;
    ngx_uint_t       n;
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *m, *node;

    node = ngx_llm_json_get(ctx->google, "labels");

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        return NGX_OK;
    }

    if (!(ctx->service & NGX_LLM_GEMINI_LABELS)) {
        return ngx_llm_gemini_drop(ctx, "extra_body.google.labels");
    }

    n = 0;
    out = ctx->out;

    for (m = node->child; m; m = m->next) {

        if (m->type != NGX_LLM_JSON_STRING) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(out, ',');

        } else {
            ngx_llm_out_lit(out, ",\"labels\":{");
        }

        text = ngx_llm_json_text(m);

        ngx_llm_out_json_string(out, &m->key);
        ngx_llm_out_char(out, ':');
        ngx_llm_out_quoted(out, &text);
    }

    if (n) {
        ngx_llm_out_char(out, '}');
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_write_tier(ngx_llm_gemini_request_t *ctx)
{
    ngx_str_t        tier;
    ngx_llm_json_t  *node;

    node = ctx->chat->param[NGX_LLM_PARAM_SERVICE_TIER];

    if (node == NULL) {
        return NGX_OK;
    }

    ngx_str_null(&tier);

    if (node->type == NGX_LLM_JSON_STRING) {
        tier = ngx_llm_json_text(node);
    }

    if (ngx_llm_json_is(&tier, "auto")
        || ngx_llm_json_is(&tier, "default")
        || ngx_llm_json_is(&tier, "standard_only"))
    {
        /* what it is without a word */

        return NGX_OK;
    }

    if (!(ctx->service & NGX_LLM_GEMINI_TIERS)) {
        return ngx_llm_gemini_drop(ctx, "service_tier");
    }

    if (ngx_llm_json_is(&tier, "flex")) {
        ngx_llm_out_lit(ctx->out, ",\"serviceTier\":\"flex\"");
        return NGX_OK;
    }

    if (ngx_llm_json_is(&tier, "priority")) {
        ngx_llm_out_lit(ctx->out, ",\"serviceTier\":\"priority\"");
        return NGX_OK;
    }

    return ngx_llm_gemini_drop(ctx, "service_tier");
}


ngx_llm_json_t *
ngx_llm_gemini_either(ngx_llm_json_t *node, char *snake, char *camel)
{
    ngx_llm_json_t  *member;

    member = ngx_llm_json_set(node, snake);

    return member ? member : ngx_llm_json_set(node, camel);
}


ngx_int_t
ngx_llm_gemini_refuse(ngx_llm_gemini_request_t *ctx, char *param, char *what)
{
    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", "unsupported_parameter",
                         param, "provider \"%V\" cannot take %s",
                         &ctx->target->provider, what);
}


ngx_int_t
ngx_llm_gemini_drop(ngx_llm_gemini_request_t *ctx, char *name)
{
    return ngx_llm_params_drop(ctx->chat, name);
}


ngx_uint_t
ngx_llm_gemini_drops(ngx_llm_gemini_request_t *ctx, ngx_uint_t param)
{
    return (ctx->target->drop & ngx_llm_param_bit(param)) != 0;
}
