#include "base/monitor.h"

#include "base/err.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plx_monitor_init(struct plx_monitor *m)
{
    *m = (struct plx_monitor){
        .interval_ns = PLX_MIN_NS,
        .timeout_ns = 10 * PLX_SEC_NS,
        .min_coverage_percent = 50,
        .agents_per_location = 1,
        .confirm = true,
        .alert_on_failure = true,
        .consecutive_failures = 2,
        .recovery_successes = 1,
    };
}

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

void plx_monitor_fini(struct plx_monitor *m)
{
    free(m->name);
    free(m->host);
    free(m->source);
    free(m->runbook);
    free_texts(m->locations, m->n_locations);
    free_texts(m->depends_on, m->n_depends_on);
    free_texts(m->notify, m->n_notify);
    for (size_t i = 0; i < m->n_labels; i++) {
        free(m->labels[i].key);
        free(m->labels[i].value);
    }
    free(m->labels);
    plx_greeting_fini(&m->greeting);
    *m = (struct plx_monitor){0};
}

/* One more slot at the end of an array of `n` elements of `size` bytes. */
static void *grow(void *array, size_t n, size_t size)
{
    void *grown = realloc(array, (n + 1) * size);
    if (!grown)
        abort();
    return grown;
}

void plx_monitor_set_text(char **field, const char *text)
{
    char *copy = plx_text_dup(text);
    free(*field);
    *field = copy;
}

void plx_monitor_add_location(struct plx_monitor *m, const char *location)
{
    m->locations = grow(m->locations, m->n_locations, sizeof *m->locations);
    m->locations[m->n_locations++] = plx_text_dup(location);
}

void plx_monitor_add_label(struct plx_monitor *m, const char *key, const char *value)
{
    m->labels = grow(m->labels, m->n_labels, sizeof *m->labels);
    m->labels[m->n_labels++] = (struct plx_label){plx_text_dup(key), plx_text_dup(value)};
}

void plx_monitor_add_depends_on(struct plx_monitor *m, const char *name)
{
    m->depends_on = grow(m->depends_on, m->n_depends_on, sizeof *m->depends_on);
    m->depends_on[m->n_depends_on++] = plx_text_dup(name);
}

void plx_monitor_add_notify(struct plx_monitor *m, const char *name)
{
    m->notify = grow(m->notify, m->n_notify, sizeof *m->notify);
    m->notify[m->n_notify++] = plx_text_dup(name);
}

void plx_monitor_default_name(struct plx_monitor *m)
{
    if (m->name || !m->host)
        return;
    char name[PLX_HOST_MAX + 16];
    bool v6 = strchr(m->host, ':') != NULL;
    snprintf(name, sizeof name, v6 ? "[%s]:%u" : "%s:%u", m->host, m->port);
    m->name = plx_text_dup(name);
}

void plx_monitor_copy(struct plx_monitor *dst, const struct plx_monitor *src)
{
    *dst = *src;
    dst->name = plx_text_dup(src->name);
    dst->host = plx_text_dup(src->host);
    dst->source = plx_text_dup(src->source);
    dst->runbook = plx_text_dup(src->runbook);
    plx_greeting_copy(&dst->greeting, &src->greeting);
    dst->locations = NULL;
    dst->labels = NULL;
    dst->depends_on = dst->notify = NULL;
    dst->n_locations = dst->n_labels = dst->n_depends_on = dst->n_notify = 0;
    for (size_t i = 0; i < src->n_locations; i++)
        plx_monitor_add_location(dst, src->locations[i]);
    for (size_t i = 0; i < src->n_labels; i++)
        plx_monitor_add_label(dst, src->labels[i].key, src->labels[i].value);
    for (size_t i = 0; i < src->n_depends_on; i++)
        plx_monitor_add_depends_on(dst, src->depends_on[i]);
    for (size_t i = 0; i < src->n_notify; i++)
        plx_monitor_add_notify(dst, src->notify[i]);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_texts(char **a, size_t n_a, char **b, size_t n_b)
{
    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++)
        if (!same_text(a[i], b[i]))
            return false;
    return true;
}

