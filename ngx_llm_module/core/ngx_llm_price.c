
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_price.h"


/* femtodollars in a nanodollar */
#define NGX_LLM_PRICE_UNIT    1000000

/* no count is larger: times a rate's rest below the unit it fits */
#define NGX_LLM_PRICE_COUNT   (1LL << 40)

/* digits that are looked at: what is behind is below any rate's unit */
#define NGX_LLM_PRICE_DIGITS  18

#define ngx_llm_price_bit(id)  ((ngx_uint_t) 1 << (id))


typedef struct {
    int64_t                 nano;
    int64_t                 rest;       /* femtodollars, below the unit */
} ngx_llm_price_sum_t;


/* tokens of a request, each charged once */

typedef struct {
    int64_t                 count[NGX_LLM_RATES];
} ngx_llm_price_counts_t;


static u_char *ngx_llm_price_exponent(u_char *p, u_char *last,
    ngx_int_t *exponent);
static ngx_int_t ngx_llm_price_round(int64_t digits, ngx_int_t exponent,
    int64_t *value);
static void ngx_llm_price_counts(ngx_llm_usage_t *usage, ngx_uint_t images,
    ngx_llm_price_counts_t *counts);
static int64_t ngx_llm_price_part(int64_t n, int64_t *whole);
static int64_t ngx_llm_price_find_rate(const ngx_llm_price_t *price,
    ngx_uint_t id, int64_t prompt, ngx_uint_t service);
static ngx_uint_t ngx_llm_price_chat_input(const ngx_llm_price_t *price,
    ngx_llm_chat_t *chat);
static ngx_uint_t ngx_llm_price_mark(ngx_llm_json_t *node);
static int64_t ngx_llm_price_dearest(const ngx_llm_price_t *price,
    ngx_uint_t ids, int64_t prompt, ngx_uint_t service);
static void ngx_llm_price_add(ngx_llm_price_sum_t *sum, int64_t rate,
    int64_t n);
static int64_t ngx_llm_price_total(ngx_llm_price_sum_t *sum);


/* what a rate is where it is not given */

static const ngx_uint_t  ngx_llm_price_else[] = {
    NGX_LLM_RATES,                  /* INPUT */
    NGX_LLM_RATES,                  /* OUTPUT */
    NGX_LLM_RATE_INPUT,             /* CACHED */
    NGX_LLM_RATE_INPUT,             /* CACHE_WRITE */
    NGX_LLM_RATE_CACHE_WRITE,       /* CACHE_WRITE_1H */
    NGX_LLM_RATE_OUTPUT,            /* REASONING */
    NGX_LLM_RATE_INPUT,             /* AUDIO_INPUT */
    NGX_LLM_RATE_OUTPUT,            /* AUDIO_OUTPUT */
    NGX_LLM_RATES,                  /* REQUEST */
    NGX_LLM_RATES                   /* IMAGE */
};


ngx_int_t
ngx_llm_price_decimal(ngx_str_t *text, ngx_int_t scale, int64_t *value)
{
    u_char     *p, *last;
    int64_t     digits;
    ngx_int_t   exponent, e;
    ngx_uint_t  n, seen, point;

    p = text->data;
    last = p + text->len;

    digits = 0;
    exponent = 0;
    n = 0;
    seen = 0;
    point = 0;

    for ( /* void */ ; p < last; p++) {

        if (*p == '.' && !point) {
            point = 1;
            continue;
        }

        if (*p < '0' || *p > '9') {
            break;
        }

        seen = 1;

        if (n == NGX_LLM_PRICE_DIGITS) {
            exponent += !point;
            continue;
        }

        digits = digits * 10 + (*p - '0');
        n += (digits != 0);
        exponent -= point;
    }

    if (!seen) {
        return NGX_DECLINED;
    }

    if (p < last) {
        p = ngx_llm_price_exponent(p, last, &e);

        if (p != last) {
            return NGX_DECLINED;
        }

        exponent += e;
    }

    return ngx_llm_price_round(digits, exponent + scale, value);
}


/* "e-07": NULL if it is none */

static u_char *
ngx_llm_price_exponent(u_char *p, u_char *last, ngx_int_t *exponent)
{
    ngx_int_t   e;
    ngx_uint_t  minus;

    if ((*p | 0x20) != 'e' || ++p == last) {
        return NULL;
    }

    minus = (*p == '-');

    if ((*p == '-' || *p == '+') && ++p == last) {
        return NULL;
    }

    for (e = 0; p < last && *p >= '0' && *p <= '9'; p++) {
        e = ngx_min(e * 10 + (*p - '0'), 100000);
    }

    *exponent = minus ? -e : e;

    return p;
}


