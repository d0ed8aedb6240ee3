/* A small scripted fleet before the judge: what fails from where and when, probed on a
 * schedule and whenever the judge asks. What it says is checked as it is heard.
 *
 * Six agents in three regions and two providers; m0-m2 are three services of one host, m3
 * is beside it in the prefix, m4-m7 are on four hosts of two other prefixes. Times are in
 * seconds since some day. One thread. */
#ifndef PLX_TESTS_JUDGE_WORLD_H
#define PLX_TESTS_JUDGE_WORLD_H

#include "test.h"

#include "coordinator/core/judge.h"

#define JUDGE_T0       INT64_C(1790000000)
#define JUDGE_AGENTS   6u
#define JUDGE_MONITORS 8u

static inline struct plx_wall judge_wall(double s)
{
    return (struct plx_wall){JUDGE_T0 * PLX_SEC_NS + (int64_t)(s * 1e9)};
}

struct judge_world {
    struct plx_judge *judge;
    /* What a probe that begins at `t` gives, where `fails` does not say enough. */
    enum plx_outcome (*sees)(uint32_t monitor, uint32_t agent, double t, bool extra);
    bool fails[JUDGE_MONITORS][JUDGE_AGENTS];
    bool silent[JUDGE_AGENTS];
    enum plx_outcome outcome;
    double start, end;
    struct plx_quorum quorum; /* of m1 */
    uint64_t digest;          /* over all output */
    size_t n_faults, n_pages;
    struct {
        enum plx_judge_class class;
        char entity[64];
        bool page, closed, by_quorum;
        size_t n_closed;
        double at;
    } faults[32];
};

/* A judge before which the first `n_agents` watch all monitors. */
void judge_declare(struct judge_world *w, uint32_t n_agents);
/* The monitors from `first` on become services of those hosts, one each, named by them.
 */
void judge_move(struct judge_world *w, uint32_t first, const char *const *hosts,
                uint32_t n_hosts, uint32_t n_agents);
/* One result, of a probe that began at `t`; `extra`: the judge asked for it. */
void judge_see(struct judge_world *w, uint32_t m, uint32_t a, double t, bool extra);
/* Takes down what a tick said, and holds it against what always holds. */
void judge_hear(struct judge_world *w, const struct plx_judge_output *out, double t);
/* Every second of [from, until): scheduled probes, heartbeats, a tick, what it asked. */
void judge_go_on(struct judge_world *w, uint32_t n_agents, int from, int until);
/* Both from the begin. */
void judge_play(struct judge_world *w, uint32_t n_agents, double until);
/* One fault was told in all, and it is this one. */
void judge_check_only(struct judge_world *w, enum plx_judge_class class,
                      const char *entity);
enum plx_judge_verdict judge_verdict_of(struct judge_world *w, uint32_t monitor,
                                        struct plx_judge_ruling *ret);

#endif
