
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Answers for Anthropic clients: bodies and streams byte by byte, and the
 * rules of streams over many that are made up.
 */


#include "test.h"
#include "test_anthropic_client.h"


#define TEST_MAX     (16 * 1024 * 1024)
#define TEST_ROUNDS  3000


static void test_bodies(void);
static void test_fixtures(void);
static void test_usage(void);
static void test_stops(void);
static void test_estimate(void);
static void test_generated_ids(void);
static void test_resume(void);
static void test_bounds(void);
static void test_no_growth(void);
static void test_read_back(void);
static void test_memory(void);
static void test_made_up(void);

static ngx_int_t test_handler(void *data, ngx_llm_event_t *ev);
static void test_writer(ngx_llm_writer_t *w);
static ngx_llm_part_t *test_part(ngx_llm_response_t *res,
    ngx_llm_part_e type, char *text);
static ngx_llm_choice_t *test_response(ngx_llm_response_t *res);
static void test_event(ngx_llm_writer_t *w, ngx_llm_out_t *out,
    ngx_llm_event_e type, ngx_uint_t tool, char *text);
static void test_play(ngx_llm_writer_t *w, ngx_str_t *script,
    ngx_llm_out_t *out);
static ngx_str_t test_word(u_char **pos, u_char *last, u_char end);
static uint32_t test_random(uint32_t *seed, uint32_t n);


#define HEAD                                                                 \
    "{\"id\":\"msg_r-1\",\"type\":\"message\",\"role\":\"assistant\","       \
    "\"model\":\"claude \\\"x\\\"\",\"content\":["

#define TAIL                                                                 \
    ",\"stop_details\":null,\"container\":null,\"usage\":{"                  \
    "\"input_tokens\":0,\"cache_creation_input_tokens\":0,"                  \
    "\"cache_read_input_tokens\":0,\"cache_creation\":{"                     \
    "\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},"      \
    "\"output_tokens\":0,\"server_tool_use\":null,\"service_tier\":null,"    \
    "\"inference_geo\":null}}"


static char  *test_fixture_names[] = {
    "text",
    "empty",
    "thinking",
    "tools",
    "interleaved",
    "refusal",
    "error",
    "odd",
    "counted",
    "late",
    NULL
};


int
main(void)
{
    test_bodies();
    test_fixtures();
    test_usage();
    test_stops();
    test_estimate();
    test_generated_ids();
    test_resume();
    test_bounds();
    test_no_growth();
    test_read_back();
    test_memory();
    test_made_up();

    return test_done("test_anthropic_client_stream");
}


