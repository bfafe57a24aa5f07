
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Bedrock: answers, streams and errors in neutral form.
 */


#include "ngx_llm_bedrock.h"
#include "test_provider.h"
#include "test_eventstream.h"


static void test_chat(ngx_llm_chat_t *chat);
static void test_error_headers(void);
static void test_flat(void);
static void test_many_citations(void);


int
main(int argc, char *const *argv)
{
    ngx_pool_t      *pool;
    ngx_llm_chat_t   chat;

    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_bedrock;
    test_provider.name = "bedrock";
    test_provider.suffix = "eventstream";

    /* a tool whose name the service does not take */

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    chat.pool = pool;
    test_chat(&chat);
    test_dump_chat = &chat;

    test_cases("responses.txt", test_response);
    test_cases("errors.txt", test_error);
    test_long_error("{\"message\":\"", "\"}");
    test_streams();
    test_error_headers();
    test_flat();
    test_many_citations();

    ngx_destroy_pool(pool);

    return test_done("bedrock response");
}


static void
test_chat(ngx_llm_chat_t *chat)
{
    ngx_llm_tool_t  *tool;

    tool = ngx_llm_chat_add_tool(chat, NULL);
    ngx_str_set(&tool->name, "f");

    tool = ngx_llm_chat_add_tool(chat, tool);
    ngx_str_set(&tool->name, "a.b");
}


/* what the header says after the body was read */

static void
test_error_headers(void)
{
    ngx_str_t         text, value;
    ngx_uint_t        i;
    ngx_pool_t       *pool;
    ngx_llm_error_t   err;

    static struct {
        ngx_uint_t   status;
        char        *header;
        char        *body;
        ngx_uint_t   want;
        ngx_uint_t   fail;
        char        *code;
    } cases[] = {
        { 400, "ValidationException", "{\"message\":\"m\"}",
          400, NGX_LLM_FAIL_REQUEST, NULL },
        { 400, "ServiceQuotaExceededException:http://internal/",
          "{\"message\":\"m\"}",
          429, NGX_LLM_FAIL_RATE_LIMIT, "insufficient_quota" },
        { 400, "com.amazon.coral.service#ThrottlingException",
          "{\"message\":\"m\"}",
          429, NGX_LLM_FAIL_RATE_LIMIT, "provider_rate_limit" },
        { 400, "ExpiredTokenException", "{\"message\":\"m\"}",
          502, NGX_LLM_FAIL_AUTH, "provider_auth" },
        { 400, "IncompleteSignature", "{\"message\":\"m\"}",
          502, NGX_LLM_FAIL_AUTH, "provider_auth" },
        { 403, "AccessDeniedException", "{\"Message\":\"m\"}",
          502, NGX_LLM_FAIL_AUTH, "provider_auth" },
        { 404, "ResourceNotFoundException", "{\"message\":\"m\"}",
          404, NGX_LLM_FAIL_NO_MODEL, "model_not_found" },
        { 408, "ModelTimeoutException", "{\"message\":\"m\"}",
          504, NGX_LLM_FAIL_SERVER_ERROR, NULL },
        { 424, "ModelErrorException",
          "{\"message\":\"m\",\"originalStatusCode\":400}",
          400, NGX_LLM_FAIL_REQUEST, NULL },
        { 424, "ModelErrorException", "{\"message\":\"m\"}",
          502, NGX_LLM_FAIL_SERVER_ERROR, NULL },
        { 429, "ModelNotReadyException", "{\"message\":\"m\"}",
          429, NGX_LLM_FAIL_RATE_LIMIT, "provider_rate_limit" },
        { 503, "ServiceUnavailableException", "{\"message\":\"m\"}",
          503, NGX_LLM_FAIL_OVERLOADED, "server_is_overloaded" },
        { 400, "ValidationException",
          "{\"message\":\"Input is too long for requested model.\"}",
          400, NGX_LLM_FAIL_CONTEXT, "context_length_exceeded" },
        { 400, "ValidationException",
          "{\"message\":\"Invocation of model ID x with on-demand throughput "
          "isn\\u2019t supported.\"}",
          404, NGX_LLM_FAIL_NO_MODEL, "model_not_found" },
        { 418, "SomethingNew", "{\"message\":\"m\"}",
          400, NGX_LLM_FAIL_REQUEST, NULL },
        { 500, "#", "", 502, NGX_LLM_FAIL_SERVER_ERROR, NULL },
        { 0, NULL, NULL, 0, 0, NULL }
    };

    for (i = 0; cases[i].header; i++) {
        test_case = cases[i].header;
        pool = test_reset();

        text = test_string(cases[i].body);
        value = test_string(cases[i].header);

        ngx_llm_bedrock.read_error(pool, cases[i].status, &text, &err);
        ngx_llm_bedrock.read_error_header(&value, &err);

        test_int(err.status, cases[i].want);
        test_int(err.fail, cases[i].fail);
        test_str(err.code, cases[i].code);
    }
}


