
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The estimate of a prompt's tokens, by texts whose counts are known: those
 * of the tokenizers that t/util/estimates fetches.
 */


#include "test.h"
#include "ngx_llm_chat.h"


#define TEST_TOKENIZERS  7


typedef struct {
    const char  *name;
    const char  *text;
    int64_t      tokens[TEST_TOKENIZERS];
} test_text_t;


static void test_texts(void);
static void test_fixed(void);
static void test_long(void);
static void test_escapes(void);
static void test_families(void);
static void test_chat(ngx_llm_chat_t *chat, ngx_str_t *text);
static void test_plain(const char *text, ngx_uint_t family, int64_t *mean,
    int64_t *high);


/* whose counts they are, in this order */

static const ngx_uint_t  test_tokenizers[TEST_TOKENIZERS] = {
    NGX_LLM_FAMILY_GPT,             /* o200k_base */
    NGX_LLM_FAMILY_CLAUDE,
    NGX_LLM_FAMILY_GEMINI,          /* Gemma 3 */
    NGX_LLM_FAMILY_LLAMA,           /* Llama 3.1 */
    NGX_LLM_FAMILY_LLAMA,           /* Tekken */
    NGX_LLM_FAMILY_QWEN,            /* Qwen 3 */
    NGX_LLM_FAMILY_QWEN             /* DeepSeek 3 */
};


