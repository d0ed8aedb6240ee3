#include "score.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A fault may still be told so long after it ended. */
#define GRACE 150.0
/* Clocks, slack and ticks: an alert may precede the truth's start by no more than this.
 */
#define EARLY 3.0

static bool overlaps(const struct sim_fault *f, double from, double to)
{
    return from < f->end + GRACE && to > f->start - EARLY;
}

/* --- alerts --------------------------------------------------------------------------
 */

static bool touches_monitor(const struct sim_world *w, const struct sim_fault *f,
                            int monitor)
{
    for (int a = 0; a < w->n_agents; a++)
        if (w->monitors[monitor].assigned[a] && sim_fault_touches(w, f, monitor, a))
            return true;
    return false;
}

enum truth { FALSE_ALERT, TRUE_ALERT, ODD_ALERT };

static enum truth truth_of(const struct sim_world *w, int monitor, double at)
{
    enum truth t = FALSE_ALERT;
    for (int i = 0; i < w->n_faults; i++) {
        const struct sim_fault *f = &w->faults[i];
        if (at < f->start - EARLY || at > f->end + 30 || !touches_monitor(w, f, monitor))
            continue;
        if (sim_class_is_server(f->class))
            return TRUE_ALERT;
        if (f->class == SIM_FLAPPING || f->class == SIM_HALF_BROKEN)
            t = ODD_ALERT;
    }
    return t;
}

/* Would `g` keep this view from showing `f`? A server-side fault is hidden by what is
 * nearer to us, and by another that was there first: what is dead already cannot die. */
static bool hides(const struct sim_fault *g, const struct sim_fault *f)
{
    if (g == f)
        return false;
    if (!sim_class_is_server(f->class))
        return true; /* nothing is certain where two coincide */
    return !sim_class_is_server(g->class) || g->start <= f->start;
}

/* How much of the fault's time the view was taken away by other faults. */
static double hidden_share(const struct sim_world *w, const struct sim_fault *f,
                           int monitor, int agent)
{
    double end = f->end < w->end ? f->end : w->end, blind = 0;
    for (int i = 0; i < w->n_faults; i++) {
        const struct sim_fault *g = &w->faults[i];
        if (!hides(g, f) || !sim_fault_touches(w, g, monitor, agent))
            continue;
        double lo = g->start > f->start ? g->start : f->start;
        double hi = g->end < end ? g->end : end;
        blind += hi > lo ? hi - lo : 0;
    }
    return blind / (end - f->start);
}

/* Someone whom other faults do not blind watches the monitor during most of the fault. */
static bool is_visible(const struct sim_world *w, const struct sim_fault *f, int monitor)
{
    for (int a = 0; a < w->n_agents; a++)
        if (w->monitors[monitor].assigned[a] && sim_fault_touches(w, f, monitor, a) &&
            hidden_share(w, f, monitor, a) < 0.4)
            return true;
    return false;
}

static double first_alert(const struct sim_fault *f, int monitor,
                          const struct sim_alert *alerts, int n)
{
    for (int i = 0; i < n; i++)
        if (alerts[i].monitor == monitor && alerts[i].at >= f->start - EARLY &&
            alerts[i].at <= f->end + 30)
            return alerts[i].at;
    return -1;
}

/* The monitor was already down, rightly, when this fault began. */
static bool is_shadowed(const struct sim_world *w, const struct sim_fault *f, int monitor)
{
    for (int i = 0; i < w->n_faults; i++) {
        const struct sim_fault *g = &w->faults[i];
        if (g != f && (sim_class_is_server(g->class) || g->class > SIM_PROVIDER) &&
            g->start <= f->start + 60 && g->end > f->start - 120 &&
            touches_monitor(w, g, monitor))
            return true;
    }
    return false;
}

