#include "cli/doctor.h"

#include "base/err.h"
#include "base/text.h"
#include "sys/channel.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

/* Below these a disk is nearly full: the write-ahead log alone may take as much. */
#define ROOM_MIN_BYTES   (UINT64_C(256) * 1024 * 1024)
#define ROOM_MIN_PERCENT 5
#define DESCRIPTORS_MIN  4096
#define REACH_MS         3000

void plx_doctor_say(struct plx_doctor *d, enum plx_health health, const char *check,
                    const char *remedy, const char *fmt, ...)
{
    va_list args;
    char *what;
    va_start(args, fmt);
    if (vasprintf(&what, fmt, args) < 0)
        abort();
    va_end(args);
    d->list = reallocarray(d->list, d->n + 1, sizeof *d->list);
    if (!d->list)
        abort();
    d->list[d->n++] =
        (struct plx_diagnosis){health, check, what, remedy ? plx_text_dup(remedy) : NULL};
}

/* ---- files ---- */

static void look_at_disk(struct plx_doctor *d, const char *dir)
{
    struct statvfs fs;
    if (statvfs(dir, &fs) < 0 || fs.f_blocks == 0)
        return;
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    unsigned percent = (unsigned)(fs.f_bavail * 100 / fs.f_blocks);
    bool bad = room < ROOM_MIN_BYTES || percent < ROOM_MIN_PERCENT;
    plx_doctor_say(d, bad ? PLX_HEALTH_BAD : PLX_HEALTH_OK, "disk",
                   bad ? "make room, or shorten retention_days (coordinator) or "
                         "spool.max_bytes (agent)"
                       : NULL,
                   "%s: %" PRIu64 " MiB free, %u %%", dir, room / (1024 * 1024), percent);
}

bool plx_doctor_folder(struct plx_doctor *d, const char *check, const char *dir,
                       const char *remedy_missing)
{
    struct stat st;
    char remedy[512];
    if (stat(dir, &st) < 0) {
        plx_doctor_say(d, PLX_HEALTH_BAD, check, remedy_missing, "%s: %s", dir,
                       strerror(errno));
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        plx_doctor_say(d, PLX_HEALTH_BAD, check, "move it away, or name another folder",
                       "%s is no folder", dir);
        return false;
    }
    snprintf(remedy, sizeof remedy, "chmod 0700 %s", dir);
    bool open = (st.st_mode & 077) != 0;
    plx_doctor_say(d, open ? PLX_HEALTH_BAD : PLX_HEALTH_OK, check, open ? remedy : NULL,
                   "%s: mode %04o%s", dir, st.st_mode & 07777,
                   open ? ": others can look into it" : "");
    look_at_disk(d, dir);
    return true;
}

static bool same_owner_as_folder(const char *path, const struct stat *st)
{
    struct stat folder;
    char *dir = plx_text_dup(path), *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    bool same = !slash || stat(dir, &folder) < 0 || folder.st_uid == st->st_uid;
    free(dir);
    return same;
}

void plx_doctor_secret(struct plx_doctor *d, const char *check, const char *path,
                       bool is_key)
{
    struct stat st;
    struct plx_keypair keys;
    struct plx_why why = {""};
    char remedy[512];
    if (stat(path, &st) < 0) {
        plx_doctor_say(d, PLX_HEALTH_BAD, check,
                       "start the daemon, which makes it, or restore a backup", "%s: %s",
                       path, strerror(errno));
        return;
    }
    if ((st.st_mode & 077) != 0) {
        snprintf(remedy, sizeof remedy,
                 "chmod 0600 %s; whoever could read it may have: change the key", path);
        plx_doctor_say(d, PLX_HEALTH_BAD, check, remedy,
                       "%s: mode %04o: others can read it", path, st.st_mode & 07777);
    }
    if (!same_owner_as_folder(path, &st)) {
        snprintf(remedy, sizeof remedy, "chown --reference=$(dirname %s) %s", path, path);
        plx_doctor_say(d, PLX_HEALTH_BAD, check, remedy,
                       "%s belongs to uid %u, its folder to another: the daemon cannot "
                       "read it",
                       path, st.st_uid);
    }
    if (!is_key)
        return;
    int err = plx_keypair_load(path, &keys, &why);
    if (err < 0)
        plx_doctor_say(d, PLX_HEALTH_BAD, check,
                       "restore it from a backup; without one, remove it and enrol the "
                       "agents anew",
                       "%s", why.text);
    else
        plx_doctor_say(d, PLX_HEALTH_OK, check, NULL, "%s: a key", path);
    plx_keypair_wipe(&keys);
}

