
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What a provider is sent: quirks of its row, drop_params, set_param; in a
 * request that is edited, and in the same one written anew for a client of
 * another dialect.
 */


#include "test.h"
#include "ngx_llm_request.h"
#include "ngx_llm_catalogue.h"


#define TEST_MAX  (1024 * 1024)

/* the same chat in two dialects, and what a provider is sent of it */

#define TEST_O     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","       \
                   "\"content\":\"Hi\"}]"
#define TEST_A     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":"          \
                   "[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define TEST_USER  "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define TEST_SENT  "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","       \
                   "\"content\":\"Hi\"}]"


static ngx_array_t  *test_sets;
static int64_t       test_cap;


static void
test_set(const char *name, const char *value, ngx_uint_t force)
{
    ngx_str_t       n, v;
    ngx_llm_set_t  *set;

    if (test_sets == NULL) {
        test_sets = ngx_array_create(test_pool, 4, sizeof(ngx_llm_set_t));
    }

    n = test_string(name);
    v = test_string(value);

    set = ngx_array_push(test_sets);
    ngx_memzero(set, sizeof(ngx_llm_set_t));

    test_ok(ngx_llm_set_parse(test_pool, &n, &v, set) == NULL);

    set->force = force;
    set->neutral = (ngx_llm_request_settable(&set->name) == NGX_OK);

    ngx_sort(test_sets->elts, test_sets->nelts, sizeof(ngx_llm_set_t),
             ngx_llm_set_cmp);
}


/*
 * what a preset (NULL: none) is sent for a body, "want" or, with "!" in front,
 * the parameter that is refused; and the names of what was dropped
 */

static void
test_send(const ngx_llm_dialect_t *from, const ngx_llm_dialect_t *to,
    const char *preset, const char *version, const char *model, uint64_t drop,
    const char *body, const char *want, const char *dropped)
{
    ngx_int_t                rc;
    ngx_str_t                text, name, *slice;
    ngx_uint_t               i;
    ngx_array_t              slices;
    ngx_llm_out_t            out;
    ngx_llm_chat_t           chat;
    ngx_llm_error_t          err;
    ngx_llm_target_t         target;
    const ngx_llm_preset_t  *row;

    test_case = body;

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    text = test_copy(body, strlen(body));
    ngx_llm_chat_init(&chat, test_pool, &text);

    if (!test_int(from->read_request(&chat, &err), NGX_OK)) {
        fprintf(stderr, "    %.*s\n", (int) err.message.len,
                err.message.data);
        return;
    }

    target.provider = test_string("prov");
    target.model = test_string(model);
    target.max_tokens = 4096;
    target.sets = test_sets;
    target.cap = test_cap;

    if (preset) {
        name = test_string(preset);
        row = ngx_llm_preset_find(&name);

        if (!test_ok(row != NULL)) {
            return;
        }

        target.quirks = row->quirks;

        if (target.quirks && target.quirks->version) {
            name = test_string(version);
            target.quirks = target.quirks->version(&name);
        }
    }

    ngx_llm_request_drop(&target, drop);

    ngx_array_init(&slices, test_pool, 4, sizeof(ngx_str_t));

    rc = ngx_llm_request(&chat, to, &target, TEST_MAX, &slices, &err);

    if (want[0] == '!') {
        test_int(rc, NGX_DECLINED);
        test_str(err.code, "unsupported_parameter");
        test_str(err.param, want + 1);
        free(text.data);
        return;
    }

    test_int(rc, NGX_OK);

    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    slice = slices.elts;

    for (i = 0; i < slices.nelts; i++) {
        ngx_llm_out_str(&out, &slice[i]);
    }

    test_out(out, want);

    /* it is JSON, and no member stands twice */

    name.data = out.start;
    name.len = ngx_llm_out_len(&out);
    chat.root = ngx_llm_json_parse(test_pool, &name, NULL);

    test_ok(chat.root != NULL && ngx_llm_json_duplicate(chat.root) == NULL);

    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);

    if (chat.dropped) {
        slice = chat.dropped->elts;

        for (i = 0; i < chat.dropped->nelts; i++) {
            if (i) {
                ngx_llm_out_char(&out, ' ');
            }

            ngx_llm_out_str(&out, &slice[i]);
        }
    }

    test_out(out, dropped);

    free(text.data);
}


/* an OpenAI client's request, edited, and an Anthropic client's, written */

static void
test_edited(const char *preset, const char *body, const char *want,
    const char *dropped)
{
    test_reset();
    test_sets = NULL;
    test_send(&ngx_llm_openai, &ngx_llm_openai, preset, "", "m", 0, body, want,
              dropped);
}


static void
test_written(const char *preset, const char *body, const char *want,
    const char *dropped)
{
    test_reset();
    test_sets = NULL;
    test_send(&ngx_llm_anthropic, &ngx_llm_openai, preset, "", "m", 0, body,
              want, dropped);
}


