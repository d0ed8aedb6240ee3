#include "schema/monitor_keys.h"

#include "base/err.h"
#include "base/text.h"
#include "schema/greeting_key.h"

#include <string.h>

/* Every reader and writer has the same parameters. */
#define READ_ARGS                                                                        \
    const struct plx_key *key, const struct plx_doc *doc, const struct plx_node *node,   \
        struct plx_monitor *m, struct plx_why *why
#define WRITE_ARGS                                                                       \
    const struct plx_key *key, const struct plx_monitor *m, struct plx_value_out *out

static void *field_of(const struct plx_key *key, struct plx_monitor *m)
{
    return (char *)m + key->offset;
}

static const void *value_of(const struct plx_key *key, const struct plx_monitor *m)
{
    return (const char *)m + key->offset;
}

static int refuse(const struct plx_key *key, const struct plx_doc *doc,
                  const struct plx_node *node, const char *rule, struct plx_why *why)
{
    char shown[PLX_EXCERPT_MAX];
    return plx_doc_error(doc, node, why, "'%s' must be %s: '%s'", key->name, rule,
                         plx_doc_excerpt(node->text, shown));
}

/* Plain fields: text, duration, number, boolean. */

static int read_text(READ_ARGS)
{
    const char *text;
    int err = plx_doc_text(doc, node, key->name, &text, why);
    if (err == 0)
        plx_monitor_set_text(field_of(key, m), text);
    return err;
}

static bool write_text(WRITE_ARGS)
{
    char *const *text = value_of(key, m);
    if (*text)
        plx_value_text(out, *text);
    return *text != NULL;
}

static int read_duration(READ_ARGS)
{
    return plx_doc_duration(doc, node, key->name, field_of(key, m), why);
}

/* 0 is "none". */
static bool write_duration(WRITE_ARGS)
{
    const int64_t *ns = value_of(key, m);
    char text[PLX_DURATION_TEXT_MAX];
    if (*ns)
        plx_value_text(out, plx_duration_format(*ns, text));
    return *ns != 0;
}

static int read_number(READ_ARGS)
{
    int64_t value;
    int err = plx_doc_int(doc, node, key->name, key->min, key->max, &value, why);
    if (err == 0)
        *(uint32_t *)field_of(key, m) = (uint32_t)value;
    return err;
}

static bool write_number(WRITE_ARGS)
{
    plx_value_uint(out, *(const uint32_t *)value_of(key, m));
    return true;
}

static int read_bool(READ_ARGS)
{
    return plx_doc_bool(doc, node, key->name, field_of(key, m), why);
}

static bool write_bool(WRITE_ARGS)
{
    plx_value_bool(out, *(const bool *)value_of(key, m));
    return true;
}

/* Keys with a manner of their own. */

static int read_type(READ_ARGS)
{
    const char *text;
    (void)m;
    int err = plx_doc_text(doc, node, key->name, &text, why);
    if (err < 0)
        return err;
    return strcmp(text, "tcp") == 0 ? 0 : refuse(key, doc, node, "tcp", why);
}

static bool write_type(WRITE_ARGS)
{
    (void)key, (void)m;
    plx_value_text(out, "tcp");
    return true;
}

static int read_port(READ_ARGS)
{
    int64_t port;
    int err = plx_doc_int(doc, node, key->name, key->min, key->max, &port, why);
    if (err == 0)
        m->port = (uint16_t)port;
    return err;
}

static bool write_port(WRITE_ARGS)
{
    (void)key;
    if (m->port)
        plx_value_uint(out, m->port);
    return m->port != 0;
}

/* A word of a fixed set through its parser in base/monitor. */
static int read_word(const struct plx_key *key, const struct plx_doc *doc,
                     const struct plx_node *node, int (*parse)(const char *),
                     const char *rule, int *ret, struct plx_why *why)
{
    const char *text;
    int err = plx_doc_text(doc, node, key->name, &text, why);
    if (err < 0)
        return err;
    int value = parse(text);
    if (value < 0)
        return refuse(key, doc, node, rule, why);
    *ret = value;
    return 0;
}

static int read_expect(READ_ARGS)
{
    int value = 0;
    int err = read_word(key, doc, node, plx_expect_parse,
                        "open, refused, filtered or closed", &value, why);
    m->expect = (enum plx_expect)value;
    return err;
}

static bool write_expect(WRITE_ARGS)
{
    (void)key;
    plx_value_text(out, plx_expect_token(m->expect));
    return true;
}

static int read_handshake(READ_ARGS)
{
    int value = 0;
    int err =
        read_word(key, doc, node, plx_handshake_parse, "half_open or full", &value, why);
    m->handshake = (enum plx_handshake)value;
    return err;
}

static bool write_handshake(WRITE_ARGS)
{
    (void)key;
    plx_value_text(out, plx_handshake_token(m->handshake));
    return true;
}

static int read_ip(READ_ARGS)
{
    int value = 0;
    int err = read_word(key, doc, node, plx_ip_parse, "any, 4 or 6", &value, why);
    m->ip = (enum plx_ip)value;
    return err;
}

