
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Embeddings as OpenAI has them, of clients and of providers.
 */


#include "ngx_llm_calls.h"
#include "ngx_llm_openai.h"


static ngx_int_t ngx_llm_openai_embed_input(ngx_llm_embed_t *embed,
    ngx_llm_json_t *input, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_openai_embed_element(ngx_llm_embed_t *embed,
    ngx_llm_json_t *node, ngx_llm_error_t *err);
static ngx_uint_t ngx_llm_openai_embed_tokens(ngx_llm_json_t *node);
static ngx_int_t ngx_llm_openai_embed_params(ngx_llm_embed_t *embed,
    ngx_llm_error_t *err);
static ngx_int_t ngx_llm_openai_embed_parts(ngx_llm_embed_t *embed);
static ngx_int_t ngx_llm_openai_embed_write(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_openai_embed_edit(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_array_t *edits, ngx_llm_error_t *err);


const ngx_llm_embed_dialect_t  ngx_llm_openai_embed = {
    NGX_LLM_EMBED_MAX,
    NULL,
    0,
    1,
    ngx_llm_openai_embed_write,
    ngx_llm_openai_embed_edit,
    NULL,
    ngx_null_string,
    ngx_llm_openai_embed_read
};


ngx_int_t
ngx_llm_openai_read_embed(ngx_llm_embed_t *embed, ngx_llm_error_t *err)
{
    ngx_int_t        rc;
    ngx_llm_chat_t  *chat;
    ngx_llm_json_t  *input;

    chat = embed->chat;

    rc = ngx_llm_openai_read_call(chat, 1, err);
    if (rc != NGX_OK) {
        return rc;
    }

    chat->stream = 0;
    chat->max_tokens = 0;

    input = ngx_llm_json_set(chat->root, "input");

    if (input == NULL) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "input", "\"input\" is required");
    }

    rc = ngx_llm_openai_embed_input(embed, input, err);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_openai_embed_params(embed, err);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_llm_openai_embed_parts(embed);
}


/* a text, texts, token ids, or lists of them */

