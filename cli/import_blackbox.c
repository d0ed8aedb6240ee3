/* blackbox_exporter's modules, Prometheus' scrape jobs that use them, and alerting rules
 * on probe_success. Which file is which shows by its keys: modules, scrape_configs,
 * groups. A target becomes a monitor for each TCP module that its job names. */
#include "cli/import.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prometheus' own defaults. */
#define SCRAPE_INTERVAL_NS PLX_MIN_NS
#define SCRAPE_TIMEOUT_NS  (10 * PLX_SEC_NS)

static bool is_list(const struct plx_node *node)
{
    return node && node->kind == PLX_NODE_LIST;
}

static bool is_map(const struct plx_node *node)
{
    return node && node->kind == PLX_NODE_MAP;
}

/* ---- a module upon a monitor ---- */

/* blackbox looks at lines without their end; ours are bytes. */
static void add_pattern(struct plx_monitor *m, const char *pattern)
{
    struct plx_buf text;
    size_t len = strlen(pattern);
    bool to_end =
        len > 0 && pattern[len - 1] == '$' && (len < 2 || pattern[len - 2] != '\\');
    plx_buf_init(&text, PLX_DOC_LINE_MAX);
    plx_buf_text(&text, "(?m)");
    plx_buf_add(&text, pattern, len - to_end);
    plx_buf_text(&text, to_end ? "\\r?$" : "");
    plx_greeting_add(&m->greeting, PLX_GREETING_REGEX, plx_buf_str(&text), text.len, 0,
                     0);
    plx_buf_fini(&text);
}

/* Sent with a line feed behind it. */
static void add_send(struct plx_monitor *m, const char *line)
{
    struct plx_buf text;
    plx_buf_init(&text, PLX_DOC_LINE_MAX);
    plx_buf_text(&text, line);
    plx_buf_char(&text, '\n');
    plx_greeting_add(&m->greeting, PLX_GREETING_SEND, plx_buf_str(&text), text.len, 0, 0);
    plx_buf_fini(&text);
}

/* Steps up to the first that cannot be: a later one would not be understood without. */
static void read_steps(struct plx_import *im, struct plx_monitor *m,
                       const struct plx_node *list)
{
    static const char *const known[] = {"expect", "send", "starttls", NULL};
    for (size_t i = 0; is_list(list) && i < list->n; i++) {
        const struct plx_node *step = list->items[i];
        const char *expect = plx_node_text(step, "expect");
        const char *send = plx_node_text(step, "send");
        const char *tls = plx_node_text(step, "starttls");
        const char *stop =
            tls && strcmp(tls, "true") == 0 ? "starttls"
            : send && strstr(send, "${")    ? "a 'send' with parts of what was expected"
            : m->greeting.n_steps + 2 > PLX_GREETING_STEPS_MAX ? "more than 8 steps"
                                                               : NULL;
        if (stop) {
            plx_import_say(im, PLX_FINDING_IGNORED, m->name,
                           "query_response from step %zu on: %s", i + 1, stop);
            break;
        }
        if (expect)
            add_pattern(m, expect);
        if (send)
            add_send(m, send);
        plx_import_rest(im, m->name, "query_response.", step, known);
    }
    struct plx_why why = {""};
    if (m->greeting.n_steps > 0 && plx_greeting_check(&m->greeting, NULL, &why) < 0) {
        plx_import_say(im, PLX_FINDING_IGNORED, m->name,
                       "query_response: what is left of it cannot be a greeting: %s",
                       why.text);
        plx_greeting_fini(&m->greeting);
    }
    if (m->greeting.n_steps > 0)
        m->handshake = PLX_HANDSHAKE_FULL;
}

