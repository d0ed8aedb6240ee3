#include "coordinator/io/api_view.h"

#include "base/err.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first of the monitor's locations that the agent serves. */
static const char *location_of(const struct plx_monitor *m, const struct plx_agent *agent)
{
    const struct plx_candidate candidate = {
        .region = agent->region,
        .labels = agent->labels,
        .n_labels = agent->n_labels,
    };
    for (size_t i = 0; i < m->n_locations; i++)
        if (plx_assign_matches(m->locations[i], &candidate))
            return m->locations[i];
    return agent->region;
}

/* Each address of the last run over all of a name's; null where one is probed. */
static void write_addresses(struct plx_json *j, const struct plx_sight *sight)
{
    size_t n;
    const struct plx_sight_address *list = plx_sight_addresses(sight, &n);
    plx_json_key(j, "addresses");
    if (n == 0) {
        plx_json_null(j);
        return;
    }
    plx_json_array(j);
    for (size_t i = 0; i < n; i++) {
        const struct plx_sight_address *a = &list[i];
        plx_json_object(j);
        plx_api_write_probe(j, a->outcome, a->unreach, a->detail, a->rtt_us, &a->address,
                            &a->icmp_from);
        plx_json_end(j);
    }
    plx_json_end(j);
}

static void write_seen(struct plx_json *j, const struct plx_judge_cell *cell,
                       const struct plx_sight *sight, struct plx_wall now)
{
    double age_s = (double)plx_wall_diff(now, sight->at) / (double)PLX_SEC_NS;
    plx_api_write_probe(j, sight->outcome, cell->unreach, sight->detail, sight->rtt_us,
                        &sight->address, &sight->icmp_from);
    plx_json_kuint(j, "syn_retrans", sight->syn_retrans);
    plx_json_kstr(j, "excerpt", sight->excerpt);
    write_addresses(j, sight);
    plx_json_knum(j, "age_s", age_s < 0 ? 0 : age_s, 1);
    plx_json_kwall(j, "at", sight->at);
    plx_json_kuint(j, "run", cell->n_run);
    plx_json_kwall(j, "run_since", cell->run_since);
}

static void write_unseen(struct plx_json *j)
{
    static const char *const keys[] = {
        "outcome",   "unreach",     "detail",   "latency_ms", "address",
        "icmp_from", "syn_retrans", "excerpt",  "addresses",  "age_s",
        "at",        "run",         "run_since"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        plx_json_key(j, keys[i]);
        plx_json_null(j);
    }
}

/* How well the path does: "degraded" is null, "loss" or "latency". */
static void write_quality(struct plx_json *j, const struct plx_judge_cell *cell)
{
    plx_json_kstr(j, "degraded", cell->lossy ? "loss" : cell->slow ? "latency" : NULL);
    plx_json_key(j, "loss");
    plx_json_object(j);
    plx_json_knum(j, "estimate", cell->loss, 4);
    plx_json_knum(j, "low", cell->loss_low, 4);
    plx_json_knum(j, "high", cell->loss_high, 4);
    plx_json_end(j);
}

static void write_cell(struct plx_desk *desk, uint32_t monitor,
                       const struct plx_judge_cell *cell, struct plx_wall now,
                       struct plx_json *j)
{
    const struct plx_agent *agent = plx_roster_at(desk->roster, cell->agent);
    const struct plx_sight *sight = plx_court_sight(desk->court, monitor, cell->agent);
    char id[PLX_FAULT_ID_MAX];
    if (!agent)
        return;
    plx_json_object(j);
    plx_json_kstr(j, "location",
                  location_of(plx_catalog_at(desk->catalog, monitor), agent));
    plx_json_kstr(j, "region", agent->region);
    plx_json_kstr(j, "agent", agent->name);
    plx_json_kstr(j, "agent_state", plx_presence_token(plx_roster_presence(agent)));
    if (sight)
        write_seen(j, cell, sight, now);
    else
        write_unseen(j);
    write_quality(j, cell);
    plx_json_kbool(j, "ok", cell->seen && cell->ok);
    plx_json_kstr(j, "belief", plx_judge_reason_token(cell->reason));
    plx_json_kstr(j, "belief_text", plx_judge_reason_text(cell->reason));
    plx_json_kstr(j, "fault", cell->fault ? plx_fault_id(cell->fault, id) : NULL);
    plx_json_end(j);
}

