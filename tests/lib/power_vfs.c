#include "power_vfs.h"

#include "base/rng.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 16

/* A change since the last sync: bytes at a place, or (data NULL) a new size. */
struct change {
    sqlite3_int64 at;
    size_t len;
    char *data;
};

struct disk_file {
    char name[64]; /* without the folder */
    char *durable;
    size_t len;
    bool may_be_absent; /* never synced since it was made */
    bool deleted;       /* but its folder is not synced */
    struct change *changes;
    size_t n, cap;
};

struct power_file {
    sqlite3_file head;
    struct disk_file *disk; /* NULL: a temporary one */
    bool is_new;            /* its first sync is its folder's, too */
    sqlite3_file *real;     /* lies behind this struct */
};

static sqlite3_vfs *under;
static sqlite3_vfs vfs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct disk_file files[FILES_MAX];
static size_t n_files;
static long calls, cut_at;
static bool is_cut;

static void *resized(void *array, size_t size)
{
    void *p = realloc(array, size ? size : 1);
    if (!p)
        abort();
    return p;
}

static void forget_changes(struct disk_file *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->changes[i].data);
    f->n = 0;
}

/* Applies the first `len` bytes of a change to contents. */
static void apply(char **bytes, size_t *n, const struct change *c, size_t len)
{
    size_t at = (size_t)c->at, end = c->data ? at + len : at;
    if (end > *n) {
        *bytes = resized(*bytes, end);
        memset(*bytes + *n, 0, end - *n);
        *n = end;
    }
    if (c->data)
        memcpy(*bytes + at, c->data, len);
    else
        *n = at;
}

static void note(struct disk_file *f, sqlite3_int64 at, const void *data, size_t len)
{
    struct change c = {at, len, NULL};
    if (!f)
        return;
    if (data)
        c.data = memcpy(resized(NULL, len), data, len);
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 64;
        f->changes = resized(f->changes, f->cap * sizeof *f->changes);
    }
    f->changes[f->n++] = c;
}

static void note_sync(struct disk_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++)
        apply(&f->durable, &f->len, &f->changes[i], f->changes[i].len);
    forget_changes(f);
    f->may_be_absent = false;
}

/* What was deleted in the folder stays so. */
static void note_folder_sync(void)
{
    for (size_t i = 0; i < n_files; i++) {
        if (!files[i].deleted)
            continue;
        note_sync(&files[i]);
        files[i].deleted = false;
        files[i].may_be_absent = true;
    }
}

/* One call more. With the lock. True: the power is gone; `*ret_now`: just now. */
static bool strike(bool *ret_now)
{
    calls++;
    *ret_now = !is_cut && calls == cut_at;
    is_cut |= *ret_now;
    return is_cut;
}

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct power_file *)file)->real;
}

static struct disk_file *disk(sqlite3_file *file)
{
    return ((struct power_file *)file)->disk;
}

void plx_power_vfs_arm(long after)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n_files; i++) {
        forget_changes(&files[i]);
        free(files[i].changes);
        free(files[i].durable);
    }
    memset(files, 0, sizeof files);
    n_files = 0;
    calls = 0;
    cut_at = after;
    is_cut = false;
    pthread_mutex_unlock(&lock);
}

void plx_power_vfs_cut(void)
{
    pthread_mutex_lock(&lock);
    is_cut = true;
    pthread_mutex_unlock(&lock);
}

bool plx_power_vfs_is_cut(void)
{
    pthread_mutex_lock(&lock);
    bool cut = is_cut;
    pthread_mutex_unlock(&lock);
    return cut;
}

long plx_power_vfs_calls(void)
{
    pthread_mutex_lock(&lock);
    long n = calls;
    pthread_mutex_unlock(&lock);
    return n;
}

static int f_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

static int f_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return real(f)->pMethods->xRead(real(f), to, n, at);
}

/* The write that the cut hits is under way: it may be there, torn or not. */
static int f_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    bool now;
    pthread_mutex_lock(&lock);
    bool gone = strike(&now);
    if (!gone || now)
        note(disk(f), at, from, (size_t)n);
    pthread_mutex_unlock(&lock);
    return gone ? SQLITE_IOERR_WRITE : real(f)->pMethods->xWrite(real(f), from, n, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    bool now;
    pthread_mutex_lock(&lock);
    bool gone = strike(&now);
    if (!gone || now)
        note(disk(f), size, NULL, 0);
    pthread_mutex_unlock(&lock);
    return gone ? SQLITE_IOERR_TRUNCATE : real(f)->pMethods->xTruncate(real(f), size);
}

/* The real file needs no sync: the machine stays up. SQLite's own VFS syncs the folder at
 * the first sync of a journal or log that it made (unixSync, UNIXFILE_DIRSYNC). */
static int f_sync(sqlite3_file *f, int flags)
{
    struct power_file *file = (struct power_file *)f;
    bool now;
    (void)flags;
    pthread_mutex_lock(&lock);
    bool gone = strike(&now);
    if (!gone)
        note_sync(disk(f));
    if (!gone && file->is_new)
        note_folder_sync();
    file->is_new &= gone;
    pthread_mutex_unlock(&lock);
    return gone ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return real(f)->pMethods->xFileSize(real(f), ret);
}

