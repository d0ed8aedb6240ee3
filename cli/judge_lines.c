#include "cli/judge_lines.h"

#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- names -----------------------------------------------------------------------------
 */

void plx_names_fini(struct plx_names *names)
{
    for (uint32_t i = 0; i < names->n; i++)
        free(names->names[i]);
    free(names->names);
    free(names->index);
    *names = (struct plx_names){0};
}

static uint32_t slot_of(const struct plx_names *names, const char *name)
{
    uint32_t mask = names->cap_index - 1;
    uint32_t i = (uint32_t)plx_hash_bytes(name, strlen(name), 0) & mask;
    while (names->index[i] != 0 && strcmp(names->names[names->index[i] - 1], name) != 0)
        i = (i + 1) & mask;
    return i;
}

uint32_t plx_names_find(const struct plx_names *names, const char *name)
{
    if (names->cap_index == 0)
        return UINT32_MAX;
    return names->index[slot_of(names, name)] - 1; /* 0 - 1: unknown */
}

static void grow_index(struct plx_names *names)
{
    names->cap_index = names->cap_index ? names->cap_index * 2 : 64;
    free(names->index);
    names->index = calloc(names->cap_index, sizeof *names->index);
    if (!names->index)
        abort();
    for (uint32_t i = 0; i < names->n; i++)
        names->index[slot_of(names, names->names[i])] = i + 1;
}

uint32_t plx_names_intern(struct plx_names *names, const char *name, uint32_t max)
{
    uint32_t known = plx_names_find(names, name);
    if (known != UINT32_MAX || names->n >= max)
        return known;
    if (names->n == names->cap) {
        names->cap = names->cap ? names->cap * 2 : 32;
        names->names = realloc(names->names, names->cap * sizeof *names->names);
        if (!names->names)
            abort();
    }
    names->names[names->n++] = plx_text_dup(name);
    if (names->cap_index < 2 * names->n)
        grow_index(names);
    else
        names->index[slot_of(names, name)] = names->n;
    return names->n - 1;
}

void plx_lines_fini(struct plx_lines *lines)
{
    for (size_t i = 0; i < lines->n_recorded; i++) {
        free(lines->recorded[i].was);
        free(lines->recorded[i].scope);
        free(lines->recorded[i].why);
    }
    free(lines->recorded);
    lines->recorded = NULL;
    lines->n_recorded = lines->cap_recorded = 0;
    plx_names_fini(&lines->agents);
    plx_names_fini(&lines->monitors);
}

/* --- fields ----------------------------------------------------------------------------
 */

/* A line being read: the first error sticks, and later reads do nothing. */
struct reader {
    struct plx_lines *lines;
    json_t *object;
    struct plx_why *why;
    int err;
};

static const char *type_name(const json_t *v)
{
    static const char *const names[] = {"an object", "an array", "a string", "a number",
                                        "a number",  "true",     "false",    "null"};
    return v ? names[json_typeof(v)] : "nothing";
}

#define QUOTE_MAX 60

/* The value as it stood, shortened: for error sentences. */
static void quote(const json_t *v, char ret[QUOTE_MAX + 8])
{
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    size_t n = text ? strlen(text) : 0;
    if (n > QUOTE_MAX)
        n = QUOTE_MAX;
    if (text)
        memcpy(ret, text, n);
    memcpy(ret + n, n == QUOTE_MAX ? "…" : "", n == QUOTE_MAX ? sizeof "…" : 1);
    free(text);
}

static void refuse(struct reader *r, const char *field, const json_t *v,
                   const char *wanted)
{
    char text[QUOTE_MAX + 8];
    if (r->err < 0)
        return;
    if (!v) {
        r->err = plx_why_set(r->why, PLX_EINVAL, "field \"%s\" is missing", field);
        return;
    }
    quote(v, text);
    r->err = plx_why_set(r->why, PLX_EINVAL, "field \"%s\" must be %s, not %s", field,
                         wanted, text);
}

static json_t *field(struct reader *r, const char *name)
{
    return r->err < 0 ? NULL : json_object_get(r->object, name);
}

