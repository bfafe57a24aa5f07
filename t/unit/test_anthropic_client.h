
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A judge of Anthropic streams for the unit test and the fuzzer: it follows
 * the events that go into the writer, reads the bytes that come out of it and
 * tells where they break the order of the protocol or lose something.
 */


#ifndef _TEST_ANTHROPIC_CLIENT_H_INCLUDED_
#define _TEST_ANTHROPIC_CLIENT_H_INCLUDED_


#include "ngx_llm_anthropic.h"


#define TEST_TOOLS  64
#define TEST_TEXT   (1024 * 1024)


typedef struct {
    ngx_uint_t      tool;       /* as the events number it */
    ngx_uint_t      active;
    ngx_llm_out_t   name;
    ngx_llm_out_t   args;
} test_tool_t;


/* an answer, as told by the events or read from the stream */

typedef struct {
    ngx_llm_out_t   text;
    ngx_llm_out_t   thinking;
    ngx_llm_out_t   signatures;     /* each with a final ";" */
    ngx_llm_out_t   sealed;
    test_tool_t     tools[TEST_TOOLS];
    ngx_uint_t      ntools;
} test_answer_t;


typedef struct {
    ngx_pool_t     *pool;
    test_answer_t   in;
    test_answer_t   out;

    ngx_llm_finish_e  finish;
    ngx_uint_t      stop_sequence;
    ngx_uint_t      refused;
    ngx_uint_t      input_ended;
    ngx_uint_t      input_done;     /* with DONE */

    /* of the stream */

    ngx_uint_t      next;
    ngx_str_t       block;          /* type of the open one */
    ngx_uint_t      is_open;
    ngx_uint_t      is_signed;      /* the open one has its signature */
    ngx_uint_t      started;
    ngx_uint_t      delta;          /* message_delta was there */
    ngx_uint_t      stopped;
    ngx_uint_t      failed;
    ngx_str_t       reason;

    u_char          error[256];
} test_judge_t;


static ngx_int_t
judge_fail(test_judge_t *j, char *what, ngx_str_t *about)
{
    u_char     *p;
    ngx_str_t   none;

    ngx_str_set(&none, "-");

    p = ngx_snprintf(j->error, sizeof(j->error) - 1, "%s: %V", what,
                     about ? about : &none);
    *p = '\0';

    return NGX_ERROR;
}


static void
judge_answer_init(test_answer_t *a, ngx_pool_t *pool)
{
    ngx_uint_t  i;

    ngx_memzero(a, sizeof(test_answer_t));

    ngx_llm_out_init(&a->text, pool, NULL, 0, TEST_TEXT);
    ngx_llm_out_init(&a->thinking, pool, NULL, 0, TEST_TEXT);
    ngx_llm_out_init(&a->signatures, pool, NULL, 0, TEST_TEXT);
    ngx_llm_out_init(&a->sealed, pool, NULL, 0, TEST_TEXT);

    for (i = 0; i < TEST_TOOLS; i++) {
        ngx_llm_out_init(&a->tools[i].name, pool, NULL, 0, TEST_TEXT);
        ngx_llm_out_init(&a->tools[i].args, pool, NULL, 0, TEST_TEXT);
    }
}


static void
judge_init(test_judge_t *j, ngx_pool_t *pool)
{
    ngx_memzero(j, sizeof(test_judge_t));

    j->pool = pool;

    judge_answer_init(&j->in, pool);
    judge_answer_init(&j->out, pool);
}


static test_tool_t *
judge_active(test_answer_t *a, ngx_uint_t tool)
{
    ngx_uint_t  i;

    for (i = 0; i < a->ntools; i++) {
        if (a->tools[i].active && a->tools[i].tool == tool) {
            return &a->tools[i];
        }
    }

    return NULL;
}


/*
 * How far a call's arguments are: 0 in the middle, 1 whole, 2 no JSON object
 * or array.  Read from the beginning each time.
 */

static ngx_uint_t
judge_args(test_judge_t *j, ngx_llm_out_t *args)
{
    size_t      i;
    ngx_str_t   escaped, text;
    ngx_uint_t  depth, string;

    escaped.data = args->start;
    escaped.len = ngx_llm_out_len(args);

    if (escaped.len == 0) {
        return 0;
    }

    text = ngx_llm_json_plain(j->pool, &escaped);

    depth = 0;
    string = 0;

    for (i = 0; i < text.len; i++) {

        if (string) {

            if (text.data[i] == '\\') {
                i++;

            } else if (text.data[i] == '"') {
                string = 0;
            }

        } else if (text.data[i] == '{' || text.data[i] == '[') {
            depth++;

        } else if (depth == 0) {

            if (text.data[i] != ' ' && text.data[i] != '\n'
                && text.data[i] != '\r' && text.data[i] != '\t')
            {
                return 2;
            }

        } else if (text.data[i] == '"') {
            string = 1;

        } else if (text.data[i] == '}' || text.data[i] == ']') {

            if (--depth == 0) {
                return 1;
            }
        }
    }

    return 0;
}


