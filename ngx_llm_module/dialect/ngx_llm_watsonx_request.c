
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What goes to a provider.  It is checked against a schema there, so all that
 * is written is known by name.  After the operation "text_chat" of its API.
 */


#include "ngx_llm_watsonx.h"


static ngx_int_t ngx_llm_watsonx_write_sampling(ngx_llm_compose_t *rq);
static void ngx_llm_watsonx_write_raw(ngx_llm_compose_t *rq,
    ngx_uint_t param);
static ngx_int_t ngx_llm_watsonx_write_tools(ngx_llm_compose_t *rq);
static void ngx_llm_watsonx_write_tool(ngx_llm_compose_t *rq,
    ngx_llm_tool_t *tool);
static void ngx_llm_watsonx_write_choice(ngx_llm_compose_t *rq);
static ngx_int_t ngx_llm_watsonx_write_effort(ngx_llm_compose_t *rq);


typedef struct {
    char  *word;
    char  *effort;
} ngx_llm_watsonx_effort_t;


#define NGX_LLM_WATSONX_TAKES                                                \
    (ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_P)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_N)                                     \
     |ngx_llm_param_bit(NGX_LLM_PARAM_SEED)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_LOGIT_BIAS)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_FREQUENCY_PENALTY)                     \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PRESENCE_PENALTY)                      \
     |ngx_llm_param_bit(NGX_LLM_PARAM_LOGPROBS)                              \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_LOGPROBS)                          \
     |ngx_llm_param_bit(NGX_LLM_PARAM_STOP)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOL_CHOICE)                           \
     |ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT))

#define NGX_LLM_WATSONX_REASONS                                              \
    (ngx_llm_param_bit(NGX_LLM_PARAM_REASONING_EFFORT)                       \
     |ngx_llm_param_bit(NGX_LLM_PARAM_THINKING))


static const ngx_llm_compose_own_t  ngx_llm_watsonx_own[] = {
    { ngx_string("time_limit"), NGX_LLM_COMPOSE_NUMBER },
    { ngx_string("repetition_penalty"), NGX_LLM_COMPOSE_NUMBER },
    { ngx_string("length_penalty"), NGX_LLM_COMPOSE_NUMBER },
    { ngx_string("include_reasoning"), NGX_LLM_COMPOSE_BOOL },
    { ngx_string("chat_template_kwargs"), NGX_LLM_COMPOSE_OBJECT },
    { ngx_string("guided_choice"), NGX_LLM_COMPOSE_ARRAY },
    { ngx_string("guided_regex"), NGX_LLM_COMPOSE_STRING },
    { ngx_string("guided_grammar"), NGX_LLM_COMPOSE_STRING },
    { ngx_string("guided_json"),
      NGX_LLM_COMPOSE_STRING|NGX_LLM_COMPOSE_OBJECT },
    { ngx_string("moderations"), NGX_LLM_COMPOSE_OBJECT },
    { ngx_string("context"), NGX_LLM_COMPOSE_STRING },
    { ngx_string("crypto"), NGX_LLM_COMPOSE_OBJECT },
    { ngx_null_string, 0 }
};


static const ngx_llm_watsonx_effort_t  ngx_llm_watsonx_efforts[] = {
    { "minimal", "low" },
    { "low", "low" },
    { "medium", "medium" },
    { "high", "high" },
    { "xhigh", "high" },
    { "max", "high" },
    { NULL, NULL }
};


ngx_int_t
ngx_llm_watsonx_write_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    uint64_t                       takes;
    ngx_int_t                      rc;
    ngx_llm_compose_t              rq;
    const ngx_llm_compose_own_t   *own;

    ngx_memzero(&rq, sizeof(ngx_llm_compose_t));

    rq.chat = chat;
    rq.target = target;
    rq.out = out;
    rq.err = err;
    rq.own = ngx_llm_watsonx_own;

    /* how an operator says that this model does not reason */

    takes = NGX_LLM_WATSONX_TAKES
            | (NGX_LLM_WATSONX_REASONS & ~target->drop);

    if (chat->legacy_functions) {

        /* who speaks so takes the first call */

        takes |= ngx_llm_param_bit(NGX_LLM_PARAM_PARALLEL_TOOL_CALLS);
    }

    rc = ngx_llm_compose_params(&rq, takes);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_compose_tools(&rq, 0);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_watsonx_write_model(target, out);

    rc = ngx_llm_watsonx_write_messages(&rq);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_llm_watsonx_write_sampling(&rq) != NGX_OK
        || ngx_llm_watsonx_write_tools(&rq) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_compose_response_format(rq.chat, 0, rq.out);

    if (ngx_llm_watsonx_write_effort(&rq) != NGX_OK) {
        return NGX_ERROR;
    }

    for (own = ngx_llm_watsonx_own; own->name.len; own++) {
        (void) ngx_llm_compose_write_own(&rq, (char *) own->name.data);
    }

    ngx_llm_out_char(out, '}');

    return out->failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_watsonx_write_sampling(ngx_llm_compose_t *rq)
{
    if (rq->chat->max_tokens > 0) {
        ngx_llm_out_lit(rq->out, ",\"max_completion_tokens\":");
        ngx_llm_out_int(rq->out, rq->chat->max_tokens);
    }

    ngx_llm_watsonx_write_raw(rq, NGX_LLM_PARAM_TEMPERATURE);
    ngx_llm_watsonx_write_raw(rq, NGX_LLM_PARAM_TOP_P);
    ngx_llm_watsonx_write_raw(rq, NGX_LLM_PARAM_N);
    ngx_llm_watsonx_write_raw(rq, NGX_LLM_PARAM_SEED);
    ngx_llm_watsonx_write_raw(rq, NGX_LLM_PARAM_LOGIT_BIAS);
    ngx_llm_watsonx_write_raw(rq, NGX_LLM_PARAM_FREQUENCY_PENALTY);
    ngx_llm_watsonx_write_raw(rq, NGX_LLM_PARAM_PRESENCE_PENALTY);
    ngx_llm_watsonx_write_raw(rq, NGX_LLM_PARAM_LOGPROBS);
    ngx_llm_watsonx_write_raw(rq, NGX_LLM_PARAM_TOP_LOGPROBS);

    return ngx_llm_compose_stop(rq, "stop", 0);
}


