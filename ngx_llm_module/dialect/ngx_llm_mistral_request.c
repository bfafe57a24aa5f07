
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What goes to a provider.  Its objects are closed: an unknown member at any
 * depth, or a null, is an error.  All that is written is known by name.
 */


#include "ngx_llm_mistral.h"


typedef struct {
    char        *name;          /* a part of the model's name */
    ngx_uint_t   flags;
} ngx_llm_mistral_model_t;


static ngx_uint_t ngx_llm_mistral_model(ngx_str_t *name);
static ngx_int_t ngx_llm_mistral_params(ngx_llm_mistral_request_t *ctx);
static ngx_int_t ngx_llm_mistral_tools(ngx_llm_mistral_request_t *ctx);
static ngx_int_t ngx_llm_mistral_write_sampling(
    ngx_llm_mistral_request_t *ctx);
static void ngx_llm_mistral_write_top_p(ngx_llm_mistral_request_t *ctx);
static ngx_int_t ngx_llm_mistral_write_seed(ngx_llm_mistral_request_t *ctx);
static ngx_int_t ngx_llm_mistral_write_tools(ngx_llm_mistral_request_t *ctx);
static void ngx_llm_mistral_write_tool(ngx_llm_mistral_request_t *ctx,
    ngx_llm_tool_t *tool);
static void ngx_llm_mistral_write_choice(ngx_llm_mistral_request_t *ctx);
static ngx_int_t ngx_llm_mistral_write_format(
    ngx_llm_mistral_request_t *ctx);
static ngx_int_t ngx_llm_mistral_write_effort(
    ngx_llm_mistral_request_t *ctx);
static ngx_int_t ngx_llm_mistral_write_prediction(
    ngx_llm_mistral_request_t *ctx);
static ngx_int_t ngx_llm_mistral_write_others(
    ngx_llm_mistral_request_t *ctx);


#define NGX_LLM_MISTRAL_TAKES                                                \
    (ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_P)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_N)                                     \
     |ngx_llm_param_bit(NGX_LLM_PARAM_SEED)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_FREQUENCY_PENALTY)                     \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PRESENCE_PENALTY)                      \
     |ngx_llm_param_bit(NGX_LLM_PARAM_METADATA)                              \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PREDICTION)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PROMPT_CACHE_KEY)                      \
     |ngx_llm_param_bit(NGX_LLM_PARAM_STOP)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOL_CHOICE)                           \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PARALLEL_TOOL_CALLS)                   \
     |ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT))


static const ngx_llm_compose_own_t  ngx_llm_mistral_own[] = {
    { ngx_string("safe_prompt"), NGX_LLM_COMPOSE_BOOL },
    { ngx_string("random_seed"), NGX_LLM_COMPOSE_NUMBER },
    { ngx_string("prompt_mode"), NGX_LLM_COMPOSE_STRING },
    { ngx_string("guardrails"), NGX_LLM_COMPOSE_ARRAY },
    { ngx_null_string, 0 }
};


/*
 * The first that fits; a model that is not here is taken for one that is
 * newer.
 */

static const ngx_llm_mistral_model_t  ngx_llm_mistral_models[] = {

    /* they reason, always */
    { "magistral", NGX_LLM_MISTRAL_THOUGHTS },

    { "mistral-small-24", NGX_LLM_MISTRAL_ORDER },
    { "mistral-small-25", 0 },
    { "mistral-small", NGX_LLM_MISTRAL_EFFORT|NGX_LLM_MISTRAL_THOUGHTS },
    { "mistral-medium-3-5",
      NGX_LLM_MISTRAL_EFFORT|NGX_LLM_MISTRAL_THOUGHTS },
    { "mistral-medium-3.5",
      NGX_LLM_MISTRAL_EFFORT|NGX_LLM_MISTRAL_THOUGHTS },
    { "mistral-medium-23", NGX_LLM_MISTRAL_ORDER },
    { "mistral-medium-25", 0 },
    { "mistral-medium-3", 0 },
    { "mistral-large-24", NGX_LLM_MISTRAL_ORDER },
    { "mistral-large", 0 },
    { "mistral-tiny", NGX_LLM_MISTRAL_ORDER },
    { "mistral-saba", NGX_LLM_MISTRAL_ORDER },

    { "ministral", 0 },
    { "codestral-24", NGX_LLM_MISTRAL_ORDER },
    { "codestral", 0 },
    { "devstral", 0 },
    { "voxtral", 0 },
    { "pixtral", NGX_LLM_MISTRAL_ORDER },
    { "mixtral", NGX_LLM_MISTRAL_ORDER },
    { "mistral-7b", NGX_LLM_MISTRAL_ORDER },
    { "mistral-nemo", NGX_LLM_MISTRAL_ORDER },
    { "labs-", 0 },

    { "", NGX_LLM_MISTRAL_EFFORT|NGX_LLM_MISTRAL_THOUGHTS }
};


