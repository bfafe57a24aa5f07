
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * llm_api: what there is, and how it stands.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_api.h"
#include "ngx_http_llm_usage_log.h"


static ngx_int_t ngx_http_llm_api_keys_step(ngx_http_llm_walk_t *walk);
static void ngx_http_llm_api_names(ngx_llm_out_t *out, char *member,
    ngx_array_t *patterns);
static void ngx_http_llm_api_tags(ngx_llm_out_t *out, ngx_array_t *tags);
static void ngx_http_llm_api_place(ngx_llm_out_t *out, u_char *file,
    ngx_uint_t line);
static void ngx_http_llm_api_comma(ngx_http_llm_walk_t *walk);
static void ngx_http_llm_api_number(ngx_llm_out_t *out, char *member,
    int64_t n);
static void ngx_http_llm_api_text(ngx_llm_out_t *out, char *text);


ngx_int_t
ngx_http_llm_api_status(ngx_http_request_t *r, ngx_http_llm_api_call_t *call)
{
    ngx_llm_out_t           out;
    ngx_llm_ledger_t       *ledger;
    ngx_http_llm_zone_t    *zone;
    ngx_llm_ledger_stat_t   stat;

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_WALK_MAX);

    ledger = ngx_http_llm_zone_ledger(call->lmcf);
    zone = ngx_http_llm_zone_get();

    ngx_llm_out_lit(&out, "{\"nginx\":\"" NGINX_VERSION "\"");
    ngx_http_llm_api_number(&out, ",\"pid\":", ngx_pid);
    ngx_http_llm_api_number(&out, ",\"time\":", ngx_time());
    ngx_http_llm_api_number(&out, ",\"keys\":", call->lmcf->keys.nelts);
    ngx_http_llm_api_number(&out, ",\"models\":", call->lmcf->models.nelts);
    ngx_http_llm_api_number(&out, ",\"providers\":",
                            call->lmcf->providers.nelts);

    if (ledger) {
        ngx_llm_ledger_stat(ledger, &stat);

        ngx_http_llm_api_number(&out, ",\"in_flight\":", stat.reservations);
        ngx_http_llm_api_number(&out, ",\"zone\":{\"counters\":",
                                stat.counters);
        ngx_http_llm_api_number(&out, ",\"counters_max\":",
                                stat.counters_max);
        ngx_http_llm_api_number(&out, ",\"sums\":", stat.sums);
        ngx_http_llm_api_number(&out, ",\"sums_max\":", stat.sums_max);
        ngx_http_llm_api_number(&out, ",\"reservations\":",
                                stat.reservations);
        ngx_http_llm_api_number(&out, ",\"reservations_max\":",
                                stat.reservations_max);
        ngx_http_llm_api_number(&out, ",\"definitions\":", stat.texts);
        ngx_http_llm_api_number(&out, ",\"definitions_max\":",
                                stat.texts_max);
        ngx_http_llm_api_number(&out, ",\"processes\":", stat.owners);
        ngx_http_llm_api_number(&out, ",\"evicted\":", stat.evicted);
        ngx_http_llm_api_number(&out, ",\"others\":", stat.others);
        ngx_http_llm_api_number(&out, ",\"undone\":", stat.undone);
        ngx_http_llm_api_number(&out, ",\"reaped\":", stat.reaped);
        ngx_llm_out_char(&out, '}');
    }

    if (zone && zone->sh->log && call->lmcf->usage_log) {
        ngx_http_llm_api_number(&out, ",\"usage_log\":{\"lines\":",
                                zone->sh->log->lines);
        ngx_http_llm_api_number(&out, ",\"errors\":", zone->sh->log->errors);
        ngx_http_llm_api_number(&out, ",\"torn\":", zone->sh->log->torn);
        ngx_http_llm_api_number(&out, ",\"snapshot\":",
                                zone->sh->log->snapshot);
        ngx_http_llm_api_text(&out, zone->sh->log->failed
                                   ? ",\"failing\":true}"
                                   : ",\"failing\":false}");
    }

    ngx_llm_out_lit(&out, "}\n");

    return ngx_http_llm_api_send(r, NGX_HTTP_OK, &out);
}


