/* `parallax-agent enroll TOKEN`. */
#ifndef PLX_AGENT_ENROL_CMD_H
#define PLX_AGENT_ENROL_CMD_H

/* Exit status: 0 enrolled; 2 usage; 1 refused or not reached. */
int plx_enrol_cmd(int argc, char **argv);

#endif
