
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What requests, answers and streams of the OpenAI dialect are in neutral
 * form, as lines of text, for its unit tests and fuzzers.
 */


#ifndef _TEST_OPENAI_H_INCLUDED_
#define _TEST_OPENAI_H_INCLUDED_


#include "ngx_llm_openai.h"

#include <ngx_stubs.h>
#include <stdlib.h>
#include <string.h>


#define TEST_OPENAI_MAX  (64 * 1024 * 1024)


typedef struct {
    ngx_llm_out_t      *out;
    ngx_llm_reader_t   *reader;
    ngx_uint_t          brief;      /* what a splice is told, a frame */
    ngx_uint_t          content;    /* seen in the frame */
    ngx_uint_t          events;
    ngx_llm_writer_t   *writer;     /* NULL: no answer for a client */
    ngx_llm_out_t      *answer;
} test_openai_t;


/* the allocation that fails once a stream has begun; 0 is none */
static ngx_uint_t  test_openai_nomem;


static char  *test_openai_events[] = {
    "start", "text", "reasoning", "signature", "redacted", "refusal",
    "tool_start", "tool_args", "tool_end", "annotation", "logprobs",
    "finish", "usage", "error", "ping", "done"
};


static char  *test_openai_parts[] = {
    "text", "image", "audio", "file", "refusal", "reasoning", "redacted",
    "tool_call", "other"
};


static char  *test_openai_roles[] = {
    "system", "developer", "user", "assistant", "tool"
};


static char  *test_openai_choices[] = {
    "unset", "auto", "none", "required", "named"
};


static char  *test_openai_finishes[] = {
    "none", "stop", "length", "tool_calls", "content_filter", "pause"
};


static ngx_inline void
test_openai_word(ngx_llm_out_t *out, const char *word)
{
    ngx_llm_out_data(out, (u_char *) word, strlen(word));
}


static ngx_inline void
test_openai_str(ngx_llm_out_t *out, const char *name, ngx_str_t *value)
{
    if (value->data == NULL) {
        return;
    }

    ngx_llm_out_char(out, ' ');
    test_openai_word(out, name);
    ngx_llm_out_char(out, '=');
    ngx_llm_out_str(out, value);
}


static ngx_inline void
test_openai_int(ngx_llm_out_t *out, const char *name, int64_t n)
{
    ngx_llm_out_char(out, ' ');
    test_openai_word(out, name);
    ngx_llm_out_char(out, '=');
    ngx_llm_out_int(out, n);
}


static ngx_inline void
test_openai_count(ngx_llm_out_t *out, const char *name, int64_t n)
{
    if (n != -1) {
        test_openai_int(out, name, n);
    }
}


static ngx_inline void
test_openai_usage(ngx_llm_out_t *out, ngx_llm_usage_t *usage)
{
    test_openai_count(out, "prompt", usage->prompt);
    test_openai_count(out, "completion", usage->completion);
    test_openai_count(out, "cached", usage->cached);
    test_openai_count(out, "write", usage->cache_write);
    test_openai_count(out, "service", usage->service ? (int64_t)
                                                       usage->service : -1);
    test_openai_count(out, "reasoning", usage->reasoning);
    test_openai_count(out, "audio_prompt", usage->audio_prompt);
    test_openai_count(out, "audio_completion", usage->audio_completion);

    if (!usage->reported) {
        test_openai_word(out, " unreported");
    }
}


static ngx_inline const char *
test_openai_fail(ngx_uint_t fail)
{
    switch (fail) {

    case NGX_LLM_FAIL_ERROR:
        return "error";

    case NGX_LLM_FAIL_TIMEOUT:
        return "timeout";

    case NGX_LLM_FAIL_INVALID:
        return "invalid";

    case NGX_LLM_FAIL_RATE_LIMIT:
        return "rate_limit";

    case NGX_LLM_FAIL_OVERLOADED:
        return "overloaded";

    case NGX_LLM_FAIL_SERVER_ERROR:
        return "server_error";

    case NGX_LLM_FAIL_AUTH:
        return "auth";

    case NGX_LLM_FAIL_NO_MODEL:
        return "no_model";

    case NGX_LLM_FAIL_CONTEXT:
        return "context";

    case NGX_LLM_FAIL_CONTENT:
        return "content";

    case NGX_LLM_FAIL_REQUEST:
        return "request";

    default:
        return "?";
    }
}


static ngx_inline void
test_openai_error(ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    test_openai_int(out, "status", (int64_t) err->status);
    test_openai_word(out, " fail=");
    test_openai_word(out, test_openai_fail(err->fail));
    test_openai_str(out, "type", &err->type);
    test_openai_str(out, "code", &err->code);
    test_openai_str(out, "param", &err->param);
    test_openai_str(out, "message", &err->message);
}


