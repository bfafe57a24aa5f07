
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Whole answers for clients of Anthropic's Messages API, and what streams
 * share with them.
 */


#include "ngx_llm_anthropic_client.h"


#define NGX_LLM_ANTHROPIC_MAX_ID  64


static ngx_uint_t ngx_llm_anthropic_write_part(ngx_llm_writer_t *w,
    ngx_llm_part_t *part, ngx_uint_t n, ngx_llm_out_t *out);
static void ngx_llm_anthropic_write_input(ngx_llm_writer_t *w,
    ngx_llm_part_t *part, ngx_llm_out_t *out);
static void ngx_llm_anthropic_write_id(ngx_llm_writer_t *w, ngx_str_t *id,
    ngx_llm_out_t *out);
static void ngx_llm_anthropic_write_safe(ngx_str_t *plain,
    ngx_llm_out_t *out);
static void ngx_llm_anthropic_write_tier(ngx_str_t *tier,
    ngx_llm_out_t *out);


void
ngx_llm_anthropic_write_response(ngx_llm_writer_t *w, ngx_llm_response_t *res,
    ngx_llm_out_t *out)
{
    ngx_uint_t         n, ntools, refused;
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice, none;

    if (res->count) {
        ngx_llm_out_lit(out, "{\"input_tokens\":");
        ngx_llm_out_int(out, ngx_max(res->usage.prompt, 0));
        ngx_llm_out_char(out, '}');
        return;
    }

    if (res->choices.nelts) {
        choice = res->choices.elts;

    } else {
        ngx_memzero(&none, sizeof(ngx_llm_choice_t));
        choice = &none;
    }

    ngx_llm_anthropic_write_head(w, &res->id, &res->model, out);

    n = 0;
    ntools = 0;
    refused = 0;

    for (part = choice->parts; part; part = part->next) {

        if (ngx_llm_anthropic_write_part(w, part, n, out)) {
            n++;
            ntools += (part->type == NGX_LLM_PART_TOOL_CALL);
            refused |= (part->type == NGX_LLM_PART_REFUSAL);
        }
    }

    ngx_llm_out_lit(out, "],");
    ngx_llm_anthropic_write_stop(choice->finish, &choice->stop_sequence,
                                 ntools, refused, out);
    ngx_llm_out_lit(out, ",\"container\":null,\"usage\":{");
    ngx_llm_anthropic_write_counts(&res->usage, out);
    ngx_llm_anthropic_write_thinking_count(&res->usage, out);
    ngx_llm_price_write(&res->usage, out);
    ngx_llm_out_lit(out, ",\"server_tool_use\":null,\"service_tier\":");
    ngx_llm_anthropic_write_tier(&res->service_tier, out);
    ngx_llm_out_lit(out, ",\"inference_geo\":null}}");
}


/* a block with the comma that it needs; 0: this part is none */

