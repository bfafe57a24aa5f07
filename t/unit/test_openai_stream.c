
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A provider's streams: the events, whatever the pieces they come in, what a
 * splice is told, and the stream for a client that is made of them.
 */


#include "test.h"
#include "test_openai.h"

#include <dirent.h>


#define TEST_DIR  "t/fixtures/openai/stream/"


static void test_fixture(const char *name);
static void test_answer(ngx_str_t *text);
static void test_chunks(void);
static void test_scan(void);
static void test_passed(void);
static void test_pass(ngx_str_t *text, size_t first, size_t step,
    ngx_llm_out_t *out);
static ngx_int_t test_passed_event(void *data, ngx_llm_event_t *ev);
static void test_memory(const char *name);


static ngx_str_t
test_dump(ngx_str_t *text, size_t first, size_t step, ngx_uint_t splice,
    ngx_uint_t brief)
{
    ngx_str_t       dump;
    ngx_pool_t     *pool;
    ngx_llm_out_t   out;

    pool = test_reset();

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);
    test_openai_stream(pool, text, first, step, splice, brief, &out, NULL,
                       NULL);

    test_ok(!out.failed);

    dump = test_copy(out.start, ngx_llm_out_len(&out));

    return dump;
}


static void
test_fixture(const char *name)
{
    char        path[512];
    size_t      i;
    ngx_str_t   text, want, got, brief;

    snprintf(path, sizeof(path), TEST_DIR "%s", name);
    text = test_file(path);
    test_ok(text.data != NULL);

    strcpy(strrchr(path, '.'), ".txt");
    want = test_file(path);
    test_case = name;

    got = test_dump(&text, 0, 0, 0, 0);

    if (getenv("TEST_SHOW")) {
        printf("== %s\n%.*s", name, (int) got.len, got.data);
    }

    test_same(got, want);
    free(got.data);

    for (i = 1; i < text.len; i++) {
        got = test_dump(&text, i, 0, 0, 0);
        test_same(got, want);
        free(got.data);
    }

    got = test_dump(&text, 1, 1, 0, 0);
    test_same(got, want);
    free(got.data);

    /* the way without a parser says the same */

    brief = test_dump(&text, 0, 0, 0, 1);
    got = test_dump(&text, 0, 0, 1, 1);
    test_same(got, brief);
    free(got.data);

    got = test_dump(&text, 1, 1, 1, 1);
    test_same(got, brief);
    free(got.data);
    free(brief.data);

    test_answer(&text);

    free(want.data);
    free(text.data);
}


/* what a client gets says the same when it is read again */

static void
test_answer(ngx_str_t *text)
{
    ngx_str_t          id, body, answer, one, two;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out, dump;
    ngx_llm_chat_t     chat;
    ngx_llm_writer_t   w;

    pool = test_reset();

    ngx_str_set(&id, "chatcmpl-gateway");
    ngx_str_set(&body, "{}");
    ngx_llm_chat_init(&chat, pool, &body);
    ngx_str_set(&chat.model, "public");
    chat.include_usage = 1;

    test_ok(ngx_llm_writer_init(&w, &ngx_llm_openai, pool, &chat, &id,
                                1700000000)
            == NGX_OK);

    ngx_llm_out_init(&dump, pool, NULL, 0, TEST_OPENAI_MAX);
    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);

    test_openai_stream(pool, text, 0, 0, 0, 1, &dump, &w, &out);
    test_ok(!out.failed);

    answer = test_copy(out.start, ngx_llm_out_len(&out));

    /* once more through both is the same: all is said in this API's words */

    one = test_dump(&answer, 0, 0, 0, 0);

    pool = test_reset();

    ngx_llm_chat_init(&chat, pool, &body);
    ngx_str_set(&chat.model, "public");
    chat.include_usage = 1;

    test_ok(ngx_llm_writer_init(&w, &ngx_llm_openai, pool, &chat, &id,
                                1700000000)
            == NGX_OK);

    ngx_llm_out_init(&dump, pool, NULL, 0, TEST_OPENAI_MAX);
    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);

    test_openai_stream(pool, &answer, 0, 0, 0, 1, &dump, &w, &out);

    free(answer.data);
    answer = test_copy(out.start, ngx_llm_out_len(&out));

    two = test_dump(&answer, 0, 0, 0, 0);

    test_same(two, one);

    free(one.data);
    free(two.data);
    free(answer.data);
}


