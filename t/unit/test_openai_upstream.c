
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What goes out to a provider, byte for byte: a client's own request with its
 * edits, and one written from the neutral form.
 */


#include "test.h"
#include "test_openai.h"


#define TEST_USER  "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define TEST_OUT   "{\"model\":\"m\"," TEST_USER


static ngx_llm_chat_t *
test_read(const ngx_llm_dialect_t *dialect, ngx_str_t *text)
{
    ngx_pool_t       *pool;
    ngx_llm_chat_t   *chat;
    ngx_llm_error_t   err;

    pool = test_reset();

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    chat = ngx_pcalloc(pool, sizeof(ngx_llm_chat_t));
    ngx_llm_chat_init(chat, pool, text);

    if (!test_int(dialect->read_request(chat, &err), NGX_OK)) {
        fprintf(stderr, "    \"%.*s\"\n", (int) err.message.len,
                err.message.data);
        return NULL;
    }

    return chat;
}


static void
test_target(ngx_llm_target_t *target, const char *model)
{
    ngx_memzero(target, sizeof(ngx_llm_target_t));

    target->provider = test_string("prov");
    target->base = test_string("/v1");
    target->model = test_string(model);
    target->key = test_string("sk-1");
}


static void
test_edit(const char *body, const char *model, ngx_uint_t n, const char *want)
{
    ngx_str_t          text, got, *slice;
    ngx_uint_t         i;
    ngx_array_t        edits, slices;
    ngx_llm_out_t      out;
    ngx_llm_chat_t    *chat;
    ngx_llm_error_t    err;
    ngx_llm_target_t   target;

    test_case = body;
    text = test_copy(body, strlen(body));
    chat = test_read(&ngx_llm_openai, &text);

    if (chat == NULL) {
        free(text.data);
        return;
    }

    test_target(&target, model);

    ngx_array_init(&edits, chat->pool, 2, sizeof(ngx_llm_edit_t));
    ngx_array_init(&slices, chat->pool, 4, sizeof(ngx_str_t));

    test_int(ngx_llm_openai_edit_request(chat, &target, &edits, &err),
             NGX_OK);
    test_int(edits.nelts, n);

    test_int(ngx_llm_edit_apply(&chat->text, &edits, &slices), NGX_OK);

    ngx_llm_out_init(&out, chat->pool, NULL, 0, TEST_OPENAI_MAX);
    slice = slices.elts;

    for (i = 0; i < slices.nelts; i++) {
        ngx_llm_out_str(&out, &slice[i]);
    }

    test_out(out, want ? want : body);

    /* a request for a provider is one that the gateway itself takes */

    got = test_copy(out.start, ngx_llm_out_len(&out));
    chat = test_read(&ngx_llm_openai, &got);

    if (chat) {
        test_str(chat->model, model);
        test_int(chat->include_usage, chat->stream);
    }

    free(got.data);
    free(text.data);
}


