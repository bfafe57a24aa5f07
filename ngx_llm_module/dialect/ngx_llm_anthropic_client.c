
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Anthropic's Messages API for clients: a request's members.
 */


#include "ngx_llm_anthropic_client.h"


#define NGX_LLM_ANTHROPIC_MAX_PATH      512


typedef struct {
    ngx_str_t                  name;
    ngx_llm_anthropic_read_pt  handler;
    ngx_uint_t                 param;       /* NGX_LLM_PARAMS: none */
    ngx_uint_t                 required;
} ngx_llm_anthropic_member_t;


static ngx_int_t ngx_llm_anthropic_read_unknown(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_anthropic_add_unknown(ngx_llm_chat_t *chat,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_anthropic_add_others(ngx_llm_chat_t *chat,
    ngx_llm_json_t *node, char *first, char *second);
static ngx_uint_t ngx_llm_anthropic_is_key(ngx_llm_json_t *node, char *name);


static ngx_int_t ngx_llm_anthropic_read_model(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_max_tokens(
    ngx_llm_anthropic_read_t *rd, ngx_llm_json_t *node,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_stream(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_stop(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_tools(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_tool(ngx_llm_anthropic_read_t *rd,
    ngx_llm_tool_t *tool, ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_tool_choice(
    ngx_llm_anthropic_read_t *rd, ngx_llm_json_t *node,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_metadata(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_service_tier(
    ngx_llm_anthropic_read_t *rd, ngx_llm_json_t *node,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_output_config(
    ngx_llm_anthropic_read_t *rd, ngx_llm_json_t *node,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_format(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_number(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_object(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);

static u_char *ngx_llm_anthropic_path(ngx_llm_anthropic_at_t *at, u_char *p,
    u_char *last);

/* the system prompt is the first of the messages, so it is read before them */

static ngx_llm_anthropic_member_t  ngx_llm_anthropic_members[] = {

    { ngx_string("model"), ngx_llm_anthropic_read_model,
      NGX_LLM_PARAMS, 1 },

    { ngx_string("max_tokens"), ngx_llm_anthropic_read_max_tokens,
      NGX_LLM_PARAMS, 1 },

    { ngx_string("system"), ngx_llm_anthropic_read_system,
      NGX_LLM_PARAMS, 0 },

    { ngx_string("messages"), ngx_llm_anthropic_read_messages,
      NGX_LLM_PARAMS, 1 },

    { ngx_string("stream"), ngx_llm_anthropic_read_stream,
      NGX_LLM_PARAMS, 0 },

    { ngx_string("stop_sequences"), ngx_llm_anthropic_read_stop,
      NGX_LLM_PARAMS, 0 },

    { ngx_string("tools"), ngx_llm_anthropic_read_tools,
      NGX_LLM_PARAMS, 0 },

    { ngx_string("tool_choice"), ngx_llm_anthropic_read_tool_choice,
      NGX_LLM_PARAMS, 0 },

    { ngx_string("metadata"), ngx_llm_anthropic_read_metadata,
      NGX_LLM_PARAMS, 0 },

    { ngx_string("service_tier"), ngx_llm_anthropic_read_service_tier,
      NGX_LLM_PARAMS, 0 },

    { ngx_string("output_format"), ngx_llm_anthropic_read_format,
      NGX_LLM_PARAMS, 0 },

    { ngx_string("output_config"), ngx_llm_anthropic_read_output_config,
      NGX_LLM_PARAMS, 0 },

    { ngx_string("thinking"), ngx_llm_anthropic_read_object,
      NGX_LLM_PARAM_THINKING, 0 },

    { ngx_string("cache_control"), ngx_llm_anthropic_read_object,
      NGX_LLM_PARAM_CACHE_CONTROL, 0 },

    { ngx_string("thread"), ngx_llm_anthropic_read_object,
      NGX_LLM_PARAM_THREAD, 0 },

    { ngx_string("compaction"), ngx_llm_anthropic_read_object,
      NGX_LLM_PARAM_COMPACTION, 0 },

    { ngx_string("temperature"), ngx_llm_anthropic_read_number,
      NGX_LLM_PARAM_TEMPERATURE, 0 },

    { ngx_string("top_p"), ngx_llm_anthropic_read_number,
      NGX_LLM_PARAM_TOP_P, 0 },

    { ngx_string("top_k"), ngx_llm_anthropic_read_number,
      NGX_LLM_PARAM_TOP_K, 0 },

    { ngx_null_string, NULL, NGX_LLM_PARAMS, 0 }
};


ngx_int_t
ngx_llm_anthropic_read_request(ngx_llm_chat_t *chat, ngx_llm_error_t *err)
{
    u_char                      *p;
    ngx_int_t                    rc;
    ngx_str_t                   *name;
    ngx_llm_json_t              *node, *root;
    ngx_llm_json_conf_t          conf;
    ngx_llm_anthropic_at_t       at;
    ngx_llm_anthropic_read_t     rd;
    ngx_llm_anthropic_member_t  *member;

    ngx_memzero(&rd, sizeof(ngx_llm_anthropic_read_t));
    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));
    ngx_memzero(&at, sizeof(ngx_llm_anthropic_at_t));

    conf.max_depth = NGX_LLM_MAX_DEPTH;
    conf.max_nodes = NGX_LLM_MAX_NODES;

    root = ngx_llm_json_parse(chat->pool, &chat->text, &conf);

    if (root == NULL) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, NULL, "request body is not valid JSON: %V",
                             &conf.error);
    }

    if (root->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, NULL, "request body is not a JSON object");
    }

    name = ngx_llm_json_alike(root);

    if (name) {
        p = ngx_pnalloc(chat->pool, NGX_LLM_ANTHROPIC_MAX_PATH);
        if (p == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(p, name->data,
                           ngx_min(name->len + 1, NGX_LLM_ANTHROPIC_MAX_PATH));

        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, (char *) p, "%s: stands twice", p);
    }

    chat->root = root;
    chat->dialect = &ngx_llm_anthropic;

    rd.chat = chat;
    rd.err = err;

    for (member = ngx_llm_anthropic_members; member->handler; member++) {

        at.name = (char *) member->name.data;

        node = ngx_llm_json_set(root, at.name);

        if (node == NULL) {

            if (member->required
                && !(chat->count
                     && member->handler == ngx_llm_anthropic_read_max_tokens))
            {
                return ngx_llm_anthropic_refuse(&rd, &at, NULL, "is required");
            }

            continue;
        }

        rc = member->handler(&rd, node, &at);

        if (rc != NGX_OK) {
            return rc;
        }

        if (member->param != NGX_LLM_PARAMS) {
            chat->param[member->param] = node;
        }
    }

    return ngx_llm_anthropic_read_unknown(&rd, root);
}


static ngx_int_t
ngx_llm_anthropic_read_unknown(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *root)
{
    ngx_llm_json_t              *node;
    ngx_llm_anthropic_member_t  *member;

    for (node = root->child; node; node = node->next) {

        for (member = ngx_llm_anthropic_members; member->handler; member++) {

            if (ngx_llm_anthropic_is_key(node, (char *) member->name.data)) {
                break;
            }
        }

        if (member->handler == NULL
            && ngx_llm_anthropic_add_unknown(rd->chat, node) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_add_unknown(ngx_llm_chat_t *chat, ngx_llm_json_t *node)
{
    if (node->type == NGX_LLM_JSON_NULL) {
        return NGX_OK;
    }

    return ngx_llm_chat_unknown(chat, node);
}


/* members of an inner object, but for two that are known */

static ngx_int_t
ngx_llm_anthropic_add_others(ngx_llm_chat_t *chat, ngx_llm_json_t *node,
    char *first, char *second)
{
    ngx_llm_json_t  *item;

    for (item = node->child; item; item = item->next) {

        if (ngx_llm_anthropic_is_key(item, first)
            || ngx_llm_anthropic_is_key(item, second))
        {
            continue;
        }

        if (ngx_llm_anthropic_add_unknown(chat, item) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_anthropic_is_key(ngx_llm_json_t *node, char *name)
{
    size_t  len;

    len = ngx_strlen(name);

    return node->key.len == len && ngx_memcmp(node->key.data, name, len) == 0;
}


static ngx_int_t
ngx_llm_anthropic_read_model(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t  rc;
    ngx_str_t  name;

    rc = ngx_llm_anthropic_need_text(rd, rd->chat->root, "model", &name,
                                     at->up);
    if (rc != NGX_OK) {
        return rc;
    }

    rd->chat->model_node = node;

    return ngx_llm_anthropic_get_plain(rd, &name, &rd->chat->model);
}


static ngx_int_t
ngx_llm_anthropic_read_max_tokens(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    int64_t  n;

    /* 0 is allowed: it only fills the provider's prompt cache */

    if (ngx_llm_json_int(node, &n) != NGX_OK || n < 0) {
        return ngx_llm_anthropic_refuse(rd, at, NULL,
                                        "must be an integer, 0 or more");
    }

    rd->chat->max_tokens = n;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_stream(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    if (node->type == NGX_LLM_JSON_FALSE) {
        return NGX_OK;
    }

    if (node->type != NGX_LLM_JSON_TRUE) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be true or false");
    }

    /* a count does not come in parts */

    if (rd->chat->count) {
        return NGX_OK;
    }

    rd->chat->stream = 1;

    /* every stream of this API reports usage */

    rd->chat->include_usage = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_stop(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_str_t               *stop;
    ngx_llm_json_t          *item;
    ngx_llm_anthropic_at_t   inner;

    if (node->type != NGX_LLM_JSON_ARRAY) {
        return ngx_llm_anthropic_refuse(rd, at, NULL,
                                        "must be an array of strings");
    }

    if (node->child == NULL) {
        return NGX_OK;
    }

    rd->chat->stop = ngx_array_create(rd->chat->pool, 4, sizeof(ngx_str_t));
    if (rd->chat->stop == NULL) {
        return NGX_ERROR;
    }

    inner.up = at;
    inner.name = NULL;
    inner.index = 0;

    for (item = node->child; item; item = item->next) {

        if (item->type != NGX_LLM_JSON_STRING) {
            return ngx_llm_anthropic_refuse(rd, &inner, NULL,
                                            "must be a string");
        }

        stop = ngx_array_push(rd->chat->stop);
        if (stop == NULL) {
            return NGX_ERROR;
        }

        *stop = ngx_llm_json_text(item);

        inner.index++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_tools(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t                rc;
    ngx_llm_tool_t          *tool;
    ngx_llm_json_t          *item;
    ngx_llm_anthropic_at_t   inner;

    if (node->type != NGX_LLM_JSON_ARRAY) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be an array");
    }

    tool = NULL;

    inner.up = at;
    inner.name = NULL;
    inner.index = 0;

    for (item = node->child; item; item = item->next) {

        if (item->type != NGX_LLM_JSON_OBJECT) {
            return ngx_llm_anthropic_refuse(rd, &inner, NULL,
                                            "must be an object");
        }

        tool = ngx_llm_chat_add_tool(rd->chat, tool);
        if (tool == NULL) {
            return NGX_ERROR;
        }

        rc = ngx_llm_anthropic_read_tool(rd, tool, item, &inner);
        if (rc != NGX_OK) {
            return rc;
        }

        rd->chat->has_tools = 1;

        inner.index++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_tool(ngx_llm_anthropic_read_t *rd,
    ngx_llm_tool_t *tool, ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t        rc;
    ngx_str_t        type;
    ngx_llm_json_t  *schema;

    tool->node = node;
    tool->cache_control = ngx_llm_anthropic_get_object(node, "cache_control");

    rc = ngx_llm_anthropic_may(rd, node, "type", &type, at);
    if (rc != NGX_OK) {
        return rc;
    }

    if (type.data && !ngx_llm_json_is(&type, "custom")) {
        tool->vendor = 1;

        return ngx_llm_anthropic_may(rd, node, "name", &tool->name, at);
    }

    rc = ngx_llm_anthropic_need_text(rd, node, "name", &tool->name, at);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_may(rd, node, "description", &tool->description,
                               at);
    if (rc != NGX_OK) {
        return rc;
    }

    schema = ngx_llm_anthropic_get_object(node, "input_schema");

    if (schema == NULL) {
        return ngx_llm_anthropic_refuse(rd, at, "input_schema",
                                        "must be an object");
    }

    tool->schema = schema->raw;
    tool->strict = ngx_llm_json_true(node, "strict") ? 1 : 0;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_tool_choice(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t        rc;
    ngx_str_t        type;
    ngx_llm_chat_t  *chat;

    chat = rd->chat;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be an object");
    }

    rc = ngx_llm_anthropic_need(rd, node, "type", &type, at);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_llm_json_is(&type, "auto")) {
        chat->tool_choice = NGX_LLM_TOOL_CHOICE_AUTO;

    } else if (ngx_llm_json_is(&type, "any")) {
        chat->tool_choice = NGX_LLM_TOOL_CHOICE_REQUIRED;

    } else if (ngx_llm_json_is(&type, "none")) {
        chat->tool_choice = NGX_LLM_TOOL_CHOICE_NONE;

    } else if (ngx_llm_json_is(&type, "tool")) {
        chat->tool_choice = NGX_LLM_TOOL_CHOICE_NAMED;

        rc = ngx_llm_anthropic_need_text(rd, node, "name", &chat->tool_name,
                                         at);
        if (rc != NGX_OK) {
            return rc;
        }

    } else {
        return ngx_llm_anthropic_refuse(rd, at, "type",
                         "must be \"auto\", \"any\", \"tool\" or \"none\"");
    }

    if (ngx_llm_json_true(node, "disable_parallel_tool_use")) {
        chat->parallel_set = 1;
        chat->parallel = 0;
    }

    return NGX_OK;
}


/*
 * A user_id of coding agents is "user_..._account_..._session_...": who the
 * user is ends where the session begins.
 */

static ngx_int_t
ngx_llm_anthropic_read_metadata(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    u_char          *p;
    ngx_int_t        rc;
    ngx_str_t       *user;
    ngx_llm_chat_t  *chat;

    chat = rd->chat;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be an object");
    }

    user = &chat->user;

    rc = ngx_llm_anthropic_may(rd, node, "user_id", user, at);
    if (rc != NGX_OK) {
        return rc;
    }

    if (user->len) {
        chat->param[NGX_LLM_PARAM_USER] = ngx_llm_json_set(node, "user_id");

        p = ngx_strlcasestrn(user->data, user->data + user->len,
                             (u_char *) "_session_",
                             sizeof("_session_") - 2);

        if (p && p != user->data) {
            user->len = p - user->data;
        }
    }

    return ngx_llm_anthropic_add_others(chat, node, "user_id", "user_id");
}


static ngx_int_t
ngx_llm_anthropic_read_service_tier(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_str_t        tier;
    ngx_llm_json_t  *word;

    if (node->type != NGX_LLM_JSON_STRING) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be a string");
    }

    tier = ngx_llm_json_text(node);

    if (ngx_llm_json_is(&tier, "standard_only")) {

        /* the neutral form has OpenAI's words */

        word = ngx_palloc(rd->chat->pool, sizeof(ngx_llm_json_t));
        if (word == NULL) {
            return NGX_ERROR;
        }

        *word = *node;

        ngx_str_set(&word->raw, "\"default\"");
        word->escaped = 0;

        node = word;
    }

    rd->chat->param[NGX_LLM_PARAM_SERVICE_TIER] = node;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_output_config(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t                rc;
    ngx_str_t                effort;
    ngx_llm_json_t          *format;
    ngx_llm_anthropic_at_t   inner;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be an object");
    }

    rc = ngx_llm_anthropic_may(rd, node, "effort", &effort, at);
    if (rc != NGX_OK) {
        return rc;
    }

    if (effort.data) {
        rd->chat->param[NGX_LLM_PARAM_REASONING_EFFORT] =
                                             ngx_llm_json_set(node, "effort");
    }

    format = ngx_llm_json_set(node, "format");

    if (format) {
        inner.up = at;
        inner.name = "format";

        rc = ngx_llm_anthropic_read_format(rd, format, &inner);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_llm_anthropic_add_others(rd->chat, node, "effort", "format");
}


static ngx_int_t
ngx_llm_anthropic_read_format(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t        rc;
    ngx_str_t        type;
    ngx_llm_chat_t  *chat;
    ngx_llm_json_t  *schema;

    chat = rd->chat;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be an object");
    }

    rc = ngx_llm_anthropic_need(rd, node, "type", &type, at);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_llm_json_is(&type, "json_schema")) {
        return ngx_llm_anthropic_refuse(rd, at, "type",
                                        "must be \"json_schema\"");
    }

    schema = ngx_llm_anthropic_get_object(node, "schema");

    if (schema == NULL) {
        return ngx_llm_anthropic_refuse(rd, at, "schema", "must be an object");
    }

    chat->format = NGX_LLM_FORMAT_SCHEMA;
    chat->schema = schema->raw;

    /* this API has no name for it and always holds the answer to the schema */

    ngx_str_set(&chat->schema_name, "output");
    chat->schema_strict = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_number(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    if (node->type != NGX_LLM_JSON_NUMBER) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be a number");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_object(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    if (node->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be an object");
    }

    return NGX_OK;
}


/* a member that is a string, escaped; absent if it is not there or null */

ngx_int_t
ngx_llm_anthropic_may(ngx_llm_anthropic_read_t *rd, ngx_llm_json_t *node,
    char *name, ngx_str_t *value, ngx_llm_anthropic_at_t *at)
{
    ngx_llm_json_t  *member;

    ngx_str_null(value);

    member = ngx_llm_json_set(node, name);

    if (member == NULL) {
        return NGX_OK;
    }

    if (member->type != NGX_LLM_JSON_STRING) {
        return ngx_llm_anthropic_refuse(rd, at, name, "must be a string");
    }

    *value = ngx_llm_json_text(member);

    return NGX_OK;
}


ngx_int_t
ngx_llm_anthropic_need(ngx_llm_anthropic_read_t *rd, ngx_llm_json_t *node,
    char *name, ngx_str_t *value, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t  rc;

    rc = ngx_llm_anthropic_may(rd, node, name, value, at);

    if (rc == NGX_OK && value->data == NULL) {
        return ngx_llm_anthropic_refuse(rd, at, name, "is required");
    }

    return rc;
}


ngx_int_t
ngx_llm_anthropic_need_text(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, char *name, ngx_str_t *value,
    ngx_llm_anthropic_at_t *at)
{
    ngx_int_t  rc;

    rc = ngx_llm_anthropic_need(rd, node, name, value, at);

    if (rc == NGX_OK && value->len == 0) {
        return ngx_llm_anthropic_refuse(rd, at, name, "must not be empty");
    }

    return rc;
}


ngx_int_t
ngx_llm_anthropic_get_plain(ngx_llm_anthropic_read_t *rd, ngx_str_t *escaped,
    ngx_str_t *plain)
{
    *plain = ngx_llm_json_plain(rd->chat->pool, escaped);

    return plain->data ? NGX_OK : NGX_ERROR;
}


ngx_llm_json_t *
ngx_llm_anthropic_get_object(ngx_llm_json_t *node, char *name)
{
    ngx_llm_json_t  *member;

    member = ngx_llm_json_set(node, name);

    if (member == NULL || member->type != NGX_LLM_JSON_OBJECT) {
        return NULL;
    }

    return member;
}


ngx_int_t
ngx_llm_anthropic_refuse(ngx_llm_anthropic_read_t *rd,
    ngx_llm_anthropic_at_t *at, char *name, char *what)
{
    u_char                  *path, *last;
    ngx_llm_anthropic_at_t   inner;

    path = ngx_pnalloc(rd->chat->pool, NGX_LLM_ANTHROPIC_MAX_PATH);
    if (path == NULL) {
        return NGX_ERROR;
    }

    if (name) {
        inner.up = at;
        inner.name = name;
        at = &inner;
    }

    last = ngx_llm_anthropic_path(at, path,
                                  path + NGX_LLM_ANTHROPIC_MAX_PATH - 1);
    *last = '\0';

    return ngx_llm_error(rd->chat->pool, rd->err, 400, "invalid_request_error",
                         NULL, (char *) path, "%s: %s", path, what);
}


/* as deep as blocks can stand in each other, which is a few levels */

static u_char *
ngx_llm_anthropic_path(ngx_llm_anthropic_at_t *at, u_char *p, u_char *last)
{
    if (at->up) {
        p = ngx_llm_anthropic_path(at->up, p, last);
        p = ngx_slprintf(p, last, ".");
    }

    if (at->name) {
        return ngx_slprintf(p, last, "%s", at->name);
    }

    return ngx_slprintf(p, last, "%ui", at->index);
}


/* the model's name is all that differs on a hop between equal dialects */
