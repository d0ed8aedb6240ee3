/* Inside of alerting: what its files share.
 *
 *   alerting.c           the file: its sections, and names that must be there, and only
 * once alerting_receiver.c  an entry of `receivers` alerting_route.c     one of `routes`
 *   alerting_window.c    one of `maintenance`
 *   alerting_pieces.c    what several of them are made of */
#ifndef PLX_SCHEMA_ALERTING_IMPL_H
#define PLX_SCHEMA_ALERTING_IMPL_H

#include "schema/alerting.h"

/* What every reader is given. */
struct plx_reading {
    const struct plx_doc *doc;
    plx_alerting_check_fn *check;
    struct plx_why *why;
};

/* Readers of entries. PLX_EINVAL with the place; `ret` is to be finished in any case. */
int plx_reading_receiver(const struct plx_reading *r, const struct plx_node *node,
                         struct plx_receiver *ret);
int plx_reading_route(const struct plx_reading *r, const struct plx_node *node,
                      struct plx_route *ret);
int plx_reading_window(const struct plx_reading *r, const struct plx_node *node,
                       struct plx_window *ret);

/* Readers of pieces; `key` is for what is said. */
int plx_reading_name(const struct plx_reading *r, const struct plx_node *node,
                     const char *key, char **ret);
int plx_reading_match(const struct plx_reading *r, const struct plx_node *node,
                      struct plx_match *ret);
int plx_reading_bounded(const struct plx_reading *r, const struct plx_node *node,
                        const char *key, int64_t min_ns, int64_t max_ns, int64_t *ret);
/* One text or a list of texts, each handed to `fn`. */
typedef int plx_reading_text_fn(void *arg, const struct plx_reading *r,
                                const struct plx_node *node, const char *text);
int plx_reading_texts(const struct plx_reading *r, const struct plx_node *node,
                      const char *key, plx_reading_text_fn *fn, void *arg);

#endif
