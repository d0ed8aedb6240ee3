/* Other tools' configurations as monitors: what the importers share.
 *
 * An importer reads one file and turns every TCP check in it into a monitor. Whatever has
 * no equivalent becomes a finding: nothing is dropped silently. docs/IMPORT.md says what
 * becomes of each key. */
#ifndef PLX_CLI_IMPORT_H
#define PLX_CLI_IMPORT_H

#include "base/monitor.h"
#include "base/why.h"
#include "cli/relabel.h"
#include "sys/doc.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum plx_finding_kind {
    PLX_FINDING_LEFT_OUT, /* an entry that is no monitor now */
    PLX_FINDING_CHANGED,  /* a value that arrives as another */
    PLX_FINDING_IGNORED,  /* a setting without an equivalent */
    PLX_FINDING_COUNT_,
};
/* "left_out", "changed", "ignored". */
const char *plx_finding_token(enum plx_finding_kind kind);

struct plx_finding {
    enum plx_finding_kind kind;
    char *file, *entry, *text; /* entry: "" for the file as a whole */
};

struct plx_import {
    struct plx_monitor *list;
    size_t n;
    struct plx_finding *findings;
    size_t n_findings;
    const char *file; /* being read; borrowed */
    char **locations; /* of every monitor; borrowed */
    size_t n_locations;
    /* blackbox: its own file, read before the targets; gatus: the file with `alerting`.
     */
    struct plx_doc *shared;
    /* blackbox: what Prometheus knows each monitor by, in its order; alerting rules. */
    struct plx_relabel *labels;
    struct plx_alert_rule *rules;
    size_t n_rules;
};

void plx_import_fini(struct plx_import *im);

void plx_import_say(struct plx_import *im, enum plx_finding_kind kind, const char *entry,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A monitor with the defaults and the locations, to be filled in. */
void plx_import_begin(const struct plx_import *im, const char *name,
                      struct plx_monitor *ret);
/* Takes it in: brought within our limits and given a name of its own, both said; left out
 * if it cannot be. Empties `m`. Returns whether it is in. */
bool plx_import_end(struct plx_import *im, struct plx_monitor *m);

/* A label with whatever characters; said if it cannot be one. */
void plx_import_label(struct plx_import *im, struct plx_monitor *m, const char *key,
                      const char *value);

/* Sets `field` from the duration under `key`, if there is one that can be read; says what
 * cannot. */
void plx_import_duration(struct plx_import *im, const char *entry,
                         const struct plx_node *map, const char *key, int64_t *field);
/* The failures or successes in a row that a text means, 1 to 100: `usual` if it is NULL
 * or no number, 100 if it is more; both said. */
uint32_t plx_import_count(struct plx_import *im, const char *entry, const char *key,
                          const char *text, uint32_t usual);
/* Says every key of the map that is not among `known` (ended by NULL). */
void plx_import_rest(struct plx_import *im, const char *entry, const char *where,
                     const struct plx_node *map, const char *const *known);

/* The importers: 0, or an error with a sentence about a file that cannot be read. */
typedef int plx_import_fn(struct plx_import *im, const char *path, struct plx_why *why);
plx_import_fn plx_import_gatus, plx_import_kuma, plx_import_blackbox,
    plx_import_cloudprober;
/* The groups of a Prometheus rules file; and, after the last file, the alerting rules
 * upon the monitors that they match. */
void plx_import_rules_read(struct plx_import *im, const struct plx_node *groups);
void plx_import_rules_apply(struct plx_import *im);
void plx_import_rules_fini(struct plx_import *im);

#endif
