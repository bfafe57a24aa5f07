
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What goes to a provider.
 */


#include "ngx_llm_cohere.h"


#define NGX_LLM_COHERE_MAX_STOP   5
#define NGX_LLM_COHERE_MAX_K      500

/* what of max_tokens is left for the answer */
#define NGX_LLM_COHERE_ANSWER     1000


typedef struct {
    char        *word;
    int64_t      budget;        /* 0: the model's own */
} ngx_llm_cohere_effort_t;


static ngx_uint_t ngx_llm_cohere_reasons(ngx_str_t *model);
static ngx_int_t ngx_llm_cohere_params(ngx_llm_cohere_request_t *ctx);
static ngx_int_t ngx_llm_cohere_tools(ngx_llm_cohere_request_t *ctx);
static ngx_uint_t ngx_llm_cohere_strict(ngx_llm_cohere_request_t *ctx);
static ngx_int_t ngx_llm_cohere_write_sampling(
    ngx_llm_cohere_request_t *ctx);
static void ngx_llm_cohere_write_p(ngx_llm_cohere_request_t *ctx);
static ngx_int_t ngx_llm_cohere_write_penalty(ngx_llm_cohere_request_t *ctx,
    ngx_uint_t param, char *name);
static ngx_int_t ngx_llm_cohere_write_k(ngx_llm_cohere_request_t *ctx);
static ngx_int_t ngx_llm_cohere_write_tools(ngx_llm_cohere_request_t *ctx);
static ngx_int_t ngx_llm_cohere_write_tool(ngx_llm_cohere_request_t *ctx,
    ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_cohere_write_format(ngx_llm_cohere_request_t *ctx);
static ngx_int_t ngx_llm_cohere_write_schema(ngx_llm_cohere_request_t *ctx,
    ngx_str_t *raw, ngx_uint_t *cut);
static ngx_int_t ngx_llm_cohere_write_thinking(
    ngx_llm_cohere_request_t *ctx);
static int64_t ngx_llm_cohere_budget(ngx_llm_cohere_request_t *ctx,
    ngx_uint_t *off);
static ngx_int_t ngx_llm_cohere_write_own(ngx_llm_cohere_request_t *ctx);


#define NGX_LLM_COHERE_TAKES                                                 \
    (ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_P)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_K)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_SEED)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_FREQUENCY_PENALTY)                     \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PRESENCE_PENALTY)                      \
     |ngx_llm_param_bit(NGX_LLM_PARAM_LOGPROBS)                              \
     |ngx_llm_param_bit(NGX_LLM_PARAM_STOP)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOL_CHOICE)                           \
     |ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT))


static const ngx_llm_compose_own_t  ngx_llm_cohere_own[] = {
    { ngx_string("documents"), NGX_LLM_COMPOSE_ARRAY },
    { ngx_string("citation_options"), NGX_LLM_COMPOSE_OBJECT },
    { ngx_string("safety_mode"), NGX_LLM_COMPOSE_STRING },
    { ngx_string("strict_tools"), NGX_LLM_COMPOSE_BOOL },
    { ngx_string("priority"), NGX_LLM_COMPOSE_NUMBER },
    { ngx_null_string, 0 }
};


/* of formats and of strict tools */

