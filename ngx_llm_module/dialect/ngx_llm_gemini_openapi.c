
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A JSON Schema for models that know only a part of OpenAPI's: no references,
 * one type a node, enums of strings.  Keywords that they do not know are
 * errors there.
 *
 * A node is read together with what it refers to and what "allOf" adds to it:
 * a list of sources, of which the first with a keyword counts.
 */


#include "ngx_llm_gemini.h"


/* small documents can refer to themselves into any size */

#define NGX_LLM_GEMINI_MAX_DEPTH    32
#define NGX_LLM_GEMINI_MAX_NODES    4096
#define NGX_LLM_GEMINI_MAX_SOURCES  16


typedef struct {
    ngx_llm_json_t              *node[NGX_LLM_GEMINI_MAX_SOURCES];
    ngx_llm_json_t              *any;       /* "anyOf", once it is taken */
    ngx_uint_t                   n;
    unsigned                     cycle:1;
    unsigned                     nullable:1;
} ngx_llm_gemini_sources_t;


/* references that are being followed */

typedef struct ngx_llm_gemini_frame_s  ngx_llm_gemini_frame_t;

struct ngx_llm_gemini_frame_s {
    ngx_llm_gemini_frame_t      *parent;
    ngx_llm_gemini_sources_t    *sources;
};


typedef struct {
    ngx_llm_json_t              *root;
    ngx_llm_out_t               *out;
    ngx_uint_t                   nodes;
    ngx_uint_t                   depth;
} ngx_llm_gemini_openapi_t;


typedef enum {
    NGX_LLM_GEMINI_TYPE_NONE = 0,
    NGX_LLM_GEMINI_TYPE_STRING,
    NGX_LLM_GEMINI_TYPE_NUMBER,
    NGX_LLM_GEMINI_TYPE_INTEGER,
    NGX_LLM_GEMINI_TYPE_BOOLEAN,
    NGX_LLM_GEMINI_TYPE_ARRAY,
    NGX_LLM_GEMINI_TYPE_OBJECT
} ngx_llm_gemini_type_e;


static void ngx_llm_gemini_openapi_node(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_json_t *node, ngx_llm_gemini_frame_t *parent);
static void ngx_llm_gemini_openapi_sources(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_frame_t *parent);
static void ngx_llm_gemini_openapi_type(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_type_e type,
    ngx_llm_gemini_frame_t *parent);
static void ngx_llm_gemini_gather(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_json_t *node,
    ngx_llm_gemini_frame_t *parent);
static ngx_llm_json_t *ngx_llm_gemini_target(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_json_t *node);
static ngx_uint_t ngx_llm_gemini_followed(ngx_llm_gemini_frame_t *frame,
    ngx_llm_json_t *node);
static ngx_llm_json_t *ngx_llm_gemini_get(ngx_llm_gemini_sources_t *s,
    char *name);
static ngx_llm_json_t *ngx_llm_gemini_union(ngx_llm_gemini_sources_t *s);
static ngx_uint_t ngx_llm_gemini_is_null(ngx_llm_json_t *branch);
static ngx_llm_gemini_type_e ngx_llm_gemini_word(ngx_str_t *word);
static ngx_llm_gemini_type_e ngx_llm_gemini_value_type(ngx_llm_json_t *node);
static ngx_llm_gemini_type_e ngx_llm_gemini_infer(
    ngx_llm_gemini_sources_t *s);
static ngx_uint_t ngx_llm_gemini_types(ngx_llm_gemini_sources_t *s,
    ngx_llm_gemini_type_e *type, ngx_uint_t max);
static void ngx_llm_gemini_openapi_texts(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_type_e type);
static void ngx_llm_gemini_openapi_enum(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s);
static void ngx_llm_gemini_openapi_numbers(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_type_e type);
static void ngx_llm_gemini_openapi_bound(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, char *name, char *exclusive, int64_t step);
static void ngx_llm_gemini_openapi_items(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_frame_t *frame);
static void ngx_llm_gemini_openapi_properties(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_frame_t *frame);
static void ngx_llm_gemini_openapi_required(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s);
static ngx_llm_json_t *ngx_llm_gemini_property(ngx_llm_gemini_sources_t *s,
    ngx_uint_t n, ngx_str_t *name);
