#include "coordinator/core/judge_states.h"

#include <stdlib.h>
#include <string.h>

static void *resized(void *p, size_t n, size_t size)
{
    p = realloc(p, n * size);
    if (p == NULL)
        abort();
    return p;
}

void plx_states_fini(struct plx_states *s)
{
    free(s->at);
    free(s->stories);
    *s = (struct plx_states){0};
}

void plx_states_reach(struct plx_states *s, uint32_t n)
{
    if (n <= s->n)
        return;
    s->at = resized(s->at, n, sizeof *s->at);
    memset(s->at + s->n, 0, (n - s->n) * sizeof *s->at);
    s->n = n;
}

static uint32_t story_take(struct plx_states *s)
{
    uint32_t i = s->free;
    if (i != 0) {
        s->free = s->stories[i - 1].free;
        return i;
    }
    if (s->n_stories == s->cap_stories) {
        s->cap_stories += s->cap_stories / 4 + 16;
        s->stories = resized(s->stories, s->cap_stories, sizeof *s->stories);
    }
    return ++s->n_stories;
}

static void story_give(struct plx_states *s, uint32_t i)
{
    s->stories[i - 1].free = s->free;
    s->free = i;
}

struct plx_verdict_state plx_states_get(const struct plx_states *s, uint32_t monitor)
{
    const struct plx_state *p = &s->at[monitor];
    struct plx_verdict_state v = {
        .since = p->since,
        .confidence = p->confidence,
        .verdict = p->verdict,
        .known = p->known,
        .degraded = p->degraded,
        .vetoed = p->vetoed,
    };
    if (p->story != 0) {
        const struct plx_state_story *story = &s->stories[p->story - 1];
        memcpy(v.faults, story->faults, sizeof v.faults);
        v.n_faults = (uint8_t)story->n;
    }
    return v;
}

void plx_states_put(struct plx_states *s, uint32_t monitor,
                    const struct plx_verdict_state *v)
{
    struct plx_state *p = &s->at[monitor];
    uint32_t story = p->story;
    if (v->n_faults == 0 && story != 0) {
        story_give(s, story);
        story = 0;
    } else if (v->n_faults > 0) {
        story = story != 0 ? story : story_take(s);
        s->stories[story - 1] = (struct plx_state_story){.n = v->n_faults};
        memcpy(s->stories[story - 1].faults, v->faults, sizeof v->faults);
    }
    *p = (struct plx_state){
        .since = v->since,
        .story = story,
        .confidence = v->confidence,
        .verdict = v->verdict,
        .known = v->known,
        .degraded = v->degraded,
        .vetoed = v->vetoed,
    };
}

const uint64_t *plx_states_faults(const struct plx_states *s, uint32_t monitor)
{
    uint32_t story = s->at[monitor].story;
    static const uint64_t none[1] = {0};
    return story == 0 ? none : s->stories[story - 1].faults;
}
