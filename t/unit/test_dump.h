
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What a provider's answers are in neutral form, as lines of text, for the
 * unit tests and the fuzzers of any dialect.
 */


#ifndef _TEST_DUMP_H_INCLUDED_
#define _TEST_DUMP_H_INCLUDED_


#include "ngx_llm_dialect.h"


#define TEST_DUMP  (16 * 1024 * 1024)


static char  *test_events[] = {
    "start", "text", "reasoning", "signature", "redacted", "refusal",
    "tool_start", "tool_args", "tool_end", "annotation", "logprobs",
    "finish", "usage", "error", "ping", "done"
};


static char  *test_parts[] = {
    "text", "image", "audio", "file", "refusal", "reasoning", "redacted",
    "tool_call", "other"
};


static ngx_inline void
test_dump_word(ngx_llm_out_t *out, char *name, ngx_str_t *value)
{
    if (value->data == NULL) {
        return;
    }

    ngx_llm_out_char(out, ' ');
    ngx_llm_out_data(out, (u_char *) name, strlen(name));
    ngx_llm_out_char(out, '=');
    ngx_llm_out_str(out, value);
}


static ngx_inline void
test_dump_number(ngx_llm_out_t *out, char *name, int64_t n)
{
    ngx_llm_out_char(out, ' ');
    ngx_llm_out_data(out, (u_char *) name, strlen(name));
    ngx_llm_out_char(out, '=');
    ngx_llm_out_int(out, n);
}


static ngx_inline void
test_dump_name(ngx_llm_out_t *out, char *name)
{
    ngx_llm_out_data(out, (u_char *) name, strlen(name));
}


static ngx_inline void
test_dump_usage(ngx_llm_out_t *out, ngx_llm_usage_t *usage)
{
    test_dump_number(out, "prompt", usage->prompt);
    test_dump_number(out, "completion", usage->completion);
    test_dump_number(out, "cached", usage->cached);
    test_dump_number(out, "write", usage->cache_write);
    test_dump_number(out, "write_1h", usage->cache_write_1h);
    test_dump_number(out, "reasoning", usage->reasoning);
    test_dump_number(out, "reported", usage->reported);
}


static ngx_inline void
test_dump_error(ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    test_dump_number(out, "status", (int64_t) err->status);
    test_dump_number(out, "fail", (int64_t) err->fail);
    test_dump_word(out, "type", &err->type);
    test_dump_word(out, "code", &err->code);
    test_dump_word(out, "param", &err->param);
    test_dump_word(out, "message", &err->message);
}


static ngx_inline void
test_dump_finish(ngx_llm_out_t *out, ngx_llm_finish_e finish)
{
    if (finish == NGX_LLM_FINISH_PAUSE) {
        ngx_llm_out_lit(out, " pause");
        return;
    }

    ngx_llm_out_char(out, ' ');
    ngx_llm_out_str(out, ngx_llm_finish_name(finish));
}


/* a handler of events: one line each; data is the text */

static ngx_inline ngx_int_t
test_dump_event(void *data, ngx_llm_event_t *ev)
{
    ngx_llm_out_t  *out = data;

    test_dump_name(out, test_events[ev->type]);

    switch (ev->type) {

    case NGX_LLM_EVENT_TOOL_START:
    case NGX_LLM_EVENT_TOOL_ARGS:
    case NGX_LLM_EVENT_TOOL_END:
        test_dump_number(out, "tool", (int64_t) ev->tool);
        break;

    case NGX_LLM_EVENT_FINISH:
        test_dump_finish(out, ev->finish);
        test_dump_word(out, "stop", &ev->stop_sequence);
        break;

    case NGX_LLM_EVENT_USAGE:
        test_dump_usage(out, ev->usage);
        break;

    case NGX_LLM_EVENT_ERROR:
        test_dump_error(out, ev->error);
        break;

    default:
        break;
    }

    test_dump_word(out, "id", &ev->id);
    test_dump_word(out, "name", &ev->name);
    test_dump_word(out, "model", &ev->model);
    test_dump_word(out, "text", &ev->text);

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
test_dump_response(ngx_llm_out_t *out, ngx_llm_response_t *res)
{
    ngx_uint_t         i;
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice;

    ngx_llm_out_lit(out, "response");
    test_dump_word(out, "id", &res->id);
    test_dump_word(out, "model", &res->model);
    test_dump_word(out, "tier", &res->service_tier);
    ngx_llm_out_char(out, '\n');

    choice = res->choices.elts;

    for (i = 0; i < res->choices.nelts; i++) {

        for (part = choice[i].parts; part; part = part->next) {
            test_dump_name(out, test_parts[part->type]);
            test_dump_word(out, "id", &part->id);
            test_dump_word(out, "name", &part->name);
            test_dump_word(out, "text", &part->text);
            test_dump_word(out, "signature", &part->signature);
            test_dump_word(out, "data", &part->data);
            test_dump_word(out, "input", &part->input);
            test_dump_word(out, "arguments", &part->arguments);
            ngx_llm_out_char(out, '\n');
        }

        if (choice[i].annotations.len) {
            ngx_llm_out_lit(out, "annotations ");
            ngx_llm_out_str(out, &choice[i].annotations);
            ngx_llm_out_char(out, '\n');
        }

        ngx_llm_out_lit(out, "finish");
        test_dump_finish(out, choice[i].finish);
        test_dump_word(out, "stop", &choice[i].stop_sequence);
        ngx_llm_out_char(out, '\n');
    }

    ngx_llm_out_lit(out, "usage");
    test_dump_usage(out, &res->usage);
    ngx_llm_out_char(out, '\n');

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


/* whose answers are read, or NULL */

static ngx_llm_chat_t  *test_dump_chat;


/*
 * The events of a stream that arrives in pieces of "step" bytes, the first of
 * them "first" bytes long; step 0: all the rest.  "broken" is the last of them
 * where the reader found the framing so.  NGX_ERROR: no memory.
 */

static ngx_inline ngx_int_t
test_dump_stream(const ngx_llm_dialect_t *dialect, ngx_pool_t *pool,
    ngx_pool_t *scratch, ngx_str_t *text, size_t first, size_t step,
    ngx_llm_out_t *out)
{
    size_t             len, n;
    u_char            *copy, *last, *pos;
    ngx_int_t          rc;
    ngx_llm_frame_t    frame;
    ngx_llm_reader_t   reader;

    if (ngx_llm_reader_init(&reader, dialect, pool, scratch) != NGX_OK) {
        return NGX_ERROR;
    }

    reader.chat = test_dump_chat;
    reader.handler = test_dump_event;
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
            ngx_llm_out_lit(out, "broken\n");
            return NGX_OK;
        }

        len += n;
    }

    do {
        rc = ngx_llm_reader_end(&reader, &frame);
    } while (rc == NGX_OK);

    if (rc != NGX_DONE) {
        ngx_llm_out_lit(out, "broken\n");
        return NGX_OK;
    }

    ngx_llm_out_lit(out, "end");
    test_dump_number(out, "done", reader.done);
    test_dump_number(out, "failed", reader.failed);
    test_dump_finish(out, reader.finish);
    test_dump_usage(out, &reader.usage);
    ngx_llm_out_char(out, '\n');

    return NGX_OK;
}


#endif /* _TEST_DUMP_H_INCLUDED_ */
