
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_anthropic.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_events.h"
#include "ngx_llm_scan.h"


typedef struct {
    char        *name;
    ngx_uint_t   status;
    unsigned     generic:1;     /* says no more than any HTTP status does */
} ngx_llm_anthropic_error_t;


static void ngx_llm_anthropic_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_anthropic_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);

static ngx_uint_t ngx_llm_anthropic_error_status(ngx_llm_json_t *error,
    ngx_uint_t status);
static ngx_uint_t ngx_llm_anthropic_find(ngx_str_t *text, char *what);
static uint32_t ngx_llm_anthropic_unicode(u_char *p, u_char *last);
static ngx_uint_t ngx_llm_anthropic_space(uint32_t c);


static void ngx_llm_anthropic_relay_usage(ngx_uint_t name,
    ngx_llm_json_t *node, ngx_llm_usage_t *usage);


static char  *ngx_llm_anthropic_usages[] = { "usage", NULL };


const ngx_llm_relay_dialect_t  ngx_llm_anthropic_relay = {
    NULL,
    ngx_llm_anthropic_usages,
    ngx_llm_anthropic_relay_usage,
    NULL,
    NULL,
    NULL,
    ngx_null_string,
    1
};


const ngx_llm_dialect_t  ngx_llm_anthropic = {
    ngx_string("anthropic"),
    NGX_LLM_DIALECT_SSE|NGX_LLM_DIALECT_BETAS|NGX_LLM_DIALECT_COUNTS
    |NGX_LLM_DIALECT_529|NGX_LLM_DIALECT_ID|NGX_LLM_DIALECT_LIMIT_DATES,
    sizeof(ngx_llm_anthropic_reader_t),
    NGX_LLM_ANTHROPIC_WRITER_SIZE,
    ngx_null_string,

    ngx_llm_anthropic_read_request,
    ngx_llm_anthropic_write_response,
    ngx_llm_anthropic_write_event,
    ngx_llm_anthropic_write_error,
    ngx_llm_anthropic_write_stream_error,

    ngx_llm_anthropic_write_request,
    ngx_llm_anthropic_edit_request,
    ngx_llm_anthropic_write_path,
    ngx_llm_anthropic_write_headers,
    ngx_llm_anthropic_read_response,
    ngx_llm_anthropic_read_frame,
    ngx_llm_anthropic_read_end,
    ngx_llm_anthropic_read_error,

    NULL,
    ngx_null_string,
    NULL,

    NULL,
    &ngx_llm_anthropic_relay,
    NULL
};


static ngx_llm_anthropic_error_t  ngx_llm_anthropic_errors[] = {
    { "invalid_request_error", 400, 1 },
    { "authentication_error", 401, 0 },
    { "billing_error", 402, 0 },
    { "permission_error", 403, 0 },
    { "not_found_error", 404, 0 },
    { "conflict_error", 409, 0 },
    { "request_too_large", 413, 0 },
    { "rate_limit_error", 429, 0 },
    { "api_error", 500, 1 },
    { "timeout_error", 504, 0 },
    { "overloaded_error", 529, 0 },
    { NULL, 0, 0 }
};


static void
ngx_llm_anthropic_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_str_t  *base;

    base = &target->base;

    ngx_llm_out_str(out, base);

    /* the vendor's base has no version, but those of others often do */

    if (base->len < 3
        || ngx_memcmp(base->data + base->len - 3, "/v1", 3) != 0)
    {
        ngx_llm_out_lit(out, "/v1");
    }

    ngx_llm_out_lit(out, "/messages");

    if (chat->count) {
        ngx_llm_out_lit(out, "/count_tokens");
    }
}


