
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stream of Anthropic's gives the same events whatever pieces it comes in,
 * and events in an order that writers can rely on.
 */


#define FUZZ_LAX  1

#include "fuzz_provider.h"
#include "test_anthropic.h"


static void fuzz_parser(ngx_str_t *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t  text;

    if (size < 2) {
        return 0;
    }

    fuzz_stream(&ngx_llm_anthropic, data, size);

    text.data = (u_char *) data + 1;
    text.len = size - 1;

    fuzz_parser(&text);

    return 0;
}


/* text that is read in passing says the same as text that is parsed */

static void
fuzz_parser(ngx_str_t *text)
{
    ngx_str_t       spaced;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   out, want;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    spaced = test_spaced(pool, text);

    ngx_llm_out_init(&want, pool, NULL, 0, TEST_DUMP);
    ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);

    fuzz_assert(test_dump_stream(&ngx_llm_anthropic, pool, scratch, text,
                                 0, 0, &want)
                == NGX_OK);
    fuzz_assert(test_dump_stream(&ngx_llm_anthropic, pool, scratch, &spaced,
                                 0, 0, &out)
                == NGX_OK);

    fuzz_assert(ngx_llm_out_len(&out) == ngx_llm_out_len(&want));
    fuzz_assert(ngx_memcmp(out.start, want.start, ngx_llm_out_len(&want))
                == 0);

    ngx_destroy_pool(scratch);
    ngx_destroy_pool(pool);
}
