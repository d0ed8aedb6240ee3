/* What an agent last saw of a monitor; where it probes every address of the name, each of
 * these too. Pure; one thread. */
#ifndef PLX_CORE_SIGHT_H
#define PLX_CORE_SIGHT_H

#include "base/monitor.h"
#include "base/result.h"

#include <stddef.h>
#include <stdint.h>

/* One address of a run over all; family 0 with the detail ADDRESS_LIMIT: there are more.
 */
struct plx_sight_address {
    struct plx_addr address;
    enum plx_outcome outcome;
    enum plx_unreach unreach;
    enum plx_detail detail;
    uint32_t rtt_us;
    struct plx_addr icmp_from;
};

struct plx_sight_run; /* the addresses of the last run, and those of the next so far */

struct plx_sight {
    uint32_t agent;
    enum plx_outcome outcome;
    enum plx_detail detail;
    struct plx_wall at; /* corrected */
    uint32_t rtt_us;
    uint32_t syn_retrans;
    uint8_t icmp_type, icmp_code;
    struct plx_addr icmp_from;
    struct plx_addr address;
    char *excerpt;             /* of what the server said; NULL: nothing */
    struct plx_sight_run *run; /* NULL: one address is probed */
};

/* Frees what it owns; the sight itself is the caller's. */
void plx_sight_fini(struct plx_sight *sight);
/* A result that is no part of a run, or the run's own: then the parts came before. */
void plx_sight_take(struct plx_sight *sight, const struct plx_result *result,
                    struct plx_wall at);
/* A part of a run (kind ADDRESS). More than a run can have are dropped. */
void plx_sight_take_address(struct plx_sight *sight, const struct plx_result *result);
/* The addresses of the last run, lent until the next result; none where only one was
 * probed. */
const struct plx_sight_address *plx_sight_addresses(const struct plx_sight *sight,
                                                    size_t *ret_n);

#define PLX_SIGHT_FAILING_MAX 512
/* "192.0.2.1 refused, 2001:db8::1 timeout": the addresses that fail in sights that are
 * half up, each once, as many as fit; "" for none. */
void plx_sights_failing(const struct plx_sight *sights, size_t n,
                        char ret[PLX_SIGHT_FAILING_MAX]);

#endif
