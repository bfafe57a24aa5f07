
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the files of http/ share: configuration, the request's context, the
 * attempt, and who offers what to whom.
 */


#ifndef _NGX_HTTP_LLM_H_INCLUDED_
#define _NGX_HTTP_LLM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_compat.h"
#include "ngx_llm_dialect.h"
#include "ngx_llm_rerank.h"
#include "ngx_llm_ledger.h"
#include "ngx_llm_wait.h"


/* a plain answer is held whole; an error's body needs less */
#define NGX_HTTP_LLM_MAX_ANSWER   (64 * 1024 * 1024)
#define NGX_HTTP_LLM_MAX_REFUSAL  65536

/* of a stream before its first token: roles, comments, pings */
#define NGX_HTTP_LLM_MAX_HELD     (1024 * 1024)


typedef struct ngx_http_llm_ctx_s         ngx_http_llm_ctx_t;
typedef struct ngx_http_llm_attempt_s     ngx_http_llm_attempt_t;
typedef struct ngx_http_llm_provider_s    ngx_http_llm_provider_t;
typedef struct ngx_http_llm_model_s       ngx_http_llm_model_t;
typedef struct ngx_http_llm_deployment_s  ngx_http_llm_deployment_t;
typedef struct ngx_http_llm_peers_s       ngx_http_llm_peers_t;
typedef struct ngx_http_llm_mock_s        ngx_http_llm_mock_t;
typedef struct ngx_http_llm_prices_s      ngx_http_llm_prices_t;
typedef struct ngx_http_llm_site_s        ngx_http_llm_site_t;
typedef struct ngx_http_llm_token_s       ngx_http_llm_token_t;
typedef struct ngx_http_llm_main_conf_s   ngx_http_llm_main_conf_t;
typedef struct ngx_http_llm_limits_s      ngx_http_llm_limits_t;
typedef struct ngx_http_llm_team_s        ngx_http_llm_team_t;
typedef struct ngx_http_llm_calendar_s    ngx_http_llm_calendar_t;
typedef struct ngx_http_llm_account_s     ngx_http_llm_account_t;
typedef struct ngx_http_llm_typical_s     ngx_http_llm_typical_t;
typedef struct ngx_http_llm_call_s        ngx_http_llm_call_t;


/* blocks: ngx_http_llm_block.c */

/*
 * Reads the block that follows, one statement a line: each is looked up in
 * the table given (type: NGX_CONF_TAKE* and the like; conf: not used; offset
 * and post as in any directive), set with the conf given; "include" works.
 * what names the block in errors.
 */
char *ngx_http_llm_block(ngx_conf_t *cf, ngx_command_t *commands, void *conf,
    char *what);

/* one such statement, in cf->args; no "include" */
char *ngx_http_llm_block_statement(ngx_conf_t *cf, ngx_command_t *commands,
    void *conf, char *what);


/* patterns: ngx_http_llm_pattern.c */

/* no name is longer; bounds what a regex may work on, too */

#define NGX_HTTP_LLM_MAX_NAME     256


typedef enum {
    NGX_HTTP_LLM_EXACT = 0,
    NGX_HTTP_LLM_WILDCARD,
    NGX_HTTP_LLM_REGEX
} ngx_http_llm_pattern_e;


typedef struct {
    ngx_str_t                     text;
    ngx_http_llm_pattern_e        kind;
    ngx_str_t                     prefix;       /* WILDCARD: before the * */
    ngx_str_t                     suffix;
#if (NGX_PCRE)
    ngx_regex_t                  *regex;
#endif
    ngx_uint_t                    ncaptures;
    ngx_uint_t                    nnames;       /* named captures */
    size_t                        name_size;
    u_char                       *names;
    void                         *value;        /* what it stands for */
    u_char                       *file;         /* where it was written */
    ngx_uint_t                    line;
} ngx_http_llm_pattern_t;


/* what matched: slices of the name */

#define NGX_HTTP_LLM_CAPTURES     10

typedef struct {
    ngx_http_llm_pattern_t       *pattern;
    ngx_str_t                     star;
    ngx_str_t                     capture[NGX_HTTP_LLM_CAPTURES];
    ngx_uint_t                    ncaptures;
} ngx_http_llm_match_t;


/* a set of patterns, looked up as server names are */

typedef struct {
    ngx_array_t                   patterns;     /* ngx_http_llm_pattern_t * */
    ngx_http_llm_pattern_t      **table;        /* by text, open addressing */
    ngx_uint_t                    size;         /* of it, a power of two */
    ngx_array_t                   wildcards;    /* longest literal first */
    ngx_array_t                   regexes;      /* as in the file */
} ngx_http_llm_names_t;


/* parses a pattern; EMERG is logged on NGX_ERROR */
ngx_int_t ngx_http_llm_pattern_parse(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_llm_pattern_t *pattern);

/* match may be NULL; NGX_OK or NGX_DECLINED */
ngx_int_t ngx_http_llm_pattern_match(ngx_http_llm_pattern_t *pattern,
    ngx_str_t *name, ngx_http_llm_match_t *match);

/* the arguments of a directive as an array of patterns; key.c */
char *ngx_http_llm_patterns(ngx_conf_t *cf, ngx_array_t **patterns);

ngx_int_t ngx_http_llm_names_init(ngx_conf_t *cf,
    ngx_http_llm_names_t *names);

/* refuses a second pattern of the same text naming both places ("what" is
 * "model", "key") */
char *ngx_http_llm_names_add(ngx_conf_t *cf, ngx_http_llm_names_t *names,
    ngx_str_t *text, void *value, char *what);