static ngx_int_t
ngx_llm_price_round(int64_t digits, ngx_int_t exponent, int64_t *value)
{
    ngx_uint_t  half;

    for ( /* void */ ; exponent > 0 && digits; exponent--) {
        if (digits >= NGX_LLM_PRICE_MAX_RATE / 10) {
            return NGX_DECLINED;
        }

        digits *= 10;
    }

    half = 0;

    for ( /* void */ ; exponent < 0 && (digits || half); exponent++) {
        half = (digits % 10 >= 5);
        digits /= 10;
    }

    digits += half;

    if (digits >= NGX_LLM_PRICE_MAX_RATE) {
        return NGX_DECLINED;
    }

    *value = digits;

    return NGX_OK;
}


int64_t
ngx_llm_price_rate(const ngx_llm_price_t *price, ngx_uint_t id,
    int64_t prompt, ngx_uint_t service)
{
    int64_t                      rate;
    uint64_t                     rank, best;
    const ngx_llm_price_item_t  *item;

    rate = -1;
    best = 0;

    for (item = price->items; item->id != NGX_LLM_RATES; item++) {

        if (item->id != id
            || (item->above && prompt <= (int64_t) item->above)
            || (item->service && item->service != service))
        {
            continue;
        }

        rank = (uint64_t) item->above * 2 + (item->service != 0);

        if (rate == -1 || rank >= best) {
            rate = item->rate;
            best = rank;
        }
    }

    return rate;
}


/* the same, or what counts in its place; 0 if that is nothing */

static int64_t
ngx_llm_price_find_rate(const ngx_llm_price_t *price, ngx_uint_t id,
    int64_t prompt, ngx_uint_t service)
{
    int64_t  rate;

    while (id != NGX_LLM_RATES) {

        rate = ngx_llm_price_rate(price, id, prompt, service);

        if (rate != -1) {
            return rate;
        }

        id = ngx_llm_price_else[id];
    }

    return 0;
}


int64_t
ngx_llm_price_cost(const ngx_llm_price_t *price, ngx_llm_usage_t *usage,
    ngx_uint_t service, ngx_uint_t images)
{
    int64_t                 prompt;
    ngx_uint_t              id;
    ngx_llm_price_sum_t     sum;
    ngx_llm_price_counts_t  counts;

    ngx_llm_price_counts(usage, images, &counts);

    prompt = ngx_max(usage->prompt, 0);

    if (usage->service) {
        service = usage->service;
    }

    sum.nano = 0;
    sum.rest = 0;

    for (id = 0; id < NGX_LLM_RATES; id++) {

        if (counts.count[id] == 0) {
            continue;
        }

        ngx_llm_price_add(&sum, ngx_llm_price_find_rate(price, id, prompt,
                                                        service),
                          counts.count[id]);
    }

    return ngx_llm_price_total(&sum);
}


/*
 * The prompt holds what came of a cache and what went into one; sound that
 * came of a cache is charged as that.  The completion holds the reasoning.
 */

static void
ngx_llm_price_counts(ngx_llm_usage_t *usage, ngx_uint_t images,
    ngx_llm_price_counts_t *counts)
{
    int64_t  left, write, *count;

    count = counts->count;

    left = ngx_min(ngx_max(usage->prompt, 0), NGX_LLM_PRICE_COUNT);

    count[NGX_LLM_RATE_CACHED] = ngx_llm_price_part(usage->cached, &left);

    write = ngx_llm_price_part(usage->cache_write, &left);

    count[NGX_LLM_RATE_CACHE_WRITE_1H] =
                            ngx_llm_price_part(usage->cache_write_1h, &write);
    count[NGX_LLM_RATE_CACHE_WRITE] = write;

    count[NGX_LLM_RATE_AUDIO_INPUT] = ngx_llm_price_part(usage->audio_prompt,
                                                         &left);
    count[NGX_LLM_RATE_INPUT] = left;

    left = ngx_min(ngx_max(usage->completion, 0), NGX_LLM_PRICE_COUNT);

    count[NGX_LLM_RATE_REASONING] = ngx_llm_price_part(usage->reasoning,
                                                       &left);
    count[NGX_LLM_RATE_AUDIO_OUTPUT] =
                         ngx_llm_price_part(usage->audio_completion, &left);
    count[NGX_LLM_RATE_OUTPUT] = left;

    count[NGX_LLM_RATE_REQUEST] = 1;
    count[NGX_LLM_RATE_IMAGE] = ngx_min((int64_t) images,
                                        NGX_LLM_PRICE_COUNT);
}


