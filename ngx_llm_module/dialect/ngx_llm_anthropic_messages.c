
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * System prompt and turns.
 */


#include "ngx_llm_anthropic_request.h"
#include "ngx_llm_compose.h"


static ngx_uint_t ngx_llm_anthropic_empty(ngx_llm_message_t *m);
static ngx_uint_t ngx_llm_anthropic_server_id(ngx_str_t *id);
static ngx_int_t ngx_llm_anthropic_check_system(
    ngx_llm_anthropic_request_t *ctx, ngx_uint_t *n, ngx_uint_t *marked);
static void ngx_llm_anthropic_write_system_blocks(
    ngx_llm_anthropic_request_t *ctx);
static void ngx_llm_anthropic_write_system_text(
    ngx_llm_anthropic_request_t *ctx);
static ngx_int_t ngx_llm_anthropic_write_user_turn(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t **next);
static ngx_int_t ngx_llm_anthropic_write_parts(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m);
static ngx_int_t ngx_llm_anthropic_write_result(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m);
static ngx_int_t ngx_llm_anthropic_write_result_content(
    ngx_llm_anthropic_request_t *ctx, ngx_llm_message_t *m);
static void ngx_llm_anthropic_begin(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_role_e role);
static void ngx_llm_anthropic_end(ngx_llm_anthropic_request_t *ctx);


void
ngx_llm_anthropic_prepare(ngx_llm_anthropic_request_t *ctx)
{
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *last, *m;

    last = NULL;

    for (m = ctx->chat->messages; m; m = m->next) {

        if (!ngx_llm_compose_is_system(m) && !ngx_llm_anthropic_empty(m)) {
            last = m;
        }
    }

    if (last == NULL) {
        ctx->system_only = 1;
        return;
    }

    if (last->role != NGX_LLM_ROLE_ASSISTANT) {
        return;
    }

    /* a text that the model goes on with must not end in white space */

    for (part = last->parts; part; part = part->next) {
        if (ngx_llm_anthropic_written(last, part)) {
            ctx->prefill = part;
        }
    }
}


