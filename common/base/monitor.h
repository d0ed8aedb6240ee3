/* A monitor: what to watch and what to make of it, as people wrote it.
 *
 * Owned strings and arrays live on the heap; a zeroed struct is an empty monitor.
 * The schema (keys, units, defaults) is in DESIGN order; common/schema reads it from
 * YAML, proto/wire carries it, and both go through plx_monitor_check. */
#ifndef PLX_BASE_MONITOR_H
#define PLX_BASE_MONITOR_H

#include "base/greeting.h"
#include "base/outcome.h"
#include "base/time.h"
#include "base/why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What counts as good. Values are on the wire and in the database. */
enum plx_expect {
    PLX_EXPECT_OPEN = 0,
    PLX_EXPECT_REFUSED = 1,
    PLX_EXPECT_FILTERED = 2, /* silence or an ICMP error */
    PLX_EXPECT_CLOSED = 3,   /* refused or filtered */
};

enum plx_handshake {
    PLX_HANDSHAKE_HALF_OPEN = 0, /* SYN, SYN-ACK, RST */
    PLX_HANDSHAKE_FULL = 1,      /* the third ACK too, then RST */
};

enum plx_ip {
    PLX_IP_ANY = 0,
    PLX_IP_4 = 4,
    PLX_IP_6 = 6,
};

/* Which of the addresses that a name leads to are probed. Values are on the wire and in
 * the database. */
enum plx_addresses {
    PLX_ADDRESSES_FIRST = 0, /* the first, in the order of RFC 6724 */
    PLX_ADDRESSES_ALL = 1,
};
/* Addresses of one name that are kept, and probed in one run: the first so many. */
#define PLX_ADDRESSES_MAX 16

/* How many locations must agree before a server verdict; AUTO lets the localiser decide.
 */
enum plx_quorum_rule {
    PLX_QUORUM_AUTO = 0,
    PLX_QUORUM_ANY = 1,
    PLX_QUORUM_MAJORITY = 2,
    PLX_QUORUM_ALL = 3,
    PLX_QUORUM_COUNT = 4, /* `n` agents, or `n` distinct regions, providers, ASNs */
};

enum plx_distinct {
    PLX_DISTINCT_AGENT = 0,
    PLX_DISTINCT_REGION = 1,
    PLX_DISTINCT_PROVIDER = 2,
    PLX_DISTINCT_ASN = 3,
};

struct plx_quorum {
    enum plx_quorum_rule rule;
    enum plx_distinct distinct;
    uint32_t n;
};

struct plx_label {
    char *key;
    char *value;
};

/* Limits of what one monitor may hold. */
#define PLX_MONITOR_LABELS_MAX        32
#define PLX_MONITOR_LOCATIONS_MAX     64
#define PLX_MONITOR_DEPENDS_MAX       16
#define PLX_MONITOR_NOTIFY_MAX        16
#define PLX_MONITOR_RUNBOOK_MAX       1024
#define PLX_MONITOR_SLO_MIN_PPM       500000 /* 50 % */
#define PLX_MONITOR_SLO_MAX_PPM       999999
#define PLX_MONITOR_SLO_WINDOW_NS     (30 * PLX_DAY_NS)
#define PLX_MONITOR_SLO_WINDOW_MIN_NS PLX_HOUR_NS
#define PLX_MONITOR_SLO_WINDOW_MAX_NS (400 * PLX_DAY_NS)
#define PLX_MONITOR_INTERVAL_MIN_NS   (100 * PLX_MS_NS)
#define PLX_MONITOR_INTERVAL_MAX_NS   PLX_DAY_NS
#define PLX_MONITOR_TIMEOUT_MIN_NS    (10 * PLX_MS_NS)
#define PLX_MONITOR_TIMEOUT_MAX_NS    (60 * PLX_SEC_NS)

struct plx_monitor {
    uint64_t id; /* given by the store, 0 before */
    char *name;  /* unique; default "host:port" */
    char *host;  /* DNS name or address literal */
    uint16_t port;
    int64_t interval_ns;
    int64_t timeout_ns; /* <= interval */

