
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>


#define NGX_LLM_SIGV4_ALGORITHM  "AWS4-HMAC-SHA256"
#define NGX_LLM_SIGV4_SECRET     1024
#define NGX_LLM_SIGV4_MAX        65536
#define NGX_LLM_SIGV4_SHA256     32


typedef struct {
    ngx_llm_sigv4_t  *sign;
    ngx_keyval_t      headers[NGX_LLM_SIGV4_HEADERS];   /* sorted */
    ngx_uint_t        n;
    ngx_str_t         date;     /* 20150830T123600Z */
    ngx_str_t         scope;    /* 20150830/region/service/aws4_request */
    u_char            time[sizeof("20150830T123600Z")];
} ngx_llm_sigv4_ctx_t;


static ngx_int_t ngx_llm_sigv4_begin(ngx_llm_sigv4_ctx_t *ctx,
    ngx_pool_t *pool);
static ngx_int_t ngx_llm_sigv4_time(ngx_llm_sigv4_ctx_t *ctx);
static ngx_int_t ngx_llm_sigv4_add(ngx_llm_sigv4_ctx_t *ctx, char *name,
    ngx_str_t *value);
static void ngx_llm_sigv4_sort(ngx_llm_sigv4_ctx_t *ctx);
static ngx_int_t ngx_llm_sigv4_request(ngx_llm_sigv4_ctx_t *ctx,
    ngx_pool_t *pool, u_char *hash);
