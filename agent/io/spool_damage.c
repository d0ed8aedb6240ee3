#include "agent/io/spool_damage.h"

#include "base/time.h"
#include "sys/clock.h"

#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of files that were moved aside, the last so many stay; of more than can be looked at in
 * one go, the rest goes with the next. */
#define DAMAGED_KEPT 3
#define DAMAGED_SEEN 256

static const char *const SUFFIXES[] = {"", "-wal", "-shm"};

static int by_stamp(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The stamps of the files that were moved aside, at most `max`; returns how many. */
static size_t find_damaged(const char *path, int64_t *stamps, size_t max)
{
    char pattern[4096 + 16];
    glob_t found;
    size_t n = 0;
    snprintf(pattern, sizeof pattern, "%s.damaged-*", path);
    if (glob(pattern, GLOB_NOSORT, NULL, &found))
        return 0;
    for (size_t i = 0; i < found.gl_pathc && n < max; i++) {
        char *end;
        int64_t stamp = strtoll(found.gl_pathv[i] + strlen(pattern) - 1, &end, 10);
        if (*end == '\0' && stamp > 0)
            stamps[n++] = stamp;
    }
    globfree(&found);
    return n;
}

/* Keeps the last few of what was moved aside: a disk that dies would fill itself. */
static void forget_old_damage(const char *path)
{
    int64_t stamps[DAMAGED_SEEN];
    size_t n = find_damaged(path, stamps, DAMAGED_SEEN);
    qsort(stamps, n, sizeof *stamps, by_stamp);
    for (size_t i = 0; i + DAMAGED_KEPT < n; i++) {
        for (size_t k = 0; k < sizeof SUFFIXES / sizeof *SUFFIXES; k++) {
            char old[4096 + 64];
            snprintf(old, sizeof old, "%s.damaged-%" PRId64 "%s", path, stamps[i],
                     SUFFIXES[k]);
            unlink(old);
        }
    }
}

int64_t plx_spool_damage_keep(const char *path)
{
    char from[4096], to[4096 + 64];
    int64_t stamp = plx_clock_wall().ns / PLX_SEC_NS;
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
        snprintf(from, sizeof from, "%s%s", path, SUFFIXES[i]);
        snprintf(to, sizeof to, "%s.damaged-%" PRId64 "%s", path, stamp, SUFFIXES[i]);
        rename(from, to);
    }
    forget_old_damage(path);
    return stamp;
}
