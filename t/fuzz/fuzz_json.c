
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Any text is parsed, whole and in pieces.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>

#include "ngx_llm_json.h"

#include <yajl/yajl_parse.h>


#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_yajl(ngx_str_t *text, ngx_llm_json_t *root,
    ngx_llm_json_conf_t *conf);
static ngx_uint_t fuzz_yajl_parse(ngx_str_t *text, char *before, char *after);
static void fuzz_pass(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_walk(ngx_pool_t *pool, ngx_llm_json_t *node,
    ngx_str_t *text);
static void fuzz_string(ngx_pool_t *pool, ngx_llm_json_t *node);
static void fuzz_end(ngx_str_t *text, ngx_llm_json_t *root, size_t piece);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t             text;
    ngx_pool_t           *pool;
    ngx_llm_json_t       *root, *again;
    ngx_llm_json_conf_t   conf;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    text.data = (u_char *) data;
    text.len = size;

    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));

    root = ngx_llm_json_parse(pool, &text, &conf);

    fuzz_assert((root == NULL) == (conf.error.len != 0));

    fuzz_yajl(&text, root, &conf);
    fuzz_pass(pool, &text);

    if (root) {
        fuzz_walk(pool, root, &text);

        /* a value alone is what it was among blanks */

        again = ngx_llm_json_parse(pool, &root->raw, NULL);
        fuzz_assert(again != NULL && again->raw.len == root->raw.len);

        fuzz_end(&text, root, size);
        fuzz_end(&text, root, 1);
        fuzz_end(&text, root, 1 + data[0] % 7);

    } else {
        fuzz_end(&text, NULL, 3);
    }

    ngx_destroy_pool(pool);

    return 0;
}


/*
 * yajl thinks the same of the text, apart from what it lets pass: overlong
 * and surrogate UTF-8, VT and FF between tokens, any depth
 */

static void
fuzz_yajl(ngx_str_t *text, ngx_llm_json_t *root, ngx_llm_json_conf_t *conf)
{
    u_char      *p, *last;
    size_t       n;
    ngx_uint_t   right;

    right = fuzz_yajl_parse(text, "", "");

    if (root) {
        fuzz_assert(right);
        return;
    }

    /* a token that is cut behind the value goes unseen but in an array */

    if (!right || !fuzz_yajl_parse(text, "[", "\n]")
        || ngx_strnstr(conf->error.data, "nested too deep", conf->error.len))
    {
        return;
    }

    last = text->data + text->len;

    for (p = text->data; p < last; p += n) {

        n = (*p < 0x80) ? 1 : ngx_llm_utf8_char(p, last);

        if (n == 0 || *p == '\v' || *p == '\f') {
            return;
        }
    }

    fuzz_assert(text->len == 0);
}


static ngx_uint_t
fuzz_yajl_parse(ngx_str_t *text, char *before, char *after)
{
    yajl_handle  h;
    yajl_status  status;

    h = yajl_alloc(NULL, NULL, NULL);
    fuzz_assert(h != NULL);

    yajl_config(h, yajl_dont_validate_strings, 1);

    status = yajl_parse(h, (u_char *) before, ngx_strlen(before));

    if (status == yajl_status_ok) {
        status = yajl_parse(h, text->data, text->len);
    }

    if (status == yajl_status_ok) {
        status = yajl_parse(h, (u_char *) after, ngx_strlen(after));
    }

    if (status == yajl_status_ok) {
        status = yajl_complete_parse(h);
    }

    yajl_free(h);

    return (status == yajl_status_ok);
}


/* what is passed over as right is a value to the parser, too */

static void
fuzz_pass(ngx_pool_t *pool, ngx_str_t *text)
{
    u_char          *p, *last;
    ngx_str_t        value;
    ngx_uint_t       values;
    ngx_llm_json_t  *root;

    p = text->data;
    last = p + text->len;

    ngx_llm_json_skip(p, last);

    if (p == last) {
        return;
    }

    values = 1000;
    value.data = p;

    p = ngx_llm_json_pass(p, last, &values);

    if (p == NULL) {
        return;
    }

    fuzz_assert(p <= last);

    value.len = p - value.data;

    root = ngx_llm_json_parse(pool, &value, NULL);

    fuzz_assert(root != NULL && root->raw.len == value.len);
}