static void
test_edits(void)
{
    /* nothing to do is nothing done */

    test_edit("{\"model\":\"m\"," TEST_USER "}", "m", 0, NULL);
    test_edit("{\"mod\\u0065l\":\"\\u006d\"," TEST_USER "}", "m", 0, NULL);
    test_edit("{\"model\":\"m\"," TEST_USER ",\"stream\":false}", "m", 0,
              NULL);
    test_edit("{\"model\":\"m\"," TEST_USER ",\"stream\":true,"
              "\"stream_options\":{\"include_usage\":true}}", "m", 0, NULL);

    test_edit("{\"model\":\"m\"," TEST_USER ",\"a\":1.50,\"b\":1e2}", "n/\"x",
              1, "{\"model\":\"n/\\\"x\"," TEST_USER ",\"a\":1.50,"
              "\"b\":1e2}");
    test_edit(" { " TEST_USER " ,\r\n\t\"model\" : \"public\" } ", "p", 1,
              " { " TEST_USER " ,\r\n\t\"model\" : \"p\" } ");

    /* the ways to ask for usage */

    test_edit("{\"stream\":true,\"model\":\"m\"," TEST_USER "}", "m", 1,
              "{\"stream\":true,\"stream_options\":{\"include_usage\":true},"
              "\"model\":\"m\"," TEST_USER "}");
    test_edit("{\"model\":\"m\"," TEST_USER ",\"stream\" : true }", "n", 2,
              "{\"model\":\"n\"," TEST_USER ",\"stream\" : true"
              ",\"stream_options\":{\"include_usage\":true} }");
    test_edit("{\"model\":\"m\",\"stream_options\":null,\"stream\":true,"
              TEST_USER "}", "m", 1,
              "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true},"
              "\"stream\":true," TEST_USER "}");
    test_edit("{\"model\":\"m\",\"stream_options\":{ },\"stream\":true,"
              TEST_USER "}", "m", 1,
              "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true},"
              "\"stream\":true," TEST_USER "}");
    test_edit("{\"model\":\"m\",\"stream_options\":{ \"x\" : 1 },"
              "\"stream\":true," TEST_USER "}", "m", 1,
              "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true, "
              "\"x\" : 1 },\"stream\":true," TEST_USER "}");
    test_edit("{\"model\":\"m\",\"stream_options\":{\"x\":1,"
              "\"include_usage\": false,\"y\":2},\"stream\":true,"
              TEST_USER "}", "n", 2,
              "{\"model\":\"n\",\"stream_options\":{\"x\":1,"
              "\"include_usage\": true,\"y\":2},\"stream\":true,"
              TEST_USER "}");
    test_edit("{\"model\":\"m\",\"stream_options\":{\"include_usage\":null},"
              "\"stream\":true," TEST_USER "}", "m", 1,
              "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true},"
              "\"stream\":true," TEST_USER "}");
}


/*
 * foreign: as if another dialect had read it, so that nothing but the neutral
 * form can be written; "dropped" are the names, each with a blank behind it
 */

static void
test_write(const ngx_llm_dialect_t *dialect, ngx_uint_t foreign,
    const char *body, const char *model, uint64_t drop, const char *want,
    const char *dropped)
{
    ngx_int_t          rc;
    ngx_str_t          text, got, *name;
    ngx_uint_t         i;
    ngx_llm_out_t      out, names;
    ngx_llm_chat_t    *chat;
    ngx_llm_error_t    err;
    ngx_llm_target_t   target;

    test_case = body;
    text = test_copy(body, strlen(body));
    chat = test_read(dialect, &text);

    if (chat == NULL) {
        free(text.data);
        return;
    }

    if (foreign) {
        chat->dialect = NULL;
    }

    test_target(&target, model);
    target.drop = drop;

    ngx_llm_out_init(&out, chat->pool, NULL, 0, TEST_OPENAI_MAX);

    rc = ngx_llm_openai_write_request(chat, &target, &out, &err);

    if (want[0] != '{') {
        test_int(rc, NGX_DECLINED);

        if (rc == NGX_DECLINED) {
            test_int(err.status, 400);
            test_str(err.code, "unsupported_parameter");
            test_str(err.param, want);
        }

        free(text.data);
        return;
    }

    if (!test_int(rc, NGX_OK)) {
        free(text.data);
        return;
    }

    test_out(out, want);

    ngx_llm_out_init(&names, chat->pool, NULL, 0, TEST_OPENAI_MAX);

    for (i = 0; chat->dropped && i < chat->dropped->nelts; i++) {
        name = chat->dropped->elts;
        ngx_llm_out_str(&names, &name[i]);
        ngx_llm_out_char(&names, ' ');
    }

    test_out(names, dropped);

    got = test_copy(out.start, ngx_llm_out_len(&out));
    (void) test_read(&ngx_llm_openai, &got);

    free(got.data);
    free(text.data);
}


