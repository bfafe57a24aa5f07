
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the configuration drops and sets in requests that are no chats.  A name
 * that an endpoint has is meant as the client says it, one that nobody knows
 * is a place in the provider's body; parameters of chats alone are left out.
 */


#include "ngx_llm_calls.h"
#include "ngx_llm_openai.h"
#include "ngx_llm_request.h"


typedef enum {
    NGX_LLM_CALL_SET_NONE = 0,
    NGX_LLM_CALL_SET_PARAM = 1,     /* of the endpoint */
    NGX_LLM_CALL_SET_PLACE = 2
} ngx_llm_call_set_e;


static ngx_llm_call_set_e ngx_llm_call_set(ngx_llm_set_t *set,
    char **params);
static ngx_str_t ngx_llm_call_first(ngx_str_t *name);
static ngx_uint_t ngx_llm_call_is(ngx_str_t *name, char **names);
static ngx_int_t ngx_llm_call_remove(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_uint_t named, ngx_array_t *removed);
static ngx_int_t ngx_llm_call_sets(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, char **params, ngx_uint_t kinds,
    ngx_array_t *sets);
static ngx_int_t ngx_llm_call_model(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *sets, ngx_array_t *edits);
static ngx_int_t ngx_llm_call_join(ngx_pool_t *pool, ngx_str_t *text,
    ngx_array_t *edits, ngx_str_t *joined);


/* what is named in chats, too, or means something to the gateway */

char  *ngx_llm_embed_params[] = {
    "dimensions", "encoding_format", "input_type", "user", NULL
};

char  *ngx_llm_rerank_params[] = { "top_n", "return_documents", NULL };

char  *ngx_llm_moderation_params[] = { NULL };

char  *ngx_llm_image_params[] = {
    "moderation", "n", "response_format", "user", NULL
};

char  *ngx_llm_speech_params[] = { "response_format", NULL };

char  *ngx_llm_completions_params[] = {
    "temperature", "top_p", "n", "seed", "logit_bias", "frequency_penalty",
    "presence_penalty", "stop", "user", NULL
};


/* what is asked for is not set */

static char  *ngx_llm_call_fixed[] = {
    "input", "query", "documents", "prompt", NULL
};


/* a word here, an object in chats */

static char  *ngx_llm_call_words[] = {
    "moderation", "response_format", NULL
};


