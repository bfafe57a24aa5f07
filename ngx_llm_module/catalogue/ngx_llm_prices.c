
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_prices.h"


typedef struct {
    const ngx_llm_price_t  *prices;
    const ngx_uint_t       *n;
} ngx_llm_prices_table_t;


typedef struct {
    ngx_str_t               preset;
    ngx_str_t               provider;
} ngx_llm_prices_alias_t;


static ngx_int_t ngx_llm_prices_cmp(ngx_str_t *one, const ngx_str_t *two);


static const ngx_llm_prices_table_t  ngx_llm_prices_tables[] = {
    { ngx_llm_prices_openai, &ngx_llm_prices_openai_n },
    { ngx_llm_prices_anthropic, &ngx_llm_prices_anthropic_n },
    { ngx_llm_prices_google, &ngx_llm_prices_google_n },
    { ngx_llm_prices_others, &ngx_llm_prices_others_n },
    { NULL, NULL }
};


static ngx_llm_prices_alias_t  ngx_llm_prices_aliases[] = {
    { ngx_string("amazon_nova"), ngx_string("amazon-nova") },
    { ngx_string("azure_anthropic"), ngx_string("azure_ai") },
    { ngx_string("dashscope-intl"), ngx_string("dashscope") },
    { ngx_string("dashscope-us"), ngx_string("dashscope") },
    { ngx_string("fireworks"), ngx_string("fireworks_ai") },
    { ngx_string("gemini-openai"), ngx_string("gemini") },
    { ngx_string("minimax-anthropic"), ngx_string("minimax") },
    { ngx_string("minimax-cn"), ngx_string("minimax") },
    { ngx_string("moonshot-cn"), ngx_string("moonshot") },
    { ngx_string("together"), ngx_string("together_ai") },
    { ngx_string("vertex"), ngx_string("vertex_ai") },
    { ngx_string("vertex_ai_anthropic"), ngx_string("vertex_ai") },
    { ngx_string("vertex_ai_openapi"), ngx_string("vertex_ai") },
    { ngx_null_string, ngx_null_string }
};


const ngx_llm_price_t *
ngx_llm_prices_find(ngx_str_t *name)
{
    ngx_int_t                      rc;
    ngx_uint_t                     first, last, i;
    const ngx_llm_price_t         *price;
    const ngx_llm_prices_table_t  *table;

    for (table = ngx_llm_prices_tables; table->prices; table++) {

        first = 0;
        last = *table->n;

        while (first < last) {

            i = first + (last - first) / 2;
            price = &table->prices[i];

            rc = ngx_llm_prices_cmp(name, &price->name);

            if (rc == 0) {
                return price;
            }

            if (rc < 0) {
                last = i;

            } else {
                first = i + 1;
            }
        }
    }

    return NULL;
}


static ngx_int_t
ngx_llm_prices_cmp(ngx_str_t *one, const ngx_str_t *two)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(one->data, two->data, ngx_min(one->len, two->len));

    if (rc) {
        return rc;
    }

    return (ngx_int_t) one->len - (ngx_int_t) two->len;
}


ngx_str_t *
ngx_llm_prices_provider(ngx_str_t *preset)
{
    ngx_llm_prices_alias_t  *alias;

    for (alias = ngx_llm_prices_aliases; alias->preset.len; alias++) {

        if (alias->preset.len == preset->len
            && ngx_strncmp(alias->preset.data, preset->data, preset->len)
               == 0)
        {
            return &alias->provider;
        }
    }

    return preset;
}
