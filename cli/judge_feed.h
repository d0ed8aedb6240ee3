/* Bytes to numbered lines: what `judge` and `replay` read their input through. */
#ifndef PLX_CLI_JUDGE_FEED_H
#define PLX_CLI_JUDGE_FEED_H

#include <stddef.h>
#include <stdint.h>

/* Takes a line without its newline, lent for the call. 0 goes on; anything else ends the
 * reading and is given back by the function that fed it. */
typedef int plx_feed_fn(void *arg, const char *text, size_t len, uint64_t number);

struct plx_feed {
    const char *who; /* the command, for complaints */
    plx_feed_fn *fn;
    void *arg;
    uint64_t line; /* lines handed on so far */
    char *rest;    /* bytes read and not yet taken */
    size_t n, cap;
};

void plx_feed_fini(struct plx_feed *feed);

/* Hands on every whole line of what came so far. A line longer than PLX_LINE_MAX is
 * complained about (PLX_EXIT_USAGE). */
int plx_feed_bytes(struct plx_feed *feed, const char *bytes, size_t len);
/* Hands on what is left: a last line may lack its newline. */
int plx_feed_end(struct plx_feed *feed);
/* Reads a descriptor to its end, line by line as they come. */
int plx_feed_fd(struct plx_feed *feed, int fd);

#endif
