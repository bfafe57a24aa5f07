
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Messages, tools and answers as most are, read without a tree.  What has any
 * other member, a member twice, or a value of another kind is left to the
 * parser and the readers behind it, so that only they refuse.
 */


#include "ngx_llm_openai.h"


/* of one tool's schema; a larger one is parsed, where values are counted */
#define NGX_LLM_OPENAI_PLAIN_VALUES    4096

/* messages that need no node are bounded, too */
#define NGX_LLM_OPENAI_PLAIN_MESSAGES  65536

/* members that were seen */

#define NGX_LLM_OPENAI_PLAIN_ROLE      0x0001
#define NGX_LLM_OPENAI_PLAIN_CONTENT   0x0002
#define NGX_LLM_OPENAI_PLAIN_TYPE      0x0004
#define NGX_LLM_OPENAI_PLAIN_FUNCTION  0x0008
#define NGX_LLM_OPENAI_PLAIN_NAME      0x0010
#define NGX_LLM_OPENAI_PLAIN_ABOUT     0x0020
#define NGX_LLM_OPENAI_PLAIN_SCHEMA    0x0040
#define NGX_LLM_OPENAI_PLAIN_STRICT    0x0080
#define NGX_LLM_OPENAI_PLAIN_MESSAGE   0x0100
#define NGX_LLM_OPENAI_PLAIN_FINISH    0x0200
#define NGX_LLM_OPENAI_PLAIN_CHOICES   0x0400
#define NGX_LLM_OPENAI_PLAIN_USAGE     0x0800
#define NGX_LLM_OPENAI_PLAIN_ID        0x1000
#define NGX_LLM_OPENAI_PLAIN_MODEL     0x2000
#define NGX_LLM_OPENAI_PLAIN_TIER      0x4000
#define NGX_LLM_OPENAI_PLAIN_CREATED   0x8000


/* the node is there for its text: nothing else of it is looked at */

typedef struct {
    ngx_llm_tool_t    tool;
    ngx_llm_json_t    node;
} ngx_llm_openai_plain_tool_t;


/* an answer so far */

typedef struct {
    ngx_str_t         id;
    ngx_str_t         model;
    ngx_str_t         tier;
    ngx_str_t         text;
    ngx_str_t         finish;
    int64_t           created;
    ngx_llm_usage_t   usage;
} ngx_llm_openai_plain_t;


static u_char *ngx_llm_openai_plain_message(ngx_llm_chat_t *chat, u_char *p,
    u_char *last);
static u_char *ngx_llm_openai_plain_role(u_char *p, u_char *last,
    ngx_llm_role_e *role);
static u_char *ngx_llm_openai_plain_tool(ngx_llm_openai_read_t *rd,
    u_char *p, u_char *last);
static u_char *ngx_llm_openai_plain_function(ngx_llm_tool_t *tool, u_char *p,
    u_char *last);
static u_char *ngx_llm_openai_plain_schema(ngx_llm_tool_t *tool, u_char *p,
    u_char *last);
static u_char *ngx_llm_openai_plain_root(ngx_llm_openai_plain_t *plain,
    u_char *p, u_char *last);
static u_char *ngx_llm_openai_plain_choices(ngx_llm_openai_plain_t *plain,
    u_char *p, u_char *last);
static u_char *ngx_llm_openai_plain_choice(ngx_llm_openai_plain_t *plain,
    u_char *p, u_char *last);
static u_char *ngx_llm_openai_plain_answer(ngx_llm_openai_plain_t *plain,
    u_char *p, u_char *last);
static u_char *ngx_llm_openai_plain_null(ngx_str_t *key, u_char *p,
    u_char *last);


u_char *
ngx_llm_openai_take_request(void *data, ngx_llm_json_t *member, u_char *p,
    u_char *last)
{
    ngx_llm_openai_read_t *rd = data;

    if (*p != '{' || member->type != NGX_LLM_JSON_ARRAY) {
        return NULL;
    }

    if (ngx_llm_json_key_is(&member->key, "messages")) {
        return ngx_llm_openai_plain_message(rd->chat, p, last);
    }

    if (ngx_llm_json_key_is(&member->key, "tools")) {
        return ngx_llm_openai_plain_tool(rd, p, last);
    }

    return NULL;
}


