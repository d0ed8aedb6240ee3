/* The judge: from many views to one cause.
 *
 * It is told what the agents saw (results), that they live (heartbeats) and what time it
 * is (ticks), and concludes which *faults* explain all that: a service, a host, a
 * network, a name, a path, a filter, or one of our own agents, regions or providers. The
 * verdict of a monitor is what the faults that cover it amount to. docs/VERDICTS.md
 * derives the formulas and says where each constant comes from.
 *
 * A step machine: it owns no clock, opens nothing, logs nothing. The same calls in the
 * same order give the same answers, on every machine. One judge belongs to one thread.
 *
 * Agents and monitors are named by dense numbers that the caller chooses (small: arrays
 * are indexed by them). All texts are copied. Times are Unix time in ns; `now` never
 * decreases from call to call (a smaller one counts as the greatest seen). */
#ifndef PLX_CORE_JUDGE_H
#define PLX_CORE_JUDGE_H

#include "base/monitor.h"
#include "base/outcome.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_JUDGE_AGENT_MAX   16384u   /* agent ids are below this */
#define PLX_JUDGE_MONITOR_MAX 2000000u /* monitor ids are below this */
#define PLX_JUDGE_VIEW_MAX    1024u    /* agents that may watch one monitor */
#define PLX_JUDGE_GROUP_MAX   16u      /* groups of one monitor or agent */
#define PLX_JUDGE_SENTENCE    512u     /* bytes of a sentence, the NUL included */

/* value, token */
#define PLX_JUDGE_CLASS_TABLE(X)                                                         \
    X(SERVICE, 1, "service")                                                             \
    X(HOST, 2, "host")                                                                   \
    X(NETWORK, 3, "network")                                                             \
    X(DNS, 4, "dns")                                                                     \
    X(PATH, 5, "path")                                                                   \
    X(FILTER, 6, "filter")                                                               \
    X(AGENT, 7, "agent")                                                                 \
    X(REGION, 8, "region")                                                               \
    X(PROVIDER, 9, "provider")

/* What kind of thing broke. Stored: never renumber. */
enum plx_judge_class {
    PLX_JUDGE_CLASS_NONE = 0,
#define X(name, value, token) PLX_JUDGE_CLASS_##name = (value),
    PLX_JUDGE_CLASS_TABLE(X)
#undef X
        PLX_JUDGE_CLASS_COUNT_,
};

#define PLX_JUDGE_VERDICT_TABLE(X)                                                       \
    X(INCONCLUSIVE, 0, "inconclusive")                                                   \
    X(UP, 1, "up")                                                                       \
    X(SERVICE_DOWN, 2, "service_down")                                                   \
    X(HOST_DOWN, 3, "host_down")                                                         \
    X(NETWORK_DOWN, 4, "network_down")                                                   \
    X(DNS_FAILURE, 5, "dns_failure")                                                     \
    X(PATH_FAILURE, 6, "path_failure")                                                   \
    X(FILTERED, 7, "filtered")                                                           \
    X(AGENT_FAULT, 8, "agent_fault")                                                     \
    X(DEGRADED, 9, "degraded")

/* What is concluded about one monitor. Stored: never renumber. */
enum plx_judge_verdict {
#define X(name, value, token) PLX_JUDGE_##name = (value),
    PLX_JUDGE_VERDICT_TABLE(X)
#undef X
        PLX_JUDGE_VERDICT_COUNT_,
};

#define PLX_JUDGE_REASON_TABLE(X)                                                        \
    X(NONE, 0, "none", "has not reported yet")                                           \
    X(FRESH, 1, "fresh", "believed: fresh")                                              \
    X(STALE, 2, "stale", "ignored: too old to vote")                                     \
    X(LOCAL, 3, "local", "ignored: the agent could not probe")                           \
    X(COVERED, 4, "covered", "explained by a fault")                                     \
    X(SPURIOUS, 5, "spurious", "discounted: likely a lost packet")                       \
    X(LATE, 6, "late", "ignored: came too late to vote")                                 \
    X(SILENT, 7, "silent", "ignored: the agent is not heard from")                       \
    X(DOUBT, 8, "doubt", "a failure that is being looked into")