/* A string without control characters; NULL (and an error) otherwise. */
static const char *text_of(struct reader *r, const char *name, const json_t *v)
{
    if (r->err < 0)
        return NULL;
    if (!json_is_string(v)) {
        refuse(r, name, v, "a string");
        return NULL;
    }
    if (!plx_text_is_clean(json_string_value(v), json_string_length(v))) {
        refuse(r, name, v, "text without control characters");
        return NULL;
    }
    return json_string_value(v);
}

static const char *need_name(struct reader *r, const char *name)
{
    const json_t *v = field(r, name);
    const char *text = text_of(r, name, v);
    if (text && !plx_text_was_name(text)) {
        refuse(r, name, v, "a name of 1 to 128 bytes");
        return NULL;
    }
    return text;
}

/* "" when absent or null. */
static const char *maybe_text(struct reader *r, const char *name)
{
    const json_t *v = field(r, name);
    if (!v || json_is_null(v))
        return "";
    const char *text = text_of(r, name, v);
    if (text && strlen(text) > PLX_HOST_MAX) {
        refuse(r, name, v, "at most 253 bytes");
        return "";
    }
    return text ? text : "";
}

static double number_of(struct reader *r, const char *name, double lo, double hi)
{
    const json_t *v = field(r, name);
    if (r->err < 0)
        return 0;
    double x = json_number_value(v);
    if (!json_is_number(v))
        refuse(r, name, v, "a number");
    else if (!isfinite(x) || x < lo || x > hi)
        refuse(r, name, v, "within bounds");
    return r->err < 0 ? 0 : x;
}

static double maybe_number(struct reader *r, const char *name, double lo, double hi,
                           double otherwise)
{
    const json_t *v = field(r, name);
    return !v || json_is_null(v) ? otherwise : number_of(r, name, lo, hi);
}

/* Seconds of Unix time (or since any other beginning): a hundred years are plenty, and
 * their nanoseconds fit. */
#define TIME_MAX 4e9

static struct plx_wall wall_of(double s)
{
    double whole = floor(s);
    int64_t ns = (int64_t)whole * PLX_SEC_NS + (int64_t)((s - whole) * 1e9 + 0.5);
    return (struct plx_wall){ns > INT64_MAX / 4 ? INT64_MAX / 4 : ns};
}

/* The line's `now`, which may not go back. */
static void read_now(struct reader *r, struct plx_line *line)
{
    double now = number_of(r, "now", 0, TIME_MAX);
    if (r->err == 0 && now < r->lines->last_now)
        r->err =
            plx_why_set(r->why, PLX_EINVAL, "field \"now\" goes back: %.6f after %.6f",
                        now, r->lines->last_now);
    if (r->err < 0)
        return;
    line->now_s = r->lines->last_now = now;
    line->now = wall_of(now);
}

static uint32_t known(struct reader *r, const char *name, const struct plx_names *names)
{
    const char *text = need_name(r, name);
    if (!text)
        return 0;
    uint32_t id = plx_names_find(names, text);
    if (id == UINT32_MAX)
        r->err = plx_why_set(r->why, PLX_EINVAL, "field \"%s\": not declared: \"%s\"",
                             name, text);
    return id;
}

/* --- lists
 * ------------------------------------------------------------------------------ */

struct texts {
    const char *items[PLX_JUDGE_GROUP_MAX];
    size_t n;
};

static void read_groups(struct reader *r, struct texts *ret)
{
    const json_t *v = field(r, "groups"), *item;
    size_t i;
    ret->n = 0;
    if (!v || json_is_null(v))
        return;
    if (!json_is_array(v) || json_array_size(v) > PLX_JUDGE_GROUP_MAX) {
        refuse(r, "groups", v, "a list of at most 16 names");
        return;
    }
    json_array_foreach(v, i, item)
    {
        const char *text = text_of(r, "groups", item);
        if (text && *text)
            ret->items[ret->n++] = text;
    }
}

