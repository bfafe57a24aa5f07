
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_schema.h"


/* a schema that is being written, or whose members are taken over */

struct ngx_llm_schema_at_s {
    ngx_llm_json_t                  *node;
    ngx_llm_schema_at_t             *up;
    ngx_uint_t                       inner;     /* of the one above */
};


static void ngx_llm_schema_value(ngx_llm_schema_t *s, ngx_llm_json_t *node);
static void ngx_llm_schema_object(ngx_llm_schema_t *s, ngx_llm_json_t *node);
static ngx_uint_t ngx_llm_schema_members(ngx_llm_schema_t *s,
    ngx_llm_json_t *node, ngx_uint_t inner, ngx_uint_t n);
static ngx_uint_t ngx_llm_schema_taken(ngx_llm_schema_t *s,
    ngx_llm_json_t *m, ngx_llm_json_t **target);
static void ngx_llm_schema_member(ngx_llm_schema_t *s, ngx_llm_json_t *m,
    const ngx_llm_schema_keyword_t *kw, ngx_uint_t n);
static void ngx_llm_schema_many(ngx_llm_schema_t *s, ngx_llm_json_t *node);
static ngx_uint_t ngx_llm_schema_left(ngx_llm_schema_t *s,
    ngx_llm_json_t *m, const ngx_llm_schema_keyword_t *kw);
static ngx_uint_t ngx_llm_schema_overridden(ngx_llm_schema_at_t *at,
    ngx_llm_json_t *m);
static const ngx_llm_schema_keyword_t *ngx_llm_schema_keyword(
    ngx_llm_schema_t *s, ngx_llm_json_t *m);
static ngx_llm_json_t *ngx_llm_schema_find(ngx_llm_schema_t *s,
    ngx_str_t *ref);
static ngx_llm_json_t *ngx_llm_schema_step(ngx_llm_json_t *node,
    ngx_str_t *name);
static ngx_uint_t ngx_llm_schema_full(ngx_llm_schema_t *s);
static ngx_uint_t ngx_llm_schema_key_is(ngx_llm_json_t *m, char *name);
static void ngx_llm_schema_key(ngx_llm_schema_t *s, ngx_str_t *key,
    ngx_uint_t n);


static const ngx_llm_schema_keyword_t  ngx_llm_schema_copy =
    { NULL, NGX_LLM_SCHEMA_COPY, NULL };


void
ngx_llm_schema_write(ngx_llm_schema_t *s)
{
    s->at = NULL;
    s->depth = 0;
    s->nodes = 0;
    s->cut = 0;

    /* what is copied in many times has a bound, too */

    s->limit = ngx_llm_out_len(s->out) + 4 * s->root->raw.len + 65536;

    ngx_llm_schema_value(s, s->root);
}


static void
ngx_llm_schema_value(ngx_llm_schema_t *s, ngx_llm_json_t *node)
{
    ngx_uint_t       n;
    ngx_llm_json_t  *item;

    if (node->type == NGX_LLM_JSON_OBJECT) {
        ngx_llm_schema_object(s, node);
        return;
    }

    if (node->type != NGX_LLM_JSON_ARRAY) {
        ngx_llm_out_str(s->out, &node->raw);
        return;
    }

    if (s->depth == NGX_LLM_SCHEMA_DEPTH) {
        ngx_llm_out_lit(s->out, "[]");
        s->cut = 1;
        return;
    }

    s->depth++;

    ngx_llm_out_char(s->out, '[');

    n = 0;

    for (item = node->child; item; item = item->next) {

        if (n++) {
            ngx_llm_out_char(s->out, ',');
        }

        ngx_llm_schema_value(s, item);
    }

    ngx_llm_out_char(s->out, ']');

    s->depth--;
}


static void
ngx_llm_schema_object(ngx_llm_schema_t *s, ngx_llm_json_t *node)
{
    if (s->depth == NGX_LLM_SCHEMA_DEPTH || ngx_llm_schema_full(s)) {
        ngx_llm_out_lit(s->out, "{\"type\":\"object\"}");
        s->cut = 1;
        return;
    }

    s->depth++;

    ngx_llm_out_char(s->out, '{');
    (void) ngx_llm_schema_members(s, node, 0, 0);
    ngx_llm_out_char(s->out, '}');

    s->depth--;
}


