
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Errors: of the container, with its status and its body as a text (ModelError,
 * 424), or of the service before the container is reached.
 */


#include "ngx_llm_sagemaker.h"
#include "ngx_llm_bedrock.h"
#include "ngx_llm_events.h"
#include "ngx_llm_openai.h"


static ngx_uint_t ngx_llm_sagemaker_unknown(ngx_str_t *message);


void
ngx_llm_sagemaker_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    int64_t          original;
    ngx_str_t        none, body;
    ngx_llm_json_t  *root;

    ngx_str_null(&none);

    root = ngx_llm_json_parse(pool, text, NULL);

    original = ngx_llm_json_count(root, "OriginalStatusCode", 0);
    body = ngx_llm_json_str(root, "OriginalMessage");

    if (original < 400 || original > 599) {
        original = 500;
    }

    if (body.len) {
        body = ngx_llm_json_plain(pool, &body);
    }

    if (body.len) {
        ngx_llm_openai_read_error(pool, original, &body, err);
        return;
    }

    if (ngx_llm_json_get(root, "OriginalStatusCode") != NULL) {
        status = original;
    }

    ngx_llm_bedrock_error(pool, status, &none, text, err);

    /* the endpoint is of the configuration: another may do */

    if (err->fail == NGX_LLM_FAIL_REQUEST
        && ngx_llm_sagemaker_unknown(&err->message))
    {
        ngx_llm_error_status(err, 404);
    }
}


static ngx_uint_t
ngx_llm_sagemaker_unknown(ngx_str_t *message)
{
    return ngx_llm_answer_has(message, "not found")
           || ngx_llm_answer_has(message, "inference component name header");
}
