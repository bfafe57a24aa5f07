
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Messages, tools and choices as most are, read without a tree.  What has any
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


/* the node is there for its text: nothing else of it is looked at */

typedef struct {
    ngx_llm_tool_t    tool;
    ngx_llm_json_t    node;
} ngx_llm_openai_plain_tool_t;


static u_char *ngx_llm_openai_plain_message(ngx_llm_chat_t *chat, u_char *p,
    u_char *last);
static u_char *ngx_llm_openai_plain_role(u_char *p, u_char *last,
    ngx_llm_role_e *role);
static u_char *ngx_llm_openai_plain_tool(ngx_llm_openai_read_t *rd,
    u_char *p, u_char *last);
static u_char *ngx_llm_openai_plain_function(ngx_llm_tool_t *tool, u_char *p,
    u_char *last);
static u_char *ngx_llm_openai_plain_answer(ngx_llm_openai_plain_t *plain,
    u_char *p, u_char *last);
static u_char *ngx_llm_openai_plain_null(ngx_str_t *key, u_char *p,
    u_char *last);
static u_char *ngx_llm_openai_plain_string(u_char *p, u_char *last,
    ngx_str_t *text);


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
    ngx_str_null(&key);

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
            p = ngx_llm_openai_plain_string(p, last, &text);

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
            p = ngx_llm_openai_plain_string(p, last, &type);

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
    u_char      *start;
    ngx_str_t    key;
    ngx_uint_t   bit, seen, values;

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
            p = ngx_llm_openai_plain_string(p, last, &tool->name);

        } else if (ngx_llm_json_key_is(&key, "description")) {
            bit = NGX_LLM_OPENAI_PLAIN_ABOUT;
            p = ngx_llm_openai_plain_string(p, last, &tool->description);

        } else if (ngx_llm_json_key_is(&key, "parameters") && *p == '{') {
            bit = NGX_LLM_OPENAI_PLAIN_SCHEMA;
            start = p;
            values = NGX_LLM_OPENAI_PLAIN_VALUES;

            p = ngx_llm_json_pass(p, last, &values);

            tool->schema.data = start;
            tool->schema.len = p ? p - start : 0;

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


/* a choice of an answer: a text, or none, and why it ended */

u_char *
ngx_llm_openai_take_response(void *data, ngx_llm_json_t *member, u_char *p,
    u_char *last)
{
    ngx_llm_openai_plain_t *plain = data;

    ngx_str_t   key;
    ngx_uint_t  seen;

    if (*p++ != '{'
        || member->type != NGX_LLM_JSON_ARRAY
        || !ngx_llm_json_key_is(&member->key, "choices")
        || plain->choices)
    {
        return NULL;
    }

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
            p = ngx_llm_openai_plain_string(p, last, &plain->finish);

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

    plain->choices = member;

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
            p = ngx_llm_openai_plain_string(p, last, &role);

        } else if (ngx_llm_json_key_is(&key, "content")) {
            bit = NGX_LLM_OPENAI_PLAIN_CONTENT;
            p = ngx_llm_openai_plain_string(p, last, &plain->text);

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


/* p is where a value begins: a string's inside, escaped, and what is behind */

static u_char *
ngx_llm_openai_plain_string(u_char *p, u_char *last, ngx_str_t *text)
{
    ngx_uint_t  escaped;

    if (*p++ != '"') {
        return NULL;
    }

    text->data = p;

    p = ngx_llm_json_string(p, last, &escaped);

    if (p == NULL) {
        return NULL;
    }

    text->len = p - text->data;

    return p + 1;
}