static void read_tcp(struct plx_import *im, struct plx_monitor *m,
                     const struct plx_node *tcp)
{
    static const char *const known[] = {"preferred_ip_protocol",
                                        "ip_protocol_fallback",
                                        "source_ip_address",
                                        "query_response",
                                        "tls",
                                        NULL};
    const char *family = plx_node_text(tcp, "preferred_ip_protocol");
    const char *fallback = plx_node_text(tcp, "ip_protocol_fallback");
    const char *tls = plx_node_text(tcp, "tls");
    const char *source = plx_node_text(tcp, "source_ip_address");
    if (family && fallback && strcmp(fallback, "false") == 0)
        m->ip = strcmp(family, "ip4") == 0 ? PLX_IP_4 : PLX_IP_6;
    else if (family)
        plx_import_say(im, PLX_FINDING_CHANGED, m->name,
                       "preferred_ip_protocol with a fallback: the order of RFC 6724");
    if (source)
        plx_monitor_set_text(&m->source, source);
    if (tls && strcmp(tls, "true") == 0)
        plx_import_say(im, PLX_FINDING_CHANGED, m->name,
                       "tls: the handshake and the certificate are not checked%s",
                       plx_node_get(tcp, "query_response") ? ", nor what is said in it"
                                                           : "");
    else
        read_steps(im, m, plx_node_get(tcp, "query_response"));
    plx_import_rest(im, m->name, "tcp.", tcp, known);
}

/* ---- a job's targets ---- */

struct job {
    struct plx_import *im;
    const struct plx_node *config;
    const char *name;
    const char *module; /* of params; NULL: relabelling says which */
    int64_t interval_ns, timeout_ns;
    bool several; /* modules: the name says which */
};

static const struct plx_node *find_module(const struct plx_import *im, const char *name)
{
    const struct plx_node *root = im->shared ? plx_doc_root(im->shared) : NULL;
    const struct plx_node *modules = is_map(root) ? plx_node_get(root, "modules") : NULL;
    const struct plx_node *module = is_map(modules) ? plx_node_get(modules, name) : NULL;
    return is_map(module) ? module : NULL;
}

/* The module if it makes TCP checks; NULL, and said, if not. */
static const struct plx_node *tcp_module(struct plx_import *im, const char *entry,
                                         const char *name)
{
    const struct plx_node *module = find_module(im, name);
    const char *prober = plx_node_text(module, "prober");
    if (module && prober && strcmp(prober, "tcp") == 0)
        return module;
    if (!module)
        plx_import_say(im, PLX_FINDING_LEFT_OUT, entry,
                       "the module '%s' is in none of the files before this one", name);
    else
        plx_import_say(im, PLX_FINDING_LEFT_OUT, entry,
                       "the module '%s' (%s) is no TCP check", name,
                       prober ? prober : "no prober");
    return NULL;
}

/* Those that Prometheus keeps, but not the target itself once more. */
static void add_labels(const struct job *job, struct plx_monitor *m,
                       const struct plx_relabel *labels)
{
    plx_import_label(job->im, m, "job", plx_relabel_get(labels, "job"));
    for (size_t i = 0; i < labels->n; i++) {
        const char *key = labels->list[i].key, *value = labels->list[i].value;
        bool target = strcmp(value, plx_relabel_get(labels, "__param_target")) == 0;
        if (strncmp(key, "__", 2) != 0 && strcmp(key, "job") != 0 &&
            !(strcmp(key, "instance") == 0 && target))
            plx_import_label(job->im, m, key, value);
    }
}

static void keep(struct plx_import *im, struct plx_relabel *labels)
{
    im->labels = reallocarray(im->labels, im->n, sizeof *im->labels);
    if (!im->labels)
        abort();
    im->labels[im->n - 1] = *labels;
    *labels = (struct plx_relabel){0};
}

static void read_module(const struct job *job, struct plx_monitor *m,
                        const struct plx_node *module)
{
    static const char *const known[] = {"prober", "timeout", "tcp", NULL};
    const struct plx_node *tcp = plx_node_get(module, "tcp");
    int64_t own = m->timeout_ns;
    plx_import_duration(job->im, m->name, module, "timeout", &own);
    if (own < m->timeout_ns)
        m->timeout_ns = own;
    if (is_map(tcp))
        read_tcp(job->im, m, tcp);
    plx_import_rest(job->im, m->name, "module.", module, known);
}

