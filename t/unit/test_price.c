
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Costs computed by hand: dollars for a million tokens times tokens is
 * millionths of a dollar, times a thousand nanodollars.
 */


#include "test.h"
#include "ngx_llm_price.h"
#include "ngx_llm_prices.h"


#define X  -1
#define S  NGX_LLM_SERVICE_STANDARD
#define P  NGX_LLM_SERVICE_PRIORITY
#define F  NGX_LLM_SERVICE_FLEX
#define B  NGX_LLM_SERVICE_BATCH

/* dollars for a million tokens, in thousandths */
#define M(n)  ((n) * 1000000LL)
#define END   { 0, 0, 0, NGX_LLM_RATES }


typedef struct {
    const char                  *name;
    const ngx_llm_price_item_t  *items;

    /* prompt, cached, write, 1h, audio; completion, reasoning, audio */
    int64_t                      n[8];
    ngx_uint_t                   said;      /* by the provider */
    ngx_uint_t                   asked;
    ngx_uint_t                   images;
    int64_t                      cost;
} test_cost_t;


typedef struct {
    const char                  *text;
    ngx_int_t                    scale;
    int64_t                      value;     /* -1: refused */
} test_decimal_t;


static void test_decimals(void);
static void test_costs(void);
static void test_reserves(void);
static void test_texts(void);
static void test_list(void);
static void test_bad_lists(void);
static void test_builtin(void);
static ngx_int_t test_read(ngx_llm_price_list_t *list, const char *text,
    ngx_str_t *error);
static const ngx_llm_price_t *test_find(ngx_llm_price_list_t *list,
    const char *name);
static int64_t test_cost(const ngx_llm_price_t *price, int64_t prompt,
    int64_t completion, ngx_uint_t service);


/* $3 and $15; cached 0.30, written 3.75 and 6 */

static const ngx_llm_price_item_t  test_plain[] = {
    { M(3000), 0, 0, NGX_LLM_RATE_INPUT },
    { M(15000), 0, 0, NGX_LLM_RATE_OUTPUT },
    { M(300), 0, 0, NGX_LLM_RATE_CACHED },
    { M(3750), 0, 0, NGX_LLM_RATE_CACHE_WRITE },
    { M(6000), 0, 0, NGX_LLM_RATE_CACHE_WRITE_1H },
    { M(6000), 200000, 0, NGX_LLM_RATE_INPUT },
    { M(22500), 200000, 0, NGX_LLM_RATE_OUTPUT },
    END
};

/* everything has its own */

static const ngx_llm_price_item_t  test_all[] = {
    { M(1000), 0, 0, NGX_LLM_RATE_INPUT },
    { M(2000), 0, 0, NGX_LLM_RATE_OUTPUT },
    { M(100), 0, 0, NGX_LLM_RATE_CACHED },
    { M(1250), 0, 0, NGX_LLM_RATE_CACHE_WRITE },
    { M(2500), 0, 0, NGX_LLM_RATE_CACHE_WRITE_1H },
    { M(7000), 0, 0, NGX_LLM_RATE_REASONING },
    { M(40000), 0, 0, NGX_LLM_RATE_AUDIO_INPUT },
    { M(80000), 0, 0, NGX_LLM_RATE_AUDIO_OUTPUT },
    { 10000000000000LL, 0, 0, NGX_LLM_RATE_REQUEST },       /* 1 cent */
    { 2000000000000LL, 0, 0, NGX_LLM_RATE_IMAGE },          /* 0.2 cent */
    END
};

static const ngx_llm_price_item_t  test_tiers[] = {
    { M(2000), 0, 0, NGX_LLM_RATE_INPUT },
    { M(8000), 0, 0, NGX_LLM_RATE_OUTPUT },
    { M(4000), 0, P, NGX_LLM_RATE_INPUT },
    { M(16000), 0, P, NGX_LLM_RATE_OUTPUT },
    { M(1000), 0, F, NGX_LLM_RATE_INPUT },
    { M(4000), 0, F, NGX_LLM_RATE_OUTPUT },
    { M(1000), 0, B, NGX_LLM_RATE_INPUT },
    { M(3000), 128000, 0, NGX_LLM_RATE_INPUT },
    { M(5000), 256000, 0, NGX_LLM_RATE_INPUT },
    { M(9000), 256000, P, NGX_LLM_RATE_INPUT },
    END
};