static void
fuzz_walk(ngx_pool_t *pool, ngx_llm_json_t *node, ngx_str_t *text)
{
    int64_t          n;
    ngx_uint_t       i, alike;
    ngx_llm_json_t  *child, *next;

    fuzz_assert(node->raw.len > 0 && node->begin <= node->raw.data
                && node->begin >= text->data
                && node->raw.data + node->raw.len <= text->data + text->len);

    if (node->type == NGX_LLM_JSON_STRING) {
        fuzz_string(pool, node);
    }

    (void) ngx_llm_json_int(node, &n);

    for (child = node->child; child; child = child->next) {

        fuzz_assert(child->raw.data > node->raw.data
                    && child->raw.data + child->raw.len
                       < node->raw.data + node->raw.len);

        fuzz_assert(child->next == NULL
                    || child->next->begin >= child->raw.data + child->raw.len);

        fuzz_assert((child->key.data != NULL)
                    == (node->type == NGX_LLM_JSON_OBJECT));

        fuzz_walk(pool, child, &node->raw);
    }

    if (node->type != NGX_LLM_JSON_OBJECT) {
        return;
    }

    /* the two ways to find a duplicate agree */

    i = 0;
    alike = 0;

    for (child = node->child; child; child = child->next) {
        for (next = child->next; next; next = next->next) {
            i += (child->key.len == next->key.len
                  && ngx_memcmp(child->key.data, next->key.data,
                                next->key.len) == 0);
            alike += (child->key.len == next->key.len
                      && ngx_strncasecmp(child->key.data, next->key.data,
                                         next->key.len) == 0);
        }
    }

    fuzz_assert((i != 0) == (ngx_llm_json_duplicate(node) != NULL));
    fuzz_assert((alike != 0) == (ngx_llm_json_alike(node) != NULL));
}


/* decoded and escaped again it is the same text */

static void
fuzz_string(ngx_pool_t *pool, ngx_llm_json_t *node)
{
    ngx_str_t        text, plain, again;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *copy;

    text = ngx_llm_json_text(node);

    fuzz_assert((ngx_strlchr(text.data, text.data + text.len, '\\') != NULL)
                == node->escaped);

    plain = ngx_llm_json_plain(pool, &text);
    fuzz_assert(plain.len <= text.len);

    ngx_llm_out_init(&out, pool, NULL, 0, 6 * plain.len + 2);
    ngx_llm_out_json_string(&out, &plain);
    fuzz_assert(!out.failed);

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    copy = ngx_llm_json_parse(pool, &text, NULL);
    fuzz_assert(copy != NULL && copy->type == NGX_LLM_JSON_STRING);

    text = ngx_llm_json_text(copy);
    again = ngx_llm_json_plain(pool, &text);

    fuzz_assert(again.len == plain.len
                && ngx_memcmp(again.data, plain.data, plain.len) == 0);
}


static void
fuzz_end(ngx_str_t *text, ngx_llm_json_t *root, size_t piece)
{
    size_t               n;
    u_char              *p, *pos, *last;
    ngx_int_t            rc;
    ngx_llm_json_end_t   end;

    ngx_llm_json_end_init(&end);

    p = text->data;
    pos = p;
    last = p + text->len;
    rc = NGX_AGAIN;

    while (p < last && rc == NGX_AGAIN) {

        n = ngx_min(piece, (size_t) (last - p));
        pos = p;
        rc = ngx_llm_json_end_next(&end, &pos, p + n);

        fuzz_assert(pos >= p && pos <= p + n);
        fuzz_assert(rc != NGX_AGAIN || pos == p + n);

        p += n;
    }

    if (root == NULL) {
        return;
    }

    if (root->type == NGX_LLM_JSON_OBJECT || root->type == NGX_LLM_JSON_ARRAY)
    {
        fuzz_assert(rc == NGX_OK && pos == root->raw.data + root->raw.len);

    } else {
        fuzz_assert(rc == NGX_ERROR && pos == root->raw.data);
    }
}