static ngx_llm_out_t
test_write(ngx_llm_event_t *events, ngx_uint_t n, ngx_uint_t usage,
    ngx_uint_t legacy)
{
    ngx_str_t          id, body;
    ngx_uint_t         i;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t    *chat;
    ngx_llm_writer_t   w;

    pool = test_reset();

    chat = ngx_pcalloc(pool, sizeof(ngx_llm_chat_t));
    test_ok(chat != NULL);

    ngx_str_set(&body, "{}");
    ngx_str_set(&id, "c-1");
    ngx_llm_chat_init(chat, pool, &body);
    ngx_str_set(&chat->model, "m");
    chat->include_usage = usage;
    chat->legacy_functions = legacy;

    test_ok(ngx_llm_writer_init(&w, &ngx_llm_openai, pool, chat, &id, 7)
            == NGX_OK);

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);

    for (i = 0; i < n; i++) {
        ngx_llm_openai_write_event(&w, &events[i], &out);
    }

    test_ok(!out.failed);

    return out;
}


#define TEST_HEAD  "data: {\"id\":\"c-1\",\"object\":"                       \
                   "\"chat.completion.chunk\",\"created\":7,"               \
                   "\"model\":\"m\",\"choices\":["
#define TEST_DELTA  TEST_HEAD "{\"index\":0,\"delta\":{"
#define TEST_NULLS  "},\"logprobs\":null,\"finish_reason\":null}"
#define TEST_ROLE   TEST_DELTA "\"role\":\"assistant\",\"content\":\"\""     \
                    TEST_NULLS


