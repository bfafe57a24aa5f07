
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Blocks of statements: llm_provider, llm_model, llm_key.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


/* the most statements that an error message lists */

#define NGX_HTTP_LLM_BLOCK_LIST  8


typedef struct {
    ngx_command_t   *commands;
    void            *conf;
    char            *what;
} ngx_http_llm_block_t;


static char *ngx_http_llm_block_handler(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static ngx_uint_t ngx_http_llm_block_nargs(ngx_conf_t *cf,
    ngx_command_t *cmd);
static char *ngx_http_llm_block_unknown(ngx_conf_t *cf,
    ngx_command_t *commands, char *what);


static ngx_uint_t  ngx_http_llm_block_args[] = {
    NGX_CONF_NOARGS,
    NGX_CONF_TAKE1,
    NGX_CONF_TAKE2,
    NGX_CONF_TAKE3,
    NGX_CONF_TAKE4,
    NGX_CONF_TAKE5,
    NGX_CONF_TAKE6,
    NGX_CONF_TAKE7
};


char *
ngx_http_llm_block(ngx_conf_t *cf, ngx_command_t *commands, void *conf,
    char *what)
{
    char                  *rv;
    ngx_conf_t             save;
    ngx_http_llm_block_t   block;

    block.commands = commands;
    block.conf = conf;
    block.what = what;

    save = *cf;

    cf->handler = ngx_http_llm_block_handler;
    cf->handler_conf = (void *) &block;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    return rv;
}


static char *
ngx_http_llm_block_handler(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_llm_block_t  *block = conf;

    ngx_str_t  *name;

    name = cf->args->elts;

    if (ngx_strcmp(name->data, "include") == 0) {

        if (cf->args->nelts != 2) {
            return "invalid number of arguments in \"include\" directive";
        }

        return ngx_conf_include(cf, dummy, conf);
    }

    return ngx_http_llm_block_statement(cf, block->commands, block->conf,
                                        block->what);
}


char *
ngx_http_llm_block_statement(ngx_conf_t *cf, ngx_command_t *commands,
    void *conf, char *what)
{
    char           *rv;
    ngx_str_t      *name;
    ngx_command_t  *cmd;

    name = cf->args->elts;

    for (cmd = commands; cmd->name.len; cmd++) {

        if (name->len != cmd->name.len
            || ngx_strcmp(name->data, cmd->name.data) != 0)
        {
            continue;
        }

        if (!ngx_http_llm_block_nargs(cf, cmd)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number of arguments in \"%V\" "
                               "directive", name);
            return NGX_CONF_ERROR;
        }

        rv = cmd->set(cf, cmd, conf);

        if (rv != NGX_CONF_OK && rv != NGX_CONF_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" directive %s",
                               name, rv);
            return NGX_CONF_ERROR;
        }

        return rv;
    }

    return ngx_http_llm_block_unknown(cf, commands, what);
}


static ngx_uint_t
ngx_http_llm_block_nargs(ngx_conf_t *cf, ngx_command_t *cmd)
{
    ngx_uint_t  n;

    n = cf->args->nelts;

    if (cmd->type & NGX_CONF_ANY) {
        return 1;
    }

    if (cmd->type & NGX_CONF_FLAG) {
        return (n == 2);
    }

    if (cmd->type & NGX_CONF_1MORE) {
        return (n >= 2);
    }

    if (cmd->type & NGX_CONF_2MORE) {
        return (n >= 3);
    }

    if (n > NGX_CONF_MAX_ARGS) {
        return 0;
    }

    return (cmd->type & ngx_http_llm_block_args[n - 1]) ? 1 : 0;
}


static char *
ngx_http_llm_block_unknown(ngx_conf_t *cf, ngx_command_t *commands,
    char *what)
{
    u_char         *p, *last;
    u_char          list[NGX_MAX_CONF_ERRSTR];
    ngx_str_t      *name;
    ngx_uint_t      n;
    ngx_command_t  *cmd;

    name = cf->args->elts;

    p = list;
    last = list + sizeof(list);
    n = 0;

    for (cmd = commands; cmd->name.len; cmd++) {
        p = ngx_slprintf(p, last, "%s\"%V\"", n ? ", " : "", &cmd->name);
        n++;
    }

    if (n == 0 || n > NGX_HTTP_LLM_BLOCK_LIST) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown statement \"%V\" in %s",
                           name, what);
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown statement \"%V\" in %s, it may have %*s",
                       name, what, (size_t) (p - list), list);

    return NGX_CONF_ERROR;
}
