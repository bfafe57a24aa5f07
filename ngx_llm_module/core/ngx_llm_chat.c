
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_chat.h"


typedef struct {
    ngx_llm_message_t   message;
    ngx_llm_part_t      part;
} ngx_llm_opened_t;


static ngx_int_t ngx_llm_chat_prompt_message(ngx_llm_message_t *message,
    ngx_llm_prompt_pt handler, void *data);
static ngx_int_t ngx_llm_media_type(ngx_str_t *escaped, ngx_str_t *plain);


/* what clients send escaped ("image\/png"), to be named without a copy */

static ngx_str_t  ngx_llm_media_types[] = {
    ngx_string("image/png"),
    ngx_string("image/jpeg"),
    ngx_string("image/jpg"),
    ngx_string("image/gif"),
    ngx_string("image/webp"),
    ngx_string("image/bmp"),
    ngx_string("image/tiff"),
    ngx_string("image/heic"),
    ngx_string("image/heif"),
    ngx_string("image/avif"),
    ngx_string("image/svg+xml"),
    ngx_string("application/pdf"),
    ngx_string("application/json"),
    ngx_string("application/octet-stream"),
    ngx_string("text/plain"),
    ngx_string("text/html"),
    ngx_string("text/csv"),
    ngx_string("text/markdown"),
    ngx_string("audio/wav"),
    ngx_string("audio/mpeg"),
    ngx_string("audio/mp3"),
    ngx_string("audio/mp4"),
    ngx_string("audio/ogg"),
    ngx_string("audio/flac"),
    ngx_string("audio/aac"),
    ngx_string("audio/webm"),
    ngx_string("video/mp4"),
    ngx_string("video/webm"),
    ngx_string("video/mpeg"),
    ngx_string("video/quicktime"),
    ngx_null_string
};


void
ngx_llm_chat_init(ngx_llm_chat_t *chat, ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_memzero(chat, sizeof(ngx_llm_chat_t));

    chat->pool = pool;
    chat->text = *text;
    chat->max_tokens = -1;
}


ngx_int_t
ngx_llm_chat_open(ngx_llm_chat_t *chat)
{
    ngx_uint_t           i, n;
    ngx_llm_part_t      *part;
    ngx_llm_plain_t     *plain;
    ngx_llm_opened_t    *opened;
    ngx_llm_message_t   *message, **link;

    if (chat->plain == NULL) {
        return NGX_OK;
    }

    plain = chat->plain->elts;
    n = chat->plain->nelts;

    opened = ngx_pcalloc(chat->pool, n * sizeof(ngx_llm_opened_t));
    if (opened == NULL) {
        return NGX_ERROR;
    }

    chat->plain = NULL;

    link = &chat->messages;

    for (i = 0; i < n; i++) {

        message = &opened[i].message;
        message->role = plain[i].role;
        message->index = i;

        *link = message;
        link = &message->next;

        if (plain[i].text.len) {
            part = &opened[i].part;
            part->type = NGX_LLM_PART_TEXT;
            part->text = plain[i].text;
            part->last = part;

            message->parts = part;
        }
    }

    return NGX_OK;
}


ngx_llm_message_t *
ngx_llm_chat_add_plain(ngx_llm_chat_t *chat, ngx_llm_plain_t *plain,
    ngx_llm_message_t *last)
{
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *message;

    message = ngx_llm_chat_add_message(chat, plain->role, last);

    if (message == NULL || plain->text.len == 0) {
        return message;
    }

    part = ngx_llm_chat_add_part(chat->pool, &message->parts,
                                 NGX_LLM_PART_TEXT);
    if (part == NULL) {
        return NULL;
    }

    part->text = plain->text;

    return message;
}


ngx_llm_message_t *
ngx_llm_chat_add_message(ngx_llm_chat_t *chat, ngx_llm_role_e role,
    ngx_llm_message_t *last)
{
    ngx_llm_message_t  *message, **link;

    message = ngx_pcalloc(chat->pool, sizeof(ngx_llm_message_t));
    if (message == NULL) {
        return NULL;
    }

    message->role = role;
    message->index = chat->nmessages++;

    link = last ? &last->next : &chat->messages;

    while (*link) {
        link = &(*link)->next;
    }

    *link = message;

    return message;
}


ngx_int_t
ngx_llm_chat_unknown(ngx_llm_chat_t *chat, ngx_llm_json_t *member)
{
    ngx_llm_json_t  **unknown;

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

    *unknown = member;

    return NGX_OK;
}


ngx_llm_part_t *
ngx_llm_chat_add_part(ngx_pool_t *pool, ngx_llm_part_t **list,
    ngx_llm_part_e type)
{
    ngx_llm_part_t  *part, *last;

    part = ngx_pcalloc(pool, sizeof(ngx_llm_part_t));
    if (part == NULL) {
        return NULL;
    }

    part->type = type;
    part->last = part;

    if (*list == NULL) {
        *list = part;
        return part;
    }

    /* the first one knows the last, unless they were linked by hand */

    last = (*list)->last ? (*list)->last : *list;

    while (last->next) {
        last = last->next;
    }

    last->next = part;
    (*list)->last = part;

    return part;
}


