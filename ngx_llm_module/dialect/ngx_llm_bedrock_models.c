
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_bedrock.h"


typedef struct {
    char        *word;          /* a part of the family's name */
    ngx_uint_t   flags;
} ngx_llm_bedrock_model_t;


#define NGX_LLM_BEDROCK_CHOICE  (NGX_LLM_BEDROCK_ANY|NGX_LLM_BEDROCK_TOOL)


/*
 * The first word that fits counts.  Which models have an output schema is the
 * list of the user guide, "Get validated JSON results from models".
 */

static ngx_llm_bedrock_model_t  ngx_llm_bedrock_models[] = {

    { "claude",
      NGX_LLM_BEDROCK_CLAUDE|NGX_LLM_BEDROCK_CHOICE|NGX_LLM_BEDROCK_CACHE
      |NGX_LLM_BEDROCK_THOUGHTS|NGX_LLM_BEDROCK_STOP },

    { "nova-2",
      NGX_LLM_BEDROCK_NOVA|NGX_LLM_BEDROCK_NOVA_2|NGX_LLM_BEDROCK_CHOICE
      |NGX_LLM_BEDROCK_CACHE|NGX_LLM_BEDROCK_THOUGHTS
      |NGX_LLM_BEDROCK_STOP },
    { "nova-",
      NGX_LLM_BEDROCK_NOVA|NGX_LLM_BEDROCK_CHOICE|NGX_LLM_BEDROCK_CACHE
      |NGX_LLM_BEDROCK_STOP },

    { "deepseek.v3",
      NGX_LLM_BEDROCK_LEVEL|NGX_LLM_BEDROCK_SCHEMA|NGX_LLM_BEDROCK_THOUGHTS
      |NGX_LLM_BEDROCK_STOP },
    { "gpt-oss",
      NGX_LLM_BEDROCK_EFFORT|NGX_LLM_BEDROCK_SCHEMA|NGX_LLM_BEDROCK_THOUGHTS
      |NGX_LLM_BEDROCK_STOP },

    { "mistral-large-3",
      NGX_LLM_BEDROCK_ANY|NGX_LLM_BEDROCK_SCHEMA|NGX_LLM_BEDROCK_STOP },
    { "mistral-large", NGX_LLM_BEDROCK_ANY|NGX_LLM_BEDROCK_STOP },
    { "ministral", NGX_LLM_BEDROCK_SCHEMA|NGX_LLM_BEDROCK_STOP },
    { "magistral", NGX_LLM_BEDROCK_SCHEMA|NGX_LLM_BEDROCK_STOP },
    { "voxtral", NGX_LLM_BEDROCK_SCHEMA|NGX_LLM_BEDROCK_STOP },

    { "qwen", NGX_LLM_BEDROCK_SCHEMA|NGX_LLM_BEDROCK_STOP },
    { "gemma-3", NGX_LLM_BEDROCK_SCHEMA|NGX_LLM_BEDROCK_STOP },
    { "minimax", NGX_LLM_BEDROCK_SCHEMA|NGX_LLM_BEDROCK_STOP },
    { "kimi", NGX_LLM_BEDROCK_SCHEMA|NGX_LLM_BEDROCK_STOP },
    { "nemotron", NGX_LLM_BEDROCK_SCHEMA|NGX_LLM_BEDROCK_STOP },

    { "glm", 0 },

    { NULL, NGX_LLM_BEDROCK_STOP }
};


ngx_uint_t
ngx_llm_bedrock_model(ngx_str_t *family)
{
    ngx_str_t                  name;
    ngx_uint_t                 flags;
    ngx_llm_bedrock_model_t   *m;

    for (m = ngx_llm_bedrock_models; m->word; m++) {
        if (ngx_llm_bedrock_has(family, m->word)) {
            break;
        }
    }

    flags = m->flags;

    if (flags & NGX_LLM_BEDROCK_CLAUDE) {
        name = *family;

        if (ngx_llm_anthropic_model(&name)->flags
            & NGX_LLM_ANTHROPIC_FORMAT)
        {
            flags |= NGX_LLM_BEDROCK_SCHEMA;
        }
    }

    return flags;
}