static int f_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int f_reserved(sqlite3_file *f, int *ret)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), ret);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

/* No promises: not even that what follows a torn write is untouched. */
static int f_device(sqlite3_file *f)
{
    (void)f;
    return 0;
}

static int f_shm_map(sqlite3_file *f, int region, int size, int extend,
                     void volatile **ret)
{
    return real(f)->pMethods->xShmMap(real(f), region, size, extend, ret);
}

static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int f_shm_unmap(sqlite3_file *f, int erase)
{
    return real(f)->pMethods->xShmUnmap(real(f), erase);
}

/* Version 2: without memory-mapped reads. */
static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_device,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static struct disk_file *find(const char *path)
{
    for (size_t i = 0; i < n_files; i++)
        if (strcmp(files[i].name, name_of(path)) == 0)
            return &files[i];
    return NULL;
}

/* A file seen for the first time is on the disk as it is. */
static struct disk_file *take_in(const char *path)
{
    if (n_files == FILES_MAX)
        abort();
    struct disk_file *f = &files[n_files++];
    snprintf(f->name, sizeof f->name, "%s", name_of(path));
    f->may_be_absent = true;
    FILE *in = fopen(path, "rb");
    if (!in)
        return f;
    fseek(in, 0, SEEK_END);
    f->len = (size_t)ftell(in);
    rewind(in);
    f->durable = resized(NULL, f->len);
    if (fread(f->durable, 1, f->len, in) != f->len)
        abort();
    fclose(in);
    f->may_be_absent = f->len == 0;
    return f;
}

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags,
                  int *ret_flags)
{
    (void)v;
    struct power_file *file = (struct power_file *)f;
    file->real = (sqlite3_file *)(file + 1);
    file->head.pMethods = NULL;
    file->disk = NULL;
    file->is_new = false;
    if (name) {
        pthread_mutex_lock(&lock);
        file->disk = find(name);
        if (!file->disk)
            file->disk = take_in(name);
        file->disk->deleted = false;
        file->is_new = (flags & SQLITE_OPEN_CREATE) &&
                       (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL));
        pthread_mutex_unlock(&lock);
    }
    int rc = under->xOpen(under, name, file->real, flags, ret_flags);
    if (file->real->pMethods)
        file->head.pMethods = &METHODS;
    return rc;
}

/* Until its folder is synced, a deleted file may come back, with any of its contents. */
static int v_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
    bool now;
    (void)v;
    pthread_mutex_lock(&lock);
    bool gone = strike(&now);
    struct disk_file *f = find(name);
    if (f && (!gone || now)) {
        note(f, 0, NULL, 0);
        f->may_be_absent = true;
        f->deleted = true;
    }
    if (!gone && sync_dir)
        note_folder_sync();
    pthread_mutex_unlock(&lock);
    return gone ? SQLITE_IOERR_DELETE : under->xDelete(under, name, sync_dir);
}

void plx_power_vfs_install(void)
{
    if (under)
        return;
    under = sqlite3_vfs_find(NULL);
    vfs = *under;
    vfs.zName = "parallax-power";
    vfs.szOsFile = (int)sizeof(struct power_file) + under->szOsFile;
    vfs.xOpen = v_open;
    vfs.xDelete = v_delete;
    sqlite3_vfs_register(&vfs, 1);
}

/* ---- the image ---- */

enum fate { FATE_LOST, FATE_THERE, FATE_TORN };

/* Disks write in any order; but often nothing of it, or a beginning, is there. */
static enum fate draw(struct plx_rng *rng, unsigned manner, bool is_last)
{
    switch (manner) {
    case 0:
        return FATE_LOST;
    case 1:
        return is_last ? FATE_TORN : FATE_THERE;
    default:
        return (enum fate)plx_rng_below(rng, 3);
    }
}

static void write_image(const struct disk_file *f, const char *to, struct plx_rng *rng)
{
    char path[4096];
    unsigned manner = (unsigned)plx_rng_below(rng, 4);
    size_t len = f->len;
    char *bytes = memcpy(resized(NULL, len), f->durable ? f->durable : "", len);
    for (size_t i = 0; i < f->n; i++) {
        const struct change *c = &f->changes[i];
        enum fate fate = draw(rng, manner, i + 1 == f->n);
        if (fate == FATE_THERE || (fate == FATE_TORN && !c->data))
            apply(&bytes, &len, c, c->len);
        else if (fate == FATE_TORN)
            apply(&bytes, &len, c, (size_t)plx_rng_below(rng, c->len));
    }
    snprintf(path, sizeof path, "%s/%s", to, f->name);
    if (f->may_be_absent && len == 0 && plx_rng_below(rng, 2)) {
        free(bytes);
        return;
    }
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(bytes, 1, len, out) != len || fclose(out) != 0)
        abort();
    free(bytes);
}

void plx_power_vfs_image(const char *to, uint64_t seed)
{
    struct plx_rng rng;
    plx_rng_init(&rng, seed);
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n_files; i++)
        write_image(&files[i], to, &rng);
    pthread_mutex_unlock(&lock);
}
