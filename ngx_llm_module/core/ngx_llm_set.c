
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_set.h"


static char *ngx_llm_set_name(ngx_str_t *name);
static ngx_int_t ngx_llm_set_object(ngx_llm_json_t *object,
    ngx_llm_set_t *set, ngx_uint_t n, size_t skip, ngx_array_t *removed,
    ngx_array_t *edits);
static ngx_int_t ngx_llm_set_member(ngx_llm_json_t *member,
    ngx_llm_set_t *set, ngx_uint_t n, size_t skip, ngx_array_t *removed,
    ngx_array_t *edits);
static ngx_str_t ngx_llm_set_segment(ngx_llm_set_t *set, size_t skip);
static ngx_uint_t ngx_llm_set_group(ngx_llm_set_t *set, ngx_uint_t n,
    size_t skip);
static void ngx_llm_set_write(ngx_llm_set_t *set, ngx_uint_t n, size_t skip,
    ngx_uint_t forced, ngx_llm_out_t *out);
static ngx_uint_t ngx_llm_set_removed(ngx_array_t *removed,
    ngx_llm_json_t *node);
static ngx_uint_t ngx_llm_set_more(ngx_llm_json_t *object,
    ngx_array_t *removed);


char *
ngx_llm_set_parse(ngx_pool_t *pool, ngx_str_t *name, ngx_str_t *value,
    ngx_llm_set_t *set)
{
    char           *rv;
    ngx_uint_t      i;
    ngx_str_t       text;
    ngx_llm_out_t   out;

    rv = ngx_llm_set_name(name);
    if (rv) {
        return rv;
    }

    set->name = *name;
    set->node = ngx_llm_json_parse(pool, value, NULL);

    if (set->node == NULL) {

        /* a word stands for itself, but what begins as JSON was meant so */

        if (value->len == 0) {
            return "has an empty value";
        }

        for (i = 0; i < value->len; i++) {
            if (value->data[i] < 0x20 || ngx_strchr("\"{}[]", value->data[i])) {
                return "has a value that is not JSON";
            }
        }

        ngx_llm_out_init(&out, pool, NULL, 0, NGX_MAX_INT32_VALUE);
        ngx_llm_out_json_string(&out, value);

        if (out.failed) {
            return "has a value that does not fit in memory";
        }

        text.data = out.start;
        text.len = ngx_llm_out_len(&out);

        set->node = ngx_llm_json_parse(pool, &text, NULL);

        if (set->node == NULL) {
            return "has a value that does not fit in memory";
        }
    }

    set->node->key = *name;

    return NULL;
}


static char *
ngx_llm_set_name(ngx_str_t *name)
{
    u_char      c, prev;
    ngx_uint_t  i, depth;

    if (name->len > NGX_LLM_MAX_SET_NAME) {
        return "has a name that is too long";
    }

    prev = '.';
    depth = 1;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            return "has a name with an invalid character";
        }

        if (c == '.') {
            if (prev == '.') {
                return "has a name with an empty part";
            }

            if (++depth > NGX_LLM_MAX_SET_DEPTH) {
                return "has a name of too many parts";
            }
        }

        prev = c;
    }

    return (prev == '.') ? "has a name with an empty part" : NULL;
}


ngx_uint_t
ngx_llm_set_overlaps(ngx_llm_set_t *one, ngx_llm_set_t *two)
{
    size_t      len;
    ngx_str_t  *longer;

    len = ngx_min(one->name.len, two->name.len);

    if (ngx_memcmp(one->name.data, two->name.data, len) != 0) {
        return 0;
    }

    longer = (one->name.len > len) ? &one->name : &two->name;

    return (longer->len == len || longer->data[len] == '.');
}


ngx_int_t ngx_libc_cdecl
ngx_llm_set_cmp(const void *one, const void *two)
{
    const ngx_llm_set_t *a = one;
    const ngx_llm_set_t *b = two;

    ngx_int_t  rc;

    rc = ngx_memcmp(a->name.data, b->name.data,
                    ngx_min(a->name.len, b->name.len));

    return rc ? rc : (ngx_int_t) a->name.len - (ngx_int_t) b->name.len;
}


ngx_int_t
ngx_llm_set_edit(ngx_llm_json_t *object, ngx_llm_set_t *set, ngx_uint_t n,
    ngx_array_t *removed, ngx_array_t *edits)
{
    return ngx_llm_set_object(object, set, n, 0, removed, edits);
}


/* skip: bytes of the names that lead to this object */

