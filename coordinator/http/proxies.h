/* Proxies that are trusted to say whom they speak for.
 *
 * Behind a proxy every connection comes from one address, so that limits which count by
 * address would let one guest shut out all others. From the addresses named here the
 * header X-Forwarded-For is believed, from the right (each proxy appends what it saw), up
 * to the first address that is no trusted proxy. From anybody else it is ignored. Pure.
 */
#ifndef PLX_HTTP_PROXIES_H
#define PLX_HTTP_PROXIES_H

#include "base/result.h"
#include "base/why.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define PLX_PROXIES_MAX 16

struct plx_proxies {
    struct plx_addr list[PLX_PROXIES_MAX];
    size_t n;
};

/* "127.0.0.1, 10.0.0.7": IP addresses, at most PLX_PROXIES_MAX; NULL or "": none.
 * PLX_EINVAL with a sentence. */
int plx_proxies_parse(const char *text, struct plx_proxies *ret, struct plx_why *why);

/* Who asks: `peer`, or whom it speaks for. `forwarded` is the header, NULL: none. */
void plx_proxies_caller(const struct plx_proxies *proxies, const struct sockaddr *peer,
                        const char *forwarded, struct sockaddr_storage *ret);
/* Whether connections of that address speak for others: a trusted proxy. */
bool plx_proxies_has(const struct plx_proxies *proxies, const struct sockaddr *peer);

#endif
