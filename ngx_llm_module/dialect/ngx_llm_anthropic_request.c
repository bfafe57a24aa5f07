
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What goes to a provider.  Anthropic has no place for many things that an
 * OpenAI request may say, and gives errors for some that it could ignore; what
 * is decided here is in docs/anthropic.md.
 */


#include "ngx_llm_anthropic.h"


/*
 * Without a limit from the client or the configuration: what the model can
 * write, up to this.
 */
#define NGX_LLM_ANTHROPIC_MAX_TOKENS   32000

#define NGX_LLM_ANTHROPIC_MIN_BUDGET   1024

#define NGX_LLM_ANTHROPIC_ID_LEN       64
#define NGX_LLM_ANTHROPIC_USER_LEN     256

/* numbers are compared in millionths */
#define NGX_LLM_ANTHROPIC_ONE          1000000


typedef enum {
    NGX_LLM_ANTHROPIC_THINKING_UNSET = 0,
    NGX_LLM_ANTHROPIC_THINKING_RAW,
    NGX_LLM_ANTHROPIC_THINKING_DISABLED,
    NGX_LLM_ANTHROPIC_THINKING_ADAPTIVE,
    NGX_LLM_ANTHROPIC_THINKING_ENABLED
} ngx_llm_anthropic_thinking_e;


typedef struct {
    char                             *name;
    char                             *effort;
    ngx_uint_t                        share;    /* of max_tokens, 1/1000 */
} ngx_llm_anthropic_effort_t;


typedef struct {
    ngx_llm_chat_t                   *chat;
    ngx_llm_target_t                 *target;
    ngx_llm_out_t                    *out;
    ngx_llm_error_t                  *err;

    const ngx_llm_anthropic_model_t  *model;

    int64_t                           max_tokens;
    ngx_llm_anthropic_thinking_e      thinking;
    int64_t                           budget;
    ngx_str_t                         effort;

    ngx_llm_json_t                   *schema;
    ngx_llm_json_t                   *output_config;    /* the client's */

    ngx_uint_t                        ntools;   /* of the client, taken */

    ngx_llm_role_e                    role;     /* of the open message */
    ngx_llm_part_t                   *prefill;  /* its end is trimmed */

    /* calls and results without an id are numbered */
    ngx_uint_t                        calls;
    ngx_uint_t                        results;

    unsigned                          open:1;
    unsigned                          thinks:1;
    unsigned                          json_tool:1;
    unsigned                          system_only:1;
    unsigned                          tool_blocks:1;
} ngx_llm_anthropic_request_t;


