
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_anthropic.h"


/* the longest name that is remembered */
#define NGX_LLM_ANTHROPIC_LAST  64


#define NGX_LLM_ANTHROPIC_BUDGET  (NGX_LLM_ANTHROPIC_ENABLED                  \
                                   |NGX_LLM_ANTHROPIC_DISABLED                \
                                   |NGX_LLM_ANTHROPIC_SAMPLING)

#define NGX_LLM_ANTHROPIC_NEWEST  (NGX_LLM_ANTHROPIC_ADAPTIVE                 \
                                   |NGX_LLM_ANTHROPIC_EFFORT                  \
                                   |NGX_LLM_ANTHROPIC_XHIGH                   \
                                   |NGX_LLM_ANTHROPIC_MAX                     \
                                   |NGX_LLM_ANTHROPIC_FORMAT                  \
                                   |NGX_LLM_ANTHROPIC_OMITS)

#define NGX_LLM_ANTHROPIC_4_6     (NGX_LLM_ANTHROPIC_BUDGET                   \
                                   |NGX_LLM_ANTHROPIC_ADAPTIVE                \
                                   |NGX_LLM_ANTHROPIC_EFFORT                  \
                                   |NGX_LLM_ANTHROPIC_MAX                     \
                                   |NGX_LLM_ANTHROPIC_FORMAT)


static ngx_uint_t ngx_llm_anthropic_match(char *pattern, ngx_str_t *name);


/*
 * The first pattern that fits counts.  A Claude that is not listed is taken
 * for one that is newer than this list; what is no Claude at all, for a server
 * that knows the older form of the API.
 */

static const ngx_llm_anthropic_model_t  ngx_llm_anthropic_models[] = {

    { "*fable-5*",
      NGX_LLM_ANTHROPIC_NEWEST|NGX_LLM_ANTHROPIC_THINKS,
      128000 },

    { "*mythos-5*",
      NGX_LLM_ANTHROPIC_NEWEST|NGX_LLM_ANTHROPIC_THINKS,
      128000 },

    { "*sonnet-5*",
      NGX_LLM_ANTHROPIC_NEWEST|NGX_LLM_ANTHROPIC_THINKS
      |NGX_LLM_ANTHROPIC_DISABLED,
      128000 },

    { "*opus-4-6*", NGX_LLM_ANTHROPIC_4_6, 128000 },

    { "*sonnet-4-6*", NGX_LLM_ANTHROPIC_4_6, 64000 },

    { "*opus-4-5*",
      NGX_LLM_ANTHROPIC_BUDGET|NGX_LLM_ANTHROPIC_EFFORT
      |NGX_LLM_ANTHROPIC_FORMAT,
      64000 },

    { "*sonnet-4-5*",
      NGX_LLM_ANTHROPIC_BUDGET|NGX_LLM_ANTHROPIC_FORMAT,
      64000 },

    { "*haiku-4-5*",
      NGX_LLM_ANTHROPIC_BUDGET|NGX_LLM_ANTHROPIC_FORMAT,
      64000 },

    { "*opus-4-1*",
      NGX_LLM_ANTHROPIC_BUDGET|NGX_LLM_ANTHROPIC_FORMAT,
      32000 },

    /* of version 4 there are a date, an alias with 0 and the bare name */

    { "*opus-4-2*", NGX_LLM_ANTHROPIC_BUDGET, 32000 },
    { "*opus-4-0*", NGX_LLM_ANTHROPIC_BUDGET, 32000 },
    { "*opus-4@*", NGX_LLM_ANTHROPIC_BUDGET, 32000 },
    { "*opus-4", NGX_LLM_ANTHROPIC_BUDGET, 32000 },
    { "*-4-opus*", NGX_LLM_ANTHROPIC_BUDGET, 32000 },

    { "*sonnet-4-2*", NGX_LLM_ANTHROPIC_BUDGET, 64000 },
    { "*sonnet-4-0*", NGX_LLM_ANTHROPIC_BUDGET, 64000 },
    { "*sonnet-4@*", NGX_LLM_ANTHROPIC_BUDGET, 64000 },
    { "*sonnet-4", NGX_LLM_ANTHROPIC_BUDGET, 64000 },
    { "*-4-sonnet*", NGX_LLM_ANTHROPIC_BUDGET, 64000 },

    { "*claude-3-7*",
      NGX_LLM_ANTHROPIC_BUDGET|NGX_LLM_ANTHROPIC_BOTH,
      64000 },

    { "*claude-3-5*",
      NGX_LLM_ANTHROPIC_SAMPLING|NGX_LLM_ANTHROPIC_BOTH,
      8192 },

    { "*claude-3*",
      NGX_LLM_ANTHROPIC_SAMPLING|NGX_LLM_ANTHROPIC_BOTH,
      4096 },

    { "*claude-2*",
      NGX_LLM_ANTHROPIC_SAMPLING|NGX_LLM_ANTHROPIC_BOTH,
      4096 },

    { "*claude-instant*",
      NGX_LLM_ANTHROPIC_SAMPLING|NGX_LLM_ANTHROPIC_BOTH,
      4096 },

    { "*claude*",
      NGX_LLM_ANTHROPIC_NEWEST|NGX_LLM_ANTHROPIC_DISABLED,
      128000 },

    { "*",
      NGX_LLM_ANTHROPIC_BUDGET|NGX_LLM_ANTHROPIC_BOTH,
      8192 }
};


const ngx_llm_anthropic_model_t *
ngx_llm_anthropic_model(ngx_str_t *name)
{
    const ngx_llm_anthropic_model_t         *model;

    static size_t                            len;
    static u_char                            last[NGX_LLM_ANTHROPIC_LAST];
    static const ngx_llm_anthropic_model_t  *known;

    /* the same few names are asked for again and again */

    if (len && name->len == len && ngx_memcmp(name->data, last, len) == 0) {
        return known;
    }

    model = ngx_llm_anthropic_models;

    while (!ngx_llm_anthropic_match(model->pattern, name)) {

        /* the last pattern fits all */

        model++;
    }

    if (name->len <= NGX_LLM_ANTHROPIC_LAST) {
        known = model;
        len = name->len;
        ngx_memcpy(last, name->data, len);
    }

    return model;
}


static ngx_uint_t
ngx_llm_anthropic_match(char *pattern, ngx_str_t *name)
{
    char    *back;
    u_char   c, *last, *mark, *p;

    /* some hosts write versions with a dot, "claude-opus-4.6" */

    back = NULL;
    mark = NULL;

    p = name->data;
    last = p + name->len;

    while (p < last) {

        if (*pattern == '*') {
            back = ++pattern;
            mark = p;
            continue;
        }

        c = (*p == '.') ? '-' : ngx_tolower(*p);

        if (*pattern != '\0' && c == (u_char) *pattern) {
            pattern++;
            p++;
            continue;
        }

        if (back == NULL) {
            return 0;
        }

        pattern = back;
        p = ++mark;
    }

    while (*pattern == '*') {
        pattern++;
    }

    return *pattern == '\0';
}