#define test_neutral(body, want)                                             \
    test_write(&ngx_llm_openai, 1, body, "m", 0, want, "")


static void
test_messages(void)
{
    test_neutral("{\"model\":\"x\"," TEST_USER "}", TEST_OUT "}");

    test_neutral("{\"model\":\"x\",\"messages\":["
                 "{\"role\":\"system\",\"content\":[{\"type\":\"text\","
                 "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},"
                 "{\"role\":\"developer\",\"content\":\"c\"},"
                 "{\"role\":\"user\",\"name\":\"bob\",\"content\":[{\"type\":"
                 "\"text\",\"text\":\"\\u00e9\"},{\"type\":\"text\",\"text\":"
                 "\"2\"}]},"
                 "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\","
                 "\"text\":\"x\"},{\"type\":\"text\",\"text\":\"y\"}],"
                 "\"reasoning_content\":\"secret\"},"
                 "{\"role\":\"user\",\"content\":\"\"}]}",
                 "{\"model\":\"m\",\"messages\":["
                 "{\"role\":\"system\",\"content\":\"a\\nb\"},"
                 "{\"role\":\"system\",\"content\":\"c\"},"
                 "{\"role\":\"user\",\"name\":\"bob\",\"content\":"
                 "\"\\u00e9\\n2\"},"
                 "{\"role\":\"assistant\",\"content\":\"xy\"},"
                 "{\"role\":\"user\",\"content\":\"\"}]}");

    /* images, sound, files */

    test_neutral("{\"model\":\"x\",\"messages\":[{\"role\":\"user\","
                 "\"content\":[{\"type\":\"text\",\"text\":\"see\"},"
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":"
                 "\"data:image\\/png;base64,AAAA\",\"detail\":\"low\"}},"
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":"
                 "\"https://e.com/a?b=\\\"\"}},"
                 "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AA\","
                 "\"format\":\"mpeg\"}},"
                 "{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\","
                 "\"file_data\":\"data:application/pdf;base64,BBBB\"}},"
                 "{\"type\":\"file\",\"file\":{\"file_data\":\"CCCC\"}}]}]}",
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                 "\"content\":[{\"type\":\"text\",\"text\":\"see\"},"
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":"
                 "\"data:image/png;base64,AAAA\"}},"
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":"
                 "\"https://e.com/a?b=\\\"\"}},"
                 "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AA\","
                 "\"format\":\"mp3\"}},"
                 "{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\","
                 "\"file_data\":\"data:application/pdf;base64,BBBB\"}},"
                 "{\"type\":\"file\",\"file\":{\"filename\":\"document.pdf\","
                 "\"file_data\":\"data:application/pdf;base64,CCCC\"}}]}]}");

    test_neutral("{\"model\":\"x\",\"messages\":[{\"role\":\"user\","
                 "\"content\":[{\"type\":\"file\",\"file\":{\"file_id\":"
                 "\"f\"}}]}]}", "messages");
    test_neutral("{\"model\":\"x\",\"messages\":[{\"role\":\"user\","
                 "\"content\":[{\"type\":\"video_url\"}]}]}", "messages");

    /* the same dialect keeps what the neutral form has no word for */

    test_write(&ngx_llm_openai, 0, "{\"model\":\"x\",\"messages\":[{"
               "\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
               "\"image_url\":{\"url\":\"data:image/png;base64,AAAA\","
               "\"detail\":\"low\"}},{\"type\":\"video_url\",\"v\":1.0}]}],"
               "\"x_vendor\":{\"a\":1.50},\"top_k\":5,\"temperature\":0.50}",
               "m", 0,
               "{\"model\":\"m\",\"messages\":[{"
               "\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
               "\"image_url\":{\"url\":\"data:image/png;base64,AAAA\","
               "\"detail\":\"low\"}},{\"type\":\"video_url\",\"v\":1.0}]}],"
               "\"temperature\":0.50,\"top_k\":5,\"x_vendor\":{\"a\":1.50}}",
               "");

    /* a round with tools; results hold text only */

    test_neutral("{\"model\":\"x\",\"messages\":["
                 "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
                 "{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":"
                 "\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
                 "{\"id\":\"2\",\"type\":\"function\",\"function\":{\"name\":"
                 "\"g\",\"arguments\":{\"b\":\"\\n\"}}},"
                 "{\"id\":\"3\",\"type\":\"custom\",\"custom\":{\"name\":"
                 "\"h\",\"input\":\"t\"}},"
                 "{\"id\":\"4\",\"type\":\"function\",\"function\":{\"name\":"
                 "\"f\",\"arguments\":\"\"}}]},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":"
                 "\"r1\"},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"2\",\"is_error\":true,"
                 "\"content\":[{\"type\":\"text\",\"text\":\"r2\"},"
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}}]},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"3\",\"content\":["
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":\"v\"}}]},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"4\",\"content\":"
                 "null},"
                 "{\"role\":\"user\",\"content\":\"so?\"}]}",
                 "{\"model\":\"m\",\"messages\":["
                 "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
                 "{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":"
                 "\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
                 "{\"id\":\"2\",\"type\":\"function\",\"function\":{\"name\":"
                 "\"g\",\"arguments\":\"{\\\"b\\\":\\\"\\\\n\\\"}\"}},"
                 "{\"id\":\"3\",\"type\":\"custom\",\"custom\":{\"name\":"
                 "\"h\",\"input\":\"t\"}},"
                 "{\"id\":\"4\",\"type\":\"function\",\"function\":{\"name\":"
                 "\"f\",\"arguments\":\"{}\"}}]},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":"
                 "\"r1\"},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"2\",\"content\":"
                 "\"Error: r2\"},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"3\",\"content\":"
                 "\"(see the attachment)\"},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"4\",\"content\":"
                 "\"\"},"
                 "{\"role\":\"user\",\"content\":["
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}},"
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":\"v\"}},"
                 "{\"type\":\"text\",\"text\":\"so?\"}]}]}");

    test_neutral("{\"model\":\"x\",\"messages\":["
                 "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":["
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}}]},"
                 "{\"role\":\"assistant\",\"refusal\":\"no\"},"
                 "{\"role\":\"assistant\"}]}",
                 "{\"model\":\"m\",\"messages\":["
                 "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":"
                 "\"(see the attachment)\"},"
                 "{\"role\":\"user\",\"content\":["
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}}]},"
                 "{\"role\":\"assistant\",\"content\":null,\"refusal\":"
                 "\"no\"},"
                 "{\"role\":\"assistant\",\"content\":\"\"}]}");

    /* the old form stays the old form */

    test_write(&ngx_llm_openai, 0, "{\"model\":\"x\",\"messages\":["
               "{\"role\":\"assistant\",\"content\":null,\"function_call\":{"
               "\"name\":\"f\",\"arguments\":\"{}\"}},{\"role\":\"function\","
               "\"name\":\"f\",\"content\":\"r\"}],\"functions\":[{\"name\":"
               "\"f\"}],\"function_call\":\"auto\"}", "m", 0,
               "{\"model\":\"m\",\"messages\":["
               "{\"role\":\"assistant\",\"content\":null,\"function_call\":{"
               "\"name\":\"f\",\"arguments\":\"{}\"}},{\"role\":\"function\","
               "\"name\":\"f\",\"content\":\"r\"}],\"functions\":[{\"name\":"
               "\"f\"}],\"function_call\":\"auto\"}", "");
}


