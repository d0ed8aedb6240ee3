/* The assignment on disk, so that an agent that starts while the coordinator is away goes
 * on probing what it probed.
 *
 * A file of the data folder, "assignment": a header with generation and hash, and the
 * assignment as snapshot parts in wire form. Written whole (atomically, on a thread of
 * its own) some time after a change; encoded a little at a time, so that the loop never
 * waits. It belongs to one coordinator's key, and what does not add up is not used. Loop
 * thread. */
#ifndef PLX_AGENT_IO_KEEPER_H
#define PLX_AGENT_IO_KEEPER_H

#include "agent/core/jobs.h"
#include "base/time.h"
#include "base/why.h"

struct plx_keeper;

/* Borrows the jobs; copies the rest. `server_key`: the coordinator's. */
struct plx_keeper *plx_keeper_new(const char *data_dir, const char *server_key,
                                  struct plx_jobs *jobs);
/* Writes what is not written yet, and waits for it. The jobs are still there. */
void plx_keeper_close(struct plx_keeper **keeper);

/* Takes the kept assignment in, into jobs that have none. Returns 0; PLX_ENOTFOUND: there
 * is none (of this coordinator); PLX_EMALFORMED, PLX_EIO, …: it cannot be used. */
int plx_keeper_load(struct plx_keeper *keeper, struct plx_why *why);
/* To be called every 100 ms or so. */
void plx_keeper_tick(struct plx_keeper *keeper, struct plx_mono now);

#endif
