/* The keys `receivers`, `routes` and `maintenance` of a file for apply. docs/ALERTS.md
 * documents them. */
#ifndef PLX_SCHEMA_ALERTING_H
#define PLX_SCHEMA_ALERTING_H

#include "base/alerting.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/why.h"
#include "sys/doc.h"

enum plx_alerting_section {
    PLX_SECTION_RECEIVERS,
    PLX_SECTION_ROUTES,
    PLX_SECTION_MAINTENANCE,
    PLX_SECTION_COUNT_,
};
/* "receivers", …; never NULL. */
const char *plx_alerting_section_token(enum plx_alerting_section section);

/* Refuses what a receiver's kind does not take; as plx_receiver_check of
 * coordinator/receivers. */
typedef int plx_alerting_check_fn(const struct plx_receiver *receiver,
                                  const char **ret_key, struct plx_why *why);

/* What a file says; a section it does not hold is NULL and stays as it is. */
struct plx_alerting_file {
    struct plx_alerting alerting;
    bool has[PLX_SECTION_COUNT_];
    char *text[PLX_SECTION_COUNT_]; /* the section alone, as YAML that reads the same */
};
void plx_alerting_file_fini(struct plx_alerting_file *file);

/* Reads the sections that the map holds. PLX_EINVAL with FILE:LINE:COLUMN. References
 * from routes to receivers are checked against the file's own receivers, or, where it has
 * none, against `known` (may be NULL: not checked). */
int plx_alerting_read(const struct plx_doc *doc, const struct plx_node *root,
                      plx_alerting_check_fn *check, const struct plx_alerting *known,
                      struct plx_alerting_file *ret, struct plx_why *why);

/* Reads sections stored before. */
int plx_alerting_parse(const char *name, const char *text, size_t len,
                       plx_alerting_check_fn *check, const struct plx_alerting *known,
                       struct plx_alerting_file *ret, struct plx_why *why);

/* As JSON; URLs without what may be secret in them. */
void plx_receiver_to_json(const struct plx_receiver *receiver, struct plx_json *j);
void plx_window_to_json(const struct plx_window *window, struct plx_json *j);
void plx_match_to_json(const struct plx_match *match, struct plx_json *j);

/* The turns of all windows that touch [from, until), on the heap; the caller frees. */
struct plx_turn *plx_alerting_turns(const struct plx_alerting *alerting,
                                    struct plx_wall from, struct plx_wall until,
                                    size_t *ret_n);

#endif
