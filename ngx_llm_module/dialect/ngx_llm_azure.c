
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Azure OpenAI: OpenAI's dialect with paths, a key header and refusals of its
 * own.  Without "api_version" it is the v1 API, which takes what OpenAI takes;
 * a dated version has the deployment in its path and refuses what it is too
 * old for.  After Azure/azure-rest-api-specs, data-plane/AzureOpenAI/inference.
 */


#include "ngx_llm_quirks.h"
#include "ngx_llm_openai.h"


#define ngx_llm_bit(p)  ngx_llm_param_bit(NGX_LLM_PARAM_##p)

/* on no dated version, as far as the published ones go */

#define NGX_LLM_AZURE_DATED                                                  \
    (ngx_llm_bit(TOP_K)|ngx_llm_bit(THINKING)|ngx_llm_bit(CACHE_CONTROL)     \
     |ngx_llm_bit(SERVICE_TIER)|ngx_llm_bit(SAFETY_IDENTIFIER)               \
     |ngx_llm_bit(VERBOSITY)|ngx_llm_bit(WEB_SEARCH_OPTIONS)                 \
     |ngx_llm_bit(PROMPT_CACHE_KEY)|ngx_llm_bit(PROMPT_CACHE_OPTIONS)        \
     |ngx_llm_bit(PROMPT_CACHE_RETENTION)|ngx_llm_bit(MODERATION))

/* came with 2025-01-01-preview, 2024-12-01-preview, 2024-09-01-preview */

#define NGX_LLM_AZURE_2025                                                   \
    (ngx_llm_bit(PREDICTION)|ngx_llm_bit(MODALITIES)|ngx_llm_bit(AUDIO))

#define NGX_LLM_AZURE_2024_12                                                \
    (ngx_llm_bit(REASONING_EFFORT)|ngx_llm_bit(STORE)|ngx_llm_bit(METADATA))

#define NGX_LLM_AZURE_2024_09                                                \
    (ngx_llm_bit(PARALLEL_TOOL_CALLS))

#define NGX_LLM_AZURE_FLAGS                                                  \
    (NGX_LLM_QUIRK_STRICT|NGX_LLM_QUIRK_BEARER_TOKEN|NGX_LLM_QUIRK_ROOT)


static void ngx_llm_azure_dated_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_azure_v1_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_azure_models_path(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out);
static void ngx_llm_azure_version(ngx_llm_target_t *target,
    ngx_str_t *version, ngx_llm_out_t *out);
static ngx_str_t ngx_llm_azure_base(ngx_llm_target_t *target);
static const ngx_llm_quirks_t *ngx_llm_azure_pick(ngx_str_t *version);
static const ngx_llm_quirks_t *ngx_llm_azure_models_pick(ngx_str_t *version);
static ngx_uint_t ngx_llm_azure_date(ngx_str_t *version);


static ngx_str_t  ngx_llm_azure_models_version =
    ngx_string("2024-05-01-preview");


static char  *ngx_llm_azure_members[] = {
    "data_sources",
    "user_security_context",
    NULL
};


/* v1 */

const ngx_llm_quirks_t  ngx_llm_azure = {
    NGX_LLM_QUIRK_REASONS|NGX_LLM_QUIRK_BEARER_TOKEN|NGX_LLM_QUIRK_ROOT,
    0,
    0,
    "api-key",
    NULL,
    NULL,
    NULL,
    ngx_llm_azure_v1_path,
    ngx_llm_azure_pick,
    0,
    NULL,
    NULL
};


static const ngx_llm_quirks_t  ngx_llm_azure_2025 = {
    NGX_LLM_AZURE_FLAGS|NGX_LLM_QUIRK_REASONS,
    NGX_LLM_AZURE_DATED,
    0,
    "api-key",
    NULL,
    ngx_llm_azure_members,
    NULL,
    ngx_llm_azure_dated_path,
    NULL,
    0,
    NULL,
    NULL
};


static const ngx_llm_quirks_t  ngx_llm_azure_2024_12 = {
    NGX_LLM_AZURE_FLAGS|NGX_LLM_QUIRK_REASONS,
    NGX_LLM_AZURE_DATED|NGX_LLM_AZURE_2025,
    0,
    "api-key",
    NULL,
    ngx_llm_azure_members,
    NULL,
    ngx_llm_azure_dated_path,
    NULL,
    0,
    NULL,
    NULL
};


static const ngx_llm_quirks_t  ngx_llm_azure_2024_09 = {
    NGX_LLM_AZURE_FLAGS|NGX_LLM_QUIRK_REASONS|NGX_LLM_QUIRK_SYSTEM,
    NGX_LLM_AZURE_DATED|NGX_LLM_AZURE_2025|NGX_LLM_AZURE_2024_12,
    0,
    "api-key",
    NULL,
    ngx_llm_azure_members,
    NULL,
    ngx_llm_azure_dated_path,
    NULL,
    0,
    NULL,
    NULL
};