static void
test_bodies(void)
{
    ngx_llm_out_t        out;
    ngx_llm_part_t      *part;
    ngx_llm_writer_t     w;
    ngx_llm_choice_t    *choice;
    ngx_llm_response_t   res;

    /* no choice at all */

    test_reset();
    test_writer(&w);
    ngx_llm_response_init(&res, test_pool);
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);

    ngx_llm_anthropic_write_response(&w, &res, &out);

    test_out(out, HEAD "],\"stop_reason\":\"end_turn\","
                  "\"stop_sequence\":null" TAIL);

    /* every kind of part; audio is none */

    test_reset();
    test_writer(&w);
    choice = test_response(&res);
    res.id = test_string("msg_01");
    res.model = test_string("other");
    res.service_tier = test_string("default");

    part = test_part(&res, NGX_LLM_PART_REASONING, "so \\u2014");
    part->signature = test_string("c2ln\\/");

    part = test_part(&res, NGX_LLM_PART_REDACTED, NULL);
    part->data = test_string("c2VhbA==");

    (void) test_part(&res, NGX_LLM_PART_TEXT, "");
    (void) test_part(&res, NGX_LLM_PART_AUDIO, "x");
    (void) test_part(&res, NGX_LLM_PART_TEXT, "a \\\"b\\\"");

    part = test_part(&res, NGX_LLM_PART_TOOL_CALL, NULL);
    part->id = test_string("call:1");
    part->name = test_string("f");
    part->arguments = test_string("{\\\"z\\\":\\\"\\\\u00e9\\\",\\\"a\\\": "
                                  "12345678901234567890}");

    part = test_part(&res, NGX_LLM_PART_TOOL_CALL, NULL);
    part->name = test_string("g");
    part->arguments = test_string("{bad");

    part = test_part(&res, NGX_LLM_PART_TOOL_CALL, NULL);
    part->id = test_string("t3");
    part->name = test_string("h");
    part->input = test_string("{\"b\":1, \"a\":1.0}");

    part = test_part(&res, NGX_LLM_PART_TOOL_CALL, "line\\n");
    part->id = test_string("t4");
    part->name = test_string("shell");
    part->custom = 1;

    choice->finish = NGX_LLM_FINISH_STOP;

    res.usage.prompt = 100;
    res.usage.cached = 30;
    res.usage.cache_write = 20;
    res.usage.cache_write_1h = 5;
    res.usage.completion = 50;
    res.usage.reasoning = 10;

    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    ngx_llm_anthropic_write_response(&w, &res, &out);

    test_out(out,
             "{\"id\":\"msg_01\",\"type\":\"message\",\"role\":\"assistant\","
             "\"model\":\"claude \\\"x\\\"\",\"content\":["
             "{\"type\":\"thinking\",\"thinking\":\"so \\u2014\","
             "\"signature\":\"c2ln\\/\"},"
             "{\"type\":\"redacted_thinking\",\"data\":\"c2VhbA==\"},"
             "{\"type\":\"text\",\"text\":\"a \\\"b\\\"\","
             "\"citations\":null},"
             "{\"type\":\"tool_use\",\"id\":\"call:1\",\"name\":\"f\","
             "\"input\":{\"z\":\"\\u00e9\",\"a\": 12345678901234567890},"
             "\"caller\":{\"type\":\"direct\"}},"
             "{\"type\":\"tool_use\",\"id\":\"toolu_r-1_4\",\"name\":\"g\","
             "\"input\":{},\"caller\":{\"type\":\"direct\"}},"
             "{\"type\":\"tool_use\",\"id\":\"t3\",\"name\":\"h\","
             "\"input\":{\"b\":1, \"a\":1.0},"
             "\"caller\":{\"type\":\"direct\"}},"
             "{\"type\":\"tool_use\",\"id\":\"t4\",\"name\":\"shell\","
             "\"input\":{\"input\":\"line\\n\"},"
             "\"caller\":{\"type\":\"direct\"}}"
             "],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,"
             "\"stop_details\":null,\"container\":null,\"usage\":{"
             "\"input_tokens\":50,\"cache_creation_input_tokens\":20,"
             "\"cache_read_input_tokens\":30,\"cache_creation\":{"
             "\"ephemeral_5m_input_tokens\":15,"
             "\"ephemeral_1h_input_tokens\":5},\"output_tokens\":50,"
             "\"output_tokens_details\":{\"thinking_tokens\":10},"
             "\"server_tool_use\":null,\"service_tier\":\"standard\","
             "\"inference_geo\":null}}");

    /* a refusal that the provider calls a plain stop */

    test_reset();
    test_writer(&w);
    choice = test_response(&res);
    (void) test_part(&res, NGX_LLM_PART_REFUSAL, "No.");
    choice->finish = NGX_LLM_FINISH_STOP;
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    ngx_llm_anthropic_write_response(&w, &res, &out);

    test_out(out, HEAD "{\"type\":\"text\",\"text\":\"No.\","
                  "\"citations\":null}],\"stop_reason\":\"refusal\","
                  "\"stop_sequence\":null" TAIL);

    /* signed thinking that is not shown */

    test_reset();
    test_writer(&w);
    choice = test_response(&res);
    part = test_part(&res, NGX_LLM_PART_REASONING, "");
    part->signature = test_string("s");
    choice->finish = NGX_LLM_FINISH_LENGTH;
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    ngx_llm_anthropic_write_response(&w, &res, &out);

    test_out(out, HEAD "{\"type\":\"thinking\",\"thinking\":\"\","
                  "\"signature\":\"s\"}],\"stop_reason\":\"max_tokens\","
                  "\"stop_sequence\":null" TAIL);
}


/* a script of events, and the stream that it has to make */

static void
test_fixtures(void)
{
    char              name[128];
    ngx_str_t         script, want, got;
    ngx_uint_t        i;
    ngx_llm_out_t     out;
    ngx_llm_writer_t  w;

    for (i = 0; test_fixture_names[i]; i++) {
        test_reset();
        test_case = test_fixture_names[i];

        snprintf(name, sizeof(name), "t/fixtures/anthropic_client/%s.events",
                 test_case);
        script = test_file(name);

        snprintf(name, sizeof(name), "t/fixtures/anthropic_client/%s.sse",
                 test_case);
        want = test_file(name);

        if (!test_ok(script.data && want.data)) {
            continue;
        }

        test_writer(&w);
        ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
        test_play(&w, &script, &out);

        got.data = out.start;
        got.len = ngx_llm_out_len(&out);

        if (!test_same(got, want)) {
            fprintf(stderr, "%.*s", (int) got.len, got.data);
        }

        free(script.data);
        free(want.data);
    }

    test_case = "";
}


