
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A JSON tree whose nodes are slices of the text (RFC 8259).
 */


#ifndef _NGX_LLM_JSON_H_INCLUDED_
#define _NGX_LLM_JSON_H_INCLUDED_


#include "ngx_llm_core.h"


typedef enum {
    NGX_LLM_JSON_NULL = 0,
    NGX_LLM_JSON_FALSE,
    NGX_LLM_JSON_TRUE,
    NGX_LLM_JSON_NUMBER,
    NGX_LLM_JSON_STRING,
    NGX_LLM_JSON_ARRAY,
    NGX_LLM_JSON_OBJECT
} ngx_llm_json_type_e;


typedef struct ngx_llm_json_s  ngx_llm_json_t;

struct ngx_llm_json_s {
    ngx_llm_json_t   *next;     /* sibling */
    ngx_llm_json_t   *child;    /* of an array or object */
    ngx_str_t         key;      /* plain; in an object */
    ngx_str_t         raw;      /* the value as it stands in the text */
    u_char           *begin;    /* of the member, at its key; or of the value */
    unsigned          type:4;   /* ngx_llm_json_type_e */
    unsigned          escaped:1;  /* a string with escapes */
};


/*
 * Asked for each value in an array or object that is a member of the root (the
 * list of messages, say): p is where it begins, in an object at its name.  One
 * that is as plain as most are may be taken, and checked, without a tree: the
 * handler returns its end, and no node is made.  NULL: it is for the parser.
 */
typedef u_char *(*ngx_llm_json_take_pt)(void *data, ngx_llm_json_t *member,
    u_char *p, u_char *last);


typedef struct {
    ngx_uint_t             max_depth;   /* 0 is the default */
    ngx_uint_t             max_nodes;
    ngx_llm_json_take_pt   take;        /* may be NULL */
    void                  *data;        /* for it */
    ngx_str_t              error;       /* plain, out: what is wrong, with
                                           offset */
} ngx_llm_json_conf_t;


/*
 * Parses a whole text.  The tree and keys with escapes live in the pool, all
 * else points into the text.  conf may be NULL (NGX_LLM_MAX_DEPTH, _NODES, no
 * error text).  Returns NULL for bad JSON, bad UTF-8, junk behind the value,
 * too deep, too many nodes; no memory counts as such an error.
 */
ngx_llm_json_t *ngx_llm_json_parse(ngx_pool_t *pool, ngx_str_t *text,
    ngx_llm_json_conf_t *conf);

/*
 * p is behind the opening quote of a string: returns its closing one, or NULL
 * if it is not right, UTF-8 included
 */
u_char *ngx_llm_json_string(u_char *p, u_char *last, ngx_uint_t *escaped);

/*
 * p is at the first byte of a value: returns what is behind it, or NULL if it
 * is not right.  word(): a number or one of the three words; digits(): a number
 * without a sign, type and raw of the node are filled; quoted(): a string, text
 * is its inside, escaped; pass(): any, with *values counted down for each in
 * it, and not below 0; all leave odd ones to the parser by NULL, such as those
 * that are nested very deep.
 */
u_char *ngx_llm_json_word(u_char *p, u_char *last);
u_char *ngx_llm_json_digits(u_char *p, u_char *last, ngx_llm_json_t *node);
u_char *ngx_llm_json_quoted(u_char *p, u_char *last, ngx_str_t *text);
u_char *ngx_llm_json_pass(u_char *p, u_char *last, ngx_uint_t *values);

/*
 * A member of an object that is read without a tree.  p is behind the opening
 * brace, with key->data NULL, or behind the value before it.  Returns where the
 * value begins; or, with key->data NULL, what is behind the object; NULL if
 * it is not right, or the name has escapes or bytes above ASCII.
 */
u_char *ngx_llm_json_member(u_char *p, u_char *last, ngx_str_t *key);

#define ngx_llm_json_key_is(key, s)                                          \
    ((key)->len == sizeof(s) - 1                                             \
     && ngx_memcmp((key)->data, s, sizeof(s) - 1) == 0)

#define ngx_llm_json_skip(p, last)                                           \
    while (p < last && *p <= ' '                                             \
           && (*p == ' ' || *p == LF || *p == CR || *p == '\t'))             \
    {                                                                        \
        p++;                                                                 \
    }

/* the last member of that name or NULL; NULL for a node that is no object */
ngx_llm_json_t *ngx_llm_json_find(ngx_llm_json_t *node, char *name,
    size_t len);

