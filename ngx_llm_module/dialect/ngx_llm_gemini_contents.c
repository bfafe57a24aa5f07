
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * System prompt and turns.
 */


#include "ngx_llm_gemini_request.h"
#include "ngx_llm_compose.h"


static ngx_int_t ngx_llm_gemini_check_system(ngx_llm_gemini_request_t *ctx,
    ngx_uint_t *n);
static void ngx_llm_gemini_write_system_parts(ngx_llm_gemini_request_t *ctx);
static ngx_uint_t ngx_llm_gemini_only_system(ngx_llm_gemini_request_t *ctx);
static ngx_int_t ngx_llm_gemini_write_user_turn(
    ngx_llm_gemini_request_t *ctx, ngx_llm_message_t **next);
static ngx_int_t ngx_llm_gemini_write_model_turn(
    ngx_llm_gemini_request_t *ctx, ngx_llm_message_t *m);
static ngx_int_t ngx_llm_gemini_write_message(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m);
static void ngx_llm_gemini_write_first_turn(ngx_llm_gemini_request_t *ctx);
static void ngx_llm_gemini_write_first_parts(ngx_llm_gemini_request_t *ctx);
static void ngx_llm_gemini_end(ngx_llm_gemini_request_t *ctx);


ngx_int_t
ngx_llm_gemini_write_system(ngx_llm_gemini_request_t *ctx)
{
    ngx_int_t   rc;
    ngx_uint_t  n;

    rc = ngx_llm_gemini_check_system(ctx, &n);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_llm_gemini_only_system(ctx)) {

        if (n == 0) {
            return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                 "invalid_request_error", NULL, "messages",
                                 "\"messages\" have no content");
        }

        ctx->system = 1;

        return NGX_OK;
    }

    if (n == 0) {
        return NGX_OK;
    }

    if (!(ctx->model->flags & NGX_LLM_GEMINI_SYSTEM)) {
        ctx->system = 1;
        return NGX_OK;
    }

    ngx_llm_out_lit(ctx->out, "\"systemInstruction\":{\"parts\":[");
    ngx_llm_gemini_write_system_parts(ctx);
    ngx_llm_out_lit(ctx->out, "]},");

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_check_system(ngx_llm_gemini_request_t *ctx, ngx_uint_t *n)
{
    ngx_int_t           rc;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *m;

    *n = 0;

    for (m = ctx->chat->messages; m; m = m->next) {

        if (!ngx_llm_compose_is_system(m)) {
            continue;
        }

        for (part = m->parts; part; part = part->next) {

            if (!ngx_llm_gemini_written(m, part)) {
                continue;
            }

            rc = ngx_llm_compose_system_part(ctx->chat->pool, m, part,
                                             ctx->err);
            if (rc != NGX_OK) {
                return rc;
            }

            *n += 1;
        }
    }

    return NGX_OK;
}


static void
ngx_llm_gemini_write_system_parts(ngx_llm_gemini_request_t *ctx)
{
    ngx_uint_t          n;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *m;

    n = 0;

    for (m = ctx->chat->messages; m; m = m->next) {

        if (!ngx_llm_compose_is_system(m)) {
            continue;
        }

        for (part = m->parts; part; part = part->next) {

            if (!ngx_llm_gemini_written(m, part)) {
                continue;
            }

            if (n++) {
                ngx_llm_out_char(ctx->out, ',');
            }

            ngx_llm_out_lit(ctx->out, "{\"text\":");
            ngx_llm_out_quoted(ctx->out, &part->text);
            ngx_llm_out_char(ctx->out, '}');
        }
    }
}


