
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What a request may use, before anybody knows what it will.
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_price.h"
#include "ngx_llm_request.h"


/* the p95 of answers: a table of a process, by key and model */

#define NGX_HTTP_LLM_TYPICAL_SIZE   4096
#define NGX_HTTP_LLM_TYPICAL_FIRST  1024        /* tokens */
#define NGX_HTTP_LLM_TYPICAL_UNIT   256         /* of a token */

/* answers asked for at once, and those to all prompts of a request */
#define NGX_HTTP_LLM_AMOUNT_MAX_N   1024
#define NGX_HTTP_LLM_AMOUNT_ALL     10000000

/* no request has more tokens */
#define NGX_HTTP_LLM_AMOUNT_MAX     1000000000

/* or costs more: a hundred thousand dollars */
#define NGX_HTTP_LLM_AMOUNT_COST    100000000000000LL


struct ngx_http_llm_typical_s {
    uint64_t                      name;
    int64_t                       value;        /* in UNITs */
};


static ngx_http_llm_typical_t *ngx_http_llm_amount_typical(
    ngx_http_llm_ctx_t *ctx, ngx_uint_t create);
static int64_t ngx_http_llm_amount_prompt(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep);
static int64_t ngx_http_llm_amount_limit(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep, int64_t typical);
static int64_t ngx_http_llm_amount_choices(ngx_llm_chat_t *chat);
static int64_t ngx_http_llm_amount_count(ngx_llm_chat_t *chat,
    ngx_uint_t param);
static int64_t ngx_http_llm_amount_max(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_http_llm_deployment_t *dep);
static int64_t ngx_http_llm_amount_cost(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_http_llm_deployment_t *dep, int64_t prompt,
    int64_t output);


void
ngx_http_llm_amounts(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep, ngx_uint_t cost, ngx_uint_t coarse,
    ngx_http_llm_amounts_t *amounts)
{
    int64_t                  n, max;
    ngx_llm_chat_t          *chat;
    ngx_http_llm_typical_t  *typical;

    chat = &ctx->chat;

    amounts->prompt = coarse ? (int64_t) chat->text.len
                             : ngx_http_llm_amount_prompt(ctx, dep);

    typical = ngx_http_llm_amount_typical(ctx, 0);

    amounts->typical = typical ? typical->value / NGX_HTTP_LLM_TYPICAL_UNIT
                               : NGX_HTTP_LLM_TYPICAL_FIRST;

    amounts->output = ngx_http_llm_amount_limit(ctx, dep, amounts->typical);

    max = ngx_http_llm_amount_max(r, ctx, dep);

    if (max) {
        amounts->output = ngx_min(amounts->output, max);
    }

    amounts->output = ngx_min(amounts->output, NGX_HTTP_LLM_AMOUNT_MAX);

    n = ngx_http_llm_amount_choices(chat);

    amounts->output *= n;
    amounts->typical = ngx_min(amounts->typical * n, amounts->output);

    amounts->cost = 0;
    amounts->typical_cost = 0;

    if (cost) {
        amounts->cost = ngx_http_llm_amount_cost(r, ctx, dep, amounts->prompt,
                                                 amounts->output);
        amounts->typical_cost = ngx_http_llm_amount_cost(r, ctx, dep,
                                                         amounts->prompt,
                                                         amounts->typical);
    }
}


/*
 * A token is a byte at least, and what a message costs beside its text is less
 * than its members and quotes; but a picture may be many tokens in few bytes.
 */

ngx_uint_t
ngx_http_llm_amount_coarse(ngx_http_llm_ctx_t *ctx)
{
    ngx_llm_chat_t  *chat;

    chat = &ctx->chat;

    return ctx->endpoint == NGX_HTTP_LLM_CHAT && chat->text.len
           && !chat->has_images;
}


/* the high side of the estimate, by whichever family counts most */

static int64_t
ngx_http_llm_amount_prompt(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep)
{
    int64_t                      mean, high, max;
    ngx_str_t                   *name;
    ngx_uint_t                   i, n, family, seen;
    ngx_http_llm_deployment_t  **order;

    order = dep ? &dep : ctx->stage.order;
    n = dep ? 1 : ctx->stage.n;
    seen = 0;
    max = 1;

    for (i = 0; i < n; i++) {
        name = order[i]->as.len ? &order[i]->as : &order[i]->name;
        family = ngx_llm_family(name);

        if (seen & ((ngx_uint_t) 1 << family)) {
            continue;
        }

        seen |= (ngx_uint_t) 1 << family;

        ngx_llm_chat_estimate_high(&ctx->chat, family, &mean, &high);

        max = ngx_max(max, high);
    }

    return max;
}


