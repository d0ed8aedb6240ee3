/* The store's room of incidents: incidents, their timelines, the outbox, silences, and
 * what was applied of the alerting configuration (plx_store_apply puts it).
 *
 * What an incident became and what has to be told of it go into one transaction; nobody
 * is told before it is committed. Loop thread. */
#ifndef PLX_COORDINATOR_STORE_INCIDENTS_H
#define PLX_COORDINATOR_STORE_INCIDENTS_H

#include "coordinator/core/incident.h"
#include "coordinator/core/outbox.h"
#include "coordinator/io/store_config.h"

/* ---- writing ---- */

/* Copied. */
struct plx_store_incident_batch {
    struct plx_incident *const
        *incidents; /* rows to be put, with members new since saved */
    size_t n_incidents;
    const struct plx_incident_entry *entries;
    size_t n_entries;
    const struct plx_letter *letters; /* ids are given; a key that is there is left out */
    size_t n_letters;
};

/* With the letters as they are committed, ids included; lent for the call. */
typedef void plx_store_letters_fn(void *arg, int err, const char *why,
                                  const struct plx_letter *letters, size_t n);

/* All of it together. Patient: a full disk delays it, and with it every notice. */
int plx_store_put_incidents(struct plx_store *store,
                            const struct plx_store_incident_batch *batch,
                            plx_store_letters_fn *done, void *arg);

/* What came of an attempt. Patient. */
int plx_store_letter_tried(struct plx_store *store, uint64_t id,
                           enum plx_letter_state state, uint32_t attempts,
                           struct plx_wall at, const char *why, plx_store_done_fn *done,
                           void *arg);

/* A note on an incident that memory no longer holds. PLX_ENOTFOUND. */
int plx_store_add_note(struct plx_store *store, const struct plx_incident_entry *entry,
                       plx_store_done_fn *done, void *arg);

/* ---- silences and configuration ---- */

struct plx_store_silence {
    uint64_t id;
    const char *match; /* JSON */
    const char *author, *comment;
    struct plx_wall from, until, created;
};
/* `id` is 0 if err is not 0. */
typedef void plx_store_id_fn(void *arg, int err, const char *why, uint64_t id);
int plx_store_add_silence(struct plx_store *store,
                          const struct plx_store_silence *silence, plx_store_id_fn *done,
                          void *arg);
/* Ends it now. PLX_ENOTFOUND. */
int plx_store_end_silence(struct plx_store *store, uint64_t id, const char *who,
                          struct plx_wall now, plx_store_done_fn *done, void *arg);

/* ---- reading ---- */

typedef bool plx_store_incident_fn(void *arg, const struct plx_incident *incident);
typedef bool plx_store_entry_fn(void *arg, const struct plx_incident_entry *entry);
typedef bool plx_store_letter_fn(void *arg, const struct plx_letter *letter);
typedef bool plx_store_silence_fn(void *arg, const struct plx_store_silence *silence);
typedef bool plx_store_section_fn(void *arg, const struct plx_store_section *section);

/* What is not closed, and what closed since, with members and told; oldest first. */
int plx_store_recall_incidents(struct plx_store *store, struct plx_wall since,
                               plx_store_incident_fn *fn, void *arg);
/* Newest first, ids below `before` (0: all); without members. */
int plx_store_read_incidents(struct plx_store *store, uint64_t before, size_t limit,
                             plx_store_incident_fn *fn, void *arg);
/* One with its members, through `fn`; PLX_ENOTFOUND. */
int plx_store_read_incident(struct plx_store *store, uint64_t id,
                            plx_store_incident_fn *fn, void *arg);
int plx_store_read_entries(struct plx_store *store, uint64_t incident, size_t limit,
                           plx_store_entry_fn *fn, void *arg);
/* Of an incident, oldest first. */
int plx_store_read_letters(struct plx_store *store, uint64_t incident, size_t limit,
                           plx_store_letter_fn *fn, void *arg);
/* Those waiting, oldest first: for a start. */
int plx_store_read_waiting(struct plx_store *store, plx_store_letter_fn *fn, void *arg);
/* Dead ones, newest first. */
int plx_store_read_dead(struct plx_store *store, size_t limit, plx_store_letter_fn *fn,
                        void *arg);
/* The highest number an incident has; 0: none. */
int plx_store_last_incident(struct plx_store *store, uint64_t *ret);
/* Those not over at `now`. */
int plx_store_read_silences(struct plx_store *store, struct plx_wall now,
                            plx_store_silence_fn *fn, void *arg);
int plx_store_read_alerting(struct plx_store *store, plx_store_section_fn *fn, void *arg);

#endif
