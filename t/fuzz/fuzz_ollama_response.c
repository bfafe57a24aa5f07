
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A whole answer of Ollama's, and an error: what is read of it can be written.
 */


#include "fuzz_provider.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_answer(&ngx_llm_ollama, data, size);

    return 0;
}
