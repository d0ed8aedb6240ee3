/* How well a path does short of failing: what it loses, and whether it is slow.
 *
 * Each SYN is one trial: the kernel resends what was lost, so that of an answered probe
 * `syn_retrans` were lost (they or their answers) and one was not. The trials are
 * geometric, and the timeout censors them: of a probe that timed out, all of its SYNs
 * were lost, and nothing is known of the one that would have been answered. The
 * likelihood of both together is that of so many single trials, and lost / sent its
 * maximum. Those of a run of failures count when an answer ends it, and only of two at
 * most: longer runs are an outage. A SYN that left too late to be answered is no trial
 * (base/result.h). */
#ifndef PLX_CORE_JUDGE_QUALITY_H
#define PLX_CORE_JUDGE_QUALITY_H

#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_fleet.h"

/* A path becomes lossy when its loss is surely above 10 % and about 20 %. It is no longer
 * when its mean is below 8 %, or when a loss of 2 % explains the latest trials better
 * than the loss that stood, by 6 nats (odds of 400 to 1): a sequential test (Wald 1945)
 * that begins anew whenever the loss that stood is the likelier again (Page 1954). What
 * stood is taken at the low end of its interval. After 30 % that takes about 19 answers
 * in a row, after 50 % 14, after 80 % six; what is known of the path then is what was
 * seen in them. A monitor, over all its paths, is degraded until the mean is below 8 %.
 */
#define PLX_LOSS_ENTER     0.20
#define PLX_LOSS_ENTER_LOW 0.10
#define PLX_LOSS_LEAVE     0.08
#define PLX_LOSS_OVER      0.02
#define PLX_LOSS_NATS      6.0
/* Fewer trials say nothing of loss. */
#define PLX_LOSS_LEAST     16u
/* Latency must fall to this share of its bound to count as well again. */
#define PLX_LATENCY_LEAVE  0.85

/* A probe failed, before the cell's run is changed by it; `timed_out`: nothing answered
 * it. */
void plx_quality_failed(struct plx_cell *cell, bool timed_out, uint32_t resent);

/* An answer after so many lost SYNs, before the cell's run is changed by it. Returns true
 * when the path became lossy, or is no longer. Hot: no logarithms, no roots in the
 * quiet. */
bool plx_quality_answered(struct plx_cell *cell, uint32_t lost);

/* Marks the monitor's cells slow that are above its latency bound. Returns true when one
 * changed. */
bool plx_quality_time(struct plx_evidence *ev, const struct plx_fleet_monitor *mon);

/* 0-1. */
double plx_quality_loss(const struct plx_cell *cell);

/* 95 % interval of a share measured over `n` trials (Wilson 1927). */
void plx_quality_interval(double share, double n, double *ret_low, double *ret_high);

#endif
