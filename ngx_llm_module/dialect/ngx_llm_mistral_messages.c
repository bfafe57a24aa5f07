
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The conversation.
 */


#include "ngx_llm_mistral.h"


static ngx_uint_t ngx_llm_mistral_skipped(ngx_llm_message_t *m);
static ngx_llm_message_t *ngx_llm_mistral_next(ngx_llm_message_t *m);
static ngx_int_t ngx_llm_mistral_write_message(
    ngx_llm_mistral_request_t *ctx, ngx_llm_message_t *m, ngx_uint_t turn);
static ngx_int_t ngx_llm_mistral_write_user(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m);
static ngx_int_t ngx_llm_mistral_write_assistant(
    ngx_llm_mistral_request_t *ctx, ngx_llm_message_t *m, ngx_uint_t turn);
static ngx_int_t ngx_llm_mistral_write_result(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn);
static ngx_int_t ngx_llm_mistral_write_content(
    ngx_llm_mistral_request_t *ctx, ngx_llm_message_t *m, char *before);
static ngx_int_t ngx_llm_mistral_write_part(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part);
static ngx_int_t ngx_llm_mistral_write_file(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part);
static ngx_int_t ngx_llm_mistral_write_document(
    ngx_llm_mistral_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part);
static ngx_uint_t ngx_llm_mistral_is_uuid(ngx_str_t *id);


ngx_int_t
ngx_llm_mistral_write_messages(ngx_llm_mistral_request_t *ctx)
{
    ngx_int_t           rc;
    ngx_uint_t          n, turn;
    ngx_llm_out_t      *out;
    ngx_llm_message_t  *m, *before;

    rc = ngx_llm_compose_check_system(&ctx->rq);
    if (rc != NGX_OK) {
        return rc;
    }

    turn = 0;
    before = NULL;
    out = ctx->rq.out;

    ngx_llm_out_lit(out, ",\"messages\":[");

    if (ngx_llm_compose_write_system(&ctx->rq, &n) != NGX_OK) {
        return NGX_ERROR;
    }

    for (m = ctx->rq.chat->messages; m; m = m->next) {

        turn++;

        if (ngx_llm_mistral_skipped(m)) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        if ((ctx->model & NGX_LLM_MISTRAL_ORDER)
            && m->role == NGX_LLM_ROLE_USER && before
            && before->role == NGX_LLM_ROLE_TOOL)
        {
            ngx_llm_out_lit(out, "{\"role\":\"assistant\",\"content\":"
                                 "\"OK\"},");
        }

        rc = ngx_llm_mistral_write_message(ctx, m, turn);
        if (rc != NGX_OK) {
            return rc;
        }

        before = m;
    }

    ngx_llm_out_char(out, ']');

    return NGX_OK;
}


/* system messages stand in front, an assistant who says nothing is refused */

static ngx_uint_t
ngx_llm_mistral_skipped(ngx_llm_message_t *m)
{
    return ngx_llm_compose_is_system(m) || ngx_llm_compose_silent(m);
}


static ngx_llm_message_t *
ngx_llm_mistral_next(ngx_llm_message_t *m)
{
    do {
        m = m->next;
    } while (m && ngx_llm_mistral_skipped(m));

    return m;
}


static ngx_int_t
ngx_llm_mistral_write_message(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn)
{
    switch (m->role) {

    case NGX_LLM_ROLE_ASSISTANT:
        return ngx_llm_mistral_write_assistant(ctx, m, turn);

    case NGX_LLM_ROLE_TOOL:
        return ngx_llm_mistral_write_result(ctx, m, turn);

    default: /* NGX_LLM_ROLE_USER */
        return ngx_llm_mistral_write_user(ctx, m);
    }
}


