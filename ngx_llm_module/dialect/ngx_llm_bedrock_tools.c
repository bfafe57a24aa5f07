
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Tools and the choice among them.
 */


#include "ngx_llm_bedrock_request.h"


/* names of the history that get a tool where none is given */
#define NGX_LLM_BEDROCK_HISTORY  128

/* behind the readable part of a name: "_" and a hash */
#define NGX_LLM_BEDROCK_HASH     9


static ngx_uint_t ngx_llm_bedrock_takes_tool(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_bedrock_vendor_tool(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_bedrock_check_choice(ngx_llm_bedrock_request_t *ctx);
static ngx_int_t ngx_llm_bedrock_write_history(
    ngx_llm_bedrock_request_t *ctx);
static ngx_int_t ngx_llm_bedrock_write_tool(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_bedrock_write_spec(ngx_llm_bedrock_request_t *ctx,
    ngx_str_t *name, ngx_str_t *description, ngx_str_t *schema);
static ngx_int_t ngx_llm_bedrock_write_choice(ngx_llm_bedrock_request_t *ctx);
static ngx_uint_t ngx_llm_bedrock_same(ngx_str_t *one, ngx_str_t *two);
static ngx_uint_t ngx_llm_bedrock_name_char(u_char c);
static ngx_uint_t ngx_llm_bedrock_name_ok(ngx_str_t *plain);
static size_t ngx_llm_bedrock_alias(ngx_str_t *plain, u_char *buf);


ngx_int_t
ngx_llm_bedrock_tools(ngx_llm_bedrock_request_t *ctx)
{
    ngx_int_t        rc;
    ngx_llm_tool_t  *tool;

    ctx->grounding = (ctx->chat->param[NGX_LLM_PARAM_WEB_SEARCH_OPTIONS]
                      != NULL && (ctx->flags & NGX_LLM_BEDROCK_NOVA)) ? 1 : 0;

    rc = ngx_llm_bedrock_check_choice(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    for (tool = ctx->chat->tools; tool; tool = tool->next) {

        if (tool->vendor || tool->custom) {

            rc = ngx_llm_bedrock_vendor_tool(ctx, tool);
            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        if (ngx_llm_json_is(&tool->name, NGX_LLM_BEDROCK_JSON_TOOL)) {
            return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                 "invalid_request_error", NULL, "tools",
                                 "the tool name \"" NGX_LLM_BEDROCK_JSON_TOOL
                                 "\" is reserved");
        }

        if (ngx_llm_bedrock_takes_tool(ctx, tool)) {
            ctx->ntools++;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_vendor_tool(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_tool_t *tool)
{
    ngx_str_t  type;

    static ngx_str_t  search = ngx_string("web_search");

    type = ngx_llm_json_str(tool->node, "type");

    if (tool->vendor && (ctx->flags & NGX_LLM_BEDROCK_NOVA)
        && (ngx_llm_json_is(&type, "nova_grounding")
            || (type.len >= search.len
                && ngx_memcmp(type.data, search.data, search.len) == 0)))
    {
        ctx->grounding = 1;
        return NGX_OK;
    }

    if (!ngx_llm_bedrock_drops(ctx, NGX_LLM_PARAM_TOOLS)) {
        return ngx_llm_bedrock_refuse(ctx, "tools",
                                      tool->custom ? "custom tools"
                                                   : "tools of this type");
    }

    return ngx_llm_bedrock_drop(ctx, "tools");
}


static ngx_int_t
ngx_llm_bedrock_check_choice(ngx_llm_bedrock_request_t *ctx)
{
    ngx_uint_t  need;

    switch (ctx->chat->tool_choice) {

    case NGX_LLM_TOOL_CHOICE_REQUIRED:
        need = NGX_LLM_BEDROCK_ANY;
        break;

    case NGX_LLM_TOOL_CHOICE_NAMED:

        /* any of one is that one */

        need = NGX_LLM_BEDROCK_ANY|NGX_LLM_BEDROCK_TOOL;
        break;

    default:
        return NGX_OK;
    }

    if ((ctx->flags & need)
        || ngx_llm_bedrock_drops(ctx, NGX_LLM_PARAM_TOOL_CHOICE))
    {
        return NGX_OK;
    }

    return ngx_llm_bedrock_refuse(ctx, "tool_choice",
                                  "this \"tool_choice\" for this model");
}


static ngx_uint_t
ngx_llm_bedrock_takes_tool(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_tool_t *tool)
{
    ngx_str_t        name;
    ngx_llm_chat_t  *chat;
    ngx_llm_json_t  *function, *node;

    chat = ctx->chat;

    if (tool->vendor || tool->custom) {
        return 0;
    }

    if (chat->tool_choice == NGX_LLM_TOOL_CHOICE_NAMED
        && !(ctx->flags & NGX_LLM_BEDROCK_TOOL)
        && (ctx->flags & NGX_LLM_BEDROCK_ANY))
    {
        return ngx_llm_bedrock_same(&tool->name, &chat->tool_name);
    }

    if (chat->allowed_tools == NULL) {
        return 1;
    }

    for (node = chat->allowed_tools->child; node; node = node->next) {

        function = ngx_llm_json_get(node, "function");
        name = ngx_llm_json_str(function ? function : node, "name");

        if (ngx_llm_bedrock_same(&tool->name, &name)) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_llm_bedrock_write_tools(ngx_llm_bedrock_request_t *ctx)
{
    ngx_int_t              rc;
    ngx_uint_t             none;
    ngx_str_t              absent, description, name;
    ngx_llm_tool_t        *tool;
    ngx_llm_tool_choice_e  choice;

    choice = ctx->chat->tool_choice;
    none = (choice == NGX_LLM_TOOL_CHOICE_NONE);

    if (none && !ctx->tool_blocks) {
        ctx->ntools = 0;
        ctx->grounding = 0;
    }

    if (ctx->ntools == 0 && !ctx->grounding && !ctx->json_tool) {

        if ((choice == NGX_LLM_TOOL_CHOICE_REQUIRED
             || choice == NGX_LLM_TOOL_CHOICE_NAMED)
            && ngx_llm_bedrock_drop(ctx, "tool_choice") != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ctx->tool_blocks ? ngx_llm_bedrock_write_history(ctx) : NGX_OK;
    }

    ctx->members = 0;

    for (tool = ctx->chat->tools; tool && ctx->ntools; tool = tool->next) {

        if (!ngx_llm_bedrock_takes_tool(ctx, tool)) {
            continue;
        }

        rc = ngx_llm_bedrock_write_tool(ctx, tool);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->grounding) {
        ngx_llm_out_data(ctx->out, (u_char *) ",", ctx->members ? 1 : 0);

        if (!ctx->members) {
            ngx_llm_out_lit(ctx->out, ",\"toolConfig\":{\"tools\":[");
        }

        ctx->members = 1;

        ngx_llm_out_lit(ctx->out, "{\"systemTool\":{\"name\":"
                                  "\"nova_grounding\"}}");
    }

    if (ctx->json_tool) {

        ngx_str_null(&absent);
        ngx_str_set(&name, NGX_LLM_BEDROCK_JSON_TOOL);
        ngx_str_set(&description, "Gives the final answer.");

        rc = ngx_llm_bedrock_write_spec(ctx, &name, &description,
                                        &ctx->chat->schema);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_llm_out_lit(ctx->out, "}}");
    }

    ngx_llm_out_char(ctx->out, ']');

    rc = ngx_llm_bedrock_write_choice(ctx);

    ngx_llm_out_char(ctx->out, '}');

    ctx->members = 0;

    return rc;
}


/* calls in the history want their tools to be there */

static ngx_int_t
ngx_llm_bedrock_write_history(ngx_llm_bedrock_request_t *ctx)
{
    ngx_str_t           description, none;
    ngx_uint_t          i, n;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *m;
    ngx_str_t           names[NGX_LLM_BEDROCK_HISTORY];

    n = 0;
    ctx->members = 0;

    ngx_str_null(&none);
    ngx_str_set(&description, "This tool is not there any more.");

    for (m = ctx->chat->messages; m; m = m->next) {

        for (part = m->parts; part; part = part->next) {

            if (part->type != NGX_LLM_PART_TOOL_CALL
                || n == NGX_LLM_BEDROCK_HISTORY)
            {
                continue;
            }

            for (i = 0; i < n; i++) {
                if (ngx_llm_bedrock_same(&names[i], &part->name)) {
                    break;
                }
            }

            if (i < n) {
                continue;
            }

            names[n++] = part->name;

            if (ngx_llm_bedrock_write_spec(ctx, &part->name, &description,
                                           &none)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            ngx_llm_out_lit(ctx->out, "}}");
        }
    }

    if (n == 0) {

        /* a result without its call */

        ngx_str_set(&names[0], "no_tool");

        if (ngx_llm_bedrock_write_spec(ctx, &names[0], &description, &none)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_llm_out_lit(ctx->out, "}}");
    }

    ngx_llm_out_lit(ctx->out, "]}");

    ctx->members = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_write_tool(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_tool_t *tool)
{
    ngx_int_t  rc;

    rc = ngx_llm_bedrock_write_spec(ctx, &tool->name, &tool->description,
                                    &tool->schema);
    if (rc != NGX_OK) {
        return rc;
    }

    if (tool->strict) {
        ngx_llm_out_lit(ctx->out, ",\"strict\":true");
    }

    ngx_llm_out_lit(ctx->out, "}}");

    if (ctx->flags & NGX_LLM_BEDROCK_CLAUDE) {
        ngx_llm_bedrock_write_mark(ctx, tool->cache_control, NULL);
    }

    return NGX_OK;
}


/* without its closing braces */

static ngx_int_t
ngx_llm_bedrock_write_spec(ngx_llm_bedrock_request_t *ctx, ngx_str_t *name,
    ngx_str_t *description, ngx_str_t *schema)
{
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *node;

    out = ctx->out;
    node = NULL;

    if (schema->len) {
        node = ngx_llm_json_parse(ctx->chat->pool, schema, NULL);
        if (node == NULL) {
            return NGX_ERROR;
        }
    }

    if (ctx->members) {
        ngx_llm_out_char(out, ',');

    } else {
        ngx_llm_out_lit(out, ",\"toolConfig\":{\"tools\":[");
    }

    ctx->members = 1;

    ngx_llm_out_lit(out, "{\"toolSpec\":{\"name\":");

    if (ngx_llm_bedrock_write_name(ctx->chat->pool, name, out) != NGX_OK) {
        return NGX_ERROR;
    }

    if (description->len) {
        ngx_llm_out_lit(out, ",\"description\":");
        ngx_llm_out_quoted(out, description);
    }

    ngx_llm_out_lit(out, ",\"inputSchema\":{\"json\":");
    ngx_llm_anthropic_write_input_schema(node, out);
    ngx_llm_out_char(out, '}');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_write_choice(ngx_llm_bedrock_request_t *ctx)
{
    ngx_llm_out_t          *out;
    ngx_llm_tool_choice_e   choice;

    out = ctx->out;
    choice = ctx->chat->tool_choice;

    if (ctx->json_tool) {

        /* the answer is a call, of this tool or of one of the client's */

        if ((ctx->ntools == 0 || choice == NGX_LLM_TOOL_CHOICE_NONE)
            && (ctx->flags & NGX_LLM_BEDROCK_TOOL))
        {
            ngx_llm_out_lit(out, ",\"toolChoice\":{\"tool\":{\"name\":\""
                                 NGX_LLM_BEDROCK_JSON_TOOL "\"}}");
            return NGX_OK;
        }

        if (choice != NGX_LLM_TOOL_CHOICE_NAMED) {
            choice = NGX_LLM_TOOL_CHOICE_REQUIRED;
        }
    }

    switch (choice) {

    case NGX_LLM_TOOL_CHOICE_NONE:

        /* it can be said only by giving no tools, which the history needs */

        return ngx_llm_bedrock_drop(ctx, "tool_choice");

    case NGX_LLM_TOOL_CHOICE_NAMED:

        if (ctx->flags & NGX_LLM_BEDROCK_TOOL) {
            ngx_llm_out_lit(out, ",\"toolChoice\":{\"tool\":{\"name\":");

            if (ngx_llm_bedrock_write_name(ctx->chat->pool,
                                           &ctx->chat->tool_name, out)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            ngx_llm_out_lit(out, "}}");

            return NGX_OK;
        }

        /* fall through */

    case NGX_LLM_TOOL_CHOICE_REQUIRED:

        if (ctx->flags & NGX_LLM_BEDROCK_ANY) {
            ngx_llm_out_lit(out, ",\"toolChoice\":{\"any\":{}}");
            return NGX_OK;
        }

        return ngx_llm_bedrock_drop(ctx, "tool_choice");

    default:

        /* "auto" is what it is without a word */

        return NGX_OK;
    }
}


static ngx_uint_t
ngx_llm_bedrock_same(ngx_str_t *one, ngx_str_t *two)
{
    return one->len == two->len
           && ngx_memcmp(one->data, two->data, one->len) == 0;
}


ngx_int_t
ngx_llm_bedrock_write_name(ngx_pool_t *pool, ngx_str_t *name,
    ngx_llm_out_t *out)
{
    ngx_str_t  plain;
    u_char     buf[NGX_LLM_BEDROCK_NAME + 1];

    plain = ngx_llm_json_plain(pool, name);

    if (plain.data == NULL && name->len) {
        return NGX_ERROR;
    }

    if (!ngx_llm_bedrock_name_ok(&plain)) {
        plain.len = ngx_llm_bedrock_alias(&plain, buf);
        plain.data = buf;
    }

    ngx_llm_out_quoted(out, &plain);

    return NGX_OK;
}


ngx_str_t
ngx_llm_bedrock_real_name(ngx_pool_t *pool, ngx_llm_chat_t *chat,
    ngx_str_t *name)
{
    ngx_str_t        alias, plain;
    ngx_llm_tool_t  *tool;
    u_char           buf[NGX_LLM_BEDROCK_NAME + 1];

    for (tool = chat ? chat->tools : NULL; tool; tool = tool->next) {

        if (tool->name.len == 0 || ngx_llm_bedrock_name_ok(&tool->name)) {
            continue;
        }

        plain = ngx_llm_json_plain(pool, &tool->name);

        if (plain.data == NULL) {
            continue;
        }

        alias.len = ngx_llm_bedrock_alias(&plain, buf);
        alias.data = buf;

        if (ngx_llm_bedrock_same(&alias, name)) {
            return tool->name;
        }
    }

    return *name;
}


static ngx_uint_t
ngx_llm_bedrock_name_char(u_char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '_' || c == '-';
}


static ngx_uint_t
ngx_llm_bedrock_name_ok(ngx_str_t *plain)
{
    size_t  i;

    for (i = 0; i < plain->len; i++) {
        if (!ngx_llm_bedrock_name_char(plain->data[i])) {
            return 0;
        }
    }

    return plain->len != 0 && plain->len <= NGX_LLM_BEDROCK_NAME;
}


/*
 * What the service would not take becomes "_", and a hash tells apart the
 * names that this makes equal.
 */

static size_t
ngx_llm_bedrock_alias(ngx_str_t *plain, u_char *buf)
{
    size_t   i, len;
    u_char  *p;

    len = ngx_min(plain->len, NGX_LLM_BEDROCK_NAME - NGX_LLM_BEDROCK_HASH);
    p = buf;

    for (i = 0; i < len; i++) {
        *p++ = ngx_llm_bedrock_name_char(plain->data[i]) ? plain->data[i]
                                                         : '_';
    }

    p = ngx_sprintf(p, "_%08xD", (uint32_t) ngx_hash_key(plain->data,
                                                         plain->len));

    return p - buf;
}
