/* `parallax-agent probe HOST:PORT…`: one attempt each, at once, without a coordinator,
 * and all the evidence on standard output. */
#ifndef PLX_AGENT_PROBE_CMD_H
#define PLX_AGENT_PROBE_CMD_H

/* Returns the exit status: 0 all open, 1 not all open, 2 usage, 3 could not run. */
int plx_probe_cmd(int argc, char **argv);

#endif
