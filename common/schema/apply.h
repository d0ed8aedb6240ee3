/* A file for apply: monitors, receivers, routes and maintenance windows, any of them. */
#ifndef PLX_SCHEMA_APPLY_H
#define PLX_SCHEMA_APPLY_H

#include "schema/alerting.h"
#include "schema/monitors.h"

struct plx_apply_file {
    bool has_monitors; /* false: the file does not speak of monitors */
    struct plx_monitors monitors;
    struct plx_alerting_file alerting;
};
void plx_apply_file_fini(struct plx_apply_file *file);

/* The whole file is good or nothing is returned. `known` as for plx_alerting_read. */
int plx_apply_parse(const char *name, const char *text, size_t len,
                    plx_alerting_check_fn *check, const struct plx_alerting *known,
                    struct plx_apply_file *ret, struct plx_why *why);

#endif