static ngx_uint_t
ngx_llm_anthropic_write_part(ngx_llm_writer_t *w, ngx_llm_part_t *part,
    ngx_uint_t n, ngx_llm_out_t *out)
{
    switch (part->type) {

    case NGX_LLM_PART_TEXT:
    case NGX_LLM_PART_REFUSAL:
    case NGX_LLM_PART_REASONING:

        if (part->text.len == 0 && part->signature.len == 0) {
            return 0;
        }

        break;

    case NGX_LLM_PART_REDACTED:
    case NGX_LLM_PART_TOOL_CALL:
        break;

    default:
        return 0;
    }

    if (n) {
        ngx_llm_out_char(out, ',');
    }

    switch (part->type) {

    case NGX_LLM_PART_REASONING:
        ngx_llm_out_lit(out, "{\"type\":\"thinking\",\"thinking\":");
        ngx_llm_out_quoted(out, &part->text);
        ngx_llm_out_lit(out, ",\"signature\":");
        ngx_llm_out_quoted(out, &part->signature);
        break;

    case NGX_LLM_PART_REDACTED:
        ngx_llm_out_lit(out, "{\"type\":\"redacted_thinking\",\"data\":");
        ngx_llm_out_quoted(out, &part->data);
        break;

    case NGX_LLM_PART_TOOL_CALL:
        ngx_llm_out_lit(out, "{\"type\":\"tool_use\",\"id\":");
        ngx_llm_anthropic_write_tool_id(w, &part->id, n, out);
        ngx_llm_out_lit(out, ",\"name\":");
        ngx_llm_out_quoted(out, &part->name);
        ngx_llm_out_lit(out, ",\"input\":");
        ngx_llm_anthropic_write_input(w, part, out);
        ngx_llm_out_lit(out, ",\"caller\":{\"type\":\"direct\"}");
        break;

    default: /* NGX_LLM_PART_TEXT, NGX_LLM_PART_REFUSAL */
        ngx_llm_out_lit(out, "{\"type\":\"text\",\"text\":");
        ngx_llm_out_quoted(out, &part->text);
        ngx_llm_out_lit(out, ",\"citations\":null");
    }

    ngx_llm_out_char(out, '}');

    return 1;
}


/* a custom tool's text travels as the object that stands for it elsewhere */

static void
ngx_llm_anthropic_write_input(ngx_llm_writer_t *w, ngx_llm_part_t *part,
    ngx_llm_out_t *out)
{
    ngx_int_t  rc;
    ngx_str_t  raw;

    if (part->custom) {
        ngx_llm_out_lit(out, "{\"input\":");
        ngx_llm_out_quoted(out, &part->text);
        ngx_llm_out_char(out, '}');
        return;
    }

    rc = ngx_llm_part_input(w->pool, part, &raw);

    if (rc == NGX_OK) {
        ngx_llm_out_str(out, &raw);
        return;
    }

    if (rc == NGX_ERROR) {
        out->failed = 1;
        return;
    }

    /* rc == NGX_DECLINED */

    ngx_llm_out_lit(out, "{}");
}


/* a message up to the first block of its content */

void
ngx_llm_anthropic_write_head(ngx_llm_writer_t *w, ngx_str_t *id,
    ngx_str_t *model, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "{\"id\":");
    ngx_llm_anthropic_write_id(w, id, out);
    ngx_llm_out_lit(out, ",\"type\":\"message\",\"role\":\"assistant\","
                         "\"model\":");

    if (w->model.len) {
        ngx_llm_out_json_string(out, &w->model);

    } else {
        ngx_llm_out_quoted(out, model);
    }

    ngx_llm_out_lit(out, ",\"content\":[");
}


static void
ngx_llm_anthropic_write_id(ngx_llm_writer_t *w, ngx_str_t *id,
    ngx_llm_out_t *out)
{
    if (id->len > 4 && ngx_memcmp(id->data, "msg_", 4) == 0) {
        ngx_llm_out_quoted(out, id);
        return;
    }

    ngx_llm_out_char(out, '"');

    if (w->id.len < 4 || ngx_memcmp(w->id.data, "msg_", 4) != 0) {
        ngx_llm_out_lit(out, "msg_");
    }

    ngx_llm_anthropic_write_safe(&w->id, out);
    ngx_llm_out_char(out, '"');
}


void
ngx_llm_anthropic_write_tool_id(ngx_llm_writer_t *w, ngx_str_t *id,
    ngx_uint_t n, ngx_llm_out_t *out)
{
    if (id->len) {
        ngx_llm_out_quoted(out, id);
        return;
    }

    ngx_llm_out_lit(out, "\"toolu_");
    ngx_llm_anthropic_write_safe(&w->id, out);
    ngx_llm_out_char(out, '_');
    ngx_llm_out_int(out, n);
    ngx_llm_out_char(out, '"');
}


/* what may stand in an id */

