
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stream of Anthropic's gives the same events whatever pieces it comes in,
 * and events in an order that writers can rely on.  The first byte chooses the
 * pieces, the rest is the stream.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_anthropic.h"


#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


typedef struct {
    ngx_pool_t   *pool;
    ngx_uint_t    ntools;
    ngx_uint_t    open;         /* of the last tool */
    ngx_uint_t    started;
    ngx_uint_t    finished;
    ngx_uint_t    ended;
} fuzz_order_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_parser(ngx_str_t *text, ngx_llm_out_t *want);
static void fuzz_order(ngx_str_t *text);
static ngx_int_t fuzz_event(void *data, ngx_llm_event_t *ev);
static void fuzz_string(fuzz_order_t *order, ngx_str_t *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t       rc;
    ngx_str_t       text;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   part, whole;

    if (size < 2) {
        return 0;
    }

    text.data = (u_char *) data + 1;
    text.len = size - 1;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    ngx_llm_out_init(&whole, pool, NULL, 0, TEST_DUMP);
    ngx_llm_out_init(&part, pool, NULL, 0, TEST_DUMP);

    rc = test_dump_stream(pool, scratch, &text, 0, 0, &whole);
    fuzz_assert(rc == NGX_OK);

    rc = test_dump_stream(pool, scratch, &text, 1 + data[0], 1 + data[0],
                          &part);
    fuzz_assert(rc == NGX_OK);

    fuzz_assert(ngx_llm_out_len(&whole) == ngx_llm_out_len(&part));
    fuzz_assert(ngx_memcmp(whole.start, part.start, ngx_llm_out_len(&whole))
                == 0);

    fuzz_parser(&text, &whole);

    ngx_destroy_pool(scratch);
    ngx_destroy_pool(pool);

    fuzz_order(&text);

    return 0;
}


/* text that is read in passing says the same as text that is parsed */

static void
fuzz_parser(ngx_str_t *text, ngx_llm_out_t *want)
{
    ngx_str_t       spaced;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   out;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    spaced = test_spaced(pool, text);

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);

    fuzz_assert(test_dump_stream(pool, scratch, &spaced, 0, 0, &out)
                == NGX_OK);

    fuzz_assert(ngx_llm_out_len(&out) == ngx_llm_out_len(want));
    fuzz_assert(ngx_memcmp(out.start, want->start, ngx_llm_out_len(want))
                == 0);

    ngx_destroy_pool(scratch);
    ngx_destroy_pool(pool);
}


static void
fuzz_order(ngx_str_t *text)
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

    rc = ngx_llm_reader_init(&reader, &ngx_llm_anthropic, pool, scratch);
    fuzz_assert(rc == NGX_OK);

    reader.handler = fuzz_event;
    reader.data = &order;

    pos = text->data;

    do {
        rc = ngx_llm_reader_next(&reader, &pos, text->data + text->len,
                                 &frame);
    } while (rc == NGX_OK);

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


static ngx_int_t
fuzz_event(void *data, ngx_llm_event_t *ev)
{
    fuzz_order_t *order = data;

    fuzz_assert(!order->ended);
    fuzz_assert(ev->choice == 0);

    fuzz_string(order, &ev->id);
    fuzz_string(order, &ev->name);
    fuzz_string(order, &ev->model);

    switch (ev->type) {

    case NGX_LLM_EVENT_START:
        fuzz_assert(!order->started);
        order->started = 1;
        break;

    case NGX_LLM_EVENT_TEXT:
    case NGX_LLM_EVENT_REASONING:
    case NGX_LLM_EVENT_SIGNATURE:
    case NGX_LLM_EVENT_REDACTED:
    case NGX_LLM_EVENT_REFUSAL:
        fuzz_assert(ev->text.len != 0);
        fuzz_string(order, &ev->text);
        break;

    case NGX_LLM_EVENT_TOOL_START:
        fuzz_assert(!order->open);
        fuzz_assert(ev->tool == order->ntools);
        order->open = 1;
        order->ntools++;
        break;

    case NGX_LLM_EVENT_TOOL_ARGS:
        fuzz_assert(order->open);
        fuzz_assert(ev->tool == order->ntools - 1);
        fuzz_assert(ev->text.len != 0);
        fuzz_string(order, &ev->text);
        break;

    case NGX_LLM_EVENT_TOOL_END:
        fuzz_assert(order->open);
        fuzz_assert(ev->tool == order->ntools - 1);
        order->open = 0;
        break;

    case NGX_LLM_EVENT_ANNOTATION:
        fuzz_assert(ngx_llm_json_parse(order->pool, &ev->text, NULL) != NULL);
        break;

    case NGX_LLM_EVENT_FINISH:
        fuzz_assert(!order->finished);
        fuzz_assert(ev->finish != NGX_LLM_FINISH_NONE);
        order->finished = 1;
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
        fuzz_assert(order->finished);
        order->ended = 1;
        break;

    default:
        break;
    }

    return NGX_OK;
}


/* escaped text is what may stand between the quotes of a JSON string */

static void
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
