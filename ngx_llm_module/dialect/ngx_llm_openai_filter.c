
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What content filters say in a stream, as Azure has it: a chunk about the
 * prompt without choices, and choices without a delta when the filter runs
 * behind the text.  A client of OpenAI's API looks for choices[0].delta.
 */


#include "ngx_llm_openai.h"


static ngx_uint_t ngx_llm_openai_filter_prompt(ngx_llm_json_t *root);
static ngx_uint_t ngx_llm_openai_filter_choice(ngx_llm_json_t *choice);
static ngx_int_t ngx_llm_openai_filter_delta(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame, ngx_llm_json_t *choice);


ngx_int_t
ngx_llm_openai_filter(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame,
    ngx_llm_json_t *root, ngx_llm_json_t *choices)
{
    int64_t                   n;
    ngx_llm_json_t           *choice;
    ngx_llm_openai_choice_t  *state;

    if (choices == NULL || choices->child == NULL) {

        if (ngx_llm_openai_filter_prompt(root)) {
            frame->raw.len = 0;
            return NGX_DONE;
        }

        return NGX_OK;
    }

    choice = choices->child;

    if (!ngx_llm_openai_filter_choice(choice)) {
        return NGX_OK;
    }

    /* it stands alone; with others it is not worth a copy */

    if (choice->next) {
        return NGX_OK;
    }

    n = ngx_llm_json_count(choice, "index", 0);

    if (n >= NGX_LLM_OPENAI_MAX_CHOICES) {
        return NGX_OK;
    }

    state = ngx_llm_openai_choice(reader, n);
    if (state == NULL) {
        return NGX_ERROR;
    }

    if (state->finished
        || ngx_llm_json_set(choice, "finish_reason") == NULL)
    {
        frame->raw.len = 0;
        return NGX_DONE;
    }

    /* the answer is blocked late: that is its end */

    return ngx_llm_openai_filter_delta(reader, frame, choice);
}


static ngx_uint_t
ngx_llm_openai_filter_prompt(ngx_llm_json_t *root)
{
    return (ngx_llm_json_set(root, "usage") == NULL
            && (ngx_llm_json_get(root, "prompt_filter_results")
                || ngx_llm_json_get(root, "prompt_annotations")));
}


static ngx_uint_t
ngx_llm_openai_filter_choice(ngx_llm_json_t *choice)
{
    return (ngx_llm_json_set(choice, "delta") == NULL
            && ngx_llm_json_set(choice, "message") == NULL
            && ngx_llm_json_set(choice, "text") == NULL
            && (ngx_llm_json_get(choice, "content_filter_results")
                || ngx_llm_json_get(choice, "content_filter_result")
                || ngx_llm_json_get(choice, "content_filter_offsets")));
}


/* the frame as a client knows it */

static ngx_int_t
ngx_llm_openai_filter_delta(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame,
    ngx_llm_json_t *choice)
{
    u_char          *pos;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *delta;

    if (!reader->splice) {
        return NGX_OK;
    }

    delta = ngx_llm_json_get(choice, "delta");
    pos = delta ? delta->raw.data : choice->raw.data + 1;

    ngx_llm_out_init(&out, reader->scratch, NULL, 0, NGX_LLM_MAX_EVENT);

    if (pos < frame->raw.data || pos > frame->raw.data + frame->raw.len) {

        /* data of several lines is a copy: leave the frame as it is */

        return NGX_OK;
    }

    ngx_llm_out_data(&out, frame->raw.data, pos - frame->raw.data);

    if (delta) {
        ngx_llm_out_lit(&out, "{}");
        pos += delta->raw.len;

    } else {
        ngx_llm_out_lit(&out, "\"delta\":{},");
    }

    ngx_llm_out_data(&out, pos, frame->raw.data + frame->raw.len - pos);

    if (out.failed) {
        return NGX_ERROR;
    }

    frame->raw.data = out.start;
    frame->raw.len = ngx_llm_out_len(&out);

    return NGX_OK;
}
