/* Time zones from the system's database (TZif files, RFC 8536), by name, without the
 * process-wide TZ. A loaded zone is plain data and may be used by any thread. */
#ifndef PLX_SYS_ZONE_H
#define PLX_SYS_ZONE_H

#include "base/time.h"
#include "base/why.h"

#include <stdint.h>

struct plx_zone;

/* "UTC", "Europe/Berlin", … PLX_EINVAL (no such zone, or no zone's name), PLX_EIO
 * (unreadable) or PLX_ECORRUPT with a sentence. Gives `ret`. */
int plx_zone_load(const char *name, struct plx_zone **ret, struct plx_why *why);
void plx_zone_destroy(struct plx_zone **zone);

/* Seconds east of UTC at that moment. */
int32_t plx_zone_offset(const struct plx_zone *zone, struct plx_wall at);

/* The moment at which the zone's clocks show `day` (days since 1970-01-01) and `seconds`
 * since its midnight. A time that a change of clocks skips becomes the moment of the
 * change's other side (02:30 in spring: 03:30); one that comes twice is the first. */
struct plx_wall plx_zone_instant(const struct plx_zone *zone, int64_t day,
                                 int32_t seconds);

/* The day the zone's calendars show at that moment, in days since 1970-01-01. */
int64_t plx_zone_day(const struct plx_zone *zone, struct plx_wall at);
/* 0 for Monday. */
unsigned plx_zone_weekday(int64_t day);

#endif
