
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How many tokens a prompt has: CountTokens.  It takes what Converse takes, or
 * the body of InvokeModel in base64.
 */


#include "ngx_llm_bedrock.h"


/* what the name of an inference profile has in front of a model's */

static ngx_str_t  ngx_llm_bedrock_areas[] = {
    ngx_string("us."),
    ngx_string("us-gov."),
    ngx_string("eu."),
    ngx_string("apac."),
    ngx_string("jp."),
    ngx_string("au."),
    ngx_string("ca."),
    ngx_string("global."),
    ngx_null_string
};


/* of profiles that a user made only the service knows the model */

void
ngx_llm_bedrock_model_id(ngx_str_t *id)
{
    u_char      *p, *last;
    ngx_str_t   *area, profile;

    ngx_str_set(&profile, ":inference-profile/");

    last = id->data + id->len;
    p = NULL;

    if (id->len > profile.len) {
        p = ngx_strlcasestrn(id->data, last, profile.data, profile.len - 1);
    }

    if (p != NULL) {
        id->data = p + profile.len;
        id->len = last - id->data;
    }

    for (area = ngx_llm_bedrock_areas; area->len; area++) {

        if (id->len > area->len
            && ngx_memcmp(id->data, area->data, area->len) == 0)
        {
            id->data += area->len;
            id->len -= area->len;
            return;
        }
    }
}


ngx_int_t
ngx_llm_bedrock_count_invoke(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_bedrock_name_t *name, ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t      rc;
    ngx_str_t      plain, packed;
    ngx_llm_out_t  body;

    ngx_llm_out_init(&body, chat->pool, NULL, 0, out->max);

    if (ngx_llm_out_reserve(&body, chat->text.len + 512) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_llm_bedrock_write_invoke(chat, target, name, &body, err);
    if (rc != NGX_OK) {
        return rc;
    }

    plain.data = body.start;
    plain.len = ngx_llm_out_len(&body);

    ngx_llm_out_lit(out, "{\"input\":{\"invokeModel\":{\"body\":\"");

    if (out->failed
        || ngx_llm_out_reserve(out, ngx_llm_out_len(out)
                                    + ngx_base64_encoded_length(plain.len)
                                    + sizeof("\"}}}"))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    packed.data = out->last;
    ngx_encode_base64(&packed, &plain);
    out->last += packed.len;

    ngx_llm_out_lit(out, "\"}}}");

    return out->failed ? NGX_ERROR : NGX_OK;
}