static ngx_inline void
test_openai_part(ngx_llm_out_t *out, ngx_llm_part_t *part)
{
    test_openai_word(out, "  ");
    test_openai_word(out, test_openai_parts[part->type]);
    test_openai_str(out, "id", &part->id);
    test_openai_str(out, "name", &part->name);
    test_openai_str(out, "arguments", &part->arguments);
    test_openai_str(out, "input", &part->input);
    test_openai_str(out, "media_type", &part->media_type);
    test_openai_str(out, "data", &part->data);
    test_openai_str(out, "url", &part->url);
    test_openai_str(out, "text", &part->text);
    test_openai_str(out, "signature", &part->signature);

    if (part->cache_control) {
        test_openai_str(out, "cache_control", &part->cache_control->raw);
    }

    if (part->custom) {
        test_openai_word(out, " custom");
    }

    if (part->legacy) {
        test_openai_word(out, " legacy");
    }

    ngx_llm_out_char(out, '\n');
}


static ngx_inline void
test_openai_message(ngx_llm_out_t *out, ngx_llm_message_t *message)
{
    ngx_llm_part_t  *part;

    test_openai_word(out, test_openai_roles[message->role]);
    test_openai_str(out, "tool_call_id", &message->tool_call_id);
    test_openai_str(out, "name", &message->name);

    if (message->cache_control) {
        test_openai_str(out, "cache_control", &message->cache_control->raw);
    }

    if (message->is_error) {
        test_openai_word(out, " is_error");
    }

    if (message->legacy) {
        test_openai_word(out, " legacy");
    }

    ngx_llm_out_char(out, '\n');

    for (part = message->parts; part; part = part->next) {
        test_openai_part(out, part);
    }
}


static ngx_inline void
test_openai_tool(ngx_llm_out_t *out, ngx_llm_tool_t *tool)
{
    test_openai_word(out, "tool");
    test_openai_str(out, "name", &tool->name);
    test_openai_str(out, "description", &tool->description);
    test_openai_str(out, "schema", &tool->schema);

    if (tool->cache_control) {
        test_openai_str(out, "cache_control", &tool->cache_control->raw);
    }

    if (tool->strict) {
        test_openai_word(out, " strict");
    }

    if (tool->custom) {
        test_openai_word(out, " custom");
    }

    if (tool->vendor) {
        test_openai_word(out, " vendor");
    }

    ngx_llm_out_char(out, '\n');
}


static ngx_inline void
test_openai_chat_params(ngx_llm_out_t *out, ngx_llm_chat_t *chat)
{
    ngx_str_t        *stop;
    ngx_uint_t        i;
    ngx_llm_json_t  **unknown;

    for (i = 0; chat->stop && i < chat->stop->nelts; i++) {
        stop = chat->stop->elts;
        test_openai_word(out, "stop");
        test_openai_str(out, "text", &stop[i]);
        ngx_llm_out_char(out, '\n');
    }

    for (i = 0; i < NGX_LLM_PARAMS; i++) {

        if (chat->param[i] == NULL) {
            continue;
        }

        test_openai_word(out, "param ");
        ngx_llm_out_str(out, ngx_llm_param_name(i));
        ngx_llm_out_char(out, ' ');
        ngx_llm_out_str(out, &chat->param[i]->raw);
        ngx_llm_out_char(out, '\n');
    }

    for (i = 0; chat->unknown && i < chat->unknown->nelts; i++) {
        unknown = chat->unknown->elts;
        test_openai_word(out, "unknown ");
        ngx_llm_out_str(out, &unknown[i]->key);
        ngx_llm_out_char(out, ' ');
        ngx_llm_out_str(out, &unknown[i]->raw);
        ngx_llm_out_char(out, '\n');
    }
}