static ngx_llm_json_t *ngx_llm_json_get(ngx_llm_json_t *node, char *name);

/* the same, with null counting as absent */
static ngx_llm_json_t *ngx_llm_json_set(ngx_llm_json_t *node, char *name);

/* a member that is a string, escaped; absent if it is no string */
ngx_str_t ngx_llm_json_str(ngx_llm_json_t *node, char *name);

/* the inside of a string node, escaped */
ngx_str_t ngx_llm_json_text(ngx_llm_json_t *node);

/*
 * decodes escaped text; without escapes the slice itself is returned, else
 * memory of the pool.  Lone surrogates become U+FFFD.  data == NULL: memory.
 */
ngx_str_t ngx_llm_json_plain(ngx_pool_t *pool, ngx_str_t *escaped);

/* the character that the escape at *pos (a backslash) stands for */
uint32_t ngx_llm_json_unescape(u_char **pos, u_char *last);

/* compares escaped text with a name in ASCII */
ngx_uint_t ngx_llm_json_is(ngx_str_t *escaped, char *name);

/*
 * an integer; NGX_DECLINED if it has a fraction other than 0, an exponent, or
 * leaves 64 bits; NGX_ERROR if the node is no number
 */
ngx_int_t ngx_llm_json_int(ngx_llm_json_t *node, int64_t *n);

/*
 * a number in millionths, cut off behind; what is too large counts as a very
 * large one.  NGX_DECLINED: the node is no number
 */

#define NGX_LLM_JSON_ONE  1000000

ngx_int_t ngx_llm_json_decimal(ngx_llm_json_t *node, int64_t *value);

/* a member as an integer >= 0, or "def" */
int64_t ngx_llm_json_count(ngx_llm_json_t *node, char *name, int64_t def);

ngx_uint_t ngx_llm_json_true(ngx_llm_json_t *node, char *name);

/*
 * The first member name that stands twice in an object, or NULL; alike(): in
 * any case, since some who read it make no difference
 */
ngx_str_t *ngx_llm_json_duplicate(ngx_llm_json_t *object);
ngx_str_t *ngx_llm_json_alike(ngx_llm_json_t *object);


/*
 * Finds the end of a JSON value in text that comes in pieces: only nesting
 * and strings are followed.  next() returns NGX_OK with *pos behind the value,
 * NGX_AGAIN with all consumed, NGX_ERROR for what no JSON object or array
 * begins with.
 */

typedef struct {
    ngx_uint_t        depth;
    ngx_uint_t        state;
} ngx_llm_json_end_t;


void ngx_llm_json_end_init(ngx_llm_json_end_t *end);
ngx_int_t ngx_llm_json_end_next(ngx_llm_json_end_t *end, u_char **pos,
    u_char *last);


/*
 * Edits of a text: slices that are replaced.  del may be empty (insertion);
 * what is inserted comes before what is replaced at the same place.
 */

typedef struct {
    u_char           *pos;      /* in the text */
    size_t            del;
    ngx_str_t         text;
} ngx_llm_edit_t;


/* one edit more; NGX_OK or NGX_ERROR */
ngx_int_t ngx_llm_edit_add(ngx_array_t *edits, u_char *pos, size_t del,
    ngx_str_t *text);

/*
 * The edits that take members (ngx_llm_json_t *, in the order of the text) out
 * of an object, with the comma that goes with each.
 */
ngx_int_t ngx_llm_edit_remove(ngx_llm_json_t *object, ngx_array_t *members,
    ngx_array_t *edits);

/* the edit that gives a member another key (escaped) */
ngx_int_t ngx_llm_edit_rename(ngx_llm_json_t *member, ngx_str_t *key,
    ngx_array_t *edits);

/*
 * The text after the edits as a list of slices (ngx_str_t) in the array given:
 * of the text itself and of the replacements.  No byte is copied.  The edits
 * are sorted here.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_llm_edit_apply(ngx_str_t *text, ngx_array_t *edits,
    ngx_array_t *slices);


/* here, for the lengths of names that are constant */

static ngx_inline ngx_llm_json_t *
ngx_llm_json_get(ngx_llm_json_t *node, char *name)
{
    return ngx_llm_json_find(node, name, ngx_strlen(name));
}


static ngx_inline ngx_llm_json_t *
ngx_llm_json_set(ngx_llm_json_t *node, char *name)
{
    node = ngx_llm_json_get(node, name);

    return (node && node->type == NGX_LLM_JSON_NULL) ? NULL : node;
}


#endif /* _NGX_LLM_JSON_H_INCLUDED_ */
