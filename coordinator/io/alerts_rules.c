#include "coordinator/io/alerts_rules.h"

#include "base/err.h"

#include <jansson.h>
#include <stdlib.h>

/* Maintenance is worked out so far ahead, and again each hour. */
#define TURNS_BACK_NS  PLX_DAY_NS
#define TURNS_AHEAD_NS (2 * PLX_DAY_NS)
#define TURNS_EACH_NS  PLX_HOUR_NS

static void lend(struct plx_alerts_rules *r)
{
    r->notice = (struct plx_notice_rules){
        .alerting = &r->config,
        .turns = r->turns,
        .n_turns = r->n_turns,
        .silences = r->silences,
        .n_silences = r->n_silences,
    };
}

static void make_turns(struct plx_alerts_rules *r, struct plx_wall now)
{
    free(r->turns);
    r->turns = plx_alerting_turns(&r->config, plx_wall_add(now, -TURNS_BACK_NS),
                                  plx_wall_add(now, TURNS_AHEAD_NS), &r->n_turns);
    r->turns_made = now;
    lend(r);
}

void plx_alerts_rules_init(struct plx_alerts_rules *rules, struct plx_wall now)
{
    *rules = (struct plx_alerts_rules){0};
    make_turns(rules, now);
}

void plx_alerts_rules_fini(struct plx_alerts_rules *rules)
{
    plx_alerting_fini(&rules->config);
    for (size_t i = 0; i < rules->n_silences; i++)
        plx_silence_fini(&rules->silences[i]);
    free(rules->silences);
    free(rules->turns);
    *rules = (struct plx_alerts_rules){0};
}

/* ---- configuration ---- */

static void swap_section(struct plx_alerting *a, struct plx_alerting *b,
                         enum plx_alerting_section section)
{
    const struct plx_alerting was = *a;
    switch (section) {
    case PLX_SECTION_RECEIVERS:
        a->receivers = b->receivers;
        a->n_receivers = b->n_receivers;
        b->receivers = was.receivers;
        b->n_receivers = was.n_receivers;
        break;
    case PLX_SECTION_ROUTES:
        a->routes = b->routes;
        a->n_routes = b->n_routes;
        b->routes = was.routes;
        b->n_routes = was.n_routes;
        break;
    case PLX_SECTION_MAINTENANCE:
    case PLX_SECTION_COUNT_:
        a->windows = b->windows;
        a->n_windows = b->n_windows;
        b->windows = was.windows;
        b->n_windows = was.n_windows;
        break;
    }
}

static void swap_sections(struct plx_alerting *a, struct plx_alerting *b,
                          const bool has[PLX_SECTION_COUNT_])
{
    for (int i = 0; i < PLX_SECTION_COUNT_; i++)
        if (has[i])
            swap_section(a, b, (enum plx_alerting_section)i);
}

void plx_alerts_rules_configure(struct plx_alerts_rules *rules,
                                struct plx_alerting_file *file, struct plx_wall now)
{
    swap_sections(&rules->config, &file->alerting, file->has);
    make_turns(rules, now);
}

void plx_alerts_rules_preview(const struct plx_alerts_rules *rules,
                              const struct plx_alerting_file *file,
                              struct plx_alerting *ret)
{
    struct plx_alerting lent = file->alerting;
    *ret = rules->config;
    swap_sections(ret, &lent, file->has);
}

/* ---- silences ---- */

void plx_alerts_rules_add_silence(struct plx_alerts_rules *rules,
                                  struct plx_silence *silence)
{
    struct plx_silence *more =
        realloc(rules->silences, (rules->n_silences + 1) * sizeof *more);
    if (!more)
        abort();
    rules->silences = more;
    rules->silences[rules->n_silences++] = *silence;
    *silence = (struct plx_silence){0};
    lend(rules);
}

static void remove_silence(struct plx_alerts_rules *r, size_t i)
{
    plx_silence_fini(&r->silences[i]);
    r->silences[i] = r->silences[--r->n_silences];
    lend(r);
}

bool plx_alerts_rules_end_silence(struct plx_alerts_rules *rules, uint64_t id)
{
    for (size_t i = 0; i < rules->n_silences; i++)
        if (rules->silences[i].id == id) {
            remove_silence(rules, i);
            return true;
        }
    return false;
}

bool plx_alerts_rules_tick(struct plx_alerts_rules *rules, struct plx_wall now)
{
    size_t had = rules->n_silences;
    for (size_t i = had; i-- > 0;)
        if (rules->silences[i].until.ns <= now.ns)
            remove_silence(rules, i);
    if (plx_wall_diff(now, rules->turns_made) > TURNS_EACH_NS)
        make_turns(rules, now);
    return rules->n_silences != had;
}

void plx_alerts_rules_clock_set(struct plx_alerts_rules *rules, struct plx_wall now)
{
    make_turns(rules, now);
}

int plx_alerts_rules_read_match(const char *json, struct plx_match *ret,
                                struct plx_why *why)
{
    json_t *object = json_loads(json, 0, NULL), *values, *value;
    const char *key;
    size_t i;
    struct plx_match match = {0};
    if (!json_is_object(object)) {
        json_decref(object);
        return plx_why_set(why, PLX_EMALFORMED, "a match is an object of lists");
    }
    json_object_foreach(object, key, values)
    {
        json_array_foreach(values, i, value)
        {
            if (json_is_string(value))
                plx_match_add(&match, key, json_string_value(value));
        }
    }
    json_decref(object);
    *ret = match;
    return 0;
}
