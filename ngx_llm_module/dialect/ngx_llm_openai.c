
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_openai.h"
#include "ngx_llm_calls.h"


typedef struct {
    char              *word;
    ngx_llm_finish_e   finish;
} ngx_llm_openai_finish_word_t;


static void ngx_llm_openai_write_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_openai_write_headers(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_openai_write_key(ngx_llm_target_t *target,
    ngx_llm_out_t *out);
static ngx_uint_t ngx_llm_openai_token(ngx_str_t *key);
static ngx_int_t ngx_llm_openai_thinking_blocks(ngx_pool_t *pool,
    ngx_llm_json_t *list, ngx_llm_part_t **parts);


const ngx_llm_dialect_t  ngx_llm_openai = {
    ngx_string("openai"),
    NGX_LLM_DIALECT_SSE,
    sizeof(ngx_llm_openai_reader_t),
    sizeof(ngx_llm_openai_writer_t),
    ngx_string("/v1"),

    ngx_llm_openai_read_request,
    ngx_llm_openai_write_response,
    ngx_llm_openai_write_event,
    ngx_llm_openai_write_error,
    ngx_llm_openai_write_stream_error,

    ngx_llm_openai_write_request,
    ngx_llm_openai_edit_request,
    ngx_llm_openai_write_path,
    ngx_llm_openai_write_headers,
    ngx_llm_openai_read_response,
    ngx_llm_openai_read_frame,
    ngx_llm_openai_read_end,
    ngx_llm_openai_read_error,

    NULL,
    ngx_null_string,
    NULL,

    &ngx_llm_openai_embed,
    &ngx_llm_openai_relay,
    NULL
};


/* other servers have words of their own */

static const ngx_llm_openai_finish_word_t  ngx_llm_openai_finish_words[] = {
    { "stop",                         NGX_LLM_FINISH_STOP },
    { "length",                       NGX_LLM_FINISH_LENGTH },
    { "tool_calls",                   NGX_LLM_FINISH_TOOL_CALLS },
    { "content_filter",               NGX_LLM_FINISH_CONTENT_FILTER },
    { "function_call",                NGX_LLM_FINISH_TOOL_CALLS },
    { "max_tokens",                   NGX_LLM_FINISH_LENGTH },
    { "model_length",                 NGX_LLM_FINISH_LENGTH },
    { "tool_use",                     NGX_LLM_FINISH_TOOL_CALLS },
    { "safety",                       NGX_LLM_FINISH_CONTENT_FILTER },
    { "sensitive",                    NGX_LLM_FINISH_CONTENT_FILTER },
    { "refusal",                      NGX_LLM_FINISH_CONTENT_FILTER },
    { "recitation",                   NGX_LLM_FINISH_CONTENT_FILTER },

    /* the answer was cut, for want of machines */
    { "insufficient_system_resource", NGX_LLM_FINISH_LENGTH },
    { "abort",                        NGX_LLM_FINISH_LENGTH },
    { "time_limit",                   NGX_LLM_FINISH_LENGTH },
    { "cancelled",                    NGX_LLM_FINISH_LENGTH },

    { NULL,                           NGX_LLM_FINISH_NONE }
};


static ngx_str_t  ngx_llm_openai_function_call = ngx_string("function_call");
static ngx_str_t  ngx_llm_openai_stop = ngx_string("stop");


static void
ngx_llm_openai_write_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    if (target->quirks && target->quirks->write_path) {
        target->quirks->write_path(chat, target, out);
        return;
    }

    ngx_llm_out_str(out, &target->base);
    ngx_llm_openai_write_tail(target, out);
}


void
ngx_llm_openai_write_tail(ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    if (target->path.len) {
        ngx_llm_out_str(out, &target->path);
        return;
    }

    ngx_llm_out_lit(out, "/chat/completions");
}


static void
ngx_llm_openai_write_headers(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_str_t                      value;
    const ngx_llm_quirk_header_t  *header;

    ngx_llm_out_lit(out, "content-type: application/json" CRLF);

    if (chat->stream) {
        ngx_llm_out_lit(out, "accept: text/event-stream" CRLF);

    } else {
        ngx_llm_out_lit(out, "accept: application/json" CRLF);
    }

    header = target->quirks ? target->quirks->headers : NULL;

    for ( /* void */ ; header && header->name; header++) {
        value = header->value;
        ngx_llm_out_header(out, header->name, &value);
    }

    ngx_llm_openai_write_key(target, out);
}


