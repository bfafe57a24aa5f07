
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The request for a provider as the client's own text, with what must change.
 */


#include "ngx_llm_anthropic.h"
#include "ngx_llm_request.h"


static ngx_int_t ngx_llm_anthropic_edit_members(ngx_llm_target_t *target,
    ngx_llm_json_t *object, ngx_llm_json_t *up, ngx_array_t *removed,
    ngx_array_t *edits);
static ngx_uint_t ngx_llm_anthropic_lacks(ngx_llm_target_t *target,
    ngx_llm_json_t *node, ngx_llm_json_t *up);
static ngx_int_t ngx_llm_anthropic_edit_sets(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *removed, ngx_array_t *edits);
static ngx_str_t *ngx_llm_anthropic_place(ngx_llm_set_t *set);
static ngx_int_t ngx_llm_anthropic_edit_stop(ngx_pool_t *pool,
    ngx_llm_set_t *set);


/*
 * Where a parameter stands here, as a place in the body.  A value is set where
 * it has the same form in both APIs; the other words are for dotted names.
 */

typedef struct {
    ngx_uint_t   param;
    ngx_uint_t   same;
    ngx_str_t    place;
} ngx_llm_anthropic_place_t;


static ngx_llm_anthropic_place_t  ngx_llm_anthropic_places[] = {
    { NGX_LLM_PARAM_TEMPERATURE, 1, ngx_string("temperature") },
    { NGX_LLM_PARAM_TOP_P, 1, ngx_string("top_p") },
    { NGX_LLM_PARAM_TOP_K, 1, ngx_string("top_k") },
    { NGX_LLM_PARAM_THINKING, 1, ngx_string("thinking") },
    { NGX_LLM_PARAM_CACHE_CONTROL, 1, ngx_string("cache_control") },
    { NGX_LLM_PARAM_STOP, 1, ngx_string("stop_sequences") },
    { NGX_LLM_PARAM_USER, 1, ngx_string("metadata.user_id") },
    { NGX_LLM_PARAM_SERVICE_TIER, 0, ngx_string("service_tier") },
    { NGX_LLM_PARAM_REASONING_EFFORT, 0, ngx_string("output_config.effort") },
    { NGX_LLM_PARAM_RESPONSE_FORMAT, 0, ngx_string("output_config.format") },
    { NGX_LLM_PARAM_TOOLS, 0, ngx_string("tools") },
    { NGX_LLM_PARAM_TOOLS, 0, ngx_string("tool_choice") },
    { NGX_LLM_PARAM_TOOL_CHOICE, 0, ngx_string("tool_choice") },
    { NGX_LLM_PARAM_PARALLEL_TOOL_CALLS, 0,
      ngx_string("tool_choice.disable_parallel_tool_use") },
    { NGX_LLM_PARAMS, 0, ngx_null_string }
};


static ngx_str_t  ngx_llm_anthropic_limit = ngx_string("max_tokens");


