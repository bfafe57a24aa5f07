
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Parts of messages for a provider.
 */


#include "ngx_llm_compose.h"


static ngx_uint_t ngx_llm_compose_textual(ngx_str_t *type);


/* beside text/... */

static ngx_str_t  ngx_llm_compose_texts[] = {
    ngx_string("application/json"),
    ngx_string("application/xml"),
    ngx_string("application/yaml"),
    ngx_string("application/x-yaml"),
    ngx_string("application/javascript"),
    ngx_string("application/x-javascript"),
    ngx_string("application/sql"),
    ngx_null_string
};


ngx_uint_t
ngx_llm_compose_joined(ngx_llm_out_t *out, ngx_llm_part_t *parts,
    ngx_llm_part_e type, ngx_llm_part_e other, char *between)
{
    ngx_uint_t       n;
    ngx_llm_part_t  *part;

    n = 0;

    for (part = parts; part; part = part->next) {

        if ((part->type != type && part->type != other)
            || part->text.len == 0)
        {
            continue;
        }

        if (n++) {
            ngx_llm_out_data(out, (u_char *) between, ngx_strlen(between));
        }

        ngx_llm_out_str(out, &part->text);
    }

    return n;
}


void
ngx_llm_compose_write_text(ngx_llm_compose_t *rq, ngx_llm_message_t *m)
{
    (void) ngx_llm_compose_joined(rq->out, m->parts, NGX_LLM_PART_TEXT,
                                  NGX_LLM_PART_REFUSAL, "");
}


ngx_uint_t
ngx_llm_compose_has_text(ngx_llm_message_t *m)
{
    return ngx_llm_compose_part(m->parts, NGX_LLM_PART_TEXT) != NULL
           || ngx_llm_compose_part(m->parts, NGX_LLM_PART_REFUSAL) != NULL;
}


ngx_uint_t
ngx_llm_compose_silent(ngx_llm_message_t *m)
{
    return m->role == NGX_LLM_ROLE_ASSISTANT
           && !ngx_llm_compose_has_text(m)
           && ngx_llm_compose_part(m->parts, NGX_LLM_PART_TOOL_CALL) == NULL;
}


