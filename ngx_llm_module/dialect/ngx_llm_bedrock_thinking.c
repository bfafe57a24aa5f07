
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How much a model is to think, in the words of its maker.
 */


#include "ngx_llm_bedrock_request.h"


/* budgets up to these are of the level */

#define NGX_LLM_BEDROCK_LOW_BUDGET     1024
#define NGX_LLM_BEDROCK_MEDIUM_BUDGET  8192


static ngx_int_t ngx_llm_bedrock_claude_thinking(
    ngx_llm_bedrock_request_t *ctx);
static ngx_int_t ngx_llm_bedrock_asked_effort(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_bedrock_effort_e *effort);
static ngx_llm_bedrock_effort_e ngx_llm_bedrock_thinking_effort(
    ngx_llm_json_t *thinking);


static struct {
    char                      *name;
    ngx_llm_bedrock_effort_e   effort;
} ngx_llm_bedrock_efforts[] = {
    { "none", NGX_LLM_BEDROCK_EFFORT_NONE },
    { "minimal", NGX_LLM_BEDROCK_EFFORT_LOW },
    { "low", NGX_LLM_BEDROCK_EFFORT_LOW },
    { "medium", NGX_LLM_BEDROCK_EFFORT_MEDIUM },
    { "high", NGX_LLM_BEDROCK_EFFORT_HIGH },
    { "xhigh", NGX_LLM_BEDROCK_EFFORT_HIGH },
    { "max", NGX_LLM_BEDROCK_EFFORT_HIGH },
    { NULL, NGX_LLM_BEDROCK_EFFORT_UNSET }
};


/* in the order of ngx_llm_bedrock_effort_e */

static char  *ngx_llm_bedrock_words[] = {
    "", "low", "low", "medium", "high"
};


ngx_int_t
ngx_llm_bedrock_thinking(ngx_llm_bedrock_request_t *ctx)
{
    char                      *name;
    ngx_int_t                  rc;
    ngx_llm_json_t            *effort, *thinking;
    ngx_llm_bedrock_effort_e   asked;

    if (ctx->flags & NGX_LLM_BEDROCK_CLAUDE) {
        return ngx_llm_bedrock_claude_thinking(ctx);
    }

    effort = ctx->chat->param[NGX_LLM_PARAM_REASONING_EFFORT];
    thinking = ctx->chat->param[NGX_LLM_PARAM_THINKING];

    asked = NGX_LLM_BEDROCK_EFFORT_UNSET;

    if (effort != NULL) {
        rc = ngx_llm_bedrock_asked_effort(ctx, &asked);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    name = "reasoning_effort";

    if (effort == NULL && thinking != NULL) {
        name = "thinking";
        asked = ngx_llm_bedrock_thinking_effort(thinking);
    }

    if (asked == NGX_LLM_BEDROCK_EFFORT_UNSET) {
        return NGX_OK;
    }

    ctx->effort = asked;

    if (ctx->flags & NGX_LLM_BEDROCK_NOVA_2) {
        return NGX_OK;
    }

    if (ctx->flags & NGX_LLM_BEDROCK_LEVEL) {
        return NGX_OK;
    }

    if (asked == NGX_LLM_BEDROCK_EFFORT_NONE) {

        /* who does not think is not told to stop */

        return (ctx->flags & NGX_LLM_BEDROCK_EFFORT)
               ? ngx_llm_bedrock_drop(ctx, name) : NGX_OK;
    }

    return (ctx->flags & NGX_LLM_BEDROCK_EFFORT)
           ? NGX_OK : ngx_llm_bedrock_drop(ctx, name);
}


/* its gates are the same whatever way it is reached */

static ngx_int_t
ngx_llm_bedrock_claude_thinking(ngx_llm_bedrock_request_t *ctx)
{
    ngx_llm_anthropic_request_t  *claude;

    claude = &ctx->claude;

    claude->chat = ctx->chat;
    claude->target = ctx->target;
    claude->out = ctx->out;
    claude->err = ctx->err;
    claude->model = ngx_llm_anthropic_model(&ctx->name.family);
    claude->ntools = ctx->ntools;
    claude->json_tool = ctx->json_tool;

    claude->max_tokens = ctx->chat->max_tokens;

    if (claude->max_tokens < 0) {
        claude->max_tokens = claude->model->max_tokens;
    }

    return ngx_llm_anthropic_thinking(claude);
}


static ngx_int_t
ngx_llm_bedrock_asked_effort(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_bedrock_effort_e *effort)
{
    ngx_str_t        word;
    ngx_uint_t       i;
    ngx_llm_json_t  *node;

    ngx_str_null(&word);

    node = ctx->chat->param[NGX_LLM_PARAM_REASONING_EFFORT];

    if (node->type == NGX_LLM_JSON_STRING) {
        word = ngx_llm_json_text(node);
    }

    for (i = 0; ngx_llm_bedrock_efforts[i].name; i++) {

        if (ngx_llm_json_is(&word, ngx_llm_bedrock_efforts[i].name)) {
            *effort = ngx_llm_bedrock_efforts[i].effort;
            return NGX_OK;
        }
    }

    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", "invalid_value",
                         "reasoning_effort",
                         "\"reasoning_effort\" has an unknown value");
}


