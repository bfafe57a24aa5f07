
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What dialects share when they write a request for a provider.
 *
 * Unless said otherwise functions return NGX_OK, NGX_ERROR (no memory), and
 * NGX_DECLINED with err filled where the request is refused.
 */


#ifndef _NGX_LLM_COMPOSE_H_INCLUDED_
#define _NGX_LLM_COMPOSE_H_INCLUDED_


#include "ngx_llm_dialect.h"


/* types of a member, bits */

#define NGX_LLM_COMPOSE_BOOL                                                 \
    ((1 << NGX_LLM_JSON_FALSE)|(1 << NGX_LLM_JSON_TRUE))
#define NGX_LLM_COMPOSE_NUMBER    (1 << NGX_LLM_JSON_NUMBER)
#define NGX_LLM_COMPOSE_STRING    (1 << NGX_LLM_JSON_STRING)
#define NGX_LLM_COMPOSE_ARRAY     (1 << NGX_LLM_JSON_ARRAY)
#define NGX_LLM_COMPOSE_OBJECT    (1 << NGX_LLM_JSON_OBJECT)


/* a member that only this provider has, which clients may send beside others */

typedef struct {
    ngx_str_t                      name;
    ngx_uint_t                     types;
} ngx_llm_compose_own_t;


/* a call of the history */

typedef struct {
    ngx_str_t                      key;     /* its id, or the name without */
    ngx_uint_t                     named;   /* the key is a name */
    ngx_uint_t                     turn;    /* of its message, from 1 */
    ngx_llm_part_t                *part;
    ngx_str_t                      id;      /* for the provider; escaped */
} ngx_llm_compose_call_t;


typedef struct {
    ngx_llm_chat_t                *chat;
    ngx_llm_target_t              *target;
    ngx_llm_out_t                 *out;
    ngx_llm_error_t               *err;

    const ngx_llm_compose_own_t   *own;     /* the last name is empty */

    ngx_llm_tool_t               **tools;   /* those that are sent */
    ngx_uint_t                     ntools;

    ngx_array_t                    calls;   /* ngx_llm_compose_call_t, sorted
                                               by key and turn */
} ngx_llm_compose_t;


/* parameters as ngx_llm_params_check(); own members are not named */
ngx_int_t ngx_llm_compose_params(ngx_llm_compose_t *rq, uint64_t takes);

/* an own member of the right type, or NULL */
ngx_llm_json_t *ngx_llm_compose_own(ngx_llm_compose_t *rq, char *name);

/* writes ,"name":value for an own member that is there; 1: it is */
ngx_uint_t ngx_llm_compose_write_own(ngx_llm_compose_t *rq, char *name);

/* ,"name": */
void ngx_llm_compose_member(ngx_llm_compose_t *rq, char *name);

/* names what was left out, once; NGX_OK or NGX_ERROR */
ngx_int_t ngx_llm_compose_drop(ngx_llm_compose_t *rq, char *name);
ngx_uint_t ngx_llm_compose_drops(ngx_llm_compose_t *rq, ngx_uint_t param);

/* refuses, "provider cannot take ..."; the second with the message's number */
ngx_int_t ngx_llm_compose_refuse(ngx_llm_compose_t *rq, char *param,
    char *what);
ngx_int_t ngx_llm_compose_refuse_part(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, char *what);

/* refuses messages of which nothing is sent */
ngx_int_t ngx_llm_compose_no_content(ngx_llm_compose_t *rq);

/* a format beside tools is refused (d) */
ngx_int_t ngx_llm_compose_format(ngx_llm_compose_t *rq);

/* refuses, or names it where drop_params lists it: NGX_OK */
ngx_int_t ngx_llm_compose_refuse_or_drop(ngx_llm_compose_t *rq,
    ngx_uint_t param, char *what);

/*
 * Sets rq->tools: functions that the choice leaves in; others than functions
 * are refused (d).  named: a choice of one leaves out the others, too.  A
 * choice without tools is dropped and named.
 */
ngx_int_t ngx_llm_compose_tools(ngx_llm_compose_t *rq, ngx_uint_t named);

/* a function up to its "parameters": */
void ngx_llm_compose_tool(ngx_llm_compose_t *rq, ngx_llm_tool_t *tool);

/* the schema of a function; an object without members where it has none */
void ngx_llm_compose_schema(ngx_llm_tool_t *tool, ngx_str_t *raw);

/* the same as a tree; NULL where it has none; NGX_OK or NGX_ERROR */
ngx_int_t ngx_llm_compose_schema_node(ngx_pool_t *pool, ngx_llm_tool_t *tool,
    ngx_llm_json_t **node);

