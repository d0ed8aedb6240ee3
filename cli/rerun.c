#include "cli/rerun.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct plx_rerun_fault {
    uint64_t id;
    enum plx_judge_class class;
    bool page;
    char *entity;
};

void plx_rerun_init(struct plx_rerun *run, const struct plx_judge_policy *policy,
                    const struct plx_lines_rules *rules)
{
    *run = (struct plx_rerun){.judge = plx_judge_new(policy)};
    run->lines.judge = run->judge;
    run->lines.rules = rules;
    run->lines.keep_recorded = true;
}

void plx_rerun_fini(struct plx_rerun *run)
{
    plx_lines_fini(&run->lines);
    plx_judge_destroy(&run->judge);
    plx_pages_fini(&run->pages);
    for (size_t i = 0; i < run->n_faults; i++)
        free(run->faults[i].entity);
    free(run->faults);
    *run = (struct plx_rerun){0};
}

/* ---- faults ---- */

static struct plx_rerun_fault *fault_of(const struct plx_rerun *run, uint64_t id)
{
    for (size_t i = 0; i < run->n_faults; i++)
        if (run->faults[i].id == id)
            return &run->faults[i];
    return NULL;
}

static struct plx_rerun_fault *new_fault(struct plx_rerun *run, uint64_t id)
{
    if (run->n_faults == run->cap_faults) {
        run->cap_faults = 2 * run->cap_faults + 16;
        run->faults = realloc(run->faults, run->cap_faults * sizeof *run->faults);
        if (!run->faults)
            abort();
    }
    struct plx_rerun_fault *f = &run->faults[run->n_faults++];
    *f = (struct plx_rerun_fault){.id = id};
    return f;
}

static void forget_fault(struct plx_rerun *run, struct plx_rerun_fault *f)
{
    free(f->entity);
    *f = run->faults[--run->n_faults];
}

static void note_fault(struct plx_rerun *run, const struct plx_judge_fault *said)
{
    struct plx_rerun_fault *f = fault_of(run, said->id);
    if (said->change == PLX_JUDGE_CLOSED) {
        if (f)
            forget_fault(run, f);
        return;
    }
    if (!f)
        f = new_fault(run, said->id);
    free(f->entity);
    f->entity = plx_text_dup(said->entity);
    f->class = said->class;
    f->page = said->page;
    for (size_t i = 0; said->page && i < run->pages.n; i++)
        if (run->pages.list[i].fault == said->id)
            run->pages.list[i].unpaged = false;
}

/* The one the verdict speaks of: a server-side one goes before others. */
static const struct plx_rerun_fault *spoken_of(const struct plx_rerun *run,
                                               const uint64_t *faults, size_t n)
{
    const struct plx_rerun_fault *first = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct plx_rerun_fault *f = fault_of(run, faults[i]);
        if (f && plx_judge_class_is_server(f->class))
            return f;
        first = first ? first : f;
    }
    return first;
}

const char *plx_rerun_scope(const struct plx_rerun *run, const uint64_t *faults, size_t n)
{
    const struct plx_rerun_fault *f = spoken_of(run, faults, n);
    return f ? f->entity : "";
}

/* ---- verdicts ---- */

/* A service that is down by its quorum alone, without a fault, is its own scope. */
static const char *scope_or_own(const struct plx_rerun *run, const char *scope,
                                enum plx_judge_verdict verdict, uint32_t monitor)
{
    bool own = !scope[0] && verdict == PLX_JUDGE_SERVICE_DOWN;
    return own ? run->lines.monitors.names[monitor] : scope;
}

