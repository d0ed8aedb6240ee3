/* The store's room of incidents in place of SQLite: what coordinator/io/store_incidents.h
 * promises, kept over crashes, in the transactions of store_disk.h. Two broken builds are
 * made here: one that tells before it commits, and one that takes a notice out of the
 * outbox before its receiver has answered. */
#ifndef PLX_SIM_INCIDENT_DISK_H
#define PLX_SIM_INCIDENT_DISK_H

#include "coordinator/io/store_incidents.h"

void plx_sim_incidents_begin(void);
void plx_sim_incidents_end(void);

/* What the operator applied. Copies. */
void plx_sim_incidents_apply(const char *section, const char *text);

/* A letter is on its way: the broken build takes it for delivered. */
void plx_sim_incidents_sent(const char *key);

#endif
