
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The messages of a client's request.
 */


#include "ngx_llm_openai.h"


typedef struct {
    char             *name;
    ngx_llm_role_e    role;
    unsigned          legacy:1;
} ngx_llm_openai_role_t;


static ngx_int_t ngx_llm_openai_read_node(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_message_t **last);
static ngx_int_t ngx_llm_openai_read_message(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message);
static const ngx_llm_openai_role_t *ngx_llm_openai_role(ngx_str_t *name);
static ngx_int_t ngx_llm_openai_read_content(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_json_t *content);
static ngx_int_t ngx_llm_openai_read_part(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_json_t *node, ngx_uint_t n);
static ngx_int_t ngx_llm_openai_read_image(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_part_t *part, ngx_uint_t n);
static ngx_int_t ngx_llm_openai_read_audio(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_part_t *part, ngx_uint_t n);
static ngx_int_t ngx_llm_openai_read_file(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_part_t *part, ngx_uint_t n);
static ngx_int_t ngx_llm_openai_read_mark(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node, ngx_llm_json_t **mark);
static ngx_int_t ngx_llm_openai_read_calls(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message);
static ngx_int_t ngx_llm_openai_read_call(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_json_t *node, ngx_uint_t n);
static ngx_int_t ngx_llm_openai_read_function_call(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message);
static ngx_int_t ngx_llm_openai_read_arguments(ngx_llm_part_t *part,
    ngx_llm_json_t *function);


static const ngx_llm_openai_role_t  ngx_llm_openai_roles[] = {
    { "user",      NGX_LLM_ROLE_USER,      0 },
    { "assistant", NGX_LLM_ROLE_ASSISTANT, 0 },
    { "tool",      NGX_LLM_ROLE_TOOL,      0 },
    { "system",    NGX_LLM_ROLE_SYSTEM,    0 },
    { "developer", NGX_LLM_ROLE_DEVELOPER, 0 },
    { "function",  NGX_LLM_ROLE_TOOL,      1 },
    { NULL,        NGX_LLM_ROLE_USER,      0 }
};


static ngx_str_t  ngx_llm_openai_ephemeral =
    ngx_string("{\"type\":\"ephemeral\"}");


/* messages that were taken, and those that have a node, in their order */

