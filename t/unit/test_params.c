
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_params.h"


static void test_names(void);
static void test_values(void);
static void test_structures(void);
static void test_unknown(void);
static void test_memory(void);
static void test_begin(ngx_llm_chat_t *chat, const char *text);
static ngx_str_t test_dropped(ngx_llm_chat_t *chat);
static void test_check(ngx_llm_chat_t *chat, uint64_t takes, uint64_t drop,
    const char *refused, const char *dropped);


static ngx_str_t  test_provider = ngx_string("acme");


int
main(void)
{
    test_names();
    test_values();
    test_structures();
    test_unknown();
    test_memory();

    return test_done("params");
}


/* members of the text that are parameters, the others are unknown */

static void
test_begin(ngx_llm_chat_t *chat, const char *text)
{
    ngx_str_t         s;
    ngx_uint_t        id;
    ngx_llm_json_t   *root, *node, **unknown;

    test_reset();
    test_case = text;

    s = test_string(text);
    ngx_llm_chat_init(chat, test_pool, &s);

    root = ngx_llm_json_parse(test_pool, &s, NULL);

    if (!test_ok(root != NULL)) {
        return;
    }

    for (node = root->child; node; node = node->next) {

        id = ngx_llm_param_find(&node->key);

        if (id < NGX_LLM_PARAMS) {
            chat->param[id] = node;
            continue;
        }

        if (chat->unknown == NULL) {
            chat->unknown = ngx_array_create(test_pool, 4,
                                             sizeof(ngx_llm_json_t *));
        }

        unknown = ngx_array_push(chat->unknown);
        *unknown = node;
    }
}


static ngx_str_t
test_dropped(ngx_llm_chat_t *chat)
{
    ngx_str_t     *name;
    ngx_uint_t     i;
    ngx_llm_out_t  out;
    ngx_str_t      s;

    ngx_llm_out_init(&out, test_pool, NULL, 0, 10000);

    if (chat->dropped) {
        name = chat->dropped->elts;

        for (i = 0; i < chat->dropped->nelts; i++) {
            if (i) {
                ngx_llm_out_char(&out, ' ');
            }

            ngx_llm_out_str(&out, &name[i]);
        }
    }

    s.len = ngx_llm_out_len(&out);
    s.data = s.len ? out.start : (u_char *) "";

    return s;
}


/* twice: the second time begins anew */

static void
test_check(ngx_llm_chat_t *chat, uint64_t takes, uint64_t drop,
    const char *refused, const char *dropped)
{
    ngx_uint_t        i;
    ngx_llm_error_t   err;

    for (i = 0; i < 2; i++) {

        ngx_memzero(&err, sizeof(ngx_llm_error_t));

        test_int(ngx_llm_params_check(chat, takes, drop, &test_provider,
                                      &err),
                 refused ? NGX_DECLINED : NGX_OK);

        if (refused) {
            test_int(err.status, 400);
            test_int(err.fail, NGX_LLM_FAIL_REQUEST);
            test_str(err.type, "invalid_request_error");
            test_str(err.code, "unsupported_parameter");
            test_str(err.param, refused);
            test_ok(test_has(err.message, "acme"));
            test_ok(test_has(err.message, refused));

        } else {
            test_str(test_dropped(chat), dropped);
        }
    }
}


static void
test_names(void)
{
    ngx_str_t   s, *name;
    ngx_uint_t  id;

    test_case = "names";

    for (id = 0; id < NGX_LLM_PARAMS; id++) {
        name = ngx_llm_param_name(id);
        test_ok(name->len > 0);
        test_int(ngx_llm_param_find(name), id);
    }

    /* the table's order is that of the enum */

    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_TEMPERATURE), "temperature");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_N), "n");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_LOGPROBS), "logprobs");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_STORE), "store");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_THINKING), "thinking");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_AUDIO), "audio");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_MODERATION), "moderation");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_STOP), "stop");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_RESPONSE_FORMAT),
             "response_format");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_DIMENSIONS), "dimensions");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_TOP_N), "top_n");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_QUALITY), "quality");
    test_str(*ngx_llm_param_name(NGX_LLM_PARAM_STREAM_FORMAT),
             "stream_format");
    test_int(NGX_LLM_PARAM_STREAM_FORMAT + 1, NGX_LLM_PARAMS);
    test_ok(NGX_LLM_PARAMS < 63);

    s = test_string("");
    test_int(ngx_llm_param_find(&s), NGX_LLM_PARAMS);
    s = test_string("temperatur");
    test_int(ngx_llm_param_find(&s), NGX_LLM_PARAMS);
    s = test_string("Temperature");
    test_int(ngx_llm_param_find(&s), NGX_LLM_PARAMS);
}


