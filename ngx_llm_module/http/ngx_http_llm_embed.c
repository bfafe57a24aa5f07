
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * POST /v1/embeddings.  More inputs than a provider takes at once go out in
 * several requests, one after the other, of one attempt: each is an exchange
 * with the same deployment, and the attempt has failed if one of them has.
 */


#include "ngx_http_llm_call.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_quirks.h"


typedef struct {
    ngx_llm_embed_t          part;      /* what is asked for now */
    ngx_llm_embed_answer_t   answer;    /* so far */
    ngx_llm_usage_t          usage;     /* likewise */
    ngx_uint_t               parts;
    ngx_uint_t               max;       /* inputs of a part */
    size_t                   max_bytes; /* of them; 0: any */
    size_t                   bytes;     /* of the answers, which stay */
    ngx_array_t             *dropped;   /* before anything is written */
} ngx_http_llm_embed_state_t;


static ngx_int_t ngx_http_llm_embed_read(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_embed_request(ngx_http_llm_attempt_t *at);
static void ngx_http_llm_embed_take(ngx_http_llm_embed_state_t *state,
    ngx_uint_t left);
static size_t ngx_http_llm_embed_size(ngx_llm_embed_t *part);
static ngx_int_t ngx_http_llm_embed_overlay(ngx_http_llm_attempt_t *at,
    ngx_llm_embed_t *embed);
static ngx_int_t ngx_http_llm_embed_part(ngx_http_llm_attempt_t *at,
    ngx_http_llm_embed_state_t *state);
static ngx_int_t ngx_http_llm_embed_edit(ngx_http_llm_attempt_t *at,
    ngx_http_llm_embed_state_t *state, ngx_array_t *slices);
static ngx_int_t ngx_http_llm_embed_write(ngx_http_llm_attempt_t *at,
    ngx_http_llm_embed_state_t *state, ngx_array_t *slices);
static ngx_int_t ngx_http_llm_embed_path(ngx_http_llm_attempt_t *at,
    ngx_http_llm_embed_state_t *state, ngx_str_t *path);
static ngx_int_t ngx_http_llm_embed_answer(ngx_http_llm_attempt_t *at);
static void ngx_http_llm_embed_usage(ngx_http_llm_embed_state_t *state);
static ngx_int_t ngx_http_llm_embed_out(ngx_http_llm_attempt_t *at,
    ngx_http_llm_embed_state_t *state);


const ngx_http_llm_call_t  ngx_http_llm_embed = {
    ngx_string("/embeddings"),
    ngx_null_string,
    ngx_llm_embed_params,
    NULL,
    ngx_http_llm_embed_read,
    ngx_http_llm_embed_request,
    ngx_http_llm_embed_answer,
    0, 0, 0
};


static ngx_int_t
ngx_http_llm_embed_read(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_llm_embed_t  *embed;

    embed = ngx_pcalloc(r->pool, sizeof(ngx_llm_embed_t));
    if (embed == NULL) {
        return NGX_ERROR;
    }

    embed->chat = &ctx->chat;
    ctx->call_data = embed;

    return ngx_llm_openai_read_embed(embed, err);
}


static ngx_int_t
ngx_http_llm_embed_request(ngx_http_llm_attempt_t *at)
{
    ngx_int_t                       rc;
    ngx_llm_embed_t                *embed;
    ngx_http_llm_ctx_t             *ctx;
    ngx_http_llm_embed_state_t     *state;
    const ngx_llm_embed_dialect_t  *dialect;

    ctx = at->ctx;
    embed = ctx->call_data;
    dialect = at->provider->dialect->embed;

    ctx->chat.dropped = NULL;

    if (dialect == NULL) {
        return ngx_llm_error(at->request->pool, &at->err, 400,
                             "invalid_request_error",
                             "unsupported_parameter", NULL,
                             "the provider \"%V\" has no embeddings",
                             &at->provider->name);
    }

    state = ngx_pcalloc(at->request->pool,
                        sizeof(ngx_http_llm_embed_state_t));
    if (state == NULL) {
        return NGX_ERROR;
    }

    at->state = state;
    at->target.path = ctx->call->path;
    at->splice = (at->provider->dialect == ctx->dialect
                  && dialect->edit_request);

    state->max = dialect->max ? dialect->max(&at->target)
                              : dialect->max_inputs;

    if (at->target.quirks && at->target.quirks->max_inputs) {
        state->max = ngx_min(state->max, at->target.quirks->max_inputs);
    }

    state->max_bytes = dialect->max_bytes;
    state->part = *embed;

    if (!at->splice) {
        rc = ngx_http_llm_embed_overlay(at, &state->part);

        if (rc != NGX_OK) {
            return rc;
        }

        state->dropped = ctx->chat.dropped;
    }

    ngx_http_llm_embed_take(state, embed->n);

    ngx_llm_usage_init(&state->usage);

    if (ngx_llm_embed_answer_init(&state->answer, at->request->pool, embed->n)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_embed_part(at, state);
}


/* how many of those that are left go into the part, at least one */

static void
ngx_http_llm_embed_take(ngx_http_llm_embed_state_t *state, ngx_uint_t left)
{
    size_t            size;
    ngx_uint_t        n;
    ngx_llm_json_t   *node;
    ngx_llm_embed_t  *part;

    part = &state->part;
    left = ngx_min(left, state->max);

    if (state->max_bytes) {
        node = part->first;
        size = 0;

        for (n = 0; n < left; n++) {
            size += node->raw.len;

            if (n && size > state->max_bytes) {
                break;
            }

            node = node->next;
        }

        left = n;
    }

    part->n = left;
}


/* of the texts of a part */

static size_t
ngx_http_llm_embed_size(ngx_llm_embed_t *part)
{
    size_t           size;
    ngx_uint_t       i;
    ngx_llm_json_t  *node;

    size = 0;
    node = part->first;

    for (i = 0; i < part->n; i++) {
        size += node->raw.len;
        node = node->next;
    }

    return size;
}


/* what is dropped and set, as if the client had said so */

static ngx_int_t
ngx_http_llm_embed_overlay(ngx_http_llm_attempt_t *at, ngx_llm_embed_t *embed)
{
    ngx_int_t        rc;
    ngx_llm_chat_t  *copy;

    rc = ngx_llm_call_overlay(&at->ctx->chat, &at->target,
                              ngx_llm_embed_params, &copy);

    if (rc != NGX_OK || copy == NULL) {
        return rc;
    }

    ngx_memzero(embed, sizeof(ngx_llm_embed_t));
    embed->chat = copy;

    return ngx_llm_openai_read_embed(embed, &at->err);
}


static ngx_int_t
ngx_http_llm_embed_part(ngx_http_llm_attempt_t *at,
    ngx_http_llm_embed_state_t *state)
{
    ngx_int_t    rc;
    ngx_str_t    path;
    ngx_array_t  slices;

    state->parts++;

    /* what is left out is named once */

    at->ctx->chat.dropped = NULL;

    if (ngx_array_init(&slices, at->request->pool, 4, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = at->splice ? ngx_http_llm_embed_edit(at, state, &slices)
                    : ngx_http_llm_embed_write(at, state, &slices);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llm_embed_path(at, state, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_attempt_out(at, &path, &slices);
}


static ngx_int_t
ngx_http_llm_embed_edit(ngx_http_llm_attempt_t *at,
    ngx_http_llm_embed_state_t *state, ngx_array_t *slices)
{
    u_char           *begin, *end;
    ngx_int_t         rc;
    ngx_str_t         none;
    ngx_uint_t        i;
    ngx_array_t       edits;
    ngx_llm_embed_t  *part, *embed;
    ngx_llm_json_t   *node, *input;

    part = &state->part;
    embed = at->ctx->call_data;

    if (ngx_array_init(&edits, at->request->pool, 4, sizeof(ngx_llm_edit_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = at->provider->dialect->embed->edit_request(part, &at->target, &edits,
                                                    &at->err);
    if (rc != NGX_OK) {
        return rc;
    }

    if (part->n < embed->n) {

        /* of the list the elements of the part stay */

        node = part->first;
        input = part->input;

        for (i = 1; i < part->n; i++) {
            node = node->next;
        }

        begin = input->raw.data + 1;
        end = node->raw.data + node->raw.len;

        ngx_str_null(&none);

        if (ngx_llm_edit_add(&edits, begin, part->first->raw.data - begin,
                             &none)
            != NGX_OK
            || ngx_llm_edit_add(&edits, end,
                                input->raw.data + input->raw.len - 1 - end,
                                &none)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_llm_edit_apply(&at->ctx->chat.text, &edits, slices);
}


static ngx_int_t
ngx_http_llm_embed_write(ngx_http_llm_attempt_t *at,
    ngx_http_llm_embed_state_t *state, ngx_array_t *slices)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    ngx_llm_out_t    out;
    ngx_llm_chat_t  *chat, *asked;

    chat = &at->ctx->chat;
    asked = state->part.chat;

    ngx_llm_out_init(&out, at->request->pool, NULL, 0,
                     NGX_HTTP_LLM_MAX_ANSWER);

    if (ngx_llm_out_reserve(&out, ngx_http_llm_embed_size(&state->part) + 512)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    asked->dropped = (state->parts == 1) ? state->dropped : NULL;

    rc = at->provider->dialect->embed->write_request(&state->part,
                                                     &at->target, &out,
                                                     &at->err);
    if (rc != NGX_OK) {
        return rc;
    }

    if (state->parts == 1) {
        state->dropped = asked->dropped;
    }

    chat->dropped = state->dropped;

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    return ngx_llm_call_places(chat, &at->target, ngx_llm_embed_params, &text,
                               slices);
}


static ngx_int_t
ngx_http_llm_embed_path(ngx_http_llm_attempt_t *at,
    ngx_http_llm_embed_state_t *state, ngx_str_t *path)
{
    ngx_llm_out_t             out;
    const ngx_llm_dialect_t  *dialect;

    dialect = at->provider->dialect;

    ngx_llm_out_init(&out, at->request->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    if (dialect->embed->write_path) {
        dialect->embed->write_path(&state->part, &at->target, &out);

    } else if (dialect->embed->path.len) {
        ngx_llm_out_str(&out, &at->target.base);
        ngx_llm_out_data(&out, dialect->embed->path.data,
                         dialect->embed->path.len);

    } else {
        dialect->write_path(&at->ctx->chat, &at->target, &out);
    }

    path->data = out.start;
    path->len = ngx_llm_out_len(&out);

    return out.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_llm_embed_answer(ngx_http_llm_attempt_t *at)
{
    ngx_int_t                       rc;
    ngx_str_t                       text;
    ngx_uint_t                      i, left;
    ngx_llm_embed_t                *embed, *part;
    ngx_llm_json_t                 *root;
    ngx_llm_embed_answer_t         *answer;
    ngx_http_llm_embed_state_t     *state;
    const ngx_llm_embed_dialect_t  *dialect;

    state = at->state;
    part = &state->part;
    answer = &state->answer;
    embed = at->ctx->call_data;
    dialect = at->provider->dialect->embed;

    text.data = at->body.start;
    text.len = ngx_llm_out_len(&at->body);

    state->bytes += text.len;

    if (state->bytes > NGX_HTTP_LLM_MAX_ANSWER) {
        ngx_log_error(NGX_LOG_WARN, at->request->connection->log, 0,
                      "llm provider \"%V\" sent answers of more than %uz "
                      "bytes", &at->provider->name,
                      (size_t) NGX_HTTP_LLM_MAX_ANSWER);

        return NGX_DECLINED;
    }

    root = ngx_llm_embed_parse(answer, &text);

    if (root == NULL) {
        return NGX_DECLINED;
    }

    rc = dialect->read_response(root, part, answer, &at->err);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_llm_embed_whole(answer, part->n)) {
        return NGX_DECLINED;
    }

    ngx_http_llm_embed_usage(state);

    answer->from += part->n;
    left = embed->n - answer->from;

    if (left == 0) {
        return ngx_http_llm_embed_out(at, state);
    }

    for (i = 0; i < part->n; i++) {
        part->first = part->first->next;
    }

    ngx_http_llm_embed_take(state, left);

    rc = ngx_http_llm_embed_part(at, state);

    return (rc == NGX_OK) ? NGX_AGAIN : NGX_ERROR;
}


/* of all parts; what one of them does not say is not known */

static void
ngx_http_llm_embed_usage(ngx_http_llm_embed_state_t *state)
{
    ngx_llm_usage_t  *sum, *usage;

    sum = &state->usage;
    usage = &state->answer.usage;

    if (state->parts == 1) {
        *sum = *usage;

    } else {
        sum->prompt += ngx_max(usage->prompt, 0);
        sum->reported &= usage->reported;
    }

    sum->completion = 0;
}


/* what was sent by a provider of the same dialect stays as it is */

static ngx_int_t
ngx_http_llm_embed_out(ngx_http_llm_attempt_t *at,
    ngx_http_llm_embed_state_t *state)
{
    ngx_uint_t           i, same;
    ngx_llm_embed_t     *embed;
    ngx_http_llm_ctx_t  *ctx;

    ctx = at->ctx;
    embed = ctx->call_data;

    ctx->usage = state->usage;

    same = (at->splice && state->parts == 1);

    for (i = 0; same && i < embed->n; i++) {
        same = (state->answer.vectors[i].base64 == embed->base64);
    }

    if (same) {
        ctx->out = at->body;
        return NGX_OK;
    }

    if (ngx_llm_out_reserve(&ctx->out, ngx_llm_out_len(&at->body) + 512)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_openai_write_embed(embed, &state->answer, &ctx->usage,
                                      &ctx->out);
}
