
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Answers are OpenAI's, but for errors and for what a moderation blocked.
 * Streams are that, too, in events with names, and end without a mark.
 */


#include "ngx_llm_watsonx.h"


static ngx_uint_t ngx_llm_watsonx_named(ngx_llm_frame_t *frame, char *name);
static ngx_int_t ngx_llm_watsonx_fail(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);
static ngx_int_t ngx_llm_watsonx_end_calls(ngx_llm_reader_t *reader);
static ngx_int_t ngx_llm_watsonx_end_choice(ngx_llm_reader_t *reader,
    ngx_uint_t n);


ngx_int_t
ngx_llm_watsonx_read_response(ngx_str_t *text, ngx_llm_response_t *res,
    ngx_llm_error_t *err)
{
    ngx_int_t         rc;
    ngx_llm_json_t   *root;
    ngx_llm_error_t   own;

    rc = ngx_llm_openai_read_response(text, res, err);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    root = text->len ? ngx_llm_json_parse(res->pool, text, NULL) : NULL;

    rc = ngx_llm_watsonx_error(res->pool, 200, root, &own);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        *err = own;
    }

    return NGX_DECLINED;
}


/*
 * Nearly all frames have a delta.  Of the others one is an error, one says
 * that a moderation blocked the answer, and one ends the stream.
 */

ngx_int_t
ngx_llm_watsonx_read_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    ngx_llm_json_t  *choices, *root;

    text = frame->data.data ? frame->data : frame->raw;

    if (ngx_llm_answer_has(&text, "\"delta\":{")) {
        return ngx_llm_openai_read_frame(reader, frame);
    }

    root = text.len ? ngx_llm_json_parse(reader->scratch, &text, NULL) : NULL;

    rc = ngx_llm_watsonx_fail(reader, root);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    choices = ngx_llm_json_get(root, "choices");

    if (root && (choices == NULL || choices->child == NULL)
        && ngx_llm_watsonx_end_calls(reader) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_llm_openai_read_frame(reader, frame) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_llm_watsonx_named(frame, "close")) {
        return ngx_llm_openai_read_end(reader);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_watsonx_named(ngx_llm_frame_t *frame, char *name)
{
    return frame->name.len == ngx_strlen(name)
           && ngx_memcmp(frame->name.data, name, frame->name.len) == 0;
}


/* NGX_DECLINED: it is no error */

static ngx_int_t
ngx_llm_watsonx_fail(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_int_t        rc;
    ngx_llm_error_t  err;

    rc = ngx_llm_watsonx_error(reader->scratch, 200, root, &err);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_llm_event_error(reader, &err);
}


/*
 * Some models that are told to call a tool do not say why they ended: the
 * last frame, which has usage and no choice, says that they did
 */

static ngx_int_t
ngx_llm_watsonx_end_calls(ngx_llm_reader_t *reader)
{
    ngx_uint_t                i, n;
    ngx_llm_openai_reader_t  *state;

    state = reader->state;

    n = state->choices ? NGX_LLM_OPENAI_MAX_CHOICES : 1;

    for (i = 0; i < n; i++) {
        if (ngx_llm_watsonx_end_choice(reader, i) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_watsonx_end_choice(ngx_llm_reader_t *reader, ngx_uint_t n)
{
    ngx_llm_event_t           ev;
    ngx_llm_openai_choice_t  *choice;

    choice = ngx_llm_openai_choice(reader, n);

    if (choice == NULL || choice->calls == NULL || choice->finished) {
        return NGX_OK;
    }

    if (ngx_llm_openai_end_calls(reader, n, NGX_LLM_OPENAI_MAX_TOOLS)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    choice->finished = 1;

    if (n == 0) {
        reader->finish = NGX_LLM_FINISH_TOOL_CALLS;
    }

    ngx_llm_openai_event(&ev, NGX_LLM_EVENT_FINISH, n);
    ev.finish = NGX_LLM_FINISH_TOOL_CALLS;

    return reader->handler(reader->data, &ev);
}
