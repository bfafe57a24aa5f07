
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The blocks of a turn.
 */


#include "ngx_llm_anthropic_request.h"


#define NGX_LLM_ANTHROPIC_ID_LEN       64


static ngx_int_t ngx_llm_anthropic_write_image(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_anthropic_write_file(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_anthropic_write_document(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_anthropic_write_text_source(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_anthropic_refuse_url(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m);
static ngx_uint_t ngx_llm_anthropic_media(ngx_str_t *type, char *name);


/* a block without its closing brace */

ngx_int_t
ngx_llm_anthropic_write_part(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t  text;

    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
        text = part->text;

        if (part == ctx->prefill) {
            text = ngx_llm_anthropic_trim(&text);
        }

        ngx_llm_out_lit(ctx->out, "{\"type\":\"text\",\"text\":");
        ngx_llm_out_quoted(ctx->out, &text);

        return NGX_OK;

    case NGX_LLM_PART_IMAGE:
        return ngx_llm_anthropic_write_image(ctx, m, part);

    case NGX_LLM_PART_FILE:
        return ngx_llm_anthropic_write_file(ctx, m, part);

    case NGX_LLM_PART_AUDIO:
        return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                             "invalid_request_error",
                             "unsupported_parameter", "messages",
                             "messages[%ui]: provider \"%V\" takes no audio",
                             m->index, &ctx->target->provider);

    default:
        return ngx_llm_anthropic_refuse_part(ctx, m, part);
    }
}


ngx_int_t
ngx_llm_anthropic_write_call(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_int_t        rc;
    ngx_str_t        input;
    ngx_uint_t       n;
    ngx_llm_part_t  *p;

    ctx->tool_blocks = 1;

    if (part->id.len == 0) {
        ctx->calls++;
    }

    ngx_llm_out_lit(ctx->out, "{\"type\":\"tool_use\",\"id\":");

    rc = ngx_llm_anthropic_write_id(ctx, &part->id, ctx->calls);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_lit(ctx->out, ",\"name\":");
    ngx_llm_out_quoted(ctx->out, &part->name);
    ngx_llm_out_lit(ctx->out, ",\"input\":");

    if (part->custom) {
        ngx_llm_out_lit(ctx->out, "{\"input\":");
        ngx_llm_out_quoted(ctx->out, &part->text);
        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;
    }

    rc = ngx_llm_part_input(ctx->chat->pool, part, &input);

    if (rc == NGX_OK) {
        ngx_llm_out_str(ctx->out, &input);
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (part->legacy) {
        return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                             "invalid_request_error", NULL, "messages",
                             "messages[%ui].function_call.arguments is not "
                             "a JSON object", m->index);
    }

    n = 0;

    for (p = m->parts; p != part; p = p->next) {
        if (p->type == NGX_LLM_PART_TOOL_CALL) {
            n++;
        }
    }

    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", NULL, "messages",
                         "messages[%ui].tool_calls[%ui].function.arguments "
                         "is not a JSON object", m->index, n);
}


static ngx_int_t
ngx_llm_anthropic_write_image(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t  type;

    ngx_llm_out_lit(ctx->out, "{\"type\":\"image\",\"source\":");

    if (part->data.len) {
        type = part->media_type;

        if (ngx_llm_anthropic_media(&type, "image/jpg")) {
            ngx_str_set(&type, "image/jpeg");
        }

        ngx_llm_out_lit(ctx->out, "{\"type\":\"base64\",\"media_type\":");
        ngx_llm_out_json_string(ctx->out, &type);
        ngx_llm_out_lit(ctx->out, ",\"data\":");
        ngx_llm_out_quoted(ctx->out, &part->data);
        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;
    }

    if (part->url.len && ctx->host && ctx->host->inlined) {
        return ngx_llm_anthropic_refuse_url(ctx, m);
    }

    if (part->url.len) {
        ngx_llm_out_lit(ctx->out, "{\"type\":\"url\",\"url\":");
        ngx_llm_out_quoted(ctx->out, &part->url);
        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;
    }

    return ngx_llm_anthropic_refuse_part(ctx, m, part);
}


static ngx_int_t
ngx_llm_anthropic_write_file(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_int_t  rc;

    if (part->data.len && part->media_type.len >= sizeof("image/") - 1
        && ngx_strncasecmp(part->media_type.data, (u_char *) "image/",
                           sizeof("image/") - 1)
           == 0)
    {
        return ngx_llm_anthropic_write_image(ctx, m, part);
    }

    ngx_llm_out_lit(ctx->out, "{\"type\":\"document\",\"source\":");

    rc = ngx_llm_anthropic_write_document(ctx, m, part);
    if (rc != NGX_OK) {
        return rc;
    }

    if (part->name.len) {
        ngx_llm_out_lit(ctx->out, ",\"title\":");
        ngx_llm_out_quoted(ctx->out, &part->name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_document(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t  *beta;

    if (part->data.len) {

        if (part->media_type.len == 0
            || ngx_llm_anthropic_media(&part->media_type, "application/pdf"))
        {
            ngx_llm_out_lit(ctx->out, "{\"type\":\"base64\",\"media_type\":"
                                      "\"application/pdf\",\"data\":");
            ngx_llm_out_quoted(ctx->out, &part->data);
            ngx_llm_out_char(ctx->out, '}');

            return NGX_OK;
        }

        if (part->media_type.len > sizeof("text/") - 1
            && ngx_strncasecmp(part->media_type.data, (u_char *) "text/",
                               sizeof("text/") - 1)
               == 0)
        {
            return ngx_llm_anthropic_write_text_source(ctx, m, part);
        }

        return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                             "invalid_request_error",
                             "unsupported_parameter", "messages",
                             "messages[%ui]: provider \"%V\" takes no files "
                             "of this type", m->index,
                             &ctx->target->provider);
    }

    if (part->url.len && ctx->host && ctx->host->inlined) {
        return ngx_llm_anthropic_refuse_url(ctx, m);
    }

    if (part->url.len) {
        ngx_llm_out_lit(ctx->out, "{\"type\":\"url\",\"url\":");
        ngx_llm_out_quoted(ctx->out, &part->url);
        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;
    }

    /* only a client that asks for Anthropic's files means one of them */

    beta = &ctx->target->beta;

    if (part->id.len && beta->len > sizeof("files-api") - 1
        && ngx_strlcasestrn(beta->data, beta->data + beta->len,
                            (u_char *) "files-api", sizeof("files-api") - 2)
           != NULL)
    {
        ngx_llm_out_lit(ctx->out, "{\"type\":\"file\",\"file_id\":");
        ngx_llm_out_quoted(ctx->out, &part->id);
        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;
    }

    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", "unsupported_parameter",
                         "messages",
                         "messages[%ui]: provider \"%V\" does not know this "
                         "file, send its data", m->index,
                         &ctx->target->provider);
}


static ngx_int_t
ngx_llm_anthropic_write_text_source(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t    src, text;
    ngx_pool_t  *pool;

    pool = ctx->chat->pool;

    src = ngx_llm_json_plain(pool, &part->data);
    if (src.data == NULL) {
        return NGX_ERROR;
    }

    text.data = ngx_pnalloc(pool, ngx_base64_decoded_length(src.len));
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64(&text, &src) != NGX_OK) {
        return ngx_llm_error(pool, ctx->err, 400, "invalid_request_error",
                             NULL, "messages",
                             "messages[%ui]: file data is not base64",
                             m->index);
    }

    ngx_llm_out_lit(ctx->out, "{\"type\":\"text\",\"media_type\":"
                              "\"text/plain\",\"data\":");
    ngx_llm_out_json_string(ctx->out, &text);
    ngx_llm_out_char(ctx->out, '}');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_refuse_url(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m)
{
    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", "unsupported_parameter",
                         "messages",
                         "messages[%ui]: provider \"%V\" fetches no urls, "
                         "send the data", m->index, &ctx->target->provider);
}


static ngx_uint_t
ngx_llm_anthropic_media(ngx_str_t *type, char *name)
{
    return type->len == ngx_strlen(name)
           && ngx_strncasecmp(type->data, (u_char *) name, type->len) == 0;
}


ngx_int_t
ngx_llm_anthropic_refuse_part(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t  type;

    ngx_str_null(&type);

    if (part->node != NULL) {
        type = ngx_llm_json_str(part->node, "type");
    }

    if (type.len == 0 || type.len > 64) {
        return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                             "invalid_request_error",
                             "unsupported_parameter", "messages",
                             "messages[%ui]: provider \"%V\" does not take "
                             "this content part", m->index,
                             &ctx->target->provider);
    }

    type = ngx_llm_json_plain(ctx->chat->pool, &type);
    if (type.data == NULL) {
        return NGX_ERROR;
    }

    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", "unsupported_parameter",
                         "messages",
                         "messages[%ui]: provider \"%V\" does not take "
                         "content parts of type \"%V\"", m->index,
                         &ctx->target->provider, &type);
}


