
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Mistral: requests, path, headers; answers, streams and errors in neutral
 * form.
 */


#include "ngx_llm_mistral.h"
#include "test_provider.h"


int
main(int argc, char *const *argv)
{
    static char  *frames[] = {
        "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"model"
        "\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assista"
        "nt\",\"content\":\"\"}}]}\n\n",
        "data: {\"id\":\"r\",\"model\":\"m\",\"choices\":[{\"index\":0,\""
        "delta\":{\"content\":\"abc\"}}]}\n\n",
        "data: {\"id\":\"r\",\"model\":\"m\",\"choices\":[{\"index\":0,\""
        "delta\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"ty"
        "pe\":\"text\",\"text\":\"t\"}]}]}}]}\n\n",
        "data: {\"id\":\"r\",\"model\":\"m\",\"choices\":[{\"index\":0,\""
        "delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"null\",\"function"
        "\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n",
        NULL
    };

    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_mistral;
    test_provider.name = "mistral";
    test_provider.suffix = "sse";
    ngx_str_set(&test_provider.target.provider, "mistral");
    ngx_str_set(&test_provider.target.model, "mistral-large-latest");

    test_requests();
    test_path_is("/v1", "a/../b?c#d", "/v1/chat/completions");
    test_headers_are("Content-Type: application/json" CRLF
                     "Accept: application/json" CRLF,
                     "Content-Type: application/json" CRLF
                     "Accept: text/event-stream" CRLF
                     "Authorization: Bearer key-1" CRLF);

    test_cases("responses.txt", test_response);
    test_cases("errors.txt", test_error);
    test_long_error("{\"object\":\"error\",\"message\":\"", "\"}");
    test_streams();
    test_held(frames);

    return test_done("mistral");
}
