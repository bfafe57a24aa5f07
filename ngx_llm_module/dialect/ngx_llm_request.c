
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_request.h"
#include "ngx_llm_quirks.h"


#define NGX_LLM_REQUEST_MESSAGE     48

/* the least budget for thoughts that the API takes, and how much of a limit
   they get where the client has none */
#define NGX_LLM_REQUEST_MIN_BUDGET  1024
#define NGX_LLM_REQUEST_SHARE       800


static ngx_int_t ngx_llm_request_cap(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target);
static int64_t ngx_llm_request_max(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target);
static ngx_int_t ngx_llm_request_force(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_llm_request_budget(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target);
static ngx_int_t ngx_llm_request_edit(ngx_llm_chat_t *chat,
    const ngx_llm_dialect_t *dialect, ngx_llm_target_t *target,
    ngx_array_t *slices, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_request_write(ngx_llm_chat_t *chat,
    const ngx_llm_dialect_t *dialect, ngx_llm_target_t *target, size_t max,
    ngx_array_t *slices, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_request_overlay(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_request_set_places(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_str_t *text, ngx_array_t *slices);


ngx_uint_t
ngx_llm_request_splices(ngx_llm_chat_t *chat,
    const ngx_llm_dialect_t *dialect)
{
    return (dialect->edit_request != NULL
            && ngx_llm_dialect_base(dialect) == chat->dialect);
}


void
ngx_llm_request_drop(ngx_llm_target_t *target, uint64_t drop)
{
    target->drop |= (drop & NGX_LLM_DROP_ON) ? ~(uint64_t) 0 : drop;
    target->lacks |= drop & ~NGX_LLM_DROP_ON;
}


ngx_uint_t
ngx_llm_request_limit(ngx_llm_set_t *set)
{
    ngx_str_t  *name;

    name = &set->name;

    return (name->len == sizeof("max_tokens") - 1
            && ngx_memcmp(name->data, "max_tokens", name->len) == 0)
           || (name->len == sizeof("max_completion_tokens") - 1
               && ngx_memcmp(name->data, "max_completion_tokens", name->len)
                  == 0);
}


ngx_int_t
ngx_llm_request(ngx_llm_chat_t *chat, const ngx_llm_dialect_t *dialect,
    ngx_llm_target_t *target, size_t max, ngx_array_t *slices,
    ngx_llm_error_t *err)
{
    ngx_int_t  rc;

    chat->dropped = NULL;

    if (chat->count) {

        /* it takes less than a request, not even a limit */

        target->sets = NULL;
        target->cap = 0;
    }

    if (target->quirks) {
        target->lacks |= target->quirks->lacks;
    }

    if (target->cap && ngx_llm_request_cap(chat, target) != NGX_OK) {
        return NGX_ERROR;
    }

    if (target->sets && ngx_llm_request_budget(chat, target) != NGX_OK) {
        return NGX_ERROR;
    }

    if (target->lacks) {
        rc = ngx_llm_params_lacks(chat, target->lacks, target->drop,
                                  &target->provider, err);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_llm_request_splices(chat, dialect)) {
        return ngx_llm_request_edit(chat, dialect, target, slices, err);
    }

    return ngx_llm_request_write(chat, dialect, target, max, slices, err);
}


/*
 * A limit that is higher, or missing, becomes the cap: as if the configuration
 * had set it.
 */

static ngx_int_t
ngx_llm_request_cap(ngx_llm_chat_t *chat, ngx_llm_target_t *target)
{
    int64_t    limit;
    ngx_str_t  name, value;

    limit = ngx_llm_request_max(chat, target);

    if (limit > 0 && limit <= target->cap) {
        return NGX_OK;
    }

    ngx_str_set(&name, "max_tokens");

    value.data = ngx_pnalloc(chat->pool, NGX_INT64_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%L", target->cap) - value.data;

    return ngx_llm_request_force(chat, target, &name, &value);
}


/* the limit as the target gets it, but for the cap; -1: none */

static int64_t
ngx_llm_request_max(ngx_llm_chat_t *chat, ngx_llm_target_t *target)
{
    int64_t         n, limit;
    ngx_uint_t      i;
    ngx_llm_set_t  *set;

    limit = chat->max_tokens;

    set = target->sets ? target->sets->elts : NULL;

    for (i = 0; set && i < target->sets->nelts; i++) {

        if (set[i].neutral && ngx_llm_request_limit(&set[i])
            && (set[i].force || limit < 0)
            && ngx_llm_json_int(set[i].node, &n) == NGX_OK)
        {
            limit = n;
        }
    }

    return limit;
}


/*
 * Sets a parameter in neutral form, whatever was set in its place; NULL: sets
 * nothing there.
 */

static ngx_int_t
ngx_llm_request_force(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_str_t *name, ngx_str_t *value)
{
    ngx_uint_t      i, limit, nsets;
    ngx_array_t    *sets;
    ngx_llm_set_t  *set, *item, forced;

    nsets = target->sets ? target->sets->nelts : 0;
    set = target->sets ? target->sets->elts : NULL;

    sets = ngx_array_create(chat->pool, nsets + 1, sizeof(ngx_llm_set_t));
    if (sets == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&forced, sizeof(ngx_llm_set_t));

    forced.name = *name;

    if (value && ngx_llm_set_parse(chat->pool, name, value, &forced) != NULL)
    {
        return NGX_ERROR;
    }

    forced.force = 1;
    forced.neutral = 1;

    limit = ngx_llm_request_limit(&forced);

    for (i = 0; i < nsets; i++) {

        if (ngx_llm_set_overlaps(&set[i], &forced)
            || (limit && set[i].neutral && ngx_llm_request_limit(&set[i])))
        {
            continue;
        }

        /* room for all was made at first */

        item = ngx_array_push(sets);
        *item = set[i];
    }

    if (value) {
        item = ngx_array_push(sets);
        *item = forced;
    }

    ngx_sort(sets->elts, sets->nelts, sizeof(ngx_llm_set_t), ngx_llm_set_cmp);

    target->sets = sets;

    return NGX_OK;
}


/*
 * A budget for thoughts is a part of the limit: where the limit is another one
 * than the client's the budget goes down with it, or it does not think.
 */

static ngx_int_t
ngx_llm_request_budget(ngx_llm_chat_t *chat, ngx_llm_target_t *target)
{
    int64_t          budget, limit, share;
    ngx_str_t        name, value;
    ngx_uint_t       i;
    ngx_llm_set_t   *set;
    ngx_llm_json_t  *node, *number;

    limit = ngx_llm_request_max(chat, target);

    if (limit < 0 || limit == chat->max_tokens) {
        return NGX_OK;
    }

    ngx_str_set(&name, "thinking");

    node = chat->param[NGX_LLM_PARAM_THINKING];
    set = target->sets->elts;

    for (i = 0; i < target->sets->nelts; i++) {

        if (set[i].neutral && (set[i].force || node == NULL)
            && set[i].name.len == name.len
            && ngx_memcmp(set[i].name.data, name.data, name.len) == 0)
        {
            node = set[i].node;
        }
    }

    number = ngx_llm_json_get(node, "budget_tokens");

    if (ngx_llm_json_int(number, &budget) != NGX_OK || budget < limit) {
        return NGX_OK;
    }

    if (limit <= NGX_LLM_REQUEST_MIN_BUDGET) {

        /* named as all that a target lacks */

        target->lacks |= ngx_llm_param_bit(NGX_LLM_PARAM_THINKING);

        return ngx_llm_request_force(chat, target, &name, NULL);
    }

    /* in thousandths of the client's own limit, else what "high" is */

    share = NGX_LLM_REQUEST_SHARE;

    if (chat->max_tokens > budget) {
        share = budget / ngx_max(chat->max_tokens / 1000, 1);
        share = ngx_min(share, 999);
    }

    budget = limit / 1000 * share + limit % 1000 * share / 1000;
    budget = ngx_max(budget, NGX_LLM_REQUEST_MIN_BUDGET);
    budget = ngx_min(budget, limit - 1);

    value.data = ngx_pnalloc(chat->pool, node->raw.len + NGX_INT64_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%*s%L%*s",
                            (size_t) (number->raw.data - node->raw.data),
                            node->raw.data, budget,
                            (size_t) (node->raw.data + node->raw.len
                                      - number->raw.data - number->raw.len),
                            number->raw.data + number->raw.len)
                - value.data;

    return ngx_llm_request_force(chat, target, &name, &value);
}


static ngx_int_t
ngx_llm_request_edit(ngx_llm_chat_t *chat, const ngx_llm_dialect_t *dialect,
    ngx_llm_target_t *target, ngx_array_t *slices, ngx_llm_error_t *err)
{
    ngx_int_t    rc;
    ngx_array_t  edits;

    if (ngx_array_init(&edits, chat->pool, 4, sizeof(ngx_llm_edit_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = dialect->edit_request(chat, target, &edits, err);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_llm_edit_apply(&chat->text, &edits, slices);
}


static ngx_int_t
ngx_llm_request_write(ngx_llm_chat_t *chat, const ngx_llm_dialect_t *dialect,
    ngx_llm_target_t *target, size_t max, ngx_array_t *slices,
    ngx_llm_error_t *err)
{
    ngx_int_t        rc;
    ngx_str_t        text, *name;
    ngx_uint_t       i;
    ngx_llm_out_t    out;
    ngx_llm_chat_t   copy;

    if (ngx_llm_chat_open(chat) != NGX_OK) {
        return NGX_ERROR;
    }

    copy = *chat;
    copy.dropped = NULL;

    rc = ngx_llm_request_overlay(&copy, target, err);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_init(&out, chat->pool, NULL, 0, max);

    /* what grows is what stands around a message */

    if (ngx_llm_out_reserve(&out, chat->text.len
                                  + chat->nmessages * NGX_LLM_REQUEST_MESSAGE
                                  + chat->ntools * NGX_LLM_REQUEST_MESSAGE
                                  + 512)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = dialect->write_request(&copy, target, &out, err);
    if (rc != NGX_OK) {
        return rc;
    }

    if (out.failed) {
        return NGX_ERROR;
    }

    if (copy.dropped) {
        name = copy.dropped->elts;

        for (i = 0; i < copy.dropped->nelts; i++) {
            if (ngx_llm_params_dropped(chat, &name[i]) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    return ngx_llm_request_set_places(chat, target, &text, slices);
}


/* what the client said, as the target gets it */

static ngx_int_t
ngx_llm_request_overlay(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_error_t *err)
{
    ngx_int_t       rc;
    ngx_uint_t      i;
    ngx_llm_set_t  *set;

    if (target->lacks) {
        ngx_llm_params_remove(chat, target->lacks);
    }

    if (target->sets == NULL) {
        return NGX_OK;
    }

    set = target->sets->elts;

    for (i = 0; i < target->sets->nelts; i++) {

        if (!set[i].neutral) {
            continue;
        }

        rc = ngx_llm_request_set(chat, &set[i], err);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* values for places in the body */

static ngx_int_t
ngx_llm_request_set_places(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_str_t *text, ngx_array_t *slices)
{
    ngx_uint_t      i;
    ngx_array_t     places;
    ngx_llm_set_t  *set, *place;

    if (ngx_array_init(&places, chat->pool, 4, sizeof(ngx_llm_set_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    set = target->sets ? target->sets->elts : NULL;

    for (i = 0; set && i < target->sets->nelts; i++) {

        if (!set[i].neutral && !set[i].call) {
            place = ngx_array_push(&places);
            if (place == NULL) {
                return NGX_ERROR;
            }

            *place = set[i];
        }
    }

    return ngx_llm_request_places(chat, &places, text, slices);
}


ngx_int_t
ngx_llm_request_places(ngx_llm_chat_t *chat, ngx_array_t *places,
    ngx_str_t *text, ngx_array_t *slices)
{
    ngx_str_t       *slice;
    ngx_array_t      edits;
    ngx_llm_json_t  *root;

    if (places->nelts == 0) {
        slice = ngx_array_push(slices);
        if (slice == NULL) {
            return NGX_ERROR;
        }

        *slice = *text;

        return NGX_OK;
    }

    if (ngx_array_init(&edits, chat->pool, 4, sizeof(ngx_llm_edit_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    root = ngx_llm_json_parse(chat->pool, text, NULL);

    if (root == NULL || root->type != NGX_LLM_JSON_OBJECT
        || ngx_llm_set_edit(root, places->elts, places->nelts, NULL, &edits)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_edit_apply(text, &edits, slices);
}
