/* Prometheus' relabelling of one target, as its documentation of relabel_config says: a
 * set of labels and the rules that change it. Of the actions replace, keep, drop,
 * lowercase, uppercase, labeldrop and labelkeep are done; others are for the caller to
 * report. */
#ifndef PLX_CLI_RELABEL_H
#define PLX_CLI_RELABEL_H

#include "sys/doc.h"

#include <stdbool.h>
#include <stddef.h>

struct plx_relabel {
    struct plx_relabel_pair {
        char *key, *value; /* owned */
    } * list;
    size_t n;
};

void plx_relabel_fini(struct plx_relabel *labels);
/* "" if there is none, as there. Lent until the next change. */
const char *plx_relabel_get(const struct plx_relabel *labels, const char *key);
/* Copies; "" takes it away. */
void plx_relabel_set(struct plx_relabel *labels, const char *key, const char *value);

/* Why a rule cannot be done, or NULL. */
const char *plx_relabel_trouble(const struct plx_node *rule);
/* Applies the rules that can be done (NULL: none). False: a rule drops the target. */
bool plx_relabel_apply(struct plx_relabel *labels, const struct plx_node *rules);

/* Whether the pattern matches the whole text, as in Prometheus. */
bool plx_relabel_matches(const char *pattern, const char *text);

#endif
