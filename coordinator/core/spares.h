/* Spare agents: those that do not watch a monitor, and are asked to look when those who
 * do cannot tell the target from the way there, because they are in other regions, of
 * other providers or in other autonomous systems.
 *
 * Bounded: so many for one monitor, once in half a minute; so many bursts for all
 * monitors of a host in that time, and so many a second in all. The agents' own manners
 * hold besides. Keeps what they answered. Pure; one thread. */
#ifndef PLX_CORE_SPARES_H
#define PLX_CORE_SPARES_H

#include "base/result.h"
#include "base/text.h"
#include "coordinator/core/catalog.h"
#include "coordinator/core/roster.h"
#include "coordinator/core/shares.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_SPARES_MAX      3 /* for one burst */
#define PLX_SPARES_AGAIN_NS (30 * PLX_SEC_NS)
#define PLX_SPARES_HOST     8u  /* bursts in that time */
#define PLX_SPARES_RATE     4.0 /* bursts a second, sustained; */
#define PLX_SPARES_BURST    16.0
#define PLX_SPARES_KEPT     256 /* bursts; the newest */
#define PLX_SPARES_DOUBTS   256 /* monitors that wait; more are left out */

/* One agent of a burst. */
struct plx_spare {
    uint32_t agent;
    bool answered;
    struct plx_wall at; /* of its probe, by its corrected clock */
    enum plx_outcome outcome;
    enum plx_detail detail;
    uint32_t rtt_us; /* 0: not known */
};

struct plx_spare_burst {
    uint32_t monitor; /* slot */
    uint64_t monitor_id;
    char host[PLX_HOST_MAX + 1];
    struct plx_mono asked;
    struct plx_wall at;
    struct plx_spare spares[PLX_SPARES_MAX];
    size_t n;
};

struct plx_spares_order {
    uint32_t monitor;
    uint32_t agents[PLX_SPARES_MAX];
    size_t n;
};

struct plx_spares;

/* Borrows all three. */
struct plx_spares *plx_spares_new(const struct plx_roster *roster,
                                  const struct plx_catalog *catalog,
                                  const struct plx_shares *shares);
void plx_spares_destroy(struct plx_spares **spares);

/* Those who watch the monitor see it fail and cannot tell. */
void plx_spares_doubt(struct plx_spares *spares, uint32_t monitor);
/* Whom to ask about one that is in doubt: the most different first. They are held to be
 * asked. False: nobody any more, or not now. */
bool plx_spares_ask(struct plx_spares *spares, struct plx_mono now, struct plx_wall wall,
                    struct plx_spares_order *ret);
/* A result of an agent that does not watch the monitor. False: nobody asked it. */
bool plx_spares_answer(struct plx_spares *spares, uint32_t agent, uint32_t monitor,
                       const struct plx_result *result, struct plx_wall at);

/* The newest burst about any monitor of that host, lent until the next ask; NULL: none
 * within `age_ns`. */
const struct plx_spare_burst *plx_spares_of(const struct plx_spares *spares,
                                            const char *host, struct plx_mono now,
                                            int64_t age_ns);

#endif
