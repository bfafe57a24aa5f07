
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Results of tools.  The provider wants those of one turn in one content, in
 * the order of their calls, with nothing behind them; a result names its
 * function, which OpenAI's only does by the id of the call.
 */


#include "ngx_llm_gemini_request.h"


/* the provider's limit is near 100, with what stands around the result */
#define NGX_LLM_GEMINI_MAX_RESULT_DEPTH  64


typedef struct {
    ngx_str_t           key;        /* the id, or the name without one */
    ngx_uint_t          n;          /* place among its kind */
    ngx_llm_part_t     *call;
    ngx_llm_message_t  *result;     /* of a call: the one found */
} ngx_llm_gemini_pair_t;


static ngx_int_t ngx_llm_gemini_match(ngx_llm_gemini_request_t *ctx,
    ngx_array_t *calls, ngx_array_t *results);
static ngx_int_t ngx_llm_gemini_collect(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *first, ngx_llm_message_t *last, ngx_array_t *calls,
    ngx_array_t *results);
static int ngx_libc_cdecl ngx_llm_gemini_compare(const void *one,
    const void *two);
static int ngx_llm_gemini_compare_keys(const ngx_llm_gemini_pair_t *a,
    const ngx_llm_gemini_pair_t *b);
static ngx_int_t ngx_llm_gemini_write_result(ngx_llm_gemini_request_t *ctx,
    ngx_llm_part_t *call, ngx_llm_message_t *m);
static ngx_int_t ngx_llm_gemini_write_response(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m);
static ngx_int_t ngx_llm_gemini_result_object(ngx_llm_gemini_request_t *ctx,
    ngx_str_t *text, ngx_str_t *raw);
static ngx_uint_t ngx_llm_gemini_plain_struct(ngx_llm_json_t *node,
    ngx_uint_t depth);
