/* A command that was called in a way it does not take: what was wrong, and how it is
 * used, on standard error. */
#ifndef PLX_AGENT_USAGE_H
#define PLX_AGENT_USAGE_H

/* `what`, and `text` in quotes behind it (NULL: none). Returns the exit status, 2. */
int plx_usage_refuse(const char *usage, const char *what, const char *text);
/* `c` is what getopt_long returned: '?' or ':'. Returns the exit status, 2. */
int plx_usage_refuse_option(const char *usage, int c, char *const *argv);

#endif
