
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Requests of Anthropic clients: what is read from them, what is refused, and
 * how errors are written.
 */


#include "test.h"
#include "ngx_llm_anthropic.h"


#define TEST_MAX  (1024 * 1024)


typedef struct {
    char        *body;
    char        *param;         /* NULL: none */
    char        *message;
} test_refused_t;


typedef struct {
    ngx_uint_t   status;
    ngx_uint_t   fail;
    char        *type;
    char        *code;
    char        *message;
    char        *body;
} test_error_t;


static void test_fixtures(void);
static void test_refusals(void);
static void test_odd_requests(void);
static void test_depth(void);
static void test_memory(void);
static void test_edits(void);
static void test_errors(void);
static void test_counts(void);

static ngx_int_t test_read(ngx_llm_chat_t *chat, ngx_str_t *body,
    ngx_llm_error_t *err);
static void test_dump(ngx_llm_chat_t *chat, ngx_llm_out_t *out);
static void test_dump_message(ngx_llm_message_t *message, ngx_llm_out_t *out);
static void test_dump_part(ngx_llm_part_t *part, ngx_llm_out_t *out);
static void test_put(ngx_llm_out_t *out, char *name, ngx_str_t *value);
static void test_put_cache(ngx_llm_out_t *out, ngx_llm_json_t *node);


static char  *test_fixture_names[] = {
    "plain",
    "fields",
    "system",
    "tools",
    "media",
    NULL
};


#define HEAD  "{\"model\":\"m\",\"max_tokens\":1"
#define USER(blocks)                                                         \
    HEAD ",\"messages\":[{\"role\":\"user\",\"content\":[" blocks "]}]}"
#define BOT(blocks)                                                          \
    HEAD ",\"messages\":[{\"role\":\"assistant\",\"content\":[" blocks "]}]}"
#define WITH(members)                                                        \
    HEAD ",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]," members "}"