static void
test_limit(void)
{
    /* no quirk: either name goes through */

    test_edited("vllm", TEST_O ",\"max_completion_tokens\":5}",
                TEST_O ",\"max_completion_tokens\":5}", "");
    test_edited(NULL, TEST_O ",\"max_completion_tokens\":5}",
                TEST_O ",\"max_completion_tokens\":5}", "");

    test_edited("chutes", TEST_O ", \"max_completion_tokens\" : 5 }",
                TEST_O ", \"max_tokens\" : 5 }", "");
    test_edited("chutes", TEST_O ",\"max_completion_toke\\u006es\":5}",
                TEST_O ",\"max_tokens\":5}", "");
    test_edited("chutes", TEST_O ",\"max_tokens\":5}",
                TEST_O ",\"max_tokens\":5}", "");

    /* of both the one that is read */

    test_edited("chutes", TEST_O ",\"max_tokens\":4,"
                "\"max_completion_tokens\":5}",
                TEST_O ",\"max_tokens\":5}", "");
    test_edited("chutes", TEST_O ",\"max_completion_tokens\":5,"
                "\"max_tokens\":4}", TEST_O ",\"max_tokens\":5}", "");
    test_edited("chutes", TEST_O ",\"max_completion_tokens\":null,"
                "\"max_tokens\":4}", TEST_O ",\"max_tokens\":4}", "");

    test_written("chutes", TEST_A "}", TEST_SENT ",\"max_tokens\":9}", "");

    /* models that reason, where OpenAI and Azure serve them */

    test_reset();
    test_send(&ngx_llm_openai, &ngx_llm_openai, "openai", "", "o3", 0,
              "{\"max_tokens\":5,\"model\":\"o3\"," TEST_USER "}",
              "{\"max_completion_tokens\":5,\"model\":\"o3\","
              TEST_USER "}", "");
    test_send(&ngx_llm_openai, &ngx_llm_openai, "openai", "", "gpt-4o", 0,
              "{\"max_tokens\":5,\"model\":\"gpt-4o\"," TEST_USER "}",
              "{\"max_tokens\":5,\"model\":\"gpt-4o\"," TEST_USER "}", "");
    test_send(&ngx_llm_anthropic, &ngx_llm_openai, "openai", "", "o3", 0,
              TEST_A "}", "{\"model\":\"o3\",\"messages\":[{\"role\":\"user\","
              "\"content\":\"Hi\"}],\"max_completion_tokens\":9}", "");
    test_send(&ngx_llm_anthropic, &ngx_llm_openai, "chutes", "", "o3", 0,
              TEST_A "}", "{\"model\":\"o3\",\"messages\":[{\"role\":\"user\","
              "\"content\":\"Hi\"}],\"max_tokens\":9}", "");
}


static void
test_messages(void)
{
    test_edited("groq", "{\"model\":\"m\",\"messages\":[{\"role\" : "
                "\"developer\",\"content\":\"a\"},{\"role\":\"system\","
                "\"content\":[{\"type\":\"text\",\"text\":\"b\"}]}]}",
                "{\"model\":\"m\",\"messages\":[{\"role\" : \"system\","
                "\"content\":\"a\"},{\"role\":\"system\",\"content\":"
                "[{\"type\":\"text\",\"text\":\"b\"}]}]}", "");
    test_edited("openai", "{\"model\":\"m\",\"messages\":[{\"role\":"
                "\"developer\",\"content\":\"a\"}]}",
                "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\","
                "\"content\":\"a\"}]}", "");

    /* a list of texts becomes one; one with more stays */

    test_edited("deepseek", "{\"model\":\"m\",\"messages\":[{\"role\":"
                "\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\\n\"},"
                "{\"type\":\"text\",\"text\":\"\"},"
                "{\"text\":\"b\",\"type\":\"text\"}]},"
                "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\","
                "\"text\":\"c\"},{\"type\":\"text\",\"text\":\"d\"}],\"x\":1},"
                "{\"role\":\"user\",\"content\":[]},"
                "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                "\"e\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
                "\"http://x/\"}}]}]}",
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                "\"content\":\"a\\n\\nb\"},"
                "{\"role\":\"assistant\",\"content\":\"cd\",\"x\":1},"
                "{\"role\":\"user\",\"content\":\"\"},"
                "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                "\"e\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
                "\"http://x/\"}}]}]}", "");
    test_written("deepseek", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":"
                 "[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                 "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]}",
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                 "\"content\":\"a\\nb\"}],\"max_tokens\":9}", "");

    /* reasoning goes back with the calls that it led to, where it is wanted */

    test_written("deepseek", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":"
                 "[{\"role\":\"user\",\"content\":\"a\"},"
                 "{\"role\":\"assistant\",\"content\":[{\"type\":"
                 "\"thinking\",\"thinking\":\"so\",\"signature\":\"s\"},"
                 "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\","
                 "\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":"
                 "\"tool_result\",\"tool_use_id\":\"t1\",\"content\":"
                 "\"r\"}]}]}",
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                 "\"content\":\"a\"},{\"role\":\"assistant\",\"content\":null,"
                 "\"reasoning_content\":\"so\",\"tool_calls\":[{\"id\":\"t1\","
                 "\"type\":\"function\",\"function\":{\"name\":\"f\","
                 "\"arguments\":\"{}\"}}]},{\"role\":\"tool\","
                 "\"tool_call_id\":\"t1\",\"content\":\"r\"}],"
                 "\"max_tokens\":9}", "");
    test_written("groq", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":"
                 "[{\"role\":\"user\",\"content\":\"a\"},"
                 "{\"role\":\"assistant\",\"content\":[{\"type\":"
                 "\"thinking\",\"thinking\":\"so\",\"signature\":\"s\"},"
                 "{\"type\":\"text\",\"text\":\"b\"}]}]}",
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                 "\"content\":\"a\"},{\"role\":\"assistant\",\"content\":"
                 "\"b\"}],\"max_tokens\":9}", "");
}


