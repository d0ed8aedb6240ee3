#include "coordinator/core/court.h"

#include "base/text.h"
#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 32

struct docket {
    bool declared;
    bool known;              /* a verdict was recorded */
    bool paused;             /* as it was declared, like the next */
    uint64_t target;         /* what is probed, and what is expected of it */
    struct plx_wall watched; /* results of before are of another target; 0: all count */
    enum plx_judge_verdict verdict;
    struct plx_wall since;
    struct plx_addr address; /* what the judge was told; family 0: none */
    struct plx_sight *sights;
    size_t n_sights;
};

struct plx_court {
    const struct plx_roster *roster;
    const struct plx_catalog *catalog;
    const struct plx_shares *shares;
    struct plx_judge *judge;
    bool settling;
    bool recalled;            /* verdicts were, and the judge has not thought yet */
    bool finding;             /* faults that were there already are being found again */
    bool news;                /* since the last tick */
    struct plx_wall now;      /* as last heard */
    struct plx_wall replayed; /* when the last one was received */
    bool remembers;           /* something that was replayed is not forgotten */
    struct plx_wall settling_until;
    struct plx_wall finding_until;
    struct docket *dockets; /* by monitor slot */
    size_t n_dockets;
    struct plx_transition *transitions;
    size_t transitions_cap;
    char **texts; /* of the transitions lent last */
    size_t n_texts;
};

static void *resized(void *array, size_t n, size_t size)
{
    void *p = realloc(array, (n > 0 ? n : 1) * size);
    if (!p)
        abort();
    return p;
}

struct plx_court *plx_court_new(const struct plx_roster *roster,
                                const struct plx_catalog *catalog,
                                const struct plx_shares *shares)
{
    struct plx_court *court = calloc(1, sizeof *court);
    if (!court)
        abort();
    court->roster = roster;
    court->catalog = catalog;
    court->shares = shares;
    court->judge = plx_judge_new(NULL);
    return court;
}

static void free_texts(struct plx_court *court)
{
    for (size_t i = 0; i < court->n_texts; i++)
        free(court->texts[i]);
    court->n_texts = 0;
}

static void free_sights(struct docket *docket)
{
    for (size_t i = 0; i < docket->n_sights; i++)
        plx_sight_fini(&docket->sights[i]);
    free(docket->sights);
}

void plx_court_destroy(struct plx_court **court)
{
    struct plx_court *c = *court;
    if (!c)
        return;
    plx_judge_destroy(&c->judge);
    for (size_t i = 0; i < c->n_dockets; i++)
        free_sights(&c->dockets[i]);
    free(c->dockets);
    free_texts(c);
    free(c->texts);
    free(c->transitions);
    free(c);
    *court = NULL;
}

struct plx_judge *plx_court_judge(struct plx_court *court)
{
    return court->judge;
}

static struct docket *docket_of(struct plx_court *court, uint32_t slot)
{
    if (slot >= court->n_dockets) {
        size_t n = court->n_dockets ? 2 * court->n_dockets : 64;
        if (n <= slot)
            n = (size_t)slot + 1;
        court->dockets = resized(court->dockets, n, sizeof *court->dockets);
        memset(&court->dockets[court->n_dockets], 0,
               (n - court->n_dockets) * sizeof *court->dockets);
        court->n_dockets = n;
    }
    return &court->dockets[slot];
}

/* ---- declaring ---- */

void plx_court_set_agent(struct plx_court *court, uint32_t slot)
{
    const struct plx_agent *agent = plx_roster_at(court->roster, slot);
    const struct plx_judge_agent declared = {
        .id = slot,
        .name = agent->name,
        .region = agent->region,
        .provider = plx_agent_label(agent, "provider"),
        .asn = plx_agent_label(agent, "asn"),
    };
    plx_judge_set_agent(court->judge, &declared);
}

void plx_court_drop_agent(struct plx_court *court, uint32_t slot)
{
    plx_judge_drop_agent(court->judge, slot);
}

void plx_court_drop_monitor(struct plx_court *court, uint32_t slot)
{
    struct docket *docket = docket_of(court, slot);
    plx_judge_drop_monitor(court->judge, slot);
    free_sights(docket);
    *docket = (struct docket){0};
}