static ngx_uint_t
ngx_llm_anthropic_empty(ngx_llm_message_t *m)
{
    ngx_llm_part_t  *part;

    if (m->role == NGX_LLM_ROLE_TOOL) {
        return ngx_llm_anthropic_server_id(&m->tool_call_id);
    }

    for (part = m->parts; part; part = part->next) {
        if (ngx_llm_anthropic_written(m, part)) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
ngx_llm_anthropic_written(ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
        return !ngx_llm_anthropic_blank(&part->text);

    case NGX_LLM_PART_REASONING:

        /* unsigned thoughts are another provider's */

        return m->role == NGX_LLM_ROLE_ASSISTANT && part->signature.len;

    case NGX_LLM_PART_REDACTED:
        return m->role == NGX_LLM_ROLE_ASSISTANT && part->data.len;

    case NGX_LLM_PART_AUDIO:

        /* in an assistant's message it only refers to what was said */

        return m->role != NGX_LLM_ROLE_ASSISTANT;

    case NGX_LLM_PART_TOOL_CALL:
        return !ngx_llm_anthropic_server_id(&part->id);

    default:
        return 1;
    }
}


static ngx_uint_t
ngx_llm_anthropic_server_id(ngx_str_t *id)
{
    /*
     * A call of the provider's own tools that another gateway showed as a
     * function call.  Its result cannot be rebuilt.
     */

    return id->len >= sizeof("srvtoolu_") - 1
           && ngx_memcmp(id->data, "srvtoolu_", sizeof("srvtoolu_") - 1)
              == 0;
}


ngx_int_t
ngx_llm_anthropic_write_system(ngx_llm_anthropic_request_t *ctx)
{
    ngx_int_t       rc;
    ngx_uint_t      json, marked, n;
    ngx_llm_out_t  *out;

    out = ctx->out;

    rc = ngx_llm_anthropic_check_system(ctx, &n, &marked);
    if (rc != NGX_OK) {
        return rc;
    }

    json = ctx->chat->format == NGX_LLM_FORMAT_JSON
           || (ctx->chat->format == NGX_LLM_FORMAT_SCHEMA
               && ctx->chat->schema.len == 0);

    if (ctx->system_only) {

        if (n == 0) {
            return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                 "invalid_request_error", NULL, "messages",
                                 "\"messages\" have no content");
        }

        n = 0;
    }

    if (n == 0 && !json) {
        return NGX_OK;
    }

    ngx_llm_out_lit(out, ",\"system\":");

    if (marked && n) {
        ngx_llm_out_char(out, '[');
        ngx_llm_anthropic_write_system_blocks(ctx);

        if (json) {
            ngx_llm_out_lit(out, ",{\"type\":\"text\",\"text\":"
                                 "\"Answer with one JSON object and nothing"
                                 " else.\"}");
        }

        ngx_llm_out_char(out, ']');

        return NGX_OK;
    }

    ngx_llm_out_char(out, '"');

    if (n) {
        ngx_llm_anthropic_write_system_text(ctx);
    }

    if (json) {

        if (n) {
            ngx_llm_out_lit(out, "\\n");
        }

        ngx_llm_out_lit(out, "Answer with one JSON object and nothing else.");
    }

    ngx_llm_out_char(out, '"');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_check_system(ngx_llm_anthropic_request_t *ctx,
    ngx_uint_t *n, ngx_uint_t *marked)
{
    ngx_int_t           rc;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *m;

    *n = 0;
    *marked = 0;

    for (m = ctx->chat->messages; m; m = m->next) {

        if (!ngx_llm_compose_is_system(m)) {
            continue;
        }

        for (part = m->parts; part; part = part->next) {

            if (!ngx_llm_anthropic_written(m, part)) {
                continue;
            }

            rc = ngx_llm_compose_system_part(ctx->chat->pool, m, part,
                                             ctx->err);
            if (rc != NGX_OK) {
                return rc;
            }

            *n += 1;

            if (ngx_llm_anthropic_marked(m->cache_control, part)) {
                *marked = 1;
            }
        }
    }

    return NGX_OK;
}


static void
ngx_llm_anthropic_write_system_blocks(ngx_llm_anthropic_request_t *ctx)
{
    ngx_uint_t          n;
    ngx_llm_part_t     *last, *part;
    ngx_llm_message_t  *m;

    n = 0;

    for (m = ctx->chat->messages; m; m = m->next) {

        if (!ngx_llm_compose_is_system(m)) {
            continue;
        }

        last = NULL;

        for (part = m->parts; part; part = part->next) {
            if (ngx_llm_anthropic_written(m, part)) {
                last = part;
            }
        }

        for (part = m->parts; part; part = part->next) {

            if (!ngx_llm_anthropic_written(m, part)) {
                continue;
            }

            if (n++) {
                ngx_llm_out_char(ctx->out, ',');
            }

            ngx_llm_out_lit(ctx->out, "{\"type\":\"text\",\"text\":");
            ngx_llm_out_quoted(ctx->out, &part->text);
            ngx_llm_anthropic_write_mark(ctx, part == last ? m->cache_control
                                                           : NULL,
                                         part);
            ngx_llm_out_char(ctx->out, '}');
        }
    }
}


static void
ngx_llm_anthropic_write_system_text(ngx_llm_anthropic_request_t *ctx)
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

            if (!ngx_llm_anthropic_written(m, part)) {
                continue;
            }

            if (n++) {
                ngx_llm_out_lit(ctx->out, "\\n");
            }

            ngx_llm_out_str(ctx->out, &part->text);
        }
    }
}


