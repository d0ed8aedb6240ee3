/* A labelled world: agents, targets, noise and faults made from a seed, so that every
 * conclusion can be held against what really broke. Knows nothing of the judge. */
#ifndef PLX_SIM_WORLD_H
#define PLX_SIM_WORLD_H

#include "base/outcome.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_AGENTS   12
#define SIM_MONITORS 64
#define SIM_HOSTS    24
#define SIM_FAULTS   8

/* What to make. One recipe is one row of the report. */
struct sim_recipe {
    const char *name;
    int agents_min, agents_max;
    int regions_max;
    double noise_min, noise_max; /* per probe, drawn per agent */
    double micro_per_hour;       /* micro-outages of an agent, 2-12 s */
    double late;                 /* share of results delivered 1-10 minutes late */
    double clock_s;              /* agents' clocks are off by up to this */
    int faults_min, faults_max;
    bool overlap; /* the second fault falls into the first: a server during one of ours */
    bool unclassed; /* shapes the model has no class for, beside ordinary faults */
    double minutes; /* length of a run */
    double tick_s;
    /* Agents as they are: a first failure is tried again at once, and an extra probe
     * waits for 1.5 s at most. Without: bare probes with the monitor's timeout. */
    bool retries;
    bool silent; /* every fault is a service that answers nothing any more */
    /* So many agents are assigned to a monitor, and a third of the monitors let in nobody
     * else; 0: most agents, and everybody. */
    int watchers;
    bool spares; /* when one of them fails, others are asked to look, too */
};

enum sim_class {
    SIM_SERVICE,
    SIM_HOST,
    SIM_NETWORK,
    SIM_DNS,
    SIM_PATH_HOST,
    SIM_PATH_PREFIX,
    SIM_PATH_REGION,
    SIM_PATH_PROVIDER,
    SIM_FILTER,
    SIM_AGENT,
    SIM_REGION,
    SIM_PROVIDER,
    SIM_UNKNOWN_UPSTREAM, /* some agents cannot reach some hosts here and there */
    SIM_FLAPPING,         /* a service up and down every half minute or so */
    SIM_HALF_BROKEN,      /* a balancer with a dead half */
    SIM_CLASS_COUNT,
};

enum sim_mode {
    SIM_MODE_FAIL,   /* probes fail */
    SIM_MODE_SILENT, /* nothing is delivered until it is over */
    SIM_MODE_LOCAL,  /* the agent says that it cannot probe */
};

struct sim_agent {
    int region, provider;
    double noise, clock_s, delay_s, odd_kinds, burst;
    double micro_at, micro_end;
};

struct sim_monitor {
    int host;
    double phase[SIM_AGENTS];
    bool assigned[SIM_AGENTS];
    bool closed;  /* to agents that are not assigned */
    double asked; /* when spares were, last */
    double burst_until[SIM_AGENTS];
};

struct sim_host {
    int prefix, n_monitors;
    double rtt_s[SIM_AGENTS];
};

struct sim_fault {
    enum sim_class class;
    int x, y;         /* monitor/host/prefix; agent/region/provider */
    uint32_t agents;  /* filter, unknown upstream: bits */
    uint64_t hosts;   /* unknown upstream: bits */
    int filter_level; /* 0 monitor, 1 host, 2 prefix */
    double start, end;
    double p_fail;
    double mix[PLX_OUTCOME_COUNT_][6]; /* outcome and unreach scope: weights */
    enum sim_mode mode;
    double period;
};

struct sim_world {
    const struct sim_recipe *recipe;
    struct plx_rng rng;
    int n_agents, n_regions, n_providers, n_hosts, n_monitors, n_prefixes, n_faults;
    struct sim_agent agents[SIM_AGENTS];
    struct sim_host hosts[SIM_HOSTS];
    struct sim_monitor monitors[SIM_MONITORS];
    struct sim_fault faults[SIM_FAULTS];
    double interval, timeout, end;
};

struct sim_probe_result {
    enum plx_outcome outcome;
    enum plx_unreach unreach;
    double took_s;
};

/* What an extra probe waits for at most, where agents are as they are. */
#define SIM_EXTRA_S 1.5

/* Makes the world of a seed. */
void sim_world_make(struct sim_world *w, const struct sim_recipe *recipe, uint64_t seed);

/* What a probe of (monitor, agent) that begins at `t` gives. Draws from the world's rng.
 */
struct sim_probe_result sim_world_probe(struct sim_world *w, int monitor, int agent,
                                        double t);

/* The agent cannot deliver at `t` (its words come at the end of the fault). Returns when
 * it can again, or `t`. */
double sim_world_delivers(const struct sim_world *w, int agent, double t);
/* The agent's heartbeats get through at `t`. */
bool sim_world_beats(const struct sim_world *w, int agent, double t);

bool sim_class_is_server(enum sim_class c);
bool sim_class_is_vantage(enum sim_class c);
bool sim_class_is_path(enum sim_class c); /* path or filter */
const char *sim_class_name(enum sim_class c);

/* Does the fault touch this cell (at any time)? */
bool sim_fault_touches(const struct sim_world *w, const struct sim_fault *f, int monitor,
                       int agent);

double sim_uniform(struct plx_rng *rng, double lo, double hi);

#endif
