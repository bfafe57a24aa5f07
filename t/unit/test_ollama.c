
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Ollama: requests, path, headers; answers, streams and errors in neutral
 * form.
 */


#include "ngx_llm_ollama.h"
#include "test_provider.h"


static void test_time(void);


int
main(int argc, char *const *argv)
{
    static char  *frames[] = {
        "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00Z\",\"messa"
        "ge\":{\"role\":\"assistant\",\"content\":\"abc\"},\"logprobs\":["
        "{\"token\":\"abc\",\"logprob\":-1,\"bytes\":[97]}],\"done\":fals"
        "e}\n",
        "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\""
        ":\"\",\"thinking\":\"t\"},\"done\":false}\r\n",
        "\n",
        "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\""
        ":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\""
        ":{\"a\":1}}}]},\"done\":false}\n",
        NULL
    };

    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_ollama;
    test_provider.name = "ollama";
    test_provider.suffix = "ndjson";
    ngx_str_set(&test_provider.target.provider, "ollama");
    ngx_str_set(&test_provider.target.model, "llama3.2");

    test_requests();
    test_path_is("/api", "a/../b?c#d", "/api/chat");
    test_headers_are("Content-Type: application/json" CRLF
                     "Accept: application/json" CRLF,
                     "Content-Type: application/json" CRLF
                     "Accept: application/x-ndjson" CRLF
                     "Authorization: Bearer key-1" CRLF);

    test_cases("responses.txt", test_response);
    test_cases("errors.txt", test_error);
    test_long_error("{\"error\":\"", "\"}");
    test_streams();
    test_held(frames);
    test_time();

    return test_done("ollama");
}


static void
test_time(void)
{
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_pool_t          *pool;
    ngx_llm_out_t        out;
    ngx_llm_error_t      err;
    ngx_llm_response_t   res;

    static struct {
        char     *text;
        int64_t   seconds;
    } times[] = {
        { "2023-12-12T14:13:43.416799Z", 1702390423 },
        { "2024-02-29T23:30:00.5-02:30", 1709258400 },
        { "2026-03-01T00:00:00+01:00", 1772319600 },
        { "2000-02-29T12:00:00Z", 951825600 },
        { "1970-01-01T00:00:01Z", 1 },
        { "1970-01-01T00:00:01+05:00", 0 },
        { "2026-13-01T00:00:00Z", 0 },
        { "2026-1-01T00:00:00Z", 0 },
        { "2026-01-01T00:00:0xZ", 0 },
        { "2026-01-01", 0 },
        { "", 0 },
        { NULL, 0 }
    };

    for (i = 0; times[i].text; i++) {

        test_case = times[i].text;
        pool = test_reset();

        ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);
        ngx_llm_out_lit(&out, "{\"message\":{},\"done\":true,"
                              "\"created_at\":\"");
        ngx_llm_out_data(&out, (u_char *) times[i].text,
                         strlen(times[i].text));
        ngx_llm_out_lit(&out, "\"}");

        text.data = out.start;
        text.len = ngx_llm_out_len(&out);

        test_int(ngx_llm_response_init(&res, pool), NGX_OK);
        test_int(ngx_llm_ollama.read_response(&text, &res, &err), NGX_OK);
        test_int(res.created, times[i].seconds);
    }
}
