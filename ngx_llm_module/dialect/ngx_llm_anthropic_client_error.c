
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Errors as Anthropic's clients read them.
 */


#include "ngx_llm_anthropic.h"


typedef struct {
    ngx_uint_t                 status;
    char                      *type;
} ngx_llm_anthropic_status_t;


static void ngx_llm_anthropic_error_body(ngx_llm_error_t *err,
    ngx_llm_out_t *out);
static char *ngx_llm_anthropic_error_type(ngx_llm_error_t *err);
static ngx_uint_t ngx_llm_anthropic_too_long(ngx_llm_error_t *err);


static ngx_llm_anthropic_status_t  ngx_llm_anthropic_statuses[] = {
    { 401, "authentication_error" },
    { 402, "billing_error" },
    { 403, "permission_error" },
    { 404, "not_found_error" },
    { 413, "request_too_large" },
    { 429, "rate_limit_error" },
    { 503, "overloaded_error" },
    { 504, "timeout_error" },
    { 529, "overloaded_error" },
    { 0, NULL }
};


void
ngx_llm_anthropic_write_error(ngx_llm_error_t *err, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "{\"type\":\"error\",\"error\":");
    ngx_llm_anthropic_error_body(err, out);
    ngx_llm_out_lit(out, ",\"request_id\":");

    if (err->request_id.len) {
        ngx_llm_out_json_string(out, &err->request_id);

    } else {
        ngx_llm_out_lit(out, "null");
    }

    ngx_llm_out_char(out, '}');
}


void
ngx_llm_anthropic_write_stream_error(ngx_llm_error_t *err, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "event: error\n"
                         "data: {\"type\":\"error\",\"error\":");
    ngx_llm_anthropic_error_body(err, out);

    if (err->request_id.len) {
        ngx_llm_out_lit(out, ",\"request_id\":");
        ngx_llm_out_json_string(out, &err->request_id);
    }

    ngx_llm_out_lit(out, "}\n\n");
}


static void
ngx_llm_anthropic_error_body(ngx_llm_error_t *err, ngx_llm_out_t *out)
{
    ngx_str_t  type;

    type.data = (u_char *) ngx_llm_anthropic_error_type(err);
    type.len = ngx_strlen(type.data);

    ngx_llm_out_lit(out, "{\"type\":");
    ngx_llm_out_quoted(out, &type);
    ngx_llm_out_lit(out, ",\"message\":\"");
    ngx_llm_out_str(out, &err->message);

    if (ngx_llm_anthropic_too_long(err)) {

        /* coding agents shorten the conversation when they read this */

        ngx_llm_out_lit(out, " (capability_rejected: prompt_too_long)");
    }

    ngx_llm_out_char(out, '"');

    if (err->code.len && err->param.len
        && ngx_llm_json_is(&err->code, "unsupported_parameter")
        && ngx_llm_json_is(&err->param, "thread"))
    {
        /* clients then send the whole conversation */

        ngx_llm_out_lit(out, ",\"details\":{\"error_code\":"
                             "\"thread_unsupported_request\"}");
    }

    ngx_llm_out_char(out, '}');
}


static char *
ngx_llm_anthropic_error_type(ngx_llm_error_t *err)
{
    ngx_llm_anthropic_status_t  *status;

    /* no words of the client: plain is as good as escaped here */

    if ((err->type.len && ngx_llm_json_is(&err->type, "insufficient_quota"))
        || (err->code.len
            && ngx_llm_json_is(&err->code, "insufficient_quota")))
    {
        return "billing_error";
    }

    for (status = ngx_llm_anthropic_statuses; status->status; status++) {
        if (status->status == err->status) {
            return status->type;
        }
    }

    if (err->status >= 500) {
        return "api_error";
    }

    if (err->status >= 400) {
        return "invalid_request_error";
    }

    /* an error within a stream has no status of its own */

    if (err->fail & NGX_LLM_FAIL_RATE_LIMIT) {
        return "rate_limit_error";
    }

    if (err->fail & NGX_LLM_FAIL_OVERLOADED) {
        return "overloaded_error";
    }

    if (err->fail & NGX_LLM_FAIL_TIMEOUT) {
        return "timeout_error";
    }

    if (err->fail & (NGX_LLM_FAIL_CONTEXT|NGX_LLM_FAIL_CONTENT
                     |NGX_LLM_FAIL_REQUEST))
    {
        return "invalid_request_error";
    }

    return "api_error";
}


static ngx_uint_t
ngx_llm_anthropic_too_long(ngx_llm_error_t *err)
{
    u_char  *p, *last;

    if (err->code.len == 0
        || !ngx_llm_json_is(&err->code, "context_length_exceeded"))
    {
        return 0;
    }

    if (err->message.len == 0) {
        return 1;
    }

    p = err->message.data;
    last = p + err->message.len;

    return ngx_strlcasestrn(p, last, (u_char *) "prompt is too long",
                            sizeof("prompt is too long") - 2)
           == NULL;
}
