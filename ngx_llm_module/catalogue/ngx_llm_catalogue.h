
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Providers that need no more than a name and a key: one row each.
 */


#ifndef _NGX_LLM_CATALOGUE_H_INCLUDED_
#define _NGX_LLM_CATALOGUE_H_INCLUDED_


#include "ngx_llm_dialect.h"


#define NGX_LLM_PRESET_NO_KEY     0x0001    /* serves without a key, too */


typedef struct {
    ngx_str_t                 name;
    const ngx_llm_dialect_t  *dialect;
    ngx_str_t                 url;      /* empty: the user has to say it */
    ngx_str_t                 env;      /* where its key customarily is */
    ngx_uint_t                flags;    /* NGX_LLM_PRESET_* */
} ngx_llm_preset_t;


/* sorted by name, the last name is empty */
extern const ngx_llm_preset_t  ngx_llm_presets[];

/* NULL: none of that name */
const ngx_llm_preset_t *ngx_llm_preset_find(ngx_str_t *name);


#endif /* _NGX_LLM_CATALOGUE_H_INCLUDED_ */
