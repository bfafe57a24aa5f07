
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The conversation.
 */


#include "ngx_llm_watsonx.h"


static ngx_int_t ngx_llm_watsonx_write_message(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, ngx_uint_t turn);
static void ngx_llm_watsonx_write_system(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m);
static ngx_int_t ngx_llm_watsonx_write_user(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m);
static ngx_int_t ngx_llm_watsonx_write_list(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, ngx_llm_message_t *media);
static ngx_int_t ngx_llm_watsonx_write_assistant(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, ngx_uint_t turn);
static ngx_int_t ngx_llm_watsonx_write_result(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, ngx_uint_t turn);
static void ngx_llm_watsonx_write_name(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m);
static ngx_uint_t ngx_llm_watsonx_media(ngx_llm_message_t *m);
static ngx_int_t ngx_llm_watsonx_write_parts(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, ngx_uint_t text, ngx_uint_t *n);
static ngx_int_t ngx_llm_watsonx_write_part(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, ngx_llm_part_t *part);
static void ngx_llm_watsonx_write_text(ngx_llm_compose_t *rq,
    ngx_str_t *text);
static ngx_int_t ngx_llm_watsonx_write_file(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, ngx_llm_part_t *part);
static ngx_int_t ngx_llm_watsonx_write_video(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, ngx_llm_part_t *part);


/*
 * Results are text only, and nothing may stand between them and their calls:
 * images and the like of a run of them come behind it, from the user.
 */