static void
test_chunks(void)
{
    ngx_llm_out_t     out;
    ngx_llm_event_t   ev[16];
    ngx_llm_error_t   err;
    ngx_llm_usage_t   usage;

    test_case = "chunks";
    ngx_memzero(ev, sizeof(ev));

    ngx_llm_usage_init(&usage);
    usage.prompt = 9007199254740993;
    usage.completion = 5;
    usage.cached = 3;
    usage.cache_write = 2;

    ev[0].type = NGX_LLM_EVENT_START;
    ev[1].type = NGX_LLM_EVENT_TEXT;
    ngx_str_set(&ev[1].text, "a\\u00e9\\\"");
    ev[2].type = NGX_LLM_EVENT_PING;
    ev[3].type = NGX_LLM_EVENT_USAGE;
    ev[3].usage = &usage;
    ev[4].type = NGX_LLM_EVENT_FINISH;
    ev[4].finish = NGX_LLM_FINISH_PAUSE;
    ev[5].type = NGX_LLM_EVENT_DONE;
    ev[6].type = NGX_LLM_EVENT_DONE;

    out = test_write(ev, 7, 0, 0);
    test_out(out,
             TEST_ROLE "]}\n\n"
             TEST_DELTA "\"content\":\"a\\u00e9\\\"\"" TEST_NULLS "]}\n\n"
             TEST_DELTA "},\"logprobs\":null,\"finish_reason\":\"stop\"}"
             "]}\n\n"
             "data: [DONE]\n\n");

    out = test_write(ev, 7, 1, 0);
    test_out(out,
             TEST_ROLE "],\"usage\":null}\n\n"
             TEST_DELTA "\"content\":\"a\\u00e9\\\"\"" TEST_NULLS
             "],\"usage\":null}\n\n"
             TEST_DELTA "},\"logprobs\":null,\"finish_reason\":\"stop\"}"
             "],\"usage\":null}\n\n"
             TEST_HEAD "],\"usage\":{\"prompt_tokens\":9007199254740993,"
             "\"completion_tokens\":5,\"total_tokens\":9007199254740998,"
             "\"prompt_tokens_details\":{\"cached_tokens\":3,"
             "\"cache_write_tokens\":2},\"completion_tokens_details\":"
             "{\"reasoning_tokens\":0}}}\n\n"
             "data: [DONE]\n\n");

    /* a call without arguments, and one in the old form */

    ngx_memzero(ev, sizeof(ev));

    ev[0].type = NGX_LLM_EVENT_TOOL_START;
    ngx_str_set(&ev[0].id, "t1");
    ngx_str_set(&ev[0].name, "now");
    ev[1].type = NGX_LLM_EVENT_TOOL_END;
    ev[2].type = NGX_LLM_EVENT_TOOL_START;
    ev[2].tool = 1;
    ngx_str_set(&ev[2].id, "t2");
    ngx_str_set(&ev[2].name, "add");
    ev[3].type = NGX_LLM_EVENT_TOOL_ARGS;
    ev[3].tool = 1;
    ngx_str_set(&ev[3].text, "{\\\"a\\\":1}");
    ev[4].type = NGX_LLM_EVENT_TOOL_END;
    ev[4].tool = 1;
    ev[5].type = NGX_LLM_EVENT_DONE;

    out = test_write(ev, 6, 0, 0);
    test_out(out,
             TEST_ROLE "]}\n\n"
             TEST_DELTA "\"tool_calls\":[{\"index\":0,\"id\":\"t1\","
             "\"type\":\"function\",\"function\":{\"name\":\"now\","
             "\"arguments\":\"\"}}]" TEST_NULLS "]}\n\n"
             TEST_DELTA "\"tool_calls\":[{\"index\":0,\"function\":"
             "{\"arguments\":\"{}\"}}]" TEST_NULLS "]}\n\n"
             TEST_DELTA "\"tool_calls\":[{\"index\":1,\"id\":\"t2\","
             "\"type\":\"function\",\"function\":{\"name\":\"add\","
             "\"arguments\":\"\"}}]" TEST_NULLS "]}\n\n"
             TEST_DELTA "\"tool_calls\":[{\"index\":1,\"function\":"
             "{\"arguments\":\"{\\\"a\\\":1}\"}}]" TEST_NULLS "]}\n\n"
             TEST_DELTA "},\"logprobs\":null,\"finish_reason\":"
             "\"tool_calls\"}]}\n\n"
             "data: [DONE]\n\n");

    out = test_write(&ev[0], 6, 0, 1);
    test_out(out,
             TEST_ROLE "]}\n\n"
             TEST_DELTA "\"function_call\":{\"name\":\"now\","
             "\"arguments\":\"\"}" TEST_NULLS "]}\n\n"
             TEST_DELTA "\"function_call\":{\"arguments\":\"{}\"}"
             TEST_NULLS "]}\n\n"
             TEST_DELTA "},\"logprobs\":null,\"finish_reason\":"
             "\"function_call\"}]}\n\n"
             "data: [DONE]\n\n");

    /* reasoning, to be sent back */

    ngx_memzero(ev, sizeof(ev));

    ev[0].type = NGX_LLM_EVENT_START;
    ngx_str_set(&ev[0].id, "msg_1");
    ev[1].type = NGX_LLM_EVENT_REASONING;
    ngx_str_set(&ev[1].text, "hm");
    ev[2].type = NGX_LLM_EVENT_SIGNATURE;
    ngx_str_set(&ev[2].text, "c2ln");
    ev[3].type = NGX_LLM_EVENT_REDACTED;
    ngx_str_set(&ev[3].text, "c2VhbA==");
    ev[4].type = NGX_LLM_EVENT_ANNOTATION;
    ngx_str_set(&ev[4].text, "{\"type\":\"url_citation\"}");
    ev[5].type = NGX_LLM_EVENT_LOGPROBS;
    ngx_str_set(&ev[5].text, "{\"content\":[],\"refusal\":null}");
    ev[6].type = NGX_LLM_EVENT_ERROR;
    ev[6].error = &err;
    ev[7].type = NGX_LLM_EVENT_DONE;

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    ngx_str_set(&err.message, "cut");
    ngx_str_set(&err.type, "server_error");

    out = test_write(ev, 8, 0, 0);

#undef TEST_HEAD
#define TEST_HEAD  "data: {\"id\":\"msg_1\",\"object\":"                     \
                   "\"chat.completion.chunk\",\"created\":7,"               \
                   "\"model\":\"m\",\"choices\":["

    test_out(out,
             TEST_ROLE "]}\n\n"
             TEST_DELTA "\"reasoning_content\":\"hm\",\"thinking_blocks\":"
             "[{\"index\":0,\"type\":\"thinking\",\"thinking\":\"hm\"}]"
             TEST_NULLS "]}\n\n"
             TEST_DELTA "\"thinking_blocks\":[{\"index\":0,\"type\":"
             "\"thinking\",\"thinking\":\"\",\"signature\":\"c2ln\"}]"
             TEST_NULLS "]}\n\n"
             TEST_DELTA "\"thinking_blocks\":[{\"index\":1,\"type\":"
             "\"redacted_thinking\",\"data\":\"c2VhbA==\"}]"
             TEST_NULLS "]}\n\n"
             TEST_DELTA "\"annotations\":[{\"type\":\"url_citation\"}]"
             TEST_NULLS "]}\n\n"
             TEST_DELTA "},\"logprobs\":{\"content\":[],\"refusal\":null},"
             "\"finish_reason\":null}]}\n\n"
             "data: {\"error\":{\"message\":\"cut\",\"type\":\"server_error\","
             "\"param\":null,\"code\":null}}\n\n");
}


