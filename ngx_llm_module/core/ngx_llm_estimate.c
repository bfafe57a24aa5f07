
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * How many tokens a prompt has.  Tokenizers split text into words, numbers,
 * runs of signs and of blanks first, and those into pieces that were frequent
 * where they were made.  One pass over the text counts such things, and each
 * family of models weighs them: docs/estimates.md says how far that is off.
 * The tables of weights are written by t/util/estimates.
 */


#include "ngx_llm_estimate.h"


/* words behind one with accents that are of its language */
#define NGX_LLM_ESTIMATE_FOREIGN  20

/* bytes looked at; more text is taken for the like */
#define NGX_LLM_ESTIMATE_BYTES    (1024 * 1024)

/* bytes of base64 a token, roughly: speech as mp3 or wav, pages of a PDF */
#define NGX_LLM_ESTIMATE_AUDIO    2048
#define NGX_LLM_ESTIMATE_FILE     64

/* what a count is bounded to: text that is not looked at is no text */
#define NGX_LLM_ESTIMATE_MAX      ((int64_t) 1 << 40)


typedef enum {
    NGX_LLM_RUN_NONE = 0,
    NGX_LLM_RUN_LATIN,
    NGX_LLM_RUN_CYRILLIC,
    NGX_LLM_RUN_GREEK,
    NGX_LLM_RUN_SEMITIC,        /* Hebrew, Arabic */
    NGX_LLM_RUN_INDIC,
    NGX_LLM_RUN_THAI,           /* and Lao */
    NGX_LLM_RUN_LETTER,         /* of other alphabets */
    NGX_LLM_RUN_HAN,
    NGX_LLM_RUN_KANA,
    NGX_LLM_RUN_HANGUL,
    NGX_LLM_RUN_WIDE,           /* signs of CJK */
    NGX_LLM_RUN_DIGIT,
    NGX_LLM_RUN_SPACE,
    NGX_LLM_RUN_LINE,
    NGX_LLM_RUN_SIGN,
    NGX_LLM_RUN_SYMBOL          /* emoji and the like */
} ngx_llm_run_e;


typedef struct {
    ngx_llm_run_e   class;
    ngx_llm_run_e   before;     /* the run before */
    ngx_uint_t      n;          /* characters */
    ngx_uint_t      accents;    /* letters that are not ASCII, in LATIN */
    ngx_uint_t      upper;      /* capitals, in LATIN */
    ngx_uint_t      camel;      /* capitals behind small letters */
    ngx_uint_t      small;      /* the last one was a small letter */
    uint32_t        last;       /* character */
    ngx_uint_t      same;       /* that repeat the one before */
    ngx_uint_t      foreign;    /* words yet to be taken for no English */
} ngx_llm_run_t;


typedef struct {
    int64_t         count[NGX_LLM_ESTIMATE_FEATURES];
    uint64_t        seen;
    uint64_t        skipped;
} ngx_llm_estimate_t;


/* what is not text, in tokens: by rule of each API, mean and high */

typedef struct {
    int64_t         chat;
    int64_t         message;
    int64_t         tools;      /* once, where there are any */
    int64_t         tool;
    int64_t         call;
    int64_t         image;
} ngx_llm_estimate_fixed_t;


static void ngx_llm_estimate_count(ngx_llm_estimate_t *e,
    ngx_llm_chat_t *chat);
static void ngx_llm_estimate_message(ngx_llm_estimate_t *e,
    ngx_llm_message_t *message);
static int64_t ngx_llm_estimate_fixed(ngx_llm_chat_t *chat,
    const ngx_llm_estimate_fixed_t *fixed);
static int64_t ngx_llm_estimate_weigh(ngx_llm_estimate_t *e,
    const int16_t *weights);
static void ngx_llm_estimate_text(ngx_llm_estimate_t *e, ngx_str_t *escaped);
static uint32_t ngx_llm_estimate_char(u_char **pos, u_char *last);
static ngx_llm_run_e ngx_llm_estimate_class(uint32_t c);
static ngx_llm_run_e ngx_llm_estimate_wide(uint32_t c);
static void ngx_llm_estimate_run(ngx_llm_estimate_t *e, ngx_llm_run_t *run,
    ngx_llm_run_e next);
