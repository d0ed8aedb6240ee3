#include "cli/recording_fill.h"

#include "base/json.h"
#include "cli/render.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BEAT_S    5.0
#define GRACE_S   5.0
#define AWAY_S    15.0 /* an agent's lease: a coordinator that ran would have missed it */
#define SILENCE_S 120.0               /* ticks enough to conclude that all are silent */
#define TEXT_MAX  (96u * 1024 * 1024) /* of one page, filled up */

struct plx_fill_presence {
    double heard;    /* seconds; when a result came last */
    double patience; /* how long until it owes one; 0: it has no monitor */
};

void plx_fill_init(struct plx_fill *f)
{
    *f = (struct plx_fill){0};
    plx_buf_init(&f->text, TEXT_MAX);
}

void plx_fill_fini(struct plx_fill *f)
{
    plx_names_fini(&f->agents);
    plx_buf_fini(&f->text);
    free(f->presence);
}

static struct plx_fill_presence *presence_of(struct plx_fill *f, const char *agent)
{
    uint32_t id = plx_names_intern(&f->agents, agent, PLX_JUDGE_AGENT_MAX);
    if (id == UINT32_MAX)
        return NULL;
    if (id >= f->cap) {
        size_t cap = 2 * (size_t)id + 16;
        f->presence = realloc(f->presence, cap * sizeof *f->presence);
        if (!f->presence)
            abort();
        memset(f->presence + f->cap, 0, (cap - f->cap) * sizeof *f->presence);
        f->cap = cap;
    }
    return &f->presence[id];
}

/* ---- lines of our own ---- */

static void write_moment(struct plx_fill *f, const char *type, double now,
                         const char *agent)
{
    struct plx_json j;
    plx_json_init(&j, &f->text);
    plx_json_object(&j);
    plx_json_kstr(&j, "type", type);
    plx_json_knum(&j, "now", now, 6);
    if (agent)
        plx_json_kstr(&j, "agent", agent);
    plx_json_end(&j);
    plx_buf_char(&f->text, '\n');
}

static void beat(struct plx_fill *f, double now)
{
    for (uint32_t i = 0; i < f->agents.n; i++)
        if (f->presence[i].patience > 0 &&
            now <= f->presence[i].heard + f->presence[i].patience)
            write_moment(f, "heartbeat", now, f->agents.names[i]);
}

/* From here on everybody counts as alive. */
static void presume_alive(struct plx_fill *f, double now)
{
    for (uint32_t i = 0; i < f->agents.n; i++)
        f->presence[i].heard = now;
    f->next_tick = ceil(now);
    f->last = now;
    beat(f, now);
}

/* Heartbeats and ticks up to `to`. */
static void advance(struct plx_fill *f, double to)
{
    for (; f->next_tick <= to; f->next_tick += 1) {
        if (fmod(f->next_tick, BEAT_S) == 0)
            beat(f, f->next_tick);
        write_moment(f, "tick", f->next_tick, NULL);
        f->last = f->next_tick;
    }
}

/* ---- lines of the coordinator ---- */

static void note_monitor(struct plx_fill *f, const json_t *line)
{
    double patience =
        plx_field_num(line, "interval") + plx_field_num(line, "timeout") + GRACE_S;
    const json_t *agents = json_object_get(line, "agents"), *agent;
    size_t i;
    json_array_foreach(agents, i, agent)
    {
        struct plx_fill_presence *p =
            json_is_string(agent) ? presence_of(f, json_string_value(agent)) : NULL;
        if (p && (p->patience == 0 || patience < p->patience))
            p->patience = patience;
    }
}

/* When the last agent owes a result. */
static double all_owe_at(const struct plx_fill *f)
{
    double at = 0;
    for (uint32_t i = 0; i < f->agents.n; i++)
        at = fmax(at, f->presence[i].heard + f->presence[i].patience);
    return at;
}

static void note_result(struct plx_fill *f, json_t *line)
{
    double now = plx_field_num(line, "now");
    if (now < f->last) {
        now = f->last;
        json_object_set_new(line, "now", json_real(now));
    }
    if (f->next_tick == 0 || now > all_owe_at(f) + AWAY_S)
        presume_alive(f, now);
    advance(f, now);
    f->last = now;
    struct plx_fill_presence *p = presence_of(f, plx_field(line, "agent"));
    if (p)
        p->heard = now;
    f->n_results++;
}

void plx_fill_line(struct plx_fill *f, json_t *line)
{
    const char *type = plx_field(line, "type");
    if (strcmp(type, "monitor") == 0)
        note_monitor(f, line);
    else if (strcmp(type, "result") == 0)
        note_result(f, line);
    /* 16 digits: microseconds of Unix time as they were written */
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(16));
    if (!text)
        abort();
    plx_buf_text(&f->text, text);
    plx_buf_char(&f->text, '\n');
    free(text);
}

void plx_fill_end(struct plx_fill *f, double until)
{
    if (f->next_tick > 0)
        advance(f, fmin(until, all_owe_at(f) + SILENCE_S));
}