static void
ngx_llm_anthropic_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    ngx_str_t  version;

    ngx_llm_out_lit(out, "Content-Type: application/json" CRLF);

    if (chat->stream) {
        ngx_llm_out_lit(out, "Accept: text/event-stream" CRLF);

    } else {
        ngx_llm_out_lit(out, "Accept: application/json" CRLF);
    }

    if (target->api_version.len) {
        version = target->api_version;

    } else if (target->version.len) {
        version = target->version;

    } else {
        ngx_str_set(&version, NGX_LLM_ANTHROPIC_VERSION);
    }

    ngx_llm_out_header(out, "anthropic-version", &version);

    ngx_llm_out_key(out, target, "x-api-key", NULL);

    if (target->beta.len) {
        ngx_llm_out_header(out, "anthropic-beta", &target->beta);
    }
}


void
ngx_llm_anthropic_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    ngx_llm_json_t  *root;

    root = ngx_llm_json_parse(pool, text, NULL);

    if (root != NULL
        && ngx_llm_anthropic_error(pool, root, status, err) == NGX_OK)
    {
        err->raw = root->raw;
        return;
    }

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    ngx_llm_error_status(err, status);

    err->message = ngx_llm_error_body(pool, status, text);
}


ngx_int_t
ngx_llm_anthropic_error(ngx_pool_t *pool, ngx_llm_json_t *root,
    ngx_uint_t status, ngx_llm_error_t *err)
{
    ngx_str_t        message;
    ngx_llm_json_t  *error;

    error = ngx_llm_json_set(root, "error");

    if (error == NULL || error->type != NGX_LLM_JSON_OBJECT) {
        return NGX_DECLINED;
    }

    message = ngx_llm_json_str(error, "message");

    if (message.len == 0) {
        message = ngx_llm_json_str(error, "type");
    }

    if (message.len == 0) {
        return NGX_DECLINED;
    }

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    ngx_llm_error_status(err, ngx_llm_anthropic_error_status(error, status));

    ngx_llm_error_text(err, &message);

    return ngx_llm_answer_message(pool, &message, &err->message);
}


static ngx_uint_t
ngx_llm_anthropic_error_status(ngx_llm_json_t *error, ngx_uint_t status)
{
    ngx_str_t                   code, message, type;
    ngx_llm_anthropic_error_t  *e;

    type = ngx_llm_json_str(error, "type");

    for (e = ngx_llm_anthropic_errors; e->name; e++) {

        if (!ngx_llm_json_is(&type, e->name)) {
            continue;
        }

        if (status < 400 || !e->generic) {
            status = e->status;
        }

        break;
    }

    if (status < 400) {
        status = 500;
    }

    /* money, whatever it is called: no retry mends it */

    message = ngx_llm_json_str(error, "message");

    if (status == 400
        && ngx_llm_anthropic_find(&message, "credit balance is too low"))
    {
        return 402;
    }

    code = ngx_llm_json_str(ngx_llm_json_get(error, "details"), "error_code");

    if (status == 429
        && ngx_llm_json_is(&code, "enforced_spend_limit_reached"))
    {
        return 402;
    }

    return status;
}


static ngx_uint_t
ngx_llm_anthropic_find(ngx_str_t *text, char *what)
{
    size_t  len;

    len = ngx_strlen(what);

    if (text->len < len) {
        return 0;
    }

    return ngx_strlcasestrn(text->data, text->data + text->len,
                            (u_char *) what, len - 1)
           != NULL;
}


u_char *
ngx_llm_anthropic_char(u_char *p, u_char *last, uint32_t *c)
{
    u_char    ch;
    uint32_t  low;

    ch = *p++;

    if (ch == '\\' && p < last) {
        ch = *p++;

        switch (ch) {

        case 'b':
            *c = '\b';
            return p;

        case 'f':
            *c = '\f';
            return p;

        case 'n':
            *c = '\n';
            return p;

        case 'r':
            *c = '\r';
            return p;

        case 't':
            *c = '\t';
            return p;

        case 'u':
            break;

        default:
            *c = ch;
            return p;
        }

        *c = ngx_llm_anthropic_unicode(p, last);
        p += ngx_min(4, last - p);

        if (*c < 0xd800 || *c > 0xdbff || last - p < 6
            || p[0] != '\\' || p[1] != 'u')
        {
            return p;
        }

        low = ngx_llm_anthropic_unicode(p + 2, last);

        if (low < 0xdc00 || low > 0xdfff) {
            return p;
        }

        *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);

        return p + 6;
    }

    /* the reader of JSON has seen to it that this is UTF-8 */

    if (ch < 0x80) {
        *c = ch;
        return p;
    }

    *c = (ch >= 0xf0) ? (ch & 0x07) : (ch >= 0xe0) ? (ch & 0x0f) : (ch & 0x1f);

    while (p < last && (*p & 0xc0) == 0x80) {
        *c = (*c << 6) | (*p++ & 0x3f);
    }

    return p;
}


