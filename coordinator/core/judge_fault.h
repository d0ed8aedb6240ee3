/* One fault, and what the rooms that follow it (members, announce, ending) share. */
#ifndef PLX_CORE_JUDGE_FAULT_H
#define PLX_CORE_JUDGE_FAULT_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_cover.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_fleet.h"
#include "coordinator/core/judge_ids.h"
#include "coordinator/core/judge_scope.h"

/* Ticks of a duration. */
#define PLX_TK(ns)        ((uint32_t)((ns) / (PLX_SEC_NS / PLX_TK_PER_SEC)))
/* An announced fault of ours or of a path that the story no longer tells is believed to
 * be gone, or to be another, only after so long: one odd result must not rewrite it. */
#define PLX_FAULT_PERSIST PLX_TK(25 * PLX_SEC_NS)

struct plx_faults;

struct plx_fault {
    uint64_t id; /* 0 until announced */
    struct plx_scope scope;
    uint32_t onset, born;
    uint32_t since; /* the onset that the story has it now: later than `onset` where it
                       was over in part, and came again */
    uint32_t sure;  /* since when its margin suffices; 0: it does not */
    uint32_t last_fail;
    uint32_t told;  /* when the story had it last */
    uint32_t ended; /* 0: open */
    uint32_t said;  /* when last reported */
    uint32_t held; /* until then it was a consequence of another fault (judge_announce) */
    uint32_t begged; /* when agents that are half blind were asked about it */
    bool one_sided;  /* a way there would explain as much, as far as is known */
    bool seen;       /* in the latest story */
    bool page;       /* server-side, and worth waking someone */
    bool vetoed;    /* … but the rules of all its monitors say that they are not down */
    bool by_quorum; /* an operator's rule opened it (judge_rule), not the story */
    bool unsaid;    /* its members changed since it was last reported */
    double gain, margin, margin_scope;
    struct plx_scope runner_up;
    bool has_runner_up;
    struct plx_ids agents, monitors;
    struct plx_ids dropped; /* monitors that left it since it was last reported */
    int8_t report;          /* enum plx_judge_change to be reported; -1: nothing */
    char *farewell; /* its entity, when what it was about is gone; its scope names nothing
                       any more, and all that is left to do is to say that it is closed */
    bool parted;    /* … which has been said */
};

/* Whose it is: the target's, that of the way there (paths, filters), or ours. */
enum plx_family { PLX_FAMILY_SERVER, PLX_FAMILY_PATH, PLX_FAMILY_VANTAGE };

enum plx_family plx_family_of(const struct plx_scope *scope);

/* What a fault is judged by, for the length of one call. Borrows all. */
struct plx_surroundings {
    struct plx_cover *cover;
    struct plx_fleet *fleet;
    struct plx_evidence *ev;
    const struct plx_judge_policy *policy;
    uint32_t now;
};

/* Notes the change for the next report. One not reported yet as opened stays so, unless
 * it is closed. */
void plx_fault_report(struct plx_fault *fault, enum plx_judge_change change,
                      uint32_t now);

/* Another open fault than `fault` explains why the agent's view of the monitor fails. */
bool plx_fault_is_explained(const struct plx_faults *faults,
                            const struct plx_fault *fault, uint32_t monitor,
                            uint32_t agent);

/* Adds the agents that can tell of the fault: those that are in it, and the live ones
 * that watch any of its monitors without being cut off from it by another of `faults`, of
 * the way there (NULL: those, too). The first 64 monitors are looked at. */
void plx_fault_watchers(const struct plx_faults *faults, const struct plx_surroundings *x,
                        const struct plx_fault *fault, struct plx_ids *ret);

/* The fault's monitors fail in more than nine of ten views (strays get through);
 * `others`: in those of locations that are not in it. False where there are none. */
bool plx_fault_is_dark(const struct plx_surroundings *x, const struct plx_fault *fault,
                       bool others);

/* An announced fault of the target, believed by three locations, that keeps being true
 * for want of a better word while it is dark. */
bool plx_fault_is_firm(const struct plx_fault *fault);

double plx_fault_confidence(const struct plx_fault *fault);

/* One that the story tells: not an operator's rule, and not gone. */
static inline bool plx_fault_is_told(const struct plx_fault *fault)
{
    return !fault->by_quorum && fault->farewell == NULL;
}

static inline bool plx_fault_is_open(const struct plx_fault *fault)
{
    return fault->id != 0 && fault->ended == 0;
}

#endif
