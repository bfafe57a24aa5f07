
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Which model a request of llm_relay is for: what its body says, or its path.
 */


#include "ngx_http_llm_relay.h"
#include "ngx_llm_sigv4.h"


/* how deep a request says of models that no other place names */
#define NGX_HTTP_LLM_RELAY_NESTED  5


static const ngx_llm_relay_dialect_t *ngx_http_llm_relay_dialect(
    ngx_http_llm_relay_t *relay);
static ngx_int_t ngx_http_llm_relay_any_feed(ngx_http_request_t *r,
    void *data, u_char *p, u_char *last);
static ngx_int_t ngx_http_llm_relay_any_member(void *data, ngx_uint_t name,
    ngx_str_t *raw);
static ngx_int_t ngx_http_llm_relay_nested_member(void *data,
    ngx_uint_t name, ngx_str_t *raw);
static ngx_int_t ngx_http_llm_relay_query(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);
static ngx_uint_t ngx_http_llm_relay_names_model(ngx_str_t *name);


/* what models are called, by whomever */

static char  *ngx_http_llm_relay_names[] = {
    "model",
    "model_id",
    "modelId",
    NULL
};


/* NULL: there is nothing to say of it */

static const ngx_llm_relay_dialect_t *
ngx_http_llm_relay_dialect(ngx_http_llm_relay_t *relay)
{
    return relay->provider ? relay->provider->dialect->relay : NULL;
}


void
ngx_http_llm_relay_meters(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_relay_t           *relay;
    const ngx_llm_relay_dialect_t  *dialect;

    relay = ctx->call_data;
    dialect = ngx_http_llm_relay_dialect(relay);

    relay->members[0] = "model";
    relay->members[1] = "stream";
    relay->members[2] = dialect ? dialect->model : NULL;
    relay->members[3] = NULL;

    ngx_llm_meter_init(&relay->meter, r->pool, relay->members, 1, 0);

    relay->meter.handler = ngx_http_llm_relay_any_member;
    relay->meter.data = relay;

    if (relay->narrowed) {
        ngx_llm_meter_init(&relay->nested, r->pool, ngx_http_llm_relay_names,
                           NGX_HTTP_LLM_RELAY_NESTED, 0);

        relay->nested.handler = ngx_http_llm_relay_nested_member;
        relay->nested.data = ctx;
    }

    if (ctx->feed == NULL) {
        ctx->feed = ngx_http_llm_relay_any_feed;
    }
}


static ngx_int_t
ngx_http_llm_relay_any_feed(ngx_http_request_t *r, void *data, u_char *p,
    u_char *last)
{
    ngx_http_llm_relay_t  *relay = data;

    if (relay->body
        && ngx_llm_sigv4_body_add(relay->body, p, last - p) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (relay->narrowed
        && ngx_llm_meter_feed(&relay->nested, p, last) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_meter_feed(&relay->meter, p, last);
}


static ngx_int_t
ngx_http_llm_relay_any_member(void *data, ngx_uint_t name, ngx_str_t *raw)
{
    ngx_http_llm_relay_t  *relay = data;

    ngx_str_t        value;
    ngx_uint_t      *n;
    ngx_llm_json_t  *node;

    n = (name == 1) ? &relay->nstreams : &relay->nmodels;

    if ((*n)++) {
        relay->error = (name == 1) ? "\"stream\" is given twice"
                                   : "\"model\" is given twice";
        return NGX_OK;
    }

    node = ngx_llm_json_parse(relay->meter.pool, raw, NULL);

    if (node == NULL) {
        relay->error = "the request body is not valid JSON";
        return NGX_OK;
    }

    if (name == 1) {
        relay->stream = (node->type == NGX_LLM_JSON_TRUE);
        return NGX_OK;
    }

    if (node->type != NGX_LLM_JSON_STRING) {
        relay->error = "\"model\" must be a string";
        return NGX_OK;
    }

    value = ngx_llm_json_text(node);
    value = ngx_llm_json_plain(relay->meter.pool, &value);

    if (value.data == NULL) {
        return NGX_ERROR;
    }

    /* the value lies in the meter's memory */

    relay->model.data = ngx_pstrdup(relay->meter.pool, &value);
    if (relay->model.data == NULL) {
        return NGX_ERROR;
    }

    relay->model.len = value.len;

    ngx_http_llm_relay_check_model(relay);

    return NGX_OK;
}


/* of an object in the body, where nothing else says which model it is */

static ngx_int_t
ngx_http_llm_relay_nested_member(void *data, ngx_uint_t name, ngx_str_t *raw)
{
    ngx_http_llm_ctx_t *ctx = data;

    ngx_str_t              model;
    ngx_http_llm_relay_t  *relay;

    relay = ctx->call_data;

    if (relay->nested.depth == 1 && name == 0) {
        return NGX_OK;
    }

    if (raw->len < 2 || raw->data[0] != '"'
        || raw->len - 2 > NGX_LLM_BATCH_MODEL)
    {
        relay->nested.odd = 1;
        return NGX_OK;
    }

    model.data = raw->data + 1;
    model.len = raw->len - 2;

    return ngx_http_llm_relay_seen(ctx, &model, 0);
}


void
ngx_http_llm_relay_check_model(ngx_http_llm_relay_t *relay)
{
    size_t  i;

    if (relay->model.len > NGX_HTTP_LLM_MAX_NAME) {
        relay->error = "\"model\" is too long";
        return;
    }

    for (i = 0; i < relay->model.len; i++) {
        if (relay->model.data[i] < ' ' || relay->model.data[i] == 0x7f) {
            relay->error = "\"model\" has a control character";
            return;
        }
    }
}


/* of a key that may not use all */

ngx_int_t
ngx_http_llm_relay_read_nested(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_http_llm_relay_t  *relay;

    static char  *headers[] = {
        "azureml-model-deployment",
        "x-amzn-sagemaker-inference-component",
        "x-amzn-sagemaker-target-container-hostname",
        "x-amzn-sagemaker-target-model",
        "x-amzn-sagemaker-target-variant",
        NULL
    };

    relay = ctx->call_data;

    for (i = 0; headers[i]; i++) {
        if (ngx_http_llm_request_header(r, headers[i])) {
            return ngx_llm_error(r->pool, err, NGX_HTTP_FORBIDDEN,
                                 "permission_error", "model_not_allowed", NULL,
                                 "the header \"%s\" may not be used with "
                                 "this key here", headers[i]);
        }
    }

    rc = ngx_http_llm_relay_query(r, ctx, err);

    if (rc != NGX_OK || relay->guarded) {
        return rc;
    }

    /* JSON with a byte order mark or in UTF-16 is read by some */

    if (relay->meter.value && !relay->meter.object) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                             "invalid_request_error", NULL, NULL,
                             "with this key the request body must be a JSON "
                             "object in UTF-8, or a form");
    }

    if (ctx->chat.model.len) {
        return NGX_OK;
    }

    if (relay->denied.len) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_FORBIDDEN,
                             "permission_error", "model_not_allowed", "model",
                             "the model \"%V\" may not be used with this key "
                             "here", &relay->denied);
    }

    if (relay->nested.odd) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                             "invalid_request_error", NULL, NULL,
                             "with this key the models in the request body "
                             "must be known, and a member's name is escaped, "
                             "or a \"model\" no string or too long");
    }

    return NGX_OK;
}


