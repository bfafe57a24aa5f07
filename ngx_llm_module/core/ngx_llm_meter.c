
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Only nesting, strings and names are followed: whether the text is JSON is
 * for those to say who read it.
 */


#include "ngx_llm_meter.h"


typedef enum {
    NGX_LLM_METER_START = 0,
    NGX_LLM_METER_NEXT,             /* value, or end of a container */
    NGX_LLM_METER_KEY,              /* a name is expected */
    NGX_LLM_METER_KEY_STRING,
    NGX_LLM_METER_COLON,
    NGX_LLM_METER_STRING,
    NGX_LLM_METER_DONE
} ngx_llm_meter_e;


static ngx_int_t ngx_llm_meter_text(ngx_llm_meter_t *meter, u_char *p,
    u_char *last);
static ngx_int_t ngx_llm_meter_char(ngx_llm_meter_t *meter, u_char c);
static ngx_int_t ngx_llm_meter_next(ngx_llm_meter_t *meter, u_char c);
static void ngx_llm_meter_open(ngx_llm_meter_t *meter, u_char c);
static void ngx_llm_meter_key(ngx_llm_meter_t *meter);
static ngx_int_t ngx_llm_meter_found(ngx_llm_meter_t *meter);
static u_char *ngx_llm_meter_string(ngx_llm_meter_t *meter, u_char *p,
    u_char *last);
static ngx_uint_t ngx_llm_meter_in_object(ngx_llm_meter_t *meter);
static void ngx_llm_meter_keep(ngx_llm_meter_t *meter, u_char *p, size_t len);


void
ngx_llm_meter_init(ngx_llm_meter_t *meter, ngx_pool_t *pool, char **names,
    ngx_uint_t max_depth, ngx_uint_t sse)
{
    ngx_memzero(meter, sizeof(ngx_llm_meter_t));

    meter->pool = pool;
    meter->names = names;
    meter->max_depth = max_depth;
    meter->sse = sse;
}


void
ngx_llm_meter_reset(ngx_llm_meter_t *meter)
{
    meter->line = 0;
    meter->state = NGX_LLM_METER_START;
    meter->found = 0;
}


