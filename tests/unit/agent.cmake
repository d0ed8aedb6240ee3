foreach(module plan pacer attempt policy sendq jobs wheel)
  plx_test(test_${module} SOURCES test_${module}.c LINKS plx_agent_core)
endforeach()
plx_test(test_prober SOURCES test_prober.c LINKS plx_agent_io)
