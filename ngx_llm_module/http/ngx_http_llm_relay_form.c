
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Forms that go on as they are: the model that a field names, and for keys
 * that may not use every model those that a batch's file names.
 */


#include "ngx_http_llm_relay.h"
#include "ngx_llm_sigv4.h"


static ngx_uint_t ngx_http_llm_relay_multipart(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_relay_type(ngx_http_request_t *r,
    ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_relay_form_init(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_relay_form_feed(ngx_http_request_t *r,
    void *data, u_char *p, u_char *last);
static ngx_int_t ngx_http_llm_relay_form_field(void *data, ngx_str_t *name,
    ngx_str_t *value, ngx_uint_t whole, off_t from);
static void ngx_http_llm_relay_purpose(ngx_http_llm_relay_t *relay,
    ngx_str_t *value);
static ngx_int_t ngx_http_llm_relay_content(void *data, u_char *p, size_t len,
    ngx_uint_t last);


/* a form, or JSON where that has the same members */

ngx_int_t
ngx_http_llm_relay_form(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_str_t *rest, ngx_llm_error_t *err)
{
    ngx_int_t  rc;

    if (ngx_http_llm_relay_begin(r, ctx, rest, err) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_http_llm_relay_multipart(r)) {
        return NGX_OK;
    }

    rc = ngx_http_llm_relay_type(r, err);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llm_relay_form_init(r, ctx, err);
}


/* both would be passed on, and the provider may read the other one */

static ngx_int_t
ngx_http_llm_relay_type(ngx_http_request_t *r, ngx_llm_error_t *err)
{
    ngx_str_t  type;

    if (ngx_http_llm_request_list(r, "content-type", &type) != NGX_OK) {
        return NGX_ERROR;
    }

    if (type.len && type.len != r->headers_in.content_type->value.len) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                             "invalid_request_error", NULL, NULL,
                             "the header \"Content-Type\" is given twice");
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_relay_multipart(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = r->headers_in.content_type;

    return h
           && h->value.len >= sizeof("multipart/") - 1
           && ngx_strncasecmp(h->value.data, (u_char *) "multipart/",
                              sizeof("multipart/") - 1)
              == 0;
}


static ngx_int_t
ngx_http_llm_relay_form_init(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_int_t              rc;
    ngx_table_elt_t       *h;
    ngx_http_llm_relay_t  *relay;

    relay = ctx->call_data;
    h = r->headers_in.content_type;

    rc = ngx_llm_multipart_init(&relay->multipart, r->pool, &h->value);

    if (rc == NGX_DECLINED) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                             "invalid_request_error", NULL, NULL,
                             "the header \"Content-Type\" is no "
                             "\"multipart/form-data\" with a boundary");
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    relay->multipart.handler = ngx_http_llm_relay_form_field;
    relay->multipart.data = relay;

    ctx->feed = ngx_http_llm_relay_form_feed;
    ctx->keep = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_relay_form_feed(ngx_http_request_t *r, void *data, u_char *p,
    u_char *last)
{
    ngx_http_llm_relay_t  *relay = data;

    ngx_int_t  rc;

    if (relay->body
        && ngx_llm_sigv4_body_add(relay->body, p, last - p) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (relay->error) {
        return NGX_OK;
    }

    rc = ngx_llm_multipart_feed(&relay->multipart, p, last);

    if (rc == NGX_DECLINED) {
        relay->error = relay->multipart.error;
        return NGX_OK;
    }

    return rc;
}


static ngx_int_t
ngx_http_llm_relay_form_field(void *data, ngx_str_t *name, ngx_str_t *value,
    ngx_uint_t whole, off_t from)
{
    ngx_http_llm_relay_t  *relay = data;

    if (name->len == sizeof("stream") - 1
        && ngx_strncmp(name->data, "stream", name->len) == 0)
    {
        relay->stream = (value->len == sizeof("true") - 1
                         && ngx_strncasecmp(value->data, (u_char *) "true",
                                            value->len)
                            == 0);
        return NGX_OK;
    }

    if (name->len == sizeof("purpose") - 1
        && ngx_strncmp(name->data, "purpose", name->len) == 0)
    {
        ngx_http_llm_relay_purpose(relay, value);
        return NGX_OK;
    }

    if (!(name->len == sizeof("model") - 1
          && ngx_strncmp(name->data, "model", name->len) == 0)
        && !(relay->narrowed
             && name->len == sizeof("model_id") - 1
             && ngx_strncmp(name->data, "model_id", name->len) == 0))
    {
        return NGX_OK;
    }

    if (relay->nmodels++) {
        relay->error = "\"model\" is given twice";
        return NGX_OK;
    }

    if (!whole) {
        relay->error = "\"model\" is too long";
        return NGX_OK;
    }

    relay->model.data = ngx_pstrdup(relay->multipart.pool, value);
    if (relay->model.data == NULL) {
        return NGX_ERROR;
    }

    relay->model.len = value->len;
    relay->model_from = from;

    ngx_http_llm_relay_check_model(relay);

    return NGX_OK;
}


/* purposes of files that are no batches */

static void
ngx_http_llm_relay_purpose(ngx_http_llm_relay_t *relay, ngx_str_t *value)
{
    ngx_uint_t  i;

    static ngx_str_t  others[] = {
        ngx_string("assistants"),
        ngx_string("evals"),
        ngx_string("fine-tune"),
        ngx_string("user_data"),
        ngx_string("vision"),
        ngx_null_string
    };

    relay->purposes++;

    for (i = 0; others[i].len; i++) {
        if (value->len == others[i].len
            && ngx_memcmp(value->data, others[i].data, value->len) == 0)
        {
            relay->other_purpose = 1;
        }
    }
}


/* for files and llm_relay, when the key is known */

ngx_int_t
ngx_http_llm_relay_guard(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_int_t              rc;
    ngx_http_llm_relay_t  *relay;

    if (!ngx_http_llm_models_narrowed(r, ctx)) {
        return NGX_OK;
    }

    relay = ctx->call_data;
    relay->narrowed = 1;

    rc = ngx_http_llm_relay_type(r, err);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_http_llm_relay_multipart(r)) {
        return NGX_OK;
    }

    rc = ngx_http_llm_relay_form_init(r, ctx, err);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_batch_init(&relay->batch);

    relay->batch.handler = ngx_http_llm_relay_seen;
    relay->batch.data = ctx;
    relay->multipart.content = ngx_http_llm_relay_content;
    relay->guarded = 1;

    return NGX_OK;
}


/* what is not called a file, but so named, may be taken for one */

static ngx_int_t
ngx_http_llm_relay_content(void *data, u_char *p, size_t len,
    ngx_uint_t last)
{
    ngx_http_llm_relay_t  *relay = data;

    ngx_int_t   rc;
    ngx_str_t  *name;

    name = &relay->multipart.name;

    if (relay->batch.error
        || (name->data && (name->len != sizeof("file") - 1
                           || ngx_memcmp(name->data, "file", name->len) != 0)))
    {
        return NGX_OK;
    }

    if (!last) {
        rc = ngx_llm_batch_feed(&relay->batch, p, p + len);

    } else {
        rc = ngx_llm_batch_end(&relay->batch);

        if (rc == NGX_OK) {
            ngx_llm_batch_init(&relay->batch);
        }
    }

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


/* the first that may not be used is remembered; names mostly repeat */

ngx_int_t
ngx_http_llm_relay_seen(void *data, ngx_str_t *model, ngx_uint_t line)
{
    ngx_http_llm_ctx_t *ctx = data;

    ngx_str_t              name;
    ngx_http_llm_relay_t  *relay;

    relay = ctx->call_data;

    if (relay->denied.len
        || (relay->seen_len == model->len
            && ngx_memcmp(relay->seen, model->data, model->len) == 0))
    {
        return NGX_OK;
    }

    /* escapes are none of a name's business */

    name = *model;

    if (memchr(model->data, '\\', model->len) == NULL
        && ngx_http_llm_model_allowed(ctx->request, ctx, &name))
    {
        ngx_memcpy(relay->seen, model->data, model->len);
        relay->seen_len = model->len;

        return NGX_OK;
    }

    relay->denied.data = ngx_pstrdup(ctx->request->pool, &name);
    if (relay->denied.data == NULL) {
        return NGX_ERROR;
    }

    relay->denied.len = name.len;
    relay->denied_line = line;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_relay_read_form(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_http_llm_relay_t  *relay;

    relay = ctx->call_data;

    if (relay->error == NULL && !ngx_llm_multipart_whole(&relay->multipart)) {
        relay->error = "it has no final boundary";
    }

    if (relay->error) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                             "invalid_request_error", NULL, NULL,
                             "the form in the request body is not valid: %s",
                             relay->error);
    }

    ctx->chat.model = relay->model;
    ctx->chat.stream = relay->stream;

    /* a file for something else may hold anything; so may other forms */

    if (!relay->guarded
        || (relay->purposes == 0 && ctx->call->path.len == 0)
        || (relay->purposes == 1 && relay->other_purpose))
    {
        return NGX_OK;
    }

    if (relay->denied.len) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_FORBIDDEN,
                             "permission_error", "model_not_allowed", "model",
                             "the model \"%V\" in line %ui of the file may "
                             "not be used with this key here",
                             &relay->denied, relay->denied_line);
    }

    if (relay->batch.error) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_BAD_REQUEST,
                             "invalid_request_error", NULL, "file",
                             "with this key the models in the file must be "
                             "known, and line %ui %s", relay->batch.line,
                             relay->batch.error);
    }

    return NGX_OK;
}
