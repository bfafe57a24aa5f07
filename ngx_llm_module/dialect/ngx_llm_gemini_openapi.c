
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A JSON Schema for models that know only a part of OpenAPI's: no references,
 * one type a node, enums of strings.  Keywords that they do not know are
 * errors there.
 */


#include "ngx_llm_gemini_openapi.h"


static void ngx_llm_gemini_openapi_node(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_json_t *node, ngx_llm_gemini_frame_t *parent);
static void ngx_llm_gemini_openapi_sources(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_frame_t *parent);
static ngx_uint_t ngx_llm_gemini_openapi_union(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_json_t *any,
    ngx_llm_gemini_frame_t *frame);
static void ngx_llm_gemini_openapi_type(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_type_e type,
    ngx_llm_gemini_frame_t *frame);
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
static void ngx_llm_gemini_openapi_member(ngx_llm_gemini_openapi_t *ctx,
    char *name);


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
    ctx.fuel = NGX_LLM_GEMINI_MAX_FUEL;

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
    ngx_uint_t               i, n;
    ngx_llm_json_t          *any;
    ngx_llm_gemini_type_e    types[NGX_LLM_GEMINI_TYPE_OBJECT];
    ngx_llm_gemini_frame_t   frame;

    if (s->cycle || ctx->depth == NGX_LLM_GEMINI_MAX_DEPTH
        || ctx->nodes++ >= NGX_LLM_GEMINI_MAX_NODES || ctx->fuel <= 0)
    {
        ngx_llm_out_lit(ctx->out, "{\"type\":\"OBJECT\"");

        if (s->nullable) {
            ngx_llm_out_lit(ctx->out, ",\"nullable\":true");
        }

        ngx_llm_out_char(ctx->out, '}');

        return;
    }

    frame.parent = parent;
    frame.sources = s;

    ctx->depth++;

    any = ngx_llm_gemini_union(s);

    if (any != NULL && ngx_llm_gemini_openapi_union(ctx, s, any, &frame)) {
        ctx->depth--;
        return;
    }

    n = ngx_llm_gemini_types(s, types, NGX_LLM_GEMINI_TYPE_OBJECT);

    if (n <= 1) {
        ngx_llm_gemini_openapi_type(ctx, s,
                                    n ? types[0] : ngx_llm_gemini_infer(s),
                                    &frame);
        ctx->depth--;
        return;
    }

    ngx_llm_out_lit(ctx->out, "{\"anyOf\":[");

    for (i = 0; i < n; i++) {

        if (i) {
            ngx_llm_out_char(ctx->out, ',');
        }

        ngx_llm_gemini_openapi_type(ctx, s, types[i], &frame);
    }

    ngx_llm_out_lit(ctx->out, "]}");

    ctx->depth--;
}


/*
 * A union wants to be alone in its node: what stands beside it goes into its
 * branches.  0: it had no branch but null.
 */

static ngx_uint_t
ngx_llm_gemini_openapi_union(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_json_t *any,
    ngx_llm_gemini_frame_t *frame)
{
    ngx_uint_t                 i, n, written;
    ngx_llm_json_t            *branch;
    ngx_llm_gemini_sources_t   one;

    n = 0;

    for (branch = any->child; branch; branch = branch->next) {

        if (ngx_llm_gemini_is_null(branch)) {
            s->nullable = 1;
            continue;
        }

        n++;
    }

    if (n > 1) {
        ngx_llm_out_lit(ctx->out, "{\"anyOf\":[");
    }

    written = 0;

    for (branch = any->child; branch; branch = branch->next) {

        if (ngx_llm_gemini_is_null(branch)) {
            continue;
        }

        if (written++) {
            ngx_llm_out_char(ctx->out, ',');
        }

        ngx_memzero(&one, sizeof(ngx_llm_gemini_sources_t));

        ngx_llm_gemini_gather(ctx, &one, branch, frame);

        one.own = ngx_max(one.n, 1);
        one.bare = (n > 1);
        one.nullable = (n == 1 && s->nullable);

        for (i = 0; i < s->n; i++) {
            if (one.n < NGX_LLM_GEMINI_MAX_SOURCES) {
                one.node[one.n++] = s->node[i];
            }
        }

        ngx_llm_gemini_openapi_sources(ctx, &one, frame);
    }

    if (n > 1) {
        ngx_llm_out_char(ctx->out, ']');

        if (s->nullable) {
            ngx_llm_out_lit(ctx->out, ",\"nullable\":true");
        }

        ngx_llm_out_char(ctx->out, '}');
    }

    return n;
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


static void
ngx_llm_gemini_openapi_texts(ngx_llm_gemini_openapi_t *ctx,
    ngx_llm_gemini_sources_t *s, ngx_llm_gemini_type_e type)
{
    size_t           i;
    ngx_str_t        format;
    ngx_uint_t       n;
    ngx_llm_json_t  *node;

    static char  *texts[] = { "title", "description", NULL };

    n = s->n;

    if (s->bare) {
        s->n = ngx_min(s->own, n);
    }

    for (i = 0; texts[i]; i++) {
        node = ngx_llm_gemini_get(s, texts[i]);

        if (node != NULL && node->type == NGX_LLM_JSON_STRING) {
            ngx_llm_gemini_openapi_member(ctx, texts[i]);
            ngx_llm_out_str(ctx->out, &node->raw);
        }
    }

    s->n = n;

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
        && n > INT32_MIN && n < INT32_MAX)
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

        for (m = properties->child; m && ctx->fuel > 0; m = m->next) {

            if (m->type == NGX_LLM_JSON_FALSE
                || ngx_llm_gemini_property(ctx, s, i, &m->key) != NULL)
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

        for (m = required->child; m && ctx->fuel > 0; m = m->next) {

            if (m->type != NGX_LLM_JSON_STRING) {
                continue;
            }

            name = ngx_llm_json_text(m);

            /* names of what is not there are errors */

            if (ngx_llm_gemini_property(ctx, s, s->n, &name) == NULL) {
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


static void
ngx_llm_gemini_openapi_member(ngx_llm_gemini_openapi_t *ctx, char *name)
{
    ngx_llm_out_lit(ctx->out, ",\"");
    ngx_llm_out_data(ctx->out, (u_char *) name, ngx_strlen(name));
    ngx_llm_out_lit(ctx->out, "\":");
}