static ngx_uint_t ngx_llm_gemini_has_properties(ngx_llm_gemini_sources_t *s);
static void ngx_llm_gemini_openapi_member(ngx_llm_gemini_openapi_t *ctx,
    char *name);


static char  *ngx_llm_gemini_type_names[] = {
    "STRING", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT"
};


ngx_uint_t
ngx_llm_gemini_write_openapi(ngx_llm_json_t *node, ngx_uint_t object,
    ngx_llm_out_t *out)
{
    ngx_llm_gemini_sources_t  s;
    ngx_llm_gemini_openapi_t  ctx;

    ngx_memzero(&ctx, sizeof(ngx_llm_gemini_openapi_t));
    ngx_memzero(&s, sizeof(ngx_llm_gemini_sources_t));

    ctx.root = node;
    ctx.out = out;

    ngx_llm_gemini_gather(&ctx, &s, node, NULL);

    /* an object must have something in it */

    if (object && (ngx_llm_gemini_infer(&s) != NGX_LLM_GEMINI_TYPE_OBJECT
                   || !ngx_llm_gemini_has_properties(&s)))
    {
        return 0;
    }

    ngx_llm_gemini_openapi_sources(&ctx, &s, NULL);

    return 1;
}


static void
ngx_llm_gemini_openapi_node(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_json_t *node, ngx_llm_gemini_frame_t *parent)
{
    ngx_llm_gemini_sources_t  s;

    ngx_memzero(&s, sizeof(ngx_llm_gemini_sources_t));

    ngx_llm_gemini_gather(ctx, &s, node, parent);
    ngx_llm_gemini_openapi_sources(ctx, &s, parent);
}


static void
ngx_llm_gemini_openapi_sources(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_frame_t *parent)
{
    ngx_uint_t                i, n;
    ngx_llm_out_t            *out;
    ngx_llm_json_t           *any, *branch, *last;
    ngx_llm_gemini_type_e     types[NGX_LLM_GEMINI_TYPE_OBJECT];
    ngx_llm_gemini_frame_t    frame;
    ngx_llm_gemini_sources_t  one;

    out = ctx->out;

    if (s->cycle || ctx->depth == NGX_LLM_GEMINI_MAX_DEPTH
        || ctx->nodes++ >= NGX_LLM_GEMINI_MAX_NODES)
    {
        ngx_llm_out_lit(out, "{\"type\":\"OBJECT\"}");
        return;
    }

    frame.parent = parent;
    frame.sources = s;

    ctx->depth++;

    any = ngx_llm_gemini_union(s);

    if (any != NULL) {

        n = 0;
        last = NULL;
        s->any = any;

        for (branch = any->child; branch; branch = branch->next) {

            if (ngx_llm_gemini_is_null(branch)) {
                s->nullable = 1;
                continue;
            }

            n++;
            last = branch;
        }

        if (n > 1) {

            /* it wants to be alone: what is beside it goes into it */

            ngx_llm_out_lit(out, "{\"anyOf\":[");

            n = 0;

            for (branch = any->child; branch; branch = branch->next) {

                if (ngx_llm_gemini_is_null(branch)) {
                    continue;
                }

                if (n++) {
                    ngx_llm_out_char(out, ',');
                }

                ngx_memzero(&one, sizeof(ngx_llm_gemini_sources_t));
                ngx_llm_gemini_gather(ctx, &one, branch, &frame);

                for (i = 0; i < s->n; i++) {
                    if (one.n < NGX_LLM_GEMINI_MAX_SOURCES) {
                        one.node[one.n++] = s->node[i];
                    }
                }

                one.any = any;

                ngx_llm_gemini_openapi_sources(ctx, &one, &frame);
            }

            ngx_llm_out_char(out, ']');

            if (s->nullable) {
                ngx_llm_out_lit(out, ",\"nullable\":true");
            }

            ngx_llm_out_char(out, '}');

            ctx->depth--;

            return;
        }

        if (last != NULL) {
            ngx_llm_gemini_gather(ctx, s, last, &frame);
        }

        if (s->cycle) {
            ctx->depth--;
            ngx_llm_out_lit(out, "{\"type\":\"OBJECT\"}");
            return;
        }
    }

    n = ngx_llm_gemini_types(s, types, NGX_LLM_GEMINI_TYPE_OBJECT);

    if (n <= 1) {
        ngx_llm_gemini_openapi_type(ctx, s,
                                    n ? types[0] : ngx_llm_gemini_infer(s),
                                    &frame);
        ctx->depth--;
        return;
    }

    ngx_llm_out_lit(out, "{\"anyOf\":[");

    for (i = 0; i < n; i++) {

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_gemini_openapi_type(ctx, s, types[i], &frame);
    }

    ngx_llm_out_lit(out, "]}");

    ctx->depth--;
}