static void
ngx_llm_openai_write_key(ngx_llm_target_t *target, ngx_llm_out_t *out)
{
    ngx_llm_target_t  bearer;

    if (target->key_header == NULL
        && ngx_llm_quirk(target, NGX_LLM_QUIRK_BEARER_TOKEN)
        && ngx_llm_openai_token(&target->key))
    {
        bearer = *target;
        bearer.quirks = NULL;
        target = &bearer;
    }

    ngx_llm_out_key(out, target, "authorization", "Bearer ");
}


/* a JSON web token: the first of its three parts is an object in base64 */

static ngx_uint_t
ngx_llm_openai_token(ngx_str_t *key)
{
    size_t      i;
    ngx_uint_t  dots;

    if (key->len < 3 || ngx_strncmp(key->data, "eyJ", 3) != 0) {
        return 0;
    }

    dots = 0;

    for (i = 0; i < key->len; i++) {
        dots += (key->data[i] == '.');
    }

    return (dots == 2);
}


ngx_llm_finish_e
ngx_llm_openai_finish(ngx_llm_json_t *node)
{
    ngx_str_t  word;

    if (node == NULL || node->type == NGX_LLM_JSON_NULL) {
        return NGX_LLM_FINISH_NONE;
    }

    if (node->type != NGX_LLM_JSON_STRING) {
        return NGX_LLM_FINISH_STOP;
    }

    word = ngx_llm_json_text(node);

    return ngx_llm_openai_finish_of(&word);
}


ngx_llm_finish_e
ngx_llm_openai_finish_of(ngx_str_t *word)
{
    const ngx_llm_openai_finish_word_t  *w;

    if (word->len == 0) {
        return NGX_LLM_FINISH_NONE;
    }

    for (w = ngx_llm_openai_finish_words; w->word; w++) {
        if (ngx_llm_json_is(word, w->word)) {
            return w->finish;
        }
    }

    return NGX_LLM_FINISH_STOP;
}


ngx_int_t
ngx_llm_openai_broken(ngx_pool_t *pool, ngx_llm_json_t *choice,
    ngx_llm_error_t *err)
{
    ngx_int_t  rc;
    ngx_str_t  word;

    word = ngx_llm_json_str(choice, "finish_reason");

    if (!ngx_llm_json_is(&word, "error")) {
        return NGX_OK;
    }

    if (ngx_llm_openai_error_member(choice)) {
        ngx_llm_openai_error_node(pool, 200, choice, err);
        return NGX_DECLINED;
    }

    rc = ngx_llm_error(pool, err, 502, "server_error", NULL, NULL,
                       "provider ended its answer with an error");

    err->fail = NGX_LLM_FAIL_SERVER_ERROR;

    return rc;
}


ngx_str_t *
ngx_llm_openai_finish_word(ngx_llm_chat_t *chat, ngx_llm_finish_e finish)
{
    if (finish == NGX_LLM_FINISH_TOOL_CALLS && chat->legacy_functions) {
        return &ngx_llm_openai_function_call;
    }

    if (finish == NGX_LLM_FINISH_NONE) {
        return &ngx_llm_openai_stop;
    }

    return ngx_llm_finish_name(finish);
}