static void
test_lacks(void)
{
    /* a hint is dropped and named, a default is not named, meaning refused */

    test_edited("groq", TEST_O ",\"logit_bias\":{\"1\":2},\"seed\":1}",
                TEST_O ",\"seed\":1}", "logit_bias");
    test_edited("groq", TEST_O ",\"logprobs\":false}", TEST_O "}", "");
    test_edited("groq", TEST_O ",\"logprobs\":true}", "!logprobs", "");
    test_edited("openai", TEST_O ",\"logprobs\":true}",
                TEST_O ",\"logprobs\":true}", "");
    test_edited("perplexity", TEST_O ",\"tools\":[{\"type\":\"function\","
                "\"function\":{\"name\":\"f\"}}]}", "!tools", "");
    test_written("perplexity", TEST_A ",\"tools\":[{\"name\":\"f\","
                 "\"input_schema\":{}}]}", "!tools", "");

    /* commas, wherever the member stands */

    test_edited("parasail", "{\"store\":true,\"model\":\"m\",\"verbosity\":"
                "\"low\" , " TEST_USER " , \"prompt_cache_key\":\"k\","
                "\"service_tier\":\"flex\" }",
                "{\"model\":\"m\"," TEST_USER " }",
                "store service_tier verbosity prompt_cache_key");

    /* what goes through to others is written for those who take it */

    test_written("vllm", TEST_A ",\"top_k\":5}",
                 TEST_SENT ",\"max_tokens\":9,\"top_k\":5}", "");
    test_written("groq", TEST_A ",\"top_k\":5}",
                 TEST_SENT ",\"max_tokens\":9}", "top_k");

    /* nobody's own members pass byte for byte */

    test_edited("llamacpp", TEST_O ",\"min_p\":0.050,\"grammar\":\"\\u0061\","
                "\"chat_template_kwargs\":{ \"enable_thinking\" : false }}",
                TEST_O ",\"min_p\":0.050,\"grammar\":\"\\u0061\","
                "\"chat_template_kwargs\":{ \"enable_thinking\" : false }}",
                "");
}


static void
test_azure_send(const char *version, const char *body, const char *want,
    const char *dropped)
{
    test_reset();
    test_sets = NULL;
    test_send(&ngx_llm_openai, &ngx_llm_openai, "azure", version, "m", 0,
              body, want, dropped);
}


static void
test_azure(void)
{
    static char  all[] = TEST_O ",\"stream\":true,\"stream_options\":"
        "{\"include_usage\":false},\"parallel_tool_calls\":true,"
        "\"reasoning_effort\":\"low\",\"prediction\":{\"type\":\"content\"},"
        "\"verbosity\":\"low\",\"data_sources\":[{}],\"my\":1,"
        "\"max_completion_tokens\":5}";

    test_azure_send("", all, TEST_O ",\"stream\":true,\"stream_options\":"
                    "{\"include_usage\":true},\"parallel_tool_calls\":true,"
                    "\"reasoning_effort\":\"low\",\"prediction\":{\"type\":"
                    "\"content\"},\"verbosity\":\"low\",\"data_sources\":[{}],"
                    "\"my\":1,\"max_completion_tokens\":5}", "");
    test_azure_send("2025-04-01-preview", all, TEST_O ",\"stream\":true,"
                    "\"stream_options\":{\"include_usage\":true},"
                    "\"parallel_tool_calls\":true,\"reasoning_effort\":"
                    "\"low\",\"prediction\":{\"type\":\"content\"},"
                    "\"data_sources\":[{}],\"max_completion_tokens\":5}",
                    "verbosity my");
    test_azure_send("2024-12-01-preview", all, TEST_O ",\"stream\":true,"
                    "\"stream_options\":{\"include_usage\":true},"
                    "\"parallel_tool_calls\":true,\"reasoning_effort\":"
                    "\"low\",\"data_sources\":[{}],"
                    "\"max_completion_tokens\":5}",
                    "verbosity prediction my");
    test_azure_send("2024-10-21", all, TEST_O ",\"stream\":true,"
                    "\"stream_options\":{\"include_usage\":true},"
                    "\"parallel_tool_calls\":true,\"data_sources\":[{}],"
                    "\"max_completion_tokens\":5}",
                    "verbosity reasoning_effort prediction my");
    test_azure_send("2024-06-01", all, TEST_O ",\"stream\":true,"
                    "\"data_sources\":[{}],\"max_tokens\":5}",
                    "verbosity reasoning_effort prediction my");
    test_azure_send("2024-06-01", TEST_O ",\"stream\":true}",
                    TEST_O ",\"stream\":true}", "");

    test_reset();
    test_send(&ngx_llm_anthropic, &ngx_llm_openai, "azure", "2024-06-01", "m",
              0, TEST_A ",\"stream\":true}",
              TEST_SENT ",\"max_tokens\":9,\"stream\":true}", "");
    test_send(&ngx_llm_anthropic, &ngx_llm_openai, "azure", "2024-10-21", "m",
              0, TEST_A ",\"stream\":true}",
              TEST_SENT ",\"max_tokens\":9,\"stream\":true,"
              "\"stream_options\":{\"include_usage\":true}}", "");
}