static const ngx_llm_quirks_t  ngx_llm_azure_old = {
    NGX_LLM_AZURE_FLAGS|NGX_LLM_QUIRK_SYSTEM|NGX_LLM_QUIRK_MAX_TOKENS
    |NGX_LLM_QUIRK_NO_STREAM_OPTIONS,
    NGX_LLM_AZURE_DATED|NGX_LLM_AZURE_2025|NGX_LLM_AZURE_2024_12
    |NGX_LLM_AZURE_2024_09,
    0,
    "api-key",
    NULL,
    ngx_llm_azure_members,
    NULL,
    ngx_llm_azure_dated_path,
    NULL,
    0,
    NULL,
    NULL
};


const ngx_llm_quirks_t  ngx_llm_azure_models = {
    NGX_LLM_QUIRK_SYSTEM|NGX_LLM_QUIRK_BEARER_TOKEN|NGX_LLM_QUIRK_ROOT,
    0,
    0,
    "api-key",
    NULL,
    NULL,
    NULL,
    ngx_llm_azure_models_path,
    ngx_llm_azure_models_pick,
    0,
    NULL,
    NULL
};


static void
ngx_llm_azure_dated_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_str_t  base;

    base = ngx_llm_azure_base(target);

    ngx_llm_out_str(out, &base);
    ngx_llm_out_lit(out, "/openai/deployments/");
    ngx_llm_out_path(out, &target->model);
    ngx_llm_openai_write_tail(target, out);
    ngx_llm_azure_version(target, NULL, out);
}


static void
ngx_llm_azure_v1_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_str_t  base;

    base = ngx_llm_azure_base(target);

    ngx_llm_out_str(out, &base);
    ngx_llm_out_lit(out, "/openai/v1");
    ngx_llm_openai_write_tail(target, out);

    /* "v1" is what the path says */

    if (target->api_version.len != sizeof("v1") - 1) {
        ngx_llm_azure_version(target, NULL, out);
    }
}


static void
ngx_llm_azure_models_path(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    ngx_llm_out_t *out)
{
    ngx_llm_out_str(out, &target->base);
    ngx_llm_openai_write_tail(target, out);
    ngx_llm_azure_version(target, &ngx_llm_azure_models_version, out);
}


static void
ngx_llm_azure_version(ngx_llm_target_t *target, ngx_str_t *version,
    ngx_llm_out_t *out)
{
    if (target->api_version.len) {
        version = &target->api_version;
    }

    if (version) {
        ngx_llm_out_lit(out, "?api-version=");
        ngx_llm_out_path(out, version);
    }
}


/* the resource's root, also where the url has more of the path */

static ngx_str_t
ngx_llm_azure_base(ngx_llm_target_t *target)
{
    ngx_str_t   base;
    ngx_uint_t  i;

    static ngx_str_t  tails[] = {
        ngx_string("/v1"),
        ngx_string("/openai")
    };

    base = target->base;

    for (i = 0; i < 2; i++) {

        if (base.len >= tails[i].len
            && ngx_strncmp(base.data + base.len - tails[i].len, tails[i].data,
                           tails[i].len)
               == 0)
        {
            base.len -= tails[i].len;
        }
    }

    return base;
}


static const ngx_llm_quirks_t *
ngx_llm_azure_pick(ngx_str_t *version)
{
    if (version->len == 0
        || (version->len == 2 && ngx_strncmp(version->data, "v1", 2) == 0)
        || (version->len == 7 && ngx_strncmp(version->data, "preview", 7) == 0))
    {
        return &ngx_llm_azure;
    }

    if (!ngx_llm_azure_date(version)) {
        return NULL;
    }

    if (ngx_memcmp(version->data, "2025-01-01", 10) >= 0) {
        return &ngx_llm_azure_2025;
    }

    if (ngx_memcmp(version->data, "2024-12-01", 10) >= 0) {
        return &ngx_llm_azure_2024_12;
    }

    if (ngx_memcmp(version->data, "2024-09-01", 10) >= 0) {
        return &ngx_llm_azure_2024_09;
    }

    return &ngx_llm_azure_old;
}


static const ngx_llm_quirks_t *
ngx_llm_azure_models_pick(ngx_str_t *version)
{
    if (version->len && !ngx_llm_azure_date(version)) {
        return NULL;
    }

    return &ngx_llm_azure_models;
}


/* 2024-10-21, 2025-04-01-preview */

static ngx_uint_t
ngx_llm_azure_date(ngx_str_t *version)
{
    ngx_uint_t  i;

    if (version->len < 10) {
        return 0;
    }

    for (i = 0; i < 10; i++) {

        if (i == 4 || i == 7) {
            if (version->data[i] != '-') {
                return 0;
            }

            continue;
        }

        if (version->data[i] < '0' || version->data[i] > '9') {
            return 0;
        }
    }

    return (version->len == 10
            || (version->len == sizeof("2025-04-01-preview") - 1
                && ngx_strncmp(version->data + 10, "-preview", 8) == 0));
}