/* ---- programs ---- */

/* The one beside us, else that of the PATH. */
static void exec_beside(const char *program, const char *file)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
    if (slash) {
        snprintf(slash + 1, 64, "%s", program);
        execl(path, program, "config", "check", file, (char *)NULL);
    }
    execlp(program, program, "config", "check", file, (char *)NULL);
    _exit(127);
}

/* Its exit status, and what it said. */
static int ask_program(const char *program, const char *file, char *said, size_t size)
{
    int ends[2], status = -1;
    size_t len = 0;
    ssize_t n;
    if (pipe(ends) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        exec_beside(program, file);
    }
    close(ends[1]);
    while (pid > 0 && len + 1 < size &&
           (n = read(ends[0], said + len, size - 1 - len)) > 0)
        len += (size_t)n;
    close(ends[0]);
    said[len] = '\0';
    said[strcspn(said, "\n")] = '\0';
    if (pid > 0)
        waitpid(pid, &status, 0);
    return status;
}

bool plx_doctor_config(struct plx_doctor *d, const char *check, const char *program,
                       const char *file)
{
    char said[1024] = "";
    if (access(file, R_OK) < 0 && errno == ENOENT)
        return true;
    int status = ask_program(program, file, said, sizeof said);
    if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        plx_doctor_say(d, PLX_HEALTH_WARN, check, "install it, or extend PATH",
                       "%s is not there to ask about %s", program, file);
        return true;
    }
    bool good = status == 0;
    plx_doctor_say(d, good ? PLX_HEALTH_OK : PLX_HEALTH_BAD, check,
                   good ? NULL : "correct the file at the place named", "%s", said);
    return good;
}

/* ---- the network ---- */

static int try_address(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    int err = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (err == EINPROGRESS) {
        socklen_t len = sizeof err;
        err = ETIMEDOUT;
        if (poll(&p, 1, REACH_MS) == 1)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
    }
    close(fd);
    return err;
}

void plx_doctor_reach(struct plx_doctor *d, const char *check, const char *endpoint,
                      const char *remedy)
{
    char host[PLX_HOST_MAX + 1], service[8];
    uint16_t port;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (strncmp(endpoint, "tcp://", 6) != 0 ||
        plx_text_host_port(endpoint + 6, host, &port) < 0) {
        plx_doctor_say(d, PLX_HEALTH_BAD, check, remedy, "'%s' is no endpoint", endpoint);
        return;
    }
    snprintf(service, sizeof service, "%u", port);
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0) {
        plx_doctor_say(d, PLX_HEALTH_BAD, check,
                       "correct the name, or the resolver of this machine", "%s: %s",
                       host, gai_strerror(rc));
        return;
    }
    int err = ECONNREFUSED;
    for (const struct addrinfo *a = list; a; a = a->ai_next)
        if ((err = try_address(a)) == 0)
            break;
    freeaddrinfo(list);
    plx_doctor_say(d, err ? PLX_HEALTH_BAD : PLX_HEALTH_OK, check, err ? remedy : NULL,
                   "%s: %s", endpoint, err ? strerror(err) : "reachable");
}

/* ---- the machine ---- */

static void look_at_descriptors(struct plx_doctor *d)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    bool few = limit.rlim_max < DESCRIPTORS_MIN;
    plx_doctor_say(d, few ? PLX_HEALTH_BAD : PLX_HEALTH_OK, "descriptors",
                   few ? "raise the hard limit: ulimit -Hn 65536, or LimitNOFILE= in the "
                         "unit"
                       : NULL,
                   "at most %" PRIu64 " open files here", (uint64_t)limit.rlim_max);
}

static void look_at_clock(struct plx_doctor *d)
{
    struct timex t = {.modes = 0};
    bool loose = adjtimex(&t) == TIME_ERROR || (t.status & STA_UNSYNC) != 0;
    plx_doctor_say(d, loose ? PLX_HEALTH_WARN : PLX_HEALTH_OK, "clock",
                   loose ? "run a time service: apt install systemd-timesyncd" : NULL,
                   loose ? "no time service keeps it" : "kept by a time service");
}

void plx_doctor_host(struct plx_doctor *d)
{
    look_at_descriptors(d);
    look_at_clock(d);
}
