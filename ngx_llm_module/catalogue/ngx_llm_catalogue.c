
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_catalogue.h"


static ngx_int_t ngx_llm_preset_cmp(ngx_str_t *name,
    const ngx_llm_preset_t *preset);


const ngx_llm_preset_t *
ngx_llm_preset_find(ngx_str_t *name)
{
    ngx_int_t   rc;
    ngx_uint_t  left, middle, right;

    left = 0;
    right = ngx_llm_npresets;

    while (left < right) {
        middle = (left + right) / 2;

        rc = ngx_llm_preset_cmp(name, &ngx_llm_presets[middle]);

        if (rc == 0) {
            return &ngx_llm_presets[middle];
        }

        if (rc < 0) {
            right = middle;

        } else {
            left = middle + 1;
        }
    }

    return NULL;
}


ngx_int_t
ngx_llm_preset_env(const ngx_llm_preset_t *preset, ngx_str_t *env)
{
    u_char  *p, *last;

    p = preset->env.data;
    last = p + preset->env.len;

    while (p < last) {
        env->data = p;
        env->len = ngx_strlen(p);

        if (getenv((char *) p) != NULL) {
            return NGX_OK;
        }

        p += env->len + 1;
    }

    env->data = preset->env.data;
    env->len = ngx_strlen(preset->env.data);

    return NGX_DECLINED;
}


ngx_str_t
ngx_llm_preset_part(const ngx_llm_preset_t *preset)
{
    u_char     *open, *close, *last;
    ngx_str_t   part;

    ngx_str_null(&part);

    last = preset->url.data + preset->url.len;
    open = ngx_strlchr(preset->url.data, last, '{');

    if (open) {
        close = ngx_strlchr(open, last, '}');

        if (close) {
            part.data = open;
            part.len = close + 1 - open;
        }
    }

    return part;
}


static ngx_int_t
ngx_llm_preset_cmp(ngx_str_t *name, const ngx_llm_preset_t *preset)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(name->data, preset->name.data,
                    ngx_min(name->len, preset->name.len));

    return rc ? rc : (ngx_int_t) name->len - (ngx_int_t) preset->name.len;
}
