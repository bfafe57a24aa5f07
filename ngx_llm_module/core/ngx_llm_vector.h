
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A vector of 32-bit floats, as numbers of JSON or in base64.
 */


#ifndef _NGX_LLM_VECTOR_H_INCLUDED_
#define _NGX_LLM_VECTOR_H_INCLUDED_


#include "ngx_llm_core.h"


typedef struct {
    ngx_str_t                 text;         /* an array, or what is between
                                               the quotes */
    unsigned                  base64:1;
} ngx_llm_vector_t;


/*
 * A vector as JSON, in base64 (32-bit floats, little endian) or as numbers
 * that read back as the same floats.  NGX_OK, NGX_ERROR ("failed" is set),
 * NGX_DECLINED: it is no vector of finite numbers.
 */
ngx_int_t ngx_llm_vector_write(ngx_llm_vector_t *vector, ngx_uint_t base64,
    ngx_llm_out_t *out);

/*
 * The number at *pos as the nearest 32-bit float; the text is JSON that goes
 * on behind it.  NGX_OK, NGX_DECLINED: too large for one
 */
ngx_int_t ngx_llm_vector_float(u_char **pos, u_char *last, float *value);


#endif /* _NGX_LLM_VECTOR_H_INCLUDED_ */
