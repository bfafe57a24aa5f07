
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A client's requests: what is read of them, and what is refused.
 */


#include "test.h"
#include "test_openai.h"
#include "ngx_llm_quirks.h"

#include <dirent.h>


#define TEST_DIR   "t/fixtures/openai/request/"

#define TEST_USER  "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"


typedef struct {
    const char   *text;
    const char   *param;        /* NULL: none */
    const char   *message;      /* what it has in it */
} test_bad_t;


#define M(s)  "{\"model\":\"m\",\"messages\":[" s "]}"
#define T(s)  "{\"model\":\"m\"," TEST_USER ",\"tools\":[" s "]}"

#define TEST_TOOL                                                            \
    "{\"type\":\"function\",\"function\":{\"name\":\"t\",\"parameters\":{}}}"

#define TEST_PLAIN                                                           \
    "{\"messages\":[{\"role\":\"system\",\"content\":\"S\"},"              \
    "{\"content\":\"\",\"role\":\"user\"},"                                  \
    "{\"role\":\"assistant\",\"content\":\"A\\\\n\",\"refusal\":null}],"   \
    "\"model\":\"m\",\"tools\":[" TEST_TOOL "]}"


static void test_refused_by(ngx_str_t *text, ngx_uint_t lazy,
    const char *param, const char *message);
static void test_read(ngx_str_t *text, ngx_uint_t lazy, ngx_str_t *want);


