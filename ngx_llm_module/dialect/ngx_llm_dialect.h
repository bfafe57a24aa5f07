
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A dialect is a wire format: one table of functions, used for clients and
 * for providers alike.  Adding one takes its file and a line in
 * ngx_llm_dialects.c.
 *
 * Unless said otherwise functions return NGX_OK, NGX_ERROR (no memory), and
 * readers and writers of requests NGX_DECLINED with err filled: the client's
 * request cannot be served.
 */


#ifndef _NGX_LLM_DIALECT_H_INCLUDED_
#define _NGX_LLM_DIALECT_H_INCLUDED_


#include "ngx_llm_core.h"
#include "ngx_llm_json.h"
#include "ngx_llm_sse.h"
#include "ngx_llm_eventstream.h"
#include "ngx_llm_ndjson.h"
#include "ngx_llm_payload.h"
#include "ngx_llm_chat.h"
#include "ngx_llm_params.h"
#include "ngx_llm_price.h"
#include "ngx_llm_set.h"


typedef struct ngx_llm_quirks_s  ngx_llm_quirks_t;


/* where a request goes: facts of a deployment and its provider; plain */

typedef struct {
    ngx_str_t                 provider;     /* name, for messages */
    ngx_str_t                 base;         /* path of the url, no final "/" */
    ngx_str_t                 path;         /* below the base, of what is no
                                               chat; absent: a chat's */
    ngx_str_t                 model;        /* the provider's name for it */
    ngx_str_t                 key;          /* empty: none */
    char                     *key_header;   /* that carries it; NULL: that of
                                               the quirks or the dialect */
    ngx_str_t                 key_prefix;   /* with it, before the key */
    ngx_str_t                 authorization;  /* the header's value, in the
                                               place of a key; or empty */
    ngx_str_t                 api_version;
    ngx_str_t                 region;       /* empty: not said */
    ngx_str_t                 project;      /* which the body names; or */
    ngx_str_t                 space;        /* ... this; may both be empty */
    ngx_str_t                 version;      /* of a client of the same
                                               dialect: anthropic-version, */
    ngx_str_t                 beta;         /* anthropic-beta */
    int64_t                   max_tokens;   /* default where one is needed */
    int64_t                   cap;          /* no request may ask for more
                                               output; 0: none */
    uint64_t                  drop;         /* may be dropped: bits */
    uint64_t                  lacks;        /* never sent: bits */
    ngx_str_t                 family;       /* another name of the model, by
                                               which it is known; or empty */
    const ngx_llm_quirks_t   *quirks;       /* NULL: none */
    ngx_array_t              *sets;         /* ngx_llm_set_t, sorted; or
                                               NULL */
} ngx_llm_target_t;


/* a request that is written, for who signs it; plain */

typedef struct {
    ngx_str_t                 method;
    ngx_str_t                 host;         /* as in the header Host */
    ngx_str_t                 path;         /* as on the wire */
    ngx_str_t                 query;        /* likewise, without "?" */
    ngx_str_t                 type;         /* the header Content-Type, if it
                                               is signed */
    ngx_str_t                *body;         /* in pieces */
    ngx_uint_t                nbody;
    u_char                   *hash;         /* of the body, 64 hexadecimal
                                               digits, in its place; or NULL */
    time_t                    now;
} ngx_llm_signed_t;


/* the reader of a provider's stream, one per attempt */

typedef struct {
    const ngx_llm_dialect_t  *dialect;
    ngx_pool_t               *pool;
    ngx_pool_t               *scratch;      /* reset before each frame */
    ngx_llm_sse_t             sse;
    ngx_llm_eventstream_t     eventstream;
    ngx_llm_ndjson_t          ndjson;
    ngx_llm_payload_t         payload;      /* of the three */
    ngx_llm_out_t             whole;        /* what came of an answer */
    ngx_llm_chat_t           *chat;         /* that is answered, or NULL */
    void                     *state;        /* dialect->reader_size, zeroed */

    ngx_llm_event_pt          handler;
    void                     *data;

    ngx_llm_usage_t           usage;        /* latest */
    ngx_llm_finish_e          finish;       /* of the first choice */

    unsigned                  splice:1;     /* bytes go through: TEXT and the
                                               like only need to be told once
                                               a frame, without their text */
    unsigned                  hidden:1;     /* out: the frame is there only
                                               because the gateway asked for
                                               usage */
    unsigned                  done:1;       /* DONE was given */
    unsigned                  failed:1;     /* ERROR was given */
    unsigned                  ended:1;      /* read_end() was called */
} ngx_llm_reader_t;


/* the writer of a client's answer, one per request */

