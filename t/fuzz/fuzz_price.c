
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Any text as a price list, as a decimal number, and as an answer whose usage
 * gets its cost.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ngx_llm_price.h"


#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_decimal(ngx_str_t *text, ngx_int_t scale);
static void fuzz_list(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_price(const ngx_llm_price_t *price);
static void fuzz_insert(ngx_pool_t *pool, ngx_str_t *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t    text;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    text.data = (u_char *) data;
    text.len = size;

    fuzz_decimal(&text, NGX_LLM_PRICE_EACH);
    fuzz_decimal(&text, NGX_LLM_PRICE_MILLION);
    fuzz_decimal(&text, 0);

    fuzz_list(pool, &text);
    fuzz_insert(pool, &text);

    ngx_destroy_pool(pool);

    return 0;
}


/* the C library thinks the same of it, as far as its numbers go */

static void
fuzz_decimal(ngx_str_t *text, ngx_int_t scale)
{
    char         buf[512], *end;
    int64_t      value;
    ngx_int_t    rc;
    long double  want;

    value = -1;
    rc = ngx_llm_price_decimal(text, scale, &value);

    if (rc == NGX_OK) {
        fuzz_assert(value >= 0 && value < NGX_LLM_PRICE_MAX_RATE);

    } else {
        fuzz_assert(rc == NGX_DECLINED && value == -1);
    }

    if (text->len >= sizeof(buf)) {
        return;
    }

    ngx_memcpy(buf, text->data, text->len);
    buf[text->len] = '\0';

    if (rc == NGX_OK) {
        want = strtold(buf, &end);

        fuzz_assert(end == buf + text->len);

        want *= powl(10, scale);

        fuzz_assert(fabsl((long double) value - want) <= 0.5L + want * 1e-15L);
    }
}


static void
fuzz_list(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_int_t              rc;
    ngx_str_t              error;
    ngx_uint_t             i, n, priced;
    ngx_llm_price_list_t   list;

    ngx_str_null(&error);

    rc = ngx_llm_price_list_read(&list, pool, pool, text, &error);

    if (rc == NGX_DECLINED) {
        fuzz_assert(error.len != 0);
        return;
    }

    fuzz_assert(rc == NGX_OK && list.priced > 0);

    n = 0;
    priced = 0;

    for (i = 0; i < list.size; i++) {

        if (list.table[i] == NULL) {
            continue;
        }

        fuzz_assert(ngx_llm_price_list_find(&list,
                                         (ngx_str_t *) &list.table[i]->name)
                    == list.table[i]);

        n++;
        priced += ngx_llm_price_known(list.table[i]);

        fuzz_price(list.table[i]);
    }

    fuzz_assert(n == list.n && priced == list.priced);
}


/* more tokens never cost less within a tier, a reservation never less */

static void
fuzz_price(const ngx_llm_price_t *price)
{
    int64_t          cost, more;
    ngx_uint_t       service;
    ngx_llm_usage_t  usage;

    for (service = 0; service <= NGX_LLM_SERVICE_BATCH; service++) {

        ngx_llm_usage_init(&usage);

        usage.prompt = 1000;
        usage.completion = 500;

        cost = ngx_llm_price_cost(price, &usage, service, 1);

        usage.completion = 501;

        more = ngx_llm_price_cost(price, &usage, service, 1);

        fuzz_assert(cost >= 0 && more >= cost);

        usage.prompt = INT64_MAX;
        usage.cached = 5;
        usage.cache_write = INT64_MAX;
        usage.cache_write_1h = 7;
        usage.reasoning = INT64_MAX;

        fuzz_assert(ngx_llm_price_cost(price, &usage, service, 9) >= 0);
    }

    ngx_llm_usage_init(&usage);

    usage.prompt = 300000;
    usage.completion = 500;

    fuzz_assert(ngx_llm_price_reserve(price, 300000, 500, NULL)
                >= ngx_llm_price_cost(price, &usage, 0, 0));
}


/* what comes out is JSON again, with the cost in it, and else as it was */

static void
fuzz_insert(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_int_t        rc;
    ngx_str_t        again;
    ngx_llm_out_t    out, twice;
    ngx_llm_json_t  *root, *cost;

    ngx_llm_out_init(&out, pool, NULL, 0, text->len + 64);

    rc = ngx_llm_price_insert(pool, text, 1234567890, &out);

    if (rc == NGX_DECLINED) {
        fuzz_assert(ngx_llm_out_len(&out) == 0);
        return;
    }

    fuzz_assert(rc == NGX_OK);

    again.data = out.start;
    again.len = ngx_llm_out_len(&out);

    root = ngx_llm_json_parse(pool, &again, NULL);
    fuzz_assert(root != NULL);

    cost = ngx_llm_json_get(ngx_llm_json_get(root, "usage"), "cost");

    fuzz_assert(cost != NULL
                && cost->raw.len == sizeof("1.234567890") - 1
                && ngx_strncmp(cost->raw.data, "1.234567890", cost->raw.len)
                   == 0);

    ngx_llm_out_init(&twice, pool, NULL, 0, again.len + 64);

    fuzz_assert(ngx_llm_price_insert(pool, &again, 1234567890, &twice)
                == NGX_OK);
    fuzz_assert(ngx_llm_out_len(&twice) == again.len
                && ngx_memcmp(twice.start, again.data, again.len) == 0);
}
