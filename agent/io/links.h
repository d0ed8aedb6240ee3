/* Which of this host's links went down, and when: what gets no answer meanwhile says
 * nothing about its target. Fed with what the kernel tells (io/routes.h). One thread. */
#ifndef PLX_AGENT_IO_LINKS_H
#define PLX_AGENT_IO_LINKS_H

#include "base/result.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_LINKS_MAX 16 /* remembered; the one that was lost longest ago goes first */

struct plx_link_loss {
    uint32_t index; /* the interface's */
    bool down;      /* still */
    struct plx_mono at;
};

struct plx_links {
    struct plx_link_loss list[PLX_LINKS_MAX];
    size_t n;
};

/* Begins anew, with the links that are up but have no carrier now. */
void plx_links_look(struct plx_links *links, struct plx_mono now);
/* Takes in one rtnetlink message, which may be cut short: links that stop or start
 * running, routes and addresses that go. */
void plx_links_take(struct plx_links *links, const void *msg, size_t len,
                    struct plx_mono now);
/* Whether the way from `source` to `addr` leads over a link that is down, or that was or
 * lost a route or address since; or there is no way any more. The kernel is asked only
 * if something was lost. */
bool plx_links_cut(const struct plx_links *links, const struct plx_addr *addr,
                   const struct plx_addr *source, struct plx_mono since);

#endif