typedef struct {
    const ngx_llm_dialect_t  *dialect;
    ngx_pool_t               *pool;
    ngx_llm_chat_t           *chat;
    ngx_str_t                 id;           /* plain; for who has none */
    ngx_str_t                 model;        /* plain; as the client asked */
    time_t                    created;
    void                     *state;        /* dialect->writer_size, zeroed */
    unsigned                  started:1;    /* the stream has begun */
} ngx_llm_writer_t;


/* the framing of streams: one of these */

#define NGX_LLM_DIALECT_SSE          0x0001     /* server-sent events */
#define NGX_LLM_DIALECT_EVENTSTREAM  0x0002     /* Amazon's */
#define NGX_LLM_DIALECT_NDJSON       0x0004     /* lines of JSON */
#define NGX_LLM_DIALECT_PAYLOAD      0x0008     /* events or lines in payloads
                                                   of Amazon's */

#define NGX_LLM_DIALECT_BETAS        0x0010     /* headers of a client name the
                                                   version and betas it
                                                   speaks */
#define NGX_LLM_DIALECT_COUNTS       0x0020     /* its providers count tokens */
#define NGX_LLM_DIALECT_529          0x0040     /* its clients know overload as
                                                   529, not 503 */
#define NGX_LLM_DIALECT_ID           0x0080     /* ... and look for the
                                                   request's id in
                                                   "request-id" */
#define NGX_LLM_DIALECT_LIMIT_DATES  0x0100     /* ... and headers
                                                   anthropic-ratelimit-* with
                                                   dates, not x-ratelimit-* */

/* paths begin with a project of Google's and its location */
#define NGX_LLM_DIALECT_PROJECT      0x0200

/* there are no streams: one is made of a plain answer, a frame as a whole */
#define NGX_LLM_DIALECT_WHOLE        0x0400

/* keys are IBM Cloud's; bodies name a project or a space of IBM's */
#define NGX_LLM_DIALECT_APIKEY       0x0800


struct ngx_llm_dialect_s {
    ngx_str_t                 name;
    ngx_uint_t                flags;
    size_t                    reader_size;
    size_t                    writer_size;
    ngx_str_t                 default_base; /* path of a url without one */

    /* for clients; all NULL where no client speaks it */

    /* reads chat->text into chat */
    ngx_int_t               (*read_request)(ngx_llm_chat_t *chat,
                                ngx_llm_error_t *err);

    void                    (*write_response)(ngx_llm_writer_t *w,
                                ngx_llm_response_t *res, ngx_llm_out_t *out);

    /* appends what an event is in this dialect, which may be nothing */
    void                    (*write_event)(ngx_llm_writer_t *w,
                                ngx_llm_event_t *ev, ngx_llm_out_t *out);

    /* an error as a body, and as the end of a stream that has begun */
    void                    (*write_error)(ngx_llm_error_t *err,
                                ngx_llm_out_t *out);
    void                    (*write_stream_error)(ngx_llm_error_t *err,
                                ngx_llm_out_t *out);

    /* for providers */

    /* chat is not changed but for "dropped" */
    ngx_int_t               (*write_request)(ngx_llm_chat_t *chat,
                                ngx_llm_target_t *target, ngx_llm_out_t *out,
                                ngx_llm_error_t *err);

    /*
     * a request that came in the same dialect: what must change, as edits
     * (ngx_llm_edit_t) of chat->text
     */
    ngx_int_t               (*edit_request)(ngx_llm_chat_t *chat,
                                ngx_llm_target_t *target, ngx_array_t *edits,
                                ngx_llm_error_t *err);

    /* the path with the query, escaped; header lines with CR LF */
    void                    (*write_path)(ngx_llm_chat_t *chat,
                                ngx_llm_target_t *target, ngx_llm_out_t *out);
    void                    (*write_headers)(ngx_llm_chat_t *chat,
                                ngx_llm_target_t *target, ngx_llm_out_t *out);

    /*
     * a whole 2xx body, res->chat is answered; NGX_DECLINED: no answer
     * (err: NGX_LLM_FAIL_INVALID, or what an error inside a 200 means)
     */
    ngx_int_t               (*read_response)(ngx_str_t *text,
                                ngx_llm_response_t *res,
                                ngx_llm_error_t *err);

    /* gives events to reader->handler; NGX_OK, NGX_ERROR */
    ngx_int_t               (*read_frame)(ngx_llm_reader_t *reader,
                                ngx_llm_frame_t *frame);

    /*
     * the input has ended: gives what was held back, and DONE if the answer
     * is whole although its end mark is missing
     */
    ngx_int_t               (*read_end)(ngx_llm_reader_t *reader);

    /*
     * the body of a status >= 300 (may be empty, may be no JSON) and the
     * status: fills err, class and message included; never fails
     */
    void                    (*read_error)(ngx_pool_t *pool,
                                ngx_uint_t status, ngx_str_t *text,
                                ngx_llm_error_t *err);

