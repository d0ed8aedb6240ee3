#include "coordinator/core/uptime.h"

#include <stdlib.h>
#include <string.h>

struct plx_uptime_verdict plx_uptime_verdict_of(const char *token, struct plx_wall at)
{
    static const char *const up[] = {"up", "degraded", "path_failure", "filtered"};
    static const char *const down[] = {"service_down", "host_down", "network_down",
                                       "dns_failure"};
    struct plx_uptime_verdict v = {.at = at};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(token, up[i]) == 0)
            v.state = PLX_UPTIME_UP;
        if (strcmp(token, down[i]) == 0)
            v.state = PLX_UPTIME_DOWN;
    }
    v.unheard = strcmp(token, "inconclusive") == 0 || strcmp(token, "pending") == 0;
    return v;
}

/* ---- what changes when ---- */

enum event_kind { VERDICT, AWAY, BACK, LOOK, LOOK_ENDS };

struct event {
    int64_t at_ns;
    enum event_kind kind;
    size_t index; /* of a verdict or a look; of LOOK_ENDS: of the look that ends */
};

/* A location's cells of one stretch, as one. */
struct look {
    struct plx_uptime_cell sum;
    int64_t until_ns;
};

struct sweep {
    const struct plx_uptime_question *q;
    struct look *looks;
    size_t n_looks;
    struct event *events;
    size_t n_events;
    /* As of the moment the sweep has come to. */
    enum plx_uptime_state state;
    bool unheard, away;
    size_t *current; /* by location: its look + 1; 0: it has no view */
    uint32_t n_seen;
    struct plx_uptime *ret;
    struct plx_uptime_location *locations;
};

static void *new_array(size_t n, size_t size)
{
    void *array = calloc(n + 1, size);
    if (!array)
        abort();
    return array;
}

static int by_location(const void *a, const void *b)
{
    const struct look *x = a, *y = b;
    if (x->sum.location != y->sum.location)
        return x->sum.location < y->sum.location ? -1 : 1;
    return (x->sum.at.ns > y->sum.at.ns) - (x->sum.at.ns < y->sum.at.ns);
}

/* A look lasts until the location's next one, or until the next is overdue. */
static void make_looks(struct sweep *s)
{
    const struct plx_uptime_question *q = s->q;
    size_t n = 0;
    s->looks = new_array(q->n_cells, sizeof *s->looks);
    for (size_t i = 0; i < q->n_cells; i++)
        if (q->cells[i].location < q->n_locations)
            s->looks[n++].sum = q->cells[i];
    qsort(s->looks, n, sizeof *s->looks, by_location);
    for (size_t i = 0; i < n; i++) {
        struct look *last = s->n_looks > 0 ? &s->looks[s->n_looks - 1] : NULL;
        const struct plx_uptime_cell cell = s->looks[i].sum;
        if (last && last->sum.location == cell.location &&
            last->sum.at.ns == cell.at.ns) {
            last->sum.ok += cell.ok;
            last->sum.bad += cell.bad;
            continue;
        }
        if (last && last->sum.location == cell.location && last->until_ns > cell.at.ns)
            last->until_ns = cell.at.ns;
        s->looks[s->n_looks++] =
            (struct look){cell, cell.at.ns + cell.span_ns + q->hold_ns};
    }
}

static void add_event(struct sweep *s, int64_t at_ns, enum event_kind kind, size_t index)
{
    int64_t from_ns = s->q->from.ns;
    if (at_ns < s->q->to.ns)
        s->events[s->n_events++] =
            (struct event){at_ns < from_ns ? from_ns : at_ns, kind, index};
}

/* At one moment: in the order of the kinds, and of what happened before the window. */
static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return (x->kind > y->kind) - (x->kind < y->kind);
}

static void make_events(struct sweep *s)
{
    const struct plx_uptime_question *q = s->q;
    s->events =
        new_array(q->n_verdicts + 2 * q->n_absences + 2 * s->n_looks, sizeof *s->events);
    for (size_t i = 0; i < q->n_verdicts; i++)
        add_event(s, q->verdicts[i].at.ns, VERDICT, i);
    for (size_t i = 0; i < q->n_absences; i++)
        if (q->absences[i].to.ns > q->from.ns) {
            add_event(s, q->absences[i].from.ns, AWAY, i);
            add_event(s, q->absences[i].to.ns, BACK, i);
        }
    for (size_t i = 0; i < s->n_looks; i++)
        if (s->looks[i].until_ns > q->from.ns) {
            add_event(s, s->looks[i].sum.at.ns, LOOK, i);
            add_event(s, s->looks[i].until_ns, LOOK_ENDS, i);
        }
    qsort(s->events, s->n_events, sizeof *s->events, by_time);
}

/* ---- the sweep ---- */

static void set_look(struct sweep *s, uint32_t location, size_t look)
{
    if (look != 0 && s->current[location] == 0)
        s->n_seen++;
    if (look == 0 && s->current[location] != 0)
        s->n_seen--;
    s->current[location] = look;
}

static void happen(struct sweep *s, const struct event *e)
{
    const struct look *look = &s->looks[e->index];
    switch (e->kind) {
    case VERDICT:
        s->state = s->q->verdicts[e->index].state;
        s->unheard = s->q->verdicts[e->index].unheard;
        break;
    case AWAY:
        s->away = true;
        break;
    case BACK:
        s->away = false;
        break;
    case LOOK: /* one that could not look ends the view before it */
        set_look(s, look->sum.location,
                 look->sum.ok + look->sum.bad > 0 ? e->index + 1 : 0);
        break;
    case LOOK_ENDS:
        if (s->current[look->sum.location] == e->index + 1)
            set_look(s, look->sum.location, 0);
        break;
    }
}

