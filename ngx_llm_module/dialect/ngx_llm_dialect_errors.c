
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_dialect.h"


/* bytes of a foreign text that are quoted */
#define NGX_LLM_ERROR_QUOTE  256


typedef struct {
    ngx_uint_t           status;        /* the provider's */
    ngx_uint_t           fail;
    ngx_uint_t           answer;        /* the client's */
    ngx_str_t            type;
    ngx_str_t            code;
} ngx_llm_error_row_t;


typedef struct {
    ngx_uint_t           fail;
    ngx_str_t            text;          /* in lower case */
    ngx_str_t            also;          /* somewhere behind it */
} ngx_llm_error_pattern_t;


static ngx_uint_t ngx_llm_error_match(ngx_llm_error_pattern_t *pattern,
    ngx_str_t *message);
static u_char *ngx_llm_error_search(u_char *p, u_char *last,
    ngx_str_t *what);
static ngx_uint_t ngx_llm_error_html(ngx_str_t *text);
static size_t ngx_llm_error_whole(ngx_str_t *plain);


/* 499 and 599 stand for all of their hundred that have no row before them */

static ngx_llm_error_row_t  ngx_llm_error_rows[] = {

    { 401, NGX_LLM_FAIL_AUTH, 502,
      ngx_string("server_error"), ngx_string("provider_auth") },
    { 402, NGX_LLM_FAIL_AUTH, 502,
      ngx_string("server_error"), ngx_string("provider_auth") },
    { 403, NGX_LLM_FAIL_AUTH, 502,
      ngx_string("server_error"), ngx_string("provider_auth") },
    { 404, NGX_LLM_FAIL_NO_MODEL, 404,
      ngx_string("invalid_request_error"), ngx_string("model_not_found") },
    { 408, NGX_LLM_FAIL_SERVER_ERROR, 502,
      ngx_string("server_error"), ngx_null_string },
    { 413, NGX_LLM_FAIL_REQUEST, 413,
      ngx_string("invalid_request_error"), ngx_string("request_too_large") },
    { 422, NGX_LLM_FAIL_REQUEST, 422,
      ngx_string("invalid_request_error"), ngx_null_string },
    { 429, NGX_LLM_FAIL_RATE_LIMIT, 429,
      ngx_string("rate_limit_error"), ngx_string("provider_rate_limit") },
    { 499, NGX_LLM_FAIL_REQUEST, 400,
      ngx_string("invalid_request_error"), ngx_null_string },

    { 503, NGX_LLM_FAIL_OVERLOADED, 503,
      ngx_string("service_unavailable_error"),
      ngx_string("server_is_overloaded") },
    { 504, NGX_LLM_FAIL_SERVER_ERROR, 504,
      ngx_string("server_error"), ngx_null_string },
    { 529, NGX_LLM_FAIL_OVERLOADED, 503,
      ngx_string("service_unavailable_error"),
      ngx_string("server_is_overloaded") },
    { 599, NGX_LLM_FAIL_SERVER_ERROR, 502,
      ngx_string("server_error"), ngx_null_string },

    /* 1xx, 2xx, 3xx and what is no status */

    { 0, NGX_LLM_FAIL_INVALID, 502,
      ngx_string("server_error"), ngx_string("invalid_response") }
};