static void
test_params(void)
{
    test_neutral("{\"model\":\"x\"," TEST_USER ",\"max_tokens\":5,"
                 "\"temperature\":0.70,\"top_p\":1.0,\"n\":2,\"seed\":"
                 "9007199254740993,\"stop\":\"e\\n\",\"user\":\"u\","
                 "\"response_format\":{\"type\":\"json_object\"},"
                 "\"stream\":true,\"reasoning_effort\":\"high\"}",
                 TEST_OUT ",\"max_tokens\":5,\"temperature\":0.70,"
                 "\"top_p\":1.0,\"n\":2,\"seed\":9007199254740993,"
                 "\"reasoning_effort\":\"high\",\"user\":\"u\",\"stop\":["
                 "\"e\\n\"],\"response_format\":{\"type\":\"json_object\"},"
                 "\"stream\":true,\"stream_options\":{\"include_usage\":true}"
                 "}");

    test_write(&ngx_llm_openai, 1, "{\"model\":\"x\"," TEST_USER ",\"user\":"
               "\"0123456789012345678901234567890123456789"
               "0123456789012345678901234\",\"top_k\":4,\"x\":1}", "m", 0,
               TEST_OUT "}", "top_k x user ");

    /* models that reason have a limit of another name, and fixed sampling */

    test_write(&ngx_llm_openai, 1, "{\"model\":\"x\"," TEST_USER
               ",\"max_tokens\":5,\"temperature\":0.7,\"top_p\":1,\"stop\":"
               "[\"a\"]}", "o3-mini", 0,
               "{\"model\":\"o3-mini\"," TEST_USER
               ",\"max_completion_tokens\":5}", "temperature stop ");
    test_write(&ngx_llm_openai, 1, "{\"model\":\"x\"," TEST_USER
               ",\"max_tokens\":100,\"thinking\":{\"type\":\"enabled\","
               "\"budget_tokens\":50}}", "gpt-5.1", 0,
               "{\"model\":\"gpt-5.1\"," TEST_USER
               ",\"max_completion_tokens\":100,\"reasoning_effort\":"
               "\"medium\"}", "");
    test_write(&ngx_llm_openai, 1, "{\"model\":\"x\"," TEST_USER
               ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":50}}",
               "gpt-4o", 0, "{\"model\":\"gpt-4o\"," TEST_USER "}",
               "thinking ");

    /* structured output */

    test_neutral("{\"model\":\"x\"," TEST_USER ",\"response_format\":{"
                 "\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
                 "\"description\":\"d\",\"strict\":true,\"schema\":"
                 "{\"b\":1.0,\"a\":2}}}}",
                 TEST_OUT ",\"response_format\":{\"type\":\"json_schema\","
                 "\"json_schema\":{\"name\":\"n\",\"description\":\"d\","
                 "\"schema\":{\"b\":1.0,\"a\":2},\"strict\":true}}}");
    test_neutral("{\"model\":\"x\"," TEST_USER ",\"response_format\":{"
                 "\"type\":\"json_schema\",\"json_schema\":{\"name\":"
                 "\"n\"}}}",
                 TEST_OUT ",\"response_format\":{\"type\":"
                 "\"json_object\"}}");
    test_neutral("{\"model\":\"x\"," TEST_USER ",\"response_format\":{"
                 "\"type\":\"json_schema\",\"json_schema\":{\"schema\":{}}}}",
                 TEST_OUT ",\"response_format\":{\"type\":\"json_schema\","
                 "\"json_schema\":{\"name\":\"output\",\"schema\":{}}}}");

    /* tools */

    test_neutral("{\"model\":\"x\"," TEST_USER ",\"tools\":[{\"type\":"
                 "\"function\",\"function\":{\"name\":\"f\",\"description\":"
                 "\"d\",\"parameters\":{\"z\":1,\"a\":1.0},\"strict\":true}},"
                 "{\"type\":\"function\",\"function\":{\"name\":\"g\"}},"
                 "{\"type\":\"custom\",\"custom\":{\"name\":\"h\"}}],"
                 "\"tool_choice\":{\"type\":\"function\",\"function\":"
                 "{\"name\":\"g\"}},\"parallel_tool_calls\":false}",
                 TEST_OUT ",\"tools\":[{\"type\":"
                 "\"function\",\"function\":{\"name\":\"f\",\"description\":"
                 "\"d\",\"parameters\":{\"z\":1,\"a\":1.0},\"strict\":true}},"
                 "{\"type\":\"function\",\"function\":{\"name\":\"g\"}},"
                 "{\"type\":\"custom\",\"custom\":{\"name\":\"h\"}}],"
                 "\"tool_choice\":{\"type\":\"function\",\"function\":"
                 "{\"name\":\"g\"}},\"parallel_tool_calls\":false}");
    test_neutral("{\"model\":\"x\"," TEST_USER ",\"tools\":["
                 "{\"type\":\"custom\",\"custom\":{\"name\":\"h\"}}],"
                 "\"tool_choice\":{\"type\":\"custom\",\"custom\":"
                 "{\"name\":\"h\"}},\"parallel_tool_calls\":true}",
                 TEST_OUT ",\"tools\":["
                 "{\"type\":\"custom\",\"custom\":{\"name\":\"h\"}}],"
                 "\"tool_choice\":{\"type\":\"custom\",\"custom\":"
                 "{\"name\":\"h\"}},\"parallel_tool_calls\":true}");
    test_neutral("{\"model\":\"x\"," TEST_USER ",\"tools\":["
                 "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}],"
                 "\"tool_choice\":\"required\"}",
                 TEST_OUT ",\"tools\":["
                 "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}],"
                 "\"tool_choice\":\"required\"}");
    test_neutral("{\"model\":\"x\"," TEST_USER ",\"tool_choice\":\"auto\","
                 "\"parallel_tool_calls\":true}", TEST_OUT "}");

    /* another provider's own tool */

    test_neutral("{\"model\":\"x\"," TEST_USER ",\"tools\":["
                 "{\"type\":\"web_search_20250305\",\"name\":\"s\"}]}",
                 "tools");
    test_write(&ngx_llm_openai, 1, "{\"model\":\"x\"," TEST_USER
               ",\"tools\":[{\"type\":\"web_search_20250305\"}]}", "m",
               ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS), TEST_OUT "}",
               "tools ");
    test_write(&ngx_llm_openai, 0, "{\"model\":\"x\"," TEST_USER
               ",\"tools\":[{\"type\":\"own\",\"a\":1.0}]}", "m", 0,
               TEST_OUT ",\"tools\":[{\"type\":\"own\",\"a\":1.0}]}", "");
}


