
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What becomes of a parameter that a provider cannot take.
 */


#ifndef _NGX_LLM_PARAMS_H_INCLUDED_
#define _NGX_LLM_PARAMS_H_INCLUDED_


#include "ngx_llm_chat.h"


/* names in chat->dropped; the last one is then "..." */
#define NGX_LLM_MAX_DROPPED  64


/* the parameter of that name, or NGX_LLM_PARAMS */
ngx_uint_t ngx_llm_param_find(ngx_str_t *name);
ngx_str_t *ngx_llm_param_name(ngx_uint_t id);

/*
 * Looks at every parameter of the request that is not in "takes" (bits of
 * ngx_llm_param_bit()): a value equal to the API's default passes, a hint
 * goes to chat->dropped, what changes the meaning of the answer is refused
 * (400 unsupported_parameter, "provider" names who) unless its bit is in
 * "drop".  Unknown members are dropped and named.  chat->dropped begins anew
 * here, so a writer calls this first.  NGX_OK, NGX_DECLINED with err filled,
 * NGX_ERROR.
 */
ngx_int_t ngx_llm_params_check(ngx_llm_chat_t *chat, uint64_t takes,
    uint64_t drop, ngx_str_t *provider, ngx_llm_error_t *err);

/*
 * The same for parameters that the provider lacks (bits), in front of all
 * else: the given ones go to chat->dropped, or are refused.  What is neutral
 * is not named, and is not sent either.
 */
ngx_int_t ngx_llm_params_lacks(ngx_llm_chat_t *chat, uint64_t lacks,
    uint64_t drop, ngx_str_t *provider, ngx_llm_error_t *err);

/* takes parameters (bits) out of the neutral form */
void ngx_llm_params_remove(ngx_llm_chat_t *chat, uint64_t params);

/* names a member that a writer left out; NGX_OK or NGX_ERROR */
ngx_int_t ngx_llm_params_dropped(ngx_llm_chat_t *chat, ngx_str_t *name);

/* the same, unless it has been named already */
ngx_int_t ngx_llm_params_drop(ngx_llm_chat_t *chat, char *name);


#endif /* _NGX_LLM_PARAMS_H_INCLUDED_ */
