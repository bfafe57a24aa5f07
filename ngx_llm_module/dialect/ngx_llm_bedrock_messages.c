
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * System prompt and turns of Converse.
 */


#include "ngx_llm_bedrock_request.h"
#include "ngx_llm_compose.h"


static ngx_uint_t ngx_llm_bedrock_empty(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m);
static ngx_int_t ngx_llm_bedrock_check_system(ngx_llm_bedrock_request_t *ctx,
    ngx_uint_t *n);
static void ngx_llm_bedrock_write_system_blocks(
    ngx_llm_bedrock_request_t *ctx);
static ngx_int_t ngx_llm_bedrock_write_user_turn(
    ngx_llm_bedrock_request_t *ctx, ngx_llm_message_t **next);
static ngx_int_t ngx_llm_bedrock_write_message(
    ngx_llm_bedrock_request_t *ctx, ngx_llm_message_t *m);
static ngx_int_t ngx_llm_bedrock_write_result(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m);
static ngx_llm_part_t *ngx_llm_bedrock_last(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m);
static void ngx_llm_bedrock_begin(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_role_e role);
static void ngx_llm_bedrock_end(ngx_llm_bedrock_request_t *ctx);


void
ngx_llm_bedrock_prepare(ngx_llm_bedrock_request_t *ctx)
{
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *last, *m;

    last = NULL;

    for (m = ctx->chat->messages; m; m = m->next) {

        if (!ngx_llm_compose_is_system(m) && !ngx_llm_bedrock_empty(ctx, m)) {
            last = m;
        }

        if (m->role == NGX_LLM_ROLE_TOOL) {
            ctx->tool_blocks = 1;
        }

        for (part = m->parts; part; part = part->next) {
            if (part->type == NGX_LLM_PART_TOOL_CALL) {
                ctx->tool_blocks = 1;
            }
        }
    }

    if (last == NULL) {
        ctx->system_only = 1;
        return;
    }

    if (last->role == NGX_LLM_ROLE_ASSISTANT) {

        /* a text that the model goes on with must not end in white space */

        ctx->prefill = ngx_llm_bedrock_last(ctx, last);
    }
}


static ngx_uint_t
ngx_llm_bedrock_empty(ngx_llm_bedrock_request_t *ctx, ngx_llm_message_t *m)
{
    return m->role != NGX_LLM_ROLE_TOOL
           && ngx_llm_bedrock_last(ctx, m) == NULL;
}


/* the last part of a message that is sent, or NULL */

static ngx_llm_part_t *
ngx_llm_bedrock_last(ngx_llm_bedrock_request_t *ctx, ngx_llm_message_t *m)
{
    ngx_llm_part_t  *last, *part;

    last = NULL;

    for (part = m->parts; part; part = part->next) {
        if (ngx_llm_bedrock_written(ctx, m, part)) {
            last = part;
        }
    }

    return last;
}


ngx_uint_t
ngx_llm_bedrock_written(ngx_llm_bedrock_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part)
{
    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
        return !ngx_llm_anthropic_blank(&part->text);

    case NGX_LLM_PART_REASONING:

        if (m->role != NGX_LLM_ROLE_ASSISTANT
            || !(ctx->flags & NGX_LLM_BEDROCK_THOUGHTS))
        {
            return 0;
        }

        /* to Claude unsigned thoughts are another one's */

        return (ctx->flags & NGX_LLM_BEDROCK_CLAUDE)
               ? part->signature.len != 0
               : !ngx_llm_anthropic_blank(&part->text);

    case NGX_LLM_PART_REDACTED:
        return m->role == NGX_LLM_ROLE_ASSISTANT && part->data.len
               && (ctx->flags & NGX_LLM_BEDROCK_THOUGHTS);

    case NGX_LLM_PART_AUDIO:

        /* in an assistant's message it only refers to what was said */

        return m->role != NGX_LLM_ROLE_ASSISTANT;

    default:
        return 1;
    }
}