static test_refused_t  test_refused[] = {

    { "[]", NULL, "request body is not a JSON object" },
    { "{}", "model", "model: is required" },
    { "{\"model\":null}", "model", "model: is required" },
    { "{\"model\":7}", "model", "model: must be a string" },
    { "{\"model\":\"\"}", "model", "model: must not be empty" },
    { "{\"model\":\"m\"}", "max_tokens", "max_tokens: is required" },

    { "{\"model\":\"m\",\"max_tokens\":\"1\"}", "max_tokens",
      "max_tokens: must be an integer, 0 or more" },
    { "{\"model\":\"m\",\"max_tokens\":-1}", "max_tokens",
      "max_tokens: must be an integer, 0 or more" },
    { "{\"model\":\"m\",\"max_tokens\":1.5}", "max_tokens",
      "max_tokens: must be an integer, 0 or more" },
    { "{\"model\":\"m\",\"max_tokens\":99999999999999999999}", "max_tokens",
      "max_tokens: must be an integer, 0 or more" },

    { HEAD ",\"model\":\"n\"}", "model", "model: stands twice" },
    { HEAD ",\"a\\\"b\":1,\"a\\\"b\":2}", "a\"b",
      "a\\\"b: stands twice" },
    { HEAD "}", "messages", "messages: is required" },
    { HEAD ",\"messages\":{}}", "messages", "messages: must be an array" },
    { HEAD ",\"messages\":[]}", "messages",
      "messages: must hold at least one message" },
    { HEAD ",\"messages\":[1]}", "messages.0",
      "messages.0: must be an object" },
    { HEAD ",\"messages\":[{}]}", "messages.0.role",
      "messages.0.role: is required" },
    { HEAD ",\"messages\":[{\"role\":\"tool\",\"content\":\"\"}]}",
      "messages.0.role",
      "messages.0.role: must be \\\"user\\\", \\\"assistant\\\" or "
      "\\\"system\\\"" },
    { HEAD ",\"messages\":[{\"role\":\"user\"}]}", "messages.0.content",
      "messages.0.content: is required" },
    { HEAD ",\"messages\":[{\"role\":\"user\",\"content\":null}]}",
      "messages.0.content", "messages.0.content: is required" },
    { HEAD ",\"messages\":[{\"role\":\"user\",\"content\":{}}]}",
      "messages.0.content",
      "messages.0.content: must be a string or an array of blocks" },

    { USER("1"), "messages.0.content.0",
      "messages.0.content.0: must be an object" },
    { USER("{}"), "messages.0.content.0.type",
      "messages.0.content.0.type: is required" },
    { USER("{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\"}"),
      "messages.0.content.1.text",
      "messages.0.content.1.text: is required" },
    { USER("{\"type\":\"text\",\"text\":1}"), "messages.0.content.0.text",
      "messages.0.content.0.text: must be a string" },
    { USER("{\"type\":\"thinking\",\"thinking\":\"\"}"),
      "messages.0.content.0.type",
      "messages.0.content.0.type: is not allowed here" },
    { BOT("{\"type\":\"tool_result\",\"tool_use_id\":\"t\"}"),
      "messages.0.content.0.type",
      "messages.0.content.0.type: is not allowed here" },
    { USER("{\"type\":\"image\"}"), "messages.0.content.0.source",
      "messages.0.content.0.source: must be an object" },
    { USER("{\"type\":\"image\",\"source\":{\"type\":\"url\"}}"),
      "messages.0.content.0.source.url",
      "messages.0.content.0.source.url: is required" },
    { USER("{\"type\":\"image\",\"source\":{\"type\":\"base64\","
           "\"data\":\"\"}}"),
      "messages.0.content.0.source.media_type",
      "messages.0.content.0.source.media_type: is required" },
    { USER("{\"type\":\"image\",\"source\":{}}"),
      "messages.0.content.0.source.type",
      "messages.0.content.0.source.type: is required" },
    { USER("{\"type\":\"document\",\"source\":{\"type\":\"text\"}}"),
      "messages.0.content.0.source.data",
      "messages.0.content.0.source.data: is required" },
    { USER("{\"type\":\"document\",\"source\":{\"type\":\"content\","
           "\"content\":[{\"type\":\"document\"}]}}"),
      "messages.0.content.0.source.content.0.type",
      "messages.0.content.0.source.content.0.type: is not allowed here" },
    { USER("{\"type\":\"search_result\",\"content\":[{}]}"),
      "messages.0.content.0.content.0.text",
      "messages.0.content.0.content.0.text: is required" },
    { USER("{\"type\":\"tool_result\"}"),
      "messages.0.content.0.tool_use_id",
      "messages.0.content.0.tool_use_id: is required" },
    { USER("{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":["
           "{\"type\":\"text\",\"text\":\"\"},{\"type\":\"tool_use\"}]}"),
      "messages.0.content.0.content.1.type",
      "messages.0.content.0.content.1.type: is not allowed here" },

    { BOT("{\"type\":\"tool_use\",\"id\":\"\",\"name\":\"n\","
          "\"input\":{}}"),
      "messages.0.content.0.id",
      "messages.0.content.0.id: must not be empty" },
    { BOT("{\"type\":\"tool_use\",\"id\":\"t\",\"input\":{}}"),
      "messages.0.content.0.name",
      "messages.0.content.0.name: is required" },
    { BOT("{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\","
          "\"input\":\"{}\"}"),
      "messages.0.content.0.input",
      "messages.0.content.0.input: must be an object" },
    { BOT("{\"type\":\"redacted_thinking\"}"),
      "messages.0.content.0.data",
      "messages.0.content.0.data: is required" },

    { WITH("\"system\":1"), "system",
      "system: must be a string or an array of blocks" },
    { WITH("\"system\":[{\"type\":\"image\"}]"), "system.0.type",
      "system.0.type: is not allowed here" },
    { WITH("\"system\":[{\"type\":\"video\"}]"), "system.0.type",
      "system.0.type: is not allowed here" },
    { WITH("\"stream\":\"yes\""), "stream", "stream: must be true or false" },
    { WITH("\"stop_sequences\":\"x\""), "stop_sequences",
      "stop_sequences: must be an array of strings" },
    { WITH("\"stop_sequences\":[\"x\",1]"), "stop_sequences.1",
      "stop_sequences.1: must be a string" },
    { WITH("\"temperature\":\"hot\""), "temperature",
      "temperature: must be a number" },
    { WITH("\"thinking\":true"), "thinking", "thinking: must be an object" },
    { WITH("\"metadata\":[]"), "metadata", "metadata: must be an object" },
    { WITH("\"metadata\":{\"user_id\":1}"), "metadata.user_id",
      "metadata.user_id: must be a string" },
    { WITH("\"service_tier\":1"), "service_tier",
      "service_tier: must be a string" },
    { WITH("\"output_config\":{\"format\":{\"type\":\"xml\"}}"),
      "output_config.format.type",
      "output_config.format.type: must be \\\"json_schema\\\"" },
    { WITH("\"output_format\":{\"type\":\"json_schema\"}"),
      "output_format.schema", "output_format.schema: must be an object" },
    { WITH("\"output_config\":{\"effort\":1}"), "output_config.effort",
      "output_config.effort: must be a string" },
    { WITH("\"tools\":{}"), "tools", "tools: must be an array" },
    { WITH("\"tools\":[1]"), "tools.0", "tools.0: must be an object" },
    { WITH("\"tools\":[{\"name\":\"a\",\"input_schema\":{}},{}]"),
      "tools.1.name", "tools.1.name: is required" },
    { WITH("\"tools\":[{\"name\":\"a\"}]"), "tools.0.input_schema",
      "tools.0.input_schema: must be an object" },
    { WITH("\"tool_choice\":\"auto\""), "tool_choice",
      "tool_choice: must be an object" },
    { WITH("\"tool_choice\":{\"type\":\"tool\"}"), "tool_choice.name",
      "tool_choice.name: is required" },
    { WITH("\"tool_choice\":{\"type\":\"some\"}"), "tool_choice.type",
      "tool_choice.type: must be \\\"auto\\\", \\\"any\\\", \\\"tool\\\" or "
      "\\\"none\\\"" },

    { NULL, NULL, NULL }
};


static test_error_t  test_error_rows[] = {

    { 400, NGX_LLM_FAIL_REQUEST, "invalid_request_error", NULL,
      "say \\\"x\\\"", "invalid_request_error" },
    { 401, 0, "authentication_error", "invalid_api_key", "no",
      "authentication_error" },
    { 402, 0, "server_error", NULL, "no", "billing_error" },
    { 403, 0, "permission_error", "model_not_allowed", "no",
      "permission_error" },
    { 404, 0, "invalid_request_error", "model_not_found", "no",
      "not_found_error" },
    { 405, 0, "invalid_request_error", "method_not_allowed", "no",
      "invalid_request_error" },
    { 413, 0, "invalid_request_error", "request_too_large", "no",
      "request_too_large" },
    { 422, 0, "invalid_request_error", NULL, "no", "invalid_request_error" },
    { 429, NGX_LLM_FAIL_RATE_LIMIT, "rate_limit_error",
      "rate_limit_exceeded", "no", "rate_limit_error" },
    { 429, 0, "insufficient_quota", "insufficient_quota", "no",
      "billing_error" },
    { 500, NGX_LLM_FAIL_SERVER_ERROR, "server_error", NULL, "no",
      "api_error" },
    { 502, 0, "server_error", "provider_auth", "no", "api_error" },
    { 503, NGX_LLM_FAIL_OVERLOADED, "server_error", NULL, "no",
      "overloaded_error" },
    { 504, NGX_LLM_FAIL_TIMEOUT, "server_error", NULL, "no",
      "timeout_error" },
    { 529, NGX_LLM_FAIL_OVERLOADED, "server_error", NULL, "no",
      "overloaded_error" },

    /* within a stream */

    { 0, NGX_LLM_FAIL_OVERLOADED, "server_error", NULL, "no",
      "overloaded_error" },
    { 200, NGX_LLM_FAIL_RATE_LIMIT, "rate_limit_error", NULL, "no",
      "rate_limit_error" },
    { 0, NGX_LLM_FAIL_TIMEOUT, "server_error", NULL, "no",
      "timeout_error" },
    { 0, NGX_LLM_FAIL_CONTENT, "invalid_request_error", NULL, "no",
      "invalid_request_error" },
    { 0, NGX_LLM_FAIL_ERROR, "server_error", NULL, "no", "api_error" },

    { 0, 0, NULL, NULL, NULL, NULL }
};


int
main(void)
{
    test_fixtures();
    test_refusals();
    test_odd_requests();
    test_depth();
    test_memory();
    test_edits();
    test_errors();
    test_counts();

    return test_done("test_anthropic_client");
}


static void
test_fixtures(void)
{
    char             name[128];
    ngx_str_t        body, want, got;
    ngx_uint_t       i;
    ngx_llm_out_t    out;
    ngx_llm_chat_t   chat;
    ngx_llm_error_t  err;

    for (i = 0; test_fixture_names[i]; i++) {
        test_reset();
        test_case = test_fixture_names[i];

        snprintf(name, sizeof(name), "t/fixtures/anthropic_client/%s.json",
                 test_case);
        body = test_file(name);

        snprintf(name, sizeof(name), "t/fixtures/anthropic_client/%s.txt",
                 test_case);
        want = test_file(name);

        if (!test_ok(body.data && want.data)) {
            continue;
        }

        ngx_memzero(&err, sizeof(ngx_llm_error_t));

        if (!test_int(test_read(&chat, &body, &err), NGX_OK)) {
            fprintf(stderr, "%.*s\n", (int) err.message.len,
                    err.message.data);
            continue;
        }

        test_ok(chat.root != NULL && chat.model_node != NULL);
        test_ok(chat.dialect == &ngx_llm_anthropic);

        ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
        test_dump(&chat, &out);

        got.data = out.start;
        got.len = ngx_llm_out_len(&out);

        if (!test_same(got, want)) {
            fprintf(stderr, "%.*s", (int) got.len, got.data);
        }

        free(body.data);
        free(want.data);
    }

    test_case = "";
}


static void
test_refusals(void)
{
    ngx_str_t        body;
    test_refused_t  *row;
    ngx_llm_chat_t   chat;
    ngx_llm_error_t  err;

    for (row = test_refused; row->body; row++) {
        test_reset();
        test_case = row->body;

        ngx_memzero(&err, sizeof(ngx_llm_error_t));
        body = test_copy(row->body, strlen(row->body));

        if (test_int(test_read(&chat, &body, &err), NGX_DECLINED)) {
            test_int(err.status, 400);
            test_str(err.type, "invalid_request_error");
            test_str(err.param, row->param);
            test_str(err.message, row->message);
        }

        free(body.data);
    }

    /* what the parser says is its own */

    test_case = "cut";
    test_reset();
    body = test_copy(HEAD, strlen(HEAD));

    test_int(test_read(&chat, &body, &err), NGX_DECLINED);
    test_int(err.status, 400);
    test_ok(err.message.len > sizeof("request body is not valid JSON") - 1);

    free(body.data);
    test_case = "";
}


/* what may look wrong and is right */

static void
test_odd_requests(void)
{
    ngx_str_t        body;
    ngx_uint_t       i;
    ngx_llm_chat_t   chat;
    ngx_llm_error_t  err;

    static char  *bodies[] = {
        WITH("\"stream\":null,\"tools\":null,\"system\":null"),
        WITH("\"system\":\"\""),
        WITH("\"system\":[]"),
        WITH("\"system\":[{\"type\":\"text\",\"text\":"
             "\"x-anthropic-billing-header: a\"}]"),
        NULL
    };

    for (i = 0; bodies[i]; i++) {
        test_reset();
        test_case = bodies[i];
        body = test_copy(bodies[i], strlen(bodies[i]));

        test_int(test_read(&chat, &body, &err), NGX_OK);
        test_int(chat.nmessages, 1);
        test_int(chat.messages->role, NGX_LLM_ROLE_USER);
        test_ok(chat.unknown == NULL && chat.tools == NULL && !chat.stream);

        free(body.data);
    }

    /* a session is cut off only behind a user */

    test_reset();
    test_case = "user";
    body = test_string(WITH("\"metadata\":{\"user_id\":\"_session_1\"}"));

    test_int(test_read(&chat, &body, &err), NGX_OK);
    test_str(chat.user, "_session_1");

    /* calls are parallel unless the client forbids it */

    test_reset();
    test_case = "parallel";
    body = test_string(WITH("\"tool_choice\":{\"type\":\"any\","
                            "\"disable_parallel_tool_use\":false}"));

    test_int(test_read(&chat, &body, &err), NGX_OK);
    test_int(chat.tool_choice, NGX_LLM_TOOL_CHOICE_REQUIRED);
    test_int(chat.parallel_set, 0);

    test_case = "";
}


static void
test_depth(void)
{
    u_char          *p;
    ngx_str_t        body;
    ngx_uint_t       i;
    ngx_llm_chat_t   chat;
    ngx_llm_error_t  err;

    test_reset();
    test_case = "depth";

    body.data = ngx_pnalloc(test_pool, 4096);
    p = ngx_cpymem(body.data, HEAD ",\"x\":", sizeof(HEAD ",\"x\":") - 1);

    for (i = 0; i < NGX_LLM_MAX_DEPTH + 1; i++) {
        *p++ = '[';
    }

    for (i = 0; i < NGX_LLM_MAX_DEPTH + 1; i++) {
        *p++ = ']';
    }

    *p++ = '}';
    body.len = p - body.data;

    test_int(test_read(&chat, &body, &err), NGX_DECLINED);
    test_int(err.status, 400);

    test_case = "";
}


/* each allocation fails once */

static void
test_memory(void)
{
    ngx_int_t        rc;
    ngx_str_t        body;
    ngx_uint_t       i, n;
    ngx_llm_chat_t   chat;
    ngx_llm_error_t  err;

    test_case = "memory";

    for (i = 0; test_fixture_names[i]; i++) {
        char  name[128];

        snprintf(name, sizeof(name), "t/fixtures/anthropic_client/%s.json",
                 test_fixture_names[i]);
        body = test_file(name);

        for (n = 1; n < 1000; n++) {
            test_reset();

            ngx_stubs_fail = n;
            rc = test_read(&chat, &body, &err);

            if (ngx_stubs_fail) {
                ngx_stubs_fail = 0;
                test_int(rc, NGX_OK);
                break;
            }

            /* the parser calls it bad JSON */

            test_ok(rc == NGX_ERROR || rc == NGX_DECLINED);
        }

        test_ok(n > 2 && n < 1000);

        free(body.data);
    }

    test_case = "";
}


static void
test_edits(void)
{
    ngx_str_t          body, *slice;
    ngx_uint_t         i;
    ngx_array_t       *edits, *slices;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_error_t    err;
    ngx_llm_target_t   target;

    test_reset();

    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    body = test_string("{ \"max_tokens\": 1.0,\n \"model\" : \"m\\u006f\", "
                       "\"messages\":[{\"content\":\"x\",\"role\":\"user\"}],"
                       "\"new_field\" : [1,  2]}\n");

    test_int(test_read(&chat, &body, &err), NGX_OK);
    test_str(chat.model, "mo");

    edits = ngx_array_create(test_pool, 2, sizeof(ngx_llm_edit_t));
    slices = ngx_array_create(test_pool, 8, sizeof(ngx_str_t));

    /* nothing changes, not even the spelling */

    target.model = test_string("mo");

    test_int(ngx_llm_anthropic_edit_request(&chat, &target, edits, &err),
             NGX_OK);
    test_int(edits->nelts, 0);

    target.model = test_string("claude \"4\"\n");

    test_int(ngx_llm_anthropic_edit_request(&chat, &target, edits, &err),
             NGX_OK);
    test_int(edits->nelts, 1);
    test_int(ngx_llm_edit_apply(&chat.text, edits, slices), NGX_OK);

    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);

    slice = slices->elts;

    for (i = 0; i < slices->nelts; i++) {
        ngx_llm_out_str(&out, &slice[i]);
    }

    test_out(out, "{ \"max_tokens\": 1.0,\n \"model\" : \"claude "
                  "\\\"4\\\"\\n\", "
                  "\"messages\":[{\"content\":\"x\",\"role\":\"user\"}],"
                  "\"new_field\" : [1,  2]}\n");
}


