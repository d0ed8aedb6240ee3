/* How a target is reached: what the kernel's routing answers (rtnetlink, no privilege).
 * Holds nothing; any thread. */
#ifndef PLX_AGENT_IO_WAY_H
#define PLX_AGENT_IO_WAY_H

#include "base/result.h"

#include <stdbool.h>
#include <stdint.h>

struct plx_way {
    bool none;     /* not at all: the kernel refuses */
    bool gateway;  /* over one */
    uint32_t link; /* the interface's index; 0: none, or it cannot be told */
};
/* Three system calls. `source` may have the family 0. */
struct plx_way plx_way_to(const struct plx_addr *addr, const struct plx_addr *source);

/* True if the way from `source` to `addr` leads over a gateway; false: the target is on
 * a link of this host, or it cannot be told. Three system calls. */
bool plx_way_has_gateway(const struct plx_addr *addr, const struct plx_addr *source);

#endif
