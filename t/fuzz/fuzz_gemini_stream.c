
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stream of Gemini's gives the same events whatever pieces it comes in,
 * and events in an order that writers can rely on.  The first byte chooses the
 * pieces, the rest is the stream.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_gemini.h"


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
    fuzz_choice_t   choices[NGX_LLM_GEMINI_MAX_CHOICES];
} fuzz_order_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

    rc = test_gemini_stream(pool, scratch, &text, 0, 0, &whole);
    fuzz_assert(rc == NGX_OK);

    rc = test_gemini_stream(pool, scratch, &text, 1 + data[0], 1 + data[0],
                          &part);
    fuzz_assert(rc == NGX_OK);

    fuzz_assert(ngx_llm_out_len(&whole) == ngx_llm_out_len(&part));
    fuzz_assert(ngx_memcmp(whole.start, part.start, ngx_llm_out_len(&whole))
                == 0);

    ngx_destroy_pool(scratch);
    ngx_destroy_pool(pool);

    fuzz_order(&text);

    return 0;
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

    rc = ngx_llm_reader_init(&reader, &ngx_llm_gemini, pool, scratch);
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

    ngx_uint_t      i, n;
    fuzz_choice_t  *choice;

    fuzz_assert(!order->ended);
    fuzz_assert(ev->choice < NGX_LLM_GEMINI_MAX_CHOICES);
    fuzz_assert(order->started || ev->type == NGX_LLM_EVENT_START
                || ev->type == NGX_LLM_EVENT_ERROR);

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
        fuzz_assert(!choice->finished);
        fuzz_assert(ev->text.len != 0 || ev->signature.len != 0);
        fuzz_string(order, &ev->text);
        break;

    case NGX_LLM_EVENT_REASONING:
        fuzz_assert(!choice->finished);
        fuzz_assert(ev->text.len != 0);
        fuzz_string(order, &ev->text);
        break;

    case NGX_LLM_EVENT_TOOL_START:
        fuzz_assert(!choice->open && !choice->finished);
        fuzz_assert(ev->tool == choice->ntools);
        fuzz_assert(ev->id.len != 0 && ev->name.len != 0);
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
        fuzz_assert(!choice->finished && !choice->open);
        fuzz_assert(ev->finish != NGX_LLM_FINISH_NONE);
        choice->finished = 1;
        break;

    case NGX_LLM_EVENT_USAGE:
        fuzz_assert(ev->usage->prompt >= ev->usage->cached);
        fuzz_assert(ev->usage->completion >= ev->usage->reasoning);
        fuzz_assert(ev->usage->reasoning >= 0);
        break;

    case NGX_LLM_EVENT_ERROR:
        fuzz_assert(ev->error->message.len != 0);
        fuzz_assert(ev->error->fail != 0);
        fuzz_string(order, &ev->error->message);
        order->ended = 1;
        break;

    case NGX_LLM_EVENT_DONE:

        n = 0;

        for (i = 0; i < NGX_LLM_GEMINI_MAX_CHOICES; i++) {
            n += order->choices[i].finished;
        }

        fuzz_assert(n != 0);
        order->ended = 1;
        break;

    default:
        fuzz_assert(0);
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
