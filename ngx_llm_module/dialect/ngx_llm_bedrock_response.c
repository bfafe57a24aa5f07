
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What comes from a provider: a whole answer, and what streams share with it.
 */


#include "ngx_llm_bedrock.h"
#include "ngx_llm_events.h"


/* counts above this are nonsense; four of them can be added */
#define NGX_LLM_BEDROCK_MAX_COUNT  ((int64_t) 1 << 60)


typedef struct {
    char              *name;
    ngx_llm_finish_e   finish;
    unsigned           broken:1;        /* there may be no answer */
} ngx_llm_bedrock_reason_t;


static ngx_int_t ngx_llm_bedrock_read_message(ngx_llm_json_t *root,
    ngx_llm_json_t *content, ngx_llm_response_t *res, ngx_llm_error_t *err);
static ngx_int_t ngx_llm_bedrock_read_block(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *block, ngx_uint_t *calls);
static ngx_int_t ngx_llm_bedrock_read_text(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_str_t *text);
static ngx_int_t ngx_llm_bedrock_read_reasoning(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *node);
static ngx_int_t ngx_llm_bedrock_read_call(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *node, ngx_uint_t *calls);
static ngx_int_t ngx_llm_bedrock_read_citations(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *content);
static ngx_uint_t ngx_llm_bedrock_cited(ngx_llm_json_t *cited,
    ngx_uint_t start);
static void ngx_llm_bedrock_read_rest(ngx_llm_json_t *root,
    ngx_llm_response_t *res, ngx_llm_choice_t *choice);
static int64_t ngx_llm_bedrock_count(ngx_llm_json_t *node, char *name);


static ngx_llm_bedrock_reason_t  ngx_llm_bedrock_reasons[] = {
    { "end_turn", NGX_LLM_FINISH_STOP, 0 },
    { "stop_sequence", NGX_LLM_FINISH_STOP, 0 },
    { "tool_use", NGX_LLM_FINISH_TOOL_CALLS, 0 },
    { "max_tokens", NGX_LLM_FINISH_LENGTH, 0 },
    { "model_context_window_exceeded", NGX_LLM_FINISH_LENGTH, 0 },
    { "content_filtered", NGX_LLM_FINISH_CONTENT_FILTER, 0 },
    { "guardrail_intervened", NGX_LLM_FINISH_CONTENT_FILTER, 0 },
    { "malformed_model_output", NGX_LLM_FINISH_STOP, 1 },
    { "malformed_tool_use", NGX_LLM_FINISH_STOP, 1 },
    { NULL, NGX_LLM_FINISH_STOP, 0 }
};


ngx_int_t
ngx_llm_bedrock_read_response(ngx_str_t *text, ngx_llm_response_t *res,
    ngx_llm_error_t *err)
{
    ngx_int_t        rc;
    ngx_llm_json_t  *content, *message, *root;

    root = ngx_llm_json_parse(res->pool, text, NULL);

    if (res->count) {
        return ngx_llm_answer_tokens(root, "inputTokens", res, err);
    }

    message = ngx_llm_json_get(ngx_llm_json_get(root, "output"), "message");
    content = ngx_llm_json_get(message, "content");

    if (content != NULL && content->type == NGX_LLM_JSON_ARRAY) {
        return ngx_llm_bedrock_read_message(root, content, res, err);
    }

    content = ngx_llm_json_get(root, "content");

    if (content != NULL && content->type == NGX_LLM_JSON_ARRAY) {

        /* Claude's own form */

        return ngx_llm_anthropic_read_response(text, res, err);
    }

    rc = ngx_llm_error(res->pool, err, 502, "server_error",
                       "invalid_response", NULL,
                       "provider sent an answer that is no message");

    err->fail = NGX_LLM_FAIL_INVALID;

    return rc;
}


