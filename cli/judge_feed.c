#include "cli/judge_feed.h"

#include "cli/cli.h"
#include "cli/judge_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536u

void plx_feed_fini(struct plx_feed *feed)
{
    free(feed->rest);
    feed->rest = NULL;
    feed->n = feed->cap = 0;
}

/* Takes every whole line that has been read. */
static int take_lines(struct plx_feed *f)
{
    size_t at = 0;
    int code = 0;
    while (code == 0) {
        const char *nl = f->n > at ? memchr(f->rest + at, '\n', f->n - at) : NULL;
        if (!nl)
            break;
        size_t len = (size_t)(nl - (f->rest + at));
        code = f->fn(f->arg, f->rest + at, len, ++f->line);
        at += len + 1;
    }
    if (at > 0)
        memmove(f->rest, f->rest + at, f->n - at);
    f->n -= at;
    return code;
}

static int make_room(struct plx_feed *f, size_t wanted)
{
    if (f->n > PLX_LINE_MAX)
        return plx_complain(PLX_EXIT_USAGE, "%s: line %" PRIu64 ": longer than %d bytes",
                            f->who, f->line + 1, PLX_LINE_MAX);
    if (f->cap - f->n >= wanted)
        return 0;
    f->cap = f->cap * 2 + wanted;
    f->rest = realloc(f->rest, f->cap);
    if (!f->rest)
        abort();
    return 0;
}

int plx_feed_bytes(struct plx_feed *f, const char *bytes, size_t len)
{
    int code = 0;
    while (len > 0 && code == 0) {
        size_t piece = len < CHUNK ? len : CHUNK;
        code = make_room(f, piece);
        if (code != 0)
            break;
        memcpy(f->rest + f->n, bytes, piece);
        f->n += piece;
        bytes += piece;
        len -= piece;
        code = take_lines(f);
    }
    return code;
}

int plx_feed_end(struct plx_feed *f)
{
    size_t len = f->n;
    f->n = 0;
    return len > 0 ? f->fn(f->arg, f->rest, len, ++f->line) : 0;
}

int plx_feed_fd(struct plx_feed *f, int fd)
{
    for (;;) {
        int code = make_room(f, CHUNK);
        if (code != 0)
            return code;
        ssize_t n = read(fd, f->rest + f->n, f->cap - f->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return plx_complain(PLX_EXIT_FAILED, "%s: cannot read the input: %s", f->who,
                                strerror(errno));
        if (n == 0)
            return plx_feed_end(f);
        f->n += (size_t)n;
        code = take_lines(f);
        if (code != 0)
            return code;
    }
}