/* what the scan may decide, and what it has to leave to the parser */

static void
test_scan(void)
{
    ngx_int_t              rc;
    ngx_str_t              text, before;
    ngx_uint_t             i, n, flags;
    ngx_llm_openai_mark_t  mark;

    static struct {
        const char  *text;
        ngx_int_t    flags;     /* -1: to be parsed */
    } cases[] = {
        { "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},"
          "\"finish_reason\":null}],\"usage\":null}", 1 },
        { "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"}}]}", 0 },
        { "{\"choices\":[{\"delta\":{\"reasoning\":\"a\"}}]}", 2 },
        { "{\"choices\":[{\"delta\":{\"reasoning_content\":\"a\","
          "\"content\":null}}]}", 2 },
        { "{\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}", 0 },
        { " {\"choices\":[{\"delta\":{}}]}", -1 },
        { "{\"choices\":[{\"delta\":{\"tool_calls\":null}}]}", 0 },
        { "{\"choices\":[{\"delta\":{\"tool_calls\":[]}}]}", 0 },
        { "{\"choices\":[{\"delta\":{\"tool_calls\":[{}]}}]}", -1 },
        { "{\"choices\":[{\"delta\":{\"function_call\":{}}}]}", -1 },

        /* text in more than one place */

        { "{\"choices\":[{\"delta\":{\"content\":\"\",\"refusal\":\"x\"}}]}",
          1 },
        { "{\"choices\":[{\"delta\":{\"content\":\"a\",\"refusal\":\"x\"}}]}",
          1 },
        { "{\"choices\":[{\"delta\":{\"content\":\"a\",\"refusal\":\"\"}}]}",
          1 },
        { "{\"choices\":[{\"delta\":{\"content\":\"\",\"refusal\":\"\"}}]}",
          0 },
        { "{\"choices\":[{\"delta\":{\"content\":\"\",\"reasoning\":\"x\"}}]}",
          2 },
        { "{\"choices\":[{\"delta\":{\"content\":\"a\",\"reasoning\":\"x\"}}]}",
          3 },

        /* text that looks like members */

        { "{\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":{\"}}]}", 1 },
        { "{\"choices\":[{\"delta\":{\"content\":\"\\\\\"}}],"
          "\"usage\":{\"prompt_tokens\":1}}", -1 },
        { "{\"a\":\"usage\",\"choices\":[{\"delta\":{}}]}", 0 },

        /* members that look like others, elsewhere */

        { "{\"a\":{\"usage\":{},\"error\":{}},\"choices\":[{\"delta\":{},"
          "\"content_filter_results\":{\"finish_reason\":\"x\"}}]}", 0 },
        { "{\"x\":[{\"delta\":{\"content\":\"a\"}}],\"choices\":[{"
          "\"delta\":{}}]}", 0 },
        { "{\"choices\":[{\"delta\":{\"a\":{\"content\":\"b\"}}}]}", 0 },

        /* blanks and escapes */

        { "{ \"choices\" : [ { \"index\" : 0 , \"delta\" : { \"content\" : "
          "\"a\" } , \"finish_reason\" : \"stop\" } ] }", -1 },
        { "{ \"choices\" : [ { \"index\" : 0 , \"delta\" : { \"content\" : "
          "\"a\" } } ] , \"usage\" : { } }", -1 },
        { "{\"choices\":[{\"delta\":{}}],\"us\\u0061ge\":{}}", -1 },
        { "{\"choices\":[{\"delta\":{},\"finish\\u005freason\":\"stop\"}]}",
          -1 },

        /* anything out of the ordinary */

        { "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"a\"}}]}", -1 },
        { "{\"choices\":[{\"index\":01,\"delta\":{}}]}", -1 },
        { "{\"choices\":[{\"delta\":{}},{\"index\":0}]}", -1 },
        { "{\"choices\":[]}", -1 },
        { "{\"choices\":[{\"index\":0}]}", -1 },
        { "{\"choices\":[{\"text\":\"a\",\"delta\":{}}]}", -1 },
        { "{\"choices\":[{\"delta\":{}}],\"choices\":[]}", -1 },
        { "{\"choices\":[{\"delta\":{\"content\":\"a\",\"content\":\"\"}}]}",
          -1 },
        { "{\"choices\":[{\"delta\":{}}],\"error\":{\"message\":\"x\"}}", -1 },
        { "{\"error\":null,\"choices\":[{\"delta\":{}}]}", 0 },
        { "{\"choices\":[{\"delta\":{}}],\"x_groq\":{\"id\":\"x\"}}", -1 },
        { "{\"choices\":[{\"delta\":{},\"usage\":{\"a\":1}}]}", -1 },
        { "{\"choices\":[{\"delta\":{\"content\":[]}}]}", -1 },
        { "{\"choices\":[{\"delta\":{\"audio\":{\"data\":\"A\"}}}]}", -1 },
        { "{\"choices\":[{\"delta\":{}}]} x", -1 },
        { "{\"choices\":[{\"delta\":{}]}}", -1 },
        { "{\"choices\":[{\"delta\":{\"content\":\"a\"", -1 },
        { "{\"choices\":[{\"delta\":{\"content\":", -1 },
        { "[]", -1 },
        { "{", -1 },
        { "{\"", -1 },
        { "{\"\\", -1 },
        { "", -1 },
        { NULL, 0 }
    };

    for (i = 0; cases[i].text; i++) {

        test_case = cases[i].text;

        text = test_copy(cases[i].text, strlen(cases[i].text));

        /* whatever chunk came before, itself included */

        for (n = 0; cases[n].text; n++) {

            memset(&mark, 0, sizeof(ngx_llm_openai_mark_t));

            before = test_copy(cases[n].text, strlen(cases[n].text));
            (void) ngx_llm_openai_scan(&mark, &before, &flags);
            (void) ngx_llm_openai_scan(&mark, &before, &flags);
            free(before.data);

            flags = 77;
            rc = ngx_llm_openai_scan(&mark, &text, &flags);

            test_int(rc, cases[i].flags == -1 ? NGX_DECLINED : NGX_OK);

            if (rc == NGX_OK) {
                test_int(flags, cases[i].flags);
            }
        }

        free(text.data);
    }
}


