/* The inquest: where it broke. Keeps the ways of good times, has a fault's way traced
 * from locations that see it and from some that do not, and compares: the traces with one
 * another (core/place), and with all that is known of the fleet's ways at that time
 * (core/place_fleet). What it finds is stored with the fault's incident.
 *
 * Bounded: so many traces of good times in a round, so many locations for a fault, and
 * faults over one target within a minute share one inquest. Loop thread. */
#ifndef PLX_COORDINATOR_INQUEST_H
#define PLX_COORDINATOR_INQUEST_H

#include "coordinator/core/place.h"
#include "coordinator/io/desk.h"
#include "coordinator/io/tracing.h"
#include "coordinator/io/ways.h"

#define PLX_INQUEST_AGENTS_MAX   8 /* for one fault */
#define PLX_INQUEST_INTERVAL_NS  PLX_HOUR_NS
#define PLX_INQUEST_INTERVAL_MIN PLX_MIN_NS

struct plx_inquest;

/* Borrows. `interval_ns`: how often a way of good times is walked anew; 0: never. */
struct plx_inquest *plx_inquest_new(struct plx_desk *desk, struct plx_intake *intake,
                                    int64_t interval_ns);
void plx_inquest_destroy(struct plx_inquest **inquest);

/* Lent. */
struct plx_tracing *plx_inquest_tracing(struct plx_inquest *inquest);
struct plx_ways *plx_inquest_ways(struct plx_inquest *inquest);

/* A fault has opened. */
void plx_inquest_open(struct plx_inquest *inquest, const struct plx_judge_fault *fault);
/* A fault is over. */
void plx_inquest_close(struct plx_inquest *inquest, uint64_t fault);
/* Twice a second. */
void plx_inquest_tick(struct plx_inquest *inquest, struct plx_mono now);

/* One location's part of a finding; traces are lent. */
struct plx_inquest_view {
    uint32_t agent;
    const struct plx_trace *now, *before; /* before: NULL for unknown */
};

/* Compares and writes into an open object: place {kind, after, before, maybe_return,
 * selective, partial, spread, flows, failing_flows, sentence, parts [{agent, region,
 * kind, after, before}]}. */
void plx_inquest_write_place(const struct plx_desk *desk,
                             const struct plx_inquest_view *views, size_t n,
                             struct plx_json *j);
/* The key "places": what was found about these faults, and what the store has of the
 * monitor's open incidents besides: [{fault, at, host, port, waiting, place, fleet,
 * suspects [{hop, failing, working, agents, targets}], spares [{agent, region, provider,
 * asn, outcome, at, latency_ms}], traces [{agent, region, now, before}]}]. */
void plx_inquest_write(const struct plx_inquest *inquest, uint32_t monitor,
                       const uint64_t *faults, size_t n, struct plx_json *j);
/* One that was stored, in the same form. */
struct plx_store_place;
void plx_place_write_stored(const struct plx_store_place *place, struct plx_json *j);

#endif