/* The slots of the monitors that this one depends on, as far as they exist. */
static size_t find_depended(const struct plx_court *court, const struct plx_monitor *m,
                            uint32_t slots[PLX_MONITOR_DEPENDS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_depends_on && n < PLX_MONITOR_DEPENDS_MAX; i++) {
        uint32_t slot = plx_catalog_by_name(court->catalog, m->depends_on[i]);
        if (slot != PLX_CATALOG_NONE)
            slots[n++] = slot;
    }
    return n;
}

/* Of what is probed and what is expected of it, not how often or by whom. */
static uint64_t target_of(const struct plx_monitor *m)
{
    struct plx_task task = plx_task_of(m);
    task.interval_ns = task.timeout_ns = 0;
    task.confirm = false;
    task.turn = 0;
    return plx_task_hash(&task);
}

/* What was seen of another target says nothing of this one, and of what is paused nothing
 * is said: both are looked at as if they were new. */
static void begin_anew(struct plx_court *court, uint32_t slot,
                       const struct plx_monitor *m)
{
    struct docket *docket = docket_of(court, slot);
    uint64_t target = target_of(m);
    bool other = docket->target != target, stops = m->paused && !docket->paused;
    if (docket->declared && (other || stops)) {
        plx_court_drop_monitor(court, slot);
        docket->watched = court->now;
    }
    docket->target = target;
    docket->paused = m->paused;
}

void plx_court_set_monitor(struct plx_court *court, uint32_t slot)
{
    const struct plx_monitor *m = plx_catalog_at(court->catalog, slot);
    struct docket *docket = docket_of(court, slot);
    struct plx_addr literal;
    begin_anew(court, slot, m);
    if (plx_addr_parse(m->host, &literal) == 0)
        docket->address = literal;
    char address[PLX_ADDR_TEXT_MAX];
    uint32_t depends_on[PLX_MONITOR_DEPENDS_MAX];
    struct plx_judge_monitor declared = {
        .id = slot,
        .name = m->name,
        .host = m->host,
        .address = plx_addr_format(&docket->address, address),
        .port = m->port,
        .interval_ns = m->interval_ns,
        .timeout_ns = m->timeout_ns,
        .expect = m->expect,
        .quorum = m->quorum,
        .min_coverage = (double)m->min_coverage_percent / 100,
        .depends_on = depends_on,
        .n_depends_on = find_depended(court, m, depends_on),
        .degraded_above_us = m->degraded_above_ns / PLX_US_NS,
    };
    declared.agents = plx_shares_agents(court->shares, slot, &declared.n_agents);
    docket->declared = plx_judge_set_monitor(court->judge, &declared) == 0;
}

/* ---- time ---- */

void plx_court_clock_set(struct plx_court *court, int64_t step_ns)
{
    plx_judge_clock_set(court->judge, step_ns);
    court->now = plx_wall_add(court->now, step_ns);
    court->settling_until = plx_wall_add(court->settling_until, step_ns);
    court->finding_until = plx_wall_add(court->finding_until, step_ns);
    for (uint32_t i = 0; i < court->n_dockets; i++) {
        court->dockets[i].since.ns += step_ns;
        if (court->dockets[i].watched.ns != 0)
            court->dockets[i].watched.ns += step_ns;
        for (size_t k = 0; k < court->dockets[i].n_sights; k++)
            court->dockets[i].sights[k].at.ns += step_ns;
    }
}

/* ---- hearing ---- */

void plx_court_heartbeat(struct plx_court *court, struct plx_wall now, uint32_t agent)
{
    plx_judge_heartbeat(court->judge, now, agent);
}

static struct plx_sight *sight_of(struct docket *docket, uint32_t agent)
{
    for (size_t i = 0; i < docket->n_sights; i++)
        if (docket->sights[i].agent == agent)
            return &docket->sights[i];
    return NULL;
}

/* Forgets what agents saw that no longer have the monitor, then makes room for one. */
static struct plx_sight *new_sight(struct plx_court *court, uint32_t monitor,
                                   struct docket *docket, uint32_t agent)
{
    size_t n = 0;
    for (size_t i = 0; i < docket->n_sights; i++)
        if (plx_shares_has(court->shares, docket->sights[i].agent, monitor))
            docket->sights[n++] = docket->sights[i];
        else
            plx_sight_fini(&docket->sights[i]);
    docket->sights = resized(docket->sights, n + 1, sizeof *docket->sights);
    docket->sights[n] = (struct plx_sight){.agent = agent};
    docket->n_sights = n + 1;
    return &docket->sights[n];
}

