
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Costs on their way: the tier that providers say, plain and in streams, and
 * usage.cost in what clients get, in every dialect.
 */


#include "test.h"
#include "ngx_llm_dialect.h"


typedef struct {
    const ngx_llm_dialect_t  *dialect;
    const char               *name;
    const char               *plain;
    const char               *stream;
    ngx_uint_t                service;
} test_tier_t;


static void test_insert(void);
static void test_tiers(void);
static ngx_int_t test_tier_event(void *data, ngx_llm_event_t *ev);
static void test_plain_writers(void);
static void test_stream_writers(void);
static void test_event(ngx_llm_writer_t *w, ngx_llm_event_e type,
    ngx_llm_usage_t *usage, ngx_llm_out_t *out);
static ngx_uint_t test_count(ngx_llm_out_t *out, const char *text);


#define TEST_CHOICE                                                          \
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","         \
    "\"content\":\"y\"},\"finish_reason\":\"stop\"}],"
#define TEST_USAGE  "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}"
#define TEST_CLAUDE                                                          \
    "\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\","              \
    "\"model\":\"c\",\"content\":[{\"type\":\"text\",\"text\":\"y\"}],"      \
    "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":5,"            \
    "\"output_tokens\":2"
#define TEST_GEMINI                                                          \
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":["          \
    "{\"text\":\"y\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{"     \
    "\"promptTokenCount\":5,\"candidatesTokenCount\":2,"                     \
    "\"totalTokenCount\":7"


static const test_tier_t  test_tier_cases[] = {

    { &ngx_llm_openai, "openai, default",
      "{\"service_tier\":\"default\"," TEST_CHOICE TEST_USAGE "}",
      "data: {\"service_tier\":\"default\",\"choices\":[]," TEST_USAGE
      "}\n\n", NGX_LLM_SERVICE_STANDARD },

    { &ngx_llm_openai, "openai, flex",
      "{\"service_tier\":\"flex\"," TEST_CHOICE TEST_USAGE "}",
      "data: {\"service_tier\":\"flex\",\"choices\":[]," TEST_USAGE
      "}\n\n", NGX_LLM_SERVICE_FLEX },

    { &ngx_llm_openai, "openai, nothing said",
      "{" TEST_CHOICE TEST_USAGE "}",
      "data: {\"choices\":[]," TEST_USAGE "}\n\n", 0 },

    { &ngx_llm_anthropic, "anthropic, priority",
      "{" TEST_CLAUDE ",\"service_tier\":\"priority\"}}",
      "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{"
      TEST_CLAUDE ",\"service_tier\":\"priority\"}}}\n\n"
      "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"
      "\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
      NGX_LLM_SERVICE_PRIORITY },

    { &ngx_llm_anthropic, "anthropic, standard",
      "{" TEST_CLAUDE ",\"service_tier\":\"standard\"}}",
      "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{"
      TEST_CLAUDE ",\"service_tier\":\"standard\"}}}\n\n",
      NGX_LLM_SERVICE_STANDARD },

    { &ngx_llm_gemini, "gemini, flex",
      TEST_GEMINI ",\"serviceTier\":\"flex\"}}",
      "data: " TEST_GEMINI ",\"serviceTier\":\"flex\"}}\n\n",
      NGX_LLM_SERVICE_FLEX },

    { &ngx_llm_gemini, "gemini, traffic type",
      TEST_GEMINI ",\"trafficType\":\"ON_DEMAND_PRIORITY\"}}",
      "data: " TEST_GEMINI ",\"trafficType\":\"ON_DEMAND_PRIORITY\"}}\n\n",
      NGX_LLM_SERVICE_PRIORITY }
};


int
main(void)
{
    test_insert();
    test_tiers();
    test_plain_writers();
    test_stream_writers();

    return test_done("cost");
}


