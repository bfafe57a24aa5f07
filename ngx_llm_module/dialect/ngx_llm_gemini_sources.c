
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What is known of a node of a schema.
 */


#include "ngx_llm_gemini_openapi.h"


static ngx_llm_json_t *ngx_llm_gemini_target(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_json_t *node);
static ngx_uint_t ngx_llm_gemini_followed(ngx_llm_gemini_frame_t *frame,
    ngx_llm_json_t *node);
static ngx_llm_gemini_type_e ngx_llm_gemini_word(ngx_str_t *word);
static ngx_llm_gemini_type_e ngx_llm_gemini_value_type(ngx_llm_json_t *node);


char  *ngx_llm_gemini_type_names[] = {
    "STRING", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT"
};


void
ngx_llm_gemini_gather(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_json_t *node,
    ngx_llm_gemini_frame_t *parent)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *all, *target;

    if (node->type != NGX_LLM_JSON_OBJECT
        || s->n == NGX_LLM_GEMINI_MAX_SOURCES)
    {
        return;
    }

    for (i = 0; i < s->n; i++) {
        if (s->node[i] == node) {
            return;
        }
    }

    s->node[s->n++] = node;
    ctx->fuel -= (ngx_int_t) node->raw.len;

    target = ngx_llm_gemini_target(ctx, node);

    if (target != NULL) {

        if (target == ctx->root || ngx_llm_gemini_followed(parent, target)) {
            s->cycle = 1;
            return;
        }

        ngx_llm_gemini_gather(ctx, s, target, parent);
    }

    all = ngx_llm_json_get(node, "allOf");

    if (all == NULL || all->type != NGX_LLM_JSON_ARRAY) {
        return;
    }

    for (all = all->child; all; all = all->next) {
        ngx_llm_gemini_gather(ctx, s, all, parent);
    }
}


/* "#/$defs/name", or another path through objects from the root */

static ngx_llm_json_t *
ngx_llm_gemini_target(ngx_llm_gemini_openapi_t *ctx, ngx_llm_json_t *node)
{
    u_char          *last, *p, *end;
    ngx_str_t        ref;
    ngx_llm_json_t  *m, *found, *target;

    ref = ngx_llm_json_str(node, "$ref");

    if (ref.len == 0 || ref.data[0] != '#') {
        return NULL;
    }

    target = ctx->root;

    p = ref.data + 1;
    last = ref.data + ref.len;

    while (p < last) {

        if (*p++ != '/') {
            return NULL;
        }

        end = ngx_strlchr(p, last, '/');

        if (end == NULL) {
            end = last;
        }

        found = NULL;

        if (target->type != NGX_LLM_JSON_OBJECT) {
            return NULL;
        }

        for (m = target->child; m; m = m->next) {
            ctx->fuel--;

            if (m->key.len == (size_t) (end - p)
                && ngx_memcmp(m->key.data, p, m->key.len) == 0)
            {
                found = m;
            }
        }

        if (found == NULL) {
            return NULL;
        }

        target = found;
        p = end;
    }

    return target;
}


static ngx_uint_t
ngx_llm_gemini_followed(ngx_llm_gemini_frame_t *frame, ngx_llm_json_t *node)
{
    ngx_uint_t  i;

    for ( /* void */ ; frame; frame = frame->parent) {

        for (i = 0; i < frame->sources->n; i++) {
            if (frame->sources->node[i] == node) {
                return 1;
            }
        }
    }

    return 0;
}


ngx_llm_json_t *
ngx_llm_gemini_get(ngx_llm_gemini_sources_t *s, char *name)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *node;

    for (i = 0; i < s->n; i++) {

        node = ngx_llm_json_set(s->node[i], name);

        if (node != NULL) {
            return node;
        }
    }

    return NULL;
}