static test_bad_t  test_bads[] = {

    { "", NULL, "not valid JSON: empty text" },
    { "{\"model\":", NULL, "not valid JSON" },
    { "{\"model\":\"m\",}", NULL, "at byte 1" },
    { "{\"model\":\"m\"} x", NULL, "not valid JSON" },
    { "{\"model\":\"\xff\"}", NULL, "invalid UTF-8" },
    { "[]", NULL, "must be a JSON object" },
    { "\"x\"", NULL, "must be a JSON object" },
    { "null", NULL, "must be a JSON object" },

    { "{\"model\":\"m\",\"model\":\"n\"," TEST_USER "}", "model",
      "is given twice" },
    { "{\"model\":\"m\",\"mod\\u0065l\":\"n\"," TEST_USER "}", "model",
      "is given twice" },
    { "{\"model\":\"m\"," TEST_USER ",\"x\":1,\"x\":1}", "x",
      "is given twice" },
    { "{\"model\":\"m\"," TEST_USER ",\"stream\":true,\"stream_options\":"
      "{\"include_usage\":false,\"include_usage\":true}}", "stream_options",
      "has a member twice" },

    { "{" TEST_USER "}", "model", "is required" },
    { "{\"model\":null," TEST_USER "}", "model", "is required" },
    { "{\"model\":\"\"," TEST_USER "}", "model", "must not be empty" },
    { "{\"model\":1," TEST_USER "}", "model", "must be a string" },
    { "{\"model\":[]," TEST_USER "}", "model", "must be a string" },
    { "{\"model\":\"a\\nb\"," TEST_USER "}", "model", "control character" },
    { "{\"model\":\"a\\u0000b\"," TEST_USER "}", "model",
      "control character" },

    { "{\"model\":\"m\"}", "messages", "is required" },
    { "{\"model\":\"m\",\"messages\":null}", "messages", "is required" },
    { "{\"model\":\"m\",\"messages\":[]}", "messages", "must not be empty" },
    { "{\"model\":\"m\",\"messages\":{}}", "messages", "must be an array" },
    { "{\"model\":\"m\",\"messages\":\"Hi\"}", "messages",
      "must be an array" },
    { "{\"model\":\"m\",\"messages\":[\"Hi\"]}", "messages[0]",
      "must be an object" },
    { "{\"model\":\"m\",\"messages\":[{\"content\":\"Hi\"}]}",
      "messages[0].role", "must be a string" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
      "{\"role\":\"robot\",\"content\":\"b\"}]}", "messages[1].role",
      "is unknown" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}",
      "messages[0].content", "must be a string or an array" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":null}]}",
      "messages[0].content", "must be a string or an array" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":5}]}",
      "messages[0].content", "must be a string or an array" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":{}}]}",
      "messages[0].content", "must be a string or an array" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":"
      "true}]}", "messages[0].content", "must be a string or an array" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "\"a\"]}]}", "messages[0].content[0]", "must be an object" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"text\":\"a\"}]}]}", "messages[0].content[0].type",
      "must be a string" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\"}]}]}",
      "messages[0].content[1].text", "must be a string" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"image_url\"}]}]}",
      "messages[0].content[0].image_url.url", "must be a string" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png,x\"}}"
      "]}]}", "messages[0].content[0].image_url.url", "base64" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"input_audio\",\"input_audio\":{\"format\":\"wav\"}}]}]}",
      "messages[0].content[0].input_audio.data", "must be a string" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"x\"}}]}]}",
      "messages[0].content[0].input_audio.format", "must be a string" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"file\",\"file\":{}}]}]}", "messages[0].content[0].file",
      "file_data" },

    { "{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}",
      "messages[0].tool_call_id", "is required" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"function\",\"content\":"
      "\"x\"}]}", "messages[0].name", "is required" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":"
      "{}}]}", "messages[0].tool_calls", "must be an array" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":"
      "[1]}]}", "messages[0].tool_calls[0]", "must be an object" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":"
      "[{\"id\":\"x\",\"type\":\"function\"}]}]}",
      "messages[0].tool_calls[0].function.name", "is required" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":"
      "[{\"id\":\"x\",\"type\":\"custom\"}]}]}",
      "messages[0].tool_calls[0].custom.name", "is required" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":"
      "[{\"id\":\"x\",\"type\":\"function\",\"function\":{\"name\":\"f\","
      "\"arguments\":[]}}]}]}",
      "messages[0].tool_calls[0].function.arguments", "must be a string" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
      "\"function_call\":\"f\"}]}", "messages[0].function_call",
      "must be an object" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
      "\"function_call\":{}}]}", "messages[0].function_call.name",
      "is required" },

    { "{\"model\":\"m\"," TEST_USER ",\"stream\":\"true\"}", "stream",
      "must be true or false" },
    { "{\"model\":\"m\"," TEST_USER ",\"stream\":1}", "stream",
      "must be true or false" },
    { "{\"model\":\"m\"," TEST_USER ",\"stream_options\":{}}",
      "stream_options", "only allowed when" },
    { "{\"model\":\"m\"," TEST_USER ",\"stream\":false,\"stream_options\":"
      "{\"include_usage\":true}}", "stream_options", "only allowed when" },
    { "{\"model\":\"m\"," TEST_USER ",\"stream\":true,\"stream_options\":1}",
      "stream_options", "must be an object" },
    { "{\"model\":\"m\"," TEST_USER ",\"stream\":true,\"stream_options\":"
      "{\"include_usage\":1}}", "stream_options.include_usage",
      "must be true or false" },

    { "{\"model\":\"m\"," TEST_USER ",\"temperature\":\"1\"}",
      "temperature", "must be a number" },
    { "{\"model\":\"m\"," TEST_USER ",\"n\":0}", "n", "from 1 to 128" },
    { "{\"model\":\"m\"," TEST_USER ",\"n\":129}", "n", "from 1 to 128" },
    { "{\"model\":\"m\"," TEST_USER ",\"n\":1.5}", "n", "from 1 to 128" },
    { "{\"model\":\"m\"," TEST_USER ",\"n\":\"1\"}", "n",
      "must be a number" },
    { "{\"model\":\"m\"," TEST_USER ",\"max_tokens\":0}", "max_tokens",
      "must be a positive integer" },
    { "{\"model\":\"m\"," TEST_USER ",\"max_tokens\":1.5}", "max_tokens",
      "must be a positive integer" },
    { "{\"model\":\"m\"," TEST_USER ",\"max_tokens\":1e3}", "max_tokens",
      "must be a positive integer" },
    { "{\"model\":\"m\"," TEST_USER ",\"max_completion_tokens\":-7}",
      "max_completion_tokens", "must be a positive integer" },
    { "{\"model\":\"m\"," TEST_USER ",\"max_completion_tokens\":"
      "99999999999999999999}", "max_completion_tokens",
      "must be a positive integer" },
    { "{\"model\":\"m\"," TEST_USER ",\"stop\":5}", "stop",
      "must be a string or an array" },
    { "{\"model\":\"m\"," TEST_USER ",\"stop\":[\"a\",null]}", "stop[1]",
      "must be a string" },
    { "{\"model\":\"m\"," TEST_USER ",\"logprobs\":5}", "logprobs",
      "must be true or false" },
    { "{\"model\":\"m\"," TEST_USER ",\"user\":5}", "user",
      "must be a string" },
    { "{\"model\":\"m\"," TEST_USER ",\"metadata\":\"x\"}", "metadata",
      "must be an object" },

    { "{\"model\":\"m\"," TEST_USER ",\"tools\":{}}", "tools",
      "must be an array" },
    { "{\"model\":\"m\"," TEST_USER ",\"tools\":[\"x\"]}", "tools[0]",
      "must be an object" },
    { "{\"model\":\"m\"," TEST_USER ",\"tools\":[{}]}", "tools[0].type",
      "must be a string" },
    { "{\"model\":\"m\"," TEST_USER ",\"tools\":[{\"type\":\"function\"}]}",
      "tools[0].function", "must be an object" },
    { "{\"model\":\"m\"," TEST_USER ",\"tools\":[{\"type\":\"function\","
      "\"function\":{}}]}", "tools[0].function.name", "must be a string" },
    { "{\"model\":\"m\"," TEST_USER ",\"tools\":[{\"type\":\"function\","
      "\"function\":{\"name\":\"\"}}]}", "tools[0].function.name",
      "must be a string" },
    { "{\"model\":\"m\"," TEST_USER ",\"tools\":[{\"type\":\"function\","
      "\"function\":{\"name\":\"a\"}},{\"type\":\"custom\",\"custom\":{}}]}",
      "tools[1].custom.name", "must be a string" },
    { "{\"model\":\"m\"," TEST_USER ",\"tools\":[{\"type\":\"function\","
      "\"function\":{\"name\":\"a\",\"parameters\":[]}}]}",
      "tools[0].function.parameters", "must be an object" },
    { "{\"model\":\"m\"," TEST_USER ",\"tools\":[{\"type\":\"function\","
      "\"function\":{\"name\":\"a\",\"description\":1}}]}",
      "tools[0].function.description", "must be a string" },
    { "{\"model\":\"m\"," TEST_USER ",\"functions\":[{}]}",
      "functions[0].name", "must be a string" },
    { "{\"model\":\"m\"," TEST_USER ",\"functions\":[{\"name\":\"a\"}],"
      "\"function_call\":\"b\"}", "function_call", "must be" },
    { "{\"model\":\"m\"," TEST_USER ",\"functions\":[{\"name\":\"a\"}],"
      "\"function_call\":{}}", "function_call.name", "is required" },
    { "{\"model\":\"m\"," TEST_USER ",\"tool_choice\":5}", "tool_choice",
      "must be a string or an object" },
    { "{\"model\":\"m\"," TEST_USER ",\"tool_choice\":\"x\"}",
      "tool_choice", "must be" },
    { "{\"model\":\"m\"," TEST_USER ",\"tool_choice\":{}}",
      "tool_choice.type", "is unknown" },
    { "{\"model\":\"m\"," TEST_USER ",\"tool_choice\":{\"type\":"
      "\"function\"}}", "tool_choice.function.name", "is required" },
    { "{\"model\":\"m\"," TEST_USER ",\"tool_choice\":{\"type\":"
      "\"custom\"}}", "tool_choice.custom.name", "is required" },
    { "{\"model\":\"m\"," TEST_USER ",\"tool_choice\":{\"type\":"
      "\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\"}}}",
      "tool_choice.allowed_tools.tools", "must be an array" },
    { "{\"model\":\"m\"," TEST_USER ",\"tool_choice\":{\"type\":"
      "\"allowed_tools\",\"allowed_tools\":{\"mode\":\"none\",\"tools\":[]}}"
      "}", "tool_choice.allowed_tools.mode", "must be" },
    { "{\"model\":\"m\"," TEST_USER ",\"response_format\":\"json\"}",
      "response_format", "must be an object" },
    { "{\"model\":\"m\"," TEST_USER ",\"response_format\":{}}",
      "response_format.type", "must be a string" },
    { "{\"model\":\"m\"," TEST_USER ",\"response_format\":{\"type\":"
      "\"json_schema\"}}", "response_format.json_schema",
      "must be an object" },
    { "{\"model\":\"m\"," TEST_USER ",\"response_format\":{\"type\":"
      "\"json_schema\",\"json_schema\":{\"schema\":[]}}}",
      "response_format.json_schema.schema", "must be an object" },

    { NULL, NULL, NULL }
};


