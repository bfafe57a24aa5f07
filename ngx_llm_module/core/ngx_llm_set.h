
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Parameters that the configuration sets (set_param).
 */


#ifndef _NGX_LLM_SET_H_INCLUDED_
#define _NGX_LLM_SET_H_INCLUDED_


#include "ngx_llm_json.h"


#define NGX_LLM_MAX_SET_DEPTH  8
#define NGX_LLM_MAX_SET_NAME   256


/*
 * A name without dots that the API has is a parameter of the request in
 * neutral form, whichever dialect says it ("neutral"); any other is a place in
 * the provider's body: a member, or with dots a member of a member.
 */

typedef struct {
    ngx_str_t         name;     /* plain, no character that needs an escape */
    ngx_llm_json_t   *node;     /* the value; its key is the name */
    unsigned          force:1;  /* wins over what the client sent */
    unsigned          neutral:1;
    unsigned          call:1;   /* of requests that are no chats */
} ngx_llm_set_t;


/*
 * Fills name and node from the text of a configuration: a text that is not
 * JSON is a string, if it looks like a word.  All memory is of the pool.  NULL,
 * or what is wrong.
 */
char *ngx_llm_set_parse(ngx_pool_t *pool, ngx_str_t *name, ngx_str_t *value,
    ngx_llm_set_t *set);

/* equal names, or one is a place inside of the other */
ngx_uint_t ngx_llm_set_overlaps(ngx_llm_set_t *one, ngx_llm_set_t *two);

/* for ngx_sort(): the order that ngx_llm_set_edit() takes */
ngx_int_t ngx_libc_cdecl ngx_llm_set_cmp(const void *one, const void *two);

/*
 * The edits that set n values, sorted and without overlaps, in an object: what
 * is there stays unless "force", a null counts as absent.  removed: members
 * (ngx_llm_json_t *, in the order of the text, of inner objects as well) that
 * other edits take away, or NULL.  NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_llm_set_edit(ngx_llm_json_t *object, ngx_llm_set_t *set,
    ngx_uint_t n, ngx_array_t *removed, ngx_array_t *edits);


#endif /* _NGX_LLM_SET_H_INCLUDED_ */