static void ngx_llm_estimate_word(ngx_llm_estimate_t *e, ngx_llm_run_t *run,
    ngx_llm_run_e next);


static const ngx_llm_estimate_fixed_t  ngx_llm_estimate_means[] = {
    { 3, 4, 10, 8, 8, 800 },        /* ANY */
    { 3, 4, 10, 8, 8, 800 },        /* GPT */
    { 4, 4, 346, 12, 12, 1300 },    /* CLAUDE */
    { 2, 4, 10, 8, 8, 520 },        /* GEMINI */
    { 5, 5, 60, 10, 10, 1100 },     /* LLAMA */
    { 5, 5, 60, 10, 10, 1000 }      /* QWEN */
};

static const ngx_llm_estimate_fixed_t  ngx_llm_estimate_highs[] = {
    { 10, 6, 530, 20, 20, 4800 },   /* ANY */
    { 5, 5, 20, 16, 14, 1600 },     /* GPT */
    { 10, 6, 530, 20, 20, 4800 },   /* CLAUDE */
    { 4, 6, 30, 14, 14, 2600 },     /* GEMINI */
    { 10, 6, 120, 20, 20, 6500 },   /* LLAMA */
    { 10, 6, 120, 20, 20, 2600 }    /* QWEN */
};


/* classes of ASCII */

#define LA  NGX_LLM_RUN_LATIN
#define DI  NGX_LLM_RUN_DIGIT
#define SP  NGX_LLM_RUN_SPACE
#define LI  NGX_LLM_RUN_LINE
#define SI  NGX_LLM_RUN_SIGN

static const u_char  ngx_llm_estimate_ascii[128] = {
    SI, SI, SI, SI, SI, SI, SI, SI, SI, SP, LI, SI, SI, LI, SI, SI,
    SI, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI,
    SP, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI, SI,
    DI, DI, DI, DI, DI, DI, DI, DI, DI, DI, SI, SI, SI, SI, SI, SI,
    SI, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA,
    LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, SI, SI, SI, SI, SI,
    SI, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA,
    LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, LA, SI, SI, SI, SI, SI
};


/* a part of a model's name, in small letters */

static const struct {
    char           *name;
    size_t          len;
    ngx_uint_t      family;
} ngx_llm_families[] = {

#define family(name, family)  { name, sizeof(name) - 1, family }

    family("claude", NGX_LLM_FAMILY_CLAUDE),
    family("gemini", NGX_LLM_FAMILY_GEMINI),
    family("gemma", NGX_LLM_FAMILY_GEMINI),
    family("deepseek", NGX_LLM_FAMILY_QWEN),
    family("qwen", NGX_LLM_FAMILY_QWEN),
    family("qwq", NGX_LLM_FAMILY_QWEN),
    family("llama-2", NGX_LLM_FAMILY_ANY),
    family("llama2", NGX_LLM_FAMILY_ANY),
    family("llama", NGX_LLM_FAMILY_LLAMA),
    family("mistral-7b", NGX_LLM_FAMILY_ANY),
    family("mixtral", NGX_LLM_FAMILY_ANY),
    family("mistral", NGX_LLM_FAMILY_LLAMA),
    family("ministral", NGX_LLM_FAMILY_LLAMA),
    family("pixtral", NGX_LLM_FAMILY_LLAMA),
    family("devstral", NGX_LLM_FAMILY_LLAMA),
    family("magistral", NGX_LLM_FAMILY_LLAMA),
    family("gpt-4-", NGX_LLM_FAMILY_ANY),
    family("gpt-3", NGX_LLM_FAMILY_ANY),
    family("gpt-4o", NGX_LLM_FAMILY_GPT),
    family("gpt-4.", NGX_LLM_FAMILY_GPT),
    family("gpt-5", NGX_LLM_FAMILY_GPT),
    family("gpt-oss", NGX_LLM_FAMILY_GPT),
    family("chatgpt", NGX_LLM_FAMILY_GPT),
    family("codex", NGX_LLM_FAMILY_GPT)

#undef family
};