static const test_text_t  test_text_cases[] = {
    { "english",
      "The gateway reads the whole answer of a provider before it says a "
      "word to the client, unless the client asked for a stream. Then the"
      " first token decides: until it has come, another provider can stil"
      "l take over, and nobody notices. Afterwards there is only one hone"
      "st thing left to do when the connection breaks, which is to say so"
      ".\n\nWe have counted how often that happens. In three weeks it was"
      " eleven times out of forty thousand requests, and nine of these we"
      "re on a single Tuesday morning, when somebody unplugged the wrong "
      "cable in the cellar.",
      { 112, 115, 113, 112, 114, 112, 113 } },

    { "question",
      "How do I rename a branch that I have already pushed?",
      { 12, 12, 12, 12, 12, 12, 12 } },

    { "c",
      "static ngx_int_t\nread_config(ngx_str_t *path, size_t max)\n{\n   "
      " u_char  *p, buf[4096];\n    ssize_t  n;\n\n    for (p = path->dat"
      "a; p < path->data + path->len; p++) {\n        if (*p == '\\0' || "
      "*p > 0x7f) {\n            return NGX_ERROR;   /* not a name */\n  "
      "      }\n    }\n\n    n = read(fd, buf, ngx_min(sizeof(buf), max))"
      ";\n\n    return (n < 0) ? NGX_ERROR : NGX_OK;\n}\n",
      { 127, 149, 159, 124, 133, 126, 132 } },

    { "python",
      "import re\nfrom collections import Counter\n\n\ndef most_common_wo"
      "rds(lines, n=10, min_length=3):\n    \"\"\"Count words over all li"
      "nes, ignoring case.\"\"\"\n    counter = Counter()\n    for line i"
      "n lines:\n        for word in re.findall(r\"[A-Za-z']+\", line):\n"
      "            if len(word) >= min_length:\n                counter[w"
      "ord.lower()] += 1\n    return [(word, count) for word, count in co"
      "unter.most_common(n)]\n",
      { 96, 110, 118, 96, 100, 97, 103 } },

    { "json",
      "{\"id\":\"req_01Hx7\",\"model\":\"large-2\",\"usage\":{\"prompt_to"
      "kens\":1042,\"completion_tokens\":77},\"tags\":[\"blue\",\"eu-west"
      "-1\"],\"ok\":true,\"ratio\":0.3125,\"items\":[{\"sku\":\"A-1009\","
      "\"qty\":3,\"price\":\"19.90\"},{\"sku\":\"B-2210\",\"qty\":1,\"pri"
      "ce\":\"4.50\"}]}",
      { 87, 89, 101, 86, 105, 99, 98 } },

    { "chinese",
      "\347\275\221\345\205\263\345\234\250\346\224\266\345\210\260"
      "\346\217\220\344\276\233\345\225\206\347\232\204\345\256\214"
      "\346\225\264\347\255\224\346\241\210\344\271\213\345\211\215"
      "\344\270\215\344\274\232\345\220\221\345\256\242\346\210\267"
      "\347\253\257\345\217\221\351\200\201\344\273\273\344\275\225"
      "\345\206\205\345\256\271\357\274\214\351\231\244\351\235\236"
      "\345\256\242\346\210\267\347\253\257\350\246\201\346\261\202"
      "\346\265\201\345\274\217\350\276\223\345\207\272\343\200\202"
      "\345\234\250\350\277\231\347\247\215\346\203\205\345\206\265"
      "\344\270\213\357\274\214\347\254\254\344\270\200\344\270\252"
      "\350\257\215\345\205\203\345\210\260\350\276\276\344\271\213"
      "\345\211\215\357\274\214\345\205\266\344\273\226\346\217\220"
      "\344\276\233\345\225\206\344\273\215\347\204\266\345\217\257"
      "\344\273\245\346\216\245\346\211\213\357\274\214\350\200\214"
      "\344\270\224\346\262\241\346\234\211\344\272\272\344\274\232"
      "\345\257\237\350\247\211\343\200\202\344\271\213\345\220\216"
      "\345\246\202\346\236\234\350\277\236\346\216\245\344\270\255"
      "\346\226\255\357\274\214\345\224\257\344\270\200\350\257\232"
      "\345\256\236\347\232\204\345\201\232\346\263\225\345\260\261"
      "\346\230\257\345\246\202\345\256\236\345\221\212\347\237\245"
      "\343\200\202\346\210\221\344\273\254\347\273\237\350\256\241"
      "\350\277\207\350\277\231\347\247\215\346\203\205\345\206\265"
      "\345\217\221\347\224\237\347\232\204\351\242\221\347\216\207"
      "\357\274\232\344\270\211\345\221\250\345\206\205\345\233\233"
      "\344\270\207\344\270\252\350\257\267\346\261\202\344\270\255"
      "\345\217\252\346\234\211\345\215\201\344\270\200\346\254\241"
      "\343\200\202",
      { 89, 113, 80, 95, 104, 73, 72 } },

    { "japanese",
      "\343\202\262\343\203\274\343\203\210\343\202\246\343\202\247"
      "\343\202\244\343\201\257\343\200\201\343\202\257\343\203\251"
      "\343\202\244\343\202\242\343\203\263\343\203\210\343\201\214"
      "\343\202\271\343\203\210\343\203\252\343\203\274\343\203\240"
      "\343\202\222\350\246\201\346\261\202\343\201\227\343\201\252"
      "\343\201\204\351\231\220\343\202\212\343\200\201\343\203\227"
      "\343\203\255\343\203\220\343\202\244\343\203\200\343\203\274"
      "\343\201\256\345\233\236\347\255\224\343\202\222\343\201\231"
      "\343\201\271\343\201\246\345\217\227\343\201\221\345\217\226"
      "\343\201\243\343\201\246\343\201\213\343\202\211\350\277\224"
      "\343\201\227\343\201\276\343\201\231\343\200\202\346\234\200"
      "\345\210\235\343\201\256\343\203\210\343\203\274\343\202\257"
      "\343\203\263\343\201\214\345\261\212\343\201\217\343\201\276"
      "\343\201\247\343\201\257\343\200\201\345\210\245\343\201\256"
      "\343\203\227\343\203\255\343\203\220\343\202\244\343\203\200"
      "\343\203\274\343\201\214\345\274\225\343\201\215\347\266\231"
      "\343\201\220\343\201\223\343\201\250\343\201\214\343\201\247"
      "\343\201\215\343\200\201\350\252\260\343\202\202\346\260\227"
      "\343\201\245\343\201\215\343\201\276\343\201\233\343\202\223"
      "\343\200\202\343\201\235\343\201\256\345\276\214\343\201\253"
      "\346\216\245\347\266\232\343\201\214\345\210\207\343\202\214"
      "\343\201\237\345\240\264\345\220\210\343\201\257\343\200\201"
      "\346\255\243\347\233\264\343\201\253\343\201\235\343\201\206"
      "\344\274\235\343\201\210\343\202\213\343\201\227\343\201\213"
      "\343\201\202\343\202\212\343\201\276\343\201\233\343\202\223"
      "\343\200\202",
      { 94, 125, 67, 84, 85, 79, 82 } },

    { "korean",
      "\352\262\214\354\235\264\355\212\270\354\233\250\354\235\264"
      "\353\212\224 \355\201\264\353\235\274\354\235\264\354\226\270"
      "\355\212\270\352\260\200 \354\212\244\355\212\270\353\246\274"
      "\354\235\204 \354\232\224\354\262\255\355\225\230\354\247\200 "
      "\354\225\212\353\212\224 \355\225\234 \352\263\265\352\270\211"
      "\354\236\220\354\235\230 \353\213\265\353\263\200\354\235\204 "
      "\353\252\250\353\221\220 \353\260\233\354\235\200 \353\213\244"
      "\354\235\214\354\227\220 \354\240\204\353\213\254\355\225\251"
      "\353\213\210\353\213\244. \354\262\253 \353\262\210\354\247\270 "
      "\355\206\240\355\201\260\354\235\264 \353\217\204\354\260\251"
      "\355\225\230\352\270\260 \354\240\204\352\271\214\354\247\200"
      "\353\212\224 \353\213\244\353\245\270 \352\263\265\352\270\211"
      "\354\236\220\352\260\200 \354\235\264\354\226\264\353\260\233"
      "\354\235\204 \354\210\230 \354\236\210\352\263\240 \354\225\204"
      "\353\254\264\353\217\204 \354\225\214\354\225\204\354\260\250"
      "\353\246\254\354\247\200 \353\252\273\355\225\251\353\213\210"
      "\353\213\244. \352\267\270 \353\222\244\354\227\220 \354\227\260"
      "\352\262\260\354\235\264 \353\201\212\354\226\264\354\247\200"
      "\353\251\264 \354\206\224\354\247\201\355\225\230\352\262\214 "
      "\353\247\220\355\225\230\353\212\224 \354\210\230\353\260\226"
      "\354\227\220 \354\227\206\354\212\265\353\213\210\353\213\244.",
      { 75, 145, 68, 80, 66, 90, 90 } },

    { "mixed",
      "Please explain this function in Chinese:\n\nint add(int a, int b) "
      "{ return a + b; }\n\n\350\257\267\347\224\250\344\270\255"
      "\346\226\207\350\247\243\351\207\212\344\270\212\351\235\242"
      "\347\232\204\345\207\275\346\225\260\357\274\214\345\271\266"
      "\347\273\231\345\207\272\344\270\200\344\270\252\344\275\277"
      "\347\224\250\347\244\272\344\276\213\343\200\202\350\260\242"
      "\350\260\242\357\274\201",
      { 39, 47, 40, 41, 43, 38, 37 } },

    { "german",
      "Das Gateway liest die ganze Antwort eines Anbieters, bevor es dem "
      "Client ein Wort davon sagt, es sei denn, dieser m\303\266chte eine"
      "n Stream. Dann entscheidet das erste Token: Bis es da ist, kann no"
      "ch ein anderer Anbieter \303\274bernehmen, und niemand bemerkt etw"
      "as davon.",
      { 54, 78, 57, 63, 59, 63, 64 } },

    { "russian",
      "\320\250\320\273\321\216\320\267 \321\207\320\270\321\202\320\260"
      "\320\265\321\202 \320\276\321\202\320\262\320\265\321\202 \320\277"
      "\320\276\321\201\321\202\320\260\320\262\321\211\320\270\320\272"
      "\320\260 \321\206\320\265\320\273\320\270\320\272\320\276\320\274,"
      " \320\277\321\200\320\265\320\266\320\264\320\265 \321\207\320\265"
      "\320\274 \321\201\320\272\320\260\320\267\320\260\321\202\321\214 "
      "\320\272\320\273\320\270\320\265\320\275\321\202\321\203 \321\205"
      "\320\276\321\202\321\214 \321\201\320\273\320\276\320\262\320\276,"
      " \320\265\321\201\320\273\320\270 \321\202\320\276\320\273\321\214"
      "\320\272\320\276 \320\272\320\273\320\270\320\265\320\275\321\202 "
      "\320\275\320\265 \320\277\320\276\320\277\321\200\320\276\321\201"
      "\320\270\320\273 \320\277\320\276\321\202\320\276\320\272. "
      "\320\242\320\276\320\263\320\264\320\260 \321\200\320\265\321\210"
      "\320\260\320\265\321\202 \320\277\320\265\321\200\320\262\321\213"
      "\320\271 \321\202\320\276\320\272\320\265\320\275: \320\277"
      "\320\276\320\272\320\260 \320\276\320\275 \320\275\320\265 "
      "\320\277\321\200\320\270\321\210\321\221\320\273, \320\276\321\202"
      "\320\262\320\265\321\202\320\270\321\202\321\214 \320\274\320\276"
      "\320\266\320\265\321\202 \320\270 \320\264\321\200\321\203\320\263"
      "\320\276\320\271 \320\277\320\276\321\201\321\202\320\260\320\262"
      "\321\211\320\270\320\272, \320\270 \320\275\320\270\320\272"
      "\321\202\320\276 \321\215\321\202\320\276\320\263\320\276 \320\275"
      "\320\265 \320\267\320\260\320\274\320\265\321\202\320\270\321\202.",
      { 55, 105, 54, 64, 60, 67, 64 } }
};


