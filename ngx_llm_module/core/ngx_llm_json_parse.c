
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * From a whole text to its tree.
 */


#include "ngx_llm_json.h"
#include "ngx_llm_scan.h"

#include <setjmp.h>
#include <yajl/yajl_parse.h>


/*
 * The tree is built in one pass, which takes no more than the grammar allows.
 * A text that it does not take is shown to yajl, which says what is wrong with
 * it, where that is asked for.  Its state fits into the arena; only a text
 * that is cut within a token and unusual depths take memory of the pool.
 * yajl looks at no result of an allocation, hence the jump.
 */

#define NGX_LLM_JSON_ARENA      1024
#define NGX_LLM_JSON_HEADER     16

#define NGX_LLM_JSON_NO_OFFSET  ((size_t) -1)

/* nodes that are allocated at once, at first and of a large tree */
#define NGX_LLM_JSON_NODES      8
#define NGX_LLM_JSON_MANY       64

/* containers around what may be taken: the root and a member of it */
#define NGX_LLM_JSON_TAKE       2


typedef struct {
    ngx_pool_t           *pool;
    ngx_str_t            *text;
    ngx_llm_json_conf_t  *conf;         /* NULL: no error text */
    ngx_uint_t            depth;
    ngx_uint_t            max_depth;
    ngx_uint_t            nnodes;       /* there is memory for */
    ngx_uint_t            max_nodes;
    ngx_llm_json_take_pt  take;         /* or NULL */
    ngx_llm_json_t       *nodes;        /* the next to use */
    ngx_llm_json_t       *last;
    unsigned              known:1;      /* the error was told */
    unsigned              whole:1;
    u_char               *free;
    jmp_buf               jump;
    u_char                arena[NGX_LLM_JSON_ARENA];
} ngx_llm_json_ctx_t;


static ngx_llm_json_t *ngx_llm_json_read(ngx_llm_json_ctx_t *ctx,
    u_char **pos);
static ngx_int_t ngx_llm_json_more(ngx_llm_json_ctx_t *ctx, u_char *p);
static u_char *ngx_llm_json_key(ngx_llm_json_ctx_t *ctx,
    ngx_llm_json_t *node, u_char **pos, u_char *last);
static u_char *ngx_llm_json_text_end(ngx_llm_json_t *node, u_char *p,
    u_char *last);
static ngx_llm_json_type_e ngx_llm_json_word_type(u_char c);
static u_char *ngx_llm_json_number(u_char *p, u_char *last);
static void ngx_llm_json_explain(ngx_llm_json_ctx_t *ctx, u_char *p);
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
static void ngx_llm_json_error(ngx_llm_json_ctx_t *ctx, const char *what,
    size_t len, size_t offset);


#define ngx_llm_json_fail(ctx, what, offset)                                 \
    ngx_llm_json_error(ctx, what, sizeof(what) - 1, offset)

#define ngx_llm_json_digit(c)  ((c) >= '0' && (c) <= '9')


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
    u_char              *p;
    ngx_llm_json_t      *root;
    ngx_llm_json_ctx_t   ctx;

    ctx.pool = pool;
    ctx.text = text;
    ctx.conf = conf;
    ctx.depth = 0;
    ctx.max_depth = NGX_LLM_MAX_DEPTH;
    ctx.nnodes = 0;
    ctx.max_nodes = NGX_LLM_MAX_NODES;
    ctx.take = NULL;
    ctx.nodes = NULL;
    ctx.last = NULL;
    ctx.known = 0;

    if (conf) {
        ngx_str_null(&conf->error);

        ctx.take = conf->take;

        if (conf->max_depth) {
            ctx.max_depth = conf->max_depth;
        }

        if (conf->max_nodes) {
            ctx.max_nodes = conf->max_nodes;
        }
    }

    root = ngx_llm_json_read(&ctx, &p);

    if (root == NULL && !ctx.known && conf) {
        ngx_llm_json_explain(&ctx, p);
    }

    return root;
}


/*
 * While a container is open, its "next" points to the container around it.
 * Where it fails, *pos is where, or nearly so.
 */

