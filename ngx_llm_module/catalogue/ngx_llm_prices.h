
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The built-in price list: facts of the models that people use, of the day
 * that docs/prices.md names.  The tables are written by t/util/prices.
 */


#ifndef _NGX_LLM_PRICES_H_INCLUDED_
#define _NGX_LLM_PRICES_H_INCLUDED_


#include "ngx_llm_price.h"


/* NULL: no such name, see docs/prices.md for how names are made */
const ngx_llm_price_t *ngx_llm_prices_find(ngx_str_t *name);

/*
 * the name under which lists know the provider of a preset ("vertex_ai" for
 * "vertex_ai_anthropic"); mostly the preset's own
 */
ngx_str_t *ngx_llm_prices_provider(ngx_str_t *preset);


/* the tables */

extern const ngx_llm_price_t  ngx_llm_prices_anthropic[];
extern const ngx_llm_price_t  ngx_llm_prices_google[];
extern const ngx_llm_price_t  ngx_llm_prices_openai[];
extern const ngx_llm_price_t  ngx_llm_prices_others[];

extern const ngx_uint_t       ngx_llm_prices_anthropic_n;
extern const ngx_uint_t       ngx_llm_prices_google_n;
extern const ngx_uint_t       ngx_llm_prices_openai_n;
extern const ngx_uint_t       ngx_llm_prices_others_n;


#endif /* _NGX_LLM_PRICES_H_INCLUDED_ */