/* an effort that is only meant is an effort, too */

static void
test_effort(void)
{
    static char  thinks[] = TEST_A ",\"thinking\":{\"type\":\"enabled\","
        "\"budget_tokens\":9}}";

    test_reset();
    test_sets = NULL;
    test_send(&ngx_llm_anthropic, &ngx_llm_openai, "azure", "", "o3", 0,
              thinks, "{\"model\":\"o3\"," TEST_USER ","
              "\"max_completion_tokens\":9,\"reasoning_effort\":\"high\"}",
              "");
    test_send(&ngx_llm_anthropic, &ngx_llm_openai, "azure", "2024-10-21",
              "o3", 0, thinks, "{\"model\":\"o3\"," TEST_USER ","
              "\"max_completion_tokens\":9}", "thinking");
}


static void
test_versions(void)
{
    ngx_uint_t  i;
    ngx_str_t   version;

    static char  *good[] = { "", "v1", "preview", "2023-05-15", "2024-10-21",
                             "2025-04-01-preview", NULL };
    static char  *bad[] = { "v2", "latest", "2024-10", "2024/10/21",
                            "2024-10-21-beta", "2024-10-21-preview2",
                            "20x4-10-21", NULL };

    for (i = 0; good[i]; i++) {
        test_case = good[i];
        version = test_string(good[i]);
        test_ok(ngx_llm_azure.version(&version) != NULL);
    }

    for (i = 0; bad[i]; i++) {
        test_case = bad[i];
        version = test_string(bad[i]);
        test_ok(ngx_llm_azure.version(&version) == NULL);
        test_ok(ngx_llm_azure_models.version(&version) == NULL);
    }
}


/* path and header lines of a preset */

static void
test_head(const char *preset, const char *base, const char *version,
    const char *key, const char *path, const char *line)
{
    ngx_str_t                name, got;
    ngx_llm_out_t            out;
    ngx_llm_chat_t           chat;
    ngx_llm_target_t         target;
    const ngx_llm_preset_t  *row;

    test_reset();
    test_case = path;

    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    name = test_string(preset);
    row = ngx_llm_preset_find(&name);

    if (!test_ok(row != NULL)) {
        return;
    }

    name = test_string("{}");
    ngx_llm_chat_init(&chat, test_pool, &name);

    target.base = test_string(base);
    target.model = test_string("a b/c");
    target.key = test_string(key);
    target.api_version = test_string(version);
    target.quirks = row->quirks;

    if (target.quirks && target.quirks->version) {
        target.quirks = target.quirks->version(&target.api_version);
    }

    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    row->dialect->write_path(&chat, &target, &out);
    test_out(out, path);

    ngx_llm_out_init(&out, test_pool, NULL, 0, TEST_MAX);
    row->dialect->write_headers(&chat, &target, &out);

    got.data = out.start;
    got.len = ngx_llm_out_len(&out);

    test_ok(ngx_strnstr(got.data, (char *) line, got.len) != NULL);

    /* a key is sent once */

    if (key[0]) {
        got.data = ngx_strnstr(got.data, (char *) key, got.len);
        test_ok(got.data != NULL);
        got.data++;
        test_ok(ngx_strnstr(got.data, (char *) key, out.last - got.data)
                == NULL);
    }
}