static void
test_usage(void)
{
    ngx_uint_t         i;
    ngx_llm_out_t      out;
    ngx_llm_writer_t   w;
    ngx_llm_response_t  res;
    char               want[1024];

    static int64_t  rows[][8] = {
        /* prompt, cached, write, 1h: input, write 5m, write 1h, read */
        { -1, -1, -1, -1,   0, 0, 0, 0 },
        { 10, -1, -1, -1,   10, 0, 0, 0 },
        { 10, 10, -1, -1,   0, 0, 0, 10 },
        { 10, 20, -1, -1,   0, 0, 0, 20 },
        { 10, 6, 6, 0,      0, 6, 0, 6 },
        { 10, 2, 3, 9,      5, 0, 3, 2 },
        { 9223372036854775807, 1, 1, 1,  9223372036854775805, 0, 1, 1 },
        { -5, 0, 0, 0,      0, 0, 0, 0 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_reset();
        test_writer(&w);
        (void) test_response(&res);

        res.usage.prompt = rows[i][0];
        res.usage.cached = rows[i][1];
        res.usage.cache_write = rows[i][2];
        res.usage.cache_write_1h = rows[i][3];

        ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
        ngx_llm_anthropic_write_response(&w, &res, &out);

        snprintf(want, sizeof(want),
                 HEAD "],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
                 "\"stop_details\":null,\"container\":null,\"usage\":{"
                 "\"input_tokens\":%lld,\"cache_creation_input_tokens\":%lld,"
                 "\"cache_read_input_tokens\":%lld,\"cache_creation\":{"
                 "\"ephemeral_5m_input_tokens\":%lld,"
                 "\"ephemeral_1h_input_tokens\":%lld},\"output_tokens\":0,"
                 "\"server_tool_use\":null,\"service_tier\":null,"
                 "\"inference_geo\":null}}",
                 (long long) rows[i][4],
                 (long long) (rows[i][5] + rows[i][6]),
                 (long long) rows[i][7], (long long) rows[i][5],
                 (long long) rows[i][6]);

        test_out(out, want);
    }
}


static void
test_stops(void)
{
    ngx_uint_t          i;
    ngx_llm_out_t       out;
    ngx_llm_part_t     *part;
    ngx_llm_writer_t    w;
    ngx_llm_choice_t   *choice;
    ngx_llm_response_t  res;
    ngx_llm_json_t     *root;
    ngx_str_t           text, got;

    static struct {
        ngx_llm_finish_e   finish;
        ngx_uint_t         tool;
        char              *sequence;
        char              *want;
    } rows[] = {
        { NGX_LLM_FINISH_NONE, 0, NULL, "end_turn" },
        { NGX_LLM_FINISH_NONE, 1, NULL, "tool_use" },
        { NGX_LLM_FINISH_STOP, 0, NULL, "end_turn" },
        { NGX_LLM_FINISH_STOP, 1, NULL, "tool_use" },
        { NGX_LLM_FINISH_STOP, 0, "END", "stop_sequence" },
        { NGX_LLM_FINISH_TOOL_CALLS, 1, NULL, "tool_use" },
        { NGX_LLM_FINISH_TOOL_CALLS, 0, NULL, "end_turn" },
        { NGX_LLM_FINISH_LENGTH, 1, NULL, "max_tokens" },
        { NGX_LLM_FINISH_CONTENT_FILTER, 0, NULL, "refusal" },
        { NGX_LLM_FINISH_PAUSE, 0, NULL, "pause_turn" }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_reset();
        test_writer(&w);
        choice = test_response(&res);
        choice->finish = rows[i].finish;
        choice->stop_sequence = test_string(rows[i].sequence);

        if (rows[i].tool) {
            part = test_part(&res, NGX_LLM_PART_TOOL_CALL, NULL);
            part->name = test_string("f");
        }

        ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
        ngx_llm_anthropic_write_response(&w, &res, &out);

        text.data = out.start;
        text.len = ngx_llm_out_len(&out);
        root = ngx_llm_json_parse(test_pool, &text, NULL);

        got = ngx_llm_json_str(root, "stop_reason");
        test_str(got, rows[i].want);

        got = ngx_llm_json_str(root, "stop_sequence");
        test_str(got, rows[i].sequence);
    }
}


/* until the provider counts, clients get the gateway's guess */

static void
test_estimate(void)
{
    int64_t            n;
    ngx_str_t          body, text, id;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_json_t    *root, *usage;
    ngx_llm_error_t    err;
    ngx_llm_usage_t    counted;
    ngx_llm_event_t    ev;
    ngx_llm_writer_t   w;
    ngx_llm_sse_t      sse;
    ngx_llm_frame_t    frame;
    u_char            *pos;

    test_reset();
    test_writer(&w);

    body = test_string("{\"model\":\"m\",\"max_tokens\":1,\"messages\":["
                       "{\"role\":\"user\",\"content\":\"How many words are "
                       "there in this sentence, please?\"}]}");

    ngx_llm_chat_init(&chat, test_pool, &body);
    test_int(ngx_llm_anthropic_read_request(&chat, &err), NGX_OK);

    w.chat = &chat;
    n = ngx_llm_chat_estimate(&chat);
    test_ok(n > 1);

    id = test_string("start id=x model=m\ndone\n");
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    test_play(&w, &id, &out);
    test_int(w.started, 1);

    ngx_llm_sse_init(&sse, test_pool, NGX_LLM_MAX_EVENT);
    pos = out.start;

    test_int(ngx_llm_sse_next(&sse, &pos, out.last, &frame), NGX_OK);
    root = ngx_llm_json_parse(test_pool, &frame.data, NULL);
    usage = ngx_llm_json_get(ngx_llm_json_get(root, "message"), "usage");
    test_int(ngx_llm_json_count(usage, "input_tokens", -1), n);

    test_int(ngx_llm_sse_next(&sse, &pos, out.last, &frame), NGX_OK);
    text = frame.data;
    root = ngx_llm_json_parse(test_pool, &text, NULL);
    usage = ngx_llm_json_get(root, "usage");
    test_int(ngx_llm_json_count(usage, "input_tokens", -1), n);

    /* a count of the output alone leaves the guess */

    test_writer(&w);
    w.chat = &chat;
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);

    ngx_llm_usage_init(&counted);
    counted.completion = 7;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));
    ev.usage = &counted;

    test_event(&w, &out, NGX_LLM_EVENT_START, 0, NULL);
    ev.type = NGX_LLM_EVENT_USAGE;
    ngx_llm_anthropic_write_event(&w, &ev, &out);
    out.last = out.start;
    test_event(&w, &out, NGX_LLM_EVENT_DONE, 0, NULL);

    pos = out.start;
    ngx_llm_sse_init(&sse, test_pool, NGX_LLM_MAX_EVENT);
    test_int(ngx_llm_sse_next(&sse, &pos, out.last, &frame), NGX_OK);
    root = ngx_llm_json_parse(test_pool, &frame.data, NULL);
    usage = ngx_llm_json_get(root, "usage");
    test_int(ngx_llm_json_count(usage, "input_tokens", -1), n);
    test_int(ngx_llm_json_count(usage, "output_tokens", -1), 7);
}


