/* Spool files that were damaged: kept beside the good one, for whoever wants to look. */
#ifndef PLX_AGENT_IO_SPOOL_DAMAGE_H
#define PLX_AGENT_IO_SPOOL_DAMAGE_H

#include <stdint.h>

/* Moves the file at `path`, with what belongs to it, to PATH.damaged-STAMP, and removes
 * all but the last few of those moved before. Returns the stamp (seconds). Blocks. */
int64_t plx_spool_damage_keep(const char *path);

#endif
