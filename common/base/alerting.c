#include "base/alerting.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define RECEIVER_TIMEOUT_NS (15 * PLX_SEC_NS)
#define RECEIVER_PER_MINUTE 60
#define RECEIVER_GIVE_UP_NS PLX_DAY_NS

/* ---- words ---- */

static const struct {
    const char *token;
    enum plx_severity severity;
} kinds[PLX_INCIDENT_KIND_COUNT_] = {
#define X(name, value, token_, severity_)                                                \
    [value] = {.token = (token_), .severity = PLX_SEVERITY_##severity_},
    PLX_INCIDENT_KIND_TABLE(X)
#undef X
};

static const char *const severities[] = {
    [PLX_SEVERITY_WARNING] = "warning",
    [PLX_SEVERITY_CRITICAL] = "critical",
    [PLX_SEVERITY_OURS] = "ours",
};

const char *plx_incident_kind_token(enum plx_incident_kind kind)
{
    bool known = kind > PLX_INCIDENT_NONE && kind < PLX_INCIDENT_KIND_COUNT_;
    return known ? kinds[kind].token : "none";
}

int plx_incident_kind_parse(const char *token)
{
    for (int i = 1; i < PLX_INCIDENT_KIND_COUNT_; i++)
        if (strcmp(kinds[i].token, token) == 0)
            return i;
    return -1;
}

const char *plx_severity_token(enum plx_severity severity)
{
    return severities[severity];
}

int plx_severity_parse(const char *token)
{
    for (int i = 0; i <= PLX_SEVERITY_OURS; i++)
        if (strcmp(severities[i], token) == 0)
            return i;
    return -1;
}

enum plx_severity plx_severity_of(enum plx_incident_kind kind)
{
    return kinds[kind].severity;
}

/* ---- matching ---- */

static void *grown(void *array, size_t n, size_t size)
{
    void *more = realloc(array, n * size);
    if (!more)
        abort();
    return more;
}

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

void plx_match_fini(struct plx_match *match)
{
    for (size_t i = 0; i < match->n; i++) {
        free(match->list[i].key);
        free_texts(match->list[i].values, match->list[i].n_values);
    }
    free(match->list);
    *match = (struct plx_match){0};
}

static struct plx_matcher *matcher_of(struct plx_match *match, const char *key)
{
    for (size_t i = 0; i < match->n; i++)
        if (strcmp(match->list[i].key, key) == 0)
            return &match->list[i];
    match->list = grown(match->list, match->n + 1, sizeof *match->list);
    match->list[match->n] = (struct plx_matcher){.key = plx_text_dup(key)};
    return &match->list[match->n++];
}

void plx_match_add(struct plx_match *match, const char *key, const char *value)
{
    struct plx_matcher *m = matcher_of(match, key);
    m->values = grown(m->values, m->n_values + 1, sizeof *m->values);
    m->values[m->n_values++] = plx_text_dup(value);
}

bool plx_glob(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

bool plx_matcher_holds(const struct plx_matcher *matcher, const char *value)
{
    for (size_t i = 0; i < matcher->n_values; i++)
        if (plx_glob(matcher->values[i], value))
            return true;
    return false;
}

/* ---- parts ---- */

void plx_receiver_init(struct plx_receiver *receiver)
{
    *receiver = (struct plx_receiver){
        .timeout_ns = RECEIVER_TIMEOUT_NS,
        .max_per_minute = RECEIVER_PER_MINUTE,
        .give_up_ns = RECEIVER_GIVE_UP_NS,
    };
}

void plx_receiver_fini(struct plx_receiver *receiver)
{
    for (size_t i = 0; i < receiver->n_options; i++) {
        free(receiver->options[i].key);
        free(receiver->options[i].value);
    }
    free(receiver->options);
    free(receiver->name);
    free(receiver->kind);
    *receiver = (struct plx_receiver){0};
}

void plx_receiver_copy(struct plx_receiver *dst, const struct plx_receiver *src)
{
    *dst = *src;
    dst->name = plx_text_dup(src->name);
    dst->kind = plx_text_dup(src->kind);
    dst->options = NULL;
    dst->n_options = 0;
    for (size_t i = 0; i < src->n_options; i++)
        plx_receiver_add_option(dst, src->options[i].key, src->options[i].value);
}

const char *plx_receiver_option(const struct plx_receiver *receiver, const char *key)
{
    for (size_t i = 0; i < receiver->n_options; i++)
        if (strcmp(receiver->options[i].key, key) == 0)
            return receiver->options[i].value;
    return NULL;
}

void plx_receiver_add_option(struct plx_receiver *receiver, const char *key,
                             const char *value)
{
    receiver->options =
        grown(receiver->options, receiver->n_options + 1, sizeof *receiver->options);
    receiver->options[receiver->n_options++] =
        (struct plx_label){plx_text_dup(key), plx_text_dup(value)};
}

void plx_route_fini(struct plx_route *route)
{
    free(route->name);
    plx_match_fini(&route->match);
    free_texts(route->receivers, route->n_receivers);
    free_texts(route->escalate_to, route->n_escalate_to);
    *route = (struct plx_route){0};
}

void plx_window_fini(struct plx_window *window)
{
    free(window->name);
    free(window->zone);
    plx_match_fini(&window->match);
    *window = (struct plx_window){0};
}

void plx_alerting_fini(struct plx_alerting *alerting)
{
    for (size_t i = 0; i < alerting->n_receivers; i++)
        plx_receiver_fini(&alerting->receivers[i]);
    for (size_t i = 0; i < alerting->n_routes; i++)
        plx_route_fini(&alerting->routes[i]);
    for (size_t i = 0; i < alerting->n_windows; i++)
        plx_window_fini(&alerting->windows[i]);
    free(alerting->receivers);
    free(alerting->routes);
    free(alerting->windows);
    *alerting = (struct plx_alerting){0};
}

const struct plx_receiver *plx_alerting_receiver(const struct plx_alerting *alerting,
                                                 const char *name)
{
    for (size_t i = 0; i < alerting->n_receivers; i++)
        if (strcmp(alerting->receivers[i].name, name) == 0)
            return &alerting->receivers[i];
    return NULL;
}

const struct plx_route *plx_alerting_route(const struct plx_alerting *alerting,
                                           const char *name)
{
    for (size_t i = 0; i < alerting->n_routes && *name; i++)
        if (strcmp(alerting->routes[i].name, name) == 0)
            return &alerting->routes[i];
    return NULL;
}