ngx_uint_t
ngx_llm_family(ngx_str_t *model)
{
    u_char      *p, *last;
    ngx_uint_t   i;

    p = model->data;
    last = p + model->len;

    for (i = 0; i < sizeof(ngx_llm_families) / sizeof(ngx_llm_families[0]);
         i++)
    {
        if (ngx_strlcasestrn(p, last, (u_char *) ngx_llm_families[i].name,
                             ngx_llm_families[i].len - 1))
        {
            return ngx_llm_families[i].family;
        }
    }

    /* "o3-mini", "openai/o1" */

    while (p < last) {

        if (*p == 'o'
            && (p == model->data || p[-1] == '/')
            && last - p > 1 && p[1] >= '1' && p[1] <= '9'
            && (last - p == 2 || p[2] == '-'))
        {
            return NGX_LLM_FAMILY_GPT;
        }

        p++;
    }

    return NGX_LLM_FAMILY_ANY;
}


int64_t
ngx_llm_chat_estimate(ngx_llm_chat_t *chat)
{
    int64_t  mean, high;

    ngx_llm_chat_estimate_high(chat, NGX_LLM_FAMILY_ANY, &mean, &high);

    return mean;
}


void
ngx_llm_chat_estimate_high(ngx_llm_chat_t *chat, ngx_uint_t family,
    int64_t *mean, int64_t *high)
{
    ngx_llm_estimate_t  e;

    ngx_memzero(&e, sizeof(ngx_llm_estimate_t));

    /* without memory it is rougher still */

    (void) ngx_llm_chat_open(chat);

    ngx_llm_estimate_count(&e, chat);

    *mean = ngx_llm_estimate_weigh(&e, ngx_llm_estimate_mean[family])
            + ngx_llm_estimate_fixed(chat, &ngx_llm_estimate_means[family]);

    *high = ngx_llm_estimate_weigh(&e, ngx_llm_estimate_high[family])
            + ngx_llm_estimate_fixed(chat, &ngx_llm_estimate_highs[family])
            + NGX_LLM_ESTIMATE_MORE;

    *mean = ngx_max(*mean, 1);
    *high = ngx_max(*high, *mean);
}


static void
ngx_llm_estimate_count(ngx_llm_estimate_t *e, ngx_llm_chat_t *chat)
{
    ngx_llm_tool_t     *tool;
    ngx_llm_message_t  *message;

    for (message = chat->messages; message; message = message->next) {
        ngx_llm_estimate_message(e, message);
    }

    for (tool = chat->tools; tool; tool = tool->next) {
        ngx_llm_estimate_text(e, &tool->name);
        ngx_llm_estimate_text(e, &tool->description);
        ngx_llm_estimate_text(e, &tool->schema);
    }

    if (chat->format == NGX_LLM_FORMAT_SCHEMA) {
        ngx_llm_estimate_text(e, &chat->schema);
    }
}


static void
ngx_llm_estimate_message(ngx_llm_estimate_t *e, ngx_llm_message_t *message)
{
    ngx_llm_part_t  *part;

    ngx_llm_estimate_text(e, &message->name);

    for (part = message->parts; part; part = part->next) {

        ngx_llm_estimate_text(e, &part->text);

        if (part->type == NGX_LLM_PART_TOOL_CALL) {
            ngx_llm_estimate_text(e, &part->name);
            ngx_llm_estimate_text(e, &part->arguments);
            ngx_llm_estimate_text(e, &part->input);
        }
    }
}


static int64_t
ngx_llm_estimate_fixed(ngx_llm_chat_t *chat,
    const ngx_llm_estimate_fixed_t *fixed)
{
    int64_t             n;
    ngx_llm_part_t     *part;
    ngx_llm_tool_t     *tool;
    ngx_llm_message_t  *message;

    n = fixed->chat;

    for (message = chat->messages; message; message = message->next) {

        n += fixed->message;

        for (part = message->parts; part; part = part->next) {

            switch (part->type) {

            case NGX_LLM_PART_IMAGE:
                n += fixed->image;
                break;

            case NGX_LLM_PART_AUDIO:
                n += part->data.len / NGX_LLM_ESTIMATE_AUDIO;
                break;

            case NGX_LLM_PART_FILE:
                n += part->data.len / NGX_LLM_ESTIMATE_FILE;
                break;

            case NGX_LLM_PART_TOOL_CALL:
                n += fixed->call;
                break;

            default:
                break;
            }
        }
    }

    if (chat->tools) {
        n += fixed->tools;
    }

    for (tool = chat->tools; tool; tool = tool->next) {
        n += fixed->tool;
    }

    return n;
}


