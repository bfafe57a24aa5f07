
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * SageMaker: requests, answers, streams in payloads, errors, embeddings.
 */


#include "ngx_llm_calls.h"
#include "ngx_llm_request.h"
#include "ngx_llm_sagemaker.h"
#include "test_provider.h"


static void test_names(void);
static void test_edits(void);
static void test_splices(void);
static void test_splice(char *name, size_t step, char *want);
static void test_signatures(void);
static ngx_int_t test_sign(char *host, char *key, char *region, char *model,
    char *find);
static void test_error_headers(void);
static void test_embeds(void);
static void test_embed(char *model, char *request, char *body, char *answer,
    ngx_int_t rc);
static ngx_int_t test_ignore(void *data, ngx_llm_event_t *ev);


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_sagemaker;
    test_provider.name = "sagemaker";
    test_provider.suffix = "eventstream";
    ngx_str_set(&test_provider.target.provider, "sage");
    ngx_str_set(&test_provider.target.model, "llama");

    test_requests();
    test_cases("responses.txt", test_response);
    test_cases("errors.txt", test_error);
    test_long_error("{\"Message\":\"", "\"}");
    test_streams();

    test_names();
    test_edits();
    test_splices();
    test_signatures();
    test_error_headers();
    test_embeds();

    return test_done("sagemaker");
}


/* what a model's name says of path and headers */

static void
test_names(void)
{
    ngx_str_t          none, got;
    ngx_uint_t         i;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    static struct {
        char        *model;
        ngx_uint_t   stream;
        char        *path;      /* NULL: there is none */
        char        *component;
    } cases[] = {
        { "llama", 0, "/b/endpoints/llama/invocations", NULL },
        { "llama", 1, "/b/endpoints/llama/invocations-response-stream", NULL },
        { "ep/part-1", 0, "/b/endpoints/ep/invocations", "part-1" },
        { "openai/ep", 0, "/b/endpoints/ep/invocations", NULL },
        { "openai/ep/c", 1, "/b/endpoints/ep/invocations-response-stream",
          "c" },
        { "openai/", 0, "/b/endpoints/openai/invocations", NULL },
        { "a?b#c d", 0, "/b/endpoints/a%3Fb%23c%20d/invocations", NULL },
        { "../x", 0, NULL, NULL },
        { "ep/c\r\nx: y", 0, "/b/endpoints/ep/invocations", "\r" },
        { NULL, 0, NULL, NULL }
    };

    ngx_str_null(&none);

    for (i = 0; cases[i].model; i++) {
        test_case = cases[i].model;
        pool = test_reset();

        ngx_llm_chat_init(&chat, pool, &none);
        chat.stream = cases[i].stream;

        ngx_memzero(&target, sizeof(ngx_llm_target_t));
        ngx_str_set(&target.base, "/b");
        target.model = test_string(cases[i].model);

        ngx_llm_out_init(&out, pool, NULL, 0, 4096);
        ngx_llm_sagemaker.write_path(&chat, &target, &out);

        if (cases[i].path == NULL) {
            test_ok(out.failed);
            continue;
        }

        got.data = out.start;
        got.len = ngx_llm_out_len(&out);
        test_ok(!out.failed);
        test_str(got, cases[i].path);

        ngx_llm_out_init(&out, pool, NULL, 0, 4096);
        ngx_llm_sagemaker.write_headers(&chat, &target, &out);
        ngx_llm_out_char(&out, '\0');

        if (cases[i].component && cases[i].component[0] == '\r') {

            /* it would be two lines */

            test_ok(out.failed);
            continue;
        }

        test_ok(!out.failed);
        test_ok((strstr((char *) out.start, "Inference-Component: ") != NULL)
                == (cases[i].component != NULL));
        test_ok(cases[i].component == NULL
                || strstr((char *) out.start, cases[i].component) != NULL);
        test_ok((strstr((char *) out.start, "text/event-stream") != NULL)
                == cases[i].stream);
    }
}


/* a request of the same form keeps all but the model's name */

