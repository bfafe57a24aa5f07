
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How much a model is to think: the gates of its family, budgets, efforts.
 */


#include "ngx_llm_anthropic_request.h"


#define NGX_LLM_ANTHROPIC_MIN_BUDGET   1024


typedef struct {
    char                             *name;
    char                             *effort;
    ngx_uint_t                        share;    /* of max_tokens, 1/1000 */
} ngx_llm_anthropic_effort_t;


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


void
ngx_llm_anthropic_write_thinking(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_out_t *out)
{
    ngx_llm_json_t  *display, *given;

    given = ctx->chat->param[NGX_LLM_PARAM_THINKING];

    switch (ctx->thinking) {

    case NGX_LLM_ANTHROPIC_THINKING_UNSET:
        return;

    case NGX_LLM_ANTHROPIC_THINKING_RAW:
        ngx_llm_out_lit(out, "\"thinking\":");
        ngx_llm_out_str(out, &given->raw);
        return;

    case NGX_LLM_ANTHROPIC_THINKING_DISABLED:
        ngx_llm_out_lit(out, "\"thinking\":{\"type\":\"disabled\"}");
        return;

    case NGX_LLM_ANTHROPIC_THINKING_ENABLED:
        ngx_llm_out_lit(out, "\"thinking\":{\"type\":\"enabled\","
                             "\"budget_tokens\":");
        ngx_llm_out_int(out, ctx->budget);
        break;

    default: /* NGX_LLM_ANTHROPIC_THINKING_ADAPTIVE */
        ngx_llm_out_lit(out, "\"thinking\":{\"type\":\"adaptive\"");
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


ngx_int_t
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