static void
test_errors(void)
{
    char             want[512];
    test_error_t    *row;
    ngx_llm_out_t    out;
    ngx_llm_error_t  err;

    for (row = test_error_rows; row->body; row++) {
        test_reset();

        ngx_memzero(&err, sizeof(ngx_llm_error_t));

        err.status = row->status;
        err.fail = row->fail;
        err.type = test_string(row->type);
        err.code = test_string(row->code);
        err.message = test_string(row->message);

        ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
        ngx_llm_anthropic_write_error(&err, &out);

        snprintf(want, sizeof(want),
                 "{\"type\":\"error\",\"error\":{\"type\":\"%s\","
                 "\"message\":\"%s\"},\"request_id\":null}",
                 row->body, row->message);
        test_out(out, want);

        ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
        ngx_llm_anthropic_write_stream_error(&err, &out);

        snprintf(want, sizeof(want),
                 "event: error\ndata: {\"type\":\"error\",\"error\":"
                 "{\"type\":\"%s\",\"message\":\"%s\"}}\n\n",
                 row->body, row->message);
        test_out(out, want);
    }

    /* what agents look for, unless it is already said */

    err.status = 400;
    err.type = test_string("invalid_request_error");
    err.code = test_string("context_length_exceeded");
    err.message = test_string("too many tokens");

    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    ngx_llm_anthropic_write_error(&err, &out);

    test_out(out, "{\"type\":\"error\",\"error\":{\"type\":"
                  "\"invalid_request_error\",\"message\":\"too many tokens "
                  "(capability_rejected: prompt_too_long)\"},"
                  "\"request_id\":null}");

    err.message = test_string("Prompt is too long: 9 tokens > 8 maximum");

    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    ngx_llm_anthropic_write_error(&err, &out);

    test_out(out, "{\"type\":\"error\",\"error\":{\"type\":"
                  "\"invalid_request_error\",\"message\":\"Prompt is too "
                  "long: 9 tokens > 8 maximum\"},\"request_id\":null}");

    /* whose request it was, in both forms */

    err.message = test_string("no");
    err.code.len = 0;
    err.request_id = test_string("req \"1\"");

    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    ngx_llm_anthropic_write_error(&err, &out);

    test_out(out, "{\"type\":\"error\",\"error\":{\"type\":"
                  "\"invalid_request_error\",\"message\":\"no\"},"
                  "\"request_id\":\"req \\\"1\\\"\"}");

    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    ngx_llm_anthropic_write_stream_error(&err, &out);

    test_out(out, "event: error\ndata: {\"type\":\"error\",\"error\":{"
                  "\"type\":\"invalid_request_error\",\"message\":\"no\"},"
                  "\"request_id\":\"req \\\"1\\\"\"}\n\n");
}