int
main(void)
{
    test_texts();
    test_fixed();
    test_long();
    test_escapes();
    test_families();

    return test_done("estimate");
}


/* a chat with one message of the user; text is escaped */

static void
test_chat(ngx_llm_chat_t *chat, ngx_str_t *text)
{
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *message;

    ngx_llm_chat_init(chat, test_pool, text);

    message = ngx_llm_chat_add_message(chat, NGX_LLM_ROLE_USER, NULL);
    part = ngx_llm_chat_add_part(test_pool, &message->parts,
                                 NGX_LLM_PART_TEXT);
    part->text = *text;
}


/* without what a message alone takes */

static void
test_plain(const char *text, ngx_uint_t family, int64_t *mean, int64_t *high)
{
    int64_t         none, most;
    ngx_str_t       plain, escaped;
    ngx_llm_out_t   out;
    ngx_llm_chat_t  chat;

    test_reset();

    plain = test_string(text);

    ngx_llm_out_init(&out, test_pool, NULL, 0, 1024 * 1024);
    ngx_llm_out_escape(&out, &plain);

    escaped.data = out.start;
    escaped.len = ngx_llm_out_len(&out);

    test_chat(&chat, &escaped);
    ngx_llm_chat_estimate_high(&chat, family, mean, high);

    escaped.len = 0;

    test_chat(&chat, &escaped);
    ngx_llm_chat_estimate_high(&chat, family, &none, &most);

    *mean -= none;
    *high -= none;
}


