#include "agent/core/greeting.h"

#include "base/err.h"
#include "base/regex.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Looks at the bytes of one greeting: a server that sends them one by one, a pattern that
 * looks at all of them each time. */
#define LOOKS_MAX 256

struct plx_greeter {
    struct plx_greeting script;
    const struct plx_greeting_step *steps;
    size_t n_steps;
    size_t last; /* 1 + index of the last step that expects */
    size_t at;
    size_t sent; /* of the step at hand */
    struct plx_regex *regexes[PLX_GREETING_STEPS_MAX];
    uint8_t *goodbye;
    size_t goodbye_len;
    uint8_t *heard; /* all that came, PLX_GREETING_READ_MAX at most */
    size_t n_heard;
    size_t from;  /* where the step at hand begins to look */
    size_t shown; /* where the last expectation began to look */
    uint32_t looks;
    struct plx_mono until;      /* of the probe */
    struct plx_mono step_until; /* of the step at hand */
    bool over;
    struct plx_greeter_action end;
};

static void make_goodbye(struct plx_greeter *g)
{
    size_t n = 0;
    for (size_t i = g->last; i < g->n_steps; i++)
        n += g->steps[i].len;
    g->goodbye = malloc(n ? n : 1);
    if (!g->goodbye)
        abort();
    for (size_t i = g->last; i < g->n_steps; i++) {
        memcpy(g->goodbye + g->goodbye_len, g->steps[i].bytes, g->steps[i].len);
        g->goodbye_len += g->steps[i].len;
    }
}

int plx_greeter_new(const struct plx_greeting *greeting, struct plx_greeter **ret,
                    struct plx_why *why)
{
    int err = plx_greeting_check(greeting, NULL, why);
    if (err)
        return err;
    struct plx_greeter *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    plx_greeting_copy(&g->script, greeting);
    g->steps = plx_greeting_steps(&g->script, &g->n_steps);
    for (size_t i = 0; !err && i < g->n_steps; i++) {
        const struct plx_greeting_step *s = &g->steps[i];
        if (s->kind != PLX_GREETING_SEND)
            g->last = i + 1;
        if (s->kind == PLX_GREETING_REGEX)
            err = plx_regex_new((const char *)s->bytes, s->len, &g->regexes[i], why);
    }
    make_goodbye(g);
    if (err)
        plx_greeter_destroy(&g);
    else
        *ret = g;
    return err;
}

void plx_greeter_destroy(struct plx_greeter **greeter)
{
    struct plx_greeter *g = *greeter;
    if (!g)
        return;
    for (size_t i = 0; i < PLX_GREETING_STEPS_MAX; i++)
        plx_regex_destroy(&g->regexes[i]);
    plx_greeting_fini(&g->script);
    free(g->goodbye);
    free(g->heard);
    free(g);
    *greeter = NULL;
}

/* ---- deciding ---- */

static void finish(struct plx_greeter *g, enum plx_outcome outcome,
                   enum plx_detail detail)
{
    g->over = true;
    g->end = (struct plx_greeter_action){
        .type = PLX_GREETER_END, .outcome = outcome, .detail = detail};
    if (outcome == PLX_OUTCOME_OPEN) {
        g->end.bytes = g->goodbye;
        g->end.len = g->goodbye_len;
    }
}

static size_t limit_of(const struct plx_greeting_step *step)
{
    return step->max_bytes ? step->max_bytes : PLX_GREETING_MAX_BYTES_USUAL;
}

static void begin_step(struct plx_greeter *g, struct plx_mono now)
{
    g->sent = 0;
    g->step_until = g->until;
    if (g->at >= g->last) {
        finish(g, PLX_OUTCOME_OPEN, PLX_DETAIL_NONE);
        return;
    }
    int64_t within_ns = g->steps[g->at].within_ns;
    if (g->steps[g->at].kind != PLX_GREETING_SEND)
        g->shown = g->from;
    if (within_ns && plx_mono_diff(g->until, now) > within_ns)
        g->step_until = plx_mono_add(now, within_ns);
}

static enum plx_regex_verdict look_for_prefix(const struct plx_greeting_step *step,
                                              const uint8_t *seen, size_t len,
                                              size_t *ret_end)
{
    size_t n = len < step->len ? len : step->len;
    if (n > 0 && memcmp(seen, step->bytes, n) != 0)
        return PLX_REGEX_NO;
    *ret_end = step->len;
    return n == step->len ? PLX_REGEX_YES : PLX_REGEX_MAYBE;
}

static enum plx_regex_verdict look_for_part(const struct plx_greeting_step *step,
                                            const uint8_t *seen, size_t len,
                                            size_t *ret_end)
{
    for (size_t i = 0; i + step->len <= len; i++)
        if (memcmp(seen + i, step->bytes, step->len) == 0) {
            *ret_end = i + step->len;
            return PLX_REGEX_YES;
        }
    return PLX_REGEX_MAYBE;
}

