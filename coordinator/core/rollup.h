/* A rollup: what the results of one monitor from one agent over a stretch of time come
 * to.
 *
 * It counts outcomes of scheduled probes only: retries and confirmations follow a
 * failure, so that counting them would make a minute's outage look like ten. Latencies
 * and lost SYNs are taken from all. Evidence about single addresses (PLX_PROBE_ADDRESS)
 * and checks ordered by people are no part of it.
 *
 * Pure. Shapes: counts, microseconds. */
#ifndef PLX_CORE_ROLLUP_H
#define PLX_CORE_ROLLUP_H

#include "base/result.h"
#include "coordinator/core/sketch.h"

/* Values are in the database. */
enum plx_rollup_level {
    PLX_ROLLUP_MINUTE = 0,
    PLX_ROLLUP_HOUR = 1,
    PLX_ROLLUP_DAY = 2, /* in UTC */
    PLX_ROLLUP_LEVELS_
};

int64_t plx_rollup_span_ns(enum plx_rollup_level level);
/* "1m", "1h", "1d". */
const char *plx_rollup_level_token(enum plx_rollup_level level);
/* The beginning of the stretch that a moment is in. */
struct plx_wall plx_rollup_bucket(enum plx_rollup_level level, struct plx_wall t);

/* Stretches of a level that the store keeps side by side for each monitor: enough that a
 * month of hours is read from a few pages, and not so many that each minute writes most
 * of a table's pages anew. */
int64_t plx_rollup_part(enum plx_rollup_level level);

/* Zeroed: of nothing. */
struct plx_rollup {
    uint32_t outcomes[PLX_OUTCOME_COUNT_]; /* of scheduled probes */
    uint32_t extra;                        /* retries and confirmations */
    uint32_t extra_failed;                 /* those of them that were not open */
    /* Loss: of the SYNs of probes that were answered in the end, those resent. What was
     * never answered is an outcome. */
    uint32_t syns, resent;
    uint32_t min_us, max_us; /* of the latencies; 0: there is none */
    uint64_t sum_us;
    struct plx_sketch latency; /* of open ones whose round trip is known */
};

void plx_rollup_fini(struct plx_rollup *rollup);
/* Whether results of that kind are counted at all. */
bool plx_rollup_takes(enum plx_probe_kind kind);
/* Counts a result: its kind, outcome, rtt_us and syn_retrans. */
void plx_rollup_add(struct plx_rollup *rollup, const struct plx_result *result);
void plx_rollup_merge(struct plx_rollup *rollup, const struct plx_rollup *other);

/* Scheduled probes that say something of the target: all but local errors and skips. */
uint64_t plx_rollup_probes(const struct plx_rollup *rollup);

void plx_rollup_encode(const struct plx_rollup *rollup, struct plx_buf *out);
/* Adds one that was encoded. PLX_EMALFORMED: it is none; `rollup` is then of no use. */
int plx_rollup_decode(struct plx_rollup *rollup, const void *bytes, size_t len);

#endif
