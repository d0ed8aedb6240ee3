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
    free(s->words);
    free(s->stories);
    *s = (struct plx_states){0};
}

void plx_states_reach(struct plx_states *s, uint32_t n)
{
    if (n <= s->n)
        return;
    s->at = resized(s->at, n, sizeof *s->at);
    s->words = resized(s->words, n, sizeof *s->words);
    memset(s->at + s->n, 0, (n - s->n) * sizeof *s->at);
    memset(s->words + s->n, 0, (n - s->n) * sizeof *s->words);
    s->n = n;
}

static uint32_t story_take(struct plx_states *s)
{
    uint32_t i = s->free;
    if (i != 0) {
        s->free = s->stories[i - 1].free;
        return i - 1;
    }
    if (s->n_stories == s->cap_stories) {
        s->cap_stories += s->cap_stories / 4 + 16;
        s->stories = resized(s->stories, s->cap_stories, sizeof *s->stories);
    }
    return s->n_stories++;
}

static void story_give(struct plx_states *s, uint32_t i)
{
    s->stories[i].free = s->free;
    s->free = i + 1;
}

struct plx_verdict_state plx_states_get(const struct plx_states *s, uint32_t monitor)
{
    const struct plx_state *p = &s->at[monitor];
    const struct plx_state_word w = s->words[monitor];
    struct plx_verdict_state v = {
        .since = p->since,
        .verdict = w.verdict,
        .known = w.known,
        .degraded = w.degraded,
        .vetoed = w.vetoed,
    };
    if (!w.told) {
        v.confidence = p->confidence;
        return v;
    }
    const struct plx_state_story *story = &s->stories[p->story];
    memcpy(v.faults, story->faults, sizeof v.faults);
    v.n_faults = (uint8_t)story->n;
    v.confidence = story->confidence;
    return v;
}

/* Keeps the faults, in the story that the monitor has or a new one. */
static uint32_t tell(struct plx_states *s, uint32_t monitor,
                     const struct plx_verdict_state *v)
{
    uint32_t story = s->words[monitor].told ? s->at[monitor].story : story_take(s);
    s->stories[story] =
        (struct plx_state_story){.n = v->n_faults, .confidence = v->confidence};
    memcpy(s->stories[story].faults, v->faults, sizeof v->faults);
    return story;
}

void plx_states_put(struct plx_states *s, uint32_t monitor,
                    const struct plx_verdict_state *v)
{
    struct plx_state *p = &s->at[monitor];
    bool told = v->n_faults > 0;
    if (told) {
        p->story = tell(s, monitor, v);
    } else {
        if (s->words[monitor].told)
            story_give(s, p->story);
        p->confidence = v->confidence;
    }
    p->since = v->since;
    s->words[monitor] = (struct plx_state_word){
        .verdict = v->verdict & 15u,
        .known = v->known,
        .degraded = v->degraded,
        .vetoed = v->vetoed,
        .told = told,
    };
}

const uint64_t *plx_states_faults(const struct plx_states *s, uint32_t monitor)
{
    static const uint64_t none[1] = {0};
    return s->words[monitor].told ? s->stories[s->at[monitor].story].faults : none;
}