static ngx_inline void
test_openai_chat(ngx_llm_out_t *out, ngx_llm_chat_t *chat)
{
    ngx_llm_tool_t     *tool;
    ngx_llm_message_t  *message;

    test_openai_word(out, "chat");
    test_openai_str(out, "model", &chat->model);
    test_openai_int(out, "messages", (int64_t) chat->nmessages);
    test_openai_count(out, "max_tokens", chat->max_tokens);
    test_openai_str(out, "user", &chat->user);
    test_openai_word(out, chat->stream ? " stream" : "");
    test_openai_word(out, chat->include_usage ? " include_usage" : "");
    test_openai_word(out, chat->has_tools ? " has_tools" : "");
    test_openai_word(out, chat->has_images ? " has_images" : "");
    test_openai_word(out, chat->legacy_functions ? " legacy_functions" : "");

    if (chat->parallel_set) {
        test_openai_int(out, "parallel", chat->parallel);
    }

    ngx_llm_out_char(out, '\n');

    for (message = chat->messages; message; message = message->next) {
        test_openai_message(out, message);
    }

    for (tool = chat->tools; tool; tool = tool->next) {
        test_openai_tool(out, tool);
    }

    if (chat->tool_choice != NGX_LLM_TOOL_CHOICE_UNSET) {
        test_openai_word(out, "tool_choice ");
        test_openai_word(out, test_openai_choices[chat->tool_choice]);
        test_openai_str(out, "name", &chat->tool_name);

        if (chat->allowed_tools) {
            test_openai_str(out, "allowed", &chat->allowed_tools->raw);
        }

        ngx_llm_out_char(out, '\n');
    }

    if (chat->format != NGX_LLM_FORMAT_TEXT) {
        test_openai_word(out, "format");
        test_openai_str(out, "schema", &chat->schema);
        test_openai_str(out, "name", &chat->schema_name);
        test_openai_word(out, chat->schema_strict ? " strict\n" : "\n");
    }

    test_openai_chat_params(out, chat);
}


static ngx_inline void
test_openai_response(ngx_llm_out_t *out, ngx_llm_response_t *res)
{
    ngx_uint_t         i;
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice;

    test_openai_word(out, "response");
    test_openai_str(out, "id", &res->id);
    test_openai_str(out, "model", &res->model);
    test_openai_int(out, "created", res->created);
    test_openai_str(out, "service_tier", &res->service_tier);
    ngx_llm_out_char(out, '\n');

    choice = res->choices.elts;

    for (i = 0; i < res->choices.nelts; i++) {

        test_openai_word(out, "choice ");
        test_openai_word(out, test_openai_finishes[choice[i].finish]);
        test_openai_str(out, "annotations", &choice[i].annotations);
        test_openai_str(out, "logprobs", &choice[i].logprobs);
        ngx_llm_out_char(out, '\n');

        for (part = choice[i].parts; part; part = part->next) {
            test_openai_part(out, part);
        }
    }

    test_openai_word(out, "usage");
    test_openai_usage(out, &res->usage);
    ngx_llm_out_char(out, '\n');
}


/*
 * What is read of a request or an answer, by a tree alone or lazily, or why
 * it is refused.  Returns what the reader did.
 */

static ngx_inline ngx_int_t
test_openai_read_request(ngx_llm_out_t *out, ngx_llm_chat_t *chat,
    ngx_str_t *text, ngx_uint_t lazy)
{
    ngx_int_t         rc;
    ngx_llm_error_t   err;

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    ngx_llm_chat_init(chat, out->pool, text);

    chat->lazy = lazy;

    rc = ngx_llm_openai_read_request(chat, &err);

    if (rc == NGX_OK && ngx_llm_chat_open(chat) == NGX_OK) {
        test_openai_chat(out, chat);

    } else {
        test_openai_word(out, "declined");
        test_openai_error(out, &err);
        test_openai_str(out, "param", &err.param);
        ngx_llm_out_char(out, '\n');
    }

    return rc;
}


static ngx_inline ngx_int_t
test_openai_read_response(ngx_llm_out_t *out, ngx_llm_response_t *res,
    ngx_str_t *text, ngx_uint_t lazy)
{
    ngx_int_t         rc;
    ngx_llm_error_t   err;

    ngx_memzero(&err, sizeof(ngx_llm_error_t));

    if (ngx_llm_response_init(res, out->pool) != NGX_OK) {
        abort();
    }

    res->lazy = lazy;

    rc = ngx_llm_openai_read_response(text, res, &err);

    if (rc == NGX_OK) {
        test_openai_response(out, res);

    } else {
        test_openai_word(out, "declined");
        test_openai_error(out, &err);
        ngx_llm_out_char(out, '\n');
    }

    return rc;
}


