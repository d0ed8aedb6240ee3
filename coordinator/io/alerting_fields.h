/* What a new section of the alerting configuration changes, for the log of changes: which
 * of its named entries are new, gone or another one. Values are not told: URLs may have
 * secrets in them. */
#ifndef PLX_COORDINATOR_ALERTING_FIELDS_H
#define PLX_COORDINATOR_ALERTING_FIELDS_H

#include "coordinator/io/store_config.h"
#include "schema/alerting.h"

/* Gives a list of `*ret_n` fields (the caller frees), whose texts both lend. An entry
 * without a name is left out. */
struct plx_store_field *plx_alerting_fields(enum plx_alerting_section section,
                                            const struct plx_alerting *was,
                                            const struct plx_alerting *now,
                                            size_t *ret_n);

#endif