static ngx_int_t
ngx_llm_set_object(ngx_llm_json_t *object, ngx_llm_set_t *set, ngx_uint_t n,
    size_t skip, ngx_array_t *removed, ngx_array_t *edits)
{
    ngx_str_t        name;
    ngx_uint_t       i, group;
    ngx_llm_out_t    out;
    ngx_llm_edit_t  *edit;
    ngx_llm_json_t  *member;

    ngx_llm_out_init(&out, edits->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    for (i = 0; i < n; i += group) {

        group = ngx_llm_set_group(&set[i], n - i, skip);
        name = ngx_llm_set_segment(&set[i], skip);

        member = ngx_llm_json_find(object, (char *) name.data, name.len);

        if (member && !ngx_llm_set_removed(removed, member)) {

            if (ngx_llm_set_member(member, &set[i], group, skip, removed,
                                   edits)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        if (ngx_llm_out_len(&out)) {
            ngx_llm_out_char(&out, ',');
        }

        ngx_llm_set_write(&set[i], group, skip, 0, &out);
    }

    if (out.failed) {
        return NGX_ERROR;
    }

    if (ngx_llm_out_len(&out) == 0) {
        return NGX_OK;
    }

    if (ngx_llm_set_more(object, removed)) {
        ngx_llm_out_char(&out, ',');
    }

    edit = ngx_array_push(edits);

    if (edit == NULL || out.failed) {
        return NGX_ERROR;
    }

    edit->pos = object->raw.data + 1;
    edit->del = 0;
    edit->text.data = out.start;
    edit->text.len = ngx_llm_out_len(&out);

    return NGX_OK;
}


/* a member that is there: the names of the group begin with its own */

static ngx_int_t
ngx_llm_set_member(ngx_llm_json_t *member, ngx_llm_set_t *set, ngx_uint_t n,
    size_t skip, ngx_array_t *removed, ngx_array_t *edits)
{
    ngx_str_t        name;
    ngx_uint_t       i, leaf, forced;
    ngx_llm_out_t    out;
    ngx_llm_edit_t  *edit;

    name = ngx_llm_set_segment(set, skip);
    leaf = (set->name.len == skip + name.len);

    if (!leaf && member->type == NGX_LLM_JSON_OBJECT) {
        return ngx_llm_set_object(member, set, n, skip + name.len + 1,
                                  removed, edits);
    }

    forced = 0;

    for (i = 0; i < n; i++) {
        forced |= set[i].force;
    }

    if (!forced && member->type != NGX_LLM_JSON_NULL) {
        return NGX_OK;
    }

    edit = ngx_array_push(edits);
    if (edit == NULL) {
        return NGX_ERROR;
    }

    ngx_llm_out_init(&out, edits->pool, NULL, 0, NGX_MAX_INT32_VALUE);
    ngx_llm_set_write(set, n, skip, member->type != NGX_LLM_JSON_NULL, &out);

    if (out.failed) {
        return NGX_ERROR;
    }

    /* key and value: what was written has both */

    edit->pos = member->begin;
    edit->del = member->raw.data + member->raw.len - member->begin;
    edit->text.data = out.start;
    edit->text.len = ngx_llm_out_len(&out);

    return NGX_OK;
}


static ngx_str_t
ngx_llm_set_segment(ngx_llm_set_t *set, size_t skip)
{
    u_char     *dot;
    ngx_str_t   name;

    name.data = set->name.data + skip;
    name.len = set->name.len - skip;

    dot = ngx_strlchr(name.data, name.data + name.len, '.');

    if (dot) {
        name.len = dot - name.data;
    }

    return name;
}


/* how many have the same name at this place */

static ngx_uint_t
ngx_llm_set_group(ngx_llm_set_t *set, ngx_uint_t n, size_t skip)
{
    ngx_str_t   first, name;
    ngx_uint_t  i;

    first = ngx_llm_set_segment(set, skip);

    for (i = 1; i < n; i++) {
        name = ngx_llm_set_segment(&set[i], skip);

        if (name.len != first.len
            || ngx_memcmp(name.data, first.data, name.len) != 0)
        {
            break;
        }
    }

    return i;
}


/* one member, with all that stands inside of it; forced: those alone */

static void
ngx_llm_set_write(ngx_llm_set_t *set, ngx_uint_t n, size_t skip,
    ngx_uint_t forced, ngx_llm_out_t *out)
{
    ngx_str_t   name;
    ngx_uint_t  i, group, members;

    name = ngx_llm_set_segment(set, skip);
    skip += name.len;

    ngx_llm_out_quoted(out, &name);
    ngx_llm_out_char(out, ':');

    if (set->name.len == skip) {
        ngx_llm_out_str(out, &set->node->raw);
        return;
    }

    skip++;
    members = 0;

    ngx_llm_out_char(out, '{');

    for (i = 0; i < n; i += group) {

        if (forced && !set[i].force) {
            group = 1;
            continue;
        }

        group = ngx_llm_set_group(&set[i], n - i, skip);

        if (members++) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_set_write(&set[i], group, skip, forced, out);
    }

    ngx_llm_out_char(out, '}');
}


static ngx_uint_t
ngx_llm_set_removed(ngx_array_t *removed, ngx_llm_json_t *node)
{
    ngx_uint_t        i;
    ngx_llm_json_t  **member;

    if (removed == NULL) {
        return 0;
    }

    member = removed->elts;

    for (i = 0; i < removed->nelts; i++) {
        if (member[i] == node) {
            return 1;
        }
    }

    return 0;
}


/* is there a member that stays? both lists are in the order of the text */

static ngx_uint_t
ngx_llm_set_more(ngx_llm_json_t *object, ngx_array_t *removed)
{
    ngx_uint_t       i, n;
    ngx_llm_json_t  *node, **member;

    member = removed ? removed->elts : NULL;
    n = removed ? removed->nelts : 0;
    i = 0;

    for (node = object->child; node; node = node->next) {

        while (i < n && member[i] != node) {
            i++;
        }

        if (i == n) {
            return 1;
        }
    }

    return 0;
}