static void
ngx_llm_gemini_openapi_type(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_type_e type,
    ngx_llm_gemini_frame_t *frame)
{
    char            *name;
    ngx_llm_json_t  *node;

    if (type == NGX_LLM_GEMINI_TYPE_OBJECT
        && !ngx_llm_gemini_has_properties(s))
    {
        /* an object without members is refused */

        type = NGX_LLM_GEMINI_TYPE_STRING;
    }

    name = ngx_llm_gemini_type_names[type];

    ngx_llm_out_lit(ctx->out, "{\"type\":\"");
    ngx_llm_out_data(ctx->out, (u_char *) name, ngx_strlen(name));
    ngx_llm_out_char(ctx->out, '"');

    node = ngx_llm_gemini_get(s, "nullable");

    if (s->nullable || (node != NULL && node->type == NGX_LLM_JSON_TRUE)) {
        ngx_llm_out_lit(ctx->out, ",\"nullable\":true");
    }

    ngx_llm_gemini_openapi_texts(ctx, s, type);

    switch (type) {

    case NGX_LLM_GEMINI_TYPE_NUMBER:
    case NGX_LLM_GEMINI_TYPE_INTEGER:
    case NGX_LLM_GEMINI_TYPE_ARRAY:
        ngx_llm_gemini_openapi_numbers(ctx, s, type);
        break;

    case NGX_LLM_GEMINI_TYPE_OBJECT:
        ngx_llm_gemini_openapi_numbers(ctx, s, type);
        ngx_llm_gemini_openapi_properties(ctx, s, frame);
        ngx_llm_gemini_openapi_required(ctx, s);
        break;

    case NGX_LLM_GEMINI_TYPE_NONE:
    case NGX_LLM_GEMINI_TYPE_STRING:
        ngx_llm_gemini_openapi_numbers(ctx, s, NGX_LLM_GEMINI_TYPE_STRING);
        ngx_llm_gemini_openapi_enum(ctx, s);
        break;

    default: /* NGX_LLM_GEMINI_TYPE_BOOLEAN */
        break;
    }

    if (type == NGX_LLM_GEMINI_TYPE_ARRAY) {
        ngx_llm_gemini_openapi_items(ctx, s, frame);
    }

    ngx_llm_out_char(ctx->out, '}');
}


/* the node, what it refers to, and what "allOf" adds */

static void
ngx_llm_gemini_gather(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_json_t *node,
    ngx_llm_gemini_frame_t *parent)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *all, *target;

    if (node->type != NGX_LLM_JSON_OBJECT
        || s->n == NGX_LLM_GEMINI_MAX_SOURCES)
    {
        return;
    }

    for (i = 0; i < s->n; i++) {
        if (s->node[i] == node) {
            s->cycle = 1;
            return;
        }
    }

    s->node[s->n++] = node;

    target = ngx_llm_gemini_target(ctx, node);

    if (target != NULL) {

        if (target == ctx->root || ngx_llm_gemini_followed(parent, target)) {
            s->cycle = 1;
            return;
        }

        ngx_llm_gemini_gather(ctx, s, target, parent);
    }

    all = ngx_llm_json_get(node, "allOf");

    if (all == NULL || all->type != NGX_LLM_JSON_ARRAY) {
        return;
    }

    for (all = all->child; all; all = all->next) {
        ngx_llm_gemini_gather(ctx, s, all, parent);
    }
}


/* "#/$defs/name", or another path through objects from the root */

