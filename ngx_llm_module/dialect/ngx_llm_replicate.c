
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The table; paths, headers, answers, errors.  A stream is made of an answer:
 * the service has one for it at an address of its own, on other hosts.
 */


#include "ngx_llm_replicate.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_events.h"
#include "ngx_llm_openai.h"


/* a prediction that is whole */

typedef struct {
    ngx_str_t          id;
    ngx_str_t          model;
    ngx_str_t          text;        /* escaped */
    ngx_llm_usage_t    usage;
} ngx_llm_replicate_answer_t;


static void ngx_llm_replicate_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_replicate_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_replicate_read_response(ngx_str_t *text,
    ngx_llm_response_t *res, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_replicate_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
static ngx_int_t ngx_llm_replicate_read_end(ngx_llm_reader_t *reader);
static void ngx_llm_replicate_read_error(ngx_pool_t *pool,
    ngx_uint_t status, ngx_str_t *text, ngx_llm_error_t *err);

static ngx_int_t ngx_llm_replicate_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_llm_replicate_answer_t *answer, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_replicate_unfinished(ngx_pool_t *pool,
    ngx_llm_json_t *root, ngx_str_t *status, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_replicate_output(ngx_pool_t *pool,
    ngx_llm_json_t *node, ngx_str_t *text);
static void ngx_llm_replicate_relay_usage(ngx_uint_t name,
    ngx_llm_json_t *node, ngx_llm_usage_t *usage);
static void ngx_llm_replicate_usage(ngx_llm_json_t *metrics,
    ngx_llm_usage_t *usage);


static char  *ngx_llm_replicate_usages[] = { "metrics", NULL };


const ngx_llm_relay_dialect_t  ngx_llm_replicate_relay = {
    NULL,
    ngx_llm_replicate_usages,
    ngx_llm_replicate_relay_usage,
    NULL,
    NULL,
    "version",
    ngx_null_string,
    2
};


const ngx_llm_dialect_t  ngx_llm_replicate = {
    ngx_string("replicate"),
    NGX_LLM_DIALECT_WHOLE,
    0,
    0,
    ngx_string("/v1"),

    NULL,
    NULL,
    NULL,
    NULL,
    NULL,

    ngx_llm_replicate_write_request,
    NULL,
    ngx_llm_replicate_write_path,
    ngx_llm_replicate_write_headers,
    ngx_llm_replicate_read_response,
    ngx_llm_replicate_read_frame,
    ngx_llm_replicate_read_end,
    ngx_llm_replicate_read_error,

    NULL,
    ngx_null_string,
    NULL,

    NULL,
    &ngx_llm_replicate_relay,
    NULL
};


static void
ngx_llm_replicate_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_str_t  owner, name;

    ngx_llm_out_str(out, &target->base);

    if (ngx_llm_replicate_deployment(&target->model, &owner, &name)) {
        ngx_llm_out_lit(out, "/deployments/");
        ngx_llm_out_path(out, &owner);
        ngx_llm_out_char(out, '/');
        ngx_llm_out_path(out, &name);
    }

    ngx_llm_out_lit(out, "/predictions");
}


/* nobody asks again for what is not done by then: it must not run on */

static void
ngx_llm_replicate_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    ngx_llm_compose_headers(chat, target, "application/json", out);

    ngx_llm_out_lit(out, "Prefer: wait=60" CRLF
                         "Cancel-After: 1m" CRLF);
}


static ngx_int_t
ngx_llm_replicate_read_response(ngx_str_t *text, ngx_llm_response_t *res,
    ngx_llm_error_t *err)
{
    ngx_int_t                    rc;
    ngx_llm_part_t              *part;
    ngx_llm_choice_t            *choice;
    ngx_llm_replicate_answer_t   answer;

    rc = ngx_llm_replicate_read(res->pool, text, &answer, err);
    if (rc != NGX_OK) {
        return rc;
    }

    res->id = answer.id;
    res->model = answer.model;
    res->usage = answer.usage;

    choice = ngx_array_push(&res->choices);
    if (choice == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(choice, sizeof(ngx_llm_choice_t));

    choice->finish = NGX_LLM_FINISH_STOP;

    if (answer.text.len == 0) {
        return NGX_OK;
    }

    part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                 NGX_LLM_PART_TEXT);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->text = answer.text;

    return NGX_OK;
}


/* the frame is the whole answer */