/* 0.0375 and 0.15 dollars for a million: parts of a nanodollar */

static const ngx_llm_price_item_t  test_small[] = {
    { 37500000LL, 0, 0, NGX_LLM_RATE_INPUT },
    { 150000000LL, 0, 0, NGX_LLM_RATE_OUTPUT },
    END
};

static const ngx_llm_price_item_t  test_femto[] = {
    { 499999LL, 0, 0, NGX_LLM_RATE_INPUT },
    { 1LL, 0, 0, NGX_LLM_RATE_OUTPUT },
    END
};

static const ngx_llm_price_item_t  test_dear[] = {
    { NGX_LLM_PRICE_MAX_RATE - 1, 0, 0, NGX_LLM_RATE_INPUT },
    { NGX_LLM_PRICE_MAX_RATE - 1, 0, 0, NGX_LLM_RATE_OUTPUT },
    END
};

static const ngx_llm_price_item_t  test_none[] = { END };


static const test_cost_t  test_cost_cases[] = {

    { "1000 in, 500 out: 3,000 + 7,500 millionths", test_plain,
      { 1000, X, X, X, X, 500, X, X }, 0, 0, 0, 10500000 },

    { "nothing is known", test_plain,
      { X, X, X, X, X, X, X, X }, 0, 0, 0, 0 },

    { "cached: 600 * 3 + 400 * 0.3", test_plain,
      { 1000, 400, X, X, X, 0, X, X }, 0, 0, 0, 1920000 },

    { "written: 500 * 3 + 200 * 0.3 + 100 * 3.75 + 200 * 6", test_plain,
      { 1000, 200, 300, 200, X, 0, X, X }, 0, 0, 0, 3135000 },

    { "more cached than there is", test_plain,
      { 1000, 5000, X, X, X, 0, X, X }, 0, 0, 0, 300000 },

    { "cached and written are more than the prompt: 900, 100", test_plain,
      { 1000, 900, 900, 900, X, 0, X, X }, 0, 0, 0, 870000 },

    { "more written for an hour than written", test_plain,
      { 1000, 0, 100, 700, X, 0, X, X }, 0, 0, 0, 3300000 },

    { "200,000 is not above", test_plain,
      { 200000, X, X, X, X, 1, X, X }, 0, 0, 0, 600015000 },

    { "200,001 is, all of it, the answer too", test_plain,
      { 200001, X, X, X, X, 1, X, X }, 0, 0, 0, 1200028500 },

    { "cached tokens count for the tier; their price stays", test_plain,
      { 200001, 200000, X, X, X, 0, X, X }, 0, 0, 0, 60006000 },

    { "all kinds: 250 * 1 + 300 * 0.1 + 50 * 1.25 + 100 * 2.5 + 300 * 40 "
      "+ 100 * 2 + 60 * 7 + 40 * 80 + 0.01 + 3 * 0.002", test_all,
      { 1000, 300, 150, 100, 300, 200, 60, 40 }, 0, 0, 3,
      250000 + 30000 + 62500 + 250000 + 12000000 + 200000 + 420000 + 3200000
      + 10000000 + 6000000 },

    { "more reasoning than completion", test_all,
      { 0, X, X, X, X, 10, 50, 50 }, 0, 0, 0, 70000 + 10000000 },

    { "a request alone", test_all,
      { X, X, X, X, X, X, X, X }, 0, 0, 0, 10000000 },

    { "reasoning and audio without prices of their own", test_plain,
      { 100, X, X, X, 50, 100, 40, 40 }, 0, 0, 9, 300000 + 1500000 },

    { "standard", test_tiers,
      { 1000, X, X, X, X, 100, X, X }, S, P, 0, 2800000 },

    { "priority, asked for", test_tiers,
      { 1000, X, X, X, X, 100, X, X }, 0, P, 0, 5600000 },

    { "flex, said by the provider", test_tiers,
      { 1000, X, X, X, X, 100, X, X }, F, P, 0, 1400000 },

    { "batch has no price for output: the standard one", test_tiers,
      { 1000, X, X, X, X, 100, X, X }, B, 0, 0, 1800000 },

    { "above 128k, flex has no price of its own there", test_tiers,
      { 128001, X, X, X, X, 0, X, X }, F, 0, 0, 384003000 },

    { "above 256k", test_tiers,
      { 256001, X, X, X, X, 0, X, X }, 0, 0, 0, 1280005000 },

    { "above 256k, priority", test_tiers,
      { 256001, X, X, X, X, 0, X, X }, P, 0, 0, 2304009000 },

    { "37.5 nanodollars are 38", test_small,
      { 1, X, X, X, X, 0, X, X }, 0, 0, 0, 38 },

    { "two are 75: the sum is rounded, not its parts", test_small,
      { 2, X, X, X, X, 0, X, X }, 0, 0, 0, 75 },

    { "37.5 + 150", test_small,
      { 1, X, X, X, X, 1, X, X }, 0, 0, 0, 188 },

    { "3 * 37.5 = 112.5", test_small,
      { 3, X, X, X, X, 0, X, X }, 0, 0, 0, 113 },

    { "0.499999 nanodollars are 0", test_femto,
      { 1, X, X, X, X, 0, X, X }, 0, 0, 0, 0 },

    { "0.500000 are 1", test_femto,
      { 1, X, X, X, X, 1, X, X }, 0, 0, 0, 1 },

    { "0.999998 are 1", test_femto,
      { 2, X, X, X, X, 0, X, X }, 0, 0, 0, 1 },

    { "large counts: 10^9 * 0.0375", test_small,
      { 1000000000, X, X, X, X, 0, X, X }, 0, 0, 0, 37500000000LL },

    { "more than can be said", test_dear,
      { 1000000000000000000LL, X, X, X, X, 1000000000000000000LL, X, X },
      0, 0, 0, INT64_MAX },

    { "no price", test_none,
      { 1000, X, X, X, X, 1000, X, X }, 0, 0, 1, 0 }
};


