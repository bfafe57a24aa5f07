
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the tables of ngx_llm_prices_*.c are written with; for these files
 * only, since the words are short.
 */


#ifndef _NGX_LLM_PRICES_TABLE_H_INCLUDED_
#define _NGX_LLM_PRICES_TABLE_H_INCLUDED_


#include "ngx_llm_prices.h"


/*
 * Rates are in picodollars, which are
 * dollars for a million tokens times a million; of a model: its context, which
 * lists give as what the prompt may have, and its longest answer, in tokens.
 */

#define model(name, input, output, ...)                                      \
    { ngx_string(name),                                                      \
      (const ngx_llm_price_item_t[]) {                                       \
          __VA_ARGS__, { 0, 0, 0, NGX_LLM_RATES } },                         \
      input, input, output }

#define at(above, service, id, n)                                            \
    { n * 1000LL, above, NGX_LLM_PRICES_##service, NGX_LLM_PRICES_##id }

#define in(n)       at(0, 0, IN, n)
#define out(n)      at(0, 0, OUT, n)
#define cached(n)   at(0, 0, CACHED, n)
#define write(n)    at(0, 0, WRITE, n)
#define write1h(n)  at(0, 0, WRITE1H, n)
#define think(n)    at(0, 0, THINK, n)
#define ain(n)      at(0, 0, AIN, n)
#define aout(n)     at(0, 0, AOUT, n)
#define req(n)      at(0, 0, REQ, n)

#define NGX_LLM_PRICES_0        0
#define NGX_LLM_PRICES_P        NGX_LLM_SERVICE_PRIORITY
#define NGX_LLM_PRICES_F        NGX_LLM_SERVICE_FLEX
#define NGX_LLM_PRICES_B        NGX_LLM_SERVICE_BATCH

#define NGX_LLM_PRICES_IN       NGX_LLM_RATE_INPUT
#define NGX_LLM_PRICES_OUT      NGX_LLM_RATE_OUTPUT
#define NGX_LLM_PRICES_CACHED   NGX_LLM_RATE_CACHED
#define NGX_LLM_PRICES_WRITE    NGX_LLM_RATE_CACHE_WRITE
#define NGX_LLM_PRICES_WRITE1H  NGX_LLM_RATE_CACHE_WRITE_1H
#define NGX_LLM_PRICES_THINK    NGX_LLM_RATE_REASONING
#define NGX_LLM_PRICES_AIN      NGX_LLM_RATE_AUDIO_INPUT
#define NGX_LLM_PRICES_AOUT     NGX_LLM_RATE_AUDIO_OUTPUT
#define NGX_LLM_PRICES_REQ      NGX_LLM_RATE_REQUEST


#endif /* _NGX_LLM_PRICES_TABLE_H_INCLUDED_ */
