/* Why something was refused: one human sentence that a failing call leaves behind.
 *
 * Edge functions (config, files, sockets, frames) take a `struct plx_why *` next to
 * returning a PLX_E… code. NULL is allowed wherever a why is taken: nothing is kept.
 * The innermost function sets the sentence; callers may put context in front of it. */
#ifndef PLX_BASE_WHY_H
#define PLX_BASE_WHY_H

#define PLX_WHY_MAX 1024

struct plx_why {
    char text[PLX_WHY_MAX]; /* "" when nothing was set; always NUL-terminated */
};

/* Sets the sentence (truncated at PLX_WHY_MAX). Returns `err`, so that a caller can
 * write `return plx_why_set(why, PLX_EINVAL, "…", …);`. */
int plx_why_set(struct plx_why *why, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<context>: " in front of the sentence. Returns `err`. */
int plx_why_in(struct plx_why *why, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
