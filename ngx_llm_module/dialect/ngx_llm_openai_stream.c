
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A provider's stream.  Servers differ: roles repeated or absent, whole calls
 * in one piece, no index, usage in any chunk, no end mark; see the comments.
 */


#include "ngx_llm_openai.h"


static ngx_int_t ngx_llm_openai_read_chunk(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame, ngx_str_t *text, ngx_uint_t error);
static ngx_uint_t ngx_llm_openai_cut_frame(ngx_llm_frame_t *frame);
static ngx_int_t ngx_llm_openai_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_openai_read_usage(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root, ngx_llm_json_t *choices, ngx_uint_t *found);
static ngx_int_t ngx_llm_openai_read_choice(ngx_llm_reader_t *reader,
    ngx_llm_json_t *node, ngx_uint_t n);
static ngx_int_t ngx_llm_openai_read_delta(ngx_llm_reader_t *reader,
    ngx_uint_t n, ngx_llm_json_t *delta);
static ngx_int_t ngx_llm_openai_read_reasoning(ngx_llm_reader_t *reader,
    ngx_uint_t n, ngx_llm_json_t *delta);
static ngx_int_t ngx_llm_openai_parts(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_llm_part_t *part);
static ngx_int_t ngx_llm_openai_read_content(ngx_llm_reader_t *reader,
    ngx_uint_t n, ngx_llm_json_t *content);
static ngx_int_t ngx_llm_openai_read_annotations(ngx_llm_reader_t *reader,
    ngx_uint_t n, ngx_llm_json_t *list);
static ngx_int_t ngx_llm_openai_finish_choice(ngx_llm_reader_t *reader,
    ngx_uint_t n, ngx_llm_finish_e finish);
static ngx_int_t ngx_llm_openai_done(ngx_llm_reader_t *reader);
static ngx_uint_t ngx_llm_openai_whole(ngx_llm_openai_reader_t *state);
static ngx_int_t ngx_llm_openai_fail(ngx_llm_reader_t *reader,
    ngx_llm_error_t *err);
static ngx_int_t ngx_llm_openai_text(ngx_llm_reader_t *reader,
    ngx_llm_event_e type, ngx_uint_t n, ngx_str_t *text);


ngx_int_t
ngx_llm_openai_read_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_str_t                 text;
    ngx_uint_t                error, flags;
    ngx_llm_event_t           ev;
    ngx_llm_openai_reader_t  *state;

    state = reader->state;
    reader->hidden = 0;

    if (reader->done || reader->failed) {
        return NGX_OK;
    }

    text = frame->data;
    error = 0;

    if (ngx_llm_openai_bare(frame, &text)) {
        error = 1;

    } else if (frame->name.len == sizeof("error") - 1
               && ngx_strncmp(frame->name.data, "error",
                              sizeof("error") - 1)
                  == 0)
    {
        error = 1;
    }

    if (text.len == 0) {
        return NGX_OK;
    }

    if (text.len >= sizeof("[DONE]") - 1
        && ngx_strncmp(text.data, "[DONE]", sizeof("[DONE]") - 1) == 0)
    {
        return ngx_llm_openai_done(reader);
    }

    if (reader->splice && state->mark == NULL) {

        state->mark = ngx_pcalloc(reader->pool,
                                  sizeof(ngx_llm_openai_mark_t));
        if (state->mark == NULL) {
            return NGX_ERROR;
        }
    }

    if (reader->splice && state->started && !error
        && !ngx_llm_openai_cut_frame(frame)
        && ngx_llm_openai_scan(state->mark, &text, &flags) == NGX_OK)
    {
        state->first.seen = 1;

        if (flags == 0) {
            return NGX_OK;
        }

        ngx_llm_openai_event(&ev, (flags & NGX_LLM_OPENAI_SCAN_TEXT)
                                  ? NGX_LLM_EVENT_TEXT
                                  : NGX_LLM_EVENT_REASONING, 0);

        return reader->handler(reader->data, &ev);
    }

    return ngx_llm_openai_read_chunk(reader, frame, &text, error);
}


