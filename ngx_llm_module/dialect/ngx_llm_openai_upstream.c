
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The request for a provider, written from the neutral form.
 */


#include "ngx_llm_openai.h"
#include "ngx_llm_compose.h"


/* parameters that have no place of their own and go out as they came in */

#define NGX_LLM_OPENAI_RAW  (sizeof(ngx_llm_openai_raw)                      \
                             / sizeof(ngx_llm_openai_raw[0]))

/* what is written from the neutral form, and the name of the end user */

#define NGX_LLM_OPENAI_TAKES                                                 \
    (ngx_llm_param_bit(NGX_LLM_PARAM_USER)                                   \
     |ngx_llm_param_bit(NGX_LLM_PARAM_STOP)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOOL_CHOICE)                           \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PARALLEL_TOOL_CALLS)                   \
     |ngx_llm_param_bit(NGX_LLM_PARAM_RESPONSE_FORMAT))

/* extensions of this API that a client may choose to send */

#define NGX_LLM_OPENAI_EXTENSIONS                                            \
    (ngx_llm_param_bit(NGX_LLM_PARAM_TOP_K)                                  \
     |ngx_llm_param_bit(NGX_LLM_PARAM_THINKING)                              \
     |ngx_llm_param_bit(NGX_LLM_PARAM_CACHE_CONTROL))

/* what models that reason do not take from OpenAI's clients */

#define NGX_LLM_OPENAI_FIXED                                                 \
    (ngx_llm_param_bit(NGX_LLM_PARAM_TEMPERATURE)                            \
     |ngx_llm_param_bit(NGX_LLM_PARAM_TOP_P)                                 \
     |ngx_llm_param_bit(NGX_LLM_PARAM_FREQUENCY_PENALTY)                     \
     |ngx_llm_param_bit(NGX_LLM_PARAM_PRESENCE_PENALTY)                      \
     |ngx_llm_param_bit(NGX_LLM_PARAM_LOGIT_BIAS))


