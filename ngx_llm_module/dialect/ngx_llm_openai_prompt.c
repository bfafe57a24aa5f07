
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The messages of a request for a provider, from the neutral form.
 */


#include "ngx_llm_openai.h"


static ngx_int_t ngx_llm_openai_write_user_message(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_message_t *message,
    ngx_llm_message_t *media, ngx_llm_out_t *out, ngx_llm_error_t *err);
static void ngx_llm_openai_write_system_message(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_message_t *message, ngx_llm_out_t *out);
static void ngx_llm_openai_write_assistant_message(ngx_llm_target_t *target,
    ngx_llm_message_t *message, ngx_llm_out_t *out);
static void ngx_llm_openai_write_reasoning(ngx_llm_target_t *target,
    ngx_llm_message_t *message, ngx_llm_out_t *out);
static void ngx_llm_openai_write_history_calls(ngx_llm_message_t *message,
    ngx_llm_out_t *out);
static ngx_int_t ngx_llm_openai_write_tool_message(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_message_t *message, ngx_uint_t *media,
    ngx_llm_out_t *out, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_openai_write_parts(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_message_t *message, ngx_uint_t text,
    ngx_uint_t *n, ngx_llm_out_t *out, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_openai_write_part(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_message_t *message,
    ngx_llm_part_t *part, ngx_llm_out_t *out, ngx_llm_error_t *err);
static void ngx_llm_openai_write_data(ngx_llm_part_t *part,
    ngx_llm_out_t *out);
static void ngx_llm_openai_write_file(ngx_llm_part_t *part,
    ngx_llm_out_t *out);
static ngx_uint_t ngx_llm_openai_text_only(ngx_llm_message_t *message);
static void ngx_llm_openai_write_joined(ngx_llm_message_t *message,
    ngx_llm_part_e type, ngx_str_t *between, ngx_llm_out_t *out);
static ngx_llm_part_t *ngx_llm_openai_find_part(ngx_llm_message_t *message,
    ngx_llm_part_e type);
static void ngx_llm_openai_write_name(ngx_llm_message_t *message,
    ngx_llm_out_t *out);
static ngx_int_t ngx_llm_openai_no_part(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_message_t *message, char *what,
    ngx_llm_error_t *err);


static ngx_str_t  ngx_llm_openai_newline = ngx_string("\\n");
static ngx_str_t  ngx_llm_openai_nothing = ngx_string("");


ngx_int_t
ngx_llm_openai_write_messages(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t           rc;
    ngx_uint_t          n, media;
    ngx_llm_message_t  *message, *first;

    n = 0;
    media = 0;
    first = NULL;

    for (message = chat->messages; message; message = message->next) {

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        switch (message->role) {

        case NGX_LLM_ROLE_USER:
            rc = ngx_llm_openai_write_user_message(chat, target, message, NULL,
                                                   out, err);
            break;

        case NGX_LLM_ROLE_ASSISTANT:
            ngx_llm_openai_write_assistant_message(target, message, out);
            rc = NGX_OK;
            break;

        case NGX_LLM_ROLE_TOOL:

            if (first == NULL) {
                first = message;
            }

            rc = ngx_llm_openai_write_tool_message(chat, target, message,
                                                   &media, out, err);
            break;

        default: /* NGX_LLM_ROLE_SYSTEM, NGX_LLM_ROLE_DEVELOPER */
            ngx_llm_openai_write_system_message(chat, target, message, out);
            rc = NGX_OK;
            break;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        if (message->role != NGX_LLM_ROLE_TOOL) {
            first = NULL;
            continue;
        }

        if (message->next && message->next->role == NGX_LLM_ROLE_TOOL) {
            continue;
        }

        if (media) {

            /*
             * results are text only, and nothing may stand between them and
             * their calls: images and files of a run come behind it
             */

            if (message->next && message->next->role == NGX_LLM_ROLE_USER) {
                message = message->next;
            }

            ngx_llm_out_char(out, ',');

            rc = ngx_llm_openai_write_user_message(chat, target, message,
                                                   first, out, err);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        first = NULL;
        media = 0;
    }

    return NGX_OK;
}


/* media: the first of a run of results whose images and files come in front */

static ngx_int_t
ngx_llm_openai_write_user_message(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_message_t *message,
    ngx_llm_message_t *media, ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t   rc;
    ngx_uint_t  n;

    ngx_llm_out_lit(out, "{\"role\":\"user\",");

    if (message->role == NGX_LLM_ROLE_USER) {
        ngx_llm_openai_write_name(message, out);
    }

    if (media == NULL && ngx_llm_openai_text_only(message)) {
        ngx_llm_out_lit(out, "\"content\":\"");
        ngx_llm_openai_write_joined(message, NGX_LLM_PART_TEXT,
                                    &ngx_llm_openai_newline, out);
        ngx_llm_out_lit(out, "\"}");

        return NGX_OK;
    }

    ngx_llm_out_lit(out, "\"content\":[");

    n = 0;

    for ( /* void */ ;
         media && media->role == NGX_LLM_ROLE_TOOL;
         media = media->next)
    {
        rc = ngx_llm_openai_write_parts(chat, target, media, 0, &n, out, err);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (message->role == NGX_LLM_ROLE_USER) {
        rc = ngx_llm_openai_write_parts(chat, target, message, 1, &n, out,
                                        err);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_llm_out_lit(out, "]}");

    return NGX_OK;
}


static void
ngx_llm_openai_write_system_message(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_message_t *message, ngx_llm_out_t *out)
{
    if (message->role == NGX_LLM_ROLE_DEVELOPER
        && !ngx_llm_quirk(target, NGX_LLM_QUIRK_SYSTEM)
        && (chat->dialect == &ngx_llm_openai
            || ngx_llm_openai_target_reasons(target)))
    {
        ngx_llm_out_lit(out, "{\"role\":\"developer\",");

    } else {
        ngx_llm_out_lit(out, "{\"role\":\"system\",");
    }

    ngx_llm_openai_write_name(message, out);

    ngx_llm_out_lit(out, "\"content\":\"");
    ngx_llm_openai_write_joined(message, NGX_LLM_PART_TEXT,
                                &ngx_llm_openai_newline, out);
    ngx_llm_out_lit(out, "\"}");
}


static void
ngx_llm_openai_write_assistant_message(ngx_llm_target_t *target,
    ngx_llm_message_t *message, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "{\"role\":\"assistant\",");
    ngx_llm_openai_write_name(message, out);

    if (ngx_llm_openai_find_part(message, NGX_LLM_PART_TEXT)) {
        ngx_llm_out_lit(out, "\"content\":\"");
        ngx_llm_openai_write_joined(message, NGX_LLM_PART_TEXT,
                                    &ngx_llm_openai_nothing, out);
        ngx_llm_out_char(out, '"');

    } else if (ngx_llm_openai_find_part(message, NGX_LLM_PART_TOOL_CALL)
               || ngx_llm_openai_find_part(message, NGX_LLM_PART_REFUSAL))
    {
        ngx_llm_out_lit(out, "\"content\":null");

    } else {
        ngx_llm_out_lit(out, "\"content\":\"\"");
    }

    if (ngx_llm_openai_find_part(message, NGX_LLM_PART_REFUSAL)) {
        ngx_llm_out_lit(out, ",\"refusal\":\"");
        ngx_llm_openai_write_joined(message, NGX_LLM_PART_REFUSAL,
                                    &ngx_llm_openai_nothing, out);
        ngx_llm_out_char(out, '"');
    }

    ngx_llm_openai_write_reasoning(target, message, out);
    ngx_llm_openai_write_history_calls(message, out);

    ngx_llm_out_char(out, '}');
}


/*
 * Reasoning is not sent back: who made it is unlikely to be who reads it.  But
 * some want it with a call that it led to.
 */

static void
ngx_llm_openai_write_reasoning(ngx_llm_target_t *target,
    ngx_llm_message_t *message, ngx_llm_out_t *out)
{
    char  *name;

    name = target->quirks ? target->quirks->reasoning : NULL;

    if (name == NULL
        || ngx_llm_openai_find_part(message, NGX_LLM_PART_TOOL_CALL) == NULL
        || ngx_llm_openai_find_part(message, NGX_LLM_PART_REASONING) == NULL)
    {
        return;
    }

    ngx_llm_out_lit(out, ",\"");
    ngx_llm_out_data(out, (u_char *) name, ngx_strlen(name));
    ngx_llm_out_lit(out, "\":\"");
    ngx_llm_openai_write_joined(message, NGX_LLM_PART_REASONING,
                                &ngx_llm_openai_newline, out);
    ngx_llm_out_char(out, '"');
}


static void
ngx_llm_openai_write_history_calls(ngx_llm_message_t *message,
    ngx_llm_out_t *out)
{
    ngx_uint_t       n;
    ngx_llm_part_t  *part, *legacy;

    n = 0;
    legacy = NULL;

    for (part = message->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_TOOL_CALL) {
            continue;
        }

        if (part->legacy) {
            legacy = part;
            continue;
        }

        if (n++ == 0) {
            ngx_llm_out_lit(out, ",\"tool_calls\":[");

        } else {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_openai_write_call(part, out);
    }

    if (n) {
        ngx_llm_out_char(out, ']');
    }

    if (legacy) {
        ngx_llm_out_lit(out, ",\"function_call\":{\"name\":");
        ngx_llm_out_quoted(out, &legacy->name);
        ngx_llm_out_lit(out, ",\"arguments\":\"");
        ngx_llm_part_arguments(legacy, out);
        ngx_llm_out_lit(out, "\"}");
    }
}


static ngx_int_t
ngx_llm_openai_write_tool_message(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_message_t *message, ngx_uint_t *media,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_uint_t       text, other;
    ngx_llm_part_t  *part;

    if (message->legacy) {
        ngx_llm_out_lit(out, "{\"role\":\"function\",");
        ngx_llm_openai_write_name(message, out);

    } else {
        ngx_llm_out_lit(out, "{\"role\":\"tool\",\"tool_call_id\":");
        ngx_llm_out_quoted(out, &message->tool_call_id);
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_lit(out, "\"content\":\"");

    if (message->is_error) {

        /* this API has no mark for it */

        ngx_llm_out_lit(out, "Error: ");
    }

    text = 0;
    other = 0;

    for (part = message->parts; part; part = part->next) {

        switch (part->type) {

        case NGX_LLM_PART_TEXT:
            text |= (part->text.len != 0);
            break;

        case NGX_LLM_PART_IMAGE:
        case NGX_LLM_PART_AUDIO:
        case NGX_LLM_PART_FILE:
            other = 1;
            break;

        default:
            return ngx_llm_openai_no_part(chat, target, message,
                                          "a tool's result of this kind",
                                          err);
        }
    }

    if (text) {
        ngx_llm_openai_write_joined(message, NGX_LLM_PART_TEXT,
                                    &ngx_llm_openai_newline, out);

    } else if (other) {
        ngx_llm_out_lit(out, "(see the attachment)");
    }

    ngx_llm_out_lit(out, "\"}");

    *media |= other;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_write_parts(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_message_t *message, ngx_uint_t text, ngx_uint_t *n,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t        rc;
    ngx_llm_part_t  *part;

    for (part = message->parts; part; part = part->next) {

        if (part->type == NGX_LLM_PART_TEXT && !text) {
            continue;
        }

        if (part->type == NGX_LLM_PART_REASONING
            || part->type == NGX_LLM_PART_REDACTED)
        {
            continue;
        }

        if ((*n)++) {
            ngx_llm_out_char(out, ',');
        }

        rc = ngx_llm_openai_write_part(chat, target, message, part, out, err);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_write_part(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_message_t *message, ngx_llm_part_t *part, ngx_llm_out_t *out,
    ngx_llm_error_t *err)
{
    if (part->node && chat->dialect == &ngx_llm_openai) {

        /* with "detail" and whatever else it has */

        ngx_llm_out_str(out, &part->node->raw);
        return NGX_OK;
    }

    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
        ngx_llm_out_lit(out, "{\"type\":\"text\",\"text\":");
        ngx_llm_out_quoted(out, &part->text);
        ngx_llm_out_char(out, '}');
        return NGX_OK;

    case NGX_LLM_PART_IMAGE:

        if (part->data.len == 0 && part->url.len == 0) {
            return ngx_llm_openai_no_part(chat, target, message,
                                          "an uploaded image", err);
        }

        ngx_llm_out_lit(out, "{\"type\":\"image_url\",\"image_url\":"
                             "{\"url\":\"");

        if (part->data.len) {
            ngx_llm_openai_write_data(part, out);

        } else {
            ngx_llm_out_str(out, &part->url);
        }

        ngx_llm_out_lit(out, "\"}}");
        return NGX_OK;

    case NGX_LLM_PART_AUDIO:
        ngx_llm_openai_write_input_audio(part, out);
        return NGX_OK;

    case NGX_LLM_PART_FILE:

        if (part->data.len == 0) {
            return ngx_llm_openai_no_part(chat, target, message,
                                          "a file without its data", err);
        }

        ngx_llm_openai_write_file(part, out);
        return NGX_OK;

    default:
        return ngx_llm_openai_no_part(chat, target, message,
                                      "content of this kind", err);
    }
}


static void
ngx_llm_openai_write_data(ngx_llm_part_t *part, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "data:");
    ngx_llm_out_escape(out, &part->media_type);
    ngx_llm_out_lit(out, ";base64,");
    ngx_llm_out_str(out, &part->data);
}


void
ngx_llm_openai_write_input_audio(ngx_llm_part_t *part, ngx_llm_out_t *out)
{
    size_t     i;
    ngx_str_t  format;

    format = part->media_type;

    for (i = 0; i < part->media_type.len; i++) {
        if (part->media_type.data[i] == '/') {
            format.data = part->media_type.data + i + 1;
            format.len = part->media_type.len - i - 1;
            break;
        }
    }

    if (format.len == sizeof("mpeg") - 1
        && ngx_strncmp(format.data, "mpeg", sizeof("mpeg") - 1) == 0)
    {
        ngx_str_set(&format, "mp3");
    }

    ngx_llm_out_lit(out, "{\"type\":\"input_audio\",\"input_audio\":"
                         "{\"data\":");
    ngx_llm_out_quoted(out, &part->data);
    ngx_llm_out_lit(out, ",\"format\":");
    ngx_llm_out_json_string(out, &format);
    ngx_llm_out_lit(out, "}}");
}


static void
ngx_llm_openai_write_file(ngx_llm_part_t *part, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "{\"type\":\"file\",\"file\":{\"filename\":");

    if (part->name.len) {
        ngx_llm_out_quoted(out, &part->name);

    } else {
        ngx_llm_out_lit(out, "\"document.pdf\"");
    }

    ngx_llm_out_lit(out, ",\"file_data\":\"");
    ngx_llm_openai_write_data(part, out);
    ngx_llm_out_lit(out, "\"}}");
}


static ngx_uint_t
ngx_llm_openai_text_only(ngx_llm_message_t *message)
{
    ngx_llm_part_t  *part;

    for (part = message->parts; part; part = part->next) {
        if (part->type != NGX_LLM_PART_TEXT) {
            return 0;
        }
    }

    return 1;
}


static void
ngx_llm_openai_write_joined(ngx_llm_message_t *message, ngx_llm_part_e type,
    ngx_str_t *between, ngx_llm_out_t *out)
{
    ngx_uint_t       n;
    ngx_llm_part_t  *part;

    n = 0;

    for (part = message->parts; part; part = part->next) {

        if (part->type != type || part->text.len == 0) {
            continue;
        }

        if (n++) {
            ngx_llm_out_str(out, between);
        }

        ngx_llm_out_str(out, &part->text);
    }
}


static ngx_llm_part_t *
ngx_llm_openai_find_part(ngx_llm_message_t *message, ngx_llm_part_e type)
{
    ngx_llm_part_t  *part;

    for (part = message->parts; part; part = part->next) {
        if (part->type == type) {
            return part;
        }
    }

    return NULL;
}


static void
ngx_llm_openai_write_name(ngx_llm_message_t *message, ngx_llm_out_t *out)
{
    if (message->name.len == 0) {
        return;
    }

    ngx_llm_out_lit(out, "\"name\":");
    ngx_llm_out_quoted(out, &message->name);
    ngx_llm_out_char(out, ',');
}


static ngx_int_t
ngx_llm_openai_no_part(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_message_t *message, char *what, ngx_llm_error_t *err)
{
    return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                         "unsupported_parameter", "messages",
                         "provider \"%V\" cannot take %s, as in message %ui",
                         &target->provider, what, message->index);
}
