/* What a program says on standard error to whoever called it, before or instead of its
 * log: a line for each complaint, fit for a terminal whatever it quotes. */
#ifndef PLX_SYS_COMPLAINT_H
#define PLX_SYS_COMPLAINT_H

#include "base/why.h"

#include <stdarg.h>

/* "PROGRAM: SENTENCE", tamed (base/text), after what standard output holds so far.
 * `program` NULL: the sentence alone. Any thread. */
void plx_complaint(const char *program, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void plx_complaint_v(const char *program, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Says what getopt_long did not take, in place of its own line, which quotes what it got
 * as it is: `c` is what it returned, '?' or ':' (with opterr = 0 and short options that
 * begin with ':'). Returns PLX_EINVAL. */
int plx_complaint_option(int c, char *const *argv, struct plx_why *why);

#endif
