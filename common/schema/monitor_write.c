#include "schema/monitors.h"

#include "base/text.h"
#include "schema/monitor_keys.h"

#include <stdlib.h>
#include <string.h>

void plx_monitor_to_json(const struct plx_monitor *m, struct plx_json *j)
{
    struct plx_value_out out = {.json = j};
    plx_json_object(j);
    for (size_t i = 0; i < plx_n_monitor_keys; i++) {
        const struct plx_key *key = &plx_monitor_keys[i];
        out.key = key->name;
        if (key->write)
            key->write(key, m, &out);
    }
    plx_json_end(j);
}

/* The value as YAML text; false if it holds none. */
static bool text_of(const struct plx_key *key, const struct plx_monitor *m,
                    struct plx_buf *text)
{
    struct plx_value_out out = {.yaml = text};
    plx_buf_clear(text);
    return key->write && key->write(key, m, &out);
}

/* What a monitor of this target would be if nothing else were said. */
static void init_unsaid(struct plx_monitor *unsaid, const struct plx_monitor *m)
{
    plx_monitor_init(unsaid);
    plx_monitor_set_text(&unsaid->host, m->host);
    unsaid->port = m->port;
    plx_monitor_default_name(unsaid);
    unsaid->timeout_ns = plx_monitor_default_timeout(m->interval_ns);
}

static bool is_always_written(const struct plx_key *key)
{
    static const char *const names[] = {"monitor_type", "host", "port"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(key->name, names[i]) == 0)
            return true;
    return false;
}

void plx_monitor_to_yaml(const struct plx_monitor *m, struct plx_buf *out)
{
    struct plx_monitor unsaid;
    struct plx_buf text, usual;
    init_unsaid(&unsaid, m);
    plx_buf_init(&text, SIZE_MAX / 2);
    plx_buf_init(&usual, SIZE_MAX / 2);
    const char *lead = "- ";
    for (size_t i = 0; i < plx_n_monitor_keys; i++) {
        const struct plx_key *key = &plx_monitor_keys[i];
        bool is_usual = text_of(key, &unsaid, &usual);
        if (!text_of(key, m, &text))
            continue;
        is_usual = is_usual && strcmp(plx_buf_str(&text), plx_buf_str(&usual)) == 0;
        if (is_usual && !is_always_written(key))
            continue;
        plx_buf_printf(out, "%s%s: %s\n", lead, key->name, plx_buf_str(&text));
        lead = "  ";
    }
    plx_buf_fini(&text);
    plx_buf_fini(&usual);
    plx_monitor_fini(&unsaid);
}

void plx_monitor_diff(const struct plx_monitor *was, const struct plx_monitor *now,
                      plx_monitor_change_fn *fn, void *arg)
{
    struct plx_buf before, after;
    plx_buf_init(&before, SIZE_MAX / 2);
    plx_buf_init(&after, SIZE_MAX / 2);
    for (size_t i = 0; i < plx_n_monitor_keys; i++) {
        const struct plx_key *key = &plx_monitor_keys[i];
        if (!text_of(key, was, &before))
            plx_buf_text(&before, key->write ? "none" : "");
        if (!text_of(key, now, &after))
            plx_buf_text(&after, key->write ? "none" : "");
        if (strcmp(plx_buf_str(&before), plx_buf_str(&after)) != 0)
            fn(arg, key->name, plx_buf_str(&before), plx_buf_str(&after));
    }
    plx_buf_fini(&before);
    plx_buf_fini(&after);
}