static void
ngx_llm_watsonx_write_raw(ngx_llm_compose_t *rq, ngx_uint_t param)
{
    ngx_llm_json_t  *node;

    node = rq->chat->param[param];

    if (node != NULL) {
        ngx_llm_compose_member(rq, (char *) ngx_llm_param_name(param)->data);
        ngx_llm_out_str(rq->out, &node->raw);
    }
}


static ngx_int_t
ngx_llm_watsonx_write_tools(ngx_llm_compose_t *rq)
{
    ngx_uint_t  i;

    if (rq->ntools == 0) {
        return NGX_OK;
    }

    ngx_llm_out_lit(rq->out, ",\"tools\":[");

    for (i = 0; i < rq->ntools; i++) {

        if (i) {
            ngx_llm_out_char(rq->out, ',');
        }

        ngx_llm_watsonx_write_tool(rq, rq->tools[i]);

        if (rq->tools[i]->strict
            && ngx_llm_compose_drop(rq, "strict") != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_llm_out_char(rq->out, ']');

    ngx_llm_watsonx_write_choice(rq);

    return NGX_OK;
}


static void
ngx_llm_watsonx_write_tool(ngx_llm_compose_t *rq, ngx_llm_tool_t *tool)
{
    ngx_str_t       schema;
    ngx_llm_out_t  *out;

    out = rq->out;

    ngx_llm_compose_tool(rq, tool);
    ngx_llm_compose_schema(tool, &schema);

    ngx_llm_out_str(out, &schema);

    ngx_llm_out_lit(out, "}}");
}


/* a word has a member of its own, and only one of the two may be there */

static void
ngx_llm_watsonx_write_choice(ngx_llm_compose_t *rq)
{
    ngx_llm_out_t  *out;

    out = rq->out;

    switch (rq->chat->tool_choice) {

    case NGX_LLM_TOOL_CHOICE_AUTO:
        ngx_llm_out_lit(out, ",\"tool_choice_option\":\"auto\"");
        return;

    case NGX_LLM_TOOL_CHOICE_NONE:
        ngx_llm_out_lit(out, ",\"tool_choice_option\":\"none\"");
        return;

    case NGX_LLM_TOOL_CHOICE_REQUIRED:
        ngx_llm_out_lit(out, ",\"tool_choice_option\":\"required\"");
        return;

    case NGX_LLM_TOOL_CHOICE_NAMED:
        ngx_llm_out_lit(out, ",\"tool_choice\":{\"type\":\"function\","
                             "\"function\":{\"name\":");
        ngx_llm_out_quoted(out, &rq->chat->tool_name);
        ngx_llm_out_lit(out, "}}");
        return;

    default: /* NGX_LLM_TOOL_CHOICE_UNSET */
        return;
    }
}


static ngx_int_t
ngx_llm_watsonx_write_effort(ngx_llm_compose_t *rq)
{
    ngx_str_t                        word;
    ngx_llm_json_t                  *node;
    const ngx_llm_watsonx_effort_t  *e;

    if (rq->target->drop & NGX_LLM_WATSONX_REASONS) {
        return NGX_OK;
    }

    node = rq->chat->param[NGX_LLM_PARAM_REASONING_EFFORT];

    if (node == NULL) {
        ngx_llm_openai_write_effort(rq->chat, rq->out);
        return NGX_OK;
    }

    ngx_str_null(&word);

    if (node->type == NGX_LLM_JSON_STRING) {
        word = ngx_llm_json_text(node);
    }

    for (e = ngx_llm_watsonx_efforts; e->word; e++) {

        if (ngx_llm_json_is(&word, e->word)) {
            ngx_llm_out_lit(rq->out, ",\"reasoning_effort\":\"");
            ngx_llm_out_data(rq->out, (u_char *) e->effort,
                             ngx_strlen(e->effort));
            ngx_llm_out_char(rq->out, '"');
            return NGX_OK;
        }
    }

    return ngx_llm_compose_drop(rq, "reasoning_effort");
}