static ngx_llm_json_t *
ngx_llm_json_read(ngx_llm_json_ctx_t *ctx, u_char **pos)
{
    u_char           *p, *end, *last, close;
    ngx_llm_json_t   *node, *parent, *root, **link;

    p = ctx->text->data;
    last = p + ctx->text->len;

    root = NULL;
    parent = NULL;
    link = &root;

    for ( ;; ) {

        /* a member, an element, or the whole */

        ngx_llm_json_skip(p, last);

        *pos = p;

        if (p == last) {
            return NULL;
        }

        if (ctx->depth == NGX_LLM_JSON_TAKE && ctx->take) {
            end = ctx->take(ctx->conf->data, parent, p, last);

            if (end) {
                p = end;
                goto value;
            }
        }

        if (ctx->nodes == ctx->last && ngx_llm_json_more(ctx, p) != NGX_OK) {
            return NULL;
        }

        node = ctx->nodes++;

        node->next = NULL;
        node->child = NULL;
        node->escaped = 0;
        node->begin = p;

        *link = node;

        if (parent && parent->type == NGX_LLM_JSON_OBJECT) {
            p = ngx_llm_json_key(ctx, node, pos, last);

            if (p == NULL) {
                return NULL;
            }

        } else {
            ngx_str_null(&node->key);
        }

        node->raw.data = p;

        switch (*p) {

        case '{':
        case '[':

            node->type = (*p == '{') ? NGX_LLM_JSON_OBJECT
                                     : NGX_LLM_JSON_ARRAY;

            /* both pairs of brackets are two apart */

            close = *p++ + 2;

            if (ctx->depth == ctx->max_depth) {
                ngx_llm_json_fail(ctx, "nested too deep",
                                  p - ctx->text->data);
                return NULL;
            }

            ngx_llm_json_skip(p, last);

            if (p < last && *p == close) {
                p++;
                break;
            }

            ctx->depth++;

            node->next = parent;
            parent = node;
            link = &node->child;

            continue;

        case '"':
            p = ngx_llm_json_text_end(node, p + 1, last);
            break;

        default:
            p = ngx_llm_json_word(p, last);
            node->type = ngx_llm_json_word_type(*node->raw.data);
        }

        if (p == NULL) {
            return NULL;
        }

        node->raw.len = p - node->raw.data;
        link = &node->next;

    value:

        /* what follows it */

        for ( ;; ) {
            ngx_llm_json_skip(p, last);

            *pos = p;

            if (parent == NULL) {
                return (p == last) ? root : NULL;
            }

            if (p == last) {
                return NULL;
            }

            if (*p == ',') {
                p++;
                break;
            }

            if (*p != (parent->type == NGX_LLM_JSON_OBJECT ? '}' : ']')) {
                return NULL;
            }

            p++;

            node = parent;
            parent = node->next;

            node->next = NULL;
            node->raw.len = p - node->raw.data;
            link = &node->next;

            ctx->depth--;
        }
    }
}


/* memory for more nodes */

static ngx_int_t
ngx_llm_json_more(ngx_llm_json_ctx_t *ctx, u_char *p)
{
    ngx_uint_t  n;

    n = (ctx->nnodes < NGX_LLM_JSON_MANY) ? NGX_LLM_JSON_NODES
                                          : NGX_LLM_JSON_MANY / 2;
    n = ngx_min(n, ctx->max_nodes - ctx->nnodes);

    if (n == 0) {
        ngx_llm_json_fail(ctx, "too many values", p - ctx->text->data);
        return NGX_ERROR;
    }

    ctx->nodes = ngx_palloc(ctx->pool, n * sizeof(ngx_llm_json_t));
    if (ctx->nodes == NULL) {
        ngx_llm_json_fail(ctx, "no memory", NGX_LLM_JSON_NO_OFFSET);
        return NGX_ERROR;
    }

    ctx->last = ctx->nodes + n;
    ctx->nnodes += n;

    return NGX_OK;
}


/* the name of a member at *pos: where its value begins, or NULL */