/* what is asked for, by the client or by set_param; else what is typical */

static int64_t
ngx_http_llm_amount_limit(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep, int64_t typical)
{
    int64_t                      limit, max, value;
    ngx_uint_t                   i, j, n;
    ngx_llm_set_t               *set;
    ngx_http_llm_deployment_t  **order;

    order = dep ? &dep : ctx->stage.order;
    n = dep ? 1 : ctx->stage.n;
    max = 0;

    for (i = 0; i < n; i++) {
        limit = ctx->chat.max_tokens;

        for (j = 0; order[i]->sets && j < order[i]->sets->nelts; j++) {
            set = order[i]->sets->elts;

            if (set[j].neutral
                && ngx_llm_request_limit(&set[j])
                && (set[j].force || limit < 0)
                && ngx_llm_json_int(set[j].node, &value) == NGX_OK)
            {
                limit = value;
            }
        }

        if (limit < 0) {
            limit = typical;
        }

        max = ngx_max(max, limit);
    }

    return max;
}


/* answers that are made, whether or not the client gets to see them */

static int64_t
ngx_http_llm_amount_choices(ngx_llm_chat_t *chat)
{
    int64_t          n, prompts;
    ngx_llm_json_t  *node;

    n = ngx_max(ngx_http_llm_amount_count(chat, NGX_LLM_PARAM_N),
                ngx_http_llm_amount_count(chat, NGX_LLM_PARAM_BEST_OF));

    /* of each prompt: texts, or lists of token ids */

    node = chat->param[NGX_LLM_PARAM_PROMPT];
    node = node ? node->child : NULL;

    if (node == NULL || node->type == NGX_LLM_JSON_NUMBER) {
        return n;
    }

    for (prompts = 0; node; node = node->next) {
        prompts++;
    }

    return ngx_min(n * prompts, NGX_HTTP_LLM_AMOUNT_ALL);
}


static int64_t
ngx_http_llm_amount_count(ngx_llm_chat_t *chat, ngx_uint_t param)
{
    int64_t  n;

    if (chat->param[param] == NULL
        || ngx_llm_json_int(chat->param[param], &n) != NGX_OK
        || n < 1)
    {
        return 1;
    }

    return ngx_min(n, NGX_HTTP_LLM_AMOUNT_MAX_N);
}


/* the longest answer that the deployment gives, or any of the stage; 0: ? */

static int64_t
ngx_http_llm_amount_max(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep)
{
    int64_t                     max;
    ngx_uint_t                  i, n;
    ngx_http_llm_facts_t        facts;
    ngx_http_llm_stage_t       *stage;
    ngx_http_llm_deployment_t **order;

    stage = &ctx->stage;

    order = dep ? &dep : stage->order;
    n = dep ? 1 : stage->n;
    max = 0;

    for (i = 0; i < n; i++) {
        ngx_http_llm_price_facts(r, order[i], &stage->match, &stage->name,
                                 &facts);

        if (facts.max_output == 0) {
            return 0;
        }

        max = ngx_max(max, facts.max_output);
    }

    return max;
}


/* where no price is known nothing is held, see llm_unpriced */

static int64_t
ngx_http_llm_amount_cost(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep, int64_t prompt, int64_t output)
{
    int64_t                      cost, max;
    ngx_uint_t                   i, n;
    ngx_http_llm_stage_t        *stage;
    const ngx_llm_price_t       *price;
    ngx_http_llm_deployment_t  **order;

    stage = &ctx->stage;

    order = dep ? &dep : stage->order;
    n = dep ? 1 : stage->n;
    max = 0;

    for (i = 0; i < n; i++) {
        price = ngx_http_llm_price_find(r, order[i], &stage->match,
                                        &stage->name);

        if (price) {
            cost = ngx_llm_price_reserve(price, prompt, output, &ctx->chat);
            max = ngx_max(max, cost);
        }
    }

    return ngx_min(max, NGX_HTTP_LLM_AMOUNT_COST);
}


