
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_dialect.h"
#include "ngx_llm_quirks.h"


static ngx_int_t ngx_llm_reader_hold(ngx_llm_reader_t *reader, u_char **pos,
    u_char *last);
static ngx_int_t ngx_llm_reader_held(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
static ngx_int_t ngx_llm_reader_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);


const ngx_llm_dialect_t  *ngx_llm_dialects[] = {
    &ngx_llm_openai,
    &ngx_llm_anthropic,
    &ngx_llm_gemini,
    &ngx_llm_bedrock,
    &ngx_llm_cohere,
    &ngx_llm_mistral,
    &ngx_llm_ollama,
    &ngx_llm_vertex,
    &ngx_llm_sagemaker,
    &ngx_llm_replicate,
    &ngx_llm_watsonx,
    NULL
};


typedef struct {
    const ngx_llm_dialect_t  *dialect;
    ngx_str_t                 prefix;       /* of a model's name */
    const ngx_llm_dialect_t  *variant;
    const ngx_llm_dialect_t  *base;
} ngx_llm_variant_t;


static ngx_llm_variant_t  ngx_llm_variants[] = {
    { &ngx_llm_vertex, ngx_string("claude-"), &ngx_llm_vertex_claude,
      &ngx_llm_anthropic },
    { &ngx_llm_sagemaker, ngx_string(""), &ngx_llm_sagemaker,
      &ngx_llm_openai },
    { NULL, ngx_null_string, NULL, NULL }
};


const ngx_llm_dialect_t *
ngx_llm_dialect_find(ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; ngx_llm_dialects[i]; i++) {

        if (ngx_llm_dialects[i]->name.len == name->len
            && ngx_memcmp(ngx_llm_dialects[i]->name.data, name->data,
                          name->len)
               == 0)
        {
            return ngx_llm_dialects[i];
        }
    }

    return NULL;
}


const ngx_llm_dialect_t *
ngx_llm_dialect_variant(const ngx_llm_dialect_t *dialect, ngx_str_t *model)
{
    ngx_llm_variant_t  *v;

    for (v = ngx_llm_variants; v->dialect; v++) {

        if (v->dialect == dialect
            && model->len > v->prefix.len
            && ngx_memcmp(model->data, v->prefix.data, v->prefix.len) == 0)
        {
            return v->variant;
        }
    }

    return dialect;
}


const ngx_llm_dialect_t *
ngx_llm_dialect_base(const ngx_llm_dialect_t *dialect)
{
    ngx_llm_variant_t  *v;

    for (v = ngx_llm_variants; v->dialect; v++) {
        if (v->variant == dialect) {
            return v->base;
        }
    }

    return dialect;
}


void
ngx_llm_out_key(ngx_llm_out_t *out, ngx_llm_target_t *target, char *header,
    char *prefix)
{
    size_t      i;
    ngx_str_t   before;

    if (target->authorization.len) {
        ngx_llm_out_header(out, "authorization", &target->authorization);
        return;
    }

    if (target->key.len == 0) {
        return;
    }

    if (target->key_header) {
        header = target->key_header;
        before = target->key_prefix;

    } else {

        if (target->quirks && target->quirks->key_header) {
            header = target->quirks->key_header;
            prefix = target->quirks->key_prefix;
        }

        before.data = (u_char *) prefix;
        before.len = prefix ? ngx_strlen(prefix) : 0;
    }

    for (i = 0; i < target->key.len; i++) {

        if (target->key.data[i] == CR || target->key.data[i] == LF
            || target->key.data[i] == '\0')
        {
            out->failed = 1;
            return;
        }
    }

    ngx_llm_out_data(out, (u_char *) header, ngx_strlen(header));
    ngx_llm_out_lit(out, ": ");
    ngx_llm_out_str(out, &before);
    ngx_llm_out_str(out, &target->key);
    ngx_llm_out_lit(out, CRLF);
}


char *
ngx_llm_key_header(ngx_llm_target_t *target)
{
    if (target->key_header) {
        return target->key_header;
    }

    return target->quirks ? target->quirks->key_header : NULL;
}