ngx_int_t
ngx_llm_anthropic_write_messages(ngx_llm_anthropic_request_t *ctx)
{
    ngx_int_t           rc;
    ngx_llm_message_t  *m;

    ngx_llm_out_lit(ctx->out, ",\"messages\":[");

    if (ctx->system_only) {
        ngx_llm_out_lit(ctx->out, "{\"role\":\"user\",\"content\":[");
        ngx_llm_anthropic_write_system_blocks(ctx);
        ngx_llm_out_lit(ctx->out, "]}]");

        return NGX_OK;
    }

    m = ctx->chat->messages;

    while (m) {

        if (m->role == NGX_LLM_ROLE_USER || m->role == NGX_LLM_ROLE_TOOL) {

            rc = ngx_llm_anthropic_write_user_turn(ctx, &m);
            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        if (m->role == NGX_LLM_ROLE_ASSISTANT) {

            if (!ctx->open && !ngx_llm_anthropic_empty(m)) {

                /* a conversation begins with the user */

                ngx_llm_anthropic_begin(ctx, NGX_LLM_ROLE_USER);
                ngx_llm_out_lit(ctx->out,
                                "{\"type\":\"text\",\"text\":\".\"}");
            }

            /* a result without an id belongs to the calls that follow now */

            ctx->results = ctx->calls;

            rc = ngx_llm_anthropic_write_parts(ctx, m);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        m = m->next;
    }

    ngx_llm_anthropic_end(ctx);

    ngx_llm_out_char(ctx->out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_user_turn(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t **next)
{
    ngx_int_t           rc;
    ngx_llm_message_t  *last, *m;

    /* all up to the next message of the assistant; results come first */

    for (m = *next; m; m = m->next) {

        if (m->role == NGX_LLM_ROLE_ASSISTANT && !ngx_llm_anthropic_empty(m))
        {
            break;
        }

        if (m->role == NGX_LLM_ROLE_TOOL) {

            rc = ngx_llm_anthropic_write_result(ctx, m);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    last = m;

    for (m = *next; m != last; m = m->next) {

        if (m->role == NGX_LLM_ROLE_USER) {

            rc = ngx_llm_anthropic_write_parts(ctx, m);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    *next = last;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_parts(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t        rc;
    ngx_llm_part_t  *last, *part;
    ngx_llm_json_t  *mark;

    last = NULL;

    for (part = m->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_REASONING
            && part->type != NGX_LLM_PART_REDACTED
            && ngx_llm_anthropic_written(m, part))
        {
            last = part;
        }
    }

    for (part = m->parts; part; part = part->next) {

        if (!ngx_llm_anthropic_written(m, part)) {

            if (part->type == NGX_LLM_PART_TOOL_CALL
                && ngx_llm_anthropic_drop(ctx, "tool_calls") != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        if (part->type == NGX_LLM_PART_AUDIO
            && ngx_llm_anthropic_drops(ctx, NGX_LLM_PARAM_AUDIO))
        {
            if (ngx_llm_anthropic_drop(ctx, "audio") != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        ngx_llm_anthropic_begin(ctx, m->role);

        mark = (part == last) ? m->cache_control : NULL;

        switch (part->type) {

        case NGX_LLM_PART_REASONING:
            ngx_llm_out_lit(ctx->out, "{\"type\":\"thinking\",\"thinking\":");
            ngx_llm_out_quoted(ctx->out, &part->text);
            ngx_llm_out_lit(ctx->out, ",\"signature\":");
            ngx_llm_out_quoted(ctx->out, &part->signature);
            ngx_llm_out_char(ctx->out, '}');
            continue;

        case NGX_LLM_PART_REDACTED:
            ngx_llm_out_lit(ctx->out, "{\"type\":\"redacted_thinking\","
                                      "\"data\":");
            ngx_llm_out_quoted(ctx->out, &part->data);
            ngx_llm_out_char(ctx->out, '}');
            continue;

        case NGX_LLM_PART_OTHER:

            if (ctx->chat->dialect == &ngx_llm_anthropic) {
                ngx_llm_out_str(ctx->out, &part->node->raw);
                continue;
            }

            return ngx_llm_anthropic_refuse_part(ctx, m, part);

        case NGX_LLM_PART_TOOL_CALL:
            rc = ngx_llm_anthropic_write_call(ctx, m, part);
            break;

        default:
            rc = ngx_llm_anthropic_write_part(ctx, m, part);
        }

        if (rc != NGX_OK) {
            return rc;
        }

        ngx_llm_anthropic_write_mark(ctx, mark, part);
        ngx_llm_out_char(ctx->out, '}');
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_result(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t        rc;
    ngx_llm_json_t  *mark;
    ngx_llm_part_t  *marked, *part;

    if (ngx_llm_anthropic_server_id(&m->tool_call_id)) {
        return NGX_OK;
    }

    ngx_llm_anthropic_begin(ctx, NGX_LLM_ROLE_USER);

    ctx->tool_blocks = 1;

    if (m->tool_call_id.len == 0) {
        ctx->results++;
    }

    ngx_llm_out_lit(ctx->out, "{\"type\":\"tool_result\",\"tool_use_id\":");

    rc = ngx_llm_anthropic_write_id(ctx, &m->tool_call_id, ctx->results);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_anthropic_write_result_content(ctx, m);
    if (rc != NGX_OK) {
        return rc;
    }

    if (m->is_error) {
        ngx_llm_out_lit(ctx->out, ",\"is_error\":true");
    }

    /* a mark on a block inside a result is an error, it goes outside */

    mark = m->cache_control;
    marked = NULL;

    for (part = m->parts; part; part = part->next) {
        if (ngx_llm_anthropic_marked(NULL, part)) {
            marked = part;
        }
    }

    ngx_llm_anthropic_write_mark(ctx, mark, marked);
    ngx_llm_out_char(ctx->out, '}');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_write_result_content(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t        rc;
    ngx_uint_t       n;
    ngx_llm_part_t  *first, *part;

    n = 0;
    first = NULL;

    for (part = m->parts; part; part = part->next) {

        if (!ngx_llm_anthropic_written(m, part)) {
            continue;
        }

        if (n++ == 0) {
            first = part;
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_llm_out_lit(ctx->out, ",\"content\":");

    if (n == 1 && first->type == NGX_LLM_PART_TEXT) {
        ngx_llm_out_quoted(ctx->out, &first->text);
        return NGX_OK;
    }

    n = 0;

    ngx_llm_out_char(ctx->out, '[');

    for (part = m->parts; part; part = part->next) {

        if (!ngx_llm_anthropic_written(m, part)) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(ctx->out, ',');
        }

        if (part->type == NGX_LLM_PART_OTHER
            && ctx->chat->dialect == &ngx_llm_anthropic)
        {
            ngx_llm_out_str(ctx->out, &part->node->raw);
            continue;
        }

        rc = ngx_llm_anthropic_write_part(ctx, m, part);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_llm_out_char(ctx->out, '}');
    }

    ngx_llm_out_char(ctx->out, ']');

    return NGX_OK;
}


static void
ngx_llm_anthropic_begin(ngx_llm_anthropic_request_t *ctx,
    ngx_llm_role_e role)
{
    if (ctx->open && ctx->role == role) {
        ngx_llm_out_char(ctx->out, ',');
        return;
    }

    if (ctx->open) {
        ngx_llm_anthropic_end(ctx);
        ngx_llm_out_char(ctx->out, ',');
    }

    ctx->open = 1;
    ctx->role = role;

    if (role == NGX_LLM_ROLE_ASSISTANT) {
        ngx_llm_out_lit(ctx->out, "{\"role\":\"assistant\",\"content\":[");

    } else {
        ngx_llm_out_lit(ctx->out, "{\"role\":\"user\",\"content\":[");
    }
}


static void
ngx_llm_anthropic_end(ngx_llm_anthropic_request_t *ctx)
{
    ngx_llm_out_lit(ctx->out, "]}");
}