void
ngx_llm_openai_write_usage(ngx_llm_usage_t *usage, ngx_llm_out_t *out)
{
    int64_t  prompt, completion;

    prompt = ngx_max(usage->prompt, 0);
    completion = ngx_max(usage->completion, 0);

    ngx_llm_out_lit(out, "{\"prompt_tokens\":");
    ngx_llm_out_int(out, prompt);
    ngx_llm_out_lit(out, ",\"completion_tokens\":");
    ngx_llm_out_int(out, completion);
    ngx_llm_out_lit(out, ",\"total_tokens\":");
    ngx_llm_out_int(out, prompt + completion);

    ngx_llm_out_lit(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    ngx_llm_out_int(out, ngx_max(usage->cached, 0));

    if (usage->cache_write >= 0) {
        ngx_llm_out_lit(out, ",\"cache_write_tokens\":");
        ngx_llm_out_int(out, usage->cache_write);
    }

    if (usage->audio_prompt >= 0) {
        ngx_llm_out_lit(out, ",\"audio_tokens\":");
        ngx_llm_out_int(out, usage->audio_prompt);
    }

    ngx_llm_out_lit(out, "},\"completion_tokens_details\":"
                         "{\"reasoning_tokens\":");
    ngx_llm_out_int(out, ngx_max(usage->reasoning, 0));

    if (usage->audio_completion >= 0) {
        ngx_llm_out_lit(out, ",\"audio_tokens\":");
        ngx_llm_out_int(out, usage->audio_completion);
    }

    ngx_llm_out_char(out, '}');
    ngx_llm_price_write(usage, out);
    ngx_llm_out_char(out, '}');
}


ngx_int_t
ngx_llm_openai_reasoning(ngx_pool_t *pool, ngx_llm_json_t *message,
    ngx_llm_part_t **parts)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    ngx_uint_t       n;
    ngx_llm_json_t  *list, *node;
    ngx_llm_part_t  *part;

    n = 0;

    list = ngx_llm_json_get(message, "thinking_blocks");

    if (list && list->type == NGX_LLM_JSON_ARRAY) {

        rc = ngx_llm_openai_thinking_blocks(pool, list, parts);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    list = ngx_llm_json_get(message, "reasoning_details");

    if (list && list->type == NGX_LLM_JSON_ARRAY) {

        for (node = list->child; node; node = node->next) {

            rc = ngx_llm_openai_detail(pool, node, parts);

            if (rc == NGX_ERROR) {
                return NGX_ERROR;
            }

            n += (rc == NGX_OK);
        }

        if (n) {
            return NGX_OK;
        }
    }

    text = ngx_llm_json_str(message, "reasoning_content");

    if (text.len == 0) {
        text = ngx_llm_json_str(message, "reasoning");
    }

    if (text.len == 0) {
        return NGX_OK;
    }

    part = ngx_llm_chat_add_part(pool, parts, NGX_LLM_PART_REASONING);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->text = text;

    return NGX_OK;
}


/*
 * A client that kept the pieces of a stream sends them one after another: what
 * stands before a signature is one text.
 */

static ngx_int_t
ngx_llm_openai_thinking_blocks(ngx_pool_t *pool, ngx_llm_json_t *list,
    ngx_llm_part_t **parts)
{
    ngx_int_t        rc;
    ngx_uint_t       n;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *node;
    ngx_llm_part_t  *found, *part, *last;

    n = 0;
    last = NULL;

    for (node = list->child; node; node = node->next) {

        found = NULL;
        rc = ngx_llm_openai_thinking(pool, node, &found);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        n += (rc == NGX_OK);

        while (found) {
            part = found;
            found = part->next;

            if (last && last->type == NGX_LLM_PART_REASONING
                && part->type == NGX_LLM_PART_REASONING
                && last->signature.len == 0)
            {
                if (last->node) {
                    last->node = NULL;

                    ngx_llm_out_init(&out, pool, NULL, 0, NGX_MAX_INT32_VALUE);
                    ngx_llm_out_str(&out, &last->text);
                }

                ngx_llm_out_str(&out, &part->text);

                if (out.failed) {
                    return NGX_ERROR;
                }

                last->text.data = out.start;
                last->text.len = ngx_llm_out_len(&out);
                last->signature = part->signature;

                if (last->text.data == NULL) {
                    ngx_str_set(&last->text, "");
                }

                continue;
            }

            while (*parts) {
                parts = &(*parts)->next;
            }

            part->next = NULL;
            part->last = part;
            *parts = part;
            last = part;
        }
    }

    return n ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_llm_openai_thinking(ngx_pool_t *pool, ngx_llm_json_t *block,
    ngx_llm_part_t **parts)
{
    ngx_str_t        type, text;
    ngx_llm_json_t  *list, *node;
    ngx_llm_part_t  *part;

    type = ngx_llm_json_str(block, "type");

    if (ngx_llm_json_is(&type, "redacted_thinking")) {

        text = ngx_llm_json_str(block, "data");

        if (text.len == 0) {
            return NGX_DECLINED;
        }

        part = ngx_llm_chat_add_part(pool, parts, NGX_LLM_PART_REDACTED);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->data = text;
        part->node = block;

        return NGX_OK;
    }

    if (!ngx_llm_json_is(&type, "thinking")) {
        return NGX_DECLINED;
    }

    list = ngx_llm_json_get(block, "thinking");

    if (list && list->type == NGX_LLM_JSON_ARRAY) {

        /* Mistral: a list of text parts */

        for (node = list->child; node; node = node->next) {

            text = ngx_llm_json_str(node, "text");

            if (text.len == 0) {
                continue;
            }

            part = ngx_llm_chat_add_part(pool, parts, NGX_LLM_PART_REASONING);
            if (part == NULL) {
                return NGX_ERROR;
            }

            part->text = text;
            part->node = block;
        }

        return NGX_OK;
    }

    part = ngx_llm_chat_add_part(pool, parts, NGX_LLM_PART_REASONING);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->text = ngx_llm_json_str(block, "thinking");
    part->node = block;

    if (part->text.data == NULL) {
        ngx_str_set(&part->text, "");
    }

    text = ngx_llm_json_str(block, "signature");

    if (text.len) {
        part->signature = text;
    }

    return NGX_OK;
}


/* OpenRouter's form; what is sealed for others than Anthropic is of no use */

ngx_int_t
ngx_llm_openai_detail(ngx_pool_t *pool, ngx_llm_json_t *detail,
    ngx_llm_part_t **parts)
{
    ngx_str_t        type, text, format;
    ngx_llm_part_t  *part;

    type = ngx_llm_json_str(detail, "type");

    if (ngx_llm_json_is(&type, "reasoning.encrypted")) {

        text = ngx_llm_json_str(detail, "data");
        format = ngx_llm_json_str(detail, "format");

        if (text.len == 0
            || (format.len
                && (format.len < sizeof("anthropic") - 1
                    || ngx_strncmp(format.data, "anthropic",
                                   sizeof("anthropic") - 1)
                       != 0)))
        {
            return NGX_DECLINED;
        }

        part = ngx_llm_chat_add_part(pool, parts, NGX_LLM_PART_REDACTED);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->data = text;
        part->node = detail;

        return NGX_OK;
    }

    if (ngx_llm_json_is(&type, "reasoning.text")) {
        text = ngx_llm_json_str(detail, "text");

    } else if (ngx_llm_json_is(&type, "reasoning.summary")) {
        text = ngx_llm_json_str(detail, "summary");

    } else {
        return NGX_DECLINED;
    }

    part = ngx_llm_chat_add_part(pool, parts, NGX_LLM_PART_REASONING);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->text = text;
    part->node = detail;

    if (part->text.data == NULL) {
        ngx_str_set(&part->text, "");
    }

    text = ngx_llm_json_str(detail, "signature");

    if (text.len) {
        part->signature = text;
    }

    return NGX_OK;
}


void
ngx_llm_openai_write_extra(ngx_str_t *signature, ngx_llm_out_t *out)
{
    if (signature->len == 0) {
        return;
    }

    ngx_llm_out_lit(out, ",\"extra_content\":{\"google\":"
                         "{\"thought_signature\":");
    ngx_llm_out_quoted(out, signature);
    ngx_llm_out_lit(out, "}}");
}


void
ngx_llm_openai_write_thinking(ngx_llm_out_t *out, ngx_uint_t *index,
    ngx_str_t *text, ngx_str_t *signature)
{
    ngx_llm_out_char(out, '{');

    if (index) {
        ngx_llm_out_lit(out, "\"index\":");
        ngx_llm_out_int(out, *index);
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_lit(out, "\"type\":\"thinking\",\"thinking\":");
    ngx_llm_out_quoted(out, text);

    if (signature->data) {
        ngx_llm_out_lit(out, ",\"signature\":");
        ngx_llm_out_quoted(out, signature);
    }

    ngx_llm_out_char(out, '}');
}


void
ngx_llm_openai_write_redacted(ngx_llm_out_t *out, ngx_uint_t *index,
    ngx_str_t *data)
{
    ngx_llm_out_char(out, '{');

    if (index) {
        ngx_llm_out_lit(out, "\"index\":");
        ngx_llm_out_int(out, *index);
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_lit(out, "\"type\":\"redacted_thinking\",\"data\":");
    ngx_llm_out_quoted(out, data);
    ngx_llm_out_char(out, '}');
}
