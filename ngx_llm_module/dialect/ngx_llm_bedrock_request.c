
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What goes to Converse.
 */


#include "ngx_llm_bedrock_request.h"


#define NGX_LLM_BEDROCK_MAX_STOP   2500
#define NGX_LLM_BEDROCK_MAX_PAIRS  16
#define NGX_LLM_BEDROCK_MAX_PAIR   256


typedef ngx_int_t (*ngx_llm_bedrock_step_pt)(ngx_llm_bedrock_request_t *ctx);


static ngx_int_t ngx_llm_bedrock_params(ngx_llm_bedrock_request_t *ctx);
static ngx_int_t ngx_llm_bedrock_format(ngx_llm_bedrock_request_t *ctx);

static ngx_int_t ngx_llm_bedrock_write_inference(
    ngx_llm_bedrock_request_t *ctx);
static ngx_int_t ngx_llm_bedrock_write_sampling(
    ngx_llm_bedrock_request_t *ctx);
static ngx_int_t ngx_llm_bedrock_write_stop(ngx_llm_bedrock_request_t *ctx);
static ngx_int_t ngx_llm_bedrock_write_output(ngx_llm_bedrock_request_t *ctx);
static ngx_int_t ngx_llm_bedrock_write_additional(
    ngx_llm_bedrock_request_t *ctx);
static ngx_int_t ngx_llm_bedrock_write_named(
    ngx_llm_bedrock_request_t *ctx);
static ngx_uint_t ngx_llm_bedrock_given(ngx_llm_json_t *object, char *name);
static ngx_int_t ngx_llm_bedrock_write_metadata(
    ngx_llm_bedrock_request_t *ctx);
static ngx_int_t ngx_llm_bedrock_write_pair(ngx_llm_bedrock_request_t *ctx,
    ngx_str_t *key, ngx_str_t *value, ngx_uint_t *n);
static ngx_uint_t ngx_llm_bedrock_pair_ok(ngx_str_t *plain);
static ngx_int_t ngx_llm_bedrock_write_tier(ngx_llm_bedrock_request_t *ctx);
static void ngx_llm_bedrock_write_extensions(ngx_llm_bedrock_request_t *ctx);


#define NGX_LLM_BEDROCK_TAKES                                                \
    (ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_P)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_USER)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_METADATA)                              \
     |ngx_llm_param_bit(NGX_LLM_PARAM_SERVICE_TIER)                          \
     |ngx_llm_param_bit(NGX_LLM_PARAM_REASONING_EFFORT)                      \
     |ngx_llm_param_bit(NGX_LLM_PARAM_THINKING)                              \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOL_CHOICE)                           \
     |ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT))


/* members of the service's own that a client may add */

static char  *ngx_llm_bedrock_members[] = {
    "additionalModelRequestFields",
    "guardrailConfig",
    "performanceConfig",
    "requestMetadata",
    NULL
};


