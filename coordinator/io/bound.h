/* Where a server channel listens, as text that others can use. */
#ifndef PLX_COORDINATOR_BOUND_H
#define PLX_COORDINATOR_BOUND_H

#include "sys/channel.h"

#define PLX_BOUND_MAX 128

/* "tcp://127.0.0.1:7440", the port filled in if it was left to the system; "" if it
 * cannot be said. IPv4 addresses as such, not mapped into IPv6. */
void plx_bound_endpoint(struct plx_channel *channel, char ret[PLX_BOUND_MAX]);

#endif
