
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Vertex AI: Gemini and Claude there; paths, headers, and requests of
 * Anthropic's clients.
 */


#include "ngx_llm_request.h"
#include "test_provider.h"


static void test_paths(void);
static void test_path(const ngx_llm_dialect_t *dialect, char *model,
    ngx_uint_t stream, char *path);
static void test_counted_path(const ngx_llm_dialect_t *dialect, char *model,
    char *path);
static void test_variants(void);
static void test_headers(void);
static void test_edits(void);


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_vertex;
    test_provider.name = "vertex";
    test_provider.suffix = "sse";
    ngx_str_set(&test_provider.target.provider, "google");
    ngx_str_set(&test_provider.target.model, "gemini-3-flash");

    test_requests();
    test_cases("responses.txt", test_response);
    test_streams();

    test_provider.dialect = &ngx_llm_vertex_claude;
    test_provider.name = "vertex_claude";
    ngx_str_set(&test_provider.target.model, "claude-sonnet-4-5@20250929");

    test_requests();
    test_cases("errors.txt", test_error);
    test_streams();

    test_paths();
    test_variants();
    test_headers();
    test_edits();

    return test_done("vertex");
}


static void
test_paths(void)
{
    test_path(&ngx_llm_vertex, "gemini-2.5-flash", 0,
              "/v1/p/publishers/google/models/gemini-2.5-flash"
              ":generateContent");
    test_path(&ngx_llm_vertex, "gemini-2.5-flash", 1,
              "/v1/p/publishers/google/models/gemini-2.5-flash"
              ":streamGenerateContent?alt=sse");
    test_path(&ngx_llm_vertex, "endpoints/123", 0,
              "/v1/p/endpoints/123:generateContent");
    test_path(&ngx_llm_vertex, "endpoints/a/b", 0,
              "/v1/p/endpoints/a%2Fb:generateContent");
    test_path(&ngx_llm_vertex, "endpoints/..", 0, NULL);
    test_path(&ngx_llm_vertex, "endpoints/", 0,
              "/v1/p/publishers/google/models/endpoints%2F:generateContent");
    test_path(&ngx_llm_vertex, "a/../b?c#d:e", 0,
              "/v1/p/publishers/google/models/a%2F..%2Fb%3Fc%23d%3Ae"
              ":generateContent");
    test_path(&ngx_llm_vertex, "..", 0, NULL);
    test_path(&ngx_llm_vertex, ".", 1, NULL);

    test_path(&ngx_llm_vertex_claude, "claude-opus-4-1@20250805", 0,
              "/v1/p/publishers/anthropic/models/claude-opus-4-1@20250805"
              ":rawPredict");
    test_path(&ngx_llm_vertex_claude, "claude-opus-4-6", 1,
              "/v1/p/publishers/anthropic/models/claude-opus-4-6"
              ":streamRawPredict");
    test_path(&ngx_llm_vertex_claude, "claude-x@a/@b", 0,
              "/v1/p/publishers/anthropic/models/claude-x@a%2F%40b"
              ":rawPredict");
    test_path(&ngx_llm_vertex_claude, "@x", 0,
              "/v1/p/publishers/anthropic/models/%40x:rawPredict");
    test_path(&ngx_llm_vertex_claude, "claude-x@", 0,
              "/v1/p/publishers/anthropic/models/claude-x%40:rawPredict");

    test_counted_path(&ngx_llm_vertex, "gemini-2.5-flash",
                      "/v1/p/publishers/google/models/gemini-2.5-flash"
                      ":countTokens");
    test_counted_path(&ngx_llm_vertex, "endpoints/123",
                      "/v1/p/endpoints/123:countTokens");
    test_counted_path(&ngx_llm_vertex_claude, "claude-opus-4-6",
                      "/v1/p/publishers/anthropic/models/count-tokens"
                      ":rawPredict");
}


static void
test_counted_path(const ngx_llm_dialect_t *dialect, char *model, char *path)
{
    ngx_llm_out_t     out;
    ngx_llm_chat_t    chat;
    ngx_llm_target_t  target;

    test_case = path;

    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target.base, "/v1/p");
    target.model = test_string(model);
    chat.count = 1;

    ngx_llm_out_init(&out, test_reset(), NULL, 0, 1024);
    dialect->write_path(&chat, &target, &out);

    test_out(out, path);
}


/* path: NULL is refused */

static void
test_path(const ngx_llm_dialect_t *dialect, char *model, ngx_uint_t stream,
    char *path)
{
    ngx_llm_out_t     out;
    ngx_llm_chat_t    chat;
    ngx_llm_target_t  target;

    test_case = model;

    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target.base, "/v1/p");
    target.model = test_string(model);
    chat.stream = stream;

    ngx_llm_out_init(&out, test_reset(), NULL, 0, 1024);
    dialect->write_path(&chat, &target, &out);

    if (path) {
        test_out(out, path);

    } else {
        test_ok(out.failed);
    }
}


static void
test_variants(void)
{
    ngx_str_t  name;

    test_case = "variants";

    ngx_str_set(&name, "claude-sonnet-4-5@20250929");
    test_ok(ngx_llm_dialect_variant(&ngx_llm_vertex, &name)
            == &ngx_llm_vertex_claude);
    test_ok(ngx_llm_dialect_variant(&ngx_llm_gemini, &name)
            == &ngx_llm_gemini);

    ngx_str_set(&name, "claude-");
    test_ok(ngx_llm_dialect_variant(&ngx_llm_vertex, &name)
            == &ngx_llm_vertex);

    ngx_str_set(&name, "gemini-2.5-pro");
    test_ok(ngx_llm_dialect_variant(&ngx_llm_vertex, &name)
            == &ngx_llm_vertex);

    test_ok(ngx_llm_dialect_base(&ngx_llm_vertex_claude)
            == &ngx_llm_anthropic);
    test_ok(ngx_llm_dialect_base(&ngx_llm_vertex) == &ngx_llm_vertex);

    ngx_str_set(&name, "vertex");
    test_ok(ngx_llm_dialect_find(&name) == &ngx_llm_vertex);
}