ngx_uint_t
ngx_llm_openai_bare(ngx_llm_frame_t *frame, ngx_str_t *text)
{
    ngx_str_t  raw;

    raw = frame->raw;

    /* the LF of a CR that ended the frame before */

    if (raw.len && raw.data[0] == LF) {
        raw.data++;
        raw.len--;
    }

    if (frame->data.data || raw.len == 0 || raw.data[0] != '{') {
        return 0;
    }

    while (raw.len && raw.data[raw.len - 1] <= ' ') {
        raw.len--;
    }

    *text = raw;

    return 1;
}


ngx_int_t
ngx_llm_openai_read_end(ngx_llm_reader_t *reader)
{
    if (reader->done || reader->failed) {
        return NGX_OK;
    }

    if (!ngx_llm_openai_whole(reader->state)) {
        return NGX_OK;
    }

    return ngx_llm_openai_done(reader);
}


static ngx_int_t
ngx_llm_openai_read_chunk(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame,
    ngx_str_t *text, ngx_uint_t error)
{
    ngx_int_t         rc;
    ngx_uint_t        n, usage;
    ngx_llm_json_t   *root, *choices, *node;
    ngx_llm_error_t   err;

    root = ngx_llm_json_parse(reader->scratch, text, NULL);

    if (root == NULL || root->type != NGX_LLM_JSON_OBJECT) {

        if (ngx_llm_openai_cut_frame(frame)) {
            return NGX_OK;
        }

        return ngx_llm_openai_invalid(reader, "not a JSON object");
    }

    if (error || ngx_llm_openai_error_member(root)) {
        ngx_llm_openai_error_node(reader->scratch, 200, root, &err);
        return ngx_llm_openai_fail(reader, &err);
    }

    choices = ngx_llm_json_get(root, "choices");

    if (choices && choices->type != NGX_LLM_JSON_ARRAY) {
        choices = NULL;
    }

    if (choices == NULL) {
        node = ngx_llm_json_get(root, "object");

        if (node && node->type == NGX_LLM_JSON_STRING
            && node->raw.len == sizeof("\"error\"") - 1
            && ngx_strncmp(node->raw.data, "\"error\"", node->raw.len) == 0)
        {
            ngx_llm_openai_error_node(reader->scratch, 200, root, &err);
            return ngx_llm_openai_fail(reader, &err);
        }
    }

    rc = ngx_llm_openai_filter(reader, frame, root, choices);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
    }

    if (ngx_llm_openai_start(reader, root) != NGX_OK) {
        return NGX_ERROR;
    }

    if (choices) {

        n = 0;

        for (node = choices->child; node; node = node->next, n++) {

            if (ngx_llm_openai_read_choice(reader, node, n) != NGX_OK) {
                return NGX_ERROR;
            }

            if (reader->failed) {
                return NGX_OK;
            }
        }
    }

    if (ngx_llm_openai_read_usage(reader, root, choices, &usage) != NGX_OK) {
        return NGX_ERROR;
    }

    reader->hidden = (usage && choices && choices->child == NULL);

    return NGX_OK;
}


/* the input ended within a line: the chunk is cut, not wrong */

static ngx_uint_t
ngx_llm_openai_cut_frame(ngx_llm_frame_t *frame)
{
    u_char  *last;

    if (frame->raw.len == 0) {
        return 0;
    }

    last = frame->raw.data + frame->raw.len;

    return (last[-1] != LF && last[-1] != CR);
}


/* the first chunk may be Azure's preamble, where id and model are empty */

static ngx_int_t
ngx_llm_openai_start(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_llm_event_t           ev;
    ngx_llm_json_t           *choices;
    ngx_llm_openai_reader_t  *state;

    state = reader->state;

    if (state->started) {
        return NGX_OK;
    }

    ngx_llm_openai_event(&ev, NGX_LLM_EVENT_START, 0);

    ev.id = ngx_llm_json_str(root, "id");
    ev.model = ngx_llm_json_str(root, "model");

    choices = ngx_llm_json_get(root, "choices");

    if (ev.id.len == 0 && (choices == NULL || choices->child == NULL)) {
        return NGX_OK;
    }

    state->started = 1;

    return reader->handler(reader->data, &ev);
}


