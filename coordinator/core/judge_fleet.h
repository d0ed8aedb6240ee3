/* Who watches what: agents, monitors, and the things they share.
 *
 * A *unit* is a thing that several monitors or agents share and that can break as a
 * whole: an address, a prefix, a name, a declared group; a region, a provider, an AS.
 * Texts are interned, so that the rest of the judge compares numbers. */
#ifndef PLX_CORE_JUDGE_FLEET_H
#define PLX_CORE_JUDGE_FLEET_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_common.h"
#include "coordinator/core/judge_texts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_NO_UNIT UINT32_MAX

/* Time inside the judge: ticks of 1/32 s since a day before its first call; 0 is "never".
 * 32 bits last 4.2 years; a judge is rebuilt from the store long before. */
#define PLX_TK_PER_SEC 32u

enum plx_unit_kind {
    PLX_UNIT_HOST,     /* an address; members are monitors, down to ENDPOINT */
    PLX_UNIT_PREFIX,   /* /24 or /48 */
    PLX_UNIT_NAME,     /* a DNS name (never a literal address) */
    PLX_UNIT_GROUP,    /* declared by the operator */
    PLX_UNIT_ENDPOINT, /* one port of an address that several monitors watch */
    PLX_UNIT_REGION,   /* members are agents, from here on */
    PLX_UNIT_PROVIDER,
    PLX_UNIT_ASN,
    PLX_UNIT_SITE, /* a group that agents declare */
};

/* So many members fit into a unit itself: a host seldom has more. */
#define PLX_UNIT_FEW 4u

struct plx_unit {
    union {
        uint32_t few[PLX_UNIT_FEW];
        uint32_t *many; /* from PLX_UNIT_FEW + 1 members on */
    };
    uint32_t n;
    uint32_t text;
    uint16_t live; /* members that are live (agents' units only) */
    uint8_t kind;  /* enum plx_unit_kind */
    bool is_many;
};
_Static_assert(sizeof(struct plx_unit) == 32, "one for each host and each name");

/* Monitor or agent ids, ascending. Lent until a member comes or goes. */
static inline const uint32_t *plx_unit_members(const struct plx_unit *unit)
{
    return unit->is_many ? unit->many : unit->few;
}

/* Who has a cell of a monitor: those who watch it, and spares for a while. Many have the
 * same. */
struct plx_watchers {
    struct plx_common common;
    uint32_t n;
    uint16_t agents[]; /* ascending, distinct */
};

/* What else was declared about a monitor. Most have the same. */
struct plx_terms {
    struct plx_common common;
    struct plx_quorum quorum;
    float min_coverage;
    int64_t degraded_above_us;
    uint32_t interval_tk, timeout_tk;
    uint32_t n_groups, n_depends;
    uint32_t ids[]; /* groups (units), then monitors it depends on */
};

/* How many opens an agent saw lately: has it any recent success? Two rings of buckets, of
 * 4 s for what is recent and of 64 s for an hour. */
#define PLX_RING 64u

struct plx_ring {
    uint32_t top; /* number of the newest bucket */
    uint16_t n[PLX_RING];
};

struct plx_fleet_agent {
    bool used;
    bool beats;       /* has ever sent a heartbeat */
    bool silent;      /* as of the last tick */
    bool faulty;      /* a vantage fault that is held to be true covers it */
    bool local_well;  /* its newest result is a good one, though `local_n` is not 0 */
    bool local_soft;  /* some of `local_n` were left out on purpose (skipped) */
    uint16_t local_n; /* results that say "could not probe", since it last could */
    char *name;
    uint32_t region, provider, asn; /* units or PLX_NO_UNIT */
    uint32_t *sites;
    uint32_t n_sites;
    int64_t heard_ns; /* last sign of life; 0: never */
    uint32_t back;    /* after a long silence: what it saw before (ticks) votes no more */
    int64_t
        offset_ns;    /* least of late: when learned minus when measured, rtt taken off */
    uint8_t offset_n; /* samples of that (saturates) */
    uint32_t local_first, local_last;
    struct plx_ring opens, fine, opens_long; /* 4 s, 1/8 s, 64 s a bucket */
    struct plx_ring fails;                   /* in the same buckets as `opens` */
    bool held, hold_next;        /* its failing cells are left to a fault (judge_hold) */
    uint32_t held_until;         /* failures up to then were its for good; 0: none */
    double n_ok, n_bad;          /* what noise is learned from */
    uint32_t n_cells, n_failing; /* of those it watches; of all it has a cell of */
    uint32_t fail_last;          /* newest failing result */
    int64_t min_interval_ns;
};

