/* The fewest, likeliest faults that explain all failing cells: a greedy weighted cover
 * with lazy re-evaluation, refined by exchanges (docs/VERDICTS.md "The best story"). */
#ifndef PLX_CORE_JUDGE_COVER_H
#define PLX_CORE_JUDGE_COVER_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_fleet.h"
#include "coordinator/core/judge_scope.h"

/* A failing cell, copied out for the length of one solve. Small, because a solve may have
 * hundreds of thousands of them and goes over all of them dozens of times. */
struct plx_fail {
    double most; /* nats it brings a fault, with its kinds, at most */
    uint32_t cell, monitor;
    uint32_t first, last;
    uint32_t period;                 /* between scheduled probes, ticks */
    uint32_t until;                  /* it votes before then */
    int32_t by;                      /* index of the pick that explains it; -1: none */
    uint32_t host, prefix;           /* units of its monitor */
    uint32_t calm_host, calm_prefix; /* the solve that found that no fault of its host
                                        (in its prefix) pays; 0: none did */
    uint32_t cand0;
    float cap; /* most that `most` may become before it is looked at anew */
    uint16_t n_cands, agent;
    uint16_t worth; /* enum plx_worth: scopes that could earn their cost (judge_sift) */
    uint8_t n, n_apart;
    uint8_t kinds[PLX_KIND_COUNT_]; /* of its failures */
    bool cut;                       /* a fault that is over has some of its failures */
    bool answers;                   /* its target does, but not as expected */
};
_Static_assert(sizeof(struct plx_fail) == 80, "hundreds of thousands, in a bad minute");

/* A fault that was chosen. */
struct plx_pick {
    struct plx_scope scope;
    uint32_t onset;
    double gain;   /* nats it earns, its cost paid */
    double margin; /* nats over the best story without it (server-side: without any) */
    double margin_scope; /* nats over the best story with a fault of another scope */
    struct plx_scope runner_up; /* the largest fault of that best other story */
    bool has_runner_up;         /* false: the other story is "all spurious" */
    uint32_t n_fails;           /* cells it explains */
    uint32_t fail0;             /* into `explained` */
    bool removed;
    bool has_margin; /* false: all is explained as before, and was not asked again */
};

/* What the solver is told about faults it has already announced. */
struct plx_standing {
    struct plx_scope scope;
    uint32_t onset;
    uint32_t ended; /* not 0: failures up to then are its, and nobody else's */
    bool open;
};

struct plx_cover;

struct plx_cover *plx_cover_new(void);
void plx_cover_destroy(struct plx_cover **cover);

/* Solves for all that fails at `now`. What the accessors below lend lives until the next
 * solve. */
void plx_cover_solve(struct plx_cover *cover, const struct plx_fleet *fleet,
                     const struct plx_evidence *ev, const struct plx_judge_policy *policy,
                     uint32_t now, const struct plx_standing *standing,
                     uint32_t n_standing);

const struct plx_pick *plx_cover_picks(const struct plx_cover *cover, uint32_t *ret_n);
const struct plx_fail *plx_cover_fails(const struct plx_cover *cover, uint32_t *ret_n);
/* Indices (into the fails) of what a pick explains. */
const uint32_t *plx_cover_explained(const struct plx_cover *cover,
                                    const struct plx_pick *pick);

#endif