/* a role and a text */

static u_char *
ngx_llm_openai_plain_message(ngx_llm_chat_t *chat, u_char *p, u_char *last)
{
    ngx_str_t         key, text;
    ngx_uint_t        seen;
    ngx_llm_role_e    role;
    ngx_llm_plain_t  *plain;

    if (chat->plain
        && chat->plain->nelts == NGX_LLM_OPENAI_PLAIN_MESSAGES)
    {
        return NULL;
    }

    p++;
    seen = 0;
    role = NGX_LLM_ROLE_SYSTEM;

    ngx_str_null(&key);
    ngx_str_null(&text);

    for ( ;; ) {
        p = ngx_llm_json_member(p, last, &key);

        if (p == NULL || key.data == NULL) {
            break;
        }

        if (ngx_llm_json_key_is(&key, "role")) {

            if (seen & NGX_LLM_OPENAI_PLAIN_ROLE) {
                return NULL;
            }

            seen |= NGX_LLM_OPENAI_PLAIN_ROLE;
            p = ngx_llm_openai_plain_role(p, last, &role);

        } else if (ngx_llm_json_key_is(&key, "content")) {

            if (seen & NGX_LLM_OPENAI_PLAIN_CONTENT) {
                return NULL;
            }

            seen |= NGX_LLM_OPENAI_PLAIN_CONTENT;
            p = ngx_llm_json_quoted(p, last, &text);

        } else {
            p = ngx_llm_openai_plain_null(&key, p, last);
        }

        if (p == NULL) {
            return NULL;
        }
    }

    if (p == NULL
        || seen != (NGX_LLM_OPENAI_PLAIN_ROLE|NGX_LLM_OPENAI_PLAIN_CONTENT))
    {
        return NULL;
    }

    if (chat->plain == NULL) {
        chat->plain = ngx_array_create(chat->pool, 8,
                                       sizeof(ngx_llm_plain_t));
        if (chat->plain == NULL) {
            return NULL;
        }
    }

    plain = ngx_array_push(chat->plain);
    if (plain == NULL) {
        return NULL;
    }

    plain->text = text;
    plain->role = role;

    return p;
}


static u_char *
ngx_llm_openai_plain_role(u_char *p, u_char *last, ngx_llm_role_e *role)
{
    size_t  len;

#define ngx_llm_openai_role_is(s)                                            \
    (len = sizeof(s) - 1,                                                    \
     (size_t) (last - p) > len && ngx_memcmp(p, s, sizeof(s) - 1) == 0)

    if (ngx_llm_openai_role_is("\"user\"")) {
        *role = NGX_LLM_ROLE_USER;

    } else if (ngx_llm_openai_role_is("\"assistant\"")) {
        *role = NGX_LLM_ROLE_ASSISTANT;

    } else if (ngx_llm_openai_role_is("\"system\"")) {
        *role = NGX_LLM_ROLE_SYSTEM;

    } else {

        /* a developer's is changed in place for who does not know the word */

        return NULL;
    }

    return p + len;
}


