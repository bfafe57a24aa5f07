
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Gemini: answers, streams and errors in neutral form.
 */


#include "ngx_llm_gemini.h"
#include "test_provider.h"


static void test_many_marks(void);


int
main(int argc, char *const *argv)
{
    static char  *frames[] = {
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"abc\"}],"
        "\"role\":\"model\"},\"index\":0}],\"usageMetadata\":"
        "{\"promptTokenCount\":4,\"totalTokenCount\":4},"
        "\"responseId\":\"r\"}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
        "\"![image](data:\"},{\"inlineData\":{\"mimeType\":\"image/png\","
        "\"data\":\"AAAA\"}}]}}]}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"t\","
        "\"thought\":true}]},\"logprobsResult\":{\"chosenCandidates\":"
        "[{\"token\":\"a\",\"logProbability\":-1}]}}]}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":"
        "{\"name\":\"f\",\"args\":{\"a\":1}}}]}}]}\r\n\r\n",
        NULL
    };

    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_gemini;
    test_provider.name = "gemini";
    test_provider.suffix = "sse";

    test_cases("responses.txt", test_response);
    test_cases("errors.txt", test_error);
    test_long_error("{\"error\":{\"message\":\"", "\"}}");
    test_streams();
    test_held(frames);
    test_many_marks();

    return test_done("gemini response");
}


/* the marks of a text have a bound: it is told, its sources are not */

static void
test_many_marks(void)
{
    ngx_str_t       text;
    ngx_uint_t      i, k;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   in, out;

    static struct {
        ngx_uint_t   n;
        char        *want;      /* of the sources, NULL: none */
    } cases[] = {
        { 10, "annotation text=[{\"type\":\"url_citation\",\"url_citation\":"
              "{\"url\":\"https://a/\",\"title\":\"t\","
              "\"start_index\":4,\"end_index\":20}}]" },
        { 4000, NULL },
    };

    test_case = "many marks";

    for (i = 0; i < 2; i++) {

        pool = test_reset();
        scratch = ngx_create_pool(4096, &ngx_stubs_log);

        ngx_llm_out_init(&in, pool, NULL, 0, TEST_DUMP);
        ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);

        for (k = 0; k < cases[i].n; k++) {
            ngx_llm_out_lit(&in, "data: {\"candidates\":[{\"content\":"
                                 "{\"parts\":[{\"text\":\"a\\u20ac\"}]}}]}"
                                 "\n\n");
        }

        ngx_llm_out_lit(&in, "data: {\"candidates\":[{\"finishReason\":"
                             "\"STOP\",\"groundingMetadata\":"
                             "{\"groundingChunks\":[{\"web\":{\"uri\":"
                             "\"https://a/\",\"title\":\"t\"}}],"
                             "\"groundingSupports\":[{\"segment\":"
                             "{\"startIndex\":8,\"endIndex\":40},"
                             "\"groundingChunkIndices\":[0]}]}}]}\n\n");

        text.data = in.start;
        text.len = ngx_llm_out_len(&in);

        test_int(test_dump_stream(&ngx_llm_gemini, pool, scratch, &text,
                                  0, 0, &out),
                 NGX_OK);

        ngx_llm_out_char(&out, '\0');

        test_int(strstr((char *) out.start,
                        cases[i].want ? cases[i].want : "annotation")
                 != NULL, cases[i].want != NULL);
        test_ok(strstr((char *) out.start, "finish stop") != NULL);

        ngx_destroy_pool(scratch);
    }
}