static void
test_heads(void)
{
    test_head("groq", "/openai/v1", "", "k1", "/openai/v1/chat/completions",
              "authorization: Bearer k1" CRLF);
    test_head("sarvam", "/v1", "", "k1", "/v1/chat/completions",
              "api-subscription-key: k1" CRLF);
    test_head("github", "/inference", "", "k1", "/inference/chat/completions",
              "X-GitHub-Api-Version: 2022-11-28" CRLF);

    test_head("azure", "", "2024-10-21", "k1",
              "/openai/deployments/a%20b%2Fc/chat/completions"
              "?api-version=2024-10-21", "api-key: k1" CRLF);
    test_head("azure", "/front/openai", "2024-10-21", "k1",
              "/front/openai/deployments/a%20b%2Fc/chat/completions"
              "?api-version=2024-10-21", "api-key: k1" CRLF);
    test_head("azure", "", "", "k1", "/openai/v1/chat/completions",
              "api-key: k1" CRLF);
    test_head("azure", "/openai/v1", "v1", "k1",
              "/openai/v1/chat/completions", "api-key: k1" CRLF);
    test_head("azure", "/x", "preview", "eyJh.eyJi.c",
              "/x/openai/v1/chat/completions?api-version=preview",
              "authorization: Bearer eyJh.eyJi.c" CRLF);
    test_head("azure", "", "", "eyJh.k", "/openai/v1/chat/completions",
              "api-key: eyJh.k" CRLF);
    test_head("azure_ai", "/models", "", "k1",
              "/models/chat/completions?api-version=2024-05-01-preview",
              "api-key: k1" CRLF);
    test_head("kimi-for-coding", "/coding", "", "k1", "/coding/v1/messages",
              "x-api-key: k1" CRLF);
    test_head("freemodel", "/v1", "", "k1", "/v1/messages",
              "x-api-key: k1" CRLF);
}


static void
test_drops(void)
{
    uint64_t  n, tools, stop, user, format, on;

    n = ngx_llm_param_bit(NGX_LLM_PARAM_N);
    stop = ngx_llm_param_bit(NGX_LLM_PARAM_STOP);
    user = ngx_llm_param_bit(NGX_LLM_PARAM_USER);
    tools = ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS);
    format = ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT);
    on = NGX_LLM_DROP_ON;

    test_reset();
    test_sets = NULL;

    /* by name: never sent; "on": what the provider lacks may go */

    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", n|stop,
              TEST_O ",\"n\":2,\"stop\":\"x\",\"top_p\":0.5}",
              TEST_O ",\"top_p\":0.5}", "n stop");
    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", on,
              TEST_O ",\"n\":2,\"stop\":\"x\"}",
              TEST_O ",\"n\":2,\"stop\":\"x\"}", "");
    test_send(&ngx_llm_openai, &ngx_llm_openai, "groq", "", "m", on,
              TEST_O ",\"n\":2,\"logprobs\":true}", TEST_O ",\"n\":2}",
              "logprobs");
    test_send(&ngx_llm_openai, &ngx_llm_openai, "groq", "", "m", on|n,
              TEST_O ",\"n\":2,\"logprobs\":true}", TEST_O "}",
              "n logprobs");
    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", tools,
              TEST_O ",\"functions\":[{\"name\":\"f\"}],"
              "\"function_call\":\"auto\"}", TEST_O "}", "tools");

    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", format,
              TEST_O ",\"x\":1,\"response_format\":{\"type\":\"own\"},\"y\":2}",
              TEST_O ",\"x\":1,\"y\":2}", "response_format");

    test_send(&ngx_llm_anthropic, &ngx_llm_openai, NULL, "", "m",
              stop|user|tools,
              TEST_A ",\"stop_sequences\":[\"x\"],\"metadata\":{\"user_id\":"
              "\"u\"},\"tools\":[{\"name\":\"f\",\"input_schema\":{}}],"
              "\"tool_choice\":{\"type\":\"any\"}}",
              TEST_SENT ",\"max_tokens\":9}", "user stop tools");

    test_send(&ngx_llm_anthropic, &ngx_llm_anthropic, NULL, "", "m",
              stop|tools,
              TEST_A ",\"stop_sequences\":[\"x\"],\"top_k\":3,\"tools\":"
              "[{\"name\":\"f\",\"input_schema\":{}}],\"tool_choice\":"
              "{\"type\":\"any\"}}", TEST_A ",\"top_k\":3}", "stop tools");
    test_send(&ngx_llm_anthropic, &ngx_llm_anthropic, NULL, "", "m",
              user|format,
              TEST_A ",\"metadata\":{\"user_id\":\"u\"},\"output_config\":"
              "{\"effort\":\"low\", \"format\":{\"type\":\"json_schema\","
              "\"schema\":{}}},\"x\":{\"user_id\":1}}",
              TEST_A ",\"metadata\":{},\"output_config\":"
              "{\"effort\":\"low\"},\"x\":{\"user_id\":1}}",
              "user response_format");
    test_send(&ngx_llm_openai, &ngx_llm_anthropic, NULL, "", "m", n,
              TEST_O ",\"n\":2,\"seed\":3}",
              "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":"
              "\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]}]}",
              "n seed");
}