ngx_int_t
ngx_llm_meter_feed(ngx_llm_meter_t *meter, u_char *p, u_char *last)
{
    u_char     *end;
    ngx_uint_t  n;

    static u_char  data[] = "data:";

    if (meter->value == NULL) {
        meter->value = ngx_pnalloc(meter->pool, NGX_LLM_METER_VALUE);
        if (meter->value == NULL) {
            return NGX_ERROR;
        }
    }

    if (!meter->sse) {
        return ngx_llm_meter_text(meter, p, last);
    }

    n = sizeof("data:") - 1;

    while (p < last) {

        if (*p == LF || *p == CR) {
            meter->line = 0;
            meter->state = NGX_LLM_METER_START;
            meter->found = 0;
            p++;
            continue;
        }

        if (meter->line < n) {

            /* another field: its line is passed over */

            if (*p++ != data[meter->line++]) {
                meter->line = n + 1;
            }

            continue;
        }

        for (end = p; end < last && *end != LF && *end != CR; end++) {
            /* void */
        }

        if (meter->line == n && ngx_llm_meter_text(meter, p, end) != NGX_OK) {
            return NGX_ERROR;
        }

        p = end;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_meter_text(ngx_llm_meter_t *meter, u_char *p, u_char *last)
{
    while (p < last) {

        switch (meter->state) {

        case NGX_LLM_METER_DONE:
            return NGX_OK;

        case NGX_LLM_METER_STRING:
            p = ngx_llm_meter_string(meter, p, last);
            break;

        default:

            if (ngx_llm_meter_char(meter, *p++) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static u_char *
ngx_llm_meter_string(ngx_llm_meter_t *meter, u_char *p, u_char *last)
{
    u_char  *start;

    for (start = p; p < last; p++) {

        if (meter->escaped) {
            meter->escaped = 0;

        } else if (*p == '\\') {
            meter->escaped = 1;

        } else if (*p == '"') {
            meter->state = NGX_LLM_METER_NEXT;
            p++;
            break;
        }
    }

    ngx_llm_meter_keep(meter, start, p - start);

    return p;
}


static void
ngx_llm_meter_keep(ngx_llm_meter_t *meter, u_char *p, size_t len)
{
    if (meter->found == 0) {
        return;
    }

    if (len > NGX_LLM_METER_VALUE - meter->len) {
        meter->found = 0;
        meter->odd = 1;
        return;
    }

    ngx_memcpy(meter->value + meter->len, p, len);
    meter->len += len;
}


static ngx_int_t
ngx_llm_meter_char(ngx_llm_meter_t *meter, u_char c)
{
    if (c == '\0') {

        /* UTF-16, which some read */

        meter->odd = 1;
    }

    switch (meter->state) {

    case NGX_LLM_METER_START:

        if (c == '{') {
            meter->depth = 0;
            meter->found = 0;
            meter->object = 1;
            ngx_llm_meter_open(meter, c);

        } else if (c != ' ' && c != '\t' && c != CR && c != LF) {
            meter->state = NGX_LLM_METER_DONE;
        }

        return NGX_OK;

    case NGX_LLM_METER_KEY:

        if (c == '"') {
            meter->state = NGX_LLM_METER_KEY_STRING;
            meter->name_len = 0;
            meter->escaped = 0;
            ngx_llm_meter_keep(meter, &c, 1);
            return NGX_OK;
        }

        return ngx_llm_meter_next(meter, c);

    case NGX_LLM_METER_KEY_STRING:

        ngx_llm_meter_keep(meter, &c, 1);

        if (meter->escaped) {
            meter->escaped = 0;
            return NGX_OK;
        }

        if (c == '\\') {

            /* what it says is not looked at */

            if (meter->depth <= meter->max_depth) {
                meter->odd = 1;
            }

            meter->escaped = 1;
            meter->name_len = NGX_LLM_METER_NAME + 1;
            return NGX_OK;
        }

        if (c == '"') {
            meter->state = NGX_LLM_METER_COLON;
            return NGX_OK;
        }

        if (meter->name_len < NGX_LLM_METER_NAME) {
            meter->name[meter->name_len++] = c;

        } else {
            meter->name_len = NGX_LLM_METER_NAME + 1;
        }

        return NGX_OK;

    case NGX_LLM_METER_COLON:

        ngx_llm_meter_keep(meter, &c, 1);

        if (c == ':') {
            meter->state = NGX_LLM_METER_NEXT;
            ngx_llm_meter_key(meter);
        }

        return NGX_OK;

    default: /* NGX_LLM_METER_NEXT */
        return ngx_llm_meter_next(meter, c);
    }
}


static ngx_int_t
ngx_llm_meter_next(ngx_llm_meter_t *meter, u_char c)
{
    switch (c) {

    case '"':
        meter->state = NGX_LLM_METER_STRING;
        meter->escaped = 0;
        break;

    case '{':
    case '[':
        ngx_llm_meter_open(meter, c);
        break;

    case ',':

        if (ngx_llm_meter_found(meter) != NGX_OK) {
            return NGX_ERROR;
        }

        meter->state = ngx_llm_meter_in_object(meter) ? NGX_LLM_METER_KEY
                                                      : NGX_LLM_METER_NEXT;
        break;

    case '}':
    case ']':

        if (ngx_llm_meter_found(meter) != NGX_OK) {
            return NGX_ERROR;
        }

        meter->depth--;

        meter->state = meter->depth ? NGX_LLM_METER_NEXT
                                    : NGX_LLM_METER_DONE;
        break;
    }

    ngx_llm_meter_keep(meter, &c, 1);

    return NGX_OK;
}


static void
ngx_llm_meter_open(ngx_llm_meter_t *meter, u_char c)
{
    uint64_t  bit;

    meter->depth++;

    if (meter->depth < 64) {
        bit = (uint64_t) 1 << meter->depth;

        if (c == '{') {
            meter->objects |= bit;

        } else {
            meter->objects &= ~bit;
        }
    }

    meter->state = ngx_llm_meter_in_object(meter) ? NGX_LLM_METER_KEY
                                                  : NGX_LLM_METER_NEXT;
}


/* names deeper than what is followed are strings like others */

static ngx_uint_t
ngx_llm_meter_in_object(ngx_llm_meter_t *meter)
{
    return meter->depth < 64
           && (meter->objects & ((uint64_t) 1 << meter->depth));
}


static void
ngx_llm_meter_key(ngx_llm_meter_t *meter)
{
    ngx_uint_t  i;

    if (meter->found || meter->depth > meter->max_depth) {
        return;
    }

    /* some who read it make no difference between cases */

    for (i = 0; meter->names[i]; i++) {
        if (meter->name_len == ngx_strlen(meter->names[i])
            && ngx_strncasecmp(meter->name, (u_char *) meter->names[i],
                               meter->name_len)
               == 0)
        {
            meter->found = i + 1;
            meter->found_depth = meter->depth;
            meter->len = 0;
            return;
        }
    }
}


/* a member ends here: is it the one that is looked for? */

static ngx_int_t
ngx_llm_meter_found(ngx_llm_meter_t *meter)
{
    ngx_str_t   raw;
    ngx_uint_t  name;

    if (meter->found == 0 || meter->depth != meter->found_depth) {
        return NGX_OK;
    }

    name = meter->found - 1;
    meter->found = 0;

    raw.data = meter->value;
    raw.len = meter->len;

    while (raw.len && raw.data[0] <= ' ') {
        raw.data++;
        raw.len--;
    }

    while (raw.len && raw.data[raw.len - 1] <= ' ') {
        raw.len--;
    }

    return meter->handler(meter->data, name, &raw);
}