static void write_spare(struct plx_desk *desk, const struct plx_judge_cell *cell,
                        struct plx_wall now, struct plx_json *j)
{
    const struct plx_agent *agent = plx_roster_at(desk->roster, cell->agent);
    double age_s = (double)plx_wall_diff(now, cell->at) / (double)PLX_SEC_NS;
    char id[PLX_FAULT_ID_MAX];
    if (!agent)
        return;
    plx_json_object(j);
    plx_json_kstr(j, "agent", agent->name);
    plx_json_kstr(j, "region", agent->region);
    plx_json_kstr(j, "provider", plx_agent_label(agent, "provider"));
    plx_json_kstr(j, "outcome", plx_outcome_token(cell->outcome));
    plx_json_kbool(j, "ok", cell->ok);
    plx_json_key(j, "latency_ms");
    if (cell->rtt_us > 0)
        plx_json_num(j, (double)cell->rtt_us / 1000, 3);
    else
        plx_json_null(j);
    plx_json_knum(j, "age_s", age_s < 0 ? 0 : age_s, 1);
    plx_json_kwall(j, "at", cell->at);
    plx_json_kstr(j, "belief", plx_judge_reason_token(cell->reason));
    plx_json_kstr(j, "belief_text", plx_judge_reason_text(cell->reason));
    plx_json_kstr(j, "fault", cell->fault ? plx_fault_id(cell->fault, id) : NULL);
    plx_json_end(j);
}

void plx_api_write_spares(struct plx_desk *desk, const struct plx_judge_view *view,
                          struct plx_wall now, struct plx_json *j)
{
    plx_json_key(j, "spares");
    plx_json_array(j);
    for (size_t i = 0; i < view->n_cells; i++)
        if (view->cells[i].spare && view->cells[i].seen)
            write_spare(desk, &view->cells[i], now, j);
    plx_json_end(j);
}

static bool is_served(struct plx_desk *desk, uint32_t monitor, const char *location)
{
    size_t n;
    const uint32_t *agents = plx_shares_agents(desk->shares, monitor, &n);
    for (size_t i = 0; i < n; i++) {
        const struct plx_agent *agent = plx_roster_at(desk->roster, agents[i]);
        const struct plx_candidate candidate = {
            .region = agent->region,
            .labels = agent->labels,
            .n_labels = agent->n_labels,
        };
        if (plx_assign_matches(location, &candidate))
            return true;
    }
    return false;
}

/* Locations that no agent serves are shown, not left out. */
static void write_unserved(struct plx_desk *desk, uint32_t monitor, struct plx_json *j)
{
    const struct plx_monitor *m = plx_catalog_at(desk->catalog, monitor);
    for (size_t i = 0; i < m->n_locations && !m->paused; i++) {
        if (is_served(desk, monitor, m->locations[i]))
            continue;
        plx_json_object(j);
        plx_json_kstr(j, "location", m->locations[i]);
        plx_json_kstr(j, "region", NULL);
        plx_json_kstr(j, "agent", NULL);
        plx_json_kstr(j, "agent_state", NULL);
        write_unseen(j);
        plx_json_kstr(j, "degraded", NULL);
        plx_json_key(j, "loss");
        plx_json_null(j);
        plx_json_kbool(j, "ok", false);
        plx_json_kstr(j, "belief", "no_agent");
        plx_json_kstr(j, "belief_text", "no agent serves this location");
        plx_json_kstr(j, "fault", NULL);
        plx_json_end(j);
    }
}

void plx_api_write_sentence(struct plx_desk *desk, const char *word,
                            const struct plx_judge_view *view, struct plx_json *j)
{
    const char *text = view->n_cells > 0 ? "waiting for the first results"
                                         : "no agent serves its locations";
    char *said = NULL;
    if (strcmp(word, "paused") == 0)
        text = "paused: not probed";
    else if (strcmp(word, "pending") != 0)
        text = said = plx_court_sentence(desk->court, &view->ruling);
    plx_json_kstr(j, "sentence", text);
    free(said);
}

