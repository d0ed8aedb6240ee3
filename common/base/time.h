/* Two kinds of time that do not mix, and durations.
 *
 * `struct plx_mono` is a reading of the monotonic clock: intervals, deadlines, ages.
 * `struct plx_wall` is a reading of the wall clock (Unix time, UTC): people and the
 * database. Both hold nanoseconds. Durations are plain int64_t named `…_ns`.
 * Nothing here reads a clock; common/sys/clock is the only reader. */
#ifndef PLX_BASE_TIME_H
#define PLX_BASE_TIME_H

#include <stddef.h>
#include <stdint.h>

#define PLX_US_NS   INT64_C(1000)
#define PLX_MS_NS   INT64_C(1000000)
#define PLX_SEC_NS  INT64_C(1000000000)
#define PLX_MIN_NS  (60 * PLX_SEC_NS)
#define PLX_HOUR_NS (60 * PLX_MIN_NS)
#define PLX_DAY_NS  (24 * PLX_HOUR_NS)

struct plx_mono {
    int64_t ns;
};

struct plx_wall {
    int64_t ns;
};

static inline struct plx_mono plx_mono_add(struct plx_mono t, int64_t d_ns)
{
    return (struct plx_mono){t.ns + d_ns};
}

/* a - b, in nanoseconds. */
static inline int64_t plx_mono_diff(struct plx_mono a, struct plx_mono b)
{
    return a.ns - b.ns;
}

static inline struct plx_wall plx_wall_add(struct plx_wall t, int64_t d_ns)
{
    return (struct plx_wall){t.ns + d_ns};
}

static inline int64_t plx_wall_diff(struct plx_wall a, struct plx_wall b)
{
    return a.ns - b.ns;
}

/* Parses a duration as people write it: "30s", "1m", "1h30m", "500ms", "90 s",
 * "5 minutes", "1 hour", "1.5s". A bare number has no unit and is refused, except 0.
 * Returns 0, or PLX_EINVAL (nothing parsed, unknown unit, overflow, negative). */
int plx_duration_parse(const char *text, int64_t *ret_ns);

#define PLX_DURATION_TEXT_MAX 32
/* Writes `ns` exactly as the shortest of the units above ("1m30s", "250ms"); such text
 * parses back to the same value. Returns `buf`. */
const char *plx_duration_format(int64_t ns, char buf[PLX_DURATION_TEXT_MAX]);

/* Writes `ns` rounded for people: "3.2ms", "47s", "5m", "3h12m", "8d". Returns `buf`. */
const char *plx_duration_human(int64_t ns, char buf[PLX_DURATION_TEXT_MAX]);

#define PLX_WALL_TEXT_MAX 48
/* RFC 3339 in UTC with milliseconds: "2026-11-23T02:19:48.123Z". Returns `buf`. */
const char *plx_wall_format(struct plx_wall t, char buf[PLX_WALL_TEXT_MAX]);

/* Parses RFC 3339 (any offset, optional fraction), years 1970 to 2200. Returns 0 or
 * PLX_EINVAL. */
int plx_wall_parse(const char *text, struct plx_wall *ret_t);

#endif