static void
test_refused(ngx_str_t *text, const char *param, const char *message)
{
    test_refused_by(text, 0, param, message);
    test_refused_by(text, 1, param, message);
}


static void
test_refused_by(ngx_str_t *text, ngx_uint_t lazy, const char *param,
    const char *message)
{
    ngx_pool_t       *pool;
    ngx_llm_chat_t    chat;
    ngx_llm_error_t   err;

    pool = test_reset();

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    ngx_llm_chat_init(&chat, pool, text);

    chat.lazy = lazy;

    test_int(ngx_llm_openai_read_request(&chat, &err), NGX_DECLINED);
    test_int(err.status, 400);
    test_int(err.fail, NGX_LLM_FAIL_REQUEST);
    test_str(err.type, "invalid_request_error");
    test_str(err.code, NULL);
    test_str(err.param, param);

    if (!test_ok(test_has(err.message, message))) {
        fprintf(stderr, "    \"%.*s\"\n", (int) err.message.len,
                err.message.data);
    }
}


static void
test_bad(void)
{
    size_t       i;
    u_char      *p;
    ngx_str_t    text;
    test_bad_t  *bad;

    for (bad = test_bads; bad->text; bad++) {
        test_case = bad->text;
        text = test_copy(bad->text, strlen(bad->text));
        test_refused(&text, bad->param, bad->message);
        free(text.data);
    }

    /* bounds */

    test_case = "too many stops";
    text.data = malloc(4096);
    p = text.data;
    p = ngx_sprintf(p, "{\"model\":\"m\"," TEST_USER ",\"stop\":[\"a\"");

    for (i = 0; i < NGX_LLM_OPENAI_MAX_STOP; i++) {
        p = ngx_cpymem(p, ",\"a\"", 4);
    }

    p = ngx_cpymem(p, "]}", 2);
    text.len = p - text.data;
    test_refused(&text, "stop", "too many");

    test_case = "too long a model";
    p = ngx_cpymem(text.data, "{\"model\":\"", 10);
    memset(p, 'm', NGX_LLM_OPENAI_MAX_MODEL + 1);
    p += NGX_LLM_OPENAI_MAX_MODEL + 1;
    p = ngx_sprintf(p, "\"," TEST_USER "}");
    text.len = p - text.data;
    test_refused(&text, "model", "is too long");

    test_case = "a long member twice";
    p = text.data;

    for (i = 0; i < 2; i++) {
        *p++ = (i == 0) ? '{' : ',';
        *p++ = '"';
        memset(p, 'k', 1000);
        p = ngx_cpymem(p + 1000, "\":1", 3);
    }

    *p++ = '}';
    text.len = p - text.data;
    test_refused(&text,
                 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
                 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", "is given twice");

    test_case = "a depth bomb";
    memset(text.data, '[', 4096);
    text.len = 4096;
    test_refused(&text, NULL, "nested too deep");

    free(text.data);
}


static void
test_fixture(const char *name)
{
    char        path[512];
    ngx_str_t   text, want;

    test_case = name;

    snprintf(path, sizeof(path), TEST_DIR "%s", name);
    text = test_file(path);

    strcpy(strrchr(path, '.'), ".txt");
    want = test_file(path);

    test_read(&text, 0, &want);
    test_read(&text, 1, &want);

    free(want.data);
    free(text.data);
}


static void
test_read(ngx_str_t *text, ngx_uint_t lazy, ngx_str_t *want)
{
    ngx_str_t         got;
    ngx_uint_t        n;
    ngx_pool_t       *pool;
    ngx_llm_out_t     out;
    ngx_llm_chat_t    chat;
    ngx_llm_error_t   err;

    pool = test_reset();
    ngx_llm_chat_init(&chat, pool, text);

    chat.lazy = lazy;

    test_int(ngx_llm_openai_read_request(&chat, &err), NGX_OK);
    test_ok(chat.dialect == &ngx_llm_openai);
    test_ok(chat.root != NULL && chat.model_node != NULL);

    n = chat.nmessages;
    test_int(ngx_llm_chat_open(&chat), NGX_OK);
    test_int(chat.nmessages, n);

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);
    test_openai_chat(&out, &chat);

    got.data = out.start;
    got.len = ngx_llm_out_len(&out);

    if (getenv("TEST_SHOW")) {
        printf("== %s\n%.*s", test_case, (int) got.len, got.data);
    }

    test_same(got, *want);
}


