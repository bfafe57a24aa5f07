
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What a request costs.  A rate is the price of one token, request or image
 * in femtodollars (1e-15 US dollars), a cost is in nanodollars (1e-9).  The
 * counts times their rates are added without loss, and the sum is rounded
 * once, half up, to the nanodollar.  No floating point anywhere.
 */


#ifndef _NGX_LLM_PRICE_H_INCLUDED_
#define _NGX_LLM_PRICE_H_INCLUDED_


#include "ngx_llm_chat.h"


/* text in dollars as a rate: the power of ten */

#define NGX_LLM_PRICE_EACH         15       /* dollars each */
#define NGX_LLM_PRICE_MILLION      9        /* dollars for a million */

/* a rate is below 1,000 dollars */
#define NGX_LLM_PRICE_MAX_RATE     1000000000000000000LL

/* the text of a cost, "9223372036.854775807" */
#define NGX_LLM_PRICE_LEN          (sizeof("9223372036.854775807") - 1)


typedef enum {
    NGX_LLM_RATE_INPUT = 0,
    NGX_LLM_RATE_OUTPUT,
    NGX_LLM_RATE_CACHED,            /* else INPUT */
    NGX_LLM_RATE_CACHE_WRITE,       /* else INPUT */
    NGX_LLM_RATE_CACHE_WRITE_1H,    /* else CACHE_WRITE, INPUT */
    NGX_LLM_RATE_REASONING,         /* else OUTPUT */
    NGX_LLM_RATE_AUDIO_INPUT,       /* else INPUT */
    NGX_LLM_RATE_AUDIO_OUTPUT,      /* else OUTPUT */
    NGX_LLM_RATE_REQUEST,           /* else 0; on top of tokens */
    NGX_LLM_RATE_IMAGE,             /* else 0; on top of tokens */
    NGX_LLM_RATES                   /* ends a list of items */
} ngx_llm_rate_e;


/*
 * One rate of a price.  above: it is for prompts of more tokens than this,
 * all of the request; service: for this tier alone, 0 for all.
 */

typedef struct {
    int64_t                      rate;
    uint32_t                     above;
    uint16_t                     service;   /* NGX_LLM_SERVICE_* */
    uint16_t                     id;        /* ngx_llm_rate_e */
} ngx_llm_price_item_t;


typedef struct {
    ngx_str_t                    name;      /* in the list */
    const ngx_llm_price_item_t  *items;     /* the last has id NGX_LLM_RATES */
    uint32_t                     context;   /* tokens; 0 is unknown */
    uint32_t                     max_input;
    uint32_t                     max_output;
} ngx_llm_price_t;


/*
 * A price that is unknown is not zero: is there any?  A list may know the
 * context of a model whose price it does not know.
 */
#define ngx_llm_price_known(price)  ((price)->items[0].id != NGX_LLM_RATES)


/*
 * A decimal number, with or without fraction and exponent ("2.5", "1.5e-07"),
 * times ten to the power of scale, rounded half up.  NGX_OK; NGX_DECLINED: no
 * such number, negative, or NGX_LLM_PRICE_MAX_RATE and more.
 */
ngx_int_t ngx_llm_price_decimal(ngx_str_t *text, ngx_int_t scale,
    int64_t *value);

/*
 * The rate for a prompt of so many tokens (cached ones included) at this
 * tier, -1 if none is given.  Of the items that hold, the one with the highest
 * "above" counts, and of two of these the one for the tier itself.
 */
int64_t ngx_llm_price_rate(const ngx_llm_price_t *price, ngx_uint_t id,
    int64_t prompt, ngx_uint_t service);

/*
 * The cost of one request in nanodollars, INT64_MAX if it is more.  Counts
 * that are unknown are 0, parts larger than their whole are cut.  The tier is
 * usage->service if the provider said it, else the one given.
 */
int64_t ngx_llm_price_cost(const ngx_llm_price_t *price,
    ngx_llm_usage_t *usage, ngx_uint_t service, ngx_uint_t images);

/*
 * What a request may cost at most: prompt and output are upper bounds of
 * tokens, priced at the dearest rates that the request can meet (it writes a
 * cache, it has audio, it reasons) and at the tier that it asks for.  chat may
 * be NULL: plain text at the standard tier.
 */
int64_t ngx_llm_price_reserve(const ngx_llm_price_t *price, int64_t prompt,
    int64_t output, ngx_llm_chat_t *chat);

/* OpenAI's word for a tier, escaped; unknown words are 0 */
ngx_uint_t ngx_llm_price_service(ngx_str_t *name);

/* the tier that a request asks for, 0: it does not say */
ngx_uint_t ngx_llm_price_chat_service(ngx_llm_chat_t *chat);

/* images in its messages */
ngx_uint_t ngx_llm_price_chat_images(ngx_llm_chat_t *chat);

/* dollars with nine decimals, NGX_LLM_PRICE_LEN bytes at most */
u_char *ngx_llm_price_text(u_char *p, int64_t cost);


/* ,"cost":0.000000000 in a usage object of a client that is told */
void ngx_llm_price_write(ngx_llm_usage_t *usage, ngx_llm_out_t *out);

/*
 * Appends a JSON text with the cost put into its member "usage", in the place
 * of one that is there.  NGX_OK; NGX_DECLINED: it has no such object, nothing
 * is appended; NGX_ERROR.
 */
ngx_int_t ngx_llm_price_insert(ngx_pool_t *pool, ngx_str_t *text,
    int64_t cost, ngx_llm_out_t *out);


/*
 * A list of prices, by name.  The built-in one is sorted; the table of a
 * file's list is a hash, see ngx_llm_price_list_read().
 */

typedef struct {
    const ngx_llm_price_t      **table;     /* open addressing, or NULL */
    ngx_uint_t                   size;      /* of it, a power of two */
    ngx_uint_t                   n;         /* entries */
    ngx_uint_t                   priced;    /* those with a price */
} ngx_llm_price_list_t;


/*
 * Reads the public model_prices_and_context_window.json (core/
 * ngx_llm_price_list.c says which members).  pool: for the list; temp: for the
 * parser.  NGX_OK; NGX_DECLINED: error (plain) says what is wrong, and where;
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_llm_price_list_read(ngx_llm_price_list_t *list,
    ngx_pool_t *pool, ngx_pool_t *temp, ngx_str_t *text, ngx_str_t *error);

/* NULL: not in it */
const ngx_llm_price_t *ngx_llm_price_list_find(ngx_llm_price_list_t *list,
    ngx_str_t *name);


#endif /* _NGX_LLM_PRICE_H_INCLUDED_ */
