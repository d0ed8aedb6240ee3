#include "audit.h"

#include "agent/io/spool.h"
#include "coordinator/io/alerts.h"
#include "fleet.h"
#include "ledger.h"
#include "letters.h"
#include "proto/session.h"
#include "sim.h"
#include "spool_disk.h"
#include "target.h"

#include <inttypes.h>
#include <string.h>

/* A lease is 15 s; ticks and what was under way take their time. */
#define DEAD_NS    (27 * PLX_SEC_NS)
#define ALIVE_NS   (10 * PLX_SEC_NS)
/* So long must the coordinator itself have been well: agents that it presumes to be there
 * after an absence have a longer lease. */
#define STEADY_NS  (PLX_SESSION_RETURN_NS + DEAD_NS)
/* How often all is looked at. */
#define LOOK_NS    (10 * PLX_SEC_NS)
#define ARRIVED_NS (3 * PLX_MIN_NS)
#define WELL_NS    (25 * PLX_MIN_NS)
/* The longest pause between two attempts of the notifier, and some for what waits behind.
 */
#define TOLD_NS    (10 * PLX_MIN_NS)

static int64_t looked_at;

#define UNTOLD_MAX 256
/* Whom to tell is looked at every other second, and no clock hides it for long. */
#define OWED_NS    PLX_MIN_NS

/* Announced incidents of which nobody has been told yet, by their numbers. */
static struct {
    uint64_t incident;
    uint32_t life;
    int64_t since;
} untold[UNTOLD_MAX];

void plx_audit_begin(void)
{
    looked_at = 0;
    memset(untold, 0, sizeof untold);
}

static bool is_present(const struct plx_agent *a)
{
    return a->alive && !a->stuck && !a->drained && !a->revoked;
}

static bool is_long_dead(uint32_t node)
{
    return plx_sim_now() - plx_sim_node(node)->heard_at > DEAD_NS;
}

static bool was_just_heard(uint32_t node)
{
    const struct plx_sim_node *n = plx_sim_node(node);
    return n->up && plx_sim_now() - n->heard_at < ALIVE_NS;
}

static bool coordinator_is_steady(void)
{
    const struct plx_sim_node *n = plx_sim_node(0);
    return plx_sim_now() - n->up_since > STEADY_NS &&
           plx_sim_now() - n->frozen_until > STEADY_NS;
}

/* Whether the location, or its part in one region, includes the agent: "all", "r0" or
 * "provider=p0", as the fleet draws them. */
static bool includes(const char *location, uint32_t region, uint32_t agent)
{
    uint32_t no = (uint32_t)(location[strlen(location) - 1] - '0');
    if (location[0] == 'a')
        return plx_fleet_region_of(agent) == region;
    return location[0] == 'r' ? plx_fleet_region_of(agent) == no
                              : plx_fleet_provider_of(agent) == no;
}

static bool is_chosen(const uint32_t *chosen, size_t n, uint32_t slot)
{
    for (size_t i = 0; i < n; i++)
        if (chosen[i] == slot)
            return true;
    return false;
}

struct tally {
    uint32_t present, seated_present, alive, seated_alive, seated_dead;
};

static void audit_seats(const struct plx_desk *desk, uint32_t slot, const char *location,
                        uint32_t region)
{
    const struct plx_monitor *m = plx_catalog_at(desk->catalog, slot);
    struct tally t = {0};
    size_t n;
    const uint32_t *chosen = plx_shares_agents(desk->shares, slot, &n);
    for (uint32_t s = 0; s < plx_roster_count(desk->roster); s++) {
        const struct plx_agent *a = plx_roster_at(desk->roster, s);
        uint32_t node = (uint32_t)a->id;
        if (!includes(location, region, node))
            continue;
        bool seated = is_chosen(chosen, n, s), present = is_present(a);
        bool alive = present && was_just_heard(node);
        t.present += present;
        t.seated_present += seated && present;
        t.alive += alive;
        t.seated_alive += seated && alive;
        t.seated_dead += seated && is_long_dead(node);
    }
    uint32_t wanted = m->agents_per_location;
    if (t.seated_present < (t.present < wanted ? t.present : wanted))
        plx_sim_violation("%s: %u of %u agents that are present in %s (region %u) probe "
                          "it, %u are wanted",
                          m->name, t.seated_present, t.present, location, region, wanted);
    if (coordinator_is_steady() && t.seated_dead > 0 && t.seated_alive < wanted &&
        t.seated_alive < t.alive)
        plx_sim_violation("%s: a dead agent holds a seat in %s (region %u), and %u live "
                          "ones have none",
                          m->name, location, region, t.alive - t.seated_alive);
}

