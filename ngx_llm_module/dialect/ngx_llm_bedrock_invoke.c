
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Claude by InvokeModel.  A request that came in Anthropic's own form goes on
 * as it is, but for what Bedrock's Claude does not know; any other is written
 * as for Anthropic.
 */


#include "ngx_llm_bedrock.h"


#define NGX_LLM_BEDROCK_MAX_HEADER   2048


typedef struct {
    ngx_llm_chat_t          *chat;
    ngx_llm_target_t        *target;
    ngx_llm_bedrock_name_t  *name;
    ngx_llm_out_t           *out;
    ngx_llm_error_t         *err;
    ngx_llm_bedrock_betas_t  betas;
} ngx_llm_bedrock_invoke_t;


typedef struct {
    char       *object;
    char       *member;
    char       *header;
    unsigned    upper:1;
} ngx_llm_bedrock_header_t;


static ngx_uint_t ngx_llm_bedrock_has_beta(ngx_llm_bedrock_invoke_t *ctx,
    char *prefix);
static ngx_int_t ngx_llm_bedrock_write_claude(ngx_llm_bedrock_invoke_t *ctx,
    ngx_str_t *version);
static ngx_int_t ngx_llm_bedrock_write_raw(ngx_llm_bedrock_invoke_t *ctx,
    ngx_str_t *version);
static ngx_int_t ngx_llm_bedrock_read_edited(ngx_llm_bedrock_invoke_t *ctx,
    ngx_llm_json_t **root);
static int64_t ngx_llm_bedrock_budget(ngx_llm_chat_t *chat);
static ngx_int_t ngx_llm_bedrock_write_raw_tools(
    ngx_llm_bedrock_invoke_t *ctx, ngx_llm_json_t *tools);
static void ngx_llm_bedrock_write_raw_tool(ngx_llm_bedrock_invoke_t *ctx,
    ngx_llm_json_t *tool);
static ngx_uint_t ngx_llm_bedrock_lacks_tool(ngx_llm_json_t *tool);
static void ngx_llm_bedrock_write_member(ngx_llm_out_t *out,
    ngx_llm_json_t *m);
static ngx_int_t ngx_llm_bedrock_check_headers(
    ngx_llm_bedrock_invoke_t *ctx);
static void ngx_llm_bedrock_upper(u_char *p, size_t n);


/* what Converse has in the body */

static ngx_llm_bedrock_header_t  ngx_llm_bedrock_headers[] = {
    { "guardrailConfig", "guardrailIdentifier",
      "X-Amzn-Bedrock-GuardrailIdentifier", 0 },
    { "guardrailConfig", "guardrailVersion",
      "X-Amzn-Bedrock-GuardrailVersion", 0 },
    { "guardrailConfig", "trace", "X-Amzn-Bedrock-Trace", 1 },
    { "performanceConfig", "latency",
      "X-Amzn-Bedrock-PerformanceConfig-Latency", 0 },
    { NULL, NULL, NULL, 0 }
};


static char  *ngx_llm_bedrock_header_members[] = {
    "guardrailConfig",
    "performanceConfig",
    NULL
};


/* members that are not passed on; some stand elsewhere */

static char  *ngx_llm_bedrock_stripped[] = {
    "model",
    "stream",
    "anthropic_version",
    "anthropic_beta",
    "service_tier",
    "cache_control",
    "container",
    "fallbacks",
    "guardrailConfig",
    "inference_geo",
    "mcp_servers",
    "performanceConfig",
    "speed",
    NULL
};


/* members that a client of another dialect may add */

static char  *ngx_llm_bedrock_claude_members[] = {
    "output_config",
    NULL
};


