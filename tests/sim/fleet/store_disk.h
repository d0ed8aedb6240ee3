/* The coordinator's disk in place of SQLite: what coordinator/io/store.h promises, as far
 * as the coordinator's rounds use it, kept over crashes.
 *
 * Jobs wait for a group commit; what is committed is on disk and is told some time later,
 * so that a crash falls before, between or after. What may go wrong: no space (jobs
 * wait), an I/O error (the store fails, the coordinator is restarted), slowness. The
 * sabotage of acknowledging early and of counting whatever comes is done here, behind the
 * store's interface. */
#ifndef PLX_SIM_STORE_DISK_H
#define PLX_SIM_STORE_DISK_H

#include "base/monitor.h"
#include "sim.h"

struct plx_store;

void plx_sim_store_begin(void);
void plx_sim_store_end(void);

/* The process's hold on the disk. */
struct plx_store *plx_sim_store_open(void);
/* What was not committed never was. Those who wait hear of an end. */
void plx_sim_store_close(struct plx_store **store);

/* What the operator applied. Copies. */
void plx_sim_store_enrol(uint32_t agent, const char *region, const char *provider);
void plx_sim_store_drain(uint32_t agent, bool on);
/* Sets its id if it has none; by id, it replaces the one there. */
void plx_sim_store_put_monitor(struct plx_monitor *monitor);
void plx_sim_store_remove_monitor(uint64_t id);

void plx_sim_store_slow_until(int64_t until_ns);

/* A job of another room of the store. */
struct plx_sim_job {
    void (*begin)(void *work); /* its transaction begins; NULL: nothing is to be done */
    void (*keep)(void *work);  /* it is on disk */
    void (*tell)(void *work, int err);
    void (*fini)(void *work);
};
/* Takes the work, also where it fails. */
int plx_sim_store_submit(struct plx_store *store, const struct plx_sim_job *job,
                         void *work);

struct plx_sim_store_counts {
    uint64_t commits, rows, verdicts, down_verdicts, failures;
};
extern struct plx_sim_store_counts plx_sim_store_counts;

#endif