static void
ngx_llm_anthropic_write_safe(ngx_str_t *plain, ngx_llm_out_t *out)
{
    u_char  c;
    size_t  i, len;

    len = ngx_min(plain->len, NGX_LLM_ANTHROPIC_MAX_ID);

    for (i = 0; i < len; i++) {
        c = plain->data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-' || c == '_')
        {
            ngx_llm_out_char(out, c);
        }
    }
}


void
ngx_llm_anthropic_write_stop(ngx_llm_finish_e finish, ngx_str_t *stop_sequence,
    ngx_uint_t ntools, ngx_uint_t refused, ngx_llm_out_t *out)
{
    char       *word;
    ngx_str_t   reason;

    switch (finish) {

    case NGX_LLM_FINISH_LENGTH:
        word = "max_tokens";
        break;

    case NGX_LLM_FINISH_CONTENT_FILTER:
        word = "refusal";
        break;

    case NGX_LLM_FINISH_PAUSE:
        word = "pause_turn";
        break;

    default:

        /* many servers say "stop" after calls, and some call nothing */

        if (stop_sequence->data) {
            word = "stop_sequence";

        } else if (ntools) {
            word = "tool_use";

        } else if (refused) {
            word = "refusal";

        } else {
            word = "end_turn";
        }
    }

    reason.data = (u_char *) word;
    reason.len = ngx_strlen(word);

    ngx_llm_out_lit(out, "\"stop_reason\":");
    ngx_llm_out_quoted(out, &reason);
    ngx_llm_out_lit(out, ",\"stop_sequence\":");

    if (stop_sequence->data) {
        ngx_llm_out_quoted(out, stop_sequence);

    } else {
        ngx_llm_out_lit(out, "null");
    }

    ngx_llm_out_lit(out, ",\"stop_details\":null");
}


/* this API counts a prompt's cached tokens beside the others */

void
ngx_llm_anthropic_write_counts(ngx_llm_usage_t *usage, ngx_llm_out_t *out)
{
    int64_t  input, read, write, write_1h, output;

    read = ngx_max(usage->cached, 0);
    write = ngx_max(usage->cache_write, 0);
    write_1h = ngx_max(usage->cache_write_1h, 0);
    write_1h = ngx_min(write_1h, write);
    output = ngx_max(usage->completion, 0);

    input = ngx_max(usage->prompt, 0);
    input -= ngx_min(read, input);
    input -= ngx_min(write, input);

    ngx_llm_out_lit(out, "\"input_tokens\":");
    ngx_llm_out_int(out, input);
    ngx_llm_out_lit(out, ",\"cache_creation_input_tokens\":");
    ngx_llm_out_int(out, write);
    ngx_llm_out_lit(out, ",\"cache_read_input_tokens\":");
    ngx_llm_out_int(out, read);
    ngx_llm_out_lit(out, ",\"cache_creation\":{"
                         "\"ephemeral_5m_input_tokens\":");
    ngx_llm_out_int(out, write - write_1h);
    ngx_llm_out_lit(out, ",\"ephemeral_1h_input_tokens\":");
    ngx_llm_out_int(out, write_1h);
    ngx_llm_out_lit(out, "},\"output_tokens\":");
    ngx_llm_out_int(out, output);
}


void
ngx_llm_anthropic_write_thinking_count(ngx_llm_usage_t *usage,
    ngx_llm_out_t *out)
{
    if (usage->reasoning < 0) {
        return;
    }

    ngx_llm_out_lit(out, ",\"output_tokens_details\":{\"thinking_tokens\":");
    ngx_llm_out_int(out, usage->reasoning);
    ngx_llm_out_char(out, '}');
}


static void
ngx_llm_anthropic_write_tier(ngx_str_t *tier, ngx_llm_out_t *out)
{
    if (tier->len == 0) {
        ngx_llm_out_lit(out, "null");

    } else if (ngx_llm_json_is(tier, "priority")) {
        ngx_llm_out_lit(out, "\"priority\"");

    } else {
        ngx_llm_out_lit(out, "\"standard\"");
    }
}
