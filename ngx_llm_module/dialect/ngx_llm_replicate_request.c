
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What goes to a model: members of "input", of which each model has its own.
 * What a model does not know the service leaves out, so that several names of
 * one thing can be said.
 */


#include "ngx_llm_replicate.h"
#include "ngx_llm_events.h"


#define NGX_LLM_REPLICATE_TAKES                                              \
    (ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_P)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_K)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_SEED)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_FREQUENCY_PENALTY)                     \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PRESENCE_PENALTY))


static ngx_int_t ngx_llm_replicate_check(ngx_llm_compose_t *rq);
static ngx_int_t ngx_llm_replicate_check_message(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m);
static void ngx_llm_replicate_write_prompt(ngx_llm_compose_t *rq);
static ngx_uint_t ngx_llm_replicate_turns(ngx_llm_compose_t *rq);
static void ngx_llm_replicate_write_turn(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m);
static void ngx_llm_replicate_write_system(ngx_llm_compose_t *rq);
static void ngx_llm_replicate_write_messages(ngx_llm_compose_t *rq);
static void ngx_llm_replicate_write_limit(ngx_llm_compose_t *rq);
static ngx_uint_t ngx_llm_replicate_begins(ngx_str_t *text, char *prefix);


/* of one member, as models call it */

static char  *ngx_llm_replicate_limits[] = {
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "max_new_tokens",
    NULL
};


