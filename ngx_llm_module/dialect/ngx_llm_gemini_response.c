
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What comes from a provider: a whole answer, and what streams share with it.
 */


#include "ngx_llm_gemini.h"
#include "ngx_llm_events.h"


/* counts above this are nonsense; four of them can be added */
#define NGX_LLM_GEMINI_MAX_COUNT  ((int64_t) 1 << 60)

/* of an answer's id that is used in ids of calls */
#define NGX_LLM_GEMINI_ID_LEN     32


typedef struct {
    char                 *name;
    ngx_llm_finish_e      finish;
    unsigned              broken:1;     /* there may be no answer */
} ngx_llm_gemini_reason_t;


typedef struct {
    ngx_llm_response_t       *res;
    ngx_llm_choice_t         *choice;
} ngx_llm_gemini_answer_t;


static ngx_int_t ngx_llm_gemini_read_candidate(ngx_llm_response_t *res,
    ngx_llm_json_t *candidate, ngx_llm_gemini_parts_t *parts,
    ngx_llm_error_t *err);
static ngx_int_t ngx_llm_gemini_read_citations(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *candidate);
static ngx_int_t ngx_llm_gemini_add_text(void *data, ngx_llm_event_e type,
    ngx_str_t *text, ngx_str_t *signature);
static ngx_int_t ngx_llm_gemini_add_call(void *data, ngx_str_t *id,
    ngx_str_t *name, ngx_str_t *args, ngx_str_t *signature);
static ngx_str_t ngx_llm_gemini_tier(ngx_llm_json_t *usage);

static ngx_int_t ngx_llm_gemini_read_part(ngx_llm_gemini_parts_t *parts,
    ngx_llm_json_t *part);
static ngx_int_t ngx_llm_gemini_read_call(ngx_llm_gemini_parts_t *parts,
    ngx_llm_json_t *call, ngx_str_t *signature);
static ngx_int_t ngx_llm_gemini_read_media(ngx_llm_gemini_parts_t *parts,
    ngx_llm_json_t *blob);
static ngx_int_t ngx_llm_gemini_read_code(ngx_llm_gemini_parts_t *parts,
    ngx_llm_json_t *node, char *head, char *member);

static int64_t ngx_llm_gemini_count(ngx_llm_json_t *node, char *name);
static int64_t ngx_llm_gemini_modality(ngx_llm_json_t *node, char *name,
    char *modality);
static ngx_int_t ngx_llm_gemini_write_logprob(ngx_pool_t *pool,
    ngx_llm_json_t *token, ngx_llm_out_t *out);


static ngx_llm_gemini_reason_t  ngx_llm_gemini_reasons[] = {
    { "STOP", NGX_LLM_FINISH_STOP, 0 },
    { "MAX_TOKENS", NGX_LLM_FINISH_LENGTH, 0 },

    { "SAFETY", NGX_LLM_FINISH_CONTENT_FILTER, 0 },
    { "RECITATION", NGX_LLM_FINISH_CONTENT_FILTER, 0 },
    { "LANGUAGE", NGX_LLM_FINISH_CONTENT_FILTER, 0 },
    { "BLOCKLIST", NGX_LLM_FINISH_CONTENT_FILTER, 0 },
    { "PROHIBITED_CONTENT", NGX_LLM_FINISH_CONTENT_FILTER, 0 },
    { "SPII", NGX_LLM_FINISH_CONTENT_FILTER, 0 },
    { "IMAGE_SAFETY", NGX_LLM_FINISH_CONTENT_FILTER, 0 },
    { "IMAGE_PROHIBITED_CONTENT", NGX_LLM_FINISH_CONTENT_FILTER, 0 },
    { "IMAGE_RECITATION", NGX_LLM_FINISH_CONTENT_FILTER, 0 },
    { "MODEL_ARMOR", NGX_LLM_FINISH_CONTENT_FILTER, 0 },

    { "MALFORMED_FUNCTION_CALL", NGX_LLM_FINISH_STOP, 1 },
    { "UNEXPECTED_TOOL_CALL", NGX_LLM_FINISH_STOP, 1 },
    { "TOO_MANY_TOOL_CALLS", NGX_LLM_FINISH_STOP, 1 },
    { "MALFORMED_RESPONSE", NGX_LLM_FINISH_STOP, 1 },
    { "MISSING_THOUGHT_SIGNATURE", NGX_LLM_FINISH_STOP, 1 },

    { NULL, NGX_LLM_FINISH_STOP, 0 }
};


