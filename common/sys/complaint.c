#include "sys/complaint.h"

#include "base/err.h"
#include "base/text.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plx_complaint_v(const char *program, const char *fmt, va_list ap)
{
    char *text;
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    plx_text_tame(text);
    fflush(stdout);
    fprintf(stderr, "%s%s%s\n", program ? program : "", program ? ": " : "", text);
    free(text);
}

void plx_complaint(const char *program, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    plx_complaint_v(program, fmt, ap);
    va_end(ap);
}

int plx_complaint_option(int c, char *const *argv, struct plx_why *why)
{
    const char *word = argv[optind - 1];
    if (c == ':')
        return plx_why_set(why, PLX_EINVAL, "option '%s' needs a value", word);
    if (optopt == 0)
        return plx_why_set(why, PLX_EINVAL, "unknown option '%s'", word);
    if (strncmp(word, "--", 2) == 0 && strchr(word, '='))
        return plx_why_set(why, PLX_EINVAL, "option '%s' takes no value", word);
    return plx_why_set(why, PLX_EINVAL, "unknown option '-%c'", optopt);
}
