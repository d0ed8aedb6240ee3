#include "coordinator/io/runner.h"

#include "base/err.h"
#include "base/text.h"
#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES 4096
#define READS_MAX  64 /* of one turn: one that floods does not keep the others waiting */

struct plx_run {
    pid_t pid; /* 0: reaped */
    int pid_fd, in_fd, out_fd;
    const struct plx_buf *input;
    size_t written;
    struct plx_mono deadline;
    char trouble[96];
};

/* ---- the child ---- */

/* What the child needs, made before the fork: after it nothing may allocate. */
struct plan {
    char *path;
    char **argv;
    char *env[5];
    int in[2], out[2]; /* -1: not open */
};

static char *variable(const char *name)
{
    const char *value = getenv(name);
    struct plx_buf text;
    if (!value)
        return NULL;
    plx_buf_init(&text, 65536);
    plx_buf_printf(&text, "%s=%s", name, value);
    return plx_buf_give(&text, NULL);
}

static void make_plan(struct plan *plan, const char *dir, char *const *words, size_t n)
{
    static const char *const names[] = {"PATH", "HOME", "LANG", "TZ"};
    size_t n_env = 0;
    *plan = (struct plan){.in = {-1, -1}, .out = {-1, -1}};
    plan->path = plx_file_path(dir, words[0]);
    plan->argv = calloc(n + 1, sizeof *plan->argv);
    if (!plan->argv)
        abort();
    memcpy(plan->argv, words, n * sizeof *words);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        plan->env[n_env] = variable(names[i]);
        n_env += plan->env[n_env] != NULL;
    }
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void free_plan(struct plan *plan)
{
    for (int i = 0; i < 2; i++) {
        close_fd(&plan->in[i]);
        close_fd(&plan->out[i]);
    }
    for (size_t i = 0; plan->env[i]; i++)
        free(plan->env[i]);
    free(plan->argv);
    free(plan->path);
}

/* Between fork and exec of a process with threads: signal-safe calls only. */
static void become(const struct plan *plan)
{
    sigset_t none;
    setpgid(0, 0);
    if (dup2(plan->in[0], 0) < 0 || dup2(plan->out[1], 1) < 0 ||
        dup2(plan->out[1], 2) < 0 || close_range(3, ~0u, 0) < 0)
        _exit(126);
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(plan->path, plan->argv, plan->env);
    _exit(127);
}

/* ---- start and end ---- */

static int launch(struct plan *plan, struct plx_run *run, struct plx_why *why)
{
    if (access(plan->path, X_OK) < 0)
        return plx_why_set(why, PLX_ENOTFOUND, "%s cannot be run: %s", plan->path,
                           strerror(errno));
    if (pipe2(plan->in, O_CLOEXEC) < 0 || pipe2(plan->out, O_CLOEXEC) < 0 ||
        fcntl(plan->in[1], F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(plan->out[0], F_SETFL, O_NONBLOCK) < 0)
        return plx_why_set(why, PLX_EIO, "no pipe: %s", strerror(errno));
    run->pid = fork();
    if (run->pid == 0)
        become(plan);
    if (run->pid < 0) {
        run->pid = 0;
        return plx_why_set(why, PLX_EIO, "no process: %s", strerror(errno));
    }
    setpgid(run->pid, run->pid); /* the child does, too: whoever is first */
    run->pid_fd = pidfd_open(run->pid, 0);
    if (run->pid_fd < 0)
        return plx_why_set(why, PLX_EIO, "cannot watch a process: %s", strerror(errno));
    run->in_fd = plan->in[1];
    run->out_fd = plan->out[0];
    plan->in[1] = plan->out[0] = -1;
    return 0;
}

int plx_run_start(const char *dir, char *const *words, size_t n_words,
                  const struct plx_buf *input, struct plx_mono deadline,
                  struct plx_run **ret, struct plx_why *why)
{
    struct plan plan;
    struct plx_run *run = calloc(1, sizeof *run);
    if (!run)
        abort();
    run->pid_fd = run->in_fd = run->out_fd = -1;
    run->input = input;
    run->deadline = deadline;
    make_plan(&plan, dir, words, n_words);
    int err = launch(&plan, run, why);
    free_plan(&plan);
    if (err < 0) {
        plx_run_destroy(&run);
        return err;
    }
    *ret = run;
    return 0;
}

/* Its group first: its number is its own until it is reaped. */
static int reap(struct plx_run *run)
{
    int status = 0;
    kill(-run->pid, SIGKILL);
    kill(run->pid, SIGKILL);
    while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR) {
    }
    run->pid = 0;
    return status;
}

void plx_run_destroy(struct plx_run **run)
{
    if (!*run)
        return;
    if ((*run)->pid > 0)
        reap(*run);
    close_fd(&(*run)->pid_fd);
    close_fd(&(*run)->in_fd);
    close_fd(&(*run)->out_fd);
    free(*run);
    *run = NULL;
}

/* ---- on its way ---- */

size_t plx_run_fds(const struct plx_run *run, struct pollfd ret[PLX_RUN_FDS])
{
    size_t n = 0;
    ret[n++] = (struct pollfd){.fd = run->pid_fd, .events = POLLIN};
    if (run->in_fd >= 0)
        ret[n++] = (struct pollfd){.fd = run->in_fd, .events = POLLOUT};
    if (run->out_fd >= 0)
        ret[n++] = (struct pollfd){.fd = run->out_fd, .events = POLLIN};
    return n;
}

struct plx_mono plx_run_deadline(const struct plx_run *run)
{
    return run->deadline;
}

/* One that does not want to read its input may do without. */
static void feed(struct plx_run *run)
{
    while (run->in_fd >= 0) {
        size_t left = run->input->len - run->written;
        ssize_t put =
            left == 0 ? 0 : write(run->in_fd, run->input->data + run->written, left);
        if (put < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (put <= 0)
            close_fd(&run->in_fd);
        else
            run->written += (size_t)put;
    }
}

/* What is over the limit is read and dropped, so that it does not get stuck. */
static void listen_to(struct plx_run *run, struct plx_buf *said)
{
    char bytes[READ_BYTES];
    for (int i = 0; i < READS_MAX && run->out_fd >= 0; i++) {
        ssize_t got = read(run->out_fd, bytes, sizeof bytes);
        size_t room = said->limit - said->len;
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0)
            close_fd(&run->out_fd);
        else
            plx_buf_add(said, bytes, (size_t)got < room ? (size_t)got : room);
    }
}

bool plx_run_turn(struct plx_run *run, struct plx_mono now, struct plx_buf *said,
                  long *ret_status, const char **ret_trouble)
{
    siginfo_t info = {0};
    feed(run);
    listen_to(run, said);
    bool over = waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                info.si_pid != 0;
    if (!over && now.ns < run->deadline.ns)
        return false;
    listen_to(run, said);
    int status = reap(run);
    if (!over)
        snprintf(run->trouble, sizeof run->trouble, "took too long and was killed");
    else if (WIFSIGNALED(status))
        snprintf(run->trouble, sizeof run->trouble, "died of signal %d",
                 WTERMSIG(status));
    *ret_status = over && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    *ret_trouble = run->trouble;
    return true;
}