ngx_int_t
ngx_llm_reader_init(ngx_llm_reader_t *reader,
    const ngx_llm_dialect_t *dialect, ngx_pool_t *pool, ngx_pool_t *scratch)
{
    ngx_memzero(reader, sizeof(ngx_llm_reader_t));

    reader->dialect = dialect;
    reader->pool = pool;
    reader->scratch = scratch;
    reader->finish = NGX_LLM_FINISH_NONE;

    ngx_llm_usage_init(&reader->usage);
    ngx_llm_sse_init(&reader->sse, pool, NGX_LLM_MAX_EVENT);
    ngx_llm_eventstream_init(&reader->eventstream, pool, NGX_LLM_MAX_EVENT);
    ngx_llm_ndjson_init(&reader->ndjson, pool, NGX_LLM_MAX_EVENT);
    ngx_llm_payload_init(&reader->payload, &reader->eventstream,
                         &reader->sse, &reader->ndjson);
    ngx_llm_out_init(&reader->whole, pool, NULL, 0, NGX_LLM_MAX_EVENT);

    if (dialect->reader_size) {

        reader->state = ngx_pcalloc(pool, dialect->reader_size);
        if (reader->state == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the framing is a matter of here and of reader_end() alone */

ngx_int_t
ngx_llm_reader_next(ngx_llm_reader_t *reader, u_char **pos, u_char *last,
    ngx_llm_frame_t *frame)
{
    ngx_int_t  rc;

    if (reader->dialect->flags & NGX_LLM_DIALECT_EVENTSTREAM) {
        rc = ngx_llm_eventstream_next(&reader->eventstream, pos, last, frame);

    } else if (reader->dialect->flags & NGX_LLM_DIALECT_NDJSON) {
        rc = ngx_llm_ndjson_next(&reader->ndjson, pos, last, frame);

    } else if (reader->dialect->flags & NGX_LLM_DIALECT_PAYLOAD) {
        rc = ngx_llm_payload_next(&reader->payload, pos, last, frame);

    } else if (reader->dialect->flags & NGX_LLM_DIALECT_WHOLE) {
        rc = ngx_llm_reader_hold(reader, pos, last);

    } else {
        rc = ngx_llm_sse_next(&reader->sse, pos, last, frame);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_llm_reader_frame(reader, frame);
}


ngx_int_t
ngx_llm_reader_end(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_int_t  rc;

    if (reader->dialect->flags & NGX_LLM_DIALECT_EVENTSTREAM) {
        rc = ngx_llm_eventstream_last(&reader->eventstream);

    } else if (reader->dialect->flags & NGX_LLM_DIALECT_NDJSON) {
        rc = ngx_llm_ndjson_last(&reader->ndjson, frame);

    } else if (reader->dialect->flags & NGX_LLM_DIALECT_PAYLOAD) {
        rc = ngx_llm_payload_last(&reader->payload, frame);

    } else if (reader->dialect->flags & NGX_LLM_DIALECT_WHOLE) {
        rc = ngx_llm_reader_held(reader, frame);

    } else {
        rc = ngx_llm_sse_last(&reader->sse, frame);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    /* rc == NGX_OK || rc == NGX_DONE */

    if (rc == NGX_OK && ngx_llm_reader_frame(reader, frame) != NGX_OK) {
        return NGX_ERROR;
    }

    if (reader->ended || reader->done || reader->failed) {
        return rc;
    }

    reader->ended = 1;

    ngx_reset_pool(reader->scratch);

    if (reader->dialect->read_end(reader) != NGX_OK) {
        return NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_llm_reader_hold(ngx_llm_reader_t *reader, u_char **pos, u_char *last)
{
    ngx_llm_out_data(&reader->whole, *pos, last - *pos);

    *pos = last;

    return reader->whole.failed ? NGX_ERROR : NGX_AGAIN;
}


/* all that came is one frame, once */

static ngx_int_t
ngx_llm_reader_held(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    if (reader->ended || ngx_llm_out_len(&reader->whole) == 0) {
        return NGX_DONE;
    }

    ngx_memzero(frame, sizeof(ngx_llm_frame_t));

    frame->data.data = reader->whole.start;
    frame->data.len = ngx_llm_out_len(&reader->whole);
    frame->raw = frame->data;

    reader->ended = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_reader_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    reader->hidden = 0;

    if (reader->done || reader->failed) {

        /* what comes behind the end says nothing */

        return NGX_OK;
    }

    ngx_reset_pool(reader->scratch);

    return reader->dialect->read_frame(reader, frame);
}


ngx_int_t
ngx_llm_writer_init(ngx_llm_writer_t *w, const ngx_llm_dialect_t *dialect,
    ngx_pool_t *pool, ngx_llm_chat_t *chat, ngx_str_t *id, time_t created)
{
    ngx_memzero(w, sizeof(ngx_llm_writer_t));

    w->dialect = dialect;
    w->pool = pool;
    w->chat = chat;
    w->id = *id;
    w->created = created;

    if (chat) {
        w->model = chat->model;
    }

    if (dialect->writer_size) {

        w->state = ngx_pcalloc(pool, dialect->writer_size);
        if (w->state == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
