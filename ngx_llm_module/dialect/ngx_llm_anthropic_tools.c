
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Tools and the choice among them.
 */


#include "ngx_llm_anthropic_request.h"
#include "ngx_llm_compose.h"


static ngx_uint_t ngx_llm_anthropic_allowed(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_anthropic_write_tool(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_tool_t *tool);
static void ngx_llm_anthropic_write_web_search(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_json_t *node);


ngx_int_t
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

    if (ngx_llm_anthropic_param(ctx, NGX_LLM_PARAM_WEB_SEARCH_OPTIONS)
        != NULL)
    {
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


ngx_int_t
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

    node = ngx_llm_anthropic_param(ctx, NGX_LLM_PARAM_WEB_SEARCH_OPTIONS);

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

    ngx_llm_out_lit(out, ",\"input_schema\":");

    if (tool->object) {
        ngx_llm_out_str(out, &tool->schema);

    } else {
        rc = ngx_llm_compose_schema_node(ctx->chat->pool, tool, &schema);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_llm_anthropic_write_input_schema(schema, out);
    }

    if (tool->strict) {
        ngx_llm_out_lit(out, ",\"strict\":true");
    }

    ngx_llm_anthropic_write_mark(ctx, tool->cache_control, NULL);

    ngx_llm_out_char(out, '}');

    return NGX_OK;
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


ngx_int_t
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
