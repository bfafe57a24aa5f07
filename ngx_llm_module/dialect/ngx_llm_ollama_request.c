
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What goes to a provider.
 */


#include "ngx_llm_ollama.h"


static ngx_int_t ngx_llm_ollama_params(ngx_llm_ollama_request_t *ctx);
static ngx_int_t ngx_llm_ollama_tools(ngx_llm_ollama_request_t *ctx);
static ngx_int_t ngx_llm_ollama_write_tools(ngx_llm_ollama_request_t *ctx);
static ngx_int_t ngx_llm_ollama_write_tool(ngx_llm_ollama_request_t *ctx,
    ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_ollama_write_schema(ngx_llm_ollama_request_t *ctx,
    ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_ollama_write_format(ngx_llm_ollama_request_t *ctx);
static ngx_int_t ngx_llm_ollama_write_options(ngx_llm_ollama_request_t *ctx);
static void ngx_llm_ollama_option(ngx_llm_ollama_request_t *ctx, char *name);
static void ngx_llm_ollama_write_number(ngx_llm_ollama_request_t *ctx,
    ngx_llm_json_t *node, char *name);
static ngx_int_t ngx_llm_ollama_write_integer(ngx_llm_ollama_request_t *ctx,
    ngx_llm_json_t *node, char *name, char *param);
static void ngx_llm_ollama_write_stop(ngx_llm_ollama_request_t *ctx);
static ngx_int_t ngx_llm_ollama_write_think(ngx_llm_ollama_request_t *ctx);
static ngx_int_t ngx_llm_ollama_write_logprobs(
    ngx_llm_ollama_request_t *ctx);
static ngx_int_t ngx_llm_ollama_write_own(ngx_llm_ollama_request_t *ctx);


#define NGX_LLM_OLLAMA_TAKES                                                 \
    (ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_P)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_K)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_SEED)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_FREQUENCY_PENALTY)                     \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PRESENCE_PENALTY)                      \
     |ngx_llm_param_bit(NGX_LLM_PARAM_LOGPROBS)                              \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_LOGPROBS)                          \
     |ngx_llm_param_bit(NGX_LLM_PARAM_STOP)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOL_CHOICE)                           \
     |ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT))


/* the rest of the options is the operator's: it has models loaded anew */

static const ngx_llm_compose_own_t  ngx_llm_ollama_own[] = {
    { ngx_string("keep_alive"),
      NGX_LLM_COMPOSE_STRING|NGX_LLM_COMPOSE_NUMBER },
    { ngx_string("truncate"), NGX_LLM_COMPOSE_BOOL },
    { ngx_string("shift"), NGX_LLM_COMPOSE_BOOL },
    { ngx_string("num_ctx"), NGX_LLM_COMPOSE_NUMBER },
    { ngx_string("min_p"), NGX_LLM_COMPOSE_NUMBER },
    { ngx_string("typical_p"), NGX_LLM_COMPOSE_NUMBER },
    { ngx_string("repeat_penalty"), NGX_LLM_COMPOSE_NUMBER },
    { ngx_string("repeat_last_n"), NGX_LLM_COMPOSE_NUMBER },
    { ngx_null_string, 0 }
};


/* references are not known, nor are the less usual names of a choice */

static const ngx_llm_schema_keyword_t  ngx_llm_ollama_keywords[] = {
    { "oneOf", NGX_LLM_SCHEMA_ONE, "anyOf" },
    { "anyOf", NGX_LLM_SCHEMA_ONE, NULL },
    { "items", NGX_LLM_SCHEMA_ONE, NULL },
    { "properties", NGX_LLM_SCHEMA_MANY, NULL },
    { NULL, NGX_LLM_SCHEMA_COPY, NULL }
};


