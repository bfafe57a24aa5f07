
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * watsonx.ai: answers, streams and errors in neutral form.
 */


#include "ngx_llm_watsonx.h"
#include "test_provider.h"


static void test_flat(void);


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_watsonx;
    test_provider.name = "watsonx";
    test_provider.suffix = "sse";

    test_cases("responses.txt", test_response);
    test_cases("errors.txt", test_error);
    test_long_error("{\"errors\":[{\"code\":\"x\",\"message\":\"", "\"}]}");
    test_streams();
    test_flat();

    return test_done("watsonx response");
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
        "id: 1\nevent: message\ndata: {\"id\":\"r\",\"model_id\":\"m\",\"mod"
        "el\":\"m\",\"choices\":[{\"index\":0,\"finish_reason\":null,\"delta"
        "\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
        "id: 2\nevent: message\ndata: {\"id\":\"r\",\"choices\":[{\"index\":"
        "0,\"finish_reason\":null,\"delta\":{\"content\":\"abc\"}}]}\n\n",
        "id: 3\nevent: message\ndata: {\"id\":\"r\",\"choices\":[{\"index\":"
        "0,\"delta\":{\"reasoning_content\":\"t\"}}]}\n\n",
        "id: 4\nevent: message\ndata: {\"id\":\"r\",\"choices\":[{\"index\":"
        "0, \"delta\" : {}}]}\n\n",
        NULL
    };

    test_case = "flat";
    pool = test_reset();
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    test_int(ngx_llm_reader_init(&reader, &ngx_llm_watsonx, pool, scratch),
             NGX_OK);

    reader.handler = test_dump_event;
    reader.data = &out;

    held = 0;

    for (i = 0; i < 4 * 500; i++) {

        text = test_string(frames[i % 4]);
        pos = text.data;

        ngx_llm_out_init(&out, NULL, buf, sizeof(buf), sizeof(buf));

        test_int(ngx_llm_reader_next(&reader, &pos, pos + text.len, &frame),
                 NGX_OK);

        ngx_reset_pool(scratch);

        if (i == 7) {
            held = ngx_stubs_held;
        }
    }

    test_int(ngx_stubs_held, held);

    ngx_destroy_pool(scratch);
}