static ngx_int_t
ngx_llm_openai_embed_input(ngx_llm_embed_t *embed, ngx_llm_json_t *input,
    ngx_llm_error_t *err)
{
    ngx_int_t        rc;
    ngx_llm_json_t  *node;

    embed->input = input;
    embed->first = input;
    embed->n = 1;

    if (input->type != NGX_LLM_JSON_ARRAY) {
        return ngx_llm_openai_embed_element(embed, input, err);
    }

    if (input->child && input->child->type == NGX_LLM_JSON_NUMBER) {
        embed->tokens = 1;
        return ngx_llm_openai_embed_element(embed, input, err);
    }

    embed->first = input->child;
    embed->n = 0;

    embed->tokens = (input->child
                     && input->child->type == NGX_LLM_JSON_ARRAY);

    for (node = input->child; node; node = node->next) {

        rc = ngx_llm_openai_embed_element(embed, node, err);
        if (rc != NGX_OK) {
            return rc;
        }

        embed->n++;
    }

    if (embed->n == 0 || embed->n > NGX_LLM_EMBED_MAX) {
        return ngx_llm_error(embed->chat->pool, err, 400,
                             "invalid_request_error", NULL, "input",
                             "\"input\" must have 1 to %d elements",
                             NGX_LLM_EMBED_MAX);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_embed_element(ngx_llm_embed_t *embed, ngx_llm_json_t *node,
    ngx_llm_error_t *err)
{
    ngx_str_t  text;

    if (embed->tokens) {

        if (ngx_llm_openai_embed_tokens(node)) {
            return NGX_OK;
        }

        return ngx_llm_error(embed->chat->pool, err, 400,
                             "invalid_request_error", NULL, "input",
                             "an element of \"input\" is no list of token "
                             "ids");
    }

    if (node->type != NGX_LLM_JSON_STRING) {
        return ngx_llm_error(embed->chat->pool, err, 400,
                             "invalid_request_error", NULL, "input",
                             "\"input\" must be a string, a list of strings, "
                             "or token ids");
    }

    text = ngx_llm_json_text(node);

    if (text.len == 0) {
        return ngx_llm_error(embed->chat->pool, err, 400,
                             "invalid_request_error", NULL, "input",
                             "\"input\" must have no empty string");
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_openai_embed_tokens(ngx_llm_json_t *node)
{
    int64_t  n;

    if (node->type != NGX_LLM_JSON_ARRAY || node->child == NULL) {
        return 0;
    }

    for (node = node->child; node; node = node->next) {
        if (ngx_llm_json_int(node, &n) != NGX_OK || n < 0) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_llm_openai_embed_params(ngx_llm_embed_t *embed, ngx_llm_error_t *err)
{
    ngx_str_t        text;
    ngx_llm_chat_t  *chat;
    ngx_llm_json_t  *node;

    chat = embed->chat;

    node = ngx_llm_json_set(chat->root, "dimensions");

    if (node && (ngx_llm_json_int(node, &embed->dimensions) != NGX_OK
                 || embed->dimensions < 1))
    {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "dimensions",
                             "\"dimensions\" must be an integer above 0");
    }

    node = ngx_llm_json_set(chat->root, "encoding_format");

    if (node) {
        text = (node->type == NGX_LLM_JSON_STRING) ? ngx_llm_json_text(node)
                                                   : node->raw;

        if (ngx_llm_json_is(&text, "base64")) {
            embed->base64 = 1;

        } else if (!ngx_llm_json_is(&text, "float")) {
            return ngx_llm_error(chat->pool, err, 400,
                                 "invalid_request_error", NULL,
                                 "encoding_format",
                                 "\"encoding_format\" must be \"float\" or "
                                 "\"base64\"");
        }
    }

    node = ngx_llm_json_set(chat->root, "input_type");

    if (node == NULL) {
        return NGX_OK;
    }

    if (node->type != NGX_LLM_JSON_STRING) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, "input_type",
                             "\"input_type\" must be a string");
    }

    text = ngx_llm_json_text(node);
    embed->input_type = ngx_llm_json_plain(chat->pool, &text);

    return embed->input_type.data ? NGX_OK : NGX_ERROR;
}


/* the inputs as a prompt, which estimates and variables know */

static ngx_int_t
ngx_llm_openai_embed_parts(ngx_llm_embed_t *embed)
{
    ngx_uint_t          i;
    ngx_llm_json_t     *node;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *message;

    message = ngx_llm_chat_add_message(embed->chat, NGX_LLM_ROLE_USER, NULL);
    if (message == NULL) {
        return NGX_ERROR;
    }

    node = embed->first;

    for (i = 0; i < embed->n; i++) {

        part = ngx_llm_chat_add_part(embed->chat->pool, &message->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = embed->tokens ? node->raw : ngx_llm_json_text(node);

        node = node->next;
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_openai_write_embed(ngx_llm_embed_t *embed,
    ngx_llm_embed_answer_t *answer, ngx_llm_usage_t *usage,
    ngx_llm_out_t *out)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    ngx_llm_out_lit(out, "{\"object\":\"list\",\"data\":[");

    for (i = 0; i < answer->n; i++) {

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_lit(out, "{\"object\":\"embedding\",\"index\":");
        ngx_llm_out_int(out, i);
        ngx_llm_out_lit(out, ",\"embedding\":");

        rc = ngx_llm_vector_write(&answer->vectors[i], embed->base64, out);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_llm_out_char(out, '}');
    }

    ngx_llm_out_lit(out, "],\"model\":");
    ngx_llm_out_json_string(out, &embed->chat->model);
    ngx_llm_out_lit(out, ",\"usage\":{\"prompt_tokens\":");
    ngx_llm_out_int(out, ngx_max(usage->prompt, 0));
    ngx_llm_out_lit(out, ",\"total_tokens\":");
    ngx_llm_out_int(out, ngx_max(usage->prompt, 0));
    ngx_llm_out_lit(out, "}}");

    return out->failed ? NGX_ERROR : NGX_OK;
}


void
ngx_llm_embed_texts(ngx_llm_embed_t *embed, ngx_str_t *before,
    ngx_str_t *after, ngx_llm_out_t *out)
{
    ngx_str_t        text;
    ngx_uint_t       i;
    ngx_llm_json_t  *node;

    node = embed->first;

    for (i = 0; i < embed->n; i++) {

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        text = ngx_llm_json_text(node);

        ngx_llm_out_str(out, before);
        ngx_llm_out_quoted(out, &text);
        ngx_llm_out_str(out, after);

        node = node->next;
    }
}


void
ngx_llm_embed_list(ngx_llm_embed_t *embed, ngx_llm_out_t *out)
{
    ngx_str_t  none;

    ngx_str_null(&none);

    ngx_llm_out_char(out, '[');
    ngx_llm_embed_texts(embed, &none, &none, out);
    ngx_llm_out_char(out, ']');
}


ngx_int_t
ngx_llm_embed_written(ngx_llm_embed_t *embed, ngx_llm_out_t *out)
{
    ngx_str_t  name;

    if (embed->input_type.len) {
        ngx_str_set(&name, "input_type");

        if (ngx_llm_params_dropped(embed->chat, &name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return out->failed ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_llm_embed_check(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_uint_t dimensions, ngx_llm_error_t *err)
{
    ngx_str_t        name;
    ngx_uint_t       i;
    ngx_llm_chat_t  *chat;
    ngx_llm_json_t  *node;

    static char  *known[] = {
        "model", "input", "encoding_format", "dimensions", "input_type", NULL
    };

    chat = embed->chat;

    if (embed->tokens) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             "unsupported_parameter", "input",
                             "the provider \"%V\" takes texts, not token ids",
                             &target->provider);
    }

    if (embed->dimensions && !dimensions
        && (target->drop & ngx_llm_param_bit(NGX_LLM_PARAM_DIMENSIONS)))
    {
        ngx_str_set(&name, "dimensions");

        if (ngx_llm_params_dropped(chat, &name) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (embed->dimensions && !dimensions) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             "unsupported_parameter", "dimensions",
                             "the provider \"%V\" has no \"dimensions\" for "
                             "this model", &target->provider);
    }

    for (node = chat->root->child; node; node = node->next) {

        if (node->type == NGX_LLM_JSON_NULL) {
            continue;
        }

        for (i = 0; known[i]; i++) {
            if (node->key.len == ngx_strlen(known[i])
                && ngx_memcmp(node->key.data, known[i], node->key.len) == 0)
            {
                break;
            }
        }

        if (known[i] == NULL
            && ngx_llm_params_dropped(chat, &node->key) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* only for a client of another dialect, of which there is none yet */

static ngx_int_t
ngx_llm_openai_embed_write(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_llm_out_t *out, ngx_llm_error_t *err)
{
    ngx_str_t        none;
    ngx_uint_t       i;
    ngx_llm_json_t  *node;

    ngx_str_null(&none);

    ngx_llm_out_lit(out, "{\"model\":");
    ngx_llm_out_json_string(out, &target->model);
    ngx_llm_out_lit(out, ",\"input\":[");

    if (embed->tokens) {
        node = embed->first;

        for (i = 0; i < embed->n; i++) {
            if (i) {
                ngx_llm_out_char(out, ',');
            }

            ngx_llm_out_str(out, &node->raw);
            node = node->next;
        }

    } else {
        ngx_llm_embed_texts(embed, &none, &none, out);
    }

    ngx_llm_out_char(out, ']');

    if (embed->dimensions) {
        ngx_llm_out_lit(out, ",\"dimensions\":");
        ngx_llm_out_int(out, embed->dimensions);
    }

    if (embed->base64) {
        ngx_llm_out_lit(out, ",\"encoding_format\":\"base64\"");
    }

    ngx_llm_out_char(out, '}');

    return out->failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_llm_openai_embed_edit(ngx_llm_embed_t *embed, ngx_llm_target_t *target,
    ngx_array_t *edits, ngx_llm_error_t *err)
{
    return ngx_llm_call_edit(embed->chat, target, ngx_llm_embed_params, 1,
                             edits);
}


ngx_int_t
ngx_llm_openai_embed_read(ngx_llm_json_t *root, ngx_llm_embed_t *embed,
    ngx_llm_embed_answer_t *answer, ngx_llm_error_t *err)
{
    int64_t          i, n;
    ngx_llm_json_t  *node, *index;

    node = ngx_llm_json_set(root, "data");

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        return NGX_DECLINED;
    }

    i = 0;

    for (node = node->child; node; node = node->next, i++) {

        index = ngx_llm_json_set(node, "index");
        n = i;

        if (index && ngx_llm_json_int(index, &n) != NGX_OK) {
            return NGX_DECLINED;
        }

        if (ngx_llm_embed_put(answer, ngx_llm_json_get(node, "embedding"), n)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    answer->model = ngx_llm_json_str(root, "model");

    ngx_llm_usage_init(&answer->usage);
    ngx_llm_openai_relay_usage(0, ngx_llm_json_get(root, "usage"),
                               &answer->usage);

    return NGX_OK;
}
