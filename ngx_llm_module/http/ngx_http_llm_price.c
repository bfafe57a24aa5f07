
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Prices of deployments, and what a request has cost.
 */


#include "ngx_http_llm_price.h"


/* "provider/model" as lists name it; a longer name is in none */
#define NGX_HTTP_LLM_PRICE_NAME  512


typedef struct {
    const ngx_llm_price_t        *price;        /* known */
    const ngx_llm_price_t        *facts;        /* knows the context */
} ngx_http_llm_price_entry_t;


static ngx_int_t ngx_http_llm_price_init(ngx_conf_t *cf,
    ngx_http_llm_prices_t *prices, ngx_http_llm_deployment_t *dep);
static ngx_uint_t ngx_http_llm_price_template(ngx_str_t *text);
static void ngx_http_llm_price_public(ngx_http_llm_prices_t *prices,
    ngx_http_llm_deployment_t *dep, ngx_http_llm_price_entry_t *entry);

static ngx_int_t ngx_http_llm_price_entry(ngx_http_request_t *r,
    ngx_http_llm_deployment_t *dep, ngx_http_llm_match_t *match,
    ngx_str_t *name, ngx_http_llm_price_entry_t *entry);
static void ngx_http_llm_price_lookup(ngx_http_llm_prices_t *prices,
    ngx_http_llm_provider_t *provider, ngx_str_t *as, ngx_str_t *model,
    ngx_http_llm_price_entry_t *entry);
static void ngx_http_llm_price_name(ngx_http_llm_prices_t *prices,
    ngx_str_t *name, ngx_http_llm_price_entry_t *entry);

static int64_t ngx_http_llm_cost_count(ngx_http_llm_attempt_t *at,
    ngx_llm_usage_t *usage);


/*
 * A price is the deployment's own, the model's, or of a list: by "as=", by
 * preset and model, by model, by the public name.  The file's list lies over
 * the built-in one, name by name.
 */

