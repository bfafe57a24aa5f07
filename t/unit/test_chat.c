
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_chat.h"


static void test_lists(void);
static void test_input(void);
static void test_data_url(void);
static void test_prompt(void);
static void test_estimate(void);
static void test_scripts(void);
static void test_memory(void);
static ngx_int_t test_prompt_text(void *data, ngx_str_t *escaped);
static ngx_llm_message_t *test_say(ngx_llm_chat_t *chat, ngx_llm_role_e role,
    const char *text);
static int64_t test_tokens(const char *text, ngx_uint_t times);


static ngx_str_t  test_empty = ngx_string("");


int
main(void)
{
    test_lists();
    test_input();
    test_data_url();
    test_prompt();
    test_estimate();
    test_scripts();
    test_memory();

    return test_done("chat");
}


static ngx_llm_message_t *
test_say(ngx_llm_chat_t *chat, ngx_llm_role_e role, const char *text)
{
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *message;

    message = ngx_llm_chat_add_message(chat, role, NULL);
    part = ngx_llm_chat_add_part(chat->pool, &message->parts,
                                 NGX_LLM_PART_TEXT);
    part->text = test_string(text);

    return message;
}


static void
test_lists(void)
{
    ngx_str_t             text;
    ngx_uint_t            i;
    ngx_llm_tool_t       *tool, *one;
    ngx_llm_part_t       *part, *list;
    ngx_llm_chat_t        chat;
    ngx_llm_message_t    *first, *second, *third;
    ngx_llm_response_t    res;

    test_case = "lists";
    test_reset();

    text = test_string("{}");
    ngx_memset(&chat, 0xff, sizeof(chat));
    ngx_llm_chat_init(&chat, test_pool, &text);
    test_str(chat.text, "{}");
    test_int(chat.max_tokens, -1);
    test_ok(chat.pool == test_pool && chat.messages == NULL);

    first = ngx_llm_chat_add_message(&chat, NGX_LLM_ROLE_USER, NULL);
    second = ngx_llm_chat_add_message(&chat, NGX_LLM_ROLE_ASSISTANT, first);
    third = ngx_llm_chat_add_message(&chat, NGX_LLM_ROLE_TOOL, NULL);

    test_ok(chat.messages == first && first->next == second
            && second->next == third && third->next == NULL);
    test_int(chat.nmessages, 3);
    test_int(third->index, 2);
    test_int(third->role, NGX_LLM_ROLE_TOOL);
    test_ok(third->parts == NULL);

    one = ngx_llm_chat_add_tool(&chat, NULL);
    tool = ngx_llm_chat_add_tool(&chat, one);
    test_ok(chat.tools == one && one->next == tool && tool->next == NULL);
    test_int(chat.ntools, 2);

    /* by the head, however many: each must not walk the list */

    list = NULL;

    for (i = 0; i < 100000; i++) {
        part = ngx_llm_chat_add_part(test_pool, &list, NGX_LLM_PART_TEXT);
        part->text.len = i;
    }

    for (part = list, i = 0; part && part->text.len == i; part = part->next) {
        i++;
    }

    test_int(i, 100000);
    test_int(list->last->text.len, 99999);

    /* parts that were linked by hand, and the end of a list as its head */

    part = ngx_pcalloc(test_pool, sizeof(ngx_llm_part_t));
    part->next = ngx_pcalloc(test_pool, sizeof(ngx_llm_part_t));
    list = part;

    part = ngx_llm_chat_add_part(test_pool, &list, NGX_LLM_PART_IMAGE);
    test_ok(list->next->next == part && part->next == NULL);
    test_ok(ngx_llm_chat_add_part(test_pool, &part->next, NGX_LLM_PART_TEXT)
            == part->next);
    test_ok(ngx_llm_chat_add_part(test_pool, &list, NGX_LLM_PART_TEXT)
            == part->next->next);

    test_int(ngx_llm_response_init(&res, test_pool), NGX_OK);
    test_int(res.choices.nelts, 0);
    test_int(res.usage.prompt, -1);
    test_int(res.created, 0);
    test_ok(res.pool == test_pool);
}


