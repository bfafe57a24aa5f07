
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Cohere: requests, path, headers; answers, streams and errors in neutral
 * form.
 */


#include "ngx_llm_cohere.h"
#include "test_provider.h"


int
main(int argc, char *const *argv)
{
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

    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_cohere;
    test_provider.name = "cohere";
    test_provider.suffix = "sse";
    ngx_str_set(&test_provider.target.provider, "cohere");
    ngx_str_set(&test_provider.target.model, "command-a-03-2025");

    test_requests();
    test_path_is("/v2", "a/../b?c#d", "/v2/chat");
    test_headers_are("Content-Type: application/json" CRLF
                     "Accept: application/json" CRLF,
                     "Content-Type: application/json" CRLF
                     "Accept: text/event-stream" CRLF
                     "Authorization: Bearer key-1" CRLF);

    test_cases("responses.txt", test_response);
    test_cases("errors.txt", test_error);
    test_long_error("{\"message\":\"", "\"}");
    test_streams();
    test_held(frames);

    return test_done("cohere");
}