/* what the event means for the answer, whatever stands open */

static void
judge_event(test_judge_t *j, ngx_llm_event_t *ev)
{
    ngx_uint_t      i;
    test_tool_t    *tool;
    test_answer_t  *a;

    a = &j->in;

    if (j->input_ended) {
        return;
    }

    if (ev->type == NGX_LLM_EVENT_ERROR) {
        j->input_ended = 1;
        return;
    }

    if (ev->choice != 0) {
        return;
    }

    switch (ev->type) {

    case NGX_LLM_EVENT_REFUSAL:
        j->refused |= (ev->text.len != 0);

        /* fall through */

    case NGX_LLM_EVENT_TEXT:
        ngx_llm_out_str(&a->text, &ev->text);
        break;

    case NGX_LLM_EVENT_REASONING:
        ngx_llm_out_str(&a->thinking, &ev->text);
        break;

    case NGX_LLM_EVENT_SIGNATURE:
        if (ev->text.len) {
            ngx_llm_out_str(&a->signatures, &ev->text);
            ngx_llm_out_char(&a->signatures, ';');
        }
        break;

    case NGX_LLM_EVENT_REDACTED:
        if (ev->text.len) {
            ngx_llm_out_str(&a->sealed, &ev->text);
            ngx_llm_out_char(&a->sealed, ';');
        }
        break;

    case NGX_LLM_EVENT_TOOL_START:
        if (judge_active(a, ev->tool) || a->ntools == TEST_TOOLS) {
            break;
        }

        tool = &a->tools[a->ntools++];
        tool->tool = ev->tool;
        tool->active = 1;
        ngx_llm_out_str(&tool->name, &ev->name);
        break;

    case NGX_LLM_EVENT_TOOL_ARGS:
        tool = judge_active(a, ev->tool);
        if (tool) {
            ngx_llm_out_str(&tool->args, &ev->text);
            tool->active = (judge_args(j, &tool->args) != 1);
        }
        break;

    case NGX_LLM_EVENT_TOOL_END:
        tool = judge_active(a, ev->tool);
        if (tool && judge_args(j, &tool->args) == 2) {
            tool->active = 0;
        }
        break;

    case NGX_LLM_EVENT_FINISH:
        if (j->finish == NGX_LLM_FINISH_NONE) {
            j->finish = ev->finish;
            j->stop_sequence = (ev->finish != NGX_LLM_FINISH_NONE
                                && ev->stop_sequence.data != NULL);
        }

        for (i = 0; i < a->ntools; i++) {
            a->tools[i].active = 0;
        }
        break;

    case NGX_LLM_EVENT_DONE:
        j->input_ended = 1;
        j->input_done = 1;
        break;

    default:
        break;
    }
}


static ngx_int_t
judge_start(test_judge_t *j, ngx_llm_json_t *block)
{
    ngx_str_t       s;
    test_tool_t    *tool;
    test_answer_t  *a;

    a = &j->out;

    j->block = ngx_llm_json_str(block, "type");

    if (ngx_llm_json_is(&j->block, "text")) {
        s = ngx_llm_json_str(block, "text");

        return s.data && s.len == 0 ? NGX_OK
                                    : judge_fail(j, "text not empty", &s);
    }

    if (ngx_llm_json_is(&j->block, "thinking")) {
        s = ngx_llm_json_str(block, "thinking");

        return s.data && s.len == 0 ? NGX_OK
                                    : judge_fail(j, "thinking not empty", &s);
    }

    if (ngx_llm_json_is(&j->block, "redacted_thinking")) {
        s = ngx_llm_json_str(block, "data");
        ngx_llm_out_str(&a->sealed, &s);
        ngx_llm_out_char(&a->sealed, ';');
        return NGX_OK;
    }

    if (!ngx_llm_json_is(&j->block, "tool_use")) {
        return judge_fail(j, "unknown block", &j->block);
    }

    s = ngx_llm_json_str(block, "id");

    if (s.len == 0) {
        return judge_fail(j, "tool without id", NULL);
    }

    if (ngx_llm_json_get(block, "input") == NULL
        || ngx_llm_json_get(block, "input")->type != NGX_LLM_JSON_OBJECT
        || ngx_llm_json_get(block, "input")->child)
    {
        return judge_fail(j, "input is not {}", NULL);
    }

    if (a->ntools == TEST_TOOLS) {
        return judge_fail(j, "too many tools", NULL);
    }

    tool = &a->tools[a->ntools++];
    s = ngx_llm_json_str(block, "name");
    ngx_llm_out_str(&tool->name, &s);

    return NGX_OK;
}


