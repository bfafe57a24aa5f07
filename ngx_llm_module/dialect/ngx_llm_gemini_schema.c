
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A JSON Schema as the provider takes it: as it is, but for a few keywords.
 */


#include "ngx_llm_gemini.h"


typedef enum {
    NGX_LLM_GEMINI_COPY = 0,
    NGX_LLM_GEMINI_STRIP,
    NGX_LLM_GEMINI_ONE,         /* a schema, or an array of them */
    NGX_LLM_GEMINI_NAMED,       /* by names of the author's choice */
    NGX_LLM_GEMINI_CONST,
    NGX_LLM_GEMINI_REF,
    NGX_LLM_GEMINI_DEFINITIONS
} ngx_llm_gemini_action_e;


typedef struct {
    char                     *name;
    ngx_llm_gemini_action_e   action;
} ngx_llm_gemini_keyword_t;


typedef struct {
    ngx_llm_out_t            *out;
    ngx_uint_t                renamed;  /* "definitions" are "$defs" */
} ngx_llm_gemini_schema_t;


static void ngx_llm_gemini_schema(ngx_llm_gemini_schema_t *ctx,
    ngx_llm_json_t *node);
static void ngx_llm_gemini_schema_member(ngx_llm_gemini_schema_t *ctx,
    ngx_llm_json_t *m, ngx_llm_gemini_action_e action);
static void ngx_llm_gemini_schema_value(ngx_llm_gemini_schema_t *ctx,
    ngx_llm_json_t *node);
static void ngx_llm_gemini_schema_named(ngx_llm_gemini_schema_t *ctx,
    ngx_llm_json_t *node);
static void ngx_llm_gemini_schema_ref(ngx_llm_gemini_schema_t *ctx,
    ngx_llm_json_t *node);
static ngx_llm_gemini_action_e ngx_llm_gemini_action(ngx_str_t *key);


static ngx_llm_gemini_keyword_t  ngx_llm_gemini_keywords[] = {
    { "$ref", NGX_LLM_GEMINI_REF },
    { "const", NGX_LLM_GEMINI_CONST },
    { "definitions", NGX_LLM_GEMINI_DEFINITIONS },

    { "$schema", NGX_LLM_GEMINI_STRIP },
    { "strict", NGX_LLM_GEMINI_STRIP },

    { "$defs", NGX_LLM_GEMINI_NAMED },
    { "patternProperties", NGX_LLM_GEMINI_NAMED },
    { "properties", NGX_LLM_GEMINI_NAMED },

    { "additionalProperties", NGX_LLM_GEMINI_ONE },
    { "allOf", NGX_LLM_GEMINI_ONE },
    { "anyOf", NGX_LLM_GEMINI_ONE },
    { "contains", NGX_LLM_GEMINI_ONE },
    { "else", NGX_LLM_GEMINI_ONE },
    { "if", NGX_LLM_GEMINI_ONE },
    { "items", NGX_LLM_GEMINI_ONE },
    { "not", NGX_LLM_GEMINI_ONE },
    { "oneOf", NGX_LLM_GEMINI_ONE },
    { "prefixItems", NGX_LLM_GEMINI_ONE },
    { "propertyNames", NGX_LLM_GEMINI_ONE },
    { "then", NGX_LLM_GEMINI_ONE },

    { NULL, NGX_LLM_GEMINI_COPY }
};


void
ngx_llm_gemini_write_schema(ngx_llm_json_t *node, ngx_llm_out_t *out)
{
    ngx_llm_gemini_schema_t  ctx;

    ctx.out = out;
    ctx.renamed = (ngx_llm_json_get(node, "$defs") == NULL);

    ngx_llm_gemini_schema(&ctx, node);
}


static void
ngx_llm_gemini_schema(ngx_llm_gemini_schema_t *ctx, ngx_llm_json_t *node)
{
    ngx_uint_t                n, ref;
    ngx_llm_json_t           *m;
    ngx_llm_gemini_action_e   action;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        ngx_llm_out_str(ctx->out, &node->raw);
        return;
    }

    n = 0;
    m = ngx_llm_json_get(node, "$ref");
    ref = (m != NULL && m->type == NGX_LLM_JSON_STRING);

    ngx_llm_out_char(ctx->out, '{');

    for (m = node->child; m; m = m->next) {

        action = ngx_llm_gemini_action(&m->key);

        /* beside "$ref" there may be only others of its kind */

        if (action == NGX_LLM_GEMINI_STRIP
            || (ref && action != NGX_LLM_GEMINI_DEFINITIONS
                && (m->key.len == 0 || m->key.data[0] != '$')))
        {
            continue;
        }

        if (action == NGX_LLM_GEMINI_CONST
            && ngx_llm_json_get(node, "enum") != NULL)
        {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(ctx->out, ',');
        }

        ngx_llm_gemini_schema_member(ctx, m, action);
    }

    ngx_llm_out_char(ctx->out, '}');
}


