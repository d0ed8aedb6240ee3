/* parallax-agent scan-self: what this host can hold. */
#ifndef PLX_AGENT_SCAN_CMD_H
#define PLX_AGENT_SCAN_CMD_H

int plx_scan_cmd(int argc, char **argv);

#endif
