
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Who has limits, and which of them a request meets; teams.
 */


#ifndef _NGX_HTTP_LLM_LIMIT_H_INCLUDED_
#define _NGX_HTTP_LLM_LIMIT_H_INCLUDED_


#include "ngx_http_llm.h"
#include "ngx_llm_limit.h"
#include "ngx_llm_usage_line.h"


/* teams within teams */
#define NGX_HTTP_LLM_TEAM_DEPTH   8

/*
 * The name in a record's "per" under which it was counted where that is not
 * the name that the client wrote; no variable can be called so.
 */
#define NGX_HTTP_LLM_PER_MODEL    "model="


typedef struct {
    ngx_llm_limit_t               limit;
    ngx_http_llm_pattern_t       *model;        /* NULL: all */
    ngx_int_t                     index;        /* of the variable of per= */
    ngx_llm_name_t                name;         /* its counter's */
    time_t                        logged;       /* of this process */
    u_char                       *file;
    ngx_uint_t                    line;
} ngx_http_llm_limit_t;


/* the limits of one owner */

struct ngx_http_llm_limits_s {
    char                         *kind;         /* "key" ... */
    ngx_str_t                     name;         /* its name or pattern */
    ngx_array_t                   limits;       /* ngx_http_llm_limit_t */
    unsigned                      template:1;   /* each name that matches has
                                                   counters of its own */
    unsigned                      cost:1;       /* some limit is of money */
};


struct ngx_http_llm_team_s {
    ngx_str_t                     name;
    ngx_str_t                     parent_name;
    ngx_http_llm_team_t          *parent;
    ngx_array_t                  *models;       /* ngx_http_llm_pattern_t */
    ngx_array_t                   tags;         /* ngx_keyval_t */
    ngx_http_llm_limits_t        *limits;
    ngx_uint_t                    visit;        /* looking for circles */
    ngx_flag_t                    cap;
    u_char                       *file;
    ngx_uint_t                    line;
};


/* a name that is looked for when all blocks are read */

typedef struct {
    ngx_str_t                     name;
    u_char                       *file;
    ngx_uint_t                    line;
} ngx_http_llm_team_ref_t;


/* "llm_tag" */

typedef struct {
    ngx_str_t                     name;
    ngx_http_complex_value_t      value;
} ngx_http_llm_loc_tag_t;


/* where the periods of the calendar are, as of the last time asked for */

struct ngx_http_llm_calendar_s {
    ngx_str_t                     name;
    ngx_llm_tz_t                  tz;
    int64_t                       begin[NGX_LLM_PERIOD_TOTAL];
    int64_t                       end[NGX_LLM_PERIOD_TOTAL];
};


/* ngx_http_llm_limit_conf.c */

/* "rate", "quota", "concurrency": the ngx_http_llm_limits_t * at cmd->offset */
char *ngx_http_llm_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* "tag": the ngx_array_t of ngx_keyval_t at cmd->offset */
char *ngx_http_llm_tag(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* "llm_tag": the ngx_array_t * of ngx_http_llm_loc_tag_t at cmd->offset */
char *ngx_http_llm_loc_tag(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* when the block is read: who has these limits; limits may be NULL */
void ngx_http_llm_limits_owner(ngx_http_llm_limits_t *limits, char *kind,
    ngx_str_t *name, ngx_uint_t template);

/* when all blocks are read: are there more than a request may meet? */
ngx_int_t ngx_http_llm_limits_init(ngx_conf_t *cf);
ngx_int_t ngx_http_llm_limits_key(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf, ngx_http_llm_key_t *key);

/* ngx_http_llm_calendar.c */

char *ngx_http_llm_timezone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* the period that t lies in */
void ngx_http_llm_period(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_period_e period, int64_t t, int64_t *begin, int64_t *end);


/* ngx_http_llm_limit_item.c */

/*
 * Appends what a request meets of an owner's limits; limit[i] gets the limit
 * of items[i].  name: the owner's name in this request, which counts for a
 * template.  Returns how many there are now, NGX_LLM_LEDGER_ITEMS at most.
 */
ngx_uint_t ngx_http_llm_limit_items(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_limits_t *limits, ngx_str_t *name,
    ngx_llm_usage_record_t *rec, ngx_llm_item_t *items,
    ngx_http_llm_limit_t **limit, ngx_uint_t n);

/* the public model that counts for key and team, of a record */
ngx_str_t *ngx_http_llm_limit_model(ngx_llm_usage_record_t *rec);

/* what a request has used of a unit in the end */
int64_t ngx_http_llm_limit_used(ngx_llm_usage_record_t *rec,
    ngx_llm_unit_e unit);


/* ngx_http_llm_team.c */

char *ngx_http_llm_team(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* when all blocks are read: teams of teams, of keys, of locations */
ngx_int_t ngx_http_llm_teams_init(ngx_conf_t *cf);

ngx_http_llm_team_t *ngx_http_llm_team_find(ngx_http_llm_main_conf_t *lmcf,
    ngx_str_t *name);

/* "llm_teams": the ngx_array_t * of ngx_str_t at cmd->offset */
char *ngx_http_llm_allow_teams(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_LLM_LIMIT_H_INCLUDED_ */
