
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_catalogue.h"


const ngx_llm_preset_t  ngx_llm_presets[] = {

    { ngx_string("anthropic"),
      &ngx_llm_anthropic,
      ngx_string("https://api.anthropic.com"),
      ngx_string("ANTHROPIC_API_KEY"),
      0 },

    { ngx_string("gemini"),
      &ngx_llm_gemini,
      ngx_string("https://generativelanguage.googleapis.com/v1beta"),
      ngx_string("GEMINI_API_KEY"),
      0 },

    { ngx_string("openai"),
      &ngx_llm_openai,
      ngx_string("https://api.openai.com/v1"),
      ngx_string("OPENAI_API_KEY"),
      0 },

    { ngx_null_string, NULL, ngx_null_string, ngx_null_string, 0 }
};


const ngx_llm_preset_t *
ngx_llm_preset_find(ngx_str_t *name)
{
    const ngx_llm_preset_t  *preset;

    for (preset = ngx_llm_presets; preset->name.len; preset++) {

        if (preset->name.len == name->len
            && ngx_strncmp(preset->name.data, name->data, name->len) == 0)
        {
            return preset;
        }
    }

    return NULL;
}
