#include "agent/turnstile.h"

#include <pthread.h>
#include <stdlib.h>

struct plx_turnstile {
    pthread_mutex_t mutex;
    struct plx_pacer *pacer; /* behind it */
};

struct plx_turnstile *plx_turnstile_new(const struct plx_pacer_limits *limits)
{
    struct plx_turnstile *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    pthread_mutex_init(&t->mutex, NULL);
    t->pacer = plx_pacer_new(limits);
    return t;
}

void plx_turnstile_destroy(struct plx_turnstile **turnstile)
{
    if (!*turnstile)
        return;
    plx_pacer_destroy(&(*turnstile)->pacer);
    pthread_mutex_destroy(&(*turnstile)->mutex);
    free(*turnstile);
    *turnstile = NULL;
}

enum plx_pacer_answer plx_turnstile_ask(struct plx_turnstile *turnstile,
                                        const struct plx_addr *addr, unsigned owed,
                                        struct plx_mono now, struct plx_mono *ret_at)
{
    pthread_mutex_lock(&turnstile->mutex);
    enum plx_pacer_answer answer =
        plx_pacer_ask(turnstile->pacer, addr, owed, now, ret_at);
    pthread_mutex_unlock(&turnstile->mutex);
    return answer;
}

void plx_turnstile_done(struct plx_turnstile *turnstile)
{
    pthread_mutex_lock(&turnstile->mutex);
    plx_pacer_done(turnstile->pacer);
    pthread_mutex_unlock(&turnstile->mutex);
}
