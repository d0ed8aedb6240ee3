#include "cli/pages.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void *resized(void *array, size_t n, size_t size)
{
    void *p = realloc(array, n * size);
    if (!p)
        abort();
    return p;
}

void plx_pages_fini(struct plx_pages *pages)
{
    for (size_t i = 0; i < pages->n; i++) {
        free(pages->list[i].scope);
        free(pages->list[i].sentence);
        free(pages->list[i].members);
    }
    free(pages->list);
    free(pages->seats);
    *pages = (struct plx_pages){0};
}

static struct plx_pages_seat *seat_of(struct plx_pages *pages, uint32_t monitor)
{
    if (monitor >= pages->n_seats) {
        size_t n = 2 * (size_t)monitor + 16;
        pages->seats = resized(pages->seats, n, sizeof *pages->seats);
        memset(&pages->seats[pages->n_seats], 0,
               (n - pages->n_seats) * sizeof *pages->seats);
        pages->n_seats = n;
    }
    return &pages->seats[monitor];
}

static bool is_open(const struct plx_page *page)
{
    return page->n_down > 0;
}

static uint32_t find_open(const struct plx_pages *pages, enum plx_judge_verdict verdict,
                          const char *scope)
{
    for (size_t i = pages->n; i-- > 0 && scope[0];) { /* the unnamed is shared by none */
        const struct plx_page *p = &pages->list[i];
        if (is_open(p) && p->verdict == verdict && strcmp(p->scope, scope) == 0)
            return (uint32_t)i;
    }
    return PLX_PAGE_NONE;
}

static uint32_t new_page(struct plx_pages *pages, struct plx_wall at,
                         enum plx_judge_verdict verdict, const char *scope,
                         const char *sentence)
{
    if ((pages->n & (pages->n + 1)) == 0) /* one less than a power of two */
        pages->list = resized(pages->list, 2 * pages->n + 2, sizeof *pages->list);
    pages->list[pages->n] = (struct plx_page){
        .from = at,
        .verdict = verdict,
        .scope = plx_text_dup(scope),
        .sentence = plx_text_dup(sentence),
    };
    return (uint32_t)pages->n++;
}

static void add_member(struct plx_page *page, uint32_t monitor)
{
    for (size_t i = 0; i < page->n_members; i++)
        if (page->members[i] == monitor)
            return;
    page->members = resized(page->members, page->n_members + 1, sizeof *page->members);
    page->members[page->n_members++] = monitor;
}

static void sit(struct plx_pages *pages, struct plx_pages_seat *seat, uint32_t monitor,
                uint32_t page)
{
    seat->page = page + 1;
    pages->list[page].n_down++;
    add_member(&pages->list[page], monitor);
}

static void leave(struct plx_pages *pages, struct plx_pages_seat *seat,
                  struct plx_wall at)
{
    if (seat->page == 0)
        return;
    struct plx_page *page = &pages->list[seat->page - 1];
    seat->page = 0;
    if (--page->n_down == 0)
        page->until = at;
}

/* The cause turned out to be another one: the page goes by that name from now on. */
static void rename_page(struct plx_page *page, enum plx_judge_verdict verdict,
                        const char *scope)
{
    page->verdict = verdict;
    free(page->scope);
    page->scope = plx_text_dup(scope);
}

/* A monitor of a page turned out to belong to another one, which takes its history over
 * if nobody else is left on the old one. */
static void move(struct plx_pages *pages, struct plx_pages_seat *seat, uint32_t monitor,
                 uint32_t to, struct plx_wall at)
{
    uint32_t old = seat->page - 1;
    leave(pages, seat, at);
    sit(pages, seat, monitor, to);
    struct plx_page *from = &pages->list[old], *page = &pages->list[to];
    if (is_open(from))
        return;
    from->merged = true;
    for (size_t i = 0; i < from->n_members; i++)
        add_member(page, from->members[i]);
    if (from->from.ns < page->from.ns)
        page->from = from->from;
}

uint32_t plx_pages_verdict(struct plx_pages *pages, struct plx_wall at, uint32_t monitor,
                           enum plx_judge_verdict verdict, const char *scope,
                           const char *sentence)
{
    struct plx_pages_seat *seat = seat_of(pages, monitor);
    uint32_t open;
    seat->known = true;
    seat->verdict = verdict;
    if (verdict == PLX_JUDGE_INCONCLUSIVE)
        return seat->page - 1; /* says nothing: 0 - 1 is PLX_PAGE_NONE */
    if (!plx_judge_verdict_is_down(verdict)) {
        leave(pages, seat, at);
        return PLX_PAGE_NONE;
    }
    open = find_open(pages, verdict, scope);
    if (open != PLX_PAGE_NONE && seat->page == open + 1)
        return open;
    if (open != PLX_PAGE_NONE && seat->page > 0)
        move(pages, seat, monitor, open, at);
    else if (open != PLX_PAGE_NONE)
        sit(pages, seat, monitor, open);
    else if (seat->page > 0 && scope[0])
        rename_page(&pages->list[seat->page - 1], verdict, scope);
    else if (seat->page == 0)
        sit(pages, seat, monitor, new_page(pages, at, verdict, scope, sentence));
    return seat->page - 1;
}

