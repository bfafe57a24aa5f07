
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Anthropic's Messages API for clients: requests and errors.  Answers are in
 * ngx_llm_anthropic_client_stream.c.
 */


#include "ngx_llm_anthropic.h"


#define NGX_LLM_ANTHROPIC_MAX_MESSAGES  100000
#define NGX_LLM_ANTHROPIC_MAX_PATH      512

/* where a block stands */

#define NGX_LLM_ANTHROPIC_IN_SYSTEM     0x01
#define NGX_LLM_ANTHROPIC_IN_USER       0x02
#define NGX_LLM_ANTHROPIC_IN_ASSISTANT  0x04
#define NGX_LLM_ANTHROPIC_IN_RESULT     0x08
#define NGX_LLM_ANTHROPIC_IN_DOCUMENT   0x10


/* the way to a value, from the inside; a text only when something is wrong */

typedef struct ngx_llm_anthropic_at_s  ngx_llm_anthropic_at_t;

struct ngx_llm_anthropic_at_s {
    ngx_llm_anthropic_at_t   *up;
    char                     *name;         /* NULL: an index */
    ngx_uint_t                index;
};


typedef struct {
    ngx_llm_chat_t           *chat;
    ngx_llm_error_t          *err;
    ngx_llm_message_t        *last;
    ngx_llm_part_t          **parts;        /* the list being read */
    ngx_uint_t                index;        /* of the message being read */
} ngx_llm_anthropic_read_t;


typedef ngx_int_t (*ngx_llm_anthropic_read_pt)(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);


typedef struct {
    ngx_str_t                  name;
    ngx_llm_anthropic_read_pt  handler;
    ngx_uint_t                 param;       /* NGX_LLM_PARAMS: none */
    ngx_uint_t                 required;
} ngx_llm_anthropic_member_t;


typedef struct {
    char                      *name;
    ngx_uint_t                 in;
    ngx_llm_anthropic_read_pt  handler;
} ngx_llm_anthropic_block_t;


typedef struct {
    ngx_uint_t                 status;
    char                      *type;
} ngx_llm_anthropic_status_t;


