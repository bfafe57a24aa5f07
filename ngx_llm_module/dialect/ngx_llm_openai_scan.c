
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Where the bytes of a stream go through as they are, an ordinary chunk need
 * not be parsed: it is enough to know that it is one, with text or without.
 * The scan follows strings and nesting, so a member is found where it stands
 * and nowhere else; all that is not plainly ordinary is left to the parser.
 */


#include "ngx_llm_openai.h"
#include "ngx_llm_scan.h"


#define NGX_LLM_OPENAI_SCAN_DEPTH  32

/* where members are looked at: the nesting that they have */

#define NGX_LLM_OPENAI_SCAN_ROOT   1
#define NGX_LLM_OPENAI_SCAN_CHOICE 3
#define NGX_LLM_OPENAI_SCAN_DELTA  4


typedef enum {
    NGX_LLM_OPENAI_VALUE_NULL = 0,  /* null only */
    NGX_LLM_OPENAI_VALUE_NONE,      /* null or [] */
    NGX_LLM_OPENAI_VALUE_ZERO,
    NGX_LLM_OPENAI_VALUE_STRING,    /* null or a string */
    NGX_LLM_OPENAI_VALUE_CHOICES,
    NGX_LLM_OPENAI_VALUE_DELTA
} ngx_llm_openai_value_e;


typedef struct {
    ngx_str_t                name;
    ngx_llm_openai_value_e   value;
    ngx_uint_t               flag;      /* of a string that is not empty */
} ngx_llm_openai_key_t;


/* a chunk, and the mark if it is to be set */

typedef struct {
    ngx_llm_openai_scan_t    scan;
    ngx_llm_openai_mark_t   *mark;
    u_char                  *start;
    u_char                  *last;
} ngx_llm_openai_chunk_t;


static ngx_int_t ngx_llm_openai_scan_text(ngx_llm_openai_chunk_t *chunk,
    u_char *p);
static u_char *ngx_llm_openai_scan_string(u_char *p, u_char *last,
    ngx_uint_t *escaped);
static ngx_int_t ngx_llm_openai_scan_close(ngx_llm_openai_scan_t *scan,
    u_char c);
static ngx_int_t ngx_llm_openai_scan_key(ngx_llm_openai_chunk_t *chunk,
    u_char *key, size_t len, ngx_uint_t escaped, u_char *p);
static ngx_int_t ngx_llm_openai_scan_value(ngx_llm_openai_chunk_t *chunk,
    const ngx_llm_openai_key_t *key, u_char *p);
static void ngx_llm_openai_scan_mark(ngx_llm_openai_chunk_t *chunk,
    ngx_uint_t flag, u_char *p);


/* a member's number in these tables is its bit in "seen" */

static const ngx_llm_openai_key_t  ngx_llm_openai_root_keys[] = {
    { ngx_string("choices"), NGX_LLM_OPENAI_VALUE_CHOICES, 0 },
    { ngx_string("usage"), NGX_LLM_OPENAI_VALUE_NULL, 0 },
    { ngx_string("error"), NGX_LLM_OPENAI_VALUE_NULL, 0 },
    { ngx_string("x_groq"), NGX_LLM_OPENAI_VALUE_NULL, 0 },
    { ngx_null_string, NGX_LLM_OPENAI_VALUE_NULL, 0 }
};


static const ngx_llm_openai_key_t  ngx_llm_openai_choice_keys[] = {
    { ngx_string("delta"), NGX_LLM_OPENAI_VALUE_DELTA, 0 },
    { ngx_string("index"), NGX_LLM_OPENAI_VALUE_ZERO, 0 },
    { ngx_string("finish_reason"), NGX_LLM_OPENAI_VALUE_NULL, 0 },
    { ngx_string("usage"), NGX_LLM_OPENAI_VALUE_NULL, 0 },
    { ngx_string("message"), NGX_LLM_OPENAI_VALUE_NULL, 0 },
    { ngx_string("text"), NGX_LLM_OPENAI_VALUE_NULL, 0 },
    { ngx_null_string, NGX_LLM_OPENAI_VALUE_NULL, 0 }
};


