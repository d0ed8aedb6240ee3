/* What can break: the scopes that contain a (monitor, agent) cell. */
#ifndef PLX_CORE_JUDGE_SCOPE_H
#define PLX_CORE_JUDGE_SCOPE_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_fleet.h"

struct plx_fail;

enum plx_scope_type {
    PLX_SCOPE_SERVICE,  /* x: monitor */
    PLX_SCOPE_HOST,     /* x: unit, for this and all that follow down to the filters */
    PLX_SCOPE_ENDPOINT, /* one service that several monitors watch */
    PLX_SCOPE_SERVICES, /* the services of a host, which itself answers */
    PLX_SCOPE_PREFIX,
    PLX_SCOPE_NEIGHBOURS, /* the services of a prefix whose hosts answer */
    PLX_SCOPE_GROUP,
    PLX_SCOPE_NAME,
    PLX_SCOPE_AGENT_HOST, /* y: agent */
    PLX_SCOPE_AGENT_PREFIX,
    PLX_SCOPE_REGION_PREFIX, /* y: unit */
    PLX_SCOPE_PROVIDER_PREFIX,
    PLX_SCOPE_ASN_PREFIX,
    PLX_SCOPE_FILTER_MONITOR, /* x: monitor; the subset of agents is found, not named */
    PLX_SCOPE_FILTER_HOST,
    PLX_SCOPE_FILTER_PREFIX,
    PLX_SCOPE_AGENT,  /* y: agent */
    PLX_SCOPE_REGION, /* y: unit */
    PLX_SCOPE_PROVIDER,
    PLX_SCOPE_ASN,
    PLX_SCOPE_SITE,
    PLX_SCOPE_COUNT_,
};

struct plx_scope {
    enum plx_scope_type type;
    uint32_t x, y; /* UINT32_MAX where there is none */
};

/* One cell is in at most so many scopes (groups and sites included). */
#define PLX_SCOPES_OF_CELL (19u + 2u * PLX_JUDGE_GROUP_MAX)

static inline uint64_t plx_scope_key(struct plx_scope s)
{
    return (uint64_t)s.type << 56 | (uint64_t)(s.x & 0xfffffffu) << 28 |
           (s.y & 0xfffffffu);
}

/* Scopes of a cell that may be worth listing. */
enum plx_worth {
    PLX_WORTH_HOST = 1 << 0, /* its host, and all that is within it */
    PLX_WORTH_NAME = 1 << 1,
    PLX_WORTH_GROUPS = 1 << 2,
    PLX_WORTH_PREFIX = 1 << 3,
    PLX_WORTH_FILTER_PREFIX = 1 << 4,
    PLX_WORTH_AGENT_PREFIX = 1 << 5,
    PLX_WORTH_REGION_PREFIX = 1 << 6,
    PLX_WORTH_PROVIDER_PREFIX = 1 << 7,
    PLX_WORTH_ASN_PREFIX = 1 << 8,
    PLX_WORTH_ALL_PREFIX = 0x1f8,
    PLX_WORTH_AGENT = 1 << 9, /* ours, from here on */
    PLX_WORTH_REGION = 1 << 10,
    PLX_WORTH_PROVIDER = 1 << 11,
    PLX_WORTH_ASN = 1 << 12,
    PLX_WORTH_SITES = 1 << 13,
    PLX_WORTH_OURS = 0x3e00,
};

/* Static facts about a scope type. */
struct plx_scope_kind {
    enum plx_judge_class class;
    bool server;  /* the target's side: may page */
    bool vantage; /* ours */
    bool filter;
    bool silence; /* it makes silent or unreachable: what answers, if only to refuse, is
                     not in it */
};

const struct plx_scope_kind *plx_scope_kind(enum plx_scope_type type);

/* Within one host: listed where PLX_WORTH_HOST is. */
static inline bool plx_scope_is_of_host(enum plx_scope_type type)
{
    return type == PLX_SCOPE_SERVICE || type == PLX_SCOPE_HOST ||
           type == PLX_SCOPE_ENDPOINT || type == PLX_SCOPE_SERVICES ||
           type == PLX_SCOPE_AGENT_HOST || type == PLX_SCOPE_FILTER_MONITOR ||
           type == PLX_SCOPE_FILTER_HOST;
}

/* The scopes of a cell that can be told apart: a prefix with one host is that host, a
 * region with one agent is that agent, a region with all agents is everybody. Of places
 * on the target's side and ways there, only those that are `worth` it (enum plx_worth).
 */
uint32_t plx_scope_of_cell(const struct plx_fleet *fleet, const struct plx_fail *fail,
                           unsigned worth, uint32_t without,
                           struct plx_scope ret[PLX_SCOPES_OF_CELL]);

/* The vantage scopes of an agent. */
uint32_t plx_scope_of_agent(const struct plx_fleet *fleet, uint32_t agent,
                            struct plx_scope ret[PLX_SCOPES_OF_CELL]);

/* The monitors a scope is about: lent; for a vantage scope none (all of them). */
void plx_scope_monitors(const struct plx_fleet *fleet, const struct plx_scope *scope,
                        const uint32_t **ret_ids, uint32_t *ret_n);
/* The agents a scope is about: lent; none where it is about all of them. */
void plx_scope_agents(const struct plx_fleet *fleet, const struct plx_scope *scope,
                      const uint32_t **ret_ids, uint32_t *ret_n);

bool plx_scope_has_agent(const struct plx_fleet *fleet, const struct plx_scope *scope,
                         uint32_t agent);
bool plx_scope_has_monitor(const struct plx_fleet *fleet, const struct plx_scope *scope,
                           uint32_t monitor);

/* True when both are about the very same cells (a host with one monitor and that
 * monitor): evidence of place cannot tell them apart, only kinds can. */
bool plx_scope_same_cells(const struct plx_fleet *fleet, const struct plx_scope *a,
                          const struct plx_scope *b);

/* "m7", "198.51.7.10", "a3>198.51.7.0/24", … into `ret`. */
void plx_scope_entity(const struct plx_fleet *fleet, const struct plx_scope *scope,
                      char *ret, size_t size);

#endif
