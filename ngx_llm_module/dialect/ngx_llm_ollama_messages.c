
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The conversation.  A message has one string of text, and pictures beside it.
 */


#include "ngx_llm_ollama.h"


static ngx_int_t ngx_llm_ollama_write_message(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn);
static ngx_int_t ngx_llm_ollama_write_content(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m);
static ngx_int_t ngx_llm_ollama_write_file(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part);
static void ngx_llm_ollama_write_images(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m);
static ngx_int_t ngx_llm_ollama_write_assistant(
    ngx_llm_ollama_request_t *ctx, ngx_llm_message_t *m, ngx_uint_t turn);
static ngx_int_t ngx_llm_ollama_write_calls(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn);
static void ngx_llm_ollama_write_result(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn);


ngx_int_t
ngx_llm_ollama_write_messages(ngx_llm_ollama_request_t *ctx)
{
    ngx_int_t           rc;
    ngx_uint_t          n, turn;
    ngx_llm_message_t  *m;

    rc = ngx_llm_compose_check_system(&ctx->rq);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_llm_compose_calls(&ctx->rq) != NGX_OK) {
        return NGX_ERROR;
    }

    n = 0;
    turn = 0;

    ngx_llm_out_lit(ctx->rq.out, ",\"messages\":[");

    for (m = ctx->rq.chat->messages; m; m = m->next) {

        turn++;

        if (ngx_llm_compose_silent(m)) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(ctx->rq.out, ',');
        }

        rc = ngx_llm_ollama_write_message(ctx, m, turn);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_llm_out_char(ctx->rq.out, ']');

    if (n == 0) {

        /* it would load the model, and answer nothing */

        return ngx_llm_compose_no_content(&ctx->rq);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_write_message(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn)
{
    char       *role;
    ngx_int_t   rc;

    switch (m->role) {

    case NGX_LLM_ROLE_USER:
        role = "user";
        break;

    case NGX_LLM_ROLE_ASSISTANT:
        role = "assistant";
        break;

    case NGX_LLM_ROLE_TOOL:
        role = "tool";
        break;

    default: /* NGX_LLM_ROLE_SYSTEM, NGX_LLM_ROLE_DEVELOPER */
        role = "system";
        break;
    }

    ngx_llm_out_lit(ctx->rq.out, "{\"role\":\"");
    ngx_llm_out_data(ctx->rq.out, (u_char *) role, ngx_strlen(role));
    ngx_llm_out_lit(ctx->rq.out, "\",\"content\":\"");

    if (m->is_error) {

        /* there is no mark for it */

        ngx_llm_out_lit(ctx->rq.out, "Error: ");
    }

    rc = ngx_llm_ollama_write_content(ctx, m);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_char(ctx->rq.out, '"');

    ngx_llm_ollama_write_images(ctx, m);

    if (m->role == NGX_LLM_ROLE_TOOL) {
        ngx_llm_ollama_write_result(ctx, m, turn);

    } else if (m->role == NGX_LLM_ROLE_ASSISTANT
               && ngx_llm_ollama_write_assistant(ctx, m, turn) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_out_char(ctx->rq.out, '}');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_write_content(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t        rc;
    ngx_uint_t       n;
    ngx_llm_part_t  *part;

    n = 0;

    for (part = m->parts; part; part = part->next) {

        switch (part->type) {

        case NGX_LLM_PART_TEXT:
        case NGX_LLM_PART_REFUSAL:

            if (part->text.len == 0) {
                continue;
            }

            /* texts of an answer are pieces of one */

            if (n++ && m->role != NGX_LLM_ROLE_ASSISTANT) {
                ngx_llm_out_lit(ctx->rq.out, "\\n");
            }

            ngx_llm_out_str(ctx->rq.out, &part->text);
            continue;

        case NGX_LLM_PART_FILE:

            if (n++) {
                ngx_llm_out_lit(ctx->rq.out, "\\n");
            }

            rc = ngx_llm_ollama_write_file(ctx, m, part);
            if (rc != NGX_OK) {
                return rc;
            }

            continue;

        case NGX_LLM_PART_IMAGE:

            if (part->data.len == 0) {
                return ngx_llm_compose_refuse_part(&ctx->rq, m,
                                                   "an image by its url, "
                                                   "send the data");
            }

            continue;

        case NGX_LLM_PART_REASONING:
        case NGX_LLM_PART_REDACTED:
        case NGX_LLM_PART_TOOL_CALL:
            continue;

        case NGX_LLM_PART_AUDIO:

            if (m->role == NGX_LLM_ROLE_ASSISTANT) {
                continue;
            }

            return ngx_llm_compose_refuse_part(&ctx->rq, m, "audio");

        default:
            return ngx_llm_compose_refuse_part(&ctx->rq, m,
                                               "content of this kind");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_write_file(ngx_llm_ollama_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = ngx_llm_compose_file_text(&ctx->rq, m, part, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (part->name.len) {
        ngx_llm_out_str(ctx->rq.out, &part->name);
        ngx_llm_out_lit(ctx->rq.out, ":\\n");
    }

    ngx_llm_out_str(ctx->rq.out, &text);

    return NGX_OK;
}


static void
ngx_llm_ollama_write_images(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_uint_t       n;
    ngx_llm_part_t  *part;

    n = 0;

    for (part = m->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_IMAGE) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(ctx->rq.out, ',');

        } else {
            ngx_llm_out_lit(ctx->rq.out, ",\"images\":[");
        }

        ngx_llm_out_quoted(ctx->rq.out, &part->data);
    }

    if (n) {
        ngx_llm_out_char(ctx->rq.out, ']');
    }
}


static ngx_int_t
ngx_llm_ollama_write_assistant(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn)
{
    if (ngx_llm_compose_part(m->parts, NGX_LLM_PART_REASONING)) {
        ngx_llm_out_lit(ctx->rq.out, ",\"thinking\":\"");
        (void) ngx_llm_compose_joined(ctx->rq.out, m->parts,
                                      NGX_LLM_PART_REASONING,
                                      NGX_LLM_PART_REASONING, "");
        ngx_llm_out_char(ctx->rq.out, '"');
    }

    if (ngx_llm_compose_part(m->parts, NGX_LLM_PART_TOOL_CALL) == NULL) {
        return NGX_OK;
    }

    return ngx_llm_ollama_write_calls(ctx, m, turn);
}


static ngx_int_t
ngx_llm_ollama_write_calls(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn)
{
    ngx_str_t                input;
    ngx_uint_t               n;
    ngx_llm_out_t           *out;
    ngx_llm_part_t          *part;
    ngx_llm_compose_call_t  *call;

    n = 0;
    out = ctx->rq.out;

    ngx_llm_out_lit(out, ",\"tool_calls\":[");

    for (part = m->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_TOOL_CALL) {
            continue;
        }

        if (n) {
            ngx_llm_out_char(out, ',');
        }

        if (ngx_llm_compose_input(&ctx->rq, part, &input) != NGX_OK) {
            return NGX_ERROR;
        }

        call = ngx_llm_compose_call(&ctx->rq, part, turn);

        ngx_llm_out_lit(out, "{\"id\":");
        ngx_llm_out_quoted(out, &call->id);
        ngx_llm_out_lit(out, ",\"function\":{\"index\":");
        ngx_llm_out_int(out, n++);
        ngx_llm_out_lit(out, ",\"name\":");
        ngx_llm_out_quoted(out, &part->name);
        ngx_llm_out_lit(out, ",\"arguments\":");
        ngx_llm_out_str(out, &input);
        ngx_llm_out_lit(out, "}}");
    }

    ngx_llm_out_char(out, ']');

    return NGX_OK;
}


/* templates know a result by the name of its function */

static void
ngx_llm_ollama_write_result(ngx_llm_ollama_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn)
{
    ngx_str_t                name;
    ngx_llm_compose_call_t  *call;

    name = m->name;
    call = ngx_llm_compose_result(&ctx->rq, m, turn);

    if (call) {
        name = call->part->name;
    }

    if (name.len) {
        ngx_llm_out_lit(ctx->rq.out, ",\"tool_name\":");
        ngx_llm_out_quoted(ctx->rq.out, &name);
    }

    if (call || m->tool_call_id.len) {
        ngx_llm_out_lit(ctx->rq.out, ",\"tool_call_id\":");
        ngx_llm_out_quoted(ctx->rq.out, call ? &call->id : &m->tool_call_id);
    }
}
