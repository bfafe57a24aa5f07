
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Anthropic's Messages API for clients: messages and their blocks.
 */


#include "ngx_llm_anthropic_client.h"


#define NGX_LLM_ANTHROPIC_MAX_MESSAGES  100000

/* where a block stands */

#define NGX_LLM_ANTHROPIC_IN_SYSTEM     0x01
#define NGX_LLM_ANTHROPIC_IN_USER       0x02
#define NGX_LLM_ANTHROPIC_IN_ASSISTANT  0x04
#define NGX_LLM_ANTHROPIC_IN_RESULT     0x08
#define NGX_LLM_ANTHROPIC_IN_DOCUMENT   0x10


typedef struct {
    char                      *name;
    ngx_uint_t                 in;
    ngx_llm_anthropic_read_pt  handler;
} ngx_llm_anthropic_block_t;


static ngx_int_t ngx_llm_anthropic_read_tool_result(
    ngx_llm_anthropic_read_t *rd, ngx_llm_json_t *node,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_tool_use(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_redacted(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_thinking(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_search(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_document(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_image(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_text(ngx_llm_anthropic_read_t *rd,
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
static ngx_int_t ngx_llm_anthropic_read_document_text(
    ngx_llm_anthropic_read_t *rd, ngx_llm_json_t *node, ngx_llm_json_t *source,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_read_source(ngx_llm_anthropic_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_json_t *source, ngx_llm_part_e type,
    ngx_llm_anthropic_at_t *at);
static ngx_int_t ngx_llm_anthropic_add_joined(ngx_llm_anthropic_read_t *rd,
    ngx_llm_out_t *out, ngx_llm_json_t *node);
static void ngx_llm_anthropic_join(ngx_llm_out_t *out, ngx_str_t *text);


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


ngx_int_t
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


ngx_int_t
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