static ngx_llm_error_pattern_t  ngx_llm_error_patterns[] = {

    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("context_length_exceeded"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("maximum context length"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("maximum context limit"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("exceed context limit"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("exceeds the context"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("exceeds the available context"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("exceeded model token limit"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("longer than the model"), ngx_string("context length") },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("prompt is too long"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("prompt too long"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("prompt: length"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("prompt has too many tokens"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("input is too long"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("too many input tokens"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("too many tokens"), ngx_string("max") },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("input tokens exceed"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("input token count"), ngx_string("exceeds the maximum") },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("exceeds the maximum number of tokens"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("`max_new_tokens` must be"), ngx_null_string },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("`inputs` must have less than"), ngx_string("tokens") },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("current length is"), ngx_string("while limit is") },
    { NGX_LLM_FAIL_CONTEXT,
      ngx_string("context window"), ngx_string("exceed") },

    { NGX_LLM_FAIL_CONTENT,
      ngx_string("content_policy_violation"), ngx_null_string },
    { NGX_LLM_FAIL_CONTENT,
      ngx_string("content_filter"), ngx_null_string },
    { NGX_LLM_FAIL_CONTENT,
      ngx_string("responsibleaipolicyviolation"), ngx_null_string },
    { NGX_LLM_FAIL_CONTENT,
      ngx_string("content management policy"), ngx_null_string },
    { NGX_LLM_FAIL_CONTENT,
      ngx_string("content filtering policy"), ngx_null_string },
    { NGX_LLM_FAIL_CONTENT,
      ngx_string("violating our usage policy"), ngx_null_string },
    { NGX_LLM_FAIL_CONTENT,
      ngx_string("our safety system"), ngx_null_string },
    { NGX_LLM_FAIL_CONTENT,
      ngx_string("the response was blocked"), ngx_null_string },
    { NGX_LLM_FAIL_CONTENT,
      ngx_string("flagged as sensitive"), ngx_null_string },

    { 0, ngx_null_string, ngx_null_string }
};


void
ngx_llm_error_status(ngx_llm_error_t *err, ngx_uint_t status)
{
    ngx_llm_error_row_t  *row;

    for (row = ngx_llm_error_rows; row->status; row++) {

        if (status == row->status
            || (row->status == 499 && status >= 400 && status < 499)
            || (row->status == 599 && status >= 500 && status < 600))
        {
            break;
        }
    }

    err->status = row->answer;
    err->fail = row->fail;
    err->type = row->type;
    err->code = row->code;
}


void
ngx_llm_error_text(ngx_llm_error_t *err, ngx_str_t *message)
{
    ngx_llm_error_pattern_t  *pattern;

    for (pattern = ngx_llm_error_patterns; pattern->fail; pattern++) {
        if (ngx_llm_error_match(pattern, message)) {
            break;
        }
    }

    if (pattern->fail == 0) {
        return;
    }

    if (err->fail & (NGX_LLM_FAIL_AUTH|NGX_LLM_FAIL_RATE_LIMIT
                     |NGX_LLM_FAIL_OVERLOADED))
    {
        /* such a status says more than words like "too many tokens" */

        return;
    }

    err->status = 400;
    err->fail = pattern->fail;
    ngx_str_set(&err->type, "invalid_request_error");

    if (pattern->fail == NGX_LLM_FAIL_CONTEXT) {
        ngx_str_set(&err->code, "context_length_exceeded");

    } else {
        ngx_str_set(&err->code, "content_filter");
    }
}


static ngx_uint_t
ngx_llm_error_match(ngx_llm_error_pattern_t *pattern, ngx_str_t *message)
{
    u_char  *p, *last;

    last = message->data + ngx_min(message->len, NGX_LLM_MAX_ERROR_TEXT);

    p = ngx_llm_error_search(message->data, last, &pattern->text);

    if (p == NULL || pattern->also.len == 0) {
        return (p != NULL);
    }

    return (ngx_llm_error_search(p, last, &pattern->also) != NULL);
}


static u_char *
ngx_llm_error_search(u_char *p, u_char *last, ngx_str_t *what)
{
    size_t  i;

    for ( /* void */ ; (size_t) (last - p) >= what->len; p++) {

        for (i = 0; i < what->len; i++) {
            if (ngx_tolower(p[i]) != what->data[i]) {
                break;
            }
        }

        if (i == what->len) {
            return p + i;
        }
    }

    return NULL;
}


ngx_str_t
ngx_llm_error_body(ngx_pool_t *pool, ngx_uint_t status, ngx_str_t *text)
{
    u_char         *p, *last;
    ngx_str_t       plain, message;
    ngx_uint_t      blank;
    ngx_llm_out_t   out;
    u_char          buf[NGX_LLM_ERROR_QUOTE + sizeof("...") - 1];

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_LLM_MAX_ERROR_TEXT);

    ngx_llm_out_lit(&out, "provider answered with status ");
    ngx_llm_out_int(&out, status);

    /* runs of blanks and control characters become one blank */

    plain.data = buf;
    plain.len = 0;

    blank = 0;
    p = text->data;
    last = p + text->len;

    if (ngx_llm_error_html(text)) {

        /* a page for people, of a proxy in between */

        last = p;
    }

    for ( /* void */ ; p < last; p++) {

        if (*p <= 0x20 || *p == 0x7f) {
            blank = (plain.len != 0);
            continue;
        }

        if (plain.len + blank >= NGX_LLM_ERROR_QUOTE) {
            break;
        }

        if (blank) {
            buf[plain.len++] = ' ';
            blank = 0;
        }

        buf[plain.len++] = *p;
    }

    if (p < last) {
        plain.len = ngx_llm_error_whole(&plain);
        ngx_memcpy(buf + plain.len, "...", sizeof("...") - 1);
        plain.len += sizeof("...") - 1;
    }

    if (plain.len) {
        ngx_llm_out_lit(&out, ": ");
        ngx_llm_out_escape(&out, &plain);
    }

    if (out.failed) {
        ngx_str_set(&message, "provider answered with an error");
        return message;
    }

    message.data = out.start;
    message.len = ngx_llm_out_len(&out);

    return message;
}


static ngx_uint_t
ngx_llm_error_html(ngx_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] > ' ') {
            return (text->data[i] == '<');
        }
    }

    return 0;
}


/* without a character at the end that is cut */

static size_t
ngx_llm_error_whole(ngx_str_t *plain)
{
    size_t   n;
    u_char  *last;

    last = plain->data + plain->len;

    for (n = 1; n <= 3 && n <= plain->len; n++) {

        if (*(last - n) < 0x80) {
            break;
        }

        if (*(last - n) >= 0xc0) {
            return ngx_llm_utf8_char(last - n, last) ? plain->len
                                                     : plain->len - n;
        }
    }

    return plain->len;
}
