
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Prints the catalogue, a line each: name, title, dialect, url, variables of
 * the key, "none" if it serves without one, what is different.  Separated by
 * tabs, variables by commas, for t/util/providers-doc.
 */


#include "test.h"
#include "ngx_llm_catalogue.h"


static void presets_notes(const ngx_llm_quirks_t *quirks);
static void presets_note(const char *fmt, const char *word);
static void presets_params(const char *what, uint64_t params);


static ngx_uint_t  presets_nnotes;


static struct {
    ngx_uint_t    flag;
    const char   *note;
} presets_flags[] = {
    { NGX_LLM_QUIRK_SYSTEM, "system" },
    { NGX_LLM_QUIRK_TEXT, "text" },
    { NGX_LLM_QUIRK_MAX_TOKENS, "max_tokens" },
    { NGX_LLM_QUIRK_REASONS, "max_completion_tokens" },
    { NGX_LLM_QUIRK_NO_STREAM_OPTIONS, "no stream_options" },
    { NGX_LLM_QUIRK_STRICT, "strict" },
    { 0, NULL }
};


int
main(void)
{
    size_t                   i;
    const ngx_llm_preset_t  *p;

    for (p = ngx_llm_presets; p->name.len; p++) {

        printf("%.*s\t%.*s\t%.*s\t%.*s\t",
               (int) p->name.len, p->name.data,
               (int) p->title.len, p->title.data,
               (int) p->dialect->name.len, p->dialect->name.data,
               (int) p->url.len, p->url.data);

        for (i = 0; i < p->env.len; i++) {
            putchar(p->env.data[i] ? p->env.data[i] : ',');
        }

        printf("\t%s\t",
               (p->flags & NGX_LLM_PRESET_NO_KEY) ? "none" : "");

        if (p->quirks) {
            presets_notes(p->quirks);
        }

        printf("\n");
    }

    return 0;
}


static void
presets_notes(const ngx_llm_quirks_t *quirks)
{
    char                           number[16];
    ngx_uint_t                     i;
    const ngx_llm_quirk_header_t  *header;

    presets_nnotes = 0;

    for (i = 0; presets_flags[i].note; i++) {
        if (quirks->flags & presets_flags[i].flag) {
            presets_note("%s", presets_flags[i].note);
        }
    }

    presets_params("no `%s`", quirks->lacks);
    presets_params("`%s`", quirks->takes);

    if (quirks->key_prefix) {
        presets_note("key behind `%s`", quirks->key_prefix);

    } else if (quirks->key_header) {
        presets_note("key in `%s`", quirks->key_header);
    }

    if (quirks->reasoning) {
        presets_note("`%s` with calls", quirks->reasoning);
    }

    for (header = quirks->headers; header && header->name; header++) {
        presets_note("`%s`", header->name);
    }

    if (quirks->max_inputs) {
        (void) snprintf(number, sizeof(number), "%u",
                        (unsigned) quirks->max_inputs);
        presets_note("%s texts for embeddings", number);
    }

    if (quirks->rerank) {
        presets_note("reranks as `%s`", (char *) quirks->rerank->name.data);
    }

    if (quirks->version) {
        presets_note("%s", "by `api_version`");
    }
}


static void
presets_note(const char *fmt, const char *word)
{
    printf("%s", presets_nnotes++ ? ", " : "");
    printf(fmt, word);
}


static void
presets_params(const char *what, uint64_t params)
{
    ngx_uint_t  id;

    for (id = 0; id < NGX_LLM_PARAMS; id++) {
        if (params & ngx_llm_param_bit(id)) {
            presets_note(what, (char *) ngx_llm_param_name(id)->data);
        }
    }
}
