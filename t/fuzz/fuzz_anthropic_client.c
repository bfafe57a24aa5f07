
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The first byte chooses: a request body as it stands, or a stream whose
 * events the other bytes name.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>

#include "test_anthropic_client.h"


#define FUZZ_MAX    (16 * 1024 * 1024)
#define FUZZ_BYTES  400     /* fewer events than blocks may wait */
#define FUZZ_TOOLS  48      /* fewer than the judge remembers */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_request(ngx_pool_t *pool, const uint8_t *data, size_t size);
static void fuzz_edit(ngx_llm_chat_t *chat);
static void fuzz_stream(ngx_pool_t *pool, const uint8_t *data, size_t size);
static void fuzz_check(ngx_uint_t ok, const char *what);


static test_judge_t  fuzz_judge;

static char  *fuzz_texts[] = {
    "", "a", "\\n", "\\ud83d\\ude00", "{\\\"a\\\":", "1}", "null",
    "\\\\\\\"", "event: x", "word "
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_pool_t  *pool;

    if (size == 0) {
        return 0;
    }

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_check(pool != NULL, "memory");

    if (data[0] == 'e') {
        fuzz_stream(pool, data + 1, size - 1);

    } else {
        fuzz_request(pool, data, size);
    }

    ngx_destroy_pool(pool);

    return 0;
}


static void
fuzz_request(ngx_pool_t *pool, const uint8_t *data, size_t size)
{
    u_char             *copy;
    ngx_int_t           rc;
    ngx_str_t           body, text;
    ngx_uint_t          n;
    ngx_llm_out_t       out;
    ngx_llm_chat_t      chat, count;
    ngx_llm_error_t     err;
    ngx_llm_message_t  *message;

    /* of its exact size, so that a byte read behind it is seen */

    copy = malloc(size);
    fuzz_check(copy != NULL, "memory");

    ngx_memcpy(copy, data, size);
    body.data = copy;
    body.len = size;

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    ngx_llm_chat_init(&chat, pool, &body);

    rc = ngx_llm_anthropic_read_request(&chat, &err);

    fuzz_check(rc == NGX_OK || rc == NGX_DECLINED, "return code");
    fuzz_check(ngx_memcmp(copy, data, size) == 0, "body was written to");

    if (rc == NGX_OK) {
        n = 0;

        for (message = chat.messages; message; message = message->next) {
            n++;
        }

        fuzz_check(n == chat.nmessages && n > 0, "messages");
        fuzz_check(chat.model.len > 0 && chat.max_tokens >= 0, "fields");

        fuzz_edit(&chat);

    } else {
        fuzz_check(err.status == 400 && err.message.len, "error");

        /* an error is JSON, whatever was sent */

        ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);
        ngx_llm_anthropic_write_error(&err, &out);

        text.data = out.start;
        text.len = ngx_llm_out_len(&out);

        fuzz_check(!out.failed
                   && ngx_llm_json_parse(pool, &text, NULL) != NULL,
                   "error body");
    }

    /* what is a message can be counted, too */

    text.data = copy;
    text.len = size;

    ngx_llm_chat_init(&count, pool, &text);
    count.count = 1;

    fuzz_check(ngx_llm_anthropic_read_request(&count, &err) == NGX_OK
               ? !count.stream && count.nmessages > 0
               : rc == NGX_DECLINED, "a count");

    free(copy);
}


/* a request with another model reads as before */

