/* The simulated agents' stand-in for the files that hold their trust. */
#ifndef PLX_SIM_FLEET_TRUST_H
#define PLX_SIM_FLEET_TRUST_H

#include "agent/trust.h"

/* Gives; copies the two shallowly. */
struct plx_trust *plx_sim_trust(const struct plx_enrolment *enrolment,
                                const struct plx_keypair *keys);

#endif
