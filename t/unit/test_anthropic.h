
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * For the unit tests and the fuzzers of Anthropic's streams.
 */


#ifndef _TEST_ANTHROPIC_H_INCLUDED_
#define _TEST_ANTHROPIC_H_INCLUDED_


#include "ngx_llm_anthropic.h"
#include "test_dump.h"


/* the same stream in a layout that only the parser knows */

static ngx_inline ngx_str_t
test_spaced(ngx_pool_t *pool, ngx_str_t *text)
{
    size_t         i;
    ngx_str_t      s;
    ngx_llm_out_t  out;

    static char  *head = "{\"type\":\"content_block_delta\"";

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);

    for (i = 0; i < text->len; i++) {

        ngx_llm_out_char(&out, text->data[i]);

        if (text->len - i >= strlen(head)
            && ngx_memcmp(text->data + i, head, strlen(head)) == 0)
        {
            ngx_llm_out_char(&out, ' ');
        }
    }

    s.data = out.start;
    s.len = ngx_llm_out_len(&out);

    return s;
}


#endif /* _TEST_ANTHROPIC_H_INCLUDED_ */
