/* An agent's disk in place of SQLite: what agent/io/spool_db.h promises, kept over
 * crashes.
 *
 * A transaction is on disk when its commit returned, or not at all. What may go wrong: no
 * space, I/O errors (at a commit: it may have happened or not), damage found on opening,
 * and a crash in the middle of everything. */
#ifndef PLX_SIM_SPOOL_DISK_H
#define PLX_SIM_SPOOL_DISK_H

#include "sim.h"

void plx_sim_spools_begin(void);
void plx_sim_spools_end(void);
/* The file is damaged: found when it is next opened or written. */
void plx_sim_spool_damage(uint32_t agent);
/* Results stored and not acknowledged. */
uint64_t plx_sim_spool_rows(uint32_t agent);

#endif