static ngx_int_t ngx_llm_anthropic_read_unknown(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_anthropic_add_unknown(ngx_llm_chat_t *chat,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_anthropic_add_others(ngx_llm_chat_t *chat,
    ngx_llm_json_t *node, char *first, char *second);
static ngx_uint_t ngx_llm_anthropic_is_key(ngx_llm_json_t *node, char *name);

static ngx_int_t ngx_llm_anthropic_read_system(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_messages(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_message(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_add_message(ngx_llm_anthropic_read_t *rd,
    ngx_llm_role_e role, ngx_llm_json_t *node);
static ngx_int_t ngx_llm_anthropic_read_content(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_uint_t in, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_block(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_uint_t in, ngx_llm_anthropic_at_t *at);
static ngx_llm_part_t *ngx_llm_anthropic_add_part(
    ngx_llm_anthropic_read_t *rd, ngx_llm_part_e type, ngx_llm_json_t *node);

static ngx_int_t ngx_llm_anthropic_read_text(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_image(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_document(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_document_text(
    ngx_llm_anthropic_read_t *rd, ngx_llm_json_t *node, ngx_llm_json_t *source,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_source(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_json_t *source, ngx_llm_part_e type,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_search(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_thinking(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_redacted(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_tool_use(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_tool_result(
    ngx_llm_anthropic_read_t *rd, ngx_llm_json_t *node,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_add_joined(ngx_llm_anthropic_read_t *rd,
    ngx_llm_out_t *out, ngx_llm_json_t *node);
static void ngx_llm_anthropic_join(ngx_llm_out_t *out, ngx_str_t *text);

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

static ngx_int_t ngx_llm_anthropic_may(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, char *name, ngx_str_t *value,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_need(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, char *name, ngx_str_t *value,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_need_text(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, char *name, ngx_str_t *value,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_get_plain(ngx_llm_anthropic_read_t *rd,
    ngx_str_t *escaped, ngx_str_t *plain);
static ngx_llm_json_t *ngx_llm_anthropic_get_object(ngx_llm_json_t *node,
    char *name);
static ngx_int_t ngx_llm_anthropic_refuse(ngx_llm_anthropic_read_t *rd,
    ngx_llm_anthropic_at_t *at, char *name, char *what);
static u_char *ngx_llm_anthropic_path(ngx_llm_anthropic_at_t *at, u_char *p,
    u_char *last);

static void ngx_llm_anthropic_error_body(ngx_llm_error_t *err,
    ngx_llm_out_t *out);
static char *ngx_llm_anthropic_error_type(ngx_llm_error_t *err);
static ngx_uint_t ngx_llm_anthropic_too_long(ngx_llm_error_t *err);


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

    { ngx_string("temperature"), ngx_llm_anthropic_read_number,
      NGX_LLM_PARAM_TEMPERATURE, 0 },

    { ngx_string("top_p"), ngx_llm_anthropic_read_number,
      NGX_LLM_PARAM_TOP_P, 0 },

    { ngx_string("top_k"), ngx_llm_anthropic_read_number,
      NGX_LLM_PARAM_TOP_K, 0 },

    { ngx_null_string, NULL, NGX_LLM_PARAMS, 0 }
};


static ngx_llm_anthropic_block_t  ngx_llm_anthropic_blocks[] = {

    { "text",
      NGX_LLM_ANTHROPIC_IN_SYSTEM|NGX_LLM_ANTHROPIC_IN_USER
      |NGX_LLM_ANTHROPIC_IN_ASSISTANT|NGX_LLM_ANTHROPIC_IN_RESULT
      |NGX_LLM_ANTHROPIC_IN_DOCUMENT,
      ngx_llm_anthropic_read_text },

    { "image",
      NGX_LLM_ANTHROPIC_IN_USER|NGX_LLM_ANTHROPIC_IN_RESULT
      |NGX_LLM_ANTHROPIC_IN_DOCUMENT,
      ngx_llm_anthropic_read_image },

    { "document",
      NGX_LLM_ANTHROPIC_IN_USER|NGX_LLM_ANTHROPIC_IN_RESULT,
      ngx_llm_anthropic_read_document },

    { "search_result",
      NGX_LLM_ANTHROPIC_IN_USER|NGX_LLM_ANTHROPIC_IN_RESULT,
      ngx_llm_anthropic_read_search },

    { "thinking",
      NGX_LLM_ANTHROPIC_IN_ASSISTANT,
      ngx_llm_anthropic_read_thinking },

    { "redacted_thinking",
      NGX_LLM_ANTHROPIC_IN_ASSISTANT,
      ngx_llm_anthropic_read_redacted },

    { "tool_use",
      NGX_LLM_ANTHROPIC_IN_ASSISTANT,
      ngx_llm_anthropic_read_tool_use },

    { "tool_result",
      NGX_LLM_ANTHROPIC_IN_USER,
      ngx_llm_anthropic_read_tool_result },

    { NULL, 0, NULL }
};


static ngx_llm_anthropic_status_t  ngx_llm_anthropic_statuses[] = {
    { 401, "authentication_error" },
    { 402, "billing_error" },
    { 403, "permission_error" },
    { 404, "not_found_error" },
    { 413, "request_too_large" },
    { 429, "rate_limit_error" },
    { 503, "overloaded_error" },
    { 504, "timeout_error" },
    { 529, "overloaded_error" },
    { 0, NULL }
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

    name = ngx_llm_json_duplicate(root);

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

            if (member->required) {
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
    ngx_llm_json_t  **unknown;

    if (node->type == NGX_LLM_JSON_NULL) {
        return NGX_OK;
    }

    if (chat->unknown == NULL) {
        chat->unknown = ngx_array_create(chat->pool, 4,
                                         sizeof(ngx_llm_json_t *));
        if (chat->unknown == NULL) {
            return NGX_ERROR;
        }
    }

    unknown = ngx_array_push(chat->unknown);
    if (unknown == NULL) {
        return NGX_ERROR;
    }

    *unknown = node;

    return NGX_OK;
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
ngx_llm_anthropic_read_system(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    ngx_llm_part_t  *parts;

    parts = NULL;
    rd->parts = &parts;

    rc = ngx_llm_anthropic_read_content(rd, node, NGX_LLM_ANTHROPIC_IN_SYSTEM,
                                        at);
    if (rc != NGX_OK) {
        return rc;
    }

    if (parts == NULL) {
        return NGX_OK;
    }

    text = parts->text;

    if (node->type == NGX_LLM_JSON_STRING) {

        if (text.len == 0) {
            return NGX_OK;
        }

#define NGX_LLM_ANTHROPIC_BILLING  "x-anthropic-billing-header:"

    } else if (text.len >= sizeof(NGX_LLM_ANTHROPIC_BILLING) - 1
               && ngx_memcmp(text.data, NGX_LLM_ANTHROPIC_BILLING,
                             sizeof(NGX_LLM_ANTHROPIC_BILLING) - 1)
                  == 0)
    {
        /*
         * a note of the client to this API, no part of the prompt; it changes
         * with each request and would spoil another provider's prompt cache
         */

        parts = parts->next;

        if (parts == NULL) {
            return NGX_OK;
        }
    }

    if (ngx_llm_anthropic_add_message(rd, NGX_LLM_ROLE_SYSTEM, node)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rd->last->parts = parts;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_messages(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t                rc;
    ngx_llm_json_t          *item;
    ngx_llm_anthropic_at_t   in;

    if (node->type != NGX_LLM_JSON_ARRAY) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be an array");
    }

    if (node->child == NULL) {
        return ngx_llm_anthropic_refuse(rd, at, NULL,
                                        "must hold at least one message");
    }

    in.up = at;
    in.name = NULL;
    in.index = 0;

    for (item = node->child; item; item = item->next) {

        if (in.index == NGX_LLM_ANTHROPIC_MAX_MESSAGES) {
            return ngx_llm_anthropic_refuse(rd, at, NULL,
                                            "holds too many messages");
        }

        rd->index = in.index;

        rc = ngx_llm_anthropic_read_message(rd, item, &in);

        if (rc != NGX_OK) {
            return rc;
        }

        in.index++;
    }

    return NGX_OK;
}


/*
 * The results of tools that a user's turn brings become messages of their own
 * and come first: that is where other APIs want them.
 */

static ngx_int_t
ngx_llm_anthropic_read_message(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t                rc;
    ngx_str_t                name;
    ngx_uint_t               in;
    ngx_llm_json_t          *content;
    ngx_llm_part_t          *parts;
    ngx_llm_role_e           role;
    ngx_llm_message_t       *last;
    ngx_llm_anthropic_at_t   inner;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be an object");
    }

    rc = ngx_llm_anthropic_need(rd, node, "role", &name, at);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_llm_json_is(&name, "user")) {
        role = NGX_LLM_ROLE_USER;
        in = NGX_LLM_ANTHROPIC_IN_USER;

    } else if (ngx_llm_json_is(&name, "assistant")) {
        role = NGX_LLM_ROLE_ASSISTANT;
        in = NGX_LLM_ANTHROPIC_IN_ASSISTANT;

    } else if (ngx_llm_json_is(&name, "system")) {
        role = NGX_LLM_ROLE_SYSTEM;
        in = NGX_LLM_ANTHROPIC_IN_SYSTEM;

    } else {
        return ngx_llm_anthropic_refuse(rd, at, "role",
                              "must be \"user\", \"assistant\" or \"system\"");
    }

    content = ngx_llm_json_set(node, "content");

    if (content == NULL) {
        return ngx_llm_anthropic_refuse(rd, at, "content", "is required");
    }

    inner.up = at;
    inner.name = "content";

    last = rd->last;
    parts = NULL;
    rd->parts = &parts;

    rc = ngx_llm_anthropic_read_content(rd, content, in, &inner);
    if (rc != NGX_OK) {
        return rc;
    }

    if (parts == NULL && rd->last != last) {
        return NGX_OK;
    }

    if (ngx_llm_anthropic_add_message(rd, role, node) != NGX_OK) {
        return NGX_ERROR;
    }

    rd->last->parts = parts;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_add_message(ngx_llm_anthropic_read_t *rd,
    ngx_llm_role_e role, ngx_llm_json_t *node)
{
    ngx_llm_message_t  *message;

    message = ngx_llm_chat_add_message(rd->chat, role, rd->last);
    if (message == NULL) {
        return NGX_ERROR;
    }

    message->node = node;
    message->index = rd->index;

    rd->last = message;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_content(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_uint_t in, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t                rc;
    ngx_llm_part_t          *part;
    ngx_llm_json_t          *item;
    ngx_llm_anthropic_at_t   inner;

    if (node->type == NGX_LLM_JSON_STRING) {

        part = ngx_llm_anthropic_add_part(rd, NGX_LLM_PART_TEXT, node);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = ngx_llm_json_text(node);

        return NGX_OK;
    }

    if (node->type != NGX_LLM_JSON_ARRAY) {
        return ngx_llm_anthropic_refuse(rd, at, NULL,
                                     "must be a string or an array of blocks");
    }

    inner.up = at;
    inner.name = NULL;
    inner.index = 0;

    for (item = node->child; item; item = item->next) {

        rc = ngx_llm_anthropic_read_block(rd, item, in, &inner);

        if (rc != NGX_OK) {
            return rc;
        }

        inner.index++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_block(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_uint_t in, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t                   rc;
    ngx_str_t                   type;
    ngx_llm_part_t             *part;
    ngx_llm_anthropic_block_t  *block;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_anthropic_refuse(rd, at, NULL, "must be an object");
    }

    rc = ngx_llm_anthropic_need(rd, node, "type", &type, at);
    if (rc != NGX_OK) {
        return rc;
    }

    for (block = ngx_llm_anthropic_blocks; block->name; block++) {

        if (!ngx_llm_json_is(&type, block->name)) {
            continue;
        }

        if (!(block->in & in)) {
            return ngx_llm_anthropic_refuse(rd, at, "type",
                                            "is not allowed here");
        }

        return block->handler(rd, node, at);
    }

    /* blocks of the server's own tools, and of versions to come */

    if (in & (NGX_LLM_ANTHROPIC_IN_SYSTEM|NGX_LLM_ANTHROPIC_IN_DOCUMENT)) {
        return ngx_llm_anthropic_refuse(rd, at, "type", "is not allowed here");
    }

    part = ngx_llm_anthropic_add_part(rd, NGX_LLM_PART_OTHER, node);

    return part ? NGX_OK : NGX_ERROR;
}


static ngx_llm_part_t *
ngx_llm_anthropic_add_part(ngx_llm_anthropic_read_t *rd, ngx_llm_part_e type,
    ngx_llm_json_t *node)
{
    ngx_llm_part_t  *part;

    part = ngx_llm_chat_add_part(rd->chat->pool, rd->parts, type);
    if (part == NULL) {
        return NULL;
    }

    part->node = node;
    part->cache_control = ngx_llm_anthropic_get_object(node, "cache_control");

    return part;
}


static ngx_int_t
ngx_llm_anthropic_read_text(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_llm_part_t  *part;

    part = ngx_llm_anthropic_add_part(rd, NGX_LLM_PART_TEXT, node);
    if (part == NULL) {
        return NGX_ERROR;
    }

    return ngx_llm_anthropic_need(rd, node, "text", &part->text, at);
}


static ngx_int_t
ngx_llm_anthropic_read_image(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_llm_json_t          *source;
    ngx_llm_anthropic_at_t   inner;

    source = ngx_llm_anthropic_get_object(node, "source");

    if (source == NULL) {
        return ngx_llm_anthropic_refuse(rd, at, "source", "must be an object");
    }

    inner.up = at;
    inner.name = "source";

    rd->chat->has_images = 1;

    return ngx_llm_anthropic_read_source(rd, node, source, NGX_LLM_PART_IMAGE,
                                         &inner);
}


static ngx_int_t
ngx_llm_anthropic_read_document(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_str_t                type;
    ngx_llm_json_t          *source;
    ngx_llm_anthropic_at_t   inner;

    source = ngx_llm_anthropic_get_object(node, "source");

    if (source == NULL) {
        return ngx_llm_anthropic_refuse(rd, at, "source", "must be an object");
    }

    inner.up = at;
    inner.name = "source";

    type = ngx_llm_json_str(source, "type");

    if (type.data
        && (ngx_llm_json_is(&type, "text")
            || ngx_llm_json_is(&type, "content")))
    {
        return ngx_llm_anthropic_read_document_text(rd, node, source, &inner);
    }

    return ngx_llm_anthropic_read_source(rd, node, source, NGX_LLM_PART_FILE,
                                         &inner);
}


/*
 * a document in plain text or in blocks: title and context, if there are any,
 * go before it
 */

static ngx_int_t
ngx_llm_anthropic_read_document_text(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_json_t *source, ngx_llm_anthropic_at_t *at)
{
    char                    *name;
    ngx_int_t                rc;
    ngx_str_t                text, title, context;
    ngx_llm_out_t            out;
    ngx_llm_json_t          *content;
    ngx_llm_anthropic_at_t   inner;

    ngx_str_null(&text);

    title = ngx_llm_json_str(node, "title");
    context = ngx_llm_json_str(node, "context");

    content = ngx_llm_json_set(source, "content");
    name = content ? "content" : "data";

    if (content == NULL || content->type == NGX_LLM_JSON_STRING) {
        rc = ngx_llm_anthropic_need(rd, source, name, &text, at);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (text.data || title.len || context.len) {
        ngx_llm_out_init(&out, rd->chat->pool, NULL, 0,
                         rd->chat->text.len + 4);

        (void) ngx_llm_out_reserve(&out, title.len + context.len + text.len
                                         + 4);

        ngx_llm_anthropic_join(&out, &title);
        ngx_llm_anthropic_join(&out, &context);
        ngx_llm_anthropic_join(&out, &text);

        if (ngx_llm_anthropic_add_joined(rd, &out, node) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (text.data) {
        return NGX_OK;
    }

    inner.up = at;
    inner.name = name;

    return ngx_llm_anthropic_read_content(rd, content,
                                          NGX_LLM_ANTHROPIC_IN_DOCUMENT,
                                          &inner);
}


/* the source of an image or of a document that is a file */

static ngx_int_t
ngx_llm_anthropic_read_source(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_json_t *source, ngx_llm_part_e type,
    ngx_llm_anthropic_at_t *at)
{
    ngx_int_t        rc;
    ngx_str_t        kind, media_type;
    ngx_llm_part_t  *part;

    rc = ngx_llm_anthropic_need(rd, source, "type", &kind, at);
    if (rc != NGX_OK) {
        return rc;
    }

    part = ngx_llm_anthropic_add_part(rd, type, node);
    if (part == NULL) {
        return NGX_ERROR;
    }

    if (type == NGX_LLM_PART_FILE) {
        part->name = ngx_llm_json_str(node, "title");
    }

    if (ngx_llm_json_is(&kind, "url")) {
        return ngx_llm_anthropic_need(rd, source, "url", &part->url, at);
    }

    if (ngx_llm_json_is(&kind, "file")) {
        return ngx_llm_anthropic_need(rd, source, "file_id", &part->id, at);
    }

    if (!ngx_llm_json_is(&kind, "base64")) {
        part->type = NGX_LLM_PART_OTHER;
        return NGX_OK;
    }

    rc = ngx_llm_anthropic_need(rd, source, "media_type", &media_type, at);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_llm_anthropic_get_plain(rd, &media_type, &part->media_type)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_anthropic_need(rd, source, "data", &part->data, at);
}


static ngx_int_t
ngx_llm_anthropic_read_search(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t                rc;
    ngx_str_t                text;
    ngx_llm_out_t            out;
    ngx_llm_json_t          *content, *item;
    ngx_llm_anthropic_at_t   inner, list;

    content = ngx_llm_json_set(node, "content");

    if (content == NULL || content->type != NGX_LLM_JSON_ARRAY) {
        return ngx_llm_anthropic_refuse(rd, at, "content", "must be an array");
    }

    ngx_llm_out_init(&out, rd->chat->pool, NULL, 0, rd->chat->text.len + 4);

    rc = ngx_llm_anthropic_may(rd, node, "title", &text, at);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_anthropic_join(&out, &text);

    rc = ngx_llm_anthropic_may(rd, node, "source", &text, at);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_anthropic_join(&out, &text);

    list.up = at;
    list.name = "content";

    inner.up = &list;
    inner.name = NULL;
    inner.index = 0;

    for (item = content->child; item; item = item->next) {

        if (item->type != NGX_LLM_JSON_OBJECT) {
            return ngx_llm_anthropic_refuse(rd, &inner, NULL,
                                            "must be an object");
        }

        rc = ngx_llm_anthropic_need(rd, item, "text", &text, &inner);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_llm_anthropic_join(&out, &text);

        inner.index++;
    }

    return ngx_llm_anthropic_add_joined(rd, &out, node);
}


static ngx_int_t
ngx_llm_anthropic_add_joined(ngx_llm_anthropic_read_t *rd, ngx_llm_out_t *out,
    ngx_llm_json_t *node)
{
    ngx_llm_part_t  *part;

    if (out->failed) {
        return NGX_ERROR;
    }

    part = ngx_llm_anthropic_add_part(rd, NGX_LLM_PART_TEXT, node);
    if (part == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&part->text, "");

    if (ngx_llm_out_len(out)) {
        part->text.len = ngx_llm_out_len(out);
        part->text.data = out->start;
    }

    return NGX_OK;
}


static void
ngx_llm_anthropic_join(ngx_llm_out_t *out, ngx_str_t *text)
{
    if (text->len == 0) {
        return;
    }

    if (ngx_llm_out_len(out)) {
        ngx_llm_out_lit(out, "\\n");
    }

    ngx_llm_out_str(out, text);
}


static ngx_int_t
ngx_llm_anthropic_read_thinking(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t        rc;
    ngx_llm_part_t  *part;

    part = ngx_llm_anthropic_add_part(rd, NGX_LLM_PART_REASONING, node);
    if (part == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_llm_anthropic_need(rd, node, "thinking", &part->text, at);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_llm_anthropic_may(rd, node, "signature", &part->signature, at);
}


static ngx_int_t
ngx_llm_anthropic_read_redacted(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_llm_part_t  *part;

    part = ngx_llm_anthropic_add_part(rd, NGX_LLM_PART_REDACTED, node);
    if (part == NULL) {
        return NGX_ERROR;
    }

    return ngx_llm_anthropic_need(rd, node, "data", &part->data, at);
}


static ngx_int_t
ngx_llm_anthropic_read_tool_use(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t        rc;
    ngx_llm_part_t  *part;
    ngx_llm_json_t  *input;

    part = ngx_llm_anthropic_add_part(rd, NGX_LLM_PART_TOOL_CALL, node);
    if (part == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_llm_anthropic_need_text(rd, node, "id", &part->id, at);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_need_text(rd, node, "name", &part->name, at);
    if (rc != NGX_OK) {
        return rc;
    }

    input = ngx_llm_anthropic_get_object(node, "input");

    if (input == NULL) {
        return ngx_llm_anthropic_refuse(rd, at, "input", "must be an object");
    }

    part->input = input->raw;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_tool_result(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at)
{
    ngx_int_t                rc;
    ngx_llm_part_t         **parts;
    ngx_llm_json_t          *content;
    ngx_llm_message_t       *message;
    ngx_llm_anthropic_at_t   inner;

    if (ngx_llm_anthropic_add_message(rd, NGX_LLM_ROLE_TOOL, node) != NGX_OK) {
        return NGX_ERROR;
    }

    message = rd->last;

    rc = ngx_llm_anthropic_need_text(rd, node, "tool_use_id",
                                     &message->tool_call_id, at);
    if (rc != NGX_OK) {
        return rc;
    }

    message->is_error = ngx_llm_json_true(node, "is_error") ? 1 : 0;
    message->cache_control = ngx_llm_anthropic_get_object(node,
                                                          "cache_control");

    content = ngx_llm_json_set(node, "content");

    if (content == NULL) {
        return NGX_OK;
    }

    inner.up = at;
    inner.name = "content";

    parts = rd->parts;
    rd->parts = &message->parts;

    rc = ngx_llm_anthropic_read_content(rd, content,
                                        NGX_LLM_ANTHROPIC_IN_RESULT, &inner);
    rd->parts = parts;

    return rc;
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

static ngx_int_t
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


static ngx_int_t
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


static ngx_int_t
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


static ngx_int_t
ngx_llm_anthropic_get_plain(ngx_llm_anthropic_read_t *rd, ngx_str_t *escaped,
    ngx_str_t *plain)
{
    *plain = ngx_llm_json_plain(rd->chat->pool, escaped);

    return plain->data ? NGX_OK : NGX_ERROR;
}


static ngx_llm_json_t *
ngx_llm_anthropic_get_object(ngx_llm_json_t *node, char *name)
{
    ngx_llm_json_t  *member;

    member = ngx_llm_json_set(node, name);

    if (member == NULL || member->type != NGX_LLM_JSON_OBJECT) {
        return NULL;
    }

    return member;
}


static ngx_int_t
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

ngx_int_t
ngx_llm_anthropic_edit_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *edits, ngx_llm_error_t *err)
{
    ngx_llm_out_t    out;
    ngx_llm_edit_t  *edit;

    if (chat->model_node == NULL
        || (chat->model.len == target->model.len
            && ngx_memcmp(chat->model.data, target->model.data,
                          target->model.len)
               == 0))
    {
        return NGX_OK;
    }

    /* each byte of the name may become an escape of six */

    ngx_llm_out_init(&out, chat->pool, NULL, 0, 6 * target->model.len + 2);

    ngx_llm_out_json_string(&out, &target->model);

    if (out.failed) {
        return NGX_ERROR;
    }

    edit = ngx_array_push(edits);
    if (edit == NULL) {
        return NGX_ERROR;
    }

    edit->pos = chat->model_node->raw.data;
    edit->del = chat->model_node->raw.len;
    edit->text.len = ngx_llm_out_len(&out);
    edit->text.data = out.start;

    return NGX_OK;
}


void
ngx_llm_anthropic_write_error(ngx_llm_error_t *err, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "{\"type\":\"error\",\"error\":");
    ngx_llm_anthropic_error_body(err, out);
    ngx_llm_out_lit(out, ",\"request_id\":null}");
}


void
ngx_llm_anthropic_write_stream_error(ngx_llm_error_t *err, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "event: error\n"
                         "data: {\"type\":\"error\",\"error\":");
    ngx_llm_anthropic_error_body(err, out);
    ngx_llm_out_lit(out, "}\n\n");
}


static void
ngx_llm_anthropic_error_body(ngx_llm_error_t *err, ngx_llm_out_t *out)
{
    ngx_str_t  type;

    type.data = (u_char *) ngx_llm_anthropic_error_type(err);
    type.len = ngx_strlen(type.data);

    ngx_llm_out_lit(out, "{\"type\":");
    ngx_llm_out_quoted(out, &type);
    ngx_llm_out_lit(out, ",\"message\":\"");
    ngx_llm_out_str(out, &err->message);

    if (ngx_llm_anthropic_too_long(err)) {

        /* coding agents shorten the conversation when they read this */

        ngx_llm_out_lit(out, " (capability_rejected: prompt_too_long)");
    }

    ngx_llm_out_lit(out, "\"}");
}


static char *
ngx_llm_anthropic_error_type(ngx_llm_error_t *err)
{
    ngx_llm_anthropic_status_t  *status;

    /* no words of the client: plain is as good as escaped here */

    if ((err->type.len && ngx_llm_json_is(&err->type, "insufficient_quota"))
        || (err->code.len
            && ngx_llm_json_is(&err->code, "insufficient_quota")))
    {
        return "billing_error";
    }

    for (status = ngx_llm_anthropic_statuses; status->status; status++) {
        if (status->status == err->status) {
            return status->type;
        }
    }

    if (err->status >= 500) {
        return "api_error";
    }

    if (err->status >= 400) {
        return "invalid_request_error";
    }

    /* an error within a stream has no status of its own */

    if (err->fail & NGX_LLM_FAIL_RATE_LIMIT) {
        return "rate_limit_error";
    }

    if (err->fail & NGX_LLM_FAIL_OVERLOADED) {
        return "overloaded_error";
    }

    if (err->fail & NGX_LLM_FAIL_TIMEOUT) {
        return "timeout_error";
    }

    if (err->fail & (NGX_LLM_FAIL_CONTEXT|NGX_LLM_FAIL_CONTENT
                     |NGX_LLM_FAIL_REQUEST))
    {
        return "invalid_request_error";
    }

    return "api_error";
}


static ngx_uint_t
ngx_llm_anthropic_too_long(ngx_llm_error_t *err)
{
    u_char  *p, *last;

    if (err->code.len == 0
        || !ngx_llm_json_is(&err->code, "context_length_exceeded"))
    {
        return 0;
    }

    if (err->message.len == 0) {
        return 1;
    }

    p = err->message.data;
    last = p + err->message.len;

    return ngx_strlcasestrn(p, last, (u_char *) "prompt is too long",
                            sizeof("prompt is too long") - 2)
           == NULL;
}
