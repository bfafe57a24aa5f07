
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stream of Mistral's gives the same events whatever pieces it comes in; it
 * is OpenAI's, whose own fuzzer looks at their order, but for ids of calls,
 * which are all there.  The first byte chooses the pieces, the rest is the
 * stream.
 */


#include "fuzz_provider.h"


static ngx_int_t fuzz_ids(void *data, ngx_llm_event_t *ev);
static void fuzz_whole(ngx_str_t *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t  text;

    if (size < 2) {
        return 0;
    }

    fuzz_pieces(&ngx_llm_mistral, data, size);

    text.data = (u_char *) data + 1;
    text.len = size - 1;

    fuzz_whole(&text);

    return 0;
}


static void
fuzz_whole(ngx_str_t *text)
{
    u_char            *pos;
    ngx_int_t          rc;
    ngx_pool_t        *pool, *scratch;
    ngx_llm_frame_t    frame;
    ngx_llm_reader_t   reader;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    fuzz_assert(ngx_llm_reader_init(&reader, &ngx_llm_mistral, pool, scratch)
                == NGX_OK);

    reader.handler = fuzz_ids;
    pos = text->data;

    do {
        rc = ngx_llm_reader_next(&reader, &pos, text->data + text->len,
                                 &frame);
        fuzz_assert(reader.handler == fuzz_ids);
    } while (rc == NGX_OK);

    ngx_destroy_pool(scratch);
    ngx_destroy_pool(pool);
}


static ngx_int_t
fuzz_ids(void *data, ngx_llm_event_t *ev)
{
    fuzz_assert(ev->type != NGX_LLM_EVENT_TOOL_START
                || (ev->id.len && !ngx_llm_json_is(&ev->id, "null")));

    return NGX_OK;
}