static void audit_assignment(const struct plx_desk *desk)
{
    for (uint32_t slot = 0; slot < plx_catalog_end(desk->catalog); slot++) {
        const struct plx_monitor *m = plx_catalog_at(desk->catalog, slot);
        for (size_t l = 0; m && l < m->n_locations; l++) {
            bool all = strcmp(m->locations[l], "all") == 0;
            for (uint32_t r = 0; r < (all ? plx_fleet_regions() : 1); r++)
                audit_seats(desk, slot, m->locations[l], r);
        }
    }
}

/* ---- who is owed a notice ---- */

/* How long after the announcement somebody has to be told; INT64_MAX: nobody has. */
static int64_t owed_after_ns(const struct plx_desk *desk,
                             const struct plx_incident *incident)
{
    struct plx_notice_target targets[PLX_NOTICE_TARGETS_MAX];
    int64_t least_ns = INT64_MAX;
    if (incident->announced.ns == 0 || incident->state != PLX_INCIDENT_OPEN ||
        incident->n_told > 0)
        return INT64_MAX;
    size_t n = plx_notice_targets(&plx_alerts_rules(desk->alerts)->notice, desk->catalog,
                                  incident, targets);
    for (size_t i = 0; i < n; i++)
        if (!targets[i].escalation && targets[i].after_ns < least_ns)
            least_ns = targets[i].after_ns;
    return least_ns;
}

static void audit_untold(const struct plx_desk *desk, const struct plx_incident *incident)
{
    size_t at = incident->id % UNTOLD_MAX;
    const struct plx_sim_node *node = plx_sim_node(0);
    int64_t after_ns = owed_after_ns(desk, incident);
    bool known = untold[at].incident == incident->id && untold[at].life == node->life;
    if (after_ns == INT64_MAX) {
        untold[at].incident = 0;
    } else if (!known) {
        untold[at].incident = incident->id;
        untold[at].life = node->life;
        untold[at].since = plx_sim_now();
    } else if (plx_sim_now() - untold[at].since > after_ns + OWED_NS &&
               plx_sim_now() - node->frozen_until > after_ns + OWED_NS) {
        plx_sim_violation("incident %" PRIu64 " (%s %s) is announced for %" PRId64
                          " s, and nobody is told",
                          incident->id, plx_incident_kind_token(incident->kind),
                          incident->entity,
                          (plx_sim_now() - untold[at].since) / PLX_SEC_NS);
    }
}

static void audit_notices(const struct plx_desk *desk)
{
    const struct plx_incidents *incidents = plx_alerts_incidents(desk->alerts);
    for (size_t i = 0; i < plx_incidents_count(incidents); i++)
        audit_untold(desk, plx_incidents_at(incidents, i));
}

/* ---- at the end ---- */

static void audit_agent(const struct plx_desk *desk, uint32_t slot)
{
    const struct plx_agent *a = plx_roster_at(desk->roster, slot);
    const struct plx_share share = plx_shares_of(desk->shares, slot);
    if (plx_roster_presence(a) != PLX_PRESENCE_LIVE || a->session == 0 || a->stuck)
        plx_sim_violation("%s is not back: %s%s%s", a->name,
                          plx_presence_token(plx_roster_presence(a)),
                          a->session ? "" : ", no session", a->stuck ? ", stuck" : "");
    if (share.owed || share.generation != a->vitals.generation)
        plx_sim_violation("%s holds assignment %" PRIu64 " and should hold %" PRIu64,
                          a->name, a->vitals.generation, share.generation);
}

/* That a path's loss is over is known after so many answers (judge_quality). Monitors
 * that are probed more seldom may still be said to be degraded: the world does not go on
 * for long enough after its last fault. */
