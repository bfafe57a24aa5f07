
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Prices in the configuration: the statement "price", the same as parameters
 * of a deployment, and the file of llm_prices.
 */


#include "ngx_http_llm_price.h"


#define NGX_HTTP_LLM_MAX_PRICES  (32 * 1024 * 1024)


typedef struct {
    ngx_str_t                     name;         /* with its "=" */
    ngx_uint_t                    id;
    ngx_int_t                     scale;
} ngx_http_llm_rate_t;


static ngx_int_t ngx_http_llm_prices_read(ngx_conf_t *cf,
    ngx_http_llm_prices_t *prices);
static ngx_int_t ngx_http_llm_prices_text(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *text);
static ngx_http_llm_prices_t *ngx_http_llm_prices_get(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf);

static ngx_int_t ngx_http_llm_price_word(ngx_conf_t *cf, ngx_array_t **rates,
    ngx_llm_price_item_t *tier, ngx_str_t *word);
static ngx_int_t ngx_http_llm_price_tier(ngx_conf_t *cf,
    ngx_llm_price_item_t *tier, ngx_str_t *word);
static ngx_int_t ngx_http_llm_price_tokens(u_char *p, u_char *last,
    uint32_t *n);
static ngx_int_t ngx_http_llm_price_add(ngx_conf_t *cf, ngx_array_t **rates,
    ngx_llm_price_item_t *item, ngx_str_t *word);
static ngx_uint_t ngx_http_llm_price_base(ngx_array_t *rates);


static ngx_http_llm_rate_t  ngx_http_llm_rates[] = {

    { ngx_string("input="),
      NGX_LLM_RATE_INPUT, NGX_LLM_PRICE_MILLION },

    { ngx_string("output="),
      NGX_LLM_RATE_OUTPUT, NGX_LLM_PRICE_MILLION },

    { ngx_string("cached="),
      NGX_LLM_RATE_CACHED, NGX_LLM_PRICE_MILLION },

    { ngx_string("cache_write="),
      NGX_LLM_RATE_CACHE_WRITE, NGX_LLM_PRICE_MILLION },

    { ngx_string("cache_write_1h="),
      NGX_LLM_RATE_CACHE_WRITE_1H, NGX_LLM_PRICE_MILLION },

    { ngx_string("reasoning="),
      NGX_LLM_RATE_REASONING, NGX_LLM_PRICE_MILLION },

    { ngx_string("audio_input="),
      NGX_LLM_RATE_AUDIO_INPUT, NGX_LLM_PRICE_MILLION },

    { ngx_string("audio_output="),
      NGX_LLM_RATE_AUDIO_OUTPUT, NGX_LLM_PRICE_MILLION },

    { ngx_string("request="),
      NGX_LLM_RATE_REQUEST, NGX_LLM_PRICE_EACH },

    { ngx_string("image="),
      NGX_LLM_RATE_IMAGE, NGX_LLM_PRICE_EACH },

    { ngx_null_string, 0, 0 }
};


/*
 * The file is read whole by who reads the configuration.  One that is not
 * right fails the configuration: a reload keeps the last good list with all
 * the rest.
 */

char *
ngx_http_llm_prices(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *lmcf = conf;

    ngx_str_t              *value;
    ngx_http_llm_prices_t  *prices;

    prices = ngx_http_llm_prices_get(cf, lmcf);
    if (prices == NULL) {
        return NGX_CONF_ERROR;
    }

    if (prices->path.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    prices->path = value[1];

    if (prices->path.len == 0) {
        return "has an empty path";
    }

    if (ngx_conf_full_name(cf->cycle, &prices->path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_llm_prices_read(cf, prices) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_llm_prices_read(ngx_conf_t *cf, ngx_http_llm_prices_t *prices)
{
    ngx_int_t   rc;
    ngx_str_t   text, error;

    if (ngx_http_llm_prices_text(cf, &prices->path, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_llm_price_list_read(&prices->list, cf->pool, cf->temp_pool,
                                 &text, &error);

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "price list \"%V\" is not right: %V",
                           &prices->path, &error);
        return NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_http_llm_prices_text(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *text)
{
    size_t       size;
    ssize_t      n;
    ngx_int_t    rc;
    ngx_file_t   file;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = cf->log;

    rc = NGX_ERROR;

    /* a FIFO must not have nginx wait for who writes into it */

    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    if (ngx_fd_info(file.fd, &file.info) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", path);
        goto done;
    }

    if (!ngx_is_file(&file.info)
        || ngx_file_size(&file.info) > NGX_HTTP_LLM_MAX_PRICES)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "price list \"%V\" is not a regular file of at "
                           "most 32m", path);
        goto done;
    }

    size = (size_t) ngx_file_size(&file.info);

    text->data = ngx_palloc(cf->temp_pool, size + 1);
    if (text->data == NULL) {
        goto done;
    }

    n = ngx_read_file(&file, text->data, size, 0);

    if (n == NGX_ERROR || (size_t) n != size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "price list \"%V\" could not be read", path);
        goto done;
    }

    text->len = size;

    rc = NGX_OK;

done:

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", path);
    }

    return rc;
}


/* made with the first directive that needs it */

static ngx_http_llm_prices_t *
ngx_http_llm_prices_get(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf)
{
    if (lmcf->prices == NULL) {
        lmcf->prices = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_prices_t));
    }

    return lmcf->prices;
}


