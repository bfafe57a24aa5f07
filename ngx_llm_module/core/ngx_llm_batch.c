
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_batch.h"


typedef enum {
    NGX_LLM_BATCH_BETWEEN = 0,      /* objects */
    NGX_LLM_BATCH_IN_NAME,          /* a name or the end is to come */
    NGX_LLM_BATCH_COLON,
    NGX_LLM_BATCH_VALUE,            /* is to come */
    NGX_LLM_BATCH_REST,             /* of a value, up to what follows it */
    NGX_LLM_BATCH_STRING
} ngx_llm_batch_state_e;


static ngx_int_t ngx_llm_batch_char(ngx_llm_batch_t *batch, u_char c);
static ngx_int_t ngx_llm_batch_string(ngx_llm_batch_t *batch, u_char c);
static ngx_int_t ngx_llm_batch_open(ngx_llm_batch_t *batch, u_char c);
static ngx_int_t ngx_llm_batch_close(ngx_llm_batch_t *batch, u_char c);
static void ngx_llm_batch_named(ngx_llm_batch_t *batch);
static ngx_int_t ngx_llm_batch_bad(ngx_llm_batch_t *batch, char *error);


#define ngx_llm_batch_in_object(batch)                                       \
    ((batch)->objects & ((uint64_t) 1 << ((batch)->depth - 1)))


void
ngx_llm_batch_init(ngx_llm_batch_t *batch)
{
    batch->state = NGX_LLM_BATCH_BETWEEN;
    batch->line = 1;
    batch->depth = 0;
    batch->error = NULL;
    batch->body = 0;
    batch->found = 0;
    batch->escaped = 0;
}


