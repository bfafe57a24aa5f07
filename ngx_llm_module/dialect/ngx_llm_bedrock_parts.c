
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The blocks of a turn of Converse.
 */


#include "ngx_llm_bedrock_request.h"


static void ngx_llm_bedrock_write_text(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_part_t *part);
static void ngx_llm_bedrock_write_reasoning(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_bedrock_write_call(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part);


ngx_int_t
ngx_llm_bedrock_write_part(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
        ngx_llm_bedrock_write_text(ctx, part);
        return NGX_OK;

    case NGX_LLM_PART_REASONING:
        ngx_llm_bedrock_write_reasoning(ctx, part);
        return NGX_OK;

    case NGX_LLM_PART_REDACTED:
        ngx_llm_out_lit(ctx->out, "{\"reasoningContent\":"
                                  "{\"redactedContent\":");
        ngx_llm_out_quoted(ctx->out, &part->data);
        ngx_llm_out_lit(ctx->out, "}}");
        return NGX_OK;

    case NGX_LLM_PART_TOOL_CALL:
        return ngx_llm_bedrock_write_call(ctx, m, part);

    default:
        return ngx_llm_bedrock_write_media(ctx, m, part);
    }
}


static void
ngx_llm_bedrock_write_text(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_part_t *part)
{
    ngx_str_t  text;

    text = part->text;

    if (part == ctx->prefill) {
        text = ngx_llm_anthropic_trim(&text);
    }

    ctx->texted = 1;

    ngx_llm_out_lit(ctx->out, "{\"text\":");
    ngx_llm_out_quoted(ctx->out, &text);
    ngx_llm_out_char(ctx->out, '}');
}


static void
ngx_llm_bedrock_write_reasoning(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_part_t *part)
{
    ngx_llm_out_lit(ctx->out, "{\"reasoningContent\":{\"reasoningText\":"
                              "{\"text\":");
    ngx_llm_out_quoted(ctx->out, &part->text);

    if (part->signature.len) {
        ngx_llm_out_lit(ctx->out, ",\"signature\":");
        ngx_llm_out_quoted(ctx->out, &part->signature);
    }

    ngx_llm_out_lit(ctx->out, "}}}");
}


static ngx_int_t
ngx_llm_bedrock_write_call(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_int_t       rc;
    ngx_str_t       input;
    ngx_llm_out_t  *out;

    out = ctx->out;

    if (part->id.len == 0) {
        ctx->calls++;
    }

    ngx_llm_out_lit(out, "{\"toolUse\":{\"toolUseId\":");

    rc = ngx_llm_bedrock_write_id(ctx, &part->id, ctx->calls);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_lit(out, ",\"name\":");

    if (ngx_llm_bedrock_write_name(ctx->chat->pool, &part->name, out)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_out_lit(out, ",\"input\":");

    if (part->custom) {
        ngx_llm_out_lit(out, "{\"input\":");
        ngx_llm_out_quoted(out, &part->text);
        ngx_llm_out_lit(out, "}}}");

        return NGX_OK;
    }

    rc = ngx_llm_part_input(ctx->chat->pool, part, &input);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                             "invalid_request_error", NULL, "messages",
                             "messages[%ui]: the arguments of a tool call "
                             "are not a JSON object", m->index);
    }

    ngx_llm_out_str(out, &input);
    ngx_llm_out_lit(out, "}}");

    return NGX_OK;
}


ngx_int_t
ngx_llm_bedrock_write_id(ngx_llm_bedrock_request_t *ctx, ngx_str_t *id,
    ngx_uint_t n)
{
    if (id->len == 0) {
        ngx_llm_out_lit(ctx->out, "\"call_");
        ngx_llm_out_int(ctx->out, (int64_t) n);
        ngx_llm_out_char(ctx->out, '"');

        return NGX_OK;
    }

    return ngx_llm_bedrock_write_name(ctx->chat->pool, id, ctx->out);
}


ngx_int_t
ngx_llm_bedrock_refuse_part(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m, char *what)
{
    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", "unsupported_parameter",
                         "messages", "messages[%ui]: provider \"%V\" %s",
                         m->index, &ctx->target->provider, what);
}