static void tally_alerts(const struct sim_world *w, const struct sim_alert *alerts, int n,
                         struct sim_tally *t, int verbose)
{
    for (int i = 0; i < n; i++) {
        enum truth truth = truth_of(w, alerts[i].monitor, alerts[i].at);
        t->good += truth == TRUE_ALERT;
        t->bad += truth == FALSE_ALERT;
        if (truth == FALSE_ALERT && verbose)
            printf("  FALSE ALERT m%d at %.1f\n", alerts[i].monitor, alerts[i].at);
    }
    for (int i = 0; i < w->n_faults; i++) {
        const struct sim_fault *f = &w->faults[i];
        if (!sim_class_is_server(f->class))
            continue;
        double first = -1;
        bool visible = false;
        for (int m = 0; m < w->n_monitors; m++) {
            if (!touches_monitor(w, f, m) || !is_visible(w, f, m) || is_shadowed(w, f, m))
                continue;
            visible = true;
            t->cells++;
            double at = first_alert(f, m, alerts, n);
            t->cells_detected += at >= 0;
            if (at >= 0 && (first < 0 || at < first))
                first = at;
            if (at < 0 && verbose)
                printf("  MISSED m%d of %s %d at %.1f\n", m, sim_class_name(f->class),
                       f->x, f->start);
        }
        t->faults += visible;
        t->detected += visible && first >= 0;
        if (visible && verbose && first > f->start + 28)
            printf("  SLOW %s %d at %.1f: %.1f s\n", sim_class_name(f->class), f->x,
                   f->start, first - f->start);
        if (visible && first >= 0 && t->n_times < SIM_TIMES)
            t->times[t->n_times++] = first - f->start;
    }
}

/* From the first scheduled probe's failure to the first verdict. */
static void tally_lags(const struct sim_world *w, const struct sim_story *story,
                       struct sim_lags *lags)
{
    for (int i = 0; i < w->n_faults; i++) {
        const struct sim_fault *f = &w->faults[i];
        double first = -1;
        if (!sim_class_is_server(f->class) || story->met[i] <= 0)
            continue;
        for (int m = 0; m < w->n_monitors; m++) {
            if (!touches_monitor(w, f, m) || is_shadowed(w, f, m))
                continue;
            double at = first_alert(f, m, story->alerts, story->n_alerts);
            if (at >= 0 && (first < 0 || at < first))
                first = at;
        }
        if (first >= 0 && lags->n < SIM_TIMES)
            lags->times[lags->n++] = first - story->met[i];
    }
}

/* --- names ---------------------------------------------------------------------------
 */

static enum plx_judge_class class_of(enum sim_class c)
{
    static const enum plx_judge_class table[SIM_CLASS_COUNT] = {
        PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_CLASS_HOST,   PLX_JUDGE_CLASS_NETWORK,
        PLX_JUDGE_CLASS_DNS,     PLX_JUDGE_CLASS_PATH,   PLX_JUDGE_CLASS_PATH,
        PLX_JUDGE_CLASS_PATH,    PLX_JUDGE_CLASS_PATH,   PLX_JUDGE_CLASS_FILTER,
        PLX_JUDGE_CLASS_AGENT,   PLX_JUDGE_CLASS_REGION, PLX_JUDGE_CLASS_PROVIDER,
        PLX_JUDGE_CLASS_NONE,    PLX_JUDGE_CLASS_NONE,   PLX_JUDGE_CLASS_NONE};
    return table[c];
}

static void place_text(const struct sim_world *w, const struct sim_fault *f, char *s,
                       size_t n)
{
    char host[40] = "", prefix[40];
    if (f->x >= 0 && f->x < w->n_hosts)
        snprintf(host, sizeof host, "198.51.%d.%d", w->hosts[f->x].prefix, f->x + 1);
    snprintf(prefix, sizeof prefix, "198.51.%d.0/24", f->x);
    switch (f->class) {
    case SIM_SERVICE:
        snprintf(s, n, "m%d", f->x);
        return;
    case SIM_HOST:
        snprintf(s, n, "%s", host);
        return;
    case SIM_NETWORK:
        snprintf(s, n, "%s", prefix);
        return;
    case SIM_DNS:
        snprintf(s, n, "h%d.example", f->x);
        return;
    case SIM_PATH_HOST:
        snprintf(s, n, "a%d>%s", f->y, host);
        return;
    case SIM_PATH_PREFIX:
        snprintf(s, n, "a%d>%s", f->y, prefix);
        return;
    case SIM_PATH_REGION:
        snprintf(s, n, "r%d>%s", f->y, prefix);
        return;
    case SIM_PATH_PROVIDER:
        snprintf(s, n, "p%d>%s", f->y, prefix);
        return;
    case SIM_FILTER:
        if (f->filter_level == 0)
            snprintf(s, n, "m%d", f->x);
        else
            snprintf(s, n, "%s", f->filter_level == 1 ? host : prefix);
        return;
    case SIM_AGENT:
        snprintf(s, n, "a%d", f->y);
        return;
    case SIM_REGION:
        snprintf(s, n, "r%d", f->y);
        return;
    case SIM_PROVIDER:
        snprintf(s, n, "p%d", f->y);
        return;
    default:
        snprintf(s, n, "?");
    }
}