static void
test_edits(void)
{
    ngx_str_t          text, *slice;
    ngx_uint_t         i, k;
    ngx_pool_t        *pool;
    ngx_array_t        slices;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_error_t    err;
    ngx_llm_target_t   target;

    static char  *cases[][2] = {
        { "{ \"x\":1.0,\"model\" : \"m\" , \"messages\":[{\"role\":\"user\","
          "\"content\":\"Hi\"}]}",
          "{ \"x\":1.0,\"model\" : \"\" , \"messages\":[{\"role\":\"user\","
          "\"content\":\"Hi\"}]}" },
        { "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\","
          "\"content\":\"Hi\"}]}",
          "{\"model\":\"\",\"stream\":true,\"stream_options\":"
          "{\"include_usage\":true},\"messages\":[{\"role\":\"user\","
          "\"content\":\"Hi\"}]}" },
        { NULL, NULL }
    };

    for (i = 0; cases[i][0]; i++) {
        test_case = cases[i][0];
        pool = test_reset();
        text = test_string(cases[i][0]);

        ngx_memzero(&err, sizeof(ngx_llm_error_t));
        ngx_llm_chat_init(&chat, pool, &text);
        test_int(ngx_llm_openai.read_request(&chat, &err), NGX_OK);
        test_ok(ngx_llm_request_splices(&chat, &ngx_llm_sagemaker));

        target = test_provider.target;

        test_int(ngx_array_init(&slices, pool, 4, sizeof(ngx_str_t)), NGX_OK);
        test_int(ngx_llm_request(&chat, &ngx_llm_sagemaker, &target, 65536,
                                 &slices, &err),
                 NGX_OK);

        ngx_llm_out_init(&out, pool, NULL, 0, 65536);
        slice = slices.elts;

        for (k = 0; k < slices.nelts; k++) {
            ngx_llm_out_str(&out, &slice[k]);
        }

        test_out(out, cases[i][1]);
    }
}


/* what goes through to a client of the same dialect */

static void
test_splices(void)
{
    size_t  step;

    for (step = 0; step < 80; step++) {

        test_splice("blank_first", step,
            "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":"
            "{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n"
            "data: [DONE]\n\n");

        test_splice("lines", step,
            "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\","
            "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" Oh\","
            "\"role\":\"assistant\"},\"logprobs\":null,\"finish_reason\":null}"
            "]}\n\n"
            "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":"
            "{\"content\":\" assist\"},\"logprobs\":null,\"finish_reason\":"
            "\"length\"}]}\n\n"
            "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":"
            "10,\"completion_tokens\":5,\"total_tokens\":15}}\n\n"
            "data: [DONE]");

        test_splice("other_messages", step,
            "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":"
            "{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n"
            "data: [DONE]\n\n");

        test_splice("exception_first", step, "");
    }
}


static void
test_splice(char *name, size_t step, char *want)
{
    char               path[64];
    size_t             at, n;
    u_char            *copy, *last, *pos;
    ngx_int_t          rc;
    ngx_str_t          text;
    ngx_pool_t        *pool, *scratch;
    ngx_llm_out_t      out;
    ngx_llm_frame_t    frame;
    ngx_llm_reader_t   reader;

    test_case = name;

    snprintf(path, sizeof(path), "%s.eventstream", name);
    text = test_fixture(path);

    if (!test_ok(text.data != NULL)) {
        return;
    }

    pool = test_reset();
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    ngx_llm_out_init(&out, pool, NULL, 0, 65536);

    test_int(ngx_llm_reader_init(&reader, &ngx_llm_sagemaker, pool, scratch),
             NGX_OK);

    reader.handler = test_ignore;
    reader.splice = 1;

    for (at = 0; at < text.len; at += n) {
        n = (step == 0) ? text.len : ngx_min(step, text.len - at);

        copy = malloc(n);
        memcpy(copy, text.data + at, n);

        pos = copy;
        last = copy + n;

        for ( ;; ) {
            rc = ngx_llm_reader_next(&reader, &pos, last, &frame);

            if (rc != NGX_OK) {
                break;
            }

            ngx_llm_out_str(&out, &frame.raw);
        }

        test_int(rc, NGX_AGAIN);
        free(copy);
    }

    while (ngx_llm_reader_end(&reader, &frame) == NGX_OK) {
        ngx_llm_out_str(&out, &frame.raw);
    }

    test_out(out, want);

    ngx_destroy_pool(scratch);
    free(text.data);
}


