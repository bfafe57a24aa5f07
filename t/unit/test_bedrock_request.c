
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Bedrock: requests, paths, headers, signatures, models.
 */


#include "ngx_llm_bedrock.h"
#include "test_provider.h"


static void test_path(void);
static void test_headers(void);
static void test_sign(void);
static void test_models(void);


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_bedrock;
    test_provider.name = "bedrock";
    ngx_str_set(&test_provider.target.provider, "aws");
    ngx_str_set(&test_provider.target.model, "us.amazon.nova-pro-v1:0");

    test_requests();
    test_path();
    test_headers();
    test_sign();
    test_models();

    return test_done("bedrock request");
}


static void
test_path(void)
{
    ngx_uint_t         i;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    static struct {
        char        *base;
        char        *model;
        ngx_uint_t   stream;
        char        *path;      /* NULL: refused */
    } paths[] = {
        { "", "amazon.nova-lite-v1:0", 0,
          "/model/amazon.nova-lite-v1%3A0/converse" },
        { "", "amazon.nova-lite-v1:0", 1,
          "/model/amazon.nova-lite-v1%3A0/converse-stream" },
        { "/proxy", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 0,
          "/proxy/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
          "/invoke" },
        { "", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 1,
          "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
          "/invoke-with-response-stream" },
        { "", "converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0", 0,
          "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse" },
        { "", "arn:aws:bedrock:us-east-1:123456789012:"
              "application-inference-profile/abc", 0,
          "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A"
          "application-inference-profile%2Fabc/converse" },
        { "", "claude-sonnet-4-5/arn:aws:bedrock:us-east-1:123456789012:"
              "application-inference-profile/abc", 1,
          "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A"
          "application-inference-profile%2Fabc"
          "/invoke-with-response-stream" },
        { "", "converse/claude-sonnet-4-5/arn:aws:bedrock:us-east-1:1:"
              "application-inference-profile/abc", 0,
          "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3A"
          "application-inference-profile%2Fabc/converse" },
        { "", "arn:aws:bedrock:us-east-1:1:default-prompt-router/"
              "anthropic.claude:1", 0,
          "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3A"
          "default-prompt-router%2Fanthropic.claude%3A1/converse" },
        { "", "a/../b?c=d#e%2f\xc3\xa9 \r\n", 0,
          "/model/a%2F..%2Fb%3Fc%3Dd%23e%252f%C3%A9%20%0D%0A/converse" },
        { "", "..", 0, NULL },
        { "", "converse/.", 0, NULL },
        { NULL, NULL, 0, NULL }
    };

    pool = test_reset();
    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    for (i = 0; paths[i].model; i++) {
        test_case = paths[i].model;

        target.base = test_string(paths[i].base);
        target.model = test_string(paths[i].model);
        chat.stream = paths[i].stream;

        ngx_llm_out_init(&out, pool, NULL, 0, 1024);
        ngx_llm_bedrock.write_path(&chat, &target, &out);

        if (paths[i].path) {
            test_out(out, paths[i].path);

        } else {
            test_ok(out.failed);
        }
    }
}


static void
test_headers(void)
{
    ngx_str_t          text;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_error_t    err;
    ngx_llm_target_t   target;

    test_case = "headers";
    pool = test_reset();

    ngx_memzero(&target, sizeof(ngx_llm_target_t));
    ngx_str_set(&target.model, "amazon.nova-lite-v1:0");

    text = test_string("{\"model\":\"m\",\"stream\":true,\"service_tier\":"
                       "\"fast\",\"messages\":[{\"role\":\"user\","
                       "\"content\":\"Hi\"}],\"guardrailConfig\":"
                       "{\"guardrailIdentifier\":\"gr1\","
                       "\"guardrailVersion\":\"DRAFT\",\"trace\":"
                       "\"enabled_full\"},\"performanceConfig\":"
                       "{\"latency\":\"optimized\"}}");

    ngx_llm_chat_init(&chat, pool, &text);
    test_int(ngx_llm_openai.read_request(&chat, &err), NGX_OK);

    /* in Converse the body has it all */

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_bedrock.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: application/vnd.amazon.eventstream" CRLF);

    chat.stream = 0;
    ngx_str_set(&target.model, "anthropic.claude-sonnet-4-5-20250929-v1:0");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_bedrock.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: application/json" CRLF
                  "X-Amzn-Bedrock-GuardrailIdentifier: gr1" CRLF
                  "X-Amzn-Bedrock-GuardrailVersion: DRAFT" CRLF
                  "X-Amzn-Bedrock-Trace: ENABLED_FULL" CRLF
                  "X-Amzn-Bedrock-PerformanceConfig-Latency: optimized" CRLF
                  "X-Amzn-Bedrock-Service-Tier: priority" CRLF);
}


