/* One round of the notifier's thread, for who decides himself when it runs. */
#ifndef PLX_COORDINATOR_NOTIFIER_ROUND_H
#define PLX_COORDINATOR_NOTIFIER_ROUND_H

#include "coordinator/io/notifier.h"

/* Begins what is due, waits until something happens, and concludes what is done. False:
 * it was the last one. The notifier's thread only, or who stands in for it. */
bool plx_notifier_round(struct plx_notifier *notifier);

#endif
