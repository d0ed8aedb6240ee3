/* The enrolment door as a process: this same program, started with another command. */
#ifndef PLX_COORDINATOR_DOOR_PROCESS_H
#define PLX_COORDINATOR_DOOR_PROCESS_H

#include "coordinator/io/enrol.h"

#include <sys/types.h>

/* Zero-initialised before use; at the most one process at a time. */
struct plx_door_process {
    pid_t pid; /* 0: none */
};

/* A doorman that keeps its process in `process` (borrowed). */
struct plx_doorman plx_door_process_doorman(struct plx_door_process *process);

#define PLX_DOOR_COMMAND "enrol-door"

/* The command's other end: `argv` as the doorman wrote it. Returns an exit code. */
int plx_door_process_main(int argc, char **argv);

#endif