ngx_int_t
ngx_llm_ollama_write_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    size_t                     i;
    ngx_int_t                  rc;
    ngx_llm_ollama_request_t   ctx;

    static ngx_int_t  (*steps[])(ngx_llm_ollama_request_t *ctx) = {
        ngx_llm_ollama_params,
        ngx_llm_ollama_tools,

        ngx_llm_ollama_write_messages,
        ngx_llm_ollama_write_tools,
        ngx_llm_ollama_write_format,
        ngx_llm_ollama_write_options,
        ngx_llm_ollama_write_think,
        ngx_llm_ollama_write_logprobs,
        ngx_llm_ollama_write_own,
        NULL
    };

    ngx_memzero(&ctx, sizeof(ngx_llm_ollama_request_t));

    ctx.rq.chat = chat;
    ctx.rq.target = target;
    ctx.rq.out = out;
    ctx.rq.err = err;
    ctx.rq.own = ngx_llm_ollama_own;

    ngx_llm_out_lit(out, "{\"model\":");
    ngx_llm_out_json_string(out, &target->model);

    /* absent is true */

    if (chat->stream) {
        ngx_llm_out_lit(out, ",\"stream\":true");

    } else {
        ngx_llm_out_lit(out, ",\"stream\":false");
    }

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
ngx_llm_ollama_params(ngx_llm_ollama_request_t *ctx)
{
    uint64_t  takes, thinks;

    takes = NGX_LLM_OLLAMA_TAKES;

    /* a model that does not think refuses it: the operator may say so */

    thinks = ngx_llm_param_bit(NGX_LLM_PARAM_REASONING_EFFORT)
             | ngx_llm_param_bit(NGX_LLM_PARAM_THINKING);

    takes |= thinks & ~ctx->rq.target->drop;

    if (ctx->rq.chat->legacy_functions) {

        /* the client sees the first call alone */

        takes |= ngx_llm_param_bit(NGX_LLM_PARAM_PARALLEL_TOOL_CALLS);
    }

    return ngx_llm_compose_params(&ctx->rq, takes);
}


static ngx_int_t
ngx_llm_ollama_tools(ngx_llm_ollama_request_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_llm_compose_tools(&ctx->rq, 1);
    if (rc != NGX_OK) {
        return rc;
    }

    switch (ctx->rq.chat->tool_choice) {

    case NGX_LLM_TOOL_CHOICE_NONE:

        /* there is no other way to say it */

        ctx->rq.ntools = 0;
        return NGX_OK;

    case NGX_LLM_TOOL_CHOICE_REQUIRED:
    case NGX_LLM_TOOL_CHOICE_NAMED:

        if (ctx->rq.ntools == 0) {
            return NGX_OK;
        }

        rc = ngx_llm_compose_refuse_or_drop(&ctx->rq,
                                            NGX_LLM_PARAM_TOOL_CHOICE,
                                            "a choice that forces a tool");
        if (rc != NGX_OK) {
            return rc;
        }

        break;

    default: /* NGX_LLM_TOOL_CHOICE_AUTO, _UNSET */
        break;
    }

    /* the format holds for all that the model writes, calls too */

    return ngx_llm_compose_format(&ctx->rq);
}


