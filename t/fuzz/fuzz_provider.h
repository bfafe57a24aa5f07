
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the fuzzers of a dialect for providers share: a request, an answer, a
 * stream.
 */


#ifndef _FUZZ_PROVIDER_H_INCLUDED_
#define _FUZZ_PROVIDER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_dump.h"


#define FUZZ_MAX      (64 * 1024 * 1024)

/* the most that a dialect reads of an answer */
#ifndef FUZZ_CHOICES
#define FUZZ_CHOICES  8
#endif

/* a stream may lack its start, calls their names and ends: not looked at */
#ifndef FUZZ_LAX
#define FUZZ_LAX      0
#endif

#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


typedef struct {
    ngx_uint_t    ntools;
    ngx_uint_t    open;         /* of the last tool */
    ngx_uint_t    finished;
} fuzz_choice_t;


typedef struct {
    ngx_pool_t     *pool;
    ngx_uint_t      started;
    ngx_uint_t      ended;
    fuzz_choice_t   choices[FUZZ_CHOICES];
} fuzz_order_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* is it a count of tokens that the client wants? */
static ngx_uint_t  fuzz_count;


/*
 * What the first byte chooses: one of the models, whose number is a power of
 * two, whether all may be dropped, and the client, which is returned.
 */

static ngx_inline const ngx_llm_dialect_t *
fuzz_choose(ngx_llm_target_t *target, char **models, ngx_uint_t n,
    uint8_t choice)
{
    ngx_memzero(target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target->provider, "fuzz");
    target->model.data = (u_char *) models[choice & (n - 1)];
    target->model.len = ngx_strlen(target->model.data);
    target->drop = (choice & 8) ? (uint64_t) -1 : 0;

    return (choice & 16) ? &ngx_llm_anthropic : &ngx_llm_openai;
}


/*
 * A client's request written for the provider of a target: the same each
 * time; check() looks at what was written.
 */

static ngx_inline void
fuzz_request(const ngx_llm_dialect_t *dialect,
    const ngx_llm_dialect_t *client, ngx_llm_target_t *target,
    const uint8_t *data, size_t size,
    void (*check)(ngx_pool_t *pool, ngx_str_t *text))
{
    ngx_int_t         rc;
    ngx_str_t         one, text;
    ngx_pool_t       *pool;
    ngx_llm_out_t     again, out;
    ngx_llm_chat_t    chat;
    ngx_llm_error_t   err;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    text.data = (u_char *) data;
    text.len = size;

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    ngx_llm_chat_init(&chat, pool, &text);

    chat.count = fuzz_count;

    if (client->read_request(&chat, &err) != NGX_OK) {
        ngx_destroy_pool(pool);
        return;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);
    rc = dialect->write_request(&chat, target, &out, &err);

    if (rc == NGX_DECLINED) {
        fuzz_assert(err.status == 400);
        fuzz_assert(err.message.len != 0);
        ngx_destroy_pool(pool);
        return;
    }

    fuzz_assert(rc == NGX_OK);

    one.data = out.start;
    one.len = ngx_llm_out_len(&out);

    check(pool, &one);

    ngx_llm_out_init(&again, pool, NULL, 0, FUZZ_MAX);
    rc = dialect->write_request(&chat, target, &again, &err);

    fuzz_assert(rc == NGX_OK);
    fuzz_assert(ngx_llm_out_len(&again) == one.len);
    fuzz_assert(ngx_memcmp(again.start, one.data, one.len) == 0);

    ngx_destroy_pool(pool);
}


/* what was written, with a depth that some texts gain */

static ngx_inline ngx_llm_json_t *
fuzz_parse(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_llm_json_t       *root;
    ngx_llm_json_conf_t   conf;

    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));

    conf.max_depth = NGX_LLM_MAX_DEPTH * 2;
    conf.max_nodes = NGX_LLM_MAX_NODES * 2;

    root = ngx_llm_json_parse(pool, text, &conf);
    fuzz_assert(root != NULL);

    return root;
}


static ngx_inline void
fuzz_json(ngx_pool_t *pool, ngx_str_t *text)
{
    (void) fuzz_parse(pool, text);
}


static ngx_inline ngx_uint_t
fuzz_is(ngx_llm_json_t *node, char *name, char *value)
{
    ngx_str_t  text;

    text = ngx_llm_json_str(node, name);

    return ngx_llm_json_is(&text, value);
}


/* an object of these members, each once and none null */