static void
test_counts(void)
{
    ngx_str_t           body, id;
    ngx_llm_out_t       out;
    ngx_llm_chat_t      chat;
    ngx_llm_error_t     err;
    ngx_llm_writer_t    w;
    ngx_llm_response_t  res;

    test_case = "counts";
    test_reset();

    /* "max_tokens" is no part of it, and it never is a stream */

    body = test_string("{\"model\":\"m\",\"stream\":true,\"messages\":["
                       "{\"role\":\"user\",\"content\":\"x\"}]}");

    ngx_llm_chat_init(&chat, test_pool, &body);
    test_int(ngx_llm_anthropic_read_request(&chat, &err), NGX_DECLINED);
    test_str(err.param, "max_tokens");

    ngx_llm_chat_init(&chat, test_pool, &body);
    chat.count = 1;
    test_int(ngx_llm_anthropic_read_request(&chat, &err), NGX_OK);
    test_int(chat.stream, 0);
    test_int(chat.max_tokens, -1);

    body = test_string("{\"model\":\"m\"}");

    ngx_llm_chat_init(&chat, test_pool, &body);
    chat.count = 1;
    test_int(ngx_llm_anthropic_read_request(&chat, &err), NGX_DECLINED);
    test_str(err.param, "messages");

    id = test_string("req_1");
    test_int(ngx_llm_response_init(&res, test_pool), NGX_OK);
    test_int(ngx_llm_writer_init(&w, &ngx_llm_anthropic, test_pool, &chat,
                                 &id, 0), NGX_OK);
    res.count = 1;
    res.usage.prompt = 14;

    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    ngx_llm_anthropic_write_response(&w, &res, &out);
    test_out(out, "{\"input_tokens\":14}");

    test_case = "";
}