/* a long stream takes no more memory than a short one */

static void
test_flat(void)
{
    size_t              held;
    u_char             *last, *pos;
    ngx_str_t           headers, payload, type;
    ngx_uint_t          i;
    ngx_pool_t         *pool, *scratch;
    ngx_llm_out_t       out;
    ngx_llm_frame_t     frame;
    ngx_llm_reader_t    reader;
    u_char              buf[4096], head[256], message[1024];

    static char  *events[][2] = {
        { "contentBlockDelta", "{\"contentBlockIndex\":0,"
          "\"delta\":{\"text\":\"abc\"}}" },
        { "contentBlockDelta", "{\"contentBlockIndex\":0,"
          "\"delta\":{\"citation\":{\"title\":\"t\",\"location\":"
          "{\"web\":{\"url\":\"https://a/\"}}}}}" },
        { "contentBlockStop", "{\"contentBlockIndex\":0}" },
        { "contentBlockDelta", "{\"contentBlockIndex\":1,"
          "\"delta\":{\"reasoningContent\":{\"text\":\"t\"}}}" }
    };

    test_case = "flat";
    pool = test_reset();
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    test_int(ngx_llm_reader_init(&reader, &ngx_llm_bedrock, pool, scratch),
             NGX_OK);

    reader.handler = test_dump_event;
    reader.data = &out;

    held = 0;

    for (i = 0; i < 4000; i++) {

        type = test_string(events[i % 4][0]);
        payload = test_string(events[i % 4][1]);

        headers.data = head;
        headers.len = test_header(head, ":event-type", &type) - head;

        last = test_message(message, &headers, &payload);

        ngx_llm_out_init(&out, NULL, buf, sizeof(buf), sizeof(buf));

        /* in two pieces, so that some is held */

        pos = message;
        test_int(ngx_llm_reader_next(&reader, &pos, pos + 20, &frame),
                 NGX_AGAIN);
        test_int(ngx_llm_reader_next(&reader, &pos, last, &frame), NGX_OK);

        ngx_reset_pool(scratch);

        if (i == 7) {
            held = ngx_stubs_held;
        }
    }

    test_int(ngx_stubs_held, held);

    ngx_destroy_pool(scratch);
}


/* more than is held for one block: the text and what fits are told */

static void
test_many_citations(void)
{
    u_char         *last, *p;
    ngx_str_t       headers, payload, text, type;
    ngx_uint_t      i, n;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   in, out;
    u_char          head[256], message[1024];

    test_case = "many citations";
    pool = test_reset();
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    ngx_llm_out_init(&in, pool, NULL, 0, TEST_DUMP);
    ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);

    ngx_str_set(&type, "contentBlockDelta");
    headers.data = head;
    headers.len = test_header(head, ":event-type", &type) - head;

    for (i = 0; i < 4000; i++) {
        payload = test_string(i ? "{\"delta\":{\"citation\":{\"title\":\"t\","
                                  "\"location\":{\"web\":{\"url\":"
                                  "\"https://0123456789/\"}}}}}"
                                : "{\"delta\":{\"text\":\"ab\"}}");

        last = test_message(message, &headers, &payload);
        ngx_llm_out_data(&in, message, last - message);
    }

    ngx_str_set(&type, "messageStop");
    headers.len = test_header(head, ":event-type", &type) - head;
    ngx_str_set(&payload, "{\"stopReason\":\"end_turn\"}");

    last = test_message(message, &headers, &payload);
    ngx_llm_out_data(&in, message, last - message);

    text.data = in.start;
    text.len = ngx_llm_out_len(&in);

    test_int(test_dump_stream(&ngx_llm_bedrock, pool, scratch, &text, 0, 0,
                              &out),
             NGX_OK);

    ngx_llm_out_char(&out, '\0');

    n = 0;

    for (p = out.start; /* void */ ; p++) {

        p = (u_char *) strstr((char *) p, "url_citation\":{");

        if (p == NULL) {
            break;
        }

        n++;
    }

    test_ok(n > 500 && n < 4000);
    test_ok(strstr((char *) out.start, "finish stop\ndone\n") != NULL);

    ngx_destroy_pool(scratch);
}