static void ngx_llm_sigv4_path(ngx_str_t *path, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_sigv4_query(ngx_llm_sigv4_t *sign, ngx_pool_t *pool,
    ngx_llm_out_t *out);
static ngx_int_t ngx_llm_sigv4_arg(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_keyval_t *arg);
static ngx_int_t ngx_llm_sigv4_plain(ngx_pool_t *pool, u_char *p,
    u_char *last, ngx_str_t *encoded);
static ngx_int_t ngx_llm_sigv4_compare(ngx_str_t *one, ngx_str_t *two);
static void ngx_llm_sigv4_segment(u_char *p, u_char *last,
    ngx_llm_out_t *out);
static void ngx_llm_sigv4_value(ngx_str_t *value, ngx_llm_out_t *out);
static void ngx_llm_sigv4_names(ngx_llm_sigv4_ctx_t *ctx, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_sigv4_sha256(ngx_str_t *text, ngx_uint_t n,
    u_char *hex);
static void ngx_llm_sigv4_body_cleanup(void *data);
static ngx_int_t ngx_llm_sigv4_signature(ngx_llm_sigv4_ctx_t *ctx,
    u_char *hash, u_char *hex);
static ngx_int_t ngx_llm_sigv4_hmac(u_char *key, size_t len, ngx_str_t *text,
    u_char *mac);


ngx_int_t
ngx_llm_sigv4(ngx_llm_sigv4_t *sign, ngx_pool_t *pool, ngx_llm_out_t *out)
{
    u_char  hash[64];

    return ngx_llm_sigv4_hash(sign, pool, out, hash);
}


ngx_int_t
ngx_llm_sigv4_hash(ngx_llm_sigv4_t *sign, ngx_pool_t *pool,
    ngx_llm_out_t *out, u_char hash[64])
{
    ngx_llm_sigv4_ctx_t  ctx;
    u_char               signature[64];

    ngx_memzero(&ctx, sizeof(ngx_llm_sigv4_ctx_t));

    ctx.sign = sign;

    if (ngx_llm_sigv4_begin(&ctx, pool) != NGX_OK
        || ngx_llm_sigv4_request(&ctx, pool, hash) != NGX_OK
        || ngx_llm_sigv4_signature(&ctx, hash, signature) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_out_header(out, "X-Amz-Date", &ctx.date);

    if (sign->token.len) {
        ngx_llm_out_header(out, "X-Amz-Security-Token", &sign->token);
    }

    ngx_llm_out_lit(out, "Authorization: " NGX_LLM_SIGV4_ALGORITHM
                         " Credential=");
    ngx_llm_out_str(out, &sign->id);
    ngx_llm_out_char(out, '/');
    ngx_llm_out_str(out, &ctx.scope);
    ngx_llm_out_lit(out, ", SignedHeaders=");
    ngx_llm_sigv4_names(&ctx, out);
    ngx_llm_out_lit(out, ", Signature=");
    ngx_llm_out_data(out, signature, sizeof(signature));
    ngx_llm_out_lit(out, CRLF);

    return out->failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_sigv4_begin(ngx_llm_sigv4_ctx_t *ctx, ngx_pool_t *pool)
{
    size_t            i;
    ngx_uint_t        n;
    ngx_llm_sigv4_t  *sign;

    sign = ctx->sign;

    for (i = 0; i < sign->id.len; i++) {
        if (sign->id.data[i] <= ' ' || sign->id.data[i] >= 0x7f) {
            return NGX_ERROR;
        }
    }

    if (ngx_llm_sigv4_time(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    for (n = 0; n < sign->nheaders; n++) {

        if (ngx_llm_sigv4_add(ctx, (char *) sign->headers[n].key.data,
                              &sign->headers[n].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_llm_sigv4_add(ctx, "x-amz-date", &ctx->date) != NGX_OK
        || (sign->token.len
            && ngx_llm_sigv4_add(ctx, "x-amz-security-token", &sign->token)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    ngx_llm_sigv4_sort(ctx);

    ctx->scope.len = sizeof("20150830//aws4_request") + sign->region.len
                     + sign->service.len;

    ctx->scope.data = ngx_pnalloc(pool, ctx->scope.len);
    if (ctx->scope.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(ctx->scope.data, "%*s/%V/%V/aws4_request", (size_t) 8,
                ctx->date.data, &sign->region, &sign->service);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_sigv4_time(ngx_llm_sigv4_ctx_t *ctx)
{
    struct tm  tm;

    if (gmtime_r(&ctx->sign->now, &tm) == NULL || tm.tm_year > 8099
        || tm.tm_year < 0)
    {
        return NGX_ERROR;
    }

    ngx_sprintf(ctx->time, "%04d%02d%02dT%02d%02d%02dZ", tm.tm_year + 1900,
                tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);

    ctx->date.data = ctx->time;
    ctx->date.len = sizeof(ctx->time) - 1;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_sigv4_add(ngx_llm_sigv4_ctx_t *ctx, char *name, ngx_str_t *value)
{
    ngx_keyval_t  *h;

    if (ctx->n == NGX_LLM_SIGV4_HEADERS) {
        return NGX_ERROR;
    }

    h = &ctx->headers[ctx->n++];

    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return NGX_OK;
}


static void
ngx_llm_sigv4_sort(ngx_llm_sigv4_ctx_t *ctx)
{
    ngx_uint_t     i, k;
    ngx_keyval_t   h;

    for (i = 1; i < ctx->n; i++) {
        h = ctx->headers[i];

        for (k = i; k > 0; k--) {

            if (ngx_strcmp(ctx->headers[k - 1].key.data, h.key.data) <= 0) {
                break;
            }

            ctx->headers[k] = ctx->headers[k - 1];
        }

        ctx->headers[k] = h;
    }
}


static ngx_int_t
ngx_llm_sigv4_request(ngx_llm_sigv4_ctx_t *ctx, ngx_pool_t *pool,
    u_char *hash)
{
    ngx_str_t         text;
    ngx_uint_t        i;
    ngx_llm_out_t     out;
    ngx_llm_sigv4_t  *sign;
    u_char            body[64];

    sign = ctx->sign;

    if (sign->hash) {
        ngx_memcpy(body, sign->hash, sizeof(body));

    } else if (ngx_llm_sigv4_sha256(sign->body, sign->nbody, body) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_LLM_SIGV4_MAX);

    ngx_llm_out_str(&out, &sign->method);
    ngx_llm_out_char(&out, '\n');
    ngx_llm_sigv4_path(&sign->path, &out);
    ngx_llm_out_char(&out, '\n');

    if (ngx_llm_sigv4_query(sign, pool, &out) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_out_char(&out, '\n');

    for (i = 0; i < ctx->n; i++) {
        ngx_llm_out_str(&out, &ctx->headers[i].key);
        ngx_llm_out_char(&out, ':');
        ngx_llm_sigv4_value(&ctx->headers[i].value, &out);
        ngx_llm_out_char(&out, '\n');
    }

    ngx_llm_out_char(&out, '\n');
    ngx_llm_sigv4_names(ctx, &out);
    ngx_llm_out_char(&out, '\n');
    ngx_llm_out_data(&out, body, sizeof(body));

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    return ngx_llm_sigv4_sha256(&text, 1, hash);
}


/* without empty segments and dots, each byte escaped once more */

static void
ngx_llm_sigv4_path(ngx_str_t *path, ngx_llm_out_t *out)
{
    size_t   start;
    u_char  *end, *last, *p;

    start = ngx_llm_out_len(out);

    p = path->data;
    last = p + path->len;

    for ( /* void */ ; p < last; p = end + 1) {

        end = p;

        while (end < last && *end != '/') {
            end++;
        }

        if (end == p || (end - p == 1 && *p == '.')) {
            continue;
        }

        if (end - p == 2 && p[0] == '.' && p[1] == '.') {

            while (ngx_llm_out_len(out) > start && *--out->last != '/') {
                /* void */
            }

            continue;
        }

        ngx_llm_out_char(out, '/');
        ngx_llm_sigv4_segment(p, end, out);
    }

    if (ngx_llm_out_len(out) == start
        || (path->len && path->data[path->len - 1] == '/'))
    {
        ngx_llm_out_char(out, '/');
    }
}


/* parameters in the order of their names, then values, all escaped anew */

static ngx_int_t
ngx_llm_sigv4_query(ngx_llm_sigv4_t *sign, ngx_pool_t *pool,
    ngx_llm_out_t *out)
{
    u_char        *p, *last, *end;
    ngx_uint_t     i, k, n;
    ngx_keyval_t  *args, arg;

    if (sign->query.len == 0) {
        return NGX_OK;
    }

    args = ngx_palloc(pool, NGX_LLM_SIGV4_ARGS * sizeof(ngx_keyval_t));
    if (args == NULL) {
        return NGX_ERROR;
    }

    n = 0;
    last = sign->query.data + sign->query.len;

    for (p = sign->query.data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');

        if (end == NULL) {
            end = last;
        }

        if (end == p) {
            continue;
        }

        if (n == NGX_LLM_SIGV4_ARGS
            || ngx_llm_sigv4_arg(pool, p, end, &arg) != NGX_OK)
        {
            return NGX_ERROR;
        }

        for (k = n++; k > 0; k--) {

            i = k - 1;

            if (ngx_llm_sigv4_compare(&args[i].key, &arg.key) < 0
                || (ngx_llm_sigv4_compare(&args[i].key, &arg.key) == 0
                    && ngx_llm_sigv4_compare(&args[i].value, &arg.value) <= 0))
            {
                break;
            }

            args[k] = args[i];
        }

        args[k] = arg;
    }

    for (i = 0; i < n; i++) {

        if (i) {
            ngx_llm_out_char(out, '&');
        }

        ngx_llm_out_str(out, &args[i].key);
        ngx_llm_out_char(out, '=');
        ngx_llm_out_str(out, &args[i].value);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_sigv4_arg(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_keyval_t *arg)
{
    u_char  *equals;

    equals = ngx_strlchr(p, last, '=');

    if (equals == NULL) {
        equals = last;
    }

    if (ngx_llm_sigv4_plain(pool, p, equals, &arg->key) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_llm_sigv4_plain(pool, ngx_min(equals + 1, last), last,
                               &arg->value);
}


static ngx_int_t
ngx_llm_sigv4_plain(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_str_t *encoded)
{
    u_char         *dst, *start;
    ngx_int_t       c;
    ngx_llm_out_t   out;

    start = ngx_pnalloc(pool, last - p + 1);
    if (start == NULL) {
        return NGX_ERROR;
    }

    for (dst = start; p < last; p++) {

        if (*p == '%' && last - p > 2) {
            c = ngx_hextoi(p + 1, 2);

            if (c != NGX_ERROR) {
                *dst++ = (u_char) c;
                p += 2;
                continue;
            }
        }

        *dst++ = *p;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_LLM_SIGV4_MAX);
    ngx_llm_sigv4_segment(start, dst, &out);

    encoded->data = out.start;
    encoded->len = ngx_llm_out_len(&out);

    return out.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_sigv4_compare(ngx_str_t *one, ngx_str_t *two)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(one->data, two->data, ngx_min(one->len, two->len));

    return rc ? rc : (ngx_int_t) one->len - (ngx_int_t) two->len;
}


static void
ngx_llm_sigv4_segment(u_char *p, u_char *last, ngx_llm_out_t *out)
{
    u_char  c, escape[3];

    static u_char  hex[] = "0123456789ABCDEF";

    for ( /* void */ ; p < last; p++) {
        c = *p;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || c == '-' || c == '_' || c == '.' || c == '~')
        {
            ngx_llm_out_char(out, c);
            continue;
        }

        escape[0] = '%';
        escape[1] = hex[c >> 4];
        escape[2] = hex[c & 0xf];

        ngx_llm_out_data(out, escape, 3);
    }
}


/* blanks around it cut, runs of them folded */

static void
ngx_llm_sigv4_value(ngx_str_t *value, ngx_llm_out_t *out)
{
    size_t      i;
    ngx_uint_t  blank, n;

    blank = 0;
    n = 0;

    for (i = 0; i < value->len; i++) {

        if (value->data[i] == ' ' || value->data[i] == '\t') {
            blank = (n != 0);
            continue;
        }

        if (blank) {
            ngx_llm_out_char(out, ' ');
        }

        blank = 0;
        n++;

        ngx_llm_out_char(out, value->data[i]);
    }
}


static void
ngx_llm_sigv4_names(ngx_llm_sigv4_ctx_t *ctx, ngx_llm_out_t *out)
{
    ngx_uint_t  i;

    for (i = 0; i < ctx->n; i++) {

        if (i) {
            ngx_llm_out_char(out, ';');
        }

        ngx_llm_out_str(out, &ctx->headers[i].key);
    }
}


static ngx_int_t
ngx_llm_sigv4_sha256(ngx_str_t *text, ngx_uint_t n, u_char *hex)
{
    int           ok;
    ngx_uint_t    i;
    EVP_MD_CTX   *md;
    u_char        hash[NGX_LLM_SIGV4_SHA256];

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    ok = EVP_DigestInit_ex(md, EVP_sha256(), NULL);

    for (i = 0; ok == 1 && i < n; i++) {
        ok = EVP_DigestUpdate(md, text[i].data, text[i].len);
    }

    if (ok == 1) {
        ok = EVP_DigestFinal_ex(md, hash, NULL);
    }

    EVP_MD_CTX_free(md);

    if (ok != 1) {
        return NGX_ERROR;
    }

    ngx_hex_dump(hex, hash, sizeof(hash));

    return NGX_OK;
}


void *
ngx_llm_sigv4_body_begin(ngx_pool_t *pool)
{
    EVP_MD_CTX          *md;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NULL;
    }

    cln->handler = ngx_llm_sigv4_body_cleanup;
    cln->data = md;

    return EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 ? md : NULL;
}


ngx_int_t
ngx_llm_sigv4_body_add(void *body, u_char *p, size_t len)
{
    return EVP_DigestUpdate(body, p, len) == 1 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_llm_sigv4_body_end(void *body, u_char hash[64])
{
    u_char  sha[NGX_LLM_SIGV4_SHA256];

    if (EVP_DigestFinal_ex(body, sha, NULL) != 1) {
        return NGX_ERROR;
    }

    ngx_hex_dump(hash, sha, sizeof(sha));

    return NGX_OK;
}


static void
ngx_llm_sigv4_body_cleanup(void *data)
{
    EVP_MD_CTX_free(data);
}


static ngx_int_t
ngx_llm_sigv4_signature(ngx_llm_sigv4_ctx_t *ctx, u_char *hash, u_char *hex)
{
    size_t            len;
    u_char           *last;
    ngx_int_t         rc;
    ngx_str_t         date, request, text;
    ngx_llm_sigv4_t  *sign;
    u_char            key[NGX_LLM_SIGV4_SHA256];
    u_char            secret[NGX_LLM_SIGV4_SECRET];
    u_char            buf[NGX_LLM_SIGV4_SECRET];

    sign = ctx->sign;

    if (sign->secret.len > sizeof(secret) - 4) {
        return NGX_ERROR;
    }

    last = ngx_slprintf(buf, buf + sizeof(buf),
                        NGX_LLM_SIGV4_ALGORITHM "\n%V\n%V\n%*s",
                        &ctx->date, &ctx->scope, (size_t) 64, hash);

    if (last == buf + sizeof(buf)) {
        return NGX_ERROR;
    }

    text.data = buf;
    text.len = last - buf;

    date.data = ctx->date.data;
    date.len = 8;

    ngx_str_set(&request, "aws4_request");

    len = ngx_sprintf(secret, "AWS4%V", &sign->secret) - secret;

    rc = ngx_llm_sigv4_hmac(secret, len, &date, key);

    ngx_explicit_memzero(secret, sizeof(secret));

    if (rc != NGX_OK
        || ngx_llm_sigv4_hmac(key, sizeof(key), &sign->region, key) != NGX_OK
        || ngx_llm_sigv4_hmac(key, sizeof(key), &sign->service, key)
           != NGX_OK
        || ngx_llm_sigv4_hmac(key, sizeof(key), &request, key) != NGX_OK
        || ngx_llm_sigv4_hmac(key, sizeof(key), &text, key) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_hex_dump(hex, key, sizeof(key));

    return NGX_OK;
}


/* mac may be the key */

static ngx_int_t
ngx_llm_sigv4_hmac(u_char *key, size_t len, ngx_str_t *text, u_char *mac)
{
    u_char  md[EVP_MAX_MD_SIZE];

    if (HMAC(EVP_sha256(), key, (int) len, text->data, text->len, md, NULL)
        == NULL)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(mac, md, NGX_LLM_SIGV4_SHA256);

    return NGX_OK;
}