static size_t count_sights(const struct docket *docket, const struct plx_addr *address)
{
    size_t n = 0;
    for (size_t i = 0; i < docket->n_sights; i++)
        n += plx_addr_equal(&docket->sights[i].address, address);
    return n;
}

/* The address a name leads to is the one that most agents probed last. Another takes its
 * place when more agents probe that one: so that no single agent decides for the others,
 * and names that give each place another address do not flap. */
static bool learns_address(const struct docket *docket, const struct plx_addr *address)
{
    if (address->family == 0 || plx_addr_equal(address, &docket->address))
        return false;
    return docket->address.family == 0 ||
           count_sights(docket, address) > count_sights(docket, &docket->address);
}

bool plx_court_takes_spare(enum plx_probe_kind kind)
{
    return kind == PLX_PROBE_CONFIRM || kind == PLX_PROBE_RETRY;
}

static void see(struct plx_court *court, uint32_t monitor, struct plx_sight *sight,
                const struct plx_result *r, struct plx_wall at)
{
    struct docket *docket = docket_of(court, monitor);
    if (at.ns < sight->at.ns)
        return;
    plx_sight_take(sight, r, at);
    if (learns_address(docket, &r->address)) {
        docket->address = r->address;
        plx_court_set_monitor(court, monitor);
    }
}

/* Shown to the judge, as measured at the corrected time. */
static void put_before_judge(struct plx_court *court, struct plx_wall now,
                             struct plx_wall at, uint32_t agent, uint32_t monitor,
                             const struct plx_result *result)
{
    uint32_t resent = plx_result_resent_in_time(result);
    const struct plx_judge_result judged = {
        .now = now,
        .at = at,
        .monitor = monitor,
        .agent = agent,
        .outcome = result->outcome,
        .unreach = result->unreach,
        .kind =
            result->kind == PLX_PROBE_SCHEDULED ? PLX_JUDGE_SCHEDULED : PLX_JUDGE_CONFIRM,
        .rtt_us = result->rtt_us,
        .syn_retrans = (uint16_t)(resent > UINT16_MAX ? UINT16_MAX : resent),
        .half_up = result->detail == PLX_DETAIL_HALF_UP,
    };
    plx_judge_result(court->judge, &judged);
}

void plx_court_result(struct plx_court *court, struct plx_wall now, uint32_t agent,
                      uint32_t monitor, const struct plx_result *result)
{
    const struct plx_agent *who = plx_roster_at(court->roster, agent);
    bool spare = !plx_shares_has(court->shares, agent, monitor);
    if (spare && !plx_court_takes_spare(result->kind))
        return;
    struct plx_wall at = plx_roster_correct(who, result->started, now);
    court->now = now;
    if (at.ns < docket_of(court, monitor)->watched.ns)
        return;
    if (spare) {
        court->news = true;
        put_before_judge(court, now, at, agent, monitor, result);
        return;
    }
    struct docket *docket = docket_of(court, monitor);
    struct plx_sight *sight = sight_of(docket, agent);
    if (!sight)
        sight = new_sight(court, monitor, docket, agent);
    if (result->kind == PLX_PROBE_ADDRESS) {
        plx_sight_take_address(sight, result);
        return;
    }
    /* What it saw before stands until that is too old to count. */
    if (plx_result_is_held_back(result) && sight->outcome != PLX_OUTCOME_NONE)
        return;
    court->news |=
        result->kind != PLX_PROBE_SCHEDULED || result->outcome != sight->outcome;
    see(court, monitor, sight, result, at);
    put_before_judge(court, now, at, agent, monitor, result);
}

/* ---- replaying ---- */

/* So much may a clock be slewed between two commits. */
#define SET_BACK_NS PLX_SEC_NS

/* A new judge, who knows the fleet and has heard nothing. */
static void forget_views(struct plx_court *court)
{
    court->remembers = false;
    plx_judge_destroy(&court->judge);
    court->judge = plx_judge_new(NULL);
    for (uint32_t i = 0; i < plx_roster_count(court->roster); i++)
        if (!plx_roster_at(court->roster, i)->revoked)
            plx_court_set_agent(court, i);
    for (uint32_t i = 0; i < court->n_dockets; i++) {
        free_sights(&court->dockets[i]);
        court->dockets[i].sights = NULL;
        court->dockets[i].n_sights = 0;
        if (court->dockets[i].declared)
            plx_court_set_monitor(court, i);
    }
}