static u_char *
ngx_llm_openai_plain_tool(ngx_llm_openai_read_t *rd, u_char *p, u_char *last)
{
    u_char                       *start;
    ngx_str_t                     key, type;
    ngx_uint_t                    seen;
    ngx_llm_tool_t                tool;
    ngx_llm_openai_plain_tool_t  *plain;

    ngx_memzero(&tool, sizeof(ngx_llm_tool_t));
    ngx_str_null(&key);

    start = p++;
    seen = 0;

    for ( ;; ) {
        p = ngx_llm_json_member(p, last, &key);

        if (p == NULL || key.data == NULL) {
            break;
        }

        if (ngx_llm_json_key_is(&key, "type")
            && !(seen & NGX_LLM_OPENAI_PLAIN_TYPE))
        {
            seen |= NGX_LLM_OPENAI_PLAIN_TYPE;
            p = ngx_llm_json_quoted(p, last, &type);

            if (p == NULL || !ngx_llm_json_key_is(&type, "function")) {
                return NULL;
            }

        } else if (ngx_llm_json_key_is(&key, "function")
                   && !(seen & NGX_LLM_OPENAI_PLAIN_FUNCTION))
        {
            seen |= NGX_LLM_OPENAI_PLAIN_FUNCTION;
            p = ngx_llm_openai_plain_function(&tool, p, last);

            if (p == NULL) {
                return NULL;
            }

        } else {
            return NULL;
        }
    }

    if (p == NULL
        || seen != (NGX_LLM_OPENAI_PLAIN_TYPE|NGX_LLM_OPENAI_PLAIN_FUNCTION))
    {
        return NULL;
    }

    plain = ngx_palloc(rd->chat->pool, sizeof(ngx_llm_openai_plain_tool_t));
    if (plain == NULL) {
        return NULL;
    }

    ngx_memzero(&plain->node, sizeof(ngx_llm_json_t));

    plain->node.type = NGX_LLM_JSON_OBJECT;
    plain->node.begin = start;
    plain->node.raw.data = start;
    plain->node.raw.len = p - start;

    plain->tool = tool;
    plain->tool.node = &plain->node;

    *rd->plain_tool = &plain->tool;
    rd->plain_tool = &plain->tool.next;

    return p;
}


static u_char *
ngx_llm_openai_plain_function(ngx_llm_tool_t *tool, u_char *p, u_char *last)
{
    ngx_str_t    key;
    ngx_uint_t   bit, seen;

    if (*p++ != '{') {
        return NULL;
    }

    seen = 0;
    ngx_str_null(&key);

    for ( ;; ) {
        p = ngx_llm_json_member(p, last, &key);

        if (p == NULL || key.data == NULL) {
            break;
        }

        if (ngx_llm_json_key_is(&key, "name")) {
            bit = NGX_LLM_OPENAI_PLAIN_NAME;
            p = ngx_llm_json_quoted(p, last, &tool->name);

        } else if (ngx_llm_json_key_is(&key, "description")) {
            bit = NGX_LLM_OPENAI_PLAIN_ABOUT;
            p = ngx_llm_json_quoted(p, last, &tool->description);

        } else if (ngx_llm_json_key_is(&key, "parameters") && *p == '{') {
            bit = NGX_LLM_OPENAI_PLAIN_SCHEMA;
            p = ngx_llm_openai_plain_schema(tool, p, last);

        } else if (ngx_llm_json_key_is(&key, "strict")
                   && (*p == 't' || *p == 'f'))
        {
            bit = NGX_LLM_OPENAI_PLAIN_STRICT;
            tool->strict = (*p == 't');
            p = ngx_llm_json_word(p, last);

        } else {
            return NULL;
        }

        if (p == NULL || (seen & bit)) {
            return NULL;
        }

        seen |= bit;
    }

    if (p == NULL || tool->name.len == 0) {
        return NULL;
    }

    return p;
}


/* whether it is an object's, a provider may ask, which needs no tree then */

static u_char *
ngx_llm_openai_plain_schema(ngx_llm_tool_t *tool, u_char *p, u_char *last)
{
    u_char      *value;
    ngx_str_t    key;
    ngx_uint_t   values;

    values = NGX_LLM_OPENAI_PLAIN_VALUES;

    tool->object = 0;
    tool->schema.data = p++;

    ngx_str_null(&key);

    for ( ;; ) {
        p = ngx_llm_json_member(p, last, &key);

        if (p == NULL) {
            return NULL;
        }

        if (key.data == NULL) {
            break;
        }

        value = p;

        p = ngx_llm_json_pass(p, last, &values);

        if (p == NULL) {
            return NULL;
        }

        /* of a name that stands twice the last one counts */

        if (ngx_llm_json_key_is(&key, "type")) {
            tool->object = (p - value == sizeof("\"object\"") - 1
                            && ngx_memcmp(value, "\"object\"",
                                          sizeof("\"object\"") - 1)
                               == 0);
        }
    }

    tool->schema.len = p - tool->schema.data;

    return p;
}


/*
 * A whole answer with one choice that is a text.  NGX_OK; NGX_DECLINED: it is
 * for the parser, and nothing of it is in res; NGX_ERROR.
 */

