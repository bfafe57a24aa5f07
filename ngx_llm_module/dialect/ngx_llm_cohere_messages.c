
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The conversation, and files as documents beside it.
 */


#include "ngx_llm_cohere.h"


static ngx_int_t ngx_llm_cohere_write_message(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn, ngx_uint_t *n);
static ngx_int_t ngx_llm_cohere_write_user(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t *n);
static ngx_int_t ngx_llm_cohere_check_user(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t *texts, ngx_uint_t *images);
static ngx_int_t ngx_llm_cohere_write_assistant(
    ngx_llm_cohere_request_t *ctx, ngx_llm_message_t *m, ngx_uint_t turn,
    ngx_uint_t *n);
static void ngx_llm_cohere_write_content(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t calls);
static ngx_int_t ngx_llm_cohere_write_result(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn);
static ngx_int_t ngx_llm_cohere_write_pictures(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *first, ngx_llm_message_t *last);
static ngx_int_t ngx_llm_cohere_write_file(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part, ngx_uint_t n);


ngx_int_t
ngx_llm_cohere_write_messages(ngx_llm_cohere_request_t *ctx)
{
    ngx_int_t           rc;
    ngx_uint_t          n, turn;
    ngx_llm_out_t      *out;
    ngx_llm_message_t  *m, *first;

    rc = ngx_llm_compose_check_system(&ctx->rq);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_llm_compose_calls(&ctx->rq) != NGX_OK) {
        return NGX_ERROR;
    }

    turn = 0;
    first = NULL;
    out = ctx->rq.out;

    ngx_llm_out_lit(out, ",\"messages\":[");

    if (ngx_llm_compose_write_system(&ctx->rq, &n) != NGX_OK) {
        return NGX_ERROR;
    }

    for (m = ctx->rq.chat->messages; m; m = m->next) {

        turn++;

        if (m->role == NGX_LLM_ROLE_TOOL && first == NULL) {
            first = m;
        }

        rc = ngx_llm_cohere_write_message(ctx, m, turn, &n);
        if (rc != NGX_OK) {
            return rc;
        }

        if (first && (m->next == NULL || m->next->role != NGX_LLM_ROLE_TOOL))
        {
            /* results hold text alone: pictures come behind all of them */

            rc = ngx_llm_cohere_write_pictures(ctx, first, m->next);
            if (rc != NGX_OK) {
                return rc;
            }

            first = NULL;
        }
    }

    ngx_llm_out_char(out, ']');

    if (n == 0) {
        return ngx_llm_compose_no_content(&ctx->rq);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_write_message(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn, ngx_uint_t *n)
{
    switch (m->role) {

    case NGX_LLM_ROLE_USER:
        return ngx_llm_cohere_write_user(ctx, m, n);

    case NGX_LLM_ROLE_ASSISTANT:
        return ngx_llm_cohere_write_assistant(ctx, m, turn, n);

    case NGX_LLM_ROLE_TOOL:

        if ((*n)++) {
            ngx_llm_out_char(ctx->rq.out, ',');
        }

        return ngx_llm_cohere_write_result(ctx, m, turn);

    default: /* system messages stand in front */
        return NGX_OK;
    }
}


static ngx_int_t
ngx_llm_cohere_write_user(ngx_llm_cohere_request_t *ctx, ngx_llm_message_t *m,
    ngx_uint_t *n)
{
    ngx_int_t        rc;
    ngx_uint_t       images, k, texts;
    ngx_llm_out_t   *out;
    ngx_llm_part_t  *part;

    rc = ngx_llm_cohere_check_user(ctx, m, &texts, &images);
    if (rc != NGX_OK) {
        return rc;
    }

    if (texts == 0 && images == 0) {

        /* an empty message is refused */

        return NGX_OK;
    }

    out = ctx->rq.out;

    if ((*n)++) {
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_lit(out, "{\"role\":\"user\",\"content\":");

    if (texts == 1 && images == 0) {
        ngx_llm_out_char(out, '"');
        ngx_llm_compose_write_text(&ctx->rq, m);
        ngx_llm_out_lit(out, "\"}");

        return NGX_OK;
    }

    k = 0;

    for (part = m->parts; part; part = part->next) {

        if (part->type == NGX_LLM_PART_FILE
            || (part->type != NGX_LLM_PART_IMAGE && part->text.len == 0))
        {
            continue;
        }

        ngx_llm_out_char(out, k++ ? ',' : '[');

        if (part->type == NGX_LLM_PART_IMAGE) {
            ngx_llm_compose_write_image(&ctx->rq, part);
            continue;
        }

        ngx_llm_out_lit(out, "{\"type\":\"text\",\"text\":");
        ngx_llm_out_quoted(out, &part->text);
        ngx_llm_out_char(out, '}');
    }

    ngx_llm_out_lit(out, "]}");

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_check_user(ngx_llm_cohere_request_t *ctx, ngx_llm_message_t *m,
    ngx_uint_t *texts, ngx_uint_t *images)
{
    ngx_llm_part_t  *part;

    *texts = 0;
    *images = 0;

    for (part = m->parts; part; part = part->next) {

        switch (part->type) {

        case NGX_LLM_PART_TEXT:
        case NGX_LLM_PART_REFUSAL:
            *texts += (part->text.len != 0);
            break;

        case NGX_LLM_PART_IMAGE:

            if (part->data.len == 0 && part->url.len == 0) {
                return ngx_llm_compose_refuse_part(&ctx->rq, m,
                                                   "an uploaded image");
            }

            *images += 1;
            break;

        case NGX_LLM_PART_FILE:

            /* a document, see below */

            ctx->nfiles++;
            break;

        case NGX_LLM_PART_AUDIO:
            return ngx_llm_compose_refuse_part(&ctx->rq, m, "audio");

        default:
            return ngx_llm_compose_refuse_part(&ctx->rq, m,
                                               "content of this kind");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_write_assistant(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn, ngx_uint_t *n)
{
    ngx_int_t       rc;
    ngx_uint_t      calls, text, thoughts;
    ngx_llm_out_t  *out;

    out = ctx->rq.out;

    calls = ngx_llm_compose_part(m->parts, NGX_LLM_PART_TOOL_CALL) != NULL;
    text = ngx_llm_compose_has_text(m);
    thoughts = ctx->reasons
               && ngx_llm_compose_part(m->parts, NGX_LLM_PART_REASONING)
                  != NULL;

    if (!calls && !text) {
        return NGX_OK;
    }

    if ((*n)++) {
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_lit(out, "{\"role\":\"assistant\"");

    if (thoughts) {
        ngx_llm_cohere_write_content(ctx, m, calls);

    } else if (!calls) {
        ngx_llm_out_lit(out, ",\"content\":\"");
        ngx_llm_compose_write_text(&ctx->rq, m);
        ngx_llm_out_char(out, '"');
    }

    if (calls) {

        if (text) {

            /* what the model itself says before its calls */

            ngx_llm_out_lit(out, ",\"tool_plan\":\"");
            ngx_llm_compose_write_text(&ctx->rq, m);
            ngx_llm_out_char(out, '"');
        }

        rc = ngx_llm_compose_write_calls(&ctx->rq, m, turn);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_llm_out_char(out, '}');

    return NGX_OK;
}


static void
ngx_llm_cohere_write_content(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t calls)
{
    ngx_llm_out_t  *out;

    out = ctx->rq.out;

    ngx_llm_out_lit(out, ",\"content\":[{\"type\":\"thinking\","
                         "\"thinking\":\"");
    (void) ngx_llm_compose_joined(out, m->parts, NGX_LLM_PART_REASONING,
                                  NGX_LLM_PART_REASONING, "");
    ngx_llm_out_lit(out, "\"}");

    if (!calls) {
        ngx_llm_out_lit(out, ",{\"type\":\"text\",\"text\":\"");
        ngx_llm_compose_write_text(&ctx->rq, m);
        ngx_llm_out_lit(out, "\"}");
    }

    ngx_llm_out_char(out, ']');
}


static ngx_int_t
ngx_llm_cohere_write_result(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn)
{
    ngx_uint_t               media;
    ngx_llm_out_t           *out;
    ngx_llm_part_t          *part;
    ngx_llm_compose_call_t  *call;

    out = ctx->rq.out;

    call = ngx_llm_compose_result(&ctx->rq, m, turn);

    if (call == NULL) {
        return ngx_llm_compose_no_call(&ctx->rq, m);
    }

    ngx_llm_out_lit(out, "{\"role\":\"tool\",\"tool_call_id\":");
    ngx_llm_out_quoted(out, &call->id);
    ngx_llm_out_lit(out, ",\"content\":\"");

    media = 0;

    for (part = m->parts; part; part = part->next) {

        if (part->type == NGX_LLM_PART_IMAGE) {
            media = 1;
            continue;
        }

        if (part->type != NGX_LLM_PART_TEXT) {
            return ngx_llm_compose_refuse_part(&ctx->rq, m,
                                               "a tool's result of this "
                                               "kind");
        }
    }

    if (m->is_error) {

        /* there is no mark for it */

        ngx_llm_out_lit(out, "Error: ");
    }

    if (!ngx_llm_compose_joined(out, m->parts, NGX_LLM_PART_TEXT,
                                NGX_LLM_PART_TEXT, "\\n")
        && !m->is_error)
    {
        /* an empty one is refused */

        if (media) {
            ngx_llm_out_lit(out, "(see the attachment)");

        } else {
            ngx_llm_out_lit(out, "{}");
        }
    }

    ngx_llm_out_lit(out, "\"}");

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_write_pictures(ngx_llm_cohere_request_t *ctx,
    ngx_llm_message_t *first, ngx_llm_message_t *last)
{
    ngx_uint_t          n;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *m;

    n = 0;

    for (m = first; m != last; m = m->next) {

        for (part = m->parts; part; part = part->next) {

            if (part->type != NGX_LLM_PART_IMAGE) {
                continue;
            }

            if (part->data.len == 0 && part->url.len == 0) {
                return ngx_llm_compose_refuse_part(&ctx->rq, m,
                                                   "an uploaded image");
            }

            if (n++) {
                ngx_llm_out_char(ctx->rq.out, ',');

            } else {
                ngx_llm_out_lit(ctx->rq.out, ",{\"role\":\"user\","
                                             "\"content\":[");
            }

            ngx_llm_compose_write_image(&ctx->rq, part);
        }
    }

    if (n) {
        ngx_llm_out_lit(ctx->rq.out, "]}");
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_cohere_write_documents(ngx_llm_cohere_request_t *ctx)
{
    ngx_int_t           rc;
    ngx_uint_t          n;
    ngx_llm_part_t     *part;
    ngx_llm_json_t     *node;
    ngx_llm_message_t  *m;

    node = ngx_llm_compose_own(&ctx->rq, "documents");

    if (node == NULL && ctx->nfiles == 0) {
        return NGX_OK;
    }

    n = 0;

    ngx_llm_out_lit(ctx->rq.out, ",\"documents\":[");

    for (node = node ? node->child : NULL; node; node = node->next) {

        if (n++) {
            ngx_llm_out_char(ctx->rq.out, ',');
        }

        ngx_llm_out_str(ctx->rq.out, &node->raw);
    }

    for (m = ctx->rq.chat->messages; m; m = m->next) {

        if (m->role != NGX_LLM_ROLE_USER) {
            continue;
        }

        for (part = m->parts; part; part = part->next) {

            if (part->type != NGX_LLM_PART_FILE) {
                continue;
            }

            rc = ngx_llm_cohere_write_file(ctx, m, part, n++);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    ngx_llm_out_char(ctx->rq.out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_write_file(ngx_llm_cohere_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part, ngx_uint_t n)
{
    ngx_int_t       rc;
    ngx_str_t       text;
    ngx_llm_out_t  *out;

    rc = ngx_llm_compose_file_text(&ctx->rq, m, part, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    out = ctx->rq.out;

    if (n) {
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_lit(out, "{\"id\":\"file_");
    ngx_llm_out_int(out, n);
    ngx_llm_out_lit(out, "\",\"data\":{");

    if (part->name.len) {
        ngx_llm_out_lit(out, "\"title\":");
        ngx_llm_out_quoted(out, &part->name);
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_lit(out, "\"text\":");
    ngx_llm_out_quoted(out, &text);
    ngx_llm_out_lit(out, "}}");

    return NGX_OK;
}
