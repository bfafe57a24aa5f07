
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_gemini.h"


#define NGX_LLM_GEMINI_FIRST     (NGX_LLM_GEMINI_SAMPLING                     \
                                  |NGX_LLM_GEMINI_PENALTY                     \
                                  |NGX_LLM_GEMINI_CHOICES                     \
                                  |NGX_LLM_GEMINI_PREFILL                     \
                                  |NGX_LLM_GEMINI_SYSTEM)

#define NGX_LLM_GEMINI_2_5       (NGX_LLM_GEMINI_SAMPLING                     \
                                  |NGX_LLM_GEMINI_CHOICES                     \
                                  |NGX_LLM_GEMINI_PREFILL                     \
                                  |NGX_LLM_GEMINI_SYSTEM                      \
                                  |NGX_LLM_GEMINI_SCHEMA                      \
                                  |NGX_LLM_GEMINI_FETCH                       \
                                  |NGX_LLM_GEMINI_MEDIA)

#define NGX_LLM_GEMINI_NEWEST    (NGX_LLM_GEMINI_SIGNED                       \
                                  |NGX_LLM_GEMINI_MIXED                       \
                                  |NGX_LLM_GEMINI_SYSTEM                      \
                                  |NGX_LLM_GEMINI_SCHEMA                      \
                                  |NGX_LLM_GEMINI_FETCH                       \
                                  |NGX_LLM_GEMINI_MEDIA)

#define NGX_LLM_GEMINI_3         (NGX_LLM_GEMINI_NEWEST                       \
                                  |NGX_LLM_GEMINI_SAMPLING                    \
                                  |NGX_LLM_GEMINI_PREFILL)

#define NGX_LLM_GEMINI_LEVELS    (NGX_LLM_GEMINI_LEVEL                        \
                                  |NGX_LLM_GEMINI_MINIMAL                     \
                                  |NGX_LLM_GEMINI_MEDIUM)


/*
 * The first name that fits counts.  What is not listed is taken for a model
 * that is newer than this list.
 */

static const ngx_llm_gemini_model_t  ngx_llm_gemini_models[] = {

    { "gemma",
      NGX_LLM_GEMINI_SAMPLING|NGX_LLM_GEMINI_PREFILL|NGX_LLM_GEMINI_MEDIA,
      0, 0 },

    { "tunedmodels/", NGX_LLM_GEMINI_FIRST, 0, 0 },
    { "gemini-1", NGX_LLM_GEMINI_FIRST, 0, 0 },
    { "gemini-2.0", NGX_LLM_GEMINI_FIRST, 0, 0 },

    { "gemini-2.5-flash-image", NGX_LLM_GEMINI_2_5, 0, 0 },

    { "gemini-2.5-flash-lite",
      NGX_LLM_GEMINI_2_5|NGX_LLM_GEMINI_BUDGET|NGX_LLM_GEMINI_OFF,
      512, 24576 },

    { "gemini-2.5-pro",
      NGX_LLM_GEMINI_2_5|NGX_LLM_GEMINI_BUDGET,
      128, 32768 },

    { "gemini-2.5",
      NGX_LLM_GEMINI_2_5|NGX_LLM_GEMINI_BUDGET|NGX_LLM_GEMINI_OFF,
      1, 24576 },

    { "gemini-3-pro-image", NGX_LLM_GEMINI_3, 0, 0 },

    { "gemini-3-pro", NGX_LLM_GEMINI_3|NGX_LLM_GEMINI_LEVEL, 0, 0 },

    { "gemini-3.1-pro",
      NGX_LLM_GEMINI_3|NGX_LLM_GEMINI_LEVEL|NGX_LLM_GEMINI_MEDIUM, 0, 0 },

    { "gemini-3-flash", NGX_LLM_GEMINI_3|NGX_LLM_GEMINI_LEVELS, 0, 0 },
    { "gemini-3.1", NGX_LLM_GEMINI_3|NGX_LLM_GEMINI_LEVELS, 0, 0 },

    { "gemini-3.5-flash-lite",
      NGX_LLM_GEMINI_NEWEST|NGX_LLM_GEMINI_LEVELS, 0, 0 },

    { "gemini-3.5", NGX_LLM_GEMINI_3|NGX_LLM_GEMINI_LEVELS, 0, 0 },

    { "gemini-3.6", NGX_LLM_GEMINI_NEWEST|NGX_LLM_GEMINI_LEVELS, 0, 0 },

    { "",
      NGX_LLM_GEMINI_NEWEST|NGX_LLM_GEMINI_LEVEL|NGX_LLM_GEMINI_MEDIUM,
      0, 0 }
};


const ngx_llm_gemini_model_t *
ngx_llm_gemini_model(ngx_str_t *name)
{
    const ngx_llm_gemini_model_t  *model;

    model = ngx_llm_gemini_models;

    while (model->name[0] && !ngx_llm_gemini_find(name, model->name)) {
        model++;
    }

    return model;
}
