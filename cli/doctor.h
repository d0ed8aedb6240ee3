/* The doctor: looks at what is on this machine and says what to do about what is wrong.
 */
#ifndef PLX_CLI_DOCTOR_H
#define PLX_CLI_DOCTOR_H

#include "cli/cli.h"

#include <stdbool.h>
#include <stddef.h>

enum plx_health { PLX_HEALTH_OK, PLX_HEALTH_WARN, PLX_HEALTH_BAD };

struct plx_doctor {
    struct plx_cli *cli;
    struct plx_diagnosis {
        enum plx_health health;
        const char *check;   /* a word that stays: "disk" */
        char *what, *remedy; /* remedy: NULL if all is well */
    } * list;
    size_t n;
};

/* Notes a finding; copies the remedy. `fmt` says what was seen. */
void plx_doctor_say(struct plx_doctor *d, enum plx_health health, const char *check,
                    const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* One folder's permissions, owner and room on its disk. Returns whether it is there. */
bool plx_doctor_folder(struct plx_doctor *d, const char *check, const char *dir,
                       const char *remedy_missing);
/* A key file or another secret: mode and, if `is_key`, that it is one. */
void plx_doctor_secret(struct plx_doctor *d, const char *check, const char *path,
                       bool is_key);
/* Asks PROGRAM `config check FILE`, if the file is there. Returns whether it is good. */
bool plx_doctor_config(struct plx_doctor *d, const char *check, const char *program,
                       const char *file);
/* Whether a connection to "tcp://host:port" comes about; what to do is the caller's. */
void plx_doctor_reach(struct plx_doctor *d, const char *check, const char *endpoint,
                      const char *remedy);

/* The parts. */
void plx_doctor_host(struct plx_doctor *d);
void plx_doctor_coordinator(struct plx_doctor *d, const char *dir, const char *config);
void plx_doctor_agent(struct plx_doctor *d, const char *dir, const char *config);

#endif