static void
test_insert(void)
{
    ngx_int_t       rc;
    ngx_str_t       text;
    ngx_uint_t      i;
    ngx_llm_out_t   out;

    static struct {
        const char  *text;
        const char  *want;      /* NULL: left as it is */
    } cases[] = {

        { "{\"usage\":{\"prompt_tokens\":1}}",
          "{\"usage\":{\"prompt_tokens\":1,\"cost\":0.000000042}}" },

        { " {\"a\":1, \"usage\" : {\"a\":{\"cost\":3} } , \"b\":2}",
          " {\"a\":1, \"usage\" : {\"a\":{\"cost\":3} ,\"cost\":0.000000042}"
          " , \"b\":2}" },

        { "{\"usage\":{\"cost\":1e-05,\"x\":1}}",
          "{\"usage\":{\"cost\":0.000000042,\"x\":1}}" },

        { "{\"usage\":{\"x\":1,\"cost\":null}}",
          "{\"usage\":{\"x\":1,\"cost\":0.000000042}}" },

        { "{\"type\":\"message_delta\",\"delta\":{},\"usage\":{"
          "\"output_tokens\":5}}",
          "{\"type\":\"message_delta\",\"delta\":{},\"usage\":{"
          "\"output_tokens\":5,\"cost\":0.000000042}}" },

        { "{\"type\":\"message_start\",\"message\":{\"usage\":{\"a\":1}}}",
          NULL },
        { "{\"usage\":null}", NULL },
        { "{\"usage\":{}}", NULL },
        { "{\"usage\":[1]}", NULL },
        { "[{\"usage\":{\"a\":1}}]", NULL },
        { "{\"usage\":{\"a\":1}", NULL },
        { "[DONE]", NULL },
        { "", NULL }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_reset();
        test_case = cases[i].text;

        text = test_string(cases[i].text);
        ngx_llm_out_init(&out, test_pool, NULL, 0, 4096);

        rc = ngx_llm_price_insert(test_pool, &text, 42, &out);

        test_int(rc, cases[i].want ? NGX_OK : NGX_DECLINED);
        test_out(out, cases[i].want ? cases[i].want : "");
    }

    test_case = "no room";
    test_reset();

    text = test_string("{\"usage\":{\"prompt_tokens\":1}}");
    ngx_llm_out_init(&out, test_pool, NULL, 0, 16);

    test_int(ngx_llm_price_insert(test_pool, &text, 42, &out), NGX_ERROR);
}


/* the same in a plain answer and a stream */

static void
test_tiers(void)
{
    u_char              *p;
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_pool_t          *scratch;
    ngx_llm_error_t      err;
    ngx_llm_frame_t      frame;
    ngx_llm_usage_t      usage;
    ngx_llm_reader_t     reader;
    const test_tier_t   *t;
    ngx_llm_response_t   res;

    for (i = 0; i < sizeof(test_tier_cases) / sizeof(test_tier_t); i++) {
        t = &test_tier_cases[i];

        test_reset();
        test_case = t->name;

        text = test_string(t->plain);

        test_int(ngx_llm_response_init(&res, test_pool), NGX_OK);

        if (!test_int(t->dialect->read_response(&text, &res, &err), NGX_OK)) {
            continue;
        }

        test_int(res.usage.prompt, 5);
        test_int(res.usage.completion, 2);
        test_int(res.usage.service, t->service);
        test_int(res.usage.cost, -1);

        scratch = ngx_create_pool(4096, &ngx_stubs_log);

        ngx_llm_usage_init(&usage);

        test_int(ngx_llm_reader_init(&reader, t->dialect, test_pool, scratch),
                 NGX_OK);

        reader.handler = test_tier_event;
        reader.data = &usage;

        text = test_string(t->stream);
        p = text.data;

        while (ngx_llm_reader_next(&reader, &p, text.data + text.len, &frame)
               == NGX_OK)
        {
            /* void */
        }

        test_int(usage.prompt, 5);
        test_int(usage.completion, 2);
        test_int(usage.service, t->service);
        test_int(usage.cost, -1);

        ngx_destroy_pool(scratch);
    }
}


static ngx_int_t
test_tier_event(void *data, ngx_llm_event_t *ev)
{
    ngx_llm_usage_t  *usage = data;

    if (ev->type == NGX_LLM_EVENT_USAGE) {
        *usage = *ev->usage;
    }

    return NGX_OK;
}