static ngx_uint_t ngx_llm_gemini_is_inside(ngx_llm_gemini_request_t *ctx,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_gemini_write_outside(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *first, ngx_llm_message_t *last);


ngx_int_t
ngx_llm_gemini_write_results(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *first, ngx_llm_message_t *last)
{
    ngx_int_t               rc;
    ngx_uint_t              i, n;
    ngx_array_t             calls, results;
    ngx_llm_message_t      *m;
    ngx_llm_gemini_pair_t  *pair;

    n = 0;

    for (m = first; m != last; m = m->next) {
        if (m->role == NGX_LLM_ROLE_TOOL) {
            n++;
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    if (ngx_array_init(&results, ctx->chat->pool, n,
                       sizeof(ngx_llm_gemini_pair_t))
        != NGX_OK
        || ngx_array_init(&calls, ctx->chat->pool, n,
                          sizeof(ngx_llm_gemini_pair_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_llm_gemini_collect(ctx, first, last, &calls, &results)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_llm_gemini_match(ctx, &calls, &results);
    if (rc != NGX_OK) {
        return rc;
    }

    pair = calls.elts;

    for (i = 0; i < calls.nelts; i++) {

        if (pair[i].result == NULL) {
            continue;
        }

        rc = ngx_llm_gemini_write_result(ctx, pair[i].call, pair[i].result);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_llm_gemini_write_outside(ctx, first, last);
}


static ngx_int_t
ngx_llm_gemini_collect(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *first, ngx_llm_message_t *last, ngx_array_t *calls,
    ngx_array_t *results)
{
    ngx_llm_part_t         *part;
    ngx_llm_message_t      *m;
    ngx_llm_gemini_pair_t  *pair;

    if (ctx->content == NGX_LLM_GEMINI_MODEL) {

        for (m = ctx->calls; m != first; m = m->next) {

            if (m->role != NGX_LLM_ROLE_ASSISTANT) {
                continue;
            }

            for (part = m->parts; part; part = part->next) {

                if (part->type != NGX_LLM_PART_TOOL_CALL) {
                    continue;
                }

                pair = ngx_array_push(calls);
                if (pair == NULL) {
                    return NGX_ERROR;
                }

                pair->key = part->legacy ? part->name : part->id;
                pair->n = calls->nelts - 1;
                pair->call = part;
                pair->result = NULL;
            }
        }
    }

    for (m = first; m != last; m = m->next) {

        if (m->role != NGX_LLM_ROLE_TOOL) {
            continue;
        }

        /* there is room for all */

        pair = ngx_array_push(results);

        pair->key = m->legacy ? m->name : m->tool_call_id;
        pair->n = results->nelts - 1;
        pair->call = NULL;
        pair->result = m;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_match(ngx_llm_gemini_request_t *ctx, ngx_array_t *calls,
    ngx_array_t *results)
{
    int                     rc;
    ngx_uint_t              c, r;
    ngx_llm_gemini_pair_t  *call, *copy, *result;

    call = calls->elts;
    result = results->elts;

    copy = ngx_pnalloc(ctx->chat->pool,
                       (calls->nelts + 1) * sizeof(ngx_llm_gemini_pair_t));
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, call, calls->nelts * sizeof(ngx_llm_gemini_pair_t));

    ngx_qsort(copy, calls->nelts, sizeof(ngx_llm_gemini_pair_t),
              ngx_llm_gemini_compare);
    ngx_qsort(result, results->nelts, sizeof(ngx_llm_gemini_pair_t),
              ngx_llm_gemini_compare);

    c = 0;

    for (r = 0; r < results->nelts; r++) {

        rc = 1;

        while (c < calls->nelts) {
            rc = ngx_llm_gemini_compare_keys(&copy[c], &result[r]);

            if (rc >= 0) {
                break;
            }

            c++;
        }

        if (c == calls->nelts || rc != 0) {
            return ngx_llm_error(ctx->chat->pool, ctx->err, 400,
                                 "invalid_request_error", NULL, "messages",
                                 "messages[%ui] is the result of no call in "
                                 "the message before", result[r].result->index);
        }

        call[copy[c++].n].result = result[r].result;
    }

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_llm_gemini_compare(const void *one, const void *two)
{
    int                           rc;
    const ngx_llm_gemini_pair_t  *a = one;
    const ngx_llm_gemini_pair_t  *b = two;

    rc = ngx_llm_gemini_compare_keys(a, b);

    return rc ? rc : (a->n < b->n) ? -1 : (a->n > b->n);
}


static int
ngx_llm_gemini_compare_keys(const ngx_llm_gemini_pair_t *a,
    const ngx_llm_gemini_pair_t *b)
{
    int     rc;
    size_t  len;

    len = ngx_min(a->key.len, b->key.len);

    rc = len ? ngx_memcmp(a->key.data, b->key.data, len) : 0;

    if (rc) {
        return rc;
    }

    return (a->key.len < b->key.len) ? -1 : (a->key.len > b->key.len);
}


static ngx_int_t
ngx_llm_gemini_write_result(ngx_llm_gemini_request_t *ctx,
    ngx_llm_part_t *call, ngx_llm_message_t *m)
{
    ngx_int_t        rc;
    ngx_uint_t       n;
    ngx_llm_out_t   *out;
    ngx_llm_part_t  *part;

    out = ctx->out;

    ngx_llm_gemini_begin(ctx, NGX_LLM_GEMINI_RESULTS);

    ngx_llm_out_lit(out, "{\"functionResponse\":{");

    if (call->id.len && (ctx->service & NGX_LLM_GEMINI_IDS)) {
        ngx_llm_out_lit(out, "\"id\":");
        ngx_llm_out_quoted(out, &call->id);
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_lit(out, "\"name\":");
    ngx_llm_out_quoted(out, &call->name);
    ngx_llm_out_lit(out, ",\"response\":");

    rc = ngx_llm_gemini_write_response(ctx, m);
    if (rc != NGX_OK) {
        return rc;
    }

    n = 0;

    for (part = m->parts; part; part = part->next) {

        if (!ngx_llm_gemini_is_inside(ctx, part)) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(out, ',');

        } else {
            ngx_llm_out_lit(out, ",\"parts\":[");
        }

        ngx_llm_out_lit(out, "{\"inlineData\":");
        ngx_llm_gemini_write_blob(ctx, part);
        ngx_llm_out_char(out, '}');
    }

    if (n) {
        ngx_llm_out_char(out, ']');
    }

    ngx_llm_out_lit(out, "}}");

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_write_response(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *m)
{
    ngx_int_t        rc;
    ngx_str_t        raw;
    ngx_uint_t       n;
    ngx_llm_out_t   *out;
    ngx_llm_part_t  *first, *part;

    n = 0;
    first = NULL;
    out = ctx->out;

    for (part = m->parts; part; part = part->next) {

        if ((part->type == NGX_LLM_PART_TEXT
             || part->type == NGX_LLM_PART_REFUSAL)
            && n++ == 0)
        {
            first = part;
        }
    }

    if (n == 1 && !m->is_error) {

        rc = ngx_llm_gemini_result_object(ctx, &first->text, &raw);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {
            ngx_llm_out_str(out, &raw);
            return NGX_OK;
        }
    }

    if (m->is_error) {
        ngx_llm_out_lit(out, "{\"error\":\"");

    } else {
        ngx_llm_out_lit(out, "{\"output\":\"");
    }

    n = 0;

    for (part = m->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_TEXT
            && part->type != NGX_LLM_PART_REFUSAL)
        {
            continue;
        }

        if (n++) {
            ngx_llm_out_lit(out, "\\n");
        }

        ngx_llm_out_str(out, &part->text);
    }

    ngx_llm_out_lit(out, "\"}");

    return NGX_OK;
}


/* NGX_DECLINED: the text is no object, or none that the provider takes */

static ngx_int_t
ngx_llm_gemini_result_object(ngx_llm_gemini_request_t *ctx, ngx_str_t *text,
    ngx_str_t *raw)
{
    size_t           i;
    ngx_str_t        plain;
    ngx_llm_json_t  *node;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] == '{') {
            break;
        }

        /* blanks, as they are or escaped */

        if (text->data[i] != ' ' && text->data[i] != '\\'
            && text->data[i] != 'n' && text->data[i] != 'r'
            && text->data[i] != 't')
        {
            return NGX_DECLINED;
        }
    }

    if (i == text->len) {
        return NGX_DECLINED;
    }

    plain = ngx_llm_json_plain(ctx->chat->pool, text);
    if (plain.data == NULL) {
        return NGX_ERROR;
    }

    node = ngx_llm_json_parse(ctx->chat->pool, &plain, NULL);

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT
        || !ngx_llm_gemini_plain_struct(node, 0))
    {
        return NGX_DECLINED;
    }

    *raw = node->raw;

    return NGX_OK;
}


/* a member "$ref" would be read as a pointer to a part beside the result */

static ngx_uint_t
ngx_llm_gemini_plain_struct(ngx_llm_json_t *node, ngx_uint_t depth)
{
    ngx_llm_json_t  *m;

    if (depth > NGX_LLM_GEMINI_MAX_RESULT_DEPTH) {
        return 0;
    }

    for (m = node->child; m; m = m->next) {

        if (node->type == NGX_LLM_JSON_OBJECT
            && m->key.len == sizeof("$ref") - 1
            && ngx_memcmp(m->key.data, "$ref", m->key.len) == 0)
        {
            return 0;
        }

        if (m->child && !ngx_llm_gemini_plain_struct(m, depth + 1)) {
            return 0;
        }
    }

    return 1;
}


/* media that the result itself can hold */

static ngx_uint_t
ngx_llm_gemini_is_inside(ngx_llm_gemini_request_t *ctx, ngx_llm_part_t *part)
{
    return (part->type == NGX_LLM_PART_IMAGE
            || part->type == NGX_LLM_PART_AUDIO
            || part->type == NGX_LLM_PART_FILE)
           && part->data.len
           && (ctx->model->flags & NGX_LLM_GEMINI_MIXED);
}


/* all other media follow in a content of the user's */

static ngx_int_t
ngx_llm_gemini_write_outside(ngx_llm_gemini_request_t *ctx,
    ngx_llm_message_t *first, ngx_llm_message_t *last)
{
    ngx_int_t           rc;
    ngx_str_t           none;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *m;

    ngx_str_null(&none);

    for (m = first; m != last; m = m->next) {

        if (m->role != NGX_LLM_ROLE_TOOL) {
            continue;
        }

        for (part = m->parts; part; part = part->next) {

            if (part->type == NGX_LLM_PART_TEXT
                || part->type == NGX_LLM_PART_REFUSAL
                || !ngx_llm_gemini_written(m, part)
                || ngx_llm_gemini_is_inside(ctx, part))
            {
                continue;
            }

            ngx_llm_gemini_begin(ctx, NGX_LLM_GEMINI_USER);

            rc = ngx_llm_gemini_write_part(ctx, m, part, &none);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}
