/* Which targets this agent may probe, whatever the coordinator orders.
 *
 * A rule is "PREFIX", "port N[-M]" or "PREFIX port N[-M]"; PREFIX is an address or
 * "address/bits". In order: a denied target is denied; an allowed one is allowed; what is
 * harmful anywhere (link-local and cloud metadata, multicast, broadcast, "this network")
 * is denied; where an allow list was given, everything else is denied. Pure. */
#ifndef PLX_AGENT_CORE_POLICY_H
#define PLX_AGENT_CORE_POLICY_H

#include "base/result.h"
#include "base/why.h"

#include <stdbool.h>
#include <stddef.h>

#define PLX_POLICY_RULES_MAX 1024

struct plx_policy_rule {
    struct plx_addr prefix; /* family 0: any address */
    unsigned bits;
    uint16_t port_from, port_to;
};

/* A zeroed policy has the built-in denials only. */
struct plx_policy {
    struct plx_policy_rule *allow, *deny;
    size_t n_allow, n_deny;
    /* Holds in place of this one, whose users need not be told; NULL: none. Whoever sets
     * it keeps what it points to for as long as anybody may ask. */
    _Atomic(const struct plx_policy *) instead;
};

void plx_policy_fini(struct plx_policy *policy);
/* Returns 0 or PLX_EINVAL with a sentence that quotes the text. */
int plx_policy_parse(const char *text, struct plx_policy_rule *ret, struct plx_why *why);
/* Returns 0, PLX_EINVAL, or PLX_ETOOBIG. */
int plx_policy_add_allow(struct plx_policy *policy, const char *text,
                         struct plx_why *why);
int plx_policy_add_deny(struct plx_policy *policy, const char *text, struct plx_why *why);

/* An IPv4-mapped IPv6 address is judged as the IPv4 address. */
bool plx_policy_permits(const struct plx_policy *policy, const struct plx_addr *addr,
                        uint16_t port);

#endif