/* weights are thousandths of a token */

static int64_t
ngx_llm_estimate_weigh(ngx_llm_estimate_t *e, const int16_t *weights)
{
    int64_t     n;
    ngx_uint_t  i;

    n = 0;

    for (i = 0; i < NGX_LLM_ESTIMATE_FEATURES; i++) {
        n += e->count[i] * weights[i];
    }

    n = (ngx_max(n, 0) + 999) / 1000;

    if (e->skipped) {
        n += e->skipped / e->seen * n + e->skipped % e->seen * n / e->seen;
    }

    return ngx_min(n, NGX_LLM_ESTIMATE_MAX);
}


static void
ngx_llm_estimate_text(ngx_llm_estimate_t *e, ngx_str_t *escaped)
{
    u_char         *p, *last;
    size_t          len;
    uint32_t        c;
    ngx_llm_run_t   run;
    ngx_llm_run_e   class;

    len = ngx_min(escaped->len, NGX_LLM_ESTIMATE_BYTES - e->seen);

    e->seen += len;
    e->skipped += escaped->len - len;

    p = escaped->data;
    last = p + len;

    ngx_memzero(&run, sizeof(ngx_llm_run_t));

    while (p < last) {

        c = *p;

        if (c < 0x80 && c != '\\') {
            p++;

        } else {
            c = ngx_llm_estimate_char(&p, last);
        }

        class = (c < 0x80) ? ngx_llm_estimate_ascii[c]
                           : ngx_llm_estimate_class(c);

        if (class != run.class) {
            ngx_llm_estimate_run(e, &run, class);

            run.before = run.class;
            run.class = class;
            run.n = 0;
            run.accents = 0;
            run.upper = 0;
            run.camel = 0;
            run.small = 0;
            run.same = 0;
            run.last = 0;
        }

        run.n++;

        if (class == NGX_LLM_RUN_LATIN) {
            run.accents += (c >= 0x80);

            if (c >= 'A' && c <= 'Z') {
                run.upper++;
                run.camel += run.small;
                run.small = 0;

            } else {
                run.small = 1;
            }

        } else {
            run.same += (c == run.last);
            run.last = c;
        }
    }

    ngx_llm_estimate_run(e, &run, NGX_LLM_RUN_NONE);
}


static uint32_t
ngx_llm_estimate_char(u_char **pos, u_char *last)
{
    u_char    *p;
    size_t     n;
    uint32_t   c;

    p = *pos;

    if (*p == '\\') {
        return ngx_llm_json_unescape(pos, last);
    }

    n = ngx_llm_utf8_char(p, last);

    switch (n) {

    case 2:
        c = ((p[0] & 0x1f) << 6) | (p[1] & 0x3f);
        break;

    case 3:
        c = ((p[0] & 0x0f) << 12) | ((p[1] & 0x3f) << 6) | (p[2] & 0x3f);
        break;

    case 4:
        c = ((p[0] & 0x07) << 18) | ((p[1] & 0x3f) << 12)
            | ((p[2] & 0x3f) << 6) | (p[3] & 0x3f);
        break;

    default:

        /* cut by the bound on bytes */

        n = 1;
        c = 0xfffd;
    }

    *pos = p + n;

    return c;
}