static ngx_int_t
ngx_llm_ollama_write_tools(ngx_llm_ollama_request_t *ctx)
{
    ngx_uint_t  i;

    if (ctx->rq.ntools == 0) {
        return NGX_OK;
    }

    ngx_llm_out_lit(ctx->rq.out, ",\"tools\":[");

    for (i = 0; i < ctx->rq.ntools; i++) {

        if (i) {
            ngx_llm_out_char(ctx->rq.out, ',');
        }

        if (ngx_llm_ollama_write_tool(ctx, ctx->rq.tools[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_llm_out_char(ctx->rq.out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_write_tool(ngx_llm_ollama_request_t *ctx, ngx_llm_tool_t *tool)
{
    ngx_llm_compose_tool(&ctx->rq, tool);

    if (ngx_llm_ollama_write_schema(ctx, tool) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_out_lit(ctx->rq.out, "}}");

    return NGX_OK;
}


/* the root has to be an object with members, and a type that is one word */

static ngx_int_t
ngx_llm_ollama_write_schema(ngx_llm_ollama_request_t *ctx,
    ngx_llm_tool_t *tool)
{
    size_t             start;
    ngx_str_t          raw;
    ngx_llm_out_t      out;
    ngx_llm_json_t    *m, *root;
    ngx_llm_schema_t   s;

    ngx_memzero(&s, sizeof(ngx_llm_schema_t));

    ngx_llm_compose_schema(tool, &raw);

    s.root = ngx_llm_json_parse(ctx->rq.chat->pool, &raw, NULL);
    if (s.root == NULL) {
        return NGX_ERROR;
    }

    ngx_llm_out_init(&out, ctx->rq.chat->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    s.keywords = ngx_llm_ollama_keywords;
    s.out = &out;
    s.copied = 1;

    ngx_llm_schema_write(&s);

    if (out.failed) {
        return NGX_ERROR;
    }

    raw.data = out.start;
    raw.len = ngx_llm_out_len(&out);

    root = ngx_llm_json_parse(ctx->rq.chat->pool, &raw, NULL);
    if (root == NULL) {
        return NGX_ERROR;
    }

    start = ngx_llm_out_len(ctx->rq.out);

    ngx_llm_out_lit(ctx->rq.out, "{\"type\":\"object\"");

    m = ngx_llm_json_get(root, "properties");

    if (m == NULL || m->type != NGX_LLM_JSON_OBJECT) {
        ngx_llm_out_lit(ctx->rq.out, ",\"properties\":{}");
    }

    for (m = root->child; m; m = m->next) {

        if ((m->key.len == sizeof("type") - 1
             && ngx_memcmp(m->key.data, "type", sizeof("type") - 1) == 0)
            || (m->key.len == sizeof("properties") - 1
                && m->type != NGX_LLM_JSON_OBJECT
                && ngx_memcmp(m->key.data, "properties",
                              sizeof("properties") - 1)
                   == 0))
        {
            continue;
        }

        ngx_llm_out_char(ctx->rq.out, ',');
        ngx_llm_out_json_string(ctx->rq.out, &m->key);
        ngx_llm_out_char(ctx->rq.out, ':');
        ngx_llm_out_str(ctx->rq.out, &m->raw);
    }

    ngx_llm_out_char(ctx->rq.out, '}');

    return (start && ctx->rq.out->failed) ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_write_format(ngx_llm_ollama_request_t *ctx)
{
    ngx_llm_chat_t  *chat;

    chat = ctx->rq.chat;

    if (chat->format == NGX_LLM_FORMAT_TEXT || ctx->rq.ntools) {
        return NGX_OK;
    }

    ngx_llm_out_lit(ctx->rq.out, ",\"format\":");

    if (chat->format == NGX_LLM_FORMAT_SCHEMA && chat->schema.len) {
        ngx_llm_out_str(ctx->rq.out, &chat->schema);

    } else {
        ngx_llm_out_lit(ctx->rq.out, "\"json\"");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_write_options(ngx_llm_ollama_request_t *ctx)
{
    ngx_uint_t       i;
    ngx_llm_chat_t  *chat;

    static char  *numbers[] = { "min_p", "typical_p", "repeat_penalty",
                                NULL };
    static char  *integers[] = { "num_ctx", "repeat_last_n", NULL };

    chat = ctx->rq.chat;

    if (chat->max_tokens > 0) {
        ngx_llm_ollama_option(ctx, "num_predict");
        ngx_llm_out_int(ctx->rq.out, chat->max_tokens);
    }

    ngx_llm_ollama_write_number(ctx, chat->param[NGX_LLM_PARAM_TEMPERATURE],
                                "temperature");
    ngx_llm_ollama_write_number(ctx, chat->param[NGX_LLM_PARAM_TOP_P],
                                "top_p");
    ngx_llm_ollama_write_number(ctx,
                                chat->param[NGX_LLM_PARAM_PRESENCE_PENALTY],
                                "presence_penalty");
    ngx_llm_ollama_write_number(ctx,
                                chat->param[NGX_LLM_PARAM_FREQUENCY_PENALTY],
                                "frequency_penalty");

    if (ngx_llm_ollama_write_integer(ctx, chat->param[NGX_LLM_PARAM_TOP_K],
                                     "top_k", "top_k")
        != NGX_OK
        || ngx_llm_ollama_write_integer(ctx, chat->param[NGX_LLM_PARAM_SEED],
                                        "seed", "seed")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; numbers[i]; i++) {
        ngx_llm_ollama_write_number(ctx,
                                    ngx_llm_compose_own(&ctx->rq, numbers[i]),
                                    numbers[i]);
    }

    for (i = 0; integers[i]; i++) {

        if (ngx_llm_ollama_write_integer(ctx,
                                         ngx_llm_compose_own(&ctx->rq,
                                                             integers[i]),
                                         integers[i], integers[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_llm_ollama_write_stop(ctx);

    if (ctx->noptions) {
        ngx_llm_out_char(ctx->rq.out, '}');
    }

    return NGX_OK;
}


static void
ngx_llm_ollama_option(ngx_llm_ollama_request_t *ctx, char *name)
{
    if (ctx->noptions++) {
        ngx_llm_compose_member(&ctx->rq, name);
        return;
    }

    ngx_llm_out_lit(ctx->rq.out, ",\"options\":{\"");
    ngx_llm_out_data(ctx->rq.out, (u_char *) name, ngx_strlen(name));
    ngx_llm_out_lit(ctx->rq.out, "\":");
}


static void
ngx_llm_ollama_write_number(ngx_llm_ollama_request_t *ctx,
    ngx_llm_json_t *node, char *name)
{
    if (node && node->type == NGX_LLM_JSON_NUMBER) {
        ngx_llm_ollama_option(ctx, name);
        ngx_llm_out_str(ctx->rq.out, &node->raw);
    }
}


/* a fraction is an error there */

static ngx_int_t
ngx_llm_ollama_write_integer(ngx_llm_ollama_request_t *ctx,
    ngx_llm_json_t *node, char *name, char *param)
{
    int64_t  n;

    if (node == NULL) {
        return NGX_OK;
    }

    if (ngx_llm_json_int(node, &n) != NGX_OK) {
        return ngx_llm_compose_drop(&ctx->rq, param);
    }

    ngx_llm_ollama_option(ctx, name);
    ngx_llm_out_int(ctx->rq.out, n);

    return NGX_OK;
}


static void
ngx_llm_ollama_write_stop(ngx_llm_ollama_request_t *ctx)
{
    ngx_str_t   *stop;
    ngx_uint_t   i, n;

    if (ctx->rq.chat->stop == NULL) {
        return;
    }

    n = 0;
    stop = ctx->rq.chat->stop->elts;

    for (i = 0; i < ctx->rq.chat->stop->nelts; i++) {

        if (stop[i].len == 0) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(ctx->rq.out, ',');

        } else {
            ngx_llm_ollama_option(ctx, "stop");
            ngx_llm_out_char(ctx->rq.out, '[');
        }

        ngx_llm_out_quoted(ctx->rq.out, &stop[i]);
    }

    if (n) {
        ngx_llm_out_char(ctx->rq.out, ']');
    }
}


static ngx_int_t
ngx_llm_ollama_write_think(ngx_llm_ollama_request_t *ctx)
{
    ngx_str_t        word;
    ngx_uint_t       i;
    ngx_llm_json_t  *node;

    static char  *words[][2] = {
        { "none", "false" },
        { "minimal", "\"low\"" },
        { "low", "\"low\"" },
        { "medium", "\"medium\"" },
        { "high", "\"high\"" },
        { "xhigh", "\"high\"" },
        { "max", "\"max\"" },
        { NULL, NULL }
    };

    node = ctx->rq.chat->param[NGX_LLM_PARAM_REASONING_EFFORT];

    if (node
        && !ngx_llm_compose_drops(&ctx->rq, NGX_LLM_PARAM_REASONING_EFFORT))
    {
        ngx_str_null(&word);

        if (node->type == NGX_LLM_JSON_STRING) {
            word = ngx_llm_json_text(node);
        }

        for (i = 0; words[i][0]; i++) {

            if (ngx_llm_json_is(&word, words[i][0])) {
                ngx_llm_compose_member(&ctx->rq, "think");
                ngx_llm_out_data(ctx->rq.out, (u_char *) words[i][1],
                                 ngx_strlen(words[i][1]));
                return NGX_OK;
            }
        }

        return ngx_llm_compose_drop(&ctx->rq, "reasoning_effort");
    }

    node = ctx->rq.chat->param[NGX_LLM_PARAM_THINKING];

    if (node == NULL
        || ngx_llm_compose_drops(&ctx->rq, NGX_LLM_PARAM_THINKING))
    {
        return NGX_OK;
    }

    word = ngx_llm_json_str(node, "type");

    if (ngx_llm_json_is(&word, "disabled")) {
        ngx_llm_out_lit(ctx->rq.out, ",\"think\":false");

    } else {
        ngx_llm_out_lit(ctx->rq.out, ",\"think\":true");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_write_logprobs(ngx_llm_ollama_request_t *ctx)
{
    int64_t          n;
    ngx_llm_json_t  *node;

    node = ctx->rq.chat->param[NGX_LLM_PARAM_LOGPROBS];

    if (node == NULL || node->type != NGX_LLM_JSON_TRUE) {
        return NGX_OK;
    }

    ngx_llm_out_lit(ctx->rq.out, ",\"logprobs\":true");

    if (ngx_llm_json_int(ctx->rq.chat->param[NGX_LLM_PARAM_TOP_LOGPROBS], &n)
        == NGX_OK)
    {
        ngx_llm_out_lit(ctx->rq.out, ",\"top_logprobs\":");
        ngx_llm_out_int(ctx->rq.out, n);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_write_own(ngx_llm_ollama_request_t *ctx)
{
    (void) ngx_llm_compose_write_own(&ctx->rq, "keep_alive");
    (void) ngx_llm_compose_write_own(&ctx->rq, "truncate");
    (void) ngx_llm_compose_write_own(&ctx->rq, "shift");

    return NGX_OK;
}
