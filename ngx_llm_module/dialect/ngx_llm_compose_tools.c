
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Tools for a provider, and the calls of the history with their results.
 */


#include "ngx_llm_compose.h"


static ngx_int_t ngx_llm_compose_allowed(ngx_llm_compose_t *rq,
    ngx_array_t *names);
static ngx_uint_t ngx_llm_compose_leaves(ngx_llm_compose_t *rq,
    ngx_array_t *names, ngx_uint_t named, ngx_llm_tool_t *tool);
static ngx_int_t ngx_llm_compose_add_call(ngx_llm_compose_t *rq,
    ngx_llm_part_t *part, ngx_uint_t turn);
static ngx_llm_compose_call_t *ngx_llm_compose_find(ngx_llm_compose_t *rq,
    ngx_str_t *key, ngx_uint_t named, ngx_uint_t turn);
static ngx_int_t ngx_llm_compose_compare_keys(ngx_str_t *a, ngx_str_t *b);
static int ngx_libc_cdecl ngx_llm_compose_compare_calls(const void *one,
    const void *two);
static int ngx_libc_cdecl ngx_llm_compose_compare_names(const void *one,
    const void *two);


ngx_int_t
ngx_llm_compose_tools(ngx_llm_compose_t *rq, ngx_uint_t named)
{
    ngx_int_t               rc;
    ngx_array_t             names;
    ngx_llm_chat_t         *chat;
    ngx_llm_tool_t         *tool;
    ngx_llm_tool_choice_e   choice;

    chat = rq->chat;
    choice = chat->tool_choice;

    if (chat->ntools == 0) {
        goto done;
    }

    rq->tools = ngx_palloc(chat->pool,
                           chat->ntools * sizeof(ngx_llm_tool_t *));
    if (rq->tools == NULL) {
        return NGX_ERROR;
    }

    if (ngx_llm_compose_allowed(rq, &names) != NGX_OK) {
        return NGX_ERROR;
    }

    for (tool = chat->tools; tool; tool = tool->next) {

        if (tool->custom || tool->vendor) {

            rc = ngx_llm_compose_refuse_or_drop(rq, NGX_LLM_PARAM_TOOLS,
                                       tool->custom ? "custom tools"
                                                    : "tools of this type");
            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        if (ngx_llm_compose_leaves(rq, &names, named, tool)) {
            rq->tools[rq->ntools++] = tool;
        }
    }

done:

    if (rq->ntools
        || (choice != NGX_LLM_TOOL_CHOICE_REQUIRED
            && choice != NGX_LLM_TOOL_CHOICE_NAMED))
    {
        return NGX_OK;
    }

    return ngx_llm_compose_drop(rq, "tool_choice");
}


/* names of "allowed_tools", sorted */

static ngx_int_t
ngx_llm_compose_allowed(ngx_llm_compose_t *rq, ngx_array_t *names)
{
    ngx_str_t        name, *s;
    ngx_llm_json_t  *function, *node;

    if (ngx_array_init(names, rq->chat->pool, 4, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (rq->chat->allowed_tools == NULL) {
        return NGX_OK;
    }

    for (node = rq->chat->allowed_tools->child; node; node = node->next) {

        function = ngx_llm_json_get(node, "function");
        name = ngx_llm_json_str(function ? function : node, "name");

        if (name.len == 0) {
            continue;
        }

        s = ngx_array_push(names);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = name;
    }

    ngx_qsort(names->elts, names->nelts, sizeof(ngx_str_t),
              ngx_llm_compose_compare_names);

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_compose_leaves(ngx_llm_compose_t *rq, ngx_array_t *names,
    ngx_uint_t named, ngx_llm_tool_t *tool)
{
    ngx_int_t    rc;
    ngx_str_t   *name;
    ngx_uint_t   high, low, middle;

    if (rq->chat->tool_choice == NGX_LLM_TOOL_CHOICE_NAMED) {
        return !named || ngx_llm_compose_compare_keys(&tool->name,
                                                      &rq->chat->tool_name)
                         == 0;
    }

    if (rq->chat->allowed_tools == NULL) {
        return 1;
    }

    name = names->elts;
    low = 0;
    high = names->nelts;

    while (low < high) {
        middle = low + (high - low) / 2;

        rc = ngx_llm_compose_compare_keys(&tool->name, &name[middle]);

        if (rc == 0) {
            return 1;
        }

        if (rc < 0) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    return 0;
}


void
ngx_llm_compose_tool(ngx_llm_compose_t *rq, ngx_llm_tool_t *tool)
{
    ngx_llm_out_lit(rq->out, "{\"type\":\"function\",\"function\":{\"name\":");
    ngx_llm_out_quoted(rq->out, &tool->name);

    if (tool->description.len) {
        ngx_llm_out_lit(rq->out, ",\"description\":");
        ngx_llm_out_quoted(rq->out, &tool->description);
    }

    ngx_llm_out_lit(rq->out, ",\"parameters\":");
}


void
ngx_llm_compose_schema(ngx_llm_tool_t *tool, ngx_str_t *raw)
{
    if (tool->schema.len) {
        *raw = tool->schema;

    } else {
        ngx_str_set(raw, "{\"type\":\"object\",\"properties\":{}}");
    }
}


ngx_int_t
ngx_llm_compose_schema_node(ngx_pool_t *pool, ngx_llm_tool_t *tool,
    ngx_llm_json_t **node)
{
    ngx_llm_json_t  *function;

    *node = NULL;

    if (tool->schema.len == 0) {
        return NGX_OK;
    }

    /* mostly it is in the tree already */

    if (tool->node != NULL) {
        function = ngx_llm_json_get(tool->node, "function");

        *node = ngx_llm_json_get(function ? function : tool->node,
                                 "parameters");

        if (*node != NULL && (*node)->raw.data == tool->schema.data) {
            return NGX_OK;
        }
    }

    *node = ngx_llm_json_parse(pool, &tool->schema, NULL);

    return (*node == NULL) ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_llm_compose_calls(ngx_llm_compose_t *rq)
{
    ngx_uint_t          turn;
    ngx_llm_part_t     *part;
    ngx_llm_message_t  *m;

    if (ngx_array_init(&rq->calls, rq->chat->pool, 4,
                       sizeof(ngx_llm_compose_call_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    turn = 0;

    for (m = rq->chat->messages; m; m = m->next) {

        turn++;

        if (m->role != NGX_LLM_ROLE_ASSISTANT) {
            continue;
        }

        for (part = m->parts; part; part = part->next) {

            if (part->type == NGX_LLM_PART_TOOL_CALL
                && ngx_llm_compose_add_call(rq, part, turn) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    ngx_qsort(rq->calls.elts, rq->calls.nelts,
              sizeof(ngx_llm_compose_call_t), ngx_llm_compose_compare_calls);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_compose_add_call(ngx_llm_compose_t *rq, ngx_llm_part_t *part,
    ngx_uint_t turn)
{
    ngx_llm_compose_call_t  *call;

    call = ngx_array_push(&rq->calls);
    if (call == NULL) {
        return NGX_ERROR;
    }

    call->turn = turn;
    call->part = part;
    call->named = (part->id.len == 0);
    call->key = call->named ? part->name : part->id;
    call->id = part->id;

    if (!call->named) {
        return NGX_OK;
    }

    call->id.data = ngx_pnalloc(rq->chat->pool,
                                sizeof("call_") - 1 + NGX_INT_T_LEN);
    if (call->id.data == NULL) {
        return NGX_ERROR;
    }

    call->id.len = ngx_sprintf(call->id.data, "call_%ui", rq->calls.nelts)
                   - call->id.data;

    return NGX_OK;
}


ngx_llm_compose_call_t *
ngx_llm_compose_result(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    ngx_uint_t turn)
{
    if (m->legacy || m->tool_call_id.len == 0) {
        return ngx_llm_compose_find(rq, &m->name, 1, turn);
    }

    return ngx_llm_compose_find(rq, &m->tool_call_id, 0, turn);
}


ngx_llm_compose_call_t *
ngx_llm_compose_call(ngx_llm_compose_t *rq, ngx_llm_part_t *part,
    ngx_uint_t turn)
{
    ngx_str_t  *key;

    key = part->id.len ? &part->id : &part->name;

    return ngx_llm_compose_find(rq, key, part->id.len == 0, turn + 1);
}


/* the last one before "turn" */

static ngx_llm_compose_call_t *
ngx_llm_compose_find(ngx_llm_compose_t *rq, ngx_str_t *key, ngx_uint_t named,
    ngx_uint_t turn)
{
    ngx_uint_t               high, low, middle;
    ngx_llm_compose_call_t   wanted, *call;

    ngx_memzero(&wanted, sizeof(ngx_llm_compose_call_t));

    wanted.key = *key;
    wanted.named = named;
    wanted.turn = turn;

    call = rq->calls.elts;
    low = 0;
    high = rq->calls.nelts;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (ngx_llm_compose_compare_calls(&call[middle], &wanted) < 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    if (low == 0) {
        return NULL;
    }

    call += low - 1;

    if (call->named != named
        || ngx_llm_compose_compare_keys(&call->key, key) != 0)
    {
        return NULL;
    }

    return call;
}


ngx_int_t
ngx_llm_compose_write_calls(ngx_llm_compose_t *rq, ngx_llm_message_t *m,
    ngx_uint_t turn)
{
    ngx_str_t                input;
    ngx_uint_t               n;
    ngx_llm_out_t           *out;
    ngx_llm_part_t          *part;
    ngx_llm_compose_call_t  *call;

    n = 0;
    out = rq->out;

    ngx_llm_out_lit(out, ",\"tool_calls\":[");

    for (part = m->parts; part; part = part->next) {

        if (part->type != NGX_LLM_PART_TOOL_CALL) {
            continue;
        }

        if (n++) {
            ngx_llm_out_char(out, ',');
        }

        if (ngx_llm_compose_input(rq, part, &input) != NGX_OK) {
            return NGX_ERROR;
        }

        call = ngx_llm_compose_call(rq, part, turn);

        ngx_llm_out_lit(out, "{\"id\":");
        ngx_llm_out_quoted(out, &call->id);
        ngx_llm_out_lit(out, ",\"type\":\"function\",\"function\":{\"name\":");
        ngx_llm_out_quoted(out, &part->name);
        ngx_llm_out_lit(out, ",\"arguments\":\"");
        ngx_llm_out_escape_raw(out, &input);
        ngx_llm_out_lit(out, "\"}}");
    }

    ngx_llm_out_char(out, ']');

    return NGX_OK;
}


ngx_int_t
ngx_llm_compose_no_call(ngx_llm_compose_t *rq, ngx_llm_message_t *m)
{
    return ngx_llm_error(rq->chat->pool, rq->err, 400,
                         "invalid_request_error", NULL, "messages",
                         "messages[%ui] is the result of no call in the "
                         "messages before", m->index);
}


static int ngx_libc_cdecl
ngx_llm_compose_compare_calls(const void *one, const void *two)
{
    ngx_int_t                rc;
    ngx_llm_compose_call_t  *a, *b;

    a = (ngx_llm_compose_call_t *) one;
    b = (ngx_llm_compose_call_t *) two;

    if (a->named != b->named) {
        return (a->named < b->named) ? -1 : 1;
    }

    rc = ngx_llm_compose_compare_keys(&a->key, &b->key);

    if (rc != 0) {
        return (int) rc;
    }

    if (a->turn != b->turn) {
        return (a->turn < b->turn) ? -1 : 1;
    }

    return 0;
}


static int ngx_libc_cdecl
ngx_llm_compose_compare_names(const void *one, const void *two)
{
    return (int) ngx_llm_compose_compare_keys((ngx_str_t *) one,
                                              (ngx_str_t *) two);
}


static ngx_int_t
ngx_llm_compose_compare_keys(ngx_str_t *a, ngx_str_t *b)
{
    if (a->len == 0 || b->len == 0) {
        return (a->len > b->len) - (a->len < b->len);
    }

    return ngx_memn2cmp(a->data, b->data, a->len, b->len);
}
