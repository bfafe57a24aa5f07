
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What a provider's answers are in neutral form, as lines of text, for the
 * unit tests and the fuzzers of the Gemini dialect.
 */


#ifndef _TEST_GEMINI_H_INCLUDED_
#define _TEST_GEMINI_H_INCLUDED_


#include "ngx_llm_gemini.h"
#include "test_anthropic.h"


/* lines as of other dialects, and what only this one has */

static ngx_inline ngx_int_t
test_gemini_event(void *data, ngx_llm_event_t *ev)
{
    ngx_llm_out_t  *out = data;

    (void) test_dump_event(data, ev);

    if (out->failed) {
        return NGX_OK;
    }

    out->last--;

    if (ev->choice) {
        test_dump_number(out, "choice", (int64_t) ev->choice);
    }

    if (ev->signature.len) {
        test_dump_word(out, "signature", &ev->signature);
    }

    if (ev->type == NGX_LLM_EVENT_USAGE && ev->usage->audio_prompt >= 0) {
        test_dump_number(out, "audio", ev->usage->audio_prompt);
    }

    ngx_llm_out_char(out, '\n');

    return NGX_OK;
}


static ngx_inline void
test_gemini_response(ngx_llm_out_t *out, ngx_llm_response_t *res)
{
    ngx_uint_t         i;
    ngx_llm_choice_t  *choice;

    test_dump_response(out, res);

    choice = res->choices.elts;

    for (i = 0; i < res->choices.nelts; i++) {

        if (choice[i].logprobs.len) {
            ngx_llm_out_lit(out, "logprobs ");
            ngx_llm_out_str(out, &choice[i].logprobs);
            ngx_llm_out_char(out, '\n');
        }
    }

    if (res->usage.audio_prompt >= 0 || res->usage.audio_completion >= 0) {
        ngx_llm_out_lit(out, "audio");
        test_dump_number(out, "prompt", res->usage.audio_prompt);
        test_dump_number(out, "completion", res->usage.audio_completion);
        ngx_llm_out_char(out, '\n');
    }
}


/*
 * The events of a stream that arrives in pieces of "step" bytes, the first of
 * them "first" bytes long; step 0: all the rest.  NGX_ERROR: the reader said
 * so.
 */

static ngx_inline ngx_int_t
test_gemini_stream(ngx_pool_t *pool, ngx_pool_t *scratch, ngx_str_t *text,
    size_t first, size_t step, ngx_llm_out_t *out)
{
    size_t             len, n;
    u_char            *copy, *last, *pos;
    ngx_int_t          rc;
    ngx_llm_frame_t    frame;
    ngx_llm_reader_t   reader;

    if (ngx_llm_reader_init(&reader, &ngx_llm_gemini, pool, scratch)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    reader.handler = test_gemini_event;
    reader.data = out;

    len = 0;

    while (len < text->len) {

        n = len ? step : first;

        if (n == 0 || n > text->len - len) {
            n = text->len - len;
        }

        /* freed at once: nothing may point into what was read */

        copy = malloc(n);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        memcpy(copy, text->data + len, n);

        pos = copy;
        last = copy + n;

        do {
            rc = ngx_llm_reader_next(&reader, &pos, last, &frame);
        } while (rc == NGX_OK);

        free(copy);

        if (rc != NGX_AGAIN) {
            return NGX_ERROR;
        }

        len += n;
    }

    do {
        rc = ngx_llm_reader_end(&reader, &frame);
    } while (rc == NGX_OK);

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    ngx_llm_out_lit(out, "end");
    test_dump_number(out, "done", reader.done);
    test_dump_number(out, "failed", reader.failed);
    test_dump_finish(out, reader.finish);
    test_dump_usage(out, &reader.usage);
    ngx_llm_out_char(out, '\n');

    return NGX_OK;
}


#endif /* _TEST_GEMINI_H_INCLUDED_ */
