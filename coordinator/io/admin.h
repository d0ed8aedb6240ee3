/* The admin socket: the API for the command line, over CURVE.
 *
 * One AdminRequest envelope and its JSON body in frames; the answer likewise, in pieces
 * of half a MiB. Only keys on the gate's admin list get here; they are asked for again
 * with every message. Loop thread. */
#ifndef PLX_COORDINATOR_ADMIN_H
#define PLX_COORDINATOR_ADMIN_H

#include "coordinator/io/api.h"
#include "sys/loop.h"

struct plx_admin;

/* Binds `endpoint`. Borrows the rest. */
int plx_admin_new(struct plx_desk *desk, struct plx_api *api, struct plx_net *net,
                  struct plx_loop *loop, const char *endpoint,
                  const struct plx_keypair *keys, struct plx_admin **ret,
                  struct plx_why *why);
/* After the API: its calls answer through here. */
void plx_admin_destroy(struct plx_admin **admin);
/* The bound endpoint. */
const char *plx_admin_endpoint(const struct plx_admin *admin);

#endif
