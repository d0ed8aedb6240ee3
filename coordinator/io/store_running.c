/* That the coordinator runs. */
#include "coordinator/io/store_config.h"
#include "coordinator/io/store_impl.h"

struct running_job {
    struct plx_store_plain_job plain;
    struct plx_wall now;
};

static int running_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct running_job *running = (const struct running_job *)job;
    return plx_db_run(&store->db,
                      "INSERT INTO state (key, value) VALUES ('ran_us', ?1)"
                      " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                      PLX_BINDS(plx_bind_wall(running->now)));
}

static const struct plx_store_job_class RUNNING = {
    .name = "running", .run = running_run, .finish = plx_store_plain_finish};

int plx_store_note_running(struct plx_store *store, struct plx_wall now)
{
    struct running_job *job = plx_store_job_new(&RUNNING, sizeof *job, NULL);
    job->now = now;
    return plx_store_submit(store, &job->plain.job);
}