const char *plx_page_class(const struct plx_page *page)
{
    switch (page->verdict) {
    case PLX_JUDGE_SERVICE_DOWN:
        return plx_judge_class_token(PLX_JUDGE_CLASS_SERVICE);
    case PLX_JUDGE_HOST_DOWN:
        return plx_judge_class_token(PLX_JUDGE_CLASS_HOST);
    case PLX_JUDGE_NETWORK_DOWN:
        return plx_judge_class_token(PLX_JUDGE_CLASS_NETWORK);
    case PLX_JUDGE_DNS_FAILURE:
        return plx_judge_class_token(PLX_JUDGE_CLASS_DNS);
    default:
        return plx_judge_class_token(PLX_JUDGE_CLASS_NONE);
    }
}

/* ---- comparing ---- */

static int64_t start_of(const struct plx_page *p, const struct plx_pages_span *span)
{
    return p->from.ns < span->from.ns ? span->from.ns : p->from.ns;
}

static int64_t end_of(const struct plx_page *p, const struct plx_pages_span *span)
{
    return p->until.ns > 0 && p->until.ns < span->until.ns ? p->until.ns : span->until.ns;
}

static bool counts(const struct plx_page *p, const struct plx_pages_span *span)
{
    return !p->merged && start_of(p, span) < span->until.ns &&
           (p->until.ns == 0 || p->until.ns > span->from.ns);
}

static bool shares_member(const struct plx_page *a, const struct plx_page *b)
{
    for (size_t i = 0; i < a->n_members; i++)
        for (size_t k = 0; k < b->n_members; k++)
            if (a->members[i] == b->members[k])
                return true;
    return false;
}

static bool same_name(const struct plx_page *a, const struct plx_page *b)
{
    return a->verdict == b->verdict &&
           (!a->scope[0] || !b->scope[0] || strcmp(a->scope, b->scope) == 0);
}

static bool meet(const struct plx_page *a, const struct plx_page *b,
                 const struct plx_pages_span *span)
{
    return start_of(a, span) <= end_of(b, span) + span->tolerance_ns &&
           start_of(b, span) <= end_of(a, span) + span->tolerance_ns;
}

/* The page of `then` that tells of the same trouble: first by name, then by members. */
static size_t find_match(const struct plx_page *page, const struct plx_pages *then,
                         const bool *taken, const struct plx_pages_span *span)
{
    size_t best = then->n;
    for (size_t i = 0; i < then->n; i++) {
        const struct plx_page *t = &then->list[i];
        if (taken[i] || !counts(t, span) || !meet(page, t, span))
            continue;
        if (same_name(page, t))
            return i;
        if (best == then->n && shares_member(page, t))
            best = i;
    }
    return best;
}

static struct plx_pages_pair pair_up(const struct plx_page *now,
                                     const struct plx_page *then,
                                     const struct plx_pages_span *span)
{
    struct plx_pages_pair pair = {
        .kind = PLX_PAGES_SAME,
        .now = now,
        .then = then,
        .starts_ns = start_of(now, span) - start_of(then, span),
        .ends_ns = end_of(now, span) - end_of(then, span),
    };
    if (!same_name(now, then))
        pair.kind = PLX_PAGES_OTHERWISE;
    else if (pair.starts_ns > span->tolerance_ns)
        pair.kind = PLX_PAGES_LATER;
    else if (pair.starts_ns < -span->tolerance_ns)
        pair.kind = PLX_PAGES_EARLIER;
    return pair;
}

static int64_t when(const struct plx_pages_pair *pair)
{
    return pair->now ? pair->now->from.ns : pair->then->from.ns;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = when(a), y = when(b);
    return x < y ? -1 : x > y;
}

void plx_pages_compare(const struct plx_pages *now, const struct plx_pages *then,
                       const struct plx_pages_span *span, struct plx_pages_pair **ret,
                       size_t *ret_n)
{
    struct plx_pages_pair *list = calloc(now->n + then->n + 1, sizeof *list);
    bool *taken = calloc(then->n + 1, sizeof *taken);
    size_t n = 0;
    if (!list || !taken)
        abort();
    for (size_t i = 0; i < now->n; i++) {
        const struct plx_page *page = &now->list[i];
        if (!counts(page, span))
            continue;
        size_t match = find_match(page, then, taken, span);
        if (match < then->n) {
            taken[match] = true;
            list[n++] = pair_up(page, &then->list[match], span);
        } else if (!page->unpaged) {
            list[n++] = (struct plx_pages_pair){.kind = PLX_PAGES_ONLY_NOW, .now = page};
        }
    }
    for (size_t i = 0; i < then->n; i++)
        if (!taken[i] && counts(&then->list[i], span) && !then->list[i].unpaged)
            list[n++] = (struct plx_pages_pair){.kind = PLX_PAGES_ONLY_THEN,
                                                .then = &then->list[i]};
    free(taken);
    qsort(list, n, sizeof *list, by_time);
    *ret = list;
    *ret_n = n;
}

const char *plx_pages_kind_token(enum plx_pages_kind kind)
{
    static const char *const tokens[] = {
        [PLX_PAGES_SAME] = "same",           [PLX_PAGES_EARLIER] = "earlier",
        [PLX_PAGES_LATER] = "later",         [PLX_PAGES_OTHERWISE] = "otherwise",
        [PLX_PAGES_ONLY_NOW] = "would_page", [PLX_PAGES_ONLY_THEN] = "would_not_page",
    };
    return tokens[kind];
}
