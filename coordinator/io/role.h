/* What somebody may do: a viewer reads, an operator also acts on what runs (checks,
 * pauses, acknowledgements, silences), an admin also changes what is watched and who may
 * come in. Each role may what the one before it may. */
#ifndef PLX_COORDINATOR_ROLE_H
#define PLX_COORDINATOR_ROLE_H

/* name, token */
#define PLX_ROLE_TABLE(X)                                                                \
    X(NOBODY, "nobody")                                                                  \
    X(VIEWER, "viewer")                                                                  \
    X(OPERATOR, "operator")                                                              \
    X(ADMIN, "admin")

enum plx_role {
#define X(name, token) PLX_ROLE_##name,
    PLX_ROLE_TABLE(X)
#undef X
};

/* "viewer", …; never NULL. */
const char *plx_role_token(enum plx_role role);
/* 0, or PLX_EINVAL: not a viewer, operator or admin. */
int plx_role_parse(const char *token, enum plx_role *ret);

#endif