ngx_int_t
ngx_http_llm_api_keys(ngx_http_request_t *r, ngx_http_llm_api_call_t *call)
{
    ngx_http_llm_walk_t  *walk;

    walk = ngx_http_llm_walk_create(r, ngx_http_llm_api_keys_step,
                                    "application/json");
    if (walk == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_llm_out_lit(&walk->out[0], "{\"object\":\"list\",\"data\":[");

    return ngx_http_llm_walk(walk);
}


/* keys of the configuration in their order, then those made at run time */

static ngx_int_t
ngx_http_llm_api_keys_step(ngx_http_llm_walk_t *walk)
{
    ngx_uint_t               n;
    ngx_queue_t             *q;
    ngx_http_llm_key_t     **key;
    ngx_http_llm_defined_t  *def;

    key = walk->lmcf->keys.elts;

    if (walk->phase == 0) {

        for (n = 0; n < NGX_HTTP_LLM_WALK_STEP; n++) {

            if (walk->i == walk->lmcf->keys.nelts) {
                walk->phase = 1;
                break;
            }

            ngx_http_llm_api_comma(walk);
            ngx_http_llm_api_key(walk->lmcf, walk->ledger, key[walk->i++],
                                 &walk->out[0]);
        }

        return NGX_AGAIN;
    }

    /* these may change between steps: all in one */

    if (walk->lmcf->runtime) {

        for (q = ngx_queue_head(&walk->lmcf->runtime->all);
             q != ngx_queue_sentinel(&walk->lmcf->runtime->all);
             q = ngx_queue_next(q))
        {
            def = ngx_queue_data(q, ngx_http_llm_defined_t, queue);

            if (def->overlay) {
                continue;
            }

            ngx_http_llm_api_comma(walk);
            ngx_http_llm_api_key(walk->lmcf, walk->ledger, def->key,
                                 &walk->out[0]);
        }
    }

    ngx_llm_out_lit(&walk->out[0], "]}\n");

    return NGX_OK;
}


void
ngx_http_llm_api_key(ngx_http_llm_main_conf_t *lmcf, ngx_llm_ledger_t *ledger,
    ngx_http_llm_key_t *key, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "{\"name\":");
    ngx_llm_out_json_string(out, &key->name);

    if (key->defined) {
        ngx_llm_out_lit(out, ",\"source\":\"api\"");

    } else {
        ngx_llm_out_lit(out, ",\"source\":\"configuration\"");
        ngx_http_llm_api_place(out, key->file, key->line);
    }

    if (key->pattern.kind != NGX_HTTP_LLM_EXACT) {
        ngx_llm_out_lit(out, ",\"template\":true");
    }

    if (key->team) {
        ngx_llm_out_lit(out, ",\"team\":");
        ngx_llm_out_json_string(out, &key->team->name);
    }

    ngx_http_llm_api_names(out, ",\"models\":", key->models);

    if (key->expires) {
        ngx_llm_out_lit(out, ",\"expires\":");
        ngx_llm_out_json_string(out, &key->expires_text);
    }

    ngx_http_llm_api_text(out, key->disabled ? ",\"disabled\":true"
                                            : ",\"disabled\":false");
    ngx_http_llm_api_number(out, ",\"secrets\":", key->digests.nelts);

    if (key->defined && key->defined->error.len) {
        ngx_llm_out_lit(out, ",\"error\":");
        ngx_llm_out_json_string(out, &key->defined->error);
    }

    ngx_http_llm_api_tags(out, &key->tags);

    if (key->dry_run == 1) {
        ngx_llm_out_lit(out, ",\"limits_dry_run\":true");
    }

    if (key->cap == 1) {
        ngx_llm_out_lit(out, ",\"cap\":true");
    }

    ngx_llm_out_char(out, ',');
    ngx_http_llm_api_limits(lmcf, ledger, key->limits, out);
    ngx_llm_out_char(out, '}');
}


ngx_http_llm_key_t *
ngx_http_llm_api_find_key(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name)
{
    ngx_uint_t                i;
    ngx_http_llm_defined_t   *def;
    ngx_http_llm_pattern_t  **pattern;

    /* a template is found by its text, not by what it matches */

    pattern = lmcf->key_names.patterns.elts;

    for (i = 0; i < lmcf->key_names.patterns.nelts; i++) {
        if (pattern[i]->text.len == name->len
            && ngx_strncmp(pattern[i]->text.data, name->data, name->len) == 0)
        {
            return pattern[i]->value;
        }
    }

    def = ngx_http_llm_runtime_find(lmcf, name);

    return def ? def->key : NULL;
}