static bool same_labels(const struct plx_monitor *a, const struct plx_monitor *b)
{
    if (a->n_labels != b->n_labels)
        return false;
    for (size_t i = 0; i < a->n_labels; i++)
        if (!same_text(a->labels[i].key, b->labels[i].key) ||
            !same_text(a->labels[i].value, b->labels[i].value))
            return false;
    return true;
}

bool plx_monitor_equal(const struct plx_monitor *a, const struct plx_monitor *b)
{
    return same_text(a->name, b->name) && same_text(a->host, b->host) &&
           a->port == b->port && a->interval_ns == b->interval_ns &&
           a->timeout_ns == b->timeout_ns &&
           same_texts(a->locations, a->n_locations, b->locations, b->n_locations) &&
           same_texts(a->depends_on, a->n_depends_on, b->depends_on, b->n_depends_on) &&
           same_texts(a->notify, a->n_notify, b->notify, b->n_notify) &&
           same_labels(a, b) && a->expect == b->expect && a->handshake == b->handshake &&
           plx_greeting_equal(&a->greeting, &b->greeting) && a->ip == b->ip &&
           a->addresses == b->addresses && same_text(a->source, b->source) &&
           a->degraded_above_ns == b->degraded_above_ns &&
           a->quorum.rule == b->quorum.rule && a->quorum.distinct == b->quorum.distinct &&
           a->quorum.n == b->quorum.n &&
           a->min_coverage_percent == b->min_coverage_percent &&
           a->agents_per_location == b->agents_per_location && a->confirm == b->confirm &&
           a->paused == b->paused && same_text(a->runbook, b->runbook) &&
           a->alert_on_failure == b->alert_on_failure &&
           a->consecutive_failures == b->consecutive_failures &&
           a->recovery_successes == b->recovery_successes && a->slo_ppm == b->slo_ppm &&
           a->slo_window_ns == b->slo_window_ns;
}

/* What a check found wrong, and under which key. */
struct finding {
    const char **field;
    struct plx_why *why;
};

static int bad(struct finding f, const char *field, const char *text, const char *rule)
{
    if (f.field)
        *f.field = field;
    return plx_why_set(f.why, PLX_EINVAL, "%s '%s': %s", field, text ? text : "", rule);
}

static int check_location(const char *text, struct finding f)
{
    char word[2 * PLX_WORD_MAX + 2];
    if (plx_text_copy(word, sizeof word, text) < 0)
        return bad(f, "locations", text, "is too long");
    char *equals = strchr(word, '=');
    if (equals)
        *equals = '\0';
    if (!plx_text_is_word(word) || (equals && !plx_text_is_word(equals + 1)))
        return bad(f, "locations", text,
                   "is no region, 'all' or label selector key=value");
    return 0;
}

static int check_lists(const struct plx_monitor *m, struct finding f)
{
    if (m->n_locations < 1 || m->n_locations > PLX_MONITOR_LOCATIONS_MAX)
        return bad(f, "locations", "", "needs 1 to 64 entries");
    for (size_t i = 0; i < m->n_locations; i++) {
        if (check_location(m->locations[i], f) < 0)
            return PLX_EINVAL;
        for (size_t k = 0; k < i; k++)
            if (strcmp(m->locations[i], m->locations[k]) == 0)
                return bad(f, "locations", m->locations[i], "is named twice");
    }
    if (m->n_labels > PLX_MONITOR_LABELS_MAX)
        return bad(f, "labels", "", "has more than 32 entries");
    for (size_t i = 0; i < m->n_labels; i++)
        if (!plx_text_is_word(m->labels[i].key) || !plx_text_was_name(m->labels[i].value))
            return bad(
                f, "labels", m->labels[i].key,
                "needs a key of letters, digits, '.', '_', '-' and a value of 1 to "
                "128 printable bytes");
    if (m->n_depends_on > PLX_MONITOR_DEPENDS_MAX)
        return bad(f, "depends_on", "", "has more than 16 entries");
    for (size_t i = 0; i < m->n_depends_on; i++)
        if (!plx_text_was_name(m->depends_on[i]))
            return bad(f, "depends_on", m->depends_on[i], "is no monitor name");
    if (m->n_notify > PLX_MONITOR_NOTIFY_MAX)
        return bad(f, "notify", "", "has more than 16 entries");
    for (size_t i = 0; i < m->n_notify; i++)
        if (!plx_text_was_name(m->notify[i]))
            return bad(f, "notify", m->notify[i], "is no name");
    return 0;
}

