
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_anthropic.h"


typedef enum {
    NGX_LLM_ANTHROPIC_COPY = 0,
    NGX_LLM_ANTHROPIC_STRIP,
    NGX_LLM_ANTHROPIC_SCHEMA,       /* one, or an array of them */
    NGX_LLM_ANTHROPIC_SCHEMAS,      /* by names of the author's choice */
    NGX_LLM_JSON_ONE_OF,
    NGX_LLM_ANTHROPIC_MIN_ITEMS,
    NGX_LLM_ANTHROPIC_ADDITIONAL
} ngx_llm_anthropic_keyword_e;


typedef struct {
    char                         *name;
    ngx_llm_anthropic_keyword_e   action;
} ngx_llm_anthropic_keyword_t;


static void ngx_llm_anthropic_write_value(ngx_llm_json_t *node,
    ngx_uint_t *stripped, ngx_llm_out_t *out);
static void ngx_llm_anthropic_write_named(ngx_llm_json_t *node,
    ngx_uint_t *stripped, ngx_llm_out_t *out);
static ngx_llm_anthropic_keyword_e ngx_llm_anthropic_keyword(ngx_str_t *key);
static ngx_uint_t ngx_llm_anthropic_is_object(ngx_llm_json_t *node);
static void ngx_llm_anthropic_write_key(ngx_llm_json_t *node,
    ngx_llm_out_t *out);
static ngx_uint_t ngx_llm_anthropic_key_is(ngx_llm_json_t *node, char *name);


static ngx_llm_anthropic_keyword_t  ngx_llm_anthropic_keywords[] = {
    { "additionalProperties", NGX_LLM_ANTHROPIC_ADDITIONAL },
    { "minItems", NGX_LLM_ANTHROPIC_MIN_ITEMS },
    { "oneOf", NGX_LLM_JSON_ONE_OF },

    { "allOf", NGX_LLM_ANTHROPIC_SCHEMA },
    { "anyOf", NGX_LLM_ANTHROPIC_SCHEMA },
    { "items", NGX_LLM_ANTHROPIC_SCHEMA },
    { "$defs", NGX_LLM_ANTHROPIC_SCHEMAS },
    { "definitions", NGX_LLM_ANTHROPIC_SCHEMAS },
    { "properties", NGX_LLM_ANTHROPIC_SCHEMAS },

    { "contains", NGX_LLM_ANTHROPIC_STRIP },
    { "exclusiveMaximum", NGX_LLM_ANTHROPIC_STRIP },
    { "exclusiveMinimum", NGX_LLM_ANTHROPIC_STRIP },
    { "maxContains", NGX_LLM_ANTHROPIC_STRIP },
    { "maxItems", NGX_LLM_ANTHROPIC_STRIP },
    { "maxLength", NGX_LLM_ANTHROPIC_STRIP },
    { "maxProperties", NGX_LLM_ANTHROPIC_STRIP },
    { "maximum", NGX_LLM_ANTHROPIC_STRIP },
    { "minContains", NGX_LLM_ANTHROPIC_STRIP },
    { "minLength", NGX_LLM_ANTHROPIC_STRIP },
    { "minProperties", NGX_LLM_ANTHROPIC_STRIP },
    { "minimum", NGX_LLM_ANTHROPIC_STRIP },
    { "multipleOf", NGX_LLM_ANTHROPIC_STRIP },
    { "patternProperties", NGX_LLM_ANTHROPIC_STRIP },
    { "uniqueItems", NGX_LLM_ANTHROPIC_STRIP },

    { NULL, NGX_LLM_ANTHROPIC_COPY }
};


void
ngx_llm_anthropic_write_input_schema(ngx_llm_json_t *node, ngx_llm_out_t *out)
{
    ngx_uint_t       typed;
    ngx_llm_json_t  *m;

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        ngx_llm_out_lit(out, "{\"type\":\"object\",\"properties\":{}}");
        return;
    }

    m = ngx_llm_json_get(node, "type");

    if (m != NULL
        && m->raw.len == sizeof("\"object\"") - 1
        && ngx_memcmp(m->raw.data, "\"object\"", m->raw.len) == 0)
    {
        ngx_llm_out_str(out, &node->raw);
        return;
    }

    /* the rest is a copy, for the order of members is part of a prompt */

    typed = 0;

    ngx_llm_out_char(out, '{');

    if (m == NULL) {
        typed = 1;
        ngx_llm_out_lit(out, "\"type\":\"object\"");

        if (node->child != NULL) {
            ngx_llm_out_char(out, ',');
        }
    }

    for (m = node->child; m != NULL; m = m->next) {
        ngx_llm_anthropic_write_key(m, out);

        if (!typed && ngx_llm_anthropic_key_is(m, "type")) {
            ngx_llm_out_lit(out, "\"object\"");

        } else {
            ngx_llm_out_str(out, &m->raw);
        }

        if (m->next != NULL) {
            ngx_llm_out_char(out, ',');
        }
    }

    ngx_llm_out_char(out, '}');
}