static void
test_set_both(const char *o, const char *a, const char *edited,
    const char *written)
{
    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", 0, o, edited,
              "");
    test_send(&ngx_llm_anthropic, &ngx_llm_openai, NULL, "", "m", 0, a,
              written, "");
}


static void
test_set_params(void)
{
    test_reset();
    test_sets = NULL;
    test_set("temperature", "0.20", 0);

    test_set_both(TEST_O "}", TEST_A "}",
                  "{\"temperature\":0.20,\"model\":\"m\",\"messages\":"
                  "[{\"role\":\"user\",\"content\":\"Hi\"}]}",
                  TEST_SENT ",\"max_tokens\":9,\"temperature\":0.20}");
    test_set_both(TEST_O ",\"temperature\":1}", TEST_A ",\"temperature\":1}",
                  TEST_O ",\"temperature\":1}",
                  TEST_SENT ",\"max_tokens\":9,\"temperature\":1}");
    test_set_both(TEST_O ",\"temperature\":null}",
                  TEST_A ",\"temperature\":null}",
                  TEST_O ",\"temperature\":0.20}",
                  TEST_SENT ",\"max_tokens\":9,\"temperature\":0.20}");

    /* the client's is dropped, then it is set */

    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m",
              ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE),
              TEST_O ",\"temperature\":0.5}",
              "{\"temperature\":0.20,\"model\":\"m\",\"messages\":[{\"role\":"
              "\"user\",\"content\":\"Hi\"}]}", "temperature");
    test_send(&ngx_llm_anthropic, &ngx_llm_openai, NULL, "", "m",
              ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE),
              TEST_A ",\"temperature\":0.5}",
              TEST_SENT ",\"max_tokens\":9,\"temperature\":0.20}",
              "temperature");

    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m",
              ngx_llm_param_bit(NGX_LLM_PARAM_SEED),
              "{\"seed\":1,\"model\":\"m\"," TEST_USER "}",
              "{\"temperature\":0.20,\"model\":\"m\"," TEST_USER "}", "seed");

    test_reset();
    test_sets = NULL;
    test_set("max_tokens", "5", 1);
    test_set("stop", "END", 1);
    test_set("user", "u", 0);

    test_set_both(TEST_O ",\"stop\":[\"x\"],\"max_completion_tokens\":7}",
                  TEST_A ",\"stop_sequences\":[\"x\"]}",
                  "{\"user\":\"u\",\"model\":\"m\",\"messages\":[{\"role\":"
                  "\"user\",\"content\":\"Hi\"}],\"stop\":\"END\","
                  "\"max_completion_tokens\":5}",
                  TEST_SENT ",\"max_tokens\":5,\"user\":\"u\",\"stop\":"
                  "[\"END\"]}");

    /* the quirk has its word about the name */

    test_send(&ngx_llm_openai, &ngx_llm_openai, "openai", "", "o3", 0,
              "{\"user\":\"v\"," TEST_USER ",\"model\":\"o3\","
              "\"stop\":null}",
              "{\"max_completion_tokens\":5,\"user\":\"v\"," TEST_USER ","
              "\"model\":\"o3\",\"stop\":\"END\"}", "");
    test_send(&ngx_llm_openai, &ngx_llm_openai, "chutes", "", "m", 0,
              "{\"user\":\"v\"," TEST_USER ",\"model\":\"m\",\"stop\":"
              "null,\"max_completion_tokens\":8}",
              "{\"user\":\"v\"," TEST_USER ",\"model\":\"m\",\"stop\":"
              "\"END\",\"max_tokens\":5}", "");

    test_send(&ngx_llm_anthropic, &ngx_llm_anthropic, NULL, "", "m", 0,
              TEST_A ",\"stop_sequences\":[\"x\"]}",
              "{\"metadata\":{\"user_id\":\"u\"},\"model\":\"m\","
              "\"max_tokens\":5," TEST_USER ",\"stop_sequences\":[\"END\"]}",
              "");
    test_send(&ngx_llm_anthropic, &ngx_llm_anthropic, NULL, "", "m",
              ngx_llm_param_bit(NGX_LLM_PARAM_USER),
              TEST_A ",\"metadata\":{\"user_id\":\"v\"},\"stop_sequences\":[]}",
              "{\"model\":\"m\",\"max_tokens\":5," TEST_USER ",\"metadata\":"
              "{\"user_id\":\"u\"},\"stop_sequences\":[\"END\"]}", "user");
    test_send(&ngx_llm_anthropic, &ngx_llm_anthropic, NULL, "", "m",
              ngx_llm_param_bit(NGX_LLM_PARAM_USER),
              TEST_A ",\"metadata\":{\"user_id\":\"v\",\"x\":1}}",
              "{\"stop_sequences\":[\"END\"],\"model\":\"m\",\"max_tokens\":5,"
              TEST_USER ",\"metadata\":{\"user_id\":\"u\",\"x\":1}}", "user");

    test_reset();
    test_sets = NULL;
    test_set("response_format", "{\"type\":\"json_object\"}", 1);
    test_set("reasoning_effort", "low", 0);

    test_set_both(TEST_O ",\"response_format\":{\"type\":\"text\"}}",
                  TEST_A "}",
                  "{\"reasoning_effort\":\"low\",\"model\":\"m\","
                  "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
                  "\"response_format\":{\"type\":\"json_object\"}}",
                  TEST_SENT ",\"max_tokens\":9,\"reasoning_effort\":\"low\","
                  "\"response_format\":{\"type\":\"json_object\"}}");
}


