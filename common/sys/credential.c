#include "sys/credential.h"

#include "sys/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *folder(void)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    return dir && dir[0] == '/' ? dir : NULL;
}

char *plx_credential_path(const char *name)
{
    const char *dir = folder();
    if (!dir || *name == '\0' || strchr(name, '/') || *name == '.')
        return NULL;
    char *path = plx_file_path(dir, name);
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

bool plx_credential_has(const char *path)
{
    const char *dir = folder();
    size_t len = dir ? strlen(dir) : 0;
    while (len > 1 && dir[len - 1] == '/')
        len--;
    return len > 0 && strncmp(path, dir, len) == 0 && path[len] == '/' &&
           !strchr(path + len + 1, '/');
}
