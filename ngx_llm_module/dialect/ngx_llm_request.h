
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The body of a request for a target.
 */


#ifndef _NGX_LLM_REQUEST_H_INCLUDED_
#define _NGX_LLM_REQUEST_H_INCLUDED_


#include "ngx_llm_dialect.h"


/*
 * The client's own text with what must change, where both sides speak the same
 * dialect, else one written anew; as slices (ngx_str_t) in the array given.
 * What the target drops, lacks and sets has its effect in both.  chat is not
 * changed but for "dropped".  max: the most bytes of a body written anew.
 * NGX_OK, NGX_ERROR, NGX_DECLINED with err filled: the target cannot serve it.
 */
ngx_int_t ngx_llm_request(ngx_llm_chat_t *chat,
    const ngx_llm_dialect_t *dialect, ngx_llm_target_t *target, size_t max,
    ngx_array_t *slices, ngx_llm_error_t *err);

/* do both speak the same, and can the text be kept? */
ngx_uint_t ngx_llm_request_splices(ngx_llm_chat_t *chat,
    const ngx_llm_dialect_t *dialect);

/*
 * A value that the configuration sets (named as in OpenAI's API) in neutral
 * form: NGX_OK, NGX_ERROR, NGX_DECLINED with err filled, it is of a wrong
 * type.  In ngx_llm_openai_request.c.
 */
ngx_int_t ngx_llm_request_set(ngx_llm_chat_t *chat, ngx_llm_set_t *set,
    ngx_llm_error_t *err);

/* NGX_OK: a parameter; NGX_DECLINED: not known; NGX_ERROR: not to be set */
ngx_int_t ngx_llm_request_settable(ngx_str_t *name);

/* is it one of the two names of the limit? */
ngx_uint_t ngx_llm_request_limit(ngx_llm_set_t *set);

/* what drop_params says: the bits that are never sent, that may be dropped */

#define NGX_LLM_DROP_ON  ((uint64_t) 1 << 63)

void ngx_llm_request_drop(ngx_llm_target_t *target, uint64_t drop);

/*
 * Values (ngx_llm_set_t, sorted) for places in a body that was written, which
 * is read for them if there are any; slices (ngx_str_t).  NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_llm_request_places(ngx_llm_chat_t *chat, ngx_array_t *places,
    ngx_str_t *text, ngx_array_t *slices);


#endif /* _NGX_LLM_REQUEST_H_INCLUDED_ */
