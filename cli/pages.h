/* Pages: what would wake someone, told from verdicts as they change.
 *
 * One page per cause: monitors that go down with the same scope share one. It lasts until
 * the last of them counts as up again; an "inconclusive" in between ends nothing. The
 * same rule for verdicts judged now and verdicts recorded then, so that they compare. */
#ifndef PLX_CLI_PAGES_H
#define PLX_CLI_PAGES_H

#include "base/time.h"
#include "coordinator/core/judge.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_PAGE_NONE UINT32_MAX

struct plx_page {
    struct plx_wall from;
    struct plx_wall until; /* 0: not over at the end */
    enum plx_judge_verdict verdict;
    char *scope;       /* what broke; "" if not known */
    char *sentence;    /* as it was said first */
    uint32_t *members; /* monitors, in the order they joined */
    size_t n_members;
    size_t n_down;  /* of them now */
    uint64_t fault; /* the judge's, now; 0: not known */
    bool merged;    /* into another one: no page of its own */
    bool unpaged;   /* down, but a consequence of something else that paged */
};

struct plx_pages {
    struct plx_page *list;
    size_t n;
    struct plx_pages_seat {
        bool known;
        enum plx_judge_verdict verdict;
        uint32_t page; /* + 1; 0: none */
    } * seats;         /* by monitor */
    size_t n_seats;
};

void plx_pages_fini(struct plx_pages *pages);

/* A monitor's verdict is `verdict` from `at` on. Copies the texts. Returns the page it is
 * on now, or PLX_PAGE_NONE. */
uint32_t plx_pages_verdict(struct plx_pages *pages, struct plx_wall at, uint32_t monitor,
                           enum plx_judge_verdict verdict, const char *scope,
                           const char *sentence);

/* "service", "host", "network", "dns". */
const char *plx_page_class(const struct plx_page *page);

enum plx_pages_kind {
    PLX_PAGES_SAME,
    PLX_PAGES_EARLIER,
    PLX_PAGES_LATER,
    PLX_PAGES_OTHERWISE, /* the same trouble, called by another name */
    PLX_PAGES_ONLY_NOW,  /* would page, did not */
    PLX_PAGES_ONLY_THEN, /* paged, would not */
};

struct plx_pages_pair {
    enum plx_pages_kind kind;
    const struct plx_page *now;  /* NULL: none */
    const struct plx_page *then; /* NULL: none */
    int64_t starts_ns, ends_ns;  /* now - then; 0 if either has none */
};

struct plx_pages_span {
    struct plx_wall from, until;
    int64_t tolerance_ns;
};

/* Pairs up those that touch the span, in order of time. What began before the span is
 * taken to begin with it. The caller frees the list. */
void plx_pages_compare(const struct plx_pages *now, const struct plx_pages *then,
                       const struct plx_pages_span *span, struct plx_pages_pair **ret,
                       size_t *ret_n);

/* "same", "earlier", "later", "otherwise", "would_page", "would_not_page". */
const char *plx_pages_kind_token(enum plx_pages_kind kind);

#endif