static ngx_int_t
test_read(ngx_llm_chat_t *chat, ngx_str_t *body, ngx_llm_error_t *err)
{
    ngx_llm_chat_init(chat, test_pool, body);

    return ngx_llm_anthropic_read_request(chat, err);
}


static void
test_dump(ngx_llm_chat_t *chat, ngx_llm_out_t *out)
{
    ngx_str_t           *stop, number;
    ngx_uint_t           i;
    ngx_llm_json_t     **unknown;
    ngx_llm_tool_t      *tool;
    ngx_llm_message_t   *message;
    u_char               buf[NGX_INT64_LEN];

    static char  *choices[] = { "unset", "auto", "none", "required",
                                "named " };

    test_put(out, "model ", &chat->model);
    ngx_llm_out_char(out, '\n');

    number.data = buf;
    number.len = ngx_sprintf(buf, "%L", chat->max_tokens) - buf;
    test_put(out, "max_tokens ", &number);
    ngx_llm_out_char(out, '\n');

    if (chat->stream) {
        test_put(out, chat->include_usage ? "stream usage\n" : "stream\n",
                 NULL);
    }

    if (chat->user.data) {
        test_put(out, "user ", &chat->user);
        ngx_llm_out_char(out, '\n');
    }

    if (chat->stop) {
        stop = chat->stop->elts;

        for (i = 0; i < chat->stop->nelts; i++) {
            test_put(out, "stop ", &stop[i]);
            ngx_llm_out_char(out, '\n');
        }
    }

    if (chat->format == NGX_LLM_FORMAT_SCHEMA) {
        test_put(out, "format ", &chat->schema_name);
        test_put(out, chat->schema_strict ? " strict " : " ", &chat->schema);
        ngx_llm_out_char(out, '\n');
    }

    for (i = 0; i < NGX_LLM_PARAMS; i++) {
        if (chat->param[i]) {
            test_put(out, "param ", ngx_llm_param_name(i));
            test_put(out, " ", &chat->param[i]->raw);
            ngx_llm_out_char(out, '\n');
        }
    }

    if (chat->unknown) {
        unknown = chat->unknown->elts;

        for (i = 0; i < chat->unknown->nelts; i++) {
            test_put(out, "unknown ", &unknown[i]->key);
            test_put(out, " ", &unknown[i]->raw);
            ngx_llm_out_char(out, '\n');
        }
    }

    for (tool = chat->tools; tool; tool = tool->next) {
        test_put(out, "tool ", &tool->name);
        test_put(out, tool->strict ? " strict" : "", NULL);
        test_put(out, tool->vendor ? " vendor" : "", NULL);
        test_put_cache(out, tool->cache_control);
        ngx_llm_out_char(out, '\n');

        if (tool->description.data) {
            test_put(out, "  description ", &tool->description);
            ngx_llm_out_char(out, '\n');
        }

        if (tool->schema.data) {
            test_put(out, "  schema ", &tool->schema);
            ngx_llm_out_char(out, '\n');
        }
    }

    if (chat->tool_choice != NGX_LLM_TOOL_CHOICE_UNSET) {
        test_put(out, "choice ", NULL);
        test_put(out, choices[chat->tool_choice], &chat->tool_name);
        ngx_llm_out_char(out, '\n');
    }

    if (chat->parallel_set) {
        test_put(out, chat->parallel ? "parallel on\n" : "parallel off\n",
                 NULL);
    }

    if (chat->has_images) {
        test_put(out, "images\n", NULL);
    }

    for (message = chat->messages; message; message = message->next) {
        test_dump_message(message, out);
    }
}


