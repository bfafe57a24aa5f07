
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Errors, as an answer or as an exception in a stream: both have a type, which
 * a header names, and a message.
 */


#include "ngx_llm_bedrock.h"


typedef struct {
    char        *name;
    ngx_uint_t   status;        /* that it counts as */
} ngx_llm_bedrock_type_t;


static ngx_str_t ngx_llm_bedrock_short_type(ngx_str_t *type);
static ngx_llm_bedrock_type_t *ngx_llm_bedrock_type(ngx_str_t *type);
static ngx_uint_t ngx_llm_bedrock_is_type(ngx_str_t *type, char *name);
static ngx_uint_t ngx_llm_bedrock_status(ngx_llm_json_t *root,
    ngx_str_t *type, ngx_uint_t status, ngx_str_t *message);
static ngx_str_t ngx_llm_bedrock_message(ngx_llm_json_t *root);
static ngx_str_t ngx_llm_bedrock_body_type(ngx_llm_json_t *root);
static void ngx_llm_bedrock_quota(ngx_llm_error_t *err, ngx_str_t *type);
static size_t ngx_llm_bedrock_cut(ngx_str_t *text);


/*
 * Of a time out at the model another try may do, of a failure in it too; what
 * is wrong with a key or its signature is the gateway's to mend.  The last ones
 * are SageMaker's.
 */

static ngx_llm_bedrock_type_t  ngx_llm_bedrock_types[] = {
    { "ValidationException", 400 },
    { "ConflictException", 400 },
    { "ServiceQuotaExceededException", 429 },
    { "AccessDeniedException", 403 },
    { "IncompleteSignature", 403 },
    { "IncompleteSignatureException", 403 },
    { "InvalidClientTokenId", 403 },
    { "UnrecognizedClientException", 403 },
    { "InvalidSignatureException", 403 },
    { "ExpiredTokenException", 403 },
    { "MissingAuthenticationTokenException", 403 },
    { "ResourceNotFoundException", 404 },
    { "ModelTimeoutException", 504 },
    { "ModelErrorException", 500 },
    { "ModelStreamErrorException", 500 },
    { "ThrottlingException", 429 },
    { "ModelNotReadyException", 429 },
    { "InternalServerException", 500 },
    { "InternalFailure", 500 },
    { "ServiceUnavailableException", 503 },

    { "ValidationError", 400 },
    { "ServiceUnavailable", 503 },
    { "InternalDependencyException", 500 },
    { "InternalStreamFailure", 500 },
    { "ModelStreamError", 500 },
    { NULL, 0 }
};


void
ngx_llm_bedrock_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    ngx_str_t  none;

    ngx_str_null(&none);

    ngx_llm_bedrock_error(pool, status, &none, text, err);
}


void
ngx_llm_bedrock_read_error_header(ngx_str_t *value, ngx_llm_error_t *err)
{
    ngx_str_t                type;
    ngx_llm_bedrock_type_t  *t;

    type = ngx_llm_bedrock_short_type(value);
    t = ngx_llm_bedrock_type(&type);

    /* what the text or the original status said is more exact */

    if (t == NULL
        || (err->fail & (NGX_LLM_FAIL_CONTEXT|NGX_LLM_FAIL_CONTENT
                         |NGX_LLM_FAIL_NO_MODEL))
        || t->status == 400 || t->status == 500)
    {
        return;
    }

    ngx_llm_error_status(err, t->status);
    ngx_llm_bedrock_quota(err, &type);
}


void
ngx_llm_bedrock_error(ngx_pool_t *pool, ngx_uint_t status, ngx_str_t *type,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    ngx_str_t        message, name;
    ngx_llm_json_t  *root;

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    root = ngx_llm_json_parse(pool, text, NULL);
    message = ngx_llm_bedrock_message(root);

    name = *type;

    if (name.len == 0) {
        name = ngx_llm_bedrock_body_type(root);
    }

    name = ngx_llm_bedrock_short_type(&name);

    status = ngx_llm_bedrock_status(root, &name, status, &message);

    ngx_llm_error_status(err, status);
    ngx_llm_bedrock_quota(err, &name);

    if (message.len == 0) {
        err->message = ngx_llm_error_body(pool, status, text);
        return;
    }

    ngx_llm_error_text(err, &message);

    message.len = ngx_llm_bedrock_cut(&message);

    err->message.data = ngx_pstrdup(pool, &message);

    if (err->message.data == NULL) {
        ngx_str_set(&err->message, "provider answered with an error");
        return;
    }

    err->message.len = message.len;
}


