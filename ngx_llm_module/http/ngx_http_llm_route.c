
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Which model counts, and which deployment is tried next.
 */


#include "ngx_http_llm_call.h"


#define NGX_HTTP_LLM_ROUTE_DEPTH  8


static ngx_http_llm_model_t *ngx_http_llm_route_find(ngx_http_request_t *r,
    ngx_str_t *name, ngx_http_llm_match_t *match);
static ngx_int_t ngx_http_llm_route_others(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_route_unknown(ngx_http_request_t *r,
    ngx_str_t *name, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_stage_init(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_http_llm_model_t *model, ngx_str_t *name,
    ngx_http_llm_match_t *match);
static ngx_http_llm_deployment_t *ngx_http_llm_stage_next(
    ngx_http_llm_ctx_t *ctx, ngx_uint_t fail, ngx_uint_t mask);
static ngx_int_t ngx_http_llm_fallback(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_uint_t fail, ngx_uint_t mask);
static ngx_uint_t ngx_http_llm_tried(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *name);


ngx_int_t
ngx_http_llm_route(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_int_t                 rc;
    ngx_str_t                 name, target;
    ngx_uint_t                i;
    ngx_http_llm_match_t      match;
    ngx_http_llm_model_t     *model;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    name = ctx->chat.model;

    if (llcf->route) {
        if (ngx_http_complex_value(r, llcf->route, &target) != NGX_OK) {
            return NGX_ERROR;
        }

        if (target.len) {
            name = target;
        }
    }

    ctx->model = name;

    model = ngx_http_llm_route_find(r, &name, &match);

    if (model == NULL) {
        return ngx_http_llm_route_unknown(r, &name, err);
    }

    if (!ngx_http_llm_model_allowed(r, ctx, &name)) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_FORBIDDEN,
                             "permission_error", "model_not_allowed", "model",
                             "the model \"%*s\" may not be used with this key "
                             "here", ngx_min(name.len, 128), name.data);
    }

    rc = ngx_http_llm_route_others(r, ctx, err);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; model->route; i++) {

        if (ngx_http_complex_value(r, model->route, &target) != NGX_OK) {
            return NGX_ERROR;
        }

        if (i == NGX_HTTP_LLM_ROUTE_DEPTH) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "llm routes of model \"%V\" lead in a circle",
                          &ctx->model);
            return NGX_ERROR;
        }

        name = target;
        model = ngx_http_llm_route_find(r, &name, &match);

        if (model == NULL) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "llm model \"%V\" is routed to \"%V\", "
                          "which is no model", &ctx->model, &name);
            return ngx_http_llm_route_unknown(r, &name, err);
        }
    }

    ctx->asked = model;

    if (ngx_array_init(&ctx->tried, r->pool, 4, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_stage_init(r, ctx, model, &name, &match);
}


ngx_int_t
ngx_http_llm_route_direct(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_provider_t *provider, ngx_llm_error_t *err)
{
    ngx_uint_t                   i, j;
    ngx_http_llm_match_t         match;
    ngx_http_llm_model_t       **model;
    ngx_http_llm_main_conf_t    *lmcf;
    ngx_http_llm_deployment_t   *dep;

    ctx->model = ctx->chat.model;

    ngx_memzero(&match, sizeof(ngx_http_llm_match_t));
    match.star = ctx->model;

    if (ctx->model.len) {

        if (!ngx_http_llm_model_allowed(r, ctx, &ctx->model)) {
            return ngx_llm_error(r->pool, err, NGX_HTTP_FORBIDDEN,
                                 "permission_error", "model_not_allowed",
                                 "model", "the model \"%*s\" may not be used "
                                 "with this key here",
                                 ngx_min(ctx->model.len, 128),
                                 ctx->model.data);
        }

        goto found;
    }

    /* it serves a model that the key may use, or the key may use all */

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    if (ngx_http_llm_model_allowed(r, ctx, &provider->direct->name)) {
        goto found;
    }

    model = lmcf->models.elts;

    for (i = 0; i < lmcf->models.nelts; i++) {

        if (!ngx_http_llm_model_allowed(r, ctx, &model[i]->name)) {
            continue;
        }

        dep = model[i]->deployments.elts;

        for (j = 0; j < model[i]->deployments.nelts; j++) {
            if (dep[j].provider == provider) {
                goto found;
            }
        }
    }

    return ngx_llm_error(r->pool, err, NGX_HTTP_FORBIDDEN,
                         "permission_error", "model_not_allowed", NULL,
                         "the provider \"%V\" may not be used with this key "
                         "here", &provider->name);

found:

    ctx->asked = provider->direct;

    if (ngx_array_init(&ctx->tried, r->pool, 1, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_stage_init(r, ctx, provider->direct, &ctx->model,
                                   &match);
}


static ngx_http_llm_model_t *
ngx_http_llm_route_find(ngx_http_request_t *r, ngx_str_t *name,
    ngx_http_llm_match_t *match)
{
    ngx_http_llm_pattern_t    *pattern;
    ngx_http_llm_main_conf_t  *lmcf;

    if (name->len == 0 || name->len > NGX_HTTP_LLM_MAX_NAME) {
        return NULL;
    }

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    pattern = ngx_http_llm_names_find(&lmcf->model_names, name, match);

    return pattern ? pattern->value : NULL;
}


/* gateways behind this one fall back to models that such members name */

static ngx_int_t
ngx_http_llm_route_others(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_uint_t  i;

    static char  *names[] = { "models", "fallbacks", NULL };

    if (ctx->chat.root == NULL || !ngx_http_llm_models_narrowed(r, ctx)) {
        return NGX_OK;
    }

    for (i = 0; names[i]; i++) {
        if (ngx_llm_json_set(ctx->chat.root, names[i])) {
            return ngx_llm_error(r->pool, err, NGX_HTTP_FORBIDDEN,
                                 "permission_error", "model_not_allowed",
                                 names[i], "\"%s\" may not be used where not "
                                 "every model may be", names[i]);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_route_unknown(ngx_http_request_t *r, ngx_str_t *name,
    ngx_llm_error_t *err)
{
    return ngx_llm_error(r->pool, err, NGX_HTTP_NOT_FOUND,
                         "invalid_request_error", "model_not_found", "model",
                         "the model \"%*s\" does not exist here",
                         ngx_min(name->len, 128), name->data);
}


/*
 * The deployments of a model in the order of trying: tiers from the lowest,
 * within a tier smooth weighted round robin for the first, the others by the
 * weight that they have gathered.
 */

static ngx_int_t
ngx_http_llm_stage_init(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_model_t *model, ngx_str_t *name, ngx_http_llm_match_t *match)
{
    ngx_int_t                    total;
    ngx_uint_t                   i, j, tier;
    ngx_http_llm_stage_t        *stage;
    ngx_http_llm_deployment_t   *dep, *best, **order;

    stage = &ctx->stage;

    ngx_memzero(stage, sizeof(ngx_http_llm_stage_t));

    stage->model = model;
    stage->name = *name;
    stage->match = *match;

    order = ngx_palloc(r->pool, model->deployments.nelts
                                * sizeof(ngx_http_llm_deployment_t *));
    if (order == NULL) {
        return NGX_ERROR;
    }

    stage->order = order;

    dep = model->deployments.elts;
    best = NULL;
    total = 0;
    tier = (ngx_uint_t) -1;

    for (i = 0; i < model->deployments.nelts; i++) {
        if (!dep[i].down && dep[i].tier < tier) {
            tier = dep[i].tier;
        }
    }

    for (i = 0; i < model->deployments.nelts; i++) {

        if (dep[i].down) {
            continue;
        }

        if (dep[i].tier == tier) {

            /* a count takes no turn: it would always come before its chat */

            if (!ctx->chat.count) {
                dep[i].current += dep[i].weight;
                total += dep[i].weight;
            }

            if (best == NULL || dep[i].current > best->current) {
                best = &dep[i];
            }
        }

        /* insertion by tier, then by gathered weight; there are few */

        for (j = stage->n; j > 0; j--) {
            if (order[j - 1]->tier < dep[i].tier
                || (order[j - 1]->tier == dep[i].tier
                    && order[j - 1]->current >= dep[i].current))
            {
                break;
            }

            order[j] = order[j - 1];
        }

        order[j] = &dep[i];
        stage->n++;
    }

    if (best) {
        best->current -= total;
    }

    return NGX_OK;
}


ngx_http_llm_deployment_t *
ngx_http_llm_route_next(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_uint_t fail)
{
    ngx_uint_t                  why, mask;
    ngx_http_llm_loc_conf_t    *llcf;
    ngx_http_llm_deployment_t  *dep;

    if (ctx->pending) {
        return ctx->pending;
    }

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (fail
        && ((llcf->tries && ctx->attempts >= llcf->tries)
            || ngx_current_msec - ctx->start >= llcf->next_timeout))
    {
        return NULL;
    }

    mask = ctx->asked->next ? ctx->asked->next : llcf->next;

    /*
     * nothing healthy to begin with is a failure too; a parameter that no
     * deployment can take is none
     */

    why = fail;

    if (why == 0) {
        why = (ctx->failed & NGX_LLM_FAIL_REQUEST) ? NGX_LLM_FAIL_REQUEST
                                                   : NGX_LLM_FAIL_OVERLOADED;

        if (ctx->limited) {
            why |= NGX_LLM_FAIL_RATE_LIMIT;
        }
    }

    for ( ;; ) {
        dep = ngx_http_llm_stage_next(ctx, fail, mask);

        if (dep) {
            ctx->pending = dep;
            return dep;
        }

        /* another model's tokens are others */

        if (ctx->chat.count
            || ngx_http_llm_fallback(r, ctx, why, mask) != NGX_OK)
        {
            return NULL;
        }

        fail = 0;
    }
}


static ngx_http_llm_deployment_t *
ngx_http_llm_stage_next(ngx_http_llm_ctx_t *ctx, ngx_uint_t fail,
    ngx_uint_t mask)
{
    ngx_int_t                   rc;
    ngx_msec_t                  wait;
    ngx_http_llm_stage_t       *stage;
    ngx_http_llm_deployment_t  *dep;

    stage = &ctx->stage;

    if (fail && !(fail & mask)) {
        return NULL;
    }

    if (stage->model->tries && stage->tried >= stage->model->tries) {
        return NULL;
    }

    while (stage->next < stage->n) {
        dep = stage->order[stage->next];

        rc = ngx_http_llm_health_check(dep, &wait);

        if (rc != NGX_BUSY) {
            ctx->probe = (rc == NGX_AGAIN);
            return dep;
        }

        stage->next++;
        ctx->failed |= NGX_LLM_FAIL_OVERLOADED;

        rc = (ngx_int_t) ((wait + 999) / 1000);

        if (ctx->retry_after == -1 || rc < ctx->retry_after) {
            ctx->retry_after = rc;
        }
    }

    /* what is made at a provider is not to be made twice */

    if (ctx->call && ctx->call->direct
        && !(ctx->request->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
    {
        return NULL;
    }

    if (fail == NGX_LLM_FAIL_ERROR && stage->n == 1 && !stage->repeated
        && stage->tried == 1 && ctx->attempt
        && ctx->attempt->get && !ctx->attempt->received)
    {
        stage->repeated = 1;
        stage->next = 0;
        ctx->probe = 0;

        return stage->order[0];
    }

    return NULL;
}


void
ngx_http_llm_route_take(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep)
{
    ctx->pending = NULL;
    ctx->attempts++;
    ctx->stage.next++;
    ctx->stage.tried++;
}


/*
 * Enters the next model of the first fallback line that serves this class of
 * failure; names that are no model, were tried, or that this key may not use
 * are passed over.
 */

static ngx_int_t
ngx_http_llm_fallback(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_uint_t fail, ngx_uint_t mask)
{
    ngx_str_t                *name, *used;
    ngx_uint_t                i, j, on;
    ngx_http_llm_match_t      match;
    ngx_http_llm_model_t     *model;
    ngx_http_llm_fallback_t  *line;

    line = ctx->asked->fallbacks.elts;

    for (i = 0; i < ctx->asked->fallbacks.nelts; i++) {

        on = line[i].on;

        if (ctx->call) {

            /* another model's vectors, say, are of no use */

            if (!line[i].embeddings) {
                continue;
            }

            on &= ~(ngx_uint_t) NGX_HTTP_LLM_NEXT_OFF;
        }

        if (!((on ? on : mask) & fail)) {
            continue;
        }

        name = line[i].names.elts;

        for (j = 0; j < line[i].names.nelts; j++) {

            if (ngx_http_llm_tried(ctx, &name[j])) {
                continue;
            }

            used = ngx_array_push(&ctx->tried);
            if (used == NULL) {
                return NGX_ERROR;
            }

            *used = name[j];

            model = ngx_http_llm_route_find(r, &name[j], &match);

            if (model == NULL || model->route
                || !ngx_http_llm_model_allowed(r, ctx, &name[j]))
            {
                continue;
            }

            if (ngx_http_llm_stage_init(r, ctx, model, &name[j], &match)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            ctx->fallback = 1;

            return NGX_OK;
        }

        return NGX_DECLINED;
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_llm_tried(ngx_http_llm_ctx_t *ctx, ngx_str_t *name)
{
    ngx_str_t   *used;
    ngx_uint_t   i;

    used = ctx->tried.elts;

    for (i = 0; i < ctx->tried.nelts; i++) {
        if (used[i].len == name->len
            && ngx_memcmp(used[i].data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