static const test_decimal_t  test_decimal_cases[] = {
    { "0", 15, 0 },
    { "0.0", 15, 0 },
    { "0e5", 15, 0 },
    { "0e-99999999999", 15, 0 },
    { "3", 9, 3000000000LL },
    { "2.5", 9, 2500000000LL },
    { "0.0375", 9, 37500000LL },
    { ".5", 9, 500000000LL },
    { "5.", 9, 5000000000LL },
    { "1.5e-07", 15, 150000000LL },
    { "1.5E-07", 15, 150000000LL },
    { "0.00000015", 15, 150000000LL },
    { "15e-8", 15, 150000000LL },
    { "1.5e+1", 9, 15000000000LL },
    { "3e-06", 15, 3000000000LL },
    { "2.0345052083E-9", 15, 2034505 },
    { "0.0000029999900000000002", 15, 2999990000LL },
    { "3.0001999999999996E-7", 15, 300020000LL },
    { "1e-15", 15, 1 },
    { "5e-16", 15, 1 },
    { "4.9999999999999999e-16", 15, 0 },
    { "1e-16", 15, 0 },
    { "1e-99999999999999999999", 15, 0 },
    { "999", 15, 999000000000000000LL },
    { "999.999999999999999", 15, 999999999999999999LL },
    { "1000", 15, -1 },
    { "999.9999999999999999", 15, 999999999999999999LL },
    { "999999999", 9, 999999999000000000LL },
    { "1000000000", 9, -1 },
    { "1e99999999999999999999", 15, -1 },
    { "100000000000000000000000000000", 0, -1 },
    { "000000000000000000000000000001", 0, 1 },
    { "256000.0", 0, 256000 },
    { "", 15, -1 },
    { ".", 15, -1 },
    { "e5", 15, -1 },
    { "1e", 15, -1 },
    { "1e-", 15, -1 },
    { "1e+", 15, -1 },
    { "-1", 15, -1 },
    { "+1", 15, -1 },
    { "1,5", 15, -1 },
    { "1.2.3", 15, -1 },
    { "$3", 15, -1 },
    { "3 ", 15, -1 },
    { "0x10", 15, -1 },
    { "1e5x", 15, -1 },
    { "nan", 15, -1 },
    { "inf", 15, -1 }
};


int
main(void)
{
    test_decimals();
    test_costs();
    test_reserves();
    test_texts();
    test_list();
    test_bad_lists();
    test_builtin();

    return test_done("price");
}


