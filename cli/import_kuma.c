/* Uptime Kuma: its database kuma.db (read only) or its JSON backup. The rows of the
 * database become objects with the backup's keys, so that there is one reading of both.
 */
#include "cli/import.h"

#include "base/err.h"
#include "base/text.h"
#include "sys/file.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKUP_MAX (64 * 1024 * 1024)

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static bool flag_of(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_true(v) || json_number_value(v) != 0;
}

static double number_of(const json_t *o, const char *key, double otherwise)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : otherwise;
}

/* A time in seconds, of whatever size: what is out of our range is said later. */
static int64_t seconds_of(double seconds)
{
    const double most = (double)(365 * PLX_DAY_NS / PLX_SEC_NS);
    double fitted = seconds < 0 ? 0 : seconds > most ? most : seconds;
    return (int64_t)(fitted * (double)PLX_SEC_NS);
}

/* What a monitor of ours has no word for, where it is set at all. */
static void say_rest(struct plx_import *im, const json_t *o, const char *name)
{
    static const char *const keys[] = {"description", "parent", "proxyId", "conditions"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *v = json_object_get(o, keys[i]);
        bool is_set = (json_is_string(v) && *json_string_value(v) &&
                       strcmp(json_string_value(v), "[]") != 0) ||
                      json_number_value(v) != 0 || json_array_size(v) > 0;
        if (is_set)
            plx_import_say(im, PLX_FINDING_IGNORED, name, "%s: no equivalent", keys[i]);
    }
    double interval = number_of(o, "interval", 60);
    double retry = number_of(o, "retryInterval", interval);
    if (number_of(o, "maxretries", 0) > 0 && retry != interval)
        plx_import_say(im, PLX_FINDING_CHANGED, name,
                       "retries after %g s: here every probe counts, and a first failure "
                       "is confirmed at once",
                       retry);
    if (number_of(o, "resendInterval", 0) > 0)
        plx_import_say(im, PLX_FINDING_IGNORED, name,
                       "resendInterval: repetition belongs to a route");
}

static void read_tags(struct plx_import *im, const json_t *o, struct plx_monitor *m)
{
    const json_t *tag;
    size_t i;
    json_array_foreach(json_object_get(o, "tags"), i, tag)
    {
        const char *value = text_of(tag, "value");
        plx_import_label(im, m, text_of(tag, "name"), *value ? value : "true");
    }
}

static void read_monitor(struct plx_import *im, const json_t *o)
{
    const char *name = text_of(o, "name"), *type = text_of(o, "type");
    struct plx_monitor m;
    double port = number_of(o, "port", 0);
    if (strcmp(type, "port") != 0) {
        plx_import_say(im, PLX_FINDING_LEFT_OUT, name, "type '%s' is no TCP check", type);
        return;
    }
    plx_import_begin(im, name, &m);
    plx_monitor_set_text(&m.host, text_of(o, "hostname"));
    m.port = port >= 1 && port <= 65535 ? (uint16_t)port : 0;
    m.interval_ns = seconds_of(number_of(o, "interval", 60));
    /* 0.8 of the interval where none is set: Kuma's own default. */
    double timeout = number_of(o, "timeout", 0);
    m.timeout_ns = timeout > 0 ? seconds_of(timeout) : m.interval_ns / 10 * 8;
    double retries = number_of(o, "maxretries", 0);
    m.consecutive_failures = retries >= 0 && retries < 100 ? (uint32_t)retries + 1 : 100;
    if (retries >= 100)
        plx_import_say(im, PLX_FINDING_CHANGED, name, "%g retries become 99", retries);
    m.expect = flag_of(o, "upsideDown") ? PLX_EXPECT_CLOSED : PLX_EXPECT_OPEN;
    m.paused = json_object_get(o, "active") && !flag_of(o, "active");
    size_t n_told = json_object_size(json_object_get(o, "notificationIDList"));
    m.alert_on_failure = n_told > 0;
    if (n_told > 0)
        plx_import_say(im, PLX_FINDING_IGNORED, name,
                       "%zu notification%s: make a receiver and a route for it", n_told,
                       n_told == 1 ? "" : "s");
    say_rest(im, o, name);
    read_tags(im, o, &m);
    plx_import_end(im, &m);
}

