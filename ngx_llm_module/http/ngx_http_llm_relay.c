
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What is asked for, and of whom: a model that the body names, or a provider.
 */


#include "ngx_http_llm_relay.h"
#include "ngx_llm_sigv4.h"


static ngx_int_t ngx_http_llm_relay_any(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_str_t *rest, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_relay_signable(ngx_str_t *rest);
static ngx_int_t ngx_http_llm_relay_read(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_relay_read_direct(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_relay_choose(ngx_http_request_t *r,
    ngx_http_llm_relay_t *relay, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_relay_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_llm_relay_add(ngx_conf_t *cf,
    ngx_http_llm_loc_conf_t *llcf);
static ngx_int_t ngx_http_llm_relay_direct(ngx_conf_t *cf,
    ngx_http_llm_provider_t *provider);
static ngx_int_t ngx_http_llm_relay_find(ngx_conf_t *cf,
    ngx_http_llm_loc_conf_t *llcf);


static ngx_http_request_body_filter_pt  ngx_http_next_request_body_filter;


#define ngx_http_llm_relay_call(path, model, params, begin, read, through,   \
    direct)                                                                  \
    {                                                                        \
        ngx_string(path),                                                    \
        ngx_string(model),                                                   \
        params,                                                              \
        begin,                                                               \
        read,                                                                \
        ngx_http_llm_relay_request,                                          \
        ngx_http_llm_relay_answer,                                           \
        1, through, direct                                                   \
    }


const ngx_http_llm_call_t  ngx_http_llm_moderations =
    ngx_http_llm_relay_call("/moderations", "omni-moderation-latest",
                            ngx_llm_moderation_params, ngx_http_llm_relay_begin,
                            ngx_http_llm_relay_read, 0, 0);

const ngx_http_llm_call_t  ngx_http_llm_images =
    ngx_http_llm_relay_call("/images/generations", "dall-e-2",
                            ngx_llm_image_params, ngx_http_llm_relay_begin,
                            ngx_http_llm_relay_read, 0, 0);

const ngx_http_llm_call_t  ngx_http_llm_edits =
    ngx_http_llm_relay_call("/images/edits", "dall-e-2",
                            ngx_llm_image_params, ngx_http_llm_relay_form,
                            ngx_http_llm_relay_read, 0, 0);

const ngx_http_llm_call_t  ngx_http_llm_variations =
    ngx_http_llm_relay_call("/images/variations", "dall-e-2",
                            ngx_llm_image_params, ngx_http_llm_relay_form,
                            ngx_http_llm_relay_read, 0, 0);

const ngx_http_llm_call_t  ngx_http_llm_speech =
    ngx_http_llm_relay_call("/audio/speech", "",
                            ngx_llm_speech_params, ngx_http_llm_relay_begin,
                            ngx_http_llm_relay_read, 0, 0);

const ngx_http_llm_call_t  ngx_http_llm_transcriptions =
    ngx_http_llm_relay_call("/audio/transcriptions", "",
                            ngx_llm_speech_params, ngx_http_llm_relay_form,
                            ngx_http_llm_relay_read, 0, 0);

const ngx_http_llm_call_t  ngx_http_llm_translations =
    ngx_http_llm_relay_call("/audio/translations", "",
                            ngx_llm_speech_params, ngx_http_llm_relay_form,
                            ngx_http_llm_relay_read, 0, 0);

const ngx_http_llm_call_t  ngx_http_llm_files =
    ngx_http_llm_relay_call("/files", "",
                            NULL, ngx_http_llm_relay_any,
                            ngx_http_llm_relay_read_direct, 1, 1);

const ngx_http_llm_call_t  ngx_http_llm_batches =
    ngx_http_llm_relay_call("/batches", "",
                            NULL, ngx_http_llm_relay_any,
                            ngx_http_llm_relay_read_direct, 1, 1);

static const ngx_http_llm_call_t  ngx_http_llm_relay_location =
    ngx_http_llm_relay_call("", "",
                            NULL, ngx_http_llm_relay_any,
                            ngx_http_llm_relay_read_direct, 1, 1);


/* any path of a location with llm_relay */

const ngx_http_llm_path_t  ngx_http_llm_relay_path = {
    ngx_null_string,
    NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_DELETE
    |NGX_HTTP_PATCH,
    ngx_string("GET, HEAD, POST, PUT, DELETE, PATCH"),
    NGX_HTTP_LLM_CALL,
    NULL,
    &ngx_http_llm_relay_location,
    1
};


ngx_int_t
ngx_http_llm_relay_begin(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_str_t *rest, ngx_llm_error_t *err)
{
    ngx_http_llm_relay_t  *relay;

    relay = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_relay_t));
    if (relay == NULL) {
        return NGX_ERROR;
    }

    ctx->call_data = relay;

    return NGX_OK;
}


/* a body of any kind; of JSON a few members are looked at */

static ngx_int_t
ngx_http_llm_relay_any(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_str_t *rest, ngx_llm_error_t *err)
{
    ngx_int_t                 rc;
    ngx_http_llm_relay_t     *relay;
    ngx_http_llm_loc_conf_t  *llcf;

    if (ngx_http_llm_relay_begin(r, ctx, rest, err) != NGX_OK) {
        return NGX_ERROR;
    }

    relay = ctx->call_data;
    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (ngx_http_llm_request_header(r, "content-encoding")) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                             "invalid_request_error",
                             "unsupported_content_type", NULL,
                             "send the body without \"Content-Encoding\"");
    }

    if (ngx_http_llm_relay_rest(r, rest, ctx->call->path.len, &relay->rest)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    relay->provider = llcf->relay;
    ctx->keep = 1;

    rc = ngx_http_llm_relay_guard(r, ctx, err);

    if (rc != NGX_OK) {
        return rc;
    }

    if (relay->provider) {

        if (relay->provider->dialect->write_error) {
            ctx->dialect = relay->provider->dialect;
        }

        if (relay->provider->dialect->sign) {

            if (ngx_http_llm_relay_signable(&relay->rest) != NGX_OK) {
                return ngx_llm_error(r->pool, err,
                                     NGX_HTTP_REQUEST_URI_TOO_LARGE,
                                     "invalid_request_error", NULL, NULL,
                                     "the path with its query is too long to "
                                     "be signed");
            }

            relay->body = ngx_llm_sigv4_body_begin(r->pool);
            if (relay->body == NULL) {
                return NGX_ERROR;
            }
        }
    }

    if (relay->provider || relay->narrowed) {
        ngx_http_llm_relay_meters(r, ctx);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_relay_signable(ngx_str_t *rest)
{
    size_t      i;
    ngx_uint_t  n;

    n = 1;

    for (i = 0; i < rest->len; i++) {
        n += (rest->data[i] == '&');
    }

    return (n > NGX_LLM_SIGV4_ARGS || rest->len > NGX_LLM_SIGV4_PATH)
           ? NGX_DECLINED : NGX_OK;
}


/* when the body is there */

static ngx_int_t
ngx_http_llm_relay_read(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_int_t         rc;
    ngx_llm_chat_t   *chat;

    chat = &ctx->chat;

    rc = ctx->keep ? ngx_http_llm_relay_read_form(r, ctx, err)
                   : ngx_llm_openai_read_call(chat, 0, err);

    if (rc != NGX_OK) {
        return rc;
    }

    chat->max_tokens = 0;
    chat->dialect = ctx->dialect;

    if (chat->model.len == 0) {
        chat->model = ctx->call->model;
    }

    if (chat->model.len == 0) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                             "invalid_request_error", NULL, "model",
                             "\"model\" is required");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_relay_read_direct(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_int_t              rc;
    ngx_http_llm_relay_t  *relay;

    relay = ctx->call_data;

    if (relay->guarded) {
        rc = ngx_http_llm_relay_read_form(r, ctx, err);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* who decodes a name may see another one than who compares bytes */

    if (relay->error == NULL && relay->meter.object && relay->meter.odd) {
        relay->error = "a member's name is escaped, or a value too long";
    }

    if (relay->error) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                             "invalid_request_error", NULL, NULL, "%s",
                             relay->error);
    }

    if (relay->provider == NULL) {
        rc = ngx_http_llm_relay_choose(r, relay, err);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ctx->chat.dialect = ctx->dialect;
    ctx->chat.max_tokens = 0;
    ctx->chat.model = relay->model;
    ctx->chat.stream = relay->stream;

    if (ngx_http_llm_relay_path_model(r, ctx) != NGX_OK) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                             "invalid_request_error", NULL, "model",
                             "the path and the body name two models");
    }

    if (relay->narrowed) {
        rc = ngx_http_llm_relay_read_nested(r, ctx, err);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_llm_route_direct(r, ctx, relay->provider, err);
}


/*
 * For files and batches: "provider" in the query, the header
 * "x-llm-provider", or the only provider that speaks OpenAI's dialect.
 */

static ngx_int_t
ngx_http_llm_relay_choose(ngx_http_request_t *r, ngx_http_llm_relay_t *relay,
    ngx_llm_error_t *err)
{
    ngx_str_t                  arg, *name;
    ngx_uint_t                 i, n;
    ngx_http_llm_provider_t  **p;
    ngx_http_llm_main_conf_t  *lmcf;

    name = NULL;

    if (ngx_http_arg(r, (u_char *) "provider", 8, &arg) == NGX_OK) {
        name = &arg;

    } else {
        name = ngx_http_llm_request_header(r, "x-llm-provider");
    }

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    p = lmcf->providers.elts;
    n = 0;

    for (i = 0; i < lmcf->providers.nelts; i++) {

        if (p[i]->dialect != &ngx_llm_openai) {
            continue;
        }

        if (name == NULL) {
            relay->provider = p[i];
            n++;

        } else if (name->len == p[i]->name.len
                   && ngx_memcmp(name->data, p[i]->name.data, name->len) == 0)
        {
            relay->provider = p[i];
            n = 1;
            break;
        }
    }

    if (n == 1) {
        return NGX_OK;
    }

    if (name) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                             "invalid_request_error", NULL, "provider",
                             "there is no provider \"%*s\" with files here",
                             ngx_min(name->len, 64), name->data);
    }

    return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                         "invalid_request_error", NULL, "provider",
                         "name the provider that holds the files: add "
                         "\"?provider=NAME\" or the header "
                         "\"x-llm-provider: NAME\"");
}


