
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A client's request written for Bedrock: what is written is JSON, the same
 * each time, has no member that the service does not know, and keeps what it
 * asks of a conversation.  The first byte chooses the model, the client, what
 * may be dropped and whether tokens are counted, the rest is the request.
 */


#include "ngx_llm_bedrock.h"
#include "fuzz_provider.h"


static void fuzz_check(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_listed(ngx_llm_json_t *node, char **names);
static void fuzz_messages(ngx_llm_json_t *messages);
static void fuzz_content(ngx_llm_json_t *content, ngx_uint_t user);
static void fuzz_tools(ngx_llm_json_t *root, ngx_uint_t blocks);
static void fuzz_name(ngx_pool_t *pool, ngx_llm_json_t *node, char *member);


static char  *fuzz_models[] = {
    "us.amazon.nova-pro-v1:0",
    "us.amazon.nova-2-lite-v1:0",
    "meta.llama3-3-70b-instruct-v1:0",
    "openai.gpt-oss-120b-1:0",
    "mistral.mistral-large-2407-v1:0",
    "converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "us.anthropic.claude-opus-4-5-20251101-v1:0",
    "deepseek.v3-v1:0"
};


static char  *fuzz_root[] = {
    "messages", "system", "inferenceConfig", "toolConfig",
    "guardrailConfig", "additionalModelRequestFields",
    "additionalModelResponseFieldPaths", "requestMetadata",
    "performanceConfig", "serviceTier", "outputConfig", NULL
};


static char  *fuzz_input[] = { "input", NULL };
static char  *fuzz_union[] = { "converse", "invokeModel", NULL };


static char  *fuzz_counted[] = {
    "messages", "system", "toolConfig", "additionalModelRequestFields", NULL
};


static char  *fuzz_inference[] = {
    "maxTokens", "temperature", "topP", "stopSequences", NULL
};


static char  *fuzz_guardrail[] = {
    "guardrailIdentifier", "guardrailVersion", "trace",
    "streamProcessingMode", NULL
};


static char  *fuzz_blocks[] = {
    "text", "image", "document", "video", "audio", "toolUse", "toolResult",
    "reasoningContent", "cachePoint", NULL
};


static char  *fuzz_none[] = { NULL };


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_llm_target_t          target;
    const ngx_llm_dialect_t  *client;

    if (size < 2) {
        return 0;
    }

    client = fuzz_choose(&target, fuzz_models, 8, data[0]);

    if (data[0] & 32) {
        ngx_str_set(&target.beta, "context-1m-2025-08-07,oauth-2025-04-20, "
                                  "context-management-2025-06-27");
    }

    fuzz_count = (data[0] & 64) != 0;

    fuzz_request(&ngx_llm_bedrock, client, &target, data + 1, size - 1,
                 fuzz_check);

    return 0;
}


static void
fuzz_check(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_str_t        body, packed;
    ngx_llm_json_t  *m, *root;

    root = fuzz_parse(pool, text);

    if (fuzz_count) {
        fuzz_known(root, fuzz_input);

        m = ngx_llm_json_get(root, "input");
        fuzz_known(m, fuzz_union);

        root = ngx_llm_json_get(m, "converse");

        if (root == NULL) {
            packed = ngx_llm_json_str(ngx_llm_json_get(m, "invokeModel"),
                                      "body");

            body.data = ngx_palloc(pool,
                                   ngx_base64_decoded_length(packed.len));
            fuzz_assert(body.data != NULL);
            fuzz_assert(ngx_decode_base64(&body, &packed) == NGX_OK);

            root = fuzz_parse(pool, &body);
            fuzz_assert(ngx_llm_json_get(root, "anthropic_version") != NULL);

        } else {
            fuzz_known(root, fuzz_counted);
        }
    }

    if (ngx_llm_json_get(root, "anthropic_version") != NULL) {

        /* Claude's */

        fuzz_assert(ngx_llm_json_get(root, "model") == NULL);
        fuzz_assert(ngx_llm_json_get(root, "stream") == NULL);
        fuzz_assert(ngx_llm_json_get(root, "max_tokens") != NULL);
        fuzz_assert(ngx_llm_json_get(root, "service_tier") == NULL);

        return;
    }

    fuzz_assert(ngx_llm_json_duplicate(root) == NULL);

    fuzz_listed(root, fuzz_root);
    fuzz_listed(ngx_llm_json_get(root, "inferenceConfig"), fuzz_inference);
    fuzz_listed(ngx_llm_json_get(root, "guardrailConfig"), fuzz_guardrail);

    fuzz_messages(ngx_llm_json_get(root, "messages"));

    m = ngx_llm_json_get(root, "system");
    fuzz_assert(m == NULL || m->child != NULL);

    m = ngx_llm_json_get(ngx_llm_json_get(root, "toolConfig"), "tools");

    for (m = m ? m->child : NULL; m; m = m->next) {
        if (ngx_llm_json_get(m, "toolSpec") != NULL) {
            fuzz_name(pool, ngx_llm_json_get(m, "toolSpec"), "name");
        }
    }

    for (m = ngx_llm_json_get(root, "messages")->child; m; m = m->next) {
        ngx_llm_json_t  *block;

        block = ngx_llm_json_get(m, "content")->child;

        for ( /* void */ ; block; block = block->next) {

            if (ngx_llm_json_get(block, "toolUse")) {
                fuzz_name(pool, ngx_llm_json_get(block, "toolUse"), "name");
                fuzz_name(pool, ngx_llm_json_get(block, "toolUse"),
                          "toolUseId");
                fuzz_tools(root, 1);
            }

            if (ngx_llm_json_get(block, "toolResult")) {
                fuzz_name(pool, ngx_llm_json_get(block, "toolResult"),
                          "toolUseId");
                fuzz_tools(root, 1);
            }
        }
    }

    fuzz_tools(root, 0);
}


