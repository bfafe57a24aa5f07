
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What a tree holds: members, texts, numbers.
 */


#include "ngx_llm_json.h"


/* a key is compared with all others in objects of up to so many members */
#define NGX_LLM_JSON_FEW        24


typedef ngx_int_t (*ngx_llm_json_cmp_pt)(ngx_llm_json_t *one,
    ngx_llm_json_t *two);


static ngx_int_t ngx_llm_json_hex(u_char *p, u_char *last, uint32_t *n);
static ngx_llm_json_t *ngx_llm_json_sort(ngx_llm_json_t *list,
    ngx_llm_json_cmp_pt cmp);
static ngx_int_t ngx_llm_json_cmp_key(ngx_llm_json_t *one,
    ngx_llm_json_t *two);
static ngx_int_t ngx_llm_json_cmp_case(ngx_llm_json_t *one,
    ngx_llm_json_t *two);
static ngx_str_t *ngx_llm_json_twice(ngx_llm_json_t *object,
    ngx_llm_json_cmp_pt cmp);
static ngx_int_t ngx_llm_json_cmp_place(ngx_llm_json_t *one,
    ngx_llm_json_t *two);


ngx_llm_json_t *
ngx_llm_json_find(ngx_llm_json_t *node, char *name, size_t len)
{
    ngx_llm_json_t  *found;

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        return NULL;
    }

    found = NULL;

    for (node = node->child; node; node = node->next) {

        if (node->key.len == len
            && ngx_memcmp(node->key.data, name, len) == 0)
        {
            found = node;
        }
    }

    return found;
}


ngx_str_t
ngx_llm_json_str(ngx_llm_json_t *node, char *name)
{
    return ngx_llm_json_text(ngx_llm_json_get(node, name));
}


ngx_str_t
ngx_llm_json_text(ngx_llm_json_t *node)
{
    ngx_str_t  text;

    if (node == NULL || node->type != NGX_LLM_JSON_STRING) {
        ngx_str_null(&text);
        return text;
    }

    text.data = node->raw.data + 1;
    text.len = node->raw.len - 2;

    return text;
}


ngx_str_t
ngx_llm_json_plain(ngx_pool_t *pool, ngx_str_t *escaped)
{
    u_char     *p, *q, *dst, *last;
    ngx_str_t   plain;

    if (escaped->len == 0) {
        return *escaped;
    }

    p = escaped->data;
    last = p + escaped->len;

    q = memchr(p, '\\', escaped->len);
    if (q == NULL) {
        return *escaped;
    }

    /* no escape is shorter than what it stands for */

    plain.data = ngx_pnalloc(pool, escaped->len);
    if (plain.data == NULL) {
        ngx_str_null(&plain);
        return plain;
    }

    dst = plain.data;

    while (q) {
        dst = ngx_cpymem(dst, p, q - p);
        p = q;
        dst = ngx_llm_utf8_put(dst, ngx_llm_json_unescape(&p, last));
        q = (p < last) ? memchr(p, '\\', last - p) : NULL;
    }

    dst = ngx_cpymem(dst, p, last - p);

    plain.len = dst - plain.data;

    return plain;
}


uint32_t
ngx_llm_json_unescape(u_char **pos, u_char *last)
{
    u_char    *p;
    uint32_t   n, low;

    p = *pos + 1;

    if (p == last) {
        *pos = p;
        return '\\';
    }

    *pos = p + 1;

    switch (*p) {

    case 'b':
        return '\b';

    case 'f':
        return '\f';

    case 'n':
        return '\n';

    case 'r':
        return '\r';

    case 't':
        return '\t';

    case 'u':
        break;

    default:

        if (*p < 0x80) {
            return *p;
        }

        /* no escape; what follows the slash stays as it is */

        *pos = p;
        return '\\';
    }

    if (ngx_llm_json_hex(p + 1, last, &n) != NGX_OK) {
        return 'u';
    }

    p += 5;
    *pos = p;

    if (n < 0xd800 || n > 0xdfff) {
        return n;
    }

    if (n < 0xdc00
        && last - p >= 6 && p[0] == '\\' && p[1] == 'u'
        && ngx_llm_json_hex(p + 2, last, &low) == NGX_OK
        && low >= 0xdc00 && low <= 0xdfff)
    {
        *pos = p + 6;
        return 0x10000 + ((n - 0xd800) << 10) + (low - 0xdc00);
    }

    return 0xfffd;
}


static ngx_int_t
ngx_llm_json_hex(u_char *p, u_char *last, uint32_t *n)
{
    ngx_int_t  v;

    if (last - p < 4) {
        return NGX_ERROR;
    }

    v = ngx_hextoi(p, 4);

    if (v == NGX_ERROR) {
        return NGX_ERROR;
    }

    *n = (uint32_t) v;

    return NGX_OK;
}


ngx_uint_t
ngx_llm_json_is(ngx_str_t *escaped, char *name)
{
    u_char    *p, *last;
    uint32_t   c;

    if (escaped->data == NULL) {
        return 0;
    }

    p = escaped->data;
    last = p + escaped->len;

    /* names in ASCII only */

    while (p < last && *name) {

        if (*p == '\\') {
            c = ngx_llm_json_unescape(&p, last);

        } else {
            c = *p++;
        }

        if (c != (u_char) *name++) {
            return 0;
        }
    }

    return (p == last && *name == '\0');
}