/*
 * ,"name":["a","b"] of the stop sequences; empty ones are left out; more than
 * max are refused (d: the first ones)
 */
ngx_int_t ngx_llm_compose_stop(ngx_llm_compose_t *rq, char *name,
    ngx_uint_t max);

/* ,"name":n of "seed", folded to what is not negative */
ngx_int_t ngx_llm_compose_seed(ngx_llm_compose_t *rq, char *name);

/* ,"name":value of a parameter that is a number, as it came */
void ngx_llm_compose_number(ngx_llm_compose_t *rq, ngx_uint_t param,
    char *name);

/*
 * ,"name":value within limits in millionths, which are written as given; a
 * value outside becomes the limit and is named
 */
ngx_int_t ngx_llm_compose_limited(ngx_llm_compose_t *rq, ngx_uint_t param,
    char *name, int64_t min, char *min_text, int64_t max, char *max_text);

/* texts of one or two types, empty ones left out; number of those written */
ngx_uint_t ngx_llm_compose_joined(ngx_llm_out_t *out, ngx_llm_part_t *parts,
    ngx_llm_part_e type, ngx_llm_part_e other, char *between);

/* the first part of the type that is not empty, or NULL */
ngx_llm_part_t *ngx_llm_compose_part(ngx_llm_part_t *parts,
    ngx_llm_part_e type);

/* texts of a message and what it refuses with, in one */
void ngx_llm_compose_write_text(ngx_llm_compose_t *rq, ngx_llm_message_t *m);
ngx_uint_t ngx_llm_compose_has_text(ngx_llm_message_t *m);

/* an assistant's without texts and calls */
ngx_uint_t ngx_llm_compose_silent(ngx_llm_message_t *m);

/* system and developer; NGX_DECLINED: one holds something else than text */
ngx_uint_t ngx_llm_compose_is_system(ngx_llm_message_t *m);
ngx_int_t ngx_llm_compose_system_part(ngx_pool_t *pool, ngx_llm_message_t *m,
    ngx_llm_part_t *part, ngx_llm_error_t *err);
ngx_int_t ngx_llm_compose_check_system(ngx_llm_compose_t *rq);

/* all system messages, a blank line between them; number of texts */
ngx_uint_t ngx_llm_compose_system(ngx_llm_compose_t *rq, ngx_llm_out_t *out);

/* the same as a message of its own; n: 1 if there is one, else 0 */
ngx_int_t ngx_llm_compose_write_system(ngx_llm_compose_t *rq, ngx_uint_t *n);

/* the text of a file that holds text, escaped; another one is refused */
ngx_int_t ngx_llm_compose_file_text(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, ngx_llm_part_t *part, ngx_str_t *text);

/* "data:TYPE;base64,..." without quotes */
void ngx_llm_compose_data_url(ngx_llm_part_t *part, char *type,
    ngx_llm_out_t *out);

/* {"type":"image_url",...} as OpenAI has it */
void ngx_llm_compose_write_image(ngx_llm_compose_t *rq, ngx_llm_part_t *part);

/*
 * ,"response_format":{...} as OpenAI has it, or nothing; described: with the
 * schema's "description"
 */
void ngx_llm_compose_response_format(ngx_llm_chat_t *chat,
    ngx_uint_t described, ngx_llm_out_t *out);

/*
 * A call's arguments as a raw object.  What is no object becomes
 * {"arguments": text}, the text of a custom tool {"input": text}.  NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_llm_compose_input(ngx_llm_compose_t *rq, ngx_llm_part_t *part,
    ngx_str_t *raw);

/* fills rq->calls; a call without an id is given call_N */
ngx_int_t ngx_llm_compose_calls(ngx_llm_compose_t *rq);

/* the call that a result before "turn" belongs to, or NULL */
ngx_llm_compose_call_t *ngx_llm_compose_result(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, ngx_uint_t turn);

/* the entry of a call in message "turn" */
ngx_llm_compose_call_t *ngx_llm_compose_call(ngx_llm_compose_t *rq,
    ngx_llm_part_t *part, ngx_uint_t turn);

/* ,"tool_calls":[...] as OpenAI has them; NGX_OK or NGX_ERROR */
ngx_int_t ngx_llm_compose_write_calls(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m, ngx_uint_t turn);

/* refuses a result that belongs to no call */
ngx_int_t ngx_llm_compose_no_call(ngx_llm_compose_t *rq,
    ngx_llm_message_t *m);

/* header lines: type, "accept" of a stream, a token or the key as a bearer */
void ngx_llm_compose_headers(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    char *accept, ngx_llm_out_t *out);


#endif /* _NGX_LLM_COMPOSE_H_INCLUDED_ */