/* How much of its looks the best location got through. */
static double best_share(const struct sweep *s)
{
    double best = 0;
    for (uint32_t i = 0; i < s->q->n_locations; i++)
        if (s->current[i]) {
            const struct plx_uptime_cell *c = &s->looks[s->current[i] - 1].sum;
            double share = (double)c->ok / ((double)c->ok + c->bad);
            best = share > best ? share : best;
        }
    return best;
}

static void note_late_down(struct plx_uptime *u, int64_t from_ns, int64_t to_ns)
{
    struct plx_uptime_stretch *last = u->n_late > 0 ? &u->late[u->n_late - 1] : NULL;
    if (last && last->to.ns == from_ns) {
        last->to.ns = to_ns;
        return;
    }
    if (u->n_late == PLX_UPTIME_LATE_MAX)
        memmove(u->late, u->late + 1, --u->n_late * sizeof *u->late);
    u->late[u->n_late++] = (struct plx_uptime_stretch){{from_ns}, {to_ns}};
}

/* Nobody was heard at the time: what came later decides. Where the best location got
 * through some times and some not, it was up for that share; of the rest nothing is
 * known, as the failures may lie anywhere in the stretch of the looks. */
static void count_late(struct sweep *s, int64_t from_ns, int64_t to_ns)
{
    struct plx_uptime *u = s->ret;
    int64_t ns = to_ns - from_ns;
    double share = best_share(s);
    int64_t up_ns = (int64_t)((double)ns * share);
    bool down = share == 0 && s->n_seen >= s->q->min_seen;
    u->up_ns += up_ns;
    u->late_ns += down ? ns : up_ns;
    *(down ? &u->down_ns : &u->unknown_ns) += ns - up_ns;
    if (down)
        note_late_down(u, from_ns, to_ns);
}

static void count(struct sweep *s, int64_t from_ns, int64_t to_ns)
{
    struct plx_uptime *u = s->ret;
    int64_t ns = to_ns - from_ns;
    if (ns <= 0)
        return;
    for (uint32_t i = 0; i < s->q->n_locations; i++)
        if (s->current[i])
            s->locations[i].seen_ns += ns;
    u->seen_ns += ns * s->n_seen;
    if (s->n_seen == 0)
        u->unknown_ns += ns;
    else if (s->away || s->unheard)
        count_late(s, from_ns, to_ns);
    else if (s->state == PLX_UPTIME_UP)
        u->up_ns += ns;
    else if (s->state == PLX_UPTIME_DOWN)
        u->down_ns += ns;
    else
        u->unknown_ns += ns;
}

/* Of every stretch that the window touches: answers are not told apart further. */
static void count_answers(struct sweep *s)
{
    for (size_t i = 0; i < s->n_looks; i++) {
        const struct plx_uptime_cell *c = &s->looks[i].sum;
        if (c->at.ns + c->span_ns <= s->q->from.ns || c->at.ns >= s->q->to.ns)
            continue;
        s->locations[c->location].ok += c->ok;
        s->locations[c->location].bad += c->bad;
    }
}

void plx_uptime_compute(const struct plx_uptime_question *question,
                        struct plx_uptime *ret, struct plx_uptime_location *ret_locations)
{
    struct sweep s = {
        .q = question, .unheard = true, .ret = ret, .locations = ret_locations};
    *ret = (struct plx_uptime){
        .from = question->from, .to = question->to, .n_locations = question->n_locations};
    memset(ret_locations, 0, question->n_locations * sizeof *ret_locations);
    s.current = new_array(question->n_locations, sizeof *s.current);
    make_looks(&s);
    make_events(&s);
    int64_t at_ns = question->from.ns;
    for (size_t i = 0; i < s.n_events; i++) {
        count(&s, at_ns, s.events[i].at_ns);
        at_ns = s.events[i].at_ns;
        happen(&s, &s.events[i]);
    }
    count(&s, at_ns, question->to.ns);
    count_answers(&s);
    free(s.looks);
    free(s.events);
    free(s.current);
}

/* ---- ratios ---- */

static double ratio(double part, double rest)
{
    return part + rest > 0 ? part / (part + rest) : -1;
}

double plx_uptime_availability(const struct plx_uptime *uptime)
{
    return ratio((double)uptime->up_ns, (double)uptime->down_ns);
}

double plx_uptime_reachability(const struct plx_uptime_location *location)
{
    return ratio((double)location->ok, (double)location->bad);
}

double plx_uptime_coverage(const struct plx_uptime *uptime)
{
    double all = (double)plx_wall_diff(uptime->to, uptime->from) * uptime->n_locations;
    return all > 0 ? (double)uptime->seen_ns / all : -1;
}

struct plx_slo plx_slo_of(double target, int64_t window_ns,
                          const struct plx_uptime *uptime)
{
    double budget = (1 - target) * (double)window_ns;
    return (struct plx_slo){
        .budget_ns = (int64_t)budget,
        .spent_ns = uptime->down_ns,
        .left = budget > 0 ? 1 - (double)uptime->down_ns / budget : 0,
    };
}

double plx_slo_burn(double target, const struct plx_uptime *uptime)
{
    double down = ratio((double)uptime->down_ns, (double)uptime->up_ns);
    return down < 0 || target >= 1 ? -1 : down / (1 - target);
}