static ngx_int_t
judge_delta(test_judge_t *j, ngx_llm_json_t *delta)
{
    ngx_str_t       type, s;
    test_answer_t  *a;

    a = &j->out;

    type = ngx_llm_json_str(delta, "type");

    if (j->is_signed) {
        return judge_fail(j, "delta behind the signature", &type);
    }

    if (ngx_llm_json_is(&type, "text_delta")) {

        if (!ngx_llm_json_is(&j->block, "text")) {
            return judge_fail(j, "text_delta in", &j->block);
        }

        s = ngx_llm_json_str(delta, "text");
        ngx_llm_out_str(&a->text, &s);

    } else if (ngx_llm_json_is(&type, "thinking_delta")) {

        if (!ngx_llm_json_is(&j->block, "thinking")) {
            return judge_fail(j, "thinking_delta in", &j->block);
        }

        s = ngx_llm_json_str(delta, "thinking");
        ngx_llm_out_str(&a->thinking, &s);

    } else if (ngx_llm_json_is(&type, "signature_delta")) {

        if (!ngx_llm_json_is(&j->block, "thinking")) {
            return judge_fail(j, "signature_delta in", &j->block);
        }

        j->is_signed = 1;

        s = ngx_llm_json_str(delta, "signature");
        ngx_llm_out_str(&a->signatures, &s);
        ngx_llm_out_char(&a->signatures, ';');

    } else if (ngx_llm_json_is(&type, "input_json_delta")) {

        if (!ngx_llm_json_is(&j->block, "tool_use")) {
            return judge_fail(j, "input_json_delta in", &j->block);
        }

        s = ngx_llm_json_str(delta, "partial_json");
        ngx_llm_out_str(&a->tools[a->ntools - 1].args, &s);

    } else {
        return judge_fail(j, "unknown delta", &type);
    }

    return s.data ? NGX_OK : judge_fail(j, "delta without value", &type);
}


static ngx_int_t
judge_frame(test_judge_t *j, ngx_llm_frame_t *frame)
{
    int64_t          index;
    ngx_str_t        type;
    ngx_llm_json_t  *root, *node;

    if (frame->data.data == NULL) {

        /* a comment */

        return j->started ? judge_fail(j, "comment in the message", NULL)
                          : NGX_OK;
    }

    root = ngx_llm_json_parse(j->pool, &frame->data, NULL);
    type = ngx_llm_json_str(root, "type");

    if (type.data == NULL) {
        return judge_fail(j, "no JSON with a type", &frame->data);
    }

    if (type.len != frame->name.len
        || ngx_memcmp(type.data, frame->name.data, type.len) != 0)
    {
        return judge_fail(j, "event and type differ", &frame->raw);
    }

    if (j->failed || j->stopped) {
        return judge_fail(j, "event after the end", &type);
    }

    if (ngx_llm_json_is(&type, "error")) {
        j->failed = 1;
        return NGX_OK;
    }

    if (ngx_llm_json_is(&type, "message_start")) {

        if (j->started) {
            return judge_fail(j, "second message_start", NULL);
        }

        j->started = 1;
        return NGX_OK;
    }

    if (!j->started) {
        return judge_fail(j, "event before message_start", &type);
    }

    if (ngx_llm_json_is(&type, "ping")) {
        return NGX_OK;
    }

    if (ngx_llm_json_is(&type, "message_stop")) {

        if (!j->delta) {
            return judge_fail(j, "message_stop without message_delta", NULL);
        }

        j->stopped = 1;
        return NGX_OK;
    }

    if (j->delta) {
        return judge_fail(j, "event after message_delta", &type);
    }

    if (ngx_llm_json_is(&type, "message_delta")) {

        if (j->is_open) {
            return judge_fail(j, "message_delta in an open block", &j->block);
        }

        j->delta = 1;
        j->reason = ngx_llm_json_str(ngx_llm_json_get(root, "delta"),
                                     "stop_reason");

        if (ngx_llm_json_count(ngx_llm_json_get(root, "usage"),
                               "output_tokens", -1)
            < 0)
        {
            return judge_fail(j, "no output_tokens", NULL);
        }

        return NGX_OK;
    }

    index = ngx_llm_json_count(root, "index", -1);

    if (ngx_llm_json_is(&type, "content_block_start")) {

        if (j->is_open || index != (int64_t) j->next) {
            return judge_fail(j, "block out of order", &frame->data);
        }

        j->is_open = 1;
        j->is_signed = 0;
        node = ngx_llm_json_get(root, "content_block");

        return judge_start(j, node);
    }

    if (!j->is_open || index != (int64_t) j->next) {
        return judge_fail(j, "event of no open block", &frame->data);
    }

    if (ngx_llm_json_is(&type, "content_block_delta")) {
        return judge_delta(j, ngx_llm_json_get(root, "delta"));
    }

    if (ngx_llm_json_is(&type, "content_block_stop")) {
        j->is_open = 0;
        j->next++;
        return NGX_OK;
    }

    return judge_fail(j, "unknown event", &type);
}


