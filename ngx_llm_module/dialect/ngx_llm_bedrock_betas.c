
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What a client of Anthropic's names in the header anthropic-beta goes to
 * Claude in the body.
 */


#include "ngx_llm_bedrock.h"


#define NGX_LLM_BEDROCK_EFFORT_BETA  "effort-2025-11-24"


static ngx_int_t ngx_llm_bedrock_beta(ngx_llm_bedrock_betas_t *betas,
    ngx_str_t *beta);
static ngx_uint_t ngx_llm_bedrock_lacks_beta(ngx_str_t *beta);
static ngx_int_t ngx_llm_bedrock_add_beta(ngx_llm_bedrock_betas_t *betas,
    ngx_str_t *beta);


/* of what runs at Anthropic's alone, whatever the date */

static ngx_str_t  ngx_llm_bedrock_lacked[] = {
    ngx_string("oauth-"),
    ngx_string("prompt-caching-scope-"),
    ngx_string("fast-mode-"),
    ngx_string("mcp-servers-"),
    ngx_string("mcp-client-"),
    ngx_string("code-execution-"),
    ngx_string("skills-"),
    ngx_string("files-api-"),
    ngx_string("web-fetch-"),
    ngx_string("token-counting-"),
    ngx_null_string
};


ngx_int_t
ngx_llm_bedrock_betas(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_bedrock_name_t *name, ngx_llm_bedrock_betas_t *betas)
{
    u_char          *p, *last;
    ngx_str_t        beta, rest;
    ngx_llm_json_t  *config;

    betas->dropped = 0;

    if (ngx_array_init(&betas->list, chat->pool, 4, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rest = target->beta;

    while (rest.len) {

        last = rest.data + rest.len;
        p = ngx_strlchr(rest.data, last, ',');

        beta.data = rest.data;
        beta.len = (p ? p : last) - rest.data;

        rest.data = p ? p + 1 : last;
        rest.len = last - rest.data;

        if (ngx_llm_bedrock_beta(betas, &beta) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* of the models that take an effort only the first wants it named */

    config = ngx_llm_bedrock_extension(chat, "output_config");

    if (ngx_llm_bedrock_has(&name->family, "opus-4-5")
        && (chat->param[NGX_LLM_PARAM_REASONING_EFFORT] != NULL
            || ngx_llm_json_get(config, "effort") != NULL))
    {
        ngx_str_set(&beta, NGX_LLM_BEDROCK_EFFORT_BETA);
        return ngx_llm_bedrock_add_beta(betas, &beta);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_beta(ngx_llm_bedrock_betas_t *betas, ngx_str_t *text)
{
    size_t     i;
    ngx_str_t  beta;

    beta = *text;

    while (beta.len && (beta.data[0] == ' ' || beta.data[0] == '\t')) {
        beta.data++;
        beta.len--;
    }

    while (beta.len && (beta.data[beta.len - 1] == ' '
                        || beta.data[beta.len - 1] == '\t'))
    {
        beta.len--;
    }

    if (beta.len == 0) {
        return NGX_OK;
    }

    for (i = 0; i < beta.len; i++) {
        if (beta.data[i] < ' ' || beta.data[i] >= 0x7f) {
            break;
        }
    }

    if (i < beta.len || ngx_llm_bedrock_lacks_beta(&beta)) {
        betas->dropped = 1;
        return NGX_OK;
    }

    return ngx_llm_bedrock_add_beta(betas, &beta);
}


static ngx_uint_t
ngx_llm_bedrock_lacks_beta(ngx_str_t *beta)
{
    ngx_str_t  *lacked;

    for (lacked = ngx_llm_bedrock_lacked; lacked->len; lacked++) {

        if (beta->len >= lacked->len
            && ngx_memcmp(beta->data, lacked->data, lacked->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* once each; what is more than a client needs is left out */

static ngx_int_t
ngx_llm_bedrock_add_beta(ngx_llm_bedrock_betas_t *betas, ngx_str_t *beta)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    known = betas->list.elts;

    for (i = 0; i < betas->list.nelts; i++) {

        if (known[i].len == beta->len
            && ngx_memcmp(known[i].data, beta->data, beta->len) == 0)
        {
            return NGX_OK;
        }
    }

    if (betas->list.nelts == NGX_LLM_BEDROCK_MAX_BETAS) {
        betas->dropped = 1;
        return NGX_OK;
    }

    known = ngx_array_push(&betas->list);
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = *beta;

    return NGX_OK;
}


void
ngx_llm_bedrock_write_betas(ngx_llm_bedrock_betas_t *betas, ngx_llm_out_t *out)
{
    ngx_str_t   *beta;
    ngx_uint_t   i;

    ngx_llm_out_char(out, '[');

    beta = betas->list.elts;

    for (i = 0; i < betas->list.nelts; i++) {

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_json_string(out, &beta[i]);
    }

    ngx_llm_out_char(out, ']');
}