static void
test_headers(void)
{
    ngx_llm_out_t     out;
    ngx_llm_chat_t    chat;
    ngx_llm_target_t  target;

    test_case = "headers";

    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target.key, "AIza-1");

    ngx_llm_out_init(&out, test_reset(), NULL, 0, 1024);
    ngx_llm_vertex.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: application/json" CRLF
                  "x-goog-api-key: AIza-1" CRLF);

    ngx_str_set(&target.authorization, "Bearer ya29.x");
    ngx_str_set(&target.beta, "b-1");
    chat.stream = 1;

    ngx_llm_out_init(&out, test_reset(), NULL, 0, 1024);
    ngx_llm_vertex_claude.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: text/event-stream" CRLF
                  "authorization: Bearer ya29.x" CRLF
                  "anthropic-beta: b-1" CRLF);

    /* tokens of other providers go out in the same way */

    ngx_llm_out_init(&out, test_reset(), NULL, 0, 1024);
    ngx_llm_openai.write_headers(&chat, &target, &out);
    test_out(out, "content-type: application/json" CRLF
                  "accept: text/event-stream" CRLF
                  "authorization: Bearer ya29.x" CRLF);

    ngx_llm_out_init(&out, test_reset(), NULL, 0, 1024);
    ngx_llm_anthropic.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: text/event-stream" CRLF
                  "anthropic-version: 2023-06-01" CRLF
                  "authorization: Bearer ya29.x" CRLF
                  "anthropic-beta: b-1" CRLF);
}


/* the request of a client of Anthropic's, in pieces put together */

static void
test_edits(void)
{
    ngx_int_t          rc;
    ngx_str_t         *slice, text;
    ngx_uint_t         i, j;
    ngx_pool_t        *pool;
    ngx_array_t        slices;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_error_t    err;
    ngx_llm_target_t   target;

    static struct {
        char  *text;
        char  *want;            /* NULL: refused */
        char  *version;         /* of the client; or NULL */
        char  *api_version;
    } edits[] = {
        { "{\"model\":\"a\",\"max_tokens\":5,\"messages\":"
          "[{\"role\":\"user\",\"content\":\"x\"}]}",
          "{\"anthropic_version\":\"vertex-2023-10-16\",\"max_tokens\":5,"
          "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
          "2023-06-01", NULL },
        { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
          "\"max_tokens\":5,\"model\":\"a\"}",
          "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
          "\"max_tokens\":5,\"anthropic_version\":\"2026-10-21\"}",
          "2026-10-21", NULL },
        { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
          "\"max_tokens\":5,\"model\":\"a\"}",
          "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
          "\"max_tokens\":5,\"anthropic_version\":\"mine\"}",
          "2026-10-21", "mine" },
        { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
          "\"max_tokens\":5,\"model\":\"a\"}",
          "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
          "\"max_tokens\":5,\"anthropic_version\":\"a\\\"b\"}",
          "a\"b", NULL },
        { " { \"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
          "\"mine\" : 1.50, \"max_tokens\":5, \"mod\\u0065l\" : \"a\" } ",
          " { \"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
          "\"mine\" : 1.50, \"max_tokens\":5, \"anthropic_version\" : "
          "\"vertex-2023-10-16\" } ", NULL, NULL },
        { "{\"model\":\"a\",\"max_tokens\":5,\"anthropic_version\":\"x\","
          "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", NULL, NULL,
          NULL },
        { NULL, NULL, NULL, NULL }
    };

    for (i = 0; edits[i].text; i++) {
        test_case = edits[i].text;

        pool = test_reset();
        text = test_string(edits[i].text);

        ngx_memzero(&target, sizeof(ngx_llm_target_t));
        ngx_str_set(&target.model, "claude-b");
        ngx_str_set(&target.provider, "google");

        if (edits[i].version) {
            target.version = test_string(edits[i].version);
        }

        if (edits[i].api_version) {
            target.api_version = test_string(edits[i].api_version);
        }

        ngx_llm_chat_init(&chat, pool, &text);
        chat.dialect = &ngx_llm_anthropic;

        test_int(ngx_llm_anthropic.read_request(&chat, &err), NGX_OK);
        test_int(ngx_array_init(&slices, pool, 4, sizeof(ngx_str_t)), NGX_OK);
        test_ok(ngx_llm_request_splices(&chat, &ngx_llm_vertex_claude));

        rc = ngx_llm_request(&chat, &ngx_llm_vertex_claude, &target, 4096,
                             &slices, &err);

        if (edits[i].want == NULL) {
            test_int(rc, NGX_DECLINED);
            test_str(err.param, "anthropic_version");
            continue;
        }

        test_int(rc, NGX_OK);

        ngx_llm_out_init(&out, pool, NULL, 0, 4096);
        slice = slices.elts;

        for (j = 0; j < slices.nelts; j++) {
            ngx_llm_out_str(&out, &slice[j]);
        }

        test_out(out, edits[i].want);
    }
}
