
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_multipart.h"


#define ngx_llm_multipart_blank(c)  ((c) == ' ' || (c) == '\t')


typedef enum {
    NGX_LLM_MULTIPART_PREAMBLE = 0,
    NGX_LLM_MULTIPART_LINE,         /* behind a delimiter */
    NGX_LLM_MULTIPART_BLANK,        /* and behind a blank there */
    NGX_LLM_MULTIPART_LINE_LF,
    NGX_LLM_MULTIPART_LAST,         /* "-" behind a delimiter */
    NGX_LLM_MULTIPART_IN_HEAD,
    NGX_LLM_MULTIPART_BODY,
    NGX_LLM_MULTIPART_END
} ngx_llm_multipart_e;


static ngx_int_t ngx_llm_multipart_boundary(ngx_str_t *type,
    ngx_str_t *boundary);
static ngx_int_t ngx_llm_multipart_param(u_char **pos, u_char *last,
    ngx_str_t *name, ngx_str_t *value);
static u_char *ngx_llm_multipart_data(ngx_llm_multipart_t *mp, u_char *p,
    u_char *last);
static ngx_int_t ngx_llm_multipart_keep(ngx_llm_multipart_t *mp, u_char *p,
    size_t len);
static ngx_int_t ngx_llm_multipart_delimited(ngx_llm_multipart_t *mp);
static ngx_int_t ngx_llm_multipart_line(ngx_llm_multipart_t *mp, u_char c);
static ngx_int_t ngx_llm_multipart_head(ngx_llm_multipart_t *mp, u_char c);
static ngx_int_t ngx_llm_multipart_headers(ngx_llm_multipart_t *mp);
static ngx_uint_t ngx_llm_multipart_identity(u_char *p, u_char *last);
static ngx_int_t ngx_llm_multipart_disposition(ngx_llm_multipart_t *mp,
    u_char *p, u_char *last);
static ngx_uint_t ngx_llm_multipart_is(ngx_str_t *name, char *what);
static ngx_int_t ngx_llm_multipart_bad(ngx_llm_multipart_t *mp, char *error);


