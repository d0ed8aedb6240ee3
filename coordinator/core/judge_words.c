#include "coordinator/core/judge.h"

static const char *const class_tokens[PLX_JUDGE_CLASS_COUNT_] = {"none",
#define X(name, value, token) [PLX_JUDGE_CLASS_##name] = (token),
                                                                 PLX_JUDGE_CLASS_TABLE(X)
#undef X
};

static const char *const verdict_tokens[PLX_JUDGE_VERDICT_COUNT_] = {
#define X(name, value, token) [PLX_JUDGE_##name] = (token),
    PLX_JUDGE_VERDICT_TABLE(X)
#undef X
};

static const char *const reason_tokens[PLX_JUDGE_REASON_COUNT_] = {
#define X(name, value, token, text) [PLX_JUDGE_REASON_##name] = (token),
    PLX_JUDGE_REASON_TABLE(X)
#undef X
};

static const char *const reason_texts[PLX_JUDGE_REASON_COUNT_] = {
#define X(name, value, token, text) [PLX_JUDGE_REASON_##name] = (text),
    PLX_JUDGE_REASON_TABLE(X)
#undef X
};

const char *plx_judge_class_token(enum plx_judge_class class)
{
    return (unsigned)class < PLX_JUDGE_CLASS_COUNT_ ? class_tokens[class] : "none";
}

const char *plx_judge_verdict_token(enum plx_judge_verdict verdict)
{
    return (unsigned)verdict < PLX_JUDGE_VERDICT_COUNT_ ? verdict_tokens[verdict]
                                                        : "none";
}

const char *plx_judge_reason_token(enum plx_judge_reason reason)
{
    return (unsigned)reason < PLX_JUDGE_REASON_COUNT_ ? reason_tokens[reason] : "none";
}

const char *plx_judge_reason_text(enum plx_judge_reason reason)
{
    return (unsigned)reason < PLX_JUDGE_REASON_COUNT_ ? reason_texts[reason] : "none";
}

bool plx_judge_class_is_server(enum plx_judge_class class)
{
    return class >= PLX_JUDGE_CLASS_SERVICE && class <= PLX_JUDGE_CLASS_DNS;
}

bool plx_judge_verdict_is_down(enum plx_judge_verdict verdict)
{
    return verdict >= PLX_JUDGE_SERVICE_DOWN && verdict <= PLX_JUDGE_DNS_FAILURE;
}