static void
test_texts(void)
{
    int64_t             mean, high, total, sum;
    ngx_uint_t          i, n;
    const test_text_t  *t;

    for (n = 0; n < TEST_TOKENIZERS; n++) {

        total = 0;
        sum = 0;

        for (i = 0; i < sizeof(test_text_cases) / sizeof(test_text_t); i++) {
            t = &test_text_cases[i];

            test_plain(t->text, test_tokenizers[n], &mean, &high);
            test_case = t->name;

            total += t->tokens[n];
            sum += mean;

            if (!test_ok(high >= t->tokens[n])
                || !test_ok(high <= t->tokens[n] * 2 + 24)
                || !test_ok(mean * 100 >= t->tokens[n] * 65)
                || !test_ok(mean * 100 <= t->tokens[n] * 135))
            {
                printf("  tokenizer %d: %d, mean %d, high %d\n", (int) n,
                       (int) t->tokens[n], (int) mean, (int) high);
            }

            test_plain(t->text, NGX_LLM_FAMILY_ANY, &mean, &high);
            test_case = t->name;

            test_ok(high >= t->tokens[n]);
        }

        test_case = "all texts";

        if (!test_ok(sum * 100 >= total * 85)
            || !test_ok(sum * 100 <= total * 115))
        {
            printf("  tokenizer %d: %d, mean %d\n", (int) n, (int) total,
                   (int) sum);
        }
    }
}


