
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * POST /v1/rerank, and the statement that says how a provider does it.
 */


#include "ngx_http_llm_call.h"
#include "ngx_http_llm_provider.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_quirks.h"


static ngx_int_t ngx_http_llm_rerank_read(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_rerank_request(ngx_http_llm_attempt_t *at);
static const ngx_llm_rerank_form_t *ngx_http_llm_rerank_form(
    ngx_http_llm_provider_t *provider);
static ngx_int_t ngx_http_llm_rerank_body(ngx_http_llm_attempt_t *at,
    const ngx_llm_rerank_form_t *form, ngx_array_t *slices);
static ngx_int_t ngx_http_llm_rerank_write(ngx_http_llm_attempt_t *at,
    const ngx_llm_rerank_form_t *form, ngx_array_t *slices);
static ngx_int_t ngx_http_llm_rerank_overlay(ngx_http_llm_attempt_t *at,
    ngx_llm_rerank_t **rerank);
static ngx_int_t ngx_http_llm_rerank_path(ngx_http_llm_attempt_t *at,
    const ngx_llm_rerank_form_t *form, ngx_str_t *path);
static ngx_int_t ngx_http_llm_rerank_answer(ngx_http_llm_attempt_t *at);


const ngx_http_llm_call_t  ngx_http_llm_rerank = {
    ngx_string("/rerank"),
    ngx_null_string,
    ngx_llm_rerank_params,
    NULL,
    ngx_http_llm_rerank_read,
    ngx_http_llm_rerank_request,
    ngx_http_llm_rerank_answer,
    0, 0, 0
};


static ngx_int_t
ngx_http_llm_rerank_read(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_llm_rerank_t  *rerank;

    rerank = ngx_pcalloc(r->pool, sizeof(ngx_llm_rerank_t));
    if (rerank == NULL) {
        return NGX_ERROR;
    }

    rerank->chat = &ctx->chat;
    ctx->call_data = rerank;

    return ngx_llm_rerank_read(rerank, err);
}


static ngx_int_t
ngx_http_llm_rerank_request(ngx_http_llm_attempt_t *at)
{
    ngx_int_t                      rc;
    ngx_str_t                      path;
    ngx_array_t                    slices;
    const ngx_llm_rerank_form_t   *form;

    at->ctx->chat.dropped = NULL;

    form = ngx_http_llm_rerank_form(at->provider);

    if (form == NULL) {
        return ngx_llm_error(at->request->pool, &at->err, 400,
                             "invalid_request_error", "unsupported_endpoint",
                             NULL, "the provider \"%V\" has no \"%V\"",
                             &at->provider->name, &at->ctx->call->path);
    }

    /* errors come in words that the client knows */

    at->splice = (at->provider->dialect == at->ctx->dialect);
    at->target.path = at->ctx->call->path;
    at->state = at->ctx->call_data;

    if (ngx_array_init(&slices, at->request->pool, 4, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llm_rerank_body(at, form, &slices);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llm_rerank_path(at, form, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_attempt_out(at, &path, &slices);
}


/* what the block says, what is known of the provider, of its dialect */

static const ngx_llm_rerank_form_t *
ngx_http_llm_rerank_form(ngx_http_llm_provider_t *provider)
{
    if (provider->rerank) {
        return provider->rerank;
    }

    if (provider->quirks && provider->quirks->rerank) {
        return provider->quirks->rerank;
    }

    return provider->dialect->relay ? provider->dialect->relay->rerank : NULL;
}


static ngx_int_t
ngx_http_llm_rerank_body(ngx_http_llm_attempt_t *at,
    const ngx_llm_rerank_form_t *form, ngx_array_t *slices)
{
    ngx_array_t      edits;
    ngx_llm_chat_t  *chat;

    if (!(form->flags & NGX_LLM_RERANK_OPEN)) {
        return ngx_http_llm_rerank_write(at, form, slices);
    }

    chat = &at->ctx->chat;

    if (ngx_array_init(&edits, chat->pool, 2, sizeof(ngx_llm_edit_t))
        != NGX_OK
        || ngx_llm_call_edit(chat, &at->target, ngx_llm_rerank_params, 1,
                             &edits)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_edit_apply(&chat->text, &edits, slices);
}


static ngx_int_t
ngx_http_llm_rerank_write(ngx_http_llm_attempt_t *at,
    const ngx_llm_rerank_form_t *form, ngx_array_t *slices)
{
    ngx_int_t          rc;
    ngx_str_t          text;
    ngx_llm_out_t      out;
    ngx_llm_chat_t    *chat;
    ngx_llm_rerank_t  *rerank;

    chat = &at->ctx->chat;

    rc = ngx_http_llm_rerank_overlay(at, &rerank);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_init(&out, chat->pool, NULL, 0, NGX_HTTP_LLM_MAX_ANSWER);

    if (ngx_llm_out_reserve(&out, chat->text.len + 512) != NGX_OK) {
        return NGX_ERROR;
    }

    rerank->chat->dropped = chat->dropped;

    rc = ngx_llm_rerank_write(rerank, form, &at->target, &out, &at->err);

    chat->dropped = rerank->chat->dropped;

    if (rc != NGX_OK) {
        return rc;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    return ngx_llm_call_places(chat, &at->target, ngx_llm_rerank_params,
                               &text, slices);
}


/* at->state is what is asked of this provider */

static ngx_int_t
ngx_http_llm_rerank_overlay(ngx_http_llm_attempt_t *at,
    ngx_llm_rerank_t **rerank)
{
    ngx_int_t        rc;
    ngx_llm_chat_t  *copy;

    *rerank = at->state;

    rc = ngx_llm_call_overlay(&at->ctx->chat, &at->target,
                              ngx_llm_rerank_params, &copy);

    if (rc != NGX_OK || copy == NULL) {
        return rc;
    }

    *rerank = ngx_pcalloc(at->request->pool, sizeof(ngx_llm_rerank_t));
    if (*rerank == NULL) {
        return NGX_ERROR;
    }

    (*rerank)->chat = copy;
    at->state = *rerank;

    return ngx_llm_rerank_read(*rerank, &at->err);
}


static ngx_int_t
ngx_http_llm_rerank_path(ngx_http_llm_attempt_t *at,
    const ngx_llm_rerank_form_t *form, ngx_str_t *path)
{
    ngx_llm_out_t             out;
    const ngx_llm_dialect_t  *dialect;

    if (at->provider->rerank_path.len) {
        *path = at->provider->rerank_path;
        return NGX_OK;
    }

    dialect = at->provider->dialect;

    ngx_llm_out_init(&out, at->request->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    if ((form->flags & NGX_LLM_RERANK_OPEN) && dialect == &ngx_llm_openai) {
        dialect->write_path(&at->ctx->chat, &at->target, &out);

    } else {
        ngx_llm_rerank_path(form, &at->target.base, &out);
    }

    path->data = out.start;
    path->len = ngx_llm_out_len(&out);

    return out.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_llm_rerank_answer(ngx_http_llm_attempt_t *at)
{
    ngx_int_t                      rc;
    ngx_str_t                      text;
    ngx_llm_rerank_t              *rerank;
    ngx_http_llm_ctx_t            *ctx;
    ngx_llm_rerank_answer_t        answer;
    const ngx_llm_rerank_form_t   *form;

    ctx = at->ctx;
    rerank = at->state;
    form = ngx_http_llm_rerank_form(at->provider);

    text.data = at->body.start;
    text.len = ngx_llm_out_len(&at->body);

    rc = ngx_llm_rerank_read_answer(rerank, at->request->pool, &text,
                                    &answer);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx->usage = answer.usage;

    if (answer.same && (form->flags & NGX_LLM_RERANK_SAME)
        && (!rerank->wanted || (form->flags & NGX_LLM_RERANK_OPEN)))
    {
        ctx->out = at->body;
        return NGX_OK;
    }

    if (ngx_llm_out_reserve(&ctx->out, text.len + 512) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_rerank_write_answer(rerank, &answer, &ctx->id, &ctx->out);

    return ctx->out.failed ? NGX_ERROR : NGX_OK;
}


char *
ngx_http_llm_provider_rerank(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_provider_t *p = conf;

    u_char      c;
    ngx_str_t  *value;
    ngx_uint_t  i;

    value = cf->args->elts;

    if (p->rerank) {
        return "is duplicate";
    }

    p->rerank = ngx_llm_rerank_find(&value[1]);

    if (p->rerank == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"rerank\": it may be "
                           "\"cohere\", \"jina\", \"voyage\", \"nvidia\" or "
                           "\"tei\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    for (i = 0; i < value[2].len; i++) {
        c = value[2].data[i];

        if (c <= 0x20 || c >= 0x7f || c == '#') {
            break;
        }
    }

    if (value[2].len == 0 || value[2].data[0] != '/' || i < value[2].len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid path \"%V\" in \"rerank\": it begins "
                           "with \"/\" and has no blanks", &value[2]);
        return NGX_CONF_ERROR;
    }

    p->rerank_path = value[2];

    return NGX_CONF_OK;
}