/* "com.amazon.coral#TypeName:http://..." is TypeName */

static ngx_str_t
ngx_llm_bedrock_short_type(ngx_str_t *type)
{
    u_char     *p, *last;
    ngx_str_t   name;

    name = *type;

    if (name.len == 0) {
        return name;
    }

    last = name.data + name.len;

    p = ngx_strlchr(name.data, last, ':');

    if (p != NULL) {
        last = p;
    }

    p = ngx_strlchr(name.data, last, '#');

    if (p != NULL) {
        name.data = p + 1;
    }

    name.len = last - name.data;

    return name;
}


/* exceptions in a stream begin with a small letter */

static ngx_llm_bedrock_type_t *
ngx_llm_bedrock_type(ngx_str_t *type)
{
    ngx_llm_bedrock_type_t  *t;

    for (t = ngx_llm_bedrock_types; t->name; t++) {
        if (ngx_llm_bedrock_is_type(type, t->name)) {
            return t;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_llm_bedrock_is_type(ngx_str_t *type, char *name)
{
    return type->len == ngx_strlen(name)
           && ngx_strncasecmp(type->data, (u_char *) name, type->len) == 0;
}


static ngx_uint_t
ngx_llm_bedrock_status(ngx_llm_json_t *root, ngx_str_t *type,
    ngx_uint_t status, ngx_str_t *message)
{
    int64_t                  original;
    ngx_llm_bedrock_type_t  *t;

    /* what the model's own server said, if that is the client's fault */

    original = ngx_llm_json_count(root, "originalStatusCode", 0);

    if (original >= 400 && original < 500) {
        return (ngx_uint_t) original;
    }

    t = ngx_llm_bedrock_type(type);

    if (t != NULL) {
        status = t->status;
    }

    switch (status) {

    case 0:
    case 424:
        return 500;

    case 400:

        /* the model's name is of the configuration: another may do */

        if (ngx_llm_bedrock_has(message, "on-demand throughput isn")
            || ngx_llm_bedrock_has(message,
                                   "model identifier is invalid"))
        {
            return 404;
        }

        return 400;

    case 408:
        return 504;

    default:
        return status;
    }
}


static ngx_str_t
ngx_llm_bedrock_message(ngx_llm_json_t *root)
{
    size_t     i;
    ngx_str_t  message;

    static char  *names[] = {
        "originalMessage", "message", "Message", "errorMessage", NULL
    };

    ngx_str_null(&message);

    for (i = 0; names[i]; i++) {
        message = ngx_llm_json_str(root, names[i]);

        if (message.len) {
            break;
        }
    }

    return message;
}


static ngx_str_t
ngx_llm_bedrock_body_type(ngx_llm_json_t *root)
{
    size_t     i;
    ngx_str_t  type;

    static char  *names[] = { "__type", "code", "Code", NULL };

    ngx_str_null(&type);

    for (i = 0; names[i]; i++) {
        type = ngx_llm_json_str(root, names[i]);

        if (type.len) {
            break;
        }
    }

    return type;
}


static void
ngx_llm_bedrock_quota(ngx_llm_error_t *err, ngx_str_t *type)
{
    if (ngx_llm_bedrock_is_type(type, "ServiceQuotaExceededException")) {
        ngx_str_set(&err->code, "insufficient_quota");
    }
}


/* neither an escape nor a character is cut in two */

static size_t
ngx_llm_bedrock_cut(ngx_str_t *text)
{
    u_char    *last, *next, *p;
    uint32_t   c;

    p = text->data;
    last = p + text->len;

    while (p < last) {
        next = ngx_llm_anthropic_char(p, last, &c);

        if (next - text->data > NGX_LLM_MAX_ERROR_TEXT) {
            break;
        }

        p = next;
    }

    return p - text->data;
}