ngx_int_t
ngx_llm_watsonx_write_messages(ngx_llm_compose_t *rq)
{
    ngx_int_t           rc;
    ngx_uint_t          n, turn;
    ngx_llm_message_t  *m, *media;

    if (ngx_llm_compose_calls(rq) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_llm_compose_check_system(rq);
    if (rc != NGX_OK) {
        return rc;
    }

    n = 0;
    turn = 0;
    media = NULL;

    ngx_llm_out_lit(rq->out, "\"messages\":[");

    for (m = rq->chat->messages; m; m = m->next) {

        turn++;

        if (n++) {
            ngx_llm_out_char(rq->out, ',');
        }

        if (media && m->role == NGX_LLM_ROLE_USER) {
            rc = ngx_llm_watsonx_write_list(rq, m, media);
            media = NULL;

        } else {
            rc = ngx_llm_watsonx_write_message(rq, m, turn);
        }

        if (rc != NGX_OK) {
            return rc;
        }

        if (m->role != NGX_LLM_ROLE_TOOL) {
            continue;
        }

        if (media == NULL && ngx_llm_watsonx_media(m)) {
            media = m;
        }

        if (media == NULL
            || (m->next && (m->next->role == NGX_LLM_ROLE_TOOL
                            || m->next->role == NGX_LLM_ROLE_USER)))
        {
            continue;
        }

        ngx_llm_out_char(rq->out, ',');

        rc = ngx_llm_watsonx_write_list(rq, NULL, media);
        if (rc != NGX_OK) {
            return rc;
        }

        media = NULL;
    }

    ngx_llm_out_char(rq->out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_watsonx_write_message(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    ngx_uint_t turn)
{
    switch (m->role) {

    case NGX_LLM_ROLE_USER:
        return ngx_llm_watsonx_write_user(rq, m);

    case NGX_LLM_ROLE_ASSISTANT:
        return ngx_llm_watsonx_write_assistant(rq, m, turn);

    case NGX_LLM_ROLE_TOOL:
        return ngx_llm_watsonx_write_result(rq, m, turn);

    default: /* NGX_LLM_ROLE_SYSTEM, NGX_LLM_ROLE_DEVELOPER */
        ngx_llm_watsonx_write_system(rq, m);
        return NGX_OK;
    }
}


static void
ngx_llm_watsonx_write_system(ngx_llm_compose_t *rq, ngx_llm_message_t *m)
{
    ngx_llm_out_lit(rq->out, "{\"role\":\"system\"");
    ngx_llm_watsonx_write_name(rq, m);
    ngx_llm_out_lit(rq->out, ",\"content\":\"");
    (void) ngx_llm_compose_joined(rq->out, m->parts, NGX_LLM_PART_TEXT,
                                  NGX_LLM_PART_TEXT, "\\n");
    ngx_llm_out_lit(rq->out, "\"}");
}


static ngx_int_t
ngx_llm_watsonx_write_user(ngx_llm_compose_t *rq, ngx_llm_message_t *m)
{
    if (ngx_llm_watsonx_media(m)) {
        return ngx_llm_watsonx_write_list(rq, m, NULL);
    }

    ngx_llm_out_lit(rq->out, "{\"role\":\"user\"");
    ngx_llm_watsonx_write_name(rq, m);
    ngx_llm_out_lit(rq->out, ",\"content\":\"");
    (void) ngx_llm_compose_joined(rq->out, m->parts, NGX_LLM_PART_TEXT,
                                  NGX_LLM_PART_REFUSAL, "\\n");
    ngx_llm_out_lit(rq->out, "\"}");

    return NGX_OK;
}


/*
 * What the user says in parts: first the images and the like of the run of
 * results that begins with "media"; each of the two may be NULL
 */

static ngx_int_t
ngx_llm_watsonx_write_list(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    ngx_llm_message_t *media)
{
    ngx_int_t   rc;
    ngx_uint_t  n;

    ngx_llm_out_lit(rq->out, "{\"role\":\"user\"");

    if (m) {
        ngx_llm_watsonx_write_name(rq, m);
    }

    ngx_llm_out_lit(rq->out, ",\"content\":[");

    n = 0;

    for ( /* void */ ;
         media && media->role == NGX_LLM_ROLE_TOOL;
         media = media->next)
    {
        rc = ngx_llm_watsonx_write_parts(rq, media, 0, &n);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (m) {
        rc = ngx_llm_watsonx_write_parts(rq, m, 1, &n);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_llm_out_lit(rq->out, "]}");

    return NGX_OK;
}


/* reasoning is not sent back: there is no member for it */

static ngx_int_t
ngx_llm_watsonx_write_assistant(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    ngx_uint_t turn)
{
    ngx_uint_t      calls, text;
    ngx_llm_out_t  *out;

    out = rq->out;

    calls = ngx_llm_compose_part(m->parts, NGX_LLM_PART_TOOL_CALL) != NULL;
    text = ngx_llm_compose_part(m->parts, NGX_LLM_PART_TEXT) != NULL
           || ngx_llm_compose_part(m->parts, NGX_LLM_PART_REFUSAL) != NULL;

    ngx_llm_out_lit(out, "{\"role\":\"assistant\"");
    ngx_llm_watsonx_write_name(rq, m);

    if (text || !calls) {
        ngx_llm_out_lit(out, ",\"content\":\"");
        (void) ngx_llm_compose_joined(out, m->parts, NGX_LLM_PART_TEXT,
                                      NGX_LLM_PART_REFUSAL, "");
        ngx_llm_out_char(out, '"');
    }

    if (calls && ngx_llm_compose_write_calls(rq, m, turn) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_out_char(out, '}');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_watsonx_write_result(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    ngx_uint_t turn)
{
    ngx_uint_t               n;
    ngx_llm_out_t           *out;
    ngx_llm_compose_call_t  *call;

    out = rq->out;

    call = ngx_llm_compose_result(rq, m, turn);

    if (call == NULL) {
        return ngx_llm_compose_no_call(rq, m);
    }

    ngx_llm_out_lit(out, "{\"role\":\"tool\",\"tool_call_id\":");
    ngx_llm_out_quoted(out, &call->id);
    ngx_llm_out_lit(out, ",\"content\":\"");

    if (m->is_error) {

        /* there is no mark for it */

        ngx_llm_out_lit(out, "Error: ");
    }

    n = ngx_llm_compose_joined(out, m->parts, NGX_LLM_PART_TEXT,
                               NGX_LLM_PART_TEXT, "\\n");

    if (n == 0 && ngx_llm_watsonx_media(m)) {
        ngx_llm_out_lit(out, "(see the attachment)");
    }

    ngx_llm_out_lit(out, "\"}");

    return NGX_OK;
}


static void
ngx_llm_watsonx_write_name(ngx_llm_compose_t *rq, ngx_llm_message_t *m)
{
    if (m->name.len) {
        ngx_llm_out_lit(rq->out, ",\"name\":");
        ngx_llm_out_quoted(rq->out, &m->name);
    }
}


/* is there anything but text? */

static ngx_uint_t
ngx_llm_watsonx_media(ngx_llm_message_t *m)
{
    ngx_llm_part_t  *part;

    for (part = m->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_TEXT
            && part->type != NGX_LLM_PART_REFUSAL
            && part->type != NGX_LLM_PART_REASONING
            && part->type != NGX_LLM_PART_REDACTED)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_llm_watsonx_write_parts(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    ngx_uint_t text, ngx_uint_t *n)
{
    ngx_int_t        rc;
    ngx_llm_part_t  *part;

    for (part = m->parts; part; part = part->next) {

        switch (part->type) {

        case NGX_LLM_PART_TEXT:
        case NGX_LLM_PART_REFUSAL:

            if (!text || part->text.len == 0) {
                continue;
            }

            break;

        case NGX_LLM_PART_REASONING:
        case NGX_LLM_PART_REDACTED:
            continue;

        default:
            break;
        }

        if ((*n)++) {
            ngx_llm_out_char(rq->out, ',');
        }

        rc = ngx_llm_watsonx_write_part(rq, m, part);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_watsonx_write_part(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    ngx_llm_part_t *part)
{
    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
        ngx_llm_watsonx_write_text(rq, &part->text);
        return NGX_OK;

    case NGX_LLM_PART_IMAGE:

        if (part->data.len == 0 && part->url.len == 0) {
            return ngx_llm_compose_refuse_part(rq, m, "an uploaded image");
        }

        ngx_llm_compose_write_image(rq, part);
        return NGX_OK;

    case NGX_LLM_PART_AUDIO:
        ngx_llm_openai_write_input_audio(part, rq->out);
        return NGX_OK;

    case NGX_LLM_PART_FILE:
        return ngx_llm_watsonx_write_file(rq, m, part);

    default:
        return ngx_llm_watsonx_write_video(rq, m, part);
    }
}


static void
ngx_llm_watsonx_write_text(ngx_llm_compose_t *rq, ngx_str_t *text)
{
    ngx_llm_out_lit(rq->out, "{\"type\":\"text\",\"text\":");
    ngx_llm_out_quoted(rq->out, text);
    ngx_llm_out_char(rq->out, '}');
}


/* there are none, but what is text can be said */

static ngx_int_t
ngx_llm_watsonx_write_file(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    ngx_llm_part_t *part)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = ngx_llm_compose_file_text(rq, m, part, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_watsonx_write_text(rq, &text);

    return NGX_OK;
}


/* a part that OpenAI does not have */

static ngx_int_t
ngx_llm_watsonx_write_video(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    ngx_llm_part_t *part)
{
    ngx_str_t  type, url;

    type = ngx_llm_json_str(part->node, "type");
    url = ngx_llm_json_str(ngx_llm_json_get(part->node, "video_url"), "url");

    if (!ngx_llm_json_is(&type, "video_url") || url.len == 0) {
        return ngx_llm_compose_refuse_part(rq, m, "content of this kind");
    }

    ngx_llm_out_lit(rq->out, "{\"type\":\"video_url\",\"video_url\":"
                             "{\"url\":");
    ngx_llm_out_quoted(rq->out, &url);
    ngx_llm_out_lit(rq->out, "}}");

    return NGX_OK;
}
