
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stream of Ollama's gives the same events whatever pieces it comes in, and
 * events in an order that writers can rely on.
 */


#include "fuzz_provider.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2) {
        fuzz_stream(&ngx_llm_ollama, data, size);
    }

    return 0;
}