char *
ngx_http_llm_unpriced(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *lmcf = conf;

    ngx_str_t              *value;
    ngx_uint_t              i;
    ngx_array_t            *rates;
    ngx_llm_price_item_t    tier;
    ngx_http_llm_prices_t  *prices;

    prices = ngx_http_llm_prices_get(cf, lmcf);
    if (prices == NULL) {
        return NGX_CONF_ERROR;
    }

    if (prices->unpriced) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "allow") == 0) {
        prices->unpriced = NGX_HTTP_LLM_UNPRICED_ALLOW;
        return NGX_CONF_OK;
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "refuse") == 0) {
        prices->unpriced = NGX_HTTP_LLM_UNPRICED_REFUSE;
        return NGX_CONF_OK;
    }

    rates = NULL;
    ngx_memzero(&tier, sizeof(ngx_llm_price_item_t));

    for (i = 1; i < cf->args->nelts; i++) {

        switch (ngx_http_llm_price_word(cf, &rates, &tier, &value[i])) {

        case NGX_OK:
            break;

        case NGX_DECLINED:
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", it must be "
                               "\"allow\", \"refuse\" or a price", &value[i]);
            return NGX_CONF_ERROR;

        default:
            return NGX_CONF_ERROR;
        }
    }

    if (!ngx_http_llm_price_base(rates)) {
        return "must have \"input\" and \"output\"";
    }

    prices->unpriced = NGX_HTTP_LLM_UNPRICED_PRICE;

    return ngx_http_llm_price_make(cf, rates, &prices->fallback) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/*
 * price input=3 output=15 cached=0.3;
 * price above=200k input=6 output=22.5;
 * price service=flex input=1.5 output=7.5;
 */

