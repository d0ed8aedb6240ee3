/* How often somebody may: token buckets by name, in a table of fixed size.
 *
 * Two names may share a place and then a bucket's last owner wins: a limit that is now
 * and then too kind, never one that grows without bound. One thread. */
#ifndef PLX_HTTP_THROTTLE_H
#define PLX_HTTP_THROTTLE_H

#include "base/time.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

struct plx_throttle;

/* `rate` per second in the long run, `burst` at once. */
struct plx_throttle *plx_throttle_new(double rate, double burst);
void plx_throttle_destroy(struct plx_throttle **throttle);

/* Spends one; false: there is none. */
bool plx_throttle_spend(struct plx_throttle *throttle, const char *name,
                        struct plx_mono now);
/* Gives one back that was spent in vain. */
void plx_throttle_refund(struct plx_throttle *throttle, const char *name);

/* The name of an address to count against: that of an IPv4 address (also one mapped into
 * IPv6), and of an IPv6 address its /64, which is what one customer gets: whoever has
 * 2^64 addresses is one guest. NULL or another family: "?". */
void plx_throttle_address(const struct sockaddr *addr, char ret[INET6_ADDRSTRLEN]);

#endif
