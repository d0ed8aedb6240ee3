/* Any bytes as the lines of `parallax judge`: taken, or refused with a sentence; and the
 * judge survives what was taken. */
#include "fuzz.h"

#include "cli/judge_lines.h"

#include <stdlib.h>
#include <string.h>

static void take(struct plx_lines *lines, const char *text, size_t len)
{
    const struct plx_judge_output *out;
    struct plx_line line;
    struct plx_why why = {""};
    if (plx_lines_read(lines, text, len, &line, &why) < 0) {
        if (why.text[0] == '\0')
            abort();
        return; /* the filter would stop here; a fuzzer goes on */
    }
    if (line.type == PLX_LINE_HEARTBEAT)
        plx_judge_heartbeat(lines->judge, line.now, line.agent);
    else if (line.type == PLX_LINE_RESULT)
        plx_judge_result(lines->judge, &line.result);
    else if (line.type == PLX_LINE_TICK)
        plx_judge_tick(lines->judge, line.now, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plx_lines lines = {.judge = plx_judge_new(NULL)};
    const char *at = (const char *)data, *end = at + size;
    while (size > 0 && at < end) {
        const char *nl = memchr(at, '\n', (size_t)(end - at));
        size_t len = nl ? (size_t)(nl - at) : (size_t)(end - at);
        take(&lines, at, len);
        at += len + 1;
    }
    plx_judge_destroy(&lines.judge);
    plx_lines_fini(&lines);
    return 0;
}