void plx_court_replay(struct plx_court *court, struct plx_wall now,
                      struct plx_wall received, uint32_t agent, uint32_t monitor,
                      const struct plx_result *result)
{
    bool set_back_before = received.ns < court->replayed.ns - SET_BACK_NS;
    bool set_back_since = received.ns > now.ns + SET_BACK_NS;
    if ((set_back_before || set_back_since) && court->remembers)
        forget_views(court);
    court->replayed = received;
    if (received.ns > now.ns)
        return;
    court->remembers = true;
    plx_court_result(court, received, agent, monitor, result);
}

/* ---- ruling ---- */

void plx_court_recall(struct plx_court *court, uint32_t monitor,
                      enum plx_judge_verdict verdict, struct plx_wall since)
{
    struct docket *docket = docket_of(court, monitor);
    if (docket->paused)
        return;
    docket->known = true;
    docket->verdict = verdict;
    docket->since = since;
    court->recalled = true;
}

void plx_court_settling_until(struct plx_court *court, struct plx_wall until)
{
    court->settling = true;
    court->settling_until = until;
}

static bool is_fault(enum plx_judge_verdict verdict)
{
    return verdict != PLX_JUDGE_UP && verdict != PLX_JUDGE_DEGRADED &&
           verdict != PLX_JUDGE_INCONCLUSIVE;
}

/* Whether the ruling may be only our own beginning: that agents are not back yet; or that
 * a fault which some locations do not see has to last before it is said, and was known
 * before the restart. */
static bool is_premature(const struct plx_court *court, const struct docket *docket,
                         enum plx_judge_verdict verdict)
{
    if (verdict == PLX_JUDGE_INCONCLUSIVE)
        return !docket->known || court->settling;
    return court->finding && docket->known && is_fault(docket->verdict) &&
           !is_fault(verdict);
}

/* Whether a ruling is news; notes it if so. */
static bool is_transition(struct plx_court *court, struct plx_wall now,
                          const struct plx_judge_ruling *ruling,
                          struct plx_transition *ret)
{
    struct docket *docket = docket_of(court, ruling->monitor);
    if (!docket->declared || (docket->known && docket->verdict == ruling->verdict))
        return false;
    if (is_premature(court, docket, ruling->verdict))
        return false;
    *ret = (struct plx_transition){
        .monitor = ruling->monitor,
        .had = docket->known,
        .was = docket->verdict,
        .ruling = *ruling,
    };
    docket->known = true;
    docket->verdict = ruling->verdict;
    docket->since = ruling->since.ns > 0 ? ruling->since : now;
    ret->ruling.since = docket->since;
    return true;
}

static void reserve(struct plx_court *court, size_t n)
{
    if (n <= court->transitions_cap)
        return;
    court->transitions_cap = 2 * n;
    court->transitions =
        resized(court->transitions, court->transitions_cap, sizeof *court->transitions);
}

/* What was held back as premature, and has stayed so, is said late. The judge lends
 * its texts for one call only, so they are copied. */
static size_t say_held_back(struct plx_court *court, struct plx_wall now)
{
    size_t n = 0;
    reserve(court, court->n_dockets);
    court->texts = resized(court->texts, court->n_dockets, sizeof *court->texts);
    for (uint32_t i = 0; i < court->n_dockets; i++) {
        struct plx_judge_ruling ruling;
        struct plx_transition *t = &court->transitions[n];
        if (!court->dockets[i].known || plx_judge_view(court->judge, i, &ruling) < 0 ||
            !is_transition(court, now, &ruling, t))
            continue;
        court->texts[n] = plx_text_dup(t->ruling.why);
        t->ruling.why = court->texts[n];
        t->ruling.faults = NULL;
        t->ruling.n_faults = 0;
        court->n_texts = ++n;
    }
    return n;
}

/* So long after its first tick a judge has found the faults that last. */
static int64_t finding_ns(void)
{
    struct plx_judge_policy policy;
    plx_judge_policy_default(&policy);
    return policy.settle_other_ns + 2 * PLX_SEC_NS;
}

