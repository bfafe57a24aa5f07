
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stand-in for a provider:
 *
 *     location /v1/ { llm_mock dialect [name=value ...]; }
 *
 * answers every POST below its location in the wire format of the dialect,
 * plain or as a stream as the request asks, and GET .../models.  The same
 * request always gets the same answer.  A value with blanks is quoted
 * together with its name: "text=two words".
 *
 * What is answered:
 *
 *     text=value      the text; may hold variables, among them $llm_*;
 *                     default "echo: " and the text of the last user message
 *     size=number     or that many words
 *     events=number   text events of a stream, at most one a word (default:
 *                     one a word); without text= and size= so many words
 *     reasoning=text  comes before the text
 *     tool=name       where the request has tools and no tool's result at
 *                     its end: a call of that tool, "*" is its first one
 *     args=json       the call's arguments, default {}
 *     calls=number    parallel calls, default 1
 *     finish=word     stop, length, content_filter
 *     model=name      in the answer; default the one asked for
 *     usage=off       no usage is reported; on is the default
 *     prompt_tokens=number, cached_tokens=number
 *                     default: an estimate, and none; completion tokens are
 *                     the words of the answer
 *
 * How:
 *
 *     delay=time        before the answer
 *     chunk_delay=time  between the pieces of an answer; without it they
 *                       leave at once
 *     chunk=size        bytes of a piece; default: a stream's pieces are its
 *                       events, a plain answer is one piece
 *     pings=number      after the first event of a stream
 *     length=off        plain answers come chunked
 *
 * Failures:
 *
 *     status=code     an error of that status, in the dialect's shape
 *     message=text, code=word, retry_after=seconds
 *                     what that error says; the first two for fail=error, too
 *     fail=close      the connection is closed without an answer
 *     fail=reset      the same by a TCP reset
 *     fail=stall      no answer comes
 *     fail=cut        closed after some pieces
 *     fail=hang       silent after some pieces
 *     fail=end        ended after some pieces as if the answer were whole
 *     fail=error      after some pieces the error event of a stream, which
 *                     ends it; a plain answer is an error with status 200
 *     fail=garbage    status 200 and a page of HTML
 *     after=number    how many pieces: 0 is the header alone; default: 2, of
 *                     a stream its first event and the first text, of a
 *                     plain answer without chunk= its first half
 *     times=number    only so many requests of a worker fail, the first ones
 *     every=number    only each so many-th request of a worker fails
 *
 * With model= and one of text= (without variables), size= and events=, and
 * without tool=, the answers are written while the configuration is read and
 * requests are not parsed: only "stream" and "include_usage" are looked for.
 * This is what a benchmark wants.  "prompt_tokens" then defaults to 10.
 */


#include "ngx_http_llm.h"


#define NGX_HTTP_LLM_MOCK_MAX      (64 * 1024 * 1024)
#define NGX_HTTP_LLM_MOCK_COUNT    1000000
#define NGX_HTTP_LLM_MOCK_CREATED  1700000000

/* what was found in a request that is not parsed */

#define NGX_HTTP_LLM_MOCK_STREAM   0x0001
#define NGX_HTTP_LLM_MOCK_USAGE    0x0002


typedef enum {
    NGX_HTTP_LLM_MOCK_NONE = 0,
    NGX_HTTP_LLM_MOCK_CLOSE,
    NGX_HTTP_LLM_MOCK_RESET,
    NGX_HTTP_LLM_MOCK_STALL,
    NGX_HTTP_LLM_MOCK_CUT,
    NGX_HTTP_LLM_MOCK_HANG,
    NGX_HTTP_LLM_MOCK_END,
    NGX_HTTP_LLM_MOCK_ERROR,
    NGX_HTTP_LLM_MOCK_GARBAGE
} ngx_http_llm_mock_fail_e;


/* the bytes of an answer, and where its pieces end */

typedef struct {
    ngx_str_t                   text;
    ngx_array_t                 ends;           /* size_t, offsets */
    ngx_uint_t                  status;
    unsigned                    stream:1;
    unsigned                    html:1;
} ngx_http_llm_mock_answer_t;


struct ngx_http_llm_mock_s {
    const ngx_llm_dialect_t    *dialect;

    ngx_http_complex_value_t   *text;
    ngx_int_t                   size;           /* -1: not given */
    ngx_int_t                   events;
    ngx_str_t                   reasoning;      /* escaped */
    ngx_str_t                   tool;
    ngx_str_t                   args;
    ngx_int_t                   calls;
    ngx_llm_finish_e            finish;
    ngx_str_t                   model;
    ngx_flag_t                  usage;
    ngx_int_t                   prompt_tokens;
    ngx_int_t                   cached_tokens;

    ngx_msec_t                  delay;
    ngx_msec_t                  chunk_delay;
    size_t                      chunk;          /* 0: not given */
    ngx_int_t                   pings;
    ngx_flag_t                  length;

    ngx_int_t                   status;
    ngx_str_t                   message;
    ngx_str_t                   code;
    ngx_int_t                   retry_after;
    ngx_http_llm_mock_fail_e    fail;
    ngx_int_t                   after;
    ngx_int_t                   times;
    ngx_int_t                   every;

    ngx_uint_t                  count;          /* requests, of this worker */

    /* made once */
    ngx_http_llm_mock_answer_t  error;
    ngx_http_llm_mock_answer_t  stream_error;
    ngx_http_llm_mock_answer_t  garbage;
    ngx_http_llm_mock_answer_t  models;
    ngx_http_llm_mock_answer_t  plain;
    ngx_http_llm_mock_answer_t  stream;
    ngx_http_llm_mock_answer_t  stream_usage;
    unsigned                    constant:1;
};


/*
 * A request in a mock's location.  It begins as one of a gateway does, so that
 * variables of a request's body are there for text=.  It grows by the answer,
 * once; pieces reuse their buffers.
 */

typedef struct {
    ngx_http_llm_ctx_t           base;
    ngx_http_llm_mock_t         *mock;
    ngx_http_llm_mock_answer_t  *answer;
    size_t                       sent;
    size_t                       stop;          /* where it ends or fails */
    ngx_uint_t                   next;          /* piece */
    ngx_chain_t                 *free;
    ngx_chain_t                 *busy;
    ngx_http_llm_mock_fail_e     fail;
    unsigned                     started:1;
} ngx_http_llm_mock_ctx_t;


/* an answer that is being composed */

typedef struct {
    ngx_http_llm_mock_t         *mock;
    ngx_http_llm_mock_answer_t  *answer;
    ngx_pool_t                  *pool;
    ngx_llm_writer_t             writer;
    ngx_llm_out_t                out;
    ngx_llm_usage_t              usage;
    ngx_str_t                    model;         /* escaped */
    ngx_str_t                    text;          /* escaped */
    ngx_str_t                    tool;          /* escaped; empty: none */
    ngx_llm_finish_e             finish;
    unsigned                     failed:1;
} ngx_http_llm_mock_compose_t;


