
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Tools and the choice among them.
 */


#include "ngx_llm_gemini_request.h"
#include "ngx_llm_compose.h"


typedef struct {
    ngx_str_t    type;      /* or what it begins with */
    ngx_uint_t   builtin;
} ngx_llm_gemini_builtin_t;


#define NGX_LLM_GEMINI_SEARCH   0x01
#define NGX_LLM_GEMINI_URLS     0x02
#define NGX_LLM_GEMINI_CODE     0x04
#define NGX_LLM_GEMINI_MAPS     0x08


static ngx_uint_t ngx_llm_gemini_builtin(ngx_llm_tool_t *tool);
static ngx_uint_t ngx_llm_gemini_is_function(ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_gemini_check_tool(ngx_llm_gemini_request_t *ctx,
    ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_gemini_write_function(ngx_llm_gemini_request_t *ctx,
    ngx_llm_tool_t *tool);
static ngx_uint_t ngx_llm_gemini_says_nothing(ngx_llm_json_t *schema);
static void ngx_llm_gemini_write_allowed(ngx_llm_gemini_request_t *ctx);


/* what other providers call such tools, too */

static ngx_llm_gemini_builtin_t  ngx_llm_gemini_builtins[] = {
    { ngx_string("google_search"), NGX_LLM_GEMINI_SEARCH },
    { ngx_string("web_search"), NGX_LLM_GEMINI_SEARCH },
    { ngx_string("url_context"), NGX_LLM_GEMINI_URLS },
    { ngx_string("web_fetch"), NGX_LLM_GEMINI_URLS },
    { ngx_string("code_execution"), NGX_LLM_GEMINI_CODE },
    { ngx_string("code_interpreter"), NGX_LLM_GEMINI_CODE },
    { ngx_string("google_maps"), NGX_LLM_GEMINI_MAPS },
    { ngx_null_string, 0 }
};


/* in the order of the bits */

static ngx_str_t  ngx_llm_gemini_builtin_names[] = {
    ngx_string("{\"googleSearch\":{}}"),
    ngx_string("{\"urlContext\":{}}"),
    ngx_string("{\"codeExecution\":{}}"),
    ngx_string("{\"googleMaps\":{}}"),
    ngx_null_string
};


ngx_int_t
ngx_llm_gemini_tools(ngx_llm_gemini_request_t *ctx)
{
    ngx_int_t        rc;
    ngx_llm_tool_t  *tool;

    for (tool = ctx->chat->tools; tool; tool = tool->next) {

        rc = ngx_llm_gemini_check_tool(ctx, tool);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->chat->param[NGX_LLM_PARAM_WEB_SEARCH_OPTIONS] != NULL) {
        ctx->nbuiltins |= NGX_LLM_GEMINI_SEARCH;
    }

    if (ctx->nbuiltins == 0 || ctx->nfunctions == 0
        || (ctx->model->flags & NGX_LLM_GEMINI_MIXED))
    {
        return NGX_OK;
    }

    if (ctx->chat->param[NGX_LLM_PARAM_WEB_SEARCH_OPTIONS] != NULL) {

        if (!ngx_llm_gemini_drops(ctx, NGX_LLM_PARAM_WEB_SEARCH_OPTIONS)) {
            return ngx_llm_gemini_refuse(ctx, "web_search_options",
                                         "\"web_search_options\" together "
                                         "with functions for this model");
        }

        if (ngx_llm_gemini_drop(ctx, "web_search_options") != NGX_OK) {
            return NGX_ERROR;
        }

    } else {

        if (!ngx_llm_gemini_drops(ctx, NGX_LLM_PARAM_TOOLS)) {
            return ngx_llm_gemini_refuse(ctx, "tools",
                                         "functions together with other "
                                         "tools for this model");
        }

        if (ngx_llm_gemini_drop(ctx, "tools") != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ctx->nbuiltins = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_check_tool(ngx_llm_gemini_request_t *ctx, ngx_llm_tool_t *tool)
{
    ngx_uint_t  builtin;

    if (ngx_llm_gemini_is_function(tool)) {
        ctx->nfunctions++;
        return NGX_OK;
    }

    builtin = tool->vendor ? ngx_llm_gemini_builtin(tool) : 0;

    if (builtin) {
        ctx->nbuiltins |= builtin;
        return NGX_OK;
    }

    if (!ngx_llm_gemini_drops(ctx, NGX_LLM_PARAM_TOOLS)) {
        return ngx_llm_gemini_refuse(ctx, "tools",
                                     tool->custom ? "custom tools"
                                                  : "tools of this type");
    }

    return ngx_llm_gemini_drop(ctx, "tools");
}


static ngx_uint_t
ngx_llm_gemini_is_function(ngx_llm_tool_t *tool)
{
    return !tool->custom && !tool->vendor;
}


static ngx_uint_t
ngx_llm_gemini_builtin(ngx_llm_tool_t *tool)
{
    ngx_str_t                  type;
    ngx_llm_gemini_builtin_t  *b;

    type = ngx_llm_json_str(tool->node, "type");

    for (b = ngx_llm_gemini_builtins; b->type.len; b++) {

        if (type.len >= b->type.len
            && ngx_memcmp(type.data, b->type.data, b->type.len) == 0)
        {
            break;
        }
    }

    return b->builtin;
}


ngx_int_t
ngx_llm_gemini_write_tools(ngx_llm_gemini_request_t *ctx)
{
    ngx_int_t        rc;
    ngx_uint_t       i, n;
    ngx_llm_out_t   *out;
    ngx_llm_tool_t  *tool;

    out = ctx->out;

    if (ctx->nfunctions == 0 && ctx->nbuiltins == 0) {
        return NGX_OK;
    }

    ngx_llm_out_lit(out, ",\"tools\":[");

    n = 0;

    for (tool = ctx->chat->tools; tool; tool = tool->next) {

        if (!ngx_llm_gemini_is_function(tool)) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(out, ',');

        } else {
            ngx_llm_out_lit(out, "{\"functionDeclarations\":[");
        }

        rc = ngx_llm_gemini_write_function(ctx, tool);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (n) {
        ngx_llm_out_lit(out, "]}");
    }

    for (i = 0; ngx_llm_gemini_builtin_names[i].len; i++) {

        if (!(ctx->nbuiltins & ((ngx_uint_t) 1 << i))) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_str(out, &ngx_llm_gemini_builtin_names[i]);
    }

    ngx_llm_out_char(out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_write_function(ngx_llm_gemini_request_t *ctx,
    ngx_llm_tool_t *tool)
{
    size_t           len;
    ngx_int_t        rc;
    ngx_uint_t       written;
    ngx_llm_out_t   *out;
    ngx_llm_json_t  *schema;

    out = ctx->out;

    ngx_llm_out_lit(out, "{\"name\":");
    ngx_llm_out_quoted(out, &tool->name);

    /* it has to be there */

    ngx_llm_out_lit(out, ",\"description\":");
    ngx_llm_out_quoted(out, tool->description.len ? &tool->description
                                                  : &tool->name);

    rc = ngx_llm_compose_schema_node(ctx->chat->pool, tool, &schema);
    if (rc != NGX_OK) {
        return rc;
    }

    if (schema == NULL || ngx_llm_gemini_says_nothing(schema)) {
        ngx_llm_out_char(out, '}');
        return NGX_OK;
    }

    len = ngx_llm_out_len(out);

    if (ctx->model->flags & NGX_LLM_GEMINI_SCHEMA) {
        ngx_llm_out_lit(out, ",\"parametersJsonSchema\":");
        ngx_llm_gemini_write_schema(schema, out);

    } else {
        ngx_llm_out_lit(out, ",\"parameters\":");
        written = ngx_llm_gemini_write_openapi(schema, 1, out);

        if (!written && !out->failed) {
            out->last = out->start + len;
        }
    }

    ngx_llm_out_char(out, '}');

    return NGX_OK;
}


/* a function without parameters has no schema */

static ngx_uint_t
ngx_llm_gemini_says_nothing(ngx_llm_json_t *schema)
{
    size_t           i;
    ngx_llm_json_t  *properties;

    static char  *others[] = {
        "$ref", "allOf", "anyOf", "oneOf", "additionalProperties",
        "patternProperties", NULL
    };

    if (schema->type != NGX_LLM_JSON_OBJECT) {
        return 1;
    }

    properties = ngx_llm_json_get(schema, "properties");

    if (properties != NULL && properties->child != NULL) {
        return 0;
    }

    for (i = 0; others[i]; i++) {

        properties = ngx_llm_json_get(schema, others[i]);

        if (properties != NULL && properties->child != NULL) {
            return 0;
        }

        if (properties != NULL && properties->type == NGX_LLM_JSON_STRING) {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_llm_gemini_write_tool_config(ngx_llm_gemini_request_t *ctx)
{
    char                   *mode;
    ngx_llm_out_t          *out;
    ngx_llm_chat_t         *chat;
    ngx_llm_tool_choice_e   choice;

    out = ctx->out;
    chat = ctx->chat;
    choice = chat->tool_choice;

    if (ctx->nfunctions == 0) {

        /* it is about functions alone, and refused without any */

        if (choice == NGX_LLM_TOOL_CHOICE_REQUIRED
            || choice == NGX_LLM_TOOL_CHOICE_NAMED)
        {
            return ngx_llm_gemini_drop(ctx, "tool_choice");
        }

        return NGX_OK;
    }

    switch (choice) {

    case NGX_LLM_TOOL_CHOICE_NONE:
        mode = "NONE";
        break;

    case NGX_LLM_TOOL_CHOICE_REQUIRED:
    case NGX_LLM_TOOL_CHOICE_NAMED:
        mode = "ANY";
        break;

    case NGX_LLM_TOOL_CHOICE_AUTO:

        /* with names "AUTO" is refused, this is the same */

        mode = chat->allowed_tools ? "VALIDATED" : "AUTO";
        break;

    default: /* NGX_LLM_TOOL_CHOICE_UNSET */
        return NGX_OK;
    }

    ngx_llm_out_lit(out, ",\"toolConfig\":{\"functionCallingConfig\":"
                         "{\"mode\":\"");
    ngx_llm_out_data(out, (u_char *) mode, ngx_strlen(mode));
    ngx_llm_out_char(out, '"');

    if (choice == NGX_LLM_TOOL_CHOICE_NAMED) {
        ngx_llm_out_lit(out, ",\"allowedFunctionNames\":[");
        ngx_llm_out_quoted(out, &chat->tool_name);
        ngx_llm_out_char(out, ']');

    } else if (choice != NGX_LLM_TOOL_CHOICE_NONE && chat->allowed_tools) {
        ngx_llm_gemini_write_allowed(ctx);
    }

    ngx_llm_out_lit(out, "}}");

    return NGX_OK;
}


static void
ngx_llm_gemini_write_allowed(ngx_llm_gemini_request_t *ctx)
{
    ngx_str_t        name;
    ngx_uint_t       n;
    ngx_llm_json_t  *function, *node;

    n = 0;

    for (node = ctx->chat->allowed_tools->child; node; node = node->next) {

        function = ngx_llm_json_get(node, "function");
        name = ngx_llm_json_str(function ? function : node, "name");

        if (name.len == 0) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(ctx->out, ',');

        } else {
            ngx_llm_out_lit(ctx->out, ",\"allowedFunctionNames\":[");
        }

        ngx_llm_out_quoted(ctx->out, &name);
    }

    if (n) {
        ngx_llm_out_char(ctx->out, ']');
    }
}