/* what is no text */

static void
test_fixed(void)
{
    int64_t             mean, high, more, most;
    ngx_str_t           text;
    ngx_uint_t          family;
    ngx_llm_part_t     *part;
    ngx_llm_chat_t      chat;
    ngx_llm_tool_t     *tool;
    ngx_llm_message_t  *message;

    for (family = 0; family < NGX_LLM_FAMILIES; family++) {

        test_reset();
        test_case = "nothing";

        text = test_string("");
        ngx_llm_chat_init(&chat, test_pool, &text);
        ngx_llm_chat_estimate_high(&chat, family, &mean, &high);

        test_ok(mean >= 1);
        test_ok(high >= mean);

        test_case = "a message";

        message = ngx_llm_chat_add_message(&chat, NGX_LLM_ROLE_USER, NULL);
        ngx_llm_chat_estimate_high(&chat, family, &more, &most);

        test_ok(more >= mean + 3 && more <= mean + 8);
        test_ok(most > high && most >= more);

        mean = more;
        high = most;

        test_case = "a picture";

        part = ngx_llm_chat_add_part(test_pool, &message->parts,
                                     NGX_LLM_PART_IMAGE);
        ngx_llm_chat_estimate_high(&chat, family, &more, &most);

        test_ok(more >= mean + 250);
        test_ok(most >= high + 1500);

        mean = more;
        high = most;

        test_case = "sound: 200 kilobytes";

        part = ngx_llm_chat_add_part(test_pool, &message->parts,
                                     NGX_LLM_PART_AUDIO);
        part->data.data = text.data;
        part->data.len = 204800;
        ngx_llm_chat_estimate_high(&chat, family, &more, &most);

        test_int(more - mean, 100);
        test_int(most - high, 100);

        mean = more;
        high = most;

        test_case = "a tool";

        tool = ngx_llm_chat_add_tool(&chat, NULL);
        tool->name = test_string("get_weather");
        tool->schema = test_string("{\"type\":\"object\",\"properties\":{"
                                   "\"city\":{\"type\":\"string\"}}}");
        ngx_llm_chat_estimate_high(&chat, family, &more, &most);

        test_ok(more > mean + 25);
        test_ok(most > high + 35);
    }
}


/* more than is looked at counts as the like; what cannot be is bounded */

static void
test_long(void)
{
    u_char             *p;
    size_t              len;
    int64_t             mean, high, more, most;
    ngx_str_t           text;
    ngx_llm_chat_t      chat;
    ngx_llm_message_t  *message;

    test_reset();
    test_case = "8 megabytes";

    len = 8 * 1024 * 1024;
    p = malloc(len);

    if (!test_ok(p != NULL)) {
        return;
    }

    for (text.len = 0; text.len < len; text.len += 8) {
        ngx_memcpy(p + text.len, "morning ", 8);
    }

    text.data = p;
    text.len = 1024 * 1024;

    test_chat(&chat, &text);
    ngx_llm_chat_estimate_high(&chat, NGX_LLM_FAMILY_GPT, &mean, &high);

    text.len = len;

    test_chat(&chat, &text);
    ngx_llm_chat_estimate_high(&chat, NGX_LLM_FAMILY_GPT, &more, &most);

    test_ok(mean > 100000 && mean < 200000);
    test_ok(more > mean * 7 && more <= mean * 8);
    test_ok(most > high * 7 && most <= high * 8);

    test_case = "and more in a second message";

    message = ngx_llm_chat_add_message(&chat, NGX_LLM_ROLE_USER,
                                       chat.messages);
    ngx_llm_chat_add_part(test_pool, &message->parts, NGX_LLM_PART_TEXT)->text
                                                                      = text;
    ngx_llm_chat_estimate_high(&chat, NGX_LLM_FAMILY_GPT, &more, &most);

    test_ok(more > mean * 15 && more <= mean * 16);

    /* cut in the middle of a character */

    test_case = "cut";

    ngx_memset(p, 0xe4, 1);

    for (text.len = 1; text.len + 3 <= 1024 * 1024 + 300; text.len += 3) {
        ngx_memcpy(p + text.len, "\344\270\200", 3);
    }

    ngx_memcpy(p, " ", 1);

    test_chat(&chat, &text);
    ngx_llm_chat_estimate_high(&chat, NGX_LLM_FAMILY_GPT, &more, &most);

    test_ok(more > 100000 && more < 1000000);

    free(p);
}