static ngx_int_t
ngx_llm_replicate_read_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_int_t                    rc;
    ngx_llm_event_t              ev;
    ngx_llm_error_t              err;
    ngx_llm_replicate_answer_t   answer;

    rc = ngx_llm_replicate_read(reader->scratch, &frame->data, &answer, &err);

    if (rc == NGX_DECLINED) {
        return ngx_llm_event_error(reader, &err);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_START;
    ev.id = answer.id;
    ev.model = answer.model;

    reader->usage = answer.usage;

    if (reader->handler(reader->data, &ev) != NGX_OK
        || ngx_llm_event_text(reader, NGX_LLM_EVENT_TEXT, &answer.text)
           != NGX_OK
        || ngx_llm_event_finish(reader, NGX_LLM_FINISH_STOP) != NGX_OK
        || ngx_llm_event_usage(reader) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_event_done(reader);
}


static ngx_int_t
ngx_llm_replicate_read_end(ngx_llm_reader_t *reader)
{
    return NGX_OK;
}


/* {"title":"...","detail":"...","status":422}, or the detail alone */

static void
ngx_llm_replicate_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    ngx_llm_openai_read_error(pool, status, text, err);

    ngx_str_null(&err->raw);

    /* the version is of the configuration: another model may do */

    if ((err->fail & NGX_LLM_FAIL_REQUEST)
        && ngx_llm_answer_has(&err->message, "version does not exist"))
    {
        ngx_llm_error_status(err, 404);
    }
}


static ngx_int_t
ngx_llm_replicate_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_llm_replicate_answer_t *answer, ngx_llm_error_t *err)
{
    ngx_int_t        rc;
    ngx_str_t        status;
    ngx_llm_json_t  *root;

    ngx_memzero(answer, sizeof(ngx_llm_replicate_answer_t));
    ngx_llm_usage_init(&answer->usage);

    root = ngx_llm_json_parse(pool, text, NULL);

    if (root == NULL || root->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_answer_invalid(pool, err,
                                      "an answer that is not valid JSON");
    }

    status = ngx_llm_json_str(root, "status");

    if (!ngx_llm_json_is(&status, "succeeded")) {
        return ngx_llm_replicate_unfinished(pool, root, &status, err);
    }

    rc = ngx_llm_replicate_output(pool, ngx_llm_json_get(root, "output"),
                                  &answer->text);

    if (rc == NGX_DECLINED) {
        return ngx_llm_answer_invalid(pool, err, "an output that is no text");
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    answer->id = ngx_llm_json_str(root, "id");
    answer->model = ngx_llm_json_str(root, "model");

    ngx_llm_replicate_usage(ngx_llm_json_get(root, "metrics"),
                            &answer->usage);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_replicate_unfinished(ngx_pool_t *pool, ngx_llm_json_t *root,
    ngx_str_t *status, ngx_llm_error_t *err)
{
    ngx_int_t    rc;
    ngx_str_t    message;
    ngx_uint_t   i;

    static char  *late[] = { "starting", "processing", "canceled", "aborted",
                             NULL };

    for (i = 0; late[i]; i++) {

        if (ngx_llm_json_is(status, late[i])) {
            rc = ngx_llm_error(pool, err, 504, "server_error",
                               "provider_timeout", NULL,
                               "the prediction was not done in a minute");

            err->fail = NGX_LLM_FAIL_TIMEOUT;

            return rc;
        }
    }

    if (!ngx_llm_json_is(status, "failed")) {
        return ngx_llm_answer_invalid(pool, err, "an answer without a status");
    }

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    ngx_llm_error_status(err, 500);

    message = ngx_llm_json_str(root, "error");

    if (message.len == 0) {
        ngx_str_set(&err->message, "the prediction failed");
        return NGX_DECLINED;
    }

    ngx_llm_error_text(err, &message);

    return (ngx_llm_answer_message(pool, &message, &err->message) == NGX_OK)
           ? NGX_DECLINED : NGX_ERROR;
}


/* a text, or pieces of one */

static ngx_int_t
ngx_llm_replicate_output(ngx_pool_t *pool, ngx_llm_json_t *node,
    ngx_str_t *text)
{
    ngx_str_t        piece;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *item;

    if (node == NULL) {
        return NGX_DECLINED;
    }

    if (node->type == NGX_LLM_JSON_STRING) {
        *text = ngx_llm_json_text(node);
        return NGX_OK;
    }

    if (node->type != NGX_LLM_JSON_ARRAY) {
        return NGX_DECLINED;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, node->raw.len);

    for (item = node->child; item; item = item->next) {

        if (item->type != NGX_LLM_JSON_STRING) {
            return NGX_DECLINED;
        }

        piece = ngx_llm_json_text(item);
        ngx_llm_out_str(&out, &piece);
    }

    if (out.failed) {
        return NGX_ERROR;
    }

    text->data = out.start;
    text->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


static void
ngx_llm_replicate_usage(ngx_llm_json_t *metrics, ngx_llm_usage_t *usage)
{
    int64_t  prompt, completion;

    prompt = ngx_llm_answer_count(metrics, "input_token_count");
    completion = ngx_llm_answer_count(metrics, "output_token_count");

    if (prompt < 0 || completion < 0) {
        return;
    }

    usage->prompt = prompt;
    usage->completion = completion;
    usage->reported = 1;
}


static void
ngx_llm_replicate_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage)
{
    ngx_llm_replicate_usage(node, usage);
}
