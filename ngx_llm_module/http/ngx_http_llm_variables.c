
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * $llm_*: what is known of a request.  Nothing is remembered by the core
 * before it is final: every variable is uncacheable, but $llm_key where it is
 * known from the headers.
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_price.h"


#define NGX_HTTP_LLM_MAX_PROMPT  65536


/* what "data" of a variable says */

typedef enum {
    NGX_HTTP_LLM_VAR_REQUEST_MODEL = 0,
    NGX_HTTP_LLM_VAR_USER,
    NGX_HTTP_LLM_VAR_STREAM,
    NGX_HTTP_LLM_VAR_HAS_TOOLS,
    NGX_HTTP_LLM_VAR_HAS_IMAGES,
    NGX_HTTP_LLM_VAR_PROMPT,
    NGX_HTTP_LLM_VAR_LAST_MESSAGE,
    NGX_HTTP_LLM_VAR_ESTIMATE,

    NGX_HTTP_LLM_VAR_MODEL,
    NGX_HTTP_LLM_VAR_PROVIDER,
    NGX_HTTP_LLM_VAR_DEPLOYMENT,
    NGX_HTTP_LLM_VAR_UPSTREAM_MODEL,
    NGX_HTTP_LLM_VAR_ATTEMPTS,
    NGX_HTTP_LLM_VAR_FALLBACK,
    NGX_HTTP_LLM_VAR_TTFT,

    NGX_HTTP_LLM_VAR_PROMPT_TOKENS,
    NGX_HTTP_LLM_VAR_COMPLETION_TOKENS,
    NGX_HTTP_LLM_VAR_TOTAL_TOKENS,
    NGX_HTTP_LLM_VAR_CACHED_TOKENS,
    NGX_HTTP_LLM_VAR_CACHE_WRITE_TOKENS,
    NGX_HTTP_LLM_VAR_REASONING_TOKENS,
    NGX_HTTP_LLM_VAR_COST,
    NGX_HTTP_LLM_VAR_FINISH_REASON,
    NGX_HTTP_LLM_VAR_ERROR
} ngx_http_llm_var_e;


/* texts of a prompt on their way into one */

typedef struct {
    ngx_pool_t   *pool;
    u_char       *start;
    u_char       *last;
    size_t        size;     /* what is needed, counted first */
    ngx_uint_t    parts;
} ngx_http_llm_prompt_t;


static ngx_int_t ngx_http_llm_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_body_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_llm_variable_warn(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_uint_t id);
static ngx_int_t ngx_http_llm_user_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_route_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_answer_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_ttft_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_tokens_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_cost_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_end_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);

static ngx_int_t ngx_http_llm_prompt(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_uint_t last_only, ngx_str_t *value);
static ngx_int_t ngx_http_llm_prompt_size(void *data, ngx_str_t *escaped);
static ngx_int_t ngx_http_llm_prompt_part(void *data, ngx_str_t *escaped);

static void ngx_http_llm_variable_text(ngx_http_variable_value_t *v,
    ngx_str_t *value);
static ngx_int_t ngx_http_llm_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int64_t n);


