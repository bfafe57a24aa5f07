
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Providers that are known by name: a row each.
 */


#ifndef _NGX_LLM_CATALOGUE_H_INCLUDED_
#define _NGX_LLM_CATALOGUE_H_INCLUDED_


#include "ngx_llm_dialect.h"
#include "ngx_llm_quirks.h"


#define NGX_LLM_PRESET_NO_KEY     0x0001    /* serves without a key, too */


typedef struct {
    ngx_str_t                 name;
    ngx_str_t                 title;    /* for the documentation */
    ngx_str_t                 url;      /* "{part}": the user has to say it */
    ngx_str_t                 env;      /* where its key customarily is; ends
                                           with a zero, as do others before */
    const ngx_llm_dialect_t  *dialect;
    ngx_uint_t                flags;    /* NGX_LLM_PRESET_* */
    const ngx_llm_quirks_t   *quirks;   /* NULL: none */
} ngx_llm_preset_t;


/* sorted by name, the last name is empty */
extern const ngx_llm_preset_t  ngx_llm_presets[];
extern const ngx_uint_t        ngx_llm_npresets;

/* NULL: none of that name */
const ngx_llm_preset_t *ngx_llm_preset_find(ngx_str_t *name);

/*
 * The first variable for its key that is there: NGX_OK.  NGX_DECLINED: none
 * is, and it is the first one.
 */
ngx_int_t ngx_llm_preset_env(const ngx_llm_preset_t *preset, ngx_str_t *env);

/* "{part}" of the url that the user has to fill in; empty: it is whole */
ngx_str_t ngx_llm_preset_part(const ngx_llm_preset_t *preset);


#endif /* _NGX_LLM_CATALOGUE_H_INCLUDED_ */
