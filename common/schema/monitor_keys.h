/* Inside of monitors: the table of the schema's keys. To add a key is to add a row. */
#ifndef PLX_SCHEMA_MONITOR_KEYS_H
#define PLX_SCHEMA_MONITOR_KEYS_H

#include "schema/value.h"

#include "base/monitor.h"
#include "base/why.h"
#include "sys/doc.h"

struct plx_key;

/* Reads `node` into its field of `m`; errors name the place, the key and the text. */
typedef int plx_key_read_fn(const struct plx_key *key, const struct plx_doc *doc,
                            const struct plx_node *node, struct plx_monitor *m,
                            struct plx_why *why);
/* Writes the field of `m`; false (nothing written) if it holds no value. */
typedef bool plx_key_write_fn(const struct plx_key *key, const struct plx_monitor *m,
                              struct plx_value_out *out);

struct plx_key {
    const char *name;
    plx_key_read_fn *read;
    plx_key_write_fn *write; /* NULL: read only */
    size_t offset;           /* of the field in struct plx_monitor */
    uint32_t min, max;       /* of a number */
};

extern const struct plx_key plx_monitor_keys[];
extern const size_t plx_n_monitor_keys;

/* NULL if there is none of that name. */
const struct plx_key *plx_monitor_key_find(const char *name);

/* The default of `timeout` beside an interval: 10 s, or less to fit. */
int64_t plx_monitor_default_timeout(int64_t interval_ns);

#endif
