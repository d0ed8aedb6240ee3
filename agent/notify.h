/* Words to the service manager (sd_notify's protocol), without its library. */
#ifndef PLX_AGENT_NOTIFY_H
#define PLX_AGENT_NOTIFY_H

/* Sends "READY=1", "STOPPING=1", … to NOTIFY_SOCKET, if there is one. */
void plx_notify(const char *state);

#endif
