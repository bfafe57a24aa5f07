
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What core and dialects share.  Nothing below core/ and dialect/ knows
 * nginx's HTTP: types come from nginx, memory from a pool, time and logs from
 * the caller.
 *
 * Text.  Nearly all text that a gateway moves is the inside of one JSON
 * string on its way into another, so neutral structures hold it as it came:
 * the bytes between the quotes, escapes untouched ("escaped").  Reading is a
 * slice, writing a copy; a surrogate pair or an odd escape survives.  Only
 * what must be looked at is decoded ("plain").  Members of type ngx_str_t are
 * escaped unless their comment says plain or raw; raw is a whole JSON value.
 * A slice with data == NULL is absent, one with len == 0 is empty.
 */


#ifndef _NGX_LLM_CORE_H_INCLUDED_
#define _NGX_LLM_CORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LLM_MAX_DEPTH         128
#define NGX_LLM_MAX_NODES         524288
#define NGX_LLM_MAX_EVENT         (8 * 1024 * 1024)
#define NGX_LLM_MAX_ERROR_TEXT    2048


/*
 * A growing text with a bound.  A failure (memory, bound) sticks in "failed":
 * writers append without a test and the caller looks once at the end.
 */

typedef struct {
    u_char      *start;
    u_char      *last;
    u_char      *end;
    size_t       max;
    ngx_pool_t  *pool;      /* NULL: the buffer given is all there is */
    unsigned     failed:1;
    unsigned     grown:1;   /* start is memory of the pool */
} ngx_llm_out_t;


#define ngx_llm_out_len(out)  ((size_t) ((out)->last - (out)->start))

#define ngx_llm_out_lit(out, s)                                              \
    ngx_llm_out_put(out, (u_char *) s, sizeof(s) - 1)


/*
 * buf, size: a first buffer that the caller owns, or NULL, 0; max: the most
 * bytes the text may ever have.  Grown buffers come from the pool.
 */
void ngx_llm_out_init(ngx_llm_out_t *out, ngx_pool_t *pool, u_char *buf,
    size_t size, size_t max);

/* makes room for n more bytes; NGX_OK or NGX_ERROR ("failed" is set) */
ngx_int_t ngx_llm_out_reserve(ngx_llm_out_t *out, size_t n);

void ngx_llm_out_data(ngx_llm_out_t *out, u_char *data, size_t len);
void ngx_llm_out_str(ngx_llm_out_t *out, ngx_str_t *s);
void ngx_llm_out_int(ngx_llm_out_t *out, int64_t n);

static ngx_inline void ngx_llm_out_char(ngx_llm_out_t *out, u_char c);

/* the same as data(), for a length that is known here and not 0 */
static ngx_inline void ngx_llm_out_put(ngx_llm_out_t *out, u_char *data,
    size_t len);

/* escaped text as a JSON string: the quotes are added, nothing else */
void ngx_llm_out_quoted(ngx_llm_out_t *out, ngx_str_t *escaped);

/* plain text as a JSON string: escaped as RFC 8259 asks; bad UTF-8 becomes
 * U+FFFD */
void ngx_llm_out_json_string(ngx_llm_out_t *out, ngx_str_t *plain);

/* the same without the quotes */
void ngx_llm_out_escape(ngx_llm_out_t *out, ngx_str_t *plain);

/* escaped text escaped once more: JSON text that travels inside a string */
#define ngx_llm_out_escape_raw  ngx_llm_out_escape

/*
 * percent-encodes plain text for a path segment; "/" is encoded, "." and ".."
 * alone set "failed"
 */
void ngx_llm_out_path(ngx_llm_out_t *out, ngx_str_t *plain);

/*
 * one header line "name: value CRLF"; a value with CR, LF or NUL sets
 * "failed"
 */
void ngx_llm_out_header(ngx_llm_out_t *out, char *name, ngx_str_t *value);


/* what failed has no room */

static ngx_inline void
ngx_llm_out_put(ngx_llm_out_t *out, u_char *data, size_t len)
{
    if (len > (size_t) (out->end - out->last)) {
        ngx_llm_out_data(out, data, len);
        return;
    }

    out->last = ngx_cpymem(out->last, data, len);
}


static ngx_inline void
ngx_llm_out_char(ngx_llm_out_t *out, u_char c)
{
    if (out->last == out->end) {
        ngx_llm_out_data(out, &c, 1);
        return;
    }

    *out->last++ = c;
}


/* bytes of the UTF-8 character at p (RFC 3629), 0: there is none */
size_t ngx_llm_utf8_char(u_char *p, u_char *last);

/* writes a character as UTF-8, up to 4 bytes */
u_char *ngx_llm_utf8_put(u_char *p, uint32_t c);

/* the length of plain text cut to max bytes at a character's end */
size_t ngx_llm_utf8_cut(ngx_str_t *plain, size_t max);


/* what a message of an event stream is; of other frames this is not set */

typedef enum {
    NGX_LLM_FRAME_EVENT = 0,
    NGX_LLM_FRAME_EXCEPTION,
    NGX_LLM_FRAME_ERROR
} ngx_llm_frame_e;