ngx_int_t
ngx_llm_anthropic_edit_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *edits, ngx_llm_error_t *err)
{
    ngx_str_t      text;
    ngx_array_t    removed;
    ngx_llm_out_t  out;

    if (chat->model_node
        && (chat->model.len != target->model.len
            || ngx_memcmp(chat->model.data, target->model.data,
                          target->model.len)
               != 0))
    {
        /* each byte of the name may become an escape of six */

        ngx_llm_out_init(&out, chat->pool, NULL, 0, 6 * target->model.len + 2);

        ngx_llm_out_json_string(&out, &target->model);

        if (out.failed) {
            return NGX_ERROR;
        }

        text.data = out.start;
        text.len = ngx_llm_out_len(&out);

        if (ngx_llm_edit_add(edits, chat->model_node->raw.data,
                             chat->model_node->raw.len, &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (target->lacks == 0 && target->sets == NULL) {
        return NGX_OK;
    }

    if (ngx_array_init(&removed, chat->pool, 4, sizeof(ngx_llm_json_t *))
        != NGX_OK
        || ngx_llm_anthropic_edit_members(target, chat->root, NULL, &removed,
                                          edits)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_anthropic_edit_sets(chat, target, &removed, edits);
}


/*
 * takes away the members that the target drops, and lists them; up: whose
 * object it is, NULL: the root
 */

static ngx_int_t
ngx_llm_anthropic_edit_members(ngx_llm_target_t *target,
    ngx_llm_json_t *object, ngx_llm_json_t *up, ngx_array_t *removed,
    ngx_array_t *edits)
{
    ngx_array_t      own;
    ngx_llm_json_t  *node, **item, **one;

    if (target->lacks == 0) {
        return NGX_OK;
    }

    if (ngx_array_init(&own, edits->pool, 2, sizeof(ngx_llm_json_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (node = object->child; node; node = node->next) {

        if (ngx_llm_anthropic_lacks(target, node, up)) {

            item = ngx_array_push(removed);
            one = ngx_array_push(&own);

            if (item == NULL || one == NULL) {
                return NGX_ERROR;
            }

            *item = node;
            *one = node;

            continue;
        }

        /* places are two deep at most */

        if (up == NULL && node->type == NGX_LLM_JSON_OBJECT
            && ngx_llm_anthropic_edit_members(target, node, node, removed,
                                              edits)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_llm_edit_remove(object, &own, edits);
}


static ngx_uint_t
ngx_llm_anthropic_lacks(ngx_llm_target_t *target, ngx_llm_json_t *node,
    ngx_llm_json_t *up)
{
    u_char                     *p;
    size_t                      len;
    ngx_llm_anthropic_place_t  *place;

    for (place = ngx_llm_anthropic_places; place->place.len; place++) {

        if (!(target->lacks & ngx_llm_param_bit(place->param))) {
            continue;
        }

        p = place->place.data;
        len = place->place.len;

        if (up) {
            if (len <= up->key.len + 1
                || ngx_memcmp(p, up->key.data, up->key.len) != 0
                || p[up->key.len] != '.')
            {
                continue;
            }

            p += up->key.len + 1;
            len -= up->key.len + 1;
        }

        if (len == node->key.len && ngx_memcmp(p, node->key.data, len) == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_llm_anthropic_edit_sets(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *removed, ngx_array_t *edits)
{
    ngx_str_t      *name;
    ngx_uint_t      i;
    ngx_array_t     sets;
    ngx_llm_set_t  *set, *item;

    if (target->sets == NULL) {
        return NGX_OK;
    }

    if (ngx_array_init(&sets, chat->pool, 4, sizeof(ngx_llm_set_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    set = target->sets->elts;

    for (i = 0; i < target->sets->nelts; i++) {

        name = NULL;

        if (set[i].neutral) {
            name = ngx_llm_anthropic_place(&set[i]);

            if (name == NULL) {
                if (ngx_llm_params_dropped(chat, &set[i].name) != NGX_OK) {
                    return NGX_ERROR;
                }

                continue;
            }
        }

        item = ngx_array_push(&sets);
        if (item == NULL) {
            return NGX_ERROR;
        }

        *item = set[i];

        if (name) {
            item->name = *name;
        }

        if (ngx_llm_anthropic_edit_stop(chat->pool, item) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_sort(sets.elts, sets.nelts, sizeof(ngx_llm_set_t), ngx_llm_set_cmp);

    return ngx_llm_set_edit(chat->root, sets.elts, sets.nelts, removed, edits);
}


/* where the value of a parameter goes, or NULL */

static ngx_str_t *
ngx_llm_anthropic_place(ngx_llm_set_t *set)
{
    ngx_uint_t                  id;
    ngx_llm_anthropic_place_t  *place;

    if (ngx_llm_request_limit(set)) {
        return &ngx_llm_anthropic_limit;
    }

    id = ngx_llm_param_find(&set->name);

    for (place = ngx_llm_anthropic_places; place->place.len; place++) {
        if (place->param == id && place->same) {
            return &place->place;
        }
    }

    return NULL;
}


/* one sequence is a list of one here */

static ngx_int_t
ngx_llm_anthropic_edit_stop(ngx_pool_t *pool, ngx_llm_set_t *set)
{
    ngx_str_t        raw;
    ngx_llm_json_t  *node;

    if (!set->neutral || set->node->type != NGX_LLM_JSON_STRING
        || set->name.len != sizeof("stop_sequences") - 1)
    {
        return NGX_OK;
    }

    node = ngx_palloc(pool, sizeof(ngx_llm_json_t));
    if (node == NULL) {
        return NGX_ERROR;
    }

    *node = *set->node;

    raw.len = node->raw.len + 2;

    raw.data = ngx_pnalloc(pool, raw.len);
    if (raw.data == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(raw.data + 1, node->raw.data, node->raw.len) = ']';
    raw.data[0] = '[';

    node->raw = raw;
    set->node = node;

    return NGX_OK;
}
