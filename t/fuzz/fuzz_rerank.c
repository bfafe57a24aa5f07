
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Rerank.  The first byte says what the text is: a client's request, which is
 * written in every form, or an answer, which is written for the client and
 * reads as the same then.
 */


#include "fuzz_provider.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_rerank.h"


static void fuzz_rerank_request(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_rerank_answer(ngx_pool_t *pool, ngx_str_t *text);


static char  *fuzz_forms[] = {
    "cohere", "jina", "voyage", "nvidia", "tei", NULL
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t    text;
    ngx_pool_t  *pool;

    if (size == 0) {
        return 0;
    }

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    /* a copy of its own: reading behind it is seen */

    text.len = size - 1;
    text.data = malloc(text.len + 1);
    fuzz_assert(text.data != NULL);
    memcpy(text.data, data + 1, text.len);

    if (data[0] & 1) {
        fuzz_rerank_request(pool, &text);

    } else {
        fuzz_rerank_answer(pool, &text);
    }

    free(text.data);
    ngx_destroy_pool(pool);

    return 0;
}


static void
fuzz_rerank_request(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_str_t          name, body;
    ngx_uint_t         i;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_error_t    err;
    ngx_llm_rerank_t   rerank;
    ngx_llm_target_t   target;

    ngx_memzero(&rerank, sizeof(ngx_llm_rerank_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));
    ngx_llm_chat_init(&chat, pool, text);

    rerank.chat = &chat;

    if (ngx_llm_rerank_read(&rerank, &err) != NGX_OK) {
        return;
    }

    fuzz_assert(rerank.n && rerank.n <= NGX_LLM_RERANK_MAX);

    ngx_str_set(&target.model, "up");
    ngx_str_set(&target.provider, "p");

    for (i = 0; fuzz_forms[i]; i++) {
        name.data = (u_char *) fuzz_forms[i];
        name.len = ngx_strlen(fuzz_forms[i]);

        chat.dropped = NULL;
        ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);

        if (ngx_llm_rerank_write(&rerank, ngx_llm_rerank_find(&name), &target,
                                 &out, &err)
            != NGX_OK)
        {
            continue;
        }

        body.data = out.start;
        body.len = ngx_llm_out_len(&out);

        fuzz_assert(ngx_llm_json_parse(pool, &body, NULL) != NULL);
    }
}


static void
fuzz_rerank_answer(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_str_t                 request, id, body;
    ngx_uint_t                i;
    ngx_llm_out_t             out;
    ngx_llm_chat_t            chat;
    ngx_llm_rank_t           *one, *two;
    ngx_llm_error_t           err;
    ngx_llm_rerank_t          rerank;
    ngx_llm_rerank_answer_t   answer, again;

    ngx_str_set(&request, "{\"model\":\"m\",\"query\":\"q\",\"documents\":"
                          "[\"a\",{\"text\":\"b\"},{\"x\":1}],"
                          "\"return_documents\":true}");
    ngx_str_set(&id, "r");

    ngx_memzero(&rerank, sizeof(ngx_llm_rerank_t));
    ngx_llm_chat_init(&chat, pool, &request);

    rerank.chat = &chat;

    fuzz_assert(ngx_llm_rerank_read(&rerank, &err) == NGX_OK);

    if (ngx_llm_rerank_read_answer(&rerank, pool, text, &answer) != NGX_OK) {
        return;
    }

    fuzz_assert(answer.ranks.nelts <= 3);

    ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);
    ngx_llm_rerank_write_answer(&rerank, &answer, &id, &out);

    body.data = out.start;
    body.len = ngx_llm_out_len(&out);

    fuzz_assert(ngx_llm_rerank_read_answer(&rerank, pool, &body, &again)
                == NGX_OK);

    fuzz_assert(again.same);
    fuzz_assert(again.ranks.nelts == answer.ranks.nelts);
    fuzz_assert(again.usage.reported == answer.usage.reported);

    one = answer.ranks.elts;
    two = again.ranks.elts;

    for (i = 0; i < answer.ranks.nelts; i++) {
        fuzz_assert(one[i].index == two[i].index);
        fuzz_assert(one[i].score.len == two[i].score.len);
    }
}