void
ngx_llm_anthropic_write_schema(ngx_llm_json_t *node, ngx_uint_t *stripped,
    ngx_llm_out_t *out)
{
    ngx_uint_t       comma, keep;
    ngx_llm_json_t  *m;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        ngx_llm_out_str(out, &node->raw);
        return;
    }

    comma = 0;

    ngx_llm_out_char(out, '{');

    for (m = node->child; m != NULL; m = m->next) {

        switch (ngx_llm_anthropic_keyword(&m->key)) {

        case NGX_LLM_ANTHROPIC_STRIP:
            keep = 0;
            break;

        case NGX_LLM_ANTHROPIC_MIN_ITEMS:
            keep = m->raw.len == 1
                   && (m->raw.data[0] == '0' || m->raw.data[0] == '1');
            break;

        case NGX_LLM_ANTHROPIC_ADDITIONAL:

            /* written below; what is not false does not survive */

            if (m->type != NGX_LLM_JSON_FALSE
                && m->type != NGX_LLM_JSON_NULL)
            {
                *stripped += 1;
            }

            continue;

        default:
            keep = 1;
        }

        if (!keep) {
            *stripped += 1;
            continue;
        }

        if (comma) {
            ngx_llm_out_char(out, ',');
        }

        comma = 1;

        switch (ngx_llm_anthropic_keyword(&m->key)) {

        case NGX_LLM_JSON_ONE_OF:
            ngx_llm_out_lit(out, "\"anyOf\":");
            ngx_llm_anthropic_write_value(m, stripped, out);
            break;

        case NGX_LLM_ANTHROPIC_SCHEMA:
            ngx_llm_anthropic_write_key(m, out);
            ngx_llm_anthropic_write_value(m, stripped, out);
            break;

        case NGX_LLM_ANTHROPIC_SCHEMAS:
            ngx_llm_anthropic_write_key(m, out);
            ngx_llm_anthropic_write_named(m, stripped, out);
            break;

        default:
            ngx_llm_anthropic_write_key(m, out);
            ngx_llm_out_str(out, &m->raw);
        }
    }

    if (ngx_llm_anthropic_is_object(node)) {

        if (comma) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_lit(out, "\"additionalProperties\":false");
    }

    ngx_llm_out_char(out, '}');
}


static void
ngx_llm_anthropic_write_value(ngx_llm_json_t *node, ngx_uint_t *stripped,
    ngx_llm_out_t *out)
{
    ngx_llm_json_t  *m;

    if (node->type != NGX_LLM_JSON_ARRAY) {
        ngx_llm_anthropic_write_schema(node, stripped, out);
        return;
    }

    ngx_llm_out_char(out, '[');

    for (m = node->child; m != NULL; m = m->next) {
        ngx_llm_anthropic_write_schema(m, stripped, out);

        if (m->next != NULL) {
            ngx_llm_out_char(out, ',');
        }
    }

    ngx_llm_out_char(out, ']');
}


static void
ngx_llm_anthropic_write_named(ngx_llm_json_t *node, ngx_uint_t *stripped,
    ngx_llm_out_t *out)
{
    ngx_llm_json_t  *m;

    if (node->type != NGX_LLM_JSON_OBJECT) {
        ngx_llm_out_str(out, &node->raw);
        return;
    }

    ngx_llm_out_char(out, '{');

    for (m = node->child; m != NULL; m = m->next) {
        ngx_llm_anthropic_write_key(m, out);
        ngx_llm_anthropic_write_schema(m, stripped, out);

        if (m->next != NULL) {
            ngx_llm_out_char(out, ',');
        }
    }

    ngx_llm_out_char(out, '}');
}


static ngx_llm_anthropic_keyword_e
ngx_llm_anthropic_keyword(ngx_str_t *key)
{
    ngx_llm_anthropic_keyword_t  *k;

    for (k = ngx_llm_anthropic_keywords; k->name; k++) {

        if (key->len == ngx_strlen(k->name)
            && ngx_memcmp(key->data, k->name, key->len) == 0)
        {
            break;
        }
    }

    return k->action;
}


static ngx_uint_t
ngx_llm_anthropic_is_object(ngx_llm_json_t *node)
{
    ngx_str_t        text;
    ngx_llm_json_t  *m, *type;

    if (ngx_llm_json_get(node, "properties") != NULL) {
        return 1;
    }

    type = ngx_llm_json_get(node, "type");

    if (type == NULL) {
        return 0;
    }

    if (type->type == NGX_LLM_JSON_STRING) {
        text = ngx_llm_json_text(type);
        return ngx_llm_json_is(&text, "object");
    }

    if (type->type != NGX_LLM_JSON_ARRAY) {
        return 0;
    }

    for (m = type->child; m != NULL; m = m->next) {

        if (m->type != NGX_LLM_JSON_STRING) {
            continue;
        }

        text = ngx_llm_json_text(m);

        if (ngx_llm_json_is(&text, "object")) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_llm_anthropic_write_key(ngx_llm_json_t *node, ngx_llm_out_t *out)
{
    ngx_llm_out_json_string(out, &node->key);
    ngx_llm_out_char(out, ':');
}


static ngx_uint_t
ngx_llm_anthropic_key_is(ngx_llm_json_t *node, char *name)
{
    return node->key.len == ngx_strlen(name)
           && ngx_memcmp(node->key.data, name, node->key.len) == 0;
}
