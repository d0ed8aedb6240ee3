#include "agent/tallies.h"

void plx_tallies_init(struct plx_tallies *tallies)
{
    *tallies = (struct plx_tallies){0};
    pthread_mutex_init(&tallies->mutex, NULL);
}

void plx_tallies_fini(struct plx_tallies *tallies)
{
    pthread_mutex_destroy(&tallies->mutex);
}

static void note_run(struct plx_tallies *t, const struct plx_result *result)
{
    t->n_skipped += result->outcome == PLX_OUTCOME_SKIPPED;
    if (result->kind == PLX_PROBE_SCHEDULED && result->lag_us > t->worst_lag_us)
        t->worst_lag_us = result->lag_us;
    plx_troubles_note(&t->troubles, result);
}

void plx_tallies_note(struct plx_tallies *tallies, const struct plx_result *result)
{
    struct plx_tallies *t = tallies;
    pthread_mutex_lock(&t->mutex);
    t->n_done++;
    if (result->kind != PLX_PROBE_ADDRESS)
        note_run(t, result);
    pthread_mutex_unlock(&t->mutex);
}

void plx_tallies_note_missed(struct plx_tallies *tallies, uint64_t n)
{
    pthread_mutex_lock(&tallies->mutex);
    tallies->n_skipped += n;
    pthread_mutex_unlock(&tallies->mutex);
}

void plx_tallies_note_stall(struct plx_tallies *tallies, int64_t stall_ns)
{
    pthread_mutex_lock(&tallies->mutex);
    if (stall_ns > tallies->troubles.stall_ns)
        tallies->troubles.stall_ns = stall_ns;
    pthread_mutex_unlock(&tallies->mutex);
}

void plx_tallies_take(struct plx_tallies *tallies, const struct plx_spool_stats *spool,
                      struct plx_msg_heartbeat *hb)
{
    struct plx_tallies *t = tallies;
    pthread_mutex_lock(&t->mutex);
    hb->progress = t->n_done;
    hb->skipped = t->n_skipped;
    hb->lag_ms = t->worst_lag_us / 1000;
    hb->n_troubles = plx_troubles_take(&t->troubles, spool);
    hb->troubles = t->troubles.list;
    t->worst_lag_us = 0;
    pthread_mutex_unlock(&t->mutex);
}

void plx_tallies_watch_clock(struct plx_tallies *tallies, struct plx_mono now,
                             struct plx_wall wall)
{
    pthread_mutex_lock(&tallies->mutex);
    plx_troubles_watch_clock(&tallies->troubles, now, wall);
    pthread_mutex_unlock(&tallies->mutex);
}
