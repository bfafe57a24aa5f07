
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The parts of a turn.
 */


#include "ngx_llm_gemini_request.h"


#define NGX_LLM_GEMINI_FILES_URL                                             \
    "https://generativelanguage.googleapis.com/"


/* in the place of a signature that is lost, named in Google's own answers */

#define NGX_LLM_GEMINI_UNSIGNED  "skip_thought_signature_validator"


typedef struct {
    char        *suffix;
    ngx_str_t    type;
} ngx_llm_gemini_type_t;


/* urls of files */

typedef struct {
    char        *prefix;
    ngx_uint_t   needs;         /* of the service; 0: all take it */
    char        *type;          /* of what is there, or NULL */
    unsigned     known:1;       /* the Files API tells the type */
    unsigned     fetch:1;       /* not all models do */
} ngx_llm_gemini_url_t;


static ngx_int_t ngx_llm_gemini_write_media(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part);
static ngx_int_t ngx_llm_gemini_write_file(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m, ngx_str_t *url, char *type);
static ngx_int_t ngx_llm_gemini_write_video(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part);
static ngx_uint_t ngx_llm_gemini_starts(ngx_str_t *url, char *prefix);
static ngx_str_t *ngx_llm_gemini_type(ngx_str_t *url);
static ngx_int_t ngx_llm_gemini_refuse_file(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m, char *what);
static ngx_int_t ngx_llm_gemini_refuse_part(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part);


static ngx_llm_gemini_url_t  ngx_llm_gemini_urls[] = {
    { NGX_LLM_GEMINI_FILES_URL, NGX_LLM_GEMINI_FILES, NULL, 1, 0 },
    { "https://www.youtube.com/", 0, "video/mp4", 1, 0 },
    { "https://youtu.be/", 0, "video/mp4", 1, 0 },
    { "gs://", NGX_LLM_GEMINI_BUCKETS, NULL, 0, 0 },
    { "https://", 0, NULL, 0, 1 },
    { "http://", 0, NULL, 0, 1 },
    { NULL, 0, NULL, 0, 0 }
};


/* by the end of a url's path */

static ngx_llm_gemini_type_t  ngx_llm_gemini_types[] = {
    { ".png", ngx_string("image/png") },
    { ".jpg", ngx_string("image/jpeg") },
    { ".jpeg", ngx_string("image/jpeg") },
    { ".gif", ngx_string("image/gif") },
    { ".webp", ngx_string("image/webp") },
    { ".heic", ngx_string("image/heic") },
    { ".heif", ngx_string("image/heif") },
    { ".bmp", ngx_string("image/bmp") },
    { ".pdf", ngx_string("application/pdf") },
    { ".txt", ngx_string("text/plain") },
    { ".md", ngx_string("text/markdown") },
    { ".csv", ngx_string("text/csv") },
    { ".html", ngx_string("text/html") },
    { ".json", ngx_string("application/json") },
    { ".mp3", ngx_string("audio/mpeg") },
    { ".wav", ngx_string("audio/wav") },
    { ".ogg", ngx_string("audio/ogg") },
    { ".flac", ngx_string("audio/flac") },
    { ".mp4", ngx_string("video/mp4") },
    { ".mov", ngx_string("video/quicktime") },
    { ".webm", ngx_string("video/webm") },
    { ".mpeg", ngx_string("video/mpeg") },
    { NULL, ngx_null_string }
};


ngx_int_t
ngx_llm_gemini_write_part(ngx_llm_gemini_request_t *ctx, ngx_llm_message_t *m,
    ngx_llm_part_t *part, ngx_str_t *signature)
{
    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
        ctx->texted = 1;

        ngx_llm_out_lit(ctx->out, "{\"text\":");
        ngx_llm_out_quoted(ctx->out, &part->text);

        if (signature->len) {
            ngx_llm_out_lit(ctx->out, ",\"thoughtSignature\":");
            ngx_llm_out_quoted(ctx->out, signature);
        }

        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;

    case NGX_LLM_PART_IMAGE:
    case NGX_LLM_PART_AUDIO:
    case NGX_LLM_PART_FILE:
        return ngx_llm_gemini_write_media(ctx, m, part);

    default:
        return ngx_llm_gemini_write_video(ctx, m, part);
    }
}


