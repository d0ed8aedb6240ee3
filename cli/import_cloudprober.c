/* Cloudprober's configuration in the text format. Its defaults: interval 2s, timeout 1s;
 * an alert's condition is one failure. */
#include "cli/import.h"

#include "base/err.h"
#include "base/text.h"
#include "cli/textproto.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX  (16 * 1024 * 1024)
#define INTERVAL_NS (2 * PLX_SEC_NS)
#define TIMEOUT_NS  PLX_SEC_NS

struct probe {
    struct plx_import *im;
    const json_t *body;
    const json_t *shared; /* the file's shared_targets; may be NULL */
    const char *name;
};

/* The last one given, as in protocol buffers. */
static const json_t *last(const json_t *message, const char *field)
{
    const json_t *list = json_object_get(message, field);
    size_t n = json_array_size(list);
    return n ? json_array_get(list, n - 1) : NULL;
}

static const char *word(const json_t *message, const char *field)
{
    return json_string_value(last(message, field));
}

static bool is_true(const json_t *message, const char *field)
{
    const char *text = word(message, field);
    return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

static void say_rest(const struct probe *p, const char *where, const json_t *message,
                     const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)message, key, value)
    {
        size_t k = 0;
        while (known[k] && strcmp(known[k], key) != 0)
            k++;
        if (!known[k])
            plx_import_say(p->im, PLX_FINDING_IGNORED, p->name, "%s%s: no equivalent",
                           where, key);
    }
}

/* interval: "5s" or interval_msec: 5000. */
static int64_t duration(const struct probe *p, const char *field, int64_t usual)
{
    char msec[32];
    int64_t v = usual;
    snprintf(msec, sizeof msec, "%s_msec", field);
    const char *text = word(p->body, field), *ms = word(p->body, msec);
    if (text && plx_duration_parse(text, &v) < 0)
        plx_import_say(p->im, PLX_FINDING_IGNORED, p->name, "%s: '%s' is no duration",
                       field, text);
    else if (!text && ms && plx_text_int(ms, 1, INT32_MAX, &v) == 0)
        v *= PLX_MS_NS;
    return v;
}

/* alert { condition { failures: 3 total: 5 } } */
static void read_alerts(const struct probe *p, struct plx_monitor *m)
{
    const json_t *alert;
    size_t i;
    m->alert_on_failure = false;
    json_array_foreach(json_object_get(p->body, "alert"), i, alert)
    {
        static const char *const known[] = {"condition", "name", NULL};
        const json_t *condition = last(alert, "condition");
        uint32_t failures = plx_import_count(p->im, m->name, "alert.condition.failures",
                                             word(condition, "failures"), 1);
        int64_t total = 0;
        const char *t = word(condition, "total");
        if (t)
            plx_text_int(t, 1, INT32_MAX, &total);
        if (total > failures)
            plx_import_say(p->im, PLX_FINDING_CHANGED, p->name,
                           "%u failures of %d become %u in a row", failures, (int)total,
                           failures);
        if (m->alert_on_failure && failures != m->consecutive_failures)
            plx_import_say(p->im, PLX_FINDING_CHANGED, m->name,
                           "alerts with different conditions: the lowest one is taken");
        if (!m->alert_on_failure || failures < m->consecutive_failures)
            m->consecutive_failures = failures;
        m->alert_on_failure = true;
        say_rest(p, "alert.", alert, known);
    }
}

static void read_labels(const struct probe *p, struct plx_monitor *m)
{
    const json_t *label;
    size_t i;
    plx_import_label(p->im, m, "probe", p->name);
    json_array_foreach(json_object_get(p->body, "additional_label"), i, label)
    {
        const char *key = word(label, "key"), *value = word(label, "value");
        if (value && strchr(value, '@'))
            plx_import_say(p->im, PLX_FINDING_IGNORED, m->name,
                           "the label '%s', which is made of the target (%s)",
                           key ? key : "", value);
        else if (key && value)
            plx_import_label(p->im, m, key, value);
    }
}

static void read_family(const struct probe *p, struct plx_monitor *m)
{
    const char *ip = word(p->body, "ip_version"), *source = word(p->body, "source_ip");
    if (ip && strcmp(ip, "IPV4") == 0)
        m->ip = PLX_IP_4;
    if (ip && strcmp(ip, "IPV6") == 0)
        m->ip = PLX_IP_6;
    if (source)
        plx_monitor_set_text(&m->source, source);
}

/* A target without a port of its own has the probe's. */
static void add_target(const struct probe *p, const char *name, const char *host,
                       const char *port)
{
    struct plx_monitor m;
    char whole[2 * PLX_NAME_MAX], own_host[PLX_HOST_MAX + 1];
    int64_t n = 0;
    snprintf(whole, sizeof whole, "%.*s/%.*s", (int)plx_text_cut(p->name, 60), p->name,
             (int)plx_text_cut(name, 60), name);
    plx_import_begin(p->im, whole, &m);
    if (plx_text_host_port(host, own_host, &m.port) == 0) {
        host = own_host;
    } else if (port && plx_text_int(port, 1, 65535, &n) == 0) {
        m.port = (uint16_t)n;
    } else {
        plx_import_say(p->im, PLX_FINDING_LEFT_OUT, whole, "no port");
        plx_monitor_fini(&m);
        return;
    }
    plx_monitor_set_text(&m.host, host);
    m.interval_ns = duration(p, "interval", INTERVAL_NS);
    m.timeout_ns = duration(p, "timeout", TIMEOUT_NS);
    m.expect = is_true(p->body, "negative_test") ? PLX_EXPECT_CLOSED : PLX_EXPECT_OPEN;
    m.paused = is_true(p->body, "disabled");
    read_family(p, &m);
    read_alerts(p, &m);
    read_labels(p, &m);
    plx_import_end(p->im, &m);
}