/* The only monitor of a host, or -1. */
static int lone_monitor(const struct sim_world *w, int host)
{
    int found = -1;
    for (int m = 0; m < w->n_monitors; m++)
        if (w->monitors[m].host == host) {
            if (found >= 0)
                return -1;
            found = m;
        }
    return found;
}

/* A host with one monitor and that monitor are the same set of views: both names count.
 */
static bool same_single(const struct sim_world *w, const struct sim_fault *f,
                        const struct sim_told *t)
{
    char name[64];
    int m = -1, h = -1;
    if (f->class == SIM_SERVICE || (f->class == SIM_FILTER && f->filter_level == 0)) {
        m = f->x;
        h = w->monitors[m].host;
    } else if (f->class == SIM_HOST || (f->class == SIM_FILTER && f->filter_level == 1)) {
        h = f->x;
        m = lone_monitor(w, h);
    }
    if (m < 0 || lone_monitor(w, h) != m)
        return false;
    bool filter = f->class == SIM_FILTER;
    snprintf(name, sizeof name, "m%d", m);
    if (t->class == (filter ? PLX_JUDGE_CLASS_FILTER : PLX_JUDGE_CLASS_SERVICE) &&
        strcmp(t->entity, name) == 0)
        return true;
    snprintf(name, sizeof name, "198.51.%d.%d", w->hosts[h].prefix, h + 1);
    return t->class == (filter ? PLX_JUDGE_CLASS_FILTER : PLX_JUDGE_CLASS_HOST) &&
           strcmp(t->entity, name) == 0;
}

/* Agents of the fault that other faults blind to its targets: nobody can tell. */
static uint32_t blinded(const struct sim_world *w, const struct sim_fault *f)
{
    uint32_t bits = 0;
    for (int m = 0; m < w->n_monitors; m++)
        for (int a = 0; a < w->n_agents; a++)
            if (sim_fault_touches(w, f, m, a) && hidden_share(w, f, m, a) > 0)
                bits |= 1u << a;
    return bits;
}

static uint32_t watching(const struct sim_world *w, const struct sim_fault *f)
{
    uint32_t bits = 0;
    for (int m = 0; m < w->n_monitors; m++)
        for (int a = 0; a < w->n_agents; a++)
            if (w->monitors[m].assigned[a] && sim_fault_touches(w, f, m, a))
                bits |= 1u << a;
    return bits;
}

static bool is_named(const struct sim_world *w, const struct sim_fault *f,
                     const struct sim_told *t)
{
    char name[64];
    place_text(w, f, name, sizeof name);
    bool right = (class_of(f->class) == t->class && strcmp(name, t->entity) == 0) ||
                 same_single(w, f, t);
    if (right && f->class == SIM_FILTER)
        right = ((t->agents ^ watching(w, f)) & ~blinded(w, f)) == 0;
    return right && overlaps(f, t->opened, t->closed);
}

static int family_of_class(enum plx_judge_class c)
{
    return plx_judge_class_is_server(c)                               ? 0
           : c == PLX_JUDGE_CLASS_PATH || c == PLX_JUDGE_CLASS_FILTER ? 1
                                                                      : 2;
}

static int family_of_truth(enum sim_class c)
{
    return sim_class_is_server(c) ? 0 : sim_class_is_path(c) ? 1 : 2;
}