static void
fuzz_edit(ngx_llm_chat_t *chat)
{
    ngx_str_t          text, *slice;
    ngx_uint_t         i;
    ngx_array_t       *edits, *slices;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     edited;
    ngx_llm_error_t    err;
    ngx_llm_target_t   target;

    ngx_memzero(&target, sizeof(ngx_llm_target_t));
    ngx_str_set(&target.model, "other \"model\"");

    edits = ngx_array_create(chat->pool, 1, sizeof(ngx_llm_edit_t));
    slices = ngx_array_create(chat->pool, 4, sizeof(ngx_str_t));
    fuzz_check(edits && slices, "memory");

    fuzz_check(ngx_llm_anthropic_edit_request(chat, &target, edits, &err)
               == NGX_OK
               && ngx_llm_edit_apply(&chat->text, edits, slices) == NGX_OK,
               "edit");

    ngx_llm_out_init(&out, chat->pool, NULL, 0, FUZZ_MAX);

    slice = slices->elts;

    for (i = 0; i < slices->nelts; i++) {
        ngx_llm_out_str(&out, &slice[i]);
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    ngx_llm_chat_init(&edited, chat->pool, &text);

    fuzz_check(ngx_llm_anthropic_read_request(&edited, &err) == NGX_OK,
               "edited request");
    fuzz_check(edited.model.len == target.model.len
               && ngx_memcmp(edited.model.data, target.model.data,
                             target.model.len)
                  == 0,
               "edited model");
    fuzz_check(edited.nmessages == chat->nmessages
               && edited.ntools == chat->ntools
               && edited.max_tokens == chat->max_tokens,
               "edited fields");
}


/* two bytes an event: its type; tool, choice, words */

static void
fuzz_stream(ngx_pool_t *pool, const uint8_t *data, size_t size)
{
    char              *word;
    size_t             i, n;
    ngx_uint_t         tools;
    ngx_llm_out_t      out;
    ngx_llm_event_t    ev;
    ngx_llm_error_t    err;
    ngx_llm_usage_t    usage;
    ngx_llm_writer_t   w;

    n = sizeof(fuzz_texts) / sizeof(fuzz_texts[0]);

    judge_init(&fuzz_judge, pool);

    ngx_memzero(&w, sizeof(ngx_llm_writer_t));
    w.pool = pool;
    ngx_str_set(&w.id, "id\n\"");
    ngx_str_set(&w.model, "m\"");
    w.state = ngx_pcalloc(pool, NGX_LLM_ANTHROPIC_WRITER_SIZE);
    fuzz_check(w.state != NULL, "memory");

    ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);

    tools = 0;

    for (i = 0; i + 1 < size && i < FUZZ_BYTES; i += 2) {
        ngx_memzero(&ev, sizeof(ngx_llm_event_t));
        ngx_memzero(&err, sizeof(ngx_llm_error_t));
        ngx_llm_usage_init(&usage);

        ev.type = data[i] % (NGX_LLM_EVENT_DONE + 1);

        if (ev.type == NGX_LLM_EVENT_TOOL_START && ++tools > FUZZ_TOOLS) {
            continue;
        }

        ev.tool = data[i + 1] % 5;
        ev.choice = (data[i] >= 240);
        ev.finish = data[i + 1] % (NGX_LLM_FINISH_PAUSE + 1);
        ev.usage = &usage;
        ev.error = &err;

        word = fuzz_texts[data[i + 1] % n];
        ev.text.data = (u_char *) word;
        ev.text.len = ngx_strlen(word);

        word = fuzz_texts[(data[i + 1] / 16) % n];
        ev.name.data = (u_char *) word;
        ev.name.len = ngx_strlen(word);

        if (data[i + 1] & 0x40) {
            ev.id = ev.name;
            ev.stop_sequence = ev.name;
        }

        usage.prompt = data[i + 1];
        usage.cached = data[i];
        err.message = ev.text;
        err.status = data[i + 1] * 4;

        judge_event(&fuzz_judge, &ev);
        ngx_llm_anthropic_write_event(&w, &ev, &out);
    }

    if (judge_stream(&fuzz_judge, &out) != NGX_OK) {
        fprintf(stderr, "%s\n", fuzz_judge.error);
        fuzz_check(0, "stream");
    }
}


static void
fuzz_check(ngx_uint_t ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "failed: %s\n", what);
        abort();
    }
}