static int check_times(const struct plx_monitor *m, struct finding f)
{
    char text[PLX_DURATION_TEXT_MAX];
    if (m->interval_ns < PLX_MONITOR_INTERVAL_MIN_NS ||
        m->interval_ns > PLX_MONITOR_INTERVAL_MAX_NS)
        return bad(f, "check_interval", plx_duration_format(m->interval_ns, text),
                   "must be 100ms to 24h");
    plx_duration_format(m->timeout_ns, text);
    if (m->timeout_ns < PLX_MONITOR_TIMEOUT_MIN_NS ||
        m->timeout_ns > PLX_MONITOR_TIMEOUT_MAX_NS)
        return bad(f, "timeout", text, "must be 10ms to 60s");
    if (m->timeout_ns > m->interval_ns)
        return bad(f, "timeout", text, "must not be longer than check_interval");
    if (m->degraded_above_ns < 0 || m->degraded_above_ns > m->timeout_ns)
        return bad(f, "degraded_above", plx_duration_format(m->degraded_above_ns, text),
                   "must be between 0 and timeout");
    return 0;
}

static int check_counts(const struct plx_monitor *m, struct finding f)
{
    const struct {
        const char *field;
        uint32_t value, min, max;
        const char *rule;
    } counts[] = {
        {"min_coverage", m->min_coverage_percent, 0, 100, "must be 0 to 100 percent"},
        {"agents_per_location", m->agents_per_location, 1, 16, "must be 1 to 16"},
        {"consecutive_failures_before_alert", m->consecutive_failures, 1, 100,
         "must be 1 to 100"},
        {"recovery_successes", m->recovery_successes, 1, 100, "must be 1 to 100"},
    };
    char text[16];
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        snprintf(text, sizeof text, "%" PRIu32, counts[i].value);
        if (counts[i].value < counts[i].min || counts[i].value > counts[i].max)
            return bad(f, counts[i].field, text, counts[i].rule);
    }
    if (m->quorum.rule == PLX_QUORUM_COUNT && (m->quorum.n < 1 || m->quorum.n > 1000))
        return bad(f, "quorum", "", "must count 1 to 1000");
    return 0;
}

static int check_slo(const struct plx_monitor *m, struct finding f)
{
    char text[PLX_DURATION_TEXT_MAX], percent[PLX_SLO_TEXT_MAX];
    if (m->slo_ppm != 0 &&
        (m->slo_ppm < PLX_MONITOR_SLO_MIN_PPM || m->slo_ppm > PLX_MONITOR_SLO_MAX_PPM))
        return bad(f, "slo", plx_slo_format(m->slo_ppm, percent),
                   "must be 50% to 99.9999%");
    if (m->slo_window_ns != 0 && (m->slo_window_ns < PLX_MONITOR_SLO_WINDOW_MIN_NS ||
                                  m->slo_window_ns > PLX_MONITOR_SLO_WINDOW_MAX_NS))
        return bad(f, "slo_window", plx_duration_format(m->slo_window_ns, text),
                   "must be 1h to 400 days");
    if (m->slo_window_ns != 0 && m->slo_ppm == 0)
        return bad(f, "slo_window", plx_duration_format(m->slo_window_ns, text),
                   "is of no use without 'slo'");
    return 0;
}

