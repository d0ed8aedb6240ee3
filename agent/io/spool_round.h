/* One round of the spool's thread, for who decides himself when it runs. */
#ifndef PLX_AGENT_IO_SPOOL_ROUND_H
#define PLX_AGENT_IO_SPOOL_ROUND_H

#include "agent/io/spool.h"

/* Takes over what the loop left, loads what it asked for, commits, and tells of it.
 * False: it was the last one. The spool's thread only, or who stands in for it. */
bool plx_spool_round(struct plx_spool *spool);

#endif
