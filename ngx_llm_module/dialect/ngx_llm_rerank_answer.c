
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Answers to rerank.  All makers send a list of objects, with the index of a
 * document and its score; what they call these is told apart here.
 */


#include "ngx_llm_calls.h"
#include "ngx_llm_cohere.h"
#include "ngx_llm_openai.h"
#include "ngx_llm_rerank.h"


static ngx_llm_json_t *ngx_llm_rerank_list(ngx_llm_json_t *root);
static ngx_int_t ngx_llm_rerank_rank(ngx_llm_rerank_t *rerank,
    ngx_llm_json_t *node, ngx_llm_rerank_answer_t *answer);
static void ngx_llm_rerank_usage(ngx_llm_json_t *root,
    ngx_llm_usage_t *usage);
static void ngx_llm_rerank_write_rank(ngx_llm_rerank_t *rerank,
    ngx_llm_rank_t *rank, ngx_llm_out_t *out);


/* the first of each is what clients know */

static char  *ngx_llm_rerank_lists[] = { "results", "data", "rankings", NULL };
static char  *ngx_llm_rerank_scores[] = {
    "relevance_score", "score", "logit", NULL
};


ngx_int_t
ngx_llm_rerank_read_answer(ngx_llm_rerank_t *rerank, ngx_pool_t *pool,
    ngx_str_t *text, ngx_llm_rerank_answer_t *answer)
{
    ngx_int_t        rc;
    ngx_uint_t       i;
    ngx_array_t      documents;
    ngx_llm_rank_t  *rank;
    ngx_llm_json_t  *root, *list, *node, **document;

    ngx_memzero(answer, sizeof(ngx_llm_rerank_answer_t));
    ngx_llm_usage_init(&answer->usage);

    if (text->len == 0) {
        return NGX_DECLINED;
    }

    root = ngx_llm_json_parse(pool, text, NULL);

    if (root == NULL) {
        return NGX_DECLINED;
    }

    list = ngx_llm_rerank_list(root);

    if (list == NULL) {
        return NGX_DECLINED;
    }

    answer->same = (list != root
                    && list == ngx_llm_json_set(root,
                                                ngx_llm_rerank_lists[0]));

    if (ngx_array_init(&answer->ranks, pool, 16, sizeof(ngx_llm_rank_t))
        != NGX_OK
        || ngx_array_init(&documents, pool, rerank->n,
                          sizeof(ngx_llm_json_t *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (node = rerank->documents->child; node; node = node->next) {
        document = ngx_array_push(&documents);
        if (document == NULL) {
            return NGX_ERROR;
        }

        *document = node;
    }

    for (node = list->child; node; node = node->next) {
        rc = ngx_llm_rerank_rank(rerank, node, answer);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    document = documents.elts;
    rank = answer->ranks.elts;

    for (i = 0; i < answer->ranks.nelts; i++) {
        rank[i].document = document[rank[i].index];
    }

    ngx_llm_rerank_usage(root, &answer->usage);

    node = ngx_llm_json_set(root, "meta");

    if (node) {
        answer->meta = node->raw;
    }

    return NGX_OK;
}


static ngx_llm_json_t *
ngx_llm_rerank_list(ngx_llm_json_t *root)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *list;

    if (root->type == NGX_LLM_JSON_ARRAY) {
        return root;
    }

    for (i = 0; ngx_llm_rerank_lists[i]; i++) {
        list = ngx_llm_json_set(root, ngx_llm_rerank_lists[i]);

        if (list && list->type == NGX_LLM_JSON_ARRAY) {
            return list;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_llm_rerank_rank(ngx_llm_rerank_t *rerank, ngx_llm_json_t *node,
    ngx_llm_rerank_answer_t *answer)
{
    int64_t          index;
    ngx_uint_t       i;
    ngx_llm_json_t  *score;
    ngx_llm_rank_t  *rank;

    index = ngx_llm_json_count(node, "index", -1);

    if (index < 0 || index >= (int64_t) rerank->n
        || answer->ranks.nelts == rerank->n)
    {
        return NGX_DECLINED;
    }

    score = NULL;

    for (i = 0; ngx_llm_rerank_scores[i]; i++) {
        score = ngx_llm_json_set(node, ngx_llm_rerank_scores[i]);

        if (score) {
            break;
        }
    }

    if (score == NULL || score->type != NGX_LLM_JSON_NUMBER) {
        return NGX_DECLINED;
    }

    if (i) {
        answer->same = 0;
    }

    rank = ngx_array_push(&answer->ranks);
    if (rank == NULL) {
        return NGX_ERROR;
    }

    rank->index = index;
    rank->score = score->raw;

    return NGX_OK;
}


/*
 * Most say a total alone.  Searches, which Cohere bills, are no tokens.
 */

static void
ngx_llm_rerank_usage(ngx_llm_json_t *root, ngx_llm_usage_t *usage)
{
    int64_t          total;
    ngx_llm_json_t  *node;

    node = ngx_llm_json_set(root, "usage");

    if (node == NULL) {
        node = ngx_llm_json_set(root, "meta");

        if (node) {
            ngx_llm_cohere_usage(node, usage);
        }

        if (usage->reported) {
            usage->completion = 0;
            return;
        }

        node = ngx_llm_json_get(node, "billed_units");
    }

    ngx_llm_openai_relay_usage(0, node, usage);

    total = ngx_llm_json_count(node, "total_tokens", -1);

    if (usage->reported && usage->prompt <= 0 && total > 0) {
        usage->prompt = total;
    }

    if (usage->reported) {
        usage->completion = 0;
    }
}


void
ngx_llm_rerank_write_answer(ngx_llm_rerank_t *rerank,
    ngx_llm_rerank_answer_t *answer, ngx_str_t *id, ngx_llm_out_t *out)
{
    int64_t          prompt;
    ngx_uint_t       i, n;
    ngx_llm_rank_t  *rank;

    n = answer->ranks.nelts;

    if (rerank->top_n && rerank->top_n < (int64_t) n) {
        n = rerank->top_n;
    }

    ngx_llm_out_lit(out, "{\"id\":");
    ngx_llm_out_json_string(out, id);
    ngx_llm_out_lit(out, ",\"object\":\"list\",\"model\":");
    ngx_llm_out_json_string(out, &rerank->chat->model);
    ngx_llm_out_lit(out, ",\"results\":[");

    rank = answer->ranks.elts;

    for (i = 0; i < n; i++) {

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_rerank_write_rank(rerank, &rank[i], out);
    }

    ngx_llm_out_char(out, ']');

    if (answer->usage.reported) {
        prompt = ngx_max(answer->usage.prompt, 0);

        ngx_llm_out_lit(out, ",\"usage\":{\"prompt_tokens\":");
        ngx_llm_out_int(out, prompt);
        ngx_llm_out_lit(out, ",\"total_tokens\":");
        ngx_llm_out_int(out, prompt);
        ngx_llm_out_char(out, '}');
    }

    if (answer->meta.len) {
        ngx_llm_out_lit(out, ",\"meta\":");
        ngx_llm_out_str(out, &answer->meta);
    }

    ngx_llm_out_char(out, '}');
}


/* documents that were texts come back as Cohere and Jina have them */

static void
ngx_llm_rerank_write_rank(ngx_llm_rerank_t *rerank, ngx_llm_rank_t *rank,
    ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "{\"index\":");
    ngx_llm_out_int(out, rank->index);
    ngx_llm_out_lit(out, ",\"relevance_score\":");
    ngx_llm_out_str(out, &rank->score);

    if (rerank->wanted) {
        ngx_llm_out_lit(out, ",\"document\":");

        if (rank->document->type == NGX_LLM_JSON_STRING) {
            ngx_llm_out_lit(out, "{\"text\":");
            ngx_llm_out_str(out, &rank->document->raw);
            ngx_llm_out_char(out, '}');

        } else {
            ngx_llm_out_str(out, &rank->document->raw);
        }
    }

    ngx_llm_out_char(out, '}');
}