static void
test_generated_ids(void)
{
    ngx_llm_out_t        out;
    ngx_llm_writer_t     w;
    ngx_llm_response_t   res;

    /* nothing of an odd id gets out, and none is doubled */

    test_reset();
    test_writer(&w);
    (void) test_response(&res);
    w.id = test_string("msg_a\"b\n-1");
    w.model = test_string("");
    res.id = test_string("chatcmpl-1");
    res.model = test_string("m\\\"");
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    ngx_llm_anthropic_write_response(&w, &res, &out);

    test_out(out, "{\"id\":\"msg_ab-1\",\"type\":\"message\","
                  "\"role\":\"assistant\",\"model\":\"m\\\"\",\"content\":["
                  "],\"stop_reason\":\"end_turn\",\"stop_sequence\":null"
                  TAIL);
}


/* a call that waited streams on, and what follows it does not wait */

static void
test_resume(void)
{
    ngx_llm_out_t      out;
    ngx_llm_writer_t   w;

    test_reset();
    test_case = "resume";
    test_writer(&w);
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);

    test_event(&w, &out, NGX_LLM_EVENT_TOOL_START, 0, NULL);
    test_event(&w, &out, NGX_LLM_EVENT_TOOL_START, 1, NULL);
    test_event(&w, &out, NGX_LLM_EVENT_TOOL_ARGS, 1, "{\\\"n\\\":");
    test_event(&w, &out, NGX_LLM_EVENT_TOOL_ARGS, 0, "{}");

    out.last = out.start;
    test_event(&w, &out, NGX_LLM_EVENT_TOOL_ARGS, 1, "1}");

    test_out(out, "event: content_block_delta\n"
                  "data: {\"type\":\"content_block_delta\",\"index\":1,"
                  "\"delta\":{\"type\":\"input_json_delta\","
                  "\"partial_json\":\"1}\"}}\n\n"
                  "event: content_block_stop\n"
                  "data: {\"type\":\"content_block_stop\",\"index\":1}"
                  "\n\n");

    out.last = out.start;
    test_event(&w, &out, NGX_LLM_EVENT_TEXT, 0, "now");

    test_out(out, "event: content_block_start\n"
                  "data: {\"type\":\"content_block_start\",\"index\":2,"
                  "\"content_block\":{\"type\":\"text\",\"text\":\"\","
                  "\"citations\":null}}\n\n"
                  "event: content_block_delta\n"
                  "data: {\"type\":\"content_block_delta\",\"index\":2,"
                  "\"delta\":{\"type\":\"text_delta\",\"text\":\"now\"}}"
                  "\n\n");

    test_case = "";
}