static enum plx_regex_verdict look(struct plx_greeter *g, const uint8_t *seen, size_t len,
                                   size_t *ret_end)
{
    const struct plx_greeting_step *step = &g->steps[g->at];
    struct plx_regex *regex = g->regexes[g->at];
    if (step->kind == PLX_GREETING_PREFIX)
        return look_for_prefix(step, seen, len, ret_end);
    if (step->kind == PLX_GREETING_CONTAINS)
        return look_for_part(step, seen, len, ret_end);
    if (g->looks++ >= LOOKS_MAX)
        return PLX_REGEX_LIMIT;
    enum plx_regex_verdict v = plx_regex_match(regex, seen, len, ret_end);
    return v == PLX_REGEX_NO && !plx_regex_is_anchored(regex) ? PLX_REGEX_MAYBE : v;
}

/* Judges what came so far by the expectation at hand. True: it is met. */
static bool judge(struct plx_greeter *g)
{
    size_t limit = limit_of(&g->steps[g->at]), end = 0;
    size_t len = g->n_heard - g->from;
    if (len == 0)
        return false;
    switch (look(g, g->heard + g->from, len < limit ? len : limit, &end)) {
    case PLX_REGEX_YES:
        g->from += end;
        return true;
    case PLX_REGEX_NO:
        finish(g, PLX_OUTCOME_MISMATCH, PLX_DETAIL_GREETING_UNEXPECTED);
        return false;
    case PLX_REGEX_LIMIT:
        finish(g, PLX_OUTCOME_LOCAL_ERROR, PLX_DETAIL_LOCAL_PATTERN);
        return false;
    case PLX_REGEX_MAYBE:
        break;
    }
    if (len >= limit || g->n_heard == PLX_GREETING_READ_MAX)
        finish(g, PLX_OUTCOME_MISMATCH, PLX_DETAIL_GREETING_TOO_LONG);
    return false;
}

/* As far as it goes with what there is: to the end, a step that sends, or one that has to
 * wait. */
static void advance(struct plx_greeter *g, struct plx_mono now)
{
    while (!g->over && g->steps[g->at].kind != PLX_GREETING_SEND && judge(g)) {
        g->at++;
        begin_step(g, now);
    }
}

static void hear(struct plx_greeter *g, const void *bytes, size_t len)
{
    if (!g->heard)
        g->heard = malloc(PLX_GREETING_READ_MAX);
    if (!g->heard)
        abort();
    size_t room = PLX_GREETING_READ_MAX - g->n_heard;
    size_t n = len < room ? len : room;
    if (n > 0)
        memcpy(g->heard + g->n_heard, bytes, n);
    g->n_heard += n;
}

/* Time is up, or nothing more can come: silence is another thing than half an answer. */
static void give_up(struct plx_greeter *g, bool closed)
{
    bool silent = g->n_heard == g->from;
    if (closed)
        finish(g, PLX_OUTCOME_MISMATCH, PLX_DETAIL_GREETING_CLOSED);
    else if (silent)
        finish(g, PLX_OUTCOME_TIMEOUT, PLX_DETAIL_GREETING_SILENT);
    else
        finish(g, PLX_OUTCOME_MISMATCH, PLX_DETAIL_GREETING_INCOMPLETE);
}

static void note_sent(struct plx_greeter *g, size_t len, struct plx_mono now)
{
    const struct plx_greeting_step *step = &g->steps[g->at];
    if (step->kind != PLX_GREETING_SEND)
        return;
    g->sent += len < step->len - g->sent ? len : step->len - g->sent;
    if (g->sent == step->len) {
        g->at++;
        begin_step(g, now);
        advance(g, now);
    }
}

static void take(struct plx_greeter *g, const struct plx_greeter_event *event)
{
    switch (event->type) {
    case PLX_GREETER_CONNECTED:
        g->until = event->until;
        begin_step(g, event->now);
        break;
    case PLX_GREETER_SENT:
        note_sent(g, event->len, event->now);
        break;
    case PLX_GREETER_RECEIVED:
        hear(g, event->bytes, event->len);
        advance(g, event->now);
        break;
    case PLX_GREETER_CLOSED:
        give_up(g, true);
        break;
    case PLX_GREETER_TIME:
        if (event->now.ns >= g->step_until.ns)
            give_up(g, false);
        break;
    }
}

void plx_greeter_step(struct plx_greeter *greeter, const struct plx_greeter_event *event,
                      struct plx_greeter_action *ret)
{
    struct plx_greeter *g = greeter;
    if (!g->over)
        take(g, event);
    const struct plx_greeting_step *step = &g->steps[g->at];
    if (g->over)
        *ret = g->end;
    else if (step->kind == PLX_GREETING_SEND)
        *ret = (struct plx_greeter_action){.type = PLX_GREETER_SEND,
                                           .bytes = step->bytes + g->sent,
                                           .len = step->len - g->sent,
                                           .until = g->step_until};
    else
        *ret =
            (struct plx_greeter_action){.type = PLX_GREETER_WAIT, .until = g->step_until};
}

void plx_greeter_excerpt(const struct plx_greeter *greeter,
                         char excerpt[PLX_RESULT_EXCERPT_MAX])
{
    const struct plx_greeter *g = greeter;
    excerpt[0] = '\0';
    if (g->heard)
        plx_greeting_escape(g->heard + g->shown, g->n_heard - g->shown, excerpt,
                            PLX_RESULT_EXCERPT_MAX);
}