int64_t
ngx_http_llm_amount(ngx_http_llm_amounts_t *amounts, ngx_llm_limit_t *limit)
{
    int64_t     output;
    ngx_uint_t  max;

    max = (limit->reserve == NGX_LLM_RESERVE_MAX);
    output = max ? amounts->output : amounts->typical;

    switch (limit->unit) {

    case NGX_LLM_UNIT_TOKENS:
        return amounts->prompt + output;

    case NGX_LLM_UNIT_INPUT_TOKENS:
        return amounts->prompt;

    case NGX_LLM_UNIT_OUTPUT_TOKENS:
        return output;

    case NGX_LLM_UNIT_COST:
        return max ? amounts->cost : amounts->typical_cost;

    default: /* NGX_LLM_UNIT_REQUESTS, NGX_LLM_UNIT_SLOTS */
        return 1;
    }
}


int64_t
ngx_http_llm_amount_output(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep, ngx_llm_item_t *item,
    ngx_http_llm_amounts_t *amounts)
{
    int64_t  n, low, high, middle;

    n = ngx_http_llm_amount_choices(&ctx->chat);

    switch (item->unit) {

    case NGX_LLM_UNIT_TOKENS:
        return ngx_max((item->granted - amounts->prompt) / n, 1);

    case NGX_LLM_UNIT_OUTPUT_TOKENS:
        return ngx_max(item->granted / n, 1);

    case NGX_LLM_UNIT_COST:
        break;

    default:
        return 0;
    }

    /* a price has tiers: the most output that is still paid for */

    low = 1;
    high = ngx_max(amounts->output / n, 1);

    while (low < high) {
        middle = low + (high - low + 1) / 2;

        if (ngx_http_llm_amount_cost(r, ctx, dep, amounts->prompt,
                                     middle * n)
            <= item->granted)
        {
            low = middle;

        } else {
            high = middle - 1;
        }
    }

    return low;
}


/*
 * A step towards the answer's length, nineteen times as large upwards as
 * downwards: it comes to rest where one of twenty is longer.
 */

void
ngx_http_llm_amount_learn(ngx_http_llm_ctx_t *ctx, int64_t output)
{
    int64_t                  step;
    ngx_http_llm_typical_t  *typical;

    typical = ngx_http_llm_amount_typical(ctx, 1);

    if (typical == NULL) {
        return;
    }

    output = ngx_min(output, NGX_HTTP_LLM_AMOUNT_MAX)
             / ngx_http_llm_amount_choices(&ctx->chat)
             * NGX_HTTP_LLM_TYPICAL_UNIT;

    step = typical->value / 160 + NGX_HTTP_LLM_TYPICAL_UNIT / 32;

    if (output > typical->value) {
        typical->value = ngx_min(typical->value + step * 19, output);

    } else {
        typical->value = ngx_max(typical->value - step, output);
    }
}


/* the one of key and model; a place may be taken by others in between */

static ngx_http_llm_typical_t *
ngx_http_llm_amount_typical(ngx_http_llm_ctx_t *ctx, ngx_uint_t create)
{
    uint64_t                   name;
    ngx_str_t                 *model;
    ngx_http_llm_typical_t    *typical;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_llm_module);

    if (ctx->stage.model == NULL) {
        return NULL;
    }

    model = &ctx->stage.model->name;

    name = ((uint64_t) ngx_murmur_hash2(ctx->key_name.data, ctx->key_name.len)
            << 32)
           | ngx_murmur_hash2(model->data, model->len);

    if (lmcf->typical == NULL) {

        if (!create) {
            return NULL;
        }

        lmcf->typical = ngx_pcalloc(ngx_cycle->pool,
                                    NGX_HTTP_LLM_TYPICAL_SIZE
                                    * sizeof(ngx_http_llm_typical_t));
        if (lmcf->typical == NULL) {
            return NULL;
        }
    }

    typical = &lmcf->typical[(name ^ (name >> 32))
                             % NGX_HTTP_LLM_TYPICAL_SIZE];

    if (typical->name != name) {

        if (!create) {
            return NULL;
        }

        typical->name = name;
        typical->value = NGX_HTTP_LLM_TYPICAL_FIRST
                         * NGX_HTTP_LLM_TYPICAL_UNIT;
    }

    return typical;
}
