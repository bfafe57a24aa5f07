
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How many tokens a prompt has.  Only a provider of the client's own dialect
 * can say that of the request as it came; for others there is an estimate.
 */


#include "ngx_http_llm.h"
#include "ngx_http_llm_endpoint.h"


#define NGX_HTTP_LLM_COUNT_SIZE  64


static void ngx_http_llm_count_stage(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_count_estimate(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


ngx_int_t
ngx_http_llm_count(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_count_stage(ctx);

    if (ctx->stage.n && ngx_http_llm_route_next(r, ctx, 0)) {
        return NGX_DECLINED;
    }

    return ngx_http_llm_count_estimate(r, ctx);
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

        if (dep->provider->dialect == ctx->dialect
            && (dep->provider->dialect->flags & NGX_LLM_DIALECT_COUNTS))
        {
            stage->order[n++] = dep;
        }
    }

    stage->n = n;
}


static ngx_int_t
ngx_http_llm_count_estimate(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_str_t            value;
    ngx_llm_out_t        out;
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
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    res.count = 1;
    res.usage.prompt = ctx->estimate;

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_COUNT_SIZE);

    ctx->dialect->write_response(&writer, &res, &out);

    ngx_str_set(&value, "1");

    if (ngx_http_llm_add_header(r, "x-llm-estimated", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_llm_send_json(r, ctx, &out);
}
