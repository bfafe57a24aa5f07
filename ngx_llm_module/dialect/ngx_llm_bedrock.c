
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The table; paths, headers, signatures.
 */


#include "ngx_llm_bedrock.h"
#include "ngx_llm_aws.h"
#include "ngx_llm_calls.h"


static void ngx_llm_bedrock_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_bedrock_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_bedrock_sign(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_signed_t *s, ngx_llm_out_t *out);


static ngx_str_t  ngx_llm_bedrock_hosts[] = {
    ngx_string("bedrock-runtime."),
    ngx_string("bedrock-runtime-fips."),
    ngx_null_string
};


static const ngx_llm_aws_service_t  ngx_llm_bedrock_service = {
    ngx_string("bedrock"),
    ngx_llm_bedrock_hosts,
    1
};


const ngx_llm_dialect_t  ngx_llm_bedrock = {
    ngx_string("bedrock"),
    NGX_LLM_DIALECT_EVENTSTREAM|NGX_LLM_DIALECT_BETAS|NGX_LLM_DIALECT_COUNTS,
    sizeof(ngx_llm_bedrock_reader_t),
    0,
    ngx_null_string,

    NULL,
    NULL,
    NULL,
    NULL,
    NULL,

    ngx_llm_bedrock_write_request,
    NULL,
    ngx_llm_bedrock_write_path,
    ngx_llm_bedrock_write_headers,
    ngx_llm_bedrock_read_response,
    ngx_llm_bedrock_read_frame,
    ngx_llm_bedrock_read_end,
    ngx_llm_bedrock_read_error,

    ngx_llm_bedrock_sign,
    ngx_string("x-amzn-errortype"),
    ngx_llm_bedrock_read_error_header,

    &ngx_llm_bedrock_embed,
    &ngx_llm_bedrock_relay,
    NULL
};


void
ngx_llm_bedrock_name(ngx_str_t *model, ngx_llm_bedrock_name_t *name)
{
    u_char      *p, *last;
    ngx_str_t    text;
    ngx_uint_t   converse;

    text = *model;

    converse = (text.len > sizeof("converse/") - 1
                && ngx_memcmp(text.data, "converse/",
                              sizeof("converse/") - 1)
                   == 0);

    if (converse) {
        text.data += sizeof("converse/") - 1;
        text.len -= sizeof("converse/") - 1;
    }

    name->family = text;
    name->id = text;

    last = text.data + text.len;
    p = ngx_strlcasestrn(text.data, last, (u_char *) "/arn:",
                         sizeof("/arn:") - 2);

    if (p != NULL && p != text.data) {
        name->family.len = p - text.data;
        name->id.data = p + 1;
        name->id.len = last - name->id.data;
    }

    /* what routes a prompt or is one speaks Converse alone */

    name->invoke = !converse
                   && ngx_llm_bedrock_has(&name->family, "claude")
                   && !ngx_llm_bedrock_has(&name->id, "prompt-router/")
                   && !ngx_llm_bedrock_has(&name->id, ":prompt/");
}


ngx_uint_t
ngx_llm_bedrock_has(ngx_str_t *text, char *word)
{
    size_t  len;

    len = ngx_strlen(word);

    return text->len >= len
           && ngx_strlcasestrn(text->data, text->data + text->len,
                               (u_char *) word, len - 1)
              != NULL;
}


static void
ngx_llm_bedrock_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_bedrock_name_t  name;

    ngx_llm_bedrock_name(&target->model, &name);

    ngx_llm_out_str(out, &target->base);
    ngx_llm_out_lit(out, "/model/");

    if (chat->count) {
        ngx_llm_bedrock_model_id(&name.id);
        ngx_llm_out_path(out, &name.id);
        ngx_llm_out_lit(out, "/count-tokens");

        return;
    }

    ngx_llm_out_path(out, &name.id);

    if (name.invoke) {
        ngx_llm_out_lit(out, "/invoke");

        if (chat->stream) {
            ngx_llm_out_lit(out, "-with-response-stream");
        }

        return;
    }

    ngx_llm_out_lit(out, "/converse");

    if (chat->stream) {
        ngx_llm_out_lit(out, "-stream");
    }
}


static void
ngx_llm_bedrock_write_headers(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_bedrock_name_t  name;

    ngx_llm_bedrock_name(&target->model, &name);

    ngx_llm_out_lit(out, "Content-Type: application/json" CRLF);

    if (chat->stream) {
        ngx_llm_out_lit(out, "Accept: application/vnd.amazon.eventstream"
                             CRLF);

    } else {
        ngx_llm_out_lit(out, "Accept: application/json" CRLF);
    }

    if (name.invoke && !chat->count) {
        ngx_llm_bedrock_write_invoke_headers(chat, out);
    }
}


/* the base and the model are escaped: what is signed is what is sent */

static ngx_int_t
ngx_llm_bedrock_sign(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_signed_t *s, ngx_llm_out_t *out)
{
    return ngx_llm_aws_sign(chat, target, s, &ngx_llm_bedrock_service, NULL,
                            out);
}
