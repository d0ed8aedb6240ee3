#include "coordinator/io/uptime_report.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define FINE_MAX_NS   (2 * PLX_DAY_NS)   /* windows worked out by minutes */
#define HOUR_MAX_NS   (100 * PLX_DAY_NS) /* and by hours */
#define HOLD_MIN_NS   (2 * PLX_MIN_NS)   /* rollups are written a little later */
#define FINE_TOTAL_NS (7 * PLX_DAY_NS)   /* read by minutes in a longer window */
#define WORDS_MAX     100000             /* verdicts of one monitor in one window */

enum plx_rollup_level plx_uptime_level(int64_t window_ns, bool many)
{
    if (window_ns <= FINE_MAX_NS && !many)
        return PLX_ROLLUP_MINUTE;
    return window_ns <= HOUR_MAX_NS ? PLX_ROLLUP_HOUR : PLX_ROLLUP_DAY;
}

/* Room for one more of `size` bytes in an array that grows by doubling. */
static void *room(void *array, size_t n, size_t size)
{
    if (n > 0 && (n & (n - 1)) != 0)
        return array;
    array = realloc(array, (n > 0 ? 2 * n : 1) * size);
    if (!array)
        abort();
    return array;
}

/* ---- the ground ---- */

static bool take_region(void *arg, uint64_t agent_id, const char *region)
{
    struct plx_uptime_ground *g = arg;
    g->agents = room(g->agents, g->n_agents, sizeof *g->agents);
    g->regions = room(g->regions, g->n_agents, sizeof *g->regions);
    g->agents[g->n_agents] = agent_id;
    g->regions[g->n_agents++] = plx_text_dup(region);
    return true;
}

static bool take_absence(void *arg, struct plx_wall from, struct plx_wall to)
{
    struct plx_uptime_ground *g = arg;
    struct plx_uptime_absence *last =
        g->n_absences > 0 ? &g->absences[g->n_absences - 1] : NULL;
    if (last && from.ns <= last->to.ns) {
        last->to = to.ns > last->to.ns ? to : last->to;
        return true;
    }
    g->absences = room(g->absences, g->n_absences, sizeof *g->absences);
    g->absences[g->n_absences++] = (struct plx_uptime_absence){from, to};
    return true;
}

int plx_uptime_ground_read(struct plx_store_reader *reader, struct plx_wall from,
                           struct plx_uptime_ground *ret)
{
    struct plx_uptime_ground ground = {0};
    int err = plx_store_read_regions(reader, take_region, &ground);
    if (err == 0)
        err = plx_store_read_absences(reader, from, take_absence, &ground);
    if (err < 0)
        plx_uptime_ground_fini(&ground);
    else
        *ret = ground;
    return err;
}

void plx_uptime_ground_fini(struct plx_uptime_ground *ground)
{
    for (size_t i = 0; i < ground->n_agents; i++)
        free(ground->regions[i]);
    free(ground->regions);
    free(ground->agents);
    free(ground->absences);
    *ground = (struct plx_uptime_ground){0};
}

static const char *region_of(const struct plx_uptime_ground *ground, uint64_t agent_id)
{
    size_t low = 0, high = ground->n_agents;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (ground->agents[mid] == agent_id)
            return ground->regions[mid];
        if (ground->agents[mid] < agent_id)
            low = mid + 1;
        else
            high = mid;
    }
    return "";
}

/* ---- one monitor ---- */

/* What is read of it. */
struct collection {
    const struct plx_uptime_ground *ground;
    const struct plx_uptime_subject *subject;
    int64_t span_ns;
    struct plx_uptime_verdict *verdicts;
    size_t n_verdicts;
    struct plx_uptime_cell *cells;
    size_t n_cells;
    struct plx_uptime_stretch *fine; /* times that are read by minutes */
    size_t n_fine;
    char **regions;
    uint32_t n_regions;
    struct plx_wall first; /* anything was known; 0: nothing is */
};

static void know(struct collection *c, struct plx_wall at)
{
    if (c->first.ns == 0 || at.ns < c->first.ns)
        c->first = at;
}