/* Names to ids; the caller frees. Unknown names are errors if `strict`, else left out. */
static uint32_t *read_ids(struct reader *r, const char *name,
                          const struct plx_names *names, bool strict, size_t *ret_n)
{
    const json_t *v = field(r, name), *item;
    size_t i;
    *ret_n = 0;
    if (r->err < 0 || (!strict && (!v || json_is_null(v))))
        return NULL;
    if (!json_is_array(v) || json_array_size(v) > PLX_JUDGE_VIEW_MAX) {
        refuse(r, name, v, "a list of at most 1024 names");
        return NULL;
    }
    uint32_t *ids = calloc(json_array_size(v) + 1, sizeof *ids);
    if (!ids)
        abort();
    json_array_foreach(v, i, item)
    {
        const char *text = text_of(r, name, item);
        uint32_t id = text ? plx_names_find(names, text) : UINT32_MAX;
        if (id != UINT32_MAX)
            ids[(*ret_n)++] = id;
        else if (text && strict)
            r->err = plx_why_set(r->why, PLX_EINVAL, "field \"%s\": not declared: \"%s\"",
                                 name, text);
    }
    return ids;
}

/* --- agents and monitors
 * ---------------------------------------------------------------- */

static const char *label(struct reader *r, const char *name)
{
    const json_t *labels = field(r, "labels");
    const json_t *v = json_object_get(labels, name);
    if (labels && !json_is_object(labels) && !json_is_null(labels)) {
        refuse(r, "labels", labels, "an object");
        return "";
    }
    if (!v || json_is_null(v))
        return "";
    const char *text = text_of(r, name, v);
    return text ? text : "";
}

static void read_agent(struct reader *r)
{
    struct texts groups;
    const char *name = need_name(r, "agent");
    struct plx_judge_agent a = {.name = name,
                                .region = maybe_text(r, "region"),
                                .provider = label(r, "provider"),
                                .asn = label(r, "asn")};
    read_groups(r, &groups);
    if (r->err < 0)
        return;
    a.groups = groups.items;
    a.n_groups = groups.n;
    a.id = plx_names_intern(&r->lines->agents, name, PLX_JUDGE_AGENT_MAX);
    if (a.id == UINT32_MAX)
        r->err = plx_why_set(r->why, PLX_EINVAL, "field \"agent\": more than %u agents",
                             PLX_JUDGE_AGENT_MAX);
    else
        r->err = plx_judge_set_agent(r->lines->judge, &a);
}

static void read_expect(struct reader *r, struct plx_judge_monitor *m)
{
    const char *text = maybe_text(r, "expect");
    if (r->err < 0 || !*text)
        return;
    int expect = plx_expect_parse(text);
    if (expect < 0)
        refuse(r, "expect", field(r, "expect"), "open, refused, filtered or closed");
    else
        m->expect = (enum plx_expect)expect;
}

static void read_quorum(struct reader *r, struct plx_judge_monitor *m)
{
    const json_t *v = field(r, "quorum");
    char digits[24];
    if (!v || json_is_null(v))
        return;
    const char *text = json_is_string(v) ? json_string_value(v) : "";
    if (json_is_integer(v)) {
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(v));
        text = digits;
    }
    if (plx_quorum_parse(text, &m->quorum) < 0)
        refuse(r, "quorum", v,
               "auto, any, majority, all, N or \"N of distinct(region)\"");
}

static uint16_t read_port(struct reader *r)
{
    double port = maybe_number(r, "port", 1, 65535, 0);
    if (r->err == 0 && port > floor(port))
        refuse(r, "port", field(r, "port"), "a whole number");
    return r->err == 0 ? (uint16_t)port : 0;
}

static void read_rules(struct reader *r, struct plx_judge_monitor *m)
{
    read_expect(r, m);
    read_quorum(r, m);
    m->min_coverage = maybe_number(r, "min_coverage", 0, 1, 0);
    m->degraded_above_us = (int64_t)(maybe_number(r, "degraded_above", 0, 3600, 0) * 1e6);
    const struct plx_lines_rules *rules = r->lines->rules;
    if (rules && rules->has_quorum)
        m->quorum = rules->quorum;
    if (rules && rules->has_min_coverage)
        m->min_coverage = rules->min_coverage;
}

