
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * GET /v1/models and /v1/models/{id}: what this key may use here, in one
 * answer that OpenAI's and Anthropic's clients both read.
 */


#include "ngx_http_llm.h"
#include "ngx_http_llm_endpoint.h"


#define NGX_HTTP_LLM_MAX_MODELS  (16 * 1024 * 1024)


static ngx_int_t ngx_http_llm_models_list(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_array_t *names);
static ngx_uint_t ngx_http_llm_models_wins(ngx_http_llm_main_conf_t *lmcf,
    ngx_str_t *name, ngx_http_llm_model_t *model);
static ngx_int_t ngx_http_llm_models_add(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_array_t *names, ngx_str_t *name,
    ngx_http_llm_model_t *model);
static void ngx_http_llm_models_write(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_out_t *out, ngx_str_t *name, ngx_http_llm_model_t *model);


typedef struct {
    ngx_str_t              name;
    ngx_http_llm_model_t  *model;
} ngx_http_llm_listed_t;


ngx_int_t
ngx_http_llm_models_handler(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_str_t *id)
{
    ngx_uint_t                 i;
    ngx_array_t                names;
    ngx_llm_out_t              out;
    ngx_llm_error_t            err;
    ngx_http_llm_listed_t     *listed;
    ngx_http_llm_pattern_t    *pattern;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_MAX_MODELS);

    if (id) {
        pattern = ngx_http_llm_names_find(&lmcf->model_names, id, NULL);

        if (pattern == NULL || !ngx_http_llm_model_allowed(r, ctx, id)) {

            /* a name that this key may not use is not told from no name */

            (void) ngx_llm_error(r->pool, &err, NGX_HTTP_NOT_FOUND,
                                 "invalid_request_error", "model_not_found",
                                 "model", "the model \"%V\" does not exist or "
                                 "may not be used with this key", id);

            return ngx_http_llm_send_error(r, ctx, &err);
        }

        ngx_http_llm_models_write(lmcf, &out, id, pattern->value);

        return ngx_http_llm_send_json(r, ctx, &out);
    }

    if (ngx_array_init(&names, r->pool, 16, sizeof(ngx_http_llm_listed_t))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_llm_models_list(r, ctx, &names) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    listed = names.elts;

    ngx_llm_out_lit(&out, "{\"object\":\"list\",\"data\":[");

    for (i = 0; i < names.nelts; i++) {
        if (i) {
            ngx_llm_out_char(&out, ',');
        }

        ngx_http_llm_models_write(lmcf, &out, &listed[i].name,
                                  listed[i].model);
    }

    ngx_llm_out_lit(&out, "],\"has_more\":false,\"first_id\":");

    if (names.nelts) {
        ngx_llm_out_json_string(&out, &listed[0].name);
        ngx_llm_out_lit(&out, ",\"last_id\":");
        ngx_llm_out_json_string(&out, &listed[names.nelts - 1].name);
        ngx_llm_out_char(&out, '}');

    } else {
        ngx_llm_out_lit(&out, "null,\"last_id\":null}");
    }

    return ngx_http_llm_send_json(r, ctx, &out);
}


/*
 * Exact names, aliases among them, as they stand in the file, and in the
 * place of a pattern what its model's "list" says.
 */

static ngx_int_t
ngx_http_llm_models_list(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_array_t *names)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i, n;
    ngx_http_llm_model_t       *model;
    ngx_http_llm_pattern_t    **pattern;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    pattern = lmcf->model_names.patterns.elts;

    for (i = 0; i < lmcf->model_names.patterns.nelts; i++) {

        model = pattern[i]->value;

        if (pattern[i]->kind == NGX_HTTP_LLM_EXACT) {

            if (ngx_http_llm_models_add(r, ctx, names, &pattern[i]->text,
                                        model)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        /* a model's other patterns are aliases: its list stands once */

        if (pattern[i]->text.len != model->name.len
            || ngx_strncmp(pattern[i]->text.data, model->name.data,
                           model->name.len)
               != 0)
        {
            continue;
        }

        name = model->list.elts;

        for (n = 0; n < model->list.nelts; n++) {

            if (!ngx_http_llm_models_wins(lmcf, &name[n], model)) {
                continue;
            }

            if (ngx_http_llm_models_add(r, ctx, names, &name[n], model)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* does a name of a model's list lead to that model, by one of its patterns? */

static ngx_uint_t
ngx_http_llm_models_wins(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name,
    ngx_http_llm_model_t *model)
{
    ngx_http_llm_pattern_t  *pattern;

    pattern = ngx_http_llm_names_find(&lmcf->model_names, name, NULL);

    return pattern
           && pattern->kind != NGX_HTTP_LLM_EXACT
           && pattern->value == model;
}


static ngx_int_t
ngx_http_llm_models_add(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_array_t *names, ngx_str_t *name, ngx_http_llm_model_t *model)
{
    ngx_http_llm_listed_t  *listed;

    if (!ngx_http_llm_model_allowed(r, ctx, name)) {
        return NGX_OK;
    }

    listed = ngx_array_push(names);
    if (listed == NULL) {
        return NGX_ERROR;
    }

    listed->name = *name;
    listed->model = model;

    return NGX_OK;
}


static void
ngx_http_llm_models_write(ngx_http_llm_main_conf_t *lmcf, ngx_llm_out_t *out,
    ngx_str_t *name, ngx_http_llm_model_t *model)
{
    ngx_tm_t                    tm;
    ngx_str_t                   time;
    ngx_http_llm_deployment_t  *dep;
    u_char                      buf[sizeof("1970-01-01T00:00:00Z")];

    ngx_gmtime(lmcf->created, &tm);

    time.data = buf;
    time.len = ngx_sprintf(buf, "%4d-%02d-%02dT%02d:%02d:%02dZ", tm.ngx_tm_year,
                           tm.ngx_tm_mon, tm.ngx_tm_mday, tm.ngx_tm_hour,
                           tm.ngx_tm_min, tm.ngx_tm_sec)
               - buf;

    ngx_llm_out_lit(out, "{\"id\":");
    ngx_llm_out_json_string(out, name);

    ngx_llm_out_lit(out, ",\"object\":\"model\",\"created\":");
    ngx_llm_out_int(out, lmcf->created);

    ngx_llm_out_lit(out, ",\"owned_by\":");

    if (model->deployments.nelts) {
        dep = model->deployments.elts;
        ngx_llm_out_json_string(out, &dep[0].provider->name);

    } else {
        ngx_llm_out_lit(out, "\"system\"");
    }

    ngx_llm_out_lit(out, ",\"type\":\"model\",\"display_name\":");
    ngx_llm_out_json_string(out, name);

    ngx_llm_out_lit(out, ",\"created_at\":");
    ngx_llm_out_json_string(out, &time);

    /* what Anthropic's clients expect to be there, though it is not known */

    ngx_llm_out_lit(out, ",\"max_input_tokens\":null,\"max_tokens\":null,"
                         "\"capabilities\":null,\"lifecycle\":\"active\"}");
}


ngx_int_t
ngx_http_llm_send_json(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_out_t *text)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;

    if (text->failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_llm_add_headers(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = ngx_llm_out_len(text);

    ctx->own = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = text->start;
    b->last = text->last;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