static ngx_int_t ngx_llm_openai_check_params(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_uint_t reasons, ngx_llm_error_t *err);
static ngx_uint_t ngx_llm_openai_takes_effort(ngx_llm_target_t *target);
static void ngx_llm_openai_write_limit(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_uint_t reasons, ngx_llm_out_t *out);
static void ngx_llm_openai_write_params(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_uint_t reasons, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_openai_write_user(ngx_llm_chat_t *chat,
    ngx_llm_out_t *out);
static ngx_int_t ngx_llm_openai_write_stop(ngx_llm_chat_t *chat,
    ngx_uint_t reasons, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_openai_write_tools(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static void ngx_llm_openai_write_raw(ngx_llm_chat_t *chat, char *name,
    ngx_llm_out_t *out);
static void ngx_llm_openai_write_tool(ngx_llm_tool_t *tool,
    ngx_llm_out_t *out);
static void ngx_llm_openai_write_tool_choice(ngx_llm_chat_t *chat,
    ngx_llm_out_t *out);


static const ngx_uint_t  ngx_llm_openai_raw[] = {
    NGX_LLM_PARAM_TEMPERATURE,
    NGX_LLM_PARAM_TOP_P,
    NGX_LLM_PARAM_N,
    NGX_LLM_PARAM_SEED,
    NGX_LLM_PARAM_LOGIT_BIAS,
    NGX_LLM_PARAM_FREQUENCY_PENALTY,
    NGX_LLM_PARAM_PRESENCE_PENALTY,
    NGX_LLM_PARAM_LOGPROBS,
    NGX_LLM_PARAM_TOP_LOGPROBS,
    NGX_LLM_PARAM_SAFETY_IDENTIFIER,
    NGX_LLM_PARAM_METADATA,
    NGX_LLM_PARAM_STORE,
    NGX_LLM_PARAM_SERVICE_TIER,
    NGX_LLM_PARAM_VERBOSITY,
    NGX_LLM_PARAM_REASONING_EFFORT,
    NGX_LLM_PARAM_PREDICTION,
    NGX_LLM_PARAM_MODALITIES,
    NGX_LLM_PARAM_AUDIO,
    NGX_LLM_PARAM_WEB_SEARCH_OPTIONS,
    NGX_LLM_PARAM_PROMPT_CACHE_KEY,
    NGX_LLM_PARAM_PROMPT_CACHE_OPTIONS,
    NGX_LLM_PARAM_PROMPT_CACHE_RETENTION,
    NGX_LLM_PARAM_MODERATION
};


ngx_str_t  ngx_llm_openai_stream_options =
    ngx_string(",\"stream_options\":{\"include_usage\":true}");


ngx_int_t
ngx_llm_openai_write_request(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_int_t   rc;
    ngx_uint_t  reasons;

    reasons = ngx_llm_openai_target_reasons(target);

    rc = ngx_llm_openai_check_params(chat, target, reasons, err);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_lit(out, "{\"model\":");
    ngx_llm_out_json_string(out, &target->model);

    ngx_llm_out_lit(out, ",\"messages\":[");

    rc = ngx_llm_openai_write_messages(chat, target, out, err);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_out_char(out, ']');

    if (chat->max_tokens > 0) {
        ngx_llm_openai_write_limit(chat, target, reasons, out);
    }

    ngx_llm_openai_write_params(chat, target, reasons, out);

    if (ngx_llm_openai_write_user(chat, out) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_llm_openai_write_stop(chat, reasons, out) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_llm_openai_write_tools(chat, target, out, err);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_compose_response_format(chat, 1, out);

    if (chat->stream) {
        ngx_llm_out_lit(out, ",\"stream\":true");

        if (!ngx_llm_quirk(target, NGX_LLM_QUIRK_NO_STREAM_OPTIONS)) {
            ngx_llm_out_str(out, &ngx_llm_openai_stream_options);
        }
    }

    ngx_llm_out_char(out, '}');

    return out->failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_openai_check_params(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_uint_t reasons, ngx_llm_error_t *err)
{
    uint64_t      takes;
    ngx_int_t     rc;
    ngx_uint_t    i;
    ngx_array_t  *unknown;

    takes = NGX_LLM_OPENAI_TAKES;

    if (target->quirks) {
        takes |= target->quirks->takes;
    }

    for (i = 0; i < NGX_LLM_OPENAI_RAW; i++) {
        takes |= ngx_llm_param_bit(ngx_llm_openai_raw[i]);
    }

    if (chat->dialect == &ngx_llm_openai) {

        takes |= NGX_LLM_OPENAI_EXTENSIONS;

        unknown = chat->unknown;
        chat->unknown = NULL;

        rc = ngx_llm_params_check(chat, takes, target->drop,
                                  &target->provider, err);

        chat->unknown = unknown;

        return rc;
    }

    if (reasons) {
        takes &= ~NGX_LLM_OPENAI_FIXED;

        if (ngx_llm_openai_takes_effort(target)) {
            takes |= ngx_llm_param_bit(NGX_LLM_PARAM_THINKING);
        }
    }

    return ngx_llm_params_check(chat, takes, target->drop, &target->provider,
                                err);
}


static ngx_uint_t
ngx_llm_openai_takes_effort(ngx_llm_target_t *target)
{
    return !(target->lacks
             & ngx_llm_param_bit(NGX_LLM_PARAM_REASONING_EFFORT));
}


/* the new name is refused by most others, the old one by OpenAI */

static void
ngx_llm_openai_write_limit(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_uint_t reasons, ngx_llm_out_t *out)
{
    if (reasons && !ngx_llm_quirk(target, NGX_LLM_QUIRK_MAX_TOKENS)) {
        ngx_llm_out_lit(out, ",\"max_completion_tokens\":");

    } else {
        ngx_llm_out_lit(out, ",\"max_tokens\":");
    }

    ngx_llm_out_int(out, chat->max_tokens);
}


ngx_uint_t
ngx_llm_openai_target_reasons(ngx_llm_target_t *target)
{
    return ngx_llm_openai_reasons(target->family.len ? &target->family
                                                     : &target->model);
}


/* o1, o3-mini, o4-mini ..., gpt-5 and on, but for its chat models */

ngx_uint_t
ngx_llm_openai_reasons(ngx_str_t *model)
{
    size_t   len;
    u_char  *p, *slash;

    p = model->data;

    for (slash = p; slash < model->data + model->len; slash++) {
        if (*slash == '/') {
            p = slash + 1;
        }
    }

    len = model->data + model->len - p;

    if (len >= 2 && p[0] == 'o' && p[1] >= '1' && p[1] <= '9') {
        return (len == 2 || p[2] == '-');
    }

    if (len < sizeof("gpt-5") - 1
        || ngx_strncmp(p, "gpt-", sizeof("gpt-") - 1) != 0
        || p[4] < '5' || p[4] > '9')
    {
        return 0;
    }

    p += sizeof("gpt-5") - 1;
    len -= sizeof("gpt-5") - 1;

    return (len < sizeof("-chat") - 1
            || ngx_strncmp(p, "-chat", sizeof("-chat") - 1) != 0);
}


static void
ngx_llm_openai_write_params(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_uint_t reasons, ngx_llm_out_t *out)
{
    uint64_t          extensions;
    ngx_str_t        *name;
    ngx_uint_t        i, id, same;
    ngx_llm_json_t   *node, **unknown;

    same = (chat->dialect == &ngx_llm_openai);

    for (i = 0; i < NGX_LLM_OPENAI_RAW; i++) {

        id = ngx_llm_openai_raw[i];
        node = chat->param[id];

        if (node == NULL
            || (reasons && !same
                && (ngx_llm_param_bit(id) & NGX_LLM_OPENAI_FIXED)))
        {
            continue;
        }

        name = ngx_llm_param_name(id);

        ngx_llm_out_lit(out, ",\"");
        ngx_llm_out_str(out, name);
        ngx_llm_out_lit(out, "\":");
        ngx_llm_out_str(out, &node->raw);
    }

    if (!same && reasons && ngx_llm_openai_takes_effort(target)
        && chat->param[NGX_LLM_PARAM_REASONING_EFFORT] == NULL)
    {
        ngx_llm_openai_write_effort(chat, out);
    }

    /* as they stand in the client's text, whose names for them are the same */

    extensions = same ? NGX_LLM_OPENAI_EXTENSIONS : 0;

    if (target->quirks) {
        extensions |= target->quirks->takes;
    }

    for (i = 0; i < NGX_LLM_PARAMS; i++) {

        node = chat->param[i];

        if (node == NULL || !(extensions & ngx_llm_param_bit(i))) {
            continue;
        }

        name = ngx_llm_param_name(i);

        ngx_llm_out_lit(out, ",\"");
        ngx_llm_out_str(out, name);
        ngx_llm_out_lit(out, "\":");
        ngx_llm_out_str(out, &node->raw);
    }

    if (!same || chat->unknown == NULL) {
        return;
    }

    unknown = chat->unknown->elts;

    for (i = 0; i < chat->unknown->nelts; i++) {
        node = unknown[i];

        if (ngx_llm_openai_unsaid(target, node)) {
            continue;
        }

        ngx_llm_out_char(out, ',');
        ngx_llm_out_data(out, node->begin,
                         node->raw.data + node->raw.len - node->begin);
    }
}


void
ngx_llm_openai_write_effort(ngx_llm_chat_t *chat, ngx_llm_out_t *out)
{
    int64_t          budget;
    ngx_str_t        type;
    ngx_llm_json_t  *node;

    node = chat->param[NGX_LLM_PARAM_THINKING];
    type = ngx_llm_json_str(node, "type");

    if (ngx_llm_json_is(&type, "adaptive")) {
        ngx_llm_out_lit(out, ",\"reasoning_effort\":\"medium\"");
        return;
    }

    if (!ngx_llm_json_is(&type, "enabled")) {
        return;
    }

    budget = ngx_llm_json_count(node, "budget_tokens", 0);

    if (chat->max_tokens <= 0) {
        ngx_llm_out_lit(out, ",\"reasoning_effort\":\"medium\"");

    } else if (budget <= chat->max_tokens / 4) {
        ngx_llm_out_lit(out, ",\"reasoning_effort\":\"low\"");

    } else if (budget <= chat->max_tokens / 5 * 3) {
        ngx_llm_out_lit(out, ",\"reasoning_effort\":\"medium\"");

    } else {
        ngx_llm_out_lit(out, ",\"reasoning_effort\":\"high\"");
    }
}


static ngx_int_t
ngx_llm_openai_write_user(ngx_llm_chat_t *chat, ngx_llm_out_t *out)
{
    ngx_llm_json_t  *node;

    node = chat->param[NGX_LLM_PARAM_USER];

    if (chat->dialect == &ngx_llm_openai) {

        if (node) {
            ngx_llm_out_lit(out, ",\"user\":");
            ngx_llm_out_str(out, &node->raw);
        }

        return NGX_OK;
    }

    if (chat->user.len == 0) {
        return NGX_OK;
    }

    if (chat->user.len > NGX_LLM_OPENAI_MAX_USER) {
        return ngx_llm_params_dropped(chat,
                                      ngx_llm_param_name(NGX_LLM_PARAM_USER));
    }

    ngx_llm_out_lit(out, ",\"user\":");
    ngx_llm_out_quoted(out, &chat->user);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_write_stop(ngx_llm_chat_t *chat, ngx_uint_t reasons,
    ngx_llm_out_t *out)
{
    ngx_str_t   *stop;
    ngx_uint_t   i;

    if (chat->stop == NULL || chat->stop->nelts == 0) {
        return NGX_OK;
    }

    if (reasons && chat->dialect != &ngx_llm_openai) {

        /* such a model refuses it */

        return ngx_llm_params_dropped(chat,
                                      ngx_llm_param_name(NGX_LLM_PARAM_STOP));
    }

    ngx_llm_out_lit(out, ",\"stop\":[");

    stop = chat->stop->elts;

    for (i = 0; i < chat->stop->nelts; i++) {

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_quoted(out, &stop[i]);
    }

    ngx_llm_out_char(out, ']');

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_write_tools(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_str_t        type;
    ngx_uint_t       n;
    ngx_llm_tool_t  *tool;

    if (chat->legacy_functions && chat->dialect == &ngx_llm_openai) {
        ngx_llm_openai_write_raw(chat, "functions", out);
        ngx_llm_openai_write_raw(chat, "function_call", out);
        return NGX_OK;
    }

    n = 0;

    for (tool = chat->tools; tool; tool = tool->next) {

        if (tool->vendor && chat->dialect != &ngx_llm_openai) {

            type = ngx_llm_json_str(tool->node, "type");

            if (!(target->drop & ngx_llm_param_bit(NGX_LLM_PARAM_TOOLS))) {
                return ngx_llm_error(chat->pool, err, 400,
                                     "invalid_request_error",
                                     "unsupported_parameter", "tools",
                                     "provider \"%V\" has no tool of the type "
                                     "\"%V\"", &target->provider, &type);
            }

            if (ngx_llm_params_dropped(chat,
                                      ngx_llm_param_name(NGX_LLM_PARAM_TOOLS))
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        if (n++ == 0) {
            ngx_llm_out_lit(out, ",\"tools\":[");

        } else {
            ngx_llm_out_char(out, ',');
        }

        if (chat->dialect == &ngx_llm_openai) {
            ngx_llm_out_str(out, &tool->node->raw);

        } else {
            ngx_llm_openai_write_tool(tool, out);
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_llm_out_char(out, ']');

    ngx_llm_openai_write_tool_choice(chat, out);

    if (chat->parallel_set) {
        if (chat->parallel) {
            ngx_llm_out_lit(out, ",\"parallel_tool_calls\":true");

        } else {
            ngx_llm_out_lit(out, ",\"parallel_tool_calls\":false");
        }
    }

    return NGX_OK;
}


/* a member of the client's request as it stands there */

static void
ngx_llm_openai_write_raw(ngx_llm_chat_t *chat, char *name,
    ngx_llm_out_t *out)
{
    ngx_llm_json_t  *node;

    node = ngx_llm_json_set(chat->root, name);

    if (node) {
        ngx_llm_out_char(out, ',');
        ngx_llm_out_data(out, node->begin,
                         node->raw.data + node->raw.len - node->begin);
    }
}


static void
ngx_llm_openai_write_tool(ngx_llm_tool_t *tool, ngx_llm_out_t *out)
{
    if (tool->custom) {
        ngx_llm_out_lit(out, "{\"type\":\"custom\",\"custom\":{\"name\":");

    } else {
        ngx_llm_out_lit(out, "{\"type\":\"function\",\"function\":{\"name\":");
    }

    ngx_llm_out_quoted(out, &tool->name);

    if (tool->description.data) {
        ngx_llm_out_lit(out, ",\"description\":");
        ngx_llm_out_quoted(out, &tool->description);
    }

    if (!tool->custom) {

        if (tool->schema.len) {
            ngx_llm_out_lit(out, ",\"parameters\":");
            ngx_llm_out_str(out, &tool->schema);
        }

        if (tool->strict) {
            ngx_llm_out_lit(out, ",\"strict\":true");
        }
    }

    ngx_llm_out_lit(out, "}}");
}


static void
ngx_llm_openai_write_tool_choice(ngx_llm_chat_t *chat, ngx_llm_out_t *out)
{
    ngx_uint_t       custom;
    ngx_llm_tool_t  *tool;

    if (chat->allowed_tools && chat->dialect == &ngx_llm_openai) {
        ngx_llm_out_lit(out, ",\"tool_choice\":");
        ngx_llm_out_str(out, &chat->param[NGX_LLM_PARAM_TOOL_CHOICE]->raw);
        return;
    }

    switch (chat->tool_choice) {

    case NGX_LLM_TOOL_CHOICE_AUTO:
        ngx_llm_out_lit(out, ",\"tool_choice\":\"auto\"");
        return;

    case NGX_LLM_TOOL_CHOICE_NONE:
        ngx_llm_out_lit(out, ",\"tool_choice\":\"none\"");
        return;

    case NGX_LLM_TOOL_CHOICE_REQUIRED:
        ngx_llm_out_lit(out, ",\"tool_choice\":\"required\"");
        return;

    case NGX_LLM_TOOL_CHOICE_NAMED:
        break;

    default: /* NGX_LLM_TOOL_CHOICE_UNSET */
        return;
    }

    custom = 0;

    for (tool = chat->tools; tool; tool = tool->next) {
        if (tool->custom && tool->name.len == chat->tool_name.len
            && ngx_memcmp(tool->name.data, chat->tool_name.data,
                          tool->name.len)
               == 0)
        {
            custom = 1;
        }
    }

    if (custom) {
        ngx_llm_out_lit(out, ",\"tool_choice\":{\"type\":\"custom\","
                             "\"custom\":{\"name\":");

    } else {
        ngx_llm_out_lit(out, ",\"tool_choice\":{\"type\":\"function\","
                             "\"function\":{\"name\":");
    }

    ngx_llm_out_quoted(out, &chat->tool_name);
    ngx_llm_out_lit(out, "}}");
}