/* A target as relabelling leaves it. */
static void add_relabelled(const struct job *job, struct plx_relabel *labels)
{
    const char *target = plx_relabel_get(labels, "__param_target");
    const char *module_name = plx_relabel_get(labels, "__param_module");
    struct plx_monitor m;
    char host[PLX_HOST_MAX + 1], name[PLX_NAME_MAX * 3];
    bool said = job->several || !job->module;
    snprintf(name, sizeof name, "%.*s/%.*s%s%.*s", (int)plx_text_cut(job->name, 60),
             job->name, (int)plx_text_cut(target, 60), target, said ? "/" : "",
             said ? (int)plx_text_cut(module_name, 60) : 0, module_name);
    const struct plx_node *module = tcp_module(job->im, name, module_name);
    if (!module)
        return;
    plx_import_begin(job->im, name, &m);
    if (plx_text_host_port(target, host, &m.port) < 0) {
        plx_import_say(job->im, PLX_FINDING_LEFT_OUT, name, "'%s' names no host and port",
                       target);
        plx_monitor_fini(&m);
        return;
    }
    plx_monitor_set_text(&m.host, host);
    m.interval_ns = job->interval_ns;
    m.timeout_ns = job->timeout_ns;
    read_module(job, &m, module);
    add_labels(job, &m, labels);
    if (plx_import_end(job->im, &m))
        keep(job->im, labels);
}

/* What Prometheus knows of a target before relabelling. */
static void add_target(const struct job *job, const char *target,
                       const struct plx_node *given)
{
    struct plx_relabel labels = {0};
    for (size_t i = 0; is_map(given) && i < given->n; i++)
        if (given->items[i]->text)
            plx_relabel_set(&labels, given->keys[i]->text, given->items[i]->text);
    plx_relabel_set(&labels, "job", job->name);
    plx_relabel_set(&labels, "__address__", target);
    if (job->module)
        plx_relabel_set(&labels, "__param_module", job->module);
    bool kept = plx_relabel_apply(&labels, plx_node_get(job->config, "relabel_configs"));
    if (!*plx_relabel_get(&labels, "__param_target"))
        plx_relabel_set(&labels, "__param_target", target);
    if (kept)
        add_relabelled(job, &labels);
    else
        plx_import_say(job->im, PLX_FINDING_IGNORED, job->name,
                       "'%s', which relabel_configs drops there", target);
    plx_relabel_fini(&labels);
}

static void add_groups(const struct job *job)
{
    const struct plx_node *groups = plx_node_get(job->config, "static_configs");
    for (size_t i = 0; is_list(groups) && i < groups->n; i++) {
        const struct plx_node *group = groups->items[i];
        const struct plx_node *targets =
            is_map(group) ? plx_node_get(group, "targets") : NULL;
        for (size_t k = 0; is_list(targets) && k < targets->n; k++)
            if (targets->items[k]->text)
                add_target(job, targets->items[k]->text, plx_node_get(group, "labels"));
    }
}

/* ---- a job ---- */

/* Whether relabelling chooses the module; says the rules that cannot be done. */
static bool look_at_rules(struct plx_import *im, const struct job *job)
{
    const struct plx_node *rules = plx_node_get(job->config, "relabel_configs");
    bool chooses = false;
    for (size_t i = 0; is_list(rules) && i < rules->n; i++) {
        const char *to = plx_node_text(rules->items[i], "target_label");
        const char *trouble = is_map(rules->items[i])
                                  ? plx_relabel_trouble(rules->items[i])
                                  : "it is not keys and values";
        chooses |= to && strcmp(to, "__param_module") == 0;
        if (trouble)
            plx_import_say(im, PLX_FINDING_IGNORED, job->name,
                           "relabel_configs: the %zu. rule: %s", i + 1, trouble);
    }
    return chooses;
}

