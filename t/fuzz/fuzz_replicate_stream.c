
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * An answer of Replicate's gives the same events whatever pieces it comes in,
 * and what it gives as a stream it gives as an answer.
 */


#include "fuzz_provider.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2) {
        fuzz_stream(&ngx_llm_replicate, data, size);
        fuzz_answer(&ngx_llm_replicate, data + 1, size - 1);
    }

    return 0;
}
