#include "cli/pairs.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

int plx_pair_split(const char *text, const char *option, char **ret_key,
                   const char **ret_value, struct plx_why *why)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || strpbrk(text, "\n\r"))
        return plx_why_set(why, PLX_EINVAL, "--%s must be KEY=VALUE: '%s'", option, text);
    char *key = strndup(text, (size_t)(equals - text));
    if (!key)
        abort();
    *ret_key = key;
    *ret_value = equals + 1;
    return 0;
}

int plx_pairs_write(const struct plx_args *args, const char *option, struct plx_json *j,
                    const char *key, struct plx_why *why)
{
    const char *given, *value;
    int err = 0;
    if (!plx_args_has(args, option))
        return 0;
    plx_json_key(j, key);
    plx_json_object(j);
    for (size_t i = 0; (given = plx_args_nth(args, option, i)) != NULL && err == 0; i++) {
        char *name;
        err = plx_pair_split(given, option, &name, &value, why);
        if (err < 0)
            break;
        plx_json_kstr(j, name, value);
        free(name);
    }
    plx_json_end(j);
    return err;
}