static ngx_inline void
fuzz_known(ngx_llm_json_t *node, char **names)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *m;

    fuzz_assert(node != NULL && node->type == NGX_LLM_JSON_OBJECT);
    fuzz_assert(ngx_llm_json_duplicate(node) == NULL);

    for (m = node->child; m; m = m->next) {

        for (i = 0; names[i]; i++) {

            if (m->key.len == ngx_strlen(names[i])
                && ngx_memcmp(m->key.data, names[i], m->key.len) == 0)
            {
                break;
            }
        }

        fuzz_assert(names[i] != NULL);
        fuzz_assert(m->type != NGX_LLM_JSON_NULL);
    }
}


static ngx_inline void
fuzz_escaped(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_str_t      json;
    ngx_llm_out_t  out;

    if (text->len == 0) {
        return;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);
    ngx_llm_out_quoted(&out, text);

    json.data = out.start;
    json.len = ngx_llm_out_len(&out);

    fuzz_json(pool, &json);
}


static ngx_inline void
fuzz_error(ngx_pool_t *pool, ngx_llm_error_t *err)
{
    fuzz_assert(err->status >= 400 && err->status < 600);
    fuzz_assert(err->fail != 0);
    fuzz_assert(err->message.len != 0);
    fuzz_assert(err->message.len <= NGX_LLM_MAX_ERROR_TEXT);

    fuzz_escaped(pool, &err->message);
}


static ngx_inline void
fuzz_write(ngx_pool_t *pool, ngx_llm_response_t *res,
    const ngx_llm_dialect_t *dialect)
{
    ngx_str_t          id, text;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_writer_t   w;

    ngx_str_set(&id, "id-1");
    ngx_str_set(&text, "{}");

    ngx_llm_chat_init(&chat, pool, &text);
    ngx_str_set(&chat.model, "m");

    ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);

    fuzz_assert(ngx_llm_writer_init(&w, dialect, pool, &chat, &id, 1)
                == NGX_OK);

    dialect->write_response(&w, res, &out);

    fuzz_assert(!out.failed);

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    fuzz_json(pool, &text);
}


static ngx_inline void
fuzz_response(ngx_pool_t *pool, ngx_llm_response_t *res)
{
    ngx_uint_t         i;
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice;

    fuzz_assert(res->choices.nelts > 0);
    fuzz_assert(res->choices.nelts <= FUZZ_CHOICES);

    for (i = 0; i < res->choices.nelts; i++) {

        choice = (ngx_llm_choice_t *) res->choices.elts + i;

        fuzz_assert(choice->finish != NGX_LLM_FINISH_NONE);

        for (part = choice->parts; part; part = part->next) {

            fuzz_escaped(pool, &part->text);
            fuzz_escaped(pool, &part->signature);
            fuzz_escaped(pool, &part->data);
            fuzz_escaped(pool, &part->id);
            fuzz_escaped(pool, &part->name);

            if (part->type == NGX_LLM_PART_TOOL_CALL) {
                fuzz_assert(FUZZ_LAX || part->id.len != 0);
                fuzz_assert(FUZZ_LAX || part->name.len != 0);

                /* one of the two is there */

                if (part->input.len) {
                    fuzz_json(pool, &part->input);
                }

                fuzz_escaped(pool, &part->arguments);
            }
        }

        if (choice->annotations.len) {
            fuzz_json(pool, &choice->annotations);
        }

        if (choice->logprobs.len) {
            fuzz_json(pool, &choice->logprobs);
        }
    }

    /* -1 is not known */

    if (res->usage.reported) {
        fuzz_assert(FUZZ_LAX || res->usage.prompt >= res->usage.cached);
        fuzz_assert(FUZZ_LAX || res->usage.prompt >= res->usage.cache_write);
        fuzz_assert(res->usage.cached >= -1);
        fuzz_assert(res->usage.cache_write >= res->usage.cache_write_1h);
        fuzz_assert(res->usage.cache_write_1h >= -1);
        fuzz_assert(FUZZ_LAX || res->usage.completion >= res->usage.reasoning);
        fuzz_assert(res->usage.reasoning >= -1);
    }

    fuzz_write(pool, res, &ngx_llm_openai);
    fuzz_write(pool, res, &ngx_llm_anthropic);
}


/* what is read without a tree is what is read with one */