/* every allocation fails once: an error or a shorter answer, nothing else */

static void
test_memory(const char *name)
{
    char             path[512];
    u_char          *buf;
    ngx_str_t        text;
    ngx_uint_t       n;
    ngx_pool_t      *pool;
    ngx_llm_out_t    out;

    test_case = name;

    snprintf(path, sizeof(path), TEST_DIR "%s", name);
    text = test_file(path);
    buf = malloc(65536);

    for (n = 1; n < 100000; n++) {

        pool = test_reset();
        ngx_llm_out_init(&out, NULL, buf, 65536, 65536);

        test_openai_nomem = n;
        test_openai_stream(pool, &text, 0, 100, 0, 0, &out, NULL, NULL);
        test_openai_nomem = 0;

        if (ngx_stubs_fail) {
            ngx_stubs_fail = 0;
            break;
        }
    }

    test_ok(n > 2);
    test_ok(!out.failed);

    free(buf);
    free(text.data);
}


/* what of a splice goes through, where a filter has its say */

static void
test_passed(void)
{
    size_t          i;
    ngx_str_t       text;
    ngx_llm_out_t   out;

    static char  want[] =
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":"
        "{\"content\":\"a\"}}]}\n\n"
        "data: {\"id\":\"\",\"choices\":[{\"delta\":{},\"index\":0,"
        "\"finish_reason\":\"content_filter\",\"content_filter_results\":{}"
        "}]}\n\n"
        "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,"
        "\"completion_tokens\":1},\"prompt_filter_results\":[]}\n\n"
        "data: [DONE]\n\n";

    text = test_string(
        "data: {\"id\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\n"
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":"
        "{\"content\":\"a\"}}]}\n\n"
        "data: {\"id\":\"\",\"choices\":[{\"index\":0,\"finish_reason\":null,"
        "\"content_filter_offsets\":{}}]}\n\n"
        "data: {\"id\":\"\",\"choices\":[{\"index\":0,"
        "\"finish_reason\":\"content_filter\",\"content_filter_results\":{}"
        "}]}\n\n"
        "data: {\"id\":\"\",\"choices\":[{\"index\":0,"
        "\"finish_reason\":\"content_filter\",\"content_filter_results\":{}"
        "}]}\n\n"
        "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,"
        "\"completion_tokens\":1},\"prompt_filter_results\":[]}\n\n"
        "data: [DONE]\n\n");

    test_case = "passed";

    for (i = 0; i < text.len; i++) {
        test_pass(&text, i, 0, &out);
        test_out(out, want);
        free(out.start);
    }

    test_pass(&text, 1, 1, &out);
    test_out(out, want);
    free(out.start);
}


