/* What the kernel's routing says (rtnetlink, no privilege): that something has changed,
 * and whether a target is reached over a gateway. Loop thread. */
#ifndef PLX_AGENT_IO_ROUTES_H
#define PLX_AGENT_IO_ROUTES_H

#include "agent/io/links.h"
#include "base/result.h"

#include <stdbool.h>

/* A descriptor that becomes readable when routes, rules, addresses or links change; -1
 * where the kernel does not let us watch. The caller closes it. */
int plx_routes_watch(void);
/* Whether there was a change since the last call; what was lost is told to `links`. */
bool plx_routes_changed(int fd, struct plx_links *links);

/* How a target is reached now. */
struct plx_way {
    bool none;     /* not at all: the kernel refuses */
    bool gateway;  /* over one */
    uint32_t link; /* the interface's index; 0: none, or it cannot be told */
};
/* Three system calls. `source` may have the family 0. */
struct plx_way plx_routes_way(const struct plx_addr *addr, const struct plx_addr *source);

/* True if the way from `source` to `addr` leads over a gateway; false: the target is on
 * a link of this host, or it cannot be told. Three system calls. */
bool plx_routes_via_gateway(const struct plx_addr *addr, const struct plx_addr *source);

#endif