static int read_list(struct plx_import *im, const char *path, const json_t *root,
                     struct plx_why *why)
{
    const json_t *list = json_object_get(root, "monitorList"), *monitor;
    const char *key;
    size_t i;
    if (json_is_object(list)) {
        json_object_foreach((json_t *)list, key, monitor) read_monitor(im, monitor);
    } else if (json_is_array(list)) {
        json_array_foreach(list, i, monitor) read_monitor(im, monitor);
    } else {
        return plx_why_set(why, PLX_EINVAL, "%s: no 'monitorList' in it", path);
    }
    json_array_foreach(json_object_get(root, "notificationList"), i, monitor)
        plx_import_say(im, PLX_FINDING_IGNORED, "", "notification '%s': make a receiver",
                       text_of(monitor, "name"));
    if (json_array_size(json_object_get(root, "proxyList")) > 0)
        plx_import_say(im, PLX_FINDING_IGNORED, "", "proxies: no equivalent");
    return 0;
}

/* ---- the database ---- */

/* snake_case to camelCase, as the backup has it. */
static void camel(const char *snake, char *out, size_t size)
{
    size_t n = 0;
    for (; *snake && n + 1 < size; snake++) {
        bool up = *snake == '_' && snake[1];
        snake += up;
        out[n++] = up && *snake >= 'a' && *snake <= 'z' ? (char)(*snake - 32) : *snake;
    }
    out[n] = '\0';
}

static json_t *row_of(sqlite3_stmt *stmt)
{
    json_t *o = json_object();
    char key[64];
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        int type = sqlite3_column_type(stmt, i);
        camel(sqlite3_column_name(stmt, i), key, sizeof key);
        if (type == SQLITE_INTEGER || type == SQLITE_FLOAT)
            json_object_set_new(o, key, json_real(sqlite3_column_double(stmt, i)));
        else if (type == SQLITE_TEXT)
            json_object_set_new(o, key,
                                json_string((const char *)sqlite3_column_text(stmt, i)));
    }
    return o;
}

/* Every row as an object; with `id`, those of one monitor. NULL: no such table. */
static json_t *rows(sqlite3 *db, const char *sql, double id)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return NULL;
    json_t *list = json_array();
    sqlite3_bind_double(stmt, 1, id);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        json_array_append_new(list, row_of(stmt));
    sqlite3_finalize(stmt);
    return list;
}

static void add_links(sqlite3 *db, json_t *monitor)
{
    double id = number_of(monitor, "id", 0);
    json_t *told = rows(
        db, "SELECT notification_id FROM monitor_notification WHERE monitor_id = ?", id);
    json_t *ids = json_object(), *one;
    char text[32];
    size_t i;
    json_array_foreach(told, i, one)
    {
        snprintf(text, sizeof text, "%.0f", number_of(one, "notificationId", 0));
        json_object_set_new(ids, text, json_true());
    }
    json_decref(told);
    json_object_set_new(monitor, "notificationIDList", ids);
    json_t *tags =
        rows(db,
             "SELECT tag.name, monitor_tag.value FROM monitor_tag JOIN tag ON tag.id = "
             "monitor_tag.tag_id WHERE monitor_tag.monitor_id = ?",
             id);
    if (tags)
        json_object_set_new(monitor, "tags", tags);
}

static int read_database(struct plx_import *im, const char *path, struct plx_why *why)
{
    sqlite3 *db = NULL;
    json_t *monitors = NULL, *monitor;
    size_t i;
    int err = 0;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK)
        monitors = rows(db, "SELECT * FROM monitor ORDER BY id", 0);
    if (monitors) {
        json_array_foreach(monitors, i, monitor) add_links(db, monitor);
        json_t *told = rows(db, "SELECT name FROM notification ORDER BY id", 0);
        json_t *root = json_object();
        json_object_set_new(root, "monitorList", monitors);
        if (told)
            json_object_set_new(root, "notificationList", told);
        err = read_list(im, path, root, why);
        json_decref(root);
    } else {
        err = plx_why_set(why, PLX_EINVAL, "%s: no database of Uptime Kuma: %s", path,
                          sqlite3_errmsg(db));
    }
    sqlite3_close(db);
    return err;
}

int plx_import_kuma(struct plx_import *im, const char *path, struct plx_why *why)
{
    static const char magic[] = "SQLite format 3";
    char head[sizeof magic] = "";
    FILE *file = fopen(path, "re");
    if (file) {
        bool is_database = fread(head, 1, sizeof head, file) == sizeof head &&
                           memcmp(head, magic, sizeof magic) == 0;
        fclose(file);
        if (is_database)
            return read_database(im, path, why);
    }
    char *text;
    size_t len;
    json_error_t error;
    int err = plx_file_read(path, BACKUP_MAX, &text, &len, why);
    if (err < 0)
        return err;
    json_t *root = json_loadb(text, len, 0, &error);
    free(text);
    if (!root)
        return plx_why_set(why, PLX_EINVAL, "%s:%d:%d: %s", path, error.line,
                           error.column, error.text);
    err = read_list(im, path, root, why);
    json_decref(root);
    return err;
}
