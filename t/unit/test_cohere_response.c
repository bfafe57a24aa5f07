
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Cohere: answers, streams and errors in neutral form.
 */


#include "ngx_llm_cohere.h"
#include "test_provider.h"


static void test_flat(void);


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_cohere;
    test_provider.name = "cohere";
    test_provider.suffix = "sse";

    test_cases("responses.txt", test_response);
    test_cases("errors.txt", test_error);
    test_long_error("{\"message\":\"", "\"}");
    test_streams();
    test_flat();

    return test_done("cohere response");
}


/* a long stream takes no more memory than a short one */

static void
test_flat(void)
{
    size_t              held;
    u_char             *pos;
    ngx_str_t           text;
    ngx_uint_t          i;
    ngx_pool_t         *pool, *scratch;
    ngx_llm_out_t       out;
    ngx_llm_frame_t     frame;
    ngx_llm_reader_t    reader;
    u_char              buf[4096];

    static char  *frames[] = {
        "data: {\"type\":\"message-start\",\"id\":\"r\",\"delta\":{\"mess"
        "age\":{\"role\":\"assistant\"}}}\n\n",
        "data: {\"type\":\"content-start\",\"index\":0,\"delta\":{\"messa"
        "ge\":{\"content\":{\"type\":\"text\",\"text\":\"\"}}}}\n\n",
        "data: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"messa"
        "ge\":{\"content\":{\"text\":\"abc\"}}},\"logprobs\":{\"text\":\""
        "abc\",\"token_ids\":[1],\"logprobs\":[-1.5]}}\n\n",
        "data: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"messa"
        "ge\":{\"content\":{\"thinking\":\"t\"}}}}\n\n",
        "data: {\"type\":\"tool-plan-delta\",\"delta\":{\"message\":{\"to"
        "ol_plan\":\"p\"}}}\n\n",
        "data: {\"type\":\"tool-call-start\",\"index\":0,\"delta\":{\"mes"
        "sage\":{\"tool_calls\":{\"id\":\"\",\"type\":\"function\",\"func"
        "tion\":{\"name\":\"f\",\"arguments\":\"\"}}}}}\n\n",
        "data: {\"type\":\"tool-call-delta\",\"index\":0,\"delta\":{\"mes"
        "sage\":{\"tool_calls\":{\"function\":{\"arguments\":\"nu\"}}}}}\n"
        "\n",
        "data: {\"type\":\"citation-start\",\"index\":0,\"delta\":{\"mess"
        "age\":{\"citations\":{\"start\":0,\"end\":1,\"text\":\"a\",\"sou"
        "rces\":[{\"type\":\"document\",\"id\":\"d\",\"document\":{\"url\""
        ":\"https://a/\"}}]}}}}\n\n",
        NULL
    };

    test_case = "flat";
    pool = test_reset();
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    test_int(ngx_llm_reader_init(&reader, &ngx_llm_cohere, pool, scratch),
             NGX_OK);

    reader.handler = test_dump_event;
    reader.data = &out;

    held = 0;

    for (i = 0; i < 8 * 500; i++) {

        text = test_string(frames[i % 8]);
        pos = text.data;

        ngx_llm_out_init(&out, NULL, buf, sizeof(buf), sizeof(buf));

        test_int(ngx_llm_reader_next(&reader, &pos, pos + text.len, &frame),
                 NGX_OK);

        ngx_reset_pool(scratch);

        if (i == 15) {
            held = ngx_stubs_held;
        }
    }

    test_int(ngx_stubs_held, held);

    ngx_destroy_pool(scratch);
}
