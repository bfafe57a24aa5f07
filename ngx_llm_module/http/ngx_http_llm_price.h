
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Prices of deployments: llm_prices, llm_unpriced, price, context; and what a
 * request has cost.
 */


#ifndef _NGX_HTTP_LLM_PRICE_H_INCLUDED_
#define _NGX_HTTP_LLM_PRICE_H_INCLUDED_


#include "ngx_http_llm.h"
#include "ngx_llm_prices.h"


/* llm_unpriced */

#define NGX_HTTP_LLM_UNPRICED_DEFAULT  0    /* refuse under a cost limit */
#define NGX_HTTP_LLM_UNPRICED_ALLOW    1    /* there, too */
#define NGX_HTTP_LLM_UNPRICED_REFUSE   2    /* everywhere */
#define NGX_HTTP_LLM_UNPRICED_PRICE    3    /* "fallback" counts */


struct ngx_http_llm_prices_s {
    ngx_llm_price_list_t          list;         /* of llm_prices */
    ngx_str_t                     path;
    ngx_uint_t                    unpriced;     /* NGX_HTTP_LLM_UNPRICED_* */
    const ngx_llm_price_t        *fallback;     /* UNPRICED_PRICE, or NULL */
};


/* what a model can take and say, in tokens; 0 is unknown */

typedef struct {
    int64_t                       context;
    int64_t                       max_input;
    int64_t                       max_output;
} ngx_http_llm_facts_t;


/*
 * The price of a deployment for a request that matched so and names the model
 * so (of the stage: ctx->stage.match, .name).  With the model's name literal
 * that is known from the configuration, else looked up.  NULL: there is none,
 * which is not the same as a price of zero; see llm_unpriced.
 */
const ngx_llm_price_t *ngx_http_llm_price_find(ngx_http_request_t *r,
    ngx_http_llm_deployment_t *dep, ngx_http_llm_match_t *match,
    ngx_str_t *name);

/* does llm_unpriced say that this is not served without a price? */
ngx_uint_t ngx_http_llm_price_needed(ngx_http_request_t *r,
    ngx_uint_t limited);

/* the same of what lists and the statement "context" know of the model */
void ngx_http_llm_price_facts(ngx_http_request_t *r,
    ngx_http_llm_deployment_t *dep, ngx_http_llm_match_t *match,
    ngx_str_t *name, ngx_http_llm_facts_t *facts);

/*
 * For who limits cost, behind ngx_http_llm_prices_init(): warns of a deployment
 * that has no price for certain.  "limit" names what meets it and where, as in
 * "quota of key \"a\" in FILE:LINE".
 */
void ngx_http_llm_price_check(ngx_conf_t *cf, ngx_http_llm_deployment_t *dep,
    ngx_str_t *limit);

/*
 * What the attempt under way has cost by the usage known so far, nanodollars;
 * 0 where the price is unknown or no answer has begun.
 */
int64_t ngx_http_llm_cost(ngx_http_llm_ctx_t *ctx);

/* its usage as it is told to the client: sets usage->cost if it is wanted */
void ngx_http_llm_cost_tell(ngx_http_llm_attempt_t *at,
    ngx_llm_usage_t *usage);

/* x-llm-cost of a plain answer; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_llm_cost_header(ngx_http_request_t *r,
    ngx_http_llm_attempt_t *at);

/*
 * a frame that goes through, with its cost put into its usage: frame->raw may
 * become memory of the reader's scratch pool
 */
ngx_int_t ngx_http_llm_cost_frame(ngx_http_llm_attempt_t *at,
    ngx_llm_frame_t *frame);

/* directives and statements */

char *ngx_http_llm_prices(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_unpriced(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_price(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_context(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * A parameter of "deployment": NGX_OK; NGX_DECLINED: it is none of a price;
 * NGX_ERROR is logged.  Those behind an above= are of that tier.
 */
ngx_int_t ngx_http_llm_price_param(ngx_conf_t *cf,
    ngx_http_llm_deployment_t *dep, ngx_str_t *param);

/* once all of them are read */
char *ngx_http_llm_price_done(ngx_conf_t *cf, ngx_http_llm_deployment_t *dep);

/* the rates (ngx_llm_price_item_t) as a price, NULL for none; once */
ngx_int_t ngx_http_llm_price_make(ngx_conf_t *cf, ngx_array_t *rates,
    const ngx_llm_price_t **out);

/* when models and providers are known */
ngx_int_t ngx_http_llm_prices_init(ngx_conf_t *cf);


#endif /* _NGX_HTTP_LLM_PRICE_H_INCLUDED_ */