static void
test_anthropic(void)
{
    test_write(&ngx_llm_anthropic, 0,
               "{\"model\":\"claude\",\"max_tokens\":64,\"system\":\"S\","
               "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},"
               "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
               "\"thinking\":\"hm\",\"signature\":\"sg\"},{\"type\":\"text\","
               "\"text\":\"ok\"},{\"type\":\"tool_use\",\"id\":\"t1\","
               "\"name\":\"f\",\"input\":{\"a\":1.0}}]},"
               "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
               "\"tool_use_id\":\"t1\",\"content\":\"r\"},{\"type\":\"text\","
               "\"text\":\"go\"}]}],"
               "\"tools\":[{\"name\":\"f\",\"description\":\"d\","
               "\"input_schema\":{\"type\":\"object\"}}],\"tool_choice\":"
               "{\"type\":\"any\"},\"stream\":true}", "m", 0,
               "{\"model\":\"m\",\"messages\":["
               "{\"role\":\"system\",\"content\":\"S\"},"
               "{\"role\":\"user\",\"content\":\"Hi\"},"
               "{\"role\":\"assistant\",\"content\":\"ok\",\"tool_calls\":[{"
               "\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":"
               "\"f\",\"arguments\":\"{\\\"a\\\":1.0}\"}}]},"
               "{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":"
               "\"r\"},"
               "{\"role\":\"user\",\"content\":\"go\"}],\"max_tokens\":64,"
               "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
               "\"f\",\"description\":\"d\",\"parameters\":{\"type\":"
               "\"object\"}}}],\"tool_choice\":\"required\","
               "\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
               "");
}