static void write_ruling(struct plx_desk *desk, uint32_t slot, const char *word,
                         const struct plx_judge_view *view,
                         const struct plx_fault_heads *heads, struct plx_json *j)
{
    const struct plx_judge_ruling *ruling = &view->ruling;
    char id[PLX_FAULT_ID_MAX];
    plx_json_kstr(j, "verdict", word);
    plx_json_kstr(j, "scope", plx_fault_scope(heads, ruling));
    plx_json_knum(j, "confidence", ruling->confidence, 4);
    plx_json_key(j, "coverage");
    plx_json_object(j);
    plx_json_kuint(j, "fresh", ruling->fresh);
    plx_json_kuint(j, "assigned", ruling->assigned);
    plx_json_end(j);
    plx_json_kwall(j, "since", plx_court_since(desk->court, slot, ruling));
    plx_api_write_sentence(desk, word, view, j);
    plx_json_key(j, "faults");
    plx_json_array(j);
    for (size_t i = 0; i < ruling->n_faults; i++)
        plx_json_str(j, plx_fault_id(ruling->faults[i], id));
    plx_json_end(j);
}

const char *plx_api_write_view(struct plx_desk *desk, uint32_t slot,
                               const struct plx_judge_view *view,
                               const struct plx_fault_heads *heads, bool with_locations,
                               struct plx_wall now, struct plx_json *j)
{
    const struct plx_monitor *m = plx_catalog_at(desk->catalog, slot);
    const char *word = plx_court_word(desk->court, slot, &view->ruling);
    plx_json_kstr(j, "name", m->name);
    plx_json_kstr(j, "host", m->host);
    plx_json_kuint(j, "port", m->port);
    plx_api_write_labels(m->labels, m->n_labels, j);
    write_ruling(desk, slot, word, view, heads, j);
    if (!with_locations)
        return word;
    plx_json_key(j, "locations");
    plx_json_array(j);
    for (size_t i = 0; i < view->n_cells; i++)
        if (!view->cells[i].spare)
            write_cell(desk, slot, &view->cells[i], now, j);
    write_unserved(desk, slot, j);
    plx_json_end(j);
    return word;
}

/* ---- faults ---- */

static void write_members(struct plx_desk *desk, const struct plx_judge_fault *fault,
                          struct plx_json *j)
{
    plx_json_key(j, "agents");
    plx_json_array(j);
    for (size_t i = 0; i < fault->n_agents; i++) {
        const struct plx_agent *agent = plx_roster_at(desk->roster, fault->agents[i]);
        if (agent)
            plx_json_str(j, agent->name);
    }
    plx_json_end(j);
    plx_json_key(j, "monitors");
    plx_json_array(j);
    for (size_t i = 0; i < fault->n_monitors; i++) {
        const struct plx_monitor *m = plx_catalog_at(desk->catalog, fault->monitors[i]);
        if (m)
            plx_json_str(j, m->name);
    }
    plx_json_end(j);
}

static void write_fault(struct plx_desk *desk, const struct plx_judge_fault *fault,
                        struct plx_json *j)
{
    char id[PLX_FAULT_ID_MAX];
    plx_json_object(j);
    plx_json_kstr(j, "id", plx_fault_id(fault->id, id));
    plx_json_kstr(j, "class", plx_judge_class_token(fault->class));
    plx_json_kstr(j, "entity", fault->entity);
    plx_json_kwall(j, "since", fault->onset);
    plx_json_knum(j, "confidence", fault->confidence, 4);
    plx_json_knum(j, "margin", fault->margin, 2);
    plx_json_kbool(j, "page", fault->page);
    plx_json_kbool(j, "by_quorum", fault->by_quorum);
    write_members(desk, fault, j);
    plx_json_kstr(j, "sentence", fault->why);
    plx_json_end(j);
}

static bool among(uint64_t id, const uint64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

void plx_api_write_faults(struct plx_desk *desk, const uint64_t *only, size_t n_only,
                          bool all, struct plx_json *j)
{
    const struct plx_judge_fault *faults;
    size_t n;
    plx_judge_faults(plx_court_judge(desk->court), &faults, &n);
    plx_json_array(j);
    for (size_t i = 0; i < n; i++)
        if (all || among(faults[i].id, only, n_only))
            write_fault(desk, &faults[i], j);
    plx_json_end(j);
}
