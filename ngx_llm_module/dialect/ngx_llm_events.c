
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_events.h"


ngx_int_t
ngx_llm_event_text(ngx_llm_reader_t *reader, ngx_llm_event_e type,
    ngx_str_t *text)
{
    ngx_llm_event_t  ev;

    if (text->len == 0) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = type;
    ev.text = *text;

    return reader->handler(reader->data, &ev);
}


ngx_int_t
ngx_llm_event_call(ngx_llm_reader_t *reader, ngx_uint_t tool, ngx_str_t *id,
    ngx_str_t *name)
{
    ngx_llm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_TOOL_START;
    ev.tool = tool;
    ev.id = *id;
    ev.name = *name;

    return reader->handler(reader->data, &ev);
}


ngx_int_t
ngx_llm_event_args(ngx_llm_reader_t *reader, ngx_uint_t tool, ngx_str_t *text)
{
    ngx_llm_event_t  ev;

    if (text->len == 0) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_TOOL_ARGS;
    ev.tool = tool;
    ev.text = *text;

    return reader->handler(reader->data, &ev);
}


ngx_int_t
ngx_llm_event_input(ngx_llm_reader_t *reader, ngx_uint_t tool, ngx_str_t *raw)
{
    ngx_str_t      text;
    ngx_llm_out_t  out;

    ngx_llm_out_init(&out, reader->scratch, NULL, 0, 6 * NGX_LLM_MAX_EVENT);
    ngx_llm_out_escape_raw(&out, raw);

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    return ngx_llm_event_args(reader, tool, &text);
}


ngx_int_t
ngx_llm_event_call_end(ngx_llm_reader_t *reader, ngx_uint_t tool)
{
    ngx_llm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_TOOL_END;
    ev.tool = tool;

    return reader->handler(reader->data, &ev);
}


ngx_int_t
ngx_llm_event_finish(ngx_llm_reader_t *reader, ngx_llm_finish_e finish)
{
    ngx_llm_event_t  ev;

    reader->finish = finish;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_FINISH;
    ev.finish = finish;

    return reader->handler(reader->data, &ev);
}


ngx_int_t
ngx_llm_event_usage(ngx_llm_reader_t *reader)
{
    ngx_llm_event_t  ev;

    if (!reader->usage.reported) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_USAGE;
    ev.usage = &reader->usage;

    return reader->handler(reader->data, &ev);
}


ngx_int_t
ngx_llm_event_done(ngx_llm_reader_t *reader)
{
    ngx_llm_event_t  ev;

    reader->done = 1;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_DONE;

    return reader->handler(reader->data, &ev);
}


ngx_int_t
ngx_llm_event_error(ngx_llm_reader_t *reader, ngx_llm_error_t *err)
{
    ngx_llm_event_t  ev;

    reader->failed = 1;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_ERROR;
    ev.error = err;

    return reader->handler(reader->data, &ev);
}


