/* Changes of the kernel's routing, as it tells them (rtnetlink, no privilege). Loop
 * thread. */
#ifndef PLX_AGENT_IO_ROUTES_H
#define PLX_AGENT_IO_ROUTES_H

#include "agent/io/links.h"

#include <stdbool.h>

/* A descriptor that becomes readable when routes, rules, addresses or links change; -1
 * where the kernel does not let us watch. The caller closes it. */
int plx_routes_watch(void);
/* Whether there was a change since the last call; what was lost is told to `links`. */
bool plx_routes_changed(int fd, struct plx_links *links);

#endif