static bool shares_cells(const struct sim_world *w, const struct sim_fault *f,
                         const struct sim_told *t)
{
    bool vantage = family_of_class(t->class) == 2;
    for (int m = 0; m < w->n_monitors; m++)
        for (int a = 0; a < w->n_agents; a++)
            if (w->monitors[m].assigned[a] && (t->agents >> a & 1) &&
                (vantage || (t->monitors >> m & 1)) && sim_fault_touches(w, f, m, a))
                return true;
    return false;
}

static bool is_classed(enum sim_class c)
{
    return c <= SIM_PROVIDER;
}

/* Enough of it could be seen, and told from what else went on. */
static bool is_fair(const struct sim_world *w, const struct sim_fault *f)
{
    if (!is_classed(f->class))
        return false;
    for (int m = 0; m < w->n_monitors; m++)
        if (touches_monitor(w, f, m) && is_visible(w, f, m))
            return true;
    return false;
}

static void score_told(struct sim_score *s, const struct sim_world *w,
                       const struct sim_told *t, int verbose)
{
    bool kin = false, named = false, odd = false;
    int as = SIM_CLASS_COUNT;
    for (int i = 0; i < w->n_faults; i++) {
        const struct sim_fault *f = &w->faults[i];
        if (!overlaps(f, t->opened, t->closed))
            continue;
        if (!is_classed(f->class))
            odd |= shares_cells(w, f, t);
        else if (family_of_truth(f->class) == family_of_class(t->class))
            kin |= shares_cells(w, f, t);
        named |= is_classed(f->class) && is_named(w, f, t);
    }
    if (odd && !named)
        return; /* what it said of the unclassed is scored elsewhere */
    s->family[family_of_class(t->class)].said_good += kin;
    s->family[family_of_class(t->class)].said_bad += !kin;
    for (int c = 0; c < SIM_CLASS_COUNT; c++)
        if (class_of((enum sim_class)c) == t->class && as == SIM_CLASS_COUNT)
            as = c;
    if (t->class == PLX_JUDGE_CLASS_PATH && strchr(t->entity, '/') != NULL)
        as = t->entity[0] == 'a'   ? SIM_PATH_PREFIX
             : t->entity[0] == 'r' ? SIM_PATH_REGION
                                   : SIM_PATH_PROVIDER;
    s->named[as].said_good += named;
    s->named[as].said_bad += !named;
    if (!named && verbose)
        printf("  MISNAMED told f%llu %s %s agents=%x at %.1f-%.1f\n",
               (unsigned long long)t->id, plx_judge_class_token(t->class), t->entity,
               t->agents, t->opened, t->closed);
}

static void score_truth(struct sim_score *s, const struct sim_world *w,
                        const struct sim_story *story, const struct sim_fault *f,
                        int verbose)
{
    bool kin = false, named = false;
    enum plx_judge_class as = PLX_JUDGE_CLASS_NONE;
    for (int i = 0; i < story->n_told; i++) {
        const struct sim_told *t = &story->told[i];
        if (!overlaps(f, t->opened, t->closed) || !shares_cells(w, f, t))
            continue;
        kin |= family_of_truth(f->class) == family_of_class(t->class);
        if (as == PLX_JUDGE_CLASS_NONE || t->class == class_of(f->class))
            as = t->class;
        named |= is_named(w, f, t);
    }
    if (named)
        as = class_of(f->class);
    struct sim_family *fam = &s->family[family_of_truth(f->class)];
    fam->true_found += kin;
    fam->true_missed += !kin;
    s->named[f->class].true_found += named;
    s->named[f->class].true_missed += !named;
    s->confusion[f->class][as]++;
    if (!named && verbose) {
        char name[64];
        place_text(w, f, name, sizeof name);
        printf("  NOT NAMED %s %s agents=%x from %.1f to %.1f mode %d\n",
               sim_class_name(f->class), name, f->agents, f->start, f->end, (int)f->mode);
    }
}

static bool is_told_of(const struct sim_world *w, const struct sim_story *story,
                       const struct sim_fault *f)
{
    for (int i = 0; i < story->n_told; i++)
        if (is_named(w, f, &story->told[i]))
            return true;
    return false;
}

static bool is_paged(const struct sim_world *w, const struct sim_story *story,
                     const struct sim_fault *f)
{
    for (int m = 0; m < w->n_monitors; m++)
        if (touches_monitor(w, f, m) &&
            first_alert(f, m, story->alerts, story->n_alerts) >= 0)
            return true;
    return false;
}