void
ngx_llm_anthropic_write_mark(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_json_t *mark, ngx_llm_part_t *part)
{
    if (part != NULL && part->cache_control != NULL
        && part->cache_control->type == NGX_LLM_JSON_OBJECT)
    {
        mark = part->cache_control;
    }

    if (mark != NULL && mark->type == NGX_LLM_JSON_OBJECT) {
        ngx_llm_out_lit(ctx->out, ",\"cache_control\":");
        ngx_llm_out_str(ctx->out, &mark->raw);
    }
}


ngx_uint_t
ngx_llm_anthropic_marked(ngx_llm_json_t *mark, ngx_llm_part_t *part)
{
    return (mark != NULL && mark->type == NGX_LLM_JSON_OBJECT)
           || (part->cache_control != NULL
               && part->cache_control->type == NGX_LLM_JSON_OBJECT);
}


ngx_int_t
ngx_llm_anthropic_write_id(ngx_llm_anthropic_request_t *ctx, ngx_str_t *id,
    ngx_uint_t n)
{
    size_t      i, len;
    u_char     *p, c;
    uint32_t    hash;
    ngx_str_t   plain;
    u_char      buf[NGX_LLM_ANTHROPIC_ID_LEN + 1];

    if (id->len == 0) {
        ngx_llm_out_lit(ctx->out, "\"call_");
        ngx_llm_out_int(ctx->out, (int64_t) n);
        ngx_llm_out_char(ctx->out, '"');

        return NGX_OK;
    }

    plain = ngx_llm_json_plain(ctx->chat->pool, id);
    if (plain.data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < plain.len; i++) {
        c = plain.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '_' || c == '-')
        {
            continue;
        }

        break;
    }

    if (i == plain.len && plain.len <= NGX_LLM_ANTHROPIC_ID_LEN) {
        ngx_llm_out_quoted(ctx->out, &plain);
        return NGX_OK;
    }

    /*
     * What the provider would not take becomes "_", and a hash tells apart
     * the ids that this makes equal: a result finds its call again.
     */

    len = ngx_min(plain.len, NGX_LLM_ANTHROPIC_ID_LEN - 9);

    for (p = buf, i = 0; i < len; i++) {
        c = plain.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '_' || c == '-')
        {
            *p++ = c;

        } else {
            *p++ = '_';
        }
    }

    hash = (uint32_t) ngx_hash_key(plain.data, plain.len);

    p = ngx_sprintf(p, "_%08xD", hash);

    ngx_llm_out_char(ctx->out, '"');
    ngx_llm_out_data(ctx->out, buf, p - buf);
    ngx_llm_out_char(ctx->out, '"');

    return NGX_OK;
}
