
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The tools of a client's request.
 */


#include "ngx_llm_openai.h"


static ngx_int_t ngx_llm_openai_read_tool(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *item, ngx_llm_tool_t **link);
static ngx_int_t ngx_llm_openai_read_function(ngx_llm_openai_read_t *rd,
    ngx_llm_tool_t *tool, ngx_llm_json_t *function);


/* tools that were taken, and those that have a node, in their order */

ngx_int_t
ngx_llm_openai_read_tools(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node)
{
    ngx_int_t        rc;
    ngx_llm_chat_t  *chat;
    ngx_llm_json_t  *item;
    ngx_llm_tool_t  *plain, **tool;

    chat = rd->chat;
    plain = rd->plain_tools;
    item = node->child;
    tool = &chat->tools;

    while (item || plain) {

        if (plain && (item == NULL || plain->node->begin < item->begin)) {
            *tool = plain;
            plain = plain->next;

        } else {
            rc = ngx_llm_openai_read_tool(rd, item, tool);
            if (rc != NGX_OK) {
                return rc;
            }

            item = item->next;
        }

        (*tool)->next = NULL;
        tool = &(*tool)->next;

        chat->ntools++;
        chat->has_tools = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_tool(ngx_llm_openai_read_t *rd, ngx_llm_json_t *item,
    ngx_llm_tool_t **link)
{
    ngx_int_t        rc;
    ngx_str_t        type;
    ngx_uint_t       i;
    ngx_llm_json_t  *function;
    ngx_llm_tool_t  *tool;

    i = rd->chat->ntools;

    if (item->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_openai_bad(rd, "must be an object", "tools[%ui]", i);
    }

    type = ngx_llm_json_str(item, "type");
    function = ngx_llm_json_set(item, "function");

    if (type.data == NULL && function == NULL) {
        return ngx_llm_openai_bad(rd, "must be a string", "tools[%ui].type",
                                  i);
    }

    tool = ngx_pcalloc(rd->chat->pool, sizeof(ngx_llm_tool_t));
    if (tool == NULL) {
        return NGX_ERROR;
    }

    *link = tool;

    tool->node = item;

    (void) ngx_sprintf(rd->path, "tools[%ui]%Z", i);

    if (type.data == NULL || ngx_llm_json_is(&type, "function")) {

        rc = ngx_llm_openai_read_function(rd, tool, function);

    } else if (ngx_llm_json_is(&type, "custom")) {

        tool->custom = 1;
        rc = ngx_llm_openai_read_function(rd, tool,
                                          ngx_llm_json_set(item, "custom"));

    } else {
        tool->vendor = 1;
        tool->name = ngx_llm_json_str(item, "name");
        rc = NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    function = ngx_llm_json_set(item, "cache_control");

    if (function && function->type == NGX_LLM_JSON_OBJECT) {
        tool->cache_control = function;
    }

    return NGX_OK;
}


/* rd->path holds what the tool is called in messages */

static ngx_int_t
ngx_llm_openai_read_function(ngx_llm_openai_read_t *rd, ngx_llm_tool_t *tool,
    ngx_llm_json_t *function)
{
    char            *member;
    u_char           path[64];
    ngx_llm_json_t  *node;

    member = tool->custom ? ".custom"
                          : (rd->chat->legacy_functions ? "" : ".function");

    (void) ngx_snprintf(path, sizeof(path), "%s%s%Z", rd->path, member);

    if (function == NULL || function->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_openai_bad(rd, "must be an object", "%s", path);
    }

    tool->name = ngx_llm_json_str(function, "name");

    if (tool->name.len == 0) {
        return ngx_llm_openai_bad(rd, "must be a string that is not empty",
                                  "%s.name", path);
    }

    node = ngx_llm_json_set(function, "description");

    if (node) {
        if (node->type != NGX_LLM_JSON_STRING) {
            return ngx_llm_openai_bad(rd, "must be a string",
                                      "%s.description", path);
        }

        tool->description = ngx_llm_json_text(node);
    }

    node = ngx_llm_json_set(function, "parameters");

    if (node) {
        if (node->type != NGX_LLM_JSON_OBJECT) {
            return ngx_llm_openai_bad(rd, "must be an object",
                                      "%s.parameters", path);
        }

        tool->schema = node->raw;
    }

    tool->strict = ngx_llm_json_true(function, "strict");

    node = ngx_llm_json_set(function, "cache_control");

    if (node && node->type == NGX_LLM_JSON_OBJECT) {
        tool->cache_control = node;
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_openai_read_tool_choice(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node)
{
    ngx_str_t        type;
    ngx_llm_json_t  *value;
    ngx_llm_chat_t  *chat;

    chat = rd->chat;

    if (node->type == NGX_LLM_JSON_STRING) {
        type = ngx_llm_json_text(node);
        value = NULL;

    } else {
        type = ngx_llm_json_str(node, "type");

        if (ngx_llm_json_is(&type, "function")) {
            value = ngx_llm_json_get(node, "function");
            chat->tool_name = ngx_llm_json_str(value, "name");

            if (chat->tool_name.len == 0) {
                return ngx_llm_openai_bad(rd, "is required",
                                          "tool_choice.function.name");
            }

            chat->tool_choice = NGX_LLM_TOOL_CHOICE_NAMED;

            return NGX_OK;
        }

        if (ngx_llm_json_is(&type, "custom")) {
            value = ngx_llm_json_get(node, "custom");
            chat->tool_name = ngx_llm_json_str(value, "name");

            if (chat->tool_name.len == 0) {
                return ngx_llm_openai_bad(rd, "is required",
                                          "tool_choice.custom.name");
            }

            chat->tool_choice = NGX_LLM_TOOL_CHOICE_NAMED;

            return NGX_OK;
        }

        if (!ngx_llm_json_is(&type, "allowed_tools")) {
            return ngx_llm_openai_bad(rd, "is unknown", "tool_choice.type");
        }

        value = ngx_llm_json_get(node, "allowed_tools");
        type = ngx_llm_json_str(value, "mode");
        value = ngx_llm_json_get(value, "tools");

        if (value == NULL || value->type != NGX_LLM_JSON_ARRAY) {
            return ngx_llm_openai_bad(rd, "must be an array",
                                      "tool_choice.allowed_tools.tools");
        }

        if (!ngx_llm_json_is(&type, "auto")
            && !ngx_llm_json_is(&type, "required"))
        {
            return ngx_llm_openai_bad(rd, "must be \"auto\" or \"required\"",
                                      "tool_choice.allowed_tools.mode");
        }
    }

    if (ngx_llm_json_is(&type, "auto")) {
        chat->tool_choice = NGX_LLM_TOOL_CHOICE_AUTO;

    } else if (ngx_llm_json_is(&type, "none")) {
        chat->tool_choice = NGX_LLM_TOOL_CHOICE_NONE;

    } else if (ngx_llm_json_is(&type, "required")
               || ngx_llm_json_is(&type, "any"))
    {
        chat->tool_choice = NGX_LLM_TOOL_CHOICE_REQUIRED;

    } else {
        return ngx_llm_openai_bad(rd, "must be \"none\", \"auto\", "
                                  "\"required\" or an object", "tool_choice");
    }

    chat->allowed_tools = value;

    return NGX_OK;
}


/* the old form of tools; it counts only where there are no new ones */

ngx_int_t
ngx_llm_openai_read_functions(ngx_llm_openai_read_t *rd)
{
    ngx_int_t        rc;
    ngx_str_t        type;
    ngx_uint_t       i;
    ngx_llm_json_t  *item;
    ngx_llm_chat_t  *chat;
    ngx_llm_tool_t  *tool, *last;

    chat = rd->chat;

    if (chat->has_tools || rd->functions == NULL) {
        return NGX_OK;
    }

    i = 0;
    last = NULL;

    for (item = rd->functions->child; item; item = item->next, i++) {

        tool = ngx_llm_chat_add_tool(chat, last);
        if (tool == NULL) {
            return NGX_ERROR;
        }

        last = tool;
        tool->node = item;
        chat->legacy_functions = 1;
        chat->has_tools = 1;

        (void) ngx_sprintf(rd->path, "functions[%ui]%Z", i);

        rc = ngx_llm_openai_read_function(rd, tool, item);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (last == NULL) {
        return NGX_OK;
    }

    /* one call at most, as ever with functions */

    chat->parallel_set = 1;
    chat->parallel = 0;

    if (rd->function_call == NULL) {
        return NGX_OK;
    }

    if (rd->function_call->type == NGX_LLM_JSON_OBJECT) {

        chat->tool_name = ngx_llm_json_str(rd->function_call, "name");

        if (chat->tool_name.len == 0) {
            return ngx_llm_openai_bad(rd, "is required", "function_call.name");
        }

        chat->tool_choice = NGX_LLM_TOOL_CHOICE_NAMED;

        return NGX_OK;
    }

    type = ngx_llm_json_text(rd->function_call);

    if (ngx_llm_json_is(&type, "auto")) {
        chat->tool_choice = NGX_LLM_TOOL_CHOICE_AUTO;

    } else if (ngx_llm_json_is(&type, "none")) {
        chat->tool_choice = NGX_LLM_TOOL_CHOICE_NONE;

    } else {
        return ngx_llm_openai_bad(rd, "must be \"none\", \"auto\" or an "
                                  "object", "function_call");
    }

    return NGX_OK;
}