ngx_int_t
ngx_llm_openai_read_messages(ngx_llm_openai_read_t *rd)
{
    ngx_int_t           rc;
    ngx_uint_t          i, n;
    ngx_llm_chat_t     *chat;
    ngx_llm_json_t     *node;
    ngx_llm_plain_t    *plain;
    ngx_llm_message_t  *message;

    chat = rd->chat;
    node = rd->messages->child;
    plain = NULL;
    n = 0;

    if (chat->plain) {
        plain = chat->plain->elts;
        n = chat->plain->nelts;
    }

    if (node == NULL) {

        if (n == 0) {
            return ngx_llm_openai_bad(rd, "must not be empty", "messages");
        }

        chat->nmessages = n;

        return NGX_OK;
    }

    chat->plain = NULL;

    i = 0;
    message = NULL;

    while (node || i < n) {

        if (i < n && (node == NULL || plain[i].text.data < node->begin)) {
            message = ngx_llm_chat_add_plain(chat, &plain[i++], message);
            if (message == NULL) {
                return NGX_ERROR;
            }

            continue;
        }

        rc = ngx_llm_openai_read_node(rd, node, &message);
        if (rc != NGX_OK) {
            return rc;
        }

        node = node->next;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_node(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node,
    ngx_llm_message_t **last)
{
    ngx_str_t                     role;
    ngx_uint_t                    n;
    ngx_llm_message_t            *message;
    const ngx_llm_openai_role_t  *r;

    n = rd->chat->nmessages;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_openai_bad(rd, "must be an object", "messages[%ui]",
                                  n);
    }

    role = ngx_llm_json_str(node, "role");

    if (role.data == NULL) {
        return ngx_llm_openai_bad(rd, "must be a string",
                                  "messages[%ui].role", n);
    }

    r = ngx_llm_openai_role(&role);

    if (r == NULL) {
        return ngx_llm_openai_bad(rd, "is unknown", "messages[%ui].role", n);
    }

    message = ngx_llm_chat_add_message(rd->chat, r->role, *last);
    if (message == NULL) {
        return NGX_ERROR;
    }

    *last = message;

    message->legacy = r->legacy;
    message->node = node;
    message->name = ngx_llm_json_str(node, "name");

    return ngx_llm_openai_read_message(rd, message);
}


static const ngx_llm_openai_role_t *
ngx_llm_openai_role(ngx_str_t *name)
{
    const ngx_llm_openai_role_t  *r;

    for (r = ngx_llm_openai_roles; r->name; r++) {
        if (ngx_llm_json_is(name, r->name)) {
            return r;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_llm_openai_read_message(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message)
{
    ngx_int_t        rc;
    ngx_llm_json_t  *node, *content;
    ngx_llm_part_t  *part;

    node = message->node;
    content = ngx_llm_json_set(node, "content");

    rc = ngx_llm_openai_read_mark(rd, node, &message->cache_control);
    if (rc != NGX_OK) {
        return rc;
    }

    switch (message->role) {

    case NGX_LLM_ROLE_ASSISTANT:

        if (ngx_llm_openai_reasoning(rd->chat->pool, node, &message->parts)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        break;

    case NGX_LLM_ROLE_TOOL:

        if (message->legacy) {

            if (message->name.len == 0) {
                return ngx_llm_openai_bad(rd, "is required",
                                          "messages[%ui].name",
                                          message->index);
            }

            break;
        }

        message->tool_call_id = ngx_llm_json_str(node, "tool_call_id");
        message->is_error = ngx_llm_json_true(node, "is_error");

        if (message->tool_call_id.data == NULL) {
            return ngx_llm_openai_bad(rd, "is required",
                                      "messages[%ui].tool_call_id",
                                      message->index);
        }

        break;

    default: /* system, developer, user */

        if (content == NULL) {
            return ngx_llm_openai_bad(rd, "must be a string or an array",
                                      "messages[%ui].content",
                                      message->index);
        }
    }

    if (content) {
        rc = ngx_llm_openai_read_content(rd, message, content);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (message->role != NGX_LLM_ROLE_ASSISTANT) {
        return NGX_OK;
    }

    content = ngx_llm_json_get(node, "refusal");

    if (content && content->type == NGX_LLM_JSON_STRING
        && content->raw.len > 2)
    {
        part = ngx_llm_chat_add_part(rd->chat->pool, &message->parts,
                                     NGX_LLM_PART_REFUSAL);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = ngx_llm_json_text(content);
    }

    rc = ngx_llm_openai_read_calls(rd, message);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_llm_openai_read_function_call(rd, message);
}


static ngx_int_t
ngx_llm_openai_read_content(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_json_t *content)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    ngx_uint_t       n;
    ngx_llm_json_t  *node;
    ngx_llm_part_t  *part;

    if (content->type == NGX_LLM_JSON_STRING) {

        text = ngx_llm_json_text(content);

        if (text.len == 0) {
            return NGX_OK;
        }

        part = ngx_llm_chat_add_part(rd->chat->pool, &message->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = text;

        return NGX_OK;
    }

    if (content->type != NGX_LLM_JSON_ARRAY) {
        return ngx_llm_openai_bad(rd, "must be a string or an array",
                                  "messages[%ui].content", message->index);
    }

    n = 0;

    for (node = content->child; node; node = node->next, n++) {

        rc = ngx_llm_openai_read_part(rd, message, node, n);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_part(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_json_t *node, ngx_uint_t n)
{
    ngx_int_t        rc;
    ngx_str_t        type;
    ngx_pool_t      *pool;
    ngx_llm_part_t  *part;

    pool = rd->chat->pool;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_openai_bad(rd, "must be an object",
                                  "messages[%ui].content[%ui]",
                                  message->index, n);
    }

    type = ngx_llm_json_str(node, "type");

    if (type.data == NULL) {
        return ngx_llm_openai_bad(rd, "must be a string",
                                  "messages[%ui].content[%ui].type",
                                  message->index, n);
    }

    if (message->role == NGX_LLM_ROLE_ASSISTANT) {

        rc = ngx_llm_openai_thinking(pool, node, &message->parts);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    part = ngx_llm_chat_add_part(pool, &message->parts, NGX_LLM_PART_OTHER);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->node = node;

    if (ngx_llm_openai_read_mark(rd, node, &part->cache_control) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_llm_json_is(&type, "text")) {

        part->type = NGX_LLM_PART_TEXT;
        part->text = ngx_llm_json_str(node, "text");

        if (part->text.data == NULL) {
            return ngx_llm_openai_bad(rd, "must be a string",
                                      "messages[%ui].content[%ui].text",
                                      message->index, n);
        }

        return NGX_OK;
    }

    if (ngx_llm_json_is(&type, "refusal")) {

        part->type = NGX_LLM_PART_REFUSAL;
        part->text = ngx_llm_json_str(node, "refusal");

        if (part->text.data == NULL) {
            return ngx_llm_openai_bad(rd, "must be a string",
                                      "messages[%ui].content[%ui].refusal",
                                      message->index, n);
        }

        return NGX_OK;
    }

    if (ngx_llm_json_is(&type, "image_url")) {
        return ngx_llm_openai_read_image(rd, message, part, n);
    }

    if (ngx_llm_json_is(&type, "input_audio")) {
        return ngx_llm_openai_read_audio(rd, message, part, n);
    }

    if (ngx_llm_json_is(&type, "file")) {
        return ngx_llm_openai_read_file(rd, message, part, n);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_image(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_part_t *part, ngx_uint_t n)
{
    ngx_int_t        rc;
    ngx_str_t        url;
    ngx_llm_json_t  *node;

    part->type = NGX_LLM_PART_IMAGE;
    rd->chat->has_images = 1;

    node = ngx_llm_json_get(part->node, "image_url");

    if (node && node->type == NGX_LLM_JSON_STRING) {

        /* an old habit of clients */

        url = ngx_llm_json_text(node);

    } else {
        url = ngx_llm_json_str(node, "url");
    }

    if (url.len == 0) {
        return ngx_llm_openai_bad(rd, "must be a string that is not empty",
                                  "messages[%ui].content[%ui].image_url.url",
                                  message->index, n);
    }

    rc = ngx_llm_data_url(&url, &part->media_type, &part->data);

    if (rc == NGX_ERROR) {
        return ngx_llm_openai_bad(rd, "must be base64 where it is a data: URL",
                                  "messages[%ui].content[%ui].image_url.url",
                                  message->index, n);
    }

    if (rc == NGX_DECLINED) {
        part->url = url;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_audio(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_part_t *part, ngx_uint_t n)
{
    u_char          *p;
    ngx_str_t        format;
    ngx_llm_json_t  *node;

    part->type = NGX_LLM_PART_AUDIO;

    node = ngx_llm_json_get(part->node, "input_audio");

    part->data = ngx_llm_json_str(node, "data");

    if (part->data.data == NULL) {
        return ngx_llm_openai_bad(rd, "must be a string",
                                  "messages[%ui].content[%ui]"
                                  ".input_audio.data",
                                  message->index, n);
    }

    format = ngx_llm_json_str(node, "format");
    format = ngx_llm_json_plain(rd->chat->pool, &format);

    if (format.len == 0 || format.len > 64) {
        return ngx_llm_openai_bad(rd, "must be a string",
                                  "messages[%ui].content[%ui]"
                                  ".input_audio.format",
                                  message->index, n);
    }

    p = ngx_pnalloc(rd->chat->pool, sizeof("audio/") - 1 + format.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    part->media_type.data = p;

    p = ngx_cpymem(p, "audio/", sizeof("audio/") - 1);
    p = ngx_cpymem(p, format.data, format.len);

    part->media_type.len = p - part->media_type.data;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_file(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_part_t *part, ngx_uint_t n)
{
    ngx_int_t        rc;
    ngx_str_t        data;
    ngx_llm_json_t  *node;

    part->type = NGX_LLM_PART_FILE;

    node = ngx_llm_json_get(part->node, "file");

    part->id = ngx_llm_json_str(node, "file_id");
    part->name = ngx_llm_json_str(node, "filename");
    part->url = ngx_llm_json_str(node, "file_url");

    data = ngx_llm_json_str(node, "file_data");

    if (data.len) {

        rc = ngx_llm_data_url(&data, &part->media_type, &part->data);

        if (rc == NGX_ERROR) {
            return ngx_llm_openai_bad(rd, "must be base64 where it is a data: "
                                      "URL",
                                      "messages[%ui].content[%ui]"
                                      ".file.file_data",
                                      message->index, n);
        }

        if (rc == NGX_DECLINED) {
            part->data = data;
            ngx_str_set(&part->media_type, "application/pdf");
        }

        return NGX_OK;
    }

    if (part->id.len == 0 && part->url.len == 0) {
        return ngx_llm_openai_bad(rd, "must have \"file_data\" or \"file_id\"",
                                  "messages[%ui].content[%ui].file",
                                  message->index, n);
    }

    return NGX_OK;
}


/* a mark for the prompt cache, in Anthropic's form and in OpenAI's */

static ngx_int_t
ngx_llm_openai_read_mark(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node,
    ngx_llm_json_t **mark)
{
    ngx_str_t        mode;
    ngx_llm_json_t  *value;

    value = ngx_llm_json_get(node, "cache_control");

    if (value && value->type == NGX_LLM_JSON_OBJECT) {
        *mark = value;
        return NGX_OK;
    }

    value = ngx_llm_json_get(node, "prompt_cache_breakpoint");
    mode = ngx_llm_json_str(value, "mode");

    if (!ngx_llm_json_is(&mode, "explicit")) {
        return NGX_OK;
    }

    *mark = ngx_llm_json_parse(rd->chat->pool, &ngx_llm_openai_ephemeral,
                               NULL);

    return *mark ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_llm_openai_read_calls(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message)
{
    ngx_int_t        rc;
    ngx_uint_t       n;
    ngx_llm_json_t  *calls, *node;

    calls = ngx_llm_json_set(message->node, "tool_calls");

    if (calls == NULL) {
        return NGX_OK;
    }

    if (calls->type != NGX_LLM_JSON_ARRAY) {
        return ngx_llm_openai_bad(rd, "must be an array",
                                  "messages[%ui].tool_calls", message->index);
    }

    n = 0;

    for (node = calls->child; node; node = node->next, n++) {

        rc = ngx_llm_openai_read_call(rd, message, node, n);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_call(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message, ngx_llm_json_t *node, ngx_uint_t n)
{
    ngx_int_t        rc;
    ngx_str_t        type;
    ngx_llm_json_t  *function;
    ngx_llm_part_t  *part;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_openai_bad(rd, "must be an object",
                                  "messages[%ui].tool_calls[%ui]",
                                  message->index, n);
    }

    part = ngx_llm_chat_add_part(rd->chat->pool, &message->parts,
                                 NGX_LLM_PART_TOOL_CALL);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->node = node;
    part->id = ngx_llm_json_str(node, "id");

    type = ngx_llm_json_str(node, "type");

    if (ngx_llm_json_is(&type, "custom")) {

        function = ngx_llm_json_get(node, "custom");

        part->custom = 1;
        part->name = ngx_llm_json_str(function, "name");
        part->text = ngx_llm_json_str(function, "input");

        if (part->name.len == 0) {
            return ngx_llm_openai_bad(rd, "is required",
                                      "messages[%ui].tool_calls[%ui]"
                                      ".custom.name",
                                      message->index, n);
        }

        return NGX_OK;
    }

    if (type.data && !ngx_llm_json_is(&type, "function")) {
        part->type = NGX_LLM_PART_OTHER;
        return NGX_OK;
    }

    function = ngx_llm_json_get(node, "function");

    part->name = ngx_llm_json_str(function, "name");

    if (part->name.len == 0) {
        return ngx_llm_openai_bad(rd, "is required",
                                  "messages[%ui].tool_calls[%ui]"
                                  ".function.name",
                                  message->index, n);
    }

    rc = ngx_llm_openai_read_arguments(part, function);

    if (rc == NGX_DECLINED) {
        return ngx_llm_openai_bad(rd, "must be a string",
                                  "messages[%ui].tool_calls[%ui]"
                                  ".function.arguments",
                                  message->index, n);
    }

    return rc;
}


static ngx_int_t
ngx_llm_openai_read_function_call(ngx_llm_openai_read_t *rd,
    ngx_llm_message_t *message)
{
    ngx_int_t        rc;
    ngx_llm_json_t  *function;
    ngx_llm_part_t  *part;

    function = ngx_llm_json_set(message->node, "function_call");

    if (function == NULL) {
        return NGX_OK;
    }

    if (function->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_openai_bad(rd, "must be an object",
                                  "messages[%ui].function_call",
                                  message->index);
    }

    part = ngx_llm_chat_add_part(rd->chat->pool, &message->parts,
                                 NGX_LLM_PART_TOOL_CALL);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->node = function;
    part->legacy = 1;
    part->name = ngx_llm_json_str(function, "name");

    if (part->name.len == 0) {
        return ngx_llm_openai_bad(rd, "is required",
                                  "messages[%ui].function_call.name",
                                  message->index);
    }

    rc = ngx_llm_openai_read_arguments(part, function);

    if (rc == NGX_DECLINED) {
        return ngx_llm_openai_bad(rd, "must be a string",
                                  "messages[%ui].function_call.arguments",
                                  message->index);
    }

    return rc;
}


/* text, but some clients send the object itself */

static ngx_int_t
ngx_llm_openai_read_arguments(ngx_llm_part_t *part, ngx_llm_json_t *function)
{
    ngx_llm_json_t  *node;

    node = ngx_llm_json_set(function, "arguments");

    if (node == NULL) {
        ngx_str_set(&part->arguments, "");
        return NGX_OK;
    }

    switch (node->type) {

    case NGX_LLM_JSON_STRING:
        part->arguments = ngx_llm_json_text(node);
        return NGX_OK;

    case NGX_LLM_JSON_OBJECT:
        part->input = node->raw;
        return NGX_OK;

    default:
        return NGX_DECLINED;
    }
}