ngx_int_t
ngx_llm_batch_feed(ngx_llm_batch_t *batch, u_char *p, u_char *last)
{
    ngx_int_t  rc;

    if (batch->error) {
        return NGX_DECLINED;
    }

    for ( /* void */ ; p < last; p++) {

        rc = (batch->state == NGX_LLM_BATCH_STRING)
             ? ngx_llm_batch_string(batch, *p)
             : ngx_llm_batch_char(batch, *p);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_batch_end(ngx_llm_batch_t *batch)
{
    if (batch->error) {
        return NGX_DECLINED;
    }

    if (batch->state != NGX_LLM_BATCH_BETWEEN) {
        return ngx_llm_batch_bad(batch, "is not whole");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_batch_char(ngx_llm_batch_t *batch, u_char c)
{
    /* for some a CR ends a line, too */

    if (c == LF || c == CR) {

        if (batch->state != NGX_LLM_BATCH_BETWEEN) {
            return ngx_llm_batch_bad(batch, "is not whole");
        }

        batch->line += (c == LF);
        return NGX_OK;
    }

    if (c == ' ' || c == '\t') {
        return NGX_OK;
    }

    switch (batch->state) {

    case NGX_LLM_BATCH_BETWEEN:

        if (c == '{') {
            batch->body = 0;
            return ngx_llm_batch_open(batch, c);
        }

        return ngx_llm_batch_bad(batch, "is no JSON object");

    case NGX_LLM_BATCH_IN_NAME:

        if (c == '"') {
            batch->state = NGX_LLM_BATCH_STRING;
            batch->key = 1;
            batch->odd = 0;
            batch->name_len = 0;
            return NGX_OK;
        }

        if (c == '}') {
            return ngx_llm_batch_close(batch, c);
        }

        break;

    case NGX_LLM_BATCH_COLON:

        if (c == ':') {
            batch->state = NGX_LLM_BATCH_VALUE;
            ngx_llm_batch_named(batch);

            return batch->odd && batch->depth <= 2
                   ? ngx_llm_batch_bad(batch, "has a name with escapes")
                   : NGX_OK;
        }

        break;

    case NGX_LLM_BATCH_VALUE:

        if (c == '"') {
            batch->state = NGX_LLM_BATCH_STRING;
            batch->key = 0;
            batch->len = 0;
            return NGX_OK;
        }

        if (batch->found) {
            return ngx_llm_batch_bad(batch, "has a \"model\" that is no "
                                            "string");
        }

        /* fall through */

    default: /* NGX_LLM_BATCH_REST */

        if (c == '{' || c == '[') {
            return ngx_llm_batch_open(batch, c);
        }

        if (c == '}' || c == ']') {
            return ngx_llm_batch_close(batch, c);
        }

        if (c == ',') {
            batch->state = ngx_llm_batch_in_object(batch)
                           ? NGX_LLM_BATCH_IN_NAME : NGX_LLM_BATCH_VALUE;
            return NGX_OK;
        }

        /* beyond ASCII there are ends of lines, but no values */

        if (c != '"' && c > ' ' && c < 0x7f) {
            batch->state = NGX_LLM_BATCH_REST;
            return NGX_OK;
        }
    }

    return ngx_llm_batch_bad(batch, "is not valid JSON");
}


static ngx_int_t
ngx_llm_batch_string(ngx_llm_batch_t *batch, u_char c)
{
    ngx_str_t  model;

    if (c < ' ') {
        return ngx_llm_batch_bad(batch, "is not valid JSON");
    }

    if (c == '"' && !batch->escaped) {

        if (batch->key) {
            batch->state = NGX_LLM_BATCH_COLON;
            return NGX_OK;
        }

        batch->state = NGX_LLM_BATCH_REST;

        if (!batch->found) {
            return NGX_OK;
        }

        batch->found = 0;

        model.data = batch->model;
        model.len = batch->len;

        return batch->handler(batch->data, &model, batch->line);
    }

    batch->escaped = (c == '\\' && !batch->escaped);

    if (batch->key) {

        if (c == '\\') {
            batch->odd = 1;
        }

        if (batch->name_len < NGX_LLM_BATCH_NAME) {
            batch->name[batch->name_len++] = c;
        }

        return NGX_OK;
    }

    if (batch->found) {

        if (batch->len == NGX_LLM_BATCH_MODEL) {
            return ngx_llm_batch_bad(batch, "has a \"model\" that is too "
                                            "long");
        }

        batch->model[batch->len++] = c;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_batch_open(ngx_llm_batch_t *batch, u_char c)
{
    uint64_t  bit;

    if (batch->depth == NGX_LLM_BATCH_DEPTH) {
        return ngx_llm_batch_bad(batch, "is nested too deep");
    }

    bit = (uint64_t) 1 << batch->depth++;

    if (c == '{') {
        batch->objects |= bit;
        batch->state = NGX_LLM_BATCH_IN_NAME;

    } else {
        batch->objects &= ~bit;
        batch->state = NGX_LLM_BATCH_VALUE;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_batch_close(ngx_llm_batch_t *batch, u_char c)
{
    if ((ngx_llm_batch_in_object(batch) != 0) != (c == '}')) {
        return ngx_llm_batch_bad(batch, "is not valid JSON");
    }

    batch->depth--;
    batch->state = batch->depth ? NGX_LLM_BATCH_REST : NGX_LLM_BATCH_BETWEEN;

    return NGX_OK;
}


/* is it "body", or "model" in it?  Some make no difference between cases */

static void
ngx_llm_batch_named(ngx_llm_batch_t *batch)
{
    if (batch->depth == 1) {
        batch->body = (batch->name_len == sizeof("body") - 1
                       && ngx_strncasecmp(batch->name, (u_char *) "body",
                                          batch->name_len)
                          == 0);
        return;
    }

    batch->found = (batch->depth == 2
                    && batch->body
                    && batch->name_len == sizeof("model") - 1
                    && ngx_strncasecmp(batch->name, (u_char *) "model",
                                       batch->name_len)
                       == 0);
}


static ngx_int_t
ngx_llm_batch_bad(ngx_llm_batch_t *batch, char *error)
{
    batch->error = error;

    return NGX_DECLINED;
}
