#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATABASE "parallax.db"
#define USUAL    "/var/lib/parallax"

/* ---- files ---- */

static int copy_bytes(int from, int to)
{
    static char block[1 << 18];
    ssize_t n;
    while ((n = read(from, block, sizeof block)) > 0)
        for (ssize_t at = 0, k; at < n; at += k)
            if ((k = write(to, block + at, (size_t)(n - at))) < 0)
                return PLX_EIO;
    return n < 0 || fsync(to) < 0 ? PLX_EIO : 0;
}

/* A new file of mode 0600; nothing is left of it if it fails. */
static int copy_file(const char *from, const char *to, struct plx_why *why)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return plx_why_set(why, errno == ENOENT ? PLX_ENOTFOUND : PLX_EDENIED, "%s: %s",
                           from, strerror(errno));
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int err = out < 0 ? plx_why_set(why, PLX_EEXISTS, "%s: %s", to, strerror(errno)) : 0;
    if (!err && (err = copy_bytes(in, out)) < 0)
        plx_why_set(why, err, "%s: %s", to, strerror(errno));
    close(in);
    if (out >= 0 && close(out) < 0 && !err)
        err = plx_why_set(why, PLX_EIO, "%s: %s", to, strerror(errno));
    if (out >= 0 && err)
        unlink(to);
    return err;
}

/* ---- what a backup holds ---- */

struct contents {
    int64_t generation, monitors, agents, results, last_us;
};

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t v = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        v = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return v;
}

static bool is_sound(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    bool sound =
        sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW &&
        strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
    sqlite3_finalize(stmt);
    return sound;
}

/* The file as it is: no write-ahead log is made beside it. */
static char *uri_of(const char *path)
{
    struct plx_buf uri;
    plx_buf_init(&uri, SIZE_MAX / 2);
    plx_buf_text(&uri, "file:");
    for (; *path; path++)
        if (strchr("%?#", *path))
            plx_buf_printf(&uri, "%%%02X", (unsigned char)*path);
        else
            plx_buf_char(&uri, *path);
    plx_buf_text(&uri, "?immutable=1");
    return plx_buf_give(&uri, NULL);
}

static int look_into(const char *path, struct contents *ret, struct plx_why *why)
{
    sqlite3 *db = NULL;
    char *uri = uri_of(path);
    int err = 0;
    bool open = sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) ==
                SQLITE_OK;
    if (!open || !is_sound(db) ||
        number(db, "SELECT count(*) FROM sqlite_master WHERE name IN ('state', "
                   "'streams', 'monitors')") != 3)
        err = plx_why_set(why, PLX_ECORRUPT, "%s is no sound backup of a coordinator",
                          path);
    else
        *ret = (struct contents){
            number(db, "SELECT value FROM state WHERE key = 'generation'"),
            number(db, "SELECT count(*) FROM monitors"),
            number(db, "SELECT count(*) FROM agents"),
            number(db, "SELECT sum(high_water) FROM streams"),
            number(db, "SELECT max(last_us) FROM streams"),
        };
    sqlite3_close(db);
    free(uri);
    return err;
}

static void print_contents(struct plx_cli *cli, const char *path,
                           const struct contents *c)
{
    char last[PLX_WALL_TEXT_MAX] = "never";
    if (c->last_us > 0)
        plx_wall_format((struct plx_wall){c->last_us * 1000}, last);
    json_t *answer = json_pack("{s:s, s:I, s:I, s:I, s:I, s:s}", "file", path,
                               "generation", (json_int_t)c->generation, "monitors",
                               (json_int_t)c->monitors, "agents", (json_int_t)c->agents,
                               "results", (json_int_t)c->results, "last_result", last);
    if (!plx_show_data(cli, answer))
        plx_say("%s: generation %" PRId64 ", %" PRId64 " monitors, %" PRId64
                " agents, %" PRId64 " results counted, the last received at %s\n",
                path, c->generation, c->monitors, c->agents, c->results, last);
    json_decref(answer);
}