static void note_verdict(struct plx_rerun *run, struct plx_wall now,
                         const struct plx_judge_ruling *ruling)
{
    const struct plx_rerun_fault *f = spoken_of(run, ruling->faults, ruling->n_faults);
    uint32_t had =
        run->pages.n_seats > ruling->monitor ? run->pages.seats[ruling->monitor].page : 0;
    size_t n_before = run->pages.n;
    if (run->pages.n_seats > ruling->monitor && run->pages.seats[ruling->monitor].known &&
        run->pages.seats[ruling->monitor].verdict == ruling->verdict)
        return; /* the court reports changes of the verdict only */
    uint32_t page = plx_pages_verdict(
        &run->pages, now, ruling->monitor, ruling->verdict,
        scope_or_own(run, f ? f->entity : "", ruling->verdict, ruling->monitor),
        ruling->why ? ruling->why : "");
    if (page == PLX_PAGE_NONE || !f || ruling->verdict == PLX_JUDGE_INCONCLUSIVE)
        return;
    struct plx_page *p = &run->pages.list[page];
    p->fault = f->id;
    if (run->pages.n > n_before)
        p->unpaged = !f->page;
    else if (had != page + 1 && f->page)
        p->unpaged = false;
}

static void tick(struct plx_rerun *run, struct plx_wall now)
{
    const struct plx_judge_output *out;
    plx_judge_tick(run->judge, now, &out);
    run->n_ticks++;
    for (size_t i = 0; i < out->n_faults; i++)
        note_fault(run, &out->faults[i]);
    for (size_t i = 0; i < out->n_verdicts; i++)
        note_verdict(run, now, &out->verdicts[i]);
}

int plx_rerun_line(struct plx_rerun *run, const char *text, size_t len,
                   struct plx_why *why)
{
    struct plx_line line;
    int err = plx_lines_read(&run->lines, text, len, &line, why);
    if (err < 0)
        return err;
    if (line.type == PLX_LINE_HEARTBEAT) {
        plx_judge_heartbeat(run->judge, line.now, line.agent);
    } else if (line.type == PLX_LINE_RESULT) {
        run->n_results++;
        run->n_left_out += plx_judge_result(run->judge, &line.result) == PLX_ENOTFOUND;
    } else if (line.type == PLX_LINE_TICK) {
        tick(run, line.now);
    } else {
        return 0;
    }
    if (run->first.ns == 0)
        run->first = line.now;
    run->last = line.now;
    return 0;
}

/* ---- what was recorded ---- */

static int by_time(const void *a, const void *b)
{
    const struct plx_recorded *const *x = a, *const *y = b;
    if ((*x)->at.ns != (*y)->at.ns)
        return (*x)->at.ns < (*y)->at.ns ? -1 : 1;
    return *x < *y ? -1 : *x > *y; /* as they stood */
}

/* What a monitor's first recorded change says it was before. */
static void note_was(const struct plx_rerun *run, struct plx_pages *pages,
                     const struct plx_recorded *r)
{
    if (r->monitor < pages->n_seats && pages->seats[r->monitor].known)
        return;
    for (int v = 0; v < PLX_JUDGE_VERDICT_COUNT_; v++)
        if (strcmp(plx_judge_verdict_token((enum plx_judge_verdict)v), r->was) == 0 &&
            plx_judge_verdict_is_down((enum plx_judge_verdict)v))
            plx_pages_verdict(
                pages, (struct plx_wall){1}, r->monitor, (enum plx_judge_verdict)v,
                scope_or_own(run, "", (enum plx_judge_verdict)v, r->monitor), "");
}

void plx_rerun_recorded(const struct plx_rerun *run, struct plx_pages *ret)
{
    const struct plx_lines *lines = &run->lines;
    const struct plx_recorded **sorted = calloc(lines->n_recorded + 1, sizeof *sorted);
    if (!sorted)
        abort();
    for (size_t i = 0; i < lines->n_recorded; i++)
        sorted[i] = &lines->recorded[i];
    qsort(sorted, lines->n_recorded, sizeof *sorted, by_time);
    *ret = (struct plx_pages){0};
    for (size_t i = 0; i < lines->n_recorded; i++) {
        note_was(run, ret, sorted[i]);
        plx_pages_verdict(
            ret, sorted[i]->at, sorted[i]->monitor, sorted[i]->verdict,
            scope_or_own(run, sorted[i]->scope, sorted[i]->verdict, sorted[i]->monitor),
            sorted[i]->why);
    }
    free(sorted);
}
