
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The request for a provider as the client's own text, with what must change:
 * the model's name, the question for usage, quirks, what the configuration
 * drops and sets.
 */


#include "ngx_llm_openai.h"
#include "ngx_llm_request.h"


static ngx_int_t ngx_llm_openai_edit_limit(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits, ngx_llm_json_t **second);
static ngx_int_t ngx_llm_openai_edit_second(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits);
static ngx_int_t ngx_llm_openai_edit_members(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_json_t *second, ngx_array_t *removed);
static ngx_uint_t ngx_llm_openai_lacks(ngx_llm_target_t *target,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_openai_edit_messages(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits);
static ngx_int_t ngx_llm_openai_edit_text(ngx_llm_message_t *message,
    ngx_array_t *edits);
static ngx_int_t ngx_llm_openai_edit_sets(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *removed, ngx_array_t *edits);


static ngx_str_t  ngx_llm_openai_usage_object =
    ngx_string("{\"include_usage\":true}");
static ngx_str_t  ngx_llm_openai_usage_member =
    ngx_string("\"include_usage\":true,");
static ngx_str_t  ngx_llm_openai_true = ngx_string("true");
static ngx_str_t  ngx_llm_openai_system = ngx_string("\"system\"");
static ngx_str_t  ngx_llm_openai_max_tokens = ngx_string("max_tokens");
static ngx_str_t  ngx_llm_openai_max_completion =
    ngx_string("max_completion_tokens");


ngx_int_t
ngx_llm_openai_edit_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *edits, ngx_llm_error_t *err)
{
    ngx_array_t      removed;
    ngx_llm_json_t  *second;

    if (ngx_llm_openai_edit_model(chat, target, edits) != NGX_OK
        || ngx_llm_openai_edit_usage(chat, target, edits) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (target->quirks == NULL && target->lacks == 0 && target->sets == NULL) {
        return ngx_llm_openai_edit_second(chat, target, edits);
    }

    if (ngx_array_init(&removed, chat->pool, 4, sizeof(ngx_llm_json_t *))
        != NGX_OK
        || ngx_llm_openai_edit_limit(chat, target, edits, &second) != NGX_OK
        || ngx_llm_openai_edit_messages(chat, target, edits) != NGX_OK
        || ngx_llm_openai_edit_members(chat, target, second, &removed)
           != NGX_OK
        || ngx_llm_edit_remove(chat->root, &removed, edits) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_openai_edit_sets(chat, target, &removed, edits);
}


ngx_int_t
ngx_llm_openai_edit_model(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *edits)
{
    ngx_str_t       text;
    ngx_llm_out_t   out;

    if (target->model.len == 0
        || (target->model.len == chat->model.len
            && ngx_memcmp(target->model.data, chat->model.data,
                          chat->model.len)
               == 0))
    {
        return NGX_OK;
    }

    ngx_llm_out_init(&out, chat->pool, NULL, 0, NGX_MAX_INT32_VALUE);
    ngx_llm_out_json_string(&out, &target->model);

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    return ngx_llm_edit_add(edits, chat->model_node->raw.data,
                            chat->model_node->raw.len, &text);
}


/* what a stream costs is only said when it is asked for */

ngx_int_t
ngx_llm_openai_edit_usage(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *edits)
{
    ngx_llm_json_t  *node, *usage;

    if (!chat->stream || chat->include_usage
        || ngx_llm_quirk(target, NGX_LLM_QUIRK_NO_STREAM_OPTIONS))
    {
        return NGX_OK;
    }

    node = ngx_llm_json_get(chat->root, "stream_options");

    if (node == NULL) {
        node = ngx_llm_json_get(chat->root, "stream");

        return ngx_llm_edit_add(edits, node->raw.data + node->raw.len, 0,
                                &ngx_llm_openai_stream_options);
    }

    if (node->child == NULL) {

        /* null or {} */

        return ngx_llm_edit_add(edits, node->raw.data, node->raw.len,
                                &ngx_llm_openai_usage_object);
    }

    usage = ngx_llm_json_get(node, "include_usage");

    if (usage == NULL) {
        return ngx_llm_edit_add(edits, node->raw.data + 1, 0,
                                &ngx_llm_openai_usage_member);
    }

    return ngx_llm_edit_add(edits, usage->raw.data, usage->raw.len,
                            &ngx_llm_openai_true);
}


ngx_str_t *
ngx_llm_openai_limit_name(ngx_llm_target_t *target)
{
    if (ngx_llm_quirk(target, NGX_LLM_QUIRK_MAX_TOKENS)) {
        return &ngx_llm_openai_max_tokens;
    }

    if (ngx_llm_quirk(target, NGX_LLM_QUIRK_REASONS)
        && ngx_llm_openai_target_reasons(target))
    {
        return &ngx_llm_openai_max_completion;
    }

    return NULL;
}


/* of two names for one limit only the one counts that is read */

static ngx_int_t
ngx_llm_openai_edit_limit(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *edits, ngx_llm_json_t **second)
{
    ngx_str_t       *name;
    ngx_llm_json_t  *old, *new;

    *second = NULL;

    name = ngx_llm_openai_limit_name(target);

    if (name == NULL) {
        return ngx_llm_openai_edit_second(chat, target, edits);
    }

    old = ngx_llm_json_get(chat->root, "max_tokens");
    new = ngx_llm_json_get(chat->root, "max_completion_tokens");

    if (new == NULL || (old && new->type == NGX_LLM_JSON_NULL)) {
        *second = new;
        new = old;

    } else {
        *second = old;
    }

    if (new == NULL || new->type == NGX_LLM_JSON_NULL
        || new->key.len == name->len)
    {
        return NGX_OK;
    }

    return ngx_llm_edit_rename(new, name, edits);
}


/* where it is not known by which one the provider goes they say the same */

static ngx_int_t
ngx_llm_openai_edit_second(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *edits)
{
    ngx_str_t       *value;
    ngx_uint_t       i;
    ngx_llm_set_t   *set;
    ngx_llm_json_t  *old, *new;

    old = ngx_llm_json_set(chat->root, "max_tokens");
    new = ngx_llm_json_set(chat->root, "max_completion_tokens");

    if (old == NULL || new == NULL) {
        return NGX_OK;
    }

    value = &new->raw;
    set = target->sets ? target->sets->elts : NULL;

    for (i = 0; set && i < target->sets->nelts; i++) {

        if (!set[i].call && ngx_llm_request_limit(&set[i])) {

            if (set[i].force) {
                value = &set[i].node->raw;
            }

            break;
        }
    }

    return ngx_llm_edit_add(edits, old->raw.data, old->raw.len, value);
}


/* the members that the provider must not get, in the order of the text */

static ngx_int_t
ngx_llm_openai_edit_members(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_json_t *second, ngx_array_t *removed)
{
    ngx_uint_t        gone, i, n;
    ngx_llm_json_t   *node, **item, **unknown;

    if (second == NULL && target->lacks == 0
        && !ngx_llm_quirk(target, NGX_LLM_QUIRK_STRICT
                                  |NGX_LLM_QUIRK_NO_STREAM_OPTIONS))
    {
        return NGX_OK;
    }

    /* unknown members are in the order of the text, too */

    unknown = chat->unknown ? chat->unknown->elts : NULL;
    n = chat->unknown ? chat->unknown->nelts : 0;
    i = 0;

    for (node = chat->root->child; node; node = node->next) {

        gone = (node == second) || ngx_llm_openai_lacks(target, node);

        if (i < n && node == unknown[i]) {

            i++;

            if (gone || ngx_llm_openai_unsaid(target, node)) {

                if (node->type != NGX_LLM_JSON_NULL
                    && ngx_llm_params_dropped(chat, &node->key) != NGX_OK)
                {
                    return NGX_ERROR;
                }

                gone = 1;
            }
        }

        if (!gone) {
            continue;
        }

        item = ngx_array_push(removed);
        if (item == NULL) {
            return NGX_ERROR;
        }

        *item = node;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_llm_openai_unsaid(ngx_llm_target_t *target, ngx_llm_json_t *node)
{
    char  **member;

    if (!ngx_llm_quirk(target, NGX_LLM_QUIRK_STRICT)) {
        return 0;
    }

    for (member = target->quirks->members; member && *member; member++) {

        if (ngx_strlen(*member) == node->key.len
            && ngx_strncmp(*member, node->key.data, node->key.len) == 0)
        {
            return 0;
        }
    }

    return 1;
}


/* a parameter that was looked at before, or what goes with one */

static ngx_uint_t
ngx_llm_openai_lacks(ngx_llm_target_t *target, ngx_llm_json_t *node)
{
    ngx_str_t   *key;
    ngx_uint_t   id;

    key = &node->key;

    id = ngx_llm_param_find(key);

    if (id != NGX_LLM_PARAMS) {
        return (target->lacks & ngx_llm_param_bit(id)) ? 1 : 0;
    }

    if (key->len == sizeof("stream_options") - 1
        && ngx_strncmp(key->data, "stream_options", key->len) == 0)
    {
        return ngx_llm_quirk(target, NGX_LLM_QUIRK_NO_STREAM_OPTIONS) ? 1 : 0;
    }

    if (!(target->lacks & ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS))) {
        return 0;
    }

    return (key->len == sizeof("functions") - 1
            && ngx_strncmp(key->data, "functions", key->len) == 0)
           || (key->len == sizeof("function_call") - 1
               && ngx_strncmp(key->data, "function_call", key->len) == 0);
}


static ngx_int_t
ngx_llm_openai_edit_messages(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *edits)
{
    ngx_uint_t          text, system;
    ngx_llm_json_t     *role;
    ngx_llm_message_t  *message;

    text = ngx_llm_quirk(target, NGX_LLM_QUIRK_TEXT);
    system = ngx_llm_quirk(target, NGX_LLM_QUIRK_SYSTEM);

    if (!text && !system) {
        return NGX_OK;
    }

    for (message = chat->messages; message; message = message->next) {

        if (system && message->role == NGX_LLM_ROLE_DEVELOPER) {
            role = ngx_llm_json_get(message->node, "role");

            if (ngx_llm_edit_add(edits, role->raw.data, role->raw.len,
                                 &ngx_llm_openai_system)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        if (text && ngx_llm_openai_edit_text(message, edits) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a list that has more than text stays: the provider has to say what it is */

static ngx_int_t
ngx_llm_openai_edit_text(ngx_llm_message_t *message, ngx_array_t *edits)
{
    ngx_str_t        text;
    ngx_uint_t       n;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *content, *part;

    content = ngx_llm_json_get(message->node, "content");

    if (content == NULL || content->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    ngx_llm_out_init(&out, edits->pool, NULL, 0, NGX_MAX_INT32_VALUE);
    ngx_llm_out_char(&out, '"');

    n = 0;

    for (part = content->child; part; part = part->next) {

        text = ngx_llm_json_str(part, "type");

        if (text.data == NULL || !ngx_llm_json_is(&text, "text")) {
            return NGX_OK;
        }

        text = ngx_llm_json_str(part, "text");

        if (text.len == 0) {
            continue;
        }

        if (n++ && message->role != NGX_LLM_ROLE_ASSISTANT) {
            ngx_llm_out_lit(&out, "\\n");
        }

        ngx_llm_out_str(&out, &text);
    }

    ngx_llm_out_char(&out, '"');

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    return ngx_llm_edit_add(edits, content->raw.data, content->raw.len, &text);
}


static ngx_int_t
ngx_llm_openai_edit_sets(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *removed, ngx_array_t *edits)
{
    ngx_str_t       *name;
    ngx_uint_t       i;
    ngx_array_t      sets;
    ngx_llm_set_t   *set, *item;
    ngx_llm_json_t  *limit;

    if (target->sets == NULL) {
        return NGX_OK;
    }

    if (ngx_array_init(&sets, chat->pool, target->sets->nelts + 1,
                       sizeof(ngx_llm_set_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    name = ngx_llm_openai_limit_name(target);
    limit = ngx_llm_json_set(chat->root, "max_completion_tokens");

    if (limit == NULL) {
        limit = ngx_llm_json_set(chat->root, "max_tokens");
    }

    set = target->sets->elts;

    for (i = 0; i < target->sets->nelts; i++) {

        if (set[i].call) {
            continue;
        }

        if (limit && ngx_llm_request_limit(&set[i])) {

            if (set[i].force
                && ngx_llm_edit_add(edits, limit->raw.data, limit->raw.len,
                                    &set[i].node->raw)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }

            limit = NULL;
            continue;
        }

        /* room for all was made at first */

        item = ngx_array_push(&sets);
        *item = set[i];

        if (name && ngx_llm_request_limit(&set[i])) {
            item->name = *name;
        }
    }

    ngx_sort(sets.elts, sets.nelts, sizeof(ngx_llm_set_t), ngx_llm_set_cmp);

    return ngx_llm_set_edit(chat->root, sets.elts, sets.nelts, removed, edits);
}