static bool write_ip(WRITE_ARGS)
{
    (void)key;
    if (m->ip == PLX_IP_ANY)
        plx_value_text(out, plx_ip_token(m->ip));
    else
        plx_value_uint(out, (uint64_t)m->ip);
    return true;
}

static int read_addresses(READ_ARGS)
{
    int value = 0;
    int err = read_word(key, doc, node, plx_addresses_parse, "first or all", &value, why);
    m->addresses = (enum plx_addresses)value;
    return err;
}

static bool write_addresses(WRITE_ARGS)
{
    (void)key;
    plx_value_text(out, plx_addresses_token(m->addresses));
    return true;
}

/* A greeting has a file of its own: schema/greeting_key.c. */
static int read_greeting(READ_ARGS)
{
    (void)key;
    return plx_greeting_read(doc, node, &m->greeting, why);
}

static bool write_greeting(WRITE_ARGS)
{
    (void)key;
    return plx_greeting_write(&m->greeting, out);
}

static int read_percent(READ_ARGS)
{
    const char *text;
    int err = plx_doc_text(doc, node, key->name, &text, why);
    if (err < 0)
        return err;
    char digits[4] = "";
    int64_t percent;
    size_t n = strspn(text, "0123456789");
    if (n < 1 || n > 3 || strcmp(text + n, "%") != 0)
        return refuse(key, doc, node, "a percentage such as 50%", why);
    memcpy(digits, text, n);
    if (plx_text_int(digits, key->min, key->max, &percent) < 0)
        return refuse(key, doc, node, "from 0% to 100%", why);
    *(uint32_t *)field_of(key, m) = (uint32_t)percent;
    return 0;
}

static bool write_percent(WRITE_ARGS)
{
    char text[16];
    snprintf(text, sizeof text, "%u%%", *(const uint32_t *)value_of(key, m));
    plx_value_text(out, text);
    return true;
}

static int read_quorum(READ_ARGS)
{
    const char *text;
    int err = plx_doc_text(doc, node, key->name, &text, why);
    if (err < 0)
        return err;
    if (plx_quorum_parse(text, &m->quorum) == 0)
        return 0;
    return refuse(key, doc, node,
                  "auto, any, majority, all, a number from 1 to 1000 or "
                  "'N of distinct(region|provider|asn)'",
                  why);
}

static bool write_quorum(WRITE_ARGS)
{
    (void)key;
    char text[PLX_QUORUM_TEXT_MAX];
    if (m->quorum.rule == PLX_QUORUM_COUNT && m->quorum.distinct == PLX_DISTINCT_AGENT)
        plx_value_uint(out, m->quorum.n);
    else
        plx_value_text(out, plx_quorum_format(m->quorum, text));
    return true;
}

/* The schema's own words are on and off; JSON speaks in booleans. */
static int read_switch(READ_ARGS)
{
    const char *text;
    int err = plx_doc_text(doc, node, key->name, &text, why);
    if (err < 0)
        return err;
    bool on = strcmp(text, "on") == 0 || strcmp(text, "true") == 0;
    if (!on && strcmp(text, "off") != 0 && strcmp(text, "false") != 0)
        return refuse(key, doc, node, "on or off", why);
    *(bool *)field_of(key, m) = on;
    return 0;
}

static bool write_switch(WRITE_ARGS)
{
    bool on = *(const bool *)value_of(key, m);
    if (out->json)
        plx_value_bool(out, on);
    else
        plx_buf_text(out->yaml, on ? "on" : "off"); /* a word, so never quoted */
    return true;
}

/* Lists: of texts, or one text alone. */

static int read_texts(READ_ARGS, void (*add)(struct plx_monitor *, const char *),
                      size_t max)
{
    if (node->kind == PLX_NODE_MAP)
        return plx_doc_error(doc, node, why, "'%s' must be a list", key->name);
    size_t n = node->kind == PLX_NODE_LIST ? node->n : 1;
    if (n > max)
        return plx_doc_error(doc, node, why, "'%s' has more than %zu entries", key->name,
                             max);
    for (size_t i = 0; i < n; i++) {
        const char *text;
        int err = plx_doc_text(doc, node->kind == PLX_NODE_LIST ? node->items[i] : node,
                               key->name, &text, why);
        if (err < 0)
            return err;
        add(m, text);
    }
    return 0;
}

/* Of names a second one is a slip of the pen: another was meant. */
static int refuse_twice(READ_ARGS)
{
    (void)m;
    for (size_t i = 0; node->kind == PLX_NODE_LIST && i < node->n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(node->items[i]->text, node->items[k]->text) == 0)
                return plx_doc_error(doc, node->items[i], why, "'%s' names '%s' twice",
                                     key->name, node->items[i]->text);
    return 0;
}

static int read_locations(READ_ARGS)
{
    return read_texts(key, doc, node, m, why, plx_monitor_add_location,
                      PLX_MONITOR_LOCATIONS_MAX);
}

static bool write_locations(WRITE_ARGS)
{
    (void)key;
    plx_value_list(out, m->locations, m->n_locations);
    return true;
}

