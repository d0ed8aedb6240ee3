/* The API's method backup: a copy of the database as it is when the copy ends, in the
 * data folder, whence the caller takes it away. */
#include "base/err.h"
#include "coordinator/io/api_call.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/log.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* One name, so that copies that nobody fetched do not fill the disk. */
#define BACKUP_NAME "backup.db"

struct copying {
    struct plx_call *call;
    char *path;
};

static void on_copied(void *arg, int err, const char *why)
{
    struct copying *copying = arg;
    struct plx_call *call = copying->call;
    call->api->copying = false;
    struct stat st = {.st_size = 0};
    struct plx_buf buf;
    struct plx_json j;
    if (err < 0) {
        plx_call_fail(call, err, "%s", why);
    } else {
        stat(copying->path, &st);
        plx_log(PLX_LOG_INFO, "backup", "by", call->who, "file", copying->path, NULL);
        plx_answer_begin(&buf, &j);
        plx_json_kwall(&j, "at", plx_clock_wall());
        plx_json_kstr(&j, "path", copying->path);
        plx_json_kuint(&j, "bytes", (uint64_t)st.st_size);
        plx_json_end(&j);
        plx_call_end(call, &buf);
    }
    free(copying->path);
    free(copying);
}

void plx_api_backup(struct plx_call *call)
{
    struct plx_api *api = call->api;
    if (!api->data_dir) {
        plx_call_fail(call, PLX_EUNSUPPORTED, "not in this program");
        return;
    }
    if (api->copying) { /* its file must not be taken away */
        plx_call_fail(call, PLX_EBUSY, "a backup is under way already");
        return;
    }
    struct copying *copying = calloc(1, sizeof *copying);
    if (!copying)
        abort();
    copying->call = call;
    copying->path = plx_file_path(api->data_dir, BACKUP_NAME);
    char *part = plx_file_path(api->data_dir, BACKUP_NAME ".part");
    unlink(copying->path);
    unlink(part); /* of a copy that a crash cut short */
    free(part);
    int err = plx_store_backup(api->desk->store, copying->path, on_copied, copying);
    api->copying = err == 0;
    if (err == 0)
        return;
    plx_call_fail(call, err, "%s", plx_err_text(err));
    free(copying->path);
    free(copying);
}