ngx_int_t
ngx_llm_json_int(ngx_llm_json_t *node, int64_t *n)
{
    u_char      *p, *safe, *last;
    uint64_t     value, limit;
    ngx_uint_t   minus;

    if (node == NULL || node->type != NGX_LLM_JSON_NUMBER) {
        return NGX_ERROR;
    }

    p = node->raw.data;
    last = p + node->raw.len;

    minus = (*p == '-');
    limit = (uint64_t) INT64_MAX + minus;
    value = 0;

    if (minus) {
        p++;
    }

    /* so many digits fit, whatever they are */

    safe = p + 18;

    for ( /* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {

        if (p >= safe && value > (limit - (*p - '0')) / 10) {
            return NGX_DECLINED;
        }

        value = value * 10 + (*p - '0');
    }

    if (p < last && *p == '.') {
        for (p++; p < last && *p == '0'; p++) { /* void */ }
    }

    if (p < last) {
        return NGX_DECLINED;
    }

    *n = minus ? (int64_t) (0 - value) : (int64_t) value;

    return NGX_OK;
}


int64_t
ngx_llm_json_count(ngx_llm_json_t *node, char *name, int64_t def)
{
    int64_t  n;

    if (ngx_llm_json_int(ngx_llm_json_get(node, name), &n) != NGX_OK
        || n < 0)
    {
        return def;
    }

    return n;
}


ngx_uint_t
ngx_llm_json_true(ngx_llm_json_t *node, char *name)
{
    node = ngx_llm_json_get(node, name);

    return (node && node->type == NGX_LLM_JSON_TRUE);
}


ngx_str_t *
ngx_llm_json_duplicate(ngx_llm_json_t *object)
{
    return ngx_llm_json_twice(object, ngx_llm_json_cmp_key);
}


ngx_str_t *
ngx_llm_json_alike(ngx_llm_json_t *object)
{
    return ngx_llm_json_twice(object, ngx_llm_json_cmp_case);
}


static ngx_str_t *
ngx_llm_json_twice(ngx_llm_json_t *object, ngx_llm_json_cmp_pt cmp)
{
    ngx_uint_t       n;
    ngx_llm_json_t  *node, *next, *found;

    if (object == NULL || object->type != NGX_LLM_JSON_OBJECT) {
        return NULL;
    }

    n = 0;

    for (node = object->child; node; node = node->next) {
        n++;
    }

    if (n <= NGX_LLM_JSON_FEW) {

        for (node = object->child; node; node = node->next) {
            for (next = node->next; next; next = next->next) {

                if (cmp(node, next) == 0) {
                    return &node->key;
                }
            }
        }

        return NULL;
    }

    /* a client may send any number of members: sorted, and put back */

    object->child = ngx_llm_json_sort(object->child, cmp);

    found = NULL;

    for (node = object->child; node->next; node = node->next) {

        if (cmp(node, node->next) == 0
            && (found == NULL || node->begin < found->begin))
        {
            found = node;
        }
    }

    object->child = ngx_llm_json_sort(object->child, ngx_llm_json_cmp_place);

    return found ? &found->key : NULL;
}


/* a stable merge sort of a list that has a member */

static ngx_llm_json_t *
ngx_llm_json_sort(ngx_llm_json_t *list, ngx_llm_json_cmp_pt cmp)
{
    ngx_uint_t       n, run, merges, left, right;
    ngx_llm_json_t  *one, *two, *node, **tail;

    for (run = 1; /* void */ ; run *= 2) {

        one = list;
        tail = &list;
        merges = 0;

        while (one) {

            merges++;
            two = one;

            for (n = 0; n < run && two; n++) {
                two = two->next;
            }

            left = n;
            right = run;

            while (left || (right && two)) {

                if (left && (right == 0 || two == NULL || cmp(one, two) <= 0))
                {
                    node = one;
                    one = one->next;
                    left--;

                } else {
                    node = two;
                    two = two->next;
                    right--;
                }

                *tail = node;
                tail = &node->next;
            }

            one = two;
        }

        *tail = NULL;

        if (merges <= 1) {
            return list;
        }
    }
}


static ngx_int_t
ngx_llm_json_cmp_key(ngx_llm_json_t *one, ngx_llm_json_t *two)
{
    if (one->key.len != two->key.len) {
        return (one->key.len < two->key.len) ? -1 : 1;
    }

    return ngx_memcmp(one->key.data, two->key.data, one->key.len);
}


static ngx_int_t
ngx_llm_json_cmp_case(ngx_llm_json_t *one, ngx_llm_json_t *two)
{
    if (one->key.len != two->key.len) {
        return (one->key.len < two->key.len) ? -1 : 1;
    }

    return ngx_strncasecmp(one->key.data, two->key.data, one->key.len);
}


static ngx_int_t
ngx_llm_json_cmp_place(ngx_llm_json_t *one, ngx_llm_json_t *two)
{
    return (one->begin < two->begin) ? -1 : 1;
}