static void
test_escapes(void)
{
    int64_t         mean, high, more, most;
    ngx_str_t       text;
    ngx_llm_chat_t  chat;

    test_reset();
    test_case = "escapes are what they stand for";

    text = test_string("gr\303\274n \344\270\255\346\226\207 \"\n"
                       "\360\237\230\200");
    test_chat(&chat, &text);
    ngx_llm_chat_estimate_high(&chat, NGX_LLM_FAMILY_GPT, &mean, &high);

    text = test_string("gr\\u00fcn \\u4E2D\\u6587 \\\"\\n"
                       "\\ud83d\\ude00");
    test_chat(&chat, &text);
    ngx_llm_chat_estimate_high(&chat, NGX_LLM_FAMILY_GPT, &more, &most);

    test_int(more, mean);
    test_int(most, high);
}


static void
test_families(void)
{
    ngx_str_t   name;
    ngx_uint_t  i;

    static struct {
        const char  *name;
        ngx_uint_t   family;
    } cases[] = {
        { "gpt-4o", NGX_LLM_FAMILY_GPT },
        { "openai/gpt-4o-mini", NGX_LLM_FAMILY_GPT },
        { "gpt-4.1", NGX_LLM_FAMILY_GPT },
        { "gpt-5-nano", NGX_LLM_FAMILY_GPT },
        { "gpt-oss-120b", NGX_LLM_FAMILY_GPT },
        { "chatgpt-4o-latest", NGX_LLM_FAMILY_GPT },
        { "o1", NGX_LLM_FAMILY_GPT },
        { "o3-mini", NGX_LLM_FAMILY_GPT },
        { "openrouter/o4-mini", NGX_LLM_FAMILY_GPT },
        { "solo1", NGX_LLM_FAMILY_ANY },
        { "olmo", NGX_LLM_FAMILY_ANY },
        { "gpt-4", NGX_LLM_FAMILY_ANY },
        { "gpt-4-turbo", NGX_LLM_FAMILY_ANY },
        { "gpt-3.5-turbo", NGX_LLM_FAMILY_ANY },
        { "claude-sonnet-4-5", NGX_LLM_FAMILY_CLAUDE },
        { "us.anthropic.claude-opus-4-1-20250805-v1:0",
          NGX_LLM_FAMILY_CLAUDE },
        { "gemini-2.5-pro", NGX_LLM_FAMILY_GEMINI },
        { "google/gemma-3-27b-it", NGX_LLM_FAMILY_GEMINI },
        { "meta-llama/Llama-3.3-70B-Instruct", NGX_LLM_FAMILY_LLAMA },
        { "mistral-large-latest", NGX_LLM_FAMILY_LLAMA },
        { "open-mistral-7b", NGX_LLM_FAMILY_ANY },
        { "mixtral-8x7b", NGX_LLM_FAMILY_ANY },
        { "llama-2-7b", NGX_LLM_FAMILY_ANY },
        { "Qwen/Qwen3-32B", NGX_LLM_FAMILY_QWEN },
        { "deepseek-chat", NGX_LLM_FAMILY_QWEN },
        { "deepseek-r1-distill-llama-70b", NGX_LLM_FAMILY_QWEN },
        { "grok-4", NGX_LLM_FAMILY_ANY },
        { "", NGX_LLM_FAMILY_ANY },
        { "o", NGX_LLM_FAMILY_ANY }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_reset();

        name = test_string(cases[i].name);
        test_case = cases[i].name;

        test_int(ngx_llm_family(&name), cases[i].family);
    }
}
