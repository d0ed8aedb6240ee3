#include "base/time.h"

#include "base/err.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t ns;
};

static const struct unit units[] = {
    {"ns", 1},
    {"us", PLX_US_NS},
    {"ms", PLX_MS_NS},
    {"millisecond", PLX_MS_NS},
    {"milliseconds", PLX_MS_NS},
    {"s", PLX_SEC_NS},
    {"sec", PLX_SEC_NS},
    {"secs", PLX_SEC_NS},
    {"second", PLX_SEC_NS},
    {"seconds", PLX_SEC_NS},
    {"m", PLX_MIN_NS},
    {"min", PLX_MIN_NS},
    {"mins", PLX_MIN_NS},
    {"minute", PLX_MIN_NS},
    {"minutes", PLX_MIN_NS},
    {"h", PLX_HOUR_NS},
    {"hour", PLX_HOUR_NS},
    {"hours", PLX_HOUR_NS},
    {"d", PLX_DAY_NS},
    {"day", PLX_DAY_NS},
    {"days", PLX_DAY_NS},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_spaces(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

static const struct unit *find_unit(const char *p, size_t len)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].name) == len && memcmp(units[i].name, p, len) == 0)
            return &units[i];
    return NULL;
}

/* Digits with an optional fraction, as whole and billionths. */
static const char *parse_number(const char *p, int64_t *ret_whole,
                                int64_t *ret_billionths)
{
    if (!is_digit(*p))
        return NULL;
    int64_t whole = 0;
    for (; is_digit(*p); p++) {
        if (whole > INT64_MAX / 100)
            return NULL;
        whole = whole * 10 + (*p - '0');
    }
    int64_t fraction = 0;
    if (*p == '.') {
        p++;
        if (!is_digit(*p))
            return NULL;
        int64_t scale = 100000000;
        for (; is_digit(*p); p++, scale /= 10)
            fraction += (*p - '0') * scale;
    }
    *ret_whole = whole;
    *ret_billionths = fraction;
    return p;
}

int plx_duration_parse(const char *text, int64_t *ret_ns)
{
    int64_t total = 0;
    const char *p = skip_spaces(text);
    if (strcmp(p, "0") == 0) {
        *ret_ns = 0;
        return 0;
    }
    if (*p == '\0')
        return PLX_EINVAL;
    while (*p) {
        int64_t whole, billionths, part;
        p = parse_number(p, &whole, &billionths);
        if (!p)
            return PLX_EINVAL;
        p = skip_spaces(p);
        size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz");
        const struct unit *unit = find_unit(p, len);
        if (!unit || __builtin_mul_overflow(whole, unit->ns, &part))
            return PLX_EINVAL;
        if (unit->ns >= PLX_SEC_NS)
            part += billionths * (unit->ns / PLX_SEC_NS);
        else
            part += billionths * unit->ns / PLX_SEC_NS;
        if (__builtin_add_overflow(total, part, &total))
            return PLX_EINVAL;
        p = skip_spaces(p + len);
    }
    *ret_ns = total;
    return 0;
}

const char *plx_duration_format(int64_t ns, char buf[PLX_DURATION_TEXT_MAX])
{
    static const struct unit steps[] = {
        {"h", PLX_HOUR_NS}, {"m", PLX_MIN_NS}, {"s", PLX_SEC_NS},
        {"ms", PLX_MS_NS},  {"us", PLX_US_NS}, {"ns", 1},
    };
    size_t used = 0;
    buf[0] = '\0';
    if (ns <= 0) {
        snprintf(buf, PLX_DURATION_TEXT_MAX, "%s", ns == 0 ? "0s" : "-");
        return buf;
    }
    for (size_t i = 0; i < sizeof steps / sizeof *steps && ns > 0; i++) {
        int64_t n = ns / steps[i].ns;
        if (n == 0)
            continue;
        ns -= n * steps[i].ns;
        int w = snprintf(buf + used, PLX_DURATION_TEXT_MAX - used, "%" PRId64 "%s", n,
                         steps[i].name);
        if (w < 0 || (size_t)w >= PLX_DURATION_TEXT_MAX - used)
            break;
        used += (size_t)w;
    }
    return buf;
}