static ngx_int_t
judge_same(test_judge_t *j, char *what, ngx_llm_out_t *one, ngx_llm_out_t *two)
{
    ngx_str_t  got;

    got.len = ngx_llm_out_len(two);
    got.data = two->start;

    if (ngx_llm_out_len(one) != got.len
        || (got.len && ngx_memcmp(one->start, got.data, got.len) != 0))
    {
        return judge_fail(j, what, &got);
    }

    return NGX_OK;
}


/* the stream has to say what the events said, as far as they went */

static ngx_int_t
judge_answer(test_judge_t *j)
{
    char           *reason;
    ngx_uint_t      i;
    test_tool_t    *one, *two;
    test_answer_t  *in, *out;

    in = &j->in;
    out = &j->out;

    if (judge_same(j, "text", &in->text, &out->text) != NGX_OK
        || judge_same(j, "thinking", &in->thinking, &out->thinking) != NGX_OK
        || judge_same(j, "signatures", &in->signatures, &out->signatures)
           != NGX_OK
        || judge_same(j, "sealed", &in->sealed, &out->sealed) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (in->ntools != out->ntools) {
        return judge_fail(j, "number of tools differs", NULL);
    }

    for (i = 0; i < in->ntools; i++) {
        one = &in->tools[i];
        two = &out->tools[i];

        if (judge_same(j, "tool's name", &one->name, &two->name) != NGX_OK
            || judge_same(j, "tool's arguments", &one->args, &two->args)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    switch (j->finish) {

    case NGX_LLM_FINISH_LENGTH:
        reason = "max_tokens";
        break;

    case NGX_LLM_FINISH_CONTENT_FILTER:
        reason = "refusal";
        break;

    case NGX_LLM_FINISH_PAUSE:
        reason = "pause_turn";
        break;

    default:
        reason = j->stop_sequence ? "stop_sequence"
                 : j->in.ntools ? "tool_use"
                 : j->refused ? "refusal" : "end_turn";
    }

    if (!ngx_llm_json_is(&j->reason, reason)) {
        return judge_fail(j, "wrong stop_reason", &j->reason);
    }

    return NGX_OK;
}


static ngx_int_t
judge_stream(test_judge_t *j, ngx_llm_out_t *out)
{
    u_char           *pos;
    ngx_int_t         rc;
    ngx_llm_sse_t     sse;
    ngx_llm_frame_t   frame;

    if (out->failed) {
        return judge_fail(j, "output failed", NULL);
    }

    ngx_llm_sse_init(&sse, j->pool, NGX_LLM_MAX_EVENT);

    pos = out->start;

    for ( ;; ) {
        rc = ngx_llm_sse_next(&sse, &pos, out->last, &frame);

        if (rc == NGX_AGAIN) {
            break;
        }

        if (rc == NGX_ERROR) {
            return judge_fail(j, "no server-sent events", NULL);
        }

        if (judge_frame(j, &frame) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_llm_sse_last(&sse, &frame) == NGX_OK) {
        return judge_fail(j, "frame without an end", &frame.raw);
    }

    if (j->input_done != j->stopped) {
        return judge_fail(j, "message_stop is not where DONE is", NULL);
    }

    return j->stopped ? judge_answer(j) : NGX_OK;
}


#endif /* _TEST_ANTHROPIC_CLIENT_H_INCLUDED_ */