/* what waits behind an open tool is bounded */

static void
test_bounds(void)
{
    u_char            *text;
    ngx_uint_t         i;
    ngx_llm_out_t      out;
    ngx_llm_writer_t   w;

    test_reset();
    test_case = "bytes";
    test_writer(&w);
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);

    text = ngx_palloc(test_pool, 65537);
    ngx_memset(text, 'x', 65536);
    text[65536] = '\0';

    test_event(&w, &out, NGX_LLM_EVENT_TOOL_START, 0, NULL);
    test_event(&w, &out, NGX_LLM_EVENT_TOOL_START, 1, NULL);
    test_event(&w, &out, NGX_LLM_EVENT_TOOL_START, 2, NULL);

    for (i = 0; i < 100 && !out.failed; i++) {
        test_event(&w, &out, NGX_LLM_EVENT_TOOL_ARGS, 1 + i % 2,
                   (char *) text);
    }

    test_ok(i > 60 && i < 70);

    /* the open one is not */

    test_reset();
    test_writer(&w);
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);

    text = ngx_palloc(test_pool, 65537);
    ngx_memset(text, 'x', 65536);
    text[65536] = '\0';

    test_event(&w, &out, NGX_LLM_EVENT_TOOL_START, 0, NULL);

    for (i = 0; i < 100; i++) {
        test_event(&w, &out, NGX_LLM_EVENT_TOOL_ARGS, 0, (char *) text);
    }

    test_ok(!out.failed);

    test_reset();
    test_case = "blocks";
    test_writer(&w);
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);

    for (i = 0; i < 1000 && !out.failed; i++) {
        test_event(&w, &out, NGX_LLM_EVENT_TOOL_START, i, "");
    }

    test_ok(i > 200 && i < 300);

    test_case = "";
}


/* in a long stream events cost no memory */

static void
test_no_growth(void)
{
    ngx_uint_t         i, round, allocs;
    ngx_llm_out_t      out;
    ngx_llm_writer_t   w;

    test_reset();
    test_case = "growth";
    test_writer(&w);
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    ngx_llm_out_reserve(&out, 65536);

    allocs = 0;

    for (round = 0; round < 200; round++) {

        if (round == 2) {
            allocs = ngx_stubs_allocs;
        }

        out.last = out.start;

        for (i = 0; i < 10; i++) {
            test_event(&w, &out, NGX_LLM_EVENT_REASONING, 0, "hm");
            test_event(&w, &out, NGX_LLM_EVENT_TEXT, 0, "word");
            test_event(&w, &out, NGX_LLM_EVENT_PING, 0, NULL);
        }

        test_event(&w, &out, NGX_LLM_EVENT_TOOL_START, 2 * round, NULL);
        test_event(&w, &out, NGX_LLM_EVENT_TOOL_START, 2 * round + 1, NULL);
        test_event(&w, &out, NGX_LLM_EVENT_TOOL_ARGS, 2 * round + 1, "{}");
        test_event(&w, &out, NGX_LLM_EVENT_TEXT, 0, "held");
        test_event(&w, &out, NGX_LLM_EVENT_TOOL_END, 2 * round + 1, NULL);
        test_event(&w, &out, NGX_LLM_EVENT_TOOL_ARGS, 2 * round, "{}");
        test_event(&w, &out, NGX_LLM_EVENT_TOOL_END, 2 * round, NULL);
    }

    test_int(ngx_stubs_allocs, allocs);
    test_ok(!out.failed);

    test_case = "";
}


