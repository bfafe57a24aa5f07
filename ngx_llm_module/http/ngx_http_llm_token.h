
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Access tokens of providers: fetched by one process at a time, known to all,
 * renewed before they end.
 */


#ifndef _NGX_HTTP_LLM_TOKEN_H_INCLUDED_
#define _NGX_HTTP_LLM_TOKEN_H_INCLUDED_


#include "ngx_http_llm_fetch.h"
#include "ngx_llm_token.h"


typedef enum {
    NGX_HTTP_LLM_TOKEN_ACCOUNT = 0,             /* Google's */
    NGX_HTTP_LLM_TOKEN_CLIENT,                  /* Microsoft Entra, others */
    NGX_HTTP_LLM_TOKEN_APIKEY                   /* IBM Cloud */
} ngx_http_llm_token_e;


/* of one key of a provider */

struct ngx_http_llm_token_s {
    ngx_http_llm_provider_t      *provider;
    ngx_http_llm_site_t          *site;
    ngx_http_llm_token_e          kind;
    ngx_llm_account_t            *account;      /* of an account */
    ngx_str_t                     secret;       /* of the others: the key */
    u_char                        key[NGX_HTTP_LLM_DIGEST];
    ngx_uint_t                    slot;         /* in the zone */

    /* of this process */
    ngx_http_llm_fetch_t         *fetch;        /* under way, or NULL */
    ngx_queue_t                   waiters;
    ngx_event_t                   timer;
};


/* what the zone tells of a token */

typedef struct {
    ngx_uint_t                    version;      /* another one each time */
    time_t                        refresh;      /* when it is to be renewed */
    ngx_str_t                     value;        /* copied, if asked for */
    unsigned                      valid:1;
    unsigned                      refused:1;    /* the last answer was no */
} ngx_http_llm_token_view_t;


/* ngx_http_llm_token_conf.c: while the configuration is read */

/* the url of a preset with "{location}" in it; NGX_DECLINED: it has none */
ngx_int_t ngx_http_llm_location_url(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p, ngx_str_t *url);

/* as ngx_http_llm_secret_read(), also through a variable that names a file */
ngx_int_t ngx_http_llm_token_secret(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p, ngx_str_t *source, ngx_str_t *value);

/* the value of "project", "location" ..., for ngx_conf_post_t */
char *ngx_http_llm_token_name(ngx_conf_t *cf, void *post, void *data);

/* the value of "client_id", for ngx_conf_post_t */
char *ngx_http_llm_token_client(ngx_conf_t *cf, void *post, void *data);

/* when the keys of a provider are read: its tokens, and its project's path */
ngx_int_t ngx_http_llm_tokens_conf(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p);


/* ngx_http_llm_token_zone.c: slots in shared memory */

/* when the whole file is read: a zone, if there are tokens */
ngx_int_t ngx_http_llm_tokens_zone(ngx_conf_t *cf);

/*
 * The token of now, marked as used; pool: where its value is copied to, NULL:
 * nowhere.
 */
ngx_int_t ngx_http_llm_token_look(ngx_http_llm_token_t *token,
    ngx_pool_t *pool, ngx_http_llm_token_view_t *view);

/*
 * Who fetches?  NGX_OK: this process, until it stores or fails; NGX_BUSY:
 * another one does; NGX_DECLINED: nobody before *wait seconds are over, 0 is
 * never.
 */
ngx_int_t ngx_http_llm_token_lease(ngx_http_llm_token_t *token,
    time_t *wait);

void ngx_http_llm_token_store(ngx_http_llm_token_t *token, ngx_str_t *value,
    ngx_int_t expires);

/* retry_after: seconds, or -1; returns the seconds until the next try */
time_t ngx_http_llm_token_failed(ngx_http_llm_token_t *token,
    ngx_uint_t refused, ngx_int_t retry_after);

/* NGX_OK: it is not valid any more; NGX_DECLINED: it stays */
ngx_int_t ngx_http_llm_token_drop(ngx_http_llm_token_t *token,
    ngx_uint_t version);


/* ngx_http_llm_token.c */

/*
 * NGX_OK: there is one, or none is needed; NGX_AGAIN: it is being fetched;
 * NGX_DECLINED: that failed lately.  The waiter is as that of addresses.
 */
ngx_int_t ngx_http_llm_tokens_ready(ngx_http_llm_provider_t *provider,
    ngx_http_llm_waiter_t *waiter);

/* sets what the attempt goes out with, if there is a token */
ngx_int_t ngx_http_llm_token_attempt(ngx_http_llm_attempt_t *at);

/* the provider said 401 to it */
void ngx_http_llm_token_refused(ngx_http_llm_attempt_t *at);


#endif /* _NGX_HTTP_LLM_TOKEN_H_INCLUDED_ */
