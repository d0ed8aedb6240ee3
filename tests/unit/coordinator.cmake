plx_test(test_assign SOURCES test_assign.c LINKS plx_coordinator_core)
plx_test(test_roster SOURCES test_roster.c LINKS plx_coordinator_core)
plx_test(test_court SOURCES test_court.c LINKS plx_coordinator_core)
plx_test(test_gate SOURCES test_gate.c LINKS plx_coordinator_io)
plx_test(test_door SOURCES test_door.c LINKS plx_coordinator_io)

add_library(plx_coordinator_fixture STATIC ../lib/coordinator_fixture.c)
target_link_libraries(plx_coordinator_fixture PUBLIC plx_store_fixture)
plx_test(test_intake SOURCES test_intake.c LINKS plx_coordinator_fixture)