/* n: of members that are written already; returns it with those written here */

static ngx_uint_t
ngx_llm_schema_members(ngx_llm_schema_t *s, ngx_llm_json_t *node,
    ngx_uint_t inner, ngx_uint_t n)
{
    ngx_str_t                        type;
    ngx_llm_json_t                  *m, *target;
    ngx_llm_schema_at_t              at, *up;
    const ngx_llm_schema_keyword_t  *kw;

    for (up = s->at; up; up = up->up) {

        if (up->node != node) {
            continue;
        }

        /* it leads to itself */

        s->cut = 1;

        if (n) {
            return n;
        }

        ngx_str_set(&type, "type");
        ngx_llm_schema_key(s, &type, n);
        ngx_llm_out_lit(s->out, "\"object\"");

        return n + 1;
    }

    at.node = node;
    at.up = s->at;
    at.inner = inner;

    s->at = &at;

    for (m = node->child; m; m = m->next) {

        if (ngx_llm_schema_full(s)) {
            s->cut = 1;
            break;
        }

        s->nodes++;

        if (s->copied && ngx_llm_schema_taken(s, m, &target)) {

            if (target != NULL && s->depth < NGX_LLM_SCHEMA_DEPTH) {
                s->depth++;
                n = ngx_llm_schema_members(s, target, 1, n);
                s->depth--;
            }

            continue;
        }

        if (inner && ngx_llm_schema_overridden(&at, m)) {
            continue;
        }

        kw = ngx_llm_schema_keyword(s, m);

        if (ngx_llm_schema_left(s, m, kw)) {
            s->cut = 1;
            continue;
        }

        ngx_llm_schema_member(s, m, kw, n++);
    }

    s->at = at.up;

    return n;
}


/* a member in whose place another schema's members stand; NULL: none do */

static ngx_uint_t
ngx_llm_schema_taken(ngx_llm_schema_t *s, ngx_llm_json_t *m,
    ngx_llm_json_t **target)
{
    ngx_str_t  ref;

    *target = NULL;

    if (ngx_llm_schema_key_is(m, "$defs")
        || ngx_llm_schema_key_is(m, "definitions"))
    {
        return 1;
    }

    if (ngx_llm_schema_key_is(m, "$ref")) {

        if (m->type == NGX_LLM_JSON_STRING) {
            ref = ngx_llm_json_text(m);
            *target = ngx_llm_schema_find(s, &ref);
        }

        if (*target == NULL) {
            s->cut = 1;
        }

        return 1;
    }

    if (ngx_llm_schema_key_is(m, "allOf") && m->type == NGX_LLM_JSON_ARRAY
        && m->child && m->child->next == NULL
        && m->child->type == NGX_LLM_JSON_OBJECT)
    {
        *target = m->child;
        return 1;
    }

    return 0;
}


static void
ngx_llm_schema_member(ngx_llm_schema_t *s, ngx_llm_json_t *m,
    const ngx_llm_schema_keyword_t *kw, ngx_uint_t n)
{
    ngx_str_t  key;

    key = m->key;

    if (kw->as) {
        key.data = (u_char *) kw->as;
        key.len = ngx_strlen(kw->as);
    }

    ngx_llm_schema_key(s, &key, n);

    switch (kw->action) {

    case NGX_LLM_SCHEMA_ONE:
        ngx_llm_schema_value(s, m);
        return;

    case NGX_LLM_SCHEMA_MANY:
        ngx_llm_schema_many(s, m);
        return;

    default:
        ngx_llm_out_str(s->out, &m->raw);
    }
}


static void
ngx_llm_schema_many(ngx_llm_schema_t *s, ngx_llm_json_t *node)
{
    ngx_uint_t       n;
    ngx_llm_json_t  *m;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        ngx_llm_out_str(s->out, &node->raw);
        return;
    }

    ngx_llm_out_char(s->out, '{');

    n = 0;

    for (m = node->child; m; m = m->next) {

        if (ngx_llm_schema_full(s)) {
            s->cut = 1;
            break;
        }

        s->nodes++;

        ngx_llm_schema_key(s, &m->key, n++);
        ngx_llm_schema_value(s, m);
    }

    ngx_llm_out_char(s->out, '}');
}