static uint32_t location_of(struct collection *c, const char *region)
{
    for (uint32_t i = 0; i < c->n_regions; i++)
        if (strcmp(c->regions[i], region) == 0)
            return i;
    c->regions = room(c->regions, c->n_regions, sizeof *c->regions);
    c->regions[c->n_regions] = plx_text_dup(region);
    return c->n_regions++;
}

/* Newest first. */
static bool take_word(void *arg, struct plx_wall at, const char *token)
{
    struct collection *c = arg;
    c->verdicts = room(c->verdicts, c->n_verdicts, sizeof *c->verdicts);
    c->verdicts[c->n_verdicts++] = plx_uptime_verdict_of(token, at);
    know(c, at);
    return c->n_verdicts < WORDS_MAX;
}

static bool take_row(void *arg, const struct plx_store_rollup_row *row)
{
    struct collection *c = arg;
    struct plx_uptime_cell cell = {.at = row->at, .span_ns = c->span_ns};
    uint64_t n = 0;
    for (int o = PLX_OUTCOME_NONE + 1; o < PLX_OUTCOME_COUNT_; o++) {
        enum plx_outcome outcome = (enum plx_outcome)o;
        n += row->rollup->outcomes[o];
        if (plx_outcome_is_local(outcome))
            continue;
        bool bad = plx_expect_is_bad(c->subject->expect, outcome);
        *(bad ? &cell.bad : &cell.ok) += row->rollup->outcomes[o];
    }
    if (n == 0) /* extra probes alone: of a spare, or between two scheduled ones */
        return true;
    cell.location = location_of(c, region_of(c->ground, row->agent_id));
    c->cells = room(c->cells, c->n_cells, sizeof *c->cells);
    c->cells[c->n_cells++] = cell;
    /* By the end of its stretch: it may lie there. The first verdict knows better. */
    know(c, plx_wall_add(row->at, c->span_ns));
    return true;
}

static int read_rollups(struct plx_store_reader *reader, struct plx_wall from,
                        struct plx_wall to, enum plx_rollup_level level,
                        struct collection *c)
{
    const struct plx_store_rollup_range range = {
        .level = level, .from = from, .to = to, .monitor_id = c->subject->monitor_id};
    if (from.ns >= to.ns)
        return 0;
    c->span_ns = plx_rollup_span_ns(level);
    return plx_store_read_rollups(reader, &range, take_row, c);
}

/* ---- where nobody judged ---- */

/* A time that is read by minutes whatever the window: results decide there. */
static void add_fine(struct collection *c, struct plx_wall from, struct plx_wall to,
                     enum plx_rollup_level level)
{
    c->fine = room(c->fine, c->n_fine, sizeof *c->fine);
    c->fine[c->n_fine++] = (struct plx_uptime_stretch){
        plx_rollup_bucket(level, from),
        plx_wall_add(plx_rollup_bucket(level, to), plx_rollup_span_ns(level))};
}

static int by_beginning(const void *a, const void *b)
{
    const struct plx_uptime_stretch *x = a, *y = b;
    return (x->from.ns > y->from.ns) - (x->from.ns < y->from.ns);
}

static void find_fine(struct collection *c, struct plx_wall from, struct plx_wall to,
                      enum plx_rollup_level level)
{
    const struct plx_uptime_absence *a = c->ground->absences;
    for (size_t i = 0; i < c->ground->n_absences; i++)
        if (a[i].to.ns > from.ns && a[i].from.ns < to.ns)
            add_fine(c, a[i].from, a[i].to, level);
    for (size_t i = 0; i < c->n_verdicts; i++) {
        struct plx_wall end = i + 1 < c->n_verdicts ? c->verdicts[i + 1].at : to;
        if (c->verdicts[i].unheard && end.ns > from.ns && c->verdicts[i].at.ns < to.ns)
            add_fine(c, c->verdicts[i].at, end, level);
    }
    if (c->n_fine > 0)
        qsort(c->fine, c->n_fine, sizeof *c->fine, by_beginning);
}

