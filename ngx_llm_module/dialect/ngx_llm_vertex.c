
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Gemini on Vertex AI.  The target's base ends with the project and its
 * location, or with the API's version where a key stands for the project.
 */


#include "ngx_llm_vertex.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_gemini.h"


static ngx_int_t ngx_llm_vertex_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static void ngx_llm_vertex_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);


const ngx_llm_dialect_t  ngx_llm_vertex = {
    ngx_string("vertex"),
    NGX_LLM_DIALECT_SSE|NGX_LLM_DIALECT_PROJECT|NGX_LLM_DIALECT_COUNTS,
    sizeof(ngx_llm_gemini_reader_t),
    0,
    ngx_string("/v1"),

    NULL,
    NULL,
    NULL,
    NULL,
    NULL,

    ngx_llm_vertex_write_request,
    NULL,
    ngx_llm_vertex_write_path,
    ngx_llm_gemini_write_headers,
    ngx_llm_gemini_read_response,
    ngx_llm_gemini_read_frame,
    ngx_llm_gemini_read_end,
    ngx_llm_gemini_read_error,

    NULL,
    ngx_null_string,
    NULL,

    &ngx_llm_vertex_embed,
    &ngx_llm_vertex_relay,
    NULL
};


static ngx_int_t
ngx_llm_vertex_write_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    return ngx_llm_gemini_write_body(chat, target,
                                     NGX_LLM_GEMINI_BUCKETS
                                     |NGX_LLM_GEMINI_LABELS
                                     |NGX_LLM_GEMINI_COUNTED, out, err);
}


static void
ngx_llm_vertex_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_vertex_write_name(target, out);
    ngx_llm_gemini_write_method(chat, out);
}


void
ngx_llm_vertex_write_name(ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    ngx_str_t  name, kind;

    ngx_str_set(&kind, "endpoints/");

    name = target->model;

    if (name.len > kind.len
        && ngx_memcmp(name.data, kind.data, kind.len) == 0)
    {
        name.data += kind.len;
        name.len -= kind.len;

        ngx_llm_out_str(out, &target->base);
        ngx_llm_out_lit(out, "/endpoints/");
        ngx_llm_out_path(out, &name);

    } else {
        ngx_llm_vertex_write_model(target, "google", out);
    }
}


void
ngx_llm_vertex_write_model(ngx_llm_target_t *target, char *publisher,
    ngx_llm_out_t *out)
{
    u_char     *at, *last;
    ngx_str_t   part;

    ngx_llm_out_str(out, &target->base);
    ngx_llm_out_lit(out, "/publishers/");
    ngx_llm_out_data(out, (u_char *) publisher, ngx_strlen(publisher));
    ngx_llm_out_lit(out, "/models/");

    part = target->model;
    last = part.data + part.len;

    at = ngx_strlchr(part.data, last, '@');

    if (at != NULL && at != part.data && at + 1 != last) {
        part.len = at - part.data;
        ngx_llm_out_path(out, &part);
        ngx_llm_out_char(out, '@');

        part.data = at + 1;
        part.len = last - part.data;
    }

    ngx_llm_out_path(out, &part);
}
