
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What outlives the zone: the folder of snapshots, the files of the usage log
 * that are read, and who does it.
 */


#ifndef _NGX_HTTP_LLM_STATE_H_INCLUDED_
#define _NGX_HTTP_LLM_STATE_H_INCLUDED_


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_usage_log.h"


#define NGX_HTTP_LLM_STATE_PATH   "/var/lib/nginx/llm"

/* files of the log that may be in use at a time, rotated ones */
#define NGX_HTTP_LLM_TAILS        8

/* piece of a file that is read at a time */
#define NGX_HTTP_LLM_TAIL_SIZE    (256 * 1024)


typedef struct ngx_http_llm_helper_s  ngx_http_llm_helper_t;
typedef struct ngx_http_llm_state_s   ngx_http_llm_state_t;

struct ngx_http_llm_state_s {
    ngx_path_t                   *path;
    ngx_msec_t                    interval;     /* between snapshots */
    ngx_str_t                     snapshot;     /* names of files in it, with
                                                   their final zero */
    ngx_str_t                     temp;
    ngx_str_t                     lock;
    ngx_http_llm_main_conf_t     *lmcf;
    ngx_http_llm_helper_t        *helper;       /* of this process */
    ngx_event_t                   timer;        /* without a helper process */
};


/* records of a file, on their way into the ledger */

typedef struct {
    ngx_http_llm_main_conf_t     *lmcf;
    ngx_llm_ledger_t             *ledger;
    ngx_llm_loader_t             *loader;       /* at a start; or NULL */
    uint64_t                      boot;         /* own: passed over */
    uint64_t                      counted;
    ngx_http_llm_charge_t         charge;
} ngx_http_llm_count_t;


/* a file of the log that is read, from "start" on */

typedef struct {
    ngx_fd_t                      fd;
    ngx_uint_t                    inode;
    off_t                         start;
    off_t                         mark;         /* a replay begins there */
    ngx_uint_t                    left;         /* snapshots since nobody
                                                   writes to it any more */
    unsigned                      unused:1;     /* so it is */
    ngx_llm_usage_reader_t        reader;
} ngx_http_llm_tail_t;


/* what a snapshot says beside the ledger's part of it */

typedef struct {
    uint64_t                      inode;
    uint64_t                      print;        /* inodes are used again */
    int64_t                       from;
} ngx_http_llm_state_file_t;

typedef struct {
    uint64_t                      magic;
    uint64_t                      version;
    int64_t                       date;
    uint64_t                      log;          /* of its path */
    uint64_t                      nfiles;
    ngx_http_llm_state_file_t     file[NGX_HTTP_LLM_TAILS];
    uint64_t                      crc;          /* of all above */
} ngx_http_llm_state_head_t;


/* ngx_http_llm_state.c */

char *ngx_http_llm_state(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* the default folder, if one is needed and none is named */
ngx_int_t ngx_http_llm_state_init(ngx_conf_t *cf);

/*
 * A snapshot is to be taken at once: something changed that is in no line.
 * Returns what to ask kept() for, 0: nobody takes snapshots.  kept(): is it on
 * the disk?; asks for another one if that did not come about.
 */
ngx_uint_t ngx_http_llm_state_wanted(ngx_http_llm_main_conf_t *lmcf);
ngx_uint_t ngx_http_llm_state_kept(ngx_http_llm_main_conf_t *lmcf,
    ngx_uint_t wanted);

/*
 * Writes a snapshot: to a temporary file that takes the place of the last one
 * when it is on the disk.  NGX_OK; NGX_ERROR is logged.
 */
ngx_int_t ngx_http_llm_state_save(ngx_http_llm_state_t *state,
    ngx_llm_ledger_t *ledger, ngx_http_llm_tail_t **tails, ngx_uint_t n);

/*
 * Reads it back into a new ledger.  NGX_OK; NGX_DECLINED: there is none, or
 * none of use, which is logged; NGX_ERROR.
 */
ngx_int_t ngx_http_llm_state_load(ngx_http_llm_state_t *state,
    ngx_llm_ledger_t *ledger, ngx_pool_t *pool,
    ngx_http_llm_state_head_t *head, ngx_llm_loader_t **loader);

/*
 * NGX_OK: this process has the lock for as long as fd is open; NGX_BUSY:
 * another one has; NGX_DECLINED: one of a gateway with another log;
 * NGX_ERROR: see errno
 */
ngx_int_t ngx_http_llm_state_lock(ngx_http_llm_state_t *state, ngx_fd_t *fd);


/* ngx_http_llm_tail.c */

/* opens for reading; no link is followed, nothing but a file is opened */
ngx_fd_t ngx_http_llm_tail_open(u_char *name, ngx_uint_t *inode);

/* the file of that inode beside the log: itself, or a rotated one */
ngx_fd_t ngx_http_llm_tail_find(ngx_str_t *path, ngx_uint_t inode,
    ngx_pool_t *pool);

void ngx_http_llm_tail_init(ngx_http_llm_tail_t *tail, ngx_fd_t fd,
    ngx_uint_t inode, off_t start, ngx_http_llm_count_t *count);

/* reads on to the end of the file; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_llm_tail_read(ngx_http_llm_tail_t *tail, u_char *buf);

/* of how a file begins, of which "from" bytes were read */
uint64_t ngx_http_llm_tail_print(ngx_fd_t fd, off_t from);

/* up to where whole lines were read */
off_t ngx_http_llm_tail_offset(ngx_http_llm_tail_t *tail);


/* ngx_http_llm_replay.c: at a start, into a new zone */
ngx_int_t ngx_http_llm_replay(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *zone);


/* ngx_http_llm_helper.c */

/* the manager of the state's folder: returns ms until it is called again */
ngx_msec_t ngx_http_llm_helper(void *data);

/* where there is no helper process */
ngx_int_t ngx_http_llm_helper_init_process(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *lmcf);

/* the last snapshot, of a master that ends */
void ngx_http_llm_helper_exit_master(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *lmcf);


#endif /* _NGX_HTTP_LLM_STATE_H_INCLUDED_ */