ngx_int_t
ngx_llm_mistral_write_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    size_t                      i;
    ngx_int_t                   rc;
    ngx_llm_mistral_request_t   ctx;

    static ngx_int_t  (*steps[])(ngx_llm_mistral_request_t *ctx) = {
        ngx_llm_mistral_params,
        ngx_llm_mistral_tools,
        ngx_llm_mistral_ids,

        ngx_llm_mistral_write_messages,
        ngx_llm_mistral_write_sampling,
        ngx_llm_mistral_write_tools,
        ngx_llm_mistral_write_format,
        ngx_llm_mistral_write_effort,
        ngx_llm_mistral_write_prediction,
        ngx_llm_mistral_write_others,
        NULL
    };

    ngx_memzero(&ctx, sizeof(ngx_llm_mistral_request_t));

    ctx.rq.chat = chat;
    ctx.rq.target = target;
    ctx.rq.out = out;
    ctx.rq.err = err;
    ctx.rq.own = ngx_llm_mistral_own;
    ctx.model = ngx_llm_mistral_model(&target->model);

    ngx_llm_out_lit(out, "{\"model\":");
    ngx_llm_out_json_string(out, &target->model);

    for (i = 0; steps[i]; i++) {

        rc = steps[i](&ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (chat->stream) {
        ngx_llm_out_lit(out, ",\"stream\":true");
    }

    ngx_llm_out_char(out, '}');

    return out->failed ? NGX_ERROR : NGX_OK;
}


static ngx_uint_t
ngx_llm_mistral_model(ngx_str_t *name)
{
    const ngx_llm_mistral_model_t  *m;

    for (m = ngx_llm_mistral_models; m->name[0]; m++) {
        if (ngx_llm_answer_has(name, m->name)) {
            break;
        }
    }

    return m->flags;
}


static ngx_int_t
ngx_llm_mistral_params(ngx_llm_mistral_request_t *ctx)
{
    uint64_t  takes;

    takes = NGX_LLM_MISTRAL_TAKES;

    if (ctx->model & NGX_LLM_MISTRAL_EFFORT) {
        takes |= ngx_llm_param_bit(NGX_LLM_PARAM_REASONING_EFFORT)
                 | ngx_llm_param_bit(NGX_LLM_PARAM_THINKING);

        /* how an operator says that this model has none */

        takes &= ~(ctx->rq.target->drop
                   & (ngx_llm_param_bit(NGX_LLM_PARAM_REASONING_EFFORT)
                      | ngx_llm_param_bit(NGX_LLM_PARAM_THINKING)));

        if (!(takes & ngx_llm_param_bit(NGX_LLM_PARAM_REASONING_EFFORT))) {
            ctx->model &= ~NGX_LLM_MISTRAL_EFFORT;
        }
    }

    return ngx_llm_compose_params(&ctx->rq, takes);
}


static ngx_int_t
ngx_llm_mistral_tools(ngx_llm_mistral_request_t *ctx)
{
    return ngx_llm_compose_tools(&ctx->rq, 0);
}


static ngx_int_t
ngx_llm_mistral_write_sampling(ngx_llm_mistral_request_t *ctx)
{
    ngx_llm_compose_t  *rq;

    rq = &ctx->rq;

    if (rq->chat->max_tokens > 0) {
        ngx_llm_out_lit(rq->out, ",\"max_tokens\":");
        ngx_llm_out_int(rq->out, rq->chat->max_tokens);
    }

    if (ngx_llm_compose_limited(rq, NGX_LLM_PARAM_TEMPERATURE, "temperature",
                                0, "0", NGX_LLM_JSON_ONE / 2 * 3, "1.5")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_mistral_write_top_p(ctx);

    ngx_llm_compose_number(rq, NGX_LLM_PARAM_N, "n");
    ngx_llm_compose_number(rq, NGX_LLM_PARAM_PRESENCE_PENALTY,
                           "presence_penalty");
    ngx_llm_compose_number(rq, NGX_LLM_PARAM_FREQUENCY_PENALTY,
                           "frequency_penalty");

    if (ngx_llm_mistral_write_seed(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_llm_compose_stop(rq, "stop", 0);
}


/* 0 is refused; where only the likeliest token is taken, any says the same */

static void
ngx_llm_mistral_write_top_p(ngx_llm_mistral_request_t *ctx)
{
    int64_t          p, t;
    ngx_llm_json_t  *temperature, *top_p;

    top_p = ctx->rq.chat->param[NGX_LLM_PARAM_TOP_P];
    temperature = ctx->rq.chat->param[NGX_LLM_PARAM_TEMPERATURE];

    if (top_p == NULL || ngx_llm_json_decimal(top_p, &p) != NGX_OK
        || (temperature
            && ngx_llm_json_decimal(temperature, &t) == NGX_OK && t <= 0))
    {
        return;
    }

    ngx_llm_out_lit(ctx->rq.out, ",\"top_p\":");

    if (p <= 0) {
        ngx_llm_out_lit(ctx->rq.out, "0.0001");

    } else {
        ngx_llm_out_str(ctx->rq.out, &top_p->raw);
    }
}


static ngx_int_t
ngx_llm_mistral_write_seed(ngx_llm_mistral_request_t *ctx)
{
    int64_t          n;
    ngx_llm_json_t  *own;

    own = ngx_llm_compose_own(&ctx->rq, "random_seed");

    if (own == NULL || ctx->rq.chat->param[NGX_LLM_PARAM_SEED]) {

        if (own && ngx_llm_compose_drop(&ctx->rq, "random_seed") != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_llm_compose_seed(&ctx->rq, "random_seed");
    }

    if (ngx_llm_json_int(own, &n) != NGX_OK || n < 0) {
        return ngx_llm_compose_drop(&ctx->rq, "random_seed");
    }

    ngx_llm_out_lit(ctx->rq.out, ",\"random_seed\":");
    ngx_llm_out_int(ctx->rq.out, n);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_mistral_write_tools(ngx_llm_mistral_request_t *ctx)
{
    ngx_uint_t       i;
    ngx_llm_out_t   *out;
    ngx_llm_chat_t  *chat;

    if (ctx->rq.ntools == 0) {
        return NGX_OK;
    }

    out = ctx->rq.out;
    chat = ctx->rq.chat;

    ngx_llm_out_lit(out, ",\"tools\":[");

    for (i = 0; i < ctx->rq.ntools; i++) {

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_mistral_write_tool(ctx, ctx->rq.tools[i]);
    }

    ngx_llm_out_char(out, ']');

    ngx_llm_mistral_write_choice(ctx);

    if (chat->parallel_set) {
        if (chat->parallel) {
            ngx_llm_out_lit(out, ",\"parallel_tool_calls\":true");

        } else {
            ngx_llm_out_lit(out, ",\"parallel_tool_calls\":false");
        }
    }

    return NGX_OK;
}


static void
ngx_llm_mistral_write_tool(ngx_llm_mistral_request_t *ctx,
    ngx_llm_tool_t *tool)
{
    ngx_str_t       schema;
    ngx_llm_out_t  *out;

    out = ctx->rq.out;

    /* parameters have to be there */

    ngx_llm_compose_tool(&ctx->rq, tool);
    ngx_llm_compose_schema(tool, &schema);

    ngx_llm_out_str(out, &schema);

    if (tool->strict) {
        ngx_llm_out_lit(out, ",\"strict\":true");
    }

    ngx_llm_out_lit(out, "}}");
}


static void
ngx_llm_mistral_write_choice(ngx_llm_mistral_request_t *ctx)
{
    ngx_llm_out_t  *out;

    out = ctx->rq.out;

    switch (ctx->rq.chat->tool_choice) {

    case NGX_LLM_TOOL_CHOICE_AUTO:
        ngx_llm_out_lit(out, ",\"tool_choice\":\"auto\"");
        return;

    case NGX_LLM_TOOL_CHOICE_NONE:
        ngx_llm_out_lit(out, ",\"tool_choice\":\"none\"");
        return;

    case NGX_LLM_TOOL_CHOICE_REQUIRED:

        /* what all models know it as */

        ngx_llm_out_lit(out, ",\"tool_choice\":\"any\"");
        return;

    case NGX_LLM_TOOL_CHOICE_NAMED:
        ngx_llm_out_lit(out, ",\"tool_choice\":{\"type\":\"function\","
                             "\"function\":{\"name\":");
        ngx_llm_out_quoted(out, &ctx->rq.chat->tool_name);
        ngx_llm_out_lit(out, "}}");
        return;

    default: /* NGX_LLM_TOOL_CHOICE_UNSET */
        return;
    }
}


static ngx_int_t
ngx_llm_mistral_write_format(ngx_llm_mistral_request_t *ctx)
{
    ngx_llm_compose_response_format(ctx->rq.chat, 1, ctx->rq.out);

    return NGX_OK;
}


/* there is none, and there is high */

static ngx_int_t
ngx_llm_mistral_write_effort(ngx_llm_mistral_request_t *ctx)
{
    ngx_str_t        word;
    ngx_uint_t       off;
    ngx_llm_json_t  *effort, *thinking;

    effort = ctx->rq.chat->param[NGX_LLM_PARAM_REASONING_EFFORT];
    thinking = ctx->rq.chat->param[NGX_LLM_PARAM_THINKING];

    if (!(ctx->model & NGX_LLM_MISTRAL_EFFORT)
        || (effort == NULL && thinking == NULL))
    {
        return NGX_OK;
    }

    if (effort == NULL) {
        word = ngx_llm_json_str(thinking, "type");
        off = ngx_llm_json_is(&word, "disabled");

    } else {
        ngx_str_null(&word);

        if (effort->type == NGX_LLM_JSON_STRING) {
            word = ngx_llm_json_text(effort);
        }

        off = ngx_llm_json_is(&word, "none");
    }

    if (off) {
        ngx_llm_out_lit(ctx->rq.out, ",\"reasoning_effort\":\"none\"");

    } else {
        ngx_llm_out_lit(ctx->rq.out, ",\"reasoning_effort\":\"high\"");
    }

    return NGX_OK;
}


/* its content is a string, and a list of texts with OpenAI */

static ngx_int_t
ngx_llm_mistral_write_prediction(ngx_llm_mistral_request_t *ctx)
{
    ngx_str_t        text;
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *content, *item;

    content = ngx_llm_json_set(ctx->rq.chat->param[NGX_LLM_PARAM_PREDICTION],
                               "content");

    if (content == NULL
        || (content->type != NGX_LLM_JSON_STRING
            && content->type != NGX_LLM_JSON_ARRAY))
    {
        return NGX_OK;
    }

    out = ctx->rq.out;

    ngx_llm_out_lit(out, ",\"prediction\":{\"type\":\"content\","
                         "\"content\":\"");

    if (content->type == NGX_LLM_JSON_STRING) {
        text = ngx_llm_json_text(content);
        ngx_llm_out_str(out, &text);

    } else {

        for (item = content->child; item; item = item->next) {
            text = ngx_llm_json_str(item, "text");
            ngx_llm_out_str(out, &text);
        }
    }

    ngx_llm_out_lit(out, "\"}");

    return NGX_OK;
}


static ngx_int_t
ngx_llm_mistral_write_others(ngx_llm_mistral_request_t *ctx)
{
    ngx_str_t           key;
    ngx_llm_json_t     *node;
    ngx_llm_compose_t  *rq;

    rq = &ctx->rq;

    node = rq->chat->param[NGX_LLM_PARAM_METADATA];

    if (node && node->type == NGX_LLM_JSON_OBJECT && node->child) {
        ngx_llm_out_lit(rq->out, ",\"metadata\":");
        ngx_llm_out_str(rq->out, &node->raw);
    }

    node = rq->chat->param[NGX_LLM_PARAM_PROMPT_CACHE_KEY];

    if (node && node->type == NGX_LLM_JSON_STRING) {

        key = ngx_llm_json_text(node);

        if (key.len) {
            ngx_llm_out_lit(rq->out, ",\"prompt_cache_key\":");
            ngx_llm_out_quoted(rq->out, &key);
        }
    }

    (void) ngx_llm_compose_write_own(rq, "safe_prompt");
    (void) ngx_llm_compose_write_own(rq, "prompt_mode");
    (void) ngx_llm_compose_write_own(rq, "guardrails");

    return NGX_OK;
}