    /* these three may be left empty */

    /*
     * header lines that need the whole request, behind those of
     * write_headers(); NGX_OK, NGX_ERROR
     */
    ngx_int_t               (*sign)(ngx_llm_chat_t *chat,
                                ngx_llm_target_t *target,
                                ngx_llm_signed_t *s, ngx_llm_out_t *out);

    /* a header of errors that says more, and what it says after read_error() */
    ngx_str_t                 error_header;
    void                    (*read_error_header)(ngx_str_t *value,
                                ngx_llm_error_t *err);

    /* MAY be NULL: there are no embeddings; see ngx_llm_calls.h */
    const struct ngx_llm_embed_dialect_s  *embed;

    /* MAY be NULL: nothing is passed on but by llm_relay, unmetered */
    const struct ngx_llm_relay_dialect_s  *relay;

    /*
     * MAY be NULL: the dialect of providers that serve clients of this one as
     * they are, by this one's functions
     */
    const ngx_llm_dialect_t               *native;
};


extern const ngx_llm_dialect_t   ngx_llm_openai;
extern const ngx_llm_dialect_t   ngx_llm_anthropic;
extern const ngx_llm_dialect_t   ngx_llm_gemini;
extern const ngx_llm_dialect_t   ngx_llm_bedrock;
extern const ngx_llm_dialect_t   ngx_llm_cohere;
extern const ngx_llm_dialect_t   ngx_llm_mistral;
extern const ngx_llm_dialect_t   ngx_llm_ollama;
extern const ngx_llm_dialect_t   ngx_llm_vertex;
extern const ngx_llm_dialect_t   ngx_llm_vertex_claude;
extern const ngx_llm_dialect_t   ngx_llm_sagemaker;
extern const ngx_llm_dialect_t   ngx_llm_replicate;
extern const ngx_llm_dialect_t   ngx_llm_watsonx;

/* of clients alone: OpenAI's older API */
extern const ngx_llm_dialect_t   ngx_llm_completions;

/* all dialects of providers, the last is NULL */
extern const ngx_llm_dialect_t  *ngx_llm_dialects[];

const ngx_llm_dialect_t *ngx_llm_dialect_find(ngx_str_t *name);

/*
 * Some providers serve models of several vendors, each in its dialect: the
 * one for a model, by its name (plain); mostly the dialect itself.
 */
const ngx_llm_dialect_t *ngx_llm_dialect_variant(
    const ngx_llm_dialect_t *dialect, ngx_str_t *model);

/* whose requests a variant edits, its answers being the same; or itself */
const ngx_llm_dialect_t *ngx_llm_dialect_base(
    const ngx_llm_dialect_t *dialect);


/* pool: lives as long as the stream; scratch: the reader's own, reset often */
ngx_int_t ngx_llm_reader_init(ngx_llm_reader_t *reader,
    const ngx_llm_dialect_t *dialect, ngx_pool_t *pool, ngx_pool_t *scratch);

/*
 * Takes bytes from *pos.  NGX_OK: one frame was read (its events are given);
 * NGX_AGAIN: all consumed; NGX_ERROR: a frame too long or broken, or no memory.
 */
ngx_int_t ngx_llm_reader_next(ngx_llm_reader_t *reader, u_char **pos,
    u_char *last, ngx_llm_frame_t *frame);

/*
 * The input has ended; reader->done tells whether the stream was whole.  A
 * frame that lacked its blank line is returned (NGX_OK), else NGX_DONE.
 * NGX_ERROR: a frame is cut, or no memory.
 */
ngx_int_t ngx_llm_reader_end(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);

ngx_int_t ngx_llm_writer_init(ngx_llm_writer_t *w,
    const ngx_llm_dialect_t *dialect, ngx_pool_t *pool, ngx_llm_chat_t *chat,
    ngx_str_t *id, time_t created);


/*
 * The header line that carries the key, if there is one: header and prefix are
 * the dialect's
 */
void ngx_llm_out_key(ngx_llm_out_t *out, ngx_llm_target_t *target,
    char *header, char *prefix);

/* the name of a header that is not the dialect's, or NULL */
char *ngx_llm_key_header(ngx_llm_target_t *target);


/* what dialects share when they read a provider's error */

/* class and OpenAI status, type, code from an HTTP status alone */
void ngx_llm_error_status(ngx_llm_error_t *err, ngx_uint_t status);

/* text patterns for a prompt too long and for filtered content */
void ngx_llm_error_text(ngx_llm_error_t *err, ngx_str_t *message);

/* a message from a body that is no JSON: printable, cut, escaped */
ngx_str_t ngx_llm_error_body(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text);


#endif /* _NGX_LLM_DIALECT_H_INCLUDED_ */