ngx_int_t
ngx_llm_replicate_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t          rc;
    ngx_str_t          owner, name;
    ngx_llm_compose_t  rq;

    ngx_memzero(&rq, sizeof(ngx_llm_compose_t));

    rq.chat = chat;
    rq.target = target;
    rq.out = out;
    rq.err = err;

    rc = ngx_llm_compose_params(&rq, NGX_LLM_REPLICATE_TAKES);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_replicate_check(&rq);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_char(out, '{');

    if (!ngx_llm_replicate_deployment(&target->model, &owner, &name)) {
        ngx_llm_out_lit(out, "\"version\":");
        ngx_llm_out_json_string(out, &target->model);
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_lit(out, "\"input\":{\"prompt\":\"");
    ngx_llm_replicate_write_prompt(&rq);
    ngx_llm_out_char(out, '"');

    ngx_llm_replicate_write_system(&rq);
    ngx_llm_replicate_write_messages(&rq);
    ngx_llm_replicate_write_limit(&rq);

    ngx_llm_compose_number(&rq, NGX_LLM_PARAM_TEMPERATURE, "temperature");
    ngx_llm_compose_number(&rq, NGX_LLM_PARAM_TOP_P, "top_p");
    ngx_llm_compose_number(&rq, NGX_LLM_PARAM_TOP_K, "top_k");
    ngx_llm_compose_number(&rq, NGX_LLM_PARAM_FREQUENCY_PENALTY,
                           "frequency_penalty");
    ngx_llm_compose_number(&rq, NGX_LLM_PARAM_PRESENCE_PENALTY,
                           "presence_penalty");

    if (ngx_llm_compose_seed(&rq, "seed") != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_out_lit(out, "}}");

    return out->failed ? NGX_ERROR : NGX_OK;
}


ngx_uint_t
ngx_llm_replicate_deployment(ngx_str_t *model, ngx_str_t *owner,
    ngx_str_t *name)
{
    u_char     *slash, *last;
    ngx_str_t   prefix;

    ngx_str_set(&prefix, "deployments/");

    if (!ngx_llm_replicate_begins(model, "deployments/")) {
        return 0;
    }

    owner->data = model->data + prefix.len;
    last = model->data + model->len;

    slash = ngx_strlchr(owner->data, last, '/');

    if (slash == NULL) {
        return 0;
    }

    owner->len = slash - owner->data;
    name->data = slash + 1;
    name->len = last - name->data;

    return (owner->len && name->len);
}


/* all there is to say is text */

static ngx_int_t
ngx_llm_replicate_check(ngx_llm_compose_t *rq)
{
    ngx_int_t           rc;
    ngx_uint_t          n;
    ngx_llm_message_t  *m;

    rc = ngx_llm_compose_check_system(rq);
    if (rc != NGX_OK) {
        return rc;
    }

    n = 0;

    for (m = rq->chat->messages; m; m = m->next) {

        if (!ngx_llm_compose_is_system(m)) {
            rc = ngx_llm_replicate_check_message(rq, m);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        n += (ngx_llm_compose_part(m->parts, NGX_LLM_PART_TEXT) != NULL
              || ngx_llm_compose_part(m->parts, NGX_LLM_PART_REFUSAL)
                 != NULL);
    }

    if (n == 0) {
        return ngx_llm_error(rq->chat->pool, rq->err, 400,
                             "invalid_request_error", NULL, "messages",
                             "\"messages\" have no content");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_replicate_check_message(ngx_llm_compose_t *rq, ngx_llm_message_t *m)
{
    ngx_llm_part_t  *part;

    if (m->role == NGX_LLM_ROLE_TOOL) {
        return ngx_llm_compose_refuse_part(rq, m, "results of tools");
    }

    for (part = m->parts; part; part = part->next) {

        switch (part->type) {

        case NGX_LLM_PART_TEXT:
        case NGX_LLM_PART_REFUSAL:
        case NGX_LLM_PART_REASONING:
        case NGX_LLM_PART_REDACTED:
            continue;

        case NGX_LLM_PART_IMAGE:
            return ngx_llm_compose_refuse_part(rq, m, "images");

        case NGX_LLM_PART_TOOL_CALL:
            return ngx_llm_compose_refuse_part(rq, m, "calls of tools");

        default:
            return ngx_llm_compose_refuse_part(rq, m,
                                               "content of this kind");
        }
    }

    return NGX_OK;
}


/*
 * A question alone is the prompt; a conversation is written down, and the
 * answer is what comes next.
 */

static void
ngx_llm_replicate_write_prompt(ngx_llm_compose_t *rq)
{
    ngx_uint_t          n, turns;
    ngx_llm_role_e      last;
    ngx_llm_message_t  *m;

    n = 0;
    turns = ngx_llm_replicate_turns(rq);
    last = NGX_LLM_ROLE_USER;

    for (m = rq->chat->messages; m; m = m->next) {

        if (ngx_llm_compose_is_system(m)) {
            continue;
        }

        if (n++) {
            ngx_llm_out_lit(rq->out, "\\n\\n");
        }

        if (turns > 1 && m->role == NGX_LLM_ROLE_ASSISTANT) {
            ngx_llm_out_lit(rq->out, "Assistant: ");

        } else if (turns > 1) {
            ngx_llm_out_lit(rq->out, "User: ");
        }

        ngx_llm_replicate_write_turn(rq, m);

        last = m->role;
    }

    if (turns > 1 && last != NGX_LLM_ROLE_ASSISTANT) {
        ngx_llm_out_lit(rq->out, "\\n\\nAssistant:");
    }
}


static ngx_uint_t
ngx_llm_replicate_turns(ngx_llm_compose_t *rq)
{
    ngx_uint_t          n;
    ngx_llm_message_t  *m;

    n = 0;

    for (m = rq->chat->messages; m; m = m->next) {
        n += !ngx_llm_compose_is_system(m);
    }

    return n;
}


/* texts of an answer are pieces of one */

static void
ngx_llm_replicate_write_turn(ngx_llm_compose_t *rq, ngx_llm_message_t *m)
{
    (void) ngx_llm_compose_joined(rq->out, m->parts, NGX_LLM_PART_TEXT,
                                  NGX_LLM_PART_REFUSAL,
                                  m->role == NGX_LLM_ROLE_ASSISTANT ? ""
                                                                    : "\\n");
}


static void
ngx_llm_replicate_write_system(ngx_llm_compose_t *rq)
{
    ngx_str_t      text;
    ngx_llm_out_t  out;

    ngx_llm_out_init(&out, rq->chat->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    if (ngx_llm_compose_system(rq, &out) == 0) {
        return;
    }

    if (out.failed) {
        rq->out->failed = 1;
        return;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    ngx_llm_compose_member(rq, "system_prompt");
    ngx_llm_out_quoted(rq->out, &text);
}


/* models of OpenAI's take a conversation as it is */

static void
ngx_llm_replicate_write_messages(ngx_llm_compose_t *rq)
{
    ngx_uint_t          n;
    ngx_llm_message_t  *m;

    if (!ngx_llm_replicate_begins(&rq->target->model, "openai/")
        || ngx_llm_replicate_turns(rq) < 2)
    {
        return;
    }

    ngx_llm_compose_member(rq, "messages");
    ngx_llm_out_char(rq->out, '[');

    n = 0;

    for (m = rq->chat->messages; m; m = m->next) {

        if (n++) {
            ngx_llm_out_char(rq->out, ',');
        }

        if (ngx_llm_compose_is_system(m)) {
            ngx_llm_out_lit(rq->out, "{\"role\":\"system\",\"content\":\"");

        } else if (m->role == NGX_LLM_ROLE_ASSISTANT) {
            ngx_llm_out_lit(rq->out, "{\"role\":\"assistant\",\"content\":\"");

        } else {
            ngx_llm_out_lit(rq->out, "{\"role\":\"user\",\"content\":\"");
        }

        ngx_llm_replicate_write_turn(rq, m);
        ngx_llm_out_lit(rq->out, "\"}");
    }

    ngx_llm_out_char(rq->out, ']');
}


static void
ngx_llm_replicate_write_limit(ngx_llm_compose_t *rq)
{
    ngx_uint_t  i;

    if (rq->chat->max_tokens <= 0) {
        return;
    }

    for (i = 0; ngx_llm_replicate_limits[i]; i++) {
        ngx_llm_compose_member(rq, ngx_llm_replicate_limits[i]);
        ngx_llm_out_int(rq->out, rq->chat->max_tokens);
    }
}


static ngx_uint_t
ngx_llm_replicate_begins(ngx_str_t *text, char *prefix)
{
    size_t  len;

    len = ngx_strlen(prefix);

    return text->len > len && ngx_memcmp(text->data, prefix, len) == 0;
}