static void
test_plain_writers(void)
{
    ngx_str_t            text, id;
    ngx_uint_t           i, told;
    ngx_llm_out_t        out;
    ngx_llm_chat_t       chat;
    ngx_llm_error_t      err;
    ngx_llm_writer_t     w;
    ngx_llm_response_t   res;

    static const ngx_llm_dialect_t  *dialects[] = {
        &ngx_llm_openai, &ngx_llm_anthropic
    };

    for (i = 0; i < 4; i++) {
        told = i & 1;

        test_reset();
        test_case = told ? "told" : "not told";

        text = test_string("{" TEST_CHOICE TEST_USAGE "}");
        id = test_string("id");

        ngx_llm_response_init(&res, test_pool);
        test_int(ngx_llm_openai.read_response(&text, &res, &err), NGX_OK);

        if (told) {
            res.usage.cost = 1000000042;
        }

        ngx_llm_chat_init(&chat, test_pool, &text);
        ngx_llm_writer_init(&w, dialects[i / 2], test_pool, &chat, &id, 1);
        ngx_llm_out_init(&out, test_pool, NULL, 0, 8192);

        dialects[i / 2]->write_response(&w, &res, &out);

        test_int(test_count(&out, ",\"cost\":1.000000042"), told);
        test_int(test_count(&out, "\"cost\""), told);

        text.data = out.start;
        text.len = ngx_llm_out_len(&out);

        test_ok(ngx_llm_json_get(ngx_llm_json_get(
                    ngx_llm_json_parse(test_pool, &text, NULL), "usage"),
                                 "cost")
                != NULL || !told);
    }
}


static void
test_stream_writers(void)
{
    ngx_str_t         text, id;
    ngx_uint_t        i, told;
    ngx_llm_out_t     out;
    ngx_llm_chat_t    chat;
    ngx_llm_usage_t   usage;
    ngx_llm_writer_t  w;

    static const ngx_llm_dialect_t  *dialects[] = {
        &ngx_llm_openai, &ngx_llm_anthropic
    };

    for (i = 0; i < 4; i++) {
        told = i & 1;

        test_reset();
        test_case = told ? "told, stream" : "not told, stream";

        text = test_string("{}");
        id = test_string("id");

        ngx_llm_chat_init(&chat, test_pool, &text);
        chat.stream = 1;
        chat.include_usage = 1;

        ngx_llm_writer_init(&w, dialects[i / 2], test_pool, &chat, &id, 1);
        ngx_llm_out_init(&out, test_pool, NULL, 0, 8192);

        ngx_llm_usage_init(&usage);
        usage.prompt = 5;
        usage.completion = 2;
        usage.cost = told ? 1000000042 : -1;

        test_event(&w, NGX_LLM_EVENT_START, NULL, &out);
        test_event(&w, NGX_LLM_EVENT_TEXT, NULL, &out);
        test_event(&w, NGX_LLM_EVENT_FINISH, NULL, &out);
        test_event(&w, NGX_LLM_EVENT_USAGE, &usage, &out);
        test_event(&w, NGX_LLM_EVENT_DONE, NULL, &out);

        test_int(test_count(&out, ",\"cost\":1.000000042"), told);
        test_int(test_count(&out, "\"cost\""), told);
    }
}


static void
test_event(ngx_llm_writer_t *w, ngx_llm_event_e type, ngx_llm_usage_t *usage,
    ngx_llm_out_t *out)
{
    ngx_llm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = type;
    ev.usage = usage;
    ev.finish = NGX_LLM_FINISH_STOP;
    ev.text = test_string("y");
    ev.id = test_string("id");
    ev.model = test_string("m");

    w->dialect->write_event(w, &ev, out);
}


static ngx_uint_t
test_count(ngx_llm_out_t *out, const char *text)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   n;

    n = 0;
    len = strlen(text);

    for (p = out->start; p + len <= out->last; p++) {
        n += (ngx_memcmp(p, text, len) == 0);
    }

    return n;
}