ngx_int_t
ngx_llm_bedrock_write_system(ngx_llm_bedrock_request_t *ctx)
{
    ngx_int_t   rc;
    ngx_uint_t  n;

    rc = ngx_llm_bedrock_check_system(ctx, &n);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->system_only) {
        n = 0;
    }

    if (n == 0 && !ctx->json_text) {
        return NGX_OK;
    }

    ngx_llm_out_lit(ctx->out, ",\"system\":[");

    if (n) {
        ngx_llm_bedrock_write_system_blocks(ctx);
    }

    if (ctx->json_text) {

        if (n) {
            ngx_llm_out_char(ctx->out, ',');
        }

        ngx_llm_out_lit(ctx->out, "{\"text\":\"Answer with one JSON object "
                                  "and nothing else.");

        if (ctx->chat->schema.len) {
            ngx_llm_out_lit(ctx->out, " It matches this JSON Schema: ");
            ngx_llm_out_escape_raw(ctx->out, &ctx->chat->schema);
        }

        ngx_llm_out_lit(ctx->out, "\"}");
    }

    ngx_llm_out_char(ctx->out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_check_system(ngx_llm_bedrock_request_t *ctx, ngx_uint_t *n)
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

            if (!ngx_llm_bedrock_written(ctx, m, part)) {
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
ngx_llm_bedrock_write_system_blocks(ngx_llm_bedrock_request_t *ctx)
{
    ngx_uint_t          n;
    ngx_llm_part_t     *last, *part;
    ngx_llm_message_t  *m;

    n = 0;

    for (m = ctx->chat->messages; m; m = m->next) {

        if (!ngx_llm_compose_is_system(m)) {
            continue;
        }

        last = ngx_llm_bedrock_last(ctx, m);

        for (part = m->parts; part; part = part->next) {

            if (!ngx_llm_bedrock_written(ctx, m, part)) {
                continue;
            }

            if (n++) {
                ngx_llm_out_char(ctx->out, ',');
            }

            ngx_llm_out_lit(ctx->out, "{\"text\":");
            ngx_llm_out_quoted(ctx->out, &part->text);
            ngx_llm_out_char(ctx->out, '}');

            ngx_llm_bedrock_write_mark(ctx, part == last ? m->cache_control
                                                         : NULL,
                                       part);
        }
    }
}


ngx_int_t
ngx_llm_bedrock_write_messages(ngx_llm_bedrock_request_t *ctx)
{
    ngx_int_t           rc;
    ngx_uint_t          n;
    ngx_llm_message_t  *m;

    ngx_llm_out_lit(ctx->out, "{\"messages\":[");

    if (ctx->system_only) {

        rc = ngx_llm_bedrock_check_system(ctx, &n);
        if (rc != NGX_OK) {
            return rc;
        }

        if (n == 0) {
            return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                 "invalid_request_error", NULL, "messages",
                                 "\"messages\" have no content");
        }

        ngx_llm_out_lit(ctx->out, "{\"role\":\"user\",\"content\":[");
        ngx_llm_bedrock_write_system_blocks(ctx);
        ngx_llm_out_lit(ctx->out, "]}]");

        return NGX_OK;
    }

    m = ctx->chat->messages;

    while (m) {

        if (m->role == NGX_LLM_ROLE_USER || m->role == NGX_LLM_ROLE_TOOL) {

            rc = ngx_llm_bedrock_write_user_turn(ctx, &m);
            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        if (m->role == NGX_LLM_ROLE_ASSISTANT
            && !ngx_llm_bedrock_empty(ctx, m))
        {
            if (!ctx->open) {

                /* a conversation begins with the user */

                ngx_llm_bedrock_begin(ctx, NGX_LLM_ROLE_USER);
                ngx_llm_out_lit(ctx->out, "{\"text\":\".\"}");
            }

            /* a result without an id belongs to the calls that follow now */

            ctx->results = ctx->calls;

            rc = ngx_llm_bedrock_write_message(ctx, m);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        m = m->next;
    }

    ngx_llm_bedrock_end(ctx);

    ngx_llm_out_char(ctx->out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_write_user_turn(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t **next)
{
    ngx_int_t           rc;
    ngx_llm_message_t  *last, *m;

    /* all up to the next message of the assistant; results come first */

    for (m = *next; m; m = m->next) {

        if (m->role == NGX_LLM_ROLE_ASSISTANT
            && !ngx_llm_bedrock_empty(ctx, m))
        {
            break;
        }

        if (m->role == NGX_LLM_ROLE_TOOL) {

            rc = ngx_llm_bedrock_write_result(ctx, m);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    last = m;

    for (m = *next; m != last; m = m->next) {

        if (m->role == NGX_LLM_ROLE_USER) {

            rc = ngx_llm_bedrock_write_message(ctx, m);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    *next = last;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_write_message(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t        rc;
    ngx_llm_part_t  *last, *part;

    last = ngx_llm_bedrock_last(ctx, m);

    for (part = m->parts; part; part = part->next) {

        if (!ngx_llm_bedrock_written(ctx, m, part)) {
            continue;
        }

        ngx_llm_bedrock_begin(ctx, m->role);

        rc = ngx_llm_bedrock_write_part(ctx, m, part);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_llm_bedrock_write_mark(ctx, part == last ? m->cache_control
                                                     : NULL,
                                   part);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_write_result(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t        rc;
    ngx_uint_t       n, texted;
    ngx_llm_part_t  *marked, *part;

    ngx_llm_bedrock_begin(ctx, NGX_LLM_ROLE_USER);

    if (m->tool_call_id.len == 0) {
        ctx->results++;
    }

    ngx_llm_out_lit(ctx->out, "{\"toolResult\":{\"toolUseId\":");

    rc = ngx_llm_bedrock_write_id(ctx, &m->tool_call_id, ctx->results);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_lit(ctx->out, ",\"content\":[");

    n = 0;
    marked = NULL;
    texted = ctx->texted;

    for (part = m->parts; part; part = part->next) {

        if (!ngx_llm_bedrock_written(ctx, m, part)) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(ctx->out, ',');
        }

        rc = ngx_llm_bedrock_write_part(ctx, m, part);
        if (rc != NGX_OK) {
            return rc;
        }

        if (part->cache_control != NULL) {
            marked = part;
        }
    }

    /* what is in a result is not what stands beside a document */

    ctx->texted = texted ? 1 : 0;

    ngx_llm_out_char(ctx->out, ']');

    if (m->is_error) {
        ngx_llm_out_lit(ctx->out, ",\"status\":\"error\"");
    }

    ngx_llm_out_lit(ctx->out, "}}");

    ngx_llm_bedrock_write_mark(ctx, m->cache_control, marked);

    return NGX_OK;
}


/* stands behind the block that it closes */

void
ngx_llm_bedrock_write_mark(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_json_t *mark, ngx_llm_part_t *part)
{
    ngx_str_t  ttl;

    if (part != NULL && part->cache_control != NULL) {
        mark = part->cache_control;
    }

    if (mark == NULL || mark->type != NGX_LLM_JSON_OBJECT
        || !(ctx->flags & NGX_LLM_BEDROCK_CACHE))
    {
        return;
    }

    ngx_llm_out_lit(ctx->out, ",{\"cachePoint\":{\"type\":\"default\"");

    ttl = ngx_llm_json_str(mark, "ttl");

    if ((ctx->flags & NGX_LLM_BEDROCK_CLAUDE)
        && ngx_llm_json_is(&ttl, "1h"))
    {
        ngx_llm_out_lit(ctx->out, ",\"ttl\":\"1h\"");
    }

    ngx_llm_out_lit(ctx->out, "}}");
}


static void
ngx_llm_bedrock_begin(ngx_llm_bedrock_request_t *ctx, ngx_llm_role_e role)
{
    if (ctx->open && ctx->role == role) {
        ngx_llm_out_char(ctx->out, ',');
        return;
    }

    if (ctx->open) {
        ngx_llm_bedrock_end(ctx);
        ngx_llm_out_char(ctx->out, ',');
    }

    ctx->open = 1;
    ctx->role = role;
    ctx->texted = 0;
    ctx->documents = 0;

    if (role == NGX_LLM_ROLE_ASSISTANT) {
        ngx_llm_out_lit(ctx->out, "{\"role\":\"assistant\",\"content\":[");

    } else {
        ngx_llm_out_lit(ctx->out, "{\"role\":\"user\",\"content\":[");
    }
}


static void
ngx_llm_bedrock_end(ngx_llm_bedrock_request_t *ctx)
{
    if (ctx->documents && !ctx->texted) {

        /* a document wants a text beside it */

        ngx_llm_out_lit(ctx->out, ",{\"text\":\".\"}");
    }

    ngx_llm_out_lit(ctx->out, "]}");
}
