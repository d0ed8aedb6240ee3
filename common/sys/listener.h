/* A listening TCP socket that another process, or another ZeroMQ socket after the first,
 * can be given. For protocols in which the peer speaks first: whoever says nothing costs
 * no descriptor of ours (TCP_DEFER_ACCEPT) for 5 s. */
#ifndef PLX_SYS_LISTENER_H
#define PLX_SYS_LISTENER_H

#include "base/why.h"

#include <stddef.h>

#define PLX_LISTENER_TEXT_MAX 128

/* Listens on "tcp://HOST:PORT": an address, a name, or "*" for every address of both
 * families; port "*" or 0 is any. Close-on-exec, non-blocking. Gives the descriptor and
 * the endpoint as it came to be. PLX_EBUSY: the port is in use (tried for a second, as
 * the one before may just be ending); PLX_EDENIED; PLX_EINVAL. */
int plx_listener_open(const char *endpoint, int backlog, int *ret_fd,
                      char ret_bound[PLX_LISTENER_TEXT_MAX], struct plx_why *why);

#endif
