
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Names, wildcards and regular expressions, looked up as server names are,
 * and templates that are filled with what matched.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


#define NGX_HTTP_LLM_NAMES_SIZE  16


typedef enum {
    NGX_HTTP_LLM_TEMPLATE_END = 0,
    NGX_HTTP_LLM_TEMPLATE_TEXT,
    NGX_HTTP_LLM_TEMPLATE_STAR,
    NGX_HTTP_LLM_TEMPLATE_NUMBER,
    NGX_HTTP_LLM_TEMPLATE_NAME,
    NGX_HTTP_LLM_TEMPLATE_INVALID
} ngx_http_llm_template_e;


static ngx_int_t ngx_http_llm_pattern_regex(ngx_conf_t *cf,
    ngx_http_llm_pattern_t *pattern);
static ngx_int_t ngx_http_llm_pattern_regex_match(
    ngx_http_llm_pattern_t *pattern, ngx_str_t *name,
    ngx_http_llm_match_t *match);
static ngx_uint_t ngx_http_llm_pattern_capture(
    ngx_http_llm_pattern_t *pattern, ngx_str_t *name);

static ngx_int_t ngx_http_llm_names_grow(ngx_pool_t *pool,
    ngx_http_llm_names_t *names, ngx_uint_t size);
static ngx_http_llm_pattern_t **ngx_http_llm_names_slot(
    ngx_http_llm_names_t *names, ngx_str_t *text);
static ngx_int_t ngx_http_llm_names_cmp(const void *one,
    const void *two);

static ngx_http_llm_template_e ngx_http_llm_template_next(u_char **pos,
    u_char *last, ngx_str_t *piece);
static ngx_str_t *ngx_http_llm_template_value(ngx_http_llm_template_e type,
    ngx_str_t *piece, ngx_http_llm_match_t *match);


ngx_int_t
ngx_http_llm_pattern_parse(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_llm_pattern_t *pattern)
{
    u_char      *p, *last;
    ngx_uint_t   i;

    ngx_memzero(pattern, sizeof(ngx_http_llm_pattern_t));

    pattern->text = *text;
    pattern->file = cf->conf_file->file.name.data;
    pattern->line = cf->conf_file->line;

    if (text->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "name is empty");
        return NGX_ERROR;
    }

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < 0x20 || text->data[i] == 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "name has a control character");
            return NGX_ERROR;
        }
    }

    if (text->data[0] == '~') {
        pattern->kind = NGX_HTTP_LLM_REGEX;
        return ngx_http_llm_pattern_regex(cf, pattern);
    }

    if (text->len > NGX_HTTP_LLM_MAX_NAME) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "name \"%V\" is longer than %d characters",
                           text, NGX_HTTP_LLM_MAX_NAME);
        return NGX_ERROR;
    }

    last = text->data + text->len;

    p = ngx_strlchr(text->data, last, '*');

    if (p == NULL) {
        pattern->kind = NGX_HTTP_LLM_EXACT;
        return NGX_OK;
    }

    if (ngx_strlchr(p + 1, last, '*')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than one \"*\" in \"%V\"", text);
        return NGX_ERROR;
    }

    pattern->kind = NGX_HTTP_LLM_WILDCARD;

    pattern->prefix.data = text->data;
    pattern->prefix.len = p - text->data;

    pattern->suffix.data = p + 1;
    pattern->suffix.len = last - (p + 1);

    return NGX_OK;
}


#if (NGX_PCRE)