static const ngx_llm_schema_keyword_t  ngx_llm_cohere_keywords[] = {
    { "oneOf", NGX_LLM_SCHEMA_ONE, "anyOf" },
    { "anyOf", NGX_LLM_SCHEMA_ONE, NULL },
    { "items", NGX_LLM_SCHEMA_ONE, NULL },
    { "additionalProperties", NGX_LLM_SCHEMA_ONE, NULL },
    { "properties", NGX_LLM_SCHEMA_MANY, NULL },
    { "$defs", NGX_LLM_SCHEMA_MANY, NULL },
    { "definitions", NGX_LLM_SCHEMA_MANY, NULL },
    { "format", NGX_LLM_SCHEMA_WORD, NULL },
    { "pattern", NGX_LLM_SCHEMA_PATTERN, NULL },
    { "allOf", NGX_LLM_SCHEMA_CUT, NULL },
    { "not", NGX_LLM_SCHEMA_CUT, NULL },
    { "minimum", NGX_LLM_SCHEMA_CUT, NULL },
    { "maximum", NGX_LLM_SCHEMA_CUT, NULL },
    { "exclusiveMinimum", NGX_LLM_SCHEMA_CUT, NULL },
    { "exclusiveMaximum", NGX_LLM_SCHEMA_CUT, NULL },
    { "multipleOf", NGX_LLM_SCHEMA_CUT, NULL },
    { "minItems", NGX_LLM_SCHEMA_CUT, NULL },
    { "maxItems", NGX_LLM_SCHEMA_CUT, NULL },
    { "uniqueItems", NGX_LLM_SCHEMA_CUT, NULL },
    { "minLength", NGX_LLM_SCHEMA_CUT, NULL },
    { "maxLength", NGX_LLM_SCHEMA_CUT, NULL },
    { NULL, NGX_LLM_SCHEMA_COPY, NULL }
};


/*
 * Models that do not reason, by a part of the name; one that is not here is
 * taken for one that is newer.
 */

static char  *ngx_llm_cohere_plain[] = {
    "command-a-03", "command-a-vision", "command-a-translate", "command-r",
    "command-light", "command-nightly", "aya", NULL
};


static char  *ngx_llm_cohere_formats[] = {
    "date-time", "uuid", "date", "time", NULL
};


static const ngx_llm_cohere_effort_t  ngx_llm_cohere_efforts[] = {
    { "minimal", 512 },
    { "low", 2048 },
    { "medium", 8192 },
    { NULL, 0 }
};


