#include "cli/import.h"

#include "base/err.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *plx_finding_token(enum plx_finding_kind kind)
{
    static const char *const tokens[] = {"left_out", "changed", "ignored"};
    return tokens[kind];
}

void plx_import_fini(struct plx_import *im)
{
    for (size_t i = 0; i < im->n; i++)
        plx_monitor_fini(&im->list[i]);
    for (size_t i = 0; im->labels && i < im->n; i++)
        plx_relabel_fini(&im->labels[i]);
    for (size_t i = 0; i < im->n_findings; i++) {
        free(im->findings[i].file);
        free(im->findings[i].entry);
        free(im->findings[i].text);
    }
    plx_import_rules_fini(im);
    free(im->labels);
    free(im->list);
    free(im->findings);
    plx_doc_destroy(&im->shared);
    *im = (struct plx_import){0};
}

void plx_import_say(struct plx_import *im, enum plx_finding_kind kind, const char *entry,
                    const char *fmt, ...)
{
    va_list args;
    char *text;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    va_end(args);
    im->findings = reallocarray(im->findings, im->n_findings + 1, sizeof *im->findings);
    if (!im->findings)
        abort();
    im->findings[im->n_findings++] =
        (struct plx_finding){kind, plx_text_dup(im->file), plx_text_dup(entry), text};
}

void plx_import_begin(const struct plx_import *im, const char *name,
                      struct plx_monitor *ret)
{
    plx_monitor_init(ret);
    plx_monitor_set_text(&ret->name, name);
    for (size_t i = 0; i < im->n_locations; i++)
        plx_monitor_add_location(ret, im->locations[i]);
}

/* Brings a time within [min, max] and says so. */
static void fit(struct plx_import *im, const char *name, const char *what,
                int64_t *value_ns, int64_t min_ns, int64_t max_ns)
{
    char was[PLX_DURATION_TEXT_MAX], now[PLX_DURATION_TEXT_MAX];
    int64_t fitted = *value_ns < min_ns   ? min_ns
                     : *value_ns > max_ns ? max_ns
                                          : *value_ns;
    if (fitted == *value_ns)
        return;
    plx_import_say(im, PLX_FINDING_CHANGED, name, "%s %s becomes %s", what,
                   plx_duration_format(*value_ns, was), plx_duration_format(fitted, now));
    *value_ns = fitted;
}

static bool is_taken(const struct plx_import *im, const char *name)
{
    for (size_t i = 0; i < im->n; i++)
        if (strcmp(im->list[i].name, name) == 0)
            return true;
    return false;
}

/* Others allow one name several times. */
static void make_unique(struct plx_import *im, struct plx_monitor *m)
{
    char name[PLX_NAME_MAX + 24];
    if (!is_taken(im, m->name))
        return;
    for (unsigned n = 2;; n++) {
        snprintf(name, sizeof name, "%.*s (%u)", (int)plx_text_cut(m->name, 110), m->name,
                 n);
        if (!is_taken(im, name))
            break;
    }
    plx_import_say(im, PLX_FINDING_CHANGED, m->name,
                   "a second one of this name becomes '%s'", name);
    plx_monitor_set_text(&m->name, name);
}

static void shorten(struct plx_import *im, struct plx_monitor *m)
{
    char name[PLX_NAME_MAX + 1];
    if (strlen(m->name) <= PLX_NAME_MAX)
        return;
    snprintf(name, sizeof name, "%.*s", (int)plx_text_cut(m->name, PLX_NAME_MAX),
             m->name);
    plx_import_say(im, PLX_FINDING_CHANGED, m->name, "the long name becomes '%s'", name);
    plx_monitor_set_text(&m->name, name);
}