static void
test_models(void)
{
    ngx_str_t   name;
    ngx_uint_t  i;

    static struct {
        const char  *name;
        ngx_uint_t   reasons;
    } models[] = {
        { "o1", 1 }, { "o1-mini", 1 }, { "o3", 1 }, { "o4-mini-2025", 1 },
        { "gpt-5", 1 }, { "gpt-5-mini", 1 }, { "gpt-5.1", 1 },
        { "openai/o3", 1 }, { "openai/gpt-5", 1 }, { "gpt-6", 1 },
        { "gpt-5-chat-latest", 0 }, { "gpt-4o", 0 }, { "gpt-4.1", 0 },
        { "gpt-oss-120b", 0 }, { "gpt-", 0 }, { "o", 0 }, { "", 0 },
        { "o3x", 0 }, { "olmo-2", 0 }, { "llama-3", 0 }, { "o/", 0 },
        { NULL, 0 }
    };

    for (i = 0; models[i].name; i++) {
        test_case = models[i].name;
        name = test_copy(models[i].name, strlen(models[i].name));
        test_int(ngx_llm_openai_reasons(&name), models[i].reasons);
        free(name.data);
    }
}


static void
test_path(void)
{
    ngx_str_t          text;
    ngx_llm_out_t      out;
    ngx_llm_chat_t    *chat;
    ngx_llm_target_t   target;

    test_case = "path and headers";
    text = test_string("{\"model\":\"m\"," TEST_USER "}");
    chat = test_read(&ngx_llm_openai, &text);
    test_target(&target, "m");

    ngx_llm_out_init(&out, chat->pool, NULL, 0, 4096);
    ngx_llm_openai.write_path(chat, &target, &out);
    test_out(out, "/v1/chat/completions");

    ngx_llm_out_init(&out, chat->pool, NULL, 0, 4096);
    ngx_llm_openai.write_headers(chat, &target, &out);
    test_out(out, "content-type: application/json\r\n"
             "accept: application/json\r\n"
             "authorization: Bearer sk-1\r\n");

    chat->stream = 1;
    target.key.len = 0;

    ngx_llm_out_init(&out, chat->pool, NULL, 0, 4096);
    ngx_llm_openai.write_headers(chat, &target, &out);
    test_out(out, "content-type: application/json\r\n"
             "accept: text/event-stream\r\n");

    target.key = test_string("a\r\nx: y");

    ngx_llm_out_init(&out, chat->pool, NULL, 0, 4096);
    ngx_llm_openai.write_headers(chat, &target, &out);
    test_ok(out.failed);
}


