/* Where a path broke: the narrowest place that traces support.
 *
 * Given are traces of one target, from locations that fail and from some that do not, and
 * what each of them saw in good times. A trace names the hops whose answers came back.
 * From a failing location the place lies after the last hop that answered and before the
 * first one that used to and does not; a hop that rejects is named by its own signature.
 * Both ends belong to the place: the router before a gap may be what drops, and the one
 * after it what is dead. A silent stretch may as well be a way back that is broken, which
 * no trace from this side can tell: the sentence says so. The places of several locations
 * are one only where they agree.
 *
 * Pure. docs/TRACES.md says what it cannot tell. */
#ifndef PLX_CORE_PLACE_H
#define PLX_CORE_PLACE_H

#include "base/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_PLACE_VIEWS_MAX 16 /* more are left out */
#define PLX_PLACE_TEXT_MAX  768

/* NAME, value, token */
#define PLX_PLACE_TABLE(X)                                                               \
    X(NONE, 0, "none")             /* nothing fails */                                   \
    X(UNKNOWN, 1, "unknown")       /* it fails, and the traces do not say where */       \
    X(NEAR_AGENT, 2, "near_agent") /* before the first hop */                            \
    X(BETWEEN, 3, "between")       /* from `after` to `before` */                        \
    X(AT_HOP, 4, "at_hop")         /* at `after` */                                      \
    X(AT_TARGET, 5, "at_target")   /* the target, or a filter right in front of it */

enum plx_place_kind {
#define X(name, value, token) PLX_PLACE_##name = (value),
    PLX_PLACE_TABLE(X)
#undef X
};
/* "between", …; never NULL. */
const char *plx_place_token(enum plx_place_kind kind);

/* One location. */
struct plx_place_view {
    const char *agent, *region;
    const struct plx_trace *now;
    const struct plx_trace *before; /* in good times; NULL: not known */
};

/* What a location that gets through has in common with the place. */
enum plx_place_share {
    PLX_PLACE_APART,   /* nothing */
    PLX_PLACE_END,     /* the hop before which it broke */
    PLX_PLACE_THROUGH, /* both ends: it gets through there */
};

/* One location's own finding. */
struct plx_place_part {
    enum plx_place_kind kind;
    /* The last hop that answered; the hop that rejects. Family 0: none. */
    struct plx_addr after;
    /* The first that is missing. Family 0: the target. */
    struct plx_addr before;
    bool maybe_return; /* silence only: the way back may be what is broken */
    bool known_next;   /* `before` comes from good times, not from not knowing better */
    bool changed; /* the way itself is another than in good times, from `was` on … */
    struct plx_addr was, is; /* … to `is` */
    uint8_t n_flows, n_failing;
    struct plx_hop reject; /* kind REJECT: what the hop said */
    enum plx_place_share share;
};

struct plx_place {
    enum plx_place_kind kind;
    struct plx_addr after, before;
    bool maybe_return;
    bool selective; /* others get through the same hops: a filter or the way back */
    /* The locations' findings name nothing in common: see parts[]. They may still be one
     * router with several addresses. */
    bool spread;
    bool partial; /* only some flows fail: one of several parallel ways */
    uint32_t n_flows, n_failing_flows; /* over the failing locations */
    uint32_t n_failing, n_working;     /* locations */
    size_t n_parts;                    /* as the views given */
    struct plx_place_part parts[PLX_PLACE_VIEWS_MAX];
    char sentence[PLX_PLACE_TEXT_MAX];
};

void plx_place_find(const struct plx_place_view *views, size_t n, struct plx_place *ret);

#endif