static ngx_int_t
test_ignore(void *data, ngx_llm_event_t *ev)
{
    return NGX_OK;
}


static void
test_signatures(void)
{
    test_case = "signature";

    test_int(test_sign("runtime.sagemaker.eu-west-1.amazonaws.com", "ID:SECRET",
                       "", "ep",
                       "/eu-west-1/sagemaker/aws4_request, "
                       "SignedHeaders=content-type;host;x-amz-date,"),
             NGX_OK);
    test_int(test_sign("runtime-fips.sagemaker.us-east-1.amazonaws.com",
                       "ID:SECRET", "", "ep",
                       "/us-east-1/sagemaker/aws4_request"),
             NGX_OK);
    test_int(test_sign("vpce-1.runtime.sagemaker.us-east-2.vpce.amazonaws.com",
                       "ID:SECRET:TOKEN", "", "ep/c1",
                       "SignedHeaders=content-type;host;x-amz-date;"
                       "x-amz-security-token;"
                       "x-amzn-sagemaker-inference-component,"),
             NGX_OK);
    test_int(test_sign("h", "ID:SECRET", "us-west-2", "ep",
                       "/us-west-2/sagemaker/"),
             NGX_OK);

    test_int(test_sign("h", "ID:SECRET", "", "ep", NULL), NGX_ERROR);
    test_int(test_sign("h", "token", "us-west-2", "ep", NULL), NGX_ERROR);
    test_int(test_sign("h", "ID:", "us-west-2", "ep", NULL), NGX_ERROR);
    test_int(test_sign("h", ":SECRET", "us-west-2", "ep", NULL), NGX_ERROR);
    test_int(test_sign("h", "", "", "ep", ""), NGX_OK);
}


static ngx_int_t
test_sign(char *host, char *key, char *region, char *model, char *find)
{
    ngx_int_t          rc;
    ngx_str_t          none;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_signed_t   s;
    ngx_llm_target_t   target;

    pool = test_reset();

    ngx_str_null(&none);
    ngx_llm_chat_init(&chat, pool, &none);
    ngx_memzero(&target, sizeof(ngx_llm_target_t));
    ngx_memzero(&s, sizeof(ngx_llm_signed_t));

    target.key = test_string(key);
    target.region = test_string(region);
    target.model = test_string(model);
    s.host = test_string(host);
    ngx_str_set(&s.method, "POST");
    ngx_str_set(&s.type, "application/json");
    ngx_str_set(&s.path, "/endpoints/ep/invocations");
    s.now = 1700000000;

    ngx_llm_out_init(&out, pool, NULL, 0, 65536);

    rc = ngx_llm_sagemaker.sign(&chat, &target, &s, &out);

    if (rc == NGX_OK) {
        ngx_llm_out_char(&out, '\0');
        test_ok(strstr((char *) out.start, find) != NULL);
    }

    return rc;
}


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
    } cases[] = {
        { 400, "ThrottlingException", "{\"message\":\"m\"}",
          429, NGX_LLM_FAIL_RATE_LIMIT },
        { 429, "ModelNotReadyException", "{\"Message\":\"m\"}",
          429, NGX_LLM_FAIL_RATE_LIMIT },
        { 400, "ValidationError", "{\"Message\":\"Endpoint x not found.\"}",
          404, NGX_LLM_FAIL_NO_MODEL },
        { 400, "ValidationError", "{\"Message\":\"m\"}",
          400, NGX_LLM_FAIL_REQUEST },
        { 424, "ModelError", "{\"Message\":\"m\",\"OriginalMessage\":"
          "\"{\\\"error\\\":\\\"e\\\"}\",\"OriginalStatusCode\":422}",
          422, NGX_LLM_FAIL_REQUEST },
        { 503, "ServiceUnavailable", "{\"Message\":\"m\"}",
          503, NGX_LLM_FAIL_OVERLOADED },
        { 403, "ExpiredTokenException", "{\"message\":\"m\"}",
          502, NGX_LLM_FAIL_AUTH },
        { 530, "InternalDependencyException", "{\"Message\":\"m\"}",
          502, NGX_LLM_FAIL_SERVER_ERROR },
        { 0, NULL, NULL, 0, 0 }
    };

    for (i = 0; cases[i].header; i++) {
        test_case = cases[i].header;
        pool = test_reset();

        text = test_string(cases[i].body);
        value = test_string(cases[i].header);

        ngx_llm_sagemaker.read_error(pool, cases[i].status, &text, &err);
        ngx_llm_sagemaker.read_error_header(&value, &err);

        test_int(err.status, cases[i].want);
        test_int(err.fail, cases[i].fail);
    }
}


