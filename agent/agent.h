/* The agent: routes actions between its modules, from start to leaving. */
#ifndef PLX_AGENT_AGENT_H
#define PLX_AGENT_AGENT_H

#include "agent/config.h"
#include "agent/trust.h"
#include "base/why.h"

/* Monitors of one agent: more are refused. */
#define PLX_AGENT_MONITORS_MAX 500000

struct plx_agent_process;

/* Opens all modules on a loop of the agent's own, which is not run yet: for who drives
 * the loop itself. Borrows everything. */
int plx_agent_open(struct plx_agent_config *config, struct plx_trust *trust,
                   struct plx_agent_process **ret, struct plx_why *why);
void plx_agent_close(struct plx_agent_process **agent);

/* Runs until a signal ends it. Borrows everything. Returns 0, or an error with a sentence
 * when it could not start. */
int plx_agent_run(struct plx_agent_config *config, struct plx_trust *trust,
                  struct plx_why *why);

#endif