ngx_int_t
ngx_llm_event_invalid(ngx_llm_reader_t *reader)
{
    ngx_llm_error_t  err;

    if (ngx_llm_answer_invalid(reader->scratch, &err,
                               "an event that is not valid")
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return ngx_llm_event_error(reader, &err);
}


ngx_uint_t
ngx_llm_event_cut(ngx_llm_frame_t *frame)
{
    u_char  *last;

    if (frame->raw.len == 0) {
        return 0;
    }

    last = frame->raw.data + frame->raw.len;

    return (last[-1] != LF && last[-1] != CR);
}


ngx_int_t
ngx_llm_answer_invalid(ngx_pool_t *pool, ngx_llm_error_t *err, char *what)
{
    ngx_int_t  rc;

    rc = ngx_llm_error(pool, err, 502, "server_error", "invalid_response",
                       NULL, "provider sent %s", what);

    err->fail = NGX_LLM_FAIL_INVALID;

    return rc;
}


ngx_int_t
ngx_llm_answer_tokens(ngx_llm_json_t *root, char *name,
    ngx_llm_response_t *res, ngx_llm_error_t *err)
{
    res->usage.prompt = ngx_llm_json_count(root, name, -1);

    return (res->usage.prompt >= 0)
           ? NGX_OK
           : ngx_llm_answer_invalid(res->pool, err,
                                    "an answer that is no count of tokens");
}


int64_t
ngx_llm_answer_count(ngx_llm_json_t *node, char *name)
{
    int64_t  value;

    node = ngx_llm_json_get(node, name);

    if (node == NULL || ngx_llm_json_decimal(node, &value) != NGX_OK
        || value < 0)
    {
        return -1;
    }

    if (ngx_llm_json_int(node, &value) != NGX_OK) {
        (void) ngx_llm_json_decimal(node, &value);
        value /= NGX_LLM_JSON_ONE;
    }

    return ngx_min(value, NGX_LLM_MAX_COUNT);
}


ngx_uint_t
ngx_llm_answer_hash(ngx_str_t *text)
{
    size_t      i;
    ngx_uint_t  hash;

    hash = 0;

    for (i = 0; i < text->len; i++) {
        hash = ngx_hash(hash, text->data[i]);
    }

    return hash;
}


ngx_int_t
ngx_llm_answer_id(ngx_pool_t *pool, ngx_uint_t hash, ngx_uint_t n,
    ngx_str_t *id)
{
    id->data = ngx_pnalloc(pool, sizeof("call__") - 1 + 16 + NGX_INT_T_LEN);
    if (id->data == NULL) {
        return NGX_ERROR;
    }

    id->len = ngx_sprintf(id->data, "call_%016xL_%ui", (uint64_t) hash, n)
              - id->data;

    return NGX_OK;
}


ngx_int_t
ngx_llm_answer_token(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *logprob,
    ngx_llm_out_t *out)
{
    size_t     i;
    ngx_str_t  plain;

    ngx_llm_out_lit(out, "{\"token\":");
    ngx_llm_out_quoted(out, text);
    ngx_llm_out_lit(out, ",\"logprob\":");
    ngx_llm_out_str(out, logprob);
    ngx_llm_out_lit(out, ",\"bytes\":[");

    if (text->len) {

        plain = ngx_llm_json_plain(pool, text);
        if (plain.data == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < plain.len; i++) {

            if (i) {
                ngx_llm_out_char(out, ',');
            }

            ngx_llm_out_int(out, plain.data[i]);
        }
    }

    ngx_llm_out_char(out, ']');

    return NGX_OK;
}


ngx_uint_t
ngx_llm_answer_chars(ngx_str_t *text)
{
    u_char      *p, *last;
    ngx_uint_t   n;

    if (text->len == 0) {
        return 0;
    }

    n = 0;
    p = text->data;
    last = p + text->len;

    while (p < last) {

        if (*p == '\\') {
            (void) ngx_llm_json_unescape(&p, last);
            n++;
            continue;
        }

        /* bytes that begin a character */

        n += ((*p++ & 0xc0) != 0x80);
    }

    return n;
}


ngx_int_t
ngx_llm_answer_message(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *message)
{
    u_char  *p, *next, *last;

    p = text->data;
    last = p + text->len;

    while (p < last) {

        next = p;

        if (*p == '\\') {
            (void) ngx_llm_json_unescape(&next, last);

        } else {
            do {
                next++;
            } while (next < last && (*next & 0xc0) == 0x80);
        }

        if ((size_t) (next - text->data) > NGX_LLM_MAX_ERROR_TEXT) {
            break;
        }

        p = next;
    }

    message->len = p - text->data;

    message->data = ngx_pnalloc(pool, message->len + 1);
    if (message->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(message->data, text->data, message->len);

    return NGX_OK;
}


ngx_uint_t
ngx_llm_answer_has(ngx_str_t *text, char *what)
{
    size_t   i, len;
    u_char  *p, *last;

    len = ngx_strlen(what);

    if (text->len < len) {
        return 0;
    }

    last = text->data + ngx_min(text->len, NGX_LLM_MAX_ERROR_TEXT);

    for (p = text->data; (size_t) (last - p) >= len; p++) {

        for (i = 0; i < len; i++) {
            if (ngx_tolower(p[i]) != (u_char) what[i]) {
                break;
            }
        }

        if (i == len) {
            return 1;
        }
    }

    return 0;
}
