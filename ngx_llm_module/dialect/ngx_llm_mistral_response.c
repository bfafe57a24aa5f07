
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Answers are OpenAI's, but that calls may lack an id, or have the text "null"
 * for one.
 */


#include "ngx_llm_mistral.h"


static ngx_int_t ngx_llm_mistral_event(void *data, ngx_llm_event_t *ev);
static ngx_int_t ngx_llm_mistral_fill_id(ngx_pool_t *pool, ngx_uint_t hash,
    ngx_uint_t n, ngx_str_t *id);


ngx_int_t
ngx_llm_mistral_read_response(ngx_str_t *text, ngx_llm_response_t *res,
    ngx_llm_error_t *err)
{
    ngx_int_t          rc;
    ngx_uint_t         hash, i, n;
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice;

    rc = ngx_llm_openai_read_response(text, res, err);
    if (rc != NGX_OK) {
        return rc;
    }

    n = 0;
    hash = ngx_llm_answer_hash(&res->id);
    choice = res->choices.elts;

    for (i = 0; i < res->choices.nelts; i++) {

        for (part = choice[i].parts; part; part = part->next) {

            if (part->type == NGX_LLM_PART_TOOL_CALL
                && ngx_llm_mistral_fill_id(res->pool, hash, n++, &part->id)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_mistral_read_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_int_t                  rc;
    ngx_llm_mistral_reader_t  *state;

    state = reader->state;

    state->handler = reader->handler;
    state->data = reader->data;

    reader->handler = ngx_llm_mistral_event;
    reader->data = reader;

    rc = ngx_llm_openai_read_frame(reader, frame);

    reader->handler = state->handler;
    reader->data = state->data;

    return rc;
}


ngx_int_t
ngx_llm_mistral_read_end(ngx_llm_reader_t *reader)
{
    return ngx_llm_openai_read_end(reader);
}


static ngx_int_t
ngx_llm_mistral_event(void *data, ngx_llm_event_t *ev)
{
    ngx_llm_reader_t *reader = data;

    ngx_uint_t                 n;
    ngx_llm_mistral_reader_t  *state;

    state = reader->state;

    if (ev->type == NGX_LLM_EVENT_START) {
        state->hash = ngx_llm_answer_hash(&ev->id);

    } else if (ev->type == NGX_LLM_EVENT_TOOL_START) {

        n = ev->choice * NGX_LLM_OPENAI_MAX_TOOLS + ev->tool;

        if (ngx_llm_mistral_fill_id(reader->scratch, state->hash, n, &ev->id)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return state->handler(state->data, ev);
}


static ngx_int_t
ngx_llm_mistral_fill_id(ngx_pool_t *pool, ngx_uint_t hash, ngx_uint_t n,
    ngx_str_t *id)
{
    if (id->len && !ngx_llm_json_is(id, "null")) {
        return NGX_OK;
    }

    id->data = ngx_pnalloc(pool, NGX_LLM_MISTRAL_ID_LEN);
    if (id->data == NULL) {
        return NGX_ERROR;
    }

    /* it fits when it comes back */

    ngx_llm_mistral_id((uint64_t) hash * 0x9e3779b97f4a7c15ULL + n, id->data);

    id->len = NGX_LLM_MISTRAL_ID_LEN;

    return NGX_OK;
}