static void declare_monitor(struct reader *r, const char *name,
                            struct plx_judge_monitor *m)
{
    m->id = plx_names_intern(&r->lines->monitors, name, PLX_JUDGE_MONITOR_MAX);
    if (m->id == UINT32_MAX) {
        r->err =
            plx_why_set(r->why, PLX_EINVAL, "field \"monitor\": more than %u monitors",
                        PLX_JUDGE_MONITOR_MAX);
        return;
    }
    r->err = plx_judge_set_monitor(r->lines->judge, m);
    if (r->err < 0)
        plx_why_set(r->why, r->err, "monitor \"%s\": %s", name, plx_err_text(r->err));
}

static void read_monitor(struct reader *r)
{
    struct texts groups;
    const char *name = need_name(r, "monitor");
    struct plx_judge_monitor m = {
        .name = name,
        .host = maybe_text(r, "host"),
        .address = maybe_text(r, "address"),
        .port = read_port(r),
        .interval_ns = (int64_t)(number_of(r, "interval", 0.001, 86400 * 7) * 1e9),
        .timeout_ns = (int64_t)(maybe_number(r, "timeout", 0.001, 86400, 5) * 1e9),
    };
    read_rules(r, &m);
    read_groups(r, &groups);
    uint32_t *agents = read_ids(r, "agents", &r->lines->agents, true, &m.n_agents);
    uint32_t *depends =
        read_ids(r, "depends_on", &r->lines->monitors, false, &m.n_depends_on);
    m.groups = groups.items;
    m.n_groups = groups.n;
    m.agents = agents;
    m.depends_on = depends;
    if (r->err == 0)
        declare_monitor(r, name, &m);
    free(agents);
    free(depends);
}

/* --- results
 * ---------------------------------------------------------------------------- */

static void read_outcome(struct reader *r, struct plx_judge_result *res)
{
    const json_t *v = field(r, "outcome");
    const char *text = text_of(r, "outcome", v);
    if (!text)
        return;
    res->outcome = plx_outcome_parse(text);
    if (res->outcome == PLX_OUTCOME_NONE)
        refuse(r, "outcome", v, "an outcome (open, refused, timeout, unreachable, …)");
    const char *scope = maybe_text(r, "scope");
    res->unreach = plx_unreach_parse(scope);
    if (r->err == 0 && *scope && res->unreach == PLX_UNREACH_NONE)
        refuse(r, "scope", field(r, "scope"), "net, host, prohibited, port or other");
}

static void read_kind(struct reader *r, struct plx_judge_result *res)
{
    const char *kind = maybe_text(r, "kind");
    if (strcmp(kind, "confirm") == 0)
        res->kind = PLX_JUDGE_CONFIRM;
    else if (r->err == 0 && *kind && strcmp(kind, "scheduled") != 0)
        refuse(r, "kind", field(r, "kind"), "scheduled or confirm");
}

static bool maybe_bool(struct reader *r, const char *name)
{
    const json_t *v = field(r, name);
    if (v && !json_is_null(v) && !json_is_boolean(v))
        refuse(r, name, v, "true or false");
    return json_is_true(v);
}

static void read_result(struct reader *r, struct plx_line *line)
{
    struct plx_judge_result *res = &line->result;
    read_now(r, line);
    *res = (struct plx_judge_result){.now = line->now};
    res->at = wall_of(number_of(r, "at", -TIME_MAX, TIME_MAX));
    res->monitor = known(r, "monitor", &r->lines->monitors);
    res->agent = known(r, "agent", &r->lines->agents);
    read_outcome(r, res);
    read_kind(r, res);
    res->rtt_us = (uint32_t)maybe_number(r, "rtt_us", 0, UINT32_MAX, 0);
    res->syn_retrans = (uint16_t)maybe_number(r, "syn_retrans", 0, UINT16_MAX, 0);
    maybe_text(r, "icmp_from"); /* checked only: `outcome` says what it means */
    res->half_up = maybe_bool(r, "half_up");
}

/* --- recordings
 * ------------------------------------------------------------------------- */

static void read_recording(struct reader *r)
{
    struct plx_recording_span span = {
        .said = true,
        .from = maybe_number(r, "from", 0, TIME_MAX, 0),
        .until = maybe_number(r, "until", 0, TIME_MAX, 0),
        .recorded = maybe_bool(r, "recorded"),
    };
    if (r->err == 0 && span.until > 0 && span.until < span.from)
        refuse(r, "until", field(r, "until"), "no less than \"from\"");
    if (r->err == 0)
        r->lines->span = span;
}