#define LOSS_ANSWERS 25

static bool is_settled(const struct plx_monitor *m, enum plx_judge_verdict verdict)
{
    return verdict == PLX_JUDGE_UP ||
           (verdict == PLX_JUDGE_DEGRADED && m->interval_ns * LOSS_ANSWERS > WELL_NS);
}

static void audit_verdict(const struct plx_desk *desk, uint32_t slot)
{
    const struct plx_monitor *m = plx_catalog_at(desk->catalog, slot);
    struct plx_judge_ruling ruling;
    size_t n;
    plx_shares_agents(desk->shares, slot, &n);
    if (n == 0 || !plx_target_was_well(m->id, WELL_NS))
        return;
    if (plx_judge_view(plx_court_judge(desk->court), slot, &ruling) < 0)
        plx_sim_violation("%s is not before the judge", m->name);
    else if (!is_settled(m, ruling.verdict))
        plx_sim_violation("%s is well and said to be %s: %s", m->name,
                          plx_judge_verdict_token(ruling.verdict), ruling.why);
}

/* Whether one of those it affects is still said to be unwell; see is_settled. */
static bool affects_anyone(const struct plx_desk *desk,
                           const struct plx_incident *incident)
{
    struct plx_judge_ruling ruling;
    for (size_t i = 0; i < incident->n_members; i++) {
        const struct plx_incident_member *m = &incident->members[i];
        if (m->left.ns == 0 && m->slot != PLX_CATALOG_NONE &&
            plx_judge_view(plx_court_judge(desk->court), m->slot, &ruling) == 0 &&
            ruling.verdict != PLX_JUDGE_UP)
            return true;
    }
    return false;
}

/* Whoever was told of a beginning was told of the end. */
static void audit_incidents(const struct plx_desk *desk)
{
    const struct plx_incidents *incidents = plx_alerts_incidents(desk->alerts);
    for (size_t i = 0; i < plx_incidents_count(incidents); i++) {
        const struct plx_incident *incident = plx_incidents_at(incidents, i);
        if (incident->state != PLX_INCIDENT_CLOSED && !affects_anyone(desk, incident))
            plx_sim_violation("incident %" PRIu64 " (%s %s) is %s, and all is well: %s",
                              incident->id, plx_incident_kind_token(incident->kind),
                              incident->entity, plx_incident_state_token(incident->state),
                              incident->sentence);
    }
}

/* What was given to a spool is numbered, as a result or as a gap, or still waits. */
static void audit_spool(uint32_t agent)
{
    const struct plx_sim_node *node = plx_sim_node(agent);
    struct plx_spool_stats stats;
    if (!node->spool)
        return;
    plx_spool_stats(node->spool, &stats);
    uint64_t waiting = stats.rows - plx_sim_spool_rows(agent);
    if (node->n_put != node->n_taken + waiting)
        plx_sim_violation("lost before the disk: %s put %" PRIu64
                          " into its spool, %" PRIu64 " were numbered and %" PRIu64
                          " wait",
                          node->name, node->n_put, node->n_taken, waiting);
}

void plx_audit_rounds(const struct plx_desk *desk)
{
    int64_t now = plx_sim_now();
    if (now - looked_at < LOOK_NS)
        return;
    looked_at = now;
    audit_assignment(desk);
    if (desk->alerts)
        audit_notices(desk);
}

void plx_audit_end(void)
{
    const struct plx_desk *desk = plx_fleet_desk();
    if (!desk) {
        plx_sim_violation("the coordinator is not back");
        return;
    }
    for (uint32_t s = 0; s < plx_roster_count(desk->roster); s++)
        audit_agent(desk, s);
    for (uint32_t i = 1; i <= plx_fleet_agents(); i++)
        audit_spool(i);
    if (desk->alerts)
        audit_incidents(desk);
    plx_ledger_check_delivered(plx_sim_now() - ARRIVED_NS);
    plx_letters_check_delivered(plx_sim_now() - TOLD_NS);
    for (uint32_t slot = 0; slot < plx_catalog_end(desk->catalog); slot++)
        if (plx_catalog_at(desk->catalog, slot))
            audit_verdict(desk, slot);
}