static void add_host_names(const struct probe *p, const char *list, const char *port)
{
    char one[PLX_HOST_MAX + 8];
    while (*list) {
        list += strspn(list, ", \t\n");
        size_t n = strcspn(list, ",");
        size_t len = n;
        while (len > 0 && strchr(" \t\n", list[len - 1]))
            len--;
        if (len > 0) {
            snprintf(one, sizeof one, "%.*s", (int)(len < sizeof one ? len : 0), list);
            add_target(p, one, one, port);
        }
        list += n;
    }
}

static void add_endpoint(const struct probe *p, const json_t *endpoint, const char *port)
{
    static const char *const known[] = {"name", "ip", "port", "url", NULL};
    const char *name = word(endpoint, "name"), *ip = word(endpoint, "ip");
    const char *own_port = word(endpoint, "port"), *url = word(endpoint, "url");
    const char *host = ip ? ip : url ? url : name;
    if (url && strstr(url, "://"))
        host = strstr(url, "://") + 3;
    say_rest(p, "targets.endpoint.", endpoint, known);
    if (host)
        add_target(p, name ? name : host, host, own_port ? own_port : port);
}

static void read_targets(const struct probe *p, const json_t *targets, const char *port);

/* shared_targets { name: "…" targets { … } }, once in the file. */
static void read_shared(const struct probe *p, const char *wanted, const char *port)
{
    const json_t *one;
    size_t i;
    json_array_foreach(p->shared, i, one)
    {
        const char *name = word(one, "name");
        if (name && strcmp(name, wanted) == 0) {
            struct probe own = *p;
            own.shared = NULL; /* they do not name one another */
            read_targets(&own, last(one, "targets"), port);
            return;
        }
    }
    plx_import_say(p->im, PLX_FINDING_LEFT_OUT, p->name,
                   "targets.shared_targets '%s' is not in the file", wanted);
}

static void read_targets(const struct probe *p, const json_t *targets, const char *port)
{
    static const char *const known[] = {"host_names", "endpoint", "shared_targets"};
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(targets, "shared_targets"), i, one)
        read_shared(p, json_string_value(one) ? json_string_value(one) : "", port);
    json_array_foreach(json_object_get(targets, "host_names"), i, one)
        add_host_names(p, json_string_value(one) ? json_string_value(one) : "", port);
    json_array_foreach(json_object_get(targets, "endpoint"), i, one)
        add_endpoint(p, one, port);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)targets, key, value) if (strcmp(key, known[0]) != 0 &&
                                                           strcmp(key, known[1]) != 0 &&
                                                           strcmp(key, known[2]) != 0)
        plx_import_say(p->im, PLX_FINDING_LEFT_OUT, p->name,
                       "targets.%s: only targets that are named can be taken", key);
}

static void read_probe(struct plx_import *im, const json_t *body, const json_t *shared)
{
    static const char *const known[] = {
        "name",          "type",         "targets",   "interval", "interval_msec",
        "timeout",       "timeout_msec", "tcp_probe", "alert",    "additional_label",
        "negative_test", "ip_version",   "source_ip", "disabled", NULL};
    static const char *const tcp_known[] = {"port", NULL};
    const char *name = word(body, "name"), *type = word(body, "type");
    struct probe p = {im, body, shared, name ? name : ""};
    if (!type || strcmp(type, "TCP") != 0) {
        plx_import_say(im, PLX_FINDING_LEFT_OUT, p.name, "type %s is no TCP check",
                       type ? type : "(none)");
        return;
    }
    const json_t *tcp = last(body, "tcp_probe"), *targets;
    size_t i;
    json_array_foreach(json_object_get(body, "targets"), i, targets)
        read_targets(&p, targets, word(tcp, "port"));
    say_rest(&p, "", body, known);
    say_rest(&p, "tcp_probe.", tcp, tcp_known);
}

int plx_import_cloudprober(struct plx_import *im, const char *path, struct plx_why *why)
{
    char *text;
    size_t len, i;
    json_t *root = NULL, *body, *value;
    const char *key;
    int err = plx_file_read(path, CONFIG_MAX, &text, &len, why);
    if (err < 0)
        return err;
    err = plx_textproto_parse(path, text, &root, why);
    free(text);
    if (err < 0)
        return err;
    json_array_foreach(json_object_get(root, "probe"), i, body)
        read_probe(im, body, json_object_get(root, "shared_targets"));
    json_object_foreach(root, key, value) if (strcmp(key, "probe") != 0 &&
                                              strcmp(key, "shared_targets") != 0)
        plx_import_say(im, PLX_FINDING_IGNORED, "", "%s: no equivalent", key);
    json_decref(root);
    return 0;
}