static int check_greeting(const struct plx_monitor *m, struct finding f)
{
    struct plx_why inner = {""};
    if (plx_greeting_is_none(&m->greeting))
        return 0;
    if (m->handshake != PLX_HANDSHAKE_FULL)
        return bad(f, "handshake", plx_handshake_token(m->handshake),
                   "a greeting needs a full handshake");
    if (m->expect != PLX_EXPECT_OPEN)
        return bad(f, "expect", plx_expect_token(m->expect),
                   "a greeting is only for 'expect: open'");
    if (plx_greeting_check(&m->greeting, NULL, &inner) < 0)
        return bad(f, "greeting", "", inner.text);
    return 0;
}

int plx_monitor_check(const struct plx_monitor *m, const char **ret_field,
                      struct plx_why *why)
{
    struct finding f = {ret_field, why};
    if (!m->host || !plx_text_is_host(m->host))
        return bad(f, "host", m->host, "is no DNS name or IP address");
    if (m->port == 0)
        return bad(f, "port", "0", "must be 1 to 65535");
    if (!m->name || !plx_text_was_name(m->name))
        return bad(f, "name", m->name, "must be 1 to 128 printable bytes");
    if (m->runbook && (strlen(m->runbook) > PLX_MONITOR_RUNBOOK_MAX ||
                       !plx_text_is_clean(m->runbook, strlen(m->runbook))))
        return bad(f, "runbook", "", "must be at most 1024 printable bytes on one line");
    if (m->source && (!plx_text_is_host(m->source) ||
                      strspn(m->source, "0123456789abcdefABCDEF:.") != strlen(m->source)))
        return bad(f, "source", m->source, "is no IP address");
    int err = check_times(m, f);
    if (err == 0)
        err = check_counts(m, f);
    if (err == 0)
        err = check_slo(m, f);
    if (err == 0)
        err = check_greeting(m, f);
    return err == 0 ? check_lists(m, f) : err;
}

/* Words of an enum: value by index. */
struct word {
    int value;
    const char *token;
};

static const struct word expect_words[] = {
    {PLX_EXPECT_OPEN, "open"},
    {PLX_EXPECT_REFUSED, "refused"},
    {PLX_EXPECT_FILTERED, "filtered"},
    {PLX_EXPECT_CLOSED, "closed"},
    {0, NULL},
};

static const struct word handshake_words[] = {
    {PLX_HANDSHAKE_HALF_OPEN, "half_open"},
    {PLX_HANDSHAKE_FULL, "full"},
    {0, NULL},
};

static const struct word ip_words[] = {
    {PLX_IP_ANY, "any"},
    {PLX_IP_4, "4"},
    {PLX_IP_6, "6"},
    {0, NULL},
};

static const struct word addresses_words[] = {
    {PLX_ADDRESSES_FIRST, "first"},
    {PLX_ADDRESSES_ALL, "all"},
    {0, NULL},
};

static const struct word quorum_words[] = {
    {PLX_QUORUM_AUTO, "auto"},
    {PLX_QUORUM_ANY, "any"},
    {PLX_QUORUM_MAJORITY, "majority"},
    {PLX_QUORUM_ALL, "all"},
    {0, NULL},
};

static const struct word distinct_words[] = {
    {PLX_DISTINCT_AGENT, "agent"},
    {PLX_DISTINCT_REGION, "region"},
    {PLX_DISTINCT_PROVIDER, "provider"},
    {PLX_DISTINCT_ASN, "asn"},
    {0, NULL},
};

static const char *token_of(const struct word *words, int value)
{
    for (; words->token; words++)
        if (words->value == value)
            return words->token;
    return "?";
}

static int value_of(const struct word *words, const char *token)
{
    for (; words->token; words++)
        if (strcmp(words->token, token) == 0)
            return words->value;
    return -1;
}

const char *plx_expect_token(enum plx_expect e)
{
    return token_of(expect_words, (int)e);
}

int plx_expect_parse(const char *token)
{
    return value_of(expect_words, token);
}