static void
test_decimals(void)
{
    int64_t                value;
    ngx_int_t              rc;
    ngx_str_t              text;
    ngx_uint_t             i;
    const test_decimal_t  *c;

    for (i = 0; i < sizeof(test_decimal_cases) / sizeof(test_decimal_t); i++)
    {
        c = &test_decimal_cases[i];

        test_reset();
        test_case = c->text;

        text = test_string(c->text);
        value = -1;

        rc = ngx_llm_price_decimal(&text, c->scale, &value);

        test_int(rc, c->value == -1 ? NGX_DECLINED : NGX_OK);
        test_int(value, c->value);
    }
}


static void
test_costs(void)
{
    ngx_uint_t          i;
    ngx_llm_price_t     price;
    ngx_llm_usage_t     usage;
    const test_cost_t  *c;

    for (i = 0; i < sizeof(test_cost_cases) / sizeof(test_cost_t); i++) {
        c = &test_cost_cases[i];

        test_case = c->name;

        ngx_memzero(&price, sizeof(ngx_llm_price_t));
        price.items = c->items;

        ngx_llm_usage_init(&usage);

        usage.prompt = c->n[0];
        usage.cached = c->n[1];
        usage.cache_write = c->n[2];
        usage.cache_write_1h = c->n[3];
        usage.audio_prompt = c->n[4];
        usage.completion = c->n[5];
        usage.reasoning = c->n[6];
        usage.audio_completion = c->n[7];
        usage.service = c->said;

        test_int(ngx_llm_price_cost(&price, &usage, c->asked, c->images),
                 c->cost);
    }
}


static void
test_reserves(void)
{
    ngx_str_t            text;
    ngx_llm_chat_t       chat;
    ngx_llm_part_t      *part;
    ngx_llm_price_t      price;
    ngx_llm_message_t   *message;

    test_reset();

    ngx_memzero(&price, sizeof(ngx_llm_price_t));

    test_case = "plain text";
    price.items = test_plain;

    test_int(ngx_llm_price_reserve(&price, 1000, 500, NULL), 10500000);
    test_int(ngx_llm_price_reserve(&price, -1, -1, NULL), 0);

    test_case = "the tier that will apply";

    test_int(ngx_llm_price_reserve(&price, 200000, 0, NULL), 600000000);
    test_int(ngx_llm_price_reserve(&price, 200001, 0, NULL), 1200006000);

    test_case = "more than can be said";
    price.items = test_dear;

    test_int(ngx_llm_price_reserve(&price, INT64_MAX, INT64_MAX, NULL),
             INT64_MAX);

    test_case = "reasoning is dearer; a request has its price";
    price.items = test_all;

    test_int(ngx_llm_price_reserve(&price, 1000, 100, NULL),
             1000000 + 700000 + 10000000);

    test_case = "a chat that writes a cache, with a picture and sound";

    text = test_string("{\"service_tier\":\"priority\","
                       "\"mark\":{\"type\":\"ephemeral\"},"
                       "\"hour\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}");

    ngx_llm_chat_init(&chat, test_pool, &text);
    chat.root = ngx_llm_json_parse(test_pool, &text, NULL);

    message = ngx_llm_chat_add_message(&chat, NGX_LLM_ROLE_USER, NULL);
    part = ngx_llm_chat_add_part(test_pool, &message->parts,
                                 NGX_LLM_PART_TEXT);

    test_int(ngx_llm_price_reserve(&price, 1000, 0, &chat),
             1000000 + 10000000);

    part->cache_control = ngx_llm_json_get(chat.root, "mark");

    test_int(ngx_llm_price_reserve(&price, 1000, 0, &chat),
             1250000 + 10000000);

    message->cache_control = ngx_llm_json_get(chat.root, "hour");

    test_int(ngx_llm_price_reserve(&price, 1000, 0, &chat),
             2500000 + 10000000);

    part = ngx_llm_chat_add_part(test_pool, &message->parts,
                                 NGX_LLM_PART_IMAGE);
    chat.has_images = 1;

    test_int(ngx_llm_price_reserve(&price, 1000, 0, &chat),
             2500000 + 10000000 + 2000000);

    part = ngx_llm_chat_add_part(test_pool, &message->parts,
                                 NGX_LLM_PART_AUDIO);

    test_int(ngx_llm_price_reserve(&price, 1000, 0, &chat),
             40000000 + 10000000 + 2000000);

    test_ok(part != NULL);

    test_case = "the tier of service that is asked for";
    price.items = test_tiers;
    chat.param[NGX_LLM_PARAM_SERVICE_TIER] = ngx_llm_json_get(chat.root,
                                                            "service_tier");

    test_int(ngx_llm_price_reserve(&price, 1000, 100, &chat), 5600000);
    test_int(ngx_llm_price_reserve(&price, 1000, 100, NULL), 2800000);
}


