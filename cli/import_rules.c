/* Prometheus' alerting rules on probe_success upon the monitors that blackbox_exporter's
 * targets became: probe_success{…} == 0, with any matchers on the target's labels. */
#include "cli/import.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MATCHERS_MAX 16

struct matcher {
    char *key, *value;
    bool pattern, negated; /* =~, !=, !~ */
};

struct plx_alert_rule {
    struct matcher matchers[MATCHERS_MAX];
    size_t n;
    int64_t for_ns;
    char *name;
};

static void rule_fini(struct plx_alert_rule *rule)
{
    for (size_t i = 0; i < rule->n; i++) {
        free(rule->matchers[i].key);
        free(rule->matchers[i].value);
    }
    free(rule->name);
    *rule = (struct plx_alert_rule){0};
}

void plx_import_rules_fini(struct plx_import *im)
{
    for (size_t i = 0; i < im->n_rules; i++)
        rule_fini(&im->rules[i]);
    free(im->rules);
    im->rules = NULL;
    im->n_rules = 0;
}

/* ---- the expression ---- */

static void skip(const char **at)
{
    *at += strspn(*at, " \t\r\n");
}

static bool take(const char **at, const char *word)
{
    skip(at);
    if (strncmp(*at, word, strlen(word)) != 0)
        return false;
    *at += strlen(word);
    return true;
}

/* A text in quotes, with \\ before a quote or a backslash. NULL: it is none. */
static char *take_text(const char **at)
{
    skip(at);
    char quote = **at;
    if (quote != '"' && quote != '\'')
        return NULL;
    char *text = plx_text_dup(*at + 1), *to = text;
    for (const char *from = *at + 1; *from; from++) {
        if (*from == quote) {
            *to = '\0';
            *at = from + 1;
            return text;
        }
        from += *from == '\\' && from[1];
        *to++ = *from;
    }
    free(text);
    return NULL;
}