/* takes n out of the whole, as far as it goes */

static int64_t
ngx_llm_price_part(int64_t n, int64_t *whole)
{
    n = ngx_min(ngx_max(n, 0), *whole);

    *whole -= n;

    return n;
}


int64_t
ngx_llm_price_reserve(const ngx_llm_price_t *price, int64_t prompt,
    int64_t output, ngx_llm_chat_t *chat)
{
    int64_t              rate;
    ngx_uint_t           in, out, images, service;
    ngx_llm_price_sum_t  sum;

    service = chat ? ngx_llm_price_chat_service(chat) : 0;
    images = chat ? ngx_llm_price_chat_images(chat) : 0;

    in = ngx_llm_price_chat_input(price, chat);

    out = ngx_llm_price_bit(NGX_LLM_RATE_OUTPUT)
          | ngx_llm_price_bit(NGX_LLM_RATE_REASONING);

    if (chat && chat->param[NGX_LLM_PARAM_AUDIO]) {
        out |= ngx_llm_price_bit(NGX_LLM_RATE_AUDIO_OUTPUT);
    }

    prompt = ngx_min(ngx_max(prompt, 0), NGX_LLM_PRICE_COUNT);
    output = ngx_min(ngx_max(output, 0), NGX_LLM_PRICE_COUNT);

    sum.nano = 0;
    sum.rest = 0;

    rate = ngx_llm_price_dearest(price, in, prompt, service);
    ngx_llm_price_add(&sum, rate, prompt);

    rate = ngx_llm_price_dearest(price, out, prompt, service);
    ngx_llm_price_add(&sum, rate, output);

    rate = ngx_llm_price_find_rate(price, NGX_LLM_RATE_REQUEST, prompt,
                                   service);
    ngx_llm_price_add(&sum, rate, 1);

    rate = ngx_llm_price_find_rate(price, NGX_LLM_RATE_IMAGE, prompt,
                                   service);
    ngx_llm_price_add(&sum, rate, images);

    return ngx_llm_price_total(&sum);
}


/*
 * Rates that tokens of the prompt may meet.  Where a write to a cache has no
 * lifetime to choose it may happen unasked.
 */

static ngx_uint_t
ngx_llm_price_chat_input(const ngx_llm_price_t *price, ngx_llm_chat_t *chat)
{
    ngx_uint_t          rates;
    ngx_llm_tool_t     *tool;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *message;

    rates = ngx_llm_price_bit(NGX_LLM_RATE_INPUT);

    if (ngx_llm_price_rate(price, NGX_LLM_RATE_CACHE_WRITE_1H, 0, 0) == -1) {
        rates |= ngx_llm_price_bit(NGX_LLM_RATE_CACHE_WRITE);
    }

    if (chat == NULL) {
        return rates;
    }

    rates |= ngx_llm_price_mark(chat->param[NGX_LLM_PARAM_CACHE_CONTROL]);

    for (tool = chat->tools; tool; tool = tool->next) {
        rates |= ngx_llm_price_mark(tool->cache_control);
    }

    for (message = chat->messages; message; message = message->next) {

        rates |= ngx_llm_price_mark(message->cache_control);

        for (part = message->parts; part; part = part->next) {

            rates |= ngx_llm_price_mark(part->cache_control);

            if (part->type == NGX_LLM_PART_AUDIO) {
                rates |= ngx_llm_price_bit(NGX_LLM_RATE_AUDIO_INPUT);
            }
        }
    }

    return rates;
}


static ngx_uint_t
ngx_llm_price_mark(ngx_llm_json_t *node)
{
    ngx_str_t   ttl;
    ngx_uint_t  rates;

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        return 0;
    }

    rates = ngx_llm_price_bit(NGX_LLM_RATE_CACHE_WRITE);

    ttl = ngx_llm_json_str(node, "ttl");

    if (ngx_llm_json_is(&ttl, "1h")) {
        rates |= ngx_llm_price_bit(NGX_LLM_RATE_CACHE_WRITE_1H);
    }

    return rates;
}


static int64_t
ngx_llm_price_dearest(const ngx_llm_price_t *price, ngx_uint_t ids,
    int64_t prompt, ngx_uint_t service)
{
    int64_t     rate, best;
    ngx_uint_t  id;

    best = 0;

    for (id = 0; id < NGX_LLM_RATES; id++) {

        if (ids & ngx_llm_price_bit(id)) {
            rate = ngx_llm_price_find_rate(price, id, prompt, service);
            best = ngx_max(best, rate);
        }
    }

    return best;
}