ngx_llm_part_t *
ngx_llm_compose_part(ngx_llm_part_t *parts, ngx_llm_part_e type)
{
    ngx_llm_part_t  *part;

    for (part = parts; part; part = part->next) {

        if (part->type != type) {
            continue;
        }

        if (part->text.len
            || (type != NGX_LLM_PART_TEXT && type != NGX_LLM_PART_REFUSAL
                && type != NGX_LLM_PART_REASONING))
        {
            return part;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_llm_compose_is_system(ngx_llm_message_t *m)
{
    return m->role == NGX_LLM_ROLE_SYSTEM || m->role == NGX_LLM_ROLE_DEVELOPER;
}


ngx_int_t
ngx_llm_compose_system_part(ngx_pool_t *pool, ngx_llm_message_t *m,
    ngx_llm_part_t *part, ngx_llm_error_t *err)
{
    if (part->type == NGX_LLM_PART_TEXT || part->type == NGX_LLM_PART_REFUSAL)
    {
        return NGX_OK;
    }

    return ngx_llm_error(pool, err, 400, "invalid_request_error", NULL,
                         "messages",
                         "messages[%ui]: a system message can hold only text",
                         m->index);
}


ngx_int_t
ngx_llm_compose_check_system(ngx_llm_compose_t *rq)
{
    ngx_int_t           rc;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *m;

    for (m = rq->chat->messages; m; m = m->next) {

        if (!ngx_llm_compose_is_system(m)) {
            continue;
        }

        for (part = m->parts; part; part = part->next) {

            rc = ngx_llm_compose_system_part(rq->chat->pool, m, part,
                                             rq->err);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


ngx_uint_t
ngx_llm_compose_system(ngx_llm_compose_t *rq, ngx_llm_out_t *out)
{
    ngx_uint_t          n;
    ngx_llm_message_t  *m;

    n = 0;

    for (m = rq->chat->messages; m; m = m->next) {

        if (!ngx_llm_compose_is_system(m) || !ngx_llm_compose_has_text(m)) {
            continue;
        }

        if (n++) {
            ngx_llm_out_lit(out, "\\n\\n");
        }

        (void) ngx_llm_compose_joined(out, m->parts, NGX_LLM_PART_TEXT,
                                      NGX_LLM_PART_REFUSAL, "\\n");
    }

    return n;
}


ngx_int_t
ngx_llm_compose_write_system(ngx_llm_compose_t *rq, ngx_uint_t *n)
{
    ngx_llm_out_t  system;

    ngx_llm_out_init(&system, rq->chat->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    *n = (ngx_llm_compose_system(rq, &system) != 0);

    if (*n == 0) {
        return NGX_OK;
    }

    if (system.failed) {
        return NGX_ERROR;
    }

    ngx_llm_out_lit(rq->out, "{\"role\":\"system\",\"content\":\"");
    ngx_llm_out_data(rq->out, system.start, ngx_llm_out_len(&system));
    ngx_llm_out_lit(rq->out, "\"}");

    return NGX_OK;
}


ngx_int_t
ngx_llm_compose_file_text(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    ngx_llm_part_t *part, ngx_str_t *text)
{
    ngx_str_t      base64, plain;
    ngx_pool_t    *pool;
    ngx_llm_out_t  out;

    pool = rq->chat->pool;

    if (part->data.len == 0 || !ngx_llm_compose_textual(&part->media_type)) {
        goto refused;
    }

    base64 = ngx_llm_json_plain(pool, &part->data);
    if (base64.data == NULL) {
        return NGX_ERROR;
    }

    plain.data = ngx_pnalloc(pool, ngx_base64_decoded_length(base64.len));
    if (plain.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64(&plain, &base64) != NGX_OK) {
        goto refused;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_MAX_INT32_VALUE);
    ngx_llm_out_escape(&out, &plain);

    if (out.failed) {
        return NGX_ERROR;
    }

    text->data = out.start ? out.start : (u_char *) "";
    text->len = ngx_llm_out_len(&out);

    return NGX_OK;

refused:

    return ngx_llm_compose_refuse_part(rq, m, "a file that is not the data "
                                              "of a text");
}


static ngx_uint_t
ngx_llm_compose_textual(ngx_str_t *type)
{
    ngx_uint_t  i;

    if (type->len > sizeof("text/") - 1
        && ngx_strncasecmp(type->data, (u_char *) "text/",
                           sizeof("text/") - 1)
           == 0)
    {
        return 1;
    }

    for (i = 0; ngx_llm_compose_texts[i].len; i++) {

        if (type->len == ngx_llm_compose_texts[i].len
            && ngx_strncasecmp(type->data, ngx_llm_compose_texts[i].data,
                               type->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


void
ngx_llm_compose_data_url(ngx_llm_part_t *part, char *type, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "data:");

    if (part->media_type.len) {
        ngx_llm_out_escape(out, &part->media_type);

    } else {
        ngx_llm_out_data(out, (u_char *) type, ngx_strlen(type));
    }

    ngx_llm_out_lit(out, ";base64,");
    ngx_llm_out_str(out, &part->data);
}


void
ngx_llm_compose_write_image(ngx_llm_compose_t *rq, ngx_llm_part_t *part)
{
    ngx_str_t       detail;
    ngx_llm_out_t  *out;

    out = rq->out;

    ngx_llm_out_lit(out, "{\"type\":\"image_url\",\"image_url\":{\"url\":\"");

    if (part->data.len) {
        ngx_llm_compose_data_url(part, "image/jpeg", out);

    } else {
        ngx_llm_out_str(out, &part->url);
    }

    ngx_llm_out_char(out, '"');

    detail = ngx_llm_json_str(ngx_llm_json_get(part->node, "image_url"),
                              "detail");

    if (ngx_llm_json_is(&detail, "auto") || ngx_llm_json_is(&detail, "low")
        || ngx_llm_json_is(&detail, "high"))
    {
        ngx_llm_out_lit(out, ",\"detail\":");
        ngx_llm_out_quoted(out, &detail);
    }

    ngx_llm_out_lit(out, "}}");
}


void
ngx_llm_compose_response_format(ngx_llm_chat_t *chat, ngx_uint_t described,
    ngx_llm_out_t *out)
{
    ngx_str_t  text;

    if (chat->format == NGX_LLM_FORMAT_TEXT) {
        return;
    }

    if (chat->format == NGX_LLM_FORMAT_JSON || chat->schema.len == 0) {
        ngx_llm_out_lit(out, ",\"response_format\":{\"type\":"
                             "\"json_object\"}");
        return;
    }

    ngx_llm_out_lit(out, ",\"response_format\":{\"type\":\"json_schema\","
                         "\"json_schema\":{\"name\":");

    if (chat->schema_name.len) {
        ngx_llm_out_quoted(out, &chat->schema_name);

    } else {
        ngx_llm_out_lit(out, "\"output\"");
    }

    text = ngx_llm_json_str(
               ngx_llm_json_get(chat->param[NGX_LLM_PARAM_RESPONSE_FORMAT],
                                "json_schema"),
               "description");

    if (described && text.len) {
        ngx_llm_out_lit(out, ",\"description\":");
        ngx_llm_out_quoted(out, &text);
    }

    ngx_llm_out_lit(out, ",\"schema\":");
    ngx_llm_out_str(out, &chat->schema);

    if (chat->schema_strict) {
        ngx_llm_out_lit(out, ",\"strict\":true");
    }

    ngx_llm_out_lit(out, "}}");
}


ngx_int_t
ngx_llm_compose_input(ngx_llm_compose_t *rq, ngx_llm_part_t *part,
    ngx_str_t *raw)
{
    ngx_int_t      rc;
    ngx_llm_out_t  out;

    if (!part->custom) {

        rc = ngx_llm_part_input(rq->chat->pool, part, raw);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    ngx_llm_out_init(&out, rq->chat->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    if (part->custom) {
        ngx_llm_out_lit(&out, "{\"input\":");
        ngx_llm_out_quoted(&out, &part->text);

    } else {

        /* a model wrote it: its next answer should not fail on it */

        ngx_llm_out_lit(&out, "{\"arguments\":");
        ngx_llm_out_quoted(&out, &part->arguments);
    }

    ngx_llm_out_char(&out, '}');

    if (out.failed) {
        return NGX_ERROR;
    }

    raw->data = out.start;
    raw->len = ngx_llm_out_len(&out);

    return NGX_OK;
}