static void
test_set_places(void)
{
    test_reset();
    test_sets = NULL;
    test_set("k.a", "1", 0);
    test_set("k.b.c", "true", 0);
    test_set("k.b.d", "word", 1);
    test_set("min_p", "0.1", 0);

    test_set_both(TEST_O "}", TEST_A "}",
                  "{\"k\":{\"a\":1,\"b\":{\"c\":true,\"d\":\"word\"}},"
                  "\"min_p\":0.1,\"model\":\"m\",\"messages\":[{\"role\":"
                  "\"user\",\"content\":\"Hi\"}]}",
                  "{\"k\":{\"a\":1,\"b\":{\"c\":true,\"d\":\"word\"}},"
                  "\"min_p\":0.1,\"model\":\"m\",\"messages\":[{\"role\":"
                  "\"user\",\"content\":\"Hi\"}],\"max_tokens\":9}");
    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", 0,
              TEST_O ",\"k\":{\"b\":{},\"a\":2},\"min_p\":0}",
              TEST_O ",\"k\":{\"b\":{\"c\":true,\"d\":\"word\"},\"a\":2},"
              "\"min_p\":0}", "");
    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", 0,
              TEST_O ",\"min_p\":null,\"k\":{\"b\":7}}",
              TEST_O ",\"min_p\":0.1,\"k\":{\"a\":1,\"b\":{\"d\":\"word\"}}}",
              "");
    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", 0,
              TEST_O ",\"k\":null,\"min_p\":1}",
              TEST_O ",\"k\":{\"a\":1,\"b\":{\"c\":true,\"d\":\"word\"}},"
              "\"min_p\":1}", "");

    /* what is set is not what a client made up */

    test_send(&ngx_llm_openai, &ngx_llm_openai, "azure", "2024-10-21", "m", 0,
              TEST_O ",\"mine\":1}",
              "{\"k\":{\"a\":1,\"b\":{\"c\":true,\"d\":\"word\"}},"
              "\"min_p\":0.1,\"model\":\"m\",\"messages\":[{\"role\":"
              "\"user\",\"content\":\"Hi\"}]}", "mine");
}


static void
test_bad_set(const char *name, const char *value, const char *what)
{
    char           *rv;
    ngx_str_t       n, v;
    ngx_llm_set_t   set;

    test_reset();
    test_case = name;

    n = test_string(name);
    v = test_string(value);

    ngx_memzero(&set, sizeof(ngx_llm_set_t));

    rv = ngx_llm_set_parse(test_pool, &n, &v, &set);

    if (test_ok(rv != NULL)) {
        test_ok(strstr(rv, what) != NULL);
    }
}


static void
test_sets_parse(void)
{
    ngx_uint_t      i;
    ngx_str_t       name;
    ngx_llm_set_t   one, two;

    static struct {
        char        *one;
        char        *two;
        ngx_uint_t   overlap;
    } pairs[] = {
        { "a", "a", 1 }, { "a", "a.b", 1 }, { "a.b", "a", 1 },
        { "a.b", "a.b.c", 1 }, { "a.b", "a.c", 0 }, { "a", "ab", 0 },
        { "a.b", "a.bc", 0 }, { "a", "b", 0 }
    };

    test_bad_set("", "1", "empty part");
    test_bad_set("a..b", "1", "empty part");
    test_bad_set(".a", "1", "empty part");
    test_bad_set("a.", "1", "empty part");
    test_bad_set("a.b.c.d.e.f.g.h.i", "1", "too many parts");
    test_bad_set("a\"b", "1", "invalid character");
    test_bad_set("a b", "1", "invalid character");
    test_bad_set("a\x01", "1", "invalid character");
    test_bad_set("\xc3\xa9", "1", "invalid character");
    test_bad_set("a", "", "empty value");
    test_bad_set("a", "{\"b\":", "not JSON");
    test_bad_set("a", "[1", "not JSON");
    test_bad_set("a", "\"x", "not JSON");
    test_bad_set("a", "x\ny", "not JSON");

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        test_case = pairs[i].one;
        one.name = test_string(pairs[i].one);
        two.name = test_string(pairs[i].two);
        test_int(ngx_llm_set_overlaps(&one, &two), pairs[i].overlap);
    }

    test_case = "settable";

    name = test_string("temperature");
    test_int(ngx_llm_request_settable(&name), NGX_OK);
    name = test_string("max_completion_tokens");
    test_int(ngx_llm_request_settable(&name), NGX_OK);
    name = test_string("min_p");
    test_int(ngx_llm_request_settable(&name), NGX_DECLINED);
    name = test_string("model");
    test_int(ngx_llm_request_settable(&name), NGX_ERROR);
    name = test_string("messages");
    test_int(ngx_llm_request_settable(&name), NGX_ERROR);
    name = test_string("stream_options");
    test_int(ngx_llm_request_settable(&name), NGX_ERROR);
    name = test_string("tools");
    test_int(ngx_llm_request_settable(&name), NGX_ERROR);
}