/*
 * One frame of a stream: of server-sent events all bytes up to and with the
 * blank line, of an event stream a message (ngx_llm_eventstream.h).  "name"
 * and "data" are slices of "raw", but for data of several lines, which is a
 * copy joined with LF.  Valid until the reader is called again.  A frame of
 * comments only has data absent.
 */

typedef struct {
    ngx_str_t        name;      /* of "event:" */
    ngx_str_t        data;      /* trailing blanks cut */
    ngx_str_t        raw;
    ngx_llm_frame_e  kind;
} ngx_llm_frame_t;


/* classes of failures: what llm_next and fallback on= list */

#define NGX_LLM_FAIL_ERROR         0x0001  /* connect, reset, cut */
#define NGX_LLM_FAIL_TIMEOUT       0x0002
#define NGX_LLM_FAIL_INVALID       0x0004  /* 2xx that is no answer */
#define NGX_LLM_FAIL_RATE_LIMIT    0x0008
#define NGX_LLM_FAIL_OVERLOADED    0x0010  /* 503, 529 */
#define NGX_LLM_FAIL_SERVER_ERROR  0x0020  /* other 5xx, 408 */
#define NGX_LLM_FAIL_AUTH          0x0040  /* 401, 402, 403 */
#define NGX_LLM_FAIL_NO_MODEL      0x0080
#define NGX_LLM_FAIL_CONTEXT       0x0100  /* prompt too long */
#define NGX_LLM_FAIL_CONTENT       0x0200  /* filtered */
#define NGX_LLM_FAIL_REQUEST       0x0400  /* every provider would refuse it */

#define NGX_LLM_FAIL_DEFAULT                                                 \
    (NGX_LLM_FAIL_ERROR|NGX_LLM_FAIL_TIMEOUT|NGX_LLM_FAIL_INVALID            \
     |NGX_LLM_FAIL_RATE_LIMIT|NGX_LLM_FAIL_OVERLOADED                        \
     |NGX_LLM_FAIL_SERVER_ERROR|NGX_LLM_FAIL_AUTH|NGX_LLM_FAIL_NO_MODEL)


/*
 * An error in neutral form: read from a provider, or made by the gateway.
 * type and code are OpenAI's words (plain), e.g. "invalid_request_error",
 * "context_length_exceeded"; each dialect maps them to its own when it writes.
 */

typedef struct {
    ngx_uint_t   status;        /* HTTP status for the client */
    ngx_uint_t   fail;          /* NGX_LLM_FAIL_* */
    ngx_str_t    type;          /* plain */
    ngx_str_t    code;          /* plain; absent: null */
    ngx_str_t    param;         /* plain; absent: null */
    ngx_str_t    message;       /* escaped */
    ngx_int_t    retry_after;   /* seconds, -1 is unknown */
    ngx_str_t    request_id;    /* plain; of the client's request */
    ngx_str_t    raw;           /* the body as it came, if it has the shape
                                   that clients of its dialect know */
} ngx_llm_error_t;


/*
 * fills an error of the gateway's own; the message is formatted as
 * ngx_snprintf() does (plain) into memory of the pool, and escaped.  Returns
 * NGX_DECLINED, what readers return for a bad request.
 */
ngx_int_t ngx_llm_error(ngx_pool_t *pool, ngx_llm_error_t *err,
    ngx_uint_t status, char *type, char *code, char *param,
    const char *fmt, ...);


/*
 * Token counts as OpenAI means them: prompt holds cached and cache_write,
 * completion holds reasoning.  -1 is unknown, which readers treat as 0.
 */

typedef struct {
    int64_t      prompt;
    int64_t      completion;
    int64_t      cached;
    int64_t      cache_write;       /* all writes, 1h ones included */
    int64_t      cache_write_1h;
    int64_t      reasoning;
    int64_t      audio_prompt;
    int64_t      audio_completion;
    int64_t      cost;              /* nanodollars, for clients that are told;
                                       -1: they are not */
    ngx_uint_t   service;           /* NGX_LLM_SERVICE_*, 0: not said */
    unsigned     reported:1;        /* the provider said so */
} ngx_llm_usage_t;


/* service tiers that have prices of their own */

#define NGX_LLM_SERVICE_STANDARD   1
#define NGX_LLM_SERVICE_PRIORITY   2
#define NGX_LLM_SERVICE_FLEX       3
#define NGX_LLM_SERVICE_BATCH      4


void ngx_llm_usage_init(ngx_llm_usage_t *usage);


typedef enum {
    NGX_LLM_FINISH_NONE = 0,
    NGX_LLM_FINISH_STOP,
    NGX_LLM_FINISH_LENGTH,
    NGX_LLM_FINISH_TOOL_CALLS,
    NGX_LLM_FINISH_CONTENT_FILTER,
    NGX_LLM_FINISH_PAUSE            /* server tool loop; OpenAI: stop */
} ngx_llm_finish_e;


/* OpenAI's word for it, what $llm_finish_reason says; "" for NONE */
ngx_str_t *ngx_llm_finish_name(ngx_llm_finish_e finish);


#endif /* _NGX_LLM_CORE_H_INCLUDED_ */
