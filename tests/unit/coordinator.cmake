plx_test(test_assign SOURCES test_assign.c LINKS plx_coordinator_core)
plx_test(test_roster SOURCES test_roster.c LINKS plx_coordinator_core)
plx_test(test_gate SOURCES test_gate.c LINKS plx_coordinator_io)
