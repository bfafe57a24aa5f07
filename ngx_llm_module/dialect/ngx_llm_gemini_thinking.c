
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How much a model is to think: a budget of tokens or a level, by its family.
 */


#include "ngx_llm_gemini_request.h"


/* budgets up to these are of the level */

#define NGX_LLM_GEMINI_LOW_BUDGET     1024
#define NGX_LLM_GEMINI_MEDIUM_BUDGET  8192


typedef enum {
    NGX_LLM_GEMINI_EFFORT_NONE = 0,
    NGX_LLM_GEMINI_EFFORT_MINIMAL,
    NGX_LLM_GEMINI_EFFORT_LOW,
    NGX_LLM_GEMINI_EFFORT_MEDIUM,
    NGX_LLM_GEMINI_EFFORT_HIGH
} ngx_llm_gemini_effort_e;


typedef struct {
    char                     *name;
    ngx_llm_gemini_effort_e   effort;
} ngx_llm_gemini_effort_t;


static ngx_int_t ngx_llm_gemini_thinking_config(ngx_llm_gemini_request_t *ctx,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_gemini_given_thinking(ngx_llm_gemini_request_t *ctx,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_gemini_effort(ngx_llm_gemini_request_t *ctx,
    ngx_llm_gemini_effort_e effort, char *name);
static void ngx_llm_gemini_budget(ngx_llm_gemini_request_t *ctx, int64_t n);


static ngx_llm_gemini_effort_t  ngx_llm_gemini_efforts[] = {
    { "none", NGX_LLM_GEMINI_EFFORT_NONE },
    { "minimal", NGX_LLM_GEMINI_EFFORT_MINIMAL },
    { "low", NGX_LLM_GEMINI_EFFORT_LOW },
    { "medium", NGX_LLM_GEMINI_EFFORT_MEDIUM },
    { "high", NGX_LLM_GEMINI_EFFORT_HIGH },
    { "xhigh", NGX_LLM_GEMINI_EFFORT_HIGH },
    { "max", NGX_LLM_GEMINI_EFFORT_HIGH },
    { NULL, NGX_LLM_GEMINI_EFFORT_NONE }
};


/* in the order of ngx_llm_gemini_effort_e; what Google's own table says */

static int64_t  ngx_llm_gemini_budgets[] = { 0, 1024, 1024, 8192, 24576 };


ngx_int_t
ngx_llm_gemini_thinking(ngx_llm_gemini_request_t *ctx)
{
    ngx_str_t                 word;
    ngx_llm_json_t           *config, *effort, *thinking;
    ngx_llm_gemini_effort_t  *e;

    effort = ctx->chat->param[NGX_LLM_PARAM_REASONING_EFFORT];
    thinking = ctx->chat->param[NGX_LLM_PARAM_THINKING];

    config = ngx_llm_gemini_either(ctx->google, "thinking_config",
                                   "thinkingConfig");

    if (config != NULL && config->type == NGX_LLM_JSON_OBJECT) {

        /* the most exact of the three; they exclude each other */

        if (effort != NULL
            && ngx_llm_gemini_drop(ctx, "reasoning_effort") != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (thinking != NULL
            && ngx_llm_gemini_drop(ctx, "thinking") != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_llm_gemini_thinking_config(ctx, config);
    }

    if (!(ctx->takes & ngx_llm_param_bit(NGX_LLM_PARAM_THINKING))) {
        return NGX_OK;
    }

    if (thinking != NULL && thinking->type == NGX_LLM_JSON_OBJECT) {

        if (effort != NULL
            && ngx_llm_gemini_drop(ctx, "reasoning_effort") != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_llm_gemini_given_thinking(ctx, thinking);
    }

    if (effort == NULL) {
        return NGX_OK;
    }

    ngx_str_null(&word);

    if (effort->type == NGX_LLM_JSON_STRING) {
        word = ngx_llm_json_text(effort);
    }

    for (e = ngx_llm_gemini_efforts; e->name; e++) {

        if (ngx_llm_json_is(&word, e->name)) {
            return ngx_llm_gemini_effort(ctx, e->effort, "reasoning_effort");
        }
    }

    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", "invalid_value",
                         "reasoning_effort",
                         "\"reasoning_effort\" has an unknown value");
}


static ngx_int_t
ngx_llm_gemini_thinking_config(ngx_llm_gemini_request_t *ctx,
    ngx_llm_json_t *node)
{
    int64_t          n;
    ngx_llm_json_t  *m;

    m = ngx_llm_gemini_either(node, "include_thoughts", "includeThoughts");

    if (m != NULL && (m->type == NGX_LLM_JSON_TRUE
                      || m->type == NGX_LLM_JSON_FALSE))
    {
        ctx->thoughts = m;
    }

    m = ngx_llm_gemini_either(node, "thinking_level", "thinkingLevel");

    if (m != NULL && m->type == NGX_LLM_JSON_STRING) {
        ctx->level = ngx_llm_json_text(m);
        return NGX_OK;
    }

    m = ngx_llm_gemini_either(node, "thinking_budget", "thinkingBudget");

    if (m != NULL && ngx_llm_json_int(m, &n) == NGX_OK) {
        ctx->budget = n;
        ctx->budget_set = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_given_thinking(ngx_llm_gemini_request_t *ctx,
    ngx_llm_json_t *node)
{
    int64_t                  n;
    ngx_str_t                type;
    ngx_llm_gemini_effort_e  effort;

    type = ngx_llm_json_str(node, "type");

    if (ngx_llm_json_is(&type, "disabled")) {
        return ngx_llm_gemini_effort(ctx, NGX_LLM_GEMINI_EFFORT_NONE,
                                     "thinking");
    }

    ctx->thinks = 1;

    n = ngx_llm_json_count(node, "budget_tokens", -1);

    if (ctx->model->flags & NGX_LLM_GEMINI_BUDGET) {
        ngx_llm_gemini_budget(ctx, n);
        return NGX_OK;
    }

    if (n < 0) {
        return NGX_OK;
    }

    effort = (n <= NGX_LLM_GEMINI_LOW_BUDGET) ? NGX_LLM_GEMINI_EFFORT_LOW
             : (n <= NGX_LLM_GEMINI_MEDIUM_BUDGET)
               ? NGX_LLM_GEMINI_EFFORT_MEDIUM
               : NGX_LLM_GEMINI_EFFORT_HIGH;

    return ngx_llm_gemini_effort(ctx, effort, "thinking");
}


static ngx_int_t
ngx_llm_gemini_effort(ngx_llm_gemini_request_t *ctx,
    ngx_llm_gemini_effort_e effort, char *name)
{
    ngx_uint_t  flags;

    flags = ctx->model->flags;

    if (effort != NGX_LLM_GEMINI_EFFORT_NONE) {
        ctx->thinks = 1;

    } else if (!(flags & NGX_LLM_GEMINI_OFF)
               && ngx_llm_gemini_drop(ctx, name) != NGX_OK)
    {
        /* the least that the model can do is more than was asked for */

        return NGX_ERROR;
    }

    if (flags & NGX_LLM_GEMINI_BUDGET) {
        ngx_llm_gemini_budget(ctx, ngx_llm_gemini_budgets[effort]);
        return NGX_OK;
    }

    switch (effort) {

    case NGX_LLM_GEMINI_EFFORT_NONE:
    case NGX_LLM_GEMINI_EFFORT_MINIMAL:

        if (flags & NGX_LLM_GEMINI_MINIMAL) {
            ngx_str_set(&ctx->level, "MINIMAL");
            return NGX_OK;
        }

        /* fall through */

    case NGX_LLM_GEMINI_EFFORT_LOW:
        ngx_str_set(&ctx->level, "LOW");
        return NGX_OK;

    case NGX_LLM_GEMINI_EFFORT_MEDIUM:

        if (flags & NGX_LLM_GEMINI_MEDIUM) {
            ngx_str_set(&ctx->level, "MEDIUM");
            return NGX_OK;
        }

        /* fall through */

    default: /* NGX_LLM_GEMINI_EFFORT_HIGH */
        ngx_str_set(&ctx->level, "HIGH");
        return NGX_OK;
    }
}


static void
ngx_llm_gemini_budget(ngx_llm_gemini_request_t *ctx, int64_t n)
{
    if (n >= 0 && !(n == 0 && (ctx->model->flags & NGX_LLM_GEMINI_OFF))) {
        n = ngx_max(n, ctx->model->min_budget);
        n = ngx_min(n, ctx->model->max_budget);
    }

    ctx->budget = n;
    ctx->budget_set = 1;
}


void
ngx_llm_gemini_write_thinking(ngx_llm_gemini_request_t *ctx)
{
    ngx_uint_t      n;
    ngx_llm_out_t  *out;

    if (!ctx->thinks && ctx->thoughts == NULL && !ctx->budget_set
        && ctx->level.len == 0)
    {
        return;
    }

    n = 0;
    out = ctx->out;

    ngx_llm_gemini_config(ctx, "thinkingConfig");
    ngx_llm_out_char(out, '{');

    if (ctx->thoughts != NULL) {
        n++;
        ngx_llm_out_lit(out, "\"includeThoughts\":");
        ngx_llm_out_str(out, &ctx->thoughts->raw);

    } else if (ctx->thinks) {
        n++;
        ngx_llm_out_lit(out, "\"includeThoughts\":true");
    }

    if (ctx->level.len) {
        ngx_llm_out_data(out, (u_char *) ",", n ? 1 : 0);
        ngx_llm_out_lit(out, "\"thinkingLevel\":");
        ngx_llm_out_quoted(out, &ctx->level);

    } else if (ctx->budget_set) {
        ngx_llm_out_data(out, (u_char *) ",", n ? 1 : 0);
        ngx_llm_out_lit(out, "\"thinkingBudget\":");
        ngx_llm_out_int(out, ctx->budget);
    }

    ngx_llm_out_char(out, '}');
}
