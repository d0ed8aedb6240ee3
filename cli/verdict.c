#include "cli/verdict.h"

#include <string.h>

/* Path failures and faults of our own agents count as up: the service answers. */
static const struct plx_verdict_look looks[] = {
    {"service_down", "✖", PLX_STYLE_BAD, PLX_EXIT_NO, 0},
    {"host_down", "✖", PLX_STYLE_BAD, PLX_EXIT_NO, 0},
    {"network_down", "✖", PLX_STYLE_BAD, PLX_EXIT_NO, 0},
    {"dns_failure", "✖", PLX_STYLE_BAD, PLX_EXIT_NO, 0},
    {"filtered", "◐", PLX_STYLE_WARN, PLX_EXIT_OK, 1},
    {"path_failure", "◐", PLX_STYLE_WARN, PLX_EXIT_OK, 1},
    {"degraded", "◐", PLX_STYLE_WARN, PLX_EXIT_OK, 2},
    {"inconclusive", "?", PLX_STYLE_UNSURE, PLX_EXIT_INCONCLUSIVE, 3},
    {"pending", "…", PLX_STYLE_DIM, PLX_EXIT_INCONCLUSIVE, 4},
    {"agent_fault", "◐", PLX_STYLE_WARN, PLX_EXIT_OK, 5},
    {"up", "●", PLX_STYLE_GOOD, PLX_EXIT_OK, 6},
    {"paused", "‖", PLX_STYLE_DIM, PLX_EXIT_OK, 7},
};

const struct plx_verdict_look *plx_verdict_look(const char *token)
{
    static const struct plx_verdict_look unknown = {"unknown", "?", PLX_STYLE_UNSURE,
                                                    PLX_EXIT_INCONCLUSIVE, 3};
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (strcmp(looks[i].token, token) == 0)
            return &looks[i];
    return &unknown;
}

enum plx_style plx_outcome_style(const char *token)
{
    static const struct {
        const char *token;
        enum plx_style style;
    } styles[] = {
        {"open", PLX_STYLE_GOOD},   {"local_error", PLX_STYLE_DIM},
        {"skipped", PLX_STYLE_DIM}, {"none", PLX_STYLE_DIM},
        {"", PLX_STYLE_DIM},
    };
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
        if (strcmp(styles[i].token, token) == 0)
            return styles[i].style;
    return PLX_STYLE_BAD;
}