ngx_llm_json_t *
ngx_llm_gemini_union(ngx_llm_gemini_sources_t *s)
{
    ngx_uint_t       i, n;
    ngx_llm_json_t  *any;

    n = s->own ? s->own : s->n;

    for (i = 0; i < n && i < s->n; i++) {

        any = ngx_llm_json_get(s->node[i], "anyOf");

        if (any == NULL) {
            any = ngx_llm_json_get(s->node[i], "oneOf");
        }

        if (any != NULL && any->type == NGX_LLM_JSON_ARRAY) {
            return any;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_llm_gemini_is_null(ngx_llm_json_t *branch)
{
    ngx_str_t        text;
    ngx_llm_json_t  *node;

    text = ngx_llm_json_str(branch, "type");

    if (ngx_llm_json_is(&text, "null")) {
        return 1;
    }

    node = ngx_llm_json_get(branch, "const");

    return (node != NULL && node->type == NGX_LLM_JSON_NULL);
}


static ngx_llm_gemini_type_e
ngx_llm_gemini_word(ngx_str_t *word)
{
    ngx_uint_t  type;

    for (type = NGX_LLM_GEMINI_TYPE_STRING;
         type <= NGX_LLM_GEMINI_TYPE_OBJECT;
         type++)
    {
        if (word->len == ngx_strlen(ngx_llm_gemini_type_names[type])
            && ngx_strncasecmp(word->data,
                               (u_char *) ngx_llm_gemini_type_names[type],
                               word->len)
               == 0)
        {
            return type;
        }
    }

    return NGX_LLM_GEMINI_TYPE_NONE;
}


ngx_uint_t
ngx_llm_gemini_types(ngx_llm_gemini_sources_t *s, ngx_llm_gemini_type_e *type,
    ngx_uint_t max)
{
    ngx_str_t        word;
    ngx_uint_t       n;
    ngx_llm_json_t  *node;

    node = ngx_llm_gemini_get(s, "type");

    if (node == NULL) {
        return 0;
    }

    if (node->type == NGX_LLM_JSON_STRING) {
        word = ngx_llm_json_text(node);
        type[0] = ngx_llm_gemini_word(&word);

        if (ngx_llm_json_is(&word, "null")) {
            s->nullable = 1;
        }

        return type[0] != NGX_LLM_GEMINI_TYPE_NONE;
    }

    if (node->type != NGX_LLM_JSON_ARRAY) {
        return 0;
    }

    n = 0;

    for (node = node->child; node; node = node->next) {

        if (node->type != NGX_LLM_JSON_STRING) {
            continue;
        }

        word = ngx_llm_json_text(node);

        if (ngx_llm_json_is(&word, "null")) {
            s->nullable = 1;
            continue;
        }

        if (n < max) {
            type[n] = ngx_llm_gemini_word(&word);
            n += (type[n] != NGX_LLM_GEMINI_TYPE_NONE);
        }
    }

    return n;
}


static ngx_llm_gemini_type_e
ngx_llm_gemini_value_type(ngx_llm_json_t *node)
{
    int64_t  n;

    switch (node->type) {

    case NGX_LLM_JSON_NUMBER:
        return (ngx_llm_json_int(node, &n) == NGX_OK)
               ? NGX_LLM_GEMINI_TYPE_INTEGER
               : NGX_LLM_GEMINI_TYPE_NUMBER;

    case NGX_LLM_JSON_FALSE:
    case NGX_LLM_JSON_TRUE:
        return NGX_LLM_GEMINI_TYPE_BOOLEAN;

    default:
        return NGX_LLM_GEMINI_TYPE_STRING;
    }
}


ngx_llm_gemini_type_e
ngx_llm_gemini_infer(ngx_llm_gemini_sources_t *s)
{
    ngx_uint_t             n;
    ngx_llm_json_t        *node;
    ngx_llm_gemini_type_e  types[NGX_LLM_GEMINI_TYPE_OBJECT];

    n = ngx_llm_gemini_types(s, types, NGX_LLM_GEMINI_TYPE_OBJECT);

    if (n) {
        return types[0];
    }

    if (ngx_llm_gemini_get(s, "properties") != NULL) {
        return NGX_LLM_GEMINI_TYPE_OBJECT;
    }

    if (ngx_llm_gemini_get(s, "items") != NULL
        || ngx_llm_gemini_get(s, "prefixItems") != NULL)
    {
        return NGX_LLM_GEMINI_TYPE_ARRAY;
    }

    node = ngx_llm_gemini_get(s, "const");

    if (node != NULL) {
        return ngx_llm_gemini_value_type(node);
    }

    node = ngx_llm_gemini_get(s, "enum");

    if (node != NULL && node->type == NGX_LLM_JSON_ARRAY && node->child) {
        return ngx_llm_gemini_value_type(node->child);
    }

    return NGX_LLM_GEMINI_TYPE_STRING;
}


ngx_llm_json_t *
ngx_llm_gemini_property(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_uint_t n, ngx_str_t *name)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *m, *properties;

    for (i = 0; i < n; i++) {

        properties = ngx_llm_json_get(s->node[i], "properties");

        if (properties == NULL || properties->type != NGX_LLM_JSON_OBJECT) {
            continue;
        }

        for (m = properties->child; m; m = m->next) {
            ctx->fuel--;

            if (m->type != NGX_LLM_JSON_FALSE && m->key.len == name->len
                && ngx_memcmp(m->key.data, name->data, name->len) == 0)
            {
                return m;
            }
        }
    }

    return NULL;
}


ngx_uint_t
ngx_llm_gemini_has_properties(ngx_llm_gemini_sources_t *s)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *m, *properties;

    for (i = 0; i < s->n; i++) {

        properties = ngx_llm_json_get(s->node[i], "properties");

        if (properties == NULL || properties->type != NGX_LLM_JSON_OBJECT) {
            continue;
        }

        for (m = properties->child; m; m = m->next) {
            if (m->type != NGX_LLM_JSON_FALSE) {
                return 1;
            }
        }
    }

    return 0;
}