ngx_int_t
ngx_llm_bedrock_write_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    size_t                     i;
    ngx_int_t                  rc;
    ngx_llm_bedrock_step_pt   *steps;
    ngx_llm_bedrock_request_t  ctx;

    static ngx_llm_bedrock_step_pt  all[] = {
        ngx_llm_bedrock_params,
        ngx_llm_bedrock_format,
        ngx_llm_bedrock_tools,
        ngx_llm_bedrock_thinking,
        ngx_llm_bedrock_write_messages,
        ngx_llm_bedrock_write_system,
        ngx_llm_bedrock_write_inference,
        ngx_llm_bedrock_write_tools,
        ngx_llm_bedrock_write_output,
        ngx_llm_bedrock_write_additional,
        ngx_llm_bedrock_write_metadata,
        ngx_llm_bedrock_write_tier,
        NULL
    };

    static ngx_llm_bedrock_step_pt  counted[] = {
        ngx_llm_bedrock_params,
        ngx_llm_bedrock_format,
        ngx_llm_bedrock_tools,
        ngx_llm_bedrock_thinking,
        ngx_llm_bedrock_write_messages,
        ngx_llm_bedrock_write_system,
        ngx_llm_bedrock_write_tools,
        ngx_llm_bedrock_write_additional,
        NULL
    };

    ngx_memzero(&ctx, sizeof(ngx_llm_bedrock_request_t));

    ctx.chat = chat;
    ctx.target = target;
    ctx.out = out;
    ctx.err = err;

    ngx_llm_bedrock_name(&target->model, &ctx.name);

    if (ctx.name.invoke) {
        return chat->count
               ? ngx_llm_bedrock_count_invoke(chat, target, &ctx.name, out,
                                              err)
               : ngx_llm_bedrock_write_invoke(chat, target, &ctx.name, out,
                                              err);
    }

    ctx.flags = ngx_llm_bedrock_model(&ctx.name.family);

    if (ngx_array_init(&ctx.names, chat->pool, 4, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_bedrock_prepare(&ctx);

    steps = all;

    if (chat->count) {
        steps = counted;
        ngx_llm_out_lit(out, "{\"input\":{\"converse\":");
    }

    for (i = 0; steps[i]; i++) {

        rc = steps[i](&ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (chat->count) {
        ngx_llm_out_lit(out, "}}}");

    } else {
        ngx_llm_bedrock_write_extensions(&ctx);
        ngx_llm_out_char(out, '}');
    }

    return out->failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_params(ngx_llm_bedrock_request_t *ctx)
{
    uint64_t         takes;
    ngx_int_t        rc;
    ngx_array_t     *unknown;
    ngx_llm_chat_t  *chat;

    chat = ctx->chat;
    takes = NGX_LLM_BEDROCK_TAKES;

    if (ctx->flags & (NGX_LLM_BEDROCK_CLAUDE|NGX_LLM_BEDROCK_NOVA)) {
        takes |= ngx_llm_param_bit(NGX_LLM_PARAM_TOP_K);
    }

    if (ctx->flags & NGX_LLM_BEDROCK_NOVA) {
        takes |= ngx_llm_param_bit(NGX_LLM_PARAM_WEB_SEARCH_OPTIONS);
    }

    if (ctx->flags & NGX_LLM_BEDROCK_STOP) {
        takes |= ngx_llm_param_bit(NGX_LLM_PARAM_STOP);
    }

    if (chat->legacy_functions) {

        /* its answer has room for one call, the first */

        takes |= ngx_llm_param_bit(NGX_LLM_PARAM_PARALLEL_TOOL_CALLS);
    }

    chat->dropped = NULL;
    unknown = chat->unknown;

    /* what is passed on must not be named as dropped */

    if (ngx_llm_bedrock_hide(chat, ngx_llm_bedrock_members) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_llm_params_check(chat, takes, ctx->target->drop,
                              &ctx->target->provider, ctx->err);

    chat->unknown = unknown;

    return rc;
}


ngx_int_t
ngx_llm_bedrock_hide(ngx_llm_chat_t *chat, char **members)
{
    ngx_uint_t        i;
    ngx_array_t      *rest;
    ngx_llm_json_t  **node, **p;

    if (chat->unknown == NULL) {
        return NGX_OK;
    }

    rest = ngx_array_create(chat->pool, chat->unknown->nelts + 1,
                            sizeof(ngx_llm_json_t *));
    if (rest == NULL) {
        return NGX_ERROR;
    }

    node = chat->unknown->elts;

    for (i = 0; i < chat->unknown->nelts; i++) {

        if (node[i]->type == NGX_LLM_JSON_OBJECT
            && ngx_llm_bedrock_listed(&node[i]->key, members))
        {
            continue;
        }

        /* there is room for all */

        p = ngx_array_push(rest);
        *p = node[i];
    }

    chat->unknown = rest;

    return NGX_OK;
}


ngx_uint_t
ngx_llm_bedrock_listed(ngx_str_t *name, char **list)
{
    for ( /* void */ ; *list; list++) {

        if (name->len == ngx_strlen(*list)
            && ngx_memcmp(name->data, *list, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_llm_json_t *
ngx_llm_bedrock_extension(ngx_llm_chat_t *chat, char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_llm_json_t  **node;

    if (chat->unknown == NULL) {
        return NULL;
    }

    len = ngx_strlen(name);
    node = chat->unknown->elts;

    for (i = 0; i < chat->unknown->nelts; i++) {

        if (node[i]->type == NGX_LLM_JSON_OBJECT
            && node[i]->key.len == len
            && ngx_memcmp(node[i]->key.data, name, len) == 0)
        {
            return node[i];
        }
    }

    return NULL;
}


/* how an answer in JSON is had: a schema, a tool in its place, words */

static ngx_int_t
ngx_llm_bedrock_format(ngx_llm_bedrock_request_t *ctx)
{
    ngx_llm_chat_t  *chat;

    chat = ctx->chat;

    if (chat->format == NGX_LLM_FORMAT_TEXT) {
        return NGX_OK;
    }

    if (chat->format == NGX_LLM_FORMAT_JSON || chat->schema.len == 0) {
        ctx->json_text = 1;
        return NGX_OK;
    }

    if (ctx->flags & NGX_LLM_BEDROCK_SCHEMA) {
        return NGX_OK;
    }

    if (ctx->flags & (NGX_LLM_BEDROCK_ANY|NGX_LLM_BEDROCK_TOOL)) {
        ctx->json_tool = 1;
        return NGX_OK;
    }

    if (!ngx_llm_bedrock_drops(ctx, NGX_LLM_PARAM_RESPONSE_FORMAT)) {
        return ngx_llm_bedrock_refuse(ctx, "response_format",
                                      "a schema in \"response_format\" for "
                                      "this model");
    }

    ctx->json_text = 1;

    return ngx_llm_bedrock_drop(ctx, "response_format");
}


static ngx_int_t
ngx_llm_bedrock_write_inference(ngx_llm_bedrock_request_t *ctx)
{
    ngx_int_t  rc;

    static char  *object = "inferenceConfig";

    ctx->members = 0;

    if (ctx->chat->max_tokens >= 0) {

        if ((ctx->flags & NGX_LLM_BEDROCK_NOVA_2)
            && ctx->effort == NGX_LLM_BEDROCK_EFFORT_HIGH)
        {
            /* with this effort the model sets its own limit */

            if (ngx_llm_bedrock_drop(ctx, "max_tokens") != NGX_OK) {
                return NGX_ERROR;
            }

        } else {
            ngx_llm_bedrock_member(ctx, object, "maxTokens");
            ngx_llm_out_int(ctx->out, ngx_max(ctx->chat->max_tokens, 1));
        }
    }

    rc = ngx_llm_bedrock_write_sampling(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_bedrock_write_stop(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_bedrock_close(ctx);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_write_sampling(ngx_llm_bedrock_request_t *ctx)
{
    int64_t          value;
    ngx_uint_t       both, fixed;
    ngx_llm_json_t  *temperature, *top_p, **param;

    param = ctx->chat->param;
    temperature = param[NGX_LLM_PARAM_TEMPERATURE];
    top_p = param[NGX_LLM_PARAM_TOP_P];

    fixed = 0;
    both = 1;

    if (ctx->flags & NGX_LLM_BEDROCK_CLAUDE) {
        fixed = ctx->claude.thinks
                || !(ctx->claude.model->flags & NGX_LLM_ANTHROPIC_SAMPLING);
        both = (ctx->claude.model->flags & NGX_LLM_ANTHROPIC_BOTH) != 0;

    } else if ((ctx->flags & NGX_LLM_BEDROCK_NOVA_2)
               && ctx->effort == NGX_LLM_BEDROCK_EFFORT_HIGH)
    {
        fixed = 1;
    }

    if (temperature != NULL
        && ngx_llm_json_decimal(temperature, &value) == NGX_OK)
    {
        if (fixed) {

            if (value != NGX_LLM_JSON_ONE
                && ngx_llm_bedrock_drop(ctx, "temperature") != NGX_OK)
            {
                return NGX_ERROR;
            }

        } else {
            ngx_llm_bedrock_member(ctx, "inferenceConfig", "temperature");

            if (value > NGX_LLM_JSON_ONE) {
                ngx_llm_out_char(ctx->out, '1');

                if (ngx_llm_bedrock_drop(ctx, "temperature") != NGX_OK) {
                    return NGX_ERROR;
                }

            } else {
                ngx_llm_out_str(ctx->out, &temperature->raw);
            }

            if (!both) {
                fixed = 1;
            }
        }
    }

    if (top_p == NULL
        || ngx_llm_json_decimal(top_p, &value) != NGX_OK)
    {
        return NGX_OK;
    }

    if (fixed) {
        return (value == NGX_LLM_JSON_ONE)
               ? NGX_OK : ngx_llm_bedrock_drop(ctx, "top_p");
    }

    ngx_llm_bedrock_member(ctx, "inferenceConfig", "topP");
    ngx_llm_out_str(ctx->out, &top_p->raw);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_write_stop(ngx_llm_bedrock_request_t *ctx)
{
    ngx_str_t   *stop;
    ngx_uint_t   i, n;

    if (ctx->chat->stop == NULL || !(ctx->flags & NGX_LLM_BEDROCK_STOP)) {
        return NGX_OK;
    }

    n = 0;
    stop = ctx->chat->stop->elts;

    for (i = 0; i < ctx->chat->stop->nelts; i++) {

        if (stop[i].len == 0) {
            continue;
        }

        if (n == NGX_LLM_BEDROCK_MAX_STOP) {
            return ngx_llm_bedrock_refuse(ctx, "stop",
                                          "more than 2500 stop sequences");
        }

        if (n++ == 0) {
            ngx_llm_bedrock_member(ctx, "inferenceConfig", "stopSequences");
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


/* the schema travels as a text in a string */

static ngx_int_t
ngx_llm_bedrock_write_output(ngx_llm_bedrock_request_t *ctx)
{
    ngx_str_t        text;
    ngx_uint_t       stripped;
    ngx_llm_out_t    schema;
    ngx_llm_chat_t  *chat;
    ngx_llm_json_t  *node;

    chat = ctx->chat;
    ctx->members = 0;
    stripped = 0;

    if (chat->format == NGX_LLM_FORMAT_SCHEMA && !ctx->json_tool
        && !ctx->json_text)
    {
        text = chat->schema;

        if (ctx->flags & NGX_LLM_BEDROCK_CLAUDE) {

            node = ngx_llm_json_parse(chat->pool, &chat->schema, NULL);
            if (node == NULL) {
                return NGX_ERROR;
            }

            ngx_llm_out_init(&schema, chat->pool, NULL, 0,
                             text.len * 8 + 1024);

            ngx_llm_anthropic_write_schema(node, &stripped, &schema);

            if (schema.failed) {
                return NGX_ERROR;
            }

            text.data = schema.start;
            text.len = ngx_llm_out_len(&schema);
        }

        ngx_llm_bedrock_member(ctx, "outputConfig", "textFormat");
        ngx_llm_out_lit(ctx->out, "{\"type\":\"json_schema\",\"structure\":"
                                  "{\"jsonSchema\":{\"schema\":");
        ngx_llm_out_json_string(ctx->out, &text);

        if (chat->schema_name.len) {
            ngx_llm_out_lit(ctx->out, ",\"name\":");
            ngx_llm_out_quoted(ctx->out, &chat->schema_name);
        }

        ngx_llm_out_lit(ctx->out, "}}}");
    }

    if (ctx->claude.effort.len) {
        ngx_llm_bedrock_member(ctx, "outputConfig", "effort");
        ngx_llm_out_quoted(ctx->out, &ctx->claude.effort);
    }

    ngx_llm_bedrock_close(ctx);

    return stripped ? ngx_llm_bedrock_drop(ctx, "response_format") : NGX_OK;
}


/* what only the model knows; the client's own members win */

static ngx_int_t
ngx_llm_bedrock_write_additional(ngx_llm_bedrock_request_t *ctx)
{
    ngx_llm_json_t  *given, *m, *top_k;

    static char  *object = "additionalModelRequestFields";

    ctx->members = 0;

    given = ngx_llm_bedrock_extension(ctx->chat, object);
    top_k = ctx->chat->param[NGX_LLM_PARAM_TOP_K];

    for (m = given ? given->child : NULL; m; m = m->next) {
        ngx_llm_bedrock_member(ctx, object, NULL);
        ngx_llm_out_json_string(ctx->out, &m->key);
        ngx_llm_out_char(ctx->out, ':');
        ngx_llm_out_str(ctx->out, &m->raw);
    }

    if (top_k != NULL && (ctx->flags & NGX_LLM_BEDROCK_CLAUDE)
        && !ngx_llm_bedrock_given(given, "top_k"))
    {
        if (ctx->claude.thinks
            || !(ctx->claude.model->flags & NGX_LLM_ANTHROPIC_SAMPLING))
        {
            if (ngx_llm_bedrock_drop(ctx, "top_k") != NGX_OK) {
                return NGX_ERROR;
            }

        } else {
            ngx_llm_bedrock_member(ctx, object, "top_k");
            ngx_llm_out_str(ctx->out, &top_k->raw);
        }
    }

    if (top_k != NULL && (ctx->flags & NGX_LLM_BEDROCK_NOVA)
        && !ngx_llm_bedrock_given(given, "inferenceConfig"))
    {
        ngx_llm_bedrock_member(ctx, object, "inferenceConfig");
        ngx_llm_out_lit(ctx->out, "{\"topK\":");
        ngx_llm_out_str(ctx->out, &top_k->raw);
        ngx_llm_out_char(ctx->out, '}');
    }

    if (!ngx_llm_bedrock_given(given, "thinking")
        && !ngx_llm_bedrock_given(given, "reasoningConfig")
        && !ngx_llm_bedrock_given(given, "reasoning_config")
        && !ngx_llm_bedrock_given(given, "reasoning_effort"))
    {
        ngx_llm_bedrock_write_thinking(ctx);
    }

    if ((ctx->flags & NGX_LLM_BEDROCK_CLAUDE)
        && !ngx_llm_bedrock_given(given, "anthropic_beta")
        && ngx_llm_bedrock_write_named(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_bedrock_close(ctx);

    if ((ctx->flags & NGX_LLM_BEDROCK_CLAUDE) && !ctx->chat->count) {

        /* which of its stop sequences was it */

        ngx_llm_out_lit(ctx->out, ",\"additionalModelResponseFieldPaths\":"
                                  "[\"/stop_sequence\"]");
    }

    return NGX_OK;
}


/* what a client of Anthropic's named in a header */

static ngx_int_t
ngx_llm_bedrock_write_named(ngx_llm_bedrock_request_t *ctx)
{
    ngx_llm_bedrock_betas_t  betas;

    if (ctx->target->beta.len == 0) {
        return NGX_OK;
    }

    if (ngx_llm_bedrock_betas(ctx->chat, ctx->target, &ctx->name, &betas)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (betas.list.nelts) {
        ngx_llm_bedrock_member(ctx, "additionalModelRequestFields",
                               "anthropic_beta");
        ngx_llm_bedrock_write_betas(&betas, ctx->out);
    }

    return betas.dropped ? ngx_llm_bedrock_drop(ctx, "anthropic-beta")
                         : NGX_OK;
}


static ngx_uint_t
ngx_llm_bedrock_given(ngx_llm_json_t *object, char *name)
{
    return ngx_llm_json_get(object, name) != NULL;
}


/* pairs for the account's own log of invocations */

static ngx_int_t
ngx_llm_bedrock_write_metadata(ngx_llm_bedrock_request_t *ctx)
{
    ngx_int_t        rc;
    ngx_str_t        key, value;
    ngx_uint_t       n;
    ngx_llm_json_t  *m, *metadata;

    n = 0;

    metadata = ngx_llm_bedrock_extension(ctx->chat, "requestMetadata");

    if (metadata == NULL) {
        metadata = ctx->chat->param[NGX_LLM_PARAM_METADATA];
    }

    if (metadata != NULL && metadata->type != NGX_LLM_JSON_OBJECT) {
        metadata = NULL;
    }

    for (m = metadata ? metadata->child : NULL; m; m = m->next) {

        rc = NGX_DECLINED;

        if (m->type == NGX_LLM_JSON_STRING) {
            value = ngx_llm_json_text(m);
            rc = ngx_llm_bedrock_write_pair(ctx, &m->key, &value, &n);
        }

        if (rc == NGX_ERROR
            || (rc == NGX_DECLINED
                && ngx_llm_bedrock_drop(ctx, "metadata") != NGX_OK))
        {
            return NGX_ERROR;
        }
    }

    if (ctx->chat->user.len && !ngx_llm_bedrock_given(metadata, "user")) {

        ngx_str_set(&key, "user");

        rc = ngx_llm_bedrock_write_pair(ctx, &key, &ctx->chat->user, &n);

        if (rc == NGX_ERROR
            || (rc == NGX_DECLINED
                && ngx_llm_bedrock_drop(ctx, "user") != NGX_OK))
        {
            return NGX_ERROR;
        }
    }

    if (n) {
        ngx_llm_out_char(ctx->out, '}');
    }

    return NGX_OK;
}


/* key: plain; value: escaped; NGX_DECLINED: it is not taken */

static ngx_int_t
ngx_llm_bedrock_write_pair(ngx_llm_bedrock_request_t *ctx, ngx_str_t *key,
    ngx_str_t *value, ngx_uint_t *n)
{
    ngx_str_t  plain;

    plain = ngx_llm_json_plain(ctx->chat->pool, value);
    if (plain.data == NULL) {
        return NGX_ERROR;
    }

    if (*n == NGX_LLM_BEDROCK_MAX_PAIRS || key->len == 0
        || !ngx_llm_bedrock_pair_ok(key) || !ngx_llm_bedrock_pair_ok(&plain))
    {
        return NGX_DECLINED;
    }

    if (*n) {
        ngx_llm_out_char(ctx->out, ',');

    } else {
        ngx_llm_out_lit(ctx->out, ",\"requestMetadata\":{");
    }

    *n += 1;

    ngx_llm_out_json_string(ctx->out, key);
    ngx_llm_out_char(ctx->out, ':');
    ngx_llm_out_json_string(ctx->out, &plain);

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_bedrock_pair_ok(ngx_str_t *plain)
{
    size_t  i;
    u_char  c;

    if (plain->len > NGX_LLM_BEDROCK_MAX_PAIR) {
        return 0;
    }

    for (i = 0; i < plain->len; i++) {
        c = plain->data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9'))
        {
            continue;
        }

        if (c == '\0' || ngx_strchr(" :_@$#=/+,-.", c) == NULL) {
            return 0;
        }
    }

    return 1;
}


char *
ngx_llm_bedrock_tier(ngx_llm_chat_t *chat, ngx_uint_t *known)
{
    size_t           i;
    ngx_str_t        tier;
    ngx_llm_json_t  *node;

    static struct {
        char  *name;
        char  *tier;
    } tiers[] = {
        { "auto", NULL },
        { "default", NULL },
        { "standard_only", NULL },
        { "priority", "priority" },
        { "fast", "priority" },
        { "flex", "flex" },
        { "reserved", "reserved" },
        { NULL, NULL }
    };

    *known = 1;

    node = chat->param[NGX_LLM_PARAM_SERVICE_TIER];

    if (node == NULL) {
        return NULL;
    }

    ngx_str_null(&tier);

    if (node->type == NGX_LLM_JSON_STRING) {
        tier = ngx_llm_json_text(node);
    }

    for (i = 0; tiers[i].name; i++) {

        if (ngx_llm_json_is(&tier, tiers[i].name)) {
            return tiers[i].tier;
        }
    }

    *known = 0;

    return NULL;
}


static ngx_int_t
ngx_llm_bedrock_write_tier(ngx_llm_bedrock_request_t *ctx)
{
    char        *tier;
    ngx_uint_t   known;

    tier = ngx_llm_bedrock_tier(ctx->chat, &known);

    if (!known) {
        return ngx_llm_bedrock_drop(ctx, "service_tier");
    }

    if (tier != NULL) {
        ngx_llm_out_lit(ctx->out, ",\"serviceTier\":{\"type\":\"");
        ngx_llm_out_data(ctx->out, (u_char *) tier, ngx_strlen(tier));
        ngx_llm_out_lit(ctx->out, "\"}");
    }

    return NGX_OK;
}


static void
ngx_llm_bedrock_write_extensions(ngx_llm_bedrock_request_t *ctx)
{
    char           **name;
    ngx_str_t        latency, value;
    ngx_llm_json_t  *node;

    static char  *names[] = {
        "guardrailIdentifier", "guardrailVersion", "trace",
        "streamProcessingMode", NULL
    };

    ctx->members = 0;

    node = ngx_llm_bedrock_extension(ctx->chat, "guardrailConfig");

    for (name = names; node != NULL && *name; name++) {

        value = ngx_llm_json_str(node, *name);

        /* the last of them is known to streams alone */

        if (value.data == NULL || (name[1] == NULL && !ctx->chat->stream)) {
            continue;
        }

        ngx_llm_bedrock_member(ctx, "guardrailConfig", *name);
        ngx_llm_out_quoted(ctx->out, &value);
    }

    ngx_llm_bedrock_close(ctx);

    node = ngx_llm_bedrock_extension(ctx->chat, "performanceConfig");
    latency = ngx_llm_json_str(node, "latency");

    if (latency.data != NULL) {
        ngx_llm_out_lit(ctx->out, ",\"performanceConfig\":{\"latency\":");
        ngx_llm_out_quoted(ctx->out, &latency);
        ngx_llm_out_char(ctx->out, '}');
    }
}


void
ngx_llm_bedrock_member(ngx_llm_bedrock_request_t *ctx, char *object,
    char *name)
{
    if (ctx->members) {
        ngx_llm_out_char(ctx->out, ',');

    } else {
        ngx_llm_out_lit(ctx->out, ",\"");
        ngx_llm_out_data(ctx->out, (u_char *) object, ngx_strlen(object));
        ngx_llm_out_lit(ctx->out, "\":{");
    }

    ctx->members = 1;

    if (name != NULL) {
        ngx_llm_out_char(ctx->out, '"');
        ngx_llm_out_data(ctx->out, (u_char *) name, ngx_strlen(name));
        ngx_llm_out_lit(ctx->out, "\":");
    }
}


void
ngx_llm_bedrock_close(ngx_llm_bedrock_request_t *ctx)
{
    if (ctx->members) {
        ngx_llm_out_char(ctx->out, '}');
    }

    ctx->members = 0;
}


ngx_int_t
ngx_llm_bedrock_refuse(ngx_llm_bedrock_request_t *ctx, char *param,
    char *what)
{
    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", "unsupported_parameter",
                         param, "provider \"%V\" cannot take %s",
                         &ctx->target->provider, what);
}


ngx_int_t
ngx_llm_bedrock_drop(ngx_llm_bedrock_request_t *ctx, char *name)
{
    return ngx_llm_params_drop(ctx->chat, name);
}


ngx_uint_t
ngx_llm_bedrock_drops(ngx_llm_bedrock_request_t *ctx, ngx_uint_t param)
{
    return (ctx->target->drop & ngx_llm_param_bit(param)) != 0;
}