static ngx_http_variable_t  ngx_http_llm_variables[] = {

    { ngx_string("llm_key"), NULL, ngx_http_llm_key_variable,
      0, 0, 0 },

    { ngx_string("llm_request_model"), NULL, ngx_http_llm_body_variable,
      NGX_HTTP_LLM_VAR_REQUEST_MODEL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_user"), NULL, ngx_http_llm_user_variable,
      NGX_HTTP_LLM_VAR_USER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_stream"), NULL, ngx_http_llm_body_variable,
      NGX_HTTP_LLM_VAR_STREAM, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_has_tools"), NULL, ngx_http_llm_body_variable,
      NGX_HTTP_LLM_VAR_HAS_TOOLS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_has_images"), NULL, ngx_http_llm_body_variable,
      NGX_HTTP_LLM_VAR_HAS_IMAGES, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_prompt"), NULL, ngx_http_llm_body_variable,
      NGX_HTTP_LLM_VAR_PROMPT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_last_message"), NULL, ngx_http_llm_body_variable,
      NGX_HTTP_LLM_VAR_LAST_MESSAGE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_prompt_tokens_estimate"), NULL,
      ngx_http_llm_body_variable,
      NGX_HTTP_LLM_VAR_ESTIMATE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_model"), NULL, ngx_http_llm_route_variable,
      NGX_HTTP_LLM_VAR_MODEL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_provider"), NULL, ngx_http_llm_answer_variable,
      NGX_HTTP_LLM_VAR_PROVIDER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_deployment"), NULL, ngx_http_llm_answer_variable,
      NGX_HTTP_LLM_VAR_DEPLOYMENT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_upstream_model"), NULL, ngx_http_llm_answer_variable,
      NGX_HTTP_LLM_VAR_UPSTREAM_MODEL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_attempts"), NULL, ngx_http_llm_route_variable,
      NGX_HTTP_LLM_VAR_ATTEMPTS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_fallback"), NULL, ngx_http_llm_route_variable,
      NGX_HTTP_LLM_VAR_FALLBACK, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_ttft"), NULL, ngx_http_llm_ttft_variable,
      NGX_HTTP_LLM_VAR_TTFT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_prompt_tokens"), NULL, ngx_http_llm_tokens_variable,
      NGX_HTTP_LLM_VAR_PROMPT_TOKENS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_completion_tokens"), NULL,
      ngx_http_llm_tokens_variable,
      NGX_HTTP_LLM_VAR_COMPLETION_TOKENS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_total_tokens"), NULL, ngx_http_llm_tokens_variable,
      NGX_HTTP_LLM_VAR_TOTAL_TOKENS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_cached_tokens"), NULL, ngx_http_llm_tokens_variable,
      NGX_HTTP_LLM_VAR_CACHED_TOKENS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_cache_write_tokens"), NULL,
      ngx_http_llm_tokens_variable,
      NGX_HTTP_LLM_VAR_CACHE_WRITE_TOKENS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_reasoning_tokens"), NULL, ngx_http_llm_tokens_variable,
      NGX_HTTP_LLM_VAR_REASONING_TOKENS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_cost"), NULL, ngx_http_llm_cost_variable,
      NGX_HTTP_LLM_VAR_COST, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_finish_reason"), NULL, ngx_http_llm_end_variable,
      NGX_HTTP_LLM_VAR_FINISH_REASON, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_error"), NULL, ngx_http_llm_end_variable,
      NGX_HTTP_LLM_VAR_ERROR, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


/*
 * With "llm_auth on" the headers say who asks, whenever that is wanted; what
 * another module proves is known from the content phase on.
 */

static ngx_int_t
ngx_http_llm_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_llm_error_t           err;
    ngx_http_llm_ctx_t       *ctx;
    ngx_http_llm_loc_conf_t  *llcf;

    v->not_found = 1;
    v->no_cacheable = 1;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (ctx == NULL || !ctx->auth_done) {

        llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

        if (!llcf->gateway || llcf->auth != NGX_HTTP_LLM_AUTH_ON) {
            return NGX_OK;
        }

        /* the handler has a context of its own */

        ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_ctx_t));
        if (ctx == NULL) {
            return NGX_ERROR;
        }

        ctx->request = r;

        switch (ngx_http_llm_authenticate(r, ctx, &err)) {

        case NGX_OK:
            break;

        case NGX_DECLINED:
            return NGX_OK;

        default:
            return NGX_ERROR;
        }
    }

    if (ctx->key_name.len) {
        ngx_http_llm_variable_text(v, &ctx->key_name);
        v->no_cacheable = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_body_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t           *text;
    ngx_llm_chat_t      *chat;
    ngx_http_llm_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (ctx == NULL || !ctx->chat_read) {
        ngx_http_llm_variable_warn(r, ctx, data);

        switch (data) {

        case NGX_HTTP_LLM_VAR_STREAM:
        case NGX_HTTP_LLM_VAR_HAS_TOOLS:
        case NGX_HTTP_LLM_VAR_HAS_IMAGES:
        case NGX_HTTP_LLM_VAR_ESTIMATE:
            return ngx_http_llm_variable_number(r, v, 0);
        }

        return NGX_OK;
    }

    chat = &ctx->chat;

    switch (data) {

    case NGX_HTTP_LLM_VAR_STREAM:
        return ngx_http_llm_variable_number(r, v, chat->stream);

    case NGX_HTTP_LLM_VAR_HAS_TOOLS:
        return ngx_http_llm_variable_number(r, v, chat->has_tools);

    case NGX_HTTP_LLM_VAR_HAS_IMAGES:
        return ngx_http_llm_variable_number(r, v, chat->has_images);

    case NGX_HTTP_LLM_VAR_ESTIMATE:
        if (ctx->estimate < 0) {
            ctx->estimate = ngx_llm_chat_estimate(chat);
        }

        return ngx_http_llm_variable_number(r, v, ctx->estimate);

    case NGX_HTTP_LLM_VAR_PROMPT:
        text = &ctx->prompt;
        break;

    case NGX_HTTP_LLM_VAR_LAST_MESSAGE:
        text = &ctx->last_message;
        break;

    default: /* NGX_HTTP_LLM_VAR_REQUEST_MODEL */
        ngx_http_llm_variable_text(v, &chat->model);
        return NGX_OK;
    }

    if (text->data == NULL
        && ngx_http_llm_prompt(r, ctx, data == NGX_HTTP_LLM_VAR_LAST_MESSAGE,
                               text)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llm_variable_text(v, text);

    return NGX_OK;
}


/*
 * Once a worker and variable, and only if an answer may still depend on it:
 * a log line of a refused request has no body to tell of.
 */

static void
ngx_http_llm_variable_warn(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_uint_t id)
{
    char                      *action;
    uint64_t                   bit;
    ngx_http_variable_t       *var;
    ngx_http_llm_loc_conf_t   *llcf;
    ngx_http_llm_main_conf_t  *lmcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);
    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    bit = (uint64_t) 1 << id;

    if (!llcf->gateway || r->header_sent || (lmcf->warned & bit)) {
        return;
    }

    if (ctx
        && (ctx->own || ctx->page.data
            || ctx->endpoint == NGX_HTTP_LLM_MODELS
            || ctx->endpoint == NGX_HTTP_LLM_MODEL))
    {
        return;
    }

    action = r->connection->log->action;

    if (action && ngx_strcmp(action, "logging request") == 0) {
        return;
    }

    for (var = ngx_http_llm_variables; var->name.len; var++) {
        if (var->data == id && var->get_handler != ngx_http_llm_key_variable)
        {
            break;
        }
    }

    lmcf->warned |= bit;

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "variable \"$%V\" was read before the request body: "
                  "a map over it must be volatile", &var->name);
}