static uint32_t
ngx_llm_anthropic_unicode(u_char *p, u_char *last)
{
    ngx_int_t  n;

    if (last - p < 4) {
        return 0xfffd;
    }

    n = ngx_hextoi(p, 4);

    return (n == NGX_ERROR) ? 0xfffd : (uint32_t) n;
}


static ngx_uint_t
ngx_llm_anthropic_space(uint32_t c)
{
    if (c <= 0x20) {
        return c == 0x20 || (c >= 0x09 && c <= 0x0d)
               || (c >= 0x1c && c <= 0x1f);
    }

    if (c < 0x85) {
        return 0;
    }

    return c == 0x85 || c == 0xa0 || c == 0x1680
           || (c >= 0x2000 && c <= 0x200a)
           || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f
           || c == 0x3000;
}


ngx_str_t
ngx_llm_anthropic_trim(ngx_str_t *text)
{
    u_char     *end, *last, *p, *q, *run;
    uint32_t    c;
    ngx_str_t   trimmed;

    if (text->len == 0) {
        return *text;
    }

    p = text->data;
    last = p + text->len;
    end = p;

    for ( ;; ) {

        /* of ordinary bytes only the blank is space */

        run = p;
        p = ngx_llm_scan_string(p, last);

        for (q = p; q > run; q--) {
            if (q[-1] != ' ') {
                end = q;
                break;
            }
        }

        if (p == last) {
            break;
        }

        p = ngx_llm_anthropic_char(p, last, &c);

        if (!ngx_llm_anthropic_space(c)) {
            end = p;
        }
    }

    trimmed.data = text->data;
    trimmed.len = end - text->data;

    return trimmed;
}


ngx_uint_t
ngx_llm_anthropic_blank(ngx_str_t *text)
{
    u_char    *last, *p;
    uint32_t   c;

    if (text->len == 0) {
        return 1;
    }

    p = text->data;
    last = p + text->len;

    if (*p > ' ' && *p < 0x7f && *p != '\\') {
        return 0;
    }

    while (p < last) {
        p = ngx_llm_anthropic_char(p, last, &c);

        if (!ngx_llm_anthropic_space(c)) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
ngx_llm_anthropic_count(ngx_str_t *text)
{
    u_char      *last, *p, *run;
    uint32_t     c;
    ngx_uint_t   n;

    if (text->len == 0) {
        return 0;
    }

    p = text->data;
    last = p + text->len;
    n = 0;

    for ( ;; ) {
        run = p;
        p = ngx_llm_scan_string(p, last);
        n += p - run;

        if (p == last) {
            return n;
        }

        p = ngx_llm_anthropic_char(p, last, &c);
        n++;
    }
}


/* of a stream: the last event may tell the output alone */

static void
ngx_llm_anthropic_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage)
{
    int64_t                      prompt, cached, write;
    ngx_llm_usage_t              said;
    ngx_llm_anthropic_reader_t   state;

    prompt = usage->prompt;
    cached = usage->cached;
    write = usage->cache_write;

    ngx_memzero(&state, sizeof(ngx_llm_anthropic_reader_t));
    ngx_llm_usage_init(&said);

    ngx_llm_anthropic_usage(node, &state, &said);

    if (!said.reported) {
        return;
    }

    *usage = said;

    if (ngx_llm_json_set(node, "input_tokens") == NULL && prompt >= 0) {
        usage->prompt = prompt;
        usage->cached = cached;
        usage->cache_write = write;
    }
}
