
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A whole answer of Bedrock's, and an error: what is read of it can be
 * written.
 */


/* Claude's own answers are read as Anthropic's are */

#define FUZZ_LAX  1

#include "fuzz_provider.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t         type;
    ngx_llm_error_t   err;

    fuzz_answer(&ngx_llm_bedrock, data, size);

    /* the same bytes as the header of an error */

    ngx_memzero(&err, sizeof(ngx_llm_error_t));

    type.data = (u_char *) data;
    type.len = ngx_min(size, 256);

    if (type.len) {
        ngx_llm_error_status(&err, 400);
        ngx_llm_bedrock.read_error_header(&type, &err);
        fuzz_assert(err.status >= 400 && err.status < 600 && err.fail != 0);
    }

    return 0;
}
