
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stream of watsonx.ai's gives the same events whatever pieces it comes in.
 * It is OpenAI's, whose own fuzzer looks at their order, but for its end: a
 * choice ends once, calls that were told end once, and nothing comes behind an
 * error or the end.  The first byte chooses the pieces, the rest is the stream.
 */


#include "fuzz_provider.h"
#include "ngx_llm_watsonx.h"


typedef struct {
    ngx_uint_t   ended;
    u_char       finished[NGX_LLM_OPENAI_MAX_CHOICES];
    u_char       calls[NGX_LLM_OPENAI_MAX_CHOICES][NGX_LLM_OPENAI_MAX_TOOLS];
} fuzz_ends_t;


#define FUZZ_CALL_BEGUN  1
#define FUZZ_CALL_ENDED  2


static ngx_int_t fuzz_ends(void *data, ngx_llm_event_t *ev);
static void fuzz_whole(ngx_str_t *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t       rc;
    ngx_str_t       text;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   part, whole;

    if (size < 2) {
        return 0;
    }

    text.data = (u_char *) data + 1;
    text.len = size - 1;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    ngx_llm_out_init(&whole, pool, NULL, 0, TEST_DUMP);
    ngx_llm_out_init(&part, pool, NULL, 0, TEST_DUMP);

    rc = test_dump_stream(&ngx_llm_watsonx, pool, scratch, &text, 0, 0,
                          &whole);

    fuzz_assert(test_dump_stream(&ngx_llm_watsonx, pool, scratch, &text,
                                 1 + data[0], 1 + data[0], &part)
                == rc);

    fuzz_assert(ngx_llm_out_len(&whole) == ngx_llm_out_len(&part));
    fuzz_assert(ngx_llm_out_len(&whole) == 0
                || ngx_memcmp(whole.start, part.start,
                              ngx_llm_out_len(&whole))
                   == 0);

    ngx_destroy_pool(scratch);
    ngx_destroy_pool(pool);

    fuzz_whole(&text);

    return 0;
}


static void
fuzz_whole(ngx_str_t *text)
{
    u_char            *pos;
    ngx_int_t          rc;
    ngx_pool_t        *pool, *scratch;
    fuzz_ends_t       *ends;
    ngx_llm_frame_t    frame;
    ngx_llm_reader_t   reader;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    scratch = ngx_create_pool(4096, &ngx_stubs_log);
    ends = calloc(1, sizeof(fuzz_ends_t));

    fuzz_assert(ngx_llm_reader_init(&reader, &ngx_llm_watsonx, pool, scratch)
                == NGX_OK);

    reader.handler = fuzz_ends;
    reader.data = ends;

    pos = text->data;

    do {
        rc = ngx_llm_reader_next(&reader, &pos, text->data + text->len,
                                 &frame);
    } while (rc == NGX_OK);

    while (rc == NGX_AGAIN || rc == NGX_OK) {
        rc = ngx_llm_reader_end(&reader, &frame);
    }

    fuzz_assert(rc == NGX_ERROR
                || ends->ended == (ngx_uint_t) (reader.done || reader.failed));
    fuzz_assert(!(reader.done && reader.failed));

    free(ends);
    ngx_destroy_pool(scratch);
    ngx_destroy_pool(pool);
}


static ngx_int_t
fuzz_ends(void *data, ngx_llm_event_t *ev)
{
    fuzz_ends_t *ends = data;

    u_char  *call;

    fuzz_assert(!ends->ended);
    fuzz_assert(ev->choice < NGX_LLM_OPENAI_MAX_CHOICES);
    fuzz_assert(ev->tool < NGX_LLM_OPENAI_MAX_TOOLS);

    call = &ends->calls[ev->choice][ev->tool];

    switch (ev->type) {

    case NGX_LLM_EVENT_TOOL_START:
        fuzz_assert(*call == 0);
        *call = FUZZ_CALL_BEGUN;
        break;

    case NGX_LLM_EVENT_TOOL_END:
        fuzz_assert(*call == FUZZ_CALL_BEGUN);
        *call = FUZZ_CALL_ENDED;
        break;

    case NGX_LLM_EVENT_FINISH:
        fuzz_assert(ev->finish != NGX_LLM_FINISH_NONE);
        fuzz_assert(!ends->finished[ev->choice]);
        ends->finished[ev->choice] = 1;
        break;

    case NGX_LLM_EVENT_ERROR:
        fuzz_assert(ev->error->message.len != 0);
        fuzz_assert(ev->error->fail != 0);
        ends->ended = 1;
        break;

    case NGX_LLM_EVENT_DONE:
        ends->ended = 1;
        break;

    default:
        break;
    }

    return NGX_OK;
}
