
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The tool calls of a provider's stream.
 */


#include "ngx_llm_openai.h"


static ngx_int_t ngx_llm_openai_find_call(ngx_llm_reader_t *reader,
    ngx_uint_t n, int64_t index, ngx_str_t *id, ngx_str_t *name,
    ngx_uint_t *tool);
static ngx_int_t ngx_llm_openai_begin_call(ngx_llm_reader_t *reader,
    ngx_uint_t n, ngx_uint_t tool, ngx_str_t *name);


ngx_int_t
ngx_llm_openai_stream_calls(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_llm_json_t *calls)
{
    int64_t          index;
    ngx_llm_json_t  *node;

    for (node = calls->child; node; node = node->next) {

        if (node->type != NGX_LLM_JSON_OBJECT) {
            continue;
        }

        index = ngx_llm_json_count(node, "index", NGX_LLM_OPENAI_NO_INDEX);

        if (ngx_llm_openai_stream_call(reader, n, node, index) != NGX_OK) {
            return NGX_ERROR;
        }

        if (reader->failed) {
            return NGX_OK;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_openai_stream_call(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_llm_json_t *node, int64_t index)
{
    ngx_int_t                 rc;
    ngx_str_t                 id, name, type, args;
    ngx_uint_t                tool, custom;
    ngx_llm_out_t             out;
    ngx_llm_json_t           *function, *value;
    ngx_llm_event_t           ev;
    ngx_llm_openai_call_t    *call;
    ngx_llm_openai_choice_t  *choice;

    ngx_str_null(&id);
    custom = 0;

    if (index == NGX_LLM_OPENAI_LEGACY) {
        function = node;

    } else {
        id = ngx_llm_json_str(node, "id");
        type = ngx_llm_json_str(node, "type");

        function = ngx_llm_json_get(node, "custom");
        custom = (function != NULL || ngx_llm_json_is(&type, "custom"));

        if (!custom) {
            function = ngx_llm_json_get(node, "function");
        }
    }

    name = ngx_llm_json_str(function, "name");

    rc = ngx_llm_openai_find_call(reader, n, index, &id, &name, &tool);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    choice = ngx_llm_openai_choice(reader, n);
    call = choice->calls->elts;
    call += tool;

    if (custom) {
        call->custom = 1;
    }

    value = ngx_llm_json_get(function, call->custom ? "input" : "arguments");

    ngx_str_null(&args);

    if (value && value->type == NGX_LLM_JSON_STRING) {
        args = ngx_llm_json_text(value);

    } else if (value && value->type == NGX_LLM_JSON_OBJECT) {

        ngx_llm_out_init(&out, reader->scratch, NULL, 0,
                         6 * NGX_LLM_MAX_EVENT);
        ngx_llm_out_escape_raw(&out, &value->raw);

        if (out.failed) {
            return NGX_ERROR;
        }

        args.data = out.start;
        args.len = ngx_llm_out_len(&out);
    }

    if (!call->begun && (name.len || args.len)) {
        if (ngx_llm_openai_begin_call(reader, n, tool, &name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (args.len == 0) {
        return NGX_OK;
    }

    ngx_llm_openai_event(&ev, NGX_LLM_EVENT_TOOL_ARGS, n);
    ev.tool = tool;
    ev.text = args;

    return reader->handler(reader->data, &ev);
}


/*
 * The index says which call a piece belongs to.  Without one a new id begins
 * a new call; so do a new id and a name under an index in use, which some
 * servers let stand at 0.  NGX_DECLINED: refused, the stream has failed.
 */

static ngx_int_t
ngx_llm_openai_find_call(ngx_llm_reader_t *reader, ngx_uint_t n,
    int64_t index, ngx_str_t *id, ngx_str_t *name, ngx_uint_t *tool)
{
    size_t                    i;
    ngx_uint_t                hash, k;
    ngx_llm_openai_call_t    *call;
    ngx_llm_openai_choice_t  *choice;

    choice = ngx_llm_openai_choice(reader, n);

    if (choice->calls == NULL) {
        choice->calls = ngx_array_create(reader->pool, 4,
                                         sizeof(ngx_llm_openai_call_t));
        if (choice->calls == NULL) {
            return NGX_ERROR;
        }
    }

    hash = 0;

    if (id->len) {
        for (i = 0; i < id->len; i++) {
            hash = ngx_hash(hash, id->data[i]);
        }

        hash = hash ? hash : 1;
    }

    call = choice->calls->elts;

    for (k = choice->calls->nelts; k-- > 0; /* void */) {

        if (index != NGX_LLM_OPENAI_NO_INDEX) {

            if (call[k].index != index) {
                continue;
            }

            if (hash && call[k].hash && hash != call[k].hash && name->len) {
                break;
            }

        } else if (hash && hash != call[k].hash) {
            continue;
        }

        if (call[k].hash == 0) {
            call[k].hash = hash;
        }

        *tool = k;

        goto found;
    }

    k = choice->calls->nelts;

    if (k == NGX_LLM_OPENAI_MAX_TOOLS) {
        (void) ngx_llm_openai_invalid(reader, "too many tool calls");
        return NGX_DECLINED;
    }

    call = ngx_array_push(choice->calls);
    if (call == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(call, sizeof(ngx_llm_openai_call_t));

    call->index = index;
    call->hash = hash;

    *tool = k;

    call = choice->calls->elts;

found:

    call += *tool;

    if (id->len && call->id.len == 0 && !call->begun) {

        call->id.data = ngx_pnalloc(reader->pool, id->len);
        if (call->id.data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(call->id.data, id->data, id->len);
        call->id.len = id->len;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_begin_call(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_uint_t tool, ngx_str_t *name)
{
    ngx_llm_event_t           ev;
    ngx_llm_openai_call_t    *call;
    ngx_llm_openai_choice_t  *choice;

    if (ngx_llm_openai_end_calls(reader, n, tool) != NGX_OK) {
        return NGX_ERROR;
    }

    choice = ngx_llm_openai_choice(reader, n);
    call = choice->calls->elts;
    call += tool;

    call->begun = 1;

    ngx_llm_openai_event(&ev, NGX_LLM_EVENT_TOOL_START, n);
    ev.tool = tool;
    ev.id = call->id;
    ev.name = *name;
    ev.custom = call->custom;

    return reader->handler(reader->data, &ev);
}


/* one call follows another, so the next one ends those before it */

ngx_int_t
ngx_llm_openai_end_calls(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_uint_t except)
{
    ngx_uint_t                i;
    ngx_llm_event_t           ev;
    ngx_llm_openai_call_t    *call;
    ngx_llm_openai_choice_t  *choice;

    choice = ngx_llm_openai_choice(reader, n);

    if (choice == NULL) {
        return NGX_ERROR;
    }

    if (choice->calls == NULL) {
        return NGX_OK;
    }

    call = choice->calls->elts;

    for (i = 0; i < choice->calls->nelts; i++) {

        if (i == except || !call[i].begun || call[i].ended) {
            continue;
        }

        call[i].ended = 1;

        ngx_llm_openai_event(&ev, NGX_LLM_EVENT_TOOL_END, n);
        ev.tool = i;

        if (reader->handler(reader->data, &ev) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
