/* What public.c gathers and public_text.c writes; for the two only. */
#ifndef PLX_HTTP_PUBLIC_IMPL_H
#define PLX_HTTP_PUBLIC_IMPL_H

#include "coordinator/http/public.h"

enum plx_public_state {
    PLX_PUBLIC_UP,
    PLX_PUBLIC_PARTLY, /* degraded, or unreachable from some places */
    PLX_PUBLIC_DOWN,
    PLX_PUBLIC_PAUSED,
    PLX_PUBLIC_UNKNOWN, /* what we cannot tell, or our own trouble */
};

struct plx_public_monitor {
    const char *name; /* lent by the catalog */
    enum plx_public_state state;
    struct plx_wall since;
};

struct plx_public_incident {
    uint64_t id;
    char *names; /* of its public monitors, owned */
    struct plx_wall opened, closed;
};

struct plx_public_ratio {
    char *name; /* owned */
    double availability;
};

struct plx_public {
    struct plx_desk *desk;
    struct plx_api *api;
    char *title, *url;
    char *key, *value; /* of the label; NULL: all monitors (value within key) */
    /* As last looked. */
    struct plx_mono at;
    uint64_t newest_event, generation;
    struct plx_public_monitor *monitors; /* by name */
    size_t n_monitors;
    struct plx_public_incident *incidents; /* newest first */
    size_t n_incidents;
    struct plx_buf texts[PLX_PUBLIC_WHATS_];
    /* Of 30 days; asked for now and then. */
    struct plx_public_ratio *ratios;
    size_t n_ratios;
    struct plx_mono uptime_at;
    bool asking;
};

/* "up", "partly working", …; never NULL. */
const char *plx_public_word(enum plx_public_state state);
/* The availability over 30 days; -1: not known. */
double plx_public_uptime(const struct plx_public *page, const char *name);

/* ---- public_text.c ---- */

typedef void plx_public_write_fn(const struct plx_public *page, struct plx_buf *out);
/* By enum plx_public_what. */
extern plx_public_write_fn *const plx_public_write[];

#endif
