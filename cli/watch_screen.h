/* The screen of `parallax watch`: an overview drawn with ncurses. One thread. */
#ifndef PLX_CLI_WATCH_SCREEN_H
#define PLX_CLI_WATCH_SCREEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct plx_watch_view {
    json_t *overview;  /* the API's; NULL: none came yet. Owned by the caller */
    json_t **monitors; /* of it, the worst first; owned by the caller */
    size_t n_monitors;
    const char *trouble; /* why there is no newer one; "" for none */
    bool all;            /* also those that are up */
    size_t first;        /* line of the list that is at the top */
};

/* Takes the terminal over. false: it is none that can be drawn on. `colour`: may be
 * used. */
bool plx_watch_screen_begin(bool colour);
/* Gives it back as it was. */
void plx_watch_screen_end(void);

/* Draws all of it anew; corrects `first` to what there is. */
void plx_watch_screen_draw(struct plx_watch_view *view);

enum plx_watch_key {
    PLX_WATCH_NONE,
    PLX_WATCH_QUIT,
    PLX_WATCH_UP,
    PLX_WATCH_DOWN,
    PLX_WATCH_PAGE_UP,
    PLX_WATCH_PAGE_DOWN,
    PLX_WATCH_TOP,
    PLX_WATCH_ALL, /* shows all monitors, or only those that are not up */
    PLX_WATCH_RESIZED,
};
/* Waits for a key, at most so long. */
enum plx_watch_key plx_watch_screen_key(int timeout_ms);
/* Lines that the list has. */
size_t plx_watch_screen_page(void);

#endif
