
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Images, sounds, files, videos: data, or objects of S3.
 */


#include "ngx_llm_bedrock_request.h"


#define NGX_LLM_BEDROCK_DOCUMENT       200      /* characters of its name */

/* the service takes five */
#define NGX_LLM_BEDROCK_MAX_DOCUMENTS  100


typedef enum {
    NGX_LLM_BEDROCK_IMAGE = 0,
    NGX_LLM_BEDROCK_AUDIO,
    NGX_LLM_BEDROCK_VIDEO,
    NGX_LLM_BEDROCK_DOCUMENT_BLOCK
} ngx_llm_bedrock_media_e;


typedef struct {
    char                     *type;     /* of media */
    char                     *suffix;   /* of a name */
    ngx_llm_bedrock_media_e   block;
    char                     *format;
} ngx_llm_bedrock_media_t;


static ngx_int_t ngx_llm_bedrock_video(ngx_llm_part_t *part,
    ngx_llm_part_t *video);
static ngx_llm_bedrock_media_t *ngx_llm_bedrock_media(ngx_llm_part_t *part);
static ngx_llm_bedrock_media_t *ngx_llm_bedrock_media_type(ngx_str_t *type);
static ngx_llm_bedrock_media_t *ngx_llm_bedrock_media_suffix(
    ngx_str_t *name);
static ngx_uint_t ngx_llm_bedrock_starts(ngx_str_t *text, char *prefix);
static ngx_int_t ngx_llm_bedrock_write_document(
    ngx_llm_bedrock_request_t *ctx, ngx_llm_part_t *part);
static ngx_int_t ngx_llm_bedrock_document_name(
    ngx_llm_bedrock_request_t *ctx, ngx_str_t *escaped, ngx_str_t *name);
static ngx_uint_t ngx_llm_bedrock_taken(ngx_llm_bedrock_request_t *ctx,
    ngx_str_t *name);


static char  *ngx_llm_bedrock_blocks[] = {
    "image", "audio", "video", "document"
};


/* the first row of a type or of a suffix counts */

static ngx_llm_bedrock_media_t  ngx_llm_bedrock_medias[] = {
    { "image/png", ".png", NGX_LLM_BEDROCK_IMAGE, "png" },
    { "image/jpeg", ".jpg", NGX_LLM_BEDROCK_IMAGE, "jpeg" },
    { "image/jpg", ".jpeg", NGX_LLM_BEDROCK_IMAGE, "jpeg" },
    { "image/gif", ".gif", NGX_LLM_BEDROCK_IMAGE, "gif" },
    { "image/webp", ".webp", NGX_LLM_BEDROCK_IMAGE, "webp" },

    { "audio/mp3", ".mp3", NGX_LLM_BEDROCK_AUDIO, "mp3" },
    { "audio/mpeg", NULL, NGX_LLM_BEDROCK_AUDIO, "mp3" },
    { "audio/wav", ".wav", NGX_LLM_BEDROCK_AUDIO, "wav" },
    { "audio/x-wav", NULL, NGX_LLM_BEDROCK_AUDIO, "wav" },
    { "audio/opus", ".opus", NGX_LLM_BEDROCK_AUDIO, "opus" },
    { "audio/aac", ".aac", NGX_LLM_BEDROCK_AUDIO, "aac" },
    { "audio/flac", ".flac", NGX_LLM_BEDROCK_AUDIO, "flac" },
    { "audio/ogg", ".ogg", NGX_LLM_BEDROCK_AUDIO, "ogg" },
    { "audio/m4a", ".m4a", NGX_LLM_BEDROCK_AUDIO, "m4a" },
    { "audio/mp4", NULL, NGX_LLM_BEDROCK_AUDIO, "mp4" },
    { "audio/webm", NULL, NGX_LLM_BEDROCK_AUDIO, "webm" },

    { "video/mp4", ".mp4", NGX_LLM_BEDROCK_VIDEO, "mp4" },
    { "video/quicktime", ".mov", NGX_LLM_BEDROCK_VIDEO, "mov" },
    { "video/x-matroska", ".mkv", NGX_LLM_BEDROCK_VIDEO, "mkv" },
    { "video/webm", ".webm", NGX_LLM_BEDROCK_VIDEO, "webm" },
    { "video/x-flv", ".flv", NGX_LLM_BEDROCK_VIDEO, "flv" },
    { "video/mpeg", ".mpeg", NGX_LLM_BEDROCK_VIDEO, "mpeg" },
    { "video/mpg", ".mpg", NGX_LLM_BEDROCK_VIDEO, "mpg" },
    { "video/x-ms-wmv", ".wmv", NGX_LLM_BEDROCK_VIDEO, "wmv" },
    { "video/3gpp", ".3gp", NGX_LLM_BEDROCK_VIDEO, "three_gp" },

    { "application/pdf", ".pdf", NGX_LLM_BEDROCK_DOCUMENT_BLOCK, "pdf" },
    { "text/csv", ".csv", NGX_LLM_BEDROCK_DOCUMENT_BLOCK, "csv" },
    { "application/msword", ".doc", NGX_LLM_BEDROCK_DOCUMENT_BLOCK, "doc" },
    { "application/vnd.openxmlformats-officedocument.wordprocessingml."
      "document", ".docx", NGX_LLM_BEDROCK_DOCUMENT_BLOCK, "docx" },
    { "application/vnd.ms-excel", ".xls",
      NGX_LLM_BEDROCK_DOCUMENT_BLOCK, "xls" },
    { "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
      ".xlsx", NGX_LLM_BEDROCK_DOCUMENT_BLOCK, "xlsx" },
    { "text/html", ".html", NGX_LLM_BEDROCK_DOCUMENT_BLOCK, "html" },
    { "text/markdown", ".md", NGX_LLM_BEDROCK_DOCUMENT_BLOCK, "md" },
    { "text/plain", ".txt", NGX_LLM_BEDROCK_DOCUMENT_BLOCK, "txt" },

    { NULL, NULL, NGX_LLM_BEDROCK_IMAGE, NULL }
};


