
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_embed.h"

/* a string of base64 that is shorter is no vector that would matter */
#define NGX_LLM_EMBED_STRING   64


static ngx_int_t ngx_llm_embed_reduce(ngx_llm_embed_answer_t *answer,
    ngx_str_t *text, ngx_llm_out_t *out);
static u_char *ngx_llm_embed_numbers(u_char *p, u_char *last);
static u_char *ngx_llm_embed_number(u_char *p, u_char *last);
static u_char *ngx_llm_embed_base64(u_char *p, u_char *last);
static ngx_uint_t ngx_llm_embed_is_base64(ngx_str_t *text);
static ngx_uint_t ngx_llm_embed_base64_char(u_char c);
static u_char *ngx_llm_embed_blank(u_char *p, u_char *last);
static ngx_int_t ngx_llm_embed_found(ngx_llm_embed_answer_t *answer,
    u_char *p, u_char *last, ngx_uint_t base64, ngx_llm_out_t *out);


ngx_int_t
ngx_llm_embed_answer_init(ngx_llm_embed_answer_t *answer, ngx_pool_t *pool,
    ngx_uint_t n)
{
    ngx_memzero(answer, sizeof(ngx_llm_embed_answer_t));

    answer->pool = pool;
    answer->n = n;

    ngx_llm_usage_init(&answer->usage);

    answer->vectors = ngx_pcalloc(pool, n * sizeof(ngx_llm_vector_t));
    if (answer->vectors == NULL) {
        return NGX_ERROR;
    }

    return ngx_array_init(&answer->found, pool, 16, sizeof(ngx_llm_vector_t));
}


ngx_llm_json_t *
ngx_llm_embed_parse(ngx_llm_embed_answer_t *answer, ngx_str_t *text)
{
    ngx_str_t      reduced;
    ngx_llm_out_t  out;

    ngx_llm_usage_init(&answer->usage);

    if (text->len == 0) {
        return NULL;
    }

    answer->found.nelts = 0;

    /* what stands for a vector is never longer than it but for "[1]" */

    ngx_llm_out_init(&out, answer->pool, NULL, 0, text->len * 8 + 64);

    if (ngx_llm_embed_reduce(answer, text, &out) != NGX_OK || out.failed) {
        return NULL;
    }

    reduced.data = out.start;
    reduced.len = ngx_llm_out_len(&out);

    return ngx_llm_json_parse(answer->pool, &reduced, NULL);
}


/* what is no vector is copied as it is: what is wrong there is found later */

static ngx_int_t
ngx_llm_embed_reduce(ngx_llm_embed_answer_t *answer, ngx_str_t *text,
    ngx_llm_out_t *out)
{
    u_char      *p, *q, *last, *from;
    ngx_uint_t   base64;

    p = text->data;
    last = p + text->len;
    from = p;

    while (p < last) {

        if (*p == '[') {
            base64 = 0;
            q = ngx_llm_embed_numbers(p, last);

        } else if (*p == '"') {
            base64 = 1;
            q = ngx_llm_embed_base64(p, last);

        } else {
            p++;
            continue;
        }

        if (q) {
            ngx_llm_out_data(out, from, p - from);

            if (ngx_llm_embed_found(answer, p, q, base64, out) != NGX_OK) {
                return NGX_ERROR;
            }

            p = q;
            from = p;

            continue;
        }

        if (*p++ == '[') {
            continue;
        }

        while (p < last && *p != '"') {
            p += (*p == '\\') ? 2 : 1;
        }

        p++;
    }

    if (from < last) {
        ngx_llm_out_data(out, from, last - from);
    }

    return NGX_OK;
}


/* the end of an array of numbers that begins at p; NULL: it is none */

static u_char *
ngx_llm_embed_numbers(u_char *p, u_char *last)
{
    p++;

    for ( ;; ) {
        p = ngx_llm_embed_blank(p, last);
        p = ngx_llm_embed_number(p, last);

        if (p == NULL) {
            return NULL;
        }

        p = ngx_llm_embed_blank(p, last);

        if (p == last) {
            return NULL;
        }

        if (*p == ']') {
            return p + 1;
        }

        if (*p++ != ',') {
            return NULL;
        }
    }
}


static u_char *
ngx_llm_embed_blank(u_char *p, u_char *last)
{
    while (p < last && (*p == ' ' || *p == LF || *p == CR || *p == '\t')) {
        p++;
    }

    return p;
}