/* "model=..." */

static ngx_int_t
ngx_http_llm_relay_query(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    u_char     *p, *q, *last, *end;
    ngx_str_t   name, value;

    p = ngx_pnalloc(r->pool, r->args.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = r->args.data + r->args.len;

    for (q = r->args.data; q < last; q = end + 1) {

        end = ngx_strlchr(q, last, '&');

        if (end == NULL) {
            end = last;
        }

        value.data = ngx_strlchr(q, end, '=');

        if (value.data == NULL) {
            continue;
        }

        name.data = p;
        ngx_unescape_uri(&p, &q, value.data - q, 0);
        name.len = p - name.data;

        q = value.data + 1;

        value.data = p;
        ngx_unescape_uri(&p, &q, end - q, 0);
        value.len = p - value.data;

        if (ngx_http_llm_relay_names_model(&name)
            && !ngx_http_llm_model_allowed(r, ctx, &value))
        {
            return ngx_llm_error(r->pool, err, NGX_HTTP_FORBIDDEN,
                                 "permission_error", "model_not_allowed",
                                 "model", "the model in the query may not be "
                                 "used with this key here");
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_relay_names_model(ngx_str_t *name)
{
    char  **model;

    for (model = ngx_http_llm_relay_names; *model; model++) {
        if (name->len == ngx_strlen(*model)
            && ngx_strncasecmp(name->data, (u_char *) *model, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * ".../models/NAME:...", ".../model/NAME/...", ".../deployments/NAME/...", and
 * where else the dialect has it: a provider goes by that, whatever the body
 * says.  NGX_OK, NGX_DECLINED: the body says something else
 */

ngx_int_t
ngx_http_llm_relay_path_model(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    size_t                          len;
    u_char                         *p, *last;
    ngx_str_t                       name, part, *said;
    ngx_uint_t                      i, own, parts;
    const ngx_llm_relay_dialect_t  *dialect;

    static ngx_str_t  places[] = {
        ngx_string("/models/"),
        ngx_string("/model/"),
        ngx_string("/deployments/")
    };

    if (ctx->call->path.len) {
        return NGX_OK;
    }

    dialect = ngx_http_llm_relay_dialect(ctx->call_data);

    own = sizeof(places) / sizeof(places[0]);
    p = NULL;
    last = r->uri.data + r->uri.len;

    for (i = 0; i <= own; i++) {

        if (i < own) {
            part = places[i];

        } else if (dialect && dialect->model_path.len) {
            part = dialect->model_path;

        } else {
            break;
        }

        if (r->uri.len >= part.len) {
            p = ngx_strlcasestrn(r->uri.data, last, part.data, part.len - 1);
        }

        if (p) {
            p += part.len;
            break;
        }
    }

    if (p == NULL || p == last) {
        return NGX_OK;
    }

    name.data = p;

    parts = dialect ? dialect->model_parts : 1;

    for ( /* void */ ; p < last && (i || *p != ':'); p++) {
        if (*p == '/' && --parts == 0) {
            break;
        }
    }

    name.len = p - name.data;
    said = &ctx->chat.model;

    /* Gemini's "models/NAME" */

    len = sizeof("models/") - 1;

    if (said->len > len && ngx_strncmp(said->data, "models/", len) == 0) {
        said->data += len;
        said->len -= len;
    }

    if (said->len && (said->len != name.len
                      || ngx_memcmp(said->data, name.data, name.len) != 0))
    {
        return NGX_DECLINED;
    }

    *said = name;

    return NGX_OK;
}