static void
test_sign(void)
{
    ngx_int_t          rc;
    ngx_str_t          body, none;
    ngx_uint_t         i;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_signed_t   s;
    ngx_llm_target_t   target;

    static struct {
        char  *key;
        char  *region;
        char  *host;
        char  *want;            /* NULL: it cannot be done */
    } cases[] = {
        { "", "", "bedrock-runtime.us-east-1.amazonaws.com", "" },
        { "ABSKQmVkcm9ja0FQSUtleS0x", "",
          "bedrock-runtime.us-east-1.amazonaws.com",
          "Authorization: Bearer ABSKQmVkcm9ja0FQSUtleS0x" CRLF },
        { "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "",
          "bedrock-runtime.us-east-1.amazonaws.com",
          "X-Amz-Date: 20150830T123600Z" CRLF
          "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/"
          "us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;"
          "x-amz-date, Signature=405238c732dbbdbb783d0617e5f8c3ea9f07db7368f"
          "acde9141996e2b73bd345" CRLF },
        { "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY:T/O+K==",
          "eu-west-1", "127.0.0.1:8080",
          "X-Amz-Date: 20150830T123600Z" CRLF
          "X-Amz-Security-Token: T/O+K==" CRLF
          "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/"
          "eu-west-1/bedrock/aws4_request, SignedHeaders=content-type;host;"
          "x-amz-date;x-amz-security-token, Signature=b600907bd6461b6"
          "288ec09258175805b66ef41b240d5a46146bf67d57d044527" CRLF },
        { "A:B", "", "127.0.0.1:8080", NULL },
        { "A:", "us-east-1", "h", NULL },
        { "A:B", "", "bedrock-runtime.", NULL },
        { "A:B", "", "xbedrock-runtime.us-east-1.amazonaws.com", NULL },
        { "A:B", "", "vpce-1.bedrock-runtime.us-west-2.vpce.amazonaws.com",
          "X-Amz-Date: 20150830T123600Z" CRLF
          "Authorization: AWS4-HMAC-SHA256 Credential=A/20150830/us-west-2/" },
        { "A:B", "", "bedrock-runtime-fips.us-gov-west-1.amazonaws.com",
          "X-Amz-Date: 20150830T123600Z" CRLF
          "Authorization: AWS4-HMAC-SHA256 "
          "Credential=A/20150830/us-gov-west-1/" },
        { "A\r\nB", "us-east-1", "h", NULL },
        { "A\r\nx: y:B", "us-east-1", "h", NULL },
        { NULL, NULL, NULL, NULL }
    };

    ngx_str_null(&none);
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    for (i = 0; cases[i].key; i++) {
        test_case = cases[i].key;
        pool = test_reset();

        ngx_llm_chat_init(&chat, pool, &none);
        ngx_memzero(&s, sizeof(ngx_llm_signed_t));

        target.key = test_string(cases[i].key);
        target.region = test_string(cases[i].region);

        body = test_string("{\"messages\":[{\"role\":\"user\",\"content\":"
                           "[{\"text\":\"Hello\"}]}]}");

        ngx_str_set(&s.method, "POST");
        ngx_str_set(&s.type, "application/json");

        s.host = test_string(cases[i].host);
        s.path = test_string("/model/us.anthropic.claude-sonnet-4-5-20250929"
                             "-v1%3A0/converse");
        s.body = &body;
        s.nbody = 1;
        s.now = 1440938160;

        ngx_llm_out_init(&out, pool, NULL, 0, 4096);
        rc = ngx_llm_bedrock.sign(&chat, &target, &s, &out);

        if (cases[i].want == NULL) {
            test_ok(rc == NGX_ERROR || out.failed);
            continue;
        }

        test_int(rc, NGX_OK);
        test_ok(!out.failed);
        ngx_llm_out_char(&out, '\0');

        if (test_print) {
            printf("%s\n", out.start);
        }

        test_ok(strncmp((char *) out.start, cases[i].want,
                        strlen(cases[i].want)) == 0);
        test_ok(cases[i].want[0] != '\0' || out.start[0] == '\0');
    }
}