static void
ngx_llm_gemini_schema_member(ngx_llm_gemini_schema_t *ctx, ngx_llm_json_t *m,
    ngx_llm_gemini_action_e action)
{
    ngx_llm_out_t  *out;

    out = ctx->out;

    switch (action) {

    case NGX_LLM_GEMINI_CONST:
        ngx_llm_out_lit(out, "\"enum\":[");
        ngx_llm_out_str(out, &m->raw);
        ngx_llm_out_char(out, ']');
        return;

    case NGX_LLM_GEMINI_DEFINITIONS:

        if (ctx->renamed) {
            ngx_llm_out_lit(out, "\"$defs\":");

        } else {
            ngx_llm_out_lit(out, "\"definitions\":");
        }

        ngx_llm_gemini_schema_named(ctx, m);
        return;

    default:
        break;
    }

    ngx_llm_out_json_string(out, &m->key);
    ngx_llm_out_char(out, ':');

    switch (action) {

    case NGX_LLM_GEMINI_REF:
        ngx_llm_gemini_schema_ref(ctx, m);
        return;

    case NGX_LLM_GEMINI_ONE:
        ngx_llm_gemini_schema_value(ctx, m);
        return;

    case NGX_LLM_GEMINI_NAMED:
        ngx_llm_gemini_schema_named(ctx, m);
        return;

    default: /* NGX_LLM_GEMINI_COPY */
        ngx_llm_out_str(out, &m->raw);
    }
}


static void
ngx_llm_gemini_schema_value(ngx_llm_gemini_schema_t *ctx,
    ngx_llm_json_t *node)
{
    ngx_llm_json_t  *m;

    if (node->type != NGX_LLM_JSON_ARRAY) {
        ngx_llm_gemini_schema(ctx, node);
        return;
    }

    ngx_llm_out_char(ctx->out, '[');

    for (m = node->child; m; m = m->next) {
        ngx_llm_gemini_schema(ctx, m);

        if (m->next != NULL) {
            ngx_llm_out_char(ctx->out, ',');
        }
    }

    ngx_llm_out_char(ctx->out, ']');
}


static void
ngx_llm_gemini_schema_named(ngx_llm_gemini_schema_t *ctx,
    ngx_llm_json_t *node)
{
    ngx_llm_json_t  *m;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        ngx_llm_out_str(ctx->out, &node->raw);
        return;
    }

    ngx_llm_out_char(ctx->out, '{');

    for (m = node->child; m; m = m->next) {
        ngx_llm_out_json_string(ctx->out, &m->key);
        ngx_llm_out_char(ctx->out, ':');
        ngx_llm_gemini_schema(ctx, m);

        if (m->next != NULL) {
            ngx_llm_out_char(ctx->out, ',');
        }
    }

    ngx_llm_out_char(ctx->out, '}');
}


static void
ngx_llm_gemini_schema_ref(ngx_llm_gemini_schema_t *ctx, ngx_llm_json_t *node)
{
    ngx_str_t  text;

    static ngx_str_t  old = ngx_string("\"#/definitions/");

    text = node->raw;

    if (ctx->renamed && text.len > old.len
        && ngx_memcmp(text.data, old.data, old.len) == 0)
    {
        ngx_llm_out_lit(ctx->out, "\"#/$defs/");

        text.data += old.len;
        text.len -= old.len;
    }

    ngx_llm_out_str(ctx->out, &text);
}


static ngx_llm_gemini_action_e
ngx_llm_gemini_action(ngx_str_t *key)
{
    ngx_llm_gemini_keyword_t  *k;

    if (key->len > 2 && key->data[0] == 'x' && key->data[1] == '-') {
        return NGX_LLM_GEMINI_STRIP;
    }

    for (k = ngx_llm_gemini_keywords; k->name; k++) {

        if (key->len == ngx_strlen(k->name)
            && ngx_memcmp(key->data, k->name, key->len) == 0)
        {
            break;
        }
    }

    return k->action;
}