static ngx_int_t
ngx_llm_bedrock_read_message(ngx_llm_json_t *root, ngx_llm_json_t *content,
    ngx_llm_response_t *res, ngx_llm_error_t *err)
{
    ngx_str_t          reason;
    ngx_uint_t         broken, calls;
    ngx_llm_json_t    *block;
    ngx_llm_choice_t  *choice;

    choice = ngx_array_push(&res->choices);
    if (choice == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(choice, sizeof(ngx_llm_choice_t));

    calls = 0;

    for (block = content->child; block; block = block->next) {

        if (ngx_llm_bedrock_read_block(res, choice, block, &calls)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_llm_bedrock_read_citations(res, choice, content) != NGX_OK) {
        return NGX_ERROR;
    }

    reason = ngx_llm_json_str(root, "stopReason");

    choice->finish = ngx_llm_bedrock_stop_reason(&reason, calls, &broken);

    if (broken && choice->parts == NULL) {
        return ngx_llm_bedrock_broken(res->pool, &reason, err);
    }

    ngx_llm_bedrock_usage(ngx_llm_json_get(root, "usage"), &res->usage);
    ngx_llm_bedrock_read_rest(root, res, choice);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_read_block(ngx_llm_response_t *res, ngx_llm_choice_t *choice,
    ngx_llm_json_t *block, ngx_uint_t *calls)
{
    ngx_str_t        text;
    ngx_llm_json_t  *node;

    text = ngx_llm_json_str(block, "text");

    if (text.data != NULL) {
        return ngx_llm_bedrock_read_text(res, choice, &text);
    }

    node = ngx_llm_json_get(block, "toolUse");

    if (node != NULL) {
        return ngx_llm_bedrock_read_call(res, choice, node, calls);
    }

    node = ngx_llm_json_get(block, "reasoningContent");

    if (node != NULL) {
        return ngx_llm_bedrock_read_reasoning(res, choice, node);
    }

    node = ngx_llm_json_get(ngx_llm_json_get(block, "citationsContent"),
                            "content");

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {

        /* pictures, results of the service's own tools, what is new */

        return NGX_OK;
    }

    for (node = node->child; node; node = node->next) {
        text = ngx_llm_json_str(node, "text");

        if (text.len
            && ngx_llm_bedrock_read_text(res, choice, &text) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_read_text(ngx_llm_response_t *res, ngx_llm_choice_t *choice,
    ngx_str_t *text)
{
    ngx_llm_part_t  *part;

    if (text->len == 0) {
        return NGX_OK;
    }

    part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                 NGX_LLM_PART_TEXT);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->text = *text;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_read_reasoning(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *node)
{
    ngx_str_t        data, text;
    ngx_llm_json_t  *reasoning;
    ngx_llm_part_t  *part;

    data = ngx_llm_json_str(node, "redactedContent");

    if (data.len) {

        part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                     NGX_LLM_PART_REDACTED);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->data = data;

        return NGX_OK;
    }

    reasoning = ngx_llm_json_get(node, "reasoningText");
    text = ngx_llm_json_str(reasoning, "text");

    if (text.data == NULL) {
        return NGX_OK;
    }

    part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                 NGX_LLM_PART_REASONING);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->text = text;
    part->signature = ngx_llm_json_str(reasoning, "signature");

    return NGX_OK;
}


static ngx_int_t
ngx_llm_bedrock_read_call(ngx_llm_response_t *res, ngx_llm_choice_t *choice,
    ngx_llm_json_t *node, ngx_uint_t *calls)
{
    ngx_str_t        id, name, type;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *input;
    ngx_llm_part_t  *part;

    id = ngx_llm_json_str(node, "toolUseId");
    name = ngx_llm_json_str(node, "name");
    type = ngx_llm_json_str(node, "type");
    input = ngx_llm_json_get(node, "input");

    if (name.len == 0 || id.len == 0
        || ngx_llm_json_is(&type, "server_tool_use"))
    {
        return NGX_OK;
    }

    if (ngx_llm_json_is(&name, NGX_LLM_BEDROCK_JSON_TOOL)) {

        /* the call is the answer itself */

        if (input == NULL || input->type != NGX_LLM_JSON_OBJECT) {
            return NGX_OK;
        }

        ngx_llm_out_init(&out, res->pool, NULL, 0, input->raw.len * 6);
        ngx_llm_out_escape_raw(&out, &input->raw);

        if (out.failed) {
            return NGX_ERROR;
        }

        name.data = out.start;
        name.len = ngx_llm_out_len(&out);

        return ngx_llm_bedrock_read_text(res, choice, &name);
    }

    part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                 NGX_LLM_PART_TOOL_CALL);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->id = id;
    part->name = ngx_llm_bedrock_real_name(res->pool, res->chat, &name);

    if (input != NULL && input->type == NGX_LLM_JSON_OBJECT) {
        part->input = input->raw;

    } else {
        ngx_str_set(&part->input, "{}");
    }

    *calls += 1;

    return NGX_OK;
}


/* their places are counted in the whole text */

static ngx_int_t
ngx_llm_bedrock_read_citations(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *content)
{
    ngx_str_t        text;
    ngx_uint_t       end, start;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *block, *cited, *citation;

    start = 0;

    ngx_llm_out_init(&out, res->pool, NULL, 0, NGX_MAX_INT32_VALUE);

    for (block = content->child; block; block = block->next) {

        text = ngx_llm_json_str(block, "text");
        start += ngx_llm_anthropic_count(&text);

        cited = ngx_llm_json_get(block, "citationsContent");

        if (cited == NULL) {
            continue;
        }

        end = ngx_llm_bedrock_cited(cited, start);

        citation = ngx_llm_json_get(cited, "citations");
        citation = (citation != NULL && citation->type == NGX_LLM_JSON_ARRAY)
                   ? citation->child : NULL;

        for ( /* void */ ; citation; citation = citation->next) {
            ngx_llm_bedrock_write_citation(citation, start, end, &out);
        }

        start = end;
    }

    if (ngx_llm_out_len(&out)) {
        ngx_llm_out_char(&out, ']');

        choice->annotations.data = out.start;
        choice->annotations.len = ngx_llm_out_len(&out);
    }

    return out.failed ? NGX_ERROR : NGX_OK;
}


static ngx_uint_t
ngx_llm_bedrock_cited(ngx_llm_json_t *cited, ngx_uint_t start)
{
    ngx_str_t        text;
    ngx_llm_json_t  *node;

    node = ngx_llm_json_get(cited, "content");

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        return start;
    }

    for (node = node->child; node; node = node->next) {
        text = ngx_llm_json_str(node, "text");
        start += ngx_llm_anthropic_count(&text);
    }

    return start;
}


void
ngx_llm_bedrock_write_citation(ngx_llm_json_t *citation, ngx_uint_t start,
    ngx_uint_t end, ngx_llm_out_t *out)
{
    ngx_str_t        title, url;
    ngx_llm_json_t  *web;

    web = ngx_llm_json_get(ngx_llm_json_get(citation, "location"), "web");

    url = ngx_llm_json_str(web, "url");

    if (url.len == 0) {
        return;
    }

    title = ngx_llm_json_str(citation, "title");

    if (title.len == 0) {
        title = ngx_llm_json_str(web, "domain");
    }

    ngx_llm_out_char(out, ngx_llm_out_len(out) ? ',' : '[');

    ngx_llm_out_lit(out, "{\"type\":\"url_citation\",\"url_citation\":"
                         "{\"url\":");
    ngx_llm_out_quoted(out, &url);
    ngx_llm_out_lit(out, ",\"title\":");
    ngx_llm_out_quoted(out, &title);
    ngx_llm_out_lit(out, ",\"start_index\":");
    ngx_llm_out_int(out, (int64_t) start);
    ngx_llm_out_lit(out, ",\"end_index\":");
    ngx_llm_out_int(out, (int64_t) end);
    ngx_llm_out_lit(out, "}}");
}


/* what few answers have */

static void
ngx_llm_bedrock_read_rest(ngx_llm_json_t *root, ngx_llm_response_t *res,
    ngx_llm_choice_t *choice)
{
    ngx_llm_json_t  *node;

    node = ngx_llm_json_get(ngx_llm_json_get(root, "trace"), "promptRouter");
    res->model = ngx_llm_json_str(node, "invokedModelId");

    node = ngx_llm_json_get(root, "serviceTier");
    res->service_tier = ngx_llm_json_str(node, "type");

    node = ngx_llm_json_get(root, "additionalModelResponseFields");
    choice->stop_sequence = ngx_llm_json_str(node, "stop_sequence");
}


ngx_llm_finish_e
ngx_llm_bedrock_stop_reason(ngx_str_t *reason, ngx_uint_t calls,
    ngx_uint_t *broken)
{
    ngx_llm_bedrock_reason_t  *r;

    for (r = ngx_llm_bedrock_reasons; r->name; r++) {
        if (ngx_llm_json_is(reason, r->name)) {
            break;
        }
    }

    *broken = r->broken;

    /* some models say "end_turn" with calls, or call the JSON tool */

    if (r->finish == NGX_LLM_FINISH_STOP && calls) {
        return NGX_LLM_FINISH_TOOL_CALLS;
    }

    if (r->finish == NGX_LLM_FINISH_TOOL_CALLS && calls == 0) {
        return NGX_LLM_FINISH_STOP;
    }

    return r->finish;
}


ngx_int_t
ngx_llm_bedrock_broken(ngx_pool_t *pool, ngx_str_t *reason,
    ngx_llm_error_t *err)
{
    ngx_int_t  rc;

    rc = ngx_llm_error(pool, err, 502, "server_error", "invalid_response",
                       NULL, "provider ended the answer with \"%V\"", reason);

    err->fail = NGX_LLM_FAIL_SERVER_ERROR;

    return rc;
}


void
ngx_llm_bedrock_usage(ngx_llm_json_t *node, ngx_llm_usage_t *usage)
{
    ngx_str_t        ttl;
    ngx_llm_json_t  *detail;

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        return;
    }

    usage->cached = ngx_llm_bedrock_count(node, "cacheReadInputTokens");
    usage->cache_write = ngx_llm_bedrock_count(node, "cacheWriteInputTokens");
    usage->cache_write_1h = 0;

    usage->prompt = ngx_llm_bedrock_count(node, "inputTokens")
                    + usage->cached + usage->cache_write;
    usage->completion = ngx_llm_bedrock_count(node, "outputTokens");
    usage->reasoning = 0;

    detail = ngx_llm_json_get(node, "cacheDetails");
    detail = (detail != NULL && detail->type == NGX_LLM_JSON_ARRAY)
             ? detail->child : NULL;

    for ( /* void */ ; detail; detail = detail->next) {
        ttl = ngx_llm_json_str(detail, "ttl");

        if (ngx_llm_json_is(&ttl, "1h")) {
            usage->cache_write_1h = ngx_llm_bedrock_count(detail,
                                                          "inputTokens");
        }
    }

    usage->cache_write_1h = ngx_min(usage->cache_write_1h,
                                    usage->cache_write);
    usage->reported = 1;
}


static int64_t
ngx_llm_bedrock_count(ngx_llm_json_t *node, char *name)
{
    int64_t  n;

    n = ngx_llm_json_count(node, name, 0);

    return ngx_min(n, NGX_LLM_BEDROCK_MAX_COUNT);
}