/* every allocation fails once: an error, and nothing else */

static void
test_memory(void)
{
    ngx_int_t          rc;
    ngx_str_t          text;
    ngx_uint_t         n;
    ngx_llm_out_t      out;
    ngx_llm_chat_t    *chat;
    ngx_llm_error_t    err;
    ngx_llm_target_t   target;

    test_case = "memory";
    text = test_file("t/fixtures/openai/request/tools.json");

    for (n = 1; n < 1000; n++) {

        chat = test_read(&ngx_llm_openai, &text);
        chat->tools = NULL;
        chat->dialect = NULL;
        test_target(&target, "o3");

        ngx_llm_out_init(&out, chat->pool, NULL, 0, TEST_OPENAI_MAX);

        ngx_stubs_fail = n;
        rc = ngx_llm_openai_write_request(chat, &target, &out, &err);

        if (ngx_stubs_fail) {
            ngx_stubs_fail = 0;
            test_int(rc, NGX_OK);
            break;
        }

        test_int(rc, NGX_ERROR);
    }

    test_ok(n > 1);

    free(text.data);
}


int
main(int argc, char **argv)
{
    test_edits();
    test_messages();
    test_params();
    test_anthropic();
    test_models();
    test_path();
    test_memory();

    return test_done("test_openai_upstream");
}