static ngx_int_t
ngx_http_llm_pattern_regex(ngx_conf_t *cf, ngx_http_llm_pattern_t *pattern)
{
    u_char               errstr[NGX_MAX_CONF_ERRSTR];
    ngx_regex_compile_t  rc;

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern.data = pattern->text.data + 1;
    rc.pattern.len = pattern->text.len - 1;

    if (rc.pattern.len && rc.pattern.data[0] == '*') {
        rc.pattern.data++;
        rc.pattern.len--;
        rc.options = NGX_REGEX_CASELESS;
    }

    if (rc.pattern.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "empty regex in \"%V\"",
                           &pattern->text);
        return NGX_ERROR;
    }

    rc.pool = cf->pool;
    rc.err.len = NGX_MAX_CONF_ERRSTR;
    rc.err.data = errstr;

    if (ngx_regex_compile(&rc) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V", &rc.err);
        return NGX_ERROR;
    }

    pattern->regex = rc.regex;
    pattern->ncaptures = rc.captures;
    pattern->nnames = rc.named_captures;
    pattern->name_size = rc.name_size;
    pattern->names = rc.names;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_pattern_regex_match(ngx_http_llm_pattern_t *pattern,
    ngx_str_t *name, ngx_http_llm_match_t *match)
{
    ngx_int_t   n;
    ngx_uint_t  i;
    int         captures[NGX_HTTP_LLM_CAPTURES * 3];

    n = ngx_regex_exec(pattern->regex, name, captures,
                       NGX_HTTP_LLM_CAPTURES * 3);

    if (n == NGX_REGEX_NO_MATCHED) {
        return NGX_DECLINED;
    }

    if (n < 0) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      ngx_regex_exec_n " failed: %i on \"%V\" using \"%V\"",
                      n, name, &pattern->text);
        return NGX_DECLINED;
    }

    if (match == NULL) {
        return NGX_OK;
    }

    match->ncaptures = ngx_min(pattern->ncaptures + 1, NGX_HTTP_LLM_CAPTURES);

    for (i = 0; i < match->ncaptures; i++) {

        /* a group that took no part */

        if (captures[2 * i] < 0 || captures[2 * i + 1] < captures[2 * i]) {
            continue;
        }

        match->capture[i].data = name->data + captures[2 * i];
        match->capture[i].len = captures[2 * i + 1] - captures[2 * i];
    }

    return NGX_OK;
}


/* the number of a named capture, 0 if there is none that is kept */

static ngx_uint_t
ngx_http_llm_pattern_capture(ngx_http_llm_pattern_t *pattern, ngx_str_t *name)
{
    size_t       len;
    u_char      *p;
    ngx_uint_t   i, n;

    p = pattern->names;

    for (i = 0; i < pattern->nnames; i++) {
        n = (p[0] << 8) + p[1];
        len = ngx_strlen(&p[2]);

        if (len == name->len
            && ngx_strncmp(&p[2], name->data, len) == 0)
        {
            return (n < NGX_HTTP_LLM_CAPTURES) ? n : 0;
        }

        p += pattern->name_size;
    }

    return 0;
}

#else