typedef enum {
    NGX_HTTP_LLM_MOCK_TEXT = 0,
    NGX_HTTP_LLM_MOCK_VALUE,
    NGX_HTTP_LLM_MOCK_NUMBER,
    NGX_HTTP_LLM_MOCK_TIME,
    NGX_HTTP_LLM_MOCK_SIZE,
    NGX_HTTP_LLM_MOCK_FLAG,
    NGX_HTTP_LLM_MOCK_FINISH,
    NGX_HTTP_LLM_MOCK_FAIL
} ngx_http_llm_mock_kind_e;


typedef struct {
    ngx_str_t                   name;
    ngx_http_llm_mock_kind_e    kind;
    size_t                      offset;         /* in ngx_http_llm_mock_t */
    ngx_int_t                   min;
} ngx_http_llm_mock_option_t;


static ngx_int_t ngx_http_llm_mock_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_mock_refuse(ngx_http_request_t *r,
    ngx_http_llm_mock_t *mock, ngx_llm_error_t *err);
static void ngx_http_llm_mock_body_handler(ngx_http_request_t *r);
static ngx_http_llm_mock_answer_t *ngx_http_llm_mock_answer(
    ngx_http_llm_mock_t *mock, ngx_str_t *body, ngx_uint_t fails);
static void ngx_http_llm_mock_process(ngx_http_request_t *r,
    ngx_http_llm_mock_t *mock, ngx_str_t *body,
    ngx_http_llm_mock_answer_t *answer, ngx_uint_t fails);
static ngx_uint_t ngx_http_llm_mock_fails(ngx_http_llm_mock_t *mock);
static ngx_uint_t ngx_http_llm_mock_scan(ngx_str_t *body);
static u_char *ngx_http_llm_mock_scan_string(u_char *p, u_char *last);
static u_char *ngx_http_llm_mock_scan_space(u_char *p, u_char *last);
static ngx_int_t ngx_http_llm_mock_read(ngx_http_request_t *r,
    ngx_http_llm_mock_ctx_t *m, ngx_str_t *body, ngx_llm_error_t *err);

static void ngx_http_llm_mock_stop(ngx_http_llm_mock_ctx_t *m);
static void ngx_http_llm_mock_delay(ngx_http_request_t *r, ngx_msec_t time);
static void ngx_http_llm_mock_write_handler(ngx_http_request_t *r);
static void ngx_http_llm_mock_begin(ngx_http_request_t *r,
    ngx_http_llm_mock_ctx_t *m);
static void ngx_http_llm_mock_reset(ngx_http_request_t *r);
static void ngx_http_llm_mock_write(ngx_http_request_t *r,
    ngx_http_llm_mock_ctx_t *m);
static size_t ngx_http_llm_mock_piece(ngx_http_llm_mock_ctx_t *m);
static ngx_int_t ngx_http_llm_mock_send(ngx_http_request_t *r,
    ngx_http_llm_mock_ctx_t *m, size_t end);
static ngx_int_t ngx_http_llm_mock_send_header(ngx_http_request_t *r,
    ngx_http_llm_mock_t *mock, ngx_http_llm_mock_answer_t *answer,
    size_t length);
static ngx_int_t ngx_http_llm_mock_send_answer(ngx_http_request_t *r,
    ngx_http_llm_mock_t *mock, ngx_http_llm_mock_answer_t *answer);

static ngx_int_t ngx_http_llm_mock_compose(ngx_pool_t *pool,
    ngx_http_llm_mock_t *mock, ngx_llm_chat_t *chat, ngx_str_t *text,
    ngx_uint_t stream, ngx_http_llm_mock_answer_t *answer);
static void ngx_http_llm_mock_compose_tool(ngx_http_llm_mock_compose_t *c,
    ngx_llm_chat_t *chat);
static void ngx_http_llm_mock_compose_plain(ngx_http_llm_mock_compose_t *c);
static void ngx_http_llm_mock_compose_stream(ngx_http_llm_mock_compose_t *c);
static void ngx_http_llm_mock_compose_calls(ngx_http_llm_mock_compose_t *c);
static void ngx_http_llm_mock_compose_text(ngx_http_llm_mock_compose_t *c,
    ngx_llm_event_e type, ngx_str_t *text, ngx_int_t events);
static void ngx_http_llm_mock_event(ngx_http_llm_mock_compose_t *c,
    ngx_llm_event_t *ev);
static ngx_int_t ngx_http_llm_mock_pieces(ngx_http_llm_mock_t *mock,
    ngx_pool_t *pool, ngx_http_llm_mock_answer_t *answer);
static ngx_uint_t ngx_http_llm_mock_words(ngx_str_t *text);
static ngx_int_t ngx_http_llm_mock_escape(ngx_pool_t *pool, ngx_str_t *plain,
    ngx_str_t *escaped);
static ngx_int_t ngx_http_llm_mock_lorem(ngx_pool_t *pool, ngx_uint_t n,
    ngx_str_t *text);
static ngx_int_t ngx_http_llm_mock_echo(void *data, ngx_str_t *escaped);

static char *ngx_http_llm_mock_option(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock, ngx_str_t *word);
static char *ngx_http_llm_mock_value(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock, ngx_str_t *word, ngx_str_t *name,
    ngx_str_t *value);
static char *ngx_http_llm_mock_check(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock);
static ngx_int_t ngx_http_llm_mock_prepare(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock);
static ngx_int_t ngx_http_llm_mock_prepare_errors(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock);
static ngx_int_t ngx_http_llm_mock_prepare_models(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock);


