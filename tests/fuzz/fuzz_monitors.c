/* Any bytes as a monitors file: refused with a sentence that has a place, or read to
 * monitors that come back the same from the YAML they are written as. */
#include "fuzz.h"

#include "schema/monitors.h"

#include <stdlib.h>
#include <string.h>

static void assert_same(const struct plx_monitor *m)
{
    struct plx_buf text;
    struct plx_monitors back;
    plx_buf_init(&text, 1024 * 1024);
    plx_monitor_to_yaml(m, &text);
    if (plx_monitors_parse("back", plx_buf_str(&text), text.len, &back, NULL) < 0 ||
        back.n != 1 || !plx_monitor_equal(&back.list[0], m))
        abort();
    plx_monitors_fini(&back);
    plx_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plx_monitors monitors;
    struct plx_why why = {""};
    if (plx_monitors_parse("f", (const char *)data, size, &monitors, &why) < 0) {
        if (strncmp(why.text, "f:", 2) != 0)
            abort();
        return 0;
    }
    for (size_t i = 0; i < monitors.n; i++)
        assert_same(&monitors.list[i]);
    plx_monitors_fini(&monitors);
    return 0;
}