ngx_int_t
ngx_llm_gemini_read_response(ngx_str_t *text, ngx_llm_response_t *res,
    ngx_llm_error_t *err)
{
    ngx_int_t                rc;
    ngx_llm_json_t          *candidate, *root, *usage;
    ngx_llm_gemini_parts_t   parts;

    root = ngx_llm_json_parse(res->pool, text, NULL);

    if (root != NULL) {

        rc = ngx_llm_gemini_error(res->pool, root, 0, err);

        if (rc != NGX_DECLINED) {
            return (rc == NGX_OK) ? NGX_DECLINED : NGX_ERROR;
        }
    }

    if (res->count) {
        return ngx_llm_answer_tokens(root, "totalTokens", res, err);
    }

    usage = ngx_llm_json_get(root, "usageMetadata");

    ngx_llm_gemini_usage(usage, &res->usage);
    res->service_tier = ngx_llm_gemini_tier(usage);

    candidate = ngx_llm_json_get(root, "candidates");

    if (candidate == NULL || candidate->type != NGX_LLM_JSON_ARRAY
        || candidate->child == NULL)
    {
        if (root != NULL
            && ngx_llm_gemini_blocked(res->pool, root, err) == NGX_DECLINED)
        {
            return NGX_DECLINED;
        }

        rc = ngx_llm_error(res->pool, err, 502, "server_error",
                           "invalid_response", NULL,
                           "provider sent an answer without a candidate");
        err->fail = NGX_LLM_FAIL_INVALID;

        return rc;
    }

    res->id = ngx_llm_json_str(root, "responseId");
    res->model = ngx_llm_json_str(root, "modelVersion");

    ngx_memzero(&parts, sizeof(ngx_llm_gemini_parts_t));

    parts.pool = res->pool;
    parts.id = res->id;
    parts.hash = ngx_hash_key(text->data, text->len);

    for (candidate = candidate->child; candidate; candidate = candidate->next)
    {
        if (parts.choice == NGX_LLM_GEMINI_MAX_CHOICES) {
            break;
        }

        rc = ngx_llm_gemini_read_candidate(res, candidate, &parts, err);

        if (rc != NGX_OK) {
            return rc;
        }

        parts.choice++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_read_candidate(ngx_llm_response_t *res,
    ngx_llm_json_t *candidate, ngx_llm_gemini_parts_t *parts,
    ngx_llm_error_t *err)
{
    ngx_str_t                 reason;
    ngx_uint_t                broken, ntools;
    ngx_llm_choice_t         *choice;
    ngx_llm_gemini_answer_t   answer;

    choice = ngx_array_push(&res->choices);
    if (choice == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(choice, sizeof(ngx_llm_choice_t));
    ngx_memzero(&answer, sizeof(ngx_llm_gemini_answer_t));

    answer.res = res;
    answer.choice = choice;

    ntools = 0;

    parts->ntools = &ntools;
    parts->text = ngx_llm_gemini_add_text;
    parts->call = ngx_llm_gemini_add_call;
    parts->data = &answer;

    if (ngx_llm_gemini_read_parts(parts, candidate) != NGX_OK) {
        return NGX_ERROR;
    }

    reason = ngx_llm_json_str(candidate, "finishReason");

    choice->finish = ngx_llm_gemini_finish(&reason, ntools, &broken);

    if (broken && choice->parts == NULL && parts->choice == 0) {
        return ngx_llm_gemini_broken(res->pool, candidate, &reason, err);
    }

    if (ngx_llm_gemini_logprobs(res->pool, candidate, &choice->logprobs)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_gemini_read_citations(res, choice, candidate);
}


/* the text is looked through only where there are sources to place in it */

static ngx_int_t
ngx_llm_gemini_read_citations(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *candidate)
{
    ngx_llm_part_t            *part;
    ngx_llm_gemini_offsets_t   offsets;

    if (!ngx_llm_gemini_cites(candidate)) {
        return NGX_OK;
    }

    ngx_memzero(&offsets, sizeof(ngx_llm_gemini_offsets_t));

    for (part = choice->parts; part; part = part->next) {
        if (part->type == NGX_LLM_PART_TEXT) {
            ngx_llm_gemini_offsets(&offsets, res->pool, &part->text);
        }
    }

    return ngx_llm_gemini_citations(res->pool, &offsets, candidate,
                                    &choice->annotations);
}


static ngx_int_t
ngx_llm_gemini_add_text(void *data, ngx_llm_event_e type, ngx_str_t *text,
    ngx_str_t *signature)
{
    ngx_llm_gemini_answer_t  *answer = data;

    ngx_llm_part_t  *part;

    part = ngx_llm_chat_add_part(answer->res->pool, &answer->choice->parts,
                                 type == NGX_LLM_EVENT_TEXT
                                 ? NGX_LLM_PART_TEXT
                                 : NGX_LLM_PART_REASONING);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->text = *text;

    if (type == NGX_LLM_EVENT_TEXT) {
        part->signature = *signature;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_add_call(void *data, ngx_str_t *id, ngx_str_t *name,
    ngx_str_t *args, ngx_str_t *signature)
{
    ngx_llm_gemini_answer_t  *answer = data;

    ngx_llm_part_t  *part;

    part = ngx_llm_chat_add_part(answer->res->pool, &answer->choice->parts,
                                 NGX_LLM_PART_TOOL_CALL);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->id = *id;
    part->name = *name;
    part->input = *args;
    part->signature = *signature;

    return NGX_OK;
}


/* OpenAI's word for the tier that served, or "" */

static ngx_str_t
ngx_llm_gemini_tier(ngx_llm_json_t *usage)
{
    ngx_str_t   tier;
    ngx_uint_t  i;

    static struct {
        char       *name;
        ngx_str_t   tier;
    } tiers[] = {
        { "standard", ngx_string("default") },
        { "flex", ngx_string("flex") },
        { "priority", ngx_string("priority") },
        { "ON_DEMAND", ngx_string("default") },
        { "ON_DEMAND_FLEX", ngx_string("flex") },
        { "ON_DEMAND_PRIORITY", ngx_string("priority") },
        { "PROVISIONED_THROUGHPUT", ngx_string("provisioned_throughput") },
        { NULL, ngx_null_string }
    };

    tier = ngx_llm_json_str(usage, "serviceTier");

    if (tier.len == 0) {
        tier = ngx_llm_json_str(usage, "trafficType");
    }

    for (i = 0; tiers[i].name; i++) {

        if (ngx_llm_json_is(&tier, tiers[i].name)) {
            return tiers[i].tier;
        }
    }

    ngx_str_null(&tier);

    return tier;
}


ngx_int_t
ngx_llm_gemini_read_parts(ngx_llm_gemini_parts_t *parts,
    ngx_llm_json_t *candidate)
{
    ngx_llm_json_t  *part;

    part = ngx_llm_json_get(ngx_llm_json_get(candidate, "content"), "parts");

    if (part == NULL || part->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    for (part = part->child; part; part = part->next) {

        if (ngx_llm_gemini_read_part(parts, part) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_read_part(ngx_llm_gemini_parts_t *parts, ngx_llm_json_t *part)
{
    ngx_str_t        none, signature, text;
    ngx_llm_json_t  *node;

    ngx_str_null(&none);

    signature = ngx_llm_json_str(part, "thoughtSignature");

    node = ngx_llm_json_get(part, "functionCall");

    if (node != NULL) {
        return ngx_llm_gemini_read_call(parts, node, &signature);
    }

    text = ngx_llm_json_str(part, "text");

    if (text.data != NULL) {

        if (ngx_llm_json_true(part, "thought")) {

            /* nothing is sent back of a thought, its signature neither */

            if (text.len == 0) {
                return NGX_OK;
            }

            return parts->text(parts->data, NGX_LLM_EVENT_REASONING, &text,
                               &none);
        }

        if (text.len == 0 && signature.len == 0) {
            return NGX_OK;
        }

        return parts->text(parts->data, NGX_LLM_EVENT_TEXT, &text,
                           &signature);
    }

    if (ngx_llm_json_true(part, "thought")) {

        /* pictures of a thought */

        return NGX_OK;
    }

    node = ngx_llm_json_get(part, "inlineData");

    if (node != NULL) {
        return ngx_llm_gemini_read_media(parts, node);
    }

    node = ngx_llm_json_get(part, "executableCode");

    if (node != NULL) {
        return ngx_llm_gemini_read_code(parts, node, "\\n```python\\n",
                                        "code");
    }

    node = ngx_llm_json_get(part, "codeExecutionResult");

    if (node != NULL) {
        return ngx_llm_gemini_read_code(parts, node, "\\n```\\n", "output");
    }

    /* what the provider's own tools did, and what is not known yet */

    return NGX_OK;
}


static ngx_int_t
ngx_llm_gemini_read_call(ngx_llm_gemini_parts_t *parts, ngx_llm_json_t *call,
    ngx_str_t *signature)
{
    u_char          *p;
    size_t           i;
    ngx_str_t        args, id, name;
    ngx_llm_json_t  *node;

    name = ngx_llm_json_str(call, "name");

    if (name.len == 0 || *parts->ntools == NGX_LLM_GEMINI_MAX_TOOLS) {
        return NGX_OK;
    }

    id = ngx_llm_json_str(call, "id");

    if (id.len == 0) {

        /*
         * The id of the answer makes that of a call unique; it is text
         * without escapes, or not taken.
         */

        id.data = ngx_pnalloc(parts->pool, sizeof("call___") - 1
                                           + NGX_LLM_GEMINI_ID_LEN
                                           + 2 * NGX_INT_T_LEN);
        if (id.data == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < parts->id.len; i++) {
            p = &parts->id.data[i];

            if ((*p < 'a' || *p > 'z') && (*p < 'A' || *p > 'Z')
                && (*p < '0' || *p > '9') && *p != '_' && *p != '-')
            {
                break;
            }
        }

        p = ngx_cpymem(id.data, "call_", sizeof("call_") - 1);

        if (i && i == parts->id.len && i <= NGX_LLM_GEMINI_ID_LEN) {
            p = ngx_cpymem(p, parts->id.data, i);

        } else {
            p = ngx_sprintf(p, "%016xL", (uint64_t) parts->hash);
        }

        if (parts->choice) {
            p = ngx_sprintf(p, "_%ui", parts->choice);
        }

        id.len = ngx_sprintf(p, "_%ui", *parts->ntools) - id.data;
    }

    node = ngx_llm_json_set(call, "args");

    if (node != NULL && node->type == NGX_LLM_JSON_OBJECT) {
        args = node->raw;

    } else {
        ngx_str_set(&args, "{}");
    }

    if (parts->call(parts->data, &id, &name, &args, signature) != NGX_OK) {
        return NGX_ERROR;
    }

    *parts->ntools += 1;

    return NGX_OK;
}


/* a picture is text that shows it; nobody can ask for sound */

static ngx_int_t
ngx_llm_gemini_read_media(ngx_llm_gemini_parts_t *parts, ngx_llm_json_t *blob)
{
    ngx_str_t      data, none, text, type;
    ngx_llm_out_t  out;

    type = ngx_llm_json_str(blob, "mimeType");
    data = ngx_llm_json_str(blob, "data");

    if (data.len == 0 || type.len <= sizeof("image") - 1
        || ngx_memcmp(type.data, "image", sizeof("image") - 1) != 0)
    {
        return NGX_OK;
    }

    ngx_llm_out_init(&out, parts->pool, NULL, 0,
                     type.len + data.len + sizeof("![image](data:;base64,)"));

    ngx_llm_out_lit(&out, "![image](data:");
    ngx_llm_out_str(&out, &type);
    ngx_llm_out_lit(&out, ";base64,");
    ngx_llm_out_str(&out, &data);
    ngx_llm_out_char(&out, ')');

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    ngx_str_null(&none);

    return parts->text(parts->data, NGX_LLM_EVENT_TEXT, &text, &none);
}


static ngx_int_t
ngx_llm_gemini_read_code(ngx_llm_gemini_parts_t *parts, ngx_llm_json_t *node,
    char *head, char *member)
{
    ngx_str_t      code, none, text;
    ngx_llm_out_t  out;

    code = ngx_llm_json_str(node, member);

    if (code.len == 0) {
        return NGX_OK;
    }

    ngx_llm_out_init(&out, parts->pool, NULL, 0, code.len + 64);

    ngx_llm_out_data(&out, (u_char *) head, ngx_strlen(head));
    ngx_llm_out_str(&out, &code);
    ngx_llm_out_lit(&out, "\\n```\\n");

    if (out.failed) {
        return NGX_ERROR;
    }

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    ngx_str_null(&none);

    return parts->text(parts->data, NGX_LLM_EVENT_TEXT, &text, &none);
}


ngx_llm_finish_e
ngx_llm_gemini_finish(ngx_str_t *reason, ngx_uint_t calls, ngx_uint_t *broken)
{
    ngx_llm_gemini_reason_t  *r;

    for (r = ngx_llm_gemini_reasons; r->name; r++) {
        if (ngx_llm_json_is(reason, r->name)) {
            break;
        }
    }

    *broken = r->broken;

    if (r->finish == NGX_LLM_FINISH_STOP && calls) {
        return NGX_LLM_FINISH_TOOL_CALLS;
    }

    return r->finish;
}


ngx_int_t
ngx_llm_gemini_broken(ngx_pool_t *pool, ngx_llm_json_t *candidate,
    ngx_str_t *reason, ngx_llm_error_t *err)
{
    ngx_str_t  message;

    (void) ngx_llm_error(pool, err, 502, "server_error", "invalid_response",
                         NULL, "provider ended the answer with \"%V\"",
                         reason);

    err->fail = NGX_LLM_FAIL_SERVER_ERROR;

    message = ngx_llm_json_str(candidate, "finishMessage");

    if (message.len && message.len <= NGX_LLM_MAX_ERROR_TEXT) {

        err->message.data = ngx_pstrdup(pool, &message);
        if (err->message.data == NULL) {
            return NGX_ERROR;
        }

        err->message.len = message.len;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_llm_gemini_blocked(ngx_pool_t *pool, ngx_llm_json_t *root,
    ngx_llm_error_t *err)
{
    ngx_str_t        message, reason;
    ngx_llm_json_t  *feedback;

    feedback = ngx_llm_json_get(root, "promptFeedback");
    reason = ngx_llm_json_str(feedback, "blockReason");

    if (reason.len == 0
        || ngx_llm_json_is(&reason, "BLOCK_REASON_UNSPECIFIED"))
    {
        return NGX_OK;
    }

    message = ngx_llm_json_plain(pool, &reason);

    (void) ngx_llm_error(pool, err, 400, "invalid_request_error",
                         "content_filter", NULL,
                         "provider blocked the prompt: %V", &message);

    err->fail = NGX_LLM_FAIL_CONTENT;

    return NGX_DECLINED;
}


void
ngx_llm_gemini_usage(ngx_llm_json_t *node, ngx_llm_usage_t *usage)
{
    int64_t    candidates, thoughts, total;
    ngx_str_t  tier;

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        return;
    }

    candidates = ngx_llm_gemini_count(node, "candidatesTokenCount");
    thoughts = ngx_llm_gemini_count(node, "thoughtsTokenCount");
    total = ngx_llm_gemini_count(node, "totalTokenCount");

    usage->prompt = ngx_llm_gemini_count(node, "promptTokenCount")
                    + ngx_llm_gemini_count(node, "toolUsePromptTokenCount");

    if (ngx_llm_json_get(node, "thoughtsTokenCount") == NULL
        && total > usage->prompt + candidates)
    {
        /* what is not told apart was thought */

        thoughts = total - usage->prompt - candidates;
    }

    usage->completion = candidates + thoughts;
    usage->reasoning = thoughts;

    usage->cached = ngx_min(ngx_llm_gemini_count(node,
                                                 "cachedContentTokenCount"),
                            usage->prompt);
    usage->cache_write = 0;
    usage->cache_write_1h = 0;

    usage->audio_prompt = ngx_llm_gemini_modality(node, "promptTokensDetails",
                                                  "AUDIO");
    usage->audio_completion = ngx_llm_gemini_modality(node,
                                      "candidatesTokensDetails", "AUDIO");

    tier = ngx_llm_gemini_tier(node);
    usage->service = ngx_llm_price_service(&tier);

    usage->reported = 1;
}


/* integers of 64 bits may come as strings, but these have 32 */

static int64_t
ngx_llm_gemini_count(ngx_llm_json_t *node, char *name)
{
    int64_t  n;

    n = ngx_llm_json_count(node, name, 0);

    return ngx_min(n, NGX_LLM_GEMINI_MAX_COUNT);
}


static int64_t
ngx_llm_gemini_modality(ngx_llm_json_t *node, char *name, char *modality)
{
    ngx_str_t  text;

    node = ngx_llm_json_get(node, name);

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        return -1;
    }

    for (node = node->child; node; node = node->next) {
        text = ngx_llm_json_str(node, "modality");

        if (ngx_llm_json_is(&text, modality)) {
            return ngx_llm_gemini_count(node, "tokenCount");
        }
    }

    return -1;
}


ngx_int_t
ngx_llm_gemini_logprobs(ngx_pool_t *pool, ngx_llm_json_t *candidate,
    ngx_str_t *raw)
{
    ngx_uint_t       i, n;
    ngx_llm_out_t    out;
    ngx_llm_json_t  *chosen, *result, *token, *top;

    ngx_str_null(raw);

    result = ngx_llm_json_get(candidate, "logprobsResult");
    chosen = ngx_llm_json_get(result, "chosenCandidates");
    top = ngx_llm_json_get(result, "topCandidates");

    if (chosen == NULL || chosen->type != NGX_LLM_JSON_ARRAY
        || chosen->child == NULL)
    {
        return NGX_OK;
    }

    top = (top != NULL && top->type == NGX_LLM_JSON_ARRAY) ? top->child : NULL;

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_MAX_INT32_VALUE);
    ngx_llm_out_lit(&out, "{\"content\":[");

    n = 0;

    for (chosen = chosen->child; chosen; chosen = chosen->next) {

        if (n++) {
            ngx_llm_out_char(&out, ',');
        }

        if (ngx_llm_gemini_write_logprob(pool, chosen, &out) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_llm_out_lit(&out, ",\"top_logprobs\":[");

        token = ngx_llm_json_get(top, "candidates");
        token = (token != NULL && token->type == NGX_LLM_JSON_ARRAY)
                ? token->child : NULL;

        for (i = 0; token; token = token->next, i++) {

            if (i) {
                ngx_llm_out_char(&out, ',');
            }

            if (ngx_llm_gemini_write_logprob(pool, token, &out) != NGX_OK) {
                return NGX_ERROR;
            }

            ngx_llm_out_char(&out, '}');
        }

        ngx_llm_out_lit(&out, "]}");

        top = top ? top->next : NULL;
    }

    ngx_llm_out_lit(&out, "],\"refusal\":null}");

    if (out.failed) {
        return NGX_ERROR;
    }

    raw->data = out.start;
    raw->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


/* an object without its closing brace */

static ngx_int_t
ngx_llm_gemini_write_logprob(ngx_pool_t *pool, ngx_llm_json_t *token,
    ngx_llm_out_t *out)
{
    size_t           i;
    ngx_str_t        plain, text;
    ngx_llm_json_t  *logprob;

    text = ngx_llm_json_str(token, "token");
    logprob = ngx_llm_json_get(token, "logProbability");

    ngx_llm_out_lit(out, "{\"token\":");
    ngx_llm_out_quoted(out, &text);
    ngx_llm_out_lit(out, ",\"logprob\":");

    if (logprob != NULL && logprob->type == NGX_LLM_JSON_NUMBER) {
        ngx_llm_out_str(out, &logprob->raw);

    } else {
        ngx_llm_out_char(out, '0');
    }

    ngx_llm_out_lit(out, ",\"bytes\":[");

    if (text.len) {

        plain = ngx_llm_json_plain(pool, &text);
        if (plain.data == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < plain.len; i++) {

            if (i) {
                ngx_llm_out_char(out, ',');
            }

            ngx_llm_out_int(out, plain.data[i]);
        }
    }

    ngx_llm_out_char(out, ']');

    return NGX_OK;
}