ngx_int_t
ngx_llm_call_edit(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    char **params, ngx_uint_t named, ngx_array_t *edits)
{
    ngx_array_t  removed, sets;

    if (ngx_array_init(&removed, chat->pool, 4, sizeof(ngx_llm_json_t *))
        != NGX_OK
        || ngx_array_init(&sets, chat->pool, 4, sizeof(ngx_llm_set_t))
           != NGX_OK
        || ngx_llm_call_remove(chat, target, named, &removed) != NGX_OK
        || ngx_llm_call_sets(chat, target, params,
                             NGX_LLM_CALL_SET_PARAM|NGX_LLM_CALL_SET_PLACE,
                             &sets)
           != NGX_OK
        || ngx_llm_call_model(chat, target, &sets, edits) != NGX_OK
        || ngx_llm_edit_remove(chat->root, &removed, edits) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_set_edit(chat->root, sets.elts, sets.nelts, &removed,
                            edits);
}


ngx_int_t
ngx_llm_call_overlay(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    char **params, ngx_llm_chat_t **copy)
{
    ngx_str_t    text;
    ngx_array_t  removed, sets, edits;

    *copy = NULL;

    if (target->lacks == 0 && target->sets == NULL) {
        return NGX_OK;
    }

    if (ngx_array_init(&removed, chat->pool, 4, sizeof(ngx_llm_json_t *))
        != NGX_OK
        || ngx_array_init(&sets, chat->pool, 4, sizeof(ngx_llm_set_t))
           != NGX_OK
        || ngx_array_init(&edits, chat->pool, 4, sizeof(ngx_llm_edit_t))
           != NGX_OK
        || ngx_llm_call_remove(chat, target, 1, &removed) != NGX_OK
        || ngx_llm_call_sets(chat, target, params, NGX_LLM_CALL_SET_PARAM,
                             &sets)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (removed.nelts == 0 && sets.nelts == 0) {
        return NGX_OK;
    }

    if (ngx_llm_edit_remove(chat->root, &removed, &edits) != NGX_OK
        || ngx_llm_set_edit(chat->root, sets.elts, sets.nelts, &removed,
                            &edits)
           != NGX_OK
        || ngx_llm_call_join(chat->pool, &chat->text, &edits, &text)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *copy = ngx_palloc(chat->pool, sizeof(ngx_llm_chat_t));
    if (*copy == NULL) {
        return NGX_ERROR;
    }

    ngx_llm_chat_init(*copy, chat->pool, &text);

    return NGX_OK;
}


ngx_int_t
ngx_llm_call_places(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    char **params, ngx_str_t *text, ngx_array_t *slices)
{
    ngx_array_t  sets;

    if (ngx_array_init(&sets, chat->pool, 4, sizeof(ngx_llm_set_t)) != NGX_OK
        || ngx_llm_call_sets(chat, target, params, NGX_LLM_CALL_SET_PLACE,
                             &sets)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_request_places(chat, &sets, text, slices);
}


ngx_int_t
ngx_llm_call_try(ngx_pool_t *pool, ngx_llm_set_t *set, ngx_llm_error_t *err)
{
    ngx_int_t         rc;
    ngx_str_t         first, text;
    ngx_llm_out_t     out;
    ngx_llm_chat_t    chat;
    ngx_llm_embed_t   embed;
    ngx_llm_rerank_t  rerank;

    first = ngx_llm_call_first(&set->name);

    if (set->node->type == NGX_LLM_JSON_STRING
        && ngx_llm_call_is(&set->name, ngx_llm_call_words))
    {
        set->call = 1;
        return NGX_OK;
    }

    if (first.len != set->name.len
        || (!ngx_llm_call_is(&first, ngx_llm_embed_params)
            && !ngx_llm_call_is(&first, ngx_llm_rerank_params))
        || ngx_llm_request_settable(&first) != NGX_DECLINED)
    {
        return NGX_OK;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_MAX_INT32_VALUE);

    ngx_llm_out_lit(&out, "{\"model\":\"m\",\"input\":\"i\",\"query\":\"q\","
                          "\"documents\":[\"d\"],");
    ngx_llm_out_json_string(&out, &set->name);
    ngx_llm_out_char(&out, ':');
    ngx_llm_out_str(&out, &set->node->raw);
    ngx_llm_out_char(&out, '}');

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    ngx_memzero(&embed, sizeof(ngx_llm_embed_t));
    ngx_llm_chat_init(&chat, pool, &text);
    embed.chat = &chat;

    rc = ngx_llm_openai_read_embed(&embed, err);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&rerank, sizeof(ngx_llm_rerank_t));
    ngx_llm_chat_init(&chat, pool, &text);
    rerank.chat = &chat;

    return ngx_llm_rerank_read(&rerank, err);
}


static ngx_llm_call_set_e
ngx_llm_call_set(ngx_llm_set_t *set, char **params)
{
    ngx_str_t  first;

    first = ngx_llm_call_first(&set->name);

    if (ngx_llm_call_is(&first, params)) {

        if (ngx_llm_call_is(&first, ngx_llm_call_words) && !set->call) {
            return NGX_LLM_CALL_SET_NONE;
        }

        return NGX_LLM_CALL_SET_PARAM;
    }

    if (set->call
        || ngx_llm_call_is(&first, ngx_llm_call_fixed)
        || ngx_llm_request_settable(&first) != NGX_DECLINED)
    {
        return NGX_LLM_CALL_SET_NONE;
    }

    return NGX_LLM_CALL_SET_PLACE;
}


static ngx_str_t
ngx_llm_call_first(ngx_str_t *name)
{
    u_char     *dot;
    ngx_str_t   first;

    first = *name;
    dot = ngx_strlchr(first.data, first.data + first.len, '.');

    if (dot) {
        first.len = dot - first.data;
    }

    return first;
}


static ngx_uint_t
ngx_llm_call_is(ngx_str_t *name, char **names)
{
    for ( /* void */ ; *names; names++) {
        if (name->len == ngx_strlen(*names)
            && ngx_memcmp(name->data, *names, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_llm_call_remove(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_uint_t named, ngx_array_t *removed)
{
    ngx_uint_t        id;
    ngx_llm_json_t   *node, **item;

    if (target->lacks == 0) {
        return NGX_OK;
    }

    for (node = chat->root->child; node; node = node->next) {

        id = ngx_llm_param_find(&node->key);

        if (id == NGX_LLM_PARAMS
            || !(target->lacks & ngx_llm_param_bit(id)))
        {
            continue;
        }

        if (named && node->type != NGX_LLM_JSON_NULL
            && ngx_llm_params_dropped(chat, &node->key) != NGX_OK)
        {
            return NGX_ERROR;
        }

        item = ngx_array_push(removed);
        if (item == NULL) {
            return NGX_ERROR;
        }

        *item = node;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_call_sets(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    char **params, ngx_uint_t kinds, ngx_array_t *sets)
{
    ngx_uint_t      i;
    ngx_llm_set_t  *set, *item;

    if (target->sets == NULL) {
        return NGX_OK;
    }

    set = target->sets->elts;

    for (i = 0; i < target->sets->nelts; i++) {

        if (!(ngx_llm_call_set(&set[i], params) & kinds)) {
            continue;
        }

        item = ngx_array_push(sets);
        if (item == NULL) {
            return NGX_ERROR;
        }

        *item = set[i];
    }

    return NGX_OK;
}


/* where the client named none it is set as other members are */

static ngx_int_t
ngx_llm_call_model(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *sets, ngx_array_t *edits)
{
    ngx_str_t       name, text;
    ngx_llm_set_t  *item;
    ngx_llm_out_t   out;

    if (chat->model_node) {
        return ngx_llm_openai_edit_model(chat, target, edits);
    }

    ngx_llm_out_init(&out, chat->pool, NULL, 0, NGX_MAX_INT32_VALUE);
    ngx_llm_out_json_string(&out, &target->model);

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    item = ngx_array_push(sets);
    if (item == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(item, sizeof(ngx_llm_set_t));
    ngx_str_set(&name, "model");

    if (ngx_llm_set_parse(chat->pool, &name, &text, item) != NULL) {
        return NGX_ERROR;
    }

    item->force = 1;

    ngx_sort(sets->elts, sets->nelts, sizeof(ngx_llm_set_t), ngx_llm_set_cmp);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_call_join(ngx_pool_t *pool, ngx_str_t *text, ngx_array_t *edits,
    ngx_str_t *joined)
{
    u_char       *p;
    ngx_str_t    *slice;
    ngx_uint_t    i;
    ngx_array_t   slices;

    if (ngx_array_init(&slices, pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_llm_edit_apply(text, edits, &slices) != NGX_OK)
    {
        return NGX_ERROR;
    }

    slice = slices.elts;
    joined->len = 0;

    for (i = 0; i < slices.nelts; i++) {
        joined->len += slice[i].len;
    }

    p = ngx_pnalloc(pool, joined->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    joined->data = p;

    for (i = 0; i < slices.nelts; i++) {
        p = ngx_cpymem(p, slice[i].data, slice[i].len);
    }

    return NGX_OK;
}