ngx_int_t
ngx_http_llm_api_teams(ngx_http_request_t *r, ngx_http_llm_api_call_t *call)
{
    ngx_uint_t                i;
    ngx_llm_out_t             out;
    ngx_http_llm_team_t      *team;
    ngx_http_llm_pattern_t  **pattern;

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_WALK_MAX);
    ngx_llm_out_lit(&out, "{\"object\":\"list\",\"data\":[");

    pattern = call->lmcf->team_names.patterns.elts;

    for (i = 0; i < call->lmcf->team_names.patterns.nelts; i++) {
        team = pattern[i]->value;

        ngx_http_llm_api_text(&out, i ? ",{\"name\":" : "{\"name\":");
        ngx_llm_out_json_string(&out, &team->name);
        ngx_http_llm_api_place(&out, team->file, team->line);

        if (team->parent) {
            ngx_llm_out_lit(&out, ",\"team\":");
            ngx_llm_out_json_string(&out, &team->parent->name);
        }

        ngx_http_llm_api_names(&out, ",\"models\":", team->models);
        ngx_http_llm_api_tags(&out, &team->tags);

        ngx_llm_out_char(&out, ',');
        ngx_http_llm_api_limits(call->lmcf,
                                ngx_http_llm_zone_ledger(call->lmcf),
                                team->limits, &out);
        ngx_llm_out_char(&out, '}');
    }

    ngx_llm_out_lit(&out, "]}\n");

    return ngx_http_llm_api_send(r, NGX_HTTP_OK, &out);
}


ngx_int_t
ngx_http_llm_api_deployments(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call)
{
    ngx_uint_t                   i, j, n;
    ngx_llm_out_t                out;
    ngx_http_llm_model_t       **model;
    ngx_http_llm_deployment_t   *dep;

    static char  *states[] = { "\"out\"", "\"probing\"", "\"healthy\"" };

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_WALK_MAX);
    ngx_llm_out_lit(&out, "{\"object\":\"list\",\"data\":[");

    model = call->lmcf->models.elts;
    n = 0;

    for (i = 0; i < call->lmcf->models.nelts; i++) {
        dep = model[i]->deployments.elts;

        for (j = 0; j < model[i]->deployments.nelts; j++) {

            ngx_http_llm_api_text(&out, n++ ? ",{\"id\":" : "{\"id\":");
            ngx_llm_out_json_string(&out, &dep[j].id);
            ngx_llm_out_lit(&out, ",\"model\":");
            ngx_llm_out_json_string(&out, &model[i]->name);
            ngx_llm_out_lit(&out, ",\"provider\":");
            ngx_llm_out_json_string(&out, &dep[j].provider->name);
            ngx_llm_out_lit(&out, ",\"upstream_model\":");
            ngx_llm_out_json_string(&out, &dep[j].name);
            ngx_http_llm_api_number(&out, ",\"weight\":", dep[j].weight);
            ngx_http_llm_api_number(&out, ",\"tier\":", dep[j].tier);
            ngx_llm_out_lit(&out, ",\"health\":");
            ngx_http_llm_api_text(&out,
                              dep[j].down ? "\"down\""
                              : states[ngx_http_llm_health_state(&dep[j])]);
            ngx_llm_out_char(&out, '}');
        }
    }

    ngx_llm_out_lit(&out, "]}\n");

    return ngx_http_llm_api_send(r, NGX_HTTP_OK, &out);
}


ngx_int_t
ngx_http_llm_api_models(ngx_http_request_t *r, ngx_http_llm_api_call_t *call)
{
    ngx_uint_t              i, j;
    ngx_str_t              *name;
    ngx_llm_out_t           out;
    ngx_http_llm_model_t  **model;

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_WALK_MAX);
    ngx_llm_out_lit(&out, "{\"object\":\"list\",\"data\":[");

    model = call->lmcf->models.elts;

    for (i = 0; i < call->lmcf->models.nelts; i++) {

        ngx_http_llm_api_text(&out, i ? ",{\"name\":" : "{\"name\":");
        ngx_llm_out_json_string(&out, &model[i]->name);
        ngx_http_llm_api_place(&out, model[i]->file, model[i]->line);
        ngx_http_llm_api_number(&out, ",\"deployments\":",
                                model[i]->deployments.nelts);

        ngx_llm_out_lit(&out, ",\"list\":[");

        name = model[i]->list.elts;

        for (j = 0; j < model[i]->list.nelts; j++) {
            if (j) {
                ngx_llm_out_char(&out, ',');
            }

            ngx_llm_out_json_string(&out, &name[j]);
        }

        ngx_llm_out_lit(&out, "],");
        ngx_http_llm_api_limits(call->lmcf,
                                ngx_http_llm_zone_ledger(call->lmcf),
                                model[i]->limits, &out);
        ngx_llm_out_char(&out, '}');
    }

    ngx_llm_out_lit(&out, "]}\n");

    return ngx_http_llm_api_send(r, NGX_HTTP_OK, &out);
}