/* Anthropic's object */

static ngx_llm_bedrock_effort_e
ngx_llm_bedrock_thinking_effort(ngx_llm_json_t *thinking)
{
    int64_t    budget;
    ngx_str_t  type;

    type = ngx_llm_json_str(thinking, "type");

    if (ngx_llm_json_is(&type, "disabled")) {
        return NGX_LLM_BEDROCK_EFFORT_NONE;
    }

    budget = ngx_llm_json_count(thinking, "budget_tokens", -1);

    if (budget < 0) {
        return NGX_LLM_BEDROCK_EFFORT_MEDIUM;
    }

    return (budget <= NGX_LLM_BEDROCK_LOW_BUDGET)
           ? NGX_LLM_BEDROCK_EFFORT_LOW
           : (budget <= NGX_LLM_BEDROCK_MEDIUM_BUDGET)
             ? NGX_LLM_BEDROCK_EFFORT_MEDIUM
             : NGX_LLM_BEDROCK_EFFORT_HIGH;
}


void
ngx_llm_bedrock_write_thinking(ngx_llm_bedrock_request_t *ctx)
{
    char           *word;
    ngx_llm_out_t  *out;

    static char  *object = "additionalModelRequestFields";

    out = ctx->out;

    if (ctx->flags & NGX_LLM_BEDROCK_CLAUDE) {

        if (ctx->claude.thinking != NGX_LLM_ANTHROPIC_THINKING_UNSET) {
            ngx_llm_bedrock_member(ctx, object, NULL);
            ngx_llm_anthropic_write_thinking(&ctx->claude, out);
        }

        return;
    }

    if (ctx->effort == NGX_LLM_BEDROCK_EFFORT_UNSET) {
        return;
    }

    word = ngx_llm_bedrock_words[ctx->effort];

    if (ctx->flags & NGX_LLM_BEDROCK_NOVA_2) {
        ngx_llm_bedrock_member(ctx, object, "reasoningConfig");

        if (ctx->effort == NGX_LLM_BEDROCK_EFFORT_NONE) {
            ngx_llm_out_lit(out, "{\"type\":\"disabled\"}");
            return;
        }

        ngx_llm_out_lit(out, "{\"type\":\"enabled\","
                             "\"maxReasoningEffort\":\"");
        ngx_llm_out_data(out, (u_char *) word, ngx_strlen(word));
        ngx_llm_out_lit(out, "\"}");

        return;
    }

    if (ctx->flags & NGX_LLM_BEDROCK_LEVEL) {

        if (ctx->effort == NGX_LLM_BEDROCK_EFFORT_NONE) {
            return;
        }

        ngx_llm_bedrock_member(ctx, object, "reasoning_config");

    } else if (ctx->flags & NGX_LLM_BEDROCK_EFFORT) {
        ngx_llm_bedrock_member(ctx, object, "reasoning_effort");

    } else {
        return;
    }

    ngx_llm_out_char(out, '"');
    ngx_llm_out_data(out, (u_char *) word, ngx_strlen(word));
    ngx_llm_out_char(out, '"');
}