static bool take_matcher(const char **at, struct matcher *m)
{
    skip(at);
    size_t n =
        strspn(*at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    const char *key = *at;
    *at += n;
    skip(at);
    m->negated = **at == '!';
    m->pattern = **at && (*at)[1] == '~';
    if (n == 0 || !(take(at, "=~") || take(at, "!~") || take(at, "!=") || take(at, "=")))
        return false;
    m->value = take_text(at);
    m->key = m->value ? strndup(key, n) : NULL;
    return m->value != NULL;
}

static bool take_selector(const char **at, struct plx_alert_rule *rule)
{
    if (!take(at, "{"))
        return true;
    while (!take(at, "}")) {
        if (rule->n == MATCHERS_MAX || !take_matcher(at, &rule->matchers[rule->n]))
            return false;
        rule->n++;
        if (!take(at, ",")) {
            skip(at);
            if (**at != '}')
                return false;
        }
    }
    return true;
}

/* probe_success{…} == 0, or what is the same of a value that is 0 or 1. */
static bool read_expression(const char *at, struct plx_alert_rule *rule)
{
    if (!take(&at, "probe_success") || !take_selector(&at, rule))
        return false;
    bool is = take(&at, "==")                     ? take(&at, "0")
              : take(&at, "!=") || take(&at, "<") ? take(&at, "1")
                                                  : false;
    skip(&at);
    return is && !*at;
}

/* ---- reading ---- */

static void read_rule(struct plx_import *im, const struct plx_node *node)
{
    const char *alert = plx_node_text(node, "alert");
    const char *expr = plx_node_text(node, "expr");
    struct plx_alert_rule rule = {.name = plx_text_dup(alert ? alert : "")};
    if (!alert || !expr || !read_expression(expr, &rule)) {
        plx_import_say(im, PLX_FINDING_IGNORED, rule.name,
                       "a rule that is not about probe_success == 0%s%.200s",
                       expr ? ": " : "", expr ? expr : "");
        rule_fini(&rule);
        return;
    }
    plx_import_duration(im, alert, node, "for", &rule.for_ns);
    im->rules = reallocarray(im->rules, im->n_rules + 1, sizeof *im->rules);
    if (!im->rules)
        abort();
    im->rules[im->n_rules++] = rule;
    plx_import_say(im, PLX_FINDING_IGNORED, alert,
                   "labels and annotations: make a receiver and a route for it");
}

void plx_import_rules_read(struct plx_import *im, const struct plx_node *groups)
{
    for (size_t i = 0; groups && groups->kind == PLX_NODE_LIST && i < groups->n; i++) {
        const struct plx_node *rules = groups->items[i]->kind == PLX_NODE_MAP
                                           ? plx_node_get(groups->items[i], "rules")
                                           : NULL;
        for (size_t k = 0; rules && rules->kind == PLX_NODE_LIST && k < rules->n; k++)
            if (rules->items[k]->kind == PLX_NODE_MAP)
                read_rule(im, rules->items[k]);
    }
}

/* ---- upon the monitors ---- */

/* By the labels that Prometheus gives the series: without an instance label of its own it
 * is the address scraped, which is the exporter's. */
static bool matches(const struct plx_alert_rule *rule, const struct plx_relabel *labels)
{
    for (size_t i = 0; i < rule->n; i++) {
        const struct matcher *m = &rule->matchers[i];
        const char *value = plx_relabel_get(labels, m->key);
        if (strcmp(m->key, "instance") == 0 && !*value)
            value = plx_relabel_get(labels, "__address__");
        bool same = m->pattern ? plx_relabel_matches(m->value, value)
                               : strcmp(m->value, value) == 0;
        if (same == m->negated)
            return false;
    }
    return true;
}

/* "for: 2m" at an interval of 30s is four failures in a row: the first that is seen and
 * those until the time is over. */
static uint32_t failures_of(struct plx_import *im, const struct plx_monitor *m,
                            const struct plx_alert_rule *rule)
{
    int64_t n = rule->for_ns / m->interval_ns + (rule->for_ns % m->interval_ns > 0);
    if (n > 100)
        plx_import_say(im, PLX_FINDING_CHANGED, m->name,
                       "the rule '%s' waits for %lld failures: 100", rule->name,
                       (long long)n);
    return n < 1 ? 1 : n > 100 ? 100 : (uint32_t)n;
}

/* Returns whether any rule is about it. */
static bool apply(struct plx_import *im, struct plx_monitor *m,
                  const struct plx_relabel *labels)
{
    uint32_t least = 0;
    bool differ = false;
    for (size_t k = 0; k < im->n_rules; k++) {
        if (!matches(&im->rules[k], labels))
            continue;
        uint32_t failures = failures_of(im, m, &im->rules[k]);
        differ |= least > 0 && failures != least;
        least = least == 0 || failures < least ? failures : least;
    }
    if (differ)
        plx_import_say(im, PLX_FINDING_CHANGED, m->name,
                       "alerting rules that wait differently: the shortest is taken");
    if (least > 0)
        m->consecutive_failures = least;
    return least > 0;
}

void plx_import_rules_apply(struct plx_import *im)
{
    size_t n_untold = 0;
    if (im->n_rules == 0 && im->n > 0)
        plx_import_say(im, PLX_FINDING_CHANGED, "",
                       "no alerting rule on probe_success in the files: monitors alert "
                       "after 2 failures, as is usual here");
    for (size_t i = 0; i < im->n && im->n_rules > 0; i++) {
        bool any = apply(im, &im->list[i], &im->labels[i]);
        n_untold += !any;
        if (!any)
            im->list[i].alert_on_failure = false;
    }
    if (n_untold > 0)
        plx_import_say(im, PLX_FINDING_CHANGED, "",
                       "%zu monitor%s no alerting rule matches: alert_on_failure: false",
                       n_untold, n_untold == 1 ? "" : "s");
}