static void
ngx_llm_price_add(ngx_llm_price_sum_t *sum, int64_t rate, int64_t n)
{
    int64_t  nano;

    if (n == 0) {
        return;
    }

    nano = rate / NGX_LLM_PRICE_UNIT;

    if (nano > (INT64_MAX - sum->nano) / n) {
        sum->nano = INT64_MAX;
        return;
    }

    sum->nano += nano * n;
    sum->rest += rate % NGX_LLM_PRICE_UNIT * n;

    nano = sum->rest / NGX_LLM_PRICE_UNIT;
    nano = ngx_min(nano, INT64_MAX - sum->nano);

    sum->nano += nano;
    sum->rest %= NGX_LLM_PRICE_UNIT;
}


static int64_t
ngx_llm_price_total(ngx_llm_price_sum_t *sum)
{
    if (sum->rest >= NGX_LLM_PRICE_UNIT / 2 && sum->nano < INT64_MAX) {
        return sum->nano + 1;
    }

    return sum->nano;
}


ngx_uint_t
ngx_llm_price_service(ngx_str_t *name)
{
    if (ngx_llm_json_is(name, "default")
        || ngx_llm_json_is(name, "standard"))
    {
        return NGX_LLM_SERVICE_STANDARD;
    }

    if (ngx_llm_json_is(name, "priority")) {
        return NGX_LLM_SERVICE_PRIORITY;
    }

    if (ngx_llm_json_is(name, "flex")) {
        return NGX_LLM_SERVICE_FLEX;
    }

    if (ngx_llm_json_is(name, "batch")) {
        return NGX_LLM_SERVICE_BATCH;
    }

    return 0;
}


ngx_uint_t
ngx_llm_price_chat_service(ngx_llm_chat_t *chat)
{
    ngx_str_t        name;
    ngx_llm_json_t  *node;

    node = chat->param[NGX_LLM_PARAM_SERVICE_TIER];

    if (node == NULL || node->type != NGX_LLM_JSON_STRING) {
        return 0;
    }

    name = ngx_llm_json_text(node);

    return ngx_llm_price_service(&name);
}


ngx_uint_t
ngx_llm_price_chat_images(ngx_llm_chat_t *chat)
{
    ngx_uint_t          n;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *message;

    n = 0;

    if (!chat->has_images) {
        return 0;
    }

    for (message = chat->messages; message; message = message->next) {
        for (part = message->parts; part; part = part->next) {
            n += (part->type == NGX_LLM_PART_IMAGE);
        }
    }

    return n;
}


u_char *
ngx_llm_price_text(u_char *p, int64_t cost)
{
    cost = ngx_max(cost, 0);

    return ngx_sprintf(p, "%L.%09L", cost / 1000000000, cost % 1000000000);
}


void
ngx_llm_price_write(ngx_llm_usage_t *usage, ngx_llm_out_t *out)
{
    ngx_str_t  text;
    u_char     buf[NGX_LLM_PRICE_LEN];

    if (usage->cost < 0) {
        return;
    }

    text.data = buf;
    text.len = ngx_llm_price_text(buf, usage->cost) - buf;

    ngx_llm_out_lit(out, ",\"cost\":");
    ngx_llm_out_str(out, &text);
}


ngx_int_t
ngx_llm_price_insert(ngx_pool_t *pool, ngx_str_t *text, int64_t cost,
    ngx_llm_out_t *out)
{
    u_char           *p;
    ngx_str_t         rest;
    ngx_llm_json_t   *usage, *node;
    ngx_llm_usage_t   value;

    usage = ngx_llm_json_get(ngx_llm_json_parse(pool, text, NULL), "usage");

    if (usage == NULL
        || usage->type != NGX_LLM_JSON_OBJECT
        || usage->child == NULL)
    {
        return NGX_DECLINED;
    }

    if (ngx_llm_out_reserve(out, text->len + NGX_LLM_PRICE_LEN + 16)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    node = ngx_llm_json_get(usage, "cost");

    if (node) {

        /* in the provider's own money, or by its own list */

        ngx_llm_out_data(out, text->data, node->raw.data - text->data);
        out->last = ngx_llm_price_text(out->last, cost);

        rest.data = node->raw.data + node->raw.len;

    } else {
        p = usage->raw.data + usage->raw.len - 1;

        ngx_llm_out_data(out, text->data, p - text->data);

        value.cost = cost;
        ngx_llm_price_write(&value, out);

        rest.data = p;
    }

    rest.len = text->data + text->len - rest.data;

    ngx_llm_out_str(out, &rest);

    return out->failed ? NGX_ERROR : NGX_OK;
}
