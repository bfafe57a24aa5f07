
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Ids of calls: exactly nine letters and digits.  Those of other providers
 * become a hash of theirs, the same for call and result, and the same in each
 * request of a conversation.
 */


#include "ngx_llm_mistral.h"


#define NGX_LLM_MISTRAL_ROUNDS  8


static ngx_int_t ngx_llm_mistral_assign(ngx_llm_mistral_request_t *ctx,
    uint64_t salt);
static ngx_int_t ngx_llm_mistral_unique(ngx_llm_mistral_request_t *ctx);
static ngx_uint_t ngx_llm_mistral_fits(ngx_str_t *id);
static uint64_t ngx_llm_mistral_hash(ngx_str_t *text, uint64_t salt);
static int ngx_libc_cdecl ngx_llm_mistral_compare(const void *one,
    const void *two);


ngx_int_t
ngx_llm_mistral_ids(ngx_llm_mistral_request_t *ctx)
{
    uint64_t   salt;
    ngx_int_t  rc;

    if (ngx_llm_compose_calls(&ctx->rq) != NGX_OK) {
        return NGX_ERROR;
    }

    for (salt = 0; salt < NGX_LLM_MISTRAL_ROUNDS; salt++) {

        rc = ngx_llm_mistral_assign(ctx, salt);

        if (rc == NGX_OK) {
            rc = ngx_llm_mistral_unique(ctx);
        }

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    return ngx_llm_error(ctx->rq.chat->pool, ctx->rq.err, 400,
                         "invalid_request_error", NULL, "messages",
                         "the ids of tool calls cannot be told apart");
}


static ngx_int_t
ngx_llm_mistral_assign(ngx_llm_mistral_request_t *ctx, uint64_t salt)
{
    u_char                  *p;
    ngx_uint_t               i;
    ngx_llm_compose_call_t  *call;

    call = ctx->rq.calls.elts;

    for (i = 0; i < ctx->rq.calls.nelts; i++) {

        if (!call[i].named && ngx_llm_mistral_fits(&call[i].key)) {
            continue;
        }

        if (salt == 0) {

            p = ngx_pnalloc(ctx->rq.chat->pool, NGX_LLM_MISTRAL_ID_LEN);
            if (p == NULL) {
                return NGX_ERROR;
            }

            /* a call without an id has a number that is its own */

            if (!call[i].named) {
                call[i].id = call[i].key;
            }

            ngx_llm_mistral_id(ngx_llm_mistral_hash(&call[i].id, 0), p);

            call[i].id.data = p;
            call[i].id.len = NGX_LLM_MISTRAL_ID_LEN;

        } else {
            ngx_llm_mistral_id(ngx_llm_mistral_hash(&call[i].id, salt),
                               call[i].id.data);
        }
    }

    return NGX_OK;
}


/* NGX_DECLINED: two that differ became the same */

static ngx_int_t
ngx_llm_mistral_unique(ngx_llm_mistral_request_t *ctx)
{
    size_t                   size;
    ngx_uint_t               i;
    ngx_llm_compose_call_t  *a, *b, *copy;

    if (ctx->rq.calls.nelts < 2) {
        return NGX_OK;
    }

    size = ctx->rq.calls.nelts * sizeof(ngx_llm_compose_call_t);

    copy = ngx_palloc(ctx->rq.chat->pool, size);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, ctx->rq.calls.elts, size);

    ngx_qsort(copy, ctx->rq.calls.nelts, sizeof(ngx_llm_compose_call_t),
              ngx_llm_mistral_compare);

    for (i = 1; i < ctx->rq.calls.nelts; i++) {

        a = &copy[i - 1];
        b = &copy[i];

        if (ngx_llm_mistral_compare(a, b) == 0
            && (a->named || b->named || a->key.len != b->key.len
                || ngx_memcmp(a->key.data, b->key.data, a->key.len) != 0))
        {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_mistral_fits(ngx_str_t *id)
{
    size_t  i;
    u_char  ch;

    if (id->len != NGX_LLM_MISTRAL_ID_LEN) {
        return 0;
    }

    for (i = 0; i < id->len; i++) {
        ch = id->data[i];

        if ((ch < '0' || ch > '9')
            && ((ch | 0x20) < 'a' || (ch | 0x20) > 'z'))
        {
            return 0;
        }
    }

    return 1;
}


void
ngx_llm_mistral_id(uint64_t hash, u_char *p)
{
    ngx_uint_t  i;

    static u_char  digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (i = 0; i < NGX_LLM_MISTRAL_ID_LEN; i++) {
        p[i] = digits[hash % 62];
        hash /= 62;
    }
}


/* FNV-1a; what differs at the end differs in all of it after the last step */

static uint64_t
ngx_llm_mistral_hash(ngx_str_t *text, uint64_t salt)
{
    size_t    i;
    uint64_t  hash;

    hash = 0xcbf29ce484222325ULL + salt;

    for (i = 0; i < text->len; i++) {
        hash = (hash ^ text->data[i]) * 0x100000001b3ULL;
    }

    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdULL;

    return hash ^ (hash >> 33);
}


static int ngx_libc_cdecl
ngx_llm_mistral_compare(const void *one, const void *two)
{
    ngx_llm_compose_call_t  *a, *b;

    a = (ngx_llm_compose_call_t *) one;
    b = (ngx_llm_compose_call_t *) two;

    return ngx_memcmp(a->id.data, b->id.data, NGX_LLM_MISTRAL_ID_LEN);
}