static ngx_int_t
ngx_llm_mistral_write_user(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t  rc;

    ngx_llm_out_lit(ctx->rq.out, "{\"role\":\"user\"");

    rc = ngx_llm_mistral_write_content(ctx, m, "");
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_char(ctx->rq.out, '}');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_mistral_write_assistant(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn)
{
    ngx_uint_t      calls, text;
    ngx_llm_out_t  *out;

    out = ctx->rq.out;

    calls = ngx_llm_compose_part(m->parts, NGX_LLM_PART_TOOL_CALL) != NULL;
    text = ngx_llm_compose_has_text(m);

    ngx_llm_out_lit(out, "{\"role\":\"assistant\",\"content\":");

    if ((ctx->model & NGX_LLM_MISTRAL_THOUGHTS)
        && ngx_llm_compose_part(m->parts, NGX_LLM_PART_REASONING))
    {
        ngx_llm_out_lit(out, "[{\"type\":\"thinking\",\"thinking\":"
                             "[{\"type\":\"text\",\"text\":\"");
        (void) ngx_llm_compose_joined(out, m->parts, NGX_LLM_PART_REASONING,
                                      NGX_LLM_PART_REASONING, "");
        ngx_llm_out_lit(out, "\"}]}");

        if (text) {
            ngx_llm_out_lit(out, ",{\"type\":\"text\",\"text\":\"");
            ngx_llm_compose_write_text(&ctx->rq, m);
            ngx_llm_out_lit(out, "\"}");
        }

        ngx_llm_out_char(out, ']');

    } else {
        ngx_llm_out_char(out, '"');
        ngx_llm_compose_write_text(&ctx->rq, m);
        ngx_llm_out_char(out, '"');
    }

    if (calls) {

        if (ngx_llm_compose_write_calls(&ctx->rq, m, turn) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (ngx_llm_mistral_next(m) == NULL) {

        /* the answer goes on from here: without it this is an error */

        ngx_llm_out_lit(out, ",\"prefix\":true");
    }

    ngx_llm_out_char(out, '}');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_mistral_write_result(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m, ngx_uint_t turn)
{
    ngx_int_t                rc;
    ngx_llm_out_t           *out;
    ngx_llm_compose_call_t  *call;

    out = ctx->rq.out;

    call = ngx_llm_compose_result(&ctx->rq, m, turn);

    if (call == NULL) {
        return ngx_llm_compose_no_call(&ctx->rq, m);
    }

    ngx_llm_out_lit(out, "{\"role\":\"tool\",\"tool_call_id\":");
    ngx_llm_out_quoted(out, &call->id);
    ngx_llm_out_lit(out, ",\"name\":");
    ngx_llm_out_quoted(out, &call->part->name);

    /* there is no mark for a failure */

    rc = ngx_llm_mistral_write_content(ctx, m, m->is_error ? "Error: " : "");
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_char(out, '}');

    return NGX_OK;
}


/* a string where there is no more than one text */

static ngx_int_t
ngx_llm_mistral_write_content(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m, char *before)
{
    ngx_int_t        rc;
    ngx_uint_t       n, others, texts;
    ngx_llm_out_t   *out;
    ngx_llm_part_t  *part;

    texts = 0;
    others = 0;
    out = ctx->rq.out;

    for (part = m->parts; part; part = part->next) {

        if (part->type == NGX_LLM_PART_TEXT) {
            texts += (part->text.len != 0);

        } else {
            others++;
        }
    }

    ngx_llm_out_lit(out, ",\"content\":");

    if (others == 0 && (texts < 2 || m->role == NGX_LLM_ROLE_TOOL)) {
        ngx_llm_out_char(out, '"');
        ngx_llm_out_data(out, (u_char *) before, ngx_strlen(before));
        (void) ngx_llm_compose_joined(out, m->parts, NGX_LLM_PART_TEXT,
                                      NGX_LLM_PART_TEXT, "\\n");
        ngx_llm_out_char(out, '"');

        return NGX_OK;
    }

    ngx_llm_out_char(out, '[');

    n = 0;

    if (*before) {
        n = 1;
        ngx_llm_out_lit(out, "{\"type\":\"text\",\"text\":\"");
        ngx_llm_out_data(out, (u_char *) before, ngx_strlen(before));
        ngx_llm_out_lit(out, "\"}");
    }

    for (part = m->parts; part; part = part->next) {

        if (part->type == NGX_LLM_PART_TEXT && part->text.len == 0) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        rc = ngx_llm_mistral_write_part(ctx, m, part);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_llm_out_char(out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_mistral_write_part(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_llm_out_t  *out;

    out = ctx->rq.out;

    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
        ngx_llm_out_lit(out, "{\"type\":\"text\",\"text\":");
        ngx_llm_out_quoted(out, &part->text);
        ngx_llm_out_char(out, '}');
        return NGX_OK;

    case NGX_LLM_PART_IMAGE:

        if (part->data.len == 0 && part->url.len == 0) {
            return ngx_llm_compose_refuse_part(&ctx->rq, m,
                                               "an uploaded image");
        }

        ngx_llm_compose_write_image(&ctx->rq, part);
        return NGX_OK;

    case NGX_LLM_PART_AUDIO:

        /* the data alone, which says its format by itself */

        ngx_llm_out_lit(out, "{\"type\":\"input_audio\",\"input_audio\":");
        ngx_llm_out_quoted(out, &part->data);
        ngx_llm_out_char(out, '}');
        return NGX_OK;

    case NGX_LLM_PART_FILE:
        return ngx_llm_mistral_write_file(ctx, m, part);

    default:
        return ngx_llm_mistral_write_document(ctx, m, part);
    }
}


static ngx_int_t
ngx_llm_mistral_write_file(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_llm_out_t  *out;

    out = ctx->rq.out;

    if (part->data.len == 0 && part->url.len == 0) {

        if (!ngx_llm_mistral_is_uuid(&part->id)) {
            return ngx_llm_compose_refuse_part(&ctx->rq, m,
                                               "a file that it does not "
                                               "know, send its data");
        }

        ngx_llm_out_lit(out, "{\"type\":\"file\",\"file_id\":");
        ngx_llm_out_quoted(out, &part->id);
        ngx_llm_out_char(out, '}');

        return NGX_OK;
    }

    ngx_llm_out_lit(out, "{\"type\":\"document_url\",\"document_url\":\"");

    if (part->data.len) {
        ngx_llm_compose_data_url(part, "application/pdf", out);

    } else {
        ngx_llm_out_str(out, &part->url);
    }

    ngx_llm_out_char(out, '"');

    if (part->name.len) {
        ngx_llm_out_lit(out, ",\"document_name\":");
        ngx_llm_out_quoted(out, &part->name);
    }

    ngx_llm_out_char(out, '}');

    return NGX_OK;
}


/* a part that only this provider has */

static ngx_int_t
ngx_llm_mistral_write_document(ngx_llm_mistral_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t       name, type, url;
    ngx_llm_out_t  *out;

    out = ctx->rq.out;

    type = ngx_llm_json_str(part->node, "type");
    url = ngx_llm_json_str(part->node, "document_url");
    name = ngx_llm_json_str(part->node, "document_name");

    if (!ngx_llm_json_is(&type, "document_url") || url.len == 0) {
        return ngx_llm_compose_refuse_part(&ctx->rq, m,
                                           "content of this kind");
    }

    ngx_llm_out_lit(out, "{\"type\":\"document_url\",\"document_url\":");
    ngx_llm_out_quoted(out, &url);

    if (name.len) {
        ngx_llm_out_lit(out, ",\"document_name\":");
        ngx_llm_out_quoted(out, &name);
    }

    ngx_llm_out_char(out, '}');

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_mistral_is_uuid(ngx_str_t *id)
{
    size_t  i;
    u_char  ch;

    if (id->len != 36) {
        return 0;
    }

    for (i = 0; i < id->len; i++) {
        ch = id->data[i];

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (ch != '-') {
                return 0;
            }

            continue;
        }

        if ((ch < '0' || ch > '9')
            && ((ch | 0x20) < 'a' || (ch | 0x20) > 'f'))
        {
            return 0;
        }
    }

    return 1;
}