static ngx_llm_json_t *
ngx_llm_gemini_target(ngx_llm_gemini_openapi_t *ctx, ngx_llm_json_t *node)
{
    u_char          *last, *p, *end;
    ngx_str_t        ref;
    ngx_llm_json_t  *m, *found, *target;

    ref = ngx_llm_json_str(node, "$ref");

    if (ref.len == 0 || ref.data[0] != '#') {
        return NULL;
    }

    target = ctx->root;

    p = ref.data + 1;
    last = ref.data + ref.len;

    while (p < last) {

        if (*p++ != '/') {
            return NULL;
        }

        end = ngx_strlchr(p, last, '/');

        if (end == NULL) {
            end = last;
        }

        found = NULL;

        if (target->type != NGX_LLM_JSON_OBJECT) {
            return NULL;
        }

        for (m = target->child; m; m = m->next) {

            if (m->key.len == (size_t) (end - p)
                && ngx_memcmp(m->key.data, p, m->key.len) == 0)
            {
                found = m;
            }
        }

        if (found == NULL) {
            return NULL;
        }

        target = found;
        p = end;
    }

    return target;
}


static ngx_uint_t
ngx_llm_gemini_followed(ngx_llm_gemini_frame_t *frame, ngx_llm_json_t *node)
{
    ngx_uint_t  i;

    for ( /* void */ ; frame; frame = frame->parent) {

        for (i = 0; i < frame->sources->n; i++) {
            if (frame->sources->node[i] == node) {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_llm_json_t *
ngx_llm_gemini_get(ngx_llm_gemini_sources_t *s, char *name)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *node;

    for (i = 0; i < s->n; i++) {

        node = ngx_llm_json_set(s->node[i], name);

        if (node != NULL) {
            return node;
        }
    }

    return NULL;
}


/* "anyOf" or "oneOf", if it was not taken already */

static ngx_llm_json_t *
ngx_llm_gemini_union(ngx_llm_gemini_sources_t *s)
{
    ngx_llm_json_t  *any;

    if (s->any != NULL) {
        return NULL;
    }

    any = ngx_llm_gemini_get(s, "anyOf");

    if (any == NULL) {
        any = ngx_llm_gemini_get(s, "oneOf");
    }

    if (any == NULL || any->type != NGX_LLM_JSON_ARRAY) {
        return NULL;
    }

    return any;
}


static ngx_uint_t
ngx_llm_gemini_is_null(ngx_llm_json_t *branch)
{
    ngx_str_t        text;
    ngx_llm_json_t  *node;

    text = ngx_llm_json_str(branch, "type");

    if (ngx_llm_json_is(&text, "null")) {
        return 1;
    }

    node = ngx_llm_json_get(branch, "const");

    return (node != NULL && node->type == NGX_LLM_JSON_NULL);
}


static ngx_llm_gemini_type_e
ngx_llm_gemini_word(ngx_str_t *word)
{
    ngx_uint_t  type;

    for (type = NGX_LLM_GEMINI_TYPE_STRING;
         type <= NGX_LLM_GEMINI_TYPE_OBJECT;
         type++)
    {
        if (word->len == ngx_strlen(ngx_llm_gemini_type_names[type])
            && ngx_strncasecmp(word->data,
                               (u_char *) ngx_llm_gemini_type_names[type],
                               word->len)
               == 0)
        {
            return type;
        }
    }

    return NGX_LLM_GEMINI_TYPE_NONE;
}


/* the types that are listed, without "null" */

static ngx_uint_t
ngx_llm_gemini_types(ngx_llm_gemini_sources_t *s, ngx_llm_gemini_type_e *type,
    ngx_uint_t max)
{
    ngx_str_t        word;
    ngx_uint_t       n;
    ngx_llm_json_t  *node;

    node = ngx_llm_gemini_get(s, "type");

    if (node == NULL) {
        return 0;
    }

    if (node->type == NGX_LLM_JSON_STRING) {
        word = ngx_llm_json_text(node);
        type[0] = ngx_llm_gemini_word(&word);

        if (ngx_llm_json_is(&word, "null")) {
            s->nullable = 1;
        }

        return type[0] != NGX_LLM_GEMINI_TYPE_NONE;
    }

    if (node->type != NGX_LLM_JSON_ARRAY) {
        return 0;
    }

    n = 0;

    for (node = node->child; node; node = node->next) {

        if (node->type != NGX_LLM_JSON_STRING) {
            continue;
        }

        word = ngx_llm_json_text(node);

        if (ngx_llm_json_is(&word, "null")) {
            s->nullable = 1;
            continue;
        }

        if (n < max) {
            type[n] = ngx_llm_gemini_word(&word);
            n += (type[n] != NGX_LLM_GEMINI_TYPE_NONE);
        }
    }

    return n;
}


/* the type of a node that names none, or several */

static ngx_llm_gemini_type_e
ngx_llm_gemini_infer(ngx_llm_gemini_sources_t *s)
{
    ngx_uint_t             n;
    ngx_llm_json_t        *node;
    ngx_llm_gemini_type_e  types[NGX_LLM_GEMINI_TYPE_OBJECT];

    n = ngx_llm_gemini_types(s, types, NGX_LLM_GEMINI_TYPE_OBJECT);

    if (n) {
        return types[0];
    }

    if (ngx_llm_gemini_get(s, "properties") != NULL) {
        return NGX_LLM_GEMINI_TYPE_OBJECT;
    }

    if (ngx_llm_gemini_get(s, "items") != NULL
        || ngx_llm_gemini_get(s, "prefixItems") != NULL)
    {
        return NGX_LLM_GEMINI_TYPE_ARRAY;
    }

    node = ngx_llm_gemini_get(s, "const");

    if (node != NULL) {
        return ngx_llm_gemini_value_type(node);
    }

    node = ngx_llm_gemini_get(s, "enum");

    if (node != NULL && node->type == NGX_LLM_JSON_ARRAY && node->child) {
        return ngx_llm_gemini_value_type(node->child);
    }

    return NGX_LLM_GEMINI_TYPE_STRING;
}


static ngx_llm_gemini_type_e
ngx_llm_gemini_value_type(ngx_llm_json_t *node)
{
    int64_t  n;

    switch (node->type) {

    case NGX_LLM_JSON_NUMBER:
        return (ngx_llm_json_int(node, &n) == NGX_OK)
               ? NGX_LLM_GEMINI_TYPE_INTEGER
               : NGX_LLM_GEMINI_TYPE_NUMBER;

    case NGX_LLM_JSON_FALSE:
    case NGX_LLM_JSON_TRUE:
        return NGX_LLM_GEMINI_TYPE_BOOLEAN;

    default:
        return NGX_LLM_GEMINI_TYPE_STRING;
    }
}


static void
ngx_llm_gemini_openapi_texts(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_type_e type)
{
    size_t           i;
    ngx_str_t        format;
    ngx_llm_json_t  *node;

    static char  *texts[] = { "title", "description", NULL };

    for (i = 0; texts[i]; i++) {
        node = ngx_llm_gemini_get(s, texts[i]);

        if (node != NULL && node->type == NGX_LLM_JSON_STRING) {
            ngx_llm_gemini_openapi_member(ctx, texts[i]);
            ngx_llm_out_str(ctx->out, &node->raw);
        }
    }

    node = ngx_llm_gemini_get(s, "default");

    if (node != NULL) {
        ngx_llm_gemini_openapi_member(ctx, "default");
        ngx_llm_out_str(ctx->out, &node->raw);
    }

    node = ngx_llm_gemini_get(s, "format");

    if (node == NULL || node->type != NGX_LLM_JSON_STRING) {
        return;
    }

    /* others were errors for a long time */

    format = ngx_llm_json_text(node);

    if ((type == NGX_LLM_GEMINI_TYPE_STRING
         && ngx_llm_json_is(&format, "date-time"))
        || (type == NGX_LLM_GEMINI_TYPE_NUMBER
            && (ngx_llm_json_is(&format, "float")
                || ngx_llm_json_is(&format, "double")))
        || (type == NGX_LLM_GEMINI_TYPE_INTEGER
            && (ngx_llm_json_is(&format, "int32")
                || ngx_llm_json_is(&format, "int64"))))
    {
        ngx_llm_gemini_openapi_member(ctx, "format");
        ngx_llm_out_str(ctx->out, &node->raw);
    }
}


static void
ngx_llm_gemini_openapi_enum(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s)
{
    ngx_uint_t       n;
    ngx_llm_json_t  *node;

    node = ngx_llm_gemini_get(s, "const");

    if (node != NULL && node->type == NGX_LLM_JSON_STRING) {
        ngx_llm_gemini_openapi_member(ctx, "enum");
        ngx_llm_out_char(ctx->out, '[');
        ngx_llm_out_str(ctx->out, &node->raw);
        ngx_llm_out_char(ctx->out, ']');
        return;
    }

    node = ngx_llm_gemini_get(s, "enum");

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        return;
    }

    n = 0;

    for (node = node->child; node; node = node->next) {

        if (node->type != NGX_LLM_JSON_STRING
            && node->type != NGX_LLM_JSON_NUMBER)
        {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(ctx->out, ',');

        } else {
            ngx_llm_gemini_openapi_member(ctx, "enum");
            ngx_llm_out_char(ctx->out, '[');
        }

        if (node->type == NGX_LLM_JSON_NUMBER) {
            ngx_llm_out_quoted(ctx->out, &node->raw);

        } else {
            ngx_llm_out_str(ctx->out, &node->raw);
        }
    }

    if (n) {
        ngx_llm_out_char(ctx->out, ']');
    }
}


static void
ngx_llm_gemini_openapi_numbers(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_type_e type)
{
    int64_t          n, step;
    ngx_uint_t       i;
    ngx_llm_json_t  *node;

    static struct {
        char                   *name;
        ngx_llm_gemini_type_e   type;
    } counts[] = {
        { "minItems", NGX_LLM_GEMINI_TYPE_ARRAY },
        { "maxItems", NGX_LLM_GEMINI_TYPE_ARRAY },
        { "minLength", NGX_LLM_GEMINI_TYPE_STRING },
        { "maxLength", NGX_LLM_GEMINI_TYPE_STRING },
        { "minProperties", NGX_LLM_GEMINI_TYPE_OBJECT },
        { "maxProperties", NGX_LLM_GEMINI_TYPE_OBJECT },
        { NULL, NGX_LLM_GEMINI_TYPE_NONE }
    };

    for (i = 0; counts[i].name; i++) {

        if (counts[i].type != type
            || ngx_llm_json_int(ngx_llm_gemini_get(s, counts[i].name), &n)
               != NGX_OK)
        {
            continue;
        }

        ngx_llm_gemini_openapi_member(ctx, counts[i].name);
        ngx_llm_out_int(ctx->out, n);
    }

    if (type == NGX_LLM_GEMINI_TYPE_STRING) {

        node = ngx_llm_gemini_get(s, "pattern");

        if (node != NULL && node->type == NGX_LLM_JSON_STRING) {
            ngx_llm_gemini_openapi_member(ctx, "pattern");
            ngx_llm_out_str(ctx->out, &node->raw);
        }
    }

    if (type == NGX_LLM_GEMINI_TYPE_NUMBER
        || type == NGX_LLM_GEMINI_TYPE_INTEGER)
    {
        step = (type == NGX_LLM_GEMINI_TYPE_INTEGER);

        ngx_llm_gemini_openapi_bound(ctx, s, "minimum", "exclusiveMinimum",
                                     step);
        ngx_llm_gemini_openapi_bound(ctx, s, "maximum", "exclusiveMaximum",
                                     -step);
    }
}


static void
ngx_llm_gemini_openapi_bound(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, char *name, char *exclusive, int64_t step)
{
    int64_t          n;
    ngx_llm_json_t  *node;

    node = ngx_llm_gemini_get(s, name);

    if (node != NULL && node->type == NGX_LLM_JSON_NUMBER) {
        ngx_llm_gemini_openapi_member(ctx, name);
        ngx_llm_out_str(ctx->out, &node->raw);
        return;
    }

    /* of integers the next one bounds the same */

    if (step
        && ngx_llm_json_int(ngx_llm_gemini_get(s, exclusive), &n) == NGX_OK
        && n > -NGX_MAX_INT32_VALUE && n < NGX_MAX_INT32_VALUE)
    {
        ngx_llm_gemini_openapi_member(ctx, name);
        ngx_llm_out_int(ctx->out, n + step);
    }
}


static void
ngx_llm_gemini_openapi_items(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_frame_t *frame)
{
    ngx_llm_json_t  *node;

    node = ngx_llm_gemini_get(s, "items");

    if (node == NULL || (node->type != NGX_LLM_JSON_OBJECT
                         && node->type != NGX_LLM_JSON_ARRAY))
    {
        node = ngx_llm_gemini_get(s, "prefixItems");
    }

    if (node != NULL && node->type == NGX_LLM_JSON_ARRAY) {

        /* a tuple is an array of what it begins with */

        node = node->child;
    }

    ngx_llm_gemini_openapi_member(ctx, "items");

    if (node == NULL) {
        ngx_llm_out_lit(ctx->out, "{\"type\":\"STRING\"}");

    } else {
        ngx_llm_gemini_openapi_node(ctx, node, frame);
    }
}


static void
ngx_llm_gemini_openapi_properties(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_frame_t *frame)
{
    ngx_uint_t       i, n;
    ngx_llm_json_t  *m, *properties;

    n = 0;

    ngx_llm_gemini_openapi_member(ctx, "properties");
    ngx_llm_out_char(ctx->out, '{');

    for (i = 0; i < s->n; i++) {

        properties = ngx_llm_json_get(s->node[i], "properties");

        if (properties == NULL || properties->type != NGX_LLM_JSON_OBJECT) {
            continue;
        }

        for (m = properties->child; m; m = m->next) {

            if (m->type == NGX_LLM_JSON_FALSE
                || ngx_llm_gemini_property(s, i, &m->key) != NULL)
            {
                continue;
            }

            if (n++) {
                ngx_llm_out_char(ctx->out, ',');
            }

            ngx_llm_out_json_string(ctx->out, &m->key);
            ngx_llm_out_char(ctx->out, ':');
            ngx_llm_gemini_openapi_node(ctx, m, frame);
        }
    }

    ngx_llm_out_char(ctx->out, '}');
}


static void
ngx_llm_gemini_openapi_required(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s)
{
    ngx_str_t        name;
    ngx_uint_t       i, n;
    ngx_llm_json_t  *m, *required;

    n = 0;

    for (i = 0; i < s->n; i++) {

        required = ngx_llm_json_get(s->node[i], "required");

        if (required == NULL || required->type != NGX_LLM_JSON_ARRAY) {
            continue;
        }

        for (m = required->child; m; m = m->next) {

            if (m->type != NGX_LLM_JSON_STRING) {
                continue;
            }

            name = ngx_llm_json_text(m);

            /* names of what is not there are errors */

            if (ngx_llm_gemini_property(s, s->n, &name) == NULL) {
                continue;
            }

            if (n++) {
                ngx_llm_out_char(ctx->out, ',');

            } else {
                ngx_llm_gemini_openapi_member(ctx, "required");
                ngx_llm_out_char(ctx->out, '[');
            }

            ngx_llm_out_quoted(ctx->out, &name);
        }
    }

    if (n) {
        ngx_llm_out_char(ctx->out, ']');
    }
}


/* in the first n sources */

static ngx_llm_json_t *
ngx_llm_gemini_property(ngx_llm_gemini_sources_t *s, ngx_uint_t n,
    ngx_str_t *name)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *m, *properties;

    for (i = 0; i < n; i++) {

        properties = ngx_llm_json_get(s->node[i], "properties");

        if (properties == NULL || properties->type != NGX_LLM_JSON_OBJECT) {
            continue;
        }

        for (m = properties->child; m; m = m->next) {

            if (m->type != NGX_LLM_JSON_FALSE && m->key.len == name->len
                && ngx_memcmp(m->key.data, name->data, name->len) == 0)
            {
                return m;
            }
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_llm_gemini_has_properties(ngx_llm_gemini_sources_t *s)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *m, *properties;

    for (i = 0; i < s->n; i++) {

        properties = ngx_llm_json_get(s->node[i], "properties");

        if (properties == NULL || properties->type != NGX_LLM_JSON_OBJECT) {
            continue;
        }

        for (m = properties->child; m; m = m->next) {
            if (m->type != NGX_LLM_JSON_FALSE) {
                return 1;
            }
        }
    }

    return 0;
}


static void
ngx_llm_gemini_openapi_member(ngx_llm_gemini_openapi_t *ctx, char *name)
{
    ngx_llm_out_lit(ctx->out, ",\"");
    ngx_llm_out_data(ctx->out, (u_char *) name, ngx_strlen(name));
    ngx_llm_out_lit(ctx->out, "\":");
}