/* the provider's side of this dialect understands what clients get */

static void
test_read_back(void)
{
    u_char            *pos;
    ngx_int_t          rc;
    ngx_str_t          script;
    ngx_pool_t        *scratch;
    ngx_llm_out_t      out, log;
    ngx_llm_frame_t    frame;
    ngx_llm_reader_t   reader;
    ngx_llm_writer_t   w;

    test_reset();
    test_case = "read back";
    test_writer(&w);
    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    ngx_llm_out_init(&log, test_pool, NULL, 0, TEST_MAX);

    script = test_file("t/fixtures/anthropic_client/tools.events");
    test_play(&w, &script, &out);

    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    test_int(ngx_llm_reader_init(&reader, &ngx_llm_anthropic, test_pool,
                                 scratch),
             NGX_OK);

    reader.handler = test_handler;
    reader.data = &log;

    pos = out.start;

    do {
        rc = ngx_llm_reader_next(&reader, &pos, out.last, &frame);
    } while (rc == NGX_OK);

    test_int(rc, NGX_AGAIN);
    test_int(reader.done, 1);
    test_int(reader.failed, 0);
    test_int(reader.finish, NGX_LLM_FINISH_TOOL_CALLS);
    test_int(reader.usage.prompt, 50);
    test_int(reader.usage.cached, 10);
    test_int(reader.usage.cache_write, 20);
    test_int(reader.usage.completion, 7);

    test_out(log, "text Look\n"
                  "tool 0 call_1 get_weather\n"
                  "args 0 {\\\"city\\\":\n"
                  "args 0 \\\"Oslo\\\"}\n"
                  "end 0\n"
                  "tool 1 toolu_r-1_2 noop\n"
                  "args 1 {}\n"
                  "end 1\n"
                  "tool 2 call_3 shell\n"
                  "args 2 {\\\"input\\\":\\\"\n"
                  "args 2 say \\\\\\\"hi\\\\\\\"\\\\n\n"
                  "args 2 \\\"}\n"
                  "end 2\n");

    ngx_destroy_pool(scratch);
    free(script.data);
    test_case = "";
}


static ngx_int_t
test_handler(void *data, ngx_llm_event_t *ev)
{
    ngx_llm_out_t  *log = data;

    switch (ev->type) {

    case NGX_LLM_EVENT_TEXT:
        ngx_llm_out_lit(log, "text ");
        break;

    case NGX_LLM_EVENT_TOOL_START:
        ngx_llm_out_lit(log, "tool ");
        ngx_llm_out_int(log, ev->tool);
        ngx_llm_out_char(log, ' ');
        ngx_llm_out_str(log, &ev->id);
        ngx_llm_out_char(log, ' ');
        ngx_llm_out_str(log, &ev->name);
        break;

    case NGX_LLM_EVENT_TOOL_ARGS:
        ngx_llm_out_lit(log, "args ");
        ngx_llm_out_int(log, ev->tool);
        ngx_llm_out_char(log, ' ');
        break;

    case NGX_LLM_EVENT_TOOL_END:
        ngx_llm_out_lit(log, "end ");
        ngx_llm_out_int(log, ev->tool);
        break;

    default:
        return NGX_OK;
    }

    ngx_llm_out_str(log, &ev->text);
    ngx_llm_out_char(log, '\n');

    return NGX_OK;
}


static void
test_memory(void)
{
    ngx_str_t         script;
    ngx_uint_t        n;
    ngx_llm_out_t     out;
    ngx_llm_writer_t  w;

    test_case = "memory";
    script = test_file("t/fixtures/anthropic_client/interleaved.events");

    for (n = 1; n < 100; n++) {
        test_reset();
        test_writer(&w);
        ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);

        ngx_stubs_fail = n;
        test_play(&w, &script, &out);

        if (ngx_stubs_fail) {
            ngx_stubs_fail = 0;
            test_ok(!out.failed);
            break;
        }

        test_ok(out.failed);
    }

    test_ok(n > 3 && n < 100);

    free(script.data);
    test_case = "";
}