static ngx_uint_t
ngx_llm_gemini_only_system(ngx_llm_gemini_request_t *ctx)
{
    ngx_llm_message_t  *m;

    for (m = ctx->chat->messages; m; m = m->next) {
        if (!ngx_llm_compose_is_system(m) && !ngx_llm_gemini_empty(m)) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
ngx_llm_gemini_empty(ngx_llm_message_t *m)
{
    ngx_llm_part_t  *part;

    if (m->role == NGX_LLM_ROLE_TOOL) {
        return 0;
    }

    for (part = m->parts; part; part = part->next) {
        if (ngx_llm_gemini_written(m, part)) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
ngx_llm_gemini_written(ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
        return part->text.len != 0;

    case NGX_LLM_PART_REASONING:
    case NGX_LLM_PART_REDACTED:

        /* thoughts are not read again, and most are another provider's */

        return 0;

    case NGX_LLM_PART_AUDIO:

        /* in an assistant's message it only refers to what was said */

        return m->role != NGX_LLM_ROLE_ASSISTANT;

    default:
        return 1;
    }
}


ngx_int_t
ngx_llm_gemini_write_contents(ngx_llm_gemini_request_t *ctx)
{
    ngx_int_t           rc;
    ngx_llm_message_t  *m;

    for (m = ctx->chat->messages; m; m = m->next) {
        if (m->role == NGX_LLM_ROLE_USER && !ngx_llm_gemini_empty(m)) {
            ctx->turn = m;
        }
    }

    /* without a turn of the user's all calls are the current one's */

    ctx->current = (ctx->turn == NULL);

    ngx_llm_out_lit(ctx->out, "\"contents\":[");

    m = ctx->chat->messages;

    while (m) {

        if (m->role == NGX_LLM_ROLE_USER || m->role == NGX_LLM_ROLE_TOOL) {
            rc = ngx_llm_gemini_write_user_turn(ctx, &m);

        } else {
            rc = ngx_llm_gemini_write_model_turn(ctx, m);
            m = m->next;
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->content == NGX_LLM_GEMINI_NONE) {
        ngx_llm_gemini_write_first_turn(ctx);
    }

    if (ctx->content == NGX_LLM_GEMINI_MODEL && !ctx->called
        && !(ctx->model->flags & NGX_LLM_GEMINI_PREFILL))
    {
        ngx_llm_gemini_begin(ctx, NGX_LLM_GEMINI_USER);
        ngx_llm_out_lit(ctx->out, "{\"text\":\"Please continue.\"}");
        ctx->texted = 1;
    }

    ngx_llm_gemini_end(ctx);

    ngx_llm_out_char(ctx->out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_write_user_turn(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t **next)
{
    ngx_int_t           rc;
    ngx_llm_message_t  *last, *m;

    /* all up to the next message of the assistant; results come first */

    for (m = *next; m; m = m->next) {

        if (m->role == NGX_LLM_ROLE_ASSISTANT && !ngx_llm_gemini_empty(m)) {
            break;
        }
    }

    last = m;

    rc = ngx_llm_gemini_write_results(ctx, *next, last);
    if (rc != NGX_OK) {
        return rc;
    }

    for (m = *next; m != last; m = m->next) {

        if (m->role == NGX_LLM_ROLE_USER) {

            rc = ngx_llm_gemini_write_message(ctx, m);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        if (m == ctx->turn) {
            ctx->current = 1;
        }
    }

    *next = last;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_write_model_turn(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m)
{
    if (m->role != NGX_LLM_ROLE_ASSISTANT || ngx_llm_gemini_empty(m)) {
        return NGX_OK;
    }

    if (ctx->content == NGX_LLM_GEMINI_NONE) {

        /* a conversation begins with the user */

        ngx_llm_gemini_write_first_turn(ctx);
    }

    if (ctx->content != NGX_LLM_GEMINI_MODEL) {
        ctx->calls = m;
    }

    return ngx_llm_gemini_write_message(ctx, m);
}


static ngx_int_t
ngx_llm_gemini_write_message(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t                  rc;
    ngx_str_t                  none, signature;
    ngx_llm_part_t            *part, *signed_part;
    ngx_llm_gemini_content_e   content;

    content = NGX_LLM_GEMINI_USER;
    signed_part = NULL;

    ngx_str_null(&none);
    ngx_str_null(&signature);

    if (m->role == NGX_LLM_ROLE_ASSISTANT) {

        content = NGX_LLM_GEMINI_MODEL;

        /* the signature of a text stands at its message */

        if (m->node != NULL) {
            signature = ngx_llm_gemini_signature(m->node);
        }

        for (part = m->parts; part && signature.len; part = part->next) {
            if (part->type == NGX_LLM_PART_TEXT && part->text.len) {
                signed_part = part;
            }
        }
    }

    for (part = m->parts; part; part = part->next) {

        if (!ngx_llm_gemini_written(m, part)) {
            continue;
        }

        ngx_llm_gemini_begin(ctx, content);

        if (part->type == NGX_LLM_PART_TOOL_CALL) {
            rc = ngx_llm_gemini_write_call(ctx, part);

        } else {
            rc = ngx_llm_gemini_write_part(ctx, m, part,
                                           part == signed_part ? &signature
                                                               : &none);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


void
ngx_llm_gemini_begin(ngx_llm_gemini_request_t *ctx,
    ngx_llm_gemini_content_e content)
{
    if (ctx->content == content) {
        ngx_llm_out_char(ctx->out, ',');
        return;
    }

    if (ctx->content != NGX_LLM_GEMINI_NONE) {
        ngx_llm_gemini_end(ctx);
        ngx_llm_out_char(ctx->out, ',');
    }

    ctx->content = content;
    ctx->called = 0;
    ctx->texted = 0;

    if (content == NGX_LLM_GEMINI_MODEL) {
        ngx_llm_out_lit(ctx->out, "{\"role\":\"model\",\"parts\":[");
        return;
    }

    ngx_llm_out_lit(ctx->out, "{\"role\":\"user\",\"parts\":[");

    if (content == NGX_LLM_GEMINI_USER && ctx->system) {
        ngx_llm_gemini_write_first_parts(ctx);
        ngx_llm_out_char(ctx->out, ',');
    }
}


/* a turn of the user's that holds what has no place elsewhere */

static void
ngx_llm_gemini_write_first_turn(ngx_llm_gemini_request_t *ctx)
{
    ctx->content = NGX_LLM_GEMINI_USER;

    ngx_llm_out_lit(ctx->out, "{\"role\":\"user\",\"parts\":[");
    ngx_llm_gemini_write_first_parts(ctx);
}


static void
ngx_llm_gemini_write_first_parts(ngx_llm_gemini_request_t *ctx)
{
    if (ctx->system) {
        ngx_llm_gemini_write_system_parts(ctx);

    } else {
        ngx_llm_out_lit(ctx->out, "{\"text\":\".\"}");
    }

    ctx->system = 0;
    ctx->texted = 1;
}


static void
ngx_llm_gemini_end(ngx_llm_gemini_request_t *ctx)
{
    if (ctx->content == NGX_LLM_GEMINI_USER && !ctx->texted
        && !(ctx->model->flags & NGX_LLM_GEMINI_MEDIA))
    {
        /* older models want a text beside media */

        ngx_llm_out_lit(ctx->out, ",{\"text\":\" \"}");
    }

    ngx_llm_out_lit(ctx->out, "]}");
}
