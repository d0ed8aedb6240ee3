/* The spool's thread at work: numbering, encoding, one transaction per group, bounds.
 *
 * Holds no lock and knows no loop: io/spool calls it on the spool's thread with what was
 * gathered, and passes on the events it leaves. */
#ifndef PLX_AGENT_IO_SPOOL_WRITER_H
#define PLX_AGENT_IO_SPOOL_WRITER_H

#include "agent/io/spool_db.h"
#include "agent/io/spool_events.h"

/* Results that had to be dropped before they reached the disk. */
struct plx_spool_drops {
    uint64_t n;
    struct plx_wall from, to;
};

/* What one transaction is to do. Everything is borrowed. */
struct plx_spool_group {
    const struct plx_result *results;
    size_t n;
    struct plx_spool_drops drops;
    const struct plx_spool_mark *acks;
    size_t n_acks;
};

struct plx_spool_writer;

/* Opens the file, moving a damaged one aside, and tells the streams found in it. A disk
 * that takes no file is no error: what comes is kept in memory until it does. */
int plx_spool_writer_open(const char *path, const struct plx_spool_limits *limits,
                          struct plx_spool_events *events, struct plx_spool_writer **ret,
                          struct plx_why *why);
void plx_spool_writer_close(struct plx_spool_writer **writer);

/* Commits the group and tells of it; on an error nothing of it has happened, and it is to
 * be tried again. */
int plx_spool_writer_commit(struct plx_spool_writer *writer,
                            const struct plx_spool_group *group,
                            struct plx_spool_events *events);
/* Takes the results and drops of the group into memory instead, as a stream of its own
 * that the next commit that succeeds moves to the disk. Beyond `max_waiting` results the
 * oldest become gaps. */
void plx_spool_writer_keep(struct plx_spool_writer *writer,
                           const struct plx_spool_group *group,
                           struct plx_spool_events *events);
/* Whether there is such a stream. */
bool plx_spool_writer_is_keeping(const struct plx_spool_writer *writer);
/* Opens the file if that could not be done so far; nothing if it is open. */
int plx_spool_writer_reopen(struct plx_spool_writer *writer,
                            struct plx_spool_events *events);
/* Whether the bounds alone ask for a commit. */
bool plx_spool_writer_is_over(const struct plx_spool_writer *writer);
/* The frames from a number on, as LOADED events. Small neighbours travel as one frame. */
void plx_spool_writer_load(struct plx_spool_writer *writer, struct plx_spool_mark from,
                           struct plx_spool_events *events);
/* What comes next begins a new stream. */
void plx_spool_writer_begin_stream(struct plx_spool_writer *writer);

struct plx_spool_totals plx_spool_writer_totals(const struct plx_spool_writer *writer);
/* Results turned into gaps since the start, by the bounds. */
uint64_t plx_spool_writer_lost(const struct plx_spool_writer *writer);
bool plx_spool_writer_moved_aside(const struct plx_spool_writer *writer);
const char *plx_spool_writer_path(const struct plx_spool_writer *writer);

#endif