ngx_int_t
ngx_llm_bedrock_write_invoke(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_bedrock_name_t *name, ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t                 rc;
    ngx_str_t                 version;
    ngx_llm_bedrock_invoke_t  ctx;

    ngx_memzero(&ctx, sizeof(ngx_llm_bedrock_invoke_t));

    ctx.chat = chat;
    ctx.target = target;
    ctx.name = name;
    ctx.out = out;
    ctx.err = err;

    if (ngx_llm_bedrock_betas(chat, target, name, &ctx.betas) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_llm_bedrock_check_headers(&ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_set(&version, NGX_LLM_BEDROCK_VERSION);

    if (target->api_version.len) {
        version = target->api_version;
    }

    if (chat->dialect == &ngx_llm_anthropic) {
        rc = ngx_llm_bedrock_write_raw(&ctx, &version);

    } else {
        rc = ngx_llm_bedrock_write_claude(&ctx, &version);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx.betas.list.nelts) {
        ngx_llm_out_lit(out, ",\"anthropic_beta\":");
        ngx_llm_bedrock_write_betas(&ctx.betas, out);
    }

    ngx_llm_out_char(out, '}');

    if (out->failed) {
        return NGX_ERROR;
    }

    return ctx.betas.dropped ? ngx_llm_params_drop(chat, "anthropic-beta")
                             : NGX_OK;
}


static ngx_uint_t
ngx_llm_bedrock_has_beta(ngx_llm_bedrock_invoke_t *ctx, char *prefix)
{
    ngx_str_t   *beta;
    ngx_uint_t   i;

    beta = ctx->betas.list.elts;

    for (i = 0; i < ctx->betas.list.nelts; i++) {

        if (beta[i].len >= ngx_strlen(prefix)
            && ngx_memcmp(beta[i].data, prefix, ngx_strlen(prefix)) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* without the closing brace */

static ngx_int_t
ngx_llm_bedrock_write_claude(ngx_llm_bedrock_invoke_t *ctx,
    ngx_str_t *version)
{
    ngx_int_t                 rc;
    ngx_uint_t                known;
    ngx_array_t              *unknown;
    ngx_llm_out_t             head;
    ngx_llm_chat_t           *chat;
    ngx_llm_json_t           *asked, **tier;
    ngx_llm_target_t          target;
    ngx_llm_anthropic_host_t  host;

    ngx_memzero(&host, sizeof(ngx_llm_anthropic_host_t));

    ngx_llm_out_init(&head, ctx->chat->pool, NULL, 0,
                     version->len * 6 + 64);

    ngx_llm_out_lit(&head, "\"anthropic_version\":");
    ngx_llm_out_json_string(&head, version);

    if (head.failed) {
        return NGX_ERROR;
    }

    host.head.data = head.start;
    host.head.len = ngx_llm_out_len(&head);
    host.extensions = ngx_llm_bedrock_claude_members;
    host.inlined = 1;
    host.lacks = ngx_llm_param_bit(NGX_LLM_PARAM_CACHE_CONTROL)
                 |ngx_llm_param_bit(NGX_LLM_PARAM_WEB_SEARCH_OPTIONS);

    target = *ctx->target;
    target.model = ctx->name->family;
    ngx_str_null(&target.beta);

    /* what stands in headers is neither written nor missed */

    chat = ctx->chat;
    unknown = chat->unknown;
    tier = &chat->param[NGX_LLM_PARAM_SERVICE_TIER];
    asked = *tier;

    (void) ngx_llm_bedrock_tier(chat, &known);

    rc = ngx_llm_bedrock_hide(chat, ngx_llm_bedrock_header_members);

    if (rc == NGX_OK) {
        *tier = NULL;

        rc = ngx_llm_anthropic_write_body(chat, &target, &host, ctx->out,
                                          ctx->err);
    }

    *tier = asked;
    chat->unknown = unknown;

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->out->last--;

    return known ? NGX_OK : ngx_llm_params_drop(ctx->chat, "service_tier");
}


static ngx_int_t
ngx_llm_bedrock_write_raw(ngx_llm_bedrock_invoke_t *ctx, ngx_str_t *version)
{
    ngx_int_t        rc;
    ngx_uint_t       known;
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *m, *root;

    static char  *silent[] = {
        "model", "stream", "anthropic_version", "anthropic_beta",
        "service_tier", "guardrailConfig", "performanceConfig", NULL
    };

    out = ctx->out;
    ctx->chat->dropped = NULL;

    rc = ngx_llm_bedrock_read_edited(ctx, &root);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_lit(out, "{\"anthropic_version\":");
    ngx_llm_out_json_string(out, version);

    for (m = root->child; m; m = m->next) {

        if (ngx_llm_bedrock_listed(&m->key, ngx_llm_bedrock_stripped)) {

            if (!ngx_llm_bedrock_listed(&m->key, silent)
                && ngx_llm_params_dropped(ctx->chat, &m->key) != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        if (m->key.len == sizeof("context_management") - 1
            && ngx_memcmp(m->key.data, "context_management", m->key.len) == 0
            && !ngx_llm_bedrock_has_beta(ctx, "context-management-"))
        {
            /* without its beta it is not known */

            if (ngx_llm_params_dropped(ctx->chat, &m->key) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        ngx_llm_out_char(out, ',');

        if (m->key.len == sizeof("tools") - 1
            && ngx_memcmp(m->key.data, "tools", m->key.len) == 0
            && m->type == NGX_LLM_JSON_ARRAY)
        {
            rc = ngx_llm_bedrock_write_raw_tools(ctx, m);
            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        ngx_llm_bedrock_write_member(out, m);
    }

    if (ctx->chat->count && ctx->chat->max_tokens < 0) {

        /* a count has no limit, but a body must, above what is for thoughts */

        ngx_llm_out_lit(out, ",\"max_tokens\":");
        ngx_llm_out_int(out, ngx_llm_bedrock_budget(ctx->chat) + 1);
    }

    (void) ngx_llm_bedrock_tier(ctx->chat, &known);

    return known ? NGX_OK : ngx_llm_params_drop(ctx->chat, "service_tier");
}


/* the client's own body with what the target sets and drops */

static ngx_int_t
ngx_llm_bedrock_read_edited(ngx_llm_bedrock_invoke_t *ctx,
    ngx_llm_json_t **root)
{
    ngx_int_t          rc;
    ngx_str_t         *slice, text;
    ngx_uint_t         i;
    ngx_array_t        edits, slices;
    ngx_llm_out_t      out;
    ngx_llm_chat_t    *chat;
    ngx_llm_target_t   target;

    chat = ctx->chat;
    *root = chat->root;

    if (ctx->target->sets == NULL && ctx->target->lacks == 0) {
        return NGX_OK;
    }

    target = *ctx->target;
    target.model = chat->model;

    if (ngx_array_init(&edits, chat->pool, 4, sizeof(ngx_llm_edit_t))
        != NGX_OK
        || ngx_array_init(&slices, chat->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_llm_anthropic_edit_request(chat, &target, &edits, ctx->err);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_llm_edit_apply(&chat->text, &edits, &slices) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_out_init(&out, chat->pool, NULL, 0, ctx->out->max);

    slice = slices.elts;

    for (i = 0; i < slices.nelts; i++) {
        ngx_llm_out_str(&out, &slice[i]);
    }

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    *root = ngx_llm_json_parse(chat->pool, &text, NULL);

    return *root ? NGX_OK : NGX_ERROR;
}


static int64_t
ngx_llm_bedrock_budget(ngx_llm_chat_t *chat)
{
    int64_t  budget;

    budget = ngx_llm_json_count(chat->param[NGX_LLM_PARAM_THINKING],
                                "budget_tokens", 0);

    return ngx_min(budget, NGX_MAX_INT32_VALUE - 1);
}


static ngx_int_t
ngx_llm_bedrock_write_raw_tools(ngx_llm_bedrock_invoke_t *ctx,
    ngx_llm_json_t *tools)
{
    ngx_uint_t       n;
    ngx_llm_json_t  *tool;

    n = 0;

    ngx_llm_out_lit(ctx->out, "\"tools\":[");

    for (tool = tools->child; tool; tool = tool->next) {

        if (ngx_llm_bedrock_lacks_tool(tool)) {

            if (!(ctx->target->drop
                  & ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS)))
            {
                return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                     "invalid_request_error",
                                     "unsupported_parameter", "tools",
                                     "provider \"%V\" cannot take tools of "
                                     "this type", &ctx->target->provider);
            }

            if (ngx_llm_params_drop(ctx->chat, "tools") != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (n++) {
            ngx_llm_out_char(ctx->out, ',');
        }

        ngx_llm_bedrock_write_raw_tool(ctx, tool);
    }

    ngx_llm_out_char(ctx->out, ']');

    return NGX_OK;
}


/* members go together with the beta that they need */

static void
ngx_llm_bedrock_write_raw_tool(ngx_llm_bedrock_invoke_t *ctx,
    ngx_llm_json_t *tool)
{
    char            *list[5];
    ngx_uint_t       i, n;
    ngx_llm_json_t  *m;

    i = 0;

    list[i++] = "eager_input_streaming";

    if (!ngx_llm_bedrock_has_beta(ctx, "tool-search-tool-")) {
        list[i++] = "defer_loading";
    }

    if (!ngx_llm_bedrock_has_beta(ctx, "tool-examples-")) {
        list[i++] = "input_examples";
    }

    if (!(ngx_llm_anthropic_model(&ctx->name->family)->flags
          & NGX_LLM_ANTHROPIC_FORMAT))
    {
        list[i++] = "strict";
    }

    list[i] = NULL;

    for (m = tool->type == NGX_LLM_JSON_OBJECT ? tool->child : NULL;
         m;
         m = m->next)
    {
        if (ngx_llm_bedrock_listed(&m->key, list)) {
            break;
        }
    }

    if (m == NULL) {
        ngx_llm_out_str(ctx->out, &tool->raw);
        return;
    }

    n = 0;

    ngx_llm_out_char(ctx->out, '{');

    for (m = tool->child; m; m = m->next) {

        if (ngx_llm_bedrock_listed(&m->key, list)) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(ctx->out, ',');
        }

        ngx_llm_bedrock_write_member(ctx->out, m);
    }

    ngx_llm_out_char(ctx->out, '}');
}


/* what runs at Anthropic's */

static ngx_uint_t
ngx_llm_bedrock_lacks_tool(ngx_llm_json_t *tool)
{
    size_t     i;
    ngx_str_t  type;

    static ngx_str_t  types[] = {
        ngx_string("web_search"),
        ngx_string("web_fetch"),
        ngx_string("code_execution"),
        ngx_string("mcp_toolset"),
        ngx_null_string
    };

    type = ngx_llm_json_str(tool, "type");

    for (i = 0; types[i].len; i++) {

        if (type.len >= types[i].len
            && ngx_memcmp(type.data, types[i].data, types[i].len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_llm_bedrock_write_member(ngx_llm_out_t *out, ngx_llm_json_t *m)
{
    ngx_llm_out_data(out, m->begin, m->raw.data + m->raw.len - m->begin);
}


/* what a client chose for a header must be what one can hold */

static ngx_int_t
ngx_llm_bedrock_check_headers(ngx_llm_bedrock_invoke_t *ctx)
{
    size_t                     k;
    ngx_str_t                  value;
    ngx_llm_bedrock_header_t  *h;

    for (h = ngx_llm_bedrock_headers; h->object; h++) {

        value = ngx_llm_json_str(ngx_llm_bedrock_extension(ctx->chat,
                                                           h->object),
                                 h->member);

        for (k = 0; k < value.len; k++) {

            if (value.data[k] > ' ' && value.data[k] < 0x7f
                && value.data[k] != '\\')
            {
                continue;
            }

            break;
        }

        if (k < value.len || value.len > NGX_LLM_BEDROCK_MAX_HEADER) {
            return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                 "invalid_request_error", "invalid_value",
                                 h->object, "\"%s\" has an invalid \"%s\"",
                                 h->object, h->member);
        }
    }

    return NGX_OK;
}


void
ngx_llm_bedrock_write_invoke_headers(ngx_llm_chat_t *chat, ngx_llm_out_t *out)
{
    char                      *tier;
    ngx_str_t                  value;
    ngx_uint_t                 known;
    ngx_llm_bedrock_header_t  *h;
    u_char                     buf[NGX_LLM_BEDROCK_MAX_HEADER];

    for (h = ngx_llm_bedrock_headers; h->object; h++) {

        value = ngx_llm_json_str(ngx_llm_bedrock_extension(chat, h->object),
                                 h->member);

        if (value.len == 0 || value.len > sizeof(buf)) {
            continue;
        }

        if (h->upper) {
            ngx_memcpy(buf, value.data, value.len);
            ngx_llm_bedrock_upper(buf, value.len);
            value.data = buf;
        }

        ngx_llm_out_header(out, h->header, &value);
    }

    tier = ngx_llm_bedrock_tier(chat, &known);

    if (tier != NULL) {
        value.data = (u_char *) tier;
        value.len = ngx_strlen(tier);

        ngx_llm_out_header(out, "X-Amzn-Bedrock-Service-Tier", &value);
    }
}


static void
ngx_llm_bedrock_upper(u_char *p, size_t n)
{
    for ( /* void */ ; n; n--, p++) {
        *p = ngx_toupper(*p);
    }
}