/* once, when all are added */
ngx_int_t ngx_http_llm_names_done(ngx_conf_t *cf,
    ngx_http_llm_names_t *names);

ngx_http_llm_pattern_t *ngx_http_llm_names_find(ngx_http_llm_names_t *names,
    ngx_str_t *name, ngx_http_llm_match_t *match);

/*
 * a template: "*" is what the star matched, $1 and $name the captures; checked
 * against the pattern while the configuration is read
 */
char *ngx_http_llm_template_check(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_llm_pattern_t *pattern);
ngx_int_t ngx_http_llm_template_run(ngx_pool_t *pool, ngx_str_t *text,
    ngx_http_llm_match_t *match, ngx_str_t *value);


/* secrets: ngx_http_llm_secret.c */

#define NGX_HTTP_LLM_DIGEST       32            /* bytes of SHA-256 */


/*
 * "env:VAR", "file:/path", "none", of a provider: value gets the secret, or is
 * empty for none.  A missing one: at a start NGX_DECLINED with a warning, on
 * a reload NGX_ERROR with EMERG.  Nothing is ever logged of the value.
 */
ngx_int_t ngx_http_llm_secret_read(ngx_conf_t *cf, ngx_str_t *source,
    ngx_str_t *value);

/* "sha256:HEX", "env:VAR", "file:/path" of a client's key: 32 bytes */
ngx_int_t ngx_http_llm_secret_digest(ngx_conf_t *cf, ngx_str_t *source,
    u_char *digest);

void ngx_http_llm_sha256(u_char *data, size_t len, u_char *digest);


/* the four clocks; NGX_CONF_UNSET_MSEC: not said */

typedef struct {
    ngx_msec_t                    connect;
    ngx_msec_t                    first_token;
    ngx_msec_t                    read;
    ngx_msec_t                    total;
} ngx_http_llm_clocks_t;


/* providers: ngx_http_llm_provider.c */

struct ngx_http_llm_provider_s {
    ngx_str_t                     name;
    ngx_str_t                     preset;       /* empty: none */
    const ngx_llm_dialect_t      *dialect;

    ngx_str_t                     url;          /* as written */
    ngx_str_t                     host;         /* without port; SNI */
    ngx_str_t                     authority;    /* the Host header */
    ngx_str_t                     base;         /* path, no final slash */
    in_port_t                     port;
    ngx_str_t                     unix_path;    /* of unix: urls */

    ngx_array_t                   keys;         /* ngx_str_t, readable ones */
    ngx_uint_t                    next_key;     /* of this worker */
    ngx_array_t                  *headers;      /* ngx_keyval_t, extra lines */
    char                         *key_header;   /* of its key; NULL: as usual */
    ngx_str_t                     key_prefix;   /* with it, before the key */
    ngx_str_t                     api_version;
    ngx_str_t                     region;
    uint64_t                      drop;         /* drop_params */
    ngx_array_t                  *sets;         /* set_param: ngx_llm_set_t;
                                                   NULL: none */
    const ngx_llm_quirks_t       *quirks;       /* of the preset, or NULL */
    const ngx_llm_rerank_form_t  *rerank;       /* NULL: not said */
    ngx_str_t                     rerank_path;  /* empty: that of the form */

    /* ngx_http_llm_token.h */
    ngx_str_t                     project;
    ngx_str_t                     location;
    ngx_str_t                     space;
    ngx_str_t                     tenant;
    ngx_str_t                     client_id;
    ngx_str_t                     scope;
    ngx_str_t                     token_url;
    ngx_array_t                  *tokens;       /* ngx_http_llm_token_t, one
                                                   for each key; NULL: none */

    ngx_http_llm_clocks_t         clocks;       /* only total may be unset */
    ngx_uint_t                    keepalive;

    /* ssl_*: as the directives of proxy */
    ngx_flag_t                    ssl_verify;
    ngx_flag_t                    ssl_server_name;
    ngx_uint_t                    ssl_verify_depth;
    ngx_uint_t                    ssl_protocols;
    ngx_str_t                     ssl_name;     /* the host if not said */
    ngx_str_t                     ssl_ciphers;
    ngx_str_t                     ssl_trusted_certificate;
    ngx_str_t                     ssl_certificate;
    ngx_str_t                     ssl_certificate_key;

    /*
     * one for ever: newer nginx keys idle connections by its address; its
     * timeouts are out of the way of the module's clocks
     */
    ngx_http_upstream_conf_t      upstream;
    ngx_http_llm_peers_t         *peers;        /* NULL: a block of the user */
    ngx_http_llm_limits_t        *limits;       /* NULL: none */
    ngx_http_llm_model_t         *direct;       /* it alone, for who asks for
                                                   a provider */

    u_char                       *file;
    ngx_uint_t                    line;
    unsigned                      ssl:1;
    unsigned                      no_key:1;     /* key none, or none given */
    unsigned                      key_missing:1;  /* none could be read */
    unsigned                      absolute:1;   /* host ended with a dot */
};