/*
 * Usage stands beside the choices, in a choice (Moonshot) or in a vendor's
 * member (Groq); in a chunk of its own, in the last one or in all.
 */

static ngx_int_t
ngx_llm_openai_read_usage(ngx_llm_reader_t *reader, ngx_llm_json_t *root,
    ngx_llm_json_t *choices, ngx_uint_t *found)
{
    ngx_str_t         tier;
    ngx_llm_json_t   *node;
    ngx_llm_event_t   ev;
    ngx_llm_usage_t   usage;

    node = ngx_llm_json_get(root, "usage");

    *found = (node && node->type == NGX_LLM_JSON_OBJECT);

    if (ngx_llm_openai_usage(node, &usage) != NGX_OK) {

        node = ngx_llm_json_get(root, "x_groq");
        node = ngx_llm_json_get(node, "usage");

        if (ngx_llm_openai_usage(node, &usage) != NGX_OK) {

            node = choices ? ngx_llm_json_get(choices->child, "usage") : NULL;

            if (ngx_llm_openai_usage(node, &usage) != NGX_OK) {
                return NGX_OK;
            }
        }
    }

    tier = ngx_llm_json_str(root, "service_tier");
    usage.service = ngx_llm_price_service(&tier);

    reader->usage = usage;

    ngx_llm_openai_event(&ev, NGX_LLM_EVENT_USAGE, 0);
    ev.usage = &reader->usage;

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_openai_read_choice(ngx_llm_reader_t *reader, ngx_llm_json_t *node,
    ngx_uint_t n)
{
    int64_t                   index;
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_llm_json_t           *delta;
    ngx_llm_error_t           err;
    ngx_llm_finish_e          finish;
    ngx_llm_openai_choice_t  *choice;

    index = ngx_llm_json_count(node, "index", n);

    if (index >= NGX_LLM_OPENAI_MAX_CHOICES) {
        return ngx_llm_openai_invalid(reader, "too many choices");
    }

    n = index;

    choice = ngx_llm_openai_choice(reader, n);
    if (choice == NULL) {
        return NGX_ERROR;
    }

    choice->seen = 1;

    delta = ngx_llm_json_get(node, "delta");

    if (delta == NULL || delta->type != NGX_LLM_JSON_OBJECT) {

        /* servers that answer whole in one event */

        delta = ngx_llm_json_get(node, "message");
    }

    if (delta) {
        if (ngx_llm_openai_read_delta(reader, n, delta) != NGX_OK) {
            return NGX_ERROR;
        }

        if (reader->failed) {
            return NGX_OK;
        }

    } else {
        text = ngx_llm_json_str(node, "text");

        if (ngx_llm_openai_text(reader, NGX_LLM_EVENT_TEXT, n, &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    delta = ngx_llm_json_get(node, "logprobs");

    if (delta && delta->type == NGX_LLM_JSON_OBJECT) {
        if (ngx_llm_openai_text(reader, NGX_LLM_EVENT_LOGPROBS, n,
                                &delta->raw)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    rc = ngx_llm_openai_broken(reader->scratch, node, &err);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? ngx_llm_openai_fail(reader, &err)
                                    : NGX_ERROR;
    }

    finish = ngx_llm_openai_finish(ngx_llm_json_get(node, "finish_reason"));

    if (finish == NGX_LLM_FINISH_NONE || choice->finished) {
        return NGX_OK;
    }

    choice->finished = 1;

    if (finish == NGX_LLM_FINISH_STOP && choice->calls) {
        finish = NGX_LLM_FINISH_TOOL_CALLS;
    }

    return ngx_llm_openai_finish_choice(reader, n, finish);
}


/* nearly all streams have one choice */

ngx_llm_openai_choice_t *
ngx_llm_openai_choice(ngx_llm_reader_t *reader, ngx_uint_t n)
{
    ngx_llm_openai_reader_t  *state;

    state = reader->state;

    if (n == 0) {
        return &state->first;
    }

    if (state->choices == NULL) {
        state->choices = ngx_pcalloc(reader->pool,
                                     NGX_LLM_OPENAI_MAX_CHOICES
                                     * sizeof(ngx_llm_openai_choice_t));
        if (state->choices == NULL) {
            return NULL;
        }
    }

    return &state->choices[n];
}


static ngx_int_t
ngx_llm_openai_read_delta(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_llm_json_t *delta)
{
    ngx_str_t         text;
    ngx_llm_json_t   *node;
    ngx_llm_event_t   ev;

    if (ngx_llm_openai_read_reasoning(reader, n, delta) != NGX_OK) {
        return NGX_ERROR;
    }

    node = ngx_llm_json_get(delta, "content");

    if (node && ngx_llm_openai_read_content(reader, n, node) != NGX_OK) {
        return NGX_ERROR;
    }

    text = ngx_llm_json_str(delta, "refusal");

    if (ngx_llm_openai_text(reader, NGX_LLM_EVENT_REFUSAL, n, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    node = ngx_llm_json_get(delta, "annotations");

    if (node && ngx_llm_openai_read_annotations(reader, n, node) != NGX_OK) {
        return NGX_ERROR;
    }

    node = ngx_llm_json_set(delta, "audio");

    if (node) {

        /* no event can hold it: an empty text says that the answer began */

        ngx_llm_openai_event(&ev, NGX_LLM_EVENT_TEXT, n);
        ngx_str_set(&ev.text, "");

        if (reader->handler(reader->data, &ev) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    node = ngx_llm_json_get(delta, "tool_calls");

    if (node && node->type == NGX_LLM_JSON_ARRAY) {
        return ngx_llm_openai_stream_calls(reader, n, node);
    }

    node = ngx_llm_json_get(delta, "function_call");

    if (node && node->type == NGX_LLM_JSON_OBJECT) {
        return ngx_llm_openai_stream_call(reader, n, node,
                                          NGX_LLM_OPENAI_LEGACY);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_reasoning(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_llm_json_t *delta)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    ngx_llm_json_t  *list, *node;
    ngx_llm_part_t  *parts, *part;

    text = ngx_llm_json_str(delta, "reasoning_content");

    if (text.len == 0) {
        text = ngx_llm_json_str(delta, "reasoning");
    }

    if (ngx_llm_openai_text(reader, NGX_LLM_EVENT_REASONING, n, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* signatures; the text beside them is the one above, where there is one */

    list = ngx_llm_json_get(delta, "thinking_blocks");

    if (list == NULL || list->type != NGX_LLM_JSON_ARRAY) {
        list = ngx_llm_json_get(delta, "reasoning_details");
    }

    if (list == NULL || list->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    for (node = list->child; node; node = node->next) {

        parts = NULL;

        rc = ngx_llm_openai_thinking(reader->scratch, node, &parts);

        if (rc == NGX_DECLINED) {
            rc = ngx_llm_openai_detail(reader->scratch, node, &parts);
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (text.len) {
            for (part = parts; part; part = part->next) {
                if (part->type == NGX_LLM_PART_REASONING) {
                    part->text.len = 0;
                }
            }
        }

        if (ngx_llm_openai_parts(reader, n, parts) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_parts(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_llm_part_t *part)
{
    for ( /* void */ ; part; part = part->next) {

        if (part->type == NGX_LLM_PART_REDACTED) {

            if (ngx_llm_openai_text(reader, NGX_LLM_EVENT_REDACTED, n,
                                    &part->data)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        if (ngx_llm_openai_text(reader, NGX_LLM_EVENT_REASONING, n,
                                &part->text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_llm_openai_text(reader, NGX_LLM_EVENT_SIGNATURE, n,
                                &part->signature)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a string, or with Mistral a list of parts */

static ngx_int_t
ngx_llm_openai_read_content(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_llm_json_t *content)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    ngx_llm_json_t  *node;
    ngx_llm_part_t  *parts;

    if (content->type == NGX_LLM_JSON_STRING) {
        text = ngx_llm_json_text(content);

        return ngx_llm_openai_text(reader, NGX_LLM_EVENT_TEXT, n, &text);
    }

    if (content->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    for (node = content->child; node; node = node->next) {

        parts = NULL;
        rc = ngx_llm_openai_thinking(reader->scratch, node, &parts);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {
            rc = ngx_llm_openai_parts(reader, n, parts);

        } else {
            text = ngx_llm_json_str(node, "text");
            rc = ngx_llm_openai_text(reader, NGX_LLM_EVENT_TEXT, n, &text);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_annotations(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_llm_json_t *list)
{
    ngx_llm_json_t  *node;

    if (list->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    for (node = list->child; node; node = node->next) {
        if (ngx_llm_openai_text(reader, NGX_LLM_EVENT_ANNOTATION, n,
                                &node->raw)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_finish_choice(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_llm_finish_e finish)
{
    ngx_llm_event_t  ev;

    /* arguments are whole unless the answer was cut within them */

    if ((finish == NGX_LLM_FINISH_STOP || finish == NGX_LLM_FINISH_TOOL_CALLS)
        && ngx_llm_openai_end_calls(reader, n, NGX_LLM_OPENAI_MAX_TOOLS)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (n == 0) {
        reader->finish = finish;
    }

    ngx_llm_openai_event(&ev, NGX_LLM_EVENT_FINISH, n);
    ev.finish = finish;

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_openai_done(ngx_llm_reader_t *reader)
{
    ngx_uint_t                i, last;
    ngx_llm_event_t           ev;
    ngx_llm_openai_choice_t  *choice;
    ngx_llm_openai_reader_t  *state;

    state = reader->state;

    last = state->choices ? NGX_LLM_OPENAI_MAX_CHOICES : 1;

    for (i = 0; i < last; i++) {

        choice = ngx_llm_openai_choice(reader, i);

        if (!choice->finished
            && ngx_llm_openai_end_calls(reader, i, NGX_LLM_OPENAI_MAX_TOOLS)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    reader->done = 1;

    ngx_llm_openai_event(&ev, NGX_LLM_EVENT_DONE, 0);

    return reader->handler(reader->data, &ev);
}


/* every choice that was begun has its finish_reason, and there is one */

static ngx_uint_t
ngx_llm_openai_whole(ngx_llm_openai_reader_t *state)
{
    ngx_uint_t  i, n;

    n = state->first.finished;

    if (state->first.seen && !state->first.finished) {
        return 0;
    }

    if (state->choices) {

        for (i = 1; i < NGX_LLM_OPENAI_MAX_CHOICES; i++) {

            if (state->choices[i].seen && !state->choices[i].finished) {
                return 0;
            }

            n += state->choices[i].finished;
        }
    }

    return (n != 0);
}


static ngx_int_t
ngx_llm_openai_fail(ngx_llm_reader_t *reader, ngx_llm_error_t *err)
{
    ngx_llm_event_t  ev;

    reader->failed = 1;

    ngx_llm_openai_event(&ev, NGX_LLM_EVENT_ERROR, 0);
    ev.error = err;

    return reader->handler(reader->data, &ev);
}


ngx_int_t
ngx_llm_openai_invalid(ngx_llm_reader_t *reader, char *what)
{
    ngx_llm_error_t  err;

    (void) ngx_llm_error(reader->scratch, &err, 502, "server_error",
                         "invalid_response", NULL,
                         "provider sent an invalid stream: %s", what);

    err.fail = NGX_LLM_FAIL_INVALID;

    return ngx_llm_openai_fail(reader, &err);
}


static ngx_int_t
ngx_llm_openai_text(ngx_llm_reader_t *reader, ngx_llm_event_e type,
    ngx_uint_t n, ngx_str_t *text)
{
    ngx_llm_event_t  ev;

    if (text->len == 0) {
        return NGX_OK;
    }

    ngx_llm_openai_event(&ev, type, n);
    ev.text = *text;

    return reader->handler(reader->data, &ev);
}


void
ngx_llm_openai_event(ngx_llm_event_t *ev, ngx_llm_event_e type, ngx_uint_t n)
{
    ngx_memzero(ev, sizeof(ngx_llm_event_t));

    ev->type = type;
    ev->choice = n;
}