static void
test_catalogue(void)
{
    ngx_str_t                name, part;
    ngx_uint_t               n;
    const ngx_llm_preset_t  *p, *prev;

    test_reset();

    prev = NULL;
    n = 0;

    for (p = ngx_llm_presets; p->name.len; p++) {

        test_case = (char *) p->name.data;
        n++;

        test_ok(ngx_llm_preset_find((ngx_str_t *) &p->name) == p);
        test_ok(prev == NULL
                || strcmp((char *) prev->name.data, (char *) p->name.data)
                   < 0);
        test_ok(p->title.len != 0);
        test_ok(p->dialect->write_request != NULL);
        test_ok(p->url.len > 8
                && (strncmp((char *) p->url.data, "https://", 8) == 0
                    || (strncmp((char *) p->url.data, "http://", 7) == 0)));

        /* only a server of one's own is asked without TLS */

        part = ngx_llm_preset_part(p);
        test_ok((part.len != 0) == (strchr((char *) p->url.data, '{')
                                    != NULL));
        test_ok(strncmp((char *) p->url.data, "https://", 8) == 0
                || strstr((char *) p->url.data, "//localhost:") != NULL
                || strstr((char *) p->url.data, "//127.0.0.1:") != NULL);

        /* who wants no key is at home */

        test_ok(!(p->flags & NGX_LLM_PRESET_NO_KEY)
                || strncmp((char *) p->url.data, "http://", 7) == 0);
        test_ok(p->env.len != 0);

        prev = p;
    }

    test_ok(n > 190);

    test_case = "none";

    name = test_string("");
    test_ok(ngx_llm_preset_find(&name) == NULL);
    name = test_string("groqq");
    test_ok(ngx_llm_preset_find(&name) == NULL);
    name = test_string("gro");
    test_ok(ngx_llm_preset_find(&name) == NULL);
    name = test_string("zzz");
    test_ok(ngx_llm_preset_find(&name) == NULL);
}


/* a limit that is higher, or missing, becomes the cap */

static void
test_caps(void)
{
    test_sets = NULL;
    test_cap = 8;

    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", 0,
              TEST_O ",\"max_tokens\":100}",
              "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
              "\"content\":\"Hi\"}],\"max_tokens\":8}", "");
    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", 0,
              TEST_O ",\"max_completion_tokens\":9}",
              "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
              "\"content\":\"Hi\"}],\"max_completion_tokens\":8}", "");
    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", 0,
              TEST_O ",\"max_tokens\":8}",
              "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
              "\"content\":\"Hi\"}],\"max_tokens\":8}", "");
    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", 0,
              TEST_O "}",
              "{\"max_tokens\":8,\"model\":\"m\",\"messages\":"
              "[{\"role\":\"user\",\"content\":\"Hi\"}]}", "");
    test_send(&ngx_llm_openai, &ngx_llm_anthropic, NULL, "", "m", 0,
              TEST_O ",\"max_tokens\":100}",
              "{\"model\":\"m\",\"max_tokens\":8,\"messages\":[{\"role\":"
              "\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]}]}",
              "");

    /* what the configuration sets, too; what is lower stays */

    test_set("max_tokens", "100", 1);
    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", 0,
              TEST_O ",\"max_tokens\":2}",
              "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
              "\"content\":\"Hi\"}],\"max_tokens\":8}", "");

    test_sets = NULL;
    test_set("max_tokens", "4", 0);
    test_send(&ngx_llm_openai, &ngx_llm_openai, NULL, "", "m", 0,
              TEST_O "}",
              "{\"max_tokens\":4,\"model\":\"m\",\"messages\":"
              "[{\"role\":\"user\",\"content\":\"Hi\"}]}", "");

    test_sets = NULL;
    test_cap = 0;
}


int
main(void)
{
    test_limit();
    test_messages();
    test_lacks();
    test_azure();
    test_effort();
    test_versions();
    test_heads();
    test_drops();
    test_set_params();
    test_set_places();
    test_sets_parse();
    test_caps();
    test_catalogue();

    return test_done("quirks");
}