/* "llm_user" of the configuration stands in the place of the body's user */

static ngx_int_t
ngx_http_llm_user_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                 value;
    ngx_http_llm_ctx_t       *ctx;
    ngx_http_llm_loc_conf_t  *llcf;

    v->not_found = 1;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);
    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (llcf->user == NULL && (ctx == NULL || !ctx->chat_read)) {
        ngx_http_llm_variable_warn(r, ctx, data);
        return NGX_OK;
    }

    if (ngx_http_llm_user(r, ctx, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len) {
        ngx_http_llm_variable_text(v, &value);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_route_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_llm_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    switch (data) {

    case NGX_HTTP_LLM_VAR_ATTEMPTS:
        return ngx_http_llm_variable_number(r, v, ctx ? ctx->attempts : 0);

    case NGX_HTTP_LLM_VAR_FALLBACK:
        return ngx_http_llm_variable_number(r, v, ctx ? ctx->fallback : 0);
    }

    /* NGX_HTTP_LLM_VAR_MODEL */

    if (ctx == NULL || !ctx->routed) {
        return NGX_OK;
    }

    ngx_http_llm_variable_text(v, ctx->stage.name.len ? &ctx->stage.name
                                                      : &ctx->model);
    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_answer_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_llm_ctx_t      *ctx;
    ngx_http_llm_attempt_t  *attempt;

    v->not_found = 1;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (ctx == NULL || ctx->attempt == NULL) {
        return NGX_OK;
    }

    attempt = ctx->attempt;

    switch (data) {

    case NGX_HTTP_LLM_VAR_PROVIDER:
        ngx_http_llm_variable_text(v, &attempt->provider->name);
        break;

    case NGX_HTTP_LLM_VAR_DEPLOYMENT:
        ngx_http_llm_variable_text(v, &attempt->deployment->id);
        break;

    default: /* NGX_HTTP_LLM_VAR_UPSTREAM_MODEL */
        ngx_http_llm_variable_text(v, ctx->upstream_model.len
                                      ? &ctx->upstream_model
                                      : &attempt->target.model);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_ttft_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char              *p;
    ngx_str_t            value;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (ctx == NULL || ctx->ttft == 0) {
        return ngx_http_llm_variable_number(r, v, 0);
    }

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "%T.%03M", (time_t) ctx->ttft / 1000,
                            ctx->ttft % 1000)
                - p;

    ngx_http_llm_variable_text(v, &value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_tokens_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    int64_t              n;
    ngx_llm_usage_t     *usage;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (ctx == NULL) {
        return ngx_http_llm_variable_number(r, v, 0);
    }

    usage = &ctx->usage;

    switch (data) {

    case NGX_HTTP_LLM_VAR_PROMPT_TOKENS:
        n = usage->prompt;
        break;

    case NGX_HTTP_LLM_VAR_COMPLETION_TOKENS:
        n = usage->completion;
        break;

    case NGX_HTTP_LLM_VAR_TOTAL_TOKENS:
        n = ngx_max(usage->prompt, 0) + ngx_max(usage->completion, 0);
        break;

    case NGX_HTTP_LLM_VAR_CACHED_TOKENS:
        n = usage->cached;
        break;

    case NGX_HTTP_LLM_VAR_CACHE_WRITE_TOKENS:
        n = usage->cache_write;
        break;

    default: /* NGX_HTTP_LLM_VAR_REASONING_TOKENS */
        n = usage->reasoning;
    }

    return ngx_http_llm_variable_number(r, v, ngx_max(n, 0));
}


/* dollars; 0 where it is unknown */

static ngx_int_t
ngx_http_llm_cost_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char              *p;
    int64_t              cost;
    ngx_str_t            value;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    cost = ctx ? ngx_http_llm_cost(ctx) : 0;

    if (cost == 0) {
        return ngx_http_llm_variable_number(r, v, 0);
    }

    p = ngx_pnalloc(r->pool, NGX_LLM_PRICE_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_llm_price_text(p, cost) - p;

    ngx_http_llm_variable_text(v, &value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_end_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t           *text;
    ngx_http_llm_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (ctx == NULL) {
        return NGX_OK;
    }

    text = (data == NGX_HTTP_LLM_VAR_ERROR) ? &ctx->error_code
                                            : ngx_llm_finish_name(ctx->finish);

    if (text->len) {
        ngx_http_llm_variable_text(v, text);
    }

    return NGX_OK;
}


/* decoded, a newline between parts, the first 64k bytes */

static ngx_int_t
ngx_http_llm_prompt(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_uint_t last_only, ngx_str_t *value)
{
    ngx_http_llm_prompt_t  prompt;

    ngx_memzero(&prompt, sizeof(ngx_http_llm_prompt_t));

    prompt.pool = r->pool;

    if (ngx_llm_chat_prompt(&ctx->chat, last_only, ngx_http_llm_prompt_size,
                            &prompt)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    prompt.size = ngx_min(prompt.size, NGX_HTTP_LLM_MAX_PROMPT);

    prompt.start = ngx_pnalloc(r->pool, prompt.size + 1);
    if (prompt.start == NULL) {
        return NGX_ERROR;
    }

    prompt.last = prompt.start;
    prompt.parts = 0;

    if (ngx_llm_chat_prompt(&ctx->chat, last_only, ngx_http_llm_prompt_part,
                            &prompt)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    value->data = prompt.start;
    value->len = prompt.last - prompt.start;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_prompt_size(void *data, ngx_str_t *escaped)
{
    ngx_http_llm_prompt_t  *prompt = data;

    /* decoded text is never longer than escaped text */

    prompt->size += (prompt->parts++ ? 1 : 0) + escaped->len;

    return prompt->size < NGX_HTTP_LLM_MAX_PROMPT ? NGX_OK : NGX_DONE;
}


static ngx_int_t
ngx_http_llm_prompt_part(void *data, ngx_str_t *escaped)
{
    ngx_http_llm_prompt_t  *prompt = data;

    u_char     *p, *last, *max;
    size_t      left;
    ngx_str_t   cut, plain;

    left = prompt->start + prompt->size - prompt->last;

    if (prompt->parts++) {
        if (left == 0) {
            return NGX_DONE;
        }

        *prompt->last++ = '\n';
        left--;
    }

    /*
     * Of a long text only what can count is decoded: a byte takes at most
     * the 6 of "\u0041".  It is cut between escapes; the half of a pair of
     * surrogates at the end is beyond what is left.
     */

    cut = *escaped;

    if (cut.len > 6 * left + 12) {
        p = cut.data;
        last = p + cut.len;
        max = p + 6 * left + 12;

        while (p < max) {
            if (*p != '\\') {
                p++;

            } else if (last - p > 5 && p[1] == 'u') {
                p += 6;

            } else {
                p += 2;
            }
        }

        cut.len = ngx_min(p, last) - cut.data;
    }

    plain = ngx_llm_json_plain(prompt->pool, &cut);

    if (plain.data == NULL && cut.len) {
        return NGX_ERROR;
    }

    if (plain.len > left) {
        plain.len = ngx_llm_utf8_cut(&plain, left);
        prompt->last = ngx_cpymem(prompt->last, plain.data, plain.len);
        return NGX_DONE;
    }

    prompt->last = ngx_cpymem(prompt->last, plain.data, plain.len);

    return NGX_OK;
}


static void
ngx_http_llm_variable_text(ngx_http_variable_value_t *v, ngx_str_t *value)
{
    v->len = value->len;
    v->data = value->data;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
}


static ngx_int_t
ngx_http_llm_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int64_t n)
{
    u_char     *p;
    ngx_str_t   value;

    if (n == 0) {
        ngx_str_set(&value, "0");
        ngx_http_llm_variable_text(v, &value);
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "%L", n) - p;

    ngx_http_llm_variable_text(v, &value);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_variables_init(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_llm_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}
