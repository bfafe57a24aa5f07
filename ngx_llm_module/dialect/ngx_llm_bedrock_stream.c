
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A provider's stream.  Converse names the kind of an event in a header of its
 * message; InvokeModel wraps events of Claude's into chunks.
 */


#include "ngx_llm_bedrock.h"
#include "ngx_llm_events.h"


typedef ngx_int_t (*ngx_llm_bedrock_event_pt)(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);


typedef struct {
    char                      *name;
    ngx_llm_bedrock_event_pt   handler;
} ngx_llm_bedrock_event_t;


static ngx_int_t ngx_llm_bedrock_chunk(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_bedrock_block_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_bedrock_block_delta(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_bedrock_block_stop(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_bedrock_message_stop(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_bedrock_metadata(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);

static ngx_int_t ngx_llm_bedrock_start(ngx_llm_reader_t *reader);
static ngx_int_t ngx_llm_bedrock_open(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root, ngx_llm_bedrock_block_e kind);
static ngx_int_t ngx_llm_bedrock_close_block(ngx_llm_reader_t *reader);
static ngx_int_t ngx_llm_bedrock_close_text(ngx_llm_reader_t *reader);
static ngx_int_t ngx_llm_bedrock_delta_text(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root, ngx_str_t *text);
static ngx_int_t ngx_llm_bedrock_delta_input(ngx_llm_reader_t *reader,
    ngx_str_t *text);
static ngx_int_t ngx_llm_bedrock_delta_reasoning(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root, ngx_llm_json_t *node);
static ngx_int_t ngx_llm_bedrock_delta_citation(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root, ngx_llm_json_t *node);
static ngx_int_t ngx_llm_bedrock_tell_text(ngx_llm_reader_t *reader,
    ngx_str_t *text);


static ngx_llm_bedrock_event_t  ngx_llm_bedrock_events[] = {
    { "contentBlockDelta", ngx_llm_bedrock_block_delta },
    { "contentBlockStart", ngx_llm_bedrock_block_start },
    { "contentBlockStop", ngx_llm_bedrock_block_stop },
    { "messageStart", NULL },
    { "messageStop", ngx_llm_bedrock_message_stop },
    { "metadata", ngx_llm_bedrock_metadata },
    { NULL, NULL }
};


ngx_int_t
ngx_llm_bedrock_read_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_llm_json_t            *root;
    ngx_llm_bedrock_event_t   *e;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    if (frame->kind != NGX_LLM_FRAME_EVENT) {
        return ngx_llm_bedrock_exception(reader, frame);
    }

    if (ngx_llm_json_is(&frame->name, "chunk")) {

        /* a stream is of one way or of the other */

        if (state->started) {
            return NGX_OK;
        }

        root = ngx_llm_json_parse(reader->scratch, &frame->data, NULL);

        if (root == NULL || root->type != NGX_LLM_JSON_OBJECT) {
            return ngx_llm_event_invalid(reader);
        }

        return ngx_llm_bedrock_chunk(reader, root);
    }

    for (e = ngx_llm_bedrock_events; e->name; e++) {
        if (ngx_llm_json_is(&frame->name, e->name)) {
            break;
        }
    }

    if (e->name == NULL || state->invoke) {

        /* events of versions to come */

        return NGX_OK;
    }

    root = ngx_llm_json_parse(reader->scratch, &frame->data, NULL);

    if (root == NULL || root->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_event_invalid(reader);
    }

    if (ngx_llm_bedrock_start(reader) != NGX_OK) {
        return NGX_ERROR;
    }

    return e->handler ? e->handler(reader, root) : NGX_OK;
}


ngx_int_t
ngx_llm_bedrock_read_end(ngx_llm_reader_t *reader)
{
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    if (state->invoke) {
        return ngx_llm_anthropic_read_end(reader);
    }

    if (!state->stopped) {
        return NGX_OK;
    }

    /* it is whole without the counts, too */

    return ngx_llm_event_done(reader);
}


ngx_int_t
ngx_llm_bedrock_exception(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_llm_error_t  err;
    ngx_llm_out_t    out;
    ngx_str_t        text;

    text = frame->data;

    if (frame->kind == NGX_LLM_FRAME_ERROR && text.len) {

        /* what stands in a header is text, not JSON */

        ngx_llm_out_init(&out, reader->scratch, NULL, 0,
                         text.len * 6 + sizeof("{\"message\":\"\"}"));

        ngx_llm_out_lit(&out, "{\"message\":");
        ngx_llm_out_json_string(&out, &text);
        ngx_llm_out_char(&out, '}');

        if (out.failed) {
            return NGX_ERROR;
        }

        text.data = out.start;
        text.len = ngx_llm_out_len(&out);
    }

    ngx_llm_bedrock_error(reader->scratch, 0, &frame->name, &text, &err);

    return ngx_llm_event_error(reader, &err);
}


static ngx_int_t
ngx_llm_bedrock_chunk(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_str_t                  bytes, text;
    ngx_llm_frame_t            frame;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;
    state->invoke = 1;

    bytes = ngx_llm_json_str(root, "bytes");

    if (bytes.len == 0) {
        return NGX_OK;
    }

    text = ngx_llm_json_plain(reader->scratch, &bytes);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&frame, sizeof(ngx_llm_frame_t));

    frame.data.data = ngx_pnalloc(reader->scratch,
                                  ngx_base64_decoded_length(text.len));
    if (frame.data.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64(&frame.data, &text) != NGX_OK) {
        return ngx_llm_event_invalid(reader);
    }

    return ngx_llm_anthropic_read_frame(reader, &frame);
}


/* the first event of any kind begins it */

static ngx_int_t
ngx_llm_bedrock_start(ngx_llm_reader_t *reader)
{
    ngx_llm_event_t            ev;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    if (state->started) {
        return NGX_OK;
    }

    state->started = 1;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_START;

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_bedrock_block_start(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_str_t                  type;
    ngx_llm_event_t            ev;
    ngx_llm_json_t            *node;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    node = ngx_llm_json_get(ngx_llm_json_get(root, "start"), "toolUse");

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_TOOL_START;
    ev.id = ngx_llm_json_str(node, "toolUseId");
    ev.name = ngx_llm_json_str(node, "name");

    type = ngx_llm_json_str(node, "type");

    if (ev.id.len == 0 || ev.name.len == 0 || state->stopped
        || state->ntools == NGX_LLM_BEDROCK_MAX_TOOLS
        || ngx_llm_json_is(&type, "server_tool_use"))
    {
        /* pictures, and what the service's own tools do */

        return ngx_llm_bedrock_open(reader, root, NGX_LLM_BEDROCK_SKIP);
    }

    if (ngx_llm_json_is(&ev.name, NGX_LLM_BEDROCK_JSON_TOOL)) {
        return ngx_llm_bedrock_open(reader, root, NGX_LLM_BEDROCK_JSON);
    }

    if (ngx_llm_bedrock_open(reader, root, NGX_LLM_BEDROCK_CALL) != NGX_OK) {
        return NGX_ERROR;
    }

    ev.name = ngx_llm_bedrock_real_name(reader->scratch, reader->chat,
                                        &ev.name);

    /* the call before is counted now, if its end was missing */

    ev.tool = state->ntools;

    state->args = 0;
    state->produced = 1;

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_bedrock_block_delta(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_str_t                  text;
    ngx_llm_json_t            *delta, *node;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    if (state->stopped
        || (state->kind == NGX_LLM_BEDROCK_SKIP
            && state->block == ngx_llm_json_count(root, "contentBlockIndex",
                                                  -1)))
    {
        return NGX_OK;
    }

    delta = ngx_llm_json_get(root, "delta");

    text = ngx_llm_json_str(delta, "text");

    if (text.len) {
        return ngx_llm_bedrock_delta_text(reader, root, &text);
    }

    node = ngx_llm_json_get(delta, "toolUse");

    if (node != NULL) {
        text = ngx_llm_json_str(node, "input");
        return ngx_llm_bedrock_delta_input(reader, &text);
    }

    node = ngx_llm_json_get(delta, "reasoningContent");

    if (node != NULL) {
        return ngx_llm_bedrock_delta_reasoning(reader, root, node);
    }

    node = ngx_llm_json_get(delta, "citation");

    if (node != NULL) {
        return ngx_llm_bedrock_delta_citation(reader, root, node);
    }

    return NGX_OK;
}


/* texts and thoughts have no start of their own */

static ngx_int_t
ngx_llm_bedrock_open(ngx_llm_reader_t *reader, ngx_llm_json_t *root,
    ngx_llm_bedrock_block_e kind)
{
    int64_t                    block;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    block = ngx_llm_json_count(root, "contentBlockIndex", -1);

    if (state->kind == kind && state->block == block
        && (kind == NGX_LLM_BEDROCK_TEXT || kind == NGX_LLM_BEDROCK_THINKING))
    {
        return NGX_OK;
    }

    /* the end of the block before may be missing */

    if (ngx_llm_bedrock_close_block(reader) != NGX_OK) {
        return NGX_ERROR;
    }

    state->kind = kind;
    state->block = block;

    if (kind == NGX_LLM_BEDROCK_TEXT) {
        state->start = state->chars;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_delta_text(ngx_llm_reader_t *reader, ngx_llm_json_t *root,
    ngx_str_t *text)
{
    if (ngx_llm_bedrock_open(reader, root, NGX_LLM_BEDROCK_TEXT) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_llm_bedrock_tell_text(reader, text);
}


static ngx_int_t
ngx_llm_bedrock_delta_input(ngx_llm_reader_t *reader, ngx_str_t *text)
{
    ngx_llm_event_t            ev;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    if (text->len == 0) {
        return NGX_OK;
    }

    if (state->kind == NGX_LLM_BEDROCK_JSON) {
        return ngx_llm_bedrock_tell_text(reader, text);
    }

    if (state->kind != NGX_LLM_BEDROCK_CALL) {
        return NGX_OK;
    }

    state->args = 1;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_TOOL_ARGS;
    ev.tool = state->ntools;
    ev.text = *text;

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_bedrock_delta_reasoning(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root, ngx_llm_json_t *node)
{
    size_t                     i;
    ngx_str_t                  text;
    ngx_llm_bedrock_reader_t  *state;

    static struct {
        char             *member;
        ngx_llm_event_e   event;
    } deltas[] = {
        { "text", NGX_LLM_EVENT_REASONING },
        { "signature", NGX_LLM_EVENT_SIGNATURE },
        { "redactedContent", NGX_LLM_EVENT_REDACTED },
        { NULL, NGX_LLM_EVENT_PING }
    };

    state = reader->state;

    for (i = 0; deltas[i].member; i++) {
        text = ngx_llm_json_str(node, deltas[i].member);

        if (text.len == 0) {
            continue;
        }

        if (ngx_llm_bedrock_open(reader, root, NGX_LLM_BEDROCK_THINKING)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        state->produced = 1;

        return ngx_llm_event_text(reader, deltas[i].event, &text);
    }

    return NGX_OK;
}


/* where the text of a source ends is known when its block does */

static ngx_int_t
ngx_llm_bedrock_delta_citation(ngx_llm_reader_t *reader, ngx_llm_json_t *root,
    ngx_llm_json_t *node)
{
    ngx_llm_out_t              out;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    if (ngx_llm_bedrock_open(reader, root, NGX_LLM_BEDROCK_TEXT) != NGX_OK) {
        return NGX_ERROR;
    }

    if (state->citations.pool == NULL) {
        ngx_llm_out_init(&state->citations, reader->pool, NULL, 0,
                         NGX_LLM_BEDROCK_CITATIONS);
    }

    if (node->raw.len > NGX_LLM_BEDROCK_CITATIONS / 2) {
        return NGX_OK;
    }

    /* held as it came, one behind the other; what does not fit is left out */

    ngx_llm_out_init(&out, reader->scratch, NULL, 0,
                     NGX_LLM_BEDROCK_CITATIONS);

    ngx_llm_out_str(&out, &node->raw);
    ngx_llm_out_char(&out, ',');

    if (out.failed
        || ngx_llm_out_len(&state->citations) + ngx_llm_out_len(&out)
           > NGX_LLM_BEDROCK_CITATIONS)
    {
        return NGX_OK;
    }

    ngx_llm_out_data(&state->citations, out.start, ngx_llm_out_len(&out));

    return state->citations.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_block_stop(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    return ngx_llm_bedrock_close_block(reader);
}


static ngx_int_t
ngx_llm_bedrock_close_block(ngx_llm_reader_t *reader)
{
    ngx_str_t                  none;
    ngx_llm_event_t            ev;
    ngx_llm_bedrock_block_e    kind;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    kind = state->kind;
    state->kind = NGX_LLM_BEDROCK_NONE;

    if (kind == NGX_LLM_BEDROCK_TEXT) {
        return ngx_llm_bedrock_close_text(reader);
    }

    if (kind != NGX_LLM_BEDROCK_CALL) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.tool = state->ntools++;

    if (!state->args) {
        ev.type = NGX_LLM_EVENT_TOOL_ARGS;
        ngx_str_set(&ev.text, "{}");

        if (reader->handler(reader->data, &ev) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_str_null(&none);

    ev.type = NGX_LLM_EVENT_TOOL_END;
    ev.text = none;

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_bedrock_close_text(ngx_llm_reader_t *reader)
{
    ngx_str_t                  text;
    ngx_llm_out_t              list, out;
    ngx_llm_json_t            *node;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    if (ngx_llm_out_len(&state->citations) == 0) {
        return NGX_OK;
    }

    ngx_llm_out_init(&list, reader->scratch, NULL, 0,
                     NGX_LLM_BEDROCK_CITATIONS + 2);
    ngx_llm_out_init(&out, reader->scratch, NULL, 0,
                     NGX_LLM_BEDROCK_CITATIONS * 8);

    ngx_llm_out_char(&list, '[');
    ngx_llm_out_data(&list, state->citations.start,
                     ngx_llm_out_len(&state->citations) - 1);
    ngx_llm_out_char(&list, ']');

    state->citations.last = state->citations.start;

    if (list.failed) {
        return NGX_ERROR;
    }

    text.data = list.start;
    text.len = ngx_llm_out_len(&list);

    node = ngx_llm_json_parse(reader->scratch, &text, NULL);

    for (node = node ? node->child : NULL; node; node = node->next) {
        ngx_llm_bedrock_write_citation(node, state->start, state->chars,
                                       &out);
    }

    if (ngx_llm_out_len(&out) == 0) {
        return NGX_OK;
    }

    ngx_llm_out_char(&out, ']');

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    return ngx_llm_event_text(reader, NGX_LLM_EVENT_ANNOTATION, &text);
}


static ngx_int_t
ngx_llm_bedrock_message_stop(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_str_t                  reason;
    ngx_uint_t                 broken;
    ngx_llm_error_t            err;
    ngx_llm_event_t            ev;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    if (state->stopped) {
        return NGX_OK;
    }

    if (ngx_llm_bedrock_close_block(reader) != NGX_OK) {
        return NGX_ERROR;
    }

    state->stopped = 1;

    reason = ngx_llm_json_str(root, "stopReason");

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_FINISH;
    ev.finish = ngx_llm_bedrock_stop_reason(&reason, state->ntools, &broken);
    ev.stop_sequence = ngx_llm_json_str(ngx_llm_json_get(root,
                                            "additionalModelResponseFields"),
                                        "stop_sequence");

    if (broken && !state->produced) {

        if (ngx_llm_bedrock_broken(reader->scratch, &reason, &err)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        return ngx_llm_event_error(reader, &err);
    }

    reader->finish = ev.finish;

    return reader->handler(reader->data, &ev);
}


/* the last event of all */

static ngx_int_t
ngx_llm_bedrock_metadata(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_llm_json_t            *usage;
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    usage = ngx_llm_json_get(root, "usage");

    if (usage != NULL && usage->type == NGX_LLM_JSON_OBJECT) {

        ngx_llm_bedrock_usage(usage, &reader->usage);

        if (ngx_llm_event_usage(reader) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (!state->stopped) {
        return NGX_OK;
    }

    return ngx_llm_event_done(reader);
}


static ngx_int_t
ngx_llm_bedrock_tell_text(ngx_llm_reader_t *reader, ngx_str_t *text)
{
    ngx_llm_bedrock_reader_t  *state;

    state = reader->state;

    state->produced = 1;
    state->chars += ngx_llm_anthropic_count(text);

    return ngx_llm_event_text(reader, NGX_LLM_EVENT_TEXT, text);
}
