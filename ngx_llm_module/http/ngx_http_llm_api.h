
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * llm_api: administration as JSON over HTTP.  docs/api.md lists its paths.
 */


#ifndef _NGX_HTTP_LLM_API_H_INCLUDED_
#define _NGX_HTTP_LLM_API_H_INCLUDED_


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_runtime.h"
#include "ngx_http_llm_standing.h"
#include "ngx_http_llm_walk.h"


/* a request's body is a definition, or less */
#define NGX_HTTP_LLM_API_BODY     16384


typedef struct {
    ngx_str_t                     name;     /* in the path, decoded */
    ngx_llm_json_t               *body;     /* NULL: none */
    ngx_str_t                     text;     /* of the body */
    ngx_http_llm_main_conf_t     *lmcf;
    ngx_int_t                     rc;       /* of an error that was sent */
} ngx_http_llm_api_call_t;


/* returns what ngx_http_finalize_request() takes */
typedef ngx_int_t (*ngx_http_llm_api_pt)(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);


/* ngx_http_llm_api.c: "llm_api", "llm_admin_token" */
char *ngx_http_llm_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_admin_token(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* an error in the shape of the gateway's own; code may be NULL */
ngx_int_t ngx_http_llm_api_error(ngx_http_request_t *r, ngx_uint_t status,
    char *code, const char *fmt, ...);

/* the same as a text, for an answer that was begun */
void ngx_http_llm_api_error_text(ngx_llm_out_t *out, ngx_uint_t status,
    char *code, char *text);

/* a whole answer */
ngx_int_t ngx_http_llm_api_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_llm_out_t *out);


/* ngx_http_llm_api_keys.c */
ngx_int_t ngx_http_llm_api_key_create(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_key_get(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_key_change(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_key_delete(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_key_rotate(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);

/* ngx_http_llm_api_limits.c */
ngx_int_t ngx_http_llm_api_key_reset(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_key_credit(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_team_reset(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_team_credit(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);

/* "limits":[...]: each with its standing, those of per= with none */
void ngx_http_llm_api_limits(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_ledger_t *ledger, ngx_http_llm_limits_t *limits,
    ngx_llm_out_t *out);

/* ngx_http_llm_api_list.c */
ngx_int_t ngx_http_llm_api_status(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_keys(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_teams(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_deployments(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_models(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_live(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
ngx_int_t ngx_http_llm_api_ready(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);

/* ngx_http_llm_api_users.c */
ngx_int_t ngx_http_llm_api_users(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);

/* ngx_http_llm_api_usage.c */
ngx_int_t ngx_http_llm_api_usage(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);

/* a key of that name, a template by its text; NULL: none */
ngx_http_llm_key_t *ngx_http_llm_api_find_key(ngx_http_llm_main_conf_t *lmcf,
    ngx_str_t *name);

/* one key as an object: that of the configuration, or one made at run time */
void ngx_http_llm_api_key(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_ledger_t *ledger, ngx_http_llm_key_t *key, ngx_llm_out_t *out);

/* nano-dollars of a cost as decimal dollars, all else as it is */
void ngx_http_llm_api_amount(ngx_llm_out_t *out, ngx_llm_unit_e unit,
    int64_t n);


#endif /* _NGX_HTTP_LLM_API_H_INCLUDED_ */
