#include "coordinator/core/turn.h"

#include "coordinator/core/assign.h"

#include <stdbool.h>

#define CIRCLE 65536u

/* The turns given so far, ascending. */
struct taken {
    uint16_t at[PLX_ASSIGN_MAX];
    size_t n;
};

static void take(struct taken *taken, uint16_t turn)
{
    size_t i = taken->n++;
    for (; i > 0 && taken->at[i - 1] > turn; i--)
        taken->at[i] = taken->at[i - 1];
    taken->at[i] = turn;
}

/* 0 says that nobody has a turn yet, so it is none. */
static uint16_t turn_at(unsigned place)
{
    uint16_t turn = (uint16_t)(place % CIRCLE);
    return turn > 0 ? turn : 1;
}

static uint16_t middle_of_widest(const struct taken *taken)
{
    unsigned widest = 0, middle = 0;
    for (size_t i = 0; i < taken->n; i++) {
        unsigned from = taken->at[i];
        unsigned to = i + 1 < taken->n ? taken->at[i + 1] : taken->at[0] + CIRCLE;
        if (to - from > widest) {
            widest = to - from;
            middle = from + widest / 2;
        }
    }
    return turn_at(middle);
}

void plx_turns_give(uint16_t *turns, size_t n)
{
    struct taken taken = {.n = 0};
    for (size_t i = 0; i < n; i++)
        if (turns[i] > 0)
            take(&taken, turns[i]);
    bool all_new = taken.n == 0;
    for (size_t i = 0; i < n; i++) {
        if (turns[i] > 0)
            continue;
        turns[i] =
            all_new ? turn_at((unsigned)(i * CIRCLE / n)) : middle_of_widest(&taken);
        take(&taken, turns[i]);
    }
}