static const ngx_llm_openai_key_t  ngx_llm_openai_delta_keys[] = {
    { ngx_string("content"), NGX_LLM_OPENAI_VALUE_STRING,
      NGX_LLM_OPENAI_SCAN_TEXT },
    { ngx_string("reasoning_content"), NGX_LLM_OPENAI_VALUE_STRING,
      NGX_LLM_OPENAI_SCAN_REASONING },
    { ngx_string("reasoning"), NGX_LLM_OPENAI_VALUE_STRING,
      NGX_LLM_OPENAI_SCAN_REASONING },
    { ngx_string("refusal"), NGX_LLM_OPENAI_VALUE_STRING,
      NGX_LLM_OPENAI_SCAN_TEXT },
    { ngx_string("tool_calls"), NGX_LLM_OPENAI_VALUE_NONE, 0 },
    { ngx_string("function_call"), NGX_LLM_OPENAI_VALUE_NULL, 0 },
    { ngx_string("audio"), NGX_LLM_OPENAI_VALUE_NULL, 0 },
    { ngx_string("annotations"), NGX_LLM_OPENAI_VALUE_NONE, 0 },
    { ngx_string("thinking_blocks"), NGX_LLM_OPENAI_VALUE_NONE, 0 },
    { ngx_string("reasoning_details"), NGX_LLM_OPENAI_VALUE_NONE, 0 },
    { ngx_null_string, NGX_LLM_OPENAI_VALUE_NULL, 0 }
};


