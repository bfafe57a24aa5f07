
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * From a whole text to its tree.
 */


#include "ngx_llm_json.h"

#include <setjmp.h>
#include <yajl/yajl_parse.h>


/*
 * yajl checks the grammar and nothing else: it is given no callbacks for
 * strings, so it neither decodes nor copies them, and the tree is built by a
 * second walk over text that is known to be right.  What yajl lets pass is
 * found here: overlong and surrogate UTF-8, and VT and FF between tokens.
 *
 * Its state fits into the arena; only a text that is cut within a token and
 * unusual depths take memory of the pool.  yajl looks at no result of an
 * allocation, hence the jump.
 */

#define NGX_LLM_JSON_ARENA      1024
#define NGX_LLM_JSON_HEADER     16

#define NGX_LLM_JSON_NO_OFFSET  ((size_t) -1)


typedef struct {
    ngx_pool_t           *pool;
    ngx_str_t            *text;
    ngx_llm_json_conf_t  *conf;         /* NULL: no error text */
    ngx_uint_t            depth;
    ngx_uint_t            max_depth;
    ngx_uint_t            max_nodes;
    unsigned              whole:1;
    u_char               *free;
    jmp_buf               jump;
    u_char                arena[NGX_LLM_JSON_ARENA];
} ngx_llm_json_ctx_t;


static ngx_int_t ngx_llm_json_utf8(ngx_llm_json_ctx_t *ctx);
static ngx_int_t ngx_llm_json_check(ngx_llm_json_ctx_t *ctx);
static ngx_int_t ngx_llm_json_run(ngx_llm_json_ctx_t *ctx);
static void ngx_llm_json_yajl_error(ngx_llm_json_ctx_t *ctx, yajl_handle h,
    size_t offset);
static void *ngx_llm_json_yajl_malloc(void *data, size_t size);
static void *ngx_llm_json_yajl_realloc(void *data, void *p, size_t size);
static void ngx_llm_json_yajl_free(void *data, void *p);
static int ngx_llm_json_yajl_start(void *data);
static int ngx_llm_json_yajl_end(void *data);
static ngx_llm_json_t *ngx_llm_json_build(ngx_llm_json_ctx_t *ctx);
static u_char *ngx_llm_json_token(ngx_llm_json_t *node, u_char *p,
    u_char *last);
static u_char *ngx_llm_json_string_end(u_char *p, u_char *last,
    ngx_uint_t *escaped);
static void ngx_llm_json_error(ngx_llm_json_ctx_t *ctx, const char *what,
    size_t len, size_t offset);


#define ngx_llm_json_fail(ctx, what, offset)                                 \
    ngx_llm_json_error(ctx, what, sizeof(what) - 1, offset)


static yajl_callbacks  ngx_llm_json_callbacks = {
    NULL,                              /* null */
    NULL,                              /* boolean */
    NULL,                              /* integer */
    NULL,                              /* double */
    NULL,                              /* number */
    NULL,                              /* string */
    ngx_llm_json_yajl_start,           /* an object begins */
    NULL,                              /* key */
    ngx_llm_json_yajl_end,             /* an object ends */
    ngx_llm_json_yajl_start,           /* an array begins */
    ngx_llm_json_yajl_end              /* an array ends */
};


ngx_llm_json_t *
ngx_llm_json_parse(ngx_pool_t *pool, ngx_str_t *text,
    ngx_llm_json_conf_t *conf)
{
    ngx_llm_json_ctx_t  ctx;

    ctx.pool = pool;
    ctx.text = text;
    ctx.conf = conf;
    ctx.max_depth = NGX_LLM_MAX_DEPTH;
    ctx.max_nodes = NGX_LLM_MAX_NODES;

    if (conf) {
        ngx_str_null(&conf->error);

        if (conf->max_depth) {
            ctx.max_depth = conf->max_depth;
        }

        if (conf->max_nodes) {
            ctx.max_nodes = conf->max_nodes;
        }
    }

    if (text->len == 0) {
        ngx_llm_json_fail(&ctx, "empty text", NGX_LLM_JSON_NO_OFFSET);
        return NULL;
    }

    if (ngx_llm_json_utf8(&ctx) != NGX_OK) {
        return NULL;
    }

    if (ngx_llm_json_check(&ctx) != NGX_OK) {
        return NULL;
    }

    return ngx_llm_json_build(&ctx);
}