static void
test_pass(ngx_str_t *text, size_t first, size_t step, ngx_llm_out_t *out)
{
    size_t             n, len;
    u_char            *p, *last, *copy, *pos;
    ngx_pool_t        *pool, *scratch;
    ngx_llm_frame_t    frame;
    ngx_llm_reader_t   reader;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    scratch = ngx_create_pool(1024, &ngx_stubs_log);

    ngx_llm_out_init(out, NULL, malloc(65536), 65536, 65536);

    ngx_memzero(&reader, sizeof(ngx_llm_reader_t));
    ngx_llm_reader_init(&reader, &ngx_llm_openai, pool, scratch);

    reader.handler = test_passed_event;
    reader.splice = 1;

    p = text->data;
    last = p + text->len;
    n = first ? first : text->len;

    while (p < last) {
        len = ngx_min(n, (size_t) (last - p));

        copy = malloc(len);
        memcpy(copy, p, len);
        p += len;
        n = step ? step : text->len;

        for (pos = copy; pos < copy + len; /* void */) {
            if (ngx_llm_reader_next(&reader, &pos, copy + len, &frame)
                == NGX_OK)
            {
                ngx_llm_out_str(out, &frame.raw);
            }
        }

        free(copy);
    }

    test_ok(reader.done && !reader.failed && !out->failed);

    ngx_destroy_pool(scratch);
    ngx_destroy_pool(pool);
}


static ngx_int_t
test_passed_event(void *data, ngx_llm_event_t *ev)
{
    return NGX_OK;
}


int
main(int argc, char **argv)
{
    DIR            *dir;
    ngx_uint_t      n;
    struct dirent  *entry;

    test_chunks();
    test_scan();
    test_passed();

    n = 0;
    dir = opendir(TEST_DIR);
    test_ok(dir != NULL);

    for (entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (strstr(entry->d_name, ".sse")) {
            test_fixture(entry->d_name);
            n++;
        }
    }

    if (dir) {
        closedir(dir);
    }

    test_case = "";
    test_ok(n >= 30);

    test_memory("tools-parallel.sse");
    test_memory("tools-object.sse");
    test_memory("reasoning-openrouter.sse");
    test_memory("two-choices.sse");
    test_memory("error-mid.sse");

    return test_done("test_openai_stream");
}