static void
test_texts(void)
{
    u_char      buf[NGX_LLM_PRICE_LEN];
    ngx_str_t   s;
    ngx_uint_t  i;

    static struct {
        int64_t      cost;
        const char  *text;
    } cases[] = {
        { 0, "0.000000000" },
        { 1, "0.000000001" },
        { 10500000, "0.010500000" },
        { 1000000000, "1.000000000" },
        { 123456789012LL, "123.456789012" },
        { INT64_MAX, "9223372036.854775807" },
        { -5, "0.000000000" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_case = cases[i].text;

        s.data = buf;
        s.len = ngx_llm_price_text(buf, cases[i].cost) - buf;

        test_str(s, cases[i].text);
    }

    test_case = "words of tiers";

    s = test_string("default");
    test_int(ngx_llm_price_service(&s), S);
    s = test_string("priority");
    test_int(ngx_llm_price_service(&s), P);
    s = test_string("flex");
    test_int(ngx_llm_price_service(&s), F);
    s = test_string("batch");
    test_int(ngx_llm_price_service(&s), B);
    s = test_string("auto");
    test_int(ngx_llm_price_service(&s), 0);
}


static ngx_int_t
test_read(ngx_llm_price_list_t *list, const char *text, ngx_str_t *error)
{
    ngx_str_t  s;

    test_reset();
    test_case = text;

    s = test_string(text);
    ngx_str_null(error);

    return ngx_llm_price_list_read(list, test_pool, test_pool, &s, error);
}


static const ngx_llm_price_t *
test_find(ngx_llm_price_list_t *list, const char *name)
{
    ngx_str_t  s;

    s = test_string(name);

    return list ? ngx_llm_price_list_find(list, &s) : ngx_llm_prices_find(&s);
}


static int64_t
test_cost(const ngx_llm_price_t *price, int64_t prompt, int64_t completion,
    ngx_uint_t service)
{
    ngx_llm_usage_t  usage;

    if (price == NULL) {
        return -1;
    }

    ngx_llm_usage_init(&usage);

    usage.prompt = prompt;
    usage.completion = completion;

    return ngx_llm_price_cost(price, &usage, service, 0);
}


static void
test_list(void)
{
    ngx_str_t               error;
    ngx_llm_usage_t         usage;
    ngx_llm_price_list_t    list;
    const ngx_llm_price_t  *price;

    static const char  text[] =
        "{\"sample_spec\": {\"input_cost_per_token\": \"a number\"},\n"
        "\"fallback_generalizations\": {\"rules\": []},\n"
        "\"one\": {\"mode\": \"chat\", \"max_input_tokens\": 200000.0,\n"
        " \"max_output_tokens\": \"?\", \"max_tokens\": 5,\n"
        " \"input_cost_per_token\": 3e-06, \"output_cost_per_token\": 1.5e-05,"
        " \"cache_read_input_token_cost\": 3e-07,"
        " \"cache_creation_input_token_cost\": 3.75e-06,"
        " \"cache_creation_input_token_cost_above_1hr\": 6e-06,"
        " \"input_cost_per_token_above_200k_tokens\": 6e-06,"
        " \"input_cost_per_token_batches\": 1.5e-06,"
        " \"input_cost_per_token_above_200k_tokens_priority\": 9e-06,"
        " \"cache_creation_input_token_cost_above_1hr_above_200k_tokens\":"
        " 1.2e-05,"
        " \"input_cost_per_token_something\": 1, \"input_cost_per_second\": 1,"
        " \"output_cost_per_image\": 0.04,"
        " \"output_cost_per_token_flex\": null},\n"
        "\"tiered\": {\"mode\": \"chat\", \"tiered_pricing\": ["
        " {\"range\": [0, 256000.0], \"input_cost_per_token\": 1e-06,"
        "  \"output_cost_per_token\": 2e-06},"
        " {\"range\": [256000.0, 1e6], \"input_cost_per_token\": 3e-06,"
        "  \"output_cost_per_token\": 4e-06}]},\n"
        "\"thinks\": {\"input_cost_per_token\": 0,"
        " \"output_cost_per_token\": 1e-06,"
        " \"output_cost_per_reasoning_token\": 1e-06,"
        " \"output_cost_per_token_above_128k_tokens\": 5e-06},\n"
        "\"half\": {\"mode\": \"chat\", \"input_cost_per_token\": 1e-06,"
        " \"max_input_tokens\": 4096, \"max_output_tokens\": 1000},\n"
        "\"embeds\": {\"mode\": \"embedding\","
        " \"input_cost_per_token\": 2e-08},\n"
        "\"seconds\": {\"mode\": \"audio_transcription\","
        " \"input_cost_per_second\": 0.0001},\n"
        "\"free\": {\"mode\": \"chat\", \"input_cost_per_token\": 0,"
        " \"output_cost_per_token\": 0.0},\n"
        "\"ranks\": {\"mode\": \"rerank\", \"input_cost_per_query\": 0.002},\n"
        "\"paints\": {\"mode\": \"image_generation\","
        " \"output_cost_per_image\": 0.04},\n"
        "\"draws\": {\"mode\": \"image_generation\","
        " \"input_cost_per_token\": 5e-06,"
        " \"output_cost_per_image_token\": 4e-05},\n"
        "\"twice\": {\"input_cost_per_token\": 1e-06,"
        " \"output_cost_per_token\": 1e-06},\n"
        "\"twice\": {\"input_cost_per_token\": 2e-06,"
        " \"output_cost_per_token\": 1e-06}}";

    test_int(test_read(&list, text, &error), NGX_OK);

    test_case = "list";
    test_int(list.n, 11);
    test_int(list.priced, 9);

    price = test_find(&list, "one");

    if (!test_ok(price != NULL)) {
        return;
    }

    test_ok(ngx_llm_price_known(price));
    test_int(price->context, 200000);
    test_int(price->max_input, 200000);
    test_int(price->max_output, 0);

    test_int(test_cost(price, 1000, 500, 0), 10500000);
    test_int(test_cost(price, 200001, 0, 0), 1200006000);
    test_int(test_cost(price, 200001, 0, P), 1800009000);
    test_int(test_cost(price, 1000, 0, B), 1500000);
    test_int(test_cost(price, 0, 100, F), 1500000);
    test_int(ngx_llm_price_rate(price, NGX_LLM_RATE_IMAGE, 0, 0), -1);

    ngx_llm_usage_init(&usage);
    usage.prompt = 300000;
    usage.cache_write = 2000;
    usage.cache_write_1h = 1000;

    /* 298,000 * 6 + 1,000 * 3.75 + 1,000 * 12 */
    test_int(ngx_llm_price_cost(price, &usage, 0, 0), 1803750000);

    price = test_find(&list, "tiered");
    test_int(test_cost(price, 256000, 1, 0), 256002000);
    test_int(test_cost(price, 256001, 1, 0), 768007000);

    ngx_llm_usage_init(&usage);
    usage.prompt = 128001;
    usage.completion = 10;
    usage.reasoning = 10;

    test_int(ngx_llm_price_cost(test_find(&list, "thinks"), &usage, 0, 0),
             50000);

    price = test_find(&list, "half");
    test_ok(price && !ngx_llm_price_known(price));
    test_int(price->context, 4096);
    test_int(price->max_output, 1000);

    test_int(test_cost(test_find(&list, "embeds"), 1000, 0, 0), 20000);

    price = test_find(&list, "seconds");
    test_ok(price && !ngx_llm_price_known(price));

    price = test_find(&list, "free");
    test_ok(price && ngx_llm_price_known(price));
    test_int(test_cost(price, 1000, 1000, 0), 0);

    test_int(test_cost(test_find(&list, "ranks"), 0, 0, 0), 2000000);

    price = test_find(&list, "paints");
    ngx_llm_usage_init(&usage);
    test_int(ngx_llm_price_cost(price, &usage, 0, 2), 80000000);

    test_int(test_cost(test_find(&list, "draws"), 100, 10, 0), 900000);
    test_int(test_cost(test_find(&list, "twice"), 1000, 0, 0), 2000000);

    test_ok(test_find(&list, "sample_spec") == NULL);
    test_ok(test_find(&list, "fallback_generalizations") == NULL);
    test_ok(test_find(&list, "on") == NULL);
    test_ok(test_find(&list, "") == NULL);
}


static void
test_bad_lists(void)
{
    ngx_str_t             error;
    ngx_uint_t            i;
    ngx_llm_price_list_t  list;

    static struct {
        const char  *text;
        const char  *error;     /* NULL: whatever the JSON reader says */
    } cases[] = {
        { "", NULL },
        { "{\"a\": {}", NULL },
        { "{\"a\": {\"input_cost_per_token\": 1e}}", NULL },
        { "[]", "it is no JSON object" },
        { "{}", "it has no prices" },
        { "{\"a\": {\"mode\": \"chat\"}}", "it has no prices" },
        { "{\"a\": 1}", "\"a\" must be an object, not 1, line 1" },
        { "{\n\"a\": {\n\"input_cost_per_token\": \"3e-06\"}}",
          "\"a\": \"input_cost_per_token\" must be a price from 0 to 999 "
          "dollars, not \"3e-06\", line 3" },
        { "{\"a\": {\"output_cost_per_token_flex\": -1}}",
          "\"a\": \"output_cost_per_token_flex\" must be a price from 0 to "
          "999 dollars, not -1, line 1" },
        { "{\"a\": {\"output_cost_per_token\": 1000}}",
          "\"a\": \"output_cost_per_token\" must be a price from 0 to 999 "
          "dollars, not 1000, line 1" },
        { "{\"a\": {\"output_cost_per_token\": true}}",
          "\"a\": \"output_cost_per_token\" must be a price from 0 to 999 "
          "dollars, not true, line 1" },
        { "{\"a\": {\"tiered_pricing\": [{\"range\": [\"x\"]}]}}",
          "\"a\": \"range\" must begin with a number of tokens, not [\"x\"], "
          "line 1" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        test_int(test_read(&list, cases[i].text, &error), NGX_DECLINED);

        if (cases[i].error) {
            test_str(error, cases[i].error);

        } else {
            test_ok(error.len != 0);
        }
    }
}


/* what the tables say is of one day; how they are made is not */

static void
test_builtin(void)
{
    ngx_str_t               name, *provider;
    ngx_uint_t              i, n;
    const ngx_llm_price_t  *price;

    static struct {
        const ngx_llm_price_t  *prices;
        const ngx_uint_t       *n;
    } tables[] = {
        { ngx_llm_prices_openai, &ngx_llm_prices_openai_n },
        { ngx_llm_prices_anthropic, &ngx_llm_prices_anthropic_n },
        { ngx_llm_prices_google, &ngx_llm_prices_google_n },
        { ngx_llm_prices_others, &ngx_llm_prices_others_n }
    };

    test_reset();
    test_case = "built-in list";

    for (n = 0; n < 4; n++) {
        test_ok(*tables[n].n > 100);

        for (i = 0; i < *tables[n].n; i++) {
            price = &tables[n].prices[i];
            name = price->name;

            test_case = (char *) name.data;

            test_ok(ngx_llm_prices_find(&name) == price);
            test_ok(ngx_llm_price_known(price));
        }
    }

    test_case = "gpt-4o: 2.50, 10, cached 1.25; priority 4.25, 17";
    price = test_find(NULL, "gpt-4o");

    if (!test_ok(price != NULL)) {
        return;
    }

    test_int(test_cost(price, 1000, 100, 0), 3500000);
    test_int(test_cost(price, 1000, 100, P), 5950000);
    test_int(price->context, 128000);
    test_int(price->max_output, 16384);

    test_case = "claude-sonnet-4-5: 3, 15; above 200k 6, 22.50";
    price = test_find(NULL, "claude-sonnet-4-5");
    test_int(test_cost(price, 1000, 100, 0), 4500000);
    test_int(test_cost(price, 300000, 100, 0), 1802250000);

    test_case = "names";
    test_ok(test_find(NULL, "azure/gpt-4o") != NULL);
    test_ok(test_find(NULL, "gemini/gemini-2.5-pro") != NULL);
    test_ok(test_find(NULL, "text-embedding-3-small") != NULL);
    test_ok(test_find(NULL, "gpt-4") != NULL);
    test_ok(test_find(NULL, "gpt-") == NULL);
    test_ok(test_find(NULL, "") == NULL);
    test_ok(test_find(NULL, "zzzz") == NULL);

    name = test_string("vertex_ai_anthropic");
    provider = ngx_llm_prices_provider(&name);
    test_str(*provider, "vertex_ai");

    name = test_string("groq");
    provider = ngx_llm_prices_provider(&name);
    test_str(*provider, "groq");
}
