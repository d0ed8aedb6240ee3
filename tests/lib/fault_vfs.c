#include "fault_vfs.h"

#include <sqlite3.h>
#include <stdatomic.h>

static sqlite3_vfs *under;
static sqlite3_vfs vfs;

static atomic_long calls;
static atomic_long fail_at; /* 0: never */
static atomic_int fail_rc;
static atomic_bool fail_stays;

struct fault_file {
    sqlite3_file head;
    sqlite3_file *real; /* lies behind this struct */
};

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct fault_file *)file)->real;
}

void plx_fault_vfs_fail(long after, int rc, bool stays)
{
    atomic_store(&fail_at, 0);
    atomic_store(&calls, 0);
    atomic_store(&fail_rc, rc);
    atomic_store(&fail_stays, stays);
    atomic_store(&fail_at, after);
}

void plx_fault_vfs_heal(void)
{
    plx_fault_vfs_fail(0, SQLITE_OK, false);
}

long plx_fault_vfs_calls(void)
{
    return atomic_load(&calls);
}

/* SQLITE_OK, or what this call shall return. */
static int strike(void)
{
    long now = atomic_fetch_add(&calls, 1) + 1;
    long at = atomic_load(&fail_at);
    bool hit = at && (now == at || (now > at && atomic_load(&fail_stays)));
    return hit ? atomic_load(&fail_rc) : SQLITE_OK;
}

static int f_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

static int f_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return real(f)->pMethods->xRead(real(f), to, n, at);
}

static int f_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    int rc = strike();
    if (rc != SQLITE_OK) {
        real(f)->pMethods->xWrite(real(f), from, n / 2, at);
        return rc;
    }
    return real(f)->pMethods->xWrite(real(f), from, n, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = strike();
    return rc ? rc : real(f)->pMethods->xTruncate(real(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
    int rc = strike();
    if (rc == SQLITE_FULL)
        rc = SQLITE_OK; /* a full disk shows when writing */
    return rc ? rc : real(f)->pMethods->xSync(real(f), flags);
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

static int f_device(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
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

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags,
                  int *ret_flags)
{
    (void)v;
    struct fault_file *file = (struct fault_file *)f;
    file->real = (sqlite3_file *)(file + 1);
    file->head.pMethods = NULL;
    int rc = under->xOpen(under, name, file->real, flags, ret_flags);
    if (file->real->pMethods)
        file->head.pMethods = &METHODS;
    return rc;
}

void plx_fault_vfs_install(void)
{
    if (under)
        return;
    under = sqlite3_vfs_find(NULL);
    vfs = *under;
    vfs.zName = "parallax-fault";
    vfs.szOsFile = (int)sizeof(struct fault_file) + under->szOsFile;
    vfs.xOpen = v_open;
    sqlite3_vfs_register(&vfs, 1);
}