static ngx_int_t
ngx_http_llm_relay_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t           *b;
    ngx_chain_t         *cl;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (ctx == NULL || ctx->feed == NULL) {
        return ngx_http_next_request_body_filter(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b) && b->pos != b->last
            && ctx->feed(r, ctx->call_data, b->pos, b->last) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}


char *
ngx_http_llm_relay(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_str_t                  *value;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_llm_main_conf_t   *lmcf;

    if (llcf->relay_name.data) {
        return "is duplicate";
    }

    if (llcf->gateway == 1) {
        return "cannot stand beside \"llm_gateway\"";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

#if (NGX_PCRE)
    if (clcf->regex) {
        return "cannot stand in a location given by regular expression";
    }
#endif

    if (clcf->named || clcf->exact_match || clcf->noname) {
        return "needs a location with a prefix";
    }

    if (ngx_http_llm_relay_add(cf, llcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    llcf->relay_name = value[1];
    llcf->prefix = clcf->name;
    llcf->gateway = 1;
    llcf->file = cf->conf_file->file.name.data;
    llcf->line = cf->conf_file->line;

    while (llcf->prefix.len
           && llcf->prefix.data[llcf->prefix.len - 1] == '/')
    {
        llcf->prefix.len--;
    }

    clcf->handler = ngx_http_llm_handler;
    lmcf->ngateways++;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_relay_add(ngx_conf_t *cf, ngx_http_llm_loc_conf_t *llcf)
{
    ngx_http_llm_loc_conf_t   **place;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (lmcf->relays.elts == NULL
        && ngx_array_init(&lmcf->relays, cf->pool, 4,
                          sizeof(ngx_http_llm_loc_conf_t *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    place = ngx_array_push(&lmcf->relays);
    if (place == NULL) {
        return NGX_ERROR;
    }

    *place = llcf;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_relay_inherit(ngx_conf_t *cf, ngx_http_llm_loc_conf_t *prev,
    ngx_http_llm_loc_conf_t *conf)
{
    conf->relay_name = prev->relay_name;
    conf->file = prev->file;
    conf->line = prev->line;

    return ngx_http_llm_relay_add(cf, conf);
}


ngx_int_t
ngx_http_llm_relay_init(ngx_conf_t *cf)
{
    ngx_uint_t                   i;
    ngx_http_llm_loc_conf_t    **llcf;
    ngx_http_llm_provider_t    **provider;
    ngx_http_llm_main_conf_t    *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    provider = lmcf->providers.elts;

    for (i = 0; i < lmcf->providers.nelts; i++) {
        if (ngx_http_llm_relay_direct(cf, provider[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    llcf = lmcf->relays.elts;

    for (i = 0; i < lmcf->relays.nelts; i++) {
        if (ngx_http_llm_relay_find(cf, llcf[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (lmcf->ngateways == 0) {
        return NGX_OK;
    }

    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_llm_relay_body_filter;

    return NGX_OK;
}


/* what a request that names no model of the gateway's is routed to */

static ngx_int_t
ngx_http_llm_relay_direct(ngx_conf_t *cf, ngx_http_llm_provider_t *provider)
{
    u_char                     *p;
    ngx_http_llm_model_t       *model;
    ngx_http_llm_deployment_t  *dep;

    model = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_model_t));
    if (model == NULL) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&model->deployments, cf->pool, 1,
                       sizeof(ngx_http_llm_deployment_t))
        != NGX_OK
        || ngx_array_init(&model->fallbacks, cf->pool, 1,
                          sizeof(ngx_http_llm_fallback_t))
           != NGX_OK
        || ngx_array_init(&model->patterns, cf->pool, 1,
                          sizeof(ngx_http_llm_pattern_t *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    dep = ngx_array_push(&model->deployments);
    if (dep == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(dep, sizeof(ngx_http_llm_deployment_t));

    p = ngx_pnalloc(cf->pool, sizeof("provider/") - 1 + provider->name.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    dep->id.data = p;
    p = ngx_cpymem(p, "provider/", sizeof("provider/") - 1);
    p = ngx_cpymem(p, provider->name.data, provider->name.len);
    dep->id.len = p - dep->id.data;

    ngx_str_set(&dep->name, "*");

    dep->model = model;
    dep->provider = provider;
    dep->provider_name = provider->name;
    dep->weight = 1;
    dep->price_varies = 1;

    model->name = dep->id;
    model->clocks.connect = NGX_CONF_UNSET_MSEC;
    model->clocks.first_token = NGX_CONF_UNSET_MSEC;
    model->clocks.read = NGX_CONF_UNSET_MSEC;
    model->clocks.total = NGX_CONF_UNSET_MSEC;

    provider->direct = model;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_relay_find(ngx_conf_t *cf, ngx_http_llm_loc_conf_t *llcf)
{
    ngx_uint_t                  i;
    ngx_http_llm_provider_t   **p;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    p = lmcf->providers.elts;

    for (i = 0; i < lmcf->providers.nelts; i++) {
        if (p[i]->name.len == llcf->relay_name.len
            && ngx_memcmp(p[i]->name.data, llcf->relay_name.data,
                          p[i]->name.len)
               == 0)
        {
            llcf->relay = p[i];
            break;
        }
    }

    if (llcf->relay == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"llm_relay\" of provider \"%V\", which is not "
                      "declared, in %s:%ui", &llcf->relay_name, llcf->file,
                      llcf->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}
