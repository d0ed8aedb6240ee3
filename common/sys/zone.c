#include "sys/zone.h"

#include "base/err.h"
#include "sys/file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER    "/usr/share/zoneinfo"
#define FILE_MAX  (256 * 1024)
#define NAME_MAX_ 64
#define HEAD      44 /* bytes of a TZif header */
#define CHANGES   10000

struct change {
    int64_t at; /* Unix seconds */
    int32_t offset;
};

/* One half of a POSIX rule: Mm.w.d/time (the only kind the database uses, with Jn and n
 * for a few). */
struct turn {
    char form; /* 'M', 'J', 'n' */
    int month, week, day;
    int32_t seconds;
};

struct plx_zone {
    struct change *changes;
    size_t n_changes;
    int32_t first; /* offset before the first change */
    bool has_rule; /* what holds after the last one */
    int32_t standard, summer;
    bool has_summer;
    struct turn begins, ends;
};

/* ---- civil days (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms") ---- */

static int64_t days_of(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t year_of(int64_t day)
{
    int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    return yoe + era * 400 + (doy >= 306);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

unsigned plx_zone_weekday(int64_t day)
{
    int64_t w = (day + 3) % 7; /* 1970-01-01 was a Thursday */
    return (unsigned)(w < 0 ? w + 7 : w);
}

/* ---- the rule at the end of a file (POSIX TZ) ---- */

static bool skip_name(const char **p)
{
    const char *s = *p;
    if (*s == '<') {
        s = strchr(s, '>');
        if (!s)
            return false;
        *p = s + 1;
        return true;
    }
    while ((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z'))
        s++;
    bool any = s > *p;
    *p = s;
    return any;
}

static bool number(const char **p, int max, int *ret)
{
    int n = 0;
    if (**p < '0' || **p > '9')
        return false;
    while (**p >= '0' && **p <= '9' && n <= max)
        n = n * 10 + *(*p)++ - '0';
    *ret = n;
    return n <= max;
}

/* [+-]h[:m[:s]] */
static bool clock_time(const char **p, int32_t *ret)
{
    int sign = 1, h, m = 0, s = 0;
    if (**p == '+' || **p == '-')
        sign = *(*p)++ == '-' ? -1 : 1;
    if (!number(p, 167, &h))
        return false;
    if (**p == ':' && (++*p, !number(p, 59, &m)))
        return false;
    if (**p == ':' && (++*p, !number(p, 59, &s)))
        return false;
    *ret = sign * (h * 3600 + m * 60 + s);
    return true;
}

static bool read_turn(const char **p, struct turn *turn)
{
    *turn = (struct turn){.form = 'n', .seconds = 7200};
    if (*(*p)++ != ',')
        return false;
    if (**p == 'M') {
        turn->form = *(*p)++;
        if (!number(p, 12, &turn->month) || *(*p)++ != '.' ||
            !number(p, 5, &turn->week) || *(*p)++ != '.' || !number(p, 6, &turn->day) ||
            turn->month < 1 || turn->week < 1)
            return false;
    } else {
        if (**p == 'J')
            turn->form = *(*p)++;
        if (!number(p, 365, &turn->day))
            return false;
    }
    return **p != '/' || (++*p, clock_time(p, &turn->seconds));
}

static bool read_rule(struct plx_zone *zone, const char *p)
{
    if (!skip_name(&p) || !clock_time(&p, &zone->standard))
        return false;
    zone->standard = -zone->standard; /* POSIX counts westwards */
    zone->has_rule = true;
    if (*p == '\0')
        return true;
    zone->has_summer = true;
    zone->summer = zone->standard + 3600;
    if (!skip_name(&p))
        return false;
    if (*p != ',') {
        if (!clock_time(&p, &zone->summer))
            return false;
        zone->summer = -zone->summer;
    }
    return read_turn(&p, &zone->begins) && read_turn(&p, &zone->ends) && *p == '\0';
}

/* Local seconds since 1970 at which the turn comes in a year. */
static int64_t turn_in(const struct turn *turn, int64_t year)
{
    int64_t first = days_of(year, 1, 1), day;
    bool leap = days_of(year + 1, 1, 1) - first == 366;
    if (turn->form == 'J')
        day = first + turn->day - 1 + (leap && turn->day >= 60);
    else if (turn->form == 'n')
        day = first + turn->day;
    else {
        day = days_of(year, turn->month, 1);
        int64_t next = turn->month == 12 ? days_of(year + 1, 1, 1)
                                         : days_of(year, turn->month + 1, 1);
        int sunday_first = (int)(plx_zone_weekday(day) + 1) % 7;
        day += (turn->day - sunday_first + 7) % 7 + 7 * (turn->week - 1);
        while (day >= next)
            day -= 7;
    }
    return day * 86400 + turn->seconds;
}

static int32_t rule_offset(const struct plx_zone *zone, int64_t at)
{
    if (!zone->has_summer)
        return zone->standard;
    int64_t year = year_of(floor_div(at + zone->standard, 86400));
    int64_t begins = turn_in(&zone->begins, year) - zone->standard;
    int64_t ends = turn_in(&zone->ends, year) - zone->summer;
    bool summer = begins < ends ? at >= begins && at < ends : at >= begins || at < ends;
    return summer ? zone->summer : zone->standard;
}

/* ---- the file ---- */

static int64_t big_endian(const unsigned char *p, int n)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

struct counts {
    size_t utc, std, leap, time, type, chars;
};

static bool read_head(const unsigned char *p, size_t left, struct counts *ret)
{
    if (left < HEAD || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
        return false;
    size_t *fields[] = {&ret->utc,  &ret->std,  &ret->leap,
                        &ret->time, &ret->type, &ret->chars};
    for (size_t i = 0; i < 6; i++) {
        int64_t n = big_endian(p + 20 + 4 * i, 4);
        if (n < 0 || n > CHANGES)
            return false;
        *fields[i] = (size_t)n;
    }
    return ret->type > 0;
}

static size_t body_size(const struct counts *c, size_t time_size)
{
    return c->time * (time_size + 1) + c->type * 6 + c->chars +
           c->leap * (time_size + 4) + c->std + c->utc;
}

static bool read_changes(struct plx_zone *zone, const unsigned char *p,
                         const struct counts *c)
{
    const unsigned char *index = p + 8 * c->time, *types = index + c->time;
    zone->changes = calloc(c->time + 1, sizeof *zone->changes);
    if (!zone->changes)
        abort();
    zone->first = (int32_t)big_endian(types, 4);
    for (size_t i = 0; i < c->time; i++) {
        if (index[i] >= c->type)
            return false;
        zone->changes[zone->n_changes++] = (struct change){
            big_endian(p + 8 * i, 8), (int32_t)big_endian(types + 6 * index[i], 4)};
    }
    return true;
}

/* The second, 64-bit block, and the rule behind it. */
static bool parse(struct plx_zone *zone, const unsigned char *p, size_t len)
{
    struct counts c;
    char rule[128];
    if (!read_head(p, len, &c) || len < HEAD + body_size(&c, 4))
        return false;
    size_t skip = HEAD + body_size(&c, 4);
    p += skip;
    len -= skip;
    if (!read_head(p, len, &c) || len < HEAD + body_size(&c, 8) + 2)
        return false;
    if (!read_changes(zone, p + HEAD, &c))
        return false;
    p += HEAD + body_size(&c, 8);
    len -= HEAD + body_size(&c, 8);
    const unsigned char *end = memchr(p + 1, '\n', len - 1);
    if (*p != '\n' || !end || (size_t)(end - p) > sizeof rule)
        return false;
    memcpy(rule, p + 1, (size_t)(end - p) - 1);
    rule[end - p - 1] = '\0';
    return rule[0] == '\0' || read_rule(zone, rule);
}

/* Words between slashes; no way out of the folder. */
static bool is_name(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_ || name[0] == '/' || name[n - 1] == '/')
        return false;
    for (const char *p = name; *p; p++) {
        bool word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                    (*p >= '0' && *p <= '9') || *p == '_' || *p == '-' || *p == '+';
        if (!word && *p != '/')
            return false;
    }
    return true;
}

int plx_zone_load(const char *name, struct plx_zone **ret, struct plx_why *why)
{
    char path[sizeof FOLDER + NAME_MAX_ + 2];
    char *text;
    size_t len;
    if (!is_name(name))
        return plx_why_set(why, PLX_EINVAL, "'%.64s' is no time zone's name", name);
    snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    int err = plx_file_read(path, FILE_MAX, &text, &len, why);
    if (err == PLX_ENOTFOUND || err == PLX_EINVAL)
        return plx_why_set(why, PLX_EINVAL, "there is no time zone '%s'", name);
    if (err < 0)
        return err;
    struct plx_zone *zone = calloc(1, sizeof *zone);
    if (!zone)
        abort();
    bool good = parse(zone, (const unsigned char *)text, len);
    free(text);
    if (!good) {
        plx_zone_destroy(&zone);
        return plx_why_set(why, PLX_EINVAL, "'%s' is no time zone of the database", name);
    }
    *ret = zone;
    return 0;
}

void plx_zone_destroy(struct plx_zone **zone)
{
    if (!*zone)
        return;
    free((*zone)->changes);
    free(*zone);
    *zone = NULL;
}

/* ---- use ---- */

static int32_t offset_at(const struct plx_zone *zone, int64_t at)
{
    size_t lo = 0, hi = zone->n_changes;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (zone->changes[mid].at <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == zone->n_changes && zone->has_rule)
        return rule_offset(zone, at);
    return lo > 0 ? zone->changes[lo - 1].offset : zone->first;
}

int32_t plx_zone_offset(const struct plx_zone *zone, struct plx_wall at)
{
    return offset_at(zone, floor_div(at.ns, PLX_SEC_NS));
}

/* The offsets a day before and a day after bracket any change near the time. */
struct plx_wall plx_zone_instant(const struct plx_zone *zone, int64_t day,
                                 int32_t seconds)
{
    int64_t local = day * 86400 + seconds;
    int32_t before = offset_at(zone, local - 86400),
            after = offset_at(zone, local + 86400);
    int64_t at = local - before;
    if (offset_at(zone, at) != before && offset_at(zone, local - after) == after)
        at = local - after;
    return (struct plx_wall){at * PLX_SEC_NS};
}

int64_t plx_zone_day(const struct plx_zone *zone, struct plx_wall at)
{
    int64_t s = floor_div(at.ns, PLX_SEC_NS);
    return floor_div(s + offset_at(zone, s), 86400);
}