static ngx_llm_run_e
ngx_llm_estimate_class(uint32_t c)
{
    if (c < 0xc0) {
        return NGX_LLM_RUN_SIGN;
    }

    if (c < 0x250) {
        return NGX_LLM_RUN_LATIN;
    }

    if (c < 0x370) {
        return NGX_LLM_RUN_LATIN;
    }

    if (c < 0x530) {
        return (c < 0x400) ? NGX_LLM_RUN_GREEK : NGX_LLM_RUN_CYRILLIC;
    }

    if (c < 0x780) {
        return (c < 0x590) ? NGX_LLM_RUN_LETTER : NGX_LLM_RUN_SEMITIC;
    }

    if (c < 0x900) {
        return NGX_LLM_RUN_LETTER;
    }

    if (c < 0xf00) {
        return (c < 0xe00) ? NGX_LLM_RUN_INDIC : NGX_LLM_RUN_THAI;
    }

    if (c < 0x1e00) {
        return (c >= 0x1100 && c < 0x1200) ? NGX_LLM_RUN_HANGUL
                                           : NGX_LLM_RUN_LETTER;
    }

    if (c < 0x2000) {
        return NGX_LLM_RUN_LATIN;
    }

    if (c < 0x2070) {
        return NGX_LLM_RUN_SIGN;
    }

    if (c < 0x2e80) {
        return NGX_LLM_RUN_SYMBOL;
    }

    return ngx_llm_estimate_wide(c);
}


static ngx_llm_run_e
ngx_llm_estimate_wide(uint32_t c)
{
    if (c >= 0x3040 && c < 0x3100) {
        return NGX_LLM_RUN_KANA;
    }

    if ((c >= 0x3400 && c < 0xa000)
        || (c >= 0xf900 && c < 0xfb00)
        || (c >= 0x20000 && c < 0x40000))
    {
        return NGX_LLM_RUN_HAN;
    }

    if (c >= 0xac00 && c < 0xd7b0) {
        return NGX_LLM_RUN_HANGUL;
    }

    if ((c >= 0x3000 && c < 0x3040) || (c >= 0xff00 && c < 0xfff0)) {
        return NGX_LLM_RUN_WIDE;
    }

    if (c >= 0xfb00 && c < 0xfefd) {
        return NGX_LLM_RUN_SEMITIC;
    }

    if (c >= 0xa000 && c < 0xac00) {
        return NGX_LLM_RUN_LETTER;
    }

    return NGX_LLM_RUN_SYMBOL;
}


