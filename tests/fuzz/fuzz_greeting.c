/* Any script against any conversation. The first byte names a preset, or 0: then steps
 * follow, [kind, length, bytes…] each, up to a kind over 3. The rest is the server:
 * pieces of [length, bytes…], length 0 for a close, 255 for time. The machine must come
 * to one end, within its limits, and stay there. */
#include "fuzz.h"

#include "agent/core/greeting.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct input {
    const uint8_t *at, *end;
};

static uint8_t byte_of(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static size_t bytes_of(struct input *in, size_t n, const uint8_t **ret)
{
    size_t left = (size_t)(in->end - in->at);
    *ret = in->at;
    n = n < left ? n : left;
    in->at += n;
    return n;
}

static void read_script(struct input *in, struct plx_greeting *g)
{
    uint8_t first = byte_of(in), kind;
    const uint8_t *bytes;
    g->preset = (enum plx_greeting_preset)(first % PLX_GREETING_PRESET_COUNT_);
    while (g->preset == PLX_GREETING_NO_PRESET && in->at < in->end &&
           (kind = byte_of(in)) <= PLX_GREETING_REGEX && g->n_steps < 10) {
        size_t n = bytes_of(in, byte_of(in), &bytes);
        plx_greeting_add(g, (enum plx_greeting_kind)kind, bytes, n,
                         kind == PLX_GREETING_SEND ? 0 : 1 + (uint32_t)n * 4, 0);
    }
}

/* Sends as fast as the machine wants; a machine that never stops asking is a bug. */
static void settle(struct plx_greeter *greeter, struct plx_greeter_action *action,
                   struct plx_mono now)
{
    for (size_t n = 0; action->type == PLX_GREETER_SEND; n++) {
        if (n > 2 * PLX_GREETING_SEND_MAX || action->len == 0)
            abort();
        const struct plx_greeter_event sent = {
            .type = PLX_GREETER_SENT, .now = now, .len = 1 + action->len / 2};
        plx_greeter_step(greeter, &sent, action);
    }
}

static void check_end(const struct plx_greeter *greeter,
                      const struct plx_greeter_action *a)
{
    char excerpt[PLX_RESULT_EXCERPT_MAX];
    bool good = a->outcome == PLX_OUTCOME_OPEN;
    if (a->type != PLX_GREETER_END || good != (a->detail == PLX_DETAIL_NONE) ||
        a->len > PLX_GREETING_SEND_MAX)
        abort();
    plx_greeter_excerpt(greeter, excerpt);
    for (size_t i = 0; i < strlen(excerpt); i++)
        if (excerpt[i] < 0x20 || excerpt[i] > 0x7e)
            abort();
}

static void converse(struct plx_greeter *greeter, struct input *in)
{
    struct plx_mono now = {PLX_SEC_NS};
    struct plx_greeter_event e = {
        .type = PLX_GREETER_CONNECTED, .now = now, .until = {10 * PLX_SEC_NS}};
    struct plx_greeter_action a;
    plx_greeter_step(greeter, &e, &a);
    settle(greeter, &a, now);
    while (in->at < in->end) {
        uint8_t n = byte_of(in);
        e = (struct plx_greeter_event){.type = PLX_GREETER_RECEIVED, .now = now};
        const uint8_t *bytes = NULL;
        e.len = n == 255 ? 0 : bytes_of(in, n, &bytes);
        e.bytes = bytes;
        if (n == 0)
            e.type = PLX_GREETER_CLOSED;
        if (n == 255)
            e.type = PLX_GREETER_TIME;
        plx_greeter_step(greeter, &e, &a);
        settle(greeter, &a, now);
    }
    e = (struct plx_greeter_event){.type = PLX_GREETER_TIME, .now = {20 * PLX_SEC_NS}};
    plx_greeter_step(greeter, &e, &a);
    check_end(greeter, &a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct plx_greeting g = {0};
    struct plx_greeter *greeter = NULL;
    read_script(&in, &g);
    if (!plx_greeting_is_none(&g) && plx_greeter_new(&g, &greeter, NULL) == 0) {
        converse(greeter, &in);
        plx_greeter_destroy(&greeter);
    }
    plx_greeting_fini(&g);
    return 0;
}
