/* The files for apply of a command line, read and checked here before anybody is asked.
 */
#ifndef PLX_CLI_FILES_H
#define PLX_CLI_FILES_H

#include "cli/cli.h"

struct plx_files {
    char *name; /* what the coordinator's errors begin with */
    char *text; /* one file's as it is; several ones' monitors written anew */
    size_t n_files, n_monitors;
    size_t n_rules; /* receivers, routes, windows */
};

/* Reads the files of --file and of the command's words. 0, or an error with a sentence
 * that begins with FILE:LINE:COLUMN wherever one file is at fault. */
int plx_files_read(const struct plx_args *args, struct plx_files *ret,
                   struct plx_why *why);
void plx_files_fini(struct plx_files *files);

#endif
