
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A provider's stream, event by event.
 */


#include "ngx_llm_anthropic.h"
#include "ngx_llm_events.h"


typedef ngx_int_t (*ngx_llm_anthropic_event_pt)(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);


typedef struct {
    char                        *name;
    ngx_llm_anthropic_event_pt   handler;
} ngx_llm_anthropic_event_t;


typedef struct {
    ngx_str_t                    name;
    ngx_str_t                    member;
    ngx_llm_anthropic_block_e    kind;      /* of the block it belongs to */
    ngx_llm_event_e              event;
} ngx_llm_anthropic_delta_t;


static ngx_int_t ngx_llm_anthropic_message_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_anthropic_block_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_anthropic_block_delta(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_anthropic_block_stop(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_anthropic_message_delta(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_anthropic_message_stop(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_anthropic_ping(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_anthropic_error_event(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_anthropic_tool_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *block);
static ngx_int_t ngx_llm_anthropic_delta(ngx_llm_reader_t *reader,
    ngx_llm_anthropic_delta_t *delta, ngx_str_t *text);
static ngx_int_t ngx_llm_anthropic_scan(ngx_llm_reader_t *reader,
    ngx_str_t *data);
static ngx_uint_t ngx_llm_anthropic_skip(u_char **pos, u_char *last,
    ngx_str_t *what);
static ngx_int_t ngx_llm_anthropic_input_delta(ngx_llm_reader_t *reader,
    ngx_str_t *text);
static void ngx_llm_anthropic_citation_delta(ngx_llm_reader_t *reader,
    ngx_llm_json_t *citation);
static ngx_int_t ngx_llm_anthropic_close(ngx_llm_reader_t *reader);
static ngx_int_t ngx_llm_anthropic_close_text(ngx_llm_reader_t *reader);
static ngx_int_t ngx_llm_anthropic_emit_text(ngx_llm_reader_t *reader,
    ngx_str_t *text);
static ngx_int_t ngx_llm_anthropic_emit_finish(ngx_llm_reader_t *reader,
    ngx_llm_finish_e finish, ngx_str_t *stop_sequence);
static ngx_int_t ngx_llm_anthropic_emit_done(ngx_llm_reader_t *reader);


static ngx_llm_anthropic_event_t  ngx_llm_anthropic_events[] = {
    { "content_block_delta", ngx_llm_anthropic_block_delta },
    { "content_block_start", ngx_llm_anthropic_block_start },
    { "content_block_stop", ngx_llm_anthropic_block_stop },
    { "message_start", ngx_llm_anthropic_message_start },
    { "message_delta", ngx_llm_anthropic_message_delta },
    { "message_stop", ngx_llm_anthropic_message_stop },
    { "ping", ngx_llm_anthropic_ping },
    { "error", ngx_llm_anthropic_error_event },
    { NULL, NULL }
};


static ngx_llm_anthropic_delta_t  ngx_llm_anthropic_deltas[] = {
    { ngx_string("text_delta"), ngx_string("text"),
      NGX_LLM_ANTHROPIC_TEXT, NGX_LLM_EVENT_TEXT },
    { ngx_string("input_json_delta"), ngx_string("partial_json"),
      NGX_LLM_ANTHROPIC_TOOL, NGX_LLM_EVENT_TOOL_ARGS },
    { ngx_string("thinking_delta"), ngx_string("thinking"),
      NGX_LLM_ANTHROPIC_THINKING, NGX_LLM_EVENT_REASONING },
    { ngx_string("signature_delta"), ngx_string("signature"),
      NGX_LLM_ANTHROPIC_THINKING, NGX_LLM_EVENT_SIGNATURE },
    { ngx_null_string, ngx_null_string,
      NGX_LLM_ANTHROPIC_NONE, NGX_LLM_EVENT_PING }
};


/* how the vendor writes the rest of a delta */

static ngx_str_t  ngx_llm_anthropic_delta_head =
    ngx_string("{\"type\":\"content_block_delta\",\"index\":");

static ngx_str_t  ngx_llm_anthropic_delta_type =
    ngx_string(",\"delta\":{\"type\":\"");

static ngx_str_t  ngx_llm_anthropic_delta_comma = ngx_string("\",\"");

static ngx_str_t  ngx_llm_anthropic_delta_colon = ngx_string("\":\"");


ngx_int_t
ngx_llm_anthropic_read_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_int_t                   rc;
    ngx_str_t                   type;
    ngx_llm_json_t             *root;
    ngx_llm_anthropic_event_t  *e;

    if (reader->done || reader->failed || frame->data.len == 0) {
        return NGX_OK;
    }

    rc = ngx_llm_anthropic_scan(reader, &frame->data);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    root = ngx_llm_json_parse(reader->scratch, &frame->data, NULL);

    if (root == NULL || root->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_event_invalid(reader);
    }

    type = ngx_llm_json_str(root, "type");

    if (type.data == NULL) {
        type = frame->name;
    }

    for (e = ngx_llm_anthropic_events; e->name; e++) {

        if (ngx_llm_json_is(&type, e->name)) {
            return e->handler(reader, root);
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_anthropic_read_end(ngx_llm_reader_t *reader)
{
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;

    if (reader->done || reader->failed || !state->stopped) {
        return NGX_OK;
    }

    return ngx_llm_anthropic_emit_done(reader);
}


static ngx_int_t
ngx_llm_anthropic_message_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root)
{
    ngx_int_t                    rc;
    ngx_llm_json_t              *message;
    ngx_llm_event_t              ev;
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;

    if (state->started) {
        return NGX_OK;
    }

    state->started = 1;

    message = ngx_llm_json_get(root, "message");

    ngx_llm_anthropic_usage(ngx_llm_json_get(message, "usage"), state,
                            &reader->usage);

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_START;
    ev.id = ngx_llm_json_str(message, "id");
    ev.model = ngx_llm_json_str(message, "model");

    rc = reader->handler(reader->data, &ev);
    if (rc != NGX_OK) {
        return rc;
    }

    /* what the prompt cost is known even if the client leaves */

    return ngx_llm_event_usage(reader);
}


static ngx_int_t
ngx_llm_anthropic_block_start(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_int_t                    rc;
    ngx_str_t                    text, type;
    ngx_llm_json_t              *block;
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;

    /* the end of the block before may be missing */

    rc = ngx_llm_anthropic_close(reader);
    if (rc != NGX_OK) {
        return rc;
    }

    block = ngx_llm_json_get(root, "content_block");
    type = ngx_llm_json_str(block, "type");

    state->block = ngx_llm_json_count(root, "index", -1);

    if (ngx_llm_json_is(&type, "text")) {
        state->kind = NGX_LLM_ANTHROPIC_TEXT;
        state->start = state->chars;

        text = ngx_llm_json_str(block, "text");

        return ngx_llm_anthropic_emit_text(reader, &text);
    }

    if (ngx_llm_json_is(&type, "thinking")) {
        state->kind = NGX_LLM_ANTHROPIC_THINKING;

        text = ngx_llm_json_str(block, "thinking");

        return ngx_llm_event_text(reader, NGX_LLM_EVENT_REASONING, &text);
    }

    if (ngx_llm_json_is(&type, "tool_use")) {
        return ngx_llm_anthropic_tool_start(reader, block);
    }

    state->kind = NGX_LLM_ANTHROPIC_SKIP;

    if (ngx_llm_json_is(&type, "redacted_thinking")) {
        text = ngx_llm_json_str(block, "data");

        return ngx_llm_event_text(reader, NGX_LLM_EVENT_REDACTED, &text);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_tool_start(ngx_llm_reader_t *reader, ngx_llm_json_t *block)
{
    ngx_int_t                    rc;
    ngx_str_t                    text;
    ngx_llm_out_t                out;
    ngx_llm_json_t              *input;
    ngx_llm_event_t              ev;
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;

    state->args = 0;
    state->whole = 0;

    if (ngx_llm_anthropic_is_json_tool(block)) {
        state->kind = NGX_LLM_ANTHROPIC_JSON;
        state->json = 1;

    } else {
        state->kind = NGX_LLM_ANTHROPIC_TOOL;

        ngx_memzero(&ev, sizeof(ngx_llm_event_t));

        ev.type = NGX_LLM_EVENT_TOOL_START;
        ev.tool = state->ntools++;
        ev.id = ngx_llm_json_str(block, "id");
        ev.name = ngx_llm_json_str(block, "name");

        rc = reader->handler(reader->data, &ev);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* commonly empty: the input follows in pieces */

    input = ngx_llm_json_get(block, "input");

    if (input == NULL || input->type != NGX_LLM_JSON_OBJECT
        || input->child == NULL)
    {
        return NGX_OK;
    }

    ngx_llm_out_init(&out, reader->scratch, NULL, 0, input->raw.len * 6);
    ngx_llm_out_escape_raw(&out, &input->raw);

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    rc = ngx_llm_anthropic_input_delta(reader, &text);

    state->whole = 1;

    return rc;
}


static ngx_int_t
ngx_llm_anthropic_block_delta(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    int64_t                      index;
    ngx_str_t                    text, type;
    ngx_llm_json_t              *delta;
    ngx_llm_anthropic_delta_t   *d;
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;

    index = ngx_llm_json_count(root, "index", state->block);

    /* blocks do not interleave; one whose start was not seen is not known */

    if (index != state->block) {
        return NGX_OK;
    }

    delta = ngx_llm_json_get(root, "delta");
    type = ngx_llm_json_str(delta, "type");

    if (ngx_llm_json_is(&type, "citations_delta")) {

        if (state->kind == NGX_LLM_ANTHROPIC_TEXT) {
            ngx_llm_anthropic_citation_delta(reader,
                                          ngx_llm_json_get(delta, "citation"));
        }

        return NGX_OK;
    }

    for (d = ngx_llm_anthropic_deltas; d->name.len; d++) {

        if (ngx_llm_json_is(&type, (char *) d->name.data)) {
            text = ngx_llm_json_str(delta, (char *) d->member.data);
            return ngx_llm_anthropic_delta(reader, d, &text);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_delta(ngx_llm_reader_t *reader,
    ngx_llm_anthropic_delta_t *delta, ngx_str_t *text)
{
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;

    if (state->kind != delta->kind
        && !(state->kind == NGX_LLM_ANTHROPIC_JSON
             && delta->kind == NGX_LLM_ANTHROPIC_TOOL))
    {
        return NGX_OK;
    }

    switch (delta->event) {

    case NGX_LLM_EVENT_TEXT:
        return ngx_llm_anthropic_emit_text(reader, text);

    case NGX_LLM_EVENT_TOOL_ARGS:

        if (state->whole) {
            return NGX_OK;
        }

        return ngx_llm_anthropic_input_delta(reader, text);

    default:
        return ngx_llm_event_text(reader, delta->event, text);
    }
}


/*
 * Nearly all events are pieces of text in the vendor's own layout.  They are
 * read here; what looks the least bit different is left to the parser
 * (NGX_DECLINED).
 */

static ngx_int_t
ngx_llm_anthropic_scan(ngx_llm_reader_t *reader, ngx_str_t *data)
{
    u_char                      *last, *p;
    int64_t                      index;
    ngx_str_t                    text;
    ngx_uint_t                   escaped;
    ngx_llm_anthropic_delta_t   *d;
    ngx_llm_anthropic_reader_t  *state;

    p = data->data;
    last = p + data->len;

    if (!ngx_llm_anthropic_skip(&p, last, &ngx_llm_anthropic_delta_head)) {
        return NGX_DECLINED;
    }

    text.data = p;
    index = 0;

    while (p < last && *p >= '0' && *p <= '9') {
        index = index * 10 + (*p++ - '0');

        if (p - text.data > 9 || (*text.data == '0' && p > text.data + 1)) {
            return NGX_DECLINED;
        }
    }

    if (p == text.data
        || !ngx_llm_anthropic_skip(&p, last, &ngx_llm_anthropic_delta_type))
    {
        return NGX_DECLINED;
    }

    for (d = ngx_llm_anthropic_deltas; d->name.len; d++) {

        if (ngx_llm_anthropic_skip(&p, last, &d->name)) {
            break;
        }
    }

    if (d->name.len == 0
        || !ngx_llm_anthropic_skip(&p, last, &ngx_llm_anthropic_delta_comma)
        || !ngx_llm_anthropic_skip(&p, last, &d->member)
        || !ngx_llm_anthropic_skip(&p, last, &ngx_llm_anthropic_delta_colon))
    {
        return NGX_DECLINED;
    }

    text.data = p;

    p = ngx_llm_json_string(p, last, &escaped);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    text.len = p++ - text.data;

    if (p == last || *p++ != '}') {
        return NGX_DECLINED;
    }

    while (p < last && *p == ' ') {
        p++;
    }

    if (last - p != 1 || *p != '}') {
        return NGX_DECLINED;
    }

    state = reader->state;

    if (index != state->block) {
        return NGX_OK;
    }

    return ngx_llm_anthropic_delta(reader, d, &text);
}


static ngx_uint_t
ngx_llm_anthropic_skip(u_char **pos, u_char *last, ngx_str_t *what)
{
    if ((size_t) (last - *pos) < what->len
        || ngx_memcmp(*pos, what->data, what->len) != 0)
    {
        return 0;
    }

    *pos += what->len;

    return 1;
}


static ngx_int_t
ngx_llm_anthropic_input_delta(ngx_llm_reader_t *reader, ngx_str_t *text)
{
    ngx_llm_event_t              ev;
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;

    if (text->len == 0) {
        return NGX_OK;
    }

    state->args = 1;

    if (state->kind == NGX_LLM_ANTHROPIC_JSON) {
        return ngx_llm_anthropic_emit_text(reader, text);
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_TOOL_ARGS;
    ev.tool = state->ntools - 1;
    ev.text = *text;

    return reader->handler(reader->data, &ev);
}


static void
ngx_llm_anthropic_citation_delta(ngx_llm_reader_t *reader,
    ngx_llm_json_t *citation)
{
    size_t                       len;
    ngx_llm_out_t               *out;
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;
    out = &state->citations;

    if (out->max == 0) {
        ngx_llm_out_init(out, reader->pool, NULL, 0,
                         NGX_LLM_ANTHROPIC_CITATIONS);
    }

    if (out->failed || !ngx_llm_anthropic_is_url(citation)) {
        return;
    }

    /* each ends with a zero, which JSON text does not hold */

    len = ngx_llm_out_len(out);

    ngx_llm_anthropic_citation(citation, out);
    ngx_llm_out_char(out, '\0');

    if (out->failed && out->start != NULL) {

        /* too many: the rest of the block's are not shown */

        out->last = out->start + len;
    }
}


static ngx_int_t
ngx_llm_anthropic_block_stop(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;

    if (ngx_llm_json_count(root, "index", state->block) != state->block) {
        return NGX_OK;
    }

    return ngx_llm_anthropic_close(reader);
}


static ngx_int_t
ngx_llm_anthropic_close(ngx_llm_reader_t *reader)
{
    ngx_int_t                    rc;
    ngx_str_t                    text;
    ngx_llm_anthropic_reader_t  *state;
    ngx_llm_anthropic_block_e    kind;

    state = reader->state;
    kind = state->kind;

    switch (kind) {

    case NGX_LLM_ANTHROPIC_TEXT:
        rc = ngx_llm_anthropic_close_text(reader);
        break;

    case NGX_LLM_ANTHROPIC_TOOL:
    case NGX_LLM_ANTHROPIC_JSON:
        rc = NGX_OK;

        if (!state->args) {
            ngx_str_set(&text, "{}");
            rc = ngx_llm_anthropic_input_delta(reader, &text);
        }

        break;

    default:
        rc = NGX_OK;
    }

    state->kind = NGX_LLM_ANTHROPIC_NONE;
    state->block = -1;

    if (rc != NGX_OK || kind != NGX_LLM_ANTHROPIC_TOOL) {
        return rc;
    }

    return ngx_llm_event_call_end(reader, state->ntools - 1);
}


static ngx_int_t
ngx_llm_anthropic_close_text(ngx_llm_reader_t *reader)
{
    u_char                      *end, *p;
    ngx_int_t                    rc;
    ngx_str_t                    text;
    ngx_llm_out_t                out, *held;
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;
    held = &state->citations;

    p = held->start;

    while (p < held->last) {

        end = p + ngx_strlen(p);

        ngx_llm_out_init(&out, reader->scratch, NULL, 0,
                         NGX_LLM_ANTHROPIC_CITATIONS * 2);

        ngx_llm_out_data(&out, p, end - p);
        ngx_llm_anthropic_citation_end(&out, state->start, state->chars);

        if (out.failed) {
            return NGX_ERROR;
        }

        text.data = out.start;
        text.len = ngx_llm_out_len(&out);

        rc = ngx_llm_event_text(reader, NGX_LLM_EVENT_ANNOTATION, &text);
        if (rc != NGX_OK) {
            return rc;
        }

        p = end + 1;
    }

    held->last = held->start;
    held->failed = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_message_delta(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root)
{
    ngx_int_t                    rc;
    ngx_str_t                    reason, sequence, text;
    ngx_llm_json_t              *delta;
    ngx_llm_finish_e             finish;
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;
    state->stopped = 1;

    ngx_llm_anthropic_usage(ngx_llm_json_get(root, "usage"), state,
                            &reader->usage);

    delta = ngx_llm_json_get(root, "delta");
    reason = ngx_llm_json_str(delta, "stop_reason");

    if (reason.data != NULL) {
        finish = ngx_llm_anthropic_stop_reason(&reason);
        sequence = ngx_llm_json_str(delta, "stop_sequence");

        if (finish == NGX_LLM_FINISH_CONTENT_FILTER) {
            text = ngx_llm_json_str(ngx_llm_json_get(delta, "stop_details"),
                                    "explanation");

            rc = ngx_llm_event_text(reader, NGX_LLM_EVENT_REFUSAL, &text);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        rc = ngx_llm_anthropic_emit_finish(reader, finish, &sequence);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_llm_event_usage(reader);
}


static ngx_int_t
ngx_llm_anthropic_message_stop(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    return ngx_llm_anthropic_emit_done(reader);
}


static ngx_int_t
ngx_llm_anthropic_ping(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_llm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_PING;

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_anthropic_error_event(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_int_t        rc;
    ngx_llm_error_t  err;

    rc = ngx_llm_anthropic_error(reader->scratch, root, 0, &err);

    if (rc == NGX_DECLINED) {
        return ngx_llm_event_invalid(reader);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    return ngx_llm_event_error(reader, &err);
}


static ngx_int_t
ngx_llm_anthropic_emit_text(ngx_llm_reader_t *reader, ngx_str_t *text)
{
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;
    state->chars += ngx_llm_anthropic_count(text);

    return ngx_llm_event_text(reader, NGX_LLM_EVENT_TEXT, text);
}


static ngx_int_t
ngx_llm_anthropic_emit_finish(ngx_llm_reader_t *reader,
    ngx_llm_finish_e finish, ngx_str_t *stop_sequence)
{
    ngx_llm_event_t              ev;
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;

    if (reader->finish != NGX_LLM_FINISH_NONE) {
        return NGX_OK;
    }

    if (finish == NGX_LLM_FINISH_TOOL_CALLS && state->json
        && state->ntools == 0)
    {
        finish = NGX_LLM_FINISH_STOP;
    }

    reader->finish = finish;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_FINISH;
    ev.finish = finish;
    ev.stop_sequence = *stop_sequence;

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_anthropic_emit_done(ngx_llm_reader_t *reader)
{
    ngx_int_t                    rc;
    ngx_str_t                    none;
    ngx_llm_anthropic_reader_t  *state;

    state = reader->state;

    ngx_str_null(&none);

    rc = ngx_llm_anthropic_emit_finish(reader,
                                       state->ntools
                                       ? NGX_LLM_FINISH_TOOL_CALLS
                                       : NGX_LLM_FINISH_STOP,
                                       &none);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_llm_event_done(reader);
}