static ngx_int_t
ngx_http_llm_pattern_regex(ngx_conf_t *cf, ngx_http_llm_pattern_t *pattern)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "using regex \"%V\" requires PCRE library",
                       &pattern->text);
    return NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_pattern_regex_match(ngx_http_llm_pattern_t *pattern,
    ngx_str_t *name, ngx_http_llm_match_t *match)
{
    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_llm_pattern_capture(ngx_http_llm_pattern_t *pattern, ngx_str_t *name)
{
    return 0;
}

#endif


ngx_int_t
ngx_http_llm_pattern_match(ngx_http_llm_pattern_t *pattern, ngx_str_t *name,
    ngx_http_llm_match_t *match)
{
    size_t  len;

    if (name->len == 0 || name->len > NGX_HTTP_LLM_MAX_NAME) {
        return NGX_DECLINED;
    }

    if (match) {
        ngx_memzero(match, sizeof(ngx_http_llm_match_t));
        match->pattern = pattern;
    }

    switch (pattern->kind) {

    case NGX_HTTP_LLM_EXACT:

        if (name->len != pattern->text.len
            || ngx_memcmp(name->data, pattern->text.data, name->len) != 0)
        {
            return NGX_DECLINED;
        }

        return NGX_OK;

    case NGX_HTTP_LLM_WILDCARD:

        len = pattern->prefix.len + pattern->suffix.len;

        if (name->len < len
            || ngx_memcmp(name->data, pattern->prefix.data,
                          pattern->prefix.len)
               != 0
            || ngx_memcmp(name->data + name->len - pattern->suffix.len,
                          pattern->suffix.data, pattern->suffix.len)
               != 0)
        {
            return NGX_DECLINED;
        }

        if (match) {
            match->star.data = name->data + pattern->prefix.len;
            match->star.len = name->len - len;
        }

        return NGX_OK;

    default: /* NGX_HTTP_LLM_REGEX */

        return ngx_http_llm_pattern_regex_match(pattern, name, match);
    }
}


ngx_int_t
ngx_http_llm_names_init(ngx_conf_t *cf, ngx_http_llm_names_t *names)
{
    ngx_memzero(names, sizeof(ngx_http_llm_names_t));

    if (ngx_array_init(&names->patterns, cf->pool, 4,
                       sizeof(ngx_http_llm_pattern_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_array_init(&names->wildcards, cf->pool, 4,
                       sizeof(ngx_http_llm_pattern_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_array_init(&names->regexes, cf->pool, 4,
                          sizeof(ngx_http_llm_pattern_t *));
}


char *
ngx_http_llm_names_add(ngx_conf_t *cf, ngx_http_llm_names_t *names,
    ngx_str_t *text, void *value, char *what)
{
    ngx_array_t              *list;
    ngx_http_llm_pattern_t   *pattern, **slot, **p;

    pattern = ngx_palloc(cf->pool, sizeof(ngx_http_llm_pattern_t));
    if (pattern == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_pattern_parse(cf, text, pattern) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    pattern->value = value;

    if ((names->patterns.nelts + 1) * 2 > names->size
        && ngx_http_llm_names_grow(cf->temp_pool, names, names->size * 2)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    slot = ngx_http_llm_names_slot(names, text);

    if (*slot) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate %s \"%V\", first defined in %s:%ui",
                           what, text, (*slot)->file, (*slot)->line);
        return NGX_CONF_ERROR;
    }

    *slot = pattern;

    p = ngx_array_push(&names->patterns);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    *p = pattern;

    if (pattern->kind == NGX_HTTP_LLM_EXACT) {
        return NGX_CONF_OK;
    }

    list = (pattern->kind == NGX_HTTP_LLM_WILDCARD) ? &names->wildcards
                                                    : &names->regexes;
    p = ngx_array_push(list);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    *p = pattern;

    return NGX_CONF_OK;
}


/* the table grows in the temporary pool until it is done */

ngx_int_t
ngx_http_llm_names_done(ngx_conf_t *cf, ngx_http_llm_names_t *names)
{
    ngx_sort(names->wildcards.elts, names->wildcards.nelts,
             sizeof(ngx_http_llm_pattern_t *), ngx_http_llm_names_cmp);

    return ngx_http_llm_names_grow(cf->pool, names, names->size);
}


static ngx_int_t
ngx_http_llm_names_grow(ngx_pool_t *pool, ngx_http_llm_names_t *names,
    ngx_uint_t size)
{
    ngx_uint_t                i;
    ngx_http_llm_pattern_t  **pattern, **slot;

    size = ngx_max(size, NGX_HTTP_LLM_NAMES_SIZE);

    names->table = ngx_pcalloc(pool, size * sizeof(ngx_http_llm_pattern_t *));
    if (names->table == NULL) {
        return NGX_ERROR;
    }

    names->size = size;

    pattern = names->patterns.elts;

    for (i = 0; i < names->patterns.nelts; i++) {
        slot = ngx_http_llm_names_slot(names, &pattern[i]->text);
        *slot = pattern[i];
    }

    return NGX_OK;
}


/* at most half of the slots are in use */

static ngx_http_llm_pattern_t **
ngx_http_llm_names_slot(ngx_http_llm_names_t *names, ngx_str_t *text)
{
    ngx_str_t   *s;
    ngx_uint_t   i;

    i = ngx_hash_key(text->data, text->len);

    for ( ;; ) {
        i &= names->size - 1;

        if (names->table[i] == NULL) {
            break;
        }

        s = &names->table[i]->text;

        if (s->len == text->len
            && ngx_memcmp(s->data, text->data, s->len) == 0)
        {
            break;
        }

        i++;
    }

    return &names->table[i];
}


static ngx_int_t
ngx_http_llm_names_cmp(const void *one, const void *two)
{
    ngx_http_llm_pattern_t  *first, *second;

    first = *(ngx_http_llm_pattern_t **) one;
    second = *(ngx_http_llm_pattern_t **) two;

    return (ngx_int_t) second->text.len - (ngx_int_t) first->text.len;
}


ngx_http_llm_pattern_t *
ngx_http_llm_names_find(ngx_http_llm_names_t *names, ngx_str_t *name,
    ngx_http_llm_match_t *match)
{
    ngx_uint_t                i;
    ngx_http_llm_pattern_t  **pattern;

    if (names->size == 0
        || name->len == 0
        || name->len > NGX_HTTP_LLM_MAX_NAME)
    {
        return NULL;
    }

    pattern = ngx_http_llm_names_slot(names, name);

    if (*pattern
        && (*pattern)->kind == NGX_HTTP_LLM_EXACT
        && ngx_http_llm_pattern_match(*pattern, name, match) == NGX_OK)
    {
        return *pattern;
    }

    pattern = names->wildcards.elts;

    for (i = 0; i < names->wildcards.nelts; i++) {
        if (ngx_http_llm_pattern_match(pattern[i], name, match) == NGX_OK) {
            return pattern[i];
        }
    }

    pattern = names->regexes.elts;

    for (i = 0; i < names->regexes.nelts; i++) {
        if (ngx_http_llm_pattern_match(pattern[i], name, match) == NGX_OK) {
            return pattern[i];
        }
    }

    return NULL;
}


char *
ngx_http_llm_template_check(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_llm_pattern_t *pattern)
{
    u_char                   *p, *last;
    ngx_str_t                 piece;
    ngx_uint_t                n;
    ngx_http_llm_template_e   type;

    p = text->data;
    last = text->data + text->len;

    for ( ;; ) {

        type = ngx_http_llm_template_next(&p, last, &piece);

        switch (type) {

        case NGX_HTTP_LLM_TEMPLATE_END:
            return NGX_CONF_OK;

        case NGX_HTTP_LLM_TEMPLATE_TEXT:
            continue;

        case NGX_HTTP_LLM_TEMPLATE_STAR:

            if (pattern->kind == NGX_HTTP_LLM_WILDCARD) {
                continue;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"*\" in \"%V\" stands for nothing: "
                               "there is no \"*\" in \"%V\"",
                               text, &pattern->text);
            return NGX_CONF_ERROR;

        case NGX_HTTP_LLM_TEMPLATE_NUMBER:

            n = piece.data[0] - '0';

            if (pattern->kind == NGX_HTTP_LLM_REGEX
                && n > 0 && n <= pattern->ncaptures)
            {
                continue;
            }

            break;

        case NGX_HTTP_LLM_TEMPLATE_NAME:

            if (pattern->kind == NGX_HTTP_LLM_REGEX
                && ngx_http_llm_pattern_capture(pattern, &piece) != 0)
            {
                continue;
            }

            break;

        default: /* NGX_HTTP_LLM_TEMPLATE_INVALID */

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid capture in \"%V\"", text);
            return NGX_CONF_ERROR;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"$%V\" in \"%V\" stands for nothing: "
                           "there is no such capture in \"%V\"",
                           &piece, text, &pattern->text);
        return NGX_CONF_ERROR;
    }
}


ngx_int_t
ngx_http_llm_template_run(ngx_pool_t *pool, ngx_str_t *text,
    ngx_http_llm_match_t *match, ngx_str_t *value)
{
    size_t                    len;
    u_char                   *p, *last, *dst;
    ngx_str_t                 piece, *s;
    ngx_uint_t                n;
    ngx_http_llm_template_e   type;

    last = text->data + text->len;

    /* a text without anything to replace is its own value */

    len = 0;
    n = 0;

    for (p = text->data; p < last; /* void */) {
        type = ngx_http_llm_template_next(&p, last, &piece);
        s = ngx_http_llm_template_value(type, &piece, match);

        len += s->len;
        n += (type != NGX_HTTP_LLM_TEMPLATE_TEXT);
    }

    if (n == 0) {
        *value = *text;
        return NGX_OK;
    }

    dst = ngx_pnalloc(pool, len);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    value->data = dst;
    value->len = len;

    for (p = text->data; p < last; /* void */) {
        type = ngx_http_llm_template_next(&p, last, &piece);
        s = ngx_http_llm_template_value(type, &piece, match);

        dst = ngx_cpymem(dst, s->data, s->len);
    }

    return NGX_OK;
}


/* the next piece: text as it is, or the name or digit of a capture */

static ngx_http_llm_template_e
ngx_http_llm_template_next(u_char **pos, u_char *last, ngx_str_t *piece)
{
    u_char      *p, c;
    ngx_uint_t   brace;

    p = *pos;

    piece->data = p;
    piece->len = 0;

    if (p == last) {
        return NGX_HTTP_LLM_TEMPLATE_END;
    }

    if (*p == '*') {
        *pos = p + 1;
        return NGX_HTTP_LLM_TEMPLATE_STAR;
    }

    if (*p != '$') {

        while (p < last && *p != '*' && *p != '$') {
            p++;
        }

        piece->len = p - piece->data;
        *pos = p;

        return NGX_HTTP_LLM_TEMPLATE_TEXT;
    }

    p++;

    brace = (p < last && *p == '{');
    p += brace;

    piece->data = p;

    while (p < last) {
        c = (u_char) (*p | 0x20);

        if (*p >= '0' && *p <= '9') {
            p++;

            if (p - piece->data == 1) {
                break;
            }

            continue;
        }

        if (*p != '_' && (c < 'a' || c > 'z')) {
            break;
        }

        p++;
    }

    piece->len = p - piece->data;

    if (brace) {
        if (p == last || *p != '}') {
            piece->len = 0;

        } else {
            p++;
        }
    }

    *pos = p;

    if (piece->len == 0) {
        return NGX_HTTP_LLM_TEMPLATE_INVALID;
    }

    if (piece->data[0] >= '0' && piece->data[0] <= '9') {
        return NGX_HTTP_LLM_TEMPLATE_NUMBER;
    }

    return NGX_HTTP_LLM_TEMPLATE_NAME;
}


static ngx_str_t *
ngx_http_llm_template_value(ngx_http_llm_template_e type, ngx_str_t *piece,
    ngx_http_llm_match_t *match)
{
    ngx_uint_t  n;

    switch (type) {

    case NGX_HTTP_LLM_TEMPLATE_TEXT:
        return piece;

    case NGX_HTTP_LLM_TEMPLATE_STAR:
        return &match->star;

    case NGX_HTTP_LLM_TEMPLATE_NUMBER:
        n = piece->data[0] - '0';
        return &match->capture[n];

    case NGX_HTTP_LLM_TEMPLATE_NAME:
        n = ngx_http_llm_pattern_capture(match->pattern, piece);
        return &match->capture[n];

    default:
        piece->len = 0;
        return piece;
    }
}
