
/*
 * Copyright (C) the ngx_http_llm_module authors
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

/* a key is compared with all others in objects of up to so many members */
#define NGX_LLM_JSON_FEW        24


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


typedef ngx_int_t (*ngx_llm_json_cmp_pt)(ngx_llm_json_t *one,
    ngx_llm_json_t *two);


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
static ngx_int_t ngx_llm_json_hex(u_char *p, u_char *last, uint32_t *n);
static ngx_llm_json_t *ngx_llm_json_sort(ngx_llm_json_t *list,
    ngx_llm_json_cmp_pt cmp);
static ngx_int_t ngx_llm_json_cmp_key(ngx_llm_json_t *one,
    ngx_llm_json_t *two);
static ngx_int_t ngx_llm_json_cmp_place(ngx_llm_json_t *one,
    ngx_llm_json_t *two);


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


ngx_llm_json_t *
ngx_llm_json_get(ngx_llm_json_t *node, char *name)
{
    size_t           len;
    ngx_llm_json_t  *found;

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        return NULL;
    }

    len = ngx_strlen(name);
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


ngx_llm_json_t *
ngx_llm_json_set(ngx_llm_json_t *node, char *name)
{
    node = ngx_llm_json_get(node, name);

    if (node && node->type == NGX_LLM_JSON_NULL) {
        return NULL;
    }

    return node;
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
    u_char      *p, *last;
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

    for ( /* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {

        if (value > (limit - (*p - '0')) / 10) {
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

                if (ngx_llm_json_cmp_key(node, next) == 0) {
                    return &node->key;
                }
            }
        }

        return NULL;
    }

    /* a client may send any number of members: sorted, and put back */

    object->child = ngx_llm_json_sort(object->child, ngx_llm_json_cmp_key);

    found = NULL;

    for (node = object->child; node->next; node = node->next) {

        if (ngx_llm_json_cmp_key(node, node->next) == 0
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
ngx_llm_json_cmp_place(ngx_llm_json_t *one, ngx_llm_json_t *two)
{
    return (one->begin < two->begin) ? -1 : 1;
}


void
ngx_llm_json_end_init(ngx_llm_json_end_t *end)
{
    end->depth = 0;
    end->state = 0;
}


ngx_int_t
ngx_llm_json_end_next(ngx_llm_json_end_t *end, u_char **pos, u_char *last)
{
    u_char  *p;

    enum {
        sw_start = 0,
        sw_value,
        sw_string,
        sw_escape
    } state;

    state = end->state;

    for (p = *pos; p < last; p++) {

        switch (state) {

        case sw_start:

            if (*p == '{' || *p == '[') {
                end->depth = 1;
                state = sw_value;
                break;
            }

            if (*p != ' ' && *p != '\t' && *p != '\r' && *p != '\n') {
                *pos = p;
                return NGX_ERROR;
            }

            break;

        case sw_value:

            switch (*p) {

            case '"':
                state = sw_string;
                break;

            case '{':
            case '[':
                end->depth++;
                break;

            case '}':
            case ']':
                end->depth--;

                if (end->depth == 0) {
                    end->state = sw_start;
                    *pos = p + 1;
                    return NGX_OK;
                }

                break;
            }

            break;

        case sw_string:

            if (*p == '\\') {
                state = sw_escape;

            } else if (*p == '"') {
                state = sw_value;
            }

            break;

        case sw_escape:
            state = sw_string;
            break;
        }
    }

    end->state = state;
    *pos = last;

    return NGX_AGAIN;
}