char *ngx_http_llm_provider(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

ngx_http_llm_provider_t *ngx_http_llm_provider_find(ngx_conf_t *cf,
    ngx_str_t *name);

/* ngx_http_llm_provider_url.c: sets what the url says */
ngx_int_t ngx_http_llm_provider_url(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p);

/* ngx_http_llm_provider_upstream.c */

/*
 * NGX_OK: the host is an upstream block of the user, which may stand below
 * the provider.  Then the block that the module wrote lies idle.  NGX_DECLINED:
 * it is none; NGX_ERROR.
 */
ngx_int_t ngx_http_llm_provider_upstream(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p);

/* when the whole file is read: upstream blocks, TLS contexts, agreement */
ngx_int_t ngx_http_llm_providers_init(ngx_conf_t *cf);


/*
 * addresses of a provider whose block the module wrote: ngx_http_llm_peers.c
 */

#define NGX_HTTP_LLM_ADDRS        16

typedef struct {
    ngx_uint_t                    naddrs;
    ngx_sockaddr_t                addr[NGX_HTTP_LLM_ADDRS];
    socklen_t                     len[NGX_HTTP_LLM_ADDRS];
    time_t                        valid;        /* wall clock */
} ngx_http_llm_addrs_t;


typedef struct {
    ngx_queue_t                   queue;
    void                        (*handler)(void *data);
    void                         *data;
    unsigned                      active:1;
} ngx_http_llm_waiter_t;


/* the directive llm_peers, which stands in such blocks only */
char *ngx_http_llm_peers(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * NGX_OK: there are addresses (a refresh may have been started); NGX_AGAIN:
 * a look-up is under way; NGX_DECLINED: it failed lately, see "retry at".
 * With a waiter, NGX_AGAIN puts it in line: its handler is called once, from
 * the event loop, whatever comes of the look-up.
 */
ngx_int_t ngx_http_llm_peers_ready(ngx_http_llm_peers_t *peers,
    ngx_http_llm_waiter_t *waiter);
void ngx_http_llm_peers_cancel(ngx_http_llm_waiter_t *waiter);

/* per process: where its turns begin, so that workers do not go in step */
ngx_int_t ngx_http_llm_peers_init_process(ngx_cycle_t *cycle);

/* addresses of a host that is no block of the user, and the block for them */
ngx_http_llm_peers_t *ngx_http_llm_peers_create(ngx_conf_t *cf,
    ngx_http_llm_provider_t *provider);

/* the same without a block, for calls that belong to no request */
ngx_http_llm_peers_t *ngx_http_llm_peers_alone(ngx_conf_t *cf,
    ngx_http_llm_provider_t *provider);

typedef struct {
    ngx_sockaddr_t                sockaddr;
    socklen_t                     socklen;
    ngx_str_t                     name;
    u_char                        text[NGX_SOCKADDR_STRLEN];
} ngx_http_llm_addr_t;

/* a copy of the n-th to be tried; NGX_DECLINED: there are no more */
ngx_int_t ngx_http_llm_peers_address(ngx_http_llm_peers_t *peers,
    ngx_uint_t n, ngx_http_llm_addr_t *addr);

/* when the whole file is read: fixed addresses or a resolver */
ngx_int_t ngx_http_llm_peers_init(ngx_conf_t *cf,
    ngx_http_llm_peers_t *peers);


/* what the system says about names: ngx_http_llm_resolv.c */

typedef struct {
    ngx_array_t                   servers;      /* ngx_str_t */
    ngx_array_t                   search;       /* ngx_str_t */
    ngx_uint_t                    ndots;
    time_t                        timeout;
    ngx_str_t                     hosts;        /* text of /etc/hosts */
    ngx_resolver_t               *resolver;     /* made when first needed */
    unsigned                      ipv6:1;       /* of use on this machine */
} ngx_http_llm_resolv_t;


/* read once a configuration, NULL on an error */
ngx_http_llm_resolv_t *ngx_http_llm_resolv(ngx_conf_t *cf);
ngx_resolver_t *ngx_http_llm_resolv_resolver(ngx_conf_t *cf,
    ngx_http_llm_resolv_t *resolv);

/* a literal, or what the text of a hosts file says: NGX_OK, NGX_DECLINED */
ngx_int_t ngx_http_llm_resolv_literal(ngx_str_t *host,
    ngx_http_llm_addrs_t *addrs);
ngx_int_t ngx_http_llm_resolv_hosts(ngx_http_llm_resolv_t *resolv,
    ngx_str_t *host, ngx_http_llm_addrs_t *addrs);

/* the n-th name to ask for in place of host; NGX_DECLINED: no more */
ngx_int_t ngx_http_llm_resolv_name(ngx_http_llm_resolv_t *resolv,
    ngx_str_t *host, ngx_uint_t *n, u_char *buf, ngx_str_t *name);

#define NGX_HTTP_LLM_NAME         255           /* longest name in DNS */


/* TLS contexts: ngx_http_llm_ssl.c */

/* for all providers: equal settings share one */
ngx_int_t ngx_http_llm_ssl_init(ngx_conf_t *cf);

/* do both want the same of TLS? */
ngx_uint_t ngx_http_llm_ssl_equal(ngx_http_llm_provider_t *one,
    ngx_http_llm_provider_t *two);


/* models: ngx_http_llm_model.c */

struct ngx_http_llm_deployment_s {
    ngx_http_llm_model_t         *model;
    ngx_http_llm_provider_t      *provider;
    ngx_str_t                     name;         /* provider's, a template */
    ngx_str_t                     as;           /* in the price list */
    ngx_str_t                     id;           /* model/provider/name */
    ngx_int_t                     weight;
    ngx_int_t                     current;      /* smooth round robin, of this
                                                   worker */
    ngx_uint_t                    tier;
    ngx_array_t                  *sets;         /* of provider and model */
    ngx_uint_t                    health;       /* slot in the zone + 1 */
    ngx_str_t                     provider_name;

    /* ngx_http_llm_price.h */
    ngx_array_t                  *rates;        /* ngx_llm_price_item_t */
    uint32_t                      rate_above;   /* while they are read */
    uint16_t                      rate_service;
    const ngx_llm_price_t        *price;        /* NULL: none, or varies */
    const ngx_llm_price_t        *facts;        /* context, in a list */

    u_char                       *file;
    ngx_uint_t                    line;
    unsigned                      down:1;
    unsigned                      price_varies:1;  /* with the request */
};


typedef struct {
    ngx_uint_t                    on;           /* NGX_LLM_FAIL_*; 0: "next" */
    unsigned                      embeddings:1;
    ngx_array_t                   names;        /* ngx_str_t */
    u_char                       *file;
    ngx_uint_t                    line;
} ngx_http_llm_fallback_t;


struct ngx_http_llm_model_s {
    ngx_str_t                     name;         /* the pattern's text */
    ngx_array_t                   patterns;     /* ngx_http_llm_pattern_t *,
                                                   aliases included */
    ngx_array_t                   deployments;  /* ngx_http_llm_deployment_t */
    ngx_array_t                   fallbacks;    /* ngx_http_llm_fallback_t */
    ngx_array_t                   list;         /* ngx_str_t: for /v1/models */
    ngx_http_complex_value_t     *route;
    ngx_uint_t                    tries;        /* 0: each deployment once */
    ngx_uint_t                    next;         /* 0: the location's */
    ngx_http_llm_clocks_t         clocks;
    uint64_t                      drop;
    ngx_array_t                  *sets;         /* as a provider's */
    ngx_uint_t                    cooldown_fails;   /* 0: off */
    ngx_msec_t                    cooldown_window;
    ngx_msec_t                    cooldown_time;
    ngx_msec_t                    cooldown_max;
    int64_t                       max_tokens;   /* 0: the dialect's default */
    ngx_array_t                  *rates;        /* ngx_llm_price_item_t */
    const ngx_llm_price_t        *price;        /* NULL: not its own */
    uint32_t                      context;      /* tokens; 0: not said */
    ngx_http_llm_limits_t        *limits;       /* NULL: none */
    u_char                       *file;
    ngx_uint_t                    line;
};


char *ngx_http_llm_model(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_llm_models_init(ngx_conf_t *cf);

/* ngx_http_llm_deployment.c: a statement of llm_model */
char *ngx_http_llm_deployment(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* may its names, as templates, be filled from what the pattern matches? */
char *ngx_http_llm_deployment_templates(ngx_conf_t *cf,
    ngx_http_llm_deployment_t *dep, ngx_http_llm_pattern_t *pattern);

/* when all providers are known */
ngx_int_t ngx_http_llm_deployment_init(ngx_conf_t *cf,
    ngx_http_llm_deployment_t *dep);


/* classes of failures: ngx_http_llm_fail.c */

/*
 * adds the classes of "error,timeout" to the mask; "off" is a mask of no class
 * that is not 0; NGX_CONF_ERROR is logged
 */

#define NGX_HTTP_LLM_NEXT_OFF     0x80000000

char *ngx_http_llm_fail_mask(ngx_conf_t *cf, ngx_str_t *word,
    ngx_uint_t *mask);

/* the same of all arguments of a directive */
char *ngx_http_llm_fail_masks(ngx_conf_t *cf, ngx_uint_t *mask);

ngx_str_t *ngx_http_llm_fail_name(ngx_uint_t fail);


/* virtual keys: ngx_http_llm_key.c */

typedef struct {
    ngx_str_t                     name;
    ngx_array_t                   digests;      /* NGX_HTTP_LLM_DIGEST each */
    ngx_array_t                  *models;       /* ngx_http_llm_pattern_t;
                                                   NULL: all */
    ngx_http_llm_pattern_t        pattern;      /* a template, if no EXACT */
    ngx_str_t                     team_name;
    ngx_http_llm_team_t          *team;         /* NULL: none */
    ngx_http_llm_limits_t        *limits;       /* NULL: none */
    ngx_array_t                   tags;         /* ngx_keyval_t, in the end
                                                   those of its teams too */
    ngx_str_t                     expires_text;
    int64_t                       expires;      /* seconds; 0: never */
    ngx_flag_t                    dry_run;
    ngx_flag_t                    cap;
    u_char                       *file;
    ngx_uint_t                    line;
    struct ngx_http_llm_defined_s  *defined;    /* at run time; or NULL */
    unsigned                      secret:1;     /* one is named */
    unsigned                      disabled:1;
} ngx_http_llm_key_t;


char *ngx_http_llm_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_llm_keys_init(ngx_conf_t *cf);

/*
 * who asks, from the headers: sets ctx->key, ctx->key_name.  NGX_OK, or
 * NGX_DECLINED with err (401), or NGX_ERROR
 */
ngx_int_t ngx_http_llm_authenticate(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);

/* may this key use the model here? also what llm_models narrows */
ngx_uint_t ngx_http_llm_model_allowed(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_str_t *model);

/* are there models that it may not use? */
ngx_uint_t ngx_http_llm_models_narrowed(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


/* the zone and what it knows of deployments: ngx_http_llm_zone.c */

char *ngx_http_llm_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * What the zone holds.  A process may die at any instruction, so each slot is
 * of words that stand for themselves, in tables that are never rebuilt.  Times
 * are of ngx_current_msec: monotonic, and one for all processes of a boot.
 */

typedef struct {
    uint64_t                      key[2];       /* 0, 0: free */
    ngx_atomic_t                  generation;   /* that last named it */
    ngx_atomic_t                  until;        /* out till then; 0: healthy */
    ngx_atomic_t                  probe;        /* lease of it; 0: none */
    ngx_atomic_t                  first;        /* failure of the window */
    ngx_atomic_t                  fails;        /* in it */
    ngx_atomic_t                  level;        /* how often doubled */
} ngx_http_llm_health_t;


typedef struct ngx_http_llm_known_s  ngx_http_llm_known_t;


typedef struct {
    ngx_uint_t                    generation;   /* of configurations */
    ngx_uint_t                    nhealth;
    ngx_uint_t                    nknown;
    ngx_http_llm_health_t        *health;
    ngx_http_llm_known_t         *known;        /* addresses of names */
    ngx_llm_ledger_shm_t         *ledger;       /* NULL: no room for it */
    struct ngx_http_llm_log_shared_s  *log;     /* of the usage log */
} ngx_http_llm_shared_t;


typedef struct {
    ngx_http_llm_main_conf_t     *lmcf;
    ngx_http_llm_shared_t        *sh;
    ngx_slab_pool_t              *shpool;
    ngx_llm_ledger_t              ledger;       /* of this process */
} ngx_http_llm_zone_t;


/* of the running configuration; NULL: there is none */
ngx_http_llm_zone_t *ngx_http_llm_zone_get(void);

/* 16m named "llm" where no llm_zone stands */
ngx_int_t ngx_http_llm_zone_init_default(ngx_conf_t *cf);

/*
 * Health.  check(): NGX_OK: healthy; NGX_AGAIN: half open, the caller is the
 * probe; NGX_BUSY: out for another *wait milliseconds.  A probe ends with
 * success(), failure() or release() (its outcome says nothing).
 */
ngx_int_t ngx_http_llm_health_check(ngx_http_llm_deployment_t *dep,
    ngx_msec_t *wait);
void ngx_http_llm_health_success(ngx_http_llm_deployment_t *dep);
void ngx_http_llm_health_failure(ngx_http_llm_deployment_t *dep,
    ngx_uint_t fail, ngx_int_t retry_after);
void ngx_http_llm_health_release(ngx_http_llm_deployment_t *dep);

/* for those who look */

#define NGX_HTTP_LLM_OUT          0
#define NGX_HTTP_LLM_HALF_OPEN    1             /* a probe may be under way */
#define NGX_HTTP_LLM_HEALTHY      2

ngx_uint_t ngx_http_llm_health_state(ngx_http_llm_deployment_t *dep);

/* addresses of a name, shared by all workers, over reloads */

/* NGX_OK or NGX_DECLINED; addresses without ports */
ngx_int_t ngx_http_llm_addrs_get(ngx_str_t *host,
    ngx_http_llm_addrs_t *addrs);
void ngx_http_llm_addrs_set(ngx_str_t *host, ngx_http_llm_addrs_t *addrs);


/* configuration */

struct ngx_http_llm_main_conf_s {
    ngx_shm_zone_t               *zone;
    ngx_array_t                   providers;    /* ngx_http_llm_provider_t * */
    ngx_array_t                  *sites;        /* ngx_http_llm_site_t *; NULL:
                                                   none */
    ngx_shm_zone_t               *tokens;       /* NULL: none are needed */
    ngx_array_t                   models;       /* ngx_http_llm_model_t * */
    ngx_http_llm_names_t          model_names;
    ngx_array_t                   keys;         /* ngx_http_llm_key_t * */
    ngx_http_llm_names_t          key_names;
    struct ngx_http_llm_secret_s *secrets;      /* their digests */
    ngx_uint_t                    nsecrets;     /* slots */
    struct ngx_http_llm_runtime_s  *runtime;    /* NULL: none known yet */
    ngx_uint_t                    proven;       /* "llm_auth $variable" */
    ngx_http_llm_prices_t        *prices;       /* NULL: built-in ones only */
    ngx_http_llm_names_t          team_names;
    ngx_array_t                   team_refs;    /* ngx_http_llm_team_ref_t */
    ngx_http_llm_calendar_t      *calendar;
    ngx_uint_t                    nlimits;
    ngx_uint_t                    attempt_limits;   /* of models, providers */
    ngx_queue_t                   accounts;     /* open ones of this process */
    ngx_http_llm_typical_t       *typical;      /* lengths of answers that it
                                                   has seen; NULL: none yet */

    /* what ngx_http_upstream_init() is given, before an attempt is chosen */
    ngx_http_upstream_conf_t      upstream;
    ngx_http_upstream_conf_t      upstream_ignore;  /* ignore_client_abort */
    ngx_http_upstream_srv_conf_t  uscf;

    ngx_http_llm_resolv_t        *resolv;       /* NULL: not asked for yet */

    struct ngx_http_llm_usage_log_s  *usage_log;    /* NULL: none */
    struct ngx_http_llm_state_s  *state;        /* NULL: nothing is kept */

    ngx_uint_t                    ngateways;    /* locations */
    ngx_uint_t                    nstats;       /* those that show sums */
    ngx_uint_t                    nwriters;     /* tokens that may write */
    ngx_cycle_t                  *cycle;        /* of this configuration */
    u_char                       *file;         /* of the first such token */
    ngx_uint_t                    line;
    ngx_array_t                   relays;       /* ngx_http_llm_loc_conf_t * */
    time_t                        created;      /* for /v1/models */
    uint64_t                      warned;       /* variables of the body that
                                                   were read too early; of this
                                                   worker */
};


typedef struct {
    ngx_flag_t                    gateway;
    ngx_str_t                     prefix;
    ngx_str_t                     relay_name;   /* llm_relay */
    ngx_http_llm_provider_t      *relay;
    ngx_http_llm_mock_t          *mock;

    ngx_uint_t                    auth;         /* NGX_HTTP_LLM_AUTH_* */
    ngx_http_complex_value_t     *auth_variable;
    ngx_http_complex_value_t     *route;
    ngx_http_complex_value_t     *user;
    ngx_array_t                  *models;       /* ngx_http_llm_pattern_t */
    ngx_array_t                  *teams;        /* ngx_str_t */
    ngx_array_t                  *tags;         /* ngx_http_llm_loc_tag_t */
    ngx_flag_t                    user_required;
    ngx_flag_t                    dry_run;
    ngx_uint_t                    tries;
    ngx_uint_t                    next;
    ngx_msec_t                    next_timeout;
    ngx_flag_t                    ignore_client_abort;
    ngx_flag_t                    usage_cost;
    ngx_msec_t                    stream_keepalive;  /* 0: off */

    /* llm_metrics, llm_api */
    ngx_http_handler_pt           handler;
    ngx_str_t                     api_prefix;
    ngx_array_t                  *api_tokens;

    ngx_array_t                  *error_pages;  /* the core's, to see which
                                                   are inherited */
    u_char                       *file;         /* of llm_gateway */
    ngx_uint_t                    line;
    unsigned                      no_pages:1;   /* inherited, taken out */
} ngx_http_llm_loc_conf_t;


#define NGX_HTTP_LLM_AUTH_OFF       0
#define NGX_HTTP_LLM_AUTH_ON        1
#define NGX_HTTP_LLM_AUTH_VARIABLE  2


/* a request */

typedef enum {
    NGX_HTTP_LLM_CHAT = 0,
    NGX_HTTP_LLM_COUNT,                         /* of a chat's tokens */
    NGX_HTTP_LLM_CALL,                          /* beyond chat */
    NGX_HTTP_LLM_MODELS,
    NGX_HTTP_LLM_MODEL
} ngx_http_llm_endpoint_e;


/* what serves next: ngx_http_llm_route.c */

typedef struct {
    ngx_http_llm_model_t         *model;
    ngx_str_t                     name;         /* public, after fallback */
    ngx_http_llm_match_t          match;
    ngx_http_llm_deployment_t   **order;        /* as they will be tried */
    ngx_uint_t                    n;
    ngx_uint_t                    next;
    ngx_uint_t                    tried;
    unsigned                      repeated:1;   /* a single one, once more */
} ngx_http_llm_stage_t;


struct ngx_http_llm_attempt_s {
    ngx_http_request_t           *request;      /* that carries it */
    ngx_http_llm_ctx_t           *ctx;
    ngx_http_llm_deployment_t    *deployment;
    ngx_http_llm_provider_t      *provider;
    const ngx_llm_dialect_t      *dialect;      /* the provider's, for that
                                                   model */
    ngx_llm_target_t              target;
    ngx_http_llm_token_t         *token;        /* NULL: none is needed */
    ngx_uint_t                    token_version;
    const ngx_llm_price_t        *price;        /* NULL: unknown */
    ngx_http_llm_clocks_t         clocks;

    ngx_chain_t                  *out;          /* head and body */
    void                         *state;        /* of a call */
    ngx_buf_t                    *patch;        /* in a body in a file */
    ngx_str_t                     type;         /* of a call's answer */

    /* the provider's own balancer */
    ngx_event_get_peer_pt         get;
    ngx_event_free_peer_pt        free;
    ngx_event_notify_peer_pt      notify;
#if (NGX_SSL || NGX_COMPAT)
    ngx_event_set_peer_session_pt   set_session;
    ngx_event_save_peer_session_pt  save_session;
#endif
    void                         *data;
    ngx_uint_t                    tries;

    /* the answer's framing */
    ngx_http_status_t             status;
    ngx_http_chunked_t            chunked;
    off_t                         length;       /* of the body: left, -1 */
    ngx_llm_json_end_t            json_end;

    ngx_llm_reader_t              reader;
    ngx_pool_t                   *scratch;

    ngx_llm_out_t                 body;         /* held: plain, error */
    ngx_buf_t                    *tail;         /* last of the output, open */

    ngx_uint_t                    fail;         /* NGX_LLM_FAIL_*, 0: none */
    ngx_llm_error_t               err;
    ngx_int_t                     retry_after;
    ngx_llm_wait_t               *wait;         /* limits that are used up;
                                                   NULL: not told */
    ngx_str_t                     error_type;   /* the dialect's header */
    ngx_array_t                   pass;         /* ngx_keyval_t: headers of
                                                   the provider to be kept */

    ngx_msec_t                    started;
    ngx_msec_t                    last;         /* last byte came */

    unsigned                      token_refused:1;  /* when asked for */
    unsigned                      splice:1;     /* same dialect both sides */
    unsigned                      stream:1;     /* its answer is a stream */
    unsigned                      chunked_body:1;
    unsigned                      headers_done:1;
    unsigned                      body_done:1;  /* framing says so */
    unsigned                      keepalive:1;  /* connection may be kept */
    unsigned                      received:1;   /* a byte of the answer */
    unsigned                      good:1;       /* first real event seen */
    unsigned                      probe:1;      /* of a half-open one */
    unsigned                      json:1;       /* content type */
    unsigned                      encoded:1;    /* content encoding */
    unsigned                      ended:1;      /* DONE or ERROR was read */
    unsigned                      lingers:1;    /* for the framing's end */
    unsigned                      first:1;      /* held output not passed */
    unsigned                      reported:1;   /* health was told */
    unsigned                      tell_cost:1;  /* llm_usage_cost */
    unsigned                      told_cost:1;  /* by this frame */
    unsigned                      more:1;       /* its request goes on */
    unsigned                      raw:1;        /* its answer is passed on as
                                                   it comes */
};


struct ngx_http_llm_ctx_s {
    ngx_http_request_t           *request;
    ngx_http_llm_endpoint_e       endpoint;
    const ngx_llm_dialect_t      *dialect;      /* of the client */
    const ngx_http_llm_call_t    *call;         /* NULL: a chat */
    void                         *call_data;
    ngx_int_t                   (*feed)(ngx_http_request_t *r, void *data,
                                     u_char *p, u_char *last);
    ngx_str_t                     id;           /* x-request-id */

    ngx_http_llm_key_t           *key;          /* NULL: auth off */
    ngx_str_t                     key_name;

    ngx_str_t                     body;
    ngx_llm_chat_t                chat;
    ngx_str_t                     model;        /* public name that counts */
    ngx_str_t                     prompt;       /* $llm_prompt, made once */
    ngx_str_t                     last_message;
    int64_t                       estimate;     /* -1: not counted yet */

    ngx_http_llm_stage_t          stage;
    ngx_http_llm_model_t         *asked;        /* whose fallbacks count */
    ngx_array_t                   tried;        /* ngx_str_t: fallbacks used */
    ngx_http_llm_deployment_t    *pending;      /* chosen, not yet taken */
    ngx_uint_t                    attempts;
    ngx_msec_t                    start;        /* of the first attempt */

    ngx_http_llm_attempt_t       *attempt;
    ngx_uint_t                    failed;       /* classes seen */
    ngx_uint_t                    last_fail;
    ngx_int_t                     retry_after;  /* soonest, -1 */
    ngx_llm_error_t               refusal;      /* of the request itself */

    ngx_http_llm_waiter_t         waiter;       /* prepare */
    ngx_event_t                   timer;        /* the clocks, prepare */
    ngx_msec_t                    heard;        /* the client, last */
    ngx_buf_t                    *comment;      /* for a silent stream */
    ngx_event_t                   turn;         /* goes on in the next turn */
    ngx_msec_t                    turn_time;
    size_t                        turn_bytes;   /* read in this one */

    ngx_llm_writer_t              writer;
    ngx_llm_usage_t               usage;
    ngx_llm_finish_e              finish;
    ngx_str_t                     upstream_model;
    ngx_llm_out_t                 out;          /* being written */
    ngx_msec_t                    ttft;
    ngx_str_t                     error_code;   /* $llm_error */

    ngx_http_llm_account_t       *account;      /* NULL: nothing is counted */

    /* of an answer, where nobody may tell its tokens */
    int64_t                       text_bytes;
    int64_t                       frames;       /* with text, unread */
    int64_t                       frame_bytes;
    int64_t                       frame_min;    /* bytes of the shortest */

    unsigned                      auth_done:1;
    unsigned                      keep:1;       /* the body stays as it is */
    unsigned                      chat_read:1;
    unsigned                      routed:1;
    unsigned                      fallback:1;   /* another model serves */
    unsigned                      again:1;      /* same deployment, server */
    unsigned                      stale:1;      /* an idle connection died */
    unsigned                      ready:1;      /* attempt is not begun */
    unsigned                      probe:1;      /* pending is half open */
    unsigned                      done:1;       /* the answer is whole */
    unsigned                      finalized:1;
    unsigned                      early:1;      /* header left before an
                                                   attempt was good */
    unsigned                      own:1;        /* response is the module's */
    unsigned                      waiting:1;    /* in prepare */
    unsigned                      text:1;       /* the frame has some */
    unsigned                      whole:1;      /* the answer, to its end */
    unsigned                      estimated:1;  /* usage is the gateway's */
    unsigned                      settled:1;
    unsigned                      limited:1;    /* a deployment was passed
                                                   over by a limit */

    /* nginx's own errors, replaced by the filter */
    ngx_str_t                     page;
    unsigned                      page_sent:1;
};


/* ngx_http_llm_handler.c */
ngx_int_t ngx_http_llm_handler(ngx_http_request_t *r);
void ngx_http_llm_start(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx);

/* ngx_http_llm_route.c */

/*
 * Sets the model that counts and its first stage.  NGX_OK, NGX_DECLINED with
 * err (403, 404), NGX_ERROR.
 */
ngx_int_t ngx_http_llm_route(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err);

/*
 * The same for a provider that was chosen without a model; ctx->chat.model is
 * the provider's name for one, if the request names it.
 */
ngx_int_t ngx_http_llm_route_direct(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_http_llm_provider_t *provider,
    ngx_llm_error_t *err);

/*
 * The next deployment to try after a failure of the class given (0: the
 * first), fallbacks included; NULL: none is left.  Takes nothing yet: calls
 * without ngx_http_llm_route_take() between them answer the same.
 */
ngx_http_llm_deployment_t *ngx_http_llm_route_next(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_uint_t fail);
void ngx_http_llm_route_take(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_deployment_t *dep);

/* ngx_http_llm_prepare.c */

/* NGX_OK: the upstream may begin; NGX_AGAIN: it will, later; NGX_ERROR */
ngx_int_t ngx_http_llm_prepare(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* ngx_http_llm_upstream.c */

/* the headers of any stream: type, no-cache; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_llm_stream_headers(ngx_http_request_t *r);

ngx_int_t ngx_http_llm_upstream_create(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* the configuration common to all upstreams of the module */
void ngx_http_llm_upstream_conf(ngx_http_upstream_conf_t *conf);

/* ngx_http_llm_peer.c */
ngx_int_t ngx_http_llm_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *uscf);
ngx_int_t ngx_http_llm_first_attempt(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* ngx_http_llm_attempt.c: one try of one deployment */

/*
 * Makes ctx->attempt with the request for that deployment.  NGX_OK;
 * NGX_DECLINED: the deployment cannot take this request (ctx->refusal says
 * why); NGX_ERROR.
 */
ngx_int_t ngx_http_llm_attempt_create(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_http_llm_deployment_t *dep);

/* forgets what was received, before the same request goes out again */
ngx_int_t ngx_http_llm_attempt_reset(ngx_http_llm_attempt_t *at);

/* notes a failure where the zone, the log and the final error need it */
void ngx_http_llm_attempt_failed(ngx_http_llm_attempt_t *at,
    ngx_uint_t fail);
void ngx_http_llm_attempt_succeeded(ngx_http_llm_attempt_t *at);

/* the error that the client gets when nothing is left to try */
void ngx_http_llm_final_error(ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);


/* ngx_http_llm_answer.c: from a provider's bytes to the client's */

/*
 * Takes bytes of the answer's body, framing included, from b->pos to b->last.
 * NGX_AGAIN: more is needed before anything can be said; NGX_OK: the attempt
 * is good, ctx->out holds what the client is to get so far; NGX_DECLINED: it
 * failed, at->fail says how; NGX_ERROR.
 */
ngx_int_t ngx_http_llm_answer_begin(ngx_http_llm_attempt_t *at, ngx_buf_t *b);

/* the attempt is good */
void ngx_http_llm_answer_first(ngx_http_llm_attempt_t *at);

/* nothing more is to come: it is settled before the last bytes leave */
void ngx_http_llm_answer_whole(ngx_http_llm_ctx_t *ctx);

/* what a status >= 300 with the body held so far means; NGX_DECLINED */
ngx_int_t ngx_http_llm_answer_refusal(ngx_http_llm_attempt_t *at);

/* what the reader of a stream tells; data is the attempt */
ngx_int_t ngx_http_llm_answer_event(void *data, ngx_llm_event_t *ev);

/*
 * The next bytes of the body.  NGX_OK: a slice; NGX_DONE: the message has
 * ended; NGX_AGAIN: b is used up.  NGX_ERROR: bad framing.
 */
ngx_int_t ngx_http_llm_answer_slice(ngx_http_llm_attempt_t *at, ngx_buf_t *b,
    ngx_str_t *slice);

/*
 * source: the buffer that the slice lies in, if output may point into it, or
 * NULL while output is held
 */
ngx_int_t ngx_http_llm_answer_frames(ngx_http_llm_attempt_t *at,
    ngx_str_t *slice, ngx_buf_t *source);

/* the stream is over without its end mark: what is still to be said */
void ngx_http_llm_answer_end(ngx_http_llm_attempt_t *at);

/* ngx_http_llm_input.c: the input filter, what a good attempt sends */

#define NGX_HTTP_LLM_OUT_SIZE     4096          /* output buffers begin so */

/* data is the context */
ngx_int_t ngx_http_llm_input_filter_init(void *data);
ngx_int_t ngx_http_llm_input_filter(void *data, ssize_t bytes);

/* a frame of a splice; source as above */
ngx_int_t ngx_http_llm_input_raw(ngx_http_llm_attempt_t *at, ngx_str_t *raw,
    ngx_buf_t *source);

/* tells the core when nothing more is to come */
void ngx_http_llm_input_close(ngx_http_llm_attempt_t *at);

/* a sign of life in a stream that has begun; the request may be gone then */
void ngx_http_llm_input_ping(ngx_http_llm_attempt_t *at);

/* takes back what would go on by itself */
void ngx_http_llm_input_stop(ngx_http_llm_ctx_t *ctx);

/* ngx_http_llm_clock.c: one timer for all clocks of an attempt */
void ngx_http_llm_clock_start(ngx_http_llm_ctx_t *ctx);
void ngx_http_llm_clock_received(ngx_http_llm_ctx_t *ctx);
void ngx_http_llm_clock_good(ngx_http_llm_ctx_t *ctx);
void ngx_http_llm_clock_linger(ngx_http_llm_ctx_t *ctx);
void ngx_http_llm_clock_stop(ngx_http_llm_ctx_t *ctx);

/* ngx_http_llm_error.c */

/*
 * sends an error in the client's dialect with the headers that belong to it;
 * returns what ngx_http_finalize_request() takes
 */
ngx_int_t ngx_http_llm_send_error(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);

/* body and headers of an error that something else sends; NGX_OK, NGX_ERROR */
ngx_int_t ngx_http_llm_set_error(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err, ngx_str_t *body);

ngx_int_t ngx_http_llm_error_init(ngx_conf_t *cf);    /* the filters */

/* the dialect in which errors of this location are written */
const ngx_llm_dialect_t *ngx_http_llm_error_dialect(ngx_http_request_t *r);

/* x-request-id, x-llm-model; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_llm_add_first_headers(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* these and x-llm-* of an answer or error; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_llm_add_headers(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
ngx_int_t ngx_http_llm_add_header(ngx_http_request_t *r, char *name,
    ngx_str_t *value);

/* an error as the status of nginx says it */
void ngx_http_llm_error_fill(ngx_pool_t *pool, ngx_llm_error_t *err,
    ngx_uint_t status);

/* ngx_http_llm_models.c: GET /v1/models, /v1/models/{id} */
ngx_int_t ngx_http_llm_models_handler(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_str_t *id);

/* ngx_http_llm_variables.c */
ngx_int_t ngx_http_llm_variables_init(ngx_conf_t *cf);

/* ngx_http_llm_mock_conf.c */
char *ngx_http_llm_mock(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_http_llm_body.c: the request's body as one piece of memory */
ngx_int_t ngx_http_llm_body_collect(ngx_http_request_t *r, ngx_str_t *body);

/*
 * ctx->feed gets a body that was read before there was a ctx, as "mirror" has
 * it; NGX_OK or NGX_ERROR
 */
ngx_int_t ngx_http_llm_body_feed(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


extern ngx_module_t  ngx_http_llm_module;


#endif /* _NGX_HTTP_LLM_H_INCLUDED_ */