char *
ngx_http_llm_price(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_model_t  *model = conf;

    ngx_int_t               rc;
    ngx_str_t              *value;
    ngx_uint_t              i, n;
    ngx_llm_price_item_t    tier;

    value = cf->args->elts;

    ngx_memzero(&tier, sizeof(ngx_llm_price_item_t));

    /* what the line is for may stand at its end */

    n = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        rc = ngx_http_llm_price_tier(cf, &tier, &value[i]);

        if (rc == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        n += (rc == NGX_OK);
    }

    if ((tier.above || tier.service) && !ngx_http_llm_price_base(model->rates))
    {
        return "with \"above\" or \"service\" must follow one with \"input\" "
               "and \"output\"";
    }

    if (n == cf->args->nelts - 1) {
        return "has no price";
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "above=", 6) == 0
            || ngx_strncmp(value[i].data, "service=", 8) == 0)
        {
            continue;
        }

        rc = ngx_http_llm_price_word(cf, &model->rates, &tier, &value[i]);

        if (rc == NGX_DECLINED) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (!ngx_http_llm_price_base(model->rates)) {
        return "must have \"input\" and \"output\"";
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_llm_price_param(ngx_conf_t *cf, ngx_http_llm_deployment_t *dep,
    ngx_str_t *param)
{
    ngx_int_t              rc;
    ngx_llm_price_item_t   tier;

    ngx_memzero(&tier, sizeof(ngx_llm_price_item_t));

    rc = ngx_http_llm_price_tier(cf, &tier, param);

    if (rc == NGX_OK) {

        if (!ngx_http_llm_price_base(dep->rates)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" must follow \"input\" and \"output\"",
                               param);
            return NGX_ERROR;
        }

        /* a tier without above= is of prompts of any length */

        dep->rate_above = tier.above;
        dep->rate_service = tier.service;

        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    tier.above = dep->rate_above;
    tier.service = dep->rate_service;

    return ngx_http_llm_price_word(cf, &dep->rates, &tier, param);
}


char *
ngx_http_llm_price_done(ngx_conf_t *cf, ngx_http_llm_deployment_t *dep)
{
    if (dep->rates && !ngx_http_llm_price_base(dep->rates)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the price of deployment \"%V\" must have "
                           "\"input\" and \"output\"", &dep->id);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* "input=2.5": NGX_OK, NGX_DECLINED: it is no price; NGX_ERROR is logged */

static ngx_int_t
ngx_http_llm_price_word(ngx_conf_t *cf, ngx_array_t **rates,
    ngx_llm_price_item_t *tier, ngx_str_t *word)
{
    ngx_str_t              number;
    ngx_http_llm_rate_t   *rate;
    ngx_llm_price_item_t   item;

    for (rate = ngx_http_llm_rates; rate->name.len; rate++) {

        if (word->len < rate->name.len
            || ngx_strncmp(word->data, rate->name.data, rate->name.len) != 0)
        {
            continue;
        }

        number.data = word->data + rate->name.len;
        number.len = word->len - rate->name.len;

        item = *tier;
        item.id = rate->id;

        if (ngx_llm_price_decimal(&number, rate->scale, &item.rate) != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid price \"%V\", it must be dollars %s",
                               word, rate->scale == NGX_LLM_PRICE_EACH
                                     ? "each" : "for a million tokens");
            return NGX_ERROR;
        }

        return ngx_http_llm_price_add(cf, rates, &item, word);
    }

    return NGX_DECLINED;
}


/* "above=200k", "service=flex" */

static ngx_int_t
ngx_http_llm_price_tier(ngx_conf_t *cf, ngx_llm_price_item_t *tier,
    ngx_str_t *word)
{
    ngx_str_t  name;

    if (ngx_strncmp(word->data, "above=", 6) == 0) {

        if (tier->above == 0
            && ngx_http_llm_price_tokens(word->data + 6,
                                         word->data + word->len,
                                         &tier->above)
               == NGX_OK)
        {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it must be a number of "
                           "tokens such as \"above=200k\"", word);
        return NGX_ERROR;
    }

    if (ngx_strncmp(word->data, "service=", 8) == 0) {

        name.data = word->data + 8;
        name.len = word->len - 8;

        if (tier->service == 0) {
            tier->service = (uint16_t) ngx_llm_price_service(&name);
        }

        if (tier->service > NGX_LLM_SERVICE_STANDARD) {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it must be "
                           "\"priority\", \"flex\" or \"batch\"", word);
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


/* k and m are thousands and millions here, as in the limits */

static ngx_int_t
ngx_http_llm_price_tokens(u_char *p, u_char *last, uint32_t *n)
{
    ngx_int_t   value;
    ngx_uint_t  unit;

    unit = 1;

    if (p < last) {

        switch (last[-1]) {

        case 'k':
        case 'K':
            unit = 1000;
            last--;
            break;

        case 'm':
        case 'M':
            unit = 1000000;
            last--;
            break;
        }
    }

    value = ngx_atoi(p, last - p);

    if (value < 1 || value > (ngx_int_t) (1000000000 / unit)) {
        return NGX_ERROR;
    }

    *n = (uint32_t) (value * unit);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_price_add(ngx_conf_t *cf, ngx_array_t **rates,
    ngx_llm_price_item_t *item, ngx_str_t *word)
{
    ngx_uint_t             i;
    ngx_llm_price_item_t  *items;

    if (*rates == NULL) {
        *rates = ngx_array_create(cf->pool, 4, sizeof(ngx_llm_price_item_t));
        if (*rates == NULL) {
            return NGX_ERROR;
        }
    }

    items = (*rates)->elts;

    for (i = 0; i < (*rates)->nelts; i++) {
        if (items[i].id == item->id
            && items[i].above == item->above
            && items[i].service == item->service)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate price \"%V\"",
                               word);
            return NGX_ERROR;
        }
    }

    items = ngx_array_push(*rates);
    if (items == NULL) {
        return NGX_ERROR;
    }

    *items = *item;

    return NGX_OK;
}


/* do input and output have a price for any prompt and tier? */

static ngx_uint_t
ngx_http_llm_price_base(ngx_array_t *rates)
{
    ngx_uint_t             i, ids;
    ngx_llm_price_item_t  *items;

    if (rates == NULL) {
        return 0;
    }

    ids = 0;
    items = rates->elts;

    for (i = 0; i < rates->nelts; i++) {
        if (items[i].above == 0 && items[i].service == 0) {
            ids |= (ngx_uint_t) 1 << items[i].id;
        }
    }

    return (ids & (1 << NGX_LLM_RATE_INPUT))
           && (ids & (1 << NGX_LLM_RATE_OUTPUT));
}


ngx_int_t
ngx_http_llm_price_make(ngx_conf_t *cf, ngx_array_t *rates,
    const ngx_llm_price_t **out)
{
    ngx_llm_price_t       *price;
    ngx_llm_price_item_t  *item;

    *out = NULL;

    if (rates == NULL) {
        return NGX_OK;
    }

    item = ngx_array_push(rates);
    if (item == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(item, sizeof(ngx_llm_price_item_t));
    item->id = NGX_LLM_RATES;

    price = ngx_pcalloc(cf->pool, sizeof(ngx_llm_price_t));
    if (price == NULL) {
        return NGX_ERROR;
    }

    price->items = rates->elts;
    *out = price;

    return NGX_OK;
}


char *
ngx_http_llm_context(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_model_t  *model = conf;

    ngx_str_t  *value;

    if (model->context) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_llm_price_tokens(value[1].data, value[1].data + value[1].len,
                                  &model->context)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it must be a number of "
                           "tokens such as \"128k\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
