/* The network in place of ZeroMQ: what sys/channel.h promises, and what may go wrong.
 *
 * An agent's channel has at most one connection; each new one gets another peer id at the
 * coordinator. Messages of a connection arrive in order after a delay. A cut holds them
 * back for a while, as TCP would, and breaks the connection after 15 s, as ZMTP's
 * heartbeats do; half a cut loses what goes that way, and nobody is told. Beyond what TCP
 * allows, a stormy link loses, doubles and reorders single messages. */
#ifndef PLX_SIM_NET_H
#define PLX_SIM_NET_H

#include "sim.h"

enum plx_sim_way { PLX_WAY_UP, PLX_WAY_DOWN }; /* towards the coordinator, and back */

struct plx_sim_link {
    int64_t delay_ns;     /* one way, in good times */
    int64_t cut_until[2]; /* both: a cut; one: half-open */
    int64_t storm_until;  /* messages are lost, doubled, reordered … */
    double loss, twice, disorder;
    int64_t slow_until, slow_ns; /* each takes up to so much longer */
};

void plx_sim_net_begin(void);
void plx_sim_net_end(void);
struct plx_sim_link *plx_sim_link(uint32_t agent);
/* The agent's link was cut just now. */
void plx_sim_link_was_cut(uint32_t agent);

struct plx_sim_net_counts {
    uint64_t sent, lost, doubled, broken, connected;
};
extern struct plx_sim_net_counts plx_sim_net_counts;

/* The agent's key, as 40 characters. */
void plx_sim_key(uint32_t agent, char ret[41]);
uint32_t plx_sim_key_owner(const char *key);

#endif