static void
test_dump_message(ngx_llm_message_t *message, ngx_llm_out_t *out)
{
    ngx_llm_part_t  *part;

    static char  *roles[] = { " system", " developer", " user", " assistant",
                              " tool" };

    ngx_llm_out_lit(out, "message ");
    ngx_llm_out_int(out, message->index);
    test_put(out, roles[message->role], NULL);

    if (message->tool_call_id.data) {
        test_put(out, " ", &message->tool_call_id);
    }

    if (message->is_error) {
        test_put(out, " error", NULL);
    }

    test_put_cache(out, message->cache_control);
    ngx_llm_out_char(out, '\n');

    for (part = message->parts; part; part = part->next) {
        test_dump_part(part, out);
    }
}


static void
test_dump_part(ngx_llm_part_t *part, ngx_llm_out_t *out)
{
    static char  *types[] = { "text", "image", "audio", "file", "refusal",
                              "reasoning", "redacted", "tool_call", "other" };

    test_put(out, "  ", NULL);
    test_put(out, types[part->type], NULL);

    if (part->type == NGX_LLM_PART_OTHER) {
        test_put(out, " ", &part->node->raw);
    }

    if (part->text.data) {
        ngx_llm_out_char(out, ' ');
        ngx_llm_out_quoted(out, &part->text);
    }

    if (part->signature.data) {
        test_put(out, " signature=", &part->signature);
    }

    if (part->media_type.data) {
        test_put(out, " ", &part->media_type);
    }

    if (part->data.data) {
        test_put(out, " ", &part->data);
    }

    if (part->url.data) {
        test_put(out, " url=", &part->url);
    }

    if (part->type == NGX_LLM_PART_TOOL_CALL) {
        test_put(out, " ", &part->id);
        test_put(out, " ", &part->name);
        test_put(out, " ", &part->input);

    } else {

        if (part->id.data) {
            test_put(out, " id=", &part->id);
        }

        if (part->name.data) {
            test_put(out, " name=", &part->name);
        }
    }

    test_put_cache(out, part->cache_control);
    ngx_llm_out_char(out, '\n');
}


static void
test_put(ngx_llm_out_t *out, char *name, ngx_str_t *value)
{
    ngx_llm_out_data(out, (u_char *) name, strlen(name));

    if (value) {
        ngx_llm_out_str(out, value);
    }
}


static void
test_put_cache(ngx_llm_out_t *out, ngx_llm_json_t *node)
{
    if (node) {
        test_put(out, " cache=", &node->raw);
    }
}
