
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A whole answer, and what it shares with a stream.
 */


#include "ngx_llm_cohere.h"


static ngx_int_t ngx_llm_cohere_read_message(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *message,
    ngx_llm_cohere_places_t *places, ngx_uint_t *calls);
static ngx_int_t ngx_llm_cohere_add(ngx_pool_t *pool,
    ngx_llm_choice_t *choice, ngx_llm_part_e type, ngx_str_t *text);
static ngx_int_t ngx_llm_cohere_read_content(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *content,
    ngx_llm_cohere_places_t *places);
static ngx_int_t ngx_llm_cohere_read_calls(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *list, ngx_uint_t *calls);
static ngx_int_t ngx_llm_cohere_logprob(ngx_pool_t *pool,
    ngx_llm_json_t *item, ngx_uint_t *n, ngx_llm_out_t *out);
static ngx_uint_t ngx_llm_cohere_citation(ngx_llm_cohere_places_t *places,
    ngx_llm_json_t *citation, ngx_uint_t n, ngx_llm_out_t *out);
static ngx_llm_json_t *ngx_llm_cohere_source(ngx_llm_json_t *source);


ngx_int_t
ngx_llm_cohere_read_response(ngx_str_t *text, ngx_llm_response_t *res,
    ngx_llm_error_t *err)
{
    ngx_str_t                 reason, words;
    ngx_uint_t                broken, calls;
    ngx_llm_json_t           *message, *node, *root;
    ngx_llm_choice_t         *choice;
    ngx_llm_cohere_places_t   places;

    root = ngx_llm_json_parse(res->pool, text, NULL);

    if (root == NULL) {
        return ngx_llm_answer_invalid(res->pool, err,
                                      "an answer that is not valid JSON");
    }

    message = ngx_llm_json_get(root, "message");
    reason = ngx_llm_json_str(root, "finish_reason");

    (void) ngx_llm_cohere_finish(&reason, 0, &broken);

    if (broken) {
        words = ngx_llm_json_str(root, "error");
        return ngx_llm_cohere_broken(res->pool, &reason, &words, err);
    }

    if (message == NULL || message->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_answer_invalid(res->pool, err,
                                      "an answer without a message");
    }

    res->id = ngx_llm_json_str(root, "id");

    choice = ngx_array_push(&res->choices);
    if (choice == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(choice, sizeof(ngx_llm_choice_t));
    ngx_memzero(&places, sizeof(ngx_llm_cohere_places_t));

    calls = 0;

    if (ngx_llm_cohere_read_message(res, choice, message, &places, &calls)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    choice->finish = ngx_llm_cohere_finish(&reason, calls, &broken);

    if (choice->finish == NGX_LLM_FINISH_NONE) {
        choice->finish = calls ? NGX_LLM_FINISH_TOOL_CALLS
                               : NGX_LLM_FINISH_STOP;
    }

    node = ngx_llm_json_get(root, "logprobs");

    if (ngx_llm_cohere_logprobs(res->pool, node, &choice->logprobs) != NGX_OK)
    {
        return NGX_ERROR;
    }

    node = ngx_llm_json_get(message, "citations");

    if (ngx_llm_cohere_citations(res->pool, &places, node,
                                 &choice->annotations)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_cohere_usage(ngx_llm_json_get(root, "usage"), &res->usage);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_read_message(ngx_llm_response_t *res, ngx_llm_choice_t *choice,
    ngx_llm_json_t *message, ngx_llm_cohere_places_t *places,
    ngx_uint_t *calls)
{
    ngx_str_t        text;
    ngx_llm_json_t  *node;

    /* it comes before the calls, and goes back as what it is */

    text = ngx_llm_json_str(message, "tool_plan");
    places->chars += ngx_llm_answer_chars(&text);

    if (ngx_llm_cohere_add(res->pool, choice, NGX_LLM_PART_TEXT, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    node = ngx_llm_json_set(message, "content");

    if (node && ngx_llm_cohere_read_content(res, choice, node, places)
                != NGX_OK)
    {
        return NGX_ERROR;
    }

    node = ngx_llm_json_get(message, "tool_calls");

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    return ngx_llm_cohere_read_calls(res, choice, node, calls);
}


static ngx_int_t
ngx_llm_cohere_add(ngx_pool_t *pool, ngx_llm_choice_t *choice,
    ngx_llm_part_e type, ngx_str_t *text)
{
    ngx_llm_part_t  *part;

    if (text->len == 0) {
        return NGX_OK;
    }

    part = ngx_llm_chat_add_part(pool, &choice->parts, type);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->text = *text;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_read_content(ngx_llm_response_t *res, ngx_llm_choice_t *choice,
    ngx_llm_json_t *content, ngx_llm_cohere_places_t *places)
{
    int64_t          block;
    ngx_str_t        text;
    ngx_llm_json_t  *item;

    if (content->type == NGX_LLM_JSON_STRING) {
        text = ngx_llm_json_text(content);
        return ngx_llm_cohere_add(res->pool, choice, NGX_LLM_PART_TEXT, &text);
    }

    if (content->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    block = 0;

    for (item = content->child; item; item = item->next) {

        text = ngx_llm_json_str(item, "thinking");

        if (ngx_llm_cohere_add(res->pool, choice, NGX_LLM_PART_REASONING,
                               &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        text = ngx_llm_json_str(item, "text");

        ngx_llm_cohere_place(places, block++);
        places->chars += ngx_llm_answer_chars(&text);

        if (ngx_llm_cohere_add(res->pool, choice, NGX_LLM_PART_TEXT, &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_cohere_read_calls(ngx_llm_response_t *res, ngx_llm_choice_t *choice,
    ngx_llm_json_t *list, ngx_uint_t *calls)
{
    ngx_str_t        name;
    ngx_llm_json_t  *function, *item, *value;
    ngx_llm_part_t  *part;

    for (item = list->child; item; item = item->next) {

        function = ngx_llm_json_get(item, "function");
        name = ngx_llm_json_str(function, "name");

        if (name.len == 0 || *calls == NGX_LLM_MAX_CALLS) {
            continue;
        }

        part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                     NGX_LLM_PART_TOOL_CALL);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->name = name;
        part->id = ngx_llm_json_str(item, "id");

        if (part->id.len == 0
            && ngx_llm_answer_id(res->pool, ngx_llm_answer_hash(&res->id),
                                 *calls, &part->id)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        value = ngx_llm_json_get(function, "arguments");

        if (value && value->type == NGX_LLM_JSON_OBJECT) {
            part->input = value->raw;

        } else if (value && value->type == NGX_LLM_JSON_STRING) {
            part->arguments = ngx_llm_json_text(value);
        }

        /* a call without arguments may have "null" */

        if (part->input.len == 0
            && (part->arguments.len == 0
                || ngx_llm_json_is(&part->arguments, "null")))
        {
            ngx_str_set(&part->arguments, "{}");
        }

        *calls += 1;
    }

    return NGX_OK;
}


ngx_llm_finish_e
ngx_llm_cohere_finish(ngx_str_t *reason, ngx_uint_t calls, ngx_uint_t *broken)
{
    *broken = 0;

    if (reason->len == 0) {
        return NGX_LLM_FINISH_NONE;
    }

    if (ngx_llm_json_is(reason, "MAX_TOKENS")) {
        return NGX_LLM_FINISH_LENGTH;
    }

    if (ngx_llm_json_is(reason, "TOOL_CALL")) {
        return NGX_LLM_FINISH_TOOL_CALLS;
    }

    if (ngx_llm_json_is(reason, "ERROR_TOXIC")) {
        return NGX_LLM_FINISH_CONTENT_FILTER;
    }

    if (ngx_llm_json_is(reason, "ERROR")
        || ngx_llm_json_is(reason, "ERROR_LIMIT")
        || ngx_llm_json_is(reason, "TIMEOUT"))
    {
        *broken = 1;
        return NGX_LLM_FINISH_NONE;
    }

    return calls ? NGX_LLM_FINISH_TOOL_CALLS : NGX_LLM_FINISH_STOP;
}


ngx_int_t
ngx_llm_cohere_broken(ngx_pool_t *pool, ngx_str_t *reason, ngx_str_t *message,
    ngx_llm_error_t *err)
{
    ngx_int_t  rc;

    rc = ngx_llm_error(pool, err, 502, "server_error", NULL, NULL,
                       "provider ended its answer with \"%V\"", reason);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    ngx_llm_error_status(err, ngx_llm_json_is(reason, "TIMEOUT") ? 504 : 500);
    ngx_llm_cohere_error_text(err, message);

    if (message->len
        && ngx_llm_answer_message(pool, message, &err->message) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


/* what is billed leaves out the template, and is the lesser choice */

void
ngx_llm_cohere_usage(ngx_llm_json_t *node, ngx_llm_usage_t *usage)
{
    ngx_llm_json_t  *billed, *tokens;

    tokens = ngx_llm_json_get(node, "tokens");
    billed = ngx_llm_json_get(node, "billed_units");

    usage->prompt = ngx_llm_answer_count(tokens, "input_tokens");

    if (usage->prompt < 0) {
        usage->prompt = ngx_llm_answer_count(billed, "input_tokens");
    }

    usage->completion = ngx_llm_answer_count(tokens, "output_tokens");

    if (usage->completion < 0) {
        usage->completion = ngx_llm_answer_count(billed, "output_tokens");
    }

    if (usage->prompt < 0 && usage->completion < 0) {
        return;
    }

    usage->prompt = ngx_max(usage->prompt, 0);
    usage->completion = ngx_max(usage->completion, 0);

    usage->cached = ngx_llm_answer_count(node, "cached_tokens");
    usage->cached = ngx_min(usage->cached, usage->prompt);

    usage->reported = 1;
}


ngx_int_t
ngx_llm_cohere_logprobs(ngx_pool_t *pool, ngx_llm_json_t *node, ngx_str_t *raw)
{
    ngx_uint_t      n;
    ngx_llm_out_t   out;

    ngx_str_null(raw);

    if (node == NULL) {
        return NGX_OK;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_MAX_INT32_VALUE);
    ngx_llm_out_lit(&out, "{\"content\":[");

    n = 0;

    if (node->type == NGX_LLM_JSON_ARRAY) {

        for (node = node->child; node; node = node->next) {
            if (ngx_llm_cohere_logprob(pool, node, &n, &out) != NGX_OK) {
                return NGX_ERROR;
            }
        }

    } else if (ngx_llm_cohere_logprob(pool, node, &n, &out) != NGX_OK) {
        return NGX_ERROR;
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_llm_out_lit(&out, "],\"refusal\":null}");

    if (out.failed) {
        return NGX_ERROR;
    }

    raw->data = out.start;
    raw->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


/* an entry has one text for its tokens: their probabilities are added up */

static ngx_int_t
ngx_llm_cohere_logprob(ngx_pool_t *pool, ngx_llm_json_t *item, ngx_uint_t *n,
    ngx_llm_out_t *out)
{
    int64_t          sum, value;
    ngx_str_t        raw, text;
    ngx_llm_json_t  *list;
    u_char           buf[NGX_INT64_LEN + 8];

    text = ngx_llm_json_str(item, "text");
    list = ngx_llm_json_get(item, "logprobs");

    if (list == NULL || list->type != NGX_LLM_JSON_ARRAY
        || list->child == NULL || list->child->type != NGX_LLM_JSON_NUMBER)
    {
        return NGX_OK;
    }

    if (list->child->next == NULL) {
        raw = list->child->raw;

    } else {
        sum = 0;

        for (list = list->child; list; list = list->next) {

            if (ngx_llm_json_decimal(list, &value) != NGX_OK) {
                continue;
            }

            value = ngx_max(value, -NGX_LLM_MAX_COUNT);
            sum = ngx_max(sum + ngx_min(value, 0), -NGX_LLM_MAX_COUNT);
        }

        sum = -sum;

        raw.data = buf;
        raw.len = ngx_sprintf(buf, "%s%L.%06L", sum ? "-" : "",
                              sum / NGX_LLM_JSON_ONE,
                              sum % NGX_LLM_JSON_ONE)
                  - buf;
    }

    if ((*n)++) {
        ngx_llm_out_char(out, ',');
    }

    if (ngx_llm_answer_token(pool, &text, &raw, out) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_llm_out_lit(out, ",\"top_logprobs\":[]}");

    return NGX_OK;
}


void
ngx_llm_cohere_place(ngx_llm_cohere_places_t *places, int64_t block)
{
    if (block >= 0 && block < NGX_LLM_COHERE_MAX_BLOCKS) {
        places->start[block] = places->chars;
    }
}


ngx_int_t
ngx_llm_cohere_citations(ngx_pool_t *pool, ngx_llm_cohere_places_t *places,
    ngx_llm_json_t *node, ngx_str_t *raw)
{
    ngx_uint_t     n;
    ngx_llm_out_t  out;

    ngx_str_null(raw);

    if (node == NULL) {
        return NGX_OK;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_MAX_INT32_VALUE);
    ngx_llm_out_char(&out, '[');

    n = 0;

    if (node->type == NGX_LLM_JSON_ARRAY) {

        for (node = node->child; node; node = node->next) {
            n = ngx_llm_cohere_citation(places, node, n, &out);
        }

    } else {
        n = ngx_llm_cohere_citation(places, node, n, &out);
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_llm_out_char(&out, ']');

    if (out.failed) {
        return NGX_ERROR;
    }

    raw->data = out.start;
    raw->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


/* one for each of its sources that has an url; n as of schemas' members */

static ngx_uint_t
ngx_llm_cohere_citation(ngx_llm_cohere_places_t *places,
    ngx_llm_json_t *citation, ngx_uint_t n, ngx_llm_out_t *out)
{
    int64_t          block, end, start;
    ngx_str_t        title, type, url;
    ngx_llm_json_t  *source;

    type = ngx_llm_json_str(citation, "type");

    if (ngx_llm_json_is(&type, "THINKING_CONTENT")) {

        /* it is about what is not in the text */

        return n;
    }

    block = ngx_llm_json_count(citation, "content_index", 0);
    start = ngx_llm_answer_count(citation, "start");
    end = ngx_llm_answer_count(citation, "end");

    if (start < 0 || end < start || block >= NGX_LLM_COHERE_MAX_BLOCKS) {
        return n;
    }

    if (!ngx_llm_json_is(&type, "PLAN")) {
        start += places->start[block];
        end += places->start[block];
    }

    source = ngx_llm_json_get(citation, "sources");

    if (source == NULL || source->type != NGX_LLM_JSON_ARRAY) {
        return n;
    }

    for (source = source->child; source; source = source->next) {

        url = ngx_llm_json_str(ngx_llm_cohere_source(source), "url");

        if (url.len == 0) {
            continue;
        }

        title = ngx_llm_json_str(ngx_llm_cohere_source(source), "title");

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_lit(out, "{\"type\":\"url_citation\",\"url_citation\":"
                             "{\"url\":");
        ngx_llm_out_quoted(out, &url);
        ngx_llm_out_lit(out, ",\"title\":");
        ngx_llm_out_quoted(out, &title);
        ngx_llm_out_lit(out, ",\"start_index\":");
        ngx_llm_out_int(out, start);
        ngx_llm_out_lit(out, ",\"end_index\":");
        ngx_llm_out_int(out, end);
        ngx_llm_out_lit(out, "}}");
    }

    return n;
}


static ngx_llm_json_t *
ngx_llm_cohere_source(ngx_llm_json_t *source)
{
    ngx_llm_json_t  *data, *node;

    node = ngx_llm_json_get(source, "document");

    if (node == NULL) {
        node = ngx_llm_json_get(source, "tool_output");
    }

    data = ngx_llm_json_get(node, "data");

    return (data && data->type == NGX_LLM_JSON_OBJECT) ? data : node;
}