static void read_verdict(struct reader *r, struct plx_recorded *ret)
{
    const json_t *v = field(r, "verdict");
    const char *text = text_of(r, "verdict", v);
    for (int i = 0; text && i < PLX_JUDGE_VERDICT_COUNT_; i++)
        if (strcmp(plx_judge_verdict_token((enum plx_judge_verdict)i), text) == 0) {
            ret->verdict = (enum plx_judge_verdict)i;
            return;
        }
    if (text)
        refuse(r, "verdict", v, "a verdict (up, service_down, …)");
}

/* A text of any length, as a copy; "" when absent or null. */
static char *copy_of(struct reader *r, const char *name)
{
    const json_t *v = field(r, name);
    const char *text = !v || json_is_null(v) ? "" : text_of(r, name, v);
    return plx_text_dup(text ? text : "");
}

static void keep(struct plx_lines *lines, const struct plx_recorded *recorded)
{
    if (lines->n_recorded == lines->cap_recorded) {
        lines->cap_recorded = 2 * lines->cap_recorded + 16;
        lines->recorded =
            realloc(lines->recorded, lines->cap_recorded * sizeof *lines->recorded);
        if (!lines->recorded)
            abort();
    }
    lines->recorded[lines->n_recorded++] = *recorded;
}

static void read_recorded(struct reader *r)
{
    struct plx_recorded recorded = {
        .monitor = known(r, "monitor", &r->lines->monitors),
        .at = wall_of(number_of(r, "at", 0, TIME_MAX)),
        .confidence = maybe_number(r, "confidence", 0, 1, 0),
    };
    read_verdict(r, &recorded);
    recorded.was = copy_of(r, "was");
    recorded.scope = copy_of(r, "scope");
    recorded.why = copy_of(r, "why");
    if (r->err == 0 && r->lines->keep_recorded) {
        keep(r->lines, &recorded);
        return;
    }
    free(recorded.was);
    free(recorded.scope);
    free(recorded.why);
}

/* --- lines
 * ------------------------------------------------------------------------------ */

static void read_typed(struct reader *r, struct plx_line *line)
{
    static const char *const types[] = {"agent", "monitor",   "heartbeat", "result",
                                        "tick",  "recording", "recorded"};
    const unsigned n = sizeof types / sizeof *types;
    const json_t *v = field(r, "type");
    const char *type = text_of(r, "type", v);
    unsigned i = 0;
    while (type && i < n && strcmp(types[i], type) != 0)
        i++;
    if (!type)
        return;
    if (i == n) {
        refuse(r, "type", v,
               "agent, monitor, heartbeat, result, tick, recording or recorded");
        return;
    }
    line->type = (enum plx_line_type)i;
    if (line->type == PLX_LINE_AGENT)
        read_agent(r);
    else if (line->type == PLX_LINE_MONITOR)
        read_monitor(r);
    else if (line->type == PLX_LINE_RESULT)
        read_result(r, line);
    else if (line->type == PLX_LINE_RECORDING)
        read_recording(r);
    else if (line->type == PLX_LINE_RECORDED)
        read_recorded(r);
    else
        read_now(r, line);
    if (line->type == PLX_LINE_HEARTBEAT)
        line->agent = known(r, "agent", &r->lines->agents);
}

int plx_lines_read(struct plx_lines *lines, const char *text, size_t len,
                   struct plx_line *ret_line, struct plx_why *why)
{
    json_error_t bad;
    struct plx_line line = {0};
    if (len > PLX_LINE_MAX)
        return plx_why_set(why, PLX_EINVAL, "longer than %d bytes", PLX_LINE_MAX);
    json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &bad);
    if (!object)
        return plx_why_set(why, PLX_EINVAL, "not JSON: %s (column %d)", bad.text,
                           bad.column);
    struct reader r = {.lines = lines, .object = object, .why = why};
    if (json_is_object(object))
        read_typed(&r, &line);
    else
        r.err = plx_why_set(why, PLX_EINVAL, "not an object but %s", type_name(object));
    json_decref(object);
    if (r.err == 0)
        *ret_line = line;
    return r.err;
}