static void
test_values(void)
{
    size_t          i;
    ngx_llm_chat_t  chat;

    /* hints are named when dropped, the rest is refused; "": neither */

    static struct {
        const char  *text;
        const char  *dropped;
        const char  *refused;
    } cases[] = {
        { "{}", "", NULL },
        { "{\"temperature\":1}", "", NULL },
        { "{\"temperature\":1.0}", "", NULL },
        { "{\"temperature\":0}", "temperature", NULL },
        { "{\"temperature\":0.7}", "temperature", NULL },
        { "{\"top_p\":1.00}", "", NULL },
        { "{\"top_p\":0.9}", "top_p", NULL },
        { "{\"top_k\":40}", "top_k", NULL },
        { "{\"n\":1}", "", NULL },
        { "{\"n\":null}", "", NULL },
        { "{\"n\":2}", NULL, "n" },
        { "{\"n\":1.5}", NULL, "n" },
        { "{\"seed\":0}", "seed", NULL },
        { "{\"seed\":null}", "", NULL },
        { "{\"logit_bias\":{}}", "", NULL },
        { "{\"logit_bias\":{\"50256\":-100}}", "logit_bias", NULL },
        { "{\"frequency_penalty\":0,\"presence_penalty\":0.0}", "", NULL },
        { "{\"frequency_penalty\":-0.0}", "", NULL },
        { "{\"presence_penalty\":1}", "presence_penalty", NULL },
        { "{\"frequency_penalty\":0.01}", "frequency_penalty", NULL },
        { "{\"logprobs\":false,\"top_logprobs\":0}", "", NULL },
        { "{\"logprobs\":true}", NULL, "logprobs" },
        { "{\"top_logprobs\":3}", NULL, "top_logprobs" },
        { "{\"user\":\"\"}", "", NULL },
        { "{\"user\":\"u\"}", "user", NULL },
        { "{\"safety_identifier\":\"s\"}", "safety_identifier", NULL },
        { "{\"metadata\":{}}", "", NULL },
        { "{\"metadata\":{\"a\":\"b\"}}", "metadata", NULL },
        { "{\"store\":false}", "", NULL },
        { "{\"store\":true}", "store", NULL },
        { "{\"service_tier\":\"auto\"}", "", NULL },
        { "{\"service_tier\":\"default\"}", "", NULL },
        { "{\"service_tier\":\"flex\"}", "service_tier", NULL },
        { "{\"verbosity\":\"medium\"}", "", NULL },
        { "{\"verbosity\":\"low\"}", "verbosity", NULL },
        { "{\"reasoning_effort\":\"medium\"}", "", NULL },
        { "{\"reasoning_effort\":\"high\"}", "reasoning_effort", NULL },
        { "{\"thinking\":{\"type\":\"disabled\"}}", "", NULL },
        { "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}}",
          "thinking", NULL },
        { "{\"prediction\":{\"type\":\"content\",\"content\":\"x\"}}",
          "prediction", NULL },
        { "{\"modalities\":[\"text\"]}", "", NULL },
        { "{\"modalities\":[]}", "", NULL },
        { "{\"modalities\":[\"te\\u0078t\"]}", "", NULL },
        { "{\"modalities\":[\"text\",\"audio\"]}", NULL, "modalities" },
        { "{\"modalities\":[\"audio\"]}", NULL, "modalities" },
        { "{\"audio\":{\"voice\":\"alloy\",\"format\":\"mp3\"}}", NULL,
          "audio" },
        { "{\"web_search_options\":{}}", NULL, "web_search_options" },
        { "{\"web_search_options\":null}", "", NULL },
        { "{\"prompt_cache_key\":\"k\"}", "prompt_cache_key", NULL },
        { "{\"prompt_cache_retention\":\"in-memory\"}", "", NULL },
        { "{\"prompt_cache_retention\":\"24h\"}", "prompt_cache_retention",
          NULL },
        { "{\"prompt_cache_options\":{\"ttl\":\"1h\"}}",
          "prompt_cache_options", NULL },
        { "{\"moderation\":{\"model\":\"m\"}}", "moderation", NULL },
        { "{\"cache_control\":{\"type\":\"ephemeral\"}}", "cache_control",
          NULL },
        { "{\"thread\":{\"type\":\"create\"}}", NULL, "thread" },
        { "{\"compaction\":{}}", NULL, "compaction" },
        { "{\"user\":\"u\",\"seed\":1,\"store\":true}", "seed user store",
          NULL },
        { "{\"seed\":1,\"n\":2}", NULL, "n" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_begin(&chat, cases[i].text);
        test_check(&chat, 0, 0, cases[i].refused, cases[i].dropped);

        /* who takes all, and whose drop_params says "on" */

        test_check(&chat, (uint64_t) -1, 0, NULL, "");

        if (cases[i].refused) {
            test_int(ngx_llm_params_check(&chat, 0, (uint64_t) -1,
                                          &test_provider, NULL),
                     NGX_OK);
            test_ok(test_has(test_dropped(&chat), cases[i].refused));
        }
    }

    test_begin(&chat, "{\"n\":2,\"logprobs\":true,\"seed\":5}");
    test_check(&chat, ngx_llm_param_bit(NGX_LLM_PARAM_N),
               ngx_llm_param_bit(NGX_LLM_PARAM_LOGPROBS), NULL,
               "seed logprobs");
    test_check(&chat, 0, ngx_llm_param_bit(NGX_LLM_PARAM_N), "logprobs",
               NULL);
}


/* what has a form of its own in the chat */

static void
test_structures(void)
{
    ngx_str_t       *stop;
    ngx_llm_chat_t   chat;

    test_begin(&chat, "{}");
    chat.stop = ngx_array_create(test_pool, 1, sizeof(ngx_str_t));
    test_check(&chat, 0, 0, NULL, "");
    stop = ngx_array_push(chat.stop);
    ngx_str_set(stop, "x");
    test_check(&chat, 0, 0, "stop", NULL);
    test_check(&chat, 0, ngx_llm_param_bit(NGX_LLM_PARAM_STOP), NULL, "stop");

    test_begin(&chat, "{}");
    chat.parallel_set = 1;
    chat.parallel = 0;
    chat.tool_choice = NGX_LLM_TOOL_CHOICE_NONE;
    test_check(&chat, 0, 0, NULL, "");

    chat.tool_choice = NGX_LLM_TOOL_CHOICE_AUTO;
    (void) ngx_llm_chat_add_tool(&chat, NULL);
    test_check(&chat, 0, 0, "tools", NULL);
    test_check(&chat, ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS), 0,
               "parallel_tool_calls", NULL);

    chat.parallel = 1;
    test_check(&chat, ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS), 0, NULL, "");

    chat.tool_choice = NGX_LLM_TOOL_CHOICE_REQUIRED;
    test_check(&chat, ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS), 0,
               "tool_choice", NULL);
    chat.tool_choice = NGX_LLM_TOOL_CHOICE_NONE;
    test_check(&chat, ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS), 0,
               "tool_choice", NULL);

    test_begin(&chat, "{}");
    chat.format = NGX_LLM_FORMAT_JSON;
    test_check(&chat, 0, 0, "response_format", NULL);
    chat.format = NGX_LLM_FORMAT_SCHEMA;
    test_check(&chat, 0, 0, "response_format", NULL);
    test_check(&chat, ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT), 0,
               NULL, "");
}