static ngx_inline ngx_int_t
test_openai_handler(void *data, ngx_llm_event_t *ev)
{
    test_openai_t *t = data;

    t->events++;

    if (t->writer) {
        ngx_llm_openai_write_event(t->writer, ev, t->answer);
    }

    if (t->brief) {

        switch (ev->type) {

        case NGX_LLM_EVENT_TEXT:
        case NGX_LLM_EVENT_REASONING:
        case NGX_LLM_EVENT_REFUSAL:
        case NGX_LLM_EVENT_SIGNATURE:
        case NGX_LLM_EVENT_REDACTED:
        case NGX_LLM_EVENT_TOOL_START:
        case NGX_LLM_EVENT_TOOL_ARGS:
            t->content = 1;
            return NGX_OK;

        case NGX_LLM_EVENT_FINISH:
        case NGX_LLM_EVENT_USAGE:
        case NGX_LLM_EVENT_ERROR:
        case NGX_LLM_EVENT_DONE:
            break;

        default:
            return NGX_OK;
        }
    }

    test_openai_word(t->out, test_openai_events[ev->type]);

    if (ev->choice) {
        test_openai_int(t->out, "choice", (int64_t) ev->choice);
    }

    if (ev->type == NGX_LLM_EVENT_TOOL_START
        || ev->type == NGX_LLM_EVENT_TOOL_ARGS
        || ev->type == NGX_LLM_EVENT_TOOL_END)
    {
        test_openai_int(t->out, "tool", (int64_t) ev->tool);
    }

    test_openai_str(t->out, "id", &ev->id);
    test_openai_str(t->out, "model", &ev->model);
    test_openai_str(t->out, "name", &ev->name);
    test_openai_str(t->out, "text", &ev->text);

    if (ev->custom) {
        test_openai_word(t->out, " custom");
    }

    if (ev->type == NGX_LLM_EVENT_FINISH) {
        ngx_llm_out_char(t->out, ' ');
        test_openai_word(t->out, test_openai_finishes[ev->finish]);
    }

    if (ev->usage) {
        test_openai_usage(t->out, ev->usage);
    }

    if (ev->error) {
        test_openai_error(t->out, ev->error);
    }

    ngx_llm_out_char(t->out, '\n');

    return NGX_OK;
}


static ngx_inline void
test_openai_frame(test_openai_t *t)
{
    if (t->brief && t->content) {
        test_openai_word(t->out, "content\n");
        t->content = 0;
    }

    if (t->reader->hidden) {
        test_openai_word(t->out, "hidden\n");
    }
}


/*
 * reads a stream in pieces of "first" and then "step" bytes, each a copy of
 * its exact size; step 0: all at once
 */

static ngx_inline void
test_openai_stream(ngx_pool_t *pool, ngx_str_t *text, size_t first,
    size_t step, ngx_uint_t splice, ngx_uint_t brief, ngx_llm_out_t *out,
    ngx_llm_writer_t *writer, ngx_llm_out_t *answer)
{
    size_t              n, done;
    u_char             *piece, *p;
    ngx_int_t           rc;
    ngx_pool_t         *scratch;
    test_openai_t       t;
    ngx_llm_frame_t     frame;
    ngx_llm_reader_t    reader;

    scratch = ngx_create_pool(4096, pool->log);

    if (scratch == NULL
        || ngx_llm_reader_init(&reader, &ngx_llm_openai, pool, scratch)
           != NGX_OK)
    {
        abort();
    }

    ngx_memzero(&t, sizeof(test_openai_t));

    t.out = out;
    t.reader = &reader;
    t.brief = brief;
    t.writer = writer;
    t.answer = answer;

    reader.handler = test_openai_handler;
    reader.data = &t;
    reader.splice = splice;

    ngx_stubs_fail = test_openai_nomem;

    for (done = 0; done < text->len; done += n) {

        n = (done == 0 && first) ? first : step;

        if (n == 0 || n > text->len - done) {
            n = text->len - done;
        }

        piece = malloc(n);
        if (piece == NULL) {
            abort();
        }

        memcpy(piece, text->data + done, n);
        p = piece;

        for ( ;; ) {
            rc = ngx_llm_reader_next(&reader, &p, piece + n, &frame);

            if (rc != NGX_OK) {
                break;
            }

            test_openai_frame(&t);
        }

        free(piece);

        if (rc == NGX_ERROR) {
            test_openai_word(out, "broken\n");
            break;
        }
    }

    rc = ngx_llm_reader_end(&reader, &frame);

    if (rc == NGX_ERROR) {
        test_openai_word(out, "broken end\n");
    }

    if (rc == NGX_OK) {
        test_openai_frame(&t);
    }

    test_openai_word(out, "end ");
    test_openai_word(out, test_openai_finishes[reader.finish]);
    test_openai_usage(out, &reader.usage);
    test_openai_word(out, reader.done ? " done" : "");
    test_openai_word(out, reader.failed ? " failed" : "");
    ngx_llm_out_char(out, '\n');

    ngx_destroy_pool(scratch);
}


#endif /* _TEST_OPENAI_H_INCLUDED_ */