static void
test_made_up(void)
{
    uint32_t           seed, n;
    ngx_uint_t         i, round, ended;
    ngx_llm_out_t      out;
    ngx_llm_event_t    ev;
    ngx_llm_error_t    err;
    ngx_llm_usage_t    usage;
    ngx_llm_writer_t   w;
    test_judge_t      *j;
    char               label[32];

    static char  *texts[] = { "", "a", "\\n", "\\ud83d\\ude00", "{\\\"a\\\":",
                              "1}", "word ", "\\\\" };

    j = malloc(sizeof(test_judge_t));
    seed = 1;

    for (round = 0; round < TEST_ROUNDS; round++) {
        test_reset();

        snprintf(label, sizeof(label), "round %u", (unsigned) round);
        test_case = label;

        test_writer(&w);
        judge_init(j, test_pool);
        ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);

        n = 1 + test_random(&seed, 40);
        ended = 0;

        for (i = 0; i < n && !ended; i++) {
            ngx_memzero(&ev, sizeof(ngx_llm_event_t));
            ngx_memzero(&err, sizeof(ngx_llm_error_t));
            ngx_llm_usage_init(&usage);

            ev.type = test_random(&seed, NGX_LLM_EVENT_DONE + 1);

            if (ev.type == NGX_LLM_EVENT_ERROR
                && test_random(&seed, 8))
            {
                ev.type = NGX_LLM_EVENT_TOOL_ARGS;
            }

            if (ev.type == NGX_LLM_EVENT_DONE && i + 1 < n) {
                ev.type = NGX_LLM_EVENT_TOOL_END;
            }

            ev.tool = test_random(&seed, 4);
            ev.choice = test_random(&seed, 20) == 0;
            ev.text = test_string(texts[test_random(&seed, 8)]);
            ev.name = test_string(texts[test_random(&seed, 8)]);
            ev.id = test_string(test_random(&seed, 3) ? "id" : "");
            ev.finish = test_random(&seed, NGX_LLM_FINISH_PAUSE + 1);
            ev.stop_sequence = test_string(test_random(&seed, 3) ? NULL
                                                                 : "END");
            err.message = test_string("no");
            ev.error = &err;
            ev.usage = &usage;

            judge_event(j, &ev);
            ngx_llm_anthropic_write_event(&w, &ev, &out);

            ended = (ev.type == NGX_LLM_EVENT_ERROR);
        }

        if (!ended) {
            ngx_memzero(&ev, sizeof(ngx_llm_event_t));
            ev.type = NGX_LLM_EVENT_DONE;

            judge_event(j, &ev);
            ngx_llm_anthropic_write_event(&w, &ev, &out);
            ngx_llm_anthropic_write_event(&w, &ev, &out);
        }

        if (!test_int(judge_stream(j, &out), NGX_OK)) {
            fprintf(stderr, "%s\n%.*s", j->error,
                    (int) ngx_llm_out_len(&out), out.start);
            break;
        }
    }

    free(j);
    test_case = "";
}


static void
test_writer(ngx_llm_writer_t *w)
{
    ngx_memzero(w, sizeof(ngx_llm_writer_t));

    w->pool = test_pool;
    w->id = test_string("r-1");
    w->model = test_string("claude \"x\"");
    w->state = ngx_pcalloc(test_pool, NGX_LLM_ANTHROPIC_WRITER_SIZE);
}


static ngx_llm_choice_t *
test_response(ngx_llm_response_t *res)
{
    ngx_llm_choice_t  *choice;

    ngx_llm_response_init(res, test_pool);

    choice = ngx_array_push(&res->choices);
    ngx_memzero(choice, sizeof(ngx_llm_choice_t));

    return choice;
}


static ngx_llm_part_t *
test_part(ngx_llm_response_t *res, ngx_llm_part_e type, char *text)
{
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice;

    choice = res->choices.elts;

    part = ngx_llm_chat_add_part(test_pool, &choice->parts, type);
    part->text = test_string(text);

    return part;
}


static void
test_event(ngx_llm_writer_t *w, ngx_llm_out_t *out, ngx_llm_event_e type,
    ngx_uint_t tool, char *text)
{
    ngx_llm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = type;
    ev.tool = tool;
    ev.text = test_string(text);

    ngx_llm_anthropic_write_event(w, &ev, out);
}


