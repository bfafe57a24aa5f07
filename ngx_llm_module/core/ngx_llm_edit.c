
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_json.h"


static ngx_int_t ngx_llm_edit_sort(ngx_array_t *edits);
static void ngx_llm_edit_merge(ngx_llm_edit_t *src, ngx_llm_edit_t *dst,
    ngx_uint_t left, ngx_uint_t middle, ngx_uint_t right);
static ngx_uint_t ngx_llm_edit_before(ngx_llm_edit_t *one,
    ngx_llm_edit_t *two);
static ngx_int_t ngx_llm_edit_slice(ngx_array_t *slices, u_char *data,
    size_t len);


ngx_int_t
ngx_llm_edit_add(ngx_array_t *edits, u_char *pos, size_t del, ngx_str_t *text)
{
    ngx_llm_edit_t  *edit;

    edit = ngx_array_push(edits);
    if (edit == NULL) {
        return NGX_ERROR;
    }

    edit->pos = pos;
    edit->del = del;
    edit->text = *text;

    return NGX_OK;
}


ngx_int_t
ngx_llm_edit_remove(ngx_llm_json_t *object, ngx_array_t *members,
    ngx_array_t *edits)
{
    u_char           *pos, *last;
    ngx_uint_t        i;
    ngx_llm_json_t   *node, *prev, **member;

    static ngx_str_t  nothing = ngx_null_string;

    i = 0;
    prev = NULL;
    node = object->child;
    member = members->elts;

    while (node && i < members->nelts) {

        if (node != member[i]) {
            prev = node;
            node = node->next;
            continue;
        }

        pos = node->begin;
        last = pos;

        while (node && i < members->nelts && node == member[i]) {
            last = node->raw.data + node->raw.len;
            node = node->next;
            i++;
        }

        if (node) {
            last = node->begin;

        } else if (prev) {
            pos = prev->raw.data + prev->raw.len;
        }

        if (ngx_llm_edit_add(edits, pos, last - pos, &nothing) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_edit_rename(ngx_llm_json_t *member, ngx_str_t *key,
    ngx_array_t *edits)
{
    u_char      *last;
    ngx_uint_t   escaped;

    last = ngx_llm_json_string(member->begin + 1, member->raw.data, &escaped);
    if (last == NULL) {
        return NGX_ERROR;
    }

    return ngx_llm_edit_add(edits, member->begin + 1,
                            last - (member->begin + 1), key);
}


ngx_int_t
ngx_llm_edit_apply(ngx_str_t *text, ngx_array_t *edits, ngx_array_t *slices)
{
    u_char          *p, *last;
    ngx_uint_t       i;
    ngx_llm_edit_t  *edit;

    if (ngx_llm_edit_sort(edits) != NGX_OK) {
        return NGX_ERROR;
    }

    p = text->data;
    last = p + text->len;

    edit = edits->elts;

    for (i = 0; i < edits->nelts; i++) {

        /* before what is already replaced, or outside */

        if (edit[i].pos < p || edit[i].pos > last
            || edit[i].del > (size_t) (last - edit[i].pos))
        {
            return NGX_ERROR;
        }

        if (ngx_llm_edit_slice(slices, p, edit[i].pos - p) != NGX_OK
            || ngx_llm_edit_slice(slices, edit[i].text.data, edit[i].text.len)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        p = edit[i].pos + edit[i].del;
    }

    return ngx_llm_edit_slice(slices, p, last - p);
}


/*
 * Edits of one place keep their order, but for insertions: they come before
 * what replaces the text that stands there.  Readers mostly append them in the
 * order of the text; if not, there may be as many as a request has values.
 */

static ngx_int_t
ngx_llm_edit_sort(ngx_array_t *edits)
{
    ngx_uint_t       i, n, run;
    ngx_llm_edit_t  *src, *dst, *tmp;

    n = edits->nelts;
    src = edits->elts;

    for (i = 1; i < n; i++) {
        if (ngx_llm_edit_before(&src[i], &src[i - 1])) {
            break;
        }
    }

    if (i >= n) {
        return NGX_OK;
    }

    dst = ngx_palloc(edits->pool, n * sizeof(ngx_llm_edit_t));
    if (dst == NULL) {
        return NGX_ERROR;
    }

    for (run = 1; run < n; run *= 2) {

        for (i = 0; i < n; i += 2 * run) {
            ngx_llm_edit_merge(src, dst, i, ngx_min(i + run, n),
                               ngx_min(i + 2 * run, n));
        }

        tmp = src;
        src = dst;
        dst = tmp;
    }

    if (src != edits->elts) {
        ngx_memcpy(edits->elts, src, n * sizeof(ngx_llm_edit_t));
    }

    return NGX_OK;
}


static void
ngx_llm_edit_merge(ngx_llm_edit_t *src, ngx_llm_edit_t *dst, ngx_uint_t left,
    ngx_uint_t middle, ngx_uint_t right)
{
    ngx_uint_t  i, one, two;

    one = left;
    two = middle;

    for (i = left; i < right; i++) {

        if (one < middle
            && (two == right || !ngx_llm_edit_before(&src[two], &src[one])))
        {
            dst[i] = src[one++];

        } else {
            dst[i] = src[two++];
        }
    }
}


static ngx_uint_t
ngx_llm_edit_before(ngx_llm_edit_t *one, ngx_llm_edit_t *two)
{
    if (one->pos == two->pos) {
        return (one->del == 0 && two->del != 0);
    }

    return (one->pos < two->pos);
}


static ngx_int_t
ngx_llm_edit_slice(ngx_array_t *slices, u_char *data, size_t len)
{
    ngx_str_t  *slice;

    if (len == 0) {
        return NGX_OK;
    }

    slice = ngx_array_push(slices);
    if (slice == NULL) {
        return NGX_ERROR;
    }

    slice->data = data;
    slice->len = len;

    return NGX_OK;
}