/* ---- commands ---- */

int plx_cmd_backup(struct plx_cli *cli)
{
    const char *file = cli->args.words[0];
    struct plx_question q;
    struct plx_why why = {""};
    struct contents contents;
    json_t *answer = NULL;
    if (access(file, F_OK) == 0)
        return plx_complain(PLX_EXIT_USAGE, "%s is there already", file);
    plx_question_init(&q);
    int code = plx_ask(cli, "backup", &q, &answer);
    if (code == PLX_EXIT_OK) {
        const char *made = plx_field(answer, "path");
        int err = copy_file(made, file, &why);
        if (err == 0)
            err = look_into(file, &contents, &why);
        if (err == 0)
            unlink(made);
        if (err < 0)
            code = plx_complain(plx_exit_of(err),
                                "%s; the copy is in %s where the coordinator runs",
                                why.text, made);
        else
            print_contents(cli, file, &contents);
    }
    json_decref(answer);
    return code;
}

/* The database with its companions out of the way; a write-ahead log that stayed would be
 * taken for the new one's. */
static int move_away(const char *path, struct plx_why *why)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char from[4096], to[4096];
    for (size_t i = 0; i < 3; i++) {
        snprintf(from, sizeof from, "%.4000s%s", path, ends[i]);
        snprintf(to, sizeof to, "%.4000s.before%s", path, ends[i]);
        unlink(to);
        if (rename(from, to) < 0 && errno != ENOENT)
            return plx_why_set(why, PLX_EIO, "%s: %s", from, strerror(errno));
    }
    return 0;
}

static int sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd < 0 || fsync(fd) < 0 ? PLX_EIO : 0;
    if (fd >= 0)
        close(fd);
    return err;
}

/* Root restores, the daemon has to be able to open what that leaves. */
static int give_to_owner(int fd, const char *dir, struct plx_why *why)
{
    struct stat st;
    if (stat(dir, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0)
        return plx_why_set(why, PLX_EDENIED, "%s: %s", dir, strerror(errno));
    return 0;
}

static int put_in_place(const char *file, const char *dir, struct plx_why *why)
{
    struct stat st;
    char *path = plx_file_path(dir, DATABASE);
    char *fresh = plx_file_path(dir, DATABASE ".restoring");
    unlink(fresh);
    int err = copy_file(file, fresh, why);
    if (!err && stat(dir, &st) == 0 && chown(fresh, st.st_uid, st.st_gid) < 0)
        err = plx_why_set(why, PLX_EDENIED, "%s: %s", fresh, strerror(errno));
    if (!err)
        err = move_away(path, why);
    if (!err && (rename(fresh, path) < 0 || sync_dir(dir) < 0))
        err = plx_why_set(why, PLX_EIO, "%s: %s", path, strerror(errno));
    free(path);
    free(fresh);
    return err;
}

int plx_cmd_restore(struct plx_cli *cli)
{
    const char *file = cli->args.words[0];
    const char *dir = plx_args_value(&cli->args, "data-dir", USUAL);
    struct plx_why why = {""};
    struct contents contents;
    int lock = -1;
    if (access(file, R_OK) < 0)
        return plx_complain(PLX_EXIT_USAGE, "cannot read '%s': %s", file,
                            strerror(errno));
    int err = look_into(file, &contents, &why);
    if (err == 0)
        err = plx_file_make_dir(dir, &why);
    if (err == 0)
        err = plx_file_lock_dir(dir, &lock, &why);
    if (err == 0)
        err = give_to_owner(lock, dir, &why);
    if (err == 0)
        err = put_in_place(file, dir, &why);
    if (lock >= 0)
        close(lock);
    if (err < 0)
        return plx_complain(plx_exit_of(err), "%s", why.text);
    print_contents(cli, file, &contents);
    return PLX_EXIT_OK;
}
