
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How many tokens a prompt has.  Some providers can say it; where none does
 * there is an estimate.
 */


#include "ngx_http_llm.h"
#include "ngx_http_llm_endpoint.h"


#define NGX_HTTP_LLM_COUNT_SIZE  64


static void ngx_http_llm_count_stage(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_count_estimate(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_out_t *out);


ngx_int_t
ngx_http_llm_count(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_llm_out_t  out;

    ngx_http_llm_count_stage(ctx);

    if (ctx->stage.n && ngx_http_llm_route_next(r, ctx, 0)) {
        return NGX_DECLINED;
    }

    if (ngx_http_llm_count_estimate(r, ctx, &out) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_llm_send_json(r, ctx, &out);
}


/* leaves the deployments that count */

static void
ngx_http_llm_count_stage(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t                  i, n;
    ngx_http_llm_stage_t       *stage;
    ngx_http_llm_deployment_t  *dep;

    stage = &ctx->stage;
    n = 0;

    for (i = 0; i < stage->n; i++) {
        dep = stage->order[i];

        if (dep->provider->dialect->flags & NGX_LLM_DIALECT_COUNTS) {
            stage->order[n++] = dep;
        }
    }

    stage->n = n;
}


ngx_int_t
ngx_http_llm_count_failed(ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err)
{
    ngx_llm_out_t  out;

    if (!ctx->chat.count || (ctx->attempt && ctx->attempt->splice)) {
        return NGX_DECLINED;
    }

    if (ngx_http_llm_count_estimate(ctx->request, ctx, &out) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_memzero(err, sizeof(ngx_llm_error_t));

    err->status = NGX_HTTP_OK;
    err->retry_after = -1;
    err->raw.data = out.start;
    err->raw.len = ngx_llm_out_len(&out);

    ctx->chat.dropped = NULL;

    return NGX_OK;
}


/* the body, and the header that tells what it is */

static ngx_int_t
ngx_http_llm_count_estimate(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_out_t *out)
{
    ngx_str_t            value;
    ngx_llm_writer_t     writer;
    ngx_llm_response_t   res;

    if (ctx->estimate == -1) {
        ctx->estimate = ngx_llm_chat_estimate(&ctx->chat);
    }

    if (ngx_llm_response_init(&res, r->pool) != NGX_OK
        || ngx_llm_writer_init(&writer, ctx->dialect, r->pool, &ctx->chat,
                               &ctx->id, ngx_time())
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    res.count = 1;
    res.usage.prompt = ctx->estimate;

    ngx_llm_out_init(out, r->pool, NULL, 0, NGX_HTTP_LLM_COUNT_SIZE);

    ctx->dialect->write_response(&writer, &res, out);

    if (out->failed) {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "1");

    return ngx_http_llm_add_header(r, "x-llm-estimated", &value);
}
