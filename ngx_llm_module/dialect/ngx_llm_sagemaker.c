
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The table; paths, headers, signatures, streams.
 */


#include "ngx_llm_sagemaker.h"
#include "ngx_llm_aws.h"
#include "ngx_llm_bedrock.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_openai.h"
#include "ngx_llm_request.h"


static ngx_int_t ngx_llm_sagemaker_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_sagemaker_edit_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits, ngx_llm_error_t *err);
static void ngx_llm_sagemaker_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_sagemaker_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_sagemaker_sign(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_signed_t *s, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_sagemaker_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
static ngx_int_t ngx_llm_sagemaker_wrap(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);


/* for clients it is OpenAI's, whose requests it takes */

const ngx_llm_dialect_t  ngx_llm_sagemaker = {
    ngx_string("sagemaker"),
    NGX_LLM_DIALECT_PAYLOAD,
    sizeof(ngx_llm_openai_reader_t),
    0,
    ngx_null_string,

    NULL,
    NULL,
    NULL,
    NULL,
    NULL,

    ngx_llm_sagemaker_write_request,
    ngx_llm_sagemaker_edit_request,
    ngx_llm_sagemaker_write_path,
    ngx_llm_sagemaker_write_headers,
    ngx_llm_openai_read_response,
    ngx_llm_sagemaker_read_frame,
    ngx_llm_openai_read_end,
    ngx_llm_sagemaker_read_error,

    ngx_llm_sagemaker_sign,
    ngx_string("x-amzn-errortype"),
    ngx_llm_bedrock_read_error_header,

    &ngx_llm_sagemaker_embed,
    &ngx_llm_sagemaker_relay,
    NULL
};


static ngx_str_t  ngx_llm_sagemaker_hosts[] = {
    ngx_string("runtime.sagemaker."),
    ngx_string("runtime-fips.sagemaker."),
    ngx_null_string
};


static const ngx_llm_aws_service_t  ngx_llm_sagemaker_service = {
    ngx_string("sagemaker"),
    ngx_llm_sagemaker_hosts,
    0
};


/*
 * The endpoint says which model it is, and the name of an endpoint would be an
 * unknown model to the container; all take an empty name, and some need one.
 */

static ngx_str_t  ngx_llm_sagemaker_model = ngx_string("\"\"");


void
ngx_llm_sagemaker_name(ngx_str_t *model, ngx_llm_sagemaker_name_t *name)
{
    u_char     *slash, *last;
    ngx_str_t   text, prefix;

    ngx_str_set(&prefix, "openai/");

    text = *model;

    name->openai = (text.len > prefix.len
                    && ngx_memcmp(text.data, prefix.data, prefix.len) == 0);

    if (name->openai) {
        text.data += prefix.len;
        text.len -= prefix.len;
    }

    name->endpoint = text;
    ngx_str_null(&name->component);

    last = text.data + text.len;
    slash = ngx_strlchr(text.data, last, '/');

    if (slash != NULL) {
        name->endpoint.len = slash - text.data;
        name->component.data = slash + 1;
        name->component.len = last - name->component.data;
    }
}


static ngx_int_t
ngx_llm_sagemaker_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_llm_target_t  nameless;

    nameless = *target;
    ngx_str_set(&nameless.model, "");

    return ngx_llm_openai_write_request(chat, &nameless, out, err);
}


static ngx_int_t
ngx_llm_sagemaker_edit_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_array_t *edits, ngx_llm_error_t *err)
{
    ngx_int_t         rc;
    ngx_str_t        *value;
    ngx_llm_target_t  nameless;

    nameless = *target;
    ngx_str_set(&nameless.model, "");

    rc = ngx_llm_openai_edit_request(chat, &nameless, edits, err);
    if (rc != NGX_OK) {
        return rc;
    }

    if (chat->model_node == NULL) {
        return NGX_OK;
    }

    value = &chat->model_node->raw;

    return ngx_llm_edit_add(edits, value->data, value->len,
                            &ngx_llm_sagemaker_model);
}


static void
ngx_llm_sagemaker_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_sagemaker_write_base(target, out);

    if (chat->stream) {
        ngx_llm_out_lit(out, "-response-stream");
    }
}


void
ngx_llm_sagemaker_write_base(ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    ngx_llm_sagemaker_name_t  name;

    ngx_llm_sagemaker_name(&target->model, &name);

    ngx_llm_out_str(out, &target->base);
    ngx_llm_out_lit(out, "/endpoints/");
    ngx_llm_out_path(out, &name.endpoint);
    ngx_llm_out_lit(out, "/invocations");
}


/* "Accept" is the container's: the messages of a stream come anyway */

static void
ngx_llm_sagemaker_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    ngx_llm_sagemaker_name_t  name;

    ngx_llm_sagemaker_name(&target->model, &name);

    ngx_llm_out_lit(out, "Content-Type: application/json" CRLF);

    if (chat->stream) {
        ngx_llm_out_lit(out, "Accept: text/event-stream" CRLF);

    } else {
        ngx_llm_out_lit(out, "Accept: application/json" CRLF);
    }

    if (name.component.len) {
        ngx_llm_out_header(out, "X-Amzn-SageMaker-Inference-Component",
                           &name.component);
    }
}


static ngx_int_t
ngx_llm_sagemaker_sign(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_signed_t *s, ngx_llm_out_t *out)
{
    ngx_keyval_t              header;
    ngx_llm_sagemaker_name_t  name;

    ngx_llm_sagemaker_name(&target->model, &name);

    ngx_str_set(&header.key, "x-amzn-sagemaker-inference-component");
    header.value = name.component;

    return ngx_llm_aws_sign(chat, target, s, &ngx_llm_sagemaker_service,
                            name.component.len ? &header : NULL, out);
}


static ngx_int_t
ngx_llm_sagemaker_read_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    if (frame->kind != NGX_LLM_FRAME_EVENT) {
        return ngx_llm_bedrock_exception(reader, frame);
    }

    if (ngx_llm_openai_read_frame(reader, frame) != NGX_OK) {
        return NGX_ERROR;
    }

    if (reader->payload.form != NGX_LLM_PAYLOAD_LINES || !reader->splice) {
        return NGX_OK;
    }

    return ngx_llm_sagemaker_wrap(reader, frame);
}


/* a client knows events, not lines; the end of lines has no mark of its own */

static ngx_int_t
ngx_llm_sagemaker_wrap(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_str_t      line;
    ngx_llm_out_t  out;

    if (frame->raw.data == NULL) {
        ngx_str_set(&frame->raw, "data: [DONE]");
        return NGX_OK;
    }

    line = frame->raw;

    while (line.len && line.data[line.len - 1] <= ' ') {
        line.len--;
    }

    if (line.len == 0) {
        frame->raw.len = 0;
        return NGX_OK;
    }

    ngx_llm_out_init(&out, reader->scratch, NULL, 0,
                     line.len + sizeof("data: \n\n"));

    ngx_llm_out_lit(&out, "data: ");
    ngx_llm_out_str(&out, &line);
    ngx_llm_out_lit(&out, "\n\n");

    if (out.failed) {
        return NGX_ERROR;
    }

    frame->raw.data = out.start;
    frame->raw.len = ngx_llm_out_len(&out);

    /* what it holds is a slice of it again */

    if (frame->data.data) {
        frame->data.data = out.start + sizeof("data: ") - 1;
        frame->data.len = line.len;
    }

    return NGX_OK;
}