ngx_int_t
ngx_http_llm_prices_init(ngx_conf_t *cf)
{
    ngx_uint_t                  i, n;
    ngx_http_llm_model_t      **model;
    ngx_http_llm_main_conf_t   *lmcf;
    ngx_http_llm_deployment_t  *dep;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    model = lmcf->models.elts;

    for (i = 0; i < lmcf->models.nelts; i++) {

        if (ngx_http_llm_price_make(cf, model[i]->rates, &model[i]->price)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        dep = model[i]->deployments.elts;

        for (n = 0; n < model[i]->deployments.nelts; n++) {
            if (ngx_http_llm_price_init(cf, lmcf->prices, &dep[n]) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_price_init(ngx_conf_t *cf, ngx_http_llm_prices_t *prices,
    ngx_http_llm_deployment_t *dep)
{
    ngx_http_llm_price_entry_t  entry;

    if (ngx_http_llm_price_make(cf, dep->rates, &dep->price) != NGX_OK) {
        return NGX_ERROR;
    }

    if (dep->price == NULL) {
        dep->price = dep->model->price;
    }

    if (ngx_http_llm_price_template(&dep->name)
        || ngx_http_llm_price_template(&dep->as))
    {
        dep->price_varies = 1;
        return NGX_OK;
    }

    ngx_memzero(&entry, sizeof(ngx_http_llm_price_entry_t));

    if (dep->as.len) {
        ngx_http_llm_price_name(prices, &dep->as, &entry);

        if (entry.price == NULL && dep->price == NULL) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"as=%V\" of deployment \"%V\" is in no price "
                          "list in %s:%ui",
                          &dep->as, &dep->id, dep->file, dep->line);
        }
    }

    ngx_http_llm_price_lookup(prices, dep->provider, &dep->as, &dep->name,
                              &entry);
    ngx_http_llm_price_public(prices, dep, &entry);

    dep->facts = entry.facts;

    if (dep->price == NULL) {
        dep->price = entry.price;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_price_template(ngx_str_t *text)
{
    u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    while (p < last) {
        if (*p == '*' || *p == '$') {
            return 1;
        }

        p++;
    }

    return 0;
}


/*
 * the name that the client says comes last: where there may be several, it is
 * looked up with the request
 */

static void
ngx_http_llm_price_public(ngx_http_llm_prices_t *prices,
    ngx_http_llm_deployment_t *dep, ngx_http_llm_price_entry_t *entry)
{
    ngx_uint_t                   i, n;
    ngx_http_llm_pattern_t     **pattern;
    ngx_http_llm_price_entry_t   one;

    if (entry->price && entry->facts) {
        return;
    }

    pattern = dep->model->patterns.elts;
    n = dep->model->patterns.nelts;

    if (n == 1 && pattern[0]->kind == NGX_HTTP_LLM_EXACT) {
        ngx_http_llm_price_name(prices, &pattern[0]->text, entry);
        return;
    }

    for (i = 0; i < n; i++) {

        ngx_memzero(&one, sizeof(ngx_http_llm_price_entry_t));

        if (pattern[i]->kind == NGX_HTTP_LLM_EXACT) {
            ngx_http_llm_price_name(prices, &pattern[i]->text, &one);
        }

        if (pattern[i]->kind != NGX_HTTP_LLM_EXACT || one.price || one.facts) {
            dep->price_varies = 1;
            return;
        }
    }
}


void
ngx_http_llm_price_check(ngx_conf_t *cf, ngx_http_llm_deployment_t *dep,
    ngx_str_t *limit)
{
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (dep->price || dep->price_varies || dep->down
        || (lmcf->prices && lmcf->prices->fallback))
    {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "deployment \"%V\" in %s:%ui has no price, but there is a "
                  "cost limit: %V", &dep->id, dep->file, dep->line, limit);
}


const ngx_llm_price_t *
ngx_http_llm_price_find(ngx_http_request_t *r, ngx_http_llm_deployment_t *dep,
    ngx_http_llm_match_t *match, ngx_str_t *name)
{
    ngx_http_llm_main_conf_t    *lmcf;
    ngx_http_llm_price_entry_t   entry;

    if (dep->price) {
        return dep->price;
    }

    if (dep->price_varies
        && ngx_http_llm_price_entry(r, dep, match, name, &entry) == NGX_OK
        && entry.price)
    {
        return entry.price;
    }

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    return lmcf->prices ? lmcf->prices->fallback : NULL;
}


ngx_uint_t
ngx_http_llm_price_needed(ngx_http_request_t *r, ngx_uint_t limited)
{
    ngx_uint_t                 unpriced;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    unpriced = lmcf->prices ? lmcf->prices->unpriced
                            : NGX_HTTP_LLM_UNPRICED_DEFAULT;

    return unpriced == NGX_HTTP_LLM_UNPRICED_REFUSE
           || (unpriced == NGX_HTTP_LLM_UNPRICED_DEFAULT && limited);
}


void
ngx_http_llm_price_facts(ngx_http_request_t *r,
    ngx_http_llm_deployment_t *dep, ngx_http_llm_match_t *match,
    ngx_str_t *name, ngx_http_llm_facts_t *facts)
{
    const ngx_llm_price_t       *price;
    ngx_http_llm_price_entry_t   entry;

    ngx_memzero(facts, sizeof(ngx_http_llm_facts_t));

    price = dep->facts;

    if (price == NULL
        && dep->price_varies
        && ngx_http_llm_price_entry(r, dep, match, name, &entry) == NGX_OK)
    {
        price = entry.facts;
    }

    if (price) {
        facts->context = price->context;
        facts->max_input = price->max_input;
        facts->max_output = price->max_output;
    }

    if (dep->model->context) {
        facts->context = dep->model->context;
        facts->max_input = dep->model->context;
    }
}


static ngx_int_t
ngx_http_llm_price_entry(ngx_http_request_t *r,
    ngx_http_llm_deployment_t *dep, ngx_http_llm_match_t *match,
    ngx_str_t *name, ngx_http_llm_price_entry_t *entry)
{
    ngx_str_t                  as, model;
    ngx_http_llm_main_conf_t  *lmcf;

    ngx_memzero(entry, sizeof(ngx_http_llm_price_entry_t));

    if (ngx_http_llm_template_run(r->pool, &dep->as, match, &as) != NGX_OK
        || ngx_http_llm_template_run(r->pool, &dep->name, match, &model)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    ngx_http_llm_price_lookup(lmcf->prices, dep->provider, &as, &model,
                              entry);
    ngx_http_llm_price_name(lmcf->prices, name, entry);

    return NGX_OK;
}


static void
ngx_http_llm_price_lookup(ngx_http_llm_prices_t *prices,
    ngx_http_llm_provider_t *provider, ngx_str_t *as, ngx_str_t *model,
    ngx_http_llm_price_entry_t *entry)
{
    u_char     *p;
    ngx_str_t  *preset, name;
    u_char      buf[NGX_HTTP_LLM_PRICE_NAME];

    ngx_http_llm_price_name(prices, as, entry);

    if (provider->preset.len) {

        preset = ngx_llm_prices_provider(&provider->preset);

        if (preset->len + 1 + model->len <= NGX_HTTP_LLM_PRICE_NAME) {

            p = ngx_cpymem(buf, preset->data, preset->len);
            *p++ = '/';
            p = ngx_cpymem(p, model->data, model->len);

            name.data = buf;
            name.len = p - buf;

            ngx_http_llm_price_name(prices, &name, entry);
        }
    }

    ngx_http_llm_price_name(prices, model, entry);
}


/* fills what is not known yet */

static void
ngx_http_llm_price_name(ngx_http_llm_prices_t *prices, ngx_str_t *name,
    ngx_http_llm_price_entry_t *entry)
{
    ngx_uint_t              i;
    const ngx_llm_price_t  *found[2];

    if (name->len == 0 || (entry->price && entry->facts)) {
        return;
    }

    found[0] = prices ? ngx_llm_price_list_find(&prices->list, name) : NULL;
    found[1] = ngx_llm_prices_find(name);

    for (i = 0; i < 2; i++) {

        if (found[i] == NULL) {
            continue;
        }

        if (entry->price == NULL && ngx_llm_price_known(found[i])) {
            entry->price = found[i];
        }

        if (entry->facts == NULL
            && (found[i]->context || found[i]->max_output))
        {
            entry->facts = found[i];
        }
    }
}


static int64_t
ngx_http_llm_cost_count(ngx_http_llm_attempt_t *at, ngx_llm_usage_t *usage)
{
    ngx_llm_chat_t  *chat;

    chat = &at->ctx->chat;

    return ngx_llm_price_cost(at->price, usage,
                              ngx_llm_price_chat_service(chat),
                              ngx_llm_price_chat_images(chat));
}


int64_t
ngx_http_llm_cost(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_attempt_t  *at;

    at = ctx->attempt;

    if (at == NULL || at->price == NULL || !at->good) {
        return 0;
    }

    return ngx_http_llm_cost_count(at, &ctx->usage);
}


void
ngx_http_llm_cost_tell(ngx_http_llm_attempt_t *at, ngx_llm_usage_t *usage)
{
    if (at->tell_cost && usage->reported) {
        usage->cost = ngx_http_llm_cost_count(at, usage);
        at->told_cost = 1;
    }
}


ngx_int_t
ngx_http_llm_cost_header(ngx_http_request_t *r, ngx_http_llm_attempt_t *at)
{
    u_char     *p;
    ngx_str_t   value;

    if (at->price == NULL || !at->ctx->usage.reported) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_LLM_PRICE_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_llm_price_text(p, ngx_http_llm_cost(at->ctx)) - p;

    return ngx_http_llm_add_header(r, "x-llm-cost", &value);
}


ngx_int_t
ngx_http_llm_cost_frame(ngx_http_llm_attempt_t *at, ngx_llm_frame_t *frame)
{
    u_char         *p;
    size_t          len;
    ngx_int_t       rc;
    ngx_str_t       before, after;
    ngx_pool_t     *pool;
    ngx_llm_out_t   out;

    if (!at->told_cost) {
        return NGX_OK;
    }

    at->told_cost = 0;

    if (frame->raw.len == 0) {
        return NGX_OK;
    }

    pool = at->reader.scratch;

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_LLM_MAX_EVENT * 2);

    ngx_str_null(&before);
    ngx_str_set(&after, "\n\n");

    if (frame->data.data >= frame->raw.data
        && frame->data.data < frame->raw.data + frame->raw.len)
    {
        before.data = frame->raw.data;
        before.len = frame->data.data - frame->raw.data;

        after.data = frame->data.data + frame->data.len;
        after.len = frame->raw.data + frame->raw.len - after.data;

    } else if (frame->name.len) {
        ngx_llm_out_lit(&out, "event: ");
        ngx_llm_out_str(&out, &frame->name);
        ngx_llm_out_lit(&out, "\ndata: ");

    } else {
        ngx_llm_out_lit(&out, "data: ");
    }

    ngx_llm_out_str(&out, &before);

    len = ngx_llm_out_len(&out);

    rc = ngx_llm_price_insert(pool, &frame->data, at->ctx->usage.cost, &out);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    /* data of several lines was joined: they become one */

    for (p = out.start + len; p < out.last; p++) {
        if (*p == LF) {
            *p = ' ';
        }
    }

    ngx_llm_out_str(&out, &after);

    if (out.failed) {
        return NGX_ERROR;
    }

    frame->raw.data = out.start;
    frame->raw.len = ngx_llm_out_len(&out);

    return NGX_OK;
}