ngx_int_t
ngx_llm_gemini_write_call(ngx_llm_gemini_request_t *ctx, ngx_llm_part_t *part)
{
    ngx_int_t       rc;
    ngx_str_t       input, signature;
    ngx_llm_out_t  *out;

    out = ctx->out;

    ngx_llm_out_lit(out, "{\"functionCall\":{");

    if (part->id.len && (ctx->service & NGX_LLM_GEMINI_IDS)) {
        ngx_llm_out_lit(out, "\"id\":");
        ngx_llm_out_quoted(out, &part->id);
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_lit(out, "\"name\":");
    ngx_llm_out_quoted(out, &part->name);
    ngx_llm_out_lit(out, ",\"args\":");

    if (part->custom) {
        ngx_llm_out_lit(out, "{\"input\":");
        ngx_llm_out_quoted(out, &part->text);
        ngx_llm_out_char(out, '}');

    } else {
        rc = ngx_llm_part_input(ctx->chat->pool, part, &input);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {
            ngx_llm_out_str(out, &input);

        } else {

            /* a model wrote it: its next answer should not fail on it */

            ngx_llm_out_lit(out, "{\"arguments\":");
            ngx_llm_out_quoted(out, &part->arguments);
            ngx_llm_out_char(out, '}');
        }
    }

    ngx_llm_out_char(out, '}');

    signature = ngx_llm_gemini_signature(part->node);

    if (signature.len == 0 && ctx->current && !ctx->called
        && (ctx->model->flags & NGX_LLM_GEMINI_SIGNED))
    {
        ngx_str_set(&signature, NGX_LLM_GEMINI_UNSIGNED);
    }

    if (signature.len) {
        ngx_llm_out_lit(out, ",\"thoughtSignature\":");
        ngx_llm_out_quoted(out, &signature);
    }

    ngx_llm_out_char(out, '}');

    ctx->called = 1;

    return NGX_OK;
}


ngx_str_t
ngx_llm_gemini_signature(ngx_llm_json_t *node)
{
    node = ngx_llm_json_get(ngx_llm_json_get(node, "extra_content"), "google");

    return ngx_llm_json_str(node, "thought_signature");
}


static ngx_int_t
ngx_llm_gemini_write_media(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    u_char     *p;
    char       *type;
    ngx_str_t   url;

    type = (part->type == NGX_LLM_PART_IMAGE) ? "image/jpeg"
           : (part->type == NGX_LLM_PART_AUDIO) ? "audio/mpeg"
           : "application/pdf";

    if (part->data.len) {
        ngx_llm_out_lit(ctx->out, "{\"inlineData\":");
        ngx_llm_gemini_write_blob(ctx, part);
        ngx_llm_out_char(ctx->out, '}');

        return NGX_OK;
    }

    if (part->url.len) {
        return ngx_llm_gemini_write_file(ctx, m, &part->url, type);
    }

    /* an id is Google's if it has the form of one */

    if (ngx_llm_gemini_starts(&part->id, NGX_LLM_GEMINI_FILES_URL)
        || ngx_llm_gemini_starts(&part->id, "gs://"))
    {
        return ngx_llm_gemini_write_file(ctx, m, &part->id, type);
    }

    if (ngx_llm_gemini_starts(&part->id, "files/")
        && (ctx->service & NGX_LLM_GEMINI_FILES))
    {

        url.len = sizeof(NGX_LLM_GEMINI_FILES_URL "v1beta/") - 1 + part->id.len;

        url.data = ngx_pnalloc(ctx->chat->pool, url.len);
        if (url.data == NULL) {
            return NGX_ERROR;
        }

        p = ngx_cpymem(url.data, NGX_LLM_GEMINI_FILES_URL "v1beta/",
                       sizeof(NGX_LLM_GEMINI_FILES_URL "v1beta/") - 1);
        ngx_memcpy(p, part->id.data, part->id.len);

        return ngx_llm_gemini_write_file(ctx, m, &url, type);
    }

    return ngx_llm_gemini_refuse_file(ctx, m, "does not know this file, send "
                                              "its data");
}


void
ngx_llm_gemini_write_blob(ngx_llm_gemini_request_t *ctx, ngx_llm_part_t *part)
{
    ngx_str_t  type;

    type = part->media_type;

    switch (part->type) {

    case NGX_LLM_PART_IMAGE:

        if (!ngx_llm_gemini_starts(&type, "image/")
            || ngx_llm_json_is(&type, "image/jpg"))
        {
            ngx_str_set(&type, "image/jpeg");
        }

        break;

    case NGX_LLM_PART_AUDIO:

        if (type.len == 0 || ngx_llm_json_is(&type, "audio/mp3")) {
            ngx_str_set(&type, "audio/mpeg");
        }

        break;

    default:

        if (type.len == 0) {
            ngx_str_set(&type, "application/pdf");
        }
    }

    ngx_llm_out_lit(ctx->out, "{\"mimeType\":");
    ngx_llm_out_json_string(ctx->out, &type);
    ngx_llm_out_lit(ctx->out, ",\"data\":");
    ngx_llm_out_quoted(ctx->out, &part->data);
    ngx_llm_out_char(ctx->out, '}');
}


static ngx_int_t
ngx_llm_gemini_write_file(ngx_llm_gemini_request_t *ctx, ngx_llm_message_t *m,
    ngx_str_t *url, char *type)
{
    ngx_str_t              plain, *guess;
    ngx_llm_gemini_url_t  *kind;

    plain = ngx_llm_json_plain(ctx->chat->pool, url);
    if (plain.data == NULL) {
        return NGX_ERROR;
    }

    for (kind = ngx_llm_gemini_urls; kind->prefix; kind++) {
        if (ngx_llm_gemini_starts(&plain, kind->prefix)) {
            break;
        }
    }

    if (kind->prefix == NULL
        || (kind->needs && !(ctx->service & kind->needs)))
    {
        return ngx_llm_gemini_refuse_file(ctx, m, "does not know this kind "
                                                  "of url");
    }

    if (kind->fetch && !(ctx->model->flags & NGX_LLM_GEMINI_FETCH)) {
        return ngx_llm_gemini_refuse_file(ctx, m, "does not fetch urls for "
                                                  "this model, send the data");
    }

    ngx_llm_out_lit(ctx->out, "{\"fileData\":{");

    if (!kind->known || !(ctx->service & NGX_LLM_GEMINI_FILES)) {
        ngx_llm_out_lit(ctx->out, "\"mimeType\":\"");

        guess = ngx_llm_gemini_type(&plain);

        if (kind->type) {
            type = kind->type;
        }

        if (guess->len) {
            ngx_llm_out_str(ctx->out, guess);

        } else {
            ngx_llm_out_data(ctx->out, (u_char *) type, ngx_strlen(type));
        }

        ngx_llm_out_lit(ctx->out, "\",");
    }

    ngx_llm_out_lit(ctx->out, "\"fileUri\":");
    ngx_llm_out_quoted(ctx->out, url);
    ngx_llm_out_lit(ctx->out, "}}");

    return NGX_OK;
}


/* "video_url", which some clients send */

static ngx_int_t
ngx_llm_gemini_write_video(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_int_t        rc;
    ngx_str_t        type, url;
    ngx_llm_part_t   video;
    ngx_llm_json_t  *node;

    if (part->node == NULL) {
        return ngx_llm_gemini_refuse_part(ctx, m, part);
    }

    type = ngx_llm_json_str(part->node, "type");

    if (!ngx_llm_json_is(&type, "video_url")) {
        return ngx_llm_gemini_refuse_part(ctx, m, part);
    }

    node = ngx_llm_json_get(part->node, "video_url");

    url = (node != NULL && node->type == NGX_LLM_JSON_STRING)
          ? ngx_llm_json_text(node)
          : ngx_llm_json_str(node, "url");

    ngx_memzero(&video, sizeof(ngx_llm_part_t));

    rc = ngx_llm_data_url(&url, &video.media_type, &video.data);

    if (rc == NGX_DECLINED && url.len) {
        return ngx_llm_gemini_write_file(ctx, m, &url, "video/mp4");
    }

    if (rc != NGX_OK) {
        return ngx_llm_gemini_refuse_file(ctx, m, "cannot read this video");
    }

    video.type = NGX_LLM_PART_OTHER;

    if (!ngx_llm_gemini_starts(&video.media_type, "video/")) {
        ngx_str_set(&video.media_type, "video/mp4");
    }

    ngx_llm_out_lit(ctx->out, "{\"inlineData\":");
    ngx_llm_gemini_write_blob(ctx, &video);
    ngx_llm_out_char(ctx->out, '}');

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_gemini_starts(ngx_str_t *url, char *prefix)
{
    size_t  len;

    len = ngx_strlen(prefix);

    return url->len > len
           && ngx_strncasecmp(url->data, (u_char *) prefix, len) == 0;
}


static ngx_str_t *
ngx_llm_gemini_type(ngx_str_t *url)
{
    u_char                 *last, *p;
    size_t                  len;
    ngx_llm_gemini_type_t  *t;

    last = url->data + url->len;

    for (p = url->data; p < last; p++) {
        if (*p == '?' || *p == '#') {
            break;
        }
    }

    for (t = ngx_llm_gemini_types; t->suffix; t++) {
        len = ngx_strlen(t->suffix);

        if ((size_t) (p - url->data) > len
            && ngx_strncasecmp(p - len, (u_char *) t->suffix, len) == 0)
        {
            break;
        }
    }

    return &t->type;
}


static ngx_int_t
ngx_llm_gemini_refuse_file(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m, char *what)
{
    return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                         "invalid_request_error", "unsupported_parameter",
                         "messages", "messages[%ui]: provider \"%V\" %s",
                         m->index, &ctx->target->provider, what);
}


static ngx_int_t
ngx_llm_gemini_refuse_part(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    ngx_str_t  type;

    ngx_str_null(&type);

    if (part->node != NULL) {
        type = ngx_llm_json_str(part->node, "type");
    }

    if (type.len == 0 || type.len > 64) {
        return ngx_llm_gemini_refuse_file(ctx, m, "does not take this content "
                                                  "part");
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