/* the client's text with what an odd server needs, before it is opened */

static ngx_str_t
test_edited(ngx_pool_t *pool, ngx_str_t *text, ngx_uint_t lazy)
{
    ngx_str_t           got, *slice;
    ngx_uint_t          i;
    ngx_array_t         edits, slices;
    ngx_llm_out_t       out;
    ngx_llm_chat_t      chat;
    ngx_llm_error_t     err;
    ngx_llm_quirks_t    quirks;
    ngx_llm_target_t    target;

    ngx_str_null(&got);

    ngx_llm_chat_init(&chat, pool, text);
    chat.lazy = lazy;

    if (ngx_llm_openai_read_request(&chat, &err) != NGX_OK) {
        return got;
    }

    ngx_memzero(&quirks, sizeof(ngx_llm_quirks_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    quirks.flags = NGX_LLM_QUIRK_SYSTEM|NGX_LLM_QUIRK_TEXT;
    target.quirks = &quirks;
    ngx_str_set(&target.model, "up");

    test_int(ngx_array_init(&edits, pool, 4, sizeof(ngx_llm_edit_t)), NGX_OK);
    test_int(ngx_array_init(&slices, pool, 4, sizeof(ngx_str_t)), NGX_OK);
    test_int(ngx_llm_openai_edit_request(&chat, &target, &edits, &err),
             NGX_OK);
    test_int(ngx_llm_edit_apply(text, &edits, &slices), NGX_OK);

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);
    slice = slices.elts;

    for (i = 0; i < slices.nelts; i++) {
        ngx_llm_out_str(&out, &slice[i]);
    }

    got.data = out.start;
    got.len = ngx_llm_out_len(&out);

    return got;
}


/* what looks plain and is not: the same as from a tree alone */

static void
test_odd(void)
{
    ngx_str_t        text, one, two;
    ngx_uint_t       i;
    ngx_pool_t      *pool;
    ngx_llm_out_t    tree, lazy;
    ngx_llm_chat_t   chat;

    static const char  *odd[] = {
        M("{\"role\":\"user\",\"role\":\"assistant\",\"content\":\"a\"}"),
        M("{\"role\":\"user\",\"content\":\"a\",\"content\":\"b\"}"),
        M("{\"role\":\"user\",\"content\":\"a\",\"content\":null}"),
        M("{\"role\":\"user\",\"content\":null,\"content\":\"a\"}"),
        M("{\"role\":\"user\",\"content\":\"a\",\"c\\u006fntent\":\"b\"}"),
        M("{\"role\":\"user\",\"content\":\"a\",\"name\":\"n\"}"),
        M("{\"role\":\"user\",\"content\":\"a\",\"name\":null,"
          "\"name\":\"n\"}"),
        M("{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":\"r\"}"),
        M("{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":[]}"),
        M("{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":5}"),
        M("{\"role\":\"assistant\",\"content\":\"a\",\"reasoning\":\"r\"}"),
        M("{\"role\":\"assistant\",\"content\":null}"),
        M("{\"role\":\"user\",\"content\":\"a\",\"cache_control\":"
          "{\"type\":\"ephemeral\"}}"),
        M("{\"role\":\"users\",\"content\":\"a\"}"),
        M("{\"role\":\"developer\",\"content\":\"a\"}"),
        M("{\"role\":\"system\",\"content\":\"a\"},"
          "{\"role\":\"developer\",\"content\":\"b\"},"
          "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
          "\"c\"},{\"type\":\"text\",\"text\":\"d\"}]}"),
        M("{\"role\":\"user\\u0000\",\"content\":\"a\"}"),
        M("{\"role\":\"tool\",\"content\":\"a\"}"),
        M("{\"role\":\"function\",\"content\":\"a\",\"name\":\"f\"}"),
        M("{\"content\":\"a\"}"),
        M("{\"role\":\"user\"}"),
        M("{}"),
        M("{\"role\":\"user\",\"content\":\"a\"},5"),
        M("5,{\"role\":\"user\",\"content\":\"a\"}"),
        M("{\"role\":\"user\",\"content\":\"a\"},"),
        M("{\"role\":\"user\",\"content\":\"a\",}"),
        M("{\"role\":\"user\" \"content\":\"a\"}"),
        M("{\"role\":\"user\",\"content\":\"\\x\"}"),
        M("{\"role\":\"user\",\"content\":\"\\ud800\"}"),
        M("{\"role\":\"user\",\"content\":\"\xff\"}"),
        M("[{\"role\":\"user\",\"content\":\"a\"}]"),
        T("{\"type\":\"function\",\"function\":{\"name\":\"a\",\"name\":"
          "\"b\"}}"),
        T("{\"type\":\"function\",\"function\":{\"name\":\"\"}}"),
        T("{\"type\":\"function\",\"function\":{\"name\":\"a\","
          "\"description\":null,\"parameters\":null,\"strict\":null}}"),
        T("{\"type\":\"function\",\"function\":{\"name\":\"a\","
          "\"parameters\":[]}}"),
        T("{\"type\":\"function\",\"function\":{\"name\":\"a\","
          "\"parameters\":{\"a\":1,}}}"),
        T("{\"type\":\"function\",\"type\":\"custom\",\"function\":"
          "{\"name\":\"a\"}}"),
        T("{\"type\":\"function\",\"function\":{\"name\":\"a\"},"
          "\"function\":{\"name\":\"b\"}}"),
        T("{\"type\":\"function\",\"function\":{\"name\":\"a\"},"
          "\"cache_control\":{\"type\":\"ephemeral\"}}"),
        T("{\"function\":{\"name\":\"a\"}}"),
        T("{\"type\":\"function\",\"function\":{\"name\":\"a\"}},{},"
          "{\"type\":\"function\",\"function\":{\"name\":\"b\"}}"),
        NULL
    };

    for (i = 0; odd[i]; i++) {

        test_case = odd[i];
        text = test_copy(odd[i], strlen(odd[i]));
        pool = test_reset();

        ngx_llm_out_init(&tree, pool, NULL, 0, TEST_OPENAI_MAX);
        ngx_llm_out_init(&lazy, pool, NULL, 0, TEST_OPENAI_MAX);

        test_int(test_openai_read_request(&lazy, &chat, &text, 1),
                 test_openai_read_request(&tree, &chat, &text, 0));

        one.data = lazy.start;
        one.len = ngx_llm_out_len(&lazy);
        two.data = tree.start;
        two.len = ngx_llm_out_len(&tree);

        test_same(one, two);

        one = test_edited(pool, &text, 1);
        two = test_edited(pool, &text, 0);

        test_same(one, two);

        free(text.data);
    }
}


/* what is all plain is left alone until it is opened, and then is the same */

static void
test_lazy(void)
{
    ngx_str_t           text;
    ngx_pool_t         *pool;
    ngx_llm_chat_t      chat;
    ngx_llm_error_t     err;
    ngx_llm_message_t  *message;

    test_case = "lazy";

    text = test_copy(TEST_PLAIN, sizeof(TEST_PLAIN) - 1);
    pool = test_reset();

    ngx_llm_chat_init(&chat, pool, &text);
    chat.lazy = 1;

    test_int(ngx_llm_openai_read_request(&chat, &err), NGX_OK);
    test_ok(chat.plain && chat.plain->nelts == 3);
    test_ok(chat.messages == NULL);
    test_int(chat.nmessages, 3);
    test_int(chat.ntools, 1);
    test_ok(chat.has_tools);

    ngx_stubs_fail = 1;
    test_int(ngx_llm_chat_open(&chat), NGX_ERROR);
    ngx_stubs_fail = 0;

    test_ok(chat.plain != NULL);
    test_int(ngx_llm_chat_open(&chat), NGX_OK);
    test_ok(chat.plain == NULL);
    test_int(chat.nmessages, 3);

    message = chat.messages;
    test_int(message->role, NGX_LLM_ROLE_SYSTEM);
    test_int(message->index, 0);
    test_str(message->parts->text, "S");

    message = message->next;
    test_int(message->role, NGX_LLM_ROLE_USER);
    test_ok(message->parts == NULL);

    message = message->next;
    test_int(message->index, 2);
    test_str(message->parts->text, "A\\\\n");
    test_ok(message->next == NULL);

    test_str(chat.tools->name, "t");
    test_str(chat.tools->schema, "{}");
    test_str(chat.tools->node->raw, TEST_TOOL);

    /* and again: nothing is left */

    test_int(ngx_llm_chat_open(&chat), NGX_OK);
    test_int(chat.nmessages, 3);

    free(text.data);
}


static ngx_int_t
test_prompt(void *data, ngx_str_t *escaped)
{
    size_t *size = data;

    *size += escaped->len;

    return NGX_OK;
}


/* who looks at messages finds them, whether they were made yet or not */

static void
test_looks(void)
{
    size_t            size[2];
    int64_t           tokens[2];
    ngx_str_t         text;
    ngx_uint_t        lazy;
    ngx_pool_t       *pool;
    ngx_llm_chat_t    chat;
    ngx_llm_error_t   err;

    test_case = "looks";

    text = test_copy(TEST_PLAIN, sizeof(TEST_PLAIN) - 1);
    pool = test_reset();

    for (lazy = 0; lazy < 2; lazy++) {

        ngx_llm_chat_init(&chat, pool, &text);
        chat.lazy = lazy;

        test_int(ngx_llm_openai_read_request(&chat, &err), NGX_OK);
        tokens[lazy] = ngx_llm_chat_estimate(&chat);

        ngx_llm_chat_init(&chat, pool, &text);
        chat.lazy = lazy;
        size[lazy] = 0;

        test_int(ngx_llm_openai_read_request(&chat, &err), NGX_OK);
        test_int(ngx_llm_chat_prompt(&chat, 0, test_prompt, &size[lazy]),
                 NGX_OK);
    }

    test_int(tokens[1], tokens[0]);
    test_int(size[1], size[0]);
    test_int(size[1], 5);

    free(text.data);
}


/* every allocation fails once: an error, and nothing else */

static void
test_memory(const char *name, ngx_uint_t lazy)
{
    char              path[512];
    ngx_int_t         rc;
    ngx_str_t         text;
    ngx_uint_t        n;
    ngx_pool_t       *pool;
    ngx_llm_chat_t    chat;
    ngx_llm_error_t   err;

    test_case = name;

    snprintf(path, sizeof(path), TEST_DIR "%s", name);
    text = test_file(path);

    for (n = 1; n < 100000; n++) {

        pool = test_reset();
        ngx_llm_chat_init(&chat, pool, &text);

        chat.lazy = lazy;

        ngx_stubs_fail = n;
        rc = ngx_llm_openai_read_request(&chat, &err);

        if (ngx_stubs_fail) {
            ngx_stubs_fail = 0;
            test_int(rc, NGX_OK);
            break;
        }

        /* what cannot be taken may still be parsed */

        test_ok(rc == NGX_ERROR || rc == NGX_DECLINED
                || (lazy && rc == NGX_OK));
    }

    test_ok(n > 10);

    free(text.data);
}


int
main(int argc, char **argv)
{
    DIR            *dir;
    ngx_uint_t      n;
    struct dirent  *entry;

    test_bad();

    n = 0;
    dir = opendir(TEST_DIR);
    test_ok(dir != NULL);

    for (entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (strstr(entry->d_name, ".json")) {
            test_fixture(entry->d_name);
            n++;
        }
    }

    if (dir) {
        closedir(dir);
    }

    test_case = "";
    test_ok(n >= 20);

    test_odd();
    test_lazy();
    test_looks();

    for (n = 0; n < 2; n++) {
        test_memory("roles.json", n);
        test_memory("parts.json", n);
        test_memory("reasoning.json", n);
        test_memory("tools.json", n);
        test_memory("conversation.json", n);
    }

    return test_done("test_openai_request");
}