static void
fuzz_listed(ngx_llm_json_t *node, char **names)
{
    ngx_llm_json_t  *m;

    if (node == NULL) {
        return;
    }

    fuzz_assert(node->type == NGX_LLM_JSON_OBJECT);

    for (m = node->child; m; m = m->next) {
        fuzz_assert(ngx_llm_bedrock_listed(&m->key, names));
    }
}


/* roles alternate and begin with the user */

static void
fuzz_messages(ngx_llm_json_t *messages)
{
    ngx_str_t        role;
    ngx_uint_t       user;
    ngx_llm_json_t  *m;

    fuzz_assert(messages != NULL && messages->type == NGX_LLM_JSON_ARRAY);
    fuzz_assert(messages->child != NULL);

    user = 1;

    for (m = messages->child; m; m = m->next) {
        role = ngx_llm_json_str(m, "role");

        fuzz_assert(ngx_llm_json_is(&role, user ? "user" : "assistant"));
        fuzz_content(ngx_llm_json_get(m, "content"), user);

        user = !user;
    }
}


static void
fuzz_content(ngx_llm_json_t *content, ngx_uint_t user)
{
    ngx_str_t        text;
    ngx_uint_t       document, other, texted;
    ngx_llm_json_t  *block;

    fuzz_assert(content != NULL && content->type == NGX_LLM_JSON_ARRAY);
    fuzz_assert(content->child != NULL);

    document = 0;
    other = 0;
    texted = 0;

    for (block = content->child; block; block = block->next) {

        fuzz_listed(block, fuzz_blocks);

        /* a union: one member */

        fuzz_assert(block->child != NULL && block->child->next == NULL);

        text = ngx_llm_json_str(block, "text");

        if (text.data != NULL) {
            fuzz_assert(text.len != 0);
            texted = 1;
        }

        if (ngx_llm_json_get(block, "document") != NULL) {
            document = 1;
        }

        if (ngx_llm_json_get(block, "toolResult") != NULL) {
            fuzz_assert(user && !other);

        } else if (ngx_llm_json_get(block, "cachePoint") == NULL) {
            other = 1;
        }

        if (ngx_llm_json_get(block, "toolUse") != NULL
            || ngx_llm_json_get(block, "reasoningContent") != NULL)
        {
            fuzz_assert(!user);
        }
    }

    fuzz_assert(!document || texted);
}


static void
fuzz_tools(ngx_llm_json_t *root, ngx_uint_t blocks)
{
    ngx_llm_json_t  *choice, *config, *tools;

    config = ngx_llm_json_get(root, "toolConfig");

    if (config == NULL) {
        fuzz_assert(!blocks);
        return;
    }

    tools = ngx_llm_json_get(config, "tools");
    fuzz_assert(tools != NULL && tools->child != NULL);

    choice = ngx_llm_json_get(config, "toolChoice");

    if (choice != NULL) {
        fuzz_assert(choice->child != NULL && choice->child->next == NULL);
        fuzz_listed(ngx_llm_json_get(choice, "any"), fuzz_none);
    }
}


static void
fuzz_name(ngx_pool_t *pool, ngx_llm_json_t *node, char *member)
{
    size_t     i;
    u_char     c;
    ngx_str_t  name;

    name = ngx_llm_json_str(node, member);

    fuzz_assert(name.len >= 1 && name.len <= 64);

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        fuzz_assert((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                    || (c >= '0' && c <= '9') || c == '_' || c == '-');
    }
}
