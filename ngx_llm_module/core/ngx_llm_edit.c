
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_json.h"


static ngx_int_t ngx_llm_edit_sort(ngx_array_t *edits);
static void ngx_llm_edit_merge(ngx_llm_edit_t *src, ngx_llm_edit_t *dst,
    ngx_uint_t left, ngx_uint_t middle, ngx_uint_t right);
static ngx_int_t ngx_llm_edit_slice(ngx_array_t *slices, u_char *data,
    size_t len);


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
 * Edits of one place keep their order.  Readers mostly append them in the
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
        if (src[i].pos < src[i - 1].pos) {
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
            && (two == right || src[one].pos <= src[two].pos))
        {
            dst[i] = src[one++];

        } else {
            dst[i] = src[two++];
        }
    }
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