/* RFC 8259, 6 */

static u_char *
ngx_llm_embed_number(u_char *p, u_char *last)
{
#define ngx_llm_embed_digits(p, last)                                        \
    if (p == last || *p < '0' || *p > '9') {                                 \
        return NULL;                                                         \
    }                                                                        \
                                                                             \
    while (p < last && *p >= '0' && *p <= '9') {                             \
        p++;                                                                 \
    }

    if (p < last && *p == '-') {
        p++;
    }

    if (p < last && *p == '0') {
        p++;

    } else {
        ngx_llm_embed_digits(p, last);
    }

    if (p < last && *p == '.') {
        p++;
        ngx_llm_embed_digits(p, last);
    }

    if (p < last && (*p | 0x20) == 'e') {
        p++;

        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }

        ngx_llm_embed_digits(p, last);
    }

    return p;

#undef ngx_llm_embed_digits
}


/* the end of a long string of base64; a member's name is no such string */

static u_char *
ngx_llm_embed_base64(u_char *p, u_char *last)
{
    u_char  *start;

    start = ++p;

    while (p < last && ngx_llm_embed_base64_char(*p)) {
        p++;
    }

    if (p == last || *p != '"' || p - start < NGX_LLM_EMBED_STRING) {
        return NULL;
    }

    p++;

    start = ngx_llm_embed_blank(p, last);

    return (start < last && *start == ':') ? NULL : p;
}


static ngx_uint_t
ngx_llm_embed_base64_char(u_char c)
{
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9')
           || c == '+' || c == '/' || c == '=';
}


/* of whole floats */

static ngx_uint_t
ngx_llm_embed_is_base64(ngx_str_t *text)
{
    size_t  i, len;

    for (i = 0; i < text->len; i++) {
        if (!ngx_llm_embed_base64_char(text->data[i])) {
            return 0;
        }
    }

    for (len = text->len; len && text->data[len - 1] == '='; len--) {
        /* void */
    }

    return (len && len % 4 != 1 && (len * 3 / 4) % 4 == 0);
}


static ngx_int_t
ngx_llm_embed_found(ngx_llm_embed_answer_t *answer, u_char *p, u_char *last,
    ngx_uint_t base64, ngx_llm_out_t *out)
{
    ngx_llm_vector_t  *vector;

    if (answer->found.nelts == NGX_LLM_EMBED_FOUND) {
        return NGX_ERROR;
    }

    ngx_llm_out_char(out, '[');
    ngx_llm_out_int(out, answer->found.nelts);
    ngx_llm_out_char(out, ']');

    vector = ngx_array_push(&answer->found);
    if (vector == NULL) {
        return NGX_ERROR;
    }

    vector->text.data = p + base64;
    vector->text.len = last - p - 2 * base64;
    vector->base64 = base64;

    return NGX_OK;
}


ngx_int_t
ngx_llm_embed_put(ngx_llm_embed_answer_t *answer, ngx_llm_json_t *node,
    int64_t i)
{
    int64_t            n;
    ngx_llm_vector_t  *vector, *found;

    if (node == NULL || i < 0 || i >= (int64_t) (answer->n - answer->from)) {
        return NGX_DECLINED;
    }

    vector = &answer->vectors[answer->from + i];

    if (vector->text.data) {
        return NGX_DECLINED;
    }

    if (node->type == NGX_LLM_JSON_STRING && !node->escaped) {

        /* one that is too short to be told from other strings */

        vector->text = ngx_llm_json_text(node);
        vector->base64 = 1;

        return ngx_llm_embed_is_base64(&vector->text) ? NGX_OK
                                                      : NGX_DECLINED;
    }

    if (node->type != NGX_LLM_JSON_ARRAY
        || node->child == NULL || node->child->next
        || ngx_llm_json_int(node->child, &n) != NGX_OK
        || n < 0 || n >= (int64_t) answer->found.nelts)
    {
        return NGX_DECLINED;
    }

    found = answer->found.elts;
    *vector = found[n];

    return NGX_OK;
}


ngx_uint_t
ngx_llm_embed_whole(ngx_llm_embed_answer_t *answer, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = answer->from; i < answer->from + n; i++) {
        if (answer->vectors[i].text.data == NULL) {
            return 0;
        }
    }

    return 1;
}
