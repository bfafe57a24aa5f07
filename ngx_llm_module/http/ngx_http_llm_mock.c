
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stand-in for a provider: what it is asked, and how an answer leaves.  Its
 * directive and what that can say are in ngx_http_llm_mock_conf.c.
 */


#include "ngx_http_llm_mock.h"


/* what was found in a request that is not parsed */

#define NGX_HTTP_LLM_MOCK_STREAM   0x0001
#define NGX_HTTP_LLM_MOCK_USAGE    0x0002


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


static ngx_uint_t ngx_http_llm_mock_path(ngx_http_request_t *r, char *end);
static ngx_int_t ngx_http_llm_mock_refuse(ngx_http_request_t *r,
    ngx_http_llm_mock_t *mock, ngx_llm_error_t *err);
static void ngx_http_llm_mock_body_handler(ngx_http_request_t *r);
static ngx_http_llm_mock_answer_t *ngx_http_llm_mock_answer(
    ngx_http_llm_mock_t *mock, ngx_str_t *body, ngx_uint_t count,
    ngx_uint_t fails);
static void ngx_http_llm_mock_process(ngx_http_request_t *r,
    ngx_http_llm_mock_t *mock, ngx_str_t *body,
    ngx_http_llm_mock_answer_t *answer, ngx_uint_t fails);
static ngx_uint_t ngx_http_llm_mock_embeds(ngx_http_request_t *r,
    ngx_http_llm_mock_t *mock);
static ngx_uint_t ngx_http_llm_mock_counts(ngx_http_request_t *r,
    ngx_http_llm_mock_t *mock);
static ngx_uint_t ngx_http_llm_mock_fails(ngx_http_llm_mock_t *mock);
static ngx_uint_t ngx_http_llm_mock_scan(ngx_str_t *body);
static u_char *ngx_http_llm_mock_scan_string(u_char *p, u_char *last);
static u_char *ngx_http_llm_mock_scan_space(u_char *p, u_char *last);
static ngx_int_t ngx_http_llm_mock_read(ngx_http_request_t *r,
    ngx_http_llm_mock_ctx_t *m, ngx_str_t *body, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_mock_echo(void *data, ngx_str_t *escaped);

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


ngx_int_t
ngx_http_llm_mock_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_llm_error_t           err;
    ngx_http_llm_mock_t      *mock;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    mock = llcf->mock;

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {

        if (ngx_http_llm_mock_path(r, "/models")) {
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


/* does the path end so? */

static ngx_uint_t
ngx_http_llm_mock_path(ngx_http_request_t *r, char *end)
{
    size_t  len;

    len = ngx_strlen(end);

    return r->uri.len >= len
           && ngx_strncmp(r->uri.data + r->uri.len - len, end, len) == 0;
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
    ngx_uint_t                   count, fails;
    ngx_http_llm_mock_t         *mock;
    ngx_http_llm_loc_conf_t     *llcf;
    ngx_http_llm_mock_answer_t  *answer;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    mock = llcf->mock;

    if (ngx_http_llm_body_collect(r, &body) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    count = ngx_http_llm_mock_counts(r, mock)
            || ngx_http_llm_mock_embeds(r, mock);
    fails = ngx_http_llm_mock_fails(mock);
    answer = ngx_http_llm_mock_answer(mock, &body, count, fails);

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
    ngx_uint_t count, ngx_uint_t fails)
{
    ngx_uint_t  found;

    if (fails && mock->status != NGX_CONF_UNSET) {
        return &mock->error;
    }

    if (fails && mock->fail == NGX_HTTP_LLM_MOCK_GARBAGE) {
        return &mock->garbage;
    }

    if (!mock->constant || count) {
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


/* are embeddings asked for? */

static ngx_uint_t
ngx_http_llm_mock_embeds(ngx_http_request_t *r, ngx_http_llm_mock_t *mock)
{
    return mock->dialect == &ngx_llm_openai
           && ngx_http_llm_mock_path(r, "/embeddings");
}


/* are tokens to be counted? */

static ngx_uint_t
ngx_http_llm_mock_counts(ngx_http_request_t *r, ngx_http_llm_mock_t *mock)
{
    return (mock->dialect->flags & NGX_LLM_DIALECT_COUNTS)
           && ngx_http_llm_mock_path(r, "/count_tokens");
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

    if (ngx_http_llm_mock_embeds(r, mock)) {

        m->answer = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_mock_answer_t));
        if (m->answer == NULL) {
            return NGX_ERROR;
        }

        return ngx_http_llm_mock_embed(r->pool, mock, chat, m->answer, err);
    }

    chat->count = ngx_http_llm_mock_counts(r, mock);

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


static ngx_int_t
ngx_http_llm_mock_echo(void *data, ngx_str_t *escaped)
{
    ngx_llm_out_t  *out = data;

    ngx_llm_out_char(out, ' ');
    ngx_llm_out_str(out, escaped);

    return out->failed ? NGX_ERROR : NGX_OK;
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