static ngx_int_t
ngx_llm_json_utf8(ngx_llm_json_ctx_t *ctx)
{
    size_t     n;
    u_char    *p, *last;
    uint64_t   word;

    p = ctx->text->data;
    last = p + ctx->text->len;

    while (p < last) {

        if (*p < 0x80) {

            p++;

            while (last - p >= 8) {
                ngx_memcpy(&word, p, 8);

                if (word & 0x8080808080808080ULL) {
                    break;
                }

                p += 8;
            }

            continue;
        }

        n = ngx_llm_utf8_char(p, last);

        if (n == 0) {
            ngx_llm_json_fail(ctx, "invalid UTF-8", p - ctx->text->data);
            return NGX_ERROR;
        }

        p += n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_json_check(ngx_llm_json_ctx_t *ctx)
{
    ctx->depth = 0;
    ctx->whole = 0;
    ctx->free = ctx->arena;

    if (setjmp(ctx->jump) != 0) {
        ngx_llm_json_fail(ctx, "no memory", NGX_LLM_JSON_NO_OFFSET);
        return NGX_ERROR;
    }

    return ngx_llm_json_run(ctx);
}


static ngx_int_t
ngx_llm_json_run(ngx_llm_json_ctx_t *ctx)
{
    u_char           *last;
    size_t            len, offset;
    yajl_handle       h;
    yajl_status       status;
    yajl_alloc_funcs  funcs;

    /* a blank at the end costs yajl a buffer */

    for (len = ctx->text->len; len; len--) {
        last = ctx->text->data + len - 1;

        if (*last != ' ' && *last != LF && *last != CR && *last != '\t') {
            break;
        }
    }

    funcs.malloc = ngx_llm_json_yajl_malloc;
    funcs.realloc = ngx_llm_json_yajl_realloc;
    funcs.free = ngx_llm_json_yajl_free;
    funcs.ctx = ctx;

    h = yajl_alloc(&ngx_llm_json_callbacks, &funcs, ctx);

    yajl_config(h, yajl_dont_validate_strings, 1);

    status = yajl_parse(h, ctx->text->data, len);
    offset = yajl_get_bytes_consumed(h);

    if (status == yajl_status_ok && !ctx->whole) {

        /* a value alone, or a text that is cut */

        status = yajl_complete_parse(h);
        offset = NGX_LLM_JSON_NO_OFFSET;
    }

    switch (status) {

    case yajl_status_ok:
        break;

    case yajl_status_client_canceled:
        ngx_llm_json_fail(ctx, "nested too deep", offset);
        break;

    default:
        ngx_llm_json_yajl_error(ctx, h, offset);
        break;
    }

    yajl_free(h);

    return (status == yajl_status_ok) ? NGX_OK : NGX_ERROR;
}


static void
ngx_llm_json_yajl_error(ngx_llm_json_ctx_t *ctx, yajl_handle h, size_t offset)
{
    u_char  *p, *text, *last;

    if (ctx->conf == NULL) {
        return;
    }

    if (offset == NGX_LLM_JSON_NO_OFFSET) {
        ngx_llm_json_fail(ctx, "unexpected end of text", ctx->text->len);
        return;
    }

    /* "lexical error: invalid char in json text.\n" */

    text = yajl_get_error(h, 0, ctx->text->data, ctx->text->len);
    last = text + ngx_strlen(text);

    p = (u_char *) ngx_strstr(text, "error: ");

    if (p) {
        p += sizeof("error: ") - 1;

    } else {
        p = text;
    }

    while (last > p && (last[-1] == '\n' || last[-1] == '.')) {
        last--;
    }

    ngx_llm_json_error(ctx, (char *) p, last - p, offset);

    yajl_free_error(h, text);
}


static void *
ngx_llm_json_yajl_malloc(void *data, size_t size)
{
    ngx_llm_json_ctx_t *ctx = data;

    size_t   need;
    u_char  *p;

    need = ngx_align(size, NGX_LLM_JSON_HEADER) + NGX_LLM_JSON_HEADER;

    if (need <= (size_t) (ctx->arena + NGX_LLM_JSON_ARENA - ctx->free)) {
        p = ctx->free;
        ctx->free += need;

    } else {
        p = ngx_palloc(ctx->pool, need);
        if (p == NULL) {
            longjmp(ctx->jump, 1);
        }
    }

    ngx_memcpy(p, &size, sizeof(size_t));

    return p + NGX_LLM_JSON_HEADER;
}


static void *
ngx_llm_json_yajl_realloc(void *data, void *p, size_t size)
{
    void    *new;
    size_t   old;

    new = ngx_llm_json_yajl_malloc(data, size);

    if (p) {
        ngx_memcpy(&old, (u_char *) p - NGX_LLM_JSON_HEADER, sizeof(size_t));
        ngx_memcpy(new, p, ngx_min(old, size));
        ngx_llm_json_yajl_free(data, p);
    }

    return new;
}


static void
ngx_llm_json_yajl_free(void *data, void *p)
{
    ngx_llm_json_ctx_t *ctx = data;

    size_t   size;
    u_char  *block;

    if (p == NULL) {
        return;
    }

    block = (u_char *) p - NGX_LLM_JSON_HEADER;

    if (block >= ctx->arena && block < ctx->arena + NGX_LLM_JSON_ARENA) {
        return;
    }

    ngx_memcpy(&size, block, sizeof(size_t));

    if (size + NGX_LLM_JSON_HEADER > ctx->pool->max) {
        ngx_pfree(ctx->pool, block);
    }
}


static int
ngx_llm_json_yajl_start(void *data)
{
    ngx_llm_json_ctx_t *ctx = data;

    return (++ctx->depth <= ctx->max_depth);
}


static int
ngx_llm_json_yajl_end(void *data)
{
    ngx_llm_json_ctx_t *ctx = data;

    ctx->depth--;
    ctx->whole = (ctx->depth == 0);

    return 1;
}


/*
 * The text is right, or nearly so.  While a container is open, its "next"
 * points to the container around it.
 */

static ngx_llm_json_t *
ngx_llm_json_build(ngx_llm_json_ctx_t *ctx)
{
    u_char           *p, *q, *begin, *last;
    ngx_str_t         key;
    ngx_uint_t        escaped, n;
    ngx_llm_json_t   *node, *parent, *root, **link;

    p = ctx->text->data;
    last = p + ctx->text->len;

    n = 0;
    root = NULL;
    parent = NULL;
    link = &root;
    begin = NULL;
    ngx_str_null(&key);

    for ( ;; ) {

        while (p < last
               && (*p == ' ' || *p == ',' || *p == ':' || *p == '\n'
                   || *p == '\r' || *p == '\t'))
        {
            p++;
        }

        if (p == last) {
            break;
        }

        if (parent && (*p == '}' || *p == ']')) {
            p++;
            parent->raw.len = p - parent->raw.data;

            node = parent;
            parent = node->next;
            node->next = NULL;
            link = &node->next;

            continue;
        }

        if (parent && parent->type == NGX_LLM_JSON_OBJECT && begin == NULL) {

            if (*p != '"') {
                goto invalid;
            }

            begin = p;
            escaped = 0;

            q = ngx_llm_json_string_end(p + 1, last, &escaped);
            if (q == NULL) {
                goto invalid;
            }

            key.data = p + 1;
            key.len = q - key.data;
            p = q + 1;

            if (escaped) {
                key = ngx_llm_json_plain(ctx->pool, &key);
                if (key.data == NULL) {
                    goto no_memory;
                }
            }

            continue;
        }

        if (++n > ctx->max_nodes) {
            ngx_llm_json_fail(ctx, "too many values", p - ctx->text->data);
            return NULL;
        }

        node = ngx_palloc(ctx->pool, sizeof(ngx_llm_json_t));
        if (node == NULL) {
            goto no_memory;
        }

        node->next = NULL;
        node->child = NULL;
        node->key = key;
        node->raw.data = p;
        node->begin = begin ? begin : p;
        node->escaped = 0;

        *link = node;
        begin = NULL;
        ngx_str_null(&key);

        if (*p == '{' || *p == '[') {
            node->type = (*p == '{') ? NGX_LLM_JSON_OBJECT
                                     : NGX_LLM_JSON_ARRAY;
            node->raw.len = 0;
            node->next = parent;
            parent = node;
            link = &node->child;
            p++;

            continue;
        }

        p = ngx_llm_json_token(node, p, last);
        if (p == NULL) {
            p = node->raw.data;
            goto invalid;
        }

        node->raw.len = p - node->raw.data;
        link = &node->next;
    }

    return root;

invalid:

    ngx_llm_json_fail(ctx, "invalid char", p - ctx->text->data);

    return NULL;

no_memory:

    ngx_llm_json_fail(ctx, "no memory", NGX_LLM_JSON_NO_OFFSET);

    return NULL;
}


static u_char *
ngx_llm_json_token(ngx_llm_json_t *node, u_char *p, u_char *last)
{
    u_char      *q;
    size_t       n;
    ngx_uint_t   escaped;

    switch (*p) {

    case '"':
        escaped = 0;

        q = ngx_llm_json_string_end(p + 1, last, &escaped);
        if (q == NULL) {
            return NULL;
        }

        node->type = NGX_LLM_JSON_STRING;
        node->escaped = escaped;

        return q + 1;

    case 'n':
        node->type = NGX_LLM_JSON_NULL;
        n = sizeof("null") - 1;
        break;

    case 't':
        node->type = NGX_LLM_JSON_TRUE;
        n = sizeof("true") - 1;
        break;

    case 'f':
        node->type = NGX_LLM_JSON_FALSE;
        n = sizeof("false") - 1;
        break;

    default:
        node->type = NGX_LLM_JSON_NUMBER;

        for (q = p; q < last; q++) {
            if ((*q < '0' || *q > '9') && *q != '.' && *q != '-'
                && *q != '+' && *q != 'e' && *q != 'E')
            {
                break;
            }
        }

        return (q == p) ? NULL : q;
    }

    return ((size_t) (last - p) < n) ? NULL : p + n;
}


/* p is behind the opening quote; returns the closing one */

static u_char *
ngx_llm_json_string_end(u_char *p, u_char *last, ngx_uint_t *escaped)
{
    u_char  *quote, *slash, *near;

    /* most keys and many values are short */

    near = (last - p > 24) ? p + 24 : last;

    while (p < near) {

        if (*p == '"') {
            return p;
        }

        if (*p == '\\') {
            break;
        }

        p++;
    }

    quote = NULL;

    for ( ;; ) {

        if (p >= last) {
            return NULL;
        }

        if (quote == NULL) {
            quote = memchr(p, '"', last - p);
            if (quote == NULL) {
                return NULL;
            }
        }

        slash = memchr(p, '\\', quote - p);
        if (slash == NULL) {
            return quote;
        }

        *escaped = 1;
        p = slash + 2;

        if (slash + 1 == quote) {
            quote = NULL;
        }
    }
}


static void
ngx_llm_json_error(ngx_llm_json_ctx_t *ctx, const char *what, size_t len,
    size_t offset)
{
    u_char     *last;
    ngx_str_t  *error;

    if (ctx->conf == NULL) {
        return;
    }

    error = &ctx->conf->error;

    error->data = ngx_pnalloc(ctx->pool, len + sizeof(" at byte ") - 1
                                         + NGX_SIZE_T_LEN);
    if (error->data == NULL) {
        ngx_str_set(error, "no memory");
        return;
    }

    last = ngx_cpymem(error->data, what, len);

    if (offset != NGX_LLM_JSON_NO_OFFSET) {
        last = ngx_sprintf(last, " at byte %uz", offset);
    }

    error->len = last - error->data;
}
