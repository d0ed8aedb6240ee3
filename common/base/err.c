#include "base/err.h"

const char *plx_err_text(int err)
{
    switch (err) {
    case PLX_OK:
        return "success";
#define X(name, value, sentence)                                                         \
    case PLX_E##name:                                                                    \
        return sentence;
        PLX_ERR_TABLE(X)
#undef X
    default:
        return "unknown error";
    }
}

const char *plx_err_token(int err)
{
    switch (err) {
    case PLX_OK:
        return "OK";
#define X(name, value, sentence)                                                         \
    case PLX_E##name:                                                                    \
        return #name;
        PLX_ERR_TABLE(X)
#undef X
    default:
        return "UNKNOWN";
    }
}