static void
test_embeds(void)
{
    test_embed("ep", "{\"model\":\"m\",\"input\":[\"a\",\"b\"]}",
               "{\"inputs\":[\"a\",\"b\"]}", "[[1,2],[3,4.5]]", NGX_OK);
    test_embed("ep/c", "{\"model\":\"m\",\"input\":\"a\"}",
               "{\"inputs\":[\"a\"]}", "[[1,2]]", NGX_OK);
    test_embed("ep", "{\"model\":\"m\",\"input\":\"a\"}",
               "{\"inputs\":[\"a\"]}", "[1,2]", NGX_OK);
    test_embed("ep", "{\"model\":\"m\",\"input\":\"a\"}",
               "{\"inputs\":[\"a\"]}",
               "{\"data\":[{\"index\":0,\"embedding\":[1,2]}]}", NGX_OK);
    test_embed("openai/ep", "{\"model\":\"m\",\"input\":\"a\","
               "\"dimensions\":2}",
               "{\"model\":\"\",\"input\":[\"a\"],\"dimensions\":2}",
               "{\"data\":[{\"index\":0,\"embedding\":[1,2]}],"
               "\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}", NGX_OK);
    test_embed("ep", "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":2}",
               NULL, NULL, NGX_DECLINED);
    test_embed("ep", "{\"model\":\"m\",\"input\":[1,2]}",
               NULL, NULL, NGX_DECLINED);
    test_embed("ep", "{\"model\":\"m\",\"input\":\"a\"}",
               "{\"inputs\":[\"a\"]}", "[[1],[2]]", NGX_DECLINED);
    test_embed("ep", "{\"model\":\"m\",\"input\":\"a\"}",
               "{\"inputs\":[\"a\"]}", "[]", NGX_DECLINED);
    test_embed("ep", "{\"model\":\"m\",\"input\":\"a\"}",
               "{\"inputs\":[\"a\"]}", "{\"generated_text\":\"x\"}",
               NGX_DECLINED);
}


/* body: NULL, it cannot be asked for */

static void
test_embed(char *model, char *request, char *body, char *answer, ngx_int_t want)
{
    ngx_int_t                rc;
    ngx_str_t                text;
    ngx_pool_t              *pool;
    ngx_llm_out_t            out;
    ngx_llm_chat_t           chat;
    ngx_llm_json_t          *root;
    ngx_llm_embed_t          embed;
    ngx_llm_error_t          err;
    ngx_llm_target_t         target;
    ngx_llm_embed_answer_t   got;

    test_case = answer ? answer : request;
    pool = test_reset();
    text = test_string(request);

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    ngx_memzero(&embed, sizeof(ngx_llm_embed_t));
    ngx_llm_chat_init(&chat, pool, &text);
    embed.chat = &chat;

    test_int(ngx_llm_openai_read_embed(&embed, &err), NGX_OK);

    target = test_provider.target;
    target.model = test_string(model);

    ngx_llm_out_init(&out, pool, NULL, 0, 65536);
    rc = ngx_llm_sagemaker_embed.write_request(&embed, &target, &out, &err);

    if (body == NULL) {
        test_int(rc, want);
        return;
    }

    test_int(rc, NGX_OK);
    test_out(out, body);

    test_int(ngx_llm_embed_answer_init(&got, pool, embed.n), NGX_OK);

    text = test_string(answer);
    root = ngx_llm_embed_parse(&got, &text);

    if (!test_ok(root != NULL)) {
        return;
    }

    rc = ngx_llm_sagemaker_embed.read_response(root, &embed, &got, &err);

    if (rc == NGX_OK && !ngx_llm_embed_whole(&got, embed.n)) {
        rc = NGX_DECLINED;
    }

    test_int(rc, want);
}