static ngx_uint_t
ngx_llm_schema_left(ngx_llm_schema_t *s, ngx_llm_json_t *m,
    const ngx_llm_schema_keyword_t *kw)
{
    size_t       i;
    ngx_str_t    text;
    ngx_uint_t   k;

    switch (kw->action) {

    case NGX_LLM_SCHEMA_CUT:
        return 1;

    case NGX_LLM_SCHEMA_WORD:

        if (m->type != NGX_LLM_JSON_STRING) {
            return 1;
        }

        text = ngx_llm_json_text(m);

        for (k = 0; s->words[k]; k++) {
            if (ngx_llm_json_is(&text, s->words[k])) {
                return 0;
            }
        }

        return 1;

    case NGX_LLM_SCHEMA_PATTERN:

        for (i = 0; i < m->raw.len; i++) {

            if (m->raw.data[i] == '^' || m->raw.data[i] == '$'
                || (m->raw.data[i] == '?' && m->raw.data[i - 1] == '('))
            {
                return 1;
            }
        }

        return 0;

    default:

        /* both names of it may be there */

        return kw->as != NULL && ngx_llm_json_get(s->at->node, kw->as) != NULL;
    }
}


/* what stands beside a reference counts more than what it leads to */

static ngx_uint_t
ngx_llm_schema_overridden(ngx_llm_schema_at_t *at, ngx_llm_json_t *m)
{
    while (at && at->inner) {
        at = at->up;

        if (at && ngx_llm_json_find(at->node, (char *) m->key.data,
                                    m->key.len)
                  != NULL)
        {
            return 1;
        }
    }

    return 0;
}


static const ngx_llm_schema_keyword_t *
ngx_llm_schema_keyword(ngx_llm_schema_t *s, ngx_llm_json_t *m)
{
    const ngx_llm_schema_keyword_t  *kw;

    for (kw = s->keywords; kw->name; kw++) {
        if (ngx_llm_schema_key_is(m, kw->name)) {
            return kw;
        }
    }

    return &ngx_llm_schema_copy;
}


/* RFC 6901, as a fragment; an escape of JSON in it is not looked at */

static ngx_llm_json_t *
ngx_llm_schema_find(ngx_llm_schema_t *s, ngx_str_t *ref)
{
    u_char          *p, *last;
    ngx_str_t        name;
    ngx_llm_json_t  *node;

    p = ref->data;
    last = p + ref->len;

    if (p == last || *p++ != '#') {
        return NULL;
    }

    node = s->root;

    while (p < last && node) {

        if (*p++ != '/') {
            return NULL;
        }

        name.data = p;

        while (p < last && *p != '/') {
            p++;
        }

        name.len = p - name.data;

        node = ngx_llm_schema_step(node, &name);
    }

    return (node && node->type == NGX_LLM_JSON_OBJECT) ? node : NULL;
}


static ngx_llm_json_t *
ngx_llm_schema_step(ngx_llm_json_t *node, ngx_str_t *name)
{
    ngx_int_t        n;
    ngx_llm_json_t  *m;

    if (node->type == NGX_LLM_JSON_OBJECT) {
        return ngx_llm_json_find(node, (char *) name->data, name->len);
    }

    if (node->type != NGX_LLM_JSON_ARRAY || name->len == 0) {
        return NULL;
    }

    n = ngx_atoi(name->data, name->len);

    if (n == NGX_ERROR) {
        return NULL;
    }

    for (m = node->child; m && n; m = m->next) {
        n--;
    }

    return m;
}


static ngx_uint_t
ngx_llm_schema_full(ngx_llm_schema_t *s)
{
    return s->nodes >= NGX_LLM_SCHEMA_NODES
           || ngx_llm_out_len(s->out) > s->limit;
}


static ngx_uint_t
ngx_llm_schema_key_is(ngx_llm_json_t *m, char *name)
{
    size_t  len;

    len = ngx_strlen(name);

    return m->key.len == len && ngx_memcmp(m->key.data, name, len) == 0;
}


static void
ngx_llm_schema_key(ngx_llm_schema_t *s, ngx_str_t *key, ngx_uint_t n)
{
    if (n) {
        ngx_llm_out_char(s->out, ',');
    }

    ngx_llm_out_json_string(s->out, key);
    ngx_llm_out_char(s->out, ':');
}
