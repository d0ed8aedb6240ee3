/* `parallax-agent run`. */
#ifndef PLX_AGENT_RUN_CMD_H
#define PLX_AGENT_RUN_CMD_H

/* Exit status: 0 ended by a signal; 2 usage or configuration; 1 could not start. */
int plx_run_cmd(int argc, char **argv);

#endif