static void
test_models(void)
{
    ngx_str_t               model;
    ngx_uint_t              i;
    ngx_llm_bedrock_name_t  name;

    static struct {
        char        *model;
        ngx_uint_t   invoke;
        ngx_uint_t   has;
        ngx_uint_t   lacks;
    } models[] = {
        { "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 1,
          NGX_LLM_BEDROCK_CLAUDE|NGX_LLM_BEDROCK_SCHEMA, 0 },
        { "anthropic.claude-3-haiku-20240307-v1:0", 1,
          NGX_LLM_BEDROCK_CLAUDE|NGX_LLM_BEDROCK_TOOL,
          NGX_LLM_BEDROCK_SCHEMA },
        { "converse/global.anthropic.claude-opus-4-6-v1", 0,
          NGX_LLM_BEDROCK_CLAUDE|NGX_LLM_BEDROCK_SCHEMA, 0 },
        { "us.amazon.nova-2-lite-v1:0", 0,
          NGX_LLM_BEDROCK_NOVA|NGX_LLM_BEDROCK_NOVA_2, 0 },
        { "amazon.nova-micro-v1:0", 0,
          NGX_LLM_BEDROCK_NOVA|NGX_LLM_BEDROCK_CACHE,
          NGX_LLM_BEDROCK_NOVA_2|NGX_LLM_BEDROCK_SCHEMA },
        { "meta.llama3-3-70b-instruct-v1:0", 0, NGX_LLM_BEDROCK_STOP,
          NGX_LLM_BEDROCK_ANY|NGX_LLM_BEDROCK_TOOL|NGX_LLM_BEDROCK_CACHE },
        { "mistral.mistral-large-2407-v1:0", 0, NGX_LLM_BEDROCK_ANY,
          NGX_LLM_BEDROCK_TOOL|NGX_LLM_BEDROCK_SCHEMA },
        { "mistral.mistral-large-3-675b-instruct", 0,
          NGX_LLM_BEDROCK_ANY|NGX_LLM_BEDROCK_SCHEMA, NGX_LLM_BEDROCK_TOOL },
        { "openai.gpt-oss-120b-1:0", 0,
          NGX_LLM_BEDROCK_EFFORT|NGX_LLM_BEDROCK_SCHEMA, 0 },
        { "deepseek.v3-v1:0", 0,
          NGX_LLM_BEDROCK_LEVEL|NGX_LLM_BEDROCK_SCHEMA, 0 },
        { "zai.glm-4.7", 0, 0, NGX_LLM_BEDROCK_STOP },
        { "", 0, NGX_LLM_BEDROCK_STOP, 0 },
        { NULL, 0, 0, 0 }
    };

    for (i = 0; models[i].model; i++) {
        test_case = models[i].model;

        model = test_string(models[i].model);
        ngx_llm_bedrock_name(&model, &name);

        test_int(name.invoke, models[i].invoke);
        test_int(ngx_llm_bedrock_model(&name.family) & models[i].has,
                 models[i].has);
        test_int(ngx_llm_bedrock_model(&name.family) & models[i].lacks, 0);
    }
}
