/* A change of monitors and rules on its way through the store: for the api_*.c files
 * only. */
#ifndef PLX_COORDINATOR_API_CHANGE_H
#define PLX_COORDINATOR_API_CHANGE_H

#include "coordinator/io/api_call.h"
#include "schema/alerting.h"

/* With the answer that is due when it is made. */
struct plx_change {
    struct plx_call *call;
    struct plx_buf answer; /* an open object */
    struct plx_json json;
    struct plx_alerting_file alerting; /* with sections in it: its rules hold, too, when
                                          it is made */
};

struct plx_change *plx_change_begin(void);
/* Submits all of it as one transaction; takes the call and the answer. */
void plx_change_commit(struct plx_call *call, struct plx_change *change,
                       const struct plx_monitor *upserts, size_t n_upserts,
                       const char *const *removals, size_t n_removals);

#endif
