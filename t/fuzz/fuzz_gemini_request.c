
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * An OpenAI request written for Gemini: what is written is JSON, the same each
 * time, has no member that the API does not know, and keeps what it asks of a
 * conversation.  The first byte
 * chooses the model and what may be dropped, the rest is the request.
 */


#include "fuzz_provider.h"


static void fuzz_check(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_listed(ngx_llm_json_t *node, ngx_uint_t shape);
static void fuzz_contents(ngx_llm_json_t *contents);
static void fuzz_parts(ngx_llm_json_t *parts, ngx_uint_t user,
    ngx_uint_t *results);


/* what is known where; the lists are from the published API */

typedef enum {
    FUZZ_ANY = 0,
    FUZZ_COUNT,
    FUZZ_REQUEST,
    FUZZ_CONTENT,
    FUZZ_PART,
    FUZZ_BLOB,
    FUZZ_FILE,
    FUZZ_CALL,
    FUZZ_RESULT,
    FUZZ_RESULT_PART,
    FUZZ_TOOL,
    FUZZ_FUNCTION,
    FUZZ_EMPTY,
    FUZZ_TOOL_CONFIG,
    FUZZ_CALLING,
    FUZZ_SAFETY,
    FUZZ_CONFIG,
    FUZZ_THINKING,
    FUZZ_SCHEMA,
    FUZZ_SCHEMAS
} fuzz_shape_e;


static struct {
    fuzz_shape_e   shape;
    char          *name;
    fuzz_shape_e   value;   /* or of each of an array */
} fuzz_members[] = {
    { FUZZ_COUNT, "generateContentRequest", FUZZ_REQUEST },
    { FUZZ_REQUEST, "model", FUZZ_ANY },
    { FUZZ_REQUEST, "systemInstruction", FUZZ_CONTENT },
    { FUZZ_REQUEST, "contents", FUZZ_CONTENT },
    { FUZZ_REQUEST, "tools", FUZZ_TOOL },
    { FUZZ_REQUEST, "toolConfig", FUZZ_TOOL_CONFIG },
    { FUZZ_REQUEST, "safetySettings", FUZZ_SAFETY },
    { FUZZ_REQUEST, "cachedContent", FUZZ_ANY },
    { FUZZ_REQUEST, "generationConfig", FUZZ_CONFIG },
    { FUZZ_REQUEST, "serviceTier", FUZZ_ANY },
    { FUZZ_CONTENT, "role", FUZZ_ANY },
    { FUZZ_CONTENT, "parts", FUZZ_PART },
    { FUZZ_PART, "text", FUZZ_ANY },
    { FUZZ_PART, "inlineData", FUZZ_BLOB },
    { FUZZ_PART, "fileData", FUZZ_FILE },
    { FUZZ_PART, "functionCall", FUZZ_CALL },
    { FUZZ_PART, "functionResponse", FUZZ_RESULT },
    { FUZZ_PART, "thoughtSignature", FUZZ_ANY },
    { FUZZ_BLOB, "mimeType", FUZZ_ANY },
    { FUZZ_BLOB, "data", FUZZ_ANY },
    { FUZZ_FILE, "mimeType", FUZZ_ANY },
    { FUZZ_FILE, "fileUri", FUZZ_ANY },
    { FUZZ_CALL, "id", FUZZ_ANY },
    { FUZZ_CALL, "name", FUZZ_ANY },
    { FUZZ_CALL, "args", FUZZ_ANY },
    { FUZZ_RESULT, "id", FUZZ_ANY },
    { FUZZ_RESULT, "name", FUZZ_ANY },
    { FUZZ_RESULT, "response", FUZZ_ANY },
    { FUZZ_RESULT, "parts", FUZZ_RESULT_PART },
    { FUZZ_RESULT_PART, "inlineData", FUZZ_BLOB },
    { FUZZ_TOOL, "functionDeclarations", FUZZ_FUNCTION },
    { FUZZ_TOOL, "googleSearch", FUZZ_EMPTY },
    { FUZZ_TOOL, "urlContext", FUZZ_EMPTY },
    { FUZZ_TOOL, "codeExecution", FUZZ_EMPTY },
    { FUZZ_TOOL, "googleMaps", FUZZ_EMPTY },
    { FUZZ_FUNCTION, "name", FUZZ_ANY },
    { FUZZ_FUNCTION, "description", FUZZ_ANY },
    { FUZZ_FUNCTION, "parameters", FUZZ_SCHEMA },
    { FUZZ_FUNCTION, "parametersJsonSchema", FUZZ_ANY },
    { FUZZ_TOOL_CONFIG, "functionCallingConfig", FUZZ_CALLING },
    { FUZZ_CALLING, "mode", FUZZ_ANY },
    { FUZZ_CALLING, "allowedFunctionNames", FUZZ_ANY },
    { FUZZ_SAFETY, "category", FUZZ_ANY },
    { FUZZ_SAFETY, "threshold", FUZZ_ANY },
    { FUZZ_CONFIG, "candidateCount", FUZZ_ANY },
    { FUZZ_CONFIG, "stopSequences", FUZZ_ANY },
    { FUZZ_CONFIG, "maxOutputTokens", FUZZ_ANY },
    { FUZZ_CONFIG, "temperature", FUZZ_ANY },
    { FUZZ_CONFIG, "topP", FUZZ_ANY },
    { FUZZ_CONFIG, "topK", FUZZ_ANY },
    { FUZZ_CONFIG, "seed", FUZZ_ANY },
    { FUZZ_CONFIG, "responseMimeType", FUZZ_ANY },
    { FUZZ_CONFIG, "responseSchema", FUZZ_SCHEMA },
    { FUZZ_CONFIG, "responseJsonSchema", FUZZ_ANY },
    { FUZZ_CONFIG, "presencePenalty", FUZZ_ANY },
    { FUZZ_CONFIG, "frequencyPenalty", FUZZ_ANY },
    { FUZZ_CONFIG, "responseLogprobs", FUZZ_ANY },
    { FUZZ_CONFIG, "logprobs", FUZZ_ANY },
    { FUZZ_CONFIG, "responseModalities", FUZZ_ANY },
    { FUZZ_CONFIG, "thinkingConfig", FUZZ_THINKING },
    { FUZZ_THINKING, "includeThoughts", FUZZ_ANY },
    { FUZZ_THINKING, "thinkingBudget", FUZZ_ANY },
    { FUZZ_THINKING, "thinkingLevel", FUZZ_ANY },
    { FUZZ_SCHEMA, "type", FUZZ_ANY },
    { FUZZ_SCHEMA, "format", FUZZ_ANY },
    { FUZZ_SCHEMA, "title", FUZZ_ANY },
    { FUZZ_SCHEMA, "description", FUZZ_ANY },
    { FUZZ_SCHEMA, "nullable", FUZZ_ANY },
    { FUZZ_SCHEMA, "enum", FUZZ_ANY },
    { FUZZ_SCHEMA, "items", FUZZ_SCHEMA },
    { FUZZ_SCHEMA, "minItems", FUZZ_ANY },
    { FUZZ_SCHEMA, "maxItems", FUZZ_ANY },
    { FUZZ_SCHEMA, "properties", FUZZ_SCHEMAS },
    { FUZZ_SCHEMA, "required", FUZZ_ANY },
    { FUZZ_SCHEMA, "minProperties", FUZZ_ANY },
    { FUZZ_SCHEMA, "maxProperties", FUZZ_ANY },
    { FUZZ_SCHEMA, "minimum", FUZZ_ANY },
    { FUZZ_SCHEMA, "maximum", FUZZ_ANY },
    { FUZZ_SCHEMA, "minLength", FUZZ_ANY },
    { FUZZ_SCHEMA, "maxLength", FUZZ_ANY },
    { FUZZ_SCHEMA, "pattern", FUZZ_ANY },
    { FUZZ_SCHEMA, "default", FUZZ_ANY },
    { FUZZ_SCHEMA, "anyOf", FUZZ_SCHEMA },
    { FUZZ_ANY, NULL, FUZZ_ANY }
};


static char  *fuzz_models[] = {
    "gemini-2.5-flash", "gemini-3-pro-preview", "gemini-2.0-flash",
    "gemini-2.5-pro", "gemma-3-27b-it", "gemini-3.6-flash",
    "gemini-2.5-flash-lite", "gemini-9"
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_llm_target_t          target;
    const ngx_llm_dialect_t  *client;

    if (size < 2) {
        return 0;
    }

    client = fuzz_choose(&target, fuzz_models, 8, data[0]);

    fuzz_count = (data[0] & 32) != 0;

    fuzz_request(&ngx_llm_gemini, client, &target, data + 1, size - 1,
                 fuzz_check);

    return 0;
}


static void
fuzz_check(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_llm_json_t  *calling, *root, *tools;

    root = fuzz_parse(pool, text);

    if (fuzz_count) {
        fuzz_listed(root, FUZZ_COUNT);

        root = ngx_llm_json_get(root, "generateContentRequest");
        fuzz_assert(root != NULL);
        fuzz_assert(ngx_llm_json_str(root, "model").len != 0);

    } else {
        fuzz_assert(ngx_llm_json_get(root, "model") == NULL);
    }

    fuzz_listed(root, FUZZ_REQUEST);
    fuzz_contents(ngx_llm_json_get(root, "contents"));

    tools = ngx_llm_json_get(root, "tools");
    fuzz_assert(tools == NULL || tools->child != NULL);

    calling = ngx_llm_json_get(root, "toolConfig");

    if (calling != NULL) {
        fuzz_assert(tools != NULL);
        fuzz_assert(ngx_llm_json_get(tools->child, "functionDeclarations")
                    != NULL);
    }
}


static void
fuzz_listed(ngx_llm_json_t *node, ngx_uint_t shape)
{
    size_t           i;
    ngx_llm_json_t  *m;

    if (shape == FUZZ_ANY) {
        return;
    }

    if (node->type == NGX_LLM_JSON_ARRAY) {

        fuzz_assert(node->child != NULL);

        for (m = node->child; m; m = m->next) {
            fuzz_listed(m, shape);
        }

        return;
    }

    fuzz_assert(node->type == NGX_LLM_JSON_OBJECT);

    if (shape == FUZZ_SCHEMAS) {

        fuzz_assert(node->child != NULL);

        for (m = node->child; m; m = m->next) {
            fuzz_listed(m, FUZZ_SCHEMA);
        }

        return;
    }

    fuzz_assert(ngx_llm_json_duplicate(node) == NULL);
    fuzz_assert(node->child != NULL || shape == FUZZ_EMPTY);

    for (m = node->child; m; m = m->next) {

        for (i = 0; fuzz_members[i].name; i++) {

            if (fuzz_members[i].shape == shape
                && m->key.len == ngx_strlen(fuzz_members[i].name)
                && ngx_memcmp(m->key.data, fuzz_members[i].name, m->key.len)
                   == 0)
            {
                break;
            }
        }

        fuzz_assert(fuzz_members[i].name != NULL);
        fuzz_listed(m, fuzz_members[i].value);
    }
}


static void
fuzz_contents(ngx_llm_json_t *contents)
{
    ngx_uint_t       model, results, was, user;
    ngx_llm_json_t  *c;

    fuzz_assert(contents != NULL);
    fuzz_assert(contents->child != NULL);

    was = 0;
    model = 1;

    for (c = contents->child; c; c = c->next) {

        user = fuzz_is(c, "role", "user");

        fuzz_assert(user || fuzz_is(c, "role", "model"));
        fuzz_parts(ngx_llm_json_get(c, "parts"), user, &results);

        /* the user begins; results follow the model, and nothing else */

        fuzz_assert(c != contents->child || (user && !results));
        fuzz_assert(user || !model);
        fuzz_assert(!results || model);
        fuzz_assert(!user || model || (was && !results));

        model = !user;
        was = results;
    }
}


static void
fuzz_parts(ngx_llm_json_t *parts, ngx_uint_t user, ngx_uint_t *results)
{
    ngx_uint_t       n;
    ngx_str_t        text;
    ngx_llm_json_t  *part, *value;

    fuzz_assert(parts != NULL);
    fuzz_assert(parts->child != NULL);

    n = 0;
    *results = 0;

    for (part = parts->child; part; part = part->next) {

        n++;

        text = ngx_llm_json_str(part, "text");
        fuzz_assert(text.data == NULL || text.len != 0);

        value = ngx_llm_json_get(part, "functionCall");

        if (value != NULL) {
            fuzz_assert(!user);
            fuzz_assert(ngx_llm_json_get(value, "args")->type
                        == NGX_LLM_JSON_OBJECT);
        }

        value = ngx_llm_json_get(part, "functionResponse");

        if (value != NULL) {
            fuzz_assert(user);
            fuzz_assert(ngx_llm_json_get(value, "response")->type
                        == NGX_LLM_JSON_OBJECT);
            *results += 1;
        }
    }

    fuzz_assert(*results == 0 || *results == n);
}