bool plx_expect_is_bad(enum plx_expect expect, enum plx_outcome outcome)
{
    if (plx_outcome_is_local(outcome))
        return false;
    bool filtered = outcome == PLX_OUTCOME_TIMEOUT || outcome == PLX_OUTCOME_UNREACHABLE;
    switch (expect) {
    case PLX_EXPECT_OPEN:
        return outcome != PLX_OUTCOME_OPEN;
    case PLX_EXPECT_REFUSED:
        return outcome != PLX_OUTCOME_REFUSED;
    case PLX_EXPECT_FILTERED:
        return !filtered;
    case PLX_EXPECT_CLOSED:
        return !filtered && outcome != PLX_OUTCOME_REFUSED;
    }
    return false;
}

const char *plx_handshake_token(enum plx_handshake h)
{
    return token_of(handshake_words, (int)h);
}

int plx_handshake_parse(const char *token)
{
    return value_of(handshake_words, token);
}

const char *plx_ip_token(enum plx_ip ip)
{
    return token_of(ip_words, (int)ip);
}

int plx_ip_parse(const char *token)
{
    return value_of(ip_words, token);
}

const char *plx_addresses_token(enum plx_addresses addresses)
{
    return token_of(addresses_words, (int)addresses);
}

int plx_addresses_parse(const char *token)
{
    return value_of(addresses_words, token);
}

const char *plx_quorum_format(struct plx_quorum q, char buf[PLX_QUORUM_TEXT_MAX])
{
    if (q.rule != PLX_QUORUM_COUNT)
        snprintf(buf, PLX_QUORUM_TEXT_MAX, "%s", token_of(quorum_words, (int)q.rule));
    else if (q.distinct == PLX_DISTINCT_AGENT)
        snprintf(buf, PLX_QUORUM_TEXT_MAX, "%" PRIu32, q.n);
    else
        snprintf(buf, PLX_QUORUM_TEXT_MAX, "%" PRIu32 " of distinct(%s)", q.n,
                 token_of(distinct_words, (int)q.distinct));
    return buf;
}

int plx_quorum_parse(const char *text, struct plx_quorum *ret)
{
    int rule = value_of(quorum_words, text);
    if (rule >= 0) {
        *ret = (struct plx_quorum){.rule = (enum plx_quorum_rule)rule};
        return 0;
    }
    int64_t n;
    if (plx_text_int(text, 1, 1000, &n) == 0) {
        *ret = (struct plx_quorum){.rule = PLX_QUORUM_COUNT, .n = (uint32_t)n};
        return 0;
    }
    unsigned count;
    char what[16];
    int used = 0;
    if (sscanf(text, "%4u of distinct(%15[a-z])%n", &count, what, &used) != 2 ||
        used == 0 || text[used] != '\0' || count < 1 || count > 1000)
        return PLX_EINVAL;
    int distinct = value_of(distinct_words, what);
    if (distinct < 0)
        return PLX_EINVAL;
    *ret = (struct plx_quorum){PLX_QUORUM_COUNT, (enum plx_distinct)distinct, count};
    return 0;
}

const char *plx_slo_format(uint32_t ppm, char buf[PLX_SLO_TEXT_MAX])
{
    size_t len = (size_t)snprintf(buf, PLX_SLO_TEXT_MAX, "%" PRIu32 ".%04" PRIu32,
                                  ppm / 10000, ppm % 10000);
    while (buf[len - 1] == '0')
        len--;
    if (buf[len - 1] == '.')
        len--;
    snprintf(buf + len, PLX_SLO_TEXT_MAX - len, "%%");
    return buf;
}

int plx_slo_parse(const char *text, uint32_t *ret_ppm)
{
    char whole[8];
    size_t n = strspn(text, "0123456789"), digits = 0;
    int64_t percent;
    uint32_t part = 0;
    if (n == 0 || n >= sizeof whole)
        return PLX_EINVAL;
    snprintf(whole, sizeof whole, "%.*s", (int)n, text);
    text += n;
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
            part = part * 10 + (uint32_t)(*text - '0');
    for (; digits < 4; digits++)
        part *= 10;
    text += *text == '%';
    if (*text || plx_text_int(whole, 0, 100, &percent) < 0)
        return PLX_EINVAL;
    *ret_ppm = (uint32_t)percent * 10000 + part;
    return 0;
}