static void
test_input(void)
{
    size_t            i;
    ngx_str_t         raw;
    ngx_llm_out_t     out;
    ngx_llm_part_t    part;

    static struct {
        const char  *arguments;     /* NULL: absent */
        const char  *input;
        const char  *raw;           /* NULL: no object */
        const char  *escaped;
    } cases[] = {
        { NULL, NULL, "{}", "{}" },
        { "", NULL, "{}", "{}" },
        { " \\n\\t\\r", NULL, "{}", " \\n\\t\\r" },
        { "null", NULL, "{}", "null" },
        { "{}", NULL, "{}", "{}" },
        { " {} ", NULL, "{}", " {} " },
        { "{\\\"a\\\":\\\"x\\\\ny\\\"}", NULL, "{\"a\":\"x\\ny\"}",
          "{\\\"a\\\":\\\"x\\\\ny\\\"}" },
        { "{\\u0022a\\u0022:1.50}", NULL, "{\"a\":1.50}",
          "{\\u0022a\\u0022:1.50}" },
        { NULL, "{\"a\": [1,\"\\n\"]}", "{\"a\": [1,\"\\n\"]}",
          "{\\\"a\\\": [1,\\\"\\\\n\\\"]}" },
        { NULL, "{}", "{}", "{}" },
        { "[1]", NULL, NULL, "[1]" },
        { "1", NULL, NULL, "1" },
        { "\\\"{}\\\"", NULL, NULL, "\\\"{}\\\"" },
        { "{\\\"a\\\":", NULL, NULL, "{\\\"a\\\":" },
        { "{} {}", NULL, NULL, "{} {}" },
        { "hello", NULL, NULL, "hello" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_case = cases[i].escaped;
        test_reset();

        ngx_memzero(&part, sizeof(ngx_llm_part_t));
        part.arguments = test_string(cases[i].arguments);
        part.input = test_string(cases[i].input);

        raw.data = NULL;
        raw.len = 0;

        test_int(ngx_llm_part_input(test_pool, &part, &raw),
                 cases[i].raw ? NGX_OK : NGX_DECLINED);
        test_str(raw, cases[i].raw);

        ngx_llm_out_init(&out, test_pool, NULL, 0, 1000);
        ngx_llm_part_arguments(&part, &out);
        test_out(out, cases[i].escaped);
    }
}


static void
test_data_url(void)
{
    size_t      i;
    ngx_str_t   url, type, data;

    static struct {
        const char  *url;
        ngx_int_t    rc;
        const char  *type;
        const char  *data;
    } cases[] = {
        { "data:image/png;base64,AAAA", NGX_OK, "image/png", "AAAA" },
        { "DATA:image/PNG;BASE64,AAAA", NGX_OK, "image/PNG", "AAAA" },
        { "data:image\\/png;base64,AA\\/A", NGX_OK, "image/png", "AA\\/A" },
        { "data:image\\/x-odd;base64,AAAA", NGX_ERROR, NULL, NULL },
        { "data:text/plain;charset=utf-8;base64,QQ==", NGX_OK, "text/plain",
          "QQ==" },
        { "data:;base64,QQ==", NGX_OK, "text/plain", "QQ==" },
        { "data:image/png;base64,", NGX_ERROR, NULL, NULL },
        { "data:image/png;base64", NGX_ERROR, NULL, NULL },
        { "data:image/png,AAAA", NGX_ERROR, NULL, NULL },
        { "data:image/png;base64x,AAAA", NGX_ERROR, NULL, NULL },
        { "data:,hello", NGX_ERROR, NULL, NULL },
        { "data:", NGX_ERROR, NULL, NULL },
        { "data", NGX_DECLINED, NULL, NULL },
        { "", NGX_DECLINED, NULL, NULL },
        { "https://a/b?data:image/png;base64,AAAA", NGX_DECLINED, NULL,
          NULL },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_case = cases[i].url;

        url = test_copy(cases[i].url, strlen(cases[i].url));
        ngx_str_null(&type);
        ngx_str_null(&data);

        test_int(ngx_llm_data_url(&url, &type, &data), cases[i].rc);

        if (cases[i].rc == NGX_OK) {
            test_str(type, cases[i].type);
            test_str(data, cases[i].data);
        }

        free(url.data);
    }
}


/* data: a buffer of which the first byte says after how many to stop */

static ngx_int_t
test_prompt_text(void *data, ngx_str_t *escaped)
{
    char *buf = data;

    size_t  len;

    len = strlen(buf);

    ngx_memcpy(buf + len, escaped->data, escaped->len);
    buf[len + escaped->len] = '|';
    buf[len + escaped->len + 1] = '\0';

    return (--buf[0] == '0') ? NGX_DONE : NGX_OK;
}


static void
test_prompt(void)
{
    char                 buf[200];
    ngx_llm_chat_t       chat;
    ngx_llm_part_t      *part;
    ngx_llm_message_t   *message;

    test_case = "prompt";
    test_reset();

    ngx_llm_chat_init(&chat, test_pool, &test_empty);

    strcpy(buf, "9");
    test_int(ngx_llm_chat_prompt(&chat, 0, test_prompt_text, buf), NGX_OK);
    test_int(ngx_llm_chat_prompt(&chat, 1, test_prompt_text, buf), NGX_OK);
    test_str(test_string(buf), "9");

    test_say(&chat, NGX_LLM_ROLE_SYSTEM, "sys");
    message = test_say(&chat, NGX_LLM_ROLE_USER, "one");
    part = ngx_llm_chat_add_part(test_pool, &message->parts,
                                 NGX_LLM_PART_IMAGE);
    part->text = test_string("no");
    part = ngx_llm_chat_add_part(test_pool, &message->parts,
                                 NGX_LLM_PART_TEXT);
    part->text = test_string("two\\n");
    test_say(&chat, NGX_LLM_ROLE_ASSISTANT, "three");
    test_say(&chat, NGX_LLM_ROLE_TOOL, "result");
    test_say(&chat, NGX_LLM_ROLE_USER, "four");
    test_say(&chat, NGX_LLM_ROLE_DEVELOPER, "five");

    strcpy(buf, "9");
    test_int(ngx_llm_chat_prompt(&chat, 0, test_prompt_text, buf), NGX_OK);
    test_str(test_string(buf), "3sys|one|two\\n|three|four|five|");

    strcpy(buf, "9");
    test_int(ngx_llm_chat_prompt(&chat, 1, test_prompt_text, buf), NGX_OK);
    test_str(test_string(buf), "8four|");

    strcpy(buf, "2");
    test_int(ngx_llm_chat_prompt(&chat, 0, test_prompt_text, buf), NGX_DONE);
    test_str(test_string(buf), "0sys|one|");
}


/* tokens of a message with the text so many times, without those of a chat */

static int64_t
test_tokens(const char *text, ngx_uint_t times)
{
    char            *big;
    int64_t          n;
    ngx_uint_t       i;
    ngx_llm_chat_t   chat, empty;

    test_reset();

    big = malloc(strlen(text) * times + 1);
    big[0] = '\0';

    for (i = 0; i < times; i++) {
        strcpy(big + i * strlen(text), text);
    }

    ngx_llm_chat_init(&chat, test_pool, &test_empty);
    ngx_llm_chat_init(&empty, test_pool, &test_empty);

    test_say(&chat, NGX_LLM_ROLE_USER, big);
    test_say(&empty, NGX_LLM_ROLE_USER, "");

    n = ngx_llm_chat_estimate(&chat) - ngx_llm_chat_estimate(&empty);

    free(big);

    return n;
}


static void
test_estimate(void)
{
    int64_t             n, one;
    ngx_llm_chat_t      chat;
    ngx_llm_part_t     *part;
    ngx_llm_tool_t     *tool;
    ngx_llm_message_t  *message;

    test_case = "estimate";

    /* escapes count as what they stand for */

    test_int(test_tokens("\\u4f60\\u597d", 50),
             test_tokens("\xe4\xbd\xa0\xe5\xa5\xbd", 50));
    test_int(test_tokens("\\ud83d\\ude00", 50),
             test_tokens("\xf0\x9f\x98\x80", 50));
    test_int(test_tokens("\\u0041b\\/", 50), test_tokens("Ab/", 50));

    /* long text is looked at in part, and counted whole */

    one = test_tokens("the quick brown fox ", 10000);
    n = test_tokens("the quick brown fox ", 500000);
    test_ok(n > one * 49 && n < one * 51);

    /* what else a prompt holds */

    test_reset();
    ngx_llm_chat_init(&chat, test_pool, &test_empty);
    test_ok(ngx_llm_chat_estimate(&chat) > 0);

    message = test_say(&chat, NGX_LLM_ROLE_USER, "hello");
    n = ngx_llm_chat_estimate(&chat);

    (void) ngx_llm_chat_add_part(test_pool, &message->parts,
                                 NGX_LLM_PART_IMAGE);
    test_ok(ngx_llm_chat_estimate(&chat) > n + 100);
    n = ngx_llm_chat_estimate(&chat);

    tool = ngx_llm_chat_add_tool(&chat, NULL);
    ngx_str_set(&tool->name, "get_weather");
    ngx_str_set(&tool->description, "the weather of a city");
    ngx_str_set(&tool->schema, "{\"type\":\"object\",\"properties\":"
                               "{\"city\":{\"type\":\"string\"}}}");
    test_ok(ngx_llm_chat_estimate(&chat) > n + 20);
    n = ngx_llm_chat_estimate(&chat);

    part = ngx_llm_chat_add_part(test_pool, &message->parts,
                                 NGX_LLM_PART_TOOL_CALL);
    ngx_str_set(&part->name, "get_weather");
    ngx_str_set(&part->arguments, "{\\\"city\\\":\\\"Paris\\\"}");
    test_ok(ngx_llm_chat_estimate(&chat) > n + 5);
    n = ngx_llm_chat_estimate(&chat);

    test_say(&chat, NGX_LLM_ROLE_TOOL, "sunny and warm, 25 degrees");
    test_ok(ngx_llm_chat_estimate(&chat) > n + 5);
}


/* counted by o200k_base; each may be a third off, together they are close */

static void
test_scripts(void)
{
    size_t   i, n;
    int64_t  tokens, off, sum;

    static struct {
        int64_t      tokens;
        const char  *text;
    } samples[] = {
        { 58,
          "The gateway reads a request, looks at who sent it and what i"
          "t asks for, and then decides which of the providers shall an"
          "swer. If that provider fails before the first byte has gone "
          "to the client, the next one is tried; the client sees nothin"
          "g of it but a little delay." },
        { 48,
          "Der Server liest die Anfrage, pr\xc3\xbc" "ft den Schl"
          "\xc3\xbcssel und w\xc3\xa4hlt dann einen Anbieter aus, der d"
          "ie Antwort liefern soll. F\xc3\xa4llt dieser aus, bevor etwa"
          "s gesendet wurde, \xc3\xbc" "bernimmt der n\xc3\xa4" "chste,"
          " ohne dass der Benutzer davon etwas bemerkt." },
        { 36,
          "\xe7\xbd\x91\xe5\x85\xb3\xe8\xaf\xbb\xe5\x8f\x96\xe8\xaf\xb7"
          "\xe6\xb1\x82\xef\xbc\x8c\xe6\xa3\x80\xe6\x9f\xa5\xe6\x98\xaf"
          "\xe8\xb0\x81\xe5\x8f\x91\xe9\x80\x81\xe7\x9a\x84\xef\xbc\x8c"
          "\xe7\x84\xb6\xe5\x90\x8e\xe5\x86\xb3\xe5\xae\x9a\xe7\x94\xb1"
          "\xe5\x93\xaa\xe4\xb8\xaa\xe6\x8f\x90\xe4\xbe\x9b\xe5\x95\x86"
          "\xe6\x9d\xa5\xe5\x9b\x9e\xe7\xad\x94\xe3\x80\x82\xe5\xa6\x82"
          "\xe6\x9e\x9c\xe8\xaf\xa5\xe6\x8f\x90\xe4\xbe\x9b\xe5\x95\x86"
          "\xe5\x9c\xa8\xe5\x8f\x91\xe9\x80\x81\xe7\xac\xac\xe4\xb8\x80"
          "\xe4\xb8\xaa\xe5\xad\x97\xe8\x8a\x82\xe4\xb9\x8b\xe5\x89\x8d"
          "\xe5\xa4\xb1\xe8\xb4\xa5\xef\xbc\x8c\xe5\xb0\xb1\xe4\xbc\x9a"
          "\xe5\xb0\x9d\xe8\xaf\x95\xe4\xb8\x8b\xe4\xb8\x80\xe4\xb8\xaa"
          "\xe3\x80\x82" },
        { 21,
          "\xd0\xa1\xd0\xb5\xd1\x80\xd0\xb2\xd0\xb5\xd1\x80 \xd1\x87"
          "\xd0\xb8\xd1\x82\xd0\xb0\xd0\xb5\xd1\x82 \xd0\xb7\xd0\xb0"
          "\xd0\xbf\xd1\x80\xd0\xbe\xd1\x81, \xd0\xbf\xd1\x80\xd0\xbe"
          "\xd0\xb2\xd0\xb5\xd1\x80\xd1\x8f\xd0\xb5\xd1\x82 \xd0\xba"
          "\xd0\xbb\xd1\x8e\xd1\x87 \xd0\xb8 \xd0\xb2\xd1\x8b\xd0\xb1"
          "\xd0\xb8\xd1\x80\xd0\xb0\xd0\xb5\xd1\x82 \xd0\xbf\xd0\xbe"
          "\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd1\x89\xd0\xb8\xd0\xba"
          "\xd0\xb0, \xd0\xba\xd0\xbe\xd1\x82\xd0\xbe\xd1\x80\xd1\x8b"
          "\xd0\xb9 \xd0\xb4\xd0\xbe\xd0\xbb\xd0\xb6\xd0\xb5\xd0\xbd "
          "\xd0\xbe\xd1\x82\xd0\xb2\xd0\xb5\xd1\x82\xd0\xb8\xd1\x82"
          "\xd1\x8c." },
        { 60,
          "def total(items, rate=0.19):\\n    \\\"\\\"\\\"sum of prices"
          " with tax\\\"\\\"\\\"\\n    net = 0\\n    for item in items:"
          "\\n        if item.price > 0:\\n            net += item.pric"
          "e * item.count\\n    return round(net * (1 + rate), 2)\\n" },
        { 42,
          "{\\\"type\\\":\\\"object\\\",\\\"properties\\\":{\\\"city\\"
          "\":{\\\"type\\\":\\\"string\\\",\\\"description\\\":\\\"name"
          " of the city\\\"},\\\"unit\\\":{\\\"type\\\":\\\"string\\\","
          "\\\"enum\\\":[\\\"celsius\\\",\\\"fahrenheit\\\"]}},\\\"requ"
          "ired\\\":[\\\"city\\\"]}" },
        { 34,
          "2026-11-23 21:07:45 worker 4711: 128 requests, 3 errors, 104"
          "8576 bytes in 17 ms" },
    };

    n = sizeof(samples) / sizeof(samples[0]);
    sum = 0;

    for (i = 0; i < n; i++) {

        test_case = samples[i].text;
        tokens = test_tokens(samples[i].text, 1);

        off = 100 * ngx_abs(tokens - samples[i].tokens) / samples[i].tokens;
        sum += off;

        if (!test_ok(off <= 33)) {
            test_int(tokens, samples[i].tokens);
        }
    }

    test_case = "all scripts";
    test_ok(sum <= 15 * (int64_t) n);
}


static void
test_memory(void)
{
    ngx_str_t           raw;
    ngx_llm_chat_t      chat;
    ngx_llm_part_t      part, *list;
    ngx_llm_response_t  res;

    test_case = "memory";
    test_reset();

    ngx_llm_chat_init(&chat, test_pool, &test_empty);
    list = NULL;

    ngx_stubs_fail = 1;
    test_ok(ngx_llm_chat_add_message(&chat, NGX_LLM_ROLE_USER, NULL) == NULL);
    ngx_stubs_fail = 1;
    test_ok(ngx_llm_chat_add_tool(&chat, NULL) == NULL);
    ngx_stubs_fail = 1;
    test_ok(ngx_llm_chat_add_part(test_pool, &list, NGX_LLM_PART_TEXT)
            == NULL);
    ngx_stubs_fail = 1;
    test_int(ngx_llm_response_init(&res, test_pool), NGX_ERROR);

    test_ok(chat.nmessages == 0 && chat.ntools == 0 && list == NULL);

    ngx_memzero(&part, sizeof(ngx_llm_part_t));
    ngx_str_set(&part.arguments, "{\\\"a\\\":1}");

    ngx_stubs_fail = 1;
    test_int(ngx_llm_part_input(test_pool, &part, &raw), NGX_ERROR);
    test_int(ngx_stubs_fail, 0);
}
