/* blackbox_exporter's modules, Prometheus' scrape jobs that use them, and alerting rules
 * on probe_success. Which file is which shows by its keys: modules, scrape_configs,
 * groups. A target becomes a monitor for each TCP module that its job names. */
#include "cli/import.h"

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
    char text[1024];
    size_t len = strlen(pattern);
    bool to_end =
        len > 0 && pattern[len - 1] == '$' && (len < 2 || pattern[len - 2] != '\\');
    snprintf(text, sizeof text, "(?m)%.*s%s", (int)(len - to_end), pattern,
             to_end ? "\\r?$" : "");
    plx_greeting_add(&m->greeting, PLX_GREETING_REGEX, text, strlen(text), 0, 0);
}

/* Sent with a line feed behind it. */
static void add_send(struct plx_monitor *m, const char *line)
{
    char text[PLX_GREETING_SEND_MAX];
    int len = snprintf(text, sizeof text, "%.4000s\n", line);
    plx_greeting_add(&m->greeting, PLX_GREETING_SEND, text, (size_t)len, 0, 0);
}

/* Steps up to the first that cannot be: a later one would not be understood without. */
static void read_steps(struct plx_import *im, struct plx_monitor *m,
                       const struct plx_node *list)
{
    static const char *const known[] = {"expect", "send", "starttls", NULL};
    for (size_t i = 0; is_list(list) && i < list->n; i++) {
        const struct plx_node *step = list->items[i];
        const char *expect = plx_import_text(step, "expect");
        const char *send = plx_import_text(step, "send");
        const char *tls = plx_import_text(step, "starttls");
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
    const char *family = plx_import_text(tcp, "preferred_ip_protocol");
    const char *fallback = plx_import_text(tcp, "ip_protocol_fallback");
    const char *tls = plx_import_text(tcp, "tls");
    const char *source = plx_import_text(tcp, "source_ip_address");
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
    const struct plx_node *module, *labels;
    const char *name, *module_name;
    int64_t interval_ns, timeout_ns;
    bool several; /* modules: the name says which */
};

static void add_labels(const struct job *job, struct plx_monitor *m)
{
    plx_import_label(job->im, m, "job", job->name);
    for (size_t i = 0; is_map(job->labels) && i < job->labels->n; i++)
        if (job->labels->items[i]->text)
            plx_import_label(job->im, m, job->labels->keys[i]->text,
                             job->labels->items[i]->text);
}

static void add_target(const struct job *job, const char *target)
{
    static const char *const known[] = {"prober", "timeout", "tcp", NULL};
    struct plx_monitor m;
    char host[PLX_HOST_MAX + 1], name[PLX_NAME_MAX * 3];
    snprintf(name, sizeof name, "%.60s/%.60s%s%.60s", job->name, target,
             job->several ? "/" : "", job->several ? job->module_name : "");
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
    int64_t own = m.timeout_ns;
    plx_import_duration(job->im, name, job->module, "timeout", &own);
    if (own < m.timeout_ns)
        m.timeout_ns = own;
    const struct plx_node *tcp = plx_node_get(job->module, "tcp");
    if (is_map(tcp))
        read_tcp(job->im, &m, tcp);
    plx_import_rest(job->im, name, "module.", job->module, known);
    add_labels(job, &m);
    if (!plx_import_end(job->im, &m))
        return;
    job->im->jobs = reallocarray(job->im->jobs, job->im->n, sizeof *job->im->jobs);
    if (!job->im->jobs)
        abort();
    job->im->jobs[job->im->n - 1] = plx_text_dup(job->name);
}

static void add_groups(struct job *job, const struct plx_node *config)
{
    const struct plx_node *groups = plx_node_get(config, "static_configs");
    for (size_t i = 0; is_list(groups) && i < groups->n; i++) {
        const struct plx_node *group = groups->items[i];
        const struct plx_node *targets =
            is_map(group) ? plx_node_get(group, "targets") : NULL;
        job->labels = is_map(group) ? plx_node_get(group, "labels") : NULL;
        for (size_t k = 0; is_list(targets) && k < targets->n; k++)
            if (targets->items[k]->text)
                add_target(job, targets->items[k]->text);
    }
}

static const struct plx_node *find_module(const struct plx_import *im, const char *name)
{
    const struct plx_node *root = im->modules ? plx_doc_root(im->modules) : NULL;
    const struct plx_node *modules = is_map(root) ? plx_node_get(root, "modules") : NULL;
    const struct plx_node *module = is_map(modules) ? plx_node_get(modules, name) : NULL;
    return is_map(module) ? module : NULL;
}

/* relabel_configs are how every such job is written: only what is not the usual three is
 * said. */
static void say_relabelling(struct plx_import *im, const char *job,
                            const struct plx_node *config)
{
    const struct plx_node *list = plx_node_get(config, "relabel_configs");
    for (size_t i = 0; is_list(list) && i < list->n; i++) {
        const char *to = plx_import_text(list->items[i], "target_label");
        bool usual =
            to && (strcmp(to, "__param_target") == 0 || strcmp(to, "instance") == 0 ||
                   strcmp(to, "__address__") == 0);
        if (!usual)
            plx_import_say(im, PLX_FINDING_IGNORED, job, "relabel_configs: the %zu. rule",
                           i + 1);
    }
}

static void read_module(struct job *job, const struct plx_node *config, const char *name)
{
    job->module_name = name;
    job->module = find_module(job->im, name);
    const char *prober = plx_import_text(job->module, "prober");
    if (!job->module)
        plx_import_say(job->im, PLX_FINDING_LEFT_OUT, job->name,
                       "the module '%s' is in none of the files before this one", name);
    else if (!prober || strcmp(prober, "tcp") != 0)
        plx_import_say(job->im, PLX_FINDING_LEFT_OUT, job->name,
                       "the module '%s' (%s) is no TCP check", name,
                       prober ? prober : "no prober");
    else
        add_groups(job, config);
}

static void read_job(struct plx_import *im, const struct plx_node *config,
                     const struct plx_node *global)
{
    static const char *const known[] = {
        "job_name",       "metrics_path",    "params",          "static_configs",
        "scrape_timeout", "scrape_interval", "relabel_configs", NULL};
    const char *name = plx_import_text(config, "job_name");
    struct job job = {.im = im,
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
    if (!is_list(modules) || modules->n == 0) {
        plx_import_say(im, PLX_FINDING_LEFT_OUT, job.name,
                       "a job without a module of blackbox_exporter");
        return;
    }
    job.several = modules->n > 1;
    for (size_t i = 0; i < modules->n; i++)
        if (modules->items[i]->text)
            read_module(&job, config, modules->items[i]->text);
    say_relabelling(im, job.name, config);
    plx_import_rest(im, job.name, "", config, known);
}

/* ---- alerting rules ---- */

/* job="tcp" in an expression; "" if there is none. */
static char *job_of(const char *expr)
{
    const char *at = strstr(expr, "job=\"");
    if (!at)
        return plx_text_dup("");
    at += 5;
    return strndup(at, strcspn(at, "\""));
}

static void read_rule(struct plx_import *im, const struct plx_node *rule)
{
    const char *alert = plx_import_text(rule, "alert"),
               *expr = plx_import_text(rule, "expr");
    bool ours = alert && expr && strstr(expr, "probe_success") && strstr(expr, "== 0");
    int64_t for_ns = 0;
    if (!ours) {
        plx_import_say(im, PLX_FINDING_IGNORED, alert ? alert : "",
                       "a rule that is not about probe_success == 0");
        return;
    }
    plx_import_duration(im, alert, rule, "for", &for_ns);
    im->rules = reallocarray(im->rules, im->n_rules + 1, sizeof *im->rules);
    if (!im->rules)
        abort();
    im->rules[im->n_rules++] = (struct plx_alert_for){job_of(expr), for_ns};
    plx_import_say(im, PLX_FINDING_IGNORED, alert,
                   "labels and annotations: make a receiver and a route for it");
}

static void read_rules(struct plx_import *im, const struct plx_node *groups)
{
    for (size_t i = 0; is_list(groups) && i < groups->n; i++) {
        const struct plx_node *rules =
            is_map(groups->items[i]) ? plx_node_get(groups->items[i], "rules") : NULL;
        for (size_t k = 0; is_list(rules) && k < rules->n; k++)
            if (is_map(rules->items[k]))
                read_rule(im, rules->items[k]);
    }
}

/* "for: 2m" at an interval of 30s is four failures in a row: the first that is seen and
 * those until the time is over. */
static void apply_rule(struct plx_monitor *m, const struct plx_alert_for *rule,
                       bool first)
{
    int64_t n = (rule->for_ns + m->interval_ns - 1) / m->interval_ns;
    uint32_t failures = n < 1 ? 1 : n > 100 ? 100 : (uint32_t)n;
    if (first || failures < m->consecutive_failures)
        m->consecutive_failures = failures;
}

void plx_import_blackbox_rules(struct plx_import *im)
{
    size_t n_untold = 0;
    for (size_t i = 0; i < im->n && im->jobs; i++) {
        bool any = false;
        for (size_t k = 0; k < im->n_rules; k++) {
            const char *job = im->rules[k].job;
            if (*job && strcmp(job, im->jobs[i]) != 0)
                continue;
            apply_rule(&im->list[i], &im->rules[k], !any);
            any = true;
        }
        n_untold += !any;
        if (!any && im->n_rules > 0)
            im->list[i].alert_on_failure = false;
    }
    if (im->n_rules == 0 && im->n > 0)
        plx_import_say(im, PLX_FINDING_CHANGED, "",
                       "no alerting rule on probe_success in the files: monitors alert "
                       "after 2 failures, as is usual here");
    else if (n_untold > 0)
        plx_import_say(im, PLX_FINDING_CHANGED, "",
                       "%zu monitor%s no alerting rule matches: alert_on_failure: false",
                       n_untold, n_untold == 1 ? "" : "s");
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
        plx_doc_destroy(&im->modules);
        im->modules = doc; /* the targets come with another file */
        return 0;
    } else if (!plx_node_get(root, "scrape_configs") && !plx_node_get(root, "groups")) {
        err = plx_why_set(why, PLX_EINVAL,
                          "%s:1:1: no 'modules', 'scrape_configs' or 'groups'", path);
    } else {
        const struct plx_node *jobs = plx_node_get(root, "scrape_configs");
        for (size_t i = 0; is_list(jobs) && i < jobs->n; i++)
            if (is_map(jobs->items[i]))
                read_job(im, jobs->items[i], plx_node_get(root, "global"));
        read_rules(im, plx_node_get(root, "groups"));
        plx_import_rest(im, "", "", root, known);
    }
    plx_doc_destroy(&doc);
    return err;
}