static ngx_inline void
fuzz_lazily(const ngx_llm_dialect_t *dialect, ngx_pool_t *pool,
    ngx_str_t *text)
{
    ngx_int_t            rc[2];
    ngx_uint_t           lazy;
    ngx_llm_out_t        out[2];
    ngx_llm_error_t      err;
    ngx_llm_response_t   res;

    for (lazy = 0; lazy < 2; lazy++) {
        fuzz_assert(ngx_llm_response_init(&res, pool) == NGX_OK);

        res.lazy = lazy;

        ngx_llm_out_init(&out[lazy], pool, NULL, 0, FUZZ_MAX);

        rc[lazy] = dialect->read_response(text, &res, &err);

        if (rc[lazy] == NGX_OK) {
            test_dump_response(&out[lazy], &res);
            test_dump_number(&out[lazy], "service", res.usage.service);
        }
    }

    fuzz_assert(rc[0] == rc[1]);
    fuzz_assert(ngx_llm_out_len(&out[0]) == ngx_llm_out_len(&out[1]));
    fuzz_assert(rc[0] != NGX_OK
                || ngx_memcmp(out[0].start, out[1].start,
                              ngx_llm_out_len(&out[0]))
                   == 0);
}


/* a whole answer and an error: what is read can be written */

static ngx_inline void
fuzz_answer(const ngx_llm_dialect_t *dialect, const uint8_t *data,
    size_t size)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_pool_t          *pool;
    ngx_llm_error_t      err;
    ngx_llm_response_t   res;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    text.data = (u_char *) data;
    text.len = size;

    fuzz_lazily(dialect, pool, &text);

    fuzz_assert(ngx_llm_response_init(&res, pool) == NGX_OK);

    rc = dialect->read_response(&text, &res, &err);

    if (rc == NGX_OK) {
        fuzz_response(pool, &res);

    } else {
        fuzz_assert(rc == NGX_DECLINED);
        fuzz_error(pool, &err);
    }

    dialect->read_error(pool, 400 + size % 200, &text, &err);
    fuzz_error(pool, &err);

    ngx_destroy_pool(pool);
}


/* escaped text is what may stand between the quotes of a JSON string */

static ngx_inline void
fuzz_string(fuzz_order_t *order, ngx_str_t *text)
{
    ngx_str_t      json;
    ngx_llm_out_t  out;

    if (text->len == 0) {
        return;
    }

    ngx_llm_out_init(&out, order->pool, NULL, 0, TEST_DUMP);
    ngx_llm_out_quoted(&out, text);

    json.data = out.start;
    json.len = ngx_llm_out_len(&out);

    fuzz_assert(ngx_llm_json_parse(order->pool, &json, NULL) != NULL);
}


static ngx_inline ngx_int_t
fuzz_event(void *data, ngx_llm_event_t *ev)
{
    fuzz_order_t *order = data;

    ngx_uint_t      i, n;
    fuzz_choice_t  *choice;

    fuzz_assert(!order->ended);
    fuzz_assert(ev->choice < FUZZ_CHOICES);
    fuzz_assert(FUZZ_LAX || order->started
                || ev->type == NGX_LLM_EVENT_START
                || ev->type == NGX_LLM_EVENT_ERROR
                || ev->type == NGX_LLM_EVENT_PING);

    choice = &order->choices[ev->choice];

    fuzz_string(order, &ev->id);
    fuzz_string(order, &ev->name);
    fuzz_string(order, &ev->model);
    fuzz_string(order, &ev->signature);

    switch (ev->type) {

    case NGX_LLM_EVENT_START:
        fuzz_assert(!order->started);
        order->started = 1;
        break;

    case NGX_LLM_EVENT_TEXT:
        fuzz_assert(FUZZ_LAX || !choice->finished);
        fuzz_assert(ev->text.len != 0 || ev->signature.len != 0);
        fuzz_string(order, &ev->text);
        break;

    case NGX_LLM_EVENT_REASONING:
    case NGX_LLM_EVENT_SIGNATURE:
    case NGX_LLM_EVENT_REDACTED:
    case NGX_LLM_EVENT_REFUSAL:
        fuzz_assert(FUZZ_LAX || !choice->finished);
        fuzz_assert(ev->text.len != 0);
        fuzz_string(order, &ev->text);
        break;

    case NGX_LLM_EVENT_TOOL_START:
        fuzz_assert(!choice->open);
        fuzz_assert(FUZZ_LAX || !choice->finished);
        fuzz_assert(ev->tool == choice->ntools);
        fuzz_assert(FUZZ_LAX || (ev->id.len != 0 && ev->name.len != 0));
        choice->open = 1;
        choice->ntools++;
        break;

    case NGX_LLM_EVENT_TOOL_ARGS:
        fuzz_assert(choice->open);
        fuzz_assert(ev->tool == choice->ntools - 1);
        fuzz_assert(ev->text.len != 0);
        fuzz_string(order, &ev->text);
        break;

    case NGX_LLM_EVENT_TOOL_END:
        fuzz_assert(choice->open);
        fuzz_assert(ev->tool == choice->ntools - 1);
        choice->open = 0;
        break;

    case NGX_LLM_EVENT_ANNOTATION:
    case NGX_LLM_EVENT_LOGPROBS:
        fuzz_assert(ngx_llm_json_parse(order->pool, &ev->text, NULL) != NULL);
        break;

    case NGX_LLM_EVENT_FINISH:
        fuzz_assert(!choice->finished);
        fuzz_assert(FUZZ_LAX || !choice->open);
        fuzz_assert(ev->finish != NGX_LLM_FINISH_NONE);
        choice->finished = 1;
        break;

    case NGX_LLM_EVENT_USAGE:
        fuzz_assert(ev->usage->prompt >= ev->usage->cached);
        fuzz_assert(ev->usage->cache_write >= ev->usage->cache_write_1h);
        fuzz_assert(ev->usage->completion >= ev->usage->reasoning);
        break;

    case NGX_LLM_EVENT_ERROR:
        fuzz_assert(ev->error->message.len != 0);
        fuzz_assert(ev->error->fail != 0);
        fuzz_string(order, &ev->error->message);
        order->ended = 1;
        break;

    case NGX_LLM_EVENT_DONE:

        n = 0;

        for (i = 0; i < FUZZ_CHOICES; i++) {
            n += order->choices[i].finished;
        }

        fuzz_assert(n != 0);
        order->ended = 1;
        break;

    case NGX_LLM_EVENT_PING:
        break;
    }

    return NGX_OK;
}