static void
test_unknown(void)
{
    ngx_str_t        name, *dropped;
    ngx_uint_t       i;
    ngx_llm_chat_t   chat;

    test_begin(&chat, "{\"seed\":1,\"min_p\":0.1,\"x\":null,\"\\u0061\":{}}");
    test_check(&chat, 0, 0, NULL, "seed min_p a");
    test_check(&chat, (uint64_t) -1, 0, NULL, "min_p a");

    /* a writer's own, behind */

    name = test_string("strict");
    test_int(ngx_llm_params_dropped(&chat, &name), NGX_OK);
    test_str(test_dropped(&chat), "min_p a strict");

    /* no more than so many, and it shows */

    for (i = 0; i < 1000; i++) {
        test_int(ngx_llm_params_dropped(&chat, &name), NGX_OK);
    }

    test_int(chat.dropped->nelts, NGX_LLM_MAX_DROPPED);
    dropped = chat.dropped->elts;
    test_str(dropped[NGX_LLM_MAX_DROPPED - 1], "...");
    test_str(dropped[NGX_LLM_MAX_DROPPED - 2], "strict");
}


static void
test_memory(void)
{
    ngx_uint_t        n;
    ngx_llm_chat_t    chat;
    ngx_llm_error_t   err;

    for (n = 1; n < 20; n++) {

        test_begin(&chat, "{\"seed\":1,\"user\":\"u\",\"a\":1,\"b\":1,"
                          "\"c\":1}");
        ngx_stubs_fail = n;

        if (ngx_llm_params_check(&chat, 0, 0, &test_provider, &err)
            == NGX_OK)
        {
            test_ok(ngx_stubs_fail > 0);
            ngx_stubs_fail = 0;
            break;
        }

        test_int(ngx_stubs_fail, 0);
    }

    test_ok(n > 2 && n < 20);
}
