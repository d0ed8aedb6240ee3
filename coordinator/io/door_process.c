#include "coordinator/io/door_process.h"

#include "base/err.h"
#include "base/text.h"
#include "sys/jail.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define NICE 5

/* The child gets our descriptors 0-2 and these two; everything else is close-on-exec, and
 * it closes what is not. */
static int start(const char *pair, const char *listener, int pair_fd, int listen_fd,
                 pid_t *ret)
{
    char *const argv[] = {(char *)"parallax-coordinator", (char *)PLX_DOOR_COMMAND,
                          (char *)pair, (char *)listener, NULL};
    char *const environment[] = {NULL};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, pair_fd, pair_fd);
    posix_spawn_file_actions_adddup2(&files, listen_fd, listen_fd);
    int e = posix_spawn(ret, "/proc/self/exe", &files, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&files);
    return e;
}

static int open_process(void *arg, int pair_fd, int listen_fd, struct plx_why *why)
{
    struct plx_door_process *process = arg;
    char pair[16], listener[16];
    snprintf(pair, sizeof pair, "%d", pair_fd);
    snprintf(listener, sizeof listener, "%d", listen_fd);
    int e = start(pair, listener, pair_fd, listen_fd, &process->pid);
    if (e == 0)
        return 0;
    process->pid = 0;
    return plx_why_set(why, PLX_EIO, "cannot start the enrolment door: %s", strerror(e));
}

static void await_process(void *arg)
{
    struct plx_door_process *process = arg;
    if (process->pid <= 0)
        return;
    /* It ends by itself when its pair socket does; a hung one must not hang us. */
    kill(process->pid, SIGKILL);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    process->pid = 0;
}

struct plx_doorman plx_door_process_doorman(struct plx_door_process *process)
{
    return (struct plx_doorman){process, open_process, await_process};
}

int plx_door_process_main(int argc, char **argv)
{
    int64_t pair_fd, listen_fd;
    if (argc != 4 || plx_text_int(argv[2], 3, 1 << 20, &pair_fd) < 0 ||
        plx_text_int(argv[3], 3, 1 << 20, &listen_fd) < 0) {
        fputs("parallax-coordinator: this command is for the coordinator itself\n",
              stderr);
        return 2;
    }
    /* Signals are for the coordinator; we end with it. */
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    plx_jail_keep_secrets();
    plx_jail_descriptors(PLX_DOOR_DESCRIPTORS);
    setpriority(PRIO_PROCESS, 0, NICE);
    return plx_door_serve((int)pair_fd, (int)listen_fd, true, PLX_DOOR_AGE_NS) < 0;
}
