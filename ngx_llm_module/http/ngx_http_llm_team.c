
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Teams: limits that keys share.  A team may stand in another one; the limits
 * and models of all levels count.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_limit.h"


static ngx_int_t ngx_http_llm_team_create(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_llm_team_t **team);
static char *ngx_http_llm_team_models(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_llm_team_parent(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf, ngx_http_llm_team_t *team);
static ngx_int_t ngx_http_llm_team_chain(ngx_conf_t *cf,
    ngx_http_llm_team_t *team, ngx_uint_t visit);


static ngx_command_t  ngx_http_llm_team_commands[] = {

    { ngx_string("team"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_team_t, parent_name),
      NULL },

    { ngx_string("models"),
      NGX_CONF_1MORE,
      ngx_http_llm_team_models,
      0,
      0,
      NULL },

    { ngx_string("rate"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_team_t, limits),
      NULL },

    { ngx_string("quota"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_team_t, limits),
      NULL },

    { ngx_string("concurrency"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_team_t, limits),
      NULL },

    { ngx_string("tag"),
      NGX_CONF_TAKE2,
      ngx_http_llm_tag,
      0,
      offsetof(ngx_http_llm_team_t, tags),
      NULL },

    { ngx_string("cap"),
      NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_http_llm_team_t, cap),
      NULL },

      ngx_null_command
};


char *
ngx_http_llm_team(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *lmcf = conf;

    char                 *rv;
    ngx_str_t            *value;
    ngx_http_llm_team_t  *team;

    value = cf->args->elts;

    if (value[1].len == 0
        || value[1].data[0] == '~'
        || ngx_strlchr(value[1].data, value[1].data + value[1].len, '*'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid team name \"%V\", it cannot be a pattern",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_team_create(cf, &value[1], &team) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_names_add(cf, &lmcf->team_names, &value[1], team, "team")
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_llm_block(cf, ngx_http_llm_team_commands, team, "llm_team");

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_conf_init_value(team->cap, 0);

    ngx_http_llm_limits_owner(team->limits, "team", &team->name, 0);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_team_create(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_llm_team_t **team)
{
    ngx_http_llm_team_t  *t;

    /*
     * set by ngx_pcalloc():
     *
     *     t->parent_name = { 0, NULL };
     *     t->parent = NULL;
     *     t->models = NULL;
     *     t->tags = { 0 };
     *     t->limits = NULL;
     *     t->visit = 0;
     */

    t = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_team_t));
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->name = *name;
    t->cap = NGX_CONF_UNSET;
    t->file = cf->conf_file->file.name.data;
    t->line = cf->conf_file->line;

    *team = t;

    return NGX_OK;
}


static char *
ngx_http_llm_team_models(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_team_t  *team = conf;

    if (team->models) {
        return "is duplicate";
    }

    return ngx_http_llm_patterns(cf, &team->models);
}


ngx_int_t
ngx_http_llm_teams_init(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_llm_pattern_t    **pattern;
    ngx_http_llm_team_ref_t    *ref;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (ngx_http_llm_names_done(cf, &lmcf->team_names) != NGX_OK) {
        return NGX_ERROR;
    }

    pattern = lmcf->team_names.patterns.elts;

    for (i = 0; i < lmcf->team_names.patterns.nelts; i++) {
        if (ngx_http_llm_team_parent(cf, lmcf, pattern[i]->value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < lmcf->team_names.patterns.nelts; i++) {
        if (ngx_http_llm_team_chain(cf, pattern[i]->value, i + 1) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ref = lmcf->team_refs.elts;

    for (i = 0; i < lmcf->team_refs.nelts; i++) {
        if (ngx_http_llm_team_find(lmcf, &ref[i].name) == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown team \"%V\" in \"llm_teams\" in %s:%ui",
                          &ref[i].name, ref[i].file, ref[i].line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_team_parent(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_team_t *team)
{
    if (team->parent_name.data == NULL) {
        return NGX_OK;
    }

    team->parent = ngx_http_llm_team_find(lmcf, &team->parent_name);

    if (team->parent == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "unknown team \"%V\" of team \"%V\" in %s:%ui",
                      &team->parent_name, &team->name, team->file,
                      team->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_team_chain(ngx_conf_t *cf, ngx_http_llm_team_t *team,
    ngx_uint_t visit)
{
    ngx_uint_t            depth;
    ngx_http_llm_team_t  *t;

    depth = 0;

    for (t = team; t; t = t->parent) {

        if (t->visit == visit) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "team \"%V\" stands in itself in %s:%ui",
                          &t->name, t->file, t->line);
            return NGX_ERROR;
        }

        t->visit = visit;

        if (++depth > NGX_HTTP_LLM_TEAM_DEPTH) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "team \"%V\" stands in more than %d others "
                          "in %s:%ui", &team->name,
                          NGX_HTTP_LLM_TEAM_DEPTH - 1, team->file,
                          team->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_http_llm_team_t *
ngx_http_llm_team_find(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name)
{
    ngx_http_llm_pattern_t  *pattern;

    if (lmcf->team_names.patterns.nelts == 0) {
        return NULL;
    }

    pattern = ngx_http_llm_names_find(&lmcf->team_names, name, NULL);

    return pattern ? pattern->value : NULL;
}


char *
ngx_http_llm_allow_teams(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                  *value, *name;
    ngx_uint_t                  i;
    ngx_array_t               **teams;
    ngx_http_llm_team_ref_t    *ref;
    ngx_http_llm_main_conf_t   *lmcf;

    teams = (ngx_array_t **) (p + cmd->offset);

    if (*teams != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    *teams = ngx_array_create(cf->pool, cf->args->nelts - 1,
                              sizeof(ngx_str_t));
    if (*teams == NULL) {
        return NGX_CONF_ERROR;
    }

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    for (i = 1; i < cf->args->nelts; i++) {

        name = ngx_array_push(*teams);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = value[i];

        /* teams may stand below: looked for when all are known */

        ref = ngx_array_push(&lmcf->team_refs);
        if (ref == NULL) {
            return NGX_CONF_ERROR;
        }

        ref->name = value[i];
        ref->file = cf->conf_file->file.name.data;
        ref->line = cf->conf_file->line;
    }

    return NGX_CONF_OK;
}
