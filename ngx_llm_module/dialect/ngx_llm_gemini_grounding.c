
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Sources of an answer.  Their places are told in bytes of UTF-8, OpenAI's
 * clients count characters.  A stream's text is gone when the sources come, so
 * where the width of its characters changes is remembered: between two such
 * marks bytes and characters go together.
 */


#include "ngx_llm_gemini.h"
#include "ngx_llm_scan.h"


/* that are told of an answer */
#define NGX_LLM_GEMINI_MAX_CITATIONS  256


static ngx_uint_t ngx_llm_gemini_chars(ngx_llm_gemini_offsets_t *offsets,
    int64_t bytes);
static ngx_uint_t ngx_llm_gemini_cite(ngx_llm_gemini_offsets_t *offsets,
    ngx_llm_json_t *support, ngx_llm_json_t *chunks, ngx_uint_t n,
    ngx_llm_out_t *out);


void
ngx_llm_gemini_offsets(ngx_llm_gemini_offsets_t *offsets, ngx_pool_t *pool,
    ngx_str_t *text)
{
    u_char                 *last, *p, *run;
    uint32_t                c, width;
    ngx_llm_gemini_mark_t   mark;

    if (offsets->marks.max == 0) {
        ngx_llm_out_init(&offsets->marks, pool, NULL, 0,
                         NGX_LLM_GEMINI_MARKS);
        offsets->width = 1;
    }

    p = text->data;
    last = p + text->len;

    while (p < last && !offsets->marks.failed) {

        if (offsets->width == 1) {

            /* a run of ordinary characters */

            run = p;
            p = ngx_llm_scan_string(p, last);

            offsets->bytes += p - run;
            offsets->chars += p - run;

            if (p == last) {
                break;
            }
        }

        if (*p == '\\') {
            c = ngx_llm_json_unescape(&p, last);
            width = (c < 0x80) ? 1 : (c < 0x800) ? 2 : (c < 0x10000) ? 3 : 4;

        } else {
            width = ngx_max(ngx_llm_utf8_char(p, last), 1);
            p += width;
        }

        if (width != offsets->width) {

            mark.bytes = offsets->bytes;
            mark.chars = offsets->chars;
            mark.width = width;

            ngx_llm_out_data(&offsets->marks, (u_char *) &mark,
                             sizeof(ngx_llm_gemini_mark_t));
            offsets->width = width;
        }

        offsets->bytes += width;
        offsets->chars++;
    }
}


/* characters before a byte of the text */

static ngx_uint_t
ngx_llm_gemini_chars(ngx_llm_gemini_offsets_t *offsets, int64_t bytes)
{
    size_t                  high, low, middle;
    ngx_llm_gemini_mark_t   mark;

    if (bytes >= (int64_t) offsets->bytes) {
        return offsets->chars;
    }

    /* the last mark that is not behind it */

    low = 0;
    high = ngx_llm_out_len(&offsets->marks) / sizeof(ngx_llm_gemini_mark_t);

    while (low < high) {
        middle = (low + high) / 2;

        ngx_memcpy(&mark, offsets->marks.start
                          + middle * sizeof(ngx_llm_gemini_mark_t),
                   sizeof(ngx_llm_gemini_mark_t));

        if ((int64_t) mark.bytes <= bytes) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    if (low == 0) {
        return (ngx_uint_t) bytes;
    }

    ngx_memcpy(&mark, offsets->marks.start
                      + (low - 1) * sizeof(ngx_llm_gemini_mark_t),
               sizeof(ngx_llm_gemini_mark_t));

    return mark.chars + (ngx_uint_t) (bytes - mark.bytes) / mark.width;
}


ngx_uint_t
ngx_llm_gemini_cites(ngx_llm_json_t *candidate)
{
    ngx_llm_json_t  *chunks, *metadata, *support;

    metadata = ngx_llm_json_get(candidate, "groundingMetadata");
    chunks = ngx_llm_json_get(metadata, "groundingChunks");
    support = ngx_llm_json_get(metadata, "groundingSupports");

    return chunks != NULL && chunks->type == NGX_LLM_JSON_ARRAY
           && support != NULL && support->type == NGX_LLM_JSON_ARRAY;
}


ngx_int_t
ngx_llm_gemini_citations(ngx_pool_t *pool, ngx_llm_gemini_offsets_t *offsets,
    ngx_llm_json_t *candidate, ngx_str_t *raw)
{
    ngx_uint_t       n;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *chunks, *metadata, *support;

    ngx_str_null(raw);

    if (!ngx_llm_gemini_cites(candidate) || offsets->marks.failed) {
        return NGX_OK;
    }

    metadata = ngx_llm_json_get(candidate, "groundingMetadata");
    chunks = ngx_llm_json_get(metadata, "groundingChunks");
    support = ngx_llm_json_get(metadata, "groundingSupports");

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_LLM_MAX_EVENT);

    n = 0;

    for (support = support->child; support; support = support->next) {
        n = ngx_llm_gemini_cite(offsets, support, chunks, n, &out);
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_llm_out_char(&out, ']');

    if (out.failed) {

        /* more than an answer is worth: the text is what was asked for */

        return NGX_OK;
    }

    raw->data = out.start;
    raw->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


/* each source of one segment; returns how many there are now */

static ngx_uint_t
ngx_llm_gemini_cite(ngx_llm_gemini_offsets_t *offsets,
    ngx_llm_json_t *support, ngx_llm_json_t *chunks, ngx_uint_t n,
    ngx_llm_out_t *out)
{
    int64_t          i;
    ngx_str_t        title, url;
    ngx_llm_json_t  *chunk, *index, *segment, *source;

    segment = ngx_llm_json_get(support, "segment");
    index = ngx_llm_json_get(support, "groundingChunkIndices");

    if (segment == NULL || index == NULL || index->type != NGX_LLM_JSON_ARRAY)
    {
        return n;
    }

    for (index = index->child; index; index = index->next) {

        if (n == NGX_LLM_GEMINI_MAX_CITATIONS) {
            break;
        }

        if (ngx_llm_json_int(index, &i) != NGX_OK || i < 0) {
            continue;
        }

        for (chunk = chunks->child; chunk && i > 0; chunk = chunk->next) {
            i--;
        }

        source = ngx_llm_json_get(chunk, "web");

        if (source == NULL) {
            source = ngx_llm_json_get(chunk, "maps");
        }

        if (source == NULL) {
            source = ngx_llm_json_get(chunk, "retrievedContext");
        }

        url = ngx_llm_json_str(source, "uri");
        title = ngx_llm_json_str(source, "title");

        if (url.len == 0) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(out, ',');

        } else {
            ngx_llm_out_char(out, '[');
        }

        ngx_llm_out_lit(out, "{\"type\":\"url_citation\",\"url_citation\":"
                             "{\"url\":");
        ngx_llm_out_quoted(out, &url);
        ngx_llm_out_lit(out, ",\"title\":");
        ngx_llm_out_quoted(out, &title);
        ngx_llm_out_lit(out, ",\"start_index\":");
        ngx_llm_out_int(out, ngx_llm_gemini_chars(offsets,
                             ngx_llm_json_count(segment, "startIndex", 0)));
        ngx_llm_out_lit(out, ",\"end_index\":");
        ngx_llm_out_int(out, ngx_llm_gemini_chars(offsets,
                             ngx_llm_json_count(segment, "endIndex", 0)));
        ngx_llm_out_lit(out, "}}");
    }

    return n;
}