/* A server fault during one of our own. */
static void score_overlaps(struct sim_score *s, const struct sim_world *w,
                           const struct sim_story *story)
{
    for (int i = 0; i < w->n_faults; i++)
        for (int k = 0; k < w->n_faults; k++) {
            const struct sim_fault *f = &w->faults[i], *g = &w->faults[k];
            if (!sim_class_is_server(f->class) || !sim_class_is_vantage(g->class) ||
                f->start < g->start || f->start > g->end - 120 || !is_fair(w, f))
                continue;
            s->overlaps++;
            s->overlap_server += is_paged(w, story, f);
            s->overlap_other += is_told_of(w, story, g);
        }
}

/* Shapes without a class: humble is "degraded", "inconclusive", or no claim about the
 * target's side beyond what is true. */
static void score_odd(struct sim_score *s, const struct sim_world *w,
                      const struct sim_story *story, int verbose)
{
    for (int i = 0; i < w->n_faults; i++) {
        const struct sim_fault *f = &w->faults[i];
        if (is_classed(f->class))
            continue;
        bool wrong = false;
        for (int k = 0; k < story->n_told; k++) {
            const struct sim_told *t = &story->told[k];
            if (!overlaps(f, t->opened, t->closed) || !shares_cells(w, f, t))
                continue;
            bool server = plx_judge_class_is_server(t->class);
            bool target_fault = f->class != SIM_UNKNOWN_UPSTREAM;
            bool other = false;
            for (int q = 0; q < w->n_faults; q++)
                other |= is_classed(w->faults[q].class) && is_named(w, &w->faults[q], t);
            wrong |= !other && (server != target_fault || family_of_class(t->class) == 2);
        }
        s->odd++;
        s->odd_humble += !wrong;
        if (wrong && verbose)
            printf("  CONFIDENTLY WRONG about %s %d at %.1f\n", sim_class_name(f->class),
                   f->x, f->start);
    }
}

void sim_score_add(struct sim_score *s, const struct sim_world *w,
                   const struct sim_story *story, int verbose)
{
    s->worlds++;
    s->monitor_years += w->n_monitors * w->end / (365.25 * 86400);
    s->n_scheduled += story->n_scheduled;
    s->n_extra += story->n_extra;
    tally_alerts(w, story->alerts, story->n_alerts, &s->judge, verbose);
    tally_lags(w, story, &s->lags);
    for (int b = 0; b < SIM_BASELINES; b++)
        tally_alerts(w, story->base[b], story->n_base[b], &s->base[b], 0);
    for (int i = 0; i < story->n_told; i++)
        score_told(s, w, &story->told[i], verbose);
    for (int i = 0; i < w->n_faults; i++)
        if (is_fair(w, &w->faults[i]))
            score_truth(s, w, story, &w->faults[i], verbose);
    score_overlaps(s, w, story);
    score_odd(s, w, story, verbose);
}

static double ratio(uint64_t a, uint64_t b)
{
    return b == 0 ? 1.0 : (double)a / (double)b;
}

double sim_tally_precision(const struct sim_tally *t)
{
    return ratio(t->good, t->good + t->bad);
}

double sim_tally_recall(const struct sim_tally *t)
{
    return ratio(t->detected, t->faults);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double percentile(double *times, uint64_t n, double share)
{
    if (n == 0)
        return 0;
    qsort(times, n, sizeof *times, by_value);
    return times[(uint64_t)(share * (double)(n - 1))];
}

double sim_tally_time(struct sim_tally *t, double share)
{
    return percentile(t->times, t->n_times, share);
}

double sim_lags_time(struct sim_lags *lags, double share)
{
    return percentile(lags->times, lags->n, share);
}

double sim_family_precision(const struct sim_family *f)
{
    return ratio(f->said_good, f->said_good + f->said_bad);
}

double sim_family_recall(const struct sim_family *f)
{
    return ratio(f->true_found, f->true_found + f->true_missed);
}

double sim_f1(const struct sim_family *f)
{
    double p = sim_family_precision(f), r = sim_family_recall(f);
    return p + r > 0 ? 2 * p * r / (p + r) : 0;
}
