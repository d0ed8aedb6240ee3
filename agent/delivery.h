/* From a finished result to the coordinator's acknowledgement: spool, queue, link.
 *
 * A result goes to the spool; once it is durable, its frame is sent if its turn has come,
 * or read back from the disk when it does; acknowledged, it is deleted. Loop thread. */
#ifndef PLX_AGENT_DELIVERY_H
#define PLX_AGENT_DELIVERY_H

#include "agent/io/link.h"
#include "agent/io/spool.h"
#include "base/result.h"
#include "base/time.h"

struct plx_delivery;

/* Borrows spool and loop; watches the spool's events. The link comes later. */
int plx_delivery_new(struct plx_loop *loop, struct plx_spool *spool,
                     struct plx_delivery **ret, struct plx_why *why);
void plx_delivery_destroy(struct plx_delivery **delivery);
void plx_delivery_set_link(struct plx_delivery *delivery, struct plx_link *link);

/* A session has begun after `away_ns` without one. */
void plx_delivery_up(struct plx_delivery *delivery, int64_t away_ns);
void plx_delivery_ack(struct plx_delivery *delivery, const struct plx_msg_ack *ack);
/* To be called every 100 ms or so. */
void plx_delivery_tick(struct plx_delivery *delivery, struct plx_mono now);

#endif
