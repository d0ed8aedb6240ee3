/* The ledger of notices: what was committed to the outbox, what came to receivers, and
 * what the disk says became of it. It keeps the promises about them: nothing is told that
 * was not committed; a notice that is told again has the key and the words it had; the
 * beginning of an incident is not told after its end; what was committed comes, unless
 * its receiver refused it; and what the disk calls delivered came. */
#ifndef PLX_SIM_LETTERS_H
#define PLX_SIM_LETTERS_H

#include "coordinator/io/store_incidents.h"

void plx_letters_begin(void);
void plx_letters_end(void);

/* On disk now, with its id: ids follow one another. */
void plx_letters_committed(const struct plx_letter *letter);
/* A receiver took a request in: its key and its body. */
void plx_letters_arrived(const char *receiver, const char *key, const char *body);
/* It said that it will never take this one. */
void plx_letters_refused(const char *receiver, const char *key);
/* On disk now: what became of a letter. */
void plx_letters_noted(uint64_t id, enum plx_letter_state state);

/* The incident, as it is on disk now together with its letters: whoever it was told to is
 * owed its beginning, and its end if it is over. */
void plx_letters_check_owed(const struct plx_incident *incident);

/* Whatever was committed before then has come. */
void plx_letters_check_delivered(int64_t before_ns);

struct plx_letters_counts {
    uint64_t committed, arrived, repeated, refused;
};
extern struct plx_letters_counts plx_letters_counts;

#endif