ngx_int_t
ngx_llm_multipart_init(ngx_llm_multipart_t *mp, ngx_pool_t *pool,
    ngx_str_t *type)
{
    u_char     *p;
    ngx_str_t   boundary;

    ngx_memzero(mp, sizeof(ngx_llm_multipart_t));

    mp->pool = pool;

    if (ngx_llm_multipart_boundary(type, &boundary) != NGX_OK) {
        return NGX_DECLINED;
    }

    p = ngx_cpymem(mp->delimiter, CRLF "--", 4);
    p = ngx_cpymem(p, boundary.data, boundary.len);

    mp->delimiter_len = p - mp->delimiter;

    /* the first one needs no line before it */

    mp->match = 2;

    mp->head = ngx_pnalloc(pool, NGX_LLM_MULTIPART_HEAD
                                 + NGX_LLM_MULTIPART_VALUE);
    if (mp->head == NULL) {
        return NGX_ERROR;
    }

    mp->value = mp->head + NGX_LLM_MULTIPART_HEAD;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_multipart_boundary(ngx_str_t *type, ngx_str_t *boundary)
{
    u_char     *p, *last;
    size_t      i, len;
    ngx_str_t   name, value;

    len = sizeof("multipart/form-data") - 1;

    if (type->len <= len
        || ngx_strncasecmp(type->data, (u_char *) "multipart/form-data", len)
           != 0)
    {
        return NGX_DECLINED;
    }

    ngx_str_null(boundary);

    p = type->data + len;
    last = type->data + type->len;

    while (ngx_llm_multipart_param(&p, last, &name, &value) == NGX_OK) {

        if (ngx_llm_multipart_is(&name, "boundary")) {

            /* who reads the first and who the last would see two bodies */

            if (boundary->data) {
                return NGX_DECLINED;
            }

            *boundary = value;
        }
    }

    if (p != last || boundary->len == 0
        || boundary->len > NGX_LLM_MULTIPART_BOUNDARY)
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < boundary->len; i++) {
        if (boundary->data[i] < ' ' || boundary->data[i] > '~'
            || boundary->data[i] == '\\')
        {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* "; name=value", quoted or not; NGX_DECLINED: there is none */

static ngx_int_t
ngx_llm_multipart_param(u_char **pos, u_char *last, ngx_str_t *name,
    ngx_str_t *value)
{
    u_char  *p;

    p = *pos;

    while (p < last && (ngx_llm_multipart_blank(*p) || *p == ';')) {
        p++;
    }

    *pos = p;
    name->data = p;

    while (p < last && *p != '=' && *p != ';' && !ngx_llm_multipart_blank(*p))
    {
        p++;
    }

    name->len = p - name->data;

    while (p < last && ngx_llm_multipart_blank(*p)) {
        p++;
    }

    if (name->len == 0 || p == last || *p++ != '=') {
        return NGX_DECLINED;
    }

    while (p < last && ngx_llm_multipart_blank(*p)) {
        p++;
    }

    if (p < last && *p == '"') {
        value->data = ++p;

        while (p < last && *p != '"') {
            p += (*p == '\\' && p + 1 < last) ? 2 : 1;
        }

        if (p >= last) {
            return NGX_DECLINED;
        }

        value->len = p++ - value->data;

    } else {
        value->data = p;

        while (p < last && *p != ';' && !ngx_llm_multipart_blank(*p)) {
            p++;
        }

        value->len = p - value->data;
    }

    while (p < last && ngx_llm_multipart_blank(*p)) {
        p++;
    }

    if (p < last && *p != ';') {
        return NGX_DECLINED;
    }

    *pos = p;

    return NGX_OK;
}


ngx_int_t
ngx_llm_multipart_feed(ngx_llm_multipart_t *mp, u_char *p, u_char *last)
{
    u_char     *start;
    ngx_int_t   rc;

    while (p < last) {

        rc = NGX_OK;
        start = p;

        switch (mp->state) {

        case NGX_LLM_MULTIPART_PREAMBLE:
        case NGX_LLM_MULTIPART_BODY:
            p = ngx_llm_multipart_data(mp, p, last);

            if (p == NULL) {
                return NGX_ERROR;
            }

            mp->offset += p - start;

            if (mp->match == mp->delimiter_len) {
                rc = ngx_llm_multipart_delimited(mp);
            }

            break;

        case NGX_LLM_MULTIPART_IN_HEAD:
            mp->offset++;
            rc = ngx_llm_multipart_head(mp, *p++);
            break;

        case NGX_LLM_MULTIPART_END:

            /* an epilogue means nothing */

            mp->offset += last - p;
            return NGX_OK;

        default:
            mp->offset++;
            rc = ngx_llm_multipart_line(mp, *p++);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_uint_t
ngx_llm_multipart_whole(ngx_llm_multipart_t *mp)
{
    return (mp->state == NGX_LLM_MULTIPART_END);
}


/*
 * Up to behind a delimiter, or to the end of what is there.  It begins with
 * CR, which it has nowhere else: a wrong byte begins it anew or not at all.
 * NULL: what the handler said.
 */

static u_char *
ngx_llm_multipart_data(ngx_llm_multipart_t *mp, u_char *p, u_char *last)
{
    u_char  *cr;
    size_t   n;

    while (p < last) {

        if (mp->match == 0) {
            cr = memchr(p, CR, last - p);

            if (cr == NULL) {
                cr = last;
            }

            if (ngx_llm_multipart_keep(mp, p, cr - p) != NGX_OK) {
                return NULL;
            }

            if (cr == last) {
                return last;
            }

            mp->match = 1;
            p = cr + 1;
            continue;
        }

        if (*p == mp->delimiter[mp->match]) {
            p++;
            mp->match++;

            if (mp->match == mp->delimiter_len) {
                return p;
            }

            continue;
        }

        n = mp->bare ? 2 : 0;

        if (ngx_llm_multipart_keep(mp, mp->delimiter + n, mp->match - n)
            != NGX_OK)
        {
            return NULL;
        }

        mp->match = 0;
        mp->bare = 0;
    }

    return p;
}


static ngx_int_t
ngx_llm_multipart_keep(ngx_llm_multipart_t *mp, u_char *p, size_t len)
{
    size_t  n;

    if (mp->state != NGX_LLM_MULTIPART_BODY) {
        return NGX_OK;
    }

    if (mp->content && mp->content(mp->data, p, len, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (mp->name.data == NULL) {
        return NGX_OK;
    }

    n = ngx_min(len, NGX_LLM_MULTIPART_VALUE - mp->value_len);

    if (n < len) {
        mp->cut = 1;
    }

    ngx_memcpy(mp->value + mp->value_len, p, n);
    mp->value_len += n;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_multipart_delimited(ngx_llm_multipart_t *mp)
{
    ngx_str_t   value;
    ngx_uint_t  body;

    body = (mp->state == NGX_LLM_MULTIPART_BODY);

    mp->match = 0;
    mp->state = NGX_LLM_MULTIPART_LINE;

    if (body && mp->bare) {
        return ngx_llm_multipart_bad(mp, "a part begins with a boundary");
    }

    if (body && mp->content && mp->content(mp->data, NULL, 0, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!body || mp->name.data == NULL) {
        return NGX_OK;
    }

    value.data = mp->value;
    value.len = mp->value_len;

    return mp->handler(mp->data, &mp->name, &value, !mp->cut, mp->from);
}


static ngx_int_t
ngx_llm_multipart_line(ngx_llm_multipart_t *mp, u_char c)
{
    switch (mp->state) {

    case NGX_LLM_MULTIPART_LINE:

        if (c == '-') {
            mp->state = NGX_LLM_MULTIPART_LAST;
            return NGX_OK;
        }

        /* fall through */

    case NGX_LLM_MULTIPART_BLANK:

        if (c == CR) {
            mp->state = NGX_LLM_MULTIPART_LINE_LF;
            return NGX_OK;
        }

        if (ngx_llm_multipart_blank(c)) {
            mp->state = NGX_LLM_MULTIPART_BLANK;
            return NGX_OK;
        }

        break;

    case NGX_LLM_MULTIPART_LAST:

        if (c == '-') {
            mp->state = NGX_LLM_MULTIPART_END;
            return NGX_OK;
        }

        break;

    default: /* NGX_LLM_MULTIPART_LINE_LF */

        if (c == LF) {

            if (mp->parts++ == NGX_LLM_MULTIPART_PARTS) {
                return ngx_llm_multipart_bad(mp, "it has too many parts");
            }

            mp->state = NGX_LLM_MULTIPART_IN_HEAD;
            mp->head_len = 0;
            return NGX_OK;
        }
    }

    return ngx_llm_multipart_bad(mp, "a boundary does not end its line");
}


/* lines up to an empty one; only with CR LF, as all read them */

static ngx_int_t
ngx_llm_multipart_head(ngx_llm_multipart_t *mp, u_char c)
{
    u_char  *p;

    if (mp->head_len == NGX_LLM_MULTIPART_HEAD) {
        return ngx_llm_multipart_bad(mp, "the header of a part is too long");
    }

    mp->head[mp->head_len++] = c;

    if (c != LF) {
        return NGX_OK;
    }

    p = mp->head + mp->head_len;

    if (mp->head_len < 2 || p[-2] != CR) {
        return ngx_llm_multipart_bad(mp, "a line of a part's header does not "
                                         "end with CR LF");
    }

    if (mp->head_len != 2 && (mp->head_len < 4 || p[-3] != LF)) {
        return NGX_OK;
    }

    mp->state = NGX_LLM_MULTIPART_BODY;
    mp->from = mp->offset;
    mp->value_len = 0;
    mp->cut = 0;

    /* what some take for a delimiter there, and others for a value */

    mp->match = 2;
    mp->bare = 1;

    return ngx_llm_multipart_headers(mp);
}


/* what is read in two ways may be another model to the provider: refused */

static ngx_int_t
ngx_llm_multipart_headers(ngx_llm_multipart_t *mp)
{
    u_char     *p, *q, *end;
    ngx_str_t   name;
    ngx_uint_t  n;

    ngx_str_null(&mp->name);

    n = 0;

    /* the last line is empty */

    for (p = mp->head; *p != CR; p = end + 1) {

        end = memchr(p, LF, mp->head + mp->head_len - p);

        if (ngx_llm_multipart_blank(*p)) {
            return ngx_llm_multipart_bad(mp, "a line of a part's header is "
                                             "folded");
        }

        for (q = p; *q > ' ' && *q != ':'; q++) { /* void */ }

        if (*q != ':') {
            return ngx_llm_multipart_bad(mp, "a line of a part's header has "
                                             "no name");
        }

        name.data = p;
        name.len = q++ - p;

        if (memchr(q, CR, end - q) != end - 1) {
            return ngx_llm_multipart_bad(mp, "a line of a part's header does "
                                             "not end with CR LF");
        }

        if (ngx_llm_multipart_is(&name, "content-transfer-encoding")) {

            if (!ngx_llm_multipart_identity(q, end - 1)) {
                return ngx_llm_multipart_bad(mp, "a part is encoded");
            }

            continue;
        }

        if (!ngx_llm_multipart_is(&name, "content-disposition")) {
            continue;
        }

        if (n++) {
            return ngx_llm_multipart_bad(mp, "a part has two headers "
                                             "\"Content-Disposition\"");
        }

        if (ngx_llm_multipart_disposition(mp, q, end - 1) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    if (n == 0) {
        return ngx_llm_multipart_bad(mp, "a part has no header "
                                         "\"Content-Disposition\"");
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_multipart_identity(u_char *p, u_char *last)
{
    ngx_str_t  value;

    while (p < last && ngx_llm_multipart_blank(*p)) {
        p++;
    }

    while (p < last && ngx_llm_multipart_blank(last[-1])) {
        last--;
    }

    value.data = p;
    value.len = last - p;

    return ngx_llm_multipart_is(&value, "7bit")
           || ngx_llm_multipart_is(&value, "8bit")
           || ngx_llm_multipart_is(&value, "binary");
}


static ngx_int_t
ngx_llm_multipart_disposition(ngx_llm_multipart_t *mp, u_char *p,
    u_char *last)
{
    ngx_str_t   name, value;
    ngx_uint_t  file;

    while (p < last && *p == ' ') {
        p++;
    }

    if ((size_t) (last - p) < sizeof("form-data") - 1
        || ngx_strncasecmp(p, (u_char *) "form-data", sizeof("form-data") - 1)
           != 0)
    {
        return ngx_llm_multipart_bad(mp, "a part is no \"form-data\"");
    }

    p += sizeof("form-data") - 1;
    file = 0;

    while (ngx_llm_multipart_param(&p, last, &name, &value) == NGX_OK) {

        if (ngx_llm_multipart_is(&name, "name")) {

            if (mp->name.data) {
                return ngx_llm_multipart_bad(mp, "a part has two names");
            }

            if (memchr(value.data, '\\', value.len)) {
                return ngx_llm_multipart_bad(mp, "the name of a part has a "
                                                 "backslash");
            }

            mp->name = value;

        } else if (ngx_llm_multipart_is(&name, "filename")
                   || ngx_llm_multipart_is(&name, "filename*"))
        {
            file = 1;

        } else {
            return ngx_llm_multipart_bad(mp, "a part's header "
                                         "\"Content-Disposition\" has an "
                                         "unknown parameter");
        }
    }

    if (p != last || mp->name.data == NULL) {
        return ngx_llm_multipart_bad(mp, "a part's header "
                                     "\"Content-Disposition\" cannot be "
                                     "read");
    }

    if (file) {
        ngx_str_null(&mp->name);
    }

    return NGX_OK;
}


/* in any case */

static ngx_uint_t
ngx_llm_multipart_is(ngx_str_t *name, char *what)
{
    return name->len == ngx_strlen(what)
           && ngx_strncasecmp(name->data, (u_char *) what, name->len) == 0;
}


static ngx_int_t
ngx_llm_multipart_bad(ngx_llm_multipart_t *mp, char *error)
{
    mp->error = error;

    return NGX_DECLINED;
}