/* Why one location's view was believed, discounted or ignored. */
enum plx_judge_reason {
#define X(name, value, token, text) PLX_JUDGE_REASON_##name = (value),
    PLX_JUDGE_REASON_TABLE(X)
#undef X
        PLX_JUDGE_REASON_COUNT_,
};

/* Why a result was taken at all. */
enum plx_judge_kind {
    PLX_JUDGE_SCHEDULED,
    PLX_JUDGE_CONFIRM, /* asked for by `probes` below, or by a person */
};

/* Ingredients that can be left out, to learn what each is worth. 0 leaves none out. */
enum plx_judge_without {
    PLX_JUDGE_WITHOUT_KINDS = 1 << 0,  /* a failure is a failure, whatever it says */
    PLX_JUDGE_WITHOUT_ONSET = 1 << 1,  /* faults have no common start */
    PLX_JUDGE_WITHOUT_SCOPES = 1 << 2, /* every monitor on its own */
    PLX_JUDGE_WITHOUT_BURSTS = 1 << 3, /* asks for no probes */
    PLX_JUDGE_WITHOUT_GUARD = 1 << 4,  /* no margin over the story without the fault */
    PLX_JUDGE_WITHOUT_NOISE = 1 << 5,  /* noise is not learned */
};

/* Every number the judge leans on. Log-odds in nats (natural logarithm). */
struct plx_judge_policy {
    double theta;       /* nats a server-side fault must win by, to be said */
    double theta_other; /* the same for path, filter, agent, region, provider faults */
    double cost[PLX_JUDGE_CLASS_COUNT_]; /* nats: minus the log prior of each class */
    double p_fail;                       /* a probe fails under a hard fault */
    double p_noise;      /* a probe fails for no reason: prior mean, learned per agent */
    double noise_weight; /* probes that prior is worth */
    double p_burst;      /* a probe fails when the same cell failed `burst_ns` before */
    int64_t burst_ns;
    int64_t slack_ns;       /* what corrected times may still be apart */
    double fresh_intervals; /* older than this many intervals does not vote */
    int64_t silent_ns;      /* an agent not heard from for so long is at fault */
    int64_t late_ns;   /* a result learned so long after it was measured is history */
    int64_t lone_ns;   /* persistence needed with fewer than two regions */
    int64_t settle_ns; /* wait so long for a sibling's answer that would widen a fault */
    int64_t settle_other_ns; /* persistence of faults that nobody is woken for */
    double budget_quiet;     /* extra probes per scheduled one for lone first failures */
    double budget_doubt;     /* extra probes per scheduled one for faults in doubt */
    uint32_t max_probes;     /* probes[] of one tick, at most */
    uint32_t without;        /* enum plx_judge_without bits */
};

void plx_judge_policy_default(struct plx_judge_policy *ret_policy);

struct plx_judge_agent {
    uint32_t id;
    const char *name;
    const char *region; /* NULL or "": an agent without a region is a region of its own */
    const char *provider;      /* NULL or "": unknown */
    const char *asn;           /* NULL or "": unknown */
    const char *const *groups; /* other things agents share (a site, a rack) */
    size_t n_groups;
};

struct plx_judge_monitor {
    uint32_t id;
    const char *name;
    const char *host;    /* as the operator wrote it: a name or an address */
    const char *address; /* numeric, without brackets; NULL or "" while not resolved */
    uint16_t port;
    int64_t interval_ns;    /* > 0 */
    int64_t timeout_ns;     /* > 0 */
    const uint32_t *agents; /* ids of the agents that probe it, each known */
    size_t n_agents;        /* at most PLX_JUDGE_VIEW_MAX */
    enum plx_expect expect; /* FILTERED: silence, or an administrative "prohibited" */
    double
        min_coverage; /* 0-1: below it the verdict is inconclusive; 0: any view will do */
    struct plx_quorum quorum;  /* the operator's own rule; AUTO: the judge decides */
    const char *const *groups; /* declared scopes: a rack, a provider, a site */
    size_t n_groups;
    const uint32_t *depends_on; /* monitor ids; unknown ones are ignored */
    size_t n_depends_on;
    int64_t degraded_above_us; /* latency that counts as degraded; 0: none */
};

