
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings of the stand-in: the same text has the same vector, and others
 * have others.
 */


#include "ngx_http_llm_mock.h"
#include "ngx_llm_calls.h"


#define NGX_HTTP_LLM_MOCK_DIMENSIONS      8
#define NGX_HTTP_LLM_MOCK_DIMENSIONS_MAX  4096


static void ngx_http_llm_mock_vector(ngx_str_t *text, ngx_uint_t dimensions,
    ngx_llm_out_t *out);


ngx_int_t
ngx_http_llm_mock_embed(ngx_pool_t *pool, ngx_http_llm_mock_t *mock,
    ngx_llm_chat_t *chat, ngx_http_llm_mock_answer_t *answer,
    ngx_llm_error_t *err)
{
    ngx_int_t                rc;
    ngx_uint_t               i, dimensions;
    ngx_llm_out_t            out;
    ngx_llm_part_t          *part;
    ngx_llm_embed_t          embed;
    ngx_llm_usage_t          usage;
    ngx_llm_embed_answer_t   vectors;

    ngx_memzero(&embed, sizeof(ngx_llm_embed_t));

    embed.chat = chat;

    rc = ngx_llm_openai_read_embed(&embed, err);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_llm_embed_answer_init(&vectors, pool, embed.n) != NGX_OK) {
        return NGX_ERROR;
    }

    dimensions = embed.dimensions ? (ngx_uint_t) embed.dimensions
                                  : NGX_HTTP_LLM_MOCK_DIMENSIONS;
    dimensions = ngx_min(dimensions, NGX_HTTP_LLM_MOCK_DIMENSIONS_MAX);

    part = chat->messages->parts;

    for (i = 0; i < embed.n; i++) {

        ngx_llm_out_init(&out, pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);
        ngx_http_llm_mock_vector(&part->text, dimensions, &out);

        if (out.failed) {
            return NGX_ERROR;
        }

        vectors.vectors[i].text.data = out.start;
        vectors.vectors[i].text.len = ngx_llm_out_len(&out);

        part = part->next;
    }

    ngx_llm_usage_init(&usage);

    usage.prompt = (mock->prompt_tokens != NGX_CONF_UNSET)
                   ? mock->prompt_tokens : ngx_llm_chat_estimate(chat);

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);

    rc = ngx_llm_openai_write_embed(&embed, &vectors, &usage, &out);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    answer->text.data = out.start;
    answer->text.len = ngx_llm_out_len(&out);
    answer->status = NGX_HTTP_OK;

    return ngx_array_init(&answer->ends, pool, 1, sizeof(size_t));
}


/* numbers from the text's hash, four digits each */

static void
ngx_http_llm_mock_vector(ngx_str_t *text, ngx_uint_t dimensions,
    ngx_llm_out_t *out)
{
    u_char      buf[sizeof("-0.0000") - 1];
    uint64_t    hash;
    ngx_uint_t  i;

    hash = ngx_crc32_long(text->data, text->len);

    ngx_llm_out_char(out, '[');

    for (i = 0; i < dimensions; i++) {

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        hash = hash * 6364136223846793005ULL + 1442695040888963407ULL;

        ngx_llm_out_data(out, buf,
                         ngx_sprintf(buf, "%s0.%04uL",
                                     (hash >> 63) ? "-" : "",
                                     (hash >> 40) % 10000)
                         - buf);
    }

    ngx_llm_out_char(out, ']');
}
