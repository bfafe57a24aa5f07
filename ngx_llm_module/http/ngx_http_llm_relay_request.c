
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The request that is passed on: a head of its own, and the client's body,
 * which is not copied.
 */


#include "ngx_http_llm_relay.h"
#include "ngx_http_llm_sign.h"
#include "ngx_llm_sigv4.h"


#define NGX_HTTP_LLM_RELAY_HEAD  65536


static ngx_int_t ngx_http_llm_relay_serves(ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_relay_json(ngx_http_llm_attempt_t *at);
static ngx_int_t ngx_http_llm_relay_body(ngx_http_llm_attempt_t *at);
static off_t ngx_http_llm_relay_length(ngx_chain_t *in);
static ngx_chain_t **ngx_http_llm_relay_cut(ngx_pool_t *pool,
    ngx_chain_t **ll, ngx_chain_t *in, off_t from, off_t to);
static ngx_int_t ngx_http_llm_relay_write(ngx_http_llm_attempt_t *at,
    off_t length, ngx_str_t *head);
static ngx_int_t ngx_http_llm_relay_sign(ngx_http_llm_attempt_t *at,
    size_t path, ngx_llm_out_t *out);
static void ngx_http_llm_relay_path_to(ngx_http_llm_attempt_t *at,
    ngx_llm_out_t *out);
static ngx_int_t ngx_http_llm_relay_headers(ngx_http_llm_attempt_t *at,
    ngx_llm_out_t *out);
static ngx_int_t ngx_http_llm_relay_client(ngx_http_llm_attempt_t *at,
    ngx_llm_out_t *out);
static ngx_uint_t ngx_http_llm_relay_passes(ngx_http_llm_attempt_t *at,
    ngx_table_elt_t *h, ngx_str_t *connection);
static ngx_uint_t ngx_http_llm_relay_named(ngx_http_llm_attempt_t *at,
    ngx_str_t *name);
static ngx_uint_t ngx_http_llm_relay_own(ngx_http_llm_attempt_t *at,
    u_char *name, size_t len);


/* of one connection, of the gateway, or somebody's secret */

static ngx_str_t  ngx_http_llm_relay_never[] = {
    ngx_string("accept-encoding"),
    ngx_string("api-key"),
    ngx_string("authorization"),
    ngx_string("connection"),
    ngx_string("content-length"),
    ngx_string("cookie"),
    ngx_string("expect"),
    ngx_string("forwarded"),
    ngx_string("host"),
    ngx_string("keep-alive"),
    ngx_string("openai-organization"),
    ngx_string("openai-project"),
    ngx_string("proxy-authenticate"),
    ngx_string("proxy-authorization"),
    ngx_string("proxy-connection"),
    ngx_string("te"),
    ngx_string("trailer"),
    ngx_string("transfer-encoding"),
    ngx_string("upgrade"),
    ngx_string("user-agent"),
    ngx_string("via"),
    ngx_string("x-amz-content-sha256"),
    ngx_string("x-amz-date"),
    ngx_string("x-amz-security-token"),
    ngx_string("x-api-key"),
    ngx_string("x-goog-api-key"),
    ngx_string("x-goog-user-project"),
    ngx_string("x-llm-provider"),
    ngx_string("x-real-ip"),
    ngx_string("x-request-id"),
    ngx_null_string
};


ngx_int_t
ngx_http_llm_relay_request(ngx_http_llm_attempt_t *at)
{
    ngx_int_t            rc;
    ngx_http_llm_ctx_t  *ctx;

    ctx = at->ctx;
    ctx->chat.dropped = NULL;

    rc = ngx_http_llm_relay_serves(at);

    if (rc != NGX_OK) {
        return rc;
    }

    at->state = ngx_pcalloc(at->request->pool,
                            sizeof(ngx_http_llm_relay_state_t));
    if (at->state == NULL) {
        return NGX_ERROR;
    }

    /* errors come in words that the client knows */

    at->splice = (at->provider->dialect == ctx->dialect);
    at->stream = 0;

    if (ctx->chat.stream && at->deployment->model->clocks.total
                            == NGX_CONF_UNSET_MSEC
        && at->provider->clocks.total == NGX_CONF_UNSET_MSEC)
    {
        at->clocks.total = 3600000;
    }

    return ctx->keep ? ngx_http_llm_relay_body(at)
                     : ngx_http_llm_relay_json(at);
}


static ngx_int_t
ngx_http_llm_relay_serves(ngx_http_llm_attempt_t *at)
{
    char                  **path;
    ngx_str_t              *call;
    const ngx_llm_dialect_t  *dialect;

    dialect = at->provider->dialect;
    call = (ngx_str_t *) &at->ctx->call->path;

    if (call->len == 0) {
        return NGX_OK;
    }

    for (path = dialect->relay ? dialect->relay->paths : NULL;
         path && *path;
         path++)
    {
        if (call->len == ngx_strlen(*path)
            && ngx_strncmp(call->data, *path, call->len) == 0)
        {
            return NGX_OK;
        }
    }

    return ngx_llm_error(at->request->pool, &at->err, 400,
                         "invalid_request_error", "unsupported_endpoint",
                         NULL, "the provider \"%V\" has no \"%V\"",
                         &at->provider->name, call);
}


/* what is in memory, with the model's name and what is set */

static ngx_int_t
ngx_http_llm_relay_json(ngx_http_llm_attempt_t *at)
{
    off_t            length;
    ngx_str_t        head, *slice;
    ngx_uint_t       i;
    ngx_array_t      edits, slices;
    ngx_chain_t    **ll;
    ngx_llm_chat_t  *chat;

    chat = &at->ctx->chat;

    if (ngx_array_init(&edits, chat->pool, 2, sizeof(ngx_llm_edit_t))
        != NGX_OK
        || ngx_array_init(&slices, chat->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_llm_call_edit(chat, &at->target, at->ctx->call->params, 1, &edits)
        != NGX_OK
        || ngx_llm_edit_apply(&chat->text, &edits, &slices) != NGX_OK)
    {
        return NGX_ERROR;
    }

    length = 0;
    slice = slices.elts;

    for (i = 0; i < slices.nelts; i++) {
        length += slice[i].len;
    }

    if (ngx_http_llm_relay_write(at, length, &head) != NGX_OK) {
        return NGX_ERROR;
    }

    ll = ngx_http_llm_attempt_buf(chat->pool, &at->out, &head);

    for (i = 0; ll && i < slices.nelts; i++) {
        ll = ngx_http_llm_attempt_buf(chat->pool, ll, &slice[i]);
    }

    return ll ? NGX_OK : NGX_ERROR;
}


/*
 * What lies in memory or in a file, with the model's name in its place.  The
 * core sends a request again from the start of its buffers, those in a file
 * one behind the other: the one that patches the file says as if it was of
 * the file, too, how far it goes there.
 */

static ngx_int_t
ngx_http_llm_relay_body(ngx_http_llm_attempt_t *at)
{
    off_t                  length, from, to;
    ngx_str_t              head;
    ngx_buf_t             *b;
    ngx_pool_t            *pool;
    ngx_chain_t           *in, **ll, *patch;
    ngx_http_request_t    *r;
    ngx_http_llm_relay_t  *relay;

    r = at->request;
    pool = r->pool;
    relay = at->ctx->call_data;

    in = r->request_body ? r->request_body->bufs : NULL;
    length = ngx_http_llm_relay_length(in);
    from = length;
    to = length;

    if (!at->ctx->call->direct && relay->nmodels
        && (relay->model.len != at->target.model.len
            || ngx_memcmp(relay->model.data, at->target.model.data,
                          relay->model.len)
               != 0))
    {
        from = relay->model_from;
        to = from + relay->model.len;
    }

    if (ngx_http_llm_relay_write(at, length - (to - from)
                                     + (from < length
                                        ? (off_t) at->target.model.len : 0),
                                 &head)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ll = ngx_http_llm_attempt_buf(pool, &at->out, &head);

    if (ll == NULL) {
        return NGX_ERROR;
    }

    ll = ngx_http_llm_relay_cut(pool, ll, in, 0, from);

    if (ll == NULL || from == length) {
        return ll ? NGX_OK : NGX_ERROR;
    }

    patch = NULL;

    if (at->target.model.len) {
        ll = ngx_http_llm_attempt_buf(pool, ll, &at->target.model);

        if (ll == NULL) {
            return NGX_ERROR;
        }

        patch = (ngx_chain_t *) ((u_char *) ll - offsetof(ngx_chain_t, next));
    }

    if (ngx_http_llm_relay_cut(pool, ll, in, to, length) == NULL) {
        return NGX_ERROR;
    }

    for ( /* void */ ; in && !in->buf->in_file; in = in->next) { /* void */ }

    if (in == NULL || patch == NULL) {
        return NGX_OK;
    }

    b = patch->buf;
    b->in_file = 1;
    b->file = in->buf->file;
    b->file_pos = from;
    b->file_last = to;

    at->patch = b;

    /* it would be sent from the file */

    r->connection->sendfile = 0;

    return NGX_OK;
}


static off_t
ngx_http_llm_relay_length(ngx_chain_t *in)
{
    off_t  length;

    for (length = 0; in; in = in->next) {
        if (!ngx_buf_special(in->buf)) {
            length += ngx_buf_size(in->buf);
        }
    }

    return length;
}


/* buffers for the bytes of a body between two places */

static ngx_chain_t **
ngx_http_llm_relay_cut(ngx_pool_t *pool, ngx_chain_t **ll, ngx_chain_t *in,
    off_t from, off_t to)
{
    off_t         size, begin, end;
    ngx_buf_t    *b, *buf;
    ngx_chain_t  *cl;

    for ( /* void */ ; in && to > 0; in = in->next) {

        buf = in->buf;

        if (ngx_buf_special(buf)) {
            continue;
        }

        size = ngx_buf_size(buf);
        begin = ngx_max(from, 0);
        end = ngx_min(to, size);

        from -= size;
        to -= size;

        if (begin >= end) {
            continue;
        }

        b = ngx_calloc_buf(pool);
        if (b == NULL) {
            return NULL;
        }

        cl = ngx_alloc_chain_link(pool);
        if (cl == NULL) {
            return NULL;
        }

        if (ngx_buf_in_memory(buf)) {
            b->start = buf->pos + begin;
            b->pos = b->start;
            b->last = buf->pos + end;
            b->end = b->last;
            b->memory = 1;

        } else {
            b->in_file = 1;
            b->file = buf->file;
            b->file_pos = buf->file_pos + begin;
            b->file_last = buf->file_pos + end;
        }

        cl->buf = b;
        cl->next = NULL;

        *ll = cl;
        ll = &cl->next;
    }

    return ll;
}


static ngx_int_t
ngx_http_llm_relay_write(ngx_http_llm_attempt_t *at, off_t length,
    ngx_str_t *head)
{
    size_t                    path;
    ngx_uint_t                i;
    ngx_keyval_t             *kv;
    ngx_llm_out_t             out;
    ngx_http_request_t       *r;
    ngx_http_llm_provider_t  *provider;

    r = at->request;
    provider = at->provider;

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_RELAY_HEAD);

    ngx_llm_out_str(&out, &r->method_name);
    ngx_llm_out_char(&out, ' ');
    ngx_http_llm_relay_path_to(at, &out);

    path = ngx_llm_out_len(&out);

    ngx_llm_out_lit(&out, " HTTP/1.1" CRLF);

    ngx_llm_out_header(&out, "Host", &provider->authority);
    ngx_llm_out_lit(&out, "User-Agent: nginx-llm" CRLF
                          "Accept-Encoding: identity" CRLF);

    if (ngx_http_llm_relay_client(at, &out) != NGX_OK
        || ngx_http_llm_relay_headers(at, &out) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (provider->headers) {
        kv = provider->headers->elts;

        for (i = 0; i < provider->headers->nelts; i++) {
            ngx_llm_out_header(&out, (char *) kv[i].key.data, &kv[i].value);
        }
    }

    if (!out.failed && ngx_http_llm_relay_sign(at, path, &out) != NGX_OK) {
        return NGX_ERROR;
    }

    if (length || (r->method & (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH))) {
        ngx_llm_out_lit(&out, "Content-Length: ");
        ngx_llm_out_int(&out, length);
        ngx_llm_out_lit(&out, CRLF);
    }

    ngx_llm_out_lit(&out, CRLF);

    if (out.failed) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "could not write the request head for llm provider "
                      "\"%V\"", &provider->name);
        return NGX_ERROR;
    }

    head->data = out.start;
    head->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


/*
 * The path ends there in "out", the method stands before it.  The body was
 * hashed while it came.
 */

static ngx_int_t
ngx_http_llm_relay_sign(ngx_http_llm_attempt_t *at, size_t path,
    ngx_llm_out_t *out)
{
    u_char                *query, *last;
    ngx_llm_signed_t       s;
    ngx_http_request_t    *r;
    ngx_http_llm_relay_t  *relay;

    r = at->request;
    relay = at->ctx->call_data;

    if (at->dialect->sign == NULL) {
        return NGX_OK;
    }

    if (relay->body) {

        if (ngx_llm_sigv4_body_end(relay->body, relay->hash) != NGX_OK) {
            return NGX_ERROR;
        }

        relay->body = NULL;
    }

    ngx_memzero(&s, sizeof(ngx_llm_signed_t));

    s.method = r->method_name;
    s.hash = relay->hash;

    s.path.data = out->start + r->method_name.len + 1;
    last = out->start + path;
    query = ngx_strlchr(s.path.data, last, '?');

    if (query) {
        s.query.data = query + 1;
        s.query.len = last - s.query.data;
        last = query;
    }

    s.path.len = last - s.path.data;

    return ngx_http_llm_sign(at, &s, out);
}


static void
ngx_http_llm_relay_path_to(ngx_http_llm_attempt_t *at, ngx_llm_out_t *out)
{
    ngx_str_t                 *base, rest, path;
    ngx_http_llm_relay_t      *relay;
    const ngx_llm_dialect_t   *dialect;

    relay = at->ctx->call_data;
    dialect = at->provider->dialect;
    base = &at->target.base;
    path = at->ctx->call->path;
    rest = relay->rest;

    if (path.len) {

        if (dialect == &ngx_llm_openai) {
            at->target.path = path;
            dialect->write_path(&at->ctx->chat, &at->target, out);

        } else {
            ngx_llm_out_str(out, base);
            ngx_llm_out_str(out, &path);
        }

        ngx_llm_out_str(out, &rest);
        return;
    }

    /* a client may know the base by itself */

    if (rest.len < base->len
        || ngx_strncmp(rest.data, base->data, base->len) != 0
        || (rest.len > base->len && rest.data[base->len] != '/'
            && rest.data[base->len] != '?'))
    {
        ngx_llm_out_str(out, base);
    }

    ngx_llm_out_str(out, &rest);

    if (rest.len == 0 && base->len == 0) {
        ngx_llm_out_char(out, '/');
    }
}


/*
 * What the dialect says of itself and of who asks: not of the body, and what
 * the client has said only in so far as it did not.
 */

static ngx_int_t
ngx_http_llm_relay_headers(ngx_http_llm_attempt_t *at, ngx_llm_out_t *out)
{
    u_char              *p, *colon, *last, *end;
    ngx_str_t            name;
    ngx_llm_out_t        lines;
    ngx_http_request_t  *r;

    r = at->request;

    ngx_llm_out_init(&lines, r->pool, NULL, 0, NGX_HTTP_LLM_RELAY_HEAD);

    at->provider->dialect->write_headers(&at->ctx->chat, &at->target, &lines);

    if (lines.failed) {
        return NGX_ERROR;
    }

    last = lines.last;

    for (p = lines.start; p && p < last; p = end + 1) {

        end = memchr(p, LF, last - p);
        colon = memchr(p, ':', last - p);

        if (end == NULL || colon == NULL) {
            return NGX_ERROR;
        }

        name.len = colon - p;
        name.data = ngx_pnalloc(r->pool, name.len + 1);
        if (name.data == NULL) {
            return NGX_ERROR;
        }

        ngx_strlow(name.data, p, name.len);
        name.data[name.len] = '\0';

        if ((name.len == sizeof("content-type") - 1
             && ngx_memcmp(name.data, "content-type", name.len) == 0)
            || (name.len == sizeof("accept") - 1
                && ngx_memcmp(name.data, "accept", name.len) == 0)
            || (at->ctx->call->path.len == 0
                && ngx_http_llm_relay_named(at, &name)))
        {
            continue;
        }

        ngx_llm_out_data(out, p, end + 1 - p);
    }

    return NGX_OK;
}


/* did the client send such a line, and was it passed on? */

static ngx_uint_t
ngx_http_llm_relay_named(ngx_http_llm_attempt_t *at, ngx_str_t *name)
{
    return !ngx_http_llm_relay_own(at, name->data, name->len)
           && ngx_http_llm_request_header(at->request, (char *) name->data)
              != NULL;
}


/* never a client's, nor the header that the provider's key is in */

static ngx_uint_t
ngx_http_llm_relay_own(ngx_http_llm_attempt_t *at, u_char *name, size_t len)
{
    char        *header;
    ngx_uint_t   i;

    for (i = 0; ngx_http_llm_relay_never[i].len; i++) {
        if (len == ngx_http_llm_relay_never[i].len
            && ngx_memcmp(name, ngx_http_llm_relay_never[i].data, len) == 0)
        {
            return 1;
        }
    }

    header = ngx_llm_key_header(&at->target);

    return header && len == ngx_strlen(header)
           && ngx_strncasecmp(name, (u_char *) header, len) == 0;
}


static ngx_int_t
ngx_http_llm_relay_client(ngx_http_llm_attempt_t *at, ngx_llm_out_t *out)
{
    ngx_str_t            connection;
    ngx_uint_t           i;
    ngx_list_part_t     *part;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = at->request;

    if (ngx_http_llm_request_list(r, "connection", &connection) != NGX_OK) {
        return NGX_ERROR;
    }

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (ngx_http_llm_relay_passes(at, &h[i], &connection)) {
            ngx_llm_out_data(out, h[i].key.data, h[i].key.len);
            ngx_llm_out_lit(out, ": ");
            ngx_llm_out_data(out, h[i].value.data, h[i].value.len);
            ngx_llm_out_lit(out, CRLF);
        }
    }

    return NGX_OK;
}


/* of an endpoint's request what the body is; of llm_relay what is no secret */

static ngx_uint_t
ngx_http_llm_relay_passes(ngx_http_llm_attempt_t *at, ngx_table_elt_t *h,
    ngx_str_t *connection)
{
    size_t       len;
    u_char      *p, *last, *start;

    len = h->key.len;

    if (at->ctx->call->path.len) {
        return (len == sizeof("content-type") - 1
                && ngx_memcmp(h->lowcase_key, "content-type", len) == 0)
               || (len == sizeof("accept") - 1
                   && ngx_memcmp(h->lowcase_key, "accept", len) == 0);
    }

    if (ngx_http_llm_relay_own(at, h->lowcase_key, len)) {
        return 0;
    }

    if (len >= sizeof("x-forwarded-") - 1
        && ngx_memcmp(h->lowcase_key, "x-forwarded-",
                      sizeof("x-forwarded-") - 1)
           == 0)
    {
        return 0;
    }

    /* what "Connection" names is of this connection, too */

    p = connection->data;
    last = p + connection->len;

    while (p < last) {

        while (p < last && (*p == ' ' || *p == ',' || *p == '\t')) {
            p++;
        }

        for (start = p; p < last && *p != ' ' && *p != ',' && *p != '\t';
             p++)
        {
            /* void */
        }

        if ((size_t) (p - start) == len
            && ngx_strncasecmp(start, h->key.data, len) == 0)
        {
            return 0;
        }
    }

    return 1;
}


/* the query goes without what may be a key, and what chose the provider */

ngx_int_t
ngx_http_llm_relay_rest(ngx_http_request_t *r, ngx_str_t *rest,
    ngx_uint_t slash, ngx_str_t *escaped)
{
    u_char     *p, *q, *last, *end;
    size_t      n;
    ngx_uint_t  args;

    n = rest->len + 2 * ngx_escape_uri(NULL, rest->data, rest->len,
                                       NGX_ESCAPE_URI);

    p = ngx_pnalloc(r->pool, 1 + n + 1 + r->args.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    escaped->data = p;

    if (slash && rest->len) {
        *p++ = '/';
    }

    if (n == rest->len) {
        p = ngx_cpymem(p, rest->data, rest->len);

    } else {
        p = (u_char *) ngx_escape_uri(p, rest->data, rest->len,
                                      NGX_ESCAPE_URI);
    }

    args = 0;
    q = r->args.data;
    last = q + r->args.len;

    while (q < last) {

        end = ngx_strlchr(q, last, '&');

        if (end == NULL) {
            end = last;
        }

        if (end > q
            && !(end - q >= 4 && ngx_strncasecmp(q, (u_char *) "key=", 4) == 0)
            && !(end - q >= 9
                 && ngx_strncasecmp(q, (u_char *) "provider=", 9) == 0))
        {
            *p++ = args ? '&' : '?';
            p = ngx_cpymem(p, q, end - q);
            args = 1;
        }

        q = end + 1;
    }

    escaped->len = p - escaped->data;

    return NGX_OK;
}