struct plx_judge_result {
    struct plx_wall now; /* when the coordinator learned it */
    struct plx_wall at;  /* when the probe began, by the agent's corrected clock */
    uint32_t monitor;
    uint32_t agent;
    enum plx_outcome outcome;
    enum plx_unreach unreach;
    enum plx_judge_kind kind;
    uint32_t rtt_us;      /* 0: unknown */
    uint16_t syn_retrans; /* SYNs resent, early enough to be answered */
    bool half_up;         /* as expected, but not at all of the target's addresses */
};

/* One extra probe wanted now; its result comes back with PLX_JUDGE_CONFIRM. */
struct plx_judge_probe {
    uint32_t monitor;
    uint32_t agent;
};

enum plx_judge_change {
    PLX_JUDGE_OPENED,
    PLX_JUDGE_UPDATED, /* class, entity, members, page or confidence changed */
    PLX_JUDGE_CLOSED,  /* once per id, and never again anything about that id */
};

struct plx_judge_fault {
    uint64_t id; /* from 1; never used twice by one judge */
    enum plx_judge_class class;
    enum plx_judge_change change;
    const char *entity; /* monitor, address, prefix, group, name, agent>host,
                           agent>prefix, region>prefix, provider>prefix, agent, region or
                           provider; "monitor|agent,agent" never: the subset is agents[];
                           of several monitors of one service the first, of several
                           services of one host its address */
    struct plx_wall onset;
    double confidence;      /* 0-1 */
    double margin;          /* nats over the best other story */
    bool page;              /* server-side, and worth waking someone */
    bool by_quorum;         /* an operator's rule said so, not the judge's margin */
    const uint32_t *agents; /* those that see it (those it makes blind), ascending */
    size_t n_agents;
    const uint32_t *monitors; /* those with evidence of their own, ascending */
    size_t n_monitors;
    const char *why; /* one sentence */
};

struct plx_judge_ruling {
    uint32_t monitor;
    enum plx_judge_verdict verdict;
    double confidence;
    uint32_t fresh;    /* coverage: fresh views … */
    uint32_t assigned; /* … of so many */
    struct plx_wall since;
    const uint64_t *faults; /* ids of the open faults that cover it */
    size_t n_faults;
    const char *why; /* one sentence */
};

struct plx_judge_output {
    const struct plx_judge_probe *probes;
    size_t n_probes;
    const struct plx_judge_fault *faults; /* those that changed, closed ones first */
    size_t n_faults;
    const struct plx_judge_ruling *verdicts; /* those that changed, by monitor id */
    size_t n_verdicts;
};

/* One location's view of a monitor. */
struct plx_judge_cell {
    uint32_t agent;
    bool spare; /* it does not watch the monitor, and was asked to look */
    bool seen;  /* any result yet */
    bool ok;    /* the last result that counts is as expected */
    enum plx_outcome outcome;
    enum plx_unreach unreach;
    uint32_t rtt_us; /* smoothed; 0: unknown */
    double loss;     /* smoothed share of SYNs that get no answer, 0-1, … */
    double loss_low; /* … with a 95 % interval */
    double loss_high;
    bool lossy, slow;   /* the path is degraded: by loss, by latency */
    uint32_t n_run;     /* results alike in a row (saturates at 255) */
    struct plx_wall at; /* when measured */
    struct plx_wall run_since;
    enum plx_judge_reason reason;
    uint64_t fault; /* the fault that explains it; 0: none */
};

struct plx_judge_view {
    struct plx_judge_ruling ruling;
    const struct plx_judge_cell *cells; /* by agent id */
    size_t n_cells;
    double loss; /* over the monitor's fresh views, with a 95 % interval */
    double loss_low;
    double loss_high;
    uint32_t rtt_us;       /* median of the fresh views */
    const char *runner_up; /* the best other story, one sentence; "" when all is well */
    double margin;         /* nats by which it lost */
};

struct plx_judge;

/* A judge without agents and monitors. `policy` is copied; NULL takes the defaults. Never
 * NULL: aborts when memory is out. */
