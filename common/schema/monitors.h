/* The monitors file: YAML (or JSON) to monitors and back.
 *
 * Accepts a list under `monitors:`, a bare list, or one bare monitor. The whole file is
 * good or nothing is returned. */
#ifndef PLX_SCHEMA_MONITORS_H
#define PLX_SCHEMA_MONITORS_H

#include "base/buf.h"
#include "base/json.h"
#include "base/monitor.h"
#include "base/why.h"
#include "sys/doc.h"

#include <stddef.h>

#define PLX_MONITORS_MAX 1000000

struct plx_monitors {
    struct plx_monitor *list;
    size_t n;
};

/* Parses text; `name` is what errors begin with ("FILE:LINE:COLUMN: …"). Unknown keys,
 * bad units, duplicate names, out-of-range numbers: PLX_EINVAL. Initialises `ret` only on
 * success; finish with plx_monitors_fini. */
int plx_monitors_parse(const char *name, const char *text, size_t len,
                       struct plx_monitors *ret, struct plx_why *why);
/* The same of a document that is read already: what stands under its key `monitors`
 * (`list`), or, with NULL, the whole of it. */
int plx_monitors_read(const struct plx_doc *doc, const struct plx_node *list,
                      struct plx_monitors *ret, struct plx_why *why);
void plx_monitors_fini(struct plx_monitors *monitors);

/* One monitor with the keys of the YAML schema, defaults included. */
void plx_monitor_to_json(const struct plx_monitor *m, struct plx_json *j);
/* As one YAML list item ("- monitor_type: tcp\n  …"), defaults left out; parses back to
 * an equal monitor. */
void plx_monitor_to_yaml(const struct plx_monitor *m, struct plx_buf *out);

/* One changed key between two monitors of the same name. */
typedef void plx_monitor_change_fn(void *arg, const char *key, const char *was,
                                   const char *now);
/* Calls `fn` for each schema key whose value differs, values as YAML text. */
void plx_monitor_diff(const struct plx_monitor *was, const struct plx_monitor *now,
                      plx_monitor_change_fn *fn, void *arg);

#endif