ngx_int_t
ngx_http_llm_api_live(ngx_http_request_t *r, ngx_http_llm_api_call_t *call)
{
    ngx_llm_out_t  out;

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_WALK_MAX);
    ngx_llm_out_lit(&out, "{\"status\":\"live\"}\n");

    return ngx_http_llm_api_send(r, NGX_HTTP_OK, &out);
}


/* some deployment can serve, and what is answered can be written down */

ngx_int_t
ngx_http_llm_api_ready(ngx_http_request_t *r, ngx_http_llm_api_call_t *call)
{
    ngx_uint_t                   i, j, ready;
    ngx_llm_out_t                out;
    ngx_http_llm_model_t       **model;
    ngx_http_llm_deployment_t   *dep;

    model = call->lmcf->models.elts;
    ready = 0;

    for (i = 0; !ready && i < call->lmcf->models.nelts; i++) {
        dep = model[i]->deployments.elts;

        for (j = 0; !ready && j < model[i]->deployments.nelts; j++) {
            ready = !dep[j].down && !dep[j].provider->key_missing
                    && ngx_http_llm_health_state(&dep[j]) != 0;
        }
    }

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_WALK_MAX);

    if (!ready) {
        ngx_llm_out_lit(&out, "{\"status\":\"no deployment is healthy\"}\n");

    } else if (call->lmcf->usage_log
               && ngx_http_llm_usage_log_refuses(call->lmcf))
    {
        ready = 0;
        ngx_llm_out_lit(&out, "{\"status\":\"the usage log cannot be "
                              "written\"}\n");

    } else {
        ngx_llm_out_lit(&out, "{\"status\":\"ready\"}\n");
    }

    return ngx_http_llm_api_send(r, ready ? NGX_HTTP_OK
                                          : NGX_HTTP_SERVICE_UNAVAILABLE,
                                 &out);
}


static void
ngx_http_llm_api_names(ngx_llm_out_t *out, char *member,
    ngx_array_t *patterns)
{
    ngx_uint_t               i;
    ngx_http_llm_pattern_t  *pattern;

    if (patterns == NULL) {
        return;
    }

    ngx_http_llm_api_text(out, member);
    ngx_llm_out_char(out, '[');

    pattern = patterns->elts;

    for (i = 0; i < patterns->nelts; i++) {
        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_json_string(out, &pattern[i].text);
    }

    ngx_llm_out_char(out, ']');
}


static void
ngx_http_llm_api_tags(ngx_llm_out_t *out, ngx_array_t *tags)
{
    ngx_uint_t     i;
    ngx_keyval_t  *tag;

    if (tags->nelts == 0) {
        return;
    }

    ngx_llm_out_lit(out, ",\"tags\":{");

    tag = tags->elts;

    for (i = 0; i < tags->nelts; i++) {
        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_json_string(out, &tag[i].key);
        ngx_llm_out_char(out, ':');
        ngx_llm_out_json_string(out, &tag[i].value);
    }

    ngx_llm_out_char(out, '}');
}


static void
ngx_http_llm_api_place(ngx_llm_out_t *out, u_char *file, ngx_uint_t line)
{
    ngx_str_t  name;

    name.data = file;
    name.len = ngx_strlen(file);

    ngx_llm_out_lit(out, ",\"file\":");
    ngx_llm_out_json_string(out, &name);
    ngx_http_llm_api_number(out, ",\"line\":", line);
}


/* between the entries of a list that comes in steps */

static void
ngx_http_llm_api_comma(ngx_http_llm_walk_t *walk)
{
    if (walk->j++) {
        ngx_llm_out_char(&walk->out[0], ',');
    }
}


static void
ngx_http_llm_api_number(ngx_llm_out_t *out, char *member, int64_t n)
{
    ngx_http_llm_api_text(out, member);
    ngx_llm_out_int(out, n);
}


static void
ngx_http_llm_api_text(ngx_llm_out_t *out, char *text)
{
    ngx_llm_out_data(out, (u_char *) text, ngx_strlen(text));
}