ngx_llm_tool_t *
ngx_llm_chat_add_tool(ngx_llm_chat_t *chat, ngx_llm_tool_t *last)
{
    ngx_llm_tool_t  *tool, **link;

    tool = ngx_pcalloc(chat->pool, sizeof(ngx_llm_tool_t));
    if (tool == NULL) {
        return NULL;
    }

    chat->ntools++;

    link = last ? &last->next : &chat->tools;

    while (*link) {
        link = &(*link)->next;
    }

    *link = tool;

    return tool;
}


ngx_int_t
ngx_llm_response_init(ngx_llm_response_t *res, ngx_pool_t *pool)
{
    ngx_memzero(res, sizeof(ngx_llm_response_t));

    res->pool = pool;
    ngx_llm_usage_init(&res->usage);

    return ngx_array_init(&res->choices, pool, 1, sizeof(ngx_llm_choice_t));
}


ngx_int_t
ngx_llm_part_input(ngx_pool_t *pool, ngx_llm_part_t *part, ngx_str_t *raw)
{
    size_t           i;
    ngx_str_t        plain;
    ngx_llm_json_t  *node;

    if (part->input.len) {
        *raw = part->input;
        return NGX_OK;
    }

    plain = ngx_llm_json_plain(pool, &part->arguments);

    if (plain.data == NULL && part->arguments.data) {
        return NGX_ERROR;
    }

    for (i = 0; i < plain.len; i++) {
        if (plain.data[i] != ' ' && plain.data[i] != '\t'
            && plain.data[i] != CR && plain.data[i] != LF)
        {
            break;
        }
    }

    if (i == plain.len) {
        ngx_str_set(raw, "{}");
        return NGX_OK;
    }

    node = ngx_llm_json_parse(pool, &plain, NULL);

    if (node == NULL) {
        return NGX_DECLINED;
    }

    if (node->type == NGX_LLM_JSON_NULL) {
        ngx_str_set(raw, "{}");
        return NGX_OK;
    }

    if (node->type != NGX_LLM_JSON_OBJECT) {
        return NGX_DECLINED;
    }

    *raw = node->raw;

    return NGX_OK;
}


void
ngx_llm_part_arguments(ngx_llm_part_t *part, ngx_llm_out_t *out)
{
    if (part->arguments.len) {
        ngx_llm_out_str(out, &part->arguments);

    } else if (part->input.len) {
        ngx_llm_out_escape_raw(out, &part->input);

    } else {
        ngx_llm_out_lit(out, "{}");
    }
}


ngx_int_t
ngx_llm_data_url(ngx_str_t *url, ngx_str_t *media_type, ngx_str_t *data)
{
    u_char     *p, *semicolon, *comma, *last;
    ngx_str_t   type;

    if (url->len < sizeof("data:") - 1
        || ngx_strncasecmp(url->data, (u_char *) "data:",
                           sizeof("data:") - 1)
           != 0)
    {
        return NGX_DECLINED;
    }

    p = url->data + sizeof("data:") - 1;
    last = url->data + url->len;

    comma = ngx_strlchr(p, last, ',');

    if (comma == NULL || comma + 1 == last) {
        return NGX_ERROR;
    }

    if ((size_t) (comma - p) < sizeof(";base64") - 1
        || ngx_strncasecmp(comma - (sizeof(";base64") - 1),
                           (u_char *) ";base64", sizeof(";base64") - 1)
           != 0)
    {
        return NGX_ERROR;
    }

    semicolon = ngx_strlchr(p, comma, ';');

    type.data = p;
    type.len = semicolon - p;

    if (ngx_llm_media_type(&type, media_type) != NGX_OK) {
        return NGX_ERROR;
    }

    data->data = comma + 1;
    data->len = last - data->data;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_media_type(ngx_str_t *escaped, ngx_str_t *plain)
{
    ngx_uint_t  i;

    if (escaped->len == 0) {

        /* RFC 2397, 2 */

        ngx_str_set(plain, "text/plain");
        return NGX_OK;
    }

    if (ngx_strlchr(escaped->data, escaped->data + escaped->len, '\\')
        == NULL)
    {
        *plain = *escaped;
        return NGX_OK;
    }

    for (i = 0; ngx_llm_media_types[i].len; i++) {

        if (ngx_llm_json_is(escaped, (char *) ngx_llm_media_types[i].data)) {
            *plain = ngx_llm_media_types[i];
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


ngx_int_t
ngx_llm_chat_prompt(ngx_llm_chat_t *chat, ngx_uint_t last_only,
    ngx_llm_prompt_pt handler, void *data)
{
    ngx_int_t           rc;
    ngx_llm_message_t  *message, *user;

    if (ngx_llm_chat_open(chat) != NGX_OK) {
        return NGX_ERROR;
    }

    user = NULL;

    for (message = chat->messages; message; message = message->next) {

        if (last_only) {
            if (message->role == NGX_LLM_ROLE_USER) {
                user = message;
            }

            continue;
        }

        rc = ngx_llm_chat_prompt_message(message, handler, data);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (user) {
        return ngx_llm_chat_prompt_message(user, handler, data);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_chat_prompt_message(ngx_llm_message_t *message,
    ngx_llm_prompt_pt handler, void *data)
{
    ngx_int_t        rc;
    ngx_llm_part_t  *part;

    if (message->role == NGX_LLM_ROLE_TOOL) {
        return NGX_OK;
    }

    for (part = message->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_TEXT) {
            continue;
        }

        rc = handler(data, &part->text);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}