/*
 * One event a line: its name, then members "name=value" in front of a text
 * that begins behind ": ".
 */

static void
test_play(ngx_llm_writer_t *w, ngx_str_t *script, ngx_llm_out_t *out)
{
    u_char           *pos, *last;
    int64_t           n;
    ngx_str_t         line, word, key;
    ngx_uint_t        i;
    ngx_llm_event_t   ev;
    ngx_llm_error_t   err;
    ngx_llm_usage_t   usage;

    static char  *names[] = { "start", "text", "reasoning", "signature",
                              "redacted", "refusal", "tool", "args", "end",
                              "annotation", "logprobs", "finish", "usage",
                              "error", "ping", "done", NULL };

    static char  *finishes[] = { "none", "stop", "length", "tool_calls",
                                 "content_filter", "pause", NULL };

    pos = script->data;
    last = pos + script->len;

    while (pos < last) {
        line = test_word(&pos, last, '\n');

        if (line.len == 0) {
            continue;
        }

        ngx_memzero(&ev, sizeof(ngx_llm_event_t));
        ngx_memzero(&err, sizeof(ngx_llm_error_t));
        ngx_llm_usage_init(&usage);

        ev.usage = &usage;
        ev.error = &err;

        for (i = 0; i + 1 < line.len; i++) {
            if (line.data[i] == ':' && line.data[i + 1] == ' ') {
                ev.text.data = line.data + i + 2;
                ev.text.len = line.len - i - 2;
                err.message = ev.text;
                line.len = i;
                break;
            }
        }

        last = line.data + line.len;
        pos = line.data;
        word = test_word(&pos, last, ' ');

        for (i = 0; names[i]; i++) {
            if (ngx_llm_json_is(&word, names[i])) {
                break;
            }
        }

        if (!test_ok(names[i] != NULL)) {
            return;
        }

        ev.type = i;

        while (pos < last) {
            word = test_word(&pos, last, ' ');

            key.data = word.data;
            key.len = 0;

            while (key.len < word.len && key.data[key.len] != '=') {
                key.len++;
            }

            if (!test_ok(key.len < word.len)) {
                return;
            }

            word.data += key.len + 1;
            word.len -= key.len + 1;

            n = ngx_atoi(word.data, word.len);

            if (ngx_llm_json_is(&key, "id")) {
                ev.id = word;

            } else if (ngx_llm_json_is(&key, "model")) {
                ev.model = word;

            } else if (ngx_llm_json_is(&key, "name")) {
                ev.name = word;

            } else if (ngx_llm_json_is(&key, "tool")) {
                ev.tool = n;

            } else if (ngx_llm_json_is(&key, "choice")) {
                ev.choice = n;

            } else if (ngx_llm_json_is(&key, "custom")) {
                ev.custom = 1;

            } else if (ngx_llm_json_is(&key, "stop")) {
                ev.stop_sequence = word;

            } else if (ngx_llm_json_is(&key, "prompt")) {
                usage.prompt = n;

            } else if (ngx_llm_json_is(&key, "cached")) {
                usage.cached = n;

            } else if (ngx_llm_json_is(&key, "write")) {
                usage.cache_write = n;

            } else if (ngx_llm_json_is(&key, "completion")) {
                usage.completion = n;

            } else if (ngx_llm_json_is(&key, "reasoning")) {
                usage.reasoning = n;

            } else if (ngx_llm_json_is(&key, "fail")) {
                err.fail = n;

            } else if (ngx_llm_json_is(&key, "is")) {

                for (i = 0; finishes[i]; i++) {
                    if (ngx_llm_json_is(&word, finishes[i])) {
                        ev.finish = i;
                    }
                }

            } else {
                test_ok(!"known member");
            }
        }

        ngx_llm_anthropic_write_event(w, &ev, out);

        pos = line.data;
        last = script->data + script->len;
        (void) test_word(&pos, last, '\n');
    }
}


static ngx_str_t
test_word(u_char **pos, u_char *last, u_char end)
{
    u_char     *p;
    ngx_str_t   word;

    word.data = *pos;

    for (p = *pos; p < last && *p != end; p++) { /* void */ }

    word.len = p - word.data;
    *pos = (p < last) ? p + 1 : p;

    return word;
}


static uint32_t
test_random(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525 + 1013904223;

    return (*seed >> 8) % n;
}