static ngx_inline void
fuzz_order(const ngx_llm_dialect_t *dialect, ngx_str_t *text)
{
    u_char            *pos;
    ngx_int_t          rc;
    ngx_pool_t        *pool, *scratch;
    fuzz_order_t       order;
    ngx_llm_frame_t    frame;
    ngx_llm_reader_t   reader;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    ngx_memzero(&order, sizeof(fuzz_order_t));
    order.pool = pool;

    rc = ngx_llm_reader_init(&reader, dialect, pool, scratch);
    fuzz_assert(rc == NGX_OK);

    reader.handler = fuzz_event;
    reader.data = &order;

    pos = text->data;

    do {
        rc = ngx_llm_reader_next(&reader, &pos, text->data + text->len,
                                 &frame);
    } while (rc == NGX_OK);

    if (rc == NGX_ERROR) {

        /* framing that is broken */

        ngx_destroy_pool(scratch);
        ngx_destroy_pool(pool);

        return;
    }

    fuzz_assert(rc == NGX_AGAIN);

    do {
        rc = ngx_llm_reader_end(&reader, &frame);
    } while (rc == NGX_OK);

    fuzz_assert(rc == NGX_DONE);
    fuzz_assert(order.ended == (ngx_uint_t) (reader.done || reader.failed));
    fuzz_assert(!(reader.done && reader.failed));

    ngx_destroy_pool(scratch);
    ngx_destroy_pool(pool);
}


/* the same events whatever pieces they come in; the first byte chooses them */

static ngx_inline void
fuzz_pieces(const ngx_llm_dialect_t *dialect, const uint8_t *data,
    size_t size)
{
    ngx_int_t       rc, rc_whole;
    ngx_str_t       text;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   part, whole;

    text.data = (u_char *) data + 1;
    text.len = size - 1;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    ngx_llm_out_init(&whole, pool, NULL, 0, TEST_DUMP);
    ngx_llm_out_init(&part, pool, NULL, 0, TEST_DUMP);

    rc_whole = test_dump_stream(dialect, pool, scratch, &text, 0, 0, &whole);

    rc = test_dump_stream(dialect, pool, scratch, &text, 1 + data[0],
                          1 + data[0], &part);

    fuzz_assert(rc == rc_whole);
    fuzz_assert(ngx_llm_out_len(&whole) == ngx_llm_out_len(&part));
    fuzz_assert(ngx_llm_out_len(&whole) == 0
                || ngx_memcmp(whole.start, part.start,
                              ngx_llm_out_len(&whole))
                   == 0);

    ngx_destroy_pool(scratch);
    ngx_destroy_pool(pool);
}


/* and in an order that writers can rely on */

static ngx_inline void
fuzz_stream(const ngx_llm_dialect_t *dialect, const uint8_t *data,
    size_t size)
{
    ngx_str_t  text;

    fuzz_pieces(dialect, data, size);

    text.data = (u_char *) data + 1;
    text.len = size - 1;

    fuzz_order(dialect, &text);
}


#endif /* _FUZZ_PROVIDER_H_INCLUDED_ */