const char *plx_duration_human(int64_t ns, char buf[PLX_DURATION_TEXT_MAX])
{
    const size_t n = PLX_DURATION_TEXT_MAX;
    if (ns < 0)
        ns = 0;
    double s = (double)ns / (double)PLX_SEC_NS;
    int64_t whole = ns / PLX_SEC_NS;
    if (s < 1e-3)
        snprintf(buf, n, "%.0fus", s * 1e6);
    else if (s < 1)
        snprintf(buf, n, "%.1fms", s * 1e3);
    else if (s < 10)
        snprintf(buf, n, "%.1fs", s);
    else if (whole < 120)
        snprintf(buf, n, "%" PRId64 "s", whole);
    else if (whole < 7200)
        snprintf(buf, n, "%" PRId64 "m", whole / 60);
    else if (whole < 48 * 3600)
        snprintf(buf, n, "%" PRId64 "h%02" PRId64 "m", whole / 3600, whole % 3600 / 60);
    else
        snprintf(buf, n, "%" PRId64 "d", whole / 86400);
    return buf;
}

/* Days since 1970-01-01 of a civil date and back: Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms". gmtime would read nothing forbidden, but timegm reads TZ.
 */
static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, int64_t *m, int64_t *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = yoe + era * 400 + (*m <= 2);
}

const char *plx_wall_format(struct plx_wall t, char buf[PLX_WALL_TEXT_MAX])
{
    int64_t ms = t.ns / PLX_MS_NS - (t.ns % PLX_MS_NS < 0);
    int64_t days = ms / 86400000 - (ms % 86400000 < 0);
    int64_t rest = ms - days * 86400000;
    int64_t y, mo, d;
    civil_from_days(days, &y, &mo, &d);
    snprintf(buf, PLX_WALL_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)y,
             (int)mo, (int)d, (int)(rest / 3600000), (int)(rest / 60000 % 60),
             (int)(rest / 1000 % 60), (int)(rest % 1000));
    return buf;
}

/* "+hh:mm", "-hh:mm" or "Z" in minutes. */
static int parse_offset(const char *p, int *ret_minutes)
{
    int h, m, used = 0;
    char sign;
    if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0) {
        *ret_minutes = 0;
        return 0;
    }
    if (sscanf(p, "%c%2d:%2d%n", &sign, &h, &m, &used) != 3 || p[used] != '\0')
        return PLX_EINVAL;
    if ((sign != '+' && sign != '-') || h < 0 || h > 23 || m < 0 || m > 59)
        return PLX_EINVAL;
    *ret_minutes = (sign == '-' ? -1 : 1) * (h * 60 + m);
    return 0;
}

int plx_wall_parse(const char *text, struct plx_wall *ret_t)
{
    int y, mo, d, h, mi, s, used = 0, offset_min;
    if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &y, &mo, &d, &h, &mi, &s,
               &used) != 6 ||
        used == 0)
        return PLX_EINVAL;
    if (y < 1970 || y > 2200 || mo < 1 || mo > 12 || d < 1 || d > 31 || h < 0 || h > 23 ||
        mi < 0 || mi > 59 || s < 0 || s > 60)
        return PLX_EINVAL;
    const char *p = text + used;
    int64_t fraction = 0;
    if (*p == '.') {
        int64_t scale = 100000000;
        for (p++; is_digit(*p); p++, scale /= 10)
            fraction += (*p - '0') * scale;
    }
    if (parse_offset(p, &offset_min) < 0)
        return PLX_EINVAL;
    int64_t days = days_from_civil(y, mo, d), same_y, same_mo, same_d;
    civil_from_days(days, &same_y, &same_mo, &same_d);
    if (same_d != d) /* 30 February */
        return PLX_EINVAL;
    int64_t secs = days * 86400 + h * 3600 + mi * 60 + s;
    ret_t->ns = (secs - offset_min * 60) * PLX_SEC_NS + fraction;
    return 0;
}