bool plx_import_end(struct plx_import *im, struct plx_monitor *m)
{
    struct plx_why why = {""};
    const char *field = NULL;
    if (!m->name || !*m->name)
        plx_monitor_default_name(m);
    fit(im, m->name, "the interval", &m->interval_ns, PLX_MONITOR_INTERVAL_MIN_NS,
        PLX_MONITOR_INTERVAL_MAX_NS);
    int64_t most = m->interval_ns < PLX_MONITOR_TIMEOUT_MAX_NS
                       ? m->interval_ns
                       : PLX_MONITOR_TIMEOUT_MAX_NS;
    fit(im, m->name, "the timeout", &m->timeout_ns, PLX_MONITOR_TIMEOUT_MIN_NS, most);
    if (m->degraded_above_ns > m->timeout_ns) {
        plx_import_say(im, PLX_FINDING_IGNORED, m->name,
                       "a bound on the response time above the timeout");
        m->degraded_above_ns = 0;
    }
    shorten(im, m);
    make_unique(im, m);
    if (plx_monitor_check(m, &field, &why) < 0) {
        plx_import_say(im, PLX_FINDING_LEFT_OUT, m->name, "%s%s%s", field ? field : "",
                       field ? ": " : "", why.text);
        plx_monitor_fini(m);
        return false;
    }
    im->list = reallocarray(im->list, im->n + 1, sizeof *im->list);
    if (!im->list)
        abort();
    im->list[im->n++] = *m;
    *m = (struct plx_monitor){0};
    return true;
}

void plx_import_label(struct plx_import *im, struct plx_monitor *m, const char *key,
                      const char *value)
{
    char clean[PLX_WORD_MAX + 1];
    size_t n = 0;
    for (; key[n] && n < PLX_WORD_MAX; n++) {
        char one[2] = {key[n], '\0'};
        bool good = plx_text_is_word(one) || (n > 0 && strchr("._-", key[n]));
        clean[n] = good ? key[n] : n > 0 ? '_' : 'x';
    }
    clean[n] = '\0';
    if (n == 0 || m->n_labels >= PLX_MONITOR_LABELS_MAX || !*value ||
        !plx_text_is_clean(value, strlen(value))) {
        plx_import_say(im, PLX_FINDING_IGNORED, m->name, "the label '%s'", key);
        return;
    }
    if (strcmp(clean, key) != 0)
        plx_import_say(im, PLX_FINDING_CHANGED, m->name, "the label '%s' becomes '%s'",
                       key, clean);
    for (size_t i = 0; i < m->n_labels; i++)
        if (strcmp(m->labels[i].key, clean) == 0) {
            plx_import_say(im, PLX_FINDING_IGNORED, m->name, "a second label '%s' (%s)",
                           clean, value);
            return;
        }
    plx_monitor_add_label(m, clean, value);
}

void plx_import_duration(struct plx_import *im, const char *entry,
                         const struct plx_node *map, const char *key, int64_t *field)
{
    const char *text = plx_node_text(map, key);
    if (text && plx_duration_parse(text, field) < 0)
        plx_import_say(im, PLX_FINDING_IGNORED, entry, "%s: '%s' is no duration", key,
                       text);
}

uint32_t plx_import_count(struct plx_import *im, const char *entry, const char *key,
                          const char *text, uint32_t usual)
{
    int64_t n = usual;
    if (!text || (plx_text_int(text, 1, INT32_MAX, &n) == 0 && n <= 100))
        return (uint32_t)n;
    n = n > 100 ? 100 : usual;
    plx_import_say(im, PLX_FINDING_CHANGED, entry, "%s '%s' becomes %d", key, text,
                   (int)n);
    return (uint32_t)n;
}

void plx_import_rest(struct plx_import *im, const char *entry, const char *where,
                     const struct plx_node *map, const char *const *known)
{
    for (size_t i = 0; map && map->kind == PLX_NODE_MAP && i < map->n; i++) {
        size_t k = 0;
        while (known[k] && strcmp(known[k], map->keys[i]->text) != 0)
            k++;
        if (!known[k])
            plx_import_say(im, PLX_FINDING_IGNORED, entry, "%s%s: no equivalent", where,
                           map->keys[i]->text);
    }
}
