
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What goes to a provider.  Anthropic has no place for many things that an
 * OpenAI request may say, and gives errors for some that it could ignore; what
 * is decided here is in docs/anthropic.md.
 */


#include "ngx_llm_anthropic_request.h"


/*
 * Without a limit from the client or the configuration: what the model can
 * write, up to this.
 */
#define NGX_LLM_ANTHROPIC_MAX_TOKENS   32000


#define NGX_LLM_ANTHROPIC_USER_LEN     256


static ngx_int_t ngx_llm_anthropic_params(ngx_llm_anthropic_request_t *ctx);
static ngx_uint_t ngx_llm_anthropic_extension(
    ngx_llm_anthropic_request_t *ctx, ngx_str_t *name);
static ngx_int_t ngx_llm_anthropic_format(ngx_llm_anthropic_request_t *ctx);


static ngx_int_t ngx_llm_anthropic_write_stop(
    ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_write_sampling(
    ngx_llm_anthropic_request_t *ctx);
static ngx_uint_t ngx_llm_anthropic_temperature(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_json_t *node);
static ngx_int_t ngx_llm_anthropic_write_metadata(
    ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_user_private(
    ngx_llm_anthropic_request_t *ctx, ngx_str_t *user);
static ngx_int_t ngx_llm_anthropic_write_service_tier(
    ngx_llm_anthropic_request_t *ctx);
static void ngx_llm_anthropic_write_extensions(
    ngx_llm_anthropic_request_t *ctx);


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


ngx_int_t
ngx_llm_anthropic_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    return ngx_llm_anthropic_write_body(chat, target, NULL, out, err);
}


ngx_int_t
ngx_llm_anthropic_write_body(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    const ngx_llm_anthropic_host_t *host, ngx_llm_out_t *out,
    ngx_llm_error_t *err)
{
    ngx_int_t                    rc;
    ngx_llm_anthropic_request_t  ctx;

    ngx_memzero(&ctx, sizeof(ngx_llm_anthropic_request_t));

    ctx.chat = chat;
    ctx.target = target;
    ctx.out = out;
    ctx.err = err;
    ctx.host = host;
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

    if (host) {
        ngx_llm_out_char(out, '{');
        ngx_llm_out_str(out, (ngx_str_t *) &host->head);

    } else {
        ngx_llm_out_lit(out, "{\"model\":");
        ngx_llm_out_json_string(out, &target->model);
    }

    ngx_llm_out_lit(out, ",\"max_tokens\":");
    ngx_llm_out_int(out, ctx.max_tokens);

    if (chat->stream && host == NULL) {
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

    if (ctx.thinking != NGX_LLM_ANTHROPIC_THINKING_UNSET) {
        ngx_llm_out_char(out, ',');
        ngx_llm_anthropic_write_thinking(&ctx, out);
    }

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
    uint64_t          takes;
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

            if (ngx_llm_anthropic_extension(ctx, &node[i]->key)) {
                continue;
            }

            /* there is room for all */

            rest = ngx_array_push(chat->unknown);
            *rest = node[i];
        }
    }

    takes = NGX_LLM_ANTHROPIC_TAKES & ~(ctx->host ? ctx->host->lacks : 0);

    rc = ngx_llm_params_check(chat, takes,
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
ngx_llm_anthropic_extension(ngx_llm_anthropic_request_t *ctx, ngx_str_t *name)
{
    char  **p;

    p = ctx->host ? ctx->host->extensions : ngx_llm_anthropic_extensions;

    for ( /* void */ ; *p; p++) {

        if (name->len == ngx_strlen(*p)
            && ngx_memcmp(name->data, *p, name->len) == 0)
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
        && ngx_llm_json_decimal(temperature, &value) == NGX_OK)
    {
        if (fixed || ctx->thinks) {

            if (value != NGX_LLM_JSON_ONE
                && ngx_llm_anthropic_drop(ctx, "temperature") != NGX_OK)
            {
                return NGX_ERROR;
            }

        } else if (value != NGX_LLM_JSON_ONE || top_p == NULL || both) {
            set = value != NGX_LLM_JSON_ONE;

            if (ngx_llm_anthropic_temperature(ctx, temperature)
                && ngx_llm_anthropic_drop(ctx, "temperature") != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (top_p != NULL && ngx_llm_json_decimal(top_p, &value) == NGX_OK) {

        if (fixed || (set && !both)
            || (ctx->thinks && value < NGX_LLM_JSON_ONE / 100 * 95))
        {
            if (value != NGX_LLM_JSON_ONE
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

    if (ngx_llm_json_decimal(node, &value) == NGX_OK
        && value > NGX_LLM_JSON_ONE)
    {
        ngx_llm_out_char(ctx->out, '1');
        return 1;
    }

    ngx_llm_out_str(ctx->out, &node->raw);

    return 0;
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

    node = ngx_llm_anthropic_param(ctx, NGX_LLM_PARAM_SERVICE_TIER);

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

    mark = ngx_llm_anthropic_param(ctx, NGX_LLM_PARAM_CACHE_CONTROL);

    ngx_llm_anthropic_write_mark(ctx, mark, NULL);

    if (ctx->chat->unknown == NULL) {
        return;
    }

    node = ctx->chat->unknown->elts;

    for (i = 0; i < ctx->chat->unknown->nelts; i++) {

        if (node[i] == ctx->output_config
            || !ngx_llm_anthropic_extension(ctx, &node[i]->key))
        {
            continue;
        }

        ngx_llm_out_char(ctx->out, ',');
        ngx_llm_out_json_string(ctx->out, &node[i]->key);
        ngx_llm_out_char(ctx->out, ':');
        ngx_llm_out_str(ctx->out, &node[i]->raw);
    }
}


ngx_llm_json_t *
ngx_llm_anthropic_param(ngx_llm_anthropic_request_t *ctx, ngx_uint_t param)
{
    if (ctx->host && (ctx->host->lacks & ngx_llm_param_bit(param))) {
        return NULL;
    }

    return ctx->chat->param[param];
}


ngx_int_t
ngx_llm_anthropic_drop(ngx_llm_anthropic_request_t *ctx, char *name)
{
    return ngx_llm_params_drop(ctx->chat, name);
}


ngx_uint_t
ngx_llm_anthropic_drops(ngx_llm_anthropic_request_t *ctx, ngx_uint_t param)
{
    return (ctx->target->drop & ngx_llm_param_bit(param)) != 0;
}