/* Returns true if something that was premature no longer is. */
static bool mature(struct plx_court *court, struct plx_wall now)
{
    bool settled = court->settling && now.ns >= court->settling_until.ns;
    bool found = court->finding && now.ns >= court->finding_until.ns;
    court->settling &= !settled;
    court->finding &= !found;
    if (court->recalled) {
        court->finding = true;
        court->finding_until = plx_wall_add(now, finding_ns());
    }
    court->recalled = false;
    return settled || found;
}

bool plx_court_has_news(const struct plx_court *court)
{
    return court->news;
}

void plx_court_tick(struct plx_court *court, struct plx_wall now,
                    const struct plx_judge_output **ret_output,
                    const struct plx_transition **ret_transitions, size_t *ret_n)
{
    const struct plx_judge_output *output;
    size_t n = 0;
    court->news = false;
    court->now = now;
    free_texts(court);
    if (mature(court, now))
        n = say_held_back(court, now);
    plx_judge_tick(court->judge, now, &output);
    reserve(court, n + output->n_verdicts);
    for (size_t i = 0; i < output->n_verdicts; i++)
        n += is_transition(court, now, &output->verdicts[i], &court->transitions[n]);
    *ret_output = output;
    *ret_transitions = court->transitions;
    *ret_n = n;
}

struct plx_wall plx_court_since(const struct plx_court *court, uint32_t monitor,
                                const struct plx_judge_ruling *ruling)
{
    const struct docket *docket =
        monitor < court->n_dockets ? &court->dockets[monitor] : NULL;
    return docket && docket->known && docket->verdict == ruling->verdict ? docket->since
                                                                         : ruling->since;
}

bool plx_court_recorded(const struct plx_court *court, uint32_t monitor,
                        enum plx_judge_verdict *ret)
{
    if (monitor >= court->n_dockets || !court->dockets[monitor].known)
        return false;
    *ret = court->dockets[monitor].verdict;
    return true;
}

void plx_court_runs(struct plx_court *court, uint32_t monitor, uint32_t *ret_failures,
                    uint32_t *ret_successes)
{
    struct plx_judge_view view;
    uint32_t failures = 0, successes = 0;
    if (plx_judge_explain(court->judge, monitor, &view) < 0)
        return;
    for (size_t i = 0; i < view.n_cells; i++) {
        const struct plx_judge_cell *c = &view.cells[i];
        uint32_t *most = c->ok ? &successes : &failures;
        if (c->seen && !c->spare && c->n_run > *most)
            *most = c->n_run;
    }
    /* The judge counts so far and no further. */
    *ret_failures = failures == 255 ? UINT32_MAX : failures;
    *ret_successes = successes == 255 ? UINT32_MAX : successes;
}

const char *plx_court_word(struct plx_court *court, uint32_t monitor,
                           const struct plx_judge_ruling *ruling)
{
    const struct plx_monitor *m = plx_catalog_at(court->catalog, monitor);
    if (m && m->paused)
        return "paused";
    if (ruling->verdict == PLX_JUDGE_INCONCLUSIVE &&
        docket_of(court, monitor)->n_sights == 0)
        return "pending";
    return plx_judge_verdict_token(ruling->verdict);
}

char *plx_court_sentence(const struct plx_court *court,
                         const struct plx_judge_ruling *ruling)
{
    char failing[PLX_SIGHT_FAILING_MAX] = "", text[2 * PLX_SIGHT_FAILING_MAX];
    const char *why = ruling->why ? ruling->why : "";
    bool degraded = ruling->verdict == PLX_JUDGE_DEGRADED;
    if (degraded && ruling->monitor < court->n_dockets) {
        const struct docket *docket = &court->dockets[ruling->monitor];
        plx_sights_failing(docket->sights, docket->n_sights, failing);
    }
    if (failing[0] == '\0')
        return plx_text_dup(why);
    snprintf(text, sizeof text, "%.*s (%s)", (int)plx_text_cut(why, 500), why, failing);
    return plx_text_dup(text);
}

const struct plx_sight *plx_court_sight(const struct plx_court *court, uint32_t monitor,
                                        uint32_t agent)
{
    return monitor < court->n_dockets ? sight_of(&court->dockets[monitor], agent) : NULL;
}

struct plx_addr plx_court_address(const struct plx_court *court, uint32_t monitor)
{
    return monitor < court->n_dockets ? court->dockets[monitor].address
                                      : (struct plx_addr){0};
}