static int collect_rollups(struct plx_store_reader *reader, struct plx_wall from,
                           struct plx_wall to, enum plx_rollup_level level,
                           struct collection *c)
{
    struct plx_wall at = plx_rollup_bucket(level, from);
    int64_t left_ns = FINE_TOTAL_NS;
    int err = 0;
    if (level != PLX_ROLLUP_MINUTE)
        find_fine(c, from, to, level);
    for (size_t i = 0; err == 0 && i < c->n_fine; i++) {
        struct plx_wall low = c->fine[i].from.ns > at.ns ? c->fine[i].from : at;
        struct plx_wall high = c->fine[i].to.ns < to.ns ? c->fine[i].to : to;
        if (low.ns >= high.ns || plx_wall_diff(high, low) > left_ns)
            continue;
        left_ns -= plx_wall_diff(high, low);
        err = read_rollups(reader, at, low, level, c);
        if (err == 0)
            err = read_rollups(reader, low, high, PLX_ROLLUP_MINUTE, c);
        at = high;
    }
    return err == 0 ? read_rollups(reader, at, to, level, c) : err;
}

static void reverse(struct plx_uptime_verdict *list, size_t n)
{
    for (size_t i = 0; i + 1 < n - i; i++) {
        struct plx_uptime_verdict swap = list[i];
        list[i] = list[n - 1 - i];
        list[n - 1 - i] = swap;
    }
}

static int collect(struct plx_store_reader *reader, struct plx_wall from,
                   struct plx_wall to, enum plx_rollup_level level, struct collection *c)
{
    for (size_t i = 0; i < c->subject->n_regions; i++)
        location_of(c, c->subject->regions[i]);
    int err = plx_store_read_words(reader, c->subject->monitor_id, from, take_word, c);
    if (c->n_verdicts > 1)
        reverse(c->verdicts, c->n_verdicts);
    return err == 0 ? collect_rollups(reader, from, to, level, c) : err;
}

/* As many as the monitor's min_coverage asks for; one alone only where there is but one.
 */
static uint32_t min_seen(const struct collection *c)
{
    uint64_t n = ((uint64_t)c->n_regions * c->subject->min_coverage_percent + 99) / 100;
    uint32_t least = c->n_regions > 1 ? 2 : 1;
    return n > least ? (uint32_t)n : least;
}

static void conclude(const struct collection *c, struct plx_wall from, struct plx_wall to,
                     struct plx_uptime_report *ret)
{
    int64_t hold_ns = 3 * c->subject->interval_ns;
    struct plx_wall first = c->first.ns < to.ns ? c->first : to;
    const struct plx_uptime_question question = {
        .from = first.ns > from.ns ? first : from,
        .to = to,
        .verdicts = c->verdicts,
        .n_verdicts = c->n_verdicts,
        .absences = c->ground->absences,
        .n_absences = c->ground->n_absences,
        .cells = c->cells,
        .n_cells = c->n_cells,
        .n_locations = c->n_regions,
        .min_seen = min_seen(c),
        .hold_ns = hold_ns > HOLD_MIN_NS ? hold_ns : HOLD_MIN_NS,
    };
    ret->regions = c->regions;
    ret->locations = calloc(c->n_regions + 1u, sizeof *ret->locations);
    if (!ret->locations)
        abort();
    plx_uptime_compute(&question, &ret->uptime, ret->locations);
}

int plx_uptime_report_read(struct plx_store_reader *reader,
                           const struct plx_uptime_ground *ground,
                           const struct plx_uptime_subject *subject, struct plx_wall from,
                           struct plx_wall to, enum plx_rollup_level level,
                           struct plx_uptime_report *ret)
{
    struct collection c = {
        .ground = ground, .subject = subject, .span_ns = plx_rollup_span_ns(level)};
    int err = collect(reader, from, to, level, &c);
    if (err == 0) {
        conclude(&c, from, to, ret);
    } else {
        for (uint32_t i = 0; i < c.n_regions; i++)
            free(c.regions[i]);
        free(c.regions);
    }
    free(c.verdicts);
    free(c.cells);
    free(c.fine);
    return err;
}

void plx_uptime_report_fini(struct plx_uptime_report *report)
{
    for (uint32_t i = 0; i < report->uptime.n_locations; i++)
        free(report->regions[i]);
    free(report->regions);
    free(report->locations);
    *report = (struct plx_uptime_report){0};
}