static ngx_conf_enum_t  ngx_http_llm_mock_failures[] = {
    { ngx_string("close"), NGX_HTTP_LLM_MOCK_CLOSE },
    { ngx_string("reset"), NGX_HTTP_LLM_MOCK_RESET },
    { ngx_string("stall"), NGX_HTTP_LLM_MOCK_STALL },
    { ngx_string("cut"), NGX_HTTP_LLM_MOCK_CUT },
    { ngx_string("hang"), NGX_HTTP_LLM_MOCK_HANG },
    { ngx_string("end"), NGX_HTTP_LLM_MOCK_END },
    { ngx_string("error"), NGX_HTTP_LLM_MOCK_ERROR },
    { ngx_string("garbage"), NGX_HTTP_LLM_MOCK_GARBAGE },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_llm_mock_finishes[] = {
    { ngx_string("stop"), NGX_LLM_FINISH_STOP },
    { ngx_string("length"), NGX_LLM_FINISH_LENGTH },
    { ngx_string("content_filter"), NGX_LLM_FINISH_CONTENT_FILTER },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_llm_mock_flags[] = {
    { ngx_string("on"), 1 },
    { ngx_string("off"), 0 },
    { ngx_null_string, 0 }
};


static ngx_http_llm_mock_option_t  ngx_http_llm_mock_options[] = {

    { ngx_string("text"), NGX_HTTP_LLM_MOCK_VALUE,
      offsetof(ngx_http_llm_mock_t, text), 0 },

    { ngx_string("size"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, size), 0 },

    { ngx_string("events"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, events), 1 },

    { ngx_string("reasoning"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, reasoning), 0 },

    { ngx_string("tool"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, tool), 0 },

    { ngx_string("args"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, args), 0 },

    { ngx_string("calls"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, calls), 1 },

    { ngx_string("finish"), NGX_HTTP_LLM_MOCK_FINISH,
      offsetof(ngx_http_llm_mock_t, finish), 0 },

    { ngx_string("model"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, model), 0 },

    { ngx_string("usage"), NGX_HTTP_LLM_MOCK_FLAG,
      offsetof(ngx_http_llm_mock_t, usage), 0 },

    { ngx_string("prompt_tokens"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, prompt_tokens), 0 },

    { ngx_string("cached_tokens"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, cached_tokens), 0 },

    { ngx_string("delay"), NGX_HTTP_LLM_MOCK_TIME,
      offsetof(ngx_http_llm_mock_t, delay), 0 },

    { ngx_string("chunk_delay"), NGX_HTTP_LLM_MOCK_TIME,
      offsetof(ngx_http_llm_mock_t, chunk_delay), 0 },

    { ngx_string("chunk"), NGX_HTTP_LLM_MOCK_SIZE,
      offsetof(ngx_http_llm_mock_t, chunk), 1 },

    { ngx_string("pings"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, pings), 0 },

    { ngx_string("length"), NGX_HTTP_LLM_MOCK_FLAG,
      offsetof(ngx_http_llm_mock_t, length), 0 },

    { ngx_string("status"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, status), 400 },

    { ngx_string("message"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, message), 0 },

    { ngx_string("code"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, code), 0 },

    { ngx_string("retry_after"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, retry_after), 0 },

    { ngx_string("fail"), NGX_HTTP_LLM_MOCK_FAIL,
      offsetof(ngx_http_llm_mock_t, fail), 0 },

    { ngx_string("after"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, after), 0 },

    { ngx_string("times"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, times), 1 },

    { ngx_string("every"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, every), 1 },

    { ngx_null_string, NGX_HTTP_LLM_MOCK_TEXT, 0, 0 }
};


static ngx_str_t  ngx_http_llm_mock_lorem_words[] = {
    ngx_string("one"),
    ngx_string("two"),
    ngx_string("three"),
    ngx_string("four"),
    ngx_string("five"),
    ngx_string("six"),
    ngx_string("seven"),
    ngx_string("eight"),
    ngx_string("nine"),
    ngx_string("ten")
};


static ngx_str_t  ngx_http_llm_mock_id = ngx_string("mock");


static ngx_int_t
ngx_http_llm_mock_handler(ngx_http_request_t *r)
{
    size_t                    len;
    ngx_int_t                 rc;
    ngx_llm_error_t           err;
    ngx_http_llm_mock_t      *mock;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    mock = llcf->mock;

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {

        len = sizeof("/models") - 1;

        if (r->uri.len >= len
            && ngx_strncmp(r->uri.data + r->uri.len - len, "/models", len)
               == 0)
        {
            rc = ngx_http_discard_request_body(r);

            if (rc != NGX_OK) {
                return rc;
            }

            return ngx_http_llm_mock_send_answer(r, mock, &mock->models);
        }

        ngx_http_llm_error_fill(r->pool, &err, NGX_HTTP_NOT_FOUND);

        return ngx_http_llm_mock_refuse(r, mock, &err);
    }

    if (r->method != NGX_HTTP_POST) {
        ngx_http_llm_error_fill(r->pool, &err, NGX_HTTP_NOT_ALLOWED);

        return ngx_http_llm_mock_refuse(r, mock, &err);
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_llm_mock_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


/* what ngx_http_finalize_request() takes */

static ngx_int_t
ngx_http_llm_mock_refuse(ngx_http_request_t *r, ngx_http_llm_mock_t *mock,
    ngx_llm_error_t *err)
{
    ngx_int_t                   rc;
    ngx_llm_out_t               out;
    ngx_http_llm_mock_answer_t  answer;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&answer, sizeof(ngx_http_llm_mock_answer_t));
    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);

    mock->dialect->write_error(err, &out);

    if (out.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    answer.status = err->status;
    answer.text.data = out.start;
    answer.text.len = ngx_llm_out_len(&out);

    return ngx_http_llm_mock_send_answer(r, mock, &answer);
}


static void
ngx_http_llm_mock_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_str_t                    body;
    ngx_uint_t                   fails;
    ngx_http_llm_mock_t         *mock;
    ngx_http_llm_loc_conf_t     *llcf;
    ngx_http_llm_mock_answer_t  *answer;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    mock = llcf->mock;

    if (ngx_http_llm_body_collect(r, &body) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    fails = ngx_http_llm_mock_fails(mock);
    answer = ngx_http_llm_mock_answer(mock, &body, fails);

    if (answer
        && mock->delay == 0
        && mock->chunk_delay == 0
        && !(fails && mock->fail))
    {
        rc = ngx_http_llm_mock_send_answer(r, mock, answer);
        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_llm_mock_process(r, mock, &body, answer, fails);
}


/* the answer that was made while the configuration was read, or NULL */

static ngx_http_llm_mock_answer_t *
ngx_http_llm_mock_answer(ngx_http_llm_mock_t *mock, ngx_str_t *body,
    ngx_uint_t fails)
{
    ngx_uint_t  found;

    if (fails && mock->status != NGX_CONF_UNSET) {
        return &mock->error;
    }

    if (fails && mock->fail == NGX_HTTP_LLM_MOCK_GARBAGE) {
        return &mock->garbage;
    }

    if (!mock->constant) {
        return NULL;
    }

    found = ngx_http_llm_mock_scan(body);

    if (!(found & NGX_HTTP_LLM_MOCK_STREAM)) {
        return &mock->plain;
    }

    return (found & NGX_HTTP_LLM_MOCK_USAGE) ? &mock->stream_usage
                                             : &mock->stream;
}


static void
ngx_http_llm_mock_process(ngx_http_request_t *r, ngx_http_llm_mock_t *mock,
    ngx_str_t *body, ngx_http_llm_mock_answer_t *answer, ngx_uint_t fails)
{
    ngx_int_t                 rc;
    ngx_llm_error_t           err;
    ngx_http_llm_mock_ctx_t  *m;

    m = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_mock_ctx_t));
    if (m == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    m->mock = mock;
    m->answer = answer;
    m->fail = fails ? mock->fail : NGX_HTTP_LLM_MOCK_NONE;
    m->base.request = r;
    m->base.dialect = mock->dialect;
    m->base.estimate = -1;

    ngx_http_set_ctx(r, &m->base, ngx_http_llm_module);

    if (answer == NULL) {
        rc = ngx_http_llm_mock_read(r, m, body, &err);

        if (rc == NGX_DECLINED) {
            rc = ngx_http_llm_mock_refuse(r, mock, &err);
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    if (m->fail == NGX_HTTP_LLM_MOCK_ERROR && !m->answer->stream) {
        m->answer = &mock->error;
        m->fail = NGX_HTTP_LLM_MOCK_NONE;
    }

    ngx_http_llm_mock_stop(m);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_llm_mock_write_handler;

    if (mock->delay) {
        ngx_http_llm_mock_delay(r, mock->delay);
        return;
    }

    ngx_http_llm_mock_begin(r, m);
}


static ngx_uint_t
ngx_http_llm_mock_fails(ngx_http_llm_mock_t *mock)
{
    if (mock->status == NGX_CONF_UNSET && mock->fail == 0) {
        return 0;
    }

    mock->count++;

    if (mock->times != NGX_CONF_UNSET
        && mock->count > (ngx_uint_t) mock->times)
    {
        return 0;
    }

    return mock->every == NGX_CONF_UNSET
           || mock->count % (ngx_uint_t) mock->every == 0;
}


/*
 * Looks for "stream": true, and "include_usage": true in "stream_options", on
 * their own levels, in a text that is taken to be JSON.
 */

static ngx_uint_t
ngx_http_llm_mock_scan(ngx_str_t *body)
{
    u_char      *p, *last, *end;
    ngx_str_t    key;
    ngx_uint_t   depth, options, found;

    depth = 0;
    options = 0;
    found = 0;

    p = body->data;
    last = p + body->len;

    while (p < last) {

        switch (*p++) {

        case '{':
        case '[':
            depth++;
            continue;

        case '}':
        case ']':
            depth--;

            if (depth == 1) {
                options = 0;
            }

            continue;

        case '"':
            break;

        default:
            continue;
        }

        end = ngx_http_llm_mock_scan_string(p, last);

        if (end == NULL) {
            return found;
        }

        key.data = p;
        key.len = end - p;

        p = end + 1;

        if (depth != 1 && (depth != 2 || !options)) {
            continue;
        }

        end = ngx_http_llm_mock_scan_space(p, last);

        if (end == last || *end != ':') {
            continue;
        }

        end = ngx_http_llm_mock_scan_space(end + 1, last);

        if (end == last) {
            return found;
        }

        p = end;

        if (depth == 2) {
            if (*p == 't' && key.len == sizeof("include_usage") - 1
                && ngx_strncmp(key.data, "include_usage", key.len) == 0)
            {
                found |= NGX_HTTP_LLM_MOCK_USAGE;
            }

            continue;
        }

        if (*p == 't' && key.len == sizeof("stream") - 1
            && ngx_strncmp(key.data, "stream", key.len) == 0)
        {
            found |= NGX_HTTP_LLM_MOCK_STREAM;

        } else if (*p == '{' && key.len == sizeof("stream_options") - 1
                   && ngx_strncmp(key.data, "stream_options", key.len) == 0)
        {
            options = 1;
        }
    }

    return found;
}


/* the quote that ends a string, or NULL */

static u_char *
ngx_http_llm_mock_scan_string(u_char *p, u_char *last)
{
    u_char  *quote, *back;

    for ( ;; ) {
        quote = ngx_strlchr(p, last, '"');

        if (quote == NULL) {
            return NULL;
        }

        for (back = quote; back > p && back[-1] == '\\'; back--) {
            /* void */
        }

        if (((quote - back) & 1) == 0) {
            return quote;
        }

        p = quote + 1;
    }
}


static u_char *
ngx_http_llm_mock_scan_space(u_char *p, u_char *last)
{
    while (p < last
           && (*p == ' ' || *p == '\t' || *p == CR || *p == LF))
    {
        p++;
    }

    return p;
}


/* composes the answer; NGX_DECLINED with err filled: a bad request */

static ngx_int_t
ngx_http_llm_mock_read(ngx_http_request_t *r, ngx_http_llm_mock_ctx_t *m,
    ngx_str_t *body, ngx_llm_error_t *err)
{
    ngx_int_t             rc;
    ngx_str_t             text, plain;
    ngx_llm_out_t         out;
    ngx_llm_chat_t       *chat;
    ngx_http_llm_mock_t  *mock;

    mock = m->mock;
    chat = &m->base.chat;

    ngx_llm_chat_init(chat, r->pool, body);

    rc = mock->dialect->read_request(chat, err);

    if (rc != NGX_OK) {
        return rc;
    }

    m->base.chat_read = 1;

    if (mock->text) {
        if (ngx_http_complex_value(r, mock->text, &plain) != NGX_OK
            || ngx_http_llm_mock_escape(r->pool, &plain, &text) != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (mock->size != NGX_CONF_UNSET) {
        if (ngx_http_llm_mock_lorem(r->pool, mock->size, &text) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);
        ngx_llm_out_lit(&out, "echo:");

        (void) ngx_llm_chat_prompt(chat, 1, ngx_http_llm_mock_echo, &out);

        if (out.failed) {
            return NGX_ERROR;
        }

        text.data = out.start;
        text.len = ngx_llm_out_len(&out);
    }

    m->answer = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_mock_answer_t));
    if (m->answer == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_llm_mock_compose(r->pool, mock, chat, &text, chat->stream,
                                     m->answer);
}


/* how much of the answer is sent */

static void
ngx_http_llm_mock_stop(ngx_http_llm_mock_ctx_t *m)
{
    size_t      *ends;
    ngx_uint_t   after, n;

    m->stop = m->answer->text.len;

    switch (m->fail) {

    case NGX_HTTP_LLM_MOCK_CUT:
    case NGX_HTTP_LLM_MOCK_HANG:
    case NGX_HTTP_LLM_MOCK_END:
    case NGX_HTTP_LLM_MOCK_ERROR:
        break;

    default:
        return;
    }

    after = (m->mock->after == NGX_CONF_UNSET) ? 2 : m->mock->after;

    if (after == 0) {
        m->stop = 0;
        return;
    }

    ends = m->answer->ends.elts;
    n = m->answer->ends.nelts;

    if (n > 1) {
        m->stop = ends[ngx_min(after, n) - 1];
        return;
    }

    m->stop /= 2;
}


static void
ngx_http_llm_mock_delay(ngx_http_request_t *r, ngx_msec_t time)
{
    ngx_event_t  *wev;

    wev = r->connection->write;

    wev->delayed = 1;
    ngx_add_timer(wev, time);
}


static void
ngx_http_llm_mock_write_handler(ngx_http_request_t *r)
{
    ngx_event_t              *wev;
    ngx_http_llm_mock_ctx_t  *m;

    m = (ngx_http_llm_mock_ctx_t *)
                         ngx_http_get_module_ctx(r, ngx_http_llm_module);

    wev = r->connection->write;

    if (wev->delayed) {
        if (ngx_handle_write_event(wev, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }

        return;
    }

    if (wev->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!m->started) {
        ngx_http_llm_mock_begin(r, m);
        return;
    }

    ngx_http_llm_mock_write(r, m);
}


static void
ngx_http_llm_mock_begin(ngx_http_request_t *r, ngx_http_llm_mock_ctx_t *m)
{
    size_t     length;
    ngx_int_t  rc;

    m->started = 1;

    switch (m->fail) {

    case NGX_HTTP_LLM_MOCK_RESET:
        ngx_http_llm_mock_reset(r);

        /* fall through */

    case NGX_HTTP_LLM_MOCK_CLOSE:
        ngx_http_finalize_request(r, NGX_HTTP_CLOSE);
        return;

    case NGX_HTTP_LLM_MOCK_STALL:
        r->write_event_handler = ngx_http_request_empty_handler;
        return;

    default:
        break;
    }

    length = (m->fail == NGX_HTTP_LLM_MOCK_END) ? m->stop
                                                : m->answer->text.len;

    rc = ngx_http_llm_mock_send_header(r, m->mock, m->answer, length);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_llm_mock_write(r, m);
}


/* the close that follows drops the connection */

static void
ngx_http_llm_mock_reset(ngx_http_request_t *r)
{
    struct linger  linger;

    linger.l_onoff = 1;
    linger.l_linger = 0;

    if (setsockopt(r->connection->fd, SOL_SOCKET, SO_LINGER,
                   (const void *) &linger, sizeof(struct linger))
        == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, ngx_socket_errno,
                      "setsockopt(SO_LINGER) failed");
    }
}


static void
ngx_http_llm_mock_write(ngx_http_request_t *r, ngx_http_llm_mock_ctx_t *m)
{
    ngx_int_t                  rc;
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;

    if (r->connection->buffered || r->buffered) {
        rc = ngx_http_llm_mock_send(r, m, m->sent);

    } else {
        rc = NGX_OK;
    }

    for ( ;; ) {

        if (rc == NGX_ERROR || rc > NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }

        if (rc == NGX_AGAIN) {
            clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

            if (!wev->delayed) {
                ngx_add_timer(wev, clcf->send_timeout);
            }

            if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
                ngx_http_finalize_request(r, NGX_ERROR);
            }

            return;
        }

        if (wev->timer_set && !wev->delayed) {
            ngx_del_timer(wev);
        }

        if (m->sent == m->stop) {
            break;
        }

        rc = ngx_http_llm_mock_send(r, m, ngx_http_llm_mock_piece(m));

        if (rc == NGX_OK && m->sent < m->stop && m->mock->chunk_delay) {
            ngx_http_llm_mock_delay(r, m->mock->chunk_delay);
            return;
        }
    }

    if (m->stop == 0) {

        /* the header alone */

        (void) ngx_http_send_special(r, NGX_HTTP_FLUSH);
    }

    switch (m->fail) {

    case NGX_HTTP_LLM_MOCK_CUT:
        ngx_http_finalize_request(r, NGX_ERROR);
        return;

    case NGX_HTTP_LLM_MOCK_HANG:
        r->write_event_handler = ngx_http_request_empty_handler;
        return;

    case NGX_HTTP_LLM_MOCK_ERROR:
        m->fail = NGX_HTTP_LLM_MOCK_NONE;
        m->answer = &m->mock->stream_error;
        m->sent = 0;
        m->next = 0;
        m->stop = m->answer->text.len;

        ngx_http_llm_mock_write(r, m);
        return;

    default:
        ngx_http_finalize_request(r, ngx_http_send_special(r, NGX_HTTP_LAST));
    }
}


/* where the next piece ends */

static size_t
ngx_http_llm_mock_piece(ngx_http_llm_mock_ctx_t *m)
{
    size_t  *ends, end;

    if (m->mock->chunk_delay == 0 && m->mock->chunk == 0) {
        return m->stop;
    }

    ends = m->answer->ends.elts;

    if (m->next == m->answer->ends.nelts) {
        return m->stop;
    }

    end = ends[m->next++];

    return ngx_min(end, m->stop);
}


static ngx_int_t
ngx_http_llm_mock_send(ngx_http_request_t *r, ngx_http_llm_mock_ctx_t *m,
    size_t end)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = NULL;

    if (end > m->sent) {
        cl = ngx_chain_get_free_buf(r->pool, &m->free);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        b = cl->buf;

        b->tag = (ngx_buf_tag_t) &ngx_http_llm_mock_handler;
        b->memory = 1;
        b->flush = 1;
        b->pos = m->answer->text.data + m->sent;
        b->last = m->answer->text.data + end;

        m->sent = end;
    }

    rc = ngx_http_output_filter(r, cl);

    ngx_chain_update_chains(r->pool, &m->free, &m->busy, &cl,
                            (ngx_buf_tag_t) &ngx_http_llm_mock_handler);

    return rc;
}


static ngx_int_t
ngx_http_llm_mock_send_header(ngx_http_request_t *r,
    ngx_http_llm_mock_t *mock, ngx_http_llm_mock_answer_t *answer,
    size_t length)
{
    u_char     *p;
    ngx_str_t   value;

    r->headers_out.status = answer->status;

    if (answer->stream) {
        ngx_str_set(&r->headers_out.content_type, "text/event-stream");

    } else if (answer->html) {
        ngx_str_set(&r->headers_out.content_type, "text/html");

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/json");
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (!answer->stream && mock->length) {
        r->headers_out.content_length_n = length;
    }

    if (answer == &mock->error && mock->retry_after != NGX_CONF_UNSET) {
        p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;
        value.len = ngx_sprintf(p, "%i", mock->retry_after) - p;

        if (ngx_http_llm_add_header(r, "retry-after", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_send_header(r);
}


/* a whole answer, at once */

static ngx_int_t
ngx_http_llm_mock_send_answer(ngx_http_request_t *r,
    ngx_http_llm_mock_t *mock, ngx_http_llm_mock_answer_t *answer)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;

    rc = ngx_http_llm_mock_send_header(r, mock, answer, answer->text.len);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = answer->text.data;
    b->last = answer->text.data + answer->text.len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* text: escaped */

static ngx_int_t
ngx_http_llm_mock_compose(ngx_pool_t *pool, ngx_http_llm_mock_t *mock,
    ngx_llm_chat_t *chat, ngx_str_t *text, ngx_uint_t stream,
    ngx_http_llm_mock_answer_t *answer)
{
    ngx_http_llm_mock_compose_t  c;

    ngx_memzero(&c, sizeof(ngx_http_llm_mock_compose_t));

    c.mock = mock;
    c.answer = answer;
    c.pool = pool;
    c.text = *text;
    c.finish = mock->finish;

    if (mock->model.len) {
        chat->model = mock->model;
    }

    if (ngx_http_llm_mock_escape(pool, &chat->model, &c.model) != NGX_OK
        || ngx_llm_writer_init(&c.writer, mock->dialect, pool, chat,
                               &ngx_http_llm_mock_id,
                               NGX_HTTP_LLM_MOCK_CREATED)
           != NGX_OK
        || ngx_array_init(&answer->ends, pool, 4, sizeof(size_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llm_mock_compose_tool(&c, chat);

    ngx_llm_usage_init(&c.usage);

    if (mock->usage) {
        c.usage.prompt = (mock->prompt_tokens != NGX_CONF_UNSET)
                         ? mock->prompt_tokens
                         : mock->constant ? 10 : ngx_llm_chat_estimate(chat);
        c.usage.completion = ngx_http_llm_mock_words(&mock->reasoning);
        c.usage.reasoning = c.usage.completion;
        c.usage.completion += c.tool.len
                              ? mock->calls
                              : (int64_t) ngx_http_llm_mock_words(text);
        c.usage.cached = mock->cached_tokens;
        c.usage.reported = 1;
    }

    answer->status = NGX_HTTP_OK;
    answer->stream = stream;

    ngx_llm_out_init(&c.out, pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);

    if (stream) {
        ngx_http_llm_mock_compose_stream(&c);

    } else {
        ngx_http_llm_mock_compose_plain(&c);
    }

    if (c.failed || c.out.failed) {
        return NGX_ERROR;
    }

    answer->text.data = c.out.start;
    answer->text.len = ngx_llm_out_len(&c.out);

    return ngx_http_llm_mock_pieces(mock, pool, answer);
}


/* a call only where the conversation waits for one */

static void
ngx_http_llm_mock_compose_tool(ngx_http_llm_mock_compose_t *c,
    ngx_llm_chat_t *chat)
{
    ngx_llm_message_t  *message;

    if (c->mock->tool.len == 0 || chat->tools == NULL) {
        return;
    }

    for (message = chat->messages; message; message = message->next) {
        if (message->next == NULL && message->role == NGX_LLM_ROLE_TOOL) {
            return;
        }
    }

    if (c->mock->tool.len == 1 && c->mock->tool.data[0] == '*') {
        c->tool = chat->tools->name;

    } else if (ngx_http_llm_mock_escape(c->pool, &c->mock->tool, &c->tool)
               != NGX_OK)
    {
        c->failed = 1;
    }

    c->finish = NGX_LLM_FINISH_TOOL_CALLS;
}


static void
ngx_http_llm_mock_compose_plain(ngx_http_llm_mock_compose_t *c)
{
    u_char               *p;
    ngx_int_t             i;
    ngx_llm_part_t       *part;
    ngx_llm_choice_t     *choice;
    ngx_llm_response_t    res;

    if (ngx_llm_response_init(&res, c->pool) != NGX_OK) {
        c->failed = 1;
        return;
    }

    choice = ngx_array_push(&res.choices);
    if (choice == NULL) {
        c->failed = 1;
        return;
    }

    ngx_memzero(choice, sizeof(ngx_llm_choice_t));

    res.id = ngx_http_llm_mock_id;
    res.model = c->model;
    res.usage = c->usage;

    choice->finish = c->finish;

    if (c->mock->reasoning.len) {
        part = ngx_llm_chat_add_part(c->pool, &choice->parts,
                                     NGX_LLM_PART_REASONING);
        if (part == NULL) {
            c->failed = 1;
            return;
        }

        part->text = c->mock->reasoning;
    }

    if (c->tool.len == 0) {
        part = ngx_llm_chat_add_part(c->pool, &choice->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            c->failed = 1;
            return;
        }

        part->text = c->text;
    }

    for (i = 0; c->tool.len && i < c->mock->calls; i++) {
        part = ngx_llm_chat_add_part(c->pool, &choice->parts,
                                     NGX_LLM_PART_TOOL_CALL);
        if (part == NULL) {
            c->failed = 1;
            return;
        }

        p = ngx_pnalloc(c->pool, sizeof("call_") - 1 + NGX_INT_T_LEN);
        if (p == NULL) {
            c->failed = 1;
            return;
        }

        part->id.data = p;
        part->id.len = ngx_sprintf(p, "call_%i", i + 1) - p;
        part->name = c->tool;
        part->input = c->mock->args;
    }

    c->writer.dialect->write_response(&c->writer, &res, &c->out);
}


static void
ngx_http_llm_mock_compose_stream(ngx_http_llm_mock_compose_t *c)
{
    ngx_int_t        i;
    ngx_llm_event_t  ev;
    ngx_llm_usage_t  usage;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    if (c->mock->usage) {

        /* what an API that counts twice says first */

        usage = c->usage;
        usage.completion = 1;
        usage.reasoning = -1;

        ev.type = NGX_LLM_EVENT_USAGE;
        ev.usage = &usage;
        ngx_http_llm_mock_event(c, &ev);
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));
    ev.type = NGX_LLM_EVENT_START;
    ev.id = ngx_http_llm_mock_id;
    ev.model = c->model;
    ngx_http_llm_mock_event(c, &ev);

    for (i = 0; i < c->mock->pings; i++) {
        ngx_memzero(&ev, sizeof(ngx_llm_event_t));
        ev.type = NGX_LLM_EVENT_PING;
        ngx_http_llm_mock_event(c, &ev);
    }

    if (c->mock->reasoning.len) {
        ngx_http_llm_mock_compose_text(c, NGX_LLM_EVENT_REASONING,
                                       &c->mock->reasoning, 0);
    }

    if (c->tool.len) {
        ngx_http_llm_mock_compose_calls(c);

    } else {
        ngx_http_llm_mock_compose_text(c, NGX_LLM_EVENT_TEXT, &c->text,
                                       c->mock->events);
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));
    ev.type = NGX_LLM_EVENT_FINISH;
    ev.finish = c->finish;
    ngx_http_llm_mock_event(c, &ev);

    if (c->mock->usage) {
        ngx_memzero(&ev, sizeof(ngx_llm_event_t));
        ev.type = NGX_LLM_EVENT_USAGE;
        ev.usage = &c->usage;
        ngx_http_llm_mock_event(c, &ev);
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));
    ev.type = NGX_LLM_EVENT_DONE;
    ngx_http_llm_mock_event(c, &ev);
}


/* arguments come in two fragments, the first is one byte */

static void
ngx_http_llm_mock_compose_calls(ngx_http_llm_mock_compose_t *c)
{
    ngx_int_t        i;
    ngx_str_t        args;
    ngx_llm_event_t  ev;
    u_char           id[sizeof("call_") - 1 + NGX_INT_T_LEN];

    if (ngx_http_llm_mock_escape(c->pool, &c->mock->args, &args) != NGX_OK) {
        c->failed = 1;
        return;
    }

    for (i = 0; i < c->mock->calls; i++) {
        ngx_memzero(&ev, sizeof(ngx_llm_event_t));

        ev.type = NGX_LLM_EVENT_TOOL_START;
        ev.tool = i;
        ev.id.data = id;
        ev.id.len = ngx_sprintf(id, "call_%i", i + 1) - id;
        ev.name = c->tool;
        ngx_http_llm_mock_event(c, &ev);

        ngx_memzero(&ev, sizeof(ngx_llm_event_t));

        ev.type = NGX_LLM_EVENT_TOOL_ARGS;
        ev.tool = i;
        ev.text.data = args.data;
        ev.text.len = 1;
        ngx_http_llm_mock_event(c, &ev);

        ev.text.data = args.data + 1;
        ev.text.len = args.len - 1;
        ngx_http_llm_mock_event(c, &ev);

        ev.type = NGX_LLM_EVENT_TOOL_END;
        ngx_str_null(&ev.text);
        ngx_http_llm_mock_event(c, &ev);
    }
}


/* the words of a text in at most so many events, 0: one a word */

static void
ngx_http_llm_mock_compose_text(ngx_http_llm_mock_compose_t *c,
    ngx_llm_event_e type, ngx_str_t *text, ngx_int_t events)
{
    u_char           *p, *last;
    ngx_uint_t        words, group;
    ngx_llm_event_t   ev;

    group = 1;

    if (events > 0) {
        words = ngx_http_llm_mock_words(text);
        group = (words + events - 1) / events;
        group = ngx_max(group, 1);
    }

    p = text->data;
    last = p + text->len;

    while (p < last) {
        ngx_memzero(&ev, sizeof(ngx_llm_event_t));

        ev.type = type;
        ev.text.data = p;

        for (words = 0; words < group && p < last; words++) {

            while (p < last && *p == ' ') {
                p++;
            }

            while (p < last && *p != ' ') {
                p++;
            }
        }

        ev.text.len = p - ev.text.data;

        ngx_http_llm_mock_event(c, &ev);
    }
}


static void
ngx_http_llm_mock_event(ngx_http_llm_mock_compose_t *c, ngx_llm_event_t *ev)
{
    size_t  *end, len;

    len = ngx_llm_out_len(&c->out);

    c->writer.dialect->write_event(&c->writer, ev, &c->out);

    if (ngx_llm_out_len(&c->out) == len) {
        return;
    }

    end = ngx_array_push(&c->answer->ends);
    if (end == NULL) {
        c->failed = 1;
        return;
    }

    *end = ngx_llm_out_len(&c->out);
}


/* pieces of so many bytes, whatever they are */

static ngx_int_t
ngx_http_llm_mock_pieces(ngx_http_llm_mock_t *mock, ngx_pool_t *pool,
    ngx_http_llm_mock_answer_t *answer)
{
    size_t  *end, len;

    if (mock->chunk == 0) {
        return NGX_OK;
    }

    if (ngx_array_init(&answer->ends, pool,
                       answer->text.len / mock->chunk + 1, sizeof(size_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (len = 0; len < answer->text.len; /* void */) {

        end = ngx_array_push(&answer->ends);
        if (end == NULL) {
            return NGX_ERROR;
        }

        len = ngx_min(len + mock->chunk, answer->text.len);
        *end = len;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_mock_words(ngx_str_t *text)
{
    size_t      i;
    ngx_uint_t  n;

    n = 0;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] != ' ' && (i == 0 || text->data[i - 1] == ' ')) {
            n++;
        }
    }

    return n;
}


static ngx_int_t
ngx_http_llm_mock_escape(ngx_pool_t *pool, ngx_str_t *plain,
    ngx_str_t *escaped)
{
    ngx_llm_out_t  out;

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);
    ngx_llm_out_escape(&out, plain);

    if (out.failed) {
        return NGX_ERROR;
    }

    if (out.start == NULL) {
        ngx_str_set(escaped, "");
        return NGX_OK;
    }

    escaped->data = out.start;
    escaped->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_mock_lorem(ngx_pool_t *pool, ngx_uint_t n, ngx_str_t *text)
{
    ngx_uint_t      i;
    ngx_llm_out_t   out;

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);

    for (i = 0; i < n; i++) {
        if (i) {
            ngx_llm_out_char(&out, ' ');
        }

        ngx_llm_out_str(&out, &ngx_http_llm_mock_lorem_words[i % 10]);
    }

    if (out.failed) {
        return NGX_ERROR;
    }

    ngx_str_set(text, "");

    if (out.start) {
        text->data = out.start;
        text->len = ngx_llm_out_len(&out);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_mock_echo(void *data, ngx_str_t *escaped)
{
    ngx_llm_out_t  *out = data;

    ngx_llm_out_char(out, ' ');
    ngx_llm_out_str(out, escaped);

    return out->failed ? NGX_ERROR : NGX_OK;
}


char *
ngx_http_llm_mock(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *llcf = conf;

    char                      *rv;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_llm_mock_t       *mock;
    ngx_http_core_loc_conf_t  *clcf;

    if (llcf->mock) {
        return "is duplicate";
    }

    value = cf->args->elts;

    mock = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_mock_t));
    if (mock == NULL) {
        return NGX_CONF_ERROR;
    }

    mock->dialect = ngx_llm_dialect_find(&value[1]);

    if (mock->dialect == NULL || mock->dialect->read_request == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown dialect \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    mock->size = NGX_CONF_UNSET;
    mock->events = NGX_CONF_UNSET;
    mock->calls = NGX_CONF_UNSET;
    mock->usage = NGX_CONF_UNSET;
    mock->prompt_tokens = NGX_CONF_UNSET;
    mock->cached_tokens = NGX_CONF_UNSET;
    mock->delay = NGX_CONF_UNSET_MSEC;
    mock->chunk_delay = NGX_CONF_UNSET_MSEC;
    mock->pings = NGX_CONF_UNSET;
    mock->length = NGX_CONF_UNSET;
    mock->status = NGX_CONF_UNSET;
    mock->retry_after = NGX_CONF_UNSET;
    mock->after = NGX_CONF_UNSET;
    mock->times = NGX_CONF_UNSET;
    mock->every = NGX_CONF_UNSET;

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_llm_mock_option(cf, mock, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    rv = ngx_http_llm_mock_check(cf, mock);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_http_llm_mock_prepare(cf, mock) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    llcf->mock = mock;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_llm_mock_handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_mock_option(ngx_conf_t *cf, ngx_http_llm_mock_t *mock,
    ngx_str_t *word)
{
    u_char     *p;
    ngx_str_t   name, value;

    p = ngx_strlchr(word->data, word->data + word->len, '=');

    if (p == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", name=value is expected",
                           word);
        return NGX_CONF_ERROR;
    }

    name.data = word->data;
    name.len = p - word->data;

    value.data = p + 1;
    value.len = word->data + word->len - value.data;

    return ngx_http_llm_mock_value(cf, mock, word, &name, &value);
}


static char *
ngx_http_llm_mock_value(ngx_conf_t *cf, ngx_http_llm_mock_t *mock,
    ngx_str_t *word, ngx_str_t *name, ngx_str_t *value)
{
    void                              *field;
    ssize_t                            size;
    ngx_int_t                          n;
    ngx_conf_enum_t                   *e;
    ngx_http_complex_value_t         **cv;
    ngx_http_llm_mock_option_t        *option;
    ngx_http_compile_complex_value_t   ccv;

    for (option = ngx_http_llm_mock_options; option->name.len; option++) {
        if (option->name.len == name->len
            && ngx_strncmp(option->name.data, name->data, name->len) == 0)
        {
            break;
        }
    }

    if (option->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           word);
        return NGX_CONF_ERROR;
    }

    field = (u_char *) mock + option->offset;
    e = NULL;

    switch (option->kind) {

    case NGX_HTTP_LLM_MOCK_TEXT:
        *(ngx_str_t *) field = *value;
        return NGX_CONF_OK;

    case NGX_HTTP_LLM_MOCK_VALUE:
        cv = field;

        *cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
        if (*cv == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

        ccv.cf = cf;
        ccv.value = value;
        ccv.complex_value = *cv;

        return ngx_http_compile_complex_value(&ccv) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;

    case NGX_HTTP_LLM_MOCK_NUMBER:
        n = ngx_atoi(value->data, value->len);

        if (n == NGX_ERROR || n < option->min
            || n > NGX_HTTP_LLM_MOCK_COUNT)
        {
            break;
        }

        *(ngx_int_t *) field = n;
        return NGX_CONF_OK;

    case NGX_HTTP_LLM_MOCK_TIME:
        n = ngx_parse_time(value, 0);

        if (n == NGX_ERROR) {
            break;
        }

        *(ngx_msec_t *) field = n;
        return NGX_CONF_OK;

    case NGX_HTTP_LLM_MOCK_SIZE:
        size = ngx_parse_size(value);

        if (size == NGX_ERROR || size < option->min) {
            break;
        }

        *(size_t *) field = size;
        return NGX_CONF_OK;

    case NGX_HTTP_LLM_MOCK_FLAG:
        e = ngx_http_llm_mock_flags;
        break;

    case NGX_HTTP_LLM_MOCK_FINISH:
        e = ngx_http_llm_mock_finishes;
        break;

    case NGX_HTTP_LLM_MOCK_FAIL:
        e = ngx_http_llm_mock_failures;
        break;
    }

    for ( /* void */ ; e && e->name.len; e++) {

        if (e->name.len != value->len
            || ngx_strncmp(e->name.data, value->data, value->len) != 0)
        {
            continue;
        }

        if (option->kind == NGX_HTTP_LLM_MOCK_FLAG) {
            *(ngx_flag_t *) field = e->value;

        } else if (option->kind == NGX_HTTP_LLM_MOCK_FINISH) {
            *(ngx_llm_finish_e *) field = e->value;

        } else {
            *(ngx_http_llm_mock_fail_e *) field = e->value;
        }

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value in \"%V\"", word);

    return NGX_CONF_ERROR;
}


/* defaults, and what does not go together */

static char *
ngx_http_llm_mock_check(ngx_conf_t *cf, ngx_http_llm_mock_t *mock)
{
    ngx_str_t        reasoning;
    ngx_llm_json_t  *node;

    if (mock->text && mock->size != NGX_CONF_UNSET) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"text\" and \"size\" exclude each other");
        return NGX_CONF_ERROR;
    }

    if (mock->status != NGX_CONF_UNSET && mock->fail) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"status\" and \"fail\" exclude each other");
        return NGX_CONF_ERROR;
    }

    if (mock->status != NGX_CONF_UNSET && mock->status > 599) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value in \"status=%i\"", mock->status);
        return NGX_CONF_ERROR;
    }

    if (mock->status == NGX_CONF_UNSET && mock->fail == 0
        && (mock->times != NGX_CONF_UNSET || mock->every != NGX_CONF_UNSET))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"times\" and \"every\" need \"status\" or "
                           "\"fail\"");
        return NGX_CONF_ERROR;
    }

    if (mock->args.data == NULL) {
        ngx_str_set(&mock->args, "{}");
    }

    node = ngx_llm_json_parse(cf->temp_pool, &mock->args, NULL);

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"args\" is no JSON object: \"%V\"", &mock->args);
        return NGX_CONF_ERROR;
    }

    mock->args = node->raw;

    if (mock->text == NULL && mock->size == NGX_CONF_UNSET
        && mock->events != NGX_CONF_UNSET)
    {
        mock->size = mock->events;
    }

    reasoning = mock->reasoning;

    if (ngx_http_llm_mock_escape(cf->pool, &reasoning, &mock->reasoning)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (mock->finish == NGX_LLM_FINISH_NONE) {
        mock->finish = NGX_LLM_FINISH_STOP;
    }

    ngx_conf_init_value(mock->calls, 1);
    ngx_conf_init_value(mock->usage, 1);
    ngx_conf_init_value(mock->length, 1);
    ngx_conf_init_value(mock->pings, 0);
    ngx_conf_init_msec_value(mock->delay, 0);
    ngx_conf_init_msec_value(mock->chunk_delay, 0);

    mock->constant = mock->model.len
                     && mock->tool.len == 0
                     && ((mock->text && mock->text->lengths == NULL)
                         || mock->size != NGX_CONF_UNSET);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_mock_prepare(ngx_conf_t *cf, ngx_http_llm_mock_t *mock)
{
    ngx_str_t       text, none;
    ngx_llm_chat_t  chat;

    if (ngx_http_llm_mock_prepare_errors(cf, mock) != NGX_OK
        || ngx_http_llm_mock_prepare_models(cf, mock) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!mock->constant) {
        return NGX_OK;
    }

    if (mock->text) {
        if (ngx_http_llm_mock_escape(cf->pool, &mock->text->value, &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (ngx_http_llm_mock_lorem(cf->pool, mock->size, &text)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&none, "");
    ngx_llm_chat_init(&chat, cf->pool, &none);

    if (ngx_http_llm_mock_compose(cf->pool, mock, &chat, &text, 0,
                                  &mock->plain)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    chat.stream = 1;

    if (ngx_http_llm_mock_compose(cf->pool, mock, &chat, &text, 1,
                                  &mock->stream)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    chat.include_usage = 1;

    return ngx_http_llm_mock_compose(cf->pool, mock, &chat, &text, 1,
                                     &mock->stream_usage);
}


static ngx_int_t
ngx_http_llm_mock_prepare_errors(ngx_conf_t *cf, ngx_http_llm_mock_t *mock)
{
    ngx_uint_t        status;
    ngx_llm_out_t     out;
    ngx_llm_error_t   err;

    status = (mock->status != NGX_CONF_UNSET) ? (ngx_uint_t) mock->status
                                              : NGX_HTTP_INTERNAL_SERVER_ERROR;

    ngx_http_llm_error_fill(cf->pool, &err, status);

    if (mock->code.len) {
        err.code = mock->code;
    }

    if (mock->message.len
        && ngx_http_llm_mock_escape(cf->pool, &mock->message, &err.message)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_out_init(&out, cf->pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);
    mock->dialect->write_error(&err, &out);

    if (out.failed) {
        return NGX_ERROR;
    }

    mock->error.text.data = out.start;
    mock->error.text.len = ngx_llm_out_len(&out);

    /* an error inside a 200 is what fail=error makes of a plain answer */

    mock->error.status = (mock->status != NGX_CONF_UNSET) ? status
                                                          : NGX_HTTP_OK;

    ngx_llm_out_init(&out, cf->pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);
    mock->dialect->write_stream_error(&err, &out);

    if (out.failed) {
        return NGX_ERROR;
    }

    mock->stream_error.text.data = out.start;
    mock->stream_error.text.len = ngx_llm_out_len(&out);
    mock->stream_error.status = NGX_HTTP_OK;
    mock->stream_error.stream = 1;

    ngx_str_set(&mock->garbage.text, "<html><body>hello</body></html>" CRLF);
    mock->garbage.status = NGX_HTTP_OK;
    mock->garbage.html = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_mock_prepare_models(ngx_conf_t *cf, ngx_http_llm_mock_t *mock)
{
    ngx_str_t      model;
    ngx_llm_out_t  out;

    model = mock->model;

    if (model.len == 0) {
        ngx_str_set(&model, "mock");
    }

    ngx_llm_out_init(&out, cf->pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);

    ngx_llm_out_lit(&out, "{\"object\":\"list\",\"data\":[{\"id\":");
    ngx_llm_out_json_string(&out, &model);
    ngx_llm_out_lit(&out, ",\"object\":\"model\",\"created\":");
    ngx_llm_out_int(&out, NGX_HTTP_LLM_MOCK_CREATED);
    ngx_llm_out_lit(&out, ",\"owned_by\":\"mock\",\"type\":\"model\","
                          "\"display_name\":");
    ngx_llm_out_json_string(&out, &model);
    ngx_llm_out_lit(&out, ",\"created_at\":\"2023-11-14T22:13:20Z\"}],"
                          "\"has_more\":false,\"first_id\":");
    ngx_llm_out_json_string(&out, &model);
    ngx_llm_out_lit(&out, ",\"last_id\":");
    ngx_llm_out_json_string(&out, &model);
    ngx_llm_out_char(&out, '}');

    if (out.failed) {
        return NGX_ERROR;
    }

    mock->models.text.data = out.start;
    mock->models.text.len = ngx_llm_out_len(&out);
    mock->models.status = NGX_HTTP_OK;

    return NGX_OK;
}