static ngx_int_t ngx_llm_anthropic_params(ngx_llm_anthropic_request_t *ctx);
static ngx_uint_t ngx_llm_anthropic_extension(ngx_str_t *name);
static ngx_int_t ngx_llm_anthropic_tools(ngx_llm_anthropic_request_t *ctx);
static ngx_uint_t ngx_llm_anthropic_allowed(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_anthropic_format(ngx_llm_anthropic_request_t *ctx);

static ngx_int_t ngx_llm_anthropic_thinking(ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_given_thinking(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_json_t *node,
    ngx_llm_anthropic_effort_t *effort);
static void ngx_llm_anthropic_given_budget(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_anthropic_derived_thinking(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_anthropic_effort_t *effort);
static ngx_llm_anthropic_effort_t *ngx_llm_anthropic_effort(
    ngx_llm_json_t *node);
static void ngx_llm_anthropic_set_effort(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_anthropic_effort_t *effort);
static ngx_uint_t ngx_llm_anthropic_set_budget(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_anthropic_effort_t *effort);
static ngx_int_t ngx_llm_anthropic_check_thinking(
    ngx_llm_anthropic_request_t *ctx);
static ngx_uint_t ngx_llm_anthropic_forced(ngx_llm_anthropic_request_t *ctx);
static ngx_uint_t ngx_llm_anthropic_lacks_thinking(ngx_llm_chat_t *chat);

static void ngx_llm_anthropic_prepare(ngx_llm_anthropic_request_t *ctx);
static ngx_uint_t ngx_llm_anthropic_empty(ngx_llm_message_t *m);
static ngx_uint_t ngx_llm_anthropic_written(ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_uint_t ngx_llm_anthropic_server_id(ngx_str_t *id);

static ngx_int_t ngx_llm_anthropic_write_system(
    ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_check_system(
    ngx_llm_anthropic_request_t *ctx, ngx_uint_t *n, ngx_uint_t *marked);
static void ngx_llm_anthropic_write_system_blocks(
    ngx_llm_anthropic_request_t *ctx);
static void ngx_llm_anthropic_write_system_text(
    ngx_llm_anthropic_request_t *ctx);

static ngx_int_t ngx_llm_anthropic_write_messages(
    ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_write_user_turn(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t **next);
static ngx_int_t ngx_llm_anthropic_write_parts(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m);
static ngx_int_t ngx_llm_anthropic_write_result(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m);
static ngx_int_t ngx_llm_anthropic_write_result_content(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m);
static void ngx_llm_anthropic_begin(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_role_e role);
static void ngx_llm_anthropic_end(ngx_llm_anthropic_request_t *ctx);

static ngx_int_t ngx_llm_anthropic_write_part(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_anthropic_write_call(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_anthropic_write_image(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_anthropic_write_file(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_anthropic_write_document(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_anthropic_write_text_source(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_uint_t ngx_llm_anthropic_media(ngx_str_t *type, char *name);
static ngx_int_t ngx_llm_anthropic_refuse_part(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static void ngx_llm_anthropic_write_mark(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_json_t *mark, ngx_llm_part_t *part);
static ngx_uint_t ngx_llm_anthropic_marked(ngx_llm_json_t *mark,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_anthropic_write_id(ngx_llm_anthropic_request_t *ctx,
    ngx_str_t *id, ngx_uint_t n);

static ngx_int_t ngx_llm_anthropic_write_tools(
    ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_write_tool(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_anthropic_schema_node(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_tool_t *tool,
    ngx_llm_json_t **node);
static void ngx_llm_anthropic_write_web_search(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_json_t *node);
static ngx_int_t ngx_llm_anthropic_write_tool_choice(
    ngx_llm_anthropic_request_t *ctx);

static ngx_int_t ngx_llm_anthropic_write_stop(
    ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_write_sampling(
    ngx_llm_anthropic_request_t *ctx);
static ngx_uint_t ngx_llm_anthropic_temperature(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_json_t *node);
static ngx_int_t ngx_llm_anthropic_decimal(ngx_llm_json_t *node,
    int64_t *value);
static void ngx_llm_anthropic_write_thinking(
    ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_write_output_config(
    ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_write_metadata(
    ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_user_private(
    ngx_llm_anthropic_request_t *ctx, ngx_str_t *user);
static ngx_int_t ngx_llm_anthropic_write_service_tier(
    ngx_llm_anthropic_request_t *ctx);
static void ngx_llm_anthropic_write_extensions(
    ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_drop(ngx_llm_anthropic_request_t *ctx,
    char *name);
static ngx_uint_t ngx_llm_anthropic_drops(ngx_llm_anthropic_request_t *ctx,
    ngx_uint_t param);


#define NGX_LLM_ANTHROPIC_TAKES                                              \
    (ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_P)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_K)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_USER)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_SAFETY_IDENTIFIER)                     \
     |ngx_llm_param_bit(NGX_LLM_PARAM_METADATA)                              \
     |ngx_llm_param_bit(NGX_LLM_PARAM_SERVICE_TIER)                          \
     |ngx_llm_param_bit(NGX_LLM_PARAM_REASONING_EFFORT)                      \
     |ngx_llm_param_bit(NGX_LLM_PARAM_THINKING)                              \
     |ngx_llm_param_bit(NGX_LLM_PARAM_WEB_SEARCH_OPTIONS)                    \
     |ngx_llm_param_bit(NGX_LLM_PARAM_CACHE_CONTROL)                         \
     |ngx_llm_param_bit(NGX_LLM_PARAM_STOP)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOL_CHOICE)                           \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PARALLEL_TOOL_CALLS)                   \
     |ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT))


/* members of Anthropic's that clients of other dialects may add */

static char  *ngx_llm_anthropic_extensions[] = {
    "container",
    "context_management",
    "inference_geo",
    "mcp_servers",
    "output_config",
    "speed",
    NULL
};


static ngx_llm_anthropic_effort_t  ngx_llm_anthropic_efforts[] = {
    { "none", NULL, 0 },
    { "minimal", "low", 25 },
    { "low", "low", 150 },
    { "medium", "medium", 425 },
    { "high", "high", 800 },
    { "xhigh", "xhigh", 800 },
    { "max", "max", 900 },
    { NULL, NULL, 0 }
};


ngx_int_t
ngx_llm_anthropic_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t                    rc;
    ngx_llm_anthropic_request_t  ctx;

    ngx_memzero(&ctx, sizeof(ngx_llm_anthropic_request_t));

    ctx.chat = chat;
    ctx.target = target;
    ctx.out = out;
    ctx.err = err;
    ctx.model = ngx_llm_anthropic_model(&target->model);

    rc = ngx_llm_anthropic_params(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_tools(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_format(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_thinking(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_anthropic_prepare(&ctx);

    ngx_llm_out_lit(out, "{\"model\":");
    ngx_llm_out_json_string(out, &target->model);
    ngx_llm_out_lit(out, ",\"max_tokens\":");
    ngx_llm_out_int(out, ctx.max_tokens);

    if (chat->stream) {
        ngx_llm_out_lit(out, ",\"stream\":true");
    }

    rc = ngx_llm_anthropic_write_system(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_write_messages(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_write_tools(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_write_tool_choice(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_write_stop(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_write_sampling(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_anthropic_write_thinking(&ctx);

    rc = ngx_llm_anthropic_write_output_config(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_write_metadata(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_write_service_tier(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_anthropic_write_extensions(&ctx);

    ngx_llm_out_char(out, '}');

    return out->failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_params(ngx_llm_anthropic_request_t *ctx)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_array_t      *unknown;
    ngx_llm_chat_t   *chat;
    ngx_llm_json_t  **node, **rest;

    chat = ctx->chat;
    chat->dropped = NULL;

    unknown = chat->unknown;

    if (unknown != NULL) {

        /* what is passed on must not be named as dropped */

        chat->unknown = ngx_array_create(chat->pool, unknown->nelts + 1,
                                         sizeof(ngx_llm_json_t *));
        if (chat->unknown == NULL) {
            chat->unknown = unknown;
            return NGX_ERROR;
        }

        node = unknown->elts;

        for (i = 0; i < unknown->nelts; i++) {

            if (ngx_llm_anthropic_extension(&node[i]->key)) {
                continue;
            }

            /* there is room for all */

            rest = ngx_array_push(chat->unknown);
            *rest = node[i];
        }
    }

    rc = ngx_llm_params_check(chat, NGX_LLM_ANTHROPIC_TAKES,
                              ctx->target->drop, &ctx->target->provider,
                              ctx->err);

    chat->unknown = unknown;

    if (rc != NGX_OK) {
        return rc;
    }

    if (unknown != NULL) {
        node = unknown->elts;

        for (i = 0; i < unknown->nelts; i++) {

            if (node[i]->type == NGX_LLM_JSON_OBJECT
                && node[i]->key.len == sizeof("output_config") - 1
                && ngx_memcmp(node[i]->key.data, "output_config",
                              node[i]->key.len)
                   == 0)
            {
                ctx->output_config = node[i];
            }
        }
    }

    ctx->max_tokens = chat->max_tokens;

    if (ctx->max_tokens < 0) {
        ctx->max_tokens = ctx->target->max_tokens;

        if (ctx->max_tokens <= 0) {
            ctx->max_tokens = ngx_min(ctx->model->max_tokens,
                                      NGX_LLM_ANTHROPIC_MAX_TOKENS);
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_anthropic_extension(ngx_str_t *name)
{
    char  **p;

    for (p = ngx_llm_anthropic_extensions; *p; p++) {

        if (name->len == ngx_strlen(*p)
            && ngx_memcmp(name->data, *p, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_llm_anthropic_tools(ngx_llm_anthropic_request_t *ctx)
{
    ngx_llm_tool_t  *tool;

    for (tool = ctx->chat->tools; tool; tool = tool->next) {

        if (tool->vendor) {
            ctx->ntools++;
            continue;
        }

        if (ngx_llm_json_is(&tool->name, NGX_LLM_ANTHROPIC_JSON_TOOL)) {
            return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                 "invalid_request_error", NULL, "tools",
                                 "the tool name \""
                                 NGX_LLM_ANTHROPIC_JSON_TOOL
                                 "\" is reserved");
        }

        if (tool->custom) {

            /* an answer does not tell a custom call from a function call */

            if (!ngx_llm_anthropic_drops(ctx, NGX_LLM_PARAM_TOOLS)) {
                return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                     "invalid_request_error",
                                     "unsupported_parameter", "tools",
                                     "provider \"%V\" has no custom tools",
                                     &ctx->target->provider);
            }

            if (ngx_llm_anthropic_drop(ctx, "tools") != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (ngx_llm_anthropic_allowed(ctx, tool)) {
            ctx->ntools++;
        }
    }

    if (ctx->chat->param[NGX_LLM_PARAM_WEB_SEARCH_OPTIONS] != NULL) {
        ctx->ntools++;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_anthropic_allowed(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_tool_t *tool)
{
    ngx_str_t        name;
    ngx_llm_json_t  *function, *node;

    if (tool->vendor || ctx->chat->allowed_tools == NULL) {
        return 1;
    }

    for (node = ctx->chat->allowed_tools->child; node; node = node->next) {

        function = ngx_llm_json_get(node, "function");
        name = ngx_llm_json_str(function ? function : node, "name");

        if (name.len == tool->name.len
            && ngx_memcmp(name.data, tool->name.data, name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_llm_anthropic_format(ngx_llm_anthropic_request_t *ctx)
{
    ngx_llm_chat_t  *chat;

    chat = ctx->chat;

    if (chat->format != NGX_LLM_FORMAT_SCHEMA || chat->schema.len == 0) {
        return NGX_OK;
    }

    if (ngx_llm_json_get(ctx->output_config, "format") != NULL) {
        return NGX_OK;
    }

    ctx->schema = ngx_llm_json_parse(chat->pool, &chat->schema, NULL);
    if (ctx->schema == NULL) {
        return NGX_ERROR;
    }

    if (!(ctx->model->flags & NGX_LLM_ANTHROPIC_FORMAT)) {
        ctx->json_tool = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_thinking(ngx_llm_anthropic_request_t *ctx)
{
    ngx_int_t                    rc;
    ngx_llm_json_t              *node, *given;
    ngx_llm_anthropic_effort_t  *effort;

    node = ctx->chat->param[NGX_LLM_PARAM_REASONING_EFFORT];
    given = ctx->chat->param[NGX_LLM_PARAM_THINKING];

    effort = NULL;

    if (node != NULL) {
        effort = ngx_llm_anthropic_effort(node);

        if (effort == NULL) {
            return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                 "invalid_request_error", "invalid_value",
                                 "reasoning_effort",
                                 "invalid value of \"reasoning_effort\"");
        }
    }

    if (given != NULL && given->type == NGX_LLM_JSON_OBJECT) {
        rc = ngx_llm_anthropic_given_thinking(ctx, given, effort);

    } else if (effort != NULL) {
        rc = ngx_llm_anthropic_derived_thinking(ctx, effort);

    } else {
        ctx->thinks = (ctx->model->flags & NGX_LLM_ANTHROPIC_THINKS) ? 1 : 0;
        rc = NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_llm_anthropic_check_thinking(ctx);
}


static ngx_int_t
ngx_llm_anthropic_given_thinking(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_json_t *node, ngx_llm_anthropic_effort_t *effort)
{
    ngx_str_t   type;
    ngx_uint_t  flags;

    flags = ctx->model->flags;
    type = ngx_llm_json_str(node, "type");

    if (effort != NULL && effort->effort != NULL) {

        if (flags & NGX_LLM_ANTHROPIC_EFFORT) {
            ngx_llm_anthropic_set_effort(ctx, effort);

        } else if (ngx_llm_anthropic_drop(ctx, "reasoning_effort")
                   != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ctx->thinking = NGX_LLM_ANTHROPIC_THINKING_RAW;
    ctx->thinks = 1;

    if (ngx_llm_json_is(&type, "disabled")) {
        ctx->thinks = 0;

        if (!(flags & NGX_LLM_ANTHROPIC_DISABLED)) {
            ctx->thinking = NGX_LLM_ANTHROPIC_THINKING_UNSET;

            if (flags & NGX_LLM_ANTHROPIC_THINKS) {
                ctx->thinks = 1;
                ngx_str_set(&ctx->effort, "low");
                return ngx_llm_anthropic_drop(ctx, "thinking");
            }
        }

        return NGX_OK;
    }

    if (ngx_llm_json_is(&type, "enabled")) {

        if (flags & NGX_LLM_ANTHROPIC_ENABLED) {
            ngx_llm_anthropic_given_budget(ctx, node);
            return NGX_OK;
        }

        if (flags & NGX_LLM_ANTHROPIC_ADAPTIVE) {
            ctx->thinking = NGX_LLM_ANTHROPIC_THINKING_ADAPTIVE;
            return ngx_llm_anthropic_drop(ctx, "thinking.budget_tokens");
        }

    } else if (ngx_llm_json_is(&type, "adaptive")) {

        if (flags & NGX_LLM_ANTHROPIC_ADAPTIVE) {
            return NGX_OK;
        }

        if (effort == NULL || effort->effort == NULL) {

            /* "high" is what the vendor takes for an absent effort */

            effort = &ngx_llm_anthropic_efforts[4];
        }

        if ((flags & NGX_LLM_ANTHROPIC_ENABLED)
            && ngx_llm_anthropic_set_budget(ctx, effort))
        {
            return NGX_OK;
        }

    } else {
        return NGX_OK;
    }

    ctx->thinking = NGX_LLM_ANTHROPIC_THINKING_UNSET;
    ctx->thinks = 0;

    return ngx_llm_anthropic_drop(ctx, "thinking");
}


static void
ngx_llm_anthropic_given_budget(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_json_t *node)
{
    int64_t  budget, max;

    budget = ngx_llm_json_count(node, "budget_tokens", 0);

    if (ctx->chat->max_tokens >= 0 || budget < ctx->max_tokens) {
        return;
    }

    /* the limit was chosen here, so there must be room beside the budget */

    max = ngx_max(ctx->model->max_tokens, ctx->max_tokens);

    if (budget < max) {
        ctx->max_tokens = ngx_min(max, budget + ctx->max_tokens);
    }
}


static ngx_int_t
ngx_llm_anthropic_derived_thinking(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_anthropic_effort_t *effort)
{
    ngx_uint_t  flags;

    flags = ctx->model->flags;

    if (effort->effort == NULL) {

        if (!(flags & NGX_LLM_ANTHROPIC_ADAPTIVE)) {
            return NGX_OK;
        }

        if (flags & NGX_LLM_ANTHROPIC_DISABLED) {
            ctx->thinking = NGX_LLM_ANTHROPIC_THINKING_DISABLED;
            return NGX_OK;
        }

        /* it cannot be stopped, only kept short */

        ctx->thinks = 1;
        ngx_str_set(&ctx->effort, "low");

        return NGX_OK;
    }

    if (flags & NGX_LLM_ANTHROPIC_EFFORT) {
        ngx_llm_anthropic_set_effort(ctx, effort);
    }

    if (flags & NGX_LLM_ANTHROPIC_ADAPTIVE) {
        ctx->thinking = NGX_LLM_ANTHROPIC_THINKING_ADAPTIVE;
        ctx->thinks = 1;
        return NGX_OK;
    }

    if ((flags & NGX_LLM_ANTHROPIC_ENABLED)
        && ngx_llm_anthropic_set_budget(ctx, effort))
    {
        return NGX_OK;
    }

    return ngx_llm_anthropic_drop(ctx, "reasoning_effort");
}


static ngx_llm_anthropic_effort_t *
ngx_llm_anthropic_effort(ngx_llm_json_t *node)
{
    ngx_str_t                    name;
    ngx_llm_anthropic_effort_t  *effort;

    if (node->type != NGX_LLM_JSON_STRING) {
        return NULL;
    }

    name = ngx_llm_json_text(node);

    for (effort = ngx_llm_anthropic_efforts; effort->name; effort++) {

        if (ngx_llm_json_is(&name, effort->name)) {
            return effort;
        }
    }

    return NULL;
}


static void
ngx_llm_anthropic_set_effort(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_anthropic_effort_t *effort)
{
    char  *name;

    name = effort->effort;

    if ((ngx_strcmp(name, "xhigh") == 0
         && !(ctx->model->flags & NGX_LLM_ANTHROPIC_XHIGH))
        || (ngx_strcmp(name, "max") == 0
            && !(ctx->model->flags & NGX_LLM_ANTHROPIC_MAX)))
    {
        name = "high";
    }

    ctx->effort.data = (u_char *) name;
    ctx->effort.len = ngx_strlen(name);
}


static ngx_uint_t
ngx_llm_anthropic_set_budget(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_anthropic_effort_t *effort)
{
    int64_t  rest;

    /*
     * The client's limit counts reasoning too, so it is not raised: the
     * budget is a share of it.
     */

    rest = ctx->max_tokens - NGX_LLM_ANTHROPIC_MIN_BUDGET;

    if (rest <= 0) {
        return 0;
    }

    /* divided first: a client may have asked for any number */

    ctx->thinking = NGX_LLM_ANTHROPIC_THINKING_ENABLED;
    ctx->thinks = 1;
    ctx->budget = NGX_LLM_ANTHROPIC_MIN_BUDGET
                  + rest / 1000 * (int64_t) effort->share
                  + rest % 1000 * (int64_t) effort->share / 1000;

    return 1;
}


static ngx_int_t
ngx_llm_anthropic_check_thinking(ngx_llm_anthropic_request_t *ctx)
{
    char       *name;
    ngx_str_t   type;
    ngx_uint_t  asked, budget;

    if (!ctx->thinks) {
        return NGX_OK;
    }

    asked = ctx->thinking != NGX_LLM_ANTHROPIC_THINKING_UNSET;
    budget = ctx->thinking == NGX_LLM_ANTHROPIC_THINKING_ENABLED;

    if (ctx->thinking == NGX_LLM_ANTHROPIC_THINKING_RAW) {
        type = ngx_llm_json_str(ctx->chat->param[NGX_LLM_PARAM_THINKING],
                                "type");
        budget = ngx_llm_json_is(&type, "enabled");
    }

    /*
     * A forced tool and thinking exclude each other, and a budget wants the
     * thoughts behind the last calls back.  What changes the answer's form
     * is kept, thinking goes.
     */

    if (!ngx_llm_anthropic_forced(ctx)
        && !(budget && ngx_llm_anthropic_lacks_thinking(ctx->chat)))
    {
        return NGX_OK;
    }

    if (!(ctx->model->flags & NGX_LLM_ANTHROPIC_DISABLED)) {
        return NGX_OK;
    }

    ctx->thinks = 0;
    ctx->thinking = NGX_LLM_ANTHROPIC_THINKING_UNSET;

    if (ctx->model->flags & NGX_LLM_ANTHROPIC_THINKS) {
        ctx->thinking = NGX_LLM_ANTHROPIC_THINKING_DISABLED;
    }

    if (!asked) {
        return NGX_OK;
    }

    name = ctx->chat->param[NGX_LLM_PARAM_THINKING] ? "thinking"
                                                    : "reasoning_effort";

    return ngx_llm_anthropic_drop(ctx, name);
}


static ngx_uint_t
ngx_llm_anthropic_forced(ngx_llm_anthropic_request_t *ctx)
{
    if (ctx->json_tool) {
        return 1;
    }

    if (ctx->ntools == 0) {
        return 0;
    }

    return ctx->chat->tool_choice == NGX_LLM_TOOL_CHOICE_REQUIRED
           || ctx->chat->tool_choice == NGX_LLM_TOOL_CHOICE_NAMED;
}


static ngx_uint_t
ngx_llm_anthropic_lacks_thinking(ngx_llm_chat_t *chat)
{
    ngx_uint_t          call, thoughts;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *last, *m;

    last = NULL;

    for (m = chat->messages; m; m = m->next) {
        if (m->role == NGX_LLM_ROLE_ASSISTANT) {
            last = m;
        }
    }

    if (last == NULL) {
        return 0;
    }

    call = 0;
    thoughts = 0;

    for (part = last->parts; part; part = part->next) {

        if (!ngx_llm_anthropic_written(last, part)) {
            continue;
        }

        switch (part->type) {

        case NGX_LLM_PART_REASONING:
        case NGX_LLM_PART_REDACTED:
            thoughts = 1;
            break;

        case NGX_LLM_PART_TOOL_CALL:
            call = 1;
            break;

        default:
            break;
        }
    }

    return call && !thoughts;
}


static void
ngx_llm_anthropic_prepare(ngx_llm_anthropic_request_t *ctx)
{
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *last, *m;

    last = NULL;

    for (m = ctx->chat->messages; m; m = m->next) {

        if (m->role == NGX_LLM_ROLE_SYSTEM
            || m->role == NGX_LLM_ROLE_DEVELOPER
            || ngx_llm_anthropic_empty(m))
        {
            continue;
        }

        last = m;
    }

    if (last == NULL) {
        ctx->system_only = 1;
        return;
    }

    if (last->role != NGX_LLM_ROLE_ASSISTANT) {
        return;
    }

    /* a text that the model goes on with must not end in white space */

    for (part = last->parts; part; part = part->next) {
        if (ngx_llm_anthropic_written(last, part)) {
            ctx->prefill = part;
        }
    }
}


static ngx_uint_t
ngx_llm_anthropic_empty(ngx_llm_message_t *m)
{
    ngx_llm_part_t  *part;

    if (m->role == NGX_LLM_ROLE_TOOL) {
        return ngx_llm_anthropic_server_id(&m->tool_call_id);
    }

    for (part = m->parts; part; part = part->next) {
        if (ngx_llm_anthropic_written(m, part)) {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_llm_anthropic_written(ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
        return !ngx_llm_anthropic_blank(&part->text);

    case NGX_LLM_PART_REASONING:

        /* unsigned thoughts are another provider's */

        return m->role == NGX_LLM_ROLE_ASSISTANT && part->signature.len;

    case NGX_LLM_PART_REDACTED:
        return m->role == NGX_LLM_ROLE_ASSISTANT && part->data.len;

    case NGX_LLM_PART_AUDIO:

        /* in an assistant's message it only refers to what was said */

        return m->role != NGX_LLM_ROLE_ASSISTANT;

    case NGX_LLM_PART_TOOL_CALL:
        return !ngx_llm_anthropic_server_id(&part->id);

    default:
        return 1;
    }
}


static ngx_uint_t
ngx_llm_anthropic_server_id(ngx_str_t *id)
{
    /*
     * A call of the provider's own tools that another gateway showed as a
     * function call.  Its result cannot be rebuilt.
     */

    return id->len >= sizeof("srvtoolu_") - 1
           && ngx_memcmp(id->data, "srvtoolu_", sizeof("srvtoolu_") - 1)
              == 0;
}


static ngx_int_t
ngx_llm_anthropic_write_system(ngx_llm_anthropic_request_t *ctx)
{
    ngx_int_t       rc;
    ngx_uint_t      json, marked, n;
    ngx_llm_out_t  *out;

    out = ctx->out;

    rc = ngx_llm_anthropic_check_system(ctx, &n, &marked);
    if (rc != NGX_OK) {
        return rc;
    }

    json = ctx->chat->format == NGX_LLM_FORMAT_JSON
           || (ctx->chat->format == NGX_LLM_FORMAT_SCHEMA
               && ctx->chat->schema.len == 0);

    if (ctx->system_only) {

        if (n == 0) {
            return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                 "invalid_request_error", NULL, "messages",
                                 "\"messages\" have no content");
        }

        n = 0;
    }

    if (n == 0 && !json) {
        return NGX_OK;
    }

    ngx_llm_out_lit(out, ",\"system\":");

    if (marked && n) {
        ngx_llm_out_char(out, '[');
        ngx_llm_anthropic_write_system_blocks(ctx);

        if (json) {
            ngx_llm_out_lit(out, ",{\"type\":\"text\",\"text\":"
                                 "\"Answer with one JSON object and nothing"
                                 " else.\"}");
        }

        ngx_llm_out_char(out, ']');

        return NGX_OK;
    }

    ngx_llm_out_char(out, '"');

    if (n) {
        ngx_llm_anthropic_write_system_text(ctx);
    }

    if (json) {

        if (n) {
            ngx_llm_out_lit(out, "\\n");
        }

        ngx_llm_out_lit(out, "Answer with one JSON object and nothing else.");
    }

    ngx_llm_out_char(out, '"');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_check_system(ngx_llm_anthropic_request_t *ctx,
    ngx_uint_t *n, ngx_uint_t *marked)
{
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *m;

    *n = 0;
    *marked = 0;

    for (m = ctx->chat->messages; m; m = m->next) {

        if (m->role != NGX_LLM_ROLE_SYSTEM
            && m->role != NGX_LLM_ROLE_DEVELOPER)
        {
            continue;
        }

        for (part = m->parts; part; part = part->next) {

            if (!ngx_llm_anthropic_written(m, part)) {
                continue;
            }

            if (part->type != NGX_LLM_PART_TEXT
                && part->type != NGX_LLM_PART_REFUSAL)
            {
                return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                     "invalid_request_error", NULL,
                                     "messages",
                                     "messages[%ui]: a system message can "
                                     "hold only text", m->index);
            }

            *n += 1;

            if (ngx_llm_anthropic_marked(m->cache_control, part)) {
                *marked = 1;
            }
        }
    }

    return NGX_OK;
}


static void
ngx_llm_anthropic_write_system_blocks(ngx_llm_anthropic_request_t *ctx)
{
    ngx_uint_t          n;
    ngx_llm_part_t     *last, *part;
    ngx_llm_message_t  *m;

    n = 0;

    for (m = ctx->chat->messages; m; m = m->next) {

        if (m->role != NGX_LLM_ROLE_SYSTEM
            && m->role != NGX_LLM_ROLE_DEVELOPER)
        {
            continue;
        }

        last = NULL;

        for (part = m->parts; part; part = part->next) {
            if (ngx_llm_anthropic_written(m, part)) {
                last = part;
            }
        }

        for (part = m->parts; part; part = part->next) {

            if (!ngx_llm_anthropic_written(m, part)) {
                continue;
            }

            if (n++) {
                ngx_llm_out_char(ctx->out, ',');
            }

            ngx_llm_out_lit(ctx->out, "{\"type\":\"text\",\"text\":");
            ngx_llm_out_quoted(ctx->out, &part->text);
            ngx_llm_anthropic_write_mark(ctx, part == last ? m->cache_control
                                                           : NULL,
                                         part);
            ngx_llm_out_char(ctx->out, '}');
        }
    }
}


static void
ngx_llm_anthropic_write_system_text(ngx_llm_anthropic_request_t *ctx)
{
    ngx_uint_t          n;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *m;

    n = 0;

    for (m = ctx->chat->messages; m; m = m->next) {

        if (m->role != NGX_LLM_ROLE_SYSTEM
            && m->role != NGX_LLM_ROLE_DEVELOPER)
        {
            continue;
        }

        for (part = m->parts; part; part = part->next) {

            if (!ngx_llm_anthropic_written(m, part)) {
                continue;
            }

            if (n++) {
                ngx_llm_out_lit(ctx->out, "\\n");
            }

            ngx_llm_out_str(ctx->out, &part->text);
        }
    }
}


static ngx_int_t
ngx_llm_anthropic_write_messages(ngx_llm_anthropic_request_t *ctx)
{
    ngx_int_t           rc;
    ngx_llm_message_t  *m;

    ngx_llm_out_lit(ctx->out, ",\"messages\":[");

    if (ctx->system_only) {
        ngx_llm_out_lit(ctx->out, "{\"role\":\"user\",\"content\":[");
        ngx_llm_anthropic_write_system_blocks(ctx);
        ngx_llm_out_lit(ctx->out, "]}]");

        return NGX_OK;
    }

    m = ctx->chat->messages;

    while (m) {

        if (m->role == NGX_LLM_ROLE_USER || m->role == NGX_LLM_ROLE_TOOL) {

            rc = ngx_llm_anthropic_write_user_turn(ctx, &m);
            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        if (m->role == NGX_LLM_ROLE_ASSISTANT) {

            if (!ctx->open && !ngx_llm_anthropic_empty(m)) {

                /* a conversation begins with the user */

                ngx_llm_anthropic_begin(ctx, NGX_LLM_ROLE_USER);
                ngx_llm_out_lit(ctx->out,
                                "{\"type\":\"text\",\"text\":\".\"}");
            }

            /* a result without an id belongs to the calls that follow now */

            ctx->results = ctx->calls;

            rc = ngx_llm_anthropic_write_parts(ctx, m);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        m = m->next;
    }

    ngx_llm_anthropic_end(ctx);

    ngx_llm_out_char(ctx->out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_user_turn(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t **next)
{
    ngx_int_t           rc;
    ngx_llm_message_t  *last, *m;

    /* all up to the next message of the assistant; results come first */

    for (m = *next; m; m = m->next) {

        if (m->role == NGX_LLM_ROLE_ASSISTANT && !ngx_llm_anthropic_empty(m))
        {
            break;
        }

        if (m->role == NGX_LLM_ROLE_TOOL) {

            rc = ngx_llm_anthropic_write_result(ctx, m);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    last = m;

    for (m = *next; m != last; m = m->next) {

        if (m->role == NGX_LLM_ROLE_USER) {

            rc = ngx_llm_anthropic_write_parts(ctx, m);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    *next = last;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_parts(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t        rc;
    ngx_llm_part_t  *last, *part;
    ngx_llm_json_t  *mark;

    last = NULL;

    for (part = m->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_REASONING
            && part->type != NGX_LLM_PART_REDACTED
            && ngx_llm_anthropic_written(m, part))
        {
            last = part;
        }
    }

    for (part = m->parts; part; part = part->next) {

        if (!ngx_llm_anthropic_written(m, part)) {

            if (part->type == NGX_LLM_PART_TOOL_CALL
                && ngx_llm_anthropic_drop(ctx, "tool_calls") != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        if (part->type == NGX_LLM_PART_AUDIO
            && ngx_llm_anthropic_drops(ctx, NGX_LLM_PARAM_AUDIO))
        {
            if (ngx_llm_anthropic_drop(ctx, "audio") != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        ngx_llm_anthropic_begin(ctx, m->role);

        mark = (part == last) ? m->cache_control : NULL;

        switch (part->type) {

        case NGX_LLM_PART_REASONING:
            ngx_llm_out_lit(ctx->out, "{\"type\":\"thinking\",\"thinking\":");
            ngx_llm_out_quoted(ctx->out, &part->text);
            ngx_llm_out_lit(ctx->out, ",\"signature\":");
            ngx_llm_out_quoted(ctx->out, &part->signature);
            ngx_llm_out_char(ctx->out, '}');
            continue;

        case NGX_LLM_PART_REDACTED:
            ngx_llm_out_lit(ctx->out, "{\"type\":\"redacted_thinking\","
                                      "\"data\":");
            ngx_llm_out_quoted(ctx->out, &part->data);
            ngx_llm_out_char(ctx->out, '}');
            continue;

        case NGX_LLM_PART_OTHER:

            if (ctx->chat->dialect == &ngx_llm_anthropic) {
                ngx_llm_out_str(ctx->out, &part->node->raw);
                continue;
            }

            return ngx_llm_anthropic_refuse_part(ctx, m, part);

        case NGX_LLM_PART_TOOL_CALL:
            rc = ngx_llm_anthropic_write_call(ctx, m, part);
            break;

        default:
            rc = ngx_llm_anthropic_write_part(ctx, m, part);
        }

        if (rc != NGX_OK) {
            return rc;
        }

        ngx_llm_anthropic_write_mark(ctx, mark, part);
        ngx_llm_out_char(ctx->out, '}');
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_result(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t        rc;
    ngx_llm_json_t  *mark;
    ngx_llm_part_t  *marked, *part;

    if (ngx_llm_anthropic_server_id(&m->tool_call_id)) {
        return NGX_OK;
    }

    ngx_llm_anthropic_begin(ctx, NGX_LLM_ROLE_USER);

    ctx->tool_blocks = 1;

    if (m->tool_call_id.len == 0) {
        ctx->results++;
    }

    ngx_llm_out_lit(ctx->out, "{\"type\":\"tool_result\",\"tool_use_id\":");

    rc = ngx_llm_anthropic_write_id(ctx, &m->tool_call_id, ctx->results);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_write_result_content(ctx, m);
    if (rc != NGX_OK) {
        return rc;
    }

    if (m->is_error) {
        ngx_llm_out_lit(ctx->out, ",\"is_error\":true");
    }

    /* a mark on a block inside a result is an error, it goes outside */

    mark = m->cache_control;
    marked = NULL;

    for (part = m->parts; part; part = part->next) {
        if (ngx_llm_anthropic_marked(NULL, part)) {
            marked = part;
        }
    }

    ngx_llm_anthropic_write_mark(ctx, mark, marked);
    ngx_llm_out_char(ctx->out, '}');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_result_content(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t        rc;
    ngx_uint_t       n;
    ngx_llm_part_t  *first, *part;

    n = 0;
    first = NULL;

    for (part = m->parts; part; part = part->next) {

        if (!ngx_llm_anthropic_written(m, part)) {
            continue;
        }

        if (n++ == 0) {
            first = part;
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_llm_out_lit(ctx->out, ",\"content\":");

    if (n == 1 && first->type == NGX_LLM_PART_TEXT) {
        ngx_llm_out_quoted(ctx->out, &first->text);
        return NGX_OK;
    }

    n = 0;

    ngx_llm_out_char(ctx->out, '[');

    for (part = m->parts; part; part = part->next) {

        if (!ngx_llm_anthropic_written(m, part)) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(ctx->out, ',');
        }

        if (part->type == NGX_LLM_PART_OTHER
            && ctx->chat->dialect == &ngx_llm_anthropic)
        {
            ngx_llm_out_str(ctx->out, &part->node->raw);
            continue;
        }

        rc = ngx_llm_anthropic_write_part(ctx, m, part);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_llm_out_char(ctx->out, '}');
    }

    ngx_llm_out_char(ctx->out, ']');

    return NGX_OK;
}


static void
ngx_llm_anthropic_begin(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_role_e role)
{
    if (ctx->open && ctx->role == role) {
        ngx_llm_out_char(ctx->out, ',');
        return;
    }

    if (ctx->open) {
        ngx_llm_anthropic_end(ctx);
        ngx_llm_out_char(ctx->out, ',');
    }

    ctx->open = 1;
    ctx->role = role;

    if (role == NGX_LLM_ROLE_ASSISTANT) {
        ngx_llm_out_lit(ctx->out, "{\"role\":\"assistant\",\"content\":[");

    } else {
        ngx_llm_out_lit(ctx->out, "{\"role\":\"user\",\"content\":[");
    }
}


static void
ngx_llm_anthropic_end(ngx_llm_anthropic_request_t *ctx)
{
    ngx_llm_out_lit(ctx->out, "]}");
}


/* a block without its closing brace */

static ngx_int_t
ngx_llm_anthropic_write_part(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t  text;

    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
        text = part->text;

        if (part == ctx->prefill) {
            text = ngx_llm_anthropic_trim(&text);
        }

        ngx_llm_out_lit(ctx->out, "{\"type\":\"text\",\"text\":");
        ngx_llm_out_quoted(ctx->out, &text);

        return NGX_OK;

    case NGX_LLM_PART_IMAGE:
        return ngx_llm_anthropic_write_image(ctx, m, part);

    case NGX_LLM_PART_FILE:
        return ngx_llm_anthropic_write_file(ctx, m, part);

    case NGX_LLM_PART_AUDIO:
        return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                             "invalid_request_error",
                             "unsupported_parameter", "messages",
                             "messages[%ui]: provider \"%V\" takes no audio",
                             m->index, &ctx->target->provider);

    default:
        return ngx_llm_anthropic_refuse_part(ctx, m, part);
    }
}


static ngx_int_t
ngx_llm_anthropic_write_call(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_int_t        rc;
    ngx_str_t        input;
    ngx_uint_t       n;
    ngx_llm_part_t  *p;

    ctx->tool_blocks = 1;

    if (part->id.len == 0) {
        ctx->calls++;
    }

    ngx_llm_out_lit(ctx->out, "{\"type\":\"tool_use\",\"id\":");

    rc = ngx_llm_anthropic_write_id(ctx, &part->id, ctx->calls);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_lit(ctx->out, ",\"name\":");
    ngx_llm_out_quoted(ctx->out, &part->name);
    ngx_llm_out_lit(ctx->out, ",\"input\":");

    if (part->custom) {
        ngx_llm_out_lit(ctx->out, "{\"input\":");
        ngx_llm_out_quoted(ctx->out, &part->text);
        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;
    }

    rc = ngx_llm_part_input(ctx->chat->pool, part, &input);

    if (rc == NGX_OK) {
        ngx_llm_out_str(ctx->out, &input);
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (part->legacy) {
        return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                             "invalid_request_error", NULL, "messages",
                             "messages[%ui].function_call.arguments is not "
                             "a JSON object", m->index);
    }

    n = 0;

    for (p = m->parts; p != part; p = p->next) {
        if (p->type == NGX_LLM_PART_TOOL_CALL) {
            n++;
        }
    }

    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", NULL, "messages",
                         "messages[%ui].tool_calls[%ui].function.arguments "
                         "is not a JSON object", m->index, n);
}


static ngx_int_t
ngx_llm_anthropic_write_image(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t  type;

    ngx_llm_out_lit(ctx->out, "{\"type\":\"image\",\"source\":");

    if (part->data.len) {
        type = part->media_type;

        if (ngx_llm_anthropic_media(&type, "image/jpg")) {
            ngx_str_set(&type, "image/jpeg");
        }

        ngx_llm_out_lit(ctx->out, "{\"type\":\"base64\",\"media_type\":");
        ngx_llm_out_json_string(ctx->out, &type);
        ngx_llm_out_lit(ctx->out, ",\"data\":");
        ngx_llm_out_quoted(ctx->out, &part->data);
        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;
    }

    if (part->url.len) {
        ngx_llm_out_lit(ctx->out, "{\"type\":\"url\",\"url\":");
        ngx_llm_out_quoted(ctx->out, &part->url);
        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;
    }

    return ngx_llm_anthropic_refuse_part(ctx, m, part);
}


static ngx_int_t
ngx_llm_anthropic_write_file(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_int_t  rc;

    if (part->data.len && part->media_type.len >= sizeof("image/") - 1
        && ngx_strncasecmp(part->media_type.data, (u_char *) "image/",
                           sizeof("image/") - 1)
           == 0)
    {
        return ngx_llm_anthropic_write_image(ctx, m, part);
    }

    ngx_llm_out_lit(ctx->out, "{\"type\":\"document\",\"source\":");

    rc = ngx_llm_anthropic_write_document(ctx, m, part);
    if (rc != NGX_OK) {
        return rc;
    }

    if (part->name.len) {
        ngx_llm_out_lit(ctx->out, ",\"title\":");
        ngx_llm_out_quoted(ctx->out, &part->name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_document(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t  *beta;

    if (part->data.len) {

        if (part->media_type.len == 0
            || ngx_llm_anthropic_media(&part->media_type, "application/pdf"))
        {
            ngx_llm_out_lit(ctx->out, "{\"type\":\"base64\",\"media_type\":"
                                      "\"application/pdf\",\"data\":");
            ngx_llm_out_quoted(ctx->out, &part->data);
            ngx_llm_out_char(ctx->out, '}');

            return NGX_OK;
        }

        if (part->media_type.len > sizeof("text/") - 1
            && ngx_strncasecmp(part->media_type.data, (u_char *) "text/",
                               sizeof("text/") - 1)
               == 0)
        {
            return ngx_llm_anthropic_write_text_source(ctx, m, part);
        }

        return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                             "invalid_request_error",
                             "unsupported_parameter", "messages",
                             "messages[%ui]: provider \"%V\" takes no files "
                             "of this type", m->index,
                             &ctx->target->provider);
    }

    if (part->url.len) {
        ngx_llm_out_lit(ctx->out, "{\"type\":\"url\",\"url\":");
        ngx_llm_out_quoted(ctx->out, &part->url);
        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;
    }

    /* only a client that asks for Anthropic's files means one of them */

    beta = &ctx->target->beta;

    if (part->id.len && beta->len > sizeof("files-api") - 1
        && ngx_strlcasestrn(beta->data, beta->data + beta->len,
                            (u_char *) "files-api", sizeof("files-api") - 2)
           != NULL)
    {
        ngx_llm_out_lit(ctx->out, "{\"type\":\"file\",\"file_id\":");
        ngx_llm_out_quoted(ctx->out, &part->id);
        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;
    }

    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", "unsupported_parameter",
                         "messages",
                         "messages[%ui]: provider \"%V\" does not know this "
                         "file, send its data", m->index,
                         &ctx->target->provider);
}


static ngx_int_t
ngx_llm_anthropic_write_text_source(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t    src, text;
    ngx_pool_t  *pool;

    pool = ctx->chat->pool;

    src = ngx_llm_json_plain(pool, &part->data);
    if (src.data == NULL) {
        return NGX_ERROR;
    }

    text.data = ngx_pnalloc(pool, ngx_base64_decoded_length(src.len));
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64(&text, &src) != NGX_OK) {
        return ngx_llm_error(pool, ctx->err, 400, "invalid_request_error",
                             NULL, "messages",
                             "messages[%ui]: file data is not base64",
                             m->index);
    }

    ngx_llm_out_lit(ctx->out, "{\"type\":\"text\",\"media_type\":"
                              "\"text/plain\",\"data\":");
    ngx_llm_out_json_string(ctx->out, &text);
    ngx_llm_out_char(ctx->out, '}');

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_anthropic_media(ngx_str_t *type, char *name)
{
    return type->len == ngx_strlen(name)
           && ngx_strncasecmp(type->data, (u_char *) name, type->len) == 0;
}


static ngx_int_t
ngx_llm_anthropic_refuse_part(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t  type;

    ngx_str_null(&type);

    if (part->node != NULL) {
        type = ngx_llm_json_str(part->node, "type");
    }

    if (type.len == 0 || type.len > 64) {
        return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                             "invalid_request_error",
                             "unsupported_parameter", "messages",
                             "messages[%ui]: provider \"%V\" does not take "
                             "this content part", m->index,
                             &ctx->target->provider);
    }

    type = ngx_llm_json_plain(ctx->chat->pool, &type);
    if (type.data == NULL) {
        return NGX_ERROR;
    }

    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", "unsupported_parameter",
                         "messages",
                         "messages[%ui]: provider \"%V\" does not take "
                         "content parts of type \"%V\"", m->index,
                         &ctx->target->provider, &type);
}


static void
ngx_llm_anthropic_write_mark(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_json_t *mark, ngx_llm_part_t *part)
{
    if (part != NULL && part->cache_control != NULL
        && part->cache_control->type == NGX_LLM_JSON_OBJECT)
    {
        mark = part->cache_control;
    }

    if (mark != NULL && mark->type == NGX_LLM_JSON_OBJECT) {
        ngx_llm_out_lit(ctx->out, ",\"cache_control\":");
        ngx_llm_out_str(ctx->out, &mark->raw);
    }
}


static ngx_uint_t
ngx_llm_anthropic_marked(ngx_llm_json_t *mark, ngx_llm_part_t *part)
{
    return (mark != NULL && mark->type == NGX_LLM_JSON_OBJECT)
           || (part->cache_control != NULL
               && part->cache_control->type == NGX_LLM_JSON_OBJECT);
}


static ngx_int_t
ngx_llm_anthropic_write_id(ngx_llm_anthropic_request_t *ctx, ngx_str_t *id,
    ngx_uint_t n)
{
    size_t      i, len;
    u_char     *p, c;
    uint32_t    hash;
    ngx_str_t   plain;
    u_char      buf[NGX_LLM_ANTHROPIC_ID_LEN + 1];

    if (id->len == 0) {
        ngx_llm_out_lit(ctx->out, "\"call_");
        ngx_llm_out_int(ctx->out, (int64_t) n);
        ngx_llm_out_char(ctx->out, '"');

        return NGX_OK;
    }

    plain = ngx_llm_json_plain(ctx->chat->pool, id);
    if (plain.data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < plain.len; i++) {
        c = plain.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '_' || c == '-')
        {
            continue;
        }

        break;
    }

    if (i == plain.len && plain.len <= NGX_LLM_ANTHROPIC_ID_LEN) {
        ngx_llm_out_quoted(ctx->out, &plain);
        return NGX_OK;
    }

    /*
     * What the provider would not take becomes "_", and a hash tells apart
     * the ids that this makes equal: a result finds its call again.
     */

    len = ngx_min(plain.len, NGX_LLM_ANTHROPIC_ID_LEN - 9);

    for (p = buf, i = 0; i < len; i++) {
        c = plain.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '_' || c == '-')
        {
            *p++ = c;

        } else {
            *p++ = '_';
        }
    }

    hash = (uint32_t) ngx_hash_key(plain.data, plain.len);

    p = ngx_sprintf(p, "_%08xD", hash);

    ngx_llm_out_char(ctx->out, '"');
    ngx_llm_out_data(ctx->out, buf, p - buf);
    ngx_llm_out_char(ctx->out, '"');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_tools(ngx_llm_anthropic_request_t *ctx)
{
    ngx_int_t        rc;
    ngx_uint_t       n;
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *node;
    ngx_llm_tool_t  *tool;

    out = ctx->out;

    if (ctx->ntools == 0 && !ctx->json_tool) {

        if (ctx->tool_blocks) {

            /* calls in the history want some tool to be there */

            ngx_llm_out_lit(out, ",\"tools\":[{\"name\":\"no_tool\","
                                 "\"description\":\"There are no tools.\","
                                 "\"input_schema\":{\"type\":\"object\","
                                 "\"properties\":{}}}]");
        }

        return NGX_OK;
    }

    n = 0;

    ngx_llm_out_lit(out, ",\"tools\":[");

    for (tool = ctx->chat->tools; tool; tool = tool->next) {

        if (tool->custom || !ngx_llm_anthropic_allowed(ctx, tool)) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        rc = ngx_llm_anthropic_write_tool(ctx, tool);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    node = ctx->chat->param[NGX_LLM_PARAM_WEB_SEARCH_OPTIONS];

    if (node != NULL) {

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_anthropic_write_web_search(ctx, node);
    }

    if (ctx->json_tool) {

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_lit(out, "{\"name\":\"" NGX_LLM_ANTHROPIC_JSON_TOOL "\","
                             "\"description\":\"Gives the final answer.\","
                             "\"input_schema\":");
        ngx_llm_anthropic_write_input_schema(ctx->schema, out);
        ngx_llm_out_char(out, '}');
    }

    ngx_llm_out_char(out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_tool(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_tool_t *tool)
{
    ngx_int_t        rc;
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *schema;

    out = ctx->out;

    if (tool->vendor) {
        ngx_llm_out_str(out, &tool->node->raw);
        return NGX_OK;
    }

    ngx_llm_out_lit(out, "{\"name\":");
    ngx_llm_out_quoted(out, &tool->name);

    if (tool->description.data != NULL) {
        ngx_llm_out_lit(out, ",\"description\":");
        ngx_llm_out_quoted(out, &tool->description);
    }

    rc = ngx_llm_anthropic_schema_node(ctx, tool, &schema);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_lit(out, ",\"input_schema\":");
    ngx_llm_anthropic_write_input_schema(schema, out);

    if (tool->strict) {
        ngx_llm_out_lit(out, ",\"strict\":true");
    }

    ngx_llm_anthropic_write_mark(ctx, tool->cache_control, NULL);

    ngx_llm_out_char(out, '}');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_schema_node(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_tool_t *tool, ngx_llm_json_t **node)
{
    ngx_llm_json_t  *function;

    *node = NULL;

    if (tool->schema.len == 0) {
        return NGX_OK;
    }

    /* mostly it is in the tree already */

    if (tool->node != NULL) {
        function = ngx_llm_json_get(tool->node, "function");

        *node = ngx_llm_json_get(function ? function : tool->node,
                                 "parameters");

        if (*node != NULL && (*node)->raw.data == tool->schema.data) {
            return NGX_OK;
        }
    }

    *node = ngx_llm_json_parse(ctx->chat->pool, &tool->schema, NULL);

    return (*node == NULL) ? NGX_ERROR : NGX_OK;
}


static void
ngx_llm_anthropic_write_web_search(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_json_t *node)
{
    ngx_uint_t       i;
    ngx_str_t        size, text;
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *place;

    static char  *members[] = {
        "city", "region", "country", "timezone", NULL
    };

    out = ctx->out;

    ngx_llm_out_lit(out, "{\"type\":\"web_search_20250305\","
                         "\"name\":\"web_search\"");

    size = ngx_llm_json_str(node, "search_context_size");

    if (ngx_llm_json_is(&size, "low")) {
        ngx_llm_out_lit(out, ",\"max_uses\":1");

    } else if (ngx_llm_json_is(&size, "medium")) {
        ngx_llm_out_lit(out, ",\"max_uses\":5");

    } else if (ngx_llm_json_is(&size, "high")) {
        ngx_llm_out_lit(out, ",\"max_uses\":10");
    }

    place = ngx_llm_json_get(ngx_llm_json_get(node, "user_location"),
                             "approximate");

    if (place != NULL && place->type == NGX_LLM_JSON_OBJECT) {
        ngx_llm_out_lit(out, ",\"user_location\":{\"type\":\"approximate\"");

        for (i = 0; members[i]; i++) {
            text = ngx_llm_json_str(place, members[i]);

            if (text.len == 0) {
                continue;
            }

            ngx_llm_out_lit(out, ",\"");
            ngx_llm_out_data(out, (u_char *) members[i],
                             ngx_strlen(members[i]));
            ngx_llm_out_lit(out, "\":");
            ngx_llm_out_quoted(out, &text);
        }

        ngx_llm_out_char(out, '}');
    }

    ngx_llm_out_char(out, '}');
}


static ngx_int_t
ngx_llm_anthropic_write_tool_choice(ngx_llm_anthropic_request_t *ctx)
{
    ngx_uint_t              serial;
    ngx_llm_out_t          *out;
    ngx_llm_chat_t         *chat;
    ngx_llm_tool_choice_e   choice;

    out = ctx->out;
    chat = ctx->chat;
    choice = chat->tool_choice;

    if (ctx->ntools == 0 && !ctx->json_tool) {

        if (ctx->tool_blocks) {
            ngx_llm_out_lit(out, ",\"tool_choice\":{\"type\":\"none\"}");
        }

        if (choice == NGX_LLM_TOOL_CHOICE_UNSET
            || choice == NGX_LLM_TOOL_CHOICE_NONE
            || choice == NGX_LLM_TOOL_CHOICE_AUTO)
        {
            return NGX_OK;
        }

        return ngx_llm_anthropic_drop(ctx, "tool_choice");
    }

    if (ctx->json_tool) {

        /* the answer is a call, of this tool or of one of the client's */

        if (ctx->ntools == 0 || choice == NGX_LLM_TOOL_CHOICE_NONE) {
            ngx_llm_out_lit(out, ",\"tool_choice\":{\"type\":\"tool\","
                                 "\"name\":\"" NGX_LLM_ANTHROPIC_JSON_TOOL
                                 "\"}");
            return NGX_OK;
        }

        if (choice != NGX_LLM_TOOL_CHOICE_NAMED) {
            choice = NGX_LLM_TOOL_CHOICE_REQUIRED;
        }
    }

    serial = chat->parallel_set && !chat->parallel;

    switch (choice) {

    case NGX_LLM_TOOL_CHOICE_NONE:
        ngx_llm_out_lit(out, ",\"tool_choice\":{\"type\":\"none\"}");
        return NGX_OK;

    case NGX_LLM_TOOL_CHOICE_REQUIRED:
        ngx_llm_out_lit(out, ",\"tool_choice\":{\"type\":\"any\"");
        break;

    case NGX_LLM_TOOL_CHOICE_NAMED:
        ngx_llm_out_lit(out, ",\"tool_choice\":{\"type\":\"tool\",\"name\":");
        ngx_llm_out_quoted(out, &chat->tool_name);
        break;

    case NGX_LLM_TOOL_CHOICE_AUTO:
        ngx_llm_out_lit(out, ",\"tool_choice\":{\"type\":\"auto\"");
        break;

    default: /* NGX_LLM_TOOL_CHOICE_UNSET */

        if (!serial) {
            return NGX_OK;
        }

        ngx_llm_out_lit(out, ",\"tool_choice\":{\"type\":\"auto\"");
    }

    if (serial) {
        ngx_llm_out_lit(out, ",\"disable_parallel_tool_use\":true");
    }

    ngx_llm_out_char(out, '}');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_stop(ngx_llm_anthropic_request_t *ctx)
{
    ngx_str_t   *stop;
    ngx_uint_t   i, n;

    if (ctx->chat->stop == NULL) {
        return NGX_OK;
    }

    n = 0;
    stop = ctx->chat->stop->elts;

    for (i = 0; i < ctx->chat->stop->nelts; i++) {

        /* the provider refuses white space */

        if (ngx_llm_anthropic_blank(&stop[i])) {
            continue;
        }

        if (n++ == 0) {
            ngx_llm_out_lit(ctx->out, ",\"stop_sequences\":[");

        } else {
            ngx_llm_out_char(ctx->out, ',');
        }

        ngx_llm_out_quoted(ctx->out, &stop[i]);
    }

    if (n) {
        ngx_llm_out_char(ctx->out, ']');
    }

    if (n < ctx->chat->stop->nelts) {
        return ngx_llm_anthropic_drop(ctx, "stop");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_sampling(ngx_llm_anthropic_request_t *ctx)
{
    int64_t           value;
    ngx_uint_t        both, fixed, set;
    ngx_llm_json_t   *temperature, *top_k, *top_p, **param;

    param = ctx->chat->param;

    temperature = param[NGX_LLM_PARAM_TEMPERATURE];
    top_p = param[NGX_LLM_PARAM_TOP_P];
    top_k = param[NGX_LLM_PARAM_TOP_K];

    fixed = !(ctx->model->flags & NGX_LLM_ANTHROPIC_SAMPLING);
    both = (ctx->model->flags & NGX_LLM_ANTHROPIC_BOTH) != 0;

    /* 1 is the default of both: left out where it is not wanted */

    set = 0;

    if (temperature != NULL
        && ngx_llm_anthropic_decimal(temperature, &value) == NGX_OK)
    {
        if (fixed || ctx->thinks) {

            if (value != NGX_LLM_ANTHROPIC_ONE
                && ngx_llm_anthropic_drop(ctx, "temperature") != NGX_OK)
            {
                return NGX_ERROR;
            }

        } else if (value != NGX_LLM_ANTHROPIC_ONE || top_p == NULL || both) {
            set = value != NGX_LLM_ANTHROPIC_ONE;

            if (ngx_llm_anthropic_temperature(ctx, temperature)
                && ngx_llm_anthropic_drop(ctx, "temperature") != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (top_p != NULL && ngx_llm_anthropic_decimal(top_p, &value) == NGX_OK) {

        if (fixed || (set && !both)
            || (ctx->thinks && value < NGX_LLM_ANTHROPIC_ONE / 100 * 95))
        {
            if (value != NGX_LLM_ANTHROPIC_ONE
                && ngx_llm_anthropic_drop(ctx, "top_p") != NGX_OK)
            {
                return NGX_ERROR;
            }

        } else {
            ngx_llm_out_lit(ctx->out, ",\"top_p\":");
            ngx_llm_out_str(ctx->out, &top_p->raw);
        }
    }

    if (top_k != NULL) {

        if (fixed || ctx->thinks) {
            return ngx_llm_anthropic_drop(ctx, "top_k");
        }

        ngx_llm_out_lit(ctx->out, ",\"top_k\":");
        ngx_llm_out_str(ctx->out, &top_k->raw);
    }

    return NGX_OK;
}


/* 1: it was not what the client asked for */

static ngx_uint_t
ngx_llm_anthropic_temperature(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_json_t *node)
{
    int64_t  value;

    ngx_llm_out_lit(ctx->out, ",\"temperature\":");

    if (ngx_llm_anthropic_decimal(node, &value) == NGX_OK
        && value > NGX_LLM_ANTHROPIC_ONE)
    {
        ngx_llm_out_char(ctx->out, '1');
        return 1;
    }

    ngx_llm_out_str(ctx->out, &node->raw);

    return 0;
}


/*
 * A number in millionths, cut off behind; what is too large counts as a very
 * large one.
 */

static ngx_int_t
ngx_llm_anthropic_decimal(ngx_llm_json_t *node, int64_t *value)
{
    u_char      ch, *last, *p;
    int64_t     exp, n, point;
    ngx_uint_t  fraction, minus, minus_exp;

    if (node->type != NGX_LLM_JSON_NUMBER) {
        return NGX_DECLINED;
    }

    p = node->raw.data;
    last = p + node->raw.len;

    n = 0;
    point = 0;
    minus = 0;
    fraction = 0;

    if (p < last && *p == '-') {
        minus = 1;
        p++;
    }

    for ( /* void */ ; p < last; p++) {
        ch = *p;

        if (ch == '.') {
            fraction = 1;
            continue;
        }

        if (ch < '0' || ch > '9') {
            break;
        }

        if (n < 100000000000000000) {
            n = n * 10 + (ch - '0');
            point -= fraction;

        } else {
            point += !fraction;
        }
    }

    exp = 0;
    minus_exp = 0;

    if (p < last) {

        /* "e" */

        p++;

        if (p < last && (*p == '-' || *p == '+')) {
            minus_exp = (*p == '-');
            p++;
        }

        for ( /* void */ ; p < last; p++) {
            if (exp < 100000000) {
                exp = exp * 10 + (*p - '0');
            }
        }
    }

    point += 6 + (minus_exp ? -exp : exp);

    for ( /* void */ ; n && point < 0; point++) {
        n /= 10;
    }

    for ( /* void */ ; n && point > 0 && n < 100000000000000000; point--) {
        n *= 10;
    }

    *value = minus ? -n : n;

    return NGX_OK;
}


static void
ngx_llm_anthropic_write_thinking(ngx_llm_anthropic_request_t *ctx)
{
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *display, *given;

    out = ctx->out;
    given = ctx->chat->param[NGX_LLM_PARAM_THINKING];

    switch (ctx->thinking) {

    case NGX_LLM_ANTHROPIC_THINKING_UNSET:
        return;

    case NGX_LLM_ANTHROPIC_THINKING_RAW:
        ngx_llm_out_lit(out, ",\"thinking\":");
        ngx_llm_out_str(out, &given->raw);
        return;

    case NGX_LLM_ANTHROPIC_THINKING_DISABLED:
        ngx_llm_out_lit(out, ",\"thinking\":{\"type\":\"disabled\"}");
        return;

    case NGX_LLM_ANTHROPIC_THINKING_ENABLED:
        ngx_llm_out_lit(out, ",\"thinking\":{\"type\":\"enabled\","
                             "\"budget_tokens\":");
        ngx_llm_out_int(out, ctx->budget);
        break;

    default: /* NGX_LLM_ANTHROPIC_THINKING_ADAPTIVE */
        ngx_llm_out_lit(out, ",\"thinking\":{\"type\":\"adaptive\"");
    }

    display = ngx_llm_json_set(given, "display");

    if (display != NULL) {
        ngx_llm_out_lit(out, ",\"display\":");
        ngx_llm_out_str(out, &display->raw);

    } else if (given == NULL
               && (ctx->model->flags & NGX_LLM_ANTHROPIC_OMITS))
    {
        /* what the client can see of it is the summary */

        ngx_llm_out_lit(out, ",\"display\":\"summarized\"");
    }

    ngx_llm_out_char(out, '}');
}


static ngx_int_t
ngx_llm_anthropic_write_output_config(ngx_llm_anthropic_request_t *ctx)
{
    ngx_uint_t       n, stripped;
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *given, *m;

    out = ctx->out;
    given = ctx->output_config;

    /* the client's own words win over what follows from others */

    if (ngx_llm_json_get(given, "effort") != NULL) {
        ngx_str_null(&ctx->effort);
    }

    if (given == NULL && ctx->effort.len == 0
        && (ctx->schema == NULL || ctx->json_tool))
    {
        return NGX_OK;
    }

    n = 0;
    stripped = 0;

    ngx_llm_out_lit(out, ",\"output_config\":{");

    for (m = given ? given->child : NULL; m; m = m->next) {

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_json_string(out, &m->key);
        ngx_llm_out_char(out, ':');
        ngx_llm_out_str(out, &m->raw);
    }

    if (ctx->effort.len) {

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_lit(out, "\"effort\":");
        ngx_llm_out_quoted(out, &ctx->effort);
    }

    if (ctx->schema != NULL && !ctx->json_tool) {

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_lit(out, "\"format\":{\"type\":\"json_schema\","
                             "\"schema\":");
        ngx_llm_anthropic_write_schema(ctx->schema, &stripped, out);
        ngx_llm_out_char(out, '}');
    }

    ngx_llm_out_char(out, '}');

    if (stripped) {
        return ngx_llm_anthropic_drop(ctx, "response_format");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_metadata(ngx_llm_anthropic_request_t *ctx)
{
    char            *name;
    ngx_int_t        rc;
    ngx_str_t        user;
    ngx_llm_json_t  *member, *metadata, *safety;

    metadata = ctx->chat->param[NGX_LLM_PARAM_METADATA];
    safety = ctx->chat->param[NGX_LLM_PARAM_SAFETY_IDENTIFIER];

    ngx_str_null(&user);
    name = "user";

    if (metadata != NULL) {
        user = ngx_llm_json_str(metadata, "user_id");
        name = "metadata";

        for (member = metadata->child; member; member = member->next) {

            if (metadata->type == NGX_LLM_JSON_OBJECT && user.len
                && member->key.len == sizeof("user_id") - 1
                && ngx_memcmp(member->key.data, "user_id", member->key.len)
                   == 0)
            {
                continue;
            }

            if (ngx_llm_anthropic_drop(ctx, "metadata") != NGX_OK) {
                return NGX_ERROR;
            }

            break;
        }
    }

    if (user.len == 0) {
        user = ctx->chat->user;
        name = "user";
    }

    if (user.len == 0 && safety != NULL
        && safety->type == NGX_LLM_JSON_STRING)
    {
        user = ngx_llm_json_text(safety);
        name = "safety_identifier";
    }

    if (user.len == 0) {
        return NGX_OK;
    }

    rc = ngx_llm_anthropic_user_private(ctx, &user);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_llm_anthropic_drop(ctx, name);
    }

    ngx_llm_out_lit(ctx->out, ",\"metadata\":{\"user_id\":");
    ngx_llm_out_quoted(ctx->out, &user);
    ngx_llm_out_char(ctx->out, '}');

    return NGX_OK;
}


/* NGX_DECLINED: looks like an address or a telephone number, or is long */

static ngx_int_t
ngx_llm_anthropic_user_private(ngx_llm_anthropic_request_t *ctx,
    ngx_str_t *user)
{
    u_char      c, *at, *dot, *end, *p;
    ngx_str_t   plain;
    ngx_uint_t  digits, others;

    plain = ngx_llm_json_plain(ctx->chat->pool, user);
    if (plain.data == NULL) {
        return NGX_ERROR;
    }

    at = NULL;
    dot = NULL;
    digits = 0;
    others = 0;

    p = plain.data;
    end = p + plain.len;

    for ( /* void */ ; p < end; p++) {
        c = *p;

        if (c == '@' && p != plain.data) {
            at = p;
        }

        if (c == '.' && at != NULL && p > at + 1 && p + 1 < end) {
            dot = p;
        }

        if (c >= '0' && c <= '9') {
            digits++;

        } else if (c != ' ' && c != '-' && c != '(' && c != ')'
                   && c != '+' && c != '.')
        {
            others++;
        }
    }

    if (plain.len > NGX_LLM_ANTHROPIC_USER_LEN || dot != NULL
        || (others == 0 && digits >= 7))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_service_tier(ngx_llm_anthropic_request_t *ctx)
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
        || ngx_llm_json_is(&tier, "priority")
        || ngx_llm_json_is(&tier, "fast")
        || ngx_llm_json_is(&tier, "scale"))
    {
        ngx_llm_out_lit(ctx->out, ",\"service_tier\":\"auto\"");
        return NGX_OK;
    }

    if (ngx_llm_json_is(&tier, "default")
        || ngx_llm_json_is(&tier, "flex")
        || ngx_llm_json_is(&tier, "standard_only"))
    {
        ngx_llm_out_lit(ctx->out, ",\"service_tier\":\"standard_only\"");
        return NGX_OK;
    }

    return ngx_llm_anthropic_drop(ctx, "service_tier");
}


static void
ngx_llm_anthropic_write_extensions(ngx_llm_anthropic_request_t *ctx)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *mark, **node;

    mark = ctx->chat->param[NGX_LLM_PARAM_CACHE_CONTROL];

    ngx_llm_anthropic_write_mark(ctx, mark, NULL);

    if (ctx->chat->unknown == NULL) {
        return;
    }

    node = ctx->chat->unknown->elts;

    for (i = 0; i < ctx->chat->unknown->nelts; i++) {

        if (node[i] == ctx->output_config
            || !ngx_llm_anthropic_extension(&node[i]->key))
        {
            continue;
        }

        ngx_llm_out_char(ctx->out, ',');
        ngx_llm_out_json_string(ctx->out, &node[i]->key);
        ngx_llm_out_char(ctx->out, ':');
        ngx_llm_out_str(ctx->out, &node[i]->raw);
    }
}


static ngx_int_t
ngx_llm_anthropic_drop(ngx_llm_anthropic_request_t *ctx, char *name)
{
    ngx_str_t    s, *dropped;
    ngx_uint_t   i;

    s.data = (u_char *) name;
    s.len = ngx_strlen(name);

    if (ctx->chat->dropped != NULL) {
        dropped = ctx->chat->dropped->elts;

        for (i = 0; i < ctx->chat->dropped->nelts; i++) {

            if (dropped[i].len == s.len
                && ngx_memcmp(dropped[i].data, s.data, s.len) == 0)
            {
                return NGX_OK;
            }
        }
    }

    return ngx_llm_params_dropped(ctx->chat, &s);
}


static ngx_uint_t
ngx_llm_anthropic_drops(ngx_llm_anthropic_request_t *ctx, ngx_uint_t param)
{
    return (ctx->target->drop & ngx_llm_param_bit(param)) != 0;
}
