
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Classes of failures: their words in the configuration.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


typedef struct {
    ngx_str_t    name;
    ngx_uint_t   mask;
} ngx_http_llm_fail_t;


static ngx_http_llm_fail_t  ngx_http_llm_fails[] = {
    { ngx_string("error"), NGX_LLM_FAIL_ERROR },
    { ngx_string("timeout"), NGX_LLM_FAIL_TIMEOUT },
    { ngx_string("invalid"), NGX_LLM_FAIL_INVALID },
    { ngx_string("rate_limit"), NGX_LLM_FAIL_RATE_LIMIT },
    { ngx_string("overloaded"), NGX_LLM_FAIL_OVERLOADED },
    { ngx_string("server_error"), NGX_LLM_FAIL_SERVER_ERROR },
    { ngx_string("auth"), NGX_LLM_FAIL_AUTH },
    { ngx_string("no_model"), NGX_LLM_FAIL_NO_MODEL },
    { ngx_string("context"), NGX_LLM_FAIL_CONTEXT },
    { ngx_string("content"), NGX_LLM_FAIL_CONTENT },
    { ngx_null_string, 0 }
};


/* not a word of the configuration: such a failure is never passed on */

static ngx_str_t  ngx_http_llm_fail_request = ngx_string("request");
static ngx_str_t  ngx_http_llm_fail_none = ngx_string("");


/* the arguments of a directive as a mask */

char *
ngx_http_llm_fail_masks(ngx_conf_t *cf, ngx_uint_t *mask)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    *mask = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_llm_fail_mask(cf, &value[i], mask) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if ((*mask & NGX_HTTP_LLM_NEXT_OFF) && *mask != NGX_HTTP_LLM_NEXT_OFF) {
        return "has both \"off\" and classes";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_fail_mask(ngx_conf_t *cf, ngx_str_t *word, ngx_uint_t *mask)
{
    size_t                len;
    u_char               *p, *last, *start;
    ngx_http_llm_fail_t  *fail;

    p = word->data;
    last = p + word->len;

    for ( ;; ) {
        start = p;

        while (p < last && *p != ',') {
            p++;
        }

        len = p - start;

        if (len == 3 && ngx_strncmp(start, "off", 3) == 0) {
            *mask |= NGX_HTTP_LLM_NEXT_OFF;

        } else {

            for (fail = ngx_http_llm_fails; fail->name.len; fail++) {
                if (fail->name.len == len
                    && ngx_strncmp(fail->name.data, start, len) == 0)
                {
                    break;
                }
            }

            if (fail->name.len == 0) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "unknown class of failures \"%*s\", "
                                   "classes are error, timeout, invalid, "
                                   "rate_limit, overloaded, server_error, "
                                   "auth, no_model, context and content",
                                   len, start);
                return NGX_CONF_ERROR;
            }

            *mask |= fail->mask;
        }

        if (p == last) {
            return NGX_CONF_OK;
        }

        p++;
    }
}


/* "" for no failure */

ngx_str_t *
ngx_http_llm_fail_name(ngx_uint_t fail)
{
    ngx_http_llm_fail_t  *f;

    if (fail == NGX_LLM_FAIL_REQUEST) {
        return &ngx_http_llm_fail_request;
    }

    for (f = ngx_http_llm_fails; f->name.len; f++) {
        if (f->mask & fail) {
            return &f->name;
        }
    }

    return &ngx_http_llm_fail_none;
}