struct plx_fleet_monitor {
    struct plx_watchers *watchers; /* NULL: nobody yet */
    uint32_t cell0;
    uint16_t n_cells : 11; /* at most PLX_JUDGE_VIEW_MAX */
    uint16_t expect : 3; /* enum plx_expect: all that intake needs is in these 16 bytes */
    uint16_t used : 1;
    uint16_t own_host : 1; /* its host's text is not that of a unit: it lies behind the
                              monitor's name */
    uint16_t port;
    struct plx_terms *terms; /* NULL while it is not used */
    uint32_t asked_all; /* when every location had been asked about the latest doubt */
    uint32_t unit_host, unit_prefix, unit_name;
    uint32_t unit_endpoint; /* PLX_NO_UNIT: no other monitor watches the same */
    uint32_t name;          /* text */
};
_Static_assert(sizeof(struct plx_fleet_monitor) == 48, "one for each monitor");
_Static_assert(PLX_JUDGE_VIEW_MAX < 1u << 11, "they are counted in 11 bits");

struct plx_fleet {
    struct plx_fleet_agent *agents;
    uint32_t n_agents; /* ids are below this; many may be unused */
    struct plx_fleet_monitor *monitors;
    uint32_t n_monitors;
    struct plx_unit *units;
    uint32_t n_units, cap_units;
    uint32_t *index; /* open addressing: unit number + 1; never full */
    uint32_t cap_index;
    struct plx_texts texts;     /* of units and monitors */
    struct plx_commons commons; /* watchers, terms */
    uint32_t agents_used;
    uint32_t agents_live; /* used, neither silent nor held to be at fault */
};

void plx_fleet_fini(struct plx_fleet *fleet);

/* Both replace what was known; the id is within range. Cells are the caller's business.
 */
void plx_fleet_set_agent(struct plx_fleet *fleet, const struct plx_judge_agent *agent);
void plx_fleet_set_monitor(struct plx_fleet *fleet,
                           const struct plx_judge_monitor *monitor);
void plx_fleet_drop_agent(struct plx_fleet *fleet, uint32_t id);
void plx_fleet_drop_monitor(struct plx_fleet *fleet, uint32_t id);

/* Says who watches the monitor (ascending, distinct): those that have its cells. */
void plx_fleet_watch(struct plx_fleet *fleet, uint32_t monitor, const uint32_t *agents,
                     uint32_t n);

/* NULL when unknown. */
struct plx_fleet_agent *plx_fleet_agent(const struct plx_fleet *fleet, uint32_t id);
struct plx_fleet_monitor *plx_fleet_monitor(const struct plx_fleet *fleet, uint32_t id);

/* "198.51.100.7" -> "198.51.100.0/24", "2001:db8:1::7" -> "2001:db8:1::/48".
 * Returns 0, or PLX_EINVAL for what is no numeric address (`ret` untouched). */
#define PLX_PREFIX_MAX 64
int plx_fleet_prefix(const char *address, char ret[PLX_PREFIX_MAX]);

/* Counts who is live, from the agents' flags. Before each solve. */
void plx_fleet_count_live(struct plx_fleet *fleet);

static inline bool plx_fleet_is_live(const struct plx_fleet_agent *agent)
{
    return agent->used && !agent->silent && !agent->faulty;
}

static inline const char *plx_fleet_text(const struct plx_fleet *fleet, uint32_t text)
{
    return plx_texts_get(&fleet->texts, text);
}

/* The host's text as declared; "" for none. */
const char *plx_fleet_host(const struct plx_fleet *fleet,
                           const struct plx_fleet_monitor *monitor);

/* How many of the unit's monitors the agent has a cell of, as a spare or not. */
uint32_t plx_fleet_agent_cells(const struct plx_fleet *fleet, uint32_t agent,
                               uint32_t unit);

/* One service: the same port of the same host, of which the same is expected. */
bool plx_fleet_is_same_service(const struct plx_fleet_monitor *a,
                               const struct plx_fleet_monitor *b);

/* How many distinct services are among the monitors that somebody watches. */
uint32_t plx_fleet_services(const struct plx_fleet *fleet, const uint32_t *monitors,
                            uint32_t n);

/* How many distinct hosts (units) the monitors of a unit have. Stops counting at 2. */
uint32_t plx_fleet_hosts(const struct plx_fleet *fleet, const struct plx_unit *unit);

#endif
