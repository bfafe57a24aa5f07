
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Plain answers: a provider's, and the one for a client.
 */


#include "ngx_llm_openai.h"


static ngx_int_t ngx_llm_openai_read_choice(ngx_llm_response_t *res,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_openai_read_message(ngx_pool_t *pool,
    ngx_llm_choice_t *choice, ngx_llm_json_t *message);
static ngx_int_t ngx_llm_openai_read_text(ngx_pool_t *pool,
    ngx_llm_choice_t *choice, ngx_llm_json_t *content);
static ngx_int_t ngx_llm_openai_read_calls(ngx_pool_t *pool,
    ngx_llm_choice_t *choice, ngx_llm_json_t *message);
static ngx_int_t ngx_llm_openai_read_call(ngx_pool_t *pool,
    ngx_llm_choice_t *choice, ngx_llm_json_t *node, ngx_uint_t legacy);
static void ngx_llm_openai_write_choice(ngx_llm_writer_t *w,
    ngx_llm_choice_t *choice, ngx_uint_t n, ngx_llm_out_t *out);
static void ngx_llm_openai_write_content(ngx_llm_choice_t *choice,
    ngx_llm_out_t *out);
static ngx_uint_t ngx_llm_openai_write_joined(ngx_llm_choice_t *choice,
    ngx_llm_part_e type, char *name, ngx_llm_out_t *out);
static void ngx_llm_openai_write_blocks(ngx_llm_choice_t *choice,
    ngx_llm_out_t *out);
static void ngx_llm_openai_write_audio(ngx_llm_writer_t *w,
    ngx_llm_choice_t *choice, ngx_llm_out_t *out);
static void ngx_llm_openai_write_calls(ngx_llm_writer_t *w,
    ngx_llm_choice_t *choice, ngx_llm_out_t *out);


ngx_int_t
ngx_llm_openai_read_response(ngx_str_t *text, ngx_llm_response_t *res,
    ngx_llm_error_t *err)
{
    ngx_int_t             rc;
    ngx_str_t             tier;
    ngx_uint_t            n;
    ngx_llm_json_t       *root, *choices, *node;
    ngx_llm_json_conf_t   conf;

    if (res->lazy) {
        rc = ngx_llm_openai_plain_response(text, res);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));

    conf.max_depth = NGX_LLM_MAX_DEPTH;
    conf.max_nodes = NGX_LLM_MAX_NODES;

    root = ngx_llm_json_parse(res->pool, text, &conf);

    if (root == NULL) {
        (void) ngx_llm_error(res->pool, err, 502, "server_error",
                             "invalid_response", NULL,
                             "provider sent an answer that is not valid "
                             "JSON: %V", &conf.error);
        goto invalid;
    }

    if (ngx_llm_openai_error_member(root)) {
        ngx_llm_openai_error_node(res->pool, 200, root, err);
        return NGX_DECLINED;
    }

    choices = ngx_llm_json_get(root, "choices");

    if (choices == NULL || choices->type != NGX_LLM_JSON_ARRAY
        || choices->child == NULL)
    {
        tier = ngx_llm_json_str(root, "object");

        if (choices == NULL
            && (ngx_llm_json_is(&tier, "error")
                || ngx_llm_json_str(root, "message").len
                || ngx_llm_json_str(root, "detail").len))
        {
            /* an error without its envelope */

            ngx_llm_openai_error_node(res->pool, 200, root, err);
            return NGX_DECLINED;
        }

        (void) ngx_llm_error(res->pool, err, 502, "server_error",
                             "invalid_response", NULL,
                             "provider sent an answer without choices");
        goto invalid;
    }

    res->id = ngx_llm_json_str(root, "id");
    res->model = ngx_llm_json_str(root, "model");
    res->created = ngx_llm_json_count(root, "created", 0);

    tier = ngx_llm_json_str(root, "service_tier");

    if (tier.len) {
        res->service_tier = tier;
    }

    n = 0;

    for (node = choices->child; node; node = node->next) {

        if (n++ == NGX_LLM_OPENAI_MAX_CHOICES) {
            break;
        }

        rc = ngx_llm_openai_broken(res->pool, node, err);
        if (rc != NGX_OK) {
            return rc;
        }

        switch (ngx_llm_openai_read_choice(res, node)) {

        case NGX_OK:
            break;

        case NGX_DECLINED:
            (void) ngx_llm_error(res->pool, err, 502, "server_error",
                                 "invalid_response", NULL,
                                 "provider sent a choice without a message");
            goto invalid;

        default:
            return NGX_ERROR;
        }
    }

    if (ngx_llm_openai_usage(ngx_llm_json_get(root, "usage"), &res->usage)
        != NGX_OK)
    {
        node = ngx_llm_json_get(root, "x_groq");

        (void) ngx_llm_openai_usage(ngx_llm_json_get(node, "usage"),
                                    &res->usage);
    }

    res->usage.service = ngx_llm_price_service(&res->service_tier);

    return NGX_OK;

invalid:

    err->fail = NGX_LLM_FAIL_INVALID;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_llm_openai_read_choice(ngx_llm_response_t *res, ngx_llm_json_t *node)
{
    ngx_str_t          text;
    ngx_llm_json_t    *message, *value;
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice;

    message = ngx_llm_json_get(node, "message");
    text = ngx_llm_json_str(node, "text");

    if ((message == NULL || message->type != NGX_LLM_JSON_OBJECT)
        && text.data == NULL)
    {
        return NGX_DECLINED;
    }

    choice = ngx_array_push(&res->choices);
    if (choice == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(choice, sizeof(ngx_llm_choice_t));

    choice->finish = ngx_llm_openai_finish(ngx_llm_json_get(node,
                                                            "finish_reason"));

    value = ngx_llm_json_get(node, "logprobs");

    if (value && value->type == NGX_LLM_JSON_OBJECT) {
        choice->logprobs = value->raw;
    }

    if (message == NULL || message->type != NGX_LLM_JSON_OBJECT) {

        /* the form of the old completions */

        part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = text;

    } else if (ngx_llm_openai_read_message(res->pool, choice, message)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (choice->finish == NGX_LLM_FINISH_NONE) {
        choice->finish = NGX_LLM_FINISH_STOP;
    }

    if (choice->finish == NGX_LLM_FINISH_STOP) {

        /* many servers say "stop" of calls, too */

        for (part = choice->parts; part; part = part->next) {
            if (part->type == NGX_LLM_PART_TOOL_CALL) {
                choice->finish = NGX_LLM_FINISH_TOOL_CALLS;
                break;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_message(ngx_pool_t *pool, ngx_llm_choice_t *choice,
    ngx_llm_json_t *message)
{
    ngx_str_t        text;
    ngx_llm_json_t  *node;
    ngx_llm_part_t  *part;

    if (ngx_llm_openai_reasoning(pool, message, &choice->parts) != NGX_OK) {
        return NGX_ERROR;
    }

    node = ngx_llm_json_set(message, "content");

    if (node && ngx_llm_openai_read_text(pool, choice, node) != NGX_OK) {
        return NGX_ERROR;
    }

    text = ngx_llm_json_str(message, "refusal");

    if (text.len) {
        part = ngx_llm_chat_add_part(pool, &choice->parts,
                                     NGX_LLM_PART_REFUSAL);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = text;
    }

    node = ngx_llm_json_get(message, "audio");

    if (node && node->type == NGX_LLM_JSON_OBJECT) {
        part = ngx_llm_chat_add_part(pool, &choice->parts,
                                     NGX_LLM_PART_AUDIO);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->id = ngx_llm_json_str(node, "id");
        part->data = ngx_llm_json_str(node, "data");
        part->text = ngx_llm_json_str(node, "transcript");
        part->node = node;
    }

    node = ngx_llm_json_get(message, "annotations");

    if (node && node->type == NGX_LLM_JSON_ARRAY && node->child) {
        choice->annotations = node->raw;
    }

    return ngx_llm_openai_read_calls(pool, choice, message);
}


static ngx_int_t
ngx_llm_openai_read_text(ngx_pool_t *pool, ngx_llm_choice_t *choice,
    ngx_llm_json_t *content)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    ngx_llm_json_t  *node;
    ngx_llm_part_t  *part;

    node = content;

    if (content->type == NGX_LLM_JSON_ARRAY) {
        node = content->child;
    }

    while (node) {

        if (node->type == NGX_LLM_JSON_STRING) {
            text = ngx_llm_json_text(node);

        } else {
            rc = ngx_llm_openai_thinking(pool, node, &choice->parts);

            if (rc == NGX_ERROR) {
                return NGX_ERROR;
            }

            if (rc == NGX_OK) {
                node = node->next;
                continue;
            }

            text = ngx_llm_json_str(node, "text");
        }

        if (text.len) {
            part = ngx_llm_chat_add_part(pool, &choice->parts,
                                         NGX_LLM_PART_TEXT);
            if (part == NULL) {
                return NGX_ERROR;
            }

            part->text = text;
        }

        if (node == content) {
            break;
        }

        node = node->next;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_calls(ngx_pool_t *pool, ngx_llm_choice_t *choice,
    ngx_llm_json_t *message)
{
    ngx_uint_t       n;
    ngx_llm_json_t  *calls, *node;

    calls = ngx_llm_json_get(message, "tool_calls");

    if (calls && calls->type == NGX_LLM_JSON_ARRAY && calls->child) {

        n = 0;

        for (node = calls->child; node; node = node->next) {

            if (n++ == NGX_LLM_OPENAI_MAX_TOOLS) {
                break;
            }

            if (ngx_llm_openai_read_call(pool, choice, node, 0) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        return NGX_OK;
    }

    node = ngx_llm_json_get(message, "function_call");

    if (node && node->type == NGX_LLM_JSON_OBJECT) {
        return ngx_llm_openai_read_call(pool, choice, node, 1);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_call(ngx_pool_t *pool, ngx_llm_choice_t *choice,
    ngx_llm_json_t *node, ngx_uint_t legacy)
{
    ngx_str_t        type;
    ngx_llm_json_t  *function, *arguments;
    ngx_llm_part_t  *part;

    part = ngx_llm_chat_add_part(pool, &choice->parts,
                                 NGX_LLM_PART_TOOL_CALL);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->node = node;

    if (legacy) {
        part->legacy = 1;
        function = node;

    } else {
        part->id = ngx_llm_json_str(node, "id");
        type = ngx_llm_json_str(node, "type");

        function = ngx_llm_json_get(node, "custom");

        if (function && ngx_llm_json_is(&type, "custom")) {
            part->custom = 1;
            part->name = ngx_llm_json_str(function, "name");
            part->text = ngx_llm_json_str(function, "input");

            return NGX_OK;
        }

        function = ngx_llm_json_get(node, "function");
    }

    part->name = ngx_llm_json_str(function, "name");

    arguments = ngx_llm_json_get(function, "arguments");

    if (arguments && arguments->type == NGX_LLM_JSON_OBJECT) {
        part->input = arguments->raw;

    } else if (arguments && arguments->type == NGX_LLM_JSON_STRING) {
        part->arguments = ngx_llm_json_text(arguments);

    } else {
        ngx_str_set(&part->arguments, "");
    }

    return NGX_OK;
}


void
ngx_llm_openai_write_response(ngx_llm_writer_t *w, ngx_llm_response_t *res,
    ngx_llm_out_t *out)
{
    ngx_uint_t         i;
    ngx_llm_choice_t  *choice;

    ngx_llm_out_lit(out, "{\"id\":");

    if (res->id.len) {
        ngx_llm_out_quoted(out, &res->id);

    } else {
        ngx_llm_out_json_string(out, &w->id);
    }

    ngx_llm_out_lit(out, ",\"object\":\"chat.completion\",\"created\":");
    ngx_llm_out_int(out, res->created ? res->created : w->created);

    ngx_llm_out_lit(out, ",\"model\":");
    ngx_llm_out_json_string(out, &w->model);

    ngx_llm_out_lit(out, ",\"choices\":[");

    choice = res->choices.elts;

    for (i = 0; i < res->choices.nelts; i++) {

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_openai_write_choice(w, &choice[i], i, out);
    }

    ngx_llm_out_char(out, ']');

    if (res->usage.prompt >= 0 || res->usage.completion >= 0) {
        ngx_llm_out_lit(out, ",\"usage\":");
        ngx_llm_openai_write_usage(&res->usage, out);
    }

    if (res->service_tier.len) {
        ngx_llm_out_lit(out, ",\"service_tier\":");
        ngx_llm_out_quoted(out, &res->service_tier);
    }

    ngx_llm_out_char(out, '}');
}


static void
ngx_llm_openai_write_choice(ngx_llm_writer_t *w, ngx_llm_choice_t *choice,
    ngx_uint_t n, ngx_llm_out_t *out)
{
    ngx_str_t       *word;
    ngx_llm_part_t  *part;

    ngx_llm_out_lit(out, "{\"index\":");
    ngx_llm_out_int(out, n);

    ngx_llm_out_lit(out, ",\"message\":{\"role\":\"assistant\"");

    ngx_llm_openai_write_content(choice, out);
    ngx_llm_openai_write_blocks(choice, out);
    ngx_llm_openai_write_audio(w, choice, out);
    ngx_llm_openai_write_calls(w, choice, out);

    for (part = choice->parts; part; part = part->next) {
        if (part->type == NGX_LLM_PART_TEXT && part->signature.len) {
            ngx_llm_openai_write_extra(&part->signature, out);
            break;
        }
    }

    if (choice->annotations.len) {
        ngx_llm_out_lit(out, ",\"annotations\":");
        ngx_llm_out_str(out, &choice->annotations);
    }

    ngx_llm_out_lit(out, "},\"logprobs\":");

    if (choice->logprobs.len) {
        ngx_llm_out_str(out, &choice->logprobs);

    } else {
        ngx_llm_out_lit(out, "null");
    }

    word = ngx_llm_openai_finish_word(w->chat, choice->finish);

    ngx_llm_out_lit(out, ",\"finish_reason\":");
    ngx_llm_out_quoted(out, word);
    ngx_llm_out_char(out, '}');
}


static void
ngx_llm_openai_write_content(ngx_llm_choice_t *choice, ngx_llm_out_t *out)
{
    ngx_uint_t       other;
    ngx_llm_part_t  *part;

    if (!ngx_llm_openai_write_joined(choice, NGX_LLM_PART_TEXT,
                                     ",\"content\":\"", out))
    {
        /* null where something else is the answer */

        other = 0;

        for (part = choice->parts; part; part = part->next) {
            if (part->type == NGX_LLM_PART_TOOL_CALL
                || part->type == NGX_LLM_PART_REFUSAL
                || part->type == NGX_LLM_PART_AUDIO)
            {
                other = 1;
            }
        }

        if (other) {
            ngx_llm_out_lit(out, ",\"content\":null");

        } else {
            ngx_llm_out_lit(out, ",\"content\":\"\"");
        }
    }

    if (!ngx_llm_openai_write_joined(choice, NGX_LLM_PART_REFUSAL,
                                     ",\"refusal\":\"", out))
    {
        ngx_llm_out_lit(out, ",\"refusal\":null");
    }

    (void) ngx_llm_openai_write_joined(choice, NGX_LLM_PART_REASONING,
                                       ",\"reasoning_content\":\"", out);
}


/* all parts of a type as one string; name ends with the opening quote */

static ngx_uint_t
ngx_llm_openai_write_joined(ngx_llm_choice_t *choice, ngx_llm_part_e type,
    char *name, ngx_llm_out_t *out)
{
    ngx_uint_t       n;
    ngx_llm_part_t  *part;

    n = 0;

    for (part = choice->parts; part; part = part->next) {

        if (part->type != type || part->text.len == 0) {
            continue;
        }

        if (n++ == 0) {
            ngx_llm_out_data(out, (u_char *) name, ngx_strlen(name));
        }

        ngx_llm_out_str(out, &part->text);
    }

    if (n) {
        ngx_llm_out_char(out, '"');
    }

    return n;
}


/* what must be sent back untouched: reasoning with its signatures */

static void
ngx_llm_openai_write_blocks(ngx_llm_choice_t *choice, ngx_llm_out_t *out)
{
    ngx_uint_t       n;
    ngx_llm_part_t  *part;

    n = 0;

    for (part = choice->parts; part; part = part->next) {
        if (part->type == NGX_LLM_PART_REDACTED
            || (part->type == NGX_LLM_PART_REASONING && part->signature.len))
        {
            n++;
        }
    }

    if (n == 0) {
        return;
    }

    ngx_llm_out_lit(out, ",\"thinking_blocks\":[");

    n = 0;

    for (part = choice->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_REDACTED
            && part->type != NGX_LLM_PART_REASONING)
        {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        if (part->type == NGX_LLM_PART_REDACTED) {
            ngx_llm_openai_write_redacted(out, NULL, &part->data);

        } else {
            ngx_llm_openai_write_thinking(out, NULL, &part->text,
                                          &part->signature);
        }
    }

    ngx_llm_out_char(out, ']');
}


/* nothing is kept here for a later turn: it has expired at once */

static void
ngx_llm_openai_write_audio(ngx_llm_writer_t *w, ngx_llm_choice_t *choice,
    ngx_llm_out_t *out)
{
    ngx_llm_part_t  *part;

    for (part = choice->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_AUDIO) {
            continue;
        }

        ngx_llm_out_lit(out, ",\"audio\":{\"id\":");
        ngx_llm_out_quoted(out, &part->id);
        ngx_llm_out_lit(out, ",\"expires_at\":");
        ngx_llm_out_int(out, w->created);
        ngx_llm_out_lit(out, ",\"data\":");
        ngx_llm_out_quoted(out, &part->data);
        ngx_llm_out_lit(out, ",\"transcript\":");
        ngx_llm_out_quoted(out, &part->text);
        ngx_llm_out_char(out, '}');

        return;
    }
}


static void
ngx_llm_openai_write_calls(ngx_llm_writer_t *w, ngx_llm_choice_t *choice,
    ngx_llm_out_t *out)
{
    ngx_uint_t       n;
    ngx_llm_part_t  *part;

    n = 0;

    for (part = choice->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_TOOL_CALL) {
            continue;
        }

        if (w->chat->legacy_functions) {

            /* there is room for one */

            ngx_llm_out_lit(out, ",\"function_call\":{\"name\":");
            ngx_llm_out_quoted(out, &part->name);
            ngx_llm_out_lit(out, ",\"arguments\":\"");
            ngx_llm_part_arguments(part, out);
            ngx_llm_out_lit(out, "\"}");

            return;
        }

        if (n++ == 0) {
            ngx_llm_out_lit(out, ",\"tool_calls\":[");

        } else {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_openai_write_call(part, out);
    }

    if (n) {
        ngx_llm_out_char(out, ']');
    }
}


void
ngx_llm_openai_write_call(ngx_llm_part_t *part, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "{\"id\":");
    ngx_llm_out_quoted(out, &part->id);

    if (part->custom) {
        ngx_llm_out_lit(out, ",\"type\":\"custom\",\"custom\":{\"name\":");
        ngx_llm_out_quoted(out, &part->name);
        ngx_llm_out_lit(out, ",\"input\":");
        ngx_llm_out_quoted(out, &part->text);
        ngx_llm_out_lit(out, "}}");

        return;
    }

    ngx_llm_out_lit(out, ",\"type\":\"function\",\"function\":{\"name\":");
    ngx_llm_out_quoted(out, &part->name);
    ngx_llm_out_lit(out, ",\"arguments\":\"");
    ngx_llm_part_arguments(part, out);
    ngx_llm_out_lit(out, "\"}");
    ngx_llm_openai_write_extra(&part->signature, out);
    ngx_llm_out_char(out, '}');
}
