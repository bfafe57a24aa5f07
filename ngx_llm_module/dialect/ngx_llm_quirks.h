
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Where servers that speak a dialect differ from its inventor.  Quirks are
 * data of a row of the catalogue; the dialect's writer looks at them in one
 * place for a request written anew and for one that is edited.  So far the
 * OpenAI dialect does.
 */


#ifndef _NGX_LLM_QUIRKS_H_INCLUDED_
#define _NGX_LLM_QUIRKS_H_INCLUDED_


#include "ngx_llm_dialect.h"
#include "ngx_llm_rerank.h"


/* the limit goes by the old name, "max_tokens" */
#define NGX_LLM_QUIRK_MAX_TOKENS         0x0001

/* models that reason want the new one, "max_completion_tokens" */
#define NGX_LLM_QUIRK_REASONS            0x0002

/* "stream_options" is refused */
#define NGX_LLM_QUIRK_NO_STREAM_OPTIONS  0x0004

/* there is no role "developer" */
#define NGX_LLM_QUIRK_SYSTEM             0x0008

/* content is a string: lists of texts are joined */
#define NGX_LLM_QUIRK_TEXT               0x0010

/* members that the API does not know are refused, but for "members" */
#define NGX_LLM_QUIRK_STRICT             0x0020

/* a key that is a JSON web token goes as bearer, in spite of key_header */
#define NGX_LLM_QUIRK_BEARER_TOKEN       0x0040

/* a url without a path means the root */
#define NGX_LLM_QUIRK_ROOT               0x0080


typedef struct {
    char                        *name;
    ngx_str_t                    value;
} ngx_llm_quirk_header_t;


struct ngx_llm_quirks_s {
    ngx_uint_t                     flags;       /* NGX_LLM_QUIRK_* */
    uint64_t                       lacks;       /* parameters: bits */
    uint64_t                       takes;       /* beyond the dialect's own */
    char                          *key_header;  /* NULL: authorization */
    char                          *reasoning;   /* of a message that calls
                                                   tools: sent back so */
    char                         **members;     /* ends with NULL; or NULL */
    const ngx_llm_quirk_header_t  *headers;     /* likewise, of every request */

    /* MAY be NULL: the dialect's path */
    void                         (*write_path)(ngx_llm_chat_t *chat,
                                     ngx_llm_target_t *target,
                                     ngx_llm_out_t *out);

    /*
     * MAY be NULL: these quirks hold for every version.  Else those of a
     * version, which may be empty; NULL: it is not one.
     */
    const ngx_llm_quirks_t      *(*version)(ngx_str_t *api_version);

    ngx_uint_t                     max_inputs;  /* texts of a request for
                                                   embeddings; 0: as many as
                                                   the dialect has */

    const ngx_llm_rerank_form_t   *rerank;      /* NULL: the dialect's */
    char                          *key_prefix;  /* before the key, in
                                                   key_header; or NULL */
};


#define ngx_llm_quirk(target, flag)                                          \
    ((target)->quirks && ((target)->quirks->flags & (flag)))


/* ngx_llm_azure.c: Azure OpenAI, and the older API for other models there */
extern const ngx_llm_quirks_t  ngx_llm_azure;
extern const ngx_llm_quirks_t  ngx_llm_azure_models;

/* ngx_llm_watsonx.c: nothing but that versions are dates */
extern const ngx_llm_quirks_t  ngx_llm_watsonx_quirks;


#endif /* _NGX_LLM_QUIRKS_H_INCLUDED_ */
