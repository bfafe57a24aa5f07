
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Laid under nginx by LD_PRELOAD: a process that appends its so manieth line
 * to the usage log is killed before, within, or behind that write().
 *
 *     LLM_KILL        before, torn or after; slow: nobody is killed, but time
 *                     passes behind each write
 *     LLM_KILL_LINES  how many lines a process may write, at most
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static const char  kill_begin[] = "{\"time\":";


static int
kill_is_line(const char *buf, size_t len)
{
    if (len && *buf == '\n') {
        buf++;
        len--;
    }

    return len >= sizeof(kill_begin) - 1
           && memcmp(buf, kill_begin, sizeof(kill_begin) - 1) == 0;
}


/* of this process; each has another number, so that they do not die at once */

static int
kill_now(void)
{
    const char      *lines;
    static int       left;
    static pid_t     pid;
    unsigned         n;

    if (pid != getpid()) {
        pid = getpid();
        lines = getenv("LLM_KILL_LINES");
        n = lines ? (unsigned) atoi(lines) : 10;
        left = 2 + ((unsigned) pid * 2654435761u >> 16) % (n ? n : 1);
    }

    return --left == 0;
}


ssize_t
write(int fd, const void *buf, size_t len)
{
    ssize_t           n;
    const char       *how;
    static ssize_t  (*next)(int, const void *, size_t);
    static char       where[16];

    if (next == NULL) {
        next = (ssize_t (*)(int, const void *, size_t))
                   dlsym(RTLD_NEXT, "write");

        /* nginx empties the environment of its workers */

        how = getenv("LLM_KILL");
        strncpy(where, how ? how : "", sizeof(where) - 1);
    }

    if (!kill_is_line(buf, len)) {
        return next(fd, buf, len);
    }

    if (strcmp(where, "slow") == 0) {
        n = next(fd, buf, len);
        usleep(20000);

        return n;
    }

    if (!kill_now()) {
        return next(fd, buf, len);
    }

    if (strcmp(where, "torn") == 0) {
        (void) next(fd, buf, len / 2);
    }

    if (strcmp(where, "after") == 0) {
        (void) next(fd, buf, len);
    }

    if (where[0]) {
        raise(SIGKILL);
    }

    return next(fd, buf, len);
}