    char **locations; /* "all", a region, or "key=value" */
    size_t n_locations;
    struct plx_label *labels;
    size_t n_labels;
    char **depends_on; /* names of monitors */
    size_t n_depends_on;
    char **notify; /* names of receivers or routes; none: the routes decide */
    size_t n_notify;

    enum plx_expect expect;
    enum plx_handshake handshake; /* FULL with a greeting */
    struct plx_greeting greeting;
    enum plx_ip ip;
    enum plx_addresses addresses;
    char *source;              /* address to probe from; NULL: the kernel's choice */
    int64_t degraded_above_ns; /* 0: no latency bound */
    struct plx_quorum quorum;
    uint32_t min_coverage_percent; /* default 50 */
    uint32_t agents_per_location;  /* default 1 */
    bool confirm;                  /* order confirmation probes; default true */
    bool paused;
    char *runbook; /* text or URL shown with a verdict; may be NULL */

    bool alert_on_failure;         /* default true */
    uint32_t consecutive_failures; /* …_before_alert, default 2 */
    uint32_t recovery_successes;   /* default 1 */

    uint32_t slo_ppm;      /* objective of availability in parts per million; 0: none */
    int64_t slo_window_ns; /* that it is about; 0: PLX_MONITOR_SLO_WINDOW_NS */
};

/* A monitor with the documented defaults and nothing else set. */
void plx_monitor_init(struct plx_monitor *m);
/* Frees what it owns and zeroes it; accepts a zeroed one. */
void plx_monitor_fini(struct plx_monitor *m);
/* Copies `src` into the uninitialised `dst`. */
void plx_monitor_copy(struct plx_monitor *dst, const struct plx_monitor *src);
/* True if all but the id are the same. */
bool plx_monitor_equal(const struct plx_monitor *a, const struct plx_monitor *b);

/* Setters that copy. */
void plx_monitor_set_text(char **field, const char *text);
void plx_monitor_add_location(struct plx_monitor *m, const char *location);
void plx_monitor_add_label(struct plx_monitor *m, const char *key, const char *value);
void plx_monitor_add_depends_on(struct plx_monitor *m, const char *name);
void plx_monitor_add_notify(struct plx_monitor *m, const char *name);
/* Gives the monitor the default name "host:port" ("[v6]:port") if it has none. */
void plx_monitor_default_name(struct plx_monitor *m);

/* Whether every field is within its limits and they fit one another. Returns 0 or
 * PLX_EINVAL; `ret_field` (may be NULL) then names the YAML key at fault. */
int plx_monitor_check(const struct plx_monitor *m, const char **ret_field,
                      struct plx_why *why);

/* The one table of words for each enum: token of a value, value of a token (or -1). */
const char *plx_expect_token(enum plx_expect e);
int plx_expect_parse(const char *token);
/* True if `outcome` is evidence that the expectation is not met; false for a good one
 * and for what is local. */
bool plx_expect_is_bad(enum plx_expect expect, enum plx_outcome outcome);
const char *plx_handshake_token(enum plx_handshake h);
int plx_handshake_parse(const char *token);
const char *plx_ip_token(enum plx_ip ip);
int plx_ip_parse(const char *token);
const char *plx_addresses_token(enum plx_addresses addresses);
int plx_addresses_parse(const char *token);

#define PLX_SLO_TEXT_MAX 16
/* "99.95%" of 999500. */
const char *plx_slo_format(uint32_t ppm, char buf[PLX_SLO_TEXT_MAX]);
/* "99.95%" or "99.95", to four digits behind the point. Returns 0 or PLX_EINVAL. */
int plx_slo_parse(const char *text, uint32_t *ret_ppm);

#define PLX_QUORUM_TEXT_MAX 40
/* "auto", "any", "majority", "all", "3", "2 of distinct(region)". */
const char *plx_quorum_format(struct plx_quorum q, char buf[PLX_QUORUM_TEXT_MAX]);
/* Returns 0 or PLX_EINVAL. */
int plx_quorum_parse(const char *text, struct plx_quorum *ret);

#endif
