/* Tells the service manager how we are (sd_notify(3), without its library). */
#ifndef PLX_COORDINATOR_NOTIFY_H
#define PLX_COORDINATOR_NOTIFY_H

/* "READY=1", "STOPPING=1"; nothing where nobody asked (NOTIFY_SOCKET). */
void plx_notify(const char *state);

#endif
