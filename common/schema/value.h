/* One value written as JSON or as YAML text on one line: the two spellings of the schema
 * behind one set of calls. */
#ifndef PLX_SCHEMA_VALUE_H
#define PLX_SCHEMA_VALUE_H

#include "base/buf.h"
#include "base/json.h"
#include "base/monitor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exactly one of the two is set; both borrowed. */
struct plx_value_out {
    struct plx_json *json;
    struct plx_buf *yaml;
    const char *key; /* JSON: goes before the first value written, if there is one */
};

void plx_value_text(struct plx_value_out *out, const char *text);
void plx_value_uint(struct plx_value_out *out, uint64_t value);
void plx_value_bool(struct plx_value_out *out, bool value);
void plx_value_list(struct plx_value_out *out, char *const *texts, size_t n);
void plx_value_labels(struct plx_value_out *out, const struct plx_label *labels,
                      size_t n);

/* `text` as a YAML scalar that every YAML reader takes for this very text: plain where
 * that is safe, in double quotes else. */
void plx_yaml_scalar(struct plx_buf *out, const char *text);

#endif