ngx_int_t
ngx_llm_cohere_write_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    size_t                     i;
    ngx_int_t                  rc;
    ngx_llm_cohere_request_t   ctx;

    static ngx_int_t  (*steps[])(ngx_llm_cohere_request_t *ctx) = {
        ngx_llm_cohere_params,
        ngx_llm_cohere_tools,

        ngx_llm_cohere_write_messages,
        ngx_llm_cohere_write_documents,
        ngx_llm_cohere_write_tools,
        ngx_llm_cohere_write_format,
        ngx_llm_cohere_write_sampling,
        ngx_llm_cohere_write_thinking,
        ngx_llm_cohere_write_own,
        NULL
    };

    ngx_memzero(&ctx, sizeof(ngx_llm_cohere_request_t));

    ctx.rq.chat = chat;
    ctx.rq.target = target;
    ctx.rq.out = out;
    ctx.rq.err = err;
    ctx.rq.own = ngx_llm_cohere_own;

    ctx.reasons = ngx_llm_cohere_reasons(&target->model);

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
ngx_llm_cohere_reasons(ngx_str_t *model)
{
    ngx_uint_t  i;

    for (i = 0; ngx_llm_cohere_plain[i]; i++) {
        if (ngx_llm_answer_has(model, ngx_llm_cohere_plain[i])) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_llm_cohere_params(ngx_llm_cohere_request_t *ctx)
{
    uint64_t  takes;

    takes = NGX_LLM_COHERE_TAKES;

    if (ctx->rq.chat->legacy_functions) {

        /* the client sees the first call alone */

        takes |= ngx_llm_param_bit(NGX_LLM_PARAM_PARALLEL_TOOL_CALLS);
    }

    if (ctx->reasons) {
        takes |= ngx_llm_param_bit(NGX_LLM_PARAM_REASONING_EFFORT)
                 | ngx_llm_param_bit(NGX_LLM_PARAM_THINKING);
    }

    return ngx_llm_compose_params(&ctx->rq, takes);
}


static ngx_int_t
ngx_llm_cohere_tools(ngx_llm_cohere_request_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_llm_compose_tools(&ctx->rq, 1);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->rq.chat->format != NGX_LLM_FORMAT_TEXT
        && ctx->rq.chat->tool_choice == NGX_LLM_TOOL_CHOICE_NONE)
    {
        /* they must not be used, and exclude each other */

        ctx->rq.ntools = 0;
    }

    ctx->strict = ngx_llm_cohere_strict(ctx);

    return ngx_llm_compose_format(&ctx->rq);
}


/* it is said of all tools, and each must require something */

static ngx_uint_t
ngx_llm_cohere_strict(ngx_llm_cohere_request_t *ctx)
{
    ngx_uint_t       i, strict;
    ngx_llm_json_t  *node, *required;
    ngx_llm_tool_t  *tool;

    strict = 0;

    for (i = 0; i < ctx->rq.ntools; i++) {

        tool = ctx->rq.tools[i];
        strict |= tool->strict;

        if (tool->schema.len == 0) {
            return 0;
        }

        node = ngx_llm_json_parse(ctx->rq.chat->pool, &tool->schema, NULL);
        required = ngx_llm_json_get(node, "required");

        if (required == NULL || required->type != NGX_LLM_JSON_ARRAY
            || required->child == NULL)
        {
            return 0;
        }
    }

    return strict;
}


static ngx_int_t
ngx_llm_cohere_write_sampling(ngx_llm_cohere_request_t *ctx)
{
    ngx_llm_json_t     *node;
    ngx_llm_compose_t  *rq;

    rq = &ctx->rq;

    if (rq->chat->max_tokens > 0) {
        ngx_llm_out_lit(rq->out, ",\"max_tokens\":");
        ngx_llm_out_int(rq->out, rq->chat->max_tokens);
    }

    if (ngx_llm_compose_limited(rq, NGX_LLM_PARAM_TEMPERATURE, "temperature",
                                0, "0", NGX_LLM_JSON_ONE, "1")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_cohere_write_p(ctx);

    if (ngx_llm_cohere_write_k(ctx) != NGX_OK
        || ngx_llm_compose_seed(rq, "seed") != NGX_OK
        || ngx_llm_cohere_write_penalty(ctx, NGX_LLM_PARAM_FREQUENCY_PENALTY,
                                        "frequency_penalty")
           != NGX_OK
        || ngx_llm_cohere_write_penalty(ctx, NGX_LLM_PARAM_PRESENCE_PENALTY,
                                        "presence_penalty")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    node = rq->chat->param[NGX_LLM_PARAM_LOGPROBS];

    if (node && node->type == NGX_LLM_JSON_TRUE) {
        ngx_llm_out_lit(rq->out, ",\"logprobs\":true");
    }

    return ngx_llm_compose_stop(rq, "stop_sequences",
                                NGX_LLM_COHERE_MAX_STOP);
}


static void
ngx_llm_cohere_write_p(ngx_llm_cohere_request_t *ctx)
{
    int64_t          p;
    ngx_llm_json_t  *node;

    node = ctx->rq.chat->param[NGX_LLM_PARAM_TOP_P];

    if (node == NULL || ngx_llm_json_decimal(node, &p) != NGX_OK) {
        return;
    }

    /* the ends of OpenAI's range stand for those of Cohere's */

    ngx_llm_out_lit(ctx->rq.out, ",\"p\":");

    if (p < NGX_LLM_JSON_ONE / 100) {
        ngx_llm_out_lit(ctx->rq.out, "0.01");

    } else if (p > NGX_LLM_JSON_ONE / 100 * 99) {
        ngx_llm_out_lit(ctx->rq.out, "0.99");

    } else {
        ngx_llm_out_str(ctx->rq.out, &node->raw);
    }
}


static ngx_int_t
ngx_llm_cohere_write_penalty(ngx_llm_cohere_request_t *ctx, ngx_uint_t param,
    char *name)
{
    int64_t          value;
    ngx_llm_json_t  *node;

    node = ctx->rq.chat->param[param];

    if (node == NULL || ngx_llm_json_decimal(node, &value) != NGX_OK
        || value == 0)
    {
        return NGX_OK;
    }

    if (value < 0) {
        return ngx_llm_compose_drop(&ctx->rq, name);
    }

    return ngx_llm_compose_limited(&ctx->rq, param, name, 0, "0",
                                   NGX_LLM_JSON_ONE, "1");
}


static ngx_int_t
ngx_llm_cohere_write_k(ngx_llm_cohere_request_t *ctx)
{
    int64_t          n;
    ngx_llm_json_t  *node;

    node = ctx->rq.chat->param[NGX_LLM_PARAM_TOP_K];

    if (node == NULL) {
        return NGX_OK;
    }

    if (ngx_llm_json_int(node, &n) != NGX_OK) {
        return ngx_llm_compose_drop(&ctx->rq, "top_k");
    }

    /* below 1 it is off, here and elsewhere */

    ngx_llm_out_lit(ctx->rq.out, ",\"k\":");
    ngx_llm_out_int(ctx->rq.out,
                    ngx_max(ngx_min(n, NGX_LLM_COHERE_MAX_K), 0));

    return (n > NGX_LLM_COHERE_MAX_K) ? ngx_llm_compose_drop(&ctx->rq, "top_k")
                                      : NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_write_tools(ngx_llm_cohere_request_t *ctx)
{
    ngx_uint_t      i;
    ngx_llm_out_t  *out;

    if (ctx->rq.ntools == 0) {
        return NGX_OK;
    }

    out = ctx->rq.out;

    ngx_llm_out_lit(out, ",\"tools\":[");

    for (i = 0; i < ctx->rq.ntools; i++) {

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        if (ngx_llm_cohere_write_tool(ctx, ctx->rq.tools[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_llm_out_char(out, ']');

    switch (ctx->rq.chat->tool_choice) {

    case NGX_LLM_TOOL_CHOICE_NONE:
        ngx_llm_out_lit(out, ",\"tool_choice\":\"NONE\"");
        break;

    case NGX_LLM_TOOL_CHOICE_REQUIRED:
    case NGX_LLM_TOOL_CHOICE_NAMED:
        ngx_llm_out_lit(out, ",\"tool_choice\":\"REQUIRED\"");
        break;

    default: /* NGX_LLM_TOOL_CHOICE_AUTO, _UNSET */
        break;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_write_tool(ngx_llm_cohere_request_t *ctx, ngx_llm_tool_t *tool)
{
    ngx_str_t   schema;
    ngx_uint_t  cut;

    ngx_llm_compose_tool(&ctx->rq, tool);

    ngx_llm_compose_schema(tool, &schema);

    if (!ctx->strict) {

        /* guidance for the model: all keywords pass */

        ngx_llm_out_str(ctx->rq.out, &schema);

    } else if (ngx_llm_cohere_write_schema(ctx, &schema, &cut) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_out_lit(ctx->rq.out, "}}");

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_write_format(ngx_llm_cohere_request_t *ctx)
{
    ngx_uint_t       cut;
    ngx_llm_chat_t  *chat;

    chat = ctx->rq.chat;

    if (chat->format == NGX_LLM_FORMAT_TEXT || ctx->rq.ntools) {
        return NGX_OK;
    }

    ngx_llm_out_lit(ctx->rq.out,
                    ",\"response_format\":{\"type\":\"json_object\"");

    if (chat->format == NGX_LLM_FORMAT_SCHEMA && chat->schema.len) {

        ngx_llm_out_lit(ctx->rq.out, ",\"json_schema\":");

        if (ngx_llm_cohere_write_schema(ctx, &chat->schema, &cut) != NGX_OK) {
            return NGX_ERROR;
        }

        if (cut && ngx_llm_compose_drop(&ctx->rq, "response_format")
                   != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_llm_out_char(ctx->rq.out, '}');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_write_schema(ngx_llm_cohere_request_t *ctx, ngx_str_t *raw,
    ngx_uint_t *cut)
{
    ngx_llm_schema_t  s;

    ngx_memzero(&s, sizeof(ngx_llm_schema_t));

    s.root = ngx_llm_json_parse(ctx->rq.chat->pool, raw, NULL);
    if (s.root == NULL) {
        return NGX_ERROR;
    }

    s.keywords = ngx_llm_cohere_keywords;
    s.words = ngx_llm_cohere_formats;
    s.out = ctx->rq.out;

    ngx_llm_schema_write(&s);

    *cut = s.cut;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_write_thinking(ngx_llm_cohere_request_t *ctx)
{
    int64_t          budget, room;
    ngx_uint_t       off;
    ngx_llm_out_t   *out;
    ngx_llm_chat_t  *chat;

    out = ctx->rq.out;
    chat = ctx->rq.chat;

    if (!ctx->reasons
        || (chat->param[NGX_LLM_PARAM_REASONING_EFFORT] == NULL
            && chat->param[NGX_LLM_PARAM_THINKING] == NULL))
    {
        return NGX_OK;
    }

    budget = ngx_llm_cohere_budget(ctx, &off);

    if (off) {
        ngx_llm_out_lit(out, ",\"thinking\":{\"type\":\"disabled\"}");
        return NGX_OK;
    }

    ngx_llm_out_lit(out, ",\"thinking\":{\"type\":\"enabled\"");

    if (budget > 0) {

        if (chat->max_tokens > 0) {

            /* the answer has to have room, too */

            room = chat->max_tokens - NGX_LLM_COHERE_ANSWER;
            room = ngx_max(room, chat->max_tokens / 2);
            budget = ngx_min(budget, ngx_max(room, 1));
        }

        ngx_llm_out_lit(out, ",\"token_budget\":");
        ngx_llm_out_int(out, budget);
    }

    ngx_llm_out_char(out, '}');

    return NGX_OK;
}


static int64_t
ngx_llm_cohere_budget(ngx_llm_cohere_request_t *ctx, ngx_uint_t *off)
{
    ngx_str_t                       word;
    ngx_llm_json_t                 *node;
    const ngx_llm_cohere_effort_t  *e;

    *off = 0;

    node = ctx->rq.chat->param[NGX_LLM_PARAM_THINKING];

    if (node) {

        /* Anthropic's object, or Cohere's own */

        word = ngx_llm_json_str(node, "type");
        *off = ngx_llm_json_is(&word, "disabled");

        return ngx_llm_json_count(node, "budget_tokens",
                                  ngx_llm_json_count(node, "token_budget", 0));
    }

    node = ctx->rq.chat->param[NGX_LLM_PARAM_REASONING_EFFORT];

    ngx_str_null(&word);

    if (node->type == NGX_LLM_JSON_STRING) {
        word = ngx_llm_json_text(node);
    }

    *off = ngx_llm_json_is(&word, "none");

    for (e = ngx_llm_cohere_efforts; e->word; e++) {
        if (ngx_llm_json_is(&word, e->word)) {
            break;
        }
    }

    return e->budget;
}


static ngx_int_t
ngx_llm_cohere_write_own(ngx_llm_cohere_request_t *ctx)
{
    ngx_llm_compose_t  *rq;

    rq = &ctx->rq;

    (void) ngx_llm_compose_write_own(rq, "citation_options");
    (void) ngx_llm_compose_write_own(rq, "safety_mode");
    (void) ngx_llm_compose_write_own(rq, "priority");

    if (rq->ntools && !ngx_llm_compose_write_own(rq, "strict_tools")
        && ctx->strict)
    {
        ngx_llm_out_lit(rq->out, ",\"strict_tools\":true");
    }

    return NGX_OK;
}
