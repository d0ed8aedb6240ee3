/* What code under test prints to standard output (or logs to standard error), through a
 * temporary file. */
#ifndef PLX_TESTS_CAPTURE_H
#define PLX_TESTS_CAPTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct capture {
    FILE *file;
    int saved, fd;
};

static inline void capture_begin_of(struct capture *c, int fd)
{
    fflush(stdout);
    c->file = tmpfile();
    c->fd = fd;
    c->saved = dup(fd);
    if (!c->file || c->saved < 0 || dup2(fileno(c->file), fd) < 0)
        abort();
}

static inline void capture_begin(struct capture *c)
{
    capture_begin_of(c, STDOUT_FILENO);
}

/* The text, valid until the next capture. */
static inline const char *capture_end(struct capture *c)
{
    static char text[65536];
    fflush(stdout);
    if (dup2(c->saved, c->fd) < 0)
        abort();
    close(c->saved);
    rewind(c->file);
    text[fread(text, 1, sizeof text - 1, c->file)] = '\0';
    fclose(c->file);
    c->file = NULL;
    return text;
}

#endif