static u_char *
ngx_llm_json_key(ngx_llm_json_ctx_t *ctx, ngx_llm_json_t *node, u_char **pos,
    u_char *last)
{
    u_char      *p, *key;
    ngx_uint_t   escaped;

    p = *pos;

    if (*p != '"') {
        return NULL;
    }

    key = ++p;
    escaped = 0;

    /* nearly all end here, the rest takes another look */

    p = ngx_llm_scan_string(p, last);

    if (p == last || *p != '"') {
        p = ngx_llm_json_string(p, last, &escaped);

        if (p == NULL) {
            return NULL;
        }
    }

    node->key.data = key;
    node->key.len = p++ - key;

    if (escaped) {
        node->key = ngx_llm_json_plain(ctx->pool, &node->key);

        if (node->key.data == NULL) {
            ngx_llm_json_fail(ctx, "no memory", NGX_LLM_JSON_NO_OFFSET);
            return NULL;
        }
    }

    ngx_llm_json_skip(p, last);

    *pos = p;

    if (p == last || *p++ != ':') {
        return NULL;
    }

    ngx_llm_json_skip(p, last);

    *pos = p;

    return (p == last) ? NULL : p;
}


/* p is behind the opening quote: behind the closing one, or NULL */

static u_char *
ngx_llm_json_text_end(ngx_llm_json_t *node, u_char *p, u_char *last)
{
    ngx_uint_t  escaped;

    node->type = NGX_LLM_JSON_STRING;

    p = ngx_llm_scan_string(p, last);

    if (p < last && *p == '"') {
        return p + 1;
    }

    p = ngx_llm_json_string(p, last, &escaped);

    if (p == NULL) {
        return NULL;
    }

    node->escaped = escaped;

    return p + 1;
}


u_char *
ngx_llm_json_word(u_char *p, u_char *last)
{
#define ngx_llm_json_word_is(s)                                              \
    (((size_t) (last - p) >= sizeof(s) - 1                                   \
      && ngx_memcmp(p, s, sizeof(s) - 1) == 0) ? p + sizeof(s) - 1 : NULL)

    switch (*p) {

    case 'n':
        return ngx_llm_json_word_is("null");

    case 't':
        return ngx_llm_json_word_is("true");

    case 'f':
        return ngx_llm_json_word_is("false");

    default:
        return ngx_llm_json_number(p, last);
    }
}


static ngx_llm_json_type_e
ngx_llm_json_word_type(u_char c)
{
    switch (c) {

    case 'n':
        return NGX_LLM_JSON_NULL;

    case 't':
        return NGX_LLM_JSON_TRUE;

    case 'f':
        return NGX_LLM_JSON_FALSE;

    default:
        return NGX_LLM_JSON_NUMBER;
    }
}


static u_char *
ngx_llm_json_number(u_char *p, u_char *last)
{
    if (*p == '-') {
        p++;
    }

    if (p == last || !ngx_llm_json_digit(*p)) {
        return NULL;
    }

    if (*p++ != '0') {
        while (p < last && ngx_llm_json_digit(*p)) {
            p++;
        }
    }

    if (p < last && *p == '.') {
        p++;

        if (p == last || !ngx_llm_json_digit(*p)) {
            return NULL;
        }

        while (p < last && ngx_llm_json_digit(*p)) {
            p++;
        }
    }

    if (p < last && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }

        if (p == last || !ngx_llm_json_digit(*p)) {
            return NULL;
        }

        while (p < last && ngx_llm_json_digit(*p)) {
            p++;
        }
    }

    return p;
}


/* p: where reading ended */

static void
ngx_llm_json_explain(ngx_llm_json_ctx_t *ctx, u_char *p)
{
    if (ctx->text->len == 0) {
        ngx_llm_json_fail(ctx, "empty text", NGX_LLM_JSON_NO_OFFSET);
        return;
    }

    if (ngx_llm_json_utf8(ctx) != NGX_OK || ngx_llm_json_check(ctx) != NGX_OK)
    {
        return;
    }

    /* what yajl lets pass */

    ngx_llm_json_fail(ctx, "invalid char", p - ctx->text->data);
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


static void
ngx_llm_json_error(ngx_llm_json_ctx_t *ctx, const char *what, size_t len,
    size_t offset)
{
    u_char     *last;
    ngx_str_t  *error;

    ctx->known = 1;

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
