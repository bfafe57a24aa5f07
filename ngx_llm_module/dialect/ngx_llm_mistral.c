
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_mistral.h"
#include "ngx_llm_calls.h"


static void ngx_llm_mistral_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_mistral_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);


const ngx_llm_dialect_t  ngx_llm_mistral = {
    ngx_string("mistral"),
    NGX_LLM_DIALECT_SSE,
    sizeof(ngx_llm_mistral_reader_t),
    0,
    ngx_string("/v1"),

    NULL,
    NULL,
    NULL,
    NULL,
    NULL,

    ngx_llm_mistral_write_request,
    NULL,
    ngx_llm_mistral_write_path,
    ngx_llm_mistral_write_headers,
    ngx_llm_mistral_read_response,
    ngx_llm_mistral_read_frame,
    ngx_llm_mistral_read_end,
    ngx_llm_mistral_read_error,

    NULL,
    ngx_null_string,
    NULL,

    &ngx_llm_mistral_embed,
    &ngx_llm_mistral_relay,
    NULL
};


static void
ngx_llm_mistral_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_out_str(out, &target->base);
    ngx_llm_out_lit(out, "/chat/completions");
}


static void
ngx_llm_mistral_write_headers(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_compose_headers(chat, target, "text/event-stream", out);
}