ngx_int_t
ngx_llm_openai_scan(ngx_llm_openai_mark_t *mark, ngx_str_t *text,
    ngx_uint_t *flags)
{
    u_char                  *p, *end;
    size_t                   rest;
    ngx_uint_t               before, escaped;
    ngx_llm_openai_scan_t   *scan;
    ngx_llm_openai_chunk_t   chunk;

    p = text->data;

    if (text->len == 0 || *p != '{') {
        return NGX_DECLINED;
    }

    scan = &chunk.scan;
    end = NULL;
    rest = 0;
    before = 0;

    chunk.start = p;
    chunk.last = p + text->len;

    if (mark->head_len && text->len > mark->head_len
        && ngx_memcmp(p, mark->head, mark->head_len) == 0)
    {
        chunk.mark = NULL;
        *scan = mark->scan;

        /* the head ends with the quote before the text */

        p += mark->head_len - 1;

        before = scan->flags | ((p[1] != '"') ? mark->flag : 0);
        scan->flags = 0;

        end = ngx_llm_openai_scan_string(p + 1, chunk.last, &escaped);
        if (end == NULL) {
            return NGX_DECLINED;
        }

        rest = chunk.last - end;

        if (rest == mark->tail_len
            && ngx_memcmp(end, mark->tail, rest) == 0)
        {
            *flags = before | mark->tail_flags;
            return NGX_OK;
        }

    } else {
        chunk.mark = mark;
        ngx_memzero(scan, sizeof(ngx_llm_openai_scan_t));
    }

    if (ngx_llm_openai_scan_text(&chunk, p) != NGX_OK) {
        return NGX_DECLINED;
    }

    /* one choice, the first, with a delta: the first member of its table */

    if (scan->nchoices != 1
        || !(scan->seen[NGX_LLM_OPENAI_SCAN_CHOICE] & 1))
    {
        return NGX_DECLINED;
    }

    if (end && rest <= NGX_LLM_OPENAI_TAIL) {
        mark->tail_len = rest;
        mark->tail_flags = scan->flags;
        ngx_memcpy(mark->tail, end, rest);
    }

    *flags = before | scan->flags;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_scan_text(ngx_llm_openai_chunk_t *chunk, u_char *p)
{
    size_t                  len;
    u_char                 *key, *last;
    ngx_uint_t              escaped;
    ngx_llm_openai_scan_t  *scan;

    scan = &chunk->scan;
    last = chunk->last;

    while (p < last) {

        switch (*p) {

        case '"':
            key = ++p;

            p = ngx_llm_openai_scan_string(p, last, &escaped);
            if (p == NULL) {
                return NGX_DECLINED;
            }

            len = p++ - key;

            while (p < last && (*p == ' ' || *p == LF || *p == CR
                                || *p == '\t'))
            {
                p++;
            }

            if (p == last || *p != ':') {
                break;
            }

            p++;

            while (p < last && (*p == ' ' || *p == LF || *p == CR
                                || *p == '\t'))
            {
                p++;
            }

            if (ngx_llm_openai_scan_key(chunk, key, len, escaped, p)
                != NGX_OK)
            {
                return NGX_DECLINED;
            }

            break;

        case '{':
        case '[':

            if (scan->depth == NGX_LLM_OPENAI_SCAN_DEPTH) {
                return NGX_DECLINED;
            }

            scan->nesting = (scan->nesting << 1) | (*p == '{');
            scan->depth++;

            if (scan->choices && *p == '{'
                && scan->depth == NGX_LLM_OPENAI_SCAN_CHOICE)
            {
                scan->nchoices++;
            }

            p++;
            break;

        case '}':
        case ']':

            if (ngx_llm_openai_scan_close(scan, *p) != NGX_OK) {
                return NGX_DECLINED;
            }

            p++;

            if (scan->depth == 0) {
                return (p == last) ? NGX_OK : NGX_DECLINED;
            }

            break;

        default:

            /* blanks, commas, numbers, true, false, null */

            if (*p > 'z') {
                return NGX_DECLINED;
            }

            p++;
        }
    }

    return NGX_DECLINED;
}


/* the closing quote; what the string holds is the client's to judge */

static u_char *
ngx_llm_openai_scan_string(u_char *p, u_char *last, ngx_uint_t *escaped)
{
    *escaped = 0;

    for ( ;; ) {
        p = ngx_llm_scan_string(p, last);

        if (p == last) {
            return NULL;
        }

        if (*p == '"') {
            return p;
        }

        if (*p == '\\') {
            *escaped = 1;
            p++;
        }

        if (p == last) {
            return NULL;
        }

        p++;
    }
}


static ngx_int_t
ngx_llm_openai_scan_close(ngx_llm_openai_scan_t *scan, u_char c)
{
    if (scan->depth == 0 || (scan->nesting & 1) != (c == '}')) {
        return NGX_DECLINED;
    }

    scan->nesting >>= 1;
    scan->depth--;

    if (scan->depth < NGX_LLM_OPENAI_SCAN_DELTA) {
        scan->delta = 0;
    }

    if (scan->depth < 2) {
        scan->choices = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_scan_key(ngx_llm_openai_chunk_t *chunk, u_char *key,
    size_t len, ngx_uint_t escaped, u_char *p)
{
    uint32_t                     bit;
    ngx_llm_openai_scan_t       *scan;
    const ngx_llm_openai_key_t  *k;

    scan = &chunk->scan;

    switch (scan->depth) {

    case NGX_LLM_OPENAI_SCAN_ROOT:
        k = ngx_llm_openai_root_keys;
        break;

    case NGX_LLM_OPENAI_SCAN_CHOICE:

        if (!scan->choices) {
            return NGX_OK;
        }

        k = ngx_llm_openai_choice_keys;
        break;

    case NGX_LLM_OPENAI_SCAN_DELTA:

        if (!scan->delta) {
            return NGX_OK;
        }

        k = ngx_llm_openai_delta_keys;
        break;

    default:
        return NGX_OK;
    }

    if (escaped || p == chunk->last) {
        return NGX_DECLINED;
    }

    for (bit = 1; k->name.len; k++, bit <<= 1) {

        if (k->name.len == len && ngx_memcmp(k->name.data, key, len) == 0) {

            if (scan->seen[scan->depth] & bit) {
                return NGX_DECLINED;
            }

            scan->seen[scan->depth] |= bit;

            return ngx_llm_openai_scan_value(chunk, k, p);
        }
    }

    return NGX_OK;
}


/* p is where the value begins */

static ngx_int_t
ngx_llm_openai_scan_value(ngx_llm_openai_chunk_t *chunk,
    const ngx_llm_openai_key_t *key, u_char *p)
{
    u_char                  next;
    ngx_llm_openai_scan_t  *scan;

    scan = &chunk->scan;

    next = (p + 1 < chunk->last) ? p[1] : '\0';

    switch (key->value) {

    case NGX_LLM_OPENAI_VALUE_ZERO:

        if (*p == '0' && (next == ',' || next == '}' || next == ' ')) {
            return NGX_OK;
        }

        return NGX_DECLINED;

    case NGX_LLM_OPENAI_VALUE_CHOICES:
        scan->choices = 1;
        return (*p == '[') ? NGX_OK : NGX_DECLINED;

    case NGX_LLM_OPENAI_VALUE_DELTA:
        scan->delta = 1;
        return (*p == '{') ? NGX_OK : NGX_DECLINED;

    case NGX_LLM_OPENAI_VALUE_NONE:

        if (*p == '[' && next == ']') {
            return NGX_OK;
        }

        break;

    case NGX_LLM_OPENAI_VALUE_STRING:

        if (*p == '"') {

            if (chunk->mark) {
                ngx_llm_openai_scan_mark(chunk, key->flag, p);
            }

            scan->flags |= (next != '"') ? key->flag : 0;
            return NGX_OK;
        }

        break;

    default: /* NGX_LLM_OPENAI_VALUE_NULL */
        break;
    }

    return (*p == 'n') ? NGX_OK : NGX_DECLINED;
}


/* p: the quote before the text */

static void
ngx_llm_openai_scan_mark(ngx_llm_openai_chunk_t *chunk, ngx_uint_t flag,
    u_char *p)
{
    size_t                  len;
    ngx_llm_openai_mark_t  *mark;

    mark = chunk->mark;
    chunk->mark = NULL;

    len = p + 1 - chunk->start;

    if (len > NGX_LLM_OPENAI_HEAD) {
        return;
    }

    mark->scan = chunk->scan;
    mark->flag = flag;
    mark->head_len = len;
    mark->tail_len = 0;

    ngx_memcpy(mark->head, chunk->start, len);
}