ngx_int_t
ngx_llm_openai_plain_response(ngx_str_t *text, ngx_llm_response_t *res)
{
    u_char                  *p, *last;
    ngx_llm_part_t          *part;
    ngx_llm_choice_t        *choice;
    ngx_llm_openai_plain_t   plain;

    ngx_memzero(&plain, sizeof(ngx_llm_openai_plain_t));

    p = text->data;
    last = p + text->len;

    ngx_llm_json_skip(p, last);

    p = ngx_llm_openai_plain_root(&plain, p, last);

    if (p == NULL) {
        return NGX_DECLINED;
    }

    ngx_llm_json_skip(p, last);

    if (p != last || ngx_llm_json_is(&plain.finish, "error")) {
        return NGX_DECLINED;
    }

    choice = ngx_array_push(&res->choices);
    if (choice == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(choice, sizeof(ngx_llm_choice_t));

    choice->finish = ngx_llm_openai_finish_of(&plain.finish);

    if (choice->finish == NGX_LLM_FINISH_NONE) {
        choice->finish = NGX_LLM_FINISH_STOP;
    }

    if (plain.text.len) {
        part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = plain.text;
    }

    res->id = plain.id;
    res->model = plain.model;
    res->created = plain.created;
    res->usage = plain.usage;

    if (plain.tier.len) {
        res->service_tier = plain.tier;
    }

    res->usage.service = ngx_llm_price_service(&res->service_tier);

    return NGX_OK;
}


static u_char *
ngx_llm_openai_plain_root(ngx_llm_openai_plain_t *plain, u_char *p,
    u_char *last)
{
    ngx_str_t       key;
    ngx_uint_t      bit, seen, values;
    ngx_llm_json_t  node;

    if (p == last || *p++ != '{') {
        return NULL;
    }

    seen = 0;
    ngx_str_null(&key);

    for ( ;; ) {
        p = ngx_llm_json_member(p, last, &key);

        if (p == NULL || key.data == NULL) {
            break;
        }

        if (ngx_llm_json_key_is(&key, "choices")) {
            bit = NGX_LLM_OPENAI_PLAIN_CHOICES;
            p = ngx_llm_openai_plain_choices(plain, p, last);

        } else if (ngx_llm_json_key_is(&key, "usage")) {
            bit = NGX_LLM_OPENAI_PLAIN_USAGE;
            p = ngx_llm_openai_plain_usage(p, last, &plain->usage);

        } else if (ngx_llm_json_key_is(&key, "id")) {
            bit = NGX_LLM_OPENAI_PLAIN_ID;
            p = ngx_llm_json_quoted(p, last, &plain->id);

        } else if (ngx_llm_json_key_is(&key, "model")) {
            bit = NGX_LLM_OPENAI_PLAIN_MODEL;
            p = ngx_llm_json_quoted(p, last, &plain->model);

        } else if (ngx_llm_json_key_is(&key, "service_tier") && *p == '"') {
            bit = NGX_LLM_OPENAI_PLAIN_TIER;
            p = ngx_llm_json_quoted(p, last, &plain->tier);

        } else if (ngx_llm_json_key_is(&key, "created")) {
            bit = NGX_LLM_OPENAI_PLAIN_CREATED;

            p = ngx_llm_json_digits(p, last, &node);

            if (p == NULL
                || ngx_llm_json_int(&node, &plain->created) != NGX_OK)
            {
                return NULL;
            }

        } else if (ngx_llm_json_key_is(&key, "object")
                   || ngx_llm_json_key_is(&key, "system_fingerprint")
                   || ngx_llm_json_key_is(&key, "service_tier"))
        {
            bit = 0;
            values = 1;
            p = ngx_llm_json_pass(p, last, &values);

        } else {
            return NULL;
        }

        if (p == NULL || (seen & bit)) {
            return NULL;
        }

        seen |= bit;
    }

    if ((seen & (NGX_LLM_OPENAI_PLAIN_CHOICES|NGX_LLM_OPENAI_PLAIN_USAGE))
        != (NGX_LLM_OPENAI_PLAIN_CHOICES|NGX_LLM_OPENAI_PLAIN_USAGE))
    {
        return NULL;
    }

    return p;
}


/* a list of one choice */

static u_char *
ngx_llm_openai_plain_choices(ngx_llm_openai_plain_t *plain, u_char *p,
    u_char *last)
{
    if (*p++ != '[') {
        return NULL;
    }

    ngx_llm_json_skip(p, last);

    if (p == last || *p != '{') {
        return NULL;
    }

    p = ngx_llm_openai_plain_choice(plain, p, last);

    if (p == NULL) {
        return NULL;
    }

    ngx_llm_json_skip(p, last);

    return (p == last || *p != ']') ? NULL : p + 1;
}


/* a text, or none, and why it ended */

static u_char *
ngx_llm_openai_plain_choice(ngx_llm_openai_plain_t *plain, u_char *p,
    u_char *last)
{
    ngx_str_t   key;
    ngx_uint_t  seen;

    p++;
    seen = 0;
    ngx_str_null(&key);

    for ( ;; ) {
        p = ngx_llm_json_member(p, last, &key);

        if (p == NULL || key.data == NULL) {
            break;
        }

        if (ngx_llm_json_key_is(&key, "message")
            && !(seen & NGX_LLM_OPENAI_PLAIN_MESSAGE))
        {
            seen |= NGX_LLM_OPENAI_PLAIN_MESSAGE;
            p = ngx_llm_openai_plain_answer(plain, p, last);

        } else if (ngx_llm_json_key_is(&key, "finish_reason")
                   && !(seen & NGX_LLM_OPENAI_PLAIN_FINISH))
        {
            seen |= NGX_LLM_OPENAI_PLAIN_FINISH;
            p = ngx_llm_json_quoted(p, last, &plain->finish);

        } else if (ngx_llm_json_key_is(&key, "index")
                   && *p >= '0' && *p <= '9')
        {
            p = ngx_llm_json_word(p, last);

        } else {
            p = ngx_llm_openai_plain_null(&key, p, last);
        }

        if (p == NULL) {
            return NULL;
        }
    }

    if (p == NULL
        || seen != (NGX_LLM_OPENAI_PLAIN_MESSAGE|NGX_LLM_OPENAI_PLAIN_FINISH))
    {
        return NULL;
    }

    return p;
}


static u_char *
ngx_llm_openai_plain_answer(ngx_llm_openai_plain_t *plain, u_char *p,
    u_char *last)
{
    ngx_str_t   key, role;
    ngx_uint_t  bit, seen;

    if (*p++ != '{') {
        return NULL;
    }

    seen = 0;
    ngx_str_null(&key);

    for ( ;; ) {
        p = ngx_llm_json_member(p, last, &key);

        if (p == NULL || key.data == NULL) {
            break;
        }

        bit = 0;

        if (ngx_llm_json_key_is(&key, "role")) {
            bit = NGX_LLM_OPENAI_PLAIN_ROLE;
            p = ngx_llm_json_quoted(p, last, &role);

        } else if (ngx_llm_json_key_is(&key, "content")) {
            bit = NGX_LLM_OPENAI_PLAIN_CONTENT;
            p = ngx_llm_json_quoted(p, last, &plain->text);

        } else if (ngx_llm_json_key_is(&key, "annotations")
                   && last - p > 2 && p[0] == '[' && p[1] == ']')
        {
            p += 2;

        } else {
            p = ngx_llm_openai_plain_null(&key, p, last);
        }

        if (p == NULL || (seen & bit)) {
            return NULL;
        }

        seen |= bit;
    }

    return (seen & NGX_LLM_OPENAI_PLAIN_CONTENT) ? p : NULL;
}


/* members that say nothing when they are null */

static u_char *
ngx_llm_openai_plain_null(ngx_str_t *key, u_char *p, u_char *last)
{
    if (*p != 'n') {
        return NULL;
    }

    if (!ngx_llm_json_key_is(key, "refusal")
        && !ngx_llm_json_key_is(key, "logprobs")
        && !ngx_llm_json_key_is(key, "tool_calls")
        && !ngx_llm_json_key_is(key, "function_call")
        && !ngx_llm_json_key_is(key, "audio")
        && !ngx_llm_json_key_is(key, "annotations")
        && !ngx_llm_json_key_is(key, "name"))
    {
        return NULL;
    }

    return ngx_llm_json_word(p, last);
}
