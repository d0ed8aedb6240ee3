/* `parallax-agent trace HOST:PORT`: the way to a target, router by router, by SYNs like a
 * probe's, without a coordinator and without privilege. */
#ifndef PLX_AGENT_TRACE_CMD_H
#define PLX_AGENT_TRACE_CMD_H

/* Returns the exit status: 0 the target answered on every flow, 1 it did not, 2 usage,
 * 3 could not run. */
int plx_trace_cmd(int argc, char **argv);

#endif
