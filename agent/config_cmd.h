/* `parallax-agent config check FILE`. Returns the exit status. */
#ifndef PLX_AGENT_CONFIG_CMD_H
#define PLX_AGENT_CONFIG_CMD_H

int plx_config_cmd(int argc, char **argv);

#endif