ngx_int_t
ngx_llm_bedrock_write_media(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_message_t *m, ngx_llm_part_t *part)
{
    char                     *name;
    ngx_llm_out_t            *out;
    ngx_llm_part_t            video;
    ngx_llm_bedrock_media_t  *media;

    out = ctx->out;

    if (part->type == NGX_LLM_PART_OTHER) {

        if (ngx_llm_bedrock_video(part, &video) != NGX_OK) {
            return ngx_llm_bedrock_refuse_part(ctx, m,
                                        "does not take this content part");
        }

        part = &video;
    }

    if (m->role == NGX_LLM_ROLE_ASSISTANT) {
        return ngx_llm_bedrock_refuse_part(ctx, m,
                                 "takes media only in messages of the user");
    }

    if (part->data.len == 0 && !ngx_llm_bedrock_starts(&part->url, "s3://")) {

        if (part->id.len) {
            return ngx_llm_bedrock_refuse_part(ctx, m,
                                   "does not know this file, send its data");
        }

        return ngx_llm_bedrock_refuse_part(ctx, m,
                                     "fetches no urls, send the data");
    }

    media = ngx_llm_bedrock_media(part);

    if (media == NULL
        || (m->role == NGX_LLM_ROLE_TOOL
            && media->block == NGX_LLM_BEDROCK_AUDIO))
    {
        return ngx_llm_bedrock_refuse_part(ctx, m,
                                           "takes no files of this type");
    }

    if (media->block == NGX_LLM_BEDROCK_DOCUMENT_BLOCK
        && ctx->names.nelts == NGX_LLM_BEDROCK_MAX_DOCUMENTS)
    {
        return ngx_llm_bedrock_refuse_part(ctx, m, "takes no more files");
    }

    name = ngx_llm_bedrock_blocks[media->block];

    ngx_llm_out_lit(out, "{\"");
    ngx_llm_out_data(out, (u_char *) name, ngx_strlen(name));
    ngx_llm_out_lit(out, "\":{\"format\":\"");
    ngx_llm_out_data(out, (u_char *) media->format,
                     ngx_strlen(media->format));
    ngx_llm_out_char(out, '"');

    if (media->block == NGX_LLM_BEDROCK_DOCUMENT_BLOCK) {

        if (m->role != NGX_LLM_ROLE_TOOL) {
            ctx->documents = 1;
        }

        if (ngx_llm_bedrock_write_document(ctx, part) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (part->data.len) {
        ngx_llm_out_lit(out, ",\"source\":{\"bytes\":");
        ngx_llm_out_quoted(out, &part->data);
        ngx_llm_out_lit(out, "}}}");

        return NGX_OK;
    }

    ngx_llm_out_lit(out, ",\"source\":{\"s3Location\":{\"uri\":");
    ngx_llm_out_quoted(out, &part->url);
    ngx_llm_out_lit(out, "}}}}");

    return NGX_OK;
}


/* "video_url", which some clients send */

static ngx_int_t
ngx_llm_bedrock_video(ngx_llm_part_t *part, ngx_llm_part_t *video)
{
    ngx_int_t        rc;
    ngx_str_t        url;
    ngx_llm_json_t  *node;

    node = part->node ? ngx_llm_json_get(part->node, "video_url") : NULL;

    if (node == NULL) {
        return NGX_DECLINED;
    }

    url = (node->type == NGX_LLM_JSON_STRING) ? ngx_llm_json_text(node)
                                              : ngx_llm_json_str(node, "url");

    ngx_memzero(video, sizeof(ngx_llm_part_t));

    rc = ngx_llm_data_url(&url, &video->media_type, &video->data);

    if (rc == NGX_DECLINED) {
        video->url = url;
        return NGX_OK;
    }

    return rc;
}


static ngx_llm_bedrock_media_t *
ngx_llm_bedrock_media(ngx_llm_part_t *part)
{
    ngx_llm_bedrock_media_t  *media;

    if (part->data.len == 0) {
        return ngx_llm_bedrock_media_suffix(&part->url);
    }

    /* data without a type counts as PDF with OpenAI, but a name says more */

    if (ngx_llm_json_is(&part->media_type, "application/pdf")
        || ngx_llm_json_is(&part->media_type, "application/octet-stream"))
    {
        media = ngx_llm_bedrock_media_suffix(&part->name);

        if (media != NULL) {
            return media;
        }
    }

    return ngx_llm_bedrock_media_type(&part->media_type);
}


static ngx_llm_bedrock_media_t *
ngx_llm_bedrock_media_type(ngx_str_t *type)
{
    ngx_str_t                 text;
    ngx_llm_bedrock_media_t  *media;

    for (media = ngx_llm_bedrock_medias; media->type; media++) {

        if (type->len == ngx_strlen(media->type)
            && ngx_strncasecmp(type->data, (u_char *) media->type, type->len)
               == 0)
        {
            return media;
        }
    }

    if (ngx_llm_bedrock_starts(type, "text/")) {
        ngx_str_set(&text, "text/plain");
        return ngx_llm_bedrock_media_type(&text);
    }

    return NULL;
}


static ngx_llm_bedrock_media_t *
ngx_llm_bedrock_media_suffix(ngx_str_t *name)
{
    size_t                    len;
    ngx_llm_bedrock_media_t  *media;

    for (media = ngx_llm_bedrock_medias; media->type; media++) {

        if (media->suffix == NULL) {
            continue;
        }

        len = ngx_strlen(media->suffix);

        if (name->len > len
            && ngx_strncasecmp(name->data + name->len - len,
                               (u_char *) media->suffix, len)
               == 0)
        {
            return media;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_llm_bedrock_starts(ngx_str_t *text, char *prefix)
{
    size_t  len;

    len = ngx_strlen(prefix);

    return text->len > len
           && ngx_strncasecmp(text->data, (u_char *) prefix, len) == 0;
}


static ngx_int_t
ngx_llm_bedrock_write_document(ngx_llm_bedrock_request_t *ctx,
    ngx_llm_part_t *part)
{
    ngx_str_t  name, *known;

    if (ngx_llm_bedrock_document_name(ctx, &part->name, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    known = ngx_array_push(&ctx->names);
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = name;

    ngx_llm_out_lit(ctx->out, ",\"name\":");
    ngx_llm_out_quoted(ctx->out, &name);

    return NGX_OK;
}


/*
 * Letters, digits, single blanks and "-()[]"; unlike all others of the request
 * by a number behind it.
 */

static ngx_int_t
ngx_llm_bedrock_document_name(ngx_llm_bedrock_request_t *ctx,
    ngx_str_t *escaped, ngx_str_t *name)
{
    u_char      c, *p;
    size_t      i, len;
    ngx_str_t   plain;
    ngx_uint_t  n;

    plain = ngx_llm_json_plain(ctx->chat->pool, escaped);

    if (plain.data == NULL && escaped->len) {
        return NGX_ERROR;
    }

    if (plain.len == 0) {
        ngx_str_set(&plain, "document");
    }

    name->data = ngx_pnalloc(ctx->chat->pool, NGX_LLM_BEDROCK_DOCUMENT);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    len = NGX_LLM_BEDROCK_DOCUMENT - NGX_INT_T_LEN - 1;
    p = name->data;

    for (i = 0; i < plain.len && (size_t) (p - name->data) < len; i++) {
        c = plain.data[i];

        if (c >= 0x80 && c < 0xc0) {

            /* of a character that was told by its first byte */

            continue;
        }

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
            && (c < '0' || c > '9')
            && (c == '\0' || ngx_strchr(" -()[]", c) == NULL))
        {
            c = '-';
        }

        if (c == ' ' && (p == name->data || p[-1] == ' ')) {
            continue;
        }

        *p++ = c;
    }

    if (p == name->data) {
        *p++ = '-';
    }

    len = p - name->data;

    for (n = 2; /* void */ ; n++) {

        name->len = p - name->data;

        if (!ngx_llm_bedrock_taken(ctx, name)) {
            return NGX_OK;
        }

        p = ngx_sprintf(name->data + len, "-%ui", n);
    }
}


static ngx_uint_t
ngx_llm_bedrock_taken(ngx_llm_bedrock_request_t *ctx, ngx_str_t *name)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    known = ctx->names.elts;

    for (i = 0; i < ctx->names.nelts; i++) {

        if (known[i].len == name->len
            && ngx_memcmp(known[i].data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
