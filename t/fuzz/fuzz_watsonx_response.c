
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A whole answer of watsonx.ai's, and an error: what is read of it can be
 * written.
 */


#define FUZZ_LAX      1
#define FUZZ_CHOICES  128

#include "fuzz_provider.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_answer(&ngx_llm_watsonx, data, size);

    return 0;
}
