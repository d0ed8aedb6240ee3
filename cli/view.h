/* A monitor's state in full, as status and explain show it. */
#ifndef PLX_CLI_VIEW_H
#define PLX_CLI_VIEW_H

#include "cli/render.h"

/* The answer of "status": the overview, or each monitor in full if some were named; CSV
 * always the overview. */
void plx_view_status(const struct plx_cli *cli, const json_t *answer);

/* "02:41:10Z (3m ago)", with the date if it is another day; both RFC 3339. */
void plx_view_moment(const char *then, const char *now);

/* Name, verdict and sentence; `now` as in the answer. */
void plx_view_headline(const struct plx_cli *cli, const json_t *monitor, const char *now);

/* One line for each location; nothing if there are none. */
void plx_view_locations(const struct plx_cli *cli, const json_t *monitor);

/* The monitors of a status or overview, worst first; lent by it, the caller frees the
 * list. */
json_t **plx_view_sorted(const json_t *answer, size_t *ret_n);

#endif
