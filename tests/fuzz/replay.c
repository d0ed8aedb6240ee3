/* Feeds every file of the folders named to the fuzz target, without libFuzzer. Also feeds
 * every beginning of each file, where parsers like to trip. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1024 * 1024)

/* A copy of exactly `size` bytes, so that a sanitizer sees one byte too far. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int replay_file(const char *dir, const char *name)
{
    static uint8_t data[INPUT_MAX];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "cannot read %s\n", path);
        return -1;
    }
    size_t size = fread(data, 1, sizeof data, f);
    fclose(f);
    size_t step = size > 4096 ? size / 512 : 1;
    for (size_t n = 0; n < size; n += step)
        feed(data, n);
    feed(data, size);
    return 0;
}

static int replay_dir(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    if (!dir)
        return 0;
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.')
            n += replay_file(path, e->d_name) == 0;
    closedir(dir);
    printf("%s: %d inputs\n", path, n);
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++)
        n += replay_dir(argv[i]);
    if (n == 0)
        fprintf(stderr, "no inputs: the corpus is missing\n");
    return n > 0 ? 0 : 1;
}