/* Keys of a job without an equivalent; discovery means checks that do not arrive. */
static void say_rest(struct plx_import *im, const struct job *job)
{
    static const char *const known[] = {
        "job_name",       "metrics_path",    "params",          "static_configs",
        "scrape_timeout", "scrape_interval", "relabel_configs", NULL};
    for (size_t i = 0; i < job->config->n; i++) {
        const char *key = job->config->keys[i]->text;
        const char *end = strstr(key, "_sd_configs");
        size_t k = 0;
        while (known[k] && strcmp(known[k], key) != 0)
            k++;
        if (end && !end[11])
            plx_import_say(im, PLX_FINDING_LEFT_OUT, job->name,
                           "%s: only targets of static_configs can be taken", key);
        else if (!known[k])
            plx_import_say(im, PLX_FINDING_IGNORED, job->name, "%s: no equivalent", key);
    }
}

static void read_targets(struct job *job, const struct plx_node *modules, bool chooses)
{
    job->several = is_list(modules) && modules->n > 1;
    if (chooses) {
        job->module = NULL;
        add_groups(job);
        return;
    }
    for (size_t i = 0; i < modules->n; i++) {
        job->module = modules->items[i]->text;
        if (job->module && tcp_module(job->im, job->name, job->module))
            add_groups(job);
    }
}

static void read_job(struct plx_import *im, const struct plx_node *config,
                     const struct plx_node *global)
{
    const char *name = plx_node_text(config, "job_name");
    struct job job = {.im = im,
                      .config = config,
                      .name = name ? name : "",
                      .interval_ns = SCRAPE_INTERVAL_NS,
                      .timeout_ns = SCRAPE_TIMEOUT_NS};
    const struct plx_node *params = plx_node_get(config, "params");
    const struct plx_node *modules =
        is_map(params) ? plx_node_get(params, "module") : NULL;
    plx_import_duration(im, "", global, "scrape_interval", &job.interval_ns);
    plx_import_duration(im, "", global, "scrape_timeout", &job.timeout_ns);
    plx_import_duration(im, job.name, config, "scrape_interval", &job.interval_ns);
    plx_import_duration(im, job.name, config, "scrape_timeout", &job.timeout_ns);
    bool chooses = look_at_rules(im, &job), named = is_list(modules) && modules->n > 0;
    if (!named && !chooses) {
        plx_import_say(im, PLX_FINDING_LEFT_OUT, job.name,
                       "a job without a module of blackbox_exporter");
        return;
    }
    read_targets(&job, modules, chooses);
    say_rest(im, &job);
}

/* ---- files ---- */

int plx_import_blackbox(struct plx_import *im, const char *path, struct plx_why *why)
{
    static const char *const known[] = {"global", "scrape_configs", "rule_files",
                                        "groups", NULL};
    struct plx_doc *doc = NULL;
    int err = plx_doc_load(path, &doc, why);
    if (err < 0)
        return err;
    const struct plx_node *root = plx_doc_root(doc);
    if (!is_map(root)) {
        err = plx_why_set(why, PLX_EINVAL, "%s:1:1: expected keys and values", path);
    } else if (plx_node_get(root, "modules")) {
        plx_doc_destroy(&im->shared);
        im->shared = doc; /* the targets come with another file */
        return 0;
    } else if (!plx_node_get(root, "scrape_configs") && !plx_node_get(root, "groups")) {
        err = plx_why_set(why, PLX_EINVAL,
                          "%s:1:1: no 'modules', 'scrape_configs' or 'groups'", path);
    } else {
        const struct plx_node *jobs = plx_node_get(root, "scrape_configs");
        for (size_t i = 0; is_list(jobs) && i < jobs->n; i++)
            if (is_map(jobs->items[i]))
                read_job(im, jobs->items[i], plx_node_get(root, "global"));
        plx_import_rules_read(im, plx_node_get(root, "groups"));
        plx_import_rest(im, "", "", root, known);
    }
    plx_doc_destroy(&doc);
    return err;
}
