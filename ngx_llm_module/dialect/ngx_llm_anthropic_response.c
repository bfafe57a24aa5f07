
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What comes from a provider: a whole answer, and what streams share with it.
 */


#include "ngx_llm_anthropic.h"
#include "ngx_llm_events.h"


static ngx_int_t ngx_llm_anthropic_read_content(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *content);
static ngx_int_t ngx_llm_anthropic_read_block(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *block, ngx_uint_t json);
static ngx_int_t ngx_llm_anthropic_read_call(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *block);
static ngx_int_t ngx_llm_anthropic_read_citations(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *content);
static void ngx_llm_anthropic_read_count(ngx_llm_json_t *node, char *name,
    int64_t *n);


ngx_int_t
ngx_llm_anthropic_read_response(ngx_str_t *text, ngx_llm_response_t *res,
    ngx_llm_error_t *err)
{
    ngx_int_t                    rc;
    ngx_str_t                    reason, tier, type;
    ngx_llm_json_t              *content, *root, *usage;
    ngx_llm_part_t              *part;
    ngx_llm_choice_t            *choice;
    ngx_llm_anthropic_reader_t   state;

    if (res->lazy && !res->count) {
        rc = ngx_llm_anthropic_plain_response(text, res);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    root = ngx_llm_json_parse(res->pool, text, NULL);

    type = ngx_llm_json_str(root, "type");

    if (ngx_llm_json_is(&type, "error")) {

        rc = ngx_llm_anthropic_error(res->pool, root, 0, err);

        if (rc != NGX_DECLINED) {
            return (rc == NGX_OK) ? NGX_DECLINED : NGX_ERROR;
        }
    }

    if (res->count) {
        return ngx_llm_answer_tokens(root, "input_tokens", res, err);
    }

    content = ngx_llm_json_get(root, "content");

    if (content == NULL || content->type != NGX_LLM_JSON_ARRAY) {
        rc = ngx_llm_error(res->pool, err, 502, "server_error",
                           "invalid_response", NULL,
                           "provider sent an answer that is no message");
        err->fail = NGX_LLM_FAIL_INVALID;

        return rc;
    }

    choice = ngx_array_push(&res->choices);
    if (choice == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(choice, sizeof(ngx_llm_choice_t));

    res->id = ngx_llm_json_str(root, "id");
    res->model = ngx_llm_json_str(root, "model");

    if (ngx_llm_anthropic_read_content(res, choice, content) != NGX_OK
        || ngx_llm_anthropic_read_citations(res, choice, content) != NGX_OK)
    {
        return NGX_ERROR;
    }

    reason = ngx_llm_json_str(root, "stop_reason");

    choice->finish = ngx_llm_anthropic_stop_reason(&reason);
    choice->stop_sequence = ngx_llm_json_str(root, "stop_sequence");

    if (choice->finish == NGX_LLM_FINISH_TOOL_CALLS) {

        /* the answer itself may have come as a call */

        for (part = choice->parts; part; part = part->next) {
            if (part->type == NGX_LLM_PART_TOOL_CALL) {
                break;
            }
        }

        if (part == NULL) {
            choice->finish = NGX_LLM_FINISH_STOP;
        }
    }

    if (choice->finish == NGX_LLM_FINISH_CONTENT_FILTER) {
        reason = ngx_llm_json_str(ngx_llm_json_get(root, "stop_details"),
                                  "explanation");

        if (reason.len) {
            part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                         NGX_LLM_PART_REFUSAL);
            if (part == NULL) {
                return NGX_ERROR;
            }

            part->text = reason;
        }
    }

    usage = ngx_llm_json_get(root, "usage");

    ngx_memzero(&state, sizeof(ngx_llm_anthropic_reader_t));

    ngx_llm_anthropic_usage(usage, &state, &res->usage);

    tier = ngx_llm_json_str(usage, "service_tier");

    ngx_llm_anthropic_tier(&tier, res);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_content(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *content)
{
    ngx_uint_t       json;
    ngx_llm_json_t  *block;

    json = 0;

    for (block = content->child; block; block = block->next) {
        if (ngx_llm_anthropic_is_json_tool(block)) {
            json = 1;
        }
    }

    for (block = content->child; block; block = block->next) {

        if (ngx_llm_anthropic_read_block(res, choice, block, json)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_block(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *block, ngx_uint_t json)
{
    ngx_str_t        text, type;
    ngx_llm_part_t  *part;

    type = ngx_llm_json_str(block, "type");

    if (ngx_llm_json_is(&type, "text")) {
        text = ngx_llm_json_str(block, "text");

        /* beside the JSON that was asked for, no text is wanted */

        if (text.len == 0 || json) {
            return NGX_OK;
        }

        part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = text;

        return NGX_OK;
    }

    if (ngx_llm_json_is(&type, "thinking")) {
        part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                     NGX_LLM_PART_REASONING);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = ngx_llm_json_str(block, "thinking");
        part->signature = ngx_llm_json_str(block, "signature");

        return NGX_OK;
    }

    if (ngx_llm_json_is(&type, "redacted_thinking")) {
        part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                     NGX_LLM_PART_REDACTED);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->data = ngx_llm_json_str(block, "data");

        return NGX_OK;
    }

    if (ngx_llm_json_is(&type, "tool_use")) {
        return ngx_llm_anthropic_read_call(res, choice, block);
    }

    /* server tools and what is not known yet */

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_call(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *block)
{
    ngx_str_t        raw;
    ngx_uint_t       json;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *input;
    ngx_llm_part_t  *part;

    json = ngx_llm_anthropic_is_json_tool(block);

    part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                 json ? NGX_LLM_PART_TEXT
                                      : NGX_LLM_PART_TOOL_CALL);
    if (part == NULL) {
        return NGX_ERROR;
    }

    input = ngx_llm_json_set(block, "input");

    if (input != NULL) {
        raw = input->raw;

    } else {
        ngx_str_set(&raw, "{}");
    }

    if (!json) {
        part->id = ngx_llm_json_str(block, "id");
        part->name = ngx_llm_json_str(block, "name");
        part->input = raw;

        return NGX_OK;
    }

    /* each byte may become an escape of six */

    ngx_llm_out_init(&out, res->pool, NULL, 0, raw.len * 6);
    ngx_llm_out_escape_raw(&out, &raw);

    if (out.failed) {
        return NGX_ERROR;
    }

    part->text.data = out.start;
    part->text.len = ngx_llm_out_len(&out);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_anthropic_read_citations(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *content)
{
    ngx_str_t        text, type;
    ngx_uint_t       n, next, start;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *block, *citation, *citations;

    n = 0;
    start = 0;

    /* an annotation is less than six times the citation */

    ngx_llm_out_init(&out, res->pool, NULL, 0, content->raw.len * 6);

    for (block = content->child; block; block = block->next) {

        type = ngx_llm_json_str(block, "type");

        if (!ngx_llm_json_is(&type, "text")) {
            continue;
        }

        text = ngx_llm_json_str(block, "text");
        next = start + ngx_llm_anthropic_count(&text);

        citations = ngx_llm_json_get(block, "citations");
        citation = NULL;

        if (citations != NULL && citations->type == NGX_LLM_JSON_ARRAY) {
            citation = citations->child;
        }

        for ( /* void */ ; citation; citation = citation->next) {

            if (!ngx_llm_anthropic_is_url(citation)) {
                continue;
            }

            ngx_llm_out_char(&out, n++ ? ',' : '[');
            ngx_llm_anthropic_citation(citation, &out);
            ngx_llm_anthropic_citation_end(&out, start, next);
        }

        start = next;
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_llm_out_char(&out, ']');

    if (out.failed) {
        return NGX_ERROR;
    }

    choice->annotations.data = out.start;
    choice->annotations.len = ngx_llm_out_len(&out);

    return NGX_OK;
}


void
ngx_llm_anthropic_tier(ngx_str_t *tier, ngx_llm_response_t *res)
{
    if (ngx_llm_json_is(tier, "standard")) {
        ngx_str_set(&res->service_tier, "default");

    } else if (ngx_llm_json_is(tier, "priority")) {
        ngx_str_set(&res->service_tier, "priority");
    }
}


ngx_llm_finish_e
ngx_llm_anthropic_stop_reason(ngx_str_t *reason)
{
    if (ngx_llm_json_is(reason, "tool_use")) {
        return NGX_LLM_FINISH_TOOL_CALLS;
    }

    if (ngx_llm_json_is(reason, "max_tokens")
        || ngx_llm_json_is(reason, "model_context_window_exceeded"))
    {
        return NGX_LLM_FINISH_LENGTH;
    }

    if (ngx_llm_json_is(reason, "refusal")) {
        return NGX_LLM_FINISH_CONTENT_FILTER;
    }

    if (ngx_llm_json_is(reason, "pause_turn")) {
        return NGX_LLM_FINISH_PAUSE;
    }

    return NGX_LLM_FINISH_STOP;
}


ngx_uint_t
ngx_llm_anthropic_is_json_tool(ngx_llm_json_t *block)
{
    ngx_str_t  name, type;

    type = ngx_llm_json_str(block, "type");
    name = ngx_llm_json_str(block, "name");

    return ngx_llm_json_is(&type, "tool_use")
           && ngx_llm_json_is(&name, NGX_LLM_ANTHROPIC_JSON_TOOL);
}


/* OpenAI has a form for these alone */

ngx_uint_t
ngx_llm_anthropic_is_url(ngx_llm_json_t *citation)
{
    ngx_str_t  type, url;

    type = ngx_llm_json_str(citation, "type");
    url = ngx_llm_json_str(citation, "url");

    return ngx_llm_json_is(&type, "web_search_result_location") && url.len;
}


/* an annotation up to its place in the text */

void
ngx_llm_anthropic_citation(ngx_llm_json_t *citation, ngx_llm_out_t *out)
{
    ngx_str_t  title, url;

    url = ngx_llm_json_str(citation, "url");
    title = ngx_llm_json_str(citation, "title");

    ngx_llm_out_lit(out, "{\"type\":\"url_citation\",\"url_citation\":"
                         "{\"url\":");
    ngx_llm_out_quoted(out, &url);
    ngx_llm_out_lit(out, ",\"title\":");
    ngx_llm_out_quoted(out, &title);
}


void
ngx_llm_anthropic_citation_end(ngx_llm_out_t *out, ngx_uint_t start,
    ngx_uint_t end)
{
    ngx_llm_out_lit(out, ",\"start_index\":");
    ngx_llm_out_int(out, (int64_t) start);
    ngx_llm_out_lit(out, ",\"end_index\":");
    ngx_llm_out_int(out, (int64_t) end);
    ngx_llm_out_lit(out, "}}");
}


void
ngx_llm_anthropic_usage(ngx_llm_json_t *node,
    ngx_llm_anthropic_reader_t *state, ngx_llm_usage_t *usage)
{
    int64_t          write_5m;
    ngx_str_t        tier;
    ngx_llm_json_t  *creation, *details;

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        return;
    }

    /* counts are totals so far: what is there replaces what was known */

    ngx_llm_anthropic_read_count(node, "input_tokens", &state->input);
    ngx_llm_anthropic_read_count(node, "output_tokens", &state->output);
    ngx_llm_anthropic_read_count(node, "cache_read_input_tokens",
                                 &state->cache_read);

    creation = ngx_llm_json_get(node, "cache_creation");

    if (creation != NULL) {
        write_5m = ngx_max(state->cache_write - state->cache_write_1h, 0);

        ngx_llm_anthropic_read_count(creation, "ephemeral_5m_input_tokens",
                                     &write_5m);
        ngx_llm_anthropic_read_count(creation, "ephemeral_1h_input_tokens",
                                     &state->cache_write_1h);

        state->cache_write = write_5m + state->cache_write_1h;
    }

    ngx_llm_anthropic_read_count(node, "cache_creation_input_tokens",
                                 &state->cache_write);

    details = ngx_llm_json_get(node, "output_tokens_details");

    ngx_llm_anthropic_read_count(details, "thinking_tokens",
                                 &state->thinking);

    tier = ngx_llm_json_str(node, "service_tier");

    ngx_llm_anthropic_totals(state, &tier, usage);
}


void
ngx_llm_anthropic_totals(ngx_llm_anthropic_reader_t *state, ngx_str_t *tier,
    ngx_llm_usage_t *usage)
{
    usage->prompt = state->input + state->cache_read + state->cache_write;
    usage->completion = state->output;
    usage->cached = state->cache_read;
    usage->cache_write = state->cache_write;
    usage->cache_write_1h = ngx_min(state->cache_write_1h,
                                    state->cache_write);
    usage->reasoning = ngx_min(state->thinking, state->output);
    usage->reported = 1;

    if (tier->len) {
        usage->service = ngx_llm_price_service(tier);
    }
}


static void
ngx_llm_anthropic_read_count(ngx_llm_json_t *node, char *name, int64_t *n)
{
    int64_t  count;

    count = ngx_llm_json_count(node, name, -1);

    if (count >= 0) {
        *n = ngx_min(count, NGX_LLM_ANTHROPIC_MAX_COUNT);
    }
}