static void
ngx_llm_estimate_run(ngx_llm_estimate_t *e, ngx_llm_run_t *run,
    ngx_llm_run_e next)
{
    int64_t  n, *count;

    n = run->n;
    count = e->count;

    switch (run->class) {

    case NGX_LLM_RUN_LATIN:
        ngx_llm_estimate_word(e, run, next);
        break;

    case NGX_LLM_RUN_CYRILLIC:
        count[NGX_LLM_ESTIMATE_CYRILLIC]++;
        count[NGX_LLM_ESTIMATE_CYRILLIC_MORE] += ngx_max(n - 4, 0);
        break;

    case NGX_LLM_RUN_GREEK:
        count[NGX_LLM_ESTIMATE_GREEK]++;
        count[NGX_LLM_ESTIMATE_GREEK_MORE] += ngx_max(n - 4, 0);
        break;

    case NGX_LLM_RUN_SEMITIC:
        count[NGX_LLM_ESTIMATE_SEMITIC]++;
        count[NGX_LLM_ESTIMATE_SEMITIC_MORE] += ngx_max(n - 3, 0);
        break;

    case NGX_LLM_RUN_INDIC:
        count[NGX_LLM_ESTIMATE_INDIC] += n;
        break;

    case NGX_LLM_RUN_THAI:
        count[NGX_LLM_ESTIMATE_THAI] += n;
        break;

    case NGX_LLM_RUN_LETTER:
        count[NGX_LLM_ESTIMATE_LETTER] += n;
        break;

    case NGX_LLM_RUN_HAN:
        count[NGX_LLM_ESTIMATE_HAN_RUN]++;
        count[NGX_LLM_ESTIMATE_HAN] += n;
        break;

    case NGX_LLM_RUN_KANA:
        count[NGX_LLM_ESTIMATE_KANA_RUN]++;
        count[NGX_LLM_ESTIMATE_KANA] += n;
        break;

    case NGX_LLM_RUN_HANGUL:
        count[NGX_LLM_ESTIMATE_HANGUL_RUN]++;
        count[NGX_LLM_ESTIMATE_HANGUL] += n;
        break;

    case NGX_LLM_RUN_WIDE:
        count[NGX_LLM_ESTIMATE_WIDE] += n;
        break;

    case NGX_LLM_RUN_DIGIT:
        count[NGX_LLM_ESTIMATE_DIGIT] += n;
        count[NGX_LLM_ESTIMATE_NUMBER] += (n + 2) / 3;
        break;

    case NGX_LLM_RUN_SPACE:

        /* one blank goes with what is behind it */

        if (n > 1) {
            count[NGX_LLM_ESTIMATE_BLANKS]++;
            count[NGX_LLM_ESTIMATE_BLANKS_MORE] += (n + 15) / 16;

        } else if (next != NGX_LLM_RUN_LATIN) {
            count[NGX_LLM_ESTIMATE_BLANK]++;
        }

        break;

    case NGX_LLM_RUN_LINE:

        /* the end of a line goes with the sign before it */

        count[run->before == NGX_LLM_RUN_SIGN ? NGX_LLM_ESTIMATE_SIGN_LINE
                                              : NGX_LLM_ESTIMATE_LINE]++;
        break;

    case NGX_LLM_RUN_SIGN:

        /* the last sign, mostly, with the word behind it */

        if (n == 1 && next == NGX_LLM_RUN_LATIN) {
            count[NGX_LLM_ESTIMATE_SIGN_WORD]++;
            break;
        }

        count[NGX_LLM_ESTIMATE_SIGN]++;
        count[NGX_LLM_ESTIMATE_SIGN_MORE] += n - 1 - run->same;
        count[NGX_LLM_ESTIMATE_SIGN_SAME] += run->same;
        break;

    case NGX_LLM_RUN_SYMBOL:
        count[NGX_LLM_ESTIMATE_SYMBOL] += n - run->same;
        count[NGX_LLM_ESTIMATE_SYMBOL_SAME] += run->same;
        break;

    default:
        break;
    }
}


static void
ngx_llm_estimate_word(ngx_llm_estimate_t *e, ngx_llm_run_t *run,
    ngx_llm_run_e next)
{
    int64_t  n, *count;

    n = run->n;
    count = e->count;

    count[NGX_LLM_ESTIMATE_CAMEL] += run->camel;

    if (run->accents) {
        run->foreign = NGX_LLM_ESTIMATE_FOREIGN;
    }

    /* between digits it is no word */

    if (run->before == NGX_LLM_RUN_DIGIT || next == NGX_LLM_RUN_DIGIT) {
        count[NGX_LLM_ESTIMATE_CODE]++;
        count[NGX_LLM_ESTIMATE_CODE_MORE] += n - 1;
        return;
    }

    if (n > 1 && run->upper == run->n) {
        count[NGX_LLM_ESTIMATE_UPPER]++;
        count[NGX_LLM_ESTIMATE_UPPER_MORE] += n - 2;
        return;
    }

    if (run->camel > 1 || n > 24) {
        count[NGX_LLM_ESTIMATE_LONG]++;
        count[NGX_LLM_ESTIMATE_LONG_MORE] += n - 1;
        return;
    }

    if (run->foreign) {
        run->foreign--;

        count[NGX_LLM_ESTIMATE_FOREIGN_WORD]++;
        count[NGX_LLM_ESTIMATE_FOREIGN_MORE] += ngx_max(n - 4, 0);
        count[NGX_LLM_ESTIMATE_ACCENT] += run->accents;
        return;
    }

    /* what is common and short is one token, mostly in English */

    if (run->before == NGX_LLM_RUN_SPACE) {
        count[NGX_LLM_ESTIMATE_WORD]++;

    } else {
        count[NGX_LLM_ESTIMATE_BARE_WORD]++;
    }

    count[NGX_LLM_ESTIMATE_WORD_MORE] += ngx_max(ngx_min(n, 9) - 5, 0);
    count[NGX_LLM_ESTIMATE_WORD_LONG] += ngx_max(n - 9, 0);
}