static int read_depends_on(READ_ARGS)
{
    int err = read_texts(key, doc, node, m, why, plx_monitor_add_depends_on,
                         PLX_MONITOR_DEPENDS_MAX);
    return err ? err : refuse_twice(key, doc, node, m, why);
}

static bool write_depends_on(WRITE_ARGS)
{
    (void)key;
    plx_value_list(out, m->depends_on, m->n_depends_on);
    return true;
}

static int read_notify(READ_ARGS)
{
    int err = read_texts(key, doc, node, m, why, plx_monitor_add_notify,
                         PLX_MONITOR_NOTIFY_MAX);
    return err ? err : refuse_twice(key, doc, node, m, why);
}

static bool write_notify(WRITE_ARGS)
{
    (void)key;
    plx_value_list(out, m->notify, m->n_notify);
    return true;
}

static int read_labels(READ_ARGS)
{
    if (node->kind != PLX_NODE_MAP)
        return plx_doc_error(doc, node, why, "'%s' must be a map: {key: value}",
                             key->name);
    if (node->n > PLX_MONITOR_LABELS_MAX)
        return plx_doc_error(doc, node, why, "'%s' has more than %d entries", key->name,
                             PLX_MONITOR_LABELS_MAX);
    for (size_t i = 0; i < node->n; i++) {
        const char *value;
        int err = plx_doc_text(doc, node->items[i], node->keys[i]->text, &value, why);
        if (err < 0)
            return err;
        plx_monitor_add_label(m, node->keys[i]->text, value);
    }
    return 0;
}

static bool write_labels(WRITE_ARGS)
{
    (void)key;
    plx_value_labels(out, m->labels, m->n_labels);
    return true;
}

static int read_slo(READ_ARGS)
{
    const char *text;
    int err = plx_doc_text(doc, node, key->name, &text, why);
    if (err == 0 && plx_slo_parse(text, &m->slo_ppm) < 0)
        return refuse(key, doc, node, "a percentage such as 99.95%", why);
    return err;
}

static bool write_slo(WRITE_ARGS)
{
    char text[PLX_SLO_TEXT_MAX];
    (void)key;
    if (m->slo_ppm)
        plx_value_text(out, plx_slo_format(m->slo_ppm, text));
    return m->slo_ppm != 0;
}

#define FIELD(name) offsetof(struct plx_monitor, name)

/* In the order in which people write and read them. */
const struct plx_key plx_monitor_keys[] = {
    {"monitor_type", read_type, write_type, 0, 0, 0},
    {"name", read_text, write_text, FIELD(name), 0, 0},
    {"host", read_text, write_text, FIELD(host), 0, 0},
    {"port", read_port, write_port, 0, 1, 65535},
    {"check_interval", read_duration, write_duration, FIELD(interval_ns), 0, 0},
    {"timeout", read_duration, write_duration, FIELD(timeout_ns), 0, 0},
    {"locations", read_locations, write_locations, 0, 0, 0},
    {"alert_on_failure", read_bool, write_bool, FIELD(alert_on_failure), 0, 0},
    {"consecutive_failures_before_alert", read_number, write_number,
     FIELD(consecutive_failures), 1, 100},
    {"recovery_successes", read_number, write_number, FIELD(recovery_successes), 1, 100},
    {"labels", read_labels, write_labels, 0, 0, 0},
    {"expect", read_expect, write_expect, 0, 0, 0},
    {"handshake", read_handshake, write_handshake, 0, 0, 0},
    {"greeting", read_greeting, write_greeting, 0, 0, 0},
    {"ip", read_ip, write_ip, 0, 0, 0},
    {"addresses", read_addresses, write_addresses, 0, 0, 0},
    {"source", read_text, write_text, FIELD(source), 0, 0},
    {"degraded_above", read_duration, write_duration, FIELD(degraded_above_ns), 0, 0},
    {"min_coverage", read_percent, write_percent, FIELD(min_coverage_percent), 0, 100},
    {"quorum", read_quorum, write_quorum, 0, 0, 0},
    {"agents_per_location", read_number, write_number, FIELD(agents_per_location), 1, 16},
    {"confirm", read_switch, write_switch, FIELD(confirm), 0, 0},
    {"depends_on", read_depends_on, write_depends_on, 0, 0, 0},
    {"paused", read_bool, write_bool, FIELD(paused), 0, 0},
    {"runbook", read_text, write_text, FIELD(runbook), 0, 0},
    {"notify", read_notify, write_notify, 0, 0, 0},
    {"slo", read_slo, write_slo, 0, 0, 0},
    {"slo_window", read_duration, write_duration, FIELD(slo_window_ns), 0, 0},
};
const size_t plx_n_monitor_keys = sizeof plx_monitor_keys / sizeof *plx_monitor_keys;

const struct plx_key *plx_monitor_key_find(const char *name)
{
    for (size_t i = 0; i < plx_n_monitor_keys; i++)
        if (strcmp(plx_monitor_keys[i].name, name) == 0)
            return &plx_monitor_keys[i];
    return NULL;
}

int64_t plx_monitor_default_timeout(int64_t interval_ns)
{
    const int64_t usual = 10 * PLX_SEC_NS;
    return interval_ns < usual ? interval_ns : usual;
}
