#include "judge_world.h"

#include "base/rng.h"

#include <stdio.h>
#include <string.h>

static const char *const regions[JUDGE_AGENTS] = {"eu", "eu", "us", "us", "ap", "ap"};
static const char *const providers[JUDGE_AGENTS] = {"p", "q", "q", "p", "p", "q"};
static const char *const addresses[JUDGE_MONITORS] = {
    "192.0.2.1",    "192.0.2.1",    "192.0.2.1",   "192.0.2.2",
    "198.51.100.1", "198.51.100.2", "203.0.113.1", "203.0.113.2"};

void judge_declare(struct judge_world *w, uint32_t n_agents)
{
    static const char *const names[] = {"a0", "a1", "a2", "a3", "a4", "a5"};
    static const char *const mons[] = {"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"};
    uint32_t ids[JUDGE_AGENTS];
    w->judge = plx_judge_new(NULL);
    for (uint32_t a = 0; a < n_agents; a++) {
        ids[a] = a;
        assert_int_equal(
            plx_judge_set_agent(w->judge,
                                &(struct plx_judge_agent){.id = a,
                                                          .name = names[a],
                                                          .region = regions[a],
                                                          .provider = providers[a]}),
            0);
    }
    for (uint32_t m = 0; m < JUDGE_MONITORS; m++) {
        struct plx_judge_monitor mon = {.id = m,
                                        .name = mons[m],
                                        .host = addresses[m],
                                        .address = addresses[m],
                                        .port = (uint16_t)(80 + m),
                                        .interval_ns = 60 * PLX_SEC_NS,
                                        .timeout_ns = 5 * PLX_SEC_NS,
                                        .agents = ids,
                                        .n_agents = n_agents};
        if (m == 1)
            mon.quorum = w->quorum;
        assert_int_equal(plx_judge_set_monitor(w->judge, &mon), 0);
    }
}

void judge_move(struct judge_world *w, uint32_t first, const char *const *hosts,
                uint32_t n_hosts, uint32_t n_agents)
{
    const uint32_t agents[JUDGE_AGENTS] = {0, 1, 2, 3, 4, 5};
    for (uint32_t i = 0; i < n_hosts; i++) {
        const struct plx_judge_monitor m = {.id = first + i,
                                            .name = hosts[i],
                                            .host = hosts[i],
                                            .address = hosts[i],
                                            .port = 80,
                                            .interval_ns = PLX_MIN_NS,
                                            .timeout_ns = 5 * PLX_SEC_NS,
                                            .agents = agents,
                                            .n_agents = n_agents};
        assert_int_equal(plx_judge_set_monitor(w->judge, &m), 0);
    }
}

void judge_see(struct judge_world *w, uint32_t m, uint32_t a, double t, bool extra)
{
    bool bad = w->fails[m][a] && t >= w->start && t < w->end;
    enum plx_outcome outcome = bad ? w->outcome : PLX_OUTCOME_OPEN;
    if (w->sees != NULL) {
        outcome = w->sees(m, a, t, extra);
        bad = outcome != PLX_OUTCOME_OPEN;
    }
    struct plx_judge_result r = {.now = judge_wall(t + 0.2),
                                 .at = judge_wall(t),
                                 .monitor = m,
                                 .agent = a,
                                 .outcome = outcome,
                                 .kind = extra ? PLX_JUDGE_CONFIRM : PLX_JUDGE_SCHEDULED,
                                 .half_up = bad && outcome == PLX_OUTCOME_OPEN,
                                 .rtt_us = bad ? 0 : 20000};
    assert_int_equal(plx_judge_result(w->judge, &r), 0);
}

void judge_hear(struct judge_world *w, const struct plx_judge_output *out, double t)
{
    for (size_t i = 0; i < out->n_faults; i++) {
        const struct plx_judge_fault *f = &out->faults[i];
        assert_in_range(f->id, 1, 31);
        w->n_faults = f->id > w->n_faults ? f->id : w->n_faults;
        assert_false(w->faults[f->id].closed); /* a fault closes once, then is silent */
        w->faults[f->id].class = f->class;
        w->faults[f->id].closed = f->change == PLX_JUDGE_CLOSED;
        assert_true(f->change != PLX_JUDGE_CLOSED || /* not of the views of now */
                    strstr(f->why, ": over, it lasted from ") ||
                    strstr(f->why, ": given up, ") ||
                    strstr(f->why, " is no longer watched"));
        w->faults[f->id].n_closed += f->change == PLX_JUDGE_CLOSED;
        w->faults[f->id].page = f->page;
        w->faults[f->id].by_quorum = f->by_quorum;
        if (f->change == PLX_JUDGE_OPENED)
            w->faults[f->id].at = t;
        snprintf(w->faults[f->id].entity, sizeof w->faults[0].entity, "%s", f->entity);
        assert_true(f->confidence >= 0 && f->confidence <= 1);
        assert_false(f->page && !plx_judge_class_is_server(f->class));
        w->digest = plx_hash_bytes(f->entity, strlen(f->entity), w->digest);
    }
    for (size_t i = 0; i < out->n_verdicts; i++) {
        const struct plx_judge_ruling *v = &out->verdicts[i];
        assert_true(v->fresh <= v->assigned);
        assert_false(plx_judge_verdict_is_down(v->verdict) && v->n_faults == 0);
        w->digest = plx_hash_bytes(v->why, strlen(v->why), w->digest);
    }
}

void judge_go_on(struct judge_world *w, uint32_t n_agents, int from, int until)
{
    for (int t = from; t < until; t++) {
        const struct plx_judge_output *out;
        for (uint32_t m = 0; m < JUDGE_MONITORS; m++)
            for (uint32_t a = 0; a < n_agents; a++)
                if (t % 60 == (int)((m * 7 + a * 13) % 60) &&
                    !(w->silent[a] && t >= w->start && t < w->end))
                    judge_see(w, m, a, t, false);
        for (uint32_t a = 0; a < n_agents; a++)
            if (t % 5 == 0 && !(w->silent[a] && t >= w->start && t < w->end))
                plx_judge_heartbeat(w->judge, judge_wall(t + 0.3), a);
        plx_judge_tick(w->judge, judge_wall(t + 0.5), &out);
        judge_hear(w, out, t);
        struct plx_judge_probe asked[64];
        size_t n = out->n_probes < 64 ? out->n_probes : 64;
        for (size_t i = 0; i < n; i++)
            asked[i] = out->probes[i];
        for (size_t i = 0; i < n; i++)
            if (!w->silent[asked[i].agent] || t < w->start)
                judge_see(w, asked[i].monitor, asked[i].agent, t + 0.6, true);
    }
}

void judge_play(struct judge_world *w, uint32_t n_agents, double until)
{
    judge_declare(w, n_agents);
    judge_go_on(w, n_agents, 0, (int)until);
}

void judge_check_only(struct judge_world *w, enum plx_judge_class class,
                      const char *entity)
{
    for (size_t i = 1; i <= w->n_faults; i++)
        print_message("  f%zu %s %s at %.0f\n", i,
                      plx_judge_class_token(w->faults[i].class), w->faults[i].entity,
                      w->faults[i].at);
    assert_int_equal(w->n_faults, 1);
    assert_int_equal(w->faults[1].class, class);
    assert_string_equal(w->faults[1].entity, entity);
}

enum plx_judge_verdict judge_verdict_of(struct judge_world *w, uint32_t monitor,
                                        struct plx_judge_ruling *ret)
{
    assert_int_equal(plx_judge_view(w->judge, monitor, ret), 0);
    return ret->verdict;
}
