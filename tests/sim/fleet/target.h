/* What is watched, and the truth about it; stands in for prober and resolver.
 *
 * Targets answer every probe until an outage is begun, and all agents alike: whatever
 * fails beside that is ours. What an attempt's end means is agent/core/attempt's, as in
 * the agent. */
#ifndef PLX_SIM_TARGET_H
#define PLX_SIM_TARGET_H

#include "base/result.h"

#include <stdint.h>

#define PLX_TARGET_HOSTS_MAX 64
#define PLX_TARGET_PORT      1000 /* the first service's; the others follow */
#define PLX_TARGET_SERVICES  4

void plx_target_begin(uint32_t n_hosts);
uint32_t plx_target_n_hosts(void);
/* "198.51.100.7", or "host7.example" where the host is watched by name. */
const char *plx_target_host(uint32_t host, char buf[PLX_ADDR_TEXT_MAX]);

/* Until then it does not answer: one service of the host, or the host. */
void plx_target_service_down(uint32_t host, uint32_t service, int64_t until_ns);
void plx_target_host_down(uint32_t host, int64_t until_ns);
/* The monitor watches the service from now on. */
void plx_target_watch(uint64_t monitor_id, uint32_t host, uint32_t service);
/* Whether nothing was wrong with it for so long. */
bool plx_target_was_well(uint64_t monitor_id, int64_t for_ns);

/* Whether neither it nor a neighbour that could be taken for it has had an outage lately:
 * whatever is said against it is false. */
bool plx_target_is_innocent(uint64_t monitor_id);

/* A verdict says that the target is to blame: a violation where it is not. */
void plx_target_blamed(uint64_t monitor_id, const char *verdict, const char *sentence);

#endif