struct plx_judge *plx_judge_new(const struct plx_judge_policy *policy);
/* Accepts NULL and *judge == NULL; nulls the caller's pointer. */
void plx_judge_destroy(struct plx_judge **judge);

/* Declares an agent, or declares it anew. 0 or PLX_EINVAL (id out of range, no name). */
int plx_judge_set_agent(struct plx_judge *judge, const struct plx_judge_agent *agent);
/* Forgets an agent and its views. Unknown ids are ignored. */
void plx_judge_drop_agent(struct plx_judge *judge, uint32_t agent);

/* Declares a monitor, or declares it anew: views of agents that stay assigned are kept.
 * 0, PLX_EINVAL (id or count out of range, no name, interval or timeout not positive) or
 * PLX_ENOTFOUND (an agent that was not declared); nothing is changed on error. */
int plx_judge_set_monitor(struct plx_judge *judge,
                          const struct plx_judge_monitor *monitor);
void plx_judge_drop_monitor(struct plx_judge *judge, uint32_t monitor);

/* The clock that all times come from was set by `step_ns`: what is known keeps its age,
 * and is told by the new clock. */
void plx_judge_clock_set(struct plx_judge *judge, int64_t step_ns);

/* The agent is alive and connected. Unknown ids are ignored. */
void plx_judge_heartbeat(struct plx_judge *judge, struct plx_wall now, uint32_t agent);

/* Takes one result: constant time, no allocation. Returns 0, or PLX_ENOTFOUND (monitor or
 * agent unknown, or not assigned to one another: nothing is kept). */
int plx_judge_result(struct plx_judge *judge, const struct plx_judge_result *result);

/* Whether it is time to ask agents that do not watch the monitor: those who do all fail,
 * more than once, and cannot tell whether it is the target or the way there. False for
 * unknown ids. */
bool plx_judge_needs_spares(struct plx_judge *judge, uint32_t monitor);

/* Says that results of `agent` come soon: about the monitor `soon` within some ten calls,
 * about `later` within twice as many. A hint that saves waiting for memory (intake of a
 * large fleet does little else); changes nothing. Unknown ids are ignored. */
void plx_judge_foresee(const struct plx_judge *judge, uint32_t agent, uint32_t soon,
                       uint32_t later);
/* Results ahead of the present one that `soon` is best asked for; `later` is twice that.
 */
#define PLX_JUDGE_AHEAD 8u

/* Thinks, and lends what changed since the last tick until the next call of any function
 * here. Call about once a second; more seldom delays verdicts, nothing else. */
void plx_judge_tick(struct plx_judge *judge, struct plx_wall now,
                    const struct plx_judge_output **ret_output);

/* What is concluded about a monitor as of the last tick, and why. Lent until the next
 * call of any function here. 0 or PLX_ENOTFOUND. */
int plx_judge_explain(struct plx_judge *judge, uint32_t monitor,
                      struct plx_judge_view *ret_view);

/* Only the conclusion (cheap: lists of all monitors). Lent as above. */
int plx_judge_view(struct plx_judge *judge, uint32_t monitor,
                   struct plx_judge_ruling *ret_ruling);

/* All open faults, oldest first. Lent until the next call of any function here. */
void plx_judge_faults(struct plx_judge *judge, const struct plx_judge_fault **ret_faults,
                      size_t *ret_n);

/* True while the agent itself (or its region or provider) is held to be at fault. */
bool plx_judge_agent_is_faulty(const struct plx_judge *judge, uint32_t agent);

/* Tokens of the tables above; "none" for an unknown value. Never NULL. */
const char *plx_judge_class_token(enum plx_judge_class class);
const char *plx_judge_verdict_token(enum plx_judge_verdict verdict);
const char *plx_judge_reason_token(enum plx_judge_reason reason);
const char *plx_judge_reason_text(enum plx_judge_reason reason);
/* True for service, host, network and dns: the target's side. */
bool plx_judge_class_is_server(enum plx_judge_class class);
/* True for service_down, host_down, network_down and dns_failure. */
bool plx_judge_verdict_is_down(enum plx_judge_verdict verdict);

#endif
