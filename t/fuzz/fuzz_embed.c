
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings: what a client asks for, and what a provider answers.  The first
 * byte picks the reader; an answer that is read can be written both ways, and
 * what is written then reads as the same numbers.
 */


#include "fuzz_provider.h"
#include "ngx_llm_calls.h"


#define FUZZ_INPUTS  3


static ngx_pool_t  *fuzz_pool;


static const ngx_llm_dialect_t  *fuzz_dialects[] = {
    &ngx_llm_openai,
    &ngx_llm_gemini,
    &ngx_llm_bedrock,
    &ngx_llm_cohere,
    &ngx_llm_mistral,
    &ngx_llm_ollama,
    &ngx_llm_watsonx,
    &ngx_llm_vertex,
};

#define FUZZ_DIALECTS                                                        \
    (sizeof(fuzz_dialects) / sizeof(fuzz_dialects[0]))


static void fuzz_embed_request(ngx_str_t *text);
static void fuzz_embed_answer(const ngx_llm_dialect_t *dialect,
    ngx_str_t *text);
static ngx_uint_t fuzz_embed_turn(ngx_llm_embed_answer_t *answer,
    ngx_llm_embed_t *embed, ngx_uint_t base64, ngx_str_t *text);
static ngx_int_t fuzz_embed_write(ngx_llm_embed_answer_t *answer,
    ngx_uint_t base64, ngx_str_t *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t   text;
    ngx_uint_t  kind;

    if (size == 0) {
        return 0;
    }

    fuzz_pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(fuzz_pool != NULL);

    kind = data[0] % (FUZZ_DIALECTS + 1);

    /* a copy of its own: reading behind it is seen */

    text.len = size - 1;
    text.data = malloc(text.len + 1);
    fuzz_assert(text.data != NULL);
    memcpy(text.data, data + 1, text.len);
    text.data[text.len] = ']';

    if (kind == FUZZ_DIALECTS) {
        fuzz_embed_request(&text);

    } else {
        fuzz_embed_answer(fuzz_dialects[kind], &text);
    }

    free(text.data);
    ngx_destroy_pool(fuzz_pool);

    return 0;
}


static void
fuzz_embed_request(ngx_str_t *text)
{
    ngx_uint_t                      i, n, max;
    ngx_llm_out_t                   out;
    ngx_llm_chat_t                  chat;
    ngx_llm_embed_t                 embed;
    ngx_llm_error_t                 err;
    ngx_llm_target_t                target;
    const ngx_llm_embed_dialect_t  *dialect;

    ngx_memzero(&embed, sizeof(ngx_llm_embed_t));
    ngx_llm_chat_init(&chat, fuzz_pool, text);

    embed.chat = &chat;

    if (ngx_llm_openai_read_embed(&embed, &err) != NGX_OK) {
        return;
    }

    fuzz_assert(embed.n && embed.n <= NGX_LLM_EMBED_MAX);

    n = embed.n;

    for (i = 0; i < 2 * FUZZ_DIALECTS; i++) {
        dialect = fuzz_dialects[i / 2]->embed;

        ngx_memzero(&target, sizeof(ngx_llm_target_t));
        ngx_str_set(&target.model, "up");
        ngx_str_set(&target.provider, "p");

        /* of some the model decides */

        if (i % 2) {
            ngx_str_set(&target.model, "cohere.gemini-embedding-2");
        }

        /* the first part, where the provider takes no more at once */

        max = dialect->max ? dialect->max(&target) : dialect->max_inputs;
        embed.n = ngx_min(n, max);

        ngx_llm_out_init(&out, fuzz_pool, NULL, 0, 64 * 1024 * 1024);

        if (dialect->write_request(&embed, &target, &out, &err) == NGX_OK) {
            ngx_str_t  body;

            body.data = out.start;
            body.len = ngx_llm_out_len(&out);

            (void) fuzz_parse(fuzz_pool, &body);
        }
    }
}


static void
fuzz_embed_answer(const ngx_llm_dialect_t *dialect, ngx_str_t *text)
{
    ngx_str_t                first, packed, again;
    ngx_llm_chat_t           chat;
    ngx_llm_json_t          *root;
    ngx_llm_embed_t          embed;
    ngx_llm_error_t          err;
    ngx_llm_embed_answer_t   answer;

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    ngx_memzero(&embed, sizeof(ngx_llm_embed_t));
    ngx_llm_chat_init(&chat, fuzz_pool, text);

    embed.chat = &chat;
    embed.n = FUZZ_INPUTS;

    if (ngx_llm_embed_answer_init(&answer, fuzz_pool, FUZZ_INPUTS) != NGX_OK) {
        return;
    }

    root = ngx_llm_embed_parse(&answer, text);

    if (root == NULL
        || dialect->embed->read_response(root, &embed, &answer, &err)
           != NGX_OK
        || !ngx_llm_embed_whole(&answer, FUZZ_INPUTS))
    {
        return;
    }

    /* numbers, packed, numbers, packed: the same bits */

    if (!fuzz_embed_turn(&answer, &embed, 0, &first)
        || !fuzz_embed_turn(&answer, &embed, 1, &packed))
    {
        return;
    }

    fuzz_assert(fuzz_embed_turn(&answer, &embed, 0, &first));
    fuzz_assert(fuzz_embed_turn(&answer, &embed, 1, &again));

    fuzz_assert(again.len == packed.len);
    fuzz_assert(ngx_memcmp(again.data, packed.data, again.len) == 0);
}


/* written so, and read again */

static ngx_uint_t
fuzz_embed_turn(ngx_llm_embed_answer_t *answer, ngx_llm_embed_t *embed,
    ngx_uint_t base64, ngx_str_t *text)
{
    ngx_llm_json_t   *root;
    ngx_llm_error_t   err;

    if (fuzz_embed_write(answer, base64, text) != NGX_OK) {
        return 0;
    }

    root = ngx_llm_embed_parse(answer, text);
    fuzz_assert(root != NULL);

    ngx_memzero(answer->vectors, sizeof(ngx_llm_vector_t) * FUZZ_INPUTS);

    return ngx_llm_openai.embed->read_response(root, embed, answer, &err)
           == NGX_OK
           && ngx_llm_embed_whole(answer, FUZZ_INPUTS);
}


static ngx_int_t
fuzz_embed_write(ngx_llm_embed_answer_t *answer, ngx_uint_t base64,
    ngx_str_t *text)
{
    ngx_int_t        rc;
    ngx_llm_out_t    out;
    ngx_llm_chat_t   chat;
    ngx_llm_embed_t  embed;
    ngx_llm_usage_t  usage;

    ngx_memzero(&embed, sizeof(ngx_llm_embed_t));
    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_llm_usage_init(&usage);

    ngx_str_set(&chat.model, "m");

    embed.chat = &chat;
    embed.base64 = base64;

    ngx_llm_out_init(&out, fuzz_pool, NULL, 0, 64 * 1024 * 1024);

    rc = ngx_llm_openai_write_embed(&embed, answer, &usage, &out);

    text->data = out.start;
    text->len = ngx_llm_out_len(&out);

    return rc;
}
